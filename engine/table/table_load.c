/* table_load.c -- a table out of an archive: read, built up, and held against its own rules.
 *
 * A part that was read belongs to the table at once, so that what was loaded before a fault is freed with it. A rule is
 * checked where it costs one pass over what is in the cache or over bitmaps; slot by slot across rows is left to
 * sh_table_check. */
#include <string.h>

#include "calendar.h"
#include "decimal.h"
#include "memory.h"
#include "table_archive.h"
#include "table_private.h"

/* ---- Slots and ids ---- */

static enum sh_status load_free(struct sh_table *table, struct sh_archive_reader *reader) {
    table->free_count = sh_archive_get_count(reader, table->slot_end, sizeof(uint32_t), "free slots");
    table->free_capacity = table->free_count;
    if (table->free_count > 0)
        table->free_slots = sh_archive_get_array(reader, table->free_count, sizeof *table->free_slots);
    return sh_archive_status(reader, NULL);
}

static enum sh_status load_quarantine(struct sh_table *table, struct sh_archive_reader *reader) {
    const uint32_t count = sh_archive_get_count(reader, table->slot_end - table->free_count,
                                                sizeof(uint32_t) + sizeof(uint64_t), "slots in quarantine");
    if (count == 0) return sh_archive_status(reader, NULL);
    table->quarantine = sh_alloc(count * sizeof *table->quarantine);
    if (table->quarantine == NULL) return sh_archive_refuse_memory(reader);
    table->quarantine_capacity = table->quarantine_end = count;
    for (uint32_t i = 0; i < count; i++) {
        table->quarantine[i].slot = sh_archive_get_u32(reader);
        table->quarantine[i].sequence = sh_archive_get_u64(reader);
        if (i > 0 && table->quarantine[i].sequence < table->quarantine[i - 1].sequence)
            return sh_archive_refuse(reader, "slots in quarantine are not in order");
    }
    /* The stack has room for all of them: reuse needs no memory. */
    void *free_slots = table->free_slots;
    const enum sh_status status =
        sh_grow(&free_slots, &table->free_capacity, (uint64_t)table->free_count + count, sizeof *table->free_slots);
    table->free_slots = free_slots;
    return status == SH_OK ? sh_archive_status(reader, NULL) : sh_archive_refuse_memory(reader);
}

/* Every slot is live, free or in quarantine, and only one of these. */
static enum sh_status check_slots(const struct sh_table *table, struct sh_archive_reader *reader) {
    const uint32_t quarantine_count = table->quarantine_end;
    uint32_t last = 0;
    if (sh_bitmap_max(&table->live, &last) && last >= table->slot_end)
        return sh_archive_refuse(reader, "slot %u is live, the last was %u", last, table->slot_end);
    if (sh_bitmap_count(&table->live) + table->free_count + quarantine_count != table->slot_end)
        return sh_archive_refuse(reader, "slots are neither live nor free, or both");
    struct sh_bitmap gone = SH_BITMAP_EMPTY;
    bool is_new = true;
    enum sh_status status = SH_OK;
    for (uint64_t i = 0; i < (uint64_t)table->free_count + quarantine_count && is_new && status == SH_OK; i++) {
        const uint32_t slot =
            i < table->free_count ? table->free_slots[i] : table->quarantine[i - table->free_count].slot;
        is_new = slot < table->slot_end && !sh_bitmap_contains(&table->live, slot);
        if (is_new) status = sh_bitmap_add(&gone, slot, &is_new);
    }
    sh_bitmap_deinit(&gone);
    if (status != SH_OK) return sh_archive_refuse_memory(reader);
    return is_new ? SH_OK : sh_archive_refuse(reader, "a slot is free twice, or live");
}

static enum sh_status load_ids(struct sh_table *table, struct sh_archive_reader *reader) {
    (void)sh_archive_enter(reader, TABLE_IDS, TABLE_IDS_VERSION);
    enum sh_status status = row_ids_load(&table->ids, table->slot_end, sh_bitmap_count(&table->live), reader);
    if (status != SH_OK) return status;
    sh_archive_leave(reader);
    for (uint32_t slot = 0; slot < table->slot_end; slot++)
        if (row_ids_has(&table->ids, slot) != sh_bitmap_contains(&table->live, slot))
            return sh_archive_refuse(reader, "slot %u has an id and is not live, or the other way round", slot);
    return sh_archive_status(reader, NULL);
}

static enum sh_status load_slots(struct sh_table *table, struct sh_archive_reader *reader) {
    enum sh_status status = sh_bitmap_load(&table->live, reader);
    if (status == SH_OK) status = load_free(table, reader);
    if (status == SH_OK) status = load_quarantine(table, reader);
    if (status == SH_OK) status = check_slots(table, reader);
    if (status == SH_OK) status = load_ids(table, reader);
    return status;
}

/* ---- Names ---- */

/* A name that is new in the table; an empty text on failure. The caller owns it. */
static struct sh_text load_name(const struct sh_table *table, struct sh_archive_reader *reader) {
    const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "a name");
    if (sh_archive_failed(reader)) return name;
    if (table_check_name(name, NULL) != SH_OK || table_find_name(table, name) != SH_HASH_INDEX_NONE) {
        (void)sh_archive_refuse(reader, "a name is none, or there twice");
        sh_free((void *)(uintptr_t)name.bytes);
        return (struct sh_text){.bytes = NULL};
    }
    return name;
}

/* ---- Attributes ---- */

static bool has_texts(const struct sh_attribute *attribute) {
    return attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING;
}

static enum sh_status load_shape(struct sh_attribute *attribute, struct sh_archive_reader *reader) {
    const uint8_t type = sh_archive_get_u8(reader);
    attribute->scale = sh_archive_get_u8(reader);
    attribute->is_date = sh_archive_get_bool(reader);
    attribute->has_value_bitmaps = sh_archive_get_bool(reader);
    if (type >= SH_TYPE_COUNT) return sh_archive_refuse(reader, "type %u", type);
    attribute->type = (enum sh_type)type;
    if (attribute->scale > (type == SH_TYPE_DECIMAL ? SH_DECIMAL_SCALE_MAX : 0) ||
        (attribute->is_date && type != SH_TYPE_TIME) ||
        (attribute->has_value_bitmaps && type != SH_TYPE_BOOL && !has_texts(attribute)))
        return sh_archive_refuse(reader, "a scale, a date or bitmaps that this type has not");
    return sh_archive_status(reader, NULL);
}

/* Ranks are a permutation of codes. */
static enum sh_status load_ranks(struct sh_attribute *attribute, struct sh_archive_reader *reader) {
    const uint32_t count = attribute->texts.count;
    if (count == 0 || count > SH_VALUE_BITMAP_COUNT_MAX || attribute->texts.index.count != count)
        return sh_archive_refuse(reader, "an enum of %u labels", count);
    attribute->rank_of_code = sh_archive_get_array(reader, count, sizeof(uint32_t));
    if (attribute->rank_of_code == NULL) return sh_archive_status(reader, NULL);
    attribute->code_of_rank = sh_alloc(count * sizeof(uint32_t));
    if (attribute->code_of_rank == NULL) return sh_archive_refuse_memory(reader);
    memset(attribute->code_of_rank, 0xFF, count * sizeof(uint32_t));
    for (uint32_t code = 0; code < count; code++) {
        const uint32_t rank = attribute->rank_of_code[code];
        if (rank >= count || attribute->code_of_rank[rank] != UINT32_MAX)
            return sh_archive_refuse(reader, "the ranks of an enum are not all different");
        attribute->code_of_rank[rank] = code;
    }
    return SH_OK;
}

static enum sh_status load_texts(struct sh_attribute *attribute, struct sh_archive_reader *reader) {
    const bool is_enum = attribute->type == SH_TYPE_ENUM;
    sh_dictionary_init(&attribute->texts, is_enum ? 2 * SH_VALUE_BITMAP_COUNT_MAX : SH_DICTIONARY_COUNT_MAX);
    if (!has_texts(attribute)) return SH_OK;
    const enum sh_status status = sh_dictionary_load(&attribute->texts, reader);
    return status == SH_OK && is_enum ? load_ranks(attribute, reader) : status;
}

/* The values that the type allows, as bounds. */
static void value_bounds(const struct sh_attribute *attribute, int64_t *low, int64_t *high) {
    *low = 0;
    *high = INT64_MAX;
    switch (attribute->type) {
    case SH_TYPE_BOOL:
        *high = 1;
        break;
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        *low = INT64_MIN;
        break;
    case SH_TYPE_TIME:
        *low = SH_INSTANT_MIN;
        *high = SH_INSTANT_MAX;
        break;
    case SH_TYPE_ENUM:
    case SH_TYPE_STRING:
        *high = (int64_t)attribute->texts.count - 1;
        break;
    }
}

static bool is_all_dates(const struct sh_strip *strip) {
    if (strip->unit % SH_DAY_MS == 0 && strip->base % SH_DAY_MS == 0) return true;
    for (uint32_t i = 0; i < strip->count; i++) {
        int64_t value;
        if (sh_strip_get(strip, i, &value) && value % SH_DAY_MS != 0) return false;
    }
    return true;
}

/* The present bits of `words` lie in the live rows. */
static bool block_is_live(const struct sh_table *table, uint32_t block, const uint64_t *words) {
    uint64_t live[SH_BLOCK_WORDS];
    uint64_t outside = 0;
    sh_block_store(sh_bitmap_block(&table->live, block), live);
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++)
        outside |= words[i] & ~live[i];
    return outside == 0;
}

/* Values are of the type and of live rows. A strip's bounds are those of values that were set, so they must do. */
static enum sh_status check_column(const struct sh_table *table, const struct sh_attribute *attribute,
                                   struct sh_archive_reader *reader) {
    int64_t low;
    int64_t high;
    value_bounds(attribute, &low, &high);
    for (uint32_t block = 0; block < attribute->column.block_count; block++) {
        const struct sh_strip *strip = sh_column_block(&attribute->column, block);
        uint64_t words[SH_BLOCK_WORDS];
        if (strip == NULL) continue;
        if (strip->count > strip->missing_count && (strip->min < low || strip->max > high))
            return sh_archive_refuse(reader, "\"%.*s\" has a value that its type has not",
                                     SH_TEXT_ARGS(attribute->name));
        if (attribute->is_date && !is_all_dates(strip))
            return sh_archive_refuse(reader, "\"%.*s\" has a date that is none", SH_TEXT_ARGS(attribute->name));
        sh_column_present(&attribute->column, block, words);
        if (!block_is_live(table, block, words))
            return sh_archive_refuse(reader, "\"%.*s\" has a value in a row that is not live",
                                     SH_TEXT_ARGS(attribute->name));
    }
    return SH_OK;
}

static uint32_t block_count_of(uint32_t slot_end) {
    return (uint32_t)(((uint64_t)slot_end + SH_BLOCK_SLOTS - 1) / SH_BLOCK_SLOTS);
}

static enum sh_status load_column(const struct sh_table *table, struct sh_attribute *attribute,
                                  struct sh_archive_reader *reader) {
    sh_column_init(&attribute->column);
    attribute->column.slice_bytes_max = table->slice_bytes_max;
    const enum sh_status status = sh_column_load(&attribute->column, block_count_of(table->slot_end), reader);
    return status == SH_OK ? check_column(table, attribute, reader) : status;
}

/* How many rows have each text is counted again. */
static enum sh_status load_uses(struct sh_attribute *attribute, struct sh_archive_reader *reader) {
    attribute->uses = text_uses_create();
    if (attribute->uses == NULL || text_uses_reserve(attribute->uses, attribute->texts.count) != SH_OK)
        return sh_archive_refuse_memory(reader);
    if (attribute->texts.count > 0)
        memset(attribute->uses->counts, 0, attribute->texts.count * sizeof *attribute->uses->counts);
    for (uint32_t block = 0; block < attribute->column.block_count; block++) {
        const struct sh_strip *strip = sh_column_block(&attribute->column, block);
        for (uint32_t i = 0; strip != NULL && i < strip->count; i++) {
            int64_t code;
            if (sh_strip_get(strip, i, &code)) text_uses_gain(attribute->uses, (uint32_t)code);
        }
    }
    return text_uses_load(attribute->uses, &attribute->texts, reader);
}

static enum sh_status load_value_bitmaps(const struct sh_table *table, struct sh_attribute *attribute,
                                         struct sh_archive_reader *reader) {
    int64_t low;
    int64_t high;
    value_bounds(attribute, &low, &high);
    if (high >= SH_VALUE_BITMAP_COUNT_MAX) high = SH_VALUE_BITMAP_COUNT_MAX - 1;
    const uint32_t count =
        sh_archive_get_count(reader, (uint32_t)(high + 1), sizeof(uint16_t) + sizeof(uint32_t), "values with bitmaps");
    void *values = NULL;
    if (count > 0 && sh_grow(&values, &attribute->value_capacity, count, sizeof *attribute->values) != SH_OK)
        return sh_archive_refuse_memory(reader);
    attribute->values = values;
    uint64_t slot_count = 0;
    while (attribute->value_count < count) {
        struct sh_bitmap *bitmap = &attribute->values[attribute->value_count];
        sh_bitmap_init(bitmap, SH_ARRAY_COUNT_FAST);
        const enum sh_status status = sh_bitmap_load(bitmap, reader);
        if (status != SH_OK) return status;
        const uint32_t code = attribute->value_count++;
        slot_count += bitmap->count;
        if (!sh_bitmap_is_subset(bitmap, &table->live) ||
            (attribute->uses != NULL && text_uses_count(attribute->uses, code) != bitmap->count))
            return sh_archive_refuse(reader, "the bitmap of value %u of \"%.*s\" is not that of its rows", code,
                                     SH_TEXT_ARGS(attribute->name));
    }
    if (slot_count != attribute->column.present_count)
        return sh_archive_refuse(reader, "the bitmaps of \"%.*s\" are not those of its values",
                                 SH_TEXT_ARGS(attribute->name));
    /* A row whose value has no bitmap: bitmaps are found by value without asking. */
    for (uint32_t block = 0; block < attribute->column.block_count; block++) {
        const struct sh_strip *strip = sh_column_block(&attribute->column, block);
        if (strip != NULL && strip->count > strip->missing_count && strip->max >= count)
            return sh_archive_refuse(reader, "\"%.*s\" has a value without a bitmap", SH_TEXT_ARGS(attribute->name));
    }
    return sh_archive_status(reader, NULL);
}

static enum sh_status load_parts(const struct sh_table *table, struct sh_attribute *attribute,
                                 struct sh_archive_reader *reader) {
    enum sh_status status = load_shape(attribute, reader);
    if (status == SH_OK) status = load_texts(attribute, reader);
    if (status == SH_OK) status = load_column(table, attribute, reader);
    if (status == SH_OK && attribute->type == SH_TYPE_STRING) status = load_uses(attribute, reader);
    if (status == SH_OK && attribute->has_value_bitmaps) status = load_value_bitmaps(table, attribute, reader);
    return status;
}

static enum sh_status load_attribute(struct sh_table *table, struct sh_archive_reader *reader) {
    (void)sh_archive_enter(reader, TABLE_ATTRIBUTE, TABLE_ATTRIBUTE_VERSION);
    const struct sh_text name = load_name(table, reader);
    if (sh_archive_failed(reader)) return sh_archive_status(reader, NULL);
    struct sh_attribute attribute = {.name = name};
    enum sh_status status = load_parts(table, &attribute, reader);
    if (status == SH_OK) {
        sh_archive_leave(reader);
        status = sh_archive_status(reader, NULL);
    }
    if (status == SH_OK) {
        void *attributes = table->attributes;
        if (table_reserve_index(table, &attributes, &table->attribute_capacity, table->attribute_count,
                                sizeof attribute, name, 0) != SH_OK)
            status = sh_archive_refuse_memory(reader);
        table->attributes = attributes;
    }
    if (status == SH_OK)
        table->attributes[table->attribute_count++] = attribute;
    else
        attribute_deinit(&attribute);
    return status;
}

/* ---- Tag sets ---- */

/* A bitmap for each text of the set; they are in step with texts.count before anything can fail. */
static enum sh_status load_tag_bitmaps(const struct sh_table *table, struct tag_set *set, uint64_t *slot_count,
                                       struct sh_archive_reader *reader) {
    *slot_count = 0;
    for (uint32_t tag = 0; tag < set->texts.count; tag++) {
        const enum sh_status status = sh_bitmap_load(&set->slots[tag], reader);
        if (status != SH_OK) return status;
        *slot_count += set->slots[tag].count;
        if (!sh_bitmap_is_subset(&set->slots[tag], &table->live))
            return sh_archive_refuse(reader, "tag %u of \"%.*s\" is in a row that is not live", tag,
                                     SH_TEXT_ARGS(set->name));
    }
    return SH_OK;
}

static enum sh_status load_tag_texts(struct tag_set *set, struct sh_archive_reader *reader) {
    const enum sh_status status = sh_dictionary_load(&set->texts, reader);
    if (status != SH_OK || set->texts.count == 0) return status;
    void *slots = NULL;
    if (sh_grow(&slots, &set->slots_capacity, set->texts.count, sizeof *set->slots) != SH_OK) {
        sh_dictionary_deinit(&set->texts);
        return sh_archive_refuse_memory(reader);
    }
    set->slots = slots;
    for (uint32_t tag = 0; tag < set->texts.count; tag++)
        sh_bitmap_init(&set->slots[tag], SH_ARRAY_COUNT_FAST);
    return SH_OK;
}

static enum sh_status load_tag_parts(const struct sh_table *table, struct tag_set *set,
                                     struct sh_archive_reader *reader) {
    uint64_t slot_count = 0;
    uint64_t code_count = 0;
    enum sh_status status = load_tag_texts(set, reader);
    if (status == SH_OK) status = load_tag_bitmaps(table, set, &slot_count, reader);
    if (status == SH_OK) status = tag_lists_load(&set->lists, table->slot_end, set->texts.count, &code_count, reader);
    if (status != SH_OK) return status;
    if (slot_count != code_count)
        return sh_archive_refuse(reader, "the bitmaps of \"%.*s\" are not those of its rows", SH_TEXT_ARGS(set->name));
    for (uint32_t block = 0; block < block_count_of(table->slot_end); block++) {
        uint64_t words[SH_BLOCK_WORDS];
        tag_lists_block(&set->lists, block, words);
        if (!block_is_live(table, block, words))
            return sh_archive_refuse(reader, "\"%.*s\" has tags in a row that is not live", SH_TEXT_ARGS(set->name));
    }
    return SH_OK;
}

static enum sh_status load_tag_set(struct sh_table *table, struct sh_archive_reader *reader) {
    (void)sh_archive_enter(reader, TABLE_TAGS, TABLE_TAGS_VERSION);
    const struct sh_text name = load_name(table, reader);
    if (sh_archive_failed(reader)) return sh_archive_status(reader, NULL);
    struct tag_set set = {.name = name};
    sh_dictionary_init(&set.texts, SH_TAG_COUNT_MAX);
    tag_lists_init(&set.lists);
    enum sh_status status = load_tag_parts(table, &set, reader);
    if (status == SH_OK) {
        sh_archive_leave(reader);
        status = sh_archive_status(reader, NULL);
    }
    if (status == SH_OK) {
        void *tag_sets = table->tag_sets;
        if (table_reserve_index(table, &tag_sets, &table->tag_set_capacity, table->tag_set_count, sizeof set, name,
                                NAME_IS_TAG_SET) != SH_OK)
            status = sh_archive_refuse_memory(reader);
        table->tag_sets = tag_sets;
    }
    if (status == SH_OK)
        table->tag_sets[table->tag_set_count++] = set;
    else
        tag_set_deinit(&set);
    return status;
}

static enum sh_status load_timers(struct sh_table *table, struct sh_archive_reader *reader) {
    (void)sh_archive_enter(reader, TABLE_TIMERS, TABLE_TIMERS_VERSION);
    const enum sh_status status = tag_timers_load(&table->timers, reader);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < table->timers.count; i++) {
        const struct tag_timer *timer = &table->timers.timers[i];
        if (timer->set >= table->tag_set_count || !sh_table_has_tag(table, timer->slot, timer->set, timer->tag))
            return sh_archive_refuse(reader, "a tag ends that the row has not");
    }
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}

/* ---- The whole ---- */

static enum sh_status load_all(struct sh_table *table, struct sh_archive_reader *reader) {
    (void)sh_archive_enter(reader, TABLE_SECTION, TABLE_VERSION);
    table->slot_end = sh_archive_get_count(reader, TABLE_SLOT_COUNT_MAX, sizeof(uint8_t), "rows");
    table->schema_version = sh_archive_get_u64(reader);
    table->text_version = sh_archive_get_u64(reader);
    table->expired_ms = sh_archive_get_i64(reader);
    enum sh_status status = sh_archive_status(reader, NULL);
    if (status == SH_OK) status = load_slots(table, reader);
    if (status != SH_OK) return status;
    const uint32_t attribute_count = sh_archive_get_count(reader, SH_ATTRIBUTE_COUNT_MAX, 1, "attributes");
    for (uint32_t i = 0; i < attribute_count && status == SH_OK; i++)
        status = load_attribute(table, reader);
    const uint32_t tag_set_count = sh_archive_get_count(reader, SH_TAG_SET_COUNT_MAX, 1, "tag sets");
    for (uint32_t i = 0; i < tag_set_count && status == SH_OK; i++)
        status = load_tag_set(table, reader);
    if (status == SH_OK) status = load_timers(table, reader);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}

enum sh_status sh_table_load(struct sh_table **table, struct sh_archive_reader *reader) {
    *table = NULL;
    struct sh_table *loaded = sh_table_create();
    if (loaded == NULL) return sh_archive_refuse_memory(reader);
    const enum sh_status status = load_all(loaded, reader);
    if (status == SH_OK)
        *table = loaded;
    else
        sh_table_destroy(loaded);
    return status;
}
