/* query_plan.h -- a planned expression from the inside: what the files of the planner and the evaluator share.
 *
 *   tier >= 'gold' and city in ('A', 'B') and not tags has 'blocked' and count(purchase, last 30 days) >= 2
 *
 *      bound tree (query_tree.h)    program (here)             one block of 65,536 rows
 *        and                        AND                        candidates: the live rows
 *         compare tier               NOT
 *         in city                     TAG blocked      view  \
 *         not has                    OR  clause               \   crossed in one pass over the table's own words
 *         compare count               VALUE gold       view    >  into register 0, with an exact count
 *                                     VALUE diamond    view   /
 *                                    OR  clause              /
 *                                     VALUE A, VALUE B views
 *                                    EVENT                     for the rows that are left
 *
 * HOW A BLOCK IS EVALUATED. Every step takes candidates (a view of rows, at first the live ones) and answers with the
 * rows among them for which its node is true, again as a view with an exact count. A view is borrowed from a bitmap of
 * the table where possible; else it is words, or a short sorted list, in a register of 8 KiB. The registers of one
 * plan (a handful) stay in the L1 cache; no bitmap is built in memory.
 *
 *   AND   looks at all children first: what is empty here ends the block, what holds all rows is dropped. What is kept
 *         as bitmaps is crossed at once: blocks of bits and unions of them in one pass over all of them, or, where a
 *         short list is among them, entry by entry. Only then the children that need work run, by (cost / rows they
 *         remove), each on the rows that are left; when those are few, they are tested row by row instead.
 *   OR    unites the bitmaps first, then runs the rest on the rows that are not in the union yet; stops when none are.
 *   NOT   is the candidates without the child's rows.
 *
 * A count needs no rows: the last step of the root only counts (a crossing without a target, or counts of pairs).
 *
 * WHAT A PLAN KEEPS. Numbers of attributes, tag sets, tags and event types, and answers of dictionaries at the time of
 * planning (texts that start with something, ranks of labels). Rows may be written between two blocks; a new label or
 * text is not known to plans made before (sh_table_schema_version and _text_version tell). Registers and accumulators
 * are taken from the arena by the first block that is run, so that a plan kept for sh_plan_test is small.
 */
#ifndef SH_QUERY_PLAN_H
#define SH_QUERY_PLAN_H

#include "bitmap_block.h"
#include "query.h"
#include "query_match.h"

enum sh_plan_op {
    SH_PLAN_NOTHING, /* no row */
    SH_PLAN_LIVE,    /* every live row */
    SH_PLAN_AND,
    SH_PLAN_OR,
    SH_PLAN_NOT,
    SH_PLAN_VALUE,   /* attribute `index` is `code`: a value bitmap */
    SH_PLAN_TAG,     /* tag set `index` has tag `code`: a tag bitmap */
    SH_PLAN_PRESENT, /* attribute `index` has a value */
    SH_PLAN_COLUMN,  /* attribute `index` matches `match` (neither negated nor when_missing) */
    SH_PLAN_DERIVED, /* derived field `index` satisfies `match`, negated and when_missing included */
    SH_PLAN_SLOTS,   /* the row is one of `match.values`, which are slots */
    SH_PLAN_SAMPLE,
    SH_PLAN_EVENT,
    SH_PLAN_SEQUENCE,
    SH_PLAN_CALCULATION
};

/* Estimates. They order children and choose between ways to the same answer, never the answer. */
struct sh_plan_cost {
    double share;    /* of the live rows that the node holds, 0..1 */
    double block_ns; /* to evaluate one block whole */
    double row_ns;   /* to test one row */
};

/* What `analyze` measured. */
struct sh_plan_measure {
    uint64_t rows; /* left after this node, over all blocks */
    uint64_t took_ns;
    uint32_t blocks_run;
    uint32_t blocks_skipped;
};

struct sh_aggregate;   /* query_events.h */
struct sh_calculation; /* query_calculation.h */
struct sh_sequence;    /* query_sequence.h */

struct sh_plan_node {
    enum sh_plan_op op;
    bool is_clause; /* stands for one clause of the expression with all below it: explain prints one line */
    bool has_match; /* OR of value bitmaps of attribute `index`: one row is tested by `match` on the column */
    uint32_t index;
    uint32_t code;
    uint32_t child_count;
    struct sh_plan_node **children; /* AND, OR: cheapest first; NOT: one */
    uint8_t *states;                /* AND: of each child, for the block being evaluated */
    const struct sh_node *source;   /* the clause it came from */
    struct sh_match match;
    uint32_t sample_parts;
    uint64_t sample_seed;
    struct sh_aggregate *aggregate;
    struct sh_sequence *sequence;
    struct sh_calculation *calculation;
    struct sh_plan_cost cost;
    struct sh_plan_measure measure;
};

struct sh_event_scratch;       /* query_stream.h */
struct sh_calculation_scratch; /* query_calculation.c */

struct sh_plan {
    struct sh_query_scope scope;
    struct sh_arena *arena; /* where the plan lives */
    struct sh_plan_node *root;
    uint32_t register_count;
    uint64_t **registers; /* NULL until the first block; each SH_BLOCK_WORDS words */
    struct sh_event_scratch *events;
    struct sh_aggregate *aggregates; /* of leaves */
    uint64_t run_number;             /* of runs of a block: what was kept in one is not for the next */
    struct sh_calculation_scratch *calculations;
    /* analyze */
    bool measuring;
    uint64_t (*clock_ns)(void *context);
    void *clock_context;
};

/* --- query_leaf.c: one clause of the tree to nodes --- */

struct sh_plan_node *sh_plan_node_new(struct sh_plan *plan, enum sh_plan_op op, const struct sh_node *source,
                                      uint32_t child_count);
/* NOT child, without doubling it. NULL if the arena is full. */
struct sh_plan_node *sh_plan_not(struct sh_plan *plan, struct sh_plan_node *child, const struct sh_node *source);
/* A clause that is neither AND, OR nor NOT. */
SH_MUST_CHECK enum sh_status sh_plan_leaf(struct sh_plan *plan, const struct sh_node *clause,
                                          struct sh_plan_node **node, struct sh_error *err);

/* --- query_cost.c --- */

/* Estimate a node whose children are estimated, and order its children. */
void sh_plan_estimate(const struct sh_plan *plan, struct sh_plan_node *node);
/* What crossing this many bitmaps of these counts costs in a block, for the choice between bitmaps and a column. */
double sh_plan_bitmap_ns(const struct sh_plan *plan, uint64_t slot_count);
double sh_plan_column_ns(const struct sh_attribute *attribute, const struct sh_match *match);

/* --- query_glance.c --- */

enum sh_glance {
    SH_GLANCE_NONE,
    SH_GLANCE_ALL,  /* all live rows */
    SH_GLANCE_VIEW, /* *crossing */
    SH_GLANCE_WORK
};
/* A bitmap's block, or the live rows without it. */
struct sh_crossing {
    struct sh_block_view view;
    bool negated;
    const struct sh_bitmap *bitmap; /* where the view is from */
};
/* What kept counts, bounds and forms of blocks say about a node; O(1), for a clause O(values or tags). `live` is the
 * block of live rows. */
enum sh_glance sh_plan_glance(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                              struct sh_block_view live, struct sh_crossing *crossing);

/* --- query_test.c --- */

/* Is the node true for a live slot? */
SH_MUST_CHECK enum sh_status sh_plan_test_node(const struct sh_plan *plan, const struct sh_plan_node *node,
                                               uint32_t slot, bool *matches, struct sh_error *err);
/* sample: does this id stay? */
bool sh_plan_sample_keeps(struct sh_text id, uint64_t seed, uint32_t parts);

#endif
