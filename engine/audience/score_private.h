/* score_private.h -- what the files of scores share.
 *
 *   score.c       the plans, and the fields they are
 *   score_uses.c  who uses whom
 *   score_run.c   what a plan is worth for users
 *   score_archive.c  plans saved and loaded
 */
#ifndef SH_SCORE_PRIVATE_H
#define SH_SCORE_PRIVATE_H

#include "bounds.h"
#include "score.h"

/* A plan prepared for a moment. */
struct score_run {
    const struct sh_score *score; /* NULL: free */
    int64_t now_ms;
    int64_t clock_ms; /* 0 where it changes nothing */
    uint64_t stamp[4];
    uint64_t used; /* when, by the count of uses */
    bool is_busy;
    struct sh_arena arena;
    struct sh_plan **plans;          /* a part each */
    struct sh_event_scratch *events; /* shared by the plans, of which one runs at a time */
    struct sh_calculation_scratch *calculations;
    /* the block at hand; NULL: no block yet */
    __int128 *sums;
    uint64_t *fits; /* users whose sum is inside bounds so far */
    bool has_block;
    uint32_t block;
    uint64_t block_version;
    /* single reads of one block without a write between them */
    uint32_t single_block;
    uint32_t single_count;
    uint64_t single_version;
};

struct sh_scores {
    struct sh_scores_source source;
    struct sh_score **list;
    uint32_t count;
    uint32_t capacity;
    struct sh_derived derived;
    struct sh_derived_field *fields;
    uint32_t field_capacity;
    uint32_t base_count; /* fields before the first score */
    struct score_run runs[SH_SCORE_PREPARED_COUNT_MAX];
    uint64_t use_count;
    struct sh_error fault;
};

/* score.c: the part's text as a tree: an expression, or of a weight a calculation (query_quantity.h). */
SH_MUST_CHECK enum sh_status score_part_parse(const struct sh_score_part *part, struct sh_arena *arena,
                                              struct sh_node **tree, struct sh_error *err);
/* score.c: a copy of the name, with score. before it. False: memory is out. */
bool score_set_name(struct sh_score *score, struct sh_text name);
/* score_uses.c */
SH_MUST_CHECK enum sh_status score_check_cycle(const struct sh_scores *scores, struct sh_text field,
                                               struct sh_node *const *trees, uint32_t tree_count,
                                               const struct sh_query_scope *scope, struct sh_arena *arena,
                                               struct sh_error *err);
/* score_run.c: sh_derived's */
void score_read_values(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                       int64_t *values, uint64_t *present);
void score_read_codes(const void *owner, uint32_t field, uint32_t first, uint32_t count, int64_t now_ms,
                      uint8_t *codes);

#endif
