/* query_pair_set.h -- the (user, value) pairs that were seen: what count(distinct ...) counts by.
 *
 * Open addressing with linear probing, 16 bytes a place, at most 3/4 full; it grows by doubling. Its memory is its own
 * (not the arena's), because it is as large as the block with the most different pairs and is given back after each.
 */
#ifndef SH_QUERY_PAIR_SET_H
#define SH_QUERY_PAIR_SET_H

#include "status.h"

struct sh_pair {
    int64_t value;
    uint32_t owner; /* 0: the place is free; else the user + 1 */
};
struct sh_pair_set {
    struct sh_pair *places; /* NULL until the first pair */
    uint32_t capacity;      /* a power of two */
    uint32_t count;
};

/* An empty set is all zero. deinit leaves one. */
void sh_pair_set_deinit(struct sh_pair_set *set);
/* Was the pair not there before? owner is below UINT32_MAX. SH_ERR_MEMORY: the set is as it was. */
SH_MUST_CHECK enum sh_status sh_pair_set_add(struct sh_pair_set *set, uint32_t owner, int64_t value, bool *is_new,
                                             struct sh_error *err);

#endif
