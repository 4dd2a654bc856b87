/* buffer.h -- bytes that grow: answers, texts, batches.
 *
 * A failed append sets `failed` and later appends do nothing, so that a long run of them needs one check at the end.
 * sh_buffer_packer() makes a msgpack-c packer that writes here.
 */
#ifndef SH_BUFFER_H
#define SH_BUFFER_H

#include <msgpack/pack.h>
#include <stddef.h>

#include "text.h"

struct sh_buffer {
    uint8_t *bytes;
    size_t count;
    size_t capacity;
    size_t limit; /* count never passes it */
    bool failed;  /* an append did not fit the limit or the memory */
};

void sh_buffer_init(struct sh_buffer *buffer, size_t limit_bytes);
void sh_buffer_deinit(struct sh_buffer *buffer);
/* Empty it, keep the memory, clear `failed`. */
void sh_buffer_clear(struct sh_buffer *buffer);
/* Room for byte_count more; NULL (and failed) if there is none. The caller then adds to count what it wrote. */
uint8_t *sh_buffer_reserve(struct sh_buffer *buffer, size_t byte_count);
void sh_buffer_append(struct sh_buffer *buffer, const void *bytes, size_t byte_count);
void sh_buffer_append_text(struct sh_buffer *buffer, struct sh_text text);
void sh_buffer_print(struct sh_buffer *buffer, const char *format, ...) SH_PRINTF(2, 3);
/* SH_OK, or SH_ERR_LIMIT with words if an append failed. */
SH_MUST_CHECK enum sh_status sh_buffer_status(const struct sh_buffer *buffer, struct sh_error *err);

void sh_buffer_packer(struct sh_buffer *buffer, msgpack_packer *packer);
/* Pack helpers used everywhere: a str of this text; a str of this zero-ended literal. */
void sh_pack_text(msgpack_packer *packer, struct sh_text text);
void sh_pack_literal(msgpack_packer *packer, const char *zero_ended);
/* A pair of a map. */
void sh_pack_bool(msgpack_packer *packer, const char *name, bool value);
void sh_pack_uint(msgpack_packer *packer, const char *name, uint64_t value);
void sh_pack_real(msgpack_packer *packer, const char *name, double value);

#endif
