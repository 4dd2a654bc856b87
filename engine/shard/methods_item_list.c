/* methods_item_list.c -- item.list: the ids of all items, page by page, ascending by their bytes.
 *
 *   {limit: 1000}                -> {ids: ["a", "b", ...], cursor: "b9"}
 *   {limit: 1000, cursor: "b9"}  -> {ids: ["ba", ...], cursor?} ... until there is none
 *
 * The cursor is the page's last id: nothing is held open, and any shard goes on with it, since all know the same items,
 * though under different slots. Each page looks at every item once: some tens of nanoseconds each.
 */
#include <stdlib.h>

#include "job.h"
#include "memory.h"

enum { LIST_LIMIT, LIST_CURSOR, LIST_LISTED, LIST_PARAM_COUNT };
enum { LIMIT_DEFAULT = 1000 };

struct state {
    uint32_t limit;
    struct sh_text after; /* empty: from the first */
    bool has_listed;
    bool listed;
    uint32_t next_slot;
    uint32_t *slots; /* twice the limit: when it is full, the later half goes */
    uint32_t count;
    bool has_more;
};

static int compare_ids(const void *left, const void *right, void *items) {
    return sh_text_compare(sh_table_id(items, *(const uint32_t *)left), sh_table_id(items, *(const uint32_t *)right));
}

static void keep_first(struct sh_job *job) {
    struct state *state = job->state;
    qsort_r(state->slots, state->count, sizeof *state->slots, compare_ids, job->workspace->items);
    if (state->count <= state->limit) return;
    state->count = state->limit;
    state->has_more = true;
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    struct state *state = job->state;
    int64_t limit = LIMIT_DEFAULT;
    struct sh_text after = {0};
    enum sh_status status;
    (void)call;
    if ((status = sh_param_integer(&params[LIST_LIMIT], "limit", 1, SH_BATCH_ROW_COUNT_MAX, &limit, err)) != SH_OK)
        return status;
    if ((status = sh_param_text(&params[LIST_CURSOR], "cursor", &after, err)) != SH_OK) return status;
    if (after.count > SH_ID_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that this server gave");
    state->has_listed = sh_param_given(&params[LIST_LISTED]);
    if ((status = sh_param_boolean(&params[LIST_LISTED], "listed", &state->listed, err)) != SH_OK) return status;
    state->limit = (uint32_t)limit;
    state->after =
        (struct sh_text){sh_arena_copy(&job->arena, after.count > 0 ? after.bytes : "", after.count + 1u), after.count};
    state->slots = sh_arena_alloc(&job->arena, 2 * (size_t)limit * sizeof *state->slots);
    return state->slots == NULL || state->after.bytes == NULL ? sh_fail_memory(err) : SH_OK;
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    const struct sh_workspace *workspace = job->workspace;
    const uint32_t slot_end = sh_table_slot_end(workspace->items);
    (void)err;
    uint64_t end = state->next_slot + (uint64_t)block_count * SH_BLOCK_SLOTS;
    if (end > slot_end) end = slot_end;
    for (; state->next_slot < end; state->next_slot++) {
        const uint32_t slot = state->next_slot;
        if (!sh_bitmap_contains(sh_table_live(workspace->items), slot)) continue;
        if (state->has_listed && sh_bitmap_contains(&workspace->listed, slot) != state->listed) continue;
        const struct sh_text id = sh_table_id(workspace->items, slot);
        if (state->after.count > 0 && sh_text_compare(id, state->after) <= 0) continue;
        if (state->has_more && sh_text_compare(id, sh_table_id(workspace->items, state->slots[state->limit - 1])) > 0)
            continue;
        state->slots[state->count++] = slot;
        if (state->count == 2 * state->limit) keep_first(job);
    }
    *done = state->next_slot >= slot_end;
    return SH_OK;
}

static enum sh_status answer(struct sh_job *job, struct sh_error *err) {
    struct state *state = job->state;
    msgpack_packer packer;
    (void)err;
    keep_first(job);
    sh_buffer_packer(job->answer.body, &packer);
    (void)msgpack_pack_map(&packer, 1u + state->has_more + 1);
    sh_pack_literal(&packer, "ids");
    (void)msgpack_pack_array(&packer, state->count);
    sh_ids_pack(job->workspace->items, state->slots, state->count, job->answer.body);
    if (!state->has_more) return SH_OK;
    sh_pack_literal(&packer, "cursor");
    sh_pack_text(&packer, sh_table_id(job->workspace->items, state->slots[state->count - 1]));
    return SH_OK;
}

enum sh_status sh_handle_item_list(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {
        .prepare = prepare, .step = step, .answer = answer, .state_bytes = sizeof(struct state)};
    static const char *const words[LIST_PARAM_COUNT] = {"limit", "cursor", "listed"};
    static const struct sh_param_names names = {words, LIST_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}
