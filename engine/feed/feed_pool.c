#include "feed_pool.h"

#include <string.h>

#include "memory.h"

enum {
    CHUNK_BYTES_MIN = 1024,  /* a small shop has a few dozen users */
    CHUNK_BYTES_MAX = 65536, /* some 300 lists; what is wasted at its end is less than a list */
};

struct pool_chunk {
    struct pool_chunk *next;
    uint64_t byte_count;
    uint64_t unused[6];
};
_Static_assert(sizeof(struct pool_chunk) == 64, "lists behind it that are whole lines of memory are lines");

static void *take_from_new_chunk(struct feed_pool *pool, size_t byte_count) {
    /* As much again as there is: the last chunk is at most half of all. */
    size_t chunk_bytes = pool->chunk_bytes < CHUNK_BYTES_MIN ? CHUNK_BYTES_MIN : pool->chunk_bytes;
    if (chunk_bytes > CHUNK_BYTES_MAX) chunk_bytes = CHUNK_BYTES_MAX;
    sh_assert(byte_count + sizeof(struct pool_chunk) <= chunk_bytes);
    struct pool_chunk *chunk = sh_alloc(chunk_bytes);
    if (chunk == NULL) return NULL;
    *chunk = (struct pool_chunk){.next = pool->chunks, .byte_count = chunk_bytes};
    pool->chunks = chunk;
    pool->chunk_bytes += chunk_bytes;
    uint8_t *memory = (uint8_t *)(chunk + 1);
    pool->at = memory + byte_count;
    pool->end = (uint8_t *)chunk + chunk_bytes;
    return memory;
}

void *pool_take(struct feed_pool *pool, uint32_t size, size_t byte_count) {
    sh_assert(size < POOL_SIZE_COUNT);
    void *memory = pool->free[size];
    if (memory != NULL) {
        memcpy(&pool->free[size], memory, sizeof(void *));
        return memory;
    }
    if ((size_t)(pool->end - pool->at) < byte_count) return take_from_new_chunk(pool, byte_count);
    memory = pool->at;
    pool->at += byte_count;
    return memory;
}

void pool_give(struct feed_pool *pool, uint32_t size, size_t byte_count, void *memory) {
    sh_assert(size < POOL_SIZE_COUNT);
    memset(memory, 0, byte_count);
    memcpy(memory, &pool->free[size], sizeof(void *));
    pool->free[size] = memory;
}

void pool_deinit(struct feed_pool *pool) {
    while (pool->chunks != NULL) {
        struct pool_chunk *chunk = pool->chunks;
        pool->chunks = chunk->next;
        sh_free(chunk);
    }
    *pool = (struct feed_pool){.chunks = NULL};
}
