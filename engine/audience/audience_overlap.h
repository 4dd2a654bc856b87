/* audience_overlap.h -- how several audiences overlap: each pair, and each exact combination.
 *
 *   sets      A     B     C            one block of 65,536 users at a time: every expression is evaluated once, its
 *           [view][view][view]         answer stays where it is (its plan's register, or the table's own bits), and
 *             '--x--'     |            then all pairs are crossed while their 8 KiB lie in the L1 and L2 caches
 *             '-----x-----'
 *
 *   pairs           A   B   C          combinations (as an UpSet plot shows them): each user counts once, under
 *             A   900                  exactly the sets that hold the user
 *             B   300 500                A only 550 | A B 250 | A B C 50 | B only 150 | ...
 *             C    80  60 100
 *
 * A pair costs one crossing of two views, which for a short list is its entries and for two blocks of bits one pass of
 * about 0.1 us; 10 audiences of 10 M users are 45 * 153 crossings, a millisecond, beside evaluating them. Combinations
 * transpose 8 users of up to 16 sets at once and count in a table of 2^sets places.
 *
 * Rows may be written between two steps; then each block is true of the moment it was read.
 */
#ifndef SH_AUDIENCE_OVERLAP_H
#define SH_AUDIENCE_OVERLAP_H

#include "query.h"

struct sh_overlap;

/* set_count is 1 to SH_OVERLAP_SET_COUNT_MAX, with combinations at most SH_OVERLAP_COMBINED_COUNT_MAX. The plans are of
 * one table and outlive the overlap, as does their array. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_overlap_create(struct sh_plan *const *plans, uint32_t set_count, bool combinations,
                                               struct sh_overlap **overlap, struct sh_error *err);
void sh_overlap_destroy(struct sh_overlap *overlap); /* NULL is fine */
/* About as much work as block_count blocks of one expression; at least one block. Once *done, the counts are whole. */
SH_MUST_CHECK enum sh_status sh_overlap_step(struct sh_overlap *overlap, uint32_t block_count, bool *done,
                                             struct sh_error *err);

/* Users in both; of one set with itself: in it. */
uint64_t sh_overlap_pair(const struct sh_overlap *overlap, uint32_t a, uint32_t b);
/* By mask (bit i: in set i), 1 to 2^set_count - 1; who is in none is not counted here. NULL without combinations. */
const uint64_t *sh_overlap_combinations(const struct sh_overlap *overlap);

#endif
