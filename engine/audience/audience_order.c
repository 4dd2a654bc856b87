/* audience_order.c -- see audience_order.h.
 *
 * HOW ALL ROWS ARE SORTED. sh_sorter_add sorts the rows of its block: that is one run, some milliseconds of work at
 * most. When the last block is in, the runs' first rows stand in a heap; each row taken from it is the next of the
 * answer. n rows in r runs cost about log2(65536) compares in their block and log2(r) in the merge. Both are cut into
 * steps, so ten million rows never hold the thread for longer than a block does.
 */
#include "audience_order.h"

#include <stdlib.h>

#include "memory.h"

struct entry {
    uint64_t key;
    uint64_t id_high;
    uint64_t id_low;
    uint32_t slot;
    uint32_t code; /* SH_CODE_NONE: no value */
};
_Static_assert(sizeof(struct entry) == 32, "two rows a cache line");

struct run {
    uint32_t at; /* the next entry to take */
    uint32_t end;
};

struct sh_sorter {
    const struct sh_table *table;
    const struct sh_attribute *attribute; /* looked up anew for each block: a table may move it */
    struct sh_order order;
    uint32_t limit; /* 0: all */
    bool keep_keys;
    bool finishing;
    struct entry *entries; /* limit > 0: a heap, the worst on top */
    uint32_t count;
    uint32_t capacity;
    struct run *runs; /* while finishing: a heap, the run with the earliest row on top */
    uint32_t run_count;
    uint32_t run_capacity;
    uint32_t last_code; /* of the text that stands last in rows.texts */
    struct sh_ordered rows;
};

enum sh_status sh_order_find(const struct sh_table *table, struct sh_text name, bool descending, struct sh_order *order,
                             struct sh_error *err) {
    *order = (struct sh_order){.descending = descending};
    const int32_t found = sh_table_find_attribute(table, name);
    if (found >= 0) {
        order->attribute = (uint32_t)found;
        order->by =
            sh_table_attribute(table, order->attribute)->type == SH_TYPE_STRING ? SH_ORDER_TEXT : SH_ORDER_NUMBER;
        return SH_OK;
    }
    if (sh_text_equal(name, SH_TEXT_LITERAL("id"))) {
        order->by = SH_ORDER_ID;
        return SH_OK;
    }
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    sh_nearest_offer(&search, SH_TEXT_LITERAL("id"));
    for (uint32_t i = 0; i < sh_table_attribute_count(table); i++)
        sh_nearest_offer(&search, sh_table_attribute(table, i)->name);
    (void)sh_fail(err, SH_ERR_NAME, -1, "there is no attribute `%.*s` to order by", SH_TEXT_ARGS(name));
    if (search.nearest.count > 0)
        return sh_fail_hint(err, SH_ERR_NAME, "did you mean `%.*s`?", SH_TEXT_ARGS(search.nearest));
    return SH_ERR_NAME;
}

bool sh_order_find_derived(const struct sh_table *table, const struct sh_derived *derived, int64_t now_ms,
                           struct sh_text name, bool descending, struct sh_order *order) {
    const int32_t found = sh_table_find_attribute(table, name) >= 0 ? -1 : sh_derived_find(derived, name);
    if (found < 0) return false;
    *order = (struct sh_order){.by = SH_ORDER_NUMBER,
                               .attribute = (uint32_t)found,
                               .descending = descending,
                               .derived = derived,
                               .now_ms = now_ms};
    return true;
}

void sh_ordered_deinit(struct sh_ordered *ordered) {
    sh_free(ordered->slots);
    sh_free(ordered->keys);
    sh_buffer_deinit(&ordered->texts);
    *ordered = (struct sh_ordered){0};
}

/* ---- One row as an entry ---- */

/* Bytes `from` to `from + 7` of a text as a number that compares as they do. */
static uint64_t text_word(struct sh_text text, uint32_t from) {
    uint64_t word = 0;
    if (text.count <= from) return 0;
    const uint32_t count = text.count - from < 8 ? text.count - from : 8;
    memcpy(&word, text.bytes + from, count);
    return __builtin_bswap64(word);
}
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "text_word swaps");

/* Key and code of a value that is there. */
static void entry_value(const struct sh_sorter *sorter, int64_t value, struct entry *entry) {
    entry->code = 0;
    switch (sorter->attribute == NULL ? SH_TYPE_INT : sorter->attribute->type) { /* derived: codes are ranks */
    case SH_TYPE_STRING:
        entry->code = (uint32_t)value;
        entry->key = text_word(sh_attribute_text(sorter->attribute, (uint32_t)value), 0);
        break;
    case SH_TYPE_ENUM:
        entry->key = sorter->attribute->rank_of_code[value];
        break;
    default:
        entry->key = (uint64_t)value ^ (uint64_t)1 << 63;
        break;
    }
    if (sorter->order.descending) entry->key = ~entry->key;
}

static void entry_id(const struct sh_sorter *sorter, struct entry *entry) {
    const struct sh_text id = sh_table_id(sorter->table, entry->slot);
    entry->id_high = text_word(id, 0);
    entry->id_low = text_word(id, 8);
}

static int compare_words(uint64_t a, uint64_t b) {
    return a < b ? -1 : a > b;
}

static int compare_ids(const struct sh_sorter *sorter, const struct entry *a, const struct entry *b) {
    int order = compare_words(a->id_high, b->id_high);
    if (order == 0) order = compare_words(a->id_low, b->id_low);
    /* Ids that differ only behind byte 16 have all 16 bytes, none of which is zero. */
    if (order == 0 && (a->id_low & 0xFF) != 0)
        order = sh_text_compare(sh_table_id(sorter->table, a->slot), sh_table_id(sorter->table, b->slot));
    return order;
}

static int compare_entries(const void *left, const void *right, void *context) {
    const struct sh_sorter *sorter = context;
    const struct entry *a = left;
    const struct entry *b = right;
    if (sorter->order.by == SH_ORDER_ID)
        return sorter->order.descending ? compare_ids(sorter, b, a) : compare_ids(sorter, a, b);
    const bool a_missing = a->code == SH_CODE_NONE;
    const bool b_missing = b->code == SH_CODE_NONE;
    if (a_missing != b_missing) return a_missing ? 1 : -1;
    if (a->key != b->key) return a->key < b->key ? -1 : 1;
    if (a->code != b->code) { /* texts with the same first 8 bytes */
        const int order = sh_text_compare(sh_attribute_text(sorter->attribute, a->code),
                                          sh_attribute_text(sorter->attribute, b->code));
        return sorter->order.descending ? -order : order;
    }
    return compare_ids(sorter, a, b);
}

/* ---- Life ---- */

struct sh_sorter *sh_sorter_create(const struct sh_table *table, const struct sh_order *order, uint32_t limit,
                                   bool keep_keys) {
    sh_assert(order->by != SH_ORDER_NONE);
    struct sh_sorter *sorter = sh_alloc_zero(sizeof *sorter);
    if (sorter == NULL) return NULL;
    sorter->table = table;
    sorter->order = *order;
    sorter->limit = limit;
    sorter->keep_keys = keep_keys;
    return sorter;
}

void sh_sorter_destroy(struct sh_sorter *sorter) {
    if (sorter == NULL) return;
    sh_free(sorter->entries);
    sh_free(sorter->runs);
    sh_ordered_deinit(&sorter->rows);
    sh_free(sorter);
}

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while ordering an audience");
}

static void refresh_attribute(struct sh_sorter *sorter) {
    if (sorter->order.by != SH_ORDER_ID && sorter->order.derived == NULL)
        sorter->attribute = sh_table_attribute(sorter->table, sorter->order.attribute);
}

/* ---- The best n: a heap with the worst on top ---- */

static void heap_sink(struct sh_sorter *sorter, uint32_t at) {
    struct entry *heap = sorter->entries;
    const struct entry moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= sorter->count) break;
        if (child + 1 < sorter->count && compare_entries(&heap[child], &heap[child + 1], sorter) < 0) child++;
        if (compare_entries(&moved, &heap[child], sorter) >= 0) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void heap_rise(struct sh_sorter *sorter, uint32_t at) {
    struct entry *heap = sorter->entries;
    const struct entry moved = heap[at];
    while (at > 0) {
        const uint32_t parent = (at - 1) / 2;
        if (compare_entries(&moved, &heap[parent], sorter) <= 0) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = moved;
}

static enum sh_status heap_offer(struct sh_sorter *sorter, struct entry *entry, struct sh_error *err) {
    if (sorter->count == sorter->limit) {
        const struct entry *worst = &sorter->entries[0];
        /* The glance: no id is read for a row that is worse by its value alone. */
        if (worst->code != SH_CODE_NONE && (entry->code == SH_CODE_NONE || entry->key > worst->key)) return SH_OK;
        entry_id(sorter, entry);
        if (compare_entries(entry, worst, sorter) >= 0) return SH_OK;
        sorter->entries[0] = *entry;
        heap_sink(sorter, 0);
        return SH_OK;
    }
    entry_id(sorter, entry);
    if (sh_grow((void **)&sorter->entries, &sorter->capacity, (uint64_t)sorter->count + 1, sizeof *entry) != SH_OK)
        return fail_memory(err);
    sorter->entries[sorter->count++] = *entry;
    heap_rise(sorter, sorter->count - 1);
    return SH_OK;
}

/* No value of the block can be among the best n? */
static bool block_is_late(const struct sh_sorter *sorter, const struct sh_strip *strip) {
    if (sorter->limit == 0 || sorter->count < sorter->limit) return false;
    if (sorter->entries[0].code == SH_CODE_NONE) return false;
    if (strip == NULL || strip->min > strip->max) return true; /* all missing, and there are n with a value */
    const enum sh_type type = sorter->attribute->type;
    if (type == SH_TYPE_STRING || type == SH_TYPE_ENUM) return false; /* codes are in another order */
    struct entry best = {.key = 0};
    entry_value(sorter, sorter->order.descending ? strip->max : strip->min, &best);
    return best.key > sorter->entries[0].key;
}

bool sh_sorter_can_narrow(const struct sh_sorter *sorter) {
    if (sorter->order.by != SH_ORDER_NUMBER || sorter->order.derived != NULL) return false;
    if (sorter->limit == 0 || sorter->count < sorter->limit) return false;
    if (sorter->entries[0].code == SH_CODE_NONE) return false; /* even a row without a value may come in */
    /* The column of an enum holds codes, which are in another order than ranks. */
    return sh_table_attribute(sorter->table, sorter->order.attribute)->type != SH_TYPE_ENUM;
}

bool sh_sorter_narrow(struct sh_sorter *sorter, uint32_t block, uint64_t *words, uint32_t *count) {
    if (!sh_sorter_can_narrow(sorter)) return false;
    refresh_attribute(sorter);
    /* As good as the worst is still good enough: ties go by id. */
    uint64_t key = sorter->entries[0].key;
    if (sorter->order.descending) key = ~key;
    const int64_t worst = (int64_t)(key ^ (uint64_t)1 << 63);
    const int64_t low = sorter->order.descending ? worst : INT64_MIN;
    const int64_t high = sorter->order.descending ? INT64_MAX : worst;
    sh_column_range_among(&sorter->attribute->column, block, low, high, *count, words);
    *count = (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS);
    return true;
}

/* ---- Adding a block ---- */

static enum sh_status add_run(struct sh_sorter *sorter, uint32_t first, struct sh_error *err) {
    if (first == sorter->count) return SH_OK;
    if (sh_grow((void **)&sorter->runs, &sorter->run_capacity, (uint64_t)sorter->run_count + 1, sizeof *sorter->runs) !=
        SH_OK)
        return fail_memory(err);
    qsort_r(sorter->entries + first, sorter->count - first, sizeof *sorter->entries, compare_entries, sorter);
    sorter->runs[sorter->run_count++] = (struct run){first, sorter->count};
    return SH_OK;
}

static bool row_value(const struct sh_sorter *sorter, const struct sh_strip *strip, uint32_t slot, int64_t *value) {
    const struct sh_order *order = &sorter->order;
    if (order->derived != NULL) return sh_derived_get(order->derived, order->attribute, slot, order->now_ms, value);
    return strip != NULL && sh_strip_get(strip, slot % SH_BLOCK_SLOTS, value);
}

enum sh_status sh_sorter_add(struct sh_sorter *sorter, uint32_t block, const uint32_t *slots, uint32_t slot_count,
                             struct sh_error *err) {
    sh_assert(!sorter->finishing);
    if (slot_count == 0) return SH_OK;
    refresh_attribute(sorter);
    const struct sh_strip *strip = NULL;
    if (sorter->attribute != NULL) {
        strip = sh_column_block(&sorter->attribute->column, block);
        if (block_is_late(sorter, strip)) return SH_OK;
    }
    const uint32_t first = sorter->count;
    if (sorter->limit == 0) {
        if (sorter->count + (uint64_t)slot_count > SH_ORDERED_COUNT_MAX)
            return sh_fail(err, SH_ERR_LIMIT, -1, "more than %d users would have to be put in order",
                           SH_ORDERED_COUNT_MAX);
        if (sh_grow((void **)&sorter->entries, &sorter->capacity, sorter->count + (uint64_t)slot_count,
                    sizeof *sorter->entries) != SH_OK)
            return fail_memory(err);
    }
    for (uint32_t i = 0; i < slot_count; i++) {
        if (i + 16 < slot_count) sh_table_prefetch_id(sorter->table, slots[i + 16]);
        struct entry entry = {.slot = slots[i], .code = sorter->order.by == SH_ORDER_ID ? 0 : SH_CODE_NONE};
        int64_t value;
        if (row_value(sorter, strip, slots[i], &value)) entry_value(sorter, value, &entry);
        if (sorter->limit > 0) {
            const enum sh_status status = heap_offer(sorter, &entry, err);
            if (status != SH_OK) return status;
        } else {
            entry_id(sorter, &entry);
            sorter->entries[sorter->count++] = entry;
        }
    }
    return sorter->limit > 0 ? SH_OK : add_run(sorter, first, err);
}

/* ---- Bringing them in order ---- */

static bool run_is_before(struct sh_sorter *sorter, struct run a, struct run b) {
    return compare_entries(&sorter->entries[a.at], &sorter->entries[b.at], sorter) < 0;
}

static void runs_sink(struct sh_sorter *sorter, uint32_t at) {
    struct run *heap = sorter->runs;
    const struct run moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= sorter->run_count) break;
        if (child + 1 < sorter->run_count && run_is_before(sorter, heap[child + 1], heap[child])) child++;
        if (!run_is_before(sorter, heap[child], moved)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static enum sh_status begin_finish(struct sh_sorter *sorter, struct sh_error *err) {
    refresh_attribute(sorter);
    struct sh_ordered *rows = &sorter->rows;
    sh_buffer_init(&rows->texts, SH_ANSWER_BYTES_MAX);
    sorter->last_code = SH_CODE_NONE;
    if (sh_grow((void **)&rows->slots, &rows->capacity, sorter->count, sizeof *rows->slots) != SH_OK)
        return fail_memory(err);
    if (sorter->keep_keys &&
        sh_grow((void **)&rows->keys, &rows->key_capacity, (uint64_t)sorter->count + 1, sizeof *rows->keys) != SH_OK)
        return fail_memory(err);
    if (sorter->limit > 0) {
        const enum sh_status status = add_run(sorter, 0, err);
        if (status != SH_OK) return status;
    }
    for (uint32_t i = sorter->run_count / 2; i > 0; i--)
        runs_sink(sorter, i - 1);
    sorter->finishing = true;
    return SH_OK;
}

/* What the entry was ordered by. Equal texts stand behind each other and are kept once. */
static struct sh_order_key key_of(struct sh_sorter *sorter, const struct entry *entry) {
    if (entry->code == SH_CODE_NONE || sorter->order.by != SH_ORDER_TEXT)
        return (struct sh_order_key){entry->key, entry->code};
    const struct sh_text text = sh_attribute_text(sorter->attribute, entry->code);
    if (entry->code != sorter->last_code) sh_buffer_append_text(&sorter->rows.texts, text);
    sorter->last_code = entry->code;
    return (struct sh_order_key){sorter->rows.texts.count - text.count, text.count};
}

enum sh_status sh_sorter_finish(struct sh_sorter *sorter, uint64_t row_count, bool *done, struct sh_error *err) {
    *done = false;
    if (!sorter->finishing) {
        const enum sh_status status = begin_finish(sorter, err);
        if (status != SH_OK) return status;
    }
    refresh_attribute(sorter);
    struct sh_ordered *rows = &sorter->rows;
    for (uint64_t i = 0; i < row_count && sorter->run_count > 0; i++) {
        struct run *first = &sorter->runs[0];
        const struct entry *entry = &sorter->entries[first->at];
        if (rows->keys != NULL) rows->keys[rows->count] = key_of(sorter, entry);
        rows->slots[rows->count++] = entry->slot;
        if (++first->at == first->end) *first = sorter->runs[--sorter->run_count];
        if (sorter->run_count > 1) runs_sink(sorter, 0);
    }
    if (sorter->run_count > 0) return SH_OK;
    if (rows->texts.failed) return fail_memory(err);
    sh_free(sorter->entries);
    sorter->entries = NULL;
    sorter->count = 0;
    sorter->capacity = 0;
    *done = true;
    return SH_OK;
}

struct sh_ordered *sh_sorter_rows(struct sh_sorter *sorter) {
    return &sorter->rows;
}
