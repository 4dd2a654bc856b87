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
#include "clicks.h"
#include "command.h"
#include "memory.h"
#include "shoal/shoal.h"

enum {
    ROWS_PER_CALL = 20000,
    CLICKS_PER_CALL_MAX = SH_FEED_CLICK_COUNT_MAX, /* the latest of a longer session */
    K_DEFAULT = 20,
    K_MAX = SH_FEED_COUNT_MAX - 1, /* and the one left out */
};

struct evaluation {
    struct shoal *engine;
    struct shoal_client_writer *params;
    struct names items;
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

static bool engine_call(struct evaluation *evaluation, const char *method, struct shoal_client_value *result) {
    struct shoal_error error;
    size_t params_count;
    size_t answer_count;
    const void *answer;
    const void *params = shoal_client_writer_bytes(evaluation->params, &params_count);
    if (params == NULL) {
        (void)fputs("shoal: memory is out\n", stderr);
        return false;
    }
    if (shoal_call(evaluation->engine, method, params, params_count, &answer, &answer_count, &error) != SHOAL_OK) {
        (void)fprintf(stderr, "shoal: %s: %s\n", method, error.message);
        return false;
    }
    if (result != NULL) *result = (struct shoal_client_value){answer, answer_count};
    return true;
}

static void write_name(struct shoal_client_writer *params, const struct names *names, uint32_t number) {
    shoal_client_write_literal(params, names->texts[number]);
}

/* ---- learning ---- */

/* The visit alone ranks: files of clicks say nothing else. */
static bool put_schema(struct evaluation *evaluation) {
    static const char *const weights[] = {"affinity", "popularity", "recency"};
    struct shoal_client_writer *params = evaluation->params;
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 1);
    write_key_text(params, "name", "click");
    shoal_client_write_literal(params, "feed");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "scores");
    shoal_client_write_map(params, 3);
    for (uint32_t i = 0; i < 3; i++) {
        shoal_client_write_literal(params, weights[i]);
        shoal_client_write_real(params, 0);
    }
    return engine_call(evaluation, "schema.put", NULL);
}

static bool put_items(struct evaluation *evaluation) {
    struct shoal_client_writer *params = evaluation->params;
    for (uint32_t begin = 0; begin < evaluation->items.count; begin += ROWS_PER_CALL) {
        const uint32_t rest = evaluation->items.count - begin;
        const uint32_t count = rest < ROWS_PER_CALL ? rest : ROWS_PER_CALL;
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 1);
        shoal_client_write_literal(params, "id");
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t i = 0; i < count; i++) {
            shoal_client_write_array(params, 1);
            write_name(params, &evaluation->items, begin + i);
        }
        if (!engine_call(evaluation, "item.put", NULL)) return false;
    }
    return true;
}

static int by_time(const void *left, const void *right) {
    const struct click *a = left;
    const struct click *b = right;
    if (a->time_ms != b->time_ms) return a->time_ms < b->time_ms ? -1 : 1;
    return a->row < b->row ? -1 : a->row > b->row;
}

static bool learn(struct evaluation *evaluation) {
    static const char *const fields[] = {"type", "user", "item", "time"};
    struct shoal_client_writer *params = evaluation->params;
    struct clicks *train = &evaluation->train;
    qsort(train->clicks, train->count, sizeof *train->clicks, by_time);
    shoal_set_now(evaluation->engine, train->clicks[train->count - 1].time_ms);
    for (uint32_t begin = 0; begin < train->count; begin += ROWS_PER_CALL) {
        const uint32_t count = train->count - begin < ROWS_PER_CALL ? train->count - begin : ROWS_PER_CALL;
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 4);
        for (uint32_t i = 0; i < 4; i++)
            shoal_client_write_literal(params, fields[i]);
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t i = 0; i < count; i++) {
            const struct click *click = &train->clicks[begin + i];
            shoal_client_write_array(params, 4);
            shoal_client_write_literal(params, "click");
            write_name(params, &train->sessions, click->session);
            write_name(params, &evaluation->items, click->item);
            shoal_client_write_integer(params, click->time_ms);
        }
        if (!engine_call(evaluation, "event.append", NULL)) return false;
    }
    return true;
}

/* ---- foreseeing ---- */

static uint64_t clock_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static void ask_after(struct evaluation *evaluation, const struct click *clicks, uint32_t count) {
    struct shoal_client_writer *params = evaluation->params;
    const uint32_t first = count > CLICKS_PER_CALL_MAX ? count - CLICKS_PER_CALL_MAX : 0;
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 4);
    shoal_client_write_literal(params, "session");
    shoal_client_write_array(params, count - first);
    for (uint32_t i = first; i < count; i++)
        write_name(params, &evaluation->items, clicks[i].item);
    shoal_client_write_literal(params, "exclude");
    shoal_client_write_array(params, 1);
    write_name(params, &evaluation->items, clicks[count - 1].item);
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, evaluation->k);
    shoal_client_write_literal(params, "now");
    shoal_client_write_integer(params, clicks[count - 1].time_ms);
}

static bool foresee(struct evaluation *evaluation, const struct click *clicks, uint32_t count) {
    struct shoal_client_value result;
    const char *wanted = evaluation->items.texts[clicks[count].item];
    ask_after(evaluation, clicks, count);
    const uint64_t begin_us = clock_us();
    if (!engine_call(evaluation, "feed.get", &result)) return false;
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
        if (names_find(&evaluation->items, (struct sh_text){bytes, (uint32_t)byte_count}, &number))
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
    struct sh_error err;
    const char *columns = options->columns != NULL ? options->columns : "SessionId,ItemId,Time";
    enum sh_status status = clicks_read(options->train, columns, &evaluation->items, &evaluation->train, &err);
    evaluation->train_item_count = evaluation->items.count;
    if (status == SH_OK) status = clicks_read(options->test, columns, &evaluation->items, &evaluation->test, &err);
    if (status != SH_OK) {
        (void)fprintf(stderr, "shoal: %s\n", err.message);
        return false;
    }
    evaluation->was_shown = calloc(evaluation->items.count + (size_t)1, 1);
    if (evaluation->was_shown != NULL && evaluation->train.count > 0 && evaluation->test.count > 0) return true;
    (void)fprintf(stderr, "shoal: %s\n", evaluation->was_shown == NULL ? "memory is out" : "a file has no clicks");
    return false;
}

static bool evaluate(struct evaluation *evaluation, const struct command_options *options) {
    if (!read_files(evaluation, options)) return false;
    if (!put_schema(evaluation) || !put_items(evaluation) || !learn(evaluation) || !foresee_all(evaluation))
        return false;
    if (evaluation->prediction_count > 0) return true;
    (void)fprintf(stderr, "shoal: %s: no session has two clicks\n", options->test);
    return false;
}

int run_eval(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    struct evaluation evaluation = {.k = K_DEFAULT};
    struct shoal_error error;
    char *end = NULL;
    if (strcmp(words[0], "session") != 0 || options->train == NULL || options->test == NULL) {
        (void)fputs("usage: shoal eval session --train FILE --test FILE [--count K] [--columns session,item,time]\n",
                    stderr);
        return 2;
    }
    if (options->count != NULL) evaluation.k = (uint32_t)strtoul(options->count, &end, 10);
    if (evaluation.k < 1 || evaluation.k > K_MAX || (end != NULL && *end != '\0')) {
        (void)fprintf(stderr, "shoal: --count is 1 to %d\n", (int)K_MAX);
        return 2;
    }
    if (shoal_open(NULL, &evaluation.engine, &error) != SHOAL_OK) {
        (void)fprintf(stderr, "shoal: %s\n", error.message);
        return 1;
    }
    evaluation.params = shoal_client_writer_create();
    const bool done = evaluation.params != NULL && evaluate(&evaluation, options);
    if (done) report(session, &evaluation);
    shoal_client_writer_destroy(evaluation.params);
    shoal_close(evaluation.engine);
    clicks_free(&evaluation.train);
    clicks_free(&evaluation.test);
    names_free(&evaluation.items);
    sh_free(evaluation.took_us);
    free(evaluation.was_shown);
    return done ? 0 : 1;
}
