/* feed_explore.h -- explored places: items that nobody would show by their scores, shown to learn about them.
 *
 *   every explore_every-th place    drawn from all candidates by a mix of the item's id and the request's seed
 *
 * The same seed gives the same draw, for any number of shards and in any order of items. The draw is uniform: the
 * propensity of a place that is explored is told as 1 / candidates, and is near that for the first of them.
 */
#ifndef FEED_EXPLORE_H
#define FEED_EXPLORE_H

#include "feed_feature.h"

/* How many are to be drawn for this request; 0: nothing is explored. */
uint32_t explore_count(const struct feed_run *run);
/* Is this place (from 0) one that is explored? */
bool explore_wants(const struct feed_run *run, uint32_t place);
/* Offers the candidates of a block with their draws. */
void explore_block(const struct feed_run *run, const struct feed_block *block, struct best *explored);
/* Of an item that was drawn. */
double explore_propensity(const struct feed_run *run, uint32_t item);

#endif
