/* arena.h -- memory that lives as long as one request.
 *
 *   first chunk        second chunk
 *   | a | bb | c ... | | dddd | ......... |     allocation moves a pointer; reset keeps the first chunk
 *
 * The chunks together are never more than limit_bytes, so a request cannot take the machine with it. Nothing is freed
 * one by one. A block larger than a chunk gets a chunk of its own, which a reset gives back.
 * Cost: a few instructions; an allocation for each 64 KiB.
 */
#ifndef SH_ARENA_H
#define SH_ARENA_H

#include <stddef.h>

#include "status.h"

struct sh_arena_chunk;
struct sh_arena {
    struct sh_arena_chunk *first;
    struct sh_arena_chunk *last;
    size_t reserved_bytes; /* of all chunks, for the limit */
    size_t limit_bytes;
};

void sh_arena_init(struct sh_arena *arena, size_t limit_bytes);
void sh_arena_deinit(struct sh_arena *arena);
void sh_arena_reset(struct sh_arena *arena);
/* 16-byte aligned (64 from 64 bytes on), not zeroed. NULL at the limit or when memory is out: the arena is then as it
 * was. */
void *sh_arena_alloc(struct sh_arena *arena, size_t byte_count);
void *sh_arena_alloc_zero(struct sh_arena *arena, size_t byte_count);
void *sh_arena_copy(struct sh_arena *arena, const void *source, size_t byte_count);

#endif
