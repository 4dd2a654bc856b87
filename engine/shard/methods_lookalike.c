/* methods_lookalike.c -- audience.lookalike: the users most like a seed audience. See lookalike.h for the weights.
 *
 *   one shard       seeds are counted -> weights -> scores -> answer                       in one job
 *   several         round 1: each shard counts its seeds:
 *                            {features: [of, kind, value, seeds, users, ...], seeds, users}
 *                   between: sh_lookalike_next makes the weights of all shards' counts
 *                   round 2: the same params and `part_weights`; each shard gives its best:
 *                            {candidates, weights, ids, scores, mixes}, which the merge puts in one order
 *
 * The weights are one map in both cases: {seeds, users, list: [[of, kind, value, weight, seeds, users], ...]}; kind is
 * 1 for a tag set, 0 for an attribute.
 */
#include <math.h>
#include <stdlib.h>

#include "insight.h"
#include "lookalike.h"
#include "lookalike_rounds.h"
#include "memory.h"

enum { LIKE_SEEDS, LIKE_COUNT, LIKE_EXCLUDE, LIKE_NOW, LIKE_TIMEOUT, LIKE_FOR, LIKE_PART_WEIGHTS, LIKE_PARAM_COUNT };
static const char *const like_words[] = {"seeds", "count", "exclude", "now", "timeout_ms", "for", "part_weights"};

struct state {
    struct sh_plan *seeds;
    struct sh_plan *exclude;
    uint32_t count;
    struct sh_look_spec *looks;
    uint32_t look_count;
    struct sh_insight *insight; /* counting the seeds */
    struct sh_buffer weights;
    struct sh_feature *features;
    uint32_t feature_count;
    struct sh_lookalike *lookalike;
    bool is_counting_only; /* round 1 */
};

/* ---- Counting the seeds ---- */

static void add_look(struct state *state, enum sh_look_kind kind, uint32_t index) {
    state->looks[state->look_count++] = (struct sh_look_spec){.kind = kind, .index = index, .has_base = true};
}

/* All tag sets, and the attributes that keep bitmaps of their values: what a weight can be added up from. */
static enum sh_status begin_counting(struct sh_job *job, struct state *state, struct sh_error *err) {
    const struct sh_table *users = job->workspace->users;
    const uint32_t count = sh_table_tag_set_count(users) + sh_table_attribute_count(users);
    state->looks = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof *state->looks);
    if (state->looks == NULL) return sh_fail_memory(err);
    const struct sh_hidden *hidden = job->scope.hidden;
    for (uint32_t i = 0; i < sh_table_tag_set_count(users); i++)
        if (!sh_hidden_has(hidden, sh_table_tag_set_name(users, i))) add_look(state, SH_LOOK_TAGS, i);
    for (uint32_t i = 0; i < sh_table_attribute_count(users); i++)
        if (sh_table_attribute(users, i)->has_value_bitmaps &&
            !sh_hidden_has(hidden, sh_table_attribute(users, i)->name))
            add_look(state, SH_LOOK_VALUES, i);
    const struct sh_insight_spec spec = {
        .scope = &job->scope, .audience = state->seeds, .looks = state->looks, .look_count = state->look_count};
    return sh_insight_create(&spec, &state->insight, err);
}

static void pack_value(const struct sh_table *users, const struct sh_look *look, uint32_t code,
                       msgpack_packer *packer) {
    if (look->spec.kind == SH_LOOK_TAGS) {
        sh_pack_text(packer, sh_table_tag_text(users, look->spec.index, code));
        return;
    }
    const struct sh_attribute *attribute = sh_table_attribute(users, look->spec.index);
    struct sh_text text = {0};
    if (attribute->type != SH_TYPE_BOOL) text = sh_attribute_text(attribute, code);
    sh_value_pack(attribute->type, 0, false, code, text, packer);
}

static void pack_counts(const struct sh_job *job, struct sh_buffer *part) {
    const struct state *state = job->state;
    const struct sh_table *users = job->workspace->users;
    msgpack_packer packer;
    uint32_t found = 0;
    for (uint32_t i = 0; i < state->look_count; i++) {
        const struct sh_look *look = sh_insight_look(state->insight, i);
        for (uint32_t code = 0; code < look->code_count; code++)
            found += look->base[code] != 0;
    }
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 3 + 1);
    sh_pack_literal(&packer, "seeds");
    (void)msgpack_pack_uint64(&packer, sh_insight_count(state->insight));
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_uint64(&packer, sh_insight_base_count(state->insight));
    sh_pack_literal(&packer, "features");
    (void)msgpack_pack_array(&packer, (size_t)found * 5);
    for (uint32_t i = 0; i < state->look_count; i++) {
        const struct sh_look *look = sh_insight_look(state->insight, i);
        const bool is_tag_set = look->spec.kind == SH_LOOK_TAGS;
        for (uint32_t code = 0; code < look->code_count; code++) {
            if (look->base[code] == 0) continue;
            sh_pack_text(&packer, is_tag_set ? sh_table_tag_set_name(users, look->spec.index)
                                             : sh_table_attribute(users, look->spec.index)->name);
            (void)msgpack_pack_uint8(&packer, is_tag_set);
            pack_value(users, look, code, &packer);
            (void)msgpack_pack_uint64(&packer, look->users[code]);
            (void)msgpack_pack_uint64(&packer, look->base[code]);
        }
    }
}

/* ---- Scoring ---- */

/* The weights in this shard's codes. What nobody here has is passed over. */
static enum sh_status read_weights(struct sh_job *job, struct state *state, const uint8_t *begin, const uint8_t *end,
                                   struct sh_error *err) {
    const struct sh_table *users = job->workspace->users;
    struct sh_answer_map map;
    struct sh_answer_list list;
    const struct sh_answer_pair pair = {.begin = begin, .end = end};
    sh_answer_map_read(&map, &pair);
    sh_answer_list_begin(&list, sh_answer_map_find(&map, "list"));
    state->features = sh_arena_alloc(&job->arena, ((size_t)list.left + 1) * sizeof *state->features);
    if (state->features == NULL) return sh_fail_memory(err);
    while (sh_answer_list_next(&list)) {
        struct sh_answer_list cells;
        struct sh_value values[4];
        const struct sh_answer_pair row = {.begin = list.begin, .end = list.end};
        sh_answer_list_begin(&cells, &row);
        for (uint32_t i = 0; i < 4; i++) {
            (void)sh_answer_list_next(&cells);
            values[i] = sh_answer_list_value(&cells);
        }
        struct sh_feature feature = {.is_tag_set = values[1].integer != 0, .weight = (int32_t)values[3].integer};
        const int32_t index = feature.is_tag_set ? sh_table_find_tag_set(users, values[0].text)
                                                 : sh_table_find_attribute(users, values[0].text);
        if (index < 0) continue; /* the schema has not reached this shard yet */
        feature.index = (uint32_t)index;
        if (feature.is_tag_set)
            feature.code = sh_table_find_tag(users, feature.index, values[2].text);
        else if (values[2].kind == SH_VALUE_BOOL)
            feature.code = values[2].boolean;
        else
            feature.code = sh_attribute_find_code(sh_table_attribute(users, feature.index), values[2].text);
        if (feature.code != SH_CODE_NONE) state->features[state->feature_count++] = feature;
    }
    return SH_OK;
}

static enum sh_status begin_scoring(struct sh_job *job, struct state *state, struct sh_error *err) {
    const enum sh_status status =
        read_weights(job, state, state->weights.bytes, state->weights.bytes + state->weights.count, err);
    if (status != SH_OK) return status;
    const struct sh_lookalike_spec spec = {.table = job->workspace->users,
                                           .seeds = state->seeds,
                                           .exclude = state->exclude,
                                           .gate = job->spec.gate,
                                           .features = state->features,
                                           .feature_count = state->feature_count,
                                           .count = state->count};
    return sh_lookalike_create(&spec, &state->lookalike, err);
}

/* The only shard makes the weights of its own counts. */
static enum sh_status make_weights(struct sh_job *job, struct state *state, struct sh_error *err) {
    struct sh_buffer part;
    struct sh_answer_map map;
    sh_buffer_init(&part, SH_ANSWER_BYTES_MAX);
    pack_counts(job, &part);
    enum sh_status status = sh_buffer_status(&part, err);
    if (status == SH_OK) {
        sh_answer_map_read_body(&map, &part);
        status = sh_lookalike_weigh(&map, 1, &state->weights, err);
    }
    sh_buffer_deinit(&part);
    return status;
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    struct state *state = job->state;
    enum sh_status status;
    if (state->lookalike != NULL) return sh_lookalike_step(state->lookalike, block_count, done, err);
    if ((status = sh_insight_step(state->insight, block_count, done, err)) != SH_OK) return status;
    if (!*done || state->is_counting_only) return SH_OK;
    *done = false;
    if ((status = make_weights(job, state, err)) != SH_OK) return status;
    return begin_scoring(job, state, err);
}

/* ---- The part ---- */

static enum sh_status pack_part(struct sh_job *job, struct sh_buffer *part, struct sh_error *err) {
    const struct state *state = job->state;
    const struct sh_table *users = job->workspace->users;
    uint32_t count;
    uint32_t live_count = 0;
    msgpack_packer packer;
    if (state->is_counting_only) {
        pack_counts(job, part);
        return SH_OK;
    }
    const struct sh_like *best = sh_lookalike_best(state->lookalike, &count);
    const struct sh_like **likes = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof(const struct sh_like *));
    uint32_t *slots = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof *slots);
    if (likes == NULL || slots == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if (!sh_bitmap_contains(sh_table_live(users), best[i].slot)) continue; /* forgotten between two steps */
        if (!sh_contact_allows(&job->gate, best[i].slot)) continue;
        likes[live_count] = &best[i];
        slots[live_count++] = best[i].slot;
    }
    sh_buffer_packer(part, &packer);
    (void)msgpack_pack_map(&packer, 5 + 1 + sh_job_held_count(job));
    sh_job_pack_held(job, &packer);
    sh_pack_literal(&packer, "candidates");
    (void)msgpack_pack_uint64(&packer, sh_lookalike_candidate_count(state->lookalike));
    sh_pack_literal(&packer, "weights");
    sh_buffer_append(part, state->weights.bytes, state->weights.count);
    sh_pack_literal(&packer, "ids");
    (void)msgpack_pack_array(&packer, live_count);
    sh_ids_pack(users, slots, live_count, part);
    sh_pack_literal(&packer, "scores");
    (void)msgpack_pack_array(&packer, live_count);
    for (uint32_t i = 0; i < live_count; i++)
        (void)msgpack_pack_int64(&packer, likes[i]->score);
    sh_pack_literal(&packer, "mixes");
    (void)msgpack_pack_array(&packer, live_count);
    for (uint32_t i = 0; i < live_count; i++)
        (void)msgpack_pack_uint64(&packer, likes[i]->mix);
    return SH_OK;
}

const struct sh_part_form sh_lookalike_form = {pack_part, sh_lookalike_merge};

/* ---- The question ---- */

static void release(struct sh_job *job) {
    struct state *state = job->state;
    sh_insight_destroy(state->insight);
    sh_lookalike_destroy(state->lookalike);
    sh_buffer_deinit(&state->weights);
}

static enum sh_status read_audiences(struct sh_call *call, struct sh_job *job, struct state *state,
                                     const struct sh_param *params, struct sh_error *err) {
    struct sh_node *tree;
    enum sh_status status;
    if ((status = sh_job_read_now(job, call, &params[LIKE_NOW], &params[LIKE_TIMEOUT], err)) != SH_OK) return status;
    status = sh_plan_param(&params[LIKE_SEEDS], &job->scope, &job->arena, &tree, &state->seeds, err);
    if (status != SH_OK || !sh_param_given(&params[LIKE_EXCLUDE])) return status;
    return sh_plan_param(&params[LIKE_EXCLUDE], &job->scope, &job->arena, &tree, &state->exclude, err);
}

static enum sh_status prepare(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                              struct sh_error *err) {
    int64_t count = 0;
    enum sh_status status;
    struct state *state = job->state;
    sh_buffer_init(&state->weights, SH_PART_BYTES_MAX);
    if ((status = sh_param_require(&params[LIKE_SEEDS], "seeds", err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[LIKE_COUNT], "count", err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[LIKE_COUNT], "count", 0, SH_LIST_LIMIT_MAX, &count, err)) != SH_OK)
        return status;
    state->count = (uint32_t)count;
    if ((status = sh_job_read_for(job, &params[LIKE_FOR], count > 0, err)) != SH_OK) return status;
    if ((status = read_audiences(call, job, state, params, err)) != SH_OK) return status;
    const struct sh_param *weights = &params[LIKE_PART_WEIGHTS];
    if (sh_param_given(weights)) {
        sh_buffer_append(&state->weights, weights->begin, (size_t)(weights->end - weights->begin));
        if ((status = sh_buffer_status(&state->weights, err)) != SH_OK) return status;
        return begin_scoring(job, state, err);
    }
    state->is_counting_only = sh_answer_is_part(call->shard);
    return begin_counting(job, state, err);
}

enum sh_status sh_handle_audience_lookalike(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.prepare = prepare,
                                            .step = step,
                                            .form = &sh_lookalike_form,
                                            .release = release,
                                            .state_bytes = sizeof(struct state)};
    /* part_weights is what the second round adds; sh_lookalike_split lets none from a client pass. */
    const uint32_t word_count = sh_answer_is_part(call->shard) ? LIKE_PARAM_COUNT : LIKE_PART_WEIGHTS;
    const struct sh_param_names names = {like_words, word_count, 0};
    return sh_job_ask(call, &names, &work, err);
}

enum sh_status sh_lookalike_split(const struct sh_request *request, struct sh_error *err) {
    static const struct sh_param_names names = {like_words, LIKE_PART_WEIGHTS, 0};
    struct sh_param params[LIKE_PART_WEIGHTS];
    return sh_params_read(request->params, request->params_count, &names, params, NULL, err);
}
