/* query_kernels_chunks.h -- how the vector tables cross groups: a chunk of some cache lines at a time, in registers.
 *
 *   for each chunk of CHUNK_VECTORS vectors
 *       for each group        any = its inputs united       all = all and any (negated: and not any)
 *       write all, count its ones
 *
 * What limits is how many lines are on their way from memory at once, so the instructions between two loads must be
 * few: an input's vector costs one load and one OR, whatever the shape of the groups (bench/system/query_bench, Q2).
 * All inputs of a chunk are read before it is written, so the target may be one of them.
 *
 * Included by the tables of AVX2 and AVX-512 after they have defined
 *   VECTOR, VECTOR_WORDS, CHUNK_VECTORS, LOAD(words), STORE(words, vector), ZERO, ALL_ONES,
 *   OR(a, b), AND(a, b), AND_NOT(all, input), and
 *   SUMS, NO_SUMS, ADD_ONES(sums, vector), SUM(sums): counting ones.
 */
#ifndef SH_QUERY_KERNELS_CHUNKS_H
#define SH_QUERY_KERNELS_CHUNKS_H

#include "query_kernels.h"

enum { CHUNK_WORDS = CHUNK_VECTORS * VECTOR_WORDS };
#define UNROLL        _Pragma("GCC unroll 8")
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* One chunk from word `at` on, into all[]. */
ALWAYS_INLINE void cross_chunk(VECTOR *all, const struct sh_input_group *groups, size_t group_count,
                               const uint64_t *const *input, size_t at, int vector_count) {
    UNROLL for (int v = 0; v < vector_count; v++) all[v] = ALL_ONES;
    for (size_t group = 0; group < group_count; group++) {
        const uint64_t *const *const end = input + groups[group].count;
        VECTOR any[CHUNK_VECTORS];
        UNROLL for (int v = 0; v < vector_count; v++) any[v] = ZERO;
        for (; input < end; input++) {
            const uint64_t *words = *input + at;
            UNROLL for (int v = 0; v < vector_count; v++) any[v] = OR(any[v], LOAD(words + v * VECTOR_WORDS));
        }
        if (groups[group].negated) {
            UNROLL for (int v = 0; v < vector_count; v++) all[v] = AND_NOT(all[v], any[v]);
        } else {
            UNROLL for (int v = 0; v < vector_count; v++) all[v] = AND(all[v], any[v]);
        }
    }
}

ALWAYS_INLINE SUMS take_chunk(SUMS sums, uint64_t *target, const VECTOR *all, size_t at, int vector_count) {
    UNROLL for (int v = 0; v < vector_count; v++) {
        if (target != NULL) STORE(target + at + (size_t)v * VECTOR_WORDS, all[v]);
        sums = ADD_ONES(sums, all[v]);
    }
    return sums;
}

static uint64_t cross_groups(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count) {
    VECTOR all[CHUNK_VECTORS];
    SUMS sums = NO_SUMS;
    size_t at = 0;
    for (; at + CHUNK_WORDS <= word_count; at += CHUNK_WORDS) {
        cross_chunk(all, groups, group_count, inputs, at, CHUNK_VECTORS);
        sums = take_chunk(sums, target, all, at, CHUNK_VECTORS);
    }
    for (; at < word_count; at += VECTOR_WORDS) {
        cross_chunk(all, groups, group_count, inputs, at, 1);
        sums = take_chunk(sums, target, all, at, 1);
    }
    return SUM(sums);
}

#endif
