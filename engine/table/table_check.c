/* table_check.c -- do the rules of table.h hold? */
#include "hash.h"
#include "table_private.h"

static bool refuse(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

static bool check_ids(const struct sh_table *table, const char **reason) {
    if (!sh_hash_index_check(&table->ids.index, reason)) return false;
    if (!sh_bitmap_check(&table->live, reason)) return false;
    uint64_t live_count = 0;
    for (uint32_t slot = 0; slot < table->slot_end; slot++) {
        const struct sh_text id = row_ids_get(&table->ids, slot);
        const bool is_live = sh_bitmap_contains(&table->live, slot);
        if (is_live != (id.count > 0)) return refuse(reason, "table: a slot has an id if and only if it is live");
        if (!is_live) continue;
        live_count++;
        if (row_ids_find(&table->ids, id, sh_hash_text(id)) != slot)
            return refuse(reason, "table: an id finds its slot");
    }
    if (live_count != sh_bitmap_count(&table->live)) return refuse(reason, "table: a slot at or over slot_end is live");
    if (live_count != table->ids.index.count) return refuse(reason, "table: every live row is in the index once");
    const uint64_t forgotten = (uint64_t)table->free_count + sh_table_quarantine_count(table);
    if (live_count + forgotten != table->slot_end)
        return refuse(reason, "table: every slot is live, in quarantine or free");
    if (table->free_capacity < forgotten) return refuse(reason, "table: all forgotten slots fit the free stack");
    for (uint32_t i = 0; i < table->free_count; i++)
        if (row_ids_has(&table->ids, table->free_slots[i])) return refuse(reason, "table: a free slot is not live");
    return true;
}

static bool check_values(const struct sh_table *table, const struct sh_attribute *attribute, const char **reason) {
    uint64_t present_count = 0;
    for (uint32_t slot = 0; slot < table->slot_end; slot++) {
        int64_t value;
        if (!sh_column_get(&attribute->column, slot, &value)) continue;
        present_count++;
        if (!row_ids_has(&table->ids, slot)) return refuse(reason, "table: a slot that is not live has a value");
        if (sh_value_check(attribute, value, NULL) != SH_OK) return refuse(reason, "table: a value is not of its type");
        if (!attribute->has_value_bitmaps) continue;
        if (value >= attribute->value_count || !sh_bitmap_contains(&attribute->values[value], slot))
            return refuse(reason, "table: a value's slot is not in its bitmap");
    }
    if (present_count != attribute->column.present_count)
        return refuse(reason, "table: a slot over slot_end has a value");
    if (attribute->uses != NULL) {
        uint64_t uses = 0;
        for (uint32_t code = 0; code < attribute->texts.count; code++)
            uses += text_uses_count(attribute->uses, code);
        if (uses != present_count) return refuse(reason, "table: the uses of all texts are all values");
        if (!text_uses_check(attribute->uses, &attribute->texts, reason)) return false;
    }
    if (!attribute->has_value_bitmaps) return true;
    uint64_t in_bitmaps = 0;
    for (uint32_t i = 0; i < attribute->value_count; i++) {
        if (!sh_bitmap_check(&attribute->values[i], reason)) return false;
        if (attribute->uses != NULL && text_uses_count(attribute->uses, i) != sh_bitmap_count(&attribute->values[i]))
            return refuse(reason, "table: the uses of a text are the slots of its bitmap");
        in_bitmaps += sh_bitmap_count(&attribute->values[i]);
    }
    return in_bitmaps == present_count || refuse(reason, "table: a bitmap has a slot without that value");
}

static bool check_attribute(const struct sh_table *table, const struct sh_attribute *attribute, const char **reason) {
    if (!sh_column_check(&attribute->column, reason)) return false;
    if (!sh_dictionary_check(&attribute->texts, reason)) return false;
    if (attribute->type == SH_TYPE_ENUM) {
        for (uint32_t code = 0; code < attribute->texts.count; code++) {
            const uint32_t rank = attribute->rank_of_code[code];
            if (rank >= attribute->texts.count || attribute->code_of_rank[rank] != code)
                return refuse(reason, "table: ranks are a permutation of codes");
        }
    }
    return check_values(table, attribute, reason);
}

static bool check_tag_set(const struct sh_table *table, const struct tag_set *set, const char **reason) {
    if (!sh_dictionary_check(&set->texts, reason)) return false;
    if (!tag_lists_check(&set->lists, table->slot_end, reason)) return false;
    uint64_t in_lists = 0;
    for (uint32_t slot = 0; slot < table->slot_end; slot++) {
        struct sh_tag_list list;
        tag_lists_get(&set->lists, slot, &list);
        if (list.count > 0 && !row_ids_has(&table->ids, slot))
            return refuse(reason, "table: a slot that is not live has a tag");
        in_lists += list.count;
        for (uint32_t i = 0; i < list.count; i++)
            if (list.codes[i] >= set->texts.count || !sh_bitmap_contains(&set->slots[list.codes[i]], slot))
                return refuse(reason, "table: a slot is not in the bitmap of its tag");
    }
    uint64_t in_bitmaps = 0;
    for (uint32_t tag = 0; tag < set->texts.count; tag++) {
        if (!sh_bitmap_check(&set->slots[tag], reason)) return false;
        in_bitmaps += sh_bitmap_count(&set->slots[tag]);
    }
    return in_lists == in_bitmaps || refuse(reason, "table: a tag's bitmap has a slot without that tag");
}

static bool check_timers(const struct sh_table *table, const char **reason) {
    if (!tag_timers_check(&table->timers, reason)) return false;
    for (uint32_t i = 0; i < table->timers.count; i++) {
        const struct tag_timer *timer = &table->timers.timers[table->timers.heap[i]];
        if (timer->set >= table->tag_set_count || !sh_table_has_tag(table, timer->slot, timer->set, timer->tag))
            return refuse(reason, "table: a tag that ends is not in the row's list");
    }
    return true;
}

bool sh_table_check(const struct sh_table *table, const char **reason) {
    if (!sh_hash_index_check(&table->names, reason)) return false;
    if (!check_ids(table, reason)) return false;
    for (uint32_t i = 0; i < table->attribute_count; i++) {
        if (sh_table_find_attribute(table, table->attributes[i].name) != (int32_t)i)
            return refuse(reason, "table: a name finds its attribute");
        if (!check_attribute(table, &table->attributes[i], reason)) return false;
    }
    for (uint32_t i = 0; i < table->tag_set_count; i++) {
        if (sh_table_find_tag_set(table, table->tag_sets[i].name) != (int32_t)i)
            return refuse(reason, "table: a name finds its tag set");
        if (!check_tag_set(table, &table->tag_sets[i], reason)) return false;
    }
    return check_timers(table, reason);
}
