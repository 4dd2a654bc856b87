/* bitmap.c -- the directory: life, single slots, questions, going through. */
#include "bitmap.h"

#include <string.h>

#include "bitmap_private.h"

/* ---- Life ---- */

void sh_bitmap_init(struct sh_bitmap *bitmap, uint32_t array_count_max) {
    sh_assert(array_count_max >= 1);
    sh_assert(array_count_max <= SH_ARRAY_COUNT_COMPACT);
    *bitmap = (struct sh_bitmap){.array_count_max = array_count_max};
}

void sh_bitmap_clear(struct sh_bitmap *bitmap) {
    for (uint32_t i = 0; i < bitmap->block_count; i++)
        sh_head_free(&bitmap->blocks[i]);
    bitmap->block_count = 0;
    bitmap->count = 0;
}

void sh_bitmap_deinit(struct sh_bitmap *bitmap) {
    sh_bitmap_clear(bitmap);
    sh_free(bitmap->blocks);
    *bitmap = (struct sh_bitmap){.array_count_max = bitmap->array_count_max};
}

void sh_bitmap_swap(struct sh_bitmap *a, struct sh_bitmap *b) {
    const struct sh_bitmap other = *a;
    *a = *b;
    *b = other;
}

enum sh_status sh_bitmap_reserve_blocks(struct sh_bitmap *bitmap, uint32_t block_count) {
    if (block_count <= bitmap->block_count) return SH_OK;
    sh_assert(block_count <= SH_BLOCK_COUNT_MAX);
    void *blocks = bitmap->blocks;
    if (sh_grow(&blocks, &bitmap->block_capacity, block_count, sizeof *bitmap->blocks) != SH_OK) return SH_ERR_MEMORY;
    bitmap->blocks = blocks;
    const uint32_t added = block_count - bitmap->block_count;
    memset(bitmap->blocks + bitmap->block_count, 0, added * sizeof *bitmap->blocks); /* form EMPTY is 0 */
    bitmap->block_count = block_count;
    return SH_OK;
}
_Static_assert(SH_BLOCK_EMPTY == 0, "zeroed heads are empty blocks");
_Static_assert(sizeof(struct sh_block_head) == 16, "the directory costs 16 bytes a block");

enum sh_status sh_bitmap_copy(struct sh_bitmap *target, const struct sh_bitmap *source) {
    if (target == source) return SH_OK;
    struct sh_bitmap copy;
    sh_bitmap_init(&copy, target->array_count_max);
    enum sh_status status = sh_bitmap_reserve_blocks(&copy, source->block_count);
    for (uint32_t i = 0; i < source->block_count && status == SH_OK; i++)
        status = sh_head_from_view(&copy.blocks[i], sh_bitmap_block(source, i), copy.array_count_max);
    copy.count = source->count;
    if (status == SH_OK) sh_bitmap_swap(target, &copy);
    sh_bitmap_deinit(&copy);
    return status;
}

/* ---- Single slots, whole blocks ---- */

enum sh_status sh_bitmap_add(struct sh_bitmap *bitmap, uint32_t slot, bool *changed) {
    const uint32_t block_index = slot / SH_BLOCK_SLOTS;
    bool added = false;
    enum sh_status status = sh_bitmap_reserve_blocks(bitmap, block_index + 1);
    if (status == SH_OK)
        status = sh_head_add(&bitmap->blocks[block_index], slot % SH_BLOCK_SLOTS, bitmap->array_count_max, &added);
    bitmap->count += added;
    if (changed != NULL) *changed = added;
    return status;
}

enum sh_status sh_bitmap_remove(struct sh_bitmap *bitmap, uint32_t slot, bool *changed) {
    const uint32_t block_index = slot / SH_BLOCK_SLOTS;
    bool removed = false;
    enum sh_status status = SH_OK;
    if (block_index < bitmap->block_count)
        status = sh_head_remove(&bitmap->blocks[block_index], slot % SH_BLOCK_SLOTS, bitmap->array_count_max, &removed);
    bitmap->count -= removed;
    if (changed != NULL) *changed = removed;
    return status;
}

/* The new head is complete before the old one goes, so a view of the old one may have been its source. */
static void put_head(struct sh_bitmap *bitmap, uint32_t block_index, struct sh_block_head fresh) {
    struct sh_block_head *head = &bitmap->blocks[block_index];
    bitmap->count = bitmap->count - head->count + fresh.count;
    sh_free(head->memory);
    *head = fresh;
}

enum sh_status sh_bitmap_put_view(struct sh_bitmap *bitmap, uint32_t block_index, struct sh_block_view view) {
    sh_assert(block_index < SH_BLOCK_COUNT_MAX);
    struct sh_block_head fresh;
    if (view.form == SH_BLOCK_EMPTY && block_index >= bitmap->block_count) return SH_OK;
    if (sh_head_from_view(&fresh, view, bitmap->array_count_max) != SH_OK) return SH_ERR_MEMORY;
    if (sh_bitmap_reserve_blocks(bitmap, block_index + 1) != SH_OK) {
        sh_head_free(&fresh);
        return SH_ERR_MEMORY;
    }
    put_head(bitmap, block_index, fresh);
    return SH_OK;
}

enum sh_status sh_bitmap_put_block(struct sh_bitmap *bitmap, uint32_t block_index, const uint64_t *words,
                                   uint32_t count) {
    sh_assert_slow(sh_bits->popcount(words, SH_BLOCK_WORDS) == count);
    return sh_bitmap_put_view(bitmap, block_index, sh_block_of_words(words, count));
}

/* ---- Questions ---- */

uint64_t sh_bitmap_rank(const struct sh_bitmap *bitmap, uint64_t x) {
    const uint64_t block_index = x / SH_BLOCK_SLOTS;
    if (block_index >= bitmap->block_count) return bitmap->count;
    uint64_t rank = 0;
    for (uint64_t i = 0; i < block_index; i++)
        rank += bitmap->blocks[i].count;
    return rank + sh_block_rank(sh_bitmap_block(bitmap, (uint32_t)block_index), x % SH_BLOCK_SLOTS);
}

bool sh_bitmap_select(const struct sh_bitmap *bitmap, uint64_t n, uint32_t *slot) {
    if (n >= bitmap->count) return false;
    uint32_t i = 0;
    for (; n >= bitmap->blocks[i].count; i++)
        n -= bitmap->blocks[i].count;
    *slot = i * SH_BLOCK_SLOTS + sh_block_select(sh_bitmap_block(bitmap, i), (uint32_t)n);
    return true;
}

bool sh_bitmap_min(const struct sh_bitmap *bitmap, uint32_t *slot) {
    return sh_bitmap_next(bitmap, 0, slot);
}

bool sh_bitmap_max(const struct sh_bitmap *bitmap, uint32_t *slot) {
    for (uint32_t i = bitmap->block_count; i > 0; i--) {
        const struct sh_block_view view = sh_bitmap_block(bitmap, i - 1);
        if (view.count == 0) continue;
        *slot = (i - 1) * SH_BLOCK_SLOTS + sh_block_select(view, view.count - 1);
        return true;
    }
    return false;
}

/* ---- Going through ---- */

bool sh_bitmap_next(const struct sh_bitmap *bitmap, uint64_t from, uint32_t *slot) {
    uint32_t place = from % SH_BLOCK_SLOTS;
    for (uint64_t i = from / SH_BLOCK_SLOTS; i < bitmap->block_count; i++) {
        const uint32_t found = sh_block_next(sh_bitmap_block(bitmap, (uint32_t)i), place);
        if (found < SH_BLOCK_SLOTS) {
            *slot = (uint32_t)(i * SH_BLOCK_SLOTS) + found;
            return true;
        }
        place = 0;
    }
    return false;
}

size_t sh_bitmap_list(const struct sh_bitmap *bitmap, uint64_t from, uint32_t *out, size_t max) {
    size_t n = 0;
    uint32_t place = from % SH_BLOCK_SLOTS;
    for (uint64_t i = from / SH_BLOCK_SLOTS; i < bitmap->block_count && n < max; i++) {
        const uint32_t left = max - n < SH_BLOCK_SLOTS ? (uint32_t)(max - n) : SH_BLOCK_SLOTS;
        const struct sh_block_view view = sh_bitmap_block(bitmap, (uint32_t)i);
        n += sh_block_list_from(view, place, (uint32_t)(i * SH_BLOCK_SLOTS), out + n, left);
        place = 0;
    }
    return n;
}

void sh_bitmap_iterate(struct sh_bitmap_iterator *iterator, const struct sh_bitmap *bitmap) {
    iterator->bitmap = bitmap;
    iterator->from = 0;
    iterator->at = 0;
    iterator->count = 0;
}

bool sh_bitmap_iterator_refill(struct sh_bitmap_iterator *iterator) {
    enum { BATCH_COUNT = sizeof iterator->batch / sizeof iterator->batch[0] };
    iterator->at = 0;
    iterator->count = (uint32_t)sh_bitmap_list(iterator->bitmap, iterator->from, iterator->batch, BATCH_COUNT);
    if (iterator->count == 0) return false;
    iterator->from = (uint64_t)iterator->batch[iterator->count - 1] + 1;
    return true;
}
