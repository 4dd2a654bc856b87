#include "latency.h"

#include <math.h>

#include "status.h"

enum { STEP_BITS = 4 };
_Static_assert(1 << STEP_BITS == SH_LATENCY_STEP_COUNT, "the buckets of a power of two");
_Static_assert((SH_LATENCY_BITS - STEP_BITS + 1) * SH_LATENCY_STEP_COUNT == SH_LATENCY_BUCKET_COUNT, "and all");

uint32_t sh_latency_bucket(uint64_t ns) {
    const uint64_t units = ns / SH_LATENCY_UNIT_NS;
    if (units < SH_LATENCY_STEP_COUNT) return (uint32_t)units;
    const uint32_t high = 63u - (uint32_t)__builtin_clzll(units);
    if (high >= SH_LATENCY_BITS) return SH_LATENCY_BUCKET_COUNT - 1;
    const uint32_t step = (uint32_t)(units >> (high - STEP_BITS)) % SH_LATENCY_STEP_COUNT;
    return (high - STEP_BITS + 1) * SH_LATENCY_STEP_COUNT + step;
}

uint64_t sh_latency_end_ns(uint32_t bucket) {
    const uint32_t row = bucket / SH_LATENCY_STEP_COUNT;
    const uint64_t step = bucket % SH_LATENCY_STEP_COUNT + 1;
    const uint64_t units = row == 0 ? step : (SH_LATENCY_STEP_COUNT + step) << (row - 1);
    return units * SH_LATENCY_UNIT_NS;
}

void sh_latency_note(struct sh_latency *latency, uint64_t ns) {
    sh_count(&latency->sum_ns, ns);
    sh_count(&latency->buckets[sh_latency_bucket(ns)], 1);
    if (ns > sh_counted(&latency->ns_max)) sh_count_set(&latency->ns_max, ns);
}

void sh_latency_add(struct sh_latency_sum *sum, const struct sh_latency *latency) {
    const uint64_t ns_max = sh_counted(&latency->ns_max);
    sum->sum_ns += sh_counted(&latency->sum_ns);
    if (ns_max > sum->ns_max) sum->ns_max = ns_max;
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT; bucket++) {
        const uint64_t count = sh_counted(&latency->buckets[bucket]);
        sum->buckets[bucket] += count;
        sum->count += count;
    }
}

uint64_t sh_latency_percentile_ns(const struct sh_latency_sum *sum, double share) {
    sh_assert(share >= 0);
    sh_assert(share <= 1);
    const uint64_t wanted = (uint64_t)ceil((double)sum->count * share);
    uint64_t seen = 0;
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT && sum->count > 0; bucket++) {
        seen += sum->buckets[bucket];
        if (seen == 0 || seen < wanted) continue;
        const uint64_t end_ns = sh_latency_end_ns(bucket);
        return bucket == SH_LATENCY_BUCKET_COUNT - 1 || sum->ns_max < end_ns ? sum->ns_max : end_ns;
    }
    return 0;
}

uint64_t sh_latency_below(const struct sh_latency_sum *sum, uint32_t bits) {
    sh_assert(bits >= STEP_BITS);
    sh_assert(bits <= SH_LATENCY_BITS);
    const uint32_t end = (bits - STEP_BITS + 1) * SH_LATENCY_STEP_COUNT;
    uint64_t count = 0;
    /* What took longer than the last bucket's end is in it nevertheless. */
    for (uint32_t bucket = 0; bucket < end && bucket < SH_LATENCY_BUCKET_COUNT - 1; bucket++)
        count += sum->buckets[bucket];
    return count;
}
