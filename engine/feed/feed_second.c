#include "feed_second.h"

#include "feed_rank.h"

/* Pools of a request that are ranked, at most: of all, of slots and quotas, of what is held back. That of all may be made
 * longer, and has the same items in front then. */
enum { SECOND_POOL_COUNT = 1 + SET_COUNT_MAX + LEVEL_COUNT_MAX };

bool second_is_on(const struct feed_run *run) {
    const struct feed_ranker *ranker = run->model->ranker;
    return ranker != NULL && ranker->is_ready(run);
}

enum sh_status second_rank(struct feed_run *run, struct ranked *items, uint32_t count) {
    enum sh_status status = SH_OK;
    struct feed_candidate *candidates = sh_arena_alloc(run->arena, (count + (size_t)1) * sizeof *candidates);
    if (candidates == NULL) return SH_ERR_LIMIT;
    if (run->ranked == NULL) {
        run->ranked = sh_arena_alloc(run->arena, sizeof *run->ranked);
        if (run->ranked == NULL) return SH_ERR_LIMIT;
        status = feed_sparse_init(run->ranked, SECOND_COUNT * SECOND_POOL_COUNT, run->arena);
    }
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        score_item(run, items[i].item, &candidates[i]);
        candidates[i].sources = item_sources(run, &candidates[i]);
    }
    if (status == SH_OK) status = run->model->ranker->rank(run, candidates, count);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        if (feed_sparse_place(run->ranked, items[i].item) == run->ranked->count)
            feed_sparse_add(run->ranked, items[i].item, candidates[i].contributions[SH_FEED_RANKER]);
        score_item(run, items[i].item, &candidates[i]);
        items[i].score = candidates[i].score;
    }
    return status;
}
