/* strip_private.h -- what the files of the column module share about strips. */
#ifndef SH_STRIP_PRIVATE_H
#define SH_STRIP_PRIVATE_H

#include "strip.h"

/* The largest distance that a width holds. */
static inline uint64_t strip_distance_max(uint8_t width) {
    return width == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * width)) - 1;
}
static inline uint64_t strip_distance(const struct sh_strip *strip, uint32_t index) {
    const void *data = strip->data;
    switch (strip->width) {
    case 0:
        return 0;
    case 1:
        return ((const uint8_t *)data)[index];
    case 2:
        return ((const uint16_t *)data)[index];
    case 4:
        return ((const uint32_t *)data)[index];
    default:
        return ((const uint64_t *)data)[index];
    }
}
static inline bool strip_entry_is_present(const struct sh_strip *strip, uint32_t index) {
    if (strip->present != NULL) return strip->present[index / 64] >> (index % 64) & 1;
    return strip->missing_count == 0;
}

/* Can the strip keep this value in the shape it has? */
bool sh_strip_holds(const struct sh_strip *strip, int64_t value);
/* A range of values as the distances to look for. NONE: no present value can lie in it; ALL: every present value does;
 * SOME: *low_distance <= d <= *low_distance + *span modulo 2^(8 * width). */
enum sh_verdict sh_strip_range_distances(const struct sh_strip *strip, int64_t low, int64_t high,
                                         uint64_t *low_distance, uint64_t *span);
/* words &= the present bits of entries first .. first + count - 1, where what is behind the strip's count is not. */
void sh_strip_and_present(const struct sh_strip *strip, uint32_t first, uint32_t count, uint64_t *words);

#endif
