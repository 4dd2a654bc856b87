/* bitmap_register.c -- views combined into 8 KiB registers, and pairs of views counted without building anything. */
#include <string.h>

#include "bitmap_block.h"
#include "bitmap_private.h"

enum {
    /* An ARRAY is crossed with a register by testing its entries up to here, and by making it bits first above: 1,024
     * words of bits are zeroed and combined in about the time of 100 tests. */
    TESTED_LIST_COUNT_MAX = 128,
    /* Runs are counted in bits one by one up to here, and by making them bits above: counting a run takes two calls of
     * a kernel, setting it a few stores. */
    COUNTED_RUN_COUNT_MAX = 16,
    /* A list with this many entries a run is searched, a shorter one is walked: a search is about as many steps. */
    SEARCHED_RUN_ENTRIES = 16,
    RANGE_IN_WORD_MASK = 63,
};

static uint32_t register_popcount(const uint64_t *words) {
    return (uint32_t)sh_bits->popcount(words, SH_BLOCK_WORDS);
}

/* ---- Ranges ---- */

/* Bits of the word of `first` from first on; bits of the word of `last` up to last. */
static uint64_t mask_from(uint32_t first) {
    return ~(uint64_t)0 << (first & RANGE_IN_WORD_MASK);
}
static uint64_t mask_to(uint32_t last) {
    return ~(uint64_t)0 >> (RANGE_IN_WORD_MASK - (last & RANGE_IN_WORD_MASK));
}

void sh_block_set_range(uint64_t *words, uint32_t first, uint32_t last) {
    const uint32_t low = first / 64, high = last / 64;
    if (low == high) {
        words[low] |= mask_from(first) & mask_to(last);
        return;
    }
    words[low] |= mask_from(first);
    memset(words + low + 1, 0xff, (high - low - 1) * sizeof *words);
    words[high] |= mask_to(last);
}

void sh_block_clear_range(uint64_t *words, uint32_t first, uint32_t last) {
    const uint32_t low = first / 64, high = last / 64;
    if (low == high) {
        words[low] &= ~(mask_from(first) & mask_to(last));
        return;
    }
    words[low] &= ~mask_from(first);
    memset(words + low + 1, 0, (high - low - 1) * sizeof *words);
    words[high] &= ~mask_to(last);
}

void sh_block_flip_range(uint64_t *words, uint32_t first, uint32_t last) {
    const uint32_t low = first / 64, high = last / 64;
    if (low == high) {
        words[low] ^= mask_from(first) & mask_to(last);
        return;
    }
    words[low] ^= mask_from(first);
    sh_bits->not_into(words + low + 1, high - low - 1);
    words[high] ^= mask_to(last);
}

static uint32_t range_popcount(const uint64_t *words, uint32_t first, uint32_t last) {
    const uint32_t low = first / 64, high = last / 64;
    const uint64_t ends[2] = {words[low] & mask_from(first) & (low == high ? mask_to(last) : ~(uint64_t)0),
                              low == high ? 0 : words[high] & mask_to(last)};
    uint64_t count = sh_bits->popcount(ends, 2);
    if (high > low + 1) count += sh_bits->popcount(words + low + 1, high - low - 1);
    return (uint32_t)count;
}

/* ---- A register and a view ---- */

void sh_block_store(struct sh_block_view view, uint64_t *words) {
    struct sh_run range;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        memset(words, 0, SH_BLOCK_BYTES);
        break;
    case SH_BLOCK_FULL:
        memset(words, 0xff, SH_BLOCK_BYTES);
        break;
    case SH_BLOCK_ARRAY:
        memset(words, 0, SH_BLOCK_BYTES);
        sh_bits->set_list(words, sh_block_list(view), view.count);
        break;
    case SH_BLOCK_INVERTED:
        memset(words, 0xff, SH_BLOCK_BYTES);
        sh_bits->clear_list(words, sh_block_list(view), sh_block_list_count(view));
        break;
    case SH_BLOCK_RUNS:
        memset(words, 0, SH_BLOCK_BYTES);
        for (uint32_t at = 0; sh_block_next_range(view, &at, &range);)
            sh_block_set_range(words, range.first, range.last);
        break;
    case SH_BLOCK_BITS:
        memcpy(words, view.memory, SH_BLOCK_BYTES);
        break;
    }
}

/* words = words AND list; how many are left. */
static uint32_t and_list_into_count(uint64_t *words, const uint16_t *list, uint32_t count) {
    if (count <= TESTED_LIST_COUNT_MAX) {
        uint16_t kept[TESTED_LIST_COUNT_MAX];
        const size_t kept_count = sh_bits->keep_list(words, list, count, kept);
        memset(words, 0, SH_BLOCK_BYTES);
        sh_bits->set_list(words, kept, kept_count);
        return (uint32_t)kept_count;
    }
    _Alignas(64) uint64_t bits[SH_BLOCK_WORDS];
    memset(bits, 0, sizeof bits);
    sh_bits->set_list(bits, list, count);
    return (uint32_t)sh_bits->and_into_count(words, bits, SH_BLOCK_WORDS);
}

/* Clear what lies between the runs. */
static void and_runs_into(uint64_t *words, struct sh_block_view view) {
    uint32_t end = 0; /* of the run before */
    struct sh_run run;
    for (uint32_t at = 0; sh_block_next_range(view, &at, &run);) {
        if (run.first > end) sh_block_clear_range(words, end, run.first - 1u);
        end = run.last + 1u;
    }
    if (end < SH_BLOCK_SLOTS) sh_block_clear_range(words, end, SH_BLOCK_SLOTS - 1);
}

void sh_block_and_into(uint64_t *words, struct sh_block_view view) {
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        memset(words, 0, SH_BLOCK_BYTES);
        break;
    case SH_BLOCK_FULL:
        break;
    case SH_BLOCK_ARRAY:
        (void)and_list_into_count(words, sh_block_list(view), view.count);
        break;
    case SH_BLOCK_INVERTED:
        sh_bits->clear_list(words, sh_block_list(view), sh_block_list_count(view));
        break;
    case SH_BLOCK_RUNS:
        and_runs_into(words, view);
        break;
    case SH_BLOCK_BITS:
        sh_bits->and_into(words, sh_block_words(view), SH_BLOCK_WORDS);
        break;
    }
}

uint32_t sh_block_and_into_count(uint64_t *words, struct sh_block_view view) {
    if (view.form == SH_BLOCK_BITS)
        return (uint32_t)sh_bits->and_into_count(words, sh_block_words(view), SH_BLOCK_WORDS);
    if (view.form == SH_BLOCK_ARRAY) return and_list_into_count(words, sh_block_list(view), view.count);
    sh_block_and_into(words, view);
    return view.form == SH_BLOCK_EMPTY ? 0 : register_popcount(words);
}

/* words = words OR NOT missing: fill, but the zeros among the missing slots stay. */
static void or_inverted_into(uint64_t *words, struct sh_block_view view) {
    const uint16_t *missing = sh_block_list(view);
    const uint32_t count = sh_block_list_count(view);
    if (count <= TESTED_LIST_COUNT_MAX) {
        uint16_t zeros[TESTED_LIST_COUNT_MAX];
        const size_t zero_count = sh_bits->drop_list(words, missing, count, zeros);
        memset(words, 0xff, SH_BLOCK_BYTES);
        sh_bits->clear_list(words, zeros, zero_count);
        return;
    }
    _Alignas(64) uint64_t bits[SH_BLOCK_WORDS];
    sh_block_store(view, bits);
    sh_bits->or_into(words, bits, SH_BLOCK_WORDS);
}

void sh_block_or_into(uint64_t *words, struct sh_block_view view) {
    struct sh_run run;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        break;
    case SH_BLOCK_FULL:
        memset(words, 0xff, SH_BLOCK_BYTES);
        break;
    case SH_BLOCK_ARRAY:
        sh_bits->set_list(words, sh_block_list(view), view.count);
        break;
    case SH_BLOCK_INVERTED:
        or_inverted_into(words, view);
        break;
    case SH_BLOCK_RUNS:
        for (uint32_t at = 0; sh_block_next_range(view, &at, &run);)
            sh_block_set_range(words, run.first, run.last);
        break;
    case SH_BLOCK_BITS:
        sh_bits->or_into(words, sh_block_words(view), SH_BLOCK_WORDS);
        break;
    }
}

uint32_t sh_block_or_into_count(uint64_t *words, struct sh_block_view view) {
    if (view.form == SH_BLOCK_BITS)
        return (uint32_t)sh_bits->or_into_count(words, sh_block_words(view), SH_BLOCK_WORDS);
    sh_block_or_into(words, view);
    return view.form == SH_BLOCK_FULL ? (uint32_t)SH_BLOCK_SLOTS : register_popcount(words);
}

void sh_block_xor_into(uint64_t *words, struct sh_block_view view) {
    struct sh_run run;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        break;
    case SH_BLOCK_FULL:
        sh_bits->not_into(words, SH_BLOCK_WORDS);
        break;
    case SH_BLOCK_ARRAY:
        sh_bits->flip_list(words, sh_block_list(view), view.count);
        break;
    case SH_BLOCK_INVERTED:
        sh_bits->not_into(words, SH_BLOCK_WORDS);
        sh_bits->flip_list(words, sh_block_list(view), sh_block_list_count(view));
        break;
    case SH_BLOCK_RUNS:
        for (uint32_t at = 0; sh_block_next_range(view, &at, &run);)
            sh_block_flip_range(words, run.first, run.last);
        break;
    case SH_BLOCK_BITS:
        sh_bits->xor_into(words, sh_block_words(view), SH_BLOCK_WORDS);
        break;
    }
}

uint32_t sh_block_xor_into_count(uint64_t *words, struct sh_block_view view) {
    if (view.form == SH_BLOCK_BITS)
        return (uint32_t)sh_bits->xor_into_count(words, sh_block_words(view), SH_BLOCK_WORDS);
    sh_block_xor_into(words, view);
    return register_popcount(words);
}

void sh_block_andnot_into(uint64_t *words, struct sh_block_view view) {
    struct sh_run run;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        break;
    case SH_BLOCK_FULL:
        memset(words, 0, SH_BLOCK_BYTES);
        break;
    case SH_BLOCK_ARRAY:
        sh_bits->clear_list(words, sh_block_list(view), view.count);
        break;
    case SH_BLOCK_INVERTED:
        (void)and_list_into_count(words, sh_block_list(view), sh_block_list_count(view));
        break;
    case SH_BLOCK_RUNS:
        for (uint32_t at = 0; sh_block_next_range(view, &at, &run);)
            sh_block_clear_range(words, run.first, run.last);
        break;
    case SH_BLOCK_BITS:
        sh_bits->andnot_into(words, sh_block_words(view), SH_BLOCK_WORDS);
        break;
    }
}

uint32_t sh_block_andnot_into_count(uint64_t *words, struct sh_block_view view) {
    if (view.form == SH_BLOCK_BITS)
        return (uint32_t)sh_bits->andnot_into_count(words, sh_block_words(view), SH_BLOCK_WORDS);
    if (view.form == SH_BLOCK_INVERTED)
        return and_list_into_count(words, sh_block_list(view), sh_block_list_count(view));
    sh_block_andnot_into(words, view);
    return view.form == SH_BLOCK_FULL ? 0 : register_popcount(words);
}

/* ---- Two views ---- */

static uint32_t list_and_runs_count(const uint16_t *list, uint32_t count, struct sh_block_view view) {
    const struct sh_run *runs = sh_block_runs(view);
    uint32_t n = 0;
    if (count / SEARCHED_RUN_ENTRIES > view.run_count) { /* few runs: look up where each begins and ends */
        for (uint32_t i = 0, j = 0; i < count && j < view.run_count; j++) {
            i += list_lower_bound(list + i, count - i, runs[j].first);
            const uint32_t end = i + list_lower_bound(list + i, count - i, runs[j].last + 1u);
            n += end - i;
            i = end;
        }
        return n;
    }
    /* Else walk both, from where the later one begins. With branches: in real sets entries come in clusters, so mostly
     * the same side goes on and the processor runs ahead, where arithmetic would wait for each comparison in turn. */
    uint32_t i = list_lower_bound(list, count, runs[0].first);
    uint32_t j = i < count ? sh_runs_lower_bound(view, list[i]) : 0;
    while (i < count && j < view.run_count) {
        if (list[i] > runs[j].last) {
            j++;
        } else {
            n += list[i] >= runs[j].first;
            i++;
        }
    }
    return n;
}

/* Entries of a strictly ascending list that are in the view. */
static uint32_t list_and_count(const uint16_t *list, uint32_t count, struct sh_block_view view) {
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        return 0;
    case SH_BLOCK_FULL:
        return count;
    case SH_BLOCK_ARRAY:
        return (uint32_t)sh_bits->lists_and_count(list, count, sh_block_list(view), view.count);
    case SH_BLOCK_INVERTED:
        return count - (uint32_t)sh_bits->lists_and_count(list, count, sh_block_list(view), sh_block_list_count(view));
    case SH_BLOCK_RUNS:
        return list_and_runs_count(list, count, view);
    case SH_BLOCK_BITS:
        return (uint32_t)sh_bits->test_list(sh_block_words(view), list, count);
    }
    return 0;
}

/* With branches, as above. */
static uint32_t runs_and_runs_count(struct sh_block_view a, struct sh_block_view b) {
    uint32_t n = 0;
    uint32_t i = sh_runs_lower_bound(a, sh_block_runs(b)[0].first);
    uint32_t j = i < a.run_count ? sh_runs_lower_bound(b, sh_block_runs(a)[i].first) : 0;
    while (i < a.run_count && j < b.run_count) {
        const struct sh_run x = sh_block_runs(a)[i], y = sh_block_runs(b)[j];
        if (x.last < y.first) {
            i++;
        } else if (y.last < x.first) {
            j++;
        } else {
            const uint32_t first = x.first > y.first ? x.first : y.first;
            const uint32_t last = x.last < y.last ? x.last : y.last;
            n += last - first + 1;
            i += x.last == last;
            j += y.last == last;
        }
    }
    return n;
}

static uint32_t runs_and_bits_count(struct sh_block_view view, const uint64_t *words) {
    if (view.run_count > COUNTED_RUN_COUNT_MAX) {
        _Alignas(64) uint64_t bits[SH_BLOCK_WORDS];
        sh_block_store(view, bits);
        return (uint32_t)sh_bits->and_count(words, bits, SH_BLOCK_WORDS);
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < view.run_count; i++)
        n += range_popcount(words, sh_block_runs(view)[i].first, sh_block_runs(view)[i].last);
    return n;
}

uint32_t sh_block_and_count(struct sh_block_view a, struct sh_block_view b) {
    if (a.form > b.form) { /* so that only half of the pairs of forms are left */
        const struct sh_block_view other = a;
        a = b;
        b = other;
    }
    switch ((enum sh_block_form)a.form) {
    case SH_BLOCK_EMPTY:
        return 0;
    case SH_BLOCK_FULL:
        return b.count;
    case SH_BLOCK_ARRAY:
        return list_and_count(sh_block_list(a), a.count, b);
    case SH_BLOCK_INVERTED:
        return b.count - list_and_count(sh_block_list(a), sh_block_list_count(a), b);
    case SH_BLOCK_RUNS:
        return b.form == SH_BLOCK_RUNS ? runs_and_runs_count(a, b) : runs_and_bits_count(a, sh_block_words(b));
    case SH_BLOCK_BITS:
        return (uint32_t)sh_bits->and_count(sh_block_words(a), sh_block_words(b), SH_BLOCK_WORDS);
    }
    return 0;
}

bool sh_block_intersects(struct sh_block_view a, struct sh_block_view b) {
    if (a.count + b.count > SH_BLOCK_SLOTS) return true; /* they do not fit side by side */
    if (a.form == SH_BLOCK_BITS && b.form == SH_BLOCK_BITS)
        return sh_bits->intersects(sh_block_words(a), sh_block_words(b), SH_BLOCK_WORDS);
    return sh_block_and_count(a, b) != 0;
}
