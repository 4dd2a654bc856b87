/* query_plan.c -- from a bound tree to a program, and the calls that need no block. */
#include "query_plan.h"

#include <string.h>

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
}

static enum sh_status compile(struct sh_plan *plan, const struct sh_node *tree, struct sh_plan_node **node,
                              struct sh_error *err);

/* Children that decide alone (nothing in AND, all in OR) replace the node; those that decide nothing are left out. */
static enum sh_status compile_join(struct sh_plan *plan, const struct sh_node *tree, struct sh_plan_node **node,
                                   struct sh_error *err) {
    const enum sh_plan_op op = tree->kind == SH_NODE_AND ? SH_PLAN_AND : SH_PLAN_OR;
    const enum sh_plan_op decides = op == SH_PLAN_AND ? SH_PLAN_NOTHING : SH_PLAN_LIVE;
    const enum sh_plan_op neutral = op == SH_PLAN_AND ? SH_PLAN_LIVE : SH_PLAN_NOTHING;
    uint32_t child_count = 0;
    for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
        child_count++;
    struct sh_plan_node *joined = sh_plan_node_new(plan, op, tree, child_count);
    if (joined == NULL) return no_memory(err);
    uint32_t kept = 0;
    for (const struct sh_node *child = tree->child; child != NULL; child = child->next) {
        struct sh_plan_node *compiled;
        const enum sh_status status = compile(plan, child, &compiled, err);
        if (status != SH_OK) return status;
        if (compiled->op == decides) {
            *node = compiled;
            return SH_OK;
        }
        if (compiled->op != neutral) joined->children[kept++] = compiled;
    }
    joined->child_count = kept;
    *node = kept == 1 ? joined->children[0] : joined;
    if (kept == 0) *node = sh_plan_node_new(plan, neutral, tree, 0);
    return *node == NULL ? no_memory(err) : SH_OK;
}

static enum sh_status compile(struct sh_plan *plan, const struct sh_node *tree, struct sh_plan_node **node,
                              struct sh_error *err) {
    if (tree->kind == SH_NODE_AND || tree->kind == SH_NODE_OR) return compile_join(plan, tree, node, err);
    if (tree->kind != SH_NODE_NOT) return sh_plan_leaf(plan, tree, node, err);
    struct sh_plan_node *child;
    const enum sh_status status = compile(plan, tree->child, &child, err);
    if (status != SH_OK) return status;
    *node = sh_plan_not(plan, child, tree);
    return *node == NULL ? no_memory(err) : SH_OK;
}

static bool take_states(struct sh_plan *plan, struct sh_plan_node *node) {
    if (node->op == SH_PLAN_AND && (node->states = sh_arena_alloc(plan->arena, node->child_count)) == NULL)
        return false;
    for (uint32_t i = 0; i < node->child_count; i++)
        if (!take_states(plan, node->children[i])) return false;
    return true;
}

/* Registers that evaluating a node takes, its result included (query_run.h says which step uses how many). */
static uint32_t registers_needed(const struct sh_plan_node *node) {
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < node->child_count; i++) {
        const uint32_t needed = registers_needed(node->children[i]);
        if (needed > deepest) deepest = needed;
    }
    return deepest + 2;
}

enum sh_status sh_query_plan(const struct sh_node *tree, const struct sh_query_scope *scope, struct sh_arena *arena,
                             struct sh_plan **plan, struct sh_error *err) {
    struct sh_plan *made = sh_arena_alloc_zero(arena, sizeof *made);
    if (made == NULL) return no_memory(err);
    made->scope = *scope;
    made->arena = arena;
    const enum sh_status status = compile(made, tree, &made->root, err);
    if (status != SH_OK) return status;
    if (!take_states(made, made->root)) return no_memory(err);
    sh_plan_estimate(made, made->root);
    made->register_count = registers_needed(made->root) + 1; /* the last one is for answers that are not words */
    *plan = made;
    return SH_OK;
}

uint32_t sh_plan_block_count(const struct sh_plan *plan) {
    return sh_bitmap_block_count(sh_table_live(plan->scope.table));
}

static bool count_kept(const struct sh_plan *plan, const struct sh_plan_node *node, uint64_t *count) {
    const struct sh_table *table = plan->scope.table;
    switch (node->op) {
    case SH_PLAN_NOTHING:
        *count = 0;
        return true;
    case SH_PLAN_LIVE:
        *count = sh_bitmap_count(sh_table_live(table));
        return true;
    case SH_PLAN_TAG:
        *count = sh_bitmap_count(sh_table_tag_slots(table, node->index, node->code));
        return true;
    case SH_PLAN_PRESENT:
        *count = sh_attribute_present_count(sh_table_attribute(table, node->index));
        return true;
    case SH_PLAN_VALUE: {
        const struct sh_attribute *attribute = sh_table_attribute(table, node->index);
        if (!attribute->has_value_bitmaps) return false;
        const struct sh_bitmap *slots = sh_attribute_value_slots(attribute, node->code);
        *count = slots == NULL ? 0 : sh_bitmap_count(slots);
        return true;
    }
    case SH_PLAN_NOT:
        if (!count_kept(plan, node->children[0], count)) return false;
        *count = sh_bitmap_count(sh_table_live(table)) - *count;
        return true;
    case SH_PLAN_OR: { /* values of one attribute exclude each other */
        uint64_t sum = 0;
        if (!node->has_match) return false;
        for (uint32_t i = 0; i < node->child_count; i++) {
            if (!count_kept(plan, node->children[i], count)) return false;
            sum += *count;
        }
        *count = sum;
        return true;
    }
    default:
        return false;
    }
}

bool sh_plan_count_kept(const struct sh_plan *plan, uint64_t *count) {
    return count_kept(plan, plan->root, count);
}
