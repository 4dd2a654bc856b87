/* command_insight.c -- overlap, waterfall, why, lookalike: how audiences cross and come about, as tables and bars. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command_bars.h"

const char *print_percent(double share, char room[32]) {
    (void)snprintf(room, 32, "%.2f %%", 100 * share);
    return room;
}

int64_t get_integer(struct shoal_client_value map, const char *key) {
    return shoal_client_integer(shoal_client_get(map, key), 0);
}

static void print_end(struct shoal_client_value result, const char *words) {
    char took[32];
    (void)printf("%s, in %s\n", words, print_took(get_integer(result, "took_us"), took));
}

/* ---- overlap ---- */

/* A, B .. Z, AA, AB ...: short heads of columns, explained by the rows. */
static const char *letter_of(uint32_t place, char room[4]) {
    if (place < 26)
        (void)snprintf(room, 4, "%c", 'A' + (char)place);
    else
        (void)snprintf(room, 4, "%c%c", 'A' + (char)(place / 26 - 1), 'A' + (char)(place % 26));
    return room;
}

static void print_matrix(const struct session *session, struct shoal_client_value result, char **words) {
    struct output_table *table = output_table_create(session->format, stdout);
    const struct shoal_client_value matrix = shoal_client_get(result, "matrix");
    const uint32_t count = shoal_client_count(matrix);
    char letter[4];
    output_column(table, "set", false);
    for (uint32_t i = 0; i < count; i++)
        output_column(table, letter_of(i, letter), true);
    output_column(table, "expression", false);
    struct shoal_client_walk rows = shoal_client_walk_begin(matrix);
    struct shoal_client_value row, cell;
    for (uint32_t i = 0; shoal_client_walk_next(&rows, NULL, &row); i++) {
        output_add(table, letter_of(i, letter));
        struct shoal_client_walk cells = shoal_client_walk_begin(row);
        while (shoal_client_walk_next(&cells, NULL, &cell)) {
            char number[32];
            const int64_t users = shoal_client_integer(cell, 0);
            if (session->format == OUTPUT_TABLE)
                output_add(table, print_grouped(users, number));
            else
                output_add_value(table, cell);
        }
        output_add(table, words[i]);
    }
    output_table_finish(table);
}

/* "A & C" */
static char *combination_name(struct shoal_client_value sets) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (out == NULL) return NULL;
    struct shoal_client_walk walk = shoal_client_walk_begin(sets);
    struct shoal_client_value set;
    for (bool first = true; shoal_client_walk_next(&walk, NULL, &set); first = false) {
        char letter[4];
        (void)fprintf(out, "%s%s", first ? "" : " & ", letter_of((uint32_t)shoal_client_integer(set, 0), letter));
    }
    (void)fclose(out);
    return text;
}

static void add_combination(const struct session *session, struct output_table *table, const char *name, int64_t count,
                            int64_t total, int64_t most) {
    char text[32], percent[32];
    const bool is_table = session->format == OUTPUT_TABLE;
    if (!is_table) (void)snprintf(text, sizeof text, "%" PRId64, count);
    output_add(table, name);
    output_add(table, is_table ? print_grouped(count, text) : text);
    if (!is_table) return;
    output_add(table, print_percent(total == 0 ? 0 : (double)count / (double)total, percent));
    output_add_bar(table, most == 0 ? 0 : (double)count / (double)most);
}

static void print_combinations(const struct session *session, struct shoal_client_value result) {
    struct output_table *table = output_table_create(session->format, stdout);
    const int64_t total = get_integer(result, "total");
    output_column(table, "exactly in", false);
    output_column(table, "users", true);
    if (session->format == OUTPUT_TABLE) {
        output_column(table, "of all", true);
        output_column_bar(table);
    }
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "combinations"));
    struct shoal_client_value combination;
    int64_t most = 0; /* the first one */
    while (shoal_client_walk_next(&walk, NULL, &combination)) {
        const int64_t count = get_integer(combination, "count");
        char *name = combination_name(shoal_client_get(combination, "sets"));
        if (most == 0) most = count;
        add_combination(session, table, name == NULL ? "" : name, count, total, most);
        free(name);
    }
    add_combination(session, table, "none of them", get_integer(result, "none"), total, most);
    output_table_finish(table);
}

int run_overlap(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct shoal_client_writer *params = new_params(2u + (options->now != NULL));
    shoal_client_write_literal(params, "sets");
    shoal_client_write_array(params, word_count);
    for (uint32_t i = 0; i < word_count; i++)
        shoal_client_write_literal(params, words[i]);
    shoal_client_write_literal(params, "combinations");
    shoal_client_write_boolean(params, options->combinations);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "audience.overlap", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (options->combinations && session->format == OUTPUT_CSV) {
        print_combinations(session, answer.result);
        return 0;
    }
    print_matrix(session, answer.result, words);
    if (options->combinations) {
        (void)fputc('\n', stdout);
        print_combinations(session, answer.result);
    }
    char total[32], line[80];
    (void)snprintf(line, sizeof line, "of %s users", print_grouped(get_integer(answer.result, "total"), total));
    if (session->format == OUTPUT_TABLE) print_end(answer.result, line);
    if (session->format == OUTPUT_TABLE) print_held(answer.result);
    return 0;
}

/* ---- waterfall ---- */

static void add_grouped(const struct session *session, struct output_table *table, struct shoal_client_value value) {
    char number[32];
    if (session->format == OUTPUT_TABLE)
        output_add(table, print_grouped(shoal_client_integer(value, 0), number));
    else
        output_add_value(table, value);
}

static bool text_is(struct shoal_client_value value, const char *word) {
    size_t length = 0;
    const char *text = shoal_client_text(value, &length);
    return text != NULL && strlen(word) == length && memcmp(text, word, length) == 0;
}

int run_waterfall(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    struct shoal_client_writer *params = new_params(1u + (options->now != NULL));
    write_key_text(params, "where", words[0]);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "audience.waterfall", params, words[0], &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool is_or = text_is(shoal_client_get(answer.result, "kind"), "or");
    const char *const names[] = {"alone", is_or ? "added" : "removed", "after", "only"};
    const int64_t total = get_integer(answer.result, "total");
    const int64_t count = get_integer(answer.result, "count");
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < 4; i++)
        output_column(table, names[i], true);
    output_column_bar(table);
    output_column(table, "clause", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "steps"));
    struct shoal_client_value step;
    while (shoal_client_walk_next(&walk, NULL, &step)) {
        for (uint32_t i = 0; i < 4; i++)
            add_grouped(session, table, shoal_client_get(step, names[i]));
        const int64_t most = is_or ? count : total;
        output_add_bar(table, most == 0 ? 0 : (double)get_integer(step, "after") / (double)most);
        output_add_value(table, shoal_client_get(step, "clause"));
    }
    output_table_finish(table);
    char a[32], b[32], line[96];
    (void)snprintf(line, sizeof line, "%s of %s users", print_grouped(count, a), print_grouped(total, b));
    if (session->format == OUTPUT_TABLE) print_end(answer.result, line);
    return 0;
}

/* ---- why ---- */

int run_why(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    struct shoal_client_writer *params = new_params(2u + (options->now != NULL));
    write_key_text(params, "user", words[0]);
    write_key_text(params, "where", words[1]);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "audience.why", params, words[1], &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "holds", false);
    output_column(table, "found", false);
    output_column(table, "clause", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "lines"));
    struct shoal_client_value line;
    while (shoal_client_walk_next(&walk, NULL, &line)) {
        const struct shoal_client_value kind = shoal_client_get(line, "kind");
        char *clause = output_cell(shoal_client_get(line, text_is(kind, "clause") ? "clause" : "kind"));
        char *indented = NULL;
        output_add(table, shoal_client_boolean(shoal_client_get(line, "holds"), false) ? "yes" : "no");
        output_add_value(table, shoal_client_get(line, "found"));
        if (asprintf(&indented, "%*s%s", (int)get_integer(line, "depth") * 2, "", clause) < 0) indented = NULL;
        output_add(table, indented == NULL ? clause : indented);
        free(indented);
        free(clause);
    }
    output_table_finish(table);
    const bool matches = shoal_client_boolean(shoal_client_get(answer.result, "matches"), false);
    if (session->format == OUTPUT_TABLE) (void)printf("%s is %s\n", words[0], matches ? "in" : "out");
    return 0;
}

/* ---- lookalike ---- */

static void print_features(const struct session *session, struct shoal_client_value features) {
    static const char *const names[] = {"of", "value", "weight", "seeds", "users"};
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < 5; i++)
        output_column(table, names[i], i >= 2);
    struct shoal_client_walk walk = shoal_client_walk_begin(features);
    struct shoal_client_value feature;
    while (shoal_client_walk_next(&walk, NULL, &feature)) {
        char weight[40];
        (void)snprintf(weight, sizeof weight, "%+.3f", shoal_client_real(shoal_client_get(feature, "weight"), 0));
        for (uint32_t i = 0; i < 5; i++) {
            if (i == 2)
                output_add(table, weight);
            else if (i > 2)
                add_grouped(session, table, shoal_client_get(feature, names[i]));
            else
                output_add_value(table, shoal_client_get(feature, names[i]));
        }
    }
    output_table_finish(table);
}

static void print_curve(const struct session *session, struct shoal_client_value curve) {
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "place", true);
    output_column(table, "score", true);
    output_column_bar(table);
    struct shoal_client_walk walk = shoal_client_walk_begin(curve);
    struct shoal_client_value point;
    double most = 0;
    while (shoal_client_walk_next(&walk, NULL, &point)) {
        char text[40];
        const double score = shoal_client_real(shoal_client_get(point, "score"), 0);
        if (most == 0) most = score; /* the first is the highest */
        add_grouped(session, table, shoal_client_get(point, "rank"));
        (void)snprintf(text, sizeof text, "%.3f", score);
        output_add(table, text);
        output_add_bar(table, most <= 0 ? 0 : score / most);
    }
    output_table_finish(table);
}

/* The first few, or in CSV all. */
static void print_alike(const struct session *session, struct shoal_client_value ids) {
    enum { SHOWN = 10 };
    struct shoal_client_walk walk = shoal_client_walk_begin(ids);
    struct shoal_client_value id;
    if (session->format == OUTPUT_CSV) (void)puts("id");
    for (uint32_t i = 0; shoal_client_walk_next(&walk, NULL, &id); i++) {
        char *text = output_cell(id);
        if (session->format == OUTPUT_CSV) {
            output_csv_cell(text, stdout);
            (void)fputc('\n', stdout);
        } else if (i <= SHOWN) {
            (void)printf("%s%s", i == 0 ? "" : ", ", i == SHOWN ? "..." : text);
        }
        free(text);
    }
    if (session->format == OUTPUT_TABLE) (void)fputc('\n', stdout);
}

int run_lookalike(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    struct shoal_client_writer *params =
        new_params(2u + (options->now != NULL) + (options->exclude != NULL) + (options->purpose != NULL));
    write_key_text(params, "seeds", words[0]);
    if (options->purpose != NULL) write_key_text(params, "for", options->purpose);
    const bool is_number = write_key_number(params, "count", options->count != NULL ? options->count : "1000");
    if (options->exclude != NULL) write_key_text(params, "exclude", options->exclude);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    const bool sent = is_number && session_call(session, "audience.lookalike", params, words[0], &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return is_number ? 1 : 2;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const struct shoal_client_value ids = shoal_client_get(answer.result, "ids");
    if (session->format == OUTPUT_TABLE) {
        print_features(session, shoal_client_get(answer.result, "features"));
        print_curve(session, shoal_client_get(answer.result, "curve"));
    }
    print_alike(session, ids);
    char a[32], b[32], c[32], line[128];
    (void)snprintf(line, sizeof line, "%s of %s candidates, like %s seeds", print_grouped(shoal_client_count(ids), a),
                   print_grouped(get_integer(answer.result, "candidates"), b),
                   print_grouped(get_integer(answer.result, "seeds"), c));
    if (session->format == OUTPUT_TABLE) print_end(answer.result, line);
    return 0;
}
