/* lanes.h -- which of eight words are this one? In a handful of instructions, without a branch.
 *
 *   words   [ 7 | 3 | 9 | 0 | 3 | 0 | 0 | 0 ]     sh_lanes_equal(words, 3)   bits 1 and 4
 *
 * For small tables whose buckets are a cache line or a part of one: the answer does not depend on where in the bucket
 * something stands, so there is nothing for the processor to guess wrong. On x86-64 by the instructions that all of them
 * have, elsewhere by a plain loop; the answer is the same.
 */
#ifndef SH_LANES_H
#define SH_LANES_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { SH_LANE_COUNT = 8 };

/* Bit i is set if and only if words[i] == wanted. Any alignment. */
static inline uint32_t sh_lanes_equal(const uint32_t words[SH_LANE_COUNT], uint32_t wanted) {
#ifdef __SSE2__
    const __m128i all = _mm_set1_epi32((int)wanted);
    const __m128i low = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)words), all);
    const __m128i high = _mm_cmpeq_epi32(_mm_loadu_si128((const __m128i *)(const void *)(words + 4)), all);
    const __m128i halves = _mm_packs_epi32(low, high); /* all ones stay all ones */
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(halves, halves)) & 0xFF;
#else
    uint32_t equal = 0;
    for (uint32_t i = 0; i < SH_LANE_COUNT; i++)
        equal |= (uint32_t)(words[i] == wanted) << i;
    return equal;
#endif
}

/* The same, and in bits 8 to 15 where the words are `other`. */
static inline uint32_t sh_lanes_either(const uint32_t words[SH_LANE_COUNT], uint32_t wanted, uint32_t other) {
#ifdef __SSE2__
    const __m128i all = _mm_set1_epi32((int)wanted);
    const __m128i others = _mm_set1_epi32((int)other);
    const __m128i low = _mm_loadu_si128((const __m128i *)(const void *)words);
    const __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(words + 4));
    const __m128i first = _mm_packs_epi32(_mm_cmpeq_epi32(low, all), _mm_cmpeq_epi32(high, all));
    const __m128i second = _mm_packs_epi32(_mm_cmpeq_epi32(low, others), _mm_cmpeq_epi32(high, others));
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(first, second));
#else
    return sh_lanes_equal(words, wanted) | sh_lanes_equal(words, other) << SH_LANE_COUNT;
#endif
}

#endif
