#include "tune.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "hash.h"

enum { ASKED_MAX = 2000 /* events of a replay that are asked about, spread evenly */ };
#define WEIGHT_MAX 64.0

/* ---- Files and what is learned ---- */

bool tune_read(struct tuning *tuning, const struct command_options *options) {
    tuning->type_weights = options->weights;
    if (tuning->is_replay) {
        if (!eval_read(options->events, options, "user,item,time", &tuning->goods, &tuning->train)) return false;
        qsort(tuning->train.clicks, tuning->train.count, sizeof *tuning->train.clicks, clicks_by_time);
    } else {
        static const char columns[] = "SessionId,ItemId,Time";
        if (!eval_read(options->train, options, columns, &tuning->goods, &tuning->train) ||
            !eval_read(options->valid, options, columns, &tuning->goods, &tuning->valid))
            return false;
    }
    return eval_read_items(options, &tuning->goods);
}

void tune_free(struct tuning *tuning) {
    eval_close(&tuning->eval);
    clicks_free(&tuning->train);
    clicks_free(&tuning->valid);
    goods_free(&tuning->goods);
}

/* Features that have something to say here: trained tables there are none, and tags only with columns of items. */
static bool may_matter(const struct tuning *tuning, struct shoal_client_value name) {
    static const char *const without[] = {"ials", "ease", "knn", "rp3", "declared", "short_share"};
    for (uint32_t i = 0; i < sizeof without / sizeof *without; i++)
        if (shoal_client_text_is(name, without[i])) return false;
    return tuning->goods.column_count > 0 || !shoal_client_text_is(name, "affinity");
}

/* The weights that a feed has, with the values that they have unless somebody says others. */
static bool read_weights(struct tuning *tuning) {
    struct shoal_client_value schema;
    struct shoal_client_value name;
    struct shoal_client_value value;
    eval_begin(&tuning->eval, 0);
    if (!eval_call(&tuning->eval, "schema.get", &schema)) return false;
    struct shoal_client_walk walk =
        shoal_client_walk_begin(shoal_client_get(shoal_client_get(schema, "feed"), "scores"));
    while (shoal_client_walk_next(&walk, &name, &value) && tuning->weight_count < TUNE_WEIGHT_COUNT_MAX) {
        size_t count;
        const char *text = shoal_client_text(name, &count);
        if (count >= TUNE_NAME_BYTES_MAX || !may_matter(tuning, name)) continue;
        memcpy(tuning->names[tuning->weight_count], text, count);
        tuning->before.values[tuning->weight_count++] = shoal_client_real(value, 0);
    }
    return tuning->weight_count > 0;
}

static uint32_t learned_count(const struct tuning *tuning) {
    return tuning->is_replay ? (uint32_t)((uint64_t)tuning->train.count * 8 / 10) : tuning->train.count;
}

/* A fresh engine that learned what is before the events that are foreseen. */
static bool learn(struct tuning *tuning) {
    eval_close(&tuning->eval);
    if (!eval_open(&tuning->eval) ||
        !eval_put_shop(&tuning->eval, &tuning->goods, "click", tuning->is_replay ? tuning->type_weights : NULL))
        return false;
    if (!tuning->is_replay) return eval_learn(&tuning->eval, &tuning->train);
    return eval_learn_some(&tuning->eval, &tuning->train, 0, learned_count(tuning));
}

/* ---- What weights are worth ---- */

static void write_scores(struct tuning *tuning, const struct tune_weights *weights) {
    const char *names[TUNE_WEIGHT_COUNT_MAX];
    for (uint32_t i = 0; i < tuning->weight_count; i++)
        names[i] = tuning->names[i];
    const struct eval_scores scores = {names, weights->values, tuning->weight_count};
    shoal_client_write_literal(tuning->eval.params, "scores");
    eval_write_scores(&tuning->eval, &scores);
}

static void write_rest(struct tuning *tuning, int64_t now_ms) {
    struct shoal_client_writer *params = tuning->eval.params;
    write_key_text(params, "explain", "none");
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, tuning->k);
    shoal_client_write_literal(params, "seed");
    shoal_client_write_integer(params, 1);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, now_ms);
}

static void write_items(struct tuning *tuning, const char *key, const struct click *clicks, uint32_t count) {
    shoal_client_write_literal(tuning->eval.params, key);
    shoal_client_write_array(tuning->eval.params, count);
    for (uint32_t i = 0; i < count; i++)
        shoal_client_write_literal(tuning->eval.params, tuning->goods.items.texts[clicks[i].item]);
}

/* The place of an item in the feed of the params, 0 if it has none. */
static bool ask(struct tuning *tuning, uint32_t wanted, uint32_t *found) {
    struct shoal_client_value result;
    struct shoal_client_value item;
    *found = 0;
    if (!eval_call(&tuning->eval, "feed.get", &result)) return false;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "items"));
    for (uint32_t place = 1; shoal_client_walk_next(&walk, NULL, &item) && *found == 0; place++)
        if (shoal_client_text_is(shoal_client_get(item, "id"), tuning->goods.items.texts[wanted])) *found = place;
    return true;
}

/* Means of 1 / place of the next click, over the prefixes of all visits. */
static bool measure_visits(struct tuning *tuning, const struct tune_weights *tries, uint32_t count, double *values) {
    const struct clicks *valid = &tuning->valid;
    uint64_t asked = 0;
    memset(values, 0, count * sizeof *values);
    for (uint32_t begin = 0, at = 1; at < valid->count; at++) {
        const struct click *clicks = valid->clicks + begin;
        if (valid->clicks[at].session != clicks->session) begin = at;
        if (begin == at) continue;
        const uint32_t end = at - begin;
        const uint32_t first = end > SH_FEED_CLICK_COUNT_MAX ? end - SH_FEED_CLICK_COUNT_MAX : 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t place;
            eval_begin(&tuning->eval, 7);
            write_items(tuning, "session", clicks + first, end - first);
            write_items(tuning, "exclude", clicks + end - 1, 1);
            write_scores(tuning, &tries[i]);
            write_rest(tuning, clicks[end - 1].time_ms);
            if (!ask(tuning, clicks[end].item, &place)) return false;
            values[i] += place == 0 ? 0 : 1.0 / place;
        }
        asked++;
    }
    for (uint32_t i = 0; i < count && asked > 0; i++)
        values[i] /= (double)asked;
    return true;
}

/* Means of 1 / log2(1 + place) of events of people who did something before. */
static bool measure_events(struct tuning *tuning, const struct tune_weights *tries, uint32_t count, double *values) {
    const struct clicks *events = &tuning->train;
    const uint32_t first = learned_count(tuning);
    const uint32_t end = (uint32_t)((uint64_t)events->count * 9 / 10);
    const uint32_t every = (end - first) / ASKED_MAX + 1;
    uint64_t asked = 0;
    uint8_t *is_known = calloc(events->sessions.count + (size_t)1, 1);
    memset(values, 0, count * sizeof *values);
    bool is_well = is_known != NULL && learn(tuning);
    for (uint32_t i = 0; i < first && is_well; i++)
        is_known[events->clicks[i].session] = 1;
    for (uint32_t at = first; at < end && is_well; at++) {
        const struct click *event = &events->clicks[at];
        const bool is_asked = is_known[event->session] && at % every == 0;
        shoal_set_now(tuning->eval.engine, event->time_ms);
        for (uint32_t i = 0; i < count && is_well && is_asked; i++) {
            uint32_t place = 0;
            eval_begin(&tuning->eval, 6);
            write_key_text(tuning->eval.params, "user", events->sessions.texts[event->session]);
            write_scores(tuning, &tries[i]);
            write_rest(tuning, event->time_ms);
            is_well = ask(tuning, event->item, &place);
            values[i] += place == 0 ? 0 : 1.0 / log2(1.0 + place);
        }
        asked += is_asked;
        is_known[event->session] = 1;
        is_well = is_well && eval_learn_some(&tuning->eval, events, at, 1);
    }
    for (uint32_t i = 0; i < count && asked > 0; i++)
        values[i] /= (double)asked;
    free(is_known);
    return is_well;
}

/* Better ones than the best are kept. */
static bool try_all(struct tuning *tuning, const struct tune_weights *tries, uint32_t count, bool *has_helped) {
    double values[TUNE_TRIES_MAX];
    const bool is_well =
        tuning->is_replay ? measure_events(tuning, tries, count, values) : measure_visits(tuning, tries, count, values);
    for (uint32_t i = 0; i < count && is_well; i++) {
        const bool is_first = tuning->trials++ == 0;
        if (is_first) tuning->before_value = values[i];
        if (!is_first && values[i] <= tuning->best_value) continue;
        tuning->best = tries[i];
        tuning->best_value = values[i];
        *has_helped = true;
    }
    return is_well;
}

/* ---- The search ---- */

static double random_share(struct tuning *tuning) {
    tuning->seed += UINT64_C(0x9E3779B97F4A7C15);
    return (double)(sh_hash_mix(tuning->seed, 1) >> 11) / 9007199254740992.0;
}

static bool search_at_random(struct tuning *tuning) {
    bool has_helped;
    while (tuning->trials < tuning->trial_count_max / 2) {
        struct tune_weights tries[TUNE_TRIES_MAX];
        const uint32_t left = tuning->trial_count_max / 2 - tuning->trials;
        const uint32_t count = left < TUNE_TRIES_MAX ? left : TUNE_TRIES_MAX;
        for (uint32_t t = 0; t < count; t++)
            for (uint32_t i = 0; i < tuning->weight_count; i++) {
                const double part = random_share(tuning);
                const double size = exp2(random_share(tuning) * 8 - 5);
                tries[t].values[i] = part < 0.3 ? 0 : round(size * 1e4) / 1e4;
            }
        if (!try_all(tuning, tries, count, &has_helped)) return false;
    }
    return true;
}

static bool search_one_by_one(struct tuning *tuning) {
    static const double factors[] = {0, 0.5, 2};
    bool has_helped = true;
    while (has_helped && tuning->trials < tuning->trial_count_max) {
        has_helped = false;
        for (uint32_t i = 0; i < tuning->weight_count; i++) {
            struct tune_weights tries[3];
            uint32_t count = 0;
            for (uint32_t f = 0; f < 3 && tuning->trials + count < tuning->trial_count_max; f++) {
                const double old = tuning->best.values[i];
                const double value = old == 0 ? 0.25 * (f + 1) : old * factors[f];
                if (value > WEIGHT_MAX || value == old) continue;
                tries[count] = tuning->best;
                tries[count++].values[i] = value;
            }
            if (count > 0 && !try_all(tuning, tries, count, &has_helped)) return false;
        }
    }
    return true;
}

bool tune_search(struct tuning *tuning) {
    bool has_helped;
    return learn(tuning) && read_weights(tuning) && try_all(tuning, &tuning->before, 1, &has_helped) &&
           search_at_random(tuning) && search_one_by_one(tuning);
}
