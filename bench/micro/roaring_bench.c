/* roaring_bench.c -- what do intersections and unions of neighbours cost on the three bitmap sets of the Roaring
 * papers, here and in libroaring?
 *
 * Each set has 200 bitmaps; the 199 pairs of neighbours are counted (and, or) and built (and, or). Microseconds a pair,
 * best of ROUNDS. Both sides have been optimized (runs where they are smaller). Ours is measured with arrays up to
 * 1,024 slots (fast) and up to 4,096 (compact, the rule of libroaring). The libroaring is Debian's, 0.2.66 of 2020: an
 * old release, and newer ones are faster. Bytes are what each says it holds, libroaring's as serialized. The sums of
 * all counts are compared.
 *
 * Run: roaring_bench [ROUNDS]
 */
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bitmap.h"
#include "roaring_real.h"

static uint32_t round_count = 20;

static double now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

struct measured {
    double us[4]; /* and count, or count, and, or; of a pair */
    uint64_t sum; /* of all counts */
    size_t bytes;
};

static const char *const measured_names[4] = {"and count", "or count", "and", "or"};

static uint64_t our_pair(uint32_t what, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    if (what == 0) return sh_bitmap_and_count(a, b);
    if (what == 1) return sh_bitmap_or_count(a, b);
    struct sh_bitmap result;
    sh_bitmap_init(&result, a->array_count_max);
    if ((what == 2 ? sh_bitmap_and(&result, a, b) : sh_bitmap_or(&result, a, b)) != SH_OK) abort();
    const uint64_t count = sh_bitmap_count(&result);
    sh_bitmap_deinit(&result);
    return count;
}

static uint64_t their_pair(uint32_t what, const roaring_bitmap_t *a, const roaring_bitmap_t *b) {
    if (what == 0) return roaring_bitmap_and_cardinality(a, b);
    if (what == 1) return roaring_bitmap_or_cardinality(a, b);
    roaring_bitmap_t *result = what == 2 ? roaring_bitmap_and(a, b) : roaring_bitmap_or(a, b);
    const uint64_t count = roaring_bitmap_get_cardinality(result);
    roaring_bitmap_free(result);
    return count;
}

static struct measured measure_ours(const struct real_set *set, uint32_t array_count_max) {
    static struct sh_bitmap bitmaps[REAL_BITMAP_COUNT];
    struct measured measured = {.us = {1e18, 1e18, 1e18, 1e18}};
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        sh_bitmap_init(&bitmaps[i], array_count_max);
        if (sh_bitmap_add_sorted(&bitmaps[i], set->bitmaps[i].slots, set->bitmaps[i].count) != SH_OK) abort();
        if (sh_bitmap_optimize(&bitmaps[i]) != SH_OK) abort();
        measured.bytes += sh_bitmap_memory_bytes(&bitmaps[i]);
    }
    for (uint32_t what = 0; what < 4; what++) {
        for (uint32_t round = 0; round < round_count; round++) {
            const double begin = now_us();
            for (uint32_t i = 1; i < REAL_BITMAP_COUNT; i++)
                measured.sum += our_pair(what, &bitmaps[i - 1], &bitmaps[i]);
            const double us = (now_us() - begin) / (REAL_BITMAP_COUNT - 1);
            if (us < measured.us[what]) measured.us[what] = us;
        }
    }
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++)
        sh_bitmap_deinit(&bitmaps[i]);
    return measured;
}

static struct measured measure_theirs(const struct real_set *set) {
    static roaring_bitmap_t *bitmaps[REAL_BITMAP_COUNT];
    struct measured measured = {.us = {1e18, 1e18, 1e18, 1e18}};
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        bitmaps[i] = roaring_bitmap_of_ptr(set->bitmaps[i].count, set->bitmaps[i].slots);
        (void)roaring_bitmap_run_optimize(bitmaps[i]);
        measured.bytes += roaring_bitmap_portable_size_in_bytes(bitmaps[i]);
    }
    for (uint32_t what = 0; what < 4; what++) {
        for (uint32_t round = 0; round < round_count; round++) {
            const double begin = now_us();
            for (uint32_t i = 1; i < REAL_BITMAP_COUNT; i++)
                measured.sum += their_pair(what, bitmaps[i - 1], bitmaps[i]);
            const double us = (now_us() - begin) / (REAL_BITMAP_COUNT - 1);
            if (us < measured.us[what]) measured.us[what] = us;
        }
    }
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++)
        roaring_bitmap_free(bitmaps[i]);
    return measured;
}

static void print_measured(const char *who, const struct measured *measured, const struct measured *theirs) {
    printf("  %-14s", who);
    for (uint32_t what = 0; what < 4; what++)
        printf("  %s %7.2f us (x %.2f)", measured_names[what], measured->us[what],
               measured->us[what] / theirs->us[what]);
    printf("  %6zu KiB\n", measured->bytes / 1024);
}

int main(int argument_count, char **arguments) {
    if (argument_count > 1) round_count = (uint32_t)strtoul(arguments[1], NULL, 10);
    if (round_count == 0) {
        printf("usage: roaring_bench [ROUNDS]\n");
        return 2;
    }
    static struct real_set set;
    int result = 0;
    for (uint32_t index = 0; index < REAL_SET_COUNT; index++) {
        if (!real_set_open(&set, index)) continue;
        const struct measured theirs = measure_theirs(&set);
        const struct measured fast = measure_ours(&set, SH_ARRAY_COUNT_FAST);
        const struct measured compact = measure_ours(&set, SH_ARRAY_COUNT_COMPACT);
        printf("%s, a pair of neighbours, kernels %s, sum of counts %llu\n", set.name, sh_bits->name,
               (unsigned long long)fast.sum);
        print_measured("libroaring", &theirs, &theirs);
        print_measured("shoal, fast", &fast, &theirs);
        print_measured("shoal, compact", &compact, &theirs);
        if (fast.sum != theirs.sum || compact.sum != theirs.sum) {
            printf("  the sums differ\n");
            result = 1;
        }
        real_set_close(&set);
    }
    return result;
}
