/* event_store.h -- everything users did, once, in the order that questions about windows read it.
 *
 * "Bought twice in the last 30 days" touches one event type, 30 days, and all users. So events are kept in cells, one
 * for each (type, local day of the workspace's zone, block of 65,536 user slots), and a cell is a handful of columns:
 *
 *   type "purchase"                      cell (purchase, 20,454, block 1)
 *   day     block 0  block 1  block 2    row        0    1    2    3 ..
 *   20,453  [cell]   [cell]   (none)     slot_low  17  903   17    4     user slot - 65,536, 2 bytes
 *   20,454  [cell]   [cell] ----------.  ms        ..   ..   ..   ..     after the day's first instant, 4 bytes
 *   20,455  (none)   [cell]   [cell]   > link      -> the user's event before this one, of any type, 8 bytes
 *                                        id_hash   ..   0    ..   0      only if an event of the cell has an id
 *                                        item, amount, each property: a strip each, 0 to 8 bytes a row
 *
 * The cell is at once the rollup of its day: who (slot_low), how often (rows), how much (kept sums). A whole day costs
 * 2 bytes an event to read; only the days at the edges of a window compare ms. Totals are kept per day and per type.
 *
 * A user's history is a list through the cells: a head a slot, newest event first, then link by link. Its order is
 * (time, arrival), descending. A late event goes to its own day's cell and into its place in the list:
 *
 *   head[17] -> (view, today, row 88) -> (purchase, yesterday, row 2) -> (view, yesterday, row 0) -> none
 *
 * Identity. An event with an id is (user, type, time, id hash); a second one is a duplicate and changes nothing. It is
 * found in the user's own history, among the events of the same time. Events without an id are never duplicates.
 *
 * Cost. Appending in order is O(1): the head, the end of a cell, now and then a growth by half. An event later than n
 * events of the same user costs a walk over those n. So apply a batch in time order; a whole history loaded backwards
 * for one user is quadratic in that user's events, SH_EVENT_WALK_MAX being the most that one append may walk.
 * Days that are kept no longer are swept, cells and all (sh_event_sweep).
 * Memory: 14 bytes an event, 8 more with ids, plus the strips, plus 0 to 50 % room to grow, which cells of past days
 * give back; 8 bytes a user slot for the heads.
 *
 * Rules that hold after every call (sh_event_store_check tests them):
 *   - every row is in exactly one history, the one of its slot, and links descend by (time, arrival);
 *   - every strip of a cell has exactly row_count entries; slot, day and type of a row are those of its cell;
 *   - count, amount_count, amount_sum, ms_min and ms_max of cells, days and types agree with the rows, exactly;
 *   - no two rows have the same identity; days of a type ascend.
 * Rows of one cell are in order of arrival until a user of it is forgotten, then in any order: order between events is
 * the history's business.
 *
 * Failure: on any status but SH_OK the store holds the events it held (a day or cell without rows may be new).
 * Pointers handed out are good until the store is changed next, except that cells, days, types and properties never
 * move: their fields change, their addresses do not.
 * Threads: a store belongs to one shard; nothing here locks.
 */
#ifndef SH_EVENT_STORE_H
#define SH_EVENT_STORE_H

#include "archive.h"
#include "bounds.h"
#include "calendar.h"
#include "dictionary.h"
#include "prefetch.h"
#include "strip.h"
#include "table.h"

#define SH_NO_ITEM       UINT32_MAX
#define SH_NO_EVENT_TYPE UINT32_MAX

enum {
    SH_EVENT_BLOCK_SLOTS = 65536, /* user slots of one cell: slot_low is a u16 */
    /* The most events newer than an appended one that its walk may pass: about 0.1 s of cache misses. Somebody who has
     * more than a million events newer than a late one is a robot, and the event is refused with SH_ERR_LIMIT. */
    SH_EVENT_WALK_MAX = 1 << 20,
};

struct sh_event_store;

/* ---- What is kept: read it, never write it ---- */

/* Kept sums over a cell, a day or a type. */
struct sh_event_totals {
    uint64_t count;        /* events */
    uint64_t amount_count; /* of them with an amount */
    __int128 amount_sum;   /* in units of 10^-amount_scale */
};

struct sh_event_cell {
    uint32_t row_count; /* 0 when all of its events were forgotten, or none could be stored */
    uint32_t capacity;
    uint16_t *slot_low;
    uint32_t *ms;      /* after day_start_ms; days of 23 to 25 hours fit */
    uint64_t *link;    /* the same user's event before this one; see sh_event_history_next */
    uint64_t *id_hash; /* 0: this event has none; NULL: no event of the cell has */
    int64_t day_start_ms;
    uint32_t number; /* of the cell, from 1, in order of creation */
    uint32_t block;
    int32_t day;
    uint32_t ms_min; /* exact while row_count > 0 */
    uint32_t ms_max;
    uint8_t type;
    uint16_t property_count; /* strips in properties; the type may have more by now: those are all missing here */
    struct sh_event_totals totals;
    uint64_t changed;            /* the store's change when a row came or went last */
    struct sh_strip item;        /* item slots */
    struct sh_strip amount;      /* decimal units of the type's amount_scale */
    struct sh_strip *properties; /* canonical values as in table.h; a date is its UTC midnight */
};

struct sh_event_day {
    int32_t day;
    uint32_t block_count;          /* cells has so many places */
    int64_t start_ms;              /* first instant of the day */
    int64_t end_ms;                /* first instant after it */
    struct sh_event_cell **cells;  /* by block; NULL: nobody of that block did this on that day */
    struct sh_event_totals totals; /* over all blocks */
    uint64_t changed;              /* as a cell's: the latest of them */
};

struct sh_event_property {
    struct sh_text name;
    enum sh_type type;
    uint8_t scale;              /* DECIMAL */
    bool is_date;               /* TIME */
    struct sh_dictionary texts; /* ENUM: labels in order of arrival; STRING: values; code = place */
    uint32_t *rank_of_code;     /* ENUM: 0 is the lowest */
    uint32_t *code_of_rank;     /* ENUM: its inverse */
};

struct sh_event_type {
    struct sh_text name;
    uint32_t number;
    uint8_t amount_scale; /* digits after the point of amount */
    uint32_t keep_days;   /* events are kept for so many whole days before today; 0: for ever */
    uint32_t property_count;
    struct sh_event_property **properties;
    uint32_t day_count;
    struct sh_event_day **days; /* ascending by day */
    struct sh_event_totals totals;
    uint64_t swept; /* the store's change when days of it were let go last */
};

/* ---- Life ---- */

/* zone must outlive the store and cuts its days: a local day is [sh_zone_day_start_ms(day), that of the next day). NULL
 * if memory is out. */
struct sh_event_store *sh_event_store_create(const struct sh_zone *zone);
void sh_event_store_destroy(struct sh_event_store *store); /* NULL is fine */
const struct sh_zone *sh_event_store_zone(const struct sh_event_store *store);

/* ---- Schema: adding is online ---- */

/* Add a type, or find the same one there (then *number is its number). amount_scale is 0..SH_DECIMAL_SCALE_MAX.
 * SH_ERR_CONFLICT: the name is there with another scale; SH_ERR_LIMIT over SH_EVENT_TYPE_COUNT_MAX; SH_ERR_ARGUMENT:
 * not a name. */
SH_MUST_CHECK enum sh_status sh_event_type_add(struct sh_event_store *store, struct sh_text name, uint32_t amount_scale,
                                               uint32_t *number, struct sh_error *err);
/* Add a property to a type, or find it, or give an enum more labels: as sh_table_add_attribute. Events stored before it
 * have it missing; their cells are not touched. "amount", "time", "item" and "id" are taken. */
SH_MUST_CHECK enum sh_status sh_event_property_add(struct sh_event_store *store, uint32_t type,
                                                   const struct sh_attribute_spec *spec, uint32_t *index,
                                                   struct sh_error *err);
uint32_t sh_event_type_count(const struct sh_event_store *store);
const struct sh_event_type *sh_event_type(const struct sh_event_store *store, uint32_t number);
int32_t sh_event_type_find(const struct sh_event_store *store, struct sh_text name); /* -1 if there is none */
int32_t sh_event_property_find(const struct sh_event_type *type, struct sh_text name);
/* The code of a STRING's text, new if it was unknown, or of an ENUM's label, which must be known (SH_ERR_ARGUMENT with
 * the nearest one). */
SH_MUST_CHECK enum sh_status sh_event_text_code(struct sh_event_store *store, uint32_t type, uint32_t property,
                                                struct sh_text text, uint32_t *code, struct sh_error *err);
/* For readers: or SH_CODE_NONE. */
uint32_t sh_event_property_code(const struct sh_event_property *property, struct sh_text text);
/* Rise as in table.h: with every type, property and label; and with every new string. */
uint64_t sh_event_schema_version(const struct sh_event_store *store);
uint64_t sh_event_text_version(const struct sh_event_store *store);

/* ---- Writing ---- */

struct sh_event_value {
    uint32_t property;
    int64_t value; /* canonical and valid for its type: a known code, 0 or 1, a date at midnight */
};

struct sh_event {
    uint32_t type;
    uint32_t slot; /* of the user */
    uint32_t item; /* slot of the item, or SH_NO_ITEM */
    int64_t time_ms;
    bool has_amount;
    bool has_id;
    int64_t amount;
    uint64_t id_hash;
    const struct sh_event_value *values; /* each property at most once, any order */
    uint32_t value_count;
};

/* Store one event. *duplicate (not NULL) says that it was there already, and then nothing changed. Times to come are
 * stored like others; it is for readers to wait until now has passed them.
 * SH_ERR_ARGUMENT: no such type or property, or a value not valid for it; a time outside SH_INSTANT_MIN..MAX.
 * SH_ERR_LIMIT: see SH_EVENT_WALK_MAX. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_event_append(struct sh_event_store *store, const struct sh_event *event,
                                             bool *duplicate, struct sh_error *err);
/* The event stored last, while nothing was stored, forgotten or dropped since; cell is NULL if there is none. */
struct sh_event_ref;
void sh_event_appended(const struct sh_event_store *store, struct sh_event_ref *ref);
/* For batches: ask for the memory that appending (or reading the history of) this slot will touch. A hint. */
void sh_event_prefetch(const struct sh_event_store *store, uint32_t slot);

/* Remove all of a user's events; sums follow, nothing of them stays readable (texts of properties belong to the schema
 * and stay). *forgotten (may be NULL) is how many they were. Cannot fail. Each event costs O(1) plus a walk over the
 * newer events of the user whose row is moved into its place. */
void sh_event_forget(struct sh_event_store *store, uint32_t slot, uint64_t *forgotten);

/* ---- Sweeping: days that are kept no longer ----
 *
 * An event of a type with keep_days is kept for today, as the latest sweep knew it, and the keep_days local days
 * before. Nothing goes by itself: a sweep is a write, told what day it is, and between two sweeps what is there is
 * there. */

/* keep_days of a type from the next sweep on. */
void sh_event_type_keep(struct sh_event_store *store, uint32_t type, uint32_t days);
/* Has a day begun since the latest sweep, or keep_days changed, and is any type not kept for ever? O(types). */
bool sh_event_sweep_is_due(const struct sh_event_store *store, int64_t now_ms);
struct sh_event_sweep_hearing {
    void (*user)(void *context, uint32_t slot); /* lost some of its events: the history is what is left; NULL: nobody */
    void *context;
};
/* Let go of whole days that are kept no longer at now_ms, or at the latest now of all sweeps if that is later; how many
 * events they were. Pointers to their cells are no good any more, and their memory is free. Costs a walk over the
 * history of each user who loses an event. Cannot fail. */
uint64_t sh_event_sweep(struct sh_event_store *store, int64_t now_ms, const struct sh_event_sweep_hearing *hearing);
int32_t sh_event_swept_day(const struct sh_event_store *store); /* local day of the latest sweep; INT32_MIN: none */
/* The first local day of the type's that is kept; INT32_MIN: all are. */
int32_t sh_event_kept_from(const struct sh_event_store *store, const struct sh_event_type *type);
/* Would an event of that time stay? Those of days that were swept are for the caller to refuse: sh_event_append takes
 * them, and the next sweep lets them go. */
bool sh_event_is_kept(const struct sh_event_store *store, uint32_t type, int64_t time_ms);

/* Give back room to grow and tighten the strips of all cells: after a bulk load. Cells of past days are trimmed one by
 * one as new days come, so this is never needed for long. Keeps what it cannot do for want of memory. */
void sh_event_trim(struct sh_event_store *store);

/* ---- Reading windows: cells ---- */

/* The index of the first day of the type that ends after the instant; day_count if there is none. Instants as query
 * windows have them: the days of [from_ms, until_ms) are those from sh_event_day_lower(type, from_ms) on while
 * start_ms < until_ms. O(log days). */
uint32_t sh_event_day_lower(const struct sh_event_type *type, int64_t instant_ms);

/* NULL: no event there. */
static inline const struct sh_event_cell *sh_event_day_cell(const struct sh_event_day *day, uint32_t block) {
    return block < day->block_count ? day->cells[block] : NULL;
}

/* Events lie in [SH_INSTANT_MIN, SH_INSTANT_MAX]; a window may be wider, up to all of int64_t. */
static inline int64_t sh_event_clamp(int64_t instant_ms) {
    const int64_t end_ms = SH_INSTANT_MAX + 1;
    return instant_ms < SH_INSTANT_MIN ? SH_INSTANT_MIN : instant_ms > end_ms ? end_ms : instant_ms;
}
/* Which rows of a cell lie in [from_ms, until_ms). NONE, ALL (read slot_low alone), or SOME: those whose ms satisfies
 * *ms_low <= ms <= *ms_high. */
static inline enum sh_verdict sh_event_cell_clip(const struct sh_event_cell *cell, int64_t from_ms, int64_t until_ms,
                                                 uint32_t *ms_low, uint32_t *ms_high) {
    const int64_t low = sh_event_clamp(from_ms) - cell->day_start_ms;
    const int64_t high = sh_event_clamp(until_ms) - 1 - cell->day_start_ms;
    if (cell->row_count == 0 || low > (int64_t)cell->ms_max || high < (int64_t)cell->ms_min) return SH_VERDICT_NONE;
    *ms_low = low < 0 ? 0 : (uint32_t)low;
    *ms_high = high > (int64_t)cell->ms_max ? cell->ms_max : (uint32_t)high;
    return low <= (int64_t)cell->ms_min && high >= (int64_t)cell->ms_max ? SH_VERDICT_ALL : SH_VERDICT_SOME;
}

/* The same as a walk over the cells of one block in a window, days ascending:
 *     struct sh_event_cells cells;
 *     sh_event_cells_begin(&cells, type, block, from_ms, until_ms);
 *     while (sh_event_cells_next(&cells)) ... cells.cell, cells.verdict (ALL or SOME), cells.ms_low, cells.ms_high ...
 * Cells with no row in the window are passed over. */
struct sh_event_cells {
    const struct sh_event_cell *cell;
    enum sh_verdict verdict;
    uint32_t ms_low;
    uint32_t ms_high;
    const struct sh_event_type *type;
    uint32_t block;
    uint32_t day_index; /* of the next day to look at */
    int64_t from_ms;
    int64_t until_ms;
};
static inline void sh_event_cells_begin(struct sh_event_cells *cells, const struct sh_event_type *type, uint32_t block,
                                        int64_t from_ms, int64_t until_ms) {
    *cells = (struct sh_event_cells){
        .type = type, .block = block, .from_ms = from_ms, .until_ms = until_ms, .verdict = SH_VERDICT_NONE};
    cells->day_index = sh_event_day_lower(type, from_ms);
}
/* Cells lie anywhere in memory: ask for the columns of the next one and for the struct of the one after it. */
SH_PREFETCHER void sh_event_cells_prefetch(struct sh_event_day *const *days, uint32_t block) {
    const struct sh_event_cell *next = sh_event_day_cell(days[0], block);
    const struct sh_event_cell *after = sh_event_day_cell(days[1], block);
    if (after != NULL) {
        __builtin_prefetch(after);
        __builtin_prefetch((const uint8_t *)after + 64);
    }
    if (next == NULL || next->row_count == 0) return;
    for (uint32_t line = 0; line < 4; line++)
        __builtin_prefetch((const uint8_t *)next->slot_low + (size_t)64 * line);
}
static inline bool sh_event_cells_next(struct sh_event_cells *cells) {
    while (cells->day_index < cells->type->day_count) {
        const struct sh_event_day *day = cells->type->days[cells->day_index];
        if (day->start_ms >= cells->until_ms) return false;
        cells->day_index++;
        if (cells->day_index + 1 < cells->type->day_count)
            sh_event_cells_prefetch(cells->type->days + cells->day_index, cells->block);
        cells->cell = sh_event_day_cell(day, cells->block);
        if (cells->cell == NULL) continue;
        cells->verdict =
            sh_event_cell_clip(cells->cell, cells->from_ms, cells->until_ms, &cells->ms_low, &cells->ms_high);
        if (cells->verdict != SH_VERDICT_NONE) return true;
    }
    return false;
}
/* Blocks with any event of any type are below it. */
uint32_t sh_event_block_end(const struct sh_event_store *store);
/* Slots of that block with any event of any type are below it; the block is below sh_event_block_end. */
uint32_t sh_event_block_capacity(const struct sh_event_store *store, uint32_t block);
/* Events of the type in [from_ms, until_ms), all users, from kept sums where whole days lie inside; for bare
 * counts. Exact. O(days + rows of the cells at the edges). */
uint64_t sh_event_window_count(const struct sh_event_store *store, uint32_t type, int64_t from_ms, int64_t until_ms);
/* About as many, as if a day's events were spread evenly over it; for estimates. O(days). */
double sh_event_window_guess(const struct sh_event_store *store, uint32_t type, int64_t from_ms, int64_t until_ms);

/* For those who keep what they counted: raised by every event stored, every event forgotten and every sweep that lets
 * days go. A store that is loaded begins anew. */
uint64_t sh_event_change(const struct sh_event_store *store);
/* Are the events of the type and block in all days that touch [from_ms, until_ms) what they were at that change? In
 * days that did not change no cell is looked at. O(days). */
bool sh_event_is_unchanged(const struct sh_event_store *store, uint32_t type, uint32_t block, int64_t from_ms,
                           int64_t until_ms, uint64_t change);

/* ---- Reading one user: the history ---- */

struct sh_event_ref {
    const struct sh_event_cell *cell;
    uint32_t row;
};

/* The newest event, or false. Any slot. */
bool sh_event_history_first(const struct sh_event_store *store, uint32_t slot, struct sh_event_ref *ref);
/* The one before it, or false and *ref is as it was. */
bool sh_event_history_next(const struct sh_event_store *store, struct sh_event_ref *ref);

static inline int64_t sh_event_ref_time(struct sh_event_ref ref) {
    return ref.cell->day_start_ms + (int64_t)ref.cell->ms[ref.row];
}
static inline uint32_t sh_event_ref_type(struct sh_event_ref ref) {
    return ref.cell->type;
}
static inline uint32_t sh_event_ref_slot(struct sh_event_ref ref) {
    return ref.cell->block * SH_EVENT_BLOCK_SLOTS + ref.cell->slot_low[ref.row];
}
static inline uint32_t sh_event_ref_item(struct sh_event_ref ref) {
    int64_t item;
    return sh_strip_get(&ref.cell->item, ref.row, &item) ? (uint32_t)item : SH_NO_ITEM;
}
static inline bool sh_event_ref_amount(struct sh_event_ref ref, int64_t *amount) {
    return sh_strip_get(&ref.cell->amount, ref.row, amount);
}
/* property may be newer than the cell: missing. */
static inline bool sh_event_ref_property(struct sh_event_ref ref, uint32_t property, int64_t *value) {
    return property < ref.cell->property_count && sh_strip_get(&ref.cell->properties[property], ref.row, value);
}
/* 0: it has none. */
static inline uint64_t sh_event_ref_id_hash(struct sh_event_ref ref) {
    return ref.cell->id_hash == NULL ? 0 : ref.cell->id_hash[ref.row];
}

/* ---- Saving ---- */

/* Write the store as the section "events": the schema, the cells by number, the heads. What follows from these (days,
 * sums, bounds) is counted again by the load. Allocates nothing. */
void sh_event_store_save(const struct sh_event_store *store, struct sh_archive_writer *writer);
/* Who and what may be named in it: a history of another user, and an item at or above item_end, are refused. */
struct sh_event_bounds {
    const struct sh_bitmap *users;
    uint32_t item_end;
};
/* A store as it was saved; its zone must outlive it. On a failure *store is NULL, and the reader says why. The bytes
 * may be anybody's: every link is walked, once, so what is loaded keeps all rules of a store but one that no reader
 * relies on, that identities are unique. Should the zone's rules have changed since the save, days are cut anew. */
SH_MUST_CHECK enum sh_status sh_event_store_load(const struct sh_zone *zone, const struct sh_event_bounds *bounds,
                                                 struct sh_archive_reader *reader, struct sh_event_store **store);

/* ---- Upkeep ---- */

uint64_t sh_event_count(const struct sh_event_store *store);      /* all types */
uint32_t sh_event_cell_count(const struct sh_event_store *store); /* cells that are there */
/* Bytes asked of the allocator. O(cells). */
size_t sh_event_memory_bytes(const struct sh_event_store *store);
/* Do the rules hold? If not, *reason says which does not. Reads everything, and allocates for it: false with "out of
 * memory" if it cannot. */
bool sh_event_store_check(const struct sh_event_store *store, const char **reason);
/* For people: a line for the store and one for each type, with its days, sums and properties. */
void sh_event_store_print(const struct sh_event_store *store, struct sh_buffer *buffer);

#endif
