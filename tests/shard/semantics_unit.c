/* semantics_unit.c -- the pinned semantics of the engine, each by its name, through the door and for any number of
 * shards: missing, windows, now, order, sample, forget, writes, money, enums. */
#include <stdlib.h>

#include "shard_trio.h"

static struct trio trio;

#define NOW "1760000000000" /* 2025-10-09 16:53:20 in Shanghai */

static void setup(void) {
    trio_init(&trio);
    SAY("schema.put",
        "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold']}, {name: 'balance', type: 'decimal'}],"
        " tag_sets: [{name: 'tags'}]}, items: {attributes: [{name: 'category', type: 'string'}]},"
        " events: [{name: 'view'}, {name: 'purchase'}]}",
        "{changed: true}");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(semantics, .init = setup, .fini = teardown);

static void put(const char *rows) {
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "user.put", rows);
        cr_assert(strstr(answer, "refused: []") != NULL, "%s", answer);
    }
}

static void happen(const char *rows) {
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "event.append", rows);
        cr_assert(strstr(answer, "refused: []") != NULL, "%s", answer);
    }
}

/* Who matches, by id. */
static void who(int line, const char *where, const char *ids) {
    char params[2000];
    for (int i = 0; i < TRIO_COUNT; i++) {
        (void)snprintf(params, sizeof params, "{where: \"%s\", order: 'id'}", where);
        const char *answer = rig_ask(&trio.rigs[i], "audience.list", params);
        const char *begin = strstr(answer, "ids: [");
        cr_assert(begin != NULL, "line %d: %s", line, answer);
        char letters[64] = "";
        for (begin += 6; *begin != ']'; begin++)
            if (*begin >= 'a' && *begin <= 'z') (void)strncat(letters, begin, 1);
        cr_assert_str_eq(letters, ids, "line %d, %d shards: %s\n  said %s, expected %s", line, i + 1, where, letters,
                         ids);
    }
}
#define WHO(where, ids) who(__LINE__, where, ids)

Test(semantics, missing_is_not_zero) {
    put("{users: [{id: 'a', age: 0}, {id: 'b'}]}");
    WHO("age = 0", "a");
    WHO("age != 0", "");
    WHO("age != 1", "a");
    WHO("not age = 0", "b");
    WHO("age not in (0, 5)", "");
    WHO("age not in (5, 6)", "a");
    WHO("age is missing", "b");
    WHO("age is not missing", "a");
    WHO("age between -1 and 1", "a");
}

Test(semantics, count_and_sum_over_nothing_are_zero_and_the_rest_is_missing) {
    put("{users: [{id: 'a'}, {id: 'b'}]}");
    happen("{event: {type: 'purchase', user: 'a', time: " NOW ", amount: 5}}");
    WHO("count(purchase) = 0", "b");
    WHO("sum(purchase.amount) = 0", "b");
    WHO("count(purchase) <= 3", "ab");
    WHO("avg(purchase.amount) < 100", "a");
    WHO("min(purchase.amount) != 3", "a");
    WHO("not max(purchase.amount) > 0", "b");
    WHO("days_since(purchase) >= 0", "a");
    WHO("days_since(purchase) is missing", "b");
}

Test(semantics, has_none_on_an_empty_set_is_true) {
    put("{users: [{id: 'a', tags: ['x']}, {id: 'b'}]}");
    WHO("tags has none ('x')", "b");
    WHO("tags has none ('unheard-of')", "ab");
    WHO("tags has any ('x', 'unheard-of')", "a");
    WHO("tags has all ('x', 'unheard-of')", "");
    WHO("not tags has 'x'", "b");
}

Test(semantics, a_sliding_window_is_open_at_its_start_and_closed_at_now) {
    put("{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}, {id: 'd'}]}");
    happen("{events: [{type: 'view', user: 'a', time: 1760000000000}, {type: 'view', user: 'b', time: 1760000000001},"
           " {type: 'view', user: 'c', time: 1759913600000}, {type: 'view', user: 'd', time: 1759913600001}]}");
    WHO("did(view, last 1 days)", "ad");
    WHO("did(view, last 24 hours)", "ad");
    WHO("did(view)", "acd"); /* b's is after now, and is ignored */
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].now_ms++;
    WHO("did(view, last 1 days)", "ab");
}

Test(semantics, calendar_windows_use_the_zone_of_the_workspace) {
    put("{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}]}");
    happen("{events: [{type: 'view', user: 'a', time: '2025-10-09 00:00:00'},"
           " {type: 'view', user: 'b', time: '2025-10-08 23:59:59.999'}, {type: 'view', user: 'c', time: "
           "'2025-10-08T16:00:00Z'}]}");
    WHO("did(view, today)", "ac");
    WHO("did(view, yesterday)", "b");
    WHO("did(view, on '2025-10-08')", "b");
    WHO("did(view, between '2025-10-08' and '2025-10-09')", "abc");
    WHO("did(view, last 2 calendar days)", "abc");
}

Test(semantics, days_since_counts_whole_elapsed_days) {
    happen(
        "{events: [{type: 'view', user: 'a', time: 1759913600001}, {type: 'view', user: 'b', time: 1759913600000}]}");
    WHO("days_since(view) = 0", "a");
    WHO("days_since(view) = 1", "b");
}

/* now is 2025-10-09 16:53:20 in Shanghai. */
Test(semantics, days_different_values_places_and_gaps_are_of_the_events_of_the_window) {
    put("{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}]}");
    happen("{events: [{type: 'purchase', user: 'a', time: '2025-10-01 00:00:00', amount: 5},"
           " {type: 'purchase', user: 'a', time: '2025-10-03 00:00:00', amount: 7},"
           " {type: 'purchase', user: 'a', time: '2025-10-03 12:00:00', amount: 5},"
           " {type: 'purchase', user: 'b', time: '2025-10-04 23:30:00', amount: 9}]}");
    WHO("days(purchase) = 2", "a");
    WHO("days(purchase) <= 1", "bc");
    WHO("count(distinct purchase.amount) = 2", "a");
    WHO("count(distinct purchase.amount, since '2025-10-04') <= 1", "abc");
    WHO("nth(2, purchase.amount) = 7", "a");
    WHO("nth(2, purchase) is missing", "bc");
    WHO("gap_avg(purchase) = 1.25", "a");
    WHO("gap_max(purchase) is missing", "bc");
    WHO("expected_next(purchase) = '2025-10-06 00:00:00'", "a");
    WHO("expected_next(purchase) is missing", "bc");
    WHO("did(purchase where weekday = 6 and hour = 23)", "b");
}

Test(semantics, calculations_are_exact_and_missing_or_divided_by_zero_compares_with_nothing) {
    put("{users: [{id: 'a', age: 3}, {id: 'b', age: 0}, {id: 'c'}]}");
    happen("{events: [{type: 'purchase', user: 'a', time: '2025-10-01', amount: 5},"
           " {type: 'purchase', user: 'a', time: '2025-08-20', amount: 10},"
           " {type: 'view', user: 'b', time: '2025-10-01'}]}");
    WHO("sum(purchase.amount, last 30 days) < sum(purchase.amount, from 60 days ago to 30 days ago)", "a");
    WHO("1 / age + 1 / age + 1 / age = 1", "a");
    WHO("1 / age != 5", "a");
    WHO("not 1 / age != 5", "bc");
    WHO("count(purchase) / count(view) >= 0", "b");
    WHO("age * 2 + count(purchase) >= 8", "a");
    WHO("last(purchase) > first(view)", "");
}

Test(semantics, an_items_category_is_its_current_one_and_a_removed_item_keeps_its_last) {
    for (int i = 0; i < TRIO_COUNT; i++)
        (void)rig_ask(&trio.rigs[i], "item.put", "{items: [{id: 'i', category: 'tea'}, {id: 'j', category: 'tea'}]}");
    happen("{events: [{type: 'view', user: 'a', time: 1, item: 'i'}, {type: 'view', user: 'b', time: 1, item: 'j'}]}");
    WHO("did(view where item.category = 'tea')", "ab");
    SAY("item.put", "{item: {id: 'i', category: 'coffee'}}", "{accepted: 1, created: 0, refused: []}");
    SAY("item.remove", "{id: 'j'}", "{removed: 1, unknown: []}");
    WHO("did(view where item.category = 'tea')", "b");
    WHO("did(view where item.category = 'coffee')", "a");
}

Test(semantics, order_puts_ties_by_id_bytes_and_missing_last) {
    put("{users: [{id: 'b', age: 2}, {id: 'a', age: 2}, {id: 'c'}, {id: 'd', age: 1}]}");
    SAY("audience.list", "{where: '', order: 'age'}", "{count: 4, ids: ['d', 'a', 'b', 'c']}");
    SAY("audience.list", "{where: '', order: 'age', desc: true}", "{count: 4, ids: ['a', 'b', 'd', 'c']}");
}

Test(semantics, a_sample_of_a_share_is_nested_and_the_same_for_any_number_of_shards) {
    char rows[20000] = "{users: [";
    for (int i = 0; i < 500; i++)
        (void)snprintf(rows + strlen(rows), sizeof rows - strlen(rows), "%s{id: 'u%d'}", i == 0 ? "" : ", ", i);
    (void)strcat(rows, "]}");
    put(rows);
    long counts[3];
    static const char *const shares[] = {"5%", "20%", "60%"};
    for (int s = 0; s < 3; s++) {
        char params[200];
        (void)snprintf(params, sizeof params, "{where: \"sample(%s, 'x')\"}", shares[s]);
        for (int i = 0; i < TRIO_COUNT; i++) {
            const char *answer = rig_ask(&trio.rigs[i], "audience.count", params);
            const long count = atol(strstr(answer, "count: ") + 7);
            if (i == 0) counts[s] = count;
            cr_assert_eq(count, counts[s]);
        }
    }
    cr_assert(counts[0] > 5 && counts[0] < 60 && counts[1] > 60 && counts[1] < 150 && counts[2] > 230 &&
              counts[2] < 370);
    SAY("audience.count", "{where: \"sample(5%, 'x') and not sample(20%, 'x')\"}", "{count: 0, total: 500}");
    /* The share and the exact number use the same lots. */
    char params[200];
    char expected[100];
    (void)snprintf(params, sizeof params, "{where: '', count: %ld, seed: 'x'}", counts[0]);
    for (int i = 0; i < TRIO_COUNT; i++) {
        char ids[8000];
        const char *answer = rig_ask(&trio.rigs[i], "audience.sample", params);
        const char *begin = strchr(answer, '[');
        (void)snprintf(ids, sizeof ids, "%.*s", (int)(strchr(begin, ']') - begin - 1), begin + 1);
        for (char *quote = strchr(ids, '\''); quote != NULL; quote = strchr(quote, '\''))
            *quote = '"';
        char count[9000];
        (void)snprintf(count, sizeof count, "{where: 'id in (%s) and sample(5%%, \"x\")'}", ids);
        (void)snprintf(expected, sizeof expected, "{count: %ld, total: 500}", counts[0]);
        cr_assert_str_eq(rig_ask(&trio.rigs[i], "audience.count", count), expected);
    }
}

Test(semantics, nil_clears_and_absent_leaves) {
    put("{user: {id: 'a', age: 1, city: 'x'}}");
    put("{user: {id: 'a', age: nil}}");
    WHO("age is missing and city = 'x'", "a");
}

Test(semantics, putting_again_changes_nothing) {
    for (int round = 0; round < 2; round++) {
        put("{user: {id: 'a', age: 1, tags: ['x', 'y', 'x']}}");
        happen("{event: {type: 'purchase', user: 'a', time: 5, amount: 2, id: 'o1'}}");
        WHO("count(purchase) = 1 and sum(purchase.amount) = 2 and tags has all ('x', 'y') and age = 1", "a");
    }
}

Test(semantics, money_is_exact) {
    put("{users: [{id: 'a', balance: '0.10'}, {id: 'b', balance: 0.1}, {id: 'c', balance: '0.11'}]}");
    WHO("balance = 0.1", "ab");
    WHO("balance > 0.10", "c");
    char rows[8000] = "{events: [";
    for (int i = 0; i < 100; i++)
        (void)snprintf(rows + strlen(rows), sizeof rows - strlen(rows),
                       "%s{type: 'purchase', user: 'a', time: %d, amount: 0.1}", i == 0 ? "" : ", ", i);
    (void)strcat(rows, "]}");
    happen(rows);
    WHO("sum(purchase.amount) = 10", "a");
    WHO("avg(purchase.amount) = 0.1", "a");
    happen("{events: [{type: 'purchase', user: 'c', time: 1, amount: '0.01'}, {type: 'purchase', user: 'c', time: 2, "
           "amount: 0},"
           " {type: 'purchase', user: 'c', time: 3, amount: 0}]}");
    WHO("avg(purchase.amount) > 0.0033", "ac");
    WHO("avg(purchase.amount) < 0.0034", "c");
}

Test(semantics, a_sum_beyond_64_bits_is_still_exact) {
    happen("{events: [{type: 'purchase', user: 'a', time: 1, amount: '92233720368547758.07'},"
           " {type: 'purchase', user: 'a', time: 2, amount: '92233720368547758.07'},"
           " {type: 'purchase', user: 'a', time: 3, amount: '-92233720368547758.07'}]}");
    WHO("sum(purchase.amount) = 92233720368547758.07", "a");
    WHO("sum(purchase.amount, between '1970-01-01' and '1970-01-01') > 92233720368547758.06", "a");
}

Test(semantics, an_enums_code_is_not_its_rank) {
    put("{users: [{id: 'a', tier: 'silver'}, {id: 'b', tier: 'gold'}]}");
    SAY("schema.put", "{users: {attributes: [{name: 'tier', type: 'enum', labels: ['bronze', 'silver', 'gold']}]}}",
        "{changed: true}");
    put("{user: {id: 'c', tier: 'bronze'}}");
    WHO("tier < 'silver'", "c");
    WHO("tier >= 'silver'", "ab");
}

Test(semantics, open_cursors_skip_the_forgotten_and_say_how_many) {
    put("{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}]}");
    SAY_BEGIN("audience.list", "{where: '', order: 'id', limit: 1, keep: true}", "{count: 3, ids: ['a'], cursor: ");
    char cursors[TRIO_COUNT][4096];
    for (int i = 0; i < TRIO_COUNT; i++)
        (void)snprintf(cursors[i], sizeof cursors[i], "%.4000s", rig_cursor(&trio.rigs[i]));
    SAY_BEGIN("user.forget", "{id: 'b'}", "{forgotten: 1, unknown: []");
    put("{user: {id: 'z'}}");
    for (int i = 0; i < TRIO_COUNT; i++) {
        char params[5000];
        (void)snprintf(params, sizeof params, "{cursor: %.4000s, limit: 10}", cursors[i]);
        cr_assert_str_eq(rig_ask(&trio.rigs[i], "audience.list", params), "{ids: ['c'], skipped: 1}");
    }
}

Test(semantics, two_valued_logic_throughout) {
    put("{users: [{id: 'a', age: 1}, {id: 'b'}]}");
    WHO("age > 0 or not age > 0", "ab");
    WHO("not (age > 0 and city = 'x')", "ab");
    WHO("not (age < 0 or age >= 0)", "b");
}

Test(semantics, attributes_are_todays_whatever_now_says) {
    put("{user: {id: 'a', age: 1}}");
    SAY("audience.count", "{where: 'age = 1', now: 0}", "{count: 1, total: 1}");
}

Test(semantics, first_and_last_over_nothing_are_missing_and_go_by_time_then_arrival) {
    put("{users: [{id: 'a'}, {id: 'b'}]}");
    happen("{events: [{type: 'purchase', user: 'a', time: 2, amount: 5}, {type: 'purchase', user: 'a', time: 1, "
           "amount: 7},"
           " {type: 'purchase', user: 'a', time: 2, amount: 9}]}");
    WHO("first(purchase.amount) = 7", "a");
    WHO("last(purchase.amount) = 9", "a");
    WHO("first(purchase.amount) != 0", "a");
    WHO("last(purchase.amount) is missing", "b");
    WHO("not first(purchase.amount) > 0", "b");
}

Test(semantics, the_zone_is_fixed_when_the_workspace_is_made) {
    SAY("schema.put", "{zone: 'Asia/Shanghai'}", "{changed: false}");
    SAY_BEGIN("schema.put", "{zone: 'UTC'}", "305 conflict");
}

Test(semantics, a_naive_time_is_the_zones_and_a_repeated_hour_takes_the_earlier_offset) {
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].workspace = "new york";
    SAY("schema.put", "{zone: 'America/New_York', events: [{name: 'view'}]}", "{changed: true}");
    happen("{event: {type: 'view', user: 'a', time: '2025-11-02 01:30:00'}}");
    /* 01:30 of summer time is 05:30 UTC; of winter time, an hour later. */
    SAY("audience.count", "{where: 'did(view)', now: 1762061400000}", "{count: 1, total: 1}");
    SAY("audience.count", "{where: 'did(view)', now: 1762061399999}", "{count: 0, total: 1}");
}

Test(semantics, now_moves_windows_and_nothing_else) {
    put("{user: {id: 'a', age: 1}}");
    happen("{event: {type: 'view', user: 'a', time: " NOW "}}");
    SAY("audience.count", "{where: 'did(view, last 1 days) and age = 1', now: " NOW "}", "{count: 1, total: 1}");
    SAY("audience.count", "{where: 'did(view, last 1 days) and age = 1', now: 1760086400000}", "{count: 0, total: 1}");
    SAY("audience.count", "{where: 'did(view) and age = 1', now: 1759999999999}", "{count: 0, total: 1}");
    SAY("audience.count", "{where: 'age = 1', now: 1759999999999}", "{count: 1, total: 1}");
}

static int compare_letters(const void *left, const void *right) {
    return *(const char *)left - *(const char *)right;
}

Test(semantics, without_an_order_a_list_is_fixed_for_its_cursor) {
    put("{users: [{id: 'a', age: 1}, {id: 'b', age: 1}, {id: 'c', age: 1}, {id: 'd', age: 1}, {id: 'x', age: 2}]}");
    for (int i = 0; i < TRIO_COUNT; i++) {
        struct rig *rig = &trio.rigs[i];
        char letters[16] = "";
        const char *answer = rig_ask(rig, "audience.list", "{where: 'age = 1', limit: 1, keep: true}");
        for (int page = 0; page < 4; page++) {
            const char *ids = strstr(answer, "ids: ['");
            cr_assert(ids != NULL, "%s", answer);
            (void)strncat(letters, ids + 7, 1);
            if (page == 3) break;
            char params[5000];
            (void)snprintf(params, sizeof params, "{cursor: %.4000s, limit: 1}", rig_cursor(rig));
            /* Who matches changes between two pages, and the list does not. */
            (void)rig_ask(rig, "user.put", "{users: [{id: 'a', age: 3}, {id: 'd', age: 3}, {id: 'x', age: 1}]}");
            answer = rig_ask(rig, "audience.list", params);
        }
        qsort(letters, strlen(letters), 1, compare_letters);
        cr_assert_str_eq(letters, "abcd", "%d shards", i + 1);
        cr_assert_str_empty(rig_cursor(rig));
    }
}

Test(semantics, an_exact_sample_is_nested_and_the_same_for_any_number_of_shards) {
    put("{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}, {id: 'd'}, {id: 'e'}, {id: 'f'}]}");
    char fewer[64] = "";
    for (int count = 1; count <= 6; count++) {
        char params[64];
        char first[64] = "";
        (void)snprintf(params, sizeof params, "{where: '', count: %d, seed: 's'}", count);
        for (int i = 0; i < TRIO_COUNT; i++) {
            char letters[64] = "";
            const char *at = strstr(rig_ask(&trio.rigs[i], "audience.sample", params), "ids: [");
            cr_assert(at != NULL);
            for (at += 6; *at != ']'; at++)
                if (*at >= 'a' && *at <= 'f') (void)strncat(letters, at, 1);
            qsort(letters, strlen(letters), 1, compare_letters);
            if (i == 0) (void)strcpy(first, letters);
            cr_assert_str_eq(letters, first, "%d of 6, %d shards", count, i + 1);
        }
        cr_assert_eq(strlen(first), (size_t)count);
        for (const char *who_was = fewer; *who_was != '\0'; who_was++)
            cr_assert(strchr(first, *who_was) != NULL, "%c is no longer among %d", *who_was, count);
        (void)strcpy(fewer, first);
    }
}

Test(semantics, tag_sets_take_add_remove_and_set) {
    put("{user: {id: 'a', tags: ['x', 'y']}}");
    put("{user: {id: 'a', tags: {add: ['z'], remove: ['x', 'unheard-of']}}}");
    WHO("tags has all ('y', 'z') and not tags has 'x'", "a");
    put("{user: {id: 'a', tags: ['w']}}");
    WHO("tags has 'w' and tags has none ('x', 'y', 'z')", "a");
    put("{user: {id: 'a', tags: nil}}");
    WHO("tags has 'w'", "");
}

Test(semantics, averages_are_not_rounded_before_they_are_compared) {
    happen(
        "{events: [{type: 'purchase', user: 'a', time: 1, amount: '0.01'},"
        " {type: 'purchase', user: 'a', time: 2, amount: '0.01'}, {type: 'purchase', user: 'a', time: 3, amount: 0}]}");
    WHO("avg(purchase.amount) = 0.01", "");
    WHO("avg(purchase.amount) = 0.0067", "");
    WHO("avg(purchase.amount) > 0.00666666666", "a");
    WHO("avg(purchase.amount) < 0.00666666667", "a");
}
