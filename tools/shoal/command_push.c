/* command_push.c -- users-for, feeds: whom an item suits, and feeds of many users for a push. */
#include <stdlib.h>
#include <string.h>

#include "command_fields.h"
#include "question.h"

enum { FIELD_COUNT_MAX = 64 };

struct field_columns {
    enum field_shape shapes[FIELD_COUNT_MAX];
    uint32_t count;
};

static void add_columns(const struct session *session, struct output_table *table, const char *of, const char *fields,
                        struct field_columns *columns) {
    columns->count = 0;
    for (char *name; fields != NULL && columns->count < FIELD_COUNT_MAX && next_name(&fields, &name); free(name)) {
        columns->shapes[columns->count] = field_shape_of(session, of, name);
        output_column(table, name, columns->shapes[columns->count++] != FIELD_TEXT);
    }
}

static void add_cells(const struct session *session, struct output_table *table, const char *fields,
                      const struct field_columns *columns, struct shoal_client_value values) {
    uint32_t i = 0;
    for (char *name; fields != NULL && i < columns->count && next_name(&fields, &name); free(name), i++) {
        char *text = field_cell(session, columns->shapes[i], shoal_client_get(values, name));
        output_add(table, text);
        free(text);
    }
}

static void add_score(struct output_table *table, struct shoal_client_value of) {
    char score[40];
    (void)snprintf(score, sizeof score, "%.4f", shoal_client_real(shoal_client_get(of, "score"), 0));
    output_add(table, score);
}

static void add_reasons(struct output_table *table, struct shoal_client_value of) {
    char *reasons = reasons_cell(shoal_client_get(of, "reasons"));
    output_add(table, reasons == NULL ? "" : reasons);
    free(reasons);
}

/* ---- users-for ---- */

static int print_users(struct session *session, const struct command_options *options,
                       struct shoal_client_value result) {
    if (session->format == OUTPUT_JSON) return print_document(result);
    struct field_columns columns;
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "user", false);
    output_column(table, "score", true);
    add_columns(session, table, "users", options->fields, &columns);
    output_column(table, "why", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "users"));
    struct shoal_client_value user;
    while (shoal_client_walk_next(&walk, NULL, &user)) {
        output_add_value(table, shoal_client_get(user, "id"));
        add_score(table, user);
        add_cells(session, table, options->fields, &columns, shoal_client_get(user, "fields"));
        add_reasons(table, user);
    }
    output_table_finish(table);
    if (session->format != OUTPUT_TABLE) return 0;
    char took[32];
    char count[32];
    (void)printf("it suits %s users, in %s\n",
                 print_grouped(shoal_client_integer(shoal_client_get(result, "count"), 0), count),
                 print_took(shoal_client_integer(shoal_client_get(result, "took_us"), 0), took));
    print_held(result);
    return 0;
}

int run_users_for(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    const char *where = word_count > 1 ? words[1] : NULL;
    if (options->fields != NULL) fields_learn(session);
    struct shoal_client_writer *params = new_params(2u + (where != NULL) + (options->fields != NULL) +
                                                    (options->now != NULL) + (options->purpose != NULL));
    write_key_text(params, "item", words[0]);
    bool sent = write_key_number(params, "count", options->count != NULL ? options->count : "10");
    if (where != NULL) write_key_text(params, "where", where);
    if (options->fields != NULL) write_key_list(params, "fields", options->fields);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    if (options->purpose != NULL) write_key_text(params, "for", options->purpose);
    struct shoal_client_answer answer;
    sent = sent && session_call(session, "feed.users_for_item", params, where, &answer);
    shoal_client_writer_destroy(params);
    return sent ? print_users(session, options, answer.result) : 1;
}

/* ---- feeds ---- */

/* What each feed is asked for. */
static bool write_feed(struct shoal_client_writer *params, const struct command_options *options) {
    shoal_client_write_literal(params, "feed");
    struct question feed = {.params = params, .map = shoal_client_begin_map(params)};
    question_number(&feed, "count", options->count != NULL ? options->count : "3");
    question_number(&feed, "seed", options->seed);
    question_text(&feed, "filter", options->filter);
    question_list(&feed, "exclude", options->exclude);
    question_list(&feed, "fields", options->fields);
    question_text(&feed, "scene", options->scene);
    question_json(&feed, options->with);
    shoal_client_end(params, feed.map, feed.pair_count);
    return !feed.failed;
}

/* A page of an audience after `cursor` ("": the first), or the feeds of a list. */
static bool ask_page(struct session *session, const struct command_options *options, const char *where,
                     const char *cursor, struct shoal_client_answer *answer) {
    const bool is_first = cursor[0] == '\0';
    struct shoal_client_writer *params = new_params(2u + (where != NULL && options->limit != NULL) + !is_first +
                                                    (options->now != NULL && is_first) + (options->purpose != NULL));
    bool done = true;
    if (where != NULL)
        write_key_text(params, "where", where);
    else
        write_key_list(params, "users", options->users);
    if (where != NULL && options->limit != NULL) done = write_key_number(params, "limit", options->limit);
    if (!is_first) write_key_text(params, "cursor", cursor);
    if (options->now != NULL && is_first) write_key_text(params, "now", options->now);
    if (options->purpose != NULL) write_key_text(params, "for", options->purpose);
    done = done && write_feed(params, options) && session_call(session, "feed.batch", params, where, answer);
    shoal_client_writer_destroy(params);
    return done;
}

struct pages {
    struct output_table *table; /* NULL: each page is printed as a document of its own */
    struct field_columns columns;
    uint32_t feed_count;
};

static void print_page(const struct session *session, const struct command_options *options, struct pages *pages,
                       struct shoal_client_value result) {
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "feeds"));
    struct shoal_client_value feed;
    for (; shoal_client_walk_next(&walk, NULL, &feed); pages->feed_count++) {
        struct shoal_client_walk items = shoal_client_walk_begin(shoal_client_get(feed, "items"));
        struct shoal_client_value item;
        while (shoal_client_walk_next(&items, NULL, &item)) {
            output_add_value(pages->table, shoal_client_get(feed, "user"));
            output_add_value(pages->table, shoal_client_get(item, "id"));
            add_score(pages->table, item);
            add_cells(session, pages->table, options->fields, &pages->columns, shoal_client_get(item, "fields"));
            add_reasons(pages->table, item);
        }
    }
}

static void begin_table(const struct session *session, const struct command_options *options, struct pages *pages) {
    pages->table = output_table_create(session->format, stdout);
    output_column(pages->table, "user", false);
    output_column(pages->table, "item", false);
    output_column(pages->table, "score", true);
    add_columns(session, pages->table, "items", options->fields, &pages->columns);
    output_column(pages->table, "why", false);
}

int run_feeds(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    const char *where = word_count > 0 ? words[0] : NULL;
    char *cursor = strdup("");
    struct pages pages = {.table = NULL};
    bool done = true;
    if ((where == NULL) == (options->users == NULL)) {
        (void)fputs("shoal: feeds needs an expression, or --users a,b\n", stderr);
        free(cursor);
        return 2;
    }
    if (options->fields != NULL) fields_learn(session);
    if (session->format != OUTPUT_JSON) begin_table(session, options, &pages);
    for (bool more = true; more && done;) {
        struct shoal_client_answer answer;
        done = cursor != NULL && ask_page(session, options, where, cursor, &answer);
        if (!done) break;
        if (pages.table == NULL)
            (void)print_document(answer.result);
        else
            print_page(session, options, &pages, answer.result);
        size_t length = 0;
        const char *next = shoal_client_text(shoal_client_get(answer.result, "cursor"), &length);
        more = next != NULL && options->all;
        free(cursor);
        cursor = next == NULL ? NULL : strndup(next, length);
    }
    free(cursor);
    if (pages.table != NULL) output_table_finish(pages.table);
    if (done && session->format == OUTPUT_TABLE) (void)printf("%u feeds\n", pages.feed_count);
    return done ? 0 : 1;
}
