/* feed_math.h -- powers and logarithms of two that are the same bits on every machine.
 *
 * libm may differ from version to version in the last bit, and a score must not. These use only additions,
 * multiplications and divisions of IEEE doubles in a fixed order (the tree is built with -ffp-contract=off). They are
 * right to about 1e-14, which is far more than a score needs.
 */
#ifndef SH_FEED_MATH_H
#define SH_FEED_MATH_H

#include <stdint.h>
#include <string.h>

static inline double feed_math_power(int32_t exponent) { /* 2^exponent, -1022..1023 */
    const uint64_t bits = (uint64_t)(exponent + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* The series of e^(f ln 2), ln(2)^k / k!; for f in -0.5..0.5 the first term left out is below 2e-16. */
static const double feed_math_terms[] = {
    1.0,
    0.6931471805599453,
    0.24022650695910072,
    0.05550410866482158,
    0.009618129107628477,
    0.0013333558146428443,
    0.00015403530393381606,
    1.5252733804059838e-05,
    1.3215486790144305e-06,
    1.0178086009239696e-07,
    7.054911620801121e-09,
    4.44553827187081e-10,
    2.5678435993488196e-11,
};

/* 2^x. Below -1022 it is 0, above 1023 it is 2^1023: never infinite, never a subnormal. */
static inline double feed_math_exp2(double x) {
    if (!(x >= -1022.0)) return 0.0;
    if (x >= 1023.0) return feed_math_power(1023);
    const int32_t whole = (int32_t)(x + 1022.5) - 1022; /* the nearest, halves up */
    const double f = x - (double)whole;                 /* -0.5..0.5 */
    double sum = feed_math_terms[12];
    for (int i = 11; i >= 0; i--)
        sum = sum * f + feed_math_terms[i];
    return whole < -1022 ? 0.0 : sum * feed_math_power(whole);
}

/* The same up to 2^256, where x says how long before something learned a request's `now` lies, which may be two
 * thousand years: what grows by it stays finite, and so do its squares and their sums. */
static inline double feed_math_growth(double x) {
    return feed_math_exp2(x < 256.0 ? x : 256.0);
}

/* The same for two numbers at once: the same operations in the same order, so the same bits. */
static inline void feed_math_exp2_two(const double x[2], double power[2]) {
    typedef double two_numbers __attribute__((vector_size(16)));
    if (!(x[0] >= -1021.0 && x[1] >= -1021.0 && x[0] < 1023.0 && x[1] < 1023.0)) { /* the ends are for the plain one */
        power[0] = feed_math_exp2(x[0]);
        power[1] = feed_math_exp2(x[1]);
        return;
    }
    const int32_t whole[2] = {(int32_t)(x[0] + 1022.5) - 1022, (int32_t)(x[1] + 1022.5) - 1022};
    const two_numbers f = {x[0] - (double)whole[0], x[1] - (double)whole[1]};
    two_numbers sum = {feed_math_terms[12], feed_math_terms[12]};
    for (int i = 11; i >= 0; i--)
        sum = sum * f + (two_numbers){feed_math_terms[i], feed_math_terms[i]};
    power[0] = sum[0] * feed_math_power(whole[0]);
    power[1] = sum[1] * feed_math_power(whole[1]);
}

/* log2(x) for finite x > 0 that is no subnormal. */
static inline double feed_math_log2(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    int32_t exponent = (int32_t)(bits >> 52) - 1023;
    bits = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1023) << 52;
    double m; /* 1..2 */
    memcpy(&m, &bits, sizeof m);
    if (m > 1.4142135623730951) { /* to 0.7..1.4, so that the series below is short */
        m *= 0.5;
        exponent++;
    }
    /* ln m = 2 (s + s^3/3 + s^5/5 ...), s at most 0.172: the first term left out is below 1e-16. */
    const double s = (m - 1.0) / (m + 1.0);
    const double square = s * s;
    double sum = 0.0;
    for (int k = 19; k >= 1; k -= 2)
        sum = sum * square + 1.0 / (double)k;
    return (double)exponent + 2.885390081777927 * s * sum; /* 2 / ln 2 */
}

#endif
