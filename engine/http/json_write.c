#include <math.h>
#include <stdio.h>

#include "json.h"

static const uint64_t kept_by_all = (UINT64_C(1) << 53) - 1; /* what a double holds exactly */

static void write_literal(struct sh_buffer *json, const char *text) {
    sh_buffer_append(json, text, strlen(text));
}

/* ---- texts ---- */

static void write_escape(struct sh_buffer *json, uint8_t byte) {
    static const char names[] = "\b\t\n\f\r\"\\";
    static const char *const escapes[] = {"\\b", "\\t", "\\n", "\\f", "\\r", "\\\"", "\\\\"};
    const char *found = byte == 0 ? NULL : strchr(names, byte);
    if (found != NULL)
        write_literal(json, escapes[found - names]);
    else
        sh_buffer_print(json, "\\u%04x", byte);
}

/* The bytes between the quotes; pieces without anything to escape go at once. */
static void write_characters(struct sh_buffer *json, struct sh_text text) {
    uint32_t begin = 0;
    for (uint32_t at = 0; at < text.count; at++) {
        const uint8_t byte = (uint8_t)text.bytes[at];
        if (byte >= 0x20 && byte != '"' && byte != '\\') continue;
        sh_buffer_append(json, text.bytes + begin, at - begin);
        write_escape(json, byte);
        begin = at + 1;
    }
    sh_buffer_append(json, text.bytes + begin, text.count - begin);
}

void sh_json_write_text(struct sh_buffer *json, struct sh_text text) {
    sh_buffer_append(json, "\"", 1);
    write_characters(json, text);
    sh_buffer_append(json, "\"", 1);
}

static void write_base64(struct sh_buffer *json, struct sh_text bin) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *bytes = (const uint8_t *)bin.bytes;
    sh_buffer_append(json, "\"", 1);
    for (uint32_t at = 0; at < bin.count; at += 3) {
        const uint32_t left = bin.count - at;
        const uint32_t three = (uint32_t)bytes[at] << 16 | (left > 1 ? (uint32_t)bytes[at + 1] << 8 : 0) |
                               (left > 2 ? (uint32_t)bytes[at + 2] : 0);
        const char four[4] = {digits[three >> 18], digits[three >> 12 & 63], left > 1 ? digits[three >> 6 & 63] : '=',
                              left > 2 ? digits[three & 63] : '='};
        sh_buffer_append(json, four, sizeof four);
    }
    sh_buffer_append(json, "\"", 1);
}

/* ---- numbers ---- */

static void write_real(struct sh_buffer *json, double real) {
    char digits[40];
    int count = 0;
    for (int precision = 15; precision <= 17; precision++) {
        count = snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real) break;
    }
    sh_buffer_append(json, digits, (size_t)count);
    if (strpbrk(digits, ".e") == NULL) sh_buffer_append(json, ".0", 2);
}

/* With a quote on both sides if it is beyond what every reader keeps. */
static void write_number(struct sh_buffer *json, bool is_negative, uint64_t size) {
    char digits[24];
    char *end = digits + sizeof digits;
    char *at = end;
    const bool is_quoted = size > kept_by_all;
    if (is_quoted) *--at = '"';
    for (uint64_t left = size;; left /= 10) {
        *--at = (char)('0' + left % 10);
        if (left < 10) break;
    }
    if (is_negative) *--at = '-';
    if (is_quoted) *--at = '"';
    sh_buffer_append(json, at, (size_t)(end - at));
}

static void write_integer(struct sh_buffer *json, int64_t integer) {
    write_number(json, integer < 0, integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer);
}

/* ---- values ---- */

static enum sh_status write_value(struct sh_cursor *cursor, struct sh_buffer *json, struct sh_error *err);

/* A map's name is a string in JSON, whatever it was. */
static enum sh_status write_name(struct sh_cursor *cursor, struct sh_buffer *json, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(cursor, &value, err);
    if (status != SH_OK) return status;
    switch (value.kind) {
    case SH_VALUE_STR:
        sh_json_write_text(json, value.text);
        return SH_OK;
    case SH_VALUE_INT:
        sh_buffer_print(json, "\"%lld\"", (long long)value.integer);
        return SH_OK;
    case SH_VALUE_UINT_BIG:
        sh_buffer_print(json, "\"%llu\"", (unsigned long long)value.big);
        return SH_OK;
    case SH_VALUE_BIN:
        write_base64(json, value.text);
        return SH_OK;
    default:
        return sh_fail(err, SH_ERR_PROTOCOL, value.offset, "a map's name that is %s", sh_value_kind_name(value.kind));
    }
}

static enum sh_status write_container(struct sh_cursor *cursor, uint32_t count, bool is_map, struct sh_buffer *json,
                                      struct sh_error *err) {
    enum sh_status status = SH_OK;
    cursor->depth++;
    sh_buffer_append(json, is_map ? "{" : "[", 1);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        if (json->failed) return sh_buffer_status(json, err); /* nobody reads on */
        if (i > 0) sh_buffer_append(json, ",", 1);
        if (is_map) {
            if ((status = write_name(cursor, json, err)) != SH_OK) break;
            sh_buffer_append(json, ":", 1);
        }
        status = write_value(cursor, json, err);
    }
    sh_buffer_append(json, is_map ? "}" : "]", 1);
    cursor->depth--;
    return status;
}

static enum sh_status write_value(struct sh_cursor *cursor, struct sh_buffer *json, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(cursor, &value, err);
    if (status != SH_OK) return status;
    switch (value.kind) {
    case SH_VALUE_NIL:
        write_literal(json, "null");
        break;
    case SH_VALUE_BOOL:
        write_literal(json, value.boolean ? "true" : "false");
        break;
    case SH_VALUE_INT:
        write_integer(json, value.integer);
        break;
    case SH_VALUE_UINT_BIG:
        write_number(json, false, value.big);
        break;
    case SH_VALUE_FLOAT:
        write_real(json, value.real);
        break;
    case SH_VALUE_STR:
        sh_json_write_text(json, value.text);
        break;
    case SH_VALUE_BIN:
        write_base64(json, value.text);
        break;
    case SH_VALUE_ARRAY:
        return write_container(cursor, value.count, false, json, err);
    case SH_VALUE_MAP:
        return write_container(cursor, value.count, true, json, err);
    }
    return SH_OK;
}

enum sh_status sh_json_write(struct sh_cursor *msgpack, struct sh_buffer *json, struct sh_error *err) {
    const size_t begin = json->count;
    const uint32_t depth = msgpack->depth;
    enum sh_status status = write_value(msgpack, json, err);
    msgpack->depth = depth;
    if (status == SH_OK) status = sh_buffer_status(json, err);
    if (status != SH_OK) json->count = begin;
    return status;
}
