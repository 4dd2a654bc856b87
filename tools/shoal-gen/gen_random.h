/* gen_random.h -- numbers that look random and are the same on every machine.
 *
 * splitmix64 (Steele, Lea, Flood 2014) keyed by (seed, what, which): user 17 is the same person in a shop of a thousand
 * and in a shop of a million. Only integer arithmetic and divisions of doubles, which IEEE 754 fixes to the bit.
 */
#ifndef GEN_RANDOM_H
#define GEN_RANDOM_H

#include <stdint.h>

struct gen_random {
    uint64_t state;
};

static inline uint64_t gen_next(struct gen_random *random) {
    uint64_t z = (random->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* A stream of its own for the which-th thing of a kind. */
static inline struct gen_random gen_stream(uint64_t seed, uint64_t kind, uint64_t which) {
    struct gen_random random = {seed ^ (kind * 0xA24BAED4963EE407u) ^ (which * 0x9FB21C651E98DF25u)};
    (void)gen_next(&random);
    return random;
}

/* 0 .. bound - 1; the bias of the multiplication is below bound / 2^32. */
static inline uint32_t gen_below(struct gen_random *random, uint32_t bound) {
    return (uint32_t)(((gen_next(random) >> 32) * bound) >> 32);
}

static inline double gen_unit(struct gen_random *random) { /* [0, 1) */
    return (double)(gen_next(random) >> 11) * 0x1.0p-53;
}

static inline int gen_chance(struct gen_random *random, uint32_t per_mille) {
    return gen_below(random, 1000) < per_mille;
}

/* Index by Zipf's law with exponent 1 over count things: the inverse of a cumulative table made by gen_zipf_table. */
static inline uint32_t gen_zipf(struct gen_random *random, const double *cumulative, uint32_t count) {
    const double wanted = gen_unit(random) * cumulative[count - 1];
    uint32_t low = 0;
    uint32_t high = count - 1;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (cumulative[middle] > wanted)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static inline void gen_zipf_table(double *cumulative, uint32_t count, double offset) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        sum += 1.0 / (offset + (double)i);
        cumulative[i] = sum;
    }
}

#endif
