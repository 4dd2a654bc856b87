/* query_world.h -- a made-up shop of any size, once in the engine's tables and once in the twin, and random expressions
 * about it.
 */
#ifndef QUERY_WORLD_H
#define QUERY_WORLD_H

#include "query_twin.h"
#include "split_random.h"

struct world_options {
    uint64_t seed;
    uint32_t user_count;
    uint32_t item_count;
    uint32_t event_count;
    uint32_t forget_one_in; /* users, at the end; 0: none */
};
struct world {
    struct split_random random;
    struct sh_zone *zone;
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_kept *kept; /* little, and any window is worth it */
    struct sh_query_scope scope;
    struct twin twin;
    bool bitmaps_only; /* expressions ask only for tags and equality */
};

/* Aborts when anything fails: only a bug of ours can make it. */
void world_create(struct world *world, const struct world_options *options);
void world_destroy(struct world *world);
/* One more user, or new values and tags for one that is there. */
void world_write_user(struct world *world);
/* One more event. */
void world_write_event(struct world *world);

/* A user and what they did are gone. */
void world_forget_user(struct world *world);
/* now moves on: minutes, hours or days. */
void world_pass_time(struct world *world);

/* An expression about users (or items) that checks. depth 0 is one clause. */
void world_expression(struct world *world, bool about_items, uint32_t depth, struct sh_buffer *text);
/* For sh_query_scope: what twin_is_under() says. */
enum sh_status world_below(const void *owner, struct sh_text attribute, struct sh_text name,
                           const struct sh_text **names, uint32_t *count, struct sh_error *err);
/* Often a tag, and a count and sums of the same events. */
void world_partners(struct world *world, struct sh_buffer *text);

#endif
