/* schema_apply.c -- attributes, tag sets and event types into a workspace or into a rehearsal's copy of it. */
#include "memory.h"
#include "schema.h"

static enum sh_status apply_table(const struct sh_table_schema *schema, struct sh_table *table, struct sh_error *err) {
    enum sh_status status;
    for (uint32_t i = 0; i < schema->attribute_count; i++) {
        if ((status = sh_table_add_attribute(table, &schema->attributes[i], NULL, err)) != SH_OK) return status;
    }
    for (uint32_t i = 0; i < schema->tag_set_count; i++) {
        if ((status = sh_table_add_tag_set(table, schema->tag_sets[i], NULL, err)) != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status apply_event(const struct sh_event_schema *event, struct sh_event_store *events,
                                  struct sh_error *err) {
    uint32_t scale = event->amount_scale;
    const int32_t known = sh_event_type_find(events, event->name);
    if (known >= 0 && !event->has_amount_scale) scale = sh_event_type(events, (uint32_t)known)->amount_scale;
    uint32_t number;
    enum sh_status status = sh_event_type_add(events, event->name, scale, &number, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < event->property_count; i++) {
        uint32_t index;
        status = sh_event_property_add(events, number, &event->properties[i], &index, err);
        if (status != SH_OK) return status;
    }
    if (event->has_keep_days) sh_event_type_keep(events, number, event->keep_days);
    return SH_OK;
}

enum sh_status sh_schema_apply(const struct sh_schema *schema, const struct sh_schema_target *target,
                               struct sh_error *err) {
    enum sh_status status;
    if ((status = apply_table(&schema->users, target->users, err)) != SH_OK) return status;
    if ((status = apply_table(&schema->items, target->items, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < schema->event_count; i++) {
        if ((status = apply_event(&schema->events[i], target->events, err)) != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- The rehearsal's copy ---- */

/* Labels from lowest to highest. */
static bool copy_labels(const struct sh_dictionary *texts, const uint32_t *code_of_rank, struct sh_arena *arena,
                        struct sh_attribute_spec *spec) {
    const uint32_t count = sh_dictionary_count(texts);
    struct sh_text *labels = sh_arena_alloc(arena, ((size_t)count + 1) * sizeof *labels);
    if (labels == NULL) return false;
    for (uint32_t rank = 0; rank < count; rank++)
        labels[rank] = sh_dictionary_text(texts, code_of_rank[rank]);
    spec->labels = labels;
    spec->label_count = count;
    return true;
}

static enum sh_status copy_table(const struct sh_table *source, struct sh_table *copy, struct sh_arena *arena,
                                 struct sh_error *err) {
    enum sh_status status;
    for (uint32_t i = 0; i < sh_table_attribute_count(source); i++) {
        const struct sh_attribute *attribute = sh_table_attribute(source, i);
        struct sh_attribute_spec spec = {
            .name = attribute->name, .type = attribute->type, .scale = attribute->scale, .is_date = attribute->is_date};
        if (spec.type == SH_TYPE_ENUM && !copy_labels(&attribute->texts, attribute->code_of_rank, arena, &spec))
            return sh_fail_memory(err);
        if ((status = sh_table_add_attribute(copy, &spec, NULL, err)) != SH_OK) return status;
    }
    for (uint32_t i = 0; i < sh_table_tag_set_count(source); i++) {
        status = sh_table_add_tag_set(copy, sh_table_tag_set_name(source, i), NULL, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status copy_type(const struct sh_event_type *type, struct sh_event_store *copy, struct sh_arena *arena,
                                struct sh_error *err) {
    uint32_t number;
    enum sh_status status = sh_event_type_add(copy, type->name, type->amount_scale, &number, err);
    for (uint32_t i = 0; i < type->property_count && status == SH_OK; i++) {
        const struct sh_event_property *property = type->properties[i];
        struct sh_attribute_spec spec = {
            .name = property->name, .type = property->type, .scale = property->scale, .is_date = property->is_date};
        if (spec.type == SH_TYPE_ENUM && !copy_labels(&property->texts, property->code_of_rank, arena, &spec))
            return sh_fail_memory(err);
        uint32_t index;
        status = sh_event_property_add(copy, number, &spec, &index, err);
    }
    return status;
}

enum sh_status sh_schema_copy(const struct sh_schema_target *source, struct sh_schema_target *copy,
                              struct sh_arena *arena, struct sh_error *err) {
    *copy = (struct sh_schema_target){.zone = source->zone};
    copy->users = sh_table_create();
    copy->items = sh_table_create();
    copy->events = sh_event_store_create(source->zone);
    if (copy->users == NULL || copy->items == NULL || copy->events == NULL) return sh_fail_memory(err);
    const struct sh_feed_scope scope = {.users = copy->users, .items = copy->items, .events = copy->events};
    copy->feed = sh_feed_model_create(&scope);
    if (copy->feed == NULL) return sh_fail_memory(err);
    enum sh_status status;
    if ((status = copy_table(source->users, copy->users, arena, err)) != SH_OK) return status;
    if ((status = copy_table(source->items, copy->items, arena, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < sh_event_type_count(source->events); i++) {
        if ((status = copy_type(sh_event_type(source->events, i), copy->events, arena, err)) != SH_OK) return status;
    }
    return SH_OK;
}

void sh_schema_target_deinit(struct sh_schema_target *target) {
    sh_feed_model_destroy(target->feed);
    sh_event_store_destroy(target->events);
    sh_table_destroy(target->items);
    sh_table_destroy(target->users);
    *target = (struct sh_schema_target){0};
}
