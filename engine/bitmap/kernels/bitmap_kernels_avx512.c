/* bitmap_kernels_avx512.c -- 512 bits at a time, with popcount and compress in the instruction set (Ice Lake, Zen 4).
 *
 * Compiled with -mavx512f -mavx512bw -mavx512vl -mavx512vbmi2 -mavx512vpopcntdq -mbmi -mbmi2 -mpopcnt. The rest of a
 * set is a masked load or store, which does not touch what it masks. Compressed entries stay in a register and are
 * stored with a mask: the compressing store itself is a slow micro-program on Zen 4.
 */
#include "bitmap_kernels_plain.h"

#include <immintrin.h>

static inline __mmask8 rest_mask(size_t word_count) { /* 0 to 7 words */
    return (__mmask8)((1u << word_count) - 1);
}

static inline uint64_t vector_sum(__m512i sums) {
    return (uint64_t)_mm512_reduce_add_epi64(sums);
}

/* One operation as three kernels; `expression` is over the vectors x and y, and gives 0 for 0 and 0. */
#define OPERATION(operation, expression)                                                                               \
    static inline __m512i operation##_vectors(__m512i x, __m512i y) {                                                  \
        return (expression);                                                                                           \
    }                                                                                                                  \
    static void operation##_into(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count) {      \
        size_t i = 0;                                                                                                  \
        for (; i + 8 <= word_count; i += 8) {                                                                          \
            const __m512i x = _mm512_loadu_si512(target + i), y = _mm512_loadu_si512(source + i);                      \
            _mm512_storeu_si512(target + i, operation##_vectors(x, y));                                                \
        }                                                                                                              \
        const __mmask8 rest = rest_mask(word_count - i);                                                               \
        const __m512i x = _mm512_maskz_loadu_epi64(rest, target + i), y = _mm512_maskz_loadu_epi64(rest, source + i);  \
        _mm512_mask_storeu_epi64(target + i, rest, operation##_vectors(x, y));                                         \
    }                                                                                                                  \
    static uint64_t operation##_into_count(uint64_t *restrict target, const uint64_t *restrict source,                 \
                                           size_t word_count) {                                                        \
        __m512i sums = _mm512_setzero_si512();                                                                         \
        size_t i = 0;                                                                                                  \
        for (; i + 8 <= word_count; i += 8) {                                                                          \
            const __m512i x = _mm512_loadu_si512(target + i), y = _mm512_loadu_si512(source + i);                      \
            const __m512i result = operation##_vectors(x, y);                                                          \
            _mm512_storeu_si512(target + i, result);                                                                   \
            sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(result));                                                \
        }                                                                                                              \
        const __mmask8 rest = rest_mask(word_count - i);                                                               \
        const __m512i x = _mm512_maskz_loadu_epi64(rest, target + i), y = _mm512_maskz_loadu_epi64(rest, source + i);  \
        const __m512i result = operation##_vectors(x, y);                                                              \
        _mm512_mask_storeu_epi64(target + i, rest, result);                                                            \
        return vector_sum(_mm512_add_epi64(sums, _mm512_popcnt_epi64(result)));                                        \
    }                                                                                                                  \
    static uint64_t operation##_count(const uint64_t *a, const uint64_t *b, size_t word_count) {                       \
        __m512i sums = _mm512_setzero_si512(), more_sums = _mm512_setzero_si512();                                     \
        size_t i = 0;                                                                                                  \
        for (; i + 16 <= word_count; i += 16) {                                                                        \
            const __m512i x = _mm512_loadu_si512(a + i), y = _mm512_loadu_si512(b + i);                                \
            const __m512i z = _mm512_loadu_si512(a + i + 8), w = _mm512_loadu_si512(b + i + 8);                        \
            sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(operation##_vectors(x, y)));                             \
            more_sums = _mm512_add_epi64(more_sums, _mm512_popcnt_epi64(operation##_vectors(z, w)));                   \
        }                                                                                                              \
        for (; i < word_count; i += 8) {                                                                               \
            const __mmask8 rest = word_count - i >= 8 ? 255 : rest_mask(word_count - i);                               \
            const __m512i x = _mm512_maskz_loadu_epi64(rest, a + i), y = _mm512_maskz_loadu_epi64(rest, b + i);        \
            sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(operation##_vectors(x, y)));                             \
        }                                                                                                              \
        return vector_sum(_mm512_add_epi64(sums, more_sums));                                                          \
    }

OPERATION(and, _mm512_and_si512(x, y))
OPERATION(or, _mm512_or_si512(x, y))
OPERATION(xor, _mm512_xor_si512(x, y))
OPERATION(andnot, _mm512_andnot_si512(y, x))

static void not_into(uint64_t *target, size_t word_count) {
    const __m512i ones = _mm512_set1_epi64(-1);
    size_t i = 0;
    for (; i + 8 <= word_count; i += 8)
        _mm512_storeu_si512(target + i, _mm512_xor_si512(_mm512_loadu_si512(target + i), ones));
    const __mmask8 rest = rest_mask(word_count - i);
    _mm512_mask_storeu_epi64(target + i, rest, _mm512_xor_si512(_mm512_maskz_loadu_epi64(rest, target + i), ones));
}

static uint64_t popcount(const uint64_t *words, size_t word_count) {
    __m512i sums = _mm512_setzero_si512(), more_sums = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 16 <= word_count; i += 16) {
        sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(_mm512_loadu_si512(words + i)));
        more_sums = _mm512_add_epi64(more_sums, _mm512_popcnt_epi64(_mm512_loadu_si512(words + i + 8)));
    }
    for (; i < word_count; i += 8) {
        const __mmask8 rest = word_count - i >= 8 ? 255 : rest_mask(word_count - i);
        sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(_mm512_maskz_loadu_epi64(rest, words + i)));
    }
    return vector_sum(_mm512_add_epi64(sums, more_sums));
}

static bool intersects(const uint64_t *a, const uint64_t *b, size_t word_count) {
    size_t i = 0;
    for (; i + 8 <= word_count; i += 8)
        if (_mm512_test_epi64_mask(_mm512_loadu_si512(a + i), _mm512_loadu_si512(b + i)) != 0) return true;
    const __mmask8 rest = rest_mask(word_count - i);
    return _mm512_test_epi64_mask(_mm512_maskz_loadu_epi64(rest, a + i), _mm512_maskz_loadu_epi64(rest, b + i)) != 0;
}

static uint64_t and_many(uint64_t *target, const uint64_t *const *inputs, size_t input_count, size_t word_count) {
    __m512i sums = _mm512_setzero_si512(), more_sums = _mm512_setzero_si512();
    size_t i = 0;
    for (; i + 16 <= word_count; i += 16) { /* two vectors for each look at an input's pointer */
        __m512i first = _mm512_loadu_si512(inputs[0] + i), second = _mm512_loadu_si512(inputs[0] + i + 8);
        for (size_t k = 1; k < input_count; k++) {
            first = _mm512_and_si512(first, _mm512_loadu_si512(inputs[k] + i));
            second = _mm512_and_si512(second, _mm512_loadu_si512(inputs[k] + i + 8));
        }
        if (target != NULL) {
            _mm512_storeu_si512(target + i, first);
            _mm512_storeu_si512(target + i + 8, second);
        }
        sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(first));
        more_sums = _mm512_add_epi64(more_sums, _mm512_popcnt_epi64(second));
    }
    for (; i < word_count; i += 8) {
        const __mmask8 rest = word_count - i >= 8 ? 255 : rest_mask(word_count - i);
        __m512i result = _mm512_maskz_loadu_epi64(rest, inputs[0] + i);
        for (size_t k = 1; k < input_count; k++)
            result = _mm512_and_si512(result, _mm512_maskz_loadu_epi64(rest, inputs[k] + i));
        if (target != NULL) _mm512_mask_storeu_epi64(target + i, rest, result);
        sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(result));
    }
    return vector_sum(_mm512_add_epi64(sums, more_sums));
}

static uint64_t run_count(const uint64_t *words, size_t word_count) {
    if (word_count == 0) return 0;
    const uint64_t count = word_popcount(words[0] & ~(words[0] << 1));
    __m512i sums = _mm512_setzero_si512();
    for (size_t i = 1; i < word_count; i += 8) {
        const __mmask8 rest = word_count - i >= 8 ? 255 : rest_mask(word_count - i);
        const __m512i word = _mm512_maskz_loadu_epi64(rest, words + i);
        const __m512i below = _mm512_maskz_loadu_epi64(rest, words + i - 1);
        const __m512i neighbours = _mm512_or_si512(_mm512_slli_epi64(word, 1), _mm512_srli_epi64(below, 63));
        sums = _mm512_add_epi64(sums, _mm512_popcnt_epi64(_mm512_andnot_si512(neighbours, word)));
    }
    return count + vector_sum(sums);
}

/* The places of a word's ones, lowest first, a byte each. */
static inline __m512i word_places(uint64_t word) {
    const __m512i digits =
        _mm512_set_epi8(63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40,
                        39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
                        15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    return _mm512_maskz_compress_epi8((__mmask64)word, digits);
}

static inline void store_u32(uint32_t *out, size_t count, __m128i places, __m512i start) {
    const __mmask16 mask = (__mmask16)_bzhi_u32(0xffff, (uint32_t)count);
    _mm512_mask_storeu_epi32(out, mask, _mm512_add_epi32(start, _mm512_cvtepu8_epi32(places)));
}

/* Words that are not zero, and where they are: whether a word of a sparse set is zero cannot be foreseen, so this is
 * not asked word by word. */
enum { GROUP_WORDS = 64 };
struct group {
    uint64_t words[GROUP_WORDS];
    uint64_t places[GROUP_WORDS];
};

static inline size_t group_fill(struct group *group, const uint64_t *words, size_t first, size_t word_count) {
    const __m512i digits = _mm512_set_epi64(7, 6, 5, 4, 3, 2, 1, 0);
    const size_t end = word_count - first < GROUP_WORDS ? word_count : first + GROUP_WORDS;
    size_t n = 0;
    for (size_t i = first; i < end; i += 8) {
        const __mmask8 rest = end - i >= 8 ? 255 : rest_mask(end - i);
        const __m512i eight = _mm512_maskz_loadu_epi64(rest, words + i);
        const __mmask8 used = _mm512_test_epi64_mask(eight, eight);
        const __m512i places = _mm512_add_epi64(_mm512_set1_epi64((long long)i), digits);
        const size_t count = (size_t)word_popcount(used);
        const __mmask8 stored = (__mmask8)((1u << count) - 1);
        _mm512_mask_storeu_epi64(group->words + n, stored, _mm512_maskz_compress_epi64(used, eight));
        _mm512_mask_storeu_epi64(group->places + n, stored, _mm512_maskz_compress_epi64(used, places));
        n += count;
    }
    return n;
}

static inline uint32_t *word_list_u32(uint64_t word, uint32_t base, uint32_t *out) {
    const size_t count = (size_t)word_popcount(word);
    const __m512i places = word_places(word);
    const __m512i start = _mm512_set1_epi32((int)base);
    store_u32(out, count, _mm512_castsi512_si128(places), start);
    if (count > 16) {
        store_u32(out + 16, count - 16 < 16 ? count - 16 : 16, _mm512_extracti32x4_epi32(places, 1), start);
        if (count > 32) {
            store_u32(out + 32, count - 32 < 16 ? count - 32 : 16, _mm512_extracti32x4_epi32(places, 2), start);
            if (count > 48) store_u32(out + 48, count - 48, _mm512_extracti32x4_epi32(places, 3), start);
        }
    }
    return out + count;
}

static size_t list_u32(const uint64_t *words, size_t word_count, uint32_t base, uint32_t *restrict out) {
    struct group group;
    uint32_t *next = out;
    for (size_t first = 0; first < word_count; first += GROUP_WORDS) {
        const size_t used = group_fill(&group, words, first, word_count);
        for (size_t i = 0; i < used; i++)
            next = word_list_u32(group.words[i], base + (uint32_t)(64 * group.places[i]), next);
    }
    return (size_t)(next - out);
}

static inline uint16_t *word_list_u16(uint64_t word, uint16_t base, uint16_t *out) {
    const size_t count = (size_t)word_popcount(word);
    const __m512i places = word_places(word);
    const __m512i start = _mm512_set1_epi16((short)base);
    const __mmask32 mask = (__mmask32)_bzhi_u32(0xffffffffu, (uint32_t)count);
    const __m512i low = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(places));
    _mm512_mask_storeu_epi16(out, mask, _mm512_add_epi16(start, low));
    if (count > 32) {
        const __mmask32 rest = (__mmask32)_bzhi_u32(0xffffffffu, (uint32_t)count - 32);
        const __m512i high = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(places, 1));
        _mm512_mask_storeu_epi16(out + 32, rest, _mm512_add_epi16(start, high));
    }
    return out + count;
}

static size_t list_u16(const uint64_t *words, size_t word_count, uint16_t *restrict out) {
    struct group group;
    uint16_t *next = out;
    for (size_t first = 0; first < word_count; first += GROUP_WORDS) {
        const size_t used = group_fill(&group, words, first, word_count);
        for (size_t i = 0; i < used; i++)
            next = word_list_u16(group.words[i], (uint16_t)(64 * group.places[i]), next);
    }
    return (size_t)(next - out);
}

/* Which of eight entries of a are among eight entries of b: every rotation of b against a. */
static inline __mmask8 pairs_equal(__m128i a, __m128i b) {
    const __m128i b1 = _mm_alignr_epi8(b, b, 2), b2 = _mm_alignr_epi8(b, b, 4), b3 = _mm_alignr_epi8(b, b, 6);
    const __m128i b4 = _mm_alignr_epi8(b, b, 8), b5 = _mm_alignr_epi8(b, b, 10), b6 = _mm_alignr_epi8(b, b, 12);
    const __m128i b7 = _mm_alignr_epi8(b, b, 14);
    const __m128i e01 = _mm_or_si128(_mm_cmpeq_epi16(a, b), _mm_cmpeq_epi16(a, b1));
    const __m128i e23 = _mm_or_si128(_mm_cmpeq_epi16(a, b2), _mm_cmpeq_epi16(a, b3));
    const __m128i e45 = _mm_or_si128(_mm_cmpeq_epi16(a, b4), _mm_cmpeq_epi16(a, b5));
    const __m128i e67 = _mm_or_si128(_mm_cmpeq_epi16(a, b6), _mm_cmpeq_epi16(a, b7));
    return _mm_movepi16_mask(_mm_or_si128(_mm_or_si128(e01, e23), _mm_or_si128(e45, e67)));
}

/* Eight against eight; the side with the smaller last entry goes on, both if they are equal. An entry of a that is in b
 * is seen exactly once, because it is in exactly one eight of b. */
static size_t lists_and_count(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count) {
    if (plain_gallops(a_count, b_count)) return plain_lists_and_count(a, a_count, b, b_count);
    size_t n = 0, i = 0, j = 0;
    while (i + 8 <= a_count && j + 8 <= b_count) {
        const __mmask8 equal = pairs_equal(_mm_loadu_si128((const __m128i *)(const void *)(a + i)),
                                           _mm_loadu_si128((const __m128i *)(const void *)(b + j)));
        n += word_popcount(equal);
        const uint16_t a_last = a[i + 7], b_last = b[j + 7];
        i += a_last <= b_last ? 8 : 0;
        j += b_last <= a_last ? 8 : 0;
    }
    return n + plain_lists_and_count(a + i, a_count - i, b + j, b_count - j);
}

/* As above, with the matches of an eight of a written once it has met all of b that it can meet. out may be a: n <= i,
 * and nothing above the last match is touched. */
static size_t lists_and(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count, uint16_t *out) {
    if (plain_gallops(a_count, b_count)) return plain_lists_and(a, a_count, b, b_count, out);
    size_t n = 0, i = 0, j = 0;
    while (i + 8 <= a_count && j + 8 <= b_count) {
        const __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
        const uint16_t a_last = a[i + 7];
        uint16_t b_last = 0;
        __mmask8 equal = 0;
        for (; j + 8 <= b_count; j += 8) { /* all eights of b that this eight of a can meet */
            equal |= pairs_equal(eight, _mm_loadu_si128((const __m128i *)(const void *)(b + j)));
            b_last = b[j + 7];
            if (b_last >= a_last) break;
        }
        const uint32_t found = (uint32_t)word_popcount(equal);
        _mm_mask_storeu_epi16(out + n, (__mmask8)((1u << found) - 1), _mm_maskz_compress_epi16(equal, eight));
        n += found;
        if (j + 8 > b_count) { /* fewer than eight of b are left: this eight of a goes on there, above its last match */
            i += equal == 0 ? 0 : 32 - (size_t)__builtin_clz(equal);
            break;
        }
        i += 8;
        if (b_last == a_last) j += 8;
    }
    return n + plain_lists_and(a + i, a_count - i, b + j, b_count - j, out + n);
}

const struct sh_bitmap_kernels sh_bitmap_kernels_avx512 = {
    .name = "avx512",
    .cpu_required = SH_CPU_POPCNT | SH_CPU_BMI1 | SH_CPU_BMI2 | SH_CPU_AVX2 | SH_CPU_FMA | SH_CPU_AVX512F |
                    SH_CPU_AVX512BW | SH_CPU_AVX512VL | SH_CPU_AVX512VBMI2 | SH_CPU_AVX512VPOPCNTDQ,
    .and_into = and_into,
    .or_into = or_into,
    .xor_into = xor_into,
    .andnot_into = andnot_into,
    .not_into = not_into,
    .and_into_count = and_into_count,
    .or_into_count = or_into_count,
    .xor_into_count = xor_into_count,
    .andnot_into_count = andnot_into_count,
    .popcount = popcount,
    .and_count = and_count,
    .or_count = or_count,
    .xor_count = xor_count,
    .andnot_count = andnot_count,
    .intersects = intersects,
    .and_many = and_many,
    .run_count = run_count,
    .list_u32 = list_u32,
    .list_u16 = list_u16,
    .set_list = plain_set_list,
    .clear_list = plain_clear_list,
    .flip_list = plain_flip_list,
    .keep_list = plain_keep_list,
    .drop_list = plain_drop_list,
    .test_list = plain_test_list,
    .lists_and_count = lists_and_count,
    .lists_and = lists_and,
};
