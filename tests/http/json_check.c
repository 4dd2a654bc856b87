#include "json_check.h"

#include <jansson.h>
#include <math.h>

#include "json.h"

enum { LIMIT_BYTES = 64 << 20 };

/* ---- the same values? ---- */

static bool is_same(struct sh_cursor *cursor, const json_t *tree);

static bool is_same_array(struct sh_cursor *cursor, uint32_t count, const json_t *tree) {
    if (!json_is_array(tree) || json_array_size(tree) != count) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!is_same(cursor, json_array_get(tree, i))) return false;
    return true;
}

/* The tree keeps one of several values under one name, so then only those are passed over. */
static bool is_same_object(struct sh_cursor *cursor, uint32_t count, const json_t *tree) {
    if (!json_is_object(tree)) return false;
    const bool has_doubles = json_object_size(tree) != count;
    if (json_object_size(tree) > count) return false;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_text name;
        char text[4096];
        if (sh_cursor_text(cursor, &name, "a name", NULL) != SH_OK) return false;
        if (has_doubles || name.count >= sizeof text) {
            if (sh_cursor_skip(cursor, NULL, NULL) != SH_OK) return false;
            continue;
        }
        memcpy(text, name.bytes, name.count);
        text[name.count] = '\0';
        if (!is_same(cursor, json_object_get(tree, text))) return false;
    }
    return true;
}

static bool is_same_container(struct sh_cursor *cursor, const struct sh_value *value, const json_t *tree) {
    cursor->depth++;
    const bool same = value->kind == SH_VALUE_ARRAY ? is_same_array(cursor, value->count, tree)
                                                    : is_same_object(cursor, value->count, tree);
    cursor->depth--;
    return same;
}

static bool is_same(struct sh_cursor *cursor, const json_t *tree) {
    struct sh_value value;
    if (tree == NULL || sh_cursor_next(cursor, &value, NULL) != SH_OK) return false;
    switch (value.kind) {
    case SH_VALUE_NIL:
        return json_is_null(tree);
    case SH_VALUE_BOOL:
        return value.boolean ? json_is_true(tree) : json_is_false(tree);
    case SH_VALUE_INT:
        return json_is_integer(tree) && json_integer_value(tree) == value.integer;
    case SH_VALUE_FLOAT:
        return json_is_real(tree) && json_real_value(tree) == value.real;
    case SH_VALUE_STR:
        return json_is_string(tree) && json_string_length(tree) == value.text.count &&
               memcmp(json_string_value(tree), value.text.bytes, value.text.count) == 0;
    case SH_VALUE_ARRAY:
    case SH_VALUE_MAP:
        return is_same_container(cursor, &value, tree);
    default:
        return false;
    }
}

/* ---- there and back ---- */

static const char *write(const struct sh_buffer *msgpack, struct sh_buffer *json) {
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, msgpack->bytes, msgpack->count);
    if (sh_json_write(&cursor, json, NULL) != SH_OK) return "what was read cannot be written";
    return sh_cursor_at_end(&cursor) ? NULL : "not all was written";
}

static const char *there_and_back(const struct sh_buffer *msgpack) {
    struct sh_buffer json, again, second;
    sh_buffer_init(&json, LIMIT_BYTES);
    sh_buffer_init(&again, LIMIT_BYTES);
    sh_buffer_init(&second, LIMIT_BYTES);
    const char *fault = write(msgpack, &json);
    if (fault == NULL &&
        sh_json_read((struct sh_text){(const char *)json.bytes, (uint32_t)json.count}, &again, NULL) != SH_OK)
        fault = "what was written cannot be read";
    if (fault == NULL) fault = write(&again, &second);
    if (fault == NULL && (second.count != json.count || memcmp(second.bytes, json.bytes, json.count) != 0))
        fault = "there and back is not the same";
    sh_buffer_deinit(&json);
    sh_buffer_deinit(&again);
    sh_buffer_deinit(&second);
    return fault;
}

/* ---- the two checks ---- */

static uint32_t deepest(const uint8_t *bytes, size_t byte_count) {
    uint32_t depth = 0, most = 0;
    bool in_text = false;
    for (size_t i = 0; i < byte_count; i++) {
        if (in_text && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            in_text = !in_text;
        else if (!in_text && (bytes[i] == '[' || bytes[i] == '{') && ++depth > most)
            most = depth;
        else if (!in_text && (bytes[i] == ']' || bytes[i] == '}') && depth > 0)
            depth--;
    }
    return most;
}

/* Digits and what may be among them, in a row. */
static bool has_long_number(const uint8_t *bytes, size_t byte_count) {
    size_t row = 0;
    for (size_t i = 0; i < byte_count; i++) {
        row = bytes[i] != '\0' && strchr("0123456789.eE+-", bytes[i]) != NULL ? row + 1 : 0;
        if (row > 128) return true;
    }
    return false;
}

static const char *compare(const uint8_t *bytes, size_t byte_count, enum sh_status status,
                           const struct sh_buffer *msgpack) {
    json_error_t error;
    json_t *tree = json_loadb((const char *)bytes, byte_count, JSON_DECODE_ANY, &error);
    const char *fault = NULL;
    if (status == SH_OK && tree != NULL) {
        struct sh_cursor cursor;
        sh_cursor_init(&cursor, msgpack->bytes, msgpack->count);
        if (!is_same(&cursor, tree) || !sh_cursor_at_end(&cursor)) fault = "the two read different values";
    } else if (status == SH_OK) {
        if (json_error_code(&error) != json_error_numeric_overflow) fault = "only the library refuses it";
    } else if (tree != NULL) {
        /* A zero byte behind the value is an end to the library. */
        const bool may_be_refused = deepest(bytes, byte_count) > SH_MSGPACK_DEPTH_MAX ||
                                    has_long_number(bytes, byte_count) || memchr(bytes, 0, byte_count) != NULL;
        if (!may_be_refused) fault = "only the library reads it";
    }
    json_decref(tree);
    return fault;
}

const char *json_check_text(const uint8_t *bytes, size_t byte_count) {
    struct sh_buffer msgpack;
    struct sh_error err;
    sh_buffer_init(&msgpack, LIMIT_BYTES);
    const struct sh_text text = {byte_count == 0 ? "" : (const char *)bytes, (uint32_t)byte_count};
    const enum sh_status status = sh_json_read(text, &msgpack, &err);
    const char *fault = NULL;
    if (status != SH_OK && status != SH_ERR_PROTOCOL) fault = "another status than `protocol`";
    if (status != SH_OK && (err.position < -1 || err.position > (int64_t)byte_count)) fault = "a position out of it";
    if (status == SH_OK && msgpack.count > 5 * byte_count) fault = "more than five bytes for one";
    if (fault == NULL) fault = compare(bytes, byte_count, status, &msgpack);
    if (fault == NULL && status == SH_OK) fault = there_and_back(&msgpack);
    sh_buffer_deinit(&msgpack);
    return fault;
}

const char *json_check_msgpack(const uint8_t *bytes, size_t byte_count) {
    struct sh_cursor cursor;
    struct sh_buffer json;
    const char *fault = NULL;
    sh_cursor_init(&cursor, bytes, byte_count);
    sh_buffer_init(&json, LIMIT_BYTES);
    if (sh_json_write(&cursor, &json, NULL) == SH_OK) {
        const struct sh_buffer whole = {.bytes = (uint8_t *)(uintptr_t)bytes, .count = byte_count};
        json_error_t error;
        json_t *tree = json_loadb((const char *)json.bytes, json.count, JSON_DECODE_ANY, &error);
        if (tree == NULL) fault = "what is written the library cannot read";
        json_decref(tree);
        struct sh_buffer first = whole;
        first.count = (size_t)sh_cursor_offset(&cursor);
        if (fault == NULL) fault = there_and_back(&first);
    } else if (json.count != 0) {
        fault = "a failure has left something behind";
    }
    sh_buffer_deinit(&json);
    return fault;
}
