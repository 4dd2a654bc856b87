/* learner_private.h -- inside the learner: for its files and their tests. */
#ifndef SH_LEARNER_PRIVATE_H
#define SH_LEARNER_PRIVATE_H

#include "learner.h"

enum {
    LEARNER_BITS = 17,
    CALIBRATION_BITS = 1, /* bucket 0: c0, bucket 1: c1 */
    /* Terms of one example: one of each, and pairs of kinds. */
    TERM_COUNT_MAX =
        8 + SH_SHOWN_PART_COUNT + SH_SHOWN_KIND_COUNT * (2 + SH_SERVED_KIND_COUNT) + 2 * SH_SERVED_KIND_COUNT,
};

/* Means of losses, thinned. */
struct loss_sums {
    double predicted;
    double calibrated;
    double rate;
    double weight;
};

struct goal_model {
    struct sh_ftrl *weights;     /* NULL: nothing learned yet */
    struct sh_ftrl *calibration; /* NULL together with weights */
    struct loss_sums losses;
    uint64_t examples;
    uint64_t acts;
};

/* What an item is known by; follows from its row. */
struct item_view {
    uint64_t category;
    uint64_t store;
    uint32_t name;
    uint32_t kinds[SH_SHOWN_KIND_COUNT];
    uint8_t kind_count;
    uint8_t price;
    bool is_known;
};

struct sh_learner {
    const struct sh_table *users;
    const struct sh_table *items;
    struct sh_learner_config config;
    struct sh_rates *rates;
    uint64_t part_names[SH_SHOWN_PART_COUNT];
    struct sh_impressions impressions;
    struct goal_model goals[SH_GOAL_COUNT];
    struct sh_learner_act early[SH_IMPRESSION_EARLY_MAX]; /* a ring: number n has the place n modulo its length */
    uint64_t early_count;                                 /* ever */
    struct item_view *views;
    uint32_t view_capacity;
    uint64_t feeds, items_shown, lost, unknown;
    int64_t amount;
    struct sh_shown_report sources[SH_LEARNER_SOURCE_COUNT];
    struct sh_shown_report places[SH_LEARNER_PLACE_COUNT];
    struct sh_shown_report explored;
};

/* One item at one place for one user at one moment. */
struct example {
    double score;
    const uint32_t *user_kinds;
    const uint32_t *kinds;
    const uint8_t *parts;
    const uint64_t *part_names;
    uint32_t place; /* 1 is the first */
    uint32_t name;
    uint32_t user_kind_count;
    uint32_t kind_count;
    uint8_t hour;
    uint8_t price;
    uint8_t rate;
};

/* learner_terms.c */

/* By the features' names: a feature that is added before others changes nothing for them. */
void learner_name_parts(uint64_t names[SH_SHOWN_PART_COUNT]);
/* Those that are the same for all items of a feed, and those that are not. Return how many, together at most
 * TERM_COUNT_MAX. */
uint32_t user_terms(const struct example *example, struct sh_ftrl_term *terms);
uint32_t item_terms(const struct example *example, struct sh_ftrl_term *terms);
/* log2(1 + |score|) with the score's sign, and its inverse. */
double squeeze_score(double score);
double unsqueeze_score(double x);
/* What the blend alone says of a goal, and its slope over x. */
double calibrated_logit(const struct sh_learner *learner, enum sh_goal goal, double x, double *slope);
/* Are the goal's weights to be used? */
bool goal_is_trusted(const struct sh_learner *learner, enum sh_goal goal);
/* Does anybody want to know of it? */
bool goal_is_wanted(const struct sh_learner *learner, enum sh_goal goal);
/* What an item is known by: NULL if memory is out. */
const struct item_view *item_view(struct sh_learner *learner, uint32_t item);
/* A rate beside the overall one, as a part of a score is written. */
uint8_t rate_part(double rate, double overall);
struct sh_rate_place rate_place(const struct item_view *view, uint32_t item);
/* Learn from one feed whose window is over. */
void learn_impression(struct sh_learner *learner, const struct sh_impression *impression);
/* False: memory is out. */
bool goal_make(struct goal_model *model);

#endif
