/* query_reference.h -- the least work that each query of query_bench needs, as plain loops over plain arrays: what an
 * engine is measured against. And the same with libroaring.
 */
#ifndef QUERY_REFERENCE_H
#define QUERY_REFERENCE_H

#include "query_population.h"

struct reference; /* dense bitmaps of tiers, cities and two tags, sorted u16 lists of the union's, bit slices, ids */
struct reference *reference_create(const struct population *population);
void reference_destroy(struct reference *reference);
uint64_t reference_q1(const struct reference *reference);
uint64_t reference_q2(const struct reference *reference);
uint64_t reference_q3(const struct reference *reference);
uint64_t reference_q4(const struct reference *reference);      /* 17 bit slices */
uint64_t reference_q4_scan(const struct reference *reference); /* the u32 column */
/* Q2's users as 16-byte ids, into out, which has room for all users; how many. */
uint64_t reference_q6(const struct reference *reference, char (*out)[16]);
/* The same of Q2 without its tags. */
uint64_t reference_q6b(const struct reference *reference, char (*out)[16]);
/* Purchases, by time; kept user by user: the best order for Q5, and the worst for all questions of a span of time. */
void reference_take_purchases(struct reference *reference, const uint32_t *users, const int64_t *times_ms,
                              const uint32_t *amounts, uint64_t count);
/* Users of tag a with so many purchases from from_ms on, and so much money. */
uint64_t reference_q5(const struct reference *reference, int64_t from_ms, uint32_t count_least, uint64_t amount_least);
/* Reads every word of a buffer: what the machine can do. */
uint64_t reference_read(const uint64_t *words, size_t word_count);

struct roaring_side;
struct roaring_side *roaring_create(const struct population *population);
void roaring_destroy(struct roaring_side *side);
uint64_t roaring_q1(const struct roaring_side *side);
uint64_t roaring_q2(const struct roaring_side *side);
uint64_t roaring_q3(const struct roaring_side *side);
uint64_t roaring_q4(const struct roaring_side *side);
uint64_t roaring_q6(const struct roaring_side *side, uint32_t *out);
uint64_t roaring_q6b(const struct roaring_side *side, uint32_t *out);

#endif
