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
};
_Static_assert(SH_STRING_BYTES_MAX <= UINT16_MAX, "a text's length is two bytes");

void sh_dictionary_init(struct sh_dictionary *dictionary, uint32_t count_max) {
    sh_assert(count_max <= SH_DICTIONARY_COUNT_MAX);
    *dictionary = (struct sh_dictionary){.count_max = count_max};
    sh_hash_index_init(&dictionary->index);
}

void sh_dictionary_deinit(struct sh_dictionary *dictionary) {
    sh_hash_index_deinit(&dictionary->index);
    for (uint32_t page = 0; page < dictionary->page_count; page++)
        sh_free((void *)dictionary->pages[page]);
    sh_free((void *)dictionary->pages);
    for (uint8_t *chunk = dictionary->chunk; chunk != NULL;) {
        uint8_t *before;
        memcpy(&before, chunk, LINK_BYTES);
        sh_free(chunk);
        chunk = before;
    }
    sh_dictionary_init(dictionary, dictionary->count_max);
}

struct sh_text sh_dictionary_text(const struct sh_dictionary *dictionary, uint32_t code) {
    sh_assert(code < dictionary->count);
    const uint8_t *bytes = dictionary->pages[code / PAGE_CODES][code % PAGE_CODES];
    uint16_t length;
    memcpy(&length, bytes, LENGTH_BYTES);
    return (struct sh_text){.bytes = (const char *)bytes + LENGTH_BYTES, .count = length};
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
        sh_grow(&pages, &dictionary->page_capacity, dictionary->page_count + 1, sizeof(const uint8_t **));
    dictionary->pages = pages;
    if (status != SH_OK) return status;
    const uint32_t wanted = dictionary->page_count == 0 ? FIRST_PAGE_CODES : PAGE_CODES;
    void *page = sh_alloc(wanted * sizeof(uint8_t *));
    if (page == NULL) return SH_ERR_MEMORY;
    if (dictionary->page_count == 0) dictionary->first_page_capacity = wanted;
    dictionary->pages[dictionary->page_count++] = page;
    return SH_OK;
}

/* Room for byte_count more in the last chunk. */
static enum sh_status reserve_bytes(struct sh_dictionary *dictionary, size_t byte_count) {
    if (dictionary->chunk != NULL && byte_count <= dictionary->chunk_capacity - dictionary->chunk_used) return SH_OK;
    size_t capacity = dictionary->chunk == NULL ? CHUNK_BYTES_FIRST : dictionary->chunk_capacity * 2;
    if (capacity > CHUNK_BYTES_MAX) capacity = CHUNK_BYTES_MAX;
    if (capacity < LINK_BYTES + byte_count) capacity = LINK_BYTES + byte_count;
    uint8_t *chunk = sh_alloc(capacity);
    if (chunk == NULL) return SH_ERR_MEMORY;
    memcpy(chunk, &dictionary->chunk, LINK_BYTES);
    dictionary->chunk = chunk;
    dictionary->chunk_used = LINK_BYTES;
    dictionary->chunk_capacity = capacity;
    dictionary->chunk_bytes_all += capacity;
    return SH_OK;
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
    if (reserve_code(dictionary) != SH_OK || reserve_bytes(dictionary, LENGTH_BYTES + (size_t)text.count) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a new text");
    const enum sh_status status = sh_hash_index_insert(&dictionary->index, hash, dictionary->count);
    if (status != SH_OK) return sh_fail(err, status, -1, "no room for a new text");

    uint8_t *bytes = dictionary->chunk + dictionary->chunk_used;
    const uint16_t length = (uint16_t)text.count;
    memcpy(bytes, &length, LENGTH_BYTES);
    if (text.count > 0) memcpy(bytes + LENGTH_BYTES, text.bytes, text.count);
    dictionary->chunk_used += LENGTH_BYTES + (size_t)text.count;
    *code = dictionary->count++;
    dictionary->pages[*code / PAGE_CODES][*code % PAGE_CODES] = bytes;
    return SH_OK;
}

/* ---- Upkeep ---- */

size_t sh_dictionary_memory_bytes(const struct sh_dictionary *dictionary) {
    size_t codes = dictionary->first_page_capacity;
    if (dictionary->page_count > 1) codes += (dictionary->page_count - (size_t)1) * PAGE_CODES;
    return sh_hash_index_memory_bytes(&dictionary->index) + dictionary->chunk_bytes_all + codes * sizeof(uint8_t *) +
           dictionary->page_capacity * sizeof(uint8_t **);
}

bool sh_dictionary_check(const struct sh_dictionary *dictionary, const char **reason) {
    if (!sh_hash_index_check(&dictionary->index, reason)) return false;
    if (dictionary->index.count != dictionary->count) {
        if (reason != NULL) *reason = "dictionary: every code is in the index once";
        return false;
    }
    for (uint32_t code = 0; code < dictionary->count; code++) {
        const struct sh_text text = sh_dictionary_text(dictionary, code);
        if (!sh_text_is_utf8(text) || sh_dictionary_find(dictionary, text) != code) {
            if (reason != NULL) *reason = "dictionary: a text is UTF-8 and finds its own code";
            return false;
        }
    }
    return true;
}
