/* ftrl.h -- logistic regression that learns one example at a time: FTRL-proximal, each weight with its own pace.
 *
 *   terms   (bucket, value) ...        a name hashed into 2^bits buckets, and how much of it there is
 *   sum     w[b1] v1 + w[b2] v2 ...    in the order of the terms
 *
 *   learn   g = (prediction - label) * value,   for each term after the other
 *           n' = n + g^2     z' = z + g - (sqrt(n') - sqrt(n)) / alpha * w
 *           w  = 0 if |z'| <= l1, else (sign(z') l1 - z') / ((beta + sqrt(n')) / alpha + l2)
 *
 * (McMahan and others, "Ad click prediction: a view from the trenches", 2013.) A weight stays exactly 0 until the
 * evidence for it is larger than l1, so what was never seen, or was seen to say nothing, leaves a prediction alone.
 *
 * The prediction is the caller's: it may add an offset of its own to the sum, and the weights then learn what the offset
 * leaves to be explained.
 *
 * Sums are of doubles, weights and their state are kept as floats, all in one written order of plain IEEE operations: the
 * same examples in the same order give the same bits on every machine. They do not commute: whoever wants the same
 * weights in several shards gives each the same examples in the same order.
 *
 * Cost: 12 bytes a bucket, taken at once; a term is a random access of four bytes to sum, of twelve to learn.
 * Threads: one owner.
 */
#ifndef SH_FTRL_H
#define SH_FTRL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive.h"

enum { SH_FTRL_BITS_MAX = 24 };

struct sh_ftrl_config {
    double alpha; /* pace, above 0 */
    double beta;  /* how long a weight waits with its first steps, at least 0; alpha / beta is the first step's size */
    double l1;    /* evidence that a weight needs to be more than 0 */
    double l2;    /* pull towards 0 */
};

struct sh_ftrl_term {
    uint32_t bucket; /* below 2^bits */
    float value;
};

struct sh_ftrl;

/* All weights 0. NULL if memory is out. */
struct sh_ftrl *sh_ftrl_create(uint32_t bits, struct sh_ftrl_config config);
void sh_ftrl_destroy(struct sh_ftrl *ftrl); /* NULL is fine */

static inline uint32_t sh_ftrl_bucket(uint64_t name, uint32_t bits) {
    return (uint32_t)(name >> (64 - bits));
}
double sh_ftrl_sum(const struct sh_ftrl *ftrl, const struct sh_ftrl_term *terms, uint32_t count);
double sh_ftrl_weight(const struct sh_ftrl *ftrl, uint32_t bucket);
/* label 0..1. Two terms of one bucket are two steps. */
void sh_ftrl_learn(struct sh_ftrl *ftrl, const struct sh_ftrl_term *terms, uint32_t count, double prediction,
                   double label);

/* 1 / (1 + e^-x), the same bits on every machine; never 0 or 1. */
double sh_logistic(double x);
/* -ln of the probability that the prediction gave to what came: label is 0 or 1. */
double sh_log_loss(double prediction, bool label);

uint32_t sh_ftrl_used_count(const struct sh_ftrl *ftrl); /* weights that are not 0 */
size_t sh_ftrl_memory_bytes(const struct sh_ftrl *ftrl);

/* Section "ftrl". Only buckets that learned something are written. Allocates nothing. */
void sh_ftrl_save(const struct sh_ftrl *ftrl, struct sh_archive_writer *writer);
/* Into one that learned nothing yet, of the same bits. */
SH_MUST_CHECK enum sh_status sh_ftrl_load(struct sh_ftrl *ftrl, struct sh_archive_reader *reader);

#endif
