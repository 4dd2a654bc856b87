/* hash_index.h -- 64-bit hash -> u32, where the caller holds the keys; grows without ever stopping to rehash it all.
 *
 * Extendible hashing. The upper 32 bits of the hash are the tag; its first `depth` bits choose a segment, and a segment
 * is a small open-addressed array with linear probing:
 *
 *   directory (2^depth)        segment: 16 .. 896 entries of 8 bytes, 64-byte aligned
 *   | 00 | -----------------> | tag value | tag value |  -  | tag value | ...
 *   | 01 | -------+
 *   | 10 | ---+   +---------> | ...                          each grows by an eighth or so, then splits in two,
 *   | 11 | ---+-------------> | ...  (depth 1: two ways in)  on its own: at most 896 entries move at once
 *
 * A directory word is the segment's address with its capacity class in the low 6 bits and its depth beside it, so a
 * find costs the directory (small, stays in L2), one line of the segment and the caller's own key: about two misses.
 *
 * Rules that hold after every call:
 *   - a segment is at most 4/5 full, so every probe ends;
 *   - all directory words of one segment are equal; an entry's first bits are its segment's;
 *   - segments are large before the directory is: hostile tags make one segment longer, never the directory huge.
 */
#ifndef SH_HASH_INDEX_H
#define SH_HASH_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct sh_hash_index {
    uint64_t *directory;
    uint32_t depth;
    uint32_t segment_count;
    uint64_t count;
};

#define SH_HASH_INDEX_NONE UINT32_MAX

void sh_hash_index_init(struct sh_hash_index *index);
void sh_hash_index_deinit(struct sh_hash_index *index);

/* Walks the values whose tags equal the hash's: usually one right, rarely a wrong one, so compare the key.
 *   struct sh_hash_probe probe;
 *   for (uint32_t v = sh_hash_index_first(index, hash, &probe); v != SH_HASH_INDEX_NONE; v =
 * sh_hash_index_next(&probe))
 */
struct sh_hash_probe {
    const uint64_t *entries;
    uint32_t capacity;
    uint32_t at;
    uint32_t tag;
};
uint32_t sh_hash_index_first(const struct sh_hash_index *index, uint64_t hash, struct sh_hash_probe *probe);
uint32_t sh_hash_index_next(struct sh_hash_probe *probe);
/* Ask for the line where the probe will begin. */
void sh_hash_index_prefetch(const struct sh_hash_index *index, uint64_t hash);

/* Add a pair; the caller knows that its key is new. value is not SH_HASH_INDEX_NONE. On SH_ERR_MEMORY the index holds
 * what it held. SH_ERR_LIMIT: thousands of keys with one tag, which only happens on purpose. */
SH_MUST_CHECK enum sh_status sh_hash_index_insert(struct sh_hash_index *index, uint64_t hash, uint32_t value);
/* True if the pair was there. Frees nothing, so it cannot fail. */
bool sh_hash_index_remove(struct sh_hash_index *index, uint64_t hash, uint32_t value);

size_t sh_hash_index_memory_bytes(const struct sh_hash_index *index);
bool sh_hash_index_check(const struct sh_hash_index *index, const char **reason);

#endif
