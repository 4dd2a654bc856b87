/* feed_pool.h -- memory for the lists of affinities, of which there are as many as users.
 *
 * A list grows by four entries at a time, up to 32, so there are eight sizes. Lists are cut from chunks, and a list
 * that was given back waits for the next one of its size:
 *
 *   chunks   | 4 | 4 | 8 | 4 | 12 | 8 | ......... |        free   4: -> list -> list     8: -> list    12: none ...
 *                                       at        end
 *
 * Chunks are given back all at once. Cost: a few instructions a list, where aligned malloc takes some 640 (callgrind).
 * What is given back is overwritten: nothing of a forgotten user stays readable.
 */
#ifndef SH_FEED_POOL_H
#define SH_FEED_POOL_H

#include <stddef.h>

#include "status.h"

enum { POOL_SIZE_COUNT = 8 }; /* SH_FEED_AFFINITY_COUNT_MAX by fours */

struct pool_chunk;
struct feed_pool {
    struct pool_chunk *chunks; /* newest first */
    uint8_t *at;               /* the newest chunk's rest */
    uint8_t *end;
    void *free[POOL_SIZE_COUNT]; /* each begins with the address of the next */
    size_t chunk_bytes;          /* of all chunks */
};

/* byte_count is always the same for a size number, at least that of a pointer, and a multiple of 8. Aligned to 8 bytes,
 * or to 64 if it is a multiple of 64 for all sizes; not zeroed. NULL if memory is out. */
void *pool_take(struct feed_pool *pool, uint32_t size, size_t byte_count);
void pool_give(struct feed_pool *pool, uint32_t size, size_t byte_count, void *memory);
/* Give back everything. The pool is as good as new. */
void pool_deinit(struct feed_pool *pool);

#endif
