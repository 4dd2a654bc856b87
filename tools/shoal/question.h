/* question.h -- the params of a question, put together from what was typed; and JSON as params. */
#ifndef SHOAL_QUESTION_H
#define SHOAL_QUESTION_H

#include <jansson.h>

#include "command.h"

/* The open map of a question: `where`, and what the options say of all questions (`now`, `for`). What is NULL is left out
 * by those that follow; question_send closes it, calls, and lets go of it. */
struct question {
    struct shoal_client_writer *params;
    size_t map;
    uint32_t pair_count;
    const char *expression; /* in which an error is shown */
    bool failed;            /* and the fault was told */
};

struct question question_begin(const char *expression, const struct command_options *options);
/* What a feed is asked with, but for whom. */
void question_feed(struct question *question, const struct command_options *options);
void question_text(struct question *question, const char *key, const char *text);
void question_number(struct question *question, const char *key, const char *text);
void question_list(struct question *question, const char *key, const char *list);
void question_flag(struct question *question, const char *key, bool flag);
/* The pairs of a JSON object: what no option of the command says. */
void question_json(struct question *question, const char *text);
bool question_send(struct session *session, struct question *question, const char *method,
                   struct shoal_client_answer *answer);

/* A JSON value: the text itself, or of the file behind an @, or "-" for standard input. NULL (and words) when it cannot
 * be read; json_decref it. */
json_t *json_of_word(const char *word);

#endif
