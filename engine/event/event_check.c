/* event_check.c -- do the rules of the event store hold? And the store in words. */
#include "decimal.h"
#include "event_private.h"
#include "memory.h"

static bool broken(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

static bool totals_equal(struct sh_event_totals a, struct sh_event_totals b) {
    return a.count == b.count && a.amount_count == b.amount_count && a.amount_sum == b.amount_sum;
}

static void totals_merge(struct sh_event_totals *into, struct sh_event_totals from) {
    into->count += from.count;
    into->amount_count += from.amount_count;
    into->amount_sum += from.amount_sum;
}

static bool check_strip(const struct sh_strip *strip, uint32_t row_count, const char **reason) {
    if (strip->count != row_count) return broken(reason, "a strip of a cell has not one entry a row");
    return sh_strip_check(strip, reason);
}

static bool check_cell_rows(const struct sh_event_cell *cell, const struct sh_event_day *day, const char **reason) {
    struct sh_event_totals totals = {0};
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    for (uint32_t row = 0; row < cell->row_count; row++) {
        int64_t amount = 0;
        const bool has_amount = sh_strip_get(&cell->amount, row, &amount);
        totals_merge(&totals, (struct sh_event_totals){1, has_amount, has_amount ? amount : 0});
        if (cell->ms[row] < low) low = cell->ms[row];
        if (cell->ms[row] > high) high = cell->ms[row];
        if (day->start_ms + (int64_t)cell->ms[row] >= day->end_ms)
            return broken(reason, "a row lies behind the day of its cell");
    }
    if (!totals_equal(totals, cell->totals)) return broken(reason, "the kept sums of a cell are not those of its rows");
    if (cell->row_count > 0 && (low != cell->ms_min || high != cell->ms_max))
        return broken(reason, "ms_min or ms_max of a cell is not exact");
    return true;
}

static bool check_cell(const struct sh_event_store *store, const struct sh_event_type *type,
                       const struct sh_event_day *day, uint32_t block, const char **reason) {
    const struct sh_event_cell *cell = day->cells[block];
    if (cell->type != type->number || cell->day != day->day || cell->block != block ||
        cell->day_start_ms != day->start_ms)
        return broken(reason, "a cell is not in its own place");
    if (cell->number == 0 || cell->number >= store->cell_count || store->cells[cell->number] != cell)
        return broken(reason, "a cell is not known by its number");
    if (store->cell_days[cell->number] != cell->day) return broken(reason, "cell_days says another day");
    if (cell->row_count > cell->capacity) return broken(reason, "a cell has more rows than room");
    if (cell->property_count > type->property_count) return broken(reason, "a cell has more properties than its type");
    if (!check_strip(&cell->item, cell->row_count, reason)) return false;
    if (!check_strip(&cell->amount, cell->row_count, reason)) return false;
    for (uint32_t i = 0; i < cell->property_count; i++)
        if (!check_strip(&cell->properties[i], cell->row_count, reason)) return false;
    return check_cell_rows(cell, day, reason);
}

static bool check_type(const struct sh_event_store *store, const struct sh_event_type *type, uint32_t *cell_count,
                       const char **reason) {
    struct sh_event_totals type_totals = {0};
    for (uint32_t i = 0; i < type->day_count; i++) {
        const struct sh_event_day *day = type->days[i];
        if (i > 0 && (type->days[i - 1]->day >= day->day || type->days[i - 1]->end_ms > day->start_ms))
            return broken(reason, "the days of a type do not ascend");
        if (sh_zone_day_start_ms(store->zone, day->day) != day->start_ms ||
            day_end_ms(store->zone, day->day) != day->end_ms)
            return broken(reason, "a day is not cut as its zone says");
        struct sh_event_totals day_totals = {0};
        for (uint32_t block = 0; block < day->block_count; block++) {
            if (day->cells[block] == NULL) continue;
            if (!check_cell(store, type, day, block, reason)) return false;
            totals_merge(&day_totals, day->cells[block]->totals);
            ++*cell_count;
        }
        if (!totals_equal(day_totals, day->totals))
            return broken(reason, "the kept sums of a day are not those of its cells");
        totals_merge(&type_totals, day_totals);
    }
    if (!totals_equal(type_totals, type->totals))
        return broken(reason, "the kept sums of a type are not those of its days");
    return true;
}

/* Is there an event of the same identity among the older ones of the same time? */
static bool has_twin(const struct sh_event_store *store, struct sh_event_ref ref) {
    const uint64_t id_hash = sh_event_ref_id_hash(ref);
    if (id_hash == 0) return false;
    for (struct sh_event_ref other = ref; sh_event_history_next(store, &other);) {
        if (sh_event_ref_time(other) != sh_event_ref_time(ref)) return false;
        if (other.cell->type == ref.cell->type && sh_event_ref_id_hash(other) == id_hash) return true;
    }
    return false;
}

/* Walks one history; seen[cell number] has a bit a row. */
static bool check_history(const struct sh_event_store *store, uint32_t slot, uint64_t **seen, uint64_t *walked,
                          const char **reason) {
    struct sh_event_ref ref;
    int64_t newer_ms = INT64_MAX;
    for (bool more = sh_event_history_first(store, slot, &ref); more; more = sh_event_history_next(store, &ref)) {
        if (ref.cell == NULL || ref.row >= ref.cell->row_count)
            return broken(reason, "a link names a row that is not there");
        uint64_t *word = &seen[ref.cell->number][ref.row / 64];
        const uint64_t bit = UINT64_C(1) << (ref.row % 64);
        if (*word & bit) return broken(reason, "two links name the same row");
        *word |= bit;
        ++*walked;
        if (sh_event_ref_slot(ref) != slot) return broken(reason, "a history holds another user's event");
        if (sh_event_ref_time(ref) > newer_ms) return broken(reason, "a history is not in order of time");
        newer_ms = sh_event_ref_time(ref);
        if (has_twin(store, ref)) return broken(reason, "two events have the same identity");
    }
    return true;
}

static bool check_histories(const struct sh_event_store *store, const char **reason) {
    bool ok = true;
    uint64_t walked = 0;
    uint64_t **seen = sh_alloc_zero(store->cell_count * sizeof *seen);
    if (seen == NULL) return broken(reason, "out of memory");
    for (uint32_t i = 1; ok && i < store->cell_count; i++) {
        const uint32_t row_count = store->cells[i] == NULL ? 0 : store->cells[i]->row_count;
        seen[i] = sh_alloc_zero((row_count / 64 + 1) * sizeof **seen);
        if (seen[i] == NULL) ok = broken(reason, "out of memory");
    }
    for (uint32_t block = 0; ok && block < store->head_block_count; block++)
        for (uint32_t place = 0; ok && place < store->heads[block].capacity; place++)
            ok = check_history(store, block * SH_EVENT_BLOCK_SLOTS + place, seen, &walked, reason);
    if (ok && walked != store->event_count) ok = broken(reason, "a row is in no history");
    for (uint32_t i = 1; i < store->cell_count; i++)
        sh_free(seen[i]);
    sh_free(seen);
    return ok;
}

static bool check_free_cells(const struct sh_event_store *store, const char **reason) {
    uint32_t count = 0;
    for (uint32_t number = store->free_cell; number != 0; number = (uint32_t)store->cell_days[number]) {
        if (number >= store->cell_count || store->cells[number] != NULL || ++count > store->free_cell_count)
            return broken(reason, "a number that is to be given out again is in use");
    }
    return count == store->free_cell_count || broken(reason, "a number that is in no use will not be given out");
}

bool sh_event_store_check(const struct sh_event_store *store, const char **reason) {
    uint64_t count = 0;
    uint32_t cell_count = 1;
    for (uint32_t i = 0; i < store->type_count; i++) {
        const struct sh_event_type *type = sh_event_type(store, i);
        if (type->number != i) return broken(reason, "a type is not in its own place");
        if (!check_type(store, type, &cell_count, reason)) return false;
        count += type->totals.count;
    }
    if (cell_count + store->free_cell_count != store->cell_count) return broken(reason, "a cell is in no day");
    if (!check_free_cells(store, reason)) return false;
    if (count != store->event_count) return broken(reason, "the store's count is not that of its types");
    return check_histories(store, reason);
}

/* ---- In words ---- */

static void print_type(const struct sh_event_type *type, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "  %.*s: %llu events", SH_TEXT_ARGS(type->name), (unsigned long long)type->totals.count);
    if (type->day_count > 0) {
        sh_buffer_print(buffer, " on %u days from ", type->day_count);
        sh_date_print(buffer, sh_date_from_day(type->days[0]->day));
        sh_buffer_print(buffer, " to ");
        sh_date_print(buffer, sh_date_from_day(type->days[type->day_count - 1]->day));
    }
    if (type->totals.amount_count > 0) {
        sh_buffer_print(buffer, ", amounts ");
        sh_decimal_print(buffer, type->totals.amount_sum, type->amount_scale);
        sh_buffer_print(buffer, " in %llu of them", (unsigned long long)type->totals.amount_count);
    }
    for (uint32_t i = 0; i < type->property_count; i++)
        sh_buffer_print(buffer, "%s%.*s %s", i == 0 ? "; " : ", ", SH_TEXT_ARGS(type->properties[i]->name),
                        sh_type_name(type->properties[i]->type));
    sh_buffer_print(buffer, "\n");
}

void sh_event_store_print(const struct sh_event_store *store, struct sh_buffer *buffer) {
    const struct sh_text zone = sh_zone_name(store->zone);
    sh_buffer_print(buffer, "%llu events in %u cells, %zu bytes, days of %.*s\n",
                    (unsigned long long)store->event_count, sh_event_cell_count(store), sh_event_memory_bytes(store),
                    SH_TEXT_ARGS(zone));
    for (uint32_t i = 0; i < store->type_count; i++)
        print_type(sh_event_type(store, i), buffer);
}
