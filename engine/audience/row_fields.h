/* row_fields.h -- chosen values of rows, packed for an answer.
 *
 *   fields: ["id", "city", "balance", "birthday", "interests"]
 *   row:    ["u-10029", "成都", "12.50", "1990-03-01", ["tea", "running"]]
 *
 * bool and int as themselves, decimal as a string, time as milliseconds since 1970 UTC, date as "2026-03-01", enum and
 * string as their text, a derived value as its type is, a tag set as an array of texts, ascending by bytes; nil where
 * there is none.
 */
#ifndef SH_ROW_FIELDS_H
#define SH_ROW_FIELDS_H

#include "arena.h"
#include "buffer.h"
#include "cursor.h"
#include "hidden.h"
#include "query_derived.h"
#include "table.h"

enum sh_row_field_kind { SH_FIELD_ID, SH_FIELD_ATTRIBUTE, SH_FIELD_TAG_SET, SH_FIELD_DERIVED };
struct sh_row_field {
    enum sh_row_field_kind kind;
    uint32_t index;
    struct sh_text name; /* in the arena */
    /* DERIVED: whose value, and as of when. */
    const struct sh_derived *derived;
    int64_t now_ms;
};
struct sh_row_fields {
    const struct sh_row_field *fields;
    uint32_t count;
};

enum { SH_FIELD_COUNT_MAX = SH_ATTRIBUTE_COUNT_MAX + SH_TAG_SET_COUNT_MAX + 1 };

/* What rows are read from: a table, and for users what is derived of them, as of now_ms (NULL: nothing). */
struct sh_row_source {
    const struct sh_table *table;
    const struct sh_derived *derived;
    int64_t now_ms;
    const struct sh_hidden *hidden; /* what may not leave; NULL: nothing */
};
/* An array of names under the cursor. SH_ERR_NAME with the nearest known; SH_ERR_ARGUMENT for one given twice;
 * SH_ERR_FORBIDDEN for one that is hidden. */
SH_MUST_CHECK enum sh_status sh_row_fields_read(struct sh_cursor *cursor, const struct sh_row_source *source,
                                                struct sh_arena *arena, struct sh_row_fields *fields,
                                                struct sh_error *err);
/* One name. SH_ERR_NAME with the nearest known. */
SH_MUST_CHECK enum sh_status sh_row_field_find(const struct sh_table *table, struct sh_text name,
                                               struct sh_row_field *field, struct sh_error *err);

/* The field's value of one row, or nil. */
void sh_row_field_pack(const struct sh_table *table, uint32_t slot, const struct sh_row_field *field,
                       msgpack_packer *packer);
bool sh_row_field_is_missing(const struct sh_table *table, uint32_t slot, const struct sh_row_field *field);

/* One canonical value of a type. text is what an enum's or string's code says. */
void sh_value_pack(enum sh_type type, uint32_t scale, bool is_date, int64_t value, struct sh_text text,
                   msgpack_packer *packer);

/* The ids of live slots as strs, one after another, without an array's head. As fast as memory brings them. */
void sh_ids_pack(const struct sh_table *table, const uint32_t *slots, uint32_t slot_count, struct sh_buffer *buffer);
/* [id, values ...] for each live slot. */
void sh_rows_pack(const struct sh_table *table, const struct sh_row_fields *fields, const uint32_t *slots,
                  uint32_t slot_count, struct sh_buffer *buffer);

#endif
