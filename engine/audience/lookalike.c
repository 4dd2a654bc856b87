#include "lookalike.h"

#include <math.h>
#include <string.h>

#include "hash.h"
#include "memory.h"

enum {
    KEPT_TIMES = 4, /* as many candidates as wanted, before the worst are dropped */
    FEATURES_PER_BLOCK_OF_WORK = 4,
    KEPT_MIN = 1024,
    PREFETCH_DISTANCE = 16,
};
/* Any fixed number: the mixes of ids are to be unlike those of samples. */
#define LIKE_SEED UINT64_C(0xA0761D6478BD642F)

double sh_feature_weight(uint64_t r, uint64_t n, uint64_t seed_count, uint64_t user_count) {
    const double with_seed = (double)r + 0.5;
    const double without_seed = (double)(seed_count - r) + 0.5;
    const double with_other = (double)(n - r) + 0.5;
    const double without_other = (double)(user_count - seed_count - (n - r)) + 0.5;
    return log(with_seed / without_seed / (with_other / without_other));
}

double sh_feature_information(uint64_t r, uint64_t n, uint64_t seed_count, uint64_t user_count) {
    const double of_seeds = (double)r / (double)seed_count;
    const double of_others = (double)(n - r) / (double)(user_count - seed_count);
    return (of_seeds - of_others) * sh_feature_weight(r, n, seed_count, user_count);
}

struct sh_lookalike {
    struct sh_lookalike_spec spec;
    uint32_t block;
    uint32_t block_count;
    uint64_t candidate_count;
    int32_t *scores; /* of the block at hand */
    uint64_t *words;
    uint16_t *places;
    struct sh_like *kept;
    uint32_t kept_count;
    uint32_t kept_max;
    bool has_worst; /* `worst` is the last of the best `count`: who comes behind it has no chance */
    struct sh_like worst;
};

enum sh_status sh_lookalike_create(const struct sh_lookalike_spec *spec, struct sh_lookalike **created,
                                   struct sh_error *err) {
    *created = NULL;
    struct sh_lookalike *lookalike = sh_alloc_zero(sizeof *lookalike);
    if (lookalike == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for a look-alike");
    lookalike->spec = *spec;
    lookalike->block_count = sh_plan_block_count(spec->seeds);
    lookalike->kept_max = spec->count * KEPT_TIMES + KEPT_MIN;
    lookalike->scores = sh_alloc(SH_BLOCK_SLOTS * sizeof *lookalike->scores);
    lookalike->words = sh_alloc(SH_BLOCK_BYTES);
    lookalike->places = sh_alloc((SH_BLOCK_SLOTS + 1) * sizeof *lookalike->places);
    lookalike->kept = sh_alloc((size_t)lookalike->kept_max * sizeof *lookalike->kept);
    if (lookalike->scores == NULL || lookalike->words == NULL || lookalike->places == NULL || lookalike->kept == NULL) {
        sh_lookalike_destroy(lookalike);
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for a look-alike");
    }
    *created = lookalike;
    return SH_OK;
}

void sh_lookalike_destroy(struct sh_lookalike *lookalike) {
    if (lookalike == NULL) return;
    sh_free(lookalike->scores);
    sh_free(lookalike->words);
    sh_free(lookalike->places);
    sh_free(lookalike->kept);
    sh_free(lookalike);
}

/* ---- Scores ---- */

static void add_bits(const uint64_t *words, int32_t weight, int32_t *scores) {
    for (uint32_t at = 0; at < SH_BLOCK_WORDS; at++) {
        int32_t *target = scores + (size_t)at * 64;
        for (uint64_t left = words[at]; left != 0; left &= left - 1)
            target[__builtin_ctzll(left)] += weight;
    }
}

static void add_view(struct sh_lookalike *lookalike, struct sh_block_view view, int32_t weight) {
    if (view.count == 0) return;
    if (view.form == SH_BLOCK_ARRAY) {
        const uint16_t *list = sh_block_list(view);
        for (uint32_t i = 0; i < view.count; i++)
            lookalike->scores[list[i]] += weight;
        return;
    }
    const uint64_t *words = sh_block_words(view);
    if (words == NULL) {
        sh_block_store(view, lookalike->words);
        words = lookalike->words;
    }
    add_bits(words, weight, lookalike->scores);
}

static void score_block(struct sh_lookalike *lookalike, uint32_t block) {
    const struct sh_table *table = lookalike->spec.table;
    memset(lookalike->scores, 0, SH_BLOCK_SLOTS * sizeof *lookalike->scores);
    for (uint32_t i = 0; i < lookalike->spec.feature_count; i++) {
        const struct sh_feature *feature = &lookalike->spec.features[i];
        const struct sh_bitmap *slots =
            feature->is_tag_set ? sh_table_tag_slots(table, feature->index, feature->code)
                                : sh_attribute_value_slots(sh_table_attribute(table, feature->index), feature->code);
        if (slots != NULL) add_view(lookalike, sh_bitmap_block(slots, block), feature->weight);
    }
}

/* ---- The best ---- */

/* Does a come before b? Mixes of different ids are all but never equal; then the ids decide. */
static bool is_before(const struct sh_table *table, const struct sh_like *a, const struct sh_like *b) {
    if (a->score != b->score) return a->score > b->score;
    if (a->mix != b->mix) return a->mix < b->mix;
    return sh_text_compare(sh_table_id(table, a->slot), sh_table_id(table, b->slot)) < 0;
}

static void swap(struct sh_like *a, struct sh_like *b) {
    const struct sh_like kept = *a;
    *a = *b;
    *b = kept;
}

/* Heap order with the one that comes last on top, from `at` down. */
static void sift_down(const struct sh_table *table, struct sh_like *likes, uint32_t count, uint32_t at) {
    for (;;) {
        uint32_t last = at;
        const uint32_t left = 2 * at + 1;
        if (left < count && is_before(table, &likes[last], &likes[left])) last = left;
        if (left + 1 < count && is_before(table, &likes[last], &likes[left + 1])) last = left + 1;
        if (last == at) return;
        swap(&likes[at], &likes[last]);
        at = last;
    }
}

/* Put the best `wanted` of them first, in any order: quickselect with the middle of three. */
static void select_best(const struct sh_table *table, struct sh_like *likes, uint32_t count, uint32_t wanted) {
    uint32_t low = 0;
    uint32_t high = count;
    while (high - low > 16) {
        struct sh_like *first = &likes[low], *middle = &likes[low + (high - low) / 2], *last = &likes[high - 1];
        if (is_before(table, middle, first)) swap(middle, first);
        if (is_before(table, last, middle)) swap(last, middle);
        if (is_before(table, middle, first)) swap(middle, first);
        const struct sh_like pivot = *middle;
        uint32_t i = low;
        uint32_t j = high - 1;
        for (;;) {
            while (is_before(table, &likes[i], &pivot))
                i++;
            while (is_before(table, &pivot, &likes[j]))
                j--;
            if (i >= j) break;
            swap(&likes[i++], &likes[j--]);
        }
        if (j + 1 <= wanted)
            low = j + 1;
        else
            high = j + 1;
        if (low >= wanted) return;
    }
    for (uint32_t i = low + 1; i < high; i++)
        for (uint32_t at = i; at > low && is_before(table, &likes[at], &likes[at - 1]); at--)
            swap(&likes[at], &likes[at - 1]);
}

static void drop_worst(struct sh_lookalike *lookalike) {
    const struct sh_table *table = lookalike->spec.table;
    const uint32_t wanted = lookalike->spec.count;
    if (lookalike->kept_count <= wanted) return;
    select_best(table, lookalike->kept, lookalike->kept_count, wanted);
    lookalike->kept_count = wanted;
    lookalike->worst = lookalike->kept[0];
    for (uint32_t i = 1; i < wanted; i++)
        if (is_before(table, &lookalike->worst, &lookalike->kept[i])) lookalike->worst = lookalike->kept[i];
    lookalike->has_worst = true;
}

static void sort_best(struct sh_lookalike *lookalike) {
    const struct sh_table *table = lookalike->spec.table;
    struct sh_like *likes = lookalike->kept;
    drop_worst(lookalike);
    for (uint32_t i = lookalike->kept_count / 2; i-- > 0;)
        sift_down(table, likes, lookalike->kept_count, i);
    for (uint32_t end = lookalike->kept_count; end > 1; end--) {
        swap(&likes[0], &likes[end - 1]);
        sift_down(table, likes, end - 1, 0);
    }
}

/* The slots of the block whose scores may be among the best; how many. */
static uint32_t list_promising(struct sh_lookalike *lookalike, const uint64_t *words) {
    const int64_t least = lookalike->has_worst ? lookalike->worst.score : INT64_MIN;
    uint32_t count = 0;
    for (uint32_t at = 0; at < SH_BLOCK_WORDS; at++) {
        for (uint64_t left = words[at]; left != 0; left &= left - 1) {
            const uint32_t place = at * 64 + (uint32_t)__builtin_ctzll(left);
            lookalike->places[count] = (uint16_t)place; /* kept only if it is counted: no branch to guess */
            count += lookalike->scores[place] >= least;
        }
    }
    return count;
}

/* Who of the block may be among the best. Ids lie a cache line each: they are asked for ahead. */
static void take_block(struct sh_lookalike *lookalike, uint32_t block, const uint64_t *words) {
    const struct sh_table *table = lookalike->spec.table;
    const uint32_t base = block * (uint32_t)SH_BLOCK_SLOTS;
    const uint32_t count = list_promising(lookalike, words);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = lookalike->places[i];
        struct sh_like like = {.score = lookalike->scores[place], .slot = base + place};
        if (i + PREFETCH_DISTANCE < count) sh_table_prefetch_id(table, base + lookalike->places[i + PREFETCH_DISTANCE]);
        if (lookalike->has_worst && like.score < lookalike->worst.score) continue;
        like.mix = sh_hash_mix(sh_id_hash(sh_table_id(table, like.slot)), LIKE_SEED);
        if (lookalike->has_worst && !is_before(table, &like, &lookalike->worst)) continue;
        lookalike->kept[lookalike->kept_count++] = like;
        if (lookalike->kept_count == lookalike->kept_max) drop_worst(lookalike);
    }
}

static enum sh_status run_block(struct sh_lookalike *lookalike, struct sh_error *err) {
    const struct sh_lookalike_spec *spec = &lookalike->spec;
    const uint32_t block = lookalike->block++;
    const struct sh_block_view live = sh_bitmap_block(sh_table_live(spec->table), block);
    struct sh_block_view view;
    if (live.count == 0) return SH_OK;
    score_block(lookalike, block);
    sh_block_store(live, lookalike->words);
    enum sh_status status = sh_plan_run_view(spec->seeds, block, &view, err);
    if (status != SH_OK) return status;
    sh_block_andnot_into(lookalike->words, view);
    if (spec->exclude != NULL) {
        if ((status = sh_plan_run_view(spec->exclude, block, &view, err)) != SH_OK) return status;
        sh_block_andnot_into(lookalike->words, view);
    }
    lookalike->candidate_count += sh_bits->popcount(lookalike->words, SH_BLOCK_WORDS);
    if (spec->count > 0) take_block(lookalike, block, lookalike->words);
    return SH_OK;
}

enum sh_status sh_lookalike_step(struct sh_lookalike *lookalike, uint32_t block_count, bool *done,
                                 struct sh_error *err) {
    const uint32_t weight = 1 + lookalike->spec.feature_count / FEATURES_PER_BLOCK_OF_WORK;
    *done = false;
    for (uint32_t left = block_count; left > 0 && lookalike->block < lookalike->block_count;
         left -= left < weight ? left : weight) {
        const enum sh_status status = run_block(lookalike, err);
        if (status != SH_OK) return status;
    }
    *done = lookalike->block >= lookalike->block_count;
    if (*done) sort_best(lookalike);
    return SH_OK;
}

const struct sh_like *sh_lookalike_best(const struct sh_lookalike *lookalike, uint32_t *count) {
    *count = lookalike->kept_count;
    return lookalike->kept;
}

uint64_t sh_lookalike_candidate_count(const struct sh_lookalike *lookalike) {
    return lookalike->candidate_count;
}
