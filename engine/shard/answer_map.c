#include "answer_map.h"

static void read_pairs(struct sh_answer_map *map, struct sh_cursor *cursor, uint32_t pair_count) {
    sh_assert(pair_count <= SH_ANSWER_PAIR_COUNT_MAX);
    map->count = pair_count;
    for (uint32_t i = 0; i < pair_count; i++) {
        struct sh_answer_pair *pair = &map->pairs[i];
        enum sh_status status = sh_cursor_text(cursor, &pair->name, "a key", NULL);
        sh_assert(status == SH_OK);
        status = sh_cursor_skip(cursor, &pair->begin, NULL);
        sh_assert(status == SH_OK);
        pair->end = cursor->at;
    }
}

void sh_answer_map_read_body(struct sh_answer_map *map, const struct sh_buffer *body) {
    struct sh_cursor cursor;
    sh_assert(body->count > 0);
    sh_assert((body->bytes[0] & 0xF0) == 0x80); /* a short map: answers have few keys */
    sh_cursor_init(&cursor, body->bytes, body->count);
    cursor.at++;
    read_pairs(map, &cursor, (body->bytes[0] & 0x0Fu) - 1);
}

void sh_answer_map_read(struct sh_answer_map *map, const struct sh_answer_pair *pair) {
    struct sh_cursor cursor;
    uint32_t pair_count;
    sh_cursor_init(&cursor, pair->begin, (size_t)(pair->end - pair->begin));
    const enum sh_status status = sh_cursor_map(&cursor, &pair_count, "a map", NULL);
    sh_assert(status == SH_OK);
    read_pairs(map, &cursor, pair_count);
}

const struct sh_answer_pair *sh_answer_map_find(const struct sh_answer_map *map, const char *name) {
    for (uint32_t i = 0; i < map->count; i++) {
        if (sh_text_equal(map->pairs[i].name, sh_text_of(name))) return &map->pairs[i];
    }
    return NULL;
}

static struct sh_value read_value(const uint8_t *begin, const uint8_t *end) {
    struct sh_cursor cursor;
    struct sh_value value;
    sh_cursor_init(&cursor, begin, (size_t)(end - begin));
    const enum sh_status status = sh_cursor_next(&cursor, &value, NULL);
    sh_assert(status == SH_OK);
    return value;
}

uint64_t sh_answer_map_uint(const struct sh_answer_map *map, const char *name) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    if (pair == NULL) return 0;
    const struct sh_value value = read_value(pair->begin, pair->end);
    sh_assert(value.kind == SH_VALUE_INT || value.kind == SH_VALUE_UINT_BIG);
    return value.big;
}

bool sh_answer_map_bool(const struct sh_answer_map *map, const char *name) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    if (pair == NULL) return false;
    const struct sh_value value = read_value(pair->begin, pair->end);
    return value.kind == SH_VALUE_BOOL && value.boolean;
}

struct sh_text sh_answer_map_text(const struct sh_answer_map *map, const char *name) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    if (pair == NULL) return (struct sh_text){"", 0};
    const struct sh_value value = read_value(pair->begin, pair->end);
    sh_assert(value.kind == SH_VALUE_STR);
    return value.text;
}

double sh_answer_map_real(const struct sh_answer_map *map, const char *name) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    if (pair == NULL) return 0;
    const struct sh_value value = read_value(pair->begin, pair->end);
    sh_assert(value.kind == SH_VALUE_FLOAT);
    return value.real;
}

struct sh_value sh_answer_map_value(const struct sh_answer_map *map, const char *name) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    return pair == NULL ? (struct sh_value){.kind = SH_VALUE_NIL} : read_value(pair->begin, pair->end);
}

void sh_answer_list_begin(struct sh_answer_list *list, const struct sh_answer_pair *pair) {
    *list = (struct sh_answer_list){0};
    if (pair == NULL) return;
    sh_cursor_init(&list->cursor, pair->begin, (size_t)(pair->end - pair->begin));
    const enum sh_status status = sh_cursor_array(&list->cursor, &list->left, "an array", NULL);
    sh_assert(status == SH_OK);
}

bool sh_answer_list_next(struct sh_answer_list *list) {
    if (list->left == 0) return false;
    list->left--;
    const enum sh_status status = sh_cursor_skip(&list->cursor, &list->begin, NULL);
    sh_assert(status == SH_OK);
    list->end = list->cursor.at;
    return true;
}

struct sh_value sh_answer_list_value(const struct sh_answer_list *list) {
    return read_value(list->begin, list->end);
}

void sh_answer_list_map(const struct sh_answer_list *list, struct sh_answer_map *map) {
    const struct sh_answer_pair pair = {.begin = list->begin, .end = list->end};
    sh_answer_map_read(map, &pair);
}
