/* ranking_measures.h -- how good a list is whose right items are known: recall, NDCG, hit rate, MRR, coverage.
 *
 *   places of the list    1      2      3      4 ...       T: the right items, |T| of them
 *   right?                -      yes    -      yes
 *
 *   recall@k   right ones among the first k / |T|
 *   NDCG@k     sum over right places p <= k of 1 / log2(1 + p)   /   the same sum for p = 1 .. min(k, |T|)
 *   HR@k       is there a right one among the first k? 1 or 0
 *   MRR@k      1 / the first right place, if that is at most k; else 0
 *   coverage   share of all items that stand among the first k of somebody's list
 *
 * Each is the mean over the users with at least one right item, coverage aside.
 */
#ifndef SHOAL_RANKING_MEASURES_H
#define SHOAL_RANKING_MEASURES_H

#include <stdbool.h>
#include <stdint.h>

enum { RANKING_K_COUNT_MAX = 8, RANKING_K_MAX = 1000 };

struct ranking_measures {
    uint32_t k;
    double recall, ndcg, hit, mrr, coverage;
};

struct ranking_sums {
    struct ranking_measures sums[RANKING_K_COUNT_MAX];
    uint32_t k_count;
    uint32_t item_count;
    uint64_t user_count;
    uint16_t *shown; /* by item: the best place it stood at in any list; 0: none */
};

/* False: memory is out. */
bool ranking_sums_init(struct ranking_sums *sums, const uint32_t *k, uint32_t k_count, uint32_t item_count);
void ranking_sums_deinit(struct ranking_sums *sums);
/* One user's list: items[i] stands at place i + 1, and is_right[i] says whether it is one of the right_count. Without a
 * right item the user is left out. */
void ranking_sums_add(struct ranking_sums *sums, const uint32_t *items, const bool *is_right, uint32_t count,
                      uint32_t right_count);
struct ranking_measures ranking_sums_mean(const struct ranking_sums *sums, uint32_t place);

#endif
