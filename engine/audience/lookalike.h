/* lookalike.h -- the users most like a seed audience: weights for what they have, and the best sums.
 *
 *   feature            seeds (R)  users (N)   weight
 *   likes has 'tea'      8,100      900,000    +2.31        a user's score is the sum of the weights of what the
 *   tier = 'gold'        5,000      600,000    +1.40        user has; seeds and excluded users are left out, the best
 *   city = 'Leeds'           4      200,000    -2.02        n of the others are the answer
 *
 * WEIGHTS. Naive Bayes over having or not having each tag and each value, as log-odds; the smoothed form is the
 * relevance weight of Robertson and Sparck Jones ("Relevance weighting of search terms", JASIS 27, 1976, formula F4
 * with 0.5 added). With r of R seeds and n of N users having the feature:
 *
 *   weight = ln( (r + 0.5) / (R - r + 0.5)  /  ((n - r + 0.5) / (N - n - R + r + 0.5)) )
 *
 * Features are chosen by information value, (r / R - (n - r) / (N - R)) * weight, the usual measure of what a feature
 * tells (Kullback's J-divergence of the two shares): at most SH_LOOKALIKE_FEATURE_COUNT_MAX. A weight is rounded once
 * to a thousandth and is an integer from there on, so a score is exact, whatever the order of the sums or the number of
 * shards.
 *
 * THE BEST. Scores of a block are added up in 65,536 counters (256 KiB, in the L2 cache), eight bitmaps in one pass.
 * Who reaches the worst of the best so far is kept with the score alone; when there are three times as many as wanted,
 * the score that suffices is found and the others are dropped. Ids are hashed at the end, for the best and for those
 * whose score just suffices: equal scores go by a mix of the id's hash, then by id, the same users for any number of
 * shards.
 *
 * Cost: per block of 65,536 users about 10 us for eight bitmaps of bits, and 1 ns an entry of a short one; 10 to 20 ns
 * for each user among the best or equal to the last of them. 32 bytes for each of the three times as many as wanted.
 */
#ifndef SH_LOOKALIKE_H
#define SH_LOOKALIKE_H

#include "audience.h"
#include "query.h"

enum { SH_LOOKALIKE_WEIGHT_PARTS = 1000 };

struct sh_feature {
    bool is_tag_set;
    uint32_t index; /* of the tag set, or of an attribute with value bitmaps */
    uint32_t code;
    int32_t weight; /* in thousandths */
};

/* What is chosen by: pure arithmetic on counts, r <= R <= N, r <= n <= N. R and N - R are not 0. */
double sh_feature_weight(uint64_t r, uint64_t n, uint64_t seed_count, uint64_t user_count);
double sh_feature_information(uint64_t r, uint64_t n, uint64_t seed_count, uint64_t user_count);

struct sh_like {
    int64_t score;
    uint64_t mix;
    uint32_t slot;
};
struct sh_lookalike;
struct sh_lookalike_spec {
    const struct sh_table *table;
    struct sh_plan *seeds;
    struct sh_plan *exclude;      /* NULL: nobody */
    struct sh_audience_gate gate; /* of candidates; narrow NULL: all of them */
    const struct sh_feature *features;
    uint32_t feature_count;
    uint32_t count; /* wanted */
};
/* Everything in spec outlives it. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_lookalike_create(const struct sh_lookalike_spec *spec, struct sh_lookalike **lookalike,
                                                 struct sh_error *err);
void sh_lookalike_destroy(struct sh_lookalike *lookalike); /* NULL is fine */
SH_MUST_CHECK enum sh_status sh_lookalike_step(struct sh_lookalike *lookalike, uint32_t block_count, bool *done,
                                               struct sh_error *err);
/* The best, best first; *count of them. */
const struct sh_like *sh_lookalike_best(const struct sh_lookalike *lookalike, uint32_t *count);
/* Users who were neither seeds nor excluded. */
uint64_t sh_lookalike_candidate_count(const struct sh_lookalike *lookalike);

#endif
