/* insight_numbers.c -- the numbers of an audience.insight, merged: sums, percentiles, a histogram. */
#include "decimal.h"
#include "insight_question.h"
#include "memory.h"

struct numbers {
    struct sh_tally_entry *list; /* ascending, each number once */
    uint64_t value_count;
    uint64_t count;
    __int128 sum;
    enum sh_type type;
    uint32_t scale;
    bool is_date;
    uint64_t unit; /* what lies between two neighbours at least: a day, or 1 */
    msgpack_packer packer;
};

/* A shard's ascending list, a number at hand. */
struct source {
    struct sh_answer_list list;
    bool has_entry;
    struct sh_tally_entry entry;
};

static void advance(struct source *source) {
    source->has_entry = sh_answer_list_next(&source->list);
    if (!source->has_entry) return;
    const struct sh_value distance = sh_answer_list_value(&source->list);
    source->entry.value = (int64_t)((uint64_t)source->entry.value + distance.big);
    (void)sh_answer_list_next(&source->list);
    source->entry.count = sh_answer_list_value(&source->list).big;
}

static enum sh_status gather(const struct sh_answer_map *maps, uint32_t part_count, struct numbers *numbers,
                             struct sh_error *err) {
    struct source sources[SH_SHARD_COUNT_MAX];
    uint64_t capacity = 1;
    for (uint32_t i = 0; i < part_count; i++) {
        sources[i] = (struct source){0};
        sh_answer_list_begin(&sources[i].list, sh_answer_map_find(&maps[i], "list"));
        capacity += sources[i].list.left / 2;
        advance(&sources[i]);
        numbers->sum += (__int128)((unsigned __int128)sh_answer_map_uint(&maps[i], "high") << 64 |
                                   sh_answer_map_uint(&maps[i], "low"));
    }
    numbers->list = sh_alloc(capacity * sizeof *numbers->list);
    if (numbers->list == NULL) return sh_fail_memory(err);
    for (;;) {
        struct source *least = NULL;
        for (uint32_t i = 0; i < part_count; i++)
            if (sources[i].has_entry && (least == NULL || sources[i].entry.value < least->entry.value))
                least = &sources[i];
        if (least == NULL) return SH_OK;
        struct sh_tally_entry *last = numbers->value_count == 0 ? NULL : &numbers->list[numbers->value_count - 1];
        if (last != NULL && last->value == least->entry.value)
            last->count += least->entry.count;
        else
            numbers->list[numbers->value_count++] = least->entry;
        numbers->count += least->entry.count;
        advance(least);
    }
}

static void pack_number(struct numbers *numbers, int64_t value) {
    sh_value_pack(numbers->type, numbers->scale, numbers->is_date, value, (struct sh_text){0}, &numbers->packer);
}

/* nil if there is no number at all. */
static void pack_bound(struct numbers *numbers, const char *name, bool is_max) {
    sh_pack_literal(&numbers->packer, name);
    if (numbers->value_count == 0)
        (void)msgpack_pack_nil(&numbers->packer);
    else
        pack_number(numbers, numbers->list[is_max ? numbers->value_count - 1 : 0].value);
}

/* `sum` and `mean`, which times have none of. */
static void pack_sums(struct numbers *numbers) {
    struct sh_buffer text;
    sh_buffer_init(&text, 256);
    sh_decimal_print(&text, numbers->sum, numbers->scale);
    sh_pack_literal(&numbers->packer, "sum");
    if (numbers->type == SH_TYPE_INT && numbers->sum == (int64_t)numbers->sum)
        (void)msgpack_pack_int64(&numbers->packer, (int64_t)numbers->sum);
    else
        sh_pack_text(&numbers->packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    sh_pack_literal(&numbers->packer, "mean");
    sh_buffer_clear(&text);
    if (numbers->count == 0) {
        (void)msgpack_pack_nil(&numbers->packer);
    } else {
        sh_decimal_print_ratio(&text, numbers->sum, numbers->count, numbers->scale);
        sh_pack_text(&numbers->packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    }
    sh_buffer_deinit(&text);
}

/* The number at place ceil(percent / 100 * count), counted from 1. */
static int64_t number_at(const struct numbers *numbers, uint64_t thousandths) {
    const unsigned __int128 whole = 100 * SH_PERCENT_PARTS;
    uint64_t place = (uint64_t)(((unsigned __int128)thousandths * numbers->count + whole - 1) / whole);
    if (place == 0) place = 1;
    uint64_t i = 0;
    for (uint64_t passed = numbers->list[0].count; passed < place; passed += numbers->list[i].count)
        i++;
    return numbers->list[i].value;
}

static void pack_percentiles(struct numbers *numbers, const struct sh_answer_map *first) {
    struct sh_answer_list percents;
    sh_answer_list_begin(&percents, sh_answer_map_find(first, "percents"));
    sh_pack_literal(&numbers->packer, "percentiles");
    (void)msgpack_pack_array(&numbers->packer, numbers->count == 0 ? 0 : percents.left);
    while (numbers->count > 0 && sh_answer_list_next(&percents)) {
        const uint64_t thousandths = sh_answer_list_value(&percents).big;
        (void)msgpack_pack_array(&numbers->packer, 2);
        if (thousandths % SH_PERCENT_PARTS == 0)
            (void)msgpack_pack_uint64(&numbers->packer, thousandths / SH_PERCENT_PARTS);
        else
            (void)msgpack_pack_double(&numbers->packer, (double)thousandths / SH_PERCENT_PARTS);
        pack_number(numbers, number_at(numbers, thousandths));
    }
}

static void pack_bin(struct numbers *numbers, int64_t from, int64_t to, uint64_t count) {
    (void)msgpack_pack_map(&numbers->packer, 3);
    sh_pack_literal(&numbers->packer, "from");
    pack_number(numbers, from);
    sh_pack_literal(&numbers->packer, "to");
    pack_number(numbers, to);
    sh_pack_literal(&numbers->packer, "count");
    (void)msgpack_pack_uint64(&numbers->packer, count);
}

/* Bins [from, to], both included, from the lowest number on; the last one ends where it would if it were full. */
static void pack_histogram(struct numbers *numbers, uint64_t bins) {
    sh_pack_literal(&numbers->packer, "histogram");
    if (numbers->count == 0 || bins == 0) {
        (void)msgpack_pack_array(&numbers->packer, 0);
        return;
    }
    const int64_t low = numbers->list[0].value;
    const uint64_t span = (uint64_t)numbers->list[numbers->value_count - 1].value - (uint64_t)low;
    const uint64_t width = (span / numbers->unit / bins + 1) * numbers->unit;
    const uint64_t bin_count = span / width + 1;
    (void)msgpack_pack_array(&numbers->packer, bin_count);
    uint64_t i = 0;
    for (uint64_t bin = 0; bin < bin_count; bin++) {
        uint64_t count = 0;
        const uint64_t from = (uint64_t)low + bin * width;
        const uint64_t room = (uint64_t)INT64_MAX - from; /* a bin ends at the latest where numbers do */
        const uint64_t to = from + (width - numbers->unit < room ? width - numbers->unit : room);
        for (; i < numbers->value_count && (uint64_t)numbers->list[i].value - (uint64_t)low <= to - (uint64_t)low; i++)
            count += numbers->list[i].count;
        pack_bin(numbers, (int64_t)from, (int64_t)to, count);
    }
}

static void copy_pair(const struct sh_answer_map *map, const char *name, struct sh_buffer *merged,
                      msgpack_packer *packer) {
    const struct sh_answer_pair *pair = sh_answer_map_find(map, name);
    sh_pack_literal(packer, name);
    sh_buffer_append(merged, pair->begin, (size_t)(pair->end - pair->begin));
}

static void pack_sum_of(const struct sh_answer_map *maps, uint32_t part_count, const char *key, const char *name,
                        msgpack_packer *packer) {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < part_count; i++)
        sum += sh_answer_map_uint(&maps[i], key);
    sh_pack_literal(packer, name);
    (void)msgpack_pack_uint64(packer, sum);
}

enum sh_status sh_numbers_merge(const struct sh_answer_map *maps, uint32_t part_count, struct sh_buffer *merged,
                                struct sh_error *err) {
    const struct sh_answer_map *first = &maps[0];
    const bool is_of_events = sh_answer_map_find(first, "events") != NULL;
    struct numbers numbers = {.type = (enum sh_type)sh_answer_map_uint(first, "type"),
                              .scale = (uint32_t)sh_answer_map_uint(first, "scale"),
                              .is_date = sh_answer_map_uint(first, "is_date") != 0};
    numbers.unit = numbers.is_date ? (uint64_t)SH_DAY_MS : 1;
    const bool has_sums = numbers.type != SH_TYPE_TIME;
    const enum sh_status status = gather(maps, part_count, &numbers, err);
    if (status != SH_OK) return status;
    msgpack_packer *packer = &numbers.packer;
    sh_buffer_packer(merged, packer);
    (void)msgpack_pack_map(packer, 8u + (is_of_events ? 2 : 0) + (has_sums ? 2 : 0));
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, "numbers");
    copy_pair(first, "of", merged, packer);
    if (is_of_events) {
        copy_pair(first, "events", merged, packer);
        pack_sum_of(maps, part_count, "actors", "users", packer);
    }
    sh_pack_literal(packer, "count");
    (void)msgpack_pack_uint64(packer, numbers.count);
    pack_sum_of(maps, part_count, "missing", "missing", packer);
    if (has_sums) pack_sums(&numbers);
    pack_bound(&numbers, "min", false);
    pack_bound(&numbers, "max", true);
    pack_percentiles(&numbers, first);
    pack_histogram(&numbers, sh_answer_map_uint(first, "bins"));
    sh_free(numbers.list);
    return SH_OK;
}
