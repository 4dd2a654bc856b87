#include "memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A thread tells all others what it holds when that has changed by so much. */
enum { ALIGNED_FROM_BYTES = 64, ALIGNMENT_BYTES = 64, TOLD_STEP_BYTES = 64 << 10 };

static _Thread_local uint64_t successes_left = UINT64_MAX;
static _Thread_local bool planned_failure_happened;
static _Thread_local int64_t held_bytes;
static _Thread_local int64_t told_bytes; /* of them: what process_bytes knows */
static _Atomic(int64_t) process_bytes;
static _Thread_local uint64_t refused_count;

static bool allocation_may_succeed(void) {
    if (successes_left == UINT64_MAX) return true;
    if (successes_left == 0) {
        successes_left = UINT64_MAX;
        planned_failure_happened = true;
        return false;
    }
    successes_left--;
    return true;
}

static void hold(int64_t bytes) {
    held_bytes += bytes;
    const int64_t untold = held_bytes - told_bytes;
    if (untold < TOLD_STEP_BYTES && untold > -TOLD_STEP_BYTES) return;
    told_bytes = held_bytes;
    atomic_fetch_add_explicit(&process_bytes, untold, memory_order_relaxed);
}

static void *take(size_t byte_count) {
    void *memory = NULL;
    if (byte_count < ALIGNED_FROM_BYTES) return malloc(byte_count == 0 ? 1 : byte_count);
    return posix_memalign(&memory, ALIGNMENT_BYTES, byte_count) == 0 ? memory : NULL;
}

static void *count(void *memory) {
    if (memory != NULL)
        hold((int64_t)malloc_usable_size(memory));
    else
        refused_count++;
    return memory;
}

void *sh_alloc(size_t byte_count) {
    return count(allocation_may_succeed() ? take(byte_count) : NULL);
}

void *sh_alloc_plain(size_t byte_count) {
    return count(allocation_may_succeed() ? malloc(byte_count == 0 ? 1 : byte_count) : NULL);
}

void *sh_alloc_zero(size_t byte_count) {
    void *memory = sh_alloc(byte_count);
    if (memory != NULL) memset(memory, 0, byte_count);
    return memory;
}

void *sh_realloc(void *memory, size_t old_byte_count, size_t byte_count) {
    if (memory == NULL) return sh_alloc(byte_count);
    void *grown = sh_alloc(byte_count);
    if (grown == NULL) return NULL;
    memcpy(grown, memory, old_byte_count < byte_count ? old_byte_count : byte_count);
    sh_free(memory);
    return grown;
}

void sh_free(void *memory) {
    if (memory == NULL) return;
    hold(-(int64_t)malloc_usable_size(memory));
    free(memory);
}

int64_t sh_memory_bytes(void) {
    return held_bytes;
}

int64_t sh_memory_process_bytes(void) {
    return atomic_load_explicit(&process_bytes, memory_order_relaxed);
}

enum sh_status sh_grow(void **array, uint32_t *capacity, uint64_t needed, size_t element_bytes) {
    if (needed <= *capacity) return SH_OK;
    uint64_t wanted = *capacity + (uint64_t)*capacity / 2;
    if (wanted < needed) wanted = needed;
    if (wanted < 8) wanted = 8;
    if (wanted > UINT32_MAX) return SH_ERR_LIMIT;
    void *grown = sh_realloc(*array, *capacity * element_bytes, wanted * element_bytes);
    if (grown == NULL) return SH_ERR_MEMORY;
    *array = grown;
    *capacity = (uint32_t)wanted;
    return SH_OK;
}

uint64_t sh_memory_refused_count(void) {
    return refused_count;
}

void sh_memory_fail_after(uint64_t successes) {
    successes_left = successes;
    planned_failure_happened = false;
}

uint64_t sh_memory_fail_left(void) {
    return successes_left;
}

bool sh_memory_failed(void) {
    return planned_failure_happened;
}
