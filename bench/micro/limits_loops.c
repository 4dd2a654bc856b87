#include "limits_loops.h"

#include <string.h>
#ifdef __AVX512VPOPCNTDQ__
#include <immintrin.h>
#endif

#include "split_random.h"

typedef uint64_t vector __attribute__((vector_size(64)));
enum { WIDE = 4, STEP = WIDE * 8 }; /* sums that do not wait for each other */

static uint64_t total(const vector sums[WIDE]) {
    uint64_t sum = 0;
    for (int i = 0; i < WIDE; i++)
        for (int k = 0; k < 8; k++)
            sum += sums[i][k];
    return sum;
}

uint64_t limits_read(const uint64_t *words, size_t count) {
    const vector *at = (const vector *)(const void *)words;
    vector sums[WIDE] = {{0}};
    for (size_t i = 0; i < count / 8; i += WIDE)
        for (int k = 0; k < WIDE; k++)
            sums[k] += at[i + (size_t)k];
    return total(sums);
}

#ifdef __AVX512VPOPCNTDQ__
static inline vector popcnt(vector words) {
    return (vector)_mm512_popcnt_epi64((__m512i)words);
}
#else
static inline vector popcnt(vector words) {
    vector counts;
    for (int k = 0; k < 8; k++)
        counts[k] = (uint64_t)__builtin_popcountll(words[k]);
    return counts;
}
#endif

uint64_t limits_popcnt(const uint64_t *words, size_t count) {
    const vector *at = (const vector *)(const void *)words;
    vector sums[WIDE] = {{0}};
    for (size_t i = 0; i < count / 8; i += WIDE)
        for (int k = 0; k < WIDE; k++)
            sums[k] += popcnt(at[i + (size_t)k]);
    return total(sums);
}

uint64_t limits_and_popcnt(const uint64_t *a, const uint64_t *b, size_t count) {
    const vector *left = (const vector *)(const void *)a;
    const vector *right = (const vector *)(const void *)b;
    vector sums[WIDE] = {{0}};
    for (size_t i = 0; i < count / 8; i += WIDE)
        for (int k = 0; k < WIDE; k++)
            sums[k] += popcnt(left[i + (size_t)k] & right[i + (size_t)k]);
    return total(sums);
}

void limits_copy(uint64_t *to, const uint64_t *from, size_t count) {
    memcpy(to, from, count * sizeof *to);
}

/* Sattolo's shuffle makes one ring. */
void limits_chain(uint64_t *memory, size_t line_count) {
    struct split_random random = {1};
    for (size_t i = 0; i < line_count; i++)
        memory[i * 8] = i;
    for (size_t i = line_count - 1; i > 0; i--) {
        const size_t other = (size_t)split_below(&random, i);
        const uint64_t line = memory[i * 8];
        memory[i * 8] = memory[other * 8];
        memory[other * 8] = line;
    }
}

uint64_t limits_follow(const uint64_t *memory, uint32_t step_count) {
    uint64_t at = 0;
    for (uint32_t i = 0; i < step_count; i++)
        at = memory[at * 8];
    return at;
}

uint64_t limits_gather(const uint64_t *memory, size_t line_count, uint32_t read_count) {
    struct split_random random = {2};
    uint64_t sum = 0;
    for (uint32_t i = 0; i < read_count; i++)
        sum += memory[split_below(&random, line_count) * 8];
    return sum;
}
