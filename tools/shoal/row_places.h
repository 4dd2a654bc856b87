/* row_places.h -- how often each content was seen in a file, so that equal rows without an id get different ids, and
 * the same ones when the file is read again.
 *
 * An open hash table of 64-bit hashes with a count each, that doubles at three quarters. Two contents with one hash
 * would share their numbering, and their ids would still differ: the id has the hash and the number.
 */
#ifndef SHOAL_ROW_PLACES_H
#define SHOAL_ROW_PLACES_H

#include <stdbool.h>
#include <stdint.h>

struct row_place {
    uint64_t hash; /* 0: free */
    uint64_t count;
};
struct row_places {
    struct row_place *places;
    uint64_t capacity; /* a power of two, or 0 */
    uint64_t count;
};

/* All zero is an empty table. */
void row_places_deinit(struct row_places *places);
/* Forget all contents. */
void row_places_clear(struct row_places *places);
/* The place of this content among equal ones, from 0. False when memory is out. */
bool row_places_take(struct row_places *places, uint64_t hash, uint64_t *place);

#endif
