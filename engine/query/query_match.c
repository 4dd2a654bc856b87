#include "query_match.h"

#include <stdlib.h>
#include <string.h>

#include "query_plan.h"

enum {
    /* Up to this many codes of a dictionary are a sorted set, which strips search with SIMD; more are one bit a code.
     */
    SET_FROM_DICTIONARY_MAX = 16,
    CHUNK_ROWS = 512, /* values unpacked at once: 4 KiB of stack, inside L1 */
    YEAR_PLACES = 12 * 31,
    YEAR_WORDS = (YEAR_PLACES + 63) / 64,
    /* Dates from 1900-01-01 to 2099-12-31 are looked up by day number; the few outside are converted. */
    TABLE_YEAR_FIRST = 1900,
    TABLE_YEAR_LAST = 2099,
    TABLE_DAY_FIRST = -25567,
    TABLE_DAY_COUNT = 73049,
    TABLE_WORDS = (TABLE_DAY_COUNT + 63) / 64
};

struct sh_yearly {
    uint64_t places[YEAR_WORDS]; /* (month - 1) * 31 + day - 1 */
    uint64_t days[TABLE_WORDS];  /* day - TABLE_DAY_FIRST */
};

static bool bit_is_set(const uint64_t *words, uint64_t bit) {
    return words[bit / 64] >> (bit % 64) & 1;
}

static void set_bit(uint64_t *words, uint64_t bit) {
    words[bit / 64] |= 1ULL << (bit % 64);
}

/* ---- Yearly days ---- */

static bool is_leap(int32_t year) {
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static uint32_t year_place(int32_t month, int32_t day) {
    return (uint32_t)((month - 1) * 31 + day - 1);
}

/* One year's days of the year into the table of day numbers. */
static void yearly_fill(struct sh_yearly *yearly, int32_t year) {
    static const int32_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t at = sh_day_from_date((struct sh_date){year, 1, 1}) - TABLE_DAY_FIRST;
    for (int32_t month = 1; month <= 12; month++) {
        const int32_t days = month_days[month - 1] + (month == 2 && is_leap(year));
        for (int32_t day = 1; day <= days; day++, at++)
            if (bit_is_set(yearly->places, year_place(month, day))) set_bit(yearly->days, (uint64_t)at);
    }
}

/* The days of the year of today and the count - 1 days after it; count is below 366. */
static const struct sh_yearly *yearly_build(int32_t today, int64_t count, struct sh_arena *arena) {
    struct sh_yearly *yearly = sh_arena_alloc_zero(arena, sizeof *yearly);
    if (yearly == NULL) return NULL;
    for (int32_t day = today; day < today + (int32_t)count; day++) {
        const struct sh_date date = sh_date_from_day(day);
        set_bit(yearly->places, year_place(date.month, date.day));
        /* Born on 29 February: in other years the day before 1 March. */
        if (date.month == 2 && date.day == 28 && !is_leap(date.year)) set_bit(yearly->places, year_place(2, 29));
    }
    for (int32_t year = TABLE_YEAR_FIRST; year <= TABLE_YEAR_LAST; year++)
        yearly_fill(yearly, year);
    return yearly;
}

static int64_t day_of(int64_t ms) {
    const int64_t day = ms / SH_DAY_MS;
    return ms % SH_DAY_MS < 0 ? day - 1 : day;
}

static bool yearly_holds(const struct sh_yearly *yearly, int64_t ms) {
    const int64_t day = day_of(ms);
    const uint64_t place = (uint64_t)day - (uint64_t)(int64_t)TABLE_DAY_FIRST;
    if (place < TABLE_DAY_COUNT) return bit_is_set(yearly->days, place);
    const struct sh_date date = sh_date_from_day((int32_t)day);
    return bit_is_set(yearly->places, year_place(date.month, date.day));
}

/* ---- Building ---- */

static void match_range(struct sh_match *match, int64_t low, int64_t high) {
    if (low > high) {
        match->kind = SH_MATCH_NONE;
        return;
    }
    match->kind = SH_MATCH_RANGE;
    match->low = low;
    match->high = high;
}

static int compare_values(const void *a, const void *b) {
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* The values are the caller's to give away; they are sorted and doubles removed in place. */
static void match_values(struct sh_match *match, int64_t *values, uint32_t count) {
    if (count == 0) {
        match->kind = SH_MATCH_NONE;
        return;
    }
    qsort(values, count, sizeof *values, compare_values);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < count; i++)
        if (values[i] != values[kept - 1]) values[kept++] = values[i];
    if ((uint64_t)values[kept - 1] - (uint64_t)values[0] == kept - 1) {
        match_range(match, values[0], values[kept - 1]);
        return;
    }
    match->kind = SH_MATCH_SET;
    match->values = values;
    match->value_count = kept;
}

static enum sh_status no_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory is left for planning the expression");
}

/* Codes of the labels whose rank lies in low..high. */
static enum sh_status match_ranks(struct sh_match *match, const struct sh_value_domain *domain, int64_t low,
                                  int64_t high, struct sh_arena *arena, struct sh_error *err) {
    const int64_t label_count = sh_dictionary_count(domain->texts);
    if (low < 0) low = 0;
    if (high >= label_count) high = label_count - 1;
    if (domain->by_rank || low > high) {
        match_range(match, low, high);
        return SH_OK;
    }
    const uint32_t count = (uint32_t)(high - low + 1);
    int64_t *codes = sh_arena_alloc(arena, count * sizeof *codes);
    if (codes == NULL) return no_memory(err);
    for (uint32_t i = 0; i < count; i++)
        codes[i] = domain->code_of_rank[low + i];
    match_values(match, codes, count);
    return SH_OK;
}

static enum sh_status match_list(struct sh_match *match, const struct sh_value_domain *domain,
                                 const struct sh_node *clause, struct sh_arena *arena, struct sh_error *err) {
    int64_t *values = sh_arena_alloc(arena, (clause->value_count + 1) * sizeof *values);
    if (values == NULL) return no_memory(err);
    for (uint32_t i = 0; i < clause->value_count; i++)
        values[i] = domain->by_rank ? domain->rank_of_code[clause->values[i]] : clause->values[i];
    const bool has_codes = domain->type == SH_TYPE_ENUM || domain->type == SH_TYPE_STRING;
    if (!has_codes || domain->by_rank || domain->texts == NULL || clause->value_count <= SET_FROM_DICTIONARY_MAX) {
        match_values(match, values, clause->value_count);
        return SH_OK;
    }
    match->kind = SH_MATCH_BITS;
    match->bit_count = sh_dictionary_count(domain->texts);
    uint64_t *bits = sh_arena_alloc_zero(arena, ((size_t)match->bit_count / 64 + 1) * sizeof *bits);
    if (bits == NULL) return no_memory(err);
    for (uint32_t i = 0; i < clause->value_count; i++)
        set_bit(bits, (uint64_t)values[i]);
    match->bits = bits;
    return SH_OK;
}

static bool text_holds(enum sh_node_kind kind, struct sh_text text, struct sh_text part) {
    if (part.count == 0) return true;
    if (text.count < part.count) return false;
    if (kind == SH_NODE_STARTS) return memcmp(text.bytes, part.bytes, part.count) == 0;
    return memmem(text.bytes, text.count, part.bytes, part.count) != NULL;
}

/* Ask the whole dictionary once. */
static enum sh_status match_texts(struct sh_match *match, const struct sh_value_domain *domain,
                                  const struct sh_node *clause, struct sh_arena *arena, struct sh_error *err) {
    const uint32_t text_count = sh_dictionary_count(domain->texts);
    uint64_t *bits = sh_arena_alloc_zero(arena, ((size_t)text_count / 64 + 1) * sizeof *bits);
    int64_t *codes = sh_arena_alloc(arena, SET_FROM_DICTIONARY_MAX * sizeof *codes);
    if (bits == NULL || codes == NULL) return no_memory(err);
    uint32_t found = 0;
    for (uint32_t code = 0; code < text_count; code++) {
        if (!text_holds(clause->kind, sh_dictionary_text(domain->texts, code), clause->literals[0].text)) continue;
        if (found < SET_FROM_DICTIONARY_MAX) codes[found] = code;
        found++;
        set_bit(bits, code);
    }
    if (found <= SET_FROM_DICTIONARY_MAX) {
        match_values(match, codes, found);
        return SH_OK;
    }
    match->kind = SH_MATCH_BITS;
    match->bits = bits;
    match->bit_count = text_count;
    return SH_OK;
}

/* Windows end at now, because events do; but a value may lie ahead, and then written dates mean what they say. */
static void value_window(const struct sh_window *window, const struct sh_query_scope *scope, int64_t *from_ms,
                         int64_t *until_ms) {
    struct sh_query_scope written = *scope;
    const bool has_end =
        window->kind == SH_WINDOW_BETWEEN || window->kind == SH_WINDOW_ON || window->kind == SH_WINDOW_BEFORE;
    if (has_end) written.now_ms = SH_INSTANT_MAX - SH_DAY_MS;
    sh_query_window(window, &written, from_ms, until_ms);
}

/* A date counts as the first instant of its day in the zone: it lies in the window if that instant does. */
static void match_window(struct sh_match *match, const struct sh_query_scope *scope,
                         const struct sh_value_domain *domain, const struct sh_node *clause) {
    int64_t from_ms, until_ms;
    value_window(&clause->window, scope, &from_ms, &until_ms);
    if (until_ms <= from_ms) {
        match->kind = SH_MATCH_NONE;
        return;
    }
    if (!domain->is_date) {
        match_range(match, from_ms, until_ms - 1);
        return;
    }
    int64_t low = INT64_MIN;
    int64_t high = INT64_MAX;
    if (from_ms > SH_INSTANT_MIN) {
        int32_t day = sh_zone_day(scope->zone, from_ms);
        if (sh_zone_day_start_ms(scope->zone, day) < from_ms) day++;
        low = day * SH_DAY_MS;
    }
    if (until_ms <= SH_INSTANT_MAX) high = sh_zone_day(scope->zone, until_ms - 1) * SH_DAY_MS;
    match_range(match, low, high);
}

static enum sh_status match_next(struct sh_match *match, const struct sh_query_scope *scope,
                                 const struct sh_value_domain *domain, const struct sh_node *clause,
                                 struct sh_arena *arena, struct sh_error *err) {
    if (domain->is_date && clause->count >= 366) {
        match->kind = SH_MATCH_ANY; /* a year holds every day of the year */
        return SH_OK;
    }
    if (domain->is_date) {
        match->yearly = yearly_build(sh_zone_day(scope->zone, scope->now_ms), clause->count, arena);
        if (match->yearly == NULL) return no_memory(err);
        match->kind = SH_MATCH_YEARLY;
        return SH_OK;
    }
    int64_t span, high;
    if (__builtin_mul_overflow(clause->count, SH_DAY_MS, &span)) span = INT64_MAX;
    if (__builtin_add_overflow(scope->now_ms, span, &high)) high = INT64_MAX;
    match_range(match, scope->now_ms + 1, high);
    return SH_OK;
}

enum sh_status sh_match_build(const struct sh_node *clause, const struct sh_query_scope *scope,
                              const struct sh_value_domain *domain, struct sh_arena *arena, struct sh_match *match,
                              struct sh_error *err) {
    const bool is_unequal = clause->kind == SH_NODE_COMPARE && clause->compare == SH_COMPARE_NE;
    const bool is_equality = is_unequal || (clause->kind == SH_NODE_COMPARE && clause->compare == SH_COMPARE_EQ);
    const bool has_codes = domain->type == SH_TYPE_ENUM || domain->type == SH_TYPE_STRING;
    *match = (struct sh_match){.negated = clause->negated || is_unequal};
    switch (clause->kind) {
    case SH_NODE_MISSING:
        *match = clause->negated ? (struct sh_match){.kind = SH_MATCH_ANY}
                                 : (struct sh_match){.kind = SH_MATCH_NONE, .when_missing = true};
        return SH_OK;
    case SH_NODE_IN:
    case SH_NODE_UNDER:
        return match_list(match, domain, clause, arena, err);
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
        return match_texts(match, domain, clause, arena, err);
    case SH_NODE_WINDOW:
        match_window(match, scope, domain, clause);
        return SH_OK;
    case SH_NODE_NEXT:
        return match_next(match, scope, domain, clause, arena, err);
    default:
        sh_assert(clause->kind == SH_NODE_COMPARE || clause->kind == SH_NODE_BETWEEN);
        if (is_equality && has_codes) return match_list(match, domain, clause, arena, err);
        if (domain->type == SH_TYPE_ENUM) return match_ranks(match, domain, clause->low, clause->high, arena, err);
        match_range(match, clause->low, clause->high);
        return SH_OK;
    }
}

/* ---- Applying ---- */

static bool set_holds(const struct sh_match *match, int64_t value) {
    uint32_t from = 0;
    uint32_t end = match->value_count;
    while (from < end) {
        const uint32_t middle = from + (end - from) / 2;
        if (match->values[middle] < value)
            from = middle + 1;
        else
            end = middle;
    }
    return from < match->value_count && match->values[from] == value;
}

bool sh_match_kind_holds(const struct sh_match *match, int64_t value) {
    switch (match->kind) {
    case SH_MATCH_NONE:
        return false;
    case SH_MATCH_ANY:
        return true;
    case SH_MATCH_RANGE:
        return value >= match->low && value <= match->high;
    case SH_MATCH_SET:
        return set_holds(match, value);
    case SH_MATCH_BITS:
        return (uint64_t)value < match->bit_count && bit_is_set(match->bits, (uint64_t)value);
    case SH_MATCH_YEARLY:
        return yearly_holds(match->yearly, value);
    }
    return false;
}

/* BITS and YEARLY for a strip in any form, over whole chunks. */
static void kind_over_chunks(const struct sh_match *match, const struct sh_strip *strip, uint32_t first, uint32_t count,
                             uint64_t *words) {
    int64_t values[CHUNK_ROWS];
    for (uint32_t at = 0; at < count; at += CHUNK_ROWS) {
        const uint32_t n = count - at < CHUNK_ROWS ? count - at : CHUNK_ROWS;
        sh_strip_read(strip, first + at, n, values);
        for (uint32_t i = 0; i < n; i++) {
            if (i % 64 == 0) words[(at + i) / 64] = 0;
            words[(at + i) / 64] |= (uint64_t)sh_match_kind_holds(match, values[i]) << (i % 64);
        }
    }
}

/* Entry by entry, straight from the distances of this type: the bit at origin + distance. False where one lies outside
 * of the table, which for YEARLY says nothing. */
#define LOOK_UP(type)                                                                                                  \
    static bool look_up_##type(const type *distances, uint32_t count, uint64_t origin, const uint64_t *bits,           \
                               uint64_t bit_count, uint64_t *words) {                                                  \
        bool is_inside = true;                                                                                         \
        for (uint32_t i = 0; i < count; i += 64) {                                                                     \
            const uint32_t n = count - i < 64 ? count - i : 64;                                                        \
            uint64_t word = 0;                                                                                         \
            for (uint32_t k = 0; k < n; k++) {                                                                         \
                const uint64_t place = origin + distances[i + k];                                                      \
                const uint64_t known = place < bit_count ? place : 0;                                                  \
                is_inside &= place < bit_count;                                                                        \
                word |= (bits[known / 64] >> (known % 64) & (place < bit_count)) << k;                                 \
            }                                                                                                          \
            words[i / 64] = word;                                                                                      \
        }                                                                                                              \
        return is_inside;                                                                                              \
    }
LOOK_UP(uint8_t)
LOOK_UP(uint16_t)
LOOK_UP(uint32_t)

/* BITS and YEARLY; what is said about missing entries means nothing, so the caller crosses with what is present. */
static void kind_by_table(const struct sh_match *match, const struct sh_strip *strip, uint32_t first, uint32_t count,
                          uint64_t *words) {
    const bool is_yearly = match->kind == SH_MATCH_YEARLY;
    const int64_t unit = is_yearly ? SH_DAY_MS : 1;
    const uint32_t there = first >= strip->count ? 0 : strip->count - first < count ? strip->count - first : count;
    if (strip->width == 0 || strip->width == 8 || strip->unit != unit || strip->base % unit != 0) {
        kind_over_chunks(match, strip, first, count, words);
        return;
    }
    const uint64_t *bits = is_yearly ? match->yearly->days : match->bits;
    const uint64_t bit_count = is_yearly ? TABLE_DAY_COUNT : match->bit_count;
    const uint64_t origin = (uint64_t)(strip->base / unit) - (is_yearly ? (uint64_t)(int64_t)TABLE_DAY_FIRST : 0);
    const void *from = (const uint8_t *)strip->data + (size_t)first * strip->width;
    bool is_inside = true;
    memset(words, 0, (count + 63) / 64 * sizeof *words);
    switch (strip->width) {
    case 1:
        is_inside = look_up_uint8_t(from, there, origin, bits, bit_count, words);
        break;
    case 2:
        is_inside = look_up_uint16_t(from, there, origin, bits, bit_count, words);
        break;
    default:
        is_inside = look_up_uint32_t(from, there, origin, bits, bit_count, words);
        break;
    }
    if (is_yearly && !is_inside) kind_over_chunks(match, strip, first, count, words);
}

/* The bits from count on are 0. */
static void clear_behind(uint64_t *words, uint32_t count) {
    if (count % 64 != 0) words[count / 64] &= (1ULL << (count % 64)) - 1;
}

void sh_match_strip(const struct sh_match *match, const struct sh_strip *strip, uint32_t first, uint32_t count,
                    uint64_t *words) {
    const uint32_t word_count = (count + 63) / 64;
    uint64_t present[SH_BLOCK_WORDS];
    const bool looks_at_present =
        match->negated || match->when_missing || match->kind == SH_MATCH_BITS || match->kind == SH_MATCH_YEARLY;
    sh_assert(count <= SH_BLOCK_SLOTS);
    if (looks_at_present) sh_strip_present(strip, first, count, present);
    switch (match->kind) {
    case SH_MATCH_NONE:
        memset(words, 0, word_count * sizeof *words);
        break;
    case SH_MATCH_ANY:
        sh_strip_present(strip, first, count, words);
        break;
    case SH_MATCH_RANGE:
        sh_strip_range(strip, first, count, match->low, match->high, words);
        break;
    case SH_MATCH_SET:
        sh_strip_in_set(strip, first, count, match->values, match->value_count, words);
        break;
    case SH_MATCH_BITS:
    case SH_MATCH_YEARLY:
        kind_by_table(match, strip, first, count, words);
        sh_bits->and_into(words, present, word_count);
        break;
    }
    if (match->negated)
        for (uint32_t w = 0; w < word_count; w++)
            words[w] = present[w] & ~words[w];
    if (match->when_missing) {
        for (uint32_t w = 0; w < word_count; w++)
            words[w] |= ~present[w];
        clear_behind(words, count);
    }
}
