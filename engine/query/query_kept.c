/* query_kept.c -- the windows that are kept: finding, keeping, making room. */
#include "query_kept.h"

#include <string.h>

#include "memory.h"

struct kept_block {
    uint64_t change; /* of the store, when the numbers were right */
    bool is_asked;
    struct sh_kept_numbers numbers; /* none while strip.data is NULL */
};
struct kept_window {
    struct sh_kept_window window;
    struct kept_block *blocks;
    uint32_t block_count;
};
struct sh_kept {
    const struct sh_event_store *events;
    uint32_t row_count_min;
    size_t bytes_max;
    size_t bytes;
    struct kept_window *windows[SH_KEPT_WINDOW_COUNT_MAX]; /* the one asked for last comes first */
    uint32_t window_count;
    uint64_t read_count;
    uint64_t made_count;
};

struct sh_kept *sh_kept_create(const struct sh_event_store *events, uint32_t row_count_min, size_t bytes_max) {
    struct sh_kept *kept = sh_alloc_zero(sizeof *kept);
    if (kept == NULL) return NULL;
    kept->events = events;
    kept->row_count_min = row_count_min;
    kept->bytes_max = bytes_max;
    return kept;
}

static void release_numbers(struct sh_kept *kept, struct kept_block *block) {
    if (block->numbers.strip.data == NULL) return;
    kept->bytes -= (size_t)SH_EVENT_BLOCK_SLOTS * block->numbers.strip.width;
    sh_free(block->numbers.strip.data);
    block->numbers = (struct sh_kept_numbers){.magnitude = 0};
}

static void drop_last(struct sh_kept *kept) {
    struct kept_window *last = kept->windows[--kept->window_count];
    for (uint32_t i = 0; i < last->block_count; i++)
        release_numbers(kept, &last->blocks[i]);
    kept->bytes -= sizeof *last + last->block_count * sizeof *last->blocks;
    sh_free(last->blocks);
    sh_free(last);
}

void sh_kept_destroy(struct sh_kept *kept) {
    if (kept == NULL) return;
    while (kept->window_count > 0)
        drop_last(kept);
    sh_free(kept);
}

const struct sh_event_store *sh_kept_events(const struct sh_kept *kept) {
    return kept == NULL ? NULL : kept->events;
}

uint32_t sh_kept_row_count_min(const struct sh_kept *kept) {
    return kept->row_count_min;
}

void sh_kept_stats(const struct sh_kept *kept, struct sh_kept_stats *stats) {
    *stats = (struct sh_kept_stats){.bytes = kept->bytes,
                                    .window_count = kept->window_count,
                                    .read_count = kept->read_count,
                                    .made_count = kept->made_count};
}

static bool is_same(const struct sh_kept_window *a, const struct sh_kept_window *b) {
    return a->from_ms == b->from_ms && a->until_ms == b->until_ms && a->event_type == b->event_type &&
           a->is_sum == b->is_sum && a->is_amount == b->is_amount && a->property == b->property;
}

/* Let go of what was asked for longest ago, but not of the first, until there is room. */
static bool make_room(struct sh_kept *kept, size_t bytes) {
    while (kept->bytes + bytes > kept->bytes_max && kept->window_count > 1)
        drop_last(kept);
    return kept->bytes + bytes <= kept->bytes_max;
}

static void move_to_front(struct sh_kept *kept, uint32_t place) {
    struct kept_window *found = kept->windows[place];
    memmove(kept->windows + 1, kept->windows, place * sizeof(struct kept_window *));
    kept->windows[0] = found;
}

/* Then it is the first. */
static struct kept_window *find_or_make(struct sh_kept *kept, const struct sh_kept_window *window) {
    uint32_t place = 0;
    while (place < kept->window_count && !is_same(&kept->windows[place]->window, window))
        place++;
    if (place == kept->window_count) {
        struct kept_window *made = sh_alloc_zero(sizeof *made);
        if (made == NULL) return NULL;
        made->window = *window;
        if (place == SH_KEPT_WINDOW_COUNT_MAX) {
            drop_last(kept);
            place--;
        }
        kept->windows[place] = made;
        kept->window_count++;
        kept->bytes += sizeof *made;
    }
    if (place > 0) move_to_front(kept, place);
    return kept->windows[0];
}

static bool reserve_block(struct sh_kept *kept, struct kept_window *window, uint32_t block) {
    if (block < window->block_count) return true;
    /* Questions go block by block, and blocks are few: room for half as many more. */
    const uint32_t count = block + 1 + block / 2;
    const size_t old_bytes = window->block_count * sizeof *window->blocks;
    const size_t new_bytes = count * sizeof *window->blocks;
    if (!make_room(kept, new_bytes - old_bytes)) return false;
    struct kept_block *blocks = sh_realloc(window->blocks, old_bytes, new_bytes);
    if (blocks == NULL) return false;
    memset((uint8_t *)blocks + old_bytes, 0, new_bytes - old_bytes);
    kept->bytes += new_bytes - old_bytes;
    window->blocks = blocks;
    window->block_count = count;
    return true;
}

enum sh_kept_state sh_kept_find(struct sh_kept *kept, const struct sh_kept_window *window, uint32_t block,
                                const struct sh_kept_numbers **numbers) {
    *numbers = NULL;
    struct kept_window *found = find_or_make(kept, window);
    if (found == NULL || !reserve_block(kept, found, block)) return SH_KEPT_NONE;
    struct kept_block *kept_block = &found->blocks[block];
    if (!kept_block->is_asked) {
        kept_block->is_asked = true;
        return SH_KEPT_NONE;
    }
    if (kept_block->numbers.strip.data == NULL) return SH_KEPT_WANTED;
    if (!sh_event_is_unchanged(kept->events, window->event_type, block, window->from_ms, window->until_ms,
                               kept_block->change)) {
        release_numbers(kept, kept_block);
        return SH_KEPT_WANTED;
    }
    kept_block->change = sh_event_change(kept->events);
    kept->read_count++;
    *numbers = &kept_block->numbers;
    return SH_KEPT_READY;
}

/* Room for the numbers of the block that was WANTED; NULL: there is none. */
static struct sh_strip *begin_numbers(struct sh_kept *kept, const struct sh_kept_window *window, uint32_t block,
                                      int64_t base, uint64_t distance_max, uint64_t magnitude) {
    const uint8_t width = distance_max <= UINT8_MAX    ? 1
                          : distance_max <= UINT16_MAX ? 2
                          : distance_max <= UINT32_MAX ? 4
                                                       : 8;
    const size_t bytes = (size_t)SH_EVENT_BLOCK_SLOTS * width;
    struct kept_window *found = kept->windows[0];
    sh_assert(is_same(&found->window, window));
    if (!make_room(kept, bytes)) return NULL;
    void *data = sh_alloc(bytes);
    if (data == NULL) return NULL;
    struct kept_block *kept_block = &found->blocks[block];
    sh_assert(kept_block->numbers.strip.data == NULL);
    kept_block->change = sh_event_change(kept->events);
    kept_block->numbers.magnitude = magnitude;
    kept_block->numbers.strip = (struct sh_strip){.data = data,
                                                  .base = width == 8 ? 0 : base, /* as strips have it */
                                                  .min = base,
                                                  .max = (int64_t)((uint64_t)base + distance_max),
                                                  .count = SH_EVENT_BLOCK_SLOTS,
                                                  .capacity = SH_EVENT_BLOCK_SLOTS,
                                                  .unit = 1,
                                                  .width = width};
    kept->bytes += bytes;
    kept->made_count++;
    return &kept_block->numbers.strip;
}

/* Numbers less the base, narrowed. */
#define STORE(type, numbers)                                                                                           \
    do {                                                                                                               \
        type *distances = (type *)strip->data;                                                                         \
        for (uint32_t i = 0; i < SH_EVENT_BLOCK_SLOTS; i++)                                                            \
            distances[i] = (type)((uint64_t)(numbers)[i] - (uint64_t)strip->base);                                     \
    } while (0)
#define STORE_ALL(numbers)                                                                                             \
    switch (strip->width) {                                                                                            \
    case 1:                                                                                                            \
        STORE(uint8_t, numbers);                                                                                       \
        break;                                                                                                         \
    case 2:                                                                                                            \
        STORE(uint16_t, numbers);                                                                                      \
        break;                                                                                                         \
    case 4:                                                                                                            \
        STORE(uint32_t, numbers);                                                                                      \
        break;                                                                                                         \
    default:                                                                                                           \
        STORE(uint64_t, numbers);                                                                                      \
        break;                                                                                                         \
    }

static const struct sh_kept_numbers *numbers_of(const struct sh_kept *kept, uint32_t block) {
    return &kept->windows[0]->blocks[block].numbers;
}

const struct sh_kept_numbers *sh_kept_put_counts(struct sh_kept *kept, const struct sh_kept_window *window,
                                                 uint32_t block, const uint32_t *counts) {
    uint32_t max = 0;
    for (uint32_t i = 0; i < SH_EVENT_BLOCK_SLOTS; i++)
        max = counts[i] > max ? counts[i] : max;
    struct sh_strip *strip = begin_numbers(kept, window, block, 0, max, max);
    if (strip == NULL) return NULL;
    STORE_ALL(counts)
    return numbers_of(kept, block);
}

const struct sh_kept_numbers *sh_kept_put_sums(struct sh_kept *kept, const struct sh_kept_window *window,
                                               uint32_t block, const int64_t *sums, uint64_t magnitude) {
    int64_t min = sums[0];
    int64_t max = sums[0];
    for (uint32_t i = 0; i < SH_EVENT_BLOCK_SLOTS; i++) {
        min = sums[i] < min ? sums[i] : min;
        max = sums[i] > max ? sums[i] : max;
    }
    struct sh_strip *strip = begin_numbers(kept, window, block, min, (uint64_t)max - (uint64_t)min, magnitude);
    if (strip == NULL) return NULL;
    STORE_ALL(sums)
    return numbers_of(kept, block);
}
