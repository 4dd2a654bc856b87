/* tag_lists.h -- for every slot its tags: short ascending lists of u16 codes in 4 bytes a slot and a pool.
 *
 *   cell, 32 bits                                     most users have none, one or two tags
 *     0                                  no tags
 *     0 | second + 1 (15) | first + 1 (16)            one or two; a second from 32,767 on does not fit here
 *     1 | class (4) | number (27)        in the pool
 *
 *   pool, class c: arrays of 4 << c u16             | count | code | code | code |     8 bytes in class 0
 *                  in chunks that never move        freed: | - | - | next free (32) |
 *
 * Rules: a list ascends and has no doubles; a list of at most two codes that fits the cell is in the cell.
 * Whatever might need memory is in tag_lists_prepare; the changes themselves cannot fail.
 */
#ifndef SH_TAG_LISTS_H
#define SH_TAG_LISTS_H

#include <stddef.h>
#include <stdint.h>

#include "archive.h"
#include "status.h"

enum { TAG_CLASS_COUNT = 13, TAG_LIST_COUNT_MAX = (4 << (TAG_CLASS_COUNT - 1)) - 1 };

struct tag_pool {
    uint16_t **chunks;
    uint32_t chunk_count;
    uint32_t chunk_capacity;
    uint32_t used;       /* arrays ever handed out */
    uint32_t free_first; /* TAG_FREE_NONE: none */
};

struct tag_lists {
    uint32_t **pages; /* cells; NULL: all 0 */
    uint32_t page_count;
    uint32_t page_capacity;
    struct tag_pool pools[TAG_CLASS_COUNT];
    size_t bytes; /* pages, chunks and their directories */
};

/* A slot's tags; codes point into held, or into the pool until the lists change. */
struct sh_tag_list;

void tag_lists_init(struct tag_lists *lists);
void tag_lists_deinit(struct tag_lists *lists);
/* After SH_OK, giving this slot a list of up to `count` codes (at most TAG_LIST_COUNT_MAX) cannot fail. */
SH_MUST_CHECK enum sh_status tag_lists_prepare(struct tag_lists *lists, uint32_t slot, uint32_t count);
void tag_lists_get(const struct tag_lists *lists, uint32_t slot, struct sh_tag_list *list);
/* The slot's list becomes these, ascending, no doubles. Prepared for count, unless the list only gets shorter. codes
 * must not lie in the slot's own list. */
void tag_lists_put(struct tag_lists *lists, uint32_t slot, const uint16_t *codes, uint32_t count);
/* One bit a slot that has tags, for one block of 65,536 slots: 1,024 words. */
void tag_lists_block(const struct tag_lists *lists, uint32_t block, uint64_t *words);
void tag_lists_prefetch(const struct tag_lists *lists, uint32_t slot);
/* Where the cell says that the list is, if it is not in the cell. Reads the cell. */
void tag_lists_prefetch_list(const struct tag_lists *lists, uint32_t slot);
/* The lists of all slots, and back, into lists that are empty: the same lists, packed anew. slot_end is behind all
 * slots that may have one, every code must be below tag_count; *code_count is how many codes there are. On a failure,
 * which the reader keeps, the lists are for tag_lists_deinit. */
void tag_lists_save(const struct tag_lists *lists, uint32_t slot_end, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status tag_lists_load(struct tag_lists *lists, uint32_t slot_end, uint32_t tag_count,
                                            uint64_t *code_count, struct sh_archive_reader *reader);
/* Every array is in exactly one list or free? *reason as usual. slot_end: all slots that may have lists. */
bool tag_lists_check(const struct tag_lists *lists, uint32_t slot_end, const char **reason);

#endif
