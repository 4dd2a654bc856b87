/* strip_scan.c -- what a strip answers: ranges, sets and presence, as bits. */
#include "strip_private.h"

#include <string.h>

#include "column_kernels.h"

/* Below one candidate in this many entries, candidates are tested one by one: a scan would read that many entries for
 * each. Above it the scan wins, as it passes over words without candidates (bench/micro/column_bench.c). */
enum { ENTRIES_PER_LONE_CANDIDATE = 128 };
/* `in (...)` of so few runs of neighbouring values is as many range tests; more values are looked up in a table. */
enum { SET_RUN_COUNT_MAX = 6, SET_CHUNK_ENTRIES = 4096 };

static size_t words_for(uint32_t count) {
    return (count + (size_t)63) / 64;
}

static uint32_t width_log(uint8_t width) {
    return width == 1 ? 0 : width == 2 ? 1 : width == 4 ? 2 : 3;
}

static const void *entries_from(const struct sh_strip *strip, uint32_t first) {
    return (const uint8_t *)strip->data + (size_t)first * strip->width;
}

/* How many of the entries first .. first + count - 1 the strip has. */
static uint32_t entries_there(const struct sh_strip *strip, uint32_t first, uint32_t count) {
    if (first >= strip->count) return 0;
    return count < strip->count - first ? count : strip->count - first;
}

/* Clear the bits from `there` on in words for count entries. */
static void clear_behind(uint64_t *words, uint32_t there, uint32_t count) {
    const size_t first_word = words_for(there);
    if (there % 64 != 0) words[there / 64] &= (UINT64_C(1) << (there % 64)) - 1;
    memset(words + first_word, 0, (words_for(count) - first_word) * sizeof(uint64_t));
}

/* 64 present bits from entry `first` on; bits behind the strip's count are 0. */
static uint64_t present_word(const struct sh_strip *strip, uint32_t first) {
    const uint32_t word = first / 64;
    const uint32_t shift = first % 64;
    const uint32_t last_word = (strip->count - 1) / 64;
    uint64_t bits = strip->present[word] >> shift;
    if (shift != 0 && word < last_word) bits |= strip->present[word + 1] << (64 - shift);
    return bits;
}

void sh_strip_and_present(const struct sh_strip *strip, uint32_t first, uint32_t count, uint64_t *words) {
    const uint32_t there = entries_there(strip, first, count);
    clear_behind(words, there, count);
    if (strip->missing_count == 0 || there == 0) return;
    if (strip->present == NULL) {
        memset(words, 0, words_for(there) * sizeof(uint64_t));
    } else if (first % 64 == 0) {
        const uint64_t *present = strip->present + first / 64;
        for (size_t word = 0; word < words_for(there); word++)
            words[word] &= present[word];
    } else {
        for (size_t word = 0; word < words_for(there); word++)
            words[word] &= present_word(strip, first + (uint32_t)word * 64);
    }
}

void sh_strip_present(const struct sh_strip *strip, uint32_t first, uint32_t count, uint64_t *words) {
    memset(words, 0xFF, words_for(count) * sizeof(uint64_t));
    sh_strip_and_present(strip, first, count, words);
}

enum sh_verdict sh_strip_range_distances(const struct sh_strip *strip, int64_t low, int64_t high,
                                         uint64_t *low_distance, uint64_t *span) {
    if (strip->count == strip->missing_count || high < strip->min || low > strip->max || low > high)
        return SH_VERDICT_NONE;
    if (low <= strip->min && strip->max <= high) return SH_VERDICT_ALL;
    /* Within the bounds, so that no distance overflows. */
    if (low < strip->min) low = strip->min;
    if (high > strip->max) high = strip->max;
    uint64_t from = (uint64_t)low - (uint64_t)strip->base;
    uint64_t to = (uint64_t)high - (uint64_t)strip->base;
    if (strip->unit != 1) {
        from = from / strip->unit + (from % strip->unit != 0);
        to /= strip->unit;
        if (from > to) return SH_VERDICT_NONE; /* between two units */
    }
    *low_distance = from;
    *span = to - from;
    return SH_VERDICT_SOME;
}

enum sh_verdict sh_strip_verdict(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low,
                                 int64_t high) {
    uint64_t distance;
    uint64_t span;
    if (count == 0 || first >= strip->count) return SH_VERDICT_NONE;
    const enum sh_verdict verdict = sh_strip_range_distances(strip, low, high, &distance, &span);
    if (verdict != SH_VERDICT_ALL) return verdict;
    return strip->missing_count == 0 && count <= strip->count - first ? SH_VERDICT_ALL : SH_VERDICT_SOME;
}

void sh_strip_range(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low, int64_t high,
                    uint64_t *words) {
    uint64_t distance;
    uint64_t span;
    switch (sh_strip_range_distances(strip, low, high, &distance, &span)) {
    case SH_VERDICT_NONE:
        memset(words, 0, words_for(count) * sizeof(uint64_t));
        return;
    case SH_VERDICT_ALL:
        memset(words, 0xFF, words_for(count) * sizeof(uint64_t));
        break;
    case SH_VERDICT_SOME:
        sh_compare->range[width_log(strip->width)](entries_from(strip, first), entries_there(strip, first, count),
                                                   distance, span, SH_RANGE_STORE, words);
        break;
    }
    sh_strip_and_present(strip, first, count, words);
}

/* Keep the candidates that match, testing each. */
static void test_each(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low, int64_t high,
                      uint64_t *words) {
    for (size_t word = 0; word < words_for(count); word++) {
        uint64_t kept = 0;
        for (uint64_t rest = words[word]; rest != 0; rest &= rest - 1) {
            const uint32_t bit = (uint32_t)__builtin_ctzll(rest);
            int64_t value;
            const bool matches =
                sh_strip_get(strip, first + (uint32_t)word * 64 + bit, &value) && low <= value && value <= high;
            kept |= (uint64_t)matches << bit;
        }
        words[word] = kept;
    }
}

void sh_strip_range_among(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t low, int64_t high,
                          uint32_t candidate_count, uint64_t *words) {
    uint64_t distance;
    uint64_t span;
    const uint32_t there = entries_there(strip, first, count);
    switch (sh_strip_range_distances(strip, low, high, &distance, &span)) {
    case SH_VERDICT_NONE:
        memset(words, 0, words_for(count) * sizeof(uint64_t));
        return;
    case SH_VERDICT_ALL:
        break;
    case SH_VERDICT_SOME:
        clear_behind(words, there, count);
        if (candidate_count < count / ENTRIES_PER_LONE_CANDIDATE) {
            test_each(strip, first, there, low, high, words);
            return;
        }
        sh_compare->range[width_log(strip->width)](entries_from(strip, first), there, distance, span, SH_RANGE_AND,
                                                   words);
        break;
    }
    sh_strip_and_present(strip, first, count, words);
}

/* ---- Sets ---- */

static bool is_among(const int64_t *values, uint32_t value_count, int64_t value) {
    uint32_t low = 0;
    uint32_t high = value_count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (values[middle] < value)
            low = middle + 1;
        else
            high = middle;
    }
    return low < value_count && values[low] == value;
}

struct run {
    uint64_t low;
    uint64_t span;
};

/* The distance that means this value; false if no entry can hold it. The value is within the bounds. */
static bool distance_of_value(const struct sh_strip *strip, int64_t value, uint64_t *distance) {
    *distance = (uint64_t)value - (uint64_t)strip->base;
    if (strip->unit == 1) return true;
    if (*distance % strip->unit != 0) return false;
    *distance /= strip->unit;
    return true;
}

/* Runs of neighbouring distances; more than SET_RUN_COUNT_MAX if there are more, of which the rest is not in runs. */
static uint32_t find_runs(const struct sh_strip *strip, const int64_t *values, uint32_t value_count,
                          struct run runs[SET_RUN_COUNT_MAX]) {
    uint32_t run_count = 0;
    for (uint32_t i = 0; i < value_count; i++) {
        uint64_t distance;
        if (!distance_of_value(strip, values[i], &distance)) continue;
        struct run *last = run_count == 0 ? NULL : &runs[run_count - 1];
        if (last != NULL && distance == last->low + last->span + 1) {
            last->span++;
            continue;
        }
        if (run_count == SET_RUN_COUNT_MAX) return SET_RUN_COUNT_MAX + 1;
        runs[run_count++] = (struct run){.low = distance, .span = 0};
    }
    return run_count;
}

/* Run by run over pieces that stay in the L1 cache. */
static void match_runs(const struct sh_strip *strip, uint32_t first, uint32_t there, const struct run *runs,
                       uint32_t run_count, uint64_t *words) {
    for (uint32_t done = 0; done < there; done += SET_CHUNK_ENTRIES) {
        const uint32_t left = there - done;
        const uint32_t count = left < SET_CHUNK_ENTRIES ? left : SET_CHUNK_ENTRIES;
        for (uint32_t run = 0; run < run_count; run++)
            sh_compare->range[width_log(strip->width)](entries_from(strip, first + done), count, runs[run].low,
                                                       runs[run].span, run == 0 ? SH_RANGE_STORE : SH_RANGE_OR,
                                                       words + done / 64);
    }
}

/* Widths 1 and 2: one bit for each distance that there can be. */
static void match_table(const struct sh_strip *strip, uint32_t first, uint32_t there, const int64_t *values,
                        uint32_t value_count, uint64_t *words) {
    uint64_t table[65536 / 64];
    memset(table, 0, strip->width == 1 ? 256 / 8 : sizeof table);
    for (uint32_t i = 0; i < value_count; i++) {
        uint64_t distance;
        if (distance_of_value(strip, values[i], &distance)) table[distance / 64] |= UINT64_C(1) << (distance % 64);
    }
    if (strip->width == 1)
        sh_compare->lookup_u8(entries_from(strip, first), there, table, words);
    else
        sh_compare->lookup_u16(entries_from(strip, first), there, table, words);
}

void sh_strip_in_set(const struct sh_strip *strip, uint32_t first, uint32_t count, const int64_t *values,
                     uint32_t value_count, uint64_t *words) {
    /* Only the values within the bounds can be there. */
    while (value_count > 0 && values[0] < strip->min) {
        values++;
        value_count--;
    }
    while (value_count > 0 && values[value_count - 1] > strip->max)
        value_count--;
    const uint32_t there = entries_there(strip, first, count);
    if (value_count == 0 || there == 0) {
        memset(words, 0, words_for(count) * sizeof(uint64_t));
        return;
    }
    if (strip->width == 0) {
        const bool matches = is_among(values, value_count, strip->base);
        memset(words, matches ? 0xFF : 0, words_for(count) * sizeof(uint64_t));
        sh_strip_and_present(strip, first, count, words);
        return;
    }
    struct run runs[SET_RUN_COUNT_MAX];
    const uint32_t run_count = find_runs(strip, values, value_count, runs);
    if (run_count == 0) {
        memset(words, 0, words_for(count) * sizeof(uint64_t));
        return;
    }
    if (run_count <= SET_RUN_COUNT_MAX) {
        match_runs(strip, first, there, runs, run_count, words);
    } else if (strip->width <= 2) {
        match_table(strip, first, there, values, value_count, words);
    } else {
        sh_strip_range(strip, first, count, values[0], values[value_count - 1], words);
        for (size_t word = 0; word < words_for(there); word++) {
            for (uint64_t rest = words[word]; rest != 0; rest &= rest - 1) {
                const uint32_t bit = (uint32_t)__builtin_ctzll(rest);
                int64_t value = 0;
                (void)sh_strip_get(strip, first + (uint32_t)word * 64 + bit, &value); /* in range, so present */
                if (!is_among(values, value_count, value)) words[word] &= ~(UINT64_C(1) << bit);
            }
        }
        return;
    }
    sh_strip_and_present(strip, first, count, words);
}

/* ---- Values ---- */

#define READ(type)                                                                                                     \
    do {                                                                                                               \
        const type *entries = entries_from(strip, first);                                                              \
        for (uint32_t i = 0; i < there; i++)                                                                           \
            values[i] = (int64_t)(base + entries[i] * unit);                                                           \
    } while (0)

void sh_strip_read(const struct sh_strip *strip, uint32_t first, uint32_t count, int64_t *values) {
    const uint64_t base = (uint64_t)strip->base;
    const uint64_t unit = strip->unit;
    const uint32_t there = entries_there(strip, first, count);
    memset(values + there, 0, (size_t)(count - there) * sizeof *values);
    if (there == 0) return;
    switch (strip->width) {
    case 0:
        for (uint32_t i = 0; i < there; i++)
            values[i] = strip->missing_count == strip->count ? 0 : strip->base;
        break;
    case 1:
        READ(uint8_t);
        break;
    case 2:
        READ(uint16_t);
        break;
    case 4:
        READ(uint32_t);
        break;
    default:
        READ(uint64_t);
        break;
    }
    if (strip->missing_count == 0) return;
    for (uint32_t i = 0; i < there; i++)
        if (!strip_entry_is_present(strip, first + i)) values[i] = 0;
}
