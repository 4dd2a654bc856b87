/* feed_feature.c -- the table of features, and what all of them share. */
#include "feed_feature.h"

#include <math.h>

#include "hash.h"

/* clang-format off */ /* a line each: many hands add to it */
const struct feed_feature *const feed_features[SH_FEED_RANKER] = {
    [SH_FEED_AFFINITY] = &feed_affinity,
    [SH_FEED_POPULARITY] = &feed_popular,
    [SH_FEED_RECENCY] = &feed_recent,
    [SH_FEED_SESSION] = &feed_visit,
    [SH_FEED_PAIRS] = &feed_companions,
    [SH_FEED_WALK] = &feed_walk,
    [SH_FEED_IALS] = &feed_ials,
    [SH_FEED_EASE] = &feed_ease,
    [SH_FEED_KNN] = &feed_knn,
    [SH_FEED_RP3] = &feed_rp3,
    [SH_FEED_DUE] = &feed_due,
    [SH_FEED_TREND] = &feed_trend,
    [SH_FEED_VECTOR] = &feed_vector,
};
/* clang-format on */

static const char *const source_names[SH_FEED_SOURCE_COUNT] = {
    [SH_FEED_SOURCE_AFFINITY] = "affinity",   [SH_FEED_SOURCE_DECLARED] = "declared",
    [SH_FEED_SOURCE_SESSION] = "session",     [SH_FEED_SOURCE_PAIRS] = "pairs",
    [SH_FEED_SOURCE_POPULAR] = "popular",     [SH_FEED_SOURCE_NEW] = "new",
    [SH_FEED_SOURCE_TRAINED] = "trained",     [SH_FEED_SOURCE_DUE] = "due",
    [SH_FEED_SOURCE_TREND] = "trend",         [SH_FEED_SOURCE_EXPLORE] = "explore",
    [SH_FEED_SOURCE_CATALOGUE] = "catalogue", [SH_FEED_SOURCE_VECTOR] = "vector",
};

/* Of what is no feature of its own, but comes into a score when all of them are known. */
static const char *const later_names[SH_FEED_FEATURE_COUNT - SH_FEED_RANKER] = {
    [0] = "ranker",
    [SH_FEED_FATIGUE - SH_FEED_RANKER] = "fatigue",
    [SH_FEED_BOOST - SH_FEED_RANKER] = "boost",
};

const char *sh_feed_source_name(enum sh_feed_source source) {
    sh_assert((uint32_t)source < SH_FEED_SOURCE_COUNT);
    return source_names[source];
}

const char *sh_feed_feature_name(enum sh_feed_feature feature) {
    sh_assert((uint32_t)feature < SH_FEED_FEATURE_COUNT);
    return feature < SH_FEED_RANKER ? feed_features[feature]->name : later_names[feature - SH_FEED_RANKER];
}

double sh_feed_feature_weight_default(enum sh_feed_feature feature) {
    sh_assert((uint32_t)feature < SH_FEED_RANKER);
    return feed_features[feature]->weight;
}

/* ---- Values of few items ---- */

enum { SPARSE_PLACES_MIN = 8 };

enum sh_status feed_sparse_init(struct feed_sparse *sparse, uint32_t capacity, struct sh_arena *arena) {
    uint32_t place_count = SPARSE_PLACES_MIN;
    while (place_count < (uint64_t)capacity * 2)
        place_count *= 2;
    *sparse = (struct feed_sparse){.capacity = capacity, .place_mask = place_count - 1};
    sparse->items = sh_arena_alloc(arena, (capacity + (size_t)1) * sizeof *sparse->items);
    sparse->values = sh_arena_alloc(arena, (capacity + (size_t)1) * sizeof *sparse->values);
    sparse->places = sh_arena_alloc_zero(arena, place_count * sizeof *sparse->places);
    return sparse->items == NULL || sparse->values == NULL || sparse->places == NULL ? SH_ERR_LIMIT : SH_OK;
}

/* Where the item's place is, or the free one where it would be. */
static uint32_t *sparse_find(const struct feed_sparse *sparse, uint32_t item) {
    uint32_t place = (uint32_t)(sh_hash_mix(item, UINT64_C(0x9E3779B97F4A7C15)) & sparse->place_mask);
    while (sparse->places[place] != 0 && sparse->items[sparse->places[place] - 1] != item)
        place = (place + 1) & sparse->place_mask;
    return &sparse->places[place];
}

void feed_sparse_add(struct feed_sparse *sparse, uint32_t item, double value) {
    uint32_t *place = sparse_find(sparse, item);
    if (*place == 0) {
        sh_assert(sparse->count < sparse->capacity);
        sparse->items[sparse->count] = item;
        sparse->values[sparse->count] = 0;
        *place = ++sparse->count;
    }
    sparse->values[*place - 1] += value;
}

double feed_sparse_value(const struct feed_sparse *sparse, uint32_t item) {
    if (sparse->count == 0) return 0;
    const uint32_t place = *sparse_find(sparse, item);
    return place == 0 ? 0 : sparse->values[place - 1];
}

uint32_t feed_sparse_place(const struct feed_sparse *sparse, uint32_t item) {
    if (sparse->count == 0) return 0;
    const uint32_t place = *sparse_find(sparse, item);
    return place == 0 ? sparse->count : place - 1;
}

static void sparse_add_block(const struct feed_sparse *sparse, const struct feed_block *block) {
    for (uint32_t i = 0; i < sparse->count; i++)
        if (sparse->items[i] - block->first < block->place_count)
            block->sums[sparse->items[i] - block->first] += sparse->values[i];
}

/* ---- All features ---- */

enum sh_status features_begin(struct feed_run *run) {
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        const struct feed_feature *feature = feed_features[i];
        if (!feature_is_on(run, i)) continue;
        if (feature->state_bytes > 0 &&
            (run->states[i] = sh_arena_alloc_zero(run->arena, feature->state_bytes)) == NULL)
            return SH_ERR_LIMIT;
        const enum sh_status status = feature->begin == NULL ? SH_OK : feature->begin(run, run->states[i]);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

double feature_value(const struct feed_run *run, uint32_t feature, uint32_t item) {
    if (!feature_is_on(run, feature)) return 0;
    if (feed_features[feature]->is_sparse) return feed_sparse_value(run->states[feature], item);
    return feed_features[feature]->value(run, run->states[feature], item);
}

void feature_add_block(const struct feed_run *run, uint32_t feature, const struct feed_block *block) {
    const struct feed_feature *row = feed_features[feature];
    if (!feature_is_on(run, feature)) return;
    if (row->is_sparse) {
        sparse_add_block(run->states[feature], block);
        return;
    }
    if (row->add_block != NULL) {
        row->add_block(run, run->states[feature], block);
        return;
    }
    for (uint32_t w = 0; w < block->place_count / 64; w++)
        for (uint64_t word = block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            block->sums[place] += row->value(run, run->states[feature], block->first + place);
        }
}

void feed_reason_add(struct feed_reasons *reasons, const char *kind, double value) {
    if (value != 0 && reasons->count < sizeof reasons->list / sizeof *reasons->list)
        reasons->list[reasons->count++] = (struct sh_feed_reason){.kind = kind, .value = value};
}

static int by_strength(const void *left, const void *right) {
    const struct sh_feed_reason *a = left;
    const struct sh_feed_reason *b = right;
    if (fabs(a->value) != fabs(b->value)) return fabs(a->value) > fabs(b->value) ? -1 : 1;
    const int by_group = sh_text_compare(a->group, b->group);
    return by_group != 0 ? by_group : sh_text_compare(a->name, b->name);
}

enum sh_status feed_reasons_take(struct feed_reasons *reasons, uint32_t max, struct sh_arena *arena,
                                 const struct sh_feed_reason **list, uint32_t *count) {
    qsort(reasons->list, reasons->count, sizeof *reasons->list, by_strength);
    *count = reasons->count < max ? reasons->count : max;
    *list = sh_arena_copy(arena, reasons->list, *count * sizeof *reasons->list);
    return *list == NULL && *count > 0 ? SH_ERR_LIMIT : SH_OK;
}
