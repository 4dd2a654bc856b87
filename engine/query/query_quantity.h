/* query_quantity.h -- what a calculation is worth, for one user or for a block of them.
 *
 *   text   "sum(purchase.amount, last 30 days) / 4"
 *     -- sh_quantity_parse --> tree -- check, plan --> one fraction a user
 *
 * The tree is that of the question `text = 0` in canonical form: so its names, its type (a number) and its limits are
 * checked like those of any comparison. It is planned as the calculation that stands in it, and never asked.
 */
#ifndef SH_QUERY_QUANTITY_H
#define SH_QUERY_QUANTITY_H

#include "query.h"
#include "query_rational.h"

/* As sh_query_parse, of a calculation alone. */
SH_MUST_CHECK enum sh_status sh_quantity_parse(struct sh_text text, struct sh_arena *arena, struct sh_node **tree,
                                               struct sh_error *err);
/* Canonical text: parses back to an equal tree. */
void sh_quantity_print(const struct sh_node *tree, struct sh_buffer *buffer);
/* `tree` is checked (sh_query_check). The plan is only for the two below. */
SH_MUST_CHECK enum sh_status sh_quantity_plan(const struct sh_node *tree, const struct sh_query_scope *scope,
                                              struct sh_arena *arena, struct sh_plan **plan, struct sh_error *err);
/* One row. SH_ERR_OVERFLOW. */
SH_MUST_CHECK enum sh_status sh_quantity_of(const struct sh_plan *plan, uint32_t slot, struct sh_rational *value,
                                            struct sh_error *err);
/* Every live row of a block, ascending: its place in the block, and what it is worth. */
typedef void (*sh_quantity_take)(void *context, uint32_t place, struct sh_rational value);
SH_MUST_CHECK enum sh_status sh_quantity_block(struct sh_plan *plan, uint32_t block, sh_quantity_take take,
                                               void *context, struct sh_error *err);

#endif
