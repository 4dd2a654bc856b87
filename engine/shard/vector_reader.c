#include "vector_reader.h"

#include <stdlib.h>

#include "cursor_inline.h"

enum { NUMBER_BYTES_MAX = 63 };

static enum sh_status fail_count(struct sh_text name, uint64_t count, uint32_t dimension, struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` has %llu numbers; vectors of this space have %u",
                   SH_TEXT_ARGS(name), (unsigned long long)count, dimension);
}

static enum sh_status fail_number(struct sh_text name, uint32_t place, struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s`: what stands at place %u is no number", SH_TEXT_ARGS(name),
                   place + 1);
}

static enum sh_status read_array(struct sh_cursor *cursor, struct sh_text name, uint32_t dimension, double *values,
                                 struct sh_error *err) {
    for (uint32_t i = 0; i < dimension; i++) {
        struct sh_value value;
        sh_cursor_next_checked(cursor, &value);
        if (value.kind == SH_VALUE_INT)
            values[i] = (double)value.integer;
        else if (value.kind == SH_VALUE_FLOAT)
            values[i] = value.real;
        else
            return fail_number(name, i, err);
    }
    return SH_OK;
}

static void read_floats(struct sh_text bytes, uint32_t dimension, double *values) {
    for (uint32_t i = 0; i < dimension; i++) {
        const unsigned char *at = (const unsigned char *)bytes.bytes + 4 * (size_t)i;
        const uint32_t bits = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
        float value;
        memcpy(&value, &bits, sizeof value);
        values[i] = (double)value;
    }
}

static bool is_between_numbers(char byte) {
    return byte == ' ' || byte == ',' || byte == '[' || byte == ']' || byte == '\t' || byte == '\n' || byte == '\r';
}

static enum sh_status read_words(struct sh_text text, struct sh_text name, uint32_t dimension, double *values,
                                 struct sh_error *err) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < text.count;) {
        char word[NUMBER_BYTES_MAX + 1];
        uint32_t length = 0;
        if (is_between_numbers(text.bytes[i])) {
            i++;
            continue;
        }
        while (i + length < text.count && !is_between_numbers(text.bytes[i + length]))
            length++;
        if (length > NUMBER_BYTES_MAX) return fail_number(name, count, err);
        memcpy(word, text.bytes + i, length);
        word[length] = '\0';
        char *end;
        const double value = strtod(word, &end);
        if (end != word + length) return fail_number(name, count, err);
        if (count < dimension) values[count] = value;
        count++;
        i += length;
    }
    return count == dimension ? SH_OK : fail_count(name, count, dimension, err);
}

enum sh_status sh_vector_read(const struct sh_value *value, struct sh_cursor *cursor, struct sh_text name,
                              uint32_t dimension, int16_t *row, struct sh_error *err) {
    double values[SH_VECTOR_DIMENSION_MAX];
    enum sh_status status = SH_OK;
    switch (value->kind) {
    case SH_VALUE_ARRAY:
        if (value->count != dimension) return fail_count(name, value->count, dimension, err);
        status = read_array(cursor, name, dimension, values, err);
        break;
    case SH_VALUE_BIN:
        if (value->text.count != 4 * dimension)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` has %u bytes; vectors of this space have %u floats",
                           SH_TEXT_ARGS(name), value->text.count, dimension);
        read_floats(value->text, dimension, values);
        break;
    case SH_VALUE_STR:
        status = read_words(value->text, name, dimension, values, err);
        break;
    default:
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "`%.*s` must be an array of numbers, a bin of 32-bit floats, or a str of numbers",
                       SH_TEXT_ARGS(name));
    }
    if (status != SH_OK) return status;
    if (sh_vectors_fit(values, dimension, row)) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` has no direction: all its numbers are 0, or one is not finite",
                   SH_TEXT_ARGS(name));
}
