/* feed_companion.h -- what the latest items of one user say of one item: for those who ask from the item's side. */
#ifndef FEED_COMPANION_H
#define FEED_COMPANION_H

#include "feed_feature.h"

enum { COMPANION_RECENT_MAX = 5 }; /* latest items that are looked at */

/* The latest items, newest first, and their shares, which add up to 1: those of the request's clicks, else the user's.
 * Returns how many. */
struct companion_recent {
    uint32_t item;
    double share;
};
uint32_t companion_recent_of(const struct feed_run *run, struct companion_recent recent[COMPANION_RECENT_MAX]);

struct companion_parts {
    struct sh_pair_liking recent[COMPANION_RECENT_MAX];
    double parts[COMPANION_RECENT_MAX]; /* shares of the value; they add up to 1 */
    uint32_t count;
    double value;
};
/* The contribution of SH_FEED_PAIRS or SH_FEED_WALK that the item has in the feed of the run's user, to the last bit. */
double companion_value(const struct feed_run *run, enum sh_feed_feature feature, uint32_t item,
                       struct companion_parts *parts);
/* A reason for each of the latest items that has a part in it. */
void companion_explain(const struct sh_feed_model *model, const struct companion_parts *parts, const char *kind,
                       struct feed_reasons *reasons);

#endif
