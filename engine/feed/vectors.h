/* vectors.h -- vectors that the caller gives for items or users: a direction each, stored as whole numbers.
 *
 *   slot    0     1     2     3                   row of a slot, 0: it has no vector
 *   places  1     0     3     2
 *           |           |     '--- row 2         a row: `stride` 16-bit numbers (the dimension up to a multiple of 32,
 *           |           '--------- row 3                zeros behind it), of length SH_VECTOR_UNIT = 2^14
 *           '--------------------- row 1
 *
 * Only the direction is kept: value k of a vector x is round(2^14 x_k / |x|). What two rows have to do with each other is
 * their sum of products times 2^-28, which is the cosine of the two vectors to within
 * 2^-15 (sqrt(d) + sqrt(d)) + d 2^-30 at worst, and some 2e-5 as a rule: half the last place of each number. The sum itself
 * is of whole numbers, exact, and so the same on every machine.
 *
 * Centre. Where the vectors lie is told by their mean, and codes of them (feed_narrow.h) are of what is left when it is
 * taken away. Sums of all rows are kept exactly; the centre in use is their mean when the number of rows last doubled,
 * so it depends on what was put and in which order, and is part of an archive.
 *
 * Memory: 2 * stride bytes a vector and 4 a slot, with room to grow by half. Cost: setting one is a pass over it. On a
 * failure nothing changed. Threads: one.
 */
#ifndef SH_VECTORS_H
#define SH_VECTORS_H

#include "archive.h"
#include "bounds.h"
#include "vector_kernels.h"

struct sh_vectors;

struct sh_vectors *sh_vectors_create(void); /* of no dimension: it takes none. NULL if memory is out */
void sh_vectors_destroy(struct sh_vectors *vectors);
/* Forget all; from now on vectors have this dimension, 0..SH_VECTOR_DIMENSION_MAX. */
void sh_vectors_clear(struct sh_vectors *vectors, uint32_t dimension);
uint32_t sh_vectors_dimension(const struct sh_vectors *vectors);
uint32_t sh_vectors_stride(const struct sh_vectors *vectors);
uint32_t sh_vectors_count(const struct sh_vectors *vectors);

/* The row of `dimension` numbers, in place for a stride. False: they have no direction (all zero, or not finite). */
bool sh_vectors_fit(const double *values, uint32_t dimension, int16_t *row);
/* Takes a copy of a row as sh_vectors_fit makes it. */
SH_MUST_CHECK enum sh_status sh_vectors_set(struct sh_vectors *vectors, uint32_t slot, const int16_t *row);
void sh_vectors_remove(struct sh_vectors *vectors, uint32_t slot); /* none there: nothing happens */

/* NULL: it has none. Good until the next write. */
const int16_t *sh_vectors_row(const struct sh_vectors *vectors, uint32_t slot);
/* For kernels that go through many: the row's number, 0: none, and all rows. */
uint32_t sh_vectors_number(const struct sh_vectors *vectors, uint32_t slot);
const int16_t *sh_vectors_rows(const struct sh_vectors *vectors);
/* Ask for what says the number of a slot, and for a row of that number. Hints. */
void sh_vectors_prefetch_number(const struct sh_vectors *vectors, uint32_t slot);
void sh_vectors_prefetch(const struct sh_vectors *vectors, uint32_t number);
/* Exact. Both are rows of these vectors. */
int32_t sh_vectors_dot(const struct sh_vectors *vectors, const int16_t *a, const int16_t *b);
#define SH_VECTOR_COSINE (1.0 / 268435456.0) /* of a dot: 2^-28 */

/* The centre in use, and how often it has moved. */
const int16_t *sh_vectors_centre(const struct sh_vectors *vectors, uint64_t *number);

/* A section of that name. Allocates nothing. */
void sh_vectors_save(const struct sh_vectors *vectors, const char *name, struct sh_archive_writer *writer);
/* Into vectors that were just cleared to the dimension they are to have; on a failure they can only be destroyed. Slots
 * are below slot_end. Any bytes. */
SH_MUST_CHECK enum sh_status sh_vectors_load(struct sh_vectors *vectors, const char *name, uint32_t slot_end,
                                             struct sh_archive_reader *reader);
size_t sh_vectors_memory_bytes(const struct sh_vectors *vectors);
/* Do the rules hold? If not, *reason says which does not. */
bool sh_vectors_check(const struct sh_vectors *vectors, const char **reason);

#endif
