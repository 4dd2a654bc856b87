/* feed_score.c -- the first phase: scores of one item, and of all that are eligible, which must be the same number. */
#include <math.h>
#include <string.h>

#include "feed_explore.h"
#include "feed_feature.h"

/* ---- One item ---- */

/* What it takes off a score that the item was served so many times in vain. */
static double fatigue_of(const struct feed_run *run, double times, double score) {
    double left = 1;
    for (uint32_t i = 0; i < (uint32_t)times; i++)
        left *= run->rules->fatigue_factor;
    return fabs(score) * (left - 1);
}

static double boost_of(const struct sh_feed_boost *boost, double score) {
    return fabs(score) * (boost->factor - 1) + boost->points;
}

static void add_rules(const struct feed_run *run, struct feed_candidate *candidate) {
    const double score = candidate->score;
    if (run->fatigue != NULL)
        candidate->contributions[SH_FEED_FATIGUE] =
            fatigue_of(run, feed_sparse_value(run->fatigue, candidate->item), score);
    for (uint32_t i = 0; i < run->rules->boost_count; i++)
        if (sh_bitmap_contains(run->rules->boosts[i].items, candidate->item))
            candidate->contributions[SH_FEED_BOOST] += boost_of(&run->rules->boosts[i], score);
    candidate->score += candidate->contributions[SH_FEED_FATIGUE];
    candidate->score += candidate->contributions[SH_FEED_BOOST];
}

double rules_of(const struct feed_run *run, uint32_t item, double score) {
    struct feed_candidate candidate = {.item = item, .score = score};
    add_rules(run, &candidate);
    return candidate.score - score;
}

void score_item(const struct feed_run *run, uint32_t item, struct feed_candidate *candidate) {
    *candidate = (struct feed_candidate){.item = item};
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        candidate->contributions[i] = feature_value(run, i, item);
    if (run->ranked != NULL) candidate->contributions[SH_FEED_RANKER] = feed_sparse_value(run->ranked, item);
    for (uint32_t i = 0; i <= SH_FEED_RANKER; i++)
        candidate->score += candidate->contributions[i];
    add_rules(run, candidate);
}

void explain_rules(const struct feed_run *run, const struct feed_candidate *candidate, struct feed_reasons *reasons,
                   uint32_t *applied) {
    double score = 0;
    for (uint32_t i = 0; i <= SH_FEED_RANKER; i++)
        score += candidate->contributions[i];
    if (candidate->contributions[SH_FEED_FATIGUE] != 0) {
        feed_reason_add(reasons, "fatigue", candidate->contributions[SH_FEED_FATIGUE]);
        *applied |= 1u << SH_FEED_APPLIED_FATIGUE;
    }
    for (uint32_t i = 0; i < run->rules->boost_count; i++) {
        const struct sh_feed_boost *boost = &run->rules->boosts[i];
        if (!sh_bitmap_contains(boost->items, candidate->item)) continue;
        const double value = boost_of(boost, score);
        const uint32_t before = reasons->count;
        feed_reason_add(reasons, value < 0 ? "bury" : "boost", value);
        if (reasons->count > before) reasons->list[before].name = boost->name;
        *applied |= value < 0 ? 1u << SH_FEED_APPLIED_BURY : 1u << SH_FEED_APPLIED_BOOST;
    }
}

uint32_t item_sources(const struct feed_run *run, const struct feed_candidate *candidate) {
    uint32_t sources = 0;
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        if (feature_is_on(run, i))
            sources |= feed_features[i]->sources(run, run->states[i], candidate->item, candidate->contributions[i]);
    return sources;
}

bool item_is_eligible(const struct feed_run *run, uint32_t item) {
    if (!item_is_listed(run->model, item)) return false;
    return run->request->eligible == NULL || sh_bitmap_contains(run->request->eligible, item);
}

/* ---- All items ---- */

static void clear_list(uint64_t *words, uint32_t block, const uint32_t *slots, uint32_t count) {
    for (uint32_t i = 0; i < count; i++)
        if (slots[i] / SH_BLOCK_SLOTS == block)
            words[slots[i] % SH_BLOCK_SLOTS / 64] &= ~(UINT64_C(1) << (slots[i] % 64));
}

/* The items of a block that are scored, as SH_BLOCK_WORDS words. */
static void find_candidates(const struct feed_run *run, uint32_t block, uint64_t *words) {
    const struct sh_feed_model *model = run->model;
    const uint32_t first = block * SH_BLOCK_SLOTS;
    const uint32_t rest = model->item_capacity - first;
    const uint32_t word_count = (rest < SH_BLOCK_SLOTS ? rest : SH_BLOCK_SLOTS) / 64;
    memcpy(words, &model->listed[first / 64], word_count * sizeof *words);
    memset(words + word_count, 0, (SH_BLOCK_WORDS - word_count) * sizeof *words);
    if (run->request->eligible != NULL) sh_block_and_into(words, sh_bitmap_block(run->request->eligible, block));
    clear_list(words, block, run->excluded, run->excluded_count);
    for (uint32_t i = 0; i < run->held_count; i++)
        clear_list(words, block, &run->held[i].item, 1);
}

/* What boosts add to each candidate of the block, into block_adds; the sums are the scores without them. */
static void boost_block(const struct feed_run *run, const struct feed_block *block) {
    double *adds = run->model->block_adds;
    memset(adds, 0, block->place_count * sizeof *adds);
    for (uint32_t i = 0; i < run->rules->boost_count; i++) {
        const struct sh_feed_boost *boost = &run->rules->boosts[i];
        uint64_t words[SH_BLOCK_WORDS];
        memcpy(words, block->candidates, sizeof words);
        sh_block_and_into(words, sh_bitmap_block(boost->items, block->number));
        for (uint32_t w = 0; w < block->place_count / 64; w++)
            for (uint64_t word = words[w]; word != 0; word &= word - 1) {
                const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
                adds[place] += boost_of(boost, block->sums[place]);
            }
    }
}

static void tire_block(const struct feed_run *run, const struct feed_block *block) {
    for (uint32_t i = 0; i < run->fatigue->count; i++) {
        const uint32_t place = run->fatigue->items[i] - block->first;
        if (place < block->place_count)
            block->sums[place] += fatigue_of(run, run->fatigue->values[i], block->sums[place]);
    }
}

/* The block's scores: each feature adds its contributions to the sums, in the order of score_item(). */
static void score_block(const struct feed_run *run, const struct feed_block *block) {
    memset(block->sums, 0, block->place_count * sizeof *block->sums);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        feature_add_block(run, i, block);
    if (run->rules->boost_count > 0) boost_block(run, block);
    if (run->fatigue != NULL) tire_block(run, block);
    if (run->rules->boost_count == 0) return;
    for (uint32_t place = 0; place < block->place_count; place++)
        block->sums[place] += run->model->block_adds[place];
}

static void offer_block(const struct feed_block *block, const struct offer *offer) {
    uint64_t words[SH_BLOCK_WORDS];
    const uint64_t *offered = block->candidates;
    if (offer->items != NULL) {
        memcpy(words, block->candidates, sizeof words);
        sh_block_and_into(words, sh_bitmap_block(offer->items, block->number));
        offered = words;
    }
    for (uint32_t w = 0; w < block->place_count / 64; w++)
        for (uint64_t word = offered[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            best_offer(offer->best, block->first + place, block->sums[place]);
        }
}

struct feed_block block_of(const struct feed_run *run, uint32_t number, const uint64_t *words) {
    const uint32_t rest = run->model->item_capacity - number * SH_BLOCK_SLOTS;
    return (struct feed_block){.number = number,
                               .first = number * SH_BLOCK_SLOTS,
                               .place_count = rest < SH_BLOCK_SLOTS ? rest : SH_BLOCK_SLOTS,
                               .candidates = words,
                               .sums = run->model->block_sums};
}

struct feed_block begin_block(const struct feed_run *run, uint32_t number, uint64_t *words) {
    find_candidates(run, number, words);
    return block_of(run, number, words);
}

void score_all(struct feed_run *run, const struct offer *offers, uint32_t offer_count, struct best *explored) {
    uint64_t words[SH_BLOCK_WORDS];
    run->eligible_count = 0;
    run->survivors = NULL;
    for (uint32_t number = 0; number * (uint64_t)SH_BLOCK_SLOTS < run->model->item_capacity; number++) {
        const struct feed_block block = begin_block(run, number, words);
        for (uint32_t w = 0; w < block.place_count / 64; w++)
            run->eligible_count += (uint32_t)__builtin_popcountll(words[w]);
        score_block(run, &block);
        for (uint32_t i = 0; i < offer_count; i++)
            offer_block(&block, &offers[i]);
        if (explored != NULL) explore_block(run, &block, explored);
    }
    run->scored_count = run->eligible_count;
}

uint32_t score_rank(struct feed_run *run, struct ranked ranked) {
    uint64_t words[SH_BLOCK_WORDS];
    uint32_t before = 0;
    for (uint32_t number = 0; number * (uint64_t)SH_BLOCK_SLOTS < run->model->item_capacity; number++) {
        const struct feed_block block = begin_block(run, number, words);
        score_block(run, &block);
        for (uint32_t w = 0; w < block.place_count / 64; w++)
            for (uint64_t word = words[w]; word != 0; word &= word - 1) {
                const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
                const struct ranked other = {block.sums[place], block.first + place};
                before += ranked_before(run->model->scope.items, other, ranked);
            }
    }
    return before;
}
