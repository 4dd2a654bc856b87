/* query_kernels.h -- many bitmaps crossed in one pass, events looked up in a bitmap, weights of bitmaps added up; one
 * table for each instruction set.
 *
 * (t5 or t6 or t7) and (c1 or c2) and a and not b, over blocks of bits, is read as one stream of eight inputs instead
 * of eight passes over a register: the memory is asked for eight lines at a time, and nothing is written but the
 * answer.
 *
 * The scalar table defines what is right; every other table gives the same answers and writes the same memory. This
 * header is included by files that are compiled with -m flags, so it holds no functions.
 */
#ifndef SH_QUERY_KERNELS_H
#define SH_QUERY_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum { SH_WEIGHED_INPUT_COUNT_MAX = 8 };

/* The union of `count` inputs (at least one), or all bits without it. */
struct sh_input_group {
    uint32_t count;
    uint32_t negated; /* 0 or 1 */
};

struct sh_query_kernels {
    const char *name;      /* "scalar", "avx2", "avx512": what SHOAL_ISA takes */
    uint32_t cpu_required; /* SH_CPU_* bits (isa.h), all of which must be present */

    /* The bits that are in every group, and how many they are. The inputs of the groups stand one group after another.
     * target may be NULL (count only) or one of the inputs. group_count is at least 1, word_count a multiple of 8;
     * any alignment. */
    uint64_t (*cross_groups)(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count);

    /* Bit i of mask says whether slots[i] is set in bits, which are 1,024 words; slots are in any order, with doubles.
     * ceil(count / 64) words of mask are written, bits from count on are 0. bits and slots may be of any alignment. */
    void (*mask_slots)(const uint64_t *restrict bits, const uint16_t *restrict slots, size_t count,
                       uint64_t *restrict mask);

    /* Each of 65,536 scores gets the weights of the inputs (1 to SH_WEIGHED_INPUT_COUNT_MAX, 1,024 words each) that
     * have its bit; sums wrap around. Any alignment of 4 and 8 bytes. */
    void (*add_weights)(const uint64_t *const *inputs, const int32_t *weights, size_t input_count, int32_t *scores);
    /* The bits of which the score is at least so much; mask may be bits. 1,024 words, 65,536 scores. */
    void (*mask_at_least)(const int32_t *scores, int32_t least, const uint64_t *bits, uint64_t *mask);
};

extern const struct sh_query_kernels sh_query_kernels_scalar;
extern const struct sh_query_kernels sh_query_kernels_avx2;
extern const struct sh_query_kernels sh_query_kernels_avx512;

/* The table in use, set before main() begins as for bitmaps (bitmap_kernels.h). Tests may set it between calls. */
extern const struct sh_query_kernels *sh_crossing;

#endif
