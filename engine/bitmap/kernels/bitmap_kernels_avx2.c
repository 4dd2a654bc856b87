/* bitmap_kernels_avx2.c -- 256 bits at a time; for machines from 2013 on.
 *
 * Compiled with -mavx2 -mbmi -mbmi2 -mpopcnt. AVX2 has no popcount: a byte's ones are looked up for each half in a
 * table of 16, and the bytes are added up eight at a time. Loads of the rest of a set are done word by word.
 */
#include "bitmap_kernels_plain.h"

#include <immintrin.h>

static inline __m256i load(const uint64_t *words) {
    return _mm256_loadu_si256((const __m256i *)(const void *)words);
}

static inline void store(uint64_t *words, __m256i vector) {
    _mm256_storeu_si256((__m256i *)(void *)words, vector);
}

/* Four sums, each of the ones of 64 bits. */
static inline __m256i vector_popcount(__m256i vector) {
    const __m256i ones_of = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, /* both lanes */
                                             0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low_half = _mm256_set1_epi8(15);
    const __m256i low = _mm256_shuffle_epi8(ones_of, _mm256_and_si256(vector, low_half));
    const __m256i high = _mm256_shuffle_epi8(ones_of, _mm256_and_si256(_mm256_srli_epi16(vector, 4), low_half));
    return _mm256_sad_epu8(_mm256_add_epi8(low, high), _mm256_setzero_si256());
}

static inline uint64_t vector_sum(__m256i sums) {
    const __m128i pair = _mm_add_epi64(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    return (uint64_t)_mm_cvtsi128_si64(pair) + (uint64_t)_mm_extract_epi64(pair, 1);
}

/* One operation as three kernels; `expression` is over the vectors x and y. */
#define OPERATION(operation, expression)                                                                               \
    static void operation##_into(uint64_t *restrict target, const uint64_t *restrict source, size_t word_count) {      \
        size_t i = 0;                                                                                                  \
        for (; i + 4 <= word_count; i += 4) {                                                                          \
            const __m256i x = load(target + i), y = load(source + i);                                                  \
            store(target + i, (expression));                                                                           \
        }                                                                                                              \
        plain_##operation##_into(target + i, source + i, word_count - i);                                              \
    }                                                                                                                  \
    static uint64_t operation##_into_count(uint64_t *restrict target, const uint64_t *restrict source,                 \
                                           size_t word_count) {                                                        \
        __m256i sums = _mm256_setzero_si256();                                                                         \
        size_t i = 0;                                                                                                  \
        for (; i + 4 <= word_count; i += 4) {                                                                          \
            const __m256i x = load(target + i), y = load(source + i);                                                  \
            const __m256i result = (expression);                                                                       \
            store(target + i, result);                                                                                 \
            sums = _mm256_add_epi64(sums, vector_popcount(result));                                                    \
        }                                                                                                              \
        return vector_sum(sums) + plain_##operation##_into_count(target + i, source + i, word_count - i);              \
    }                                                                                                                  \
    static uint64_t operation##_count(const uint64_t *a, const uint64_t *b, size_t word_count) {                       \
        __m256i sums = _mm256_setzero_si256();                                                                         \
        size_t i = 0;                                                                                                  \
        for (; i + 4 <= word_count; i += 4) {                                                                          \
            const __m256i x = load(a + i), y = load(b + i);                                                            \
            sums = _mm256_add_epi64(sums, vector_popcount(expression));                                                \
        }                                                                                                              \
        return vector_sum(sums) + plain_##operation##_count(a + i, b + i, word_count - i);                             \
    }

OPERATION(and, _mm256_and_si256(x, y))
OPERATION(or, _mm256_or_si256(x, y))
OPERATION(xor, _mm256_xor_si256(x, y))
OPERATION(andnot, _mm256_andnot_si256(y, x))

static void not_into(uint64_t *target, size_t word_count) {
    size_t i = 0;
    for (; i + 4 <= word_count; i += 4)
        store(target + i, _mm256_xor_si256(load(target + i), _mm256_set1_epi8(-1)));
    plain_not_into(target + i, word_count - i);
}

static uint64_t popcount(const uint64_t *words, size_t word_count) {
    __m256i sums = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 4 <= word_count; i += 4)
        sums = _mm256_add_epi64(sums, vector_popcount(load(words + i)));
    return vector_sum(sums) + plain_popcount(words + i, word_count - i);
}

static bool intersects(const uint64_t *a, const uint64_t *b, size_t word_count) {
    size_t i = 0;
    for (; i + 4 <= word_count; i += 4)
        if (!_mm256_testz_si256(load(a + i), load(b + i))) return true;
    return plain_intersects(a + i, b + i, word_count - i);
}

static uint64_t and_many(uint64_t *target, const uint64_t *const *inputs, size_t input_count, size_t word_count) {
    __m256i sums = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= word_count; i += 8) { /* two vectors for each look at an input's pointer */
        __m256i first = load(inputs[0] + i), second = load(inputs[0] + i + 4);
        for (size_t k = 1; k < input_count; k++) {
            first = _mm256_and_si256(first, load(inputs[k] + i));
            second = _mm256_and_si256(second, load(inputs[k] + i + 4));
        }
        if (target != NULL) {
            store(target + i, first);
            store(target + i + 4, second);
        }
        sums = _mm256_add_epi64(sums, _mm256_add_epi64(vector_popcount(first), vector_popcount(second)));
    }
    const uint64_t *rest[SH_BITS_INPUT_COUNT_MAX];
    for (size_t k = 0; k < input_count; k++)
        rest[k] = inputs[k] + i;
    return vector_sum(sums) + plain_and_many(target == NULL ? NULL : target + i, rest, input_count, word_count - i);
}

static uint64_t run_count(const uint64_t *words, size_t word_count) {
    if (word_count == 0) return 0;
    uint64_t count = word_popcount(words[0] & ~(words[0] << 1));
    __m256i sums = _mm256_setzero_si256();
    size_t i = 1;
    for (; i + 4 <= word_count; i += 4) {
        const __m256i word = load(words + i);
        const __m256i below = load(words + i - 1);
        const __m256i neighbours = _mm256_or_si256(_mm256_slli_epi64(word, 1), _mm256_srli_epi64(below, 63));
        sums = _mm256_add_epi64(sums, vector_popcount(_mm256_andnot_si256(neighbours, word)));
    }
    for (; i < word_count; i++)
        count += word_popcount(words[i] & ~(words[i] << 1 | words[i - 1] >> 63));
    return count + vector_sum(sums);
}

/* The places of the ones of a byte, lowest first, a byte each: 0xb0 (bits 4, 5, 7) has 0x070504. pdep and pext make the
 * same without a table, but take hundreds of cycles on some of the machines that this file is for. */
/* clang-format off */
static const uint64_t byte_places[256] = {
    0x0, 0x0, 0x1, 0x100, 0x2, 0x200, 0x201, 0x20100, 0x3, 0x300, 0x301, 0x30100, 0x302, 0x30200, 0x30201, 0x3020100,
    0x4, 0x400, 0x401, 0x40100, 0x402, 0x40200, 0x40201, 0x4020100, 0x403, 0x40300, 0x40301, 0x4030100, 0x40302,
    0x4030200, 0x4030201, 0x403020100, 0x5, 0x500, 0x501, 0x50100, 0x502, 0x50200, 0x50201, 0x5020100, 0x503, 0x50300,
    0x50301, 0x5030100, 0x50302, 0x5030200, 0x5030201, 0x503020100, 0x504, 0x50400, 0x50401, 0x5040100, 0x50402,
    0x5040200, 0x5040201, 0x504020100, 0x50403, 0x5040300, 0x5040301, 0x504030100, 0x5040302, 0x504030200, 0x504030201,
    0x50403020100, 0x6, 0x600, 0x601, 0x60100, 0x602, 0x60200, 0x60201, 0x6020100, 0x603, 0x60300, 0x60301, 0x6030100,
    0x60302, 0x6030200, 0x6030201, 0x603020100, 0x604, 0x60400, 0x60401, 0x6040100, 0x60402, 0x6040200, 0x6040201,
    0x604020100, 0x60403, 0x6040300, 0x6040301, 0x604030100, 0x6040302, 0x604030200, 0x604030201, 0x60403020100, 0x605,
    0x60500, 0x60501, 0x6050100, 0x60502, 0x6050200, 0x6050201, 0x605020100, 0x60503, 0x6050300, 0x6050301,
    0x605030100, 0x6050302, 0x605030200, 0x605030201, 0x60503020100, 0x60504, 0x6050400, 0x6050401, 0x605040100,
    0x6050402, 0x605040200, 0x605040201, 0x60504020100, 0x6050403, 0x605040300, 0x605040301, 0x60504030100,
    0x605040302, 0x60504030200, 0x60504030201, 0x6050403020100, 0x7, 0x700, 0x701, 0x70100, 0x702, 0x70200, 0x70201,
    0x7020100, 0x703, 0x70300, 0x70301, 0x7030100, 0x70302, 0x7030200, 0x7030201, 0x703020100, 0x704, 0x70400, 0x70401,
    0x7040100, 0x70402, 0x7040200, 0x7040201, 0x704020100, 0x70403, 0x7040300, 0x7040301, 0x704030100, 0x7040302,
    0x704030200, 0x704030201, 0x70403020100, 0x705, 0x70500, 0x70501, 0x7050100, 0x70502, 0x7050200, 0x7050201,
    0x705020100, 0x70503, 0x7050300, 0x7050301, 0x705030100, 0x7050302, 0x705030200, 0x705030201, 0x70503020100,
    0x70504, 0x7050400, 0x7050401, 0x705040100, 0x7050402, 0x705040200, 0x705040201, 0x70504020100, 0x7050403,
    0x705040300, 0x705040301, 0x70504030100, 0x705040302, 0x70504030200, 0x70504030201, 0x7050403020100, 0x706,
    0x70600, 0x70601, 0x7060100, 0x70602, 0x7060200, 0x7060201, 0x706020100, 0x70603, 0x7060300, 0x7060301,
    0x706030100, 0x7060302, 0x706030200, 0x706030201, 0x70603020100, 0x70604, 0x7060400, 0x7060401, 0x706040100,
    0x7060402, 0x706040200, 0x706040201, 0x70604020100, 0x7060403, 0x706040300, 0x706040301, 0x70604030100,
    0x706040302, 0x70604030200, 0x70604030201, 0x7060403020100, 0x70605, 0x7060500, 0x7060501, 0x706050100, 0x7060502,
    0x706050200, 0x706050201, 0x70605020100, 0x7060503, 0x706050300, 0x706050301, 0x70605030100, 0x706050302,
    0x70605030200, 0x70605030201, 0x7060503020100, 0x7060504, 0x706050400, 0x706050401, 0x70605040100, 0x706050402,
    0x70605040200, 0x70605040201, 0x7060504020100, 0x706050403, 0x70605040300, 0x70605040301, 0x7060504030100,
    0x70605040302, 0x7060504030200, 0x7060504030201, 0x706050403020100,
};
/* clang-format on */

/* Which of up to 64 words are not zero: whether a word of a sparse set is zero cannot be foreseen, so this is not asked
 * word by word. */
enum { GROUP_WORDS = 64 };
static inline size_t used_words(const uint64_t *words, size_t first, size_t word_count, uint16_t *used) {
    const size_t end = word_count - first < GROUP_WORDS ? word_count : first + GROUP_WORDS;
    size_t n = 0;
    for (size_t i = first; i < end; i++) {
        used[n] = (uint16_t)(i - first);
        n += words[i] != 0;
    }
    return n;
}

/* A word's places are written in eights, of which those after the last one are overwritten by the next word:
 * so up to this many entries beyond the word's own must still be free. */
enum { WRITTEN_AHEAD = 8, SPARSE_WORD_ONES_MAX = 8 };

static inline size_t word_list_u32(uint64_t word, uint32_t base, uint32_t *out) {
    const size_t count = (size_t)word_popcount(word);
    if (count <= SPARSE_WORD_ONES_MAX) {
        for (size_t n = 0; n < SPARSE_WORD_ONES_MAX; n++) { /* all eight, so that there is nothing to foresee */
            out[n] = base + (uint32_t)_tzcnt_u64(word);
            word = _blsr_u64(word);
        }
        return count;
    }
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        const uint64_t byte = word >> shift & 255;
        const __m256i places = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)byte_places[byte]));
        _mm256_storeu_si256((__m256i *)(void *)out, _mm256_add_epi32(_mm256_set1_epi32((int)(base + shift)), places));
        out += word_popcount(byte);
    }
    return count;
}

static size_t list_u32(const uint64_t *words, size_t word_count, uint32_t base, uint32_t *restrict out) {
    const size_t total = (size_t)popcount(words, word_count);
    size_t n = 0;
    for (size_t first = 0; first < word_count; first += GROUP_WORDS) {
        uint16_t used[GROUP_WORDS];
        const size_t used_count = used_words(words, first, word_count, used);
        for (size_t k = 0; k < used_count; k++) {
            const size_t i = first + used[k];
            if (n + 64 + WRITTEN_AHEAD > total)
                return n + plain_list_u32(words + i, word_count - i, base + (uint32_t)(64 * i), out + n);
            n += word_list_u32(words[i], base + (uint32_t)(64 * i), out + n);
        }
    }
    return n;
}

static inline size_t word_list_u16(uint64_t word, uint32_t base, uint16_t *out) {
    const size_t count = (size_t)word_popcount(word);
    if (count <= SPARSE_WORD_ONES_MAX) {
        for (size_t n = 0; n < SPARSE_WORD_ONES_MAX; n++) { /* all eight, so that there is nothing to foresee */
            out[n] = (uint16_t)(base + _tzcnt_u64(word));
            word = _blsr_u64(word);
        }
        return count;
    }
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        const uint64_t byte = word >> shift & 255;
        const __m128i places = _mm_cvtepu8_epi16(_mm_cvtsi64_si128((long long)byte_places[byte]));
        _mm_storeu_si128((__m128i *)(void *)out, _mm_add_epi16(_mm_set1_epi16((short)(base + shift)), places));
        out += word_popcount(byte);
    }
    return count;
}

static size_t list_u16(const uint64_t *words, size_t word_count, uint16_t *restrict out) {
    const size_t total = (size_t)popcount(words, word_count);
    size_t n = 0;
    for (size_t first = 0; first < word_count; first += GROUP_WORDS) {
        uint16_t used[GROUP_WORDS];
        const size_t used_count = used_words(words, first, word_count, used);
        for (size_t k = 0; k < used_count; k++) {
            const size_t i = first + used[k];
            if (n + 64 + WRITTEN_AHEAD > total) {
                for (size_t j = i; j < word_count; j++)
                    for (uint64_t rest = words[j]; rest != 0; rest &= rest - 1)
                        out[n++] = (uint16_t)(64 * j + (size_t)__builtin_ctzll(rest));
                return n;
            }
            n += word_list_u16(words[i], (uint32_t)(64 * i), out + n);
        }
    }
    return n;
}

/* Which of eight entries of a are among eight entries of b: every rotation of b against a. Two bits for each entry. */
static inline uint32_t pairs_equal(__m128i a, __m128i b) {
    const __m128i b2 = _mm_alignr_epi8(b, b, 4), b4 = _mm_alignr_epi8(b, b, 8), b6 = _mm_alignr_epi8(b, b, 12);
    const __m128i odd = _mm_alignr_epi8(b, b, 2);
    const __m128i b3 = _mm_alignr_epi8(b, b, 6), b5 = _mm_alignr_epi8(b, b, 10), b7 = _mm_alignr_epi8(b, b, 14);
    const __m128i e01 = _mm_or_si128(_mm_cmpeq_epi16(a, b), _mm_cmpeq_epi16(a, odd));
    const __m128i e23 = _mm_or_si128(_mm_cmpeq_epi16(a, b2), _mm_cmpeq_epi16(a, b3));
    const __m128i e45 = _mm_or_si128(_mm_cmpeq_epi16(a, b4), _mm_cmpeq_epi16(a, b5));
    const __m128i e67 = _mm_or_si128(_mm_cmpeq_epi16(a, b6), _mm_cmpeq_epi16(a, b7));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(e01, e23), _mm_or_si128(e45, e67)));
}

/* Eight against eight; the side with the smaller last entry goes on, both if they are equal. An entry of a that is in b
 * is seen exactly once, because it is in exactly one eight of b. */
static size_t lists_and_count(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count) {
    if (plain_gallops(a_count, b_count)) return plain_lists_and_count(a, a_count, b, b_count);
    size_t n = 0, i = 0, j = 0;
    while (i + 8 <= a_count && j + 8 <= b_count) {
        const uint32_t equal = pairs_equal(_mm_loadu_si128((const __m128i *)(const void *)(a + i)),
                                           _mm_loadu_si128((const __m128i *)(const void *)(b + j)));
        n += word_popcount(equal) / 2;
        const uint16_t a_last = a[i + 7], b_last = b[j + 7];
        i += a_last <= b_last ? 8 : 0;
        j += b_last <= a_last ? 8 : 0;
    }
    return n + plain_lists_and_count(a + i, a_count - i, b + j, b_count - j);
}

/* As above, with the matches of an eight of a written once it has met all of b that it can meet. out may be a: when the
 * m-th match is written, n <= i + m, and what is read afterwards lies above i + m. */
static size_t lists_and(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count, uint16_t *out) {
    if (plain_gallops(a_count, b_count)) return plain_lists_and(a, a_count, b, b_count, out);
    size_t n = 0, i = 0, j = 0;
    while (i + 8 <= a_count && j + 8 <= b_count) {
        const __m128i eight = _mm_loadu_si128((const __m128i *)(const void *)(a + i));
        const uint16_t a_last = a[i + 7];
        uint32_t equal = 0;
        uint16_t b_last = 0;
        for (; j + 8 <= b_count; j += 8) { /* all eights of b that this eight of a can meet */
            equal |= pairs_equal(eight, _mm_loadu_si128((const __m128i *)(const void *)(b + j)));
            b_last = b[j + 7];
            if (b_last >= a_last) break;
        }
        for (uint32_t left = equal & 0x5555; left != 0; left &= left - 1)
            out[n++] = a[i + (size_t)__builtin_ctz(left) / 2];
        if (j + 8 > b_count) { /* fewer than eight of b are left: this eight of a goes on there, above its last match */
            i += equal == 0 ? 0 : (32 - (size_t)__builtin_clz(equal)) / 2;
            break;
        }
        i += 8;
        if (b_last == a_last) j += 8;
    }
    return n + plain_lists_and(a + i, a_count - i, b + j, b_count - j, out + n);
}

const struct sh_bitmap_kernels sh_bitmap_kernels_avx2 = {
    .name = "avx2",
    .cpu_required = SH_CPU_POPCNT | SH_CPU_BMI1 | SH_CPU_BMI2 | SH_CPU_AVX2,
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
