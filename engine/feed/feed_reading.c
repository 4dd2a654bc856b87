#include "feed_reading.h"

#include <math.h>

#include "feed_feature.h"
#include "feed_math.h"

enum { TAG_COUNT_MAX = 4096 /* different ones of a user's items; those of the newest are kept */ };

/* ---- A user's events ---- */

struct history {
    const struct sh_event_store *events;
    struct sh_event_ref ref;
    bool is_there; /* ref is an event */
    uint32_t left;
    int64_t now_ms;
};

static struct history history_of(const struct feed_run *run) {
    struct history history = {
        .events = run->model->scope.events, .left = SH_FEED_HISTORY_COUNT_MAX, .now_ms = run->request->now_ms};
    history.is_there =
        run->request->user != SH_SLOT_NONE && sh_event_history_first(history.events, run->request->user, &history.ref);
    return history;
}

/* The next event that is about an item, and not of the time to come. */
static bool history_next(struct history *history, struct sh_event_ref *ref) {
    while (history->is_there && history->left > 0) {
        history->left--;
        *ref = history->ref;
        history->is_there = sh_event_history_next(history->events, &history->ref);
        if (sh_event_ref_item(*ref) != SH_NO_ITEM && sh_event_ref_time(*ref) <= history->now_ms) return true;
    }
    return false;
}

/* ---- Affinity ---- */

/* What one event gives each tag of its item. */
static double share_of(const struct feed_run *run, struct sh_event_ref ref) {
    const struct sh_feed_reading *reading = run->request->reading;
    const uint32_t type = sh_event_ref_type(ref);
    const double age_ms = (double)(run->request->now_ms - sh_event_ref_time(ref));
    const double short_share = run->model->config.short_share;
    return reading->weights[type] * (short_share * feed_math_exp2(-age_ms / reading->half_life_short_ms[type]) +
                                     (1 - short_share) * feed_math_exp2(-age_ms / reading->half_life_long_ms[type]));
}

static void sum_tags(const struct feed_run *run, struct feed_sparse *sums) {
    struct history history = history_of(run);
    struct sh_event_ref ref;
    while (history_next(&history, &ref)) {
        uint32_t tags[ITEM_TAG_COUNT_MAX];
        if (run->request->reading->weights[sh_event_ref_type(ref)] == 0) continue;
        const double share = share_of(run, ref);
        const uint32_t count =
            item_tags(run->model->scope.items, sh_event_ref_item(ref), tags, ITEM_TAG_COUNT_MAX, NULL);
        for (uint32_t i = 0; i < count; i++)
            if (sums->count < sums->capacity || feed_sparse_place(sums, tags[i]) < sums->count)
                feed_sparse_add(sums, tags[i], share);
    }
}

/* Does the sum of a come before that of b? */
static bool is_stronger(const struct sh_table *items, const struct feed_sparse *sums, uint32_t a, uint32_t b) {
    const double strength_a = fabs(sums->values[a]);
    const double strength_b = fabs(sums->values[b]);
    if (strength_a != strength_b) return strength_a > strength_b;
    return tag_order(items, sums->items[a]) < tag_order(items, sums->items[b]);
}

static void keep_strongest(const struct feed_run *run, const struct feed_sparse *sums, struct feed_reading *reading) {
    const struct sh_table *items = run->model->scope.items;
    uint32_t kept[SH_FEED_AFFINITY_COUNT_MAX];
    for (uint32_t i = 0; i < sums->count; i++) {
        uint32_t place = reading->count;
        if (place == SH_FEED_AFFINITY_COUNT_MAX && !is_stronger(items, sums, i, kept[place - 1])) continue;
        if (place < SH_FEED_AFFINITY_COUNT_MAX)
            reading->count++;
        else
            place--;
        for (; place > 0 && is_stronger(items, sums, i, kept[place - 1]); place--)
            kept[place] = kept[place - 1];
        kept[place] = i;
    }
    for (uint32_t i = 0; i < reading->count; i++) {
        reading->tags[i] = sums->items[kept[i]];
        reading->affinities[i] = sums->values[kept[i]];
    }
}

enum sh_status reading_begin(struct feed_run *run) {
    struct feed_sparse sums;
    if (run->request->reading == NULL) return SH_OK;
    run->reading = sh_arena_alloc_zero(run->arena, sizeof *run->reading);
    if (run->reading == NULL) return SH_ERR_LIMIT;
    const enum sh_status status = feed_sparse_init(&sums, TAG_COUNT_MAX, run->arena);
    if (status != SH_OK) return status;
    sum_tags(run, &sums);
    keep_strongest(run, &sums, run->reading);
    return SH_OK;
}

/* ---- The latest items ---- */

static uint32_t units_of(double weight) {
    const double units = weight * SH_PAIR_UNIT + 0.5;
    return units < 1.0 ? 1 : (uint32_t)units;
}

uint32_t reading_latest(const struct feed_run *run, struct sh_pair_liking *latest, uint32_t max) {
    struct history history = history_of(run);
    struct sh_event_ref ref;
    uint32_t count = 0;
    while (history_next(&history, &ref)) {
        const double weight = run->request->reading->weights[sh_event_ref_type(ref)];
        const uint32_t item = sh_event_ref_item(ref);
        uint32_t at = 0;
        if (weight <= 0) continue;
        while (at < count && latest[at].item != item)
            at++;
        if (at == max) continue;
        if (at == count) latest[count++] = (struct sh_pair_liking){.item = item};
        if (units_of(weight) > latest[at].liking) latest[at].liking = units_of(weight);
    }
    return count;
}
