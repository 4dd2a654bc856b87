/* query_cost.c -- what things will cost, in nanoseconds.
 *
 * The constants were measured with bench/micro on one core with AVX-512; on another machine they are wrong by a common
 * factor, which changes no choice. Shares of rows come from kept counts where there are any (bitmaps, present values),
 * else from a look at SAMPLE_ROWS rows spread evenly over the slots: no randomness, so the same table gives the same
 * plan.
 */
#include <math.h>

#include "query_anchor.h"
#include "query_calculation.h"
#include "query_events.h"
#include "query_plan.h"
#include "query_sequence.h"

enum { SAMPLE_ROWS = 64 };

static const double block_of_bits_ns = 300; /* 8 KiB through a register, half of the time from L3 */
static const double list_entry_ns = 1.0;    /* scatter a u16 into a register, or look it up in one */
static const double look_ns = 8;            /* find a bitmap's block and its form */
static const double column_byte_ns = 0.02;  /* compare a column, streaming from L3 */
static const double unpack_ns = 0.8;        /* one value of a column into a lookup */
static const double row_bitmap_ns = 10;     /* one row in one bitmap */
static const double row_column_ns = 20;     /* one row of one column */
static const double row_sample_ns = 30;     /* one id and its hash */
static const double row_history_ns = 100;   /* one event of one user's history: a cache miss */
static const double derived_ns = 1.5;       /* work out one user's value, streaming */
static const double derived_part_ns = 5;    /* evaluate one of a field's expressions for one user of a block */
static const double row_part_ns = 500;      /* and for a user alone */
static const double event_ns = 1.5;         /* one event of a cell, streamed */
static const double event_where_ns = 1.5;   /* one event through `where` */
static const double sequence_mark_ns = 12;  /* one event gathered, dealt to its user and followed */
static const double calculated_ns = 15;     /* one value of one user in a calculation */
static const double event_block_ns = 3000;  /* begin and end of a block of accumulators */

static double live_count(const struct sh_plan *plan) {
    const double count = (double)sh_bitmap_count(sh_table_live(plan->scope.table));
    return count < 1 ? 1 : count;
}

static double block_count(const struct sh_plan *plan) {
    const double count = sh_bitmap_block_count(sh_table_live(plan->scope.table));
    return count < 1 ? 1 : count;
}

double sh_plan_bitmap_ns(const struct sh_plan *plan, uint64_t slot_count) {
    const double entries_ns = (double)slot_count / block_count(plan) * list_entry_ns;
    return look_ns + (entries_ns < block_of_bits_ns ? entries_ns : block_of_bits_ns);
}

/* The width of a block from the middle, as good as any; a block without data may get some. */
static double column_width(const struct sh_attribute *attribute) {
    const struct sh_column *column = &attribute->column;
    const struct sh_strip *strip = sh_column_block(column, column->block_count / 2);
    return strip == NULL || strip->width == 0 ? 1 : strip->width;
}

double sh_plan_column_ns(const struct sh_attribute *attribute, const struct sh_match *match) {
    const double bytes_ns = column_width(attribute) * SH_BLOCK_SLOTS * column_byte_ns;
    const bool unpacks = match->kind == SH_MATCH_BITS || match->kind == SH_MATCH_YEARLY;
    return look_ns + bytes_ns + (unpacks ? SH_BLOCK_SLOTS * unpack_ns : 0);
}

/* The share of live rows whose value matches, of those looked at. Never 0 or 1: a sample cannot know that. */
static double sampled_share(const struct sh_plan *plan, uint32_t index, const struct sh_match *match) {
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, index);
    const struct sh_bitmap *live = sh_table_live(plan->scope.table);
    const uint64_t slot_end = sh_table_slot_end(plan->scope.table);
    double looked = 1;
    double matched = 0.5;
    for (uint64_t i = 0; i < SAMPLE_ROWS; i++) {
        const uint32_t slot = (uint32_t)((2 * i + 1) * slot_end / (2ull * SAMPLE_ROWS));
        int64_t value;
        if (!sh_bitmap_contains(live, slot)) continue;
        const bool is_present = sh_column_get(&attribute->column, slot, &value);
        looked++;
        matched += sh_match_value(match, is_present, is_present ? value : 0);
    }
    return matched / looked;
}

static struct sh_plan_cost bitmap_cost(const struct sh_plan *plan, const struct sh_bitmap *slots) {
    const uint64_t count = slots == NULL ? 0 : sh_bitmap_count(slots);
    return (struct sh_plan_cost){
        .share = (double)count / live_count(plan), .block_ns = sh_plan_bitmap_ns(plan, count), .row_ns = row_bitmap_ns};
}

/* How likely one user has at least one of them, when they are dealt at random. */
static struct sh_plan_cost event_cost(const struct sh_plan *plan, const struct sh_aggregate *aggregate) {
    const struct sh_event_store *events = plan->scope.events;
    const double in_window =
        sh_event_window_guess(events, aggregate->event_type, aggregate->from_ms, aggregate->until_ms);
    const double any_share = 1 - exp(-in_window / live_count(plan));
    const bool holds_without = sh_aggregate_holds_without(aggregate);
    const double each_ns = event_ns + (aggregate->where == NULL ? 0 : event_where_ns);
    const double history = (double)sh_event_count(events) / live_count(plan);
    struct sh_plan_cost cost = {.share =
                                    holds_without ? 1 - any_share / 2 : (aggregate->is_did ? any_share : any_share / 2),
                                .block_ns = event_block_ns + in_window / block_count(plan) * each_ns,
                                .row_ns = row_history_ns * (1 + history)};
    if (aggregate->anchor == NULL) return cost;
    struct sh_plan_cost anchor = {.block_ns = event_block_ns, .row_ns = row_column_ns};
    if (aggregate->anchor->aggregate != NULL) anchor = event_cost(plan, aggregate->anchor->aggregate);
    cost.block_ns +=
        anchor.block_ns + SH_BLOCK_SLOTS * calculated_ns / 2 + in_window / block_count(plan) * event_where_ns;
    cost.row_ns += anchor.row_ns;
    return cost;
}

/* Those who did every step, if steps were dealt at random, and then half of them: nobody knows the order. */
static struct sh_plan_cost sequence_cost(const struct sh_plan *plan, const struct sh_sequence *sequence) {
    const struct sh_event_store *events = plan->scope.events;
    double all_share = 1;
    double pass_ns = 0;
    double event_count = 0;
    for (uint32_t i = 0; i < sequence->reach; i++) {
        const double in_window =
            sh_event_window_guess(events, sequence->steps[i].event_type, sequence->from_ms, sequence->until_ms);
        all_share *= 1 - exp(-in_window / live_count(plan));
        pass_ns += 2 * in_window * (event_ns + (sequence->steps[i].where == NULL ? 0 : event_where_ns));
        event_count += in_window;
    }
    const double history = (double)sh_event_count(events) / live_count(plan);
    pass_ns += all_share * event_count * sequence_mark_ns;
    return (struct sh_plan_cost){.share = all_share / 2,
                                 .block_ns = sequence->reach * event_block_ns + pass_ns / block_count(plan),
                                 .row_ns = row_history_ns * (1 + history)};
}

/* Users are taken one by one at the end: those with events, or all where attributes take part. */
static struct sh_plan_cost calculation_cost(const struct sh_plan *plan, const struct sh_calculation *calculation) {
    struct sh_plan_cost cost = {.share = calculation->compare == SH_COMPARE_EQ && !calculation->negated ? 0.05 : 0.4};
    double looked_at = calculation->has_attributes ? 1 : 0;
    for (uint32_t i = 0; i < calculation->leaf_count; i++) {
        struct sh_plan_cost leaf = {.row_ns = row_column_ns};
        if (calculation->leaves[i].aggregate != NULL) leaf = event_cost(plan, calculation->leaves[i].aggregate);
        cost.block_ns += leaf.block_ns;
        cost.row_ns += leaf.row_ns;
        if (looked_at < 1 && calculation->leaves[i].aggregate != NULL) looked_at += (1 - looked_at) / 2;
    }
    cost.block_ns += looked_at * SH_BLOCK_SLOTS * calculation->leaf_count * calculated_ns;
    return cost;
}

/* ---- Composites ---- */

/* Nanoseconds for each row that the child decides: removes (AND) or brings (OR). */
static double rank(const struct sh_plan_node *child, enum sh_plan_op parent) {
    const double decided = parent == SH_PLAN_AND ? 1 - child->cost.share : child->cost.share;
    return child->cost.block_ns / (decided < 1e-6 ? 1e-6 : decided);
}

/* Insertion sort: stable, so equal children stay in the order of the canonical text; lists of values come sorted. */
static void order_children(struct sh_plan_node *node) {
    for (uint32_t i = 1; i < node->child_count; i++) {
        struct sh_plan_node *child = node->children[i];
        const double child_rank = rank(child, node->op);
        uint32_t at = i;
        while (at > 0 && rank(node->children[at - 1], node->op) > child_rank) {
            node->children[at] = node->children[at - 1];
            at--;
        }
        node->children[at] = child;
    }
}

static struct sh_plan_cost composite_cost(const struct sh_plan_node *node) {
    struct sh_plan_cost cost = {0, 0, 0};
    double open = 1; /* share of rows that the children so far have not decided */
    double sum = 0;
    for (uint32_t i = 0; i < node->child_count; i++) {
        const struct sh_plan_cost *child = &node->children[i]->cost;
        const double rows_ns = open * SH_BLOCK_SLOTS * child->row_ns;
        cost.block_ns += rows_ns < child->block_ns ? rows_ns : child->block_ns;
        cost.row_ns += open * child->row_ns;
        open *= node->op == SH_PLAN_AND ? child->share : 1 - child->share;
        sum += child->share;
    }
    cost.share = node->op == SH_PLAN_AND ? open : 1 - open;
    if (node->has_match) { /* a row has one value, and it is looked at once */
        cost.share = sum < 1 ? sum : 1;
        cost.row_ns = row_column_ns;
    }
    return cost;
}

static struct sh_plan_cost column_cost(const struct sh_plan *plan, const struct sh_plan_node *node) {
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, node->index);
    return (struct sh_plan_cost){.share = sampled_share(plan, node->index, &node->match),
                                 .block_ns = sh_plan_column_ns(attribute, &node->match),
                                 .row_ns = row_column_ns};
}

static struct sh_plan_cost present_cost(const struct sh_plan *plan, const struct sh_plan_node *node) {
    const struct sh_attribute *attribute = sh_table_attribute(plan->scope.table, node->index);
    return (struct sh_plan_cost){.share = (double)sh_attribute_present_count(attribute) / live_count(plan),
                                 .block_ns = look_ns + block_of_bits_ns / 2,
                                 .row_ns = row_column_ns};
}

/* As sampled_share. */
static struct sh_plan_cost derived_cost(const struct sh_plan *plan, const struct sh_plan_node *node) {
    const struct sh_bitmap *live = sh_table_live(plan->scope.table);
    const uint64_t slot_end = sh_table_slot_end(plan->scope.table);
    double looked = 1;
    double matched = 0.5;
    const uint32_t part_count = plan->scope.derived->fields[node->index].part_count;
    if (part_count > 0) /* too dear to look at some */
        return (struct sh_plan_cost){.share = 0.4,
                                     .block_ns = part_count * SH_BLOCK_SLOTS * derived_part_ns,
                                     .row_ns = part_count * row_part_ns};
    for (uint64_t i = 0; i < SAMPLE_ROWS; i++) {
        const uint32_t slot = (uint32_t)((2 * i + 1) * slot_end / (2ull * SAMPLE_ROWS));
        int64_t value = 0;
        if (!sh_bitmap_contains(live, slot)) continue;
        const bool is_present = sh_derived_get(plan->scope.derived, node->index, slot, plan->scope.now_ms, &value);
        looked++;
        matched += sh_match_value(&node->match, is_present, value);
    }
    return (struct sh_plan_cost){
        .share = matched / looked, .block_ns = SH_BLOCK_SLOTS * derived_ns, .row_ns = row_column_ns};
}

void sh_plan_estimate(const struct sh_plan *plan, struct sh_plan_node *node) {
    for (uint32_t i = 0; i < node->child_count; i++)
        sh_plan_estimate(plan, node->children[i]);
    const struct sh_table *table = plan->scope.table;
    switch (node->op) {
    case SH_PLAN_NOTHING:
        node->cost = (struct sh_plan_cost){0, look_ns, 0};
        break;
    case SH_PLAN_LIVE:
        node->cost = (struct sh_plan_cost){1, look_ns, 0};
        break;
    case SH_PLAN_AND:
    case SH_PLAN_OR:
        order_children(node);
        node->cost = composite_cost(node);
        break;
    case SH_PLAN_NOT:
        node->cost = node->children[0]->cost;
        node->cost.share = 1 - node->cost.share;
        break;
    case SH_PLAN_VALUE:
        node->cost = bitmap_cost(plan, sh_attribute_value_slots(sh_table_attribute(table, node->index), node->code));
        break;
    case SH_PLAN_TAG:
        node->cost = bitmap_cost(plan, sh_table_tag_slots(table, node->index, node->code));
        break;
    case SH_PLAN_PRESENT:
        node->cost = present_cost(plan, node);
        break;
    case SH_PLAN_COLUMN:
        node->cost = column_cost(plan, node);
        break;
    case SH_PLAN_DERIVED:
        node->cost = derived_cost(plan, node);
        break;
    case SH_PLAN_SLOTS:
        node->cost = (struct sh_plan_cost){1 / live_count(plan), look_ns, row_bitmap_ns};
        break;
    case SH_PLAN_SAMPLE:
        node->cost = (struct sh_plan_cost){node->sample_parts / 1e6, SH_BLOCK_SLOTS * row_sample_ns, row_sample_ns};
        break;
    case SH_PLAN_EVENT:
        node->cost = event_cost(plan, node->aggregate);
        break;
    case SH_PLAN_CALCULATION:
        node->cost = calculation_cost(plan, node->calculation);
        break;
    case SH_PLAN_SEQUENCE:
        node->cost = sequence_cost(plan, node->sequence);
        break;
    }
}
