/* feed_likings.h -- what a user likes, as trained tables are asked about it.
 *
 * The user's events are gone through from the latest back, at most SH_LIKING_WALK_MAX of them. Each item counts once, by
 * the highest weight of the user's events with it; one that has an event of negative weight does not count at all.
 * Clicks that a request brings come first, with weight 1. At most SH_LIKING_COUNT_MAX items, the latest.
 *
 * Trainings are given the same likings (sh_feed_likings), so what a feed solves for is what was trained.
 */
#ifndef FEED_LIKINGS_H
#define FEED_LIKINGS_H

#include "feed_private.h"

struct feed_likings {
    struct sh_entry *entries; /* number: the item's slot */
    uint32_t count;
};

/* Of the request, in its arena; gone through once. SH_ERR_LIMIT: the arena is full. */
SH_MUST_CHECK enum sh_status likings_of_run(struct feed_run *run, const struct feed_likings **likings);

#endif
