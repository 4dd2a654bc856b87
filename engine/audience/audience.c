#include "audience.h"

#include "audience_sample.h"
#include "memory.h"
#include "query_plan.h"

enum { ROWS_PER_BLOCK_STEP = 65536 }; /* rows put in order for each block of a step: about as long as a block takes */
/* A bare count that is expected to take less is not cut into steps, whatever they are: counting all blocks at once is
 * fused with the popcount, and a feed waits this long without anybody noticing. */
#define COUNT_AT_ONCE_NS 2e6

struct sh_audience {
    const struct sh_table *table;
    struct sh_plan *plan;
    struct sh_audience_spec spec;
    uint32_t block; /* the next one */
    uint32_t block_count;
    uint64_t count;
    struct sh_ordered list; /* without an order */
    struct sh_frozen frozen;
    struct sh_sorter *sorter; /* with an order */
    struct sh_sampler sampler;
    uint32_t *slots;    /* of the block at hand; only where an order or a sample asks for them */
    uint64_t *narrowed; /* a register; only where an order asks for it */
    uint64_t *gated;    /* another; only where there is a gate */
};

static enum sh_status fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while evaluating an audience");
}

static bool wants_order(const struct sh_audience_spec *spec) {
    return spec->list && spec->order.by != SH_ORDER_NONE && (spec->freeze || spec->list_limit > 0);
}

enum sh_status sh_audience_create(const struct sh_table *table, struct sh_plan *plan,
                                  const struct sh_audience_spec *spec, struct sh_audience **created,
                                  struct sh_error *err) {
    *created = NULL;
    struct sh_audience *audience = sh_alloc_zero(sizeof *audience);
    if (audience == NULL) return fail_memory(err);
    audience->table = table;
    audience->plan = plan;
    audience->spec = *spec;
    audience->block_count = sh_plan_block_count(plan);
    sh_frozen_init(&audience->frozen);
    audience->frozen.order = spec->order;
    sh_sampler_init(&audience->sampler, table, spec->sample_seed, spec->sample ? spec->sample_count : 0);
    if (wants_order(spec))
        audience->sorter = sh_sorter_create(table, &spec->order, spec->freeze ? 0 : spec->list_limit, spec->keep_keys);
    const bool wants_slots = wants_order(spec) || audience->sampler.limit > 0;
    if (wants_slots) audience->slots = sh_alloc(SH_BLOCK_SLOTS * sizeof *audience->slots);
    if (wants_order(spec)) audience->narrowed = sh_alloc(SH_BLOCK_BYTES);
    if (spec->gate.narrow != NULL) audience->gated = sh_alloc(SH_BLOCK_BYTES);
    if ((spec->gate.narrow != NULL && audience->gated == NULL) ||
        (wants_order(spec) && (audience->sorter == NULL || audience->narrowed == NULL)) ||
        (wants_slots && audience->slots == NULL)) {
        sh_audience_destroy(audience);
        return fail_memory(err);
    }
    *created = audience;
    return SH_OK;
}

void sh_audience_destroy(struct sh_audience *audience) {
    if (audience == NULL) return;
    sh_ordered_deinit(&audience->list);
    sh_frozen_deinit(&audience->frozen);
    sh_sorter_destroy(audience->sorter);
    sh_sampler_deinit(&audience->sampler);
    sh_free(audience->slots);
    sh_free(audience->narrowed);
    sh_free(audience->gated);
    sh_free(audience);
}

/* The first slots, as long as the list is not full. */
static enum sh_status list_block(struct sh_audience *audience, const uint64_t *words, uint32_t count, uint32_t base,
                                 struct sh_error *err) {
    struct sh_ordered *list = &audience->list;
    const uint32_t room = audience->spec.list_limit - list->count;
    const uint32_t wanted = count < room ? count : room;
    if (wanted == 0) return SH_OK;
    if (sh_grow((void **)&list->slots, &list->capacity, (uint64_t)list->count + wanted, sizeof *list->slots) != SH_OK)
        return fail_memory(err);
    const struct sh_block_view view = sh_block_of_words(words, count);
    if (wanted == count)
        list->count += sh_block_list_u32(view, base, list->slots + list->count);
    else
        list->count += sh_block_list_from(view, 0, base, list->slots + list->count, wanted);
    return SH_OK;
}

static enum sh_status order_block(struct sh_audience *audience, uint32_t block, const uint64_t *words, uint32_t count,
                                  struct sh_error *err) {
    if (sh_sorter_can_narrow(audience->sorter)) {
        memcpy(audience->narrowed, words, SH_BLOCK_BYTES);
        (void)sh_sorter_narrow(audience->sorter, block, audience->narrowed, &count);
        words = audience->narrowed;
        if (count == 0) return SH_OK;
    }
    const uint32_t slot_count =
        sh_block_list_u32(sh_block_of_words(words, count), block * (uint32_t)SH_BLOCK_SLOTS, audience->slots);
    return sh_sorter_add(audience->sorter, block, audience->slots, slot_count, err);
}

/* One block's rows into every sink. */
static enum sh_status take_block(struct sh_audience *audience, uint32_t block, const uint64_t *words, uint32_t count,
                                 struct sh_error *err) {
    const struct sh_audience_spec *spec = &audience->spec;
    const uint32_t base = block * (uint32_t)SH_BLOCK_SLOTS;
    enum sh_status status;
    if (spec->list && audience->sorter == NULL) {
        if (spec->freeze) {
            if (sh_bitmap_put_block(&audience->frozen.set, block, words, count) != SH_OK) return fail_memory(err);
        } else if ((status = list_block(audience, words, count, base, err)) != SH_OK) {
            return status;
        }
    }
    if (audience->sorter != NULL && (status = order_block(audience, block, words, count, err)) != SH_OK) return status;
    if (audience->sampler.limit == 0) return SH_OK;
    const uint32_t slot_count = sh_block_list_u32(sh_block_of_words(words, count), base, audience->slots);
    return sh_sampler_add(&audience->sampler, audience->slots, slot_count, err);
}

static enum sh_status run_block(struct sh_audience *audience, struct sh_error *err) {
    const uint64_t *words;
    uint32_t count;
    const uint32_t block = audience->block++;
    const enum sh_status status = sh_plan_run_block(audience->plan, block, &words, &count, err);
    if (status != SH_OK || words == NULL || count == 0) return status;
    if (audience->gated != NULL) {
        const struct sh_audience_gate *gate = &audience->spec.gate;
        memcpy(audience->gated, words, SH_BLOCK_BYTES);
        words = audience->gated;
        if ((count = gate->narrow(gate->context, block, audience->gated, count)) == 0) return SH_OK;
    }
    audience->count += count;
    return audience->spec.count_only ? SH_OK : take_block(audience, block, words, count, err);
}

static enum sh_status finish(struct sh_audience *audience, uint64_t row_count, bool *done, struct sh_error *err) {
    if (audience->sorter != NULL) {
        const enum sh_status status = sh_sorter_finish(audience->sorter, row_count, done, err);
        if (status != SH_OK || !*done) return status;
    }
    sh_sampler_finish(&audience->sampler);
    audience->frozen.count = audience->count;
    if (audience->sorter != NULL && audience->spec.freeze) {
        struct sh_ordered *rows = sh_sorter_rows(audience->sorter);
        audience->frozen.ordered = *rows;
        audience->frozen.count = rows->count;
        *rows = (struct sh_ordered){0};
    }
    *done = true;
    return SH_OK;
}

enum sh_status sh_audience_step(struct sh_audience *audience, uint32_t block_count, bool *done, struct sh_error *err) {
    *done = false;
    if (audience->spec.count_only && audience->gated == NULL && audience->block == 0) {
        if (sh_plan_count_kept(audience->plan, &audience->count)) {
            *done = true;
            return SH_OK;
        }
        const double all_ns = audience->plan->root->cost.block_ns * audience->block_count;
        if (block_count >= audience->block_count || all_ns <= COUNT_AT_ONCE_NS) {
            *done = true;
            return sh_plan_count(audience->plan, &audience->count, err);
        }
    }
    uint32_t left = block_count;
    for (; left > 0 && audience->block < audience->block_count; left--) {
        const enum sh_status status = run_block(audience, err);
        if (status != SH_OK) return status;
    }
    if (audience->block < audience->block_count) return SH_OK;
    return finish(audience, ((uint64_t)left + 1) * ROWS_PER_BLOCK_STEP, done, err);
}

uint64_t sh_audience_count(const struct sh_audience *audience) {
    return audience->count;
}

struct sh_ordered *sh_audience_list(struct sh_audience *audience) {
    return audience->sorter != NULL ? sh_sorter_rows(audience->sorter) : &audience->list;
}

void sh_audience_take_frozen(struct sh_audience *audience, struct sh_frozen *frozen) {
    *frozen = audience->frozen;
    sh_frozen_init(&audience->frozen);
}

const struct sh_lot *sh_audience_sample(const struct sh_audience *audience, uint32_t *count) {
    *count = audience->sampler.count;
    return audience->sampler.lots;
}
