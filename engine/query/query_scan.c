/* query_scan.c -- leaves that read a column, a list of slots or ids; and any node, row by row, when few rows are left.
 */
#include <string.h>

#include "query_run.h"

enum {
    /* Up to so many candidates, for each byte of a value, testing them one by one beats comparing the whole block: 64
     * KiB are compared in about 1.2 us, a candidate whose line was asked for before takes about 5 ns. */
    TEST_UP_TO_COUNT = 200,
    AHEAD = 32 /* candidates between asking for a line and reading it: as many as a core keeps on the way */
};

/* The candidates as a list, in register reg if it was not one yet. At most SH_LIST_COUNT_MAX. */
static const uint16_t *list_candidates(const struct sh_block_run *run) {
    uint16_t *list = (uint16_t *)(void *)run->plan->registers[run->reg];
    if (run->candidates.form == SH_BLOCK_ARRAY) return sh_block_list(run->candidates);
    (void)sh_block_list_u16(run->candidates, list);
    return list;
}

enum sh_status sh_scan_rows(const struct sh_block_run *run, const struct sh_plan_node *node,
                            struct sh_block_view *result, struct sh_error *err) {
    uint16_t *list = (uint16_t *)(void *)run->plan->registers[run->reg];
    const uint16_t *entries = list_candidates(run);
    const uint32_t base = run->block * SH_BLOCK_SLOTS;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < run->candidates.count; i++) {
        bool matches;
        const uint16_t place = entries[i];
        const enum sh_status status = sh_plan_test_node(run->plan, node, base + place, &matches, err);
        if (status != SH_OK) return status;
        list[kept] = place;
        kept += matches;
    }
    *result = sh_block_of_list(list, kept);
    return SH_OK;
}

/* ---- Columns ---- */

static const struct sh_column *column_of(const struct sh_block_run *run, const struct sh_plan_node *node) {
    return &sh_table_attribute(run->plan->scope.table, node->index)->column;
}

static struct sh_block_view test_column(const struct sh_block_run *run, const struct sh_strip *strip,
                                        const struct sh_match *match) {
    uint16_t *list = (uint16_t *)(void *)run->plan->registers[run->reg];
    const uint16_t *entries = list_candidates(run);
    const uint8_t *data = strip->data;
    const uint32_t count = run->candidates.count;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count && i < AHEAD; i++)
        __builtin_prefetch(data + (size_t)entries[i] * strip->width);
    for (uint32_t i = 0; i < count; i++) {
        const uint16_t place = entries[i];
        int64_t value = 0;
        if (i + AHEAD < count) __builtin_prefetch(data + (size_t)entries[i + AHEAD] * strip->width);
        const bool is_present = sh_strip_get(strip, place, &value);
        list[kept] = place; /* kept <= i: never past what is still to be read */
        kept += sh_match_value(match, is_present, value);
    }
    return sh_block_of_list(list, kept);
}

static struct sh_block_view scan_column(const struct sh_block_run *run, const struct sh_plan_node *node,
                                        const struct sh_match *match) {
    const struct sh_column *column = column_of(run, node);
    const struct sh_strip *strip = sh_column_block(column, run->block);
    uint64_t *words = run->plan->registers[run->reg];
    if (strip == NULL) return sh_empty_view();
    if (run->candidates.count <= (uint32_t)TEST_UP_TO_COUNT * strip->width) return test_column(run, strip, match);
    if (match->kind == SH_MATCH_RANGE)
        sh_column_range(column, run->block, match->low, match->high, words);
    else if (match->kind == SH_MATCH_SET)
        sh_column_in_set(column, run->block, match->values, match->value_count, words);
    else
        sh_match_strip(match, strip, 0, SH_BLOCK_SLOTS, words);
    /* Only live rows have values. */
    if (run->candidates.count == run->live.count)
        return sh_block_of_words(words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS));
    return sh_block_of_words(words, sh_block_and_into_count(words, run->candidates));
}

static struct sh_block_view scan_present(const struct sh_block_run *run, const struct sh_plan_node *node) {
    uint64_t *words = run->plan->registers[run->reg];
    sh_column_present(column_of(run, node), run->block, words);
    return sh_block_of_words(words, sh_block_and_into_count(words, run->candidates));
}

/* What is worked out for slots that are not live is crossed away. */
static struct sh_block_view scan_derived(const struct sh_block_run *run, const struct sh_plan_node *node) {
    const struct sh_query_scope *scope = &run->plan->scope;
    uint64_t *words = run->plan->registers[run->reg];
    uint64_t *among = run->plan->registers[run->reg + 1];
    sh_block_store(run->candidates, among);
    sh_derived_match(scope->derived, node->index, run->block, scope->now_ms, &node->match, among, words);
    return sh_block_of_words(words, sh_block_and_into_count(words, run->candidates));
}

/* ---- Ids ---- */

static struct sh_block_view scan_slots(const struct sh_block_run *run, const struct sh_plan_node *node) {
    const struct sh_match *match = &node->match;
    uint64_t *words = run->plan->registers[run->reg];
    memset(words, 0, SH_BLOCK_BYTES);
    if (match->kind == SH_MATCH_RANGE) {
        const int64_t first = (int64_t)run->block * SH_BLOCK_SLOTS;
        const int64_t last = first + SH_BLOCK_SLOTS - 1;
        if (match->low <= last && match->high >= first)
            sh_block_set_range(words, match->low > first ? (uint32_t)(match->low - first) : 0,
                               match->high < last ? (uint32_t)(match->high - first) : SH_BLOCK_SLOTS - 1);
    }
    for (uint32_t i = 0; match->kind == SH_MATCH_SET && i < match->value_count; i++)
        if (match->values[i] / SH_BLOCK_SLOTS == run->block)
            words[match->values[i] % SH_BLOCK_SLOTS / 64] |= 1ULL << (match->values[i] % 64);
    return sh_block_of_words(words, sh_block_and_into_count(words, run->candidates));
}

/* Ids are read in slot order, one word's ahead of the one being hashed. */
static struct sh_block_view scan_sample(const struct sh_block_run *run, const struct sh_plan_node *node) {
    const struct sh_table *table = run->plan->scope.table;
    uint64_t *words = run->plan->registers[run->reg];
    uint32_t count = 0;
    sh_block_store(run->candidates, words);
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        const uint32_t base = run->block * SH_BLOCK_SLOTS + w * 64;
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

struct sh_block_view sh_scan_leaf(const struct sh_block_run *run, const struct sh_plan_node *node) {
    switch (node->op) {
    case SH_PLAN_VALUE: { /* the attribute got too many values for bitmaps since the plan was made */
        const struct sh_match value = {.kind = SH_MATCH_RANGE, .low = node->code, .high = node->code};
        return scan_column(run, node, &value);
    }
    case SH_PLAN_PRESENT:
        return scan_present(run, node);
    case SH_PLAN_DERIVED:
        return scan_derived(run, node);
    case SH_PLAN_SLOTS:
        return scan_slots(run, node);
    case SH_PLAN_SAMPLE:
        return scan_sample(run, node);
    default:
        sh_assert(node->op == SH_PLAN_COLUMN);
        return scan_column(run, node, &node->match);
    }
}
