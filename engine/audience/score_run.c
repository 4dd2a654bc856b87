/* score_run.c -- what a scoring plan is worth: for one user, for a block. */
#include <string.h>

#include "decimal.h"
#include "query_plan.h"
#include "query_quantity.h"
#include "score_private.h"

enum { SINGLE_COUNT_MAX = 256 }; /* single reads in a block after which the whole block is cheaper */

/* A part beyond this is no score's: 64 of them stay inside 128 bits. */
#define PART_MAX ((__int128)1 << 96)

static void keep_fault(struct sh_scores *scores, const struct sh_error *fault) {
    if (scores->fault.status == SH_OK) scores->fault = *fault;
}

enum sh_status sh_scores_take_fault(struct sh_scores *scores, struct sh_error *err) {
    const enum sh_status status = scores->fault.status;
    if (status == SH_OK) return SH_OK;
    if (err != NULL) *err = scores->fault;
    scores->fault = (struct sh_error){.status = SH_OK};
    return status;
}

/* ---- Parts ---- */

/* a / b, b > 0, halves to even. */
static __int128 divide_half_even(__int128 a, __int128 b) {
    __int128 whole = a / b;
    __int128 rest = a % b;
    if (rest < 0) {
        whole--;
        rest += b;
    }
    const __int128 up = b - rest;
    if (rest > up || (rest == up && (whole & 1) != 0)) whole++;
    return whole;
}

/* What a value adds; false if it is beyond all bounds. */
static bool weigh(const struct sh_score *score, const struct sh_score_part *part, struct sh_rational value,
                  __int128 *added) {
    *added = 0;
    if (!value.is_present || value.numerator == 0 || part->amount == 0) return true;
    const bool is_negative = (value.numerator < 0) != (part->amount < 0);
    const struct sh_rational weight =
        sh_rational_of(part->amount, sh_power_of_ten[SH_SCORE_WEIGHT_SCALE - score->digits]);
    struct sh_rational product;
    bool fits = sh_rational_multiply(value, weight, &product, NULL) == SH_OK;
    if (fits) *added = divide_half_even(product.numerator, product.denominator);
    fits = fits && *added < PART_MAX && -PART_MAX < *added;
    if (part->has_cap && (!fits || *added > part->cap || *added < -(__int128)part->cap)) {
        *added = is_negative ? -(__int128)part->cap : part->cap;
        return true;
    }
    return fits;
}

static bool is_score(__int128 sum) {
    return sum >= -INT64_MAX && sum <= INT64_MAX;
}

/* ---- Preparing ---- */

void sh_scores_rest(struct sh_scores *scores) {
    for (uint32_t i = 0; i < SH_SCORE_PREPARED_COUNT_MAX; i++) {
        struct score_run *run = &scores->runs[i];
        sh_assert(!run->is_busy);
        if (run->score == NULL) continue;
        const struct sh_arena arena = run->arena;
        *run = (struct score_run){.arena = arena};
        sh_arena_reset(&run->arena);
    }
}

/* All that plans are bound to, beside the moment. */
static void read_stamp(const struct sh_scores *scores, const struct sh_query_scope *scope, uint64_t stamp[4]) {
    stamp[0] = sh_table_schema_version(scope->table) + sh_table_schema_version(scope->items) +
               sh_event_schema_version(scope->events);
    stamp[1] = sh_table_text_version(scope->table) + sh_table_text_version(scope->items) +
               sh_event_text_version(scope->events);
    stamp[2] = sh_table_slot_end(scope->items); /* item.id is bound to slots */
    stamp[3] = *scores->source.segment_version;
}

static enum sh_status plan_parts(struct score_run *run, const struct sh_query_scope *scope, struct sh_error *err) {
    const struct sh_score *score = run->score;
    run->plans = sh_arena_alloc_zero(&run->arena, score->part_count * sizeof(struct sh_plan *));
    if (run->plans == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for scores");
    for (uint32_t i = 0; i < score->part_count; i++) {
        struct sh_node *tree;
        enum sh_status status = score_part_parse(&score->parts[i], &run->arena, &tree, err);
        if (status == SH_OK) status = sh_query_check(&tree, scope, &run->arena, err);
        if (status == SH_OK)
            status = score->parts[i].is_weight ? sh_quantity_plan(tree, scope, &run->arena, &run->plans[i], err)
                                               : sh_query_plan(tree, scope, &run->arena, &run->plans[i], err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* The one to be prepared anew: free, or used longest ago. NULL: all are being evaluated. */
static struct score_run *choose_run(struct sh_scores *scores) {
    struct score_run *chosen = NULL;
    for (uint32_t i = 0; i < SH_SCORE_PREPARED_COUNT_MAX; i++) {
        struct score_run *run = &scores->runs[i];
        if (run->is_busy) continue;
        if (run->score == NULL) return run;
        if (chosen == NULL || run->used < chosen->used) chosen = run;
    }
    return chosen;
}

static uint32_t busy_count(const struct sh_scores *scores) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < SH_SCORE_PREPARED_COUNT_MAX; i++)
        count += scores->runs[i].is_busy;
    return count;
}

static enum sh_status prepare(struct sh_scores *scores, const struct sh_score *score, int64_t now_ms,
                              struct score_run **prepared, struct sh_error *err) {
    struct sh_query_scope scope;
    uint64_t stamp[4];
    scores->source.scope(scores->source.owner, now_ms, &scope);
    read_stamp(scores, &scope, stamp);
    const int64_t latest_ms = now_ms > scope.clock_ms ? now_ms : scope.clock_ms;
    const int64_t clock_ms = sh_table_any_ended(scope.table, latest_ms) ? latest_ms : 0;
    if (busy_count(scores) >= SH_SCORE_DEPTH_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "scoring plans use each other in a chain longer than %d",
                       SH_SCORE_DEPTH_MAX);
    for (uint32_t i = 0; i < SH_SCORE_PREPARED_COUNT_MAX; i++) {
        struct score_run *run = &scores->runs[i];
        if (run->score != score || run->now_ms != now_ms || run->clock_ms != clock_ms || run->is_busy) continue;
        if (memcmp(run->stamp, stamp, sizeof stamp) != 0) continue;
        *prepared = run;
        run->used = ++scores->use_count;
        return SH_OK;
    }
    struct score_run *run = choose_run(scores);
    sh_assert(run != NULL);
    const struct sh_arena arena = run->arena;
    *run = (struct score_run){
        .arena = arena, .score = score, .now_ms = now_ms, .clock_ms = clock_ms, .used = ++scores->use_count};
    memcpy(run->stamp, stamp, sizeof stamp);
    sh_arena_reset(&run->arena);
    run->is_busy = true;
    const enum sh_status status = plan_parts(run, &scope, err);
    run->is_busy = false;
    *prepared = run;
    if (status != SH_OK) run->score = NULL;
    return status;
}

/* ---- One user ---- */

static enum sh_status sum_user(struct score_run *run, uint32_t slot, __int128 *sum, bool *fits, struct sh_error *err) {
    const struct sh_score *score = run->score;
    *sum = 0;
    *fits = true;
    for (uint32_t i = 0; i < score->part_count; i++) {
        const struct sh_score_part *part = &score->parts[i];
        struct sh_rational value;
        __int128 added = 0;
        bool holds = false;
        enum sh_status status;
        if (part->is_weight)
            status = sh_quantity_of(run->plans[i], slot, &value, err);
        else
            status = sh_plan_test(run->plans[i], slot, &holds, err);
        if (status != SH_OK) return status;
        if (part->is_weight)
            *fits &= weigh(score, part, value, &added);
        else
            added = holds ? part->amount : 0;
        *sum += added;
    }
    return SH_OK;
}

/* ---- A block ---- */

struct adding {
    struct score_run *run;
    const struct sh_score_part *part;
};

static void add_value(void *context, uint32_t place, struct sh_rational value) {
    const struct adding *adding = context;
    struct score_run *run = adding->run;
    __int128 added;
    if (weigh(run->score, adding->part, value, &added))
        run->sums[place] += added;
    else
        run->fits[place / 64] &= ~(1ULL << (place % 64));
}

static void add_points(struct score_run *run, const uint64_t *words, int64_t points) {
    for (uint32_t w = 0; words != NULL && w < SH_BLOCK_WORDS; w++)
        for (uint64_t rest = words[w]; rest != 0; rest &= rest - 1)
            run->sums[w * 64 + (uint32_t)__builtin_ctzll(rest)] += points;
}

static enum sh_status run_part(struct score_run *run, uint32_t place, uint32_t block, struct sh_error *err) {
    const struct sh_score_part *part = &run->score->parts[place];
    struct sh_plan *plan = run->plans[place];
    enum sh_status status;
    plan->events = run->events;
    plan->calculations = run->calculations;
    if (part->is_weight) {
        struct adding adding = {run, part};
        status = sh_quantity_block(plan, block, add_value, &adding, err);
    } else {
        const uint64_t *words;
        uint32_t count;
        status = sh_plan_run_block(plan, block, &words, &count, err);
        if (status == SH_OK) add_points(run, words, part->amount);
    }
    run->events = plan->events;
    run->calculations = plan->calculations;
    return status;
}

static bool take_block_memory(struct score_run *run) {
    if (run->sums == NULL) run->sums = sh_arena_alloc(&run->arena, SH_BLOCK_SLOTS * sizeof *run->sums);
    if (run->fits == NULL) run->fits = sh_arena_alloc(&run->arena, SH_BLOCK_BYTES);
    return run->sums != NULL && run->fits != NULL;
}

static enum sh_status take_block(struct sh_scores *scores, struct score_run *run, uint32_t block,
                                 struct sh_error *err) {
    const uint64_t version = *scores->source.write_version;
    if (run->has_block && run->block == block && run->block_version == version) return SH_OK;
    run->has_block = false;
    if (!take_block_memory(run)) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for scores");
    memset(run->sums, 0, SH_BLOCK_SLOTS * sizeof *run->sums);
    memset(run->fits, 0xFF, SH_BLOCK_BYTES);
    for (uint32_t i = 0; i < run->score->part_count; i++) {
        const enum sh_status status = run_part(run, i, block, err);
        if (status != SH_OK) return status;
    }
    run->has_block = true;
    run->block = block;
    run->block_version = version;
    return SH_OK;
}

/* Has so much of this block been read one by one that the whole of it is cheaper? */
static bool wants_block(const struct sh_scores *scores, struct score_run *run, uint32_t block) {
    const uint64_t version = *scores->source.write_version;
    if (run->has_block && run->block == block && run->block_version == version) return true;
    if (run->single_block != block || run->single_version != version) run->single_count = 0;
    run->single_block = block;
    run->single_version = version;
    return ++run->single_count > SINGLE_COUNT_MAX;
}

/* ---- The door ---- */

static enum sh_status read_span(struct sh_scores *scores, struct score_run *run, uint32_t first, uint32_t count,
                                int64_t *values, uint64_t *present, struct sh_error *err) {
    const uint32_t block = first / SH_BLOCK_SLOTS;
    enum sh_status status;
    if (count == 1 && !wants_block(scores, run, block)) {
        __int128 sum;
        bool fits;
        if ((status = sum_user(run, first, &sum, &fits, err)) != SH_OK) return status;
        present[0] = fits && is_score(sum);
        values[0] = present[0] ? (int64_t)sum : 0;
        return SH_OK;
    }
    if ((status = take_block(scores, run, block, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = first % SH_BLOCK_SLOTS + i;
        const bool fits = (run->fits[place / 64] >> (place % 64) & 1) && is_score(run->sums[place]);
        values[i] = fits ? (int64_t)run->sums[place] : 0;
        if (fits) present[i / 64] |= 1ULL << (i % 64);
    }
    return SH_OK;
}

void score_read_values(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                       int64_t *values, uint64_t *present) {
    struct sh_scores *scores = (struct sh_scores *)(uintptr_t)owner;
    const struct sh_derived *base = scores->source.base;
    struct score_run *run;
    struct sh_error err = {.status = SH_OK};
    if (field < scores->base_count) {
        base->read_values(base->owner, field, first, count, now_ms, values, present);
        return;
    }
    memset(present, 0, (count + 63) / 64 * sizeof *present);
    enum sh_status status = prepare(scores, scores->list[field - scores->base_count], now_ms, &run, &err);
    if (status == SH_OK) {
        run->is_busy = true;
        status = read_span(scores, run, first, count, values, present, &err);
        run->is_busy = false;
    }
    if (status == SH_OK) return;
    memset(present, 0, (count + 63) / 64 * sizeof *present);
    keep_fault(scores, &err);
}

void score_read_codes(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                      uint8_t *codes) {
    const struct sh_scores *scores = owner;
    const struct sh_derived *base = scores->source.base;
    base->read_codes(base->owner, field, first, count, now_ms, codes);
}
