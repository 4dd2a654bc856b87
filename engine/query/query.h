/* query.h -- the door of the expression language: who (users), what (items) and when (events).
 *
 *   text ---- sh_query_parse --.                                            .-- sh_query_run: block by block, bits out
 *                               +-- tree -- check -- bound tree -- plan ---+--- sh_query_test: one slot, true or false
 *   msgpack - sh_query_read ---'      |                                    '-- sh_query_explain: the program and costs
 *                                     '-- sh_query_print (canonical text), sh_query_write (canonical msgpack), hash
 *
 * Everything made here lives in the caller's arena and is freed with it. Nothing here changes a table.
 *
 * Semantics (each has a test that names it):
 *   - Two-valued logic. A comparison with a missing value is false, != and not in included. `not` is the complement in
 *     the set of live rows. `is missing` asks. count and sum over nothing are 0; avg, min, max, first, last and
 *     days_since over nothing are missing. `has none` on an empty set is true.
 *   - last N days is (now - N * 86,400,000 ms, now]; events after now are ignored everywhere. Calendar windows are
 *     half-open in the workspace's zone. days_since counts whole elapsed 24 hours since the latest event.
 *     from A ago to B ago is (now - A, now - B]: two windows side by side share no event.
 *     within N days after first(purchase) is (that time, that time + N days], before it is [that time - N days, that
 *     time): neither holds the anchor itself nor another event of its millisecond. A date as anchor is its whole day.
 *     Without an anchor the window is empty.
 *     A value that lies ahead (the last day of a coupon) is in a written span of dates: in between, in on, in before.
 *   - now moves windows and expiry only; attributes are today's; item.category is the item's current one.
 *   - days counts local days with an event. count(distinct event.property) counts different values, event.item
 *     different items; both are 0 over nothing. nth(n, event.property) is that of the n-th event which has it, by
 *     (time, arrival), nth(n, event) its time; fewer: missing. gap_min, gap_avg and gap_max are the time between one
 *     event of the window and the next, in days of 24 hours, exact; fewer than two events: missing. expected_next is
 *     the latest event and the user's own mean time between local days with an event (last - first over days - 1, whole
 *     ms): when the next one is due; fewer than two days: missing. An event that came late is in its own place
 *     everywhere. Inside where, hour (0..23) and weekday (1 Monday .. 7) are those of the workspace's clock, unless the
 *     event has a property of that name.
 *   - Calculations are exact: fractions of 128 bits over 128 bits; what leaves them is SH_ERR_OVERFLOW. * and / before
 *     + and -, equals from left to right. Missing with anything is missing, so is a division by zero, and no comparison
 *     with it holds, nor `between`, `in` nor their `not` forms. A time less a time is a span, compared with `30 days`;
 *     a time plus a span is a time. Times are compared with times; where dates and instants meet, by day.
 *   - `store under 'East'` is `in` with 'East' and every name below it in the hierarchy that the scope has for store:
 *     who is found by two of them is found once, as with in.
 *   - Enums compare by rank. Decimals compare exactly; averages by cross-multiplication.
 *   - sample(p%, 'seed') keeps a row if mix(XXH3(external id), XXH3(seed)) falls below p: nested for growing p.
 */
#ifndef SH_QUERY_H
#define SH_QUERY_H

#include "calendar.h"
#include "event_store.h"
#include "hidden.h"
#include "query_derived.h"
#include "query_form.h"
#include "query_kept.h"
#include "table.h"

/* What an expression is about. The caller keeps all of it alive and unchanged in place while a plan is used; a plan
 * refers to attributes and event types by number, so rows may be written between two blocks of one run. */
struct sh_query_scope {
    const struct sh_table *table;        /* the rows described: users, or items */
    const struct sh_table *items;        /* for item.<name> inside where; NULL if the rows are items */
    const struct sh_event_store *events; /* NULL if the rows are items */
    const struct sh_derived *derived;    /* values of users that the owner works out; NULL: none */
    struct sh_kept *kept;                /* what is kept of windows of `events` (query_kept.h); NULL: nothing */
    const struct sh_zone *zone;
    int64_t now_ms;
    int64_t clock_ms; /* the time by the server's clock, or 0; tags have ended by the later of this and now_ms */
    /* The saved expression of that name as a tree in the given arena, or SH_ERR_NAME; NULL where there are none.
     * Cycles and depth are the owner's to refuse. */
    enum sh_status (*segment)(void *owner, struct sh_text name, struct sh_arena *arena, struct sh_node **tree,
                              struct sh_error *err);
    void *segment_owner;
    const struct sh_hidden *hidden; /* of the rows: what may not be asked for, but for `is missing`; NULL: nothing.
                                     * Saved expressions may ask for it */
    /* The name and all names below it, in the hierarchy that is meant for this attribute or property: *names is the
     * owner's. SH_ERR_NAME if there is none. NULL where there are no hierarchies. */
    enum sh_status (*below)(const void *owner, struct sh_text attribute, struct sh_text name,
                            const struct sh_text **names, uint32_t *count, struct sh_error *err);
    const void *below_owner;
};

/* --- trees: query_form.h makes and prints them; query_check.c, query_bind.c and query_window.c give them meaning ---
 */

/* Resolve names, types and literals. SH_ERR_NAME with the nearest known name, SH_ERR_TYPE; positions are those of the
 * text. Puts saved expressions in the place of in_segment and brings the tree into canonical form again, so that its
 * text and hash are then those of what it means. Nothing bound depends on now; all of it on the schema and the texts
 * (sh_table_schema_version, sh_table_text_version and those of events), saved expressions and hierarchies. Check a
 * fresh tree, not one checked before. */
SH_MUST_CHECK enum sh_status sh_query_check(struct sh_node **tree, const struct sh_query_scope *scope,
                                            struct sh_arena *arena, struct sh_error *err);
/* Can only a write change who matches a checked tree, and not time that passes? False when in doubt. Where tags end
 * (sh_table_any_ends), time changes who has them. */
bool sh_query_is_timeless(const struct sh_node *tree);
/* Window -> instants [*from_ms, *until_ms) in the scope's zone and now; *until_ms is at most now + 1: no window reaches
 * past now, so it holds no event that is yet to come. Empty windows have *from_ms == *until_ms. A window after or
 * before an anchor is all that any user's may be. Bound trees only (the literals were checked). */
void sh_query_window(const struct sh_window *window, const struct sh_query_scope *scope, int64_t *from_ms,
                     int64_t *until_ms);

/* Milliseconds of a minute, hour, day or week. */
int64_t sh_query_span_ms(enum sh_unit unit);

/* --- plans: query_plan.c, query_run.c, query_events.c, query_test.c, query_explain.c --- */

struct sh_plan; /* opaque; see query_plan.h for modules that must look inside */

/* Order children by cost, choose an operator for each leaf, reserve registers. `tree` must be checked. */
SH_MUST_CHECK enum sh_status sh_query_plan(const struct sh_node *tree, const struct sh_query_scope *scope,
                                           struct sh_arena *arena, struct sh_plan **plan, struct sh_error *err);
/* How many blocks a run visits: the table's live blocks now. */
uint32_t sh_plan_block_count(const struct sh_plan *plan);
/* Evaluate one block into 1,024 words: *words points at the result (the plan's own register or a table's own words,
 * valid until the next call), NULL when the block is empty; *count is its popcount. SH_ERR_OVERFLOW from sum. */
SH_MUST_CHECK enum sh_status sh_plan_run_block(struct sh_plan *plan, uint32_t block, const uint64_t **words,
                                               uint32_t *count, struct sh_error *err);
/* The same as a view in whatever form it came: a borrowed block of the table, or words or a list in the plan's
 * register. Crossing a short list is cheaper than crossing words. Valid until the next call for this plan. */
SH_MUST_CHECK enum sh_status sh_plan_run_view(struct sh_plan *plan, uint32_t block, struct sh_block_view *view,
                                              struct sh_error *err);
/* The answer is known from kept counts without any block (bare tag, bare value, true, false)? */
bool sh_plan_count_kept(const struct sh_plan *plan, uint64_t *count);
/* All blocks, counted. The last operator is fused with the popcount. */
SH_MUST_CHECK enum sh_status sh_plan_count(struct sh_plan *plan, uint64_t *count, struct sh_error *err);
/* One slot, without touching its block: the same answer as the bit of sh_plan_run_block. */
SH_MUST_CHECK enum sh_status sh_plan_test(struct sh_plan *plan, uint32_t slot, bool *matches, struct sh_error *err);
/* What a sample goes by: `sample(p%, 'seed')` keeps a row if this, as a fraction of 2^64, is below p. seed_hash is
 * sh_hash_text(seed). Exactly n rows are the n with the smallest mix, ties by id. */
uint64_t sh_query_sample_mix(struct sh_text id, uint64_t seed_hash);

/* One line of an explained program. With analyze, the plan has been run once and rows and took_ns are measured. */
struct sh_plan_line {
    uint32_t depth;
    struct sh_text operation; /* "and", "value bitmap", "column range", "event window" ... */
    struct sh_text clause;    /* canonical text of the clause */
    double cost_ns;           /* estimate for all blocks */
    uint64_t estimate;        /* rows expected to be left after this line */
    uint64_t rows;            /* measured: rows left after this clause in its place */
    uint64_t took_ns;         /* measured */
    uint32_t blocks_run, blocks_skipped;
};
/* clock_ns may be NULL without analyze. *lines lives in the arena. */
SH_MUST_CHECK enum sh_status sh_plan_explain(struct sh_plan *plan, uint64_t (*clock_ns)(void *), void *clock_context,
                                             bool analyze, struct sh_arena *arena, struct sh_plan_line **lines,
                                             uint32_t *line_count, struct sh_error *err);

#endif
