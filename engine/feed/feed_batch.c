/* feed_batch.c -- learning a batch of events, with the memory of those to come asked for ahead.
 *
 *   event    i                i + 3            i + 6             i + 9              i + 12
 *         learned   <-   places of pairs  <-  companions'   <-  lists, visits,  <-  where users and items
 *                                             heads, clicks     the item's tags     have theirs
 *
 * Each step reads what the step before it asked for, three events earlier: an event touches some forty lines, and those of
 * many more than twelve events would have left the nearest memory before their turn. They are hints: what moves or grows
 * in between costs a wait, no more.
 */
#include "feed_private.h"
#include "hash.h"
#include "prefetch.h"

enum { STEP = 3, AFFINITY_LINES = 7 /* of a full list */ };

SH_PREFETCHER void ahead_roots(const struct sh_feed_model *model, const struct sh_event *event) {
    if (event->slot < model->user_capacity) __builtin_prefetch(&model->users[event->slot]);
    if (event->item < model->item_capacity) {
        __builtin_prefetch(&model->popularity[event->item], 1);
        __builtin_prefetch(&model->stale[event->item / 64], 1);
    }
    sh_trends_prefetch(model->trends, SH_TREND_EVERYWHERE, event->item);
    for (uint32_t set = 0; set < sh_table_tag_set_count(model->scope.items); set++)
        sh_table_prefetch_tag_cell(model->scope.items, set, event->item);
    sh_sessions_prefetch(model->sessions, SH_SESSIONS_AHEAD_ROOTS, event->slot, event->item);
    sh_pairs_prefetch(model->liked, SH_PAIRS_AHEAD_ROOTS, event->slot, event->item);
}

void affinity_prefetch(const struct sh_feed_model *model, uint32_t user) {
    const struct affinity *affinity = user < model->user_capacity ? model->users[user] : NULL;
    if (affinity == NULL) return;
    /* The first line says how many follow, but to wait for it is what this is to save. */
    for (uint32_t line = 0; line < AFFINITY_LINES; line++)
        __builtin_prefetch((const uint8_t *)affinity + (size_t)64 * line, 1);
}

SH_PREFETCHER void ahead_lists(const struct sh_feed_model *model, const struct sh_event *event) {
    affinity_prefetch(model, event->slot);
    for (uint32_t set = 0; set < sh_table_tag_set_count(model->scope.items); set++)
        sh_table_prefetch_tags(model->scope.items, set, event->item);
    sh_sessions_prefetch(model->sessions, SH_SESSIONS_AHEAD_VISIT, event->slot, event->item);
    sh_pairs_prefetch(model->liked, SH_PAIRS_AHEAD_LATEST, event->slot, event->item);
}

SH_PREFETCHER void ahead_items(const struct sh_feed_model *model, const struct sh_event *event) {
    sh_sessions_prefetch(model->sessions, SH_SESSIONS_AHEAD_CLICKS, event->slot, event->item);
    sh_pairs_prefetch(model->liked, SH_PAIRS_AHEAD_ITEMS, event->slot, event->item);
    /* A visit that begins is named by its user's id. */
    if (sh_sessions_begins(model->sessions, event->slot, event->time_ms))
        sh_table_prefetch_id(model->scope.users, event->slot);
}

static void ahead_places(const struct sh_feed_model *model, const struct sh_event *event) {
    sh_pairs_prefetch(model->liked, SH_PAIRS_AHEAD_PLACES, event->slot, event->item);
    if (!sh_sessions_begins(model->sessions, event->slot, event->time_ms)) return;
    const uint64_t user_hash = sh_id_hash(sh_table_id(model->scope.users, event->slot));
    sh_sessions_prefetch_key(model->sessions, sh_session_key(user_hash, event->time_ms));
}

static const struct sh_event *event_at(const struct sh_event *events, uint32_t count, uint32_t at) {
    return at < count && events[at].item != SH_NO_ITEM ? &events[at] : NULL;
}

static void ahead(const struct sh_feed_model *model, const struct sh_event *events, uint32_t count, uint32_t at) {
    const struct sh_event *event;
    if ((event = event_at(events, count, at + 4 * STEP)) != NULL) ahead_roots(model, event);
    if ((event = event_at(events, count, at + 3 * STEP)) != NULL) ahead_lists(model, event);
    if ((event = event_at(events, count, at + 2 * STEP)) != NULL) ahead_items(model, event);
    if ((event = event_at(events, count, at + STEP)) != NULL) ahead_places(model, event);
}

void sh_feed_learn_all(struct sh_feed_model *model, const struct sh_event *events, uint32_t count, int64_t now_ms,
                       const struct sh_feed_listener *listener) {
    for (uint32_t i = 0; i < count; i++) {
        struct sh_feed_lesson lesson;
        ahead(model, events, count, i);
        const enum sh_status status = sh_feed_learn(model, &events[i], now_ms, &lesson);
        if (listener != NULL) listener->told(listener->context, i, status, &lesson);
    }
}
