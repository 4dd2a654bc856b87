#include "lookalike.h"

#include <math.h>
#include <string.h>

#include "hash.h"
#include "memory.h"
#include "query_kernels.h"

enum {
    /* As many are kept as wanted, before the worst are dropped, and a block's more. After that at most NARROWED_TIMES
     * as many are left, so that dropping pays. */
    KEPT_TIMES = 3,
    NARROWED_TIMES = 2,
    FEATURES_PER_BLOCK_OF_WORK = 16, /* about 1 us each; the rest of a block is as long as a plain audience */
    PREFETCH_DISTANCE = 16,
    DIGIT_BITS = 11, /* of scores: 2,048 counters are half of the L1 */
    DIGIT_COUNT = 1 << DIGIT_BITS,
};
_Static_assert(NARROWED_TIMES < KEPT_TIMES, "a block fits after dropping");
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

/* A user who may be among the best: their ids are not looked at before it is known whose scores suffice. */
struct promising {
    int32_t score;
    uint32_t slot;
};

struct sh_lookalike {
    struct sh_lookalike_spec spec;
    uint32_t block;
    uint32_t block_count;
    uint64_t candidate_count;
    int32_t *scores; /* of the block at hand */
    uint64_t *words;
    uint16_t *places;
    struct promising *kept;
    struct sh_like *likes; /* room for kept_max: of equals when they are told apart, and the answer at the end */
    uint32_t kept_count;
    uint32_t kept_max;
    int32_t least; /* whoever has less comes behind the best `count` */
};

enum sh_status sh_lookalike_create(const struct sh_lookalike_spec *spec, struct sh_lookalike **created,
                                   struct sh_error *err) {
    *created = NULL;
    struct sh_lookalike *lookalike = sh_alloc_zero(sizeof *lookalike);
    if (lookalike == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for a look-alike");
    lookalike->spec = *spec;
    lookalike->block_count = sh_plan_block_count(spec->seeds);
    lookalike->kept_max = spec->count * KEPT_TIMES + SH_BLOCK_SLOTS;
    lookalike->least = INT32_MIN;
    lookalike->scores = sh_alloc(SH_BLOCK_SLOTS * sizeof *lookalike->scores);
    lookalike->words = sh_alloc(SH_BLOCK_BYTES);
    lookalike->places = sh_alloc((SH_BLOCK_SLOTS + 1) * sizeof *lookalike->places);
    lookalike->kept = sh_alloc((size_t)lookalike->kept_max * sizeof *lookalike->kept);
    lookalike->likes = sh_alloc((size_t)lookalike->kept_max * sizeof *lookalike->likes);
    if (lookalike->scores == NULL || lookalike->words == NULL || lookalike->places == NULL || lookalike->kept == NULL ||
        lookalike->likes == NULL) {
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
    sh_free(lookalike->likes);
    sh_free(lookalike);
}

/* ---- Scores ---- */

/* Blocks of bits that one pass over the scores adds. */
struct weighed {
    const uint64_t *inputs[SH_WEIGHED_INPUT_COUNT_MAX];
    int32_t weights[SH_WEIGHED_INPUT_COUNT_MAX];
    size_t count;
};

static void add_weighed(struct weighed *weighed, int32_t *scores) {
    if (weighed->count > 0) sh_crossing->add_weights(weighed->inputs, weighed->weights, weighed->count, scores);
    weighed->count = 0;
}

static void add_view(struct sh_lookalike *lookalike, struct sh_block_view view, int32_t weight,
                     struct weighed *weighed) {
    if (view.count == 0) return;
    if (view.form == SH_BLOCK_ARRAY) {
        const uint16_t *list = sh_block_list(view);
        for (uint32_t i = 0; i < view.count; i++)
            lookalike->scores[list[i]] += weight;
        return;
    }
    const uint64_t *words = sh_block_words(view);
    const bool is_stored = words == NULL;
    if (is_stored) {
        sh_block_store(view, lookalike->words);
        words = lookalike->words;
    }
    weighed->inputs[weighed->count] = words;
    weighed->weights[weighed->count++] = weight;
    if (is_stored || weighed->count == SH_WEIGHED_INPUT_COUNT_MAX) add_weighed(weighed, lookalike->scores);
}

static void score_block(struct sh_lookalike *lookalike, uint32_t block) {
    const struct sh_table *table = lookalike->spec.table;
    struct weighed weighed = {.count = 0};
    memset(lookalike->scores, 0, SH_BLOCK_SLOTS * sizeof *lookalike->scores);
    for (uint32_t i = 0; i < lookalike->spec.feature_count; i++) {
        const struct sh_feature *feature = &lookalike->spec.features[i];
        const struct sh_bitmap *slots =
            feature->is_tag_set ? sh_table_tag_slots(table, feature->index, feature->code)
                                : sh_attribute_value_slots(sh_table_attribute(table, feature->index), feature->code);
        if (slots != NULL) add_view(lookalike, sh_bitmap_block(slots, block), feature->weight, &weighed);
    }
    add_weighed(&weighed, lookalike->scores);
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

/* The highest score comes first, then the lowest mix. */
static uint64_t like_key(const struct sh_like *like) {
    return (uint64_t)((uint32_t)INT32_MAX - (uint32_t)like->score) << 32 | like->mix >> 32;
}

/* The score of the rank-th best, from 1, digit by digit of its distance to the highest. */
static int32_t score_of_rank(const struct promising *kept, uint32_t count, uint32_t rank) {
    int32_t high = INT32_MIN;
    int32_t low = INT32_MAX;
    for (uint32_t i = 0; i < count; i++) {
        high = kept[i].score > high ? kept[i].score : high;
        low = kept[i].score < low ? kept[i].score : low;
    }
    const uint32_t span = (uint32_t)high - (uint32_t)low;
    uint32_t found = 0; /* the distance, as far as it is known */
    uint32_t known = 0; /* its bits that are */
    for (uint32_t shift = span == 0 ? 0 : 32 - (uint32_t)__builtin_clz(span); shift > 0;) {
        uint32_t counts[DIGIT_COUNT] = {0};
        uint32_t digit = 0;
        shift -= shift < DIGIT_BITS ? shift : DIGIT_BITS;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t distance = (uint32_t)high - (uint32_t)kept[i].score;
            counts[distance >> shift & (DIGIT_COUNT - 1)] += (distance & known) == found;
        }
        for (; counts[digit] < rank; digit++)
            rank -= counts[digit];
        found |= digit << shift;
        known |= (uint32_t)(DIGIT_COUNT - 1) << shift;
    }
    return (int32_t)((uint32_t)high - found);
}

/* Kept ones from `first` on as likes. Ids lie a cache line each: they are asked for ahead. */
static void read_likes(struct sh_lookalike *lookalike, uint32_t first) {
    const struct sh_table *table = lookalike->spec.table;
    for (uint32_t i = first; i < lookalike->kept_count; i++) {
        const struct promising *kept = &lookalike->kept[i];
        if (i + PREFETCH_DISTANCE < lookalike->kept_count) sh_table_prefetch_id(table, kept[PREFETCH_DISTANCE].slot);
        const uint64_t mix = sh_hash_mix(sh_id_hash(sh_table_id(table, kept->slot)), LIKE_SEED);
        lookalike->likes[i - first] = (struct sh_like){.score = kept->score, .mix = mix, .slot = kept->slot};
    }
}

/* Drop who is not among the best `wanted`; of those who are equal to the last of them, only if kept are more than
 * kept_max after that. Then `wanted` are left. */
static void narrow(struct sh_lookalike *lookalike, uint32_t kept_max) {
    const uint32_t wanted = lookalike->spec.count;
    struct promising *kept = lookalike->kept;
    if (lookalike->kept_count <= wanted) return;
    const int32_t least = score_of_rank(kept, lookalike->kept_count, wanted);
    uint32_t above = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < lookalike->kept_count; i++) { /* no branch to guess: what is not counted is overwritten */
        const struct promising one = kept[i];
        kept[count] = kept[above];
        kept[one.score > least ? above : count] = one;
        above += one.score > least;
        count += one.score >= least;
    }
    lookalike->least = least;
    lookalike->kept_count = count;
    if (count <= kept_max) return;
    read_likes(lookalike, above);
    select_best(lookalike->spec.table, lookalike->likes, count - above, wanted - above);
    for (uint32_t i = above; i < wanted; i++)
        kept[i].slot = lookalike->likes[i - above].slot;
    lookalike->kept_count = wanted;
}

/* By score and the upper half of the mix, digit by digit from the lowest; likes of the same key then by all of it.
 * There is room for as many again behind them. */
static void sort_likes(const struct sh_table *table, struct sh_like *likes, uint32_t count) {
    struct sh_like *from = likes;
    struct sh_like *to = likes + count;
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        uint32_t starts[256] = {0};
        uint32_t sum = 0;
        for (uint32_t i = 0; i < count; i++)
            starts[like_key(&from[i]) >> shift & 255]++;
        if (count > 0 && starts[like_key(&from[0]) >> shift & 255] == count) continue;
        for (uint32_t digit = 0; digit < 256; digit++) {
            const uint32_t here = starts[digit];
            starts[digit] = sum;
            sum += here;
        }
        for (uint32_t i = 0; i < count; i++)
            to[starts[like_key(&from[i]) >> shift & 255]++] = from[i];
        struct sh_like *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != likes) memcpy(likes, from, count * sizeof *likes);
    for (uint32_t i = 1; i < count; i++)
        for (uint32_t at = i; at > 0 && is_before(table, &likes[at], &likes[at - 1]); at--)
            swap(&likes[at], &likes[at - 1]);
}

static void finish(struct sh_lookalike *lookalike) {
    narrow(lookalike, lookalike->spec.count);
    read_likes(lookalike, 0);
    sort_likes(lookalike->spec.table, lookalike->likes, lookalike->kept_count);
}

/* Who of the block (words) may be among the best. */
static void take_block(struct sh_lookalike *lookalike, uint32_t block, uint64_t *words) {
    const uint32_t base = block * (uint32_t)SH_BLOCK_SLOTS;
    sh_crossing->mask_at_least(lookalike->scores, lookalike->least, words, words);
    const uint32_t count = (uint32_t)sh_bits->list_u16(words, SH_BLOCK_WORDS, lookalike->places);
    if (count > lookalike->kept_max - lookalike->kept_count) narrow(lookalike, lookalike->spec.count * NARROWED_TIMES);
    struct promising *kept = lookalike->kept + lookalike->kept_count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t place = lookalike->places[i];
        kept[i] = (struct promising){.score = lookalike->scores[place], .slot = base + place};
    }
    lookalike->kept_count += count;
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
    uint32_t count = (uint32_t)sh_bits->popcount(lookalike->words, SH_BLOCK_WORDS);
    if (spec->gate.narrow != NULL && count > 0)
        count = spec->gate.narrow(spec->gate.context, block, lookalike->words, count);
    lookalike->candidate_count += count;
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
    if (*done) finish(lookalike);
    return SH_OK;
}

const struct sh_like *sh_lookalike_best(const struct sh_lookalike *lookalike, uint32_t *count) {
    *count = lookalike->kept_count;
    return lookalike->likes;
}

uint64_t sh_lookalike_candidate_count(const struct sh_lookalike *lookalike) {
    return lookalike->candidate_count;
}
