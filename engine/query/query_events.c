/* query_events.c -- aggregates of a whole block of users, streamed from the cells of the window. */
#include "query_events.h"

#include <string.h>

#include "query_run.h"
#include "query_stream.h"

enum {
    /* From this many events in a block's window on, clearing and comparing whole accumulator arrays (64 to 512 KiB, a
     * few microseconds) costs less than keeping track of which are in use. */
    DENSE_FROM_COUNT = 4096,
    /* When at most this part of a block's rows are candidates, events of others are sorted out first: a look into a
     * bitmap that is in the L1 costs about 1 ns, touching an accumulator several. Not worth it for whole arrays. */
    SELECTIVE_UP_TO_COUNT = SH_BLOCK_SLOTS / 2,
    /* A count and a sum of the same events in one number, sum + count * 2^44: one pass, one line of memory an event. */
    PACKED_SUM_BITS = 44,
    /* Up to so many candidates are listed and unpacked, and the others are not. */
    PACKED_LISTED_UP_TO = SH_BLOCK_SLOTS / 8
};
#define PACKED_ONE     (UINT64_C(1) << PACKED_SUM_BITS)
#define PACKED_SUM_MAX ((int64_t)(PACKED_ONE / 2 - 1))
#define PACKED_ROW_MAX ((UINT64_C(1) << (64 - PACKED_SUM_BITS)) - 1)

/* ---- Scratch ---- */

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for running the expression");
}

/* The array that is there already, or a new one with an element a user of the block. */
static void *take(struct sh_plan *plan, void *array, size_t element_bytes) {
    return array != NULL ? array : sh_arena_alloc(plan->arena, SH_BLOCK_SLOTS * element_bytes);
}

static bool take_accumulators(struct sh_plan *plan, const struct sh_aggregate *aggregate,
                              struct sh_accumulators *into) {
    const enum sh_function function = aggregate->function;
    const bool sums = function == SH_FUNCTION_SUM || function == SH_FUNCTION_AVG;
    const bool orders = sh_aggregate_goes_by_order(aggregate);
    const bool spans = function == SH_FUNCTION_GAP_AVG || function == SH_FUNCTION_EXPECTED_NEXT;
    const bool counts = sums || function == SH_FUNCTION_COUNT || function >= SH_FUNCTION_DAYS;
    const bool values = !sums && function != SH_FUNCTION_COUNT && function != SH_FUNCTION_DISTINCT;
    if (counts) into->counts = take(plan, into->counts, sizeof *into->counts);
    if (sums) into->sums = take(plan, into->sums, sizeof *into->sums);
    if (values) into->values = take(plan, into->values, sizeof *into->values);
    if (orders || spans) into->times = take(plan, into->times, sizeof *into->times);
    if (orders && into->tied == NULL) into->tied = sh_arena_alloc(plan->arena, SH_BLOCK_BYTES);
    return (!counts || into->counts != NULL) && (!sums || into->sums != NULL) && (!values || into->values != NULL) &&
           (!orders || (into->times != NULL && into->tied != NULL)) && (!spans || into->times != NULL);
}

static enum sh_status take_scratch(struct sh_plan *plan, struct sh_error *err) {
    if (plan->events == NULL) plan->events = sh_arena_alloc_zero(plan->arena, sizeof *plan->events);
    return plan->events == NULL ? no_memory(err) : SH_OK;
}

/* ---- Chunks of rows ---- */

static const struct sh_strip *value_strip(const struct sh_aggregate *aggregate, const struct sh_event_cell *cell) {
    if (aggregate->source == SH_SOURCE_AMOUNT) return &cell->amount;
    if (aggregate->source == SH_SOURCE_ITEM) return &cell->item;
    if (aggregate->source == SH_SOURCE_PROPERTY) return sh_cell_property(cell, aggregate->property);
    return NULL;
}

/* Of the rows that are left, those in the window of their own user. */
static void mask_anchored(const struct sh_event_stream *stream, const struct sh_event_cell *cell, uint32_t first,
                          uint32_t count, uint64_t *mask) {
    const int64_t *from_ms = stream->scratch->anchors.from_ms;
    const uint64_t span_ms = (uint64_t)stream->aggregate->anchor->span_ms;
    for (uint32_t w = 0; w < (count + 63) / 64; w++) {
        for (uint64_t rest = mask[w]; rest != 0; rest &= rest - 1) {
            const uint32_t row = first + w * 64 + (uint32_t)__builtin_ctzll(rest);
            const int64_t time_ms = cell->day_start_ms + (int64_t)cell->ms[row];
            if ((uint64_t)(time_ms - from_ms[cell->slot_low[row]]) >= span_ms) mask[w] ^= rest & -rest;
        }
    }
}

/* The rows of a chunk that lie in the window, that `where` keeps and that have a value, as bits; *all says that every
 * row does. */
static enum sh_status mask_chunk(struct sh_event_stream *stream, const struct sh_event_cells *cells, uint32_t first,
                                 uint32_t count, bool *all, struct sh_error *err) {
    const struct sh_event_cell *cell = cells->cell;
    const struct sh_strip *strip = value_strip(stream->aggregate, cell);
    const uint32_t word_count = (count + 63) / 64;
    uint64_t *mask = stream->scratch->mask;
    *all = cells->verdict == SH_VERDICT_ALL;
    if (!*all) {
        const struct sh_strip times = sh_cell_times(cell);
        sh_strip_range(&times, first, count, cell->day_start_ms + cells->ms_low, cell->day_start_ms + cells->ms_high,
                       mask);
    }
    if (stream->aggregate->where != NULL) {
        uint64_t *kept = *all ? mask : stream->scratch->more;
        const enum sh_status status = sh_where_rows(stream->aggregate->where, cell, first, count, kept, err);
        if (status != SH_OK) return status;
        if (!*all) sh_bits->and_into(mask, kept, word_count);
        *all = false;
    }
    if (stream->candidates != NULL) {
        uint64_t *wanted = *all ? mask : stream->scratch->more;
        sh_crossing->mask_slots(stream->candidates, cell->slot_low + first, count, wanted);
        if (!*all) sh_bits->and_into(mask, wanted, word_count);
        *all = false;
    }
    if (strip != NULL && (strip->missing_count > 0 || strip->count < cell->row_count)) {
        uint64_t *present = *all ? mask : stream->scratch->more;
        sh_strip_present(strip, first, count, present);
        if (!*all) sh_bits->and_into(mask, present, word_count);
        *all = false;
    }
    if (stream->aggregate->anchor != NULL) mask_anchored(stream, cell, first, count, mask); /* of some candidates */
    return SH_OK;
}

static void read_times(const struct sh_event_cell *cell, uint32_t first, uint32_t count, int64_t *times) {
    for (uint32_t i = 0; i < count; i++)
        times[i] = cell->day_start_ms + (int64_t)cell->ms[first + i];
}

static void read_chunk(struct sh_event_stream *stream, const struct sh_event_cell *cell, uint32_t first, uint32_t count,
                       bool all, struct sh_event_chunk *chunk) {
    struct sh_event_scratch *scratch = stream->scratch;
    const struct sh_aggregate *aggregate = stream->aggregate;
    const struct sh_strip *strip = value_strip(stream->packs != NULL ? stream->packs : aggregate, cell);
    const bool is_ordered = aggregate->function == SH_FUNCTION_FIRST || aggregate->function == SH_FUNCTION_LAST ||
                            aggregate->function == SH_FUNCTION_NTH;
    *chunk = (struct sh_event_chunk){.slots = cell->slot_low + first,
                                     .values = scratch->chunk_values,
                                     .times = scratch->chunk_times,
                                     .count = count,
                                     .strip = strip,
                                     .first = first,
                                     .day_start_ms = cell->day_start_ms};
    if (!all) {
        chunk->count = (uint32_t)sh_bits->list_u16(scratch->mask, (count + 63) / 64, scratch->rows);
        chunk->slots = scratch->slots;
        chunk->rows = scratch->rows;
        for (uint32_t i = 0; i < chunk->count; i++)
            scratch->slots[i] = cell->slot_low[first + scratch->rows[i]];
    }
    if (chunk->count == 0 || stream->is_dense) return;
    if (aggregate->source == SH_SOURCE_DAY)
        for (uint32_t i = 0; i < count; i++)
            scratch->chunk_values[i] = cell->day;
    if (aggregate->source == SH_SOURCE_TIME) read_times(cell, first, count, scratch->chunk_values);
    if (strip != NULL) sh_strip_read(strip, first, count, scratch->chunk_values);
    if (is_ordered) read_times(cell, first, count, scratch->chunk_times);
    if (!all && aggregate->source != SH_SOURCE_EVENT)
        for (uint32_t i = 0; i < chunk->count; i++)
            scratch->chunk_values[i] = scratch->chunk_values[scratch->rows[i]];
    if (!all && is_ordered)
        for (uint32_t i = 0; i < chunk->count; i++)
            scratch->chunk_times[i] = scratch->chunk_times[scratch->rows[i]];
    if (stream->ranks != NULL)
        for (uint32_t i = 0; i < chunk->count; i++)
            scratch->chunk_values[i] = stream->ranks[scratch->chunk_values[i]];
}

enum sh_status sh_stream_cells(struct sh_event_stream *stream, sh_chunk_step step, struct sh_error *err) {
    const struct sh_aggregate *aggregate = stream->aggregate;
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(stream->plan->scope.events, aggregate->event_type), stream->block,
                         stream->from_ms, stream->until_ms);
    while (sh_event_cells_next(&cells)) {
        for (uint32_t first = 0; first < cells.cell->row_count; first += SH_WHERE_ROWS) {
            const uint32_t left = cells.cell->row_count - first;
            const uint32_t count = left < SH_WHERE_ROWS ? left : SH_WHERE_ROWS;
            struct sh_event_chunk chunk;
            bool all;
            enum sh_status status = mask_chunk(stream, &cells, first, count, &all, err);
            if (status != SH_OK) return status;
            read_chunk(stream, cells.cell, first, count, all, &chunk);
            if ((status = step(stream, &chunk, err)) != SH_OK) return status;
        }
    }
    return SH_OK;
}

/* ---- Many events: whole arrays ---- */

static enum sh_status mark_users(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                 struct sh_error *err) {
    (void)err;
    uint8_t *marks = (uint8_t *)stream->into->counts;
    for (uint32_t i = 0; i < chunk->count; i++)
        marks[chunk->slots[i]] = 1;
    return SH_OK;
}

static enum sh_status count_u8(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                               struct sh_error *err) {
    (void)err;
    uint8_t *counts = (uint8_t *)(void *)stream->into->counts;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint8_t count = counts[chunk->slots[i]];
        counts[chunk->slots[i]] = (uint8_t)(count + (count != UINT8_MAX));
    }
    return SH_OK;
}

static enum sh_status count_u16(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    uint16_t *counts = (uint16_t *)(void *)stream->into->counts;
    for (uint32_t i = 0; i < chunk->count; i++)
        counts[chunk->slots[i]]++;
    return SH_OK;
}

static enum sh_status count_u32(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    uint32_t *counts = stream->into->counts;
    for (uint32_t i = 0; i < chunk->count; i++)
        counts[chunk->slots[i]]++;
    return SH_OK;
}

sh_chunk_step sh_counting_step(uint8_t width) {
    return width == 1 ? count_u8 : width == 2 ? count_u16 : count_u32;
}

/* A strip's values go straight into the sums: base + unit * distance, the distances being of this type. */
#define ADD_DISTANCES(type)                                                                                            \
    do {                                                                                                               \
        const type *distances = (const type *)strip->data + chunk->first;                                              \
        if (chunk->rows == NULL)                                                                                       \
            for (uint32_t i = 0; i < chunk->count; i++)                                                                \
                sums[chunk->slots[i]] += base + unit * distances[i];                                                   \
        else                                                                                                           \
            for (uint32_t i = 0; i < chunk->count; i++)                                                                \
                sums[chunk->slots[i]] += base + unit * distances[chunk->rows[i]];                                      \
    } while (0)

/* Each row's value, and `more` with it; two's complement: what fits at the end is right. */
static void add_values(const struct sh_event_chunk *chunk, uint64_t more, uint64_t *sums) {
    const struct sh_strip *strip = chunk->strip;
    const uint64_t base = (uint64_t)strip->base + more;
    const uint64_t unit = strip->unit;
    switch (strip->width) {
    case 0:
        for (uint32_t i = 0; i < chunk->count; i++)
            sums[chunk->slots[i]] += base;
        break;
    case 1:
        ADD_DISTANCES(uint8_t);
        break;
    case 2:
        ADD_DISTANCES(uint16_t);
        break;
    case 4:
        ADD_DISTANCES(uint32_t);
        break;
    default:
        ADD_DISTANCES(uint64_t);
        break;
    }
}

static enum sh_status sum_i64(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                              struct sh_error *err) {
    (void)err;
    add_values(chunk, 0, (uint64_t *)(void *)stream->into->sums);
    return SH_OK;
}

sh_chunk_step sh_summing_step(void) {
    return sum_i64;
}

struct sh_strip sh_accumulator_strip(void *data, uint8_t width) {
    return (struct sh_strip){.data = data,
                             .min = width == 8 ? INT64_MIN : 0,
                             .max = width == 8 ? INT64_MAX : (int64_t)(UINT64_MAX >> (64 - 8 * width)),
                             .count = SH_BLOCK_SLOTS,
                             .capacity = SH_BLOCK_SLOTS,
                             .unit = 1,
                             .width = width};
}

static int64_t clamp_bound(__int128 bound) {
    return bound < INT64_MIN ? INT64_MIN : bound > INT64_MAX ? INT64_MAX : (int64_t)bound;
}

struct sh_match sh_sum_match(const struct sh_aggregate *aggregate) {
    if (!aggregate->is_bounded) return aggregate->match;
    struct sh_match match = {.kind = SH_MATCH_RANGE, .negated = aggregate->match.negated};
    if (aggregate->low > aggregate->high || aggregate->low > INT64_MAX || aggregate->high < INT64_MIN)
        match.kind = SH_MATCH_NONE;
    match.low = clamp_bound(aggregate->low);
    match.high = clamp_bound(aggregate->high);
    return match;
}

/* words are the candidates, and then those of them for which the aggregate holds; matches is a register to use. */
static enum sh_status run_dense(struct sh_event_stream *stream, uint64_t *words, uint64_t *matches,
                                struct sh_error *err) {
    const struct sh_aggregate *aggregate = stream->aggregate;
    sh_chunk_step step = sum_i64;
    uint8_t width = 8;
    void *accumulators = stream->into->sums;
    struct sh_match match = aggregate->match;
    if (aggregate->function == SH_FUNCTION_SUM) {
        match = sh_sum_match(aggregate);
    } else {
        accumulators = stream->into->counts;
        width = aggregate->is_did ? 1 : stream->row_count <= UINT16_MAX ? 2 : 4;
        step = aggregate->is_did ? mark_users : sh_counting_step(width);
    }
    memset(accumulators, 0, (size_t)SH_BLOCK_SLOTS * width);
    const enum sh_status status = sh_stream_cells(stream, step, err);
    if (status != SH_OK) return status;
    const struct sh_strip strip = sh_accumulator_strip(accumulators, width);
    sh_match_strip(&match, &strip, 0, SH_BLOCK_SLOTS, matches);
    sh_bits->and_into(words, matches, SH_BLOCK_WORDS);
    return SH_OK;
}

/* ---- Any aggregate: accumulators begin when they are touched ---- */

/* The accumulators of everybody who has an event in the window. */
static enum sh_status touch_users(struct sh_event_stream *stream, struct sh_error *err) {
    memset(stream->touched, 0, SH_BLOCK_BYTES);
    if (sh_aggregate_goes_by_order(stream->aggregate)) memset(stream->into->tied, 0, SH_BLOCK_BYTES);
    const enum sh_status status = sh_stream_cells(stream, sh_touching_step(stream->aggregate), err);
    sh_pair_set_deinit(&stream->seen);
    return status;
}

/* As run_dense. */
static enum sh_status run_touching(struct sh_event_stream *stream, uint64_t *words, struct sh_error *err) {
    const bool holds_without = sh_aggregate_holds_without(stream->aggregate);
    const enum sh_status status = touch_users(stream, err);
    if (status != SH_OK) return status;
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        const uint64_t candidates = words[w];
        uint64_t kept = holds_without ? candidates & ~stream->touched[w] : 0;
        for (uint64_t rest = candidates & stream->touched[w]; rest != 0; rest &= rest - 1) {
            struct sh_aggregate_state state;
            const uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(rest);
            const enum sh_status read = sh_touched_state(stream, slot, &state, err);
            if (read != SH_OK) return read;
            if (sh_aggregate_holds(stream->aggregate, &state)) kept |= rest & -rest;
        }
        words[w] = kept;
    }
    return SH_OK;
}

/* ---- A block ---- */

static unsigned __int128 magnitude(int64_t value) {
    return value < 0 ? (unsigned __int128)(-(__int128)value) : (unsigned __int128)value;
}

void sh_stream_survey(struct sh_event_stream *stream) {
    const struct sh_aggregate *aggregate = stream->packs != NULL ? stream->packs : stream->aggregate;
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(stream->plan->scope.events, aggregate->event_type), stream->block,
                         stream->from_ms, stream->until_ms);
    while (sh_event_cells_next(&cells)) {
        stream->row_count += cells.cell->row_count;
        const struct sh_strip *strip = value_strip(aggregate, cells.cell);
        if (strip == NULL || strip->min > strip->max) continue;
        const unsigned __int128 low = magnitude(strip->min);
        const unsigned __int128 high = magnitude(strip->max);
        stream->sum_max += (low > high ? low : high) * cells.cell->row_count;
    }
    stream->sum_fits = stream->sum_max <= INT64_MAX;
    stream->sum_packs = stream->sum_max <= PACKED_SUM_MAX && stream->row_count <= PACKED_ROW_MAX;
}

static void begin_stream(struct sh_event_stream *stream, const struct sh_block_run *run,
                         const struct sh_aggregate *aggregate, struct sh_accumulators *into, uint64_t *touched) {
    *stream = (struct sh_event_stream){.plan = run->plan,
                                       .aggregate = aggregate,
                                       .block = run->block,
                                       .from_ms = aggregate->from_ms,
                                       .until_ms = aggregate->until_ms,
                                       .into = into,
                                       .touched = touched,
                                       .ranks = sh_aggregate_ranks(aggregate, run->plan->scope.events)};
    if (aggregate->anchor == NULL) sh_stream_survey(stream);
}

/* ---- A count and a sum of the same events ---- */

static enum sh_status pack_rows(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    uint64_t *packed = stream->scratch->packed.sums;
    const struct sh_strip *strip = chunk->strip;
    if (chunk->count == 0) return SH_OK;
    const uint32_t row_end = chunk->rows == NULL ? chunk->count : chunk->rows[chunk->count - 1] + 1u;
    if (strip->missing_count == 0 && chunk->first + row_end <= strip->count) {
        add_values(chunk, PACKED_ONE, packed);
        return SH_OK;
    }
    int64_t *values = stream->scratch->chunk_values; /* an event without a value counts, and adds 0 */
    sh_strip_read(strip, chunk->first, row_end, values);
    for (uint32_t i = 0; i < chunk->count; i++)
        packed[chunk->slots[i]] += PACKED_ONE + (uint64_t)values[chunk->rows == NULL ? i : chunk->rows[i]];
    return SH_OK;
}

/* Both accumulators of every user of the block, or *packed is NULL: too few events for whole arrays, or too much to
 * pack. What was packed for the one is there for the other. */
static enum sh_status pack_block(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                 const uint64_t **packed, struct sh_error *err) {
    struct sh_plan *plan = run->plan;
    struct sh_packed *kept = &plan->events->packed;
    const bool is_count = aggregate->function == SH_FUNCTION_COUNT;
    const struct sh_aggregate *count = is_count ? aggregate : aggregate->partner;
    *packed = kept->sums;
    if (kept->of == count && kept->run_number == plan->run_number) return SH_OK;
    struct sh_event_stream stream = {.plan = plan,
                                     .aggregate = count,
                                     .packs = count->partner,
                                     .scratch = plan->events,
                                     .block = run->block,
                                     .from_ms = count->from_ms,
                                     .until_ms = count->until_ms,
                                     .is_dense = true};
    sh_stream_survey(&stream);
    *packed = NULL;
    if (stream.row_count < DENSE_FROM_COUNT || !stream.sum_packs) return SH_OK;
    kept->of = NULL;
    kept->sums = take(plan, kept->sums, sizeof *kept->sums);
    if (kept->sums == NULL) return no_memory(err);
    memset(kept->sums, 0, SH_BLOCK_SLOTS * sizeof *kept->sums);
    const enum sh_status status = sh_stream_cells(&stream, pack_rows, err);
    if (status != SH_OK) return status;
    kept->of = count;
    kept->run_number = plan->run_number;
    *packed = kept->sums;
    return SH_OK;
}

static int64_t unpack_sum(uint64_t packed) {
    return (int64_t)(packed << (64 - PACKED_SUM_BITS)) >> (64 - PACKED_SUM_BITS);
}
static int64_t unpack_count(uint64_t packed) {
    return (int64_t)((packed - (uint64_t)unpack_sum(packed)) >> PACKED_SUM_BITS);
}

/* 4,096 slots at a time: those of the candidates alone are listed, unpacked and compared. */
static void match_listed(struct sh_event_scratch *scratch, const struct sh_match *match, bool is_sum,
                         const uint64_t *packed, uint64_t *words) {
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w += SH_WHERE_WORDS, words += SH_WHERE_WORDS, packed += SH_WHERE_ROWS) {
        const uint32_t count = (uint32_t)sh_bits->list_u16(words, SH_WHERE_WORDS, scratch->rows);
        if (count == 0) continue;
        for (uint32_t i = 0; i < count; i++) {
            const uint64_t both = packed[scratch->rows[i]];
            scratch->chunk_values[i] = is_sum ? unpack_sum(both) : unpack_count(both);
        }
        const struct sh_strip strip = sh_accumulator_strip(scratch->chunk_values, 8);
        sh_match_strip(match, &strip, 0, count, scratch->mask);
        memset(words, 0, SH_WHERE_WORDS * sizeof *words);
        for (uint32_t i = 0; i < count; i++) /* no branch to guess */
            words[scratch->rows[i] / 64] |= (scratch->mask[i / 64] >> (i % 64) & 1) << (scratch->rows[i] % 64);
    }
}

/* As run_dense. */
static enum sh_status run_packed(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                 const uint64_t *packed, uint64_t *words, struct sh_error *err) {
    struct sh_plan *plan = run->plan;
    struct sh_accumulators *into = &plan->events->accumulators;
    uint64_t *matches = plan->registers[run->reg + 1];
    const bool is_sum = aggregate->function == SH_FUNCTION_SUM;
    const struct sh_match match = is_sum ? sh_sum_match(aggregate) : aggregate->match;
    if (run->candidates.count <= PACKED_LISTED_UP_TO) {
        match_listed(plan->events, &match, is_sum, packed, words);
        return SH_OK;
    }
    if (!take_accumulators(plan, aggregate, into)) return no_memory(err);
    int64_t *sums = (int64_t *)(void *)into->sums;
    for (uint32_t i = 0; i < SH_BLOCK_SLOTS && is_sum; i++)
        sums[i] = unpack_sum(packed[i]);
    for (uint32_t i = 0; i < SH_BLOCK_SLOTS && !is_sum; i++)
        into->counts[i] = (uint32_t)unpack_count(packed[i]);
    const struct sh_strip strip = sh_accumulator_strip(is_sum ? (void *)sums : into->counts, is_sum ? 8 : 4);
    sh_match_strip(&match, &strip, 0, SH_BLOCK_SLOTS, matches);
    sh_bits->and_into(words, matches, SH_BLOCK_WORDS);
    return SH_OK;
}

/* candidates (words) without those who have no anchor; the stream is about the others, and their windows. */
static enum sh_status anchor_stream(struct sh_event_stream *stream, const struct sh_block_run *run,
                                    const uint64_t *candidates, struct sh_error *err) {
    enum sh_status status = take_scratch(run->plan, err);
    if (status != SH_OK) return status;
    struct sh_event_scratch *scratch = run->plan->events;
    status =
        sh_anchor_gather(run, stream->aggregate->anchor, candidates, &scratch->accumulators, &scratch->anchors, err);
    if (status != SH_OK) return status;
    if (stream->from_ms < scratch->anchors.from_min_ms) stream->from_ms = scratch->anchors.from_min_ms;
    if (stream->until_ms > scratch->anchors.until_max_ms) stream->until_ms = scratch->anchors.until_max_ms;
    stream->candidates = scratch->anchors.present;
    if (stream->from_ms < stream->until_ms) sh_stream_survey(stream);
    return SH_OK;
}

enum sh_status sh_stream_take_memory(struct sh_event_stream *stream, struct sh_error *err) {
    const enum sh_status status = take_scratch(stream->plan, err);
    if (status != SH_OK) return status;
    stream->scratch = stream->plan->events;
    return take_accumulators(stream->plan, stream->aggregate, stream->into) ? SH_OK : no_memory(err);
}

enum sh_status sh_aggregate_gather(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                   const uint64_t *candidates, struct sh_accumulators *into, uint64_t *touched,
                                   struct sh_event_stream *stream, struct sh_error *err) {
    enum sh_status status = SH_OK;
    begin_stream(stream, run, aggregate, into, touched);
    memset(touched, 0, SH_BLOCK_BYTES);
    if (aggregate->anchor != NULL) status = anchor_stream(stream, run, candidates, err);
    if (status != SH_OK || stream->row_count == 0) return status;
    if (aggregate->anchor == NULL && run->candidates.count <= SELECTIVE_UP_TO_COUNT) stream->candidates = candidates;
    status = sh_stream_take_memory(stream, err);
    return status != SH_OK ? status : touch_users(stream, err);
}

enum sh_status sh_aggregate_block(const struct sh_block_run *run, const struct sh_aggregate *aggregate,
                                  struct sh_block_view *result, struct sh_error *err) {
    struct sh_plan *plan = run->plan;
    struct sh_event_stream stream;
    enum sh_status status = take_scratch(plan, err);
    if (status != SH_OK) return status;
    if (aggregate->is_keepable) {
        bool is_answered;
        status = sh_aggregate_again(run, aggregate, &is_answered, result, err);
        if (status != SH_OK || is_answered) return status;
    }
    uint64_t *words = plan->registers[run->reg];
    const uint64_t *packed = NULL;
    if (aggregate->partner != NULL && (status = pack_block(run, aggregate, &packed, err)) != SH_OK) return status;
    if (packed != NULL) {
        sh_block_store(run->candidates, words);
        status = run_packed(run, aggregate, packed, words, err);
        *result = sh_block_of_words(words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS));
        return status;
    }
    begin_stream(&stream, run, aggregate, &plan->events->accumulators, plan->registers[run->reg + 1]);
    if (aggregate->anchor != NULL) {
        sh_block_store(run->candidates, words);
        if ((status = anchor_stream(&stream, run, words, err)) != SH_OK) return status;
    }
    if (stream.row_count == 0) {
        *result = sh_aggregate_holds_without(aggregate) ? run->candidates : sh_empty_view();
        return SH_OK;
    }
    if ((status = sh_stream_take_memory(&stream, err)) != SH_OK) return status;
    sh_block_store(run->candidates, words);
    const bool has_dense_form =
        aggregate->function == SH_FUNCTION_COUNT || (aggregate->function == SH_FUNCTION_SUM && stream.sum_fits);
    stream.is_dense = has_dense_form && stream.row_count >= DENSE_FROM_COUNT;
    if (!stream.is_dense && aggregate->anchor == NULL && run->candidates.count <= SELECTIVE_UP_TO_COUNT)
        stream.candidates = words;
    status = stream.is_dense ? run_dense(&stream, words, plan->registers[run->reg + 1], err)
                             : run_touching(&stream, words, err);
    *result = sh_block_of_words(words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS));
    return status;
}
