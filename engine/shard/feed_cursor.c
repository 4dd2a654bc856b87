#include "feed_cursor.h"

#include <string.h>

#include "hash.h"

enum {
    VERSION = 1,
    HEAD_BYTES = 1 + 8 + 4,
    HASH_BYTES = 4,
    BYTES_MAX = HEAD_BYTES + HASH_BYTES * SH_FEED_PAGED_COUNT_MAX
};

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint32_t sh_feed_page_hash(struct sh_text id) {
    return (uint32_t)sh_id_hash(id);
}

static void put_number(uint8_t *bytes, uint64_t number, uint32_t byte_count) {
    for (uint32_t i = 0; i < byte_count; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

static uint64_t get_number(const uint8_t *bytes, uint32_t byte_count) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < byte_count; i++)
        number |= (uint64_t)bytes[i] << (8 * i);
    return number;
}

/* Over the seed and the hashes. */
static uint32_t check_of(const uint8_t *bytes, size_t byte_count) {
    const struct sh_text seed = {(const char *)bytes + 1, 8};
    const struct sh_text rest = {(const char *)bytes + HEAD_BYTES, (uint32_t)(byte_count - HEAD_BYTES)};
    return (uint32_t)sh_hash_mix(sh_hash_text(seed), sh_hash_text(rest));
}

struct sh_text sh_feed_pages_print(const struct sh_feed_pages *pages, const uint32_t *added, uint32_t added_count,
                                   struct sh_arena *arena) {
    const uint32_t count = pages->count + added_count;
    const size_t byte_count = HEAD_BYTES + (size_t)HASH_BYTES * count;
    if (count > SH_FEED_PAGED_COUNT_MAX) return (struct sh_text){0};
    uint8_t *bytes = sh_arena_alloc_zero(arena, byte_count + 3);
    char *text = sh_arena_alloc(arena, (byte_count + 2) / 3 * 4);
    if (bytes == NULL || text == NULL) return (struct sh_text){0};
    bytes[0] = VERSION;
    put_number(bytes + 1, pages->seed, 8);
    for (uint32_t i = 0; i < count; i++)
        put_number(bytes + HEAD_BYTES + HASH_BYTES * i, i < pages->count ? pages->hashes[i] : added[i - pages->count],
                   HASH_BYTES);
    put_number(bytes + 9, check_of(bytes, byte_count), 4);
    uint32_t written = 0;
    for (size_t i = 0; i < byte_count; i += 3) {
        const uint32_t three = (uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];
        const uint32_t left = byte_count - i < 3 ? (uint32_t)(byte_count - i) : 3;
        for (uint32_t k = 0; k <= left; k++)
            text[written++] = digits[three >> (18 - 6 * k) & 63];
    }
    return (struct sh_text){text, written};
}

static bool read_bytes(struct sh_text token, uint8_t *bytes, size_t *byte_count) {
    uint32_t bits = 0;
    uint32_t held = 0;
    *byte_count = 0;
    for (uint32_t i = 0; i < token.count; i++) {
        const char *digit = token.bytes[i] == '\0' ? NULL : strchr(digits, token.bytes[i]);
        if (digit == NULL) return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held < 8) continue;
        held -= 8;
        bytes[(*byte_count)++] = (uint8_t)(bits >> held);
    }
    return (bits & ((1u << held) - 1)) == 0;
}

enum sh_status sh_feed_pages_parse(struct sh_text token, struct sh_arena *arena, struct sh_feed_pages *pages,
                                   struct sh_error *err) {
    size_t byte_count;
    *pages = (struct sh_feed_pages){.count = 0};
    uint8_t *bytes = token.count <= BYTES_MAX / 3 * 4 + 4 ? sh_arena_alloc(arena, token.count + (size_t)1) : NULL;
    const bool is_token = bytes != NULL && read_bytes(token, bytes, &byte_count) && byte_count >= HEAD_BYTES &&
                          bytes[0] == VERSION && (byte_count - HEAD_BYTES) % HASH_BYTES == 0 &&
                          byte_count <= BYTES_MAX && get_number(bytes + 9, 4) == check_of(bytes, byte_count);
    if (!is_token) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that a feed gave");
    pages->seed = get_number(bytes + 1, 8);
    pages->count = (uint32_t)((byte_count - HEAD_BYTES) / HASH_BYTES);
    pages->hashes = sh_arena_alloc(arena, (pages->count + (size_t)1) * sizeof *pages->hashes);
    if (pages->hashes == NULL)
        return sh_fail(err, SH_ERR_LIMIT, -1, "the request needs more memory than its arena may take");
    for (uint32_t i = 0; i < pages->count; i++)
        pages->hashes[i] = (uint32_t)get_number(bytes + HEAD_BYTES + HASH_BYTES * i, HASH_BYTES);
    return SH_OK;
}
