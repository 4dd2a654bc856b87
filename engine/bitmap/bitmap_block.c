/* bitmap_block.c -- views: points, ranges, lists. The algebra on registers is in bitmap_register.c. */
#include "bitmap_block.h"

#include <string.h>

#include "bitmap_private.h"

const char *sh_block_form_name(enum sh_block_form form) {
    static const char *const names[] = {"empty", "full", "array", "inverted", "runs", "bits"};
    return names[form];
}

uint32_t sh_runs_lower_bound(struct sh_block_view view, uint32_t slot) {
    const struct sh_run *base = sh_block_runs(view);
    uint32_t left = view.run_count;
    while (left > 1) { /* as list_lower_bound */
        const uint32_t half = left / 2;
        base += half & (0u - (uint32_t)(base[half - 1].last < slot));
        left -= half;
    }
    return (uint32_t)(base - sh_block_runs(view)) + (left == 1 && base->last < slot);
}

bool sh_block_next_range(struct sh_block_view view, uint32_t *at, struct sh_run *range) {
    if (view.form == SH_BLOCK_FULL) {
        if (*at != 0) return false;
        *range = (struct sh_run){0, SH_BLOCK_SLOTS - 1};
        *at = 1;
        return true;
    }
    if (view.form == SH_BLOCK_RUNS) {
        if (*at == view.run_count) return false;
        *range = sh_block_runs(view)[(*at)++];
        return true;
    }
    /* INVERTED: gap i lies below missing slot i, and one more above the last. */
    const uint16_t *missing = sh_block_list(view);
    const uint32_t missing_count = sh_block_list_count(view);
    for (uint32_t i = *at; i <= missing_count; i++) {
        const uint32_t first = i == 0 ? 0 : missing[i - 1] + 1u;
        const uint32_t end = i == missing_count ? SH_BLOCK_SLOTS : missing[i];
        if (first == end) continue;
        *at = i + 1;
        *range = (struct sh_run){(uint16_t)first, (uint16_t)(end - 1)};
        return true;
    }
    *at = missing_count + 1;
    return false;
}

bool sh_block_contains(struct sh_block_view view, uint32_t slot) {
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        return false;
    case SH_BLOCK_FULL:
        return true;
    case SH_BLOCK_ARRAY:
    case SH_BLOCK_INVERTED: {
        const uint16_t *list = sh_block_list(view);
        const uint32_t count = sh_block_list_count(view);
        const uint32_t at = list_lower_bound(list, count, slot);
        return (at < count && list[at] == slot) == (view.form == SH_BLOCK_ARRAY);
    }
    case SH_BLOCK_RUNS: {
        const uint32_t at = sh_runs_lower_bound(view, slot);
        return at < view.run_count && sh_block_runs(view)[at].first <= slot;
    }
    case SH_BLOCK_BITS:
        return sh_block_words(view)[slot / 64] >> (slot % 64) & 1;
    }
    return false;
}

uint32_t sh_block_rank(struct sh_block_view view, uint32_t slot) {
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        return 0;
    case SH_BLOCK_FULL:
        return slot;
    case SH_BLOCK_ARRAY:
        return list_lower_bound(sh_block_list(view), view.count, slot);
    case SH_BLOCK_INVERTED:
        return slot - list_lower_bound(sh_block_list(view), sh_block_list_count(view), slot);
    case SH_BLOCK_RUNS: {
        uint32_t rank = 0;
        for (uint32_t i = 0; i < view.run_count && sh_block_runs(view)[i].first < slot; i++) {
            const struct sh_run run = sh_block_runs(view)[i];
            rank += (run.last < slot ? run.last + 1u : slot) - run.first;
        }
        return rank;
    }
    case SH_BLOCK_BITS: {
        const uint64_t *words = sh_block_words(view);
        uint64_t rank = sh_bits->popcount(words, slot / 64);
        if (slot % 64 != 0) {
            const uint64_t below = words[slot / 64] & (((uint64_t)1 << (slot % 64)) - 1);
            rank += sh_bits->popcount(&below, 1);
        }
        return (uint32_t)rank;
    }
    }
    return 0;
}

static uint32_t select_bits(const uint64_t *words, uint32_t n) {
    enum { CHUNK_WORDS = 64 };
    uint32_t at = 0;
    for (uint32_t chunk; (chunk = (uint32_t)sh_bits->popcount(words + at, CHUNK_WORDS)) <= n; at += CHUNK_WORDS)
        n -= chunk;
    for (uint32_t ones; (ones = (uint32_t)sh_bits->popcount(words + at, 1)) <= n; at++)
        n -= ones;
    uint64_t word = words[at];
    for (; n > 0; n--)
        word &= word - 1;
    return 64 * at + (uint32_t)__builtin_ctzll(word);
}

/* The n-th slot is n + k where k missing slots lie below it; missing slot i lies below it if missing[i] - i <= n. */
static uint32_t select_inverted(const uint16_t *missing, uint32_t missing_count, uint32_t n) {
    uint32_t low = 0, high = missing_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (missing[middle] - middle <= n)
            low = middle + 1;
        else
            high = middle;
    }
    return n + low;
}

uint32_t sh_block_select(struct sh_block_view view, uint32_t n) {
    sh_assert(n < view.count);
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_ARRAY:
        return sh_block_list(view)[n];
    case SH_BLOCK_INVERTED:
        return select_inverted(sh_block_list(view), sh_block_list_count(view), n);
    case SH_BLOCK_RUNS: {
        const struct sh_run *run = sh_block_runs(view);
        for (; n > (uint32_t)run->last - run->first; run++)
            n -= run->last - run->first + 1u;
        return run->first + n;
    }
    case SH_BLOCK_BITS:
        return select_bits(sh_block_words(view), n);
    case SH_BLOCK_EMPTY:
    case SH_BLOCK_FULL:
        break;
    }
    return n;
}

static uint32_t next_bit(const uint64_t *words, uint32_t from) {
    uint32_t at = from / 64;
    uint64_t word = words[at] & (~(uint64_t)0 << (from % 64));
    while (word == 0) {
        if (++at == SH_BLOCK_WORDS) return SH_BLOCK_SLOTS;
        word = words[at];
    }
    return 64 * at + (uint32_t)__builtin_ctzll(word);
}

uint32_t sh_block_next(struct sh_block_view view, uint32_t from) {
    if (from >= SH_BLOCK_SLOTS) return SH_BLOCK_SLOTS;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        break;
    case SH_BLOCK_FULL:
        return from;
    case SH_BLOCK_ARRAY: {
        const uint32_t at = list_lower_bound(sh_block_list(view), view.count, from);
        return at < view.count ? sh_block_list(view)[at] : SH_BLOCK_SLOTS;
    }
    case SH_BLOCK_INVERTED: {
        const uint16_t *missing = sh_block_list(view);
        const uint32_t count = sh_block_list_count(view);
        for (uint32_t at = list_lower_bound(missing, count, from); at < count && missing[at] == from; at++)
            from++;
        return from;
    }
    case SH_BLOCK_RUNS: {
        const uint32_t at = sh_runs_lower_bound(view, from);
        if (at == view.run_count) break;
        const uint32_t first = sh_block_runs(view)[at].first;
        return from > first ? from : first;
    }
    case SH_BLOCK_BITS:
        return next_bit(sh_block_words(view), from);
    }
    return SH_BLOCK_SLOTS;
}

uint32_t sh_block_list_u16(struct sh_block_view view, uint16_t *out) {
    if (view.form == SH_BLOCK_EMPTY) return 0;
    if (view.form == SH_BLOCK_ARRAY) {
        memcpy(out, view.memory, view.count * sizeof *out);
        return view.count;
    }
    if (view.form == SH_BLOCK_BITS) return (uint32_t)sh_bits->list_u16(sh_block_words(view), SH_BLOCK_WORDS, out);
    uint32_t n = 0;
    struct sh_run range;
    for (uint32_t at = 0; sh_block_next_range(view, &at, &range);)
        for (uint32_t slot = range.first; slot <= range.last; slot++)
            out[n++] = (uint16_t)slot;
    return n;
}

uint32_t sh_block_list_u32(struct sh_block_view view, uint32_t base, uint32_t *out) {
    if (view.form == SH_BLOCK_BITS) return (uint32_t)sh_bits->list_u32(sh_block_words(view), SH_BLOCK_WORDS, base, out);
    return sh_block_list_from(view, 0, base, out, view.count);
}

/* A page that ends inside a block: whole groups of words while all they can hold fits, then word by word. */
static uint32_t list_bits_from(const uint64_t *words, uint32_t from, uint32_t base, uint32_t *out, uint32_t max) {
    enum { GROUP_WORDS = 8 };
    uint32_t n = 0;
    uint32_t at = from / 64;
    uint64_t word = words[at] & (~(uint64_t)0 << (from % 64));
    for (;;) {
        for (; word != 0; word &= word - 1) {
            if (n == max) return n;
            out[n++] = base + 64 * at + (uint32_t)__builtin_ctzll(word);
        }
        at++;
        while (at + GROUP_WORDS <= SH_BLOCK_WORDS && n + 64 * GROUP_WORDS <= max) {
            n += (uint32_t)sh_bits->list_u32(words + at, GROUP_WORDS, base + 64 * at, out + n);
            at += GROUP_WORDS;
        }
        if (at >= SH_BLOCK_WORDS) return n;
        word = words[at];
    }
}

uint32_t sh_block_list_from(struct sh_block_view view, uint32_t from, uint32_t base, uint32_t *out, uint32_t max) {
    if (view.form == SH_BLOCK_EMPTY || from >= SH_BLOCK_SLOTS) return 0;
    if (view.form == SH_BLOCK_BITS) {
        if (from == 0 && view.count <= max) return sh_block_list_u32(view, base, out);
        return list_bits_from(sh_block_words(view), from, base, out, max);
    }
    uint32_t n = 0;
    if (view.form == SH_BLOCK_ARRAY) {
        const uint16_t *list = sh_block_list(view);
        const uint32_t start = list_lower_bound(list, view.count, from);
        for (; n < max && start + n < view.count; n++)
            out[n] = base + list[start + n];
        return n;
    }
    struct sh_run range;
    for (uint32_t at = 0; sh_block_next_range(view, &at, &range);) {
        if (range.last < from) continue;
        for (uint32_t slot = range.first < from ? from : range.first; slot <= range.last; slot++) {
            if (n == max) return n;
            out[n++] = base + slot;
        }
    }
    return n;
}

uint32_t sh_block_run_count(struct sh_block_view view) {
    uint32_t count = 0;
    struct sh_run range;
    switch ((enum sh_block_form)view.form) {
    case SH_BLOCK_EMPTY:
        break;
    case SH_BLOCK_ARRAY:
        for (uint32_t i = 0; i < view.count; i++)
            count += i == 0 || sh_block_list(view)[i] != sh_block_list(view)[i - 1] + 1;
        break;
    case SH_BLOCK_FULL:
    case SH_BLOCK_INVERTED:
        for (uint32_t at = 0; sh_block_next_range(view, &at, &range);)
            count++;
        break;
    case SH_BLOCK_RUNS:
        return view.run_count;
    case SH_BLOCK_BITS:
        return (uint32_t)sh_bits->run_count(sh_block_words(view), SH_BLOCK_WORDS);
    }
    return count;
}

/* The first zero at or above `from`; SH_BLOCK_SLOTS if there is none. */
static uint32_t next_zero(const uint64_t *words, uint32_t from) {
    if (from >= SH_BLOCK_SLOTS) return SH_BLOCK_SLOTS;
    uint32_t at = from / 64;
    uint64_t word = ~words[at] & (~(uint64_t)0 << (from % 64));
    while (word == 0) {
        if (++at == SH_BLOCK_WORDS) return SH_BLOCK_SLOTS;
        word = ~words[at];
    }
    return 64 * at + (uint32_t)__builtin_ctzll(word);
}

uint32_t sh_block_list_runs(struct sh_block_view view, struct sh_run *out) {
    uint32_t n = 0;
    if (view.form == SH_BLOCK_ARRAY) {
        for (uint32_t i = 0; i < view.count; i++) {
            const uint16_t slot = sh_block_list(view)[i];
            if (n > 0 && out[n - 1].last + 1 == slot)
                out[n - 1].last = slot;
            else
                out[n++] = (struct sh_run){slot, slot};
        }
    } else if (view.form == SH_BLOCK_BITS) {
        const uint64_t *words = sh_block_words(view);
        for (uint32_t first = sh_block_next(view, 0); first < SH_BLOCK_SLOTS;) {
            const uint32_t end = next_zero(words, first);
            out[n++] = (struct sh_run){(uint16_t)first, (uint16_t)(end - 1)};
            first = sh_block_next(view, end);
        }
    } else if (view.form != SH_BLOCK_EMPTY) {
        for (uint32_t at = 0; sh_block_next_range(view, &at, &out[n]);)
            n++;
    }
    return n;
}
