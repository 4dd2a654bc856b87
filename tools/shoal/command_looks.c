/* command_looks.c -- insight: what an audience is like, dimension by dimension. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command_bars.h"

/* ---- The question ---- */

static void write_settings(struct shoal_client_writer *params, const struct command_options *options, bool *failed,
                           uint32_t *pair_count) {
    if (options->top != NULL) {
        *failed |= !write_key_number(params, "top", options->top);
        ++*pair_count;
    }
    if (options->bins != NULL) {
        *failed |= !write_key_number(params, "bins", options->bins);
        ++*pair_count;
    }
}

/* One map for each name of a list; returns how many. */
static uint32_t write_names(struct shoal_client_writer *params, const struct command_options *options,
                            const char *names, const char *events, bool *failed) {
    uint32_t count = 0;
    for (char *name; names != NULL && next_name(&names, &name); free(name), count++) {
        uint32_t pair_count = 1;
        const size_t map = shoal_client_begin_map(params);
        write_key_text(params, "of", name);
        if (events != NULL) {
            write_key_text(params, "events", events);
            pair_count++;
        } else if (options->order != NULL) {
            write_key_text(params, "order", options->order);
            pair_count++;
        }
        write_settings(params, options, failed, &pair_count);
        shoal_client_end(params, map, pair_count);
    }
    return count;
}

static uint32_t write_dimensions(struct shoal_client_writer *params, const struct command_options *options,
                                 bool *failed) {
    uint32_t count = write_names(params, options, options->of, NULL, failed);
    if (options->events != NULL) {
        count += write_names(params, options, options->by, options->events, failed);
        if (options->by == NULL) { /* alone: day by day */
            shoal_client_write_map(params, 2);
            write_key_text(params, "events", options->events);
            write_key_text(params, "per", "day");
            count++;
        }
    }
    if (options->cross != NULL) {
        uint32_t pair_count = 1;
        const size_t map = shoal_client_begin_map(params);
        write_key_list(params, "cross", options->cross);
        if (options->top != NULL) {
            *failed |= !write_key_number(params, "top", options->top);
            pair_count++;
        }
        shoal_client_end(params, map, pair_count);
        count++;
    }
    return count;
}

/* ---- Tables ---- */

static void add_number(const struct session *session, struct output_table *table, struct shoal_client_value value) {
    char room[40];
    if (session->format == OUTPUT_TABLE && shoal_client_value_kind(value) == SHOAL_CLIENT_INTEGER) {
        output_add(table, print_grouped(shoal_client_integer(value, 0), room));
    } else if (session->format == OUTPUT_TABLE && shoal_client_value_kind(value) == SHOAL_CLIENT_REAL) {
        (void)snprintf(room, sizeof room, "%.2f", shoal_client_real(value, 0));
        output_add(table, room);
    } else {
        output_add_value(table, value);
    }
}

static void add_share(const struct session *session, struct output_table *table, struct shoal_client_value value) {
    char room[32];
    if (session->format == OUTPUT_TABLE)
        output_add(table, print_percent(shoal_client_real(value, 0), room));
    else
        output_add_value(table, value);
}

/* Columns by name: a name that ends in "share" is a percentage; with a bar for `measure` behind them. */
static void print_list(const struct session *session, struct shoal_client_value list, const char *const *names,
                       uint32_t name_count, const char *measure) {
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < name_count; i++)
        output_column(table, names[i], i > 0);
    output_column_bar(table);
    struct shoal_client_walk walk = shoal_client_walk_begin(list);
    struct shoal_client_value row;
    double most = 0;
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        const double size = (double)get_integer(row, measure);
        if (size > most) most = size;
    }
    walk = shoal_client_walk_begin(list);
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        for (uint32_t i = 0; i < name_count; i++) {
            const struct shoal_client_value cell = shoal_client_get(row, names[i]);
            if (i == 0)
                output_add_value(table, cell);
            else if (strstr(names[i], "share") != NULL)
                add_share(session, table, cell);
            else
                add_number(session, table, cell);
        }
        output_add_bar(table, most == 0 ? 0 : (double)get_integer(row, measure) / most);
    }
    output_table_finish(table);
}

static void print_numbers(const struct session *session, struct shoal_client_value dimension) {
    static const char *const names[] = {"count", "missing", "users", "sum", "mean", "min", "max"};
    static const char *const bins[] = {"from", "to", "count"};
    if (session->format == OUTPUT_TABLE) {
        for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
            const struct shoal_client_value value = shoal_client_get(dimension, names[i]);
            if (shoal_client_value_kind(value) <= SHOAL_CLIENT_NIL) continue;
            char *text = output_cell(value);
            (void)printf("%s%s %s", i == 0 ? "" : "   ", names[i], text);
            free(text);
        }
        (void)fputc('\n', stdout);
        struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(dimension, "percentiles"));
        struct shoal_client_value pair, cell;
        for (bool first = true; shoal_client_walk_next(&walk, NULL, &pair); first = false) {
            struct shoal_client_walk cells = shoal_client_walk_begin(pair);
            for (uint32_t i = 0; shoal_client_walk_next(&cells, NULL, &cell); i++) {
                char *text = output_cell(cell);
                (void)printf("%s%s", i == 0 ? (first ? "" : "   ") : " % ", text);
                free(text);
            }
        }
        (void)fputc('\n', stdout);
    }
    print_list(session, shoal_client_get(dimension, "histogram"), bins, 3, "count");
}

/* The largest count of a crossed table: its darkest cell. */
static int64_t find_most(struct shoal_client_value counts) {
    struct shoal_client_walk rows = shoal_client_walk_begin(counts);
    struct shoal_client_value row, cell;
    int64_t most = 0;
    while (shoal_client_walk_next(&rows, NULL, &row)) {
        struct shoal_client_walk cells = shoal_client_walk_begin(row);
        while (shoal_client_walk_next(&cells, NULL, &cell))
            if (shoal_client_integer(cell, 0) > most) most = shoal_client_integer(cell, 0);
    }
    return most;
}

static void add_shaded(const struct session *session, struct output_table *table, struct shoal_client_value count,
                       int64_t most) {
    char number[32], shaded[40];
    if (session->format != OUTPUT_TABLE) {
        output_add_value(table, count);
        return;
    }
    const int64_t users = shoal_client_integer(count, 0);
    (void)snprintf(shaded, sizeof shaded, "%s%s", print_grouped(users, number),
                   output_shade(most == 0 ? 0 : (double)users / (double)most));
    output_add(table, shaded);
}

static void print_cross(const struct session *session, struct shoal_client_value dimension) {
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_value value, row;
    output_column(table, "", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(dimension, "columns"));
    while (shoal_client_walk_next(&walk, NULL, &value)) {
        char *name = output_cell(value);
        output_column(table, name[0] == '\0' ? "(none)" : name, true);
        free(name);
    }
    const int64_t most = find_most(shoal_client_get(dimension, "counts"));
    struct shoal_client_walk names = shoal_client_walk_begin(shoal_client_get(dimension, "rows"));
    walk = shoal_client_walk_begin(shoal_client_get(dimension, "counts"));
    while (shoal_client_walk_next(&walk, NULL, &row) && shoal_client_walk_next(&names, NULL, &value)) {
        char *name = output_cell(value);
        output_add(table, name[0] == '\0' ? "(none)" : name);
        free(name);
        struct shoal_client_walk cells = shoal_client_walk_begin(row);
        while (shoal_client_walk_next(&cells, NULL, &value))
            add_shaded(session, table, value, most);
    }
    output_table_finish(table);
}

static bool is_kind(struct shoal_client_value dimension, const char *kind) {
    size_t length = 0;
    const char *text = shoal_client_text(shoal_client_get(dimension, "kind"), &length);
    return text != NULL && strlen(kind) == length && memcmp(text, kind, length) == 0;
}

/* "city", "purchase, last 30 days: store", "city x tier" */
static void print_head(struct shoal_client_value dimension) {
    char *of = output_cell(shoal_client_get(dimension, "of"));
    char *with = output_cell(shoal_client_get(dimension, "with"));
    char *events = output_cell(shoal_client_get(dimension, "events"));
    (void)printf("\n%s%s%s%s%s", events, events[0] != '\0' ? ": " : "", of[0] == '\0' ? "day by day" : of,
                 with[0] == '\0' ? "" : " x ", with);
    const struct shoal_client_value different = shoal_client_get(dimension, "different");
    char room[32];
    if (shoal_client_value_kind(different) == SHOAL_CLIENT_INTEGER)
        (void)printf(" (%s different)", print_grouped(shoal_client_integer(different, 0), room));
    (void)fputc('\n', stdout);
    free(of);
    free(with);
    free(events);
}

static void print_dimension(const struct session *session, struct shoal_client_value dimension) {
    static const char *const values[] = {"value", "count", "share", "base", "index"};
    static const char *const event_values[] = {"value", "users", "user_share", "events", "event_share"};
    static const char *const days[] = {"day", "users", "events"};
    if (session->format == OUTPUT_TABLE) print_head(dimension);
    if (is_kind(dimension, "values"))
        print_list(session, shoal_client_get(dimension, "values"), values, 5, "count");
    else if (is_kind(dimension, "event_values"))
        print_list(session, shoal_client_get(dimension, "values"), event_values, 5, "users");
    else if (is_kind(dimension, "days"))
        print_list(session, shoal_client_get(dimension, "days"), days, 3, "events");
    else if (is_kind(dimension, "cross"))
        print_cross(session, dimension);
    else
        print_numbers(session, dimension);
}

int run_insight(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    bool failed = false;
    const char *expression = word_count == 0 ? "true" : words[0];
    struct shoal_client_writer *params = new_params(2u + (options->now != NULL) + (options->base != NULL));
    write_key_text(params, "where", expression);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    if (options->base != NULL) write_key_text(params, "base", options->base);
    shoal_client_write_literal(params, "dimensions");
    const size_t array = shoal_client_begin_array(params);
    const uint32_t count = write_dimensions(params, options, &failed);
    shoal_client_end(params, array, count);
    if (count == 0) {
        (void)fputs("shoal insight: say what to look at: --of city,tags or --events \"purchase, last 30 days\"\n",
                    stderr);
        failed = true;
    }
    struct shoal_client_answer answer;
    const bool sent = !failed && session_call(session, "audience.insight", params, expression, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return failed ? 2 : 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "dimensions"));
    struct shoal_client_value dimension;
    char a[32], b[32], took[32];
    if (session->format == OUTPUT_TABLE)
        (void)printf("%s users, against %s, in %s\n", print_grouped(get_integer(answer.result, "count"), a),
                     print_grouped(get_integer(answer.result, "base"), b),
                     print_took(get_integer(answer.result, "took_us"), took));
    while (shoal_client_walk_next(&walk, NULL, &dimension))
        print_dimension(session, dimension);
    return 0;
}
