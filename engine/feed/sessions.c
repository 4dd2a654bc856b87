/* sessions.c -- the store of visits: clicks in, the oldest out. */
#include "sessions_private.h"

#include <string.h>

#include "hash.h"
#include "memory.h"
#include "prefetch.h"

enum {
    LIST_COUNT_MIN = 2,
    LIST_POOL_COUNT_MAX = 32, /* larger lists are memory of their own */
    LIST_COUNT_MAX = 2 * SH_SESSION_OF_ITEM_MAX,
};
_Static_assert(SH_SESSION_CLICK_COUNT_MAX == 4 << (CLICK_SIZE_COUNT - 1), "the largest size holds the longest session");

uint64_t sh_session_key(uint64_t user_hash, int64_t start_ms) {
    return sh_hash_mix(user_hash ^ UINT64_C(0xA24BAED4963EE407), (uint64_t)start_ms ^ UINT64_C(0x9FB21C651E98DF25));
}

/* ---- life ---- */

struct sh_sessions *sh_sessions_create(struct sh_session_limits limits) {
    struct sh_sessions *sessions = sh_alloc_zero(sizeof *sessions);
    if (sessions == NULL) return NULL;
    if (limits.session_count == 0) limits.session_count = SH_SESSION_COUNT_MAX;
    if (limits.of_item == 0) limits.of_item = SH_SESSION_OF_ITEM_MAX;
    sh_assert(limits.session_count <= SH_SESSION_COUNT_MAX && limits.of_item <= SH_SESSION_OF_ITEM_MAX);
    sessions->limits = limits;
    sessions->secret = sh_hash_secret();
    sessions->first_free = SH_SLOT_NONE;
    return sessions;
}

static bool list_is_large(const struct item_sessions *item) {
    return item->capacity > LIST_POOL_COUNT_MAX;
}

void sh_sessions_destroy(struct sh_sessions *sessions) {
    if (sessions == NULL) return;
    for (uint32_t i = 0; i < sessions->item_capacity; i++)
        if (list_is_large(&sessions->items[i])) sh_free(sessions->items[i].list);
    pool_deinit(&sessions->clicks);
    pool_deinit(&sessions->lists);
    sh_free(sessions->sessions);
    sh_free(sessions->heap);
    sh_free(sessions->table);
    sh_free(sessions->items);
    sh_free(sessions->users);
    sh_free(sessions->neighbour_of);
    sh_free(sessions->votes_of);
    sh_free(sessions->votes);
    sh_free(sessions->scores);
    sh_free(sessions);
}

/* ---- by key ---- */

uint32_t session_table_place(const struct sh_sessions *sessions, uint64_t key) {
    const uint32_t mask = sessions->table_capacity - 1;
    uint32_t place = session_table_home(sessions, key);
    while (sessions->table[place] != 0 && sessions->sessions[sessions->table[place] - 1].key != key)
        place = (place + 1) & mask;
    return place;
}

static uint32_t find(const struct sh_sessions *sessions, uint64_t key) {
    return sessions->table_capacity == 0 ? SH_SLOT_NONE : sessions->table[session_table_place(sessions, key)] - 1;
}

static enum sh_status table_reserve(struct sh_sessions *sessions) {
    if (sessions->count + 1 <= sessions->table_capacity / 2) return SH_OK;
    const uint32_t capacity = sessions->table_capacity == 0 ? SESSION_TABLE_COUNT_MIN : 2 * sessions->table_capacity;
    uint32_t *grown = sh_alloc_zero(capacity * sizeof *grown);
    if (grown == NULL) return SH_ERR_MEMORY;
    sh_free(sessions->table);
    sessions->table = grown;
    sessions->table_capacity = capacity;
    for (uint32_t i = 0; i < sessions->count; i++)
        grown[session_table_place(sessions, sessions->sessions[sessions->heap[i]].key)] = sessions->heap[i] + 1;
    return SH_OK;
}

/* What follows without a gap moves up, so that every search still ends at an empty place. */
static void table_remove(struct sh_sessions *sessions, uint64_t key) {
    const uint32_t mask = sessions->table_capacity - 1;
    uint32_t hole = session_table_place(sessions, key);
    for (uint32_t at = (hole + 1) & mask; sessions->table[at] != 0; at = (at + 1) & mask) {
        const uint32_t home = session_table_home(sessions, sessions->sessions[sessions->table[at] - 1].key);
        if (((at - home) & mask) < ((at - hole) & mask)) continue;
        sessions->table[hole] = sessions->table[at];
        hole = at;
    }
    sessions->table[hole] = 0;
}

/* ---- the heap of the oldest ---- */

static void heap_place(struct sh_sessions *sessions, uint32_t session, uint32_t at) {
    sessions->heap[at] = session;
    sessions->sessions[session].heap_at = at;
}

static bool is_older(const struct sh_sessions *sessions, uint32_t a, uint32_t b) {
    return session_is_older(&sessions->sessions[a], &sessions->sessions[b]);
}

static void heap_up(struct sh_sessions *sessions, uint32_t session, uint32_t at) {
    for (; at > 0 && is_older(sessions, session, sessions->heap[(at - 1) / 2]); at = (at - 1) / 2)
        heap_place(sessions, sessions->heap[(at - 1) / 2], at);
    heap_place(sessions, session, at);
}

static void heap_down(struct sh_sessions *sessions, uint32_t session, uint32_t at) {
    for (uint32_t child = 2 * at + 1; child < sessions->count; child = 2 * at + 1) {
        const uint32_t other = child + 1;
        if (other < sessions->count && is_older(sessions, sessions->heap[other], sessions->heap[child])) child = other;
        if (!is_older(sessions, sessions->heap[child], session)) break;
        heap_place(sessions, sessions->heap[child], at);
        at = child;
    }
    heap_place(sessions, session, at);
}

static void heap_remove(struct sh_sessions *sessions, uint32_t session) {
    const uint32_t hole = sessions->sessions[session].heap_at;
    const uint32_t last = sessions->heap[--sessions->count];
    if (last == session) return;
    if (hole > 0 && is_older(sessions, last, sessions->heap[(hole - 1) / 2]))
        heap_up(sessions, last, hole);
    else
        heap_down(sessions, last, hole);
}

/* ---- the sessions of an item ---- */

static uint32_t list_size(uint32_t capacity) {
    return (uint32_t)__builtin_ctz(capacity / LIST_COUNT_MIN);
}

static void list_free(struct sh_sessions *sessions, struct item_sessions *item) {
    if (item->capacity == 0) return;
    const size_t byte_count = item->capacity * sizeof *item->list;
    if (list_is_large(item)) {
        sessions->large_list_bytes -= byte_count;
        sh_free(item->list);
    } else {
        pool_give(&sessions->lists, list_size(item->capacity), byte_count, item->list);
    }
}

enum sh_status session_items_reserve(struct sh_sessions *sessions, uint32_t item) {
    const uint32_t old = sessions->item_capacity;
    const enum sh_status status =
        sh_grow((void **)&sessions->items, &sessions->item_capacity, (uint64_t)item + 1, sizeof *sessions->items);
    if (status == SH_OK && sessions->item_capacity > old)
        memset(&sessions->items[old], 0, (sessions->item_capacity - old) * sizeof *sessions->items);
    return status;
}

static bool list_has_room(const struct sh_sessions *sessions, uint32_t item_slot) {
    if (item_slot >= sessions->item_capacity) return false;
    const struct item_sessions *item = &sessions->items[item_slot];
    return item->begin + item->count < item->capacity;
}

enum sh_status session_list_reserve(struct sh_sessions *sessions, uint32_t item_slot) {
    const enum sh_status status = session_items_reserve(sessions, item_slot);
    if (status != SH_OK) return status;
    if (list_has_room(sessions, item_slot)) return SH_OK;
    struct item_sessions *item = &sessions->items[item_slot];
    if (item->begin > 0 && item->begin >= item->capacity / 4) {
        memmove(item->list, item->list + item->begin, item->count * sizeof *item->list);
        item->begin = 0;
        return SH_OK;
    }
    struct item_sessions grown = *item;
    grown.begin = 0;
    grown.capacity = item->capacity == 0 ? LIST_COUNT_MIN : 2 * item->capacity;
    sh_assert(grown.capacity <= LIST_COUNT_MAX);
    const size_t byte_count = grown.capacity * sizeof *grown.list;
    grown.list = list_is_large(&grown) ? sh_alloc(byte_count)
                                       : pool_take(&sessions->lists, list_size(grown.capacity), byte_count);
    if (grown.list == NULL) return SH_ERR_MEMORY;
    if (list_is_large(&grown)) sessions->large_list_bytes += byte_count;
    if (item->count > 0) memcpy(grown.list, item->list + item->begin, item->count * sizeof *item->list);
    list_free(sessions, item);
    *item = grown;
    return SH_OK;
}

/* How many of the list are older than the session. Most are, if not all: what is learned is new, and so it is looked for
 * from the end, in steps that double. */
static uint32_t list_rank(const struct sh_sessions *sessions, const struct item_sessions *item, uint32_t session) {
    const uint32_t *list = item->list + item->begin;
    uint32_t high = item->count;
    uint32_t low = high;
    if (item->latest_start_ms < sessions->sessions[session].start_ms) return high;
    for (uint32_t step = 1; low > 0; step *= 2) {
        low = low > step ? low - step : 0;
        if (is_older(sessions, list[low], session)) break;
        high = low;
    }
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (is_older(sessions, list[middle], session))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Room was reserved. */
static void list_insert(struct sh_sessions *sessions, uint32_t item_slot, uint32_t session) {
    struct item_sessions *item = &sessions->items[item_slot];
    item->session_count++;
    uint32_t rank = list_rank(sessions, item, session);
    if (item->count == sessions->limits.of_item) {
        if (rank == 0) return; /* older than all that are listed */
        item->begin++;
        item->count--;
        rank--;
    }
    uint32_t *place = item->list + item->begin + rank;
    memmove(place + 1, place, (item->count - rank) * sizeof *place);
    *place = session;
    item->count++;
    const int64_t start_ms = sessions->sessions[session].start_ms;
    if (item->count == 1 || start_ms > item->latest_start_ms) item->latest_start_ms = start_ms;
}

static void list_remove(struct sh_sessions *sessions, uint32_t item_slot, uint32_t session) {
    struct item_sessions *item = &sessions->items[item_slot];
    item->session_count--;
    if (item->count == 0) return;
    /* Who goes for want of room is the oldest of all, and so the first here, or older than the listed. */
    if (item->list[item->begin] == session) {
        item->begin++;
        item->count--;
        return;
    }
    if (is_older(sessions, session, item->list[item->begin])) return;
    const uint32_t rank = list_rank(sessions, item, session);
    uint32_t *place = item->list + item->begin + rank;
    if (rank == item->count || *place != session) return;
    item->count--;
    memmove(place, place + 1, (item->count - rank) * sizeof *place);
}

/* ---- sessions ---- */

/* The lists of a session that goes are anywhere in memory, each read at its begin: asked for together. */
SH_PREFETCHER void prefetch_lists(const struct sh_sessions *sessions, const struct session *session) {
    for (uint32_t i = 0; i < session->count; i++)
        if (session->clicks[i] != SH_NO_ITEM) __builtin_prefetch(&sessions->items[session->clicks[i]], 1);
    for (uint32_t i = 0; i < session->count; i++) {
        if (session->clicks[i] == SH_NO_ITEM) continue;
        const struct item_sessions *item = &sessions->items[session->clicks[i]];
        if (item->count > 0) __builtin_prefetch(item->list + item->begin);
    }
}

static void session_remove(struct sh_sessions *sessions, uint32_t number) {
    struct session *session = &sessions->sessions[number];
    prefetch_lists(sessions, session);
    for (uint32_t i = 0; i < session->count; i++) {
        const uint32_t item = session->clicks[i];
        session->clicks[i] = SH_NO_ITEM; /* its second click finds the item gone already */
        if (item == SH_NO_ITEM) continue;
        for (uint32_t k = i + 1; k < session->count; k++)
            if (session->clicks[k] == item) session->clicks[k] = SH_NO_ITEM;
        list_remove(sessions, item, number);
    }
    table_remove(sessions, session->key);
    heap_remove(sessions, number);
    pool_give(&sessions->clicks, session->size, session_click_bytes(session->size), session->clicks);
    *session = (struct session){.user = SH_SLOT_NONE, .heap_at = sessions->first_free};
    sessions->first_free = number;
}

/* Room for the session's array, heap and table, and for a click list of the size; nothing is visible yet. */
static enum sh_status session_reserve(struct sh_sessions *sessions, uint32_t size, uint32_t **clicks) {
    enum sh_status status = table_reserve(sessions);
    if (status != SH_OK) return status;
    status = sh_grow((void **)&sessions->heap, &sessions->heap_capacity, (uint64_t)sessions->count + 1,
                     sizeof *sessions->heap);
    if (status != SH_OK) return status;
    status = sh_grow((void **)&sessions->sessions, &sessions->session_capacity, (uint64_t)sessions->session_end + 1,
                     sizeof *sessions->sessions);
    if (status != SH_OK) return status;
    *clicks = pool_take(&sessions->clicks, size, session_click_bytes(size));
    return *clicks == NULL ? SH_ERR_MEMORY : SH_OK;
}

/* The session, new and without clicks. *number SH_SLOT_NONE: it is older than all of a full store. */
static enum sh_status session_make(struct sh_sessions *sessions, const struct sh_session_click *click,
                                   uint32_t *number) {
    const struct session made = {.start_ms = click->start_ms, .key = click->key};
    *number = SH_SLOT_NONE;
    const bool is_full = sessions->count == sessions->limits.session_count;
    if (is_full && session_is_older(&made, &sessions->sessions[sessions->heap[0]])) return SH_OK;
    uint32_t *clicks;
    const uint32_t size = session_size_for(click->place);
    const enum sh_status status = session_reserve(sessions, size, &clicks);
    if (status != SH_OK) return status;
    if (is_full) session_remove(sessions, sessions->heap[0]);
    *number = sessions->first_free == SH_SLOT_NONE ? sessions->session_end++ : sessions->first_free;
    struct session *session = &sessions->sessions[*number];
    if (sessions->first_free != SH_SLOT_NONE) sessions->first_free = session->heap_at;
    *session = made;
    session->user = SH_SLOT_NONE;
    session->clicks = clicks;
    session->size = (uint8_t)size;
    heap_up(sessions, *number, sessions->count++);
    sessions->table[session_table_place(sessions, made.key)] = *number + 1;
    return SH_OK;
}

static enum sh_status clicks_reserve(struct sh_sessions *sessions, struct session *session, uint32_t place) {
    const uint32_t size = session_size_for(place);
    if (size <= session->size) return SH_OK;
    uint32_t *grown = pool_take(&sessions->clicks, size, session_click_bytes(size));
    if (grown == NULL) return SH_ERR_MEMORY;
    memcpy(grown, session->clicks, session->count * sizeof *grown);
    pool_give(&sessions->clicks, session->size, session_click_bytes(session->size), session->clicks);
    session->clicks = grown;
    session->size = (uint8_t)size;
    return SH_OK;
}

static void count_behind(struct sh_sessions *sessions, const struct sh_session_click *click) {
    for (uint32_t l = 1; l <= click->behind_count; l++)
        sessions->behind_seen[l]++;
    if (click->behind > 0) sessions->behind_hits[click->behind]++;
}

/* *number: the session the click is in if it is known, else SH_SLOT_NONE; then the one that was made for it, or still
 * SH_SLOT_NONE if none is kept. */
static enum sh_status learn(struct sh_sessions *sessions, const struct sh_session_click *click, uint32_t *number) {
    sh_assert(click->behind_count < SH_SESSION_AGAIN_COUNT && click->behind <= click->behind_count);
    if (click->place >= SH_SESSION_CLICK_COUNT_MAX) {
        count_behind(sessions, click);
        return SH_OK;
    }
    enum sh_status status = list_has_room(sessions, click->item) ? SH_OK : session_list_reserve(sessions, click->item);
    if (status != SH_OK) return status;
    if (*number == SH_SLOT_NONE && (status = session_make(sessions, click, number)) != SH_OK) return status;
    if (*number == SH_SLOT_NONE) {
        count_behind(sessions, click);
        return SH_OK;
    }
    struct session *session = &sessions->sessions[*number];
    if ((status = clicks_reserve(sessions, session, click->place)) != SH_OK) return status;
    if (click->place < session->count && session->clicks[click->place] != SH_NO_ITEM) return SH_OK;
    const bool is_new = !session_has_click(session, click->item);
    while (session->count <= click->place)
        session->clicks[session->count++] = SH_NO_ITEM;
    session->clicks[click->place] = click->item;
    session->different = (uint8_t)(session->different + is_new);
    if (is_new) list_insert(sessions, click->item, *number);
    count_behind(sessions, click);
    return SH_OK;
}

enum sh_status sh_sessions_learn(struct sh_sessions *sessions, const struct sh_session_click *click) {
    if (click->item == SH_NO_ITEM) return SH_OK;
    uint32_t number = find(sessions, click->key);
    return learn(sessions, click, &number);
}

/* ---- a user's clicks ---- */

/* The session that is the user's, open or not; SH_SLOT_NONE if there is none, or it was dropped since. */
static uint32_t session_of(const struct sh_sessions *sessions, uint32_t user) {
    if (user >= sessions->user_capacity || sessions->users[user] == 0) return SH_SLOT_NONE;
    const uint32_t number = sessions->users[user] - 1;
    return sessions->sessions[number].user == user ? number : SH_SLOT_NONE;
}

void sh_sessions_prefetch(const struct sh_sessions *sessions, enum sh_sessions_ahead step, uint32_t user,
                          uint32_t item) {
    if (step == SH_SESSIONS_AHEAD_ROOTS) {
        if (user < sessions->user_capacity) __builtin_prefetch(&sessions->users[user], 1);
        if (item < sessions->item_capacity) __builtin_prefetch(&sessions->items[item], 1);
        return;
    }
    const uint32_t visit = user < sessions->user_capacity ? sessions->users[user] : 0;
    if (step == SH_SESSIONS_AHEAD_VISIT) {
        if (visit != 0) __builtin_prefetch(&sessions->sessions[visit - 1], 1);
        const struct item_sessions *of_item = item < sessions->item_capacity ? &sessions->items[item] : NULL;
        if (of_item != NULL && of_item->count > 0)
            __builtin_prefetch(of_item->list + of_item->begin + of_item->count, 1);
        return;
    }
    if (visit != 0 && sessions->sessions[visit - 1].count > 0)
        __builtin_prefetch(sessions->sessions[visit - 1].clicks, 1);
    const struct item_sessions *of_item = item < sessions->item_capacity ? &sessions->items[item] : NULL;
    if (of_item != NULL && of_item->count > 0)
        __builtin_prefetch(&sessions->sessions[of_item->list[of_item->begin + of_item->count - 1]]);
}

bool sh_sessions_begins(const struct sh_sessions *sessions, uint32_t user, int64_t time_ms) {
    const uint32_t number = session_of(sessions, user);
    return number == SH_SLOT_NONE || time_ms > sessions->sessions[number].last_ms + SH_SESSION_GAP_MS;
}

void sh_sessions_prefetch_key(const struct sh_sessions *sessions, uint64_t key) {
    if (sessions->table_capacity > 0) __builtin_prefetch(&sessions->table[session_table_home(sessions, key)], 1);
    if (sessions->count < sessions->limits.session_count) return;
    /* It comes in place of the oldest. */
    const struct session *oldest = &sessions->sessions[sessions->heap[0]];
    __builtin_prefetch(oldest, 1);
    __builtin_prefetch(oldest->clicks, 1);
}

enum sh_status session_users_reserve(struct sh_sessions *sessions, uint32_t user) {
    const uint32_t old = sessions->user_capacity;
    const enum sh_status status =
        sh_grow((void **)&sessions->users, &sessions->user_capacity, (uint64_t)user + 1, sizeof *sessions->users);
    if (status == SH_OK && sessions->user_capacity > old)
        memset(&sessions->users[old], 0, (sessions->user_capacity - old) * sizeof *sessions->users);
    return status;
}

uint32_t sessions_latest(const uint32_t *clicks, uint32_t count, uint32_t *items, uint32_t max) {
    uint32_t found = 0;
    while (count > 0 && found < max) {
        const uint32_t item = clicks[--count];
        uint32_t i = 0;
        while (i < found && items[i] != item)
            i++;
        if (i == found && item != SH_NO_ITEM) items[found++] = item;
    }
    return found;
}

/* The click as a part of the session that goes on. */
static void look_behind(const struct session *session, struct sh_session_click *click) {
    uint32_t items[SH_SESSION_AGAIN_COUNT];
    const uint32_t different =
        session->different < SH_SESSION_AGAIN_COUNT ? session->different : SH_SESSION_AGAIN_COUNT;
    click->behind_count = different > 0 ? different - 1 : 0;
    if (!session_has_click(session, click->item)) return;
    const uint32_t count = sessions_latest(session->clicks, session->count, items, SH_SESSION_AGAIN_COUNT);
    for (uint32_t i = 1; i < count; i++)
        if (items[i] == click->item) click->behind = i;
}

enum sh_status sh_sessions_add(struct sh_sessions *sessions, uint32_t user,
                               uint64_t (*user_hash)(const void *context, uint32_t user), const void *context,
                               uint32_t item, int64_t time_ms, struct sh_session_click *told) {
    struct sh_session_click click = {.item = item};
    uint32_t number = session_of(sessions, user);
    if (told != NULL) *told = (struct sh_session_click){.item = SH_NO_ITEM};
    if (number != SH_SLOT_NONE && time_ms <= sessions->sessions[number].last_ms + SH_SESSION_GAP_MS) {
        struct session *session = &sessions->sessions[number];
        if (time_ms < session->start_ms) return SH_OK;
        if (session->count > 0 && session->clicks[session->count - 1] == item) {
            if (time_ms > session->last_ms) session->last_ms = time_ms;
            return SH_OK;
        }
        click.key = session->key;
        click.start_ms = session->start_ms;
        click.place = session->count;
        look_behind(session, &click);
    } else {
        click.key = sh_session_key(user_hash(context, user), time_ms);
        click.start_ms = time_ms;
        number = find(sessions, click.key);
    }
    enum sh_status status = user < sessions->user_capacity ? SH_OK : session_users_reserve(sessions, user);
    if (status != SH_OK || (status = learn(sessions, &click, &number)) != SH_OK) return status;
    if (told != NULL) *told = click;
    if (number == SH_SLOT_NONE) return SH_OK;
    struct session *session = &sessions->sessions[number];
    if (session->user != user) session->last_ms = time_ms;
    session->user = user;
    if (time_ms > session->last_ms) session->last_ms = time_ms;
    sessions->users[user] = number + 1;
    return SH_OK;
}

bool sh_sessions_drop(struct sh_sessions *sessions, uint64_t key) {
    const uint32_t number = find(sessions, key);
    if (number != SH_SLOT_NONE) session_remove(sessions, number);
    return number != SH_SLOT_NONE;
}

void sh_sessions_forget(struct sh_sessions *sessions, uint32_t user) {
    const uint32_t number = session_of(sessions, user);
    if (number != SH_SLOT_NONE) sessions->sessions[number].user = SH_SLOT_NONE;
    if (user < sessions->user_capacity) sessions->users[user] = 0;
}

enum sh_status sessions_adopt(struct sh_sessions *sessions, uint32_t user, uint64_t key, int64_t last_ms, bool *found) {
    const uint32_t number = find(sessions, key);
    *found = number != SH_SLOT_NONE;
    if (!*found) return SH_OK;
    const enum sh_status status = session_users_reserve(sessions, user);
    if (status != SH_OK) return status;
    struct session *session = &sessions->sessions[number];
    const uint32_t own = session_of(sessions, user);
    if (own == number || (own != SH_SLOT_NONE && sessions->sessions[own].start_ms >= session->start_ms)) return SH_OK;
    if (own != SH_SLOT_NONE) sessions->sessions[own].user = SH_SLOT_NONE;
    if (session->user < sessions->user_capacity) sessions->users[session->user] = 0;
    session->user = user;
    session->last_ms = last_ms;
    sessions->users[user] = number + 1;
    return SH_OK;
}

uint32_t sh_sessions_open(const struct sh_sessions *sessions, uint32_t user, int64_t now_ms,
                          uint32_t items[SH_SESSION_CLICK_COUNT_MAX]) {
    const uint32_t number = session_of(sessions, user);
    if (number == SH_SLOT_NONE) return 0;
    const struct session *session = &sessions->sessions[number];
    if (now_ms < session->start_ms - SH_SESSION_GAP_MS || now_ms > session->last_ms + SH_SESSION_GAP_MS) return 0;
    memcpy(items, session->clicks, session->count * sizeof *items);
    return session->count;
}

/* ---- upkeep ---- */

uint32_t sh_sessions_count(const struct sh_sessions *sessions) {
    return sessions->count;
}

size_t sh_sessions_memory_bytes(const struct sh_sessions *sessions) {
    return sizeof *sessions + sessions->session_capacity * sizeof *sessions->sessions +
           ((size_t)sessions->heap_capacity + sessions->table_capacity + sessions->user_capacity +
            sessions->neighbour_of_capacity + sessions->votes_of_capacity) *
               sizeof(uint32_t) +
           sessions->item_capacity * sizeof *sessions->items + sessions->clicks.chunk_bytes +
           sessions->lists.chunk_bytes + sessions->large_list_bytes +
           sessions->votes_capacity * sizeof *sessions->votes + sessions->score_capacity * sizeof *sessions->scores;
}

static bool broken(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

static bool check_session(const struct sh_sessions *sessions, uint32_t number, uint64_t *pairs, const char **reason) {
    const struct session *session = &sessions->sessions[number];
    if (session->count == 0 || session->count > 4u << session->size)
        return broken(reason, "a session has no clicks, or more than room");
    if (find(sessions, session->key) != number) return broken(reason, "a session is not found by its key");
    uint32_t different = 0;
    for (uint32_t i = 0; i < session->count; i++) {
        const uint32_t item = session->clicks[i];
        if (item == SH_NO_ITEM) continue;
        if (item >= sessions->item_capacity) return broken(reason, "a session has an item that nobody knows");
        bool is_first = true;
        for (uint32_t k = 0; k < i; k++)
            is_first &= session->clicks[k] != item;
        different += is_first;
    }
    *pairs += different;
    return different == session->different || broken(reason, "a session counts its different items wrong");
}

static bool check_item(const struct sh_sessions *sessions, uint32_t slot, const char **reason) {
    const struct item_sessions *item = &sessions->items[slot];
    const uint32_t *list = item->list == NULL ? NULL : item->list + item->begin; /* no list yet */
    const uint32_t of_item = sessions->limits.of_item;
    const uint32_t expected = item->session_count < of_item ? item->session_count : of_item;
    if (item->begin + item->count > item->capacity) return broken(reason, "an item's list is longer than its room");
    /* A full list that lost some of its own does not know the older ones. */
    if (item->count > expected) return broken(reason, "an item lists more sessions than have it");
    for (uint32_t i = 0; i < item->count; i++) {
        if (list[i] >= sessions->session_end || !session_has_click(&sessions->sessions[list[i]], slot))
            return broken(reason, "an item lists a session that does not have it");
        if (i > 0 && !is_older(sessions, list[i - 1], list[i])) return broken(reason, "an item's list is out of order");
    }
    return true;
}

bool sh_sessions_check(const struct sh_sessions *sessions, const char **reason) {
    uint64_t pairs = 0;
    for (uint32_t i = 0; i < sessions->count; i++) {
        const uint32_t number = sessions->heap[i];
        if (sessions->sessions[number].heap_at != i) return broken(reason, "a session does not know its place");
        if (i > 0 && is_older(sessions, number, sessions->heap[(i - 1) / 2]))
            return broken(reason, "the heap of sessions is out of order");
        if (!check_session(sessions, number, &pairs, reason)) return false;
    }
    for (uint32_t slot = 0; slot < sessions->item_capacity; slot++) {
        if (!check_item(sessions, slot, reason)) return false;
        pairs -= sessions->items[slot].session_count;
    }
    return pairs == 0 || broken(reason, "items count other sessions than have them");
}
