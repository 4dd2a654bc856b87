#include <criterion/criterion.h>

#include "latency.h"

Test(latency, every_length_is_in_the_bucket_whose_end_is_beyond_it) {
    uint64_t before_end_ns = 0;
    for (uint32_t bucket = 0; bucket < SH_LATENCY_BUCKET_COUNT; bucket++) {
        const uint64_t end_ns = sh_latency_end_ns(bucket);
        cr_assert_gt(end_ns, before_end_ns);
        cr_assert_eq(sh_latency_bucket(before_end_ns), bucket);
        cr_assert_eq(sh_latency_bucket(end_ns - 1), bucket);
        if (bucket >= SH_LATENCY_STEP_COUNT)
            cr_assert_leq((end_ns - before_end_ns) * SH_LATENCY_STEP_COUNT, before_end_ns, "at most a sixteenth wide");
        before_end_ns = end_ns;
    }
    cr_assert_eq(before_end_ns, (UINT64_C(1) << SH_LATENCY_BITS) * SH_LATENCY_UNIT_NS);
    cr_assert_eq(sh_latency_bucket(UINT64_MAX), SH_LATENCY_BUCKET_COUNT - 1);
}

static struct sh_latency_sum sum_of(struct sh_latency *latency) {
    struct sh_latency_sum sum = {0};
    sh_latency_add(&sum, latency);
    return sum;
}

Test(latency, percentiles_are_at_most_a_sixteenth_too_high_and_never_beyond_the_longest) {
    static struct sh_latency latency;
    for (uint64_t us = 1; us <= 10000; us++)
        sh_latency_note(&latency, us * 1000);
    const struct sh_latency_sum sum = sum_of(&latency);
    cr_assert_eq(sum.count, 10000);
    cr_assert_eq(sum.ns_max, 10000000);
    cr_assert_eq(sum.sum_ns, 10000ull * 10001 / 2 * 1000);
    static const double shares[] = {0.0001, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    for (uint32_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        const double exact_ns = shares[i] * 1e7;
        const double got_ns = (double)sh_latency_percentile_ns(&sum, shares[i]);
        cr_assert(got_ns >= exact_ns && got_ns <= exact_ns * 17 / 16 + SH_LATENCY_UNIT_NS, "%f: %f", shares[i], got_ns);
    }
    cr_assert_eq(sh_latency_percentile_ns(&sum, 1), 10000000);
}

Test(latency, of_nothing_everything_is_0) {
    static struct sh_latency latency;
    const struct sh_latency_sum sum = sum_of(&latency);
    cr_assert_eq(sh_latency_percentile_ns(&sum, 0.5), 0);
    cr_assert_eq(sh_latency_below(&sum, SH_LATENCY_BITS), 0);
}

Test(latency, counts_below_a_power_of_two_are_exact) {
    static struct sh_latency latency;
    const uint64_t edge_ns = (UINT64_C(1) << 13) * SH_LATENCY_UNIT_NS; /* 2.048 ms */
    sh_latency_note(&latency, edge_ns - 1);
    sh_latency_note(&latency, edge_ns);
    sh_latency_note(&latency, 0);
    sh_latency_note(&latency, UINT64_MAX / 4); /* longer than the last bucket's end */
    struct sh_latency_sum sum = sum_of(&latency);
    cr_assert_eq(sh_latency_below(&sum, 13), 2);
    cr_assert_eq(sh_latency_below(&sum, 14), 3);
    cr_assert_eq(sh_latency_below(&sum, SH_LATENCY_BITS), 3);
    cr_assert_eq(sh_latency_percentile_ns(&sum, 1), UINT64_MAX / 4);
    sh_latency_add(&sum, &latency);
    cr_assert_eq(sum.count, 8, "sums add up");
}
