/* dictionary.h -- texts with small dense numbers: enum labels, string values, tags, event stores and channels.
 *
 *   code      0        1        2                     text -> code  hash_index.h over XXH3
 *   text   "Lisbon" "成都" "mother-baby"              code -> text  a pointer into chunks of bytes that never move
 *
 * Codes are given in order of first sight and never mean another text: what a column or a plan remembers remains
 * true. A text that nobody uses any more can be erased; its code then has the empty text for ever, its bytes are
 * overwritten and used again, and the same text, should it come back, gets a new code.
 *
 * Rules: texts that are not erased are all different, all UTF-8, each of 0 to SH_STRING_BYTES_MAX bytes; at most
 * count_max codes. Threads: one shard.
 */
#ifndef SH_DICTIONARY_H
#define SH_DICTIONARY_H

#include "archive.h"
#include "buffer.h"
#include "hash_index.h"
#include "text.h"

#define SH_CODE_NONE UINT32_MAX

enum {
    SH_DICTIONARY_CELL_BYTES = 8, /* a text with its length takes whole cells ... */
    SH_DICTIONARY_CELLS_MAX = 32, /* ... in a chunk, or memory of its own if it takes more than these */
};

struct sh_dictionary {
    struct sh_hash_index index; /* of the texts that are not erased */
    uint8_t ***pages;           /* code -> length (2 bytes) and bytes, in pages of pointers; NULL: erased */
    uint32_t page_count;
    uint32_t page_capacity;
    uint32_t first_page_capacity; /* the first page grows, so that small dictionaries are small */
    uint32_t count;               /* codes ever given */
    uint32_t count_max;
    uint8_t *chunk; /* the last chunk of bytes; each begins with a pointer to the one before */
    size_t chunk_used;
    size_t chunk_capacity;
    size_t text_bytes;                                /* of all chunks and texts outside them */
    uint8_t *free_cells[SH_DICTIONARY_CELLS_MAX + 1]; /* by number of cells; each begins with a pointer to the next */
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
/* code < count. Valid until the text is erased; empty if it is. */
struct sh_text sh_dictionary_text(const struct sh_dictionary *dictionary, uint32_t code);
/* Codes are 0 .. this - 1. */
static inline uint32_t sh_dictionary_count(const struct sh_dictionary *dictionary) {
    return dictionary->count;
}
/* Nothing in the store has this code any more. Cannot fail; erasing an erased text does nothing. */
void sh_dictionary_erase(struct sh_dictionary *dictionary, uint32_t code);
bool sh_dictionary_is_erased(const struct sh_dictionary *dictionary, uint32_t code);
/* Into the open section, and back from it: the same texts under the same codes, erased ones too. What is loaded into
 * was initialised with the right count_max and is empty, and stays so on a failure, which the reader keeps:
 * SH_ERR_CORRUPT if a rule above does not hold. Loading costs what interning in order costs, without the cache misses.
 */
void sh_dictionary_save(const struct sh_dictionary *dictionary, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_dictionary_load(struct sh_dictionary *dictionary, struct sh_archive_reader *reader);
size_t sh_dictionary_memory_bytes(const struct sh_dictionary *dictionary);
bool sh_dictionary_check(const struct sh_dictionary *dictionary, const char **reason);
/* For people: the count and the first texts. */
void sh_dictionary_print(const struct sh_dictionary *dictionary, struct sh_buffer *buffer);

#endif
