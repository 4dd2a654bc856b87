/* rfm_recount.c -- the lines of all users at once.
 *
 * COUNTING ANEW reads the cells of the type, block by block, days ascending. Rows of a cell come in order of arrival,
 * so a line takes events in any order: the latest two times are kept by comparing. Days are counted by a stamp a user,
 * the day last counted.
 *
 * MOVING THE HORIZON adds or takes away what lies between its old beginning and the new one.
 */
#include <string.h>

#include "memory.h"
#include "rfm_private.h"

/* A block's lines are 4 MiB: in the L3 cache, asked for so many rows ahead. Dealing the rows into hands of 8,192 users
 * first, whose lines stay in L2, was tried: what dealing costs is more than what it saves. */
enum { CELL_CHUNK = 1024, AHEAD = 24 };

struct recount {
    struct sh_rfm *rfm;
    const struct sh_event_type *type;
    int32_t *day_ever; /* per_day: the day last counted, of each place; else NULL */
    int32_t *day_counted;
};

/* Of the chunk that begins there. */
static uint32_t rows_from(const struct sh_event_cell *cell, uint32_t first) {
    return cell->row_count - first < CELL_CHUNK ? cell->row_count - first : CELL_CHUNK;
}

static void recount_rows(const struct recount *recount, struct sh_rfm_block *block, const struct sh_event_cell *cell,
                         uint32_t first, uint32_t count) {
    const int64_t from_ms = recount->rfm->from_ms;
    int64_t amounts[CELL_CHUNK];
    sh_strip_read(&cell->amount, first, count, amounts);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = cell->slot_low[first + i];
        if (i + AHEAD < count) __builtin_prefetch(&block->users[cell->slot_low[first + i + AHEAD]], 1);
        const int64_t time_ms = cell->day_start_ms + (int64_t)cell->ms[first + i];
        const bool is_inside = time_ms > from_ms;
        struct sh_rfm_user *user = &block->users[place];
        rfm_take_time(user, time_ms);
        user->amount_ever += amounts[i];
        user->amount += is_inside ? amounts[i] : 0;
        if (recount->day_ever == NULL) {
            user->count_ever++;
            user->count += is_inside;
            continue;
        }
        user->count_ever += recount->day_ever[place] != cell->day;
        recount->day_ever[place] = cell->day;
        if (!is_inside) continue;
        user->count += recount->day_counted[place] != cell->day;
        recount->day_counted[place] = cell->day;
    }
}

static void recount_block(const struct recount *recount, uint32_t number) {
    struct sh_rfm_block *block = &recount->rfm->blocks[number];
    for (uint32_t i = 0; i < block->capacity; i++)
        block->users[i] = rfm_nobody();
    if (block->capacity > 0) memset(block->scores, 0, block->capacity);
    for (uint32_t i = 0; recount->day_ever != NULL && i < SH_BLOCK_SLOTS; i++)
        recount->day_ever[i] = recount->day_counted[i] = SH_RFM_DAY_NONE;
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, recount->type, number, SH_INSTANT_MIN, INT64_MAX);
    while (sh_event_cells_next(&cells)) {
        const struct sh_event_cell *cell = cells.cell;
        for (uint32_t first = 0; first < cell->row_count; first += CELL_CHUNK)
            recount_rows(recount, block, cell, first, rows_from(cell, first));
    }
    for (uint32_t i = 0; i < block->capacity; i++)
        block->last_ms[i] = block->users[i].last_ms;
}

/* A line for everybody who has events. On a failure some have room that they do not need. */
static enum sh_status reserve_all(struct sh_rfm *rfm) {
    const uint32_t block_end = sh_event_block_end(rfm->events);
    enum sh_status status = block_end == 0 ? SH_OK : rfm_directory_reserve(rfm, block_end - 1);
    for (uint32_t block = 0; status == SH_OK && block < block_end; block++) {
        const uint32_t capacity = sh_event_block_capacity(rfm->events, block);
        if (capacity > 0) status = rfm_block_reserve(&rfm->blocks[block], capacity - 1);
    }
    return status;
}

enum sh_status rfm_rebuild(struct sh_rfm *rfm, const struct sh_rfm_config *config, int64_t from_ms,
                           struct sh_error *err) {
    struct recount recount = {.rfm = rfm, .type = sh_event_type(rfm->events, config->event_type)};
    enum sh_status status = reserve_all(rfm);
    if (status == SH_OK && config->per_day) {
        recount.day_ever = sh_alloc((size_t)2 * SH_BLOCK_SLOTS * sizeof *recount.day_ever);
        status = recount.day_ever == NULL ? SH_ERR_MEMORY : SH_OK;
    }
    if (status != SH_OK) return sh_fail(err, status, -1, "out of memory while counting events for rfm");
    if (config->per_day) recount.day_counted = recount.day_ever + SH_BLOCK_SLOTS;
    rfm->config = *config;
    rfm->from_ms = from_ms;
    for (uint32_t block = 0; block < rfm->block_count; block++)
        recount_block(&recount, block);
    sh_free(recount.day_ever);
    return SH_OK;
}

/* ---- Moving the horizon ---- */

/* Events of the block in (low_ms, high_ms] enter the horizon, or leave it. */
static void cross_horizon(struct sh_rfm *rfm, uint32_t number, int64_t low_ms, int64_t high_ms, bool is_entering) {
    struct sh_rfm_block *block = &rfm->blocks[number];
    int64_t amounts[CELL_CHUNK];
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(rfm->events, rfm->config.event_type), number, low_ms + 1, high_ms + 1);
    while (sh_event_cells_next(&cells)) {
        const struct sh_event_cell *cell = cells.cell;
        for (uint32_t first = 0; first < cell->row_count; first += CELL_CHUNK) {
            const uint32_t count = rows_from(cell, first);
            sh_strip_read(&cell->amount, first, count, amounts);
            for (uint32_t i = 0; i < count; i++) {
                const uint32_t ms = cell->ms[first + i];
                struct sh_rfm_user *user = &block->users[cell->slot_low[first + i]];
                if (i + AHEAD < count) __builtin_prefetch(&block->users[cell->slot_low[first + i + AHEAD]], 1);
                if (ms < cells.ms_low || ms > cells.ms_high) continue;
                user->count += is_entering ? 1 : UINT32_MAX;
                user->amount += is_entering ? amounts[i] : -(__int128)amounts[i];
                block->scores[cell->slot_low[first + i]] = rfm_scores_of(rfm, user->count, user->amount);
            }
        }
    }
}

/* Every user has a line already, and only what lies between the old end and the new one changes. Whether a day is the
 * first of a user's days inside is another question: those are counted anew. */
enum sh_status rfm_move_horizon(struct sh_rfm *rfm, int64_t from_ms, struct sh_error *err) {
    if (rfm->config.per_day) {
        const enum sh_status status = rfm_rebuild(rfm, &rfm->config, from_ms, err);
        if (status == SH_OK) rfm_score_all(rfm);
        return status;
    }
    const int64_t low_ms = from_ms < rfm->from_ms ? from_ms : rfm->from_ms;
    const int64_t high_ms = from_ms < rfm->from_ms ? rfm->from_ms : from_ms;
    for (uint32_t block = 0; low_ms < high_ms && block < rfm->block_count; block++)
        cross_horizon(rfm, block, low_ms, high_ms, from_ms < rfm->from_ms);
    rfm->from_ms = from_ms;
    return SH_OK;
}
