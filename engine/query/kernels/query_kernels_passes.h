/* query_kernels_passes.h -- how the vector tables cross groups: in passes of up to twelve inputs to have and four not
 * to have, each with a load of its own.
 *
 * A machine's prefetching learns strides by the instruction that loads. A loop that goes from input to input makes
 * every load look random (bench/system/query_bench, Q2: twice as slow), so a pass is straight-line code, and where
 * groups end is data:
 *
 *   slot       0    1    2    3    4    5        inputs of three groups: a, t5 or t6 or t7, c1 or c2
 *   input      a    t5   t6   t7   c1   c2
 *   keep       0    0    1    1    0    1        any = (any and keep) or input
 *   open       0    1    1    0    1    0        all = all and (any or open)
 *
 * A negated group is its inputs, each negated. What does not fit goes into further passes, which begin with what is
 * left so far as their first input.
 *
 * Included by the tables of AVX2 and AVX-512 after they have defined
 *   VECTOR, VECTOR_WORDS, LOAD(words), STORE(words, vector), ZERO, ALL_ONES, EACH(word): the word in every lane,
 *   KEEP_OR(any, keep, input), AND_OR(all, any, open), AND_NOT(all, input), and
 *   SUMS, NO_SUMS, ADD_ONES(sums, vector), SUM(sums): counting ones.
 */
#ifndef SH_QUERY_KERNELS_PASSES_H
#define SH_QUERY_KERNELS_PASSES_H

#include <stdbool.h>

#include "query_kernels.h"

enum { POSITIVE_MAX = 12, NEGATIVE_MAX = 4 };
#define UNROLL        _Pragma("GCC unroll 12")
#define ALWAYS_INLINE static inline __attribute__((always_inline))

struct pass {
    const uint64_t *positive[POSITIVE_MAX];
    uint64_t keep[POSITIVE_MAX]; /* all ones or all zeros */
    uint64_t open[POSITIVE_MAX];
    const uint64_t *negative[NEGATIVE_MAX];
    uint32_t positive_count;
    uint32_t negative_count;
    size_t word_count;
};

ALWAYS_INLINE uint64_t run_slots(const struct pass *pass, uint64_t *target, int positive_count, int negative_count) {
    VECTOR keep[POSITIVE_MAX], open[POSITIVE_MAX];
    const uint64_t *positive[POSITIVE_MAX], *negative[NEGATIVE_MAX];
    SUMS sums = NO_SUMS;
    UNROLL for (int k = 0; k < positive_count; k++) {
        positive[k] = pass->positive[k];
        keep[k] = EACH(pass->keep[k]);
        open[k] = EACH(pass->open[k]);
    }
    UNROLL for (int k = 0; k < negative_count; k++) negative[k] = pass->negative[k];
    for (size_t i = 0; i < pass->word_count; i += VECTOR_WORDS) {
        VECTOR all = ALL_ONES;
        VECTOR any = ZERO;
        UNROLL for (int k = 0; k < negative_count; k++) all = AND_NOT(all, LOAD(negative[k] + i));
        UNROLL for (int k = 0; k < positive_count; k++) {
            any = KEEP_OR(any, keep[k], LOAD(positive[k] + i));
            all = AND_OR(all, any, open[k]);
        }
        if (target != NULL) STORE(target + i, all);
        sums = ADD_ONES(sums, all);
    }
    return SUM(sums);
}

#define RUN_SLOTS(positive_count)                                                                                      \
    (pass->negative_count == 0   ? run_slots(pass, target, positive_count, 0)                                          \
     : pass->negative_count <= 2 ? run_slots(pass, target, positive_count, 2)                                          \
                                 : run_slots(pass, target, positive_count, 4))

/* Unused slots repeat the last input, whose line is there already, and change nothing. */
static uint64_t run_pass(struct pass *pass, uint64_t *target) {
    for (uint32_t k = pass->positive_count; k > 0 && k < POSITIVE_MAX; k++) {
        pass->positive[k] = pass->positive[k - 1];
        pass->keep[k] = pass->open[k] = UINT64_MAX;
    }
    for (uint32_t k = pass->negative_count; k > 0 && k < NEGATIVE_MAX; k++)
        pass->negative[k] = pass->negative[k - 1];
    if (pass->positive_count == 0) return RUN_SLOTS(0);
    if (pass->positive_count <= 4) return RUN_SLOTS(4);
    return pass->positive_count <= 8 ? RUN_SLOTS(8) : RUN_SLOTS(POSITIVE_MAX);
}

static void add_group(struct pass *pass, const uint64_t *const *inputs, uint32_t count) {
    for (uint32_t k = 0; k < count; k++) {
        const uint32_t slot = pass->positive_count++;
        pass->positive[slot] = inputs[k];
        pass->keep[slot] = k == 0 ? 0 : UINT64_MAX;
        pass->open[slot] = k + 1 == count ? 0 : UINT64_MAX;
    }
}

/* Run what is there, and begin the next pass with its answer. */
static void begin_next(struct pass *pass, uint64_t *so_far) {
    if (pass->positive_count + pass->negative_count == 0) return;
    (void)run_pass(pass, so_far);
    pass->positive_count = pass->negative_count = 0;
    add_group(pass, (const uint64_t *const[]){so_far}, 1);
}

/* A union that does not fit a pass: united in scratch but for the last inputs, which stay; how many those are. */
static uint32_t unite_ahead(uint64_t *scratch, const uint64_t *const *inputs, uint32_t count, size_t word_count,
                            const uint64_t **rest) {
    struct pass pass = {.word_count = word_count};
    uint32_t taken = 0;
    while (count - taken > POSITIVE_MAX - 2) { /* beside scratch and what is left so far */
        const uint32_t held = taken == 0 ? 0 : 1;
        const uint32_t left = count - taken;
        const uint32_t fresh = left < POSITIVE_MAX - held ? left : POSITIVE_MAX - held;
        const uint64_t *slots[POSITIVE_MAX] = {scratch};
        for (uint32_t k = 0; k < fresh; k++)
            slots[held + k] = inputs[taken + k];
        pass.positive_count = 0;
        add_group(&pass, slots, held + fresh);
        (void)run_pass(&pass, scratch);
        taken += fresh;
    }
    rest[0] = scratch;
    for (uint32_t k = taken; k < count; k++)
        rest[1 + k - taken] = inputs[k];
    return 1 + count - taken;
}

/* What is left so far is kept apart from target until the last pass, because target may be an input of any. */
static uint64_t cross_groups(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count) {
    uint64_t so_far[SH_CROSS_WORDS_MAX] __attribute__((aligned(64)));
    uint64_t scratch[SH_CROSS_WORDS_MAX] __attribute__((aligned(64)));
    struct pass pass = {.word_count = word_count};
    const uint64_t *const *input = inputs;
    for (size_t group = 0; group < group_count; group++) {
        const uint32_t count = groups[group].count;
        for (uint32_t k = 0; groups[group].negated && k < count; k++) {
            if (pass.negative_count == NEGATIVE_MAX) begin_next(&pass, so_far);
            pass.negative[pass.negative_count++] = input[k];
        }
        if (!groups[group].negated && count < POSITIVE_MAX) {
            if (pass.positive_count + count > POSITIVE_MAX) begin_next(&pass, so_far);
            add_group(&pass, input, count);
        } else if (!groups[group].negated) {
            const uint64_t *rest[POSITIVE_MAX];
            begin_next(&pass, so_far); /* it may need scratch */
            add_group(&pass, rest, unite_ahead(scratch, input, count, word_count, rest));
        }
        input += count;
    }
    return run_pass(&pass, target);
}

#endif
