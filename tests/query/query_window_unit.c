/* query_window_unit.c -- windows as instants: spans, calendars, leap days, and clocks that change. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "query.h"

static struct sh_zone *open_zone(const char *name) {
    if (name[0] != '+' && access("/usr/share/zoneinfo/Asia/Shanghai", R_OK) != 0)
        cr_skip_test("SKIPPED: there are no time zone files in /usr/share/zoneinfo");
    struct sh_zone *zone;
    cr_assert_eq(sh_zone_open(sh_text_of(name), &zone, NULL), SH_OK, "%s", name);
    return zone;
}

static int64_t instant(const char *text, const struct sh_zone *zone) {
    int64_t instant_ms = 0;
    struct sh_error err = {0};
    cr_assert_eq(sh_instant_parse(sh_text_of(text), zone, &instant_ms, &err), SH_OK, "%s: %s", text, err.message);
    return instant_ms;
}

struct span {
    const char *window;
    const char *now;
    const char *first; /* the first instant in it */
    const char *last;  /* the last one, to the millisecond; NULL: the window is empty */
};

static void expect_span(const struct sh_zone *zone, const struct span *span) {
    struct sh_arena arena;
    struct sh_error err = {0};
    struct sh_node *tree = NULL;
    char text[256];
    sh_arena_init(&arena, 1 << 20);
    (void)snprintf(text, sizeof text, "did(e, %s)", span->window);
    cr_assert_eq(sh_query_parse(sh_text_of(text), &arena, &tree, &err), SH_OK, "%s: %s", text, err.message);
    const struct sh_query_scope scope = {.zone = zone, .now_ms = instant(span->now, zone)};
    int64_t from_ms, until_ms;
    sh_query_window(&tree->operand.window, &scope, &from_ms, &until_ms);
    if (span->last == NULL) {
        cr_expect_eq(from_ms, until_ms, "%s at %s is not empty", span->window, span->now);
    } else {
        struct sh_buffer found;
        sh_buffer_init(&found, 1000);
        sh_instant_print(&found, from_ms, zone);
        sh_buffer_append(&found, " .. ", 4);
        sh_instant_print(&found, until_ms - 1, zone);
        cr_expect(from_ms == instant(span->first, zone) && until_ms == instant(span->last, zone) + 1,
                  "%s at %s is %.*s, not %s .. %s", span->window, span->now, (int)found.count, (char *)found.bytes,
                  span->first, span->last);
        sh_buffer_deinit(&found);
    }
    sh_arena_deinit(&arena);
}

static void expect_spans(const char *zone_name, const struct span *spans, size_t count) {
    struct sh_zone *zone = open_zone(zone_name);
    for (size_t i = 0; i < count; i++)
        expect_span(zone, &spans[i]);
    sh_zone_close(zone);
}
#define EXPECT_SPANS(zone, ...)                                                                                        \
    do {                                                                                                               \
        static const struct span spans[] = {__VA_ARGS__};                                                              \
        expect_spans(zone, spans, sizeof spans / sizeof spans[0]);                                                     \
    } while (0)

#define WED "2026-03-11 12:00"

Test(query_window, sliding_windows_leave_their_first_instant_out_and_now_in) {
    EXPECT_SPANS(
        "+08:00", {"last 1 minute", WED, "2026-03-11 11:59:00.001", WED},
        {"last 90 minutes", WED, "2026-03-11 10:30:00.001", WED},
        {"last 24 hours", WED, "2026-03-10 12:00:00.001", WED}, {"last 1 day", WED, "2026-03-10 12:00:00.001", WED},
        {"last 30 days", WED, "2026-02-09 12:00:00.001", WED}, {"last 2 weeks", WED, "2026-02-25 12:00:00.001", WED});
}

Test(query_window, calendar_windows_hold_the_current_unit_up_to_now) {
    EXPECT_SPANS("+08:00", {"last 1 calendar day", WED, "2026-03-11 00:00", WED},
                 {"last 7 calendar days", WED, "2026-03-05 00:00", WED},
                 {"last 1 calendar week", WED, "2026-03-09 00:00", WED},
                 {"last 2 calendar weeks", WED, "2026-03-02 00:00", WED},
                 {"last 3 calendar months", WED, "2026-01-01 00:00", WED},
                 {"last 4 calendar months", WED, "2025-12-01 00:00", WED},
                 {"last 1 calendar quarter", WED, "2026-01-01 00:00", WED},
                 {"last 2 calendar quarters", WED, "2025-10-01 00:00", WED},
                 {"last 6 calendar quarters", WED, "2024-10-01 00:00", WED},
                 {"last 2 calendar years", WED, "2025-01-01 00:00", WED});
}

Test(query_window, this_is_from_its_start_up_to_now_and_previous_is_the_whole_one_before) {
    EXPECT_SPANS("+08:00", {"today", WED, "2026-03-11 00:00", WED}, {"this week", WED, "2026-03-09 00:00", WED},
                 {"this month", WED, "2026-03-01 00:00", WED}, {"this quarter", WED, "2026-01-01 00:00", WED},
                 {"this year", WED, "2026-01-01 00:00", WED},
                 {"yesterday", WED, "2026-03-10 00:00", "2026-03-10 23:59:59.999"},
                 {"previous week", WED, "2026-03-02 00:00", "2026-03-08 23:59:59.999"},
                 {"previous month", WED, "2026-02-01 00:00", "2026-02-28 23:59:59.999"},
                 {"previous quarter", WED, "2025-10-01 00:00", "2025-12-31 23:59:59.999"},
                 {"previous year", WED, "2025-01-01 00:00", "2025-12-31 23:59:59.999"});
}

Test(query_window, a_week_begins_on_monday) {
    EXPECT_SPANS("+08:00", {"this week", "2026-03-09 00:00", "2026-03-09 00:00", "2026-03-09 00:00"},
                 {"this week", "2026-03-15 23:59:59.999", "2026-03-09 00:00", "2026-03-15 23:59:59.999"},
                 {"previous week", "2026-01-01 05:00", "2025-12-22 00:00", "2025-12-28 23:59:59.999"});
}

Test(query_window, the_first_and_last_instant_of_a_unit_belong_to_it) {
    EXPECT_SPANS("+08:00", {"today", "2026-03-11 00:00", "2026-03-11 00:00", "2026-03-11 00:00"},
                 {"yesterday", "2026-03-11 00:00", "2026-03-10 00:00", "2026-03-10 23:59:59.999"},
                 {"this month", "2026-12-31 23:59:59.999", "2026-12-01 00:00", "2026-12-31 23:59:59.999"},
                 {"previous month", "2026-01-31 08:00", "2025-12-01 00:00", "2025-12-31 23:59:59.999"},
                 {"this quarter", "2026-06-30 23:59", "2026-04-01 00:00", "2026-06-30 23:59"});
}

Test(query_window, leap_years_have_a_29_february) {
    EXPECT_SPANS("+08:00", {"previous month", "2024-03-31 12:00", "2024-02-01 00:00", "2024-02-29 23:59:59.999"},
                 {"yesterday", "2024-03-01 12:00", "2024-02-29 00:00", "2024-02-29 23:59:59.999"},
                 {"last 2 calendar days", "2024-03-01 12:00", "2024-02-29 00:00", "2024-03-01 12:00"},
                 {"previous month", "2100-03-01 00:00", "2100-02-01 00:00", "2100-02-28 23:59:59.999"},
                 {"on '2024-02-29'", "2025-01-01 00:00", "2024-02-29 00:00", "2024-02-29 23:59:59.999"});
}

Test(query_window, dates_are_whole_days_and_instants_are_half_open) {
    EXPECT_SPANS(
        "+08:00", {"between '2026-01-05' and '2026-01-07'", WED, "2026-01-05 00:00", "2026-01-07 23:59:59.999"},
        {"between '2026-01-05' and '2026-01-05'", WED, "2026-01-05 00:00", "2026-01-05 23:59:59.999"},
        {"between '2026-01-05 10:00' and '2026-01-05 11:00'", WED, "2026-01-05 10:00", "2026-01-05 10:59:59.999"},
        {"between '2026-01-05' and '2026-01-06 11:00'", WED, "2026-01-05 00:00", "2026-01-06 10:59:59.999"},
        {"between '2026-01-05 10:00' and '2026-01-05 10:00'", WED, NULL, NULL},
        {"between '2026-01-07' and '2026-01-05'", WED, NULL, NULL},
        {"on '2026-01-05'", WED, "2026-01-05 00:00", "2026-01-05 23:59:59.999"},
        {"since '2026-01-05'", WED, "2026-01-05 00:00", WED},
        {"since '2026-01-05 10:00'", WED, "2026-01-05 10:00", WED},
        {"before '2026-01-05'", WED, "0001-01-01T00:00Z", "2026-01-04 23:59:59.999"},
        {"before '2026-01-05 10:00'", WED, "0001-01-01T00:00Z", "2026-01-05 09:59:59.999"});
}

Test(query_window, no_window_reaches_past_now) {
    EXPECT_SPANS("+08:00", {"between '2026-03-01' and '2026-03-31'", WED, "2026-03-01 00:00", WED},
                 {"on '2026-03-11'", WED, "2026-03-11 00:00", WED}, {"on '2026-03-12'", WED, NULL, NULL},
                 {"since '2026-03-12'", WED, NULL, NULL}, {"before '2027-01-01'", WED, "0001-01-01T00:00Z", WED},
                 {"since '2026-03-11 12:00'", WED, WED, WED});
}

Test(query_window, windows_longer_than_time_begin_with_time) {
    EXPECT_SPANS("+00:00", {"last 1000000 weeks", WED, "0001-01-01 00:00", WED},
                 {"last 1000000 calendar years", WED, "0001-01-01 00:00", WED},
                 {"last 1000000 calendar quarters", WED, "0001-01-01 00:00", WED},
                 {"last 1000000 calendar days", WED, "0001-01-01 00:00", WED},
                 {"previous year", "0001-06-01 00:00", NULL, NULL});
}

Test(query_window, no_window_is_all_of_the_past) {
    const struct sh_window ever = {.kind = SH_WINDOW_EVER};
    const struct sh_query_scope scope = {.zone = open_zone("+08:00"), .now_ms = 1000};
    int64_t from_ms, until_ms;
    sh_query_window(&ever, &scope, &from_ms, &until_ms);
    cr_assert_eq(from_ms, SH_INSTANT_MIN);
    cr_assert_eq(until_ms, 1001);
    sh_zone_close((struct sh_zone *)scope.zone);
}

/* Paris 2026: 29 March has 23 hours, 25 October has 25. */
Test(query_window, days_of_23_and_25_hours_are_whole_days) {
    EXPECT_SPANS("Europe/Paris",
                 {"today", "2026-03-29 12:00", "2026-03-29T00:00:00+01:00", "2026-03-29T12:00:00+02:00"},
                 {"yesterday", "2026-03-30 12:00", "2026-03-29T00:00:00+01:00", "2026-03-29T23:59:59.999+02:00"},
                 {"yesterday", "2026-10-26 12:00", "2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59.999+01:00"},
                 {"on '2026-10-25'", "2026-12-01 00:00", "2026-10-25T00:00:00+02:00", "2026-10-25T23:59:59.999+01:00"},
                 {"this month", "2026-03-31 12:00", "2026-03-01T00:00:00+01:00", "2026-03-31T12:00:00+02:00"});
}

Test(query_window, sliding_days_are_24_hours_whatever_clocks_do) {
    EXPECT_SPANS("Europe/Paris", {"last 1 day", "2026-03-29 12:00", "2026-03-28 11:00:00.001", "2026-03-29 12:00"},
                 {"last 1 day", "2026-10-25 12:00", "2026-10-24 13:00:00.001", "2026-10-25 12:00"},
                 {"last 1 calendar day", "2026-10-25 12:00", "2026-10-25T00:00:00+02:00", "2026-10-25 12:00"});
}

/* São Paulo 2018: the clock went from 23:59:59 to 01:00 on 4 November, so that day has no midnight. */
Test(query_window, a_day_without_midnight_begins_later) {
    EXPECT_SPANS("America/Sao_Paulo", {"today", "2018-11-04 12:00", "2018-11-04T01:00:00-02:00", "2018-11-04 12:00"},
                 {"yesterday", "2018-11-04 12:00", "2018-11-03T00:00:00-03:00", "2018-11-03T23:59:59.999-03:00"});
}
