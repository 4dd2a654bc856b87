/* bitmap_kernels.h -- the inner loops over words and sorted u16 lists, one table for each instruction set.
 *
 * `words` are 64-bit, bit i of word w is element 64 * w + i. A `list` is a strictly ascending array of u16, each of
 * which names a bit of a block of 1,024 words. The scalar table defines what is right; every other table must give the
 * same answers and write the same memory.
 *
 * Rules for all of them: any alignment; exactly word_count words (or count entries) are read, and nothing past what the
 * answer says is written, because a set may end at the end of a page; different pointers do not overlap unless the
 * comment allows it; counts of 0 are fine.
 *
 * This header is included by files that are compiled with -m flags, so it holds no functions and no inline code.
 */
#ifndef SH_BITMAP_KERNELS_H
#define SH_BITMAP_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"

enum { SH_BITS_INPUT_COUNT_MAX = 8 }; /* and_many: eight streams still prefetch well, and fit the registers */

struct sh_bitmap_kernels {
    const char *name;      /* "scalar", "avx2", "avx512": what SHOAL_ISA takes */
    uint32_t cpu_required; /* SH_CPU_* bits (cpu.h), all of which must be present */

    /* target = target OP source; andnot is target AND NOT source. */
    void (*and_into)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    void (*or_into)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    void (*xor_into)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    void (*andnot_into)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    void (*not_into)(uint64_t *target, size_t word_count); /* target = NOT target */

    /* The same, and how many bits target has afterwards. */
    uint64_t (*and_into_count)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    uint64_t (*or_into_count)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    uint64_t (*xor_into_count)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);
    uint64_t (*andnot_into_count)(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count);

    /* How many bits the answer would have. a == b is allowed. */
    uint64_t (*popcount)(const uint64_t *words, size_t word_count);
    uint64_t (*and_count)(const uint64_t *a, const uint64_t *b, size_t word_count);
    uint64_t (*or_count)(const uint64_t *a, const uint64_t *b, size_t word_count);
    uint64_t (*xor_count)(const uint64_t *a, const uint64_t *b, size_t word_count);
    uint64_t (*andnot_count)(const uint64_t *a, const uint64_t *b, size_t word_count);
    bool (*intersects)(const uint64_t *a, const uint64_t *b, size_t word_count);

    /* AND of 1 to SH_BITS_INPUT_COUNT_MAX inputs and its bit count. target may be NULL (count only) or one of the
     * inputs. */
    uint64_t (*and_many)(uint64_t *target, const uint64_t *const *inputs, size_t input_count, size_t word_count);

    /* How many runs of ones: a bit whose lower neighbour is zero starts one. */
    uint64_t (*run_count)(const uint64_t *words, size_t word_count);

    /* The set bits in ascending order, + base for u32; how many were written. out has room for all of them.
     * list_u16 takes at most 1,024 words. */
    size_t (*list_u32)(const uint64_t *words, size_t word_count, uint32_t base, uint32_t *restrict out);
    size_t (*list_u16)(const uint64_t *words, size_t word_count, uint16_t *restrict out);

    /* Change the bits that a list names. */
    void (*set_list)(uint64_t *restrict words, const uint16_t *restrict list, size_t count);
    void (*clear_list)(uint64_t *restrict words, const uint16_t *restrict list, size_t count);
    void (*flip_list)(uint64_t *restrict words, const uint16_t *restrict list, size_t count);

    /* Entries of list whose bit is one (keep_list) or zero (drop_list), in order; how many. out == list is allowed.
     * out has room for count entries, of which those after the answer may be overwritten with anything. */
    size_t (*keep_list)(const uint64_t *restrict words, const uint16_t *list, size_t count, uint16_t *out);
    size_t (*drop_list)(const uint64_t *restrict words, const uint16_t *list, size_t count, uint16_t *out);
    /* How many entries of list have their bit set. */
    size_t (*test_list)(const uint64_t *words, const uint16_t *list, size_t count);

    /* Two lists: how many entries are in both; those entries, to out, which has room for the shorter list and may be a
     * (entries after the answer may be overwritten). */
    size_t (*lists_and_count)(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count);
    size_t (*lists_and)(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count, uint16_t *out);
};

extern const struct sh_bitmap_kernels sh_bitmap_kernels_scalar;
extern const struct sh_bitmap_kernels sh_bitmap_kernels_avx2;
extern const struct sh_bitmap_kernels sh_bitmap_kernels_avx512;

/* The table of an enum sh_isa (isa.h); NULL if this machine cannot run it. */
const struct sh_bitmap_kernels *sh_bitmap_kernels_of(uint32_t isa);

/* The table in use. It is set before main() begins: the best one whose cpu_required the machine has, or the one that
 * SHOAL_ISA names (see isa.h for names that cannot be obeyed). Tests may set it between calls. */
extern const struct sh_bitmap_kernels *sh_bits;

#endif
