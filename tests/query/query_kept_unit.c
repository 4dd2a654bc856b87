/* query_kept_unit.c -- what is kept of windows: when, how long, and how much. */
#include <criterion/criterion.h>

#include "query_kept.h"

enum { DAY = 20000, BLOCK = SH_EVENT_BLOCK_SLOTS, STRIP_BYTES = SH_EVENT_BLOCK_SLOTS };

static struct sh_zone *zone;
static struct sh_event_store *events;
static struct sh_kept *kept;
static uint32_t counts[SH_EVENT_BLOCK_SLOTS];
static uint32_t type;

static void begin(void) {
    cr_assert_eq(sh_zone_open(SH_TEXT_LITERAL("UTC"), &zone, NULL), SH_OK);
    events = sh_event_store_create(zone);
    cr_assert_eq(sh_event_type_add(events, SH_TEXT_LITERAL("purchase"), 2, &type, NULL), SH_OK);
    kept = sh_kept_create(events, 0, 5 * STRIP_BYTES);
}

static void end(void) {
    sh_kept_destroy(kept);
    sh_event_store_destroy(events);
    sh_zone_close(zone);
}

TestSuite(query_kept, .init = begin, .fini = end);

static void append(uint32_t slot, int32_t day) {
    bool duplicate;
    const struct sh_event event = {
        .type = type, .slot = slot, .item = SH_NO_ITEM, .time_ms = day * SH_DAY_MS + SH_HOUR_MS};
    cr_assert_eq(sh_event_append(events, &event, &duplicate, NULL), SH_OK);
}

static struct sh_kept_window days(int32_t from, int32_t until) {
    return (struct sh_kept_window){.event_type = type, .from_ms = from * SH_DAY_MS, .until_ms = until * SH_DAY_MS};
}

static enum sh_kept_state find(struct sh_kept_window window, uint32_t block) {
    const struct sh_kept_numbers *numbers;
    return sh_kept_find(kept, &window, block, &numbers);
}

static void put(struct sh_kept_window window, uint32_t block) {
    cr_assert_eq(find(window, block), SH_KEPT_NONE);
    cr_assert_eq(find(window, block), SH_KEPT_WANTED);
    cr_assert_not_null(sh_kept_put_counts(kept, &window, block, counts));
    cr_assert_eq(find(window, block), SH_KEPT_READY);
}

Test(query_kept, the_second_question_keeps_and_the_third_reads) {
    const struct sh_kept_window window = days(DAY - 30, DAY);
    const struct sh_kept_numbers *numbers;
    counts[7] = 300;
    put(window, 0);
    cr_assert_eq(sh_kept_find(kept, &window, 0, &numbers), SH_KEPT_READY);
    int64_t value;
    cr_assert(sh_strip_get(&numbers->strip, 7, &value));
    cr_assert_eq(value, 300);
    cr_assert(sh_strip_get(&numbers->strip, 8, &value));
    cr_assert_eq(value, 0);
    cr_assert_eq(numbers->strip.width, 2);
    cr_assert_eq(find(days(DAY - 29, DAY), 0), SH_KEPT_NONE, "another window");
}

Test(query_kept, sums_are_as_narrow_as_they_can_be) {
    static int64_t sums[SH_EVENT_BLOCK_SLOTS];
    struct sh_kept_window window = days(DAY - 30, DAY);
    const int64_t extremes[] = {-5, 300, 100000, INT64_MAX / 2, INT64_MIN / 2};
    const uint8_t widths[] = {1, 2, 4, 8, 8};
    window.is_sum = window.is_amount = true;
    for (uint32_t i = 0; i < 5; i++) {
        const struct sh_kept_numbers *numbers;
        int64_t value;
        window.until_ms += SH_DAY_MS;
        sums[i] = extremes[i];
        cr_assert_eq(find(window, 0), SH_KEPT_NONE);
        cr_assert_eq(find(window, 0), SH_KEPT_WANTED);
        sh_kept_destroy(kept);
        kept = sh_kept_create(events, 0, 8 * STRIP_BYTES + 8192);
        cr_assert_eq(find(window, 0), SH_KEPT_NONE);
        cr_assert_eq(find(window, 0), SH_KEPT_WANTED);
        numbers = sh_kept_put_sums(kept, &window, 0, sums, INT64_MAX);
        cr_assert_not_null(numbers);
        cr_assert_eq(numbers->strip.width, widths[i]);
        for (uint32_t k = 0; k < 6; k++) {
            cr_assert(sh_strip_get(&numbers->strip, k, &value));
            cr_assert_eq(value, sums[k]);
        }
    }
}

Test(query_kept, a_late_event_is_news_for_its_block_and_an_event_of_today_for_none) {
    const struct sh_kept_window window = days(DAY - 30, DAY);
    put(window, 0);
    put(window, 1);
    append(3, DAY);
    append(BLOCK + 3, DAY);
    append(3, DAY - 31);
    cr_assert_eq(find(window, 0), SH_KEPT_READY);
    cr_assert_eq(find(window, 1), SH_KEPT_READY);
    append(BLOCK + 3, DAY - 2);
    cr_assert_eq(find(window, 0), SH_KEPT_READY);
    cr_assert_eq(find(window, 1), SH_KEPT_WANTED);
}

Test(query_kept, who_is_forgotten_is_forgotten_here_too) {
    const struct sh_kept_window window = days(DAY - 30, DAY);
    append(3, DAY - 2);
    append(BLOCK + 4, DAY - 2);
    put(window, 0);
    put(window, 1);
    sh_event_forget(events, 3, NULL);
    cr_assert_eq(find(window, 0), SH_KEPT_WANTED);
    cr_assert_eq(find(window, 1), SH_KEPT_READY);
}

Test(query_kept, days_that_are_swept_are_gone) {
    const struct sh_kept_window window = days(DAY - 30, DAY);
    const struct sh_event_sweep_hearing hearing = {0};
    append(3, DAY - 20);
    append(3, DAY);
    put(window, 0);
    sh_event_type_keep(events, type, 10);
    cr_assert_eq(find(window, 0), SH_KEPT_READY);
    cr_assert_eq(sh_event_sweep(events, DAY * SH_DAY_MS, &hearing), 1);
    cr_assert_eq(find(window, 0), SH_KEPT_WANTED);
}

Test(query_kept, the_window_asked_for_longest_ago_makes_room) {
    struct sh_kept_stats stats;
    for (int32_t i = 0; i < 4; i++)
        put(days(DAY - 30 - i, DAY), 0); /* counts of a byte */
    put(days(DAY - 40, DAY), 0);
    sh_kept_stats(kept, &stats);
    cr_assert_leq(stats.bytes, 5 * STRIP_BYTES);
    cr_assert_eq(stats.window_count, 4);
    cr_assert_eq(find(days(DAY - 31, DAY), 0), SH_KEPT_READY);
    cr_assert_eq(find(days(DAY - 30, DAY), 0), SH_KEPT_NONE, "it went");
    put(days(DAY - 40, DAY), 1);
    cr_assert_eq(find(days(DAY - 40, DAY), 0), SH_KEPT_READY, "a window does not push out itself");
}

Test(query_kept, there_are_never_more_windows_than_the_bound) {
    struct sh_kept_stats stats;
    for (int32_t i = 0; i < 2 * SH_KEPT_WINDOW_COUNT_MAX; i++)
        (void)find(days(DAY - 30 - i, DAY), 0);
    sh_kept_stats(kept, &stats);
    cr_assert_eq(stats.window_count, SH_KEPT_WINDOW_COUNT_MAX);
    cr_assert_leq(stats.bytes, 5 * STRIP_BYTES);
}
