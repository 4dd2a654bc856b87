#include "event_twin.h"

#include <stdlib.h>
#include <string.h>

bool twin_append(struct twin *twin, const struct sh_event *event) {
    for (uint32_t i = 0; event->has_id && i < twin->count; i++) {
        const struct twin_event *other = &twin->events[i];
        if (other->has_id && other->slot == event->slot && other->type == event->type &&
            other->time_ms == event->time_ms && other->id_hash == event->id_hash)
            return false;
    }
    if (twin->count == TWIN_EVENT_COUNT_MAX) abort();
    struct twin_event *stored = &twin->events[twin->count++];
    *stored = (struct twin_event){.type = event->type,
                                  .slot = event->slot,
                                  .item = event->item,
                                  .time_ms = event->time_ms,
                                  .arrival = twin->arrivals++,
                                  .has_amount = event->has_amount,
                                  .has_id = event->has_id,
                                  .amount = event->amount,
                                  .id_hash = event->id_hash};
    for (uint32_t i = 0; i < event->value_count; i++) {
        stored->has_value[event->values[i].property] = true;
        stored->values[event->values[i].property] = event->values[i].value;
    }
    return true;
}

uint32_t twin_forget(struct twin *twin, uint32_t slot) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < twin->count; i++)
        if (twin->events[i].slot != slot) twin->events[kept++] = twin->events[i];
    const uint32_t forgotten = twin->count - kept;
    twin->count = kept;
    return forgotten;
}

uint32_t twin_sweep(struct twin *twin, uint32_t type, int64_t from_ms) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < twin->count; i++)
        if (twin->events[i].type != type || twin->events[i].time_ms >= from_ms) twin->events[kept++] = twin->events[i];
    const uint32_t swept = twin->count - kept;
    twin->count = kept;
    return swept;
}

static int newest_first(const void *left, const void *right) {
    const struct twin_event *a = *(const struct twin_event *const *)left;
    const struct twin_event *b = *(const struct twin_event *const *)right;
    if (a->time_ms != b->time_ms) return a->time_ms > b->time_ms ? -1 : 1;
    return a->arrival > b->arrival ? -1 : 1;
}

uint32_t twin_history(const struct twin *twin, uint32_t slot, const struct twin_event **history) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < twin->count; i++)
        if (twin->events[i].slot == slot) history[count++] = &twin->events[i];
    qsort(history, count, sizeof *history, newest_first);
    return count;
}

static bool differs(const char **reason, const char *words) {
    *reason = words;
    return false;
}

static bool same_event(const struct twin_event *event, struct sh_event_ref ref, const char **reason) {
    if (sh_event_ref_type(ref) != event->type) return differs(reason, "type");
    if (sh_event_ref_slot(ref) != event->slot) return differs(reason, "slot");
    if (sh_event_ref_time(ref) != event->time_ms) return differs(reason, "time");
    if (sh_event_ref_item(ref) != event->item) return differs(reason, "item");
    int64_t value;
    if (sh_event_ref_amount(ref, &value) != event->has_amount) return differs(reason, "presence of amount");
    if (event->has_amount && value != event->amount) return differs(reason, "amount");
    if ((sh_event_ref_id_hash(ref) != 0) != event->has_id) return differs(reason, "presence of id");
    if (event->has_id && sh_event_ref_id_hash(ref) != event->id_hash) return differs(reason, "id");
    for (uint32_t i = 0; i < TWIN_PROPERTY_COUNT_MAX; i++) {
        if (sh_event_ref_property(ref, i, &value) != event->has_value[i])
            return differs(reason, "presence of a property");
        if (event->has_value[i] && value != event->values[i]) return differs(reason, "value of a property");
    }
    return true;
}

bool twin_compare_history(const struct twin *twin, const struct sh_event_store *store, uint32_t slot,
                          const char **reason) {
    const struct twin_event **history = malloc((twin->count + 1) * sizeof *history);
    const uint32_t count = twin_history(twin, slot, history);
    struct sh_event_ref ref;
    bool same = true;
    bool more = sh_event_history_first(store, slot, &ref);
    for (uint32_t i = 0; same && i < count; i++) {
        if (!more) {
            same = differs(reason, "the history is too short");
            break;
        }
        same = same_event(history[i], ref, reason);
        more = sh_event_history_next(store, &ref);
    }
    if (same && more) same = differs(reason, "the history is too long");
    free(history);
    return same;
}

/* What a window adds up to, whatever the order of rows. */
struct window_sums {
    uint64_t count;
    uint64_t amount_count;
    int64_t amount_sum;
    uint64_t mix;
};

static void sums_add(struct window_sums *sums, uint32_t slot, int64_t time_ms, bool has_amount, int64_t amount) {
    sums->count++;
    sums->amount_count += has_amount;
    sums->amount_sum += has_amount ? amount : 0;
    sums->mix += (slot * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)time_ms) * UINT64_C(0xD6E8FEB86659FD93);
}

static bool row_is_inside(const struct sh_event_cells *cells, uint32_t row) {
    if (cells->verdict == SH_VERDICT_ALL) return true;
    return cells->cell->ms[row] >= cells->ms_low && cells->cell->ms[row] <= cells->ms_high;
}

bool twin_compare_window(const struct twin *twin, const struct sh_event_store *store, uint32_t type, uint32_t block,
                         int64_t from_ms, int64_t until_ms, const char **reason) {
    struct window_sums expected = {0};
    struct window_sums found = {0};
    uint64_t all_blocks = 0;
    for (uint32_t i = 0; i < twin->count; i++) {
        const struct twin_event *event = &twin->events[i];
        if (event->type != type || event->time_ms < from_ms || event->time_ms >= until_ms) continue;
        all_blocks++;
        if (event->slot / SH_EVENT_BLOCK_SLOTS == block)
            sums_add(&expected, event->slot, event->time_ms, event->has_amount, event->amount);
    }
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(store, type), block, from_ms, until_ms);
    while (sh_event_cells_next(&cells)) {
        for (uint32_t row = 0; row < cells.cell->row_count; row++) {
            if (!row_is_inside(&cells, row)) continue;
            const struct sh_event_ref ref = {cells.cell, row};
            int64_t amount = 0;
            const bool has_amount = sh_event_ref_amount(ref, &amount);
            sums_add(&found, sh_event_ref_slot(ref), sh_event_ref_time(ref), has_amount, amount);
        }
    }
    if (memcmp(&expected, &found, sizeof found) != 0) return differs(reason, "the events of a window");
    if (sh_event_window_count(store, type, from_ms, until_ms) != all_blocks)
        return differs(reason, "the count of a window");
    return true;
}
