/* bitmap_private.h -- what the files of this module share: blocks that own their memory.
 *
 * A head is one block in the directory. These functions change one head and know nothing of the bitmap's total count.
 * Those that build a head fill one that owns nothing yet, and on SH_ERR_MEMORY leave it alone.
 */
#ifndef SH_BITMAP_PRIVATE_H
#define SH_BITMAP_PRIVATE_H

#include "bitmap.h"
#include "memory.h"

/* The first place in list whose entry is not below x; count if there is none. */
static inline uint32_t list_lower_bound(const uint16_t *list, uint32_t count, uint32_t x) {
    const uint16_t *base = list;
    uint32_t left = count;
    while (left > 1) {
        const uint32_t half = left / 2;
        base += half & (0u - (uint32_t)(base[half - 1] < x)); /* all or nothing, without a branch to mispredict */
        left -= half;
    }
    return (uint32_t)(base - list) + (left == 1 && *base < x);
}

/* The first run whose last slot is not below `slot`; run_count if there is none. */
uint32_t sh_runs_lower_bound(struct sh_block_view view, uint32_t slot);
/* The runs, gaps between missing slots, or the whole block, one after another, for FULL, INVERTED and RUNS.
 * *at starts at 0; false when there are no more. */
bool sh_block_next_range(struct sh_block_view view, uint32_t *at, struct sh_run *range);

static inline void sh_head_free(struct sh_block_head *head) {
    sh_free(head->memory);
    *head = (struct sh_block_head){.form = SH_BLOCK_EMPTY};
}
/* The block of these words, of which count are ones: ARRAY, INVERTED or BITS. */
enum sh_status sh_head_from_words(struct sh_block_head *head, const uint64_t *words, uint32_t count,
                                  uint32_t array_count_max);
/* A copy, in the view's form if this bitmap may have it and, for RUNS, if they are cheapest. */
enum sh_status sh_head_from_view(struct sh_block_head *head, struct sh_block_view view, uint32_t array_count_max);
/* All slots that the view does not have. */
enum sh_status sh_head_from_complement(struct sh_block_head *head, struct sh_block_view view, uint32_t array_count_max);
/* Are so many runs few enough, and smaller than the block would be in its other forms? (Neither EMPTY nor FULL.) */
bool sh_runs_are_cheapest(uint32_t run_count, uint32_t count, uint32_t array_count_max);
/* RUNS with room for run_count runs, for the caller to fill, with the count of slots. */
enum sh_status sh_head_alloc_runs(struct sh_block_head *head, uint32_t run_count, uint32_t count);
/* BITS of that count, for the caller to fill. */
enum sh_status sh_head_alloc_bits(struct sh_block_head *head, uint32_t count);
/* ARRAY or INVERTED with room for exactly list_count entries. */
enum sh_status sh_head_alloc_list(struct sh_block_head *head, enum sh_block_form form, uint32_t list_count);

enum sh_status sh_head_add(struct sh_block_head *head, uint32_t place, uint32_t array_count_max, bool *changed);
enum sh_status sh_head_remove(struct sh_block_head *head, uint32_t place, uint32_t array_count_max, bool *changed);
/* After BITS or a list was changed in place and head->count is right again: EMPTY or FULL if it is that, and a list
 * instead of bits if there are at most list_count_max slots, or so few missing. Bits stay bits if there is no memory
 * for the list, so this cannot fail. */
void sh_head_settle(struct sh_block_head *head, uint32_t list_count_max);

/* What is wrong with one block, or NULL. Needs no other part of the bitmap to be right. */
const char *sh_head_fault(const struct sh_block_head *head, uint32_t array_count_max);

/* Heads 0 .. block_count - 1 exist afterwards (EMPTY if new). */
enum sh_status sh_bitmap_reserve_blocks(struct sh_bitmap *bitmap, uint32_t block_count);

#endif
