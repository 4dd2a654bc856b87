/* vector_kernels_avx512.c -- the kernels for AVX-512 with VNNI: sums of products in one instruction. */
#include "cpu.h"
#include "vector_kernels_plain.h"

#include <immintrin.h>

/* Rows lie anywhere: four at a time, so that four lines are waited for together. */
static void dot_rows(const int16_t *row, uint32_t stride, const int16_t *rows, const uint32_t *numbers, uint32_t count,
                     int32_t *sums) {
    uint32_t i = 0;
    for (; i + 4 <= count; i += 4) {
        const int16_t *a = rows + (uint64_t)numbers[i] * stride, *b = rows + (uint64_t)numbers[i + 1] * stride;
        const int16_t *c = rows + (uint64_t)numbers[i + 2] * stride, *d = rows + (uint64_t)numbers[i + 3] * stride;
        __m512i of_a = _mm512_setzero_si512(), of_b = of_a, of_c = of_a, of_d = of_a;
        for (uint32_t k = 0; k < stride; k += SH_VECTOR_LANES) {
            const __m512i own = _mm512_loadu_si512(row + k);
            of_a = _mm512_dpwssd_epi32(of_a, own, _mm512_loadu_si512(a + k));
            of_b = _mm512_dpwssd_epi32(of_b, own, _mm512_loadu_si512(b + k));
            of_c = _mm512_dpwssd_epi32(of_c, own, _mm512_loadu_si512(c + k));
            of_d = _mm512_dpwssd_epi32(of_d, own, _mm512_loadu_si512(d + k));
        }
        /* Four sums of sixteen numbers: lanes of a and b, of c and d side by side, then of all four. */
        const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(of_a, of_b), _mm512_unpackhi_epi32(of_a, of_b));
        const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(of_c, of_d), _mm512_unpackhi_epi32(of_c, of_d));
        const __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        const __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
        _mm_storeu_si128((__m128i *)(sums + i),
                         _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1)));
    }
    for (; i < count; i++) {
        const int16_t *other = rows + (uint64_t)numbers[i] * stride;
        __m512i sum = _mm512_setzero_si512();
        for (uint32_t k = 0; k < stride; k += SH_VECTOR_LANES)
            sum = _mm512_dpwssd_epi32(sum, _mm512_loadu_si512(row + k), _mm512_loadu_si512(other + k));
        sums[i] = _mm512_reduce_add_epi32(sum);
    }
}

static void add_bits(int16_t *sums, const uint64_t *const *bits, const int16_t *weights, uint32_t count,
                     uint32_t word_count) {
    for (uint32_t w = 0; w < word_count; w++) {
        int16_t *at = sums + (uint64_t)w * 64;
        __m512i low = _mm512_loadu_si512(at), high = _mm512_loadu_si512(at + 32);
        for (uint32_t k = 0; k < count; k++) {
            const __m512i weight = _mm512_set1_epi16(weights[k]);
            low = _mm512_mask_add_epi16(low, (__mmask32)bits[k][w], low, weight);
            high = _mm512_mask_add_epi16(high, (__mmask32)(bits[k][w] >> 32), high, weight);
        }
        _mm512_storeu_si512(at, low);
        _mm512_storeu_si512(at + 32, high);
    }
}

static uint64_t at_least(const int16_t scores[SH_FIRST_GROUP], int16_t bound) {
    const __m512i bounds = _mm512_set1_epi16(bound);
    const uint64_t low = _mm512_cmpge_epi16_mask(_mm512_loadu_si512(scores), bounds);
    const uint64_t high = _mm512_cmpge_epi16_mask(_mm512_loadu_si512(scores + 32), bounds);
    return low | high << 32;
}

/* What tables say of the codes of a group; *low: of items 0..31, *high: of 32..63. Four tables' bytes add up to at most
 * 248 before they are widened. */
static inline void code_sums(const struct sh_first_rule *rule, const uint8_t *codes, __m512i *low, __m512i *high) {
    const __m512i nibble = _mm512_set1_epi8(15), even = _mm512_set1_epi16(255);
    *low = *high = _mm512_set1_epi16((int16_t)(-2 * SH_CODE_MIDDLE * (int32_t)rule->code_bytes));
    for (uint32_t i = 0; i < rule->code_bytes; i += 2) {
        __m512i bytes = _mm512_setzero_si512();
        for (uint32_t k = i; k < i + 2; k++) {
            const __m512i code = _mm512_loadu_si512(codes + (uint64_t)k * SH_FIRST_GROUP);
            const __m512i first = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)rule->tables[2 * k]));
            const __m512i second = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)rule->tables[2 * k + 1]));
            const __m512i upper = _mm512_and_si512(_mm512_srli_epi16(code, 4), nibble);
            bytes = _mm512_add_epi8(bytes, _mm512_shuffle_epi8(first, _mm512_and_si512(code, nibble)));
            bytes = _mm512_add_epi8(bytes, _mm512_shuffle_epi8(second, upper));
        }
        *low = _mm512_add_epi16(*low, _mm512_and_si512(bytes, even));
        *high = _mm512_add_epi16(*high, _mm512_srli_epi16(bytes, 8));
    }
}

static inline __m512i bytes_of(const uint8_t *bytes) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)bytes));
}

/* Thirty-two items from `item` on, which is in the middle of a group or at its start. */
static inline __m512i without_vector(const struct sh_first_rule *rule, const struct sh_first_items *items,
                                     uint32_t item, __m512i sums) {
    const __m512i norms = _mm512_slli_epi16(bytes_of(items->norms + item), 7);
    const __m512i popularity = _mm512_slli_epi16(bytes_of(items->popularities + item), 8);
    const __m512i newest = _mm512_set1_epi16((int16_t)rule->recency_top);
    const __m512i recency = _mm512_slli_epi16(_mm512_min_epu16(bytes_of(items->recencies + item), newest), 8);
    __m512i scores = _mm512_mulhrs_epi16(sums, norms);
    scores =
        _mm512_adds_epi16(scores, _mm512_mulhi_epu16(popularity, _mm512_set1_epi16((int16_t)rule->popularity_factor)));
    return _mm512_adds_epi16(scores, _mm512_mulhi_epu16(recency, _mm512_set1_epi16((int16_t)rule->recency_factor)));
}

static inline __m512i with_vector(const struct sh_first_rule *rule, const uint8_t *lengths, __m512i sums,
                                  __m512i scores) {
    const __m512i length = bytes_of(lengths);
    const __mmask32 has_vector = _mm512_test_epi16_mask(length, length);
    const __m512i along = _mm512_sll_epi16(sums, _mm_cvtsi32_si128((int)rule->shift));
    const __m512i long_as = _mm512_mulhrs_epi16(along, _mm512_slli_epi16(length, 7));
    const __m512i vectors = _mm512_mulhrs_epi16(long_as, _mm512_set1_epi16(rule->vector_factor));
    scores = _mm512_mask_adds_epi16(scores, has_vector, scores, vectors);
    return _mm512_mask_adds_epi16(scores, has_vector, scores, _mm512_set1_epi16(rule->vector_base));
}

static int16_t highest(__m512i scores) {
    __m256i half = _mm256_max_epi16(_mm512_castsi512_si256(scores), _mm512_extracti64x4_epi64(scores, 1));
    __m128i quarter = _mm_max_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    /* The lowest of unsigned numbers has an instruction; these are turned round. */
    quarter = _mm_minpos_epu16(_mm_sub_epi16(_mm_set1_epi16(INT16_MAX), quarter));
    return (int16_t)(INT16_MAX - (uint16_t)_mm_cvtsi128_si32(quarter));
}

static void first_scores(const struct sh_first_rule *rule, const struct sh_first_items *items, uint32_t group_count,
                         const uint64_t *candidates, int16_t *sums, int16_t *scores, int16_t *tops) {
    const __m512i lowest = _mm512_set1_epi16(INT16_MIN);
    for (uint32_t group = 0; group < group_count; group++) {
        tops[group] = INT16_MIN;
        if (candidates[group] == 0) continue;
        const uint32_t item = group * SH_FIRST_GROUP;
        __m512i low = without_vector(rule, items, item, _mm512_loadu_si512(sums + item));
        __m512i high = without_vector(rule, items, item + 32, _mm512_loadu_si512(sums + item + 32));
        _mm512_storeu_si512(sums + item, low);
        _mm512_storeu_si512(sums + item + 32, high);
        if (rule->code_bytes > 0) {
            __m512i low_sums, high_sums;
            code_sums(rule, items->codes + (uint64_t)item * rule->code_bytes, &low_sums, &high_sums);
            low = with_vector(rule, items->lengths + item, low_sums, low);
            high = with_vector(rule, items->lengths + item + 32, high_sums, high);
        }
        _mm512_storeu_si512(scores + item, low);
        _mm512_storeu_si512(scores + item + 32, high);
        const __m512i shown_low = _mm512_mask_mov_epi16(lowest, (__mmask32)candidates[group], low);
        const __m512i shown_high = _mm512_mask_mov_epi16(lowest, (__mmask32)(candidates[group] >> 32), high);
        tops[group] = highest(_mm512_max_epi16(shown_low, shown_high));
    }
}

const struct sh_vector_kernels sh_vector_kernels_avx512 = {
    .name = "avx512",
    .cpu_required = SH_CPU_AVX512F | SH_CPU_AVX512BW | SH_CPU_AVX512VNNI,
    .dot_rows = dot_rows,
    .add_bits = add_bits,
    .first_scores = first_scores,
    .at_least = at_least,
};
