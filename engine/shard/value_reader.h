/* value_reader.h -- a msgpack value as the canonical int64 of a type (table.h): of an attribute or an event property.
 *
 *   bool      true, false
 *   int       int
 *   decimal   "12.50", 12, or a float that is a short decimal
 *   time      int: milliseconds since 1970 UTC; str: ISO 8601, in the workspace's zone when it names none
 *   date      str "2026-03-01"; int: milliseconds of its UTC midnight
 *
 * Enums and strings are read by their callers, who own the dictionaries.
 */
#ifndef SH_VALUE_READER_H
#define SH_VALUE_READER_H

#include "calendar.h"
#include "cursor.h"
#include "table.h"

/* name is the attribute's, for the words of a fault. SH_ERR_ARGUMENT, SH_ERR_OVERFLOW. */
struct sh_value_type {
    struct sh_text name;
    enum sh_type type;
    uint32_t scale;
    bool is_date;
};
SH_MUST_CHECK enum sh_status sh_read_plain(const struct sh_value *value, const struct sh_value_type *type,
                                           const struct sh_zone *zone, int64_t *canonical, struct sh_error *err);
/* The text of an enum or a string: SH_ERR_ARGUMENT if it is no str, SH_ERR_TOO_LARGE over SH_STRING_BYTES_MAX. */
SH_MUST_CHECK enum sh_status sh_read_string(const struct sh_value *value, struct sh_text name, struct sh_text *text,
                                            struct sh_error *err);

#endif
