/* latency.h -- a histogram of times, log-linear as HdrHistogram's: 32 steps in each power of two, so that a percentile
 * is at most 1/32 too high; from 1 ns to 2^40 ns (18 minutes). Counting costs one addition. */
#ifndef LATENCY_H
#define LATENCY_H

#include <stdint.h>

enum { LATENCY_STEPS = 32, LATENCY_BUCKET_COUNT = 36 * LATENCY_STEPS };

struct latency {
    uint64_t buckets[LATENCY_BUCKET_COUNT];
    uint64_t count;
    uint64_t most_ns;
};

static inline void latency_add(struct latency *latency, uint64_t ns) {
    uint32_t bucket = (uint32_t)ns;
    if (ns >= LATENCY_STEPS) {
        const uint32_t shift = 58u - (uint32_t)__builtin_clzll(ns); /* so that ns >> shift is 32 .. 63 */
        bucket = (shift + 1) * LATENCY_STEPS + (uint32_t)(ns >> shift) - LATENCY_STEPS;
    }
    latency->buckets[bucket < LATENCY_BUCKET_COUNT ? bucket : LATENCY_BUCKET_COUNT - 1]++;
    latency->count++;
    if (ns > latency->most_ns) latency->most_ns = ns;
}

/* The time in us that a part (0.99) of all did not exceed; 0 when there are none. */
static inline double latency_us(const struct latency *latency, double part) {
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < LATENCY_BUCKET_COUNT; bucket++) {
        seen += latency->buckets[bucket];
        if (latency->buckets[bucket] == 0 || (double)seen < (double)latency->count * part) continue;
        if (bucket < LATENCY_STEPS) return (double)(bucket + 1) / 1e3;
        const uint32_t shift = bucket / LATENCY_STEPS - 1;
        const double above = (double)((uint64_t)(bucket % LATENCY_STEPS + LATENCY_STEPS + 1) << shift);
        return (above < (double)latency->most_ns ? above : (double)latency->most_ns) / 1e3;
    }
    return (double)latency->most_ns / 1e3;
}

#endif
