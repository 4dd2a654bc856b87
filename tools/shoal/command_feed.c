/* command_feed.c -- feed-why: the fate of one item in somebody's feed; served: a feed that another system showed; unlist:
 * items that are not to be shown any more. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "question.h"

/* ---- feed-why ---- */

static bool text_is(struct shoal_client_value value, const char *text) {
    return shoal_client_text_is(value, text);
}

/* Why it is not in the feed, in words for people: by stage. */
static const char *stage_words(struct shoal_client_value stage) {
    static const char *const words[][2] = {
        {"catalogue", "it is not listed"},
        {"eligible", "the workspace's rule `eligible` does not allow it"},
        {"scene", "the scene's rule `eligible` does not allow it"},
        {"store", "it is another store's"},
        {"target", "it is for other people"},
        {"filter", "the request's filter does not allow it"},
        {"consent", "the user has not agreed to it"},
        {"excluded", "the request excludes it"},
        {"cursor", "it was on an earlier page"},
        {"held", "it is held back"},
        {"score", "others have higher scores"},
        {"place", "its score would do, but places went to others"},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (text_is(stage, words[i][0])) return words[i][1];
    return "it was kept out";
}

static void print_fate(struct shoal_client_value fate) {
    char room[32];
    const struct shoal_client_value stage = shoal_client_get(fate, "stage");
    char *item = output_cell(shoal_client_get(fate, "item"));
    char *rules = output_cell(shoal_client_get(fate, "rules"));
    char *name = output_cell(stage);
    const int64_t rank = shoal_client_integer(shoal_client_get(fate, "rank"), 0);
    output_shown(item, stdout);
    if (shoal_client_boolean(shoal_client_get(fate, "shown"), false))
        (void)printf(" is in the feed, in place %lld",
                     (long long)shoal_client_integer(shoal_client_get(fate, "place"), 0));
    else
        (void)printf(" is not in the feed: %s (%s)", stage_words(stage), name);
    if (rules[0] != '\0') (void)printf(", by %s", rules);
    (void)printf("\n%s candidates", print_grouped(shoal_client_integer(shoal_client_get(fate, "candidates"), 0), room));
    if (rank > 0) (void)printf(", %s with a higher score", print_grouped(rank - 1, room));
    if (shoal_client_value_kind(shoal_client_get(fate, "score")) != SHOAL_CLIENT_ABSENT)
        (void)printf("; score %.4f, the feed's last item has %.4f",
                     shoal_client_real(shoal_client_get(fate, "score"), 0),
                     shoal_client_real(shoal_client_get(fate, "last_score"), 0));
    (void)putchar('\n');
    free(item);
    free(rules);
    free(name);
}

static void add_part(struct output_table *table, const char *what, const char *why, double value, double most) {
    char cell[40];
    (void)snprintf(cell, sizeof cell, "%.4f", value);
    output_add(table, what);
    output_add(table, why);
    output_add(table, cell);
    output_add_bar(table, most > 0 ? fabs(value) / most : 0);
}

/* Contributions, which add up to the score, then the reasons that are behind them. */
static void print_parts(const struct session *session, struct shoal_client_value fate) {
    struct output_table *table = output_table_create(session->format, stdout);
    struct shoal_client_value name;
    struct shoal_client_value value;
    double most = 0;
    output_column(table, "part", false);
    output_column(table, "of", false);
    output_column(table, "value", true);
    output_column_bar(table);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(fate, "contributions"));
    while (shoal_client_walk_next(&walk, NULL, &value))
        most = fmax(most, fabs(shoal_client_real(value, 0)));
    walk = shoal_client_walk_begin(shoal_client_get(fate, "contributions"));
    while (shoal_client_walk_next(&walk, &name, &value)) {
        char *feature = output_cell(name);
        if (shoal_client_real(value, 0) != 0) add_part(table, feature, "", shoal_client_real(value, 0), most);
        free(feature);
    }
    walk = shoal_client_walk_begin(shoal_client_get(fate, "reasons"));
    while (shoal_client_walk_next(&walk, NULL, &value)) {
        char *kind = output_cell(shoal_client_get(value, "kind"));
        char *of = output_cell(shoal_client_get(value, "name"));
        char reason[80];
        (void)snprintf(reason, sizeof reason, "because: %.60s", kind);
        add_part(table, reason, of, shoal_client_real(shoal_client_get(value, "value"), 0), most);
        free(kind);
        free(of);
    }
    output_table_finish(table);
}

int run_feed_why(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct question question = question_begin(NULL, options);
    struct shoal_client_answer answer;
    question_text(&question, "user", word_count > 1 ? words[0] : NULL);
    question_text(&question, "item", words[word_count - 1]);
    question_feed(&question, options);
    if (!question_send(session, &question, "feed.explain", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (session->format == OUTPUT_TABLE) print_fate(answer.result);
    if (shoal_client_value_kind(shoal_client_get(answer.result, "score")) != SHOAL_CLIENT_ABSENT)
        print_parts(session, answer.result);
    return 0;
}

/* ---- served ---- */

int run_served(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct question question = question_begin(NULL, options);
    struct shoal_client_answer answer;
    question_text(&question, "rec_id", words[0]);
    question_text(&question, "user", options->user);
    shoal_client_write_literal(question.params, "items");
    shoal_client_write_array(question.params, word_count - 1);
    for (uint32_t i = 1; i < word_count; i++)
        shoal_client_write_literal(question.params, words[i]);
    question.pair_count++;
    question_json(&question, options->with);
    if (!question_send(session, &question, "feed.served", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("%s: %u items were shown\n", words[0], word_count - 1);
    return 0;
}

/* ---- unlist ---- */

int run_unlist(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct question question = question_begin(NULL, options);
    struct shoal_client_answer answer;
    shoal_client_write_literal(question.params, "ids");
    shoal_client_write_array(question.params, word_count);
    for (uint32_t i = 0; i < word_count; i++)
        shoal_client_write_literal(question.params, words[i]);
    question.pair_count++;
    if (!question_send(session, &question, "item.remove", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("not listed any more: %lld\n",
                 (long long)shoal_client_integer(shoal_client_get(answer.result, "removed"), 0));
    const struct shoal_client_value unknown = shoal_client_get(answer.result, "unknown");
    if (shoal_client_count(unknown) == 0) return 0;
    char *ids = output_cell(unknown);
    (void)fputs("shoal: these were not listed: ", stderr);
    output_shown(ids, stderr);
    (void)fputc('\n', stderr);
    free(ids);
    return 1;
}
