/* sessions_private.h -- inside the store of sessions. */
#ifndef SH_SESSIONS_PRIVATE_H
#define SH_SESSIONS_PRIVATE_H

#include "event_store.h"
#include "feed_pool.h"
#include "hash.h"
#include "lanes.h"
#include "sessions.h"

enum {
    CLICK_SIZE_COUNT = 4, /* room for 4, 8, 16 or 32 clicks */
    SESSION_TABLE_COUNT_MIN = 64,
};

struct session {
    int64_t start_ms;
    uint64_t key;
    int64_t last_ms;   /* of the latest click, if user is set */
    uint32_t *clicks;  /* items by place; SH_NO_ITEM: not arrived yet */
    uint32_t user;     /* whose open or last session it is, in this shard; SH_SLOT_NONE: nobody's */
    uint32_t heap_at;  /* place in the heap; of a free one, the next free one */
    uint8_t count;     /* places in use, up to the highest that arrived; 0: it is free */
    uint8_t size;      /* 4 << size clicks have room */
    uint8_t different; /* items among the clicks */
};

struct item_sessions {
    uint32_t *list; /* sessions from begin to begin + count, ascending by (start, key) */
    uint32_t begin;
    uint32_t count;
    uint32_t capacity;
    uint32_t session_count;  /* kept ones that have the item, listed or not */
    int64_t latest_start_ms; /* no listed one began later: a visit that goes on is the latest, and nobody has to look */
};

/* A session that shares items with a visit. */
struct neighbour {
    uint32_t session;
    uint16_t likeness;
    uint16_t latest; /* from 1 */
};

/* What a visit says of an item, while it is added up. */
struct item_votes {
    uint32_t item;
    uint32_t near;
    uint32_t next;
    uint32_t voter; /* the last session that voted, plus 1 */
    double again;
};

struct sh_sessions {
    struct sh_session_limits limits;
    struct session *sessions;
    uint32_t session_end; /* places ever used */
    uint32_t session_capacity;
    uint32_t first_free; /* SH_SLOT_NONE: none */
    uint32_t *heap;      /* the oldest at 0; as many as are kept */
    uint32_t heap_capacity;
    uint32_t count;
    uint32_t *table; /* by key, open addressing: session + 1, 0 is empty */
    uint32_t table_capacity;
    uint64_t secret; /* of the table: keys come of ids and times that clients choose */

    struct item_sessions *items;
    uint32_t item_capacity;
    uint32_t *users; /* session + 1 by user slot */
    uint32_t user_capacity;
    struct feed_pool clicks;
    struct feed_pool lists;
    size_t large_list_bytes; /* of lists that are not from the pool */

    uint64_t behind_seen[SH_SESSION_AGAIN_COUNT]; /* clicks that had so many different items behind them, or more */
    uint64_t behind_hits[SH_SESSION_AGAIN_COUNT]; /* those that went back to it */

    /* Scratch of one score. */
    uint32_t *neighbour_of; /* by session: place + 1 among neighbours; all 0 between scores */
    uint32_t neighbour_of_capacity;
    struct neighbour neighbours[SH_SESSION_LAST_MAX * SH_SESSION_OF_ITEM_MAX];
    uint32_t neighbour_count;
    uint32_t *votes_of; /* by item: place + 1 among votes; all 0 between scores */
    uint32_t votes_of_capacity;
    struct item_votes *votes;
    uint32_t votes_capacity;
    uint32_t vote_count;
    struct sh_session_score *scores;
    uint32_t score_capacity;
};

/* Is a older than b? A total order that does not depend on what came first. */
static inline bool session_is_older(const struct session *a, const struct session *b) {
    return a->start_ms != b->start_ms ? a->start_ms < b->start_ms : a->key < b->key;
}

/* A session with a click in this place has memory of this size, and so many bytes. */
static inline uint32_t session_size_for(uint32_t place) {
    uint32_t size = 0;
    while (place >= 4u << size)
        size++;
    return size;
}
static inline size_t session_click_bytes(uint32_t size) {
    return ((size_t)4 << size) * sizeof(uint32_t);
}

/* The key's home in the table, which is not empty. */
static inline uint32_t session_table_home(const struct sh_sessions *sessions, uint64_t key) {
    return (uint32_t)sh_hash_mix(key, sessions->secret) & (sessions->table_capacity - 1);
}

/* sessions.c */

/* Where the key stands in the table, which is not empty, or the free place where it would. */
uint32_t session_table_place(const struct sh_sessions *sessions, uint64_t key);
SH_MUST_CHECK enum sh_status session_items_reserve(struct sh_sessions *sessions, uint32_t item);
/* Room behind the last of the item's list, for one more. */
SH_MUST_CHECK enum sh_status session_list_reserve(struct sh_sessions *sessions, uint32_t item);
SH_MUST_CHECK enum sh_status session_users_reserve(struct sh_sessions *sessions, uint32_t user);

/* Room for clicks is a multiple of eight words but for the shortest. What lies behind the last click is not looked at. */
static inline bool session_has_click(const struct session *session, uint32_t item) {
    uint64_t found = 0;
    if (session->size == 0) {
        for (uint32_t i = 0; i < session->count; i++)
            found |= session->clicks[i] == item;
        return found != 0;
    }
    for (uint32_t i = 0; i < session->count; i += SH_LANE_COUNT)
        found |= (uint64_t)sh_lanes_equal(session->clicks + i, item) << i;
    return (found & ((UINT64_C(1) << session->count) - 1)) != 0;
}

/* The latest different items of the clicks, latest first, at most max. Returns how many. */
uint32_t sessions_latest(const uint32_t *clicks, uint32_t count, uint32_t *items, uint32_t max);

/* The session of that key goes on as the user's, who last clicked at last_ms, unless the user's own began later. *found:
 * there is such a session. SH_ERR_MEMORY: nothing changed. */
SH_MUST_CHECK enum sh_status sessions_adopt(struct sh_sessions *sessions, uint32_t user, uint64_t key, int64_t last_ms,
                                            bool *found);

#endif
