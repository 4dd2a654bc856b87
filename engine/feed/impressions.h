/* impressions.h -- what was served: feeds as they were shown, until newer ones need the room, and what became of them.
 *
 *   rec_id    the answer of feed.get names it; an event that carries it is credited to the impression of its item
 *
 *   oldest                                            open_at                       newest
 *   [ learned | learned | forgotten | learned | ...   | open | open | open | ...    | open ]      in order of serving
 *     kept for late purchases and for reports           what comes of them is still
 *                                                       waited for
 *
 * One feed is a head of 64 bytes and 64 bytes an item: what it was served by, its place's propensity, and what was known
 * of user and item at that moment as hashes of names, so that learning from it later looks at nothing that the outcome
 * has changed.
 *
 * Rules that hold after every call: ids are different; open_at is never before oldest; byte_count is the sum over what is
 * there and at most SH_IMPRESSION_BYTES_MAX. Cost: O(items of the feed) each. Threads: one owner.
 */
#ifndef SH_IMPRESSIONS_H
#define SH_IMPRESSIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bounds.h"
#include "rates.h"

enum {
    SH_SHOWN_KIND_COUNT = 4,  /* of an item: its first tags and values */
    SH_SHOWN_PART_COUNT = 16, /* parts of its score */
    SH_SERVED_KIND_COUNT = 6, /* of the user */
    SH_SERVED_PLACE_MAX = 1 << 20,
};

enum { SH_SHOWN_EXPLORED = 1 << SH_GOAL_COUNT }; /* in flags, beside a bit each goal that was reached */

/* One item of a feed. */
struct sh_shown {
    int64_t amount;   /* of its purchases */
    uint32_t item;    /* slot */
    uint32_t sources; /* bits: who proposed it */
    float score;
    float propensity; /* of this item at this place; 1: nothing was left to chance */
    float predicted;  /* chance of a click */
    uint32_t kinds[SH_SHOWN_KIND_COUNT];
    uint8_t parts[SH_SHOWN_PART_COUNT]; /* 128: nothing; further in both directions by logarithm */
    uint8_t kind_count;
    uint8_t price; /* band; 0: none */
    uint8_t rate;  /* of clicks beside all others', as a part */
    uint8_t flags; /* bit enum sh_goal: reached; SH_SHOWN_EXPLORED */
};
_Static_assert(sizeof(struct sh_shown) == 64, "one cache line an item; written as is: no padding");

/* One feed. */
struct sh_impression {
    uint64_t rec;  /* id of the request that it answered */
    uint64_t user; /* hash of its id; 0: nobody's, or forgotten */
    int64_t time_ms;
    uint32_t places_before; /* on the pages before this one */
    uint32_t spares[2];     /* 0 */
    uint16_t count;         /* 0: forgotten */
    uint8_t kind_count;
    uint8_t hour; /* of the day, where the shop is */
    uint32_t kinds[SH_SERVED_KIND_COUNT];
    struct sh_shown items[];
};
_Static_assert(sizeof(struct sh_impression) == 64, "written as is: no padding");

struct sh_impressions {
    struct sh_impression **ring;      /* number n has the place n & (capacity - 1) */
    uint32_t capacity;                /* a power of two, or 0 */
    uint64_t oldest, open_at, newest; /* numbers; newest is one past the last */
    size_t byte_count;
    uint32_t *table; /* by id: place in the ring + 1, or 0; twice as long as the ring */
    uint64_t secret; /* of the table: ids are whatever clients say */
};

void sh_impressions_init(struct sh_impressions *impressions);
void sh_impressions_deinit(struct sh_impressions *impressions);

static inline size_t sh_impression_bytes(uint32_t count) {
    return sizeof(struct sh_impression) + count * sizeof(struct sh_shown);
}
static inline struct sh_impression *sh_impressions_at(const struct sh_impressions *impressions, uint64_t number) {
    return impressions->ring[number & (impressions->capacity - 1)];
}
/* NULL if it is not there, any more or yet. */
struct sh_impression *sh_impressions_find(const struct sh_impressions *impressions, uint64_t rec);
/* Room for one of so many items as the newest; the caller has made room below SH_IMPRESSION_BYTES_MAX (drop) and knows
 * that the id is not there. Zeros but for rec and count. NULL if memory is out, and nothing changed. */
struct sh_impression *sh_impressions_add(struct sh_impressions *impressions, uint64_t rec, uint32_t count);
/* Let go of the oldest; it is not open any more. */
void sh_impressions_drop(struct sh_impressions *impressions);
/* Make all of a user empty: nobody's, with no items. */
void sh_impressions_forget(struct sh_impressions *impressions, uint64_t user);
/* They are another user's now. */
void sh_impressions_rename(struct sh_impressions *impressions, uint64_t user, uint64_t into);
bool sh_impressions_check(const struct sh_impressions *impressions, const char **reason);
size_t sh_impressions_memory_bytes(const struct sh_impressions *impressions);

#endif
