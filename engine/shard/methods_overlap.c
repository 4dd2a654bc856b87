/* methods_overlap.c -- audience.overlap: how up to 64 audiences cross, and in which combinations.
 *
 * A part: {total, pairs: [in set 0; in 1 and 0, in 1; in 2 and 0, ...], combinations?: [mask, count, ...]}.
 */
#include <stdlib.h>

#include "audience_overlap.h"
#include "memory.h"
#include "part_answer.h"

enum { OVERLAP_SETS, OVERLAP_COMBINATIONS, OVERLAP_NOW, OVERLAP_TIMEOUT, OVERLAP_PARAM_COUNT };

struct state {
    struct sh_plan *plans[SH_OVERLAP_SET_COUNT_MAX];
    uint32_t set_count;
    bool combinations;
    struct sh_overlap *overlap;
};

/* ---- The question ---- */

static enum sh_status read_sets(struct sh_job *job, const struct sh_param *param, struct state *state,
                                struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status;
    if ((status = sh_param_require(param, "sets", err)) != SH_OK) return status;
    if ((status = sh_param_array(param, "sets", SH_OVERLAP_SET_COUNT_MAX, &cursor, &state->set_count, err)) != SH_OK)
        return status;
    if (state->set_count == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`sets` is empty: name at least one audience");
    if (state->combinations && state->set_count > SH_OVERLAP_COMBINED_COUNT_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "`sets` has %u elements; combinations are counted for at most %d",
                       state->set_count, SH_OVERLAP_COMBINED_COUNT_MAX);
    for (uint32_t i = 0; i < state->set_count; i++) {
        struct sh_node *tree;
        status = sh_plan_cursor(&cursor, &job->scope, &job->arena, &tree, &state->plans[i], err);
        if (status != SH_OK) return sh_fail_in(err, status, "sets", i);
    }
    return SH_OK;
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    return sh_overlap_step(((struct state *)job->state)->overlap, block_count, done, err);
}

static void release(struct sh_job *job) {
    sh_overlap_destroy(((struct state *)job->state)->overlap);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    enum sh_status status;
    struct state *state = job->state;
    if ((status = sh_param_boolean(&params[OVERLAP_COMBINATIONS], "combinations", &state->combinations, err)) != SH_OK)
        return status;
    if ((status = sh_job_read_now(job, call, &params[OVERLAP_NOW], &params[OVERLAP_TIMEOUT], err)) != SH_OK)
        return status;
    if ((status = read_sets(job, &params[OVERLAP_SETS], state, err)) != SH_OK) return status;
    return sh_overlap_create(state->plans, state->set_count, state->combinations, &state->overlap, err);
}

enum sh_status sh_handle_audience_overlap(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_overlap_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    static const char *const words[OVERLAP_PARAM_COUNT] = {"sets", "combinations", "now", "timeout_ms"};
    static const struct sh_param_names names = {words, OVERLAP_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    const uint64_t *combinations = sh_overlap_combinations(state->overlap);
    msgpack_packer packer;
    (void)err;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 3u + (combinations != NULL));
    sh_pack_literal(&packer, "total");
    (void)msgpack_pack_uint64(&packer, sh_bitmap_count(sh_table_live(job->workspace->users)));
    sh_pack_literal(&packer, "pairs");
    (void)msgpack_pack_array(&packer, (size_t)state->set_count * (state->set_count + 1) / 2);
    for (uint32_t a = 0; a < state->set_count; a++)
        for (uint32_t b = 0; b <= a; b++)
            (void)msgpack_pack_uint64(&packer, sh_overlap_pair(state->overlap, a, b));
    if (combinations == NULL) return SH_OK;
    uint32_t found = 0;
    for (uint32_t mask = 1; mask < 1u << state->set_count; mask++)
        found += combinations[mask] > 0;
    sh_pack_literal(&packer, "combinations");
    (void)msgpack_pack_array(&packer, (size_t)found * 2);
    for (uint32_t mask = 1; mask < 1u << state->set_count; mask++) {
        if (combinations[mask] == 0) continue;
        (void)msgpack_pack_uint32(&packer, mask);
        (void)msgpack_pack_uint64(&packer, combinations[mask]);
    }
    return SH_OK;
}

/* ---- The answer ---- */

static uint64_t next_number(struct sh_answer_list *list) {
    const bool has_next = sh_answer_list_next(list);
    sh_assert(has_next);
    return sh_answer_list_value(list).big;
}

/* The pairs `counts` and `matrix`. */
static void pack_matrix(const struct sh_answer_map *maps, uint32_t part_count, uint32_t set_count,
                        msgpack_packer *packer) {
    uint64_t pairs[SH_OVERLAP_SET_COUNT_MAX][SH_OVERLAP_SET_COUNT_MAX] = {{0}};
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "pairs"));
        for (uint32_t a = 0; a < set_count; a++)
            for (uint32_t b = 0; b <= a; b++)
                pairs[a][b] += next_number(&list);
    }
    sh_pack_literal(packer, "counts");
    (void)msgpack_pack_array(packer, set_count);
    for (uint32_t a = 0; a < set_count; a++)
        (void)msgpack_pack_uint64(packer, pairs[a][a]);
    sh_pack_literal(packer, "matrix");
    (void)msgpack_pack_array(packer, set_count);
    for (uint32_t a = 0; a < set_count; a++) {
        (void)msgpack_pack_array(packer, set_count);
        for (uint32_t b = 0; b < set_count; b++)
            (void)msgpack_pack_uint64(packer, b <= a ? pairs[a][b] : pairs[b][a]);
    }
}

struct combination {
    uint32_t mask;
    uint64_t count;
};

static int compare_combinations(const void *left, const void *right) {
    const struct combination *a = left;
    const struct combination *b = right;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return a->mask < b->mask ? -1 : a->mask > b->mask;
}

static void pack_combination(const struct combination *combination, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 2);
    sh_pack_literal(packer, "sets");
    (void)msgpack_pack_array(packer, (size_t)__builtin_popcount(combination->mask));
    for (uint32_t left = combination->mask; left != 0; left &= left - 1)
        (void)msgpack_pack_uint32(packer, (uint32_t)__builtin_ctz(left));
    sh_pack_literal(packer, "count");
    (void)msgpack_pack_uint64(packer, combination->count);
}

/* The pairs `none` and `combinations`; sums has 2^set_count zeros. */
static enum sh_status pack_combinations(const struct sh_answer_map *maps, uint32_t part_count, uint64_t total,
                                        uint32_t set_count, msgpack_packer *packer, struct sh_error *err) {
    struct combination *sums = sh_alloc_zero(sizeof *sums << set_count);
    if (sums == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "combinations"));
        while (list.left > 0) {
            const uint64_t mask = next_number(&list);
            sums[mask].mask = (uint32_t)mask;
            sums[mask].count += next_number(&list);
        }
    }
    qsort(sums, (size_t)1 << set_count, sizeof *sums, compare_combinations);
    uint32_t found = 0;
    uint64_t in_any = 0;
    for (; found < 1u << set_count && sums[found].count > 0; found++)
        in_any += sums[found].count;
    sh_pack_literal(packer, "none");
    (void)msgpack_pack_uint64(packer, total > in_any ? total - in_any : 0);
    sh_pack_literal(packer, "combinations");
    (void)msgpack_pack_array(packer, found);
    for (uint32_t i = 0; i < found; i++)
        pack_combination(&sums[i], packer);
    sh_free(sums);
    return SH_OK;
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    struct sh_answer_list pairs;
    uint64_t total = 0;
    uint32_t set_count = 0;
    msgpack_packer packer;
    (void)request;
    sh_answer_list_begin(&pairs, sh_answer_map_find(&maps[0], "pairs"));
    for (uint32_t left = pairs.left; left > 0; left -= set_count)
        set_count++;
    for (uint32_t i = 0; i < part_count; i++)
        total += sh_answer_map_uint(&maps[i], "total");
    const bool combinations = sh_answer_map_find(&maps[0], "combinations") != NULL;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, combinations ? 6 : 4);
    sh_pack_literal(&packer, "total");
    (void)msgpack_pack_uint64(&packer, total);
    pack_matrix(maps, part_count, set_count, &packer);
    return combinations ? pack_combinations(maps, part_count, total, set_count, &packer, err) : SH_OK;
}

const struct sh_part_form sh_overlap_form = {pack_part, merge};
