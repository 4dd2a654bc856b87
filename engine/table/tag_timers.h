/* tag_timers.h -- when tags end: for the tags that were given for a time only.
 *
 *   heap by end     1           timers            index: hash of (slot, set, tag) -> timer
 *                  / \          | until  slot  set  tag  place in the heap |
 *                 4   2         | ...                                      |
 *
 * Most tags last and have no timer: a table without timers pays one comparison. What has ended by an instant is the top
 * of the heap and whatever below it has ended too, so asking for it costs what it is, not all timers.
 *
 * Rules (tag_timers_check tests them): a timer is in the heap at its place and in the index once; nobody in the heap
 * ends before its parent.
 */
#ifndef SH_TAG_TIMERS_H
#define SH_TAG_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

#include "archive.h"
#include "hash_index.h"
#include "status.h"

struct tag_timer {
    int64_t until_ms; /* the tag is there before this instant */
    uint32_t slot;
    uint16_t set;
    uint16_t tag;
    uint32_t place; /* in the heap; of a free one the next free one */
};

struct tag_timers {
    struct tag_timer *timers;
    uint32_t *heap; /* numbers of timers, `count` of them */
    uint32_t count;
    uint32_t timer_end;  /* numbers given out */
    uint32_t first_free; /* SH_HASH_INDEX_NONE: none */
    uint32_t timer_capacity;
    uint32_t heap_capacity;
    struct sh_hash_index index;
};

void tag_timers_init(struct tag_timers *timers);
void tag_timers_deinit(struct tag_timers *timers);
/* INT64_MAX: it lasts. */
int64_t tag_timers_get(const struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag);
/* Set or change the end. On SH_ERR_MEMORY nothing changed. */
SH_MUST_CHECK enum sh_status tag_timers_put(struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag,
                                            int64_t until_ms);
/* It lasts, or is gone; without a timer nothing happens. */
void tag_timers_remove(struct tag_timers *timers, uint32_t slot, uint32_t set, uint32_t tag);
/* The one that ends first; NULL: there is none. */
const struct tag_timer *tag_timers_first(const struct tag_timers *timers);
/* Slots whose tag has ended by then, in no order; up to capacity of them are written, all of them are counted. */
uint32_t tag_timers_ended(const struct tag_timers *timers, uint32_t set, uint32_t tag, int64_t now_ms, uint32_t *slots,
                          uint32_t capacity);
/* The heap as it stands, so that ends at one instant come in the same order, and back, into timers that are empty. On a
 * failure, which the reader keeps, they are for tag_timers_deinit. Slots, sets and tags are for the caller to check. */
void tag_timers_save(const struct tag_timers *timers, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status tag_timers_load(struct tag_timers *timers, struct sh_archive_reader *reader);
size_t tag_timers_memory_bytes(const struct tag_timers *timers);
bool tag_timers_check(const struct tag_timers *timers, const char **reason); /* reason may be NULL */

#endif
