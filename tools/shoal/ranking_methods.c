/* ranking_methods.c -- the methods, their settings, and how `auto` comes to its weights. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "memory.h"
#include "ranking.h"

enum { ROUND_COUNT_MAX = 3 };

/* tools/methods/reference.py tries the same for the last four. */
const struct ranking_method ranking_methods[RANKING_METHOD_COUNT] = {
    {"popular", "popularity", false, false, {{"popularity", {7, 60, 3650}, 3}}},
    {"tags", "affinity", false, true, {{"long", {30, 365, 3650}, 3}}},
    {"pairs", "pairs", false, false, {{NULL, {0}, 0}}},
    {"walk", "walk", false, false, {{NULL, {0}, 0}}},
    {"knn", "knn", true, false, {{"neighbours", {100, 200}, 2}, {"shrink", {5, 10, 50}, 3}}},
    {"rp3", "rp3", true, false, {{"neighbours", {100, 1000}, 2}, {"alpha", {0.2, 0.4}, 2}, {"beta", {0.4, 0.6}, 2}}},
    {"ials",
     "ials",
     true,
     false,
     {{"dimensions", {64}, 1},
      {"epochs", {10}, 1},
      {"unobserved", {0.1, 0.3, 1}, 3},
      {"regularisation", {0.003, 0.01}, 2}}},
    {"ease", "ease", true, false, {{"neighbours", {1000}, 1}, {"regularisation", {100, 200, 400}, 3}}},
};

/* Weights of `auto` that are tried for each method. */
static const double mixture_weights[] = {0, 0.25, 0.5, 1, 2};

static bool no_memory(void) {
    (void)fputs("shoal: memory is out\n", stderr);
    return false;
}

static uint32_t setting_count(const struct ranking_method *method) {
    uint32_t count = 0;
    while (count < RANKING_SETTING_COUNT_MAX && method->settings[count].count > 0)
        count++;
    return count;
}

/* ---- One method ---- */

static void write_settings(struct shoal_client_writer *params, const struct ranking_method *method,
                           const uint32_t *choice, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const double value = method->settings[i].values[choice[i]];
        shoal_client_write_literal(params, method->settings[i].name);
        if (value == (double)(int64_t)value)
            shoal_client_write_integer(params, (int64_t)value);
        else
            shoal_client_write_real(params, value);
    }
}

static void tell_settings(const struct ranking_method *method, const uint32_t *choice, uint32_t count, char *words,
                          size_t room) {
    size_t used = 0;
    words[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const int more = snprintf(words + used, room - used, "%s%s%s %g", i == 0 ? "" : ", ", method->settings[i].name,
                                  method->is_trained ? "" : " days", method->settings[i].values[choice[i]]);
        used += more > 0 && (size_t)more < room - used ? (size_t)more : 0;
    }
}

/* The method by its choice; NULL: as it comes. */
static bool set_up(struct ranking *ranking, const struct ranking_method *method, const uint32_t *choice, char *words,
                   size_t room) {
    struct shoal_client_writer *params = ranking->eval.params;
    const uint32_t count = choice == NULL ? 0 : setting_count(method);
    tell_settings(method, choice, count, words, room);
    if (method->is_trained) {
        eval_begin(&ranking->eval, 1 + count);
        write_key_text(params, "name", method->name);
        write_settings(params, method, choice, count);
        return eval_call(&ranking->eval, "model.train", NULL);
    }
    if (count == 0) return true;
    eval_begin(&ranking->eval, 1);
    shoal_client_write_literal(params, "feed");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "half_life_days");
    shoal_client_write_map(params, count);
    write_settings(params, method, choice, count);
    return eval_call(&ranking->eval, "schema.put", NULL);
}

/* The next choice of settings; false after the last. */
static bool next_choice(const struct ranking_method *method, uint32_t *choice) {
    for (uint32_t i = 0; i < setting_count(method); i++) {
        if (++choice[i] < method->settings[i].count) return true;
        choice[i] = 0;
    }
    return false;
}

/* On validation. */
static bool measure_valid(struct ranking *ranking, const struct ranking_weights *weights, double *ndcg, double *gains) {
    struct ranking_sums sums;
    ranking->trials++;
    const bool is_well = ranking_measure(ranking, 1, weights, &sums, gains);
    if (is_well) *ndcg = ranking_sums_mean(&sums, 0).ndcg;
    ranking_sums_deinit(&sums);
    return is_well;
}

static bool measure_test(struct ranking *ranking, struct ranking_outcome *outcome) {
    struct ranking_sums sums;
    outcome->is_there = true;
    if (!ranking->has_test) return true;
    const bool is_well = ranking_measure(ranking, 2, &outcome->weights, &sums, NULL);
    for (uint32_t i = 0; i < ranking->k_count && is_well; i++)
        outcome->test[i] = ranking_sums_mean(&sums, i);
    ranking_sums_deinit(&sums);
    return is_well;
}

/* The best settings are those in force afterwards. */
static bool tune(struct ranking *ranking, const struct ranking_method *method, struct ranking_outcome *outcome) {
    uint32_t choice[RANKING_SETTING_COUNT_MAX] = {0};
    char words[sizeof outcome->settings];
    outcome->valid = -1;
    do {
        double ndcg;
        if (!set_up(ranking, method, choice, words, sizeof words) ||
            !measure_valid(ranking, &outcome->weights, &ndcg, NULL))
            return false;
        if (ndcg <= outcome->valid) continue;
        outcome->valid = ndcg;
        memcpy(outcome->choice, choice, sizeof choice);
    } while (next_choice(method, choice));
    return set_up(ranking, method, outcome->choice, outcome->settings, sizeof outcome->settings);
}

bool ranking_run_methods(struct ranking *ranking) {
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++) {
        const struct ranking_method *method = &ranking_methods[i];
        struct ranking_outcome *outcome = &ranking->outcomes[i];
        if (!ranking->wanted[i] || (method->needs_columns && ranking->goods.column_count == 0)) continue;
        outcome->weights.of[i] = 1;
        const bool is_set = ranking->has_valid
                                ? tune(ranking, method, outcome)
                                : set_up(ranking, method, NULL, outcome->settings, sizeof outcome->settings);
        if (!is_set || !measure_test(ranking, outcome)) return false;
    }
    return true;
}

/* ---- All together ---- */

struct climb {
    struct ranking *ranking;
    struct ranking_outcome *best;
    double *gains; /* of the best, by person */
    double *tried;
};

/* Is what was tried better by more than one standard error of the mean of differences? */
static bool is_better(const struct climb *climb) {
    const struct ranking *ranking = climb->ranking;
    double sum = 0;
    double squares = 0;
    double count = 0;
    for (uint32_t i = 0; i < ranking->people_count; i++) {
        if (ranking->people[i].right_begin[0] == ranking->people[i].right_end[0]) continue;
        const double gain = climb->tried[i] - climb->gains[i];
        sum += gain;
        squares += gain * gain;
        count++;
    }
    if (count < 2) return false;
    const double mean = sum / count;
    const double variance = (squares - sum * mean) / (count - 1);
    return mean > 0 && mean * mean > variance / count;
}

static bool try_weight(struct climb *climb, uint32_t method, double weight, bool *has_helped) {
    struct ranking_weights weights = climb->best->weights;
    double total = 0;
    double ndcg;
    weights.of[method] = weight;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        total += weights.of[i];
    if (total == 0 || weight == climb->best->weights.of[method]) return true;
    if (!measure_valid(climb->ranking, &weights, &ndcg, climb->tried)) return false;
    if (!is_better(climb)) return true;
    climb->best->weights = weights;
    climb->best->valid = ndcg;
    double *swap = climb->gains;
    climb->gains = climb->tried;
    climb->tried = swap;
    *has_helped = true;
    return true;
}

static bool climb_all(struct climb *climb) {
    bool has_helped = true;
    if (!measure_valid(climb->ranking, &climb->best->weights, &climb->best->valid, climb->gains)) return false;
    for (uint32_t round = 0; round < ROUND_COUNT_MAX && has_helped; round++) {
        has_helped = false;
        for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
            for (uint32_t w = 0; w < sizeof mixture_weights / sizeof *mixture_weights; w++)
                if (climb->ranking->outcomes[i].is_there && !try_weight(climb, i, mixture_weights[w], &has_helped))
                    return false;
    }
    return true;
}

/* From all together; then, if one alone is still better, from that one. */
static bool climb_twice(struct climb *climb) {
    const struct ranking *ranking = climb->ranking;
    uint32_t first = RANKING_METHOD_COUNT;
    if (!climb_all(climb)) return false;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        if (ranking->outcomes[i].is_there && ranking->outcomes[i].valid > climb->best->valid &&
            (first == RANKING_METHOD_COUNT || ranking->outcomes[i].valid > ranking->outcomes[first].valid))
            first = i;
    if (first == RANKING_METHOD_COUNT) return true;
    climb->best->weights = ranking->outcomes[first].weights;
    return climb_all(climb);
}

static void tell_weights(struct ranking_outcome *outcome) {
    size_t used = 0;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++) {
        if (outcome->weights.of[i] == 0) continue;
        const int more = snprintf(outcome->settings + used, sizeof outcome->settings - used, "%s%s %g",
                                  used == 0 ? "" : ", ", ranking_methods[i].feature, outcome->weights.of[i]);
        used += more > 0 && (size_t)more < sizeof outcome->settings - used ? (size_t)more : 0;
    }
}

bool ranking_run_all(struct ranking *ranking) {
    struct climb climb = {.ranking = ranking, .best = &ranking->all};
    bool has_any = false;
    bool has_trained = false;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++) {
        has_any = has_any || ranking->outcomes[i].is_there;
        has_trained = has_trained || (ranking->outcomes[i].is_there && ranking_methods[i].is_trained);
    }
    if (!has_any) return true;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        ranking->all.weights.of[i] =
            ranking->outcomes[i].is_there && (ranking_methods[i].is_trained || !has_trained) ? 1 : 0;
    bool is_well = true;
    if (ranking->has_valid) {
        climb.gains = sh_alloc_zero((ranking->people_count + (size_t)1) * sizeof *climb.gains);
        climb.tried = sh_alloc_zero((ranking->people_count + (size_t)1) * sizeof *climb.tried);
        is_well = climb.gains != NULL && climb.tried != NULL ? climb_twice(&climb) : no_memory();
        sh_free(climb.gains);
        sh_free(climb.tried);
    }
    tell_weights(&ranking->all);
    return is_well && measure_test(ranking, &ranking->all);
}
