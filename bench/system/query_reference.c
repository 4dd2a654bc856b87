/* query_reference.c -- built for the machine at hand (-march=native): the compiler may use all it has. */
#include "query_reference.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512VPOPCNTDQ__
#include <immintrin.h>
#endif

enum { BLOCK_USERS = 65536, BLOCK_WORDS = BLOCK_USERS / 64, SLICE_COUNT = 17 };

struct lists { /* one tag: the users of each block as u16 */
    uint16_t *entries;
    uint32_t *block_begin; /* block_count + 1 */
};

struct reference {
    uint32_t user_count;
    uint32_t block_count;
    size_t word_count; /* of whole blocks */
    uint64_t *tiers[TIER_COUNT];
    uint64_t *cities[CITY_ASKED];
    uint64_t *tag_first, *tag_a, *tag_b;
    struct lists tags[UNION_COUNT];
    uint8_t *age;
    uint32_t *points;
    uint64_t *slices; /* block by block, SLICE_COUNT times BLOCK_WORDS */
    char (*ids)[16];
    uint64_t *purchase_begins; /* user_count + 1; NULL: there are none */
    int64_t *purchase_ms;
    uint32_t *purchase_amounts;
};

static void *allocate(size_t byte_count) {
    void *memory = aligned_alloc(64, (byte_count + 63) / 64 * 64);
    if (memory == NULL) {
        fprintf(stderr, "query_bench: no memory\n");
        exit(1);
    }
    memset(memory, 0, byte_count);
    return memory;
}

static void set_bit(uint64_t *words, uint32_t bit) {
    words[bit / 64] |= 1ULL << (bit % 64);
}

/* ---- Building ---- */

static uint64_t *dense_tag(const struct reference *reference, const struct population *population, uint32_t tag) {
    uint64_t *words = allocate(reference->word_count * sizeof *words);
    for (uint32_t i = 0; i < population->tag_user_count[tag]; i++)
        set_bit(words, population->tag_users[tag][i]);
    return words;
}

static struct lists list_tag(const struct reference *reference, const struct population *population, uint32_t tag) {
    const uint32_t count = population->tag_user_count[tag];
    const uint32_t *users = population->tag_users[tag];
    struct lists lists = {.entries = allocate((count + 1) * sizeof(uint16_t)),
                          .block_begin = allocate((reference->block_count + 1) * sizeof(uint32_t))};
    uint32_t at = 0;
    for (uint32_t block = 0; block < reference->block_count; block++) {
        lists.block_begin[block] = at;
        for (; at < count && users[at] / BLOCK_USERS == block; at++)
            lists.entries[at] = (uint16_t)users[at];
    }
    lists.block_begin[reference->block_count] = at;
    return lists;
}

struct reference *reference_create(const struct population *population) {
    struct reference *reference = allocate(sizeof *reference);
    const uint32_t user_count = population->user_count;
    reference->user_count = user_count;
    reference->block_count = (user_count + BLOCK_USERS - 1) / BLOCK_USERS;
    reference->word_count = (size_t)reference->block_count * BLOCK_WORDS;
    const size_t bytes = reference->word_count * sizeof(uint64_t);
    for (uint32_t i = 0; i < TIER_COUNT; i++)
        reference->tiers[i] = allocate(bytes);
    for (uint32_t i = 0; i < CITY_ASKED; i++)
        reference->cities[i] = allocate(bytes);
    reference->age = allocate(reference->word_count * 64);
    reference->points = allocate(reference->word_count * 64 * sizeof(uint32_t));
    reference->slices = allocate(bytes * SLICE_COUNT);
    reference->ids = allocate(reference->word_count * 64 * sizeof *reference->ids);
    for (uint32_t user = 0; user < user_count; user++) {
        const uint32_t city = (uint32_t)population->city[user] - CITY_FIRST;
        const uint32_t place = user % BLOCK_USERS;
        set_bit(reference->tiers[population->tier[user]], user);
        if (city < CITY_ASKED) set_bit(reference->cities[city], user);
        reference->age[user] = population->age[user];
        reference->points[user] = population->points[user];
        uint64_t *slices = reference->slices + (size_t)(user / BLOCK_USERS) * SLICE_COUNT * BLOCK_WORDS;
        for (uint32_t k = 0; k < SLICE_COUNT; k++)
            if (population->points[user] >> k & 1) set_bit(slices + (size_t)k * BLOCK_WORDS, place);
        (void)snprintf(reference->ids[user], sizeof reference->ids[user], "u-%08x", user);
    }
    reference->tag_first = dense_tag(reference, population, 0);
    reference->tag_a = dense_tag(reference, population, TAG_A);
    reference->tag_b = dense_tag(reference, population, TAG_B);
    for (uint32_t i = 0; i < UNION_COUNT; i++)
        reference->tags[i] = list_tag(reference, population, UNION_FIRST + i);
    return reference;
}

void reference_take_purchases(struct reference *reference, const uint32_t *users, const int64_t *times_ms,
                              const uint32_t *amounts, uint64_t count) {
    uint64_t *begins = allocate(((size_t)reference->user_count + 2) * sizeof *begins);
    reference->purchase_begins = begins;
    reference->purchase_ms = allocate(count * sizeof *reference->purchase_ms);
    reference->purchase_amounts = allocate(count * sizeof *reference->purchase_amounts);
    for (uint64_t i = 0; i < count; i++)
        begins[users[i] + 2]++;
    for (uint32_t user = 0; user < reference->user_count; user++)
        begins[user + 2] += begins[user + 1];
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t at = begins[users[i] + 1]++;
        reference->purchase_ms[at] = times_ms[i];
        reference->purchase_amounts[at] = amounts[i];
    }
}

void reference_destroy(struct reference *reference) {
    for (uint32_t i = 0; i < TIER_COUNT; i++)
        free(reference->tiers[i]);
    for (uint32_t i = 0; i < CITY_ASKED; i++)
        free(reference->cities[i]);
    for (uint32_t i = 0; i < UNION_COUNT; i++) {
        free(reference->tags[i].entries);
        free(reference->tags[i].block_begin);
    }
    free(reference->tag_first);
    free(reference->tag_a);
    free(reference->tag_b);
    free(reference->age);
    free(reference->points);
    free(reference->slices);
    free(reference->ids);
    free(reference->purchase_begins);
    free(reference->purchase_ms);
    free(reference->purchase_amounts);
    free(reference);
}

/* ---- Loops ---- */

static uint64_t popcount(const uint64_t *words, size_t word_count) {
    uint64_t count = 0;
    for (size_t i = 0; i < word_count; i++)
        count += (uint64_t)__builtin_popcountll(words[i]);
    return count;
}

uint64_t reference_q1(const struct reference *reference) {
    return popcount(reference->tag_first, reference->word_count);
}

static inline uint64_t wide_word(const struct reference *reference, size_t i) {
    const uint64_t tiers =
        reference->tiers[4][i] | reference->tiers[5][i] | reference->tiers[6][i] | reference->tiers[7][i];
    const uint64_t cities = reference->cities[0][i] | reference->cities[1][i] | reference->cities[2][i] |
                            reference->cities[3][i] | reference->cities[4][i];
    return tiers & cities;
}

static inline uint64_t q2_word(const struct reference *reference, size_t i) {
    return wide_word(reference, i) & reference->tag_a[i] & ~reference->tag_b[i];
}

#ifdef __AVX512VPOPCNTDQ__
static inline __m512i at(const uint64_t *words, size_t i) {
    return _mm512_load_si512((const void *)(words + i));
}

static inline __m512i q2_vector(const struct reference *reference, size_t i) {
    const __m512i tiers = _mm512_or_si512(_mm512_or_si512(at(reference->tiers[4], i), at(reference->tiers[5], i)),
                                          _mm512_or_si512(at(reference->tiers[6], i), at(reference->tiers[7], i)));
    const __m512i cities =
        _mm512_or_si512(_mm512_or_si512(_mm512_or_si512(at(reference->cities[0], i), at(reference->cities[1], i)),
                                        _mm512_or_si512(at(reference->cities[2], i), at(reference->cities[3], i))),
                        at(reference->cities[4], i));
    return _mm512_and_si512(_mm512_and_si512(tiers, cities),
                            _mm512_andnot_si512(at(reference->tag_b, i), at(reference->tag_a, i)));
}

uint64_t reference_q2(const struct reference *reference) {
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < reference->word_count; i += 8)
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(q2_vector(reference, i)));
    return (uint64_t)_mm512_reduce_add_epi64(sum);
}

static uint64_t ages_among(const uint8_t *age, const uint64_t *words) {
    const __m512i low = _mm512_set1_epi8(AGE_LOW);
    const __m512i span = _mm512_set1_epi8(AGE_HIGH - AGE_LOW);
    uint64_t count = 0;
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        const __m512i ages = _mm512_load_si512((const void *)(age + i * 64));
        count += (uint64_t)__builtin_popcountll(words[i] & _mm512_cmple_epu8_mask(_mm512_sub_epi8(ages, low), span));
    }
    return count;
}
#else
uint64_t reference_q2(const struct reference *reference) {
    uint64_t count = 0;
    for (size_t i = 0; i < reference->word_count; i++)
        count += (uint64_t)__builtin_popcountll(q2_word(reference, i));
    return count;
}

static uint64_t ages_among(const uint8_t *age, const uint64_t *words) {
    uint64_t count = 0;
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        uint64_t matches = 0;
        for (uint32_t k = 0; k < 64; k++)
            matches |= (uint64_t)((uint8_t)(age[i * 64 + k] - AGE_LOW) <= AGE_HIGH - AGE_LOW) << k;
        count += (uint64_t)__builtin_popcountll(words[i] & matches);
    }
    return count;
}
#endif

uint64_t reference_q3(const struct reference *reference) {
    uint64_t words[BLOCK_WORDS];
    uint64_t count = 0;
    for (uint32_t block = 0; block < reference->block_count; block++) {
        memset(words, 0, sizeof words);
        for (uint32_t tag = 0; tag < UNION_COUNT; tag++) {
            const struct lists *lists = &reference->tags[tag];
            for (uint32_t i = lists->block_begin[block]; i < lists->block_begin[block + 1]; i++)
                words[lists->entries[i] / 64] |= 1ULL << (lists->entries[i] % 64);
        }
        count += ages_among(reference->age + (size_t)block * BLOCK_USERS, words);
    }
    return count;
}

/* Two-sided, from the highest bit down: what is already decided, and what still equals the bound. Eight words at a
 * time; the compiler makes vectors of them. */
typedef uint64_t vector __attribute__((vector_size(64)));

uint64_t reference_q4(const struct reference *reference) {
    uint64_t count = 0;
    for (uint32_t block = 0; block < reference->block_count; block++) {
        const vector *slices =
            (const vector *)(const void *)(reference->slices) + (size_t)block * SLICE_COUNT * (BLOCK_WORDS / 8);
        for (size_t i = 0; i < BLOCK_WORDS / 8; i++) {
            vector above = {0};
            vector below = {0};
            vector equal_low = ~above;
            vector equal_high = ~above;
            for (int32_t bit = SLICE_COUNT - 1; bit >= 0; bit--) {
                const vector slice = slices[(size_t)bit * (BLOCK_WORDS / 8) + i];
                if (POINTS_LOW >> bit & 1)
                    equal_low &= slice;
                else {
                    above |= equal_low & slice;
                    equal_low &= ~slice;
                }
                if (POINTS_HIGH >> bit & 1) {
                    below |= equal_high & ~slice;
                    equal_high &= slice;
                } else
                    equal_high &= ~slice;
            }
            const vector found = (above | equal_low) & (below | equal_high);
            for (size_t k = 0; k < 8; k++)
                count += (uint64_t)__builtin_popcountll(found[k]);
        }
    }
    return count;
}

uint64_t reference_q4_scan(const struct reference *reference) {
    uint64_t count = 0;
    for (uint32_t user = 0; user < reference->user_count; user++)
        count += reference->points[user] - POINTS_LOW <= POINTS_HIGH - POINTS_LOW;
    return count;
}

uint64_t reference_q5(const struct reference *reference, int64_t from_ms, uint32_t count_least, uint64_t amount_least) {
    uint64_t found = 0;
    for (size_t w = 0; w < reference->word_count; w++) {
        for (uint64_t rest = reference->tag_a[w]; rest != 0; rest &= rest - 1) {
            const size_t user = w * 64 + (size_t)__builtin_ctzll(rest);
            uint32_t count = 0;
            uint64_t amount = 0;
            for (uint64_t at = reference->purchase_begins[user]; at < reference->purchase_begins[user + 1]; at++) {
                const bool counts = reference->purchase_ms[at] >= from_ms;
                count += counts;
                amount += counts ? reference->purchase_amounts[at] : 0;
            }
            found += count >= count_least && amount >= amount_least;
        }
    }
    return found;
}

uint64_t reference_q6(const struct reference *reference, char (*out)[16]) {
    uint64_t count = 0;
    for (size_t i = 0; i < reference->word_count; i++)
        for (uint64_t rest = q2_word(reference, i); rest != 0; rest &= rest - 1)
            memcpy(out[count++], reference->ids[i * 64 + (size_t)__builtin_ctzll(rest)], sizeof *out);
    return count;
}

uint64_t reference_q6b(const struct reference *reference, char (*out)[16]) {
    uint64_t count = 0;
    for (size_t i = 0; i < reference->word_count; i++)
        for (uint64_t rest = wide_word(reference, i); rest != 0; rest &= rest - 1)
            memcpy(out[count++], reference->ids[i * 64 + (size_t)__builtin_ctzll(rest)], sizeof *out);
    return count;
}

uint64_t reference_read(const uint64_t *words, size_t word_count) {
    uint64_t sums[32] = {0};
    for (size_t i = 0; i + 32 <= word_count; i += 32)
        for (size_t k = 0; k < 32; k++)
            sums[k] += words[i + k];
    uint64_t sum = 0;
    for (size_t k = 0; k < 32; k++)
        sum += sums[k];
    return sum;
}
