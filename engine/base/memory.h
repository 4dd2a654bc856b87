/* memory.h -- every allocation that can grow with the data.
 *
 * One door, so that a test can make the n-th allocation fail and so that a shard's bytes are counted. What these return
 * is freed with sh_free. Alignment is 64 bytes, a cache line and an AVX-512 register, for blocks of at least 64 bytes.
 * The counter and the planned failure are per thread: a shard belongs to one thread.
 */
#ifndef SH_MEMORY_H
#define SH_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

/* NULL when memory is out or a test says so. byte_count 0 is allowed and returns a pointer that must be freed. */
void *sh_alloc(size_t byte_count);
void *sh_alloc_zero(size_t byte_count);
/* As sh_alloc, but aligned to 16 bytes only, which is a third cheaper: for what no register is filled from whole, such
 * as lists. */
void *sh_alloc_plain(size_t byte_count);
/* As realloc: on NULL the old memory is untouched. Keeps the 64-byte alignment. old_byte_count is what is copied. */
void *sh_realloc(void *memory, size_t old_byte_count, size_t byte_count);
void sh_free(void *memory); /* NULL is fine */

/* Grow an array to hold at least needed elements, by half again each time. On SH_ERR_MEMORY nothing changed. */
SH_MUST_CHECK enum sh_status sh_grow(void **array, uint32_t *capacity, uint64_t needed, size_t element_bytes);

/* Bytes that this thread has taken and not given back, as the allocator rounds them. What another thread frees counts
 * there, and may be negative. */
int64_t sh_memory_bytes(void);
/* The same of all threads together, wherever it was freed: to within 64 KiB a thread. From any thread. */
int64_t sh_memory_process_bytes(void);

/* How often this thread asked for memory and got none. */
uint64_t sh_memory_refused_count(void);

/* The allocation after the next `successes` fails, once; UINT64_MAX switches this off. For tests. */
void sh_memory_fail_after(uint64_t successes);
/* What is left of them: to plan for a part of a thread's work only. */
uint64_t sh_memory_fail_left(void);
/* Did the planned failure happen since sh_memory_fail_after()? */
bool sh_memory_failed(void);

#endif
