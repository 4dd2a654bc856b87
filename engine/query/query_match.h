/* query_match.h -- which values of an attribute, an event property or an aggregate satisfy a clause.
 *
 * One predicate over canonical int64 values (table.h), made once at plan time from a bound clause and applied in three
 * places: to a column block, to a strip of an event cell, and to one value.
 *
 *   clause                              kind      what is kept
 *   points between 5 and 9              RANGE     low 5, high 9
 *   tier >= 'gold'                      RANGE/SET the codes of the labels from that rank on
 *   city in ('A', 'B')                  SET       their codes, ascending
 *   name starts with 'x', contains      BITS      one bit a code of the dictionary, asked at plan time
 *   birthday in next 7 days             YEARLY    one bit a day of the year
 *   is not missing / is missing         ANY / NONE with when_missing
 *
 * negated: present values for which the kind says no. A missing value satisfies a match only through when_missing.
 */
#ifndef SH_QUERY_MATCH_H
#define SH_QUERY_MATCH_H

#include "query.h"

enum sh_match_kind { SH_MATCH_NONE, SH_MATCH_ANY, SH_MATCH_RANGE, SH_MATCH_SET, SH_MATCH_BITS, SH_MATCH_YEARLY };

/* Days of the year that count, by month and day, and the same by day number for the years people are born in. */
struct sh_yearly;

struct sh_match {
    enum sh_match_kind kind;
    bool negated;
    bool when_missing;
    int64_t low, high;     /* RANGE */
    const int64_t *values; /* SET: ascending, no doubles */
    uint32_t value_count;  /* SET */
    uint32_t bit_count;    /* BITS: values 0 .. bit_count - 1, all others say no */
    const uint64_t *bits;  /* BITS */
    const struct sh_yearly *yearly;
};

/* What the value of an operand is, beside its type: where its texts and ranks are. */
struct sh_value_domain {
    enum sh_type type;
    bool is_date;
    bool by_rank;                      /* ENUM: the values to be matched are ranks, not codes (min and max) */
    const struct sh_dictionary *texts; /* ENUM, STRING */
    const uint32_t *rank_of_code;      /* ENUM */
    const uint32_t *code_of_rank;
};

/* The match of a bound COMPARE, BETWEEN, IN, MISSING, STARTS, CONTAINS, WINDOW or NEXT. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_match_build(const struct sh_node *clause, const struct sh_query_scope *scope,
                                            const struct sh_value_domain *domain, struct sh_arena *arena,
                                            struct sh_match *match, struct sh_error *err);

/* Does the kind hold for this value? negated is not looked at. */
bool sh_match_kind_holds(const struct sh_match *match, int64_t value);
/* The whole match for one value. */
static inline bool sh_match_value(const struct sh_match *match, bool is_present, int64_t value) {
    if (!is_present) return match->when_missing;
    if (match->kind == SH_MATCH_RANGE) return (value >= match->low && value <= match->high) != match->negated;
    return sh_match_kind_holds(match, value) != match->negated;
}

/* The whole match over entries first .. first + count - 1 of a strip, into ceil(count / 64) words, count at most
 * SH_BLOCK_SLOTS; bits from count on are 0. */
void sh_match_strip(const struct sh_match *match, const struct sh_strip *strip, uint32_t first, uint32_t count,
                    uint64_t *words);

#endif
