/* Windows as instants. query_tree.h says what each means. */
#include "query_check.h"
#include "query_words.h"

/* ---- Moments ---- */

enum sh_status sh_query_moment(const struct sh_literal *literal, const struct sh_zone *zone, struct sh_moment *moment,
                               struct sh_error *err) {
    struct sh_date date;
    *moment = (struct sh_moment){.is_date = false};
    if (sh_date_parse(literal->text, &date, NULL) == SH_OK) {
        moment->is_date = true;
        moment->day = sh_day_from_date(date);
        moment->first_ms = sh_zone_day_start_ms(zone, moment->day);
        moment->last_ms = sh_zone_day_start_ms(zone, moment->day + 1) - 1;
        return SH_OK;
    }
    struct sh_error reason;
    if (sh_instant_parse(literal->text, zone, &moment->first_ms, &reason) == SH_OK) {
        moment->last_ms = moment->first_ms;
        return SH_OK;
    }
    const enum sh_status status = sh_fail(err, SH_ERR_TYPE, sh_checker_position(literal->position),
                                          "'%.*s' is neither a date nor an instant", SH_TEXT_ARGS(literal->text));
    return sh_fail_hint(err, status, "write '2026-03-01' or '2026-03-01 09:30'");
}

/* from 30 days ago to 60 days ago: nothing. */
static enum sh_status check_ago(const struct sh_window *window, struct sh_error *err) {
    if (window->count * sh_query_span_ms(window->unit) > window->end_count * sh_query_span_ms(window->end_unit))
        return SH_OK;
    const enum sh_status status =
        sh_fail(err, SH_ERR_TYPE, sh_checker_position(window->position), "the window ends before it begins");
    return sh_fail_hint(err, status, "write from %lld %ss ago to %lld %ss ago", (long long)window->end_count,
                        sh_unit_words[window->end_unit], (long long)window->count, sh_unit_words[window->unit]);
}

enum sh_status sh_query_window_check(const struct sh_window *window, const struct sh_zone *zone, struct sh_error *err) {
    sh_assert(window->kind != SH_WINDOW_WITHIN);
    if (window->kind == SH_WINDOW_AGO) return check_ago(window, err);
    struct sh_moment moment = {.is_date = true};
    enum sh_status status = SH_OK;
    const bool has_from = window->kind == SH_WINDOW_BETWEEN || window->kind == SH_WINDOW_SINCE;
    const bool has_to = window->kind == SH_WINDOW_BETWEEN || window->kind == SH_WINDOW_BEFORE;
    if (has_from && (status = sh_query_moment(&window->from, zone, &moment, err)) != SH_OK) return status;
    if (has_to && (status = sh_query_moment(&window->to, zone, &moment, err)) != SH_OK) return status;
    if (window->kind != SH_WINDOW_ON) return SH_OK;
    if ((status = sh_query_moment(&window->from, zone, &moment, err)) != SH_OK) return status;
    if (moment.is_date) return SH_OK;
    status = sh_fail(err, SH_ERR_TYPE, sh_checker_position(window->from.position), "`on` takes a whole day, not '%.*s'",
                     SH_TEXT_ARGS(window->from.text));
    return sh_fail_hint(err, status, "write on '%.10s', or between two instants", window->from.text.bytes);
}

/* ---- Windows ---- */

/* Year 1, January 1: no window begins before it. */
static int32_t first_day(void) {
    return sh_day_from_date((struct sh_date){1, 1, 1});
}

static int32_t day_of_month(int64_t month_number) {
    if (month_number < 12) return first_day();
    return sh_day_from_date((struct sh_date){(int32_t)(month_number / 12), (int32_t)(month_number % 12) + 1, 1});
}

/* The first day of the calendar unit that is `back` units before the one of `day`. */
static int32_t unit_start(int32_t day, enum sh_unit unit, int64_t back) {
    const struct sh_date date = sh_date_from_day(day);
    const int64_t month = (int64_t)date.year * 12 + date.month - 1;
    int64_t start;
    switch (unit) {
    case SH_UNIT_WEEK:
        start = day - (sh_day_weekday(day) - 1) - 7 * back;
        break;
    case SH_UNIT_MONTH:
        return day_of_month(month - back);
    case SH_UNIT_QUARTER:
        return day_of_month(month - month % 3 - 3 * back);
    case SH_UNIT_YEAR:
        return day_of_month(month - month % 12 - 12 * back);
    default:
        start = day - back;
        break;
    }
    return start < first_day() ? first_day() : (int32_t)start;
}

int64_t sh_query_span_ms(enum sh_unit unit) {
    switch (unit) {
    case SH_UNIT_MINUTE:
        return SH_MINUTE_MS;
    case SH_UNIT_HOUR:
        return SH_HOUR_MS;
    case SH_UNIT_WEEK:
        return 7 * SH_DAY_MS;
    default:
        return SH_DAY_MS;
    }
}

/* Literals of a bound window: they were read once already. */
static struct sh_moment moment_of(const struct sh_literal *literal, const struct sh_zone *zone) {
    struct sh_moment moment;
    const enum sh_status status = sh_query_moment(literal, zone, &moment, NULL);
    sh_assert(status == SH_OK);
    return moment;
}

static void window_of_moments(const struct sh_window *window, const struct sh_zone *zone, int64_t *from_ms,
                              int64_t *until_ms) {
    struct sh_moment moment;
    if (window->kind != SH_WINDOW_BEFORE) {
        moment = moment_of(&window->from, zone);
        *from_ms = moment.first_ms;
        if (window->kind == SH_WINDOW_ON) *until_ms = moment.last_ms + 1;
    }
    if (window->kind == SH_WINDOW_BETWEEN || window->kind == SH_WINDOW_BEFORE) {
        moment = moment_of(&window->to, zone);
        const bool whole_day = moment.is_date && window->kind == SH_WINDOW_BETWEEN;
        *until_ms = whole_day ? moment.last_ms + 1 : moment.first_ms;
    }
}

void sh_query_window(const struct sh_window *window, const struct sh_query_scope *scope, int64_t *from_ms,
                     int64_t *until_ms) {
    const int64_t now = scope->now_ms;
    const int32_t today = sh_zone_day(scope->zone, now);
    int64_t from = SH_INSTANT_MIN;
    int64_t until = now + 1;
    switch (window->kind) {
    case SH_WINDOW_EVER:
    case SH_WINDOW_WITHIN: /* cut by each user's own anchor: query_anchor.h */
        break;
    case SH_WINDOW_SLIDING:
        from = now - window->count * sh_query_span_ms(window->unit) + 1; /* a count is at most a million: no overflow */
        break;
    case SH_WINDOW_AGO:
        from = now - window->count * sh_query_span_ms(window->unit) + 1;
        until = now - window->end_count * sh_query_span_ms(window->end_unit) + 1;
        break;
    case SH_WINDOW_CALENDAR:
        from = sh_zone_day_start_ms(scope->zone, unit_start(today, window->unit, window->count - 1));
        break;
    case SH_WINDOW_THIS:
        from = sh_zone_day_start_ms(scope->zone, unit_start(today, window->unit, 0));
        break;
    case SH_WINDOW_PREVIOUS:
        from = sh_zone_day_start_ms(scope->zone, unit_start(today, window->unit, 1));
        until = sh_zone_day_start_ms(scope->zone, unit_start(today, window->unit, 0));
        break;
    default:
        window_of_moments(window, scope->zone, &from, &until);
        break;
    }
    if (from < SH_INSTANT_MIN) from = SH_INSTANT_MIN;
    if (until > now + 1) until = now + 1;
    *from_ms = from;
    *until_ms = until < from ? from : until;
}
