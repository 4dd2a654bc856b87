#include "export_cells.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "calendar.h"
#include "json_value.h"

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
        if (room.count > 0) sh_buffer_append(&room, separator, strlen(separator));
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
    json_value_append(value, &room, NULL);
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
        json_value_append(value, out, NULL);
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
        json_text_append(columns[i].name.bytes, columns[i].name.count, out);
        sh_buffer_append(out, ":", 1);
        if (is_time(&columns[i], values[i])) {
            sh_buffer_append(out, "\"", 1);
            write_time(shoal_client_integer(values[i], 0), out);
            sh_buffer_append(out, "\"", 1);
        } else {
            json_value_append(values[i], out, NULL);
        }
    }
    sh_buffer_append(out, first ? "{}\n" : "}\n", first ? 3 : 2);
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
