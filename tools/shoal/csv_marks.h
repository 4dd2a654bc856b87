/* csv_marks.h -- where the bytes that matter to CSV are among the next 64, a bit for each.
 *
 *   bytes       u 1 7 , 成 都 , . . . \n
 *   ends        0 0 0 1 0 0   1       1      delimiters and line feeds
 *   quotes      0 0 0 0 0 0   0       0
 *   strange     0 0 0 0 1 1   0       0      not ASCII, or zero: whether it is UTF-8 is to be asked
 *
 * Fields are a few bytes long and their lengths cannot be guessed, so a loop over bytes pays a mispredicted branch a
 * field; over bits it pays one a record. In SSE2, which every x86-64 has, and in plain C, which says what is right and
 * serves elsewhere.
 */
#ifndef SHOAL_CSV_MARKS_H
#define SHOAL_CSV_MARKS_H

#include <stdint.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { CSV_BLOCK_BYTES = 64 };

struct csv_marks {
    uint64_t ends, feeds, quotes, strange; /* bit i: byte i */
};

static inline struct csv_marks csv_marks_plain(const char *block, char delimiter) {
    struct csv_marks marks = {0};
    for (uint32_t i = 0; i < CSV_BLOCK_BYTES; i++) {
        const uint64_t bit = UINT64_C(1) << i;
        if (block[i] == delimiter || block[i] == '\n') marks.ends |= bit;
        if (block[i] == '\n') marks.feeds |= bit;
        if (block[i] == '"') marks.quotes |= bit;
        if (block[i] == 0 || ((uint8_t)block[i] & 0x80) != 0) marks.strange |= bit;
    }
    return marks;
}

/* Reads exactly 64 bytes, at any alignment. */
static inline struct csv_marks csv_marks_of(const char *block, char delimiter) {
#ifdef __SSE2__
    const __m128i delimiters = _mm_set1_epi8(delimiter);
    const __m128i feeds = _mm_set1_epi8('\n');
    const __m128i quotes = _mm_set1_epi8('"');
    struct csv_marks marks = {0};
    for (uint32_t i = 0; i < CSV_BLOCK_BYTES; i += 16) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(block + i));
        const __m128i is_feed = _mm_cmpeq_epi8(bytes, feeds);
        const __m128i is_end = _mm_or_si128(is_feed, _mm_cmpeq_epi8(bytes, delimiters));
        const __m128i is_strange = _mm_or_si128(bytes, _mm_cmpeq_epi8(bytes, _mm_setzero_si128()));
        marks.ends |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_end) << i;
        marks.feeds |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_feed) << i;
        marks.quotes |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, quotes)) << i;
        marks.strange |= (uint64_t)(uint32_t)_mm_movemask_epi8(is_strange) << i;
    }
    return marks;
#else
    return csv_marks_plain(block, delimiter);
#endif
}

#endif
