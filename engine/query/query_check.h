/* query_check.h -- what the parts of the checker share; private to engine/query.
 *
 *   query_check.c   walks the tree: what may stand where, segments, names of attributes, events, properties
 *   query_bind.c    literals: from what was written to the canonical values that satisfy
 *   query_check_term.c  comparisons of calculations
 *   query_window.c  dates, instants and windows
 */
#ifndef SH_QUERY_CHECK_H
#define SH_QUERY_CHECK_H

#include "query.h"

/* What the values of an operand are. */
struct sh_query_domain {
    enum sh_type type;
    uint32_t scale;
    bool is_date;
    const struct sh_dictionary *texts; /* ENUM, STRING; NULL if the values are ids */
    const uint32_t *rank_of_code;      /* ENUM */
    const uint32_t *code_of_rank;
    const struct sh_table *ids; /* STRING: the values are ids, kept as slots of this table */
    struct sh_text words;       /* "city", "sum(purchase.amount)": for messages */
};

struct sh_checker {
    const struct sh_query_scope *scope;
    struct sh_arena *arena;
    struct sh_error *err;
    const struct sh_event_type *event; /* inside its where; else NULL */
    const struct sh_hidden *hidden;    /* the scope's, but not within saved expressions */
    uint32_t node_count;
    uint32_t depth;
    bool reshaped; /* the tree is no longer canonical */
};

/* -1 for SH_POSITION_NONE. */
static inline int64_t sh_checker_position(uint32_t position) {
    return position == SH_POSITION_NONE ? -1 : (int64_t)position;
}
SH_MUST_CHECK enum sh_status sh_checker_memory(struct sh_checker *checker);

/* query_check.c: the name or function of an operand, and what its values are. */
SH_MUST_CHECK enum sh_status sh_check_operand(struct sh_checker *checker, struct sh_operand *operand,
                                              struct sh_query_domain *domain);
/* query_check_term.c: a RELATION. */
SH_MUST_CHECK enum sh_status sh_query_check_relation(struct sh_checker *checker, struct sh_node *node);
/* query_bind.c: fill the bound values of a node whose operand is bound, or fail with SH_ERR_TYPE or SH_ERR_NAME. May
 * turn an IN of whole days into OR or AND. */
SH_MUST_CHECK enum sh_status sh_query_bind(struct sh_checker *checker, struct sh_node *node,
                                           const struct sh_query_domain *domain);
/* "a string", "an int", "a date" ... */
const char *sh_domain_words(const struct sh_query_domain *domain);

/* query_window.c */
struct sh_moment {
    bool is_date;
    int64_t first_ms; /* a date: of its day in the zone, first to last; an instant: both the same */
    int64_t last_ms;
    int32_t day; /* a date: days since 1970 */
};
/* '2026-03-01' or '2026-03-01 09:30'. SH_ERR_TYPE at the literal. */
SH_MUST_CHECK enum sh_status sh_query_moment(const struct sh_literal *literal, const struct sh_zone *zone,
                                             struct sh_moment *moment, struct sh_error *err);
/* Can the literals of the window be read? */
SH_MUST_CHECK enum sh_status sh_query_window_check(const struct sh_window *window, const struct sh_zone *zone,
                                                   struct sh_error *err);

#endif
