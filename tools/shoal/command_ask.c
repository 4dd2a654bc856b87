/* command_ask.c -- count, list, sample, explain: questions about audiences. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command_fields.h"
#include "question.h"

const char *print_grouped(int64_t number, char room[32]) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    char *out = room;
    for (int i = 0; i < length; i++) {
        if (i > 0 && digits[i - 1] != '-' && (length - i) % 3 == 0) *out++ = ',';
        *out++ = digits[i];
    }
    *out = '\0';
    return room;
}

const char *print_took(int64_t took_us, char room[32]) {
    if (took_us < 1000)
        (void)snprintf(room, 32, "%" PRId64 " us", took_us);
    else if (took_us < 1000000)
        (void)snprintf(room, 32, "%.2f ms", (double)took_us / 1e3);
    else
        (void)snprintf(room, 32, "%.2f s", (double)took_us / 1e6);
    return room;
}

struct shoal_client_writer *new_params(uint32_t pair_count) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    if (params == NULL) {
        (void)fputs("shoal: no memory\n", stderr);
        exit(1);
    }
    shoal_client_write_map(params, pair_count);
    return params;
}

void write_key_text(struct shoal_client_writer *params, const char *key, const char *text) {
    shoal_client_write_literal(params, key);
    shoal_client_write_literal(params, text);
}

bool call_with_texts(struct session *session, const char *method, const char *const keys[], char *const texts[],
                     uint32_t count, const char *expression, struct shoal_client_answer *answer) {
    uint32_t pair_count = 0;
    for (uint32_t i = 0; i < count; i++)
        pair_count += texts[i] != NULL;
    struct shoal_client_writer *params = new_params(pair_count);
    for (uint32_t i = 0; i < count; i++)
        if (texts[i] != NULL) write_key_text(params, keys[i], texts[i]);
    const bool done = session_call(session, method, params, expression, answer);
    shoal_client_writer_destroy(params);
    return done;
}

bool write_key_number(struct shoal_client_writer *params, const char *key, const char *text) {
    char *end = NULL;
    errno = 0;
    const long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0) {
        (void)fprintf(stderr, "shoal: --%s needs a whole number, not '%s'\n", key, text);
        return false;
    }
    shoal_client_write_literal(params, key);
    shoal_client_write_integer(params, number);
    return true;
}

bool next_name(const char **at, char **name) {
    *at += strspn(*at, ",");
    const size_t length = strcspn(*at, ",");
    if (length == 0) return false;
    *name = strndup(*at, length);
    if (*name == NULL) {
        (void)fputs("shoal: no memory\n", stderr);
        exit(1);
    }
    *at += length;
    return true;
}

void write_key_list(struct shoal_client_writer *params, const char *key, const char *list) {
    shoal_client_write_literal(params, key);
    const size_t begun = shoal_client_begin_array(params);
    uint32_t count = 0;
    for (char *name; next_name(&list, &name); free(name), count++)
        shoal_client_write_literal(params, name);
    shoal_client_end(params, begun, count);
}

void print_held(struct shoal_client_value result) {
    char a[32], b[32];
    const struct shoal_client_value suppressed = shoal_client_get(result, "suppressed");
    if (shoal_client_integer(suppressed, -1) < 0) return;
    (void)printf("held back: %s suppressed, %s without consent\n",
                 print_grouped(shoal_client_integer(suppressed, 0), a),
                 print_grouped(shoal_client_integer(shoal_client_get(result, "no_consent"), 0), b));
}

int print_document(struct shoal_client_value value) {
    output_json(value, stdout);
    (void)fputc('\n', stdout);
    return 0;
}

static const char *expression_of(char **words, uint32_t word_count) {
    return word_count == 0 ? "true" : words[0];
}

int run_count(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct question question = question_begin(expression_of(words, word_count), options);
    struct shoal_client_answer answer;
    if (!question_send(session, &question, "audience.count", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const int64_t count = shoal_client_integer(shoal_client_get(answer.result, "count"), 0);
    const int64_t total = shoal_client_integer(shoal_client_get(answer.result, "total"), 0);
    const int64_t took_us = shoal_client_integer(shoal_client_get(answer.result, "took_us"), 0);
    if (session->format == OUTPUT_CSV) {
        (void)printf("count,total\n%" PRId64 ",%" PRId64 "\n", count, total);
        return 0;
    }
    char a[32], b[32], c[32];
    (void)printf("%s of %s users", print_grouped(count, a), print_grouped(total, b));
    if (total > 0) (void)printf(" (%.2f %%)", 100.0 * (double)count / (double)total);
    (void)printf(", in %s\n", print_took(took_us, c));
    print_held(answer.result);
    return 0;
}

enum { FIELD_COUNT_MAX = 1024 };

/* The columns of --fields, each with its shape. Returns how many. */
static uint32_t add_columns(const struct session *session, struct output_table *table, const char *of,
                            const char *fields, enum field_shape shapes[FIELD_COUNT_MAX]) {
    uint32_t count = 0;
    for (char *name; fields != NULL && count < FIELD_COUNT_MAX && next_name(&fields, &name); free(name), count++) {
        shapes[count] = field_shape_of(session, of, name);
        output_column(table, name, shapes[count] == FIELD_NUMBER);
    }
    return count;
}

static void add_cell(const struct session *session, struct output_table *table, enum field_shape shape,
                     struct shoal_client_value value) {
    char *text = field_cell(session, shape, value);
    output_add(table, text);
    free(text);
}

/* Rows of ids, or of ids and fields, with the names of the fields as the head. */
static void print_rows(struct session *session, struct shoal_client_value result, const char *fields) {
    enum field_shape shapes[FIELD_COUNT_MAX];
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "id", false);
    const uint32_t count = add_columns(session, table, "users", fields, shapes);
    const bool bare = fields == NULL;
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, bare ? "ids" : "rows"));
    struct shoal_client_value row, cell;
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        if (bare) {
            output_add_value(table, row);
            continue;
        }
        struct shoal_client_walk cells = shoal_client_walk_begin(row);
        for (uint32_t i = 0; i <= count; i++) { /* the id, then the fields: exactly the columns */
            if (!shoal_client_walk_next(&cells, NULL, &cell)) cell = (struct shoal_client_value){0};
            add_cell(session, table, i == 0 ? FIELD_TEXT : shapes[i - 1], cell);
        }
    }
    output_table_finish(table);
}

static void print_listed(struct session *session, struct shoal_client_value result, const char *fields) {
    const int64_t count = shoal_client_integer(shoal_client_get(result, "count"), 0);
    const int64_t took_us = shoal_client_integer(shoal_client_get(result, "took_us"), 0);
    const uint32_t shown = shoal_client_count(shoal_client_get(result, fields == NULL ? "ids" : "rows"));
    if (session->format != OUTPUT_TABLE) return;
    char a[32], b[32], c[32];
    (void)printf("%s of %s users, in %s\n", print_grouped(shown, a), print_grouped(count, b), print_took(took_us, c));
    print_held(result);
}

/* --all: page after page of the frozen audience, as CSV or bare ids; JSON gets one document a page. */
static int list_pages(struct session *session, struct shoal_client_answer *answer, const char *fields) {
    bool first = true;
    for (;;) {
        if (session->format == OUTPUT_JSON) {
            (void)print_document(answer->result);
        } else {
            const bool bare = fields == NULL;
            if (first) (void)printf("id%s%s\n", bare ? "" : ",", bare ? "" : fields);
            struct shoal_client_walk walk =
                shoal_client_walk_begin(shoal_client_get(answer->result, bare ? "ids" : "rows"));
            struct shoal_client_value row, cell;
            while (shoal_client_walk_next(&walk, NULL, &row)) {
                struct shoal_client_walk cells = shoal_client_walk_begin(row);
                bool more = bare || shoal_client_walk_next(&cells, NULL, &cell);
                while (more) {
                    char *text = output_cell(bare ? row : cell);
                    output_csv_cell(text, stdout);
                    free(text);
                    more = !bare && shoal_client_walk_next(&cells, NULL, &cell);
                    if (more) (void)fputc(',', stdout);
                }
                (void)fputc('\n', stdout);
            }
        }
        first = false;
        size_t length = 0;
        const char *cursor = shoal_client_text(shoal_client_get(answer->result, "cursor"), &length);
        if (cursor == NULL) return 0;
        struct shoal_client_writer *params = new_params(2);
        shoal_client_write_literal(params, "cursor");
        shoal_client_write_text(params, cursor, length);
        shoal_client_write_literal(params, "limit");
        shoal_client_write_integer(params, 100000);
        const bool sent = session_call(session, "audience.list", params, NULL, answer);
        shoal_client_writer_destroy(params);
        if (!sent) return 1;
    }
}

int run_list(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (options->fields != NULL) fields_learn(session);
    struct question question = question_begin(expression_of(words, word_count), options);
    question_number(&question, "limit", options->all ? "100000" : options->limit != NULL ? options->limit : "20");
    question_list(&question, "fields", options->fields);
    question_text(&question, "order", options->order);
    question_flag(&question, "desc", options->desc);
    question_flag(&question, "keep", options->all);
    struct shoal_client_answer answer;
    if (!question_send(session, &question, "audience.list", &answer)) return 1;
    if (options->all) return list_pages(session, &answer, options->fields);
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    print_rows(session, answer.result, options->fields);
    print_listed(session, answer.result, options->fields);
    return 0;
}

int run_sample(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (options->fields != NULL) fields_learn(session);
    struct question question = question_begin(expression_of(words, word_count), options);
    question_number(&question, "count", options->count != NULL ? options->count : "20");
    question_text(&question, "seed", options->seed);
    question_list(&question, "fields", options->fields);
    struct shoal_client_answer answer;
    if (!question_send(session, &question, "audience.sample", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    print_rows(session, answer.result, options->fields);
    print_listed(session, answer.result, options->fields);
    return 0;
}

int run_explain(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct question question = question_begin(expression_of(words, word_count), options);
    question_flag(&question, "analyze", options->analyze);
    struct shoal_client_answer answer;
    if (!question_send(session, &question, "audience.explain", &answer)) return 1;
    if (options->tree) return print_document(shoal_client_get(answer.result, "tree"));
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (session->format == OUTPUT_TABLE) {
        size_t length = 0;
        const char *text = shoal_client_text(shoal_client_get(answer.result, "text"), &length);
        if (text == NULL || length == 0) return 0;
        char *lines = strndup(text, length);
        for (char *rest = lines, *line; (line = strsep(&rest, "\n")) != NULL && (rest != NULL || *line != '\0');) {
            output_shown(line, stdout);
            (void)fputc('\n', stdout);
        }
        free(lines);
        return 0;
    }
    static const char *const names[] = {"depth", "operation", "clause",     "cost_us",       "estimate",
                                        "rows",  "took_us",   "blocks_run", "blocks_skipped"};
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < 9; i++)
        output_column(table, names[i], i != 1 && i != 2);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "lines"));
    struct shoal_client_value line;
    while (shoal_client_walk_next(&walk, NULL, &line))
        for (uint32_t i = 0; i < 9; i++)
            output_add_value(table, shoal_client_get(line, names[i]));
    output_table_finish(table);
    return 0;
}

/* --- feeds --- */

static void print_reason(struct shoal_client_value reason, FILE *out) {
    char *kind = output_cell(shoal_client_get(reason, "kind"));
    char *name = output_cell(shoal_client_get(reason, "name"));
    const double share = shoal_client_real(shoal_client_get(reason, "share"), 0);
    (void)fprintf(out, "%s%s%s", kind, name[0] == '\0' ? "" : " ", name);
    if (share > 0) (void)fprintf(out, " %.0f %%", share * 100);
    free(kind);
    free(name);
}

char *reasons_cell(struct shoal_client_value reasons) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return strdup("");
    struct shoal_client_walk walk = shoal_client_walk_begin(reasons);
    struct shoal_client_value reason;
    for (bool first = true; shoal_client_walk_next(&walk, NULL, &reason); first = false) {
        if (!first) (void)fputs(", ", out);
        print_reason(reason, out);
    }
    (void)fclose(out);
    return text;
}

static int print_feed(struct session *session, struct shoal_client_value result, const char *fields,
                      bool with_reasons) {
    if (session->format == OUTPUT_JSON) return print_document(result);
    enum field_shape shapes[FIELD_COUNT_MAX];
    struct output_table *table = output_table_create(session->format, stdout);
    const bool is_of_pairs = shoal_client_value_kind(shoal_client_get(result, "missing")) != SHOAL_CLIENT_ABSENT;
    output_column(table, "item", false);
    output_column(table, "score", true);
    if (is_of_pairs) output_column(table, "together", true);
    (void)add_columns(session, table, "items", fields, shapes);
    if (with_reasons) output_column(table, "why", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "items"));
    struct shoal_client_value item;
    while (shoal_client_walk_next(&walk, NULL, &item)) {
        output_add_value(table, shoal_client_get(item, "id"));
        char score[40];
        (void)snprintf(score, sizeof score, "%.4f", shoal_client_real(shoal_client_get(item, "score"), 0));
        output_add(table, score);
        if (is_of_pairs) output_add_value(table, shoal_client_get(item, "together"));
        const struct shoal_client_value values = shoal_client_get(item, "fields");
        const char *rest = fields;
        uint32_t i = 0;
        for (char *name; rest != NULL && i < FIELD_COUNT_MAX && next_name(&rest, &name); free(name), i++)
            add_cell(session, table, shapes[i], shoal_client_get(values, name));
        if (!with_reasons) continue;
        char *reasons = reasons_cell(shoal_client_get(item, "reasons"));
        output_add(table, reasons == NULL ? "" : reasons);
        free(reasons);
    }
    output_table_finish(table);
    if (session->format != OUTPUT_TABLE) return 0;
    char took[32];
    (void)printf("%u items, in %s\n", shoal_client_count(shoal_client_get(result, "items")),
                 print_took(shoal_client_integer(shoal_client_get(result, "took_us"), 0), took));
    if (shoal_client_count(shoal_client_get(result, "relaxed")) > 0) {
        char *relaxed = output_cell(shoal_client_get(result, "relaxed"));
        (void)printf("given way to fill the feed: %s\n", relaxed);
        free(relaxed);
    }
    return 0;
}

int run_feed(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (options->fields != NULL) fields_learn(session);
    struct question question = question_begin(NULL, options);
    question_text(&question, "user", word_count > 0 ? words[0] : NULL);
    question_feed(&question, options);
    question_list(&question, "fields", options->fields);
    struct shoal_client_answer answer;
    if (!question_send(session, &question, "feed.get", &answer)) return 1;
    return print_feed(session, answer.result, options->fields, true);
}

/* --- companions of an item --- */

static int ask_companions(struct session *session, const struct command_options *options, const char *item,
                          const char *method, const char *by) {
    if (options->fields != NULL) fields_learn(session);
    struct question question = question_begin(NULL, options);
    question_text(&question, "item", item);
    question_text(&question, "by", by);
    question_number(&question, "count", options->count != NULL ? options->count : "10");
    question_text(&question, "filter", options->filter);
    question_list(&question, "fields", options->fields);
    question.expression = options->filter;
    struct shoal_client_answer answer;
    if (!question_send(session, &question, method, &answer)) return 1;
    return print_feed(session, answer.result, options->fields, true);
}

int run_also_bought(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    return ask_companions(session, options, words[0], "feed.also_bought", options->by);
}

int run_similar(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    return ask_companions(session, options, words[0], "feed.similar", NULL);
}

int run_trending(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)words;
    (void)word_count;
    if (options->fields != NULL) fields_learn(session);
    struct question question = question_begin(NULL, options);
    question_number(&question, "count", options->count != NULL ? options->count : "10");
    question_text(&question, "filter", options->filter);
    question_list(&question, "fields", options->fields);
    question_text(&question, "store", options->store);
    question_text(&question, "by", options->by);
    question.expression = options->filter;
    struct shoal_client_answer answer;
    if (!question_send(session, &question, "feed.trending", &answer)) return 1;
    return print_feed(session, answer.result, options->fields, false);
}
