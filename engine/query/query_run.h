/* query_run.h -- what the files of the block evaluator share.
 *
 *   query_run.c     AND, OR, NOT, the door
 *   query_glance.c  what needs no work
 *   query_cross.c   bitmaps with bitmaps
 *   query_scan.c    leaves that read a column or ids
 *
 * REGISTERS. Evaluating into register `reg` may use registers reg and above; candidates lie below or in the table. The
 * answer is left in `reg`, in a bitmap of the table, or is the candidates. AND keeps what is left in reg, lets a child
 * work in reg + 1 and exchanges the two pointers; OR keeps the union in reg, the rows still open in reg + 1 and lets a
 * child work in reg + 2; NOT lets its child work in reg + 1.
 */
#ifndef SH_QUERY_RUN_H
#define SH_QUERY_RUN_H

#include "query_kernels.h"
#include "query_plan.h"

enum {
    SH_LIST_COUNT_MAX = SH_BLOCK_BYTES / 2, /* a register as a list of u16 */
    /* Blocks of bits that one pass reads at once, and groups of them; what is more is crossed afterwards. */
    SH_CROSS_INPUT_COUNT_MAX = 48,
    SH_CROSS_GROUP_COUNT_MAX = 24,
};

/* One block's evaluation of one node. */
struct sh_block_run {
    struct sh_plan *plan;
    uint32_t block;
    uint32_t reg;
    bool count_only;                 /* only the count of the answer is asked for: its memory may be NULL */
    struct sh_block_view live;       /* the block's live rows */
    struct sh_block_view candidates; /* rows of interest */
};

static inline struct sh_block_view sh_empty_view(void) {
    return (struct sh_block_view){.form = SH_BLOCK_EMPTY};
}
/* A count without rows. */
static inline struct sh_block_view sh_counted_view(uint32_t count) {
    return (struct sh_block_view){.form = count == 0 ? SH_BLOCK_EMPTY : SH_BLOCK_BITS, .count = count};
}
static inline void sh_swap_registers(struct sh_plan *plan, uint32_t a, uint32_t b) {
    uint64_t *words = plan->registers[a];
    plan->registers[a] = plan->registers[b];
    plan->registers[b] = words;
}

/* --- query_cross.c --- */

/* a AND b, or a AND NOT b, in register reg if anything must be written. One of a and b may lie in reg. reg + 1 may be
 * used, or reg + 2 if one of them lies there. */
struct sh_block_view sh_cross_views(struct sh_plan *plan, struct sh_block_view a, struct sh_block_view b, bool negated,
                                    uint32_t reg, bool count_only);

/* What an AND crosses at once. Begin, add all children that a glance or sh_cross_add_union takes, finish. */
struct sh_cross {
    struct sh_crossing
        views[SH_CROSS_GROUP_COUNT_MAX + 1]; /* views[0] is the candidates unless they are all live rows */
    uint32_t view_count;
    const uint64_t *inputs[SH_CROSS_INPUT_COUNT_MAX + 1]; /* of unions of blocks of bits */
    struct sh_input_group unions[SH_CROSS_GROUP_COUNT_MAX + 1];
    uint32_t input_count;
    uint32_t union_count;
};
void sh_cross_begin(struct sh_cross *cross, const struct sh_block_run *run);
/* False if it is full. */
bool sh_cross_add_view(struct sh_cross *cross, const struct sh_block_run *run, struct sh_crossing crossing);
/* A union (or NOT of one) of which every child is a block of bits. False if it is not, or does not fit. */
bool sh_cross_add_union(struct sh_cross *cross, const struct sh_block_run *run, const struct sh_plan_node *node);
/* A short list is crossed entry by entry, so unions of bits had better be asked for the few rows that are left. */
bool sh_cross_has_short_list(const struct sh_cross *cross);
/* What is in all of them. */
struct sh_block_view sh_cross_finish(struct sh_cross *cross, const struct sh_block_run *run, bool count_only);

/* The union of all children that are kept as bitmaps, each read once. *work_count is how many are not. GLANCE_ALL: a
 * child holds all live rows, and *united says nothing. */
enum sh_glance sh_unite_views(const struct sh_block_run *run, const struct sh_plan_node *node, bool count_only,
                              uint32_t *work_count, struct sh_block_view *united);

/* --- query_scan.c --- */

/* A leaf that is a VALUE without bitmaps, COLUMN, PRESENT, DERIVED, SLOTS or SAMPLE. */
struct sh_block_view sh_scan_leaf(const struct sh_block_run *run, const struct sh_plan_node *node);
/* Any node, row by row: for few candidates, at most SH_LIST_COUNT_MAX. */
SH_MUST_CHECK enum sh_status sh_scan_rows(const struct sh_block_run *run, const struct sh_plan_node *node,
                                          struct sh_block_view *result, struct sh_error *err);

#endif
