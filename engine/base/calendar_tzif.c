/* calendar_tzif.c -- from the bytes of a TZif file (RFC 8536) to a table of segments.
 *
 *   header v1 | block v1 (32-bit times, passed over) | header v2+ | block v2+ (64-bit) | \n rule \n
 *
 * A header is "TZif", the version, 15 unused bytes and six big-endian counts of 32 bits: ut, standard, leap, time,
 * type, character. A block is time x 8 (v1: 4) bytes of transitions, time x 1 of types, type x 6 of records (offset in
 * seconds east, 32 bits; daylight flag; index of the abbreviation), the characters, leap x 12 (v1: 8), standard and ut.
 *
 * The rule is a POSIX TZ string: name, offset WEST of Greenwich, and for daylight saving a second name, its offset, and
 * two days of change. It holds from the last transition on, or for ever when there is none.
 */
#include "calendar_private.h"

#include "memory.h"

enum { HEADER_BYTES = 44, TYPE_BYTES = 6, RULE_HOURS_MAX = 167 };

/* Far enough before SH_INSTANT_MIN that local times of that instant are covered. */
#define OLDEST_SECONDS (SH_INSTANT_MIN / SH_SECOND_MS - 2 * 86400LL)
#define NEWEST_SECONDS (SH_INSTANT_MAX / SH_SECOND_MS + 2 * 86400LL)

void sh_segments_deinit(struct sh_segments *segments) {
    sh_free(segments->begin_ms);
    sh_free(segments->offset_ms);
    *segments = (struct sh_segments){0};
}

static enum sh_status segments_init(struct sh_segments *segments, uint32_t capacity, int32_t offset_ms,
                                    struct sh_error *err) {
    *segments = (struct sh_segments){.cycle_from_ms = INT64_MAX, .capacity = capacity};
    segments->begin_ms = sh_alloc(capacity * sizeof *segments->begin_ms);
    segments->offset_ms = sh_alloc(capacity * sizeof *segments->offset_ms);
    if (segments->begin_ms == NULL || segments->offset_ms == NULL) {
        sh_segments_deinit(segments);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the table of a time zone");
    }
    segments->begin_ms[0] = INT64_MIN;
    segments->offset_ms[0] = offset_ms;
    segments->count = 1;
    return SH_OK;
}

enum sh_status sh_segments_fixed(struct sh_segments *segments, int32_t offset_ms, struct sh_error *err) {
    return segments_init(segments, 1, offset_ms, err);
}

/* A change that is no change of offset makes no segment; of two at one instant the later wins. */
static void segments_append(struct sh_segments *segments, int64_t begin_ms, int32_t offset_ms) {
    uint32_t last = segments->count - 1;
    if (segments->begin_ms[last] == begin_ms) {
        segments->offset_ms[last] = offset_ms;
        if (last > 0 && segments->offset_ms[last - 1] == offset_ms) segments->count--;
        return;
    }
    if (segments->offset_ms[last] == offset_ms) return;
    sh_assert(segments->count < segments->capacity);
    last = segments->count++;
    segments->begin_ms[last] = begin_ms;
    segments->offset_ms[last] = offset_ms;
}

static int64_t bounded_ms(int64_t seconds) {
    if (seconds < OLDEST_SECONDS) return OLDEST_SECONDS * SH_SECOND_MS;
    if (seconds > NEWEST_SECONDS) return NEWEST_SECONDS * SH_SECOND_MS;
    return seconds * SH_SECOND_MS;
}

static int32_t year_of(int64_t instant_ms) {
    const int64_t day = instant_ms >= 0 ? instant_ms / SH_DAY_MS : -((SH_DAY_MS - 1 - instant_ms) / SH_DAY_MS);
    return sh_date_from_day((int32_t)day).year;
}

/* The rule of the footer. */

struct rule_day {
    enum { DAY_JULIAN, DAY_ORDINAL, DAY_OF_MONTH } kind;
    int32_t number; /* JULIAN 1..365 without the leap day, ORDINAL 0..365 with it */
    int32_t month;  /* OF_MONTH: 1..12, week 1..5 (5 is the last), weekday 0 Sunday..6 */
    int32_t week;
    int32_t weekday;
    int32_t second; /* of the local day, by the clock before the change; may be negative or above a day */
};

struct rule {
    int32_t standard_seconds; /* east */
    int32_t daylight_seconds;
    bool has_daylight;
    struct rule_day daylight_begin;
    struct rule_day daylight_end;
};

struct reader {
    const char *at;
    const char *end;
};

static bool take(struct reader *reader, char character) {
    if (reader->at == reader->end || *reader->at != character) return false;
    reader->at++;
    return true;
}

static bool take_number(struct reader *reader, int32_t low, int32_t high, int32_t *number) {
    int32_t value = 0;
    uint32_t digit_count = 0;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && digit_count < 4; digit_count++)
        value = value * 10 + (*reader->at++ - '0');
    *number = value;
    return digit_count > 0 && value >= low && value <= high;
}

/* "EST" or "<+08>" */
static bool take_name(struct reader *reader) {
    const bool quoted = take(reader, '<');
    uint32_t count = 0;
    for (; reader->at < reader->end; reader->at++, count++) {
        const char character = *reader->at;
        const char folded = (char)(character | 0x20);
        const bool is_letter = folded >= 'a' && folded <= 'z';
        const bool is_other = (character >= '0' && character <= '9') || character == '+' || character == '-';
        if (!is_letter && !(quoted && is_other)) break;
    }
    return count >= 3 && (!quoted || take(reader, '>'));
}

/* [+-]hh[:mm[:ss]] */
static bool take_seconds(struct reader *reader, int32_t hours_max, int32_t *seconds) {
    const bool negative = take(reader, '-');
    if (!negative) (void)take(reader, '+');
    int32_t hour;
    int32_t minute = 0;
    int32_t second = 0;
    if (!take_number(reader, 0, hours_max, &hour)) return false;
    if (take(reader, ':')) {
        if (!take_number(reader, 0, 59, &minute)) return false;
        if (take(reader, ':') && !take_number(reader, 0, 59, &second)) return false;
    }
    const int32_t magnitude = hour * 3600 + minute * 60 + second;
    *seconds = negative ? -magnitude : magnitude;
    return true;
}

static bool take_rule_day(struct reader *reader, struct rule_day *day) {
    *day = (struct rule_day){.second = 2 * 3600};
    if (take(reader, 'J')) {
        day->kind = DAY_JULIAN;
        if (!take_number(reader, 1, 365, &day->number)) return false;
    } else if (take(reader, 'M')) {
        day->kind = DAY_OF_MONTH;
        if (!take_number(reader, 1, 12, &day->month) || !take(reader, '.')) return false;
        if (!take_number(reader, 1, 5, &day->week) || !take(reader, '.')) return false;
        if (!take_number(reader, 0, 6, &day->weekday)) return false;
    } else {
        day->kind = DAY_ORDINAL;
        if (!take_number(reader, 0, 365, &day->number)) return false;
    }
    return !take(reader, '/') || take_seconds(reader, RULE_HOURS_MAX, &day->second);
}

static bool take_rule(struct reader *reader, struct rule *rule) {
    int32_t west;
    *rule = (struct rule){0};
    if (!take_name(reader) || !take_seconds(reader, 24, &west)) return false;
    rule->standard_seconds = -west;
    if (reader->at == reader->end) return true;
    if (!take_name(reader)) return false;
    rule->has_daylight = true;
    rule->daylight_seconds = rule->standard_seconds + 3600;
    if (reader->at < reader->end && *reader->at != ',') {
        if (!take_seconds(reader, 24, &west)) return false;
        rule->daylight_seconds = -west;
    }
    /* POSIX leaves open what a rule without days means; a TZif footer must not leave them out. */
    return take(reader, ',') && take_rule_day(reader, &rule->daylight_begin) && take(reader, ',') &&
           take_rule_day(reader, &rule->daylight_end) && reader->at == reader->end;
}

static bool is_leap_year(int32_t year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* When the clock that runs at offset_seconds shows the rule's day and time in that year. */
static int64_t rule_day_ms(const struct rule_day *rule, int32_t year, int32_t offset_seconds) {
    const int32_t year_begin = sh_day_from_date((struct sh_date){year, 1, 1});
    int32_t day = 0;
    switch (rule->kind) {
    case DAY_JULIAN:
        day = year_begin + rule->number - 1 + (rule->number >= 60 && is_leap_year(year) ? 1 : 0);
        break;
    case DAY_ORDINAL:
        day = year_begin + rule->number;
        break;
    case DAY_OF_MONTH: {
        const int32_t month_begin = sh_day_from_date((struct sh_date){year, rule->month, 1});
        const int32_t next_month = rule->month == 12 ? sh_day_from_date((struct sh_date){year + 1, 1, 1})
                                                     : sh_day_from_date((struct sh_date){year, rule->month + 1, 1});
        const int32_t first_weekday = sh_day_weekday(month_begin) % 7; /* Sunday is 0 here */
        day = month_begin + (rule->weekday - first_weekday + 7) % 7 + 7 * (rule->week - 1);
        if (day >= next_month) day -= 7; /* week 5 is the last one, which may be the fourth */
        break;
    }
    }
    return (day * 86400LL + rule->second - offset_seconds) * SH_SECOND_MS;
}

/* Write out the rule for the instants from from_ms on. */
static void segments_append_rule(struct sh_segments *segments, const struct rule *rule, int64_t from_ms,
                                 int32_t year_first, int32_t year_end) {
    const int32_t standard_ms = rule->standard_seconds * 1000;
    const int32_t daylight_ms = rule->daylight_seconds * 1000;
    const int64_t end_ms = sh_day_from_date((struct sh_date){year_end, 1, 1}) * SH_DAY_MS;
    for (int32_t year = year_first; year < year_end; year++) {
        const int64_t begin = rule_day_ms(&rule->daylight_begin, year, rule->standard_seconds);
        const int64_t end = rule_day_ms(&rule->daylight_end, year, rule->daylight_seconds);
        const bool begin_first = begin < end;
        const int64_t at[2] = {begin_first ? begin : end, begin_first ? end : begin};
        const int32_t offset_ms[2] = {begin_first ? daylight_ms : standard_ms, begin_first ? standard_ms : daylight_ms};
        for (int i = 0; i < 2; i++) {
            /* A time of day outside the day can carry a change into a neighbouring year. */
            if (at[i] > from_ms && at[i] < end_ms && at[i] >= segments->begin_ms[segments->count - 1])
                segments_append(segments, at[i], offset_ms[i]);
        }
    }
    segments->cycle_from_ms = end_ms;
}

/* The file's blocks. */

struct block {
    uint32_t leap_count;
    uint32_t time_count;
    uint32_t type_count;
    const uint8_t *times;
    const uint8_t *type_of_time;
    const uint8_t *types;
};

static uint64_t big_endian(const uint8_t *bytes, uint32_t byte_count) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < byte_count; i++)
        value = value << 8 | bytes[i];
    return value;
}

static enum sh_status fail_file(struct sh_error *err, const char *fault) {
    return sh_fail(err, SH_ERR_CORRUPT, -1, "the time zone file is damaged: %s", fault);
}

/* Header and block at *at, which moves behind them. */
static enum sh_status read_block(const uint8_t **at, const uint8_t *end, uint32_t time_bytes, struct block *block,
                                 struct sh_error *err) {
    const uint8_t *header = *at;
    if (end - header < HEADER_BYTES || memcmp(header, "TZif", 4) != 0)
        return fail_file(err, "it does not begin with TZif");
    if (header[4] < '2') return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "the time zone file is older than version 2");
    uint64_t counts[6];
    for (uint32_t i = 0; i < 6; i++)
        counts[i] = big_endian(header + 20 + (size_t)4 * i, 4);
    const uint64_t times = counts[3];
    const uint64_t types = counts[4];
    const uint64_t byte_count = counts[0] + counts[1] + counts[2] * (time_bytes + 4) + times * (time_bytes + 1) +
                                types * TYPE_BYTES + counts[5];
    const uint8_t *body = header + HEADER_BYTES;
    if (byte_count > (uint64_t)(end - body)) return fail_file(err, "it is too short");
    *block = (struct block){(uint32_t)counts[2],       (uint32_t)times,
                            (uint32_t)types,           body,
                            body + times * time_bytes, body + times * (time_bytes + 1)};
    *at = body + byte_count;
    return SH_OK;
}

static enum sh_status type_offset_ms(const struct block *block, uint32_t type, int32_t *offset_ms,
                                     struct sh_error *err) {
    if (type >= block->type_count) return fail_file(err, "a transition has no type");
    const int32_t seconds = (int32_t)big_endian(block->types + (size_t)TYPE_BYTES * type, 4);
    if (seconds < -SH_ZONE_OFFSET_SECONDS_MAX || seconds > SH_ZONE_OFFSET_SECONDS_MAX)
        return fail_file(err, "an offset is larger than 26 hours");
    *offset_ms = seconds * 1000;
    return SH_OK;
}

static enum sh_status segments_append_times(struct sh_segments *segments, const struct block *block,
                                            struct sh_error *err) {
    int64_t seconds_before = INT64_MIN;
    for (uint32_t i = 0; i < block->time_count; i++) {
        const int64_t seconds = (int64_t)big_endian(block->times + (size_t)8 * i, 8);
        if (i > 0 && seconds <= seconds_before) return fail_file(err, "its transitions are not in order");
        seconds_before = seconds;
        int32_t offset_ms;
        const enum sh_status status = type_offset_ms(block, block->type_of_time[i], &offset_ms, err);
        if (status != SH_OK) return status;
        if (seconds <= NEWEST_SECONDS) segments_append(segments, bounded_ms(seconds), offset_ms);
    }
    return SH_OK;
}

/* The text between the two line ends behind the block; empty if the file says nothing about the time after. */
static enum sh_status read_footer(const uint8_t *at, const uint8_t *end, struct rule *rule, bool *has_rule,
                                  struct sh_error *err) {
    const char *begin = (const char *)at + 1;
    if (at == end || *at != '\n') return fail_file(err, "its last line is missing");
    const char *line_end = memchr(begin, '\n', (size_t)((const char *)end - begin));
    if (line_end == NULL) return fail_file(err, "its last line has no end");
    *has_rule = line_end > begin;
    if (!*has_rule) return SH_OK;
    struct reader reader = {begin, line_end};
    if (!take_rule(&reader, rule))
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "the rule \"%.*s\" of the time zone file cannot be read",
                       (int)(line_end - begin), begin);
    return SH_OK;
}

enum sh_status sh_segments_read(struct sh_segments *segments, const uint8_t *bytes, size_t byte_count,
                                struct sh_error *err) {
    *segments = (struct sh_segments){0};
    const uint8_t *at = bytes;
    const uint8_t *end = bytes + byte_count;
    struct block block;
    struct rule rule = {0};
    bool has_rule;
    enum sh_status status;
    if ((status = read_block(&at, end, 4, &block, err)) != SH_OK) return status;
    if ((status = read_block(&at, end, 8, &block, err)) != SH_OK) return status;
    if ((status = read_footer(at, end, &rule, &has_rule, err)) != SH_OK) return status;
    if (block.leap_count > 0)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "a time zone that counts leap seconds is not accepted");
    int32_t first_ms;
    if ((status = type_offset_ms(&block, 0, &first_ms, err)) != SH_OK) return status;

    /* Where the rule begins, and the years for which it is written out: a whole cycle behind that, and as a change near
     * New Year can fall into the year before or after, two years more. */
    const int64_t last_seconds =
        block.time_count == 0 ? INT64_MIN : (int64_t)big_endian(block.times + (size_t)8 * (block.time_count - 1), 8);
    const int64_t last_ms = bounded_ms(last_seconds);
    const int32_t year_first = year_of(last_ms) - 1;
    int32_t year_end = year_first + 404;
    if (block.time_count == 0) year_end = 2500; /* the years in which people live should not need a cycle */
    const uint32_t rule_count = has_rule && rule.has_daylight ? 2 * (uint32_t)(year_end - year_first) : 0;

    if ((status = segments_init(segments, block.time_count + rule_count + 2, first_ms, err)) != SH_OK) return status;
    if ((status = segments_append_times(segments, &block, err)) != SH_OK) {
        sh_segments_deinit(segments);
        return status;
    }
    if (!has_rule) return SH_OK;
    if (rule.has_daylight) {
        segments_append_rule(segments, &rule, last_ms, year_first, year_end);
    } else if (block.time_count == 0) {
        segments->offset_ms[0] = rule.standard_seconds * 1000;
    }
    return SH_OK;
}
