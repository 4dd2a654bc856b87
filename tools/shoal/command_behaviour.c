/* command_behaviour.c -- funnel, retention: what people do one after another and whether they come back, as tables and
 * bars. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command_bars.h"

static bool is_nil(struct shoal_client_value value) {
    return shoal_client_value_kind(value) <= SHOAL_CLIENT_NIL; /* or absent */
}

static void add_count(const struct session *session, struct output_table *table, struct shoal_client_value count) {
    char number[32];
    if (session->format == OUTPUT_TABLE)
        output_add(table, print_grouped(shoal_client_integer(count, 0), number));
    else
        output_add_value(table, count);
}

/* "34.5 %", or the number itself; nothing when it is nil. */
static void add_share(const struct session *session, struct output_table *table, struct shoal_client_value share) {
    char percent[32] = "";
    if (session->format != OUTPUT_TABLE || is_nil(share)) {
        output_add_value(table, share);
        return;
    }
    (void)snprintf(percent, sizeof percent, "%.1f %%", 100 * shoal_client_real(share, 0));
    output_add(table, percent);
}

/* "3 d 4 h", "2 h 10 min", "45 s": two units say enough. */
static const char *print_span(int64_t seconds, char room[32]) {
    if (seconds >= 86400)
        (void)snprintf(room, 32, "%" PRId64 " d %" PRId64 " h", seconds / 86400, seconds % 86400 / 3600);
    else if (seconds >= 3600)
        (void)snprintf(room, 32, "%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds % 3600 / 60);
    else if (seconds >= 60)
        (void)snprintf(room, 32, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
    else
        (void)snprintf(room, 32, "%" PRId64 " s", seconds);
    return room;
}

static void add_span(const struct session *session, struct output_table *table, struct shoal_client_value seconds) {
    char room[32];
    if (session->format != OUTPUT_TABLE || is_nil(seconds))
        output_add_value(table, seconds);
    else
        output_add(table, print_span(shoal_client_integer(seconds, 0), room));
}

/* ---- funnel ---- */

static void print_steps(const struct session *session, struct shoal_client_value result) {
    struct output_table *table = output_table_create(session->format, stdout);
    const bool is_table = session->format == OUTPUT_TABLE;
    output_column(table, "step", false);
    output_column(table, "users", true);
    output_column(table, is_table ? "of first" : "of_first", true);
    output_column(table, is_table ? "of previous" : "of_previous", true);
    output_column(table, is_table ? "after first" : "from_first_s", true);
    output_column(table, is_table ? "after previous" : "from_previous_s", true);
    output_column_bar(table);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "steps"));
    struct shoal_client_value step;
    while (shoal_client_walk_next(&walk, NULL, &step)) {
        output_add_value(table, shoal_client_get(step, "step"));
        add_count(session, table, shoal_client_get(step, "users"));
        add_share(session, table, shoal_client_get(step, "of_first"));
        add_share(session, table, shoal_client_get(step, "of_previous"));
        add_span(session, table, shoal_client_get(step, "from_first_s"));
        add_span(session, table, shoal_client_get(step, "from_previous_s"));
        output_add_bar(table, shoal_client_real(shoal_client_get(step, "of_first"), 0));
    }
    output_table_finish(table);
}

/* One row of the table by an attribute: the counts, and the share of the first step that came to the last. */
static void add_by_row(const struct session *session, struct output_table *table, struct shoal_client_value users) {
    struct shoal_client_walk walk = shoal_client_walk_begin(users);
    struct shoal_client_value count;
    int64_t first = 0;
    int64_t last = 0;
    for (bool is_first = true; shoal_client_walk_next(&walk, NULL, &count); is_first = false) {
        last = shoal_client_integer(count, 0);
        if (is_first) first = last;
        add_count(session, table, count);
    }
    if (session->format != OUTPUT_TABLE) return;
    char percent[32] = "";
    if (first > 0) (void)snprintf(percent, sizeof percent, "%.1f %%", 100 * (double)last / (double)first);
    output_add(table, percent);
}

static void print_by(const struct session *session, struct shoal_client_value result, struct shoal_client_value by) {
    struct output_table *table = output_table_create(session->format, stdout);
    char *name = output_cell(shoal_client_get(by, "attribute"));
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "steps"));
    struct shoal_client_value row;
    output_column(table, name, false);
    free(name);
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        char *step = output_cell(shoal_client_get(row, "step"));
        output_column(table, step, true);
        free(step);
    }
    if (session->format == OUTPUT_TABLE) output_column(table, "to the end", true);
    walk = shoal_client_walk_begin(shoal_client_get(by, "values"));
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        output_add_value(table, shoal_client_get(row, "value"));
        add_by_row(session, table, shoal_client_get(row, "users"));
    }
    output_add(table, "(others)");
    add_by_row(session, table, shoal_client_get(by, "others"));
    output_add(table, "(without)");
    add_by_row(session, table, shoal_client_get(by, "missing"));
    output_table_finish(table);
}

int run_funnel(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    (void)word_count;
    struct shoal_client_writer *params = new_params(1u + (options->among != NULL) + (options->by != NULL) +
                                                    (options->top != NULL) + (options->now != NULL));
    write_key_text(params, "sequence", words[0]);
    if (options->among != NULL) write_key_text(params, "among", options->among);
    if (options->by != NULL) write_key_text(params, "by", options->by);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    bool sent = options->top == NULL || write_key_number(params, "top", options->top);
    sent = sent && session_call(session, "audience.funnel", params, words[0], &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const struct shoal_client_value by = shoal_client_get(answer.result, "by");
    if (session->format == OUTPUT_TABLE || is_nil(by)) print_steps(session, answer.result);
    if (!is_nil(by)) {
        if (session->format == OUTPUT_TABLE) (void)fputc('\n', stdout);
        print_by(session, answer.result, by);
    }
    if (session->format != OUTPUT_TABLE) return 0;
    char among[32], took[32];
    (void)printf("among %s users, in %s\n", print_grouped(get_integer(answer.result, "among"), among),
                 print_took(get_integer(answer.result, "took_us"), took));
    return 0;
}

/* ---- retention ---- */

/* As many columns of the grid as a terminal holds beside the heads; CSV has all of them. */
enum { GRID_COLUMNS_MAX = 13 };

static double share_of(int64_t count, int64_t users) {
    return users > 0 ? (double)count / (double)users : 0;
}

/* The largest share in the grid: the darkest cell. */
static double find_most(struct shoal_client_value cohorts) {
    struct shoal_client_walk walk = shoal_client_walk_begin(cohorts);
    struct shoal_client_value cohort, count;
    double most = 0;
    while (shoal_client_walk_next(&walk, NULL, &cohort)) {
        struct shoal_client_walk counts = shoal_client_walk_begin(shoal_client_get(cohort, "returned"));
        while (shoal_client_walk_next(&counts, NULL, &count)) {
            const double share = share_of(shoal_client_integer(count, 0), get_integer(cohort, "users"));
            if (share > most) most = share;
        }
    }
    return most;
}

/* One cohort: shares for people, shaded by their part of the largest; counts for programs. */
static void add_cohort(const struct session *session, struct output_table *table, struct shoal_client_value cohort,
                       uint32_t column_count, double most) {
    const int64_t users = get_integer(cohort, "users");
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(cohort, "returned"));
    struct shoal_client_value count;
    output_add_value(table, shoal_client_get(cohort, "start"));
    add_count(session, table, shoal_client_get(cohort, "users"));
    for (uint32_t i = 0; i < column_count; i++) {
        char percent[32] = "";
        const bool has_count = shoal_client_walk_next(&walk, NULL, &count);
        if (has_count && session->format != OUTPUT_TABLE) {
            output_add_value(table, count);
            continue;
        }
        const double share = has_count ? share_of(shoal_client_integer(count, 0), users) : 0;
        if (has_count && users > 0)
            (void)snprintf(percent, sizeof percent, "%.1f %%%s", 100 * share,
                           output_shade(most > 0 ? share / most : 0));
        output_add(table, percent);
    }
}

static void print_grid(const struct session *session, struct shoal_client_value cohorts) {
    struct output_table *table = output_table_create(session->format, stdout);
    uint32_t column_count = shoal_client_count(cohorts);
    if (session->format == OUTPUT_TABLE && column_count > GRID_COLUMNS_MAX) column_count = GRID_COLUMNS_MAX;
    output_column(table, "cohort", false);
    output_column(table, "users", true);
    for (uint32_t i = 0; i < column_count; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "+%u", i);
        output_column(table, name, true);
    }
    struct shoal_client_walk walk = shoal_client_walk_begin(cohorts);
    struct shoal_client_value cohort;
    const double most = find_most(cohorts);
    while (shoal_client_walk_next(&walk, NULL, &cohort))
        add_cohort(session, table, cohort, column_count, most);
    output_table_finish(table);
}

/* "again within": the running sum at days that people ask for. */
static void print_again(const struct session *session, struct shoal_client_value again) {
    static const uint32_t asked[] = {1, 3, 7, 14, 30, 60, 90, 180, 365};
    const int64_t users = get_integer(again, "users");
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(again, "days"));
    const uint32_t day_count = shoal_client_count(shoal_client_get(again, "days"));
    struct shoal_client_value count;
    int64_t sum = 0;
    uint32_t day = 0;
    output_column(table, "again within", false);
    output_column(table, "users", true);
    output_column(table, "share", true);
    output_column_bar(table);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0] && (i == 0 || asked[i - 1] < day_count); i++) {
        char days[32], number[32], percent[32];
        for (; day < asked[i] && shoal_client_walk_next(&walk, NULL, &count); day++)
            sum += shoal_client_integer(count, 0);
        const double share = users == 0 ? 0 : (double)sum / (double)users;
        (void)snprintf(days, sizeof days, "%u day%s", asked[i], asked[i] == 1 ? "" : "s");
        output_add(table, days);
        output_add(table, print_grouped(sum, number));
        output_add(table, print_percent(share, percent));
        output_add_bar(table, share);
    }
    output_table_finish(table);
}

static void print_active(const struct session *session, struct shoal_client_value active) {
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_walk walk = shoal_client_walk_begin(active);
    struct shoal_client_value period;
    output_column(table, "period", false);
    output_column(table, "active users", true);
    output_column(table, "a day", true);
    output_column(table, "stickiness", true);
    output_column_bar(table);
    while (shoal_client_walk_next(&walk, NULL, &period)) {
        char a_day[32];
        const double days = (double)get_integer(period, "days");
        const struct shoal_client_value stickiness = shoal_client_get(period, "stickiness");
        output_add_value(table, shoal_client_get(period, "start"));
        add_count(session, table, shoal_client_get(period, "users"));
        (void)snprintf(a_day, sizeof a_day, "%.1f", (double)get_integer(period, "user_days") / days);
        output_add(table, a_day);
        add_share(session, table, stickiness);
        output_add_bar(table, shoal_client_real(stickiness, 0));
    }
    output_table_finish(table);
}

int run_retention(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct shoal_client_writer *params =
        new_params(1u + (word_count > 1) + (options->period != NULL) + (options->periods != NULL) +
                   (options->among != NULL) + (options->now != NULL));
    write_key_text(params, "first", words[0]);
    if (word_count > 1) write_key_text(params, "return", words[1]);
    if (options->period != NULL) write_key_text(params, "period", options->period);
    if (options->among != NULL) write_key_text(params, "among", options->among);
    if (options->now != NULL) write_key_text(params, "now", options->now);
    struct shoal_client_answer answer;
    bool sent = options->periods == NULL || write_key_number(params, "periods", options->periods);
    sent = sent && session_call(session, "audience.retention", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    print_grid(session, shoal_client_get(answer.result, "cohorts"));
    if (session->format != OUTPUT_TABLE) return 0;
    (void)fputc('\n', stdout);
    print_again(session, shoal_client_get(answer.result, "again"));
    (void)fputc('\n', stdout);
    print_active(session, shoal_client_get(answer.result, "active"));
    char among[32], took[32];
    (void)printf("among %s users, in %s\n", print_grouped(get_integer(answer.result, "among"), among),
                 print_took(get_integer(answer.result, "took_us"), took));
    return 0;
}
