/* event_store.c -- life of the store, appending, window counts. */
#include "event_store.h"

#include <string.h>

#include "event_private.h"
#include "memory.h"

struct sh_event_store *sh_event_store_create(const struct sh_zone *zone) {
    sh_assert(zone != NULL);
    struct sh_event_store *store = sh_alloc_zero(sizeof *store);
    if (store == NULL) return NULL;
    store->zone = zone;
    store->cell_count = 1; /* number 0 is no cell */
    store->swept_day = INT32_MIN;
    store->next_sweep_ms = INT64_MIN;
    return store;
}

void sh_event_store_destroy(struct sh_event_store *store) {
    if (store == NULL) return;
    for (uint32_t i = 1; i < store->cell_count; i++) {
        if (store->cells[i] != NULL) cell_release(store->cells[i]);
        sh_free(store->cells[i]);
    }
    for (uint32_t i = 0; i < store->type_count; i++)
        type_destroy(store->types[i]);
    for (uint32_t i = 0; i < store->head_block_count; i++)
        sh_free(store->heads[i].links);
    sh_free(store->heads);
    sh_free(store->cells);
    sh_free(store->cell_days);
    sh_free(store->types);
    sh_free(store);
}

const struct sh_zone *sh_event_store_zone(const struct sh_event_store *store) {
    return store->zone;
}

uint64_t sh_event_count(const struct sh_event_store *store) {
    return store->event_count;
}

uint32_t sh_event_cell_count(const struct sh_event_store *store) {
    return store->cell_count - 1 - store->free_cell_count;
}

uint32_t sh_event_block_end(const struct sh_event_store *store) {
    return store->head_block_count;
}

uint32_t sh_event_block_capacity(const struct sh_event_store *store, uint32_t block) {
    return store->heads[block].capacity;
}

/* ---- Appending ---- */

/* An event after it was looked at: values by property number. */
struct checked_event {
    const struct sh_event *event;
    uint64_t id_hash;      /* 0: none */
    uint64_t given;        /* bit p: property p has a value */
    uint32_t property_end; /* one more than the highest property given */
    int64_t values[SH_EVENT_PROPERTY_COUNT_MAX];
};
_Static_assert(SH_EVENT_PROPERTY_COUNT_MAX <= 64, "properties given are bits of one word");

static enum sh_status check_event(const struct sh_event_store *store, const struct sh_event *event,
                                  struct checked_event *checked, struct sh_error *err) {
    checked->event = event;
    /* A hash of 0 would read as "no id"; it becomes 1, like its one neighbour among 2^64. */
    checked->id_hash = !event->has_id ? 0 : event->id_hash == 0 ? 1 : event->id_hash;
    checked->given = 0;
    checked->property_end = 0;
    if (event->type >= store->type_count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no event type number %u", event->type);
    if (event->time_ms < SH_INSTANT_MIN || event->time_ms > SH_INSTANT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the event's time is outside the years 1 to 9999");
    const struct sh_event_type *type = &store->types[event->type]->public;
    for (uint32_t i = 0; i < event->value_count; i++) {
        const uint32_t property = event->values[i].property;
        if (property >= type->property_count)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "event type \"%.*s\" has no property number %u",
                           SH_TEXT_ARGS(type->name), property);
        if (checked->given >> property & 1)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "property \"%.*s\" is given twice",
                           SH_TEXT_ARGS(type->properties[property]->name));
        if (!property_value_is_valid(type->properties[property], event->values[i].value))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "property \"%.*s\": the value is not a valid %s",
                           SH_TEXT_ARGS(type->properties[property]->name),
                           sh_type_name(type->properties[property]->type));
        checked->given |= UINT64_C(1) << property;
        checked->values[property] = event->values[i].value;
        if (property >= checked->property_end) checked->property_end = property + 1;
    }
    return SH_OK;
}

/* Where an event goes in its user's history: behind `newer` (or at the head), before whatever that links to now. */
struct place {
    struct sh_event_cell *newer; /* NULL: at the head */
    uint32_t newer_row;
    uint64_t older;
    bool duplicate;
};

static enum sh_status find_place(const struct sh_event_store *store, const struct checked_event *checked, int32_t day,
                                 struct place *place, struct sh_error *err) {
    *place = (struct place){.older = head_get(store, checked->event->slot)};
    for (uint32_t walked = 0; place->older != LINK_NONE; walked++) {
        if (store->cell_days[place->older >> 32] < day) return SH_OK; /* the usual case: no row is read */
        struct sh_event_cell *cell = link_cell(store, place->older);
        const uint32_t row = link_row(place->older);
        const int64_t time_ms = cell->day_start_ms + (int64_t)cell->ms[row];
        if (time_ms <= checked->event->time_ms) break;
        if (walked == SH_EVENT_WALK_MAX)
            return sh_fail(err, SH_ERR_LIMIT, -1, "the user has more than %d events after this one's time",
                           (int)SH_EVENT_WALK_MAX);
        place->newer = cell;
        place->newer_row = row;
        place->older = cell->link[row];
    }
    if (checked->id_hash == 0) return SH_OK;
    /* Identity is looked for among the events of the same time. */
    for (uint64_t link = place->older; link != LINK_NONE;) {
        const struct sh_event_cell *cell = link_cell(store, link);
        const uint32_t row = link_row(link);
        if (cell->day_start_ms + (int64_t)cell->ms[row] != checked->event->time_ms) break;
        if (cell->type == checked->event->type && cell->id_hash != NULL && cell->id_hash[row] == checked->id_hash) {
            place->duplicate = true;
            break;
        }
        link = cell->link[row];
    }
    return SH_OK;
}

static enum sh_status append_to_strips(struct sh_event_cell *cell, const struct checked_event *checked) {
    const struct sh_event *event = checked->event;
    enum sh_status status;
    status = event->item == SH_NO_ITEM ? sh_strip_append_missing(&cell->item, 1)
                                       : sh_strip_append(&cell->item, (int64_t)event->item);
    if (status != SH_OK) return status;
    status =
        event->has_amount ? sh_strip_append(&cell->amount, event->amount) : sh_strip_append_missing(&cell->amount, 1);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < cell->property_count; i++) {
        status = checked->given >> i & 1 ? sh_strip_append(&cell->properties[i], checked->values[i])
                                         : sh_strip_append_missing(&cell->properties[i], 1);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static void totals_add(struct sh_event_totals *totals, const struct sh_event *event) {
    totals->count++;
    if (!event->has_amount) return;
    totals->amount_count++;
    totals->amount_sum += event->amount; /* 2^63 amounts of 2^63 fit */
}

enum sh_status sh_event_append(struct sh_event_store *store, const struct sh_event *event, bool *duplicate,
                               struct sh_error *err) {
    *duplicate = false;
    struct checked_event checked;
    enum sh_status status;
    if ((status = check_event(store, event, &checked, err)) != SH_OK) return status;

    struct event_type *type = store->types[event->type];
    const uint32_t block = event->slot / SH_EVENT_BLOCK_SLOTS;
    struct sh_event_day *day;
    struct sh_event_cell *cell;
    struct place place;
    if ((status = day_find_or_make(store, type, event->time_ms, &day)) != SH_OK) goto no_memory;
    if ((status = find_place(store, &checked, day->day, &place, err)) != SH_OK) return status;
    if (place.duplicate) {
        *duplicate = true;
        return SH_OK;
    }
    if ((status = head_reserve(store, event->slot)) != SH_OK) goto no_memory;
    if ((status = cell_find_or_make(store, type, day, block, &cell)) != SH_OK) goto no_memory;
    if ((status = cell_reserve(cell, checked.id_hash != 0, checked.property_end)) != SH_OK) goto no_memory;
    if ((status = append_to_strips(cell, &checked)) != SH_OK) {
        cell_cut_strips(cell);
        goto no_memory;
    }

    const uint32_t row = cell->row_count++;
    const uint32_t ms = (uint32_t)(event->time_ms - cell->day_start_ms);
    cell->slot_low[row] = (uint16_t)event->slot;
    cell->ms[row] = ms;
    cell->link[row] = place.older;
    if (cell->id_hash != NULL) cell->id_hash[row] = checked.id_hash;
    if (row == 0 || ms < cell->ms_min) cell->ms_min = ms;
    if (row == 0 || ms > cell->ms_max) cell->ms_max = ms;
    const uint64_t link = link_make(cell, row);
    if (place.newer != NULL)
        place.newer->link[place.newer_row] = link;
    else
        store->heads[block].links[event->slot % SH_EVENT_BLOCK_SLOTS] = link;
    totals_add(&cell->totals, event);
    totals_add(&day->totals, event);
    totals_add(&type->public.totals, event);
    store->event_count++;
    cell->changed = day->changed = ++store->change;
    store->appended = link;
    return SH_OK;

no_memory:
    return status == SH_ERR_MEMORY ? sh_fail(err, status, -1, "there is no memory for another event")
                                   : sh_fail(err, status, -1, "there is no room for another event of this day");
}

void sh_event_appended(const struct sh_event_store *store, struct sh_event_ref *ref) {
    *ref = (struct sh_event_ref){0};
    if (store->appended == LINK_NONE) return;
    ref->cell = link_cell(store, store->appended);
    ref->row = link_row(store->appended);
}

void sh_event_prefetch(const struct sh_event_store *store, uint32_t slot) {
    const uint32_t block = slot / SH_EVENT_BLOCK_SLOTS;
    const uint32_t place = slot % SH_EVENT_BLOCK_SLOTS;
    if (block < store->head_block_count && place < store->heads[block].capacity)
        __builtin_prefetch(&store->heads[block].links[place], 1);
}

/* ---- Upkeep and windows ---- */

void sh_event_trim(struct sh_event_store *store) {
    for (uint32_t i = 1; i < store->cell_count; i++)
        if (store->cells[i] != NULL) cell_trim(store->cells[i]);
}

static uint64_t cell_window_count(const struct sh_event_cell *cell, int64_t from_ms, int64_t until_ms) {
    uint32_t low;
    uint32_t high;
    switch (sh_event_cell_clip(cell, from_ms, until_ms, &low, &high)) {
    case SH_VERDICT_NONE:
        return 0;
    case SH_VERDICT_ALL:
        return cell->row_count;
    default:
        break;
    }
    uint64_t count = 0;
    for (uint32_t row = 0; row < cell->row_count; row++)
        count += cell->ms[row] >= low && cell->ms[row] <= high;
    return count;
}

uint64_t sh_event_window_count(const struct sh_event_store *store, uint32_t type_number, int64_t from_ms,
                               int64_t until_ms) {
    const struct sh_event_type *type = sh_event_type(store, type_number);
    uint64_t count = 0;
    for (uint32_t i = sh_event_day_lower(type, from_ms); i < type->day_count; i++) {
        const struct sh_event_day *day = type->days[i];
        if (day->start_ms >= until_ms) break;
        if (from_ms <= day->start_ms && until_ms >= day->end_ms) {
            count += day->totals.count;
            continue;
        }
        for (uint32_t block = 0; block < day->block_count; block++)
            if (day->cells[block] != NULL) count += cell_window_count(day->cells[block], from_ms, until_ms);
    }
    return count;
}

double sh_event_window_guess(const struct sh_event_store *store, uint32_t type_number, int64_t from_ms,
                             int64_t until_ms) {
    const struct sh_event_type *type = sh_event_type(store, type_number);
    double count = 0;
    for (uint32_t i = sh_event_day_lower(type, from_ms); i < type->day_count; i++) {
        const struct sh_event_day *day = type->days[i];
        if (day->start_ms >= until_ms) break;
        const int64_t low_ms = from_ms > day->start_ms ? from_ms : day->start_ms;
        const int64_t high_ms = until_ms < day->end_ms ? until_ms : day->end_ms;
        if (low_ms >= high_ms) continue;
        count += (double)day->totals.count * (double)(high_ms - low_ms) / (double)(day->end_ms - day->start_ms);
    }
    return count;
}

uint64_t sh_event_change(const struct sh_event_store *store) {
    return store->change;
}

bool sh_event_is_unchanged(const struct sh_event_store *store, uint32_t type_number, uint32_t block, int64_t from_ms,
                           int64_t until_ms, uint64_t change) {
    const struct sh_event_type *type = sh_event_type(store, type_number);
    if (type->swept > change) return false;
    for (uint32_t i = sh_event_day_lower(type, from_ms); i < type->day_count; i++) {
        const struct sh_event_day *day = type->days[i];
        if (day->start_ms >= until_ms) break;
        if (day->changed <= change) continue;
        const struct sh_event_cell *cell = sh_event_day_cell(day, block);
        if (cell != NULL && cell->changed > change) return false;
    }
    return true;
}

size_t sh_event_memory_bytes(const struct sh_event_store *store) {
    size_t bytes = sizeof *store;
    for (uint32_t i = 1; i < store->cell_count; i++)
        if (store->cells[i] != NULL) bytes += cell_memory_bytes(store->cells[i]);
    bytes += store->cell_capacity * sizeof *store->cells + store->cell_day_capacity * sizeof *store->cell_days;
    bytes += store->head_block_capacity * sizeof *store->heads;
    for (uint32_t i = 0; i < store->head_block_count; i++)
        bytes += store->heads[i].capacity * sizeof(uint64_t);
    bytes += store->type_capacity * sizeof *store->types;
    for (uint32_t i = 0; i < store->type_count; i++) {
        const struct event_type *type = store->types[i];
        bytes += sizeof *type + type->public.name.count + type->day_capacity * sizeof *type->public.days;
        for (uint32_t d = 0; d < type->public.day_count; d++)
            bytes += sizeof(struct sh_event_day) + type->public.days[d]->block_count * sizeof(struct sh_event_cell *);
        bytes += type->property_capacity * sizeof *type->public.properties;
        for (uint32_t p = 0; p < type->public.property_count; p++) {
            const struct sh_event_property *property = type->public.properties[p];
            const uint32_t ranks = property->type == SH_TYPE_ENUM ? sh_dictionary_count(&property->texts) : 0;
            bytes += sizeof *property + property->name.count + 2 * sizeof(uint32_t) * ranks;
            bytes += sh_dictionary_memory_bytes(&property->texts);
        }
    }
    return bytes;
}
