/* bitmap_upkeep.c -- the cheapest forms, bytes, check and print. */
#include <string.h>

#include "bitmap_private.h"

enum {
    PRINTED_SLOT_COUNT_MAX = 8,
    /* Crossing a run with something costs about as much as crossing so many entries of an array (bitmap_bench), so
     * where arrays are kept short for speed runs are kept few. */
    ENTRIES_PER_RUN = 8,
};

/* ---- Optimize ---- */

/* Does a block that is not to be RUNS already take no more than its slots need? */
static bool is_tight(const struct sh_block_head *head, uint32_t array_count_max) {
    const struct sh_block_view view = sh_block_head_view(head);
    if (view.form == SH_BLOCK_BITS)
        return view.count > array_count_max && SH_BLOCK_SLOTS - view.count > array_count_max;
    return view.form != SH_BLOCK_RUNS && head->capacity == sh_block_list_count(view);
}

static enum sh_status optimize_block(struct sh_block_head *head, uint32_t array_count_max) {
    const struct sh_block_view view = sh_block_head_view(head);
    if (view.form == SH_BLOCK_EMPTY || view.form == SH_BLOCK_FULL) return SH_OK;
    const uint32_t run_count = sh_block_run_count(view);
    const bool runs_win = sh_runs_are_cheapest(run_count, view.count, array_count_max);
    if (runs_win ? view.form == SH_BLOCK_RUNS : is_tight(head, array_count_max)) return SH_OK;

    struct sh_block_head fresh;
    if (runs_win) {
        if (sh_head_alloc_runs(&fresh, run_count, view.count) != SH_OK) return SH_ERR_MEMORY;
        (void)sh_block_list_runs(view, fresh.memory);
    } else {
        if (sh_head_from_view(&fresh, view, array_count_max) != SH_OK) return SH_ERR_MEMORY;
    }
    sh_head_free(head);
    *head = fresh;
    return SH_OK;
}

enum sh_status sh_bitmap_optimize(struct sh_bitmap *bitmap) {
    for (uint32_t i = 0; i < bitmap->block_count; i++)
        if (optimize_block(&bitmap->blocks[i], bitmap->array_count_max) != SH_OK) return SH_ERR_MEMORY;
    while (bitmap->block_count > 0 && bitmap->blocks[bitmap->block_count - 1].count == 0)
        bitmap->block_count--;
    if (bitmap->block_capacity == bitmap->block_count) return SH_OK;
    struct sh_block_head *blocks = NULL;
    if (bitmap->block_count > 0) {
        blocks = sh_alloc(bitmap->block_count * sizeof *blocks);
        if (blocks == NULL) return SH_ERR_MEMORY;
        memcpy(blocks, bitmap->blocks, bitmap->block_count * sizeof *blocks);
    }
    sh_free(bitmap->blocks);
    bitmap->blocks = blocks;
    bitmap->block_capacity = bitmap->block_count;
    return SH_OK;
}

size_t sh_bitmap_memory_bytes(const struct sh_bitmap *bitmap) {
    size_t bytes = bitmap->block_capacity * sizeof *bitmap->blocks;
    for (uint32_t i = 0; i < bitmap->block_count; i++) {
        const struct sh_block_head *head = &bitmap->blocks[i];
        if (head->form == SH_BLOCK_ARRAY || head->form == SH_BLOCK_INVERTED) bytes += head->capacity * sizeof(uint16_t);
        if (head->form == SH_BLOCK_RUNS) bytes += head->run_count * sizeof(struct sh_run);
        if (head->form == SH_BLOCK_BITS) bytes += SH_BLOCK_BYTES;
    }
    return bytes;
}

/* ---- Check ---- */

static const char *list_fault(const struct sh_block_head *head, uint32_t array_count_max) {
    const uint16_t *list = head->memory;
    const uint32_t list_count = sh_block_list_count(sh_block_head_view(head));
    if (list_count > array_count_max) return "a list has more than array_count_max entries";
    if (list_count > head->capacity) return "a list has more entries than its memory holds";
    if (head->capacity > array_count_max) return "a list has room for more than array_count_max entries";
    for (uint32_t i = 1; i < list_count; i++)
        if (list[i - 1] >= list[i]) return "a list is not strictly ascending";
    return NULL;
}

static const char *runs_fault(const struct sh_block_head *head) {
    const struct sh_run *runs = head->memory;
    uint32_t count = 0;
    for (uint32_t i = 0; i < head->run_count; i++) {
        if (runs[i].first > runs[i].last) return "a run ends before it begins";
        if (i > 0 && runs[i - 1].last + 1 >= runs[i].first) return "runs touch or are not ascending";
        count += runs[i].last - runs[i].first + 1u;
    }
    return count == head->count ? NULL : "the count of a block of runs is wrong";
}

const char *sh_head_fault(const struct sh_block_head *head, uint32_t array_count_max) {
    if (head->form > SH_BLOCK_BITS) return "a block has no known form";
    const bool owns = head->form != SH_BLOCK_EMPTY && head->form != SH_BLOCK_FULL;
    if (owns != (head->memory != NULL)) return "a block owns memory that its form has not, or has none";
    if ((head->form == SH_BLOCK_EMPTY) != (head->count == 0)) return "a block without slots is not EMPTY";
    if ((head->form == SH_BLOCK_FULL) != (head->count == SH_BLOCK_SLOTS)) return "a block of all slots is not FULL";
    if (head->count > SH_BLOCK_SLOTS) return "a block counts more slots than there are";
    switch ((enum sh_block_form)head->form) {
    case SH_BLOCK_EMPTY:
    case SH_BLOCK_FULL:
        break;
    case SH_BLOCK_ARRAY:
    case SH_BLOCK_INVERTED:
        return list_fault(head, array_count_max);
    case SH_BLOCK_RUNS:
        return runs_fault(head);
    case SH_BLOCK_BITS:
        if ((uintptr_t)head->memory % 64 != 0) return "bits are not 64-byte aligned";
        if (sh_bitmap_kernels_scalar.popcount(head->memory, SH_BLOCK_WORDS) != head->count)
            return "the count of a block of bits is wrong";
        break;
    }
    return NULL;
}

bool sh_bitmap_check(const struct sh_bitmap *bitmap, const char **reason) {
    const char *fault = NULL;
    uint64_t count = 0;
    if (bitmap->array_count_max < 1 || bitmap->array_count_max > SH_ARRAY_COUNT_COMPACT)
        fault = "array_count_max is out of range";
    else if (bitmap->block_count > bitmap->block_capacity || bitmap->block_count > SH_BLOCK_COUNT_MAX)
        fault = "the directory is longer than its memory or than all slots";
    for (uint32_t i = 0; i < bitmap->block_count && fault == NULL; i++) {
        fault = sh_head_fault(&bitmap->blocks[i], bitmap->array_count_max);
        count += bitmap->blocks[i].count;
    }
    if (fault == NULL && count != bitmap->count) fault = "the bitmap's count is not the sum of its blocks";
    if (reason != NULL) *reason = fault;
    return fault == NULL;
}

/* ---- Print ---- */

void sh_bitmap_print(const struct sh_bitmap *bitmap, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "bitmap: %llu slots in %u blocks, %zu bytes, arrays to %u\n",
                    (unsigned long long)bitmap->count, bitmap->block_count, sh_bitmap_memory_bytes(bitmap),
                    bitmap->array_count_max);
    for (uint32_t i = 0; i < bitmap->block_count; i++) {
        const struct sh_block_view view = sh_bitmap_block(bitmap, i);
        if (view.form == SH_BLOCK_EMPTY) continue;
        uint32_t slots[PRINTED_SLOT_COUNT_MAX];
        const uint32_t n = sh_block_list_from(view, 0, i * SH_BLOCK_SLOTS, slots, PRINTED_SLOT_COUNT_MAX);
        sh_buffer_print(buffer, "  block %u: %s, %u slots:", i, sh_block_form_name(view.form), view.count);
        for (uint32_t k = 0; k < n; k++)
            sh_buffer_print(buffer, " %u", slots[k]);
        sh_buffer_print(buffer, "%s\n", n < view.count ? " ..." : "");
    }
}
