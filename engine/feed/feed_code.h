/* feed_code.h -- sign codes of vectors (feed_narrow.h): a row without the centre, turned, and the signs of what it is.
 *
 *   row - centre = r, 2^k >= d numbers      turned: t = T r, T orthogonal and fixed      code: bit j is t_j >= 0
 *   r is near g * sign(t), turned back, with g = |r|^2 / sum of |t_j|, so that both have the same product with r
 *   u . r is near g * sum of (T u)_j * sign(t_j)                                         u: any vector
 *
 * T is two Walsh-Hadamard transforms with random signs in front of each, which are fixed: it spreads whatever a few
 * numbers of a vector say over all of them, so that signs tell as much as they can.
 *
 * A vector u is asked for by tables: four signs, a nibble of a code, choose one of sixteen sums of four numbers of T u, in
 * steps of a 31st of the greatest. So a kernel looks up a nibble of many codes in one instruction.
 */
#ifndef FEED_CODE_H
#define FEED_CODE_H

#include "vectors.h"

/* Bytes of a code: 8, 16 or 32; 0 for dimension 0. */
uint32_t code_bytes_of(uint32_t dimension);
/* The code of a row to its place in the codes of its group (vector_kernels.h), and its g in steps of
 * code_length_step(), 1..255. */
void code_make(const int16_t *row, const int16_t *centre, uint32_t dimension, uint32_t place, uint8_t *codes,
               uint8_t *length);
/* The tables of a row. *step: what a sum of 1 means, for g = 1. */
void code_ask(const int16_t *row, uint32_t dimension, struct sh_first_rule *rule, double *step);
/* g of length 1. A typical g is 1.25 / sqrt(bits) for |r| = 1. */
double code_length_step(uint32_t code_bytes);

#endif
