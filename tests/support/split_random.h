/* split_random.h -- repeatable random numbers for tests and benchmarks (splitmix64). */
#ifndef SPLIT_RANDOM_H
#define SPLIT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct split_random {
    uint64_t state;
};

static inline uint64_t split_next(struct split_random *rng) {
    uint64_t z = (rng->state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}
/* 0 .. bound - 1; bound is at least 1. */
static inline uint64_t split_below(struct split_random *rng, uint64_t bound) {
    return (uint64_t)(((unsigned __int128)split_next(rng) * bound) >> 64);
}
static inline bool split_one_in(struct split_random *rng, uint64_t n) {
    return split_below(rng, n) == 0;
}
/* Small numbers often, large ones sometimes: 0 .. bound - 1 with every magnitude about as likely. */
static inline uint64_t split_length(struct split_random *rng, uint64_t bound) {
    uint64_t bits = 0;
    while (bits < 63 && (UINT64_C(1) << bits) < bound)
        bits++;
    const uint64_t cut = UINT64_C(1) << split_below(rng, bits + 1);
    return split_below(rng, cut < bound ? cut : bound);
}

#endif
