#include "msgpack_text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "cursor.h"

struct reader {
    const char *text;
    const char *at;
};

static _Noreturn void wrong(const struct reader *reader, const char *what) {
    (void)fprintf(stderr, "%s at byte %zu of %s\n", what, (size_t)(reader->at - reader->text), reader->text);
    abort();
}

static void skip_blanks(struct reader *reader) {
    while (isspace((unsigned char)*reader->at))
        reader->at++;
}

static void read_value(struct reader *reader, struct sh_buffer *out);

static void read_string(struct reader *reader, struct sh_buffer *out) {
    const char quote = *reader->at++;
    struct sh_buffer text;
    sh_buffer_init(&text, 1 << 24);
    while (*reader->at != quote) {
        if (*reader->at == '\\') reader->at++;
        if (*reader->at == '\0') wrong(reader, "a string has no end");
        sh_buffer_append(&text, reader->at++, 1);
    }
    reader->at++;
    msgpack_packer packer;
    sh_buffer_packer(out, &packer);
    sh_pack_text(&packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    sh_buffer_deinit(&text);
}

static void read_word(struct reader *reader, struct sh_buffer *out, bool is_key) {
    const char *begin = reader->at;
    while (isalnum((unsigned char)*reader->at) || strchr("_.+-", *reader->at) != NULL) {
        if (*reader->at == '\0') break;
        reader->at++;
    }
    const struct sh_text word = {begin, (uint32_t)(reader->at - begin)};
    if (word.count == 0) wrong(reader, "a value is needed");
    msgpack_packer packer;
    sh_buffer_packer(out, &packer);
    const bool is_number = isdigit((unsigned char)*begin) || (*begin == '-' && word.count > 1);
    if (is_key) {
        sh_pack_text(&packer, word);
    } else if (sh_text_equal(word, SH_TEXT_LITERAL("nil"))) {
        (void)msgpack_pack_nil(&packer);
    } else if (sh_text_equal(word, SH_TEXT_LITERAL("true"))) {
        (void)msgpack_pack_true(&packer);
    } else if (sh_text_equal(word, SH_TEXT_LITERAL("false"))) {
        (void)msgpack_pack_false(&packer);
    } else if (!is_number) {
        wrong(reader, "this word is no value");
    } else if (memchr(begin, '.', word.count) != NULL || memchr(begin, 'e', word.count) != NULL) {
        (void)msgpack_pack_double(&packer, strtod(begin, NULL));
    } else if (*begin == '-') {
        (void)msgpack_pack_int64(&packer, strtoll(begin, NULL, 10));
    } else {
        (void)msgpack_pack_uint64(&packer, strtoull(begin, NULL, 10));
    }
}

static void read_container(struct reader *reader, struct sh_buffer *out) {
    const bool is_map = *reader->at == '{';
    const char end = is_map ? '}' : ']';
    uint32_t count = 0;
    struct sh_buffer inside;
    sh_buffer_init(&inside, 1 << 28);
    reader->at++;
    for (skip_blanks(reader); *reader->at != end; skip_blanks(reader)) {
        if (count > 0) {
            if (*reader->at++ != ',') wrong(reader, "a comma is needed");
            skip_blanks(reader);
        }
        if (is_map) {
            if (*reader->at == '\'' || *reader->at == '"')
                read_string(reader, &inside);
            else
                read_word(reader, &inside, true);
            skip_blanks(reader);
            if (*reader->at++ != ':') wrong(reader, "a colon is needed");
        }
        read_value(reader, &inside);
        count++;
    }
    reader->at++;
    msgpack_packer packer;
    sh_buffer_packer(out, &packer);
    if (is_map)
        (void)msgpack_pack_map(&packer, count);
    else
        (void)msgpack_pack_array(&packer, count);
    sh_buffer_append(out, inside.bytes, inside.count);
    sh_buffer_deinit(&inside);
}

static void read_value(struct reader *reader, struct sh_buffer *out) {
    skip_blanks(reader);
    switch (*reader->at) {
    case '{':
    case '[':
        read_container(reader, out);
        break;
    case '\'':
    case '"':
        read_string(reader, out);
        break;
    default:
        read_word(reader, out, false);
    }
}

void msgpack_of_text(const char *text, struct sh_buffer *msgpack) {
    struct reader reader = {text, text};
    read_value(&reader, msgpack);
    skip_blanks(&reader);
    if (*reader.at != '\0') wrong(&reader, "more than one value");
}

/* ---- And back ---- */

static void print_string(struct sh_text text, struct sh_buffer *out) {
    sh_buffer_print(out, "'");
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.bytes[i] == '\'' || text.bytes[i] == '\\') sh_buffer_print(out, "\\");
        sh_buffer_append(out, text.bytes + i, 1);
    }
    sh_buffer_print(out, "'");
}

/* As few digits as read back to the same number. */
static void print_real(double real, struct sh_buffer *out) {
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        (void)snprintf(digits, sizeof digits, "%.*g", precision, real);
        if (strtod(digits, NULL) == real) break;
    }
    sh_buffer_print(out, "%s", digits);
    if (strpbrk(digits, ".e") == NULL) sh_buffer_print(out, ".0");
}

static void print_value(struct sh_cursor *cursor, uint32_t pairs_missing, struct sh_buffer *out);

static void print_container(struct sh_cursor *cursor, bool is_map, uint32_t count, struct sh_buffer *out) {
    sh_buffer_print(out, is_map ? "{" : "[");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) sh_buffer_print(out, ", ");
        if (is_map) {
            struct sh_text key;
            if (sh_cursor_text(cursor, &key, "a key", NULL) != SH_OK) abort();
            sh_buffer_print(out, "%.*s: ", SH_TEXT_ARGS(key));
        }
        print_value(cursor, 0, out);
    }
    sh_buffer_print(out, is_map ? "}" : "]");
}

static void print_value(struct sh_cursor *cursor, uint32_t pairs_missing, struct sh_buffer *out) {
    struct sh_value value;
    if (pairs_missing > 0 && cursor->at < cursor->end && (*cursor->at & 0xF0) == 0x80) {
        const uint32_t count = *cursor->at++ & 0x0Fu;
        print_container(cursor, true, count - pairs_missing, out);
        return;
    }
    if (sh_cursor_next(cursor, &value, NULL) != SH_OK) abort();
    switch (value.kind) {
    case SH_VALUE_NIL:
        sh_buffer_print(out, "nil");
        break;
    case SH_VALUE_BOOL:
        sh_buffer_print(out, value.boolean ? "true" : "false");
        break;
    case SH_VALUE_INT:
        sh_buffer_print(out, "%lld", (long long)value.integer);
        break;
    case SH_VALUE_UINT_BIG:
        sh_buffer_print(out, "%llu", (unsigned long long)value.big);
        break;
    case SH_VALUE_FLOAT:
        print_real(value.real, out);
        break;
    case SH_VALUE_STR:
    case SH_VALUE_BIN:
        print_string(value.text, out);
        break;
    case SH_VALUE_ARRAY:
    case SH_VALUE_MAP:
        print_container(cursor, value.kind == SH_VALUE_MAP, value.count, out);
        break;
    }
}

void text_of_msgpack(const void *bytes, size_t byte_count, uint32_t map_pairs_missing, struct sh_buffer *text) {
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, byte_count);
    print_value(&cursor, map_pairs_missing, text);
    if (!sh_cursor_at_end(&cursor)) sh_buffer_print(text, " and %zu bytes more", (size_t)(cursor.end - cursor.at));
}
