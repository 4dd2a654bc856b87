#include "query_rational.h"

#define LEAST ((__int128)((unsigned __int128)1 << 127)) /* has no opposite: no numerator is it */

static enum sh_status overflow(struct sh_error *err) {
    return sh_fail(err, SH_ERR_OVERFLOW, -1, "a calculation leaves 128 bits");
}

static __int128 common_divisor(__int128 a, __int128 b) {
    unsigned __int128 x = a < 0 ? (unsigned __int128)-a : (unsigned __int128)a;
    unsigned __int128 y = (unsigned __int128)b;
    while (y != 0) {
        const unsigned __int128 rest = x % y;
        x = y;
        y = rest;
    }
    return (__int128)x;
}

static struct sh_rational reduced(struct sh_rational a) {
    const __int128 divisor = common_divisor(a.numerator, a.denominator);
    return sh_rational_of(a.numerator / divisor, a.denominator / divisor);
}

/* Over the least common denominator. False: it does not fit. */
static bool add_fits(struct sh_rational a, struct sh_rational b, struct sh_rational *result) {
    __int128 left;
    __int128 right;
    __int128 sum;
    __int128 denominator;
    if (a.denominator == b.denominator) {
        if (__builtin_add_overflow(a.numerator, b.numerator, &sum) || sum == LEAST) return false;
        *result = sh_rational_of(sum, a.denominator);
        return true;
    }
    const __int128 divisor = common_divisor(a.denominator, b.denominator);
    if (__builtin_mul_overflow(a.numerator, b.denominator / divisor, &left) ||
        __builtin_mul_overflow(b.numerator, a.denominator / divisor, &right) ||
        __builtin_mul_overflow(a.denominator, b.denominator / divisor, &denominator) ||
        __builtin_add_overflow(left, right, &sum) || sum == LEAST)
        return false;
    *result = sh_rational_of(sum, denominator);
    return true;
}

enum sh_status sh_rational_add(struct sh_rational a, struct sh_rational b, struct sh_rational *result,
                               struct sh_error *err) {
    *result = (struct sh_rational){.is_present = false};
    if (!a.is_present || !b.is_present || add_fits(a, b, result)) return SH_OK;
    return add_fits(reduced(a), reduced(b), result) ? SH_OK : overflow(err);
}

enum sh_status sh_rational_subtract(struct sh_rational a, struct sh_rational b, struct sh_rational *result,
                                    struct sh_error *err) {
    b.numerator = -b.numerator;
    return sh_rational_add(a, b, result, err);
}

static bool multiply_fits(struct sh_rational a, struct sh_rational b, struct sh_rational *result) {
    __int128 numerator;
    __int128 denominator;
    if (__builtin_mul_overflow(a.numerator, b.numerator, &numerator) || numerator == LEAST ||
        __builtin_mul_overflow(a.denominator, b.denominator, &denominator))
        return false;
    *result = sh_rational_of(numerator, denominator);
    return true;
}

enum sh_status sh_rational_multiply(struct sh_rational a, struct sh_rational b, struct sh_rational *result,
                                    struct sh_error *err) {
    *result = (struct sh_rational){.is_present = false};
    if (!a.is_present || !b.is_present || multiply_fits(a, b, result)) return SH_OK;
    /* Each numerator with the other's denominator, and then with its own. */
    const struct sh_rational first = reduced(sh_rational_of(a.numerator, b.denominator));
    const struct sh_rational second = reduced(sh_rational_of(b.numerator, a.denominator));
    const struct sh_rational left = reduced(sh_rational_of(first.numerator, second.denominator));
    const struct sh_rational right = reduced(sh_rational_of(second.numerator, first.denominator));
    return multiply_fits(left, right, result) ? SH_OK : overflow(err);
}

enum sh_status sh_rational_divide(struct sh_rational a, struct sh_rational b, struct sh_rational *result,
                                  struct sh_error *err) {
    *result = (struct sh_rational){.is_present = false};
    if (!a.is_present || !b.is_present || b.numerator == 0) return SH_OK;
    struct sh_rational turned = sh_rational_of(b.denominator, b.numerator);
    if (b.numerator < 0) turned = sh_rational_of(-b.denominator, -b.numerator);
    return sh_rational_multiply(a, turned, result, err);
}

/* a's whole part, rounded down, and what is left over. */
static __int128 whole_part(struct sh_rational *a) {
    __int128 whole = a->numerator / a->denominator;
    a->numerator %= a->denominator;
    if (a->numerator < 0) {
        whole--;
        a->numerator += a->denominator;
    }
    return whole;
}

int sh_rational_compare(struct sh_rational a, struct sh_rational b) {
    __int128 left;
    __int128 right;
    if (a.denominator == b.denominator) return (a.numerator > b.numerator) - (a.numerator < b.numerator);
    if (!__builtin_mul_overflow(a.numerator, b.denominator, &left) &&
        !__builtin_mul_overflow(b.numerator, a.denominator, &right))
        return (left > right) - (left < right);
    for (;;) { /* as Euclid: ends */
        left = whole_part(&a);
        right = whole_part(&b);
        if (left != right) return left > right ? 1 : -1;
        if (a.numerator == 0 || b.numerator == 0) return (a.numerator > 0) - (b.numerator > 0);
        /* Of two fractions below 1, the one whose reciprocal is less is greater. */
        const struct sh_rational held = sh_rational_of(b.denominator, b.numerator);
        b = sh_rational_of(a.denominator, a.numerator);
        a = held;
    }
}
