#include "query_where.h"

#include <string.h>

#include "query_calculation.h"
#include "query_plan.h"

enum { ITEM_CHUNK_ROWS = 512 };

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
}

/* ---- Cells ---- */

const struct sh_strip *sh_cell_property(const struct sh_event_cell *cell, uint32_t property) {
    static const struct sh_strip all_missing = {.min = INT64_MAX, .max = INT64_MIN, .unit = 1};
    return property < cell->property_count ? &cell->properties[property] : &all_missing;
}

struct sh_strip sh_cell_times(const struct sh_event_cell *cell) {
    return (struct sh_strip){.data = cell->ms,
                             .base = cell->day_start_ms,
                             .min = cell->day_start_ms + cell->ms_min,
                             .max = cell->day_start_ms + cell->ms_max,
                             .count = cell->row_count,
                             .capacity = cell->row_count,
                             .unit = 1,
                             .width = sizeof *cell->ms};
}

struct sh_value_domain sh_property_domain(const struct sh_event_property *property) {
    return (struct sh_value_domain){.type = property->type,
                                    .is_date = property->is_date,
                                    .texts = &property->texts,
                                    .rank_of_code = property->rank_of_code,
                                    .code_of_rank = property->code_of_rank};
}

/* ---- Building ---- */

struct builder {
    const struct sh_query_scope *scope;
    const struct sh_event_type *type;
    struct sh_arena *arena;
    bool is_for_tests; /* of single events */
};

static struct sh_where *where_new(struct builder *builder, enum sh_where_op op) {
    struct sh_where *where = sh_arena_alloc_zero(builder->arena, sizeof *where);
    if (where != NULL) where->op = op;
    return where;
}

static bool is_about_item(const struct sh_node *tree) {
    switch (tree->kind) {
    case SH_NODE_AND:
    case SH_NODE_OR:
    case SH_NODE_NOT:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (!is_about_item(child)) return false;
        return true;
    case SH_NODE_TRUE:
    case SH_NODE_FALSE:
    case SH_NODE_RELATION:
    case SH_NODE_SAMPLE:
    case SH_NODE_SEGMENT:
        return false;
    default:
        return tree->operand.subject == SH_SUBJECT_ITEM && tree->operand.index != SH_OPERAND_ID;
    }
}

/* What the tree says about an event whose item is unknown: every attribute missing, no tags. */
static bool holds_without_item(const struct sh_node *tree) {
    switch (tree->kind) {
    case SH_NODE_AND:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (!holds_without_item(child)) return false;
        return true;
    case SH_NODE_OR:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (holds_without_item(child)) return true;
        return false;
    case SH_NODE_NOT:
        return !holds_without_item(tree->child);
    case SH_NODE_MISSING:
        return !tree->negated;
    case SH_NODE_HAS:
        return tree->has == SH_HAS_NONE;
    default:
        return false;
    }
}

static enum sh_status run_items(struct sh_where *where, const struct sh_table *items, uint64_t *bits,
                                struct sh_error *err) {
    const uint32_t block_count = (where->item_count + SH_BLOCK_SLOTS - 1) / SH_BLOCK_SLOTS;
    for (uint32_t block = 0; block < block_count; block++) {
        const uint64_t *found;
        uint32_t found_count;
        const enum sh_status status = sh_plan_run_block(where->items, block, &found, &found_count, err);
        if (status != SH_OK) return status;
        uint64_t *words = bits + (size_t)block * SH_BLOCK_WORDS;
        memset(words, 0, SH_BLOCK_BYTES);
        if (where->holds_without_item) { /* for items that are not live */
            sh_block_store(sh_bitmap_block(sh_table_live(items), block), words);
            sh_bits->not_into(words, SH_BLOCK_WORDS);
        }
        if (found != NULL) sh_bits->or_into(words, found, SH_BLOCK_WORDS);
    }
    return SH_OK;
}

static enum sh_status build_items(struct builder *builder, const struct sh_node *tree, struct sh_where **where,
                                  struct sh_error *err) {
    struct sh_query_scope scope = *builder->scope;
    scope.table = builder->scope->items;
    scope.items = NULL;
    scope.events = NULL;
    struct sh_where *made = where_new(builder, SH_WHERE_ITEM);
    if (made == NULL) return no_memory(err);
    enum sh_status status = sh_query_plan(tree, &scope, builder->arena, &made->items, err);
    if (status != SH_OK) return status;
    made->holds_without_item = holds_without_item(tree);
    if (builder->is_for_tests) {
        *where = made;
        return SH_OK;
    }
    made->item_count = sh_table_slot_end(scope.table);
    const size_t block_count = (made->item_count + (size_t)SH_BLOCK_SLOTS - 1) / SH_BLOCK_SLOTS;
    uint64_t *bits = sh_arena_alloc(builder->arena, block_count * SH_BLOCK_BYTES + 1);
    if (bits == NULL) return no_memory(err);
    if ((status = run_items(made, scope.table, bits, err)) != SH_OK) return status;
    made->item_bits = bits;
    *where = made;
    return SH_OK;
}

static enum sh_status build_leaf(struct builder *builder, const struct sh_node *tree, struct sh_where **where,
                                 struct sh_error *err) {
    struct sh_value_domain domain = {.type = SH_TYPE_STRING};
    enum sh_where_op op = SH_WHERE_PROPERTY;
    const uint32_t index = tree->operand.index;
    if (tree->operand.subject == SH_SUBJECT_ITEM) {
        op = SH_WHERE_ITEM_SLOT;
    } else if (index == SH_OPERAND_AMOUNT) {
        op = SH_WHERE_AMOUNT;
        domain.type = SH_TYPE_DECIMAL;
    } else if (index == SH_OPERAND_TIME) {
        op = SH_WHERE_TIME;
        domain.type = SH_TYPE_TIME;
    } else if (index == SH_OPERAND_HOUR || index == SH_OPERAND_WEEKDAY) {
        op = index == SH_OPERAND_HOUR ? SH_WHERE_HOUR : SH_WHERE_WEEKDAY;
        domain.type = SH_TYPE_INT;
    } else {
        domain = sh_property_domain(builder->type->properties[index]);
    }
    struct sh_where *made = where_new(builder, op);
    if (made == NULL) return no_memory(err);
    made->index = index;
    made->zone = builder->scope->zone;
    *where = made;
    return sh_match_build(tree, builder->scope, &domain, builder->arena, &made->match, err);
}

static enum sh_status build_calculation(struct builder *builder, const struct sh_node *tree, struct sh_where *where,
                                        struct sh_error *err) {
    struct sh_calculation *made = NULL;
    const enum sh_status status = sh_calculation_build(NULL, tree, builder->scope, builder->arena, &made, err);
    where->calculation = made;
    where->item_table = builder->scope->items;
    return status;
}

static enum sh_status build(struct builder *builder, const struct sh_node *tree, struct sh_where **where,
                            struct sh_error *err);

static enum sh_status build_join(struct builder *builder, const struct sh_node *tree, enum sh_where_op op,
                                 struct sh_where **where, struct sh_error *err) {
    struct sh_where *made = where_new(builder, op);
    if (made == NULL) return no_memory(err);
    uint32_t count = 0;
    for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
        count++;
    made->children = sh_arena_alloc(builder->arena, (count + 1) * sizeof *made->children);
    if (made->children == NULL) return no_memory(err);
    for (const struct sh_node *child = tree->child; child != NULL; child = child->next) {
        const enum sh_status status = build(builder, child, &made->children[made->child_count++], err);
        if (status != SH_OK) return status;
    }
    *where = made;
    return SH_OK;
}

static enum sh_status build(struct builder *builder, const struct sh_node *tree, struct sh_where **where,
                            struct sh_error *err) {
    if (is_about_item(tree)) return build_items(builder, tree, where, err);
    switch (tree->kind) {
    case SH_NODE_TRUE:
    case SH_NODE_FALSE:
        *where = where_new(builder, tree->kind == SH_NODE_TRUE ? SH_WHERE_TRUE : SH_WHERE_FALSE);
        return *where == NULL ? no_memory(err) : SH_OK;
    case SH_NODE_AND:
        return build_join(builder, tree, SH_WHERE_AND, where, err);
    case SH_NODE_OR:
        return build_join(builder, tree, SH_WHERE_OR, where, err);
    case SH_NODE_NOT:
        return build_join(builder, tree, SH_WHERE_NOT, where, err);
    case SH_NODE_RELATION:
        if ((*where = where_new(builder, SH_WHERE_CALCULATION)) == NULL) return no_memory(err);
        return build_calculation(builder, tree, *where, err);
    default:
        return build_leaf(builder, tree, where, err);
    }
}

enum sh_status sh_where_build(const struct sh_node *tree, const struct sh_query_scope *scope, uint32_t type,
                              struct sh_arena *arena, struct sh_where **where, struct sh_error *err) {
    struct builder builder = {.scope = scope, .type = sh_event_type(scope->events, type), .arena = arena};
    return build(&builder, tree, where, err);
}

enum sh_status sh_where_build_for_tests(const struct sh_node *tree, const struct sh_query_scope *scope, uint32_t type,
                                        struct sh_arena *arena, struct sh_where **where, struct sh_error *err) {
    struct builder builder = {
        .scope = scope, .type = sh_event_type(scope->events, type), .arena = arena, .is_for_tests = true};
    return build(&builder, tree, where, err);
}

/* ---- Rows of a cell ---- */

static enum sh_status item_holds(const struct sh_where *where, uint32_t item, bool *holds, struct sh_error *err) {
    if (item < where->item_count) {
        *holds = where->item_bits[item / 64] >> (item % 64) & 1;
        return SH_OK;
    }
    *holds = where->holds_without_item;
    if (!sh_bitmap_contains(sh_table_live(where->items->scope.table), item)) return SH_OK;
    return sh_plan_test(where->items, item, holds, err);
}

static enum sh_status item_rows(const struct sh_where *where, const struct sh_event_cell *cell, uint32_t first,
                                uint32_t count, uint64_t *words, struct sh_error *err) {
    int64_t items[ITEM_CHUNK_ROWS];
    uint64_t present[SH_WHERE_WORDS];
    sh_strip_present(&cell->item, first, count, present);
    for (uint32_t at = 0; at < count; at += ITEM_CHUNK_ROWS) {
        const uint32_t n = count - at < ITEM_CHUNK_ROWS ? count - at : ITEM_CHUNK_ROWS;
        sh_strip_read(&cell->item, first + at, n, items);
        for (uint32_t i = 0; i < n; i += 64) {
            uint64_t word = 0;
            for (uint32_t k = 0; k < 64 && i + k < n; k++) {
                bool holds = where->holds_without_item;
                if (present[(at + i) / 64] >> k & 1) {
                    const enum sh_status status = item_holds(where, (uint32_t)items[i + k], &holds, err);
                    if (status != SH_OK) return status;
                }
                word |= (uint64_t)holds << k;
            }
            words[(at + i) / 64] = word;
        }
    }
    return SH_OK;
}

static void fill(uint64_t *words, uint32_t count) {
    memset(words, 0xFF, (count + 63) / 64 * sizeof *words);
    if (count % 64 != 0) words[count / 64] = (1ULL << (count % 64)) - 1;
}

/* Clocks may change at any hour of a day, so each instant is asked: 2 to 3 ns. */
static int64_t hour_of(const struct sh_zone *zone, int64_t instant_ms) {
    const int64_t local_ms = instant_ms + sh_zone_offset_ms(zone, instant_ms);
    const int64_t of_day = local_ms % SH_DAY_MS;
    return (of_day < 0 ? of_day + SH_DAY_MS : of_day) / SH_HOUR_MS;
}

static void hour_rows(const struct sh_where *where, const struct sh_event_cell *cell, uint32_t first, uint32_t count,
                      uint64_t *words) {
    uint32_t hours = 0; /* those that match: 24 questions, not one a row */
    for (uint32_t hour = 0; hour < 24; hour++)
        hours |= (uint32_t)sh_match_value(&where->match, true, hour) << hour;
    for (uint32_t at = 0; at < count; at += 64) {
        uint64_t word = 0;
        for (uint32_t k = 0; k < 64 && at + k < count; k++) {
            const int64_t instant_ms = cell->day_start_ms + (int64_t)cell->ms[first + at + k];
            word |= (uint64_t)(hours >> hour_of(where->zone, instant_ms) & 1) << k;
        }
        words[at / 64] = word;
    }
}

static bool read_leaf(const struct sh_where *where, const struct sh_operand *operand, struct sh_event_ref ref,
                      int64_t *value) {
    if (operand->subject == SH_SUBJECT_ITEM) {
        const uint32_t item = sh_event_ref_item(ref);
        if (item == SH_NO_ITEM || !sh_bitmap_contains(sh_table_live(where->item_table), item)) return false;
        return sh_column_get(&sh_table_attribute(where->item_table, operand->index)->column, item, value);
    }
    *value = 0;
    switch (operand->index) {
    case SH_OPERAND_AMOUNT:
        return sh_event_ref_amount(ref, value);
    case SH_OPERAND_TIME:
        *value = sh_event_ref_time(ref);
        return true;
    case SH_OPERAND_HOUR:
        *value = hour_of(where->calculation->zone, sh_event_ref_time(ref));
        return true;
    case SH_OPERAND_WEEKDAY:
        *value = sh_day_weekday(ref.cell->day);
        return true;
    default:
        return sh_event_ref_property(ref, operand->index, value);
    }
}

static enum sh_status test_calculation(const struct sh_where *where, struct sh_event_ref ref, bool *holds,
                                       struct sh_error *err) {
    const struct sh_calculation *calculation = where->calculation;
    struct sh_rational values[SH_CALCULATION_VALUE_COUNT_MAX];
    for (uint32_t i = 0; i < calculation->leaf_count; i++) {
        int64_t value = 0;
        const bool is_present = read_leaf(where, calculation->leaves[i].operand, ref, &value);
        values[i] = sh_leaf_value(calculation, &calculation->leaves[i], is_present, value);
    }
    return sh_calculation_holds(calculation, values, holds, err);
}

static enum sh_status calculated_rows(const struct sh_where *where, const struct sh_event_cell *cell, uint32_t first,
                                      uint32_t count, uint64_t *words, struct sh_error *err) {
    memset(words, 0, (count + 63) / 64 * sizeof *words);
    for (uint32_t i = 0; i < count; i++) {
        bool holds;
        const struct sh_event_ref ref = {.cell = cell, .row = first + i};
        const enum sh_status status = test_calculation(where, ref, &holds, err);
        if (status != SH_OK) return status;
        words[i / 64] |= (uint64_t)holds << (i % 64);
    }
    return SH_OK;
}

static enum sh_status join_rows(const struct sh_where *where, const struct sh_event_cell *cell, uint32_t first,
                                uint32_t count, uint64_t *words, struct sh_error *err) {
    const uint32_t word_count = (count + 63) / 64;
    uint64_t child_words[SH_WHERE_WORDS];
    if (where->op == SH_WHERE_OR)
        memset(words, 0, word_count * sizeof *words);
    else
        fill(words, count);
    for (uint32_t i = 0; i < where->child_count; i++) {
        const enum sh_status status = sh_where_rows(where->children[i], cell, first, count, child_words, err);
        if (status != SH_OK) return status;
        if (where->op == SH_WHERE_AND)
            sh_bits->and_into(words, child_words, word_count);
        else if (where->op == SH_WHERE_OR)
            sh_bits->or_into(words, child_words, word_count);
        else
            sh_bits->andnot_into(words, child_words, word_count);
    }
    return SH_OK;
}

enum sh_status sh_where_rows(const struct sh_where *where, const struct sh_event_cell *cell, uint32_t first,
                             uint32_t count, uint64_t *words, struct sh_error *err) {
    sh_assert(count <= SH_WHERE_ROWS);
    switch (where->op) {
    case SH_WHERE_TRUE:
        fill(words, count);
        break;
    case SH_WHERE_FALSE:
        memset(words, 0, (count + 63) / 64 * sizeof *words);
        break;
    case SH_WHERE_AND:
    case SH_WHERE_OR:
    case SH_WHERE_NOT:
        return join_rows(where, cell, first, count, words, err);
    case SH_WHERE_PROPERTY:
        sh_match_strip(&where->match, sh_cell_property(cell, where->index), first, count, words);
        break;
    case SH_WHERE_AMOUNT:
        sh_match_strip(&where->match, &cell->amount, first, count, words);
        break;
    case SH_WHERE_TIME: {
        const struct sh_strip times = sh_cell_times(cell);
        sh_match_strip(&where->match, &times, first, count, words);
        break;
    }
    case SH_WHERE_CALCULATION:
        return calculated_rows(where, cell, first, count, words, err);
    case SH_WHERE_HOUR:
        hour_rows(where, cell, first, count, words);
        break;
    case SH_WHERE_WEEKDAY:
        if (sh_match_value(&where->match, true, sh_day_weekday(cell->day)))
            fill(words, count);
        else
            memset(words, 0, (count + 63) / 64 * sizeof *words);
        break;
    case SH_WHERE_ITEM_SLOT:
        sh_match_strip(&where->match, &cell->item, first, count, words);
        break;
    case SH_WHERE_ITEM:
        return item_rows(where, cell, first, count, words, err);
    }
    return SH_OK;
}

/* ---- One event ---- */

static enum sh_status test_join(const struct sh_where *where, struct sh_event_ref ref, bool *holds,
                                struct sh_error *err) {
    const bool decides = where->op == SH_WHERE_OR;
    for (uint32_t i = 0; i < where->child_count; i++) {
        bool child;
        const enum sh_status status = sh_where_test(where->children[i], ref, &child, err);
        if (status != SH_OK) return status;
        if (child == decides) {
            *holds = decides;
            return SH_OK;
        }
    }
    *holds = !decides;
    return SH_OK;
}

enum sh_status sh_where_test(const struct sh_where *where, struct sh_event_ref ref, bool *holds, struct sh_error *err) {
    int64_t value = 0;
    bool is_present;
    enum sh_status status;
    switch (where->op) {
    case SH_WHERE_TRUE:
        *holds = true;
        return SH_OK;
    case SH_WHERE_FALSE:
        *holds = false;
        return SH_OK;
    case SH_WHERE_AND:
    case SH_WHERE_OR:
        return test_join(where, ref, holds, err);
    case SH_WHERE_NOT:
        status = sh_where_test(where->children[0], ref, holds, err);
        if (status == SH_OK) *holds = !*holds;
        return status;
    case SH_WHERE_PROPERTY:
        is_present = sh_event_ref_property(ref, where->index, &value);
        break;
    case SH_WHERE_AMOUNT:
        is_present = sh_event_ref_amount(ref, &value);
        break;
    case SH_WHERE_TIME:
        is_present = true;
        value = sh_event_ref_time(ref);
        break;
    case SH_WHERE_CALCULATION:
        return test_calculation(where, ref, holds, err);
    case SH_WHERE_HOUR:
        is_present = true;
        value = hour_of(where->zone, sh_event_ref_time(ref));
        break;
    case SH_WHERE_WEEKDAY:
        is_present = true;
        value = sh_day_weekday(ref.cell->day);
        break;
    case SH_WHERE_ITEM_SLOT:
        is_present = sh_strip_get(&ref.cell->item, ref.row, &value);
        break;
    default:
        sh_assert(where->op == SH_WHERE_ITEM);
        *holds = where->holds_without_item;
        if (!sh_strip_get(&ref.cell->item, ref.row, &value)) return SH_OK;
        return item_holds(where, (uint32_t)value, holds, err);
    }
    *holds = sh_match_value(&where->match, is_present, value);
    return SH_OK;
}
