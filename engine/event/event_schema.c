/* event_schema.c -- event types and their properties. */
#include <string.h>

#include "decimal.h"
#include "event_private.h"
#include "memory.h"

static enum sh_status check_name(struct sh_text name, const char *what, struct sh_error *err) {
    if (name.count == 0 || name.count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name of an %s has 1 to %d bytes", what, (int)SH_NAME_BYTES_MAX);
    if (!sh_text_is_utf8(name))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name of an %s is UTF-8 without a zero byte", what);
    return SH_OK;
}

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for the event schema");
}

/* A copy that is freed with sh_free(copy.bytes); bytes NULL if memory is out. */
static struct sh_text name_copy(struct sh_text name) {
    char *bytes = sh_alloc(name.count);
    if (bytes == NULL) return (struct sh_text){NULL, 0};
    memcpy(bytes, name.bytes, name.count);
    return (struct sh_text){bytes, name.count};
}

/* ---- Types ---- */

uint32_t sh_event_type_count(const struct sh_event_store *store) {
    return store->type_count;
}

const struct sh_event_type *sh_event_type(const struct sh_event_store *store, uint32_t number) {
    sh_assert(number < store->type_count);
    return &store->types[number]->public;
}

int32_t sh_event_type_find(const struct sh_event_store *store, struct sh_text name) {
    for (uint32_t i = 0; i < store->type_count; i++)
        if (sh_text_equal(store->types[i]->public.name, name)) return (int32_t)i;
    return -1;
}

uint64_t sh_event_schema_version(const struct sh_event_store *store) {
    return store->schema_version;
}

uint64_t sh_event_text_version(const struct sh_event_store *store) {
    return store->text_version;
}

enum sh_status sh_event_type_add(struct sh_event_store *store, struct sh_text name, uint32_t amount_scale,
                                 uint32_t *number, struct sh_error *err) {
    enum sh_status status;
    if ((status = check_name(name, "event type", err)) != SH_OK) return status;
    if (amount_scale > SH_DECIMAL_SCALE_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "an amount has 0 to %d digits after the point",
                       (int)SH_DECIMAL_SCALE_MAX);
    const int32_t known = sh_event_type_find(store, name);
    if (known >= 0) {
        const struct sh_event_type *type = sh_event_type(store, (uint32_t)known);
        if (type->amount_scale != amount_scale)
            return sh_fail(err, SH_ERR_CONFLICT, -1, "event type \"%.*s\" has amounts with %u digits after the point",
                           SH_TEXT_ARGS(name), type->amount_scale);
        if (number != NULL) *number = type->number;
        return SH_OK;
    }
    if (store->type_count == SH_EVENT_TYPE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d event types already", (int)SH_EVENT_TYPE_COUNT_MAX);
    status =
        sh_grow((void **)&store->types, &store->type_capacity, (uint64_t)store->type_count + 1, sizeof *store->types);
    if (status != SH_OK) return no_memory(err);
    struct event_type *type = sh_alloc_zero(sizeof *type);
    if (type == NULL) return no_memory(err);
    type->public.name = name_copy(name);
    if (type->public.name.bytes == NULL) {
        sh_free(type);
        return no_memory(err);
    }
    type->public.number = store->type_count;
    type->public.amount_scale = (uint8_t)amount_scale;
    store->types[store->type_count++] = type;
    store->schema_version++;
    if (number != NULL) *number = type->public.number;
    return SH_OK;
}

/* ---- Properties ---- */

int32_t sh_event_property_find(const struct sh_event_type *type, struct sh_text name) {
    for (uint32_t i = 0; i < type->property_count; i++)
        if (sh_text_equal(type->properties[i]->name, name)) return (int32_t)i;
    return -1;
}

static void property_destroy(struct sh_event_property *property) {
    if (property == NULL) return;
    sh_dictionary_deinit(&property->texts);
    sh_free(property->rank_of_code);
    sh_free(property->code_of_rank);
    sh_free((void *)(uintptr_t)property->name.bytes);
    sh_free(property);
}

void type_destroy(struct event_type *type) {
    for (uint32_t i = 0; i < type->public.property_count; i++)
        property_destroy(type->public.properties[i]);
    for (uint32_t i = 0; i < type->public.day_count; i++) {
        sh_free(type->public.days[i]->cells);
        sh_free(type->public.days[i]);
    }
    sh_free(type->public.properties);
    sh_free(type->public.days);
    sh_free((void *)(uintptr_t)type->public.name.bytes);
    sh_free(type);
}

static enum sh_status check_spec(const struct sh_attribute_spec *spec, struct sh_error *err) {
    static const char *const taken[] = {"amount", "time", "item", "id"};
    const enum sh_status status = check_name(spec->name, "event property", err);
    if (status != SH_OK) return status;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (sh_text_equal(spec->name, sh_text_of(taken[i])))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "every event has \"%s\"; a property needs another name", taken[i]);
    if ((uint32_t)spec->type >= SH_TYPE_COUNT) return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no such type");
    if (spec->scale > (spec->type == SH_TYPE_DECIMAL ? SH_DECIMAL_SCALE_MAX : 0))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a decimal has 0 to %d digits after the point, others none",
                       (int)SH_DECIMAL_SCALE_MAX);
    if (spec->is_date && spec->type != SH_TYPE_TIME)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "only a time can be a date");
    const bool labels_fit = spec->type == SH_TYPE_ENUM
                                ? spec->label_count > 0 && spec->label_count <= SH_VALUE_BITMAP_COUNT_MAX
                                : spec->label_count == 0;
    if (!labels_fit)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "an enum has 1 to %d labels, others none",
                       (int)SH_VALUE_BITMAP_COUNT_MAX);
    return SH_OK;
}

/* The labels of an enum as a dictionary with both rankings. */
struct labels {
    struct sh_dictionary texts;
    uint32_t *rank_of_code;
    uint32_t *code_of_rank;
};

static void labels_deinit(struct labels *labels) {
    sh_dictionary_deinit(&labels->texts);
    sh_free(labels->rank_of_code);
    sh_free(labels->code_of_rank);
}

/* Known labels keep their codes; all of them must be in the spec, in their known order. */
static enum sh_status labels_build(struct labels *labels, const struct sh_event_property *known,
                                   const struct sh_attribute_spec *spec, struct sh_error *err) {
    const uint32_t known_count = known == NULL ? 0 : sh_dictionary_count(&known->texts);
    uint32_t code;
    enum sh_status status = SH_OK;
    sh_dictionary_init(&labels->texts, SH_VALUE_BITMAP_COUNT_MAX);
    labels->rank_of_code = sh_alloc(spec->label_count * sizeof(uint32_t));
    labels->code_of_rank = sh_alloc(spec->label_count * sizeof(uint32_t));
    if (labels->rank_of_code == NULL || labels->code_of_rank == NULL) {
        status = no_memory(err);
        goto fail;
    }
    for (uint32_t i = 0; i < known_count; i++) {
        status = sh_dictionary_intern(&labels->texts, sh_dictionary_text(&known->texts, i), &code, err);
        if (status != SH_OK) goto fail;
    }
    uint32_t known_seen = 0;
    for (uint32_t rank = 0; rank < spec->label_count; rank++) {
        const uint32_t count_before = sh_dictionary_count(&labels->texts);
        status = sh_dictionary_intern(&labels->texts, spec->labels[rank], &code, err);
        if (status != SH_OK) goto fail;
        const bool in_order = code >= known_count ? code == count_before
                                                  : known_seen < known_count && known->code_of_rank[known_seen] == code;
        if (!in_order) {
            status =
                sh_fail(err, code < known_count ? SH_ERR_CONFLICT : SH_ERR_ARGUMENT, -1,
                        "label \"%.*s\" is there twice, or not in the known order", SH_TEXT_ARGS(spec->labels[rank]));
            goto fail;
        }
        if (code < known_count) known_seen++;
        labels->code_of_rank[rank] = code;
        labels->rank_of_code[code] = rank;
    }
    if (known_seen == known_count) return SH_OK;
    status = sh_fail(err, SH_ERR_CONFLICT, -1, "label \"%.*s\" is known and must stay",
                     SH_TEXT_ARGS(sh_dictionary_text(&known->texts, known->code_of_rank[known_seen])));
fail:
    labels_deinit(labels);
    return status;
}

static enum sh_status property_extend(struct sh_event_store *store, struct sh_event_property *property,
                                      const struct sh_attribute_spec *spec, struct sh_error *err) {
    if (property->type != spec->type || property->scale != spec->scale || property->is_date != spec->is_date)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "property \"%.*s\" is a %s already, and different",
                       SH_TEXT_ARGS(property->name), sh_type_name(property->type));
    if (property->type != SH_TYPE_ENUM) return SH_OK;
    struct labels labels;
    const enum sh_status status = labels_build(&labels, property, spec, err);
    if (status != SH_OK) return status;
    if (sh_dictionary_count(&labels.texts) != sh_dictionary_count(&property->texts)) store->schema_version++;
    struct labels old = {property->texts, property->rank_of_code, property->code_of_rank};
    property->texts = labels.texts;
    property->rank_of_code = labels.rank_of_code;
    property->code_of_rank = labels.code_of_rank;
    labels_deinit(&old);
    return SH_OK;
}

static enum sh_status property_create(const struct sh_attribute_spec *spec, struct sh_event_property **created,
                                      struct sh_error *err) {
    struct sh_event_property *property = sh_alloc_zero(sizeof *property);
    if (property == NULL) return no_memory(err);
    property->type = spec->type;
    property->scale = spec->scale;
    property->is_date = spec->is_date;
    sh_dictionary_init(&property->texts, SH_DICTIONARY_COUNT_MAX);
    enum sh_status status = SH_OK;
    property->name = name_copy(spec->name);
    if (property->name.bytes == NULL) status = no_memory(err);
    if (status == SH_OK && spec->type == SH_TYPE_ENUM) {
        struct labels labels;
        status = labels_build(&labels, NULL, spec, err);
        if (status == SH_OK) {
            property->texts = labels.texts;
            property->rank_of_code = labels.rank_of_code;
            property->code_of_rank = labels.code_of_rank;
        }
    }
    if (status != SH_OK)
        property_destroy(property);
    else
        *created = property;
    return status;
}

enum sh_status sh_event_property_add(struct sh_event_store *store, uint32_t type_number,
                                     const struct sh_attribute_spec *spec, uint32_t *index, struct sh_error *err) {
    enum sh_status status;
    if (type_number >= store->type_count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no event type number %u", type_number);
    if ((status = check_spec(spec, err)) != SH_OK) return status;
    struct event_type *type = store->types[type_number];
    struct sh_event_type *public = &type->public;
    const int32_t known = sh_event_property_find(public, spec->name);
    if (known >= 0) {
        if (index != NULL) *index = (uint32_t)known;
        return property_extend(store, public->properties[known], spec, err);
    }
    if (public->property_count == SH_EVENT_PROPERTY_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "event type \"%.*s\" has %d properties already",
                       SH_TEXT_ARGS(public->name), (int)SH_EVENT_PROPERTY_COUNT_MAX);
    status = sh_grow((void **)&public->properties, &type->property_capacity, (uint64_t) public->property_count + 1,
                     sizeof *public->properties);
    if (status != SH_OK) return no_memory(err);
    struct sh_event_property *property = NULL;
    if ((status = property_create(spec, &property, err)) != SH_OK) return status;
    if (index != NULL) *index = public->property_count;
    public->properties[public->property_count++] = property;
    store->schema_version++;
    return SH_OK;
}

uint32_t sh_event_property_code(const struct sh_event_property *property, struct sh_text text) {
    return sh_dictionary_find(&property->texts, text);
}

enum sh_status sh_event_text_code(struct sh_event_store *store, uint32_t type, uint32_t property_index,
                                  struct sh_text text, uint32_t *code, struct sh_error *err) {
    sh_assert(type < store->type_count);
    sh_assert(property_index < store->types[type]->public.property_count);
    struct sh_event_property *property = store->types[type]->public.properties[property_index];
    sh_assert(property->type == SH_TYPE_ENUM || property->type == SH_TYPE_STRING);
    if (property->type == SH_TYPE_STRING) {
        const uint32_t count_before = sh_dictionary_count(&property->texts);
        const enum sh_status status = sh_dictionary_intern(&property->texts, text, code, err);
        if (status == SH_OK && *code == count_before) store->text_version++;
        return status;
    }
    *code = sh_dictionary_find(&property->texts, text);
    if (*code != SH_CODE_NONE) return SH_OK;
    struct sh_nearest search;
    sh_nearest_init(&search, text);
    for (uint32_t i = 0; i < sh_dictionary_count(&property->texts); i++)
        sh_nearest_offer(&search, sh_dictionary_text(&property->texts, i));
    const enum sh_status status = sh_fail(err, SH_ERR_ARGUMENT, -1, "\"%.*s\" is not a label of \"%.*s\"",
                                          SH_TEXT_ARGS(text), SH_TEXT_ARGS(property->name));
    if (search.nearest.count > 0) sh_fail_hint(err, status, "did you mean \"%.*s\"?", SH_TEXT_ARGS(search.nearest));
    return status;
}

bool property_value_is_valid(const struct sh_event_property *property, int64_t value) {
    switch (property->type) {
    case SH_TYPE_BOOL:
        return value == 0 || value == 1;
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        return true;
    case SH_TYPE_TIME:
        return value >= SH_INSTANT_MIN && value <= SH_INSTANT_MAX && (!property->is_date || value % SH_DAY_MS == 0);
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        return value >= 0 && value < (int64_t)sh_dictionary_count(&property->texts);
    }
    return false;
}
