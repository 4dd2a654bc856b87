/* bitmap_kernels_property.c -- every kernel of every instruction set against the scalar one, on every shape with an
 * edge, at every length. Inputs and outputs end where a page without access begins, so one word too many is a crash.
 * Run: bitmap_kernels_property SEED COUNT, with COUNT rounds of random shapes besides the fixed ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bitmap_twin.h"
#include "isa.h"

enum { LIST_COUNT_MAX = 4096, GUARDED_BYTES = SH_BLOCK_SLOTS * 4 };

static struct random rng;
static uint64_t seed, round_count;
static const struct sh_bitmap_kernels *truth = &sh_bitmap_kernels_scalar;
static const struct sh_bitmap_kernels *table;

/* Memory whose end is the end of what may be touched. */
struct guarded {
    uint8_t *end;
};
static struct guarded area_a, area_b, area_target, area_out;
static uint64_t source_a[SH_BLOCK_WORDS], source_b[SH_BLOCK_WORDS];
static uint16_t list_a[LIST_COUNT_MAX], list_b[LIST_COUNT_MAX];

static void fail(const char *kernel, size_t length, const char *shape) {
    printf("reproduce: ./bitmap_kernels_property %llu %llu\n", (unsigned long long)seed,
           (unsigned long long)round_count);
    printf("%s: %s differs from scalar at length %zu, shape %s\n", table->name, kernel, length, shape);
    exit(1);
}

static struct guarded guarded_create(void) {
    const size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    const size_t usable_bytes = (GUARDED_BYTES + page_bytes - 1) / page_bytes * page_bytes;
    uint8_t *memory = mmap(NULL, usable_bytes + page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED || mprotect(memory + usable_bytes, page_bytes, PROT_NONE) != 0) abort();
    return (struct guarded){memory + usable_bytes};
}

static void *placed(struct guarded area, const void *bytes, size_t byte_count) {
    if (byte_count > 0) memcpy(area.end - byte_count, bytes, byte_count);
    return area.end - byte_count;
}

/* ---- Words ---- */

static void compare_operation(const char *name, size_t n, const char *shape,
                              void (*const true_into)(uint64_t *restrict, const uint64_t *restrict, size_t),
                              void (*const into)(uint64_t *restrict, const uint64_t *restrict, size_t),
                              uint64_t (*const into_count)(uint64_t *restrict, const uint64_t *restrict, size_t),
                              uint64_t (*const count)(const uint64_t *, const uint64_t *, size_t)) {
    uint64_t expected[SH_BLOCK_WORDS + 1];
    memcpy(expected, source_a, n * 8);
    true_into(expected, source_b, n);
    const uint64_t expected_count = truth->popcount(expected, n);
    const uint64_t *a = placed(area_a, source_a, n * 8), *b = placed(area_b, source_b, n * 8);
    uint64_t *target = placed(area_target, source_a, n * 8);
    into(target, b, n);
    if (memcmp(target, expected, n * 8) != 0) fail(name, n, shape);
    target = placed(area_target, source_a, n * 8);
    if (into_count(target, b, n) != expected_count || memcmp(target, expected, n * 8) != 0) fail(name, n, shape);
    if (count(a, b, n) != expected_count) fail(name, n, shape);
}

static void compare_and_many(size_t n, const char *shape) {
    uint64_t expected[SH_BLOCK_WORDS + 1];
    const uint64_t *a = placed(area_a, source_a, n * 8), *b = placed(area_b, source_b, n * 8);
    const uint64_t *third = placed(area_target, source_a, n * 8);
    for (size_t inputs_count = 1; inputs_count <= SH_BITS_INPUT_COUNT_MAX; inputs_count++) {
        const uint64_t *inputs[SH_BITS_INPUT_COUNT_MAX] = {a, b, third, b, a, b, a, third};
        const uint64_t count = truth->and_many(expected, inputs, inputs_count, n);
        if (table->and_many(NULL, inputs, inputs_count, n) != count) fail("and_many count", n, shape);
        uint64_t *out = (uint64_t *)(void *)(area_out.end - n * 8);
        if (table->and_many(out, inputs, inputs_count, n) != count) fail("and_many", n, shape);
        if (memcmp(out, expected, n * 8) != 0) fail("and_many", n, shape);
    }
    const uint64_t *inputs[2] = {a, third};
    (void)table->and_many((uint64_t *)(void *)(area_target.end - n * 8), inputs, 2, n);
    if (memcmp(third, source_a, n * 8) != 0) fail("and_many into an input", n, shape);
}

static void compare_words(size_t n, const char *shape) {
    compare_operation("and", n, shape, truth->and_into, table->and_into, table->and_into_count, table->and_count);
    compare_operation("or", n, shape, truth->or_into, table->or_into, table->or_into_count, table->or_count);
    compare_operation("xor", n, shape, truth->xor_into, table->xor_into, table->xor_into_count, table->xor_count);
    compare_operation("andnot", n, shape, truth->andnot_into, table->andnot_into, table->andnot_into_count,
                      table->andnot_count);
    const uint64_t *a = placed(area_a, source_a, n * 8), *b = placed(area_b, source_b, n * 8);
    if (table->popcount(a, n) != truth->popcount(a, n)) fail("popcount", n, shape);
    if (table->run_count(a, n) != truth->run_count(a, n)) fail("run_count", n, shape);
    if (table->intersects(a, b, n) != truth->intersects(a, b, n)) fail("intersects", n, shape);
    uint64_t *target = placed(area_target, source_a, n * 8);
    table->not_into(target, n);
    for (size_t i = 0; i < n; i++)
        if (target[i] != ~source_a[i]) fail("not_into", n, shape);
    compare_and_many(n, shape);

    static uint32_t wide[SH_BLOCK_SLOTS];
    static uint16_t narrow[SH_BLOCK_SLOTS];
    const size_t count = truth->list_u32(a, n, 0xfffffff0u, wide);
    uint32_t *out = (uint32_t *)(void *)(area_out.end - count * sizeof *out);
    if (table->list_u32(a, n, 0xfffffff0u, out) != count) fail("list_u32", n, shape);
    if (memcmp(out, wide, count * sizeof *out) != 0) fail("list_u32", n, shape);
    (void)truth->list_u16(a, n, narrow);
    uint16_t *out_u16 = (uint16_t *)(void *)(area_out.end - count * sizeof *out_u16);
    if (table->list_u16(a, n, out_u16) != count) fail("list_u16", n, shape);
    if (memcmp(out_u16, narrow, count * sizeof *out_u16) != 0) fail("list_u16", n, shape);
}

/* ---- Lists ---- */

static void compare_changed(const char *name, size_t count, const char *shape,
                            void (*const true_change)(uint64_t *restrict, const uint16_t *restrict, size_t),
                            void (*const change)(uint64_t *restrict, const uint16_t *restrict, size_t)) {
    uint64_t expected[SH_BLOCK_WORDS];
    memcpy(expected, source_b, sizeof expected);
    true_change(expected, list_a, count);
    uint64_t *target = placed(area_target, source_b, sizeof source_b);
    change(target, placed(area_a, list_a, count * 2), count);
    if (memcmp(target, expected, sizeof expected) != 0) fail(name, count, shape);
}

static void compare_filter(const char *name, size_t count, const char *shape,
                           size_t (*const true_filter)(const uint64_t *restrict, const uint16_t *, size_t, uint16_t *),
                           size_t (*const filter)(const uint64_t *restrict, const uint16_t *, size_t, uint16_t *)) {
    uint16_t expected[LIST_COUNT_MAX];
    const uint64_t *words = placed(area_b, source_b, sizeof source_b);
    const size_t kept = true_filter(words, list_a, count, expected);
    uint16_t *out = (uint16_t *)(void *)(area_out.end - count * 2);
    uint16_t *list = placed(area_a, list_a, count * 2);
    if (filter(words, list, count, out) != kept || memcmp(out, expected, kept * 2) != 0) fail(name, count, shape);
    if (filter(words, list, count, list) != kept || memcmp(list, expected, kept * 2) != 0) fail(name, count, shape);
}

static void compare_lists(size_t a_count, size_t b_count, const char *shape) {
    compare_changed("set_list", a_count, shape, truth->set_list, table->set_list);
    compare_changed("clear_list", a_count, shape, truth->clear_list, table->clear_list);
    compare_changed("flip_list", a_count, shape, truth->flip_list, table->flip_list);
    compare_filter("keep_list", a_count, shape, truth->keep_list, table->keep_list);
    compare_filter("drop_list", a_count, shape, truth->drop_list, table->drop_list);
    uint16_t *a = placed(area_a, list_a, a_count * 2);
    const uint16_t *b = placed(area_b, list_b, b_count * 2);
    if (table->test_list(source_b, a, a_count) != truth->test_list(source_b, a, a_count))
        fail("test_list", a_count, shape);

    uint16_t expected[LIST_COUNT_MAX];
    const size_t both = truth->lists_and(list_a, a_count, list_b, b_count, expected);
    const size_t shorter = a_count < b_count ? a_count : b_count;
    if (table->lists_and_count(a, a_count, b, b_count) != both) fail("lists_and_count", a_count, shape);
    uint16_t *out = (uint16_t *)(void *)(area_out.end - shorter * 2);
    if (table->lists_and(a, a_count, b, b_count, out) != both) fail("lists_and", a_count, shape);
    if (memcmp(out, expected, both * 2) != 0) fail("lists_and", a_count, shape);
    if (table->lists_and(a, a_count, b, b_count, a) != both) fail("lists_and into a", a_count, shape);
    if (memcmp(a, expected, both * 2) != 0) fail("lists_and into a", a_count, shape);
}

/* ---- Shapes ---- */

static void fill_words(uint64_t *words, const char *shape) {
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++) {
        const uint64_t sparse = random_below(&rng, 4) == 0 ? (uint64_t)1 << random_below(&rng, 64) : 0;
        words[i] = strcmp(shape, "empty") == 0    ? 0
                   : strcmp(shape, "full") == 0   ? ~(uint64_t)0
                   : strcmp(shape, "first") == 0  ? (i == 0)
                   : strcmp(shape, "tops") == 0   ? (uint64_t)1 << 63
                   : strcmp(shape, "ends") == 0   ? (uint64_t)1 << 63 | 1
                   : strcmp(shape, "sparse") == 0 ? sparse
                   : strcmp(shape, "holes") == 0  ? ~sparse
                   : strcmp(shape, "runs") == 0   ? (i / 5 % 2 != 0 ? ~(uint64_t)0 << (i % 64) : 0)
                                                  : random_dense_word(&rng, random_below(&rng, 17));
    }
}

/* A strictly ascending list of count entries below 65,536, packed into a random stretch. */
static void fill_list(uint16_t *list, uint32_t count) {
    const uint32_t room = SH_BLOCK_SLOTS - count;
    const uint32_t spread = random_below(&rng, 4) == 0 ? random_below(&rng, room + 1) / 64 : room;
    uint32_t left = count;
    uint32_t slot = random_below(&rng, room - spread + 1);
    uint32_t free_slots = spread;
    for (uint32_t n = 0; n < count; slot++) { /* each slot is taken with the chance that is fair for what is left */
        if (random_below(&rng, left + free_slots) < left) {
            list[n++] = (uint16_t)slot;
            left--;
        } else {
            free_slots--;
        }
    }
}

static void compare_table(void) {
    static const char *const shapes[] = {"empty", "full", "first", "tops", "ends", "sparse", "holes", "runs", "dense"};
    enum { SHAPE_COUNT = sizeof shapes / sizeof *shapes };
    for (uint32_t x = 0; x < SHAPE_COUNT; x++) {
        for (uint32_t y = 0; y < SHAPE_COUNT; y++) {
            fill_words(source_a, shapes[x]);
            fill_words(source_b, shapes[y]);
            for (size_t n = 0; n <= 40; n++)
                compare_words(n, shapes[x]);
            compare_words(SH_BLOCK_WORDS - 1, shapes[x]);
            compare_words(SH_BLOCK_WORDS, shapes[x]);
        }
    }
    static const uint32_t counts[] = {0,  1,  2,  5,  7,  8,   9,   15,   16,   17,  31,
                                      32, 33, 63, 64, 65, 100, 511, 1024, 4095, 4096};
    for (uint32_t x = 0; x < sizeof counts / sizeof *counts; x++) {
        for (uint32_t y = 0; y < sizeof counts / sizeof *counts; y++) {
            fill_words(source_b, shapes[random_below(&rng, SHAPE_COUNT)]);
            fill_list(list_a, counts[x]);
            fill_list(list_b, counts[y]);
            if (random_below(&rng, 4) == 0) memcpy(list_b, list_a, (x < y ? counts[x] : counts[y]) * sizeof *list_a);
            for (uint32_t i = 1; i < counts[y]; i++)
                if (list_b[i] <= list_b[i - 1]) fill_list(list_b, counts[y]);
            compare_lists(counts[x], counts[y], "list");
        }
    }
    for (uint64_t i = 0; i < round_count; i++) {
        const uint32_t a_count = random_length(&rng, LIST_COUNT_MAX), b_count = random_length(&rng, LIST_COUNT_MAX);
        fill_words(source_a, "dense");
        fill_words(source_b, shapes[random_below(&rng, SHAPE_COUNT)]);
        fill_list(list_a, a_count);
        fill_list(list_b, b_count);
        compare_words(random_below(&rng, SH_BLOCK_WORDS + 1), "random");
        compare_lists(a_count, b_count, "random");
    }
}

int main(int argument_count, char **arguments) {
    seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    round_count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 1000;
    area_a = guarded_create();
    area_b = guarded_create();
    area_target = guarded_create();
    area_out = guarded_create();
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++) {
        table = sh_bitmap_kernels_of(isa);
        if (table == NULL) {
            printf("SKIPPED %s: this machine does not have it\n", sh_isa_name(isa));
            continue;
        }
        rng.state = seed;
        compare_table();
        printf("%s agrees with scalar, seed %llu, %llu rounds\n", table->name, (unsigned long long)seed,
               (unsigned long long)round_count);
    }
    return 0;
}
