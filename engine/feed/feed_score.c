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
/* What came next and what people go back to, beside what similar visits had: feed.h. */
#define NEXT_FACTOR  0.75
#define AGAIN_FACTOR 6.0

static double recency_now(const struct feed_run *run, uint32_t item) {
    const double recency = run->model->recency[item] * run->recency_scale;
    return recency < 1.0 ? recency : 1.0; /* what is listed from a time to come on is as new as can be */
}

/* ---- The visit ---- */

static double part_session(const struct feed_run *run, const struct sh_session_score *score) {
    return run->model->config.weight_session * (score->near + NEXT_FACTOR * score->next);
}

static double part_again(const struct feed_run *run, const struct sh_session_score *score) {
    return run->model->config.weight_session * AGAIN_FACTOR * score->again;
}

enum sh_status visit_begin(struct feed_run *run) {
    struct sh_feed_model *model = run->model;
    const struct sh_feed_request *request = run->request;
    uint32_t own[SH_SESSION_CLICK_COUNT_MAX];
    const uint32_t *clicks = request->clicks;
    uint32_t click_count = request->click_count;
    if (model->config.weight_session == 0) return SH_OK;
    if (clicks == NULL && request->user != SH_SLOT_NONE) {
        click_count = sh_sessions_open(model->sessions, request->user, request->now_ms, own);
        clicks = own;
    }
    const enum sh_status status =
        sh_sessions_score(model->sessions, clicks, click_count, request->user, &run->visit, &run->visit_count);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < run->visit_count; i++) {
        const struct sh_session_score *score = &run->visit[i];
        if (score->item < model->item_capacity)
            model->session[score->item] = part_session(run, score) + part_again(run, score);
    }
    return SH_OK;
}

void visit_end(struct feed_run *run) {
    for (uint32_t i = 0; i < run->visit_count; i++)
        if (run->visit[i].item < run->model->item_capacity) run->model->session[run->visit[i].item] = 0;
}

void visit_parts(const struct feed_run *run, uint32_t item, double *session, double *again) {
    *session = 0;
    *again = 0;
    for (uint32_t i = 0; i < run->visit_count; i++) {
        if (run->visit[i].item != item) continue;
        *session = part_session(run, &run->visit[i]);
        *again = part_again(run, &run->visit[i]);
    }
}

/* ---- One item ---- */

/* The place of a tag in the profile, or profile_count. */
static uint32_t profile_place(const struct feed_run *run, uint32_t tag) {
    uint32_t low = 0;
    uint32_t high = run->profile_count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (run->profile[run->by_tag[middle]].tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    const bool found = low < run->profile_count && run->profile[run->by_tag[low]].tag == tag;
    return found ? run->by_tag[low] : run->profile_count;
}

/* An item has few tags and a user has many, so the item's are looked up among the user's; only where an item has more
 * than ITEM_TAG_COUNT_MAX are the tags' bitmaps asked. Both give the profile's order. */
static void match_item(const struct feed_run *run, uint32_t item, struct scored *scored) {
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    uint32_t all;
    const uint32_t count = item_tags(run->model->scope.items, item, tags, ITEM_TAG_COUNT_MAX, &all);
    bool has[PROFILE_COUNT_MAX + 1] = {false}; /* the last one is for tags that the user does not have */
    if (all <= ITEM_TAG_COUNT_MAX)
        for (uint32_t i = 0; i < count; i++)
            has[profile_place(run, tags[i])] = true;
    else
        for (uint32_t i = 0; i < run->profile_count; i++)
            has[i] = sh_bitmap_contains(run->profile[i].items, item);
    scored->matched_count = 0;
    for (uint32_t i = 0; i < run->profile_count; i++)
        if (has[i]) scored->matched[scored->matched_count++] = i;
}

void score_item(const struct feed_run *run, uint32_t item, struct scored *scored) {
    const struct sh_feed_model *model = run->model;
    double affinity = 0;
    match_item(run, item, scored);
    for (uint32_t i = 0; i < scored->matched_count; i++)
        affinity += run->profile[scored->matched[i]].weight * model->inverse_norm[item];
    scored->contributions[SH_FEED_AFFINITY] = affinity;
    scored->contributions[SH_FEED_POPULARITY] = run->popularity_scale * model->popularity_root[item];
    scored->contributions[SH_FEED_RECENCY] = model->config.weight_recency * recency_now(run, item);
    scored->contributions[SH_FEED_SESSION] = model->session[item];
    scored->score = scored->contributions[SH_FEED_AFFINITY] + scored->contributions[SH_FEED_POPULARITY] +
                    scored->contributions[SH_FEED_RECENCY] + scored->contributions[SH_FEED_SESSION];
}

uint32_t item_sources(const struct feed_run *run, uint32_t item, const struct scored *scored) {
    const struct sh_feed_model *model = run->model;
    uint32_t sources = 0;
    for (uint32_t i = 0; i < scored->matched_count; i++) {
        const struct profile_tag *tag = &run->profile[scored->matched[i]];
        if (tag->weight <= 0) continue;
        if (tag->declared > 0) sources |= 1u << SH_FEED_SOURCE_DECLARED;
        if (tag->affinity > tag->declared) sources |= 1u << SH_FEED_SOURCE_AFFINITY;
    }
    if (scored->contributions[SH_FEED_SESSION] > 0) sources |= 1u << SH_FEED_SOURCE_SESSION;
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

/* The items of a block that have a tag: a pointer into the bitmap where it keeps a list, else listed here; of bits only
 * the candidates are listed, which are fewer. */
static uint32_t list_items(const struct feed_run *run, struct sh_block_view view, const uint64_t *candidates,
                           const uint16_t **slots) {
    *slots = run->model->block_slots;
    if (view.form == SH_BLOCK_ARRAY) {
        *slots = sh_block_list(view);
        return view.count;
    }
    if (view.form != SH_BLOCK_BITS) return sh_block_list_u16(view, run->model->block_slots);
    uint64_t words[SH_BLOCK_WORDS];
    memcpy(words, candidates, sizeof words);
    const uint32_t count = sh_block_and_into_count(words, view);
    return sh_block_list_u16(sh_block_of_words(words, count), run->model->block_slots);
}

static void add_affinities_of_block(const struct feed_run *run, uint32_t block, const uint64_t *candidates,
                                    uint32_t place_count) {
    const double *inverse_norm = run->model->inverse_norm + (size_t)block * SH_BLOCK_SLOTS;
    double *sums = run->model->block_sums;
    memset(sums, 0, place_count * sizeof *sums);
    for (uint32_t i = 0; i < run->profile_count; i++) {
        const double weight = run->profile[i].weight;
        const uint16_t *slots;
        uint32_t count = list_items(run, sh_bitmap_block(run->profile[i].items, block), candidates, &slots);
        while (count > 0 && slots[count - 1] >= place_count)
            count--; /* rows that were never put have no place yet */
        for (uint32_t k = 0; k < count; k++)
            sums[slots[k]] += weight * inverse_norm[slots[k]];
    }
}

/* A draw that depends on the item and the seed only; larger is better. */
static double explore_score(const struct feed_run *run, uint32_t item) {
    return (double)(sh_hash_mix(run->model->id_hash[item] ^ UINT64_C(0x9E3779B97F4A7C15), run->request->seed) >> 11);
}

/* The block's scores, from sums that are there already. */
static void offer_block(struct feed_run *run, uint32_t block, const uint64_t *words, uint32_t word_count,
                        struct best *best) {
    const struct sh_feed_model *model = run->model;
    const size_t first = (size_t)block * SH_BLOCK_SLOTS;
    const double *affinity = run->profile_count > 0 ? model->block_sums : NULL;
    const double *root = model->popularity_root + first;
    const double *recency = model->recency + first;
    const double *session = model->session + first;
    const double popularity_scale = run->popularity_scale;
    const double recency_scale = run->recency_scale;
    const double weight_recency = model->config.weight_recency;
    for (uint32_t w = 0; w < word_count; w++) {
        run->eligible_count += (uint32_t)__builtin_popcountll(words[w]);
        for (uint64_t word = words[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            const double decayed = recency[place] * recency_scale;
            const double score = (affinity != NULL ? affinity[place] : 0.0) + popularity_scale * root[place] +
                                 weight_recency * (decayed < 1.0 ? decayed : 1.0) + session[place];
            best_offer(best, (uint32_t)first + place, score);
        }
    }
}

static void explore_block(const struct feed_run *run, uint32_t block, const uint64_t *words, uint32_t word_count,
                          struct best *explored) {
    for (uint32_t w = 0; w < word_count; w++)
        for (uint64_t word = words[w]; word != 0; word &= word - 1) {
            const uint32_t item = block * SH_BLOCK_SLOTS + w * 64 + (uint32_t)__builtin_ctzll(word);
            best_offer(explored, item, explore_score(run, item));
        }
}

void score_all(struct feed_run *run, struct best *best, struct best *explored) {
    uint64_t words[SH_BLOCK_WORDS];
    for (uint32_t block = 0; block * (uint64_t)SH_BLOCK_SLOTS < run->model->item_capacity; block++) {
        const uint32_t word_count = block_candidates(run, block, words);
        if (run->profile_count > 0) add_affinities_of_block(run, block, words, word_count * 64);
        offer_block(run, block, words, word_count, best);
        if (explored != NULL) explore_block(run, block, words, word_count, explored);
    }
}
