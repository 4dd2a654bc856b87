/* query_kernels_avx512.c -- 512 bits at a time.
 *
 * Compiled with -mavx512f -mavx512bw -mavx512vl -mavx512vpopcntdq.
 */
#include <immintrin.h>

#include "cpu.h"

#define VECTOR                 __m512i
#define VECTOR_WORDS           8
#define CHUNK_VECTORS          8
#define LOAD(words)            _mm512_loadu_si512(words)
#define STORE(words, vector)   _mm512_storeu_si512(words, vector)
#define ZERO                   _mm512_setzero_si512()
#define ALL_ONES               _mm512_set1_epi64(-1)
#define OR(a, b)               _mm512_or_si512(a, b)
#define AND(a, b)              _mm512_and_si512(a, b)
#define AND_NOT(all, input)    _mm512_andnot_si512(input, all)
#define SUMS                   __m512i
#define NO_SUMS                _mm512_setzero_si512()
#define ADD_ONES(sums, vector) _mm512_add_epi64(sums, _mm512_popcnt_epi64(vector))
#define SUM(sums)              (uint64_t) _mm512_reduce_add_epi64(sums)
#include "query_kernels_chunks.h"

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

/* 64 scores in four vectors, which meet every input before they are stored. */
static void add_weights(const uint64_t *const *inputs, const int32_t *weights, size_t input_count, int32_t *scores) {
    for (size_t w = 0; w < 1024; w++, scores += 64) {
        __m512i a = _mm512_loadu_si512(scores);
        __m512i b = _mm512_loadu_si512(scores + 16);
        __m512i c = _mm512_loadu_si512(scores + 32);
        __m512i d = _mm512_loadu_si512(scores + 48);
        for (size_t k = 0; k < input_count; k++) {
            const uint64_t word = inputs[k][w];
            const __m512i weight = _mm512_set1_epi32(weights[k]);
            a = _mm512_mask_add_epi32(a, (__mmask16)word, a, weight);
            b = _mm512_mask_add_epi32(b, (__mmask16)(word >> 16), b, weight);
            c = _mm512_mask_add_epi32(c, (__mmask16)(word >> 32), c, weight);
            d = _mm512_mask_add_epi32(d, (__mmask16)(word >> 48), d, weight);
        }
        _mm512_storeu_si512(scores, a);
        _mm512_storeu_si512(scores + 16, b);
        _mm512_storeu_si512(scores + 32, c);
        _mm512_storeu_si512(scores + 48, d);
    }
}

static void mask_at_least(const int32_t *scores, int32_t least, const uint64_t *bits, uint64_t *mask) {
    const __m512i low = _mm512_set1_epi32(least);
    for (size_t w = 0; w < 1024; w++, scores += 64) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64; k += 16)
            word |= (uint64_t)_mm512_cmpge_epi32_mask(_mm512_loadu_si512(scores + k), low) << k;
        mask[w] = bits[w] & word;
    }
}

const struct sh_query_kernels sh_query_kernels_avx512 = {.name = "avx512",
                                                         .cpu_required = SH_CPU_AVX512F | SH_CPU_AVX512BW |
                                                                         SH_CPU_AVX512VL | SH_CPU_AVX512VPOPCNTDQ,
                                                         .cross_groups = cross_groups,
                                                         .mask_slots = mask_slots,
                                                         .add_weights = add_weights,
                                                         .mask_at_least = mask_at_least};
