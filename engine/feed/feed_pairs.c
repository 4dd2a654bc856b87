/* feed_pairs.c -- the companions of an item: what else its buyers bought, and what is like it.
 *
 * What is like an item is found in two places: its list of pairs, and the items of its tags, block by block along the
 * tags' bitmaps. Weights of tags are whole numbers of 2^-20, so that their sums are the same in any order.
 */
#include <math.h>
#include <string.h>

#include "feed_math.h"
#include "feed_private.h"
#include "feed_vector.h"
#include "memory.h"

/* Items with the same tags and no events are as much alike as items with this cosine. */
#define TAG_PRIOR 0.25
/* And with the same vector. */
#define VECTOR_PRIOR 0.25
#define TAG_UNIT     1048576.0
/* 2^40: a sum of one block's scratch is that many times the tags in common, and their weights. */
#define TAG_COUNT_UNIT 1099511627776.0
_Static_assert(ITEM_TAG_COUNT_MAX * 32 <= 1 << 20, "weights, each below 32, never reach the count");

struct shared_tag {
    uint32_t tag;
    const struct sh_bitmap *items;
    double weight; /* a whole number */
};

/* What an item has in common with the one that was asked about. */
struct in_common {
    double weight;
    uint32_t count;
};

struct pair_run {
    struct sh_feed_model *model;
    const struct sh_feed_pair_request *request;
    const struct sh_pairs *pairs;
    struct sh_arena *arena;
    struct shared_tag tags[ITEM_TAG_COUNT_MAX];
    uint32_t tag_count;
    double tag_weight; /* of all of them */
    bool has_vector;   /* the item that was asked about; sh_feed_similar alone */
    uint64_t sum;      /* N of the item */
    struct sh_pair *list;
    uint32_t list_count;
};

static enum sh_status arena_full(struct sh_error *err) {
    return sh_fail(err, SH_ERR_LIMIT, -1, "the request needs more memory than its arena may take");
}

static bool may_show(const struct pair_run *run, uint32_t item) {
    if (item == run->request->item || !item_is_listed(run->model, item)) return false;
    return run->request->eligible == NULL || sh_bitmap_contains(run->request->eligible, item);
}

static enum sh_status run_begin(struct pair_run *run, struct sh_error *err) {
    if (run->request->count == 0 || run->request->count > SH_FEED_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a list of companions has 1 to %d items", (int)SH_FEED_COUNT_MAX);
    run->list = sh_arena_alloc(run->arena, SH_PAIR_OF_ITEM_MAX * sizeof *run->list);
    if (run->list == NULL) return arena_full(err);
    run->list_count = sh_pairs_of(run->pairs, run->request->item, run->list);
    run->sum = sh_pairs_sum(run->pairs, run->request->item);
    return SH_OK;
}

/* ---- Tags ---- */

/* Tags that no two items share say nothing. */
static void find_tags(struct pair_run *run) {
    uint32_t tags[ITEM_TAG_COUNT_MAX];
    const struct sh_table *items = run->model->scope.items;
    const uint32_t count = item_tags(items, run->request->item, tags, ITEM_TAG_COUNT_MAX, NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct shared_tag tag = {.tag = tags[i], .items = tag_items(items, tags[i])};
        const uint64_t holders = tag.items == NULL ? 0 : sh_bitmap_count(tag.items);
        if (holders < 2) continue;
        tag.weight = floor(TAG_UNIT * feed_math_log2(1.0 + (double)run->model->listed_count / (double)holders));
        if (tag.weight == 0) continue;
        run->tag_weight += tag.weight;
        run->tags[run->tag_count++] = tag;
    }
}

static struct in_common common_of(const struct pair_run *run, uint32_t item) {
    struct in_common common = {0};
    for (uint32_t i = 0; i < run->tag_count; i++) {
        if (!sh_bitmap_contains(run->tags[i].items, item)) continue;
        common.weight += run->tags[i].weight;
        common.count++;
    }
    return common;
}

/* 0 to 1: the geometric mean of how much of the one's tags, by weight, and of the other's, by number, are common. */
static double tag_likeness(const struct pair_run *run, uint32_t item, struct in_common common) {
    if (common.count == 0) return 0;
    return sqrt(common.weight / run->tag_weight * (double)common.count) * run->model->inverse_norm[item];
}

/* ---- Scores ---- */

static double pair_part(const struct pair_run *run, uint32_t item, uint32_t count) {
    const uint64_t sum = sh_pairs_sum(run->pairs, item);
    return run->request->by_walk ? sh_pair_walk(count, run->sum, sum) : sh_pair_cosine(count, run->sum, sum);
}

/* As if SH_PAIR_SHRINK more liking of both had been seen, of which the tags say how much was shared. */
static double tag_part(const struct pair_run *run, uint32_t item, struct in_common common) {
    const double shrink = (double)SH_PAIR_SHRINK * SH_PAIR_UNIT;
    const double share = sh_pair_cosine((uint64_t)shrink, run->sum, sh_pairs_sum(run->pairs, item));
    return TAG_PRIOR * share * tag_likeness(run, item, common);
}

/* Likewise what vectors say that point the same way. */
static double vector_part(const struct pair_run *run, uint32_t item) {
    const double shrink = (double)SH_PAIR_SHRINK * SH_PAIR_UNIT;
    const double cosine = run->has_vector ? vector_likeness(run->model, run->request->item, item) : 0;
    if (cosine <= 0) return 0;
    return VECTOR_PRIOR * sh_pair_cosine((uint64_t)shrink, run->sum, sh_pairs_sum(run->pairs, item)) * cosine;
}

/* Pairs, then tags, then vectors. */
static double similar_score(const struct pair_run *run, uint32_t item, uint32_t count, struct in_common common) {
    const double by_pairs = count > 0 ? pair_part(run, item, count) : 0;
    const double by_tags = run->tag_count > 0 ? tag_part(run, item, common) : 0;
    return by_pairs + by_tags + vector_part(run, item);
}

static void offer_pairs(const struct pair_run *run, struct best *best) {
    for (uint32_t i = 0; i < run->list_count; i++) {
        const uint32_t item = run->list[i].item;
        if (!may_show(run, item)) continue;
        best_offer(best, item, similar_score(run, item, run->list[i].count, common_of(run, item)));
    }
}

/* Is it offered with its pair already? */
static bool is_listed_pair(const struct pair_run *run, uint32_t item) {
    for (uint32_t i = 0; i < run->list_count; i++)
        if (run->list[i].item == item) return true;
    return false;
}

static void add_tags_of_block(const struct pair_run *run, uint32_t block, uint32_t place_count) {
    double *sums = run->model->block_sums;
    memset(sums, 0, place_count * sizeof *sums);
    for (uint32_t i = 0; i < run->tag_count; i++) {
        const uint32_t count = sh_block_list_u16(sh_bitmap_block(run->tags[i].items, block), run->model->block_slots);
        for (uint32_t k = 0; k < count; k++)
            if (run->model->block_slots[k] < place_count)
                sums[run->model->block_slots[k]] += TAG_COUNT_UNIT + run->tags[i].weight;
    }
}

/* Items that share tags, those of the list aside. */
static void offer_tags(const struct pair_run *run, struct best *best) {
    const struct sh_feed_model *model = run->model;
    for (uint32_t block = 0; block * (uint64_t)SH_BLOCK_SLOTS < model->item_capacity; block++) {
        const uint32_t first = block * SH_BLOCK_SLOTS;
        const uint32_t rest = model->item_capacity - first;
        const uint32_t place_count = rest < SH_BLOCK_SLOTS ? rest : SH_BLOCK_SLOTS;
        add_tags_of_block(run, block, place_count);
        for (uint32_t i = 0; i < run->list_count; i++)
            if (run->list[i].item / SH_BLOCK_SLOTS == block && run->list[i].item - first < place_count)
                model->block_sums[run->list[i].item - first] = 0;
        for (uint32_t place = 0; place < place_count; place++) {
            const double sum = model->block_sums[place];
            if ((sum == 0 && !run->has_vector) || !may_show(run, first + place)) continue;
            if (run->has_vector && is_listed_pair(run, first + place)) continue;
            const double count = floor(sum / TAG_COUNT_UNIT);
            const struct in_common common = {sum - count * TAG_COUNT_UNIT, (uint32_t)count};
            const double score = similar_score(run, first + place, 0, common);
            if (score > 0) best_offer(best, first + place, score);
        }
    }
}

/* ---- The answer ---- */

static uint32_t count_with(const struct pair_run *run, uint32_t item) {
    for (uint32_t i = 0; i < run->list_count; i++)
        if (run->list[i].item == item) return run->list[i].count;
    return 0;
}

static int by_strength(const void *left, const void *right) {
    const struct sh_feed_reason *a = left;
    const struct sh_feed_reason *b = right;
    if (a->value != b->value) return a->value > b->value ? -1 : 1;
    const int by_group = sh_text_compare(a->group, b->group);
    return by_group != 0 ? by_group : sh_text_compare(a->name, b->name);
}

static enum sh_status fill(const struct pair_run *run, struct ranked ranked, const char *kind,
                           struct sh_feed_companion *made) {
    const struct sh_table *items = run->model->scope.items;
    struct sh_feed_reason reasons[ITEM_TAG_COUNT_MAX + 2];
    uint32_t reason_count = 0;
    const uint32_t count = count_with(run, ranked.item);
    const struct in_common common = common_of(run, ranked.item);
    const double by_pairs = count > 0 ? pair_part(run, ranked.item, count) : 0;
    const double by_tags = run->tag_count > 0 ? tag_part(run, ranked.item, common) : 0;
    const double by_vector = vector_part(run, ranked.item);
    sh_assert(by_pairs + by_tags + by_vector == ranked.score);
    if (by_pairs > 0) reasons[reason_count++] = (struct sh_feed_reason){.kind = kind, .value = by_pairs};
    for (uint32_t i = 0; i < run->tag_count; i++) {
        const struct shared_tag *tag = &run->tags[i];
        if (!sh_bitmap_contains(tag->items, ranked.item)) continue;
        reasons[reason_count++] = (struct sh_feed_reason){.kind = "tag",
                                                          .name = tag_name(items, tag->tag),
                                                          .group = tag_group(items, tag->tag),
                                                          .value = by_tags * (tag->weight / common.weight)};
    }
    if (by_vector > 0) reasons[reason_count++] = (struct sh_feed_reason){.kind = "vector", .value = by_vector};
    qsort(reasons, reason_count, sizeof *reasons, by_strength);
    if (reason_count > SH_FEED_REASON_COUNT_MAX) reason_count = SH_FEED_REASON_COUNT_MAX;
    *made = (struct sh_feed_companion){.item = ranked.item,
                                       .score = ranked.score,
                                       .together = (double)count / SH_PAIR_UNIT,
                                       .reason_count = reason_count,
                                       .reasons = sh_arena_copy(run->arena, reasons, reason_count * sizeof *reasons)};
    return made->reasons == NULL && reason_count > 0 ? SH_ERR_LIMIT : SH_OK;
}

static enum sh_status answer_of(const struct pair_run *run, struct best *best, const char *kind,
                                struct sh_feed_companions *answer, struct sh_error *err) {
    best_sort(best);
    answer->items = sh_arena_alloc(run->arena, (best->count + (size_t)1) * sizeof *answer->items);
    if (answer->items == NULL) return arena_full(err);
    for (uint32_t i = 0; i < best->count; i++)
        if (fill(run, best->items[i], kind, &answer->items[i]) != SH_OK) return arena_full(err);
    answer->count = best->count;
    answer->liking = (double)run->sum / SH_PAIR_UNIT;
    answer->missing = (double)sh_pairs_lost(run->pairs, run->request->item) / SH_PAIR_UNIT;
    return SH_OK;
}

enum sh_status sh_feed_also_bought(struct sh_feed_model *model, const struct sh_feed_pair_request *request,
                                   struct sh_arena *arena, struct sh_feed_companions *answer, struct sh_error *err) {
    *answer = (struct sh_feed_companions){0};
    struct pair_run *run = sh_arena_alloc_zero(arena, sizeof *run);
    struct best best;
    if (run == NULL) return arena_full(err);
    *run = (struct pair_run){.model = model, .request = request, .pairs = model->bought, .arena = arena};
    const enum sh_status status = run_begin(run, err);
    if (status != SH_OK) return status;
    if (best_init(&best, model->scope.items, request->count, arena) != SH_OK) return arena_full(err);
    offer_pairs(run, &best);
    return answer_of(run, &best, "bought", answer, err);
}

enum sh_status sh_feed_similar(struct sh_feed_model *model, const struct sh_feed_pair_request *request,
                               struct sh_arena *arena, struct sh_feed_companions *answer, struct sh_error *err) {
    *answer = (struct sh_feed_companions){0};
    struct pair_run *run = sh_arena_alloc_zero(arena, sizeof *run);
    struct best best;
    if (run == NULL) return arena_full(err);
    *run = (struct pair_run){.model = model, .request = request, .pairs = model->liked, .arena = arena};
    const enum sh_status status = run_begin(run, err);
    if (status != SH_OK) return status;
    sh_assert(!request->by_walk); /* its numbers are on no scale that tags could be on */
    if (scratch_reserve(model) != SH_OK) return sh_fail(err, SH_ERR_MEMORY, -1, "there is no memory for scoring");
    if (best_init(&best, model->scope.items, request->count, arena) != SH_OK) return arena_full(err);
    find_tags(run);
    run->has_vector = sh_vectors_number(model->item_vectors, request->item) != 0;
    offer_pairs(run, &best);
    if (run->tag_count > 0 || run->has_vector) offer_tags(run, &best);
    return answer_of(run, &best, "liked", answer, err);
}
