#include "estimators.h"

#include <math.h>
#include <stdlib.h>

#include "memory.h"

#define NORMAL_95 1.959963984540054

static int by_feed(const void *left, const void *right) {
    const struct estimator_row *a = left;
    const struct estimator_row *b = right;
    return (a->feed > b->feed) - (a->feed < b->feed);
}

/* An interval about `value`, which is the sum of the feeds' parts, each of which differs from its mean as residuals say:
 * n / (n - 1) * sum of squares is the variance of such a sum. */
static struct estimate interval(double value, const double *residuals, uint64_t feed_count) {
    double squares = 0;
    for (uint64_t i = 0; i < feed_count; i++)
        squares += residuals[i] * residuals[i];
    const double count = (double)feed_count;
    const double half = feed_count < 2 ? INFINITY : NORMAL_95 * sqrt(squares * count / (count - 1));
    return (struct estimate){value, value - half, value + half};
}

enum which { LOGGED, IPS, SNIPS, DR };

/* What a row adds to the sum that the estimate is the mean of. */
static double part_of(enum which which, const struct estimator_row *row, double weight) {
    switch (which) {
    case LOGGED:
        return row->reward;
    case DR:
        return row->model_target + weight * (row->reward - row->model);
    default:
        return weight * row->reward;
    }
}

static double weight_of(const struct estimator_row *row, double clip) {
    const double weight = row->target / row->propensity;
    return clip > 0 && weight > clip ? clip : weight;
}

/* residuals: one a feed. */
static struct estimate estimate(enum which which, const struct estimator_row *rows, uint64_t row_count, double clip,
                                double *residuals) {
    double sum = 0;
    double base = 0; /* what the sum is divided by */
    for (uint64_t i = 0; i < row_count; i++) {
        const double weight = weight_of(&rows[i], clip);
        sum += part_of(which, &rows[i], weight);
        base += which == SNIPS ? weight : 1.0;
    }
    const double value = base > 0 ? sum / base : 0;
    uint64_t feed = 0;
    for (uint64_t i = 0; i < row_count; i++) {
        const bool is_first = i == 0 || rows[i].feed != rows[i - 1].feed;
        const double weight = weight_of(&rows[i], clip);
        if (is_first) residuals[feed++] = 0;
        const double expected = which == SNIPS ? weight * value : value;
        residuals[feed - 1] += base > 0 ? (part_of(which, &rows[i], weight) - expected) / base : 0;
    }
    return interval(value, residuals, feed);
}

static void weigh(const struct estimator_row *rows, uint64_t row_count, double clip, struct estimates *estimates) {
    double sum = 0;
    double squares = 0;
    for (uint64_t i = 0; i < row_count; i++) {
        const double weight = weight_of(&rows[i], clip);
        sum += weight;
        squares += weight * weight;
        if (weight > estimates->weight_max) estimates->weight_max = weight;
        estimates->clipped_count += clip > 0 && rows[i].target / rows[i].propensity > clip;
        estimates->feed_count += i == 0 || rows[i].feed != rows[i - 1].feed;
    }
    estimates->effective_count = squares > 0 ? sum * sum / squares : 0;
}

bool estimate_all(struct estimator_row *rows, uint64_t row_count, double clip, bool has_model,
                  struct estimates *estimates) {
    double *residuals = sh_alloc(row_count * sizeof *residuals);
    if (residuals == NULL) return false;
    qsort(rows, row_count, sizeof *rows, by_feed);
    *estimates = (struct estimates){.row_count = row_count};
    estimates->logged = estimate(LOGGED, rows, row_count, clip, residuals);
    for (uint64_t i = 0; i < row_count && !has_model; i++) {
        rows[i].model = estimates->logged.value;
        rows[i].model_target = estimates->logged.value;
    }
    estimates->ips = estimate(IPS, rows, row_count, clip, residuals);
    estimates->snips = estimate(SNIPS, rows, row_count, clip, residuals);
    estimates->dr = estimate(DR, rows, row_count, clip, residuals);
    weigh(rows, row_count, clip, estimates);
    sh_free(residuals);
    return true;
}
