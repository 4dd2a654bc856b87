#include "cursor_twin.h"

#include <math.h>
#include <string.h>

struct twin {
    const uint8_t *bytes;
    size_t count;
    size_t at;
    uint32_t depth_seen;
    bool good;
};

static uint64_t take(struct twin *twin, uint32_t byte_count) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < byte_count; i++) {
        if (twin->at >= twin->count) {
            twin->good = false;
            return 0;
        }
        number = number * 256 + twin->bytes[twin->at++];
    }
    return number;
}

static void take_string(struct twin *twin, uint64_t byte_count, bool is_text) {
    if (!twin->good || byte_count > twin->count - twin->at) {
        twin->good = false;
        return;
    }
    const struct sh_text text = {(const char *)twin->bytes + twin->at, (uint32_t)byte_count};
    if (is_text && !sh_text_is_utf8(text)) twin->good = false; /* has a twin of its own, in text_property.c */
    twin->at += byte_count;
}

static void take_value(struct twin *twin, uint32_t depth);

static void take_values(struct twin *twin, uint64_t count, uint32_t depth) {
    if (depth > SH_MSGPACK_DEPTH_MAX || count > twin->count - twin->at) twin->good = false;
    if (twin->good && depth > twin->depth_seen) twin->depth_seen = depth;
    for (uint64_t i = 0; i < count && twin->good; i++)
        take_value(twin, depth);
}

static void take_real(struct twin *twin, uint32_t byte_count) {
    const uint64_t bits = take(twin, byte_count);
    const uint64_t exponent = byte_count == 4 ? bits >> 23 & 0xFF : bits >> 52 & 0x7FF;
    if (exponent == (byte_count == 4 ? 0xFF : 0x7FF)) twin->good = false;
}

static void take_value(struct twin *twin, uint32_t depth) {
    const uint32_t head = (uint32_t)take(twin, 1);
    if (!twin->good || head <= 0x7F || head >= 0xE0) return;
    if (head <= 0x8F)
        take_values(twin, 2 * (uint64_t)(head & 15), depth + 1);
    else if (head <= 0x9F)
        take_values(twin, head & 15, depth + 1);
    else if (head <= 0xBF)
        take_string(twin, head & 31, true);
    else if (head == 0xC0 || head == 0xC2 || head == 0xC3)
        return;
    else if (head >= 0xC4 && head <= 0xC6)
        take_string(twin, take(twin, 1u << (head - 0xC4)), false);
    else if (head == 0xCA || head == 0xCB)
        take_real(twin, head == 0xCA ? 4 : 8);
    else if (head >= 0xCC && head <= 0xCF)
        (void)take(twin, 1u << (head - 0xCC));
    else if (head >= 0xD0 && head <= 0xD3)
        (void)take(twin, 1u << (head - 0xD0));
    else if (head >= 0xD9 && head <= 0xDB)
        take_string(twin, take(twin, 1u << (head - 0xD9)), true);
    else if (head == 0xDC || head == 0xDD)
        take_values(twin, take(twin, head == 0xDC ? 2 : 4), depth + 1);
    else if (head == 0xDE || head == 0xDF)
        take_values(twin, 2 * take(twin, head == 0xDE ? 2 : 4), depth + 1);
    else
        twin->good = false;
}

size_t cursor_twin_accepts(const uint8_t *bytes, size_t byte_count, uint32_t *depth) {
    struct twin twin = {.bytes = bytes, .count = byte_count, .good = true};
    take_value(&twin, 0);
    *depth = twin.depth_seen;
    return twin.good ? twin.at : 0;
}

static bool agrees_string(struct sh_text text, const char *bytes, uint32_t count) {
    return sh_text_equal(text, (struct sh_text){bytes, count});
}

static bool agrees_scalar(const struct sh_value *value, const msgpack_object *object) {
    switch (value->kind) {
    case SH_VALUE_NIL:
        return object->type == MSGPACK_OBJECT_NIL;
    case SH_VALUE_BOOL:
        return object->type == MSGPACK_OBJECT_BOOLEAN && object->via.boolean == value->boolean;
    case SH_VALUE_INT:
        if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) return object->via.i64 == value->integer;
        return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->integer >= 0 &&
               object->via.u64 == (uint64_t)value->integer;
    case SH_VALUE_UINT_BIG:
        return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 == value->big &&
               value->big > INT64_MAX;
    case SH_VALUE_FLOAT:
        return (object->type == MSGPACK_OBJECT_FLOAT32 || object->type == MSGPACK_OBJECT_FLOAT64) &&
               memcmp(&object->via.f64, &value->real, sizeof value->real) == 0;
    case SH_VALUE_STR:
        return object->type == MSGPACK_OBJECT_STR &&
               agrees_string(value->text, object->via.str.ptr, object->via.str.size);
    case SH_VALUE_BIN:
        return object->type == MSGPACK_OBJECT_BIN &&
               agrees_string(value->text, object->via.bin.ptr, object->via.bin.size);
    case SH_VALUE_ARRAY:
    case SH_VALUE_MAP:
        break;
    }
    return false;
}

bool cursor_twin_agrees(struct sh_cursor *cursor, const msgpack_object *object) {
    const uint32_t offset = (uint32_t)sh_cursor_offset(cursor);
    enum sh_value_kind kind;
    struct sh_value value;
    if (sh_cursor_peek(cursor, &kind, NULL) != SH_OK || sh_cursor_next(cursor, &value, NULL) != SH_OK) return false;
    if (kind != value.kind || value.offset != offset) return false;
    if (kind != SH_VALUE_ARRAY && kind != SH_VALUE_MAP) return agrees_scalar(&value, object);
    bool agrees = true;
    cursor->depth++;
    if (kind == SH_VALUE_ARRAY) {
        if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size != value.count) return false;
        for (uint32_t i = 0; i < value.count && agrees; i++)
            agrees = cursor_twin_agrees(cursor, &object->via.array.ptr[i]);
    } else {
        if (object->type != MSGPACK_OBJECT_MAP || object->via.map.size != value.count) return false;
        for (uint32_t i = 0; i < value.count && agrees; i++)
            agrees = cursor_twin_agrees(cursor, &object->via.map.ptr[i].key) &&
                     cursor_twin_agrees(cursor, &object->via.map.ptr[i].val);
    }
    cursor->depth--;
    return agrees;
}

/* msgpack-c is asked only for bytes that were accepted: it takes memory for every length it reads. */
static const char *check_accepted(const uint8_t *bytes, size_t byte_count, size_t wanted) {
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    const char *fault = NULL;
    const msgpack_unpack_return status = msgpack_unpack_next(&unpacked, (const char *)bytes, byte_count, &offset);
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, byte_count);
    if (status != MSGPACK_UNPACK_SUCCESS && status != MSGPACK_UNPACK_EXTRA_BYTES)
        fault = "msgpack-c refuses it";
    else if (offset != wanted)
        fault = "msgpack-c reads another number of bytes";
    else if (!cursor_twin_agrees(&cursor, &unpacked.data))
        fault = "msgpack-c reads another value";
    else if (sh_cursor_offset(&cursor) != (int64_t)wanted)
        fault = "sh_cursor_next ends elsewhere";
    msgpack_unpacked_destroy(&unpacked);
    return fault;
}

const char *cursor_twin_check(const uint8_t *bytes, size_t byte_count) {
    enum { MSGPACK_C_DEPTH_MAX = 31 }; /* its stack is MSGPACK_EMBED_STACK_SIZE deep, and a scalar needs a place too */
    uint32_t depth;
    const size_t wanted = cursor_twin_accepts(bytes, byte_count, &depth);
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, byte_count);
    const uint8_t *begin = NULL;
    struct sh_error err = {.status = SH_OK};
    const enum sh_status status = sh_cursor_skip(&cursor, &begin, &err);
    if (wanted == 0) {
        if (status != SH_ERR_PROTOCOL || err.status != SH_ERR_PROTOCOL) return "a bad value is not refused";
        if (cursor.at != bytes) return "a refusal moves the cursor";
        if (err.position < 0 || err.position > (int64_t)byte_count) return "the position is outside the bytes";
        return NULL;
    }
    if (status != SH_OK) return "a good value is refused";
    if (begin != bytes || sh_cursor_offset(&cursor) != (int64_t)wanted) return "skip ends elsewhere";
    return depth > MSGPACK_C_DEPTH_MAX ? NULL : check_accepted(bytes, byte_count, wanted);
}
