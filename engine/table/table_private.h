/* table_private.h -- the table's own picture of itself, for its files and its tests. */
#ifndef SH_TABLE_PRIVATE_H
#define SH_TABLE_PRIVATE_H

#include "row_ids.h"
#include "table.h"
#include "tag_lists.h"
#include "tag_timers.h"
#include "text_uses.h"

struct tag_set {
    struct sh_text name;
    struct sh_dictionary texts; /* code = tag */
    struct sh_bitmap *slots;    /* one a tag, texts.count of them */
    uint32_t slots_capacity;
    struct tag_lists lists; /* the other way round */
};

struct quarantined {
    uint32_t slot;
    uint64_t sequence; /* of the forget */
};

struct sh_table {
    struct row_ids ids;
    struct sh_bitmap live;
    uint32_t slot_end;

    uint32_t *free_slots; /* may be given out: a stack */
    uint32_t free_count;
    uint32_t free_capacity; /* holds all forgotten slots, so that reuse needs no memory */
    struct quarantined *quarantine;
    uint32_t quarantine_first; /* oldest first; places before it are done with */
    uint32_t quarantine_end;
    uint32_t quarantine_capacity;

    struct sh_hash_index names; /* attribute index, or tag set index with NAME_IS_TAG_SET */
    struct sh_attribute *attributes;
    uint32_t attribute_count;
    uint32_t attribute_capacity;
    struct tag_set *tag_sets;
    uint32_t tag_set_count;
    uint32_t tag_set_capacity;
    struct tag_timers timers; /* of tags that end */
    int64_t expired_ms;       /* the latest instant that sh_table_expire was told */
    size_t slice_bytes_max;
    uint64_t schema_version;
    uint64_t text_version;
};

enum {
    NAME_IS_TAG_SET = 1u << 31,
    TABLE_SLOT_COUNT_MAX = 1u << 31, /* far over what one shard's memory holds; keeps 2 * slot in 32 bits */
};

/* What has this name: an index, perhaps with NAME_IS_TAG_SET; or SH_HASH_INDEX_NONE. */
uint32_t table_find_name(const struct sh_table *table, struct sh_text name);
SH_MUST_CHECK enum sh_status table_check_name(struct sh_text name, struct sh_error *err);
/* Take an index for the name in the array; the caller then fills array[count++]. flag: 0 or NAME_IS_TAG_SET. */
SH_MUST_CHECK enum sh_status table_reserve_index(struct sh_table *table, void **array, uint32_t *capacity,
                                                 uint32_t count, size_t element_bytes, struct sh_text name,
                                                 uint32_t flag);
struct sh_attribute *table_attribute(struct sh_table *table, uint32_t index);
struct tag_set *table_tag_set(const struct sh_table *table, uint32_t index);
void attribute_deinit(struct sh_attribute *attribute);
void tag_set_deinit(struct tag_set *set);
/* Give up the bitmaps of values: too many values, or no memory to keep them true. */
void attribute_drop_value_bitmaps(struct sh_attribute *attribute);
/* Erase the texts of a STRING that no row has. */
void attribute_erase_idle_texts(struct sh_table *table, struct sh_attribute *attribute);

#endif
