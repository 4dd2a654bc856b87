#include "row_fields.h"

#include <stdio.h>
#include <stdlib.h>

#include "calendar.h"
#include "decimal.h"
#include "memory.h"

enum {
    PREFETCH_DISTANCE = 24, /* ids: enough misses in flight to hide a memory latency of 100 ns behind 4 ns of work */
    ID_BATCH = 512,         /* room is asked of the buffer for so many ids at a time */
    ID_PACKED_BYTES_MAX = SH_ID_BYTES_MAX + 2,
    TAGS_ON_STACK = 32,
};

enum sh_status sh_row_field_find(const struct sh_table *table, struct sh_text name, struct sh_row_field *field,
                                 struct sh_error *err) {
    *field = (struct sh_row_field){0};
    int32_t found = sh_table_find_attribute(table, name);
    field->name = name;
    field->index = (uint32_t)found;
    field->kind = SH_FIELD_ATTRIBUTE;
    if (found >= 0) return SH_OK;
    found = sh_table_find_tag_set(table, name);
    field->index = (uint32_t)found;
    field->kind = SH_FIELD_TAG_SET;
    if (found >= 0) return SH_OK;
    field->kind = SH_FIELD_ID;
    field->index = 0;
    if (sh_text_equal(name, SH_TEXT_LITERAL("id"))) return SH_OK;

    struct sh_nearest search;
    sh_nearest_init(&search, name);
    sh_nearest_offer(&search, SH_TEXT_LITERAL("id"));
    for (uint32_t i = 0; i < sh_table_attribute_count(table); i++)
        sh_nearest_offer(&search, sh_table_attribute(table, i)->name);
    for (uint32_t i = 0; i < sh_table_tag_set_count(table); i++)
        sh_nearest_offer(&search, sh_table_tag_set_name(table, i));
    (void)sh_fail(err, SH_ERR_NAME, -1, "there is no attribute or tag set `%.*s`", SH_TEXT_ARGS(name));
    if (search.nearest.count > 0)
        return sh_fail_hint(err, SH_ERR_NAME, "did you mean `%.*s`?", SH_TEXT_ARGS(search.nearest));
    return SH_ERR_NAME;
}

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while reading fields");
}

/* An attribute or tag set of the name comes first. */
static enum sh_status find_field(const struct sh_row_source *source, struct sh_text name, struct sh_row_field *field,
                                 struct sh_error *err) {
    const int32_t derived = sh_derived_find(source->derived, name);
    const enum sh_status status = sh_hidden_check(source->hidden, name, -1, err);
    if (status != SH_OK) return status;
    const bool is_taken =
        sh_table_find_attribute(source->table, name) >= 0 || sh_table_find_tag_set(source->table, name) >= 0;
    if (derived < 0 || is_taken) return sh_row_field_find(source->table, name, field, err);
    *field = (struct sh_row_field){.kind = SH_FIELD_DERIVED,
                                   .index = (uint32_t)derived,
                                   .name = name,
                                   .derived = source->derived,
                                   .now_ms = source->now_ms};
    return SH_OK;
}

enum sh_status sh_row_fields_read(struct sh_cursor *cursor, const struct sh_row_source *source, struct sh_arena *arena,
                                  struct sh_row_fields *fields, struct sh_error *err) {
    uint32_t count;
    enum sh_status status = sh_cursor_array(cursor, &count, "`fields`", err);
    if (status != SH_OK) return status;
    if (count > SH_FIELD_COUNT_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "`fields` has %u names; at most %d are accepted", count,
                       SH_FIELD_COUNT_MAX);
    struct sh_row_field *list = sh_arena_alloc(arena, (count + 1) * sizeof *list);
    if (list == NULL) return fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_text name;
        if ((status = sh_cursor_text(cursor, &name, "a name in `fields`", err)) != SH_OK) return status;
        if ((status = find_field(source, name, &list[i], err)) != SH_OK) return status;
        list[i].name.bytes = sh_arena_copy(arena, name.bytes, name.count);
        if (list[i].name.bytes == NULL && name.count > 0) return fail_memory(err);
        for (uint32_t j = 0; j < i; j++) {
            if (list[j].kind == list[i].kind && list[j].index == list[i].index)
                return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` stands twice in `fields`", SH_TEXT_ARGS(name));
        }
    }
    *fields = (struct sh_row_fields){list, count};
    return SH_OK;
}

/* ---- Values ---- */

static void pack_decimal(int64_t units, uint32_t scale, msgpack_packer *packer) {
    char text[32];
    const uint64_t magnitude = units < 0 ? 0 - (uint64_t)units : (uint64_t)units;
    const char *sign = units < 0 ? "-" : "";
    const uint64_t one = (uint64_t)sh_power_of_ten[scale];
    if (scale == 0)
        (void)snprintf(text, sizeof text, "%s%llu", sign, (unsigned long long)magnitude);
    else
        (void)snprintf(text, sizeof text, "%s%llu.%0*llu", sign, (unsigned long long)(magnitude / one), (int)scale,
                       (unsigned long long)(magnitude % one));
    sh_pack_text(packer, sh_text_of(text));
}

static void pack_date(int64_t value, msgpack_packer *packer) {
    char text[40];
    const struct sh_date date = sh_date_from_day((int32_t)(value / SH_DAY_MS - (value % SH_DAY_MS < 0)));
    (void)snprintf(text, sizeof text, "%04d-%02d-%02d", date.year, date.month, date.day);
    sh_pack_text(packer, sh_text_of(text));
}

void sh_value_pack(enum sh_type type, uint32_t scale, bool is_date, int64_t value, struct sh_text text,
                   msgpack_packer *packer) {
    switch (type) {
    case SH_TYPE_BOOL:
        if (value != 0)
            (void)msgpack_pack_true(packer);
        else
            (void)msgpack_pack_false(packer);
        return;
    case SH_TYPE_INT:
        (void)msgpack_pack_int64(packer, value);
        return;
    case SH_TYPE_DECIMAL:
        pack_decimal(value, scale, packer);
        return;
    case SH_TYPE_TIME:
        if (is_date)
            pack_date(value, packer);
        else
            (void)msgpack_pack_int64(packer, value);
        return;
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        sh_pack_text(packer, text);
        return;
    }
}

/* By bytes, which is the same in every shard: codes are not. Most rows have one to five tags. */
static void sort_texts(struct sh_text *texts, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        const struct sh_text text = texts[i];
        uint32_t at = i;
        for (; at > 0 && sh_text_compare(text, texts[at - 1]) < 0; at--)
            texts[at] = texts[at - 1];
        texts[at] = text;
    }
}

static int compare_texts(const void *left, const void *right) {
    const struct sh_text *a = left;
    const struct sh_text *b = right;
    return sh_text_compare(*a, *b);
}

static void pack_sorted_tags(const struct sh_table *table, uint32_t tag_set, const struct sh_tag_list *tags,
                             struct sh_text *texts, msgpack_packer *packer) {
    for (uint32_t i = 0; i < tags->count; i++)
        texts[i] = sh_table_tag_text(table, tag_set, tags->codes[i]);
    if (tags->count <= TAGS_ON_STACK)
        sort_texts(texts, tags->count);
    else
        qsort(texts, tags->count, sizeof *texts, compare_texts);
    (void)msgpack_pack_array(packer, tags->count);
    for (uint32_t i = 0; i < tags->count; i++)
        sh_pack_text(packer, texts[i]);
}

static void pack_derived(const struct sh_row_field *field, uint32_t slot, msgpack_packer *packer) {
    const struct sh_derived_field *about = &field->derived->fields[field->index];
    int64_t value;
    struct sh_text text = {0};
    if (!sh_derived_get(field->derived, field->index, slot, field->now_ms, &value)) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    if (about->labels != NULL) text = sh_dictionary_text(about->labels, (uint32_t)value);
    sh_value_pack(about->type, about->scale, false, value, text, packer);
}

/* A row's tags without those that have ended and are not swept yet. kept has room for SH_TAGS_PER_ROW_MAX. */
static void get_tags(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint16_t *kept,
                     struct sh_tag_list *tags) {
    uint32_t count = 0;
    sh_table_tags(table, slot, tag_set, tags);
    for (uint32_t i = 0; i < tags->count; i++)
        if (!sh_table_tag_has_ended(table, slot, tag_set, tags->codes[i])) kept[count++] = tags->codes[i];
    if (count == tags->count) return;
    tags->codes = kept;
    tags->count = count;
}

static void pack_tags(const struct sh_table *table, uint32_t slot, uint32_t tag_set, msgpack_packer *packer) {
    struct sh_tag_list tags;
    struct sh_text few[TAGS_ON_STACK];
    uint16_t kept[SH_TAGS_PER_ROW_MAX];
    get_tags(table, slot, tag_set, kept, &tags);
    if (tags.count == 0) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    if (tags.count <= TAGS_ON_STACK) {
        pack_sorted_tags(table, tag_set, &tags, few, packer);
        return;
    }
    struct sh_text *many = sh_alloc(tags.count * sizeof *many);
    if (many == NULL) { /* as an answer that does not fit: the request fails */
        struct sh_buffer *buffer = packer->data;
        buffer->failed = true;
        return;
    }
    pack_sorted_tags(table, tag_set, &tags, many, packer);
    sh_free(many);
}

void sh_row_field_pack(const struct sh_table *table, uint32_t slot, const struct sh_row_field *field,
                       msgpack_packer *packer) {
    int64_t value;
    switch (field->kind) {
    case SH_FIELD_ID:
        sh_pack_text(packer, sh_table_id(table, slot));
        return;
    case SH_FIELD_TAG_SET:
        pack_tags(table, slot, field->index, packer);
        return;
    case SH_FIELD_DERIVED:
        pack_derived(field, slot, packer);
        return;
    case SH_FIELD_ATTRIBUTE:
        if (!sh_table_get(table, slot, field->index, &value)) {
            (void)msgpack_pack_nil(packer);
            return;
        }
        const struct sh_attribute *attribute = sh_table_attribute(table, field->index);
        struct sh_text text = {0};
        if (attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING)
            text = sh_attribute_text(attribute, (uint32_t)value);
        sh_value_pack(attribute->type, attribute->scale, attribute->is_date, value, text, packer);
        return;
    }
}

bool sh_row_field_is_missing(const struct sh_table *table, uint32_t slot, const struct sh_row_field *field) {
    int64_t value;
    struct sh_tag_list tags;
    uint16_t kept[SH_TAGS_PER_ROW_MAX];
    switch (field->kind) {
    case SH_FIELD_ID:
        return false;
    case SH_FIELD_TAG_SET:
        get_tags(table, slot, field->index, kept, &tags);
        return tags.count == 0;
    case SH_FIELD_DERIVED:
        return !sh_derived_get(field->derived, field->index, slot, field->now_ms, &value);
    case SH_FIELD_ATTRIBUTE:
        return !sh_table_get(table, slot, field->index, &value);
    }
    return true;
}

/* ---- Lists ---- */

/* Copy 1 to 255 bytes; most ids have 8 to 16, which are two overlapping words. */
static inline void copy_short(uint8_t *target, const char *source, uint32_t count) {
    if (count >= 8 && count <= 16) {
        uint64_t head, tail;
        memcpy(&head, source, 8);
        memcpy(&tail, source + count - 8, 8);
        memcpy(target, &head, 8);
        memcpy(target + count - 8, &tail, 8);
        return;
    }
    memcpy(target, source, count);
}

static inline uint8_t *pack_id(uint8_t *at, struct sh_text id) {
    if (id.count < 32) {
        *at++ = (uint8_t)(0xA0 | id.count);
    } else {
        *at++ = 0xD9;
        *at++ = (uint8_t)id.count;
    }
    if (id.count > 0) copy_short(at, id.bytes, id.count);
    return at + id.count;
}

void sh_ids_pack(const struct sh_table *table, const uint32_t *slots, uint32_t slot_count, struct sh_buffer *buffer) {
    for (uint32_t i = 0; i < slot_count && i < PREFETCH_DISTANCE; i++)
        sh_table_prefetch_id(table, slots[i]);
    for (uint32_t first = 0; first < slot_count; first += ID_BATCH) {
        const uint32_t end = slot_count - first < ID_BATCH ? slot_count : first + ID_BATCH;
        uint8_t *at = sh_buffer_reserve(buffer, (size_t)(end - first) * ID_PACKED_BYTES_MAX);
        if (at == NULL) return;
        uint8_t *begin = at;
        for (uint32_t i = first; i < end; i++) {
            if (i + PREFETCH_DISTANCE < slot_count) sh_table_prefetch_id(table, slots[i + PREFETCH_DISTANCE]);
            at = pack_id(at, sh_table_id(table, slots[i]));
        }
        buffer->count += (size_t)(at - begin);
    }
}

void sh_rows_pack(const struct sh_table *table, const struct sh_row_fields *fields, const uint32_t *slots,
                  uint32_t slot_count, struct sh_buffer *buffer) {
    msgpack_packer packer;
    sh_buffer_packer(buffer, &packer);
    for (uint32_t i = 0; i < slot_count && !buffer->failed; i++) {
        if (i + PREFETCH_DISTANCE < slot_count) sh_table_prefetch_slot(table, slots[i + PREFETCH_DISTANCE]);
        (void)msgpack_pack_array(&packer, (size_t)fields->count + 1);
        sh_pack_text(&packer, sh_table_id(table, slots[i]));
        for (uint32_t f = 0; f < fields->count; f++)
            sh_row_field_pack(table, slots[i], &fields->fields[f], &packer);
    }
}
