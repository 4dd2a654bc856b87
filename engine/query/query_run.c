/* query_run.c -- evaluates a plan, one block of 65,536 rows at a time. query_plan.h says how.
 *
 * REGISTERS. sh_plan_evaluate(reg) may use registers reg and above; candidates lie below or in the table. A node leaves
 * its answer in `reg`, in a bitmap of the table, or says that it is the candidates. AND keeps what is left in reg, lets
 * a child work in reg + 1 and exchanges the two pointers; OR keeps the union in reg, the rows still open in reg + 1 and
 * lets a child work in reg + 2; NOT lets its child work in reg + 1.
 */
#include <string.h>

#include "query_events.h"
#include "query_plan.h"

enum {
    /* Views that one AND sorts and crosses at once; more are taken in turns. */
    CROSSING_COUNT_MAX = 32,
    LIST_COUNT_MAX = SH_BLOCK_BYTES / 2, /* a register as a list of u16 */
    /* From this share of a block on, a scan that is crossed afterwards beats testing the candidates. */
    SCAN_FROM_COUNT = SH_BLOCK_SLOTS / 16
};

static const struct sh_block_view empty_view = {.form = SH_BLOCK_EMPTY};

/* A count without rows: for the last step of a count. */
static struct sh_block_view counted(uint32_t count) {
    return (struct sh_block_view){.form = count == 0 ? SH_BLOCK_EMPTY : SH_BLOCK_BITS, .count = count};
}

static struct sh_block_view live_view(const struct sh_plan *plan, uint32_t block) {
    return sh_bitmap_block(sh_table_live(plan->scope.table), block);
}

static void swap_registers(struct sh_plan *plan, uint32_t a, uint32_t b) {
    uint64_t *words = plan->registers[a];
    plan->registers[a] = plan->registers[b];
    plan->registers[b] = words;
}

/* ---- Crossing views ---- */

/* The entries of a list that are (negated: are not) in a view. out may be the list itself, but not the view's words. */
static struct sh_block_view filter_list(struct sh_block_view list, struct sh_block_view view, bool negated,
                                        uint16_t *out) {
    const uint16_t *entries = sh_block_list(list);
    size_t count = 0;
    if (view.form == SH_BLOCK_BITS) {
        const uint64_t *words = sh_block_words(view);
        count = negated ? sh_bits->drop_list(words, entries, list.count, out)
                        : sh_bits->keep_list(words, entries, list.count, out);
    } else if (view.form == SH_BLOCK_ARRAY && !negated) {
        count = sh_bits->lists_and(entries, list.count, sh_block_list(view), view.count, out);
    } else {
        for (uint32_t i = 0; i < list.count; i++)
            if (sh_block_contains(view, entries[i]) != negated) out[count++] = entries[i];
    }
    return sh_block_of_list(out, (uint32_t)count);
}

/* a AND b, or a AND NOT b, in register reg if anything must be written. One of a and b may lie in reg; reg + 1 is free.
 */
static struct sh_block_view cross(struct sh_plan *plan, struct sh_block_view a, struct sh_block_view b, bool negated,
                                  uint32_t reg, bool count_only) {
    if (a.count == 0) return empty_view;
    if (b.count == 0) return negated ? a : empty_view;
    if (b.form == SH_BLOCK_FULL) return negated ? empty_view : a;
    if (a.form == SH_BLOCK_FULL && !negated) return b;
    if (count_only) {
        const uint32_t both = sh_block_and_count(a, b);
        return counted(negated ? a.count - both : both);
    }
    /* What is looked up in must not be written over. */
    const bool swaps_lists = b.form == SH_BLOCK_ARRAY && a.form != SH_BLOCK_ARRAY && !negated;
    if (plan->registers[reg] == (swaps_lists ? a.memory : b.memory)) swap_registers(plan, reg, reg + 1);
    uint64_t *words = plan->registers[reg];
    if (swaps_lists) return filter_list(b, a, false, (uint16_t *)(void *)words);
    if (a.form == SH_BLOCK_ARRAY) return filter_list(a, b, negated, (uint16_t *)(void *)words);
    if (a.memory != words) sh_block_store(a, words);
    return sh_block_of_words(words, negated ? sh_block_andnot_into_count(words, b) : sh_block_and_into_count(words, b));
}

/* Fewest rows first, what is taken away last. */
static void sort_crossings(struct sh_crossing *crossings, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const struct sh_crossing moved = crossings[i];
        uint32_t at = i;
        while (at > 0 &&
               (crossings[at - 1].negated > moved.negated ||
                (crossings[at - 1].negated == moved.negated && crossings[at - 1].view.count > moved.view.count))) {
            crossings[at] = crossings[at - 1];
            at--;
        }
        crossings[at] = moved;
    }
}

/* The leading crossings that are words, as and_many wants them. */
static uint32_t gather_words(const struct sh_crossing *crossings, uint32_t count, const uint64_t **inputs) {
    uint32_t gathered = 0;
    while (gathered < count && gathered < SH_BITS_INPUT_COUNT_MAX && !crossings[gathered].negated &&
           crossings[gathered].view.form == SH_BLOCK_BITS) {
        inputs[gathered] = sh_block_words(crossings[gathered].view);
        gathered++;
    }
    return gathered;
}

/* All crossings at once. *left is in reg, borrowed, or below reg. */
static void cross_all(struct sh_plan *plan, struct sh_crossing *crossings, uint32_t count, uint32_t live_count,
                      uint32_t reg, bool count_only, struct sh_block_view *left) {
    const bool is_universe = left->count == live_count;
    /* What is left is one more set to cross; all live rows are none. */
    if (!is_universe) crossings[count++] = (struct sh_crossing){.view = *left};
    sort_crossings(crossings, count);
    uint32_t at = 0;
    if (!crossings[0].negated) {
        const uint64_t *inputs[SH_BITS_INPUT_COUNT_MAX];
        const uint32_t gathered = gather_words(crossings, count, inputs);
        if (gathered >= 2) {
            uint64_t *words = count_only && gathered == count ? NULL : plan->registers[reg];
            const uint32_t ones = (uint32_t)sh_bits->and_many(words, inputs, gathered, SH_BLOCK_WORDS);
            *left = words == NULL ? counted(ones) : sh_block_of_words(words, ones);
            at = gathered;
        } else {
            *left = crossings[0].view;
            at = 1;
        }
    }
    for (; at < count && left->count > 0; at++)
        *left = cross(plan, *left, crossings[at].view, crossings[at].negated, reg, count_only && at + 1 == count);
}

/* ---- Row by row, when few are left ---- */

static enum sh_status evaluate_rows(struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                    struct sh_block_view candidates, uint32_t reg, struct sh_block_view *result,
                                    struct sh_error *err) {
    uint16_t *list = (uint16_t *)(void *)plan->registers[reg];
    const uint16_t *entries = list;
    if (candidates.form == SH_BLOCK_ARRAY)
        entries = sh_block_list(candidates);
    else
        sh_block_list_u16(candidates, list);
    const uint32_t base = block * SH_BLOCK_SLOTS;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < candidates.count; i++) {
        bool matches;
        const uint16_t place = entries[i];
        const enum sh_status status = sh_plan_test_node(plan, node, base + place, &matches, err);
        if (status != SH_OK) return status;
        list[kept] = place;
        kept += matches;
    }
    *result = sh_block_of_list(list, kept);
    return SH_OK;
}

static bool rows_are_cheaper(const struct sh_plan *plan, const struct sh_plan_node *node,
                             struct sh_block_view candidates) {
    if (candidates.count > LIST_COUNT_MAX) return false;
    if (plan->measuring && node->child_count > 0) return false; /* so that each line gets its measure */
    return candidates.count * node->cost.row_ns < node->cost.block_ns;
}

/* ---- Leaves ---- */

static struct sh_block_view evaluate_column(struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                            struct sh_block_view candidates, bool is_universe, uint32_t reg) {
    const struct sh_column *column = &sh_table_attribute(plan->scope.table, node->index)->column;
    const struct sh_match value = {.kind = SH_MATCH_RANGE, .low = node->code, .high = node->code};
    const struct sh_match *match = node->op == SH_PLAN_VALUE ? &value : &node->match;
    const struct sh_strip *strip = sh_column_block(column, block);
    uint64_t *words = plan->registers[reg];
    if (strip == NULL) return empty_view;
    const bool is_scan = candidates.count >= SCAN_FROM_COUNT;
    const bool is_range = match->kind == SH_MATCH_RANGE;
    if (is_scan && is_range)
        sh_column_range(column, block, match->low, match->high, words);
    else if (is_scan && match->kind == SH_MATCH_SET)
        sh_column_in_set(column, block, match->values, match->value_count, words);
    else if (is_scan)
        sh_match_strip(match, strip, 0, SH_BLOCK_SLOTS, words);
    else {
        sh_block_store(candidates, words);
        if (is_range)
            sh_column_range_among(column, block, match->low, match->high, candidates.count, words);
        else
            sh_match_strip_among(match, strip, SH_BLOCK_SLOTS, words);
    }
    if (is_scan && !is_universe) return sh_block_of_words(words, sh_block_and_into_count(words, candidates));
    return sh_block_of_words(words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS));
}

static struct sh_block_view evaluate_present(struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                             struct sh_block_view candidates, uint32_t reg) {
    uint64_t *words = plan->registers[reg];
    sh_column_present(&sh_table_attribute(plan->scope.table, node->index)->column, block, words);
    return sh_block_of_words(words, sh_block_and_into_count(words, candidates));
}

static struct sh_block_view evaluate_slots(struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                           struct sh_block_view candidates, uint32_t reg) {
    const struct sh_match *match = &node->match;
    uint64_t *words = plan->registers[reg];
    memset(words, 0, SH_BLOCK_BYTES);
    if (match->kind == SH_MATCH_RANGE) {
        const int64_t first = (int64_t)block * SH_BLOCK_SLOTS;
        const int64_t last = first + SH_BLOCK_SLOTS - 1;
        if (match->low <= last && match->high >= first)
            sh_block_set_range(words, match->low > first ? (uint32_t)(match->low - first) : 0,
                               match->high < last ? (uint32_t)(match->high - first) : SH_BLOCK_SLOTS - 1);
    }
    for (uint32_t i = 0; match->kind == SH_MATCH_SET && i < match->value_count; i++)
        if (match->values[i] / SH_BLOCK_SLOTS == block)
            words[match->values[i] % SH_BLOCK_SLOTS / 64] |= 1ULL << (match->values[i] % 64);
    return sh_block_of_words(words, sh_block_and_into_count(words, candidates));
}

/* Ids are read in slot order, one word's ahead of the one being hashed. */
static struct sh_block_view evaluate_sample(struct sh_plan *plan, const struct sh_plan_node *node, uint32_t block,
                                            struct sh_block_view candidates, uint32_t reg) {
    const struct sh_table *table = plan->scope.table;
    uint64_t *words = plan->registers[reg];
    uint32_t count = 0;
    sh_block_store(candidates, words);
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        const uint32_t base = block * SH_BLOCK_SLOTS + w * 64;
        if (w + 1 < SH_BLOCK_WORDS)
            for (uint64_t rest = words[w + 1]; rest != 0; rest &= rest - 1)
                sh_table_prefetch_id(table, base + 64 + (uint32_t)__builtin_ctzll(rest));
        uint64_t kept = 0;
        for (uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
            const struct sh_text id = sh_table_id(table, base + (uint32_t)__builtin_ctzll(rest));
            if (sh_plan_sample_keeps(id, node->sample_seed, node->sample_parts)) kept |= rest & -rest;
        }
        words[w] = kept;
        count += (uint32_t)__builtin_popcountll(kept);
    }
    return sh_block_of_words(words, count);
}

/* ---- AND, OR, NOT ---- */

/* The child's answer is what is left. */
static enum sh_status narrow(struct sh_plan *plan, struct sh_plan_node *child, uint32_t block, uint32_t reg,
                             bool count_only, struct sh_block_view *left, struct sh_error *err) {
    struct sh_block_view result;
    const enum sh_status status = sh_plan_evaluate(plan, child, block, *left, reg + 1, count_only, &result, err);
    if (status != SH_OK) return status;
    if (result.memory == plan->registers[reg + 1]) swap_registers(plan, reg, reg + 1);
    *left = result;
    return SH_OK;
}

static enum sh_status evaluate_and_measured(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                            uint32_t reg, struct sh_block_view *left, struct sh_error *err) {
    for (uint32_t i = 0; i < node->child_count && left->count > 0; i++) {
        const enum sh_status status = narrow(plan, node->children[i], block, reg, false, left, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status evaluate_and(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                   struct sh_block_view candidates, uint32_t reg, bool count_only,
                                   struct sh_block_view *result, struct sh_error *err) {
    struct sh_crossing crossings[CROSSING_COUNT_MAX + 1]; /* one more for the candidates */
    struct sh_crossing looked;
    uint32_t crossing_count = 0;
    uint32_t work_count = 0;
    const struct sh_block_view live = live_view(plan, block);
    *result = candidates;
    if (plan->measuring) return evaluate_and_measured(plan, node, block, reg, result, err);
    for (uint32_t i = 0; i < node->child_count; i++) {
        const enum sh_glance found = sh_plan_glance(plan, node->children[i], block, live, &looked);
        if (found == SH_GLANCE_NONE) {
            *result = empty_view;
            return SH_OK;
        }
        work_count += found == SH_GLANCE_WORK;
        if (found != SH_GLANCE_VIEW) continue;
        if (crossing_count == CROSSING_COUNT_MAX) {
            cross_all(plan, crossings, crossing_count, live.count, reg, false, result);
            crossing_count = 0;
        }
        crossings[crossing_count++] = looked;
    }
    if (crossing_count > 0)
        cross_all(plan, crossings, crossing_count, live.count, reg, count_only && work_count == 0, result);
    for (uint32_t i = 0; i < node->child_count && work_count > 0 && result->count > 0; i++) {
        if (sh_plan_glance(plan, node->children[i], block, live, &looked) != SH_GLANCE_WORK) continue;
        work_count--;
        const enum sh_status status =
            narrow(plan, node->children[i], block, reg, count_only && work_count == 0, result, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* The union in register reg as words, which it may not be yet. */
static uint64_t *widen_to_words(struct sh_plan *plan, struct sh_block_view *united, uint32_t reg) {
    if (united->memory == plan->registers[reg]) {
        if (united->form == SH_BLOCK_BITS) return plan->registers[reg];
        swap_registers(plan, reg, reg + 1);
    }
    sh_block_store(*united, plan->registers[reg]);
    return plan->registers[reg];
}

/* Unite all children that are kept as bitmaps. *work_count is how many are not. */
static enum sh_glance unite_views(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                  struct sh_block_view live, uint32_t reg, bool count_only, uint32_t *work_count,
                                  struct sh_block_view *united) {
    struct sh_block_view pending = empty_view; /* the latest view: the last one is counted in the same pass */
    uint64_t *words = plan->registers[reg];
    bool has_words = false;
    *work_count = 0;
    for (uint32_t i = 0; i < node->child_count; i++) {
        struct sh_crossing looked;
        const enum sh_glance found = sh_plan_glance(plan, node->children[i], block, live, &looked);
        if (found == SH_GLANCE_ALL) return SH_GLANCE_ALL;
        *work_count += found == SH_GLANCE_WORK || (found == SH_GLANCE_VIEW && looked.negated);
        if (found != SH_GLANCE_VIEW || looked.negated) continue;
        if (pending.count > 0) {
            if (has_words)
                sh_block_or_into(words, pending);
            else
                sh_block_store(pending, words);
            has_words = true;
        }
        pending = looked.view;
    }
    if (!has_words)
        *united = pending;
    else if (count_only && *work_count == 0 && pending.form == SH_BLOCK_BITS)
        *united = counted((uint32_t)sh_bits->or_count(words, sh_block_words(pending), SH_BLOCK_WORDS));
    else
        *united = sh_block_of_words(words, sh_block_or_into_count(words, pending));
    return united->count == 0 ? SH_GLANCE_NONE : SH_GLANCE_VIEW;
}

/* One more child for the union, looked for only among the rows that are not in it. */
static enum sh_status widen(struct sh_plan *plan, struct sh_plan_node *child, uint32_t block,
                            struct sh_block_view candidates, uint32_t reg, bool count_only,
                            struct sh_block_view *united, struct sh_error *err) {
    struct sh_block_view more;
    const struct sh_block_view open = cross(plan, candidates, *united, true, reg + 1, false);
    const enum sh_status status = sh_plan_evaluate(plan, child, block, open, reg + 2, count_only, &more, err);
    if (status != SH_OK) return status;
    const uint32_t count = united->count + more.count;
    if (count == candidates.count) {
        *united = candidates;
    } else if (count_only) {
        *united = counted(count);
    } else if (united->count == 0) {
        if (more.memory == plan->registers[reg + 2]) swap_registers(plan, reg, reg + 2);
        *united = more;
    } else if (more.count > 0) {
        /* All of `open` would be all candidates, so `more` is not `open`, and register reg + 1 is free again. */
        uint64_t *words = widen_to_words(plan, united, reg);
        sh_block_or_into(words, more);
        *united = sh_block_of_words(words, count);
    }
    return SH_OK;
}

static enum sh_status evaluate_or(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                  struct sh_block_view candidates, uint32_t reg, bool count_only,
                                  struct sh_block_view *result, struct sh_error *err) {
    const struct sh_block_view live = live_view(plan, block);
    const bool is_universe = candidates.count == live.count;
    struct sh_block_view united = empty_view;
    uint32_t work_count = node->child_count;
    const bool measures = plan->measuring && !node->is_clause;
    *result = candidates;
    if (!measures) {
        if (unite_views(plan, node, block, live, reg, count_only && is_universe, &work_count, &united) == SH_GLANCE_ALL)
            return SH_OK;
        if (!is_universe) united = cross(plan, united, candidates, false, reg, count_only && work_count == 0);
    }
    for (uint32_t i = 0; i < node->child_count && work_count > 0 && united.count < candidates.count; i++) {
        struct sh_crossing looked;
        const enum sh_glance found = sh_plan_glance(plan, node->children[i], block, live, &looked);
        if (!measures && found != SH_GLANCE_WORK && !(found == SH_GLANCE_VIEW && looked.negated)) continue;
        work_count--;
        const uint32_t before = united.count;
        const enum sh_status status =
            widen(plan, node->children[i], block, candidates, reg, count_only && work_count == 0, &united, err);
        if (status != SH_OK) return status;
        node->children[i]->measure.rows += before; /* what the union holds after it */
    }
    *result = united.count == candidates.count ? candidates : united;
    return SH_OK;
}

static enum sh_status evaluate_not(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                   struct sh_block_view candidates, uint32_t reg, bool count_only,
                                   struct sh_block_view *result, struct sh_error *err) {
    struct sh_block_view child;
    const enum sh_status status =
        sh_plan_evaluate(plan, node->children[0], block, candidates, reg + 1, count_only, &child, err);
    if (status != SH_OK) return status;
    if (count_only || child.count == candidates.count)
        *result = counted(candidates.count - child.count);
    else
        *result = cross(plan, candidates, child, true, reg, false);
    return SH_OK;
}

static enum sh_status evaluate_work(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                    struct sh_block_view candidates, uint32_t reg, bool count_only,
                                    struct sh_block_view *result, struct sh_error *err) {
    const bool is_universe = candidates.count == live_view(plan, block).count;
    if (rows_are_cheaper(plan, node, candidates)) return evaluate_rows(plan, node, block, candidates, reg, result, err);
    switch (node->op) {
    case SH_PLAN_AND:
        return evaluate_and(plan, node, block, candidates, reg, count_only, result, err);
    case SH_PLAN_OR:
        return evaluate_or(plan, node, block, candidates, reg, count_only, result, err);
    case SH_PLAN_NOT:
        return evaluate_not(plan, node, block, candidates, reg, count_only, result, err);
    case SH_PLAN_EVENT:
        return sh_aggregate_block(plan, node->aggregate, block, candidates, reg, result, err);
    case SH_PLAN_PRESENT:
        *result = evaluate_present(plan, node, block, candidates, reg);
        return SH_OK;
    case SH_PLAN_SLOTS:
        *result = evaluate_slots(plan, node, block, candidates, reg);
        return SH_OK;
    case SH_PLAN_SAMPLE:
        *result = evaluate_sample(plan, node, block, candidates, reg);
        return SH_OK;
    default:
        sh_assert(node->op == SH_PLAN_VALUE || node->op == SH_PLAN_COLUMN);
        *result = evaluate_column(plan, node, block, candidates, is_universe, reg);
        return SH_OK;
    }
}

static enum sh_status evaluate(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                               struct sh_block_view candidates, uint32_t reg, bool count_only,
                               struct sh_block_view *result, struct sh_error *err) {
    struct sh_crossing looked;
    *result = empty_view;
    if (candidates.count == 0) return SH_OK;
    const struct sh_block_view live = live_view(plan, block);
    switch (sh_plan_glance(plan, node, block, live, &looked)) {
    case SH_GLANCE_NONE:
        return SH_OK;
    case SH_GLANCE_ALL:
        *result = candidates;
        return SH_OK;
    case SH_GLANCE_VIEW:
        if (!looked.negated && candidates.count == live.count)
            *result = looked.view; /* values are of live rows only */
        else
            *result = cross(plan, candidates, looked.view, looked.negated, reg, count_only);
        return SH_OK;
    case SH_GLANCE_WORK:
        break;
    }
    return evaluate_work(plan, node, block, candidates, reg, count_only, result, err);
}

enum sh_status sh_plan_evaluate(struct sh_plan *plan, struct sh_plan_node *node, uint32_t block,
                                struct sh_block_view candidates, uint32_t reg, bool count_only,
                                struct sh_block_view *result, struct sh_error *err) {
    if (!plan->measuring) return evaluate(plan, node, block, candidates, reg, count_only, result, err);
    const uint64_t start_ns = plan->clock_ns(plan->clock_context);
    const enum sh_status status = evaluate(plan, node, block, candidates, reg, false, result, err);
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

static enum sh_status run(struct sh_plan *plan, uint32_t block, bool count_only, struct sh_block_view *result,
                          struct sh_error *err) {
    const enum sh_status status = take_registers(plan, err);
    if (status != SH_OK) return status;
    return sh_plan_evaluate(plan, plan->root, block, live_view(plan, block), 0, count_only, result, err);
}

enum sh_status sh_plan_run_block(struct sh_plan *plan, uint32_t block, const uint64_t **words, uint32_t *count,
                                 struct sh_error *err) {
    struct sh_block_view result;
    *words = NULL;
    *count = 0;
    const enum sh_status status = run(plan, block, false, &result, err);
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
        const enum sh_status status = run(plan, block, true, &result, err);
        if (status != SH_OK) return status;
        sum += result.count;
    }
    *count = sum;
    return SH_OK;
}
