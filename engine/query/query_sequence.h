/* query_sequence.h -- people who did one thing after another: sequence() in an expression, and funnels.
 *
 *   sequence(view -> cart -> purchase, within 3 days, last 30 days)
 *
 *   one user's events of the window:
 *        view   view        cart      view        purchase
 *     ----o------o-----------o---------o--------------o-----> (time, arrival)
 *                |<----------- within 3 days -------->|        the second view leads furthest: to step 3
 *
 * THE RULE. A user reaches step k if they have k events e1, e2 ... ek, each behind the one before it in (time,
 * arrival), all of them in the window, such that
 *   - ei satisfies step i: it is of that type, and its `where` holds for it;
 *   - ek is at most `within` later than e1, the bound included;
 *   - strict only: whatever else between ei and ei+1 satisfies any step of the sequence satisfies step i. So a repeat
 *     of the step just taken is passed over, and a step out of turn ends the attempt. Events that satisfy no step never
 *     matter. Loose, which is the rule unless strict is written, passes over everything.
 * Any event that satisfies step 1 may be e1: attempts overlap and the furthest counts. One event is one step, even if
 * it satisfies several. Two events of one millisecond follow each other as they arrived, like everywhere in Shoal.
 *
 * TIMES. Step k is timed at the event that reaches it first. Of the ways there, those with the latest e1 count, and of
 * these the one with the earliest e(k-1): ek - e1 is the time from the first step, ek - e(k-1) that from the one
 * before.
 *
 * HOW. sh_sequence_follow is that rule, in one pass over one user's marks (the events that satisfy a step) with a
 * latest start for each step: O(marks * steps). Where the marks come from differs, never the answer:
 *
 *   one user         by the history, newest first, then turned round
 *   block of users   1. a pass over the cells of each step that is required says who did it at all: most people have
 *                       not done all of them, and are out for 2 bytes an event
 *                    2. a pass over the cells gathers the marks of those who are left
 *                    3. marks are dealt to their users (a counting sort over the block) and each user's put in order
 *   A user with two marks of one time that satisfy different steps is followed by the history, which knows which came
 *   first; rows of cells do not.
 *
 * Memory: 32 bytes a mark; when a block has more than SH_SEQUENCE_SLICE_ROWS rows in the window, it is taken in several
 * slices of users.
 */
#ifndef SH_QUERY_SEQUENCE_H
#define SH_QUERY_SEQUENCE_H

#include "bounds.h"
#include "query.h"
#include "query_where.h"

enum { SH_SEQUENCE_SLICE_ROWS = 1 << 20 };

struct sh_sequence_step {
    uint32_t event_type;
    struct sh_where *where; /* NULL: every event of the type */
};
/* An event type of the sequence, and which steps are of it: bit i for step i + 1. */
struct sh_sequence_type {
    uint32_t event_type;
    uint32_t steps;       /* all of them */
    uint32_t plain_steps; /* those without where */
};

struct sh_sequence {
    struct sh_sequence_step steps[SH_SEQUENCE_STEP_COUNT_MAX];
    uint32_t step_count;
    uint32_t reach; /* the step to be reached, 1 .. step_count: the predicate asks for it */
    bool is_strict;
    int64_t from_ms; /* the window, [from_ms, until_ms) */
    int64_t until_ms;
    int64_t within_ms; /* INT64_MAX: no bound but the window */
    struct sh_sequence_type types[SH_SEQUENCE_STEP_COUNT_MAX];
    uint32_t type_count;
    struct sh_sequence_scratch *scratch; /* taken from the arena when first needed */
    struct sh_arena *arena;
};

/* A bound SH_NODE_SEQUENCE. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_sequence_build(const struct sh_node *node, const struct sh_query_scope *scope,
                                               struct sh_arena *arena, struct sh_sequence **sequence,
                                               struct sh_error *err);

/* An event that satisfies at least one step. */
struct sh_sequence_mark {
    int64_t time_ms;
    uint16_t slot_low;
    uint16_t steps; /* bit i: step i + 1 */
};
_Static_assert(SH_SEQUENCE_STEP_COUNT_MAX <= 16, "a mark has 16 bits for steps");

/* How far a user came. */
struct sh_sequence_path {
    uint32_t reached;                                   /* 0: no event satisfies step 1 */
    int64_t since_first_ms[SH_SEQUENCE_STEP_COUNT_MAX]; /* of step i + 1, for i < reached */
    int64_t since_previous_ms[SH_SEQUENCE_STEP_COUNT_MAX];
};
/* The rule. marks are one user's, by (time, arrival). */
void sh_sequence_follow(const struct sh_sequence *sequence, const struct sh_sequence_mark *marks, uint32_t mark_count,
                        struct sh_sequence_path *path);

/* One user, by the history. */
SH_MUST_CHECK enum sh_status sh_sequence_user(struct sh_sequence *sequence, const struct sh_event_store *events,
                                              uint32_t slot, struct sh_sequence_path *path, struct sh_error *err);

/* One block of users. */
struct sh_sequence_block {
    uint32_t block;
    const uint64_t *candidates; /* SH_BLOCK_WORDS: whose paths are asked for */
    /* Paths of users who lack one of the first `least` steps are not followed: they reach less than that. */
    uint32_t least;
    uint64_t *began; /* NULL, or SH_BLOCK_WORDS: the candidates who did step 1 */
    /* Called for each candidate who did each of the first `least` steps, in whatever order. */
    void (*take)(void *context, uint32_t slot_low, const struct sh_sequence_path *path);
    void *context;
};
SH_MUST_CHECK enum sh_status sh_sequence_block_run(struct sh_sequence *sequence, const struct sh_event_store *events,
                                                   const struct sh_sequence_block *block, struct sh_error *err);

#endif
