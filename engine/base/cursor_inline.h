/* cursor_inline.h -- reads values again that a cursor has passed over before.
 *
 * A batch is passed over once as a whole, which checks every byte of it, and then its rows are read, some cells of them
 * twice. What was passed over is whole, not too deep, UTF-8 and finite, so reading it again asks for none of that: a
 * small value costs a handful of instructions where sh_cursor_next() costs some thirty and a str's bytes besides.
 */
#ifndef SH_CURSOR_INLINE_H
#define SH_CURSOR_INLINE_H

#include "cursor.h"

static inline uint64_t checked_big_endian(const uint8_t *bytes, uint32_t byte_count) {
    uint64_t word;
    memcpy(&word, bytes, sizeof word); /* the caller has seen that there are eight */
    return __builtin_bswap64(word) >> (64 - 8 * byte_count);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the load above swaps");

/* The value under the cursor, exactly as sh_cursor_next() reads it. The cursor must stand before a value that
 * sh_cursor_skip() or sh_cursor_next() has accepted in these bytes; of a container the head is enough. */
static inline void sh_cursor_next_checked(struct sh_cursor *cursor, struct sh_value *value) {
    const uint8_t *at = cursor->at;
    const uint8_t head = *at;
    value->count = 0;
    value->offset = (uint32_t)(at - cursor->start);
    if ((head & 0xE0) == 0xA0) {
        value->kind = SH_VALUE_STR;
        value->text = (struct sh_text){(const char *)at + 1, head & 31};
        cursor->at = at + 1 + (head & 31);
        return;
    }
    if (head < 0x80 || head >= 0xE0) {
        value->kind = SH_VALUE_INT;
        value->integer = (int8_t)head;
        cursor->at = at + 1;
        return;
    }
    if (head == 0xC0) {
        value->kind = SH_VALUE_NIL;
        cursor->at = at + 1;
        return;
    }
    if (head >= 0xCC && head <= 0xCF && cursor->end - at > 8) { /* unsigned of 1, 2, 4 or 8 bytes: times, numbers */
        const uint32_t byte_count = 1u << (head - 0xCC);
        const uint64_t big = checked_big_endian(at + 1, byte_count);
        value->kind = big > INT64_MAX ? SH_VALUE_UINT_BIG : SH_VALUE_INT;
        value->big = big;
        cursor->at = at + 1 + byte_count;
        return;
    }
    const enum sh_status status = sh_cursor_next(cursor, value, NULL);
    sh_assert(status == SH_OK); /* it was accepted before */
}

#endif
