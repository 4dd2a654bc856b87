/* table_print.c -- a table for people: when something is wrong, this is what one wants to see first. */
#include "decimal.h"
#include "table_private.h"

enum { ROWS_SHOWN = 20, LABELS_SHOWN = 20 };

static void print_attribute(const struct sh_attribute *attribute, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "  %.*s %s", SH_TEXT_ARGS(attribute->name),
                    attribute->is_date ? "date" : sh_type_name(attribute->type));
    if (attribute->type == SH_TYPE_DECIMAL) sh_buffer_print(buffer, "(%u)", attribute->scale);
    sh_buffer_print(buffer, ", %llu values, %u texts, %u bitmaps", (unsigned long long)attribute->column.present_count,
                    attribute->texts.count, attribute->value_count);
    if (attribute->type == SH_TYPE_ENUM) {
        sh_buffer_print(buffer, ", ranks:");
        for (uint32_t rank = 0; rank < attribute->texts.count && rank < LABELS_SHOWN; rank++)
            sh_buffer_print(buffer, " %.*s", SH_TEXT_ARGS(sh_attribute_text(attribute, attribute->code_of_rank[rank])));
    }
    sh_buffer_print(buffer, "\n");
}

static void print_value(const struct sh_attribute *attribute, int64_t value, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, " %.*s=", SH_TEXT_ARGS(attribute->name));
    if (attribute->type == SH_TYPE_DECIMAL)
        sh_decimal_print(buffer, value, attribute->scale);
    else if (attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING)
        sh_buffer_print(buffer, "\"%.*s\"", SH_TEXT_ARGS(sh_attribute_text(attribute, (uint32_t)value)));
    else
        sh_buffer_print(buffer, "%lld", (long long)value);
}

static void print_row(const struct sh_table *table, uint32_t slot, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "  %u %.*s:", slot, SH_TEXT_ARGS(sh_table_id(table, slot)));
    for (uint32_t i = 0; i < table->attribute_count; i++) {
        int64_t value;
        if (sh_table_get(table, slot, i, &value)) print_value(&table->attributes[i], value, buffer);
    }
    for (uint32_t i = 0; i < table->tag_set_count; i++) {
        struct sh_tag_list list;
        sh_table_tags(table, slot, i, &list);
        if (list.count == 0) continue;
        sh_buffer_print(buffer, " %.*s=[", SH_TEXT_ARGS(table->tag_sets[i].name));
        for (uint32_t k = 0; k < list.count; k++)
            sh_buffer_print(buffer, "%s%.*s", k == 0 ? "" : ", ",
                            SH_TEXT_ARGS(sh_table_tag_text(table, i, list.codes[k])));
        sh_buffer_print(buffer, "]");
    }
    sh_buffer_print(buffer, "\n");
}

void sh_table_print(const struct sh_table *table, struct sh_buffer *buffer) {
    sh_buffer_print(buffer, "table: %llu rows, slots below %u, %u in quarantine, %u free\n",
                    (unsigned long long)sh_bitmap_count(&table->live), table->slot_end,
                    sh_table_quarantine_count(table), table->free_count);
    for (uint32_t i = 0; i < table->attribute_count; i++)
        print_attribute(&table->attributes[i], buffer);
    for (uint32_t i = 0; i < table->tag_set_count; i++)
        sh_buffer_print(buffer, "  %.*s tags, %u different\n", SH_TEXT_ARGS(table->tag_sets[i].name),
                        table->tag_sets[i].texts.count);
    for (uint32_t slot = 0; slot < table->slot_end && slot < ROWS_SHOWN; slot++)
        if (row_ids_has(&table->ids, slot)) print_row(table, slot, buffer);
}
