/* pairs_twin.h -- counts of pairs as plainly as can be: every pair has a number, and nothing gives way. */
#ifndef PAIRS_TWIN_H
#define PAIRS_TWIN_H

#include "pairs.h"

enum { PAIRS_TWIN_ITEMS = 200, PAIRS_TWIN_USERS = 64 };

struct pairs_twin_user {
    uint32_t items[SH_PAIR_LATEST_MAX]; /* newest first */
    uint32_t likings[SH_PAIR_LATEST_MAX];
    uint32_t count;
};
struct pairs_twin {
    struct pairs_twin_user users[PAIRS_TWIN_USERS];
    uint64_t sums[PAIRS_TWIN_ITEMS];
    uint64_t counts[PAIRS_TWIN_ITEMS][PAIRS_TWIN_ITEMS];
};

void pairs_twin_init(struct pairs_twin *twin);
void pairs_twin_like(struct pairs_twin *twin, uint32_t user, uint32_t item, double weight);
void pairs_twin_forget(struct pairs_twin *twin, uint32_t user);
/* All that the item shares with others. */
uint64_t pairs_twin_total(const struct pairs_twin *twin, uint32_t item);

#endif
