#include "merge_funnel.h"

#include <stdlib.h>

#include "memory.h"

/* ---- Tallies ---- */

enum sh_status sh_tally_pack(const struct sh_tally *tally, uint32_t unit, msgpack_packer *packer,
                             struct sh_error *err) {
    const uint64_t count = sh_tally_value_count(tally);
    struct sh_tally_entry *entries = sh_alloc((count + 1) * sizeof *entries);
    if (entries == NULL) return sh_fail_memory(err);
    sh_tally_list(tally, entries);
    (void)msgpack_pack_array(packer, 2 * count);
    for (uint64_t i = 0; i < count; i++) {
        (void)msgpack_pack_int64(packer, entries[i].value * unit);
        (void)msgpack_pack_uint64(packer, entries[i].count);
    }
    sh_free(entries);
    return SH_OK;
}

static uint64_t next_number(struct sh_answer_list *list) {
    const bool has_next = sh_answer_list_next(list);
    sh_assert(has_next);
    return (uint64_t)sh_answer_list_value(list).integer;
}

static void take_next(struct sh_tally_walk *walk, uint32_t i) {
    walk->counts[i] = 0;
    if (walk->lists[i].left == 0) return;
    walk->values[i] = next_number(&walk->lists[i]);
    walk->counts[i] = next_number(&walk->lists[i]);
}

void sh_tally_walk_begin(struct sh_tally_walk *walk, const struct sh_answer_pair *tallies, uint32_t count) {
    sh_assert(count <= SH_SHARD_COUNT_MAX);
    walk->count = count;
    for (uint32_t i = 0; i < count; i++) {
        sh_answer_list_begin(&walk->lists[i], &tallies[i]);
        take_next(walk, i);
    }
}

bool sh_tally_walk_next(struct sh_tally_walk *walk, uint64_t *value, uint64_t *count) {
    *value = UINT64_MAX;
    *count = 0;
    for (uint32_t i = 0; i < walk->count; i++)
        if (walk->counts[i] > 0 && walk->values[i] < *value) *value = walk->values[i];
    for (uint32_t i = 0; i < walk->count; i++) {
        if (walk->counts[i] == 0 || walk->values[i] != *value) continue;
        *count += walk->counts[i];
        take_next(walk, i);
    }
    return *count > 0;
}

bool sh_tally_median(const struct sh_answer_pair *tallies, uint32_t count, uint64_t *median) {
    struct sh_tally_walk walk;
    uint64_t total = 0;
    uint64_t before = 0;
    uint64_t here;
    sh_tally_walk_begin(&walk, tallies, count);
    while (sh_tally_walk_next(&walk, median, &here))
        total += here;
    sh_tally_walk_begin(&walk, tallies, count);
    while (sh_tally_walk_next(&walk, median, &here)) {
        before += here;
        if (before >= (total + 1) / 2) return true;
    }
    return false;
}

/* ---- Steps ---- */

/* Element `place` of the array under a key. */
static struct sh_answer_pair element_of(const struct sh_answer_map *map, const char *name, uint32_t place) {
    struct sh_answer_list list;
    sh_answer_list_begin(&list, sh_answer_map_find(map, name));
    for (uint32_t i = 0; i <= place; i++) {
        const bool has_next = sh_answer_list_next(&list);
        sh_assert(has_next);
    }
    return (struct sh_answer_pair){.begin = list.begin, .end = list.end};
}

static void add_counts(const struct sh_answer_map *maps, uint32_t part_count, const char *name, uint64_t *sums,
                       uint32_t count) {
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], name));
        for (uint32_t at = 0; at < count; at++)
            sums[at] += next_number(&list);
    }
}

static void pack_counts(const uint64_t *counts, uint32_t count, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        (void)msgpack_pack_uint64(packer, counts[i]);
}

static void pack_share(const char *name, uint64_t count, uint64_t of, msgpack_packer *packer) {
    sh_pack_literal(packer, name);
    if (of == 0)
        (void)msgpack_pack_nil(packer);
    else
        (void)msgpack_pack_double(packer, (double)count / (double)of);
}

static void pack_median(const struct sh_answer_map *maps, uint32_t part_count, const char *name, const char *key,
                        uint32_t step, msgpack_packer *packer) {
    struct sh_answer_pair tallies[SH_SHARD_COUNT_MAX];
    uint64_t median;
    for (uint32_t i = 0; i < part_count && step > 0; i++)
        tallies[i] = element_of(&maps[i], name, step - 1);
    sh_pack_literal(packer, key);
    if (step > 0 && sh_tally_median(tallies, part_count, &median))
        (void)msgpack_pack_uint64(packer, median);
    else
        (void)msgpack_pack_nil(packer);
}

static void pack_element(const struct sh_answer_map *map, const char *name, const char *key, uint32_t step,
                         msgpack_packer *packer, struct sh_buffer *merged) {
    const struct sh_answer_pair element = element_of(map, name, step);
    sh_pack_literal(packer, key);
    sh_buffer_append(merged, element.begin, (size_t)(element.end - element.begin));
}

static void pack_step(const struct sh_answer_map *maps, uint32_t part_count, const uint64_t *users, uint32_t step,
                      uint32_t step_count, msgpack_packer *packer, struct sh_buffer *merged) {
    const bool is_last = step + 1 == step_count;
    (void)msgpack_pack_map(packer, 8);
    pack_element(&maps[0], "steps", "step", step, packer, merged);
    sh_pack_literal(packer, "users");
    (void)msgpack_pack_uint64(packer, users[step]);
    pack_share("of_first", users[step], users[0], packer);
    pack_share("of_previous", users[step], users[step == 0 ? 0 : step - 1], packer);
    pack_median(maps, part_count, "from_first", "from_first_s", step, packer);
    pack_median(maps, part_count, "from_previous", "from_previous_s", step, packer);
    pack_element(&maps[0], "reached", "reached", step, packer, merged);
    if (!is_last) {
        pack_element(&maps[0], "dropped", "dropped", step, packer, merged);
        return;
    }
    sh_pack_literal(packer, "dropped");
    (void)msgpack_pack_nil(packer);
}

/* ---- By an attribute ---- */

struct row {
    struct sh_text text;
    uint64_t counts[SH_SEQUENCE_STEP_COUNT_MAX];
};

static int compare_texts(const void *left, const void *right) {
    return sh_text_compare(((const struct row *)left)->text, ((const struct row *)right)->text);
}

/* Most people first, ties by text. */
static int compare_counts(const void *left, const void *right) {
    const struct row *a = left;
    const struct row *b = right;
    if (a->counts[0] != b->counts[0]) return a->counts[0] > b->counts[0] ? -1 : 1;
    return sh_text_compare(a->text, b->text);
}

/* The rows of all parts, each text once. */
static uint32_t gather_rows(const struct sh_answer_map *maps, uint32_t part_count, uint32_t step_count,
                            struct row *rows) {
    uint32_t count = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "values"));
        while (sh_answer_list_next(&list)) {
            struct row *row = &rows[count++];
            *row = (struct row){.text = sh_answer_list_value(&list).text};
            for (uint32_t step = 0; step < step_count; step++)
                row->counts[step] = next_number(&list);
        }
    }
    if (count > 0) qsort(rows, count, sizeof *rows, compare_texts);
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || !sh_text_equal(rows[kept - 1].text, rows[i].text)) {
            rows[kept++] = rows[i];
            continue;
        }
        for (uint32_t step = 0; step < step_count; step++)
            rows[kept - 1].counts[step] += rows[i].counts[step];
    }
    if (kept > 0) qsort(rows, kept, sizeof *rows, compare_counts);
    return kept;
}

static enum sh_status pack_by(const struct sh_answer_map *maps, uint32_t part_count, uint32_t step_count,
                              msgpack_packer *packer, struct sh_error *err) {
    size_t room = 1;
    uint64_t others[SH_SEQUENCE_STEP_COUNT_MAX] = {0};
    uint64_t missing[SH_SEQUENCE_STEP_COUNT_MAX] = {0};
    const uint64_t top = sh_answer_map_uint(&maps[0], "top");
    for (uint32_t i = 0; i < part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&maps[i], "values"));
        room += list.left / (1 + step_count);
    }
    struct row *rows = sh_alloc(room * sizeof *rows);
    if (rows == NULL) return sh_fail_memory(err);
    const uint32_t row_count = gather_rows(maps, part_count, step_count, rows);
    const uint32_t shown = row_count < top ? row_count : (uint32_t)top;
    for (uint32_t i = shown; i < row_count; i++)
        for (uint32_t step = 0; step < step_count; step++)
            others[step] += rows[i].counts[step];
    add_counts(maps, part_count, "missing", missing, step_count);
    sh_pack_literal(packer, "by");
    (void)msgpack_pack_map(packer, 4);
    sh_pack_literal(packer, "attribute");
    sh_pack_text(packer, sh_answer_map_text(&maps[0], "by"));
    sh_pack_literal(packer, "values");
    (void)msgpack_pack_array(packer, shown);
    for (uint32_t i = 0; i < shown; i++) {
        (void)msgpack_pack_map(packer, 2);
        sh_pack_literal(packer, "value");
        sh_pack_text(packer, rows[i].text);
        sh_pack_literal(packer, "users");
        pack_counts(rows[i].counts, step_count, packer);
    }
    sh_pack_literal(packer, "others");
    pack_counts(others, step_count, packer);
    sh_pack_literal(packer, "missing");
    pack_counts(missing, step_count, packer);
    sh_free(rows);
    return SH_OK;
}

enum sh_status sh_merge_funnel(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                               struct sh_buffer *merged, struct sh_error *err) {
    struct sh_answer_list steps;
    uint64_t users[SH_SEQUENCE_STEP_COUNT_MAX] = {0};
    uint64_t among = 0;
    msgpack_packer packer;
    (void)request;
    sh_buffer_packer(merged, &packer);
    sh_answer_list_begin(&steps, sh_answer_map_find(&maps[0], "steps"));
    const uint32_t step_count = steps.left;
    const bool has_by = sh_answer_map_find(&maps[0], "by") != NULL;
    for (uint32_t i = 0; i < part_count; i++)
        among += sh_answer_map_uint(&maps[i], "among");
    add_counts(maps, part_count, "users", users, step_count);
    (void)msgpack_pack_map(&packer, 3u + has_by);
    sh_pack_literal(&packer, "among");
    (void)msgpack_pack_uint64(&packer, among);
    sh_pack_literal(&packer, "steps");
    (void)msgpack_pack_array(&packer, step_count);
    for (uint32_t step = 0; step < step_count; step++)
        pack_step(maps, part_count, users, step, step_count, &packer, merged);
    return has_by ? pack_by(maps, part_count, step_count, &packer, err) : SH_OK;
}
