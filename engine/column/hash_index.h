/* hash_index.h -- 64-bit hash -> u32, where the caller holds the keys; grows without ever stopping to rehash it all.
 *
 * Extendible hashing. The upper 32 bits of the hash are the tag; its first `depth` bits choose a segment, and a segment
 * is a small open-addressed array with linear probing:
 *
 *   directory (2^depth)        segment: 15 .. 895 entries of 8 bytes behind their number
 *   | 00 | -----------------> | 3 | tag value | tag value |  -  | tag value | ...
 *   | 01 | -------+
 *   | 10 | ---+   +---------> | 1 | ...                      each grows in steps, then splits in two, on its own:
 *   | 11 | ---+-------------> | 2 | ...  (two ways in)       at most 895 entries move at once
 *
 * A directory word is the segment's address with its size class in the low 6 bits and its depth in the top 8, so a find
 * costs the directory (small, stays in L2), one line of the segment, and the caller's own key: about two misses.
 *
 * Rules that hold after every call (sh_hash_index_check tests them):
 *   - a segment is at most 4/5 full, so every probe ends;
 *   - between an entry and the place its tag asks for, there is no free place;
 *   - all directory words of a segment are equal, and the first `depth` bits of its entries are those of its words;
 *   - the directory has at most a quarter as many words as there are entries, or were announced: hostile tags make a
 *     segment longer (up to 65,535 entries), never the directory huge.
 */
#ifndef SH_HASH_INDEX_H
#define SH_HASH_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

struct sh_hash_index {
    uint64_t *directory; /* NULL while nothing was inserted */
    uint64_t count;
    size_t segment_bytes; /* of all segments */
    uint32_t depth;
};

#define SH_HASH_INDEX_NONE UINT32_MAX

void sh_hash_index_init(struct sh_hash_index *index);
void sh_hash_index_deinit(struct sh_hash_index *index);

/* Walks the values whose tags equal the hash's: usually one right, rarely a wrong one, so compare the key.
 *   struct sh_hash_probe probe;
 *   for (uint32_t v = sh_hash_index_first(index, hash, &probe); v != SH_HASH_INDEX_NONE;
 *        v = sh_hash_index_next(&probe))
 */
struct sh_hash_probe {
    const uint64_t *entries;
    uint32_t capacity;
    uint32_t at;
    uint32_t tag;
};
uint32_t sh_hash_index_first(const struct sh_hash_index *index, uint64_t hash, struct sh_hash_probe *probe);
uint32_t sh_hash_index_next(struct sh_hash_probe *probe);
/* Ask for the lines where a find or an insert will begin. */
void sh_hash_index_prefetch(const struct sh_hash_index *index, uint64_t hash);

/* Add a pair; the caller knows that its key is new. value is not SH_HASH_INDEX_NONE. On SH_ERR_MEMORY the index holds
 * what it held. SH_ERR_LIMIT: thousands of keys with one tag, which only happens on purpose. */
SH_MUST_CHECK enum sh_status sh_hash_index_insert(struct sh_hash_index *index, uint64_t hash, uint32_t value);
/* So many pairs will come, one after another: an empty index gets the segments that they will fill, and none of them
 * has to grow on the way. On SH_ERR_MEMORY it is empty still. */
SH_MUST_CHECK enum sh_status sh_hash_index_announce(struct sh_hash_index *index, uint64_t count);
/* True if the pair was there. Frees nothing, so it cannot fail. */
bool sh_hash_index_remove(struct sh_hash_index *index, uint64_t hash, uint32_t value);

size_t sh_hash_index_memory_bytes(const struct sh_hash_index *index);
bool sh_hash_index_check(const struct sh_hash_index *index, const char **reason);

#endif
