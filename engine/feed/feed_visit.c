/* feed_visit.c -- the feature "session": where visits like the one that goes on lead to (sessions.h). */
#include "feed_feature.h"

/* What came next and what people go back to, beside what similar visits had: feed.h. */
#define NEXT_FACTOR  0.75
#define AGAIN_FACTOR 6.0

struct visit_state {
    struct feed_sparse values;             /* first: the pipeline reads it */
    const struct sh_session_score *scores; /* of the same items, in the same order */
};

static double part_session(const struct feed_run *run, const struct sh_session_score *score) {
    return run->weights[SH_FEED_SESSION] * (score->near + NEXT_FACTOR * score->next);
}

static double part_again(const struct feed_run *run, const struct sh_session_score *score) {
    return run->weights[SH_FEED_SESSION] * AGAIN_FACTOR * score->again;
}

static enum sh_status begin(struct feed_run *run, void *state) {
    struct visit_state *visit = state;
    struct sh_feed_model *model = run->model;
    const struct sh_feed_request *request = run->request;
    uint32_t own[SH_SESSION_CLICK_COUNT_MAX];
    const uint32_t *clicks = request->clicks;
    uint32_t click_count = request->click_count;
    uint32_t count;
    if (clicks == NULL && request->user != SH_SLOT_NONE) {
        click_count = sh_sessions_open(model->sessions, request->user, request->now_ms, own);
        clicks = own;
    }
    enum sh_status status =
        sh_sessions_score(model->sessions, clicks, click_count, request->user, &visit->scores, &count);
    if (status != SH_OK) return status;
    if ((status = feed_sparse_init(&visit->values, count, run->arena)) != SH_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        const struct sh_session_score *score = &visit->scores[i];
        feed_sparse_add(&visit->values, score->item, part_session(run, score) + part_again(run, score));
    }
    sh_assert(visit->values.count == count); /* each item once */
    return SH_OK;
}

static uint32_t sources(const struct feed_run *run, const void *state, uint32_t item, double value) {
    (void)run;
    (void)state;
    (void)item;
    return value > 0 ? 1u << SH_FEED_SOURCE_SESSION : 0;
}

static void explain(const struct feed_run *run, const void *state, uint32_t item, double value,
                    struct feed_reasons *reasons) {
    const struct visit_state *visit = state;
    const uint32_t place = feed_sparse_place(&visit->values, item);
    (void)value;
    if (place == visit->values.count) return;
    feed_reason_add(reasons, "session", part_session(run, &visit->scores[place]));
    feed_reason_add(reasons, "again", part_again(run, &visit->scores[place]));
}

const struct feed_feature feed_visit = {
    .name = "session",
    .weight = 1,
    .state_bytes = sizeof(struct visit_state),
    .is_sparse = true,
    .begin = begin,
    .sources = sources,
    .explain = explain,
};
