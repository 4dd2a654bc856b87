/* query_stream.h -- what the two files that stream a block's events share; private to engine/query.
 *
 *   query_events.c   cells to chunks of rows; dense accumulators; the door
 *   query_touch.c    accumulators that begin when they are touched: one step a function, and what they say at the end
 *   query_again.c    dense accumulators that begin with what is kept of the window's whole days (query_kept.h)
 */
#ifndef SH_QUERY_STREAM_H
#define SH_QUERY_STREAM_H

#include "query_anchor.h"
#include "query_events.h"
#include "query_pair_set.h"

/* What is accumulated for the users of one block; arrays of one element a user. Taken from the plan's arena when first
 * needed.
 *
 *   function            counts            values             times          sums
 *   count               events
 *   sum, avg            events                                              the sum
 *   min, max, days_since                  the value
 *   first, last                           the value          its time
 *   nth                 events            the n-th's value   the latest
 *   days                days              the latest day
 *   count(distinct)     different ones
 *   gap_min, gap_max    events            the gap            the latest
 *   gap_avg             events            the earliest       the latest
 *   expected_next       days              the earliest       the latest
 */
struct sh_accumulators {
    uint32_t *counts;
    int64_t *values;
    int64_t *times;
    __int128 *sums;
    uint64_t *tied; /* users of whom the history must say: two events of one time, or out of order */
};

/* A count and a sum of the same events, of one block, packed into one number a user (query_events.c). */
struct sh_packed {
    uint64_t *sums;                /* NULL until first needed */
    const struct sh_aggregate *of; /* the count; NULL: means nothing */
    uint64_t run_number;           /* of the plan, when it was made */
};

/* Shared by all aggregates of a plan: the accumulators, and one chunk of rows. */
struct sh_event_scratch {
    struct sh_accumulators accumulators;
    struct sh_packed packed;
    struct sh_anchor_block anchors;
    uint64_t mask[SH_WHERE_WORDS];
    uint64_t more[SH_WHERE_WORDS];
    uint16_t rows[SH_WHERE_ROWS];
    uint16_t slots[SH_WHERE_ROWS];
    int64_t chunk_values[SH_WHERE_ROWS];
    int64_t chunk_times[SH_WHERE_ROWS];
};

/* Rows of a chunk that count: whose they are, and what they say. */
struct sh_event_chunk {
    const uint16_t *slots;
    const int64_t *values; /* unless the source is the event itself */
    const int64_t *times;  /* FIRST, LAST, NTH */
    uint32_t count;
    const struct sh_strip *strip; /* where the values come from, if they do */
    uint32_t first;               /* row of the cell that the chunk begins with */
    int64_t day_start_ms;         /* of the cell */
    const uint16_t *rows;         /* NULL: all of them */
};

struct sh_event_stream {
    struct sh_plan *plan;
    const struct sh_aggregate *aggregate;
    const struct sh_aggregate *packs; /* NULL, or a count's partner: a chunk's values are this one's */
    struct sh_event_scratch *scratch;
    struct sh_accumulators *into;
    const uint32_t *ranks;
    uint32_t block;
    int64_t from_ms; /* all that the users' windows may be */
    int64_t until_ms;
    uint64_t row_count;         /* of the cells that touch the window: an upper bound */
    unsigned __int128 sum_max;  /* no sum of some of the values, in any order, is further from 0 */
    bool sum_fits;              /* inside 64 bits */
    bool sum_packs;             /* and with every count beside it */
    bool is_dense;              /* whole arrays; then a chunk's values are left in their strip */
    uint64_t *touched;          /* users whose accumulator means something */
    const uint64_t *candidates; /* NULL: events of all users are taken */
    struct sh_pair_set seen;    /* DISTINCT */
};

/* One chunk into the accumulators. Days ascend from chunk to chunk. */
typedef enum sh_status (*sh_chunk_step)(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                        struct sh_error *err);
sh_chunk_step sh_touching_step(const struct sh_aggregate *aggregate);

/* --- query_events.c --- */

/* What of the plan's scratch and accumulators the aggregate needs. */
SH_MUST_CHECK enum sh_status sh_stream_take_memory(struct sh_event_stream *stream, struct sh_error *err);
/* How many rows there are at most, and what they can sum up to at most; adds to what there was. */
void sh_stream_survey(struct sh_event_stream *stream);
/* Every chunk of every cell of the window. */
SH_MUST_CHECK enum sh_status sh_stream_cells(struct sh_event_stream *stream, sh_chunk_step step, struct sh_error *err);
/* into->counts as an array of u8, which stop at 255, or of u16 or u32, which must have room; into->sums as one of
 * int64: dense streams only. */
sh_chunk_step sh_counting_step(uint8_t width);
sh_chunk_step sh_summing_step(void);
/* Accumulators as a strip, so that they are compared by the same kernels as a column. */
struct sh_strip sh_accumulator_strip(void *data, uint8_t width);
/* The match that a sum has to satisfy, once it is known to fit 64 bits. */
struct sh_match sh_sum_match(const struct sh_aggregate *aggregate);

/* --- query_again.c --- */

/* As sh_aggregate_block from what is kept, if it is or now comes to be; *is_answered. For keepable aggregates. */
SH_MUST_CHECK enum sh_status sh_aggregate_again(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                                bool *is_answered, struct sh_block_view *result, struct sh_error *err);
/* Can it be kept, and what of it? */
void sh_aggregate_set_inner(const struct sh_plan *plan, struct sh_aggregate *aggregate);

/* --- query_events.c and query_touch.c --- */

/* The accumulators of all candidates (words) of the block who have an event in the window; *stream is
 * for sh_touched_state. */
SH_MUST_CHECK enum sh_status sh_aggregate_gather(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                                 const uint64_t *candidates, struct sh_accumulators *into,
                                                 uint64_t *touched, struct sh_event_stream *stream,
                                                 struct sh_error *err);
/* What the accumulators of a touched user say. */
SH_MUST_CHECK enum sh_status sh_touched_state(const struct sh_event_stream *stream, uint32_t slot,
                                              struct sh_aggregate_state *state, struct sh_error *err);

#endif
