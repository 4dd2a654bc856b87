/* command_eval.c -- `shoal eval session`: how well feeds foresee the next click, measured through the code that serves.
 *
 *   train file -> event.append -> an engine in this process <- feed.get {session: clicks so far} <- test file
 *                                                           -> at which place stands the next click?
 *
 * Every prefix of one click or more of a test session asks for k items; the item just clicked is left out. HR@k is the
 * share of prefixes whose next click is among them, MRR@k the mean of 1 / place (0 when it is not), NDCG@k the mean of
 * 1 / log2(1 + place), coverage the share of the train file's items that were ever shown. Nothing is learned from the
 * test file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bounds.h"
#include "command.h"
#include "eval_engine.h"
#include "memory.h"

enum {
    CLICKS_PER_CALL_MAX = SH_FEED_CLICK_COUNT_MAX, /* the latest of a longer session */
    K_DEFAULT = 20,
    K_MAX = SH_FEED_COUNT_MAX - 1, /* and the one left out */
};

struct evaluation {
    struct eval_engine eval;
    struct goods goods;
    uint32_t train_item_count;
    struct clicks train;
    struct clicks test;
    uint32_t k;
    uint8_t *was_shown; /* by item */
    uint64_t prediction_count;
    uint64_t hit_count;
    double reciprocal_sum;
    double gain_sum;
    uint32_t *took_us; /* by prediction */
    uint32_t took_capacity;
};

/* ---- learning ---- */

/* The visit alone ranks: files of clicks say nothing else. */
static bool learn(struct evaluation *evaluation) {
    static const char *const names[] = {"affinity", "popularity", "recency", "pairs"};
    static const double weights[] = {0, 0, 0, 0};
    const struct eval_scores scores = {names, weights, 4};
    return eval_put_shop(&evaluation->eval, &evaluation->goods, "click", NULL) &&
           eval_put_scores(&evaluation->eval, &scores) && eval_learn(&evaluation->eval, &evaluation->train);
}

/* ---- foreseeing ---- */

static uint64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void ask_after(struct evaluation *evaluation, const struct click *clicks, uint32_t count) {
    struct shoal_client_writer *params = evaluation->eval.params;
    const char *const *texts = (const char *const *)evaluation->goods.items.texts;
    const uint32_t first = count > CLICKS_PER_CALL_MAX ? count - CLICKS_PER_CALL_MAX : 0;
    eval_begin(&evaluation->eval, 4);
    shoal_client_write_literal(params, "session");
    shoal_client_write_array(params, count - first);
    for (uint32_t i = first; i < count; i++)
        shoal_client_write_literal(params, texts[clicks[i].item]);
    shoal_client_write_literal(params, "exclude");
    shoal_client_write_array(params, 1);
    shoal_client_write_literal(params, texts[clicks[count - 1].item]);
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, evaluation->k);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, clicks[count - 1].time_ms);
}

static bool foresee(struct evaluation *evaluation, const struct click *clicks, uint32_t count) {
    struct shoal_client_value result;
    const char *wanted = evaluation->goods.items.texts[clicks[count].item];
    ask_after(evaluation, clicks, count);
    const uint64_t begin_us = clock_us();
    if (!eval_call(&evaluation->eval, "feed.get", &result)) return false;
    const uint64_t took_us = clock_us() - begin_us;
    if (sh_grow((void **)&evaluation->took_us, &evaluation->took_capacity, evaluation->prediction_count + 1,
                sizeof *evaluation->took_us) != SH_OK)
        return false;
    evaluation->took_us[evaluation->prediction_count++] = (uint32_t)took_us;
    struct shoal_client_walk items = shoal_client_walk_begin(shoal_client_get(result, "items"));
    struct shoal_client_value item;
    for (uint32_t place = 1; shoal_client_walk_next(&items, NULL, &item); place++) {
        size_t byte_count;
        uint32_t number;
        const struct shoal_client_value id = shoal_client_get(item, "id");
        const char *bytes = shoal_client_text(id, &byte_count);
        if (names_find(&evaluation->goods.items, (struct sh_text){bytes, (uint32_t)byte_count}, &number))
            evaluation->was_shown[number] = 1;
        if (!shoal_client_text_is(id, wanted)) continue;
        evaluation->hit_count++;
        evaluation->reciprocal_sum += 1.0 / place;
        evaluation->gain_sum += 1.0 / log2(1.0 + place);
    }
    return true;
}

static bool foresee_all(struct evaluation *evaluation) {
    const struct clicks *test = &evaluation->test;
    for (uint32_t begin = 0; begin < test->count;) {
        uint32_t end = begin + 1;
        for (; end < test->count && test->clicks[end].session == test->clicks[begin].session; end++)
            if (!foresee(evaluation, test->clicks + begin, end - begin)) return false;
        begin = end;
    }
    return true;
}

/* ---- the report ---- */

static int by_size(const void *left, const void *right) {
    const uint32_t *a = left;
    const uint32_t *b = right;
    return *a < *b ? -1 : *a > *b;
}

struct measure {
    char name[24];
    double value;
    const char *form; /* of printf */
};

static uint32_t measure_all(struct evaluation *evaluation, struct measure *measures) {
    const double count = (double)evaluation->prediction_count;
    uint32_t shown = 0;
    for (uint32_t i = 0; i < evaluation->train_item_count; i++)
        shown += evaluation->was_shown[i];
    qsort(evaluation->took_us, evaluation->prediction_count, sizeof *evaluation->took_us, by_size);
    const struct {
        const char *name;
        double value;
        const char *form;
        bool at_k;
    } all[] = {
        {"predictions", count, "%.0f", false},
        {"HR", (double)evaluation->hit_count / count, "%.4f", true},
        {"MRR", evaluation->reciprocal_sum / count, "%.4f", true},
        {"NDCG", evaluation->gain_sum / count, "%.4f", true},
        {"coverage", (double)shown / evaluation->train_item_count, "%.4f", false},
        {"p50_us", evaluation->took_us[evaluation->prediction_count / 2], "%.0f", false},
        {"p90_us", evaluation->took_us[evaluation->prediction_count * 9 / 10], "%.0f", false},
    };
    const uint32_t measure_count = sizeof all / sizeof *all;
    for (uint32_t i = 0; i < measure_count; i++) {
        measures[i] = (struct measure){.value = all[i].value, .form = all[i].form};
        if (all[i].at_k)
            (void)snprintf(measures[i].name, sizeof measures[i].name, "%s@%u", all[i].name, evaluation->k);
        else
            (void)snprintf(measures[i].name, sizeof measures[i].name, "%s", all[i].name);
    }
    return measure_count;
}

static void report(struct session *session, struct evaluation *evaluation) {
    struct measure measures[8];
    char number[40];
    const uint32_t count = measure_all(evaluation, measures);
    if (session->format == OUTPUT_JSON) {
        for (uint32_t i = 0; i < count; i++) {
            (void)snprintf(number, sizeof number, measures[i].form, measures[i].value);
            (void)printf("%s\"%s\":%s", i == 0 ? "{" : ",", measures[i].name, number);
        }
        (void)puts("}");
        return;
    }
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "measure", false);
    output_column(table, "value", true);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(number, sizeof number, measures[i].form, measures[i].value);
        output_add(table, measures[i].name);
        output_add(table, number);
    }
    output_table_finish(table);
}

/* ---- the command ---- */

static bool read_files(struct evaluation *evaluation, const struct command_options *options) {
    static const char columns[] = "SessionId,ItemId,Time";
    if (!eval_read(options->train, options, columns, &evaluation->goods, &evaluation->train)) return false;
    evaluation->train_item_count = evaluation->goods.items.count;
    if (!eval_read(options->test, options, columns, &evaluation->goods, &evaluation->test)) return false;
    evaluation->was_shown = calloc(evaluation->goods.items.count + (size_t)1, 1);
    if (evaluation->was_shown == NULL) (void)fputs("shoal: memory is out\n", stderr);
    return evaluation->was_shown != NULL;
}

static bool evaluate(struct evaluation *evaluation, const struct command_options *options) {
    if (!read_files(evaluation, options)) return false;
    if (!learn(evaluation) || !foresee_all(evaluation)) return false;
    if (evaluation->prediction_count > 0) return true;
    (void)fprintf(stderr, "shoal: %s: no session has two clicks\n", options->test);
    return false;
}

static int run_session(struct session *session, const struct command_options *options) {
    struct evaluation evaluation = {.k = K_DEFAULT};
    char *end = NULL;
    if (options->train == NULL || options->test == NULL) {
        (void)fputs("usage: shoal eval session --train FILE --test FILE [--count K] [--columns session,item,time]\n",
                    stderr);
        return 2;
    }
    if (options->count != NULL) evaluation.k = (uint32_t)strtoul(options->count, &end, 10);
    if (evaluation.k < 1 || evaluation.k > K_MAX || (end != NULL && *end != '\0')) {
        (void)fprintf(stderr, "shoal: --count is 1 to %d\n", (int)K_MAX);
        return 2;
    }
    const bool done = eval_open(&evaluation.eval) && evaluate(&evaluation, options);
    if (done) report(session, &evaluation);
    eval_close(&evaluation.eval);
    clicks_free(&evaluation.train);
    clicks_free(&evaluation.test);
    goods_free(&evaluation.goods);
    sh_free(evaluation.took_us);
    free(evaluation.was_shown);
    return done ? 0 : 1;
}

int run_eval(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    if (strcmp(words[0], "session") == 0) return run_session(session, options);
    if (strcmp(words[0], "ranking") == 0) return run_eval_ranking(session, options);
    if (strcmp(words[0], "split") == 0) return run_eval_split(options);
    if (strcmp(words[0], "replay") == 0) return run_eval_replay(session, options);
    if (strcmp(words[0], "policy") == 0) return run_eval_policy(session, options);
    (void)fprintf(stderr, "shoal eval: there is no `%s`; there are session, ranking, split, replay and policy\n",
                  words[0]);
    return 2;
}
