/* feed_second.h -- the second phase: the best of the first, each with all that is known of it, scored once more.
 *
 *   first phase --> best SECOND_COUNT candidates --> rank(): contributions[SH_FEED_RANKER] of each --> re-rank
 *
 * A model without a ranker (or whose ranker is not ready: it has not seen enough) goes from the first phase to the
 * re-rank at once, and only the items of the answer are looked at closely. A ranker sees every candidate with its
 * contributions, its sources and the run (profile, user, now), and says what it adds to the sum of the others; that may
 * be all there is to a score, if it takes the sum away again.
 *
 * What rank() says must depend on the request and the state alone, not on the order of the candidates, which is that of
 * the first phase.
 */
#ifndef FEED_SECOND_H
#define FEED_SECOND_H

#include "feed_feature.h"

enum {
    /* Candidates of the second phase: some four times a long page. The learner takes half a microsecond to one for each
     * (bench/micro/learner_bench). */
    SECOND_COUNT = 192,
};

struct feed_ranker {
    /* Has it data enough? If not, rank() is not asked. */
    bool (*is_ready)(const struct feed_run *run);
    /* Sets contributions[SH_FEED_RANKER] of each, finite numbers; the caller adds up the scores anew. SH_ERR_LIMIT: the
     * arena is full. */
    enum sh_status (*rank)(const struct feed_run *run, struct feed_candidate *candidates, uint32_t count);
    /* The parts of that contribution for people. May be NULL: one reason "ranker". */
    void (*explain)(const struct feed_run *run, const struct feed_candidate *candidate, struct feed_reasons *reasons);
};

/* Does the request have a second phase? */
bool second_is_on(const struct feed_run *run);
/* The second phase over some items: their scores become those with the ranker's part, which the run keeps, so that
 * score_item() says the same from now on. */
SH_MUST_CHECK enum sh_status second_rank(struct feed_run *run, struct ranked *items, uint32_t count);

#endif
