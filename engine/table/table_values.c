/* table_values.c -- attributes of rows: a column, and for few distinct values a bitmap each. */
#include "calendar.h"
#include "memory.h"
#include "table_private.h"

/* ---- Texts and codes ---- */

uint32_t sh_attribute_find_code(const struct sh_attribute *attribute, struct sh_text text) {
    return sh_dictionary_find(&attribute->texts, text);
}

struct sh_text sh_attribute_text(const struct sh_attribute *attribute, uint32_t code) {
    return sh_dictionary_text(&attribute->texts, code);
}

static enum sh_status unknown_label(const struct sh_attribute *attribute, struct sh_text text, struct sh_error *err) {
    struct sh_nearest nearest;
    sh_nearest_init(&nearest, text);
    for (uint32_t rank = 0; rank < attribute->texts.count; rank++)
        sh_nearest_offer(&nearest, sh_dictionary_text(&attribute->texts, attribute->code_of_rank[rank]));
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "the enum \"%.*s\" has no label \"%.*s\"", SH_TEXT_ARGS(attribute->name),
                  SH_TEXT_ARGS(text));
    if (nearest.nearest.count > 0)
        (void)sh_fail_hint(err, SH_ERR_ARGUMENT, "the nearest is \"%.*s\"", SH_TEXT_ARGS(nearest.nearest));
    return SH_ERR_ARGUMENT;
}

enum sh_status sh_table_text_code(struct sh_table *table, uint32_t index, struct sh_text text, uint32_t *code,
                                  struct sh_error *err) {
    struct sh_attribute *attribute = table_attribute(table, index);
    if (attribute->type == SH_TYPE_ENUM) {
        *code = sh_dictionary_find(&attribute->texts, text);
        return *code == SH_CODE_NONE ? unknown_label(attribute, text, err) : SH_OK;
    }
    if (attribute->type != SH_TYPE_STRING)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "\"%.*s\" is of type %s and takes no text",
                       SH_TEXT_ARGS(attribute->name), sh_type_name(attribute->type));
    const uint32_t count_before = attribute->texts.count;
    enum sh_status status = text_uses_reserve(attribute->uses, count_before + 1);
    if (status != SH_OK) return sh_fail(err, status, -1, "no memory for a new text");
    status = sh_dictionary_intern(&attribute->texts, text, code, err);
    if (attribute->texts.count == count_before) return status;
    text_uses_begin(attribute->uses, *code);
    table->text_version++;
    return SH_OK;
}

void attribute_erase_idle_texts(struct sh_table *table, struct sh_attribute *attribute) {
    if (attribute->uses->idle_count == 0) return;
    if (text_uses_erase(attribute->uses, &attribute->texts) > 0) table->text_version++;
}

static bool value_is_valid(const struct sh_attribute *attribute, int64_t value) {
    switch (attribute->type) {
    case SH_TYPE_BOOL:
        return value == 0 || value == 1;
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        return true;
    case SH_TYPE_TIME:
        return value >= SH_INSTANT_MIN && value <= SH_INSTANT_MAX && (!attribute->is_date || value % SH_DAY_MS == 0);
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        return value >= 0 && value < attribute->texts.count;
    }
    return false;
}

enum sh_status sh_value_check(const struct sh_attribute *attribute, int64_t value, struct sh_error *err) {
    if (value_is_valid(attribute, value)) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%lld is not a value of \"%.*s\", which is %s", (long long)value,
                   SH_TEXT_ARGS(attribute->name),
                   attribute->is_date ? "a date: whole days in milliseconds" : sh_type_name(attribute->type));
}

/* ---- Bitmaps of values ---- */

const struct sh_bitmap *sh_attribute_value_slots(const struct sh_attribute *attribute, int64_t value) {
    if (!attribute->has_value_bitmaps || value < 0 || value >= attribute->value_count) return NULL;
    return &attribute->values[value];
}

uint64_t sh_attribute_present_count(const struct sh_attribute *attribute) {
    return attribute->column.present_count;
}

/* Make values[value] exist; or find that there are too many, and give up all of them. */
static enum sh_status ensure_value_bitmap(struct sh_attribute *attribute, int64_t value) {
    if (value < attribute->value_count) return SH_OK;
    if (value >= SH_VALUE_BITMAP_COUNT_MAX) {
        attribute_drop_value_bitmaps(attribute);
        return SH_OK;
    }
    void *values = attribute->values;
    const enum sh_status status =
        sh_grow(&values, &attribute->value_capacity, (uint64_t)value + 1, sizeof *attribute->values);
    attribute->values = values;
    if (status != SH_OK) return status;
    while (attribute->value_count <= value)
        sh_bitmap_init(&attribute->values[attribute->value_count++], SH_ARRAY_COUNT_FAST);
    return SH_OK;
}

/* Move the slot from the bitmap of one value to that of another; either may be NULL. On SH_ERR_MEMORY the slot is where
 * it was, or, if going back needs memory too, the attribute has no bitmaps any more, which is also true to its rule. */
static enum sh_status move_slot(struct sh_attribute *attribute, uint32_t slot, struct sh_bitmap *from,
                                struct sh_bitmap *to) {
    enum sh_status status = to == NULL ? SH_OK : sh_bitmap_add(to, slot, NULL);
    if (status != SH_OK) return status;
    if (from != NULL) status = sh_bitmap_remove(from, slot, NULL);
    if (status != SH_OK && to != NULL && sh_bitmap_remove(to, slot, NULL) != SH_OK)
        attribute_drop_value_bitmaps(attribute);
    return status;
}

static void move_slot_back(struct sh_attribute *attribute, uint32_t slot, struct sh_bitmap *from,
                           struct sh_bitmap *to) {
    if (attribute->has_value_bitmaps && move_slot(attribute, slot, to, from) != SH_OK && attribute->has_value_bitmaps)
        attribute_drop_value_bitmaps(attribute);
}

/* ---- Values of rows ---- */

/* The column and the bitmaps; had and old say what the row has now. */
static enum sh_status set_value(struct sh_attribute *attribute, uint32_t slot, bool had, int64_t old, int64_t value) {
    enum sh_status status = attribute->has_value_bitmaps ? ensure_value_bitmap(attribute, value) : SH_OK;
    if (status != SH_OK) return status;
    if (!attribute->has_value_bitmaps) return sh_column_set(&attribute->column, slot, value);
    struct sh_bitmap *from = had ? &attribute->values[old] : NULL;
    struct sh_bitmap *to = &attribute->values[value];
    status = move_slot(attribute, slot, from, to);
    if (status != SH_OK) return status;
    status = sh_column_set(&attribute->column, slot, value);
    if (status != SH_OK) move_slot_back(attribute, slot, from, to);
    return status;
}

enum sh_status sh_table_set(struct sh_table *table, uint32_t slot, uint32_t index, int64_t value) {
    struct sh_attribute *attribute = table_attribute(table, index);
    sh_assert(row_ids_has(&table->ids, slot));
    sh_assert(value_is_valid(attribute, value));
    if (!attribute->has_value_bitmaps && attribute->uses == NULL) return sh_column_set(&attribute->column, slot, value);
    int64_t old = 0;
    const bool had = sh_column_get(&attribute->column, slot, &old);
    if (had && old == value) return SH_OK;
    const enum sh_status status = set_value(attribute, slot, had, old, value);
    if (status != SH_OK || attribute->uses == NULL) return status;
    text_uses_gain(attribute->uses, (uint32_t)value);
    if (had) text_uses_lose(attribute->uses, (uint32_t)old);
    return SH_OK;
}

enum sh_status sh_table_clear(struct sh_table *table, uint32_t slot, uint32_t index) {
    struct sh_attribute *attribute = table_attribute(table, index);
    int64_t old;
    if (!sh_column_get(&attribute->column, slot, &old)) return SH_OK;
    struct sh_bitmap *from = attribute->has_value_bitmaps ? &attribute->values[old] : NULL;
    enum sh_status status = move_slot(attribute, slot, from, NULL);
    if (status != SH_OK) return status;
    status = sh_column_clear(&attribute->column, slot);
    if (status != SH_OK)
        move_slot_back(attribute, slot, from, NULL);
    else if (attribute->uses != NULL)
        text_uses_lose(attribute->uses, (uint32_t)old);
    return status;
}

bool sh_table_get(const struct sh_table *table, uint32_t slot, uint32_t attribute, int64_t *value) {
    return sh_column_get(&sh_table_attribute(table, attribute)->column, slot, value);
}
