/* event_archive.c -- the store as a section of an archive.
 *
 *   section events 1
 *     types     u32 count, then for each   name, u8 amount_scale, u32 keep_days, u32 count of properties, then for each
 *                                          name, u8 type, u8 scale, u8 is_date
 *                                          ENUM, STRING: the dictionary; ENUM: u32 code of each rank
 *     sweeps    i64 day of the latest, u8 is_sweep_due
 *     blocks    u32 count of heads' blocks
 *     cells     u32 count, u32 the number to be given out next of those that were swept, or 0
 *               then by number             struct cell_head; of one that was swept, `day` is the number after it;
 *                                          and if it has rows: link, id_hash if has_ids, ms, slot_low,
 *                                          strips item, amount, properties
 *     heads     for each block             u32 count up to the last that is not empty, u64 links
 *
 * Cells keep their numbers, so links are written as they are. Room to grow is not written, so that a store and its copy
 * write the same bytes as long as the same happens to both.
 *
 * Loading trusts nothing. Strips are checked as they are read; days, sums and bounds are made anew from the rows; and
 * all histories are walked. A walk that meets only rows of its own slot, whose times never rise, and all walks together
 * exactly as many rows as there are, have met each row exactly once: two links to one row would be a ring, which never
 * ends, or two slots.
 */
#include <string.h>

#include "event_private.h"
#include "memory.h"

enum {
    EVENTS_VERSION = 1,
    CELL_HAS_IDS = 1,
    CELL_IS_FREE = 2,                   /* it was swept */
    BLOCK_COUNT_MAX = 1 << 15,          /* 2^31 slots */
    CELL_COUNT_MAX = INT32_MAX,         /* a link's upper half */
    PROPERTY_BYTES_MIN = 4 + 1 + 1 + 1, /* in the archive, at least */
    TYPE_BYTES_MIN = 4 + 1 + 4 + 4,
    CHUNK = 1024,
    LANE_COUNT = 32, /* histories walked side by side: a walk waits for memory at each step */
};

struct cell_head {
    int64_t day_start_ms;
    int32_t day;
    uint32_t block;
    uint32_t row_count;
    uint16_t property_count;
    uint8_t type;
    uint8_t flags;
};
_Static_assert(sizeof(struct cell_head) == 24, "written as is: no padding");

/* ---- Saving ---- */

static void save_property(const struct sh_event_property *property, struct sh_archive_writer *writer) {
    sh_archive_put_text(writer, property->name);
    sh_archive_put_u8(writer, (uint8_t)property->type);
    sh_archive_put_u8(writer, property->scale);
    sh_archive_put_u8(writer, property->is_date);
    if (property->type != SH_TYPE_ENUM && property->type != SH_TYPE_STRING) return;
    sh_dictionary_save(&property->texts, writer);
    if (property->type == SH_TYPE_STRING) return;
    sh_archive_put(writer, property->code_of_rank, sh_dictionary_count(&property->texts) * sizeof(uint32_t));
}

static void save_types(const struct sh_event_store *store, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, store->type_count);
    for (uint32_t i = 0; i < store->type_count; i++) {
        const struct sh_event_type *type = sh_event_type(store, i);
        sh_archive_put_text(writer, type->name);
        sh_archive_put_u8(writer, type->amount_scale);
        sh_archive_put_u32(writer, type->keep_days);
        sh_archive_put_u32(writer, type->property_count);
        for (uint32_t p = 0; p < type->property_count; p++)
            save_property(type->properties[p], writer);
    }
}

static void save_cell(const struct sh_event_cell *cell, struct sh_archive_writer *writer) {
    const size_t rows = cell->row_count;
    const struct cell_head head = {.day_start_ms = cell->day_start_ms,
                                   .day = cell->day,
                                   .block = cell->block,
                                   .row_count = cell->row_count,
                                   .property_count = rows == 0 ? 0 : cell->property_count,
                                   .type = cell->type,
                                   .flags = rows > 0 && cell->id_hash != NULL ? CELL_HAS_IDS : 0};
    sh_archive_put(writer, &head, sizeof head);
    if (rows == 0) return;
    sh_archive_put(writer, cell->link, rows * sizeof *cell->link);
    if (cell->id_hash != NULL) sh_archive_put(writer, cell->id_hash, rows * sizeof *cell->id_hash);
    sh_archive_put(writer, cell->ms, rows * sizeof *cell->ms);
    sh_archive_put(writer, cell->slot_low, rows * sizeof *cell->slot_low);
    sh_strip_save(&cell->item, writer);
    sh_strip_save(&cell->amount, writer);
    for (uint32_t i = 0; i < cell->property_count; i++)
        sh_strip_save(&cell->properties[i], writer);
}

static void save_heads(const struct head_block *heads, struct sh_archive_writer *writer) {
    uint32_t count = heads->capacity;
    while (count > 0 && heads->links[count - 1] == LINK_NONE)
        count--;
    sh_archive_put_u32(writer, count);
    sh_archive_put(writer, heads->links, count * sizeof *heads->links);
}

void sh_event_store_save(const struct sh_event_store *store, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "events", EVENTS_VERSION);
    save_types(store, writer);
    sh_archive_put_i64(writer, store->swept_day);
    sh_archive_put_u8(writer, store->is_sweep_due);
    sh_archive_put_u32(writer, store->head_block_count);
    sh_archive_put_u32(writer, store->cell_count - 1);
    sh_archive_put_u32(writer, store->free_cell);
    for (uint32_t i = 1; i < store->cell_count; i++) {
        const struct cell_head free_head = {.day = store->cell_days[i], .flags = CELL_IS_FREE};
        if (i + 4 < store->cell_count) __builtin_prefetch(store->cells[i + 4]); /* they lie anywhere */
        if (store->cells[i] == NULL)
            sh_archive_put(writer, &free_head, sizeof free_head);
        else
            save_cell(store->cells[i], writer);
    }
    for (uint32_t i = 0; i < store->head_block_count; i++)
        save_heads(&store->heads[i], writer);
    sh_archive_end(writer);
}

/* ---- Loading: schema ---- */

struct loading {
    struct sh_event_store *store;
    const struct sh_event_bounds *bounds;
    struct sh_archive_reader *reader;
    uint32_t block_count;
};

/* What a schema call refuses, the archive should not have said. */
static bool took(struct loading *loading, enum sh_status status, const struct sh_error *err) {
    if (status == SH_ERR_MEMORY) (void)sh_archive_refuse_memory(loading->reader);
    if (status != SH_OK) (void)sh_archive_refuse(loading->reader, "%s", err->message);
    return status == SH_OK;
}

/* The ranks of an enum's codes, which must be a permutation. */
static bool load_ranks(struct loading *loading, struct sh_event_property *property) {
    const uint32_t count = sh_dictionary_count(&property->texts);
    if (!sh_archive_get(loading->reader, property->code_of_rank, count * sizeof(uint32_t))) return false;
    memset(property->rank_of_code, 0xFF, count * sizeof(uint32_t));
    for (uint32_t rank = 0; rank < count; rank++) {
        const uint32_t code = property->code_of_rank[rank];
        if (code >= count || property->rank_of_code[code] != UINT32_MAX) {
            (void)sh_archive_refuse(loading->reader, "the ranks of labels are no permutation of their codes");
            return false;
        }
        property->rank_of_code[code] = rank;
    }
    return true;
}

/* Labels are added in order of their codes, so that each gets its own; then they are ranked. */
static bool add_property(struct loading *loading, uint32_t type, struct sh_attribute_spec *spec,
                         struct sh_dictionary *texts) {
    struct sh_text *labels = NULL;
    struct sh_error err;
    uint32_t index;
    spec->label_count = spec->type == SH_TYPE_ENUM ? sh_dictionary_count(texts) : 0;
    if (spec->label_count > 0) {
        labels = sh_alloc(spec->label_count * sizeof *labels);
        if (labels == NULL) {
            (void)sh_archive_refuse_memory(loading->reader);
            return false;
        }
    }
    for (uint32_t i = 0; i < spec->label_count; i++)
        labels[i] = sh_dictionary_text(texts, i);
    spec->labels = labels;
    const uint32_t count_before = loading->store->types[type]->public.property_count;
    bool ok = took(loading, sh_event_property_add(loading->store, type, spec, &index, &err), &err);
    sh_free(labels);
    if (ok && index != count_before) {
        (void)sh_archive_refuse(loading->reader, "a property of an event type is there twice");
        ok = false;
    }
    if (!ok) return false;
    struct sh_event_property *property = loading->store->types[type]->public.properties[index];
    if (property->type == SH_TYPE_ENUM) return load_ranks(loading, property);
    if (property->type == SH_TYPE_STRING) { /* the texts move in, what is left is freed by the caller */
        const struct sh_dictionary empty = property->texts;
        property->texts = *texts;
        *texts = empty;
    }
    return true;
}

static bool load_property(struct loading *loading, uint32_t type) {
    struct sh_archive_reader *reader = loading->reader;
    const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a property");
    struct sh_attribute_spec spec = {.name = name};
    struct sh_dictionary texts;
    const uint8_t kind = sh_archive_get_u8(reader);
    spec.scale = sh_archive_get_u8(reader);
    spec.is_date = sh_archive_get_bool(reader);
    if (kind >= SH_TYPE_COUNT) (void)sh_archive_refuse(reader, "a property is of an unknown type");
    spec.type = (enum sh_type)kind;
    sh_dictionary_init(&texts, spec.type == SH_TYPE_ENUM ? (uint32_t)SH_VALUE_BITMAP_COUNT_MAX
                                                         : (uint32_t)SH_DICTIONARY_COUNT_MAX);
    bool ok = !sh_archive_failed(reader);
    if (ok && (spec.type == SH_TYPE_ENUM || spec.type == SH_TYPE_STRING))
        ok = sh_dictionary_load(&texts, reader) == SH_OK;
    ok = ok && add_property(loading, type, &spec, &texts);
    sh_dictionary_deinit(&texts);
    sh_free((char *)(uintptr_t)name.bytes);
    return ok;
}

static bool load_types(struct loading *loading) {
    struct sh_archive_reader *reader = loading->reader;
    const uint32_t count = sh_archive_get_count(reader, SH_EVENT_TYPE_COUNT_MAX, TYPE_BYTES_MIN, "event types");
    for (uint32_t i = 0; i < count; i++) {
        struct sh_error err;
        uint32_t number;
        const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of an event type");
        const uint8_t scale = sh_archive_get_u8(reader);
        const uint32_t keep_days = sh_archive_get_u32(reader);
        if (keep_days > SH_KEEP_DAYS_MAX) (void)sh_archive_refuse(reader, "events are kept for %u days", keep_days);
        const uint32_t property_count =
            sh_archive_get_count(reader, SH_EVENT_PROPERTY_COUNT_MAX, PROPERTY_BYTES_MIN, "properties");
        bool ok = !sh_archive_failed(reader);
        ok = ok && took(loading, sh_event_type_add(loading->store, name, scale, &number, &err), &err);
        sh_free((char *)(uintptr_t)name.bytes);
        if (ok && number != i) (void)sh_archive_refuse(reader, "an event type is there twice");
        if (ok) loading->store->types[number]->public.keep_days = keep_days;
        for (uint32_t p = 0; ok && p < property_count; p++)
            ok = load_property(loading, i);
        if (!ok || sh_archive_failed(reader)) return false;
    }
    return !sh_archive_failed(reader);
}

/* ---- Loading: cells ---- */

/* All values of a strip lie between its bounds. */
static bool strip_is_within(const struct sh_strip *strip, int64_t low, int64_t high) {
    return strip->missing_count == strip->count || (strip->min >= low && strip->max <= high);
}

static const char *fault_of_property(const struct sh_event_cell *cell, const struct sh_strip *strip,
                                     const struct sh_event_property *property) {
    if (strip->count != cell->row_count) return "a strip has not one entry a row";
    if (strip->missing_count == strip->count) return NULL;
    if (!property_value_is_valid(property, property->is_date ? 0 : strip->min) ||
        !property_value_is_valid(property, property->is_date ? 0 : strip->max))
        return "a property has a value that its type does not allow";
    int64_t value;
    for (uint32_t row = 0; property->is_date && row < strip->count; row++) {
        if (sh_strip_get(strip, row, &value) && !property_value_is_valid(property, value))
            return "a date is not at midnight";
    }
    return NULL;
}

static const char *fault_of_cell(const struct loading *loading, const struct sh_event_cell *cell) {
    const struct sh_event_type *type = sh_event_type(loading->store, cell->type);
    if (cell->item.count != cell->row_count || cell->amount.count != cell->row_count)
        return "a strip has not one entry a row";
    if (!strip_is_within(&cell->item, 0, (int64_t)loading->bounds->item_end - 1))
        return "an event names an item that is not there";
    for (uint32_t i = 0; i < cell->property_count; i++) {
        const char *fault = fault_of_property(cell, &cell->properties[i], type->properties[i]);
        if (fault != NULL) return fault;
    }
    const int64_t first_ms = cell->day_start_ms + (int64_t)cell->ms_min;
    const int64_t last_ms = cell->day_start_ms + (int64_t)cell->ms_max;
    return first_ms < SH_INSTANT_MIN || last_ms > SH_INSTANT_MAX ? "an event is outside the years 1 to 9999" : NULL;
}

/* What is kept of a cell's rows. */
static void count_cell(struct sh_event_cell *cell) {
    int64_t amounts[CHUNK];
    __int128 sum = 0;
    uint32_t low = UINT32_MAX;
    uint32_t high = 0;
    for (uint32_t row = 0; row < cell->row_count; row++) {
        low = cell->ms[row] < low ? cell->ms[row] : low;
        high = cell->ms[row] > high ? cell->ms[row] : high;
    }
    cell->ms_min = low;
    cell->ms_max = high;
    for (uint32_t first = 0; cell->amount.count == cell->row_count && first < cell->row_count; first += CHUNK) {
        const uint32_t count = cell->row_count - first < CHUNK ? cell->row_count - first : CHUNK;
        sh_strip_read(&cell->amount, first, count, amounts);
        for (uint32_t i = 0; i < count; i++)
            sum += amounts[i];
    }
    cell->totals = (struct sh_event_totals){
        .count = cell->row_count, .amount_count = cell->row_count - cell->amount.missing_count, .amount_sum = sum};
}

static bool load_rows(struct loading *loading, struct sh_event_cell *cell, const struct cell_head *head) {
    struct sh_archive_reader *reader = loading->reader;
    const size_t rows = head->row_count;
    const bool has_ids = head->flags & CELL_HAS_IDS;
    const size_t row_bytes = sizeof(uint64_t) + sizeof(uint32_t) + sizeof(uint16_t) + (has_ids ? sizeof(uint64_t) : 0);
    if (rows > sh_archive_left(reader) / row_bytes) {
        (void)sh_archive_refuse(reader, "a cell of %zu events is longer than what is left", rows);
        return false;
    }
    if (cell_resize(cell, head->row_count, has_ids) != SH_OK) goto no_memory;
    (void)sh_archive_get(reader, cell->link, rows * sizeof *cell->link);
    if (has_ids) (void)sh_archive_get(reader, cell->id_hash, rows * sizeof *cell->id_hash);
    (void)sh_archive_get(reader, cell->ms, rows * sizeof *cell->ms);
    (void)sh_archive_get(reader, cell->slot_low, rows * sizeof *cell->slot_low);
    cell->row_count = head->row_count;
    if (sh_strip_load(&cell->item, cell->row_count, reader) != SH_OK) return false;
    if (sh_strip_load(&cell->amount, cell->row_count, reader) != SH_OK) return false;
    if (head->property_count > 0) {
        cell->properties = sh_alloc(head->property_count * sizeof *cell->properties);
        if (cell->properties == NULL) goto no_memory;
    }
    for (; cell->property_count < head->property_count; cell->property_count++) {
        sh_strip_init(&cell->properties[cell->property_count]);
        if (sh_strip_load(&cell->properties[cell->property_count], cell->row_count, reader) != SH_OK) return false;
    }
    count_cell(cell);
    const char *fault = fault_of_cell(loading, cell);
    if (fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
    return fault == NULL;

no_memory:
    (void)sh_archive_refuse_memory(reader);
    return false;
}

/* The places of the next number. */
static bool reserve_number(struct loading *loading) {
    struct sh_event_store *store = loading->store;
    const uint64_t needed = (uint64_t)store->cell_count + 1;
    if (sh_grow((void **)&store->cells, &store->cell_capacity, needed, sizeof *store->cells) == SH_OK &&
        sh_grow((void **)&store->cell_days, &store->cell_day_capacity, needed, sizeof *store->cell_days) == SH_OK)
        return true;
    (void)sh_archive_refuse_memory(loading->reader);
    return false;
}

static bool load_cell(struct loading *loading) {
    struct sh_event_store *store = loading->store;
    struct sh_archive_reader *reader = loading->reader;
    struct cell_head head;
    if (!sh_archive_get(reader, &head, sizeof head) || !reserve_number(loading)) return false;
    if (head.flags == CELL_IS_FREE) {
        store->cells[store->cell_count] = NULL;
        store->cell_days[store->cell_count++] = head.day;
        store->free_cell_count++;
        return true;
    }
    const bool is_good = head.type < store->type_count && head.block < loading->block_count &&
                         head.property_count <= store->types[head.type]->public.property_count &&
                         (head.flags & ~CELL_HAS_IDS) == 0 &&
                         (head.row_count > 0 || (head.property_count == 0 && head.flags == 0)) &&
                         head.day_start_ms >= SH_INSTANT_MIN - 2 * SH_DAY_MS && head.day_start_ms <= SH_INSTANT_MAX;
    if (!is_good) {
        (void)sh_archive_refuse(reader, "the head of cell %u cannot be", store->cell_count);
        return false;
    }
    struct sh_event_cell *cell = sh_alloc_zero(sizeof *cell);
    if (cell == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    cell->number = store->cell_count;
    cell->type = head.type;
    cell->day = head.day;
    cell->day_start_ms = head.day_start_ms;
    cell->block = head.block;
    sh_strip_init(&cell->item);
    sh_strip_init(&cell->amount);
    store->cells[cell->number] = cell;
    store->cell_days[cell->number] = cell->day;
    store->cell_count++;
    if (head.row_count > 0 && !load_rows(loading, cell, &head)) return false;
    store->event_count += cell->row_count;
    return true;
}

static bool load_heads(struct loading *loading) {
    struct sh_event_store *store = loading->store;
    struct sh_archive_reader *reader = loading->reader;
    const size_t directory_bytes = loading->block_count * sizeof *store->heads;
    if (sh_grow((void **)&store->heads, &store->head_block_capacity, loading->block_count, sizeof *store->heads) !=
        SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return false;
    }
    if (directory_bytes > 0) memset(store->heads, 0, directory_bytes);
    store->head_block_count = loading->block_count;
    for (uint32_t block = 0; block < loading->block_count; block++) {
        const uint32_t count =
            sh_archive_get_count(reader, SH_EVENT_BLOCK_SLOTS, sizeof(uint64_t), "histories of a block");
        if (sh_archive_failed(reader)) return false;
        if (count == 0) continue;
        if (head_reserve(store, block * SH_EVENT_BLOCK_SLOTS + count - 1) != SH_OK) {
            (void)sh_archive_refuse_memory(reader);
            return false;
        }
        if (!sh_archive_get(reader, store->heads[block].links, count * sizeof(uint64_t))) return false;
    }
    return true;
}

/* ---- Loading: histories ---- */

/* One history being walked. At each step its memory is asked for; the other lanes' steps pass until it is there. */
struct lane {
    uint64_t link; /* LINK_NONE: the lane is free */
    uint32_t slot;
    uint8_t stage; /* what was asked for: 0 nothing, 1 the cell's struct, 2 the row's columns */
    int64_t newer_ms;
};

/* NULL: as it should be, so far. */
static const char *lane_step(const struct sh_event_store *store, struct lane *lane, uint64_t *walked) {
    const uint32_t row = link_row(lane->link);
    if (lane->stage == 0) {
        const uint64_t number = lane->link >> 32; /* cells[0] is not used, not even by NULL */
        if (number == 0 || number >= store->cell_count || store->cells[number] == NULL)
            return "a link names a cell that is not there";
        __builtin_prefetch(link_cell(store, lane->link));
        __builtin_prefetch((const uint8_t *)link_cell(store, lane->link) + 64);
        lane->stage = 1;
        return NULL;
    }
    const struct sh_event_cell *cell = link_cell(store, lane->link);
    if (lane->stage == 1) {
        if (row >= cell->row_count) return "a link names a row that is not there";
        __builtin_prefetch(&cell->slot_low[row]);
        __builtin_prefetch(&cell->ms[row]);
        __builtin_prefetch(&cell->link[row]);
        lane->stage = 2;
        return NULL;
    }
    const int64_t time_ms = cell->day_start_ms + (int64_t)cell->ms[row];
    if (cell->block * SH_EVENT_BLOCK_SLOTS + cell->slot_low[row] != lane->slot)
        return "a history holds another user's event";
    if (time_ms > lane->newer_ms) return "a history is not in order of time";
    if (++*walked > store->event_count) return "a history goes round in a ring";
    lane->newer_ms = time_ms;
    lane->link = cell->link[row];
    lane->stage = 0;
    return NULL;
}

/* The next slot that has a history, or false. */
static bool next_history(const struct sh_event_store *store, uint64_t *slot, struct lane *lane) {
    for (; *slot < (uint64_t)store->head_block_count * SH_EVENT_BLOCK_SLOTS; ++*slot) {
        const struct head_block *heads = &store->heads[*slot / SH_EVENT_BLOCK_SLOTS];
        const uint32_t place = (uint32_t)(*slot % SH_EVENT_BLOCK_SLOTS);
        if (place >= heads->capacity) {
            *slot += SH_EVENT_BLOCK_SLOTS - place - 1;
            continue;
        }
        if (heads->links[place] == LINK_NONE) continue;
        *lane = (struct lane){.link = heads->links[place], .slot = (uint32_t)*slot, .newer_ms = INT64_MAX};
        ++*slot;
        return true;
    }
    return false;
}

static const char *fault_of_histories(const struct loading *loading) {
    const struct sh_event_store *store = loading->store;
    struct lane lanes[LANE_COUNT] = {{0}};
    uint64_t slot = 0;
    uint64_t walked = 0;
    for (bool is_walking = true; is_walking;) {
        is_walking = false;
        for (uint32_t i = 0; i < LANE_COUNT; i++) {
            struct lane *lane = &lanes[i];
            if (lane->link == LINK_NONE) {
                if (!next_history(store, &slot, lane)) continue;
                if (!sh_bitmap_contains(loading->bounds->users, lane->slot))
                    return "somebody who is not there has a history";
            }
            is_walking = true;
            const char *fault = lane_step(store, lane, &walked);
            if (fault != NULL) return fault;
        }
    }
    return walked == store->event_count ? NULL : "an event is in no history";
}

/* ---- Loading: days ---- */

static void totals_merge(struct sh_event_totals *into, const struct sh_event_totals *from) {
    into->count += from->count;
    into->amount_count += from->amount_count;
    into->amount_sum += from->amount_sum;
}

/* Put a cell into its day. *fits: the zone still cuts that day as it did. */
static bool attach_cell(struct loading *loading, struct sh_event_cell *cell, bool *fits) {
    struct event_type *type = loading->store->types[cell->type];
    struct sh_event_day *day;
    /* A day may begin before the year 1. */
    const int64_t inside_ms = cell->day_start_ms < SH_INSTANT_MIN ? SH_INSTANT_MIN : cell->day_start_ms;
    if (day_find_or_make(loading->store, type, inside_ms, &day) != SH_OK ||
        day_reserve_block(day, cell->block) != SH_OK) {
        (void)sh_archive_refuse_memory(loading->reader);
        return false;
    }
    *fits = day->day == cell->day && day->start_ms == cell->day_start_ms &&
            (cell->row_count == 0 || day->start_ms + (int64_t)cell->ms_max < day->end_ms);
    if (!*fits) return true;
    if (day->cells[cell->block] != NULL) {
        (void)sh_archive_refuse(loading->reader, "two cells have the same type, day and block");
        return false;
    }
    day->cells[cell->block] = cell;
    totals_merge(&day->totals, &cell->totals);
    totals_merge(&type->public.totals, &cell->totals);
    return true;
}

/* Numbers to be given out again: each that is free, once. */
static bool free_numbers_are_good(const struct sh_event_store *store) {
    uint32_t count = 0;
    for (uint32_t number = store->free_cell; number != 0; number = (uint32_t)store->cell_days[number]) {
        if (number >= store->cell_count || store->cells[number] != NULL || ++count > store->free_cell_count)
            return false;
    }
    return count == store->free_cell_count;
}

static void load_sweeps(struct loading *loading) {
    struct sh_event_store *store = loading->store;
    const int64_t day = sh_archive_get_i64(loading->reader);
    store->is_sweep_due = sh_archive_get_bool(loading->reader);
    if (sh_archive_failed(loading->reader) || day == INT32_MIN) return;
    if (day < SH_INSTANT_MIN / SH_DAY_MS || day > SH_INSTANT_MAX / SH_DAY_MS) {
        (void)sh_archive_refuse(loading->reader, "the day of the latest sweep is outside the years 1 to 9999");
        return;
    }
    store->swept_day = (int32_t)day;
    store->next_sweep_ms = sh_zone_day_start_ms(store->zone, store->swept_day + 1);
}

static bool load_cells(struct loading *loading) {
    struct sh_event_store *store = loading->store;
    struct sh_archive_reader *reader = loading->reader;
    const uint32_t count = sh_archive_get_count(reader, CELL_COUNT_MAX, sizeof(struct cell_head), "cells");
    store->free_cell = sh_archive_get_u32(reader);
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        if (!load_cell(loading)) return false;
    }
    if (!sh_archive_failed(reader) && !free_numbers_are_good(store))
        (void)sh_archive_refuse(reader, "the numbers of cells that were swept are not those that are free");
    return !sh_archive_failed(reader);
}

static bool load_all(struct loading *loading) {
    struct sh_archive_reader *reader = loading->reader;
    struct sh_event_store *store = loading->store;
    if (!load_types(loading)) return false;
    load_sweeps(loading);
    loading->block_count = sh_archive_get_count(reader, BLOCK_COUNT_MAX, sizeof(uint32_t), "blocks of histories");
    if (!load_cells(loading) || !load_heads(loading)) return false;
    const char *fault = fault_of_histories(loading);
    if (fault != NULL) {
        (void)sh_archive_refuse(reader, "%s", fault);
        return false;
    }
    bool fits = true;
    for (uint32_t i = 1; fits && i < store->cell_count; i++) {
        if (store->cells[i] != NULL && !attach_cell(loading, store->cells[i], &fits)) return false;
    }
    if (fits || cut_days_anew(store) == SH_OK) return true;
    (void)sh_archive_refuse_memory(reader);
    return false;
}

enum sh_status sh_event_store_load(const struct sh_zone *zone, const struct sh_event_bounds *bounds,
                                   struct sh_archive_reader *reader, struct sh_event_store **store) {
    *store = NULL;
    if (sh_archive_enter(reader, "events", EVENTS_VERSION) == 0) return sh_archive_status(reader, NULL);
    struct loading loading = {.store = sh_event_store_create(zone), .bounds = bounds, .reader = reader};
    if (loading.store == NULL) return sh_archive_refuse_memory(reader);
    if (load_all(&loading)) sh_archive_leave(reader);
    if (sh_archive_failed(reader))
        sh_event_store_destroy(loading.store);
    else
        *store = loading.store;
    return sh_archive_status(reader, NULL);
}
