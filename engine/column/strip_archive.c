/* strip_archive.c -- a strip in an archive.
 *
 *   u32  count
 *   u32  missing_count
 *   u32  unit
 *   u8   width
 *   u8   1 if there are present bits
 *   i64  base, min, max
 *        present bits, as many words as hold count bits, if there are any
 *        count distances of width bytes
 */
#include "strip_private.h"

#include "memory.h"

enum { STEP_ENTRIES = 4096, STEP_WORDS = STEP_ENTRIES / 64 };

static size_t words_for(uint32_t count) {
    return (count + (size_t)63) / 64;
}

/* ---- Saving ---- */

#define CLEAR_MISSING(type)                                                                                            \
    do {                                                                                                               \
        type *entries = data;                                                                                          \
        for (uint64_t rest = missing; rest != 0; rest &= rest - 1)                                                     \
            entries[first + (uint32_t)__builtin_ctzll(rest)] = 0;                                                      \
    } while (0)

/* Zeros at the missing ones of the 64 entries from `first` on. */
static void clear_missing(void *data, uint8_t width, uint32_t first, uint64_t missing) {
    switch (width) {
    case 1:
        CLEAR_MISSING(uint8_t);
        break;
    case 2:
        CLEAR_MISSING(uint16_t);
        break;
    case 4:
        CLEAR_MISSING(uint32_t);
        break;
    default:
        CLEAR_MISSING(uint64_t);
        break;
    }
}

/* What stands at missing entries may be what a person wanted forgotten: it is not written. */
static void save_data(const struct sh_strip *strip, struct sh_archive_writer *writer) {
    if (strip->missing_count == 0) {
        sh_archive_put(writer, strip->data, (size_t)strip->count * strip->width);
        return;
    }
    uint64_t step[STEP_ENTRIES];
    for (uint32_t first = 0; first < strip->count; first += STEP_ENTRIES) {
        const uint32_t left = strip->count - first;
        const uint32_t count = left < STEP_ENTRIES ? left : STEP_ENTRIES;
        memcpy(step, (const uint8_t *)strip->data + (size_t)first * strip->width, (size_t)count * strip->width);
        for (uint32_t word = 0; word < words_for(count); word++) {
            const uint64_t present = strip->present == NULL ? 0 : strip->present[first / 64 + word];
            const uint32_t here = count - word * 64;
            const uint64_t there = here >= 64 ? UINT64_MAX : (UINT64_C(1) << here) - 1;
            clear_missing(step, strip->width, word * 64, ~present & there);
        }
        sh_archive_put(writer, step, (size_t)count * strip->width);
    }
}

void sh_strip_save(const struct sh_strip *strip, struct sh_archive_writer *writer) {
    sh_archive_put_u32(writer, strip->count);
    sh_archive_put_u32(writer, strip->missing_count);
    sh_archive_put_u32(writer, strip->unit);
    sh_archive_put_u8(writer, strip->width);
    sh_archive_put_u8(writer, strip->present != NULL);
    sh_archive_put_i64(writer, strip->base);
    sh_archive_put_i64(writer, strip->min);
    sh_archive_put_i64(writer, strip->max);
    if (strip->present != NULL) sh_archive_put(writer, strip->present, words_for(strip->count) * sizeof(uint64_t));
    if (strip->width > 0) save_data(strip, writer);
}

/* ---- Loading ---- */

/* What the numbers in front must say of each other. */
static const char *head_fault(const struct sh_strip *strip, bool has_present) {
    const uint8_t width = strip->width;
    if (width != 0 && width != 1 && width != 2 && width != 4 && width != 8) return "a strip's width";
    if (strip->unit == 0 || (width == 8 && (strip->base != 0 || strip->unit != 1))) return "a strip's base or unit";
    if (strip->missing_count > strip->count) return "more entries of a strip are missing than there are";
    if (!has_present && strip->missing_count != 0 && strip->missing_count != strip->count)
        return "entries of a strip are missing, and it does not say which";
    if (strip->min <= strip->max && !(sh_strip_holds(strip, strip->min) && sh_strip_holds(strip, strip->max)))
        return "a strip's bounds are outside of what its width holds";
    return NULL;
}

static uint64_t count_bits(const uint64_t *words, size_t word_count) {
    uint64_t count = 0;
    for (size_t i = 0; i < word_count; i++)
        count += (uint64_t)__builtin_popcountll(words[i]);
    return count;
}

static const char *present_fault(const struct sh_strip *strip) {
    if (strip->present == NULL) return NULL;
    if (strip->count % 64 != 0 && strip->present[strip->count / 64] >> (strip->count % 64) != 0)
        return "a strip has present bits behind its end";
    if (count_bits(strip->present, words_for(strip->count)) != strip->count - strip->missing_count)
        return "a strip's number of missing entries is not that of its present bits";
    return NULL;
}

/* Every value that is present lies within the bounds. The bounds are taken for unknown, so that the scan looks. */
static bool values_fit(const struct sh_strip *strip) {
    const uint32_t present_count = strip->count - strip->missing_count;
    if (strip->width == 0) return present_count == 0 || (strip->min <= strip->base && strip->base <= strip->max);
    struct sh_strip boundless = *strip;
    boundless.min = INT64_MIN;
    boundless.max = INT64_MAX;
    uint64_t fitting = 0;
    for (uint32_t first = 0; first < strip->count; first += STEP_ENTRIES) {
        const uint32_t left = strip->count - first;
        const uint32_t count = left < STEP_ENTRIES ? left : STEP_ENTRIES;
        uint64_t words[STEP_WORDS];
        sh_strip_range(&boundless, first, count, strip->min, strip->max, words);
        fitting += count_bits(words, words_for(count));
    }
    return fitting == present_count;
}

static enum sh_status load_body(struct sh_strip *strip, bool has_present, struct sh_archive_reader *reader) {
    if (has_present || strip->width > 0) strip->capacity = strip->count;
    if (has_present) strip->present = sh_archive_get_array(reader, words_for(strip->count), sizeof(uint64_t));
    if (strip->width > 0) strip->data = sh_archive_get_array(reader, strip->count, strip->width);
    if (sh_archive_failed(reader)) return sh_archive_status(reader, NULL);
    const char *fault = present_fault(strip);
    if (fault == NULL && !values_fit(strip)) fault = "a strip has a value outside of its bounds";
    return fault == NULL ? SH_OK : sh_archive_refuse(reader, "%s", fault);
}

enum sh_status sh_strip_load(struct sh_strip *strip, uint32_t count_max, struct sh_archive_reader *reader) {
    sh_assert(strip->data == NULL && strip->present == NULL && strip->count == 0);
    struct sh_strip loaded = {.data = NULL};
    loaded.count = sh_archive_get_u32(reader);
    loaded.missing_count = sh_archive_get_u32(reader);
    loaded.unit = sh_archive_get_u32(reader);
    loaded.width = sh_archive_get_u8(reader);
    const bool has_present = sh_archive_get_bool(reader);
    loaded.base = sh_archive_get_i64(reader);
    loaded.min = sh_archive_get_i64(reader);
    loaded.max = sh_archive_get_i64(reader);
    enum sh_status status = sh_archive_status(reader, NULL);
    if (status != SH_OK) return status;
    if (loaded.count > count_max)
        return sh_archive_refuse(reader, "a strip of %u entries; the most is %u", loaded.count, count_max);
    const char *fault = head_fault(&loaded, has_present);
    if (fault != NULL) return sh_archive_refuse(reader, "%s", fault);
    status = load_body(&loaded, has_present, reader);
    if (status == SH_OK)
        *strip = loaded;
    else
        sh_strip_deinit(&loaded);
    return status;
}
