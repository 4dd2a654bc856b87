/* query_twin.h -- the naive twin of planner and evaluator: copies of all data in plain arrays, and an expression walked
 * row by row as it is written, unbound. Nothing of the engine's is used but the parser, the calendar and the hash.
 */
#ifndef QUERY_TWIN_H
#define QUERY_TWIN_H

#include "calendar.h"
#include "query.h"

enum {
    TWIN_FIELDS_MAX = 10,
    TWIN_TAG_SETS_MAX = 2,
    TWIN_TAGS_MAX = 40, /* in a set: one bit each */
    TWIN_TYPES_MAX = 3,
    TWIN_HISTORY_MAX = 8192,
};

/* An attribute or an event property. Enum labels are in the order of rank. */
struct twin_field {
    const char *name;
    enum sh_type type;
    uint32_t scale;
    bool is_date;
    const char *const *texts; /* labels of an ENUM, values that a STRING may take */
    uint32_t text_count;
};
struct twin_value {
    bool is_present;
    int64_t number; /* ENUM, STRING: the place in texts */
};
struct twin_row {
    bool is_live;
    char id[32];
    struct twin_value values[TWIN_FIELDS_MAX];
    uint64_t tags[TWIN_TAG_SETS_MAX];
};
struct twin_table {
    const struct twin_field *fields;
    uint32_t field_count;
    const char *const *tag_sets;
    const char *const *tags; /* the same names in every set */
    struct twin_row *rows;   /* by slot */
    uint32_t row_count;
};
struct twin_event_type {
    const char *name;
    uint32_t amount_scale;
    const struct twin_field *fields;
    uint32_t field_count;
};
struct twin_event {
    uint32_t type;
    uint32_t item; /* SH_NO_ITEM */
    int64_t time_ms;
    struct twin_value amount;
    struct twin_value values[TWIN_FIELDS_MAX];
    uint32_t next; /* of the same user, later in arrival; 0 is none, events begin at 1 */
};
struct twin {
    const struct sh_zone *zone;
    int64_t now_ms;
    struct twin_table users;
    struct twin_table items;
    const struct twin_event_type *types;
    uint32_t type_count;
    struct twin_event *events;
    uint32_t event_count;
    uint32_t *first_event; /* by user slot */
    uint32_t *last_event;
};

/* The hierarchy of the world: a text stands below 'group N' by the sum of its bytes, and so does each group below
 * 'all'.
 */
enum { TWIN_GROUP_COUNT = 3 };
bool twin_is_under(struct sh_text text, struct sh_text name);

/* Is the tree, as parsed, true for the live row? A table of items has no events. */
/* What stands on the left of a RELATION (not bound), as a fraction. False: it is missing. */
bool twin_left(const struct twin *twin, const struct twin_table *table, const struct sh_node *tree, uint32_t slot,
               __int128 *number, __int128 *divisor);
bool twin_holds(const struct twin *twin, const struct twin_table *table, const struct sh_node *tree, uint32_t slot);

#endif
