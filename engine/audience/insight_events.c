/* insight_events.c -- what a crowd did in a window: values, numbers and days of events.
 *
 * Many users: the cells of the block, day after day, 4,096 rows at a time; `where` gives a bit a row, then the edges of
 * the window and the crowd take bits away. Few users: their histories, newest first, until the window is passed.
 */
#include "insight_private.h"
#include "memory.h"
#include "query_where.h"

enum { HISTORY_USERS_MAX = 128 }; /* in a block: above, its cells are read; a history is a miss an event */

/* ---- Room ---- */

static enum sh_status reserve_codes(struct sh_look *look, uint32_t code) {
    if (code < look->code_count) return SH_OK;
    if (code >= SH_INSIGHT_VALUE_COUNT_MAX) return SH_ERR_LIMIT;
    uint32_t capacity = look->code_count < 64 ? 64 : look->code_count;
    while (capacity <= code)
        capacity *= 2;
    const size_t old_bytes = look->code_count * sizeof *look->users;
    uint64_t *users = sh_realloc(look->users, old_bytes, capacity * sizeof *users);
    if (users == NULL) return SH_ERR_MEMORY;
    look->users = users;
    uint64_t *events = sh_realloc(look->events, old_bytes, capacity * sizeof *events);
    if (events == NULL) return SH_ERR_MEMORY;
    look->events = events;
    memset(users + look->code_count, 0, (capacity - look->code_count) * sizeof *users);
    memset(events + look->code_count, 0, (capacity - look->code_count) * sizeof *events);
    look->code_count = capacity;
    return SH_OK;
}

enum sh_status sh_look_prepare_events(struct sh_insight *insight, uint32_t number, struct sh_error *err) {
    struct sh_look *look = &insight->looks[number];
    const struct sh_event_type *type = sh_event_type(insight->scope->events, look->spec.event_type);
    look->first_day = type->day_count == 0 ? 0 : type->days[0]->day;
    if (look->spec.kind != SH_LOOK_EVENT_NUMBERS) return SH_OK;
    if (sh_tally_init(&look->numbers, 1, 0, 1) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for counting values");
    return SH_OK;
}

/* ---- One event ---- */

/* False if the event has no such value. */
static bool value_of(const struct sh_insight *insight, const struct sh_look *look, struct sh_event_ref ref,
                     int64_t *value) {
    const struct sh_look_spec *spec = &look->spec;
    if (spec->kind == SH_LOOK_DAYS) {
        *value = ref.cell->day - look->first_day;
        return *value >= 0; /* a day that came between two steps, before all others, is not counted */
    }
    switch (spec->source) {
    case SH_LOOK_PROPERTY:
        return sh_event_ref_property(ref, spec->index, value);
    case SH_LOOK_AMOUNT:
        return sh_event_ref_amount(ref, value);
    case SH_LOOK_ITEM:
        return sh_strip_get(&ref.cell->item, ref.row, value);
    case SH_LOOK_ITEM_ATTRIBUTE:
        return sh_strip_get(&ref.cell->item, ref.row, value) &&
               sh_table_get(insight->scope->items, (uint32_t)*value, spec->index, value);
    }
    return false;
}

static enum sh_status take_event(struct sh_insight *insight, struct sh_look *look, struct sh_event_ref ref) {
    int64_t value;
    const uint32_t slot_low = ref.cell->slot_low[ref.row];
    look->event_count++;
    if ((insight->work[slot_low / 64] >> (slot_low % 64) & 1) == 0) {
        insight->work[slot_low / 64] |= UINT64_C(1) << (slot_low % 64);
        look->actor_count++;
    }
    if (!value_of(insight, look, ref, &value)) {
        look->missing_events++;
        return SH_OK;
    }
    if (look->spec.kind == SH_LOOK_EVENT_NUMBERS) return sh_tally_add(&look->numbers, value);
    enum sh_status status = reserve_codes(look, (uint32_t)value);
    if (status == SH_OK)
        status = sh_grow((void **)&insight->seen, &insight->seen_capacity, (uint64_t)insight->seen_count + 1,
                         sizeof *insight->seen);
    if (status != SH_OK) return status;
    look->events[value]++;
    insight->seen[insight->seen_count++] = (struct sh_seen){(uint32_t)value, (uint16_t)slot_low};
    return SH_OK;
}

/* ---- The block's events ---- */

/* Bits of rows that are in the window and of the crowd. */
static void keep_rows(const struct sh_event_cells *cells, const struct sh_crowd *crowd, uint32_t first, uint32_t count,
                      uint64_t *rows) {
    const struct sh_event_cell *cell = cells->cell;
    for (uint32_t at = 0; at < (count + 63) / 64; at++) {
        uint64_t kept = 0;
        for (uint64_t left = rows[at]; left != 0; left &= left - 1) {
            const uint32_t row = first + at * 64 + (uint32_t)__builtin_ctzll(left);
            const uint32_t slot_low = cell->slot_low[row];
            const bool in_window =
                cells->verdict == SH_VERDICT_ALL || (cell->ms[row] >= cells->ms_low && cell->ms[row] <= cells->ms_high);
            if (in_window && (crowd->words[slot_low / 64] >> (slot_low % 64) & 1)) kept |= left & (0 - left);
        }
        rows[at] = kept;
    }
}

static enum sh_status take_rows(struct sh_insight *insight, struct sh_look *look, const struct sh_event_cells *cells,
                                const struct sh_crowd *crowd, uint32_t first, struct sh_error *err) {
    static const struct sh_where all = {.op = SH_WHERE_TRUE};
    const struct sh_where *where = look->spec.where == NULL ? &all : look->spec.where;
    const uint32_t left_rows = cells->cell->row_count - first;
    const uint32_t count = left_rows < SH_WHERE_ROWS ? left_rows : SH_WHERE_ROWS;
    uint64_t rows[SH_WHERE_WORDS];
    enum sh_status status = sh_where_rows(where, cells->cell, first, count, rows, err);
    if (status != SH_OK) return status;
    keep_rows(cells, crowd, first, count, rows);
    for (uint32_t at = 0; at < (count + 63) / 64; at++) {
        for (uint64_t left = rows[at]; left != 0; left &= left - 1) {
            const struct sh_event_ref ref = {cells->cell, first + at * 64 + (uint32_t)__builtin_ctzll(left)};
            if ((status = take_event(insight, look, ref)) != SH_OK) return status;
        }
    }
    return SH_OK;
}

static enum sh_status take_cells(struct sh_insight *insight, struct sh_look *look, const struct sh_crowd *crowd,
                                 struct sh_error *err) {
    const struct sh_look_spec *spec = &look->spec;
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(insight->scope->events, spec->event_type), crowd->block, spec->from_ms,
                         spec->until_ms);
    while (sh_event_cells_next(&cells)) {
        for (uint32_t first = 0; first < cells.cell->row_count; first += SH_WHERE_ROWS) {
            const enum sh_status status = take_rows(insight, look, &cells, crowd, first, err);
            if (status != SH_OK) return status;
        }
    }
    return SH_OK;
}

static enum sh_status take_history(struct sh_insight *insight, struct sh_look *look, uint32_t slot,
                                   struct sh_error *err) {
    const struct sh_event_store *events = insight->scope->events;
    const struct sh_look_spec *spec = &look->spec;
    struct sh_event_ref ref;
    bool has_next = sh_event_history_first(events, slot, &ref);
    for (; has_next && sh_event_ref_time(ref) >= spec->from_ms; has_next = sh_event_history_next(events, &ref)) {
        bool holds = sh_event_ref_type(ref) == spec->event_type && sh_event_ref_time(ref) < spec->until_ms;
        enum sh_status status = SH_OK;
        if (holds && spec->where != NULL) status = sh_where_test(spec->where, ref, &holds, err);
        if (status == SH_OK && holds) status = take_event(insight, look, ref);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- Users by value ---- */

/* What was seen, dealt by code, so that a register can say of each code whom it has counted. */
static enum sh_status count_users(struct sh_insight *insight, struct sh_look *look) {
    const uint32_t count = insight->seen_count;
    if (count == 0) return SH_OK;
    enum sh_status status;
    if ((status = sh_grow((void **)&insight->dealt, &insight->dealt_capacity, count, sizeof *insight->dealt)) != SH_OK)
        return status;
    if ((status = sh_grow((void **)&insight->starts, &insight->starts_capacity, (uint64_t)look->code_count + 1,
                          sizeof *insight->starts)) != SH_OK)
        return status;
    uint32_t *starts = insight->starts;
    memset(starts, 0, ((size_t)look->code_count + 1) * sizeof *starts);
    for (uint32_t i = 0; i < count; i++)
        starts[insight->seen[i].code + 1]++;
    for (uint32_t code = 0; code < look->code_count; code++)
        starts[code + 1] += starts[code];
    for (uint32_t i = 0; i < count; i++)
        insight->dealt[starts[insight->seen[i].code]++] = insight->seen[i];
    memset(insight->work, 0, SH_BLOCK_BYTES);
    for (uint32_t first = 0, end = 0; first < count; first = end) {
        const uint32_t code = insight->dealt[first].code;
        for (end = first; end < count && insight->dealt[end].code == code; end++) {
            const uint32_t slot_low = insight->dealt[end].slot_low;
            look->users[code] += (~insight->work[slot_low / 64] >> (slot_low % 64)) & 1;
            insight->work[slot_low / 64] |= UINT64_C(1) << (slot_low % 64);
        }
        for (uint32_t i = first; i < end; i++)
            insight->work[insight->dealt[i].slot_low / 64] = 0;
    }
    return SH_OK;
}

enum sh_status sh_look_events(struct sh_insight *insight, struct sh_look *look, const struct sh_crowd *crowd,
                              struct sh_error *err) {
    enum sh_status status = SH_OK;
    insight->seen_count = 0;
    memset(insight->work, 0, SH_BLOCK_BYTES); /* who has been seen at all */
    if (crowd->view.count > HISTORY_USERS_MAX) {
        status = take_cells(insight, look, crowd, err);
    } else {
        for (uint32_t at = 0; at < SH_BLOCK_WORDS && status == SH_OK; at++) {
            for (uint64_t left = crowd->words[at]; left != 0 && status == SH_OK; left &= left - 1) {
                const uint32_t place = at * 64 + (uint32_t)__builtin_ctzll(left);
                status = take_history(insight, look, crowd->block * (uint32_t)SH_BLOCK_SLOTS + place, err);
            }
        }
    }
    return status == SH_OK ? count_users(insight, look) : status;
}
