#include "export_cells.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"

/* ---- JSON ---- */

static void append(struct sh_buffer *out, const char *zero_ended) {
    sh_buffer_append(out, zero_ended, strlen(zero_ended));
}

void export_write_json_text(const char *bytes, size_t byte_count, struct sh_buffer *out) {
    size_t done = 0;
    sh_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < byte_count; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F) continue;
        sh_buffer_append(out, bytes + done, i - done);
        done = i + 1;
        if (byte == '"' || byte == '\\')
            sh_buffer_print(out, "\\%c", byte);
        else if (byte == '\n')
            append(out, "\\n");
        else
            sh_buffer_print(out, "\\u%04x", byte);
    }
    sh_buffer_append(out, bytes + done, byte_count - done);
    sh_buffer_append(out, "\"", 1);
}

/* The shortest digits that read back as the same number. */
static void write_real(double real, struct sh_buffer *out) {
    char digits[40];
    int precision = 15;
    do
        (void)snprintf(digits, sizeof digits, "%.*g", precision, real);
    while (strtod(digits, NULL) != real && ++precision <= 17);
    append(out, digits);
}

static void write_integer(struct shoal_client_value value, struct sh_buffer *out) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, shoal_client_integer(value, 0));
    sh_buffer_append(out, digits, (size_t)length);
}

static void write_container(struct shoal_client_value value, bool is_map, struct sh_buffer *out) {
    struct shoal_client_walk walk = shoal_client_walk_begin(value);
    struct shoal_client_value key, element;
    bool first = true;
    sh_buffer_append(out, is_map ? "{" : "[", 1);
    while (shoal_client_walk_next(&walk, is_map ? &key : NULL, &element)) {
        if (!first) sh_buffer_append(out, ",", 1);
        first = false;
        if (is_map) {
            export_write_json(key, out);
            sh_buffer_append(out, ":", 1);
        }
        export_write_json(element, out);
    }
    sh_buffer_append(out, is_map ? "}" : "]", 1);
}

void export_write_json(struct shoal_client_value value, struct sh_buffer *out) {
    size_t length = 0;
    const char *text;
    switch (shoal_client_value_kind(value)) {
    case SHOAL_CLIENT_ABSENT:
    case SHOAL_CLIENT_NIL:
        append(out, "null");
        break;
    case SHOAL_CLIENT_BOOLEAN:
        append(out, shoal_client_boolean(value, false) ? "true" : "false");
        break;
    case SHOAL_CLIENT_INTEGER:
        write_integer(value, out);
        break;
    case SHOAL_CLIENT_REAL:
        write_real(shoal_client_real(value, 0), out);
        break;
    case SHOAL_CLIENT_TEXT:
    case SHOAL_CLIENT_BINARY: /* no answer that is exported has any */
        text = shoal_client_text(value, &length);
        export_write_json_text(text, length, out);
        break;
    case SHOAL_CLIENT_ARRAY:
        write_container(value, false, out);
        break;
    case SHOAL_CLIENT_MAP:
        write_container(value, true, out);
        break;
    }
}

/* ---- CSV ---- */

static void write_csv_text(const char *bytes, size_t byte_count, struct sh_buffer *out) {
    bool is_quoted = byte_count == 0 || bytes[0] == ' ' || bytes[byte_count - 1] == ' ' || bytes[0] == '\t';
    for (size_t i = 0; i < byte_count && !is_quoted; i++)
        is_quoted = bytes[i] == ',' || bytes[i] == '"' || bytes[i] == '\n' || bytes[i] == '\r';
    if (!is_quoted) {
        sh_buffer_append(out, bytes, byte_count);
        return;
    }
    sh_buffer_append(out, "\"", 1);
    for (size_t i = 0; i < byte_count; i++)
        sh_buffer_append(out, bytes[i] == '"' ? "\"\"" : bytes + i, bytes[i] == '"' ? 2 : 1);
    sh_buffer_append(out, "\"", 1);
}

/* Tags are in `room` until they are a cell. */
static enum sh_status write_csv_tags(struct shoal_client_value tags, const struct export_column *column,
                                     const char *separator, struct sh_buffer *out, struct sh_error *err) {
    struct sh_buffer room;
    struct shoal_client_walk walk = shoal_client_walk_begin(tags);
    struct shoal_client_value tag;
    enum sh_status status = SH_OK;
    sh_buffer_init(&room, 256 << 20);
    while (shoal_client_walk_next(&walk, NULL, &tag) && status == SH_OK) {
        size_t length = 0;
        const char *text = shoal_client_text(tag, &length);
        if (room.count > 0) append(&room, separator);
        sh_buffer_append(&room, text, length);
        if (memmem(text, length, separator, strlen(separator)) == NULL) continue;
        status = sh_fail(err, SH_ERR_ARGUMENT, -1, "the tag '%.*s' of %.*s holds the separator '%s'",
                         (int)(length < 80 ? length : 80), text, SH_TEXT_ARGS(column->name), separator);
        (void)sh_fail_hint(err, status, "give another --separator, or write JSON Lines (.jsonl)");
    }
    if (status == SH_OK) status = sh_buffer_status(&room, err);
    if (status == SH_OK && room.count > 0) write_csv_text((const char *)room.bytes, room.count, out);
    sh_buffer_deinit(&room);
    return status;
}

static void write_csv_json(struct shoal_client_value value, struct sh_buffer *out) {
    struct sh_buffer room;
    sh_buffer_init(&room, 256 << 20);
    export_write_json(value, &room);
    write_csv_text((const char *)room.bytes, room.count, out);
    if (room.failed) out->failed = true;
    sh_buffer_deinit(&room);
}

static enum sh_status write_csv_cell(const struct export_column *column, struct shoal_client_value value,
                                     const char *separator, struct sh_buffer *out, struct sh_error *err) {
    size_t length = 0;
    const char *text;
    switch (shoal_client_value_kind(value)) {
    case SHOAL_CLIENT_ABSENT:
    case SHOAL_CLIENT_NIL:
        return SH_OK;
    case SHOAL_CLIENT_TEXT:
        text = shoal_client_text(value, &length);
        write_csv_text(text, length, out);
        return SH_OK;
    case SHOAL_CLIENT_ARRAY:
        if (column->shape == EXPORT_TAGS) return write_csv_tags(value, column, separator, out, err);
        write_csv_json(value, out);
        return SH_OK;
    case SHOAL_CLIENT_MAP:
    case SHOAL_CLIENT_BINARY:
        write_csv_json(value, out);
        return SH_OK;
    default:
        export_write_json(value, out);
        return SH_OK;
    }
}

/* ---- Rows ---- */

/* In UTC, milliseconds only if there are any. */
static void write_time(int64_t instant_ms, struct sh_buffer *out) {
    int64_t day = instant_ms / SH_DAY_MS;
    if (instant_ms % SH_DAY_MS < 0) day--;
    const int time_ms = (int)(instant_ms - day * SH_DAY_MS);
    const struct sh_date date = sh_date_from_day((int32_t)day);
    char text[48];
    int length = snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d", date.year, date.month, date.day,
                          time_ms / 3600000, time_ms / 60000 % 60, time_ms / 1000 % 60);
    if (time_ms % 1000 != 0) length += snprintf(text + length, 8, ".%03d", time_ms % 1000);
    text[length++] = 'Z';
    sh_buffer_append(out, text, (size_t)length);
}

static bool is_time(const struct export_column *column, struct shoal_client_value value) {
    return column->shape == EXPORT_TIME && shoal_client_value_kind(value) == SHOAL_CLIENT_INTEGER;
}

void export_write_head(enum export_format format, const struct export_column *columns, uint32_t count,
                       struct sh_buffer *out) {
    if (format != EXPORT_CSV) return;
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) sh_buffer_append(out, ",", 1);
        write_csv_text(columns[i].name.bytes, columns[i].name.count, out);
    }
    sh_buffer_append(out, "\n", 1);
}

static bool is_missing(const struct export_column *column, struct shoal_client_value value) {
    const enum shoal_client_kind kind = shoal_client_value_kind(value);
    return kind == SHOAL_CLIENT_ABSENT || kind == SHOAL_CLIENT_NIL ||
           (column->shape == EXPORT_TAGS && shoal_client_count(value) == 0);
}

static void write_json_row(const struct export_column *columns, const struct shoal_client_value *values, uint32_t count,
                           struct sh_buffer *out) {
    bool first = true;
    for (uint32_t i = 0; i < count; i++) {
        if (is_missing(&columns[i], values[i])) continue;
        sh_buffer_append(out, first ? "{" : ",", 1);
        first = false;
        export_write_json_text(columns[i].name.bytes, columns[i].name.count, out);
        sh_buffer_append(out, ":", 1);
        if (is_time(&columns[i], values[i])) {
            sh_buffer_append(out, "\"", 1);
            write_time(shoal_client_integer(values[i], 0), out);
            sh_buffer_append(out, "\"", 1);
        } else {
            export_write_json(values[i], out);
        }
    }
    append(out, first ? "{}\n" : "}\n");
}

enum sh_status export_write_row(enum export_format format, const struct export_column *columns,
                                const struct shoal_client_value *values, uint32_t count, const char *separator,
                                struct sh_buffer *out, struct sh_error *err) {
    if (format == EXPORT_JSONL) {
        write_json_row(columns, values, count, out);
        return sh_buffer_status(out, err);
    }
    for (uint32_t i = 0; i < count; i++) {
        enum sh_status status = SH_OK;
        if (i > 0) sh_buffer_append(out, ",", 1);
        if (is_time(&columns[i], values[i]))
            write_time(shoal_client_integer(values[i], 0), out);
        else
            status = write_csv_cell(&columns[i], values[i], separator, out, err);
        if (status != SH_OK) return status;
    }
    sh_buffer_append(out, "\n", 1);
    return sh_buffer_status(out, err);
}
