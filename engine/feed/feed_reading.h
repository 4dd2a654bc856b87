/* feed_reading.h -- a user's events read by weights and half-lives of the request's own.
 *
 * What events teach is kept as sums, by the weights and half-lives that the workspace had when they came. A request
 * (a scene for gifts, where only purchases say something; a test of what a cart is worth) may say others:
 *
 *   weights   view 0, purchase 5, refund -3                  of event types; those it does not name keep theirs
 *   halves    purchase 90 days, others 7                     of each type, the short-lived and the long-lived one
 *
 * Then what is the user's own is worked out from their history as if it had been learned so:
 *
 *   affinity of a tag = sum over events with its items of weight * (short_share * 2^-(age / short) + ... long)
 *                       the SH_FEED_AFFINITY_COUNT_MAX tags with the highest of it, by absolute value
 *   latest items      = the newest different items of a weight above 0, liked by the highest of their weights
 *   likings           = the same of up to SH_LIKING_COUNT_MAX items, as trained tables are asked about them
 *
 * What is summed over all users (popularity, trends, visits, who likes what together) stays as it was learned.
 *
 * Read are events up to now, from the newest back, at most SH_FEED_HISTORY_COUNT_MAX. Cost: some 0.1 us an event and
 * tag of its item. Sums run from the newest event to the oldest, so they are the same number everywhere.
 */
#ifndef FEED_READING_H
#define FEED_READING_H

#include "feed_private.h"

struct feed_reading {
    uint32_t tags[SH_FEED_AFFINITY_COUNT_MAX];
    double affinities[SH_FEED_AFFINITY_COUNT_MAX];
    uint32_t count;
};

/* Of the request's user, into run->reading, in its arena; nothing if the request has no weights of its own. SH_ERR_LIMIT:
 * the arena is full. */
SH_MUST_CHECK enum sh_status reading_begin(struct feed_run *run);
/* The user's latest different items, newest first, at most max, as sh_pairs_latest has them. */
uint32_t reading_latest(const struct feed_run *run, struct sh_pair_liking *latest, uint32_t max);

#endif
