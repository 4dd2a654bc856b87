/* sessions.h -- visits: what people looked at one after the other, and what somebody in the middle of a visit does
 * next.
 *
 *   user's clicks   09:00 tea  09:02 mug  09:03 tea        11:30 rug  11:31 mat
 *                   `------ one session -------'           `----- the next -----'      30 minutes without a click part
 *
 *   sessions    #7 start 09:00 key    clicks tea mug tea          newest SH_SESSION_COUNT_MAX by (start, key)
 *               #8 start 11:30 key    clicks rug mat
 *   of an item  tea -> #2 #5 #7       the newest SH_SESSION_OF_ITEM_MAX that have it, oldest first
 *               mat -> #8
 *
 * Three readings of the same sessions, for the clicks c of a visit that goes on (its latest different items r1, r2,
 * ..):
 *
 *   near    neighbours: sessions that share items with the last LAST_MAX of c. A session's likeness is the sum over
 *           shared items of their places from the end (the latest counts most); the NEIGHBOUR_MAX most alike vote for
 *           all their items with  likeness * (1 - place of the latest shared item / 10),  times
 *           log2(1 + N / sessions with the item).  This is VMIS-kNN (Kersbergen, Sprangers, Schelter: Serenade,
 *           SIGMOD 2022, section 4) over a store that is added to click by click instead of one that is built offline.
 *   next    what came 1, 2, .. 10 clicks after r1 in its sessions counts 1, 1/2, .. 1/10.
 *   again   people go back: the share of clicks that returned to the l-th latest different item of the visit, for r2,
 *           r3, ..; counted over all clicks ever, shrunk as if AGAIN_PRIOR more had not returned.
 *
 * near and next are told as shares of the highest; the item just clicked has none of the three.
 *
 * Whole numbers. Votes are sums of integers, and what is kept is a function of the set of clicks: the newest sessions
 * and, of an item, the newest sessions, by a total order. So shards that are told each other's clicks (struct
 * sh_session_click), in whatever order, hold the same and answer the same, as long as no session is dropped for room
 * while its visit goes on. A click's session is found by its owner: a click up to 30 minutes after the last one goes on
 * with it, also if it arrives late; one from before the session began teaches nothing.
 *
 * Invariants: a session is kept if and only if the key table, the heap of the oldest and, for each of its items, count
 * and list (while among the newest of the item) say so; lists ascend by (start, key); places that have not arrived hold
 * SH_NO_ITEM.
 *
 * Privacy: a key is a one-way mix of the user's id and the start. Forgetting a user drops all sessions that the user's
 * events name; what was counted over everybody (again) names nobody.
 *
 * Cost: a click a few hundred nanoseconds (the user's place, the session, the item's list); a score some tens of
 * microseconds: at most LAST_MAX * SH_SESSION_OF_ITEM_MAX sessions are looked at, NEIGHBOUR_MAX of them click by click.
 * Memory: 56 bytes and 16 to 128 for the clicks a session, 4 to 8 an item in it, 32 an item, 4 a user slot; at most
 * about 60 MiB for sessions. Failure: on SH_ERR_MEMORY a click has taught nothing. Threads: one.
 */
#ifndef SH_SESSIONS_H
#define SH_SESSIONS_H

#include <stddef.h>

#include "archive.h"
#include "status.h"

enum {
    SH_SESSION_GAP_MS = 30 * 60 * 1000,
    SH_SESSION_CLICK_COUNT_MAX = 32, /* kept of one session; later ones are counted for `again` only */
    SH_SESSION_COUNT_MAX = 1 << 18,
    SH_SESSION_OF_ITEM_MAX = 512,
    SH_SESSION_NEIGHBOUR_MAX = 256,
    SH_SESSION_LAST_MAX = 4,
    SH_SESSION_AGAIN_COUNT = 16, /* the latest different items of a visit that people may return to, itself included */
    SH_SESSION_AGAIN_PRIOR = 64,
    SH_SESSION_NEXT_DISTANCE_MAX = 10,
};

struct sh_sessions;

/* A click as the shards tell it each other. */
struct sh_session_click {
    uint64_t key;
    int64_t start_ms;
    uint32_t item;         /* slot; between shards name it by its id. SH_NO_ITEM: nothing to tell */
    uint32_t place;        /* in its session, from 0 */
    uint32_t behind_count; /* different items before it in the session, its latest not counted, up to AGAIN_COUNT - 1 */
    uint32_t behind;       /* which of them it returned to, 1 the latest; 0: to none */
};

/* 0 means the bound of that name, which is also the most. Smaller ones are for tests. */
struct sh_session_limits {
    uint32_t session_count;
    uint32_t of_item;
};

/* NULL if memory is out. */
struct sh_sessions *sh_sessions_create(struct sh_session_limits limits);
void sh_sessions_destroy(struct sh_sessions *sessions); /* NULL is fine */

/* A user of this shard clicks. user_hash is asked for at the begin of sessions only. A second click in a row on the
 * same item is the same click. *click (may be NULL) is for the sibling shards. */
SH_MUST_CHECK enum sh_status sh_sessions_add(struct sh_sessions *sessions, uint32_t user,
                                             uint64_t (*user_hash)(const void *context, uint32_t user),
                                             const void *context, uint32_t item, int64_t time_ms,
                                             struct sh_session_click *click);
/* What a sibling told. A place beyond SH_SESSION_CLICK_COUNT_MAX, or one that is taken, is left out. */
SH_MUST_CHECK enum sh_status sh_sessions_learn(struct sh_sessions *sessions, const struct sh_session_click *click);
/* For batches: ask for the memory that a click will touch, in three steps some clicks apart. Hints. */
enum sh_sessions_ahead { SH_SESSIONS_AHEAD_ROOTS, SH_SESSIONS_AHEAD_VISIT, SH_SESSIONS_AHEAD_CLICKS };
void sh_sessions_prefetch(const struct sh_sessions *sessions, enum sh_sessions_ahead step, uint32_t user,
                          uint32_t item);
/* Would a click of the user begin a session, as far as is known now? And its place, asked for ahead. */
bool sh_sessions_begins(const struct sh_sessions *sessions, uint32_t user, int64_t time_ms);
void sh_sessions_prefetch_key(const struct sh_sessions *sessions, uint64_t key);
/* The key of a session of a user that began at start_ms. */
uint64_t sh_session_key(uint64_t user_hash, int64_t start_ms);
/* Drop a session. Unknown ones are fine: true if it was there. */
bool sh_sessions_drop(struct sh_sessions *sessions, uint64_t key);
/* The user's visit is over (forgotten, merged): the slot may get another person. */
void sh_sessions_forget(struct sh_sessions *sessions, uint32_t user);

/* The clicks of the user's visit that goes on at now_ms (no more than a gap away), oldest first. Returns how many, 0 if
 * there is none. */
uint32_t sh_sessions_open(const struct sh_sessions *sessions, uint32_t user, int64_t now_ms,
                          uint32_t items[SH_SESSION_CLICK_COUNT_MAX]);

/* One item that a visit leads to. All three are at least 0, one is above. */
struct sh_session_score {
    uint32_t item;
    double near;  /* share of the highest */
    double next;  /* share of the highest */
    double again; /* of all clicks, that returned so far back */
};
/* All items that the clicks (oldest first) lead to, in no order; valid until the next call of this module. user: whose
 * open session is no neighbour of itself; UINT32_MAX: nobody. *count 0 without clicks. */
SH_MUST_CHECK enum sh_status sh_sessions_score(struct sh_sessions *sessions, const uint32_t *clicks,
                                               uint32_t click_count, uint32_t user,
                                               const struct sh_session_score **scores, uint32_t *count);

/* Write all sessions as the section "sessions". Allocates nothing. */
void sh_sessions_save(const struct sh_sessions *sessions, struct sh_archive_writer *writer);
/* Into sessions that are none; on a failure they can only be destroyed. Items are below item_end, users below user_end.
 * Any bytes; places of sessions, which nobody sees, are as they were. */
SH_MUST_CHECK enum sh_status sh_sessions_load(struct sh_sessions *sessions, uint32_t item_end, uint32_t user_end,
                                              struct sh_archive_reader *reader);

uint32_t sh_sessions_count(const struct sh_sessions *sessions);
size_t sh_sessions_memory_bytes(const struct sh_sessions *sessions);
/* Do the invariants hold? If not, *reason says which does not. */
bool sh_sessions_check(const struct sh_sessions *sessions, const char **reason);

#endif
