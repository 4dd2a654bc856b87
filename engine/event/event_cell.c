/* event_cell.c -- days and cells: finding, making, growing and trimming them. */
#include <string.h>

#include "event_private.h"
#include "memory.h"

enum {
    CELL_ROWS_FIRST = 4,    /* 56 bytes of columns: a quiet shop has many cells with a few rows */
    CELL_ROWS_DOUBLED = 64, /* up to here room doubles, then it grows by half */
    HEADS_FIRST = 1024,     /* slots of a block that the first head makes room for */
    SLOT_BYTES = sizeof(uint16_t),
    MS_BYTES = sizeof(uint32_t),
    LINK_BYTES = sizeof(uint64_t),
    ID_BYTES = sizeof(uint64_t),
};

/* ---- Days ---- */

uint32_t sh_event_day_lower(const struct sh_event_type *type, int64_t instant_ms) {
    uint32_t low = 0;
    uint32_t high = type->day_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (type->days[middle]->end_ms > instant_ms)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

struct sh_event_day *day_of_number(const struct sh_event_type *type, int32_t number) {
    uint32_t low = 0;
    uint32_t high = type->day_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (type->days[middle]->day >= number)
            high = middle;
        else
            low = middle + 1;
    }
    sh_assert(low < type->day_count);
    sh_assert(type->days[low]->day == number);
    return type->days[low];
}

static bool day_holds(const struct sh_event_day *day, int64_t time_ms) {
    return day->start_ms <= time_ms && time_ms < day->end_ms;
}

int64_t day_end_ms(const struct sh_zone *zone, int32_t day) {
    /* The calendar ends a day after the last instant, which may be in the day that would begin next. */
    const bool is_last = (day + 1) * SH_DAY_MS > SH_INSTANT_MAX + SH_DAY_MS;
    return is_last ? sh_zone_day_start_ms(zone, day) + SH_DAY_MS : sh_zone_day_start_ms(zone, day + 1);
}

/* The civil day by its bounds. They differ from sh_zone_day() where clocks go back over midnight: the hour before it
 * happens twice, and its second pass lies behind the next day's first instant. Windows are cut at first instants, so
 * that is what counts here. */
static void day_bounds(const struct sh_zone *zone, int64_t time_ms, struct sh_event_day *day) {
    day->day = sh_zone_day(zone, time_ms);
    day->start_ms = sh_zone_day_start_ms(zone, day->day);
    while (time_ms < day->start_ms)
        day->start_ms = sh_zone_day_start_ms(zone, --day->day);
    day->end_ms = day_end_ms(zone, day->day);
    while (time_ms >= day->end_ms) {
        day->start_ms = day->end_ms;
        day->day++;
        day->end_ms = day_end_ms(zone, day->day);
    }
}

enum sh_status day_find_or_make(struct sh_event_store *store, struct event_type *type, int64_t time_ms,
                                struct sh_event_day **found) {
    struct sh_event_type *public = &type->public;
    if (type->recent_day < public->day_count && day_holds(public->days[type->recent_day], time_ms)) {
        *found = public->days[type->recent_day];
        return SH_OK;
    }
    const uint32_t place = sh_event_day_lower(public, time_ms);
    if (place < public->day_count && day_holds(public->days[place], time_ms)) {
        type->recent_day = place;
        *found = public->days[place];
        return SH_OK;
    }
    enum sh_status status =
        sh_grow((void **)&public->days, &type->day_capacity, (uint64_t) public->day_count + 1, sizeof *public->days);
    if (status != SH_OK) return status;
    struct sh_event_day *day = sh_alloc_zero(sizeof *day);
    if (day == NULL) return SH_ERR_MEMORY;
    day_bounds(store->zone, time_ms, day);
    memmove(&public->days[place + 1], &public->days[place], (public->day_count - place) * sizeof *public->days);
    public->days[place] = day;
    public->day_count++;
    type->recent_day = place;
    *found = day;
    return SH_OK;
}

/* ---- Cells ---- */

enum sh_status day_reserve_block(struct sh_event_day *day, uint32_t block) {
    if (block < day->block_count) return SH_OK;
    /* Exactly as many as there are blocks of users: a day is made once and its population hardly grows. */
    const size_t old_bytes = day->block_count * sizeof *day->cells;
    const size_t new_bytes = (size_t)(block + 1) * sizeof *day->cells;
    struct sh_event_cell **cells = sh_realloc(day->cells, old_bytes, new_bytes);
    if (cells == NULL) return SH_ERR_MEMORY;
    memset((uint8_t *)cells + old_bytes, 0, new_bytes - old_bytes);
    day->cells = cells;
    day->block_count = block + 1;
    return SH_OK;
}

/* The day before yesterday gets few late events any more: make it tight. One cell for each new cell, so that nothing
 * ever waits for a whole day to be trimmed. */
static void trim_older_cell(const struct event_type *type, const struct sh_event_day *day, uint32_t block) {
    const struct sh_event_type *public = &type->public;
    if (public->day_count < 3 || public->days[public->day_count - 1] != day) return;
    const struct sh_event_day *older = public->days[public->day_count - 3];
    if (block < older->block_count && older->cells[block] != NULL) cell_trim(older->cells[block]);
}

enum sh_status cell_find_or_make(struct sh_event_store *store, struct event_type *type, struct sh_event_day *day,
                                 uint32_t block, struct sh_event_cell **found) {
    if (block < day->block_count && day->cells[block] != NULL) {
        *found = day->cells[block];
        return SH_OK;
    }
    enum sh_status status;
    if ((status = day_reserve_block(day, block)) != SH_OK) return status;
    const bool is_again = store->free_cell != 0; /* the number of one that was swept */
    const uint64_t needed = (uint64_t)store->cell_count + !is_again;
    status = sh_grow((void **)&store->cells, &store->cell_capacity, needed, sizeof *store->cells);
    if (status != SH_OK) return status;
    status = sh_grow((void **)&store->cell_days, &store->cell_day_capacity, needed, sizeof *store->cell_days);
    if (status != SH_OK) return status;
    struct sh_event_cell *cell = sh_alloc_zero(sizeof *cell);
    if (cell == NULL) return SH_ERR_MEMORY;
    cell->number = is_again ? store->free_cell : store->cell_count;
    cell->type = (uint8_t)type->public.number;
    cell->day = day->day;
    cell->day_start_ms = day->start_ms;
    cell->block = block;
    sh_strip_init(&cell->item);
    sh_strip_init(&cell->amount);
    if (is_again) {
        store->free_cell = (uint32_t)store->cell_days[cell->number];
        store->free_cell_count--;
    } else {
        store->cell_count++;
    }
    store->cells[cell->number] = cell;
    store->cell_days[cell->number] = day->day;
    day->cells[block] = cell;
    trim_older_cell(type, day, block);
    *found = cell;
    return SH_OK;
}

static size_t column_bytes(uint32_t capacity, bool with_ids) {
    return (size_t)capacity * (SLOT_BYTES + MS_BYTES + LINK_BYTES + (with_ids ? (size_t)ID_BYTES : 0));
}

/* All columns are one allocation, the widest first, so that each is aligned:  link | id_hash | ms | slot_low  */
enum sh_status cell_resize(struct sh_event_cell *cell, uint32_t capacity, bool with_ids) {
    uint8_t *memory = sh_alloc(column_bytes(capacity, with_ids));
    if (memory == NULL) return SH_ERR_MEMORY;
    const size_t rows = cell->row_count;
    uint64_t *link = (uint64_t *)(void *)memory;
    uint64_t *id_hash = with_ids ? link + capacity : NULL;
    uint32_t *ms = (uint32_t *)(void *)(memory + (size_t)capacity * (LINK_BYTES + (with_ids ? (size_t)ID_BYTES : 0)));
    uint16_t *slot_low = (uint16_t *)(void *)(ms + capacity);
    if (rows > 0) {
        memcpy(link, cell->link, rows * LINK_BYTES);
        memcpy(ms, cell->ms, rows * MS_BYTES);
        memcpy(slot_low, cell->slot_low, rows * SLOT_BYTES);
        if (with_ids && cell->id_hash != NULL) memcpy(id_hash, cell->id_hash, rows * ID_BYTES);
        if (with_ids && cell->id_hash == NULL) memset(id_hash, 0, rows * ID_BYTES);
    }
    sh_free(cell->link);
    cell->link = link;
    cell->id_hash = id_hash;
    cell->ms = ms;
    cell->slot_low = slot_low;
    cell->capacity = capacity;
    return SH_OK;
}

static enum sh_status cell_reserve_properties(struct sh_event_cell *cell, uint32_t property_count) {
    struct sh_strip *strips =
        sh_realloc(cell->properties, cell->property_count * sizeof *strips, property_count * sizeof *strips);
    if (strips == NULL) return SH_ERR_MEMORY;
    cell->properties = strips;
    while (cell->property_count < property_count) {
        struct sh_strip *strip = &cell->properties[cell->property_count];
        sh_strip_init(strip);
        const enum sh_status status = sh_strip_append_missing(strip, cell->row_count);
        if (status != SH_OK) {
            sh_strip_deinit(strip);
            return status; /* those before it stay: all missing, which is what they say */
        }
        cell->property_count++;
    }
    return SH_OK;
}

enum sh_status cell_reserve(struct sh_event_cell *cell, bool with_ids, uint32_t property_count) {
    if (property_count > cell->property_count) {
        const enum sh_status status = cell_reserve_properties(cell, property_count);
        if (status != SH_OK) return status;
    }
    const bool has_ids = cell->id_hash != NULL;
    if (cell->row_count < cell->capacity && (has_ids || !with_ids)) return SH_OK;
    uint32_t capacity = cell->capacity;
    if (cell->row_count == cell->capacity) {
        if (capacity > UINT32_MAX / 2) return SH_ERR_LIMIT;
        if (capacity < CELL_ROWS_FIRST)
            capacity = CELL_ROWS_FIRST;
        else
            capacity += capacity < CELL_ROWS_DOUBLED ? capacity : capacity / 2;
    }
    return cell_resize(cell, capacity, has_ids || with_ids);
}

void cell_cut_strips(struct sh_event_cell *cell) {
    sh_strip_truncate(&cell->item, cell->row_count);
    sh_strip_truncate(&cell->amount, cell->row_count);
    for (uint32_t i = 0; i < cell->property_count; i++)
        sh_strip_truncate(&cell->properties[i], cell->row_count);
}

/* Cannot fail: the value (or the missing one) that comes to `row` is of this strip already, so width, base and the
 * present bits have room for it. */
static void strip_move_last(struct sh_strip *strip, uint32_t row) {
    int64_t value;
    const uint32_t last = strip->count - 1;
    if (row != last) {
        const bool present = sh_strip_get(strip, last, &value);
        const enum sh_status status = present ? sh_strip_set(strip, row, value) : sh_strip_clear(strip, row);
        sh_assert(status == SH_OK);
    }
    sh_strip_truncate(strip, last);
}

void cell_move_last(struct sh_event_cell *cell, uint32_t row) {
    const uint32_t last = cell->row_count - 1;
    cell->slot_low[row] = cell->slot_low[last];
    cell->ms[row] = cell->ms[last];
    cell->link[row] = cell->link[last];
    cell->slot_low[last] = 0;
    cell->ms[last] = 0;
    cell->link[last] = LINK_NONE;
    if (cell->id_hash != NULL) {
        cell->id_hash[row] = cell->id_hash[last];
        cell->id_hash[last] = 0;
    }
    strip_move_last(&cell->item, row);
    strip_move_last(&cell->amount, row);
    for (uint32_t i = 0; i < cell->property_count; i++)
        strip_move_last(&cell->properties[i], row);
    cell->row_count = last;
}

static void strip_trim(struct sh_strip *strip) {
    const enum sh_status status = sh_strip_rebuild(strip);
    (void)status; /* for want of memory it stays roomy, and as right as it was */
}

void cell_trim(struct sh_event_cell *cell) {
    if (cell->row_count == 0) {
        cell_release(cell);
        return;
    }
    if (cell->capacity > cell->row_count) {
        const enum sh_status status = cell_resize(cell, cell->row_count, cell->id_hash != NULL);
        (void)status; /* as strip_trim */
    }
    strip_trim(&cell->item);
    strip_trim(&cell->amount);
    for (uint32_t i = 0; i < cell->property_count; i++)
        strip_trim(&cell->properties[i]);
}

void cell_release(struct sh_event_cell *cell) {
    sh_free(cell->link);
    cell->link = NULL;
    cell->id_hash = NULL;
    cell->ms = NULL;
    cell->slot_low = NULL;
    cell->capacity = 0;
    cell->row_count = 0;
    sh_strip_deinit(&cell->item);
    sh_strip_deinit(&cell->amount);
    for (uint32_t i = 0; i < cell->property_count; i++)
        sh_strip_deinit(&cell->properties[i]);
    sh_free(cell->properties);
    cell->properties = NULL;
    cell->property_count = 0;
}

size_t cell_memory_bytes(const struct sh_event_cell *cell) {
    size_t bytes = sizeof *cell + column_bytes(cell->capacity, cell->id_hash != NULL);
    bytes += sh_strip_memory_bytes(&cell->item) + sh_strip_memory_bytes(&cell->amount);
    bytes += cell->property_count * sizeof *cell->properties;
    for (uint32_t i = 0; i < cell->property_count; i++)
        bytes += sh_strip_memory_bytes(&cell->properties[i]);
    return bytes;
}

/* ---- Heads ---- */

enum sh_status head_reserve(struct sh_event_store *store, uint32_t slot) {
    const uint32_t block = slot / SH_EVENT_BLOCK_SLOTS;
    const uint32_t place = slot % SH_EVENT_BLOCK_SLOTS;
    if (block >= store->head_block_count) {
        const enum sh_status status =
            sh_grow((void **)&store->heads, &store->head_block_capacity, (uint64_t)block + 1, sizeof *store->heads);
        if (status != SH_OK) return status;
        memset(&store->heads[store->head_block_count], 0, (block + 1 - store->head_block_count) * sizeof *store->heads);
        store->head_block_count = block + 1;
    }
    struct head_block *heads = &store->heads[block];
    if (place < heads->capacity) return SH_OK;
    uint32_t capacity = heads->capacity < HEADS_FIRST ? HEADS_FIRST : heads->capacity * 2;
    while (capacity <= place)
        capacity *= 2;
    uint64_t *links = sh_realloc(heads->links, (size_t)heads->capacity * LINK_BYTES, (size_t)capacity * LINK_BYTES);
    if (links == NULL) return SH_ERR_MEMORY;
    memset(links + heads->capacity, 0, (size_t)(capacity - heads->capacity) * LINK_BYTES);
    heads->links = links;
    heads->capacity = capacity;
    return SH_OK;
}
