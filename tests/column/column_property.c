/* column_property.c -- random changes to a column and to a plain array, with range questions often enough that bit
 * slices come and go. Run: column_property SEED COUNT, with COUNT steps. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "column.h"
#include "column_kernels.h"
#include "memory.h"
#include "split_random.h"

enum { BLOCKS = 4, SLOTS = BLOCKS * SH_BLOCK_SLOTS, STEPS_PER_COLUMN = 60 };

static struct split_random rng;
static uint64_t seed, step_count, step;
static const char *doing = "nothing yet";
static struct sh_column column;
static int64_t values[SLOTS];
static bool present[SLOTS];
static uint64_t built_count; /* blocks seen with slices */

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: SHOAL_ISA=%s ./column_property %llu %llu\n", sh_compare->name, (unsigned long long)seed,
           (unsigned long long)step_count);
    printf("step %llu (%s): %s\n", (unsigned long long)step, doing, what);
    exit(1);
}

static int64_t value_scale;
static int64_t random_value(void) {
    return (int64_t)split_below(&rng, (uint64_t)value_scale) - value_scale / 8;
}

static void set_one(uint32_t slot, int64_t value) {
    if (split_one_in(&rng, 100)) {
        sh_memory_fail_after(split_below(&rng, 3));
        const enum sh_status status = sh_column_set(&column, slot, value);
        sh_memory_fail_after(UINT64_MAX);
        if (status != SH_OK) {
            int64_t kept = 0;
            must(sh_column_get(&column, slot, &kept) == present[slot] && (!present[slot] || kept == values[slot]),
                 "a failed set changed something");
        }
    }
    if (split_one_in(&rng, 100)) {
        must(sh_column_prepare_set(&column, slot, value) == SH_OK, "prepare_set");
        sh_memory_fail_after(0);
    }
    must(sh_column_set(&column, slot, value) == SH_OK, "set");
    sh_memory_fail_after(UINT64_MAX);
    present[slot] = true;
    values[slot] = value;
}

static void clear_one(uint32_t slot) {
    if (split_one_in(&rng, 10)) {
        must(sh_column_prepare_clear(&column, slot) == SH_OK, "prepare_clear");
        sh_memory_fail_after(0);
    }
    must(sh_column_clear(&column, slot) == SH_OK, "clear");
    sh_memory_fail_after(UINT64_MAX);
    present[slot] = false;
}

static void change(void) {
    const uint32_t first = (uint32_t)split_below(&rng, SLOTS);
    const uint32_t count = (uint32_t)split_length(&rng, SH_BLOCK_SLOTS);
    switch (split_below(&rng, 5)) {
    case 0:
        doing = "fill a range";
        for (uint32_t i = 0; i < count && first + i < SLOTS; i++)
            set_one(first + i, random_value());
        break;
    case 1:
        doing = "set some";
        for (uint32_t i = 0; i < count / 16; i++)
            set_one((uint32_t)split_below(&rng, SLOTS), random_value());
        break;
    case 2:
        doing = "clear some";
        for (uint32_t i = 0; i < count / 16; i++)
            clear_one((uint32_t)split_below(&rng, SLOTS));
        break;
    case 3:
        doing = "change the budget";
        column.slice_bytes_max = split_one_in(&rng, 3) ? split_length(&rng, 1 << 20) : 64 << 20;
        if (column.slice_bytes > column.slice_bytes_max) sh_column_drop_slices(&column);
        break;
    default:
        doing = "only ask";
        break;
    }
}

static uint64_t words[SH_BLOCK_WORDS] __attribute__((aligned(64)));
static uint64_t expected[SH_BLOCK_WORDS];

static void compare_words(const char *what) {
    must(memcmp(words, expected, sizeof words) == 0, what);
}

static void ask_range(uint32_t block) {
    int64_t low = random_value();
    int64_t high = split_one_in(&rng, 3) ? low + (int64_t)split_below(&rng, 3) : random_value();
    if (split_one_in(&rng, 6)) low = INT64_MIN;
    if (split_one_in(&rng, 6)) high = INT64_MAX;
    if (low > high) {
        const int64_t swapped = low;
        low = high;
        high = swapped;
    }
    uint32_t matches = 0;
    memset(expected, 0, sizeof expected);
    for (uint32_t i = 0; i < SH_BLOCK_SLOTS; i++) {
        const uint32_t slot = block * SH_BLOCK_SLOTS + i;
        const bool matched = slot < SLOTS && present[slot] && low <= values[slot] && values[slot] <= high;
        expected[i / 64] |= (uint64_t)matched << (i % 64);
        matches += matched;
    }
    switch (sh_column_verdict(&column, block, low, high)) {
    case SH_VERDICT_NONE:
        must(matches == 0, "the verdict is none");
        break;
    case SH_VERDICT_ALL:
        must(matches == SH_BLOCK_SLOTS, "the verdict is all");
        break;
    case SH_VERDICT_SOME:
        break;
    }
    if (split_one_in(&rng, 2)) {
        sh_column_range(&column, block, low, high, words);
        compare_words("range differs");
        return;
    }
    uint32_t candidates = 0;
    const uint32_t sparse = (uint32_t)split_below(&rng, 10);
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++) {
        words[i] = split_next(&rng);
        for (uint32_t k = 0; k < sparse; k++)
            words[i] &= split_next(&rng);
        expected[i] &= words[i];
        candidates += (uint32_t)__builtin_popcountll(words[i]);
    }
    sh_column_range_among(&column, block, low, high, candidates, words);
    compare_words("range among candidates differs");
}

static void ask(void) {
    const char *reason = NULL;
    must(sh_column_check(&column, &reason), reason);
    must(column.slice_bytes <= column.slice_bytes_max, "slices are over their budget");
    built_count += column.slice_bytes > 0;
    const uint64_t questions = split_below(&rng, 12);
    for (uint64_t i = 0; i < questions; i++)
        ask_range((uint32_t)split_below(&rng, BLOCKS + 1));
    uint64_t present_count = 0;
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        present_count += present[slot];
    must(present_count == column.present_count, "present_count differs");
    for (uint32_t i = 0; i < 1000; i++) {
        const uint32_t slot = (uint32_t)split_below(&rng, SLOTS);
        int64_t value = 0;
        must(sh_column_get(&column, slot, &value) == present[slot], "get is wrong about missing");
        must(!present[slot] || value == values[slot], "get has another value");
    }
}

static void save_column(const void *thing, struct sh_archive_writer *writer) {
    sh_column_save(thing, writer);
}
static enum sh_status load_column(void *thing, struct sh_archive_reader *reader) {
    sh_column_init(thing);
    return sh_column_load(thing, BLOCKS, reader);
}
static bool check_column(const void *thing, const char **reason) {
    return sh_column_check(thing, reason);
}
static void deinit_column(void *thing) {
    sh_column_deinit(thing);
}

/* The changes go on with the column that was loaded. */
static void save_and_load(void) {
    struct sh_column back;
    struct sh_buffer first, second;
    const struct archive_rig rig = {save_column, load_column, check_column, deinit_column, &back};
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(&rig, &column, &first, &second);
    must(fault == NULL, fault);
    must(back.present_count == column.present_count && back.unit == column.unit && back.slice_bytes == 0,
         "a loaded column is another");
    sh_column_deinit(&column);
    column = back;
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    step_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 600;
    rng.state = seed;
    sh_column_init(&column);
    value_scale = 1000;
    for (step = 0; step < step_count; step++) {
        if (step % STEPS_PER_COLUMN == 0) {
            sh_column_deinit(&column);
            if (split_one_in(&rng, 4)) sh_column_init_unit(&column, 10);
            memset(present, 0, sizeof present);
            value_scale = INT64_C(1) << (4 + split_below(&rng, 44));
        }
        change();
        if (split_one_in(&rng, 16)) {
            doing = "save and load";
            save_and_load();
        }
        ask();
    }
    sh_column_deinit(&column);
    must(sh_memory_bytes() == 0, "memory is left");
    printf("%llu steps agree (%s), slices in %llu\n", (unsigned long long)step_count, sh_compare->name,
           (unsigned long long)built_count);
    return 0;
}
