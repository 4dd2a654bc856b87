/* query_test.c -- is the expression true for one row? Nothing here looks at a block. */
#include "hash.h"
#include "query_calculation.h"
#include "query_events.h"
#include "query_plan.h"
#include "query_sequence.h"

/* The mix, as a fraction of 2^64, is below parts millionths: 0 keeps nobody, 1,000,000 everybody, and what a smaller
 * share keeps a larger one keeps too. */
bool sh_plan_sample_keeps(struct sh_text id, uint64_t seed, uint32_t parts) {
    const uint64_t mix = sh_query_sample_mix(id, seed);
    return (uint32_t)((unsigned __int128)mix * 1000000 >> 64) < parts;
}

uint64_t sh_query_sample_mix(struct sh_text id, uint64_t seed_hash) {
    return sh_hash_mix(sh_hash_text(id), seed_hash);
}

static enum sh_status test_join(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t slot,
                                bool *matches, struct sh_error *err) {
    const bool decides = node->op == SH_PLAN_OR;
    for (uint32_t i = 0; i < node->child_count; i++) {
        const enum sh_status status = sh_plan_test_node(plan, node->children[i], slot, matches, err);
        if (status != SH_OK || *matches == decides) return status;
    }
    *matches = !decides;
    return SH_OK;
}

static bool test_column(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t slot) {
    int64_t value;
    if (!sh_column_get(&sh_table_attribute(plan->scope.table, node->index)->column, slot, &value)) return false;
    switch (node->op) {
    case SH_PLAN_PRESENT:
        return true;
    case SH_PLAN_VALUE:
        return value == node->code;
    default:
        return sh_match_value(&node->match, true, value);
    }
}

static enum sh_status test_sequence(const struct sh_plan *plan, struct sh_sequence *sequence, uint32_t slot,
                                    bool *matches, struct sh_error *err) {
    struct sh_sequence_path path;
    const enum sh_status status = sh_sequence_user(sequence, plan->scope.events, slot, &path, err);
    *matches = status == SH_OK && path.reached >= sequence->reach;
    return status;
}

static bool test_derived(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t slot) {
    int64_t value = 0;
    const bool is_present = sh_derived_get(plan->scope.derived, node->index, slot, plan->scope.now_ms, &value);
    return sh_match_value(&node->match, is_present, value);
}

enum sh_status sh_plan_test_node(const struct sh_plan *plan, const struct sh_plan_node *node, uint32_t slot,
                                 bool *matches, struct sh_error *err) {
    const struct sh_table *table = plan->scope.table;
    switch (node->op) {
    case SH_PLAN_NOTHING:
        *matches = false;
        break;
    case SH_PLAN_LIVE:
        *matches = true;
        break;
    case SH_PLAN_AND:
    case SH_PLAN_OR:
        if (node->has_match) {
            *matches = test_column(plan, node, slot);
            break;
        }
        return test_join(plan, node, slot, matches, err);
    case SH_PLAN_NOT: {
        const enum sh_status status = sh_plan_test_node(plan, node->children[0], slot, matches, err);
        *matches = !*matches;
        return status;
    }
    case SH_PLAN_VALUE:
    case SH_PLAN_PRESENT:
    case SH_PLAN_COLUMN:
        *matches = test_column(plan, node, slot);
        break;
    case SH_PLAN_DERIVED:
        *matches = test_derived(plan, node, slot);
        break;
    case SH_PLAN_TAG:
        *matches = sh_bitmap_contains(sh_table_tag_slots(table, node->index, node->code), slot);
        break;
    case SH_PLAN_SLOTS:
        *matches = sh_match_value(&node->match, true, slot);
        break;
    case SH_PLAN_SAMPLE:
        *matches = sh_plan_sample_keeps(sh_table_id(table, slot), node->sample_seed, node->sample_parts);
        break;
    case SH_PLAN_EVENT:
        return sh_aggregate_test(plan, node->aggregate, slot, matches, err);
    case SH_PLAN_CALCULATION:
        return sh_calculation_test(plan, node->calculation, slot, matches, err);
    case SH_PLAN_SEQUENCE:
        return test_sequence(plan, node->sequence, slot, matches, err);
    }
    return SH_OK;
}

enum sh_status sh_plan_test(struct sh_plan *plan, uint32_t slot, bool *matches, struct sh_error *err) {
    *matches = false;
    if (!sh_bitmap_contains(sh_table_live(plan->scope.table), slot)) return SH_OK;
    return sh_plan_test_node(plan, plan->root, slot, matches, err);
}
