/* feed_first.c -- the stage of narrowing: first scores of all candidates, and who survives (feed_narrow.h). */
#include <math.h>
#include <string.h>

#include "feed_code.h"
#include "feed_explore.h"
#include "feed_narrow.h"
#include "feed_vector.h"

enum {
    FIRST_COUNT = 512,  /* survivors of the first scores, at least: what a sign code is wrong by is made good here */
    FIRST_FACTOR = 4,   /* and so many times what is wanted */
    FIRST_MORE_MAX = 4, /* if more than so many times that are alike, nobody survives */
    SECOND_MORE =
        16,        /* of those the best by first score with the exact vector: a quarter more than wanted, and these */
    PAYS_FROM = 2, /* candidates for each survivor; with fewer, all are scored */
    LEVELS_MAX = 32000,
    LEVELS_MIN = 256,
};

/* The stage for one request. */
struct first {
    struct feed_run *run;
    struct feed_narrow *narrow;
    struct sh_first_rule rule;
    double levels;        /* of a score of 1 */
    const int16_t *user;  /* row of the user's vector; NULL: none */
    double vector_levels; /* of a dot of 1 */
    int16_t weights[PROFILE_COUNT_MAX];
    struct block_tags *tags; /* of the block at hand */
    uint64_t *candidates;    /* of all blocks, SH_BLOCK_WORDS each */
    uint32_t group_count;
};

/* A block of it. */
struct first_block {
    const struct feed_block *block; /* its sums are scratch */
    int16_t *sums;
    int16_t *scores;
    int16_t *tops;
    double levels;
};

struct survivor {
    uint32_t item;
    int16_t score;
};

/* ---- Units ---- */

static double highest_of(const struct feed_sparse *sparse) {
    double highest = 0;
    for (uint32_t i = 0; i < sparse->count; i++)
        if (fabs(sparse->values[i]) > highest) highest = fabs(sparse->values[i]);
    return highest;
}

/* No score is further from zero than this, above or, with what is disliked, below: by Cauchy and Schwarz, the sum of an item's n weights by sqrt(n) is at most the root of the
 * sum of all squares. */
static double score_bound(const struct feed_run *run) {
    double squares = 0;
    double bound = 0;
    for (uint32_t i = 0; i < run->profile_count; i++)
        squares += run->profile[i].weight * run->profile[i].weight;
    bound += sqrt(squares);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        if (!feature_is_on(run, i) || i == SH_FEED_AFFINITY) continue;
        if (feed_features[i]->is_silent != NULL && feed_features[i]->is_silent(run->states[i])) continue;
        bound += feed_features[i]->is_sparse ? highest_of(run->states[i]) : run->weights[i];
    }
    double factor = 1;
    double points = 0;
    for (uint32_t i = 0; i < run->rules->boost_count; i++) {
        if (run->rules->boosts[i].factor > 1) factor += run->rules->boosts[i].factor - 1;
        points += fabs(run->rules->boosts[i].points);
    }
    return bound * factor + points;
}

static int16_t to_levels(double value) {
    const double whole = floor(value + 0.5);
    return whole > INT16_MAX ? INT16_MAX : whole < INT16_MIN ? INT16_MIN : (int16_t)whole;
}

static uint16_t byte_factor(double levels_of_step) {
    const double factor = levels_of_step * 256 + 0.5;
    return factor > INT16_MAX ? INT16_MAX : (uint16_t)factor;
}

/* What a sum of the kernel's tables says of the score; 0: there are no vectors. */
static double ask_vector(struct first *first) {
    const struct feed_run *run = first->run;
    double step;
    first->user = feature_is_on(run, SH_FEED_VECTOR) ? vector_of_run(run) : NULL;
    if (first->user == NULL || first->narrow->code_bytes == 0) return 0;
    code_ask(first->user, sh_vectors_dimension(run->model->item_vectors), &first->rule, &step);
    /* The kernel's number is sum << shift, times length << 7, and 2^15 times less. */
    return run->weights[SH_FEED_VECTOR] * step * code_length_step(first->rule.code_bytes) * 256 /
           (1u << first->rule.shift);
}

static void rule_vector(struct first *first, double step) {
    const struct feed_run *run = first->run;
    const struct sh_vectors *vectors = run->model->item_vectors;
    uint64_t number;
    int64_t along_centre = 0;
    const int16_t *centre = sh_vectors_centre(vectors, &number);
    if (step == 0) return;
    for (uint32_t i = 0; i < sh_vectors_dimension(vectors); i++)
        along_centre += (int64_t)first->user[i] * centre[i];
    first->vector_levels = run->weights[SH_FEED_VECTOR] * SH_VECTOR_COSINE * first->levels;
    first->rule.vector_base = to_levels((double)along_centre * first->vector_levels);
    first->rule.vector_factor = to_levels(step * first->levels * 32768);
}

static void rule_recency(struct first *first) {
    const struct feed_run *run = first->run;
    /* One step of the bytes is this share of "as new as can be". */
    const double step = ldexp(recent_scale(run), first->narrow->recency_exponent) / 255;
    const double top = step > 0 ? 1 / step : 255;
    first->rule.recency_top = top > 255 ? 255 : top < 1 ? 1 : (uint8_t)top;
    first->rule.recency_factor = byte_factor(run->weights[SH_FEED_RECENCY] * first->levels * (step < 1 ? step : 1));
}

static void make_rule(struct first *first) {
    const struct feed_run *run = first->run;
    const struct sh_feed_model *model = run->model;
    const struct feed_narrow *narrow = first->narrow;
    const double bound = score_bound(run);
    const double step = ask_vector(first);
    /* A sum of n weights is not yet divided by sqrt(n), which is at most 256 / norm_least. */
    const double levels = floor((double)LEVELS_MAX * narrow->norm_least / 256.0);
    first->levels = (levels < LEVELS_MIN ? LEVELS_MIN : levels) / (bound > 0 ? bound : 1);
    if (step * first->levels > 1) first->levels = 1 / step; /* the kernel's factor is below 1 */
    for (uint32_t i = 0; i < run->profile_count; i++)
        first->weights[i] =
            feature_is_on(run, SH_FEED_AFFINITY) ? to_levels(run->profile[i].weight * first->levels) : 0;
    if (feature_is_on(run, SH_FEED_POPULARITY) && model->top_root > 0)
        first->rule.popularity_factor = byte_factor(run->weights[SH_FEED_POPULARITY] * first->levels *
                                                    ldexp(1.0, narrow->popularity_exponent) / model->top_root / 255);
    if (feature_is_on(run, SH_FEED_RECENCY)) rule_recency(first);
    rule_vector(first, step);
}

/* ---- First scores ---- */

/* Part of a block, whose sums stay in L1 while all tags add to them: 32 KiB. */
enum { CHUNK_SLOTS = 16384, LINE_SLOTS = 32, AHEAD_LINES = 8 };

/* Where a tag's items go on: of a list so many are done. */
struct tag_part {
    const uint16_t *slots;
    uint32_t count;
    uint32_t done;
    int16_t weight;
};

/* The user's tags in a block: lists, and bits of those that many items have. */
struct block_tags {
    struct tag_part lists[PROFILE_COUNT_MAX];
    uint32_t list_count;
    const uint64_t *bits[PROFILE_COUNT_MAX];
    int16_t bit_weights[PROFILE_COUNT_MAX];
    uint32_t bit_count;
};

static void look_on(const struct tag_part *part) {
    for (uint32_t i = part->done; i < part->done + AHEAD_LINES * LINE_SLOTS && i < part->count; i += LINE_SLOTS)
        __builtin_prefetch(part->slots + i);
}

/* Of the first block, before they are wanted. */
static void look_at_lists(const struct feed_run *run) {
    for (uint32_t i = 0; i < run->profile_count; i++) {
        const struct sh_block_view view = sh_bitmap_block(run->profile[i].items, 0);
        if (view.form != SH_BLOCK_ARRAY) continue;
        look_on(&(struct tag_part){.slots = sh_block_list(view), .count = view.count});
    }
}

/* Adds to the items of a list that are below `end`; lists ascend. What comes in the next chunk is asked for. */
static void add_list(struct tag_part *part, uint32_t end, int16_t *sums) {
    const uint16_t *slots = part->slots;
    const int16_t weight = part->weight;
    uint32_t i = part->done;
    for (; i + 4 <= part->count && slots[i + 3] < end; i += 4) {
        sums[slots[i]] += weight;
        sums[slots[i + 1]] += weight;
        sums[slots[i + 2]] += weight;
        sums[slots[i + 3]] += weight;
    }
    for (; i < part->count && slots[i] < end; i++)
        sums[slots[i]] += weight;
    part->done = i;
    look_on(part);
}

static enum sh_status list_tags(const struct first *first, uint32_t block, struct block_tags *tags) {
    *tags = (struct block_tags){.list_count = 0};
    for (uint32_t i = 0; i < first->run->profile_count; i++) {
        const struct sh_block_view view = sh_bitmap_block(first->run->profile[i].items, block);
        if (first->weights[i] == 0 || view.form == SH_BLOCK_EMPTY) continue;
        if (view.form == SH_BLOCK_ARRAY) {
            tags->lists[tags->list_count] = (struct tag_part){sh_block_list(view), view.count, 0, first->weights[i]};
            look_on(&tags->lists[tags->list_count++]);
            continue;
        }
        const uint64_t *bits = sh_block_words(view);
        if (bits == NULL) {
            uint64_t *words = sh_arena_alloc(first->run->arena, SH_BLOCK_BYTES);
            if (words == NULL) return SH_ERR_LIMIT;
            sh_block_store(view, words);
            bits = words;
        }
        tags->bits[tags->bit_count] = bits;
        tags->bit_weights[tags->bit_count++] = first->weights[i];
    }
    return SH_OK;
}

static enum sh_status add_tags(const struct first *first, const struct feed_block *block, int16_t *sums) {
    struct block_tags *tags = first->tags;
    const enum sh_status status = list_tags(first, block->number, tags);
    if (status != SH_OK) return status;
    for (uint32_t begin = 0; begin < block->place_count; begin += CHUNK_SLOTS) {
        const uint64_t *bits[PROFILE_COUNT_MAX];
        memset(sums + begin, 0, CHUNK_SLOTS * sizeof *sums);
        for (uint32_t i = 0; i < tags->list_count; i++)
            add_list(&tags->lists[i], begin + CHUNK_SLOTS, sums);
        for (uint32_t i = 0; i < tags->bit_count; i++)
            bits[i] = tags->bits[i] + begin / 64;
        sh_vector->add_bits(sums + begin, bits, tags->bit_weights, tags->bit_count, CHUNK_SLOTS / 64);
    }
    return SH_OK;
}

static int16_t saturate(int32_t value) {
    return value > INT16_MAX ? INT16_MAX : value < INT16_MIN ? INT16_MIN : (int16_t)value;
}

/* Adds to one item, if it is a candidate of the block. */
static void add_value(const struct first_block *to, uint32_t item, double value) {
    const uint32_t place = item - to->block->first;
    if (place >= to->block->place_count || !(to->block->candidates[place / 64] >> (place % 64) & 1)) return;
    const int16_t levels = to_levels(value * to->levels);
    to->sums[place] = saturate(to->sums[place] + levels);
    to->scores[place] = saturate(to->scores[place] + levels);
    if (to->scores[place] > to->tops[place / 64]) to->tops[place / 64] = to->scores[place];
}

/* A feature that speaks for many items in a way of its own: what it adds to exact scores, item by item. */
static void add_many(const struct feed_run *run, uint32_t feature, const struct first_block *to) {
    const struct feed_block *block = to->block;
    memset(block->sums, 0, block->place_count * sizeof *block->sums);
    feature_add_block(run, feature, block);
    for (uint32_t w = 0; w < block->place_count / 64; w++)
        for (uint64_t word = block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            if (block->sums[place] != 0) add_value(to, block->first + place, block->sums[place]);
        }
}

static bool is_known(uint32_t feature) {
    return feature == SH_FEED_AFFINITY || feature == SH_FEED_POPULARITY || feature == SH_FEED_RECENCY ||
           feature == SH_FEED_VECTOR;
}

/* What is not part of the kernel's score. */
static void add_others(const struct feed_run *run, const struct first_block *to) {
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        const struct feed_feature *feature = feed_features[i];
        if (!feature_is_on(run, i) || is_known(i)) continue;
        if (feature->is_silent != NULL && feature->is_silent(run->states[i])) continue;
        if (!feature->is_sparse) {
            add_many(run, i, to);
            continue;
        }
        const struct feed_sparse *sparse = run->states[i];
        for (uint32_t k = 0; k < sparse->count; k++)
            add_value(to, sparse->items[k], sparse->values[k]);
    }
}

/* What boosts and fatigue make of a score, as score_item has it. */
static int16_t with_rules(const struct first *first, uint32_t item, int16_t levels) {
    const double score = (double)levels / first->levels;
    return to_levels((score + rules_of(first->run, item, score)) * first->levels);
}

static void apply_rules(const struct first *first, const struct first_block *to) {
    const struct feed_run *run = first->run;
    uint64_t touched[SH_BLOCK_WORDS] = {0};
    for (uint32_t i = 0; i < run->rules->boost_count; i++)
        sh_block_or_into(touched, sh_bitmap_block(run->rules->boosts[i].items, to->block->number));
    for (uint32_t i = 0; run->fatigue != NULL && i < run->fatigue->count; i++) {
        const uint32_t place = run->fatigue->items[i] - to->block->first;
        if (place < to->block->place_count) touched[place / 64] |= UINT64_C(1) << (place % 64);
    }
    for (uint32_t w = 0; w < to->block->place_count / 64; w++) {
        if ((touched[w] & to->block->candidates[w]) == 0) continue;
        to->tops[w] = INT16_MIN;
        for (uint64_t word = to->block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t place = w * 64 + (uint32_t)__builtin_ctzll(word);
            if (touched[w] >> (place % 64) & 1)
                to->scores[place] = with_rules(first, to->block->first + place, to->scores[place]);
            if (to->scores[place] > to->tops[w]) to->tops[w] = to->scores[place];
        }
    }
}

static enum sh_status score_first(const struct first *first, const struct feed_block *block) {
    const struct feed_narrow *narrow = first->narrow;
    const uint32_t words = narrow->code_bytes;
    const struct first_block to = {.block = block,
                                   .sums = narrow->sums + block->first,
                                   .scores = narrow->scores + block->first,
                                   .tops = narrow->tops + block->first / SH_FIRST_GROUP,
                                   .levels = first->levels};
    const struct sh_first_items items = {.norms = narrow->norms + block->first,
                                         .popularities = narrow->popularities + block->first,
                                         .recencies = narrow->recencies + block->first,
                                         .lengths = narrow->lengths + block->first,
                                         .codes = words == 0 ? NULL : narrow->codes + (size_t)block->first * words};
    const enum sh_status status = add_tags(first, block, to.sums);
    if (status != SH_OK) return status;
    sh_vector->first_scores(&first->rule, &items, block->place_count / 64, block->candidates, to.sums, to.scores,
                            to.tops);
    add_others(first->run, &to);
    if (first->run->rules->boost_count > 0 || first->run->fatigue != NULL) apply_rules(first, &to);
    return SH_OK;
}

/* ---- Who survives ---- */

/* The highest bound that at least `wanted` of the numbers reach. If these are tops, as many items do. */
static int16_t reached_by(const int16_t *numbers, uint32_t count, uint32_t wanted) {
    int32_t low = INT16_MIN; /* reached by all */
    int32_t high = INT16_MAX + 1;
    if (count < wanted) return INT16_MIN;
    while (high - low > 1) {
        const int32_t middle = (low + high) / 2;
        uint32_t reached = 0;
        uint32_t i = 0;
        for (; i + SH_FIRST_GROUP <= count; i += SH_FIRST_GROUP)
            reached += (uint32_t)__builtin_popcountll(sh_vector->at_least(numbers + i, (int16_t)middle));
        for (; i < count; i++)
            reached += numbers[i] >= middle;
        if (reached >= wanted)
            low = middle;
        else
            high = middle;
    }
    return (int16_t)low;
}

/* The same of the candidates themselves, where there are fewer groups than are wanted. */
static int16_t bound_of_scores(const struct first *first, const uint64_t *mask, uint32_t wanted) {
    int32_t low = INT16_MIN;
    int32_t high = INT16_MAX + 1;
    while (high - low > 1) {
        const int32_t middle = (low + high) / 2;
        uint32_t reached = 0;
        for (uint32_t group = 0; group < first->group_count && reached < wanted; group++) {
            const int16_t *scores = first->narrow->scores + (size_t)group * SH_FIRST_GROUP;
            if (mask[group] != 0)
                reached += (uint32_t)__builtin_popcountll(sh_vector->at_least(scores, (int16_t)middle) & mask[group]);
        }
        if (reached >= wanted)
            low = middle;
        else
            high = middle;
    }
    return (int16_t)low;
}

/* All with a score from the bound on; the caller has room for `max`. False: there are more. */
static bool list_survivors(const struct first *first, const uint64_t *mask, int16_t bound, struct survivor *survivors,
                           uint32_t max, uint32_t *count) {
    *count = 0;
    for (uint32_t group = 0; group < first->group_count; group++) {
        if (mask[group] == 0 || first->narrow->tops[group] < bound) continue;
        const int16_t *scores = first->narrow->scores + (size_t)group * SH_FIRST_GROUP;
        for (uint64_t word = sh_vector->at_least(scores, bound) & mask[group]; word != 0; word &= word - 1) {
            const uint32_t place = (uint32_t)__builtin_ctzll(word);
            if (*count == max) return false;
            survivors[*count] = (struct survivor){group * SH_FIRST_GROUP + place, scores[place]};
            sh_vectors_prefetch_number(first->run->model->item_vectors, survivors[(*count)++].item);
        }
    }
    return true;
}

/* The exact vector in place of its code. Rows lie anywhere: those of the next step are asked for while this one is added
 * up. */
static enum sh_status look_closer(const struct first *first, struct survivor *survivors, uint32_t count) {
    enum { STEP = 32 };
    const struct feed_run *run = first->run;
    const struct sh_vectors *vectors = run->model->item_vectors;
    const bool has_rules = run->rules->boost_count > 0 || run->fatigue != NULL;
    if (first->user == NULL || first->narrow->code_bytes == 0) return SH_OK;
    uint32_t *numbers = sh_arena_alloc(run->arena, (count + (size_t)1) * sizeof *numbers);
    if (numbers == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = sh_vectors_number(vectors, survivors[i].item);
        if (i < STEP) sh_vectors_prefetch(vectors, numbers[i]);
    }
    for (uint32_t i = 0; i < count; i += STEP) {
        const uint32_t some = count - i < STEP ? count - i : STEP;
        int32_t dots[STEP];
        for (uint32_t k = i + STEP; k < i + 2 * STEP && k < count; k++)
            sh_vectors_prefetch(vectors, numbers[k]);
        sh_vector->dot_rows(first->user, sh_vectors_stride(vectors), sh_vectors_rows(vectors), numbers + i, some, dots);
        for (uint32_t k = 0; k < some; k++) {
            struct survivor *survivor = &survivors[i + k];
            survivor->score = saturate(first->narrow->sums[survivor->item] + to_levels(dots[k] * first->vector_levels));
            if (has_rules) survivor->score = with_rules(first, survivor->item, survivor->score);
        }
    }
    return SH_OK;
}

/* The best `wanted` and all that are as good as the last of them. */
static enum sh_status keep_best(const struct first *first, struct survivor *survivors, uint32_t *count,
                                uint32_t wanted) {
    uint32_t kept = 0;
    if (*count <= wanted) return SH_OK;
    int16_t *scores = sh_arena_alloc(first->run->arena, *count * sizeof *scores);
    if (scores == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < *count; i++)
        scores[i] = survivors[i].score;
    const int16_t bound = reached_by(scores, *count, wanted);
    for (uint32_t i = 0; i < *count; i++)
        if (survivors[i].score >= bound) survivors[kept++] = survivors[i];
    *count = kept;
    return SH_OK;
}

/* The mask of a set, and its tops; those of all candidates are there already. */
static enum sh_status mask_of(const struct first *first, const struct offer *offer, const uint64_t **mask,
                              int16_t *tops) {
    *mask = first->candidates;
    memcpy(tops, first->narrow->tops, first->group_count * sizeof *tops);
    if (offer->items == NULL) return SH_OK;
    const uint32_t block_count = (first->group_count + SH_BLOCK_WORDS - 1) / SH_BLOCK_WORDS;
    uint64_t *words =
        sh_arena_copy(first->run->arena, first->candidates, (size_t)block_count * SH_BLOCK_WORDS * sizeof *words);
    if (words == NULL) return SH_ERR_LIMIT;
    for (uint32_t block = 0; block < block_count; block++)
        sh_block_and_into(words + (size_t)block * SH_BLOCK_WORDS, sh_bitmap_block(offer->items, block));
    for (uint32_t group = 0; group < first->group_count; group++) {
        tops[group] = INT16_MIN;
        for (uint64_t word = words[group]; word != 0; word &= word - 1) {
            const int16_t score =
                first->narrow->scores[(size_t)group * SH_FIRST_GROUP + (uint32_t)__builtin_ctzll(word)];
            if (score > tops[group]) tops[group] = score;
        }
    }
    *mask = words;
    return SH_OK;
}

static uint32_t wanted_of(const struct best *best) {
    return best->capacity * FIRST_FACTOR > FIRST_COUNT ? best->capacity * FIRST_FACTOR : FIRST_COUNT;
}

static bool pays(const struct feed_run *run, const struct offer *offers, uint32_t offer_count) {
    uint64_t wanted = 0;
    for (uint32_t i = 0; i < offer_count; i++)
        wanted += wanted_of(offers[i].best);
    return run->eligible_count >= wanted * PAYS_FROM;
}

/* Who is to be scored for one offer; *done is false if too many are alike. */
static enum sh_status survive(const struct first *first, const struct offer *offer, struct survivor **survivors,
                              uint32_t *count, bool *done) {
    const uint32_t kept = offer->best->capacity;
    const uint32_t wanted = wanted_of(offer->best);
    const uint32_t max = wanted * FIRST_MORE_MAX;
    const uint64_t *mask;
    int16_t *tops = sh_arena_alloc(first->run->arena, (first->group_count + (size_t)1) * sizeof *tops);
    *survivors = sh_arena_alloc(first->run->arena, max * sizeof **survivors);
    if (tops == NULL || *survivors == NULL) return SH_ERR_LIMIT;
    enum sh_status status = mask_of(first, offer, &mask, tops);
    if (status != SH_OK) return status;
    int16_t bound = reached_by(tops, first->group_count, wanted);
    if (bound == INT16_MIN) bound = bound_of_scores(first, mask, wanted);
    *done = list_survivors(first, mask, bound, *survivors, max, count);
    if (!*done) return SH_OK;
    if ((status = look_closer(first, *survivors, *count)) != SH_OK) return status;
    return keep_best(first, *survivors, count, kept + kept / 4 + SECOND_MORE);
}

/* ---- The stage ---- */

bool narrow_is_wanted(const struct feed_run *run) {
    const enum sh_feed_narrowing narrowing = run->request->narrowing;
    if (narrowing != SH_FEED_NARROW_AUTO) return narrowing == SH_FEED_NARROW_ALWAYS;
    return run->model->listed_count >= SH_FEED_NARROW_FROM;
}

static enum sh_status begin(struct first *first, struct feed_run *run) {
    const uint32_t block_count = run->model->item_capacity / SH_BLOCK_SLOTS + 1;
    const enum sh_status status = narrow_prepare(run->model);
    if (status != SH_OK) return status;
    *first = (struct first){.run = run, .narrow = &run->model->narrow};
    first->group_count = run->model->item_capacity / SH_FIRST_GROUP;
    first->candidates = sh_arena_alloc(run->arena, (size_t)block_count * SH_BLOCK_WORDS * sizeof(uint64_t));
    first->tags = sh_arena_alloc(run->arena, sizeof *first->tags);
    if (first->candidates == NULL || first->tags == NULL) return SH_ERR_LIMIT;
    make_rule(first);
    return SH_OK;
}

/* All candidates, and how many; what is explored is drawn from all. */
static void find_candidates(struct first *first, struct best *explored) {
    struct feed_run *run = first->run;
    run->eligible_count = 0;
    for (uint32_t number = 0; number * (uint64_t)SH_BLOCK_SLOTS < run->model->item_capacity; number++) {
        uint64_t *words = first->candidates + (size_t)number * SH_BLOCK_WORDS;
        const struct feed_block block = begin_block(run, number, words);
        for (uint32_t w = 0; w < block.place_count / 64; w++)
            run->eligible_count += (uint32_t)__builtin_popcountll(words[w]);
        if (explored != NULL) explore_block(run, &block, explored);
    }
}

/* Survivors lie anywhere, and what is known of each in some ten lines: asked for ahead. */
static void look_ahead(const struct sh_feed_model *model, uint32_t item, bool is_near) {
    const struct sh_table *items = model->scope.items;
    for (uint32_t set = 0; set < sh_table_tag_set_count(items); set++)
        if (is_near)
            sh_table_prefetch_tags(items, set, item);
        else
            sh_table_prefetch_tag_cell(items, set, item);
    if (is_near) return;
    for (uint32_t i = 0; i < sh_table_attribute_count(items); i++)
        sh_column_prefetch(&sh_table_attribute(items, i)->column, item);
    __builtin_prefetch(&model->popularity_root[item]);
    __builtin_prefetch(&model->recency[item]);
    __builtin_prefetch(&model->inverse_norm[item]);
}

static void score_survivors(const struct feed_run *run, const struct survivor *survivors, uint32_t count,
                            struct best *best) {
    enum { FAR = 12, NEAR = 6 };
    for (uint32_t i = 0; i < count + FAR; i++) {
        if (i < count) look_ahead(run->model, survivors[i].item, false);
        if (i >= NEAR && i - NEAR < count) look_ahead(run->model, survivors[i - NEAR].item, true);
        if (i < FAR) continue;
        struct feed_candidate candidate;
        score_item(run, survivors[i - FAR].item, &candidate);
        best_offer(best, candidate.item, candidate.score);
    }
}

/* For who wants to know why an item was not scored. */
static enum sh_status note_survivors(struct feed_run *run, const struct survivor *survivors, uint32_t count) {
    run->survivors = sh_arena_alloc(run->arena, (count + (size_t)1) * sizeof *run->survivors);
    if (run->survivors == NULL) return SH_ERR_LIMIT;
    for (uint32_t i = 0; i < count; i++)
        run->survivors[i] = survivors[i].item;
    run->survivor_count = count;
    return SH_OK;
}

enum sh_status narrow_all(struct feed_run *run, const struct offer *offers, uint32_t offer_count, struct best *explored,
                          bool *done) {
    struct first *first = sh_arena_alloc(run->arena, sizeof *first);
    struct survivor **survivors = sh_arena_alloc(run->arena, (offer_count + (size_t)1) * sizeof *survivors);
    uint32_t *counts = sh_arena_alloc(run->arena, (offer_count + (size_t)1) * sizeof *counts);
    *done = false;
    sh_assert(offer_count > 0);
    if (first == NULL || survivors == NULL || counts == NULL) return SH_ERR_LIMIT;
    enum sh_status status = begin(first, run);
    if (status != SH_OK) return status;
    look_at_lists(run);
    find_candidates(first, NULL);
    if (!pays(run, offers, offer_count)) return SH_OK;
    for (uint32_t number = 0; number * (uint64_t)SH_BLOCK_SLOTS < run->model->item_capacity; number++) {
        const struct feed_block block = block_of(run, number, first->candidates + (size_t)number * SH_BLOCK_WORDS);
        if ((status = score_first(first, &block)) != SH_OK) return status;
    }
    for (uint32_t i = 0; i < offer_count; i++) {
        status = survive(first, &offers[i], &survivors[i], &counts[i], done);
        if (status != SH_OK || !*done) return status;
    }
    if (explored != NULL) find_candidates(first, explored);
    run->scored_count = 0;
    for (uint32_t i = 0; i < offer_count; i++) {
        run->scored_count += counts[i];
        score_survivors(run, survivors[i], counts[i], offers[i].best);
    }
    return note_survivors(run, survivors[0], counts[0]);
}
