/* query_touch.c -- accumulators that begin when they are touched: a bit a user says whether its means anything yet, so
 * that nothing is cleared.
 *
 * Rows of one cell are not always in order of time, nor those of one millisecond in order of arrival. Where the order
 * decides, the user is marked as tied and its history is asked at the end: days ascend from cell to cell, so few are.
 */
#include "query_stream.h"

static bool touch(uint64_t *touched, uint32_t slot) {
    const uint64_t bit = 1ULL << (slot % 64);
    const bool is_new = (touched[slot / 64] & bit) == 0;
    touched[slot / 64] |= bit;
    return is_new;
}

static enum sh_status touch_count(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                  struct sh_error *err) {
    (void)err;
    uint32_t *counts = stream->into->counts;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        counts[slot] = touch(stream->touched, slot) ? 1 : counts[slot] + 1;
    }
    return SH_OK;
}

static enum sh_status touch_sum(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    uint32_t *counts = stream->into->counts;
    __int128 *sums = stream->into->sums;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        if (touch(stream->touched, slot)) {
            sums[slot] = 0;
            counts[slot] = 0;
        }
        counts[slot]++;
        if (__builtin_add_overflow(sums[slot], (__int128)chunk->values[i], &sums[slot]))
            return sh_fail(err, SH_ERR_OVERFLOW, -1, "a sum is outside 128 bits");
    }
    return SH_OK;
}

static enum sh_status touch_min(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    int64_t *values = stream->into->values;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        if (touch(stream->touched, slot) || chunk->values[i] < values[slot]) values[slot] = chunk->values[i];
    }
    return SH_OK;
}

static enum sh_status touch_max(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    int64_t *values = stream->into->values;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        if (touch(stream->touched, slot) || chunk->values[i] > values[slot]) values[slot] = chunk->values[i];
    }
    return SH_OK;
}

/* ---- Order ---- */

static void tie(struct sh_event_stream *stream, uint32_t slot) {
    stream->into->tied[slot / 64] |= 1ULL << (slot % 64);
}

static enum sh_status touch_ordered(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                    struct sh_error *err) {
    (void)err;
    struct sh_accumulators *into = stream->into;
    const bool is_last = stream->aggregate->function == SH_FUNCTION_LAST;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        const bool is_new = touch(stream->touched, slot);
        const int64_t time = chunk->times[i];
        if (!is_new && time == into->times[slot]) tie(stream, slot);
        if (!is_new && (is_last ? time < into->times[slot] : time > into->times[slot])) continue;
        into->times[slot] = time;
        into->values[slot] = chunk->values[i];
    }
    return SH_OK;
}

static enum sh_status touch_nth(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    struct sh_accumulators *into = stream->into;
    const int64_t nth = stream->aggregate->nth;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        const int64_t time = chunk->times[i];
        const bool is_new = touch(stream->touched, slot);
        const int64_t before = is_new ? 0 : into->counts[slot];
        if (!is_new && time < into->times[slot]) tie(stream, slot);
        if (!is_new && time == into->times[slot] && (before == nth || before + 1 == nth)) tie(stream, slot);
        into->counts[slot] = (uint32_t)before + 1;
        into->times[slot] = time;
        if (before + 1 == nth) into->values[slot] = chunk->values[i];
    }
    return SH_OK;
}

/* The least or greatest gap. */
static enum sh_status touch_gap(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                struct sh_error *err) {
    (void)err;
    struct sh_accumulators *into = stream->into;
    const bool is_max = stream->aggregate->function == SH_FUNCTION_GAP_MAX;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        const int64_t time = chunk->values[i];
        const bool is_new = touch(stream->touched, slot);
        const uint32_t before = is_new ? 0 : into->counts[slot];
        if (before > 0) {
            const int64_t gap = time - into->times[slot];
            if (gap < 0) tie(stream, slot);
            if (before == 1 || (is_max ? gap > into->values[slot] : gap < into->values[slot])) into->values[slot] = gap;
        }
        into->counts[slot] = before + 1;
        into->times[slot] = time;
    }
    return SH_OK;
}

/* The gaps between the first and the last event add up to the time between these two. */
static enum sh_status touch_gap_average(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                        struct sh_error *err) {
    (void)err;
    struct sh_accumulators *into = stream->into;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        const int64_t time = chunk->values[i];
        const bool is_new = touch(stream->touched, slot);
        if (is_new || time < into->values[slot]) into->values[slot] = time;
        if (is_new || time > into->times[slot]) into->times[slot] = time;
        into->counts[slot] = is_new ? 1 : into->counts[slot] + 1;
    }
    return SH_OK;
}

/* Days ascend from cell to cell: an event is the first of its day if the latest before it came before that day. */
static enum sh_status touch_next(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                 struct sh_error *err) {
    (void)err;
    struct sh_accumulators *into = stream->into;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        const int64_t time = chunk->values[i];
        const bool is_new = touch(stream->touched, slot);
        const uint32_t before = is_new ? 0 : into->counts[slot];
        into->counts[slot] = before + (is_new || into->times[slot] < chunk->day_start_ms);
        if (is_new || time < into->values[slot]) into->values[slot] = time;
        if (is_new || time > into->times[slot]) into->times[slot] = time;
    }
    return SH_OK;
}

/* ---- Days and different values ---- */

static enum sh_status touch_days(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                 struct sh_error *err) {
    (void)err;
    struct sh_accumulators *into = stream->into;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        const bool is_new = touch(stream->touched, slot);
        if (!is_new && into->values[slot] == chunk->values[i]) continue;
        into->values[slot] = chunk->values[i];
        into->counts[slot] = is_new ? 1 : into->counts[slot] + 1;
    }
    return SH_OK;
}

static enum sh_status touch_distinct(struct sh_event_stream *stream, const struct sh_event_chunk *chunk,
                                     struct sh_error *err) {
    uint32_t *counts = stream->into->counts;
    for (uint32_t i = 0; i < chunk->count; i++) {
        const uint16_t slot = chunk->slots[i];
        bool is_new;
        const enum sh_status status = sh_pair_set_add(&stream->seen, slot, chunk->values[i], &is_new, err);
        if (status != SH_OK) return status;
        if (is_new) counts[slot] = touch(stream->touched, slot) ? 1 : counts[slot] + 1;
    }
    return SH_OK;
}

/* ---- The door ---- */

sh_chunk_step sh_touching_step(const struct sh_aggregate *aggregate) {
    switch (aggregate->function) {
    case SH_FUNCTION_COUNT:
        return touch_count;
    case SH_FUNCTION_SUM:
    case SH_FUNCTION_AVG:
        return touch_sum;
    case SH_FUNCTION_MIN:
        return touch_min;
    case SH_FUNCTION_FIRST:
    case SH_FUNCTION_LAST:
        return touch_ordered;
    case SH_FUNCTION_NTH:
        return touch_nth;
    case SH_FUNCTION_DAYS:
        return touch_days;
    case SH_FUNCTION_DISTINCT:
        return touch_distinct;
    case SH_FUNCTION_GAP_MIN:
    case SH_FUNCTION_GAP_MAX:
        return touch_gap;
    case SH_FUNCTION_GAP_AVG:
        return touch_gap_average;
    case SH_FUNCTION_EXPECTED_NEXT:
        return touch_next;
    default:
        return touch_max; /* MAX, DAYS_SINCE */
    }
}

enum sh_status sh_touched_state(const struct sh_event_stream *stream, uint32_t slot, struct sh_aggregate_state *state,
                                struct sh_error *err) {
    const struct sh_aggregate *aggregate = stream->aggregate;
    const struct sh_accumulators *from = stream->into;
    *state = (struct sh_aggregate_state){.is_present = true};
    if (sh_aggregate_goes_by_order(aggregate) && (from->tied[slot / 64] >> (slot % 64) & 1))
        return sh_aggregate_walk(stream->plan, aggregate, stream->block * SH_BLOCK_SLOTS + slot, state, err);
    switch (aggregate->function) {
    case SH_FUNCTION_COUNT:
    case SH_FUNCTION_DAYS:
    case SH_FUNCTION_DISTINCT:
        state->count = from->counts[slot];
        break;
    case SH_FUNCTION_SUM:
    case SH_FUNCTION_AVG:
        state->sum = from->sums[slot];
        state->count = from->counts[slot];
        break;
    case SH_FUNCTION_NTH:
        state->is_present = from->counts[slot] >= aggregate->nth;
        state->value = state->is_present ? from->values[slot] : 0;
        break;
    case SH_FUNCTION_GAP_MIN:
    case SH_FUNCTION_GAP_MAX:
        sh_aggregate_set_gap(state, from->counts[slot] > 1 ? from->values[slot] : 0, from->counts[slot] > 1);
        break;
    case SH_FUNCTION_GAP_AVG:
        sh_aggregate_set_gap(state, from->times[slot] - from->values[slot], from->counts[slot] - 1);
        break;
    case SH_FUNCTION_EXPECTED_NEXT:
        sh_aggregate_set_next(state, from->values[slot], from->times[slot], from->counts[slot]);
        break;
    default:
        state->value = from->values[slot];
        break;
    }
    return SH_OK;
}
