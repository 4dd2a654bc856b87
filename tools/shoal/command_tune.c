/* command_tune.c -- `shoal tune`: weights of the score that foresee best, found on a validation file alone.
 *
 *   train file -> an engine in this process          trial: weights -> schema.put -> every feed of the validation file
 *                                                    first as they are, then drawn by the seed, then each weight alone
 *                                                    halved, doubled and left out, as long as that helps
 *
 *   session   the next click from every prefix of a visit; MRR@k counts
 *   ranking   what a user comes to like beyond the train file; NDCG@k counts
 *
 * The same files, seed and number of trials give the same weights. They are written as the params of schema.put, so a
 * server loads them (--apply does, into the workspace of the session). A test file is for `shoal eval`, afterwards. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "command.h"
#include "eval_engine.h"
#include "hash.h"
#include "memory.h"

enum { WEIGHT_COUNT_MAX = 32, NAME_BYTES_MAX = 64, K_DEFAULT = 20, TRIALS_DEFAULT = 40, TRIALS_MAX = 100000 };
#define WEIGHT_MAX 64.0

struct weights {
    double values[WEIGHT_COUNT_MAX];
};

struct tuning {
    struct eval_engine eval;
    struct names items;
    struct clicks train; /* ranking: user by user */
    struct clicks valid;
    bool is_ranking;
    uint32_t k;
    uint64_t seed;
    uint32_t trials, trial_count_max;
    char names[WEIGHT_COUNT_MAX][NAME_BYTES_MAX];
    uint32_t weight_count;
    struct weights before, best;
    double before_value, best_value;
};

/* ---- Files and what is learned ---- */

static int by_user(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->session != b->session) return a->session < b->session ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static bool read_files(struct tuning *tuning, const struct command_options *options) {
    const char *columns = options->columns;
    struct sh_error err;
    if (columns == NULL) columns = tuning->is_ranking ? "user,item,time" : "SessionId,ItemId,Time";
    enum sh_status status = clicks_read(options->train, columns, options->min, &tuning->items, &tuning->train, &err);
    if (status == SH_OK)
        status = clicks_read(options->valid, columns, options->min, &tuning->items, &tuning->valid, &err);
    if (status == SH_OK && (tuning->train.count == 0 || tuning->valid.count == 0))
        status = sh_fail(&err, SH_ERR_SYNTAX, -1, "a file has nothing in it");
    if (status != SH_OK) (void)fprintf(stderr, "shoal: %s\n", err.message);
    return status == SH_OK;
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
    while (shoal_client_walk_next(&walk, &name, &value) && tuning->weight_count < WEIGHT_COUNT_MAX) {
        size_t count;
        const char *text = shoal_client_text(name, &count);
        /* The last two are of tags, which files of clicks have none of. */
        if (count >= NAME_BYTES_MAX || shoal_client_text_is(name, "declared") ||
            shoal_client_text_is(name, "short_share") || shoal_client_text_is(name, "affinity"))
            continue;
        memcpy(tuning->names[tuning->weight_count], text, count);
        tuning->before.values[tuning->weight_count++] = shoal_client_real(value, 0);
    }
    return tuning->weight_count > 0;
}

static bool learn(struct tuning *tuning) {
    const char *type = tuning->is_ranking ? "like" : "click";
    if (!eval_open(&tuning->eval) || !eval_put_schema(&tuning->eval, type, NULL, NULL, 0) ||
        !eval_put_items(&tuning->eval, &tuning->items) ||
        !eval_learn(&tuning->eval, type, &tuning->items, &tuning->train))
        return false;
    qsort(tuning->train.clicks, tuning->train.count, sizeof *tuning->train.clicks, by_user);
    return read_weights(tuning);
}

/* ---- One trial ---- */

static bool put_weights(struct tuning *tuning, const struct weights *weights) {
    const char *names[WEIGHT_COUNT_MAX];
    for (uint32_t i = 0; i < tuning->weight_count; i++)
        names[i] = tuning->names[i];
    return eval_put_schema(&tuning->eval, tuning->is_ranking ? "like" : "click", names, weights->values,
                           tuning->weight_count);
}

static void write_items(struct tuning *tuning, const char *key, const struct click *clicks, uint32_t count) {
    shoal_client_write_literal(tuning->eval.params, key);
    shoal_client_write_array(tuning->eval.params, count);
    for (uint32_t i = 0; i < count; i++)
        shoal_client_write_literal(tuning->eval.params, tuning->items.texts[clicks[i].item]);
}

static void write_count_and_now(struct tuning *tuning, int64_t now_ms) {
    struct shoal_client_writer *params = tuning->eval.params;
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, tuning->k);
    shoal_client_write_literal(params, "seed");
    shoal_client_write_integer(params, 1);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, now_ms);
}

/* The place of an item in the feed that was asked for, 0 if it has none. */
static uint32_t place_of(struct shoal_client_value result, const char *wanted) {
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "items"));
    struct shoal_client_value item;
    for (uint32_t place = 1; shoal_client_walk_next(&walk, NULL, &item); place++)
        if (shoal_client_text_is(shoal_client_get(item, "id"), wanted)) return place;
    return 0;
}

/* Sum of 1 / place of the next click, over the prefixes of one visit. */
static bool try_visit(struct tuning *tuning, const struct click *clicks, uint32_t count, double *sum, uint64_t *asked) {
    for (uint32_t end = 1; end < count; end++) {
        struct shoal_client_value result;
        const uint32_t first = end > SH_FEED_CLICK_COUNT_MAX ? end - SH_FEED_CLICK_COUNT_MAX : 0;
        eval_begin(&tuning->eval, 5);
        write_items(tuning, "session", clicks + first, end - first);
        write_items(tuning, "exclude", clicks + end - 1, 1);
        write_count_and_now(tuning, clicks[end - 1].time_ms);
        if (!eval_call(&tuning->eval, "feed.get", &result)) return false;
        const uint32_t place = place_of(result, tuning->items.texts[clicks[end].item]);
        *sum += place == 0 ? 0 : 1.0 / place;
        (*asked)++;
    }
    return true;
}

/* Where a user's lines of the train file begin, and how many they are. */
static const struct click *known_of(const struct tuning *tuning, uint32_t user, uint32_t *count) {
    uint32_t low = 0;
    uint32_t high = tuning->train.count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (tuning->train.clicks[middle].session < user)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < tuning->train.count && tuning->train.clicks[low + *count].session == user;)
        (*count)++;
    return tuning->train.clicks + low;
}

/* NDCG of one user's list: `clicks` are what comes to be liked. */
static bool try_user(struct tuning *tuning, const struct click *clicks, uint32_t count, double *sum, uint64_t *asked) {
    const char *name = tuning->valid.sessions.texts[clicks[0].session];
    struct shoal_client_value result;
    uint32_t user;
    uint32_t known_count;
    double gain = 0;
    double ideal = 0;
    uint32_t right_count = 0;
    if (!names_find(&tuning->train.sessions, sh_text_of(name), &user)) return true; /* of whom nothing is known */
    const struct click *known = known_of(tuning, user, &known_count);
    eval_begin(&tuning->eval, 5);
    write_key_text(tuning->eval.params, "user", name);
    write_items(tuning, "exclude", known, known_count);
    write_count_and_now(tuning, tuning->valid.clicks[0].time_ms);
    if (!eval_call(&tuning->eval, "feed.get", &result)) return false;
    for (uint32_t i = 0; i < count; i++) {
        bool is_twice = false;
        for (uint32_t other = 0; other < i; other++)
            is_twice = is_twice || clicks[other].item == clicks[i].item;
        if (is_twice) continue;
        const uint32_t place = place_of(result, tuning->items.texts[clicks[i].item]);
        gain += place == 0 ? 0 : 1.0 / log2(1.0 + place);
        if (++right_count <= tuning->k) ideal += 1.0 / log2(1.0 + right_count);
    }
    *sum += gain / ideal;
    (*asked)++;
    return true;
}

/* What the weights are worth on the validation file; better ones are kept. *helps may be NULL. */
static bool try_weights(struct tuning *tuning, const struct weights *weights, bool *helps) {
    const struct clicks *valid = &tuning->valid;
    double sum = 0;
    uint64_t asked = 0;
    if (!put_weights(tuning, weights)) return false;
    for (uint32_t begin = 0, end; begin < valid->count; begin = end) {
        for (end = begin + 1; end < valid->count && valid->clicks[end].session == valid->clicks[begin].session;)
            end++;
        const bool is_well = tuning->is_ranking ? try_user(tuning, valid->clicks + begin, end - begin, &sum, &asked)
                                                : try_visit(tuning, valid->clicks + begin, end - begin, &sum, &asked);
        if (!is_well) return false;
    }
    const double value = asked == 0 ? 0 : sum / (double)asked;
    const bool is_first = tuning->trials++ == 0;
    const bool is_better = is_first || value > tuning->best_value;
    if (is_better) tuning->best = *weights;
    if (is_better) tuning->best_value = value;
    if (is_first) tuning->before_value = value;
    if (helps != NULL) *helps = is_better;
    return true;
}

/* ---- The search ---- */

static double random_share(struct tuning *tuning) {
    tuning->seed += UINT64_C(0x9E3779B97F4A7C15);
    return (double)(sh_hash_mix(tuning->seed, 1) >> 11) / 9007199254740992.0;
}

static bool search_at_random(struct tuning *tuning) {
    while (tuning->trials < tuning->trial_count_max / 2) {
        struct weights weights = {{0}};
        for (uint32_t i = 0; i < tuning->weight_count; i++) {
            const double part = random_share(tuning);
            const double size = exp2(random_share(tuning) * 8 - 5);
            weights.values[i] = part < 0.3 ? 0 : round(size * 1e4) / 1e4;
        }
        if (!try_weights(tuning, &weights, NULL)) return false;
    }
    return true;
}

static bool search_one_by_one(struct tuning *tuning) {
    static const double factors[] = {0, 0.5, 2};
    bool has_helped = true;
    while (has_helped && tuning->trials < tuning->trial_count_max) {
        has_helped = false;
        for (uint32_t i = 0; i < tuning->weight_count; i++)
            for (uint32_t f = 0; f < 3 && tuning->trials < tuning->trial_count_max; f++) {
                struct weights weights = tuning->best;
                bool helps = false;
                const double value = weights.values[i] * factors[f];
                weights.values[i] = weights.values[i] == 0 ? 0.25 * (f + 1) : value;
                if (weights.values[i] > WEIGHT_MAX || weights.values[i] == tuning->best.values[i]) continue;
                if (!try_weights(tuning, &weights, &helps)) return false;
                has_helped = has_helped || helps;
            }
    }
    return true;
}

/* ---- What was found ---- */

static bool write_config(const struct tuning *tuning, const char *path) {
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        (void)fprintf(stderr, "shoal: cannot write %s\n", path);
        return false;
    }
    (void)fputs("{\"feed\": {\"scores\": {", out);
    for (uint32_t i = 0; i < tuning->weight_count; i++)
        (void)fprintf(out, "%s\"%s\": %.9g", i == 0 ? "" : ", ", tuning->names[i], tuning->best.values[i]);
    (void)fputs("}}}\n", out);
    const bool is_written = ferror(out) == 0;
    if (fclose(out) == 0 && is_written) return true;
    (void)fprintf(stderr, "shoal: cannot write %s\n", path);
    return false;
}

static bool apply(struct session *session, const struct tuning *tuning) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *params = new_params(1);
    shoal_client_write_literal(params, "feed");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "scores");
    shoal_client_write_map(params, tuning->weight_count);
    for (uint32_t i = 0; i < tuning->weight_count; i++) {
        shoal_client_write_literal(params, tuning->names[i]);
        shoal_client_write_real(params, tuning->best.values[i]);
    }
    const bool is_done = session_connect(session) && session_call(session, "schema.put", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    return is_done;
}

static void report(const struct session *session, const struct tuning *tuning) {
    const char *measure = tuning->is_ranking ? "NDCG" : "MRR";
    char cell[64];
    if (session->format == OUTPUT_JSON) {
        (void)printf("{\"measure\":\"%s@%u\",\"before\":%.4f,\"tuned\":%.4f,\"trials\":%u,\"scores\":{", measure,
                     tuning->k, tuning->before_value, tuning->best_value, tuning->trials);
        for (uint32_t i = 0; i < tuning->weight_count; i++)
            (void)printf("%s\"%s\":%.9g", i == 0 ? "" : ",", tuning->names[i], tuning->best.values[i]);
        (void)puts("}}");
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "weight", false);
    output_column(table, "before", true);
    output_column(table, "tuned", true);
    for (uint32_t i = 0; i <= tuning->weight_count; i++) {
        const bool is_weight = i < tuning->weight_count;
        const double before = is_weight ? tuning->before.values[i] : tuning->before_value;
        const double tuned = is_weight ? tuning->best.values[i] : tuning->best_value;
        (void)snprintf(cell, sizeof cell, "%s@%u of the validation", measure, tuning->k);
        output_add(table, is_weight ? tuning->names[i] : cell);
        (void)snprintf(cell, sizeof cell, is_weight ? "%.6g" : "%.4f", before);
        output_add(table, cell);
        (void)snprintf(cell, sizeof cell, is_weight ? "%.6g" : "%.4f", tuned);
        output_add(table, cell);
    }
    output_table_finish(table);
}

static bool read_number(const char *text, uint64_t max, uint64_t *number) {
    char *end;
    if (text == NULL) return true;
    *number = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0' && *number <= max;
}

int run_tune(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct tuning tuning = {.is_ranking = strcmp(words[0], "ranking") == 0};
    uint64_t k = K_DEFAULT;
    uint64_t trials = TRIALS_DEFAULT;
    uint64_t seed = 1;
    (void)word_count;
    const bool numbers_are_good = read_number(options->count, SH_FEED_COUNT_MAX, &k) && k > 0 &&
                                  read_number(options->trials, TRIALS_MAX, &trials) && trials > 0 &&
                                  read_number(options->seed, UINT64_MAX, &seed);
    if ((!tuning.is_ranking && strcmp(words[0], "session") != 0) || options->train == NULL || options->valid == NULL ||
        !numbers_are_good) {
        (void)fputs("usage: shoal tune session|ranking --train FILE --valid FILE [--count K] [--trials N] [--seed N]\n"
                    "                  [--columns user,item,time] [--min COLUMN=N] [--out FILE] [--apply]\n",
                    stderr);
        return 2;
    }
    tuning.k = (uint32_t)k;
    tuning.trial_count_max = (uint32_t)trials;
    tuning.seed = seed;
    bool is_done = read_files(&tuning, options) && learn(&tuning) && try_weights(&tuning, &tuning.before, NULL) &&
                   search_at_random(&tuning) && search_one_by_one(&tuning);
    if (is_done) report(session, &tuning);
    if (is_done && options->out != NULL) is_done = write_config(&tuning, options->out);
    if (is_done && options->apply) is_done = apply(session, &tuning);
    eval_close(&tuning.eval);
    clicks_free(&tuning.train);
    clicks_free(&tuning.valid);
    names_free(&tuning.items);
    return is_done ? 0 : 1;
}
