/* vector_kernels.h -- the arithmetic over vectors of items and over first scores, one table for each instruction set.
 *
 * All of it is whole numbers: sums come out the same in any order, so each instruction set adds up as it likes and all
 * tables give the same bits. Overflow is ruled out by the bounds that are said here, or saturates where that is said.
 *
 * A first score (feed_narrow.h) is made for 64 items at a time, each array by item slot, from a multiple of 64 on:
 *
 *   tags        (sum * norm * 128 + 2^14) >> 15              sum: of the weights of the user's tags that the item has
 *   popularity  (popularity * 256 * factor) >> 16
 *   recency     (min(recency, top) * 256 * factor) >> 16
 *   vector      0 without a vector (length 0), else, with c = sum over the code's nibbles n of tables[n][nibble]
 *               - 31 nibbles, which is between -31 and 31 for each:
 *               round15(round15((c << shift) * (length << 7)) * vector_factor) + vector_base
 *               round15(x) = (x + 2^14) >> 15
 *
 * added in this order; each addition saturates at 16 bits. A code is code_bytes bytes, two nibbles each, low one first. The
 * bytes of a group of 64 items lie side by side, byte by byte: of the first bytes, that of item i is at 2 i, that of item
 * 32 + i at 2 i + 1; then come the second bytes.
 *
 * This header is included by files that are compiled with -m flags: no functions, no inline code.
 */
#ifndef SH_VECTOR_KERNELS_H
#define SH_VECTOR_KERNELS_H

#include <stdint.h>

enum {
    SH_VECTOR_LANES = 32,     /* a row is so many 16-bit numbers long, or a multiple: 64 bytes */
    SH_VECTOR_UNIT = 1 << 14, /* the length of a row; so a sum of products is at most 2^28 and some */
    SH_CODE_BYTES_MAX = 32,
    SH_CODE_MIDDLE = 31, /* tables hold 0..62, which is -31..31 */
    SH_FIRST_GROUP = 64,
};

struct sh_first_rule {
    uint32_t code_bytes; /* 0: no item has a vector; a multiple of 2 */
    uint32_t shift;      /* 62 nibbles << shift is below 2^16 */
    int16_t vector_factor;
    int16_t vector_base;
    uint8_t tables[2 * SH_CODE_BYTES_MAX][16];
    uint16_t popularity_factor; /* times 255 / 256 at most 32767, both */
    uint16_t recency_factor;
    uint8_t recency_top;
};

struct sh_first_items {
    const uint8_t *norms;
    const uint8_t *popularities;
    const uint8_t *recencies;
    const uint8_t *lengths;
    const uint8_t *codes; /* code_bytes * 64 for each group */
};

struct sh_vector_kernels {
    const char *name;      /* "scalar", "avx2", "avx512": what SHOAL_ISA takes */
    uint32_t cpu_required; /* SH_CPU_* bits (cpu.h), all of which must be present */

    /* sums[i] = the sum of products of `row` with row numbers[i] of rows, both `stride` long, a multiple of
     * SH_VECTOR_LANES. Any alignment. The sum of the absolute products is below 2^31. */
    void (*dot_rows)(const int16_t *row, uint32_t stride, const int16_t *rows, const uint32_t *numbers, uint32_t count,
                     int32_t *sums);
    /* sums[i] += weights[k] where bit i of bits[k] is set; 64 sums a word, which stay within 16 bits. */
    void (*add_bits)(int16_t *sums, const uint64_t *const *bits, const int16_t *weights, uint32_t count,
                     uint32_t word_count);
    /* First scores of the candidates in the groups that have any; sums of tags become sums without the vector; those of
     * other items are nobody's. tops[g] is the highest score of a candidate, INT16_MIN of a group without. `items` begin
     * at the first group. */
    void (*first_scores)(const struct sh_first_rule *rule, const struct sh_first_items *items, uint32_t group_count,
                         const uint64_t *candidates, int16_t *sums, int16_t *scores, int16_t *tops);
    /* The items of one group that have at least that score. */
    uint64_t (*at_least)(const int16_t scores[SH_FIRST_GROUP], int16_t bound);
};

extern const struct sh_vector_kernels sh_vector_kernels_scalar;
extern const struct sh_vector_kernels sh_vector_kernels_avx2;
extern const struct sh_vector_kernels sh_vector_kernels_avx512;

/* The table of an instruction set, NULL if this machine lacks it; and the one in use. */
const struct sh_vector_kernels *sh_vector_kernels_of(uint32_t isa);
extern const struct sh_vector_kernels *sh_vector;

#endif
