#include "ranking_measures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

bool ranking_sums_init(struct ranking_sums *sums, const uint32_t *k, uint32_t k_count, uint32_t item_count) {
    *sums = (struct ranking_sums){.k_count = k_count, .item_count = item_count};
    for (uint32_t i = 0; i < k_count; i++)
        sums->sums[i].k = k[i];
    sums->shown = calloc(item_count + (size_t)1, sizeof *sums->shown);
    return sums->shown != NULL;
}

void ranking_sums_deinit(struct ranking_sums *sums) {
    free(sums->shown);
    sums->shown = NULL;
}

static double gain_at(uint32_t place) {
    return 1.0 / log2(1.0 + place);
}

static void add_at(struct ranking_measures *measures, const bool *is_right, uint32_t count, uint32_t right_count) {
    uint32_t hits = 0;
    double gain = 0;
    double ideal = 0;
    for (uint32_t place = 1; place <= measures->k && place <= count; place++) {
        if (!is_right[place - 1]) continue;
        if (hits++ == 0) measures->mrr += 1.0 / place;
        gain += gain_at(place);
    }
    for (uint32_t place = 1; place <= measures->k && place <= right_count; place++)
        ideal += gain_at(place);
    measures->recall += (double)hits / right_count;
    measures->ndcg += gain / ideal;
    measures->hit += hits > 0;
}

void ranking_sums_add(struct ranking_sums *sums, const uint32_t *items, const bool *is_right, uint32_t count,
                      uint32_t right_count) {
    if (right_count == 0) return;
    for (uint32_t i = 0; i < sums->k_count; i++)
        add_at(&sums->sums[i], is_right, count, right_count);
    for (uint32_t i = 0; i < count && i < RANKING_K_MAX; i++) {
        uint16_t *best = &sums->shown[items[i]];
        if (*best == 0 || *best > i + 1) *best = (uint16_t)(i + 1);
    }
    sums->user_count++;
}

struct ranking_measures ranking_sums_mean(const struct ranking_sums *sums, uint32_t place) {
    struct ranking_measures mean = sums->sums[place];
    const double count = sums->user_count == 0 ? 1 : (double)sums->user_count;
    uint32_t covered = 0;
    mean.recall /= count;
    mean.ndcg /= count;
    mean.hit /= count;
    mean.mrr /= count;
    for (uint32_t item = 0; item < sums->item_count; item++)
        covered += sums->shown[item] != 0 && sums->shown[item] <= mean.k;
    mean.coverage = sums->item_count == 0 ? 0 : (double)covered / sums->item_count;
    return mean;
}
