/* bitmap.h -- sets of slots.
 *
 * "Lives in Chengdu and likes tea" is answered by crossing sets of slots. A tag is held by 30 % of the users or by a
 * handful; all live users are nearly everybody. So a set is cut into blocks of 65,536 slots, and each block is kept in
 * the cheapest of six forms, with its exact count in the directory beside it:
 *
 *   block        0            1          2            3              4             5
 *   slots     0..65535     ..131071   ..196607     ..262143      ..327679      ..393215
 *          +------------+----------+-----------+--------------+-------------+--------------+
 *          | ARRAY      | EMPTY    | BITS      | FULL         | INVERTED    | RUNS         |
 *   heads  | count 3    | count 0  | count 9114| count 65536  | count 65534 | count 1100   |   16 bytes a block
 *          +-----|------+----------+-----|-----+--------------+-----|-------+-----|--------+
 *                v                       v                          v             v
 *             3 17 902            1011 0110 .. 8 KiB         missing: 5 77   [0..999][2000..2099]
 *
 * Rules that hold after every call (sh_bitmap_check tests them):
 *   - count of each head and of the bitmap is the number of slots, never an estimate;
 *   - EMPTY and FULL own no memory, every other form owns one allocation and is neither empty nor full;
 *   - ARRAY has at most array_count_max slots, INVERTED misses at most array_count_max;
 *   - arrays are strictly ascending; runs are ascending and do not touch; bits are 64-byte aligned.
 *
 * Which form. array_count_max is where an array turns into bits. 65,536 / 16 = 4,096 is where both take 8 KiB, but two
 * arrays are merged entry by entry at about a nanosecond each while bits go by in one pass of about 0.1 us, so dense
 * is faster from about 1/64 on: SH_ARRAY_COUNT_FAST is the default, SH_ARRAY_COUNT_COMPACT saves memory. Going back
 * from bits to an array waits until half of that, so that a slot set and cleared at the border does not convert each
 * time. RUNS are made by sh_bitmap_add_range, sh_bitmap_optimize and import only; the first single slot added to or
 * removed from such a block turns it into one of the others.
 *
 * The directory is indexed by block number: 10 M slots have 153 heads (2.4 KiB), all 2^32 have 1 MiB.
 *
 * Failure: whatever returns a status fails only with SH_ERR_MEMORY (said otherwise where not so), and then the bitmap
 * is as it was. Threads: a bitmap belongs to one shard; nothing here locks.
 */
#ifndef SH_BITMAP_H
#define SH_BITMAP_H

#include "archive.h"
#include "bitmap_block.h"
#include "buffer.h"
#include "status.h"

enum {
    SH_ARRAY_COUNT_FAST = SH_BLOCK_SLOTS / 64,    /* arrays up to density 1/64 */
    SH_ARRAY_COUNT_COMPACT = SH_BLOCK_SLOTS / 16, /* as long as an array is smaller than bits */
    SH_BLOCK_COUNT_MAX = 65536,                   /* all u32 slots */
};

/* One block in the directory. Read it through sh_bitmap_block(). */
struct sh_block_head {
    void *memory;
    uint32_t count;
    union {
        uint16_t run_count; /* RUNS */
        uint16_t capacity;  /* ARRAY, INVERTED: entries that memory has room for */
    };
    uint8_t form; /* enum sh_block_form */
};

struct sh_bitmap {
    struct sh_block_head *blocks;
    uint64_t count;           /* slots in the set */
    uint32_t block_count;     /* heads in use; what lies above is empty */
    uint32_t block_capacity;  /* heads allocated */
    uint32_t array_count_max; /* 1..SH_ARRAY_COUNT_COMPACT */
};

/* ---- Life ---- */

/* An empty set owns no memory. */
#define SH_BITMAP_EMPTY ((struct sh_bitmap){.array_count_max = SH_ARRAY_COUNT_FAST})
void sh_bitmap_init(struct sh_bitmap *bitmap, uint32_t array_count_max);
/* Gives the memory back; the bitmap is then as after init. A deinit bitmap may be used or deinit again. */
void sh_bitmap_deinit(struct sh_bitmap *bitmap);
/* Make it empty; keeps the directory's memory. */
void sh_bitmap_clear(struct sh_bitmap *bitmap);
/* target becomes the same set, in target's own choice of forms. target == source is allowed. */
SH_MUST_CHECK enum sh_status sh_bitmap_copy(struct sh_bitmap *target, const struct sh_bitmap *source);
/* Exchange two sets, with their array_count_max. Cannot fail. */
void sh_bitmap_swap(struct sh_bitmap *a, struct sh_bitmap *b);

/* ---- Single slots and ranges ---- */

/* *changed (may be NULL) says whether the slot was new. About 10-30 ns; in BITS a few. */
SH_MUST_CHECK enum sh_status sh_bitmap_add(struct sh_bitmap *bitmap, uint32_t slot, bool *changed);
/* *changed (may be NULL) says whether the slot was there. May need memory when a FULL or RUNS block opens up. */
SH_MUST_CHECK enum sh_status sh_bitmap_remove(struct sh_bitmap *bitmap, uint32_t slot, bool *changed);
/* Slots first .. end - 1. end may be 2^32; first >= end adds nothing. */
SH_MUST_CHECK enum sh_status sh_bitmap_add_range(struct sh_bitmap *bitmap, uint32_t first, uint64_t end);
SH_MUST_CHECK enum sh_status sh_bitmap_remove_range(struct sh_bitmap *bitmap, uint32_t first, uint64_t end);
/* slots are ascending; equal neighbours are fine. Much faster than one by one. */
SH_MUST_CHECK enum sh_status sh_bitmap_add_sorted(struct sh_bitmap *bitmap, const uint32_t *slots, size_t slot_count);

/* ---- Questions ---- */

static inline struct sh_block_view sh_block_head_view(const struct sh_block_head *head) {
    return (struct sh_block_view){
        .memory = head->memory, .count = head->count, .run_count = head->run_count, .form = head->form};
}
/* The block's view; EMPTY above the last block. */
static inline struct sh_block_view sh_bitmap_block(const struct sh_bitmap *bitmap, uint32_t block_index) {
    if (block_index >= bitmap->block_count) return (struct sh_block_view){.form = SH_BLOCK_EMPTY};
    return sh_block_head_view(&bitmap->blocks[block_index]);
}
/* Blocks that may hold something are 0 .. this - 1. */
static inline uint32_t sh_bitmap_block_count(const struct sh_bitmap *bitmap) {
    return bitmap->block_count;
}
static inline uint64_t sh_bitmap_count(const struct sh_bitmap *bitmap) {
    return bitmap->count;
}
static inline bool sh_bitmap_contains(const struct sh_bitmap *bitmap, uint32_t slot) {
    const uint32_t block_index = slot / SH_BLOCK_SLOTS;
    const uint32_t place = slot % SH_BLOCK_SLOTS;
    if (block_index >= bitmap->block_count) return false;
    const struct sh_block_head *head = &bitmap->blocks[block_index];
    if (head->form == SH_BLOCK_BITS) return ((const uint64_t *)head->memory)[place / 64] >> (place % 64) & 1;
    return sh_block_contains(sh_block_head_view(head), place);
}
/* Slots below x (x up to 2^32). O(blocks). */
uint64_t sh_bitmap_rank(const struct sh_bitmap *bitmap, uint64_t x);
/* The n-th slot, counted from 0; false if there are not so many. O(blocks). */
bool sh_bitmap_select(const struct sh_bitmap *bitmap, uint64_t n, uint32_t *slot);
/* False if the set is empty. */
bool sh_bitmap_min(const struct sh_bitmap *bitmap, uint32_t *slot);
bool sh_bitmap_max(const struct sh_bitmap *bitmap, uint32_t *slot);
/* The same slots, whatever the forms. */
bool sh_bitmap_equal(const struct sh_bitmap *a, const struct sh_bitmap *b);

/* ---- Set algebra ---- */

/* target = target OP source. target == source is allowed. Blocks of target that are BITS change in place. */
SH_MUST_CHECK enum sh_status sh_bitmap_and_into(struct sh_bitmap *target, const struct sh_bitmap *source);
SH_MUST_CHECK enum sh_status sh_bitmap_or_into(struct sh_bitmap *target, const struct sh_bitmap *source);
SH_MUST_CHECK enum sh_status sh_bitmap_xor_into(struct sh_bitmap *target, const struct sh_bitmap *source);
SH_MUST_CHECK enum sh_status sh_bitmap_andnot_into(struct sh_bitmap *target, const struct sh_bitmap *source);
/* target = a OP b, from scratch: cheaper than a copy and then OP when a is to stay. target may be a or b. */
SH_MUST_CHECK enum sh_status sh_bitmap_and(struct sh_bitmap *target, const struct sh_bitmap *a,
                                           const struct sh_bitmap *b);
SH_MUST_CHECK enum sh_status sh_bitmap_or(struct sh_bitmap *target, const struct sh_bitmap *a,
                                          const struct sh_bitmap *b);
SH_MUST_CHECK enum sh_status sh_bitmap_xor(struct sh_bitmap *target, const struct sh_bitmap *a,
                                           const struct sh_bitmap *b);
SH_MUST_CHECK enum sh_status sh_bitmap_andnot(struct sh_bitmap *target, const struct sh_bitmap *a,
                                              const struct sh_bitmap *b);
/* target = union of all sources, each read once. target must not be one of them. */
SH_MUST_CHECK enum sh_status sh_bitmap_or_many(struct sh_bitmap *target, const struct sh_bitmap *const *sources,
                                               size_t source_count);

/* How many slots the answer would have, without building it. a == b is allowed. */
uint64_t sh_bitmap_and_count(const struct sh_bitmap *a, const struct sh_bitmap *b);
uint64_t sh_bitmap_or_count(const struct sh_bitmap *a, const struct sh_bitmap *b);
uint64_t sh_bitmap_xor_count(const struct sh_bitmap *a, const struct sh_bitmap *b);
uint64_t sh_bitmap_andnot_count(const struct sh_bitmap *a, const struct sh_bitmap *b);
bool sh_bitmap_intersects(const struct sh_bitmap *a, const struct sh_bitmap *b);
/* Is every slot of a in b? */
bool sh_bitmap_is_subset(const struct sh_bitmap *a, const struct sh_bitmap *b);

/* ---- Building block by block ---- */

/* The block becomes these 1,024 words, of which exactly count bits are set, in the cheapest form (runs are not looked
 * for). words are copied. */
SH_MUST_CHECK enum sh_status sh_bitmap_put_block(struct sh_bitmap *bitmap, uint32_t block_index, const uint64_t *words,
                                                 uint32_t count);
/* The same from any view; the view may be of this bitmap's other blocks, or of this block. */
SH_MUST_CHECK enum sh_status sh_bitmap_put_view(struct sh_bitmap *bitmap, uint32_t block_index,
                                                struct sh_block_view view);

/* ---- Going through it ---- */

/* The first slot at or above `from` (up to 2^32); false if there is none. */
bool sh_bitmap_next(const struct sh_bitmap *bitmap, uint64_t from, uint32_t *slot);
/* Up to max slots at or above `from`, ascending; how many. Fewer than max means the end; else go on from the last one
 * + 1. From about 0.1 ns (dense) to a few ns a slot. */
size_t sh_bitmap_list(const struct sh_bitmap *bitmap, uint64_t from, uint32_t *out, size_t max);

/* One by one, in batches underneath:
 *     struct sh_bitmap_iterator iterator;
 *     sh_bitmap_iterate(&iterator, bitmap);
 *     for (uint32_t slot; sh_bitmap_iterator_next(&iterator, &slot);) ...
 * The bitmap may change underway: slots up to the end of the batch (64 slots) are as they were, later ones as they are.
 */
struct sh_bitmap_iterator {
    const struct sh_bitmap *bitmap;
    uint64_t from; /* where the next batch begins */
    uint32_t at;
    uint32_t count;
    uint32_t batch[64];
};
void sh_bitmap_iterate(struct sh_bitmap_iterator *iterator, const struct sh_bitmap *bitmap);
bool sh_bitmap_iterator_refill(struct sh_bitmap_iterator *iterator);
static inline bool sh_bitmap_iterator_next(struct sh_bitmap_iterator *iterator, uint32_t *slot) {
    if (iterator->at == iterator->count && !sh_bitmap_iterator_refill(iterator)) return false;
    *slot = iterator->batch[iterator->at++];
    return true;
}

/* ---- Upkeep ---- */

/* Put each block into the form that takes the fewest bytes, runs included, and give back spare room. The set is the
 * same whether it succeeds or not. For sets that are read more than written. */
SH_MUST_CHECK enum sh_status sh_bitmap_optimize(struct sh_bitmap *bitmap);
/* Bytes asked of the allocator. */
size_t sh_bitmap_memory_bytes(const struct sh_bitmap *bitmap);
/* Do all rules above hold? If not, *reason (may be NULL) says which one is broken. Reads everything. */
bool sh_bitmap_check(const struct sh_bitmap *bitmap, const char **reason);
/* Into the open section, and back from it: the same set, every block in the form it has; spare room is not kept. The
 * bitmap that is loaded into was initialised and is empty, and stays so on a failure, which the reader keeps. All rules
 * above are checked: SH_ERR_CORRUPT if one does not hold. Memory speed. */
void sh_bitmap_save(const struct sh_bitmap *bitmap, struct sh_archive_writer *writer);
SH_MUST_CHECK enum sh_status sh_bitmap_load(struct sh_bitmap *bitmap, struct sh_archive_reader *reader);
/* For people: one line for the set and one for each block that is not empty, with its first slots. */
void sh_bitmap_print(const struct sh_bitmap *bitmap, struct sh_buffer *buffer);

#endif
