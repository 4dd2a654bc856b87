#include "segment_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "row_pack.h"

enum { STRING_BYTES_MAX = 4096, TAG_COUNT_MAX = 4096 }; /* the first is of the protocol */

static struct sh_text string_of(const json_t *value) {
    return (struct sh_text){json_string_value(value), (uint32_t)json_string_length(value)};
}

bool segment_number(const json_t *value, double *number) {
    if (json_is_number(value)) {
        *number = json_number_value(value);
        return true;
    }
    if (!json_is_string(value) || json_string_length(value) == 0 || json_string_length(value) > 40) return false;
    const char *bytes = json_string_value(value);
    char *end;
    if (strchr("+-.0123456789", bytes[0]) == NULL) return false;
    *number = strtod(bytes, &end);
    return *end == '\0' && isfinite(*number);
}

bool segment_text(const json_t *value, char room[64], struct sh_text *text) {
    int length = 0;
    switch (json_typeof(value)) {
    case JSON_STRING:
        *text = string_of(value);
        return true;
    case JSON_INTEGER:
        length = snprintf(room, 64, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL: /* the shortest digits that are this number */
        for (int digits = 15; digits <= 17; digits++) {
            length = snprintf(room, 64, "%.*g", digits, json_real_value(value));
            if (strtod(room, NULL) == json_real_value(value)) break;
        }
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        length = snprintf(room, 64, "%s", json_is_true(value) ? "true" : "false");
        break;
    case JSON_OBJECT:
    case JSON_ARRAY:
    case JSON_NULL:
    default:
        return false;
    }
    *text = (struct sh_text){room, (uint32_t)length};
    return true;
}

static bool pack_bool(const json_t *value, struct sh_buffer *rows) {
    const bool is_text = json_is_string(value);
    const bool is_true = json_is_true(value) || (is_text && strcmp(json_string_value(value), "true") == 0);
    const bool is_false = json_is_false(value) || (is_text && strcmp(json_string_value(value), "false") == 0);
    if (is_true || is_false) row_pack_bool(rows, is_true);
    return is_true || is_false;
}

static bool pack_int(const json_t *value, struct sh_buffer *rows) {
    double number;
    if (json_is_integer(value)) {
        row_pack_integer(rows, json_integer_value(value));
        return true;
    }
    if (json_is_boolean(value) || !segment_number(value, &number)) return false;
    if (number != floor(number) || fabs(number) > 9007199254740992.0) return false;
    row_pack_integer(rows, (int64_t)number);
    return true;
}

static bool pack_decimal(const json_t *value, uint32_t scale, struct sh_buffer *rows) {
    double number;
    char digits[400];
    if (json_is_integer(value)) {
        row_pack_integer(rows, json_integer_value(value));
        return true;
    }
    if (!segment_number(value, &number) || fabs(number) > 1e17) return false;
    const int length = snprintf(digits, sizeof digits, "%.*f", (int)scale, number);
    row_pack_text(rows, (struct sh_text){digits, (uint32_t)length});
    return true;
}

/* Numbers are milliseconds, or seconds when as milliseconds they would be of the first months of 1970. */
static bool pack_time(const json_t *value, struct sh_buffer *rows) {
    int64_t instant;
    if (json_is_number(value)) {
        const double number = json_number_value(value);
        if (fabs(number) > 2e14) return false;
        instant = (int64_t)(fabs(number) < 1e11 ? number * 1000 : number);
    } else if (!json_is_string(value) || sh_instant_parse(string_of(value), NULL, &instant, NULL) != SH_OK) {
        return false;
    }
    row_pack_integer(rows, instant);
    return true;
}

static bool pack_date(const json_t *value, struct sh_buffer *rows) {
    struct sh_date date;
    struct sh_text text = json_is_string(value) ? string_of(value) : (struct sh_text){"", 0};
    if (text.count > 10) text.count = 10; /* a time: its day */
    if (text.count != 10 || sh_date_parse(text, &date, NULL) != SH_OK) return false;
    row_pack_text(rows, text);
    return true;
}

static bool pack_label(const struct segment_field *field, const json_t *value, struct sh_buffer *rows) {
    char room[64];
    struct sh_text text;
    if (!segment_text(value, room, &text)) return false;
    for (uint32_t i = 0; i < field->label_count; i++) {
        if (!sh_text_equal(field->labels[i], text)) continue;
        row_pack_text(rows, text);
        return true;
    }
    return false;
}

static bool pack_string(const json_t *value, struct sh_buffer *rows) {
    char room[64];
    struct sh_text text;
    if (!segment_text(value, room, &text) || text.count > STRING_BYTES_MAX) return false;
    row_pack_text(rows, text);
    return true;
}

static bool pack_tags(const json_t *value, struct sh_buffer *rows) {
    const size_t before = rows->count;
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    if (count > TAG_COUNT_MAX) return false;
    row_pack_array(rows, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        if (pack_string(json_is_array(value) ? json_array_get(value, i) : value, rows)) continue;
        rows->count = before;
        return false;
    }
    return true;
}

bool segment_pack_value(const struct segment_field *field, const json_t *value, struct sh_buffer *rows) {
    switch (field->type) {
    case SEGMENT_BOOL:
        return pack_bool(value, rows);
    case SEGMENT_INT:
        return pack_int(value, rows);
    case SEGMENT_DECIMAL:
        return pack_decimal(value, field->scale, rows);
    case SEGMENT_TIME:
        return pack_time(value, rows);
    case SEGMENT_DATE:
        return pack_date(value, rows);
    case SEGMENT_ENUM:
        return pack_label(field, value, rows);
    case SEGMENT_STRING:
        return pack_string(value, rows);
    case SEGMENT_TAGS:
        return pack_tags(value, rows);
    case SEGMENT_DROPPED:
    default:
        return false;
    }
}
