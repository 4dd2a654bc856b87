/* feed_score.c -- the first phase: scores of one item, and of all that are eligible, which must be the same number. */
#include <string.h>

#include "feed_explore.h"
#include "feed_feature.h"

/* ---- One item ---- */

void score_item(const struct feed_run *run, uint32_t item, struct feed_candidate *candidate) {
    *candidate = (struct feed_candidate){.item = item};
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        candidate->contributions[i] = feature_value(run, i, item);
    if (run->ranked != NULL) candidate->contributions[SH_FEED_RANKER] = feed_sparse_value(run->ranked, item);
    for (uint32_t i = 0; i < SH_FEED_FEATURE_COUNT; i++)
        candidate->score += candidate->contributions[i];
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

/* The items of a block that are scored, as SH_BLOCK_WORDS words. Returns how many of these lie below item_capacity. */
static uint32_t block_candidates(const struct feed_run *run, uint32_t block, uint64_t *words) {
    const struct sh_feed_model *model = run->model;
    const uint32_t first = block * SH_BLOCK_SLOTS;
    const uint32_t rest = model->item_capacity - first;
    const uint32_t word_count = (rest < SH_BLOCK_SLOTS ? rest : SH_BLOCK_SLOTS) / 64;
    memcpy(words, &model->listed[first / 64], word_count * sizeof *words);
    memset(words + word_count, 0, (SH_BLOCK_WORDS - word_count) * sizeof *words);
    if (run->request->eligible != NULL) sh_block_and_into(words, sh_bitmap_block(run->request->eligible, block));
    clear_list(words, block, run->excluded, run->excluded_count);
    clear_list(words, block, run->bought, run->bought_count);
    clear_list(words, block, run->seen, run->seen_count);
    return word_count;
}

/* The block's scores: each feature adds its contributions to the sums, in the order of score_item(). */
static void score_block(struct feed_run *run, const struct feed_block *block, struct best *best) {
    memset(block->sums, 0, block->place_count * sizeof *block->sums);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        feature_add_block(run, i, block);
    for (uint32_t w = 0; w < block->place_count / 64; w++) {
        run->eligible_count += (uint32_t)__builtin_popcountll(block->candidates[w]);
        for (uint64_t word = block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            best_offer(best, block->first + place, block->sums[place]);
        }
    }
}

void score_all(struct feed_run *run, struct best *best, struct best *explored) {
    uint64_t words[SH_BLOCK_WORDS];
    run->eligible_count = 0;
    for (uint32_t number = 0; number * (uint64_t)SH_BLOCK_SLOTS < run->model->item_capacity; number++) {
        const struct feed_block block = {.number = number,
                                         .first = number * SH_BLOCK_SLOTS,
                                         .place_count = block_candidates(run, number, words) * 64,
                                         .candidates = words,
                                         .sums = run->model->block_sums};
        score_block(run, &block, best);
        if (explored != NULL) explore_block(run, &block, explored);
    }
}
