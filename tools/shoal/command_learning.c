/* command_learning.c -- `shoal learning`: how well a feed learns; `shoal impressions`: what it showed, as lines of a file. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

enum { PAGE = 1000 };

/* ---- learning ---- */

static void add_shown(struct output_table *table, const char *what, struct shoal_client_value shown) {
    static const char *const goals[] = {"click", "cart", "purchase"};
    const double looks = shoal_client_real(shoal_client_get(shown, "shown"), 0);
    const double clicks = shoal_client_real(shoal_client_get(shown, "click"), 0);
    char cell[32];
    output_add(table, what);
    output_add_value(table, shoal_client_get(shown, "shown"));
    for (uint32_t i = 0; i < 3; i++)
        output_add_value(table, shoal_client_get(shown, goals[i]));
    (void)snprintf(cell, sizeof cell, "%.2f", looks > 0 ? 100 * clicks / looks : 0);
    output_add(table, cell);
    output_add_bar(table, looks > 0 ? clicks / looks : 0);
}

static void print_shown(const struct session *session, struct shoal_client_value result) {
    static const char *const heads[] = {"shown", "clicks", "carts", "purchases", "click %"};
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_value name;
    struct shoal_client_value value;
    char text[64];
    output_column(table, "where", false);
    for (uint32_t i = 0; i < 5; i++)
        output_column(table, heads[i], true);
    output_column_bar(table);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "sources"));
    while (shoal_client_walk_next(&walk, &name, &value)) {
        size_t count;
        const char *bytes = shoal_client_text(name, &count);
        (void)snprintf(text, sizeof text, "by %.*s", (int)count, bytes);
        add_shown(table, text, value);
    }
    walk = shoal_client_walk_begin(shoal_client_get(result, "places"));
    for (uint32_t place = 1; shoal_client_walk_next(&walk, NULL, &value); place++) {
        (void)snprintf(text, sizeof text, "place %u", place);
        add_shown(table, text, value);
    }
    add_shown(table, "explored places", shoal_client_get(result, "explored"));
    output_table_finish(table);
}

static void print_goals(const struct session *session, struct shoal_client_value result) {
    static const char *const keys[] = {"acts", "examples", "loss", "loss_blend", "loss_rate", "weights", "used"};
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_value name;
    struct shoal_client_value goal;
    output_column(table, "goal", false);
    for (uint32_t i = 0; i < 7; i++)
        output_column(table, keys[i], i < 6);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(result, "goals"));
    while (shoal_client_walk_next(&walk, &name, &goal)) {
        output_add_value(table, name);
        for (uint32_t i = 0; i < 7; i++) {
            const struct shoal_client_value value = shoal_client_get(goal, keys[i]);
            char cell[32];
            (void)snprintf(cell, sizeof cell, "%.4f", shoal_client_real(value, 0));
            if (strncmp(keys[i], "loss", 4) == 0)
                output_add(table, cell);
            else
                output_add_value(table, value);
        }
    }
    output_table_finish(table);
}

int run_learning(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct shoal_client_answer answer;
    (void)options;
    (void)words;
    (void)word_count;
    struct shoal_client_writer *params = new_params(0);
    const bool is_done = session_call(session, "feed.learning", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!is_done) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (session->format == OUTPUT_TABLE) {
        print_goals(session, answer.result);
        (void)putchar('\n');
    }
    print_shown(session, answer.result);
    return 0;
}

/* ---- impressions ---- */

static const char *const item_keys[] = {"place",    "id",    "score", "propensity", "predicted",
                                        "explored", "click", "cart",  "purchase",   "amount"};
enum { ITEM_KEY_COUNT = sizeof item_keys / sizeof *item_keys };

static uint64_t add_page(struct output_table *table, struct shoal_client_value impressions) {
    struct shoal_client_value impression;
    struct shoal_client_value item;
    uint64_t count = 0;
    struct shoal_client_walk walk = shoal_client_walk_begin(impressions);
    while (shoal_client_walk_next(&walk, NULL, &impression)) {
        struct shoal_client_walk items = shoal_client_walk_begin(shoal_client_get(impression, "items"));
        while (shoal_client_walk_next(&items, NULL, &item)) {
            output_add_value(table, shoal_client_get(impression, "rec_id"));
            output_add_value(table, shoal_client_get(impression, "time"));
            for (uint32_t i = 0; i < ITEM_KEY_COUNT; i++)
                output_add_value(table, shoal_client_get(item, item_keys[i]));
        }
        count++;
    }
    return count;
}

/* A page of the log; *after and *more are of the answer. JSON: a document each. */
static bool print_page(struct session *session, struct output_table *table, uint64_t limit, int64_t *after,
                       bool *more) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *params = new_params(2);
    shoal_client_write_literal(params, "after");
    shoal_client_write_integer(params, *after);
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, (int64_t)limit);
    const bool is_done = session_call(session, "feed.impressions", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!is_done) return false;
    const struct shoal_client_value impressions = shoal_client_get(answer.result, "impressions");
    *after = shoal_client_integer(shoal_client_get(answer.result, "after"), 0);
    *more = shoal_client_boolean(shoal_client_get(answer.result, "more"), false);
    if (table == NULL)
        (void)print_document(impressions);
    else
        (void)add_page(table, impressions);
    return true;
}

int run_impressions(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    int64_t after = 0;
    bool more = true;
    bool is_well = true;
    (void)words;
    (void)word_count;
    uint64_t limit = options->limit != NULL ? strtoull(options->limit, NULL, 10) : 100;
    if (limit < 1 || limit > PAGE * 10) limit = PAGE;
    struct output_table *table = session->format == OUTPUT_JSON ? NULL : output_table_create(session->format, stdout);
    if (table != NULL) {
        output_column(table, "rec_id", false);
        output_column(table, "time", false);
        for (uint32_t i = 0; i < ITEM_KEY_COUNT; i++)
            output_column(table, item_keys[i], i != 1);
    }
    do
        is_well = print_page(session, table, options->all ? PAGE : limit, &after, &more);
    while (is_well && more && options->all);
    if (table != NULL) output_table_finish(table);
    return is_well ? 0 : 1;
}
