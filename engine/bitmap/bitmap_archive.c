/* bitmap_archive.c -- a bitmap in an archive.
 *
 *   u16  array_count_max
 *   u32  block_count, and for each block, empty ones too:
 *        u32  slots in the block, 0..65536, and in bits 24 to 31 its form
 *        ARRAY, INVERTED: the list, u16 each
 *        RUNS: u16 run_count, then first and last of each
 *        BITS: 1,024 words
 */
#include "bitmap_private.h"

enum { FORM_SHIFT = 24 };

static void save_block(const struct sh_block_head *head, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, (uint32_t)head->form << FORM_SHIFT | head->count);
    switch ((enum sh_block_form)head->form) {
    case SH_BLOCK_EMPTY:
    case SH_BLOCK_FULL:
        break;
    case SH_BLOCK_ARRAY:
    case SH_BLOCK_INVERTED:
        sh_archive_put(writer, head->memory, sh_block_list_count(sh_block_head_view(head)) * sizeof(uint16_t));
        break;
    case SH_BLOCK_RUNS:
        sh_archive_put_u16(writer, head->run_count);
        sh_archive_put(writer, head->memory, head->run_count * sizeof(struct sh_run));
        break;
    case SH_BLOCK_BITS:
        sh_archive_put(writer, head->memory, SH_BLOCK_BYTES);
        break;
    }
}

void sh_bitmap_save(const struct sh_bitmap *bitmap, struct sh_archive_writer *writer) {
    sh_archive_put_u16(writer, (uint16_t)bitmap->array_count_max);
    sh_archive_put_u32(writer, bitmap->block_count);
    for (uint32_t i = 0; i < bitmap->block_count; i++)
        save_block(&bitmap->blocks[i], writer);
}

/* head is EMPTY and gets memory of the form's size, to be filled; *byte_count is how much. */
static enum sh_status alloc_block(struct sh_block_head *head, uint32_t form, uint32_t count, uint32_t array_count_max,
                                  struct sh_archive_reader *reader, size_t *byte_count) {
    const struct sh_block_view view = {.form = (uint8_t)form, .count = count};
    enum sh_status status;
    if (form == SH_BLOCK_BITS) {
        *byte_count = SH_BLOCK_BYTES;
        *head = (struct sh_block_head){.memory = sh_alloc(*byte_count), .count = count, .form = SH_BLOCK_BITS};
        status = head->memory == NULL ? SH_ERR_MEMORY : SH_OK;
    } else if (form == SH_BLOCK_RUNS) {
        const uint16_t run_count = sh_archive_get_u16(reader);
        if (run_count == 0) return sh_archive_refuse(reader, "a block of runs without a run");
        *byte_count = run_count * sizeof(struct sh_run);
        status = sh_head_alloc_runs(head, run_count, count);
    } else {
        const uint32_t list_count = sh_block_list_count(view);
        if (list_count > array_count_max)
            return sh_archive_refuse(reader, "a list of %u slots; the most is %u", list_count, array_count_max);
        *byte_count = list_count * sizeof(uint16_t);
        status = sh_head_alloc_list(head, (enum sh_block_form)form, list_count);
        if (status == SH_OK) head->count = count;
    }
    if (status == SH_OK) return SH_OK;
    *head = (struct sh_block_head){.form = SH_BLOCK_EMPTY};
    return sh_archive_refuse_memory(reader);
}

static enum sh_status load_block(struct sh_block_head *head, uint32_t array_count_max,
                                 struct sh_archive_reader *reader) {
    const uint32_t word = sh_archive_get_u32(reader);
    const uint32_t form = word >> FORM_SHIFT;
    const uint32_t count = word & ((1u << FORM_SHIFT) - 1);
    if (form > SH_BLOCK_BITS || count > SH_BLOCK_SLOTS)
        return sh_archive_refuse(reader, "a block of %u slots in form %u", count, form);
    head->form = (uint8_t)form;
    head->count = count;
    if (form != SH_BLOCK_EMPTY && form != SH_BLOCK_FULL) {
        size_t byte_count = 0;
        head->form = SH_BLOCK_EMPTY;
        head->count = 0;
        const enum sh_status status = alloc_block(head, form, count, array_count_max, reader, &byte_count);
        if (status != SH_OK) return status;
        if (!sh_archive_get(reader, head->memory, byte_count)) return sh_archive_status(reader, NULL);
    }
    const char *fault = sh_head_fault(head, array_count_max);
    return fault == NULL ? SH_OK : sh_archive_refuse(reader, "%s", fault);
}

enum sh_status sh_bitmap_load(struct sh_bitmap *bitmap, struct sh_archive_reader *reader) {
    sh_assert(bitmap->block_count == 0);
    struct sh_bitmap loaded = SH_BITMAP_EMPTY;
    loaded.array_count_max = sh_archive_get_u16(reader);
    const uint32_t block_count = sh_archive_get_count(reader, SH_BLOCK_COUNT_MAX, sizeof(uint32_t), "blocks");
    if (loaded.array_count_max < 1 || loaded.array_count_max > SH_ARRAY_COUNT_COMPACT)
        (void)sh_archive_refuse(reader, "a bitmap with arrays of up to %u slots", loaded.array_count_max);
    enum sh_status status = sh_archive_status(reader, NULL);
    if (status == SH_OK && sh_bitmap_reserve_blocks(&loaded, block_count) != SH_OK)
        status = sh_archive_refuse_memory(reader);
    for (uint32_t i = 0; i < block_count && status == SH_OK; i++) {
        status = load_block(&loaded.blocks[i], loaded.array_count_max, reader);
        loaded.count += loaded.blocks[i].count;
    }
    if (status == SH_OK) {
        sh_bitmap_deinit(bitmap);
        *bitmap = loaded;
    } else {
        sh_bitmap_deinit(&loaded);
    }
    return status;
}
