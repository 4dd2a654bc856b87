/* row_cells.h -- one cell: the text of a source, converted to its field's type and packed. Private to rows and summary.
 *
 * Each function appends one msgpack value, nil for an absent one, or fails with SH_ERR_ARGUMENT and words that begin
 * with the column and show the value: "points: 'many' is not a whole number". */
#ifndef SHOAL_ROW_CELLS_H
#define SHOAL_ROW_CELLS_H

#include "rows.h"

/* Where a record's cells come from and go to. */
struct row_work {
    const struct mapping_section *section;
    const struct sh_zone *zone;
    const struct record_reader *record;
    struct sh_buffer *rows;
    struct sh_error *err;
};

/* The text of a source as it stands, which may be empty; false when it is absent, or a list. */
bool row_text(const struct row_source *source, const struct mapping_section *section,
              const struct record_reader *record, struct sh_text *text);

/* One of a section's fields. */
SH_MUST_CHECK enum sh_status row_pack_field(const struct row_work *work, const struct row_source *source,
                                            const struct mapping_field *field);
/* A text that must be there and not be empty; `what` names it for people. */
SH_MUST_CHECK enum sh_status row_pack_required(const struct row_work *work, const struct row_source *source,
                                               const char *what);
/* An id that may be absent. */
SH_MUST_CHECK enum sh_status row_pack_optional_id(const struct row_work *work, const struct row_source *source);
/* An event's time, which must be there. */
SH_MUST_CHECK enum sh_status row_pack_instant(const struct row_work *work, const struct row_source *source);
/* A decimal of that scale. */
SH_MUST_CHECK enum sh_status row_pack_decimal(const struct row_work *work, const struct row_source *source,
                                              uint32_t scale);

#endif
