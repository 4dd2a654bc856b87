#include "bitmap_archetypes.h"

enum { HALF = SH_BLOCK_SLOTS / 2, ARRAY_MAX = SH_ARRAY_COUNT_FAST };

const struct archetype archetypes[ARCHETYPE_COUNT] = {
    {"empty", SH_BLOCK_EMPTY, 0, 1, 0, false},
    {"full", SH_BLOCK_FULL, 0, 1, 0, true},
    {"array_first", SH_BLOCK_ARRAY, 1, 1, 0, false},
    {"array_last", SH_BLOCK_ARRAY, 1, 1, SH_BLOCK_SLOTS - 1, false},
    {"array_100", SH_BLOCK_ARRAY, 100, 321, 5, false},
    {"array_max", SH_BLOCK_ARRAY, ARRAY_MAX, 64, 63, false},
    {"bits_above_array", SH_BLOCK_BITS, ARRAY_MAX + 1, 63, 1, false},
    {"bits_even", SH_BLOCK_BITS, HALF, 2, 0, false},
    {"bits_odd", SH_BLOCK_BITS, HALF, 2, 1, false},
    {"bits_below_inverted", SH_BLOCK_BITS, ARRAY_MAX + 1, 61, 7, true},
    {"inverted_max", SH_BLOCK_INVERTED, ARRAY_MAX, 64, 0, true},
    {"inverted_100", SH_BLOCK_INVERTED, 100, 655, 0, true},
    {"inverted_last", SH_BLOCK_INVERTED, 1, 1, SH_BLOCK_SLOTS - 1, true},
    {"run_low", SH_BLOCK_RUNS, 30000, 0, 0, false},
    {"run_high", SH_BLOCK_RUNS, 40000, 0, SH_BLOCK_SLOTS - 40000, false},
    {"run_below_last", SH_BLOCK_RUNS, 40000, 0, SH_BLOCK_SLOTS - 40001, false},
    {"runs_around", SH_BLOCK_RUNS, 5000, 0, 100, true},
};

bool archetype_has(const struct archetype *archetype, uint32_t place) {
    const uint32_t step = archetype->step == 0 ? 1 : archetype->step;
    const bool named = place >= archetype->first && (place - archetype->first) % step == 0 &&
                       (place - archetype->first) / step < archetype->count;
    return named != archetype->inverted;
}

void archetype_put(const struct archetype *archetype, struct sh_bitmap *bitmap, uint32_t block_index) {
    _Alignas(64) uint64_t words[SH_BLOCK_WORDS] = {0};
    uint32_t count = 0;
    for (uint32_t place = 0; place < SH_BLOCK_SLOTS; place++) {
        if (!archetype_has(archetype, place)) continue;
        words[place / 64] |= (uint64_t)1 << (place % 64);
        count++;
    }
    sh_assert(sh_bitmap_put_block(bitmap, block_index, words, count) == SH_OK);
    if (archetype->form != SH_BLOCK_RUNS) return;
    struct sh_run runs[4];
    const struct sh_block_view view = sh_block_of_words(words, count);
    const struct sh_block_view as_runs = {
        .memory = runs, .count = count, .run_count = (uint16_t)sh_block_list_runs(view, runs), .form = SH_BLOCK_RUNS};
    sh_assert(sh_bitmap_put_view(bitmap, block_index, as_runs) == SH_OK);
}
