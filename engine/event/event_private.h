/* event_private.h -- inside the event store: for the files of this module and its tests. */
#ifndef SH_EVENT_PRIVATE_H
#define SH_EVENT_PRIVATE_H

#include "event_store.h"

/* A type with what only the store needs. The public part comes first, so that one pointer is both. */
struct event_type {
    struct sh_event_type public;
    uint32_t property_capacity;
    uint32_t day_capacity;
    uint32_t recent_day; /* index of the day found last: events come day by day */
};

/* The newest event of each slot of a block. Grows with the highest slot seen; slots at or above capacity have none. */
struct head_block {
    uint64_t *links;
    uint32_t capacity;
};

struct sh_event_store {
    const struct sh_zone *zone;
    struct event_type **types;
    uint32_t type_count;
    uint32_t type_capacity;
    struct sh_event_cell **cells; /* by number, NULL: swept; [0] is not used, so that link 0 can mean "none" */
    int32_t *cell_days;  /* by number: the day alone, dense, for the usual question whether an event is newer */
    uint32_t cell_count; /* numbers given out, 0 included */
    uint32_t cell_capacity;
    uint32_t cell_day_capacity;
    struct head_block *heads;
    uint32_t head_block_count;
    uint32_t head_block_capacity;
    /* Numbers of cells that were swept: the latest of them, and in cell_days the one before it; 0: no more. */
    uint32_t free_cell;
    uint32_t free_cell_count;
    int32_t swept_day; /* the latest day that a sweep was told of; INT32_MIN: none */
    bool is_sweep_due; /* a type is kept for another time since the latest sweep */
    int64_t next_sweep_ms;
    uint64_t event_count;
    uint64_t change;   /* see sh_event_change */
    uint64_t appended; /* link of the event stored last, or LINK_NONE */
    uint64_t schema_version;
    uint64_t text_version;
};

/* A link names a row: cell number above, row below; 0 names none. */
#define LINK_NONE UINT64_C(0)
static inline uint64_t link_make(const struct sh_event_cell *cell, uint32_t row) {
    return (uint64_t)cell->number << 32 | row;
}
static inline struct sh_event_cell *link_cell(const struct sh_event_store *store, uint64_t link) {
    return store->cells[link >> 32];
}
static inline uint32_t link_row(uint64_t link) {
    return (uint32_t)link;
}
static inline uint64_t head_get(const struct sh_event_store *store, uint32_t slot) {
    const uint32_t block = slot / SH_EVENT_BLOCK_SLOTS;
    const uint32_t place = slot % SH_EVENT_BLOCK_SLOTS;
    if (block >= store->head_block_count || place >= store->heads[block].capacity) return LINK_NONE;
    return store->heads[block].links[place];
}

/* event_cell.c */

/* The day's cell of the block, made if it is not there. */
SH_MUST_CHECK enum sh_status cell_find_or_make(struct sh_event_store *store, struct event_type *type,
                                               struct sh_event_day *day, uint32_t block, struct sh_event_cell **cell);
/* The day that holds the instant, made if it is not there. */
SH_MUST_CHECK enum sh_status day_find_or_make(struct sh_event_store *store, struct event_type *type, int64_t time_ms,
                                              struct sh_event_day **day);
/* The first instant after that day. */
int64_t day_end_ms(const struct sh_zone *zone, int32_t day);
/* The day of that number, which is there. */
struct sh_event_day *day_of_number(const struct sh_event_type *type, int32_t day);
/* A place for the cell of that block. */
SH_MUST_CHECK enum sh_status day_reserve_block(struct sh_event_day *day, uint32_t block);
/* Columns for so many rows, which is at least row_count. */
SH_MUST_CHECK enum sh_status cell_resize(struct sh_event_cell *cell, uint32_t capacity, bool with_ids);
/* Room for one more row, with ids if wanted, and strips for property_count properties. Changes no row. */
SH_MUST_CHECK enum sh_status cell_reserve(struct sh_event_cell *cell, bool with_ids, uint32_t property_count);
/* Let the strips have exactly row_count entries again, after a row that could not be finished. */
void cell_cut_strips(struct sh_event_cell *cell);
/* The last row moves to `row`, and is gone from its own place. Links to it are the caller's business. */
void cell_move_last(struct sh_event_cell *cell, uint32_t row);
void cell_trim(struct sh_event_cell *cell);
/* Give back all memory of a cell without rows. */
void cell_release(struct sh_event_cell *cell);
size_t cell_memory_bytes(const struct sh_event_cell *cell);
/* Put *links[place of the slot] within reach. */
SH_MUST_CHECK enum sh_status head_reserve(struct sh_event_store *store, uint32_t slot);

/* event_recut.c */

/* The cells and histories of the store are whole, its days need not be. On SH_ERR_MEMORY it can only be destroyed. */
SH_MUST_CHECK enum sh_status cut_days_anew(struct sh_event_store *store);

/* event_schema.c */

bool property_value_is_valid(const struct sh_event_property *property, int64_t value);
void type_destroy(struct event_type *type);

#endif
