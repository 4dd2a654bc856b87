/* table_tags.c -- tag sets: from tag to slots by bitmap, from slot to tags by list, kept alike. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "table_private.h"

/* ---- Tags ---- */

uint32_t sh_table_find_tag(const struct sh_table *table, uint32_t tag_set, struct sh_text text) {
    return sh_dictionary_find(&table_tag_set(table, tag_set)->texts, text);
}

enum sh_status sh_table_tag_code(struct sh_table *table, uint32_t tag_set, struct sh_text text, uint32_t *tag,
                                 struct sh_error *err) {
    struct tag_set *set = table_tag_set(table, tag_set);
    *tag = sh_dictionary_find(&set->texts, text);
    if (*tag != SH_CODE_NONE) return SH_OK;
    if (text.count == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "a tag must not be empty");
    void *slots = set->slots;
    enum sh_status status = sh_grow(&slots, &set->slots_capacity, (uint64_t)set->texts.count + 1, sizeof *set->slots);
    set->slots = slots;
    if (status != SH_OK) return sh_fail(err, status, -1, "no memory for a new tag");
    status = sh_dictionary_intern(&set->texts, text, tag, err);
    if (status != SH_OK) return status;
    sh_bitmap_init(&set->slots[*tag], SH_ARRAY_COUNT_FAST);
    table->text_version++;
    return SH_OK;
}

struct sh_text sh_table_tag_text(const struct sh_table *table, uint32_t tag_set, uint32_t tag) {
    return sh_dictionary_text(&table_tag_set(table, tag_set)->texts, tag);
}

uint32_t sh_table_tag_count(const struct sh_table *table, uint32_t tag_set) {
    return table_tag_set(table, tag_set)->texts.count;
}

const struct sh_bitmap *sh_table_tag_slots(const struct sh_table *table, uint32_t tag_set, uint32_t tag) {
    const struct tag_set *set = table_tag_set(table, tag_set);
    sh_assert(tag < set->texts.count);
    return &set->slots[tag];
}

void sh_table_tagged_block(const struct sh_table *table, uint32_t tag_set, uint32_t block, uint64_t *words) {
    tag_lists_block(&table_tag_set(table, tag_set)->lists, block, words);
}

/* ---- Tags of rows ---- */

void sh_table_tags(const struct sh_table *table, uint32_t slot, uint32_t tag_set, struct sh_tag_list *list) {
    tag_lists_get(&table_tag_set(table, tag_set)->lists, slot, list);
}

void sh_table_prefetch_tag_cell(const struct sh_table *table, uint32_t tag_set, uint32_t slot) {
    tag_lists_prefetch(&table_tag_set(table, tag_set)->lists, slot);
}

void sh_table_prefetch_tags(const struct sh_table *table, uint32_t tag_set, uint32_t slot) {
    tag_lists_prefetch_list(&table_tag_set(table, tag_set)->lists, slot);
}

/* Where the tag stands in the list, or where it would. Lists are short. */
static uint32_t list_place(const struct sh_tag_list *list, uint32_t tag) {
    uint32_t low = 0;
    uint32_t high = list->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (list->codes[middle] < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool sh_table_has_tag(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag) {
    struct sh_tag_list list;
    sh_table_tags(table, slot, tag_set, &list);
    const uint32_t place = list_place(&list, tag);
    return place < list.count && list.codes[place] == tag;
}

static enum sh_status tag_add(struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag) {
    struct tag_set *set = table_tag_set(table, tag_set);
    sh_assert(row_ids_has(&table->ids, slot));
    sh_assert(tag < set->texts.count);
    struct sh_tag_list list;
    tag_lists_get(&set->lists, slot, &list);
    const uint32_t place = list_place(&list, tag);
    if (place < list.count && list.codes[place] == tag) return SH_OK;
    if (list.count == SH_TAGS_PER_ROW_MAX) return SH_ERR_LIMIT;
    enum sh_status status = tag_lists_prepare(&set->lists, slot, list.count + 1);
    if (status != SH_OK) return status;
    if ((status = sh_bitmap_add(&set->slots[tag], slot, NULL)) != SH_OK) return status;
    uint16_t codes[SH_TAGS_PER_ROW_MAX];
    memcpy(codes, list.codes, place * sizeof *codes);
    codes[place] = (uint16_t)tag;
    memcpy(codes + place + 1, list.codes + place, (list.count - place) * sizeof *codes);
    tag_lists_put(&set->lists, slot, codes, list.count + 1);
    return SH_OK;
}

enum sh_status sh_table_tag_add(struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag) {
    const enum sh_status status = tag_add(table, slot, tag_set, tag);
    if (status == SH_OK) tag_timers_remove(&table->timers, slot, tag_set, tag);
    return status;
}

enum sh_status sh_table_tag_remove(struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag) {
    struct tag_set *set = table_tag_set(table, tag_set);
    struct sh_tag_list list;
    tag_lists_get(&set->lists, slot, &list);
    const uint32_t place = list_place(&list, tag);
    if (place == list.count || list.codes[place] != tag) return SH_OK;
    const enum sh_status status = sh_bitmap_remove(&set->slots[tag], slot, NULL);
    if (status != SH_OK) return status;
    tag_timers_remove(&table->timers, slot, tag_set, tag);
    uint16_t codes[SH_TAGS_PER_ROW_MAX];
    memcpy(codes, list.codes, place * sizeof *codes);
    memcpy(codes + place, list.codes + place + 1, (list.count - place - 1) * sizeof *codes);
    tag_lists_put(&set->lists, slot, codes, list.count - 1);
    return SH_OK;
}

static int compare_codes(const void *a, const void *b) {
    return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Ascending, without doubles; SH_ERR_LIMIT if there are too many different ones. */
static enum sh_status sort_tags(const struct tag_set *set, const uint32_t *tags, uint32_t tag_count,
                                uint16_t codes[SH_TAGS_PER_ROW_MAX], uint32_t *code_count) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < tag_count; i++) {
        sh_assert(tags[i] < set->texts.count);
        if (count > 0 && codes[count - 1] == tags[i]) continue;
        if (count == SH_TAGS_PER_ROW_MAX) return SH_ERR_LIMIT;
        codes[count++] = (uint16_t)tags[i];
    }
    if (count > 1) qsort(codes, count, sizeof *codes, compare_codes);
    *code_count = 0;
    for (uint32_t i = 0; i < count; i++)
        if (i == 0 || codes[i] != codes[i - 1]) codes[(*code_count)++] = codes[i];
    return SH_OK;
}

/* The slot leaves the bitmaps of what is in `from` only and enters those of what is in `to` only. Both ascend.
 * `all` gets the union of both; *all_count its length. Stops at the first failure. */
static enum sh_status change_bitmaps(struct tag_set *set, uint32_t slot, const uint16_t *from, uint32_t from_count,
                                     const uint16_t *to, uint32_t to_count) {
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < from_count || k < to_count) {
        enum sh_status status = SH_OK;
        if (k == to_count || (i < from_count && from[i] < to[k])) {
            status = sh_bitmap_remove(&set->slots[from[i++]], slot, NULL);
        } else if (i == from_count || to[k] < from[i]) {
            status = sh_bitmap_add(&set->slots[to[k++]], slot, NULL);
        } else {
            i++;
            k++;
        }
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* After a failure half way: back to the old tags, one by one, and the list becomes what the bitmaps then say. */
static void restore_bitmaps(struct tag_set *set, uint32_t slot, const uint16_t *old, uint32_t old_count,
                            const uint16_t *new, uint32_t new_count) {
    uint16_t kept[2 * SH_TAGS_PER_ROW_MAX];
    uint32_t kept_count = 0;
    uint32_t i = 0;
    uint32_t k = 0;
    while (i < old_count || k < new_count) {
        const bool is_old = i < old_count && (k == new_count || old[i] <= new[k]);
        const uint16_t code = is_old ? old[i] : new[k];
        if (k < new_count && new[k] == code) k++;
        if (is_old) i++;
        const enum sh_status status =
            is_old ? sh_bitmap_add(&set->slots[code], slot, NULL) : sh_bitmap_remove(&set->slots[code], slot, NULL);
        if (is_old == (status == SH_OK)) kept[kept_count++] = code;
    }
    tag_lists_put(&set->lists, slot, kept, kept_count);
}

/* What is set lasts, and what is not set goes. */
static void stop_timers(struct sh_table *table, uint32_t slot, uint32_t tag_set, const uint16_t *codes,
                        uint32_t count) {
    for (uint32_t i = 0; i < count && tag_timers_first(&table->timers) != NULL; i++)
        tag_timers_remove(&table->timers, slot, tag_set, codes[i]);
}

enum sh_status sh_table_tags_set(struct sh_table *table, uint32_t slot, uint32_t tag_set, const uint32_t *tags,
                                 uint32_t tag_count) {
    struct tag_set *set = table_tag_set(table, tag_set);
    sh_assert(row_ids_has(&table->ids, slot));
    uint16_t codes[SH_TAGS_PER_ROW_MAX];
    uint32_t code_count = 0;
    enum sh_status status = sort_tags(set, tags, tag_count, codes, &code_count);
    if (status != SH_OK) return status;
    struct sh_tag_list list;
    tag_lists_get(&set->lists, slot, &list);
    if (list.count == code_count && memcmp(list.codes, codes, code_count * sizeof *codes) == 0) {
        stop_timers(table, slot, tag_set, codes, code_count);
        return SH_OK;
    }
    /* Room for both, in case that going back fails half way too. */
    if (code_count > 0 && (status = tag_lists_prepare(&set->lists, slot, list.count + code_count)) != SH_OK)
        return status;
    if (list.count > 0 && code_count > 0 && (status = tag_lists_prepare(&set->lists, slot, code_count)) != SH_OK)
        return status;
    uint16_t old[SH_TAGS_PER_ROW_MAX];
    const uint32_t old_count = list.count;
    memcpy(old, list.codes, old_count * sizeof *old);
    status = change_bitmaps(set, slot, old, old_count, codes, code_count);
    if (status == SH_OK) {
        tag_lists_put(&set->lists, slot, codes, code_count);
        stop_timers(table, slot, tag_set, old, old_count);
    } else {
        restore_bitmaps(set, slot, old, old_count, codes, code_count);
    }
    return status;
}

/* ---- Tags that end ---- */

enum sh_status sh_table_tag_add_until(struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag,
                                      int64_t until_ms) {
    const enum sh_status status = tag_add(table, slot, tag_set, tag);
    if (status != SH_OK) return status;
    if (until_ms != INT64_MAX) return tag_timers_put(&table->timers, slot, tag_set, tag, until_ms);
    tag_timers_remove(&table->timers, slot, tag_set, tag);
    return SH_OK;
}

int64_t sh_table_tag_until(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag) {
    return tag_timers_get(&table->timers, slot, tag_set, tag);
}

bool sh_table_any_ends(const struct sh_table *table) {
    return tag_timers_first(&table->timers) != NULL;
}

bool sh_table_any_ended(const struct sh_table *table, int64_t now_ms) {
    const struct tag_timer *first = tag_timers_first(&table->timers);
    return first != NULL && first->until_ms <= now_ms;
}

uint32_t sh_table_expire(struct sh_table *table, int64_t now_ms, uint32_t count_max) {
    uint32_t count = 0;
    if (now_ms > table->expired_ms) table->expired_ms = now_ms;
    for (; count < count_max && sh_table_any_ended(table, now_ms); count++) {
        const struct tag_timer timer = *tag_timers_first(&table->timers);
        if (sh_table_tag_remove(table, timer.slot, timer.set, timer.tag) != SH_OK) break; /* the next call's work */
    }
    return count;
}

uint32_t sh_table_ended_slots(const struct sh_table *table, uint32_t tag_set, uint32_t tag, int64_t now_ms,
                              uint32_t *slots, uint32_t capacity) {
    return tag_timers_ended(&table->timers, tag_set, tag, now_ms, slots, capacity);
}

bool sh_table_tag_has_ended(const struct sh_table *table, uint32_t slot, uint32_t tag_set, uint32_t tag) {
    return sh_table_any_ended(table, table->expired_ms) &&
           sh_table_tag_until(table, slot, tag_set, tag) <= table->expired_ms;
}
