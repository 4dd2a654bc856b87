#include "merge_people.h"

#include "audience_order.h"

/* One shard's rows, the first of which is looked at. */
struct source {
    struct sh_answer_list rows;
    struct sh_answer_list keys;
    bool has_row;
    bool is_missing; /* the row has no value to be ordered by */
    uint64_t number;
    struct sh_text text;
    struct sh_text id;
    uint32_t taken;
};

struct merge {
    struct source sources[SH_SHARD_COUNT_MAX];
    uint32_t source_count;
    enum sh_order_by by;
    bool descending;
    uint64_t row_count; /* of all sources */
};

/* The id of a row: the row itself, or its first cell. */
static struct sh_text id_of(const struct sh_answer_list *rows) {
    struct sh_cursor cursor;
    struct sh_value value;
    sh_cursor_init(&cursor, rows->begin, (size_t)(rows->end - rows->begin));
    enum sh_status status = sh_cursor_next(&cursor, &value, NULL);
    if (status == SH_OK && value.kind == SH_VALUE_ARRAY) status = sh_cursor_next(&cursor, &value, NULL);
    sh_assert(status == SH_OK);
    sh_assert(value.kind == SH_VALUE_STR);
    return value.text;
}

static void advance(struct merge *merge, struct source *source) {
    source->has_row = sh_answer_list_next(&source->rows);
    if (!source->has_row || merge->by == SH_ORDER_NONE) return;
    source->id = id_of(&source->rows);
    if (merge->by == SH_ORDER_ID) return;
    const bool has_key = sh_answer_list_next(&source->keys);
    sh_assert(has_key);
    const struct sh_value key = sh_answer_list_value(&source->keys);
    source->is_missing = key.kind == SH_VALUE_NIL;
    source->number = key.kind == SH_VALUE_INT || key.kind == SH_VALUE_UINT_BIG ? key.big : 0;
    source->text = key.kind == SH_VALUE_STR ? key.text : (struct sh_text){0};
}

static void add_source(struct merge *merge, const struct sh_answer_map *map, const struct sh_answer_pair *keys) {
    struct source *source = &merge->sources[merge->source_count++];
    const struct sh_answer_pair *rows = sh_answer_map_find(map, "ids");
    *source = (struct source){0};
    sh_answer_list_begin(&source->rows, rows != NULL ? rows : sh_answer_map_find(map, "rows"));
    sh_answer_list_begin(&source->keys, keys);
    merge->row_count += source->rows.left;
}

/* As compare_entries in audience_order.c. */
static bool is_before(const struct merge *merge, const struct source *a, const struct source *b) {
    if (merge->by == SH_ORDER_ID) {
        const int order = sh_text_compare(a->id, b->id);
        return merge->descending ? order > 0 : order < 0;
    }
    if (a->is_missing != b->is_missing) return b->is_missing;
    if (a->number != b->number) return a->number < b->number;
    const int order = sh_text_compare(a->text, b->text);
    if (order != 0) return merge->descending ? order > 0 : order < 0;
    return sh_text_compare(a->id, b->id) < 0;
}

static struct source *first_source(struct merge *merge) {
    struct source *first = NULL;
    for (uint32_t i = 0; i < merge->source_count; i++) {
        struct source *source = &merge->sources[i];
        if (!source->has_row) continue;
        if (first == NULL || (merge->by != SH_ORDER_NONE && is_before(merge, source, first))) first = source;
    }
    return first;
}

static void write_rows(struct merge *merge, const struct sh_answer_map *first_map, uint64_t limit,
                       struct sh_buffer *merged) {
    msgpack_packer packer;
    sh_buffer_packer(merged, &packer);
    sh_pack_literal(&packer, sh_answer_map_find(first_map, "ids") != NULL ? "ids" : "rows");
    const uint64_t count = merge->row_count < limit ? merge->row_count : limit;
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < merge->source_count; i++)
        advance(merge, &merge->sources[i]);
    for (uint64_t i = 0; i < count; i++) {
        struct source *source = first_source(merge);
        sh_buffer_append(merged, source->rows.begin, (size_t)(source->rows.end - source->rows.begin));
        source->taken++;
        advance(merge, source);
    }
}

/* The place behind the taken-th row of a frozen list. */
static uint64_t place_behind(const struct sh_answer_map *part, uint32_t taken, uint32_t offered) {
    const uint64_t start = sh_answer_map_uint(part, "start");
    if (taken == offered) return sh_answer_map_uint(part, "next");
    const struct sh_answer_pair *places = sh_answer_map_find(part, "places");
    if (places == NULL || taken == 0) return start + taken;
    struct sh_answer_list list;
    sh_answer_list_begin(&list, places);
    for (uint32_t i = 0; i < taken; i++)
        (void)sh_answer_list_next(&list);
    return sh_answer_list_value(&list).big;
}

void sh_merge_list(const struct sh_answer_map *maps, const uint32_t *shards, uint32_t part_count, uint64_t limit,
                   struct sh_page_token *token, uint64_t *skipped, struct sh_buffer *merged) {
    struct merge merge = {0};
    struct sh_answer_map parts[SH_SHARD_COUNT_MAX];
    uint32_t offered[SH_SHARD_COUNT_MAX];
    sh_assert(part_count > 0);
    parts[0].count = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        const struct sh_answer_pair *part = sh_answer_map_find(&maps[i], "part");
        sh_assert(part != NULL);
        sh_answer_map_read(&parts[i], part);
        add_source(&merge, &maps[i], sh_answer_map_find(&parts[i], "keys"));
        offered[i] = merge.sources[i].rows.left;
    }
    merge.by = (enum sh_order_by)sh_answer_map_uint(&parts[0], "by");
    merge.descending = sh_answer_map_bool(&parts[0], "desc");
    write_rows(&merge, &maps[0], limit, merged);

    token->is_ordered = merge.by != SH_ORDER_NONE;
    *skipped = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        if (sh_answer_map_find(&parts[i], "start") == NULL) continue;
        struct sh_page_place *shard = &token->shards[shards[i]];
        shard->place = place_behind(&parts[i], merge.sources[i].taken, offered[i]);
        shard->count = sh_answer_map_uint(&parts[i], "count");
        *skipped += shard->place - sh_answer_map_uint(&parts[i], "start") - merge.sources[i].taken;
    }
}

void sh_merge_sample(const struct sh_answer_map *maps, uint32_t part_count, uint64_t limit, struct sh_buffer *merged) {
    struct merge merge = {.by = SH_ORDER_NUMBER}; /* mixes ascend, ties go by id */
    for (uint32_t i = 0; i < part_count; i++)
        add_source(&merge, &maps[i], sh_answer_map_find(&maps[i], "mixes"));
    write_rows(&merge, &maps[0], limit, merged);
}
