#include "frame.h"

/* What a first byte says, in one byte: 1..32 is the size of the whole value; otherwise which head it is. */
enum {
    MAP_SMALL = 0x40, /* 80..8f, the count is in the byte */
    ARRAY_SMALL,      /* 90..9f */
    TEXT_8,           /* a length of 1, 2 or 4 bytes, then the body */
    TEXT_16,
    TEXT_32,
    ARRAY_16,
    ARRAY_32,
    MAP_16,
    MAP_32,
    REFUSED,
};

#define TIMES_8(x)  x, x, x, x, x, x, x, x
#define TIMES_16(x) TIMES_8(x), TIMES_8(x)
#define TIMES_32(x) TIMES_16(x), TIMES_16(x)
static const uint8_t first_byte[256] = {
    /* 00..7f small integers */
    TIMES_32(1), TIMES_32(1), TIMES_32(1), TIMES_32(1),
    /* 80..9f small maps and arrays */
    TIMES_16(MAP_SMALL), TIMES_16(ARRAY_SMALL),
    /* a0..bf texts of 0 to 31 bytes */
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
    32,
    /* c0 and up: see the line's end */
    1, REFUSED, 1, 1,                                             /* c0 nil, c1 unused, c2 false, c3 true */
    TEXT_8, TEXT_16, TEXT_32,                                     /* c4..c6 bin */
    REFUSED, REFUSED, REFUSED,                                    /* c7..c9 ext */
    5, 9,                                                         /* ca, cb float 32 and 64 */
    2, 3, 5, 9,                                                   /* cc..cf uint */
    2, 3, 5, 9,                                                   /* d0..d3 int */
    REFUSED, REFUSED, REFUSED, REFUSED, REFUSED,                  /* d4..d8 fixext */
    TEXT_8, TEXT_16, TEXT_32, ARRAY_16, ARRAY_32, MAP_16, MAP_32, /* d9..df */
    TIMES_32(1),                                                  /* e0..ff small negative integers */
};

/* How many bytes of length or count follow the first byte of such a head. */
static const uint8_t length_bytes[] = {
    [MAP_SMALL] = 0, [ARRAY_SMALL] = 0, [TEXT_8] = 1, [TEXT_16] = 2, [TEXT_32] = 4,
    [ARRAY_16] = 2,  [ARRAY_32] = 4,    [MAP_16] = 2, [MAP_32] = 4,  [REFUSED] = 0,
};

static uint32_t read_length(const uint8_t *bytes, uint32_t byte_count) {
    uint32_t length = 0;
    for (uint32_t i = 0; i < byte_count; i++)
        length = length << 8 | bytes[i];
    return length;
}

static enum sh_status refuse_size(const struct sh_frame_scan *scan, struct sh_error *err) {
    return sh_fail(err, SH_ERR_TOO_LARGE, (int64_t)scan->scanned_bytes, "a message has at most %zu bytes",
                   scan->limit_bytes);
}

enum sh_status sh_frame_scan(struct sh_frame_scan *scan, const uint8_t *bytes, size_t byte_count, size_t *frame_bytes,
                             struct sh_error *err) {
    size_t at = scan->scanned_bytes;
    uint64_t owed = scan->owed_count;
    *frame_bytes = 0;
    while (owed > 0 && at < byte_count) {
        const uint32_t head = first_byte[bytes[at]];
        if (head <= 32) {
            at += head;
            owed--;
            continue;
        }
        const uint32_t extra = length_bytes[head];
        if (byte_count - at <= extra) break; /* the head is cut in two: read it again when the rest is here */
        const uint64_t length = extra == 0 ? bytes[at] & 0x0Fu : read_length(bytes + at + 1, extra);
        at += 1 + extra;
        owed--;
        switch (head) {
        case MAP_SMALL:
        case MAP_16:
        case MAP_32:
            owed += 2 * length;
            break;
        case ARRAY_SMALL:
        case ARRAY_16:
        case ARRAY_32:
            owed += length;
            break;
        case REFUSED:
            if (at - 1 + owed + 1 > scan->limit_bytes) break; /* the size was over before: the same in any pieces */
            return sh_fail(err, SH_ERR_PROTOCOL, (int64_t)at - 1, "the byte %02x begins no value that is read here",
                           bytes[at - 1]);
        default:
            at += length;
            break;
        }
        /* No overflow: a head adds less than 2^33 to both, and the sum was below the limit before it. */
        if (at + owed > scan->limit_bytes) break;
    }
    scan->scanned_bytes = at;
    scan->owed_count = owed;
    if (at + owed > scan->limit_bytes) return refuse_size(scan, err);
    if (owed == 0 && at <= byte_count) *frame_bytes = at;
    return SH_OK;
}
