/* query_number.h -- decimal literals of any length, exactly; private to engine/query.
 *
 * A number literal is kept as its normalized digits: "-", integer digits without leading zeros (at least one), then "."
 * and digits without trailing zeros if there are any. "-0" is "0". So equal numbers have equal texts.
 */
#ifndef SH_QUERY_NUMBER_H
#define SH_QUERY_NUMBER_H

#include "arena.h"
#include "text.h"

/* sign, digits, [point, digits], already known to be well formed. NULL bytes when the arena is full. */
struct sh_text sh_number_normalize(struct sh_text digits, struct sh_arena *arena);
/* Well formed as above? */
bool sh_number_is_valid(struct sh_text text);
/* <0, 0, >0 as numbers; both normalized. */
int sh_number_compare(struct sh_text a, struct sh_text b);
/* Digits after the point of a normalized number. */
uint32_t sh_number_scale(struct sh_text number);

/* floor(number * 10^scale), and whether that is exact, for values in -limit - 1 .. limit (INT64_MAX: what an int64
 * holds). A number above them is limit and not exact, one below them is -limit - 2 and not exact: for comparing, that
 * is as good as the number itself. limit is at most 2^100. */
__int128 sh_number_floor(struct sh_text number, uint32_t scale, __int128 limit, bool *exact);

#endif
