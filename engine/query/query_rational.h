/* query_rational.h -- exact fractions, for calculations in expressions.
 *
 * A fraction is 128 bits over 128 bits, the denominator positive; it may be missing. It is reduced when a result would
 * not fit otherwise, so that what fits at all is found; what does not is an error, never rounded. Comparing never
 * fails: where cross products do not fit, the fractions are compared digit by digit of their continued fractions.
 */
#ifndef SH_QUERY_RATIONAL_H
#define SH_QUERY_RATIONAL_H

#include "status.h"

struct sh_rational {
    bool is_present;
    __int128 numerator; /* above -2^127 */
    __int128 denominator;
};

static inline struct sh_rational sh_rational_of(__int128 numerator, __int128 denominator) {
    return (struct sh_rational){.is_present = true, .numerator = numerator, .denominator = denominator};
}

/* result = a op b, missing if one of them is; a / 0 is missing. result may be a or b. SH_ERR_OVERFLOW. */
SH_MUST_CHECK enum sh_status sh_rational_add(struct sh_rational a, struct sh_rational b, struct sh_rational *result,
                                             struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_rational_subtract(struct sh_rational a, struct sh_rational b,
                                                  struct sh_rational *result, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_rational_multiply(struct sh_rational a, struct sh_rational b,
                                                  struct sh_rational *result, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_rational_divide(struct sh_rational a, struct sh_rational b, struct sh_rational *result,
                                                struct sh_error *err);
/* <0, 0, >0; both present. */
int sh_rational_compare(struct sh_rational a, struct sh_rational b);

#endif
