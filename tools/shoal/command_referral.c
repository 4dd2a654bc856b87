/* command_referral.c -- referral put, refresh, and the plan. */
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* ATTRIBUTE, then a name and an expression for each count. */
static int put(struct session *session, char **words, uint32_t word_count) {
    struct shoal_client_writer *params = new_params(2);
    struct shoal_client_answer answer;
    write_key_text(params, "inviter", words[0]);
    shoal_client_write_literal(params, "counts");
    shoal_client_write_array(params, (word_count - 1) / 2);
    for (uint32_t i = 1; i + 1 < word_count; i += 2) {
        shoal_client_write_map(params, 2);
        write_key_text(params, "name", words[i]);
        write_key_text(params, "where", words[i + 1]);
    }
    /* Where a fault stands can be shown if there is one expression only. */
    const bool done = session_call(session, "referral.put", params, word_count == 3 ? words[2] : NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!done) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s\n", changed ? "in force; the next refresh counts" : "as it was");
    return 0;
}

static int refresh(struct session *session, const struct command_options *options) {
    static const char *const keys[] = {"now"};
    char *const texts[] = {(char *)(uintptr_t)options->now};
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "referral.refresh", keys, texts, 1, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    (void)printf("counted\n");
    return 0;
}

static int show(struct session *session) {
    struct shoal_client_answer answer;
    if (!call_with_texts(session, "referral.get", NULL, NULL, 0, NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "field", false);
    output_column(table, "counts", false);
    output_add(table, "invited.users");
    char *inviter = output_cell(shoal_client_get(answer.result, "inviter"));
    char about[160];
    (void)snprintf(about, sizeof about, "users whose %.100s it is", inviter);
    free(inviter);
    output_add(table, about);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "counts"));
    struct shoal_client_value count;
    while (shoal_client_walk_next(&walk, NULL, &count)) {
        char *name = output_cell(shoal_client_get(count, "name"));
        char field[96];
        (void)snprintf(field, sizeof field, "invited.%.80s", name);
        free(name);
        output_add(table, field);
        output_add_value(table, shoal_client_get(count, "where"));
    }
    output_table_finish(table);
    return 0;
}

int run_referral(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (word_count == 0) return show(session);
    if (strcmp(words[0], "refresh") == 0 && word_count == 1) return refresh(session, options);
    if (strcmp(words[0], "put") == 0 && word_count >= 2 && word_count % 2 == 0)
        return put(session, words + 1, word_count - 1);
    (void)fputs("shoal referral: put ATTRIBUTE [NAME EXPRESSION] ..., refresh, or nothing\n", stderr);
    return 2;
}
