/* strip.c -- the shape of a strip: how it widens, grows and is rebuilt. What it answers is in strip_scan.c. */
#include "strip_private.h"

#include <string.h>

#include "memory.h"

/* How the distances are kept. */
struct shape {
    int64_t base;
    uint32_t unit;
    uint8_t width;
};

enum { FIRST_CAPACITY = 16, BLOCK_ENTRIES = 65536 };

void sh_strip_init_unit(struct sh_strip *strip, uint32_t unit) {
    sh_assert(unit >= 1);
    *strip = (struct sh_strip){.min = INT64_MAX, .max = INT64_MIN, .unit = unit};
}

void sh_strip_init(struct sh_strip *strip) {
    sh_strip_init_unit(strip, 1);
}

void sh_strip_deinit(struct sh_strip *strip) {
    sh_free(strip->data);
    sh_free(strip->present);
    sh_strip_init_unit(strip, strip->unit);
}

size_t sh_strip_memory_bytes(const struct sh_strip *strip) {
    size_t bytes = 0;
    if (strip->data != NULL) bytes += (size_t)strip->capacity * strip->width;
    if (strip->present != NULL) bytes += (strip->capacity + (size_t)63) / 64 * sizeof(uint64_t);
    return bytes;
}

/* ---- Shapes ---- */

static uint64_t greatest_divisor(uint64_t a, uint64_t b) {
    while (b != 0) {
        const uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t gap(int64_t a, int64_t b) {
    return a < b ? (uint64_t)b - (uint64_t)a : (uint64_t)a - (uint64_t)b;
}

static bool shape_holds(struct shape shape, int64_t value) {
    if (shape.width == 8) return true;
    if (value < shape.base) return false;
    uint64_t distance = (uint64_t)value - (uint64_t)shape.base;
    if (shape.unit != 1) {
        if (distance % shape.unit != 0) return false;
        distance /= shape.unit;
    }
    return distance <= strip_distance_max(shape.width);
}

static struct shape shape_of(const struct sh_strip *strip) {
    return (struct shape){.base = strip->base, .unit = strip->unit, .width = strip->width};
}

bool sh_strip_holds(const struct sh_strip *strip, int64_t value) {
    return shape_holds(shape_of(strip), value);
}

/* Where growth is expected: a strip that is rewritten because a value lay above gets most of the spare distances
 * above. The other side keeps a quarter, so that values that swing do not have it rewritten each time: every rewrite
 * that keeps the width takes at least a quarter off the spare distances, so there are a few dozen at most. */
enum growth { GROWTH_NONE, GROWTH_UP, GROWTH_DOWN };

/* The narrowest shape of at least width_min for values from low to high that are multiples of unit apart. */
static struct shape shape_for(int64_t low, int64_t high, uint32_t unit, uint8_t width_min, enum growth growth) {
    const uint64_t steps = gap(low, high) / unit;
    uint8_t width = width_min;
    while (steps > strip_distance_max(width))
        width = width == 0 ? 1 : (uint8_t)(width * 2);
    if (width == 8) return (struct shape){.base = 0, .unit = 1, .width = 8};
    const uint64_t distance_max = strip_distance_max(width);
    /* From zero when that fits: counts and sums begin there. */
    if (width > 0 && low >= 0 && low % unit == 0 && (uint64_t)high / unit <= distance_max)
        return (struct shape){.base = 0, .unit = unit, .width = width};
    const uint64_t spare = distance_max - steps;
    uint64_t below = spare / 2;
    if (growth == GROWTH_UP) below = spare / 4;
    if (growth == GROWTH_DOWN) below = spare - spare / 4;
    const uint64_t below_max = gap(low, INT64_MIN) / unit;
    if (below > below_max) below = below_max;
    return (struct shape){.base = (int64_t)((uint64_t)low - below * unit), .unit = unit, .width = width};
}

/* ---- Rewriting ---- */

#define WIDEN(from, to)                                                                                                \
    do {                                                                                                               \
        const from *old = source;                                                                                      \
        to *new = target;                                                                                              \
        for (uint32_t i = 0; i < count; i++)                                                                           \
            new[i] = (to)(old[i] + shift);                                                                             \
    } while (0)

/* new distance = old distance + shift. target may be source if the widths are equal. What stands at missing entries
 * may overflow, which is harmless: it stays meaningless. */
static void shift_distances(const void *source, uint8_t width, void *target, uint8_t target_width, uint32_t count,
                            uint64_t shift) {
    switch (width * 16 + target_width) {
    case 0x11:
        WIDEN(uint8_t, uint8_t);
        break;
    case 0x12:
        WIDEN(uint8_t, uint16_t);
        break;
    case 0x14:
        WIDEN(uint8_t, uint32_t);
        break;
    case 0x18:
        WIDEN(uint8_t, uint64_t);
        break;
    case 0x22:
        WIDEN(uint16_t, uint16_t);
        break;
    case 0x24:
        WIDEN(uint16_t, uint32_t);
        break;
    case 0x28:
        WIDEN(uint16_t, uint64_t);
        break;
    case 0x44:
        WIDEN(uint32_t, uint32_t);
        break;
    case 0x48:
        WIDEN(uint32_t, uint64_t);
        break;
    default:
        sh_assert(width == 8 && target_width == 8 && shift == 0);
        memmove(target, source, count * sizeof(uint64_t));
    }
}

static void put_distance(void *data, uint8_t width, uint32_t index, uint64_t distance) {
    switch (width) {
    case 0:
        break;
    case 1:
        ((uint8_t *)data)[index] = (uint8_t)distance;
        break;
    case 2:
        ((uint16_t *)data)[index] = (uint16_t)distance;
        break;
    case 4:
        ((uint32_t *)data)[index] = (uint32_t)distance;
        break;
    default:
        ((uint64_t *)data)[index] = distance;
        break;
    }
}

static uint64_t distance_of(struct shape shape, int64_t value) {
    const uint64_t distance = (uint64_t)value - (uint64_t)shape.base;
    return shape.unit == 1 ? distance : distance / shape.unit;
}

/* The strip's entries in another shape, to target (which may be its own data if the width stays). */
static void rewrite(const struct sh_strip *strip, struct shape shape, void *target) {
    if (shape.width == 0) return;
    if (strip->width == 0) {
        const uint64_t distance = strip->count > strip->missing_count ? distance_of(shape, strip->base) : 0;
        for (uint32_t i = 0; i < strip->count; i++)
            put_distance(target, shape.width, i, distance);
        return;
    }
    if (shape.unit == strip->unit && shape.width >= strip->width) {
        const uint64_t shift = (uint64_t)strip->base - (uint64_t)shape.base;
        /* A base moves by whole units, up or down: divide as signed. */
        const uint64_t units = shape.unit == 1 ? shift : (uint64_t)((int64_t)shift / (int64_t)shape.unit);
        shift_distances(strip->data, strip->width, target, shape.width, strip->count, units);
        return;
    }
    for (uint32_t i = 0; i < strip->count; i++) {
        if (!strip_entry_is_present(strip, i)) {
            put_distance(target, shape.width, i, 0);
            continue;
        }
        const uint64_t value = (uint64_t)strip->base + strip_distance(strip, i) * strip->unit;
        put_distance(target, shape.width, i, distance_of(shape, (int64_t)value));
    }
}

/* Whole words of present bits; half again as much, but a block of a column ends at its size. */
static uint32_t capacity_for(const struct sh_strip *strip, uint32_t needed) {
    if (needed <= strip->capacity) return strip->capacity;
    uint64_t wanted = (uint64_t)strip->capacity + strip->capacity / 2;
    if (wanted < needed) wanted = needed;
    if (needed <= BLOCK_ENTRIES && wanted > BLOCK_ENTRIES) wanted = BLOCK_ENTRIES;
    if (wanted <= FIRST_CAPACITY) return FIRST_CAPACITY;
    wanted = (wanted + 63) / 64 * 64;
    return wanted > UINT32_MAX ? UINT32_MAX : (uint32_t)wanted;
}

/* Give the strip this shape, room for `capacity` entries, and present bits if wanted; the content stays. */
static enum sh_status reshape(struct sh_strip *strip, struct shape shape, uint32_t capacity, bool wants_present) {
    const bool has_new_capacity = capacity != strip->capacity;
    const size_t words = (capacity + (size_t)63) / 64;
    void *data = strip->data;
    uint64_t *present = strip->present;
    if (shape.width > 0 && (strip->data == NULL || has_new_capacity || shape.width != strip->width)) {
        data = sh_alloc((size_t)capacity * shape.width);
        if (data == NULL) return SH_ERR_MEMORY;
    }
    if ((strip->present != NULL && has_new_capacity) || (strip->present == NULL && wants_present)) {
        present = sh_alloc_zero(words * sizeof(uint64_t));
        if (present == NULL) {
            if (data != strip->data) sh_free(data);
            return SH_ERR_MEMORY;
        }
    }
    const bool is_moved = shape.base != strip->base || shape.unit != strip->unit || shape.width != strip->width;
    if (data != strip->data) {
        rewrite(strip, shape, data);
        const size_t used = (size_t)strip->count * shape.width;
        memset((uint8_t *)data + used, 0, (size_t)capacity * shape.width - used);
        sh_free(strip->data);
    } else if (is_moved && data != NULL) {
        rewrite(strip, shape, data);
    }
    if (present != strip->present) {
        const uint32_t whole = strip->count / 64;
        const uint32_t rest = strip->count % 64;
        if (strip->present != NULL) {
            memcpy(present, strip->present, (whole + (rest != 0)) * sizeof(uint64_t));
        } else if (strip->missing_count == 0) {
            memset(present, 0xFF, whole * sizeof(uint64_t));
            if (rest != 0) present[whole] = (UINT64_C(1) << rest) - 1;
        }
        sh_free(strip->present);
    }
    strip->data = data;
    strip->present = present;
    strip->capacity = capacity;
    strip->base = shape.base;
    strip->unit = shape.unit;
    strip->width = shape.width;
    return SH_OK;
}

/* ---- Changing ---- */

/* A strip without values and without data takes any value as its base. */
static bool base_is_free(const struct sh_strip *strip) {
    return strip->width == 0 && strip->count == strip->missing_count;
}

static struct shape shape_with(const struct sh_strip *strip, int64_t low, int64_t high) {
    if (base_is_free(strip)) {
        if (low == high) return (struct shape){.base = low, .unit = strip->unit, .width = 0};
        return shape_for(low, high, 1, 0, GROWTH_NONE);
    }
    const struct shape now = shape_of(strip);
    if (shape_holds(now, low) && shape_holds(now, high) && (now.unit == 1 || low == high)) return now;
    const uint32_t unit = low == high ? (uint32_t)greatest_divisor(strip->unit, gap(low, strip->base)) : 1;
    const enum growth growth = low < strip->min ? GROWTH_DOWN : GROWTH_UP;
    if (strip->min < low) low = strip->min;
    if (strip->max > high) high = strip->max;
    return shape_for(low, high, unit, strip->width, growth);
}

enum sh_status sh_strip_prepare_set(struct sh_strip *strip, uint32_t index, int64_t low, int64_t high) {
    sh_assert(low <= high);
    sh_assert(index < UINT32_MAX);
    if (base_is_free(strip)) { /* bounds of values that are no more would not fit the new unit */
        strip->min = INT64_MAX;
        strip->max = INT64_MIN;
    }
    const struct shape shape = shape_with(strip, low, high);
    const bool is_new = index >= strip->count;
    uint32_t missing_after = strip->missing_count;
    if (is_new)
        missing_after += index - strip->count;
    else if (!strip_entry_is_present(strip, index))
        missing_after--;
    const bool wants_present = missing_after > 0;
    uint32_t capacity = strip->capacity;
    if (shape.width > 0 || strip->present != NULL || wants_present)
        capacity = capacity_for(strip, is_new ? index + 1 : strip->count);
    return reshape(strip, shape, capacity, wants_present);
}

/* After a successful prepare. */
static void commit_set(struct sh_strip *strip, uint32_t index, int64_t value) {
    if (index >= strip->count) {
        strip->missing_count += index - strip->count + 1;
        strip->count = index + 1;
    } else if (strip_entry_is_present(strip, index)) {
        strip->missing_count++;
    }
    strip->missing_count--;
    if (strip->present != NULL) strip->present[index / 64] |= UINT64_C(1) << (index % 64);
    put_distance(strip->data, strip->width, index, distance_of(shape_of(strip), value));
    if (value < strip->min) strip->min = value;
    if (value > strip->max) strip->max = value;
}

enum sh_status sh_strip_set(struct sh_strip *strip, uint32_t index, int64_t value) {
    const bool has_room = index < strip->capacity && (strip->present != NULL || strip->missing_count == 0) &&
                          index <= strip->count && strip->width > 0 && shape_holds(shape_of(strip), value);
    if (!has_room) {
        const enum sh_status status = sh_strip_prepare_set(strip, index, value, value);
        if (status != SH_OK) return status;
    }
    commit_set(strip, index, value);
    return SH_OK;
}

enum sh_status sh_strip_append(struct sh_strip *strip, int64_t value) {
    return sh_strip_set(strip, strip->count, value);
}

enum sh_status sh_strip_append_missing(struct sh_strip *strip, uint32_t how_many) {
    sh_assert(how_many < UINT32_MAX - strip->count);
    if (how_many == 0) return SH_OK;
    if (strip->missing_count != strip->count || strip->data != NULL || strip->present != NULL) {
        const enum sh_status status =
            reshape(strip, shape_of(strip), capacity_for(strip, strip->count + how_many), true);
        if (status != SH_OK) return status;
    }
    strip->count += how_many;
    strip->missing_count += how_many;
    return SH_OK;
}

enum sh_status sh_strip_prepare_clear(struct sh_strip *strip, uint32_t index) {
    if (index >= strip->count || strip->present != NULL || strip->missing_count > 0 || strip->count == 1) return SH_OK;
    return reshape(strip, shape_of(strip), capacity_for(strip, strip->count), true);
}

enum sh_status sh_strip_clear(struct sh_strip *strip, uint32_t index) {
    const enum sh_status status = sh_strip_prepare_clear(strip, index);
    if (status != SH_OK) return status;
    if (index >= strip->count || !strip_entry_is_present(strip, index)) return SH_OK;
    if (strip->present != NULL) strip->present[index / 64] &= ~(UINT64_C(1) << (index % 64));
    strip->missing_count++;
    return SH_OK;
}

void sh_strip_truncate(struct sh_strip *strip, uint32_t count) {
    if (count >= strip->count) return;
    if (strip->present == NULL) {
        if (strip->missing_count > 0) strip->missing_count = count;
        strip->count = count;
        return;
    }
    for (uint32_t i = count; i < strip->count; i++)
        strip->missing_count -= (strip->present[i / 64] >> (i % 64) & 1) == 0;
    const uint32_t first_word = (count + 63) / 64;
    if (count % 64 != 0) strip->present[count / 64] &= (UINT64_C(1) << (count % 64)) - 1;
    for (uint32_t word = first_word; word <= (strip->count - 1) / 64; word++)
        strip->present[word] = 0;
    strip->count = count;
}

/* ---- Whole strips ---- */

enum sh_status sh_strip_rebuild(struct sh_strip *strip) {
    struct sh_strip rebuilt;
    sh_strip_init_unit(&rebuilt, strip->unit);
    for (uint32_t i = 0; i < strip->count; i++) {
        int64_t value;
        if (!sh_strip_get(strip, i, &value)) continue;
        if (value < rebuilt.min) rebuilt.min = value;
        if (value > rebuilt.max) rebuilt.max = value;
    }
    rebuilt.count = strip->count;
    rebuilt.missing_count = strip->missing_count;
    if (rebuilt.min > rebuilt.max) { /* nothing but missing entries */
        sh_strip_deinit(strip);
        *strip = rebuilt;
        return SH_OK;
    }
    const struct shape shape = shape_for(rebuilt.min, rebuilt.max, strip->unit, 0, GROWTH_NONE);
    rebuilt.base = shape.base;
    rebuilt.unit = shape.unit;
    rebuilt.width = shape.width;
    const bool has_missing = strip->missing_count > 0;
    if (shape.width > 0 || has_missing) rebuilt.capacity = strip->count;
    if (shape.width > 0 && (rebuilt.data = sh_alloc((size_t)strip->count * shape.width)) == NULL) return SH_ERR_MEMORY;
    if (has_missing) {
        const size_t bytes = (strip->count + (size_t)63) / 64 * sizeof(uint64_t);
        if ((rebuilt.present = sh_alloc(bytes)) == NULL) {
            sh_free(rebuilt.data);
            return SH_ERR_MEMORY;
        }
        memcpy(rebuilt.present, strip->present, bytes);
    }
    rewrite(strip, shape, rebuilt.data);
    sh_strip_deinit(strip);
    *strip = rebuilt;
    return SH_OK;
}

enum sh_status sh_strip_build(struct sh_strip *strip, const int64_t *values, const uint64_t *present, uint32_t count) {
    sh_assert(strip->count == 0 && strip->data == NULL && strip->present == NULL);
    struct sh_strip built;
    sh_strip_init(&built);
    built.count = count;
    for (uint32_t i = 0; i < count; i++) {
        if (present != NULL && (present[i / 64] >> (i % 64) & 1) == 0) {
            built.missing_count++;
            continue;
        }
        if (values[i] < built.min) built.min = values[i];
        if (values[i] > built.max) built.max = values[i];
    }
    const bool is_mixed = built.missing_count > 0 && built.missing_count < count;
    struct shape shape = {.unit = 1};
    if (built.min <= built.max) shape = shape_for(built.min, built.max, 1, 0, GROWTH_NONE);
    built.base = shape.base;
    built.width = shape.width;
    if (shape.width > 0 || is_mixed) built.capacity = count;
    if (shape.width > 0 && (built.data = sh_alloc((size_t)count * shape.width)) == NULL) return SH_ERR_MEMORY;
    if (is_mixed) {
        const size_t bytes = (count + (size_t)63) / 64 * sizeof(uint64_t);
        if ((built.present = sh_alloc(bytes)) == NULL) {
            sh_free(built.data);
            return SH_ERR_MEMORY;
        }
        memcpy(built.present, present, bytes);
        if (count % 64 != 0) built.present[count / 64] &= (UINT64_C(1) << (count % 64)) - 1;
    }
    for (uint32_t i = 0; shape.width > 0 && i < count; i++)
        put_distance(built.data, shape.width, i, strip_entry_is_present(&built, i) ? distance_of(shape, values[i]) : 0);
    *strip = built;
    return SH_OK;
}

/* ---- Checking ---- */

static bool refuse(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

bool sh_strip_check(const struct sh_strip *strip, const char **reason) {
    const uint8_t width = strip->width;
    if (width != 0 && width != 1 && width != 2 && width != 4 && width != 8)
        return refuse(reason, "strip: width is 0, 1, 2, 4 or 8");
    if (strip->unit == 0) return refuse(reason, "strip: unit is at least 1");
    if (width == 8 && (strip->base != 0 || strip->unit != 1))
        return refuse(reason, "strip: width 8 has base 0 and unit 1");
    if ((strip->data == NULL) != (width == 0))
        return refuse(reason, "strip: data exists if and only if width is not 0");
    if ((strip->data != NULL || strip->present != NULL) && strip->capacity < strip->count)
        return refuse(reason, "strip: capacity holds all entries");
    if (strip->min <= strip->max &&
        !(shape_holds(shape_of(strip), strip->min) && shape_holds(shape_of(strip), strip->max)))
        return refuse(reason, "strip: a bound is outside what its shape holds");
    if (strip->present == NULL && strip->missing_count != 0 && strip->missing_count != strip->count)
        return refuse(reason, "strip: without present bits all entries are missing or none is");
    uint32_t missing = 0;
    for (uint32_t i = 0; i < strip->count; i++) {
        int64_t value;
        if (!sh_strip_get(strip, i, &value)) {
            missing++;
            continue;
        }
        if (value < strip->min || value > strip->max) return refuse(reason, "strip: a value is outside the bounds");
        if (!shape_holds(shape_of(strip), value))
            return refuse(reason, "strip: a value is outside what its shape holds");
    }
    if (missing != strip->missing_count) return refuse(reason, "strip: missing_count is exact");
    if (strip->present == NULL) return true;
    for (uint32_t i = strip->count; i < (strip->capacity + 63) / 64 * 64; i++)
        if (strip->present[i / 64] >> (i % 64) & 1) return refuse(reason, "strip: no present bit behind count");
    return true;
}

void sh_strip_print(const struct sh_strip *strip, struct sh_buffer *buffer) {
    enum { SHOWN = 10 };
    sh_buffer_print(buffer, "strip: %u entries, %u missing, width %u, base %lld, unit %u", strip->count,
                    strip->missing_count, strip->width, (long long)strip->base, strip->unit);
    if (strip->min <= strip->max)
        sh_buffer_print(buffer, ", within %lld..%lld", (long long)strip->min, (long long)strip->max);
    sh_buffer_print(buffer, ":");
    for (uint32_t i = 0; i < strip->count && i < SHOWN; i++) {
        int64_t value;
        if (sh_strip_get(strip, i, &value))
            sh_buffer_print(buffer, " %lld", (long long)value);
        else
            sh_buffer_print(buffer, " -");
    }
    sh_buffer_print(buffer, strip->count > SHOWN ? " ...\n" : "\n");
}
