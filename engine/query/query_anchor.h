/* query_anchor.h -- windows that begin or end at a time of each user's own.
 *
 *   count(purchase, within 7 days after first(purchase)) >= 2
 *
 *   user a    .....A====|======.............> now        A the anchor: the first purchase
 *   user b    ..............A=======|=......>            == the window, (A, A + 7 days]
 *   user c    ......................A=======             which never reaches past now
 *   user d    ..............................>            no purchase, no anchor, an empty window
 *
 * THE RULE. `within S after A` holds the events of (A, A + S], `within S before A` those of [A - S, A), of both only
 * those up to now. So the anchor does not count itself, nor does another event of its very millisecond: it is neither
 * after nor before. A is what the operand is worth for the user now: first, last or nth of an event with a where and a
 * window of its own, the least or greatest time among a property's values, a time attribute, or a derived time. A date
 * is its whole day in the workspace's zone: after it begins with the next day, before it ends with the day before. A
 * user who has no A has an empty window: count and sum are 0, did is false, all else is missing. An anchor has no
 * anchor of its own.
 *
 * HOW. One user: A first, then the history between the two ends. A block: A is gathered like any value of a
 * calculation, one pass over its events; then the events of the window are streamed as always, but only those of users
 * who have an anchor, and each is compared with its user's window. What has no anchor pays nothing for this.
 *
 * Cost: of a block, two passes over events instead of one, and 8 bytes a user.
 */
#ifndef SH_QUERY_ANCHOR_H
#define SH_QUERY_ANCHOR_H

#include "query.h"

struct sh_aggregate;
struct sh_accumulators; /* query_stream.h */
struct sh_block_run;    /* query_run.h */

struct sh_anchor {
    struct sh_aggregate *aggregate; /* NULL: an attribute or a derived value */
    uint32_t index;
    bool is_derived;
    bool is_date;
    bool is_before;
    int64_t span_ms;
};

/* window is bound, and WITHIN. */
SH_MUST_CHECK enum sh_status sh_anchor_build(struct sh_plan *plan, const struct sh_window *window,
                                             struct sh_anchor **anchor, struct sh_error *err);
/* One user: cut [*from_ms, *until_ms) to the user's window; empty, past all events, if there is no anchor. */
SH_MUST_CHECK enum sh_status sh_anchor_cut(const struct sh_plan *plan, const struct sh_anchor *anchor, uint32_t slot,
                                           int64_t *from_ms, int64_t *until_ms, struct sh_error *err);

/* The anchors of a block. Zeroed before the first; the arrays are taken from the plan's arena. */
struct sh_anchor_block {
    uint64_t *present; /* candidates who have one */
    uint64_t *touched; /* of the anchor's aggregate */
    int64_t *from_ms;  /* of those present, where the window begins; it is span_ms long */
    int64_t from_min_ms;
    int64_t until_max_ms; /* at most from_min_ms if nobody has one */
};
/* into: accumulators that nobody needs any more; they may be used again right after. */
SH_MUST_CHECK enum sh_status sh_anchor_gather(const struct sh_block_run *run, const struct sh_anchor *anchor,
                                              const uint64_t *candidates, struct sh_accumulators *into,
                                              struct sh_anchor_block *anchors, struct sh_error *err);

#endif
