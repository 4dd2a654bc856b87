/* feed_narrow.h -- narrowing: a first score of every candidate in whole numbers, and the feed's score of the best alone.
 *
 *   candidates     first score, 16 bits    the best             with the exact vector      the feed's score
 *   38,000   -->   of all             -->  512 and some    -->  about 1.5 count       -->  of these, then places
 *                  20 to 40 us             by a bound           by the same number
 *
 * A first score is the score in units of which the highest that can be is some thousands. Its parts:
 *
 *   tags          each tag of the user adds its weight to the items that have it, 16 bits an item, along lists or bits
 *   popularity    8 bits an item: the root by the next power of two above the highest
 *   recency       8 bits an item: likewise
 *   vector        64 to 256 bits an item and 8 bits of length: signs of what is left of the row without the centre of
 *                 all rows, turned by a fixed random rotation; against four bits of each number of the user's
 *   few items     what features say of few items (visits, pairs, trends, what is due, trained lists) is added to them
 *   rules         boosts and fatigue
 *
 * A sign code of d numbers tells the cosine of what is left to about 0.6 / sqrt(d); the rest is exact to a part in a few
 * hundred. So the best few hundred by first score hold nearly all of the best by score, and those are then scored as any
 * feed is. What is shown has the same score, reasons and rules as in a feed that is not narrowed; only which items come
 * to be scored differs.
 *
 * What survives depends on values alone: all items above a bound, not so many in some order. All that is kept here is a
 * function of the items, their vectors and the centre, so a narrowed feed is the same for any number of shards and after
 * a restart. What is not among the best by first score is explained as "narrowed".
 *
 * Memory: for each item slot 4 bytes and 8 to 32 of code, and 4 of scratch. Cost of a change to an item: its own bytes;
 * when the highest popularity or the newest item pass a power of two, or the number of vectors doubles, one pass over all.
 */
#ifndef FEED_NARROW_H
#define FEED_NARROW_H

#include "feed_feature.h"
#include "vector_kernels.h"

void narrow_deinit(struct feed_narrow *narrow);
size_t narrow_memory_bytes(const struct feed_narrow *narrow);

/* What the model tells when something changes. Nothing happens before the first narrowed feed. */
void narrow_note_item(struct sh_feed_model *model, uint32_t item);   /* its row or its time */
void narrow_note_remove(struct sh_feed_model *model, uint32_t item); /* before it is off the list */
void narrow_note_popularity(struct sh_feed_model *model, uint32_t item);
void narrow_note_vector(struct sh_feed_model *model, uint32_t item);

/* All of it as it is now. */
SH_MUST_CHECK enum sh_status narrow_prepare(struct sh_feed_model *model);

/* ---- The stage: feed_first.c ---- */

/* Is this request to be narrowed? */
bool narrow_is_wanted(const struct feed_run *run);
/* As score_all, of what survives. *done is false if it does not pay or too many are alike: then nothing was offered. */
SH_MUST_CHECK enum sh_status narrow_all(struct feed_run *run, const struct offer *offers, uint32_t offer_count,
                                        struct best *explored, bool *done);

#endif
