/* calendar.h -- instants, civil dates and time zones.
 *
 * An instant is milliseconds since 1970-01-01T00:00:00Z (int64). A day is the number of civil days since 1970-01-01 in
 * some zone (int32): day 0 of Asia/Shanghai begins at -28,800,000 ms. Civil arithmetic is the proleptic Gregorian
 * calendar. A zone is the system's TZif file (RFC 8536: transitions, then the POSIX rule of its footer for ever after),
 * read once; two calls with the same arguments give the same answer whatever TZ says. A zone is read-only once it is
 * open: any number of threads may ask it at once.
 *
 * A local time that happens twice means the earlier instant; one that never happens (the hour skipped in spring) means
 * the instant as far after the change as it says: 02:30 becomes 03:30.
 */
#ifndef SH_CALENDAR_H
#define SH_CALENDAR_H

#include "buffer.h"

#define SH_SECOND_MS 1000LL
#define SH_MINUTE_MS (60 * SH_SECOND_MS)
#define SH_HOUR_MS   (60 * SH_MINUTE_MS)
#define SH_DAY_MS    (24 * SH_HOUR_MS)

/* Instants that Shoal accepts: years 1 to 9999, so that every printed date has four digits. Functions that take an
 * instant, a local time or a day need one of these years, give or take a day; only the parsers check that. */
#define SH_INSTANT_MIN (-62135596800000LL)
#define SH_INSTANT_MAX 253402300799999LL

struct sh_zone;

struct sh_date {
    int32_t year;
    int32_t month; /* 1..12 */
    int32_t day;   /* 1..31 */
};

/* "Asia/Shanghai", "UTC", or a fixed "+08:00". Files are those of the folder SHOAL_ZONEINFO, or /usr/share/zoneinfo. No
 * file: SH_ERR_NAME with the nearest usual name. A file that is not good: SH_ERR_CORRUPT or SH_ERR_UNSUPPORTED. *zone
 * is shared by nobody else and is freed by sh_zone_close. */
SH_MUST_CHECK enum sh_status sh_zone_open(struct sh_text name, struct sh_zone **zone, struct sh_error *err);
void sh_zone_close(struct sh_zone *zone); /* NULL is fine */
struct sh_text sh_zone_name(const struct sh_zone *zone);

/* Milliseconds to add to an instant to get local time. O(1), 2 to 3 ns, for 1800 to 2400; O(log transitions) outside.
 */
int64_t sh_zone_offset_ms(const struct sh_zone *zone, int64_t instant_ms);
int32_t sh_zone_day(const struct sh_zone *zone, int64_t instant_ms);
/* The first instant of that local day (midnight, or later where midnight does not exist). A day that was left out
 * whole, as 2011-12-30 in Pacific/Apia, begins and ends where the next one begins. Any day that an instant has, and the
 * ones beside it. */
int64_t sh_zone_day_start_ms(const struct sh_zone *zone, int32_t day);
/* local_ms counts as if local time were UTC. */
int64_t sh_zone_instant_ms(const struct sh_zone *zone, int64_t local_ms);

int32_t sh_day_from_date(struct sh_date date);
struct sh_date sh_date_from_day(int32_t day);
bool sh_date_is_valid(struct sh_date date); /* real month and day, year 1..9999 */
int32_t sh_day_weekday(int32_t day);        /* 1 Monday .. 7 Sunday, ISO 8601 */

/* ISO 8601: "2026-03-01", "2026-03-01 09:30[:15[.123]]", "T" for the blank, then nothing (the zone's time), "Z" or
 * "+08:00". A bare date is that day's first instant; digits after the milliseconds are cut off. SH_ERR_ARGUMENT with
 * the position inside text. */
SH_MUST_CHECK enum sh_status sh_instant_parse(struct sh_text text, const struct sh_zone *zone, int64_t *instant_ms,
                                              struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_date_parse(struct sh_text text, struct sh_date *date, struct sh_error *err);
/* "2026-03-01 09:30:15" in the zone, with ".123" when there are milliseconds. Parses back to the same instant: in the
 * second pass of a repeated hour the offset is printed too. */
void sh_instant_print(struct sh_buffer *buffer, int64_t instant_ms, const struct sh_zone *zone);
void sh_date_print(struct sh_buffer *buffer, struct sh_date date);

#endif
