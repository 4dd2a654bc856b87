/* latency.h -- how long things took: a histogram whose error is at most a sixteenth, whatever the length.
 *
 * Lengths are counted in units of a quarter of a microsecond. Below 16 units each has a bucket; above, each power of
 * two is cut into 16:
 *
 *   us        0   .25  .5 ...        4    4.25 ...        8    8.5 ...       16          ... 67 s
 *   bucket    |  0 |  1 |  ...    15 | 16 |  17 | ...  31 |  32 | 33 ...  47 | 48        ... 399, and all beyond
 *
 * So a power of two of microseconds is always an edge, and what is shown to Prometheus at such edges is exact. Adding
 * one takes two loads and two stores and no lock: one thread writes, any reads, and sums over threads are sums of
 * buckets.
 */
#ifndef SH_LATENCY_H
#define SH_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum {
    SH_LATENCY_UNIT_NS = 250,
    SH_LATENCY_STEP_COUNT = 16,                  /* of a power of two */
    SH_LATENCY_BITS = 28,                        /* 2^28 units are 67 s */
    SH_LATENCY_BUCKET_COUNT = (28 - 4 + 1) * 16, /* 400 */
};

/* Written by one thread, read by any: relaxed loads and stores, which cost what plain ones do. */
typedef _Atomic(uint64_t) sh_counter;

static inline void sh_count(sh_counter *counter, uint64_t more) {
    const uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + more, memory_order_relaxed);
}
static inline void sh_count_set(sh_counter *counter, uint64_t value) {
    atomic_store_explicit(counter, value, memory_order_relaxed);
}
static inline uint64_t sh_counted(const sh_counter *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

struct sh_latency {
    sh_counter sum_ns;
    sh_counter ns_max;
    sh_counter buckets[SH_LATENCY_BUCKET_COUNT];
};

/* A sum of such, no longer shared. */
struct sh_latency_sum {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t ns_max;
    uint64_t buckets[SH_LATENCY_BUCKET_COUNT];
};

void sh_latency_note(struct sh_latency *latency, uint64_t ns);
/* The count may be of a moment ago: what is noted meanwhile is in it or not. */
void sh_latency_add(struct sh_latency_sum *sum, const struct sh_latency *latency);

uint32_t sh_latency_bucket(uint64_t ns);
/* The first length that is beyond the bucket; of the last one 2^28 units. */
uint64_t sh_latency_end_ns(uint32_t bucket);
/* A length that `share` (0 to 1) of all do not exceed: the end of its bucket, but never more than the longest. 0: there
 * is none. */
uint64_t sh_latency_percentile_ns(const struct sh_latency_sum *sum, double share);
/* How many took less than 2^bits units; bits from 4 to SH_LATENCY_BITS. */
uint64_t sh_latency_below(const struct sh_latency_sum *sum, uint32_t bits);

#endif
