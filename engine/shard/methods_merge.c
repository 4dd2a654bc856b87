/* methods_merge.c -- user.merge: two users become one.
 *
 * In one shard it is one step. Over several shards it goes by rounds, which request_rounds.c leads and whose parts have
 * the key `step`:
 *
 *   hold   shards of `from` and `into`   both are held: what is written to them meanwhile is refused with `busy`, so
 *                                        that nothing comes in behind the back of what is packed; `from` is packed
 *   take   shard of `into`               what was packed is added to `into`
 *   end    all shards                    `from` is forgotten where it lives, is another name of `into` from now on, and
 *                                        both are let go
 *   let go shards of `from` and `into`   instead, if hold or take failed: as if nothing had been asked
 *
 * Between take and end a question may meet the events of `from` at both users; once user.merge is answered, none does.
 */
#include "feed_visits.h"
#include "memory.h"
#include "person.h"
#include "request_rounds.h"

enum { MERGE_FROM, MERGE_INTO, MERGE_STEP, MERGE_PERSON, MERGE_PARAM_COUNT };

struct merge {
    struct sh_call *call;
    struct sh_workspace *workspace;
    struct sh_id_reader from;
    struct sh_id_reader into;
    int64_t step;
    struct sh_param person;
};

static enum sh_status read_id(const struct sh_param *param, const char *name, struct sh_id_reader *id,
                              struct sh_error *err) {
    struct sh_cursor cursor;
    const enum sh_status status = sh_param_require(param, name, err);
    if (status != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    return sh_id_read(id, &cursor, name, err);
}

static enum sh_status read_merge(struct merge *merge, struct sh_error *err) {
    static const char *const words[MERGE_PARAM_COUNT] = {"from", "into", "step", "person"};
    const struct sh_request *request = merge->call->request;
    const bool is_part = sh_answer_is_part(merge->call->shard);
    const struct sh_param_names names = {words, is_part ? MERGE_PARAM_COUNT : MERGE_STEP, 0};
    struct sh_param params[MERGE_PARAM_COUNT] = {{0}};
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = read_id(&params[MERGE_FROM], "from", &merge->from, err)) != SH_OK) return status;
    if ((status = read_id(&params[MERGE_INTO], "into", &merge->into, err)) != SH_OK) return status;
    merge->person = params[MERGE_PERSON];
    return sh_param_integer(&params[MERGE_STEP], "step", SH_MERGE_HOLD, SH_MERGE_LET_GO, &merge->step, err);
}

/* Forget `from`, if it lives here, and remember its name. */
static enum sh_status end(struct merge *merge, struct sh_error *err) {
    struct sh_workspace *workspace = merge->workspace;
    const struct sh_text from = merge->from.text;
    const struct sh_text into = merge->into.text;
    const uint32_t slot = sh_table_find(workspace->users, from);
    enum sh_status status = SH_OK;
    if (sh_text_equal(from, into)) return SH_OK; /* one and the same from the beginning */
    sh_learner_rename(sh_feed_learner(workspace->feed), sh_id_hash(from), sh_id_hash(into));
    if (slot != SH_SLOT_NONE) status = sh_workspace_forget(merge->call->shard, workspace, slot, NULL, err);
    return status == SH_OK ? sh_aliases_add(&workspace->aliases, from, into, err) : status;
}

/* What `from` was in the middle of looking at, `into` is. */
static enum sh_status adopt_visit(const struct merge *merge, struct sh_error *err) {
    const struct sh_workspace *workspace = merge->workspace;
    const uint32_t slot = sh_table_find(workspace->users, merge->into.text);
    if (slot == SH_SLOT_NONE) return SH_OK;
    const uint64_t name_hash = sh_id_hash(merge->from.text);
    return sh_feed_adopt_visit(workspace->feed, slot, name_hash) == SH_OK ? SH_OK : sh_fail_memory(err);
}

static void pack_added(struct merge *merge, bool merged, const struct sh_person_added *added) {
    msgpack_packer packer;
    sh_answer_begin(merge->call, &packer, 3);
    sh_merge_pack(merged, added->event_count, added->duplicate_count, merge->call->answer->body);
}

/* ---- One shard ---- */

static enum sh_status merge_here(struct merge *merge, struct sh_error *err) {
    struct sh_workspace *workspace = merge->workspace;
    struct sh_person_added added = {0};
    enum sh_status status;
    merge->from.text = sh_aliases_resolve(&workspace->aliases, merge->from.text);
    merge->into.text = sh_aliases_resolve(&workspace->aliases, merge->into.text);
    const bool merged = !sh_text_equal(merge->from.text, merge->into.text);
    if (merged) {
        struct sh_buffer *scratch = &merge->call->shard->scratch;
        const uint32_t slot = sh_table_find(workspace->users, merge->from.text);
        status = sh_aliases_check_room(&workspace->aliases, merge->from.text, merge->into.text, err);
        if (status != SH_OK) return status;
        sh_buffer_clear(scratch);
        if (slot != SH_SLOT_NONE) {
            if ((status = sh_person_pack(workspace, slot, scratch, err)) != SH_OK) return status;
            status = sh_person_add(workspace, merge->into.text, scratch->bytes, scratch->count,
                                   merge->call->request->now_ms, &added, err);
            if (status == SH_OK) status = adopt_visit(merge, err);
            if (status != SH_OK) return status;
        }
        /* Texts of ids move when rows or aliases go. */
        const struct sh_text from = merge->from.text;
        const struct sh_text into = merge->into.text;
        char copies[2][SH_ID_BYTES_MAX];
        memcpy(copies[0], from.bytes, from.count);
        memcpy(copies[1], into.bytes, into.count);
        merge->from.text = (struct sh_text){copies[0], from.count};
        merge->into.text = (struct sh_text){copies[1], into.count};
        if ((status = end(merge, err)) != SH_OK) return status;
    }
    pack_added(merge, merged, &added);
    return SH_OK;
}

/* ---- A part of several ---- */

static bool is_own(const struct merge *merge, struct sh_text id) {
    const struct sh_shard_options *options = &merge->call->shard->options;
    return sh_shard_of_user(id, options->shard_count) == options->shard_index;
}

static void let_go(struct merge *merge) {
    sh_workspace_let_go(merge->workspace, merge->from.text);
    sh_workspace_let_go(merge->workspace, merge->into.text);
}

static enum sh_status hold(struct merge *merge, struct sh_error *err) {
    struct sh_workspace *workspace = merge->workspace;
    const struct sh_text from = merge->from.text;
    const struct sh_text into = merge->into.text;
    struct sh_buffer *scratch = &merge->call->shard->scratch;
    enum sh_status status = sh_aliases_check_room(&workspace->aliases, from, into, err);
    if (status == SH_OK && is_own(merge, from)) status = sh_workspace_hold(workspace, from, err);
    if (status != SH_OK) return status;
    if (is_own(merge, into)) status = sh_workspace_hold(workspace, into, err);
    const uint32_t slot = is_own(merge, from) ? sh_table_find(workspace->users, from) : SH_SLOT_NONE;
    sh_buffer_clear(scratch);
    scratch->limit = SH_FRAME_BYTES_MAX; /* it must fit a part of the next round */
    if (status == SH_OK && slot != SH_SLOT_NONE) status = sh_person_pack(workspace, slot, scratch, err);
    scratch->limit = SH_ANSWER_BYTES_MAX;
    if (status != SH_OK) {
        if (is_own(merge, from)) sh_workspace_let_go(workspace, from);
        if (status != SH_ERR_BUSY && is_own(merge, into)) sh_workspace_let_go(workspace, into);
        return status;
    }
    msgpack_packer packer;
    sh_answer_begin(merge->call, &packer, slot != SH_SLOT_NONE);
    if (slot == SH_SLOT_NONE) return SH_OK;
    sh_pack_literal(&packer, "person");
    (void)msgpack_pack_bin(&packer, scratch->count);
    sh_buffer_append(merge->call->answer->body, scratch->bytes, scratch->count);
    return SH_OK;
}

static enum sh_status take(struct merge *merge, struct sh_error *err) {
    struct sh_person_added added;
    struct sh_cursor cursor;
    struct sh_value value;
    sh_param_cursor(&merge->person, &cursor);
    enum sh_status status = sh_cursor_next(&cursor, &value, err);
    if (status != SH_OK) return status;
    sh_assert(value.kind == SH_VALUE_BIN);
    status = sh_person_add(merge->workspace, merge->into.text, value.text.bytes, value.text.count,
                           merge->call->request->now_ms, &added, err);
    if (status == SH_OK) status = adopt_visit(merge, err);
    if (status == SH_OK) pack_added(merge, true, &added);
    return status;
}

static enum sh_status run_step(struct merge *merge, struct sh_error *err) {
    msgpack_packer packer;
    enum sh_status status;
    switch ((enum sh_merge_step)merge->step) {
    case SH_MERGE_HOLD:
        return hold(merge, err);
    case SH_MERGE_TAKE:
        return take(merge, err);
    case SH_MERGE_END:
        let_go(merge);
        if ((status = end(merge, err)) != SH_OK) return status;
        break;
    case SH_MERGE_LET_GO:
        let_go(merge);
        break;
    }
    sh_answer_begin(merge->call, &packer, 0);
    return SH_OK;
}

enum sh_status sh_handle_user_merge(struct sh_call *call, struct sh_error *err) {
    struct merge merge = {.call = call, .workspace = call->workspace};
    const enum sh_status status = read_merge(&merge, err);
    if (status != SH_OK) return status;
    return sh_answer_is_part(call->shard) ? run_step(&merge, err) : merge_here(&merge, err);
}
