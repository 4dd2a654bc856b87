/* feed_get.c -- the pipeline from request to answer, and trends. */
#include <math.h>
#include <string.h>

#include "feed_explore.h"
#include "feed_feature.h"
#include "feed_learned.h"
#include "feed_math.h"
#include "feed_reading.h"
#include "feed_second.h"
#include "memory.h"

static enum sh_status arena_full(struct sh_error *err) {
    return sh_fail(err, SH_ERR_LIMIT, -1, "the request needs more memory than its arena may take");
}

/* ---- Reasons ---- */

static void collect_reasons(const struct feed_run *run, const struct feed_candidate *candidate,
                            struct feed_reasons *reasons, uint32_t *applied) {
    reasons->count = 0;
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        const double value = candidate->contributions[i];
        if (value == 0) continue;
        if (feed_features[i]->explain != NULL)
            feed_features[i]->explain(run, run->states[i], candidate->item, value, reasons);
        else
            feed_reason_add(reasons, feed_features[i]->name, value);
    }
    if (candidate->contributions[SH_FEED_RANKER] != 0) {
        if (run->model->ranker->explain != NULL)
            run->model->ranker->explain(run, candidate, reasons);
        else
            feed_reason_add(reasons, "ranker", candidate->contributions[SH_FEED_RANKER]);
    }
    explain_rules(run, candidate, reasons, applied);
}

static enum sh_status give_reasons(const struct feed_run *run, const struct feed_candidate *candidate, uint32_t max,
                                   struct sh_feed_item *item) {
    struct feed_reasons reasons;
    if (run->request->is_bare) return SH_OK;
    collect_reasons(run, candidate, &reasons, &item->applied);
    return feed_reasons_take(&reasons, max, run->arena, &item->reasons, &item->reason_count);
}

/* ---- The feed ---- */

static enum sh_status tell_item(const struct feed_run *run, uint32_t slot, uint32_t reason_count_max,
                                struct sh_feed_item *item) {
    struct feed_candidate candidate;
    score_item(run, slot, &candidate);
    *item = (struct sh_feed_item){
        .item = slot, .sources = item_sources(run, &candidate), .score = candidate.score, .propensity = 1};
    memcpy(item->contributions, candidate.contributions, sizeof item->contributions);
    if (item->sources == 0) item->sources = 1u << SH_FEED_SOURCE_CATALOGUE;
    return give_reasons(run, &candidate, reason_count_max, item);
}

static enum sh_status tell_chosen(const struct feed_run *run, const struct chosen *chosen, struct sh_feed_item *item) {
    const enum sh_status status = tell_item(run, chosen->ranked.item, SH_FEED_REASON_COUNT_MAX, item);
    if (status != SH_OK) return status;
    sh_assert(item->score == chosen->ranked.score); /* the fast way and the plain one are the same number */
    item->relaxed = chosen->relaxed;
    item->applied |= chosen->applied;
    if (!chosen->explored) return SH_OK;
    item->propensity = chosen->propensity;
    item->sources = (item->sources & ~(1u << SH_FEED_SOURCE_CATALOGUE)) | 1u << SH_FEED_SOURCE_EXPLORE;
    return SH_OK;
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

static enum sh_status check_request(const struct sh_feed_request *request, struct sh_error *err) {
    if (request->count == 0 || request->count > SH_FEED_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a feed has 1 to %d items", (int)SH_FEED_COUNT_MAX);
    sh_assert(request->before_count <= SH_FEED_COUNT_MAX);
    return SH_OK;
}

/* Everything up to the scores. */
static enum sh_status run_begin(struct sh_feed_model *model, const struct sh_feed_request *request,
                                struct sh_arena *arena, struct feed_run **begun) {
    struct feed_run *run = sh_arena_alloc_zero(arena, sizeof *run);
    struct sh_feed_rules *rules = sh_arena_alloc_zero(arena, sizeof *rules);
    enum sh_status status;
    if (run == NULL || rules == NULL) return SH_ERR_LIMIT;
    sh_feed_rules_default(&model->config, rules);
    *run = (struct feed_run){.model = model, .request = request, .arena = arena};
    run->rules = request->rules != NULL ? request->rules : rules;
    memcpy(run->weights, request->weights != NULL ? request->weights : model->config.weights, sizeof run->weights);
    *begun = run;
    if ((status = scratch_reserve(model)) != SH_OK) return status;
    if (run->rules->boost_count > 0 && model->block_adds == NULL &&
        (model->block_adds = sh_alloc(SH_BLOCK_SLOTS * sizeof *model->block_adds)) == NULL)
        return SH_ERR_MEMORY;
    popularity_settle(model);
    if ((status = reading_begin(run)) != SH_OK) return status;
    profile_begin(run);
    status = held_begin(run);
    return status == SH_OK ? features_begin(run) : status;
}

static enum sh_status rank_and_tell(struct feed_run *run, struct sh_feed_answer *answer) {
    struct chosen *chosen;
    uint32_t count;
    enum sh_status status = rank_items(run, NULL, &chosen, &count);
    if (status != SH_OK) return status;
    answer->items = sh_arena_alloc(run->arena, (count + (size_t)1) * sizeof *answer->items);
    if (answer->items == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        status = tell_chosen(run, &chosen[i], &answer->items[i]);
        answer->relaxed |= chosen[i].relaxed;
    }
    answer->count = count;
    answer->eligible_count = run->eligible_count;
    answer->scored_count = run->scored_count;
    answer->is_narrowed = run->survivors != NULL;
    if (status == SH_OK && run->request->is_remembered) status = learned_remember(run, answer);
    return status;
}

static enum sh_status tell_fault(enum sh_status status, struct sh_error *err) {
    if (status == SH_ERR_MEMORY) return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for scoring");
    return status == SH_OK ? SH_OK : arena_full(err);
}

enum sh_status sh_feed_get(struct sh_feed_model *model, const struct sh_feed_request *request, struct sh_arena *arena,
                           struct sh_feed_answer *answer, struct sh_error *err) {
    struct feed_run *run;
    *answer = (struct sh_feed_answer){.items = NULL};
    enum sh_status status = check_request(request, err);
    if (status != SH_OK) return status;
    status = run_begin(model, request, arena, &run);
    return tell_fault(status == SH_OK ? rank_and_tell(run, answer) : status, err);
}

/* ---- What became of one item ---- */

/* The stage that it did not pass, as far as that depends on it alone. */
static enum sh_feed_stage stage_of(const struct feed_run *run, uint32_t item, uint32_t *rules) {
    const struct sh_feed_request *request = run->request;
    if (!item_is_listed(run->model, item)) return SH_FEED_STAGE_CATALOGUE;
    if (request->eligible != NULL && !sh_bitmap_contains(request->eligible, item)) return SH_FEED_STAGE_ELIGIBLE;
    if (item_is_excluded(run, item)) return SH_FEED_STAGE_EXCLUDED;
    *rules = item_held_by(run, item);
    return *rules != 0 ? SH_FEED_STAGE_HELD : SH_FEED_STAGE_SCORE;
}

/* Did the item come to be scored? */
static bool has_survived(const struct feed_run *run, uint32_t item) {
    if (run->survivors == NULL) return true;
    for (uint32_t i = 0; i < run->survivor_count; i++)
        if (run->survivors[i] == item) return true;
    return false;
}

static enum sh_status find_fate(struct feed_run *run, uint32_t item, struct sh_feed_fate *fate) {
    struct watch watch = {.item = item};
    struct chosen *chosen;
    uint32_t count;
    enum sh_status status = rank_items(run, &watch, &chosen, &count);
    if (status != SH_OK) return status;
    fate->stage = stage_of(run, item, &fate->rules);
    fate->candidate_count = run->eligible_count;
    fate->last_score = count > 0 ? chosen[count - 1].ranked.score : 0;
    if (item >= run->model->item_capacity) return SH_OK; /* it was never listed: nothing to score */
    for (uint32_t i = 0; i < count; i++)
        if (chosen[i].ranked.item == item) {
            fate->stage = SH_FEED_STAGE_SHOWN;
            fate->place = run->request->place + i;
            fate->rules = chosen[i].relaxed;
            status = tell_chosen(run, &chosen[i], &fate->item);
        }
    struct sh_feed_item told;
    if (status == SH_OK) status = tell_item(run, item, UINT32_MAX, &told);
    if (status != SH_OK) return status;
    told.applied |= fate->item.applied;
    told.sources |= fate->item.sources;
    told.relaxed = fate->rules;
    if (fate->stage == SH_FEED_STAGE_SHOWN) told.propensity = fate->item.propensity;
    fate->item = told;
    if (fate->stage >= SH_FEED_STAGE_SCORE && item_held_by(run, item) == 0)
        fate->rank = 1 + score_rank(run, (struct ranked){fate->item.score, item});
    if (fate->stage == SH_FEED_STAGE_SCORE && watch.rules == 0 && !has_survived(run, item)) {
        fate->stage = SH_FEED_STAGE_NARROW;
        return SH_OK;
    }
    if (fate->stage == SH_FEED_STAGE_SCORE && (watch.rules != 0 || fate->rank <= count)) {
        fate->stage = SH_FEED_STAGE_PLACE;
        fate->rules = watch.rules;
    }
    return SH_OK;
}

enum sh_status sh_feed_explain(struct sh_feed_model *model, const struct sh_feed_request *request, uint32_t item,
                               struct sh_arena *arena, struct sh_feed_fate *fate, struct sh_error *err) {
    struct feed_run *run;
    *fate = (struct sh_feed_fate){.stage = SH_FEED_STAGE_CATALOGUE};
    enum sh_status status = check_request(request, err);
    if (status != SH_OK) return status;
    status = run_begin(model, request, arena, &run);
    return tell_fault(status == SH_OK ? find_fate(run, item, fate) : status, err);
}

/* ---- Pages ---- */

enum sh_status sh_feed_find_hashed(const struct sh_feed_model *model, const uint32_t *hashes, uint32_t count,
                                   struct sh_arena *arena, uint32_t *items, uint32_t *item_count,
                                   struct sh_error *err) {
    struct feed_sparse wanted;
    *item_count = 0;
    if (count == 0) return SH_OK;
    uint32_t *found = sh_arena_alloc(arena, 2 * (size_t)count * sizeof *found);
    if (found == NULL || feed_sparse_init(&wanted, count, arena) != SH_OK) return arena_full(err);
    memset(found, 0xFF, 2 * (size_t)count * sizeof *found); /* SH_SLOT_NONE */
    for (uint32_t i = 0; i < count; i++)
        feed_sparse_add(&wanted, hashes[i], 0);
    for (uint32_t item = 0; item < model->item_capacity; item++) {
        if (model->id_hash[item] == 0) continue; /* it was never put */
        const uint32_t place = feed_sparse_place(&wanted, (uint32_t)model->id_hash[item]);
        if (place == wanted.count) continue;
        uint32_t *two = &found[2 * (size_t)place];
        two[two[0] != SH_SLOT_NONE] = item;
    }
    for (uint32_t i = 0; i < 2 * count; i++)
        if (found[i] != SH_SLOT_NONE) items[(*item_count)++] = found[i];
    return SH_OK;
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

static double trend_score(const struct sh_trend *trend, enum sh_feed_trend_by by) {
    if (by == SH_FEED_TREND_RISING) return trend->rising;
    return by == SH_FEED_TREND_SHORT ? trend->short_lived : trend->long_lived;
}

enum sh_status sh_feed_trends(struct sh_feed_model *model, const struct sh_feed_trend_request *request,
                              struct sh_arena *arena, struct sh_feed_trend **trends, uint32_t *trend_count,
                              struct sh_error *err) {
    if (request->store.count == 0 && request->by == SH_FEED_TREND_LONG)
        return sh_feed_trending(model, request->eligible, request->now_ms, request->count, arena, trends, trend_count,
                                err);
    *trends = NULL;
    *trend_count = 0;
    if (request->count == 0 || request->count > SH_FEED_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a list of trends has 1 to %d items", (int)SH_FEED_COUNT_MAX);
    const uint32_t store =
        request->store.count == 0 ? SH_TREND_EVERYWHERE : sh_trends_find_store(model->trends, request->store);
    struct best best;
    struct sh_trend trend;
    uint32_t at = 0;
    if (best_init(&best, model->scope.items, request->count, arena) != SH_OK) return arena_full(err);
    while (sh_trends_next(model->trends, store, request->now_ms, &at, &trend)) {
        const double score = trend_score(&trend, request->by);
        if (score <= 0 || !item_is_listed(model, trend.item)) continue;
        if (request->eligible == NULL || sh_bitmap_contains(request->eligible, trend.item))
            best_offer(&best, trend.item, score);
    }
    best_sort(&best);
    *trends = sh_arena_alloc(arena, (best.count + (size_t)1) * sizeof **trends);
    if (*trends == NULL) return arena_full(err);
    for (uint32_t i = 0; i < best.count; i++)
        (*trends)[i] = (struct sh_feed_trend){.item = best.items[i].item, .popularity = best.items[i].score};
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
