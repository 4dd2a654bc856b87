/* shell.c -- `shoal` started bare: a line at a time, with history and completion by libedit.
 *
 * A line is a command as on the command line, with the expression unquoted and its options before it:
 *   list --limit 5 city = '成都'
 * A line that is no command is an expression, and is counted. History is kept in ~/.shoal_history.
 */
#include <editline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "command.h"

enum { WORD_COUNT_MAX = 4096, HISTORY_LINE_COUNT_MAX = 1000 };

/* What TAB knows: commands, the language's words, and the names of the workspace. */
static char *known_words[WORD_COUNT_MAX];
static uint32_t known_count;

static void know(const char *word, size_t length) {
    if (known_count == WORD_COUNT_MAX) return;
    char *copy = strndup(word, length);
    if (copy != NULL) known_words[known_count++] = copy;
}

static void know_value(struct shoal_client_value value) {
    size_t length = 0;
    const char *text = shoal_client_text(value, &length);
    if (text != NULL) know(text, length);
}

static void know_names(struct shoal_client_value list) {
    struct shoal_client_walk walk = shoal_client_walk_begin(list);
    struct shoal_client_value entry, label;
    while (shoal_client_walk_next(&walk, NULL, &entry)) {
        know_value(shoal_client_get(entry, "name"));
        struct shoal_client_walk labels = shoal_client_walk_begin(shoal_client_get(entry, "labels"));
        while (shoal_client_walk_next(&labels, NULL, &label))
            know_value(label);
        know_names(shoal_client_get(entry, "properties"));
    }
}

static void learn_words(struct session *session) {
    static const char *const language[] = {"and",         "or",         "not",
                                           "in",          "between",    "is missing",
                                           "has any",     "has all",    "has none",
                                           "has",         "did",        "count",
                                           "sum",         "avg",        "min",
                                           "max",         "first",      "last",
                                           "days_since",  "where",      "days",
                                           "hours",       "minutes",    "today",
                                           "yesterday",   "this month", "previous month",
                                           "starts with", "contains",   "under",
                                           "sample",      "sequence",   "within",
                                           "strict"};
    for (uint32_t i = 0; i < command_count; i++)
        know(commands[i].name, strlen(commands[i].name));
    for (size_t i = 0; i < sizeof language / sizeof language[0]; i++)
        know(language[i], strlen(language[i]));
    struct shoal_client_writer *params = new_params(0);
    struct shoal_client_answer answer;
    if (session_call(session, "schema.get", params, NULL, &answer)) {
        static const char *const kinds[] = {"users", "items"};
        for (uint32_t i = 0; i < 2; i++) {
            const struct shoal_client_value rows = shoal_client_get(answer.result, kinds[i]);
            know_names(shoal_client_get(rows, "attributes"));
            know_names(shoal_client_get(rows, "tag_sets"));
        }
        know_names(shoal_client_get(answer.result, "events"));
    }
    shoal_client_writer_destroy(params);
}

static char *next_match(const char *start, int state) {
    static uint32_t at;
    if (state == 0) at = 0;
    const size_t length = strlen(start);
    while (at < known_count) {
        const char *word = known_words[at++];
        if (strncmp(word, start, length) == 0) return strdup(word);
    }
    return NULL;
}

static char **complete(const char *word, int start, int end) {
    (void)start;
    (void)end;
    rl_attempted_completion_over = 1; /* no names of files */
    return rl_completion_matches(word, next_match);
}

static int run_script(struct session *session) {
    char *line = NULL;
    size_t capacity = 0;
    int status = 0;
    for (bool leave = false; !leave && getline(&line, &capacity, stdin) > 0;)
        if (command_run_line(session, line, &leave) != 0) status = 1;
    free(line);
    return status;
}

int shell_run(struct session *session) {
    if (!session_connect(session)) return 1;
    if (isatty(STDIN_FILENO) != 1) return run_script(session);
    learn_words(session);
    static char program[] = "shoal";
    rl_readline_name = program;
    rl_attempted_completion_function = complete;
    rl_initialize();
    using_history();
    stifle_history(HISTORY_LINE_COUNT_MAX);
    char history_path[4096] = "";
    const char *home = getenv("HOME");
    if (home != NULL) (void)snprintf(history_path, sizeof history_path, "%s/.shoal_history", home);
    if (history_path[0] != '\0') (void)read_history(history_path);
    (void)printf("Shoal at %s. An expression is counted; `help` lists the commands, Ctrl-D leaves.\n",
                 session->address);
    bool leave = false;
    for (char *line; !leave && (line = readline("shoal> ")) != NULL; free(line)) {
        if (line[0] != '\0') (void)add_history(line);
        (void)command_run_line(session, line, &leave);
        (void)fflush(stdout);
    }
    if (!leave) (void)putchar('\n'); /* behind the prompt that Ctrl-D ended */
    if (history_path[0] != '\0') {
        const mode_t mask = umask(077); /* expressions name people */
        (void)write_history(history_path);
        (void)umask(mask);
    }
    for (uint32_t i = 0; i < known_count; i++)
        free(known_words[i]);
    known_count = 0;
    return 0;
}
