/* calendar_zone.c -- from an instant to its zone's offset, and back.
 *
 * sh_zone_day() is asked for every event, so the segment of an instant is found without a search: the years from 1800
 * on are cut into buckets of 2^32 ms (50 days), each with the segment at its begin, and the few segments that begin
 * inside a bucket are stepped over. Nothing is remembered between calls: a zone is read-only after sh_zone_open.
 */
#include <stdio.h>

#include "bounds.h"
#include "calendar_private.h"
#include "memory.h"

enum { BUCKET_SHIFT = 32, PATH_BYTES_MAX = 1024, LINE_BYTES_MAX = 512 };

#define BUCKETS_BEGIN_MS (-5364662400000LL) /* 1800-01-01: before the first zone had a common time */
#define BUCKETS_END_MS   16725225600000LL   /* 2500-01-01 */
#define BUCKET_COUNT     ((uint32_t)((BUCKETS_END_MS - BUCKETS_BEGIN_MS) >> BUCKET_SHIFT))

struct sh_zone {
    struct sh_segments segments;
    uint32_t bucket_count; /* all of them end before segments.cycle_from_ms */
    uint32_t name_bytes;
    char name[SH_NAME_BYTES_MAX];
    uint16_t first_segment[BUCKET_COUNT];
};
_Static_assert(SH_TZIF_BYTES_MAX / 9 + 2 * 2600 < UINT16_MAX, "a segment's number fits first_segment");

/* The segment of an instant that needs no cycle, in O(log segments). */
static uint32_t search_segment(const struct sh_segments *segments, int64_t instant_ms) {
    uint32_t low = 0;
    uint32_t count = segments->count;
    while (count > 1) {
        const uint32_t half = count / 2;
        if (segments->begin_ms[low + half] <= instant_ms) low += half;
        count -= half;
    }
    return low;
}

/* What to take off an instant so that it falls into the written-out years. */
static int64_t cycles_ms(const struct sh_segments *segments, int64_t instant_ms) {
    if (instant_ms < segments->cycle_from_ms) return 0;
    return ((instant_ms - segments->cycle_from_ms) / SH_CYCLE_MS + 1) * SH_CYCLE_MS;
}

static __attribute__((noinline)) int64_t offset_by_search(const struct sh_zone *zone, int64_t instant_ms) {
    sh_assert(instant_ms >= SH_INSTANT_MIN - 2 * SH_DAY_MS);
    sh_assert(instant_ms <= SH_INSTANT_MAX + 2 * SH_DAY_MS);
    const struct sh_segments *segments = &zone->segments;
    return segments->offset_ms[search_segment(segments, instant_ms - cycles_ms(segments, instant_ms))];
}

static inline int64_t offset_of(const struct sh_zone *zone, int64_t instant_ms) {
    const uint64_t bucket = ((uint64_t)instant_ms - (uint64_t)BUCKETS_BEGIN_MS) >> BUCKET_SHIFT;
    if (__builtin_expect(bucket >= zone->bucket_count, 0)) return offset_by_search(zone, instant_ms);
    const int64_t *begin_ms = zone->segments.begin_ms;
    uint32_t segment = zone->first_segment[bucket];
    while (segment + 1 < zone->segments.count && begin_ms[segment + 1] <= instant_ms)
        segment++;
    return zone->segments.offset_ms[segment];
}

int64_t sh_zone_offset_ms(const struct sh_zone *zone, int64_t instant_ms) {
    return offset_of(zone, instant_ms);
}

int32_t sh_zone_day(const struct sh_zone *zone, int64_t instant_ms) {
    /* Counted from a day long before SH_INSTANT_MIN, so that the division is of unsigned numbers and rounds down. */
    enum { DAYS_BEFORE = 1000000 };
    const int64_t local_ms = instant_ms + offset_of(zone, instant_ms);
    return (int32_t)((uint64_t)(local_ms + DAYS_BEFORE * SH_DAY_MS) / SH_DAY_MS) - DAYS_BEFORE;
}

/* Where a local time is on the time line: in a segment, or in the gap before one. */
struct place {
    uint32_t segment; /* the first whose clock shows the time, or the first behind the gap */
    bool in_gap;
    int64_t cycles_ms; /* taken off the local time */
};

static struct place find_place(const struct sh_segments *segments, int64_t local_ms) {
    /* The day of an instant may be the one behind the last or before the first, and has neighbours. */
    sh_assert(local_ms >= SH_INSTANT_MIN - 2 * SH_DAY_MS);
    sh_assert(local_ms <= SH_INSTANT_MAX + 2 * SH_DAY_MS);
    /* No clock is further than this from UTC, so the segment of the instant so much earlier is not too late. */
    const int64_t margin_ms = (int64_t)SH_ZONE_OFFSET_SECONDS_MAX * SH_SECOND_MS;
    struct place place = {.cycles_ms =
                              cycles_ms(segments, local_ms + (segments->cycle_from_ms == INT64_MAX ? 0 : margin_ms))};
    const int64_t local = local_ms - place.cycles_ms;
    place.segment = search_segment(segments, local - margin_ms);
    while (place.segment + 1 < segments->count &&
           local - segments->offset_ms[place.segment] >= segments->begin_ms[place.segment + 1])
        place.segment++;
    place.in_gap = place.segment > 0 && local - segments->offset_ms[place.segment] < segments->begin_ms[place.segment];
    return place;
}

int64_t sh_zone_instant_ms(const struct sh_zone *zone, int64_t local_ms) {
    const struct place place = find_place(&zone->segments, local_ms);
    return local_ms - zone->segments.offset_ms[place.in_gap ? place.segment - 1 : place.segment];
}

int64_t sh_zone_day_start_ms(const struct sh_zone *zone, int32_t day) {
    const int64_t midnight_ms = day * SH_DAY_MS;
    const struct place place = find_place(&zone->segments, midnight_ms);
    if (place.in_gap) return zone->segments.begin_ms[place.segment] + place.cycles_ms;
    return midnight_ms - zone->segments.offset_ms[place.segment];
}

static void fill_buckets(struct sh_zone *zone) {
    const struct sh_segments *segments = &zone->segments;
    uint32_t segment = 0;
    zone->bucket_count = 0;
    for (uint32_t bucket = 0; bucket < BUCKET_COUNT; bucket++) {
        const int64_t begin_ms = BUCKETS_BEGIN_MS + ((int64_t)bucket << BUCKET_SHIFT);
        if (begin_ms + (INT64_C(1) << BUCKET_SHIFT) > segments->cycle_from_ms) break;
        while (segment + 1 < segments->count && segments->begin_ms[segment + 1] <= begin_ms)
            segment++;
        zone->first_segment[bucket] = (uint16_t)segment;
        zone->bucket_count = bucket + 1;
    }
}

/* "+08:00" */
static bool parse_fixed(struct sh_text name, int32_t *offset_ms) {
    if (name.count != 6 || (name.bytes[0] != '+' && name.bytes[0] != '-') || name.bytes[3] != ':') return false;
    static const uint8_t digit_at[4] = {1, 2, 4, 5};
    int32_t digits[4];
    for (uint32_t i = 0; i < 4; i++) {
        const char character = name.bytes[digit_at[i]];
        if (character < '0' || character > '9') return false;
        digits[i] = character - '0';
    }
    const int32_t hours = digits[0] * 10 + digits[1];
    const int32_t minutes = digits[2] * 10 + digits[3];
    if (hours > 23 || minutes > 59) return false;
    const int32_t magnitude = (hours * 60 + minutes) * (int32_t)SH_MINUTE_MS;
    *offset_ms = name.bytes[0] == '-' ? -magnitude : magnitude;
    return true;
}

/* A name becomes part of a path: letters, digits, "_", "+", "-" and "/" between two of them. No dot, so neither ".."
 * nor the tables that lie beside the zones. */
static bool is_safe_name(struct sh_text name) {
    if (name.count == 0 || name.count > SH_NAME_BYTES_MAX) return false;
    bool after_slash = true;
    for (uint32_t i = 0; i < name.count; i++) {
        const char character = name.bytes[i];
        const char folded = (char)(character | 0x20);
        const bool is_slash = character == '/';
        if (is_slash && (after_slash || i + 1 == name.count)) return false;
        const bool is_letter = folded >= 'a' && folded <= 'z';
        const bool is_digit = character >= '0' && character <= '9';
        if (!is_slash && !is_letter && !is_digit && character != '_' && character != '+' && character != '-')
            return false;
        after_slash = is_slash;
    }
    return true;
}

static bool zone_path(char path[PATH_BYTES_MAX], struct sh_text name) {
    const char *folder = getenv("SHOAL_ZONEINFO");
    if (folder == NULL || folder[0] == '\0') folder = "/usr/share/zoneinfo";
    const int needed = snprintf(path, PATH_BYTES_MAX, "%s/%.*s", folder, SH_TEXT_ARGS(name));
    return needed > 0 && needed < PATH_BYTES_MAX;
}

static struct sh_text last_part(struct sh_text name) {
    uint32_t begin = name.count;
    while (begin > 0 && name.bytes[begin - 1] != '/')
        begin--;
    return (struct sh_text){name.bytes + begin, name.count - begin};
}

/* The third column of zone.tab is one name for each country and clock: what people mean. Both the whole name and its
 * last part are compared, for "shanghai". The copies outlive the lines. */
static enum sh_status fail_name(struct sh_text name, struct sh_error *err) {
    const int shown = name.count > SH_NAME_BYTES_MAX ? SH_NAME_BYTES_MAX : (int)name.count;
    (void)sh_fail(err, SH_ERR_NAME, -1, "there is no time zone \"%.*s\"", shown, name.bytes);
    char path[PATH_BYTES_MAX];
    FILE *file = zone_path(path, SH_TEXT_LITERAL("zone.tab")) ? fopen(path, "re") : NULL;
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    char nearest[LINE_BYTES_MAX] = "";
    char line[LINE_BYTES_MAX];
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *rest = line;
        char *column = NULL;
        for (uint32_t i = 0; line[0] != '#' && i < 3; i++)
            column = strsep(&rest, "\t\n");
        if (column == NULL) continue;
        const uint32_t distance_before = search.distance;
        const struct sh_text found = sh_text_of(column);
        sh_nearest_offer(&search, found);
        sh_nearest_offer(&search, last_part(found));
        if (search.distance < distance_before) (void)snprintf(nearest, sizeof nearest, "%s", column);
        search.nearest = (struct sh_text){nearest, 0}; /* the line is about to be overwritten; the copy stays */
    }
    if (file != NULL) (void)fclose(file);
    if (nearest[0] != '\0') return sh_fail_hint(err, SH_ERR_NAME, "did you mean \"%s\"?", nearest);
    return sh_fail_hint(err, SH_ERR_NAME, "a zone is written Asia/Shanghai, UTC or +08:00");
}

static enum sh_status read_file(struct sh_segments *segments, struct sh_text name, struct sh_error *err) {
    char path[PATH_BYTES_MAX];
    FILE *file = is_safe_name(name) && zone_path(path, name) ? fopen(path, "re") : NULL;
    if (file == NULL) return fail_name(name, err);
    uint8_t *bytes = sh_alloc(SH_TZIF_BYTES_MAX);
    enum sh_status status;
    if (bytes == NULL) {
        status = sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read a time zone");
    } else {
        const size_t byte_count = fread(bytes, 1, SH_TZIF_BYTES_MAX, file);
        if (ferror(file))
            status = fail_name(name, err); /* a folder, such as "Asia" */
        else if (byte_count == SH_TZIF_BYTES_MAX)
            status = sh_fail(err, SH_ERR_TOO_LARGE, -1, "the time zone file %s is too large", path);
        else
            status = sh_segments_read(segments, bytes, byte_count, err);
    }
    sh_free(bytes);
    (void)fclose(file);
    return status;
}

enum sh_status sh_zone_open(struct sh_text name, struct sh_zone **zone, struct sh_error *err) {
    *zone = NULL;
    struct sh_segments segments;
    int32_t offset_ms = 0;
    enum sh_status status;
    if (sh_text_equal(name, SH_TEXT_LITERAL("UTC")) || parse_fixed(name, &offset_ms))
        status = sh_segments_fixed(&segments, offset_ms, err);
    else
        status = read_file(&segments, name, err);
    if (status != SH_OK) return status;
    struct sh_zone *opened = sh_alloc(sizeof *opened);
    if (opened == NULL) {
        sh_segments_deinit(&segments);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a time zone");
    }
    opened->segments = segments;
    memcpy(opened->name, name.bytes, name.count);
    opened->name_bytes = name.count;
    fill_buckets(opened);
    *zone = opened;
    return SH_OK;
}

void sh_zone_close(struct sh_zone *zone) {
    if (zone == NULL) return;
    sh_segments_deinit(&zone->segments);
    sh_free(zone);
}

struct sh_text sh_zone_name(const struct sh_zone *zone) {
    return (struct sh_text){zone->name, zone->name_bytes};
}
