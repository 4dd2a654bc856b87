/* methods_event.c -- event.append and event.sweep. */
#include <stdlib.h>

#include "event_reader.h"
#include "memory.h"
#include "served.h"

/* Rows ahead: first where the user is to be found, then what is found there. */
enum { PREFETCH_FAR = 18, PREFETCH_MIDDLE = 12 };

struct append {
    struct sh_call *call;
    struct sh_batch batch;
    struct sh_event_reader reader;
    struct sh_refusals refusals;
    struct sh_effects *effects;
    struct sh_event_preview *previews;
    struct sh_event *learned;      /* events stored, in order, for the feed, which hears of all of them at once */
    struct sh_event_value *stores; /* where they happened, as far as trends want to know */
    uint32_t *new_items;           /* as many: the item that the row made known, or SH_NO_ITEM */
    uint32_t learned_count;
    struct sh_event_ref *ruled; /* events stored whose type has rules, in order; NULL: no rule is there */
    uint32_t ruled_count;
    uint32_t accepted;
    uint32_t duplicates;
};

static int compare_previews(const void *left, const void *right) {
    const struct sh_event_preview *a = left;
    const struct sh_event_preview *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

/* Appending in time order costs a user's history nothing; rows of the same time keep their order. */
static enum sh_status order_rows(struct append *append, struct sh_error *err) {
    const uint32_t row_count = append->batch.row_count;
    append->previews = sh_alloc(((size_t)row_count + 1) * sizeof *append->previews);
    append->learned = sh_alloc(((size_t)row_count + 1) * sizeof *append->learned);
    append->stores = sh_alloc(((size_t)row_count + 1) * sizeof *append->stores);
    append->new_items = sh_alloc(((size_t)row_count + 1) * sizeof *append->new_items);
    if (append->previews == NULL || append->learned == NULL || append->stores == NULL || append->new_items == NULL)
        return sh_fail_memory(err);
    bool in_order = true;
    for (uint32_t row = 0; row < row_count; row++) {
        struct sh_event_preview *preview = &append->previews[row];
        *preview = (struct sh_event_preview){.time_ms = INT64_MIN, .row = row, .slot = SH_SLOT_NONE};
        preview->has_user = sh_event_reader_peek(&append->reader, row, preview);
        if (!preview->has_user) preview->time_ms = row == 0 ? INT64_MIN : preview[-1].time_ms; /* to be refused */
        in_order = in_order && (row == 0 || preview[-1].time_ms <= preview->time_ms);
    }
    if (!in_order) qsort(append->previews, row_count, sizeof *append->previews, compare_previews);
    return SH_OK;
}

static void look_ahead(const struct append *append, uint32_t at) {
    const struct sh_workspace *workspace = append->call->workspace;
    const uint32_t row_count = append->batch.row_count;
    struct sh_event_preview *preview = &append->previews[at];
    if (at + PREFETCH_FAR < row_count && preview[PREFETCH_FAR].has_user)
        sh_table_prefetch(workspace->users, preview[PREFETCH_FAR].user_hash);
    if (at + PREFETCH_MIDDLE < row_count && preview[PREFETCH_MIDDLE].has_user) {
        const uint32_t slot = sh_table_guess(workspace->users, preview[PREFETCH_MIDDLE].user_hash);
        preview[PREFETCH_MIDDLE].slot = slot;
        if (slot != SH_SLOT_NONE) {
            sh_table_prefetch_id(workspace->users, slot);
            sh_event_prefetch(workspace->events, slot);
            sh_rfm_prefetch(workspace->rfm, slot);
        }
    }
}

/* What RFM, the feed and the siblings hear of a row is no part of the row: when memory is out for it, the row is still
 * what it was, accepted, a duplicate or refused, and they know one event less. */

/* An item that became known to this shard. */
static enum sh_status tell_item(struct append *append, uint32_t new_item) {
    if (new_item == SH_NO_ITEM || !sh_answer_is_part(append->call->shard)) return SH_OK;
    return sh_effects_add_item(&append->effects, append->call->arena, new_item, NULL);
}

/* What a stored event taught the feed here, for the sibling shards. */
static void tell_lesson(void *context, uint32_t at, enum sh_status status, const struct sh_feed_lesson *lesson) {
    struct append *append = context;
    if (!sh_answer_is_part(append->call->shard)) return;
    if (status == SH_OK) status = sh_effects_add_lesson(&append->effects, append->call->arena, lesson, NULL);
    if (status == SH_OK && lesson->effect.item != SH_NO_ITEM) return;
    const enum sh_status told = tell_item(append, append->new_items[at]);
    (void)told;
}

/* Once all are stored: nothing that comes before reads what the feed knows. */
static void learn_all(struct append *append) {
    const struct sh_feed_listener listener = {tell_lesson, append};
    sh_feed_learn_all(append->call->workspace->feed, append->learned, append->learned_count,
                      append->call->request->now_ms, &listener);
}

/* An event that a feed led to. */
static void credit(struct append *append) {
    struct sh_call *call = append->call;
    struct sh_learner_act act;
    if (!append->reader.has_rec || !sh_served_act(call->workspace, append->reader.rec, &append->reader.event, &act))
        return;
    if (sh_answer_is_part(call->shard)) (void)!sh_effects_add_act(&append->effects, call->arena, &act, NULL);
}

/* Properties are the reader's, and will be the next row's: the one that says the store is kept. */
static void keep_store(struct append *append, struct sh_event *learned) {
    const int32_t property = sh_feed_store_property(append->call->workspace->feed, learned->type);
    struct sh_event_value *store = &append->stores[append->learned_count];
    const uint32_t count = learned->value_count;
    const struct sh_event_value *values = learned->values;
    learned->values = store;
    learned->value_count = 0;
    for (uint32_t i = 0; property >= 0 && i < count; i++) {
        if (values[i].property != (uint32_t)property) continue;
        *store = values[i];
        learned->value_count = 1;
    }
}

static enum sh_status append_row(struct append *append, const struct sh_event_preview *preview, struct sh_error *err) {
    bool duplicate = false;
    uint32_t new_item;
    enum sh_status status = sh_event_reader_read(&append->reader, preview->row, err);
    if (status != SH_OK) return status;
    sh_assert(preview->has_user); /* or it would have been refused */
    status = sh_event_reader_apply(&append->reader, preview->user_hash, &duplicate, &new_item, err);
    if (status != SH_OK || duplicate) {
        const enum sh_status told = tell_item(append, new_item);
        (void)told;
        append->duplicates += status == SH_OK;
        return status;
    }
    append->accepted++;
    const enum sh_status counted = sh_rfm_add(append->call->workspace->rfm, &append->reader.event);
    (void)counted;
    struct sh_event *learned = &append->learned[append->learned_count];
    *learned = append->reader.event;
    keep_store(append, learned);
    append->new_items[append->learned_count++] = new_item;
    credit(append);
    if (append->ruled != NULL && sh_rules_are_on(&append->call->workspace->rules, append->reader.event.type))
        sh_event_appended(append->call->workspace->events, &append->ruled[append->ruled_count++]);
    return SH_OK;
}

/* Once all are stored: what rules are bound to grows with the texts and items of a batch. */
static void apply_rules(struct append *append) {
    struct sh_workspace *workspace = append->call->workspace;
    struct sh_query_scope scope;
    if (append->ruled_count == 0) return;
    sh_workspace_scope(workspace, false, append->call->request->now_ms, &scope);
    const struct sh_rules_target target = {&scope, workspace->users, append->call->arena};
    sh_rules_apply(&workspace->rules, &target, append->ruled, append->ruled_count);
}

static enum sh_status append_rows(struct append *append, struct sh_error *err) {
    for (uint32_t at = 0; at < append->batch.row_count; at++) {
        struct sh_error fault;
        const struct sh_event_preview *preview = &append->previews[at];
        look_ahead(append, at);
        if (append_row(append, preview, &fault) == SH_OK) continue;
        if (!sh_refusals_add(&append->refusals, preview->row, &fault)) {
            learn_all(append); /* what is stored is learned, whatever becomes of the answer */
            return sh_fail_memory(err);
        }
    }
    learn_all(append);
    apply_rules(append);
    msgpack_packer packer;
    sh_answer_begin(append->call, &packer, 3);
    sh_pack_literal(&packer, "accepted");
    (void)msgpack_pack_uint32(&packer, append->accepted);
    sh_pack_literal(&packer, "duplicates");
    (void)msgpack_pack_uint32(&packer, append->duplicates);
    if (append->effects != NULL)
        sh_effects_pack(append->effects, append->call->workspace, append->call->answer->effects);
    return sh_refusals_pack(&append->refusals, append->call->answer->body, err);
}

/* Before the rows: what they find is what is kept on their day, in all shards. */
static enum sh_status sweep(struct append *append, struct sh_error *err) {
    struct sh_call *call = append->call;
    if (!sh_workspace_sweep(call->workspace, call->request->now_ms) || !sh_answer_is_part(call->shard)) return SH_OK;
    return sh_effects_add_sweep(&append->effects, call->arena, call->request->now_ms, err);
}

enum sh_status sh_handle_event_append(struct sh_call *call, struct sh_error *err) {
    struct append append = {.call = call};
    enum sh_status status = sh_batch_read(call, "event", "events", &append.batch, err);
    if (status != SH_OK) return status;
    sh_refusals_init(&append.refusals);
    if (call->workspace->rules.count > 0) {
        append.ruled = sh_arena_alloc(call->arena, ((size_t)append.batch.row_count + 1) * sizeof *append.ruled);
        if (append.ruled == NULL) return sh_fail_memory(err);
    }
    status = sh_event_reader_init(&append.reader, call->workspace, &append.batch, call->arena, err);
    if (status == SH_OK) status = order_rows(&append, err);
    if (status == SH_OK) status = sweep(&append, err);
    if (status == SH_OK) status = append_rows(&append, err);
    sh_free(append.previews);
    sh_free(append.learned);
    sh_free(append.stores);
    sh_free(append.new_items);
    sh_refusals_deinit(&append.refusals);
    return status;
}

enum sh_status sh_handle_event_sweep(struct sh_call *call, struct sh_error *err) {
    static const struct sh_param_names names = {.count = 0};
    struct sh_workspace *workspace = call->workspace;
    const struct sh_request *request = call->request;
    struct sh_param none[1];
    msgpack_packer packer;
    const enum sh_status status = sh_params_read(request->params, request->params_count, &names, none, NULL, err);
    if (status != SH_OK) return status;
    (void)sh_workspace_sweep(workspace, request->now_ms);
    uint32_t count = 0;
    for (uint32_t i = 0; i < sh_event_type_count(workspace->events); i++)
        count += sh_event_kept_from(workspace->events, sh_event_type(workspace->events, i)) != INT32_MIN;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "kept_from");
    (void)msgpack_pack_map(&packer, count);
    for (uint32_t i = 0; i < sh_event_type_count(workspace->events); i++) {
        const struct sh_event_type *type = sh_event_type(workspace->events, i);
        const int32_t day = sh_event_kept_from(workspace->events, type);
        if (day == INT32_MIN) continue;
        sh_pack_text(&packer, type->name);
        sh_value_pack(SH_TYPE_TIME, 0, true, (int64_t)day * SH_DAY_MS, (struct sh_text){0}, &packer);
    }
    return SH_OK;
}
