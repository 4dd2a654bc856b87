/* table.c -- rows: their ids, their slots, and how they go. */
#include "table_private.h"

#include <string.h>

#include "hash.h"
#include "memory.h"

enum {
    PREFETCH_COLUMN_COUNT_MAX = 16, /* more lines than this in flight are dropped by the core anyway */
    SLICE_BYTES_MAX_FIRST = 64 << 20,
};

/* ---- Life ---- */

struct sh_table *sh_table_create(void) {
    struct sh_table *table = sh_alloc_zero(sizeof *table);
    if (table == NULL) return NULL;
    row_ids_init(&table->ids);
    sh_bitmap_init(&table->live, SH_ARRAY_COUNT_FAST);
    sh_hash_index_init(&table->names);
    tag_timers_init(&table->timers);
    table->expired_ms = INT64_MIN;
    table->slice_bytes_max = SLICE_BYTES_MAX_FIRST;
    return table;
}

void sh_table_destroy(struct sh_table *table) {
    if (table == NULL) return;
    row_ids_deinit(&table->ids);
    sh_bitmap_deinit(&table->live);
    sh_hash_index_deinit(&table->names);
    tag_timers_deinit(&table->timers);
    for (uint32_t i = 0; i < table->attribute_count; i++)
        attribute_deinit(&table->attributes[i]);
    for (uint32_t i = 0; i < table->tag_set_count; i++)
        tag_set_deinit(&table->tag_sets[i]);
    sh_free(table->attributes);
    sh_free(table->tag_sets);
    sh_free(table->free_slots);
    sh_free(table->quarantine);
    sh_free(table);
}

/* ---- Ids and slots ---- */

enum sh_status sh_id_check(struct sh_text id, struct sh_error *err) {
    if (id.count == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "an id must not be empty");
    if (id.count > SH_ID_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "an id of %u bytes is over the limit of %d", id.count,
                       SH_ID_BYTES_MAX);
    if (!sh_text_is_utf8(id)) return sh_fail(err, SH_ERR_ARGUMENT, -1, "an id must be UTF-8 without a zero byte");
    return SH_OK;
}

uint64_t sh_id_hash(struct sh_text id) {
    return sh_hash_text(id);
}

uint32_t sh_table_find_hashed(const struct sh_table *table, struct sh_text id, uint64_t hash) {
    return row_ids_find(&table->ids, id, hash);
}

uint32_t sh_table_find(const struct sh_table *table, struct sh_text id) {
    return row_ids_find(&table->ids, id, sh_hash_text(id));
}

enum sh_status sh_table_intern(struct sh_table *table, struct sh_text id, uint64_t hash, uint32_t *slot, bool *created,
                               struct sh_error *err) {
    *slot = row_ids_find(&table->ids, id, hash);
    if (created != NULL) *created = *slot == SH_SLOT_NONE;
    if (*slot != SH_SLOT_NONE) return SH_OK;
    enum sh_status status = sh_id_check(id, err);
    if (status != SH_OK) return status;
    const bool is_reused = table->free_count > 0;
    if (!is_reused && table->slot_end == TABLE_SLOT_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are already %u rows", table->slot_end);
    const uint32_t chosen = is_reused ? table->free_slots[table->free_count - 1] : table->slot_end;
    status = row_ids_add(&table->ids, chosen, id, hash);
    if (status != SH_OK) return sh_fail(err, status, -1, "no room for a new row");
    status = sh_bitmap_add(&table->live, chosen, NULL);
    if (status != SH_OK) {
        row_ids_remove(&table->ids, chosen);
        return sh_fail(err, status, -1, "no memory for a new row");
    }
    if (is_reused)
        table->free_count--;
    else
        table->slot_end++;
    *slot = chosen;
    return SH_OK;
}

void sh_table_prefetch(const struct sh_table *table, uint64_t hash) {
    sh_hash_index_prefetch(&table->ids.index, hash);
}

void sh_table_prefetch_slot(const struct sh_table *table, uint32_t slot) {
    row_ids_prefetch_cell(&table->ids, slot);
    for (uint32_t i = 0; i < table->attribute_count && i < PREFETCH_COLUMN_COUNT_MAX; i++)
        sh_column_prefetch(&table->attributes[i].column, slot);
    for (uint32_t i = 0; i < table->tag_set_count; i++)
        tag_lists_prefetch(&table->tag_sets[i].lists, slot);
}

uint32_t sh_table_guess(const struct sh_table *table, uint64_t hash) {
    return row_ids_guess(&table->ids, hash);
}

void sh_table_prefetch_row(const struct sh_table *table, uint64_t hash) {
    const uint32_t slot = row_ids_guess(&table->ids, hash);
    if (slot != SH_SLOT_NONE) sh_table_prefetch_slot(table, slot);
}

void sh_table_prefetch_id(const struct sh_table *table, uint32_t slot) {
    row_ids_prefetch_cell(&table->ids, slot);
}

struct sh_text sh_table_id(const struct sh_table *table, uint32_t slot) {
    return row_ids_get(&table->ids, slot);
}

uint32_t sh_table_slot_end(const struct sh_table *table) {
    return table->slot_end;
}

const struct sh_bitmap *sh_table_live(const struct sh_table *table) {
    return &table->live;
}

/* ---- Forgetting ---- */

/* Room for one more forgotten slot: in quarantine, and on the stack that it moves to. */
static enum sh_status reserve_quarantine(struct sh_table *table) {
    const uint32_t waiting = table->quarantine_end - table->quarantine_first;
    if (table->quarantine_end == table->quarantine_capacity && table->quarantine_first > waiting) {
        memmove(table->quarantine, table->quarantine + table->quarantine_first, waiting * sizeof *table->quarantine);
        table->quarantine_first = 0;
        table->quarantine_end = waiting;
    }
    void *quarantine = table->quarantine;
    enum sh_status status = sh_grow(&quarantine, &table->quarantine_capacity, (uint64_t)table->quarantine_end + 1,
                                    sizeof *table->quarantine);
    table->quarantine = quarantine;
    if (status != SH_OK) return status;
    void *free_slots = table->free_slots;
    status = sh_grow(&free_slots, &table->free_capacity, (uint64_t)table->free_count + waiting + 1,
                     sizeof *table->free_slots);
    table->free_slots = free_slots;
    return status;
}

/* What the row alone was tagged with is not remembered either: the tag keeps its code and loses its text. */
static enum sh_status forget_tags(struct sh_table *table, uint32_t slot, uint32_t tag_set) {
    struct tag_set *set = table_tag_set(table, tag_set);
    uint16_t codes[SH_TAGS_PER_ROW_MAX];
    struct sh_tag_list list;
    sh_table_tags(table, slot, tag_set, &list);
    const uint32_t count = list.count;
    if (count == 0) return SH_OK;
    memcpy(codes, list.codes, count * sizeof *codes);
    const enum sh_status status = sh_table_tags_set(table, slot, tag_set, NULL, 0);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        if (sh_bitmap_count(&set->slots[codes[i]]) > 0) continue;
        sh_dictionary_erase(&set->texts, codes[i]);
        table->text_version++;
    }
    return status;
}

enum sh_status sh_table_forget(struct sh_table *table, uint32_t slot, uint64_t sequence) {
    sh_assert(row_ids_has(&table->ids, slot));
    enum sh_status status = reserve_quarantine(table);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < table->attribute_count; i++)
        if ((status = sh_table_clear(table, slot, i)) != SH_OK) return status;
    for (uint32_t i = 0; i < table->tag_set_count; i++)
        if ((status = forget_tags(table, slot, i)) != SH_OK) return status;
    status = sh_bitmap_remove(&table->live, slot, NULL);
    if (status != SH_OK) return status;
    row_ids_remove(&table->ids, slot);
    table->quarantine[table->quarantine_end++] = (struct quarantined){.slot = slot, .sequence = sequence};
    return SH_OK;
}

void sh_table_reuse_before(struct sh_table *table, uint64_t sequence) {
    while (table->quarantine_first < table->quarantine_end &&
           table->quarantine[table->quarantine_first].sequence < sequence)
        table->free_slots[table->free_count++] = table->quarantine[table->quarantine_first++].slot;
    for (uint32_t i = 0; i < table->attribute_count; i++)
        if (table->attributes[i].uses != NULL) attribute_erase_idle_texts(table, &table->attributes[i]);
}

uint32_t sh_table_quarantine_count(const struct sh_table *table) {
    return table->quarantine_end - table->quarantine_first;
}

/* ---- Upkeep ---- */

static size_t bitmaps_bytes(const struct sh_bitmap *bitmaps, uint32_t count, uint32_t capacity) {
    size_t bytes = capacity * sizeof *bitmaps;
    for (uint32_t i = 0; i < count; i++)
        bytes += sh_bitmap_memory_bytes(&bitmaps[i]);
    return bytes;
}

void sh_table_memory(const struct sh_table *table, struct sh_table_memory *memory) {
    *memory = (struct sh_table_memory){.ids = row_ids_memory_bytes(&table->ids)};
    size_t small =
        sizeof *table + sh_bitmap_memory_bytes(&table->live) + sh_hash_index_memory_bytes(&table->names) +
        table->free_capacity * sizeof *table->free_slots + table->quarantine_capacity * sizeof *table->quarantine +
        table->attribute_capacity * sizeof *table->attributes + table->tag_set_capacity * sizeof *table->tag_sets;
    for (uint32_t i = 0; i < table->attribute_count; i++) {
        const struct sh_attribute *attribute = &table->attributes[i];
        memory->slices += attribute->column.slice_bytes;
        memory->columns += sh_column_memory_bytes(&attribute->column) - attribute->column.slice_bytes;
        memory->dictionaries += sh_dictionary_memory_bytes(&attribute->texts) + text_uses_memory_bytes(attribute->uses);
        if (attribute->has_value_bitmaps)
            memory->value_bitmaps +=
                bitmaps_bytes(attribute->values, attribute->value_count, attribute->value_capacity);
        if (attribute->type == SH_TYPE_ENUM) small += 2 * sizeof(uint32_t) * attribute->texts.count;
    }
    for (uint32_t i = 0; i < table->tag_set_count; i++) {
        const struct tag_set *set = &table->tag_sets[i];
        memory->tag_bitmaps += bitmaps_bytes(set->slots, set->texts.count, set->slots_capacity);
        memory->tag_lists += set->lists.bytes;
        memory->dictionaries += sh_dictionary_memory_bytes(&set->texts);
    }
    memory->tag_lists += tag_timers_memory_bytes(&table->timers);
    memory->total = memory->ids + memory->columns + memory->slices + memory->value_bitmaps + memory->tag_bitmaps +
                    memory->tag_lists + memory->dictionaries + small;
}
