/* event_sweep.c -- letting go of days that are kept no longer.
 *
 * Whole days go, of the types that are kept for so many days only. Their rows are named by links of histories that also
 * hold younger events, and older ones of types that are kept longer:
 *
 *   head -> (view, today) -> (view, old) -> (purchase, older) -> none          views: 30 days; purchases: for ever
 *   head -> (view, today) ----------------> (purchase, older) -> none
 *
 * So for each block of users: mark who did something in a cell that goes, walk these users' histories once and let
 * links pass over what goes. Then the cells are freed, and their numbers are given out again. Nothing here needs
 * memory, so nothing can fail.
 */
#include <string.h>

#include "event_private.h"
#include "memory.h"

enum { BLOCK_WORDS = SH_EVENT_BLOCK_SLOTS / 64 };

void sh_event_type_keep(struct sh_event_store *store, uint32_t number, uint32_t days) {
    struct sh_event_type *type = &store->types[number]->public;
    if (type->keep_days == days) return;
    type->keep_days = days;
    store->schema_version++;
    store->is_sweep_due = true;
}

int32_t sh_event_kept_from(const struct sh_event_store *store, const struct sh_event_type *type) {
    if (type->keep_days == 0 || store->swept_day == INT32_MIN) return INT32_MIN;
    return store->swept_day - (int32_t)type->keep_days;
}

bool sh_event_is_kept(const struct sh_event_store *store, uint32_t number, int64_t time_ms) {
    const struct sh_event_type *type = &store->types[number]->public;
    const int32_t from = sh_event_kept_from(store, type);
    return from == INT32_MIN || sh_zone_day(store->zone, time_ms) >= from;
}

static bool any_type_ends(const struct sh_event_store *store) {
    for (uint32_t i = 0; i < store->type_count; i++)
        if (store->types[i]->public.keep_days > 0) return true;
    return false;
}

bool sh_event_sweep_is_due(const struct sh_event_store *store, int64_t now_ms) {
    if (!store->is_sweep_due && now_ms < store->next_sweep_ms) return false;
    return any_type_ends(store);
}

int32_t sh_event_swept_day(const struct sh_event_store *store) {
    return store->swept_day;
}

/* ---- Histories ---- */

/* The first day that stays, by type. */
struct ends {
    int32_t from[SH_EVENT_TYPE_COUNT_MAX];
    uint32_t gone_days[SH_EVENT_TYPE_COUNT_MAX]; /* so many of the type's first days go */
};

static bool goes(const struct ends *ends, const struct sh_event_cell *cell) {
    return cell->day < ends->from[cell->type];
}

static bool mark_users(const struct sh_event_store *store, const struct ends *ends, uint32_t block,
                       uint64_t marks[BLOCK_WORDS]) {
    bool any = false;
    memset(marks, 0, BLOCK_WORDS * sizeof *marks);
    for (uint32_t i = 0; i < store->type_count; i++) {
        const struct sh_event_type *type = &store->types[i]->public;
        for (uint32_t d = 0; d < ends->gone_days[i]; d++) {
            const struct sh_event_cell *cell = sh_event_day_cell(type->days[d], block);
            for (uint32_t row = 0; cell != NULL && row < cell->row_count; row++)
                marks[cell->slot_low[row] / 64] |= UINT64_C(1) << (cell->slot_low[row] % 64);
            any = any || (cell != NULL && cell->row_count > 0);
        }
    }
    return any;
}

static void pass_over(struct sh_event_store *store, const struct ends *ends, uint64_t *link) {
    while (*link != LINK_NONE) {
        struct sh_event_cell *cell = link_cell(store, *link);
        uint64_t *next = &cell->link[link_row(*link)];
        if (goes(ends, cell))
            *link = *next;
        else
            link = next;
    }
}

static void sweep_block(struct sh_event_store *store, const struct ends *ends, uint32_t block,
                        const struct sh_event_sweep_hearing *hearing) {
    uint64_t marks[BLOCK_WORDS];
    if (!mark_users(store, ends, block, marks)) return;
    for (uint32_t word = 0; word < BLOCK_WORDS; word++) {
        for (uint64_t rest = marks[word]; rest != 0; rest &= rest - 1) {
            const uint32_t place = word * 64 + (uint32_t)__builtin_ctzll(rest);
            pass_over(store, ends, &store->heads[block].links[place]);
            if (hearing->user != NULL) hearing->user(hearing->context, block * SH_EVENT_BLOCK_SLOTS + place);
        }
    }
}

/* ---- Cells ---- */

static void free_cell(struct sh_event_store *store, struct sh_event_cell *cell) {
    const uint32_t number = cell->number;
    cell_release(cell);
    sh_free(cell);
    store->cells[number] = NULL;
    store->cell_days[number] = (int32_t)store->free_cell;
    store->free_cell = number;
    store->free_cell_count++;
}

static void totals_subtract(struct sh_event_totals *totals, const struct sh_event_totals *gone) {
    totals->count -= gone->count;
    totals->amount_count -= gone->amount_count;
    totals->amount_sum -= gone->amount_sum;
}

static void free_days(struct sh_event_store *store, struct event_type *type, uint32_t count) {
    struct sh_event_type *public = &type->public;
    if (count == 0) return;
    for (uint32_t d = 0; d < count; d++) {
        struct sh_event_day *day = public->days[d];
        totals_subtract(&public->totals, &day->totals);
        store->event_count -= day->totals.count;
        for (uint32_t block = 0; block < day->block_count; block++)
            if (day->cells[block] != NULL) free_cell(store, day->cells[block]);
        sh_free(day->cells);
        sh_free(day);
    }
    public->day_count -= count;
    memmove(public->days, public->days + count, public->day_count * sizeof *public->days);
    type->recent_day = 0;
    public->swept = ++store->change;
}

uint64_t sh_event_sweep(struct sh_event_store *store, int64_t now_ms, const struct sh_event_sweep_hearing *hearing) {
    const int32_t today = sh_zone_day(store->zone, now_ms);
    const uint64_t before = store->event_count;
    struct ends ends;
    uint32_t gone_count = 0;
    if (today > store->swept_day) store->swept_day = today;
    store->next_sweep_ms = sh_zone_day_start_ms(store->zone, store->swept_day + 1);
    store->is_sweep_due = false;
    store->appended = LINK_NONE;
    for (uint32_t i = 0; i < store->type_count; i++) {
        const struct sh_event_type *type = &store->types[i]->public;
        ends.from[i] = sh_event_kept_from(store, type);
        ends.gone_days[i] = 0;
        while (ends.gone_days[i] < type->day_count && type->days[ends.gone_days[i]]->day < ends.from[i])
            ends.gone_days[i]++;
        gone_count += ends.gone_days[i];
    }
    if (gone_count == 0) return 0;
    for (uint32_t block = 0; block < store->head_block_count; block++)
        sweep_block(store, &ends, block, hearing);
    for (uint32_t i = 0; i < store->type_count; i++)
        free_days(store, store->types[i], ends.gone_days[i]);
    return before - store->event_count;
}
