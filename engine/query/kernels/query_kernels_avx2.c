/* query_kernels_avx2.c -- 256 bits at a time.
 *
 * Compiled with -mavx2 -mpopcnt. The ones are counted word by word: popcnt keeps up with loads from beyond the L1.
 */
#include <immintrin.h>
#include <stdint.h>

#include "cpu.h"

static inline __m256i load(const uint64_t *words) {
    return _mm256_loadu_si256((const __m256i *)(const void *)words);
}

static inline void store(uint64_t *words, __m256i vector) {
    _mm256_storeu_si256((__m256i *)(void *)words, vector);
}

static inline uint64_t vector_ones(__m256i vector) {
    return (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 0)) +
           (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 1)) +
           (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 2)) +
           (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 3));
}

#define VECTOR                 __m256i
#define VECTOR_WORDS           4
#define CHUNK_VECTORS          4
#define LOAD(words)            load(words)
#define STORE(words, vector)   store(words, vector)
#define ZERO                   _mm256_setzero_si256()
#define ALL_ONES               _mm256_set1_epi64x(-1)
#define OR(a, b)               _mm256_or_si256(a, b)
#define AND(a, b)              _mm256_and_si256(a, b)
#define AND_NOT(all, input)    _mm256_andnot_si256(input, all)
#define SUMS                   uint64_t
#define NO_SUMS                0
#define ADD_ONES(sums, vector) ((sums) + vector_ones(vector))
#define SUM(sums)              (sums)
#include "query_kernels_chunks.h"

/* Eight slots: gather their words of 32 bits, and move each one's bit to the sign. */
static inline uint64_t mask_eight(const int *bits, const uint16_t *slots) {
    const __m256i places = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)slots));
    const __m256i words = _mm256_i32gather_epi32(bits, _mm256_srli_epi32(places, 5), 4);
    const __m256i shifts = _mm256_xor_si256(_mm256_and_si256(places, _mm256_set1_epi32(31)), _mm256_set1_epi32(31));
    return (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sllv_epi32(words, shifts)));
}

static void mask_slots(const uint64_t *restrict bits, const uint16_t *restrict slots, size_t count,
                       uint64_t *restrict mask) {
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64; k += 8)
            word |= mask_eight((const int *)(const void *)bits, slots + i + k) << k;
        mask[i / 64] = word;
    }
    if (i == count) return;
    uint64_t word = 0;
    for (size_t k = 0; i + k < count; k++)
        word |= (bits[slots[i + k] / 64] >> (slots[i + k] % 64) & 1) << k;
    mask[i / 64] = word;
}

/* Eight scores meet a byte of every input: each lane looks for its own bit. */
static void add_weights(const uint64_t *const *inputs, const int32_t *weights, size_t input_count, int32_t *scores) {
    const __m256i lanes = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    for (size_t i = 0; i < 65536 / 8; i++, scores += 8) {
        __m256i *target = (__m256i *)(void *)scores;
        __m256i sums = _mm256_loadu_si256(target);
        for (size_t k = 0; k < input_count; k++) {
            const __m256i byte = _mm256_set1_epi32(((const uint8_t *)inputs[k])[i]);
            const __m256i has = _mm256_cmpeq_epi32(_mm256_and_si256(byte, lanes), lanes);
            sums = _mm256_add_epi32(sums, _mm256_and_si256(has, _mm256_set1_epi32(weights[k])));
        }
        _mm256_storeu_si256(target, sums);
    }
}

static void mask_at_least(const int32_t *scores, int32_t least, const uint64_t *bits, uint64_t *mask) {
    const __m256i low = _mm256_set1_epi32(least);
    for (size_t w = 0; w < 1024; w++, scores += 64) {
        uint64_t below = 0;
        for (size_t k = 0; k < 64; k += 8) {
            const __m256i eight = _mm256_loadu_si256((const __m256i *)(const void *)(scores + k));
            below |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_cmpgt_epi32(low, eight))) << k;
        }
        mask[w] = bits[w] & ~below;
    }
}

const struct sh_query_kernels sh_query_kernels_avx2 = {.name = "avx2",
                                                       .cpu_required = SH_CPU_AVX2 | SH_CPU_POPCNT,
                                                       .cross_groups = cross_groups,
                                                       .mask_slots = mask_slots,
                                                       .add_weights = add_weights,
                                                       .mask_at_least = mask_at_least};
