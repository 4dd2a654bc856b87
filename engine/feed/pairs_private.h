/* pairs_private.h -- inside the counts of pairs. */
#ifndef SH_PAIRS_PRIVATE_H
#define SH_PAIRS_PRIVATE_H

#include "event_store.h"
#include "feed_pool.h"
#include "pairs.h"

enum {
    PAIR_BITS_MIN = 3,      /* 8 places */
    PAIR_BITS_MAX = 10,     /* 1024 */
    PAIR_BITS_POOL_MAX = 6, /* larger lists are memory of their own */
    LATEST_SIZE_COUNT = 2,  /* room for 4 or 8 items */
};
_Static_assert(SH_PAIR_OF_ITEM_MAX == (1 << PAIR_BITS_MAX) * 5 / 8, "the largest list is as full as it may be");
_Static_assert(SH_PAIR_LATEST_MAX == 4 << (LATEST_SIZE_COUNT - 1), "the largest size holds the latest items");

/* The companions of an item: open addressing, count 0 is an empty place. */
struct item_pairs {
    struct sh_pair *places; /* 1 << bits of them; NULL and bits 0: none yet */
    uint64_t sum;           /* N */
    uint64_t lost;
    uint32_t count;
    uint32_t bits;
};

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
static inline uint32_t pair_home(uint32_t item, uint32_t bits) {
    return (uint32_t)(item * UINT32_C(0x9E3779B1)) >> (32 - bits);
}
/* The place of the item in the list, which has places, or the free one where it would be. */
static inline struct sh_pair *pair_place(const struct item_pairs *list, uint32_t item) {
    const uint32_t mask = (1u << list->bits) - 1;
    uint32_t at = pair_home(item, list->bits);
    while (list->places[at].count != 0 && list->places[at].item != item)
        at = (at + 1) & mask;
    return &list->places[at];
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
