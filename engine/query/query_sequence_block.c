/* query_sequence_block.c -- the paths of a block of users, streamed from the cells of the window. */
#include <stdlib.h>
#include <string.h>

#include "query_kernels.h"
#include "query_sequence_private.h"

enum { INSERTION_COUNT_MAX = 48 }; /* marks of one user that are put in order by insertion; they come nearly ordered */

/* Taken by the first block that is run. */
struct sequence_tables {
    uint64_t left[SH_BLOCK_WORDS];  /* candidates who did every step so far */
    uint64_t slice[SH_BLOCK_WORDS]; /* those of them whose marks are gathered now */
    uint64_t did[SH_BLOCK_WORDS];
    uint8_t acted[SH_BLOCK_SLOTS];     /* 1: has an event that satisfies the step at hand */
    uint32_t ends[SH_BLOCK_SLOTS + 1]; /* of each user: how many marks, then where they end */
    /* one chunk of rows */
    uint64_t mask[SH_WHERE_WORDS];
    uint64_t more[SH_WHERE_WORDS];
    uint64_t held[SH_SEQUENCE_STEP_COUNT_MAX][SH_WHERE_WORDS]; /* rows for which the step's where holds */
    uint16_t rows[SH_WHERE_ROWS];
};

struct streamer {
    struct sh_sequence *sequence;
    const struct sh_event_store *events;
    const struct sh_sequence_block *block;
    struct sh_sequence_scratch *scratch;
    struct sequence_tables *tables;
};

/* ---- Chunks ---- */

typedef enum sh_status (*chunk_step)(struct streamer *streamer, const struct sh_event_cells *cells, uint32_t first,
                                     uint32_t count, uint32_t which, struct sh_error *err);

/* Every chunk of every cell of the type in the window; `which` is for the step. */
static enum sh_status stream_type(struct streamer *streamer, uint32_t event_type, chunk_step step, uint32_t which,
                                  struct sh_error *err) {
    const struct sh_sequence *sequence = streamer->sequence;
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(streamer->events, event_type), streamer->block->block, sequence->from_ms,
                         sequence->until_ms);
    while (sh_event_cells_next(&cells)) {
        for (uint32_t first = 0; first < cells.cell->row_count; first += SH_WHERE_ROWS) {
            const uint32_t left = cells.cell->row_count - first;
            const enum sh_status status =
                step(streamer, &cells, first, left < SH_WHERE_ROWS ? left : SH_WHERE_ROWS, which, err);
            if (status != SH_OK) return status;
        }
    }
    return SH_OK;
}

static void mask_window(const struct sh_event_cells *cells, uint32_t first, uint32_t count, uint64_t *words) {
    const struct sh_strip times = sh_cell_times(cells->cell);
    sh_strip_range(&times, first, count, cells->cell->day_start_ms + cells->ms_low,
                   cells->cell->day_start_ms + cells->ms_high, words);
}

/* ---- Who did a step at all ---- */

static enum sh_status note_chunk(struct streamer *streamer, const struct sh_event_cells *cells, uint32_t first,
                                 uint32_t count, uint32_t which, struct sh_error *err) {
    struct sequence_tables *tables = streamer->tables;
    const struct sh_where *where = streamer->sequence->steps[which].where;
    const uint16_t *slots = cells->cell->slot_low + first;
    const bool all = cells->verdict == SH_VERDICT_ALL;
    uint8_t *acted = tables->acted;
    if (all && where == NULL) {
        for (uint32_t i = 0; i < count; i++)
            acted[slots[i]] = 1;
        return SH_OK;
    }
    const uint32_t word_count = (count + 63) / 64;
    if (!all) mask_window(cells, first, count, tables->mask);
    if (where != NULL) {
        uint64_t *kept = all ? tables->mask : tables->more;
        const enum sh_status status = sh_where_rows(where, cells->cell, first, count, kept, err);
        if (status != SH_OK) return status;
        if (!all) sh_bits->and_into(tables->mask, kept, word_count);
    }
    const uint32_t row_count = (uint32_t)sh_bits->list_u16(tables->mask, word_count, tables->rows);
    for (uint32_t i = 0; i < row_count; i++)
        acted[slots[tables->rows[i]]] = 1;
    return SH_OK;
}

/* A byte a user to a bit a user. */
static void pack_bytes(const uint8_t *bytes, uint64_t *words) {
    const struct sh_strip strip = {.data = (void *)(uintptr_t)bytes,
                                   .max = UINT8_MAX,
                                   .count = SH_BLOCK_SLOTS,
                                   .capacity = SH_BLOCK_SLOTS,
                                   .unit = 1,
                                   .width = 1};
    sh_strip_range(&strip, 0, SH_BLOCK_SLOTS, 1, UINT8_MAX, words);
}

/* Who did an earlier step did this one too, which asks for less of the same type: its where is NULL. */
static bool is_implied(const struct sh_sequence *sequence, uint32_t step) {
    for (uint32_t i = 0; i < step; i++) {
        if (sequence->steps[i].event_type == sequence->steps[step].event_type) return true;
    }
    return false;
}

/* tables->left: the candidates who did each of the first `least` steps. */
static enum sh_status narrow(struct streamer *streamer, struct sh_error *err) {
    struct sequence_tables *tables = streamer->tables;
    const struct sh_sequence_block *block = streamer->block;
    memcpy(tables->left, block->candidates, SH_BLOCK_BYTES);
    for (uint32_t step = 0; step < block->least; step++) {
        const struct sh_sequence_step *asked = &streamer->sequence->steps[step];
        if (step > 0 && asked->where == NULL && is_implied(streamer->sequence, step)) continue;
        memset(tables->acted, 0, sizeof tables->acted);
        const enum sh_status status = stream_type(streamer, asked->event_type, note_chunk, step, err);
        if (status != SH_OK) return status;
        pack_bytes(tables->acted, tables->did);
        sh_bits->and_into(tables->left, tables->did, SH_BLOCK_WORDS);
        if (step == 0 && block->began != NULL) memcpy(block->began, tables->left, SH_BLOCK_BYTES);
        if (sh_bits->popcount(tables->left, SH_BLOCK_WORDS) == 0) return SH_OK;
    }
    return SH_OK;
}

/* ---- Their marks ---- */

static void keep_marks(struct streamer *streamer, const struct sh_event_cell *cell, uint32_t first, uint32_t row_count,
                       const struct sh_sequence_type *type) {
    struct sequence_tables *tables = streamer->tables;
    struct sequence_marks *gathered = &streamer->scratch->gathered;
    struct sh_sequence_mark *target = gathered->marks + gathered->count;
    const uint32_t asking = type->steps & ~type->plain_steps;
    for (uint32_t i = 0; i < row_count; i++) {
        const uint32_t row = tables->rows[i];
        uint32_t steps = type->plain_steps;
        for (uint32_t rest = asking; rest != 0; rest &= rest - 1)
            if (tables->held[__builtin_ctz(rest)][row / 64] >> (row % 64) & 1) steps |= rest & -rest;
        if (steps == 0) continue;
        const uint16_t slot = cell->slot_low[first + row];
        *target++ =
            (struct sh_sequence_mark){cell->day_start_ms + (int64_t)cell->ms[first + row], slot, (uint16_t)steps};
        tables->ends[slot]++;
    }
    gathered->count = (size_t)(target - gathered->marks);
}

static enum sh_status gather_chunk(struct streamer *streamer, const struct sh_event_cells *cells, uint32_t first,
                                   uint32_t count, uint32_t which, struct sh_error *err) {
    struct sequence_tables *tables = streamer->tables;
    struct sequence_marks *gathered = &streamer->scratch->gathered;
    const struct sh_sequence_type *type = &streamer->sequence->types[which];
    const uint32_t word_count = (count + 63) / 64;
    sh_crossing->mask_slots(tables->slice, cells->cell->slot_low + first, count, tables->mask);
    if (cells->verdict != SH_VERDICT_ALL) {
        mask_window(cells, first, count, tables->more);
        sh_bits->and_into(tables->mask, tables->more, word_count);
    }
    const uint32_t row_count = (uint32_t)sh_bits->list_u16(tables->mask, word_count, tables->rows);
    if (row_count == 0) return SH_OK;
    for (uint32_t rest = type->steps & ~type->plain_steps; rest != 0; rest &= rest - 1) {
        const uint32_t step = (uint32_t)__builtin_ctz(rest);
        const enum sh_status status =
            sh_where_rows(streamer->sequence->steps[step].where, cells->cell, first, count, tables->held[step], err);
        if (status != SH_OK) return status;
    }
    const enum sh_status status = sh_marks_reserve(streamer->sequence, gathered, gathered->count + row_count, err);
    if (status != SH_OK) return status;
    keep_marks(streamer, cells->cell, first, row_count, type);
    return SH_OK;
}

/* gathered -> dealt, user by user: ends[slot] is then where the marks of that user end. */
static enum sh_status deal(struct streamer *streamer, struct sh_error *err) {
    struct sequence_marks *gathered = &streamer->scratch->gathered;
    struct sequence_marks *dealt = &streamer->scratch->dealt;
    uint32_t *ends = streamer->tables->ends;
    dealt->count = 0;
    const enum sh_status status = sh_marks_reserve(streamer->sequence, dealt, gathered->count, err);
    if (status != SH_OK) return status;
    uint32_t begin = 0;
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++) {
        const uint32_t count = ends[slot];
        ends[slot] = begin;
        begin += count;
    }
    for (size_t i = 0; i < gathered->count; i++)
        dealt->marks[ends[gathered->marks[i].slot_low]++] = gathered->marks[i];
    dealt->count = gathered->count;
    return SH_OK;
}

/* ---- Their paths ---- */

static int compare_marks(const void *a, const void *b) {
    const int64_t left = ((const struct sh_sequence_mark *)a)->time_ms;
    const int64_t right = ((const struct sh_sequence_mark *)b)->time_ms;
    return (left > right) - (left < right);
}

/* By time. False: two of one time satisfy different steps, and only the history knows which came first. */
static bool order_marks(struct sh_sequence_mark *marks, uint32_t count) {
    if (count > INSERTION_COUNT_MAX) {
        qsort(marks, count, sizeof *marks, compare_marks);
    } else {
        for (uint32_t i = 1; i < count; i++) {
            const struct sh_sequence_mark mark = marks[i];
            uint32_t at = i;
            for (; at > 0 && marks[at - 1].time_ms > mark.time_ms; at--)
                marks[at] = marks[at - 1];
            marks[at] = mark;
        }
    }
    for (uint32_t i = 1; i < count; i++)
        if (marks[i].time_ms == marks[i - 1].time_ms && marks[i].steps != marks[i - 1].steps) return false;
    return true;
}

static enum sh_status follow_slice(struct streamer *streamer, struct sh_error *err) {
    const struct sequence_tables *tables = streamer->tables;
    struct sh_sequence_mark *marks = streamer->scratch->dealt.marks;
    const struct sh_sequence_block *block = streamer->block;
    for (uint32_t w = 0; w < SH_BLOCK_WORDS; w++) {
        for (uint64_t rest = tables->slice[w]; rest != 0; rest &= rest - 1) {
            const uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(rest);
            const uint32_t begin = slot == 0 ? 0 : tables->ends[slot - 1];
            const uint32_t count = tables->ends[slot] - begin;
            struct sh_sequence_path path;
            if (order_marks(marks + begin, count)) {
                sh_sequence_follow(streamer->sequence, marks + begin, count, &path);
            } else {
                const enum sh_status status = sh_sequence_user(streamer->sequence, streamer->events,
                                                               block->block * SH_BLOCK_SLOTS + slot, &path, err);
                if (status != SH_OK) return status;
            }
            block->take(block->context, slot, &path);
        }
    }
    return SH_OK;
}

/* The users of words [first, end) of the block. */
static enum sh_status run_slice(struct streamer *streamer, uint32_t first, uint32_t end, struct sh_error *err) {
    struct sequence_tables *tables = streamer->tables;
    memset(tables->slice, 0, sizeof tables->slice);
    memcpy(tables->slice + first, tables->left + first, (end - first) * sizeof *tables->slice);
    if (sh_bits->popcount(tables->slice, SH_BLOCK_WORDS) == 0) return SH_OK;
    memset(tables->ends, 0, sizeof tables->ends);
    streamer->scratch->gathered.count = 0;
    enum sh_status status;
    for (uint32_t i = 0; i < streamer->sequence->type_count; i++) {
        status = stream_type(streamer, streamer->sequence->types[i].event_type, gather_chunk, i, err);
        if (status != SH_OK) return status;
    }
    if ((status = deal(streamer, err)) != SH_OK) return status;
    return follow_slice(streamer, err);
}

/* ---- A block ---- */

/* Rows of the cells that touch the window. */
static uint64_t survey(const struct streamer *streamer) {
    const struct sh_sequence *sequence = streamer->sequence;
    uint64_t row_count = 0;
    for (uint32_t i = 0; i < sequence->type_count; i++) {
        struct sh_event_cells cells;
        sh_event_cells_begin(&cells, sh_event_type(streamer->events, sequence->types[i].event_type),
                             streamer->block->block, sequence->from_ms, sequence->until_ms);
        while (sh_event_cells_next(&cells))
            row_count += cells.cell->row_count;
    }
    return row_count;
}

enum sh_status sh_sequence_block_run(struct sh_sequence *sequence, const struct sh_event_store *events,
                                     const struct sh_sequence_block *block, struct sh_error *err) {
    sh_assert(block->least >= 1 && block->least <= sequence->step_count);
    enum sh_status status = sh_sequence_scratch_take(sequence, err);
    if (status != SH_OK) return status;
    struct sh_sequence_scratch *scratch = sequence->scratch;
    if (scratch->tables == NULL) scratch->tables = sh_arena_alloc(sequence->arena, sizeof *scratch->tables);
    if (scratch->tables == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for running the sequence");
    struct streamer streamer = {sequence, events, block, scratch, scratch->tables};
    const uint64_t row_count = survey(&streamer);
    if (block->began != NULL) memset(block->began, 0, SH_BLOCK_BYTES);
    if (row_count == 0) return SH_OK;
    if ((status = narrow(&streamer, err)) != SH_OK) return status;
    const uint64_t slice_count = 1 + row_count / SH_SEQUENCE_SLICE_ROWS;
    const uint32_t slice_words =
        slice_count >= SH_BLOCK_WORDS ? 1 : (uint32_t)((SH_BLOCK_WORDS + slice_count - 1) / slice_count);
    for (uint32_t first = 0; first < SH_BLOCK_WORDS; first += slice_words) {
        const uint32_t end = first + slice_words < SH_BLOCK_WORDS ? first + slice_words : SH_BLOCK_WORDS;
        if ((status = run_slice(&streamer, first, end, err)) != SH_OK) return status;
    }
    return SH_OK;
}
