/* query_events.h -- aggregates over a user's events: did, count, sum, min, max, avg, first, last, days_since.
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
 * Semantics. The window is [from, until) and never holds an event after now. count and sum over nothing are 0, all
 * others are missing. An event in which the property is missing takes no part in sum, min, max, avg, first and last of
 * that property. first and last go by (time, arrival); min and max of an enum by rank. days_since is whole elapsed 24 h
 * since the latest event of the window.
 *
 * Accumulators. When many events fall on a block, count is a u16 or u32 a user and sum an i64 (if kept bounds prove
 * that it cannot overflow), compared as columns are. Otherwise a bit a user says whether its accumulator means anything
 * yet, so nothing is cleared, and sums take 128 bits; outside those is SH_ERR_OVERFLOW.
 */
#ifndef SH_QUERY_EVENTS_H
#define SH_QUERY_EVENTS_H

#include "bitmap_block.h"
#include "query_match.h"
#include "query_where.h"

/* What of an event is aggregated. */
enum sh_aggregate_source { SH_SOURCE_EVENT, SH_SOURCE_TIME, SH_SOURCE_AMOUNT, SH_SOURCE_PROPERTY };

struct sh_aggregate {
    enum sh_function function; /* FIRST and LAST of the time are MIN and MAX */
    enum sh_aggregate_source source;
    uint32_t event_type;
    uint32_t property;
    int64_t from_ms;
    int64_t until_ms;
    int64_t now_ms;
    struct sh_where *where; /* NULL: every event of the window */
    bool is_did;            /* one event decides */
    bool by_rank;           /* min, max of an enum */
    bool is_bounded;        /* sum, avg: compare with low and high; else with match */
    struct sh_match match;  /* negated and when_missing are for both */
    __int128 low, high;
    bool low_open, high_open;
    __int128 factor; /* avg: sum * factor against low * count */
};

/* An aggregate over no event, one, many. */
struct sh_aggregate_state {
    bool is_present;
    int64_t value; /* min, max, first, last, days_since */
    __int128 sum;
    uint64_t count;
};

SH_MUST_CHECK enum sh_status sh_aggregate_build(struct sh_plan *plan, const struct sh_node *clause,
                                                struct sh_aggregate **aggregate, struct sh_error *err);
bool sh_aggregate_holds(const struct sh_aggregate *aggregate, const struct sh_aggregate_state *state);
/* Does it hold for a user without any event in the window? */
bool sh_aggregate_holds_without(const struct sh_aggregate *aggregate);
/* The codes of the aggregated enum to their ranks, as they are now; NULL unless by_rank. */
const uint32_t *sh_aggregate_ranks(const struct sh_aggregate *aggregate, const struct sh_event_store *events);

/* One user, by the history. */
SH_MUST_CHECK enum sh_status sh_aggregate_test(const struct sh_plan *plan, const struct sh_aggregate *aggregate,
                                               uint32_t slot, bool *holds, struct sh_error *err);
/* One block of users; uses registers reg and reg + 1 of the run. */
struct sh_block_run; /* query_run.h */
SH_MUST_CHECK enum sh_status sh_aggregate_block(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                                struct sh_block_view *result, struct sh_error *err);

#endif
