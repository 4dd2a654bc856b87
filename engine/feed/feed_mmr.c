/* feed_mmr.c -- maximal marginal relevance: an item counts less the more it is like what stands in the feed already.
 *
 *   gain = (1 - mmr) * score / highest score - mmr * max over placed items p of likeness(item, p)
 *   likeness = the cosine of their vectors, or 0 if that is less, where both have one; else
 *              tags in common / sqrt(tags of the one * tags of the other)            0 to 1
 *
 * The greatest likeness of an item only grows, and what is placed is only added to: each item remembers how many of the
 * places it was compared with, so all together they are compared once with each place.
 */
#include "feed_rank.h"
#include "feed_vector.h"

enum { MMR_ITEM_COUNT_MAX = 2 * SH_FEED_MMR_LOOK_MAX, MMR_TAG_COUNT_MAX = 16 };

struct mmr_item {
    double near;
    uint32_t compared; /* with so many of the places */
    uint32_t tag_count;
    uint32_t tags[MMR_TAG_COUNT_MAX]; /* ascending */
};

static int by_number(const void *left, const void *right) {
    const uint32_t a = *(const uint32_t *)left;
    const uint32_t b = *(const uint32_t *)right;
    return (a > b) - (a < b);
}

static void read_tags(const struct rank *rank, uint32_t item, struct mmr_item *made) {
    *made = (struct mmr_item){.near = 0};
    made->tag_count = item_tags(rank->run->model->scope.items, item, made->tags, MMR_TAG_COUNT_MAX, NULL);
    qsort(made->tags, made->tag_count, sizeof *made->tags, by_number);
}

static double likeness(const struct rank *rank, const struct mmr_item *a, uint32_t item_a, const struct mmr_item *b,
                       uint32_t item_b) {
    const struct sh_feed_model *model = rank->run->model;
    const double *inverse_norm = model->inverse_norm;
    uint32_t common = 0;
    if (sh_vectors_number(model->item_vectors, item_a) != 0 && sh_vectors_number(model->item_vectors, item_b) != 0) {
        const double cosine = vector_likeness(model, item_a, item_b);
        return cosine > 0 ? cosine : 0;
    }
    for (uint32_t i = 0, j = 0; i < a->tag_count && j < b->tag_count;) {
        common += a->tags[i] == b->tags[j];
        const bool first_is_less = a->tags[i] < b->tags[j];
        const bool second_is_less = b->tags[j] < a->tags[i];
        i += !second_is_less;
        j += !first_is_less;
    }
    return (double)common * inverse_norm[item_a] * inverse_norm[item_b];
}

enum sh_status mmr_begin(struct rank *rank) {
    const struct feed_run *run = rank->run;
    if (run->rules->mmr == 0) return SH_OK;
    const struct best *best = &rank->pools[0].best;
    rank->top_score = best->count > 0 && best->items[0].score > 0 ? best->items[0].score : 1;
    const uint32_t placed_max = run->request->count + run->request->before_count;
    rank->mmr_placed = sh_arena_alloc(run->arena, (placed_max + (size_t)1) * sizeof *rank->mmr_placed);
    rank->mmr_placed_items = sh_arena_alloc(run->arena, (placed_max + (size_t)1) * sizeof(uint32_t));
    rank->mmr_items = sh_arena_alloc(run->arena, MMR_ITEM_COUNT_MAX * sizeof *rank->mmr_items);
    if (rank->mmr_placed == NULL || rank->mmr_placed_items == NULL || rank->mmr_items == NULL) return SH_ERR_LIMIT;
    const enum sh_status status = feed_sparse_init(&rank->mmr_places, MMR_ITEM_COUNT_MAX, run->arena);
    for (uint32_t i = 0; i < run->request->before_count && status == SH_OK; i++)
        mmr_note(rank, run->request->before[i]);
    return status;
}

void mmr_note(struct rank *rank, uint32_t item) {
    if (rank->run->rules->mmr == 0) return;
    rank->mmr_placed_items[rank->mmr_placed_count] = item;
    read_tags(rank, item, &rank->mmr_placed[rank->mmr_placed_count++]);
}

double mmr_gain(struct rank *rank, struct ranked ranked) {
    const double share = rank->run->rules->mmr;
    struct mmr_item once;
    struct mmr_item *own = &once;
    const uint32_t place = feed_sparse_place(&rank->mmr_places, ranked.item);
    if (place < rank->mmr_places.count) {
        own = &rank->mmr_items[place];
    } else if (rank->mmr_places.count < MMR_ITEM_COUNT_MAX) {
        own = &rank->mmr_items[rank->mmr_places.count];
        feed_sparse_add(&rank->mmr_places, ranked.item, 0);
        read_tags(rank, ranked.item, own);
    } else {
        read_tags(rank, ranked.item, own);
    }
    for (; own->compared < rank->mmr_placed_count; own->compared++) {
        const double like =
            likeness(rank, own, ranked.item, &rank->mmr_placed[own->compared], rank->mmr_placed_items[own->compared]);
        if (like > own->near) own->near = like;
    }
    return (1 - share) * (ranked.score / rank->top_score) - share * own->near;
}
