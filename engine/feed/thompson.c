#include "thompson.h"

#include <stdbool.h>

#include "feed_math.h"
#include "status.h"

/* x from -9 (a rate of 1 in 8,000) to 5. */
enum { GRID_COUNT = 64 };
#define GRID_MIN  (-9.0)
#define GRID_STEP (14.0 / (GRID_COUNT - 1))
#define LOG2_E    1.4426950408889634
/* A belief of more than so many looks is as narrow as the grid can show. */
#define WEIGHT_MAX 4096.0

struct grid {
    double log_rate[GRID_COUNT]; /* log2 of r, and of 1 - r */
    double log_rest[GRID_COUNT];
};

static void make_grid(struct grid *grid) {
    for (uint32_t i = 0; i < GRID_COUNT; i++) {
        const double odds = feed_math_exp2((GRID_MIN + GRID_STEP * (double)i) * LOG2_E);
        grid->log_rest[i] = -feed_math_log2(1.0 + odds);
        grid->log_rate[i] = feed_math_log2(odds) + grid->log_rest[i];
    }
}

/* Shares of the grid's points, summing to 1. */
static void spread(const struct grid *grid, struct sh_belief belief, double *shares) {
    double top = -1e300;
    double sum = 0;
    const double weight = belief.a + belief.b;
    const double scale = weight > WEIGHT_MAX ? WEIGHT_MAX / weight : 1.0;
    for (uint32_t i = 0; i < GRID_COUNT; i++) {
        shares[i] = scale * (belief.a * grid->log_rate[i] + belief.b * grid->log_rest[i]);
        if (shares[i] > top) top = shares[i];
    }
    for (uint32_t i = 0; i < GRID_COUNT; i++) {
        shares[i] = feed_math_exp2(shares[i] - top);
        sum += shares[i];
    }
    for (uint32_t i = 0; i < GRID_COUNT; i++)
        shares[i] /= sum;
}

void sh_thompson_chances(const struct sh_belief *beliefs, uint32_t count, double *chances) {
    struct grid grid;
    double shares[SH_THOMPSON_COUNT_MAX][GRID_COUNT];
    double below[SH_THOMPSON_COUNT_MAX]; /* of each, before the point at hand */
    double total = 0;
    sh_assert(count >= 1 && count <= SH_THOMPSON_COUNT_MAX);
    make_grid(&grid);
    for (uint32_t j = 0; j < count; j++) {
        spread(&grid, beliefs[j], shares[j]);
        below[j] = 0;
        chances[j] = 0;
    }
    for (uint32_t i = 0; i < GRID_COUNT; i++) {
        /* Products of all but one, from both ends. */
        double before[SH_THOMPSON_COUNT_MAX + 1];
        double after = 1.0;
        before[0] = 1.0;
        for (uint32_t j = 0; j < count; j++)
            before[j + 1] = before[j] * (below[j] + 0.5 * shares[j][i]);
        for (uint32_t j = count; j-- > 0;) {
            chances[j] += shares[j][i] * before[j] * after;
            after *= below[j] + 0.5 * shares[j][i];
            below[j] += shares[j][i];
        }
    }
    for (uint32_t j = 0; j < count; j++)
        total += chances[j];
    for (uint32_t j = 0; j < count; j++)
        chances[j] = total > 0 ? chances[j] / total : 1.0 / (double)count;
}

uint32_t sh_thompson_draw(const double *chances, const uint8_t *taken, uint32_t count, uint64_t word,
                          double *propensity) {
    double left = 0;
    uint32_t last = count;
    for (uint32_t j = 0; j < count; j++) {
        if (taken[j] || !(chances[j] > 0)) continue;
        left += chances[j];
        last = j;
    }
    *propensity = 0;
    if (last == count) return count;
    double rest = (double)(word >> 11) * feed_math_power(-53) * left;
    for (uint32_t j = 0; j < count; j++) {
        if (taken[j] || !(chances[j] > 0)) continue;
        rest -= chances[j];
        if (rest >= 0 && j != last) continue;
        *propensity = chances[j] / left;
        return j;
    }
    return count; /* not reached: the last one is taken above */
}
