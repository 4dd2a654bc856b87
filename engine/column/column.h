/* column.h -- one value a slot: strips of 65,536 slots, and bit slices beside those that are asked for ranges.
 *
 *   slot 0            65536           131072
 *        | strip      | (none: all    | strip       |      blocks: a directory, grown by whole blocks
 *        | u8, base 0 |  missing)     | constant 7  |
 *        | slices     |               |             |      a cache: bit k of 65,536 values side by side
 *
 * A range predicate first asks the block's bounds (sh_column_verdict), then compares. Values of 2 to 4 bytes that are
 * asked for ranges again and again get bit slices: 17 slices hold values up to 131,071 and are 17/32 of the bytes of a
 * u32 strip. Slices are built by the second range scan of a block since its last write, are dropped by a write, stay
 * under slice_bytes_max, and are never needed for an answer. A `const struct sh_column` promises that no value changes;
 * the cache may.
 *
 * Rules that hold after every call:
 *   - every strip has at most SH_BLOCK_SLOTS entries;
 *   - present_count is the number of slots that have a value;
 *   - slices, where there are any, say the same as their strip.
 * sh_column_check() tests them. Threads: a column belongs to one shard.
 */
#ifndef SH_COLUMN_H
#define SH_COLUMN_H

#include "bitmap_block.h"
#include "strip.h"

struct sh_column_block; /* a strip and its cache */
struct sh_column {
    struct sh_column_block **blocks; /* NULL: all missing */
    uint32_t block_count;
    uint32_t block_capacity;
    uint64_t present_count;
    size_t slice_bytes_max; /* budget of the cache, 0 switches it off; may be set at any time, for what is built from
                               then on */
    size_t slice_bytes;     /* in use by the cache */
    uint32_t unit;          /* that every strip begins with */
};

void sh_column_init(struct sh_column *column);
/* For values that are hoped to be multiples of `unit` apart (strip.h). */
void sh_column_init_unit(struct sh_column *column, uint32_t unit);
void sh_column_deinit(struct sh_column *column);

/* On SH_ERR_MEMORY the column is as it was. */
SH_MUST_CHECK enum sh_status sh_column_set(struct sh_column *column, uint32_t slot, int64_t value);
SH_MUST_CHECK enum sh_status sh_column_clear(struct sh_column *column, uint32_t slot);
/* After SH_OK, setting this slot to this value (clearing it) cannot fail until the column is changed otherwise. */
SH_MUST_CHECK enum sh_status sh_column_prepare_set(struct sh_column *column, uint32_t slot, int64_t value);
SH_MUST_CHECK enum sh_status sh_column_prepare_clear(struct sh_column *column, uint32_t slot);

/* The block's strip, or NULL if no slot of it ever had a value. Valid until the column is changed. Its count may be
 * less than 65,536; what is behind is missing. */
const struct sh_strip *sh_column_block(const struct sh_column *column, uint32_t block);
/* False if missing. Any slot. */
bool sh_column_get(const struct sh_column *column, uint32_t slot, int64_t *value);
/* Ask for the cache line that sh_column_get(slot) or _set will touch. */
void sh_column_prefetch(const struct sh_column *column, uint32_t slot);

/* Predicates over one block; words is a register of SH_BLOCK_WORDS words, all of which are written. Blocks that do
 * not exist are all missing. The rules are those of strip.h. */
enum sh_verdict sh_column_verdict(const struct sh_column *column, uint32_t block, int64_t low, int64_t high);
void sh_column_range(const struct sh_column *column, uint32_t block, int64_t low, int64_t high, uint64_t *words);
void sh_column_range_among(const struct sh_column *column, uint32_t block, int64_t low, int64_t high,
                           uint32_t candidate_count, uint64_t *words);
void sh_column_in_set(const struct sh_column *column, uint32_t block, const int64_t *values, uint32_t value_count,
                      uint64_t *words);
void sh_column_present(const struct sh_column *column, uint32_t block, uint64_t *words);

/* Into the open section, and back from it: strips as they are; slices are a cache and begin anew. The column that is
 * loaded into was initialised and is empty, and stays so on a failure, which the reader keeps: SH_ERR_CORRUPT if a rule
 * above does not hold, or if there is a block at or above block_count_max. */
void sh_column_save(const struct sh_column *column, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_column_load(struct sh_column *column, uint32_t block_count_max,
                                            struct sh_archive_reader *reader);

/* Free the slices (under memory pressure). */
void sh_column_drop_slices(const struct sh_column *column);
/* Everything the column owns, slices included. */
size_t sh_column_memory_bytes(const struct sh_column *column);
bool sh_column_check(const struct sh_column *column, const char **reason);
/* For people: one line for the column and one or two for each block. */
void sh_column_print(const struct sh_column *column, struct sh_buffer *buffer);

#endif
