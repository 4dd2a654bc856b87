/* query_derived.h -- values of users that the scope's owner works out: scores, stages, sums that follow events and now.
 *
 *   rfm.segment = '重要挽留' and value.amount >= 1000
 *        |                         |
 *        '-- field "rfm.segment"   '-- field "value.amount"      of one catalogue that the owner fills
 *
 * Expressions, orders and fields of rows name them as they name attributes; an attribute of the same name comes first.
 * Names are `lifecycle`, or two words with a point between them, of which the first is rfm, value, invited or score.
 * What stands behind score. is a name of people's own choice that needs no backticks.
 *
 * Most of them have few values: scores, names of cells. Such a field has a list of values, and what is read for a user
 * is a place in that list, one byte; a condition then becomes 256 bytes that say yes or no.
 */
#ifndef SH_QUERY_DERIVED_H
#define SH_QUERY_DERIVED_H

#include "column.h"
#include "dictionary.h"
#include "table.h"

struct sh_match; /* query_match.h */

enum {
    SH_DERIVED_SPAN = 1024, /* slots read at once: their values stay in the L1 cache */
    SH_DERIVED_CODE_MAX = 256,
};

struct sh_derived_field {
    struct sh_text name;
    enum sh_type type; /* INT, DECIMAL, TIME, ENUM */
    uint32_t scale;
    const struct sh_dictionary *labels; /* ENUM: a label's code is its rank */
    const uint32_t *ranks;              /* ENUM: 0, 1, 2 ... */
    const int64_t *values;              /* of few values: the value of each code; NULL: read_values gives it itself */
    uint32_t value_count;               /* code 0 is missing: values[0] means nothing */
    uint32_t part_count;                /* expressions that are evaluated for it; 0: it is read. For estimates */
};

struct sh_derived {
    const struct sh_derived_field *fields; /* stay where they are while anybody may read them */
    uint32_t field_count;
    const void *owner;
    /* What a reader may not answer, an error, its owner keeps for the end of the request. */
    /* Slots first .. first + count - 1, all of one block, count at most SH_DERIVED_SPAN, as they are at now_ms. */
    void (*read_codes)(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                       uint8_t *codes);
    /* values of missing ones mean nothing; bit i of present is about slot first + i, bits from count on are 0. */
    void (*read_values)(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                        int64_t *values, uint64_t *present);
};

/* Is it a name that only a derived field can have: two words, the first of them a group? */
bool sh_derived_is_name(struct sh_text name);
bool sh_derived_is_group(struct sh_text word);
/* -1 if there is none; derived may be NULL. */
int32_t sh_derived_find(const struct sh_derived *derived, struct sh_text name);
/* One user. False if it is missing. */
bool sh_derived_get(const struct sh_derived *derived, uint32_t field, uint32_t slot, int64_t now_ms, int64_t *value);
/* The slots of a block whose value satisfies the match, negated and when_missing included, into SH_BLOCK_WORDS words;
 * spans without any bit in `among` are passed over. */
void sh_derived_match(const struct sh_derived *derived, uint32_t field, uint32_t block, int64_t now_ms,
                      const struct sh_match *match, const uint64_t *among, uint64_t *words);

#endif
