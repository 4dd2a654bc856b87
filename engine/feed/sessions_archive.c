/* sessions_archive.c -- visits as a section of an archive.
 *
 *   section sessions 1
 *     u32 count of places, u32 count of sessions, u32 first free place
 *     each place     struct session_head; count 0: free, and heap_at is the next free one. Else u32 items clicked
 *     u32 count of items up to the last that is in a list, then for each u32 count, u32 sessions, ascending by age
 *     u64 behind_seen, u64 behind_hits
 *
 * Places, heap and lists are as they were, since what a full list once lost is not in the sessions. The table, and how
 * many sessions have an item, follow.
 */
#include <string.h>

#include "memory.h"
#include "sessions_private.h"

enum { SESSIONS_VERSION = 1, SESSION_IS_CURRENT = 1 };

struct session_head {
    int64_t start_ms;
    uint64_t key;
    int64_t last_ms;
    uint32_t user;
    uint32_t heap_at;
    uint32_t count;
    uint32_t flags; /* IS_CURRENT: the user's latest */
};
_Static_assert(sizeof(struct session_head) == 40, "written as is: no padding");

/* ---- Saving ---- */

static void save_session(const struct sh_sessions *sessions, uint32_t number, struct sh_archive_writer *writer) {
    const struct session *session = &sessions->sessions[number];
    struct session_head head = {.heap_at = session->heap_at, .count = session->count};
    if (session->count > 0) {
        head.start_ms = session->start_ms;
        head.key = session->key;
        head.last_ms = session->last_ms;
        head.user = session->user;
        if (session->user < sessions->user_capacity && sessions->users[session->user] == number + 1)
            head.flags = SESSION_IS_CURRENT;
    }
    sh_archive_put(writer, &head, sizeof head);
    sh_archive_put(writer, session->clicks, session->count * sizeof *session->clicks);
}

static void save_lists(const struct sh_sessions *sessions, struct sh_archive_writer *writer) {
    uint32_t count = sessions->item_capacity;
    while (count > 0 && sessions->items[count - 1].count == 0)
        count--;
    sh_archive_put_u32(writer, count);
    for (uint32_t slot = 0; slot < count; slot++) {
        const struct item_sessions *item = &sessions->items[slot];
        sh_archive_put_u32(writer, item->count);
        if (item->count > 0) sh_archive_put(writer, item->list + item->begin, item->count * sizeof *item->list);
    }
}

void sh_sessions_save(const struct sh_sessions *sessions, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "sessions", SESSIONS_VERSION);
    sh_archive_put_u32(writer, sessions->session_end);
    sh_archive_put_u32(writer, sessions->count);
    sh_archive_put_u32(writer, sessions->first_free);
    for (uint32_t i = 0; i < sessions->session_end; i++)
        save_session(sessions, i, writer);
    save_lists(sessions, writer);
    sh_archive_put(writer, sessions->behind_seen, sizeof sessions->behind_seen);
    sh_archive_put(writer, sessions->behind_hits, sizeof sessions->behind_hits);
    sh_archive_end(writer);
}

/* ---- Loading ---- */

struct loading {
    struct sh_sessions *sessions;
    struct sh_archive_reader *reader;
    uint32_t item_end;
    uint32_t user_end;
    uint32_t count; /* of sessions that are to come in all */
};

static bool refuse(struct loading *loading, const char *words) {
    (void)sh_archive_refuse(loading->reader, "%s", words);
    return false;
}

static bool no_memory(struct loading *loading) {
    (void)sh_archive_refuse_memory(loading->reader);
    return false;
}

static bool is_instant(int64_t time_ms) {
    return time_ms >= SH_INSTANT_MIN && time_ms <= SH_INSTANT_MAX;
}

/* Room for all places, the heap and the table, in which nothing stands yet. */
static bool reserve_all(struct loading *loading, uint32_t place_count) {
    struct sh_sessions *sessions = loading->sessions;
    uint32_t capacity = SESSION_TABLE_COUNT_MIN;
    while (loading->count > capacity / 2)
        capacity *= 2;
    if (place_count == 0) return true;
    if (sh_grow((void **)&sessions->sessions, &sessions->session_capacity, place_count, sizeof *sessions->sessions) !=
            SH_OK ||
        sh_grow((void **)&sessions->heap, &sessions->heap_capacity, place_count, sizeof *sessions->heap) != SH_OK ||
        (sessions->table = sh_alloc_zero(capacity * sizeof *sessions->table)) == NULL)
        return no_memory(loading);
    memset(sessions->heap, 0xFF, loading->count * sizeof *sessions->heap); /* SH_SLOT_NONE */
    sessions->table_capacity = capacity;
    return true;
}

/* Every item that it clicks on counts it once. */
static bool count_items(struct loading *loading, struct session *session) {
    struct sh_sessions *sessions = loading->sessions;
    for (uint32_t i = 0; i < session->count; i++) {
        const uint32_t item = session->clicks[i];
        bool is_first = item != SH_NO_ITEM;
        for (uint32_t k = 0; k < i; k++)
            is_first = is_first && session->clicks[k] != item;
        if (!is_first) continue;
        if (item >= loading->item_end) return refuse(loading, "a visit has an item that is not there");
        if (session_items_reserve(sessions, item) != SH_OK) return no_memory(loading);
        sessions->items[item].session_count++;
        session->different++;
    }
    return true;
}

static bool load_session(struct loading *loading, const struct session_head *head) {
    struct sh_sessions *sessions = loading->sessions;
    const uint32_t number = sessions->session_end;
    if (head->count > SH_SESSION_CLICK_COUNT_MAX || (head->flags & ~(uint32_t)SESSION_IS_CURRENT) != 0 ||
        !is_instant(head->start_ms) || !is_instant(head->last_ms))
        return refuse(loading, "a visit has too many clicks, or no time");
    if (head->heap_at >= loading->count || sessions->heap[head->heap_at] != SH_SLOT_NONE)
        return refuse(loading, "two visits have one place in their order");
    struct session session = {.start_ms = head->start_ms,
                              .key = head->key,
                              .last_ms = head->last_ms,
                              .user = head->user,
                              .heap_at = head->heap_at,
                              .count = (uint8_t)head->count,
                              .size = (uint8_t)session_size_for(head->count - 1)};
    session.clicks = pool_take(&sessions->clicks, session.size, session_click_bytes(session.size));
    if (session.clicks == NULL) return no_memory(loading);
    if (!sh_archive_get(loading->reader, session.clicks, head->count * sizeof *session.clicks)) return false;
    uint32_t *place = &sessions->table[session_table_place(sessions, session.key)];
    if (*place != 0) return refuse(loading, "two visits have one key");
    sessions->sessions[sessions->session_end++] = session;
    sessions->heap[session.heap_at] = number;
    sessions->count++;
    *place = number + 1;
    if (!count_items(loading, &sessions->sessions[number])) return false;
    if ((head->flags & SESSION_IS_CURRENT) == 0) return true;
    if (session.user >= loading->user_end) return refuse(loading, "a visit is of somebody who is not there");
    if (session_users_reserve(sessions, session.user) != SH_OK) return no_memory(loading);
    sessions->users[session.user] = number + 1;
    return true;
}

static bool load_place(struct loading *loading) {
    struct sh_sessions *sessions = loading->sessions;
    struct session_head head;
    if (!sh_archive_get(loading->reader, &head, sizeof head)) return false;
    if (head.count > 0) return load_session(loading, &head);
    sessions->sessions[sessions->session_end++] = (struct session){.user = SH_SLOT_NONE, .heap_at = head.heap_at};
    return true;
}

/* Each free place is in the chain of free ones, once. */
static bool free_places_are_good(const struct sh_sessions *sessions) {
    uint32_t count = sessions->count;
    for (uint32_t at = sessions->first_free; at != SH_SLOT_NONE; at = sessions->sessions[at].heap_at) {
        if (at >= sessions->session_end || sessions->sessions[at].count > 0 || ++count > sessions->session_end)
            return false;
    }
    return count == sessions->session_end;
}

static bool heap_is_good(const struct sh_sessions *sessions) {
    for (uint32_t i = 1; i < sessions->count; i++) {
        const struct session *session = &sessions->sessions[sessions->heap[i]];
        if (session_is_older(session, &sessions->sessions[sessions->heap[(i - 1) / 2]])) return false;
    }
    return true;
}

static bool load_list(struct loading *loading, uint32_t slot) {
    struct sh_sessions *sessions = loading->sessions;
    const uint32_t count =
        sh_archive_get_count(loading->reader, sessions->limits.of_item, sizeof(uint32_t), "visits that had an item");
    const struct session *before = NULL;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t number = sh_archive_get_u32(loading->reader);
        if (sh_archive_failed(loading->reader)) return false;
        const struct session *session = number < sessions->session_end ? &sessions->sessions[number] : NULL;
        if (session == NULL || !session_has_click(session, slot) ||
            (before != NULL && !session_is_older(before, session)))
            return refuse(loading, "an item lists a visit that does not have it, or out of order");
        if (session_list_reserve(sessions, slot) != SH_OK) return no_memory(loading);
        struct item_sessions *item = &sessions->items[slot];
        item->list[item->begin + item->count++] = number;
        item->latest_start_ms = session->start_ms; /* lists ascend */
        before = session;
    }
    return !sh_archive_failed(loading->reader);
}

static bool load_all(struct loading *loading) {
    struct sh_sessions *sessions = loading->sessions;
    struct sh_archive_reader *reader = loading->reader;
    const uint32_t place_count =
        sh_archive_get_count(reader, SH_SESSION_COUNT_MAX, sizeof(struct session_head), "visits");
    loading->count = sh_archive_get_u32(reader);
    sessions->first_free = sh_archive_get_u32(reader);
    if (sh_archive_failed(reader)) return false;
    if (loading->count > place_count) return refuse(loading, "there are more visits than places of visits");
    if (!reserve_all(loading, place_count)) return false;
    for (uint32_t i = 0; i < place_count; i++) {
        if (!load_place(loading)) return false;
    }
    if (sessions->count != loading->count || !free_places_are_good(sessions) || !heap_is_good(sessions))
        return refuse(loading, "visits are not in the order of their age, or their places not in order");
    const uint32_t list_count = sh_archive_get_count(reader, loading->item_end, sizeof(uint32_t), "items of visits");
    for (uint32_t slot = 0; slot < list_count; slot++) {
        if (!load_list(loading, slot)) return false;
    }
    (void)sh_archive_get(reader, sessions->behind_seen, sizeof sessions->behind_seen);
    return sh_archive_get(reader, sessions->behind_hits, sizeof sessions->behind_hits);
}

enum sh_status sh_sessions_load(struct sh_sessions *sessions, uint32_t item_end, uint32_t user_end,
                                struct sh_archive_reader *reader) {
    sh_assert(sessions->session_end == 0);
    if (sh_archive_enter(reader, "sessions", SESSIONS_VERSION) == 0) return sh_archive_status(reader, NULL);
    struct loading loading = {.sessions = sessions, .reader = reader, .item_end = item_end, .user_end = user_end};
    if (load_all(&loading)) sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
