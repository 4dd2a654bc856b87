/* row_pack.h -- msgpack written straight into a batch's buffer, for cells: ten million rows have a hundred million.
 *
 * Byte for byte what msgpack-c's packer writes (rows_unit compares them). Each function makes room for its value first;
 * without room the buffer is marked failed, as by sh_buffer_append, and the row is refused as a whole at its end.
 */
#ifndef SHOAL_ROW_PACK_H
#define SHOAL_ROW_PACK_H

#include "buffer.h"

static inline uint8_t *row_room(struct sh_buffer *rows, size_t byte_count) {
    if (!rows->failed && rows->capacity - rows->count >= byte_count) return rows->bytes + rows->count;
    return sh_buffer_reserve(rows, byte_count);
}

/* The bytes of a head: a first byte, then a number of 1, 2, 4 or 8 bytes, the highest first. */
static inline uint8_t *row_put_head(uint8_t *at, uint8_t first, uint64_t number, uint32_t byte_count) {
    *at++ = first;
    for (uint32_t i = byte_count; i > 0; i--)
        *at++ = (uint8_t)(number >> (8 * (i - 1)));
    return at;
}

static inline void row_pack_byte(struct sh_buffer *rows, uint8_t byte) {
    uint8_t *at = row_room(rows, 1);
    if (at == NULL) return;
    *at = byte;
    rows->count++;
}

static inline void row_pack_nil(struct sh_buffer *rows) {
    row_pack_byte(rows, 0xC0);
}

static inline void row_pack_bool(struct sh_buffer *rows, bool value) {
    row_pack_byte(rows, value ? 0xC3 : 0xC2);
}

static inline void row_pack_real(struct sh_buffer *rows, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    row_pack_byte(rows, 0xCB);
    for (int shift = 56; shift >= 0; shift -= 8)
        row_pack_byte(rows, (uint8_t)(bits >> shift));
}

static inline void row_pack_array(struct sh_buffer *rows, uint32_t count) {
    uint8_t *at = row_room(rows, 5);
    if (at == NULL) return;
    const uint8_t *end = count < 16            ? row_put_head(at, (uint8_t)(0x90 | count), 0, 0)
                         : count <= UINT16_MAX ? row_put_head(at, 0xDC, count, 2)
                                               : row_put_head(at, 0xDD, count, 4);
    rows->count += (size_t)(end - at);
}

static inline void row_pack_integer(struct sh_buffer *rows, int64_t value) {
    uint8_t *at = row_room(rows, 9);
    if (at == NULL) return;
    const uint64_t bits = (uint64_t)value;
    const uint8_t *end;
    if (value >= 0)
        end = bits < 128           ? row_put_head(at, (uint8_t)bits, 0, 0)
              : bits <= UINT8_MAX  ? row_put_head(at, 0xCC, bits, 1)
              : bits <= UINT16_MAX ? row_put_head(at, 0xCD, bits, 2)
              : bits <= UINT32_MAX ? row_put_head(at, 0xCE, bits, 4)
                                   : row_put_head(at, 0xCF, bits, 8);
    else
        end = value >= -32         ? row_put_head(at, (uint8_t)bits, 0, 0)
              : value >= INT8_MIN  ? row_put_head(at, 0xD0, bits, 1)
              : value >= INT16_MIN ? row_put_head(at, 0xD1, bits, 2)
              : value >= INT32_MIN ? row_put_head(at, 0xD2, bits, 4)
                                   : row_put_head(at, 0xD3, bits, 8);
    rows->count += (size_t)(end - at);
}

static inline void row_pack_text(struct sh_buffer *rows, struct sh_text text) {
    uint8_t *at = row_room(rows, (size_t)text.count + 5);
    if (at == NULL) return;
    uint8_t *end = text.count < 32            ? row_put_head(at, (uint8_t)(0xA0 | text.count), 0, 0)
                   : text.count <= UINT8_MAX  ? row_put_head(at, 0xD9, text.count, 1)
                   : text.count <= UINT16_MAX ? row_put_head(at, 0xDA, text.count, 2)
                                              : row_put_head(at, 0xDB, text.count, 4);
    memcpy(end, text.bytes, text.count);
    rows->count += (size_t)(end - at) + text.count;
}

#endif
