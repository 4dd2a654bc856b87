/* feed_explore.h -- explored places: items that their scores alone would not show, shown to learn about them.
 *
 *   every explore_every-th place     a few are drawn from all candidates by a mix of the item's id and the request's seed,
 *                                    each alike; among them each is shown as often as it may be the best (thompson.h)
 *
 * What is believed of an item's rate is what impressions and acts taught (learner.h): a new one is as good as its category
 * with room for better, one that was shown and left alone gets no more places, and as counts are thinned by time it gets
 * another chance. With no impressions at all, each is as likely as the other.
 *
 * Who was drawn is put in order at once, one draw after the other among those left, and a place takes the first that may
 * stand there. So its propensity, given the request and the state, is its chance beside the chances of those that might
 * have stood there, times the chance to be among the drawn. The same seed gives the same feed, for any number of shards
 * and in any order of items. Long feeds with more than EXPLORE_PLACE_COUNT explored places are drawn alike for all.
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
/* Puts those that were drawn (best_sort) in the order in which they are tried; chances[i] is that of items[i] to be the
 * best of them. */
void explore_order(const struct feed_run *run, struct ranked *items, uint32_t count, double *chances);
/* The propensity of an item with this chance, where all that might have stood there have this chance together. */
double explore_propensity(const struct feed_run *run, uint32_t drawn_count, double chance, double chance_of_all);

#endif
