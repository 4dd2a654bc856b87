/* command_call.c -- call: any method of the protocol, with params as JSON; what no other command is for. */
#include "json_params.h"
#include "question.h"

int run_call(struct session *session, const struct command_options *options, char **words, uint32_t word_count) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    struct shoal_client_answer answer;
    json_t *said = word_count > 1 ? json_of_word(words[1]) : json_object();
    (void)options;
    if (params == NULL || said == NULL) {
        shoal_client_writer_destroy(params);
        json_decref(said);
        return 2;
    }
    json_params_write(params, said);
    /* Where an error's position is in an expression, it is shown there. */
    const char *expression = json_string_value(json_object_get(said, "where"));
    if (expression == NULL) expression = json_string_value(json_object_get(said, "filter"));
    const bool done = session_call(session, words[0], params, expression, &answer);
    shoal_client_writer_destroy(params);
    json_decref(said);
    return done ? print_document(answer.result) : 1;
}
