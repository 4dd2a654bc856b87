/* client_ask_app.c -- a program of somebody else: each question of shoal/client.h, once. Prints what it is told.
 *
 *   client_ask_app ADDRESS          client_ask_test.py has the server, the people and the right answers
 */
#include <inttypes.h>
#include <shoal/client.h>
#include <stdio.h>
#include <stdlib.h>

static struct shoal_client *client;
static struct shoal_client_answer answer;
static struct shoal_client_error error;

static void fail(const char *what) {
    (void)fprintf(stderr, "%s: %d %s: %s\n", what, error.code, error.status, error.message);
    exit(1);
}

/* A question of texts. */
static void ask(const char *method, const char *const *params) {
    if (shoal_client_ask(client, method, params, &answer, &error) != SHOAL_CLIENT_OK) fail(method);
}

/* A question with numbers or lists. */
static void call(const char *method, struct shoal_client_writer *params) {
    if (shoal_client_call(client, method, params, SHOAL_CLIENT_IDEMPOTENT, &answer, &error) != SHOAL_CLIENT_OK)
        fail(method);
    shoal_client_writer_clear(params);
}

static void print(struct shoal_client_value value) {
    struct shoal_client_walk walk = shoal_client_walk_begin(value);
    struct shoal_client_value element;
    size_t byte_count;
    const char *text = shoal_client_text(value, &byte_count);
    switch (shoal_client_value_kind(value)) {
    case SHOAL_CLIENT_TEXT:
        (void)printf(" %.*s", (int)byte_count, text);
        break;
    case SHOAL_CLIENT_INTEGER:
        (void)printf(" %" PRId64, shoal_client_integer(value, 0));
        break;
    case SHOAL_CLIENT_REAL:
        (void)printf(" %.2f", shoal_client_real(value, 0));
        break;
    case SHOAL_CLIENT_BOOLEAN:
        (void)printf(" %s", shoal_client_boolean(value, false) ? "yes" : "no");
        break;
    default: /* a list: what is in it; nil: nothing */
        while (shoal_client_walk_next(&walk, NULL, &element))
            print(element);
    }
}

/* Of each map of the list, what the keys name; a line for each. */
static void print_rows(struct shoal_client_value list, const char *const *keys) {
    struct shoal_client_walk walk = shoal_client_walk_begin(list);
    struct shoal_client_value row;
    while (shoal_client_walk_next(&walk, NULL, &row)) {
        for (const char *const *key = keys; *key != NULL; key++)
            print(shoal_client_get(row, *key));
        (void)putchar('\n');
    }
}

static void ask_what_they_do(void) {
    static const char *const funnel[] = {"sequence", "sequence(view -> cart -> purchase, within 3 days)",
                                         "among",    "city = 'Lisbon'",
                                         "by",       NULL, /* left out */
                                         NULL};
    static const char *const step[] = {"step", "users", "from_first_s", "reached", NULL};
    static const char *const retention[] = {"first", "view", "return", "purchase", "period", "week", NULL};
    static const char *const cohort[] = {"start", "users", "returned", NULL};
    (void)puts("funnel");
    ask("audience.funnel", funnel);
    print_rows(shoal_client_get(answer.result, "steps"), step);
    (void)puts("retention");
    ask("audience.retention", retention);
    print_rows(shoal_client_get(answer.result, "cohorts"), cohort);
}

static void ask_what_they_are_like(struct shoal_client_writer *params) {
    static const char *const value[] = {"value", "count", "base", "index", NULL};
    (void)puts("insight");
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "where");
    shoal_client_write_literal(params, "did(purchase)");
    shoal_client_write_literal(params, "dimensions");
    shoal_client_write_array(params, 1);
    shoal_client_write_literal(params, "city");
    call("audience.insight", params);
    print_rows(shoal_client_get(shoal_client_at(shoal_client_get(answer.result, "dimensions"), 0), "values"), value);

    (void)puts("overlap");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "sets");
    shoal_client_write_array(params, 2);
    shoal_client_write_literal(params, "did(cart)");
    shoal_client_write_literal(params, "city = 'Lisbon'");
    call("audience.overlap", params);
    print(shoal_client_get(answer.result, "matrix"));
    (void)putchar('\n');

    (void)puts("lookalike");
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "seeds");
    shoal_client_write_literal(params, "did(purchase)");
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, 5);
    call("audience.lookalike", params);
    print(shoal_client_get(answer.result, "ids"));
    (void)putchar('\n');
}

static void ask_why(void) {
    static const char *const waterfall[] = {"where", "did(cart) and city = 'Lisbon'", NULL};
    static const char *const clause[] = {"clause", "alone", "after", "removed", "only", NULL};
    static const char *const why[] = {"user", "u4", "where", "did(cart) and city = 'Lisbon'", NULL};
    static const char *const line[] = {"depth", "holds", "clause", "found", NULL};
    (void)puts("waterfall");
    ask("audience.waterfall", waterfall);
    print_rows(shoal_client_get(answer.result, "steps"), clause);
    (void)puts("why");
    ask("audience.why", why);
    print_rows(shoal_client_get(answer.result, "lines"), line);
    print(shoal_client_get(answer.result, "matches"));
    (void)putchar('\n');
}

static void ask_for_segments_and_scores(void) {
    static const char *const buyers[] = {"name", "buyers", "where", "did(purchase)", NULL};
    static const char *const user[] = {"user", "u4", NULL};
    static const char *const plan[] = {"event", "purchase", NULL};
    static const char *const cell[] = {"segment", "users", "amount", NULL};
    (void)puts("segments");
    ask("segment.put", buyers);
    ask("segment.of_user", user);
    print(shoal_client_get(answer.result, "segments"));
    (void)putchar('\n');
    (void)puts("rfm");
    ask("rfm.put", plan);
    ask("rfm.refresh", NULL);
    ask("audience.rfm", NULL);
    print_rows(shoal_client_get(answer.result, "cells"), cell);
}

int main(int argument_count, char **arguments) {
    static const char *const wrong[] = {"where", "did(prchase)", NULL};
    if (argument_count != 2) return 2;
    if (shoal_client_open(arguments[1], NULL, &client, &error) != SHOAL_CLIENT_OK) fail("open");
    struct shoal_client_writer *params = shoal_client_writer_create();
    ask_what_they_do();
    ask_what_they_are_like(params);
    ask_why();
    ask_for_segments_and_scores();
    if (shoal_client_ask(client, "audience.waterfall", wrong, &answer, &error) != SHOAL_CLIENT_ERR_NAME) return 1;
    (void)printf("refused: %s\n", error.message);
    shoal_client_writer_destroy(params);
    shoal_client_close(client);
    return 0;
}
