/* query_kernels_property.c -- every instruction set that this machine has, against scalar: random groups of random
 * inputs with and without a target, a target that is an input, every alignment of 8 bytes; and slots in any order, as
 * many as a cell has or fewer, at the end of an allocation (so that a sanitizer sees a read too far).
 * Run: query_kernels_property SEED COUNT.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cpu.h"
#include "isa.h"
#include "query_kernels.h"
#include "split_random.h"

enum { WORDS = 1024, INPUTS_MAX = 30, SLOTS_MAX = 300 };

static struct split_random rng;
static uint64_t inputs[INPUTS_MAX][WORDS + 8];
static uint64_t expected[WORDS], found[WORDS + 8];

static bool cross_agrees(const struct sh_query_kernels *kernels) {
    struct sh_input_group groups[INPUTS_MAX];
    const uint64_t *pointers[INPUTS_MAX];
    const size_t word_count = 8 * (1 + split_below(&rng, WORDS / 8));
    size_t group_count = 0;
    uint32_t input_count = 0;
    const uint32_t input_end = 1 + (uint32_t)split_below(&rng, INPUTS_MAX);
    while (input_count < input_end) {
        const uint32_t count = 1 + (uint32_t)split_below(&rng, input_end - input_count);
        groups[group_count++] = (struct sh_input_group){.count = count, .negated = (uint32_t)split_below(&rng, 2)};
        for (uint32_t i = 0; i < count; i++, input_count++) {
            const uint64_t density = split_below(&rng, 3);
            uint64_t *words = inputs[input_count] + split_below(&rng, 8);
            for (size_t w = 0; w < word_count; w++) {
                words[w] = split_next(&rng);
                if (density == 0) words[w] &= split_next(&rng) & split_next(&rng);
                if (density == 2) words[w] |= split_next(&rng) | split_next(&rng);
            }
            pointers[input_count] = words;
        }
    }
    const uint64_t ones = sh_query_kernels_scalar.cross_groups(expected, groups, group_count, pointers, word_count);
    if (kernels->cross_groups(NULL, groups, group_count, pointers, word_count) != ones) return false;
    uint64_t *target = found + split_below(&rng, 8);
    if (kernels->cross_groups(target, groups, group_count, pointers, word_count) != ones) return false;
    if (memcmp(target, expected, word_count * sizeof *target) != 0) return false;
    uint64_t *own = (uint64_t *)(uintptr_t)pointers[split_below(&rng, input_count)];
    if (kernels->cross_groups(own, groups, group_count, pointers, word_count) != ones) return false;
    return memcmp(own, expected, word_count * sizeof *own) == 0;
}

static bool mask_agrees(const struct sh_query_kernels *kernels) {
    const size_t count = split_below(&rng, SLOTS_MAX + 1);
    uint16_t *slots = malloc(count * sizeof *slots + (count == 0));
    uint64_t *bits = inputs[0] + split_below(&rng, 8);
    uint64_t mask[SLOTS_MAX / 64 + 2], other[SLOTS_MAX / 64 + 2];
    if (slots == NULL) abort();
    memset(mask, 0xA5, sizeof mask);
    memset(other, 0xA5, sizeof other);
    for (size_t w = 0; w < WORDS; w++)
        bits[w] = split_next(&rng) & split_next(&rng);
    for (size_t i = 0; i < count; i++)
        slots[i] = split_one_in(&rng, 8) ? 65535 : (uint16_t)split_next(&rng);
    sh_query_kernels_scalar.mask_slots(bits, slots, count, mask);
    kernels->mask_slots(bits, slots, count, other);
    free(slots);
    return memcmp(mask, other, sizeof mask) == 0;
}

static bool weights_agree(const struct sh_query_kernels *kernels) {
    enum { SCORES = 65536 };
    static int32_t scores[SCORES + 1], other[SCORES + 1];
    const uint64_t *pointers[SH_WEIGHED_INPUT_COUNT_MAX];
    int32_t weights[SH_WEIGHED_INPUT_COUNT_MAX];
    const size_t input_count = 1 + split_below(&rng, SH_WEIGHED_INPUT_COUNT_MAX);
    int32_t *target = other + split_below(&rng, 2);
    for (size_t k = 0; k < input_count; k++) {
        pointers[k] = inputs[k] + split_below(&rng, 8);
        weights[k] = (int32_t)split_below(&rng, 2001) - 1000;
        for (size_t w = 0; w < WORDS; w++)
            inputs[k][w] = split_next(&rng);
    }
    for (size_t i = 0; i < SCORES; i++)
        target[i] = scores[i] = (int32_t)split_below(&rng, 5) - 2;
    sh_query_kernels_scalar.add_weights(pointers, weights, input_count, scores);
    kernels->add_weights(pointers, weights, input_count, target);
    if (memcmp(scores, target, SCORES * sizeof *scores) != 0) return false;
    const int32_t least = split_one_in(&rng, 8) ? INT32_MIN : (int32_t)split_below(&rng, 2001) - 1000;
    sh_query_kernels_scalar.mask_at_least(scores, least, pointers[0], expected);
    uint64_t *mask = split_one_in(&rng, 2) ? found : (uint64_t *)(uintptr_t)pointers[0];
    kernels->mask_at_least(target, least, pointers[0], mask);
    return memcmp(mask, expected, sizeof expected) == 0;
}

int main(int argument_count, char **arguments) {
    static const struct sh_query_kernels *const tables[] = {
        &sh_query_kernels_scalar,
#ifdef __x86_64__
        &sh_query_kernels_avx2,
        &sh_query_kernels_avx512,
#endif
    };
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 2000;
    printf("reproduce: ./query_kernels_property %" PRIu64 " %" PRIu64 "\n", seed, count);
    for (uint64_t run = 0; run < count; run++) {
        for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
            rng.state = seed * 1000003 + run;
            if ((tables[i]->cpu_required & ~sh_cpu_features()) != 0) continue;
            const bool agrees = cross_agrees(tables[i]) && mask_agrees(tables[i]);
            if (agrees && (run % 16 != 0 || weights_agree(tables[i]))) continue;
            printf("run %" PRIu64 ": %s differs from scalar\n", run, tables[i]->name);
            return 1;
        }
    }
    return 0;
}
