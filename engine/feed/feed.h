/* feed.h -- what should this user see next, and why?
 *
 *   sources             eligibility      features            score        re-rank             answer
 *   affinity  -.        one bitmap       affinity  a_t       fixed order  diversity window    items, score,
 *   declared  --+--> candidates --and--> popularity     -->  sum, best k  explored places --> sources, reasons,
 *   session   --+       and not          recency             by a heap    relaxation          contributions
 *   pairs     --+       bought, seen     session
 *   popular   --+       excluded         pairs, walk
 *   new, trend -+                        trained tables
 *   due       -'                         due, trend
 *   (catalogue)
 *
 * A feature tag of an item is each tag of its tag sets and the value of each of its string and enum attributes (brand,
 * category). The model knows, and learns from every event, at once:
 *
 *   user, feature tag -> affinity    two sums of weight * 2^-(age / half-life), one short-lived, one long-lived
 *   item -> popularity               the sum over all users of weight * 2^-(age / half-life), in integers
 *   visits: who looked at what, one after the other (sessions.h), of events with a weight above 0
 *   pairs: which items the same people like, and which they bought (pairs.h), of the same events
 *   trends: what is liked now and what is usual, everywhere and in each store (trends.h)
 *
 * Score. For user u and item i, with N listed items, n_t of them with tag t, and |i| feature tags on the item:
 *
 *   A_t    = short_share * short[u,t] + (1 - short_share) * long[u,t]    + declared, if the user has that tag
 *   a_t    = weight_affinity * A_t / (1 + sqrt(sum of A^2)) * log2(1 + N / n_t)    0 for a tag that only one item has
 *   score  = sum over t of a_t / sqrt(|i|)                             contribution AFFINITY, one reason a tag
 *          + weight_popularity * sqrt(popularity_i / the highest one)  contribution POPULARITY
 *          + weight_recency * 2^-(age of i / half-life)                contribution RECENCY
 *          + weight_session * (near + 3/4 next + 6 again)              contribution SESSION, reasons session and again
 *          + weight_pairs * sqrt(likeness to the latest items)         contributions PAIRS and WALK: feed_companion.c
 *          + weight_due * how due what the user buys again is          contribution DUE: feed_due.c
 *          + weight_trend * z / (z + 3)                                contribution TREND: feed_trend.c
 *          + weight_vector * cosine of the user's and the item's       contribution VECTOR: feed_vector.c
 *
 * SESSION is of the visit that the user is in the middle of, or of the clicks that the request brings: what similar
 * visits had, what came after the last click, and whether people go back so far. Its factors were chosen on a shop's
 * sessions held back for that (shoal eval session).
 *
 * Sums run in a fixed order (tags by a hash of their names, then as listed) over plain IEEE operations
 * and the functions of feed_math.h, so a score is the same number on every machine and for any number of shards, and
 * the contributions that an item reports, added in their order, are exactly its score. Ties go by external id bytes.
 *
 * Several shards. Affinity lies with the user's shard. Popularity must be the same in all: one event's share in it is
 * an integer amount for an integer period (struct sh_feed_effect), and those commute, so a shard hands its effects to
 * its siblings and each adds them in whatever order they come.
 *
 *   popularity of an item:   period    811   812   813   814   815   816   817      a period is two half-lives long;
 *                            sum        0    40     0   513   977     0   120      a late event finds its own, or is
 *                                                                                  older than 12 half-lives: nothing
 *
 * Never empty: if fewer items are left than asked for, rules give way in a written order, and each item says which
 * did: feed_rules.h. What is not eligible or was excluded by the request never comes back. Rules of places choose among
 * the best 4 count + 32, and further down when none of these keeps them.
 *
 * Cost of one feed that is not narrowed (feed_narrow.h): every eligible item is scored, exactly; a source says why an item is a candidate, it does not cut
 * the others off. The affinities of a block of 65,536 items are added tag by tag along the tags' bitmaps into sums that
 * stay in L2, so the work is the users' tags times the items that have them, plus a few operations an eligible item:
 * about 0.35 ms for 100,000 items with 38 % eligible and a user with 40 tags (bench/micro/feed_bench). The stages, and
 * how something new comes into the score: feed_feature.h; a second phase: feed_second.h. Memory: 104
 * bytes an item that an event named or that was put (slots in use, with room to grow by half); 8 bytes a user slot, and
 * for a user who acted 16 and 12 for each of at most SH_FEED_AFFINITY_COUNT_MAX feature tags, in steps of four: 400 at
 * most (feed_pool.h: what a grown or forgotten list leaves waits for the next list of its size); 0.6 MiB of scratch
 * once a feed was asked for; and what visits, pairs, trends and trained tables say of themselves: struct
 * sh_feed_memory. Failure: on SH_ERR_MEMORY a model knows what it knew, except where said. Threads: a model
 * belongs to one shard.
 */
#ifndef SH_FEED_H
#define SH_FEED_H

#include "archive.h"
#include "arena.h"
#include "bitmap.h"
#include "bounds.h"
#include "buffer.h"
#include "event_store.h"
#include "feed_rules.h"
#include "item_models.h"
#include "learner.h"
#include "pairs.h"
#include "sessions.h"
#include "table.h"
#include "trends.h"
#include "vectors.h"

enum {
    /* Feature tags kept for a user; the weakest gives way to a new one. An item has about five, and interests beyond
     * some thirty are below the noise of the others. */
    SH_FEED_AFFINITY_COUNT_MAX = 32,
    SH_FEED_DECLARED_COUNT_MAX = 64,  /* a user's own tags that are matched with items, the first by code */
    SH_FEED_HISTORY_COUNT_MAX = 4096, /* newest events that are looked through for what was bought and seen */
    SH_FEED_REASON_COUNT_MAX = 5,     /* told about one item */
    SH_FEED_DISLIKED_DAYS = 365,
    SH_FEED_PERIOD_COUNT = 7, /* of popularity, with its period number one cache line an item */
};

/* ---- Names ---- */

enum sh_feed_source {
    SH_FEED_SOURCE_AFFINITY,  /* has a tag that the user's events are drawn to */
    SH_FEED_SOURCE_DECLARED,  /* has a tag that the user has */
    SH_FEED_SOURCE_SESSION,   /* visits like this one lead to it */
    SH_FEED_SOURCE_PAIRS,     /* goes with what the user liked last */
    SH_FEED_SOURCE_POPULAR,   /* somebody did something with it lately */
    SH_FEED_SOURCE_NEW,       /* listed within two half-lives of recency */
    SH_FEED_SOURCE_TRAINED,   /* a trained table says that it goes with what the user likes */
    SH_FEED_SOURCE_DUE,       /* of a kind that the user buys again and again, and it is time */
    SH_FEED_SOURCE_TREND,     /* liked more than usual, in the store or everywhere */
    SH_FEED_SOURCE_VECTOR,    /* its vector points where the user's does */
    SH_FEED_SOURCE_EXPLORE,   /* drawn by the seed */
    SH_FEED_SOURCE_CATALOGUE, /* none of these: eligible, and there was room */
    SH_FEED_SOURCE_COUNT
};
/* What adds to a score, in the order in which it is added: feed_feature.h says how to add one. */
enum sh_feed_feature {
    SH_FEED_AFFINITY,
    SH_FEED_POPULARITY,
    SH_FEED_RECENCY,
    SH_FEED_SESSION,
    SH_FEED_PAIRS,
    SH_FEED_WALK,
    SH_FEED_IALS, /* these four by trained tables: item_models.h */
    SH_FEED_EASE,
    SH_FEED_KNN,
    SH_FEED_RP3,
    SH_FEED_DUE,
    SH_FEED_TREND,
    SH_FEED_VECTOR,  /* by vectors that the caller gives: feed_vector.c */
    SH_FEED_RANKER,  /* from here on: what the second phase says, when all above is known */
    SH_FEED_FATIGUE, /* and what the merchant's rules add (feed_rules.h) */
    SH_FEED_BOOST,
    SH_FEED_FEATURE_COUNT
};

/* ---- Configuration ---- */

/* What one type of event means. */
struct sh_feed_weight {
    double weight;  /* -SH_FEED_WEIGHT_MAX..SH_FEED_WEIGHT_MAX; negative: a dislike */
    bool is_seen;   /* its item has been seen */
    bool is_bought; /* its item has been bought */
    bool is_served; /* its item was on the user's screen */
    bool is_skipped;
    bool is_disliked;
};
#define SH_FEED_WEIGHT_MAX 1000.0

struct sh_feed_config {
    double half_life_short_ms; /* of affinity; at least SH_FEED_HALF_LIFE_MIN_MS each */
    double half_life_long_ms;
    double half_life_popularity_ms;
    double half_life_recency_ms;
    double half_life_trend_ms;      /* of what is now; what is usual has that of popularity */
    double short_share;             /* 0..1: how much of an affinity is the short-lived one */
    double declared;                /* affinity of a tag that the user has, as if by so many fresh events of weight 1 */
    double weights[SH_FEED_RANKER]; /* of the features, each >= 0 */
    int32_t listed_attribute; /* item attribute of type time that says since when it is listed; -1: since it was put */
    uint32_t bought_days;     /* items bought within so many days are left out; 0: none are */
    uint32_t seen_days;       /* the same for seen */
    int32_t diversity_attribute; /* at most diversity_count of any diversity_window neighbours have the same value of */
    uint32_t diversity_count;    /* this item attribute; -1: no such rule. 1 <= count < window <= SH_FEED_COUNT_MAX */
    uint32_t diversity_window;
    int32_t due_attribute; /* item attribute of type enum or string, by whose values people buy again; -1: none */
    char store_property[SH_NAME_BYTES_MAX]; /* of events: where they happened; a text or an enum in some types */
    uint32_t store_property_count;          /* 0: none */
    char vector_space[SH_NAME_BYTES_MAX];   /* what the vectors are of: their name in rows of items and users */
    uint32_t vector_space_count;            /* 0: there are none */
    uint32_t vector_dimension;              /* 1..SH_VECTOR_DIMENSION_MAX, if there is a space */
    uint32_t explore_every; /* each so-manieth place is for an item drawn by the request's seed; 0: none is */
};
#define SH_FEED_HALF_LIFE_MIN_MS 60000.0

/* Half-lives 1 d and 30 d, popularity 7 d, recency 30 d; short share 0.5, declared 2, and each feature's own weight;
 * bought 30 days, seen none; no diversity, no exploration. */
struct sh_feed_config sh_feed_config_default(void);
/* By the type's name: view 1 and click 1 (seen), favorite 2, cart 3, purchase 5 (bought), impression and exposure 0
 * (served), skip -0.5 (skipped), dislike -3 (disliked), all others 1. */
struct sh_feed_weight sh_feed_weight_default(struct sh_text type_name);
/* What the configuration rules: bought and seen for its days, disliked for SH_FEED_DISLIKED_DAYS, its diversity. Relax:
 * diversity, quota, served, skipped, seen, cap, bought; floor 1. */
void sh_feed_rules_default(const struct sh_feed_config *config, struct sh_feed_rules *rules);
/* SH_ERR_ARGUMENT with what is wrong: a number out of its range, a place or an item twice. */
SH_MUST_CHECK enum sh_status sh_feed_rules_check(const struct sh_feed_rules *rules, const struct sh_table *items,
                                                 struct sh_error *err);
/* SH_ERR_ARGUMENT with what is wrong. The attributes are looked up in `items`. */
SH_MUST_CHECK enum sh_status sh_feed_config_check(const struct sh_feed_config *config, const struct sh_table *items,
                                                  struct sh_error *err);

/* ---- Life ---- */

struct sh_feed_model;

/* What a model reads. All of it outlives the model. */
struct sh_feed_scope {
    const struct sh_table *users;
    const struct sh_table *items;
    const struct sh_event_store *events;
};

/* With the default configuration. NULL if memory is out. */
struct sh_feed_model *sh_feed_model_create(const struct sh_feed_scope *scope);
void sh_feed_model_destroy(struct sh_feed_model *model); /* NULL is fine */

const struct sh_feed_config *sh_feed_config(const struct sh_feed_model *model);
/* Checked as above; on any status but SH_OK the old one stays. Shares, weights and rules hold from the next request.
 * Another space of vectors, or another dimension, forgets the vectors of the old one.
 * A changed half-life of affinity (of popularity) empties what was learned of it: *relearn (may be NULL) says so, and
 * the caller goes through the events again (sh_feed_learn_user, sh_feed_learn_effect). */
SH_MUST_CHECK enum sh_status sh_feed_configure(struct sh_feed_model *model, const struct sh_feed_config *config,
                                               bool *relearn, struct sh_error *err);
/* For events learned from now on. The type exists in the event store. */
SH_MUST_CHECK enum sh_status sh_feed_set_weight(struct sh_feed_model *model, uint32_t type,
                                                struct sh_feed_weight weight, struct sh_error *err);
struct sh_feed_weight sh_feed_weight(const struct sh_feed_model *model, uint32_t type);

/* ---- Learning: for every event that was stored (not for a duplicate) ---- */

/* An event's share in the popularity of its item. */
struct sh_feed_effect {
    uint32_t item; /* slot; between shards name it by its id */
    int32_t period;
    int64_t amount; /* 2^-20 of a weight at the period's end of its half-lives; sums of them are effects too */
};

/* What an event is for the sibling shards; each part has the item SH_NO_ITEM if there is nothing to tell. The parts
 * that there are have the item of the effect. */
struct sh_feed_lesson {
    struct sh_feed_effect effect;
    struct sh_session_click click;
    struct sh_pair_step liked;
    struct sh_pair_step bought;
    struct sh_trend_act trend; /* counts everywhere, and in its store if that is not SH_TREND_EVERYWHERE */
};
/* Both halves below for one event of a user of this shard, its place in the user's visit, and its pairs. *lesson may be
 * NULL. A time after now counts as now; half an hour after it, it is no part of a visit. O(feature tags of the item).
 */
SH_MUST_CHECK enum sh_status sh_feed_learn(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms,
                                           struct sh_feed_lesson *lesson);
/* The user's half: affinity. */
SH_MUST_CHECK enum sh_status sh_feed_learn_user(struct sh_feed_model *model, const struct sh_event *event,
                                                int64_t now_ms);
/* An event that comes to the user from another one, with whom they are merged: affinity, and the latest items that
 * pairs are made with. What it is to its item was learned when it happened. */
SH_MUST_CHECK enum sh_status sh_feed_adopt(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms);
/* The item's half: what it would be, and adding it. Effects commute. */
struct sh_feed_effect sh_feed_effect_of(const struct sh_feed_model *model, const struct sh_event *event,
                                        int64_t now_ms);
SH_MUST_CHECK enum sh_status sh_feed_learn_effect(struct sh_feed_model *model, const struct sh_feed_effect *effect);
/* A click of another shard's user. Clicks commute (sessions.h). */
SH_MUST_CHECK enum sh_status sh_feed_learn_click(struct sh_feed_model *model, const struct sh_session_click *click);
/* An act of another shard's user, whose store is known here (sh_feed_trend_store). Acts commute (trends.h). */
SH_MUST_CHECK enum sh_status sh_feed_learn_trend(struct sh_feed_model *model, const struct sh_trend_act *act);
/* Learning again after the half-lives of trends, or the property that says the store, have changed. */
struct sh_trend_act sh_feed_trend_of(struct sh_feed_model *model, const struct sh_event *event, int64_t now_ms);
/* The number of a store's name, and the other way round (empty: everywhere). SH_TREND_EVERYWHERE for an empty name, and
 * where there is no room for one more store. */
SH_MUST_CHECK enum sh_status sh_feed_trend_store(struct sh_feed_model *model, struct sh_text name, uint32_t *store);
struct sh_text sh_feed_trend_store_name(const struct sh_feed_model *model, uint32_t store);
/* The property of the event's type that says the store, or -1. */
int32_t sh_feed_store_property(struct sh_feed_model *model, uint32_t type);
/* What another shard's user likes or bought. Steps commute (pairs.h). */
SH_MUST_CHECK enum sh_status sh_feed_learn_pairs(struct sh_feed_model *model, const struct sh_pair_step *step,
                                                 bool is_bought);
/* sh_feed_learn for each of the events in their order, and `told` hears of each (NULL: nobody has to). What an event
 * costs is mostly waiting for memory: some forty lines anywhere. So the memory of those to come is asked for while their
 * turn is some events away, and a batch costs a third of what its events would one by one (bench/micro/learn_bench). */
struct sh_feed_listener {
    void (*told)(void *context, uint32_t at, enum sh_status status, const struct sh_feed_lesson *lesson);
    void *context;
};
void sh_feed_learn_all(struct sh_feed_model *model, const struct sh_event *events, uint32_t count, int64_t now_ms,
                       const struct sh_feed_listener *listener);

/* After an item was put (created or changed): its tags are counted anew and its age is set. */
SH_MUST_CHECK enum sh_status sh_feed_item_put(struct sh_feed_model *model, uint32_t item, int64_t now_ms);
/* After an item was taken from the list: it is no candidate any more; its popularity stays for when it comes back. */
void sh_feed_item_remove(struct sh_feed_model *model, uint32_t item);
/* Forget a user, whose events are still there: affinity goes, and the visits (user_hash: of the id, as sh_id_hash),
 * whose keys are appended to `visits`, eight bytes each, for the sibling shards. NULL: the person goes on under another
 * name, and the visits stay in all shards. What is summed over all users names nobody and stays. */
void sh_feed_forget(struct sh_feed_model *model, uint32_t user, uint64_t user_hash, struct sh_buffer *visits);
/* A visit of a user that another shard forgot. */
void sh_feed_forget_visit(struct sh_feed_model *model, uint64_t key);

/* ---- Vectors (vectors.h): of items, and of users ---- */

enum sh_feed_whose { SH_FEED_OF_ITEM, SH_FEED_OF_USER };
/* A row of the space in force, as sh_vectors_fit makes it, of an item or user that there is; NULL: none any more. */
SH_MUST_CHECK enum sh_status sh_feed_vector_put(struct sh_feed_model *model, enum sh_feed_whose whose, uint32_t slot,
                                                const int16_t *row);
const struct sh_vectors *sh_feed_vectors(const struct sh_feed_model *model, enum sh_feed_whose whose);

/* What the feed learns from what it served: learner.h. Explored places and the second phase go by it. */
struct sh_learner *sh_feed_learner(struct sh_feed_model *model);

/* ---- Asking ---- */

/* "affinity", "declared", "session", "popular", "new", "explore", "catalogue". */
const char *sh_feed_source_name(enum sh_feed_source source);
/* "affinity", "popularity", "recency", "session", .. "ranker". */
const char *sh_feed_feature_name(enum sh_feed_feature feature);
/* Of a feature before SH_FEED_RANKER. */
double sh_feed_feature_weight_default(enum sh_feed_feature feature);

/* How the user's own events are read, if not as they were learned: feed_reading.h. By event type. */
struct sh_feed_reading {
    double weights[SH_EVENT_TYPE_COUNT_MAX]; /* -SH_FEED_WEIGHT_MAX..SH_FEED_WEIGHT_MAX */
    double half_life_short_ms[SH_EVENT_TYPE_COUNT_MAX];
    double half_life_long_ms[SH_EVENT_TYPE_COUNT_MAX];
};
/* As the workspace has it. */
void sh_feed_reading_default(const struct sh_feed_model *model, struct sh_feed_reading *reading);

/* Score all candidates, or a first score of all and the feed's of the best (feed_narrow.h). AUTO: from
 * SH_FEED_NARROW_FROM listed items on. */
enum sh_feed_narrowing { SH_FEED_NARROW_AUTO, SH_FEED_NARROW_NEVER, SH_FEED_NARROW_ALWAYS };

struct sh_feed_request {
    uint32_t user; /* SH_SLOT_NONE: nobody known; popular and new things then */
    uint32_t count;
    int64_t now_ms;
    const double *weights; /* SH_FEED_RANKER of them, each 0..SH_FEED_WEIGHT_MAX; NULL: the configured ones */
    const struct sh_feed_reading *reading; /* of the user's events; NULL: as they were learned */
    const struct sh_goals *goals;          /* what is wanted of what is shown; NULL: the configured ones */
    uint64_t seed;                         /* for explored places: same seed, same feed */
    const struct sh_bitmap *eligible;      /* items; NULL: all that are listed. Others never appear */
    const uint32_t *excluded;              /* item slots, any order, doubles are fine */
    uint32_t excluded_count;
    const struct sh_feed_rules *rules; /* checked; NULL: sh_feed_rules_default */
    uint32_t place;                    /* of the first item in all that the user was shown page by page, from 0 */
    const uint32_t *before; /* items of the places before it, the last of them; they are not excluded by it */
    uint32_t before_count;  /* at most SH_FEED_COUNT_MAX */
    struct sh_text store;   /* whose trends count; empty: everywhere */
    const uint32_t *clicks; /* items of the visit, oldest first; NULL: of the user's own visit, if one goes on */
    uint32_t click_count;
    enum sh_feed_narrowing narrowing;
    uint8_t hour;       /* 0..23, where the shop is: what is clicked at lunch is not what is at night */
    bool is_remembered; /* the answer says what is to be remembered of it */
    bool is_bare;       /* nobody asks for reasons: items have none */
};

/* The known items of which this is the low half of the hash of the id, in the order of the hashes; `items` has room for
 * twice as many. For pages of a feed. O(items). SH_ERR_LIMIT: the arena is full. */
SH_MUST_CHECK enum sh_status sh_feed_find_hashed(const struct sh_feed_model *model, const uint32_t *hashes,
                                                 uint32_t count, struct sh_arena *arena, uint32_t *items,
                                                 uint32_t *item_count, struct sh_error *err);

/* One thing that speaks for an item (or against it: value < 0). */
struct sh_feed_reason {
    const char *kind; /* "affinity": by events; "declared": by the user's own tag; "session"; "again"; "popular"; "new";
                 * "pairs" and "walk": by a latest item; "due"; "trend"; ... */
    struct sh_text name;  /* of the tag or value, or the item's id; empty if the kind says it all */
    struct sh_text group; /* the tag set or attribute it is of, or "item"; empty likewise */
    double value;         /* its part of the score */
};

struct sh_feed_item {
    uint32_t item;
    uint32_t sources; /* bit enum sh_feed_source */
    double score;     /* the sum of the contributions in their order, exactly */
    double contributions[SH_FEED_FEATURE_COUNT];
    uint32_t relaxed;      /* bits of kinds and rules that gave way for it */
    uint32_t applied;      /* bits enum sh_feed_applied */
    double propensity;     /* of it at its place, given the request and the state; 1: nothing was drawn */
    uint32_t reason_count; /* the largest by absolute value first */
    const struct sh_feed_reason *reasons;
};

struct sh_feed_answer {
    struct sh_feed_item *items; /* best first */
    uint32_t count;             /* less than asked only if fewer are eligible and not excluded */
    uint32_t eligible_count;    /* candidates */
    uint32_t scored_count;      /* of these had the feed's score: all, unless it was narrowed */
    bool is_narrowed;
    uint32_t relaxed;                 /* rules that gave way for some item */
    const struct sh_serving *serving; /* of a request that is to be remembered, without rec and user_hash; else NULL */
};

/* The feed. Everything in the answer lives in the arena, texts in the tables. count is 1..SH_FEED_COUNT_MAX (else
 * SH_ERR_ARGUMENT). SH_ERR_LIMIT: the arena is full. */
SH_MUST_CHECK enum sh_status sh_feed_get(struct sh_feed_model *model, const struct sh_feed_request *request,
                                         struct sh_arena *arena, struct sh_feed_answer *answer, struct sh_error *err);

/* What became of one item in a feed. */
enum sh_feed_stage {
    SH_FEED_STAGE_CATALOGUE, /* it is not listed */
    SH_FEED_STAGE_ELIGIBLE,  /* the caller's set of items does not have it */
    SH_FEED_STAGE_EXCLUDED,
    SH_FEED_STAGE_HELD,   /* by `rules`, and there was no need for them to give way */
    SH_FEED_STAGE_NARROW, /* its first score was not among the best: it was never scored for this feed */
    SH_FEED_STAGE_SCORE,  /* others have higher scores */
    SH_FEED_STAGE_PLACE,  /* its score would do, but `rules`, or the places of others, came before */
    SH_FEED_STAGE_SHOWN,
    SH_FEED_STAGE_COUNT
};
/* "catalogue", "eligible", "excluded", "held", "narrowed", "score", "place", "shown". */
const char *sh_feed_stage_name(enum sh_feed_stage stage);

struct sh_feed_fate {
    enum sh_feed_stage stage;
    uint32_t rules;           /* bits of kinds and rules: of HELD and PLACE */
    uint32_t place;           /* from 0: of SHOWN */
    uint32_t rank;            /* 1 + how many candidates have a higher score; 0: it is none */
    uint32_t candidate_count; /* how many there are */
    double last_score;        /* of the last item of the feed */
    struct sh_feed_item item; /* its score, contributions, sources and all reasons, whatever became of it */
};
/* The fate of an item in the feed of this request. Cost: that of the feed and one more pass over the items. */
SH_MUST_CHECK enum sh_status sh_feed_explain(struct sh_feed_model *model, const struct sh_feed_request *request,
                                             uint32_t item, struct sh_arena *arena, struct sh_feed_fate *fate,
                                             struct sh_error *err);

struct sh_feed_trend {
    uint32_t item;
    double popularity; /* decayed to now: so many fresh events of weight 1; or how far it rises */
};
/* The same of one store, of the last time only, or of what rises (trends.h). */
enum sh_feed_trend_by { SH_FEED_TREND_LONG, SH_FEED_TREND_SHORT, SH_FEED_TREND_RISING };
struct sh_feed_trend_request {
    struct sh_text store;             /* empty: everywhere */
    enum sh_feed_trend_by by;         /* LONG: as sh_feed_trending, if there is no store */
    const struct sh_bitmap *eligible; /* as above */
    int64_t now_ms;
    uint32_t count;
};
SH_MUST_CHECK enum sh_status sh_feed_trends(struct sh_feed_model *model, const struct sh_feed_trend_request *request,
                                            struct sh_arena *arena, struct sh_feed_trend **trends,
                                            uint32_t *trend_count, struct sh_error *err);
/* The most popular items now, best first, at most count of them, only with popularity above 0. eligible as above. */
SH_MUST_CHECK enum sh_status sh_feed_trending(struct sh_feed_model *model, const struct sh_bitmap *eligible,
                                              int64_t now_ms, uint32_t count, struct sh_arena *arena,
                                              struct sh_feed_trend **trends, uint32_t *trend_count,
                                              struct sh_error *err);
/* ---- Companions of an item ---- */

struct sh_feed_pair_request {
    uint32_t item;
    uint32_t count;                   /* 1..SH_FEED_COUNT_MAX */
    const struct sh_bitmap *eligible; /* as above */
    bool by_walk;                     /* score by RP3beta instead of the shrunk cosine; sh_feed_also_bought only */
};
struct sh_feed_companion {
    uint32_t item;
    double score;
    double together; /* C in weights (pairs.h); of purchases, people who bought both */
    uint32_t reason_count;
    const struct sh_feed_reason *reasons; /* the largest first; values add up to the score, if there are no more */
};
struct sh_feed_companions {
    struct sh_feed_companion *items; /* best first, ties by external id; listed, and not the item itself */
    uint32_t count;
    double liking;  /* N of the item in weights; of purchases, people who bought it */
    double missing; /* `together` may be too low by up to so much; 0: all are exact */
};
/* What buyers of the item also bought: pairs of events whose type is_bought with a weight above 0, each person's
 * purchase of an item counted once while it is among the latest. Reasons "bought". Nobody bought it: no items. */
SH_MUST_CHECK enum sh_status sh_feed_also_bought(struct sh_feed_model *model,
                                                 const struct sh_feed_pair_request *request, struct sh_arena *arena,
                                                 struct sh_feed_companions *answer, struct sh_error *err);
/* What is like the item: by pairs of all that is liked, and by common feature tags, which count as much as
 * SH_PAIR_SHRINK of liking would, so they tell most where few events do and an item without events has neighbours:
 *
 *   (C + SHRINK / 4 * (t + v)) / (sqrt(N_i N_j) + SHRINK)  v = cosine of their vectors, if both have one and it is > 0
 *                                                          t = sqrt(share of i's tags, by log2(1 + N / n_t), that j has
 *                                                                  * share of j's tags, by number, that i has)
 *
 * Reasons "liked", "vector", and "tag" with name and group. O(items that have a tag of it; all, with a vector) + some microseconds. */
SH_MUST_CHECK enum sh_status sh_feed_similar(struct sh_feed_model *model, const struct sh_feed_pair_request *request,
                                             struct sh_arena *arena, struct sh_feed_companions *answer,
                                             struct sh_error *err);

/* ---- Trained tables ---- */

/* Plans and tables of this model: item_models.h. Read and written through its doors. */
struct sh_item_models *sh_feed_trained(struct sh_feed_model *model);
/* What a user likes, the latest first (number: the item's slot; feed_likings.h). Returns how many. */
uint32_t sh_feed_likings(const struct sh_feed_model *model, uint32_t user, int64_t now_ms,
                         struct sh_entry likings[SH_LIKING_COUNT_MAX]);

/* One item's popularity, 0 if unknown. */
double sh_feed_popularity(const struct sh_feed_model *model, uint32_t item, int64_t now_ms);

/* What a user is drawn to, strongest first, at most max: for user pages and tests. Returns how many. */
struct sh_feed_affinity {
    struct sh_text name;
    struct sh_text group;
    double short_lived; /* decayed to now */
    double long_lived;
};
uint32_t sh_feed_affinities(const struct sh_feed_model *model, uint32_t user, int64_t now_ms,
                            struct sh_feed_affinity *affinities, uint32_t max);

/* ---- Saving ---- */

/* Write what was learned and how it is used as the section "feed". Allocates nothing. */
void sh_feed_save(const struct sh_feed_model *model, struct sh_archive_writer *writer);
/* A model as it was saved, over a scope as it was then. On a failure *model is NULL, and the reader says why. What
 * follows from the scope (norms, ages, roots) is counted again; what the bytes say is checked, so that no later request
 * can stumble over it. */
SH_MUST_CHECK enum sh_status sh_feed_load(const struct sh_feed_scope *scope, struct sh_archive_reader *reader,
                                          struct sh_feed_model **model);

/* ---- Upkeep ---- */

size_t sh_feed_memory_bytes(const struct sh_feed_model *model);
/* The same by model, in bytes; each has a bound of its own, beside what follows from the numbers of users and items. */
struct sh_feed_memory {
    size_t affinities; /* 8 a user slot, 400 a user who acted, at most */
    size_t popularity; /* 104 an item, with norms, ages and hashes */
    size_t visits;     /* 60 MiB; 32 an item, 4 a user slot (sessions.h) */
    size_t liked;      /* 128 MiB; 96 an item, 8 a user slot, 72 a user (pairs.h) */
    size_t bought;     /* the same */
    size_t trends;     /* 32 MiB (trends.h) */
    size_t trained;    /* as item_models.h says */
    size_t learner;    /* as learner.h says */
    size_t vectors;    /* as vectors.h says; 512 bytes a vector at most */
    size_t narrow;     /* as feed_narrow.h says */
    size_t scratch;
};
struct sh_feed_memory sh_feed_memory(const struct sh_feed_model *model);
/* Do the rules hold? If not, *reason says which does not. */
bool sh_feed_check(const struct sh_feed_model *model, const char **reason);
/* For people: what is configured and how much is known. */
void sh_feed_print(const struct sh_feed_model *model, struct sh_buffer *buffer);

#endif
