/* command_segment.c -- segment put, get, list, remove, of. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static int64_t integer_of(struct shoal_client_value map, const char *key) {
    return shoal_client_integer(shoal_client_get(map, key), 0);
}

static int put(struct session *session, const struct command_options *options, char **words) {
    static const char *const keys[] = {"name", "where", "note"};
    char *const texts[] = {words[0], words[1], (char *)(uintptr_t)options->note};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "segment.put", keys, texts, 3, words[1], &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s: version %" PRId64 "%s\n", words[0], integer_of(answer.result, "version"),
                 changed ? "" : ", as it was");
    return 0;
}

static int get(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "segment.get", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "version", true);
    output_column(table, "where", false);
    output_column(table, "note", false);
    output_column(table, "uses", false);
    output_column(table, "used_by", false);
    static const char *const shown[] = {"version", "where", "note", "uses", "used_by"};
    for (uint32_t i = 0; i < 5; i++)
        output_add_value(table, shoal_client_get(answer.result, shown[i]));
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "earlier"));
    struct shoal_client_value earlier;
    while (shoal_client_walk_next(&walk, NULL, &earlier)) {
        for (uint32_t i = 0; i < 5; i++)
            output_add_value(table, shoal_client_get(earlier, shown[i]));
    }
    output_table_finish(table);
    return 0;
}

static void add_share(struct output_table *table, int64_t count, int64_t total) {
    char share[32] = "";
    if (total > 0) (void)snprintf(share, sizeof share, "%.1f %%", 100.0 * (double)count / (double)total);
    output_add(table, share);
}

/* For people a share and grouped digits; for programs the plain numbers. */
static int list(struct session *session, const struct command_options *options) {
    static const char *const keys[] = {"now"};
    char *const texts[] = {(char *)(uintptr_t)options->now};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "segment.list", keys, texts, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool is_table = session->format == OUTPUT_TABLE;
    const int64_t total = integer_of(answer.result, "total");
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "name", false);
    output_column(table, is_table ? "users" : "count", true);
    output_column(table, is_table ? "share" : "total", true);
    output_column(table, "version", true);
    output_column(table, "where", false);
    output_column(table, "note", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "segments"));
    struct shoal_client_value segment;
    while (shoal_client_walk_next(&walk, NULL, &segment)) {
        char room[32];
        const struct shoal_client_value count = shoal_client_get(segment, "count");
        const int64_t number = shoal_client_integer(count, -1);
        output_add_value(table, shoal_client_get(segment, "name"));
        if (is_table && number >= 0) {
            output_add(table, print_grouped(number, room));
            add_share(table, number, total);
        } else {
            output_add_value(table, count);
            output_add_value(table, shoal_client_get(answer.result, "total"));
        }
        output_add_value(table, shoal_client_get(segment, "version"));
        output_add_value(table, shoal_client_get(segment, "where"));
        const struct shoal_client_value problem = shoal_client_get(segment, "problem");
        output_add_value(table, number < 0 ? problem : shoal_client_get(segment, "note"));
    }
    output_table_finish(table);
    return 0;
}

static int remove_one(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "segment.remove", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (shoal_client_boolean(shoal_client_get(answer.result, "removed"), false)) {
        (void)printf("%s: removed\n", words[0]);
        return 0;
    }
    (void)fprintf(stderr, "shoal: there is no segment '%s'\n", words[0]);
    return 1;
}

static int of_user(struct session *session, const struct command_options *options, char **words) {
    static const char *const keys[] = {"user", "now"};
    char *const texts[] = {words[0], (char *)(uintptr_t)options->now};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "segment.of_user", keys, texts, 2, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "segments"));
    struct shoal_client_value name;
    while (shoal_client_walk_next(&walk, NULL, &name)) {
        char *text = output_cell(name);
        if (session->format == OUTPUT_CSV)
            output_csv_cell(text, stdout);
        else
            (void)fputs(text, stdout);
        (void)fputc('\n', stdout);
        free(text);
    }
    return 0;
}

int run_segment(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    static const struct {
        const char *name;
        uint32_t word_count;
    } verbs[] = {{"put", 2}, {"get", 1}, {"list", 0}, {"remove", 1}, {"of", 1}};
    uint32_t verb = 0;
    while (verb < 5 && strcmp(verbs[verb].name, words[0]) != 0)
        verb++;
    if (verb == 5 || word_count - 1 != verbs[verb].word_count) {
        (void)fputs("shoal segment: put NAME EXPRESSION [--note TEXT], get NAME, list, remove NAME, or of USER\n",
                    stderr);
        return 2;
    }
    switch (verb) {
    case 0:
        return put(session, options, words + 1);
    case 1:
        return get(session, words + 1);
    case 2:
        return list(session, options);
    case 3:
        return remove_one(session, words + 1);
    default:
        return of_user(session, options, words + 1);
    }
}
