/* affinity_kernels_add.h -- the one text of affinity_kernels.h's operation, for registers of LANES words.
 *
 * A file sets LANES (4 or 8) and includes this once. Lists of the highest capacity, as most are, are gone through by whole
 * registers; shorter ones, whose capacities are multiples of four, by fours. All that is here is static.
 */
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "affinity_kernels.h"

/* Above every finite strength. */
#define STRENGTH_TOUCHED INT32_MAX
#define PLACE_NONE       UINT32_MAX
#define REGISTERS        (AFFINITY_COUNT_MAX / LANES)
#define UNROLL           _Pragma("GCC unroll 8")
#define EVERYWHERE       static inline __attribute__((always_inline))

typedef uint32_t words __attribute__((vector_size(LANES * 4)));
typedef int32_t numbers __attribute__((vector_size(LANES * 4)));
typedef float floats __attribute__((vector_size(LANES * 4)));

EVERYWHERE words load(const void *from) {
    words loaded;
    memcpy(&loaded, from, sizeof loaded);
    return loaded;
}

EVERYWHERE bool has_bits(words four) {
    typedef uint64_t long_words __attribute__((vector_size(LANES * 4)));
    const long_words two = (long_words)four;
    uint64_t any = 0;
    for (uint32_t i = 0; i < LANES / 2; i++)
        any |= two[i];
    return any != 0;
}

/* ---- Lists of the highest capacity ---- */

/* All ones in touched where the tag stands, if it does. */
EVERYWHERE bool find(const uint32_t *tags, uint32_t tag, words touched[REGISTERS]) {
    const words wanted = (words){0} + tag;
    words any = {0};
    UNROLL
    for (uint32_t i = 0; i < REGISTERS; i++) {
        const words equal = (words)(load(tags + (size_t)LANES * i) == wanted);
        touched[i] |= equal;
        any |= equal;
    }
    return has_bits(any);
}

EVERYWHERE void add_touched(float *values, float add, const words touched[REGISTERS]) {
    const words adds = (words)((floats){0} + add);
    UNROLL
    for (uint32_t i = 0; i < REGISTERS; i++) {
        const floats sum = (floats)load(values + (size_t)LANES * i) + (floats)(adds & touched[i]);
        memcpy(values + (size_t)LANES * i, &sum, sizeof sum);
    }
}

/* How strong entries are over the long half-life, as whole numbers to compare: the bits of the float without its sign,
 * the last five of which give way to the entry's place. What this event touched is above them all. */
EVERYWHERE void take_strengths(const float *long_lived, const words touched[REGISTERS], numbers strengths[REGISTERS]) {
    words places;
    for (uint32_t k = 0; k < LANES; k++)
        places[k] = k;
    UNROLL
    for (uint32_t i = 0; i < REGISTERS; i++) {
        const words strength = (load(long_lived + (size_t)LANES * i) & 0x7FFFFFE0u) | places;
        strengths[i] = (numbers)((strength & ~touched[i]) | (touched[i] & (uint32_t)STRENGTH_TOUCHED));
        places += LANES;
    }
}

/* The weakest entry that this event did not touch, or PLACE_NONE. */
EVERYWHERE uint32_t weakest(const numbers strengths[REGISTERS]) {
    numbers least = strengths[0];
    UNROLL
    for (uint32_t i = 1; i < REGISTERS; i++) {
        const numbers weaker = strengths[i] < least; /* all ones where it is */
        least = (strengths[i] & weaker) | (least & ~weaker);
    }
    int32_t lowest = least[0];
    for (uint32_t k = 1; k < LANES; k++)
        lowest = least[k] < lowest ? least[k] : lowest;
    return lowest == STRENGTH_TOUCHED ? PLACE_NONE : (uint32_t)lowest & (AFFINITY_COUNT_MAX - 1);
}

EVERYWHERE void touch(numbers strengths[REGISTERS], uint32_t place) {
    strengths[place / LANES][place % LANES] = STRENGTH_TOUCHED;
}

EVERYWHERE void put(struct affinity_list *list, uint32_t place, uint32_t tag, const struct affinity_event *event) {
    list->tags[place] = tag;
    list->short_lived[place] = event->short_add;
    list->long_lived[place] = event->long_add;
}

/* Known tags first, so that none of them gives way to a new one. */
static void add_to_full(struct affinity_list *list, const struct affinity_event *event, uint32_t *unknown) {
    words touched[REGISTERS] = {{0}};
    uint32_t unknown_count = 0;
    for (uint32_t t = 0; t < event->tag_count; t++) {
        unknown[unknown_count] = event->tags[t];
        unknown_count += !find(list->tags, event->tags[t], touched);
    }
    add_touched(list->short_lived, event->short_add, touched);
    add_touched(list->long_lived, event->long_add, touched);
    const uint32_t before = list->count;
    uint32_t t = 0;
    for (; t < unknown_count && list->count < AFFINITY_COUNT_MAX; t++)
        put(list, list->count++, unknown[t], event);
    if (t == unknown_count) return;
    numbers strengths[REGISTERS];
    take_strengths(list->long_lived, touched, strengths);
    for (uint32_t place = before; place < AFFINITY_COUNT_MAX; place++)
        touch(strengths, place); /* came just now */
    for (; t < unknown_count; t++) {
        const uint32_t place = weakest(strengths);
        if (place == PLACE_NONE) return; /* an item with more tags than a user can have */
        touch(strengths, place);
        put(list, place, unknown[t], event);
    }
}

/* ---- Shorter ones, which have room for all that comes ---- */

static uint32_t place_of(const struct affinity_list *list, uint32_t tag) {
    typedef uint32_t four_words __attribute__((vector_size(16)));
    four_words places = {1, 2, 3, 4};
    four_words found = {0};
    for (uint32_t i = 0; i < list->capacity; i += AFFINITY_STEP) {
        four_words four;
        memcpy(&four, list->tags + i, sizeof four);
        found |= (four_words)(four == tag) & places;
        places += AFFINITY_STEP;
    }
    return (found[0] | found[1] | found[2] | found[3]) - 1; /* PLACE_NONE is -1 */
}

static void add_to_short(struct affinity_list *list, const struct affinity_event *event, uint32_t *unknown) {
    uint32_t unknown_count = 0;
    for (uint32_t t = 0; t < event->tag_count; t++) {
        const uint32_t place = place_of(list, event->tags[t]);
        if (place == PLACE_NONE) {
            unknown[unknown_count++] = event->tags[t];
            continue;
        }
        list->short_lived[place] += event->short_add;
        list->long_lived[place] += event->long_add;
    }
    for (uint32_t t = 0; t < unknown_count; t++)
        put(list, list->count++, unknown[t], event);
}

static void add(struct affinity_list *list, const struct affinity_event *event, uint32_t *unknown) {
    if (list->capacity == AFFINITY_COUNT_MAX)
        add_to_full(list, event, unknown);
    else
        add_to_short(list, event, unknown);
}
