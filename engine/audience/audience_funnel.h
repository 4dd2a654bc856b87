/* audience_funnel.h -- how many people come how far along a sequence of steps, and how long it takes them.
 *
 *   sequence(view -> cart -> purchase, within 3 days, last 30 days)
 *
 *     view      1,000  ####################          each user counts once, with the attempt that leads furthest
 *     cart        400  ########              after 2 h           (the rule is in query_sequence.h)
 *     purchase    100  ##                    after 1 d 3 h, 20 h after the cart
 *
 * A block of 65,536 users at a time: who of the audience did step 1 is counted as bits; only who did steps 1 and 2 has
 * a path followed.
 *
 * Times are tallied exactly, in whole units rounded down: seconds where a time can be at most 12 days long (by `within`
 * and by the window), minutes up to two years, hours above. So counters a unit suffice however many people there are,
 * and the median is exact in that unit, over shards too: of n times the one at place (n + 1) / 2, rounded down.
 *
 * By an attribute (bool, enum or string): the same counts for the people who have each value now, and for those without
 * one.
 */
#ifndef SH_AUDIENCE_FUNNEL_H
#define SH_AUDIENCE_FUNNEL_H

#include "query_plan.h"
#include "query_sequence.h"
#include "tally.h"

#define SH_FUNNEL_BY_NONE UINT32_MAX

struct sh_funnel;

/* among is the plan of the audience; plan and sequence outlive the funnel and are of one table and time. by is an
 * attribute of it, or SH_FUNNEL_BY_NONE. SH_ERR_ARGUMENT for an attribute of another type; SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_funnel_create(struct sh_plan *among, struct sh_sequence *sequence, uint32_t by,
                                              struct sh_funnel **funnel, struct sh_error *err);
void sh_funnel_destroy(struct sh_funnel *funnel); /* NULL is fine */
SH_MUST_CHECK enum sh_status sh_funnel_step(struct sh_funnel *funnel, uint32_t block_count, bool *done,
                                            struct sh_error *err);

/* Once done. Steps count from 0. */
uint64_t sh_funnel_among(const struct sh_funnel *funnel); /* the audience */
uint64_t sh_funnel_users(const struct sh_funnel *funnel, uint32_t step);
/* How many seconds a unit of the tallies has. */
uint32_t sh_funnel_unit_s(const struct sh_funnel *funnel);
/* Times from the first step, and from the one before: of each user who reached this one. step > 0. */
const struct sh_tally *sh_funnel_from_first(const struct sh_funnel *funnel, uint32_t step);
const struct sh_tally *sh_funnel_from_previous(const struct sh_funnel *funnel, uint32_t step);
/* By code, below sh_funnel_code_count; and of those without a value. Each step_count counts. */
uint32_t sh_funnel_code_count(const struct sh_funnel *funnel);
const uint64_t *sh_funnel_by_code(const struct sh_funnel *funnel, uint32_t code);
const uint64_t *sh_funnel_missing(const struct sh_funnel *funnel);

#endif
