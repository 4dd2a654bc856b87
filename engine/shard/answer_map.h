/* answer_map.h -- a map that a shard packed, looked into without copying: for sh_request_merge.
 *
 * What a shard packed is right, or the program is wrong: these assert instead of failing.
 */
#ifndef SH_ANSWER_MAP_H
#define SH_ANSWER_MAP_H

#include "buffer.h"
#include "cursor.h"

enum { SH_ANSWER_PAIR_COUNT_MAX = 16 };

struct sh_answer_pair {
    struct sh_text name;
    const uint8_t *begin; /* of the value */
    const uint8_t *end;
};
struct sh_answer_map {
    struct sh_answer_pair pairs[SH_ANSWER_PAIR_COUNT_MAX];
    uint32_t count;
};
/* An answer's body: its head counts one pair more than there are. */
void sh_answer_map_read_body(struct sh_answer_map *map, const struct sh_buffer *body);
void sh_answer_map_read(struct sh_answer_map *map, const struct sh_answer_pair *pair);
/* NULL if there is none. */
const struct sh_answer_pair *sh_answer_map_find(const struct sh_answer_map *map, const char *name);
/* 0, empty or false if there is none. */
uint64_t sh_answer_map_uint(const struct sh_answer_map *map, const char *name);
struct sh_text sh_answer_map_text(const struct sh_answer_map *map, const char *name);
double sh_answer_map_real(const struct sh_answer_map *map, const char *name);
bool sh_answer_map_bool(const struct sh_answer_map *map, const char *name);

/* Nil if there is none. */
struct sh_value sh_answer_map_value(const struct sh_answer_map *map, const char *name);

/* An array, element by element. */
struct sh_answer_list {
    struct sh_cursor cursor;
    uint32_t left;        /* elements not taken yet */
    const uint8_t *begin; /* the element at hand */
    const uint8_t *end;
};
/* Empty if pair is NULL. */
void sh_answer_list_begin(struct sh_answer_list *list, const struct sh_answer_pair *pair);
/* False at the end. */
bool sh_answer_list_next(struct sh_answer_list *list);
/* The element at hand: a map, any value. */
void sh_answer_list_map(const struct sh_answer_list *list, struct sh_answer_map *map);
struct sh_value sh_answer_list_value(const struct sh_answer_list *list);

#endif
