#include "question.h"

#include <stdlib.h>
#include <string.h>

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

static void write_object(struct shoal_client_writer *params, const json_t *object) {
    json_t *source = (json_t *)(uintptr_t)object; /* the walk takes no const; nothing is changed */
    shoal_client_write_map(params, (uint32_t)json_object_size(object));
    for (void *at = json_object_iter(source); at != NULL; at = json_object_iter_next(source, at)) {
        shoal_client_write_literal(params, json_object_iter_key(at));
        write_json(params, json_object_iter_value(at));
    }
}

void write_json(struct shoal_client_writer *params, const json_t *value) {
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        write_object(params, value);
        return;
    case JSON_ARRAY:
        shoal_client_write_array(params, (uint32_t)json_array_size(value));
        for (size_t i = 0; i < json_array_size(value); i++)
            write_json(params, json_array_get(value, i));
        return;
    case JSON_STRING:
        shoal_client_write_text(params, json_string_value(value), json_string_length(value));
        return;
    case JSON_INTEGER:
        shoal_client_write_integer(params, json_integer_value(value));
        return;
    case JSON_REAL:
        shoal_client_write_real(params, json_real_value(value));
        return;
    case JSON_TRUE:
        shoal_client_write_boolean(params, true);
        return;
    case JSON_FALSE:
        shoal_client_write_boolean(params, false);
        return;
    case JSON_NULL:
        shoal_client_write_nil(params);
        return;
    }
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
        write_json(question->params, json_object_iter_value(at));
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
