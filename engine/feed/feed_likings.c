/* feed_likings.c -- going through a user's history for what it says the user likes. */
#include "feed_likings.h"

#include "hash.h"

enum { PLACE_COUNT = 4 * SH_LIKING_COUNT_MAX };

struct gathering {
    struct sh_entry *entries;
    uint32_t count;
    uint16_t places[PLACE_COUNT]; /* 1 + where an item stands; 0: free */
};
_Static_assert(SH_LIKING_COUNT_MAX < UINT16_MAX, "a place is 16 bits");

/* The item's entry, new with weight 0; NULL: there is no room. */
static struct sh_entry *find_entry(struct gathering *gathering, uint32_t item) {
    uint32_t place = (uint32_t)(sh_hash_mix(item, 11) % PLACE_COUNT);
    while (gathering->places[place] != 0) {
        struct sh_entry *entry = &gathering->entries[gathering->places[place] - 1];
        if (entry->number == item) return entry;
        place = (place + 1) % PLACE_COUNT;
    }
    if (gathering->count == SH_LIKING_COUNT_MAX) return NULL;
    gathering->entries[gathering->count] = (struct sh_entry){item, 0};
    gathering->places[place] = (uint16_t)++gathering->count;
    return &gathering->entries[gathering->count - 1];
}

static void note(struct gathering *gathering, uint32_t item, double weight) {
    struct sh_entry *entry = find_entry(gathering, item);
    if (entry == NULL || entry->weight < 0) return;
    if (weight < 0 || (float)weight > entry->weight) entry->weight = (float)weight;
}

/* reading: NULL: by the workspace's weights. */
static void note_history(struct gathering *gathering, const struct sh_feed_model *model,
                         const struct sh_feed_reading *reading, uint32_t user, int64_t now_ms) {
    struct sh_event_ref ref;
    if (!sh_event_history_first(model->scope.events, user, &ref)) return;
    for (uint32_t walked = 0; walked < SH_LIKING_WALK_MAX; walked++) {
        const uint32_t item = sh_event_ref_item(ref);
        const uint32_t type = sh_event_ref_type(ref);
        const double weight = reading != NULL ? reading->weights[type] : sh_feed_weight(model, type).weight;
        if (item != SH_NO_ITEM && weight != 0 && sh_event_ref_time(ref) <= now_ms) note(gathering, item, weight);
        if (!sh_event_history_next(model->scope.events, &ref)) break;
    }
}

static uint32_t keep_liked(struct gathering *gathering) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < gathering->count; i++)
        if (gathering->entries[i].weight > 0) gathering->entries[kept++] = gathering->entries[i];
    return kept;
}

uint32_t sh_feed_likings(const struct sh_feed_model *model, uint32_t user, int64_t now_ms,
                         struct sh_entry likings[SH_LIKING_COUNT_MAX]) {
    struct gathering gathering = {.entries = likings};
    note_history(&gathering, model, NULL, user, now_ms);
    return keep_liked(&gathering);
}

enum sh_status likings_of_run(struct feed_run *run, const struct feed_likings **found) {
    const struct sh_feed_request *request = run->request;
    struct feed_likings *likings = run->likings;
    *found = likings;
    if (likings != NULL) return SH_OK;
    likings = sh_arena_alloc_zero(run->arena, sizeof *likings);
    if (likings == NULL) return SH_ERR_LIMIT;
    struct gathering gathering = {.count = 0};
    gathering.entries = sh_arena_alloc(run->arena, SH_LIKING_COUNT_MAX * sizeof *gathering.entries);
    if (gathering.entries == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = request->clicks == NULL ? 0 : request->click_count; i-- > 0;)
        note(&gathering, request->clicks[i], 1);
    if (request->user != SH_SLOT_NONE)
        note_history(&gathering, run->model, request->reading, request->user, request->now_ms);
    likings->entries = gathering.entries;
    likings->count = keep_liked(&gathering);
    run->likings = likings;
    *found = likings;
    return SH_OK;
}
