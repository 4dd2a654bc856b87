/* vector_kernels_plain.h -- the kernels in plain C: what the scalar table has, and of the others what the compiler makes
 * good code of by itself. Included by the kernel files alone; all static, so that no copy compiled for a newer machine
 * can stand in for the baseline one. */
#ifndef SH_VECTOR_KERNELS_PLAIN_H
#define SH_VECTOR_KERNELS_PLAIN_H

#include "vector_kernels.h"

static inline int16_t plain_saturate(int32_t value) {
    if (value > INT16_MAX) return INT16_MAX;
    return value < INT16_MIN ? INT16_MIN : (int16_t)value;
}

static inline int32_t plain_round15(int32_t product) {
    return (product + (1 << 14)) >> 15;
}

static inline int32_t plain_code_sum(const struct sh_first_rule *rule, const uint8_t *codes, uint32_t place) {
    const uint32_t at = place < 32 ? 2 * place : 2 * (place - 32) + 1;
    int32_t sum = 0;
    for (uint32_t i = 0; i < rule->code_bytes; i++) {
        const uint8_t byte = codes[i * SH_FIRST_GROUP + at];
        sum += rule->tables[2 * i][byte & 15] + rule->tables[2 * i + 1][byte >> 4];
    }
    return sum - (int32_t)(2 * SH_CODE_MIDDLE * rule->code_bytes);
}

static inline int16_t plain_without_vector(const struct sh_first_rule *rule, const struct sh_first_items *items,
                                           uint32_t item, int16_t sum) {
    const uint32_t recency = items->recencies[item] < rule->recency_top ? items->recencies[item] : rule->recency_top;
    const uint32_t popularity = items->popularities[item];
    int32_t score = ((int32_t)sum * items->norms[item] * 128 + 16384) >> 15;
    score = plain_saturate(score + (int32_t)((popularity * 256 * rule->popularity_factor) >> 16));
    return plain_saturate(score + (int32_t)((recency * 256 * rule->recency_factor) >> 16));
}

static inline int16_t plain_with_vector(const struct sh_first_rule *rule, const struct sh_first_items *items,
                                        uint32_t item, int16_t score) {
    if (rule->code_bytes == 0 || items->lengths[item] == 0) return score;
    const uint8_t *codes = items->codes + (uint64_t)(item / SH_FIRST_GROUP) * rule->code_bytes * SH_FIRST_GROUP;
    const int32_t along = plain_code_sum(rule, codes, item % SH_FIRST_GROUP) * (1 << rule->shift);
    const int32_t long_as = plain_round15(along * (items->lengths[item] * 128));
    const int32_t vector = plain_round15(long_as * rule->vector_factor);
    return plain_saturate(plain_saturate(score + vector) + rule->vector_base);
}

__attribute__((unused)) static void plain_first_scores(const struct sh_first_rule *rule,
                                                       const struct sh_first_items *items, uint32_t group_count,
                                                       const uint64_t *candidates, int16_t *sums, int16_t *scores,
                                                       int16_t *tops) {
    for (uint32_t group = 0; group < group_count; group++) {
        tops[group] = INT16_MIN;
        for (uint64_t word = candidates[group]; word != 0; word &= word - 1) {
            const uint32_t item = group * SH_FIRST_GROUP + (uint32_t)__builtin_ctzll(word);
            sums[item] = plain_without_vector(rule, items, item, sums[item]);
            scores[item] = plain_with_vector(rule, items, item, sums[item]);
            if (scores[item] > tops[group]) tops[group] = scores[item];
        }
    }
}

__attribute__((unused)) static void plain_dot_rows(const int16_t *row, uint32_t stride, const int16_t *rows,
                                                   const uint32_t *numbers, uint32_t count, int32_t *sums) {
    for (uint32_t i = 0; i < count; i++) {
        const int16_t *other = rows + (uint64_t)numbers[i] * stride;
        int32_t sum = 0;
        for (uint32_t k = 0; k < stride; k++)
            sum += (int32_t)row[k] * other[k];
        sums[i] = sum;
    }
}

__attribute__((unused)) static void plain_add_bits(int16_t *sums, const uint64_t *const *bits, const int16_t *weights,
                                                   uint32_t count, uint32_t word_count) {
    for (uint32_t k = 0; k < count; k++)
        for (uint32_t w = 0; w < word_count; w++)
            for (uint64_t word = bits[k][w]; word != 0; word &= word - 1)
                sums[w * 64 + (uint32_t)__builtin_ctzll(word)] += weights[k];
}

__attribute__((unused)) static uint64_t plain_at_least(const int16_t scores[SH_FIRST_GROUP], int16_t bound) {
    uint64_t found = 0;
    for (uint32_t i = 0; i < SH_FIRST_GROUP; i++)
        found |= (uint64_t)(scores[i] >= bound) << i;
    return found;
}

#endif
