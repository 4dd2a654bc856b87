#include "decimal.h"

#include <math.h>

const int64_t sh_power_of_ten[19] = {1,
                                     10,
                                     100,
                                     1000,
                                     10000,
                                     100000,
                                     1000000,
                                     10000000,
                                     100000000,
                                     1000000000,
                                     10000000000,
                                     100000000000,
                                     1000000000000,
                                     10000000000000,
                                     100000000000000,
                                     1000000000000000,
                                     10000000000000000,
                                     100000000000000000,
                                     1000000000000000000};

/* A magnitude that may be one more than INT64_MAX, for INT64_MIN. */
static uint64_t magnitude_max(bool negative) {
    return (uint64_t)INT64_MAX + (negative ? 1 : 0);
}

static int64_t signed_units(uint64_t magnitude, bool negative) {
    return negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
}

static enum sh_status fail_overflow(int64_t position, uint32_t scale, struct sh_error *err) {
    return sh_fail(err, SH_ERR_OVERFLOW, position, "this number does not fit 64 bits with %u digits after the point",
                   scale);
}

enum sh_status sh_decimal_parse(struct sh_text text, uint32_t scale, int64_t *units, struct sh_error *err) {
    sh_assert(scale <= SH_DECIMAL_SCALE_MAX);
    uint32_t at = 0;
    const bool negative = at < text.count && text.bytes[at] == '-';
    if (at < text.count && (text.bytes[at] == '-' || text.bytes[at] == '+')) at++;
    uint64_t magnitude = 0;
    uint32_t digit_count = 0;
    uint32_t fraction_count = 0; /* digits after the point that are in magnitude */
    bool after_point = false;
    for (; at < text.count; at++) {
        const char character = text.bytes[at];
        if (character == '.' && !after_point) {
            after_point = true;
            continue;
        }
        if (character < '0' || character > '9')
            return sh_fail(err, SH_ERR_ARGUMENT, at, "a decimal number has only digits and one point, as in 12.50");
        digit_count++;
        if (after_point && fraction_count == scale) {
            if (character != '0')
                return sh_fail(err, SH_ERR_ARGUMENT, at, "only %u digits are kept after the point", scale);
            continue;
        }
        const uint64_t digit = (uint64_t)(character - '0');
        if (__builtin_mul_overflow(magnitude, 10u, &magnitude) || __builtin_add_overflow(magnitude, digit, &magnitude))
            return fail_overflow(at, scale, err);
        if (after_point) fraction_count++;
    }
    if (digit_count == 0) return sh_fail(err, SH_ERR_ARGUMENT, at, "a decimal number needs at least one digit");
    const uint64_t factor = (uint64_t)sh_power_of_ten[scale - fraction_count];
    if (__builtin_mul_overflow(magnitude, factor, &magnitude) || magnitude > magnitude_max(negative))
        return fail_overflow(0, scale, err);
    *units = signed_units(magnitude, negative);
    return SH_OK;
}

static enum sh_status fail_inexact(double real, uint32_t scale, struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the float %.17g has more than %u digits after the point", real, scale);
}

/* In whole numbers throughout. real is mantissa * 2^exponent and the nearest decimal is u / 10^scale. With
 * exponent = -k and d = |u * 2^k - mantissa * 10^scale|, the decimal lies d / (10^scale * 2^k) away from real, and half
 * the step to the next double is 1 / 2^(k+1): it reads back as real if 2d < 10^scale. On the boundary the even
 * mantissa wins; below a power of two the step is half as wide. */
enum sh_status sh_decimal_from_real(double real, uint32_t scale, int64_t *units, struct sh_error *err) {
    sh_assert(scale <= SH_DECIMAL_SCALE_MAX);
    if (!isfinite(real)) return sh_fail(err, SH_ERR_ARGUMENT, -1, "this float is infinite or not a number");
    const bool negative = real < 0;
    int exponent;
    const double fraction = frexp(fabs(real), &exponent);
    const uint64_t mantissa = (uint64_t)ldexp(fraction, 53); /* below 2^53, so exact */
    exponent -= 53;
    if (mantissa == 0) {
        *units = 0;
        return SH_OK;
    }
    const uint64_t power = (uint64_t)sh_power_of_ten[scale];
    const unsigned __int128 product = (unsigned __int128)mantissa * power; /* below 2^83 */
    unsigned __int128 rounded;
    if (exponent >= 0) {
        if (exponent > 11) return fail_overflow(-1, scale, err); /* mantissa has 53 bits: at least 2^64 */
        rounded = product << exponent;
    } else {
        const int k = -exponent;
        if (k > 120) return fail_inexact(real, scale, err); /* the nearest decimal is 0 */
        const unsigned __int128 one = 1;
        rounded = (product + (one << (k - 1))) >> k;
        const unsigned __int128 back = rounded << k;
        const unsigned __int128 d = back > product ? back - product : product - back;
        const bool narrow = back < product && mantissa == UINT64_C(1) << 52;
        const unsigned __int128 steps = (narrow ? 4 : 2) * d;
        if (steps > power || (steps == power && (mantissa & 1) != 0)) return fail_inexact(real, scale, err);
    }
    if (rounded > magnitude_max(negative)) return fail_overflow(-1, scale, err);
    *units = signed_units((uint64_t)rounded, negative);
    return SH_OK;
}

static void print_magnitude(struct sh_buffer *buffer, unsigned __int128 magnitude, bool negative, uint32_t scale) {
    char digits[64]; /* 2^128 has 39 digits */
    uint32_t at = sizeof digits;
    uint32_t digit_count = 0;
    do {
        if (digit_count == scale && scale > 0) digits[--at] = '.';
        digits[--at] = (char)('0' + (int)(magnitude % 10));
        magnitude /= 10;
        digit_count++;
    } while (magnitude > 0 || digit_count <= scale);
    if (negative) digits[--at] = '-';
    sh_buffer_append(buffer, digits + at, sizeof digits - at);
}

static unsigned __int128 magnitude_of(__int128 units) {
    return units < 0 ? 0 - (unsigned __int128)units : (unsigned __int128)units;
}

void sh_decimal_print(struct sh_buffer *buffer, __int128 units, uint32_t scale) {
    sh_assert(scale <= SH_DECIMAL_SCALE_MAX);
    print_magnitude(buffer, magnitude_of(units), units < 0, scale);
}

void sh_decimal_print_ratio(struct sh_buffer *buffer, __int128 sum, uint64_t count, uint32_t scale) {
    sh_assert(scale <= SH_DECIMAL_SCALE_MAX);
    sh_assert(count > 0);
    const unsigned __int128 magnitude = magnitude_of(sum);
    const unsigned __int128 whole = magnitude / count;
    sh_assert(whole < (unsigned __int128)1 << 120); /* a mean of 64-bit values */
    const unsigned __int128 rest = magnitude % count * 100;
    unsigned __int128 hundredths = rest / count;
    const unsigned __int128 doubled = rest % count * 2;
    if (doubled > count || (doubled == count && hundredths % 2 == 1)) hundredths++;
    const unsigned __int128 mean = whole * 100 + hundredths;
    print_magnitude(buffer, mean, sum < 0 && mean > 0, scale + 2);
}

enum sh_status sh_decimal_rescale(int64_t units, uint32_t from, uint32_t to, int64_t *rescaled, struct sh_error *err) {
    sh_assert(from <= SH_DECIMAL_SCALE_MAX);
    sh_assert(to <= SH_DECIMAL_SCALE_MAX);
    if (to >= from) {
        int64_t product;
        if (__builtin_mul_overflow(units, sh_power_of_ten[to - from], &product)) return fail_overflow(-1, to, err);
        *rescaled = product;
        return SH_OK;
    }
    const int64_t divisor = sh_power_of_ten[from - to];
    if (units % divisor != 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "only %u digits are kept after the point", to);
    *rescaled = units / divisor;
    return SH_OK;
}
