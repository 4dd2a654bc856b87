/* schema.h -- what schema.put asks for, read into lists before anything is changed.
 *
 * A schema.put is done whole or not at all. Adding cannot be undone, so it is rehearsed: an empty copy of the
 * workspace's tables and event store gets the same attributes, then the new ones; only when all of that succeeds is it
 * done to the real ones, where it can fail only for want of memory.
 */
#ifndef SH_SCHEMA_H
#define SH_SCHEMA_H

#include "shard_private.h"

struct sh_table_schema {
    struct sh_attribute_spec *attributes;
    uint32_t attribute_count;
    struct sh_text *tag_sets;
    uint32_t tag_set_count;
};
struct sh_event_schema {
    struct sh_text name;
    uint32_t amount_scale;
    uint32_t keep_days;    /* 0: for ever */
    bool has_keep_days;    /* else as it is */
    bool has_amount_scale; /* else 2 for a new type, and whatever it is for a known one */
    struct sh_attribute_spec *properties;
    uint32_t property_count;
};
struct sh_feed_schema {
    bool is_given;
    struct sh_param eligible; /* an expression over items */
    struct sh_param weights;
    struct sh_param half_life_days;
    struct sh_param bought_days;
    struct sh_param seen_days;
    struct sh_param scores;
    struct sh_param diversity;
    struct sh_param listed_since;
    struct sh_param explore_every;
    struct sh_param learning; /* schema_learning.c */
    struct sh_param due_by;
    struct sh_param store;
    struct sh_param vectors;
};
struct sh_schema {
    struct sh_text zone; /* count 0: not said */
    struct sh_table_schema users;
    struct sh_table_schema items;
    struct sh_event_schema *events;
    uint32_t event_count;
    struct sh_feed_schema feed;
    bool has_personal; /* else as it is */
    struct sh_text *personal;
    uint32_t personal_count;
    bool has_purposes; /* likewise; their attributes are among those of users */
    struct sh_purpose_spec *purposes;
    uint32_t purpose_count;
    bool has_purpose_required;
    bool purpose_required;
};

/* Everything lives in the arena or points into the params. */
SH_MUST_CHECK enum sh_status sh_schema_read(const struct sh_request *request, struct sh_arena *arena,
                                            struct sh_schema *schema, struct sh_error *err);

/* What a schema is applied to: a workspace's own, or a rehearsal's. */
struct sh_schema_target {
    struct sh_table *users;
    struct sh_table *items;
    struct sh_event_store *events;
    struct sh_feed_model *feed;
    const struct sh_zone *zone;
};
SH_MUST_CHECK enum sh_status sh_schema_apply(const struct sh_schema *schema, const struct sh_schema_target *target,
                                             struct sh_error *err);
/* An empty target with the schema of another. Free with sh_schema_target_deinit, also after a failure. */
SH_MUST_CHECK enum sh_status sh_schema_copy(const struct sh_schema_target *source, struct sh_schema_target *copy,
                                            struct sh_arena *arena, struct sh_error *err);
void sh_schema_target_deinit(struct sh_schema_target *target);

/* The feed's part, for which attributes and event types exist already. `eligible` is checked, not stored. */
SH_MUST_CHECK enum sh_status sh_schema_read_feed(const struct sh_feed_schema *feed,
                                                 const struct sh_schema_target *target, struct sh_feed_config *config,
                                                 struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_schema_check_eligible(const struct sh_feed_schema *feed,
                                                      const struct sh_schema_target *target, int64_t now_ms,
                                                      struct sh_arena *arena, struct sh_buffer *canonical,
                                                      struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_schema_set_weights(const struct sh_feed_schema *feed,
                                                   const struct sh_schema_target *target, bool *changed,
                                                   struct sh_error *err);

#endif
