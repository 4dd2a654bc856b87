/* calendar.c -- civil dates, and instants as text. Zones are in calendar_zone.c. */
#include "calendar.h"

enum { DAYS_PER_ERA = 146097, YEARS_PER_ERA = 400, DAYS_TO_MARCH_0000 = 719468 };

/* Years that begin in March put the leap day last, so that a month's first day is (153 * month + 2) / 5 days after
 * the year's begin, in every year. An era is the 400 years after which the calendar repeats. */
int32_t sh_day_from_date(struct sh_date date) {
    const int32_t year = date.month <= 2 ? date.year - 1 : date.year;
    const int32_t era = (year >= 0 ? year : year - (YEARS_PER_ERA - 1)) / YEARS_PER_ERA;
    const int32_t year_of_era = year - era * YEARS_PER_ERA;
    const int32_t month_from_march = date.month > 2 ? date.month - 3 : date.month + 9;
    const int32_t day_of_year = (153 * month_from_march + 2) / 5 + date.day - 1;
    const int32_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * DAYS_PER_ERA + day_of_era - DAYS_TO_MARCH_0000;
}

struct sh_date sh_date_from_day(int32_t day) {
    const int64_t shifted = (int64_t)day + DAYS_TO_MARCH_0000;
    const int64_t era = (shifted >= 0 ? shifted : shifted - (DAYS_PER_ERA - 1)) / DAYS_PER_ERA;
    const int32_t day_of_era = (int32_t)(shifted - era * DAYS_PER_ERA);
    const int32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int32_t month_from_march = (5 * day_of_year + 2) / 153;
    struct sh_date date;
    date.day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    date.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    date.year = (int32_t)(year_of_era + era * YEARS_PER_ERA) + (date.month <= 2 ? 1 : 0);
    return date;
}

static bool is_leap_year(int32_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

bool sh_date_is_valid(struct sh_date date) {
    static const int8_t days_per_month[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (date.year < 1 || date.year > 9999 || date.month < 1 || date.month > 12 || date.day < 1) return false;
    const int32_t leap_day = date.month == 2 && is_leap_year(date.year) ? 1 : 0;
    return date.day <= days_per_month[date.month - 1] + leap_day;
}

int32_t sh_day_weekday(int32_t day) {
    const int32_t from_monday = (int32_t)(((int64_t)day + 3) % 7); /* day 0 was a Thursday */
    return (from_monday < 0 ? from_monday + 7 : from_monday) + 1;
}

/* Reads a text from left to right; `at` is where a fault is reported. */
struct reader {
    struct sh_text text;
    uint32_t at;
};

static bool reader_is(const struct reader *reader, char character) {
    return reader->at < reader->text.count && reader->text.bytes[reader->at] == character;
}

static bool reader_take(struct reader *reader, char character) {
    if (!reader_is(reader, character)) return false;
    reader->at++;
    return true;
}

static bool reader_is_digit(const struct reader *reader) {
    if (reader->at >= reader->text.count) return false;
    const char character = reader->text.bytes[reader->at];
    return character >= '0' && character <= '9';
}

/* Exactly digit_count digits, at most 9. Stops at the first that is none. */
static bool reader_number(struct reader *reader, uint32_t digit_count, int32_t *number) {
    int32_t value = 0;
    for (uint32_t i = 0; i < digit_count; i++) {
        if (!reader_is_digit(reader)) return false;
        value = value * 10 + (reader->text.bytes[reader->at++] - '0');
    }
    *number = value;
    return true;
}

static enum sh_status fail_form(const struct reader *reader, struct sh_error *err) {
    return sh_fail(err, SH_ERR_ARGUMENT, reader->at,
                   "a date is written 2026-03-01, a time 2026-03-01 09:30:15, with Z or +08:00 behind it if need be");
}

static enum sh_status parse_date(struct reader *reader, struct sh_date *date, struct sh_error *err) {
    const uint32_t begin = reader->at;
    if (!reader_number(reader, 4, &date->year) || !reader_take(reader, '-') ||
        !reader_number(reader, 2, &date->month) || !reader_take(reader, '-') || !reader_number(reader, 2, &date->day))
        return fail_form(reader, err);
    if (!sh_date_is_valid(*date))
        return sh_fail(err, SH_ERR_ARGUMENT, begin, "there is no day %04d-%02d-%02d", date->year, date->month,
                       date->day);
    return SH_OK;
}

/* ":15" and ".123", both optional; digits past the milliseconds are read and cut off. */
static enum sh_status parse_seconds(struct reader *reader, int64_t *ms, struct sh_error *err) {
    *ms = 0;
    if (!reader_take(reader, ':')) return SH_OK;
    const uint32_t begin = reader->at;
    int32_t second;
    if (!reader_number(reader, 2, &second)) return fail_form(reader, err);
    if (second > 59) return sh_fail(err, SH_ERR_ARGUMENT, begin, "seconds are 00 to 59");
    *ms = second * SH_SECOND_MS;
    if (!reader_take(reader, '.')) return SH_OK;
    int64_t weight_ms = 100;
    uint32_t digit_count = 0;
    for (; reader_is_digit(reader) && digit_count < 9; digit_count++) {
        *ms += weight_ms * (reader->text.bytes[reader->at++] - '0');
        weight_ms /= 10;
    }
    return digit_count == 0 ? fail_form(reader, err) : SH_OK;
}

static enum sh_status parse_time(struct reader *reader, int64_t *ms, struct sh_error *err) {
    const uint32_t begin = reader->at;
    int32_t hour;
    int32_t minute;
    if (!reader_number(reader, 2, &hour) || !reader_take(reader, ':') || !reader_number(reader, 2, &minute))
        return fail_form(reader, err);
    if (hour > 23 || minute > 59) return sh_fail(err, SH_ERR_ARGUMENT, begin, "a time of day is 00:00 to 23:59");
    int64_t rest_ms = 0;
    const enum sh_status status = parse_seconds(reader, &rest_ms, err);
    *ms = hour * SH_HOUR_MS + minute * SH_MINUTE_MS + rest_ms;
    return status;
}

/* "+08:00", or "+08:05:43" as sh_instant_print writes it for the local mean time of long ago. */
static enum sh_status parse_offset(struct reader *reader, int64_t *offset_ms, struct sh_error *err) {
    const uint32_t begin = reader->at;
    const bool negative = reader_is(reader, '-');
    reader->at++;
    int32_t hour;
    int32_t minute;
    int32_t second = 0;
    if (!reader_number(reader, 2, &hour) || !reader_take(reader, ':') || !reader_number(reader, 2, &minute))
        return fail_form(reader, err);
    if (reader_take(reader, ':') && !reader_number(reader, 2, &second)) return fail_form(reader, err);
    if (hour > 23 || minute > 59 || second > 59)
        return sh_fail(err, SH_ERR_ARGUMENT, begin, "an offset is -23:59 to +23:59");
    const int64_t magnitude = hour * SH_HOUR_MS + minute * SH_MINUTE_MS + second * SH_SECOND_MS;
    *offset_ms = negative ? -magnitude : magnitude;
    return SH_OK;
}

static enum sh_status check_range(int64_t instant_ms, struct sh_error *err) {
    if (instant_ms >= SH_INSTANT_MIN && instant_ms <= SH_INSTANT_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, 0, "an instant is in the years 0001 to 9999 of UTC");
}

enum sh_status sh_instant_parse(struct sh_text text, const struct sh_zone *zone, int64_t *instant_ms,
                                struct sh_error *err) {
    struct reader reader = {text, 0};
    struct sh_date date;
    enum sh_status status;
    if ((status = parse_date(&reader, &date, err)) != SH_OK) return status;
    const int32_t day = sh_day_from_date(date);
    int64_t found;
    if (reader.at == text.count) {
        found = sh_zone_day_start_ms(zone, day);
    } else {
        if (!reader_take(&reader, ' ') && !reader_take(&reader, 'T')) return fail_form(&reader, err);
        int64_t time_ms = 0;
        if ((status = parse_time(&reader, &time_ms, err)) != SH_OK) return status;
        const int64_t local_ms = day * SH_DAY_MS + time_ms;
        if (reader_is(&reader, '+') || reader_is(&reader, '-')) {
            int64_t offset_ms = 0;
            if ((status = parse_offset(&reader, &offset_ms, err)) != SH_OK) return status;
            found = local_ms - offset_ms;
        } else {
            found = reader_take(&reader, 'Z') ? local_ms : sh_zone_instant_ms(zone, local_ms);
        }
        if (reader.at != text.count) return fail_form(&reader, err);
    }
    if ((status = check_range(found, err)) != SH_OK) return status;
    *instant_ms = found;
    return SH_OK;
}

enum sh_status sh_date_parse(struct sh_text text, struct sh_date *date, struct sh_error *err) {
    struct reader reader = {text, 0};
    struct sh_date found;
    const enum sh_status status = parse_date(&reader, &found, err);
    if (status != SH_OK) return status;
    if (reader.at != text.count) return sh_fail(err, SH_ERR_ARGUMENT, reader.at, "a date is written 2026-03-01");
    *date = found;
    return SH_OK;
}

static int32_t floor_day(int64_t ms) {
    return (int32_t)(ms >= 0 ? ms / SH_DAY_MS : -((SH_DAY_MS - 1 - ms) / SH_DAY_MS));
}

static void print_offset(struct sh_buffer *buffer, int64_t offset_ms) {
    const int64_t seconds = (offset_ms < 0 ? -offset_ms : offset_ms) / SH_SECOND_MS;
    sh_buffer_print(buffer, "%c%02d:%02d", offset_ms < 0 ? '-' : '+', (int)(seconds / 3600), (int)(seconds / 60 % 60));
    if (seconds % 60 != 0) sh_buffer_print(buffer, ":%02d", (int)(seconds % 60));
}

void sh_instant_print(struct sh_buffer *buffer, int64_t instant_ms, const struct sh_zone *zone) {
    int64_t offset_ms = sh_zone_offset_ms(zone, instant_ms);
    int64_t local_ms = instant_ms + offset_ms;
    const bool in_range = local_ms >= SH_INSTANT_MIN && local_ms <= SH_INSTANT_MAX;
    if (!in_range) { /* the first or last hours of all: the local year would not have four digits */
        offset_ms = 0;
        local_ms = instant_ms;
    }
    const int32_t day = floor_day(local_ms);
    const int64_t time_ms = local_ms - day * SH_DAY_MS;
    sh_date_print(buffer, sh_date_from_day(day));
    sh_buffer_print(buffer, " %02d:%02d:%02d", (int)(time_ms / SH_HOUR_MS), (int)(time_ms / SH_MINUTE_MS % 60),
                    (int)(time_ms / SH_SECOND_MS % 60));
    if (time_ms % SH_SECOND_MS != 0) sh_buffer_print(buffer, ".%03d", (int)(time_ms % SH_SECOND_MS));
    if (!in_range || sh_zone_instant_ms(zone, local_ms) != instant_ms) print_offset(buffer, offset_ms);
}

void sh_date_print(struct sh_buffer *buffer, struct sh_date date) {
    sh_buffer_print(buffer, "%04d-%02d-%02d", date.year, date.month, date.day);
}
