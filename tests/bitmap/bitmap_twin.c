#include "bitmap_twin.h"

#include <string.h>

void twin_set_range(struct twin *twin, uint64_t first, uint64_t end, bool has) {
    for (uint64_t slot = first; slot < end; slot++)
        twin->has[slot] = has;
}

uint64_t twin_count(const struct twin *twin) {
    uint64_t count = 0;
    for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++)
        count += twin->has[slot];
    return count;
}

const char *twin_difference(const struct twin *twin, const struct sh_bitmap *bitmap) {
    const char *reason = NULL;
    if (!sh_bitmap_check(bitmap, &reason)) return reason;
    if (sh_bitmap_count(bitmap) != twin_count(twin)) return "the counts differ";
    static uint32_t slots[TWIN_SLOTS + 1];
    const size_t n = sh_bitmap_list(bitmap, 0, slots, TWIN_SLOTS + 1);
    if (n != sh_bitmap_count(bitmap)) return "the list has another length than the count";
    size_t i = 0;
    for (uint32_t slot = 0; slot < TWIN_SLOTS; slot++)
        if (twin->has[slot] && slots[i++] != slot) return "the slots differ";
    return NULL;
}

uint64_t random_word(struct random *random) { /* splitmix64 */
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t random_below(struct random *random, uint32_t bound) {
    return (uint32_t)((random_word(random) >> 32) * bound >> 32);
}

uint32_t random_slot(struct random *random) {
    if (random_below(random, 3) != 0) return random_below(random, TWIN_SLOTS);
    const uint32_t edge = random_below(random, 2) == 0 ? SH_BLOCK_SLOTS * random_below(random, TWIN_BLOCKS + 1)
                                                       : 64 * random_below(random, TWIN_SLOTS / 64);
    const uint32_t slot = edge + random_below(random, 5) - 2;
    return slot < TWIN_SLOTS ? slot : 0;
}

uint32_t random_length(struct random *random, uint32_t max) {
    const uint32_t limit = 2u << random_below(random, 18);
    return 1 + random_below(random, limit < max ? limit : max);
}

uint64_t random_dense_word(struct random *random, uint32_t sixteenths) {
    if (sixteenths >= 16) return ~(uint64_t)0;
    uint64_t word = 0;
    /* From the lowest binary digit of the fraction up: a one halves the zeros, a zero halves the ones. */
    for (uint32_t digit = 0; digit < 4; digit++) {
        const uint64_t noise = random_word(random);
        word = (sixteenths >> digit & 1) != 0 ? word | noise : word & noise;
    }
    return word;
}
