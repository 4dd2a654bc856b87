/* query_again.c -- windows that were asked for before: what is kept of their whole days, and the edges streamed onto
 * it. query_kept.h has the picture.
 */
#include <string.h>

#include "query_plan.h"
#include "query_run.h"
#include "query_stream.h"

enum {
    /* Up to so many candidates for each byte of a kept number, these alone are read. */
    LISTED_FOR_BYTE = SH_BLOCK_SLOTS / 64
};

void sh_aggregate_set_inner(const struct sh_plan *plan, struct sh_aggregate *aggregate) {
    const struct sh_query_scope *scope = &plan->scope;
    const bool is_sum = aggregate->function == SH_FUNCTION_SUM;
    if (scope->kept == NULL || sh_kept_events(scope->kept) != scope->events) return;
    if (!is_sum && aggregate->function != SH_FUNCTION_COUNT) return;
    if (aggregate->where != NULL || aggregate->anchor != NULL || aggregate->from_ms >= aggregate->until_ms) return;
    struct sh_kept_window *inner = &aggregate->inner;
    const int64_t last_ms = sh_event_clamp(aggregate->until_ms);
    int32_t day = sh_zone_day(scope->zone, last_ms);
    inner->until_ms = sh_zone_day_start_ms(scope->zone, day);
    while (inner->until_ms > last_ms)
        inner->until_ms = sh_zone_day_start_ms(scope->zone, --day);
    inner->from_ms = SH_INSTANT_MIN;
    if (aggregate->from_ms > SH_INSTANT_MIN) {
        day = sh_zone_day(scope->zone, aggregate->from_ms);
        inner->from_ms = sh_zone_day_start_ms(scope->zone, day);
        while (inner->from_ms < aggregate->from_ms)
            inner->from_ms = sh_zone_day_start_ms(scope->zone, ++day);
    }
    inner->event_type = aggregate->event_type;
    inner->is_sum = is_sum;
    inner->is_amount = is_sum && aggregate->source == SH_SOURCE_AMOUNT;
    inner->property = is_sum && aggregate->source == SH_SOURCE_PROPERTY ? aggregate->property : 0;
    aggregate->is_keepable = inner->from_ms < inner->until_ms;
}

/* ---- Keeping ---- */

/* The whole days, streamed as ever; *numbers is NULL if they are not to be kept. */
static enum sh_status keep_block(struct sh_event_stream *stream, const struct sh_kept_numbers **numbers,
                                 struct sh_error *err) {
    const struct sh_aggregate *aggregate = stream->aggregate;
    struct sh_kept *kept = stream->plan->scope.kept;
    struct sh_event_stream days = *stream;
    days.from_ms = aggregate->inner.from_ms;
    days.until_ms = aggregate->inner.until_ms;
    *numbers = NULL;
    sh_stream_survey(&days);
    if (days.row_count < sh_kept_row_count_min(kept)) return SH_OK;
    if (aggregate->function == SH_FUNCTION_COUNT) {
        memset(days.into->counts, 0, SH_BLOCK_SLOTS * sizeof *days.into->counts);
        const enum sh_status status = sh_stream_cells(&days, sh_counting_step(sizeof *days.into->counts), err);
        if (status == SH_OK) *numbers = sh_kept_put_counts(kept, &aggregate->inner, days.block, days.into->counts);
        return status;
    }
    if (!days.sum_fits) return SH_OK;
    int64_t *sums = (int64_t *)(void *)days.into->sums;
    memset(sums, 0, SH_BLOCK_SLOTS * sizeof *sums);
    const enum sh_status status = sh_stream_cells(&days, sh_summing_step(), err);
    if (status == SH_OK) *numbers = sh_kept_put_sums(kept, &aggregate->inner, days.block, sums, (uint64_t)days.sum_max);
    return status;
}

/* ---- Answering ---- */

/* One block's answer: accumulators that begin with what is kept, and then get the edges. */
struct again {
    const struct sh_aggregate *aggregate;
    struct sh_event_scratch *scratch;
    const struct sh_strip *kept;
    void *accumulators;
    uint8_t width; /* bytes of an accumulator */
    struct sh_event_stream before;
    struct sh_event_stream after;
};

#define WIDEN(from, to)                                                                                                \
    do {                                                                                                               \
        const from *narrow = (const from *)again->kept->data;                                                          \
        to *wide = (to *)again->accumulators;                                                                          \
        for (uint32_t i = 0; i < SH_BLOCK_SLOTS; i++)                                                                  \
            wide[i] = narrow[i];                                                                                       \
    } while (0)

/* A count's base is 0, and its accumulator is at least as wide. */
static void begin_all(const struct again *again) {
    switch (again->kept->width * 16 + again->width) {
    case 0x11:
    case 0x22:
    case 0x44:
        memcpy(again->accumulators, again->kept->data, (size_t)SH_BLOCK_SLOTS * again->width);
        break;
    case 0x12:
        WIDEN(uint8_t, uint16_t);
        break;
    case 0x14:
        WIDEN(uint8_t, uint32_t);
        break;
    case 0x24:
        WIDEN(uint16_t, uint32_t);
        break;
    default: /* sums */
        sh_strip_read(again->kept, 0, SH_BLOCK_SLOTS, again->accumulators);
        break;
    }
}

#define GATHER(type)                                                                                                   \
    do {                                                                                                               \
        const type *distances = (const type *)strip->data + first;                                                     \
        for (uint32_t i = 0; i < count; i++)                                                                           \
            values[i] = (int64_t)((uint64_t)strip->base + distances[rows[i]]);                                         \
    } while (0)
#define SCATTER(type)                                                                                                  \
    do {                                                                                                               \
        type *accumulators = (type *)again->accumulators + first;                                                      \
        for (uint32_t i = 0; i < count; i++)                                                                           \
            accumulators[rows[i]] = (type)values[i];                                                                   \
    } while (0)

/* The numbers of slots first + rows[i], none of them missing. */
static void gather(const struct sh_strip *strip, uint32_t first, const uint16_t *rows, uint32_t count,
                   int64_t *values) {
    switch (strip->width) {
    case 1:
        GATHER(uint8_t);
        break;
    case 2:
        GATHER(uint16_t);
        break;
    case 4:
        GATHER(uint32_t);
        break;
    default:
        GATHER(uint64_t);
        break;
    }
}

/* The accumulators of the candidates alone; 4,096 slots at a time. */
static void begin_listed(const struct again *again, const uint64_t *words) {
    int64_t *values = again->scratch->chunk_values;
    uint16_t *rows = again->scratch->rows;
    for (uint32_t first = 0; first < SH_BLOCK_SLOTS; first += SH_WHERE_ROWS, words += SH_WHERE_WORDS) {
        const uint32_t count = (uint32_t)sh_bits->list_u16(words, SH_WHERE_WORDS, rows);
        gather(again->kept, first, rows, count, values);
        switch (again->width) {
        case 1:
            SCATTER(uint8_t);
            break;
        case 2:
            SCATTER(uint16_t);
            break;
        case 4:
            SCATTER(uint32_t);
            break;
        default:
            SCATTER(int64_t);
            break;
        }
    }
}

/* words are the candidates, and then those of them whose accumulator matches. 4,096 slots at a time. */
static void match_listed(const struct again *again, const struct sh_match *match, uint64_t *words) {
    struct sh_event_scratch *scratch = again->scratch;
    const struct sh_strip all = sh_accumulator_strip(again->accumulators, again->width);
    for (uint32_t first = 0; first < SH_BLOCK_SLOTS; first += SH_WHERE_ROWS, words += SH_WHERE_WORDS) {
        const uint32_t count = (uint32_t)sh_bits->list_u16(words, SH_WHERE_WORDS, scratch->rows);
        if (count == 0) continue;
        gather(&all, first, scratch->rows, count, scratch->chunk_values);
        const struct sh_strip strip = sh_accumulator_strip(scratch->chunk_values, 8);
        sh_match_strip(match, &strip, 0, count, scratch->mask);
        memset(words, 0, SH_WHERE_WORDS * sizeof *words);
        for (uint32_t i = 0; i < count; i++) /* no branch to guess */
            words[scratch->rows[i] / 64] |= (scratch->mask[i / 64] >> (i % 64) & 1) << (scratch->rows[i] % 64);
    }
}

/* Is 255 as good as any number above it? */
static bool may_stop_at_255(const struct sh_match *match) {
    return match->kind == SH_MATCH_RANGE && match->low <= UINT8_MAX &&
           (match->high < UINT8_MAX || match->high == INT64_MAX);
}

/* False: together with the edges it may be too large. */
static bool choose_width(struct again *again, const struct sh_event_stream *stream,
                         const struct sh_kept_numbers *numbers) {
    const uint64_t row_count = again->before.row_count + again->after.row_count;
    if (again->aggregate->function == SH_FUNCTION_SUM) {
        again->accumulators = stream->into->sums;
        again->width = 8;
        return again->before.sum_max + again->after.sum_max + numbers->magnitude <= INT64_MAX;
    }
    const uint64_t max = (uint64_t)numbers->strip.max + row_count;
    again->accumulators = stream->into->counts;
    again->width = max <= UINT16_MAX ? 2 : 4;
    if (numbers->strip.width == 1 && (max <= UINT8_MAX || may_stop_at_255(&again->aggregate->match))) again->width = 1;
    return max <= UINT32_MAX;
}

static void survey_edges(struct again *again, const struct sh_event_stream *stream) {
    const struct sh_kept_window *inner = &again->aggregate->inner;
    again->before = again->after = *stream;
    again->before.until_ms = inner->from_ms;
    again->after.from_ms = inner->until_ms;
    if (again->before.from_ms < again->before.until_ms) sh_stream_survey(&again->before);
    if (again->after.from_ms < again->after.until_ms) sh_stream_survey(&again->after);
}

static enum sh_status stream_edges(struct again *again, const uint64_t *candidates, struct sh_error *err) {
    const bool is_sum = again->aggregate->function == SH_FUNCTION_SUM;
    const sh_chunk_step step = is_sum ? sh_summing_step() : sh_counting_step(again->width);
    enum sh_status status = SH_OK;
    again->before.candidates = again->after.candidates = candidates;
    if (again->before.row_count > 0) status = sh_stream_cells(&again->before, step, err);
    if (status == SH_OK && again->after.row_count > 0) status = sh_stream_cells(&again->after, step, err);
    return status;
}

/* words are the candidates, and then those of them for which the aggregate holds; matches is a register to use. */
static enum sh_status answer(struct again *again, uint32_t candidate_count, uint64_t *words, uint64_t *matches,
                             struct sh_error *err) {
    const bool is_sum = again->aggregate->function == SH_FUNCTION_SUM;
    const struct sh_match match = is_sum ? sh_sum_match(again->aggregate) : again->aggregate->match;
    const bool is_listed = candidate_count <= LISTED_FOR_BYTE * again->width;
    if (is_listed)
        begin_listed(again, words);
    else
        begin_all(again);
    const enum sh_status status = stream_edges(again, is_listed ? words : NULL, err);
    if (status != SH_OK) return status;
    if (is_listed) {
        match_listed(again, &match, words);
        return SH_OK;
    }
    const struct sh_strip strip = sh_accumulator_strip(again->accumulators, again->width);
    sh_match_strip(&match, &strip, 0, SH_BLOCK_SLOTS, matches);
    sh_bits->and_into(words, matches, SH_BLOCK_WORDS);
    return SH_OK;
}

enum sh_status sh_aggregate_again(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                  bool *is_answered, struct sh_block_view *result, struct sh_error *err) {
    struct sh_plan *plan = run->plan;
    const struct sh_kept_numbers *numbers;
    *is_answered = false;
    const enum sh_kept_state state = sh_kept_find(plan->scope.kept, &aggregate->inner, run->block, &numbers);
    if (state == SH_KEPT_NONE) return SH_OK;
    struct sh_event_stream stream = {.plan = plan,
                                     .aggregate = aggregate,
                                     .scratch = plan->events,
                                     .into = &plan->events->accumulators,
                                     .block = run->block,
                                     .from_ms = aggregate->from_ms,
                                     .until_ms = aggregate->until_ms,
                                     .is_dense = true};
    enum sh_status status = sh_stream_take_memory(&stream, err);
    if (status == SH_OK && state == SH_KEPT_WANTED) status = keep_block(&stream, &numbers, err);
    if (status != SH_OK || numbers == NULL) return status;
    struct again again = {.aggregate = aggregate, .scratch = stream.scratch, .kept = &numbers->strip};
    survey_edges(&again, &stream);
    if (!choose_width(&again, &stream, numbers)) return SH_OK;
    uint64_t *words = plan->registers[run->reg];
    sh_block_store(run->candidates, words);
    status = answer(&again, run->candidates.count, words, plan->registers[run->reg + 1], err);
    *result = sh_block_of_words(words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS));
    *is_answered = status == SH_OK;
    return status;
}
