/* decimal.h -- exact money: a whole number of 10^-scale units in 64 bits. Text in, text out, never through a float. */
#ifndef SH_DECIMAL_H
#define SH_DECIMAL_H

#include "buffer.h"

enum { SH_DECIMAL_SCALE_MAX = 9 };

/* "12.5" at scale 2 is 1250; "-0.005" at scale 3 is -5. Sign, digits, one point, at least one digit; no exponent, no
 * blanks. More digits after the point than scale are refused unless they are zeros. SH_ERR_ARGUMENT / SH_ERR_OVERFLOW.
 */
SH_MUST_CHECK enum sh_status sh_decimal_parse(struct sh_text text, uint32_t scale, int64_t *units,
                                              struct sh_error *err);
/* A msgpack float is taken when the nearest decimal of that scale prints back to the same double. */
SH_MUST_CHECK enum sh_status sh_decimal_from_real(double real, uint32_t scale, int64_t *units, struct sh_error *err);
/* 1250 at scale 2 is "12.50". */
void sh_decimal_print(struct sh_buffer *buffer, __int128 units, uint32_t scale);
/* sum / count, to scale + 2 digits, halves to the even digit: sum 25, count 8, scale 0 is "3.12". count is not 0. */
void sh_decimal_print_ratio(struct sh_buffer *buffer, __int128 sum, uint64_t count, uint32_t scale);
/* units * 10^(to - from), SH_ERR_OVERFLOW if it does not fit, SH_ERR_ARGUMENT if digits would be lost. */
SH_MUST_CHECK enum sh_status sh_decimal_rescale(int64_t units, uint32_t from, uint32_t to, int64_t *rescaled,
                                                struct sh_error *err);
extern const int64_t sh_power_of_ten[19];

#endif
