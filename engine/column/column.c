/* column.c -- strips by block, and the cache of bit slices beside them. */
#include "column.h"

#include <string.h>

#include "column_kernels.h"
#include "memory.h"
#include "strip_private.h"

enum {
    /* Slices are built by the second range scan after a write: one scan may be the only one. */
    PATIENCE_FIRST = 2,
    /* Each write that drops slices before they have paid doubles the scans that the next ones wait for. */
    PATIENCE_MAX = 64,
    SLICE_BYTES_MAX_FIRST = 64 << 20, /* of one column: 10 M points of 17 bits take 21 MiB */
};

struct sh_column_block {
    struct sh_strip strip;
    uint64_t *slices;
    uint64_t slice_low;   /* the distance that slices of all zeros mean */
    uint32_t slice_count; /* of slices, if there are any */
    uint32_t scan_count;  /* range scans since the last write, or since the slices were built */
    uint32_t patience;    /* scans that building waits for */
};

void sh_column_init(struct sh_column *column) {
    sh_column_init_unit(column, 1);
}

void sh_column_init_unit(struct sh_column *column, uint32_t unit) {
    *column = (struct sh_column){.slice_bytes_max = SLICE_BYTES_MAX_FIRST, .unit = unit};
}

void sh_column_deinit(struct sh_column *column) {
    for (uint32_t block = 0; block < column->block_count; block++) {
        if (column->blocks[block] == NULL) continue;
        sh_strip_deinit(&column->blocks[block]->strip);
        sh_free(column->blocks[block]->slices);
        sh_free(column->blocks[block]);
    }
    sh_free((void *)column->blocks);
    sh_column_init_unit(column, column->unit);
}

static struct sh_column_block *block_at(const struct sh_column *column, uint32_t block) {
    return block < column->block_count ? column->blocks[block] : NULL;
}

const struct sh_strip *sh_column_block(const struct sh_column *column, uint32_t block) {
    const struct sh_column_block *found = block_at(column, block);
    return found == NULL ? NULL : &found->strip;
}

bool sh_column_get(const struct sh_column *column, uint32_t slot, int64_t *value) {
    const struct sh_column_block *block = block_at(column, slot / SH_BLOCK_SLOTS);
    return block != NULL && sh_strip_get(&block->strip, slot % SH_BLOCK_SLOTS, value);
}

void sh_column_prefetch(const struct sh_column *column, uint32_t slot) {
    const struct sh_column_block *block = block_at(column, slot / SH_BLOCK_SLOTS);
    if (block == NULL || block->strip.data == NULL) return;
    __builtin_prefetch((const uint8_t *)block->strip.data + (size_t)(slot % SH_BLOCK_SLOTS) * block->strip.width);
}

/* ---- Slices ---- */

/* The budget's counter is part of the cache, so it changes under a const column. */
static size_t *slice_bytes_of(const struct sh_column *column) {
    return (size_t *)&column->slice_bytes;
}

static size_t slice_bytes(uint32_t entries, uint32_t slice_count) {
    const size_t chunks = (entries + (size_t)SH_SLICE_CHUNK_ENTRIES - 1) / SH_SLICE_CHUNK_ENTRIES;
    return chunks * SH_SLICE_CHUNK_WORDS * slice_count * sizeof(uint64_t);
}

static void drop_slices(const struct sh_column *column, struct sh_column_block *block) {
    if (block->slices == NULL) return;
    *slice_bytes_of(column) -= slice_bytes(block->strip.count, block->slice_count);
    sh_free(block->slices);
    block->slices = NULL;
}

/* Before every write to the block. */
static void before_write(struct sh_column *column, struct sh_column_block *block) {
    if (block->slices != NULL) {
        if (block->scan_count >= block->patience)
            block->patience = PATIENCE_FIRST;
        else if (block->patience < PATIENCE_MAX)
            block->patience *= 2;
        drop_slices(column, block);
    }
    block->scan_count = 0;
}

void sh_column_drop_slices(const struct sh_column *column) {
    for (uint32_t block = 0; block < column->block_count; block++)
        if (column->blocks[block] != NULL) drop_slices(column, column->blocks[block]);
}

static uint32_t bit_count(uint64_t x) {
    return x == 0 ? 0 : 64 - (uint32_t)__builtin_clzll(x);
}

/* Is a walk over so many slices faster than a scan of the width? It touches about twelve lines for 512 values, but in
 * leaps: against u64 it wins always, against u16 and u32 up to 5/8 of the bits (bench/micro/column_bench.c, part 4). */
static bool slices_win(uint8_t width, uint32_t slice_count) {
    if (slice_count < 2 || slice_count > 63) return false;
    return width == 8 || slice_count <= width * 5u;
}

static void build_slices(const struct sh_column *column, struct sh_column_block *block) {
    const struct sh_strip *strip = &block->strip;
    if (strip->width < 2) return;
    const uint64_t low = ((uint64_t)strip->min - (uint64_t)strip->base) / strip->unit;
    const uint64_t high = ((uint64_t)strip->max - (uint64_t)strip->base) / strip->unit;
    const uint32_t slice_count = bit_count(high - low);
    if (!slices_win(strip->width, slice_count)) return;
    const size_t bytes = slice_bytes(strip->count, slice_count);
    if (bytes > column->slice_bytes_max || column->slice_bytes > column->slice_bytes_max - bytes) return;
    block->slices = sh_alloc(bytes);
    if (block->slices == NULL) return; /* it is only a cache */
    *slice_bytes_of(column) += bytes;
    block->slice_low = low;
    block->slice_count = slice_count;
    sh_compare->slice(strip->data, strip->width, strip->count, low, slice_count, block->slices);
}

/* A scan is about to happen: are there slices for it? */
static bool has_slices(const struct sh_column *column, struct sh_column_block *block) {
    if (block->scan_count < UINT32_MAX) block->scan_count++;
    if (block->slices == NULL && block->scan_count >= block->patience) {
        build_slices(column, block);
        if (block->slices != NULL) block->scan_count = 0;
    }
    return block->slices != NULL;
}

static void range_in_slices(const struct sh_column_block *block, uint64_t distance, uint64_t span, uint64_t *words) {
    const uint32_t count = block->strip.count;
    const size_t chunk_count = (count + (size_t)SH_SLICE_CHUNK_ENTRIES - 1) / SH_SLICE_CHUNK_ENTRIES;
    const uint64_t low = distance - block->slice_low; /* within the strip's bounds, so within the slices */
    sh_compare->slice_range(block->slices, block->slice_count, chunk_count, low, low + span, words);
    sh_strip_and_present(&block->strip, 0, SH_BLOCK_SLOTS, words);
}

/* ---- Predicates ---- */

static void fill(uint64_t *words, int byte) {
    memset(words, byte, SH_BLOCK_BYTES);
}

enum sh_verdict sh_column_verdict(const struct sh_column *column, uint32_t block, int64_t low, int64_t high) {
    const struct sh_column_block *found = block_at(column, block);
    return found == NULL ? SH_VERDICT_NONE : sh_strip_verdict(&found->strip, 0, SH_BLOCK_SLOTS, low, high);
}

void sh_column_range(const struct sh_column *column, uint32_t block, int64_t low, int64_t high, uint64_t *words) {
    struct sh_column_block *found = block_at(column, block);
    if (found == NULL) {
        fill(words, 0);
        return;
    }
    uint64_t distance;
    uint64_t span;
    if (sh_strip_range_distances(&found->strip, low, high, &distance, &span) == SH_VERDICT_SOME &&
        has_slices(column, found))
        range_in_slices(found, distance, span, words);
    else
        sh_strip_range(&found->strip, 0, SH_BLOCK_SLOTS, low, high, words);
}

void sh_column_range_among(const struct sh_column *column, uint32_t block, int64_t low, int64_t high,
                           uint32_t candidate_count, uint64_t *words) {
    struct sh_column_block *found = block_at(column, block);
    if (found == NULL) {
        fill(words, 0);
        return;
    }
    uint64_t distance;
    uint64_t span;
    /* A scan passes over words without candidates; slices pay where there are few of those. */
    if (candidate_count >= SH_BLOCK_SLOTS / 32 &&
        sh_strip_range_distances(&found->strip, low, high, &distance, &span) == SH_VERDICT_SOME &&
        has_slices(column, found)) {
        uint64_t matches[SH_BLOCK_WORDS] __attribute__((aligned(64)));
        range_in_slices(found, distance, span, matches);
        for (uint32_t word = 0; word < SH_BLOCK_WORDS; word++)
            words[word] &= matches[word];
        return;
    }
    sh_strip_range_among(&found->strip, 0, SH_BLOCK_SLOTS, low, high, candidate_count, words);
}

void sh_column_in_set(const struct sh_column *column, uint32_t block, const int64_t *values, uint32_t value_count,
                      uint64_t *words) {
    const struct sh_column_block *found = block_at(column, block);
    if (found == NULL)
        fill(words, 0);
    else
        sh_strip_in_set(&found->strip, 0, SH_BLOCK_SLOTS, values, value_count, words);
}

void sh_column_present(const struct sh_column *column, uint32_t block, uint64_t *words) {
    const struct sh_column_block *found = block_at(column, block);
    if (found == NULL)
        fill(words, 0);
    else
        sh_strip_present(&found->strip, 0, SH_BLOCK_SLOTS, words);
}

/* ---- Changing ---- */

static enum sh_status ensure_block(struct sh_column *column, uint32_t block) {
    if (block_at(column, block) != NULL) return SH_OK;
    void *blocks = (void *)column->blocks;
    const enum sh_status status =
        sh_grow(&blocks, &column->block_capacity, (uint64_t)block + 1, sizeof(struct sh_column_block *));
    column->blocks = blocks;
    if (status != SH_OK) return status;
    while (column->block_count <= block)
        column->blocks[column->block_count++] = NULL;
    struct sh_column_block *created = sh_alloc(sizeof *created);
    if (created == NULL) return SH_ERR_MEMORY;
    *created = (struct sh_column_block){.patience = PATIENCE_FIRST};
    sh_strip_init_unit(&created->strip, column->unit);
    column->blocks[block] = created;
    return SH_OK;
}

enum sh_status sh_column_prepare_set(struct sh_column *column, uint32_t slot, int64_t value) {
    const uint32_t block = slot / SH_BLOCK_SLOTS;
    const enum sh_status status = ensure_block(column, block);
    if (status != SH_OK) return status;
    before_write(column, column->blocks[block]);
    return sh_strip_prepare_set(&column->blocks[block]->strip, slot % SH_BLOCK_SLOTS, value, value);
}

enum sh_status sh_column_set(struct sh_column *column, uint32_t slot, int64_t value) {
    const uint32_t block = slot / SH_BLOCK_SLOTS;
    enum sh_status status = ensure_block(column, block);
    if (status != SH_OK) return status;
    before_write(column, column->blocks[block]);
    struct sh_strip *strip = &column->blocks[block]->strip;
    const uint32_t had = strip->count - strip->missing_count;
    status = sh_strip_set(strip, slot % SH_BLOCK_SLOTS, value);
    column->present_count += (strip->count - strip->missing_count) - had;
    return status;
}

enum sh_status sh_column_prepare_clear(struct sh_column *column, uint32_t slot) {
    struct sh_column_block *block = block_at(column, slot / SH_BLOCK_SLOTS);
    if (block == NULL) return SH_OK;
    before_write(column, block);
    return sh_strip_prepare_clear(&block->strip, slot % SH_BLOCK_SLOTS);
}

enum sh_status sh_column_clear(struct sh_column *column, uint32_t slot) {
    struct sh_column_block *block = block_at(column, slot / SH_BLOCK_SLOTS);
    if (block == NULL) return SH_OK;
    before_write(column, block);
    const uint32_t had = block->strip.count - block->strip.missing_count;
    const enum sh_status status = sh_strip_clear(&block->strip, slot % SH_BLOCK_SLOTS);
    column->present_count -= had - (block->strip.count - block->strip.missing_count);
    return status;
}

/* ---- In an archive: u32 unit, u32 block count, and for each block u8 whether there is a strip, and the strip ---- */

void sh_column_save(const struct sh_column *column, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, column->unit);
    sh_archive_put_u32(writer, column->block_count);
    for (uint32_t i = 0; i < column->block_count; i++) {
        sh_archive_put_u8(writer, column->blocks[i] != NULL);
        if (column->blocks[i] != NULL) sh_strip_save(&column->blocks[i]->strip, writer);
    }
}

static enum sh_status load_blocks(struct sh_column *column, uint32_t block_count, struct sh_archive_reader *reader) {
    if (block_count == 0) return SH_OK;
    column->blocks = (struct sh_column_block **)sh_alloc_zero(block_count * sizeof(struct sh_column_block *));
    if (column->blocks == NULL) return sh_archive_refuse_memory(reader);
    column->block_count = column->block_capacity = block_count;
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < block_count && status == SH_OK; i++) {
        if (!sh_archive_get_bool(reader)) {
            status = sh_archive_status(reader, NULL);
            continue;
        }
        if (ensure_block(column, i) != SH_OK) return sh_archive_refuse_memory(reader);
        struct sh_strip *strip = &column->blocks[i]->strip;
        status = sh_strip_load(strip, SH_BLOCK_SLOTS, reader);
        column->present_count += strip->count - strip->missing_count;
    }
    return status;
}

enum sh_status sh_column_load(struct sh_column *column, uint32_t block_count_max, struct sh_archive_reader *reader) {
    sh_assert(column->block_count == 0);
    struct sh_column loaded = {.slice_bytes_max = column->slice_bytes_max};
    loaded.unit = sh_archive_get_u32(reader);
    const uint32_t block_count = sh_archive_get_count(reader, block_count_max, sizeof(uint8_t), "blocks of a column");
    if (loaded.unit == 0) (void)sh_archive_refuse(reader, "a column with unit 0");
    enum sh_status status = sh_archive_status(reader, NULL);
    if (status == SH_OK) status = load_blocks(&loaded, block_count, reader);
    if (status == SH_OK) {
        sh_column_deinit(column);
        *column = loaded;
    } else {
        sh_column_deinit(&loaded);
    }
    return status;
}

/* ---- Upkeep ---- */

size_t sh_column_memory_bytes(const struct sh_column *column) {
    size_t bytes = column->block_capacity * sizeof(struct sh_column_block *) + column->slice_bytes;
    for (uint32_t block = 0; block < column->block_count; block++)
        if (column->blocks[block] != NULL)
            bytes += sizeof(struct sh_column_block) + sh_strip_memory_bytes(&column->blocks[block]->strip);
    return bytes;
}

static bool refuse(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

static bool slices_agree(const struct sh_column_block *block) {
    const struct sh_strip *strip = &block->strip;
    for (uint32_t i = 0; i < strip->count; i++) {
        if (!strip_entry_is_present(strip, i)) continue;
        const uint64_t *top = block->slices +
                              (size_t)(i / SH_SLICE_CHUNK_ENTRIES) * SH_SLICE_CHUNK_WORDS * block->slice_count +
                              i % SH_SLICE_CHUNK_ENTRIES / 64;
        uint64_t distance = 0;
        for (uint32_t k = 0; k < block->slice_count; k++)
            distance = distance << 1 | (top[(size_t)k * SH_SLICE_CHUNK_WORDS] >> (i % 64) & 1);
        if (distance + block->slice_low != strip_distance(strip, i)) return false;
    }
    return true;
}

bool sh_column_check(const struct sh_column *column, const char **reason) {
    uint64_t present_count = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < column->block_count; i++) {
        const struct sh_column_block *block = column->blocks[i];
        if (block == NULL) continue;
        if (!sh_strip_check(&block->strip, reason)) return false;
        if (block->strip.count > SH_BLOCK_SLOTS) return refuse(reason, "column: a strip has at most one block's slots");
        present_count += block->strip.count - block->strip.missing_count;
        if (block->slices == NULL) continue;
        bytes += slice_bytes(block->strip.count, block->slice_count);
        if (!slices_agree(block)) return refuse(reason, "column: slices say what their strip says");
    }
    if (present_count != column->present_count) return refuse(reason, "column: present_count is exact");
    if (bytes != column->slice_bytes) return refuse(reason, "column: slice_bytes is exact");
    return true;
}

void sh_column_print(const struct sh_column *column, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "column: %u blocks, %llu values, %zu bytes of slices\n", column->block_count,
                    (unsigned long long)column->present_count, column->slice_bytes);
    for (uint32_t i = 0; i < column->block_count; i++) {
        const struct sh_column_block *block = column->blocks[i];
        if (block == NULL) continue;
        sh_buffer_print(buffer, "block %u, ", i);
        if (block->slices != NULL)
            sh_buffer_print(buffer, "%u slices from distance %llu, ", block->slice_count,
                            (unsigned long long)block->slice_low);
        sh_strip_print(&block->strip, buffer);
    }
}
