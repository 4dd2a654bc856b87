/* table_archive.c -- a table into an archive; table_load.c brings it back.
 *
 *   section table
 *     u32 slot_end, u64 schema_version, u64 text_version, i64 expired_ms
 *     live bitmap
 *     u32 free slots, and they themselves, u32 each, the last one is given out first
 *     u32 slots in quarantine, oldest first, u32 slot and u64 sequence each
 *     section ids            row_ids.c
 *     u32 attributes, and a section for each
 *     section attribute
 *       text name, u8 type, u8 scale, u8 is_date, u8 has_value_bitmaps
 *       ENUM, STRING:        dictionary
 *       ENUM:                rank of each code, u32
 *       column
 *       STRING:              idle codes (text_uses.c)
 *       has_value_bitmaps:   u32 values, and a bitmap for each
 *     u32 tag sets, and a section for each
 *     section tags
 *       text name, dictionary, a bitmap for each tag, lists (tag_lists.c)
 *     section timers         tag_timers.c
 */
#include "table_archive.h"
#include "table_private.h"

static void save_bitmaps(const struct sh_bitmap *bitmaps, uint32_t count, struct sh_archive_writer *writer) {
    for (uint32_t i = 0; i < count; i++)
        sh_bitmap_save(&bitmaps[i], writer);
}

static void save_slots(const struct sh_table *table, struct sh_archive_writer *writer) {
    sh_bitmap_save(&table->live, writer);
    sh_archive_put_u32(writer, table->free_count);
    sh_archive_put(writer, table->free_slots, table->free_count * sizeof *table->free_slots);
    sh_archive_put_u32(writer, sh_table_quarantine_count(table));
    for (uint32_t i = table->quarantine_first; i < table->quarantine_end; i++) {
        sh_archive_put_u32(writer, table->quarantine[i].slot);
        sh_archive_put_u64(writer, table->quarantine[i].sequence);
    }
    sh_archive_begin(writer, TABLE_IDS, TABLE_IDS_VERSION);
    row_ids_save(&table->ids, table->slot_end, writer);
    sh_archive_end(writer);
}

static void save_attribute(const struct sh_attribute *attribute, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, TABLE_ATTRIBUTE, TABLE_ATTRIBUTE_VERSION);
    sh_archive_put_text(writer, attribute->name);
    sh_archive_put_u8(writer, (uint8_t)attribute->type);
    sh_archive_put_u8(writer, attribute->scale);
    sh_archive_put_u8(writer, attribute->is_date);
    sh_archive_put_u8(writer, attribute->has_value_bitmaps);
    if (attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING)
        sh_dictionary_save(&attribute->texts, writer);
    if (attribute->type == SH_TYPE_ENUM)
        sh_archive_put(writer, attribute->rank_of_code, attribute->texts.count * sizeof *attribute->rank_of_code);
    sh_column_save(&attribute->column, writer);
    if (attribute->type == SH_TYPE_STRING) text_uses_save(attribute->uses, writer);
    if (attribute->has_value_bitmaps) {
        sh_archive_put_u32(writer, attribute->value_count);
        save_bitmaps(attribute->values, attribute->value_count, writer);
    }
    sh_archive_end(writer);
}

static void save_tag_set(const struct tag_set *set, uint32_t slot_end, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, TABLE_TAGS, TABLE_TAGS_VERSION);
    sh_archive_put_text(writer, set->name);
    sh_dictionary_save(&set->texts, writer);
    save_bitmaps(set->slots, set->texts.count, writer);
    tag_lists_save(&set->lists, slot_end, writer);
    sh_archive_end(writer);
}

void sh_table_save(const struct sh_table *table, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, TABLE_SECTION, TABLE_VERSION);
    sh_archive_put_u32(writer, table->slot_end);
    sh_archive_put_u64(writer, table->schema_version);
    sh_archive_put_u64(writer, table->text_version);
    sh_archive_put_i64(writer, table->expired_ms);
    save_slots(table, writer);
    sh_archive_put_u32(writer, table->attribute_count);
    for (uint32_t i = 0; i < table->attribute_count; i++)
        save_attribute(&table->attributes[i], writer);
    sh_archive_put_u32(writer, table->tag_set_count);
    for (uint32_t i = 0; i < table->tag_set_count; i++)
        save_tag_set(&table->tag_sets[i], table->slot_end, writer);
    sh_archive_begin(writer, TABLE_TIMERS, TABLE_TIMERS_VERSION);
    tag_timers_save(&table->timers, writer);
    sh_archive_end(writer);
    sh_archive_end(writer);
}
