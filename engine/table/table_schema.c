/* table_schema.c -- attributes, enum labels and tag sets: added while the table is in use. */
#include "table_private.h"

#include <string.h>

#include "calendar.h"
#include "decimal.h"
#include "hash.h"
#include "memory.h"

const char *sh_type_name(enum sh_type type) {
    static const char *const names[SH_TYPE_COUNT] = {"bool", "int", "decimal", "time", "enum", "string"};
    return names[type];
}

/* ---- Finding ---- */

uint32_t sh_table_attribute_count(const struct sh_table *table) {
    return table->attribute_count;
}

const struct sh_attribute *sh_table_attribute(const struct sh_table *table, uint32_t index) {
    sh_assert(index < table->attribute_count);
    return &table->attributes[index];
}

struct sh_attribute *table_attribute(struct sh_table *table, uint32_t index) {
    sh_assert(index < table->attribute_count);
    return &table->attributes[index];
}

struct tag_set *table_tag_set(const struct sh_table *table, uint32_t index) {
    sh_assert(index < table->tag_set_count);
    return &table->tag_sets[index];
}

uint32_t table_find_name(const struct sh_table *table, struct sh_text name) {
    struct sh_hash_probe probe;
    for (uint32_t found = sh_hash_index_first(&table->names, sh_hash_text(name), &probe); found != SH_HASH_INDEX_NONE;
         found = sh_hash_index_next(&probe)) {
        const struct sh_text known = (found & NAME_IS_TAG_SET) != 0 ? table->tag_sets[found & ~NAME_IS_TAG_SET].name
                                                                    : table->attributes[found].name;
        if (sh_text_equal(known, name)) return found;
    }
    return SH_HASH_INDEX_NONE;
}

int32_t sh_table_find_attribute(const struct sh_table *table, struct sh_text name) {
    const uint32_t found = table_find_name(table, name);
    return (found & NAME_IS_TAG_SET) == 0 ? (int32_t)found : -1; /* NONE has that bit too */
}

int32_t sh_table_find_tag_set(const struct sh_table *table, struct sh_text name) {
    const uint32_t found = table_find_name(table, name);
    return found != SH_HASH_INDEX_NONE && (found & NAME_IS_TAG_SET) != 0 ? (int32_t)(found & ~NAME_IS_TAG_SET) : -1;
}

uint64_t sh_table_schema_version(const struct sh_table *table) {
    return table->schema_version;
}

uint64_t sh_table_text_version(const struct sh_table *table) {
    return table->text_version;
}

/* ---- Names ---- */

enum sh_status table_check_name(struct sh_text name, struct sh_error *err) {
    if (name.count == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a name must not be empty");
    if (name.count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a name of %u bytes is over the limit of %d", name.count,
                       SH_NAME_BYTES_MAX);
    if (!sh_text_is_utf8(name)) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a name must be UTF-8 without a zero byte");
    return SH_OK;
}

static enum sh_status copy_name(struct sh_text name, struct sh_text *copy) {
    char *bytes = sh_alloc(name.count);
    if (bytes == NULL) return SH_ERR_MEMORY;
    memcpy(bytes, name.bytes, name.count);
    *copy = (struct sh_text){.bytes = bytes, .count = name.count};
    return SH_OK;
}

/* ---- Enums ---- */

static enum sh_status check_labels(const struct sh_attribute_spec *spec, struct sh_error *err) {
    if (spec->label_count == 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the enum \"%.*s\" needs labels, lowest first",
                       SH_TEXT_ARGS(spec->name));
    if (spec->label_count > SH_VALUE_BITMAP_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "an enum has at most %d labels", SH_VALUE_BITMAP_COUNT_MAX);
    return SH_OK;
}

/* The codes of an enum that knows `known` (may be NULL) and is to have spec's labels; known ones keep their codes. */
struct enum_labels {
    struct sh_dictionary texts;
    uint32_t *rank_of_code;
    uint32_t *code_of_rank;
};

static void enum_labels_deinit(struct enum_labels *labels) {
    sh_dictionary_deinit(&labels->texts);
    sh_free(labels->rank_of_code);
    sh_free(labels->code_of_rank);
}

static enum sh_status enum_labels_fill(struct enum_labels *labels, const struct sh_attribute_spec *spec,
                                       const struct sh_attribute *known, struct sh_error *err) {
    const uint32_t known_count = known == NULL ? 0 : known->texts.count;
    uint32_t code;
    enum sh_status status;
    for (uint32_t i = 0; i < known_count; i++)
        if ((status = sh_dictionary_intern(&labels->texts, sh_dictionary_text(&known->texts, i), &code, err)) != SH_OK)
            return status;
    uint32_t known_rank = 0; /* the next known label that must come */
    for (uint32_t rank = 0; rank < spec->label_count; rank++) {
        const struct sh_text label = spec->labels[rank];
        const uint32_t count_before = labels->texts.count;
        if (label.count == 0 || label.count > SH_NAME_BYTES_MAX)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a label of the enum \"%.*s\" has %u bytes; 1 to %d are allowed",
                           SH_TEXT_ARGS(spec->name), label.count, SH_NAME_BYTES_MAX);
        if ((status = sh_dictionary_intern(&labels->texts, label, &code, err)) != SH_OK) return status;
        if (labels->rank_of_code[code] != UINT32_MAX)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the enum \"%.*s\" has the label \"%.*s\" twice",
                           SH_TEXT_ARGS(spec->name), SH_TEXT_ARGS(label));
        if (labels->texts.count == count_before) { /* a known one */
            if (known->rank_of_code[code] != known_rank)
                return sh_fail(err, SH_ERR_CONFLICT, -1, "the enum \"%.*s\" exists, and \"%.*s\" comes before \"%.*s\"",
                               SH_TEXT_ARGS(spec->name),
                               SH_TEXT_ARGS(sh_dictionary_text(&known->texts, known->code_of_rank[known_rank])),
                               SH_TEXT_ARGS(label));
            known_rank++;
        }
        labels->rank_of_code[code] = rank;
        labels->code_of_rank[rank] = code;
    }
    if (known_rank == known_count) return SH_OK;
    return sh_fail(err, SH_ERR_CONFLICT, -1, "the enum \"%.*s\" exists with the label \"%.*s\", which is not given",
                   SH_TEXT_ARGS(spec->name),
                   SH_TEXT_ARGS(sh_dictionary_text(&known->texts, known->code_of_rank[known_rank])));
}

static enum sh_status enum_labels_init(struct enum_labels *labels, const struct sh_attribute_spec *spec,
                                       const struct sh_attribute *known, struct sh_error *err) {
    enum sh_status status = check_labels(spec, err);
    if (status != SH_OK) return status;
    const size_t code_count_max = spec->label_count + (known == NULL ? 0 : known->texts.count);
    *labels = (struct enum_labels){
        .rank_of_code = sh_alloc(code_count_max * sizeof(uint32_t)),
        .code_of_rank = sh_alloc(spec->label_count * sizeof(uint32_t)),
    };
    sh_dictionary_init(&labels->texts, 2 * SH_VALUE_BITMAP_COUNT_MAX);
    if (labels->rank_of_code == NULL || labels->code_of_rank == NULL) {
        status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an enum");
    } else {
        memset(labels->rank_of_code, 0xFF, code_count_max * sizeof(uint32_t));
        status = enum_labels_fill(labels, spec, known, err);
    }
    if (status != SH_OK) enum_labels_deinit(labels);
    return status;
}

static enum sh_status extend_enum(struct sh_table *table, struct sh_attribute *attribute,
                                  const struct sh_attribute_spec *spec, struct sh_error *err) {
    struct enum_labels labels;
    const enum sh_status status = enum_labels_init(&labels, spec, attribute, err);
    if (status != SH_OK) return status;
    const bool is_longer = labels.texts.count > attribute->texts.count;
    struct enum_labels old = {
        .texts = attribute->texts, .rank_of_code = attribute->rank_of_code, .code_of_rank = attribute->code_of_rank};
    attribute->texts = labels.texts;
    attribute->rank_of_code = labels.rank_of_code;
    attribute->code_of_rank = labels.code_of_rank;
    enum_labels_deinit(&old);
    if (is_longer) table->schema_version++;
    return SH_OK;
}

/* ---- Attributes ---- */

void attribute_drop_value_bitmaps(struct sh_attribute *attribute) {
    for (uint32_t i = 0; i < attribute->value_count; i++)
        sh_bitmap_deinit(&attribute->values[i]);
    sh_free(attribute->values);
    attribute->values = NULL;
    attribute->value_count = 0;
    attribute->value_capacity = 0;
    attribute->has_value_bitmaps = false;
}

void attribute_deinit(struct sh_attribute *attribute) {
    attribute_drop_value_bitmaps(attribute);
    sh_column_deinit(&attribute->column);
    sh_dictionary_deinit(&attribute->texts);
    sh_free(attribute->rank_of_code);
    sh_free(attribute->code_of_rank);
    text_uses_destroy(attribute->uses);
    sh_free((void *)(uintptr_t)attribute->name.bytes);
}

static enum sh_status check_spec(const struct sh_attribute_spec *spec, struct sh_error *err) {
    const enum sh_status status = table_check_name(spec->name, err);
    if (status != SH_OK) return status;
    if (spec->scale > (spec->type == SH_TYPE_DECIMAL ? SH_DECIMAL_SCALE_MAX : 0))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the %s \"%.*s\" cannot have %u digits after the point",
                       sh_type_name(spec->type), SH_TEXT_ARGS(spec->name), spec->scale);
    if (spec->is_date && spec->type != SH_TYPE_TIME)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "only a time can be a date, \"%.*s\" is of type %s",
                       SH_TEXT_ARGS(spec->name), sh_type_name(spec->type));
    if (spec->label_count > 0 && spec->type != SH_TYPE_ENUM)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "only an enum has labels, \"%.*s\" is of type %s",
                       SH_TEXT_ARGS(spec->name), sh_type_name(spec->type));
    return SH_OK;
}

static enum sh_status add_again(struct sh_table *table, uint32_t found, const struct sh_attribute_spec *spec,
                                struct sh_error *err) {
    if ((found & NAME_IS_TAG_SET) != 0)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "\"%.*s\" is a tag set", SH_TEXT_ARGS(spec->name));
    struct sh_attribute *known = &table->attributes[found];
    if (known->type != spec->type)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "\"%.*s\" exists with the type %s, not %s", SH_TEXT_ARGS(spec->name),
                       sh_type_name(known->type), sh_type_name(spec->type));
    if (known->scale != spec->scale)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "\"%.*s\" exists with %u digits after the point, not %u",
                       SH_TEXT_ARGS(spec->name), known->scale, spec->scale);
    if (known->is_date != spec->is_date)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "\"%.*s\" exists as %s", SH_TEXT_ARGS(spec->name),
                       known->is_date ? "a date" : "a time, not a date");
    return known->type == SH_TYPE_ENUM ? extend_enum(table, known, spec, err) : SH_OK;
}

enum sh_status table_reserve_index(struct sh_table *table, void **array, uint32_t *capacity, uint32_t count,
                                   size_t element_bytes, struct sh_text name, uint32_t flag) {
    const enum sh_status status = sh_grow(array, capacity, (uint64_t)count + 1, element_bytes);
    if (status != SH_OK) return status;
    return sh_hash_index_insert(&table->names, sh_hash_text(name), count | flag);
}

static enum sh_status attribute_init(struct sh_attribute *attribute, const struct sh_attribute_spec *spec,
                                     struct sh_error *err) {
    *attribute = (struct sh_attribute){.type = spec->type, .scale = spec->scale, .is_date = spec->is_date};
    attribute->has_value_bitmaps =
        spec->type == SH_TYPE_BOOL || spec->type == SH_TYPE_ENUM || spec->type == SH_TYPE_STRING;
    /* Times are mostly whole days or seconds: the strips keep what they can. */
    if (spec->type == SH_TYPE_TIME)
        sh_column_init_unit(&attribute->column, (uint32_t)SH_DAY_MS);
    else
        sh_column_init(&attribute->column);
    sh_dictionary_init(&attribute->texts, SH_DICTIONARY_COUNT_MAX);
    if (spec->type == SH_TYPE_ENUM) {
        struct enum_labels labels;
        const enum sh_status status = enum_labels_init(&labels, spec, NULL, err);
        if (status != SH_OK) return status;
        attribute->texts = labels.texts;
        attribute->rank_of_code = labels.rank_of_code;
        attribute->code_of_rank = labels.code_of_rank;
    }
    if (spec->type == SH_TYPE_STRING && (attribute->uses = text_uses_create()) == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an attribute");
    if (copy_name(spec->name, &attribute->name) != SH_OK)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a name");
    return SH_OK;
}

enum sh_status sh_table_add_attribute(struct sh_table *table, const struct sh_attribute_spec *spec, uint32_t *index,
                                      struct sh_error *err) {
    enum sh_status status = check_spec(spec, err);
    if (status != SH_OK) return status;
    const uint32_t found = table_find_name(table, spec->name);
    if (found != SH_HASH_INDEX_NONE) {
        if (index != NULL) *index = found;
        return add_again(table, found, spec, err);
    }
    if (table->attribute_count == SH_ATTRIBUTE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are already %d attributes", SH_ATTRIBUTE_COUNT_MAX);
    struct sh_attribute attribute;
    status = attribute_init(&attribute, spec, err);
    if (status == SH_OK) {
        void *attributes = table->attributes;
        status = table_reserve_index(table, &attributes, &table->attribute_capacity, table->attribute_count,
                                     sizeof attribute, spec->name, 0);
        table->attributes = attributes;
        if (status != SH_OK) (void)sh_fail(err, status, -1, "no room for an attribute");
    }
    if (status != SH_OK) {
        attribute_deinit(&attribute);
        return status;
    }
    attribute.column.slice_bytes_max = table->slice_bytes_max;
    if (index != NULL) *index = table->attribute_count;
    table->attributes[table->attribute_count++] = attribute;
    table->schema_version++;
    return SH_OK;
}

/* ---- Tag sets ---- */

void tag_set_deinit(struct tag_set *set) {
    for (uint32_t tag = 0; tag < set->texts.count; tag++)
        sh_bitmap_deinit(&set->slots[tag]);
    sh_free(set->slots);
    sh_dictionary_deinit(&set->texts);
    tag_lists_deinit(&set->lists);
    sh_free((void *)(uintptr_t)set->name.bytes);
}

enum sh_status sh_table_add_tag_set(struct sh_table *table, struct sh_text name, uint32_t *index,
                                    struct sh_error *err) {
    enum sh_status status = table_check_name(name, err);
    if (status != SH_OK) return status;
    const uint32_t found = table_find_name(table, name);
    if (found != SH_HASH_INDEX_NONE) {
        if ((found & NAME_IS_TAG_SET) == 0)
            return sh_fail(err, SH_ERR_CONFLICT, -1, "\"%.*s\" is an attribute of type %s", SH_TEXT_ARGS(name),
                           sh_type_name(table->attributes[found].type));
        if (index != NULL) *index = found & ~NAME_IS_TAG_SET;
        return SH_OK;
    }
    if (table->tag_set_count == SH_TAG_SET_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are already %d tag sets", SH_TAG_SET_COUNT_MAX);
    struct tag_set set = {.slots = NULL};
    sh_dictionary_init(&set.texts, SH_TAG_COUNT_MAX);
    tag_lists_init(&set.lists);
    status = copy_name(name, &set.name);
    if (status == SH_OK) {
        void *tag_sets = table->tag_sets;
        status = table_reserve_index(table, &tag_sets, &table->tag_set_capacity, table->tag_set_count, sizeof set, name,
                                     NAME_IS_TAG_SET);
        table->tag_sets = tag_sets;
    }
    if (status != SH_OK) {
        tag_set_deinit(&set);
        return sh_fail(err, status, -1, "no room for a tag set");
    }
    if (index != NULL) *index = table->tag_set_count;
    table->tag_sets[table->tag_set_count++] = set;
    table->schema_version++;
    return SH_OK;
}

uint32_t sh_table_tag_set_count(const struct sh_table *table) {
    return table->tag_set_count;
}

struct sh_text sh_table_tag_set_name(const struct sh_table *table, uint32_t tag_set) {
    return table_tag_set(table, tag_set)->name;
}
