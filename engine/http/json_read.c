#include <errno.h>
#include <math.h>

#include "json.h"

enum {
    REAL_BYTES_MAX = 128, /* of a number with a point or an exponent: a double needs no more than 17 digits */
    TEXT_HEAD_BYTES = 5,  /* of a msgpack str, at most */
};

struct reader {
    const char *begin;
    const char *at;
    const char *end;
    struct sh_buffer *out;
    struct sh_error *err;
    uint32_t depth;
};

static enum sh_status fail_at(const struct reader *reader, const char *at, const char *what) {
    return sh_fail(reader->err, SH_ERR_PROTOCOL, at - reader->begin, "no JSON: %s", what);
}

static enum sh_status fail_here(const struct reader *reader, const char *what) {
    return fail_at(reader, reader->at, reader->at == reader->end ? "it ends too early" : what);
}

static void skip_space(struct reader *reader) {
    while (reader->at < reader->end &&
           (*reader->at == ' ' || *reader->at == '\n' || *reader->at == '\r' || *reader->at == '\t'))
        reader->at++;
}

static bool is_digit(char byte) {
    return byte >= '0' && byte <= '9';
}

static bool take(struct reader *reader, char byte) {
    if (reader->at == reader->end || *reader->at != byte) return false;
    reader->at++;
    return true;
}

/* ---- numbers ---- */

/* Passes over digits; false if there is none. */
static bool skip_digits(struct reader *reader) {
    const char *begin = reader->at;
    while (reader->at < reader->end && is_digit(*reader->at))
        reader->at++;
    return reader->at > begin;
}

static enum sh_status read_integer(struct reader *reader, const char *begin, msgpack_packer *packer) {
    const bool is_negative = *begin == '-';
    uint64_t number = 0;
    for (const char *at = begin + is_negative; at < reader->at; at++) {
        if (__builtin_mul_overflow(number, 10u, &number) ||
            __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number))
            return fail_at(reader, begin, "an integer has at most 64 bits");
    }
    if (!is_negative) {
        (void)msgpack_pack_uint64(packer, number);
    } else if (number > (uint64_t)INT64_MAX + 1) {
        return fail_at(reader, begin, "an integer has at most 64 bits");
    } else {
        (void)msgpack_pack_int64(packer, (int64_t)(0 - number));
    }
    return SH_OK;
}

static enum sh_status read_real(struct reader *reader, const char *begin, msgpack_packer *packer) {
    char digits[REAL_BYTES_MAX + 1];
    const size_t count = (size_t)(reader->at - begin);
    if (count > REAL_BYTES_MAX) return fail_at(reader, begin, "a number has at most 128 characters");
    memcpy(digits, begin, count);
    digits[count] = '\0';
    const double real = strtod(digits, NULL);
    if (!isfinite(real)) return fail_at(reader, begin, "a number beyond what a double holds");
    (void)msgpack_pack_double(packer, real);
    return SH_OK;
}

static enum sh_status read_number(struct reader *reader) {
    const char *begin = reader->at;
    (void)take(reader, '-');
    const char *first = reader->at;
    if (!skip_digits(reader)) return fail_here(reader, "a digit is expected");
    if (*first == '0' && reader->at > first + 1) return fail_at(reader, first, "a number begins with no 0");
    bool is_real = false;
    if (take(reader, '.')) {
        is_real = true;
        if (!skip_digits(reader)) return fail_here(reader, "a digit is expected behind the point");
    }
    if (take(reader, 'e') || take(reader, 'E')) {
        is_real = true;
        if (!take(reader, '+')) (void)take(reader, '-');
        if (!skip_digits(reader)) return fail_here(reader, "a digit is expected in the exponent");
    }
    msgpack_packer packer;
    sh_buffer_packer(reader->out, &packer);
    return is_real ? read_real(reader, begin, &packer) : read_integer(reader, begin, &packer);
}

/* ---- texts ---- */

static int hex_of(char byte) {
    if (is_digit(byte)) return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

/* Four hex digits. */
static enum sh_status read_unit(struct reader *reader, uint32_t *unit) {
    *unit = 0;
    for (uint32_t i = 0; i < 4; i++, reader->at++) {
        const int digit = reader->at == reader->end ? -1 : hex_of(*reader->at);
        if (digit < 0) return fail_here(reader, "four hex digits are expected behind \\u");
        *unit = *unit << 4 | (uint32_t)digit;
    }
    return SH_OK;
}

static enum sh_status read_character(struct reader *reader, uint32_t *character) {
    const char *begin = reader->at - 2;
    uint32_t low;
    enum sh_status status = read_unit(reader, character);
    if (status != SH_OK) return status;
    if (*character == 0) return fail_at(reader, begin, "a text has no character 0");
    if (*character < 0xD800 || *character > 0xDFFF) return SH_OK;
    if (*character > 0xDBFF || !take(reader, '\\') || !take(reader, 'u'))
        return fail_at(reader, begin, "half of a surrogate pair");
    if ((status = read_unit(reader, &low)) != SH_OK) return status;
    if (low < 0xDC00 || low > 0xDFFF) return fail_at(reader, begin, "half of a surrogate pair");
    *character = 0x10000 + ((*character - 0xD800) << 10) + (low - 0xDC00);
    return SH_OK;
}

static uint8_t *write_utf8(uint8_t *out, uint32_t character) {
    if (character < 0x80) {
        *out++ = (uint8_t)character;
        return out;
    }
    if (character < 0x800) {
        *out++ = (uint8_t)(0xC0 | character >> 6);
    } else {
        if (character < 0x10000) {
            *out++ = (uint8_t)(0xE0 | character >> 12);
        } else {
            *out++ = (uint8_t)(0xF0 | character >> 18);
            *out++ = (uint8_t)(0x80 | (character >> 12 & 0x3F));
        }
        *out++ = (uint8_t)(0x80 | (character >> 6 & 0x3F));
    }
    *out++ = (uint8_t)(0x80 | (character & 0x3F));
    return out;
}

/* Behind a backslash. What it stands for is never longer than how it is written. */
static enum sh_status read_escape(struct reader *reader, uint8_t **out) {
    static const char names[] = "\"\\/bfnrt";
    static const char meant[] = "\"\\/\b\f\n\r\t";
    uint32_t character;
    if (reader->at == reader->end) return fail_here(reader, "");
    const char byte = *reader->at++;
    if (byte == 'u') {
        const enum sh_status status = read_character(reader, &character);
        if (status == SH_OK) *out = write_utf8(*out, character);
        return status;
    }
    const char *found = byte == '\0' ? NULL : strchr(names, byte);
    if (found == NULL) return fail_at(reader, reader->at - 2, "an unknown character behind a backslash");
    *(*out)++ = (uint8_t)meant[found - names];
    return SH_OK;
}

/* Where the text that begins here ends, and whether anything in it is escaped. */
static enum sh_status find_quote(const struct reader *reader, const char **quote, bool *is_plain) {
    *is_plain = true;
    for (const char *at = reader->at; at < reader->end; at++) {
        if (*at == '"') {
            *quote = at;
            return SH_OK;
        }
        if ((uint8_t)*at < 0x20) return fail_at(reader, at, "a control character in a text is written with \\u");
        if (*at != '\\') continue;
        *is_plain = false;
        at++;
    }
    return fail_at(reader, reader->end, "it ends too early");
}

static enum sh_status read_escaped(struct reader *reader, const char *quote) {
    struct sh_buffer *out = reader->out;
    const size_t limit_bytes = (size_t)(quote - reader->at);
    uint8_t *begin = sh_buffer_reserve(out, limit_bytes + TEXT_HEAD_BYTES);
    if (begin == NULL) return SH_OK; /* the buffer says so at the end */
    uint8_t *text = begin + TEXT_HEAD_BYTES;
    uint8_t *end = text;
    while (reader->at < quote) {
        const char byte = *reader->at++;
        if (byte != '\\') {
            *end++ = (uint8_t)byte;
            continue;
        }
        const enum sh_status status = read_escape(reader, &end);
        if (status != SH_OK) return status;
    }
    const uint32_t count = (uint32_t)(end - text);
    msgpack_packer packer;
    sh_buffer_packer(out, &packer);
    (void)msgpack_pack_str(&packer, count); /* into the room before the text */
    memmove(out->bytes + out->count, text, count);
    out->count += count;
    return SH_OK;
}

static enum sh_status read_text(struct reader *reader) {
    const char *quote;
    bool is_plain;
    enum sh_status status = find_quote(reader, &quote, &is_plain);
    if (status != SH_OK) return status;
    if (is_plain) {
        msgpack_packer packer;
        sh_buffer_packer(reader->out, &packer);
        sh_pack_text(&packer, (struct sh_text){reader->at, (uint32_t)(quote - reader->at)});
    } else if ((status = read_escaped(reader, quote)) != SH_OK) {
        return status;
    }
    reader->at = quote + 1;
    return SH_OK;
}

/* ---- containers ---- */

static enum sh_status read_value(struct reader *reader);

/* The head of a container whose count is not known yet. Returns where it is. */
static size_t open_container(struct reader *reader, uint8_t head) {
    const uint8_t bytes[TEXT_HEAD_BYTES] = {head};
    const size_t begin = reader->out->count;
    sh_buffer_append(reader->out, bytes, sizeof bytes);
    return begin;
}

static void close_container(struct reader *reader, size_t begin, uint32_t count) {
    if (reader->out->failed) return;
    for (uint32_t i = 0; i < 4; i++)
        reader->out->bytes[begin + 1 + i] = (uint8_t)(count >> (24 - 8 * i));
}

static enum sh_status enter(struct reader *reader) {
    if (reader->depth == SH_MSGPACK_DEPTH_MAX)
        return sh_fail(reader->err, SH_ERR_PROTOCOL, reader->at - 1 - reader->begin, "no JSON: nested deeper than %d",
                       SH_MSGPACK_DEPTH_MAX);
    reader->depth++;
    return SH_OK;
}

/* Is there another element? False after the closing byte. */
static enum sh_status next_element(struct reader *reader, uint32_t count, char closing, bool *more) {
    *more = false;
    skip_space(reader);
    if (take(reader, closing)) return SH_OK;
    if (count > 0 && !take(reader, ','))
        return fail_here(reader, closing == ']' ? "a comma or ] is expected" : "a comma or } is expected");
    skip_space(reader);
    *more = true;
    return SH_OK;
}

static enum sh_status read_array(struct reader *reader) {
    enum sh_status status = enter(reader);
    if (status != SH_OK) return status;
    const size_t begin = open_container(reader, 0xDD);
    uint32_t count = 0;
    for (bool more; (status = next_element(reader, count, ']', &more)) == SH_OK && more; count++)
        if ((status = read_value(reader)) != SH_OK) return status;
    if (status != SH_OK) return status;
    close_container(reader, begin, count);
    reader->depth--;
    return SH_OK;
}

static enum sh_status read_pair(struct reader *reader) {
    if (!take(reader, '"')) return fail_here(reader, "a name in quotes is expected");
    const enum sh_status status = read_text(reader);
    if (status != SH_OK) return status;
    skip_space(reader);
    if (!take(reader, ':')) return fail_here(reader, "a colon is expected");
    skip_space(reader);
    return read_value(reader);
}

static enum sh_status read_object(struct reader *reader) {
    enum sh_status status = enter(reader);
    if (status != SH_OK) return status;
    const size_t begin = open_container(reader, 0xDF);
    uint32_t count = 0;
    for (bool more; (status = next_element(reader, count, '}', &more)) == SH_OK && more; count++)
        if ((status = read_pair(reader)) != SH_OK) return status;
    if (status != SH_OK) return status;
    close_container(reader, begin, count);
    reader->depth--;
    return SH_OK;
}

static enum sh_status read_word(struct reader *reader) {
    static const struct {
        struct sh_text word;
        uint8_t byte;
    } words[] = {{{"null", 4}, 0xC0}, {{"false", 5}, 0xC2}, {{"true", 4}, 0xC3}};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct sh_text word = words[i].word;
        if ((size_t)(reader->end - reader->at) < word.count || memcmp(reader->at, word.bytes, word.count) != 0)
            continue;
        reader->at += word.count;
        sh_buffer_append(reader->out, &words[i].byte, 1);
        return SH_OK;
    }
    return fail_here(reader, "a value is expected");
}

static enum sh_status read_value(struct reader *reader) {
    if (reader->at == reader->end) return fail_here(reader, "");
    if (*reader->at == '-' || is_digit(*reader->at)) return read_number(reader);
    if (take(reader, '"')) return read_text(reader);
    if (take(reader, '[')) return read_array(reader);
    if (take(reader, '{')) return read_object(reader);
    return read_word(reader);
}

enum sh_status sh_json_read(struct sh_text json, struct sh_buffer *msgpack, struct sh_error *err) {
    const size_t begin = msgpack->count;
    struct reader reader = {json.bytes, json.bytes, json.bytes + json.count, msgpack, err, 0};
    /* Once for all texts: what stands outside of them is ASCII or refused. */
    if (!sh_text_is_utf8(json))
        return sh_fail(err, SH_ERR_PROTOCOL, -1, "no JSON: it is not UTF-8, or has a zero byte");
    skip_space(&reader);
    enum sh_status status = read_value(&reader);
    skip_space(&reader);
    if (status == SH_OK && reader.at < reader.end) status = fail_here(&reader, "something behind the value");
    if (status == SH_OK) status = sh_buffer_status(msgpack, err);
    if (status != SH_OK) msgpack->count = begin;
    return status;
}
