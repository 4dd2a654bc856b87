/* methods_waterfall.c -- audience.waterfall: what each clause of an expression takes away, or adds.
 *
 * A part: {total, is_or, clauses: [text, ...], counts: [alone, after, only, ...]}.
 */
#include "audience_waterfall.h"
#include "memory.h"
#include "part_answer.h"

enum { WATERFALL_WHERE, WATERFALL_NOW, WATERFALL_TIMEOUT, WATERFALL_PARAM_COUNT };

struct state {
    const struct sh_node *clauses[SH_OVERLAP_SET_COUNT_MAX]; /* as written: not checked */
    struct sh_plan *plans[SH_OVERLAP_SET_COUNT_MAX];
    uint32_t count;
    bool is_or;
    struct sh_waterfall *waterfall;
};

/* ---- The question ---- */

/* The children in the order in which they were written, which the canonical form forgets. Arrays have no positions, and
 * keep the canonical order. */
static void sort_by_position(const struct sh_node **clauses, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const struct sh_node *clause = clauses[i];
        uint32_t at = i;
        for (; at > 0 && clause->position < clauses[at - 1]->position; at--)
            clauses[at] = clauses[at - 1];
        clauses[at] = clause;
    }
}

/* Each clause is checked and planned alone, so that what it says is shown as it was written. */
static enum sh_status plan_clause(struct sh_job *job, const struct sh_node *clause, struct sh_plan **plan,
                                  struct sh_error *err) {
    struct sh_buffer text;
    struct sh_node *tree;
    sh_buffer_init(&text, SH_EXPRESSION_BYTES_MAX * 2);
    sh_query_print(clause, &text);
    enum sh_status status = sh_buffer_status(&text, err);
    if (status == SH_OK) {
        const struct sh_text words = {(const char *)text.bytes, (uint32_t)text.count};
        const char *kept = sh_arena_copy(&job->arena, words.bytes, words.count);
        status = kept == NULL ? sh_fail_memory(err)
                              : sh_query_parse((struct sh_text){kept, words.count}, &job->arena, &tree, err);
    }
    sh_buffer_deinit(&text);
    if (status == SH_OK) status = sh_query_check(&tree, &job->scope, &job->arena, err);
    return status == SH_OK ? sh_query_plan(tree, &job->scope, &job->arena, plan, err) : status;
}

static enum sh_status plan_clauses(struct sh_job *job, const struct sh_param *where, struct state *state,
                                   struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_node *root;
    sh_param_cursor(where, &cursor);
    enum sh_status status = sh_query_read(&cursor, &job->arena, &root, err);
    if (status != SH_OK) return status;
    state->is_or = root->kind == SH_NODE_OR;
    const bool is_joined = state->is_or || root->kind == SH_NODE_AND;
    for (const struct sh_node *clause = is_joined ? root->child : root; clause != NULL;
         clause = is_joined ? clause->next : NULL) {
        if (state->count == SH_OVERLAP_SET_COUNT_MAX)
            return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the expression has more than %d clauses",
                           SH_OVERLAP_SET_COUNT_MAX);
        state->clauses[state->count++] = clause;
    }
    sort_by_position(state->clauses, state->count);
    /* The whole of it first: faults are then those of count, at their places in the text. */
    struct sh_node *tree;
    sh_param_cursor(where, &cursor);
    if ((status = sh_plan_cursor(&cursor, &job->scope, &job->arena, &tree, &job->plan, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < state->count && status == SH_OK; i++)
        status = plan_clause(job, state->clauses[i], &state->plans[i], err);
    return status;
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    return sh_waterfall_step(((struct state *)job->state)->waterfall, block_count, done, err);
}

static void release(struct sh_job *job) {
    sh_waterfall_destroy(((struct state *)job->state)->waterfall);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    enum sh_status status;
    struct state *state = job->state;
    if ((status = sh_param_require(&params[WATERFALL_WHERE], "where", err)) != SH_OK) return status;
    if ((status = sh_job_read_now(job, call, &params[WATERFALL_NOW], &params[WATERFALL_TIMEOUT], err)) != SH_OK)
        return status;
    if ((status = plan_clauses(job, &params[WATERFALL_WHERE], state, err)) != SH_OK) return status;
    return sh_waterfall_create(state->plans, state->count, state->is_or, call->workspace->users, &state->waterfall,
                               err);
}

enum sh_status sh_handle_audience_waterfall(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_waterfall_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    static const char *const words[WATERFALL_PARAM_COUNT] = {"where", "now", "timeout_ms"};
    static const struct sh_param_names names = {words, WATERFALL_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    const struct sh_waterfall_step *steps = sh_waterfall_steps(state->waterfall);
    msgpack_packer packer;
    struct sh_buffer text;
    enum sh_status status = SH_OK;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 4 + 1);
    sh_pack_literal(&packer, "total");
    (void)msgpack_pack_uint64(&packer, sh_waterfall_total(state->waterfall));
    sh_pack_literal(&packer, "is_or");
    (void)msgpack_pack_uint8(&packer, state->is_or);
    sh_pack_literal(&packer, "clauses");
    (void)msgpack_pack_array(&packer, state->count);
    sh_buffer_init(&text, SH_EXPRESSION_BYTES_MAX * 2);
    for (uint32_t i = 0; i < state->count && status == SH_OK; i++) {
        sh_buffer_clear(&text);
        sh_query_print(state->clauses[i], &text);
        status = sh_buffer_status(&text, err);
        sh_pack_text(&packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    }
    sh_buffer_deinit(&text);
    sh_pack_literal(&packer, "counts");
    (void)msgpack_pack_array(&packer, (size_t)state->count * 3);
    for (uint32_t i = 0; i < state->count; i++) {
        (void)msgpack_pack_uint64(&packer, steps[i].alone);
        (void)msgpack_pack_uint64(&packer, steps[i].after);
        (void)msgpack_pack_uint64(&packer, steps[i].only);
    }
    return status;
}

/* ---- The answer ---- */

static void pack_step(struct sh_buffer *merged, msgpack_packer *packer, const struct sh_answer_list *clause, bool is_or,
                      uint64_t before, const struct sh_waterfall_step *step) {
    (void)msgpack_pack_map(packer, 5);
    sh_pack_literal(packer, "clause");
    sh_buffer_append(merged, clause->begin, (size_t)(clause->end - clause->begin));
    sh_pack_literal(packer, "alone");
    (void)msgpack_pack_uint64(packer, step->alone);
    sh_pack_literal(packer, "after");
    (void)msgpack_pack_uint64(packer, step->after);
    sh_pack_literal(packer, is_or ? "added" : "removed");
    (void)msgpack_pack_uint64(packer, is_or ? step->after - before : before - step->after);
    sh_pack_literal(packer, "only");
    (void)msgpack_pack_uint64(packer, step->only);
}

static enum sh_status merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                            struct sh_buffer *merged, struct sh_error *err) {
    struct sh_waterfall_step steps[SH_OVERLAP_SET_COUNT_MAX] = {{0}};
    struct sh_answer_list clauses;
    msgpack_packer packer;
    uint64_t total = 0;
    (void)request;
    (void)err;
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list counts;
        total += sh_answer_map_uint(&maps[i], "total");
        sh_answer_list_begin(&counts, sh_answer_map_find(&maps[i], "counts"));
        for (uint32_t number = 0; sh_answer_list_next(&counts); number++) {
            struct sh_waterfall_step *step = &steps[number / 3];
            uint64_t *sums[3] = {&step->alone, &step->after, &step->only};
            *sums[number % 3] += sh_answer_list_value(&counts).big;
        }
    }
    sh_answer_list_begin(&clauses, sh_answer_map_find(&maps[0], "clauses"));
    const uint32_t count = clauses.left;
    const bool is_or = sh_answer_map_uint(&maps[0], "is_or") != 0;
    uint64_t before = is_or ? 0 : total;
    sh_buffer_packer(merged, &packer);
    (void)msgpack_pack_map(&packer, 4 + 1);
    sh_pack_literal(&packer, "total");
    (void)msgpack_pack_uint64(&packer, total);
    sh_pack_literal(&packer, "count");
    (void)msgpack_pack_uint64(&packer, steps[count - 1].after);
    sh_pack_literal(&packer, "kind");
    sh_pack_literal(&packer, is_or ? "or" : "and");
    sh_pack_literal(&packer, "steps");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)sh_answer_list_next(&clauses);
        pack_step(merged, &packer, &clauses, is_or, before, &steps[i]);
        before = steps[i].after;
    }
    return SH_OK;
}

const struct sh_part_form sh_waterfall_form = {pack_part, merge};
