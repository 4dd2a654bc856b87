/* calendar_property.c -- zones against the C library, which reads the same files with code of its own: offsets and days
 * of random instants of 1900 to 2200 in every zone, the instants around each change, and local times back to instants.
 * Run: calendar_property SEED COUNT, with COUNT instants in each zone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "calendar.h"
#include "hash.h"

enum { NAME_COUNT_MAX = 1000, MARGIN_SECONDS = 26 * 3600 };

#define FIRST_SECOND (-2208988800LL) /* 1900-01-01 */
#define LAST_SECOND  7258118400LL    /* 2200-01-01 */

static uint64_t state;
static char names[NAME_COUNT_MAX][64];
static uint32_t name_count;

static uint64_t random_word(void) {
    state += 0x9E3779B97F4A7C15u;
    return sh_hash_mix(state, 1);
}

/* The zones of zone.tab, and some that are in no country. */
static void list_names(void) {
    static const char *const others[] = {"UTC", "Etc/GMT+5", "Etc/GMT-14", "EST5EDT", "CET", "Antarctica/Troll"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        (void)snprintf(names[name_count++], sizeof names[0], "%s", others[i]);
    FILE *file = fopen("/usr/share/zoneinfo/zone.tab", "r");
    char line[512];
    while (file != NULL && fgets(line, sizeof line, file) != NULL && name_count < NAME_COUNT_MAX) {
        if (line[0] != '#' && sscanf(line, "%*s %*s %63s", names[name_count]) == 1) name_count++;
    }
    if (file != NULL) (void)fclose(file);
}

/* What the C library adds to UTC at that second, in the zone of TZ. */
static int64_t oracle_offset(int64_t second) {
    const time_t instant = (time_t)second;
    struct tm local;
    if (localtime_r(&instant, &local) == NULL) abort();
    return local.tm_gmtoff;
}

static const char *check_instant(const struct sh_zone *zone, int64_t second) {
    const int64_t offset = oracle_offset(second);
    const int64_t instant_ms = second * 1000 + (int64_t)(random_word() % 1000);
    if (sh_zone_offset_ms(zone, instant_ms) != offset * 1000) return "the offset differs";
    const time_t instant = (time_t)second;
    struct tm local;
    (void)localtime_r(&instant, &local);
    const int32_t day = sh_zone_day(zone, instant_ms);
    const struct sh_date date = sh_date_from_day(day);
    if (date.year != local.tm_year + 1900 || date.month != local.tm_mon + 1 || date.day != local.tm_mday)
        return "the day differs";
    if (sh_day_weekday(day) % 7 != local.tm_wday) return "the weekday differs";
    if (sh_zone_day_start_ms(zone, day) > instant_ms) return "the day starts after one of its instants";
    return NULL;
}

/* The first second of a day by search: midnight, or after a gap the change. */
static const char *check_day_start(const struct sh_zone *zone, int64_t second) {
    const int32_t day = sh_zone_day(zone, second * 1000);
    const int64_t start_ms = sh_zone_day_start_ms(zone, day);
    if (sh_zone_day(zone, start_ms) != day) return "the day's start is in another day";
    /* Nothing of the day lies before: asked in steps of a minute, and just before. */
    if (sh_zone_day(zone, start_ms - 1) == day) return "the day starts before its start";
    for (int64_t before = 1; before < 26 * 60; before++) {
        if (sh_zone_day(zone, start_ms - before * SH_MINUTE_MS) == day) return "the day starts before its start";
    }
    return NULL;
}

/* All offsets in use around a local time are tried; the earliest instant that shows it is right. In a gap, the clock
 * from before the change goes on. */
static const char *check_local(const struct sh_zone *zone, int64_t local) {
    const int64_t found = sh_zone_instant_ms(zone, local * 1000) / 1000;
    int64_t earliest = INT64_MAX;
    int64_t offset_before = INT64_MAX;
    for (int64_t second = local - MARGIN_SECONDS; second <= local + MARGIN_SECONDS; second += 1800) {
        const int64_t offset = oracle_offset(second);
        if (offset == offset_before) continue;
        offset_before = offset;
        if (oracle_offset(local - offset) == offset && local - offset < earliest) earliest = local - offset;
    }
    if (earliest != INT64_MAX) return found == earliest ? NULL : "the local time is another instant";
    /* A gap: the last change at or before `found` is what left the time out. */
    const int64_t offset_after = oracle_offset(found);
    int64_t low = found - MARGIN_SECONDS;
    int64_t high = found;
    for (int64_t step = found; step > found - MARGIN_SECONDS; step -= 60) {
        if (oracle_offset(step) != offset_after) {
            low = step;
            break;
        }
        high = step;
    }
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (oracle_offset(middle) == offset_after)
            high = middle;
        else
            low = middle;
    }
    return local - oracle_offset(low) == found ? NULL : "the clock does not go on through the gap";
}

static const char *check_mktime(const struct sh_zone *zone, int64_t second) {
    const time_t instant = (time_t)second;
    struct tm local;
    (void)localtime_r(&instant, &local);
    const int64_t local_ms = (second + local.tm_gmtoff) * 1000;
    const int64_t found_ms = sh_zone_instant_ms(zone, local_ms);
    if (found_ms > second * 1000) return "not the earlier of two instants";
    if (found_ms + sh_zone_offset_ms(zone, found_ms) != local_ms) return "the instant does not show the local time";
    const int64_t other = mktime(&local); /* of two instants either one */
    if (other + oracle_offset(other) != second + oracle_offset(second)) return "mktime finds another local time";
    return found_ms <= other * 1000 ? NULL : "mktime finds an earlier instant";
}

static const char *check_print(const struct sh_zone *zone, int64_t second, struct sh_buffer *buffer) {
    const int64_t instant_ms = second * 1000 + (int64_t)(random_word() % 3);
    sh_buffer_clear(buffer);
    sh_instant_print(buffer, instant_ms, zone);
    int64_t back_ms;
    const struct sh_text text = {(const char *)buffer->bytes, (uint32_t)buffer->count};
    if (sh_instant_parse(text, zone, &back_ms, NULL) != SH_OK) return "what is printed cannot be read";
    return back_ms == instant_ms ? NULL : "what is printed reads as another instant";
}

static const char *check_second(const struct sh_zone *zone, int64_t second, struct sh_buffer *buffer) {
    const char *fault = check_instant(zone, second);
    if (fault == NULL) fault = check_print(zone, second, buffer);
    if (fault == NULL) fault = check_mktime(zone, second);
    return fault;
}

/* The change nearest behind `second`, found by halving an interval whose ends differ; second if there is none. */
static int64_t find_change(int64_t second) {
    int64_t low = second;
    int64_t high = second + 200 * 86400;
    if (oracle_offset(low) == oracle_offset(high)) return second;
    while (high - low > 1) {
        const int64_t middle = low + (high - low) / 2;
        if (oracle_offset(middle) == oracle_offset(low))
            low = middle;
        else
            high = middle;
    }
    return high;
}

static const char *check_zone(const struct sh_zone *zone, uint64_t count, struct sh_buffer *buffer, int64_t *second) {
    const char *fault = NULL;
    for (uint64_t i = 0; i < count && fault == NULL; i++) {
        *second = FIRST_SECOND + (int64_t)(random_word() % (uint64_t)(LAST_SECOND - FIRST_SECOND));
        fault = check_second(zone, *second, buffer);
        const int64_t change = find_change(*second);
        for (int64_t away = -1; away <= 1 && fault == NULL; away++) {
            *second = change + away;
            fault = check_second(zone, *second, buffer);
        }
        if (i % 8 != 0 || fault != NULL) continue;
        *second = change - 7200 + (int64_t)(random_word() % 14400);
        fault = check_day_start(zone, *second);
        *second += oracle_offset(*second);
        if (fault == NULL) fault = check_local(zone, *second);
    }
    return fault;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 200;
    printf("reproduce: ./calendar_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    if (access("/usr/share/zoneinfo/zone.tab", R_OK) != 0) {
        printf("SKIPPED: there are no time zone files in /usr/share/zoneinfo\n");
        return 0;
    }
    list_names();
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 100);
    int failure_count = 0;
    for (uint32_t i = 0; i < name_count; i++) {
        state = sh_hash_mix(seed, i);
        struct sh_zone *zone;
        struct sh_error err = {0};
        int64_t second = 0;
        const char *fault = NULL;
        if (setenv("TZ", names[i], 1) != 0) abort();
        tzset();
        if (sh_zone_open(sh_text_of(names[i]), &zone, &err) != SH_OK)
            fault = err.message;
        else
            fault = check_zone(zone, count, &buffer, &second);
        if (fault != NULL) {
            printf("%s at second %lld: %s\n", names[i], (long long)second, fault);
            failure_count++;
        }
        sh_zone_close(zone);
    }
    sh_buffer_deinit(&buffer);
    printf("%u zones\n", name_count);
    return failure_count == 0 ? 0 : 1;
}
