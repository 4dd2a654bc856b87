/* column_kernels.h -- comparing many values at once, straight into bits; one table for each instruction set.
 *
 * Entries are unsigned and little-ended, 1, 2, 4 or 8 bytes wide. A range test is one subtraction and one comparison:
 * low <= x <= low + span if and only if x - low <= span, all modulo 2^(8 * width). Bit i of words is about entry i.
 *
 * Slices hold the bits of up to 512 entries at a time, the highest first, each bit in 8 words (a cache line):
 *
 *   chunk 0: entries 0..511                                    chunk 1: entries 512..1023
 *   | bit 16: 8 words | bit 15: 8 words | ... | bit 0: 8 words | bit 16 ...
 *
 * so that a range walk reads one stream from the top and leaves a chunk as soon as no entry of it is undecided.
 *
 * The scalar table defines what is right; the others must give the same. Rules for all: any alignment; exactly count
 * entries are read; ceil(count / 64) words are written, bits from count on are 0; counts of 0 are fine.
 *
 * This header is included by files that are compiled with -m flags: no functions, no inline code.
 */
#ifndef SH_COLUMN_KERNELS_H
#define SH_COLUMN_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SH_SLICE_CHUNK_WORDS = 8, SH_SLICE_CHUNK_ENTRIES = 64 * SH_SLICE_CHUNK_WORDS };

/* What becomes of words. AND passes over words that are 0 without reading their entries. */
enum sh_range_op { SH_RANGE_STORE, SH_RANGE_AND, SH_RANGE_OR };

struct sh_column_kernels {
    const char *name;      /* "scalar", "avx2", "avx512": what SHOAL_ISA takes */
    uint32_t cpu_required; /* SH_CPU_* bits (isa.h), all of which must be present */

    /* By the logarithm of the width: [0] u8, [1] u16, [2] u32, [3] u64. low and span fit the width. */
    void (*range[4])(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op, uint64_t *words);
    /* Is bit x of table one, for each entry x? table has 256 bits for u8, 65,536 for u16. Stores. */
    void (*lookup_u8)(const uint8_t *data, size_t count, const uint64_t *table, uint64_t *words);
    void (*lookup_u16)(const uint16_t *data, size_t count, const uint64_t *table, uint64_t *words);

    /* Slices of (entry - offset) modulo 2^slice_count; width is 2, 4 or 8, slice_count 1..63. The last chunk is filled
     * up with zeros. */
    void (*slice)(const void *data, uint32_t width, size_t count, uint64_t offset, uint32_t slice_count,
                  uint64_t *slices);
    /* low <= x <= high for chunk_count whole chunks; low <= high < 2^slice_count. Stores 8 * chunk_count words. */
    void (*slice_range)(const uint64_t *slices, uint32_t slice_count, size_t chunk_count, uint64_t low, uint64_t high,
                        uint64_t *words);
};

extern const struct sh_column_kernels sh_column_kernels_scalar;
extern const struct sh_column_kernels sh_column_kernels_avx2;
extern const struct sh_column_kernels sh_column_kernels_avx512;

/* The table in use, set before main() begins; tests may set it between calls. */
extern const struct sh_column_kernels *sh_compare;

#endif
