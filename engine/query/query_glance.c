/* query_glance.c -- what can be said about a node and a block without work. */
#include "query_plan.h"

static enum sh_glance glance_bitmap(const struct sh_bitmap *bitmap, uint32_t block, struct sh_block_view live,
                                    struct sh_crossing *crossing) {
    const struct sh_block_view view = sh_bitmap_block(bitmap, block);
    *crossing = (struct sh_crossing){.view = view, .bitmap = bitmap};
    if (view.count == 0) return SH_GLANCE_NONE;
    return view.count == live.count ? SH_GLANCE_ALL : SH_GLANCE_VIEW;
}

static enum sh_glance glance_value(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                   struct sh_block_view live, struct sh_crossing *crossing) {
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, node->index);
    if (!attribute->has_value_bitmaps) return SH_GLANCE_WORK; /* it got too many values since the plan was made */
    const struct sh_bitmap *slots = sh_attribute_value_slots(attribute, node->code);
    return slots == NULL ? SH_GLANCE_NONE : glance_bitmap(slots, block, live, crossing);
}

/* Only live rows have values, so as many values as live rows means that all of them have one. */
static enum sh_glance glance_present(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                     struct sh_block_view live) {
    const struct sh_strip *strip = sh_column_block(&sh_table_attribute(plan->scope.table, node->index)->column, block);
    if (strip == NULL || strip->count == strip->missing_count) return SH_GLANCE_NONE;
    return strip->count - strip->missing_count == live.count ? SH_GLANCE_ALL : SH_GLANCE_WORK;
}

static enum sh_glance glance_column(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                    struct sh_block_view live) {
    const enum sh_glance present = glance_present(plan, node, block, live);
    if (present == SH_GLANCE_NONE || node->match.kind == SH_MATCH_NONE) return SH_GLANCE_NONE;
    const struct sh_strip *strip = sh_column_block(&sh_table_attribute(plan->scope.table, node->index)->column, block);
    int64_t low = node->match.low;
    int64_t high = node->match.high;
    if (node->match.kind == SH_MATCH_SET) {
        low = node->match.values[0];
        high = node->match.values[node->match.value_count - 1];
    } else if (node->match.kind != SH_MATCH_RANGE) {
        return SH_GLANCE_WORK;
    }
    if (strip->max < low || strip->min > high) return SH_GLANCE_NONE;
    const bool holds_bounds = node->match.kind == SH_MATCH_RANGE && low <= strip->min && strip->max <= high;
    return holds_bounds && present == SH_GLANCE_ALL ? SH_GLANCE_ALL : SH_GLANCE_WORK;
}

/* An AND or OR of which at most one child is left to be looked at, the others being decided already. */
static enum sh_glance glance_join(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                  struct sh_block_view live, struct sh_crossing *crossing) {
    const enum sh_glance decides = node->op == SH_PLAN_AND ? SH_GLANCE_NONE : SH_GLANCE_ALL;
    const enum sh_glance neutral = node->op == SH_PLAN_AND ? SH_GLANCE_ALL : SH_GLANCE_NONE;
    bool has_view = false;
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct sh_crossing child = {.negated = false};
        const enum sh_glance found = sh_plan_glance(plan, node->children[i], block, live, &child);
        if (found == decides) return decides;
        if (found == neutral) continue;
        if (found == SH_GLANCE_WORK || has_view) return SH_GLANCE_WORK;
        *crossing = child;
        has_view = true;
    }
    return has_view ? SH_GLANCE_VIEW : neutral;
}

enum sh_glance sh_plan_glance(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                              struct sh_block_view live, struct sh_crossing *crossing) {
    switch (node->op) {
    case SH_PLAN_NOTHING:
        return SH_GLANCE_NONE;
    case SH_PLAN_LIVE:
        return SH_GLANCE_ALL;
    case SH_PLAN_AND:
    case SH_PLAN_OR: /* one level, so that a glance stays one */
        return node->is_clause ? glance_join(plan, node, block, live, crossing) : SH_GLANCE_WORK;
    case SH_PLAN_NOT: {
        const enum sh_glance child = sh_plan_glance(plan, node->children[0], block, live, crossing);
        if (child == SH_GLANCE_VIEW) crossing->negated = !crossing->negated;
        return child == SH_GLANCE_NONE ? SH_GLANCE_ALL : child == SH_GLANCE_ALL ? SH_GLANCE_NONE : child;
    }
    case SH_PLAN_VALUE:
        return glance_value(plan, node, block, live, crossing);
    case SH_PLAN_TAG:
        return glance_bitmap(sh_table_tag_slots(plan->scope.table, node->index, node->code), block, live, crossing);
    case SH_PLAN_PRESENT:
        return glance_present(plan, node, block, live);
    case SH_PLAN_COLUMN:
        return glance_column(plan, node, block, live);
    case SH_PLAN_DERIVED:
    case SH_PLAN_SLOTS:
    case SH_PLAN_SAMPLE:
    case SH_PLAN_EVENT:
    case SH_PLAN_SEQUENCE:
    case SH_PLAN_CALCULATION:
        return SH_GLANCE_WORK;
    }
    return SH_GLANCE_WORK;
}
