#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "calendar.h"
#include "memory.h"

/* Opens a zone of the system; without zone files the test says so and ends. */
static struct sh_zone *open_zone(const char *name) {
    if (access("/usr/share/zoneinfo/Asia/Shanghai", R_OK) != 0)
        cr_skip_test("SKIPPED: there are no time zone files in /usr/share/zoneinfo");
    struct sh_zone *zone;
    struct sh_error err = {0};
    cr_assert_eq(sh_zone_open(sh_text_of(name), &zone, &err), SH_OK, "%s: %s", name, err.message);
    return zone;
}

static int64_t parse(const char *text, const struct sh_zone *zone) {
    int64_t instant_ms = 0;
    struct sh_error err = {0};
    cr_assert_eq(sh_instant_parse(sh_text_of(text), zone, &instant_ms, &err), SH_OK, "%s: %s", text, err.message);
    return instant_ms;
}

static void expect_printed(int64_t instant_ms, const struct sh_zone *zone, const char *wanted) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 100);
    sh_instant_print(&buffer, instant_ms, zone);
    cr_assert(sh_text_equal((struct sh_text){(char *)buffer.bytes, (uint32_t)buffer.count}, sh_text_of(wanted)),
              "%.*s, not %s", (int)buffer.count, (char *)buffer.bytes, wanted);
    sh_buffer_deinit(&buffer);
}

/* The local text means that instant of UTC, and the instant is printed as `printed`. */
static void expect_local(const struct sh_zone *zone, const char *local, const char *utc, const char *printed) {
    const int64_t instant_ms = parse(local, zone);
    cr_assert_eq(instant_ms, parse(utc, zone), "%s is %lld", local, (long long)instant_ms);
    expect_printed(instant_ms, zone, printed);
    cr_assert_eq(parse(printed, zone), instant_ms, "what is printed parses back");
}

Test(calendar, days_and_dates_are_inverse_for_ten_thousand_years) {
    struct sh_date date = {1, 1, 1};
    for (int32_t day = (int32_t)(SH_INSTANT_MIN / SH_DAY_MS); day <= (int32_t)(SH_INSTANT_MAX / SH_DAY_MS); day++) {
        const struct sh_date found = sh_date_from_day(day);
        if (found.year != date.year || found.month != date.month || found.day != date.day)
            cr_assert_fail("day %d is %d-%d-%d", day, found.year, found.month, found.day);
        if (sh_day_from_date(date) != day || !sh_date_is_valid(date)) cr_assert_fail("day %d does not come back", day);
        date.day++;
        if (!sh_date_is_valid(date)) date = (struct sh_date){date.year, date.month + 1, 1};
        if (date.month == 13) date = (struct sh_date){date.year + 1, 1, 1};
    }
    cr_assert_eq(date.year, 10000);
}

Test(calendar, known_days_and_weekdays) {
    cr_assert_eq(sh_day_from_date((struct sh_date){1970, 1, 1}), 0);
    cr_assert_eq(sh_day_weekday(0), 4, "a Thursday");
    cr_assert_eq(sh_day_from_date((struct sh_date){2000, 3, 1}), 11017);
    cr_assert_eq(sh_day_weekday(sh_day_from_date((struct sh_date){2026, 3, 1})), 7);
    cr_assert_eq(sh_day_weekday(-3), 1);
    cr_assert_eq(sh_day_weekday(-4), 7);
    cr_assert(sh_date_is_valid((struct sh_date){2000, 2, 29}));
    cr_assert(!sh_date_is_valid((struct sh_date){1900, 2, 29}));
    cr_assert(!sh_date_is_valid((struct sh_date){2026, 4, 31}));
    cr_assert(!sh_date_is_valid((struct sh_date){0, 1, 1}));
    cr_assert(!sh_date_is_valid((struct sh_date){10000, 1, 1}));
    cr_assert(!sh_date_is_valid((struct sh_date){2026, 13, 1}));
    cr_assert(!sh_date_is_valid((struct sh_date){2026, 1, 0}));
}

Test(calendar, instants_are_read_in_every_form) {
    struct sh_zone *zone = open_zone("Asia/Shanghai");
    const int64_t midnight = 1772294400000;
    cr_assert_eq(parse("2026-03-01", zone), midnight);
    cr_assert_eq(parse("2026-03-01 09:30", zone), midnight + 9 * SH_HOUR_MS + 30 * SH_MINUTE_MS);
    cr_assert_eq(parse("2026-03-01T00:00:15", zone), midnight + 15 * SH_SECOND_MS);
    cr_assert_eq(parse("2026-03-01 00:00:15.1", zone), midnight + 15100);
    cr_assert_eq(parse("2026-03-01 00:00:15.123", zone), midnight + 15123);
    cr_assert_eq(parse("2026-03-01 00:00:15.123999", zone), midnight + 15123);
    cr_assert_eq(parse("2026-03-01 00:00Z", zone), midnight + 8 * SH_HOUR_MS);
    cr_assert_eq(parse("2026-03-01 00:00+01:00", zone), midnight + 7 * SH_HOUR_MS);
    cr_assert_eq(parse("2026-03-01T00:00:00.000-05:30", zone), midnight + 13 * SH_HOUR_MS + 30 * SH_MINUTE_MS);
    cr_assert_eq(parse("0001-01-01 00:00Z", zone), SH_INSTANT_MIN);
    cr_assert_eq(parse("9999-12-31 23:59:59.999Z", zone), SH_INSTANT_MAX);
    sh_zone_close(zone);
}

Test(calendar, what_is_no_instant_is_refused_where_it_goes_wrong) {
    static const struct {
        const char *text;
        int64_t position;
    } cases[] = {
        {"", 0},
        {"2026-3-01", 6},
        {"2026-02-30", 0},
        {"2026-03-01 ", 11},
        {"2026-03-01x", 10},
        {"2026-03-01 24:00", 11},
        {"2026-03-01 09:60", 11},
        {"2026-03-01 09:30:60", 17},
        {"2026-03-01 09:30:15.", 20},
        {"2026-03-01 09:30:15.1234567890", 29},
        {"2026-03-01 09:30 Z", 16},
        {"2026-03-01 09:30z", 16},
        {"2026-03-01 09:30Zx", 17},
        {"2026-03-01 09:30+8", 18},
        {"2026-03-01 09:30+24:00", 16},
        {"2026-03-01Z", 10},
        {"0000-01-01", 0},
        {"0001-01-01 00:00+00:01", 0},
        {"9999-12-31 23:59:59.999-00:01", 0},
        {"+2026-03-01", 0},
        {"\xEF\xBC\x92"
         "026-03-01",
         0},
    };
    struct sh_zone *zone;
    cr_assert_eq(sh_zone_open(SH_TEXT_LITERAL("UTC"), &zone, NULL), SH_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t instant_ms = 5;
        struct sh_error err = {0};
        cr_assert_eq(sh_instant_parse(sh_text_of(cases[i].text), zone, &instant_ms, &err), SH_ERR_ARGUMENT, "%s",
                     cases[i].text);
        cr_assert_eq(err.position, cases[i].position, "%s: %lld", cases[i].text, (long long)err.position);
        cr_assert_eq(instant_ms, 5);
    }
    struct sh_date date;
    cr_assert_eq(sh_date_parse(SH_TEXT_LITERAL("2026-03-01"), &date, NULL), SH_OK);
    cr_assert_eq(date.month, 3);
    cr_assert_eq(sh_date_parse(SH_TEXT_LITERAL("2026-03-01 "), &date, NULL), SH_ERR_ARGUMENT);
    sh_zone_close(zone);
}

Test(calendar, fixed_offsets_and_utc_need_no_file) {
    cr_assert_eq(setenv("SHOAL_ZONEINFO", "/nonexistent", 1), 0);
    struct sh_zone *zone;
    cr_assert_eq(sh_zone_open(SH_TEXT_LITERAL("+08:00"), &zone, NULL), SH_OK);
    cr_assert(sh_text_equal(sh_zone_name(zone), SH_TEXT_LITERAL("+08:00")));
    cr_assert_eq(sh_zone_day_start_ms(zone, 0), -8 * SH_HOUR_MS);
    cr_assert_eq(sh_zone_day(zone, -8 * SH_HOUR_MS - 1), -1);
    cr_assert_eq(sh_zone_day(zone, -8 * SH_HOUR_MS), 0);
    sh_zone_close(zone);
    cr_assert_eq(sh_zone_open(SH_TEXT_LITERAL("-09:30"), &zone, NULL), SH_OK);
    cr_assert_eq(sh_zone_offset_ms(zone, 0), -(9 * SH_HOUR_MS + 30 * SH_MINUTE_MS));
    sh_zone_close(zone);
    cr_assert_eq(sh_zone_open(SH_TEXT_LITERAL("UTC"), &zone, NULL), SH_OK);
    cr_assert_eq(sh_zone_offset_ms(zone, SH_INSTANT_MIN), 0);
    cr_assert_eq(sh_zone_day(zone, SH_INSTANT_MIN), -719162);
    cr_assert_eq(sh_zone_day(zone, SH_INSTANT_MAX), 2932896);
    cr_assert_eq(sh_zone_day(zone, -1), -1);
    sh_zone_close(zone);
    sh_zone_close(NULL);
    static const char *const bad[] = {"+8:00", "+08:60", "+24:00", "08:00", "+0800", "+08:00:00", "-aa:00"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        cr_assert_eq(sh_zone_open(sh_text_of(bad[i]), &zone, NULL), SH_ERR_NAME, "%s", bad[i]);
    cr_assert_null(zone);
    cr_assert_eq(sh_memory_bytes(), 0);
}

Test(calendar, names_that_are_paths_are_no_names) {
    static const char *const bad[] = {"",
                                      "/etc/passwd",
                                      "..",
                                      "../zoneinfo/UTC",
                                      "Asia/../UTC",
                                      "Asia//Shanghai",
                                      "Asia/",
                                      "Asia",
                                      "zone.tab",
                                      "./UTC",
                                      "UTC\n",
                                      "UTC%s",
                                      "Asia/Shanghai/",
                                      "tzdata.zi",
                                      "a name that is far longer than sixty-four bytes can be, so it is no name"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sh_zone *zone;
        cr_assert_eq(sh_zone_open(sh_text_of(bad[i]), &zone, NULL), SH_ERR_NAME, "%s", bad[i]);
        cr_assert_null(zone);
    }
    struct sh_zone *zone;
    cr_assert_eq(sh_zone_open((struct sh_text){"UTC\0x", 5}, &zone, NULL), SH_ERR_NAME);
    cr_assert_eq(sh_memory_bytes(), 0);
}

Test(calendar, a_mistyped_zone_gets_the_nearest_name) {
    struct sh_zone *zone = open_zone("UTC");
    sh_zone_close(zone);
    static const char *const cases[][2] = {{"Asia/Shangai", "did you mean \"Asia/Shanghai\"?"},
                                           {"shanghai", "did you mean \"Asia/Shanghai\"?"},
                                           {"europe/london", "did you mean \"Europe/London\"?"},
                                           {"Beijing Time!", "a zone is written Asia/Shanghai, UTC or +08:00"}};
    for (size_t i = 0; i < 4; i++) {
        struct sh_error err = {0};
        cr_assert_eq(sh_zone_open(sh_text_of(cases[i][0]), &zone, &err), SH_ERR_NAME);
        cr_assert_str_eq(err.hint, cases[i][1]);
    }
}

Test(calendar, london_skips_and_repeats_an_hour) {
    struct sh_zone *zone = open_zone("Europe/London");
    expect_local(zone, "2026-03-29 00:59:59", "2026-03-29 00:59:59Z", "2026-03-29 00:59:59");
    expect_local(zone, "2026-03-29 01:30", "2026-03-29 01:30Z", "2026-03-29 02:30:00");
    expect_local(zone, "2026-03-29 02:00", "2026-03-29 01:00Z", "2026-03-29 02:00:00");
    expect_local(zone, "2026-10-25 01:30", "2026-10-25 00:30Z", "2026-10-25 01:30:00");
    expect_local(zone, "2026-10-25 01:30Z", "2026-10-25 01:30Z", "2026-10-25 01:30:00+00:00");
    expect_local(zone, "2026-10-25 02:00", "2026-10-25 02:00Z", "2026-10-25 02:00:00");
    expect_local(zone, "1969-07-01 12:00", "1969-07-01 11:00Z", "1969-07-01 12:00:00");
    sh_zone_close(zone);
}

Test(calendar, new_york_follows_its_rule_for_ever) {
    struct sh_zone *zone = open_zone("America/New_York");
    expect_local(zone, "2026-03-08 02:30", "2026-03-08 07:30Z", "2026-03-08 03:30:00");
    expect_local(zone, "2026-11-01 01:30", "2026-11-01 05:30Z", "2026-11-01 01:30:00");
    expect_local(zone, "2026-11-01 06:30Z", "2026-11-01 06:30Z", "2026-11-01 01:30:00-05:00");
    expect_local(zone, "2038-07-01 12:00", "2038-07-01 16:00Z", "2038-07-01 12:00:00");
    expect_local(zone, "2100-03-14 02:30", "2100-03-14 07:30Z", "2100-03-14 03:30:00");
    expect_local(zone, "2100-03-14 01:59", "2100-03-14 06:59Z", "2100-03-14 01:59:00");
    expect_local(zone, "2099-12-31", "2099-12-31 05:00Z", "2099-12-31 00:00:00");
    expect_local(zone, "2999-07-04", "2999-07-04 04:00Z", "2999-07-04 00:00:00");
    expect_local(zone, "9999-07-04", "9999-07-04 04:00Z", "9999-07-04 00:00:00");
    expect_local(zone, "1883-11-18 12:10", "1883-11-18 17:10Z", "1883-11-18 12:10:00");
    expect_local(zone, "1800-01-01 00:00", "1800-01-01 04:56:02Z", "1800-01-01 00:00:00");
    expect_printed(SH_INSTANT_MIN, zone, "0001-01-01 00:00:00+00:00");
    sh_zone_close(zone);
}

Test(calendar, shanghai_had_summer_time_from_1986_to_1991) {
    struct sh_zone *zone = open_zone("Asia/Shanghai");
    expect_local(zone, "1988-07-01 12:00", "1988-07-01 03:00Z", "1988-07-01 12:00:00");
    expect_local(zone, "1991-04-14 02:30", "1991-04-13 18:30Z", "1991-04-14 03:30:00");
    expect_local(zone, "1991-09-15 01:30", "1991-09-14 16:30Z", "1991-09-15 01:30:00");
    expect_local(zone, "1991-09-14 17:30Z", "1991-09-14 17:30Z", "1991-09-15 01:30:00+08:00");
    expect_local(zone, "1992-07-01 12:00", "1992-07-01 04:00Z", "1992-07-01 12:00:00");
    cr_assert_eq(sh_zone_day_start_ms(zone, 0), -28800000);
    /* Local mean time, 8:05:43, ended with 1900. */
    expect_local(zone, "1900-06-01 00:00", "1900-05-31 15:54:17Z", "1900-06-01 00:00:00");
    sh_zone_close(zone);
}

Test(calendar, lord_howe_moves_by_half_an_hour) {
    struct sh_zone *zone = open_zone("Australia/Lord_Howe");
    expect_local(zone, "2026-04-05 01:45", "2026-04-04 14:45Z", "2026-04-05 01:45:00");
    expect_local(zone, "2026-04-04 15:15Z", "2026-04-04 15:15Z", "2026-04-05 01:45:00+10:30");
    expect_local(zone, "2026-10-04 02:15", "2026-10-03 15:45Z", "2026-10-04 02:45:00");
    expect_local(zone, "2150-01-01 00:00", "2149-12-31 13:00Z", "2150-01-01 00:00:00");
    sh_zone_close(zone);
}

Test(calendar, casablanca_moves_for_ramadan) {
    struct sh_zone *zone = open_zone("Africa/Casablanca");
    expect_local(zone, "2026-02-01 12:00", "2026-02-01 11:00Z", "2026-02-01 12:00:00");
    expect_local(zone, "2026-03-01 12:00", "2026-03-01 12:00Z", "2026-03-01 12:00:00");
    expect_local(zone, "2026-04-01 12:00", "2026-04-01 11:00Z", "2026-04-01 12:00:00");
    expect_local(zone, "2300-07-01 12:00", "2300-07-01 11:00Z", "2300-07-01 12:00:00");
    sh_zone_close(zone);
}

/* The day behind the last one that an instant has began outside what was asked for, east of UTC. */
Test(calendar, the_days_beside_the_first_and_the_last_have_a_start) {
    static const char *const names[] = {"UTC", "+14:00", "-12:00", "Pacific/Kiritimati", "Asia/Shanghai"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct sh_zone *zone = open_zone(names[i]);
        const int32_t last = sh_zone_day(zone, SH_INSTANT_MAX);
        cr_assert_leq(sh_zone_day_start_ms(zone, last), SH_INSTANT_MAX);
        cr_assert_eq(sh_zone_day_start_ms(zone, last + 1) - sh_zone_day_start_ms(zone, last), SH_DAY_MS);
        const int32_t first = sh_zone_day(zone, SH_INSTANT_MIN);
        cr_assert_leq(sh_zone_day_start_ms(zone, first), SH_INSTANT_MIN);
        cr_assert_lt(sh_zone_day_start_ms(zone, first - 1), sh_zone_day_start_ms(zone, first));
        sh_zone_close(zone);
    }
}

Test(calendar, a_day_starts_at_its_first_instant) {
    struct sh_zone *zone = open_zone("America/Sao_Paulo"); /* 2018-11-04 began at 01:00 */
    const int32_t day = sh_day_from_date((struct sh_date){2018, 11, 4});
    const int64_t start_ms = sh_zone_day_start_ms(zone, day);
    expect_printed(start_ms, zone, "2018-11-04 01:00:00");
    cr_assert_eq(sh_zone_day(zone, start_ms), day);
    cr_assert_eq(sh_zone_day(zone, start_ms - 1), day - 1);
    cr_assert_eq(parse("2018-11-04", zone), start_ms);
    cr_assert_eq(sh_zone_day_start_ms(zone, day + 1) - start_ms, 23 * SH_HOUR_MS);
    sh_zone_close(zone);

    zone = open_zone("Pacific/Apia"); /* 2011-12-30 was left out */
    const int32_t skipped = sh_day_from_date((struct sh_date){2011, 12, 30});
    cr_assert_eq(sh_zone_day_start_ms(zone, skipped), sh_zone_day_start_ms(zone, skipped + 1));
    cr_assert_eq(sh_zone_day(zone, sh_zone_day_start_ms(zone, skipped) - 1), skipped - 1);
    cr_assert_eq(sh_zone_day(zone, sh_zone_day_start_ms(zone, skipped)), skipped + 1);
    sh_zone_close(zone);

    zone = open_zone("America/Toronto"); /* 1919-03-31 began at 00:30, in the middle of the hour left out at 23:30 */
    const int32_t odd = sh_day_from_date((struct sh_date){1919, 3, 31});
    expect_printed(sh_zone_day_start_ms(zone, odd), zone, "1919-03-31 00:30:00");
    sh_zone_close(zone);
}

/* Small files of our own, for what no zone of the system has. */

struct file {
    uint8_t bytes[1024];
    size_t count;
};

static void put(struct file *file, uint64_t number, uint32_t byte_count) {
    for (uint32_t i = byte_count; i-- > 0;)
        file->bytes[file->count++] = i < 8 ? (uint8_t)(number >> (8 * i)) : 0;
}

static void put_header(struct file *file, char version, uint32_t leap_count, uint32_t time_count) {
    memcpy(file->bytes + file->count, "TZif", 4);
    file->bytes[file->count + 4] = (uint8_t)version;
    memset(file->bytes + file->count + 5, 0, 15);
    file->count += 20;
    put(file, 0, 8);
    put(file, leap_count, 4);
    put(file, time_count, 4);
    put(file, 1, 4);
    put(file, 4, 4);
}

static struct file file_of(const char *rule, char version, uint32_t leap_count, int64_t only_transition) {
    struct file file = {.count = 0};
    const uint32_t time_count = only_transition == 0 ? 0 : 1;
    put_header(&file, version, 0, 0);
    put(&file, 0, 6);
    put(&file, 0x4C4D5400, 4);
    put_header(&file, version, leap_count, time_count);
    if (time_count > 0) put(&file, (uint64_t)only_transition, 8);
    if (time_count > 0) put(&file, 0, 1);
    put(&file, 0, 6);
    put(&file, 0x4C4D5400, 4);
    for (uint32_t i = 0; i < leap_count; i++)
        put(&file, 0, 12);
    file.count += (size_t)snprintf((char *)file.bytes + file.count, 200, "\n%s\n", rule);
    return file;
}

static enum sh_status open_file(struct file file, struct sh_zone **zone, struct sh_error *err) {
    static char folder[] = "/tmp/calendar_unit_XXXXXX";
    if (folder[sizeof folder - 2] == 'X') cr_assert_not_null(mkdtemp(folder));
    char path[64];
    (void)snprintf(path, sizeof path, "%s/Own", folder);
    FILE *target = fopen(path, "wb");
    cr_assert_not_null(target);
    cr_assert_eq(fwrite(file.bytes, 1, file.count, target), file.count);
    cr_assert_eq(fclose(target), 0);
    cr_assert_eq(setenv("SHOAL_ZONEINFO", folder, 1), 0);
    const enum sh_status status = sh_zone_open(SH_TEXT_LITERAL("Own"), zone, err);
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(rmdir(folder), 0);
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    return status;
}

/* Under the rule, the zone is ahead of UTC by these minutes at these instants. */
static void expect_rule(const char *rule, const char *const instants[], const int32_t minutes[], uint32_t count) {
    struct sh_zone *zone;
    struct sh_error err = {0};
    cr_assert_eq(open_file(file_of(rule, '3', 0, 0), &zone, &err), SH_OK, "%s: %s", rule, err.message);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t found = sh_zone_offset_ms(zone, parse(instants[i], zone)) / SH_MINUTE_MS;
        cr_assert_eq(found, minutes[i], "%s at %s: %lld minutes", rule, instants[i], (long long)found);
    }
    sh_zone_close(zone);
}

Test(calendar, rules_are_read_in_every_form) {
    expect_rule("<+0530>-5:30", (const char *const[]){"2026-01-01 00:00Z"}, (int32_t[]){330}, 1);
    expect_rule("ABC3:15:00", (const char *const[]){"0001-01-02 00:00Z", "9999-01-01 00:00Z"}, (int32_t[]){-195, -195},
                2);
    /* J60 is 1 March in every year, 59 is 29 February or 1 March. */
    expect_rule("AAA0BBB,J60/0,J300/0",
                (const char *const[]){"2023-02-28 23:59Z", "2023-03-01 00:00Z", "2024-02-29 23:59Z",
                                      "2024-03-01 00:00Z", "2024-10-26 22:59Z", "2024-10-26 23:00Z"},
                (int32_t[]){0, 60, 0, 60, 60, 0}, 6);
    expect_rule(
        "AAA0BBB,59/0,300/0",
        (const char *const[]){"2023-02-28 23:59Z", "2023-03-01 00:00Z", "2024-02-28 23:59Z", "2024-02-29 00:00Z"},
        (int32_t[]){0, 60, 0, 60}, 4);
    /* The default time is 02:00, the default step an hour. */
    expect_rule(
        "EST5EDT,M3.2.0,M11.1.0",
        (const char *const[]){"2026-03-08 06:59Z", "2026-03-08 07:00Z", "2026-11-01 05:59Z", "2026-11-01 06:00Z"},
        (int32_t[]){-300, -240, -240, -300}, 4);
    /* Times before the day and more than a day after it: 22:00 of the day before, and 50 hours on. */
    expect_rule(
        "<-02>2<-01>,M3.5.0/-2,M10.5.0/50",
        (const char *const[]){"2026-03-28 23:59Z", "2026-03-29 00:00Z", "2026-10-27 02:59Z", "2026-10-27 03:00Z"},
        (int32_t[]){-120, -60, -60, -120}, 4);
    /* Winter time is the exception: Ireland. */
    expect_rule("IST-1GMT0,M10.5.0,M3.5.0/1",
                (const char *const[]){"2026-01-01 00:00Z", "2026-07-01 00:00Z", "2026-12-31 23:59Z"},
                (int32_t[]){0, 60, 0}, 3);
    /* Daylight saving all year round, as RFC 8536 writes it. */
    expect_rule(
        "XXX3EDT4,0/0,J365/23",
        (const char *const[]){"2026-01-01 02:59Z", "2026-01-01 03:00Z", "2026-07-01 00:00Z", "2027-01-01 04:00Z"},
        (int32_t[]){-240, -240, -240, -240}, 4);
}

Test(calendar, bad_rules_are_refused) {
    static const char *const bad[] = {"A1",
                                      "ABC",
                                      "ABC25",
                                      "<+08-8",
                                      "ABC1DEF",
                                      "ABC1DEF,J0,J1",
                                      "ABC1DEF,J366,J1",
                                      "ABC1DEF,366,1",
                                      "ABC1DEF,M13.1.0,M1.1.0",
                                      "ABC1DEF,M1.6.0,M1.1.0",
                                      "ABC1DEF,M1.1.7,M1.1.0",
                                      "ABC1DEF,M1.1.0",
                                      "ABC1DEF,M1.1.0,M2.1.0x",
                                      "ABC1DEF,M1.1.0/168,M2.1.0",
                                      "ABC1:60",
                                      "ABC1x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct sh_zone *zone;
        cr_assert_eq(open_file(file_of(bad[i], '2', 0, 0), &zone, NULL), SH_ERR_UNSUPPORTED, "%s", bad[i]);
        cr_assert_null(zone);
    }
}

Test(calendar, damaged_files_are_refused_at_every_length) {
    struct sh_zone *zone;
    struct file good = file_of("ABC1", '2', 0, 1000000);
    cr_assert_eq(open_file(good, &zone, NULL), SH_OK);
    sh_zone_close(zone);
    for (size_t count = 0; count < good.count; count++) {
        struct file cut = good;
        cut.count = count;
        cr_assert_eq(open_file(cut, &zone, NULL), SH_ERR_CORRUPT, "%zu bytes", count);
    }
    cr_assert_eq(open_file(file_of("ABC1", '\0', 0, 0), &zone, NULL), SH_ERR_UNSUPPORTED, "version 1");
    cr_assert_eq(open_file(file_of("ABC1", '2', 1, 0), &zone, NULL), SH_ERR_UNSUPPORTED, "leap seconds");
    for (size_t at = 20; at < 44; at++) { /* every byte of the first counts */
        struct file wrong = good;
        wrong.bytes[at] = 0xFF;
        cr_assert_neq(open_file(wrong, &zone, NULL), SH_OK, "byte %zu", at);
    }
    cr_assert_eq(sh_memory_bytes(), 0);
}

/* Behind a transition past the year 9999 the order was no longer checked, and the rule began before that transition.
 * Found by tzif_fuzz. */
Test(calendar, regression_disorder_behind_a_transition_past_all_years) {
    struct file file = {.count = 0};
    put_header(&file, '2', 0, 0);
    put(&file, 0, 6);
    put(&file, 0, 4);
    put_header(&file, '2', 0, 2);
    put(&file, UINT64_C(1) << 58, 8);
    put(&file, 1000000, 8);
    put(&file, 0, 2);
    put(&file, 0, 6);
    put(&file, 0, 4);
    file.count += (size_t)snprintf((char *)file.bytes + file.count, 100, "\nABC-1DEF,M3.5.0,M10.5.0\n");
    struct sh_zone *zone;
    cr_assert_eq(open_file(file, &zone, NULL), SH_ERR_CORRUPT);
}

Test(calendar, transitions_far_outside_the_years_are_bounded) {
    struct sh_zone *zone;
    cr_assert_eq(open_file(file_of("ABC-1", '2', 0, INT64_MIN), &zone, NULL), SH_OK);
    cr_assert_eq(sh_zone_offset_ms(zone, SH_INSTANT_MIN), 0);
    sh_zone_close(zone);
    cr_assert_eq(open_file(file_of("ABC-1DEF,M3.5.0,M10.5.0", '2', 0, INT64_MAX), &zone, NULL), SH_OK);
    cr_assert_eq(sh_zone_offset_ms(zone, SH_INSTANT_MAX), 0);
    sh_zone_close(zone);
}

Test(calendar, failing_memory_opens_nothing_and_loses_nothing) {
    struct sh_zone *zone = open_zone("Europe/London");
    sh_zone_close(zone);
    for (uint64_t successes = 0;; successes++) {
        sh_memory_fail_after(successes);
        const enum sh_status status = sh_zone_open(SH_TEXT_LITERAL("Europe/London"), &zone, NULL);
        if (!sh_memory_failed()) {
            cr_assert_eq(status, SH_OK);
            cr_assert_eq(successes, 4);
            break;
        }
        cr_assert_eq(status, SH_ERR_MEMORY);
        cr_assert_null(zone);
        cr_assert_eq(sh_memory_bytes(), 0);
    }
    sh_memory_fail_after(UINT64_MAX);
    sh_zone_close(zone);
    cr_assert_eq(sh_memory_bytes(), 0);
}
