/* feed_rules.h -- what the merchant rules in one feed.
 *
 *   score    boosts, fatigue    contributions BOOST and FATIGUE, in both phases: what is boosted is found
 *   who      held, caps         items that the user bought, saw, .. lately, or was shown often, are held back
 *   place    pins, slots        this item here; the best of these here
 *            quotas             at least so many of these in each n places, at most so many in any n neighbours
 *            diversities        at most k of any n neighbours have the same value of an attribute
 *            mmr                each place to who adds most: score against likeness to what stands there already
 *   dry      relax, floor       which rules give way, in which order, when a place would stay empty
 *
 * Always, whatever the rules say: only what is listed and in `eligible`, nothing excluded, nothing twice. Pins too.
 *
 * One place after the other is filled: a pin of this place; else a slot of it; else an explored place; else, if a
 * quota's `at_least` would fail, the best that serves it; else the best. "Best" is the highest score (with mmr: gain)
 * that breaks no rule; if there is none, the first rule of `relax` gives way, then the second as well, and so on. What
 * is not in `relax` never gives way - but a feed with fewer than `floor` items takes whatever is allowed. Each item
 * says which rules it breaks.
 *
 *   relax    diversity  quota  served  skipped  seen  cap  bought           floor
 *   level 0      1        2      3        4       5    6     7                8       an item comes at the first level
 *                                                                                     at which all its rules gave way
 *
 * Places go on through pages: with request.place = 20, a pin of place 3 is past, and windows look back into `before`.
 *
 * Boosts. With S the score without fatigue and boosts, each boost adds |S| * (factor - 1) + points: they do not
 * multiply each other, so what each adds can be told. A factor below 1 or points below 0 bury. Fatigue adds
 * |S| * (factor^n - 1) for an item that was served n times in the window since it was last seen.
 */
#ifndef SH_FEED_RULES_H
#define SH_FEED_RULES_H

#include "bitmap.h"
#include "text.h"

enum {
    SH_FEED_BOOST_COUNT_MAX = 16,
    SH_FEED_PIN_COUNT_MAX = 32,
    SH_FEED_SLOT_COUNT_MAX = 16,
    SH_FEED_QUOTA_COUNT_MAX = 8,
    SH_FEED_DIVERSITY_COUNT_MAX = 4,
    SH_FEED_CAP_COUNT_MAX = 4,
    SH_FEED_FATIGUE_TIMES_MAX = 64, /* more often makes no difference */
    SH_FEED_MMR_LOOK_MAX = 1024,    /* the best so many of a pool are weighed against each other */
};

/* What a user did with an item, or had done to them, as far as it keeps the item away. */
enum sh_feed_kind {
    SH_FEED_SERVED,   /* it was on their screen */
    SH_FEED_SEEN,     /* they looked at it */
    SH_FEED_SKIPPED,  /* they passed it over */
    SH_FEED_DISLIKED, /* they want no more of it */
    SH_FEED_BOUGHT,
    SH_FEED_KIND_COUNT
};

/* Rules that can give way: each kind, and these. */
enum sh_feed_rule {
    SH_FEED_RULE_CAP = SH_FEED_KIND_COUNT,
    SH_FEED_RULE_DIVERSITY,
    SH_FEED_RULE_QUOTA,
    SH_FEED_RULE_COUNT
};
/* "served", "seen", "skipped", "disliked", "bought", "cap", "diversity", "quota". */
const char *sh_feed_rule_name(uint32_t rule);

/* What a rule did for an item: bits. */
enum sh_feed_applied {
    SH_FEED_APPLIED_PIN,
    SH_FEED_APPLIED_SLOT,
    SH_FEED_APPLIED_QUOTA,
    SH_FEED_APPLIED_BOOST,
    SH_FEED_APPLIED_BURY,
    SH_FEED_APPLIED_FATIGUE,
    SH_FEED_APPLIED_MMR, /* it was chosen by gain, not by score */
    SH_FEED_APPLIED_COUNT
};
/* "pin", "slot", "quota", "boost", "bury", "fatigue", "mmr". */
const char *sh_feed_applied_name(enum sh_feed_applied applied);

/* Bitmaps are of item slots. */
struct sh_feed_boost {
    struct sh_text name;
    const struct sh_bitmap *items;
    double factor; /* 0..1000 */
    double points;
};
struct sh_feed_pin {
    uint32_t item;
    uint32_t place; /* from 0 */
};
struct sh_feed_slot {
    struct sh_text name;
    const struct sh_bitmap *items;
    uint32_t place;
};
struct sh_feed_quota {
    struct sh_text name;
    const struct sh_bitmap *items;
    uint32_t at_least; /* 0: none needed; of each `of` places: 0 .. of - 1, of .. 2 of - 1, .. */
    uint32_t at_most;  /* of any `of` neighbours; `of`: no limit. at_least <= at_most */
    uint32_t of;       /* 1..SH_FEED_COUNT_MAX */
};
struct sh_feed_diversity {
    uint32_t attribute; /* of items; missing values are never the same */
    uint32_t count;     /* 1 <= count < window <= SH_FEED_COUNT_MAX */
    uint32_t window;
};
struct sh_feed_cap {
    enum sh_feed_kind kind;
    uint32_t count; /* so many such events of the user with the item, from 1 on, in the window hold it back */
    int64_t window_ms;
};

struct sh_feed_rules {
    int64_t held_ms[SH_FEED_KIND_COUNT]; /* 0: such an event holds nothing back */
    struct sh_feed_cap caps[SH_FEED_CAP_COUNT_MAX];
    uint32_t cap_count;
    int64_t fatigue_ms; /* 0: none */
    double fatigue_factor;
    struct sh_feed_boost boosts[SH_FEED_BOOST_COUNT_MAX];
    uint32_t boost_count;
    struct sh_feed_pin pins[SH_FEED_PIN_COUNT_MAX]; /* places differ, items differ */
    uint32_t pin_count;
    struct sh_feed_slot slots[SH_FEED_SLOT_COUNT_MAX]; /* places differ */
    uint32_t slot_count;
    struct sh_feed_quota quotas[SH_FEED_QUOTA_COUNT_MAX];
    uint32_t quota_count;
    struct sh_feed_diversity diversities[SH_FEED_DIVERSITY_COUNT_MAX];
    uint32_t diversity_count;
    double mmr;                        /* 0 (off) .. 1: how much difference counts against score */
    uint8_t relax[SH_FEED_RULE_COUNT]; /* enum sh_feed_kind or sh_feed_rule, each once */
    uint32_t relax_count;
    uint32_t floor;
};

#endif
