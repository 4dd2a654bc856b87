/* column_bench.c -- how fast do range predicates over a column become bits, and do bit slices pay?
 *
 * 1. Range kernels: GB/s of entries read, for each width and instruction set, over data in L2 and in memory, beside the
 *    machine's limit (the same bytes read and summed).
 * 2. Points: 20,000 < x <= 50,000 over uniform and skewed 0..100,000, ms for all of them, block by block into an 8 KiB
 *    register and counted there: plain u32 strips, slices, and as references a plain loop over 17 slices in slice-major
 *    order (no engine, no early exit) and a plain u32 scan, in AVX-512 where the machine has it.
 *    Ages 25..40 in u8 strips beside them.
 * 3. Among candidates: the same range for candidates of falling density, scan against testing one by one.
 * 4. Reading slices of n bits against the strip they stand beside: where the switch should be.
 *
 * The hash is of all counts. Run: column_bench [MILLION_VALUES [ROUNDS]]; the best round is printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bitmap_kernels.h"
#include "column.h"
#include "column_kernels.h"
#include "isa.h"
#include "memory.h"
#include "split_random.h"

static uint64_t value_count = 10000000;
static uint32_t rounds = 15;
static uint64_t answer_hash = 14695981039346656037u;

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void note(uint64_t answer) {
    answer_hash = (answer_hash ^ answer) * 1099511628211u;
}

static void *must_alloc(size_t bytes) {
    void *memory = sh_alloc(bytes);
    if (memory == NULL) abort();
    return memory;
}

static const struct sh_column_kernels *const tables[] = {
    &sh_column_kernels_scalar,
#if defined(__x86_64__)
    &sh_column_kernels_avx2,
    &sh_column_kernels_avx512,
#endif
};
enum { TABLE_COUNT = sizeof tables / sizeof *tables };

static bool is_here(const struct sh_column_kernels *kernels) {
    return (kernels->cpu_required & ~sh_cpu_features()) == 0;
}

/* ---- 1. Kernels ---- */

/* popcount of the words themselves: all bytes are read once, at whatever this machine can do. */
static double read_seconds(const void *data, size_t bytes) {
    double best = 1e9;
    for (uint32_t round = 0; round < rounds; round++) {
        const double start = now_seconds();
        note(sh_bits->popcount(data, bytes / 8) & 1);
        const double took = now_seconds() - start;
        if (took < best) best = took;
    }
    return best;
}

static double range_seconds(const struct sh_column_kernels *kernels, uint32_t width_log, const void *data,
                            size_t count) {
    static uint64_t words[SH_BLOCK_WORDS];
    double best = 1e9;
    uint64_t matches = 0;
    for (uint32_t round = 0; round < rounds; round++) {
        const double start = now_seconds();
        matches = 0;
        for (size_t i = 0; i < count; i += SH_BLOCK_SLOTS) {
            const size_t part = count - i < SH_BLOCK_SLOTS ? count - i : SH_BLOCK_SLOTS;
            kernels->range[width_log]((const uint8_t *)data + (i << width_log), part, 20, 50, SH_RANGE_STORE, words);
            matches += words[0];
        }
        const double took = now_seconds() - start;
        if (took < best) best = took;
    }
    note(matches);
    return best;
}

static void bench_kernels(void) {
    printf("range kernels, GB/s of entries        %10s", "read");
    for (size_t t = 0; t < TABLE_COUNT; t++)
        printf("%10s", is_here(tables[t]) ? tables[t]->name : "-");
    printf("\n");
    uint8_t *data = must_alloc(value_count * 8);
    struct split_random rng = {1};
    for (uint64_t i = 0; i < value_count; i++)
        ((uint64_t *)(void *)data)[i] = split_next(&rng);
    const size_t sizes[] = {512 << 10, value_count * 8};
    for (size_t s = 0; s < 2; s++) {
        for (uint32_t width_log = 0; width_log < 4; width_log++) {
            const size_t bytes = sizes[s] < value_count << width_log ? sizes[s] : value_count << width_log;
            printf("  u%-2u %12zu KiB                  %10.1f", 8u << width_log, bytes >> 10,
                   (double)bytes / read_seconds(data, bytes) / 1e9);
            for (size_t t = 0; t < TABLE_COUNT; t++) {
                if (is_here(tables[t]))
                    printf("%10.1f",
                           (double)bytes / range_seconds(tables[t], width_log, data, bytes >> width_log) / 1e9);
            }
            printf("\n");
        }
    }
    sh_free(data);
}

/* ---- 2. Points ---- */

enum { POINT_BITS = 17 };

/* The least work a bit-sliced index needs: each slice is one array of words, each is read once. */
#if defined(__x86_64__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
static uint64_t
reference_slices(uint64_t *const *slices, size_t word_count, uint64_t low, uint64_t high) {
    uint64_t count = 0;
    enum { LANES = 8 };
    typedef uint64_t lanes __attribute__((vector_size(64), aligned(64)));
    for (size_t i = 0; i + LANES <= word_count; i += LANES) {
        lanes above = {0};
        lanes below = {0};
        lanes like_low = ~above;
        lanes like_high = ~above;
        for (int32_t k = POINT_BITS - 1; k >= 0; k--) {
            const lanes bits = *(const lanes *)(const void *)(slices[k] + i);
            if (low >> k & 1) {
                like_low &= bits;
            } else {
                above |= like_low & bits;
                like_low &= ~bits;
            }
            if (high >> k & 1) {
                below |= like_high & ~bits;
                like_high &= bits;
            } else {
                like_high &= ~bits;
            }
        }
        uint64_t words[LANES] __attribute__((aligned(64)));
        *(lanes *)(void *)words = (above | like_low) & (below | like_high);
        count += sh_bits->popcount(words, LANES);
    }
    return count;
}

static double time_reference(uint64_t *const *slices, size_t word_count) {
    double best = 1e9;
    for (uint32_t round = 0; round < rounds; round++) {
        const double start = now_seconds();
        note(reference_slices(slices, word_count, 20001, 50000));
        const double took = now_seconds() - start;
        if (took < best) best = took;
    }
    return best;
}

static double time_column(const struct sh_column *column, int64_t low, int64_t high, uint64_t *matches) {
    static uint64_t words[SH_BLOCK_WORDS] __attribute__((aligned(64)));
    double best = 1e9;
    for (uint32_t round = 0; round < rounds + 2; round++) {
        const double start = now_seconds();
        *matches = 0;
        for (uint32_t block = 0; block < column->block_count; block++) {
            sh_column_range(column, block, low, high, words);
            *matches += sh_bits->popcount(words, SH_BLOCK_WORDS);
        }
        const double took = now_seconds() - start;
        if (took < best) best = took;
    }
    note(*matches);
    return best;
}

static void fill_column(struct sh_column *column, bool is_skewed, uint64_t **slices) {
    struct split_random rng = {7};
    sh_column_init(column);
    for (uint64_t i = 0; i < value_count; i++) {
        uint64_t points = split_below(&rng, 100001);
        if (is_skewed) points = points * split_below(&rng, 100001) / 100000;
        if (sh_column_set(column, (uint32_t)i, (int64_t)points) != SH_OK) abort();
        for (uint32_t k = 0; k < POINT_BITS; k++)
            slices[k][i / 64] |= (points >> k & 1) << (i % 64);
    }
}

static void bench_points(bool is_skewed) {
    uint64_t *slices[POINT_BITS];
    const size_t word_count = (value_count / 64 + 8) / 8 * 8;
    for (uint32_t k = 0; k < POINT_BITS; k++) {
        slices[k] = must_alloc(word_count * 8);
        memset(slices[k], 0, word_count * 8);
    }
    struct sh_column column;
    fill_column(&column, is_skewed, slices);
    uint64_t plain_matches;
    uint64_t slice_matches;
    column.slice_bytes_max = 0;
    const double plain = time_column(&column, 20001, 50000, &plain_matches);
    column.slice_bytes_max = SIZE_MAX;
    const double reference = time_reference(slices, word_count);
    const double sliced = time_column(&column, 20001, 50000, &slice_matches);
    const double reference_again = time_reference(slices, word_count);
    const double best_reference = reference < reference_again ? reference : reference_again;
    printf("points %s, ms: u32 strips %.3f, slices %.3f (%zu bytes), reference of 17 slices %.3f, slices / reference "
           "%.2f, %llu match%s\n",
           is_skewed ? "skewed " : "uniform", plain * 1e3, sliced * 1e3, column.slice_bytes, best_reference * 1e3,
           sliced / best_reference, (unsigned long long)plain_matches, plain_matches == slice_matches ? "" : ", WRONG");
    sh_column_deinit(&column);
    for (uint32_t k = 0; k < POINT_BITS; k++)
        sh_free(slices[k]);
}

static void bench_ages(void) {
    struct sh_column column;
    struct split_random rng = {9};
    sh_column_init(&column);
    for (uint64_t i = 0; i < value_count; i++)
        if (sh_column_set(&column, (uint32_t)i, (int64_t)split_below(&rng, 78) + 13) != SH_OK) abort();
    uint64_t matches;
    const double took = time_column(&column, 25, 40, &matches);
    printf("ages, ms: u8 strips %.3f (%.1f GB/s), %llu match\n", took * 1e3, (double)value_count / took / 1e9,
           (unsigned long long)matches);
    sh_column_deinit(&column);
}

/* ---- 3. Among candidates ---- */

static void bench_among(void) {
    struct sh_strip strip;
    struct split_random rng = {3};
    sh_strip_init(&strip);
    for (uint32_t i = 0; i < SH_BLOCK_SLOTS; i++)
        if (sh_strip_append(&strip, (int64_t)split_below(&rng, 100001)) != SH_OK) abort();
    printf("among candidates, us a block of u32 in the cache: one in ... by test, by scan\n");
    for (uint32_t one_in = 8; one_in <= 4096; one_in *= 2) {
        static uint64_t candidates[SH_BLOCK_WORDS];
        static uint64_t words[SH_BLOCK_WORDS];
        memset(candidates, 0, sizeof candidates);
        for (uint32_t i = 0; i < SH_BLOCK_SLOTS; i++)
            if (split_one_in(&rng, one_in)) candidates[i / 64] |= UINT64_C(1) << (i % 64);
        double best[2] = {1e9, 1e9};
        for (uint32_t round = 0; round < 4 * rounds; round++) {
            memcpy(words, candidates, sizeof words);
            const double start = now_seconds();
            sh_strip_range_among(&strip, 0, SH_BLOCK_SLOTS, 20001, 50000, round % 2 == 0 ? 0 : UINT32_MAX, words);
            const double took = now_seconds() - start;
            if (took < best[round % 2]) best[round % 2] = took;
            note(words[17]);
        }
        printf("  1/%-5u %8.2f %8.2f\n", one_in, best[0] * 1e6, best[1] * 1e6);
    }
    sh_strip_deinit(&strip);
}

/* ---- 4. How many slices are too many? ---- */

static void bench_slice_counts(uint32_t width, uint32_t bits_first, uint32_t bits_last) {
    const size_t blocks = value_count / SH_BLOCK_SLOTS + 1;
    uint8_t *data = must_alloc(blocks * SH_BLOCK_SLOTS * width);
    uint64_t *slices = must_alloc(blocks * SH_BLOCK_BYTES * bits_last);
    static uint64_t words[SH_BLOCK_WORDS] __attribute__((aligned(64)));
    printf("u%u strips against slices, ms for all:", 8 * width);
    for (uint32_t bits = bits_first; bits <= bits_last; bits += width / 2) {
        struct split_random rng = {bits};
        const uint64_t mask = (UINT64_C(1) << bits) - 1;
        memset(data, 0, blocks * SH_BLOCK_SLOTS * width);
        for (uint64_t i = 0; i < value_count; i++) {
            const uint64_t value = split_next(&rng) & mask;
            memcpy(data + i * width, &value, width);
        }
        for (size_t b = 0; b < blocks; b++)
            sh_compare->slice(data + b * SH_BLOCK_SLOTS * width, width, SH_BLOCK_SLOTS, 0, bits,
                              slices + b * SH_BLOCK_WORDS * bits);
        double best[2] = {1e9, 1e9};
        for (uint32_t round = 0; round < 2 * rounds; round++) {
            const double start = now_seconds();
            for (size_t b = 0; b < blocks; b++) {
                if (round % 2 == 0)
                    sh_compare->range[width == 2   ? 1
                                      : width == 4 ? 2
                                                   : 3](data + b * SH_BLOCK_SLOTS * width, SH_BLOCK_SLOTS, mask / 5,
                                                        mask / 3, SH_RANGE_STORE, words);
                else
                    sh_compare->slice_range(slices + b * SH_BLOCK_WORDS * bits, bits,
                                            SH_BLOCK_SLOTS / SH_SLICE_CHUNK_ENTRIES, mask / 5, mask / 5 + mask / 3,
                                            words);
                note(words[5]);
            }
            const double took = now_seconds() - start;
            if (took < best[round % 2]) best[round % 2] = took;
        }
        printf("  %u bits %.2f/%.2f", bits, best[1] * 1e3, best[0] * 1e3);
    }
    printf("\n");
    sh_free(data);
    sh_free(slices);
}

int main(int argc, char **argv) {
    if (argc > 1) value_count = (uint64_t)(strtod(argv[1], NULL) * 1e6);
    if (argc > 2) rounds = (uint32_t)strtoul(argv[2], NULL, 10);
    printf("%llu values, best of %u rounds, %s in use\n", (unsigned long long)value_count, rounds, sh_compare->name);
    bench_kernels();
    bench_points(false);
    bench_points(true);
    bench_ages();
    bench_among();
    bench_slice_counts(2, 9, 16);
    bench_slice_counts(4, 18, 32);
    bench_slice_counts(8, 36, 63);
    printf("hash %016llx\n", (unsigned long long)answer_hash);
    return 0;
}
