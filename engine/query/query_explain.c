/* query_explain.c -- a plan as lines for people: what runs, in which order, what it costs, and what is left. */
#include "query_events.h"
#include "query_plan.h"

struct explainer {
    struct sh_plan *plan;
    struct sh_arena *arena;
    struct sh_plan_line *lines;
    uint32_t line_count;
    double live_count;
    double block_count;
    bool failed;
};

static const char *join_name(const struct sh_plan_node *node) {
    if (!node->is_clause) return node->op == SH_PLAN_AND ? "and" : "or";
    const struct sh_plan_node *first = node->children[0];
    if (first->op == SH_PLAN_TAG) return node->op == SH_PLAN_AND ? "all of tag bitmaps" : "any of tag bitmaps";
    if (first->op == SH_PLAN_VALUE) return "any of value bitmaps";
    return "present without";
}

static const char *event_name(const struct sh_aggregate *aggregate) {
    if (aggregate->is_did) return "event window, did";
    switch (aggregate->function) {
    case SH_FUNCTION_COUNT:
        return "event window, count";
    case SH_FUNCTION_SUM:
        return "event window, sum";
    case SH_FUNCTION_AVG:
        return "event window, average";
    case SH_FUNCTION_FIRST:
        return "event window, first";
    case SH_FUNCTION_LAST:
        return "event window, last";
    case SH_FUNCTION_MIN:
        return "event window, min";
    case SH_FUNCTION_NTH:
        return "event window, nth";
    case SH_FUNCTION_DAYS:
        return "event window, days";
    case SH_FUNCTION_DISTINCT:
        return "event window, distinct";
    case SH_FUNCTION_GAP_MIN:
    case SH_FUNCTION_GAP_AVG:
    case SH_FUNCTION_GAP_MAX:
        return "event window, gaps";
    case SH_FUNCTION_EXPECTED_NEXT:
        return "event window, expected next";
    default:
        return "event window, max";
    }
}

static const char *column_name(const struct sh_match *match) {
    switch (match->kind) {
    case SH_MATCH_RANGE:
        return "column range";
    case SH_MATCH_SET:
        return "column in set";
    case SH_MATCH_YEARLY:
        return "column by day of the year";
    default:
        return "column by code";
    }
}

static const char *operation_name(const struct sh_plan_node *node) {
    switch (node->op) {
    case SH_PLAN_NOTHING:
        return "nobody";
    case SH_PLAN_LIVE:
        return "everybody";
    case SH_PLAN_AND:
    case SH_PLAN_OR:
        return join_name(node);
    case SH_PLAN_NOT:
        return "not";
    case SH_PLAN_VALUE:
        return "value bitmap";
    case SH_PLAN_TAG:
        return "tag bitmap";
    case SH_PLAN_PRESENT:
        return "column has a value";
    case SH_PLAN_COLUMN:
        return column_name(&node->match);
    case SH_PLAN_DERIVED:
        return "derived value";
    case SH_PLAN_SLOTS:
        return "row by id";
    case SH_PLAN_SAMPLE:
        return "sample";
    case SH_PLAN_EVENT:
        return event_name(node->aggregate);
    case SH_PLAN_SEQUENCE:
        return "sequence of events";
    case SH_PLAN_CALCULATION:
        return "calculation";
    }
    return "";
}

static struct sh_text clause_text(struct explainer *explainer, const struct sh_node *clause) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, SH_EXPRESSION_BYTES_MAX);
    sh_query_print(clause, &buffer);
    struct sh_text text = {"", 0};
    const char *copy = sh_arena_copy(explainer->arena, buffer.bytes, buffer.count);
    if (buffer.failed || (copy == NULL && buffer.count > 0))
        explainer->failed = true;
    else if (buffer.count > 0)
        text = (struct sh_text){copy, (uint32_t)buffer.count};
    sh_buffer_deinit(&buffer);
    return text;
}

static uint32_t count_lines(const struct sh_plan_node *node) {
    uint32_t count = 1;
    for (uint32_t i = 0; i < node->child_count && !node->is_clause; i++)
        count += count_lines(node->children[i]);
    return count;
}

/* candidates: the share of rows that reach the node; before: what an OR has already when the node joins it. */
static void explain_node(struct explainer *explainer, const struct sh_plan_node *node, uint32_t depth,
                         double candidates, double before) {
    const double rows_ns = candidates * SH_BLOCK_SLOTS * node->cost.row_ns;
    const double block_ns = rows_ns < node->cost.block_ns ? rows_ns : node->cost.block_ns;
    const uint32_t block_count = sh_plan_block_count(explainer->plan);
    struct sh_plan_line *line = &explainer->lines[explainer->line_count++];
    *line = (struct sh_plan_line){
        .depth = depth,
        .operation = sh_text_of(operation_name(node)),
        .clause = clause_text(explainer, node->source),
        .cost_ns = explainer->block_count * block_ns,
        .estimate = (uint64_t)(explainer->live_count * (before + candidates * node->cost.share) + 0.5),
        .rows = node->measure.rows,
        .took_ns = node->measure.took_ns,
        .blocks_run = node->measure.blocks_run,
        .blocks_skipped = block_count - node->measure.blocks_run};
    double open = candidates;
    for (uint32_t i = 0; i < node->child_count && !node->is_clause; i++) {
        const struct sh_plan_node *child = node->children[i];
        explain_node(explainer, child, depth + 1, open, node->op == SH_PLAN_OR ? candidates - open : 0);
        if (node->op == SH_PLAN_AND) open *= child->cost.share;
        if (node->op == SH_PLAN_OR) open *= 1 - child->cost.share;
    }
}

static void forget_measures(struct sh_plan_node *node) {
    node->measure = (struct sh_plan_measure){0};
    for (uint32_t i = 0; i < node->child_count; i++)
        forget_measures(node->children[i]);
}

static enum sh_status measure(struct sh_plan *plan, uint64_t (*clock_ns)(void *), void *clock_context,
                              struct sh_error *err) {
    uint64_t count;
    sh_assert(clock_ns != NULL);
    plan->clock_ns = clock_ns;
    plan->clock_context = clock_context;
    plan->measuring = true;
    const enum sh_status status = sh_plan_count(plan, &count, err);
    plan->measuring = false;
    return status;
}

enum sh_status sh_plan_explain(struct sh_plan *plan, uint64_t (*clock_ns)(void *), void *clock_context, bool analyze,
                               struct sh_arena *arena, struct sh_plan_line **lines, uint32_t *line_count,
                               struct sh_error *err) {
    const uint32_t block_count = sh_plan_block_count(plan);
    struct explainer explainer = {.plan = plan,
                                  .arena = arena,
                                  .live_count = (double)sh_bitmap_count(sh_table_live(plan->scope.table)),
                                  .block_count = block_count};
    forget_measures(plan->root);
    enum sh_status status = SH_OK;
    if (analyze && (status = measure(plan, clock_ns, clock_context, err)) != SH_OK) return status;
    explainer.lines = sh_arena_alloc_zero(arena, count_lines(plan->root) * sizeof *explainer.lines);
    if (explainer.lines != NULL) explain_node(&explainer, plan->root, 0, 1, 0);
    if (explainer.lines == NULL || explainer.failed)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for explaining the expression");
    for (uint32_t i = 0; i < explainer.line_count && !analyze; i++)
        explainer.lines[i].blocks_skipped = 0;
    *lines = explainer.lines;
    *line_count = explainer.line_count;
    return SH_OK;
}
