/* feed_trained.c -- the features "ials", "ease", "knn" and "rp3": what trained tables say of what the user likes.
 *
 *   ials    weight / scale * (p_u . q_i)     p_u solved for with the user's latest likings (train.h)
 *   others  weight / scale * sum over liked items j of B_ji
 *
 * The scale makes the best item of an average user 1. A table that is not there says nothing of any item.
 *
 * The reason names the liked items that say most, as "trained" of the method's name. For ials a liked item's part is
 * w_uj q_j' A^-1 q_i, with p_u = A^-1 sum of w_uj q_j: the parts of all add up to p_u . q_i.
 */
#include <math.h>
#include <string.h>

#include "feed_feature.h"
#include "feed_likings.h"
#include "memory.h"

enum {
    REASON_COUNT = 3, /* liked items named for one item */
};

#define USER_VALUE_MAX 1e15f /* its products with the numbers of a table stay finite */

static double factor_of(const struct feed_run *run, enum sh_feed_feature feature, enum sh_train_method method) {
    return run->weights[feature] / sh_item_models_head(run->model->trained, method)->scale;
}

/* ---- Reasons ---- */

/* The parts of the largest liked items, and the rest in one. */
static void explain_parts(const struct feed_run *run, const struct feed_likings *likings, const double *parts,
                          const char *method, double value, struct feed_reasons *reasons) {
    bool is_named[SH_LIKING_COUNT_MAX] = {false};
    for (uint32_t n = 0; n < REASON_COUNT; n++) {
        uint32_t best = likings->count;
        for (uint32_t i = 0; i < likings->count; i++)
            if (!is_named[i] && parts[i] != 0 && (best == likings->count || fabs(parts[i]) > fabs(parts[best])))
                best = i;
        if (best == likings->count || reasons->count >= sizeof reasons->list / sizeof *reasons->list) break;
        is_named[best] = true;
        reasons->list[reasons->count++] =
            (struct sh_feed_reason){.kind = "trained",
                                    .name = sh_table_id(run->model->scope.items, likings->entries[best].number),
                                    .group = sh_text_of(method),
                                    .value = parts[best]};
        value -= parts[best];
    }
    feed_reason_add(reasons, method, value);
}

/* ---- Lists ---- */

/* By item slot: adding to thousands of places of an array is quicker than finding them in a table. */
struct list_state {
    const struct feed_likings *likings;
    double *values; /* NULL: nothing to say */
    uint32_t item_end;
};

static enum sh_status begin_list(struct feed_run *run, struct list_state *state, enum sh_feed_feature feature,
                                 enum sh_train_method method) {
    const struct sh_item_models *models = run->model->trained;
    if (sh_item_models_head(models, method) == NULL) return SH_OK;
    const enum sh_status status = likings_of_run(run, &state->likings);
    if (status != SH_OK) return status;
    const struct feed_likings *likings = state->likings;
    if (likings->count == 0) return SH_OK;
    state->item_end = sh_table_slot_end(run->model->scope.items);
    state->values = sh_arena_alloc_zero(run->arena, ((size_t)state->item_end + 1) * sizeof *state->values);
    if (state->values == NULL) return SH_ERR_LIMIT;
    const double factor = factor_of(run, feature, method);
    for (uint32_t i = 0; i < likings->count; i++) {
        uint32_t count;
        const struct sh_entry *list = sh_item_models_list(models, method, likings->entries[i].number, &count);
        for (uint32_t k = 0; k < count; k++)
            state->values[list[k].number] += factor * (double)list[k].weight;
    }
    return SH_OK;
}

static double value_list(const struct feed_run *run, const void *memory, uint32_t item) {
    const struct list_state *state = memory;
    (void)run;
    return state->values == NULL || item >= state->item_end ? 0 : state->values[item];
}

static void add_block_list(const struct feed_run *run, const void *memory, const struct feed_block *block) {
    const struct list_state *state = memory;
    (void)run;
    if (state->values == NULL || block->first >= state->item_end) return;
    const uint32_t rest = state->item_end - block->first;
    const uint32_t count = rest < block->place_count ? rest : block->place_count;
    const double *values = state->values + block->first;
    for (uint32_t i = 0; i < count; i++)
        block->sums[i] += values[i];
}

static bool is_silent_list(const void *memory) {
    return ((const struct list_state *)memory)->values == NULL;
}

static void explain_list(const struct feed_run *run, const struct list_state *state, uint32_t item, double value,
                         enum sh_feed_feature feature, enum sh_train_method method, struct feed_reasons *reasons) {
    double parts[SH_LIKING_COUNT_MAX];
    if (state->values == NULL || value == 0) return;
    for (uint32_t i = 0; i < state->likings->count; i++) {
        uint32_t count;
        const struct sh_entry *list =
            sh_item_models_list(run->model->trained, method, state->likings->entries[i].number, &count);
        parts[i] = 0;
        for (uint32_t k = 0; k < count; k++)
            if (list[k].number == item) parts[i] = factor_of(run, feature, method) * (double)list[k].weight;
    }
    explain_parts(run, state->likings, parts, sh_train_method_name(method), value, reasons);
}

static uint32_t sources_of(const struct feed_run *run, const void *state, uint32_t item, double value) {
    (void)run;
    (void)state;
    (void)item;
    return value > 0 ? 1u << SH_FEED_SOURCE_TRAINED : 0;
}

#define LIST_FEATURE(word, feature, method)                                                                            \
    static enum sh_status begin_##word(struct feed_run *run, void *state) {                                            \
        return begin_list(run, state, feature, method);                                                                \
    }                                                                                                                  \
    static void explain_##word(const struct feed_run *run, const void *state, uint32_t item, double value,             \
                               struct feed_reasons *reasons) {                                                         \
        explain_list(run, state, item, value, feature, method, reasons);                                               \
    }                                                                                                                  \
    const struct feed_feature feed_##word = {                                                                          \
        .name = #word,                                                                                                 \
        .weight = 1,                                                                                                   \
        .state_bytes = sizeof(struct list_state),                                                                      \
        .begin = begin_##word,                                                                                         \
        .value = value_list,                                                                                           \
        .add_block = add_block_list,                                                                                   \
        .is_silent = is_silent_list,                                                                                   \
        .sources = sources_of,                                                                                         \
        .explain = explain_##word,                                                                                     \
    }

LIST_FEATURE(ease, SH_FEED_EASE, SH_TRAIN_EASE);
LIST_FEATURE(knn, SH_FEED_KNN, SH_TRAIN_KNN);
LIST_FEATURE(rp3, SH_FEED_RP3, SH_TRAIN_RP3);

/* ---- Factors ---- */

struct factor_state {
    const struct feed_likings *likings;
    float *vectors;  /* of the liked items that the table has, one behind another */
    uint32_t *known; /* which of the likings they are */
    float *weights;
    uint32_t count;
    uint32_t dimension;
    float *matrix; /* factorised */
    float *user;   /* NULL: nothing to say */
    double factor;
};

static bool factor_memory(struct factor_state *state, struct sh_arena *arena) {
    const size_t count = (size_t)state->likings->count + 1;
    const size_t dimension = state->dimension;
    state->vectors = sh_arena_alloc(arena, count * dimension * sizeof *state->vectors);
    state->known = sh_arena_alloc(arena, count * sizeof *state->known);
    state->weights = sh_arena_alloc(arena, count * sizeof *state->weights);
    state->matrix = sh_arena_alloc(arena, dimension * dimension * sizeof *state->matrix);
    return state->vectors != NULL && state->known != NULL && state->weights != NULL && state->matrix != NULL;
}

static enum sh_status begin_ials(struct feed_run *run, void *memory) {
    struct factor_state *state = memory;
    const struct sh_item_models *models = run->model->trained;
    if (sh_item_models_head(models, SH_TRAIN_IALS) == NULL) return SH_OK;
    const struct sh_fold fold = sh_item_models_fold(models);
    enum sh_status status = likings_of_run(run, &state->likings);
    if (status != SH_OK) return status;
    state->dimension = fold.dimension;
    state->factor = factor_of(run, SH_FEED_IALS, SH_TRAIN_IALS);
    const float **pointers = sh_arena_alloc(run->arena, ((size_t)state->likings->count + 1) * sizeof *pointers);
    if (pointers == NULL || !factor_memory(state, run->arena)) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < state->likings->count; i++) {
        float *vector = state->vectors + (size_t)state->count * fold.dimension;
        if (!sh_item_models_vector(models, state->likings->entries[i].number, vector)) continue;
        pointers[state->count] = vector;
        state->known[state->count] = i;
        state->weights[state->count++] = state->likings->entries[i].weight;
    }
    if (state->count == 0) return SH_OK;
    state->user = sh_arena_alloc(run->arena, fold.dimension * sizeof *state->user);
    if (state->user == NULL) return SH_ERR_LIMIT;
    sh_fold_in(&fold, pointers, state->weights, state->count, state->matrix, state->user);
    /* A table can be put by anybody who may write: one whose numbers lead nowhere says nothing. */
    for (uint32_t k = 0; k < fold.dimension; k++)
        if (!(fabsf(state->user[k]) <= USER_VALUE_MAX)) {
            state->user = NULL;
            break;
        }
    return SH_OK;
}

/* The same operations for one item as for sixteen: score_lanes adds up each lane by itself. */
static double value_ials(const struct feed_run *run, const void *memory, uint32_t item) {
    const struct factor_state *state = memory;
    float sums[SH_TRAIN_LANES];
    if (state->user == NULL) return 0;
    const float *lanes = sh_item_models_lanes(run->model->trained, item & ~(SH_TRAIN_LANES - 1u));
    if (lanes == NULL) return 0;
    sh_train->score_lanes(state->user, state->dimension, lanes, sums);
    return state->factor * (double)sums[item % SH_TRAIN_LANES];
}

static void add_block_ials(const struct feed_run *run, const void *memory, const struct feed_block *block) {
    const struct factor_state *state = memory;
    if (state->user == NULL) return;
    for (uint32_t place = 0; place < block->place_count; place += SH_TRAIN_LANES) {
        float sums[SH_TRAIN_LANES];
        if ((block->candidates[place / 64] >> (place % 64) & 0xFFFF) == 0) continue;
        const float *lanes = sh_item_models_lanes(run->model->trained, block->first + place);
        if (lanes == NULL) break;
        sh_train->score_lanes(state->user, state->dimension, lanes, sums);
        for (uint32_t i = 0; i < SH_TRAIN_LANES; i++)
            block->sums[place + i] += state->factor * (double)sums[i];
    }
}
_Static_assert(SH_TRAIN_LANES == 16, "a quarter of a word of candidates");

static bool is_silent_ials(const void *memory) {
    return ((const struct factor_state *)memory)->user == NULL;
}

static void explain_ials(const struct feed_run *run, const void *memory, uint32_t item, double value,
                         struct feed_reasons *reasons) {
    const struct factor_state *state = memory;
    float along[SH_FACTOR_DIMENSION_MAX];
    double parts[SH_LIKING_COUNT_MAX] = {0};
    if (state->user == NULL || value == 0) return;
    if (!sh_item_models_vector(run->model->trained, item, along)) return;
    sh_train->solve(state->matrix, state->dimension, along);
    for (uint32_t i = 0; i < state->count; i++)
        parts[state->known[i]] =
            state->factor * (double)(state->weights[i] * sh_train->dot(state->vectors + (size_t)i * state->dimension,
                                                                       along, state->dimension));
    explain_parts(run, state->likings, parts, "ials", value, reasons);
}

const struct feed_feature feed_ials = {
    .name = "ials",
    .weight = 1,
    .state_bytes = sizeof(struct factor_state),
    .begin = begin_ials,
    .value = value_ials,
    .add_block = add_block_ials,
    .is_silent = is_silent_ials,
    .sources = sources_of,
    .explain = explain_ials,
};

/* ---- The model's doors ---- */

struct sh_item_models *sh_feed_trained(struct sh_feed_model *model) {
    return model->trained;
}
