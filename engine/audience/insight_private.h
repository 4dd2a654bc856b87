/* insight_private.h -- what the files of an insight share.
 *
 *   insight.c         the door: blocks, and which looks are asked about them
 *   insight_values.c  tags, values, numbers and crosses: what the table says
 *   insight_events.c  what the event store says
 */
#ifndef SH_INSIGHT_PRIVATE_H
#define SH_INSIGHT_PRIVATE_H

#include "insight.h"

/* Some users of a block, in the forms that looks want. */
struct sh_crowd {
    uint32_t block;
    struct sh_block_view live;
    struct sh_block_view view;
    const uint64_t *words;  /* of the view */
    const uint16_t *places; /* of the view, ascending: view.count of them; NULL if it has more than all looks list */
};

/* An event's place in its block's work: which value, whose. */
struct sh_seen {
    uint32_t code;
    uint16_t slot_low;
};

struct sh_insight {
    const struct sh_query_scope *scope;
    struct sh_plan *audience;
    struct sh_plan *base;
    struct sh_look *looks;
    double *tag_block_ns; /* by look: crossing one block with all bitmaps of the tag set */
    uint32_t look_count;
    uint32_t block;
    uint32_t block_count;
    uint64_t count;
    uint64_t base_count;
    uint64_t *words; /* registers: the crowd's, and one for work */
    uint64_t *work;
    uint16_t *places;
    struct sh_seen *seen; /* EVENT_VALUES, DAYS: of the block at hand */
    uint32_t seen_count;
    uint32_t seen_capacity;
    struct sh_seen *dealt; /* the same, by code */
    uint32_t dealt_capacity;
    uint32_t *starts; /* by code: for dealing */
    uint32_t starts_capacity;
};

/* --- insight_values.c --- */

/* Make room for what is counted. */
SH_MUST_CHECK enum sh_status sh_look_prepare_values(struct sh_insight *insight, uint32_t number, struct sh_error *err);
/* counts is look->users, or look->base. */
void sh_look_tags(struct sh_insight *insight, uint32_t number, const struct sh_crowd *crowd, uint64_t *counts);
void sh_look_values(const struct sh_insight *insight, struct sh_look *look, const struct sh_crowd *crowd,
                    uint64_t *counts);
SH_MUST_CHECK enum sh_status sh_look_numbers(const struct sh_insight *insight, struct sh_look *look,
                                             const struct sh_crowd *crowd);
SH_MUST_CHECK enum sh_status sh_look_cross(const struct sh_insight *insight, struct sh_look *look,
                                           const struct sh_crowd *crowd);
/* The base is everybody: counts that are kept, or a pass over the column. */
void sh_look_base_of_all(const struct sh_insight *insight, struct sh_look *look);

/* --- insight_events.c --- */

SH_MUST_CHECK enum sh_status sh_look_prepare_events(struct sh_insight *insight, uint32_t number, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_look_events(struct sh_insight *insight, struct sh_look *look,
                                            const struct sh_crowd *crowd, struct sh_error *err);

#endif
