/* roaring_bench.c -- what do intersections, unions and walks cost on the three bitmap sets of the Roaring papers, here
 * and in libroaring?
 *
 * Each set has 200 bitmaps; the 199 pairs of neighbours, or with --all all 19,900 pairs, are counted (and, or) and built
 * (and, or); and each bitmap is written out as a list of numbers (walk). Microseconds a pair or a bitmap, best of ROUNDS. Both sides have been optimized (runs where they are smaller). Ours is measured with arrays up to
 * 1,024 slots (fast) and up to 4,096 (compact, the rule of libroaring). The libroaring is Debian's, 0.2.66 of 2020: an
 * old release, and newer ones are faster. Bytes are what each says it holds, libroaring's as serialized. The sums of
 * all counts are compared.
 *
 * Run: roaring_bench [--all] [ROUNDS]
 */
#include <malloc.h>
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "bitmap.h"
#include "roaring_real.h"

enum { AND_COUNT, OR_COUNT, AND, OR, WALK, WHAT_COUNT, ROUNDS_MAX = 1000 };

static uint32_t round_count = 20;
static bool has_all_pairs;

static double now_us(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

struct measured {
    double us[WHAT_COUNT][ROUNDS_MAX]; /* of a pair, or a bitmap */
    double best_us[WHAT_COUNT];
    uint64_t sum; /* of all counts, and of what was walked over */
    size_t bytes;
};

static const char *const measured_names[WHAT_COUNT] = {"and count", "or count", "and", "or", "walk"};

static uint64_t our_pair(uint32_t what, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    if (what == AND_COUNT) return sh_bitmap_and_count(a, b);
    if (what == OR_COUNT) return sh_bitmap_or_count(a, b);
    struct sh_bitmap result;
    sh_bitmap_init(&result, a->array_count_max);
    if ((what == AND ? sh_bitmap_and(&result, a, b) : sh_bitmap_or(&result, a, b)) != SH_OK) abort();
    const uint64_t count = sh_bitmap_count(&result);
    sh_bitmap_deinit(&result);
    return count;
}

static uint64_t their_pair(uint32_t what, const roaring_bitmap_t *a, const roaring_bitmap_t *b) {
    if (what == AND_COUNT) return roaring_bitmap_and_cardinality(a, b);
    if (what == OR_COUNT) return roaring_bitmap_or_cardinality(a, b);
    roaring_bitmap_t *result = what == AND ? roaring_bitmap_and(a, b) : roaring_bitmap_or(a, b);
    const uint64_t count = roaring_bitmap_get_cardinality(result);
    roaring_bitmap_free(result);
    return count;
}

/* One side: its bitmaps, and what is done to them. */
struct side {
    const char *name;
    void *bitmaps[REAL_BITMAP_COUNT];
    uint64_t (*pair)(uint32_t what, const void *a, const void *b);
    uint64_t (*walk)(const void *bitmap, uint32_t *out);
};

static uint64_t our_pair_of(uint32_t what, const void *a, const void *b) {
    return our_pair(what, a, b);
}

static uint64_t their_pair_of(uint32_t what, const void *a, const void *b) {
    return their_pair(what, a, b);
}

static uint64_t mix_of(const uint32_t *slots, uint64_t count) {
    return count == 0 ? 0 : count + slots[0] + slots[count / 2] + slots[count - 1];
}

static uint64_t our_walk(const void *bitmap, uint32_t *out) {
    uint64_t count = 0;
    const struct sh_bitmap *ours = bitmap;
    for (uint32_t block = 0; block < sh_bitmap_block_count(ours); block++)
        count += sh_block_list_u32(sh_bitmap_block(ours, block), block * SH_BLOCK_SLOTS, out + count);
    return mix_of(out, count);
}

static uint64_t their_walk(const void *bitmap, uint32_t *out) {
    roaring_bitmap_to_uint32_array(bitmap, out);
    return mix_of(out, roaring_bitmap_get_cardinality(bitmap));
}

static uint64_t run_once(const struct side *side, uint32_t what, uint32_t *out, uint32_t *done_count) {
    uint64_t sum = 0;
    uint32_t count = 0;
    if (what == WALK) {
        for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++, count++)
            sum += side->walk(side->bitmaps[i], out);
    } else if (has_all_pairs) {
        for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++)
            for (uint32_t j = i + 1; j < REAL_BITMAP_COUNT; j++, count++)
                sum += side->pair(what, side->bitmaps[i], side->bitmaps[j]);
    } else {
        for (uint32_t i = 1; i < REAL_BITMAP_COUNT; i++, count++)
            sum += side->pair(what, side->bitmaps[i - 1], side->bitmaps[i]);
    }
    *done_count = count;
    return sum;
}

static void measure_once(const struct side *side, uint32_t what, uint32_t round, uint32_t *out,
                         struct measured *measured) {
    uint32_t count;
    const double begin = now_us();
    measured->sum += run_once(side, what, out, &count);
    const double us = (now_us() - begin) / count;
    measured->us[what][round] = us;
    if (round == 0 || us < measured->best_us[what]) measured->best_us[what] = us;
}

static void *open_ours(const struct real_set *set, uint32_t i, uint32_t array_count_max, size_t *bytes) {
    struct sh_bitmap *bitmap = malloc(sizeof *bitmap);
    if (bitmap == NULL) abort();
    sh_bitmap_init(bitmap, array_count_max);
    if (sh_bitmap_add_sorted(bitmap, set->bitmaps[i].slots, set->bitmaps[i].count) != SH_OK) abort();
    if (sh_bitmap_optimize(bitmap) != SH_OK) abort();
    *bytes += sh_bitmap_memory_bytes(bitmap);
    return bitmap;
}

static void *open_theirs(const struct real_set *set, uint32_t i, size_t *bytes) {
    roaring_bitmap_t *bitmap = roaring_bitmap_of_ptr(set->bitmaps[i].count, set->bitmaps[i].slots);
    (void)roaring_bitmap_run_optimize(bitmap);
    *bytes += roaring_bitmap_portable_size_in_bytes(bitmap);
    return bitmap;
}

static void close_ours(void *bitmap) {
    sh_bitmap_deinit(bitmap);
    free(bitmap);
}

static void print_measured(const char *who, const struct measured *measured, const struct measured *theirs) {
    printf("  %-14s", who);
    for (uint32_t what = 0; what < WHAT_COUNT; what++)
        printf("  %s %7.2f us (x %.2f)", measured_names[what], measured->best_us[what],
               measured->best_us[what] / theirs->best_us[what]);
    printf("  %6zu KiB\n", measured->bytes / 1024);
}

static void record(const struct real_set *set, const char *side, const struct measured *measured) {
    for (uint32_t what = 0; what < WHAT_COUNT; what++) {
        char row[64];
        (void)snprintf(row, sizeof row, "%s: %s", set->name, measured_names[what]);
        bench_record_write(&(struct bench_record){
            .group = "roaring",
            .row = row,
            .title = what == WALK    ? "a bitmap as a list of numbers"
                     : has_all_pairs ? "a pair, over all pairs"
                                     : "a pair of neighbours",
            .side = side,
            .unit = "us",
            .samples = measured->us[what],
            .sample_count = round_count,
        });
    }
}

/* The sides take turns, round by round. False if they differ. */
static bool measure_set(const struct real_set *set) {
    enum { THEIRS, FAST, COMPACT, SIDE_COUNT };
    static struct measured measured[SIDE_COUNT];
    struct side sides[SIDE_COUNT] = {{.name = "libroaring", .pair = their_pair_of, .walk = their_walk},
                                     {.name = "shoal", .pair = our_pair_of, .walk = our_walk},
                                     {.name = "shoal, compact", .pair = our_pair_of, .walk = our_walk}};
    size_t most = 0;
    memset(measured, 0, sizeof measured);
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        sides[THEIRS].bitmaps[i] = open_theirs(set, i, &measured[THEIRS].bytes);
        sides[FAST].bitmaps[i] = open_ours(set, i, SH_ARRAY_COUNT_FAST, &measured[FAST].bytes);
        sides[COMPACT].bitmaps[i] = open_ours(set, i, SH_ARRAY_COUNT_COMPACT, &measured[COMPACT].bytes);
        if (set->bitmaps[i].count > most) most = set->bitmaps[i].count;
    }
    /* Lists are written by whole vectors. */
    uint32_t *out = malloc((most + SH_BLOCK_SLOTS) * sizeof *out);
    if (out == NULL) abort();
    for (uint32_t round = 0; round < round_count; round++)
        for (uint32_t what = 0; what < WHAT_COUNT; what++)
            for (uint32_t side = 0; side < SIDE_COUNT; side++)
                measure_once(&sides[side], what, round, out, &measured[side]);
    free(out);
    printf("%s, %s, kernels %s, sum of counts %llu\n", set->name, has_all_pairs ? "all pairs" : "pairs of neighbours",
           sh_bits->name, (unsigned long long)measured[FAST].sum);
    for (uint32_t side = 0; side < SIDE_COUNT; side++) {
        print_measured(sides[side].name, &measured[side], &measured[THEIRS]);
        record(set, sides[side].name, &measured[side]);
    }
    for (uint32_t i = 0; i < REAL_BITMAP_COUNT; i++) {
        roaring_bitmap_free(sides[THEIRS].bitmaps[i]);
        close_ours(sides[FAST].bitmaps[i]);
        close_ours(sides[COMPACT].bitmaps[i]);
    }
    const bool equal = measured[FAST].sum == measured[THEIRS].sum && measured[COMPACT].sum == measured[THEIRS].sum;
    if (!equal) printf("  the sums differ\n");
    return equal;
}

int main(int argument_count, char **arguments) {
    for (int i = 1; i < argument_count; i++) {
        if (strcmp(arguments[i], "--all") == 0)
            has_all_pairs = true;
        else
            round_count = (uint32_t)strtoul(arguments[i], NULL, 10);
    }
    if (round_count == 0 || round_count > ROUNDS_MAX) {
        printf("usage: roaring_bench [--all] [ROUNDS 1..%d]\n", ROUNDS_MAX);
        return 2;
    }
    /* Neither side shall pay for pages that go back to the kernel with one result and come again with the next. */
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
    (void)mallopt(M_MMAP_THRESHOLD, 32 << 20);
    static struct real_set set;
    int result = 0;
    for (uint32_t index = 0; index < REAL_SET_COUNT; index++) {
        if (!real_set_open(&set, index)) continue;
        if (!measure_set(&set)) result = 1;
        real_set_close(&set);
    }
    return result;
}
