/* query_leaf.c -- which operator answers one clause of an expression, and what it will cost. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "query_calculation.h"
#include "query_events.h"
#include "query_plan.h"
#include "query_sequence.h"

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
}

struct sh_plan_node *sh_plan_node_new(struct sh_plan *plan, enum sh_plan_op op, const struct sh_node *source,
                                      uint32_t child_count) {
    struct sh_plan_node *node = sh_arena_alloc_zero(plan->arena, sizeof *node);
    if (node == NULL) return NULL;
    node->op = op;
    node->source = source;
    node->child_count = child_count;
    if (child_count > 0) {
        node->children = sh_arena_alloc_zero(plan->arena, child_count * sizeof *node->children);
        if (node->children == NULL) return NULL;
    }
    return node;
}

struct sh_plan_node *sh_plan_not(struct sh_plan *plan, struct sh_plan_node *child, const struct sh_node *source) {
    if (child == NULL) return NULL;
    if (child->op == SH_PLAN_NOT) return child->children[0];
    if (child->op == SH_PLAN_LIVE) return sh_plan_node_new(plan, SH_PLAN_NOTHING, source, 0);
    if (child->op == SH_PLAN_NOTHING) return sh_plan_node_new(plan, SH_PLAN_LIVE, source, 0);
    struct sh_plan_node *node = sh_plan_node_new(plan, SH_PLAN_NOT, source, 1);
    if (node != NULL) node->children[0] = child;
    return node;
}

/* One AND or OR for a clause; with one child only that. Its children are set by the caller, so it is called last. */
static struct sh_plan_node *join(struct sh_plan *plan, enum sh_plan_op op, const struct sh_node *source,
                                 struct sh_plan_node **children, uint32_t child_count) {
    if (child_count == 0) return sh_plan_node_new(plan, op == SH_PLAN_AND ? SH_PLAN_LIVE : SH_PLAN_NOTHING, source, 0);
    if (child_count == 1) return children[0];
    struct sh_plan_node *node = sh_plan_node_new(plan, op, source, 0);
    if (node == NULL) return NULL;
    node->children = children;
    node->child_count = child_count;
    node->is_clause = true;
    return node;
}

/* ---- Attributes ---- */

static struct sh_plan_node *present_node(struct sh_plan *plan, const struct sh_node *clause, uint32_t index) {
    struct sh_plan_node *node = sh_plan_node_new(plan, SH_PLAN_PRESENT, clause, 0);
    if (node != NULL) node->index = index;
    return node;
}

/* Rows with a value, but not those of `child`. */
static struct sh_plan_node *present_without(struct sh_plan *plan, const struct sh_node *clause, uint32_t index,
                                            struct sh_plan_node *child) {
    struct sh_plan_node **children = sh_arena_alloc(plan->arena, 2 * sizeof *children);
    if (children == NULL) return NULL;
    children[0] = present_node(plan, clause, index);
    children[1] = sh_plan_not(plan, child, clause);
    if (children[0] == NULL || children[1] == NULL) return NULL;
    return join(plan, SH_PLAN_AND, clause, children, 2);
}

static struct sh_plan_node *column_node(struct sh_plan *plan, const struct sh_node *clause, uint32_t index,
                                        const struct sh_match *match) {
    struct sh_plan_node *node = sh_plan_node_new(plan, SH_PLAN_COLUMN, clause, 0);
    if (node == NULL) return NULL;
    node->index = index;
    node->match = *match;
    node->match.negated = false;
    return match->negated ? present_without(plan, clause, index, node) : node;
}

/* Codes that rows may have: all that the dictionary knows, used or not, because a row may get one after planning. */
static uint32_t code_count(const struct sh_attribute *attribute) {
    return attribute->type == SH_TYPE_BOOL ? 2 : sh_dictionary_count(&attribute->texts);
}

struct code_list {
    uint32_t *codes;
    uint32_t count;
    double ns; /* of uniting their bitmaps */
};

/* The codes for which the kind of the match says `wanted`. False if the arena is full. */
static bool list_codes(struct sh_plan *plan, const struct sh_attribute *attribute, const struct sh_match *match,
                       bool wanted, struct code_list *list) {
    /* A range or a set names its codes; only for others, and for "all but", every code is asked. */
    const bool is_range = wanted && match->kind == SH_MATCH_RANGE;
    const bool is_set = wanted && match->kind == SH_MATCH_SET;
    const int64_t last = (int64_t)code_count(attribute) - 1;
    int64_t at = is_range && match->low > 0 ? match->low : 0;
    int64_t end = is_range && match->high < last ? match->high : last;
    if (is_set) end = (int64_t)match->value_count - 1;
    *list = (struct code_list){.ns = 0};
    list->codes = sh_arena_alloc(plan->arena, (at <= end ? (size_t)(end - at) + 1 : 1) * sizeof *list->codes);
    if (list->codes == NULL) return false;
    for (; at <= end; at++) {
        const int64_t code = is_set ? match->values[at] : at;
        if (!is_range && !is_set && sh_match_kind_holds(match, code) != wanted) continue;
        const struct sh_bitmap *slots = sh_attribute_value_slots(attribute, code);
        list->ns += sh_plan_bitmap_ns(plan, slots == NULL ? 0 : sh_bitmap_count(slots));
        list->codes[list->count++] = (uint32_t)code;
    }
    return true;
}

/* The union of the value bitmaps of the codes for which the kind says `wanted`. */
static struct sh_plan_node *bitmaps_node(struct sh_plan *plan, const struct sh_node *clause, uint32_t index,
                                         const struct sh_match *match, bool wanted, const struct code_list *list) {
    struct sh_plan_node **children = sh_arena_alloc(plan->arena, (list->count + 1) * sizeof(*children));
    if (children == NULL) return NULL;
    for (uint32_t i = 0; i < list->count; i++) {
        children[i] = sh_plan_node_new(plan, SH_PLAN_VALUE, clause, 0);
        if (children[i] == NULL) return NULL;
        children[i]->index = index;
        children[i]->code = list->codes[i];
    }
    struct sh_plan_node *node = join(plan, SH_PLAN_OR, clause, children, list->count);
    if (node != NULL && node->op == SH_PLAN_OR) {
        node->has_match = true;
        node->index = index;
        node->match = *match;
        node->match.negated = !wanted;
    }
    return node;
}

/* Three ways to the same rows: unite the bitmaps of the values that are wanted; take those of all others away from the
 * rows that have a value; compare the column. */
static struct sh_plan_node *attribute_node(struct sh_plan *plan, const struct sh_node *clause, uint32_t index,
                                           const struct sh_match *match) {
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, index);
    if (match->when_missing) return sh_plan_not(plan, present_node(plan, clause, index), clause);
    if (match->kind == SH_MATCH_ANY) return present_node(plan, clause, index);
    if (match->kind == SH_MATCH_NONE)
        return match->negated ? present_node(plan, clause, index) : sh_plan_node_new(plan, SH_PLAN_NOTHING, clause, 0);
    if (!attribute->has_value_bitmaps) return column_node(plan, clause, index, match);

    struct code_list held;
    struct code_list others = {.count = UINT32_MAX, .ns = INFINITY};
    const double column_ns = sh_plan_column_ns(attribute, match);
    if (!list_codes(plan, attribute, match, true, &held)) return NULL;
    /* Those that do not match are worth a look only where they are fewer, and where a row cannot get a value that did
     * not exist when the plan was made. */
    const bool looks_at_others = held.count > code_count(attribute) / 2 && attribute->type != SH_TYPE_STRING;
    if (looks_at_others && !list_codes(plan, attribute, match, false, &others)) return NULL;
    /* One bitmap is never worse, and its count is kept. */
    const bool is_one = held.count <= 1 || others.count == 1;
    if (!is_one && held.ns > column_ns && others.ns > column_ns) return column_node(plan, clause, index, match);
    const bool is_held = held.ns <= others.ns;
    struct sh_plan_node *node = bitmaps_node(plan, clause, index, match, is_held, is_held ? &held : &others);
    return is_held != match->negated ? node : present_without(plan, clause, index, node);
}

/* The id itself; bound to the slots of the ids that are known. */
static enum sh_status slots_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                 struct sh_error *err) {
    const struct sh_value_domain domain = {.type = SH_TYPE_STRING};
    struct sh_match match;
    const enum sh_status status = sh_match_build(clause, &plan->scope, &domain, plan->arena, &match, err);
    if (status != SH_OK) return status;
    const bool negated = match.negated;
    match.negated = false;
    enum sh_plan_op op = SH_PLAN_SLOTS; /* every row has an id */
    if (match.kind == SH_MATCH_NONE) op = SH_PLAN_NOTHING;
    if (match.kind == SH_MATCH_ANY) op = SH_PLAN_LIVE;
    *node = sh_plan_node_new(plan, op, clause, 0);
    if (*node != NULL) (*node)->match = match;
    if (negated) *node = sh_plan_not(plan, *node, clause);
    return *node == NULL ? no_memory(err) : SH_OK;
}

static enum sh_status attribute_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                     struct sh_error *err) {
    const uint32_t index = clause->operand.index;
    struct sh_match match;
    enum sh_status status;
    if (index == SH_OPERAND_ID) return slots_leaf(plan, clause, node, err);
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, index);
    const struct sh_value_domain domain = {.type = attribute->type,
                                           .is_date = attribute->is_date,
                                           .texts = &attribute->texts,
                                           .rank_of_code = attribute->rank_of_code,
                                           .code_of_rank = attribute->code_of_rank};
    if ((status = sh_match_build(clause, &plan->scope, &domain, plan->arena, &match, err)) != SH_OK) return status;
    *node = attribute_node(plan, clause, index, &match);
    return *node == NULL ? no_memory(err) : SH_OK;
}

/* ---- Derived fields ---- */

static enum sh_status derived_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                   struct sh_error *err) {
    const struct sh_derived_field *field = &plan->scope.derived->fields[clause->operand.index];
    const struct sh_value_domain domain = {
        .type = field->type, .texts = field->labels, .rank_of_code = field->ranks, .code_of_rank = field->ranks};
    *node = sh_plan_node_new(plan, SH_PLAN_DERIVED, clause, 0);
    if (*node == NULL) return no_memory(err);
    (*node)->index = clause->operand.index;
    return sh_match_build(clause, &plan->scope, &domain, plan->arena, &(*node)->match, err);
}

/* ---- Tags, sample ---- */

static int compare_slots(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* The tag and not the rows for which it has ended: few, since those are swept soon. */
static enum sh_status without_ended(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **tag,
                                    struct sh_error *err) {
    const struct sh_query_scope *scope = &plan->scope;
    const int64_t now_ms = scope->now_ms > scope->clock_ms ? scope->now_ms : scope->clock_ms;
    const uint32_t set = (*tag)->index;
    const uint32_t code = (*tag)->code;
    if (!sh_table_any_ended(scope->table, now_ms)) return SH_OK;
    const uint32_t count = sh_table_ended_slots(scope->table, set, code, now_ms, NULL, 0);
    if (count == 0) return SH_OK;
    struct sh_plan_node *both = sh_plan_node_new(plan, SH_PLAN_AND, clause, 2);
    struct sh_plan_node *ended = sh_plan_node_new(plan, SH_PLAN_SLOTS, clause, 0);
    uint32_t *slots = sh_arena_alloc(plan->arena, (size_t)count * sizeof *slots);
    int64_t *values = sh_arena_alloc(plan->arena, (size_t)count * sizeof *values);
    if (both == NULL || ended == NULL || slots == NULL || values == NULL) return no_memory(err);
    (void)sh_table_ended_slots(scope->table, set, code, now_ms, slots, count);
    for (uint32_t i = 0; i < count; i++)
        values[i] = slots[i];
    qsort(values, count, sizeof *values, compare_slots);
    ended->match = (struct sh_match){.kind = SH_MATCH_SET, .values = values, .value_count = count};
    both->is_clause = true;
    both->children[0] = *tag;
    both->children[1] = sh_plan_not(plan, ended, clause);
    *tag = both;
    return both->children[1] == NULL ? no_memory(err) : SH_OK;
}

static enum sh_status tags_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                struct sh_error *err) {
    const enum sh_plan_op op = clause->has == SH_HAS_ALL ? SH_PLAN_AND : SH_PLAN_OR;
    /* A tag that nobody ever had: `all` cannot hold, for `any` and `none` it changes nothing. */
    if (op == SH_PLAN_AND && clause->value_count < clause->literal_count) {
        *node = sh_plan_node_new(plan, SH_PLAN_NOTHING, clause, 0);
        return *node == NULL ? no_memory(err) : SH_OK;
    }
    struct sh_plan_node **children = sh_arena_alloc(plan->arena, (clause->value_count + 1) * sizeof *children);
    if (children == NULL) return no_memory(err);
    for (uint32_t i = 0; i < clause->value_count; i++) {
        children[i] = sh_plan_node_new(plan, SH_PLAN_TAG, clause, 0);
        if (children[i] == NULL) return no_memory(err);
        children[i]->index = clause->tag_set;
        children[i]->code = (uint32_t)clause->values[i];
        const enum sh_status status = without_ended(plan, clause, &children[i], err);
        if (status != SH_OK) return status;
    }
    *node = join(plan, op, clause, children, clause->value_count);
    if (clause->has == SH_HAS_NONE) *node = sh_plan_not(plan, *node, clause);
    return *node == NULL ? no_memory(err) : SH_OK;
}

static enum sh_status sample_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                  struct sh_error *err) {
    *node = sh_plan_node_new(plan, SH_PLAN_SAMPLE, clause, 0);
    if (*node == NULL) return no_memory(err);
    (*node)->sample_parts = clause->sample_parts;
    (*node)->sample_seed = sh_hash_text(clause->sample_seed);
    return SH_OK;
}

static enum sh_status event_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                 struct sh_error *err) {
    *node = sh_plan_node_new(plan, SH_PLAN_EVENT, clause, 0);
    if (*node == NULL) return no_memory(err);
    const enum sh_status status = sh_aggregate_build(plan, clause, &(*node)->aggregate, err);
    if (status == SH_OK) sh_aggregate_join(plan, (*node)->aggregate);
    return status;
}

static enum sh_status sequence_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                    struct sh_error *err) {
    *node = sh_plan_node_new(plan, SH_PLAN_SEQUENCE, clause, 0);
    if (*node == NULL) return no_memory(err);
    return sh_sequence_build(clause, &plan->scope, plan->arena, &(*node)->sequence, err);
}

static enum sh_status calculation_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                                       struct sh_error *err) {
    *node = sh_plan_node_new(plan, SH_PLAN_CALCULATION, clause, 0);
    if (*node == NULL) return no_memory(err);
    return sh_calculation_build(plan, clause, &plan->scope, plan->arena, &(*node)->calculation, err);
}

static enum sh_status constant_leaf(struct sh_plan *plan, const struct sh_node *clause, enum sh_plan_op op,
                                    struct sh_plan_node **node, struct sh_error *err) {
    *node = sh_plan_node_new(plan, op, clause, 0);
    return *node == NULL ? no_memory(err) : SH_OK;
}

enum sh_status sh_plan_leaf(struct sh_plan *plan, const struct sh_node *clause, struct sh_plan_node **node,
                            struct sh_error *err) {
    switch (clause->kind) {
    case SH_NODE_TRUE:
        return constant_leaf(plan, clause, SH_PLAN_LIVE, node, err);
    case SH_NODE_FALSE:
        return constant_leaf(plan, clause, SH_PLAN_NOTHING, node, err);
    case SH_NODE_HAS:
        return tags_leaf(plan, clause, node, err);
    case SH_NODE_SAMPLE:
        return sample_leaf(plan, clause, node, err);
    case SH_NODE_RELATION:
        return calculation_leaf(plan, clause, node, err);
    case SH_NODE_SEQUENCE:
        return sequence_leaf(plan, clause, node, err);
    case SH_NODE_DID:
        return event_leaf(plan, clause, node, err);
    default:
        if (clause->operand.function != SH_FUNCTION_NONE) return event_leaf(plan, clause, node, err);
        if (clause->operand.subject == SH_SUBJECT_DERIVED) return derived_leaf(plan, clause, node, err);
        return attribute_leaf(plan, clause, node, err);
    }
}
