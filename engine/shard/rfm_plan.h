/* rfm_plan.h -- the plan of RFM as it stands in rfm.put, and as rfm.get shows it.
 *
 *   {event: "purchase", days: 365, per_day: false, scores: 5 | {r: 5, f: 5, m: 5},
 *    cuts: {r: [180, 90, 30, 7], f: [2, 3, 5, 8], m: ["100", "500", "1000", "5000"]},
 *    split: {r: 3, f: 3, m: 3}, lifecycle: {active: 30, cooling: 90, dormant: 180}}
 *
 * All but `event` have the defaults shown for days, per_day, scores and lifecycle; cuts and split are made by a refresh
 * where they are not given.
 */
#ifndef SH_RFM_PLAN_H
#define SH_RFM_PLAN_H

#include "rfm.h"
#include "shard_private.h"

SH_MUST_CHECK enum sh_status sh_rfm_plan_read(const struct sh_call *call, struct sh_rfm_config *config,
                                              struct sh_error *err);
bool sh_rfm_plans_are_equal(const struct sh_rfm_config *a, const struct sh_rfm_config *b);
/* The pair `plan`. */
void sh_rfm_plan_pack(const struct sh_workspace *workspace, msgpack_packer *packer);
/* The pairs `cuts` and `high`. */
void sh_rfm_cuts_pack(const struct sh_workspace *workspace, msgpack_packer *packer);

#endif
