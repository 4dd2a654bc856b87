/* bitmap_kernels_plain.h -- every kernel as a plain loop.
 *
 * Included by the kernel files alone: the scalar table is made of these, and the others take from here what their
 * instructions do not make faster, compiled with their own flags. All static, so that no copy compiled for a newer
 * machine can stand in for the baseline one.
 */
#ifndef SH_BITMAP_KERNELS_PLAIN_H
#define SH_BITMAP_KERNELS_PLAIN_H

#include "bitmap_kernels.h"

static inline uint64_t word_popcount(uint64_t word) {
#ifdef __POPCNT__
    return (uint64_t)__builtin_popcountll(word);
#else
    /* Sums of 2, 4 and 8 bits side by side; the product adds up the bytes. The builtin would call a table lookup. */
    word -= (word >> 1) & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (word * 0x0101010101010101u) >> 56;
#endif
}

/* One operation as three kernels: into, into and count, count. `expression` is over the words x and y. */
#define PLAIN_OPERATION(operation, expression)                                                                         \
    static inline void plain_##operation##_into(uint64_t *restrict target, const uint64_t *restrict source,            \
                                                size_t word_count) {                                                   \
        for (size_t i = 0; i < word_count; i++) {                                                                      \
            const uint64_t x = target[i], y = source[i];                                                               \
            target[i] = (expression);                                                                                  \
        }                                                                                                              \
    }                                                                                                                  \
    static inline uint64_t plain_##operation##_into_count(uint64_t *restrict target, const uint64_t *restrict source,  \
                                                          size_t word_count) {                                         \
        uint64_t count = 0;                                                                                            \
        for (size_t i = 0; i < word_count; i++) {                                                                      \
            const uint64_t x = target[i], y = source[i];                                                               \
            const uint64_t word = (expression);                                                                        \
            target[i] = word;                                                                                          \
            count += word_popcount(word);                                                                              \
        }                                                                                                              \
        return count;                                                                                                  \
    }                                                                                                                  \
    static inline uint64_t plain_##operation##_count(const uint64_t *a, const uint64_t *b, size_t word_count) {        \
        uint64_t count = 0;                                                                                            \
        for (size_t i = 0; i < word_count; i++) {                                                                      \
            const uint64_t x = a[i], y = b[i];                                                                         \
            count += word_popcount(expression);                                                                        \
        }                                                                                                              \
        return count;                                                                                                  \
    }

PLAIN_OPERATION(and, x &y)
PLAIN_OPERATION(or, x | y)
PLAIN_OPERATION(xor, x ^ y)
PLAIN_OPERATION(andnot, x & ~y)

static inline void plain_not_into(uint64_t *target, size_t word_count) {
    for (size_t i = 0; i < word_count; i++)
        target[i] = ~target[i];
}

static inline uint64_t plain_popcount(const uint64_t *words, size_t word_count) {
    uint64_t count = 0;
    for (size_t i = 0; i < word_count; i++)
        count += word_popcount(words[i]);
    return count;
}

static inline bool plain_intersects(const uint64_t *a, const uint64_t *b, size_t word_count) {
    for (size_t i = 0; i < word_count; i++)
        if ((a[i] & b[i]) != 0) return true;
    return false;
}

static inline uint64_t plain_and_many(uint64_t *target, const uint64_t *const *inputs, size_t input_count,
                                      size_t word_count) {
    uint64_t count = 0;
    for (size_t i = 0; i < word_count; i++) {
        uint64_t word = inputs[0][i];
        for (size_t k = 1; k < input_count; k++)
            word &= inputs[k][i];
        if (target != NULL) target[i] = word;
        count += word_popcount(word);
    }
    return count;
}

static inline uint64_t plain_run_count(const uint64_t *words, size_t word_count) {
    uint64_t count = 0;
    uint64_t carry = 0; /* the top bit of the word below */
    for (size_t i = 0; i < word_count; i++) {
        const uint64_t word = words[i];
        count += word_popcount(word & ~(word << 1 | carry));
        carry = word >> 63;
    }
    return count;
}

static inline size_t plain_list_u32(const uint64_t *words, size_t word_count, uint32_t base, uint32_t *restrict out) {
    size_t n = 0;
    for (size_t i = 0; i < word_count; i++)
        for (uint64_t word = words[i]; word != 0; word &= word - 1)
            out[n++] = base + (uint32_t)(64 * i) + (uint32_t)__builtin_ctzll(word);
    return n;
}

static inline size_t plain_list_u16(const uint64_t *words, size_t word_count, uint16_t *restrict out) {
    size_t n = 0;
    for (size_t i = 0; i < word_count; i++)
        for (uint64_t word = words[i]; word != 0; word &= word - 1)
            out[n++] = (uint16_t)(64 * i + (size_t)__builtin_ctzll(word));
    return n;
}

static inline void plain_set_list(uint64_t *restrict words, const uint16_t *restrict list, size_t count) {
    for (size_t i = 0; i < count; i++)
        words[list[i] / 64] |= (uint64_t)1 << (list[i] % 64);
}

static inline void plain_clear_list(uint64_t *restrict words, const uint16_t *restrict list, size_t count) {
    for (size_t i = 0; i < count; i++)
        words[list[i] / 64] &= ~((uint64_t)1 << (list[i] % 64));
}

static inline void plain_flip_list(uint64_t *restrict words, const uint16_t *restrict list, size_t count) {
    for (size_t i = 0; i < count; i++)
        words[list[i] / 64] ^= (uint64_t)1 << (list[i] % 64);
}

/* The entry is always written and the place moves on only if it is wanted: no branch to mispredict. */
static inline size_t plain_keep_list(const uint64_t *restrict words, const uint16_t *list, size_t count,
                                     uint16_t *out) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint16_t entry = list[i];
        out[n] = entry;
        n += words[entry / 64] >> (entry % 64) & 1;
    }
    return n;
}

static inline size_t plain_drop_list(const uint64_t *restrict words, const uint16_t *list, size_t count,
                                     uint16_t *out) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        const uint16_t entry = list[i];
        out[n] = entry;
        n += ~words[entry / 64] >> (entry % 64) & 1;
    }
    return n;
}

static inline size_t plain_test_list(const uint64_t *words, const uint16_t *list, size_t count) {
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += words[list[i] / 64] >> (list[i] % 64) & 1;
    return n;
}

/* The first place at or after `from` whose entry is not below x: steps of 1, 2, 4 ..., then halving. */
static inline size_t plain_gallop(const uint16_t *list, size_t count, size_t from, uint16_t x) {
    size_t step = 1;
    size_t low = from; /* all entries before low are below x */
    while (low + step <= count && list[low + step - 1] < x) {
        low += step;
        step *= 2;
    }
    size_t high = low + step - 1 < count ? low + step - 1 : count; /* entry high, if there is one, is not below x */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (list[middle] < x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* When one list is this many times longer, searching beats walking: a search costs about 2 log2(32) = 10 steps with a
 * mispredicted branch or two among them. */
enum { PLAIN_GALLOP_RATIO = 32 };

static inline size_t plain_lists_and_gallop(const uint16_t *few, size_t few_count, const uint16_t *many,
                                            size_t many_count, uint16_t *out) {
    size_t n = 0;
    size_t at = 0;
    for (size_t i = 0; i < few_count; i++) {
        const uint16_t entry = few[i];
        at = plain_gallop(many, many_count, at, entry);
        if (at == many_count) break;
        if (many[at] != entry) continue;
        if (out != NULL) out[n] = entry;
        n++;
    }
    return n;
}

static inline bool plain_gallops(size_t a_count, size_t b_count) {
    return a_count / PLAIN_GALLOP_RATIO > b_count || b_count / PLAIN_GALLOP_RATIO > a_count;
}

static inline size_t plain_lists_and_count(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count) {
    if (plain_gallops(a_count, b_count))
        return a_count < b_count ? plain_lists_and_gallop(a, a_count, b, b_count, NULL)
                                 : plain_lists_and_gallop(b, b_count, a, a_count, NULL);
    size_t n = 0;
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        const uint16_t x = a[i], y = b[j];
        n += x == y;
        i += x <= y;
        j += y <= x;
    }
    return n;
}

/* Writing at out[n] before it is known to be wanted is safe: n <= i and n <= j, and a[i] has been read. */
static inline size_t plain_lists_and(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count,
                                     uint16_t *out) {
    if (plain_gallops(a_count, b_count))
        return a_count < b_count ? plain_lists_and_gallop(a, a_count, b, b_count, out)
                                 : plain_lists_and_gallop(b, b_count, a, a_count, out);
    size_t n = 0;
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        const uint16_t x = a[i], y = b[j];
        out[n] = x;
        n += x == y;
        i += x <= y;
        j += y <= x;
    }
    return n;
}

#endif
