/* feed_fit.h -- whom does an item suit? The feed's question asked from the other side, for one user after another.
 *
 *   feed.get          one user     -> every item  -> the best items
 *   feed_fit          one item     -> every user  -> the best users       the same contributions, to the last bit
 *
 * A user's score is the sum of what the features affinity, pairs and walk give the item in their feed; those are the
 * ones that tell users apart by what they are like. The visit of the moment says nothing of next week, and popularity,
 * recency and the like are the same for everybody.
 *
 * Cost: most users have nothing to do with an item, which their list of tags and their latest items say in some 0.1 us;
 * the others take about a microsecond each (bench/micro/fit_bench), since what does not depend on the user is worked out
 * once (feed_taste.h), and the memory of the users to come is asked for while one is looked at. Memory: the best `count`
 * and some kilobytes, in the arena. A fit is good as long as the item is not changed; users may change between two
 * steps, and are as they are when they are looked at.
 */
#ifndef SH_FEED_FIT_H
#define SH_FEED_FIT_H

#include "feed.h"

struct sh_feed_fit;

struct sh_feed_fit_user {
    uint32_t user;
    double score; /* affinity + pairs + walk, in that order, exactly; above 0 */
    double affinity;
    double pairs;
    double walk;
    uint32_t reason_count; /* as in a feed */
    const struct sh_feed_reason *reasons;
};

/* At most SH_LIST_LIMIT_MAX users will be kept. SH_ERR_LIMIT: the arena is full. */
SH_MUST_CHECK enum sh_status sh_feed_fit_create(const struct sh_feed_model *model, uint32_t item, int64_t now_ms,
                                                uint32_t count, struct sh_arena *arena, struct sh_feed_fit **fit,
                                                struct sh_error *err);
/* Look at the users of a block whose bits are set in these words of it, from the word_first-th one on; each user at most
 * once. Many at a time cost less than one by one. */
void sh_feed_fit_offer(struct sh_feed_fit *fit, uint32_t block, const uint64_t *words, uint32_t word_first,
                       uint32_t word_count);
/* Users with a score above 0 so far. */
uint64_t sh_feed_fit_count(const struct sh_feed_fit *fit);
/* The best of them, best first, ties by external id, with reasons; those who do not live any more are left out. Once. */
SH_MUST_CHECK enum sh_status sh_feed_fit_best(struct sh_feed_fit *fit, struct sh_feed_fit_user **users, uint32_t *count,
                                              struct sh_error *err);

#endif
