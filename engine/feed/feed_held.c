/* feed_held.c -- what a request holds back: what the caller excludes, and what the user did with items lately.
 *
 * One walk through the user's newest events finds, for each item, the kinds of acts in their windows, how many there
 * are in the windows of the caps, and how often it was served since it was last seen.
 */
#include "calendar.h"
#include "feed_feature.h"

enum { FIRST_ITEMS = 128 };

/* What the walk knows of one item. */
struct trace {
    uint32_t kinds; /* bits: in their windows */
    uint32_t cap_counts[SH_FEED_CAP_COUNT_MAX];
    uint32_t served; /* since it was last seen */
    bool is_seen;    /* an event of seeing was met: what is older does not tire */
};

struct walk {
    struct feed_run *run;
    struct feed_sparse places; /* of items in traces */
    struct trace *traces;
    struct sh_feed_weight weights[SH_EVENT_TYPE_COUNT_MAX];
    bool matters[SH_EVENT_TYPE_COUNT_MAX];
};

static int by_slot(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static uint32_t sort_unique(uint32_t *slots, uint32_t count) {
    if (count == 0) return 0; /* slots may be NULL then */
    qsort(slots, count, sizeof *slots, by_slot);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || slots[kept - 1] != slots[i]) slots[kept++] = slots[i];
    return kept;
}

bool item_is_excluded(const struct feed_run *run, uint32_t item) {
    uint32_t low = 0;
    uint32_t count = run->excluded_count;
    while (count > 0) {
        const uint32_t half = count / 2;
        if (run->excluded[low + half] < item) {
            low += half + 1;
            count -= half + 1;
        } else {
            if (run->excluded[low + half] == item) return true;
            count = half;
        }
    }
    return false;
}

uint32_t item_held_by(const struct feed_run *run, uint32_t item) {
    for (uint32_t i = 0; i < run->held_count; i++)
        if (run->held[i].item == item) return run->held[i].rules;
    return 0;
}

/* ---- History ---- */

static bool is_kind(struct sh_feed_weight weight, enum sh_feed_kind kind) {
    switch (kind) {
    case SH_FEED_SERVED:
        return weight.is_served;
    case SH_FEED_SEEN:
        return weight.is_seen;
    case SH_FEED_SKIPPED:
        return weight.is_skipped;
    case SH_FEED_DISLIKED:
        return weight.is_disliked;
    default:
        return weight.is_bought;
    }
}

static int64_t longest_window(const struct sh_feed_rules *rules) {
    int64_t window_ms = rules->fatigue_ms;
    for (uint32_t kind = 0; kind < SH_FEED_KIND_COUNT; kind++)
        if (rules->held_ms[kind] > window_ms) window_ms = rules->held_ms[kind];
    for (uint32_t i = 0; i < rules->cap_count; i++)
        if (rules->caps[i].window_ms > window_ms) window_ms = rules->caps[i].window_ms;
    return window_ms;
}

/* The kinds whose events some rule looks at. */
static uint32_t kinds_that_matter(const struct sh_feed_rules *rules) {
    uint32_t kinds = rules->fatigue_ms > 0 ? 1u << SH_FEED_SERVED | 1u << SH_FEED_SEEN : 0;
    for (uint32_t kind = 0; kind < SH_FEED_KIND_COUNT; kind++)
        if (rules->held_ms[kind] > 0) kinds |= 1u << kind;
    for (uint32_t i = 0; i < rules->cap_count; i++)
        kinds |= 1u << rules->caps[i].kind;
    return kinds;
}

/* By event type: is it of such a kind? */
static void find_types(struct walk *walk) {
    const struct sh_feed_model *model = walk->run->model;
    const uint32_t kinds = kinds_that_matter(walk->run->rules);
    for (uint32_t type = 0; type < sh_event_type_count(model->scope.events); type++) {
        walk->weights[type] = sh_feed_weight(model, type);
        for (uint32_t kind = 0; kind < SH_FEED_KIND_COUNT; kind++)
            if ((kinds >> kind & 1) != 0 && is_kind(walk->weights[type], (enum sh_feed_kind)kind))
                walk->matters[type] = true;
    }
}

/* Most users have done something with a few dozen items. */
static enum sh_status grow(struct walk *walk) {
    struct sh_arena *arena = walk->run->arena;
    const uint32_t capacity = walk->places.capacity == 0 ? FIRST_ITEMS : walk->places.capacity * 4;
    struct feed_sparse places;
    if (feed_sparse_init(&places, capacity, arena) != SH_OK) return SH_ERR_LIMIT;
    struct trace *traces = sh_arena_alloc(arena, capacity * sizeof *traces);
    if (traces == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < walk->places.count; i++) {
        feed_sparse_add(&places, walk->places.items[i], 0);
        traces[i] = walk->traces[i];
    }
    walk->places = places;
    walk->traces = traces;
    return SH_OK;
}

static enum sh_status note_event(struct walk *walk, struct sh_feed_weight weight, uint32_t item, int64_t age_ms) {
    const struct sh_feed_rules *rules = walk->run->rules;
    struct trace trace = {0};
    bool is_told = false;
    for (uint32_t kind = 0; kind < SH_FEED_KIND_COUNT; kind++) {
        if (!is_kind(weight, (enum sh_feed_kind)kind)) continue;
        if (age_ms < rules->held_ms[kind]) trace.kinds |= 1u << kind;
        for (uint32_t i = 0; i < rules->cap_count; i++)
            trace.cap_counts[i] += rules->caps[i].kind == kind && age_ms < rules->caps[i].window_ms;
        is_told = true;
    }
    if (!is_told) return SH_OK;
    if (feed_sparse_place(&walk->places, item) == walk->places.count) {
        if (walk->places.count == walk->places.capacity && grow(walk) != SH_OK) return SH_ERR_LIMIT;
        walk->traces[walk->places.count] = (struct trace){0};
        feed_sparse_add(&walk->places, item, 0);
    }
    struct trace *known = &walk->traces[feed_sparse_place(&walk->places, item)];
    known->kinds |= trace.kinds;
    for (uint32_t i = 0; i < rules->cap_count; i++)
        known->cap_counts[i] += trace.cap_counts[i];
    known->is_seen = known->is_seen || weight.is_seen;
    known->served += weight.is_served && !known->is_seen && age_ms < rules->fatigue_ms;
    return SH_OK;
}

/* What the walk found, as rules that hold back and as fatigue. */
static enum sh_status conclude(struct walk *walk) {
    struct feed_run *run = walk->run;
    const struct sh_feed_rules *rules = run->rules;
    const uint32_t count = walk->places.count;
    run->held = sh_arena_alloc(run->arena, (count + (size_t)1) * sizeof *run->held);
    if (run->held == NULL) return SH_ERR_LIMIT;
    if (rules->fatigue_ms > 0) {
        run->fatigue = sh_arena_alloc(run->arena, sizeof *run->fatigue);
        if (run->fatigue == NULL || feed_sparse_init(run->fatigue, count, run->arena) != SH_OK) return SH_ERR_LIMIT;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct trace *trace = &walk->traces[i];
        const uint32_t item = walk->places.items[i];
        uint32_t held = trace->kinds;
        for (uint32_t k = 0; k < rules->cap_count; k++)
            if (trace->cap_counts[k] >= rules->caps[k].count) held |= 1u << SH_FEED_RULE_CAP;
        if (trace->served > 0)
            feed_sparse_add(run->fatigue, item,
                            trace->served < SH_FEED_FATIGUE_TIMES_MAX ? trace->served : SH_FEED_FATIGUE_TIMES_MAX);
        if (held != 0 && !item_is_excluded(run, item))
            run->held[run->held_count++] = (struct held_item){.item = item, .rules = held};
    }
    return SH_OK;
}

static enum sh_status walk_history(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    const int64_t now_ms = run->request->now_ms;
    const int64_t window_ms = longest_window(run->rules);
    struct sh_event_ref ref;
    if (window_ms == 0 || !sh_event_history_first(model->scope.events, run->request->user, &ref)) return SH_OK;
    struct walk *walk = sh_arena_alloc_zero(run->arena, sizeof *walk);
    if (walk == NULL) return SH_ERR_LIMIT;
    walk->run = run;
    find_types(walk);
    for (uint32_t walked = 0; walked < SH_FEED_HISTORY_COUNT_MAX; walked++) {
        const int64_t age_ms = now_ms - sh_event_ref_time(ref);
        const uint32_t item = sh_event_ref_item(ref);
        if (age_ms >= window_ms) break;
        const uint32_t type = sh_event_ref_type(ref);
        if (walk->matters[type] && age_ms >= 0 && item != SH_NO_ITEM &&
            note_event(walk, walk->weights[type], item, age_ms) != SH_OK)
            return SH_ERR_LIMIT;
        if (!sh_event_history_next(model->scope.events, &ref)) break;
    }
    return conclude(walk);
}

enum sh_status held_begin(struct feed_run *run) {
    const struct sh_feed_request *request = run->request;
    if (request->excluded_count > 0) {
        run->excluded = sh_arena_copy(run->arena, request->excluded, request->excluded_count * sizeof(uint32_t));
        if (run->excluded == NULL) return SH_ERR_LIMIT;
        run->excluded_count = sort_unique(run->excluded, request->excluded_count);
    }
    return request->user == SH_SLOT_NONE ? SH_OK : walk_history(run);
}
