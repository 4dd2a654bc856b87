#include "dictionary.h"

#include <string.h>

#include "bounds.h"
#include "hash.h"
#include "memory.h"

enum {
    PAGE_CODES = 4096,
    FIRST_PAGE_CODES = 8,
    CHUNK_BYTES_FIRST = 256, /* an enum's labels */
    CHUNK_BYTES_MAX = 64 << 10,
    LENGTH_BYTES = 2,
    LINK_BYTES = sizeof(uint8_t *),
    LOAD_STEP = 16, /* texts read before the first of them is looked up: their lines are on the way by then */
    LENGTH_ERASED = UINT16_MAX,
};
_Static_assert(SH_STRING_BYTES_MAX <= UINT16_MAX, "a text's length is two bytes");

void sh_dictionary_init(struct sh_dictionary *dictionary, uint32_t count_max) {
    sh_assert(count_max <= SH_DICTIONARY_COUNT_MAX);
    *dictionary = (struct sh_dictionary){.count_max = count_max};
    sh_hash_index_init(&dictionary->index);
}

/* ---- Cells ---- */

static uint32_t text_bytes(const uint8_t *text) {
    uint16_t length;
    memcpy(&length, text, LENGTH_BYTES);
    return length;
}
static uint32_t cells_for(uint32_t byte_count) {
    return (LENGTH_BYTES + byte_count + SH_DICTIONARY_CELL_BYTES - 1) / SH_DICTIONARY_CELL_BYTES;
}
static uint8_t **code_place(const struct sh_dictionary *dictionary, uint32_t code) {
    return &dictionary->pages[code / PAGE_CODES][code % PAGE_CODES];
}

static uint8_t *read_link(const uint8_t *from) {
    uint8_t *link;
    memcpy(&link, from, LINK_BYTES);
    return link;
}

void sh_dictionary_deinit(struct sh_dictionary *dictionary) {
    for (uint32_t code = 0; code < dictionary->count; code++) {
        uint8_t *text = *code_place(dictionary, code);
        if (text != NULL && cells_for(text_bytes(text)) > SH_DICTIONARY_CELLS_MAX) sh_free(text);
    }
    sh_hash_index_deinit(&dictionary->index);
    for (uint32_t page = 0; page < dictionary->page_count; page++)
        sh_free((void *)dictionary->pages[page]);
    sh_free((void *)dictionary->pages);
    for (uint8_t *chunk = dictionary->chunk; chunk != NULL;) {
        uint8_t *before = read_link(chunk);
        sh_free(chunk);
        chunk = before;
    }
    sh_dictionary_init(dictionary, dictionary->count_max);
}

struct sh_text sh_dictionary_text(const struct sh_dictionary *dictionary, uint32_t code) {
    sh_assert(code < dictionary->count);
    const uint8_t *text = *code_place(dictionary, code);
    if (text == NULL) return (struct sh_text){.bytes = "", .count = 0};
    return (struct sh_text){.bytes = (const char *)text + LENGTH_BYTES, .count = text_bytes(text)};
}

static uint32_t find_hashed(const struct sh_dictionary *dictionary, struct sh_text text, uint64_t hash) {
    struct sh_hash_probe probe;
    for (uint32_t code = sh_hash_index_first(&dictionary->index, hash, &probe); code != SH_HASH_INDEX_NONE;
         code = sh_hash_index_next(&probe))
        if (sh_text_equal(sh_dictionary_text(dictionary, code), text)) return code;
    return SH_CODE_NONE;
}

uint32_t sh_dictionary_find(const struct sh_dictionary *dictionary, struct sh_text text) {
    if (dictionary->count == 0) return SH_CODE_NONE;
    return find_hashed(dictionary, text, sh_hash_text(text));
}

/* ---- Adding ---- */

/* A place for the pointer of the next code. */
static enum sh_status reserve_code(struct sh_dictionary *dictionary) {
    const uint32_t code = dictionary->count;
    const uint32_t room = dictionary->page_count == 1 ? dictionary->first_page_capacity : PAGE_CODES;
    if (dictionary->page_count > 0 && code - (dictionary->page_count - 1) * PAGE_CODES < room) return SH_OK;
    if (dictionary->page_count == 1 && room < PAGE_CODES) {
        const uint32_t wanted = room * 2;
        void *grown = sh_realloc((void *)dictionary->pages[0], room * sizeof(uint8_t *), wanted * sizeof(uint8_t *));
        if (grown == NULL) return SH_ERR_MEMORY;
        dictionary->pages[0] = grown;
        dictionary->first_page_capacity = wanted;
        return SH_OK;
    }
    void *pages = (void *)dictionary->pages;
    const enum sh_status status =
        sh_grow(&pages, &dictionary->page_capacity, dictionary->page_count + 1, sizeof(uint8_t **));
    dictionary->pages = pages;
    if (status != SH_OK) return status;
    const uint32_t wanted = dictionary->page_count == 0 ? FIRST_PAGE_CODES : PAGE_CODES;
    void *page = sh_alloc(wanted * sizeof(uint8_t *));
    if (page == NULL) return SH_ERR_MEMORY;
    if (dictionary->page_count == 0) dictionary->first_page_capacity = wanted;
    dictionary->pages[dictionary->page_count++] = page;
    return SH_OK;
}

/* Whole cells at the end of the last chunk; NULL if there is no memory. */
static uint8_t *take_from_chunk(struct sh_dictionary *dictionary, size_t byte_count) {
    if (dictionary->chunk == NULL || byte_count > dictionary->chunk_capacity - dictionary->chunk_used) {
        size_t capacity = dictionary->chunk == NULL ? CHUNK_BYTES_FIRST : dictionary->chunk_capacity * 2;
        if (capacity > CHUNK_BYTES_MAX) capacity = CHUNK_BYTES_MAX;
        while (capacity < LINK_BYTES + byte_count) /* the first chunk is smaller than the longest text in cells */
            capacity *= 2;
        uint8_t *chunk = sh_alloc(capacity);
        if (chunk == NULL) return NULL;
        memcpy(chunk, &dictionary->chunk, LINK_BYTES);
        dictionary->chunk = chunk;
        dictionary->chunk_used = LINK_BYTES;
        dictionary->chunk_capacity = capacity;
        dictionary->text_bytes += capacity;
    }
    uint8_t *taken = dictionary->chunk + dictionary->chunk_used;
    dictionary->chunk_used += byte_count;
    return taken;
}

static uint8_t *take_cells(struct sh_dictionary *dictionary, uint32_t byte_count) {
    const uint32_t cells = cells_for(byte_count);
    const size_t bytes = (size_t)cells * SH_DICTIONARY_CELL_BYTES;
    if (cells > SH_DICTIONARY_CELLS_MAX) {
        uint8_t *text = sh_alloc(bytes);
        if (text != NULL) dictionary->text_bytes += bytes;
        return text;
    }
    uint8_t *taken = dictionary->free_cells[cells];
    if (taken == NULL) return take_from_chunk(dictionary, bytes);
    dictionary->free_cells[cells] = read_link(taken);
    return taken;
}

static void give_cells(struct sh_dictionary *dictionary, uint8_t *taken, uint32_t byte_count) {
    const uint32_t cells = cells_for(byte_count);
    if (cells > SH_DICTIONARY_CELLS_MAX) {
        dictionary->text_bytes -= (size_t)cells * SH_DICTIONARY_CELL_BYTES;
        sh_free(taken);
        return;
    }
    memcpy(taken, &dictionary->free_cells[cells], LINK_BYTES);
    dictionary->free_cells[cells] = taken;
}

enum sh_status sh_dictionary_intern(struct sh_dictionary *dictionary, struct sh_text text, uint32_t *code,
                                    struct sh_error *err) {
    const uint64_t hash = sh_hash_text(text);
    *code = find_hashed(dictionary, text, hash);
    if (*code != SH_CODE_NONE) return SH_OK;
    if (text.count > SH_STRING_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a text of %u bytes is over the limit of %d", text.count,
                       SH_STRING_BYTES_MAX);
    if (!sh_text_is_utf8(text)) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a text must be UTF-8 without a zero byte");
    if (dictionary->count >= dictionary->count_max)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are already %u different texts here", dictionary->count);
    uint8_t *cells = reserve_code(dictionary) == SH_OK ? take_cells(dictionary, text.count) : NULL;
    if (cells == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a new text");
    const enum sh_status status = sh_hash_index_insert(&dictionary->index, hash, dictionary->count);
    if (status != SH_OK) {
        give_cells(dictionary, cells, text.count);
        return sh_fail(err, status, -1, "no room for a new text");
    }
    const uint16_t length = (uint16_t)text.count;
    memcpy(cells, &length, LENGTH_BYTES);
    if (text.count > 0) memcpy(cells + LENGTH_BYTES, text.bytes, text.count);
    *code = dictionary->count++;
    *code_place(dictionary, *code) = cells;
    return SH_OK;
}

void sh_dictionary_erase(struct sh_dictionary *dictionary, uint32_t code) {
    sh_assert(code < dictionary->count);
    uint8_t **place = code_place(dictionary, code);
    if (*place == NULL) return;
    const struct sh_text text = sh_dictionary_text(dictionary, code);
    const bool removed = sh_hash_index_remove(&dictionary->index, sh_hash_text(text), code);
    sh_assert(removed);
    memset(*place, 0, (size_t)cells_for(text.count) * SH_DICTIONARY_CELL_BYTES); /* nothing of it stays in memory */
    give_cells(dictionary, *place, text.count);
    *place = NULL;
}

bool sh_dictionary_is_erased(const struct sh_dictionary *dictionary, uint32_t code) {
    sh_assert(code < dictionary->count);
    return *code_place(dictionary, code) == NULL;
}

/* ---- In an archive: u32 count, and for each code u16 length and the text, or 0xFFFF alone if it is erased ---- */

void sh_dictionary_save(const struct sh_dictionary *dictionary, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, dictionary->count);
    for (uint32_t code = 0; code < dictionary->count; code++) {
        const uint8_t *text = *code_place(dictionary, code);
        if (text == NULL)
            sh_archive_put_u16(writer, LENGTH_ERASED);
        else
            sh_archive_put(writer, text, LENGTH_BYTES + text_bytes(text));
    }
}

/* The next code's text gets its place and its bytes, but is not in the index yet. */
static enum sh_status load_text(struct sh_dictionary *dictionary, struct sh_archive_reader *reader) {
    const uint16_t length = sh_archive_get_u16(reader);
    if (length > SH_STRING_BYTES_MAX && length != LENGTH_ERASED)
        return sh_archive_refuse(reader, "a text of %u bytes; the most is %d", length, SH_STRING_BYTES_MAX);
    if (sh_archive_failed(reader)) return sh_archive_status(reader, NULL);
    if (reserve_code(dictionary) != SH_OK) return sh_archive_refuse_memory(reader);
    uint8_t *cells = NULL;
    if (length != LENGTH_ERASED) {
        if ((cells = take_cells(dictionary, length)) == NULL) return sh_archive_refuse_memory(reader);
        memcpy(cells, &length, LENGTH_BYTES);
    }
    *code_place(dictionary, dictionary->count++) = cells; /* from here on it is freed with the rest */
    if (cells == NULL) return SH_OK;
    if (!sh_archive_get(reader, cells + LENGTH_BYTES, length)) return sh_archive_status(reader, NULL);
    const struct sh_text text = {.bytes = (const char *)cells + LENGTH_BYTES, .count = length};
    return sh_text_is_utf8(text) ? SH_OK : sh_archive_refuse(reader, "a text that is not UTF-8");
}

static enum sh_status index_texts(struct sh_dictionary *dictionary, uint32_t first, const uint64_t *hashes,
                                  struct sh_archive_reader *reader) {
    for (uint32_t code = first; code < dictionary->count; code++) {
        if (*code_place(dictionary, code) == NULL) continue;
        if (find_hashed(dictionary, sh_dictionary_text(dictionary, code), hashes[code - first]) != SH_CODE_NONE)
            return sh_archive_refuse(reader, "a text has two codes");
        const enum sh_status status = sh_hash_index_insert(&dictionary->index, hashes[code - first], code);
        if (status == SH_ERR_MEMORY) return sh_archive_refuse_memory(reader);
        if (status != SH_OK) return sh_archive_refuse(reader, "texts that only hash alike on purpose");
    }
    return SH_OK;
}

static enum sh_status load_texts(struct sh_dictionary *dictionary, uint32_t count, struct sh_archive_reader *reader) {
    if (sh_hash_index_announce(&dictionary->index, count) != SH_OK) return sh_archive_refuse_memory(reader);
    while (dictionary->count < count) {
        uint64_t hashes[LOAD_STEP];
        const uint32_t first = dictionary->count;
        const uint32_t end = count - first < LOAD_STEP ? count : first + LOAD_STEP;
        for (uint32_t code = first; code < end; code++) {
            const enum sh_status status = load_text(dictionary, reader);
            if (status != SH_OK) return status;
            hashes[code - first] = sh_hash_text(sh_dictionary_text(dictionary, code));
            sh_hash_index_prefetch(&dictionary->index, hashes[code - first]);
        }
        const enum sh_status status = index_texts(dictionary, first, hashes, reader);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status sh_dictionary_load(struct sh_dictionary *dictionary, struct sh_archive_reader *reader) {
    sh_assert(dictionary->count == 0);
    const uint32_t count = sh_archive_get_count(reader, dictionary->count_max, LENGTH_BYTES, "texts");
    enum sh_status status = sh_archive_status(reader, NULL);
    if (status == SH_OK) status = load_texts(dictionary, count, reader);
    if (status != SH_OK) sh_dictionary_deinit(dictionary);
    return status;
}

/* ---- Upkeep ---- */

size_t sh_dictionary_memory_bytes(const struct sh_dictionary *dictionary) {
    size_t codes = dictionary->first_page_capacity;
    if (dictionary->page_count > 1) codes += (dictionary->page_count - (size_t)1) * PAGE_CODES;
    return sh_hash_index_memory_bytes(&dictionary->index) + dictionary->text_bytes + codes * sizeof(uint8_t *) +
           dictionary->page_capacity * sizeof(uint8_t **);
}

bool sh_dictionary_check(const struct sh_dictionary *dictionary, const char **reason) {
    if (!sh_hash_index_check(&dictionary->index, reason)) return false;
    uint64_t kept = 0;
    for (uint32_t code = 0; code < dictionary->count; code++) {
        if (*code_place(dictionary, code) == NULL) continue;
        kept++;
        const struct sh_text text = sh_dictionary_text(dictionary, code);
        if (!sh_text_is_utf8(text) || sh_dictionary_find(dictionary, text) != code) {
            if (reason != NULL) *reason = "dictionary: a text is UTF-8 and finds its own code";
            return false;
        }
    }
    if (kept == dictionary->index.count) return true;
    if (reason != NULL) *reason = "dictionary: every text that is not erased is in the index once";
    return false;
}

void sh_dictionary_print(const struct sh_dictionary *dictionary, struct sh_buffer *buffer) {
    enum { SHOWN = 10 };
    sh_buffer_print(buffer, "dictionary: %u codes, %llu texts:", dictionary->count,
                    (unsigned long long)dictionary->index.count);
    for (uint32_t code = 0; code < dictionary->count && code < SHOWN; code++)
        sh_buffer_print(buffer, " %u=\"%.*s\"", code, SH_TEXT_ARGS(sh_dictionary_text(dictionary, code)));
    sh_buffer_print(buffer, dictionary->count > SHOWN ? " ...\n" : "\n");
}
