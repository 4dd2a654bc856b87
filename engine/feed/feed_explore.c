#include "feed_explore.h"

#include "hash.h"
#include "learner.h"

enum {
    EXPLORE_PLACE_COUNT = SH_THOMPSON_COUNT_MAX / 4,
    DRAWN_MIN = 32, /* some variety for the one place of a short feed */
};

static uint32_t place_count(const struct feed_run *run) {
    const uint32_t every = run->model->config.explore_every;
    return every == 0 ? 0 : run->request->count / every;
}

uint32_t explore_count(const struct feed_run *run) {
    const uint32_t places = place_count(run);
    if (places == 0) return 0;
    if (places > EXPLORE_PLACE_COUNT) return places * 2; /* some will stand in the feed already */
    return places * 4 < DRAWN_MIN ? DRAWN_MIN : places * 4;
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

void explore_order(const struct feed_run *run, struct ranked *items, uint32_t count, double *chances) {
    struct sh_learner *learner = run->model->learner;
    struct sh_belief beliefs[SH_THOMPSON_COUNT_MAX];
    double believed[SH_THOMPSON_COUNT_MAX];
    struct ranked drawn[SH_THOMPSON_COUNT_MAX];
    uint8_t taken[SH_THOMPSON_COUNT_MAX] = {0};
    double propensity;
    for (uint32_t i = 0; i < count; i++)
        chances[i] = 1.0 / (double)count;
    if (count == 0 || count > SH_THOMPSON_COUNT_MAX || !sh_learner_has_rates(learner)) return;
    for (uint32_t i = 0; i < count; i++)
        beliefs[i] = sh_learner_belief(learner, run->request->goals, items[i].item, run->request->now_ms);
    sh_thompson_chances(beliefs, count, believed);
    uint32_t done = 0;
    for (; done < count; done++) {
        const uint64_t word = sh_hash_mix(run->request->seed ^ UINT64_C(0xE7037ED1A0B428DB), done + 1);
        const uint32_t place = sh_thompson_draw(believed, taken, count, word, &propensity);
        if (place == count) break; /* the rest have no chance */
        taken[place] = 1;
        drawn[done] = items[place];
        chances[done] = believed[place];
    }
    for (uint32_t i = 0, end = done; i < count; i++) {
        if (taken[i]) continue;
        drawn[end] = items[i];
        chances[end++] = 0;
    }
    for (uint32_t i = 0; i < count; i++)
        items[i] = drawn[i];
}

double explore_propensity(const struct feed_run *run, uint32_t drawn_count, double chance, double chance_of_all) {
    const double candidates = (double)run->eligible_count;
    const double is_drawn = (double)drawn_count < candidates ? (double)drawn_count / candidates : 1.0;
    return chance > 0 && chance_of_all > 0 ? is_drawn * (chance / chance_of_all) : is_drawn;
}
