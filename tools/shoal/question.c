#include "question.h"

#include <stdlib.h>
#include <string.h>

#include "json_params.h"

/* ---- JSON ---- */

static json_t *read_json(const char *word, json_error_t *fault) {
    const size_t flags = JSON_DECODE_ANY | JSON_REJECT_DUPLICATES;
    if (strcmp(word, "-") == 0) return json_loadf(stdin, flags, fault);
    if (word[0] == '@') return json_load_file(word + 1, flags, fault);
    return json_loads(word, flags, fault);
}

json_t *json_of_word(const char *word) {
    json_error_t fault;
    json_t *value = read_json(word, &fault);
    if (value != NULL) return value;
    (void)fputs("shoal: JSON: ", stderr);
    output_shown(fault.text, stderr);
    if (fault.line > 0) (void)fprintf(stderr, " (line %d, column %d)", fault.line, fault.column);
    (void)fputc('\n', stderr);
    return NULL;
}

/* ---- Questions ---- */

struct question question_begin(const char *expression, const struct command_options *options) {
    struct question question = {.params = shoal_client_writer_create(), .expression = expression};
    if (question.params == NULL) {
        (void)fputs("shoal: no memory\n", stderr);
        exit(1);
    }
    question.map = shoal_client_begin_map(question.params);
    question_text(&question, "where", expression);
    question_text(&question, "now", options->now);
    question_text(&question, "for", options->purpose);
    return question;
}

void question_feed(struct question *question, const struct command_options *options) {
    question_list(question, "session", options->session);
    question_number(question, "count", options->count != NULL ? options->count : "10");
    question_number(question, "seed", options->seed);
    question_text(question, "filter", options->filter);
    question_list(question, "exclude", options->exclude);
    question_text(question, "scene", options->scene);
    question_text(question, "store", options->store);
    question_json(question, options->with);
    question->expression = options->filter;
}

void question_text(struct question *question, const char *key, const char *text) {
    if (text == NULL) return;
    write_key_text(question->params, key, text);
    question->pair_count++;
}

void question_number(struct question *question, const char *key, const char *text) {
    if (text == NULL) return;
    question->failed |= !write_key_number(question->params, key, text);
    question->pair_count++;
}

void question_list(struct question *question, const char *key, const char *list) {
    if (list == NULL) return;
    write_key_list(question->params, key, list);
    question->pair_count++;
}

void question_flag(struct question *question, const char *key, bool flag) {
    if (!flag) return;
    shoal_client_write_literal(question->params, key);
    shoal_client_write_boolean(question->params, true);
    question->pair_count++;
}

void question_json(struct question *question, const char *text) {
    if (text == NULL) return;
    json_t *value = json_of_word(text);
    if (value != NULL && !json_is_object(value))
        (void)fputs("shoal: what is said with --with is a JSON object: '{\"mmr\": 0.3}', or @FILE\n", stderr);
    question->failed |= !json_is_object(value);
    for (void *at = json_object_iter(value); at != NULL; at = json_object_iter_next(value, at)) {
        shoal_client_write_literal(question->params, json_object_iter_key(at));
        json_params_write(question->params, json_object_iter_value(at));
        question->pair_count++;
    }
    json_decref(value);
}

bool question_send(struct session *session, struct question *question, const char *method,
                   struct shoal_client_answer *answer) {
    shoal_client_end(question->params, question->map, question->pair_count);
    const bool sent =
        !question->failed && session_call(session, method, question->params, question->expression, answer);
    shoal_client_writer_destroy(question->params);
    return sent;
}
