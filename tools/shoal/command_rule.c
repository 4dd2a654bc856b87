/* command_rule.c -- rule put, get, list, remove. */
#include <inttypes.h>
#include <string.h>

#include "command.h"

enum { PUT_WORDS = 4 };

static int put(struct session *session, const struct command_options *options, char **words) {
    static const char *const keys[PUT_WORDS] = {"name", "on", "tag_set", "tag"};
    struct shoal_client_writer *params =
        new_params(PUT_WORDS + (uint32_t)(options->ttl != NULL) + (uint32_t)(options->note != NULL) + options->past);
    struct shoal_client_answer answer;
    for (uint32_t i = 0; i < PUT_WORDS; i++)
        write_key_text(params, keys[i], words[i]);
    bool done = options->ttl == NULL || write_key_number(params, "ttl_days", options->ttl);
    if (options->note != NULL) write_key_text(params, "note", options->note);
    if (options->past) {
        shoal_client_write_literal(params, "past");
        shoal_client_write_boolean(params, true);
    }
    done = done && session_call(session, "rule.put", params, words[1], &answer);
    shoal_client_writer_destroy(params);
    if (!done) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s: %s\n", words[0], changed ? "in force" : "as it was");
    return 0;
}

static int list(struct session *session) {
    static const char *const shown[] = {"name", "on", "tag_set", "tag", "ttl_days", "given", "note"};
    enum { SHOWN_COUNT = sizeof shown / sizeof shown[0], TTL = 4, GIVEN = 5 };
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "rule.list", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    for (uint32_t i = 0; i < SHOWN_COUNT; i++)
        output_column(table, shown[i], i == TTL || i == GIVEN);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "rules"));
    struct shoal_client_value rule;
    while (shoal_client_walk_next(&walk, NULL, &rule)) {
        for (uint32_t i = 0; i < SHOWN_COUNT; i++)
            output_add_value(table, shoal_client_get(rule, shown[i]));
    }
    output_table_finish(table);
    return 0;
}

static int get(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    struct shoal_client_value name;
    struct shoal_client_value value;
    if (!call_with_texts(session, "rule.get", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "rule", false);
    output_column(table, "is", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(answer.result);
    while (shoal_client_walk_next(&walk, &name, &value)) {
        if (shoal_client_text_is(name, "took_us")) continue;
        output_add_value(table, name);
        output_add_value(table, value);
    }
    output_table_finish(table);
    return 0;
}

static int remove_one(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "rule.remove", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (shoal_client_boolean(shoal_client_get(answer.result, "removed"), false)) {
        (void)printf("%s: removed\n", words[0]);
        return 0;
    }
    (void)fprintf(stderr, "shoal: there is no rule '%s'\n", words[0]);
    return 1;
}

int run_rule(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (strcmp(words[0], "put") == 0 && word_count == PUT_WORDS + 1) return put(session, options, words + 1);
    if (strcmp(words[0], "get") == 0 && word_count == 2) return get(session, words + 1);
    if (strcmp(words[0], "list") == 0 && word_count == 1) return list(session);
    if (strcmp(words[0], "remove") == 0 && word_count == 2) return remove_one(session, words + 1);
    (void)fputs(
        "shoal rule: put NAME EVENT TAG_SET TAG [--ttl DAYS] [--note TEXT] [--past], get NAME, list, or remove NAME\n",
        stderr);
    return 2;
}
