/* tune.h -- weights of the score that foresee best, searched for on events that are held back: for `shoal tune session`
 * and `shoal tune replay`.
 *
 *   session   train file -> engine;  valid file: every prefix of its visits asks for the next click      MRR@k counts
 *   replay    events in order of time:    |------ learned at once ------|- each foreseen, then learned -|-- not read --|
 *             shares of them               8/10                           1/10                             1/10  NDCG@k
 *
 * First the weights as they are, then half of the trials drawn by the seed, then each weight alone halved, doubled and
 * left out, as long as that helps. The same files, seed and number of trials give the same weights. */
#ifndef SHOAL_TUNE_H
#define SHOAL_TUNE_H

#include "eval_config.h"

enum { TUNE_WEIGHT_COUNT_MAX = 32, TUNE_NAME_BYTES_MAX = 64, TUNE_TRIES_MAX = 64 };

struct tune_weights {
    double values[TUNE_WEIGHT_COUNT_MAX];
};

struct tuning {
    struct eval_engine eval;
    struct goods goods;
    struct clicks train; /* replay: all events, in order of time */
    struct clicks valid; /* session only */
    bool is_replay;
    const char *type_weights;
    uint32_t k;
    uint64_t seed;
    uint32_t trials, trial_count_max;
    char names[TUNE_WEIGHT_COUNT_MAX][TUNE_NAME_BYTES_MAX];
    uint32_t weight_count;
    struct tune_weights before, best;
    double before_value, best_value;
};

/* Each says what is wrong and returns false. */
bool tune_read(struct tuning *tuning, const struct command_options *options);
bool tune_search(struct tuning *tuning);
void tune_free(struct tuning *tuning);

#endif
