#include "json_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SPILL_BYTES = 64 << 10 };

static void append(struct sh_buffer *out, const char *zero_ended) {
    sh_buffer_append(out, zero_ended, strlen(zero_ended));
}

static void append_escape(unsigned char byte, struct sh_buffer *out) {
    static const char plain[] = "\"\\\n\r\t";
    static const char shown[] = "\"\\nrt";
    const char *found = byte == 0 ? NULL : strchr(plain, byte);
    if (found != NULL)
        sh_buffer_print(out, "\\%c", shown[found - plain]);
    else
        sh_buffer_print(out, "\\u%04x", byte);
}

void json_text_append(const char *bytes, size_t byte_count, struct sh_buffer *out) {
    size_t done = 0;
    append(out, "\"");
    for (size_t i = 0; i < byte_count; i++) {
        const unsigned char byte = (unsigned char)bytes[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F) continue;
        sh_buffer_append(out, bytes + done, i - done);
        done = i + 1;
        append_escape(byte, out);
    }
    sh_buffer_append(out, bytes + done, byte_count - done);
    append(out, "\"");
}

static void append_binary(const unsigned char *bytes, size_t byte_count, struct sh_buffer *out) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    append(out, "\"");
    for (size_t i = 0; i < byte_count; i += 3) {
        const size_t left = byte_count - i;
        const uint32_t group =
            (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digits[group >> 18], digits[group >> 12 & 63], left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        sh_buffer_append(out, four, sizeof four);
    }
    append(out, "\"");
}

static void append_integer(int64_t integer, struct sh_buffer *out) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, integer);
    sh_buffer_append(out, digits, (size_t)length);
}

static void append_real(double real, struct sh_buffer *out) {
    char digits[40] = "null";
    for (int precision = 15; isfinite(real) && precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real) break;
    }
    append(out, digits);
}

static void append_container(struct shoal_client_value value, bool is_map, struct sh_buffer *out, FILE *file) {
    struct shoal_client_walk walk = shoal_client_walk_begin(value);
    struct shoal_client_value key, element;
    bool first = true;
    append(out, is_map ? "{" : "[");
    while (shoal_client_walk_next(&walk, is_map ? &key : NULL, &element)) {
        if (!first) append(out, file != NULL ? ", " : ",");
        first = false;
        if (is_map) {
            json_value_append(key, out, file);
            append(out, file != NULL ? ": " : ":");
        }
        json_value_append(element, out, file);
        if (file == NULL || out->count < SPILL_BYTES) continue;
        (void)fwrite(out->bytes, 1, out->count, file);
        sh_buffer_clear(out);
    }
    append(out, is_map ? "}" : "]");
}

void json_value_append(struct shoal_client_value value, struct sh_buffer *out, FILE *file) {
    size_t byte_count = 0;
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
        append_integer(shoal_client_integer(value, 0), out);
        break;
    case SHOAL_CLIENT_REAL:
        append_real(shoal_client_real(value, 0), out);
        break;
    case SHOAL_CLIENT_TEXT:
        text = shoal_client_text(value, &byte_count);
        json_text_append(text, byte_count, out);
        break;
    case SHOAL_CLIENT_BINARY:
        text = shoal_client_text(value, &byte_count);
        append_binary((const unsigned char *)text, byte_count, out);
        break;
    case SHOAL_CLIENT_ARRAY:
        append_container(value, false, out, file);
        break;
    case SHOAL_CLIENT_MAP:
        append_container(value, true, out, file);
        break;
    }
}
