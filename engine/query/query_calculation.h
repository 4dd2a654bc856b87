/* query_calculation.h -- two calculated values compared: sum(a.amount, last 30 days) < sum(a.amount, previous month).
 *
 *        <              leaves      0  aggregate   sum(a.amount, last 30 days)
 *      /   \                        1  aggregate   sum(a.amount, previous month)
 *    [0]   [1]
 *
 * A comparison is a small tree over numbered leaves. What a leaf is worth is read outside (for a user from histories,
 * for a block of users from accumulators, for an event from its cell) and handed in as fractions: one evaluator for
 * all. A block streams the cells of each aggregate once, into accumulators of its own; then users are taken one by one.
 * Those whom no aggregate saw all have the same answer, unless attributes take part; it is worked out once.
 */
#ifndef SH_QUERY_CALCULATION_H
#define SH_QUERY_CALCULATION_H

#include "bounds.h"
#include "query_events.h"
#include "query_rational.h"

struct sh_leaf {
    const struct sh_operand *operand;
    struct sh_aggregate *aggregate; /* NULL: an attribute; inside where a property, or an attribute of the item */
    __int128 unit;                  /* 10^scale: the value is so many times the number */
    bool as_day;                    /* an instant that is compared with a date */
};

struct sh_formula {
    enum sh_term_kind kind;
    uint32_t leaf;
    struct sh_rational number;
    const struct sh_formula *left, *right;
};

struct sh_calculation {
    enum sh_compare compare;
    const struct sh_formula *left, *right; /* right is NULL: is left one of list, or missing if there is no list? */
    const struct sh_rational *list;        /* ascending */
    uint32_t list_count;
    bool negated;
    /* If set, a block's rows are not asked, but left is handed on, of every candidate. */
    void (*take)(void *context, uint32_t place, struct sh_rational value);
    void *take_context;
    const struct sh_zone *zone;
    uint32_t leaf_count;
    bool has_attributes;
    struct sh_leaf leaves[SH_CALCULATION_VALUE_COUNT_MAX];
};

/* node is a bound RELATION; plan is NULL inside where, which has no aggregates. */
SH_MUST_CHECK enum sh_status sh_calculation_build(struct sh_plan *plan, const struct sh_node *node,
                                                  const struct sh_query_scope *scope, struct sh_arena *arena,
                                                  struct sh_calculation **calculation, struct sh_error *err);
/* The fraction that a leaf's canonical value is. */
struct sh_rational sh_leaf_value(const struct sh_calculation *calculation, const struct sh_leaf *leaf, bool is_present,
                                 int64_t value);
/* SH_ERR_OVERFLOW. */
SH_MUST_CHECK enum sh_status sh_calculation_holds(const struct sh_calculation *calculation,
                                                  const struct sh_rational *values, bool *holds, struct sh_error *err);
struct sh_block_run; /* query_run.h */
/* One row of the plan's table. */
SH_MUST_CHECK enum sh_status sh_calculation_test(const struct sh_plan *plan, const struct sh_calculation *calculation,
                                                 uint32_t slot, bool *holds, struct sh_error *err);
/* left, of one row. */
SH_MUST_CHECK enum sh_status sh_calculation_value(const struct sh_plan *plan, const struct sh_calculation *calculation,
                                                  uint32_t slot, struct sh_rational *value, struct sh_error *err);
/* One block of it, into register reg of the run. */
SH_MUST_CHECK enum sh_status sh_calculation_block(const struct sh_block_run *run,
                                                  const struct sh_calculation *calculation,
                                                  struct sh_block_view *result, struct sh_error *err);

#endif
