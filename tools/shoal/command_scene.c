/* command_scene.c -- scene put, get, list, remove: the rules of feeds by the place where they are shown. */
#include <stdlib.h>
#include <string.h>

#include "json_params.h"
#include "question.h"

static int put(struct session *session, const struct command_options *options, char **words) {
    struct question question = question_begin(NULL, options);
    struct shoal_client_answer answer;
    json_t *rules = json_of_word(words[1]);
    question_text(&question, "name", words[0]);
    question.failed |= rules == NULL;
    if (rules != NULL) {
        shoal_client_write_literal(question.params, "rules");
        json_params_write(question.params, rules);
        question.pair_count++;
    }
    json_decref(rules);
    if (!question_send(session, &question, "scene.put", &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s: %s\n", words[0], changed ? "in force" : "as it was");
    return 0;
}

/* A rule a line. */
static void add_rules(struct output_table *table, struct shoal_client_value scene) {
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(scene, "rules"));
    struct shoal_client_value rule;
    struct shoal_client_value value;
    while (shoal_client_walk_next(&walk, &rule, &value)) {
        char *text = NULL;
        size_t length = 0;
        FILE *out = open_memstream(&text, &length);
        if (out == NULL) exit(1);
        output_json(value, out);
        (void)fclose(out);
        output_add_value(table, shoal_client_get(scene, "name"));
        output_add_value(table, rule);
        output_add(table, text);
        free(text);
    }
}

static struct output_table *begin_table(const struct session *session) {
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "scene", false);
    output_column(table, "rule", false);
    output_column(table, "is", false);
    return table;
}

static int get(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "scene.get", keys, words, 1, NULL, &answer)) return 1;
    /* As it was put, so that it can be changed and put again. */
    if (session->format == OUTPUT_JSON) return print_document(shoal_client_get(answer.result, "rules"));
    struct output_table *table = begin_table(session);
    add_rules(table, answer.result);
    output_table_finish(table);
    return 0;
}

static int list(struct session *session) {
    struct shoal_client_answer answer;
    struct shoal_client_value scene;
    if (!call_with_texts(session, "scene.list", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = begin_table(session);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "scenes"));
    while (shoal_client_walk_next(&walk, NULL, &scene))
        add_rules(table, scene);
    output_table_finish(table);
    return 0;
}

static int remove_one(struct session *session, char **words) {
    static const char *const keys[] = {"name"};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "scene.remove", keys, words, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (shoal_client_boolean(shoal_client_get(answer.result, "removed"), false)) {
        (void)printf("%s: removed\n", words[0]);
        return 0;
    }
    (void)fprintf(stderr, "shoal: there is no scene '%s'\n", words[0]);
    return 1;
}

int run_scene(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (strcmp(words[0], "put") == 0 && word_count == 3) return put(session, options, words + 1);
    if (strcmp(words[0], "get") == 0 && word_count == 2) return get(session, words + 1);
    if (strcmp(words[0], "list") == 0 && word_count == 1) return list(session);
    if (strcmp(words[0], "remove") == 0 && word_count == 2) return remove_one(session, words + 1);
    (void)fputs("shoal scene: put NAME RULES (JSON, @FILE or -), get NAME, list, or remove NAME\n", stderr);
    return 2;
}
