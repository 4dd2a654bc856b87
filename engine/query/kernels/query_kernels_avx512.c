/* query_kernels_avx512.c -- 1,024 bits as two vectors, so that an input's pointer is looked at once for both.
 *
 * Compiled with -mavx512f -mavx512bw -mavx512vl -mavx512vpopcntdq.
 */
#include "query_kernels.h"

#include <immintrin.h>
#include <stdbool.h>

#include "cpu.h"

enum { AHEAD_WORDS = SH_INPUT_AHEAD_BYTES / sizeof(uint64_t) };

static uint64_t cross_groups(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count) {
    __m512i ones = _mm512_setzero_si512(), more_ones = _mm512_setzero_si512();
    for (size_t i = 0; i < word_count; i += 16) {
        const uint64_t *const *input = inputs;
        const bool has_ahead = i + AHEAD_WORDS < word_count;
        __m512i all = _mm512_set1_epi64(-1), more = all;
        for (size_t group = 0; group < group_count; group++) {
            __m512i any = _mm512_loadu_si512(input[0] + i), any_more = _mm512_loadu_si512(input[0] + i + 8);
            for (uint32_t k = 0; has_ahead && k < groups[group].count; k++) {
                _mm_prefetch((const char *)(input[k] + i + AHEAD_WORDS), _MM_HINT_T0);
                _mm_prefetch((const char *)(input[k] + i + AHEAD_WORDS + 8), _MM_HINT_T0);
            }
            for (uint32_t k = 1; k < groups[group].count; k++) {
                any = _mm512_or_si512(any, _mm512_loadu_si512(input[k] + i));
                any_more = _mm512_or_si512(any_more, _mm512_loadu_si512(input[k] + i + 8));
            }
            input += groups[group].count;
            all = groups[group].negated ? _mm512_andnot_si512(any, all) : _mm512_and_si512(any, all);
            more = groups[group].negated ? _mm512_andnot_si512(any_more, more) : _mm512_and_si512(any_more, more);
        }
        if (target != NULL) {
            _mm512_storeu_si512(target + i, all);
            _mm512_storeu_si512(target + i + 8, more);
        }
        ones = _mm512_add_epi64(ones, _mm512_popcnt_epi64(all));
        more_ones = _mm512_add_epi64(more_ones, _mm512_popcnt_epi64(more));
    }
    return (uint64_t)_mm512_reduce_add_epi64(_mm512_add_epi64(ones, more_ones));
}

/* Sixteen slots, of which `wanted` are there: gather their words of 32 bits, and test each one's bit. */
static inline uint64_t mask_sixteen(const void *bits, const uint16_t *slots, __mmask16 wanted) {
    const __m512i places = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(wanted, slots));
    const __m512i words = _mm512_i32gather_epi32(_mm512_srli_epi32(places, 5), bits, 4);
    const __m512i ones = _mm512_sllv_epi32(_mm512_set1_epi32(1), _mm512_and_si512(places, _mm512_set1_epi32(31)));
    return _mm512_mask_test_epi32_mask(wanted, words, ones);
}

static void mask_slots(const uint64_t *restrict bits, const uint16_t *restrict slots, size_t count,
                       uint64_t *restrict mask) {
    for (size_t i = 0; i < count; i += 64) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64 && i + k < count; k += 16) {
            const size_t rest = count - i - k;
            const __mmask16 wanted = (__mmask16)(rest >= 16 ? 0xFFFFu : (1u << rest) - 1);
            word |= mask_sixteen(bits, slots + i + k, wanted) << k;
        }
        mask[i / 64] = word;
    }
}

const struct sh_query_kernels sh_query_kernels_avx512 = {.name = "avx512",
                                                         .cpu_required = SH_CPU_AVX512F | SH_CPU_AVX512BW |
                                                                         SH_CPU_AVX512VL | SH_CPU_AVX512VPOPCNTDQ,
                                                         .cross_groups = cross_groups,
                                                         .mask_slots = mask_slots};
