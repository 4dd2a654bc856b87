/* feed_score.c -- scores: of one item, and of all that are eligible, which must be the same number.
 *
 * For all items, affinities are added tag by tag over the items that have the tag (a bitmap), a block of 65,536 items
 * at a time, so that the sums of a block stay in L2. An item's sum thereby receives its tags in the profile's order:
 * the same additions in the same order as score_item() does for one item.
 */
#include <string.h>

#include "feed_private.h"
#include "hash.h"

/* An item is "popular" from this share of the highest root on: 1/1024 of the highest popularity. */
#define POPULAR_ROOT_SHARE (1.0 / 32.0)
/* "New" means at most two half-lives old. */
#define NEW_RECENCY 0.25

static double recency_now(const struct feed_run *run, uint32_t item) {
    const double recency = run->model->recency[item] * run->recency_scale;
    return recency < 1.0 ? recency : 1.0; /* what is listed from a time to come on is as new as can be */
}

struct scored score_item(const struct feed_run *run, uint32_t item) {
    const struct sh_feed_model *model = run->model;
    struct scored scored = {.contributions = {0}};
    for (uint32_t i = 0; i < run->profile_count; i++)
        if (sh_bitmap_contains(run->profile[i].items, item))
            scored.contributions[SH_FEED_AFFINITY] += run->profile[i].weight * model->inverse_norm[item];
    scored.contributions[SH_FEED_POPULARITY] = run->popularity_scale * model->popularity_root[item];
    scored.contributions[SH_FEED_RECENCY] = model->config.weight_recency * recency_now(run, item);
    scored.score = scored.contributions[SH_FEED_AFFINITY] + scored.contributions[SH_FEED_POPULARITY] +
                   scored.contributions[SH_FEED_RECENCY];
    return scored;
}

uint32_t item_sources(const struct feed_run *run, uint32_t item) {
    const struct sh_feed_model *model = run->model;
    uint32_t sources = 0;
    for (uint32_t i = 0; i < run->profile_count; i++) {
        const struct profile_tag *tag = &run->profile[i];
        if (tag->weight <= 0 || !sh_bitmap_contains(tag->items, item)) continue;
        if (tag->declared > 0) sources |= 1u << SH_FEED_SOURCE_DECLARED;
        if (tag->affinity > tag->declared) sources |= 1u << SH_FEED_SOURCE_AFFINITY;
    }
    const double root = model->popularity_root[item];
    if (root > 0 && root >= model->top_root * POPULAR_ROOT_SHARE) sources |= 1u << SH_FEED_SOURCE_POPULAR;
    if (recency_now(run, item) >= NEW_RECENCY) sources |= 1u << SH_FEED_SOURCE_NEW;
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

/* The items of a block that are scored, as bits. Returns how many words there are. */
static uint32_t block_candidates(const struct feed_run *run, uint32_t block, uint64_t *words) {
    const struct sh_feed_model *model = run->model;
    const uint32_t first = block * SH_BLOCK_SLOTS;
    const uint32_t rest = model->item_capacity - first;
    const uint32_t word_count = (rest < SH_BLOCK_SLOTS ? rest : SH_BLOCK_SLOTS) / 64;
    if (run->request->eligible != NULL) {
        sh_block_store(sh_bitmap_block(run->request->eligible, block), words);
        for (uint32_t i = 0; i < word_count; i++)
            words[i] &= model->listed[first / 64 + i];
    } else {
        memcpy(words, &model->listed[first / 64], word_count * sizeof *words);
    }
    clear_list(words, block, run->excluded, run->excluded_count);
    clear_list(words, block, run->bought, run->bought_count);
    clear_list(words, block, run->seen, run->seen_count);
    return word_count;
}

static void add_affinities_of_block(const struct feed_run *run, uint32_t block, uint32_t place_count) {
    const struct sh_feed_model *model = run->model;
    const double *inverse_norm = model->inverse_norm + (size_t)block * SH_BLOCK_SLOTS;
    double *sums = model->block_sums;
    memset(sums, 0, place_count * sizeof *sums);
    for (uint32_t i = 0; i < run->profile_count; i++) {
        const double weight = run->profile[i].weight;
        const struct sh_block_view view = sh_bitmap_block(run->profile[i].items, block);
        const uint32_t count = sh_block_list_u16(view, model->block_slots);
        for (uint32_t k = 0; k < count; k++) {
            const uint32_t place = model->block_slots[k];
            if (place < place_count) sums[place] += weight * inverse_norm[place];
        }
    }
}

/* A draw that depends on the item and the seed only; larger is better. */
static double explore_score(const struct feed_run *run, uint32_t item) {
    return (double)(sh_hash_mix(run->model->id_hash[item] ^ UINT64_C(0x9E3779B97F4A7C15), run->request->seed) >> 11);
}

void score_all(struct feed_run *run, struct best *best, struct best *explored) {
    const struct sh_feed_model *model = run->model;
    const double weight_recency = model->config.weight_recency;
    uint64_t words[SH_BLOCK_WORDS];
    for (uint32_t block = 0; block * (uint64_t)SH_BLOCK_SLOTS < model->item_capacity; block++) {
        const uint32_t first = block * SH_BLOCK_SLOTS;
        const uint32_t word_count = block_candidates(run, block, words);
        if (run->profile_count > 0) add_affinities_of_block(run, block, word_count * 64);
        for (uint32_t w = 0; w < word_count; w++) {
            for (uint64_t word = words[w]; word != 0; word &= word - 1) {
                const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
                const uint32_t item = first + place;
                const double affinity = run->profile_count > 0 ? model->block_sums[place] : 0.0;
                const double popularity = run->popularity_scale * model->popularity_root[item];
                const double score = affinity + popularity + weight_recency * recency_now(run, item);
                best_offer(best, item, score);
                if (explored != NULL) best_offer(explored, item, explore_score(run, item));
                run->eligible_count++;
            }
        }
    }
}
