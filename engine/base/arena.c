#include "arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "memory.h"

enum { CHUNK_BYTES = 64 * 1024 };

struct sh_arena_chunk {
    struct sh_arena_chunk *next;
    size_t used_bytes;
    size_t capacity_bytes;
    alignas(64) uint8_t bytes[];
};
_Static_assert(sizeof(struct sh_arena_chunk) == 64, "the bytes begin where sh_alloc's next cache line does");

void sh_arena_init(struct sh_arena *arena, size_t limit_bytes) {
    *arena = (struct sh_arena){.limit_bytes = limit_bytes};
}

static void free_chunks(struct sh_arena_chunk *chunk) {
    while (chunk != NULL) {
        struct sh_arena_chunk *next = chunk->next;
        sh_free(chunk);
        chunk = next;
    }
}

void sh_arena_deinit(struct sh_arena *arena) {
    free_chunks(arena->first);
    *arena = (struct sh_arena){.limit_bytes = arena->limit_bytes};
}

void sh_arena_reset(struct sh_arena *arena) {
    if (arena->first == NULL) return;
    if (arena->first->capacity_bytes > CHUNK_BYTES) { /* one large request must not hold its memory for ever */
        sh_arena_deinit(arena);
        return;
    }
    free_chunks(arena->first->next);
    arena->first->next = NULL;
    arena->first->used_bytes = 0;
    arena->last = arena->first;
    arena->reserved_bytes = arena->first->capacity_bytes;
}

/* A new last chunk with room for byte_count. */
static struct sh_arena_chunk *add_chunk(struct sh_arena *arena, size_t byte_count) {
    const size_t left = arena->limit_bytes - arena->reserved_bytes;
    if (byte_count > left) return NULL;
    size_t capacity = CHUNK_BYTES < left ? CHUNK_BYTES : left;
    if (capacity < byte_count) capacity = byte_count;
    struct sh_arena_chunk *chunk = sh_alloc(sizeof *chunk + capacity);
    if (chunk == NULL) return NULL;
    chunk->next = NULL;
    chunk->used_bytes = 0;
    chunk->capacity_bytes = capacity;
    if (arena->last == NULL)
        arena->first = chunk;
    else
        arena->last->next = chunk;
    arena->last = chunk;
    arena->reserved_bytes += capacity;
    return chunk;
}

void *sh_arena_alloc(struct sh_arena *arena, size_t byte_count) {
    const size_t alignment = byte_count >= 64 ? 64 : 16;
    struct sh_arena_chunk *chunk = arena->last;
    size_t start = chunk == NULL ? 0 : (chunk->used_bytes + alignment - 1) & ~(alignment - 1);
    if (chunk == NULL || start > chunk->capacity_bytes || byte_count > chunk->capacity_bytes - start) {
        chunk = add_chunk(arena, byte_count);
        if (chunk == NULL) return NULL;
        start = 0;
    }
    chunk->used_bytes = start + byte_count;
    return chunk->bytes + start;
}

void *sh_arena_alloc_zero(struct sh_arena *arena, size_t byte_count) {
    void *memory = sh_arena_alloc(arena, byte_count);
    if (memory != NULL) memset(memory, 0, byte_count);
    return memory;
}

void *sh_arena_copy(struct sh_arena *arena, const void *source, size_t byte_count) {
    void *memory = sh_arena_alloc(arena, byte_count);
    if (memory != NULL && byte_count > 0) memcpy(memory, source, byte_count);
    return memory;
}
