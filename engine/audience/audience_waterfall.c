#include "audience_waterfall.h"

#include <string.h>

#include "memory.h"

struct sh_waterfall {
    struct sh_plan *const *plans;
    uint32_t plan_count;
    bool is_or;
    const struct sh_table *table;
    uint32_t block;
    uint32_t block_count;
    uint64_t total;
    struct sh_waterfall_step steps[SH_OVERLAP_SET_COUNT_MAX];
    struct sh_block_view views[SH_OVERLAP_SET_COUNT_MAX];
    /* Registers. AND: `none` failed no clause, `one` exactly one. OR: matched none, matched exactly one. */
    uint64_t *none;
    uint64_t *one;
    uint64_t *now; /* of the clause: who fails it (AND), who matches it (OR) */
    uint64_t *live;
};

enum sh_status sh_waterfall_create(struct sh_plan *const *plans, uint32_t plan_count, bool is_or,
                                   const struct sh_table *table, struct sh_waterfall **created, struct sh_error *err) {
    sh_assert(plan_count >= 1 && plan_count <= SH_OVERLAP_SET_COUNT_MAX);
    *created = NULL;
    struct sh_waterfall *waterfall = sh_alloc_zero(sizeof *waterfall);
    uint64_t *registers = sh_alloc((size_t)4 * SH_BLOCK_BYTES);
    if (waterfall == NULL || registers == NULL) {
        sh_free(waterfall);
        sh_free(registers);
        return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for a waterfall");
    }
    waterfall->plans = plans;
    waterfall->plan_count = plan_count;
    waterfall->is_or = is_or;
    waterfall->table = table;
    waterfall->block_count = sh_plan_block_count(plans[0]);
    waterfall->none = registers;
    waterfall->one = registers + SH_BLOCK_WORDS;
    waterfall->now = registers + (size_t)2 * SH_BLOCK_WORDS;
    waterfall->live = registers + (size_t)3 * SH_BLOCK_WORDS;
    *created = waterfall;
    return SH_OK;
}

void sh_waterfall_destroy(struct sh_waterfall *waterfall) {
    if (waterfall == NULL) return;
    sh_free(waterfall->none);
    sh_free(waterfall);
}

/* Into `now`: the live users that the clause decides about, who fail it in an AND and match it in an OR. */
static void decide(struct sh_waterfall *waterfall, struct sh_block_view view) {
    if (waterfall->is_or) {
        sh_block_store(view, waterfall->now);
        return;
    }
    memcpy(waterfall->now, waterfall->live, SH_BLOCK_BYTES);
    sh_block_andnot_into(waterfall->now, view);
}

static enum sh_status run_block(struct sh_waterfall *waterfall, struct sh_error *err) {
    const uint32_t block = waterfall->block++;
    const struct sh_block_view live = sh_bitmap_block(sh_table_live(waterfall->table), block);
    waterfall->total += live.count;
    sh_block_store(live, waterfall->live);
    memcpy(waterfall->none, waterfall->live, SH_BLOCK_BYTES);
    memset(waterfall->one, 0, SH_BLOCK_BYTES);
    for (uint32_t i = 0; i < waterfall->plan_count; i++) {
        struct sh_waterfall_step *step = &waterfall->steps[i];
        const enum sh_status status = sh_plan_run_view(waterfall->plans[i], block, &waterfall->views[i], err);
        if (status != SH_OK) return status;
        step->alone += waterfall->views[i].count;
        decide(waterfall, waterfall->views[i]);
        /* Who was decided once is so no longer, unless not by this; who was never is now. */
        for (uint32_t at = 0; at < SH_BLOCK_WORDS; at++) {
            const uint64_t now = waterfall->now[at];
            waterfall->one[at] = (waterfall->one[at] & ~now) | (waterfall->none[at] & now);
            waterfall->none[at] &= ~now;
        }
        const uint64_t undecided = sh_bits->popcount(waterfall->none, SH_BLOCK_WORDS);
        step->after += waterfall->is_or ? live.count - undecided : undecided;
    }
    for (uint32_t i = 0; i < waterfall->plan_count; i++) {
        decide(waterfall, waterfall->views[i]);
        waterfall->steps[i].only += sh_bits->and_count(waterfall->now, waterfall->one, SH_BLOCK_WORDS);
    }
    return SH_OK;
}

enum sh_status sh_waterfall_step(struct sh_waterfall *waterfall, uint32_t block_count, bool *done,
                                 struct sh_error *err) {
    *done = false;
    for (uint32_t left = block_count; left > 0 && waterfall->block < waterfall->block_count;
         left -= left < waterfall->plan_count ? left : waterfall->plan_count) {
        const enum sh_status status = run_block(waterfall, err);
        if (status != SH_OK) return status;
    }
    *done = waterfall->block >= waterfall->block_count;
    return SH_OK;
}

const struct sh_waterfall_step *sh_waterfall_steps(const struct sh_waterfall *waterfall) {
    return waterfall->steps;
}

uint64_t sh_waterfall_total(const struct sh_waterfall *waterfall) {
    return waterfall->total;
}
