/* insight.h -- what an audience is like: many looks at it from one evaluation.
 *
 *   audience ----.                                      .-- tags       interests: tea 4,120 (base 61,300) ...
 *   base --------+-- block by block: views of users ----+-- values     city: Chengdu 1,044 (base 90,112) ...
 *                    (no base: everybody; then what      |-- numbers    points: a tally, count, sum
 *                     is kept answers for it)            |-- events     purchase.store: users and events of each
 *                                                        |-- numbers    purchase.amount over a window
 *                                                        |-- days       purchases and buyers of each local day
 *                                                        '-- cross      tier x city
 *
 * Counts are of users of this shard, by code or number; texts, shares and the choice of the top ones are for who packs
 * and merges them: what is here adds up over shards.
 *
 * Tags. A few users' tags are read from their lists, about 15 ns a user; many users are crossed with the tags' bitmaps,
 * of which an array costs its entries and a block of bits one pass; all but a few are everybody's kept counts less the
 * few others' lists. The cheapest of the three is chosen in each block, so no audience costs more than the bitmaps: for
 * 10 M users and 500 tags about 5 ms.
 * Values and numbers read the column, 2-3 ns a user. Events are read from the cells of the window, or from the users'
 * histories where those are few. Users are counted once in each value of events: a block's rows are dealt by value,
 * then a register says who was seen.
 *
 * Rows may be written between two steps: each block is true of the moment it was read. Values that were new after the
 * beginning (a tag nobody had before) are not counted.
 */
#ifndef SH_INSIGHT_H
#define SH_INSIGHT_H

#include "query.h"
#include "tally.h"

struct sh_where; /* query_where.h */

enum sh_look_kind {
    SH_LOOK_TAGS,         /* tag set `index` */
    SH_LOOK_VALUES,       /* attribute `index`: bool, enum or string */
    SH_LOOK_NUMBERS,      /* attribute `index`: int, decimal or time */
    SH_LOOK_EVENT_VALUES, /* `source` of events: bool, enum or string, or the item */
    SH_LOOK_EVENT_NUMBERS,
    SH_LOOK_DAYS, /* events by local day */
    SH_LOOK_CROSS /* axes[0] with axes[1] */
};
enum sh_look_source { SH_LOOK_PROPERTY, SH_LOOK_AMOUNT, SH_LOOK_ITEM, SH_LOOK_ITEM_ATTRIBUTE };

/* Attribute `index` (bool, enum, string), or tag set `index`. */
struct sh_look_axis {
    bool is_tag_set;
    uint32_t index;
};

struct sh_look_spec {
    enum sh_look_kind kind;
    uint32_t index;
    bool has_base; /* TAGS, VALUES: the base is to be counted too */
    /* events */
    enum sh_look_source source; /* PROPERTY, ITEM_ATTRIBUTE: number `index` */
    uint32_t event_type;
    struct sh_where *where; /* NULL: all */
    int64_t from_ms;
    int64_t until_ms;
    struct sh_look_axis axes[2];
};

/* What is counted; which fields mean something goes by the kind. */
struct sh_look {
    struct sh_look_spec spec;
    uint32_t code_count;     /* of the arrays below */
    uint64_t *users;         /* TAGS, VALUES, EVENT_VALUES, DAYS: by code (DAYS: by day - first_day) */
    uint64_t *base;          /* TAGS, VALUES: of the base */
    uint64_t *events;        /* EVENT_VALUES, DAYS */
    int32_t first_day;       /* DAYS */
    uint64_t missing_users;  /* VALUES, NUMBERS: without a value */
    uint64_t missing_events; /* EVENT_VALUES, EVENT_NUMBERS: without it */
    uint64_t event_count;    /* all events in the window */
    uint64_t actor_count;    /* users with any of them */
    struct sh_tally
        numbers; /* NUMBERS, EVENT_NUMBERS; CROSS: code of axis 0 << 32 | code of axis 1, SH_CODE_NONE: none */
};

struct sh_insight;
struct sh_insight_spec {
    const struct sh_query_scope *scope;
    struct sh_plan *audience;
    struct sh_plan *base; /* NULL: all users */
    const struct sh_look_spec *looks;
    uint32_t look_count;
};
/* Everything in spec outlives the insight. SH_ERR_MEMORY; SH_ERR_LIMIT over SH_INSIGHT_VALUE_COUNT_MAX values. */
SH_MUST_CHECK enum sh_status sh_insight_create(const struct sh_insight_spec *spec, struct sh_insight **insight,
                                               struct sh_error *err);
void sh_insight_destroy(struct sh_insight *insight); /* NULL is fine */
/* About as much work as block_count bare blocks, at least one. SH_ERR_LIMIT: too many different values. */
SH_MUST_CHECK enum sh_status sh_insight_step(struct sh_insight *insight, uint32_t block_count, bool *done,
                                             struct sh_error *err);

uint64_t sh_insight_count(const struct sh_insight *insight);
uint64_t sh_insight_base_count(const struct sh_insight *insight);
const struct sh_look *sh_insight_look(const struct sh_insight *insight, uint32_t number);

#endif
