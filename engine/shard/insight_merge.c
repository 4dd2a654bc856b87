/* insight_merge.c -- audience.insight: from the counts of all shards to shares, indexes, top values, percentiles.
 *
 * Every count of every shard is here, so the top values are those of all users, and a percentile is a number that
 * somebody has. What is rounded is rounded once, half to even: shares to millionths, indexes to hundredths.
 *
 * WHAT THE ANSWER SAYS
 *   share       users with the value / users of the audience
 *   index       100 * share / (users with the value in the base / users of the base); nil if nobody of the base has it
 *   percentile  of n numbers in ascending order the one at place ceil(p / 100 * n), at least 1: "nearest rank"
 *   histogram   bins of one whole width, the smallest for which so many bins reach from the lowest number to the
 * highest
 */
#include <stdlib.h>

#include "decimal.h"
#include "insight_question.h"
#include "memory.h"

enum { SHARE_PARTS = 1000000, INDEX_PARTS = 100, MAPS_MAX = SH_SHARD_COUNT_MAX };

/* ---- Numbers ---- */

/* number / divisor, halves to even. divisor is not 0. */
static uint64_t divide(unsigned __int128 number, unsigned __int128 divisor) {
    const unsigned __int128 whole = number / divisor;
    const unsigned __int128 rest = (number - whole * divisor) * 2;
    return (uint64_t)(whole + (rest > divisor || (rest == divisor && (whole & 1) != 0)));
}

static void pack_share(msgpack_packer *packer, const char *name, uint64_t count, uint64_t of) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_double(packer,
                              of == 0 ? 0 : (double)divide((unsigned __int128)count * SHARE_PARTS, of) / SHARE_PARTS);
}

static void pack_raw(const struct sh_answer_map *map, const char *name, struct sh_buffer *merged,
                     msgpack_packer *packer) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    sh_assert(pair != NULL);
    sh_pack_literal(packer, name);
    sh_buffer_append(merged, pair->begin, (size_t)(pair->end - pair->begin));
}

static uint64_t sum_of(const struct sh_answer_map *maps, uint32_t part_count, const char *name) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < part_count; i++)
        sum += sh_answer_map_uint(&maps[i], name);
    return sum;
}

/* One dimension's maps of all shards, and where its answer goes. */
struct merging {
    struct sh_answer_map maps[MAPS_MAX];
    uint32_t part_count;
    uint64_t count; /* of the audience */
    uint64_t base;
    struct sh_buffer *merged;
    msgpack_packer packer;
};

static uint64_t next_uint(struct sh_answer_list *list) {
    const bool has_next = sh_answer_list_next(list);
    sh_assert(has_next);
    return sh_answer_list_value(list).big;
}

/* ---- Values ---- */

struct entry {
    struct sh_value value;
    const uint8_t *begin;
    const uint8_t *end;
    struct sh_value with; /* of a cross: the column */
    const uint8_t *with_begin;
    const uint8_t *with_end;
    uint64_t users;
    uint64_t second; /* of the base, or events */
};
struct entries {
    struct entry *list;
    uint64_t count;
};

/* nil, false, true, then texts by bytes. */
static int compare_values(const struct sh_value *a, const struct sh_value *b) {
    if (a->kind != b->kind) return a->kind < b->kind ? -1 : 1;
    if (a->kind == SH_VALUE_STR) return sh_text_compare(a->text, b->text);
    return a->kind == SH_VALUE_BOOL ? (int)a->boolean - (int)b->boolean : 0;
}

static int by_value(const void *left, const void *right) {
    const struct entry *a = left;
    const struct entry *b = right;
    const int order = compare_values(&a->value, &b->value);
    return order != 0 ? order : compare_values(&a->with, &b->with);
}

static int by_users(const void *left, const void *right) {
    const struct entry *a = left;
    const struct entry *b = right;
    if (a->users != b->users) return a->users > b->users ? -1 : 1;
    if (a->second != b->second) return a->second > b->second ? -1 : 1;
    return by_value(left, right);
}

/* users / base, without dividing; one that the base does not have comes last. */
static int by_index(const void *left, const void *right) {
    const struct entry *a = left;
    const struct entry *b = right;
    if ((a->second == 0) != (b->second == 0)) return a->second == 0 ? 1 : -1;
    const unsigned __int128 x = (unsigned __int128)a->users * b->second;
    const unsigned __int128 y = (unsigned __int128)b->users * a->second;
    if (x != y && a->second > 0) return x > y ? -1 : 1;
    return by_users(left, right);
}

static void read_value(struct sh_answer_list *list, struct sh_value *value, const uint8_t **begin,
                       const uint8_t **end) {
    const bool has_next = sh_answer_list_next(list);
    sh_assert(has_next);
    *value = sh_answer_list_value(list);
    *begin = list->begin;
    *end = list->end;
}

/* The lists of all shards as one, each value once. */
static enum sh_status gather(const struct merging *merging, bool is_cross, struct entries *entries,
                             struct sh_error *err) {
    struct sh_answer_list list;
    uint64_t capacity = 1;
    for (uint32_t i = 0; i < merging->part_count; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], "list"));
        capacity += list.left / 3;
    }
    *entries = (struct entries){.list = sh_alloc_zero(capacity * sizeof *entries->list)};
    if (entries->list == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < merging->part_count; i++) {
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], "list"));
        while (list.left > 0) {
            struct entry *entry = &entries->list[entries->count++];
            read_value(&list, &entry->value, &entry->begin, &entry->end);
            if (is_cross) read_value(&list, &entry->with, &entry->with_begin, &entry->with_end);
            entry->users = next_uint(&list);
            if (!is_cross) entry->second = next_uint(&list);
        }
    }
    if (merging->part_count == 1) return SH_OK;
    qsort(entries->list, entries->count, sizeof *entries->list, by_value);
    uint64_t kept = 0;
    for (uint64_t i = 0; i < entries->count; i++) {
        struct entry *last = kept == 0 ? NULL : &entries->list[kept - 1];
        if (last == NULL || by_value(last, &entries->list[i]) != 0) {
            entries->list[kept++] = entries->list[i];
            continue;
        }
        last->users += entries->list[i].users;
        last->second += entries->list[i].second;
    }
    entries->count = kept;
    return SH_OK;
}

/* Values that nobody of the audience has leave. */
static void drop_unused(struct entries *entries) {
    uint64_t kept = 0;
    for (uint64_t i = 0; i < entries->count; i++)
        if (entries->list[i].users > 0) entries->list[kept++] = entries->list[i];
    entries->count = kept;
}

static void pack_value(struct merging *merging, const struct entry *entry) {
    msgpack_packer *packer = &merging->packer;
    (void)msgpack_pack_map(packer, 5);
    sh_pack_literal(packer, "value");
    sh_buffer_append(merging->merged, entry->begin, (size_t)(entry->end - entry->begin));
    sh_pack_uint(packer, "count", entry->users);
    pack_share(packer, "share", entry->users, merging->count);
    sh_pack_uint(packer, "base", entry->second);
    sh_pack_literal(packer, "index");
    if (entry->second == 0 || merging->count == 0) {
        (void)msgpack_pack_nil(packer);
        return;
    }
    const unsigned __int128 number = (unsigned __int128)entry->users * merging->base * 100 * INDEX_PARTS;
    (void)msgpack_pack_double(packer,
                              (double)divide(number, (unsigned __int128)entry->second * merging->count) / INDEX_PARTS);
}

static enum sh_status merge_values(struct merging *merging, struct sh_error *err) {
    const struct sh_answer_map *first = &merging->maps[0];
    msgpack_packer *packer = &merging->packer;
    const bool has_missing = sh_answer_map_find(first, "missing") != NULL;
    const uint64_t top = sh_answer_map_uint(first, "top");
    struct entries entries;
    const enum sh_status status = gather(merging, false, &entries, err);
    if (status != SH_OK) return status;
    drop_unused(&entries);
    qsort(entries.list, entries.count, sizeof *entries.list,
          sh_answer_map_uint(first, "by_index") != 0 ? by_index : by_users);
    (void)msgpack_pack_map(packer, 4u + has_missing);
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, "values");
    pack_raw(first, "of", merging->merged, packer);
    if (has_missing) sh_pack_uint(packer, "missing", sum_of(merging->maps, merging->part_count, "missing"));
    sh_pack_uint(packer, "different", entries.count);
    sh_pack_literal(packer, "values");
    const uint64_t shown = entries.count < top ? entries.count : top;
    (void)msgpack_pack_array(packer, shown);
    for (uint64_t i = 0; i < shown; i++)
        pack_value(merging, &entries.list[i]);
    sh_free(entries.list);
    return SH_OK;
}

/* ---- Events ---- */

/* `events`, `count` and `users`: three pairs. */
static void pack_actors(struct merging *merging) {
    pack_raw(&merging->maps[0], "events", merging->merged, &merging->packer);
    sh_pack_uint(&merging->packer, "count", sum_of(merging->maps, merging->part_count, "count"));
    sh_pack_uint(&merging->packer, "users", sum_of(merging->maps, merging->part_count, "actors"));
}

static enum sh_status merge_event_values(struct merging *merging, struct sh_error *err) {
    const struct sh_answer_map *first = &merging->maps[0];
    msgpack_packer *packer = &merging->packer;
    const uint64_t top = sh_answer_map_uint(first, "top");
    const uint64_t event_count = sum_of(merging->maps, merging->part_count, "count");
    struct entries entries;
    const enum sh_status status = gather(merging, false, &entries, err);
    if (status != SH_OK) return status;
    qsort(entries.list, entries.count, sizeof *entries.list, by_users);
    (void)msgpack_pack_map(packer, 8);
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, "event_values");
    pack_raw(first, "of", merging->merged, packer);
    pack_actors(merging);
    sh_pack_uint(packer, "missing", sum_of(merging->maps, merging->part_count, "missing"));
    sh_pack_uint(packer, "different", entries.count);
    sh_pack_literal(packer, "values");
    const uint64_t shown = entries.count < top ? entries.count : top;
    (void)msgpack_pack_array(packer, shown);
    for (uint64_t i = 0; i < shown; i++) {
        const struct entry *entry = &entries.list[i];
        (void)msgpack_pack_map(packer, 5);
        sh_pack_literal(packer, "value");
        sh_buffer_append(merging->merged, entry->begin, (size_t)(entry->end - entry->begin));
        sh_pack_uint(packer, "users", entry->users);
        pack_share(packer, "user_share", entry->users, merging->count);
        sh_pack_uint(packer, "events", entry->second);
        pack_share(packer, "event_share", entry->second, event_count);
    }
    sh_free(entries.list);
    return SH_OK;
}

struct day {
    int64_t day;
    uint64_t users;
    uint64_t events;
};

static int64_t day_bound(const struct merging *merging, const char *name, int64_t otherwise) {
    const struct sh_answer_pair *pair = sh_answer_map_find(&merging->maps[0], name);
    struct sh_cursor cursor;
    int64_t day = otherwise;
    if (pair == NULL) return otherwise;
    sh_cursor_init(&cursor, pair->begin, (size_t)(pair->end - pair->begin));
    const enum sh_status status = sh_cursor_integer(&cursor, INT32_MIN, INT32_MAX, &day, "a day", NULL);
    sh_assert(status == SH_OK);
    return day;
}

/* The first and the last day with an event in any shard; false if there is none. */
static bool days_seen(const struct merging *merging, int64_t *low, int64_t *high) {
    *low = INT64_MAX;
    *high = INT64_MIN;
    for (uint32_t i = 0; i < merging->part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], "list"));
        while (sh_answer_list_next(&list)) {
            const int64_t day = sh_answer_list_value(&list).integer;
            if (day < *low) *low = day;
            if (day > *high) *high = day;
            (void)next_uint(&list);
            (void)next_uint(&list);
        }
    }
    return *low <= *high;
}

static void pack_day(const struct day *day, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 3);
    sh_pack_literal(packer, "day");
    sh_value_pack(SH_TYPE_TIME, 0, true, day->day * SH_DAY_MS, (struct sh_text){0}, packer);
    sh_pack_uint(packer, "users", day->users);
    sh_pack_uint(packer, "events", day->events);
}

/* Every day from the window's first (where it is open, the first with an event) to its last. */
static enum sh_status merge_days(struct merging *merging, struct sh_error *err) {
    int64_t seen_low, seen_high;
    msgpack_packer *packer = &merging->packer;
    const bool is_any = days_seen(merging, &seen_low, &seen_high);
    int64_t low = day_bound(merging, "from", is_any ? seen_low : 1);
    int64_t high = is_any || sh_answer_map_find(&merging->maps[0], "from") != NULL
                       ? day_bound(merging, "until", is_any ? seen_high : 0)
                       : 0;
    if (high - low >= SH_INSIGHT_DAY_COUNT_MAX) { /* a window over all times: what there is */
        low = is_any ? seen_low : 1;
        high = is_any ? seen_high : 0;
    }
    if (high - low >= SH_INSIGHT_DAY_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "the events span %lld days; at most %d can be shown day by day",
                       (long long)(high - low + 1), SH_INSIGHT_DAY_COUNT_MAX);
    const uint64_t day_count = high < low ? 0 : (uint64_t)(high - low) + 1;
    struct day *days = sh_alloc_zero((day_count + 1) * sizeof *days);
    if (days == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < merging->part_count; i++) {
        struct sh_answer_list list;
        sh_answer_list_begin(&list, sh_answer_map_find(&merging->maps[i], "list"));
        while (sh_answer_list_next(&list)) {
            struct day *day = &days[sh_answer_list_value(&list).integer - low];
            day->users += next_uint(&list);
            day->events += next_uint(&list);
        }
    }
    (void)msgpack_pack_map(packer, 5);
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, "days");
    pack_actors(merging);
    sh_pack_literal(packer, "days");
    (void)msgpack_pack_array(packer, day_count);
    for (uint64_t i = 0; i < day_count; i++) {
        days[i].day = low + (int64_t)i;
        pack_day(&days[i], packer);
    }
    sh_free(days);
    return SH_OK;
}

/* ---- Crosses ---- */

/* The values of one axis with the sums of their cells. */
static enum sh_status axis_of(const struct entries *cells, bool of_columns, struct entries *axis,
                              struct sh_error *err) {
    *axis = (struct entries){.list = sh_alloc_zero((cells->count + 1) * sizeof *axis->list)};
    if (axis->list == NULL) return sh_fail_memory(err);
    for (uint64_t i = 0; i < cells->count; i++) {
        const struct entry *cell = &cells->list[i];
        struct entry *value = &axis->list[i];
        value->value = of_columns ? cell->with : cell->value;
        value->begin = of_columns ? cell->with_begin : cell->begin;
        value->end = of_columns ? cell->with_end : cell->end;
        value->users = cell->users;
    }
    qsort(axis->list, cells->count, sizeof *axis->list, by_value);
    for (uint64_t i = 0; i < cells->count; i++) {
        struct entry *last = axis->count == 0 ? NULL : &axis->list[axis->count - 1];
        if (last != NULL && by_value(last, &axis->list[i]) == 0)
            last->users += axis->list[i].users;
        else
            axis->list[axis->count++] = axis->list[i];
    }
    qsort(axis->list, axis->count, sizeof *axis->list, by_users);
    return SH_OK;
}

static void pack_axis(struct merging *merging, const char *name, const struct entries *axis, uint64_t shown) {
    sh_pack_literal(&merging->packer, name);
    (void)msgpack_pack_array(&merging->packer, shown);
    for (uint64_t i = 0; i < shown; i++)
        sh_buffer_append(merging->merged, axis->list[i].begin, (size_t)(axis->list[i].end - axis->list[i].begin));
}

/* The place among the shown ones; shown if it is none of them. */
static uint64_t place_on(const struct entries *axis, uint64_t shown, const struct sh_value *value) {
    for (uint64_t i = 0; i < shown; i++)
        if (compare_values(&axis->list[i].value, value) == 0) return i;
    return shown;
}

static enum sh_status pack_matrix(struct merging *merging, const struct entries *cells, const struct entries axes[2],
                                  const uint64_t shown[2], struct sh_error *err) {
    uint64_t *matrix = sh_alloc_zero((shown[0] * shown[1] + 1) * sizeof *matrix);
    if (matrix == NULL) return sh_fail_memory(err);
    for (uint64_t i = 0; i < cells->count; i++) {
        const uint64_t row = place_on(&axes[0], shown[0], &cells->list[i].value);
        const uint64_t column = row == shown[0] ? shown[1] : place_on(&axes[1], shown[1], &cells->list[i].with);
        if (column < shown[1]) matrix[row * shown[1] + column] += cells->list[i].users;
    }
    sh_pack_literal(&merging->packer, "counts");
    (void)msgpack_pack_array(&merging->packer, shown[0]);
    for (uint64_t row = 0; row < shown[0]; row++) {
        (void)msgpack_pack_array(&merging->packer, shown[1]);
        for (uint64_t column = 0; column < shown[1]; column++)
            (void)msgpack_pack_uint64(&merging->packer, matrix[row * shown[1] + column]);
    }
    sh_free(matrix);
    return SH_OK;
}

static enum sh_status merge_cross(struct merging *merging, struct sh_error *err) {
    const struct sh_answer_map *first = &merging->maps[0];
    const uint64_t top = sh_answer_map_uint(first, "top");
    struct entries cells;
    struct entries axes[2] = {{0}};
    uint64_t shown[2];
    enum sh_status status = gather(merging, true, &cells, err);
    if (status == SH_OK) status = axis_of(&cells, false, &axes[0], err);
    if (status == SH_OK) status = axis_of(&cells, true, &axes[1], err);
    if (status == SH_OK) {
        (void)msgpack_pack_map(&merging->packer, 6);
        sh_pack_literal(&merging->packer, "kind");
        sh_pack_literal(&merging->packer, "cross");
        pack_raw(first, "of", merging->merged, &merging->packer);
        pack_raw(first, "with", merging->merged, &merging->packer);
        for (uint32_t i = 0; i < 2; i++) {
            shown[i] = axes[i].count < top ? axes[i].count : top;
            pack_axis(merging, i == 0 ? "rows" : "columns", &axes[i], shown[i]);
        }
        status = pack_matrix(merging, &cells, axes, shown, err);
    }
    sh_free(cells.list);
    sh_free(axes[0].list);
    sh_free(axes[1].list);
    return status;
}

/* ---- One dimension after another ---- */

static enum sh_status merge_dimension(struct merging *merging, struct sh_error *err) {
    const struct sh_text kind = sh_answer_map_text(&merging->maps[0], "kind");
    if (sh_text_equal(kind, SH_TEXT_LITERAL("values"))) return merge_values(merging, err);
    if (sh_text_equal(kind, SH_TEXT_LITERAL("event_values"))) return merge_event_values(merging, err);
    if (sh_text_equal(kind, SH_TEXT_LITERAL("days"))) return merge_days(merging, err);
    if (sh_text_equal(kind, SH_TEXT_LITERAL("cross"))) return merge_cross(merging, err);
    return sh_numbers_merge(merging->maps, merging->part_count, merging->merged, err);
}

enum sh_status sh_insight_merge(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                                struct sh_buffer *merged, struct sh_error *err) {
    struct sh_answer_list lists[MAPS_MAX];
    (void)request;
    struct merging *merging = sh_alloc_zero(sizeof *merging);
    if (merging == NULL) return sh_fail_memory(err);
    merging->part_count = part_count;
    merging->count = sum_of(maps, part_count, "count");
    merging->base = sum_of(maps, part_count, "base");
    merging->merged = merged;
    sh_buffer_packer(merged, &merging->packer);
    (void)msgpack_pack_map(&merging->packer, 4 + 1);
    sh_pack_uint(&merging->packer, "count", merging->count);
    sh_pack_uint(&merging->packer, "base", merging->base);
    sh_pack_uint(&merging->packer, "total", sum_of(maps, part_count, "total"));
    for (uint32_t i = 0; i < part_count; i++)
        sh_answer_list_begin(&lists[i], sh_answer_map_find(&maps[i], "dimensions"));
    const uint32_t dimension_count = lists[0].left;
    sh_pack_literal(&merging->packer, "dimensions");
    (void)msgpack_pack_array(&merging->packer, dimension_count);
    enum sh_status status = SH_OK;
    for (uint32_t d = 0; d < dimension_count && status == SH_OK; d++) {
        for (uint32_t i = 0; i < part_count; i++) {
            const bool has_next = sh_answer_list_next(&lists[i]);
            sh_assert(has_next);
            const struct sh_answer_pair pair = {.begin = lists[i].begin, .end = lists[i].end};
            sh_answer_map_read(&merging->maps[i], &pair);
        }
        status = merge_dimension(merging, err);
        if (status != SH_OK) status = sh_fail_in(err, status, "dimensions", d);
    }
    sh_free(merging);
    return status;
}
