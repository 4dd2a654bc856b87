#include "feed_explore.h"

#include "hash.h"

uint32_t explore_count(const struct feed_run *run) {
    const uint32_t every = run->model->config.explore_every;
    /* Twice as many drawn as there are places for them: some will stand in the feed already. */
    return every == 0 ? 0 : run->request->count / every * 2;
}

bool explore_wants(const struct feed_run *run, uint32_t place) {
    const uint32_t every = run->model->config.explore_every;
    return every != 0 && (place + 1) % every == 0;
}

/* A draw that depends on the item and the seed only; larger is better. */
static double draw(const struct feed_run *run, uint32_t item) {
    return (double)(sh_hash_mix(run->model->id_hash[item] ^ UINT64_C(0x9E3779B97F4A7C15), run->request->seed) >> 11);
}

void explore_block(const struct feed_run *run, const struct feed_block *block, struct best *explored) {
    for (uint32_t w = 0; w < block->place_count / 64; w++)
        for (uint64_t word = block->candidates[w]; word != 0; word &= word - 1) {
            const uint32_t item = block->first + w * 64 + (uint32_t)__builtin_ctzll(word);
            best_offer(explored, item, draw(run, item));
        }
}

double explore_propensity(const struct feed_run *run, uint32_t item) {
    (void)item;
    return run->eligible_count == 0 ? 1 : 1 / (double)run->eligible_count;
}
