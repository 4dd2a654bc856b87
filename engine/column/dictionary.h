/* dictionary.h -- texts with small dense numbers: enum labels, string values, tags, event stores and channels.
 *
 *   code      0        1        2                     text -> code  hash_index.h over XXH3
 *   text   "Lisbon" "成都" "mother-baby"              code -> text  a pointer into chunks of bytes that never move
 *
 * Codes are given in order of first sight and stay for ever: what a column or a plan remembers remains true.
 *
 * Rules: count texts, all different, all UTF-8, each of 0 to SH_STRING_BYTES_MAX bytes; at most count_max.
 * Threads: one shard.
 */
#ifndef SH_DICTIONARY_H
#define SH_DICTIONARY_H

#include "hash_index.h"
#include "text.h"

#define SH_CODE_NONE UINT32_MAX

struct sh_dictionary {
    struct sh_hash_index index;
    const uint8_t ***pages; /* code -> length (2 bytes) and bytes, in pages of pointers */
    uint32_t page_count;
    uint32_t page_capacity;
    uint32_t first_page_capacity; /* the first page grows, so that small dictionaries are small */
    uint32_t count;
    uint32_t count_max;
    uint8_t *chunk; /* the last chunk of bytes; each begins with a pointer to the one before */
    size_t chunk_used;
    size_t chunk_capacity;
    size_t chunk_bytes_all;
};

/* count_max at most SH_DICTIONARY_COUNT_MAX. */
void sh_dictionary_init(struct sh_dictionary *dictionary, uint32_t count_max);
void sh_dictionary_deinit(struct sh_dictionary *dictionary);
/* The code, or SH_CODE_NONE. About two cache misses in a large dictionary. */
uint32_t sh_dictionary_find(const struct sh_dictionary *dictionary, struct sh_text text);
/* The text's code, new if it was unknown. SH_ERR_ARGUMENT: not UTF-8 (or a zero byte); SH_ERR_TOO_LARGE: a text over
 * SH_STRING_BYTES_MAX; SH_ERR_LIMIT: count_max reached; SH_ERR_MEMORY. On each the dictionary is unchanged. */
SH_MUST_CHECK enum sh_status sh_dictionary_intern(struct sh_dictionary *dictionary, struct sh_text text, uint32_t *code,
                                                  struct sh_error *err);
/* code < count. Valid for as long as the dictionary. */
struct sh_text sh_dictionary_text(const struct sh_dictionary *dictionary, uint32_t code);
static inline uint32_t sh_dictionary_count(const struct sh_dictionary *dictionary) {
    return dictionary->count;
}
size_t sh_dictionary_memory_bytes(const struct sh_dictionary *dictionary);
bool sh_dictionary_check(const struct sh_dictionary *dictionary, const char **reason);

#endif
