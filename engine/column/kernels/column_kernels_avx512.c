/* column_kernels_avx512.c -- 64 entries a step: one comparison gives 64 (u8) down to 8 (u64) bits.
 *
 * Compiled with -mavx512f -mavx512bw -mavx512vbmi. Tails are read with masked loads, which do not touch what they mask.
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

#define ALL_ENTRIES   (~UINT64_C(0))
#define ALWAYS_INLINE static inline __attribute__((always_inline))

static inline uint64_t low_bits(size_t count) {
    return count >= 64 ? ALL_ENTRIES : (UINT64_C(1) << count) - 1;
}

/* Full words are loaded without a mask: from memory, masked loads ran at a quarter of the speed of plain ones
 * (bench/micro/column_bench.c, Zen 5). A word's `wanted` is a constant there, and the masks fold away. */

static inline __m512i load_u8(const uint8_t *entries, uint64_t wanted) {
    return wanted == ALL_ENTRIES ? _mm512_loadu_si512(entries) : _mm512_maskz_loadu_epi8(wanted, entries);
}

static inline uint64_t word_u8(const uint8_t *entries, uint64_t wanted, __m512i lows, __m512i spans) {
    return _mm512_mask_cmple_epu8_mask(wanted, _mm512_sub_epi8(load_u8(entries, wanted), lows), spans);
}

static inline __m512i load_u16(const uint16_t *entries, uint64_t wanted, uint32_t part) {
    const uint16_t *from = entries + (size_t)32 * part;
    return wanted == ALL_ENTRIES ? _mm512_loadu_si512(from)
                                 : _mm512_maskz_loadu_epi16((__mmask32)(wanted >> (32 * part)), from);
}

static inline uint64_t word_u16(const uint16_t *entries, uint64_t wanted, __m512i lows, __m512i spans) {
    uint64_t bits = 0;
    for (uint32_t part = 0; part < 2; part++) {
        const __m512i x = _mm512_sub_epi16(load_u16(entries, wanted, part), lows);
        bits |= (uint64_t)_mm512_cmple_epu16_mask(x, spans) << (32 * part);
    }
    return bits & wanted;
}

static inline __m512i load_u32(const uint32_t *entries, uint64_t wanted, uint32_t part) {
    const uint32_t *from = entries + (size_t)16 * part;
    return wanted == ALL_ENTRIES ? _mm512_loadu_si512(from)
                                 : _mm512_maskz_loadu_epi32((__mmask16)(wanted >> (16 * part)), from);
}

static inline uint64_t word_u32(const uint32_t *entries, uint64_t wanted, __m512i lows, __m512i spans) {
    uint64_t bits = 0;
    for (uint32_t part = 0; part < 4; part++) {
        const __m512i x = _mm512_sub_epi32(load_u32(entries, wanted, part), lows);
        bits |= (uint64_t)_mm512_cmple_epu32_mask(x, spans) << (16 * part);
    }
    return bits & wanted;
}

static inline __m512i load_u64(const uint64_t *entries, uint64_t wanted, uint32_t part) {
    const uint64_t *from = entries + (size_t)8 * part;
    return wanted == ALL_ENTRIES ? _mm512_loadu_si512(from)
                                 : _mm512_maskz_loadu_epi64((__mmask8)(wanted >> (8 * part)), from);
}

static inline uint64_t word_u64(const uint64_t *entries, uint64_t wanted, __m512i lows, __m512i spans) {
    uint64_t bits = 0;
    for (uint32_t part = 0; part < 8; part++) {
        const __m512i x = _mm512_sub_epi64(load_u64(entries, wanted, part), lows);
        bits |= (uint64_t)_mm512_cmple_epu64_mask(x, spans) << (8 * part);
    }
    return bits & wanted;
}

/* The hardware's prefetcher alone leaves a third of the memory's speed unused; asking for lines this far ahead gets it
 * (bench/micro/column_bench.c). */
enum { AHEAD_BYTES = 8192, LINE_BYTES = 64, SLICES_WALKED = 12 };

static inline void prefetch_lines(const void *from, size_t byte_count) {
    for (size_t at = 0; at < byte_count; at += LINE_BYTES)
        __builtin_prefetch((const char *)from + at);
}

/* One function a width: whole words, then what is left. The operation is a constant in each of its three loops, which
 * leaves more of the processor for lines that are on their way (bench/system/query_bench.c, Q3). */
#define RANGE(name, type, word, spread)                                                                                \
    ALWAYS_INLINE void name##_op(const type *entries, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,  \
                                 uint64_t *words) {                                                                    \
        const __m512i lows = spread(low);                                                                              \
        const __m512i spans = spread(span);                                                                            \
        const size_t ahead = AHEAD_BYTES / sizeof(type);                                                               \
        const size_t asked_end = count > ahead ? count - ahead : 0;                                                    \
        size_t i = 0;                                                                                                  \
        for (; i + 64 <= count; i += 64) {                                                                             \
            if (i < asked_end && (op != SH_RANGE_AND || words[(i + ahead) / 64] != 0))                                 \
                prefetch_lines(entries + i + ahead, 64 * sizeof(type));                                                \
            if (op == SH_RANGE_AND && words[i / 64] == 0) continue;                                                    \
            put_word(&words[i / 64], word(entries + i, ALL_ENTRIES, lows, spans), op);                                 \
        }                                                                                                              \
        if (i < count && !(op == SH_RANGE_AND && words[i / 64] == 0))                                                  \
            put_word(&words[i / 64], word(entries + i, low_bits(count - i), lows, spans), op);                         \
    }                                                                                                                  \
    static void name(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,                 \
                     uint64_t *words) {                                                                                \
        if (op == SH_RANGE_STORE)                                                                                      \
            name##_op(data, count, low, span, SH_RANGE_STORE, words);                                                  \
        else if (op == SH_RANGE_AND)                                                                                   \
            name##_op(data, count, low, span, SH_RANGE_AND, words);                                                    \
        else                                                                                                           \
            name##_op(data, count, low, span, SH_RANGE_OR, words);                                                     \
    }
#define SPREAD_U8(x)  _mm512_set1_epi8((char)(x))
#define SPREAD_U16(x) _mm512_set1_epi16((short)(x))
#define SPREAD_U32(x) _mm512_set1_epi32((int)(x))
#define SPREAD_U64(x) _mm512_set1_epi64((long long)(x))
RANGE(range_u8, uint8_t, word_u8, SPREAD_U8)
RANGE(range_u16, uint16_t, word_u16, SPREAD_U16)
RANGE(range_u32, uint32_t, word_u32, SPREAD_U32)
RANGE(range_u64, uint64_t, word_u64, SPREAD_U64)

/* The table is 32 bytes: the upper five bits of an entry choose the byte, the lower three the bit in it. */
static void lookup_u8(const uint8_t *data, size_t count, const uint64_t *table, uint64_t *words) {
    const __m512i bytes = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(const void *)table));
    const __m512i bit_of = _mm512_set1_epi64((long long)0x8040201008040201u);
    const __m512i fives = _mm512_set1_epi8(0x1F);
    for (size_t i = 0; i < count; i += 64) {
        const __mmask64 wanted = low_bits(count - i);
        const __m512i x = load_u8(data + i, wanted);
        const __m512i byte = _mm512_permutexvar_epi8(_mm512_and_si512(_mm512_srli_epi16(x, 3), fives), bytes);
        const __m512i bit = _mm512_permutexvar_epi8(_mm512_and_si512(x, _mm512_set1_epi8(7)), bit_of);
        words[i / 64] = _mm512_mask_test_epi8_mask(wanted, byte, bit);
    }
}

static void lookup_u16(const uint16_t *data, size_t count, const uint64_t *table, uint64_t *words) {
    const __m512i low_five = _mm512_set1_epi32(31);
    const __m512i one = _mm512_set1_epi32(1);
    for (size_t i = 0; i < count; i += 64) {
        const uint64_t wanted = low_bits(count - i);
        uint64_t bits = 0;
        for (uint32_t part = 0; part < 4; part++) {
            const __mmask32 mask = (__mmask32)(wanted >> (16 * part) & 0xFFFF);
            const __m512i both = _mm512_maskz_loadu_epi16(mask, data + i + (size_t)16 * part);
            const __m512i x = _mm512_cvtepu16_epi32(_mm512_castsi512_si256(both));
            const __m512i word = _mm512_i32gather_epi32(_mm512_srli_epi32(x, 5), table, 4);
            const __m512i bit = _mm512_sllv_epi32(one, _mm512_and_si512(x, low_five));
            bits |= (uint64_t)_mm512_mask_test_epi32_mask((__mmask16)mask, word, bit) << (16 * part);
        }
        words[i / 64] = bits;
    }
}

/* 64 entries into one word of every slice; bits that fall outside slice_count are never looked at. */
static inline void slice_word_u16(const uint16_t *entries, uint64_t wanted, uint64_t offset, uint32_t slice_count,
                                  uint64_t *word) {
    const __m512i offsets = _mm512_set1_epi16((short)offset);
    __m512i x[2];
    for (uint32_t part = 0; part < 2; part++) {
        const __mmask32 mask = (__mmask32)(wanted >> (32 * part));
        x[part] = _mm512_maskz_sub_epi16(mask, load_u16(entries, wanted, part), offsets);
    }
    for (uint32_t k = 0; k < slice_count; k++) {
        const __m512i bit = _mm512_set1_epi16((short)(1u << (slice_count - 1 - k)));
        word[k * SH_SLICE_CHUNK_WORDS] =
            (uint64_t)_mm512_test_epi16_mask(x[0], bit) | (uint64_t)_mm512_test_epi16_mask(x[1], bit) << 32;
    }
}

static inline void slice_word_u32(const uint32_t *entries, uint64_t wanted, uint64_t offset, uint32_t slice_count,
                                  uint64_t *word) {
    const __m512i offsets = _mm512_set1_epi32((int)offset);
    __m512i x[4];
    for (uint32_t part = 0; part < 4; part++) {
        const __mmask16 mask = (__mmask16)(wanted >> (16 * part));
        x[part] = _mm512_maskz_sub_epi32(mask, load_u32(entries, wanted, part), offsets);
    }
    for (uint32_t k = 0; k < slice_count; k++) {
        const __m512i bit = _mm512_set1_epi32((int)(1u << (slice_count - 1 - k)));
        uint64_t bits = 0;
        for (uint32_t part = 0; part < 4; part++)
            bits |= (uint64_t)_mm512_test_epi32_mask(x[part], bit) << (16 * part);
        word[k * SH_SLICE_CHUNK_WORDS] = bits;
    }
}

static inline void slice_word_u64(const uint64_t *entries, uint64_t wanted, uint64_t offset, uint32_t slice_count,
                                  uint64_t *word) {
    const __m512i offsets = _mm512_set1_epi64((long long)offset);
    __m512i x[8];
    for (uint32_t part = 0; part < 8; part++) {
        const __mmask8 mask = (__mmask8)(wanted >> (8 * part));
        x[part] = _mm512_maskz_sub_epi64(mask, load_u64(entries, wanted, part), offsets);
    }
    for (uint32_t k = 0; k < slice_count; k++) {
        const __m512i bit = _mm512_set1_epi64((long long)(UINT64_C(1) << (slice_count - 1 - k)));
        uint64_t bits = 0;
        for (uint32_t part = 0; part < 8; part++)
            bits |= (uint64_t)_mm512_test_epi64_mask(x[part], bit) << (8 * part);
        word[k * SH_SLICE_CHUNK_WORDS] = bits;
    }
}

static void slice(const void *data, uint32_t width, size_t count, uint64_t offset, uint32_t slice_count,
                  uint64_t *slices) {
    const size_t word_count = (count + SH_SLICE_CHUNK_ENTRIES - 1) / SH_SLICE_CHUNK_ENTRIES * SH_SLICE_CHUNK_WORDS;
    for (size_t w = 0; w < word_count; w++) {
        uint64_t *word =
            slices + w / SH_SLICE_CHUNK_WORDS * SH_SLICE_CHUNK_WORDS * slice_count + w % SH_SLICE_CHUNK_WORDS;
        const size_t first = w * 64 < count ? w * 64 : count; /* a whole word behind the end reads nothing */
        const uint64_t wanted = low_bits(count - first);
        switch (width) {
        case 2:
            slice_word_u16((const uint16_t *)data + first, wanted, offset, slice_count, word);
            break;
        case 4:
            slice_word_u32((const uint32_t *)data + first, wanted, offset, slice_count, word);
            break;
        default:
            slice_word_u64((const uint64_t *)data + first, wanted, offset, slice_count, word);
            break;
        }
    }
}

/* The truth tables of vpternlogq, in the order (like, bits, wanted bit): */
enum {
    LIKE_AND_EQUAL = 0x90, /* like & ~(bits ^ wanted) */
    LIKE_AND_ABOVE = 0x40, /* like & bits & ~wanted */
    LIKE_AND_BELOW = 0x20, /* like & ~bits & wanted */
};

/* A walk mostly leaves a chunk after eleven or twelve slices, and the hardware cannot guess where it goes on: the lines
 * that will be read are asked for some chunks before, the others not. */
static inline size_t slices_expected(uint32_t slice_count) {
    return slice_count < SLICES_WALKED ? slice_count : SLICES_WALKED;
}
static inline size_t slices_ahead(uint32_t slice_count) {
    const size_t chunk_words = (size_t)slice_count * SH_SLICE_CHUNK_WORDS;
    return (AHEAD_BYTES / sizeof(uint64_t) + chunk_words - 1) / chunk_words * chunk_words;
}

static void slice_range(const uint64_t *slices, uint32_t slice_count, size_t chunk_count, uint64_t low, uint64_t high,
                        uint64_t *words) {
    __m512i low_bit[64];
    __m512i high_bit[64];
    for (uint32_t k = 0; k < slice_count; k++) {
        low_bit[k] = _mm512_set1_epi64(-(long long)(low >> (slice_count - 1 - k) & 1));
        high_bit[k] = _mm512_set1_epi64(-(long long)(high >> (slice_count - 1 - k) & 1));
    }
    /* A side that all entries pass is decided at once. */
    const uint64_t all = (UINT64_C(1) << slice_count) - 1;
    const __m512i above_low_start = _mm512_set1_epi64(-(long long)(low == 0));
    const __m512i below_high_start = _mm512_set1_epi64(-(long long)(high == all));
    const uint64_t *end = slices + chunk_count * slice_count * SH_SLICE_CHUNK_WORDS;
    for (size_t chunk = 0; chunk < chunk_count; chunk++) {
        const uint64_t *top = slices + chunk * slice_count * SH_SLICE_CHUNK_WORDS;
        const uint64_t *ahead = top + slices_ahead(slice_count);
        if (ahead < end) prefetch_lines(ahead, slices_expected(slice_count) * LINE_BYTES);
        __m512i above_low = above_low_start;
        __m512i below_high = below_high_start;
        __m512i like_low = _mm512_andnot_si512(above_low_start, _mm512_set1_epi64(-1));
        __m512i like_high = _mm512_andnot_si512(below_high_start, _mm512_set1_epi64(-1));
        for (uint32_t k = 0; k < slice_count; k++) {
            const __m512i bits = _mm512_loadu_si512(top + (size_t)k * SH_SLICE_CHUNK_WORDS);
            above_low =
                _mm512_or_si512(above_low, _mm512_ternarylogic_epi64(like_low, bits, low_bit[k], LIKE_AND_ABOVE));
            below_high =
                _mm512_or_si512(below_high, _mm512_ternarylogic_epi64(like_high, bits, high_bit[k], LIKE_AND_BELOW));
            like_low = _mm512_ternarylogic_epi64(like_low, bits, low_bit[k], LIKE_AND_EQUAL);
            like_high = _mm512_ternarylogic_epi64(like_high, bits, high_bit[k], LIKE_AND_EQUAL);
            const __m512i undecided = _mm512_or_si512(like_low, like_high);
            if (_mm512_test_epi64_mask(undecided, undecided) == 0) break;
        }
        const __m512i answer =
            _mm512_and_si512(_mm512_or_si512(above_low, like_low), _mm512_or_si512(below_high, like_high));
        _mm512_storeu_si512(words + chunk * SH_SLICE_CHUNK_WORDS, answer);
    }
}

const struct sh_column_kernels sh_column_kernels_avx512 = {
    .name = "avx512",
    .cpu_required = SH_CPU_AVX512F | SH_CPU_AVX512BW | SH_CPU_AVX512VBMI,
    .range = {range_u8, range_u16, range_u32, range_u64},
    .lookup_u8 = lookup_u8,
    .lookup_u16 = lookup_u16,
    .slice = slice,
    .slice_range = slice_range,
};
