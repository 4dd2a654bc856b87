/* command_rfm.c -- rfm: how users are spread over recency, frequency and money. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { LIST_COUNT = 3, GRID_SCORES_MAX = 5 };

static int64_t integer_of(struct shoal_client_value map, const char *key) {
    return shoal_client_integer(shoal_client_get(map, key), 0);
}

/* ---- put, refresh, plan ---- */

static int put(struct session *session, const struct command_options *options, const char *event) {
    struct shoal_client_writer *params =
        new_params(1u + (options->days != NULL) + (options->scores != NULL) + options->per_day);
    write_key_text(params, "event", event);
    bool is_right = true;
    if (options->days != NULL) is_right = write_key_number(params, "days", options->days);
    if (is_right && options->scores != NULL) is_right = write_key_number(params, "scores", options->scores);
    if (options->per_day) {
        shoal_client_write_literal(params, "per_day");
        shoal_client_write_boolean(params, true);
    }
    struct shoal_client_answer answer;
    const bool sent = is_right && session_call(session, "rfm.put", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!is_right) return 2;
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)puts(changed ? "the plan is new: `shoal rfm refresh` makes its cut points" : "the plan is as it was");
    return 0;
}

static bool ask(struct session *session, const char *method, const char *now, struct shoal_client_answer *answer) {
    struct shoal_client_writer *params = new_params(now != NULL);
    if (now != NULL) write_key_text(params, "now", now);
    const bool sent = session_call(session, method, params, NULL, answer);
    shoal_client_writer_destroy(params);
    return sent;
}

/* Cut points as a table: what a user needs for each score. */
static void print_cuts(const struct session *session, struct shoal_client_value result) {
    static const char *const axes[LIST_COUNT] = {"r", "f", "m"};
    static const char *const words[LIST_COUNT] = {"days since, at most", "events, at least", "money, at least"};
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "score", true);
    for (uint32_t i = 0; i < LIST_COUNT; i++)
        output_column(table, words[i], true);
    const struct shoal_client_value cuts = shoal_client_get(result, "cuts");
    for (uint32_t score = 2; score <= GRID_SCORES_MAX; score++) {
        char number[16];
        (void)snprintf(number, sizeof number, "%u", score);
        output_add(table, number);
        for (uint32_t i = 0; i < LIST_COUNT; i++) {
            struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(cuts, axes[i]));
            struct shoal_client_value cut;
            bool more = true;
            for (uint32_t at = 2; at <= score && more; at++)
                more = shoal_client_walk_next(&walk, NULL, &cut);
            if (more)
                output_add_value(table, cut);
            else
                output_add(table, "");
        }
    }
    output_table_finish(table);
}

static int plan(struct session *session) {
    struct shoal_client_answer answer;
    if (!ask(session, "rfm.get", NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    char *text = output_cell(shoal_client_get(answer.result, "plan"));
    if (session->format == OUTPUT_TABLE) (void)printf("plan: %s\n", text[0] == '\0' ? "none yet" : text);
    free(text);
    print_cuts(session, answer.result);
    char users[32];
    if (session->format == OUTPUT_TABLE)
        (void)printf("made of %s users\n", print_grouped(integer_of(answer.result, "users"), users));
    return 0;
}

static int refresh(struct session *session, const struct command_options *options) {
    struct shoal_client_answer answer;
    if (!ask(session, "rfm.refresh", options->now, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    return plan(session);
}

/* ---- show ---- */

/* One of the lists: a name, users, share, money. */
static void print_list(const struct session *session, struct shoal_client_value result, const char *list,
                       const char *word, int64_t total) {
    const bool is_table = session->format == OUTPUT_TABLE;
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, word, false);
    output_column(table, "users", true);
    if (is_table) output_column(table, "share", true);
    output_column(table, "amount", true);
    output_column_bar(table);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, list));
    struct shoal_client_value row;
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        char number[32], share[32];
        const int64_t users = integer_of(row, "users");
        output_add_value(table, shoal_client_get(row, word));
        (void)snprintf(number, sizeof number, "%" PRId64, users);
        output_add(table, is_table ? print_grouped(users, number) : number);
        (void)snprintf(share, sizeof share, "%.1f %%", total == 0 ? 0 : 100.0 * (double)users / (double)total);
        if (is_table) output_add(table, share);
        output_add_value(table, shoal_client_get(row, "amount"));
        output_add_bar(table, total == 0 ? 0 : (double)users / (double)total);
    }
    output_table_finish(table);
}

/* The most users in one cell of the grid: the darkest one. */
static int64_t find_most(struct shoal_client_value grid) {
    struct shoal_client_walk walk = shoal_client_walk_begin(grid);
    struct shoal_client_value cell;
    int64_t most = 0;
    while (shoal_client_walk_next(&walk, NULL, &cell))
        if (integer_of(cell, "users") > most) most = integer_of(cell, "users");
    return most;
}

/* R downwards, F to the right: users, shaded. For programs a row for each cell. */
static void print_grid(const struct session *session, struct shoal_client_value result) {
    const bool is_table = session->format == OUTPUT_TABLE;
    const struct shoal_client_value grid = shoal_client_get(result, "grid");
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_walk walk = shoal_client_walk_begin(grid);
    struct shoal_client_value cell;
    int64_t first_r = -1;
    output_column(table, is_table ? "users" : "r", false);
    while (is_table && shoal_client_walk_next(&walk, NULL, &cell)) {
        char name[32];
        if (first_r < 0) first_r = integer_of(cell, "r");
        if (integer_of(cell, "r") != first_r) break;
        (void)snprintf(name, sizeof name, "F %" PRId64, integer_of(cell, "f"));
        output_column(table, name, true);
    }
    if (!is_table) {
        output_column(table, "f", true);
        output_column(table, "users", true);
        output_column(table, "amount", true);
    }
    int64_t r = -1;
    const int64_t most = find_most(grid);
    walk = shoal_client_walk_begin(grid);
    while (shoal_client_walk_next(&walk, NULL, &cell)) {
        char text[32];
        if (is_table && integer_of(cell, "r") != r) {
            r = integer_of(cell, "r");
            (void)snprintf(text, sizeof text, "R %" PRId64, r);
            output_add(table, text);
        }
        if (is_table) {
            char number[32], shaded[40];
            const int64_t users = integer_of(cell, "users");
            (void)snprintf(shaded, sizeof shaded, "%s%s", print_grouped(users, number),
                           output_shade(most == 0 ? 0 : (double)users / (double)most));
            output_add(table, shaded);
            continue;
        }
        static const char *const keys[] = {"r", "f", "users", "amount"};
        for (uint32_t i = 0; i < 4; i++)
            output_add_value(table, shoal_client_get(cell, keys[i]));
    }
    output_table_finish(table);
}

static void print_value(struct shoal_client_value result) {
    const struct shoal_client_value value = shoal_client_get(result, "value");
    char users[32], repeat[32], took[32];
    char *percent = output_cell(shoal_client_get(value, "repeat_percent"));
    char *amount = output_cell(shoal_client_get(value, "amount"));
    char *average = output_cell(shoal_client_get(value, "average"));
    (void)printf("%s customers, %s of them came again (%s %%); %s in all, %s on average\n",
                 print_grouped(integer_of(value, "users"), users), print_grouped(integer_of(value, "repeat"), repeat),
                 percent[0] == '\0' ? "0" : percent, amount, average[0] == '\0' ? "-" : average);
    (void)printf("in %s\n", print_took(integer_of(result, "took_us"), took));
    free(percent);
    free(amount);
    free(average);
}

static int show(struct session *session, const struct command_options *options, const char *where) {
    struct shoal_client_writer *params = new_params((where != NULL ? 1u : 0u) + (options->now != NULL ? 1u : 0u));
    if (where != NULL) write_key_text(params, "where", where);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    const bool sent = session_call(session, "audience.rfm", params, where, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const int64_t scored = integer_of(answer.result, "scored");
    print_grid(session, answer.result);
    if (session->format == OUTPUT_CSV) return 0; /* one table a document */
    (void)fputc('\n', stdout);
    print_list(session, answer.result, "cells", "segment", scored);
    (void)fputc('\n', stdout);
    print_list(session, answer.result, "names", "name", scored);
    (void)fputc('\n', stdout);
    print_list(session, answer.result, "lifecycle", "stage", integer_of(answer.result, "count"));
    (void)fputc('\n', stdout);
    print_value(answer.result);
    return 0;
}

int run_rfm(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    const char *verb = word_count == 0 ? "show" : words[0];
    if (strcmp(verb, "show") == 0) return show(session, options, word_count > 1 ? words[1] : NULL);
    if (strcmp(verb, "put") == 0 && word_count == 2) return put(session, options, words[1]);
    if (strcmp(verb, "refresh") == 0 && word_count == 1) return refresh(session, options);
    if (strcmp(verb, "plan") == 0 && word_count == 1) return plan(session);
    (void)fputs("shoal rfm: put EVENT [--days N] [--scores N] [--per-day], refresh, plan, or show [EXPRESSION]\n",
                stderr);
    return 2;
}
