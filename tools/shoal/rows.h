/* rows.h -- turns a file's records into the compact rows that user.put, item.put and event.append take.
 *
 *   record --> section's conditions --> cells, each converted to its type --> [id, cell, cell ...] in the batch
 *                    |                        |
 *              not this section's        bad value: the row is rejected whole, with the reason
 *
 * Only what a conversion needs is done here: numbers and times are checked and packed, the server checks the rest.
 *
 * What is absent is packed as nil: a field that is not there or empty, one of the section's null texts, and an empty
 * quoted field unless it is a string's. Around numbers, times, dates, yes and no, and each tag, blanks are passed over.
 * An event without an id gets one from its record's bytes and its place among the file's equal records.
 */
#ifndef SHOAL_ROWS_H
#define SHOAL_ROWS_H

#include "buffer.h"
#include "calendar.h"
#include "mapping.h"
#include "record.h"
#include "row_places.h"

enum row_verdict {
    ROW_TAKEN,    /* its bytes were appended */
    ROW_PASSED,   /* `when` says it is not this section's */
    ROW_ASIDE,    /* set aside: *reason is the mapping's words */
    ROW_REJECTED, /* bad value: err has the words */
};

/* A source bound to a file: columns by their place among the wanted ones, UINT32_MAX if it has none. */
struct row_source {
    const struct mapping_source *source;
    uint32_t column;
    uint32_t factor;
};

struct row_encoder {
    const struct mapping_section *section;
    const struct sh_zone *zone;
    struct row_source id, user, item, type, time, amount;
    struct row_source *fields;   /* section->field_count */
    uint32_t *condition_columns; /* conditions, then asides */
    struct row_places places;    /* of the records without an id in this file */
};

/* Add the columns that a section needs to the wanted list of its file (an array of ROW_WANTED_COUNT_MAX) and bind the
 * encoder to them. After a failure there is nothing to deinit. */
enum { ROW_WANTED_COUNT_MAX = 4096 };
SH_MUST_CHECK enum sh_status row_encoder_init(struct row_encoder *encoder, const struct mapping_section *section,
                                              const struct sh_zone *zone, struct sh_text *wanted,
                                              uint32_t *wanted_count, struct sh_arena *arena, struct sh_error *err);
void row_encoder_deinit(struct row_encoder *encoder);
/* A new file: places among equal rows are counted from its start, so that two exports that overlap agree. */
void row_encoder_restart(struct row_encoder *encoder);
/* Column number of a name, added to wanted when new; UINT32_MAX when there are too many. */
uint32_t row_want(struct sh_text *wanted, uint32_t *wanted_count, struct sh_text name);

/* The names of the cells that row_encode writes, as a msgpack array: ["id", "city", ...]. */
void row_pack_names(const struct row_encoder *encoder, msgpack_packer *packer);
/* Append one row as a msgpack array. Nothing is appended unless it is taken. err is not NULL. */
enum row_verdict row_encode(struct row_encoder *encoder, const struct record_reader *record, struct sh_buffer *rows,
                            struct sh_text *reason, struct sh_error *err);
/* The event type of the record that was taken last: its text in the record, or the mapping's constant. */
struct sh_text row_event_type(const struct row_encoder *encoder, const struct record_reader *record);

/* An exact number of a source (a column, or a product): units of 10^-scale, scale at most 18. *present is false, and
 * nothing else is set, when a part of it is absent. SH_ERR_ARGUMENT when it is no number. */
SH_MUST_CHECK enum sh_status row_number(const struct row_source *source, const struct mapping_section *section,
                                        const struct record_reader *record, bool *present, __int128 *units,
                                        uint32_t *scale, struct sh_error *err);

#endif
