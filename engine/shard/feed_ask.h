/* feed_ask.h -- what a request for a feed says, read and made ready: for feed.get and feed.explain.
 *
 *   request > scene > the scene "default"     a rule that the request brings takes the place of the scene's, key by key
 *
 *   gates     which items may be shown at all: each is an expression over items that must hold, or that hides
 *             eligible (of the workspace, of the scene), filter, store, targets
 *   rules     struct sh_feed_rules, its expressions as sets of items
 *   cursor    the items of earlier pages
 *
 * In two halves, so that feed.batch does the first one once for all its users:
 *
 *   sh_feed_ask_read      what is the same whoever asks: rules, scenes, plans, sets, what the gates let pass
 *   sh_feed_ask_visitor   who asks, and with them the seed, the earlier pages, and which targets are open
 *
 * What was read holds as long as sh_feed_stamp_of says the same.
 *
 * Targets. `{where, segment}` shows the items of `where` to people of that saved segment alone, `{where, users}` to those
 * of an expression over users, `{tag_set}` reads an item's tags of that set as names of segments, one of which must hold.
 * Somebody unknown is in no segment, and a segment that is no longer there has nobody: such items stay hidden.
 */
#ifndef SH_FEED_ASK_H
#define SH_FEED_ASK_H

#include "feed_cursor.h"
#include "served.h"

/* The rules that a scene may hold, and a request may bring. */
enum sh_feed_word {
    SH_WORD_BOOST,
    SH_WORD_BURY,
    SH_WORD_PINS,
    SH_WORD_SLOTS,
    SH_WORD_QUOTAS,
    SH_WORD_DIVERSITY,
    SH_WORD_MMR,
    SH_WORD_HELD,
    SH_WORD_CAPS,
    SH_WORD_FATIGUE,
    SH_WORD_RELAX,
    SH_WORD_FLOOR,
    SH_WORD_SCORES,
    SH_WORD_WEIGHTS,
    SH_WORD_HALF_LIVES,
    SH_WORD_GOALS,
    SH_WORD_NARROW,
    SH_WORD_OF_REQUEST_COUNT,
    /* These a scene alone may hold. */
    SH_WORD_TARGETS = SH_WORD_OF_REQUEST_COUNT,
    SH_WORD_ELIGIBLE,
    SH_WORD_STORE_FIELD,
    SH_WORD_COUNT
};
extern const char *const sh_feed_words[SH_WORD_COUNT];

enum { SH_FEED_SET_COUNT_MAX = SH_FEED_BOOST_COUNT_MAX + SH_FEED_SLOT_COUNT_MAX + SH_FEED_QUOTA_COUNT_MAX };
enum { SH_FEED_TARGET_COUNT_MAX = 32, SH_FEED_GATE_COUNT_MAX = SH_FEED_TARGET_COUNT_MAX + 4 };

/* What decides whether an item may be shown. */
struct sh_feed_gate {
    const char *name;       /* "eligible", "scene", "filter", "store", "target" */
    struct sh_plan *plan;   /* over items; NULL: by tags */
    bool hides;             /* what the plan finds is hidden; else it alone is shown */
    struct sh_bitmap shown; /* by tags: what has a tag in `hidden` and none in `shown` is hidden */
    struct sh_bitmap hidden;
    bool is_target;        /* it depends on who asks: */
    bool is_open;          /* they see all */
    struct sh_plan *users; /* it is open to those; NULL: nobody asked yet, there is no such segment, or by tags */
    struct sh_text segment;
    uint32_t tag_set; /* of items, by tags */
};

enum sh_feed_detail { SH_FEED_DETAIL_NONE, SH_FEED_DETAIL_REASONS, SH_FEED_DETAIL_FULL };

struct sh_feed_ask {
    struct sh_call *call;
    struct sh_arena *shared; /* of the call by which it was read: what is the same for all who ask */
    struct sh_feed_request request;
    struct sh_feed_rules rules;
    double weights[SH_FEED_RANKER];
    struct sh_feed_gate gates[SH_FEED_GATE_COUNT_MAX];
    uint32_t gate_count;
    struct sh_bitmap allowed;                     /* what passes all gates but the targets */
    struct sh_bitmap allowed_here;                /* and the targets that are not open to who asks */
    struct sh_bitmap sets[SH_FEED_SET_COUNT_MAX]; /* of boosts, slots and quotas */
    uint32_t set_count;
    const uint32_t *excluded; /* by the request; beside them what is on earlier pages */
    uint32_t excluded_count;
    struct sh_feed_pages pages; /* shown before */
    struct sh_text store;
    struct sh_id_reader user; /* who asks; empty: nobody that is named */
    enum sh_feed_detail detail;
    bool is_recorded;
    bool has_fields;
    struct sh_row_fields fields;
};

/* An ask that holds nothing yet, to be deinited. */
void sh_feed_ask_init(struct sh_feed_ask *ask, struct sh_call *call);
void sh_feed_ask_deinit(struct sh_feed_ask *ask);

/* The words of feed.get and feed.explain, from SH_ASK_RULES on those of the rules. */
enum sh_ask_word {
    SH_ASK_USER,
    SH_ASK_SESSION,
    SH_ASK_COUNT,
    SH_ASK_FILTER,
    SH_ASK_EXCLUDE,
    SH_ASK_FIELDS,
    SH_ASK_SEED,
    SH_ASK_NOW,
    SH_ASK_SCENE,
    SH_ASK_STORE,
    SH_ASK_CURSOR,
    SH_ASK_EXPLAIN,
    SH_ASK_TIMEOUT_MS,
    SH_ASK_AFTER,
    SH_ASK_RECORD,
    SH_ASK_RULES,
    SH_ASK_WORD_COUNT = SH_ASK_RULES + SH_WORD_OF_REQUEST_COUNT
};
extern const char *const sh_ask_words[SH_ASK_WORD_COUNT];

/* What is the same whoever asks, from the params by those words. It lives in the arena of the ask's call, and goes by that
 * call's now. */
SH_MUST_CHECK enum sh_status sh_feed_ask_read(struct sh_feed_ask *ask, const struct sh_param *params,
                                              struct sh_error *err);
/* Who asks, by the params `user`, `session`, `cursor` and `seed`; again and again for one ask, if ask->call is set to
 * another call each time: what is made for them lives in its arena. */
SH_MUST_CHECK enum sh_status sh_feed_ask_visitor(struct sh_feed_ask *ask, const struct sh_param *params,
                                                 struct sh_error *err);
/* Makes the feed and answers ask->call with it: methods_feed_get.c. */
SH_MUST_CHECK enum sh_status sh_feed_ask_answer(struct sh_feed_ask *ask, const struct sh_param *params,
                                                struct sh_error *err);
/* What was read at one stamp holds at an equal one: nobody has changed items, rules, names or segments. */
struct sh_feed_stamp {
    uint64_t versions[6];
};
struct sh_feed_stamp sh_feed_stamp_of(const struct sh_workspace *workspace, int64_t now_ms);
/* SH_ERR_DEADLINE if the request's time is over. */
SH_MUST_CHECK enum sh_status sh_feed_ask_check_time(const struct sh_feed_ask *ask, const struct sh_param *timeout_ms,
                                                    struct sh_error *err);
/* The first gate that keeps the item out, or NULL. */
SH_MUST_CHECK enum sh_status sh_feed_ask_gate_of(const struct sh_feed_ask *ask, uint32_t item,
                                                 const struct sh_feed_gate **gate, struct sh_error *err);

/* ---- feed_ask_rules.c ---- */

/* The params of rules by enum sh_feed_word, into ask->rules and ask->weights. */
SH_MUST_CHECK enum sh_status sh_feed_ask_read_rules(struct sh_feed_ask *ask, const struct sh_param *words,
                                                    struct sh_error *err);

/* ---- feed_ask_reading.c ---- */

/* How the user's events are read, and what is wanted: request.reading and request.goals. */
SH_MUST_CHECK enum sh_status sh_feed_ask_read_reading(struct sh_feed_ask *ask, const struct sh_param *words,
                                                      struct sh_error *err);

/* ---- feed_ask_items.c ---- */

/* The gates, from the words of rules and the request's own, and the set of items behind all that are no targets. */
SH_MUST_CHECK enum sh_status sh_feed_ask_read_gates(struct sh_feed_ask *ask, const struct sh_param *words,
                                                    const struct sh_param *filter, struct sh_error *err);
/* The listed items of an expression, as a set that lives as long as the ask. */
SH_MUST_CHECK enum sh_status sh_feed_ask_set(struct sh_feed_ask *ask, const struct sh_param *where,
                                             const struct sh_bitmap **items, struct sh_error *err);

/* Which targets are open to who asks, and what they may see: request.eligible. */
SH_MUST_CHECK enum sh_status sh_feed_ask_open_gates(struct sh_feed_ask *ask, struct sh_error *err);
/* For feed_ask_targets.c. */
struct sh_feed_gate *sh_feed_ask_add_gate(struct sh_feed_ask *ask, const char *name);
SH_MUST_CHECK enum sh_status sh_feed_ask_plan(const struct sh_feed_ask *ask, const struct sh_param *where,
                                              bool of_items, struct sh_plan **plan, struct sh_error *err);
/* What has tags of the set is shown to whom one of them is for: `is_for` says of each. What has none is for all. */
SH_MUST_CHECK enum sh_status sh_feed_gate_fill(struct sh_feed_ask *ask, struct sh_feed_gate *gate,
                                               enum sh_status (*is_for)(struct sh_feed_ask *ask, struct sh_text tag,
                                                                        bool *is_for, struct sh_error *err),
                                               struct sh_error *err);

/* ---- feed_ask_targets.c ---- */

SH_MUST_CHECK enum sh_status sh_feed_ask_read_targets(struct sh_feed_ask *ask, const struct sh_param *targets,
                                                      struct sh_error *err);
/* Is it open to who asks? */
SH_MUST_CHECK enum sh_status sh_feed_target_open(struct sh_feed_ask *ask, struct sh_feed_gate *gate,
                                                 struct sh_error *err);

#endif
