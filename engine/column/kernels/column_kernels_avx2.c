/* column_kernels_avx2.c -- 32 bytes a step.
 *
 * Compiled with -mavx2, which has no unsigned comparison: x <= span is min(x, span) == x, and for u64 a signed
 * comparison with the top bits turned over. Tails of fewer than 64 entries are done one by one.
 */
#include "column_kernels.h"

#include <immintrin.h>

#include "cpu.h"

static inline void put_word(uint64_t *word, uint64_t bits, enum sh_range_op op) {
    if (op == SH_RANGE_STORE)
        *word = bits;
    else if (op == SH_RANGE_AND)
        *word &= bits;
    else
        *word |= bits;
}

/* The hardware's prefetcher alone leaves a third of the memory's speed unused; asking for lines this far ahead gets it
 * (bench/micro/column_bench.c). */
enum { AHEAD_BYTES = 8192, LINE_BYTES = 64, SLICES_WALKED = 12 };

static inline void prefetch_lines(const void *from, size_t byte_count) {
    for (size_t at = 0; at < byte_count; at += LINE_BYTES)
        __builtin_prefetch((const char *)from + at);
}

static inline __m256i load(const void *bytes) {
    return _mm256_loadu_si256((const __m256i *)bytes);
}

static inline uint64_t word_u8(const uint8_t *entries, __m256i lows, __m256i spans) {
    uint64_t bits = 0;
    for (uint32_t part = 0; part < 2; part++) {
        const __m256i x = _mm256_sub_epi8(load(entries + (size_t)32 * part), lows);
        const __m256i in = _mm256_cmpeq_epi8(_mm256_min_epu8(x, spans), x);
        bits |= (uint64_t)(uint32_t)_mm256_movemask_epi8(in) << (32 * part);
    }
    return bits;
}

static void range_u8(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                     uint64_t *words) {
    const uint8_t *entries = data;
    const __m256i lows = _mm256_set1_epi8((char)low);
    const __m256i spans = _mm256_set1_epi8((char)span);
    const size_t ahead = AHEAD_BYTES / sizeof *entries;
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        if (i + ahead < count && !(op == SH_RANGE_AND && words[(i + ahead) / 64] == 0))
            prefetch_lines(entries + i + ahead, 64 * sizeof *entries);
        if (op == SH_RANGE_AND && words[i / 64] == 0) continue;
        put_word(&words[i / 64], word_u8(entries + i, lows, spans), op);
    }
    if (i == count) return;
    uint64_t bits = 0;
    for (size_t k = i; k < count; k++)
        bits |= (uint64_t)((uint8_t)(entries[k] - (uint8_t)low) <= (uint8_t)span) << (k - i);
    put_word(&words[i / 64], bits, op);
}

/* 32 answers of 16 bits into 32 bits in order: packs works in halves of 16 bytes, so the quarters are put right. */
static inline uint64_t bits_of_u16(__m256i first, __m256i second) {
    const __m256i packed = _mm256_permute4x64_epi64(_mm256_packs_epi16(first, second), 0xD8);
    return (uint32_t)_mm256_movemask_epi8(packed);
}

static inline uint64_t word_u16(const uint16_t *entries, __m256i lows, __m256i spans) {
    uint64_t bits = 0;
    for (uint32_t part = 0; part < 2; part++) {
        const __m256i x = _mm256_sub_epi16(load(entries + (size_t)32 * part), lows);
        const __m256i y = _mm256_sub_epi16(load(entries + (size_t)32 * part + 16), lows);
        bits |= bits_of_u16(_mm256_cmpeq_epi16(_mm256_min_epu16(x, spans), x),
                            _mm256_cmpeq_epi16(_mm256_min_epu16(y, spans), y))
                << (32 * part);
    }
    return bits;
}

static void range_u16(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                      uint64_t *words) {
    const uint16_t *entries = data;
    const __m256i lows = _mm256_set1_epi16((short)low);
    const __m256i spans = _mm256_set1_epi16((short)span);
    const size_t ahead = AHEAD_BYTES / sizeof *entries;
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        if (i + ahead < count && !(op == SH_RANGE_AND && words[(i + ahead) / 64] == 0))
            prefetch_lines(entries + i + ahead, 64 * sizeof *entries);
        if (op == SH_RANGE_AND && words[i / 64] == 0) continue;
        put_word(&words[i / 64], word_u16(entries + i, lows, spans), op);
    }
    if (i == count) return;
    uint64_t bits = 0;
    for (size_t k = i; k < count; k++)
        bits |= (uint64_t)((uint16_t)(entries[k] - (uint16_t)low) <= (uint16_t)span) << (k - i);
    put_word(&words[i / 64], bits, op);
}

static inline uint64_t word_u32(const uint32_t *entries, __m256i lows, __m256i spans) {
    uint64_t bits = 0;
    for (uint32_t part = 0; part < 8; part++) {
        const __m256i x = _mm256_sub_epi32(load(entries + (size_t)8 * part), lows);
        const __m256i in = _mm256_cmpeq_epi32(_mm256_min_epu32(x, spans), x);
        bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(in)) << (8 * part);
    }
    return bits;
}

static void range_u32(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                      uint64_t *words) {
    const uint32_t *entries = data;
    const __m256i lows = _mm256_set1_epi32((int)low);
    const __m256i spans = _mm256_set1_epi32((int)span);
    const size_t ahead = AHEAD_BYTES / sizeof *entries;
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        if (i + ahead < count && !(op == SH_RANGE_AND && words[(i + ahead) / 64] == 0))
            prefetch_lines(entries + i + ahead, 64 * sizeof *entries);
        if (op == SH_RANGE_AND && words[i / 64] == 0) continue;
        put_word(&words[i / 64], word_u32(entries + i, lows, spans), op);
    }
    if (i == count) return;
    uint64_t bits = 0;
    for (size_t k = i; k < count; k++)
        bits |= (uint64_t)(entries[k] - (uint32_t)low <= (uint32_t)span) << (k - i);
    put_word(&words[i / 64], bits, op);
}

/* lows and spans have their top bits turned over, so x - low has too. */
static inline uint64_t word_u64(const uint64_t *entries, __m256i lows, __m256i spans) {
    uint64_t outside = 0;
    for (uint32_t part = 0; part < 16; part++) {
        const __m256i x = _mm256_sub_epi64(load(entries + (size_t)4 * part), lows);
        const __m256i above = _mm256_cmpgt_epi64(x, spans);
        outside |= (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(above)) << (4 * part);
    }
    return ~outside;
}

static void range_u64(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                      uint64_t *words) {
    const uint64_t *entries = data;
    const uint64_t top = UINT64_C(1) << 63;
    const __m256i lows = _mm256_set1_epi64x((long long)(low ^ top));
    const __m256i spans = _mm256_set1_epi64x((long long)(span ^ top));
    const size_t ahead = AHEAD_BYTES / sizeof *entries;
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        if (i + ahead < count && !(op == SH_RANGE_AND && words[(i + ahead) / 64] == 0))
            prefetch_lines(entries + i + ahead, 64 * sizeof *entries);
        if (op == SH_RANGE_AND && words[i / 64] == 0) continue;
        put_word(&words[i / 64], word_u64(entries + i, lows, spans), op);
    }
    if (i == count) return;
    uint64_t bits = 0;
    for (size_t k = i; k < count; k++)
        bits |= (uint64_t)(entries[k] - low <= span) << (k - i);
    put_word(&words[i / 64], bits, op);
}

/* The table turned so that the low nibble chooses a byte with one bit for each high nibble: 0..7 in one half, 8..15 in
 * the other. */
static void lookup_u8(const uint8_t *data, size_t count, const uint64_t *table, uint64_t *words) {
    uint8_t lower[32] = {0};
    uint8_t upper[32] = {0};
    for (uint32_t x = 0; x < 256; x++) {
        const uint8_t bit = (uint8_t)((table[x / 64] >> (x % 64) & 1) << ((x >> 4) & 7));
        uint8_t *half = x < 128 ? lower : upper;
        half[x & 15] |= bit;
        half[16 + (x & 15)] |= bit;
    }
    const __m256i lower_bytes = load(lower);
    const __m256i upper_bytes = load(upper);
    const __m256i bit_of = _mm256_set1_epi64x((long long)0x8040201008040201u);
    const __m256i nibble = _mm256_set1_epi8(15);
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        words[i / 64] = 0;
        for (uint32_t part = 0; part < 2; part++) {
            const __m256i x = load(data + i + (size_t)32 * part);
            const __m256i low = _mm256_and_si256(x, nibble);
            const __m256i bytes =
                _mm256_blendv_epi8(_mm256_shuffle_epi8(lower_bytes, low), _mm256_shuffle_epi8(upper_bytes, low), x);
            const __m256i high = _mm256_and_si256(_mm256_srli_epi16(x, 4), _mm256_set1_epi8(7));
            const __m256i bit = _mm256_shuffle_epi8(bit_of, high);
            const __m256i in = _mm256_cmpeq_epi8(_mm256_and_si256(bytes, bit), bit);
            words[i / 64] |= (uint64_t)(uint32_t)_mm256_movemask_epi8(in) << (32 * part);
        }
    }
    if (i == count) return;
    words[i / 64] = 0;
    for (size_t k = i; k < count; k++)
        words[i / 64] |= (table[data[k] / 64] >> (data[k] % 64) & 1) << (k - i);
}

static void lookup_u16(const uint16_t *data, size_t count, const uint64_t *table, uint64_t *words) {
    const __m256i thirty_one = _mm256_set1_epi32(31);
    size_t i = 0;
    for (; i + 64 <= count; i += 64) {
        uint64_t bits = 0;
        for (uint32_t part = 0; part < 8; part++) {
            const __m256i x =
                _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(data + i + (size_t)8 * part)));
            const __m256i word = _mm256_i32gather_epi32((const int *)(const void *)table, _mm256_srli_epi32(x, 5), 4);
            /* The wanted bit to the top, where movemask looks: shift left by 31 - (x mod 32). */
            const __m256i left = _mm256_andnot_si256(x, thirty_one);
            bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_sllv_epi32(word, left)))
                    << (8 * part);
        }
        words[i / 64] = bits;
    }
    if (i == count) return;
    words[i / 64] = 0;
    for (size_t k = i; k < count; k++)
        words[i / 64] |= (table[data[k] / 64] >> (data[k] % 64) & 1) << (k - i);
}

static inline void slice_word_u16(const uint16_t *entries, uint64_t offset, uint32_t slice_count, uint64_t *word) {
    const __m256i offsets = _mm256_set1_epi16((short)offset);
    __m256i x[4];
    for (uint32_t part = 0; part < 4; part++)
        x[part] = _mm256_sub_epi16(load(entries + (size_t)16 * part), offsets);
    for (uint32_t k = 0; k < slice_count; k++) {
        /* The wanted bit to the top, where packs keeps the sign. */
        const __m128i left = _mm_cvtsi32_si128((int)(16 - slice_count + k));
        word[k * SH_SLICE_CHUNK_WORDS] = bits_of_u16(_mm256_sll_epi16(x[0], left), _mm256_sll_epi16(x[1], left)) |
                                         bits_of_u16(_mm256_sll_epi16(x[2], left), _mm256_sll_epi16(x[3], left)) << 32;
    }
}

static inline void slice_word_u32(const uint32_t *entries, uint64_t offset, uint32_t slice_count, uint64_t *word) {
    const __m256i offsets = _mm256_set1_epi32((int)offset);
    __m256i x[8];
    for (uint32_t part = 0; part < 8; part++)
        x[part] = _mm256_sub_epi32(load(entries + (size_t)8 * part), offsets);
    for (uint32_t k = 0; k < slice_count; k++) {
        const __m128i left = _mm_cvtsi32_si128((int)(32 - slice_count + k));
        uint64_t bits = 0;
        for (uint32_t part = 0; part < 8; part++) {
            const __m256 top = _mm256_castsi256_ps(_mm256_sll_epi32(x[part], left));
            bits |= (uint64_t)(uint32_t)_mm256_movemask_ps(top) << (8 * part);
        }
        word[k * SH_SLICE_CHUNK_WORDS] = bits;
    }
}

static inline void slice_word_u64(const uint64_t *entries, uint64_t offset, uint32_t slice_count, uint64_t *word) {
    const __m256i offsets = _mm256_set1_epi64x((long long)offset);
    for (uint32_t k = 0; k < slice_count; k++) {
        const __m128i left = _mm_cvtsi32_si128((int)(64 - slice_count + k));
        uint64_t bits = 0;
        for (uint32_t part = 0; part < 16; part++) {
            const __m256i x = _mm256_sub_epi64(load(entries + (size_t)4 * part), offsets);
            const __m256d top = _mm256_castsi256_pd(_mm256_sll_epi64(x, left));
            bits |= (uint64_t)(uint32_t)_mm256_movemask_pd(top) << (4 * part);
        }
        word[k * SH_SLICE_CHUNK_WORDS] = bits;
    }
}

/* The last word and those behind the end: one entry at a time. */
static void slice_word_tail(const void *data, uint32_t width, size_t first, size_t count, uint64_t offset,
                            uint32_t slice_count, uint64_t *word) {
    for (uint32_t k = 0; k < slice_count; k++)
        word[k * SH_SLICE_CHUNK_WORDS] = 0;
    for (size_t i = first; i < count; i++) {
        uint64_t entry;
        switch (width) {
        case 2:
            entry = ((const uint16_t *)data)[i];
            break;
        case 4:
            entry = ((const uint32_t *)data)[i];
            break;
        default:
            entry = ((const uint64_t *)data)[i];
            break;
        }
        entry -= offset;
        for (uint32_t k = 0; k < slice_count; k++)
            word[k * SH_SLICE_CHUNK_WORDS] |= (entry >> (slice_count - 1 - k) & 1) << (i - first);
    }
}

static void slice(const void *data, uint32_t width, size_t count, uint64_t offset, uint32_t slice_count,
                  uint64_t *slices) {
    const size_t word_count = (count + SH_SLICE_CHUNK_ENTRIES - 1) / SH_SLICE_CHUNK_ENTRIES * SH_SLICE_CHUNK_WORDS;
    for (size_t w = 0; w < word_count; w++) {
        uint64_t *word =
            slices + w / SH_SLICE_CHUNK_WORDS * SH_SLICE_CHUNK_WORDS * slice_count + w % SH_SLICE_CHUNK_WORDS;
        const size_t first = w * 64;
        if (first + 64 > count)
            slice_word_tail(data, width, first, count, offset, slice_count, word);
        else if (width == 2)
            slice_word_u16((const uint16_t *)data + first, offset, slice_count, word);
        else if (width == 4)
            slice_word_u32((const uint32_t *)data + first, offset, slice_count, word);
        else
            slice_word_u64((const uint64_t *)data + first, offset, slice_count, word);
    }
}

/* A walk mostly leaves a chunk after eleven or twelve slices, and the hardware cannot guess where it goes on: the lines
 * that will be read are asked for some chunks before, the others not. */
static inline size_t slices_expected(uint32_t slice_count) {
    return slice_count < SLICES_WALKED ? slice_count : SLICES_WALKED;
}
static inline size_t slices_ahead(uint32_t slice_count) {
    const size_t chunk_words = (size_t)slice_count * SH_SLICE_CHUNK_WORDS;
    return (AHEAD_BYTES / sizeof(uint64_t) + chunk_words - 1) / chunk_words * chunk_words;
}

/* A line is two registers; each half of a chunk walks down on its own. */
static void slice_range(const uint64_t *slices, uint32_t slice_count, size_t chunk_count, uint64_t low, uint64_t high,
                        uint64_t *words) {
    const __m256i ones = _mm256_set1_epi64x(-1);
    /* A side that all entries pass is decided at once. */
    const uint64_t all = (UINT64_C(1) << slice_count) - 1;
    const __m256i above_low_start = _mm256_set1_epi64x(-(long long)(low == 0));
    const __m256i below_high_start = _mm256_set1_epi64x(-(long long)(high == all));
    const uint64_t *end = slices + chunk_count * slice_count * SH_SLICE_CHUNK_WORDS;
    for (size_t half = 0; half < 2 * chunk_count; half++) {
        const uint64_t *top = slices + half / 2 * slice_count * SH_SLICE_CHUNK_WORDS + half % 2 * 4;
        const uint64_t *ahead = top + slices_ahead(slice_count);
        if (half % 2 == 0 && ahead < end) prefetch_lines(ahead, slices_expected(slice_count) * LINE_BYTES);
        __m256i above_low = above_low_start;
        __m256i below_high = below_high_start;
        __m256i like_low = _mm256_andnot_si256(above_low_start, ones);
        __m256i like_high = _mm256_andnot_si256(below_high_start, ones);
        for (uint32_t k = 0; k < slice_count; k++) {
            const __m256i bits = load(top + (size_t)k * SH_SLICE_CHUNK_WORDS);
            /* The same two branches in every chunk: well predicted, and half the work of doing both. */
            if (low >> (slice_count - 1 - k) & 1) {
                like_low = _mm256_and_si256(like_low, bits);
            } else {
                above_low = _mm256_or_si256(above_low, _mm256_and_si256(like_low, bits));
                like_low = _mm256_andnot_si256(bits, like_low);
            }
            if (high >> (slice_count - 1 - k) & 1) {
                below_high = _mm256_or_si256(below_high, _mm256_andnot_si256(bits, like_high));
                like_high = _mm256_and_si256(like_high, bits);
            } else {
                like_high = _mm256_andnot_si256(bits, like_high);
            }
            const __m256i undecided = _mm256_or_si256(like_low, like_high);
            if (_mm256_testz_si256(undecided, undecided)) break;
        }
        const __m256i answer =
            _mm256_and_si256(_mm256_or_si256(above_low, like_low), _mm256_or_si256(below_high, like_high));
        _mm256_storeu_si256((__m256i *)(void *)(words + half * 4), answer);
    }
}

const struct sh_column_kernels sh_column_kernels_avx2 = {
    .name = "avx2",
    .cpu_required = SH_CPU_AVX2,
    .range = {range_u8, range_u16, range_u32, range_u64},
    .lookup_u8 = lookup_u8,
    .lookup_u16 = lookup_u16,
    .slice = slice,
    .slice_range = slice_range,
};
