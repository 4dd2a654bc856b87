#include "frame.h"

#include "cursor.h"

static const uint8_t empty_map[1] = {0x80};

/* ---- reading ---- */

static enum sh_status wrong_form(struct sh_error *err, const char *what) {
    (void)sh_fail(err, SH_ERR_PROTOCOL, -1, "not a MessagePack-RPC message: %s", what);
    return sh_fail_hint(err, SH_ERR_PROTOCOL, "a request is [0, msgid, method, [{...}]]");
}

/* The end of the params is where the envelope begins, so they are walked over. */
static enum sh_status read_envelope(struct sh_cursor *cursor, struct sh_frame *frame, struct sh_error *err) {
    enum sh_status status;
    for (uint32_t i = 0; i < 2; i++) {
        enum sh_value_kind kind;
        const uint8_t *begin;
        if ((status = sh_cursor_peek(cursor, &kind, err)) != SH_OK) return status;
        if (kind != SH_VALUE_MAP) return wrong_form(err, "params is not an array of maps");
        if ((status = sh_cursor_skip(cursor, &begin, err)) != SH_OK) return status;
        *(i == 0 ? &frame->params : &frame->envelope) = begin;
        *(i == 0 ? &frame->params_bytes : &frame->envelope_bytes) = (size_t)(cursor->at - begin);
    }
    if (sh_cursor_at_end(cursor)) return SH_OK;
    return wrong_form(err, "bytes are left behind it");
}

static enum sh_status read_call(struct sh_cursor *cursor, struct sh_frame *frame, struct sh_error *err) {
    enum sh_status status;
    struct sh_value value;
    if ((status = sh_cursor_next(cursor, &value, err)) != SH_OK) return status;
    if (value.kind != SH_VALUE_STR) return wrong_form(err, "the method is not a string");
    frame->method = value.text;
    if ((status = sh_cursor_next(cursor, &value, err)) != SH_OK) return status;
    if (value.kind != SH_VALUE_ARRAY || value.count > 2)
        return wrong_form(err, "params is not an array of one map, or of two");
    const uint32_t map_count = value.count;
    if (map_count == 0) {
        frame->params = empty_map;
        frame->params_bytes = sizeof empty_map;
        return SH_OK;
    }
    frame->params = cursor->at;
    frame->params_bytes = (size_t)(cursor->end - cursor->at);
    if (map_count == 2) return read_envelope(cursor, frame, err);
    if ((status = sh_cursor_next(cursor, &value, err)) != SH_OK) return status;
    if (value.kind != SH_VALUE_MAP) return wrong_form(err, "params is not an array of one map");
    return SH_OK;
}

static enum sh_status read_answer(struct sh_cursor *cursor, struct sh_frame *frame, struct sh_error *err) {
    enum sh_status status;
    enum sh_value_kind kind;
    const uint8_t *begin;
    if ((status = sh_cursor_peek(cursor, &kind, err)) != SH_OK) return status;
    if ((status = sh_cursor_skip(cursor, &begin, err)) != SH_OK) return status;
    if (kind != SH_VALUE_NIL) {
        frame->error = begin;
        frame->error_bytes = (size_t)(cursor->at - begin);
    }
    if ((status = sh_cursor_skip(cursor, &begin, err)) != SH_OK) return status;
    if (frame->error == NULL) {
        frame->result = begin;
        frame->result_bytes = (size_t)(cursor->at - begin);
    }
    return SH_OK;
}

enum sh_status sh_frame_read(const uint8_t *bytes, size_t byte_count, struct sh_frame *frame, struct sh_error *err) {
    *frame = (struct sh_frame){.kind = SH_FRAME_REQUEST};
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, byte_count);
    enum sh_status status;
    struct sh_value value;
    if ((status = sh_cursor_next(&cursor, &value, err)) != SH_OK) return status;
    if (value.kind != SH_VALUE_ARRAY) return wrong_form(err, "it is not an array");
    const uint32_t element_count = value.count;
    if ((status = sh_cursor_next(&cursor, &value, err)) != SH_OK) return status;
    if (value.kind != SH_VALUE_INT || value.integer < 0 || value.integer > 2)
        return wrong_form(err, "it does not begin with 0, 1 or 2");
    frame->kind = (enum sh_frame_kind)value.integer;
    if (element_count != (frame->kind == SH_FRAME_NOTICE ? 3u : 4u))
        return wrong_form(err, "the array's size is wrong");
    if (frame->kind == SH_FRAME_NOTICE) return read_call(&cursor, frame, err);
    if ((status = sh_cursor_next(&cursor, &value, err)) != SH_OK) return status;
    if (value.kind != SH_VALUE_INT || value.integer < 0 || value.integer > UINT32_MAX)
        return wrong_form(err, "the msgid is not an integer of 32 bits");
    frame->msgid = (uint32_t)value.integer;
    frame->has_msgid = true;
    return frame->kind == SH_FRAME_REQUEST ? read_call(&cursor, frame, err) : read_answer(&cursor, frame, err);
}

static void copy_words(char *target, size_t target_bytes, struct sh_text text) {
    size_t count = text.count < target_bytes ? text.count : target_bytes - 1;
    while (count > 0 && count < text.count && ((uint8_t)text.bytes[count] & 0xC0) == 0x80)
        count--; /* cut before a character, not inside it */
    if (count > 0) memcpy(target, text.bytes, count);
    target[count] = '\0';
}

static void take_error_pair(struct sh_text key, const struct sh_value *value, struct sh_error *err) {
    if (value->kind == SH_VALUE_INT && sh_text_equal(key, SH_TEXT_LITERAL("code"))) {
        if (value->integer > 0 && value->integer <= INT32_MAX) err->status = (enum sh_status)value->integer;
    } else if (value->kind == SH_VALUE_INT && sh_text_equal(key, SH_TEXT_LITERAL("position"))) {
        err->position = value->integer;
    } else if (value->kind == SH_VALUE_STR && sh_text_equal(key, SH_TEXT_LITERAL("message"))) {
        copy_words(err->message, sizeof err->message, value->text);
    } else if (value->kind == SH_VALUE_STR && sh_text_equal(key, SH_TEXT_LITERAL("hint"))) {
        copy_words(err->hint, sizeof err->hint, value->text);
    }
}

void sh_frame_read_error(const uint8_t *bytes, size_t byte_count, struct sh_error *err) {
    (void)sh_fail(err, SH_ERR_PROTOCOL, -1, "the peer sent an error that is not a map");
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, byte_count);
    struct sh_value value;
    if (sh_cursor_next(&cursor, &value, NULL) != SH_OK || value.kind != SH_VALUE_MAP) return;
    (void)sh_fail(err, SH_ERR_PROTOCOL, -1, "the peer sent an error without words");
    for (uint32_t pairs = value.count; pairs > 0; pairs--) {
        struct sh_value key;
        if (sh_cursor_next(&cursor, &key, NULL) != SH_OK || key.kind != SH_VALUE_STR) return;
        const struct sh_cursor before = cursor;
        if (sh_cursor_next(&cursor, &value, NULL) != SH_OK) return;
        if (value.kind == SH_VALUE_ARRAY || value.kind == SH_VALUE_MAP) {
            cursor = before;
            if (sh_cursor_skip(&cursor, NULL, NULL) != SH_OK) return;
            continue;
        }
        take_error_pair(key.text, &value, err);
    }
}

/* ---- writing ---- */

enum {
    UINT_BYTES_MAX = 9,
    HEAD_BYTES_MAX = 2 + UINT_BYTES_MAX + 1, /* array head, kind, msgid, nil */
};

/* The shortest form of an unsigned integer; returns where the next byte goes. */
static uint8_t *put_uint(uint8_t *at, uint64_t number) {
    uint32_t byte_count = 0;
    if (number < 0x80) {
        *at++ = (uint8_t)number;
        return at;
    }
    if (number <= UINT8_MAX)
        *at++ = 0xCC, byte_count = 1;
    else if (number <= UINT16_MAX)
        *at++ = 0xCD, byte_count = 2;
    else if (number <= UINT32_MAX)
        *at++ = 0xCE, byte_count = 4;
    else
        *at++ = 0xCF, byte_count = 8;
    while (byte_count-- > 0)
        *at++ = (uint8_t)(number >> (8 * byte_count));
    return at;
}

/* With a seq of 0 there is no second map. */
static void put_call(struct sh_buffer *buffer, struct sh_text method, const void *params, size_t params_bytes,
                     struct sh_text client, uint64_t seq) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    sh_pack_text(&packer, method);
    msgpack_pack_array(&packer, seq > 0 ? 2 : 1);
    sh_buffer_append(buffer, params, params_bytes);
    if (seq == 0) return;
    (void)msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "client");
    sh_pack_text(&packer, client);
    sh_pack_literal(&packer, "seq");
    (void)msgpack_pack_uint64(&packer, seq);
}

void sh_frame_write_request(struct sh_buffer *buffer, uint32_t msgid, struct sh_text method, const void *params,
                            size_t params_bytes) {
    sh_frame_write_numbered(buffer, msgid, method, params, params_bytes, (struct sh_text){"", 0}, 0);
}

void sh_frame_write_numbered(struct sh_buffer *buffer, uint32_t msgid, struct sh_text method, const void *params,
                             size_t params_bytes, struct sh_text client, uint64_t seq) {
    uint8_t *at = sh_buffer_reserve(buffer, HEAD_BYTES_MAX);
    if (at == NULL) return;
    const uint8_t *begin = at;
    *at++ = 0x94;
    *at++ = SH_FRAME_REQUEST;
    at = put_uint(at, msgid);
    buffer->count += (size_t)(at - begin);
    put_call(buffer, method, params, params_bytes, client, seq);
}

void sh_frame_write_notice(struct sh_buffer *buffer, struct sh_text method, const void *params, size_t params_bytes) {
    const uint8_t head[2] = {0x93, SH_FRAME_NOTICE};
    sh_buffer_append(buffer, head, sizeof head);
    put_call(buffer, method, params, params_bytes, (struct sh_text){"", 0}, 0);
}

static void write_answer_head(struct sh_buffer *buffer, uint32_t msgid, bool has_error) {
    uint8_t *at = sh_buffer_reserve(buffer, HEAD_BYTES_MAX);
    if (at == NULL) return;
    const uint8_t *begin = at;
    *at++ = 0x94;
    *at++ = SH_FRAME_ANSWER;
    at = put_uint(at, msgid);
    if (!has_error) *at++ = 0xC0;
    buffer->count += (size_t)(at - begin);
}

void sh_frame_write_answer(struct sh_buffer *buffer, uint32_t msgid) {
    write_answer_head(buffer, msgid, false);
}

void sh_frame_write_error(struct sh_buffer *buffer, uint32_t msgid, const struct sh_error *error) {
    write_answer_head(buffer, msgid, true);
    sh_frame_write_error_map(buffer, error);
    const uint8_t nil = 0xC0;
    sh_buffer_append(buffer, &nil, 1);
}

void sh_frame_write_error_map(struct sh_buffer *buffer, const struct sh_error *error) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    const bool has_position = error->position >= 0;
    const bool has_hint = error->hint[0] != '\0';
    msgpack_pack_map(&packer, 3u + (has_position ? 1u : 0u) + (has_hint ? 1u : 0u));
    sh_pack_literal(&packer, "code");
    msgpack_pack_int(&packer, (int)error->status);
    sh_pack_literal(&packer, "status");
    sh_pack_literal(&packer, sh_status_name(error->status));
    sh_pack_literal(&packer, "message");
    sh_pack_literal(&packer, error->message);
    if (has_position) {
        sh_pack_literal(&packer, "position");
        msgpack_pack_int64(&packer, error->position);
    }
    if (has_hint) {
        sh_pack_literal(&packer, "hint");
        sh_pack_literal(&packer, error->hint);
    }
}

void sh_frame_write_took(struct sh_buffer *buffer, uint64_t took_us) {
    static const uint8_t key[8] = {0xA7, 't', 'o', 'o', 'k', '_', 'u', 's'};
    uint8_t *at = sh_buffer_reserve(buffer, sizeof key + UINT_BYTES_MAX);
    if (at == NULL) return;
    memcpy(at, key, sizeof key);
    const uint8_t *end = put_uint(at + sizeof key, took_us);
    buffer->count += (size_t)(end - at);
}
