/* export_cells.h -- values of answers as rows of CSV or lines of JSON, such that `shoal load` reads the same again.
 *
 *   value             CSV                        JSON Lines
 *   missing           nothing between commas     no such key
 *   "" (an empty text) ""                        ""
 *   time              2026-03-01T09:30:00.123Z   the same as a text
 *   decimal           12.50                      "12.50"
 *   tags              tea|coffee                 ["tea","coffee"]
 *
 * CSV follows RFC 4180 with LF line ends. A tag that holds the separator stops the export: what is written must mean what
 * it was.
 */
#ifndef SHOAL_EXPORT_CELLS_H
#define SHOAL_EXPORT_CELLS_H

#include "buffer.h"
#include "shoal/client.h"
#include "status.h"
#include "text.h"

enum export_format { EXPORT_CSV, EXPORT_JSONL, EXPORT_ROARING };
enum export_shape { EXPORT_PLAIN, EXPORT_TIME, EXPORT_TAGS };

struct export_column {
    struct sh_text name;
    enum export_shape shape;
};

/* The head line of CSV; nothing for JSON Lines. */
void export_write_head(enum export_format format, const struct export_column *columns, uint32_t count,
                       struct sh_buffer *out);
/* A row; values[i] is of columns[i], absent or nil if it has none. separator: of tags in CSV. SH_ERR_ARGUMENT for a tag
 * that holds it. */
SH_MUST_CHECK enum sh_status export_write_row(enum export_format format, const struct export_column *columns,
                                              const struct shoal_client_value *values, uint32_t count,
                                              const char *separator, struct sh_buffer *out, struct sh_error *err);

#endif
