/* vector_kernels_avx2.c -- the kernels for AVX2. */
#include "cpu.h"
#include "vector_kernels_plain.h"

#include <immintrin.h>

static int32_t sum_of(__m256i sums) {
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
    return _mm_cvtsi128_si32(half);
}

static void dot_rows(const int16_t *row, uint32_t stride, const int16_t *rows, const uint32_t *numbers, uint32_t count,
                     int32_t *sums) {
    for (uint32_t i = 0; i < count; i++) {
        const int16_t *other = rows + (uint64_t)numbers[i] * stride;
        __m256i even = _mm256_setzero_si256(), odd = _mm256_setzero_si256();
        for (uint32_t k = 0; k < stride; k += SH_VECTOR_LANES) {
            even = _mm256_add_epi32(even, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(row + k)),
                                                            _mm256_loadu_si256((const __m256i *)(other + k))));
            odd = _mm256_add_epi32(odd, _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)(row + k + 16)),
                                                          _mm256_loadu_si256((const __m256i *)(other + k + 16))));
        }
        sums[i] = sum_of(_mm256_add_epi32(even, odd));
    }
}

static uint64_t at_least(const int16_t scores[SH_FIRST_GROUP], int16_t bound) {
    const __m256i below = _mm256_set1_epi16(bound);
    uint64_t found = 0;
    for (uint32_t i = 0; i < SH_FIRST_GROUP; i += 32) {
        const __m256i less =
            _mm256_packs_epi16(_mm256_cmpgt_epi16(below, _mm256_loadu_si256((const __m256i *)(scores + i))),
                               _mm256_cmpgt_epi16(below, _mm256_loadu_si256((const __m256i *)(scores + i + 16))));
        const uint32_t bits = (uint32_t)_mm256_movemask_epi8(_mm256_permute4x64_epi64(less, 0xD8));
        found |= (uint64_t)~bits << i;
    }
    return found;
}

/* All ones in the lanes whose bit is set. */
static inline __m256i lanes_of(uint32_t sixteen_bits) {
    const __m256i each =
        _mm256_setr_epi16(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, INT16_MIN);
    return _mm256_cmpeq_epi16(_mm256_and_si256(_mm256_set1_epi16((int16_t)sixteen_bits), each), each);
}

static void add_bits(int16_t *sums, const uint64_t *const *bits, const int16_t *weights, uint32_t count,
                     uint32_t word_count) {
    for (uint32_t w = 0; w < word_count; w++)
        for (uint32_t i = 0; i < 64; i += 16) {
            __m256i *at = (__m256i *)(sums + (uint64_t)w * 64 + i);
            __m256i sum = _mm256_loadu_si256(at);
            for (uint32_t k = 0; k < count; k++)
                sum = _mm256_add_epi16(
                    sum, _mm256_and_si256(lanes_of((uint32_t)(bits[k][w] >> i)), _mm256_set1_epi16(weights[k])));
            _mm256_storeu_si256(at, sum);
        }
}

/* As in vector_kernels_avx512.c, in halves: of 32 bytes the even ones are of items from `half` on, the odd ones of items
 * from 32 + `half` on. */
static inline void code_sums(const struct sh_first_rule *rule, const uint8_t *codes, uint32_t half, __m256i *low,
                             __m256i *high) {
    const __m256i nibble = _mm256_set1_epi8(15), even = _mm256_set1_epi16(255);
    *low = *high = _mm256_set1_epi16((int16_t)(-2 * SH_CODE_MIDDLE * (int32_t)rule->code_bytes));
    for (uint32_t i = 0; i < rule->code_bytes; i += 2) {
        __m256i bytes = _mm256_setzero_si256();
        for (uint32_t k = i; k < i + 2; k++) {
            const __m256i code = _mm256_loadu_si256((const __m256i *)(codes + (uint64_t)k * SH_FIRST_GROUP + 2 * half));
            const __m256i first = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)rule->tables[2 * k]));
            const __m256i second =
                _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)rule->tables[2 * k + 1]));
            const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(code, 4), nibble);
            bytes = _mm256_add_epi8(bytes, _mm256_shuffle_epi8(first, _mm256_and_si256(code, nibble)));
            bytes = _mm256_add_epi8(bytes, _mm256_shuffle_epi8(second, upper));
        }
        *low = _mm256_add_epi16(*low, _mm256_and_si256(bytes, even));
        *high = _mm256_add_epi16(*high, _mm256_srli_epi16(bytes, 8));
    }
}

static inline __m256i bytes_of(const uint8_t *bytes) {
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)bytes));
}

/* Sixteen items from `item` on. */
static inline __m256i without_vector(const struct sh_first_rule *rule, const struct sh_first_items *items,
                                     uint32_t item, __m256i sums) {
    const __m256i norms = _mm256_slli_epi16(bytes_of(items->norms + item), 7);
    const __m256i popularity = _mm256_slli_epi16(bytes_of(items->popularities + item), 8);
    const __m256i newest = _mm256_set1_epi16((int16_t)rule->recency_top);
    const __m256i recency = _mm256_slli_epi16(_mm256_min_epu16(bytes_of(items->recencies + item), newest), 8);
    __m256i scores = _mm256_mulhrs_epi16(sums, norms);
    scores =
        _mm256_adds_epi16(scores, _mm256_mulhi_epu16(popularity, _mm256_set1_epi16((int16_t)rule->popularity_factor)));
    return _mm256_adds_epi16(scores, _mm256_mulhi_epu16(recency, _mm256_set1_epi16((int16_t)rule->recency_factor)));
}

static inline __m256i with_vector(const struct sh_first_rule *rule, const uint8_t *lengths, __m256i sums,
                                  __m256i scores) {
    const __m256i length = bytes_of(lengths);
    const __m256i has_none = _mm256_cmpeq_epi16(length, _mm256_setzero_si256());
    const __m256i along = _mm256_sll_epi16(sums, _mm_cvtsi32_si128((int)rule->shift));
    const __m256i long_as = _mm256_mulhrs_epi16(along, _mm256_slli_epi16(length, 7));
    const __m256i vectors = _mm256_mulhrs_epi16(long_as, _mm256_set1_epi16(rule->vector_factor));
    const __m256i base = _mm256_andnot_si256(has_none, _mm256_set1_epi16(rule->vector_base));
    return _mm256_adds_epi16(_mm256_adds_epi16(scores, _mm256_andnot_si256(has_none, vectors)), base);
}

/* Sixteen items of a group, whose bits among the candidates are given; *highest takes their highest. */
static inline void finish(const struct sh_first_rule *rule, const struct sh_first_items *items, uint32_t item,
                          uint32_t candidates, __m256i code_sum, int16_t *sums, int16_t *scores, __m256i *highest) {
    const __m256i without = without_vector(rule, items, item, _mm256_loadu_si256((const __m256i *)(sums + item)));
    const __m256i score = rule->code_bytes == 0 ? without : with_vector(rule, items->lengths + item, code_sum, without);
    _mm256_storeu_si256((__m256i *)(sums + item), without);
    _mm256_storeu_si256((__m256i *)(scores + item), score);
    *highest =
        _mm256_max_epi16(*highest, _mm256_blendv_epi8(_mm256_set1_epi16(INT16_MIN), score, lanes_of(candidates)));
}

static int16_t highest_of(__m256i scores) {
    __m128i half = _mm_max_epi16(_mm256_castsi256_si128(scores), _mm256_extracti128_si256(scores, 1));
    half = _mm_minpos_epu16(_mm_sub_epi16(_mm_set1_epi16(INT16_MAX), half)); /* the lowest of what is turned round */
    return (int16_t)(INT16_MAX - (uint16_t)_mm_cvtsi128_si32(half));
}

static void first_scores(const struct sh_first_rule *rule, const struct sh_first_items *items, uint32_t group_count,
                         const uint64_t *candidates, int16_t *sums, int16_t *scores, int16_t *tops) {
    for (uint32_t group = 0; group < group_count; group++) {
        __m256i highest = _mm256_set1_epi16(INT16_MIN);
        const uint32_t item = group * SH_FIRST_GROUP;
        tops[group] = INT16_MIN;
        if (candidates[group] == 0) continue;
        for (uint32_t half = 0; half < 32; half += 16) {
            __m256i low = _mm256_setzero_si256(), high = low;
            if (rule->code_bytes > 0)
                code_sums(rule, items->codes + (uint64_t)item * rule->code_bytes, half, &low, &high);
            finish(rule, items, item + half, (uint32_t)(candidates[group] >> half), low, sums, scores, &highest);
            finish(rule, items, item + 32 + half, (uint32_t)(candidates[group] >> (32 + half)), high, sums, scores,
                   &highest);
        }
        tops[group] = highest_of(highest);
    }
}

const struct sh_vector_kernels sh_vector_kernels_avx2 = {
    .name = "avx2",
    .cpu_required = SH_CPU_AVX2,
    .dot_rows = dot_rows,
    .add_bits = add_bits,
    .first_scores = first_scores,
    .at_least = at_least,
};
