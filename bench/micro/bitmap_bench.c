/* bitmap_bench.c -- how near to the machine's limits are the kernels, what does a pair of blocks cost, and how many
 * slots a second can be added one by one?
 *
 * Kernels: a pair of blocks (16 KiB, in L1) and a pair of bitmaps of 10 M slots (2.5 MB, in L2), in GB of input a
 * second; the limit is what a core can load: two 64-byte loads a cycle in L1, about 80 GB/s in L2. Lists: nanoseconds
 * an entry. Pairs: nanoseconds for sh_block_and_count of two blocks, over many different blocks so that branches are
 * not learnt by heart. Adds: random slots of 10 M into tags of several densities. The hash is of all counts, the same
 * for every instruction set.
 *
 * Run: bitmap_bench [ROUNDS]; the best round is printed.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bitmap.h"
#include "hash.h"
#include "isa.h"
#include "memory.h"

enum { USER_COUNT = 10000000, BIG_WORDS = USER_COUNT / 64, PAIR_COUNT = 64 };

static uint64_t random_state = 1;
static uint64_t answer_hash;
static uint32_t round_count = 20;

static uint64_t random_word(void) {
    random_state += 0x9E3779B97F4A7C15u;
    return sh_hash_mix(random_state, 1);
}

static double now_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void answer(uint64_t number) {
    answer_hash = sh_hash_mix(answer_hash ^ number, 2);
}

/* The shortest of round_count runs of `statement`, in ns. */
#define BEST_NS(best_ns, statement)                                                                                    \
    do {                                                                                                               \
        (best_ns) = 1e18;                                                                                              \
        for (uint32_t round_ = 0; round_ < round_count; round_++) {                                                    \
            const double begin_ = now_ns();                                                                            \
            statement;                                                                                                 \
            const double ns_ = now_ns() - begin_;                                                                      \
            if (ns_ < (best_ns)) (best_ns) = ns_;                                                                      \
        }                                                                                                              \
    } while (0)

static void *take(size_t byte_count) {
    void *memory = sh_alloc(byte_count);
    if (memory == NULL) abort();
    return memory;
}

/* ---- Words ---- */

static void measure_words(const char *where, const uint64_t *a, const uint64_t *b, uint64_t *target, size_t word_count,
                          uint32_t repeats) {
    const double bytes = (double)word_count * 8 * repeats;
    double and_ns, into_ns, popcount_ns;
    uint64_t count = 0;
    BEST_NS(and_ns, for (uint32_t i = 0; i < repeats; i++) count += sh_bits->and_count(a, b, word_count));
    BEST_NS(into_ns, for (uint32_t i = 0; i < repeats; i++) count += sh_bits->or_into_count(target, b, word_count));
    BEST_NS(popcount_ns, for (uint32_t i = 0; i < repeats; i++) count += sh_bits->popcount(a, word_count));
    printf("  %-8s %-3s GB/s of input: and_count %6.1f   or_into_count %6.1f   popcount %6.1f\n", sh_bits->name, where,
           2 * bytes / and_ns, 2 * bytes / into_ns, bytes / popcount_ns);
    answer(count);
}

/* ---- Lists ---- */

/* Blocks of words in which about one bit in `one_in` is set, and the same as lists. */
struct samples {
    uint64_t (*words)[SH_BLOCK_WORDS];
    uint16_t (*lists)[SH_BLOCK_SLOTS];
    uint32_t counts[PAIR_COUNT];
    uint64_t total;
};

static void samples_fill(struct samples *samples, uint32_t one_in) {
    samples->total = 0;
    for (uint32_t k = 0; k < PAIR_COUNT; k++) {
        memset(samples->words[k], 0, SH_BLOCK_BYTES);
        for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++)
            if (random_word() % one_in == 0) samples->words[k][slot / 64] |= (uint64_t)1 << (slot % 64);
        samples->counts[k] = (uint32_t)sh_bits->list_u16(samples->words[k], SH_BLOCK_WORDS, samples->lists[k]);
        samples->total += samples->counts[k];
    }
}

static void measure_lists(const struct samples *samples, uint32_t one_in) {
    static uint32_t out[SH_BLOCK_SLOTS];
    static uint16_t kept[SH_BLOCK_SLOTS];
    static uint64_t words[SH_BLOCK_WORDS];
    const double entries = (double)samples->total;
    double u32_ns, u16_ns, set_ns, keep_ns, test_ns, and_ns;
    uint64_t count = 0;
#define EACH(statement)                                                                                                \
    for (uint32_t k = 0; k < PAIR_COUNT; k++) {                                                                        \
        const uint32_t next = (k + 1) % PAIR_COUNT;                                                                    \
        (void)next;                                                                                                    \
        statement;                                                                                                     \
    }
    BEST_NS(u32_ns, EACH(count += sh_bits->list_u32(samples->words[k], SH_BLOCK_WORDS, k, out)));
    BEST_NS(u16_ns, EACH(count += sh_bits->list_u16(samples->words[k], SH_BLOCK_WORDS, kept)));
    BEST_NS(set_ns, EACH(sh_bits->set_list(words, samples->lists[k], samples->counts[k])));
    BEST_NS(keep_ns,
            EACH(count += sh_bits->keep_list(samples->words[next], samples->lists[k], samples->counts[k], kept)));
    BEST_NS(test_ns, EACH(count += sh_bits->test_list(samples->words[next], samples->lists[k], samples->counts[k])));
    BEST_NS(and_ns, EACH(count += sh_bits->lists_and_count(samples->lists[k], samples->counts[k], samples->lists[next],
                                                           samples->counts[next])));
#undef EACH
    printf(
        "  %-8s 1/%-4u ns an entry: list_u32 %5.2f  list_u16 %5.2f  set_list %5.2f  keep_list %5.2f  test_list %5.2f  "
        "lists_and_count %5.2f\n",
        sh_bits->name, one_in, u32_ns / entries, u16_ns / entries, set_ns / entries, keep_ns / entries,
        test_ns / entries, and_ns / entries);
    answer(count);
}

/* ---- Pairs of blocks ---- */

enum { PAIR_FORM_COUNT = 6 };
static const char *const pair_names[PAIR_FORM_COUNT] = {"array 100",    "array 1000", "inverted 100",
                                                        "runs 2 x 500", "runs 200",   "bits 1/16"};

static void pair_block(struct sh_bitmap *bitmap, uint32_t block_index, uint32_t form) {
    static uint64_t words[SH_BLOCK_WORDS];
    memset(words, 0, sizeof words);
    const uint32_t counts[PAIR_FORM_COUNT] = {100, 1000, 100, 2, 200, 4096};
    for (uint32_t i = 0; i < counts[form]; i++) {
        const uint32_t slot = (uint32_t)(random_word() % (SH_BLOCK_SLOTS - 500));
        sh_block_set_range(words, slot, slot + (form == 3 ? 499u : form == 4 ? 60u : 0u));
    }
    if (form == 2) sh_bits->not_into(words, SH_BLOCK_WORDS);
    const uint32_t count = (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS);
    if (sh_bitmap_put_block(bitmap, block_index, words, count) != SH_OK) abort();
}

static void measure_pairs(void) {
    static struct sh_bitmap bitmaps[PAIR_FORM_COUNT];
    for (uint32_t form = 0; form < PAIR_FORM_COUNT; form++) {
        sh_bitmap_init(&bitmaps[form],
                       form == 4 ? SH_ARRAY_COUNT_COMPACT : SH_ARRAY_COUNT_FAST); /* 200 runs stay runs */
        for (uint32_t k = 0; k < PAIR_COUNT; k++)
            pair_block(&bitmaps[form], k, form);
        if ((form == 3 || form == 4) && sh_bitmap_optimize(&bitmaps[form]) != SH_OK) abort();
    }
    printf("sh_block_and_count of two blocks, ns\n  %-14s", "");
    for (uint32_t form = 0; form < PAIR_FORM_COUNT; form++)
        printf("%14s", pair_names[form]);
    printf("\n");
    for (uint32_t x = 0; x < PAIR_FORM_COUNT; x++) {
        printf("  %-14s", pair_names[x]);
        for (uint32_t y = 0; y < PAIR_FORM_COUNT; y++) {
            double ns;
            uint64_t count = 0;
            BEST_NS(ns, for (uint32_t k = 0; k < PAIR_COUNT; k++) count += sh_block_and_count(
                            sh_bitmap_block(&bitmaps[x], k), sh_bitmap_block(&bitmaps[y], (k + 1) % PAIR_COUNT)));
            printf("%14.0f", ns / PAIR_COUNT);
            answer(count);
        }
        printf("\n");
    }
    for (uint32_t form = 0; form < PAIR_FORM_COUNT; form++)
        sh_bitmap_deinit(&bitmaps[form]);
}

/* ---- One by one ---- */

static void measure_adds(void) {
    printf("random slots of %d added one by one\n", USER_COUNT);
    static const uint32_t densities[] = {3, 16, 100, 10000}; /* one user in so many */
    for (uint32_t i = 0; i < sizeof densities / sizeof *densities; i++) {
        const uint32_t count = USER_COUNT / densities[i];
        uint32_t *slots = take(count * sizeof *slots);
        for (uint32_t k = 0; k < count; k++)
            slots[k] = (uint32_t)(random_word() % USER_COUNT);
        double best_add_ns = 1e18, best_ask_ns = 1e18, best_remove_ns = 1e18;
        for (uint32_t round = 0; round < (round_count + 9) / 10; round++) {
            struct sh_bitmap bitmap = SH_BITMAP_EMPTY;
            uint64_t hits = 0;
            const double begin = now_ns();
            for (uint32_t k = 0; k < count; k++)
                if (sh_bitmap_add(&bitmap, slots[k], NULL) != SH_OK) abort();
            const double added = now_ns();
            for (uint32_t k = 0; k < count; k++)
                hits += sh_bitmap_contains(&bitmap, slots[k] ^ 1);
            const double asked = now_ns();
            answer(hits + sh_bitmap_count(&bitmap));
            for (uint32_t k = 0; k < count; k++)
                if (sh_bitmap_remove(&bitmap, slots[k], NULL) != SH_OK) abort();
            const double removed = now_ns();
            if (added - begin < best_add_ns) best_add_ns = added - begin;
            if (asked - added < best_ask_ns) best_ask_ns = asked - added;
            if (removed - asked < best_remove_ns) best_remove_ns = removed - asked;
            sh_bitmap_deinit(&bitmap);
        }
        printf("  one user in %-6u add %6.1f M/s   contains %6.1f M/s   remove %6.1f M/s\n", densities[i],
               count / best_add_ns * 1e3, count / best_ask_ns * 1e3, count / best_remove_ns * 1e3);
        sh_free(slots);
    }
}

int main(int argument_count, char **arguments) {
    if (argument_count > 1) round_count = (uint32_t)strtoul(arguments[1], NULL, 10);
    if (round_count == 0) {
        printf("usage: bitmap_bench [ROUNDS]\n");
        return 2;
    }
    const struct sh_bitmap_kernels *chosen = sh_bits;
    uint64_t *a = take(BIG_WORDS * 8), *b = take(BIG_WORDS * 8), *target = take(BIG_WORDS * 8);
    for (size_t i = 0; i < BIG_WORDS; i++) {
        a[i] = random_word();
        b[i] = random_word();
    }
    static struct samples samples;
    samples.words = take(PAIR_COUNT * sizeof *samples.words);
    samples.lists = take(PAIR_COUNT * sizeof *samples.lists);

    printf("kernels over words\n");
    for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++) {
        if ((sh_bits = sh_bitmap_kernels_of(isa)) == NULL) continue;
        memcpy(target, a, BIG_WORDS * 8);
        measure_words("L1", a, b, target, SH_BLOCK_WORDS, 256);
        measure_words("L2", a, b, target, BIG_WORDS, 2);
    }
    printf("kernels over lists\n");
    static const uint32_t densities[] = {2, 16, 64, 256};
    for (uint32_t i = 0; i < sizeof densities / sizeof *densities; i++) {
        sh_bits = chosen;
        samples_fill(&samples, densities[i]);
        for (uint32_t isa = 0; isa < SH_ISA_COUNT; isa++)
            if ((sh_bits = sh_bitmap_kernels_of(isa)) != NULL) measure_lists(&samples, densities[i]);
    }
    sh_bits = chosen;
    measure_pairs();
    measure_adds();
    printf("hash of all answers %016llx, %s\n", (unsigned long long)answer_hash, sh_bits->name);
    sh_free(a);
    sh_free(b);
    sh_free(target);
    sh_free(samples.words);
    sh_free(samples.lists);
    return 0;
}
