/* feed_ask_items.c -- which items may be shown: the gates, and the set behind them. */
#include "feed_ask.h"

/* ---- Expressions ---- */

static enum sh_status plan_text(const struct sh_feed_ask *ask, struct sh_text text, struct sh_plan **plan,
                                struct sh_error *err) {
    struct sh_query_scope scope;
    struct sh_node *tree;
    enum sh_status status;
    sh_workspace_scope(ask->call->workspace, true, ask->request.now_ms, &scope);
    if ((status = sh_query_parse(text, ask->call->arena, &tree, err)) != SH_OK) return status;
    if ((status = sh_query_check(&tree, &scope, ask->call->arena, err)) != SH_OK) return status;
    return sh_query_plan(tree, &scope, ask->call->arena, plan, err);
}

enum sh_status sh_feed_ask_plan(const struct sh_feed_ask *ask, const struct sh_param *where, bool of_items,
                                struct sh_plan **plan, struct sh_error *err) {
    struct sh_query_scope scope;
    struct sh_node *tree;
    sh_workspace_scope(ask->call->workspace, of_items, ask->request.now_ms, &scope);
    return sh_plan_param(where, &scope, ask->call->arena, &tree, plan, err);
}

enum sh_status sh_feed_ask_set(struct sh_feed_ask *ask, const struct sh_param *where, const struct sh_bitmap **items,
                               struct sh_error *err) {
    const struct sh_bitmap *listed = &ask->call->workspace->listed;
    uint64_t words[SH_BLOCK_WORDS];
    struct sh_plan *plan;
    enum sh_status status = sh_param_require(where, "where", err);
    if (status == SH_OK) status = sh_feed_ask_plan(ask, where, true, &plan, err);
    if (status != SH_OK) return status;
    sh_assert(ask->set_count < SH_FEED_SET_COUNT_MAX);
    struct sh_bitmap *set = &ask->sets[ask->set_count++];
    for (uint32_t block = 0; block < sh_bitmap_block_count(listed); block++) {
        const uint64_t *found;
        uint32_t count;
        if ((status = sh_plan_run_block(plan, block, &found, &count, err)) != SH_OK) return status;
        if (found == NULL || count == 0) continue;
        sh_block_store(sh_bitmap_block(listed, block), words);
        count = sh_block_and_into_count(words, sh_block_of_words(found, count));
        if (count > 0 && sh_bitmap_put_block(set, block, words, count) != SH_OK) return sh_fail_memory(err);
    }
    *items = set;
    return SH_OK;
}

/* ---- Gates ---- */

struct sh_feed_gate *sh_feed_ask_add_gate(struct sh_feed_ask *ask, const char *name) {
    sh_assert(ask->gate_count < SH_FEED_GATE_COUNT_MAX);
    struct sh_feed_gate *gate = &ask->gates[ask->gate_count++];
    *gate = (struct sh_feed_gate){.name = name, .shown = SH_BITMAP_EMPTY, .hidden = SH_BITMAP_EMPTY};
    return gate;
}

enum sh_status sh_feed_gate_fill(struct sh_feed_ask *ask, struct sh_feed_gate *gate,
                                 enum sh_status (*is_for)(struct sh_feed_ask *ask, struct sh_text tag, bool *is_for,
                                                          struct sh_error *err),
                                 struct sh_error *err) {
    const struct sh_table *items = ask->call->workspace->items;
    sh_bitmap_deinit(&gate->shown);
    sh_bitmap_deinit(&gate->hidden);
    gate->shown = gate->hidden = SH_BITMAP_EMPTY;
    for (uint32_t code = 0; code < sh_table_tag_count(items, gate->tag_set); code++) {
        const struct sh_bitmap *holders = sh_table_tag_slots(items, gate->tag_set, code);
        bool is_shown = false;
        if (holders == NULL || sh_bitmap_count(holders) == 0) continue;
        const enum sh_status status = is_for(ask, sh_table_tag_text(items, gate->tag_set, code), &is_shown, err);
        if (status != SH_OK) return status;
        if (sh_bitmap_or_into(is_shown ? &gate->shown : &gate->hidden, holders) != SH_OK) return sh_fail_memory(err);
    }
    return SH_OK;
}

static enum sh_status is_this_store(struct sh_feed_ask *ask, struct sh_text tag, bool *is_this, struct sh_error *err) {
    (void)err;
    *is_this = sh_text_equal(tag, ask->store);
    return SH_OK;
}

/* What is of no store in particular is of all. */
static enum sh_status add_store(struct sh_feed_ask *ask, const struct sh_param *field_param, struct sh_error *err) {
    struct sh_text name = SH_TEXT_LITERAL("store");
    struct sh_buffer *scratch = &ask->call->shard->scratch;
    struct sh_row_field field;
    enum sh_status status = sh_param_text(field_param, "store_field", &name, err);
    if (status != SH_OK) return status;
    status = sh_row_field_find(ask->call->workspace->items, name, &field, err);
    /* Where events say the store and items do not, all items are of all stores, and their trends differ. */
    if (status != SH_OK && !sh_param_given(field_param) &&
        sh_feed_config(ask->call->workspace->feed)->store_property_count > 0)
        return SH_OK;
    if (status != SH_OK) return status;
    if (field.kind == SH_FIELD_TAG_SET) {
        struct sh_feed_gate *gate = sh_feed_ask_add_gate(ask, "store");
        gate->tag_set = field.index;
        return sh_feed_gate_fill(ask, gate, is_this_store, err);
    }
    if (field.kind != SH_FIELD_ATTRIBUTE)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`store_field` must name an attribute or a tag set of items");
    sh_buffer_clear(scratch);
    sh_buffer_print(scratch, "`%.*s` is missing or `%.*s` = '", SH_TEXT_ARGS(name), SH_TEXT_ARGS(name));
    for (uint32_t i = 0; i < ask->store.count; i++) {
        if (ask->store.bytes[i] == '\'') sh_buffer_append(scratch, "'", 1);
        sh_buffer_append(scratch, &ask->store.bytes[i], 1);
    }
    sh_buffer_append(scratch, "'", 1);
    if ((status = sh_buffer_status(scratch, err)) != SH_OK) return status;
    return plan_text(ask, (struct sh_text){(const char *)scratch->bytes, (uint32_t)scratch->count},
                     &sh_feed_ask_add_gate(ask, "store")->plan, err);
}

/* ---- All ---- */

static enum sh_status pass_gate(const struct sh_feed_gate *gate, uint32_t block, uint64_t *words,
                                struct sh_error *err) {
    uint64_t hidden[SH_BLOCK_WORDS];
    if (gate->plan != NULL) {
        const uint64_t *found;
        uint32_t count;
        const enum sh_status status = sh_plan_run_block(gate->plan, block, &found, &count, err);
        if (status != SH_OK) return status;
        for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++) {
            const uint64_t bits = found == NULL ? 0 : found[i];
            words[i] &= gate->hides ? ~bits : bits;
        }
        return SH_OK;
    }
    sh_block_store(sh_bitmap_block(&gate->hidden, block), hidden);
    uint64_t shown[SH_BLOCK_WORDS];
    sh_block_store(sh_bitmap_block(&gate->shown, block), shown);
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++)
        words[i] &= ~hidden[i] | shown[i];
    return SH_OK;
}

/* What of `from` passes the targets, or all gates that are none. */
static enum sh_status pass_gates(const struct sh_feed_ask *ask, const struct sh_bitmap *from, bool targets,
                                 struct sh_bitmap *allowed, struct sh_error *err) {
    uint64_t words[SH_BLOCK_WORDS];
    for (uint32_t block = 0; block < sh_bitmap_block_count(from); block++) {
        uint32_t count = 0;
        sh_block_store(sh_bitmap_block(from, block), words);
        for (uint32_t i = 0; i < ask->gate_count; i++) {
            const struct sh_feed_gate *gate = &ask->gates[i];
            if (gate->is_target != targets || gate->is_open) continue;
            const enum sh_status status = pass_gate(gate, block, words, err);
            if (status != SH_OK) return status;
        }
        for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++)
            count += (uint32_t)__builtin_popcountll(words[i]);
        if (count > 0 && sh_bitmap_put_block(allowed, block, words, count) != SH_OK) return sh_fail_memory(err);
    }
    return SH_OK;
}

enum sh_status sh_feed_ask_open_gates(struct sh_feed_ask *ask, struct sh_error *err) {
    bool all_open = true;
    for (uint32_t i = 0; i < ask->gate_count; i++) {
        struct sh_feed_gate *gate = &ask->gates[i];
        if (!gate->is_target) continue;
        const enum sh_status status = sh_feed_target_open(ask, gate, err);
        if (status != SH_OK) return status;
        all_open = all_open && gate->is_open;
    }
    ask->request.eligible = ask->gate_count == 0 ? NULL : &ask->allowed;
    if (all_open) return SH_OK;
    sh_bitmap_deinit(&ask->allowed_here);
    ask->allowed_here = SH_BITMAP_EMPTY;
    ask->request.eligible = &ask->allowed_here;
    return pass_gates(ask, &ask->allowed, true, &ask->allowed_here, err);
}

enum sh_status sh_feed_ask_read_gates(struct sh_feed_ask *ask, const struct sh_param *words,
                                      const struct sh_param *filter, struct sh_error *err) {
    const struct sh_workspace *workspace = ask->call->workspace;
    const struct sh_text eligible = {workspace->eligible, workspace->eligible_count};
    enum sh_status status = SH_OK;
    if (workspace->eligible != NULL)
        status = plan_text(ask, eligible, &sh_feed_ask_add_gate(ask, "eligible")->plan, err);
    if (status == SH_OK && sh_param_given(&words[SH_WORD_ELIGIBLE]))
        status = sh_feed_ask_plan(ask, &words[SH_WORD_ELIGIBLE], true, &sh_feed_ask_add_gate(ask, "scene")->plan, err);
    if (status == SH_OK && ask->store.count > 0) status = add_store(ask, &words[SH_WORD_STORE_FIELD], err);
    if (status == SH_OK) status = sh_feed_ask_read_targets(ask, &words[SH_WORD_TARGETS], err);
    if (status == SH_OK && sh_param_given(filter))
        status = sh_feed_ask_plan(ask, filter, true, &sh_feed_ask_add_gate(ask, "filter")->plan, err);
    if (status != SH_OK || ask->gate_count == 0) return status;
    return pass_gates(ask, &workspace->listed, false, &ask->allowed, err);
}

enum sh_status sh_feed_ask_gate_of(const struct sh_feed_ask *ask, uint32_t item, const struct sh_feed_gate **found,
                                   struct sh_error *err) {
    *found = NULL;
    for (uint32_t i = 0; i < ask->gate_count && *found == NULL; i++) {
        const struct sh_feed_gate *gate = &ask->gates[i];
        bool matches = false;
        if (gate->is_open) continue;
        if (gate->plan != NULL) {
            const enum sh_status status = sh_plan_test(gate->plan, item, &matches, err);
            if (status != SH_OK) return status;
            if (matches == gate->hides) *found = gate;
        } else if (sh_bitmap_contains(&gate->hidden, item) && !sh_bitmap_contains(&gate->shown, item)) {
            *found = gate;
        }
    }
    return SH_OK;
}
