/* column_kernels_scalar.c -- what is right: one entry at a time. */
#include <string.h>

#include "column_kernels.h"

static void put_word(uint64_t *word, uint64_t bits, enum sh_range_op op) {
    switch (op) {
    case SH_RANGE_STORE:
        *word = bits;
        break;
    case SH_RANGE_AND:
        *word &= bits;
        break;
    case SH_RANGE_OR:
        *word |= bits;
        break;
    }
}

static size_t span_of_word(size_t count, size_t word) {
    return count - word * 64 < 64 ? count - word * 64 : 64;
}

static void range_u8(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                     uint64_t *words) {
    const uint8_t *entries = data;
    for (size_t word = 0; word * 64 < count; word++) {
        if (op == SH_RANGE_AND && words[word] == 0) continue;
        uint64_t bits = 0;
        for (size_t i = 0; i < span_of_word(count, word); i++)
            bits |= (uint64_t)((uint8_t)(entries[word * 64 + i] - (uint8_t)low) <= (uint8_t)span) << i;
        put_word(&words[word], bits, op);
    }
}

static void range_u16(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                      uint64_t *words) {
    const uint16_t *entries = data;
    for (size_t word = 0; word * 64 < count; word++) {
        if (op == SH_RANGE_AND && words[word] == 0) continue;
        uint64_t bits = 0;
        for (size_t i = 0; i < span_of_word(count, word); i++)
            bits |= (uint64_t)((uint16_t)(entries[word * 64 + i] - (uint16_t)low) <= (uint16_t)span) << i;
        put_word(&words[word], bits, op);
    }
}

static void range_u32(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                      uint64_t *words) {
    const uint32_t *entries = data;
    for (size_t word = 0; word * 64 < count; word++) {
        if (op == SH_RANGE_AND && words[word] == 0) continue;
        uint64_t bits = 0;
        for (size_t i = 0; i < span_of_word(count, word); i++)
            bits |= (uint64_t)(entries[word * 64 + i] - (uint32_t)low <= (uint32_t)span) << i;
        put_word(&words[word], bits, op);
    }
}

static void range_u64(const void *data, size_t count, uint64_t low, uint64_t span, enum sh_range_op op,
                      uint64_t *words) {
    const uint64_t *entries = data;
    for (size_t word = 0; word * 64 < count; word++) {
        if (op == SH_RANGE_AND && words[word] == 0) continue;
        uint64_t bits = 0;
        for (size_t i = 0; i < span_of_word(count, word); i++)
            bits |= (uint64_t)(entries[word * 64 + i] - low <= span) << i;
        put_word(&words[word], bits, op);
    }
}

static void lookup_u8(const uint8_t *data, size_t count, const uint64_t *table, uint64_t *words) {
    for (size_t word = 0; word * 64 < count; word++) {
        words[word] = 0;
        for (size_t i = 0; i < span_of_word(count, word); i++) {
            const uint8_t entry = data[word * 64 + i];
            words[word] |= (table[entry / 64] >> (entry % 64) & 1) << i;
        }
    }
}

static void lookup_u16(const uint16_t *data, size_t count, const uint64_t *table, uint64_t *words) {
    for (size_t word = 0; word * 64 < count; word++) {
        words[word] = 0;
        for (size_t i = 0; i < span_of_word(count, word); i++) {
            const uint16_t entry = data[word * 64 + i];
            words[word] |= (table[entry / 64] >> (entry % 64) & 1) << i;
        }
    }
}

static uint64_t entry_at(const void *data, uint32_t width, size_t index) {
    switch (width) {
    case 2:
        return ((const uint16_t *)data)[index];
    case 4:
        return ((const uint32_t *)data)[index];
    default:
        return ((const uint64_t *)data)[index];
    }
}

static void slice(const void *data, uint32_t width, size_t count, uint64_t offset, uint32_t slice_count,
                  uint64_t *slices) {
    for (size_t chunk = 0; chunk * SH_SLICE_CHUNK_ENTRIES < count; chunk++) {
        uint64_t *chunk_slices = slices + chunk * slice_count * SH_SLICE_CHUNK_WORDS;
        memset(chunk_slices, 0, sizeof(uint64_t) * slice_count * SH_SLICE_CHUNK_WORDS);
        for (size_t i = 0; i < SH_SLICE_CHUNK_ENTRIES && chunk * SH_SLICE_CHUNK_ENTRIES + i < count; i++) {
            const uint64_t entry = entry_at(data, width, chunk * SH_SLICE_CHUNK_ENTRIES + i) - offset;
            for (uint32_t k = 0; k < slice_count; k++) {
                const uint64_t bit = entry >> (slice_count - 1 - k) & 1;
                chunk_slices[k * SH_SLICE_CHUNK_WORDS + i / 64] |= bit << (i % 64);
            }
        }
    }
}

static void slice_range(const uint64_t *slices, uint32_t slice_count, size_t chunk_count, uint64_t low, uint64_t high,
                        uint64_t *words) {
    const uint64_t all = (UINT64_C(1) << slice_count) - 1; /* a side that all entries pass is decided at once */
    for (size_t word = 0; word < chunk_count * SH_SLICE_CHUNK_WORDS; word++) {
        const uint64_t *top =
            slices + word / SH_SLICE_CHUNK_WORDS * SH_SLICE_CHUNK_WORDS * slice_count + word % SH_SLICE_CHUNK_WORDS;
        uint64_t above_low = low == 0 ? ~UINT64_C(0) : 0;
        uint64_t like_low = ~above_low; /* the bits so far equal low's */
        uint64_t below_high = high == all ? ~UINT64_C(0) : 0;
        uint64_t like_high = ~below_high;
        for (uint32_t k = 0; k < slice_count && (like_low | like_high) != 0; k++) {
            const uint64_t bits = top[k * SH_SLICE_CHUNK_WORDS];
            const uint64_t low_bits = UINT64_C(0) - (low >> (slice_count - 1 - k) & 1);
            const uint64_t high_bits = UINT64_C(0) - (high >> (slice_count - 1 - k) & 1);
            above_low |= like_low & bits & ~low_bits;
            like_low &= ~(bits ^ low_bits);
            below_high |= like_high & ~bits & high_bits;
            like_high &= ~(bits ^ high_bits);
        }
        words[word] = (above_low | like_low) & (below_high | like_high);
    }
}

const struct sh_column_kernels sh_column_kernels_scalar = {
    .name = "scalar",
    .cpu_required = 0,
    .range = {range_u8, range_u16, range_u32, range_u64},
    .lookup_u8 = lookup_u8,
    .lookup_u16 = lookup_u16,
    .slice = slice,
    .slice_range = slice_range,
};
