#include "audience_overlap.h"

#include "memory.h"

enum {
    SETS_PER_BLOCK_OF_WORK = 2,   /* evaluating a set and crossing it with the others, against one bare block */
    USERS_WORTH_TRANSPOSING = 12, /* of 64: below, their bits are gathered one by one */
};

struct sh_overlap {
    struct sh_plan *const *plans;
    uint32_t set_count;
    uint32_t block; /* the next one */
    uint32_t block_count;
    struct sh_block_view views[SH_OVERLAP_SET_COUNT_MAX];               /* of the block at hand */
    uint64_t pairs[SH_OVERLAP_SET_COUNT_MAX][SH_OVERLAP_SET_COUNT_MAX]; /* [a][b], b <= a */
    uint64_t *combinations;
    uint64_t *words; /* a register for each set: for views that are no words */
};

enum sh_status sh_overlap_create(struct sh_plan *const *plans, uint32_t set_count, bool combinations,
                                 struct sh_overlap **created, struct sh_error *err) {
    sh_assert(set_count >= 1 && set_count <= SH_OVERLAP_SET_COUNT_MAX);
    sh_assert(!combinations || set_count <= SH_OVERLAP_COMBINED_COUNT_MAX);
    *created = NULL;
    struct sh_overlap *overlap = sh_alloc_zero(sizeof *overlap);
    if (overlap == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for an overlap");
    overlap->plans = plans;
    overlap->set_count = set_count;
    overlap->block_count = sh_plan_block_count(plans[0]);
    if (combinations) {
        overlap->combinations = sh_alloc_zero(sizeof(uint64_t) << set_count);
        overlap->words = sh_alloc((size_t)set_count * SH_BLOCK_BYTES);
        if (overlap->combinations == NULL || overlap->words == NULL) {
            sh_overlap_destroy(overlap);
            return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for an overlap");
        }
    }
    *created = overlap;
    return SH_OK;
}

void sh_overlap_destroy(struct sh_overlap *overlap) {
    if (overlap == NULL) return;
    sh_free(overlap->combinations);
    sh_free(overlap->words);
    sh_free(overlap);
}

static void count_pairs(struct sh_overlap *overlap) {
    const struct sh_block_view *views = overlap->views;
    for (uint32_t a = 0; a < overlap->set_count; a++) {
        overlap->pairs[a][a] += views[a].count;
        if (views[a].count == 0) continue;
        for (uint32_t b = 0; b < a; b++)
            if (views[b].count > 0) overlap->pairs[a][b] += sh_block_and_count(views[a], views[b]);
    }
}

/* ---- Combinations ---- */

/* Bit c of byte r becomes bit r of byte c. */
static inline uint64_t transpose(uint64_t bits) {
    bits = (bits & 0xAA55AA55AA55AA55u) | (bits & 0x00AA00AA00AA00AAu) << 7 | (bits >> 7 & 0x00AA00AA00AA00AAu);
    bits = (bits & 0xCCCC3333CCCC3333u) | (bits & 0x0000CCCC0000CCCCu) << 14 | (bits >> 14 & 0x0000CCCC0000CCCCu);
    return (bits & 0xF0F0F0F00F0F0F0Fu) | (bits & 0x00000000F0F0F0F0u) << 28 | (bits >> 28 & 0x00000000F0F0F0F0u);
}

/* 64 users, of whom many are in some set: eight at a time. sets has SH_OVERLAP_COMBINED_COUNT_MAX words. */
static void count_many(const uint64_t *sets, uint32_t set_count, uint64_t *combinations) {
    for (uint32_t shift = 0; shift < 64; shift += 8) {
        uint64_t low = 0;
        uint64_t high = 0;
        for (uint32_t i = 0; i < 8; i++) {
            low |= (sets[i] >> shift & 0xFF) << (8 * i);
            high |= (sets[8 + i] >> shift & 0xFF) << (8 * i);
        }
        low = transpose(low);
        high = set_count > 8 ? transpose(high) : 0;
        for (uint32_t user = 0; user < 64; user += 8)
            combinations[(low >> user & 0xFF) | (high >> user & 0xFF) << 8]++;
    }
}

static void count_few(const uint64_t *sets, uint32_t set_count, uint64_t in_any, uint64_t *combinations) {
    for (; in_any != 0; in_any &= in_any - 1) {
        const uint32_t user = (uint32_t)__builtin_ctzll(in_any);
        uint64_t mask = 0;
        for (uint32_t i = 0; i < set_count; i++)
            mask |= (sets[i] >> user & 1) << i;
        combinations[mask]++;
    }
}

static void count_combinations(struct sh_overlap *overlap) {
    static const uint64_t none[SH_BLOCK_WORDS];
    const uint64_t *words[SH_OVERLAP_COMBINED_COUNT_MAX];
    for (uint32_t i = 0; i < overlap->set_count; i++) {
        const struct sh_block_view view = overlap->views[i];
        words[i] = view.count == 0 ? none : sh_block_words(view);
        if (words[i] != NULL) continue;
        uint64_t *own = overlap->words + (size_t)i * SH_BLOCK_WORDS;
        sh_block_store(view, own);
        words[i] = own;
    }
    for (uint32_t at = 0; at < SH_BLOCK_WORDS; at++) {
        uint64_t sets[SH_OVERLAP_COMBINED_COUNT_MAX] = {0};
        uint64_t in_any = 0;
        for (uint32_t i = 0; i < overlap->set_count; i++)
            in_any |= sets[i] = words[i][at];
        if (__builtin_popcountll(in_any) < USERS_WORTH_TRANSPOSING)
            count_few(sets, overlap->set_count, in_any, overlap->combinations);
        else
            count_many(sets, overlap->set_count, overlap->combinations);
    }
}

/* ---- Block by block ---- */

static enum sh_status run_block(struct sh_overlap *overlap, struct sh_error *err) {
    const uint32_t block = overlap->block++;
    for (uint32_t i = 0; i < overlap->set_count; i++) {
        const enum sh_status status = sh_plan_run_view(overlap->plans[i], block, &overlap->views[i], err);
        if (status != SH_OK) return status;
    }
    count_pairs(overlap);
    if (overlap->combinations != NULL) count_combinations(overlap);
    return SH_OK;
}

enum sh_status sh_overlap_step(struct sh_overlap *overlap, uint32_t block_count, bool *done, struct sh_error *err) {
    const uint32_t weight = 1 + overlap->set_count / SETS_PER_BLOCK_OF_WORK;
    *done = false;
    for (uint32_t left = block_count; left > 0 && overlap->block < overlap->block_count;
         left -= left < weight ? left : weight) {
        const enum sh_status status = run_block(overlap, err);
        if (status != SH_OK) return status;
    }
    *done = overlap->block >= overlap->block_count;
    return SH_OK;
}

uint64_t sh_overlap_pair(const struct sh_overlap *overlap, uint32_t a, uint32_t b) {
    sh_assert(a < overlap->set_count && b < overlap->set_count);
    return a < b ? overlap->pairs[b][a] : overlap->pairs[a][b];
}

const uint64_t *sh_overlap_combinations(const struct sh_overlap *overlap) {
    return overlap->combinations;
}
