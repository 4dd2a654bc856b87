/* feed_rank.c -- from scores to places: the best, the diversity window, explored places, rules that give way. */
#include "feed_explore.h"
#include "feed_private.h"
#include "feed_second.h"

#include <string.h>

enum {
    /* With a diversity rule, so many more than the places asked for are kept to choose from. */
    DIVERSE_FACTOR = 4,
    DIVERSE_MORE = 32,
    /* Somebody with one interest has hundreds of best items of one kind, and those of other kinds come after them: when
     * none that is left keeps the rule, the items are gone through once more and so many are kept. */
    DEEP_COUNT = 1024,
};

/* Items to choose from, best first, that need the same rule to give way. */
struct pool {
    struct best best;
    bool *used;
    uint32_t first; /* all before it are used */
    enum sh_feed_relaxed relaxed;
};

static enum sh_status pool_init(struct pool *pool, const struct feed_run *run, uint32_t capacity,
                                enum sh_feed_relaxed relaxed) {
    *pool = (struct pool){.relaxed = relaxed};
    pool->used = sh_arena_alloc_zero(run->arena, capacity + (size_t)1);
    if (pool->used == NULL) return SH_ERR_LIMIT;
    return best_init(&pool->best, run->model->scope.items, capacity, run->arena);
}

/* The second phase over a pool that is in order: the best of it get new scores, and come before the rest. */
static enum sh_status pool_rank(struct pool *pool, struct feed_run *run) {
    if (!second_is_on(run)) return SH_OK;
    struct best again;
    const uint32_t count = pool->best.count < SECOND_COUNT ? pool->best.count : SECOND_COUNT;
    enum sh_status status = best_init(&again, run->model->scope.items, count, run->arena);
    if (status == SH_OK) status = second_rank(run, pool->best.items, count);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        best_offer(&again, pool->best.items[i].item, pool->best.items[i].score);
    if (status != SH_OK) return status;
    best_sort(&again);
    memcpy(pool->best.items, again.items, count * sizeof *again.items);
    return SH_OK;
}

/* The items of a list that may be shown at all, best first. */
static enum sh_status pool_of_list(struct pool *pool, struct feed_run *run, const uint32_t *slots, uint32_t count,
                                   enum sh_feed_relaxed relaxed) {
    const enum sh_status status = pool_init(pool, run, count, relaxed);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        struct feed_candidate candidate;
        if (!item_is_eligible(run, slots[i])) continue;
        score_item(run, slots[i], &candidate);
        best_offer(&pool->best, slots[i], candidate.score);
    }
    best_sort(&pool->best);
    return pool_rank(pool, run);
}

/* ---- Choosing ---- */

/* Would the item at `place` keep the rule with the places before it? Missing values are never the same. */
static bool is_diverse(const struct feed_run *run, const struct chosen *chosen, uint32_t place, uint32_t item) {
    const struct sh_feed_config *config = &run->model->config;
    int64_t value;
    if (config->diversity_attribute < 0) return true;
    const uint32_t attribute = (uint32_t)config->diversity_attribute;
    if (!sh_table_get(run->model->scope.items, item, attribute, &value)) return true;
    uint32_t same = 0;
    for (uint32_t back = 1; back < config->diversity_window && back <= place; back++) {
        int64_t other;
        if (sh_table_get(run->model->scope.items, chosen[place - back].ranked.item, attribute, &other))
            same += other == value;
    }
    return same < config->diversity_count;
}

/* Take the best unused item of the pool for the place; with `must`, one that breaks the diversity rule if need be. */
static bool choose_from(const struct feed_run *run, struct pool *pool, bool must, struct chosen *chosen,
                        uint32_t place) {
    while (pool->first < pool->best.count && pool->used[pool->first])
        pool->first++;
    if (pool->first == pool->best.count) return false;
    uint32_t index = pool->first;
    while (index < pool->best.count &&
           (pool->used[index] || !is_diverse(run, chosen, place, pool->best.items[index].item)))
        index++;
    const bool undiverse = index == pool->best.count;
    if (undiverse && !must) return false;
    if (undiverse) index = pool->first;
    pool->used[index] = true;
    chosen[place] =
        (struct chosen){.ranked = pool->best.items[index], .relaxed = pool->relaxed, .undiverse = undiverse};
    return true;
}

static void pool_mark(struct pool *pool, uint32_t item) {
    for (uint32_t i = 0; i < pool->best.count; i++)
        if (pool->best.items[i].item == item) pool->used[i] = true;
}

/* The pool once more, with more items; those in the feed already are used. Nothing changes if it has all there are. */
static enum sh_status deepen(struct feed_run *run, struct pool *pool, const struct chosen *chosen, uint32_t place) {
    if (pool->best.count < pool->best.capacity) return SH_OK;
    enum sh_status status = pool_init(pool, run, pool->best.capacity + DEEP_COUNT, pool->relaxed);
    if (status != SH_OK) return status;
    score_all(run, &pool->best, NULL);
    best_sort(&pool->best);
    if ((status = pool_rank(pool, run)) != SH_OK) return status;
    for (uint32_t i = 0; i < place; i++)
        pool_mark(pool, chosen[i].ranked.item);
    return SH_OK;
}

static bool choose_explored(const struct feed_run *run, struct pool *explored, struct pool *others,
                            struct chosen *chosen, uint32_t place) {
    if (!explore_wants(run, place) || !choose_from(run, explored, false, chosen, place)) return false;
    struct ranked *ranked = &chosen[place].ranked;
    struct feed_candidate candidate;
    score_item(run, ranked->item, &candidate);
    ranked->score = candidate.score;
    chosen[place].explored = true;
    pool_mark(others, ranked->item);
    return true;
}

enum sh_status rank_items(struct feed_run *run, struct chosen **chosen, uint32_t *count) {
    enum { MAIN, SEEN, BOUGHT, POOL_COUNT };
    const struct sh_feed_config *config = &run->model->config;
    const uint32_t wanted = run->request->count;
    const uint32_t drawn = explore_count(run);
    uint32_t kept = config->diversity_attribute < 0 ? wanted : wanted * DIVERSE_FACTOR + DIVERSE_MORE;
    if (second_is_on(run) && kept < SECOND_COUNT) kept = SECOND_COUNT;
    struct pool pools[POOL_COUNT];
    struct pool explored;
    enum sh_status status;
    if ((status = pool_init(&pools[MAIN], run, kept, SH_FEED_RELAXED_NONE)) != SH_OK) return status;
    if ((status = pool_init(&explored, run, drawn, SH_FEED_RELAXED_NONE)) != SH_OK) return status;
    score_all(run, &pools[MAIN].best, drawn > 0 ? &explored.best : NULL);
    best_sort(&pools[MAIN].best);
    best_sort(&explored.best);
    if ((status = pool_rank(&pools[MAIN], run)) != SH_OK) return status;
    status = pool_of_list(&pools[SEEN], run, run->seen, run->seen_count, SH_FEED_RELAXED_SEEN);
    if (status != SH_OK) return status;
    status = pool_of_list(&pools[BOUGHT], run, run->bought, run->bought_count, SH_FEED_RELAXED_BOUGHT);
    if (status != SH_OK) return status;

    *chosen = sh_arena_alloc(run->arena, wanted * sizeof **chosen);
    if (*chosen == NULL) return SH_ERR_LIMIT;
    uint32_t place = 0;
    bool is_deep = config->diversity_attribute < 0;
    for (; place < wanted; place++) {
        if (choose_explored(run, &explored, &pools[MAIN], *chosen, place)) continue;
        if (choose_from(run, &pools[MAIN], false, *chosen, place)) {
            pool_mark(&explored, (*chosen)[place].ranked.item);
            continue;
        }
        if (!is_deep && (status = deepen(run, &pools[MAIN], *chosen, place)) != SH_OK) return status;
        is_deep = true;
        uint32_t pool = MAIN;
        while (pool < POOL_COUNT && !choose_from(run, &pools[pool], true, *chosen, place))
            pool++;
        if (pool == POOL_COUNT) break;
        pool_mark(&explored, (*chosen)[place].ranked.item);
    }
    *count = place;
    return SH_OK;
}
