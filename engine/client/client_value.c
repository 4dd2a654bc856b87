#include "bounds.h"
#include "cursor.h"
#include "frame.h"
#include "shoal/client.h"

static const struct shoal_client_value absent = {NULL, 0};

/* The head of a value. An answer was checked when it came, so this fails only for an absent value. */
static bool read_head(struct shoal_client_value value, struct sh_cursor *cursor, struct sh_value *head) {
    if (value.bytes == NULL) return false;
    sh_cursor_init(cursor, value.bytes, value.byte_count);
    return sh_cursor_next(cursor, head, NULL) == SH_OK;
}

/* The size of the whole value at `at`. */
static size_t value_bytes(const unsigned char *at, const unsigned char *end) {
    struct sh_frame_scan scan;
    size_t byte_count = 0;
    sh_frame_scan_init(&scan, (size_t)(end - at));
    if (sh_frame_scan(&scan, at, (size_t)(end - at), &byte_count, NULL) != SH_OK) return 0;
    return byte_count;
}

enum shoal_client_kind shoal_client_value_kind(struct shoal_client_value value) {
    struct sh_cursor cursor;
    struct sh_value head;
    if (!read_head(value, &cursor, &head)) return SHOAL_CLIENT_ABSENT;
    switch (head.kind) {
    case SH_VALUE_NIL:
        return SHOAL_CLIENT_NIL;
    case SH_VALUE_BOOL:
        return SHOAL_CLIENT_BOOLEAN;
    case SH_VALUE_INT:
    case SH_VALUE_UINT_BIG:
        return SHOAL_CLIENT_INTEGER;
    case SH_VALUE_FLOAT:
        return SHOAL_CLIENT_REAL;
    case SH_VALUE_STR:
        return SHOAL_CLIENT_TEXT;
    case SH_VALUE_BIN:
        return SHOAL_CLIENT_BINARY;
    case SH_VALUE_ARRAY:
        return SHOAL_CLIENT_ARRAY;
    case SH_VALUE_MAP:
        return SHOAL_CLIENT_MAP;
    }
    return SHOAL_CLIENT_ABSENT;
}

uint32_t shoal_client_count(struct shoal_client_value value) {
    struct sh_cursor cursor;
    struct sh_value head;
    if (!read_head(value, &cursor, &head)) return 0;
    if (head.kind == SH_VALUE_ARRAY || head.kind == SH_VALUE_MAP) return head.count;
    return head.kind == SH_VALUE_STR || head.kind == SH_VALUE_BIN ? head.text.count : 0;
}

bool shoal_client_boolean(struct shoal_client_value value, bool otherwise) {
    struct sh_cursor cursor;
    struct sh_value head;
    return read_head(value, &cursor, &head) && head.kind == SH_VALUE_BOOL ? head.boolean : otherwise;
}

int64_t shoal_client_integer(struct shoal_client_value value, int64_t otherwise) {
    struct sh_cursor cursor;
    struct sh_value head;
    if (!read_head(value, &cursor, &head)) return otherwise;
    if (head.kind == SH_VALUE_UINT_BIG) return INT64_MAX;
    return head.kind == SH_VALUE_INT ? head.integer : otherwise;
}

double shoal_client_real(struct shoal_client_value value, double otherwise) {
    struct sh_cursor cursor;
    struct sh_value head;
    if (!read_head(value, &cursor, &head)) return otherwise;
    if (head.kind == SH_VALUE_INT) return (double)head.integer;
    if (head.kind == SH_VALUE_UINT_BIG) return (double)head.big;
    return head.kind == SH_VALUE_FLOAT ? head.real : otherwise;
}

const char *shoal_client_text(struct shoal_client_value value, size_t *byte_count) {
    struct sh_cursor cursor;
    struct sh_value head;
    *byte_count = 0;
    if (!read_head(value, &cursor, &head) || (head.kind != SH_VALUE_STR && head.kind != SH_VALUE_BIN)) return NULL;
    *byte_count = head.text.count;
    return head.text.bytes;
}

bool shoal_client_text_is(struct shoal_client_value value, const char *zero_ended) {
    size_t byte_count;
    const char *text = shoal_client_text(value, &byte_count);
    return text != NULL && byte_count == strlen(zero_ended) && memcmp(text, zero_ended, byte_count) == 0;
}

struct shoal_client_walk shoal_client_walk_begin(struct shoal_client_value container) {
    struct shoal_client_walk walk = {0};
    struct sh_cursor cursor;
    struct sh_value head;
    if (!read_head(container, &cursor, &head)) return walk;
    if (head.kind != SH_VALUE_ARRAY && head.kind != SH_VALUE_MAP) return walk;
    walk.at = cursor.at;
    walk.end = cursor.end;
    walk.left_count = head.count;
    walk.is_map = head.kind == SH_VALUE_MAP;
    return walk;
}

static bool take_value(struct shoal_client_walk *walk, struct shoal_client_value *value) {
    const size_t byte_count = value_bytes(walk->at, walk->end);
    if (byte_count == 0) return false;
    *value = (struct shoal_client_value){walk->at, byte_count};
    walk->at += byte_count;
    return true;
}

bool shoal_client_walk_next(struct shoal_client_walk *walk, struct shoal_client_value *key,
                            struct shoal_client_value *value) {
    if (walk->left_count == 0) return false;
    walk->left_count--;
    struct shoal_client_value key_found = absent;
    struct shoal_client_value value_found = absent;
    if (walk->is_map && !take_value(walk, &key_found)) return false;
    if (!take_value(walk, &value_found)) return false;
    if (key != NULL) *key = key_found;
    if (value != NULL) *value = value_found;
    return true;
}

struct shoal_client_value shoal_client_get(struct shoal_client_value map, const char *key) {
    struct shoal_client_walk walk = shoal_client_walk_begin(map);
    if (!walk.is_map) return absent;
    struct shoal_client_value key_found;
    struct shoal_client_value value_found;
    while (shoal_client_walk_next(&walk, &key_found, &value_found))
        if (shoal_client_text_is(key_found, key)) return value_found;
    return absent;
}

struct shoal_client_value shoal_client_at(struct shoal_client_value array, uint32_t index) {
    struct shoal_client_walk walk = shoal_client_walk_begin(array);
    if (walk.is_map || index >= walk.left_count) return absent;
    struct shoal_client_value value = absent;
    for (uint32_t i = 0; i <= index; i++)
        if (!shoal_client_walk_next(&walk, NULL, &value)) return absent;
    return value;
}
