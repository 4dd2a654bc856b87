/* tzif_fuzz.c -- a foreign time zone file: refused, or a table whose rules hold. */
#include <stdio.h>
#include <stdlib.h>

#include "calendar_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

static const char *check(const struct sh_segments *segments) {
    if (segments->count == 0 || segments->count > segments->capacity) return "the count is wrong";
    if (segments->begin_ms[0] != INT64_MIN) return "the first segment has a begin";
    for (uint32_t i = 0; i < segments->count; i++) {
        if (i > 0 && segments->begin_ms[i] <= segments->begin_ms[i - 1]) return "the segments are not in order";
        if (segments->begin_ms[i] >= segments->cycle_from_ms) return "a segment begins behind the cycle";
        if (llabs(segments->offset_ms[i]) > SH_ZONE_OFFSET_SECONDS_MAX * SH_SECOND_MS) return "an offset is too large";
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct sh_segments segments;
    if (sh_segments_read(&segments, bytes, byte_count, NULL) != SH_OK) {
        if (segments.begin_ms != NULL || segments.offset_ms != NULL) abort();
        return 0;
    }
    const char *fault = check(&segments);
    if (fault != NULL) {
        (void)fprintf(stderr, "%s\n", fault);
        abort();
    }
    sh_segments_deinit(&segments);
    return 0;
}
