/* feed_popular.c -- the features that are the same for everybody: "popularity" and "recency". */
#include "feed_feature.h"
#include "feed_math.h"

/* An item is "popular" from this share of the highest root on: 1/1024 of the highest popularity. */
#define POPULAR_ROOT_SHARE (1.0 / 32.0)
/* "New" means at most two half-lives old. */
#define NEW_RECENCY 0.25

struct popular_state {
    double scale; /* contribution of a root */
};
struct recent_state {
    double scale; /* decay of a recency to now */
};

/* ---- Popularity ---- */

static enum sh_status popular_begin(struct feed_run *run, void *state) {
    struct popular_state *popular = state;
    const struct sh_feed_model *model = run->model;
    popular->scale = model->top_root > 0 ? run->weights[SH_FEED_POPULARITY] / model->top_root : 0;
    return SH_OK;
}

static double popular_value(const struct feed_run *run, const void *state, uint32_t item) {
    const struct popular_state *popular = state;
    return popular->scale * run->model->popularity_root[item];
}

static void popular_add_block(const struct feed_run *run, const void *state, const struct feed_block *block) {
    const double scale = ((const struct popular_state *)state)->scale;
    const double *root = run->model->popularity_root + block->first;
    double *sums = block->sums;
    for (uint32_t place = 0; place < block->place_count; place++)
        sums[place] += scale * root[place];
}

static uint32_t popular_sources(const struct feed_run *run, const void *state, uint32_t item, double value) {
    const double root = run->model->popularity_root[item];
    (void)state;
    (void)value;
    return root > 0 && root >= run->model->top_root * POPULAR_ROOT_SHARE ? 1u << SH_FEED_SOURCE_POPULAR : 0;
}

static void popular_explain(const struct feed_run *run, const void *state, uint32_t item, double value,
                            struct feed_reasons *reasons) {
    (void)run;
    (void)state;
    (void)item;
    feed_reason_add(reasons, "popular", value);
}

const struct feed_feature feed_popular = {
    .name = "popularity",
    .weight = 0.5,
    .state_bytes = sizeof(struct popular_state),
    .begin = popular_begin,
    .value = popular_value,
    .add_block = popular_add_block,
    .sources = popular_sources,
    .explain = popular_explain,
};

/* ---- Recency ---- */

static enum sh_status recent_begin(struct feed_run *run, void *state) {
    struct recent_state *recent = state;
    const struct sh_feed_model *model = run->model;
    const double age_ms = (double)(model->recency_landmark_ms - run->request->now_ms);
    recent->scale = feed_math_exp2(age_ms / model->config.half_life_recency_ms);
    return SH_OK;
}

double recent_scale(const struct feed_run *run) {
    return ((const struct recent_state *)run->states[SH_FEED_RECENCY])->scale;
}

static double recent_now(const struct feed_run *run, const void *state, uint32_t item) {
    const double recency = run->model->recency[item] * ((const struct recent_state *)state)->scale;
    return recency < 1.0 ? recency : 1.0; /* what is listed from a time to come on is as new as can be */
}

static double recent_value(const struct feed_run *run, const void *state, uint32_t item) {
    return run->weights[SH_FEED_RECENCY] * recent_now(run, state, item);
}

static void recent_add_block(const struct feed_run *run, const void *state, const struct feed_block *block) {
    const double scale = ((const struct recent_state *)state)->scale;
    const double weight = run->weights[SH_FEED_RECENCY];
    const double *recency = run->model->recency + block->first;
    double *sums = block->sums;
    for (uint32_t place = 0; place < block->place_count; place++) {
        const double decayed = recency[place] * scale;
        sums[place] += weight * (decayed < 1.0 ? decayed : 1.0);
    }
}

static uint32_t recent_sources(const struct feed_run *run, const void *state, uint32_t item, double value) {
    (void)value;
    return recent_now(run, state, item) >= NEW_RECENCY ? 1u << SH_FEED_SOURCE_NEW : 0;
}

static void recent_explain(const struct feed_run *run, const void *state, uint32_t item, double value,
                           struct feed_reasons *reasons) {
    (void)run;
    (void)state;
    (void)item;
    feed_reason_add(reasons, "new", value);
}

const struct feed_feature feed_recent = {
    .name = "recency",
    .weight = 0.25,
    .state_bytes = sizeof(struct recent_state),
    .begin = recent_begin,
    .value = recent_value,
    .add_block = recent_add_block,
    .sources = recent_sources,
    .explain = recent_explain,
};
