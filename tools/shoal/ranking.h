/* ranking.h -- how well whole rankings foresee what people come to like, through the code that serves; for `shoal eval
 * ranking` and `shoal tune ranking`.
 *
 *   train file -> event.append -> an engine in this process -> model.train
 *                 who comes to like what: valid, test file <- feed.get {user, exclude: what is known of them} -> places
 *
 * Every user with a right item is asked for the best max(k) of all items there are in the files, those of the train file
 * that are the user's own left out. ranking_measures.h has the measures.
 *
 * Each method alone, and `auto`: a sum of all that have something to say. With a validation file, each method gets the
 * best of its settings below by NDCG@(the first k) there, and `auto` its weights:
 *
 *   it begins with all trained methods at weight 1, which is the same importance (train.h: scale), and goes from weight
 *   to weight. A change is taken if users gain from it on the mean (of NDCG at all k: longer lists say more), and by more
 *   than one standard error of that mean: with some hundred users, what gains less is luck as often as not, and luck does
 *   not last until the test. Should a single method still be better, it goes on from that one.
 *
 * The test file is asked once a method, at the end.
 */
#ifndef SHOAL_RANKING_H
#define SHOAL_RANKING_H

#include "eval_engine.h"
#include "ranking_measures.h"

enum { RANKING_SETTING_COUNT_MAX = 4, RANKING_VALUE_COUNT_MAX = 6, RANKING_METHOD_COUNT = 8 };

/* Values of one parameter. */
struct ranking_setting {
    const char *name;
    double values[RANKING_VALUE_COUNT_MAX];
    uint32_t count; /* 0: no more */
};
/* `feature` is the weight of feed.scores that is 1 when the method ranks alone. Settings are of model.train, or of
 * feed.half_life_days for a method that is not trained. */
struct ranking_method {
    const char *name;
    const char *feature;
    bool is_trained;
    bool needs_columns; /* says nothing of items that have neither category nor tags */
    struct ranking_setting settings[RANKING_SETTING_COUNT_MAX];
};
extern const struct ranking_method ranking_methods[RANKING_METHOD_COUNT];

struct ranking_weights {
    double of[RANKING_METHOD_COUNT];
};

/* What a method, or all together, was found to be. */
struct ranking_outcome {
    bool is_there;
    char settings[256];
    uint32_t choice[RANKING_SETTING_COUNT_MAX]; /* of a method: which values */
    struct ranking_weights weights;
    double valid; /* NDCG at the first k */
    struct ranking_measures test[RANKING_K_COUNT_MAX];
};

struct ranking_person {
    uint32_t name;                         /* in users */
    uint32_t known_begin, known_end;       /* in known: of the train file */
    uint32_t right_begin[2], right_end[2]; /* in right[]: of validation and test */
};

struct ranking {
    struct eval_engine eval;
    struct goods goods;
    struct clicks files[3]; /* train, valid, test */
    struct ranking_person *people;
    uint32_t people_count, people_capacity;
    uint32_t k[RANKING_K_COUNT_MAX];
    uint32_t k_count, k_max;
    bool has_valid, has_test;
    uint32_t trials; /* on validation */
    bool wanted[RANKING_METHOD_COUNT];
    uint32_t *shown; /* of one list */
    bool *is_right;
    uint8_t *marks; /* by item: right for the user at hand */
    struct ranking_outcome outcomes[RANKING_METHOD_COUNT];
    struct ranking_outcome all;
};

/* Each says what is wrong and returns false. */
bool ranking_read(struct ranking *ranking, const struct command_options *options);
bool ranking_learn(struct ranking *ranking, const struct command_options *options);
/* All people with right items in the file (1 validation, 2 test); gains (may be NULL): the NDCG of each, mean of
 * all k. */
bool ranking_measure(struct ranking *ranking, uint32_t file, const struct ranking_weights *weights,
                     struct ranking_sums *sums, double *gains);
/* Each method that is wanted. Those with a table have it afterwards, by their best settings. */
bool ranking_run_methods(struct ranking *ranking);
bool ranking_run_all(struct ranking *ranking);
void ranking_free(struct ranking *ranking);

#endif
