/* methods_funnel.c -- audience.funnel: how many people come how far along a sequence, and how long it takes them.
 *
 * A part: {among, steps: [text, ...], reached: [expression, ...], dropped: [expression, ...], users: [n, ...],
 *          from_first: [[seconds, count, ...], ...], from_previous: likewise,
 *          by?: attribute, top?, missing?: [n, ...], values?: [text, n, ..., text, n, ...]}
 * times from the second step on, seconds ascending; a row of values is a text and a count for each step.
 */
#include <stdlib.h>

#include "audience_funnel.h"
#include "merge_funnel.h"
#include "part_answer.h"

enum { FUNNEL_SEQUENCE, FUNNEL_AMONG, FUNNEL_BY, FUNNEL_TOP, FUNNEL_NOW, FUNNEL_TIMEOUT, FUNNEL_PARAM_COUNT };

struct state {
    struct sh_sequence *sequence;
    struct sh_funnel *funnel;
    struct sh_text steps[SH_SEQUENCE_STEP_COUNT_MAX];   /* "cart where amount > 9" */
    struct sh_text reached[SH_SEQUENCE_STEP_COUNT_MAX]; /* expressions */
    struct sh_text dropped[SH_SEQUENCE_STEP_COUNT_MAX]; /* none for the last step */
    uint32_t by;
    struct sh_text by_name;
    int64_t top;
};

/* ---- The question ---- */

/* What a tree prints, in the arena. */
static enum sh_status print_tree(struct sh_job *job, const struct sh_node *tree, struct sh_text *text,
                                 struct sh_error *err) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 4 * SH_EXPRESSION_BYTES_MAX);
    sh_query_print(tree, &buffer);
    enum sh_status status = sh_buffer_status(&buffer, err);
    const char *copy = sh_arena_copy(&job->arena, buffer.bytes, buffer.count);
    if (status == SH_OK && copy == NULL) status = sh_fail_memory(err);
    *text = (struct sh_text){copy, (uint32_t)buffer.count};
    sh_buffer_deinit(&buffer);
    return status;
}

/* The words for each step, and the expressions for who came to it and who stopped there. */
static enum sh_status print_steps(struct sh_job *job, const struct sh_node *sequence, struct state *state,
                                  struct sh_error *err) {
    uint32_t count = 0;
    for (const struct sh_node *step = sequence->child; step != NULL; step = step->next)
        count++;
    uint32_t at = 0;
    enum sh_status status = SH_OK;
    for (const struct sh_node *step = sequence->child; step != NULL && status == SH_OK; step = step->next, at++) {
        struct sh_node came = *sequence;
        struct sh_node came_further = *sequence;
        struct sh_node stopped = {.kind = SH_NODE_NOT, .child = &came_further};
        struct sh_node dropped = {.kind = SH_NODE_AND, .child = &came};
        came.next = NULL;
        came.sequence.reach = at + 1 < count ? at + 1 : 0;
        if ((status = print_tree(job, step, &state->steps[at], err)) != SH_OK) return status;
        /* "did(cart where amount > 9)": the word and its parentheses say nothing here. */
        state->steps[at] = (struct sh_text){state->steps[at].bytes + 4, state->steps[at].count - 5};
        if ((status = print_tree(job, &came, &state->reached[at], err)) != SH_OK) return status;
        if (at + 1 == count) break;
        came_further.next = NULL;
        came_further.sequence.reach = at + 2 < count ? at + 2 : 0;
        came.next = &stopped;
        status = print_tree(job, &dropped, &state->dropped[at], err);
    }
    return status;
}

static enum sh_status read_sequence(struct sh_job *job, const struct sh_param *param, struct state *state,
                                    struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_node *tree;
    enum sh_status status;
    if ((status = sh_param_require(param, "sequence", err)) != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    if ((status = sh_query_read(&cursor, &job->arena, &tree, err)) != SH_OK) return status;
    if (tree->kind != SH_NODE_SEQUENCE || tree->sequence.reach > 0) {
        status = sh_fail(err, SH_ERR_ARGUMENT, -1, "`sequence` is one sequence(...), without `reach`");
        return sh_fail_hint(err, status,
                            "such as sequence(view -> purchase, within 3 days, last 30 days); `among` says "
                            "who");
    }
    if ((status = print_steps(job, tree, state, err)) != SH_OK) return status;
    if ((status = sh_query_check(&tree, &job->scope, &job->arena, err)) != SH_OK) return status;
    return sh_sequence_build(tree, &job->scope, &job->arena, &state->sequence, err);
}

static enum sh_status read_by(struct sh_job *job, const struct sh_param *param, struct state *state,
                              struct sh_error *err) {
    const struct sh_table *users = job->workspace->users;
    state->by = SH_FUNNEL_BY_NONE;
    if (!sh_param_given(param)) return SH_OK;
    struct sh_text name = {0};
    enum sh_status status = sh_param_text(param, "by", &name, err);
    if (status == SH_OK) status = sh_hidden_check(job->scope.hidden, name, -1, err);
    if (status != SH_OK) return status;
    const int32_t found = sh_table_find_attribute(users, name);
    if (found >= 0) {
        state->by = (uint32_t)found;
        state->by_name = sh_table_attribute(users, state->by)->name;
        return SH_OK;
    }
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < sh_table_attribute_count(users); i++)
        sh_nearest_offer(&search, sh_table_attribute(users, i)->name);
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "users have no attribute `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    enum sh_status status;
    struct state *state = job->state;
    state->top = SH_FUNNEL_TOP_DEFAULT;
    if ((status = sh_job_read_now(job, call, &params[FUNNEL_NOW], &params[FUNNEL_TIMEOUT], err)) != SH_OK)
        return status;
    if ((status = read_sequence(job, &params[FUNNEL_SEQUENCE], state, err)) != SH_OK) return status;
    if ((status = read_by(job, &params[FUNNEL_BY], state, err)) != SH_OK) return status;
    if (sh_param_given(&params[FUNNEL_TOP]) && state->by == SH_FUNNEL_BY_NONE)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`top` needs `by`");
    status = sh_param_integer(&params[FUNNEL_TOP], "top", 1, SH_FUNNEL_TOP_MAX, &state->top, err);
    if (status != SH_OK) return status;
    if ((status = sh_plan_among(job, &params[FUNNEL_AMONG], err)) != SH_OK) return status;
    return sh_funnel_create(job->plan, state->sequence, state->by, &state->funnel, err);
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    return sh_funnel_step(((struct state *)job->state)->funnel, block_count, done, err);
}

static void release(struct sh_job *job) {
    sh_funnel_destroy(((struct state *)job->state)->funnel);
}

enum sh_status sh_handle_audience_funnel(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_funnel_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    static const char *const words[FUNNEL_PARAM_COUNT] = {"sequence", "among", "by", "top", "now", "timeout_ms"};
    static const struct sh_param_names names = {words, FUNNEL_PARAM_COUNT, 0};
    return sh_job_ask(call, &names, &work, err);
}

/* ---- The part ---- */

static void pack_texts(const char *name, const struct sh_text *texts, uint32_t count, msgpack_packer *packer) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_pack_text(packer, texts[i]);
}

static void pack_counts(const uint64_t *counts, uint32_t count, msgpack_packer *packer) {
    for (uint32_t i = 0; i < count; i++)
        (void)msgpack_pack_uint64(packer, counts[i]);
}

static enum sh_status pack_times(const char *name, const struct sh_funnel *funnel, uint32_t step_count,
                                 const struct sh_tally *(*tally_of)(const struct sh_funnel *, uint32_t),
                                 msgpack_packer *packer, struct sh_error *err) {
    enum sh_status status = SH_OK;
    sh_pack_literal(packer, name);
    (void)msgpack_pack_array(packer, step_count - 1);
    for (uint32_t i = 1; i < step_count && status == SH_OK; i++)
        status = sh_tally_pack(tally_of(funnel, i), sh_funnel_unit_s(funnel), packer, err);
    return status;
}

static struct sh_text text_of_code(const struct sh_attribute *attribute, uint32_t code) {
    if (attribute->type == SH_TYPE_BOOL) return code == 0 ? SH_TEXT_LITERAL("false") : SH_TEXT_LITERAL("true");
    return sh_dictionary_text(&attribute->texts, code);
}

static void pack_values(const struct sh_job *job, const struct state *state, msgpack_packer *packer) {
    const struct sh_attribute *attribute = sh_table_attribute(job->workspace->users, state->by);
    const uint32_t step_count = state->sequence->step_count;
    uint32_t found = 0;
    for (uint32_t code = 0; code < sh_funnel_code_count(state->funnel); code++)
        found += sh_funnel_by_code(state->funnel, code)[0] > 0;
    sh_pack_literal(packer, "values");
    (void)msgpack_pack_array(packer, (size_t)found * (1 + step_count));
    for (uint32_t code = 0; code < sh_funnel_code_count(state->funnel); code++) {
        const uint64_t *counts = sh_funnel_by_code(state->funnel, code);
        if (counts[0] == 0) continue;
        sh_pack_text(packer, text_of_code(attribute, code));
        pack_counts(counts, step_count, packer);
    }
}

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    const uint32_t step_count = state->sequence->step_count;
    const bool has_by = state->by != SH_FUNNEL_BY_NONE;
    msgpack_packer packer;
    enum sh_status status;
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, has_by ? 12 : 8);
    sh_pack_literal(&packer, "among");
    (void)msgpack_pack_uint64(&packer, sh_funnel_among(state->funnel));
    pack_texts("steps", state->steps, step_count, &packer);
    pack_texts("reached", state->reached, step_count, &packer);
    pack_texts("dropped", state->dropped, step_count - 1, &packer);
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_array(&packer, step_count);
    for (uint32_t i = 0; i < step_count; i++)
        (void)msgpack_pack_uint64(&packer, sh_funnel_users(state->funnel, i));
    status = pack_times("from_first", state->funnel, step_count, sh_funnel_from_first, &packer, err);
    if (status == SH_OK)
        status = pack_times("from_previous", state->funnel, step_count, sh_funnel_from_previous, &packer, err);
    if (status != SH_OK || !has_by) return status;
    sh_pack_literal(&packer, "by");
    sh_pack_text(&packer, state->by_name);
    sh_pack_literal(&packer, "top");
    (void)msgpack_pack_int64(&packer, state->top);
    sh_pack_literal(&packer, "missing");
    (void)msgpack_pack_array(&packer, step_count);
    pack_counts(sh_funnel_missing(state->funnel), step_count, &packer);
    pack_values(job, state, &packer);
    return SH_OK;
}

const struct sh_part_form sh_funnel_form = {pack_part, sh_merge_funnel};
