/* query_events.h -- aggregates over a user's events: did, count, sum, min, max, avg, first, last, nth, days_since,
 * days, count(distinct ...), gap_min, gap_avg, gap_max, expected_next.
 *
 *   count(purchase where amount > 50, last 30 days) >= 2
 *
 *   window [from, until)   cells of "purchase" and this block of users, day after day
 *        |-------------|
 *   [day][day][day][day][day]      rows of whole days: slot_low alone; at the edges ms is compared
 *             |                    rows that `where` keeps
 *             v
 *   accumulators, one a user of the block, at most 1.25 MiB: they stay in the L2 cache
 *             |
 *             v
 *   compare --> bits, crossed with the candidates
 *
 * Few candidates: their histories are walked instead (sh_aggregate_test), newest event first. Both give the same
 * answer.
 *
 * Semantics. The window is [from, until) and never holds an event after now. Over nothing, what counts and sums (count,
 * days, count(distinct ...), sum) is 0 and all others are missing. An event in which the property is missing takes no
 * part in sum, min, max, avg, first and last of that property, nor in nth and count(distinct ...). first, last and nth
 * go by (time, arrival); min and max of an enum by rank. days_since is whole elapsed 24 h since the latest event of the
 * window. days counts local days in the workspace's zone. A gap is the time between an event and the next one of the
 * window, in days of 24 h and exact to the millisecond; fewer than two events have none, and it is missing.
 * expected_next is the time of the latest event and, after it, the user's own mean time between buying days: from the
 * earliest event to the latest, over the local days with an event less one, in whole ms, rounded down. Events of one
 * local day are one buy, so the lines of one order are; fewer than two days: missing. It is value.next (rfm.h) of a
 * plan that counts days, for any `where` and window.
 *
 * Accumulators. When many events fall on a block, count is a u16 or u32 a user and sum an i64 (if kept bounds prove
 * that it cannot overflow), compared as columns are; count(x, w) and sum(x.amount, w) of one expression are packed into
 * one u64 a user and need one pass. Otherwise a bit a user says whether its accumulator means anything
 * yet, so nothing is cleared, and sums take 128 bits; outside those is SH_ERR_OVERFLOW.
 */
#ifndef SH_QUERY_EVENTS_H
#define SH_QUERY_EVENTS_H

#include "bitmap_block.h"
#include "query_kept.h"
#include "query_match.h"
#include "query_where.h"

/* What of an event is aggregated. */
enum sh_aggregate_source {
    SH_SOURCE_EVENT,
    SH_SOURCE_TIME,
    SH_SOURCE_DAY, /* the local day */
    SH_SOURCE_ITEM,
    SH_SOURCE_AMOUNT,
    SH_SOURCE_PROPERTY
};

struct sh_anchor; /* query_anchor.h */
struct sh_aggregate {
    enum sh_function function; /* FIRST and LAST of the time are MIN and MAX */
    enum sh_aggregate_source source;
    uint32_t event_type;
    uint32_t property;
    int64_t nth; /* NTH */
    int64_t from_ms;
    int64_t until_ms;
    int64_t now_ms;
    struct sh_anchor *anchor; /* NULL, or of each user the window is cut further (query_anchor.h) */
    struct sh_where *where;   /* NULL: every event of the window */
    /* A count's sum, and that sum's count, of the same events: they are streamed once for both. NULL: it has none. */
    const struct sh_aggregate *partner;
    struct sh_aggregate *next;   /* of the plan's leaves */
    bool is_keepable;            /* what the whole days of the window say may be kept (query_kept.h) ... */
    struct sh_kept_window inner; /* ... and these are they */
    bool is_did;                 /* one event decides */
    bool by_rank;                /* min, max of an enum */
    bool is_bounded;             /* sum, avg: compare with low and high; else with match */
    struct sh_match match;       /* negated and when_missing are for both */
    __int128 low, high;
    bool low_open, high_open;
    __int128 factor; /* avg: sum * factor against low * count */
};

/* An aggregate over no event, one, many. */
struct sh_aggregate_state {
    bool is_present;
    int64_t value; /* min, max, first, last, nth, expected_next; days_since: of the latest event, the time */
    __int128 sum;
    uint64_t count; /* events, days or different values; of avg and the gaps, what sum is divided by */
};
/* Gaps are fractions of days: their milliseconds, by how many they are times 86,400,000. None: missing. */
static inline void sh_aggregate_set_gap(struct sh_aggregate_state *state, int64_t sum_ms, uint64_t gap_count) {
    state->is_present = gap_count > 0;
    state->sum = sum_ms;
    state->count = gap_count * SH_DAY_MS;
}
static inline void sh_aggregate_set_next(struct sh_aggregate_state *state, int64_t first_ms, int64_t last_ms,
                                         uint64_t day_count) {
    state->is_present = day_count > 1;
    state->value = day_count > 1 ? last_ms + (last_ms - first_ms) / (int64_t)(day_count - 1) : 0;
}

SH_MUST_CHECK enum sh_status sh_aggregate_build(struct sh_plan *plan, const struct sh_node *clause,
                                                struct sh_aggregate **aggregate, struct sh_error *err);
bool sh_aggregate_holds(const struct sh_aggregate *aggregate, const struct sh_aggregate_state *state);
/* Does the order of two events of one time, or of one day, decide? */
bool sh_aggregate_goes_by_order(const struct sh_aggregate *aggregate);
/* Does it hold for a user without any event in the window? */
bool sh_aggregate_holds_without(const struct sh_aggregate *aggregate);
/* The codes of the aggregated enum to their ranks, as they are now; NULL unless by_rank. */
const uint32_t *sh_aggregate_ranks(const struct sh_aggregate *aggregate, const struct sh_event_store *events);

/* A leaf of the plan: finds its partner among those before it, if it has one. */
void sh_aggregate_join(struct sh_plan *plan, struct sh_aggregate *aggregate);

/* One user, by the history: what the events say (days_since and count as far as it decides), and whether it holds. */
SH_MUST_CHECK enum sh_status sh_aggregate_walk(const struct sh_plan *plan, const struct sh_aggregate *aggregate,
                                               uint32_t slot, struct sh_aggregate_state *state, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_aggregate_test(const struct sh_plan *plan, const struct sh_aggregate *aggregate,
                                               uint32_t slot, bool *holds, struct sh_error *err);
/* One block of users; uses registers reg and reg + 1 of the run. */
struct sh_block_run; /* query_run.h */
SH_MUST_CHECK enum sh_status sh_aggregate_block(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                                struct sh_block_view *result, struct sh_error *err);

#endif
