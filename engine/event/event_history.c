/* event_history.c -- one user's events, newest first; and forgetting them. */
#include "event_private.h"

static struct sh_event_ref ref_of(const struct sh_event_store *store, uint64_t link) {
    return (struct sh_event_ref){link_cell(store, link), link_row(link)};
}

bool sh_event_history_first(const struct sh_event_store *store, uint32_t slot, struct sh_event_ref *ref) {
    const uint64_t link = head_get(store, slot);
    if (link == LINK_NONE) return false;
    *ref = ref_of(store, link);
    return true;
}

bool sh_event_history_next(const struct sh_event_store *store, struct sh_event_ref *ref) {
    const uint64_t link = ref->cell->link[ref->row];
    if (link == LINK_NONE) return false;
    *ref = ref_of(store, link);
    return true;
}

/* ---- Forgetting ----
 *
 * The user's newest event is unlinked and its row removed, until none is left. A row is removed by moving the cell's
 * last row into its place, so that cells stay dense and readers need no test for the dead. The moved row is named by
 * exactly one link, in the history of its own user (who may be the one being forgotten); a walk finds it. */

static uint64_t *find_link_to(struct sh_event_store *store, uint32_t slot, uint64_t wanted) {
    uint64_t *link = &store->heads[slot / SH_EVENT_BLOCK_SLOTS].links[slot % SH_EVENT_BLOCK_SLOTS];
    while (*link != wanted) {
        sh_assert(*link != LINK_NONE);
        link = &link_cell(store, *link)->link[link_row(*link)];
    }
    return link;
}

static void totals_subtract(struct sh_event_totals *totals, bool has_amount, int64_t amount) {
    totals->count--;
    if (!has_amount) return;
    totals->amount_count--;
    totals->amount_sum -= amount;
}

static void find_bounds(struct sh_event_cell *cell) {
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    for (uint32_t row = 0; row < cell->row_count; row++) {
        if (cell->ms[row] < low) low = cell->ms[row];
        if (cell->ms[row] > high) high = cell->ms[row];
    }
    cell->ms_min = low;
    cell->ms_max = high;
}

/* The row is in no history any more. */
static void remove_row(struct sh_event_store *store, struct sh_event_cell *cell, uint32_t row) {
    struct sh_event_type *type = &store->types[cell->type]->public;
    int64_t amount = 0;
    const bool has_amount = sh_strip_get(&cell->amount, row, &amount);
    totals_subtract(&cell->totals, has_amount, amount);
    struct sh_event_day *day = day_of_number(type, cell->day);
    totals_subtract(&day->totals, has_amount, amount);
    totals_subtract(&type->totals, has_amount, amount);
    store->event_count--;
    cell->changed = day->changed = ++store->change;
    store->appended = LINK_NONE;

    const uint32_t last = cell->row_count - 1;
    if (row != last) {
        const uint32_t slot = cell->block * SH_EVENT_BLOCK_SLOTS + cell->slot_low[last];
        *find_link_to(store, slot, link_make(cell, last)) = link_make(cell, row);
    }
    const uint32_t ms = cell->ms[row];
    cell_move_last(cell, row);
    if (cell->row_count == 0)
        cell_release(cell);
    else if (ms == cell->ms_min || ms == cell->ms_max)
        find_bounds(cell);
}

void sh_event_forget(struct sh_event_store *store, uint32_t slot, uint64_t *forgotten) {
    uint64_t count = 0;
    for (uint64_t link; (link = head_get(store, slot)) != LINK_NONE; count++) {
        struct sh_event_cell *cell = link_cell(store, link);
        const uint32_t row = link_row(link);
        store->heads[slot / SH_EVENT_BLOCK_SLOTS].links[slot % SH_EVENT_BLOCK_SLOTS] = cell->link[row];
        remove_row(store, cell, row);
    }
    if (forgotten != NULL) *forgotten = count;
}
