/* feed_learned.h -- the learner (learner.h) in the feed: what it adds to scores, what exploring goes by, what is
 * remembered of an answer. */
#ifndef FEED_LEARNED_H
#define FEED_LEARNED_H

#include "feed_second.h"

extern const struct feed_ranker feed_learned;

/* answer->serving, in the arena, for a request that wants it. */
SH_MUST_CHECK enum sh_status learned_remember(const struct feed_run *run, struct sh_feed_answer *answer);

#endif
