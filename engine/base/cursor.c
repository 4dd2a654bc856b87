#include "cursor.h"

#include <math.h>

/* Faults are rare and their words are long: out of the way of the decoder. */
#define COLD __attribute__((noinline, cold))

void sh_cursor_init(struct sh_cursor *cursor, const void *bytes, size_t byte_count) {
    sh_assert(byte_count <= UINT32_MAX); /* offsets are 32 bits; a frame is at most SH_FRAME_BYTES_MAX */
    cursor->start = bytes;
    cursor->at = bytes;
    cursor->end = byte_count == 0 ? cursor->start : cursor->start + byte_count; /* NULL + 0 is not defined */
    cursor->depth = 0;
}

static COLD enum sh_status fail_short(const struct sh_cursor *cursor, uint64_t needed, size_t left,
                                      struct sh_error *err) {
    if (left == 0 && cursor->at == cursor->end)
        return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(cursor), "a msgpack value is needed, but the bytes end");
    return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(cursor),
                   "this msgpack value needs %llu more bytes, but %zu are left", (unsigned long long)needed, left);
}

static COLD enum sh_status fail_head(const struct sh_cursor *cursor, uint8_t head, struct sh_error *err) {
    if (head == 0xC1)
        return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(cursor), "the byte 0xc1 begins no msgpack value");
    return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(cursor),
                   "a msgpack ext value (0x%02x) is not accepted; use int, str or map", head);
}

static COLD enum sh_status fail_at(const struct sh_cursor *cursor, const char *fault, struct sh_error *err) {
    return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(cursor), "%s", fault);
}

static COLD enum sh_status fail_depth(const struct sh_cursor *cursor, const uint8_t *at, struct sh_error *err) {
    return sh_fail(err, SH_ERR_PROTOCOL, at - cursor->start, "arrays and maps are nested deeper than %d",
                   SH_MSGPACK_DEPTH_MAX);
}

static inline uint16_t load_16(const uint8_t *bytes) {
    uint16_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap16(word);
}

static inline uint32_t load_32(const uint8_t *bytes) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap32(word);
}

static inline uint64_t load_64(const uint8_t *bytes) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    return __builtin_bswap64(word);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the loads above swap");

/* `body` is behind the length; the whole string moves the cursor or nothing does. */
static inline enum sh_status take_string(struct sh_cursor *cursor, struct sh_value *value, enum sh_value_kind kind,
                                         const uint8_t *body, uint32_t byte_count, struct sh_error *err) {
    const size_t left = (size_t)(cursor->end - body);
    if (byte_count > left) return fail_short(cursor, byte_count, left, err);
    value->kind = kind;
    value->text = (struct sh_text){(const char *)body, byte_count};
    if (kind == SH_VALUE_STR && !sh_text_is_utf8(value->text))
        return fail_at(cursor, "this str is not UTF-8, or has a zero byte in it", err);
    cursor->at = body + byte_count;
    return SH_OK;
}

static inline enum sh_status take_container(struct sh_cursor *cursor, struct sh_value *value, enum sh_value_kind kind,
                                            const uint8_t *body, uint32_t count, struct sh_error *err) {
    const size_t left = (size_t)(cursor->end - body);
    const uint64_t needed = kind == SH_VALUE_MAP ? 2 * (uint64_t)count : count;
    if (needed > left) return fail_short(cursor, needed, left, err);
    if (cursor->depth >= SH_MSGPACK_DEPTH_MAX) return fail_depth(cursor, cursor->at, err);
    value->kind = kind;
    value->count = count;
    cursor->at = body;
    return SH_OK;
}

static inline enum sh_status take_integer(struct sh_cursor *cursor, struct sh_value *value, int64_t integer,
                                          uint32_t head_bytes) {
    value->kind = SH_VALUE_INT;
    value->integer = integer;
    cursor->at += head_bytes;
    return SH_OK;
}

static inline enum sh_status take_big(struct sh_cursor *cursor, struct sh_value *value, uint64_t big) {
    value->kind = big > INT64_MAX ? SH_VALUE_UINT_BIG : SH_VALUE_INT;
    value->big = big;
    cursor->at += 9;
    return SH_OK;
}

static inline enum sh_status take_real(struct sh_cursor *cursor, struct sh_value *value, double real,
                                       uint32_t head_bytes, struct sh_error *err) {
    if (!isfinite(real)) return fail_at(cursor, "this float is infinite or not a number", err);
    value->kind = SH_VALUE_FLOAT;
    value->real = real;
    cursor->at += head_bytes;
    return SH_OK;
}

static inline float float_of(uint32_t bits) {
    float real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

static inline double double_of(uint64_t bits) {
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* How many bytes 0xC0..0xDF need behind them before anything can be said: the length, the number. */
static const uint8_t head_extra_bytes[32] = {0, 0, 0, 0, 1, 2, 4, 0, 0, 0, 4, 8, 1, 2, 4, 8,
                                             1, 2, 4, 8, 0, 0, 0, 0, 0, 1, 2, 4, 2, 4, 2, 4};
_Static_assert(sizeof head_extra_bytes == 32, "0xC0 to 0xDF; ext types need nothing, they are refused");

static enum sh_status next_long(struct sh_cursor *cursor, struct sh_value *value, uint8_t head, struct sh_error *err) {
    const uint8_t *body = cursor->at + 1;
    const size_t left = (size_t)(cursor->end - body);
    const uint32_t extra = head_extra_bytes[head & 31];
    if (extra > left) return fail_short(cursor, extra, left, err);
    switch (head) {
    case 0xC0:
        value->kind = SH_VALUE_NIL;
        cursor->at = body;
        return SH_OK;
    case 0xC2:
    case 0xC3:
        value->kind = SH_VALUE_BOOL;
        value->boolean = head == 0xC3;
        cursor->at = body;
        return SH_OK;
    case 0xC4:
        return take_string(cursor, value, SH_VALUE_BIN, body + 1, body[0], err);
    case 0xC5:
        return take_string(cursor, value, SH_VALUE_BIN, body + 2, load_16(body), err);
    case 0xC6:
        return take_string(cursor, value, SH_VALUE_BIN, body + 4, load_32(body), err);
    case 0xCA:
        return take_real(cursor, value, (double)float_of(load_32(body)), 5, err);
    case 0xCB:
        return take_real(cursor, value, double_of(load_64(body)), 9, err);
    case 0xCC:
        return take_integer(cursor, value, body[0], 2);
    case 0xCD:
        return take_integer(cursor, value, load_16(body), 3);
    case 0xCE:
        return take_integer(cursor, value, load_32(body), 5);
    case 0xCF:
        return take_big(cursor, value, load_64(body));
    case 0xD0:
        return take_integer(cursor, value, (int8_t)body[0], 2);
    case 0xD1:
        return take_integer(cursor, value, (int16_t)load_16(body), 3);
    case 0xD2:
        return take_integer(cursor, value, (int32_t)load_32(body), 5);
    case 0xD3:
        return take_integer(cursor, value, (int64_t)load_64(body), 9);
    case 0xD9:
        return take_string(cursor, value, SH_VALUE_STR, body + 1, body[0], err);
    case 0xDA:
        return take_string(cursor, value, SH_VALUE_STR, body + 2, load_16(body), err);
    case 0xDB:
        return take_string(cursor, value, SH_VALUE_STR, body + 4, load_32(body), err);
    case 0xDC:
        return take_container(cursor, value, SH_VALUE_ARRAY, body + 2, load_16(body), err);
    case 0xDD:
        return take_container(cursor, value, SH_VALUE_ARRAY, body + 4, load_32(body), err);
    case 0xDE:
        return take_container(cursor, value, SH_VALUE_MAP, body + 2, load_16(body), err);
    case 0xDF:
        return take_container(cursor, value, SH_VALUE_MAP, body + 4, load_32(body), err);
    default:
        return fail_head(cursor, head, err);
    }
}

/* The one-byte heads are most of every frame: decoded here, the rest above. */
static inline enum sh_status next(struct sh_cursor *cursor, struct sh_value *value, struct sh_error *err) {
    const uint8_t *at = cursor->at;
    if (at == cursor->end) return fail_short(cursor, 1, 0, err);
    const uint8_t head = *at;
    value->kind = SH_VALUE_NIL;
    value->count = 0;
    value->offset = (uint32_t)(at - cursor->start);
    if (head < 0x80) return take_integer(cursor, value, head, 1);
    if (head >= 0xE0) return take_integer(cursor, value, (int8_t)head, 1);
    if (head >= 0xC0) return next_long(cursor, value, head, err);
    if (head >= 0xA0) return take_string(cursor, value, SH_VALUE_STR, at + 1, head & 31, err);
    return take_container(cursor, value, head < 0x90 ? SH_VALUE_MAP : SH_VALUE_ARRAY, at + 1, head & 15, err);
}

enum sh_status sh_cursor_next(struct sh_cursor *cursor, struct sh_value *value, struct sh_error *err) {
    return next(cursor, value, err);
}

/* Pass over a value whose one-byte head says how long it is, if it is valid: small ints, nil, bools, ints, short strs.
 * All else, and every fault, is for next(). */
static inline bool pass_short(struct sh_cursor *cursor) {
    const uint8_t *at = cursor->at;
    const size_t left = (size_t)(cursor->end - at);
    if (left == 0) return false;
    const uint8_t head = *at;
    size_t byte_count = 1;
    if ((head & 0xE0) == 0xA0) {
        byte_count += head & 31;
        if (byte_count > left || !sh_text_is_utf8((struct sh_text){(const char *)at + 1, head & 31})) return false;
    } else if (head >= 0x80 && head < 0xE0) {
        if (head != 0xC0 && head != 0xC2 && head != 0xC3 && (head < 0xCC || head > 0xD3)) return false;
        byte_count += head_extra_bytes[head & 31];
        if (byte_count > left) return false;
    }
    cursor->at = at + byte_count;
    return true;
}

enum sh_status sh_cursor_skip(struct sh_cursor *cursor, const uint8_t **begin, struct sh_error *err) {
    struct sh_cursor ahead = *cursor;
    uint64_t left[SH_MSGPACK_DEPTH_MAX + 1]; /* values still to come at each level, the innermost last */
    uint32_t level = 0;
    left[0] = 1;
    for (;;) {
        while (left[level] == 0) {
            if (level == 0) {
                if (begin != NULL) *begin = cursor->at;
                cursor->at = ahead.at;
                return SH_OK;
            }
            level--;
            ahead.depth--;
        }
        left[level]--;
        if (pass_short(&ahead)) continue;
        struct sh_value value;
        const enum sh_status status = next(&ahead, &value, err);
        if (status != SH_OK) return status;
        if (value.kind != SH_VALUE_ARRAY && value.kind != SH_VALUE_MAP) continue;
        /* next() has refused a container at depth SH_MSGPACK_DEPTH_MAX, so there is a level left. */
        left[++level] = value.kind == SH_VALUE_MAP ? 2 * (uint64_t)value.count : value.count;
        ahead.depth++;
    }
}

enum sh_status sh_cursor_peek(const struct sh_cursor *cursor, enum sh_value_kind *kind, struct sh_error *err) {
    static const enum sh_value_kind kinds[32] = {
        [0x00] = SH_VALUE_NIL,   [0x02] = SH_VALUE_BOOL, [0x03] = SH_VALUE_BOOL,  [0x04] = SH_VALUE_BIN,
        [0x05] = SH_VALUE_BIN,   [0x06] = SH_VALUE_BIN,  [0x0A] = SH_VALUE_FLOAT, [0x0B] = SH_VALUE_FLOAT,
        [0x0C] = SH_VALUE_INT,   [0x0D] = SH_VALUE_INT,  [0x0E] = SH_VALUE_INT,   [0x0F] = SH_VALUE_INT,
        [0x10] = SH_VALUE_INT,   [0x11] = SH_VALUE_INT,  [0x12] = SH_VALUE_INT,   [0x13] = SH_VALUE_INT,
        [0x19] = SH_VALUE_STR,   [0x1A] = SH_VALUE_STR,  [0x1B] = SH_VALUE_STR,   [0x1C] = SH_VALUE_ARRAY,
        [0x1D] = SH_VALUE_ARRAY, [0x1E] = SH_VALUE_MAP,  [0x1F] = SH_VALUE_MAP,
    };
    if (cursor->at == cursor->end) return fail_short(cursor, 1, 0, err);
    const uint8_t head = *cursor->at;
    if (head < 0x80 || head >= 0xE0) {
        *kind = SH_VALUE_INT;
    } else if (head < 0xC0) {
        *kind = head >= 0xA0 ? SH_VALUE_STR : head < 0x90 ? SH_VALUE_MAP : SH_VALUE_ARRAY;
    } else {
        *kind = kinds[head & 31];
        if (*kind == SH_VALUE_NIL && head != 0xC0) return fail_head(cursor, head, err);
        if (head == 0xCF && cursor->end - cursor->at >= 2 && cursor->at[1] >= 0x80) *kind = SH_VALUE_UINT_BIG;
    }
    return SH_OK;
}

/* The next value, which must be of `kind`. The cursor has moved behind it. */
static enum sh_status next_of(struct sh_cursor *cursor, struct sh_value *value, enum sh_value_kind kind,
                              const char *what, struct sh_error *err) {
    struct sh_cursor ahead = *cursor;
    const enum sh_status status = next(&ahead, value, err);
    if (status != SH_OK) return status;
    if (value->kind != kind)
        return sh_fail(err, SH_ERR_ARGUMENT, value->offset, "%s must be %s, but is %s", what, sh_value_kind_name(kind),
                       sh_value_kind_name(value->kind));
    cursor->at = ahead.at;
    return SH_OK;
}

enum sh_status sh_cursor_text(struct sh_cursor *cursor, struct sh_text *text, const char *what, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = next_of(cursor, &value, SH_VALUE_STR, what, err);
    if (status == SH_OK) *text = value.text;
    return status;
}

enum sh_status sh_cursor_integer(struct sh_cursor *cursor, int64_t low, int64_t high, int64_t *integer,
                                 const char *what, struct sh_error *err) {
    struct sh_cursor ahead = *cursor;
    struct sh_value value;
    enum sh_status status = next_of(&ahead, &value, SH_VALUE_INT, what, err);
    if (status != SH_OK) return status;
    if (value.integer < low || value.integer > high)
        return sh_fail(err, SH_ERR_ARGUMENT, value.offset, "%s must be from %lld to %lld, but is %lld", what,
                       (long long)low, (long long)high, (long long)value.integer);
    *integer = value.integer;
    cursor->at = ahead.at;
    return SH_OK;
}

enum sh_status sh_cursor_boolean(struct sh_cursor *cursor, bool *boolean, const char *what, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = next_of(cursor, &value, SH_VALUE_BOOL, what, err);
    if (status == SH_OK) *boolean = value.boolean;
    return status;
}

enum sh_status sh_cursor_array(struct sh_cursor *cursor, uint32_t *count, const char *what, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = next_of(cursor, &value, SH_VALUE_ARRAY, what, err);
    if (status == SH_OK) *count = value.count;
    return status;
}

enum sh_status sh_cursor_map(struct sh_cursor *cursor, uint32_t *pair_count, const char *what, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = next_of(cursor, &value, SH_VALUE_MAP, what, err);
    if (status == SH_OK) *pair_count = value.count;
    return status;
}

const char *sh_value_kind_name(enum sh_value_kind kind) {
    switch (kind) {
    case SH_VALUE_NIL:
        return "nil";
    case SH_VALUE_BOOL:
        return "a bool";
    case SH_VALUE_INT:
        return "an int";
    case SH_VALUE_UINT_BIG:
        return "an int above 9223372036854775807";
    case SH_VALUE_FLOAT:
        return "a float";
    case SH_VALUE_STR:
        return "a str";
    case SH_VALUE_BIN:
        return "a bin";
    case SH_VALUE_ARRAY:
        return "an array";
    case SH_VALUE_MAP:
        return "a map";
    }
    return "unknown";
}
