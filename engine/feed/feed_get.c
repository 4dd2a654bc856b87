/* feed_get.c -- the pipeline from request to answer, and trends. */
#include <math.h>
#include <string.h>

#include "feed_explore.h"
#include "feed_feature.h"
#include "feed_math.h"
#include "feed_second.h"
#include "memory.h"

static enum sh_status arena_full(struct sh_error *err) {
    return sh_fail(err, SH_ERR_LIMIT, -1, "the request needs more memory than its arena may take");
}

/* ---- Reasons ---- */

static enum sh_status give_reasons(const struct feed_run *run, const struct feed_candidate *candidate,
                                   struct sh_feed_item *item) {
    struct feed_reasons reasons;
    reasons.count = 0;
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        const double value = candidate->contributions[i];
        if (value == 0) continue;
        if (feed_features[i]->explain != NULL)
            feed_features[i]->explain(run, run->states[i], candidate->item, value, &reasons);
        else
            feed_reason_add(&reasons, feed_features[i]->name, value);
    }
    if (candidate->contributions[SH_FEED_RANKER] != 0) {
        if (run->model->ranker->explain != NULL)
            run->model->ranker->explain(run, candidate, &reasons);
        else
            feed_reason_add(&reasons, "ranker", candidate->contributions[SH_FEED_RANKER]);
    }
    return feed_reasons_take(&reasons, run->arena, &item->reasons, &item->reason_count);
}

/* ---- The feed ---- */

static enum sh_status fill_item(const struct feed_run *run, const struct chosen *chosen, struct sh_feed_item *item) {
    struct feed_candidate candidate;
    score_item(run, chosen->ranked.item, &candidate);
    sh_assert(candidate.score == chosen->ranked.score); /* the fast way and the plain one are the same number */
    *item = (struct sh_feed_item){.item = candidate.item,
                                  .sources = item_sources(run, &candidate),
                                  .score = candidate.score,
                                  .relaxed = chosen->relaxed,
                                  .undiverse = chosen->undiverse,
                                  .propensity = chosen->explored ? explore_propensity(run, candidate.item) : 1};
    memcpy(item->contributions, candidate.contributions, sizeof item->contributions);
    if (chosen->explored) item->sources |= 1u << SH_FEED_SOURCE_EXPLORE;
    if (item->sources == 0) item->sources = 1u << SH_FEED_SOURCE_CATALOGUE;
    return give_reasons(run, &candidate, item);
}

enum sh_status scratch_reserve(struct sh_feed_model *model) {
    if (model->block_sums != NULL) return SH_OK;
    double *sums = sh_alloc(SH_BLOCK_SLOTS * sizeof *sums);
    uint16_t *slots = sh_alloc(SH_BLOCK_SLOTS * sizeof *slots);
    if (sums == NULL || slots == NULL) {
        sh_free(sums);
        sh_free(slots);
        return SH_ERR_MEMORY;
    }
    model->block_sums = sums;
    model->block_slots = slots;
    return SH_OK;
}

static enum sh_status rank_and_fill(struct feed_run *run, struct sh_feed_answer *answer) {
    struct chosen *chosen;
    uint32_t count;
    enum sh_status status;
    profile_begin(run);
    if ((status = held_begin(run)) != SH_OK) return status;
    if ((status = features_begin(run)) != SH_OK) return status;
    if ((status = rank_items(run, &chosen, &count)) != SH_OK) return status;
    answer->items = sh_arena_alloc(run->arena, (count + (size_t)1) * sizeof *answer->items);
    if (answer->items == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < count; i++) {
        if ((status = fill_item(run, &chosen[i], &answer->items[i])) != SH_OK) return status;
        if (chosen[i].relaxed != SH_FEED_RELAXED_NONE) answer->relaxed |= 1u << chosen[i].relaxed;
        answer->undiverse_count += chosen[i].undiverse;
    }
    answer->count = count;
    answer->eligible_count = run->eligible_count;
    return SH_OK;
}

enum sh_status sh_feed_get(struct sh_feed_model *model, const struct sh_feed_request *request, struct sh_arena *arena,
                           struct sh_feed_answer *answer, struct sh_error *err) {
    *answer = (struct sh_feed_answer){.items = NULL};
    if (request->count == 0 || request->count > SH_FEED_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a feed has 1 to %d items", (int)SH_FEED_COUNT_MAX);
    if (scratch_reserve(model) != SH_OK) return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for scoring");
    struct feed_run *run = sh_arena_alloc_zero(arena, sizeof *run);
    if (run == NULL) return arena_full(err);
    popularity_settle(model);
    run->model = model;
    run->request = request;
    run->arena = arena;
    memcpy(run->weights, request->weights != NULL ? request->weights : model->config.weights, sizeof run->weights);
    const enum sh_status status = rank_and_fill(run, answer);
    if (status == SH_ERR_MEMORY) return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for scoring");
    return status == SH_OK ? SH_OK : arena_full(err);
}

/* ---- Trends ---- */

enum sh_status sh_feed_trending(struct sh_feed_model *model, const struct sh_bitmap *eligible, int64_t now_ms,
                                uint32_t count, struct sh_arena *arena, struct sh_feed_trend **trends,
                                uint32_t *trend_count, struct sh_error *err) {
    *trends = NULL;
    *trend_count = 0;
    if (count == 0 || count > SH_FEED_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a list of trends has 1 to %d items", (int)SH_FEED_COUNT_MAX);
    struct best best;
    if (best_init(&best, model->scope.items, count, arena) != SH_OK) return arena_full(err);
    popularity_settle(model);
    for (uint32_t item = 0; item < model->item_capacity; item++) {
        if (model->popularity_root[item] <= 0 || !item_is_listed(model, item)) continue;
        if (eligible == NULL || sh_bitmap_contains(eligible, item))
            best_offer(&best, item, model->popularity_root[item]);
    }
    best_sort(&best);
    *trends = sh_arena_alloc(arena, (best.count + (size_t)1) * sizeof **trends);
    if (*trends == NULL) return arena_full(err);
    for (uint32_t i = 0; i < best.count; i++)
        (*trends)[i] = (struct sh_feed_trend){.item = best.items[i].item,
                                              .popularity = popularity_now(model, best.items[i].score, now_ms)};
    *trend_count = best.count;
    return SH_OK;
}

/* ---- One user ---- */

uint32_t sh_feed_affinities(const struct sh_feed_model *model, uint32_t user, int64_t now_ms,
                            struct sh_feed_affinity *affinities, uint32_t max) {
    if (user >= model->user_capacity || model->users[user] == NULL) return 0;
    struct affinity *affinity = model->users[user];
    const double back_ms = (double)(affinity->landmark_ms - now_ms);
    const double short_factor = feed_math_growth(back_ms / model->config.half_life_short_ms);
    const double long_factor = feed_math_growth(back_ms / model->config.half_life_long_ms);
    uint32_t count = 0;
    for (uint32_t i = 0; i < affinity->count; i++) {
        const struct sh_feed_affinity entry = {.name = tag_name(model->scope.items, affinity_tags(affinity)[i]),
                                               .group = tag_group(model->scope.items, affinity_tags(affinity)[i]),
                                               .short_lived = short_factor * (double)affinity_short(affinity)[i],
                                               .long_lived = long_factor * (double)affinity_long(affinity)[i]};
        /* Insertion into the strongest so far; lists have 32 entries at most. */
        uint32_t place = count < max ? count++ : max;
        while (place > 0 && affinities[place - 1].long_lived < entry.long_lived) {
            if (place < max) affinities[place] = affinities[place - 1];
            place--;
        }
        if (place < max) affinities[place] = entry;
    }
    return count;
}
