/* command_tune.c -- `shoal tune`: weights of the score, and settings of trainings, that foresee best on events that are
 * held back; written as a file that a server loads.
 *
 *   session, replay   weights of what is learned online: tune.h
 *   ranking           settings of each trained table, and the weights of all together: ranking.h
 *   load FILE         the file into the workspace of the session, as --apply does at once
 *
 * A test file is for `shoal eval`, afterwards. */
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "ranking.h"
#include "tune.h"

enum { K_DEFAULT = 20, TRIALS_DEFAULT = 40, TRIALS_MAX = 100000, LINE_COUNT_MAX = TUNE_WEIGHT_COUNT_MAX };

/* What was found, for people and as a file. */
struct finding {
    const char *measure;
    uint32_t k;
    uint32_t trials;
    double before, tuned;
    uint32_t count;
    char names[LINE_COUNT_MAX][TUNE_NAME_BYTES_MAX];
    double weights_before[LINE_COUNT_MAX];
    double weights[LINE_COUNT_MAX];
    struct eval_config config;
};

static void report_json(const struct finding *finding) {
    (void)printf("{\"measure\":\"%s@%u\",\"before\":%.4f,\"tuned\":%.4f,\"trials\":%u,\"scores\":{", finding->measure,
                 finding->k, finding->before, finding->tuned, finding->trials);
    for (uint32_t i = 0; i < finding->count; i++)
        (void)printf("%s\"%s\":%.9g", i == 0 ? "" : ",", finding->names[i], finding->weights[i]);
    (void)putchar('}');
    const json_t *models = json_object_get(finding->config.root, "models");
    if (models != NULL) {
        (void)fputs(",\"models\":", stdout);
        (void)json_dumpf(models, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9));
    }
    (void)puts("}");
}

static void report(const struct session *session, const struct finding *finding) {
    char cell[64];
    if (session->format == OUTPUT_JSON) {
        report_json(finding);
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "weight", false);
    output_column(table, "before", true);
    output_column(table, "tuned", true);
    for (uint32_t i = 0; i <= finding->count; i++) {
        const bool is_weight = i < finding->count;
        (void)snprintf(cell, sizeof cell, "%s@%u of the validation", finding->measure, finding->k);
        output_add(table, is_weight ? finding->names[i] : cell);
        (void)snprintf(cell, sizeof cell, is_weight ? "%.6g" : "%.4f",
                       is_weight ? finding->weights_before[i] : finding->before);
        output_add(table, cell);
        (void)snprintf(cell, sizeof cell, is_weight ? "%.6g" : "%.4f",
                       is_weight ? finding->weights[i] : finding->tuned);
        output_add(table, cell);
    }
    output_table_finish(table);
}

static json_t *scores_of(const struct finding *finding) {
    json_t *scores = json_object();
    for (uint32_t i = 0; i < finding->count; i++)
        (void)json_object_set_new(scores, finding->names[i], json_real(finding->weights[i]));
    return scores;
}

/* ---- session, replay ---- */

static bool tune_weights(struct tuning *tuning, const struct command_options *options, struct finding *finding) {
    if (!tune_read(tuning, options) || !tune_search(tuning)) return false;
    finding->measure = tuning->is_replay ? "NDCG" : "MRR";
    finding->trials = tuning->trials;
    finding->before = tuning->before_value;
    finding->tuned = tuning->best_value;
    for (finding->count = 0; finding->count < tuning->weight_count; finding->count++) {
        const uint32_t i = finding->count;
        memcpy(finding->names[i], tuning->names[i], sizeof finding->names[i]);
        finding->weights_before[i] = tuning->before.values[i];
        finding->weights[i] = tuning->best.values[i];
    }
    finding->config.root = json_pack("{s:{s:o}}", "feed", "scores", scores_of(finding));
    return finding->config.root != NULL;
}

/* ---- ranking ---- */

static void add_weight(struct finding *finding, const char *name, double before, double weight) {
    (void)snprintf(finding->names[finding->count], TUNE_NAME_BYTES_MAX, "%s", name);
    finding->weights_before[finding->count] = before;
    finding->weights[finding->count++] = weight;
}

static json_t *settings_of(const struct ranking_method *method, const struct ranking_outcome *outcome, json_t *into) {
    for (uint32_t i = 0; i < RANKING_SETTING_COUNT_MAX && method->settings[i].count > 0; i++) {
        const double value = method->settings[i].values[outcome->choice[i]];
        const bool is_whole = value == (double)(int64_t)value;
        (void)json_object_set_new(into, method->settings[i].name,
                                  is_whole ? json_integer((int64_t)value) : json_real(value));
    }
    return into;
}

/* Tables of weight 0 are not trained by who loads it. */
static void write_ranking(const struct ranking *ranking, const struct ranking_weights *before,
                          struct finding *finding) {
    json_t *half_lives = json_object();
    json_t *models = json_array();
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++) {
        const struct ranking_method *method = &ranking_methods[i];
        const double weight = ranking->all.weights.of[i];
        add_weight(finding, method->feature, before->of[i], weight);
        if (weight == 0 || !ranking->outcomes[i].is_there) continue;
        if (method->is_trained)
            (void)json_array_append_new(
                models, settings_of(method, &ranking->outcomes[i], json_pack("{s:s}", "name", method->name)));
        else
            (void)settings_of(method, &ranking->outcomes[i], half_lives);
    }
    static const char *const silent[] = {"recency", "session", "due", "trend"};
    for (uint32_t i = 0; i < sizeof silent / sizeof *silent; i++)
        add_weight(finding, silent[i], 0, 0);
    finding->config.root = json_pack("{s:{s:o,s:o},s:o}", "feed", "scores", scores_of(finding), "half_life_days",
                                     half_lives, "models", models);
}

/* Before: the weights of a new workspace, which has no tables. */
static bool measure_before(struct ranking *ranking, struct finding *finding, struct ranking_weights *before) {
    struct shoal_client_value schema;
    struct ranking_sums sums;
    eval_begin(&ranking->eval, 0);
    if (!eval_call(&ranking->eval, "schema.get", &schema)) return false;
    const struct shoal_client_value scores = shoal_client_get(shoal_client_get(schema, "feed"), "scores");
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        before->of[i] = shoal_client_real(shoal_client_get(scores, ranking_methods[i].feature), 0);
    const bool is_measured = ranking_measure(ranking, 1, before, &sums, NULL);
    if (is_measured) finding->before = ranking_sums_mean(&sums, 0).ndcg;
    ranking_sums_deinit(&sums);
    return is_measured;
}

static bool tune_ranking(struct ranking *ranking, const struct command_options *options, struct finding *finding) {
    struct ranking_weights before = {{0}};
    ranking->k[0] = ranking->k_max = finding->k;
    ranking->k_count = 1;
    for (uint32_t deeper = 2; deeper <= 5 && finding->k * deeper <= RANKING_K_MAX;
         deeper += 3) /* to twice and five times */
        ranking->k[ranking->k_count++] = ranking->k_max = finding->k * deeper;
    for (uint32_t i = 0; i < RANKING_METHOD_COUNT; i++)
        ranking->wanted[i] = true;
    if (!ranking_read(ranking, options) || !ranking_learn(ranking, options) ||
        !measure_before(ranking, finding, &before) || !ranking_run_methods(ranking) || !ranking_run_all(ranking))
        return false;
    finding->measure = "NDCG";
    finding->tuned = ranking->all.valid;
    finding->trials = ranking->trials + 1;
    write_ranking(ranking, &before, finding);
    return finding->config.root != NULL;
}

/* ---- The command ---- */

static bool read_number(const char *text, uint64_t max, uint64_t *number) {
    char *end;
    if (text == NULL) return true;
    *number = strtoull(text, &end, 10);
    return *text != '\0' && *end == '\0' && *number <= max;
}

static int usage(void) {
    (void)fputs(
        "usage: shoal tune session|ranking --train FILE --valid FILE, or shoal tune replay --events FILE\n"
        "         [--count K] [--trials N] [--seed N] [--columns user,item,time,type=NAME,...] [--min COLUMN=N]\n"
        "         [--types view,cart] [--weights view=1,cart=3] [--items FILE --item-columns id,tags=NAME]\n"
        "         [--out FILE] [--apply]\n"
        "       shoal tune load FILE\n",
        stderr);
    return 2;
}

static int load_file(struct session *session, const char *path) {
    struct eval_config config;
    const bool is_done = eval_config_read(path, &config) && eval_config_load(session, &config);
    eval_config_free(&config);
    if (is_done && session->format == OUTPUT_TABLE) (void)printf("%s is loaded\n", path);
    return is_done ? 0 : 1;
}

int run_tune(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    const bool is_ranking = strcmp(words[0], "ranking") == 0;
    struct tuning tuning = {.is_replay = strcmp(words[0], "replay") == 0};
    struct ranking ranking = {.k_count = 0};
    struct finding finding = {.count = 0};
    uint64_t k = K_DEFAULT;
    uint64_t trials = TRIALS_DEFAULT;
    tuning.seed = 1;
    if (strcmp(words[0], "load") == 0) return word_count == 2 ? load_file(session, words[1]) : usage();
    const bool has_files =
        tuning.is_replay ? options->events != NULL : options->train != NULL && options->valid != NULL;
    const bool is_known = is_ranking || tuning.is_replay || strcmp(words[0], "session") == 0;
    if (!is_known || word_count > 1 || !has_files || !read_number(options->count, SH_FEED_COUNT_MAX, &k) || k == 0 ||
        !read_number(options->trials, TRIALS_MAX, &trials) || trials == 0 ||
        !read_number(options->seed, UINT64_MAX, &tuning.seed))
        return usage();
    tuning.k = finding.k = (uint32_t)k;
    tuning.trial_count_max = (uint32_t)trials;
    bool is_done = is_ranking ? tune_ranking(&ranking, options, &finding) : tune_weights(&tuning, options, &finding);
    if (is_done) report(session, &finding);
    if (is_done && options->out != NULL) is_done = eval_config_write(options->out, &finding.config);
    if (is_done && options->apply) is_done = eval_config_load(session, &finding.config);
    eval_config_free(&finding.config);
    tune_free(&tuning);
    ranking_free(&ranking);
    return is_done ? 0 : 1;
}
