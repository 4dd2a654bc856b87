/* feed_rank.h -- what the files of the re-rank share: feed_rank.c, feed_mmr.c. */
#ifndef FEED_RANK_H
#define FEED_RANK_H

#include "feed_feature.h"

enum {
    LEVEL_COUNT_MAX = SH_FEED_RULE_COUNT + 2, /* none relaxed, one more each, and the floor's */
    SET_COUNT_MAX = SH_FEED_SLOT_COUNT_MAX + SH_FEED_QUOTA_COUNT_MAX,
};

/* Items to choose from, best first, that may come from a level on. */
struct pool {
    struct best best;
    uint32_t first; /* all before it are placed */
    uint32_t level;
};

struct mmr_item;

/* What rules of places say depends on the place and, for a diversity, on the item's value, and is asked for every item
 * that is passed over: so it is worked out once. A memo holds for the count of chosen items it was made at, plus one. */
enum { DIVERSITY_MEMO_COUNT = 64 };
struct quota_memo {
    uint32_t made_at;
    uint32_t count; /* of the places before in its window */
};
struct diversity_memo {
    int64_t value;
    uint32_t made_at;
    uint32_t same;
};

struct rank {
    struct feed_run *run;
    struct watch *watch;                /* NULL: nobody asks */
    struct pool pools[LEVEL_COUNT_MAX]; /* ascending by level, the first of level 0 */
    uint32_t pool_count;
    struct pool sets[SET_COUNT_MAX]; /* of slots, then of quotas */
    struct pool explored;
    double *explored_chances;  /* by place in it */
    struct feed_sparse placed; /* in the feed, or kept for a pin */
    struct chosen *chosen;
    uint32_t count;
    struct quota_memo quota_memos[SH_FEED_QUOTA_COUNT_MAX];
    struct diversity_memo diversity_memos[SH_FEED_DIVERSITY_COUNT_MAX][DIVERSITY_MEMO_COUNT];
    /* Of mmr. */
    double top_score;            /* of level 0 */
    struct mmr_item *mmr_placed; /* what stands in the feed, and in its earlier pages */
    uint32_t *mmr_placed_items;
    uint32_t mmr_placed_count;
    struct feed_sparse mmr_places; /* of items looked at, in mmr_items */
    struct mmr_item *mmr_items;
};

/* feed_mmr.c */

SH_MUST_CHECK enum sh_status mmr_begin(struct rank *rank);
/* An item was placed. */
void mmr_note(struct rank *rank, uint32_t item);
/* (1 - mmr) * score / the highest - mmr * the greatest likeness to an item placed. */
double mmr_gain(struct rank *rank, struct ranked ranked);

#endif
