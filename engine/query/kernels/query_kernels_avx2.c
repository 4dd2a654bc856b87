/* query_kernels_avx2.c -- 512 bits as two vectors, so that an input's pointer is looked at once for both.
 *
 * Compiled with -mavx2 -mpopcnt. The ones are counted word by word: popcnt keeps up with loads from beyond the L1.
 */
#include "query_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#include "cpu.h"

enum { AHEAD_WORDS = SH_INPUT_AHEAD_BYTES / sizeof(uint64_t) };

static inline __m256i load(const uint64_t *words) {
    return _mm256_loadu_si256((const __m256i *)(const void *)words);
}

static inline uint64_t vector_ones(__m256i vector) {
    return (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 0)) +
           (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 1)) +
           (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 2)) +
           (uint64_t)__builtin_popcountll((uint64_t)_mm256_extract_epi64(vector, 3));
}

static uint64_t cross_groups(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count) {
    uint64_t ones = 0;
    for (size_t i = 0; i < word_count; i += 8) {
        const uint64_t *const *input = inputs;
        const bool has_ahead = i + AHEAD_WORDS < word_count;
        __m256i all = _mm256_set1_epi64x(-1), more = all;
        for (size_t group = 0; group < group_count; group++) {
            __m256i any = load(input[0] + i), any_more = load(input[0] + i + 4);
            for (uint32_t k = 0; has_ahead && k < groups[group].count; k++)
                _mm_prefetch((const char *)(input[k] + i + AHEAD_WORDS), _MM_HINT_T0);
            for (uint32_t k = 1; k < groups[group].count; k++) {
                any = _mm256_or_si256(any, load(input[k] + i));
                any_more = _mm256_or_si256(any_more, load(input[k] + i + 4));
            }
            input += groups[group].count;
            all = groups[group].negated ? _mm256_andnot_si256(any, all) : _mm256_and_si256(any, all);
            more = groups[group].negated ? _mm256_andnot_si256(any_more, more) : _mm256_and_si256(any_more, more);
        }
        if (target != NULL) {
            _mm256_storeu_si256((__m256i *)(void *)(target + i), all);
            _mm256_storeu_si256((__m256i *)(void *)(target + i + 4), more);
        }
        ones += vector_ones(all) + vector_ones(more);
    }
    return ones;
}

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

const struct sh_query_kernels sh_query_kernels_avx2 = {.name = "avx2",
                                                       .cpu_required = SH_CPU_AVX2 | SH_CPU_POPCNT,
                                                       .cross_groups = cross_groups,
                                                       .mask_slots = mask_slots};
