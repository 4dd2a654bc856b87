#include "query_calculation.h"

#include <string.h>

#include "decimal.h"
#include "query_number.h"
#include "query_run.h"
#include "query_stream.h"

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
}

/* ---- Building ---- */

struct builder {
    struct sh_plan *plan;
    struct sh_arena *arena;
    struct sh_calculation *made;
    bool has_date;
    bool has_instant;
};

/* An aggregate of which only the value is asked. */
static enum sh_status build_aggregate(struct builder *builder, const struct sh_operand *operand, struct sh_leaf *leaf,
                                      struct sh_error *err) {
    struct sh_node *asked = sh_arena_alloc_zero(builder->arena, sizeof *asked);
    if (asked == NULL) return no_memory(err);
    asked->kind = SH_NODE_MISSING;
    asked->negated = true;
    asked->operand = *operand;
    return sh_aggregate_build(builder->plan, asked, &leaf->aggregate, err);
}

static enum sh_status build_leaf(struct builder *builder, const struct sh_operand *operand, uint32_t *index,
                                 struct sh_error *err) {
    struct sh_calculation *made = builder->made;
    sh_assert(made->leaf_count < SH_CALCULATION_VALUE_COUNT_MAX);
    struct sh_leaf *leaf = &made->leaves[made->leaf_count];
    *index = made->leaf_count++;
    leaf->operand = operand;
    leaf->unit = operand->type == SH_TYPE_DECIMAL ? sh_power_of_ten[operand->scale] : 1;
    const bool is_time = operand->type == SH_TYPE_TIME;
    builder->has_date |= is_time && operand->date_only;
    builder->has_instant |= is_time && !operand->date_only;
    leaf->as_day = is_time && !operand->date_only; /* for now */
    if (operand->function != SH_FUNCTION_NONE) return build_aggregate(builder, operand, leaf, err);
    made->has_attributes = true;
    return SH_OK;
}

static enum sh_status build_formula(struct builder *builder, const struct sh_term *term,
                                    const struct sh_formula **formula, struct sh_error *err) {
    struct sh_formula *made = sh_arena_alloc_zero(builder->arena, sizeof *made);
    if (made == NULL) return no_memory(err);
    made->kind = term->kind;
    *formula = made;
    if (term->kind == SH_TERM_OPERAND) return build_leaf(builder, &term->operand, &made->leaf, err);
    if (term->kind == SH_TERM_NUMBER) {
        bool exact;
        const uint32_t scale = sh_number_scale(term->number.text);
        const __int128 units = sh_number_floor(term->number.text, scale, (__int128)1 << 100, &exact);
        made->number = sh_rational_of(units, sh_power_of_ten[scale]);
        if (term->unit == SH_UNIT_NONE) return SH_OK;
        /* Spans are milliseconds, as times are. */
        return sh_rational_multiply(made->number, sh_rational_of(sh_query_span_ms(term->unit), 1), &made->number, err);
    }
    const enum sh_status status = build_formula(builder, term->left, &made->left, err);
    return status != SH_OK ? status : build_formula(builder, term->right, &made->right, err);
}

static enum sh_status build_list(struct builder *builder, const struct sh_node *node, struct sh_error *err) {
    const uint32_t count = node->literal_count;
    struct sh_rational *list = sh_arena_alloc(builder->arena, (count + 1) * sizeof *list);
    if (list == NULL) return no_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        bool exact;
        const uint32_t scale = sh_number_scale(node->literals[i].text);
        list[i] = sh_rational_of(sh_number_floor(node->literals[i].text, scale, (__int128)1 << 100, &exact),
                                 sh_power_of_ten[scale]);
    }
    builder->made->list = list;
    builder->made->list_count = count;
    builder->made->negated = node->negated;
    return SH_OK;
}

enum sh_status sh_calculation_build(struct sh_plan *plan, const struct sh_node *node,
                                    const struct sh_query_scope *scope, struct sh_arena *arena,
                                    struct sh_calculation **calculation, struct sh_error *err) {
    struct sh_calculation *made = sh_arena_alloc_zero(arena, sizeof *made);
    if (made == NULL) return no_memory(err);
    struct builder builder = {.plan = plan, .arena = arena, .made = made};
    made->compare = node->compare;
    made->zone = scope->zone;
    enum sh_status status;
    if ((status = build_formula(&builder, node->left, &made->left, err)) != SH_OK) return status;
    status =
        node->right != NULL ? build_formula(&builder, node->right, &made->right, err) : build_list(&builder, node, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < made->leaf_count; i++)
        made->leaves[i].as_day &= builder.has_date && builder.has_instant;
    *calculation = made;
    return SH_OK;
}

/* ---- Evaluating ---- */

struct sh_rational sh_leaf_value(const struct sh_calculation *calculation, const struct sh_leaf *leaf, bool is_present,
                                 int64_t value) {
    if (!is_present) return (struct sh_rational){.is_present = false};
    if (leaf->as_day) value = sh_zone_day(calculation->zone, value) * SH_DAY_MS;
    return sh_rational_of(value, leaf->unit);
}

static struct sh_rational aggregate_value(const struct sh_calculation *calculation, const struct sh_leaf *leaf,
                                          const struct sh_aggregate_state *state) {
    const struct sh_aggregate *aggregate = leaf->aggregate;
    switch (aggregate->function) {
    case SH_FUNCTION_COUNT:
    case SH_FUNCTION_DAYS:
    case SH_FUNCTION_DISTINCT:
        return sh_rational_of((__int128)state->count, 1);
    case SH_FUNCTION_SUM:
        return sh_rational_of(state->sum, leaf->unit);
    case SH_FUNCTION_AVG:
    case SH_FUNCTION_GAP_MIN:
    case SH_FUNCTION_GAP_AVG:
    case SH_FUNCTION_GAP_MAX:
        if (state->count == 0) return (struct sh_rational){.is_present = false};
        return sh_rational_of(state->sum, leaf->unit * (__int128)state->count);
    case SH_FUNCTION_DAYS_SINCE:
        return sh_leaf_value(calculation, leaf, state->is_present, (aggregate->now_ms - state->value) / SH_DAY_MS);
    default:
        return sh_leaf_value(calculation, leaf, state->is_present, state->value);
    }
}

static enum sh_status evaluate(const struct sh_formula *formula, const struct sh_rational *values,
                               struct sh_rational *result, struct sh_error *err) {
    struct sh_rational left;
    struct sh_rational right;
    enum sh_status status;
    if (formula->kind == SH_TERM_NUMBER || formula->kind == SH_TERM_OPERAND) {
        *result = formula->kind == SH_TERM_NUMBER ? formula->number : values[formula->leaf];
        return SH_OK;
    }
    if ((status = evaluate(formula->left, values, &left, err)) != SH_OK) return status;
    if ((status = evaluate(formula->right, values, &right, err)) != SH_OK) return status;
    switch (formula->kind) {
    case SH_TERM_ADD:
        return sh_rational_add(left, right, result, err);
    case SH_TERM_SUBTRACT:
        return sh_rational_subtract(left, right, result, err);
    case SH_TERM_MULTIPLY:
        return sh_rational_multiply(left, right, result, err);
    default:
        return sh_rational_divide(left, right, result, err);
    }
}

static bool is_listed(const struct sh_calculation *calculation, struct sh_rational value) {
    uint32_t first = 0;
    uint32_t end = calculation->list_count;
    while (first < end) {
        const uint32_t middle = first + (end - first) / 2;
        const int order = sh_rational_compare(calculation->list[middle], value);
        if (order == 0) return true;
        if (order < 0)
            first = middle + 1;
        else
            end = middle;
    }
    return false;
}

enum sh_status sh_calculation_holds(const struct sh_calculation *calculation, const struct sh_rational *values,
                                    bool *holds, struct sh_error *err) {
    struct sh_rational left;
    struct sh_rational right;
    enum sh_status status;
    *holds = false;
    if ((status = evaluate(calculation->left, values, &left, err)) != SH_OK) return status;
    if (calculation->right == NULL) {
        const bool is_missing = calculation->list_count == 0;
        *holds = is_missing ? left.is_present == calculation->negated
                            : left.is_present && is_listed(calculation, left) != calculation->negated;
        return SH_OK;
    }
    if ((status = evaluate(calculation->right, values, &right, err)) != SH_OK) return status;
    if (!left.is_present || !right.is_present) return SH_OK;
    const int order = sh_rational_compare(left, right);
    switch (calculation->compare) {
    case SH_COMPARE_EQ:
        *holds = order == 0;
        break;
    case SH_COMPARE_NE:
        *holds = order != 0;
        break;
    case SH_COMPARE_LT:
        *holds = order < 0;
        break;
    case SH_COMPARE_LE:
        *holds = order <= 0;
        break;
    case SH_COMPARE_GT:
        *holds = order > 0;
        break;
    case SH_COMPARE_GE:
        *holds = order >= 0;
        break;
    }
    return SH_OK;
}

/* ---- One row ---- */

static struct sh_rational attribute_value(const struct sh_plan *plan, const struct sh_calculation *calculation,
                                          const struct sh_leaf *leaf, uint32_t slot) {
    int64_t value = 0;
    if (leaf->operand->subject == SH_SUBJECT_DERIVED) {
        const bool has_value =
            sh_derived_get(plan->scope.derived, leaf->operand->index, slot, plan->scope.now_ms, &value);
        return sh_leaf_value(calculation, leaf, has_value, value);
    }
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, leaf->operand->index);
    const bool is_present = sh_column_get(&attribute->column, slot, &value);
    return sh_leaf_value(calculation, leaf, is_present, value);
}

static enum sh_status read_row(const struct sh_plan *plan, const struct sh_calculation *calculation, uint32_t slot,
                               struct sh_rational *values, struct sh_error *err) {
    for (uint32_t i = 0; i < calculation->leaf_count; i++) {
        const struct sh_leaf *leaf = &calculation->leaves[i];
        if (leaf->aggregate == NULL) {
            values[i] = attribute_value(plan, calculation, leaf, slot);
            continue;
        }
        struct sh_aggregate_state state;
        const enum sh_status status = sh_aggregate_walk(plan, leaf->aggregate, slot, &state, err);
        if (status != SH_OK) return status;
        values[i] = aggregate_value(calculation, leaf, &state);
    }
    return SH_OK;
}

enum sh_status sh_calculation_test(const struct sh_plan *plan, const struct sh_calculation *calculation, uint32_t slot,
                                   bool *holds, struct sh_error *err) {
    struct sh_rational values[SH_CALCULATION_VALUE_COUNT_MAX];
    const enum sh_status status = read_row(plan, calculation, slot, values, err);
    return status != SH_OK ? status : sh_calculation_holds(calculation, values, holds, err);
}

enum sh_status sh_calculation_value(const struct sh_plan *plan, const struct sh_calculation *calculation, uint32_t slot,
                                    struct sh_rational *value, struct sh_error *err) {
    struct sh_rational values[SH_CALCULATION_VALUE_COUNT_MAX];
    const enum sh_status status = read_row(plan, calculation, slot, values, err);
    return status != SH_OK ? status : evaluate(calculation->left, values, value, err);
}

/* ---- A block ---- */

/* Of each leaf that is an aggregate: its accumulators, and who has any. Shared by the calculations of a plan, of which
 * one runs at a time. */
struct sh_calculation_scratch {
    struct sh_event_stream streams[SH_CALCULATION_VALUE_COUNT_MAX];
    struct sh_accumulators accumulators[SH_CALCULATION_VALUE_COUNT_MAX];
    uint64_t *touched[SH_CALCULATION_VALUE_COUNT_MAX];
};

static enum sh_status take_scratch(struct sh_plan *plan, uint32_t leaf, struct sh_error *err) {
    if (plan->calculations == NULL) plan->calculations = sh_arena_alloc_zero(plan->arena, sizeof *plan->calculations);
    if (plan->calculations != NULL && plan->calculations->touched[leaf] == NULL)
        plan->calculations->touched[leaf] = sh_arena_alloc(plan->arena, SH_BLOCK_BYTES);
    return plan->calculations == NULL || plan->calculations->touched[leaf] == NULL ? no_memory(err) : SH_OK;
}

static enum sh_status gather(const struct sh_block_run *run, const struct sh_calculation *calculation,
                             const uint64_t *candidates, struct sh_error *err) {
    for (uint32_t i = 0; i < calculation->leaf_count; i++) {
        enum sh_status status;
        if (calculation->leaves[i].aggregate == NULL) continue;
        if ((status = take_scratch(run->plan, i, err)) != SH_OK) return status;
        struct sh_calculation_scratch *scratch = run->plan->calculations;
        status = sh_aggregate_gather(run, calculation->leaves[i].aggregate, candidates, &scratch->accumulators[i],
                                     scratch->touched[i], &scratch->streams[i], err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status read_place(const struct sh_block_run *run, const struct sh_calculation *calculation,
                                 uint32_t place, struct sh_rational *values, struct sh_error *err) {
    for (uint32_t i = 0; i < calculation->leaf_count; i++) {
        const struct sh_leaf *leaf = &calculation->leaves[i];
        struct sh_aggregate_state state = {.is_present = false};
        if (leaf->aggregate == NULL) {
            values[i] = attribute_value(run->plan, calculation, leaf, run->block * SH_BLOCK_SLOTS + place);
            continue;
        }
        const struct sh_event_stream *stream = &run->plan->calculations->streams[i];
        if (stream->touched[place / 64] >> (place % 64) & 1) {
            const enum sh_status status = sh_touched_state(stream, place, &state, err);
            if (status != SH_OK) return status;
        }
        values[i] = aggregate_value(calculation, leaf, &state);
    }
    return SH_OK;
}

static enum sh_status row_holds(const struct sh_block_run *run, const struct sh_calculation *calculation,
                                uint32_t place, bool *holds, struct sh_error *err) {
    struct sh_rational values[SH_CALCULATION_VALUE_COUNT_MAX];
    const enum sh_status status = read_place(run, calculation, place, values, err);
    return status != SH_OK ? status : sh_calculation_holds(calculation, values, holds, err);
}

/* Of a user without events. */
static void read_nothing(const struct sh_calculation *calculation, struct sh_rational *values) {
    const struct sh_aggregate_state nothing = {.is_present = false};
    for (uint32_t i = 0; i < calculation->leaf_count; i++)
        values[i] = aggregate_value(calculation, &calculation->leaves[i], &nothing);
}

static enum sh_status holds_without(const struct sh_calculation *calculation, bool *holds, struct sh_error *err) {
    struct sh_rational values[SH_CALCULATION_VALUE_COUNT_MAX];
    read_nothing(calculation, values);
    return sh_calculation_holds(calculation, values, holds, err);
}

/* The candidates of a word that must be looked at one by one. */
static uint64_t to_look_at(const struct sh_block_run *run, const struct sh_calculation *calculation, uint32_t w,
                           uint64_t candidates) {
    uint64_t touched = 0;
    if (calculation->has_attributes) return candidates;
    for (uint32_t i = 0; i < calculation->leaf_count; i++)
        touched |= run->plan->calculations->touched[i][w];
    return candidates & touched;
}

/* words: the candidates. */
static enum sh_status hand_on(const struct sh_block_run *run, const struct sh_calculation *calculation,
                              const uint64_t *words, struct sh_error *err) {
    struct sh_rational values[SH_CALCULATION_VALUE_COUNT_MAX];
    struct sh_rational others = {.is_present = false};
    enum sh_status status;
    if (!calculation->has_attributes) {
        read_nothing(calculation, values);
        if ((status = evaluate(calculation->left, values, &others, err)) != SH_OK) return status;
    }
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        const uint64_t looked_at = to_look_at(run, calculation, w, words[w]);
        for (uint64_t rest = words[w]; rest != 0; rest &= rest - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(rest);
            struct sh_rational value = others;
            if ((looked_at & rest & -rest) != 0) {
                if ((status = read_place(run, calculation, place, values, err)) != SH_OK) return status;
                if ((status = evaluate(calculation->left, values, &value, err)) != SH_OK) return status;
            }
            calculation->take(calculation->take_context, place, value);
        }
    }
    return SH_OK;
}

enum sh_status sh_calculation_block(const struct sh_block_run *run, const struct sh_calculation *calculation,
                                    struct sh_block_view *result, struct sh_error *err) {
    uint64_t *words = run->plan->registers[run->reg];
    bool others_hold = false;
    enum sh_status status;
    sh_block_store(run->candidates, words);
    if ((status = gather(run, calculation, words, err)) != SH_OK) return status;
    if (calculation->take != NULL) {
        *result = sh_empty_view();
        return hand_on(run, calculation, words, err);
    }
    if (!calculation->has_attributes && (status = holds_without(calculation, &others_hold, err)) != SH_OK)
        return status;
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        const uint64_t looked_at = to_look_at(run, calculation, w, words[w]);
        uint64_t kept = others_hold ? words[w] & ~looked_at : 0;
        for (uint64_t rest = looked_at; rest != 0; rest &= rest - 1) {
            bool holds;
            status = row_holds(run, calculation, w * 64 + (uint32_t)__builtin_ctzll(rest), &holds, err);
            if (status != SH_OK) return status;
            if (holds) kept |= rest & -rest;
        }
        words[w] = kept;
    }
    *result = sh_block_of_words(words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS));
    return SH_OK;
}
