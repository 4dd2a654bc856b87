#include "merge_segments.h"

#include "bounds.h"

/* The shards' entries of one segment. */
struct same {
    struct sh_answer_map maps[SH_SHARD_COUNT_MAX];
    uint32_t count;
};

/* The entry of that name, looked for from where the list stands: all lists have the same order. */
static bool find_entry(struct sh_answer_list *list, struct sh_text name, struct sh_answer_map *map) {
    struct sh_answer_list ahead = *list;
    while (sh_answer_list_next(&ahead)) {
        const struct sh_answer_pair pair = {.begin = ahead.begin, .end = ahead.end};
        sh_answer_map_read(map, &pair);
        if (!sh_text_equal(sh_answer_map_text(map, "name"), name)) continue;
        *list = ahead;
        return true;
    }
    return false;
}

static uint64_t sum_of_counts(const struct same *same) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < same->count; i++)
        sum += sh_answer_map_uint(&same->maps[i], "count");
    return sum;
}

static int64_t time_of(const struct sh_answer_map *map) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, "counted_at");
    struct sh_cursor cursor;
    struct sh_value value;
    sh_cursor_init(&cursor, pair->begin, (size_t)(pair->end - pair->begin));
    const enum sh_status status = sh_cursor_next(&cursor, &value, NULL);
    sh_assert(status == SH_OK);
    return value.integer;
}

static int64_t oldest_time(const struct same *same) {
    int64_t oldest = time_of(&same->maps[0]);
    for (uint32_t i = 1; i < same->count; i++) {
        const int64_t time = time_of(&same->maps[i]);
        if (time < oldest) oldest = time;
    }
    return oldest;
}

/* The first shard's entry with what all of them counted. */
static void pack_entry(const struct same *same, msgpack_packer *packer, struct sh_buffer *merged) {
    const struct sh_answer_map *first = &same->maps[0];
    const struct sh_answer_pair *problem = NULL;
    for (uint32_t i = 0; i < same->count && problem == NULL; i++)
        problem = sh_answer_map_find(&same->maps[i], "problem");
    const bool is_counted = problem == NULL && sh_answer_map_find(first, "count") != NULL;
    uint32_t pair_count = 0;
    static const char *const kept[] = {"name", "version", "where", "changed_at", "note"};
    for (uint32_t i = 0; i < 5; i++)
        pair_count += sh_answer_map_find(first, kept[i]) != NULL;
    (void)msgpack_pack_map(packer, pair_count + 2u * is_counted + (problem != NULL));
    for (uint32_t i = 0; i < 5; i++) {
        const struct sh_answer_pair *pair = sh_answer_map_find(first, kept[i]);
        if (pair == NULL) continue;
        sh_pack_literal(packer, kept[i]);
        sh_buffer_append(merged, pair->begin, (size_t)(pair->end - pair->begin));
    }
    if (is_counted) {
        sh_pack_literal(packer, "count");
        (void)msgpack_pack_uint64(packer, sum_of_counts(same));
        sh_pack_literal(packer, "counted_at");
        (void)msgpack_pack_int64(packer, oldest_time(same));
    }
    if (problem == NULL) return;
    sh_pack_literal(packer, "problem");
    sh_buffer_append(merged, problem->begin, (size_t)(problem->end - problem->begin));
}

static void begin_lists(const struct sh_answer_map *maps, uint32_t count, const char *name,
                        struct sh_answer_list *lists) {
    for (uint32_t i = 0; i < count; i++)
        sh_answer_list_begin(&lists[i], sh_answer_map_find(&maps[i], name));
}

/* The first shard's next entry that all shards have. */
static bool next_entry(struct sh_answer_list *lists, uint32_t count, struct same *same) {
    same->count = count;
    while (sh_answer_list_next(&lists[0])) {
        const struct sh_answer_pair pair = {.begin = lists[0].begin, .end = lists[0].end};
        sh_answer_map_read(&same->maps[0], &pair);
        const struct sh_text name = sh_answer_map_text(&same->maps[0], "name");
        uint32_t found = 1;
        while (found < count && find_entry(&lists[found], name, &same->maps[found]))
            found++;
        if (found == count) return true;
    }
    return false;
}

static void merge_entries(const struct sh_answer_map *maps, uint32_t count, const char *name,
                          void (*pack)(const struct same *same, msgpack_packer *packer, struct sh_buffer *merged),
                          struct sh_buffer *merged) {
    struct sh_answer_list lists[SH_SHARD_COUNT_MAX];
    struct same same;
    uint32_t entry_count = 0;
    msgpack_packer packer;
    sh_buffer_packer(merged, &packer);
    begin_lists(maps, count, name, lists);
    while (next_entry(lists, count, &same))
        entry_count++;
    (void)msgpack_pack_array(&packer, entry_count);
    begin_lists(maps, count, name, lists);
    while (next_entry(lists, count, &same))
        pack(&same, &packer, merged);
}

void sh_merge_segments(const struct sh_answer_map *maps, uint32_t count, struct sh_buffer *merged) {
    merge_entries(maps, count, "segments", pack_entry, merged);
}

static void pack_rule(const struct same *same, msgpack_packer *packer, struct sh_buffer *merged) {
    static const char *const kept[] = {"name", "on", "tag_set", "tag", "ttl_days", "note", "changed_at"};
    const struct sh_answer_map *first = &same->maps[0];
    uint32_t pair_count = 1;
    for (uint32_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        pair_count += sh_answer_map_find(first, kept[i]) != NULL;
    (void)msgpack_pack_map(packer, pair_count);
    for (uint32_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        const struct sh_answer_pair *pair = sh_answer_map_find(first, kept[i]);
        if (pair == NULL) continue;
        sh_pack_literal(packer, kept[i]);
        sh_buffer_append(merged, pair->begin, (size_t)(pair->end - pair->begin));
    }
    uint64_t given = 0;
    for (uint32_t i = 0; i < same->count; i++)
        given += sh_answer_map_uint(&same->maps[i], "given");
    sh_pack_literal(packer, "given");
    (void)msgpack_pack_uint64(packer, given);
}

void sh_merge_rules(const struct sh_answer_map *maps, uint32_t count, struct sh_buffer *merged) {
    merge_entries(maps, count, "rules", pack_rule, merged);
}
