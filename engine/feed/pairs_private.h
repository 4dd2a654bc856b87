/* pairs_private.h -- inside the counts of pairs. */
#ifndef SH_PAIRS_PRIVATE_H
#define SH_PAIRS_PRIVATE_H

#include "event_store.h"
#include "feed_pool.h"
#include "lanes.h"
#include "pairs.h"

enum {
    PAIR_BITS_MIN = 3,      /* 8 places */
    PAIR_BITS_MAX = 10,     /* 1024 */
    PAIR_BITS_POOL_MAX = 6, /* larger lists are memory of their own */
    LATEST_SIZE_COUNT = 2,  /* room for 4 or 8 items */
};
_Static_assert(SH_PAIR_OF_ITEM_MAX == (1 << PAIR_BITS_MAX) * 5 / 8, "the largest list is as full as it may be");
_Static_assert(SH_PAIR_LATEST_MAX == 4 << (LATEST_SIZE_COUNT - 1), "the largest size holds the latest items");

/* Eight places of a list, one line of memory. They are taken from the first on and never given back one by one. A
 * companion whose home line is full stands in the next one that is not. */
struct pair_line {
    uint32_t names[SH_LANE_COUNT]; /* item + 1; 0: free, and so is its count */
    uint32_t counts[SH_LANE_COUNT];
};
_Static_assert(sizeof(struct pair_line) == 64 && 1 << PAIR_BITS_MIN == SH_LANE_COUNT, "the shortest list is one line");

/* The companions of an item. */
struct item_pairs {
    struct pair_line *lines; /* 1 << bits places of them; NULL and bits 0: none yet */
    uint64_t sum;            /* N */
    uint64_t lost;
    uint16_t count;
    uint16_t room; /* for so many; 0 without lines */
    uint32_t bits;
};
_Static_assert(sizeof(struct item_pairs) == 32, "two heads a line of memory");

/* A user's latest items, oldest first. */
struct latest {
    uint16_t count;
    uint16_t size; /* 4 << size items have room */
    uint32_t unused;
    struct sh_pair_liking items[];
};

struct sh_pairs {
    struct sh_pair_limits limits;
    struct item_pairs *items;
    uint32_t item_capacity;
    uint32_t place_count; /* of lists of more than the fewest places */
    uint64_t version;     /* rises with every step that is counted */
    struct latest **users;
    uint32_t user_capacity;
    struct feed_pool lists;
    struct feed_pool latest;
    size_t large_list_bytes; /* of lists that are not from the pool */
    struct sh_pair scratch[SH_PAIR_OF_ITEM_MAX];
};

/* So many companions fit a list; the free places between keep the ways short. */
static inline uint32_t pair_room(uint32_t bits) {
    return (1u << bits) * 5 / 8;
}
/* What a list counts among place_count. */
static inline uint32_t pair_places_counted(uint32_t bits) {
    return bits > PAIR_BITS_MIN ? 1u << bits : 0;
}
static inline uint32_t pair_line_count(uint32_t bits) {
    return bits == 0 ? 0 : 1u << (bits - PAIR_BITS_MIN);
}
/* The number of the line that is an item's home, in a list that has lines. */
static inline uint32_t pair_home(uint32_t item, uint32_t bits) {
    return (uint32_t)((uint64_t)(item * UINT32_C(0x9E3779B1)) << (bits - PAIR_BITS_MIN) >> 32);
}

/* Where an item stands in a list that has lines, or else the free place where it would. */
struct pair_place {
    struct pair_line *line;
    uint32_t at;
    bool is_found;
};
static inline struct pair_place pair_place(const struct item_pairs *list, uint32_t item) {
    uint32_t home = pair_home(item, list->bits);
    for (;;) {
        struct pair_line *line = &list->lines[home];
        const uint32_t bits = sh_lanes_either(line->names, item + 1, 0);
        if (bits != 0) {
            const uint32_t at = (uint32_t)__builtin_ctz(bits);
            return (struct pair_place){line, at % SH_LANE_COUNT, at < SH_LANE_COUNT};
        }
        home = (home + 1) & (pair_line_count(list->bits) - 1);
    }
}

static inline size_t latest_bytes(uint32_t size) {
    return sizeof(struct latest) + ((size_t)4 << size) * sizeof(struct sh_pair_liking);
}

/* pairs.c */

SH_MUST_CHECK enum sh_status pair_items_reserve(struct sh_pairs *pairs, uint32_t item);
SH_MUST_CHECK enum sh_status pair_users_reserve(struct sh_pairs *pairs, uint32_t user);
/* 1 << bits places, moved from fewer. */
SH_MUST_CHECK enum sh_status pair_list_resize(struct sh_pairs *pairs, struct item_pairs *list, uint32_t bits);
/* Room for the user's list to have `count` items. */
SH_MUST_CHECK enum sh_status pair_latest_reserve(struct sh_pairs *pairs, uint32_t user, uint32_t count);

#endif
