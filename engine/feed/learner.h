/* learner.h -- a feed that learns from what it served and what became of it.
 *
 *   feed.get ---> answer with a rec_id ---> the app
 *      '--> serve: the impression is remembered ---- event with the rec_id: act ---- window over: learned from
 *                                                    |                               |
 *              rates, believed of each item, <-------'                               '--> a model for each goal: how
 *              at once: exploring, smoothed CTR                                           likely is a click here?
 *
 * What a feed is served is learned from when its window is over (half an hour, unless configured), with all that came of
 * it; so nothing counts as not clicked that is clicked a minute later. Rates know of a click at once. Later acts are
 * still credited while the impression is remembered.
 *
 * The chance of a goal (click, cart, purchase) for an item of blend score s at a place:
 *
 *   x = log2(1 + s)                               the same with the sign of s below 0
 *   calibrated   = logistic(base + c0 + (1/2 + c1) x)                      what the blend alone says
 *   predicted    = logistic(base + c0 + (1/2 + c1) x + sum of weights)     weights by FTRL-proximal (ftrl.h) of
 *
 *     place, hour, item, each kind (tag or value) of item and user, each pair of a kind of the user and one of the item,
 *     price band, pairs of price and kinds of the user, pairs of hour and kinds of the item, each part of the score by
 *     its size, the item's smoothed rate by its size
 *
 * all hashed by name, so that every shard has the same. Each example is predicted before it is learned: the losses are
 * those of progressive validation, thinned by half every 8,192 examples, and a goal's weights are used only while they
 * predict better than the blend alone and SH_LEARNER_TRUST_COUNT examples were learned. Until then, and without data, the
 * order is the blend's.
 *
 * A place in the feed is by value:  v = sum over goals of weight * predicted,  amount: weight * predicted purchase * what
 * a purchase of the item brings.  In units of the score: s' is the score whose x is x + ln(v / v calibrated) / slope; the
 * difference s' - s is the part "learned" of the item's score, 0 as long as no weight is known.
 *
 * Determinism, and several shards. Impressions are a write that goes to all shards in one order (feed.served), and the
 * only one that learns: each serve learns what is over by its own time, in order of serving, at most
 * SH_LEARNER_CLOSE_COUNT feeds. So all shards, however many, compute the same weights. Acts reach the other shards before
 * their event is answered, but in no order with serves: one that comes in the very moment in which its window ends may be
 * in time in one shard and late in another, whose weights then differ by that one example. A replay of one shard's log is
 * exact in any case. An act that comes before its impression waits for it.
 *
 * Cost: 12 bytes for each of 131,072 weights of a goal with a weight; impressions as impressions.h, rates as rates.h.
 * About 1 us an item to serve it and 1 us to learn from it, 0.3 us an act, in each shard (bench/micro/learner_bench). Failure: what there is no memory
 * for is not remembered or not learned, and counted as lost. Threads: one owner.
 */
#ifndef SH_LEARNER_H
#define SH_LEARNER_H

#include "ftrl.h"
#include "impressions.h"
#include "table.h"
#include "thompson.h"

enum {
    SH_LEARNER_TRUST_COUNT = 1000,
    SH_LEARNER_CLOSE_COUNT = 8,
    SH_LEARNER_SOURCE_COUNT = 32, /* bits of sources that are told apart */
    SH_LEARNER_GOAL_BY_NAME = 255,
    SH_LEARNER_PLACE_COUNT = 20, /* places with their own counts; the rest share the last */
};

struct sh_learner_config {
    double share;                       /* 0..1 of feeds that are remembered; 0: nothing is */
    int64_t window_ms;                  /* SH_LEARNER_WINDOW_MS_MIN .. MAX */
    double goal_weights[SH_GOAL_COUNT]; /* each 0..1e6 */
    double amount_weight;
    bool ranks;                 /* the models order the feed; otherwise they only learn */
    int32_t category_attribute; /* of items, -1: none */
    int32_t store_attribute;
    int32_t price_attribute; /* INT or DECIMAL */
    /* By event type: an enum sh_goal that its events reach, SH_GOAL_NONE, or by the type's name. */
    uint8_t goal_of_type[SH_EVENT_TYPE_COUNT_MAX];
};
#define SH_LEARNER_WINDOW_MS_MIN 1000
#define SH_LEARNER_WINDOW_MS_MAX (INT64_C(7) * 86400000)

/* Nothing remembered; half an hour, clicks alone count, models order. */
struct sh_learner_config sh_learner_config_default(void);
SH_MUST_CHECK enum sh_status sh_learner_config_check(const struct sh_learner_config *config,
                                                     const struct sh_table *items, struct sh_error *err);

bool sh_learner_configs_are_equal(const struct sh_learner_config *a, const struct sh_learner_config *b);

struct sh_learner;

/* Both tables outlive it. NULL if memory is out. */
struct sh_learner *sh_learner_create(const struct sh_table *users, const struct sh_table *items);
void sh_learner_destroy(struct sh_learner *learner); /* NULL is fine */
const struct sh_learner_config *sh_learner_config(const struct sh_learner *learner);
/* What was learned stays. */
SH_MUST_CHECK enum sh_status sh_learner_configure(struct sh_learner *learner, const struct sh_learner_config *config,
                                                  struct sh_error *err);
/* Is a feed of this id to be remembered? The share of ids, by hash. */
bool sh_learner_wants(const struct sh_learner *learner, uint64_t rec);

/* The item's row has changed: what is known of it by its names is looked up again. */
void sh_learner_item_put(struct sh_learner *learner, uint32_t item);

/* ---- Serving ---- */

/* A part of a score as a byte: 128 is nothing, each step is an 8th of a doubling of 1 + |part|. */
uint8_t sh_learner_part(double part);

struct sh_serving_item {
    uint32_t item;
    float score;
    float propensity; /* above 0, at most 1 */
    float predicted;
    bool is_explored;
    uint32_t sources;
    uint8_t parts[SH_SHOWN_PART_COUNT]; /* by enum sh_feed_feature, as far as there is room */
};
struct sh_serving {
    uint64_t rec;
    uint64_t user_hash; /* 0: nobody's */
    int64_t time_ms;
    uint32_t places_before; /* on earlier pages */
    uint8_t hour;
    uint8_t kind_count; /* of the user: what sh_learner_user_kinds gave where the feed was served */
    uint32_t kinds[SH_SERVED_KIND_COUNT];
    uint32_t count;
    const struct sh_serving_item *items;
};
/* Remember what was served, and learn from what is over by its time. An id that is known is no news. */
void sh_learner_serve(struct sh_learner *learner, const struct sh_serving *serving);

/* ---- What becomes of it ---- */

struct sh_learner_act {
    uint64_t rec;
    uint32_t item;
    enum sh_goal goal;
    int64_t amount; /* 0: none */
};
/* True: the impression is known. False: it waits, a while, for it. Acts commute but for the waiting. */
bool sh_learner_act(struct sh_learner *learner, const struct sh_learner_act *act);
void sh_learner_forget(struct sh_learner *learner, uint64_t user_hash);
/* A user goes on under another name. */
void sh_learner_rename(struct sh_learner *learner, uint64_t user_hash, uint64_t into_hash);

/* ---- Ranking ---- */

/* What a user is known by, as hashes of names: the first tags and values of the user's own (SH_SLOT_NONE: has none),
 * then what `drawn_to` names. Returns how many. */
uint32_t sh_learner_user_kinds(const struct sh_learner *learner, uint32_t user, const uint64_t *drawn_to,
                               uint32_t drawn_count, uint32_t kinds[SH_SERVED_KIND_COUNT]);

/* What is wanted of what is shown: of a workspace, or of one request. A goal that the workspace does not want is not
 * learned, so of it a request gets what the scores say. */
struct sh_goals {
    double weights[SH_GOAL_COUNT]; /* each 0..1e6 */
    double amount;
};
struct sh_goals sh_learner_goals(const struct sh_learner *learner);

struct sh_learner_reader {
    struct sh_learner *learner;
    struct sh_goals goals;
    int64_t now_ms;
    uint8_t hour;
    uint32_t kinds[SH_SERVED_KIND_COUNT];
    uint32_t kind_count;
    double overall; /* rate of clicks */
    bool trusts[SH_GOAL_COUNT];
    bool has_weights;           /* some goal's weights are to be used */
    double sums[SH_GOAL_COUNT]; /* what the user, the hour and the first place say of each */
};
/* Is the model of any of these goals good enough to be used? goals: NULL: the workspace's. */
bool sh_learner_is_ready(const struct sh_learner *learner, const struct sh_goals *goals);
/* Begin to rank one feed; goals as above. */
void sh_learner_read(struct sh_learner *learner, const struct sh_goals *goals, int64_t now_ms, uint8_t hour,
                     const uint32_t *kinds, uint32_t kind_count, struct sh_learner_reader *reader);
struct sh_learned {
    double part;      /* to be added to the score */
    double predicted; /* chance of a click at the first place */
};
/* What is known of one item of blend score `score`, made of these parts. */
void sh_learner_rank(const struct sh_learner_reader *reader, uint32_t item, double score, const uint8_t *parts,
                     struct sh_learned *learned);
/* What is believed of an item's rate of the goal with the highest weight, for exploring; goals as above. */
struct sh_belief sh_learner_belief(struct sh_learner *learner, const struct sh_goals *goals, uint32_t item,
                                   int64_t now_ms);

/* ---- Looking at it ---- */

struct sh_goal_report {
    uint64_t acts; /* credited */
    double rate;   /* of all at the first place, smoothed, as of now */
    uint64_t examples;
    double loss;            /* of what is predicted; all three by progressive validation, 0 without examples */
    double loss_calibrated; /* of the blend alone */
    double loss_rate;       /* of the overall rate */
    uint32_t weight_count;  /* that are not 0 */
    bool is_trusted;
};
struct sh_shown_report {
    uint64_t shown;
    uint64_t acts[SH_GOAL_COUNT];
};
struct sh_learner_report {
    uint64_t feeds; /* remembered ever */
    uint64_t items;
    uint64_t kept;    /* feeds remembered now */
    uint64_t open;    /* of them not learned from yet */
    uint64_t lost;    /* feeds that there was no room or memory for */
    uint64_t unknown; /* acts whose impression nobody knows */
    int64_t amount;   /* of purchases credited */
    struct sh_goal_report goals[SH_GOAL_COUNT];
    struct sh_shown_report sources[SH_LEARNER_SOURCE_COUNT];
    struct sh_shown_report places[SH_LEARNER_PLACE_COUNT];
    struct sh_shown_report explored;
};
void sh_learner_report(const struct sh_learner *learner, int64_t now_ms, struct sh_learner_report *report);
const struct sh_impressions *sh_learner_impressions(const struct sh_learner *learner);

/* Was anything ever shown? */
bool sh_learner_has_rates(const struct sh_learner *learner);
size_t sh_learner_memory_bytes(const struct sh_learner *learner);
bool sh_learner_check(const struct sh_learner *learner, const char **reason);

/* Section "learner": configuration, counts, impressions, rates, weights. Allocates nothing. */
void sh_learner_save(const struct sh_learner *learner, struct sh_archive_writer *writer);
/* Into one that knows nothing yet. */
SH_MUST_CHECK enum sh_status sh_learner_load(struct sh_learner *learner, struct sh_archive_reader *reader);

#endif
