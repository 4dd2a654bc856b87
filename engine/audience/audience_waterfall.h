/* audience_waterfall.h -- what each clause of an expression does, in the order in which it is written.
 *
 *   tier >= 'gold' and city = 'Chengdu' and did(purchase, last 7 days)
 *
 *     clause                      alone     after     moved    only
 *     (everybody)                           10,000
 *     tier >= 'gold'              1,500      1,500    8,500       20     alone: users who match it
 *     city = 'Chengdu'              900        130    1,370       35     after: users left after it
 *     did(purchase, last 7 days)    300          4      126      126     moved: users it took away (of OR: added)
 *                                                                        only:  users whom nothing else keeps out (in)
 *
 * "only" says which clause to give up: so many users match all others and fail this one alone. It is kept with two
 * registers, who failed none and who failed exactly one so far, so a block costs one pass a clause and one for `only`.
 */
#ifndef SH_AUDIENCE_WATERFALL_H
#define SH_AUDIENCE_WATERFALL_H

#include "query.h"

struct sh_waterfall_step {
    uint64_t alone;
    uint64_t after;
    uint64_t only;
};
struct sh_waterfall;

/* plan_count is 1 to SH_OVERLAP_SET_COUNT_MAX clauses of an OR (is_or) or an AND; plans outlive it. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_waterfall_create(struct sh_plan *const *plans, uint32_t plan_count, bool is_or,
                                                 const struct sh_table *table, struct sh_waterfall **waterfall,
                                                 struct sh_error *err);
void sh_waterfall_destroy(struct sh_waterfall *waterfall); /* NULL is fine */
SH_MUST_CHECK enum sh_status sh_waterfall_step(struct sh_waterfall *waterfall, uint32_t block_count, bool *done,
                                               struct sh_error *err);
const struct sh_waterfall_step *sh_waterfall_steps(const struct sh_waterfall *waterfall);
/* Live users in the blocks that were read. */
uint64_t sh_waterfall_total(const struct sh_waterfall *waterfall);

#endif
