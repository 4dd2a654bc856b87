/* feed_feature.h -- the door through which everything that speaks for an item comes into the feed.
 *
 *   stage        what it does                                                                  where
 *   features     each listens to the request: begin()                                          feed_feature.c
 *   eligibility  one bit an item: listed, allowed by the caller, not held back                 feed_held.c, feed_score.c
 *   first        score of a candidate = contributions of the features, added in their order    feed_score.c
 *   narrowing    in large catalogues: a first score in whole numbers, and `first` of the best     feed_narrow.h, feed_first.c
 *   second       the best SECOND_COUNT with all contributions, if the model has a ranker       feed_second.h
 *   re-rank      places: what the merchant rules, explored ones                                feed_rules.h, feed_rank.c,
 *                                                                                              feed_explore.c
 *   answer       sources, contributions, rules, reasons of each item                           feed_get.c
 *
 * A feature is a row of feed_features[], at the place that enum sh_feed_feature gives it, and that is all the pipeline
 * knows of it. To add one (say, what is due to be bought again):
 *
 *   1. feed.h: SH_FEED_DUE in enum sh_feed_feature, before SH_FEED_RANKER; a source in enum sh_feed_source, before
 *      SH_FEED_SOURCE_EXPLORE, if items should say that it proposed them.
 *   2. feed_due.c: `const struct feed_feature feed_due = {...}`; feed_feature.c: its row, and the source's name.
 *   3. Nothing else: the weight `scores.due` of schema.put and schema.get, the snapshot, what explains a score and the
 *      check that contributions add up to it follow from the row. What it learns from events is the model's matter
 *      (feed_learn.c).
 *
 * What an item gets from a feature is a function of the request and the state, and of no other item: value() says it
 * for one, add_block() adds the same bits for the candidates of a block of 65,536. A feature that speaks for few items
 * keeps a feed_sparse and leaves both to it.
 *
 * Weight 0 switches a feature off: it is not asked at all. From SH_FEED_RANKER on they are no rows: what a ranker and
 * the merchant's rules add is known when the rest is.
 */
#ifndef FEED_FEATURE_H
#define FEED_FEATURE_H

#include "feed_private.h"

/* ---- Values of few items ---- */

/* A list of items and their values, and a hash table of where each stands in it. Items not in it have 0. */
struct feed_sparse {
    uint32_t *items;
    double *values;
    uint32_t count;
    uint32_t capacity;
    uint32_t *places; /* 1 + where; 0: nothing */
    uint32_t place_mask;
};
/* Room for so many different items, in the arena. */
SH_MUST_CHECK enum sh_status feed_sparse_init(struct feed_sparse *sparse, uint32_t capacity, struct sh_arena *arena);
/* Adds to the item's value. */
void feed_sparse_add(struct feed_sparse *sparse, uint32_t item, double value);
double feed_sparse_value(const struct feed_sparse *sparse, uint32_t item);
/* Where in the list; count: it is not in it. */
uint32_t feed_sparse_place(const struct feed_sparse *sparse, uint32_t item);

/* ---- A feature ---- */

/* A block of items while it is scored. Places are slots from `first` on; only those below place_count exist. */
struct feed_block {
    uint32_t number;
    uint32_t first;
    uint32_t place_count;
    const uint64_t *candidates; /* SH_BLOCK_WORDS words */
    double *sums;               /* by place; those of no candidate are nobody's */
};

/* What speaks for one item, while it is put together. */
struct feed_reasons {
    struct sh_feed_reason list[PROFILE_COUNT_MAX + 16];
    uint32_t count;
};
/* Full or a value of 0: left out. */
void feed_reason_add(struct feed_reasons *reasons, const char *kind, double value);

/* The strongest of them, at most max, in the arena, the largest by absolute value first. SH_ERR_LIMIT: the arena is full. */
SH_MUST_CHECK enum sh_status feed_reasons_take(struct feed_reasons *reasons, uint32_t max, struct sh_arena *arena,
                                               const struct sh_feed_reason **list, uint32_t *count);

struct feed_feature {
    const char *name; /* of its weight in the schema, and of its contribution */
    double weight;    /* unless the workspace says another */
    /* Bytes of *state, zeros at first, for one request. At least sizeof(struct feed_sparse) if is_sparse. */
    size_t state_bytes;
    bool is_sparse; /* the state begins with a struct feed_sparse that says all values */

    /* Listen to the request. SH_ERR_LIMIT: the arena is full. May be NULL. */
    enum sh_status (*begin)(struct feed_run *run, void *state);
    /* The weight is part of it. Not asked if is_sparse. */
    double (*value)(const struct feed_run *run, const void *state, uint32_t item);
    /* Adds value() of each candidate to its sum. NULL: value() is asked for each. */
    void (*add_block)(const struct feed_run *run, const void *state, const struct feed_block *block);
    /* Has it anything to say in this request? May be NULL: it may have. */
    bool (*is_silent)(const void *state);
    /* Bits enum sh_feed_source: which sources propose the item, to which the feature gives this value. */
    uint32_t (*sources)(const struct feed_run *run, const void *state, uint32_t item, double value);
    /* The parts of the value for people. May be NULL: one reason of the feature's name. */
    void (*explain)(const struct feed_run *run, const void *state, uint32_t item, double value,
                    struct feed_reasons *reasons);
};

extern const struct feed_feature feed_due, feed_trend, feed_vector;
extern const struct feed_feature feed_affinity, feed_popular, feed_recent, feed_visit, feed_companions, feed_walk;
extern const struct feed_feature feed_ials, feed_ease, feed_knn, feed_rp3;
/* By enum sh_feed_feature, as far as SH_FEED_RANKER. */
extern const struct feed_feature *const feed_features[SH_FEED_RANKER];

/* All that have a weight (run->weights) begin. */
SH_MUST_CHECK enum sh_status features_begin(struct feed_run *run);
/* Is it part of this request's scores? */
static inline bool feature_is_on(const struct feed_run *run, uint32_t feature) {
    return run->weights[feature] > 0;
}
double feature_value(const struct feed_run *run, uint32_t feature, uint32_t item);
void feature_add_block(const struct feed_run *run, uint32_t feature, const struct feed_block *block);

/* feed_popular.c: what a recency is now, as a factor. The feature is on. */
double recent_scale(const struct feed_run *run);

/* feed_score.c: what boosts and fatigue add to a score. */
double rules_of(const struct feed_run *run, uint32_t item, double score);
/* A block whose candidates are known, and one whose candidates are found (SH_BLOCK_WORDS words). */
struct feed_block block_of(const struct feed_run *run, uint32_t number, const uint64_t *words);
struct feed_block begin_block(const struct feed_run *run, uint32_t number, uint64_t *words);

/* feed_score.c: reasons of fatigue and boosts, and their bits of enum sh_feed_applied. */
void explain_rules(const struct feed_run *run, const struct feed_candidate *candidate, struct feed_reasons *reasons,
                   uint32_t *applied);

#endif
