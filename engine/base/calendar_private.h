/* calendar_private.h -- a zone's table, between its reader (calendar_tzif.c) and its user (calendar_zone.c).
 *
 *   segment        0              1          2         3     ...
 *   begin_ms   INT64_MIN       1901-01-01   1940-06   1940-10
 *   offset_ms  +8:05:43         +8:00        +9:00     +8:00
 *
 * Segment i holds from begin_ms[i] until begin_ms[i + 1]. The rule of the footer is written out, one segment after
 * another, for more than 400 years behind the file's last transition. The Gregorian calendar repeats after 400 years,
 * weekdays too, so a later instant is moved back by whole cycles and no rule is worked out when a question is asked.
 */
#ifndef SH_CALENDAR_PRIVATE_H
#define SH_CALENDAR_PRIVATE_H

#include "calendar.h"

#define SH_CYCLE_MS (146097 * SH_DAY_MS)

enum {
    /* Release 2025b's largest, Asia/Hebron in the form that writes all changes out to 2037, has 3,872 bytes. */
    SH_TZIF_BYTES_MAX = 64 << 10,
    /* RFC 8536, section 3.2: offsets are more than -25 h and less than +26 h. */
    SH_ZONE_OFFSET_SECONDS_MAX = 26 * 3600,
};

struct sh_segments {
    int64_t *begin_ms; /* ascending; [0] is INT64_MIN */
    int32_t *offset_ms;
    uint32_t count;
    uint32_t capacity;
    int64_t
        cycle_from_ms; /* instants from here on are moved back by cycles; INT64_MAX if the last segment is for ever */
};

/* Fill *segments from the bytes of a TZif file. On failure it holds nothing. */
SH_MUST_CHECK enum sh_status sh_segments_read(struct sh_segments *segments, const uint8_t *bytes, size_t byte_count,
                                              struct sh_error *err);
/* One segment for ever. */
SH_MUST_CHECK enum sh_status sh_segments_fixed(struct sh_segments *segments, int32_t offset_ms, struct sh_error *err);
void sh_segments_deinit(struct sh_segments *segments);

#endif
