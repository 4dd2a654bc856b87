/* feed_tags.c -- the feature tags of items: tags, and values of enum and string attributes, as one kind of thing. */
#include "feed_private.h"
#include "hash.h"

enum { TAG_CODE_BITS = 16, TAG_CODE_MAX = (1 << TAG_CODE_BITS) - 1 };
#define TAG_IS_ATTRIBUTE (UINT32_C(1) << 31)

static uint32_t tag_code(uint32_t tag) {
    return tag & TAG_CODE_MAX;
}
static uint32_t tag_index(uint32_t tag) {
    return (tag & ~TAG_IS_ATTRIBUTE) >> TAG_CODE_BITS;
}

static bool is_feature(const struct sh_attribute *attribute) {
    return attribute->type == SH_TYPE_ENUM || attribute->type == SH_TYPE_STRING;
}

bool tag_is_known(const struct sh_table *items, uint32_t tag) {
    const uint32_t index = tag_index(tag);
    if (!(tag & TAG_IS_ATTRIBUTE))
        return index < sh_table_tag_set_count(items) && tag_code(tag) < sh_table_tag_count(items, index);
    if (index >= sh_table_attribute_count(items)) return false;
    const struct sh_attribute *attribute = sh_table_attribute(items, index);
    return is_feature(attribute) && tag_code(tag) < sh_dictionary_count(&attribute->texts);
}

uint32_t item_tags(const struct sh_table *items, uint32_t item, uint32_t *tags, uint32_t max, uint32_t *all) {
    uint32_t count = 0;
    uint32_t written = 0;
    for (uint32_t set = 0; set < sh_table_tag_set_count(items); set++) {
        struct sh_tag_list list;
        sh_table_tags(items, item, set, &list);
        count += list.count;
        for (uint32_t i = 0; i < list.count && written < max; i++)
            tags[written++] = set << TAG_CODE_BITS | list.codes[i];
    }
    for (uint32_t i = 0; i < sh_table_attribute_count(items); i++) {
        const struct sh_attribute *attribute = sh_table_attribute(items, i);
        int64_t code;
        if (!is_feature(attribute) || !sh_column_get(&attribute->column, item, &code)) continue;
        count++;
        if (attribute->has_value_bitmaps && code <= TAG_CODE_MAX && written < max)
            tags[written++] = TAG_IS_ATTRIBUTE | i << TAG_CODE_BITS | (uint32_t)code;
    }
    if (all != NULL) *all = count;
    return written;
}

const struct sh_bitmap *tag_items(const struct sh_table *items, uint32_t tag) {
    if (tag & TAG_IS_ATTRIBUTE)
        return sh_attribute_value_slots(sh_table_attribute(items, tag_index(tag)), tag_code(tag));
    return sh_table_tag_slots(items, tag_index(tag), tag_code(tag));
}

struct sh_text tag_name(const struct sh_table *items, uint32_t tag) {
    if (tag & TAG_IS_ATTRIBUTE) return sh_attribute_text(sh_table_attribute(items, tag_index(tag)), tag_code(tag));
    return sh_table_tag_text(items, tag_index(tag), tag_code(tag));
}

struct sh_text tag_group(const struct sh_table *items, uint32_t tag) {
    if (tag & TAG_IS_ATTRIBUTE) return sh_table_attribute(items, tag_index(tag))->name;
    return sh_table_tag_set_name(items, tag_index(tag));
}

uint64_t tag_order(const struct sh_table *items, uint32_t tag) {
    return sh_hash_mix(sh_hash_text(tag_group(items, tag)), sh_hash_text(tag_name(items, tag)));
}

uint32_t tags_of_text(const struct sh_table *items, struct sh_text text, uint32_t *tags, uint32_t max) {
    uint32_t written = 0;
    for (uint32_t set = 0; set < sh_table_tag_set_count(items) && written < max; set++) {
        const uint32_t code = sh_table_find_tag(items, set, text);
        if (code != SH_CODE_NONE) tags[written++] = set << TAG_CODE_BITS | code;
    }
    for (uint32_t i = 0; i < sh_table_attribute_count(items) && written < max; i++) {
        const struct sh_attribute *attribute = sh_table_attribute(items, i);
        if (!is_feature(attribute) || !attribute->has_value_bitmaps) continue;
        const uint32_t code = sh_attribute_find_code(attribute, text);
        if (code <= TAG_CODE_MAX) tags[written++] = TAG_IS_ATTRIBUTE | i << TAG_CODE_BITS | code;
    }
    return written;
}
