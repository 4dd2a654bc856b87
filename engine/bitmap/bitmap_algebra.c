/* bitmap_algebra.c -- sets combined with sets, ranges and sorted slots.
 *
 * HOW A CHANGE IS ALL OR NOTHING
 *
 * A change of many blocks first writes a draft: for each block the new head, or that it is kept, or that it can be
 * changed in place (bitmap_combine.h). Everything that needs memory is done in the draft, so if memory is out the draft
 * is thrown away and the bitmap has not been touched. Then the commit, which cannot fail, puts the new heads in and
 * does the work that was left to be done in place.
 */
#include <string.h>

#include "bitmap_combine.h"
#include "bitmap_private.h"

/* Room in which an operand can make a block that does not exist as such. */
union operand_room {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    uint16_t list[SH_BLOCK_BYTES / sizeof(uint16_t)];
    struct sh_run run;
};

/* The second set of an operation: a bitmap, a range, or sorted slots, seen block by block. */
struct operand {
    struct sh_block_view (*view)(const struct operand *operand, uint32_t block_index, union operand_room *room);
    union {
        const struct sh_bitmap *bitmap;
        struct {
            uint64_t first;
            uint64_t end;
        } range;
        struct {
            const uint32_t *slots;
            size_t slot_count;
        } sorted;
    };
};

static struct sh_block_view bitmap_operand_view(const struct operand *operand, uint32_t block_index,
                                                union operand_room *room) {
    (void)room;
    return sh_bitmap_block(operand->bitmap, block_index);
}

static struct sh_block_view range_operand_view(const struct operand *operand, uint32_t block_index,
                                               union operand_room *room) {
    const uint64_t block_first = (uint64_t)block_index * SH_BLOCK_SLOTS;
    const uint64_t first = operand->range.first > block_first ? operand->range.first - block_first : 0;
    const uint64_t end =
        operand->range.end < block_first + SH_BLOCK_SLOTS ? operand->range.end - block_first : SH_BLOCK_SLOTS;
    room->run = (struct sh_run){(uint16_t)first, (uint16_t)(end - 1)};
    return sh_block_of_runs(&room->run, 1, (uint32_t)(end - first));
}

/* The first place in slots whose slot is not below x. */
static size_t slots_lower_bound(const uint32_t *slots, size_t slot_count, uint64_t x) {
    size_t low = 0, high = slot_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (slots[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct sh_block_view sorted_operand_view(const struct operand *operand, uint32_t block_index,
                                                union operand_room *room) {
    const uint64_t block_first = (uint64_t)block_index * SH_BLOCK_SLOTS;
    const uint32_t *slots = operand->sorted.slots;
    const size_t first = slots_lower_bound(slots, operand->sorted.slot_count, block_first);
    const size_t end = slots_lower_bound(slots, operand->sorted.slot_count, block_first + SH_BLOCK_SLOTS);
    if (end - first <= sizeof room->list / sizeof room->list[0]) {
        uint32_t n = 0;
        for (size_t i = first; i < end; i++)
            if (i == first || slots[i] != slots[i - 1]) room->list[n++] = (uint16_t)(slots[i] % SH_BLOCK_SLOTS);
        return sh_block_of_list(room->list, n);
    }
    memset(room->words, 0, sizeof room->words);
    for (size_t i = first; i < end; i++)
        room->words[slots[i] % SH_BLOCK_SLOTS / 64] |= (uint64_t)1 << (slots[i] % 64);
    return sh_block_of_words(room->words, (uint32_t)sh_bits->popcount(room->words, SH_BLOCK_WORDS));
}

/* ---- Many blocks ---- */

/* target = target OPERATION operand in the blocks first_block .. end_block - 1; other blocks are left alone. */
static enum sh_status combine_blocks(struct sh_bitmap *target, enum sh_operation operation,
                                     const struct operand *operand, uint32_t first_block, uint32_t end_block) {
    enum { NEAR_COUNT = 64 }; /* small changes need no memory for the draft itself */
    struct sh_block_head near[NEAR_COUNT];
    union operand_room room;
    if (first_block >= end_block) return SH_OK;
    const uint32_t block_count = end_block - first_block;
    struct sh_block_head *draft = block_count <= NEAR_COUNT ? near : sh_alloc(block_count * sizeof *draft);
    if (draft == NULL) return SH_ERR_MEMORY;

    uint32_t drafted = 0;
    enum sh_status status = sh_bitmap_reserve_blocks(target, end_block);
    while (status == SH_OK && drafted < block_count) {
        const uint32_t block_index = first_block + drafted;
        status = sh_combine_draft(operation, sh_bitmap_block(target, block_index),
                                  operand->view(operand, block_index, &room), target->array_count_max, &draft[drafted]);
        if (status == SH_OK) drafted++;
    }
    for (uint32_t i = 0; i < drafted; i++) {
        struct sh_block_head *head = &target->blocks[first_block + i];
        if (draft[i].form == SH_DRAFT_KEEP) continue;
        if (status != SH_OK) {
            sh_head_free(&draft[i]); /* one that is IN_PLACE owns nothing */
            continue;
        }
        target->count -= head->count;
        if (draft[i].form == SH_DRAFT_IN_PLACE) {
            sh_combine_in_place(operation, head, operand->view(operand, first_block + i, &room),
                                target->array_count_max);
        } else {
            sh_head_free(head);
            *head = draft[i];
        }
        target->count += head->count;
    }
    if (draft != near) sh_free(draft);
    return status;
}

static enum sh_status combine_bitmaps(struct sh_bitmap *target, enum sh_operation operation,
                                      const struct sh_bitmap *source) {
    if (target == source) {
        if (operation == SH_XOR || operation == SH_ANDNOT) sh_bitmap_clear(target);
        return SH_OK;
    }
    const struct operand operand = {.view = bitmap_operand_view, .bitmap = source};
    /* Blocks of one side only: OR and XOR take those of the source, AND empties those of the target. */
    uint32_t end_block = operation == SH_OR || operation == SH_XOR ? source->block_count : target->block_count;
    if (operation == SH_ANDNOT && source->block_count < end_block) end_block = source->block_count;
    return combine_blocks(target, operation, &operand, 0, end_block);
}

enum sh_status sh_bitmap_and_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, SH_AND, source);
}

enum sh_status sh_bitmap_or_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, SH_OR, source);
}

enum sh_status sh_bitmap_xor_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, SH_XOR, source);
}

enum sh_status sh_bitmap_andnot_into(struct sh_bitmap *target, const struct sh_bitmap *source) {
    return combine_bitmaps(target, SH_ANDNOT, source);
}

/* result, which is empty, = a OPERATION b. */
static enum sh_status build(struct sh_bitmap *result, enum sh_operation operation, const struct sh_bitmap *a,
                            const struct sh_bitmap *b) {
    uint32_t block_count = a->block_count;
    if (operation == SH_AND && b->block_count < block_count) block_count = b->block_count;
    if ((operation == SH_OR || operation == SH_XOR) && b->block_count > block_count) block_count = b->block_count;
    /* What is empty because a block is empty on one side costs neither a head nor a call: sparse sets are mostly that. */
    const bool needs_both = operation == SH_AND;
    while (needs_both && block_count > 0 &&
           (a->blocks[block_count - 1].count == 0 || b->blocks[block_count - 1].count == 0))
        block_count--;
    enum sh_status status = sh_bitmap_reserve_blocks(result, block_count);
    for (uint32_t i = 0; i < block_count && status == SH_OK; i++) {
        struct sh_block_head fresh;
        if (needs_both && (a->blocks[i].count == 0 || b->blocks[i].count == 0)) continue;
        status =
            sh_combine_build(operation, sh_bitmap_block(a, i), sh_bitmap_block(b, i), result->array_count_max, &fresh);
        if (status != SH_OK) break;
        result->blocks[i] = fresh;
        result->count += fresh.count;
    }
    return status;
}

static enum sh_status build_into(struct sh_bitmap *target, enum sh_operation operation, const struct sh_bitmap *a,
                                 const struct sh_bitmap *b) {
    struct sh_bitmap result;
    sh_bitmap_init(&result, target->array_count_max);
    const enum sh_status status = build(&result, operation, a, b);
    if (status == SH_OK) sh_bitmap_swap(target, &result);
    sh_bitmap_deinit(&result);
    return status;
}

enum sh_status sh_bitmap_and(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, SH_AND, a, b);
}

enum sh_status sh_bitmap_or(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, SH_OR, a, b);
}

enum sh_status sh_bitmap_xor(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, SH_XOR, a, b);
}

enum sh_status sh_bitmap_andnot(struct sh_bitmap *target, const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return build_into(target, SH_ANDNOT, a, b);
}

enum sh_status sh_bitmap_add_range(struct sh_bitmap *bitmap, uint32_t first, uint64_t end) {
    sh_assert(end <= (uint64_t)SH_BLOCK_COUNT_MAX * SH_BLOCK_SLOTS);
    if (first >= end) return SH_OK;
    const struct operand operand = {.view = range_operand_view, .range = {first, end}};
    return combine_blocks(bitmap, SH_OR, &operand, first / SH_BLOCK_SLOTS, (uint32_t)((end - 1) / SH_BLOCK_SLOTS) + 1);
}

enum sh_status sh_bitmap_remove_range(struct sh_bitmap *bitmap, uint32_t first, uint64_t end) {
    sh_assert(end <= (uint64_t)SH_BLOCK_COUNT_MAX * SH_BLOCK_SLOTS);
    if (first >= end) return SH_OK;
    const struct operand operand = {.view = range_operand_view, .range = {first, end}};
    const uint32_t end_block = (uint32_t)((end - 1) / SH_BLOCK_SLOTS) + 1;
    return combine_blocks(bitmap, SH_ANDNOT, &operand, first / SH_BLOCK_SLOTS,
                          end_block < bitmap->block_count ? end_block : bitmap->block_count);
}

enum sh_status sh_bitmap_add_sorted(struct sh_bitmap *bitmap, const uint32_t *slots, size_t slot_count) {
    if (slot_count == 0) return SH_OK;
    const struct operand operand = {.view = sorted_operand_view, .sorted = {slots, slot_count}};
    return combine_blocks(bitmap, SH_OR, &operand, slots[0] / SH_BLOCK_SLOTS,
                          slots[slot_count - 1] / SH_BLOCK_SLOTS + 1);
}

/* ---- Many sources ---- */

static enum sh_status or_many_block(struct sh_block_head *head, const struct sh_bitmap *const *sources,
                                    size_t source_count, uint32_t block_index, uint32_t array_count_max) {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS];
    struct sh_block_view only = {.form = SH_BLOCK_EMPTY};
    uint32_t used = 0;
    for (size_t k = 0; k < source_count; k++) {
        const struct sh_block_view view = sh_bitmap_block(sources[k], block_index);
        if (view.form == SH_BLOCK_EMPTY) continue;
        if (view.form == SH_BLOCK_FULL) return sh_head_from_view(head, view, array_count_max);
        if (used == 0) only = view;
        if (used == 1) sh_block_store(only, words);
        if (used >= 1) sh_block_or_into(words, view);
        used++;
    }
    if (used <= 1) return sh_head_from_view(head, only, array_count_max);
    return sh_head_from_words(head, words, (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS), array_count_max);
}

enum sh_status sh_bitmap_or_many(struct sh_bitmap *target, const struct sh_bitmap *const *sources,
                                 size_t source_count) {
    uint32_t block_count = 0;
    for (size_t k = 0; k < source_count; k++) {
        sh_assert(sources[k] != target);
        if (sources[k]->block_count > block_count) block_count = sources[k]->block_count;
    }
    struct sh_bitmap result;
    sh_bitmap_init(&result, target->array_count_max);
    enum sh_status status = sh_bitmap_reserve_blocks(&result, block_count);
    for (uint32_t i = 0; i < block_count && status == SH_OK; i++) {
        status = or_many_block(&result.blocks[i], sources, source_count, i, result.array_count_max);
        result.count += result.blocks[i].count;
    }
    if (status == SH_OK) sh_bitmap_swap(target, &result);
    sh_bitmap_deinit(&result);
    return status;
}

/* ---- Counts ---- */

static uint32_t common_block_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->block_count < b->block_count ? a->block_count : b->block_count;
}

uint64_t sh_bitmap_and_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    const uint32_t block_count = common_block_count(a, b);
    uint64_t count = 0;
    for (uint32_t i = 0; i < block_count; i++) {
        if (a->blocks[i].count == 0 || b->blocks[i].count == 0) continue; /* sparse sets are mostly this */
        count += sh_block_and_count(sh_block_head_view(&a->blocks[i]), sh_block_head_view(&b->blocks[i]));
    }
    return count;
}

uint64_t sh_bitmap_or_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count + b->count - sh_bitmap_and_count(a, b);
}

uint64_t sh_bitmap_xor_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count + b->count - 2 * sh_bitmap_and_count(a, b);
}

uint64_t sh_bitmap_andnot_count(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count - sh_bitmap_and_count(a, b);
}

bool sh_bitmap_intersects(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    for (uint32_t i = 0; i < common_block_count(a, b); i++)
        if (sh_block_intersects(sh_bitmap_block(a, i), sh_bitmap_block(b, i))) return true;
    return false;
}

bool sh_bitmap_is_subset(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    if (a->count > b->count) return false;
    for (uint32_t i = 0; i < a->block_count; i++) {
        const struct sh_block_view x = sh_bitmap_block(a, i), y = sh_bitmap_block(b, i);
        if (x.count > y.count || sh_block_and_count(x, y) != x.count) return false;
    }
    return true;
}

bool sh_bitmap_equal(const struct sh_bitmap *a, const struct sh_bitmap *b) {
    return a->count == b->count && sh_bitmap_is_subset(a, b);
}
