#include "query_quantity.h"

#include <math.h>

#include "query_calculation.h"
#include "query_parser.h"
#include "query_plan.h"

static bool is_zero(const struct sh_term *term) {
    return term->kind == SH_TERM_NUMBER && term->unit == SH_UNIT_NONE &&
           sh_text_equal(term->number.text, SH_TEXT_LITERAL("0"));
}

/* The calculation that stands in the tree, in *term if it is an operand alone. */
static const struct sh_term *term_of(const struct sh_node *tree, struct sh_term *term) {
    if (tree->kind == SH_NODE_RELATION) return is_zero(tree->left) ? tree->right : tree->left;
    *term = (struct sh_term){.kind = SH_TERM_OPERAND, .position = tree->position, .operand = tree->operand};
    return term;
}

enum sh_status sh_quantity_parse(struct sh_text text, struct sh_arena *arena, struct sh_node **tree,
                                 struct sh_error *err) {
    struct sh_term *term;
    enum sh_status status = sh_query_parse_term(text, arena, &term, err);
    if (status != SH_OK) return status;
    struct sh_node *node = sh_node_make(arena, SH_NODE_RELATION, term->position);
    struct sh_term *zero = sh_arena_alloc_zero(arena, sizeof *zero);
    if (node == NULL || zero == NULL)
        return sh_fail(err, SH_ERR_LIMIT, -1, "the expression does not fit the memory of one request");
    zero->position = text.count;
    zero->number = (struct sh_literal){SH_LITERAL_NUMBER, SH_TEXT_LITERAL("0"), zero->position};
    node->left = term;
    node->right = zero;
    *tree = node;
    return sh_query_canonicalize(arena, tree, err);
}

void sh_quantity_print(const struct sh_node *tree, struct sh_buffer *buffer) {
    struct sh_term alone;
    sh_query_print_term(term_of(tree, &alone), buffer);
}

enum sh_status sh_quantity_plan(const struct sh_node *tree, const struct sh_query_scope *scope, struct sh_arena *arena,
                                struct sh_plan **plan, struct sh_error *err) {
    struct sh_term alone;
    struct sh_node *asked = sh_node_make(arena, SH_NODE_RELATION, tree->position);
    const struct sh_term *term = term_of(tree, &alone);
    struct sh_term *copy = sh_arena_copy(arena, term, sizeof *term);
    if (asked == NULL || copy == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
    asked->left = copy; /* is it missing? Nobody asks */
    const enum sh_status status = sh_query_plan(asked, scope, arena, plan, err);
    if (status == SH_OK) (*plan)->root->cost.row_ns = INFINITY; /* a block is never taken row by row */
    return status;
}

enum sh_status sh_quantity_of(const struct sh_plan *plan, uint32_t slot, struct sh_rational *value,
                              struct sh_error *err) {
    sh_assert(plan->root->op == SH_PLAN_CALCULATION);
    return sh_calculation_value(plan, plan->root->calculation, slot, value, err);
}

enum sh_status sh_quantity_block(struct sh_plan *plan, uint32_t block, sh_quantity_take take, void *context,
                                 struct sh_error *err) {
    const uint64_t *words;
    uint32_t count;
    sh_assert(plan->root->op == SH_PLAN_CALCULATION);
    plan->root->calculation->take = take;
    plan->root->calculation->take_context = context;
    return sh_plan_run_block(plan, block, &words, &count, err);
}
