/* audience_property.c -- orders, samples and frozen pages of random tables, against sorting everything by hand.
 *
 * Ids are short, long, and alike in their first 8 or 16 bytes; values are few, so that ties are many; strings are alike
 * in their first 8 bytes. Rows are forgotten while an audience is frozen. Then the same with the n-th allocation
 * failing.
 *
 * Run: audience_property [SEED [ROUNDS]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audience_frozen.h"
#include "audience_order.h"
#include "audience_sample.h"
#include "hash.h"
#include "memory.h"
#include "split_random.h"

enum { ROWS_MAX = 400, TEXTS = 12 };

static struct split_random rng;
static uint64_t round_seed;
static struct sh_table *table;
static uint32_t slots[ROWS_MAX]; /* ascending */
static uint32_t row_count;

static _Noreturn void fail(const char *what) {
    (void)printf("reproduce: audience_property %llu 1: %s\n", (unsigned long long)round_seed, what);
    exit(1);
}

static void must(bool condition, const char *what) {
    if (!condition) fail(what);
}

/* ---- A table ---- */

static struct sh_text random_id(char room[64]) {
    static const char *const heads[] = {"", "u", "user-0000", "customer-of-the-shop-", "成都-"};
    const int length = snprintf(room, 64, "%s%d", heads[split_below(&rng, 5)], (int)split_below(&rng, 3000));
    return (struct sh_text){room, (uint32_t)length};
}

static void random_text(char room[64]) {
    static const char *const heads[] = {"", "a", "prefix-", "same-first-bytes-"};
    (void)snprintf(room, 64, "%s%d", heads[split_below(&rng, 4)], (int)split_below(&rng, TEXTS));
}

static void set_values(uint32_t slot) {
    char room[64];
    uint32_t code;
    if (!split_one_in(&rng, 4))
        must(sh_table_set(table, slot, 0, (int64_t)split_below(&rng, 9) - 4) == SH_OK, "set an int");
    if (!split_one_in(&rng, 4))
        must(sh_table_set(table, slot, 1, (int64_t)split_below(&rng, 3)) == SH_OK, "set an enum");
    if (split_one_in(&rng, 4)) return;
    random_text(room);
    must(sh_table_text_code(table, 2, sh_text_of(room), &code, NULL) == SH_OK, "a code");
    must(sh_table_set(table, slot, 2, code) == SH_OK, "set a string");
}

static void make_table(void) {
    static const struct sh_text labels[] = {{"low", 3}, {"middle", 6}, {"high", 4}};
    static const struct sh_text grown[] = {{"lowest", 6}, {"low", 3}, {"middle", 6}, {"higher", 6}, {"high", 4}};
    table = sh_table_create();
    struct sh_attribute_spec number = {.name = SH_TEXT_LITERAL("number"), .type = SH_TYPE_INT};
    struct sh_attribute_spec rank = {
        .name = SH_TEXT_LITERAL("rank"), .type = SH_TYPE_ENUM, .labels = labels, .label_count = 3};
    struct sh_attribute_spec text = {.name = SH_TEXT_LITERAL("text"), .type = SH_TYPE_STRING};
    must(sh_table_add_attribute(table, &number, NULL, NULL) == SH_OK, "an attribute");
    must(sh_table_add_attribute(table, &rank, NULL, NULL) == SH_OK, "an attribute");
    must(sh_table_add_attribute(table, &text, NULL, NULL) == SH_OK, "an attribute");
    rank.labels = grown; /* codes are not ranks */
    rank.label_count = 5;
    must(sh_table_add_attribute(table, &rank, NULL, NULL) == SH_OK, "more labels");
    const uint32_t wanted = (uint32_t)split_below(&rng, ROWS_MAX);
    row_count = 0;
    while (row_count < wanted) {
        char room[64];
        bool created;
        uint32_t slot;
        const struct sh_text id = random_id(room);
        must(sh_table_intern(table, id, sh_id_hash(id), &slot, &created, NULL) == SH_OK, "intern");
        if (!created) continue;
        set_values(slot);
        slots[row_count++] = slot;
    }
}

/* Some of the rows, ascending. */
static uint32_t choose(uint32_t *chosen) {
    uint32_t count = 0;
    const uint64_t share = 1 + split_below(&rng, 4);
    for (uint32_t i = 0; i < row_count; i++) {
        if (split_below(&rng, 4) < share) chosen[count++] = slots[i];
    }
    return count;
}

/* ---- By hand ---- */

static struct sh_order order;

static int by_hand(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    const int ids = sh_text_compare(sh_table_id(table, a), sh_table_id(table, b));
    if (order.by == SH_ORDER_ID) return order.descending ? -ids : ids;
    int64_t x;
    int64_t y;
    const bool has_x = sh_table_get(table, a, order.attribute, &x);
    const bool has_y = sh_table_get(table, b, order.attribute, &y);
    if (has_x != has_y) return has_x ? -1 : 1;
    if (!has_x) return ids;
    const struct sh_attribute *attribute = sh_table_attribute(table, order.attribute);
    int result;
    if (attribute->type == SH_TYPE_STRING) {
        result = sh_text_compare(sh_attribute_text(attribute, (uint32_t)x), sh_attribute_text(attribute, (uint32_t)y));
    } else {
        if (attribute->type == SH_TYPE_ENUM) x = attribute->rank_of_code[x];
        if (attribute->type == SH_TYPE_ENUM) y = attribute->rank_of_code[y];
        result = x < y ? -1 : x > y;
    }
    if (result == 0) return ids;
    return order.descending ? -result : result;
}

static void random_order(void) {
    static const char *const names[] = {"number", "rank", "text", "id"};
    must(sh_order_find(table, sh_text_of(names[split_below(&rng, 4)]), split_one_in(&rng, 2), &order, NULL) == SH_OK,
         "an order");
}

/* ---- Against each other ---- */

/* Rows in blocks: here a block is a run of slots with the same upper half, all of which are in block 0. */
static enum sh_status sort(struct sh_sorter *sorter, const uint32_t *chosen, uint32_t count) {
    bool done = false;
    enum sh_status status = sh_sorter_add(sorter, 0, chosen, count, NULL);
    while (status == SH_OK && !done)
        status = sh_sorter_finish(sorter, 1 + split_below(&rng, 50), &done, NULL);
    return status;
}

static void compare_order(void) {
    uint32_t chosen[ROWS_MAX];
    uint32_t expected[ROWS_MAX];
    const uint32_t count = choose(chosen);
    const uint32_t limit = (uint32_t)split_below(&rng, 20);
    random_order();
    memcpy(expected, chosen, sizeof expected);
    qsort(expected, count, sizeof *expected, by_hand);
    struct sh_sorter *sorter = sh_sorter_create(table, &order, limit, true);
    must(sort(sorter, chosen, count) == SH_OK, "sort");
    const struct sh_ordered *rows = sh_sorter_rows(sorter);
    must(rows->count == (limit > 0 && limit < count ? limit : count), "as many as asked for");
    must(rows->count == 0 || memcmp(rows->slots, expected, rows->count * sizeof *expected) == 0, "in order");
    for (uint32_t i = 0; i < rows->count && order.by == SH_ORDER_TEXT; i++) {
        int64_t code;
        const struct sh_order_key key = rows->keys[i];
        const bool has = sh_table_get(table, rows->slots[i], order.attribute, &code);
        must(has == (key.size != SH_CODE_NONE), "a key for a value");
        if (!has) continue;
        const struct sh_text text = {(const char *)rows->texts.bytes + key.key, key.size};
        must(sh_text_equal(text, sh_attribute_text(sh_table_attribute(table, order.attribute), (uint32_t)code)),
             "its text");
    }
    sh_sorter_destroy(sorter);
}

static uint64_t sample_seed;

static int by_lot(const void *left, const void *right) {
    const uint64_t a = sh_hash_mix(sh_id_hash(sh_table_id(table, *(const uint32_t *)left)), sample_seed);
    const uint64_t b = sh_hash_mix(sh_id_hash(sh_table_id(table, *(const uint32_t *)right)), sample_seed);
    return a < b ? -1 : a > b;
}

static void compare_sample(void) {
    uint32_t chosen[ROWS_MAX];
    const uint32_t count = choose(chosen);
    const uint32_t limit = (uint32_t)split_below(&rng, 30);
    struct sh_sampler sampler;
    sample_seed = split_next(&rng);
    sh_sampler_init(&sampler, table, sample_seed, limit);
    for (uint32_t at = 0; at < count;) {
        const uint32_t more = 1 + (uint32_t)split_below(&rng, count - at);
        must(sh_sampler_add(&sampler, chosen + at, more, NULL) == SH_OK, "sample");
        at += more;
    }
    sh_sampler_finish(&sampler);
    qsort(chosen, count, sizeof *chosen, by_lot);
    must(sampler.count == (limit < count ? limit : count), "as many as asked for");
    for (uint32_t i = 0; i < sampler.count; i++)
        must(sampler.lots[i].slot == chosen[i], "the smallest lots in their order");
    sh_sampler_deinit(&sampler);
}

/* Pages of any size, people forgotten in between: everybody who lives once and in order, everybody else counted once.
 */
static void compare_pages(void) {
    uint32_t chosen[ROWS_MAX];
    struct sh_frozen frozen;
    const uint32_t count = choose(chosen);
    sh_frozen_init(&frozen);
    if (split_one_in(&rng, 2)) {
        must(sh_bitmap_add_sorted(&frozen.set, chosen, count) == SH_OK, "freeze");
    } else {
        random_order();
        frozen.order = order;
        qsort(chosen, count, sizeof *chosen, by_hand);
        frozen.ordered.slots = sh_alloc(ROWS_MAX * sizeof *chosen);
        memcpy(frozen.ordered.slots, chosen, count * sizeof *chosen);
        frozen.ordered.count = frozen.ordered.capacity = count;
    }
    frozen.count = count;
    uint32_t page_slots[ROWS_MAX];
    uint64_t places[ROWS_MAX];
    uint64_t place = 0;
    uint32_t at = 0;
    uint64_t skipped = 0;
    while (place < count) {
        struct sh_frozen_page page = {.slots = page_slots, .places = places};
        const uint32_t max = (uint32_t)split_below(&rng, 40);
        if (split_one_in(&rng, 2)) {
            const uint32_t slot = chosen[split_below(&rng, count)];
            if (sh_table_id(table, slot).count > 0) must(sh_table_forget(table, slot, 1) == SH_OK, "forget");
        }
        sh_frozen_page(&frozen, table, place, max, &page);
        must(page.count <= max && page.next >= place, "a page of at most so many");
        for (uint32_t i = 0; i < page.count; i++) {
            while (chosen[at] != page_slots[i])
                must(sh_table_id(table, chosen[at++]).count == 0, "only the forgotten are passed over");
            at++;
            must(places[i] == at, "the place behind it");
        }
        must(page.next - place == page.count + page.skipped, "every place is shown or skipped");
        must(page.next == count || sh_table_id(table, chosen[page.next]).count > 0, "the next one lives");
        skipped += page.skipped;
        place = page.next;
        at = (uint32_t)place;
    }
    must(sh_table_check(table, &(const char *){""}), "the table keeps its rules");
    sh_frozen_deinit(&frozen);
    (void)skipped;
}

/* Each allocation fails once; what was made can be destroyed, and the next try succeeds. */
static void fail_allocations(void) {
    uint32_t chosen[ROWS_MAX];
    const uint32_t count = choose(chosen);
    random_order();
    for (uint64_t n = 0;; n++) {
        sh_memory_fail_after(n);
        struct sh_sorter *sorter = sh_sorter_create(table, &order, (uint32_t)(n % 3) * 10, true);
        const enum sh_status status = sorter == NULL ? SH_ERR_MEMORY : sort(sorter, chosen, count);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        must(failed == (status == SH_ERR_MEMORY), "a failed allocation is a failed sort, and only that");
        sh_sorter_destroy(sorter);
        if (!failed) return;
    }
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 200;
    for (uint64_t i = 0; i < rounds; i++) {
        round_seed = seed + i;
        rng.state = round_seed;
        make_table();
        for (int step = 0; step < 5; step++) {
            compare_order();
            compare_sample();
        }
        fail_allocations();
        compare_pages();
        sh_table_destroy(table);
    }
    printf("audience_property: seeds %llu to %llu: alike\n", (unsigned long long)seed,
           (unsigned long long)(seed + rounds - 1));
    return 0;
}
