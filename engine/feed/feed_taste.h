/* feed_taste.h -- the feature "affinity" of one item, for one user after another.
 *
 * feed_profile.c makes a user's whole profile to score 100,000 items with it. Asked of one item, nearly all of that is
 * either nobody's in particular or not needed, and is here worked out once for all users:
 *
 *   the order of a tag in every sum     a hash of two texts        kept by tag
 *   what a user's own tag reads as      looked up in all sets      kept by tag
 *   log2(1 + N / n_t)                   a logarithm a tag          for the item's own tags alone, once a refresh
 *
 * What is left for a user is to put their tags in that order, since the sum under the root runs in it:
 *
 *   order    0x12..  0x13..  0x13..  0x7F..        a hash, so its first byte says nearly where it belongs
 *   places   | 12.. | 13.. | 13.. |  ...  | 7F.. |
 *              0x12   0x13   0x14            0x7F   the next free place from there, the smaller one first
 *
 * Rule: value() has the bits that the feed's feature has, always. Memory: 1 KiB up to some MiB for some ten thousand
 * tags, in the arena; when that is full, nothing more is kept and it is only slower.
 */
#ifndef FEED_TASTE_H
#define FEED_TASTE_H

#include "feed_feature.h"

struct feed_taste;

/* Of the run's model, with its weight of the feature. The item has at most ITEM_TAG_COUNT_MAX tags. NULL: the arena is
 * full. */
struct feed_taste *feed_taste_create(const struct feed_run *run, uint32_t item, const uint32_t *tags,
                                     uint32_t tag_count);
/* To be called after items or their tags may have changed: before the first user too. */
void feed_taste_refresh(struct feed_taste *taste);
/* The contribution that the item has in the feed of that user at that time. */
double feed_taste_value(struct feed_taste *taste, uint32_t user, int64_t now_ms);

#endif
