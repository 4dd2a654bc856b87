/* feed_profile.c -- what a request knows of its user: the tags they are drawn to, what they bought, what they saw. */
#include <math.h>

#include "calendar.h"
#include "feed_math.h"
#include "feed_private.h"

/* ---- Tags ---- */

static struct profile_tag *profile_find(struct feed_run *run, uint32_t tag) {
    for (uint32_t i = 0; i < run->profile_count; i++)
        if (run->profile[i].tag == tag) return &run->profile[i];
    if (run->profile_count == PROFILE_COUNT_MAX) return NULL;
    struct profile_tag *added = &run->profile[run->profile_count++];
    *added = (struct profile_tag){.tag = tag, .order = tag_order(run->model->scope.items, tag)};
    return added;
}

static void add_affinities(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    const uint32_t user = run->request->user;
    if (user >= model->user_capacity || model->users[user] == NULL) return;
    struct affinity *affinity = model->users[user];
    const struct sh_feed_config *config = &model->config;
    const double back_ms = (double)(affinity->landmark_ms - run->request->now_ms);
    const double short_factor = config->short_share * feed_math_growth(back_ms / config->half_life_short_ms);
    const double long_factor = (1 - config->short_share) * feed_math_growth(back_ms / config->half_life_long_ms);
    for (uint32_t i = 0; i < affinity->count; i++) {
        struct profile_tag *tag = profile_find(run, affinity_tags(affinity)[i]);
        if (tag == NULL) return;
        tag->affinity =
            short_factor * (double)affinity_short(affinity)[i] + long_factor * (double)affinity_long(affinity)[i];
    }
}

static void add_declared_text(struct feed_run *run, struct sh_text text) {
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    const uint32_t count = tags_of_text(run->model->scope.items, text, tags, ITEM_TAG_COUNT_MAX);
    for (uint32_t i = 0; i < count; i++) {
        struct profile_tag *tag = profile_find(run, tags[i]);
        if (tag == NULL || tag->declared != 0) continue; /* the same word in two sets of a user counts once */
        tag->declared = run->model->config.declared;
        tag->affinity += tag->declared;
    }
}

static void add_declared(struct feed_run *run) {
    const struct sh_table *users = run->model->scope.users;
    uint32_t left = SH_FEED_DECLARED_COUNT_MAX;
    if (run->model->config.declared == 0) return;
    for (uint32_t set = 0; set < sh_table_tag_set_count(users); set++) {
        struct sh_tag_list list;
        sh_table_tags(users, run->request->user, set, &list);
        for (uint32_t i = 0; i < list.count && left > 0; i++, left--)
            add_declared_text(run, sh_table_tag_text(users, set, list.codes[i]));
    }
}

static int by_order(const void *left, const void *right) {
    const struct profile_tag *a = left;
    const struct profile_tag *b = right;
    if (a->order != b->order) return a->order < b->order ? -1 : 1;
    return a->tag < b->tag ? -1 : a->tag > b->tag;
}

/* A_t becomes a_t; tags that no two items share say nothing and go. */
static void weigh_profile(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    qsort(run->profile, run->profile_count, sizeof *run->profile, by_order);
    double squares = 0;
    for (uint32_t i = 0; i < run->profile_count; i++)
        squares += run->profile[i].affinity * run->profile[i].affinity;
    const double scale = model->config.weight_affinity / (1.0 + sqrt(squares));
    uint32_t kept = 0;
    for (uint32_t i = 0; i < run->profile_count; i++) {
        struct profile_tag tag = run->profile[i];
        tag.items = tag_items(model->scope.items, tag.tag);
        const uint64_t holders = tag.items == NULL ? 0 : sh_bitmap_count(tag.items);
        if (holders < 2) continue;
        tag.weight = scale * tag.affinity * feed_math_log2(1.0 + (double)model->listed_count / (double)holders);
        if (tag.weight != 0) run->profile[kept++] = tag;
    }
    run->profile_count = kept;
    for (uint32_t i = 0; i < kept; i++) { /* insertion: at most PROFILE_COUNT_MAX */
        uint32_t place = i;
        for (; place > 0 && run->profile[run->by_tag[place - 1]].tag > run->profile[i].tag; place--)
            run->by_tag[place] = run->by_tag[place - 1];
        run->by_tag[place] = i;
    }
}

/* ---- What is held back ---- */

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

static enum sh_status collect_held(struct feed_run *run) {
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

enum sh_status run_prepare(struct feed_run *run) {
    const struct sh_feed_model *model = run->model;
    if (run->request->user != SH_SLOT_NONE) {
        add_affinities(run);
        add_declared(run);
    }
    weigh_profile(run);
    run->popularity_scale = model->top_root > 0 ? model->config.weight_popularity / model->top_root : 0;
    const double age_ms = (double)(model->recency_landmark_ms - run->request->now_ms);
    run->recency_scale = feed_math_exp2(age_ms / model->config.half_life_recency_ms);
    return collect_held(run);
}
