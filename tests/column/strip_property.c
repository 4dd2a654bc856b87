/* strip_property.c -- random changes to a strip and to a plain array; after each step the answers are compared.
 * Run: strip_property SEED COUNT, with COUNT strips of about a hundred steps each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive_rig.h"
#include "column_kernels.h"
#include "memory.h"
#include "split_random.h"
#include "strip.h"

enum { ENTRIES_MAX = 70000, WORDS_MAX = (ENTRIES_MAX + 200) / 64 + 2 };

static struct split_random rng;
static uint64_t seed, strip_count, current_strip, step;
static const char *doing = "nothing yet";

/* The twin. */
static int64_t values[ENTRIES_MAX];
static bool present[ENTRIES_MAX];
static uint32_t count;
static struct sh_strip strip;

static void must(bool holds, const char *what) {
    if (holds) return;
    printf("reproduce: SHOAL_ISA=%s ./strip_property %llu %llu\n", sh_compare->name, (unsigned long long)seed,
           (unsigned long long)strip_count);
    printf("strip %llu step %llu (%s): %s\n", (unsigned long long)current_strip, (unsigned long long)step, doing, what);
    exit(1);
}

/* ---- Values of a kind, so that strips stay narrow, widen, have units ... ---- */

enum kind {
    KIND_TINY,
    KIND_BYTE,
    KIND_RISING,
    KIND_FALLING,
    KIND_SWINGING,
    KIND_POINTS,
    KIND_DAYS,
    KIND_SECONDS,
    KIND_LOWEST,
    KIND_HIGHEST,
    KIND_ANY,
    KIND_COUNT
};
static enum kind kind;
static int64_t rise;
static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1,        0,         1,         255,          256,
                                65535,     65536,         INT32_MAX, INT32_MIN, INT64_MAX, INT64_MAX - 1};

static int64_t random_value(void) {
    rise += (int64_t)split_below(&rng, 5);
    switch (kind) {
    case KIND_TINY:
        return 7;
    case KIND_BYTE:
        return 13 + (int64_t)split_below(&rng, 78);
    case KIND_RISING:
        return 1000000 + rise * 3;
    case KIND_FALLING:
        return 5000 - rise;
    case KIND_SWINGING:
        return split_one_in(&rng, 2) ? rise : -rise;
    case KIND_POINTS:
        return (int64_t)split_length(&rng, 100001);
    case KIND_DAYS:
        return ((int64_t)split_below(&rng, 30000) - 10000) * 86400000;
    case KIND_SECONDS:
        return 1700000000000 + (int64_t)split_below(&rng, 100000000) * 1000;
    case KIND_LOWEST:
        return INT64_MIN + 300 - (rise < 300 ? rise : (int64_t)split_below(&rng, 300));
    case KIND_HIGHEST:
        return INT64_MAX - 300 + (rise < 300 ? rise : (int64_t)split_below(&rng, 300));
    default:
        return split_one_in(&rng, 3) ? edges[split_below(&rng, sizeof edges / sizeof *edges)]
                                     : (int64_t)(split_next(&rng) >> split_below(&rng, 64));
    }
}

/* A value that a query would name: near what is there, or anything. */
static int64_t asked_value(void) {
    if (count == 0 || split_one_in(&rng, 5)) return edges[split_below(&rng, sizeof edges / sizeof *edges)];
    const int64_t value = values[split_below(&rng, count)];
    const int64_t nudge = (int64_t)split_below(&rng, 5) - 2;
    return (int64_t)((uint64_t)value + (uint64_t)nudge);
}

/* ---- Questions ---- */

static uint64_t words[WORDS_MAX];
static uint64_t expected[WORDS_MAX];

static bool twin_get(uint64_t index, int64_t *value) {
    if (index >= count || !present[index]) return false;
    *value = values[index];
    return true;
}

static void compare_words(uint32_t entries, const char *what) {
    must(memcmp(words, expected, (entries + (size_t)63) / 64 * sizeof *words) == 0, what);
}

static void ask_range(uint32_t first, uint32_t entries) {
    int64_t low = asked_value();
    int64_t high = asked_value();
    if (low > high && !split_one_in(&rng, 8)) {
        const int64_t swapped = low;
        low = high;
        high = swapped;
    }
    uint32_t matches = 0;
    memset(expected, 0, sizeof expected);
    for (uint32_t i = 0; i < entries; i++) {
        int64_t value;
        if (!twin_get((uint64_t)first + i, &value) || value < low || value > high) continue;
        expected[i / 64] |= UINT64_C(1) << (i % 64);
        matches++;
    }
    switch (sh_strip_verdict(&strip, first, entries, low, high)) {
    case SH_VERDICT_NONE:
        must(matches == 0, "the verdict is none, and there are some");
        break;
    case SH_VERDICT_ALL:
        must(matches == entries, "the verdict is all, and some are missing");
        break;
    case SH_VERDICT_SOME:
        break;
    }
    sh_strip_range(&strip, first, entries, low, high, words);
    compare_words(entries, "range differs");

    uint32_t candidates = 0;
    const uint32_t sparse = (uint32_t)split_below(&rng, 10);
    for (uint32_t i = 0; i < (entries + 63) / 64; i++) {
        words[i] = split_next(&rng);
        for (uint32_t k = 0; k < sparse; k++)
            words[i] &= split_next(&rng);
        expected[i] &= words[i];
        candidates += (uint32_t)__builtin_popcountll(words[i]);
    }
    sh_strip_range_among(&strip, first, entries, low, high, split_one_in(&rng, 4) ? UINT32_MAX : candidates, words);
    compare_words(entries, "range among candidates differs");
}

static int compare_values(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void ask_set(uint32_t first, uint32_t entries) {
    int64_t set[300];
    uint32_t set_count = 0;
    const uint64_t wanted = split_length(&rng, 300);
    for (uint64_t i = 0; i < wanted; i++)
        set[set_count++] = asked_value();
    qsort(set, set_count, sizeof *set, compare_values);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < set_count; i++)
        if (i == 0 || set[i] != set[kept - 1]) set[kept++] = set[i];
    memset(expected, 0, sizeof expected);
    for (uint32_t i = 0; i < entries; i++) {
        int64_t value;
        if (twin_get((uint64_t)first + i, &value) && bsearch(&value, set, kept, sizeof *set, compare_values) != NULL)
            expected[i / 64] |= UINT64_C(1) << (i % 64);
    }
    sh_strip_in_set(&strip, first, entries, set, kept, words);
    compare_words(entries, "in_set differs");
}

static void ask_values(uint32_t first, uint32_t entries) {
    static int64_t read[ENTRIES_MAX + 200];
    memset(expected, 0, sizeof expected);
    sh_strip_present(&strip, first, entries, words);
    sh_strip_read(&strip, first, entries, read);
    for (uint32_t i = 0; i < entries; i++) {
        int64_t value = 0;
        int64_t got = 0;
        const bool has = twin_get((uint64_t)first + i, &value);
        must(sh_strip_get(&strip, first + i, &got) == has, "get is wrong about missing");
        must(!has || got == value, "get has another value");
        must(read[i] == value, "read has another value");
        expected[i / 64] |= (uint64_t)has << (i % 64);
    }
    compare_words(entries, "present differs");
}

static void ask(void) {
    const char *reason = NULL;
    must(sh_strip_check(&strip, &reason), reason);
    must(strip.count == count, "count differs");
    uint32_t first = split_one_in(&rng, 2) ? 0 : (uint32_t)split_below(&rng, count + 1);
    if (split_one_in(&rng, 4)) first = first / 64 * 64;
    uint32_t entries = split_one_in(&rng, 3) ? count - first : (uint32_t)split_below(&rng, count - first + 1);
    if (split_one_in(&rng, 4)) entries += (uint32_t)split_below(&rng, 150);
    ask_range(first, entries);
    if (split_one_in(&rng, 2)) ask_set(first, entries);
    if (split_one_in(&rng, 3)) ask_values(first, entries);
}

/* ---- Changes ---- */

static void must_ok(enum sh_status status) {
    must(status == SH_OK, sh_status_name(status));
}

static void twin_set(uint32_t index, bool is_present, int64_t value) {
    while (count <= index)
        present[count++] = false;
    present[index] = is_present;
    if (is_present) values[index] = value;
}

/* Sometimes memory fails; then nothing may have changed, and the step is done again. */
static void set_one(uint32_t index, int64_t value) {
    if (split_one_in(&rng, 50)) {
        sh_memory_fail_after(split_below(&rng, 2));
        const enum sh_status status = sh_strip_set(&strip, index, value);
        sh_memory_fail_after(UINT64_MAX);
        must(status == SH_OK || status == SH_ERR_MEMORY, "set has another status");
        if (status == SH_ERR_MEMORY) {
            doing = "a set without memory";
            ask();
        }
    }
    if (split_one_in(&rng, 20)) {
        must_ok(sh_strip_prepare_set(&strip, index, value, value));
        sh_memory_fail_after(0);
        must(sh_strip_set(&strip, index, value) == SH_OK, "a prepared set fails");
        sh_memory_fail_after(UINT64_MAX);
    }
    must_ok(sh_strip_set(&strip, index, value));
    twin_set(index, true, value);
}

static void append_some(void) {
    const uint64_t wanted = split_length(&rng, split_one_in(&rng, 10) ? 20000 : 500);
    for (uint64_t i = 0; i < wanted && count + 1 < ENTRIES_MAX; i++) {
        if (split_one_in(&rng, 60)) {
            const uint32_t missing = (uint32_t)split_below(&rng, 3);
            if (count + missing + 1 >= ENTRIES_MAX) break;
            must_ok(sh_strip_append_missing(&strip, missing));
            for (uint32_t k = 0; k < missing; k++)
                twin_set(count, false, 0);
            continue;
        }
        const int64_t value = random_value();
        must_ok(sh_strip_append(&strip, value));
        twin_set(count, true, value);
    }
}

static void clear_some(void) {
    const uint64_t wanted = split_length(&rng, 300);
    for (uint64_t i = 0; i < wanted && count > 0; i++) {
        const uint32_t index = (uint32_t)split_below(&rng, count + 2);
        must_ok(sh_strip_prepare_clear(&strip, index));
        sh_memory_fail_after(0);
        must(sh_strip_clear(&strip, index) == SH_OK, "a prepared clear fails");
        sh_memory_fail_after(UINT64_MAX);
        if (index < count) present[index] = false;
    }
}

static void set_range_prepared(void) {
    int64_t low = random_value();
    int64_t high = random_value();
    if (low > high) {
        const int64_t swapped = low;
        low = high;
        high = swapped;
    }
    const uint32_t index = (uint32_t)split_below(&rng, count + 1);
    must_ok(sh_strip_prepare_set(&strip, index, low, high));
    const uint64_t range = (uint64_t)high - (uint64_t)low;
    const uint64_t up = range == UINT64_MAX ? split_next(&rng) : split_below(&rng, range + 1);
    const int64_t value = (int64_t)((uint64_t)low + up);
    sh_memory_fail_after(0);
    must(sh_strip_set(&strip, index, value) == SH_OK, "a set prepared for a range fails");
    sh_memory_fail_after(UINT64_MAX);
    twin_set(index, true, value);
}

static void build_again(void) {
    static uint64_t bits[ENTRIES_MAX / 64 + 1];
    memset(bits, 0, sizeof bits);
    bool is_full = true;
    for (uint32_t i = 0; i < count; i++) {
        bits[i / 64] |= (uint64_t)present[i] << (i % 64);
        is_full &= present[i];
    }
    sh_strip_deinit(&strip);
    must_ok(sh_strip_build(&strip, values, is_full && split_one_in(&rng, 2) ? NULL : bits, count));
}

static void save_strip(const void *thing, struct sh_archive_writer *writer) {
    sh_strip_save(thing, writer);
}
static enum sh_status load_strip(void *thing, struct sh_archive_reader *reader) {
    sh_strip_init(thing);
    return sh_strip_load(thing, ENTRIES_MAX, reader);
}
static bool check_strip(const void *thing, const char **reason) {
    return sh_strip_check(thing, reason);
}
static void deinit_strip(void *thing) {
    sh_strip_deinit(thing);
}

/* The changes go on with the strip that was loaded. */
static void save_and_load(void) {
    struct sh_strip back;
    struct sh_buffer first, second;
    const struct archive_rig rig = {save_strip, load_strip, check_strip, deinit_strip, &back};
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(&rig, &strip, &first, &second);
    must(fault == NULL, fault);
    must(back.width == strip.width && back.base == strip.base && back.unit == strip.unit && back.min == strip.min &&
             back.max == strip.max && (back.present == NULL) == (strip.present == NULL),
         "a loaded strip has another shape");
    sh_strip_deinit(&strip);
    strip = back;
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

static void change(void) {
    switch (split_below(&rng, 10)) {
    case 0:
    case 1:
    case 2:
        doing = "append";
        append_some();
        break;
    case 3:
        doing = "set";
        for (uint64_t i = split_length(&rng, 300); i > 0; i--) {
            uint32_t index = (uint32_t)split_below(&rng, count + 1);
            if (split_one_in(&rng, 30)) index += (uint32_t)split_below(&rng, 100);
            if (index + 1 < ENTRIES_MAX) set_one(index, random_value());
        }
        break;
    case 4:
        doing = "clear";
        clear_some();
        break;
    case 5:
        doing = "truncate";
        if (!split_one_in(&rng, 3)) break;
        count = (uint32_t)split_below(&rng, count + 1);
        sh_strip_truncate(&strip, count);
        break;
    case 6:
        doing = "rebuild";
        must_ok(sh_strip_rebuild(&strip));
        break;
    case 7:
        doing = "build";
        build_again();
        break;
    case 8:
        doing = "save and load";
        save_and_load();
        break;
    default:
        doing = "set a prepared range";
        set_range_prepared();
        break;
    }
    if (split_one_in(&rng, 20)) kind = (enum kind)split_below(&rng, KIND_COUNT);
}

int main(int argc, char **argv) {
    seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
    strip_count = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    rng.state = seed;
    for (current_strip = 0; current_strip < strip_count; current_strip++) {
        static const uint32_t units[] = {1, 1, 1000, 86400000};
        sh_strip_init_unit(&strip, units[split_below(&rng, 4)]);
        count = 0;
        rise = 0;
        kind = (enum kind)split_below(&rng, KIND_COUNT);
        const uint64_t steps = 1 + split_below(&rng, 100);
        for (step = 0; step < steps; step++) {
            change();
            ask();
        }
        sh_strip_deinit(&strip);
    }
    must(sh_memory_bytes() == 0, "memory is left");
    printf("%llu strips agree (%s)\n", (unsigned long long)strip_count, sh_compare->name);
    return 0;
}
