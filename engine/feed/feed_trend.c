/* feed_trend.c -- the feature "trend": what is liked more than usual, in the request's store or everywhere (trends.h).
 *
 *   value = weight * z / (z + 3)     z = standard deviations above the usual, if above 0; three of them are half
 *
 * The TREND_COUNT highest of the store have a value.
 */
#include "feed_feature.h"
#include "trends.h"

enum { TREND_COUNT = 256 };
#define HALF_DEVIATIONS 3.0

struct trend_state {
    struct feed_sparse values; /* first: the pipeline reads it */
};

static uint32_t store_of(const struct feed_run *run) {
    if (run->request->store.count == 0) return SH_TREND_EVERYWHERE;
    return sh_trends_find_store(run->model->trends, run->request->store);
}

static enum sh_status begin(struct feed_run *run, void *state) {
    struct trend_state *made = state;
    const struct sh_feed_model *model = run->model;
    struct best best;
    struct sh_trend trend;
    uint32_t at = 0;
    enum sh_status status = feed_sparse_init(&made->values, TREND_COUNT, run->arena);
    if (status == SH_OK) status = best_init(&best, model->scope.items, TREND_COUNT, run->arena);
    if (status != SH_OK) return status;
    const uint32_t store = store_of(run);
    while (sh_trends_next(model->trends, store, run->request->now_ms, &at, &trend))
        if (trend.rising > 0 && item_is_eligible(run, trend.item)) best_offer(&best, trend.item, trend.rising);
    for (uint32_t i = 0; i < best.count; i++)
        feed_sparse_add(&made->values, best.items[i].item,
                        run->weights[SH_FEED_TREND] * (best.items[i].score / (best.items[i].score + HALF_DEVIATIONS)));
    return SH_OK;
}

static uint32_t sources(const struct feed_run *run, const void *state, uint32_t item, double value) {
    (void)run;
    (void)state;
    (void)item;
    return value > 0 ? 1u << SH_FEED_SOURCE_TREND : 0;
}

const struct feed_feature feed_trend = {
    .name = "trend",
    .weight = 0,
    .state_bytes = sizeof(struct trend_state),
    .is_sparse = true,
    .begin = begin,
    .sources = sources,
};
