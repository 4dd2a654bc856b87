/* query_run.c -- evaluates a plan, one block of 65,536 rows at a time. query_plan.h says how, query_run.h which
 * registers a step may use.
 */
#include "query_run.h"

#include <string.h>

#include "query_calculation.h"
#include "query_events.h"
#include "query_sequence.h"

static struct sh_block_view live_view(const struct sh_plan *plan, uint32_t block) {
    return sh_bitmap_block(sh_table_live(plan->scope.table), block);
}

/* Any node; and one of which a glance has just said that it is work. */
static enum sh_status evaluate(const struct sh_block_run *run, struct sh_plan_node *node, struct sh_block_view *result,
                               struct sh_error *err);
static enum sh_status evaluate_work(const struct sh_block_run *run, struct sh_plan_node *node,
                                    struct sh_block_view *result, struct sh_error *err);

/* ---- AND ---- */

/* What is known of a child of an AND, for the block at hand. */
enum { CHILD_OPEN, CHILD_WORK, CHILD_SETTLED };

/* The child's answer is what is left. */
static enum sh_status narrow(const struct sh_block_run *run, struct sh_plan_node *child, bool is_work, bool count_only,
                             struct sh_block_view *left, struct sh_error *err) {
    struct sh_block_run inner = *run;
    struct sh_block_view result;
    inner.reg = run->reg + 1;
    inner.candidates = *left;
    inner.count_only = count_only;
    const enum sh_status status =
        is_work ? evaluate_work(&inner, child, &result, err) : evaluate(&inner, child, &result, err);
    if (status != SH_OK) return status;
    if (result.memory == run->plan->registers[run->reg + 1]) sh_swap_registers(run->plan, run->reg, run->reg + 1);
    *left = result;
    return SH_OK;
}

/* One child after another in the planned order, so that each line gets its measure. */
static enum sh_status evaluate_and_measured(const struct sh_block_run *run, const struct sh_plan_node *node,
                                            struct sh_block_view *left, struct sh_error *err) {
    *left = run->candidates;
    for (uint32_t i = 0; i < node->child_count && left->count > 0; i++) {
        const enum sh_status status = narrow(run, node->children[i], false, false, left, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* Sort out the children of an AND: what decides, what is crossed at once, what is left. False: no row is left. */
static bool look_at_children(const struct sh_block_run *run, struct sh_plan_node *node, struct sh_cross *cross,
                             uint32_t *open_count) {
    *open_count = node->child_count;
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct sh_crossing looked;
        const enum sh_glance found = sh_plan_glance(run->plan, node->children[i], run->block, run->live, &looked);
        if (found == SH_GLANCE_NONE) return false;
        const bool is_settled =
            found == SH_GLANCE_ALL || (found == SH_GLANCE_VIEW && sh_cross_add_view(cross, run, looked));
        node->states[i] = is_settled ? CHILD_SETTLED : found == SH_GLANCE_WORK ? CHILD_WORK : CHILD_OPEN;
        *open_count -= is_settled;
    }
    if (sh_cross_has_short_list(cross)) return true;
    for (uint32_t i = 0; i < node->child_count; i++) {
        if (node->states[i] != CHILD_WORK || !sh_cross_add_union(cross, run, node->children[i])) continue;
        node->states[i] = CHILD_SETTLED;
        *open_count -= 1;
    }
    return true;
}

static enum sh_status evaluate_and(const struct sh_block_run *run, struct sh_plan_node *node,
                                   struct sh_block_view *left, struct sh_error *err) {
    struct sh_cross cross;
    uint32_t open_count;
    if (run->plan->measuring) return evaluate_and_measured(run, node, left, err);
    sh_cross_begin(&cross, run);
    *left = sh_empty_view();
    if (!look_at_children(run, node, &cross, &open_count)) return SH_OK;
    *left = sh_cross_finish(&cross, run, run->count_only && open_count == 0);
    for (uint32_t i = 0; i < node->child_count && open_count > 0 && left->count > 0; i++) {
        if (node->states[i] == CHILD_SETTLED) continue;
        open_count--;
        const enum sh_status status = narrow(run, node->children[i], node->states[i] == CHILD_WORK,
                                             run->count_only && open_count == 0, left, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- OR ---- */

/* The union in register reg as words, which it may not be yet. */
static uint64_t *widen_to_words(const struct sh_block_run *run, struct sh_block_view united) {
    struct sh_plan *plan = run->plan;
    if (united.memory == plan->registers[run->reg]) {
        if (united.form == SH_BLOCK_BITS) return plan->registers[run->reg];
        sh_swap_registers(plan, run->reg, run->reg + 1);
    }
    sh_block_store(united, plan->registers[run->reg]);
    return plan->registers[run->reg];
}

/* One more child for the union, looked for only among the rows that are not in it. */
static enum sh_status widen(const struct sh_block_run *run, struct sh_plan_node *child, bool count_only,
                            struct sh_block_view *united, struct sh_error *err) {
    struct sh_plan *plan = run->plan;
    struct sh_block_run inner = *run;
    struct sh_block_view more;
    inner.candidates = sh_cross_views(plan, run->candidates, *united, true, run->reg + 1, false);
    inner.reg = run->reg + 2;
    inner.count_only = count_only;
    const enum sh_status status = evaluate(&inner, child, &more, err);
    if (status != SH_OK) return status;
    const uint32_t count = united->count + more.count;
    if (count == run->candidates.count) {
        *united = run->candidates;
    } else if (count_only) {
        *united = sh_counted_view(count);
    } else if (united->count == 0) {
        if (more.memory == plan->registers[run->reg + 2]) sh_swap_registers(plan, run->reg, run->reg + 2);
        *united = more;
    } else if (more.count > 0) {
        /* All open rows would be all candidates, so `more` is not those, and register reg + 1 is free again. */
        uint64_t *words = widen_to_words(run, *united);
        sh_block_or_into(words, more);
        *united = sh_block_of_words(words, count);
    }
    return SH_OK;
}

static enum sh_status evaluate_or(const struct sh_block_run *run, struct sh_plan_node *node,
                                  struct sh_block_view *result, struct sh_error *err) {
    const bool is_universe = run->candidates.count == run->live.count;
    const bool measures = run->plan->measuring && !node->is_clause; /* a line for each child */
    struct sh_block_view united = sh_empty_view();
    uint32_t work_count = node->child_count;
    *result = run->candidates;
    if (!measures) {
        if (sh_unite_views(run, node, run->count_only && is_universe, &work_count, &united) == SH_GLANCE_ALL)
            return SH_OK;
        if (!is_universe)
            united =
                sh_cross_views(run->plan, united, run->candidates, false, run->reg, run->count_only && work_count == 0);
    }
    for (uint32_t i = 0; i < node->child_count && work_count > 0 && united.count < run->candidates.count; i++) {
        struct sh_plan_node *child = node->children[i];
        struct sh_crossing looked;
        const enum sh_glance found = sh_plan_glance(run->plan, child, run->block, run->live, &looked);
        const bool is_open = found == SH_GLANCE_WORK || (found == SH_GLANCE_VIEW && looked.negated);
        if (!measures && !is_open) continue;
        work_count--;
        child->measure.rows += united.count; /* so that its line says what the union holds after it */
        const enum sh_status status = widen(run, child, run->count_only && work_count == 0, &united, err);
        if (status != SH_OK) return status;
    }
    if (united.count < run->candidates.count) *result = united;
    return SH_OK;
}

/* ---- Sequences ---- */

struct arrivals {
    uint64_t *words;
    uint32_t reach;
    uint32_t count;
};

static void take_arrival(void *context, uint32_t slot_low, const struct sh_sequence_path *path) {
    struct arrivals *arrivals = context;
    if (path->reached < arrivals->reach) return;
    arrivals->words[slot_low / 64] |= 1ULL << (slot_low % 64);
    arrivals->count++;
}

/* The candidates as words in the next register, those who arrive in this one. */
static enum sh_status evaluate_sequence(const struct sh_block_run *run, struct sh_sequence *sequence,
                                        struct sh_block_view *result, struct sh_error *err) {
    struct arrivals arrivals = {.words = run->plan->registers[run->reg], .reach = sequence->reach};
    uint64_t *candidates = run->plan->registers[run->reg + 1];
    sh_block_store(run->candidates, candidates);
    memset(arrivals.words, 0, SH_BLOCK_BYTES);
    const struct sh_sequence_block block = {.block = run->block,
                                            .candidates = candidates,
                                            .least = sequence->reach,
                                            .take = take_arrival,
                                            .context = &arrivals};
    const enum sh_status status = sh_sequence_block_run(sequence, run->plan->scope.events, &block, err);
    *result = sh_block_of_words(arrivals.words, arrivals.count);
    return status;
}

/* ---- NOT, and all of them ---- */

static enum sh_status evaluate_not(const struct sh_block_run *run, struct sh_plan_node *node,
                                   struct sh_block_view *result, struct sh_error *err) {
    struct sh_block_run inner = *run;
    struct sh_block_view child;
    inner.reg = run->reg + 1;
    const enum sh_status status = evaluate(&inner, node->children[0], &child, err);
    if (status != SH_OK) return status;
    if (run->count_only || child.count == run->candidates.count)
        *result = sh_counted_view(run->candidates.count - child.count);
    else
        *result = sh_cross_views(run->plan, run->candidates, child, true, run->reg, false);
    return SH_OK;
}

static bool rows_are_cheaper(const struct sh_block_run *run, const struct sh_plan_node *node) {
    if (run->candidates.count > SH_LIST_COUNT_MAX) return false;
    if (node->op == SH_PLAN_COLUMN || node->op == SH_PLAN_VALUE) return false; /* it sees to that itself, and better */
    if (run->plan->measuring && node->child_count > 0) return false;           /* so that each line gets its measure */
    return run->candidates.count * node->cost.row_ns < node->cost.block_ns;
}

static enum sh_status evaluate_work(const struct sh_block_run *run, struct sh_plan_node *node,
                                    struct sh_block_view *result, struct sh_error *err) {
    *result = sh_empty_view();
    if (rows_are_cheaper(run, node)) return sh_scan_rows(run, node, result, err);
    switch (node->op) {
    case SH_PLAN_AND:
        return evaluate_and(run, node, result, err);
    case SH_PLAN_OR:
        return evaluate_or(run, node, result, err);
    case SH_PLAN_NOT:
        return evaluate_not(run, node, result, err);
    case SH_PLAN_EVENT:
        return sh_aggregate_block(run, node->aggregate, result, err);
    case SH_PLAN_CALCULATION:
        return sh_calculation_block(run, node->calculation, result, err);
    case SH_PLAN_SEQUENCE:
        return evaluate_sequence(run, node->sequence, result, err);
    default:
        *result = sh_scan_leaf(run, node);
        return SH_OK;
    }
}

static enum sh_status evaluate_at_a_glance(const struct sh_block_run *run, struct sh_plan_node *node,
                                           struct sh_block_view *result, struct sh_error *err) {
    struct sh_crossing looked;
    *result = sh_empty_view();
    if (run->candidates.count == 0) return SH_OK;
    switch (sh_plan_glance(run->plan, node, run->block, run->live, &looked)) {
    case SH_GLANCE_NONE:
        return SH_OK;
    case SH_GLANCE_ALL:
        *result = run->candidates;
        return SH_OK;
    case SH_GLANCE_WORK:
        return evaluate_work(run, node, result, err);
    case SH_GLANCE_VIEW:
        break;
    }
    /* Only live rows have values and tags. */
    if (!looked.negated && run->candidates.count == run->live.count)
        *result = looked.view;
    else
        *result = sh_cross_views(run->plan, run->candidates, looked.view, looked.negated, run->reg, run->count_only);
    return SH_OK;
}

static enum sh_status evaluate(const struct sh_block_run *run, struct sh_plan_node *node, struct sh_block_view *result,
                               struct sh_error *err) {
    struct sh_plan *plan = run->plan;
    if (!plan->measuring) return evaluate_at_a_glance(run, node, result, err);
    struct sh_block_run whole = *run;
    whole.count_only = false;
    const uint64_t start_ns = plan->clock_ns(plan->clock_context);
    const enum sh_status status = evaluate_at_a_glance(&whole, node, result, err);
    node->measure.took_ns += plan->clock_ns(plan->clock_context) - start_ns;
    node->measure.rows += result->count;
    node->measure.blocks_run++;
    return status;
}

/* ---- The door ---- */

static enum sh_status take_registers(struct sh_plan *plan, struct sh_error *err) {
    if (plan->registers != NULL) return SH_OK;
    uint64_t **registers = sh_arena_alloc(plan->arena, plan->register_count * sizeof *registers);
    uint64_t *words = sh_arena_alloc(plan->arena, (size_t)plan->register_count * SH_BLOCK_BYTES);
    if (registers == NULL || words == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for running the expression");
    for (uint32_t i = 0; i < plan->register_count; i++)
        registers[i] = words + (size_t)i * SH_BLOCK_WORDS;
    plan->registers = registers;
    return SH_OK;
}

static enum sh_status run_root(struct sh_plan *plan, uint32_t block, bool count_only, struct sh_block_view *result,
                               struct sh_error *err) {
    const enum sh_status status = take_registers(plan, err);
    if (status != SH_OK) return status;
    struct sh_block_run run = {.plan = plan, .block = block, .count_only = count_only, .live = live_view(plan, block)};
    run.candidates = run.live;
    plan->run_number++;
    return evaluate(&run, plan->root, result, err);
}

enum sh_status sh_plan_run_view(struct sh_plan *plan, uint32_t block, struct sh_block_view *view,
                                struct sh_error *err) {
    *view = sh_empty_view();
    return run_root(plan, block, false, view, err);
}

enum sh_status sh_plan_run_block(struct sh_plan *plan, uint32_t block, const uint64_t **words, uint32_t *count,
                                 struct sh_error *err) {
    struct sh_block_view result;
    *words = NULL;
    *count = 0;
    const enum sh_status status = run_root(plan, block, false, &result, err);
    if (status != SH_OK || result.count == 0) return status;
    *count = result.count;
    *words = sh_block_words(result);
    if (*words == NULL) {
        uint64_t *last = plan->registers[plan->register_count - 1];
        sh_block_store(result, last);
        *words = last;
    }
    return SH_OK;
}

enum sh_status sh_plan_count(struct sh_plan *plan, uint64_t *count, struct sh_error *err) {
    uint64_t sum = 0;
    const uint32_t block_count = sh_plan_block_count(plan);
    for (uint32_t block = 0; block < block_count; block++) {
        struct sh_block_view result;
        const enum sh_status status = run_root(plan, block, true, &result, err);
        if (status != SH_OK) return status;
        sum += result.count;
    }
    *count = sum;
    return SH_OK;
}
