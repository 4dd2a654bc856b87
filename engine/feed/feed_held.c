/* feed_held.c -- what a request holds back: what the caller excludes, what the user bought and saw lately. */
#include "calendar.h"
#include "feed_private.h"

static int by_slot(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static bool list_has(const uint32_t *slots, uint32_t count, uint32_t slot) {
    uint32_t low = 0;
    while (count > 0) {
        const uint32_t half = count / 2;
        if (slots[low + half] < slot) {
            low += half + 1;
            count -= half + 1;
        } else {
            if (slots[low + half] == slot) return true;
            count = half;
        }
    }
    return false;
}

static uint32_t sort_unique(uint32_t *slots, uint32_t count) {
    if (count == 0) return 0; /* slots may be NULL then */
    qsort(slots, count, sizeof *slots, by_slot);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || slots[kept - 1] != slots[i]) slots[kept++] = slots[i];
    return kept;
}

static uint32_t without(uint32_t *slots, uint32_t count, const uint32_t *taken, uint32_t taken_count) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (!list_has(taken, taken_count, slots[i])) slots[kept++] = slots[i];
    return kept;
}

/* Is time_ms in the last `days` before now? */
static bool in_last_days(int64_t time_ms, int64_t now_ms, uint32_t days) {
    return time_ms > now_ms - (int64_t)days * SH_DAY_MS;
}

static enum sh_status collect_history(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    const struct sh_feed_config *config = &model->config;
    const int64_t now_ms = run->request->now_ms;
    const uint32_t days = config->bought_days > config->seen_days ? config->bought_days : config->seen_days;
    struct sh_event_ref ref;
    if (days == 0 || !sh_event_history_first(model->scope.events, run->request->user, &ref)) return SH_OK;
    run->bought = sh_arena_alloc(run->arena, SH_FEED_HISTORY_COUNT_MAX * sizeof(uint32_t));
    run->seen = sh_arena_alloc(run->arena, SH_FEED_HISTORY_COUNT_MAX * sizeof(uint32_t));
    if (run->bought == NULL || run->seen == NULL) return SH_ERR_LIMIT;
    for (uint32_t walked = 0; walked < SH_FEED_HISTORY_COUNT_MAX; walked++) {
        const int64_t time_ms = sh_event_ref_time(ref);
        const uint32_t item = sh_event_ref_item(ref);
        if (!in_last_days(time_ms, now_ms, days)) break;
        if (time_ms <= now_ms && item != SH_NO_ITEM) {
            const struct sh_feed_weight weight = sh_feed_weight(model, sh_event_ref_type(ref));
            if (weight.is_bought && in_last_days(time_ms, now_ms, config->bought_days))
                run->bought[run->bought_count++] = item;
            if (weight.is_seen && in_last_days(time_ms, now_ms, config->seen_days)) run->seen[run->seen_count++] = item;
        }
        if (!sh_event_history_next(model->scope.events, &ref)) break;
    }
    return SH_OK;
}

enum sh_status held_begin(struct feed_run *run) {
    const struct sh_feed_request *request = run->request;
    if (request->excluded_count > 0) {
        run->excluded = sh_arena_copy(run->arena, request->excluded, request->excluded_count * sizeof(uint32_t));
        if (run->excluded == NULL) return SH_ERR_LIMIT;
        run->excluded_count = sort_unique(run->excluded, request->excluded_count);
    }
    if (request->user != SH_SLOT_NONE) {
        const enum sh_status status = collect_history(run);
        if (status != SH_OK) return status;
    }
    run->bought_count = sort_unique(run->bought, run->bought_count);
    run->bought_count = without(run->bought, run->bought_count, run->excluded, run->excluded_count);
    run->seen_count = sort_unique(run->seen, run->seen_count);
    run->seen_count = without(run->seen, run->seen_count, run->excluded, run->excluded_count);
    run->seen_count = without(run->seen, run->seen_count, run->bought, run->bought_count);
    return SH_OK;
}
