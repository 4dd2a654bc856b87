/* command_score.c -- score put, get, list, remove.
 *
 *   shoal score put engagement '5 when did(view, last 7 days)' '2.5 of count(cart, last 30 days) up to 10' --digits 1
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

/* 5 when did(view), or 2.5 of count(cart) up to 10: pieces of the word, which stays as it is. */
struct part {
    bool is_weight;
    char amount[32];
    char *text; /* owned */
    char cap[32];
};

static bool fail_part(const char *word) {
    (void)fprintf(stderr,
                  "shoal score: '%s' is neither 'POINTS when EXPRESSION' nor 'WEIGHT of VALUE', perhaps 'up to CAP'\n",
                  word);
    return false;
}

/* A number up to the blank: letters in it are the server's to refuse. */
static bool copy_number(const char *begin, size_t count, char number[32]) {
    if (count == 0 || count >= 32) return false;
    memcpy(number, begin, count);
    number[count] = '\0';
    return true;
}

static const char *find_last(const char *text, const char *words) {
    const char *found = NULL;
    for (const char *at = strstr(text, words); at != NULL; at = strstr(at + 1, words))
        found = at;
    return found;
}

static bool read_part(const char *word, struct part *part) {
    *part = (struct part){.is_weight = false};
    const char *blank = strchr(word, ' ');
    if (blank == NULL || !copy_number(word, (size_t)(blank - word), part->amount)) return fail_part(word);
    const char *text = blank + 1;
    part->is_weight = strncmp(text, "of ", 3) == 0;
    if (!part->is_weight && strncmp(text, "when ", 5) != 0) return fail_part(word);
    text += part->is_weight ? 3 : 5;
    size_t count = strlen(text);
    const char *cap = part->is_weight ? find_last(text, " up to ") : NULL;
    if (cap != NULL) {
        if (!copy_number(cap + 7, strlen(cap + 7), part->cap)) return fail_part(word);
        count = (size_t)(cap - text);
    }
    part->text = malloc(count + 1);
    if (part->text == NULL) return fail_part(word);
    memcpy(part->text, text, count);
    part->text[count] = '\0';
    return true;
}

static void write_parts(struct shoal_client_writer *params, const struct part *parts, uint32_t count, bool is_weight) {
    uint32_t wanted = 0;
    for (uint32_t i = 0; i < count; i++)
        wanted += parts[i].is_weight == is_weight;
    shoal_client_write_literal(params, is_weight ? "weights" : "points");
    shoal_client_write_array(params, wanted);
    for (uint32_t i = 0; i < count; i++) {
        const struct part *part = &parts[i];
        if (part->is_weight != is_weight) continue;
        shoal_client_write_map(params, 2u + (part->cap[0] != '\0'));
        write_key_text(params, is_weight ? "value" : "when", part->text);
        write_key_text(params, is_weight ? "weight" : "points", part->amount);
        if (part->cap[0] != '\0') write_key_text(params, "cap", part->cap);
    }
}

static int send_put(struct session *session, const struct command_options *options, const char *name,
                    const struct part *parts, uint32_t count) {
    struct shoal_client_writer *params = new_params(3u + (options->digits != NULL) + (options->note != NULL));
    struct shoal_client_answer answer;
    write_key_text(params, "name", name);
    write_parts(params, parts, count, false);
    write_parts(params, parts, count, true);
    const bool is_right = options->digits == NULL || write_key_number(params, "digits", options->digits);
    if (options->note != NULL) write_key_text(params, "note", options->note);
    const bool sent = is_right && session_call(session, "score.put", params, NULL, &answer);
    shoal_client_writer_destroy(params);
    if (!is_right) return 2;
    if (!sent) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    const bool changed = shoal_client_boolean(shoal_client_get(answer.result, "changed"), false);
    (void)printf("%s: %s\n", name, changed ? "the plan is new" : "as it was");
    return 0;
}

static int put(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct part *parts = calloc(word_count, sizeof *parts);
    uint32_t count = 0;
    bool is_right = parts != NULL;
    for (uint32_t i = 1; i < word_count && is_right; i++)
        is_right = read_part(words[i], &parts[count++]);
    const int done = is_right ? send_put(session, options, words[0], parts, count) : 2;
    for (uint32_t i = 0; i < count; i++)
        free(parts[i].text);
    free(parts);
    return done;
}

static bool ask(struct session *session, const char *method, const char *name, struct shoal_client_answer *answer) {
    struct shoal_client_writer *params = new_params(name != NULL);
    if (name != NULL) write_key_text(params, "name", name);
    const bool sent = session_call(session, method, params, NULL, answer);
    shoal_client_writer_destroy(params);
    return sent;
}

static void add_parts(struct output_table *table, struct shoal_client_value parts, bool is_weight) {
    struct shoal_client_walk walk = shoal_client_walk_begin(parts);
    struct shoal_client_value part;
    while (shoal_client_walk_next(&walk, NULL, &part)) {
        char *text = output_cell(shoal_client_get(part, is_weight ? "value" : "when"));
        char *per = malloc(strlen(text) + 8);
        output_add_value(table, shoal_client_get(part, is_weight ? "weight" : "points"));
        if (per != NULL) (void)sprintf(per, "%s %s", is_weight ? "of" : "when", text);
        output_add(table, per == NULL ? text : per);
        output_add_value(table, shoal_client_get(part, "cap"));
        free(per);
        free(text);
    }
}

static int get(struct session *session, const char *name) {
    struct shoal_client_answer answer;
    if (!ask(session, "score.get", name, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "add", true);
    output_column(table, "per", false);
    output_column(table, "cap", true);
    add_parts(table, shoal_client_get(answer.result, "points"), false);
    add_parts(table, shoal_client_get(answer.result, "weights"), true);
    output_table_finish(table);
    return 0;
}

static void add_count(struct output_table *table, struct shoal_client_value array) {
    struct shoal_client_walk walk = shoal_client_walk_begin(array);
    struct shoal_client_value ignored;
    char digits[16];
    uint32_t count = 0;
    while (shoal_client_walk_next(&walk, NULL, &ignored))
        count++;
    (void)snprintf(digits, sizeof digits, "%u", count);
    output_add(table, digits);
}

static int list(struct session *session) {
    struct shoal_client_answer answer;
    if (!ask(session, "score.list", NULL, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    struct output_table *table = output_table_create(session->format, stdout);
    output_column(table, "name", false);
    output_column(table, "points", true);
    output_column(table, "weights", true);
    output_column(table, "digits", true);
    output_column(table, "note", false);
    struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(answer.result, "scores"));
    struct shoal_client_value score;
    while (shoal_client_walk_next(&walk, NULL, &score)) {
        output_add_value(table, shoal_client_get(score, "name"));
        add_count(table, shoal_client_get(score, "points"));
        add_count(table, shoal_client_get(score, "weights"));
        output_add_value(table, shoal_client_get(score, "digits"));
        output_add_value(table, shoal_client_get(score, "note"));
    }
    output_table_finish(table);
    return 0;
}

static int remove_one(struct session *session, const char *name) {
    struct shoal_client_answer answer;
    if (!ask(session, "score.remove", name, &answer)) return 1;
    if (session->format == OUTPUT_JSON) return print_document(answer.result);
    if (shoal_client_boolean(shoal_client_get(answer.result, "removed"), false)) {
        (void)printf("%s: removed\n", name);
        return 0;
    }
    (void)fprintf(stderr, "shoal: there is no scoring plan '%s'\n", name);
    return 1;
}

int run_score(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    if (strcmp(words[0], "put") == 0 && word_count >= 3) return put(session, options, words + 1, word_count - 1);
    if (strcmp(words[0], "list") == 0 && word_count == 1) return list(session);
    if (strcmp(words[0], "get") == 0 && word_count == 2) return get(session, words[1]);
    if (strcmp(words[0], "remove") == 0 && word_count == 2) return remove_one(session, words[1]);
    (void)fputs(
        "shoal score: put NAME 'POINTS when EXPRESSION' ... 'WEIGHT of VALUE up to CAP' ... [--digits N] [--note "
        "TEXT], get NAME, list, or remove NAME\n",
        stderr);
    return 2;
}
