#include "row_ids.h"

#include <string.h>

#include "hash.h"
#include "memory.h"

enum {
    PAGE_CELLS = 4096,
    LOAD_AHEAD = 16, /* ids whose lines of the index are asked for before they are put in */
};

void row_ids_init(struct row_ids *ids) {
    *ids = (struct row_ids){.pages = NULL};
    sh_hash_index_init(&ids->index);
}

void row_ids_deinit(struct row_ids *ids) {
    for (uint32_t page = 0; page < ids->page_count; page++) {
        for (uint32_t i = 0; i < PAGE_CELLS; i++)
            if (ids->pages[page][i].length > ID_INLINE_BYTES_MAX) sh_free(ids->pages[page][i].bytes);
        sh_free(ids->pages[page]);
    }
    sh_free((void *)ids->pages);
    sh_hash_index_deinit(&ids->index);
    row_ids_init(ids);
}

static struct id_cell *cell_at(const struct row_ids *ids, uint32_t slot) {
    const uint32_t page = slot / PAGE_CELLS;
    return page < ids->page_count ? &ids->pages[page][slot % PAGE_CELLS] : NULL;
}

static struct sh_text cell_text(const struct id_cell *cell) {
    return (struct sh_text){.bytes = cell->length > ID_INLINE_BYTES_MAX ? cell->bytes : cell->held,
                            .count = cell->length};
}

struct sh_text row_ids_get(const struct row_ids *ids, uint32_t slot) {
    const struct id_cell *cell = cell_at(ids, slot);
    return cell == NULL ? (struct sh_text){.bytes = "", .count = 0} : cell_text(cell);
}

bool row_ids_has(const struct row_ids *ids, uint32_t slot) {
    const struct id_cell *cell = cell_at(ids, slot);
    return cell != NULL && cell->length > 0;
}

uint32_t row_ids_find(const struct row_ids *ids, struct sh_text id, uint64_t hash) {
    struct sh_hash_probe probe;
    for (uint32_t slot = sh_hash_index_first(&ids->index, hash, &probe); slot != SH_HASH_INDEX_NONE;
         slot = sh_hash_index_next(&probe))
        if (sh_text_equal(row_ids_get(ids, slot), id)) return slot;
    return SH_HASH_INDEX_NONE;
}

uint32_t row_ids_guess(const struct row_ids *ids, uint64_t hash) {
    struct sh_hash_probe probe;
    return sh_hash_index_first(&ids->index, hash, &probe);
}

void row_ids_prefetch_cell(const struct row_ids *ids, uint32_t slot) {
    const struct id_cell *cell = cell_at(ids, slot);
    if (cell != NULL) __builtin_prefetch(cell);
}

static enum sh_status ensure_page(struct row_ids *ids, uint32_t page) {
    while (ids->page_count <= page) {
        void *pages = (void *)ids->pages;
        const enum sh_status status =
            sh_grow(&pages, &ids->page_capacity, (uint64_t)page + 1, sizeof(struct id_cell *));
        ids->pages = pages;
        if (status != SH_OK) return status;
        struct id_cell *created = sh_alloc_zero(PAGE_CELLS * sizeof *created);
        if (created == NULL) return SH_ERR_MEMORY;
        ids->pages[ids->page_count++] = created;
    }
    return SH_OK;
}

enum sh_status row_ids_add(struct row_ids *ids, uint32_t slot, struct sh_text id, uint64_t hash) {
    sh_assert(id.count >= 1 && id.count <= UINT8_MAX);
    enum sh_status status = ensure_page(ids, slot / PAGE_CELLS);
    if (status != SH_OK) return status;
    struct id_cell *cell = cell_at(ids, slot);
    sh_assert(cell->length == 0);
    char *target = cell->held;
    if (id.count > ID_INLINE_BYTES_MAX && (target = sh_alloc(id.count)) == NULL) return SH_ERR_MEMORY;
    status = sh_hash_index_insert(&ids->index, hash, slot);
    if (status != SH_OK) {
        if (target != cell->held) sh_free(target);
        return status;
    }
    memcpy(target, id.bytes, id.count);
    if (target != cell->held) {
        cell->bytes = target;
        ids->long_bytes += id.count;
    }
    cell->length = (uint8_t)id.count;
    return SH_OK;
}

void row_ids_remove(struct row_ids *ids, uint32_t slot) {
    struct id_cell *cell = cell_at(ids, slot);
    const struct sh_text id = cell_text(cell);
    const bool removed = sh_hash_index_remove(&ids->index, sh_hash_text(id), slot);
    sh_assert(removed);
    if (cell->length > ID_INLINE_BYTES_MAX) {
        ids->long_bytes -= id.count;
        /* A forgotten person's id does not stay in memory. */
        memset(cell->bytes, 0, id.count);
        sh_free(cell->bytes);
    }
    memset(cell, 0, sizeof *cell);
}

/* ---- In an archive: for each page the lengths of its ids, a byte each, 0 for no row; then their bytes ---- */

static uint32_t cells_in_page(uint32_t slot_end, uint32_t page) {
    const uint32_t left = slot_end - page * PAGE_CELLS;
    return left < PAGE_CELLS ? left : PAGE_CELLS;
}

void row_ids_save(const struct row_ids *ids, uint32_t slot_end, struct sh_archive_writer *writer) {
    for (uint32_t page = 0; (uint64_t)page * PAGE_CELLS < slot_end; page++) {
        uint8_t lengths[PAGE_CELLS];
        const uint32_t cell_count = cells_in_page(slot_end, page);
        const struct id_cell *cells = ids->pages[page];
        for (uint32_t i = 0; i < cell_count; i++)
            lengths[i] = cells[i].length;
        sh_archive_put(writer, lengths, cell_count);
        for (uint32_t i = 0; i < cell_count; i++) {
            const struct sh_text id = cell_text(&cells[i]);
            sh_archive_put(writer, id.bytes, id.count);
        }
    }
}

/* The bytes of one id into its empty cell; *hash is theirs. */
static enum sh_status load_id(struct row_ids *ids, struct id_cell *cell, uint8_t length, uint64_t *hash,
                              struct sh_archive_reader *reader) {
    struct sh_text id = {.bytes = cell->held, .count = length};
    char *target = cell->held;
    if (length > ID_INLINE_BYTES_MAX) {
        target = sh_alloc(length);
        if (target == NULL) return sh_archive_refuse_memory(reader);
        cell->bytes = target;
        ids->long_bytes += length;
        id.bytes = target;
    }
    cell->length = length; /* from here on it is freed with the rest */
    if (!sh_archive_get(reader, target, length)) return sh_archive_status(reader, NULL);
    if (!sh_text_is_utf8(id)) return sh_archive_refuse(reader, "an id is not UTF-8 without zero bytes");
    *hash = sh_hash_text(id);
    return SH_OK;
}

static enum sh_status index_page(struct row_ids *ids, uint32_t page, const uint64_t *hashes, uint32_t cell_count,
                                 struct sh_archive_reader *reader) {
    const struct id_cell *cells = ids->pages[page];
    for (uint32_t i = 0; i < cell_count; i++) {
        if (i + LOAD_AHEAD < cell_count && cells[i + LOAD_AHEAD].length > 0)
            sh_hash_index_prefetch(&ids->index, hashes[i + LOAD_AHEAD]);
        if (cells[i].length == 0) continue;
        if (row_ids_find(ids, cell_text(&cells[i]), hashes[i]) != SH_HASH_INDEX_NONE)
            return sh_archive_refuse(reader, "an id has two rows");
        const enum sh_status status = sh_hash_index_insert(&ids->index, hashes[i], page * PAGE_CELLS + i);
        if (status == SH_ERR_MEMORY) return sh_archive_refuse_memory(reader);
        if (status != SH_OK) return sh_archive_refuse(reader, "ids that only hash alike on purpose");
    }
    return SH_OK;
}

static enum sh_status load_page(struct row_ids *ids, uint32_t page, uint32_t cell_count,
                                struct sh_archive_reader *reader) {
    uint8_t lengths[PAGE_CELLS];
    uint64_t hashes[PAGE_CELLS];
    if (!sh_archive_get(reader, lengths, cell_count)) return sh_archive_status(reader, NULL);
    if (ensure_page(ids, page) != SH_OK) return sh_archive_refuse_memory(reader);
    for (uint32_t i = 0; i < cell_count; i++) {
        if (lengths[i] == 0) continue;
        const enum sh_status status = load_id(ids, &ids->pages[page][i], lengths[i], &hashes[i], reader);
        if (status != SH_OK) return status;
    }
    return index_page(ids, page, hashes, cell_count, reader);
}

enum sh_status row_ids_load(struct row_ids *ids, uint32_t slot_end, uint64_t row_count,
                            struct sh_archive_reader *reader) {
    sh_assert(ids->page_count == 0);
    enum sh_status status = sh_archive_status(reader, NULL);
    if (status == SH_OK && sh_hash_index_announce(&ids->index, row_count) != SH_OK)
        status = sh_archive_refuse_memory(reader);
    for (uint32_t page = 0; (uint64_t)page * PAGE_CELLS < slot_end && status == SH_OK; page++)
        status = load_page(ids, page, cells_in_page(slot_end, page), reader);
    return status;
}

size_t row_ids_memory_bytes(const struct row_ids *ids) {
    return sh_hash_index_memory_bytes(&ids->index) + (size_t)ids->page_count * PAGE_CELLS * sizeof(struct id_cell) +
           ids->page_capacity * sizeof(struct id_cell *) + ids->long_bytes;
}
