#include "ftrl.h"

#include <math.h>

#include "feed_math.h"
#include "memory.h"

enum { FTRL_VERSION = 1 };
/* Predictions stay so far from 0 and 1: a loss is at most 13.8, and a gradient never vanishes. */
#define PREDICTION_MIN 1e-6
#define LOG2_E         1.4426950408889634
#define LN_2           0.6931471805599453

struct state {
    float z;
    float n; /* the sum of squared gradients; 0: never learned */
};

struct sh_ftrl {
    struct sh_ftrl_config config;
    uint32_t bits;
    float *weights; /* apart from the state: a sum reads nothing else */
    struct state *states;
};

struct sh_ftrl *sh_ftrl_create(uint32_t bits, struct sh_ftrl_config config) {
    sh_assert(bits >= 1 && bits <= SH_FTRL_BITS_MAX);
    sh_assert(config.alpha > 0);
    struct sh_ftrl *ftrl = sh_alloc_zero(sizeof *ftrl);
    if (ftrl == NULL) return NULL;
    ftrl->config = config;
    ftrl->bits = bits;
    ftrl->weights = sh_alloc_zero(((size_t)1 << bits) * sizeof *ftrl->weights);
    ftrl->states = sh_alloc_zero(((size_t)1 << bits) * sizeof *ftrl->states);
    if (ftrl->weights != NULL && ftrl->states != NULL) return ftrl;
    sh_ftrl_destroy(ftrl);
    return NULL;
}

void sh_ftrl_destroy(struct sh_ftrl *ftrl) {
    if (ftrl == NULL) return;
    sh_free(ftrl->weights);
    sh_free(ftrl->states);
    sh_free(ftrl);
}

double sh_ftrl_sum(const struct sh_ftrl *ftrl, const struct sh_ftrl_term *terms, uint32_t count) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (double)ftrl->weights[terms[i].bucket] * (double)terms[i].value;
    return sum;
}

double sh_ftrl_weight(const struct sh_ftrl *ftrl, uint32_t bucket) {
    return (double)ftrl->weights[bucket];
}

static float weight_of(const struct sh_ftrl_config *config, struct state state) {
    const double z = (double)state.z;
    if (fabs(z) <= config->l1) return 0;
    const double pace = (config->beta + sqrt((double)state.n)) / config->alpha + config->l2;
    return (float)((z < 0 ? -config->l1 - z : config->l1 - z) / pace);
}

void sh_ftrl_learn(struct sh_ftrl *ftrl, const struct sh_ftrl_term *terms, uint32_t count, double prediction,
                   double label) {
    const struct sh_ftrl_config *config = &ftrl->config;
    const double error = prediction - label;
    for (uint32_t i = 0; i < count; i++) {
        struct state *state = &ftrl->states[terms[i].bucket];
        float *weight = &ftrl->weights[terms[i].bucket];
        const double gradient = error * (double)terms[i].value;
        const double before = (double)state->n;
        const double after = before + gradient * gradient;
        const double sigma = (sqrt(after) - sqrt(before)) / config->alpha;
        state->z = (float)((double)state->z + gradient - sigma * (double)*weight);
        state->n = (float)after;
        *weight = weight_of(config, *state);
    }
}

double sh_logistic(double x) {
    const double prediction = 1.0 / (1.0 + feed_math_exp2(-x * LOG2_E));
    if (prediction < PREDICTION_MIN) return PREDICTION_MIN;
    return prediction > 1.0 - PREDICTION_MIN ? 1.0 - PREDICTION_MIN : prediction;
}

double sh_log_loss(double prediction, bool label) {
    return -LN_2 * feed_math_log2(label ? prediction : 1.0 - prediction);
}

uint32_t sh_ftrl_used_count(const struct sh_ftrl *ftrl) {
    uint32_t count = 0;
    for (size_t i = 0; i < (size_t)1 << ftrl->bits; i++)
        count += ftrl->weights[i] != 0;
    return count;
}

size_t sh_ftrl_memory_bytes(const struct sh_ftrl *ftrl) {
    return sizeof *ftrl + ((size_t)1 << ftrl->bits) * (sizeof *ftrl->weights + sizeof *ftrl->states);
}

/* ---- Archive: u32 bits, u32 count, then u32 bucket, float z, float n of each, ascending ---- */

void sh_ftrl_save(const struct sh_ftrl *ftrl, struct sh_archive_writer *writer) {
    uint32_t count = 0;
    for (size_t i = 0; i < (size_t)1 << ftrl->bits; i++)
        count += ftrl->states[i].n != 0;
    sh_archive_begin(writer, "ftrl", FTRL_VERSION);
    sh_archive_put_u32(writer, ftrl->bits);
    sh_archive_put_u32(writer, count);
    for (size_t i = 0; i < (size_t)1 << ftrl->bits; i++) {
        if (ftrl->states[i].n == 0) continue;
        sh_archive_put_u32(writer, (uint32_t)i);
        sh_archive_put(writer, &ftrl->states[i], sizeof ftrl->states[i]);
    }
    sh_archive_end(writer);
}

enum sh_status sh_ftrl_load(struct sh_ftrl *ftrl, struct sh_archive_reader *reader) {
    const uint32_t bucket_end = UINT32_C(1) << ftrl->bits;
    uint32_t bucket_min = 0;
    if (sh_archive_enter(reader, "ftrl", FTRL_VERSION) == 0) return sh_archive_status(reader, NULL);
    if (sh_archive_get_u32(reader) != ftrl->bits) (void)sh_archive_refuse(reader, "there are more or fewer weights");
    const uint32_t count =
        sh_archive_get_count(reader, bucket_end, sizeof(uint32_t) + sizeof(struct state), "weights learned");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        struct state state;
        const uint32_t bucket = sh_archive_get_u32(reader);
        if (!sh_archive_get(reader, &state, sizeof state)) break;
        if (bucket < bucket_min || bucket >= bucket_end || !isfinite(state.z) || !(state.n > 0) || !isfinite(state.n)) {
            (void)sh_archive_refuse(reader, "a weight's state cannot be");
            break;
        }
        bucket_min = bucket + 1;
        ftrl->states[bucket] = state;
        ftrl->weights[bucket] = weight_of(&ftrl->config, state);
    }
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
