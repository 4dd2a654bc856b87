/* segment_names.h -- the names and types that a workspace has, and how they grow with what messages bring.
 *
 *   schema.get ----> users      city: string, age: int, likes: tags ...
 *                    items      title: string, price: decimal(2) ...
 *                    view       order_id: string ...        one table for each event type
 *   a name that is not there: its first value says the type ----> schema.put, before the row that has it
 *
 * Numbers whose name is one of money (price, revenue, order_total ...) are decimals even when the first is whole.
 * A name that the server will not have (too many, too long, taken) is dropped: its values are counted, and their rows go
 * on without them. Types never change, so the same message always makes the same row.
 */
#ifndef SHOAL_SEGMENT_NAMES_H
#define SHOAL_SEGMENT_NAMES_H

#include <jansson.h>

#include "arena.h"
#include "stream.h"
#include "text.h"

enum segment_type {
    SEGMENT_BOOL,
    SEGMENT_INT,
    SEGMENT_DECIMAL,
    SEGMENT_TIME,
    SEGMENT_DATE,
    SEGMENT_ENUM,
    SEGMENT_STRING,
    SEGMENT_TAGS,
    SEGMENT_DROPPED
};

struct segment_field {
    struct sh_text name;
    enum segment_type type;
    uint32_t scale; /* decimal */
    struct sh_text *labels;
    uint32_t label_count;
};

struct segment_table {
    struct sh_text name; /* of an event type; of users and items their word */
    bool is_event;
    bool is_dropped; /* an event type that the server will not have */
    uint32_t amount_scale;
    struct segment_field *fields;
    uint32_t count, capacity;
};

enum { SEGMENT_TABLE_COUNT_MAX = 2 + 512 };
struct segment_names {
    struct stream *stream;
    struct shoal_client_writer *params;
    struct sh_arena arena;
    struct segment_table tables[SEGMENT_TABLE_COUNT_MAX]; /* users, items, event types */
    uint32_t table_count;
};

/* Makes the workspace, if there is none yet, with zone (NULL: UTC), and learns what it has. */
SH_MUST_CHECK enum sh_status segment_names_init(struct segment_names *names, struct stream *stream, const char *zone,
                                                struct sh_error *err);
void segment_names_deinit(struct segment_names *names);

struct segment_table *segment_users(struct segment_names *names);
struct segment_table *segment_items(struct segment_names *names);
/* Made on the server when it is new. It may come back dropped. */
SH_MUST_CHECK enum sh_status segment_event_type(struct segment_names *names, struct sh_text name,
                                                struct segment_table **table, struct sh_error *err);
/* The field of that name; of a new one the type is the value's. *field is NULL for a value that says no type (null). */
SH_MUST_CHECK enum sh_status segment_field_of(struct segment_names *names, struct segment_table *table,
                                              struct sh_text name, const json_t *value, struct segment_field **field,
                                              struct sh_error *err);
/* The type that a value has by itself. False: none. */
bool segment_type_of(const json_t *value, bool may_be_tags, enum segment_type *type);

#endif
