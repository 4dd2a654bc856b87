#include "audience_sample.h"

#include "hash.h"
#include "memory.h"

void sh_sampler_init(struct sh_sampler *sampler, const struct sh_table *table, uint64_t seed, uint32_t limit) {
    *sampler = (struct sh_sampler){.table = table, .seed = seed, .limit = limit};
}

void sh_sampler_deinit(struct sh_sampler *sampler) {
    sh_free(sampler->lots);
    *sampler = (struct sh_sampler){0};
}

/* Equal lots of different ids would need a collision in 64 bits; the ids then decide, so that the answer is one. */
static bool lot_is_less(const struct sh_sampler *sampler, struct sh_lot a, struct sh_lot b) {
    if (a.mix != b.mix) return a.mix < b.mix;
    return sh_text_compare(sh_table_id(sampler->table, a.slot), sh_table_id(sampler->table, b.slot)) < 0;
}

static void sink(struct sh_sampler *sampler, uint32_t at, uint32_t count) {
    struct sh_lot *heap = sampler->lots;
    const struct sh_lot moved = heap[at];
    for (;;) {
        uint32_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && lot_is_less(sampler, heap[child], heap[child + 1])) child++;
        if (!lot_is_less(sampler, moved, heap[child])) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static void rise(struct sh_sampler *sampler, uint32_t at) {
    struct sh_lot *heap = sampler->lots;
    const struct sh_lot moved = heap[at];
    while (at > 0) {
        const uint32_t parent = (at - 1) / 2;
        if (!lot_is_less(sampler, heap[parent], moved)) break;
        heap[at] = heap[parent];
        at = parent;
    }
    heap[at] = moved;
}

enum sh_status sh_sampler_add(struct sh_sampler *sampler, const uint32_t *slots, uint32_t slot_count,
                              struct sh_error *err) {
    if (sampler->limit == 0) return SH_OK;
    for (uint32_t i = 0; i < slot_count; i++) {
        if (i + 16 < slot_count) sh_table_prefetch_id(sampler->table, slots[i + 16]);
        const struct sh_text id = sh_table_id(sampler->table, slots[i]);
        const struct sh_lot lot = {.mix = sh_hash_mix(sh_id_hash(id), sampler->seed), .slot = slots[i]};
        if (sampler->count == sampler->limit) {
            if (!lot_is_less(sampler, lot, sampler->lots[0])) continue;
            sampler->lots[0] = lot;
            sink(sampler, 0, sampler->count);
            continue;
        }
        if (sh_grow((void **)&sampler->lots, &sampler->capacity, (uint64_t)sampler->count + 1, sizeof lot) != SH_OK)
            return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory while sampling an audience");
        sampler->lots[sampler->count++] = lot;
        rise(sampler, sampler->count - 1);
    }
    return SH_OK;
}

void sh_sampler_finish(struct sh_sampler *sampler) {
    /* Heapsort: the largest goes behind the heap, which shrinks. */
    for (uint32_t left = sampler->count; left > 1; left--) {
        const struct sh_lot largest = sampler->lots[0];
        sampler->lots[0] = sampler->lots[left - 1];
        sampler->lots[left - 1] = largest;
        sink(sampler, 0, left - 1);
    }
}
