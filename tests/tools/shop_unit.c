/* The made-up shop: the same bytes everywhere, and a shop that makes sense. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "csv.h"
#include "decimal.h"
#include "gen_shop.h"
#include "hash.h"
#include "mapping.h"

static const struct gen_options small_shop = {
    .seed = 1, .user_count = 1000, .item_count = 100, .event_count = 5000, .day_count = 365, .until_day = 20484};

struct file_text {
    char *bytes;
    size_t count;
};

static struct file_text write_text(int (*write)(const struct gen_options *options, FILE *file),
                                   const struct gen_options *options) {
    struct file_text text;
    FILE *out = open_memstream(&text.bytes, &text.count);
    cr_assert_eq(write(options, out), 0);
    cr_assert_eq(fclose(out), 0);
    return text;
}

static void expect_hash(int (*write)(const struct gen_options *options, FILE *file), const struct gen_options *options,
                        const char *wanted) {
    struct file_text text = write_text(write, options);
    char hash[20];
    (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)sh_hash_bytes(text.bytes, text.count, 0));
    cr_assert_str_eq(hash, wanted, "%s", hash);
    free(text.bytes);
}

/* Every compiler and every machine writes these; a change of the generator changes them, on purpose. */
Test(shop, the_same_options_give_the_same_bytes_everywhere) {
    struct gen_options other = small_shop;
    other.seed = 77;
    other.day_count = 30;
    expect_hash(gen_write_users, &small_shop, "7ccd2f9c5b9237c2");
    expect_hash(gen_write_items, &small_shop, "a3d217e73d583872");
    expect_hash(gen_write_events, &small_shop, "fe7a9bed74cbb993");
    expect_hash(gen_write_users, &other, "e555e6bf47bd91c7");
    expect_hash(gen_write_items, &other, "7ddb03203fc2c45d");
    expect_hash(gen_write_events, &other, "a000e23e649e8109");
}

/* --- a shop that makes sense --- */

static struct csv_reader open_csv(struct file_text text, struct input **input) {
    struct csv_reader csv;
    bool at_end;
    cr_assert_eq(input_open_memory(text.bytes, text.count, 0, input, NULL), SH_OK);
    csv_init(&csv, *input, ',');
    cr_assert(csv_next(&csv, &at_end, NULL) == SH_OK && !at_end);
    return csv;
}

static bool next(struct csv_reader *csv, uint32_t field_count) {
    bool at_end;
    cr_assert_eq(csv_next(csv, &at_end, NULL), SH_OK);
    if (!at_end) cr_assert_eq(csv->field_count, field_count);
    return !at_end;
}

static uint64_t number_of(struct sh_text text) {
    uint64_t number = 0;
    for (uint32_t i = 0; i < text.count; i++)
        if (text.bytes[i] >= '0' && text.bytes[i] <= '9') number = number * 10 + (uint64_t)(text.bytes[i] - '0');
    return number;
}

static bool is(struct sh_text text, const char *wanted) {
    return sh_text_equal(text, sh_text_of(wanted));
}

Test(shop, users_are_numbered_and_invited_by_earlier_ones) {
    struct file_text text = write_text(gen_write_users, &small_shop);
    struct input *input;
    struct csv_reader csv = open_csv(text, &input);
    uint64_t count = 0, invited = 0, tags = 0;
    while (next(&csv, 14)) {
        cr_assert_eq(number_of(csv.fields[0]), ++count);
        cr_assert(sh_text_is_utf8(csv_raw(&csv)));
        invited += csv.fields[11].count > 0;
        tags += csv.fields[13].count > 0;
        if (csv.fields[11].count > 0) cr_assert_lt(number_of(csv.fields[11]), count);
        cr_assert_eq(csv.fields[11].count > 0, is(csv.fields[10], "referral"));
    }
    cr_assert_eq(count, small_shop.user_count);
    cr_assert(invited > 80 && invited < 180, "%llu", (unsigned long long)invited);
    cr_assert(tags > 800, "%llu", (unsigned long long)tags);
    csv_deinit(&csv);
    input_close(input);
    free(text.bytes);
}

Test(shop, a_profile_does_not_depend_on_the_size_of_the_shop) {
    struct gen_options large = small_shop;
    large.user_count = 2000;
    large.event_count = 9999;
    struct file_text a = write_text(gen_write_users, &small_shop);
    struct file_text b = write_text(gen_write_users, &large);
    cr_assert_lt(a.count, b.count);
    cr_assert_eq(memcmp(a.bytes, b.bytes, a.count), 0);
    free(a.bytes);
    free(b.bytes);
}

/* Has the user looked at the item before? A bit for each pair. */
static uint8_t seen[1000][100];

Test(shop, events_are_in_order_and_a_purchase_follows_a_view) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct gen_options options = small_shop;
        options.seed = seed;
        options.item_count = seed % 5 == 0 ? 3 : 100; /* fewer items than categories */
        memset(seen, 0, sizeof seen);
        struct file_text text = write_text(gen_write_events, &options);
        struct input *input;
        struct csv_reader csv = open_csv(text, &input);
        const int64_t zone_ms = 8 * 3600000LL, day_ms = 86400000;
        const int64_t first_ms = (options.until_day - (int64_t)options.day_count + 1) * day_ms - zone_ms;
        const int64_t end_ms = (options.until_day + 1) * day_ms - zone_ms;
        uint64_t count = 0;
        int64_t before_ms = INT64_MIN;
        while (next(&csv, 8)) {
            const struct sh_text type = csv.fields[1];
            const uint64_t user = number_of(csv.fields[2]), item = number_of(csv.fields[3]);
            const int64_t time_ms = (int64_t)number_of(csv.fields[4]);
            int64_t cents;
            cr_assert_eq(number_of(csv.fields[0]), ++count);
            cr_assert(user >= 1 && user <= options.user_count);
            cr_assert_eq(csv.fields[3].count == 0, is(type, "check_in"));
            cr_assert(item <= options.item_count);
            cr_assert(time_ms >= before_ms && time_ms >= first_ms && time_ms < end_ms);
            before_ms = time_ms;
            if (is(type, "view")) seen[user - 1][item - 1] = 1;
            const bool is_money = is(type, "purchase") || is(type, "refund");
            cr_assert_eq(csv.fields[5].count > 0, is_money);
            if (!is_money) continue;
            cr_assert(seen[user - 1][item - 1], "seed %llu, event %llu", (unsigned long long)seed,
                      (unsigned long long)count);
            cr_assert_eq(sh_decimal_parse(csv.fields[5], 2, &cents, NULL), SH_OK);
            const uint32_t full = gen_item_of(&options, (uint32_t)item - 1).price * (uint32_t)number_of(csv.fields[7]);
            cr_assert(cents <= full && cents >= full * 80 / 100, "%lld cents of %u", (long long)cents, full);
        }
        cr_assert_eq(count, options.event_count);
        csv_deinit(&csv);
        input_close(input);
        free(text.bytes);
    }
}

Test(shop, events_are_counted_exactly_for_any_number) {
    static const uint32_t counts[] = {0, 1, 2, 999, 1000, 1001, 30000};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct gen_options options = small_shop;
        options.event_count = counts[i];
        struct file_text text = write_text(gen_write_events, &options);
        uint64_t lines = 0;
        for (size_t k = 0; k < text.count; k++)
            lines += text.bytes[k] == '\n';
        cr_assert_eq(lines, counts[i] + 1u);
        free(text.bytes);
    }
}

Test(shop, one_of_everything_and_one_day_is_a_shop) {
    const struct gen_options tiny = {
        .user_count = 1, .item_count = 1, .event_count = 100, .day_count = 1, .until_day = 0};
    struct file_text text = write_text(gen_write_events, &tiny);
    cr_assert_gt(text.count, 100);
    free(text.bytes);
}

Test(shop, its_mapping_is_a_mapping) {
    struct file_text text;
    FILE *out = open_memstream(&text.bytes, &text.count);
    cr_assert_eq(gen_write_mapping(out), 0);
    cr_assert_eq(fclose(out), 0);
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_error err;
    sh_arena_init(&arena, 1 << 20);
    cr_assert_eq(mapping_parse((struct sh_text){text.bytes, (uint32_t)text.count}, &arena, &mapping, &err), SH_OK, "%s",
                 err.message);
    cr_assert_eq(mapping.section_count, 3);
    sh_arena_deinit(&arena);
    free(text.bytes);
}
