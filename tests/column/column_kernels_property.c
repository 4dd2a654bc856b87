/* column_kernels_property.c -- every instruction set against plain loops: all widths, short lengths one by one, long
 * ones at random, any alignment, the last entry at the end of a page. Run: column_kernels_property SEED COUNT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "column_kernels.h"
#include "isa.h"
#include "split_random.h"

enum { PAGE = 4096, DATA_BYTES = 64 * PAGE, WORDS_MAX = 1024 + 8, GUARD_WORD = 0x5A };

static struct split_random rng;
static const struct sh_column_kernels *kernels;
static uint8_t *data_end; /* the byte behind is not there */
static uint64_t seed, round_count, current;

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: ./column_kernels_property %llu %llu\n", (unsigned long long)seed,
           (unsigned long long)round_count);
    printf("round %llu, %s: %s\n", (unsigned long long)current, kernels->name, what);
    exit(1);
}

static uint64_t entry_at(const uint8_t *data, uint32_t width, size_t i) {
    uint64_t entry = 0;
    memcpy(&entry, data + i * width, width);
    return entry;
}

static uint64_t width_mask(uint32_t width) {
    return width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}

static uint64_t random_entry(uint32_t width) {
    const uint64_t mask = width_mask(width);
    switch (split_below(&rng, 5)) {
    case 0:
        return split_below(&rng, 4);
    case 1:
        return mask - split_below(&rng, 4);
    case 2:
        return mask / 2 + split_below(&rng, 4) - 2;
    case 3:
        return split_below(&rng, 300) & mask;
    default:
        return split_next(&rng) & mask;
    }
}

/* count entries that end where the page ends. */
static uint8_t *make_entries(uint32_t width, size_t count) {
    uint8_t *data = data_end - count * width;
    for (size_t i = 0; i < count; i++) {
        const uint64_t entry = random_entry(width);
        memcpy(data + i * width, &entry, width);
    }
    return data;
}

static void compare_words(const uint64_t *words, const uint64_t *expected, size_t word_count, const char *what) {
    must(memcmp(words, expected, word_count * sizeof *words) == 0, what);
    must(words[word_count] == GUARD_WORD, "a word behind the answer was written");
}

static void test_range(uint32_t width_log, size_t count) {
    const uint32_t width = 1u << width_log;
    const uint8_t *data = make_entries(width, count);
    const size_t word_count = (count + 63) / 64;
    const uint64_t low = random_entry(width);
    const uint64_t span = split_one_in(&rng, 2) ? random_entry(width) : split_below(&rng, 50) & width_mask(width);
    for (uint32_t op = SH_RANGE_STORE; op <= SH_RANGE_OR; op++) {
        uint64_t words[WORDS_MAX];
        uint64_t expected[WORDS_MAX];
        for (size_t i = 0; i < word_count; i++)
            words[i] = expected[i] = split_one_in(&rng, 2) ? split_next(&rng) : 0;
        words[word_count] = GUARD_WORD;
        for (size_t word = 0; word < word_count; word++) {
            uint64_t bits = 0;
            for (size_t i = word * 64; i < count && i < word * 64 + 64; i++)
                bits |= (uint64_t)(((entry_at(data, width, i) - low) & width_mask(width)) <= span) << (i % 64);
            if (op == SH_RANGE_STORE)
                expected[word] = bits;
            else if (op == SH_RANGE_AND)
                expected[word] &= bits;
            else
                expected[word] |= bits;
        }
        kernels->range[width_log](data, count, low, span, (enum sh_range_op)op, words);
        compare_words(words, expected, word_count, "range differs");
    }
}

static void test_lookup(uint32_t width, size_t count) {
    const uint8_t *data = make_entries(width, count);
    const size_t word_count = (count + 63) / 64;
    static uint64_t table[1024];
    for (size_t i = 0; i < 1024; i++)
        table[i] = split_next(&rng) & split_next(&rng);
    uint64_t words[WORDS_MAX];
    uint64_t expected[WORDS_MAX] = {0};
    words[word_count] = GUARD_WORD;
    for (size_t i = 0; i < count; i++) {
        const uint64_t entry = entry_at(data, width, i);
        expected[i / 64] |= (table[entry / 64] >> (entry % 64) & 1) << (i % 64);
    }
    if (width == 1)
        kernels->lookup_u8(data, count, table, words);
    else
        kernels->lookup_u16((const uint16_t *)(const void *)data, count, table, words);
    compare_words(words, expected, word_count, "lookup differs");
}

static void test_slices(uint32_t width, size_t count) {
    const uint8_t *data = make_entries(width, count);
    const uint32_t bits_max = width == 8 ? 63 : 8 * width;
    const uint32_t slice_count = 1 + (uint32_t)split_below(&rng, bits_max);
    const uint64_t mask = (UINT64_C(1) << slice_count) - 1;
    const uint64_t offset = random_entry(width);
    const size_t chunk_count = (count + SH_SLICE_CHUNK_ENTRIES - 1) / SH_SLICE_CHUNK_ENTRIES;
    const size_t slice_words = chunk_count * SH_SLICE_CHUNK_WORDS * slice_count;
    uint64_t *slices = malloc((slice_words + 1) * sizeof *slices);
    uint64_t *expected = malloc((slice_words + 1) * sizeof *slices);
    must(slices != NULL && expected != NULL, "no memory");
    slices[slice_words] = GUARD_WORD;
    kernels->slice(data, width, count, offset, slice_count, slices);
    sh_column_kernels_scalar.slice(data, width, count, offset, slice_count, expected);
    compare_words(slices, expected, slice_words, "slices differ");

    uint64_t low = split_one_in(&rng, 4) ? 0 : split_next(&rng) & mask;
    uint64_t high = split_one_in(&rng, 4) ? mask : (low + split_length(&rng, mask)) & mask;
    if (low > high) {
        const uint64_t swapped = low;
        low = high;
        high = swapped;
    }
    uint64_t words[WORDS_MAX];
    uint64_t in_range[WORDS_MAX] = {0};
    for (size_t i = 0; i < chunk_count * SH_SLICE_CHUNK_ENTRIES; i++) {
        const uint64_t entry = i < count ? (entry_at(data, width, i) - offset) & mask : 0;
        in_range[i / 64] |= (uint64_t)(low <= entry && entry <= high) << (i % 64);
    }
    words[chunk_count * SH_SLICE_CHUNK_WORDS] = GUARD_WORD;
    kernels->slice_range(slices, slice_count, chunk_count, low, high, words);
    compare_words(words, in_range, chunk_count * SH_SLICE_CHUNK_WORDS, "slice range differs");
    free(slices);
    free(expected);
}

static void test_all(size_t count) {
    for (uint32_t width_log = 0; width_log < 4; width_log++) {
        const size_t bytes_max = DATA_BYTES >> width_log;
        test_range(width_log, count < bytes_max ? count : bytes_max);
    }
    test_lookup(1, count);
    test_lookup(2, count);
    for (uint32_t width = 2; width <= 8; width *= 2)
        test_slices(width, count < DATA_BYTES / width ? count : DATA_BYTES / width);
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    round_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
    uint8_t *pages = mmap(NULL, DATA_BYTES + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED || mprotect(pages + DATA_BYTES, PAGE, PROT_NONE) != 0) return 1;
    data_end = pages + DATA_BYTES;
    const struct sh_column_kernels *const tables[] = {
        &sh_column_kernels_scalar,
#if defined(__x86_64__)
        &sh_column_kernels_avx2,
        &sh_column_kernels_avx512,
#endif
    };
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        kernels = tables[t];
        if ((kernels->cpu_required & ~sh_cpu_features()) != 0) {
            printf("SKIPPED: this machine has no %s\n", kernels->name);
            continue;
        }
        rng.state = seed;
        for (current = 0; current <= 200; current++)
            test_all(current);
        for (current = 0; current < round_count; current++) {
            const size_t count = split_length(&rng, 65537);
            test_all(count);
            test_all((count + 511) / 512 * 512 <= 65536 ? (count + 511) / 512 * 512 : 65536);
        }
        printf("%s: lengths 0..200 and %llu at random agree\n", kernels->name, (unsigned long long)round_count);
    }
    return 0;
}
