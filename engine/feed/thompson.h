/* thompson.h -- which of a few things to try next: each as often as it may be the best.
 *
 * Thompson sampling draws a rate for each thing from what is believed of it and takes the highest. Here the chance of
 * that is computed first, and one draw among these chances follows; so the propensity that is written down is exactly
 * the one that was drawn with.
 *
 *   belief of thing j    Beta(a_j, b_j) over its rate r, on a grid of x = ln(r / (1 - r)):   f_j(x) ~ r^a_j (1 - r)^b_j
 *   it is the best       p_j = sum over x of f_j(x) * product over the others k of F_k(x)     then scaled to sum 1
 *
 *        few looks   .-''''-.          a wide belief keeps a chance; with looks it narrows,
 *        many looks        .|.         and the worse of two gets none
 *
 * On one point of the grid things are tied, and a tie is shared: F_k counts half of the point. All in one written order
 * of plain IEEE operations: the same chances on every machine.
 *
 * Cost: 64 powers of two a thing, 0.7 us. Memory: on the stack.
 */
#ifndef SH_THOMPSON_H
#define SH_THOMPSON_H

#include <stdint.h>

enum { SH_THOMPSON_COUNT_MAX = 64 };

struct sh_belief {
    double a; /* acts and prior, above 0 */
    double b; /* looks without, and prior, above 0 */
};

/* chances[j] for count things, 1..SH_THOMPSON_COUNT_MAX; they sum to 1. */
void sh_thompson_chances(const struct sh_belief *beliefs, uint32_t count, double *chances);
/* One draw among those that are not taken: word is any 64 random bits. *propensity is its chance among them. Returns its
 * place, or count if all are taken. */
uint32_t sh_thompson_draw(const double *chances, const uint8_t *taken, uint32_t count, uint64_t word,
                          double *propensity);

#endif
