#include "buffer.h"

#include <stdarg.h>
#include <stdio.h>

#include "memory.h"

void sh_buffer_init(struct sh_buffer *buffer, size_t limit_bytes) {
    *buffer = (struct sh_buffer){.limit = limit_bytes};
}

void sh_buffer_deinit(struct sh_buffer *buffer) {
    sh_free(buffer->bytes);
    *buffer = (struct sh_buffer){.limit = buffer->limit};
}

void sh_buffer_clear(struct sh_buffer *buffer) {
    buffer->count = 0;
    buffer->failed = false;
}

uint8_t *sh_buffer_reserve(struct sh_buffer *buffer, size_t byte_count) {
    if (buffer->failed) return NULL;
    if (byte_count <= buffer->capacity - buffer->count) return buffer->bytes + buffer->count;
    if (byte_count > buffer->limit - buffer->count) {
        buffer->failed = true;
        return NULL;
    }
    size_t wanted = buffer->capacity + buffer->capacity / 2 + 64;
    if (wanted < buffer->count + byte_count) wanted = buffer->count + byte_count;
    if (wanted > buffer->limit) wanted = buffer->limit;
    uint8_t *grown = sh_realloc(buffer->bytes, buffer->count, wanted);
    if (grown == NULL) {
        buffer->failed = true;
        return NULL;
    }
    buffer->bytes = grown;
    buffer->capacity = wanted;
    return grown + buffer->count;
}

void sh_buffer_append(struct sh_buffer *buffer, const void *bytes, size_t byte_count) {
    if (byte_count == 0) return;
    uint8_t *target = sh_buffer_reserve(buffer, byte_count);
    if (target == NULL) return;
    memcpy(target, bytes, byte_count);
    buffer->count += byte_count;
}

void sh_buffer_append_text(struct sh_buffer *buffer, struct sh_text text) {
    sh_buffer_append(buffer, text.bytes, text.count);
}

void sh_buffer_print(struct sh_buffer *buffer, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);
    const int needed = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    sh_assert(needed >= 0);
    char *target = (char *)sh_buffer_reserve(buffer, (size_t)needed + 1); /* vsnprintf writes a zero after the text */
    if (target != NULL) {
        (void)vsnprintf(target, (size_t)needed + 1, format, again);
        buffer->count += (size_t)needed;
    }
    va_end(again);
}

enum sh_status sh_buffer_status(const struct sh_buffer *buffer, struct sh_error *err) {
    if (!buffer->failed) return SH_OK;
    return sh_fail(err, SH_ERR_LIMIT, -1, "the answer does not fit %zu bytes", buffer->limit);
}

static int packer_write(void *data, const char *bytes, size_t byte_count) {
    struct sh_buffer *buffer = data;
    sh_buffer_append(buffer, bytes, byte_count);
    return buffer->failed ? -1 : 0;
}

void sh_buffer_packer(struct sh_buffer *buffer, msgpack_packer *packer) {
    msgpack_packer_init(packer, buffer, packer_write);
}

void sh_pack_text(msgpack_packer *packer, struct sh_text text) {
    msgpack_pack_str(packer, text.count);
    msgpack_pack_str_body(packer, text.bytes, text.count);
}

void sh_pack_literal(msgpack_packer *packer, const char *zero_ended) {
    sh_pack_text(packer, sh_text_of(zero_ended));
}

void sh_pack_uint(msgpack_packer *packer, const char *name, uint64_t value) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_uint64(packer, value);
}

void sh_pack_real(msgpack_packer *packer, const char *name, double value) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_double(packer, value);
}

void sh_pack_bool(msgpack_packer *packer, const char *name, bool value) {
    sh_pack_literal(packer, name);
    if (value)
        (void)msgpack_pack_true(packer);
    else
        (void)msgpack_pack_false(packer);
}
