/* query_where.h -- the condition inside an aggregate: which events count.
 *
 *   did(view where item.category = 'tea' and store != 's1', last 7 days)
 *
 *      AND                        rows of a cell (type, day, block of users) are tested up to SH_WHERE_ROWS at a time,
 *       PROPERTY store            each line gives a bit a row
 *       ITEM     category         one bit an item, computed once for the plan: an event looks up its item there
 *
 * A subtree that asks only about the item is one ITEM line: it is planned and run over the table of items. An event
 * without an item, or with one that is not live, has every attribute of the item missing and no tags of it.
 */
#ifndef SH_QUERY_WHERE_H
#define SH_QUERY_WHERE_H

#include "query.h"
#include "query_match.h"

struct sh_plan;
struct sh_calculation; /* query_calculation.h */

enum { SH_WHERE_ROWS = 4096, SH_WHERE_WORDS = SH_WHERE_ROWS / 64 };

enum sh_where_op {
    SH_WHERE_TRUE,
    SH_WHERE_FALSE,
    SH_WHERE_AND,
    SH_WHERE_OR,
    SH_WHERE_NOT,
    SH_WHERE_PROPERTY, /* match on property `index` */
    SH_WHERE_AMOUNT,
    SH_WHERE_TIME,
    SH_WHERE_HOUR,        /* match on the local hour of the event, 0..23 */
    SH_WHERE_WEEKDAY,     /* match on the local weekday, 1 Monday .. 7: that of the cell */
    SH_WHERE_CALCULATION, /* what the event and its item have, calculated and compared */
    SH_WHERE_ITEM_SLOT,   /* match on the item's slot */
    SH_WHERE_ITEM         /* the item's bit */
};

struct sh_where {
    enum sh_where_op op;
    uint32_t index;
    uint32_t child_count;
    struct sh_where **children;
    struct sh_match match;
    const struct sh_zone *zone; /* HOUR */
    const struct sh_calculation *calculation;
    const struct sh_table *item_table; /* CALCULATION */
    /* ITEM */
    struct sh_plan *items; /* for items that were added after planning */
    const uint64_t *item_bits;
    uint32_t item_count;
    bool holds_without_item;
};

/* tree is bound; type is the event type it is about. */
SH_MUST_CHECK enum sh_status sh_where_build(const struct sh_node *tree, const struct sh_query_scope *scope,
                                            uint32_t type, struct sh_arena *arena, struct sh_where **where,
                                            struct sh_error *err);
/* The same for sh_where_test alone: items are asked when an event names them, not all of them ahead. It stays good
 * while schema and texts of events and items are the same, if sh_query_where_is_timeless. */
SH_MUST_CHECK enum sh_status sh_where_build_for_tests(const struct sh_node *tree, const struct sh_query_scope *scope,
                                                      uint32_t type, struct sh_arena *arena, struct sh_where **where,
                                                      struct sh_error *err);
/* Does it matter when a bound condition on events is asked? False when in doubt. */
bool sh_query_where_is_timeless(const struct sh_node *tree);
/* Rows first .. first + count - 1 of a cell, count at most SH_WHERE_ROWS, into ceil(count / 64) words. */
SH_MUST_CHECK enum sh_status sh_where_rows(const struct sh_where *where, const struct sh_event_cell *cell,
                                           uint32_t first, uint32_t count, uint64_t *words, struct sh_error *err);
/* One event. */
SH_MUST_CHECK enum sh_status sh_where_test(const struct sh_where *where, struct sh_event_ref ref, bool *holds,
                                           struct sh_error *err);

/* A property's strip in a cell; an empty one (all missing) for a property that is newer than the cell. */
const struct sh_strip *sh_cell_property(const struct sh_event_cell *cell, uint32_t property);
/* The times of a cell as a strip that borrows its memory: read it, never change or free it. */
struct sh_strip sh_cell_times(const struct sh_event_cell *cell);
/* Types and texts of a property, for matches. */
struct sh_value_domain sh_property_domain(const struct sh_event_property *property);

#endif
