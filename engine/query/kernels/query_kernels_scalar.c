/* query_kernels_scalar.c -- says what is right. */
#include "query_kernels.h"

static uint64_t cross_groups(uint64_t *target, const struct sh_input_group *groups, size_t group_count,
                             const uint64_t *const *inputs, size_t word_count) {
    uint64_t ones = 0;
    for (size_t i = 0; i < word_count; i++) {
        const uint64_t *const *input = inputs;
        uint64_t all = UINT64_MAX;
        for (size_t group = 0; group < group_count; group++) {
            uint64_t any = 0;
            for (uint32_t k = 0; k < groups[group].count; k++)
                any |= (*input++)[i];
            all &= groups[group].negated ? ~any : any;
        }
        if (target != NULL) target[i] = all;
        ones += (uint64_t)__builtin_popcountll(all);
    }
    return ones;
}

static void mask_slots(const uint64_t *restrict bits, const uint16_t *restrict slots, size_t count,
                       uint64_t *restrict mask) {
    for (size_t i = 0; i < count; i += 64) {
        const size_t end = count - i < 64 ? count - i : 64;
        uint64_t word = 0;
        for (size_t k = 0; k < end; k++)
            word |= (bits[slots[i + k] / 64] >> (slots[i + k] % 64) & 1) << k;
        mask[i / 64] = word;
    }
}

static void add_weights(const uint64_t *const *inputs, const int32_t *weights, size_t input_count, int32_t *scores) {
    for (size_t k = 0; k < input_count; k++)
        for (size_t i = 0; i < 65536; i++)
            if (inputs[k][i / 64] >> (i % 64) & 1) scores[i] = (int32_t)((uint32_t)scores[i] + (uint32_t)weights[k]);
}

static void mask_at_least(const int32_t *scores, int32_t least, const uint64_t *bits, uint64_t *mask) {
    for (size_t w = 0; w < 1024; w++) {
        uint64_t word = 0;
        for (size_t k = 0; k < 64; k++)
            word |= (uint64_t)(scores[w * 64 + k] >= least) << k;
        mask[w] = bits[w] & word;
    }
}

const struct sh_query_kernels sh_query_kernels_scalar = {.name = "scalar",
                                                         .cross_groups = cross_groups,
                                                         .mask_slots = mask_slots,
                                                         .add_weights = add_weights,
                                                         .mask_at_least = mask_at_least};
