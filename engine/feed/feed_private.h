/* feed_private.h -- inside the feed: for the files of this module and its tests. */
#ifndef SH_FEED_PRIVATE_H
#define SH_FEED_PRIVATE_H

#include "feed.h"
#include "feed_narrow_state.h"
#include "feed_pool.h"
#include "item_models.h"
#include "pairs.h"
#include "sessions.h"

/* ---- Feature tags: feed_tags.c ----
 *
 * One number for a tag of a tag set or the value of an enum or string attribute of items:
 *     tag         0 | tag set  | code        bits 31 | 30..16 | 15..0
 *     attribute   1 | index    | code
 * Codes of values that do not fit are of attributes with far too many values to say anything about taste. */
enum {
    ITEM_TAG_COUNT_MAX = 64, /* of one item that learning looks at */
    PROFILE_COUNT_MAX = SH_FEED_AFFINITY_COUNT_MAX + SH_FEED_DECLARED_COUNT_MAX,
    PROFILE_PLACE_BITS = 9,
    PROFILE_PLACES = 1 << PROFILE_PLACE_BITS,
    PROFILE_NONE = 255,
};

/* The first `max` feature tags of an item, in order of their sets, then attributes. Returns how many were written;
 * *all (may be NULL) is how many there are. */
uint32_t item_tags(const struct sh_table *items, uint32_t item, uint32_t *tags, uint32_t max, uint32_t *all);
/* The items that have it. NULL if there are none, or no bitmap of them is kept. */
const struct sh_bitmap *tag_items(const struct sh_table *items, uint32_t tag);
struct sh_text tag_name(const struct sh_table *items, uint32_t tag);
struct sh_text tag_group(const struct sh_table *items, uint32_t tag);
/* The place of a tag in every sum: depends on its names only. */
uint64_t tag_order(const struct sh_table *items, uint32_t tag);
/* Is there such a feature tag? */
bool tag_is_known(const struct sh_table *items, uint32_t tag);
/* The feature tags of items that read as `text`. Returns how many were written, at most max. */
uint32_t tags_of_text(const struct sh_table *items, struct sh_text text, uint32_t *tags, uint32_t max);

/* ---- The model ---- */

/* What one user is drawn to. Values are as of landmark_ms: an event of time t adds weight * 2^((t - landmark) / H). */
struct affinity {
    int64_t landmark_ms;
    uint16_t count;
    uint16_t capacity;
    uint32_t unused;  /* so that words are aligned to 16 bytes */
    uint32_t words[]; /* capacity tags (those from count on: all ones), as many floats short, as many long */
};
_Static_assert(sizeof(struct affinity) == 16, "four words are loaded at once");
static inline uint32_t *affinity_tags(struct affinity *affinity) {
    return affinity->words;
}
static inline float *affinity_short(struct affinity *affinity) {
    return (float *)(void *)(affinity->words + affinity->capacity);
}
static inline float *affinity_long(struct affinity *affinity) {
    return (float *)(void *)(affinity->words + 2 * (size_t)affinity->capacity);
}

/* Sums of effects by period: newest is the highest period seen, and period p has the place p modulo 7. */
struct popularity {
    int64_t sums[SH_FEED_PERIOD_COUNT];
    int32_t newest;
    uint32_t is_used;
};
_Static_assert(sizeof(struct popularity) == 64, "one cache line an item");

struct sh_feed_model {
    struct sh_feed_scope scope;
    struct sh_feed_config config;
    struct sh_feed_weight weights[SH_EVENT_TYPE_COUNT_MAX];
    bool has_weight[SH_EVENT_TYPE_COUNT_MAX]; /* set, or the default by name was looked up */

    struct affinity **users; /* by slot; NULL: nothing learned */
    uint32_t user_capacity;
    uint64_t user_bytes; /* of the lists in users */
    struct feed_pool affinities;

    /* By item slot, all item_capacity long. */
    struct popularity *popularity;
    double *popularity_root; /* square root of the sum over periods of sum * 4^(period - base_period) */
    double *recency;         /* 2^((listed_ms - recency_landmark_ms) / H) */
    double *inverse_norm;    /* 1 / sqrt(feature tags); 0 without any */
    int64_t *listed_ms;      /* INT64_MIN: not listed */
    uint64_t *id_hash;
    uint64_t *listed;       /* a bit an item: words, so that taking one off cannot fail */
    uint32_t item_capacity; /* a multiple of 64 */
    uint32_t listed_count;
    int32_t base_period;
    bool has_base_period;
    uint64_t *stale; /* a bit an item: its sums changed since its root was taken */
    bool has_stale;
    double top_root; /* the highest popularity_root */
    int64_t recency_landmark_ms;
    bool has_recency_landmark;

    struct sh_sessions *sessions;
    struct sh_pairs *liked;         /* pairs of all that is liked, by weight */
    struct sh_pairs *bought;        /* pairs of what is bought, each purchase of a user once */
    struct sh_item_models *trained; /* tables of items that trainings left */
    struct sh_learner *learner;
    struct sh_trends *trends; /* by the half-lives of trends and of popularity */
    struct store_property {
        uint32_t property_count; /* of the type when it was looked up, plus 1; 0: it was not */
        int32_t property;        /* -1: none */
    } store_properties[SH_EVENT_TYPE_COUNT_MAX];
    struct sh_vectors *item_vectors;
    struct sh_vectors *user_vectors;
    struct feed_narrow narrow;
    const struct feed_ranker *ranker; /* of the second phase (feed_second.h); NULL: there is none */

    double *block_sums;    /* scratch of scoring: SH_BLOCK_SLOTS sums */
    double *block_adds;    /* as many that boosts add; NULL until there is a boost */
    uint16_t *block_slots; /* and as many slots */
};

static inline bool item_is_stale(const struct sh_feed_model *model, uint32_t item) {
    return model->stale[item / 64] >> (item % 64) & 1;
}

static inline bool item_is_known(const struct sh_feed_model *model, uint32_t item) {
    return item < model->item_capacity;
}

static inline bool item_is_listed(const struct sh_feed_model *model, uint32_t item) {
    return item < model->item_capacity && (model->listed[item / 64] >> (item % 64) & 1);
}

/* feed_model.c: the rules of one user's list. */
bool affinity_check(struct affinity *affinity, const char **reason);

/* feed_batch.c: ask for the user's list, which may be none. */
void affinity_prefetch(const struct sh_feed_model *model, uint32_t user);

/* feed_learn.c */

/* A place for the user's list, which may be none. */
SH_MUST_CHECK enum sh_status users_reserve(struct sh_feed_model *model, uint32_t user);
/* The user's list, with room for `more` new entries as far as the maximum allows. */
SH_MUST_CHECK enum sh_status affinity_reserve(struct sh_feed_model *model, uint32_t user, uint32_t more,
                                              struct affinity **found);
/* What follows from a listed item's row and listed_ms: norm, hash, recency. */
void item_learn_row(struct sh_feed_model *model, uint32_t item);
SH_MUST_CHECK enum sh_status item_reserve(struct sh_feed_model *model, uint32_t item);
size_t affinity_bytes(uint32_t capacity);
/* From the sums of its periods alone. */
double popularity_root_of(const struct sh_feed_model *model, const struct popularity *popularity);
/* Its root can be taken: its periods are not too far ahead of the base. */
bool popularity_fits_base(const struct sh_feed_model *model, const struct popularity *popularity);
/* The roots of items whose sums changed, and the top: roots are for readers, and a batch of events changes the sums of
 * an item many times before somebody reads. To be called before popularity_root or top_root is read. */
void popularity_settle(struct sh_feed_model *model);
/* All roots and the top, after the base moved or the sums were emptied. */
void popularity_refresh(struct sh_feed_model *model);
/* All recencies, after the landmark, the half-life or the attribute changed. */
void recency_refresh(struct sh_feed_model *model, int64_t landmark_ms);
/* 2^-20 * root^2 decayed to now. */
double popularity_now(const struct sh_feed_model *model, double root, int64_t now_ms);

/* ---- One request: feed_feature.h has the stages ---- */

/* A feature tag that speaks for or against items, for one user and moment. */
struct profile_tag {
    uint32_t tag;
    uint64_t order;
    double affinity; /* A_t */
    double declared; /* the part of it that the user's own tags are */
    double weight;   /* a_t */
    const struct sh_bitmap *items;
};

struct feed_sparse;
struct feed_likings;
struct feed_reading;

struct held_item {
    uint32_t item;
    uint32_t rules; /* bits, at least one */
};

struct feed_run {
    struct sh_feed_model *model;
    const struct sh_feed_request *request;
    struct sh_arena *arena;
    struct profile_tag profile[PROFILE_COUNT_MAX];
    uint32_t profile_count;
    uint8_t by_tag[PROFILE_PLACES]; /* indexes into profile, by a hash of the tag; PROFILE_NONE: free */
    double weights[SH_FEED_RANKER]; /* of the features: the workspace's, or the request's */
    void *states[SH_FEED_RANKER];   /* of the features */
    struct feed_reading *reading;   /* what the user's events say by the request's own weights; NULL: it has none */
    struct feed_likings *likings;   /* of who asks (feed_likings.h); NULL: nobody wanted them yet */
    struct feed_sparse *ranked;     /* what the second phase said; NULL: nothing yet */
    const struct sh_feed_rules *rules;
    uint32_t *excluded; /* ascending, without doubles */
    uint32_t excluded_count;
    struct held_item *held; /* what rules of `who` hold back; none of excluded */
    uint32_t held_count;
    struct feed_sparse *fatigue; /* times served in vain; NULL: none */
    uint32_t eligible_count;     /* candidates */
    uint32_t scored_count;       /* of these with the feed's score */
    uint32_t *survivors;         /* of a narrowed request: who was scored, in any order; NULL: all were */
    uint32_t survivor_count;
};

/* An item on its way to a place. Its score is the sum of its contributions, added in their order. */
struct feed_candidate {
    uint32_t item;
    double score;
    double contributions[SH_FEED_FEATURE_COUNT];
    uint32_t sources; /* bits enum sh_feed_source, where somebody asked for them */
};

/* An item in a ranking. */
struct ranked {
    double score;
    uint32_t item;
};

/* feed_profile.c */

/* The user's tags. */
void profile_begin(struct feed_run *run);
/* The place of a tag in the profile, or profile_count. */
uint32_t profile_place(const struct feed_run *run, uint32_t tag);

/* feed_held.c: excluded, held and fatigue. */
SH_MUST_CHECK enum sh_status held_begin(struct feed_run *run);
bool item_is_excluded(const struct feed_run *run, uint32_t item);
/* The rules that hold the item back, 0: none. */
uint32_t item_held_by(const struct feed_run *run, uint32_t item);

/* feed_score.c */

/* All contributions so far, and the score. */
void score_item(const struct feed_run *run, uint32_t item, struct feed_candidate *candidate);
/* Bits enum sh_feed_source of a candidate that score_item has filled. */
uint32_t item_sources(const struct feed_run *run, const struct feed_candidate *candidate);
/* May the item be shown at all? (eligible and listed; what was seen, bought or excluded is not looked at) */
bool item_is_eligible(const struct feed_run *run, uint32_t item);
struct best;
/* Where candidates are offered: all of them, or those of a set. */
struct offer {
    struct best *best;
    const struct sh_bitmap *items; /* NULL: all */
};
/* Scores all eligible items that are not held back, and offers each where it fits; and to `explored` (NULL: not wanted)
 * by a draw of the request's seed. */
void score_all(struct feed_run *run, const struct offer *offers, uint32_t offer_count, struct best *explored);
/* How many candidates have a higher score than this item. */
uint32_t score_rank(struct feed_run *run, struct ranked ranked);

/* feed_best.c: the best n by (score, id) in a heap whose root is the worst of them. */
struct best {
    struct ranked *items;
    uint32_t count;
    uint32_t capacity;
    const struct sh_table *table;
};
SH_MUST_CHECK enum sh_status best_init(struct best *best, const struct sh_table *table, uint32_t capacity,
                                       struct sh_arena *arena);
/* Does a come before b? */
bool ranked_before(const struct sh_table *items, struct ranked a, struct ranked b);
void best_insert(struct best *best, struct ranked ranked);
/* Most items are worse than the worst kept, which one compare tells. */
static inline void best_offer(struct best *best, uint32_t item, double score) {
    if (best->count == best->capacity && (best->capacity == 0 || score < best->items[0].score)) return;
    best_insert(best, (struct ranked){score, item});
}
/* Best first. It is no heap any more. */
void best_sort(struct best *best);

/* feed_get.c: block_sums and block_slots are there from now on. */
SH_MUST_CHECK enum sh_status scratch_reserve(struct sh_feed_model *model);

/* feed_rank.c */

/* A place in the feed. */
struct chosen {
    struct ranked ranked;
    uint32_t relaxed; /* bits of kinds and rules */
    uint32_t applied; /* bits enum sh_feed_applied that places are about: pin, slot, quota, mmr */
    bool explored;
    double propensity; /* if explored */
};
/* Somebody who wants to know why an item is not in the feed. */
struct watch {
    uint32_t item;
    uint32_t rules; /* of places, that passed it over */
};
/* Scores and ranks; *chosen has *count places. watch may be NULL. */
SH_MUST_CHECK enum sh_status rank_items(struct feed_run *run, struct watch *watch, struct chosen **chosen,
                                        uint32_t *count);

#endif
