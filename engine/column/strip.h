/* strip.h -- a run of int64 values, each of which may be missing, at the narrowest width that holds them.
 *
 * A strip is one block of a column (65,536 slots) or one property of an event cell (as many rows as were appended).
 * Every value is kept as an unsigned distance from a base, so that ages take one byte, points four, and a property
 * that is always the same takes none:
 *
 *   values     13  27  --  90          base 0, width 1, min 13, max 90, missing_count 1
 *   data      [13][27][ 0][90]         what stands at a missing entry means nothing
 *   present    1   1   0   1           kept only while some entries are missing and some are not
 *
 *   values     5   5   5   5   5       base 5, width 0: no data at all
 *
 * Times that are whole days or seconds are kept in those: a strip may have a unit, and then distances count units. A
 * birthday is two bytes, not eight. A value between two units makes the unit smaller.
 *
 * A value that does not fit moves the base or doubles the width and rewrites the strip; the base is placed so that a
 * strip is rewritten a few dozen times in its life at most, in whatever order the values come.
 *
 * Rules that hold after every call:
 *   - width is 0, 1, 2, 4 or 8; every present value is base + unit * d, 0 <= d < 2^(8 * width), and d stands in data;
 *   - width 8 has base 0 and unit 1 (there d is the value's two's complement);
 *   - every present value lies in [min, max] (outer bounds: an overwritten value may have been the last at a bound;
 *     sh_strip_rebuild() makes them exact); min > max if and only if no value was present since the last rebuild;
 *   - missing_count is exact; without `present` it is 0 or count;
 *   - bits of present from count on are 0.
 * sh_strip_check() tests them.
 * Threads: a strip belongs to one shard. Nothing here locks.
 */
#ifndef SH_STRIP_H
#define SH_STRIP_H

#include <stddef.h>
#include <stdint.h>

#include "archive.h"
#include "buffer.h"
#include "status.h"

struct sh_strip {
    void *data;        /* capacity entries of width bytes, in the machine's order; NULL while width is 0 */
    uint64_t *present; /* capacity bits, rounded up to words; NULL: all present or all missing */
    int64_t base;
    int64_t min;
    int64_t max;
    uint32_t count;         /* entries; what lies behind them counts as missing */
    uint32_t capacity;      /* entries that data and present have room for */
    uint32_t missing_count; /* of the entries */
    uint32_t unit;          /* what a distance of 1 means; at least 1 */
    uint8_t width;          /* bytes an entry: 0, 1, 2, 4, 8 */
};
_Static_assert(sizeof(struct sh_strip) <= 64, "an event cell has many strips: each is one cache line at most");

/* What a glance at the bounds says about the entries asked for. */
enum sh_verdict { SH_VERDICT_NONE, SH_VERDICT_ALL, SH_VERDICT_SOME };

/* An empty strip; it owns no memory until it needs some. deinit leaves an empty strip. */
void sh_strip_init(struct sh_strip *strip);
void sh_strip_deinit(struct sh_strip *strip);
/* An empty strip that hopes for multiples of `unit` (of days, say): it is divided down when a value is none. */
void sh_strip_init_unit(struct sh_strip *strip, uint32_t unit);

/* All of these leave the strip as it was on SH_ERR_MEMORY. Appends cost O(1) on average. */
SH_MUST_CHECK enum sh_status sh_strip_append(struct sh_strip *strip, int64_t value);
SH_MUST_CHECK enum sh_status sh_strip_append_missing(struct sh_strip *strip, uint32_t how_many);
/* Overwrite entry `index`; one at or behind count lengthens the strip with missing entries first. */
SH_MUST_CHECK enum sh_status sh_strip_set(struct sh_strip *strip, uint32_t index, int64_t value);
/* Make an entry missing. Behind count it is already. */
SH_MUST_CHECK enum sh_status sh_strip_clear(struct sh_strip *strip, uint32_t index);
/* After SH_OK, sh_strip_set(strip, index, v) for every low <= v <= high cannot fail, until another call changes the
 * strip. With append: index = count. For changes of several strips that must all happen or none. Unless low == high,
 * the strip's unit becomes 1 if a value of the range does not fit as it is. */
SH_MUST_CHECK enum sh_status sh_strip_prepare_set(struct sh_strip *strip, uint32_t index, int64_t low, int64_t high);
SH_MUST_CHECK enum sh_status sh_strip_prepare_clear(struct sh_strip *strip, uint32_t index);
/* Forget the entries from `count` on. Keeps the memory. */
void sh_strip_truncate(struct sh_strip *strip, uint32_t count);
/* Exact bounds, the narrowest width, no spare room: for strips that will be read more than written. */
SH_MUST_CHECK enum sh_status sh_strip_rebuild(struct sh_strip *strip);
/* Fill an empty strip at once, narrowest and exact. present (may be NULL: all are) has one bit an entry. */
SH_MUST_CHECK enum sh_status sh_strip_build(struct sh_strip *strip, const int64_t *values, const uint64_t *present,
                                            uint32_t count);

/* The value at index into *value and true, or false if it is missing or index >= count. */
static inline bool sh_strip_get(const struct sh_strip *strip, uint32_t index, int64_t *value);
/* Entries first .. first + count - 1 as int64; missing ones, and those behind the strip's count, read as 0. */
void sh_strip_read(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t *values);

/* Predicates into bits: bit i of words is about entry first + i; ceil(count / 64) words are written, the bits from
 * count on are 0; missing entries, and those behind the strip's count, never match. Any first and count. Values are
 * logical; low > high matches nothing. */

/* NONE: no entry of the span matches. ALL: each of them is present and matches. SOME: a scan must say. O(1). */
enum sh_verdict sh_strip_verdict(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low,
                                 int64_t high);
/* low <= value <= high. */
void sh_strip_range(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low, int64_t high,
                    uint64_t *words);
/* The same, but only bits that are set in words already can stay set. candidate_count is how many they are, or a
 * guess: it picks the method (test one by one, or scan and cross), never the answer. */
void sh_strip_range_among(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low, int64_t high,
                          uint32_t candidate_count, uint64_t *words);
/* Value is one of value_count values, ascending, no value twice. */
void sh_strip_in_set(const struct sh_strip *strip, uint32_t first, uint32_t count, const int64_t *values,
                     uint32_t value_count, uint64_t *words);
void sh_strip_present(const struct sh_strip *strip, uint32_t first, uint32_t count, uint64_t *words);

/* Into the open section, and back from it: the same shape, bounds and values, without spare room. What stands at
 * missing entries is written as 0: nothing that was cleared leaves the memory. The strip that is loaded into was
 * initialised and is empty, and stays so on a failure, which the reader keeps: SH_ERR_CORRUPT if one of the rules above
 * does not hold, or if there are more than count_max entries. Memory speed. */
void sh_strip_save(const struct sh_strip *strip, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_strip_load(struct sh_strip *strip, uint32_t count_max,
                                           struct sh_archive_reader *reader);
/* Bytes that the strip owns, the struct itself not counted. */
size_t sh_strip_memory_bytes(const struct sh_strip *strip);
/* Do the rules hold? If not, *reason says which does not. Reads everything. */
bool sh_strip_check(const struct sh_strip *strip, const char **reason);
/* For people: its shape and bounds in one line, and its first values. */
void sh_strip_print(const struct sh_strip *strip, struct sh_buffer *buffer);

static inline bool sh_strip_get(const struct sh_strip *strip, uint32_t index, int64_t *value) {
    if (index >= strip->count) return false;
    if (strip->present != NULL) {
        if (((strip->present[index >> 6] >> (index & 63)) & 1) == 0) return false;
    } else if (strip->missing_count != 0) {
        return false;
    }
    const void *data = strip->data;
    uint64_t distance;
    switch (strip->width) {
    case 0:
        distance = 0;
        break;
    case 1:
        distance = ((const uint8_t *)data)[index];
        break;
    case 2:
        distance = ((const uint16_t *)data)[index];
        break;
    case 4:
        distance = ((const uint32_t *)data)[index];
        break;
    default:
        distance = ((const uint64_t *)data)[index];
        break;
    }
    *value = (int64_t)((uint64_t)strip->base + distance * strip->unit);
    return true;
}

#endif
