#include "tag_lists.h"

#include <string.h>

#include "memory.h"
#include "table.h"

enum {
    PAGE_CELLS = 4096, /* 16 KiB: 64 words of a block's bits */
    CHUNK_BYTES = 16 << 10,
    IN_POOL = 1u << 31,
    SECOND_MAX = 0x7FFE, /* code + 1 in 15 bits */
    CLASS_SHIFT = 27,
    NUMBER_MASK = (1u << CLASS_SHIFT) - 1,
};
#define TAG_FREE_NONE UINT32_MAX

_Static_assert(TAG_CLASS_COUNT <= 16, "a class is four bits of a cell");
_Static_assert(TAG_LIST_COUNT_MAX >= 2 * SH_TAGS_PER_ROW_MAX, "a list being replaced may hold old and new tags");
_Static_assert(SH_TAG_COUNT_MAX < UINT16_MAX, "code + 1 is 16 bits");

void tag_lists_init(struct tag_lists *lists) {
    *lists = (struct tag_lists){.pages = NULL};
    for (uint32_t class = 0; class < TAG_CLASS_COUNT; class ++)
        lists->pools[class].free_first = TAG_FREE_NONE;
}

void tag_lists_deinit(struct tag_lists *lists) {
    for (uint32_t page = 0; page < lists->page_count; page++)
        sh_free(lists->pages[page]);
    sh_free((void *)lists->pages);
    for (uint32_t class = 0; class < TAG_CLASS_COUNT; class ++) {
        struct tag_pool *pool = &lists->pools[class];
        for (uint32_t chunk = 0; chunk < pool->chunk_count; chunk++)
            sh_free(pool->chunks[chunk]);
        sh_free((void *)pool->chunks);
    }
    tag_lists_init(lists);
}

/* ---- The pool ---- */

static uint32_t class_entries(uint32_t class) {
    return 4u << class;
}
static uint32_t class_for(uint32_t count) {
    uint32_t class = 0;
    while (class_entries(class) - 1 < count)
        class ++;
    return class;
}
static uint32_t arrays_per_chunk(uint32_t class) {
    const uint32_t arrays = CHUNK_BYTES / 2 / class_entries(class);
    return arrays == 0 ? 1 : arrays;
}
static size_t chunk_bytes(uint32_t class) {
    return (size_t)arrays_per_chunk(class) * class_entries(class) * sizeof(uint16_t);
}

static uint16_t *array_at(const struct tag_lists *lists, uint32_t class, uint32_t number) {
    const uint32_t arrays = arrays_per_chunk(class);
    return lists->pools[class].chunks[number / arrays] + (size_t)(number % arrays) * class_entries(class);
}
static uint32_t cell_class(uint32_t cell) {
    return cell >> CLASS_SHIFT & 15;
}
static uint16_t *cell_array(const struct tag_lists *lists, uint32_t cell) {
    return array_at(lists, cell_class(cell), cell & NUMBER_MASK);
}

static uint32_t next_free(const uint16_t *array) {
    uint32_t number;
    memcpy(&number, array + 2, sizeof number);
    return number;
}

static bool has_array(const struct tag_lists *lists, uint32_t class) {
    const struct tag_pool *pool = &lists->pools[class];
    return pool->free_first != TAG_FREE_NONE || pool->used < pool->chunk_count * arrays_per_chunk(class);
}

/* At least one array that can be taken. */
static enum sh_status reserve_array(struct tag_lists *lists, uint32_t class) {
    struct tag_pool *pool = &lists->pools[class];
    if (has_array(lists, class)) return SH_OK;
    if (pool->used + arrays_per_chunk(class) > NUMBER_MASK) return SH_ERR_LIMIT;
    const uint32_t had = pool->chunk_capacity;
    void *chunks = (void *)pool->chunks;
    const enum sh_status status = sh_grow(&chunks, &pool->chunk_capacity, pool->chunk_count + 1, sizeof(uint16_t *));
    pool->chunks = chunks;
    if (status != SH_OK) return status;
    lists->bytes += (pool->chunk_capacity - had) * sizeof(uint16_t *);
    uint16_t *chunk = sh_alloc(chunk_bytes(class));
    if (chunk == NULL) return SH_ERR_MEMORY;
    pool->chunks[pool->chunk_count++] = chunk;
    lists->bytes += chunk_bytes(class);
    return SH_OK;
}

static uint32_t take_array(struct tag_lists *lists, uint32_t class) {
    struct tag_pool *pool = &lists->pools[class];
    const uint32_t number = pool->free_first;
    if (number == TAG_FREE_NONE) {
        sh_assert(has_array(lists, class));
        return pool->used++;
    }
    pool->free_first = next_free(array_at(lists, class, number));
    return number;
}

static void free_array(struct tag_lists *lists, uint32_t cell) {
    struct tag_pool *pool = &lists->pools[cell_class(cell)];
    memcpy(cell_array(lists, cell) + 2, &pool->free_first, sizeof pool->free_first);
    pool->free_first = cell & NUMBER_MASK;
}

/* ---- Cells ---- */

static uint32_t cell_of(const struct tag_lists *lists, uint32_t slot) {
    const uint32_t page = slot / PAGE_CELLS;
    if (page >= lists->page_count || lists->pages[page] == NULL) return 0;
    return lists->pages[page][slot % PAGE_CELLS];
}

static enum sh_status ensure_page(struct tag_lists *lists, uint32_t page) {
    if (page < lists->page_count && lists->pages[page] != NULL) return SH_OK;
    const uint32_t had = lists->page_capacity;
    void *pages = (void *)lists->pages;
    const enum sh_status status = sh_grow(&pages, &lists->page_capacity, (uint64_t)page + 1, sizeof(uint32_t *));
    lists->pages = pages;
    if (status != SH_OK) return status;
    lists->bytes += (lists->page_capacity - had) * sizeof(uint32_t *);
    while (lists->page_count <= page)
        lists->pages[lists->page_count++] = NULL;
    lists->pages[page] = sh_alloc_zero(PAGE_CELLS * sizeof(uint32_t));
    if (lists->pages[page] == NULL) return SH_ERR_MEMORY;
    lists->bytes += PAGE_CELLS * sizeof(uint32_t);
    return SH_OK;
}

enum sh_status tag_lists_prepare(struct tag_lists *lists, uint32_t slot, uint32_t count) {
    sh_assert(count <= TAG_LIST_COUNT_MAX);
    if (count == 0) return SH_OK;
    const enum sh_status status = ensure_page(lists, slot / PAGE_CELLS);
    if (status != SH_OK || count == 1) return status;
    const uint32_t cell = cell_of(lists, slot);
    if ((cell & IN_POOL) != 0 && class_entries(cell_class(cell)) - 1 >= count) return SH_OK;
    return reserve_array(lists, class_for(count));
}

void tag_lists_get(const struct tag_lists *lists, uint32_t slot, struct sh_tag_list *list) {
    const uint32_t cell = cell_of(lists, slot);
    if ((cell & IN_POOL) != 0) {
        const uint16_t *array = cell_array(lists, cell);
        list->codes = array + 1;
        list->count = array[0];
        return;
    }
    list->codes = list->held;
    list->count = (cell != 0) + (uint32_t)(cell >> 16 != 0);
    list->held[0] = (uint16_t)((cell & 0xFFFF) - 1);
    list->held[1] = (uint16_t)((cell >> 16) - 1);
}

void tag_lists_put(struct tag_lists *lists, uint32_t slot, const uint16_t *codes, uint32_t count) {
    const uint32_t cell = cell_of(lists, slot);
    const bool was_in_pool = (cell & IN_POOL) != 0;
    if (count == 0 && cell == 0) return;
    uint32_t *target = &lists->pages[slot / PAGE_CELLS][slot % PAGE_CELLS];
    if (count <= 1 || (count == 2 && codes[1] + 1 <= SECOND_MAX)) {
        *target = count == 0 ? 0 : codes[0] + 1u;
        if (count == 2) *target |= (codes[1] + 1u) << 16;
        if (was_in_pool) free_array(lists, cell);
        return;
    }
    uint16_t *array;
    if (was_in_pool && class_entries(cell_class(cell)) - 1 >= count) {
        array = cell_array(lists, cell);
    } else {
        uint32_t class = class_for(count);
        while (class + 1 < TAG_CLASS_COUNT && !has_array(lists, class))
            class ++; /* it was prepared for more codes than there are now */
        const uint32_t number = take_array(lists, class);
        array = array_at(lists, class, number);
        *target = IN_POOL | class << CLASS_SHIFT | number;
        if (was_in_pool) free_array(lists, cell);
    }
    array[0] = (uint16_t)count;
    memcpy(array + 1, codes, count * sizeof *codes);
}

void tag_lists_block(const struct tag_lists *lists, uint32_t block, uint64_t *words) {
    enum { PAGE_WORDS = PAGE_CELLS / 64, BLOCK_PAGES = SH_BLOCK_SLOTS / PAGE_CELLS };
    memset(words, 0, SH_BLOCK_BYTES);
    for (uint32_t part = 0; part < BLOCK_PAGES; part++) {
        const uint32_t page = block * BLOCK_PAGES + part;
        if (page >= lists->page_count) return;
        if (lists->pages[page] == NULL) continue;
        for (uint32_t i = 0; i < PAGE_CELLS; i++)
            words[part * PAGE_WORDS + i / 64] |= (uint64_t)(lists->pages[page][i] != 0) << (i % 64);
    }
}

void tag_lists_prefetch(const struct tag_lists *lists, uint32_t slot) {
    const uint32_t page = slot / PAGE_CELLS;
    if (page < lists->page_count && lists->pages[page] != NULL)
        __builtin_prefetch(&lists->pages[page][slot % PAGE_CELLS]);
}

void tag_lists_prefetch_list(const struct tag_lists *lists, uint32_t slot) {
    const uint32_t cell = cell_of(lists, slot);
    if ((cell & IN_POOL) != 0) __builtin_prefetch(cell_array(lists, cell));
}

/* ---- In an archive ----
 *
 * u32 page count, and for each page u8 whether it is there, and if so its cells up to slot_end, in which IN_POOL is
 * followed by how many codes; then the codes of these, one list after another. */

static uint32_t cells_in_page(uint32_t slot_end, uint32_t page) {
    const uint32_t left = slot_end - page * PAGE_CELLS;
    return left < PAGE_CELLS ? left : PAGE_CELLS;
}

void tag_lists_save(const struct tag_lists *lists, uint32_t slot_end, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, lists->page_count);
    for (uint32_t page = 0; page < lists->page_count; page++) {
        const uint32_t *cells = lists->pages[page];
        sh_archive_put_u8(writer, cells != NULL);
        if (cells == NULL) continue;
        uint32_t saved[PAGE_CELLS];
        const uint32_t cell_count = cells_in_page(slot_end, page);
        for (uint32_t i = 0; i < cell_count; i++)
            saved[i] = (cells[i] & IN_POOL) != 0 ? IN_POOL | cell_array(lists, cells[i])[0] : cells[i];
        sh_archive_put(writer, saved, cell_count * sizeof *saved);
        for (uint32_t i = 0; i < cell_count; i++)
            if ((cells[i] & IN_POOL) != 0)
                sh_archive_put(writer, cell_array(lists, cells[i]) + 1, (saved[i] & ~IN_POOL) * sizeof(uint16_t));
    }
}

static bool fits_cell(const uint16_t *codes, uint32_t count) {
    return count <= 1 || (count == 2 && codes[1] + 1 <= SECOND_MAX);
}

/* The list of a cell that says how many codes it has, into the pool; the cell is 0 until it has them. */
static enum sh_status load_list(struct tag_lists *lists, uint32_t *cell, uint32_t tag_count,
                                struct sh_archive_reader *reader) {
    const uint32_t count = *cell & ~IN_POOL;
    *cell = 0;
    if (count < 2 || count > SH_TAGS_PER_ROW_MAX) return sh_archive_refuse(reader, "a row with %u tags", count);
    const uint32_t class = class_for(count);
    if (reserve_array(lists, class) != SH_OK) return sh_archive_refuse_memory(reader);
    const uint32_t number = take_array(lists, class);
    uint16_t *array = array_at(lists, class, number);
    if (!sh_archive_get(reader, array + 1, count * sizeof *array)) return sh_archive_status(reader, NULL);
    array[0] = (uint16_t)count;
    bool ascends = true;
    for (uint32_t i = 2; i <= count; i++)
        ascends &= array[i - 1] < array[i];
    if (!ascends || array[count] >= tag_count || fits_cell(array + 1, count))
        return sh_archive_refuse(reader, "the tags of a row are not in order, or none");
    *cell = IN_POOL | class << CLASS_SHIFT | number;
    return SH_OK;
}

static bool cell_is_good(uint32_t cell, uint32_t tag_count) {
    const uint32_t first = cell & 0xFFFF; /* each is a code + 1, or 0 for none */
    const uint32_t second = cell >> 16;
    return first <= tag_count && second <= tag_count && second <= SECOND_MAX &&
           (second == 0 || (first != 0 && first < second));
}

static enum sh_status load_page(struct tag_lists *lists, uint32_t page, uint32_t cell_count, uint32_t tag_count,
                                uint64_t *code_count, struct sh_archive_reader *reader) {
    uint32_t cells[PAGE_CELLS];
    if (!sh_archive_get(reader, cells, cell_count * sizeof *cells)) return sh_archive_status(reader, NULL);
    if (ensure_page(lists, page) != SH_OK) return sh_archive_refuse_memory(reader);
    for (uint32_t i = 0; i < cell_count; i++) {
        const uint32_t cell = cells[i];
        if ((cell & IN_POOL) != 0) {
            const enum sh_status status = load_list(lists, &cells[i], tag_count, reader);
            if (status != SH_OK) return status;
            *code_count += cell & ~IN_POOL;
        } else {
            if (!cell_is_good(cell, tag_count)) return sh_archive_refuse(reader, "the tags of a row are none");
            *code_count += (cell != 0) + (uint64_t)(cell >> 16 != 0);
        }
    }
    memcpy(lists->pages[page], cells, cell_count * sizeof *cells);
    return SH_OK;
}

enum sh_status tag_lists_load(struct tag_lists *lists, uint32_t slot_end, uint32_t tag_count, uint64_t *code_count,
                              struct sh_archive_reader *reader) {
    sh_assert(lists->page_count == 0);
    *code_count = 0;
    const uint32_t page_count_max = (uint32_t)(((uint64_t)slot_end + PAGE_CELLS - 1) / PAGE_CELLS);
    const uint32_t page_count = sh_archive_get_count(reader, page_count_max, sizeof(uint8_t), "pages of tags");
    if (page_count == 0) return sh_archive_status(reader, NULL);
    void *pages = NULL;
    if (sh_grow(&pages, &lists->page_capacity, page_count, sizeof(uint32_t *)) != SH_OK)
        return sh_archive_refuse_memory(reader);
    lists->pages = pages;
    lists->bytes += lists->page_capacity * sizeof(uint32_t *);
    while (lists->page_count < page_count)
        lists->pages[lists->page_count++] = NULL;
    for (uint32_t page = 0; page < page_count; page++) {
        enum sh_status status = SH_OK;
        if (sh_archive_get_bool(reader))
            status = load_page(lists, page, cells_in_page(slot_end, page), tag_count, code_count, reader);
        if (status == SH_OK) status = sh_archive_status(reader, NULL);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- Checking ---- */

static bool refuse(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

bool tag_lists_check(const struct tag_lists *lists, uint32_t slot_end, const char **reason) {
    uint64_t taken[TAG_CLASS_COUNT] = {0};
    for (uint64_t slot = 0; slot < (uint64_t)lists->page_count * PAGE_CELLS; slot++) {
        const uint32_t cell = cell_of(lists, (uint32_t)slot);
        if (cell == 0) continue;
        if (slot >= slot_end) return refuse(reason, "tag lists: a slot that was never given out has tags");
        struct sh_tag_list list;
        tag_lists_get(lists, (uint32_t)slot, &list);
        for (uint32_t i = 1; i < list.count; i++)
            if (list.codes[i - 1] >= list.codes[i]) return refuse(reason, "tag lists: a list ascends");
        if ((cell & IN_POOL) == 0) continue;
        taken[cell_class(cell)]++;
        if (list.count < 2 || (list.count == 2 && list.codes[1] + 1 <= SECOND_MAX))
            return refuse(reason, "tag lists: a list that fits its cell is in it");
    }
    for (uint32_t class = 0; class < TAG_CLASS_COUNT; class ++) {
        const struct tag_pool *pool = &lists->pools[class];
        uint64_t free_count = 0;
        for (uint32_t at = pool->free_first; at != TAG_FREE_NONE && free_count <= pool->used; free_count++)
            at = next_free(array_at(lists, class, at));
        if (taken[class] + free_count != pool->used)
            return refuse(reason, "tag lists: every array is in one list or free");
    }
    return true;
}
