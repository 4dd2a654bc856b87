/* embedded_private.h -- the inside of shoal/shoal.h: pack the params of a method, go through the shard's door, read. */
#ifndef SH_EMBEDDED_PRIVATE_H
#define SH_EMBEDDED_PRIVATE_H

#include <shoal/shoal.h>

#include "answer_map.h"
#include "shard.h"

struct shoal {
    struct sh_shard *shard;
    int64_t now_ms;
    uint64_t next_id;
    struct sh_buffer params;
    struct sh_buffer body;
    struct sh_buffer follow; /* what a feed leaves to be written, and the answer to that */
    struct sh_buffer aside;
    struct sh_buffer text; /* of shoal_explain and shoal_why */
};

/* Returns the code of a status and fills in the caller's error, which may be NULL. */
int sh_embedded_fault(struct shoal_error *error, enum sh_status status, const char *words);
/* Params of pair_count pairs, to be packed next. */
void sh_embedded_begin(struct shoal *engine, msgpack_packer *packer, uint32_t pair_count);
void sh_embedded_pack(msgpack_packer *packer, const char *name, const char *text);
int sh_embedded_ask(struct shoal *engine, const char *method, struct shoal_error *error);
/* The answer as a map; it is complete, so its head is true. */
void sh_embedded_read(const struct shoal *engine, struct sh_answer_map *map);
/* The texts of a list. False if each said that it is enough. */
bool sh_embedded_give_ids(const struct sh_answer_map *answer, const char *key, shoal_each_id *each, void *context);

#endif
