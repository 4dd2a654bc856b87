/* query_words.h -- the words of both written forms, and what makes nodes; private to engine/query. */
#ifndef SH_QUERY_WORDS_H
#define SH_QUERY_WORDS_H

#include "arena.h"
#include "buffer.h"
#include "query_tree.h"

extern const char *const sh_compare_words[6]; /* by enum sh_compare: "=", "!=" ... */
extern const char *const sh_term_words[6];    /* by enum sh_term_kind: "+", "-", "*", "/"; else NULL */
extern const char *const sh_has_words[3];     /* "any", "all", "none" */
extern const char *const sh_function_words[SH_FUNCTION_EXPECTED_NEXT + 1]; /* [SH_FUNCTION_NONE] is NULL */
extern const char *const sh_unit_words[8];                                 /* singular; [SH_UNIT_NONE] is NULL */

enum {
    /* last N, next N: 10^6 weeks are 19,000 years; in milliseconds that is far inside 64 bits. */
    SH_WINDOW_COUNT_MAX = 1000000,
    SH_SAMPLE_PARTS = 1000000, /* of a whole */
};

/* SH_FUNCTION_NONE if it is not one. Case is ignored, as in all keywords. */
enum sh_function sh_function_of(struct sh_text word);
/* Singular or plural; SH_UNIT_NONE if it is not one. */
enum sh_unit sh_unit_of(struct sh_text word);
/* Does a function aggregate a property (MUST, as sum), the event itself (NEVER, as count), or either (first, last)? */
enum sh_property_use { SH_PROPERTY_NEVER, SH_PROPERTY_MUST, SH_PROPERTY_MAY };
enum sh_property_use sh_function_property_use(enum sh_function function);
/* Is its value a fraction: avg, and the gaps? */
bool sh_function_is_fraction(enum sh_function function);
/* last N minutes, hours, days, weeks; last N calendar days, weeks, months, quarters, years; this, previous as calendar.
 */
bool sh_unit_slides(enum sh_unit unit);
bool sh_unit_is_calendar(enum sh_unit unit);

/* A reach of the last step is what is meant without one: the canonical form has 0. False: there is no such step. */
bool sh_sequence_settle(struct sh_node *node);
/* query_print.c: the canonical text of a calculation. */
void sh_query_print_term(const struct sh_term *term, struct sh_buffer *buffer);

/* A zeroed node; NULL when the arena is full. */
struct sh_node *sh_node_make(struct sh_arena *arena, enum sh_node_kind kind, uint32_t position);
/* Put a literal behind the others, growing by doubling. False when the arena is full. */
bool sh_node_add_literal(struct sh_arena *arena, struct sh_node *node, struct sh_literal literal);
/* 10% is 100,000: number is a normalized percentage. False if it is not 0..100 or finer than a millionth. */
bool sh_sample_parts_of(struct sh_text number, uint32_t *parts);

#endif
