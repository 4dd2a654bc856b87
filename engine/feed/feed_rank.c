/* feed_rank.c -- from scores to places: feed_rules.h says what is wanted.
 *
 *   pools    level 0: the best of all candidates        level l: what is held back until the l-th rule gave way
 *            and the best of each slot's and quota's set
 *
 * A place takes the first item of the lowest level that breaks no rule which still holds. With rules of places the pool
 * of level 0 is longer than the feed, and is made longer still when nothing in it keeps them.
 */
#include "feed_rank.h"

#include <string.h>

#include "feed_explore.h"
#include "feed_narrow.h"
#include "feed_second.h"
#include "hash.h"

enum {
    /* With rules of places, so many more than the places asked for are kept to choose from. */
    MORE_FACTOR = 4,
    MORE_COUNT = 32,
    /* Somebody with one interest has hundreds of best items of one kind, and those of other kinds come after them: when
     * none that is left keeps the rules, the items are gone through once more and so many are kept, then eight times as
     * many, until all are. */
    DEEP_COUNT = 1024,
    DEEP_FACTOR = 8,
};

/* ---- Pools ---- */

static enum sh_status pool_init(struct pool *pool, const struct feed_run *run, uint32_t capacity, uint32_t level) {
    *pool = (struct pool){.level = level};
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

/* Relaxed at a level are the first so many rules of the list; behind its end, all. */
static uint32_t relaxed_at(const struct sh_feed_rules *rules, uint32_t level) {
    uint32_t relaxed = 0;
    if (level > rules->relax_count) return UINT32_MAX;
    for (uint32_t i = 0; i < level; i++)
        relaxed |= 1u << rules->relax[i];
    return relaxed;
}

static uint32_t level_of(const struct sh_feed_rules *rules, uint32_t held) {
    uint32_t level = 0;
    while ((held & ~relaxed_at(rules, level)) != 0)
        level++;
    return level;
}

/* The held items that come at this level, best first. */
static enum sh_status pool_of_held(struct pool *pool, struct feed_run *run, uint32_t level) {
    const enum sh_status status = pool_init(pool, run, run->held_count, level);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < run->held_count; i++) {
        struct feed_candidate candidate;
        if (level_of(run->rules, run->held[i].rules) != level || !item_is_eligible(run, run->held[i].item)) continue;
        score_item(run, run->held[i].item, &candidate);
        best_offer(&pool->best, candidate.item, candidate.score);
    }
    best_sort(&pool->best);
    return pool_rank(pool, run);
}

static bool has_rules_of_places(const struct sh_feed_rules *rules) {
    return rules->diversity_count > 0 || rules->quota_count > 0 || rules->mmr > 0;
}

/* Those that were drawn, in the order in which they are tried. */
static enum sh_status order_explored(struct rank *rank) {
    struct best *best = &rank->explored.best;
    best_sort(best);
    rank->explored_chances = sh_arena_alloc(rank->run->arena, (best->count + (size_t)1) * sizeof(double));
    if (rank->explored_chances == NULL) return SH_ERR_LIMIT;
    explore_order(rank->run, best->items, best->count, rank->explored_chances);
    return SH_OK;
}

/* One pass over all candidates fills the pool of level 0, those of slots and quotas, and what is explored. */
static enum sh_status fill_pools(struct rank *rank, uint32_t kept, uint32_t drawn) {
    struct feed_run *run = rank->run;
    const struct sh_feed_rules *rules = run->rules;
    struct offer offers[1 + SET_COUNT_MAX];
    uint32_t offer_count = 0;
    enum sh_status status = pool_init(&rank->pools[0], run, kept, 0);
    offers[offer_count++] = (struct offer){&rank->pools[0].best, NULL};
    for (uint32_t i = 0; i < rules->slot_count + rules->quota_count && status == SH_OK; i++) {
        const struct sh_bitmap *items =
            i < rules->slot_count ? rules->slots[i].items : rules->quotas[i - rules->slot_count].items;
        status = pool_init(&rank->sets[i], run, kept, 0);
        offers[offer_count++] = (struct offer){&rank->sets[i].best, items};
    }
    if (status == SH_OK) status = pool_init(&rank->explored, run, drawn, 0);
    if (status != SH_OK) return status;
    struct best *explored = drawn > 0 ? &rank->explored.best : NULL;
    bool is_narrowed = false;
    if (narrow_is_wanted(run)) status = narrow_all(run, offers, offer_count, explored, &is_narrowed);
    if (status != SH_OK) return status;
    if (!is_narrowed) score_all(run, offers, offer_count, explored);
    if ((status = order_explored(rank)) != SH_OK) return status;
    best_sort(&rank->pools[0].best);
    status = pool_rank(&rank->pools[0], run);
    for (uint32_t i = 0; i < rules->slot_count + rules->quota_count && status == SH_OK; i++) {
        best_sort(&rank->sets[i].best);
        status = pool_rank(&rank->sets[i], run);
    }
    return status;
}

static enum sh_status make_pools(struct rank *rank) {
    struct feed_run *run = rank->run;
    const uint32_t wanted = run->request->count;
    uint32_t kept = has_rules_of_places(run->rules) ? wanted * MORE_FACTOR + MORE_COUNT : wanted;
    kept += run->rules->pin_count; /* which stand in their own places */
    if (second_is_on(run) && kept < SECOND_COUNT) kept = SECOND_COUNT;
    enum sh_status status = fill_pools(rank, kept, explore_count(run));
    rank->pool_count = 1;
    for (uint32_t level = 1; level < LEVEL_COUNT_MAX && run->held_count > 0 && status == SH_OK; level++) {
        struct pool *pool = &rank->pools[rank->pool_count];
        status = pool_of_held(pool, run, level);
        rank->pool_count += pool->best.count > 0;
    }
    return status;
}

/* The pool of level 0 once more, with more items. *more: there are more now. */
static enum sh_status deepen(struct rank *rank, bool *more) {
    struct feed_run *run = rank->run;
    struct pool *pool = &rank->pools[0];
    /* A narrowed pool may be short of what others were left out for: from here on all are scored. */
    *more = pool->best.count == pool->best.capacity || run->survivors != NULL;
    if (!*more) return SH_OK;
    const uint32_t before = pool->best.capacity;
    enum sh_status status = pool_init(pool, run, before < DEEP_COUNT ? before + DEEP_COUNT : before * DEEP_FACTOR, 0);
    if (status != SH_OK) return status;
    const struct offer offer = {&pool->best, NULL};
    score_all(run, &offer, 1, NULL);
    best_sort(&pool->best);
    *more = pool->best.count > before;
    return pool_rank(pool, run);
}

/* ---- Rules of places ---- */

/* The item `back` places before the one that is being filled, 1 the latest; SH_SLOT_NONE: there is none. */
static uint32_t item_before(const struct rank *rank, uint32_t back) {
    const struct sh_feed_request *request = rank->run->request;
    if (back <= rank->count) return rank->chosen[rank->count - back].ranked.item;
    const uint32_t earlier = back - rank->count;
    return earlier <= request->before_count ? request->before[request->before_count - earlier] : SH_SLOT_NONE;
}

static uint32_t count_same(const struct rank *rank, const struct sh_feed_diversity *rule, int64_t value) {
    const struct sh_table *items = rank->run->model->scope.items;
    uint32_t same = 0;
    for (uint32_t back = 1; back < rule->window; back++) {
        const uint32_t other = item_before(rank, back);
        int64_t others;
        if (other == SH_SLOT_NONE) break;
        if (sh_table_get(items, other, rule->attribute, &others)) same += others == value;
    }
    return same;
}

/* Missing values are never the same. */
static bool breaks_diversity(struct rank *rank, uint32_t number, uint32_t item) {
    const struct sh_feed_diversity *rule = &rank->run->rules->diversities[number];
    int64_t value;
    if (!sh_table_get(rank->run->model->scope.items, item, rule->attribute, &value)) return false;
    struct diversity_memo *memo =
        &rank->diversity_memos[number][sh_hash_mix((uint64_t)value, 0) % DIVERSITY_MEMO_COUNT];
    if (memo->made_at != rank->count + 1 || memo->value != value)
        *memo = (struct diversity_memo){value, rank->count + 1, count_same(rank, rule, value)};
    return memo->same >= rule->count;
}

static uint32_t count_before(const struct rank *rank, const struct sh_feed_quota *quota, uint32_t places) {
    uint32_t count = 0;
    for (uint32_t back = 1; back <= places; back++) {
        const uint32_t other = item_before(rank, back);
        if (other == SH_SLOT_NONE) break;
        count += sh_bitmap_contains(quota->items, other);
    }
    return count;
}

static bool is_quota_full(struct rank *rank, uint32_t number) {
    const struct sh_feed_quota *quota = &rank->run->rules->quotas[number];
    struct quota_memo *memo = &rank->quota_memos[number];
    if (memo->made_at != rank->count + 1)
        *memo = (struct quota_memo){rank->count + 1, count_before(rank, quota, quota->of - 1)};
    return memo->count >= quota->at_most;
}

/* Bits of the rules that the item would break at the next place. */
static uint32_t broken_by(struct rank *rank, uint32_t item) {
    const struct sh_feed_rules *rules = rank->run->rules;
    uint32_t broken = 0;
    for (uint32_t i = 0; i < rules->diversity_count && broken == 0; i++)
        if (breaks_diversity(rank, i, item)) broken |= 1u << SH_FEED_RULE_DIVERSITY;
    for (uint32_t i = 0; i < rules->quota_count; i++) {
        const struct sh_feed_quota *quota = &rules->quotas[i];
        if (quota->at_most < quota->of && sh_bitmap_contains(quota->items, item) && is_quota_full(rank, i))
            broken |= 1u << SH_FEED_RULE_QUOTA;
    }
    return broken;
}

/* The quota that needs this place: so many are missing that all places left in its window, or in the sum of the
 * windows that are still short, are spoken for. quota_count: none does. */
static uint32_t quota_in_need(const struct rank *rank) {
    const struct sh_feed_rules *rules = rank->run->rules;
    const uint32_t place = rank->run->request->place + rank->count;
    uint32_t missing_of_all = 0;
    uint32_t left_of_all = UINT32_MAX;
    uint32_t first = rules->quota_count;
    for (uint32_t i = 0; i < rules->quota_count; i++) {
        const struct sh_feed_quota *quota = &rules->quotas[i];
        const uint32_t have = quota->at_least == 0 ? 0 : count_before(rank, quota, place % quota->of);
        if (have >= quota->at_least) continue;
        const uint32_t left = quota->of - place % quota->of;
        if (quota->at_least - have >= left) return i;
        missing_of_all += quota->at_least - have;
        if (left < left_of_all) left_of_all = left;
        if (first == rules->quota_count) first = i;
    }
    return missing_of_all >= left_of_all ? first : rules->quota_count;
}

/* ---- Choosing ---- */

static bool is_placed(const struct rank *rank, uint32_t item) {
    return feed_sparse_place(&rank->placed, item) < rank->placed.count;
}

static void place_item(struct rank *rank, struct ranked ranked, uint32_t applied) {
    /* The second phase of another pool may have come to the item after this one put it in order. */
    if (rank->run->ranked != NULL) {
        struct feed_candidate candidate;
        score_item(rank->run, ranked.item, &candidate);
        ranked.score = candidate.score;
    }
    if (!is_placed(rank, ranked.item)) feed_sparse_add(&rank->placed, ranked.item, 0);
    const uint32_t broken = broken_by(rank, ranked.item) | item_held_by(rank->run, ranked.item);
    const bool is_pin = (applied >> SH_FEED_APPLIED_PIN & 1) != 0;
    rank->chosen[rank->count++] = (struct chosen){.ranked = ranked, .relaxed = is_pin ? 0 : broken, .applied = applied};
    mmr_note(rank, ranked.item);
}

/* The best item of a pool that is not placed, is in `items` (NULL: all) and breaks no rule but those relaxed. */
static bool pick(struct rank *rank, struct pool *pool, const struct sh_bitmap *items, uint32_t relaxed,
                 struct ranked *picked) {
    struct watch *watch = rank->watch;
    const bool by_gain = rank->run->rules->mmr > 0;
    const uint32_t end = by_gain && pool->best.count > SH_FEED_MMR_LOOK_MAX ? SH_FEED_MMR_LOOK_MAX : pool->best.count;
    double best_gain = 0;
    bool found = false;
    while (pool->first < pool->best.count && is_placed(rank, pool->best.items[pool->first].item))
        pool->first++;
    for (uint32_t i = pool->first; i < pool->best.count && (!found || (by_gain && i < end)); i++) {
        const struct ranked ranked = pool->best.items[i];
        if (is_placed(rank, ranked.item) || (items != NULL && !sh_bitmap_contains(items, ranked.item))) continue;
        const double gain = by_gain ? mmr_gain(rank, ranked) : 0;
        if (found && gain <= best_gain) continue;
        const uint32_t broken = broken_by(rank, ranked.item) & ~relaxed;
        if (watch != NULL && ranked.item == watch->item) watch->rules |= broken;
        if (broken != 0) continue;
        *picked = ranked;
        best_gain = gain;
        found = true;
    }
    return found;
}

/* The same over all pools of a level and below; `set` is the pool of `items` at level 0, NULL: of all. */
static bool pick_at(struct rank *rank, uint32_t level, struct pool *set, const struct sh_bitmap *items,
                    struct ranked *picked) {
    const uint32_t relaxed = relaxed_at(rank->run->rules, level);
    for (uint32_t i = 0; i < rank->pool_count; i++) {
        struct pool *pool = i == 0 && set != NULL ? set : &rank->pools[i];
        if (pool->level <= level && pick(rank, pool, items, relaxed, picked)) return true;
    }
    return false;
}

/* The same, level after level, as far as rules may give way. */
static enum sh_status pick_best(struct rank *rank, struct pool *set, const struct sh_bitmap *items, bool *found,
                                struct ranked *picked) {
    *found = false;
    for (uint32_t level = 0; level <= rank->run->rules->relax_count && !*found; level++) {
        *found = pick_at(rank, level, set, items, picked);
        while (!*found && level == 0 && set == NULL && has_rules_of_places(rank->run->rules)) {
            bool more;
            const enum sh_status status = deepen(rank, &more);
            if (status != SH_OK) return status;
            if (!more) break;
            *found = pick_at(rank, 0, NULL, NULL, picked);
        }
    }
    return SH_OK;
}

/* ---- One place ---- */

static bool may_be_pinned(const struct feed_run *run, uint32_t item) {
    if (item_is_excluded(run, item) || !item_is_eligible(run, item)) return false;
    for (uint32_t i = 0; i < run->request->before_count; i++)
        if (run->request->before[i] == item) return false;
    return true;
}

static bool place_pin(struct rank *rank, uint32_t place) {
    const struct sh_feed_rules *rules = rank->run->rules;
    for (uint32_t i = 0; i < rules->pin_count; i++) {
        struct feed_candidate candidate;
        if (rules->pins[i].place != place || !may_be_pinned(rank->run, rules->pins[i].item)) continue;
        score_item(rank->run, rules->pins[i].item, &candidate);
        place_item(rank, (struct ranked){candidate.score, candidate.item}, 1u << SH_FEED_APPLIED_PIN);
        return true;
    }
    return false;
}

static enum sh_status place_from_set(struct rank *rank, uint32_t set, const struct sh_bitmap *items,
                                     enum sh_feed_applied applied, bool *found) {
    struct ranked picked;
    const enum sh_status status = pick_best(rank, &rank->sets[set], items, found, &picked);
    if (status == SH_OK && *found) place_item(rank, picked, 1u << applied);
    return status;
}

static bool place_explored(struct rank *rank) {
    const struct best *best = &rank->explored.best;
    struct feed_candidate candidate;
    uint32_t first = best->count;
    double chances = 0; /* of all that might stand here */
    if (!explore_wants(rank->run, rank->run->request->place + rank->count)) return false;
    for (uint32_t i = 0; i < best->count; i++) {
        if (is_placed(rank, best->items[i].item) || broken_by(rank, best->items[i].item) != 0) continue;
        if (first == best->count) first = i;
        chances += rank->explored_chances[i];
    }
    if (first == best->count) return false;
    score_item(rank->run, best->items[first].item, &candidate);
    place_item(rank, (struct ranked){candidate.score, candidate.item}, 0);
    struct chosen *chosen = &rank->chosen[rank->count - 1];
    chosen->explored = true;
    chosen->propensity = explore_propensity(rank->run, best->count, rank->explored_chances[first], chances);
    return true;
}

static enum sh_status place_next(struct rank *rank, bool *found) {
    const struct sh_feed_rules *rules = rank->run->rules;
    const uint32_t place = rank->run->request->place + rank->count;
    struct ranked picked;
    enum sh_status status = SH_OK;
    if ((*found = place_pin(rank, place))) return SH_OK;
    for (uint32_t i = 0; i < rules->slot_count; i++) {
        if (rules->slots[i].place != place) continue;
        status = place_from_set(rank, i, rules->slots[i].items, SH_FEED_APPLIED_SLOT, found);
        if (status != SH_OK || *found) return status;
    }
    const uint32_t quota = quota_in_need(rank);
    if (quota < rules->quota_count) {
        status =
            place_from_set(rank, rules->slot_count + quota, rules->quotas[quota].items, SH_FEED_APPLIED_QUOTA, found);
        if (status != SH_OK || *found) return status;
    }
    if ((*found = place_explored(rank))) return SH_OK;
    if ((status = pick_best(rank, NULL, NULL, found, &picked)) != SH_OK || !*found) return status;
    place_item(rank, picked, rules->mmr > 0 ? 1u << SH_FEED_APPLIED_MMR : 0);
    return SH_OK;
}

/* When nothing else is left: pins of places further down move up, and then, as far as the floor, whatever is allowed.
 */
static bool place_last(struct rank *rank) {
    const struct sh_feed_rules *rules = rank->run->rules;
    struct ranked picked;
    for (uint32_t i = 0; i < rules->pin_count; i++) {
        const struct sh_feed_pin *pin = &rules->pins[i];
        bool is_there = false;
        for (uint32_t k = 0; k < rank->count; k++)
            is_there = is_there || rank->chosen[k].ranked.item == pin->item;
        if (!is_there && pin->place > rank->run->request->place + rank->count && place_pin(rank, pin->place))
            return true;
    }
    if (rank->run->request->place + rank->count >= rules->floor || !pick_at(rank, LEVEL_COUNT_MAX, NULL, NULL, &picked))
        return false;
    place_item(rank, picked, 0);
    return true;
}

static enum sh_status rank_begin(struct rank *rank) {
    struct feed_run *run = rank->run;
    const struct sh_feed_rules *rules = run->rules;
    enum sh_status status = feed_sparse_init(&rank->placed, run->request->count + rules->pin_count, run->arena);
    if (status == SH_OK) status = make_pools(rank);
    if (status == SH_OK) status = mmr_begin(rank);
    rank->chosen = sh_arena_alloc(run->arena, run->request->count * sizeof *rank->chosen);
    if (rank->chosen == NULL) return SH_ERR_LIMIT;
    /* What has a place of its own is not chosen for another. */
    for (uint32_t i = 0; i < rules->pin_count && status == SH_OK; i++)
        if (rules->pins[i].place >= run->request->place && may_be_pinned(run, rules->pins[i].item))
            feed_sparse_add(&rank->placed, rules->pins[i].item, 0);
    return status;
}

enum sh_status rank_items(struct feed_run *run, struct watch *watch, struct chosen **chosen, uint32_t *count) {
    struct rank *rank = sh_arena_alloc_zero(run->arena, sizeof *rank);
    if (rank == NULL) return SH_ERR_LIMIT;
    rank->run = run;
    rank->watch = watch;
    enum sh_status status = rank_begin(rank);
    while (status == SH_OK && rank->count < run->request->count) {
        bool found;
        status = place_next(rank, &found);
        if (status == SH_OK && !found && !place_last(rank)) break;
    }
    *chosen = rank->chosen;
    *count = rank->count;
    return status;
}
