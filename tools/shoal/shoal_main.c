/* shoal_main.c -- shoal: ask a Shoal server from the command line. See shoal(1). */
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "command_fields.h"

/* "--addr X" or "--addr=X": the value, and how many words it took. NULL when it is another option, or has none. */
static const char *option_value(const char *word, const char *next, const char *name, int *used) {
    const size_t length = strlen(name);
    if (strncmp(word, name, length) != 0) return NULL;
    *used = word[length] == '=' ? 1 : 2;
    if (*used == 1) return word + length + 1;
    return word[length] == '\0' ? next : NULL;
}

/* From the file, without the line's end; NULL (and words) when there is none. The memory is the program's. */
static const char *read_token(const char *path) {
    static char token[256];
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        (void)fprintf(stderr, "shoal: %s: %s\n", path, strerror(errno));
        return NULL;
    }
    const bool is_there = fgets(token, sizeof token, file) != NULL;
    (void)fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    if (is_there && token[0] != '\0') return token;
    (void)fprintf(stderr, "shoal: %s holds no token\n", path);
    return NULL;
}

/* A token on the command line would be seen by everybody who lists processes, so there is no flag for it. */
static bool find_token(struct session *session, const char *path) {
    const char *token = getenv("SHOAL_TOKEN");
    if (path == NULL && token == NULL) path = getenv("SHOAL_TOKEN_FILE");
    session->token = path != NULL && path[0] != '\0' ? read_token(path) : token;
    return session->token != NULL || path == NULL || path[0] == '\0';
}

int main(int argument_count, char **arguments) {
    /* Only which bytes are characters: numbers, months and JSON are written the same everywhere. */
    (void)setlocale(LC_CTYPE, "");
    if (MB_CUR_MAX == 1) (void)setlocale(LC_CTYPE, "C.UTF-8"); /* widths of Chinese characters, whatever LANG says */
    const char *address = getenv("SHOAL_ADDR");
    struct session session = {.address = address != NULL && address[0] != '\0' ? address : "127.0.0.1:7717"};
    const char *token_file = NULL;
    int at = 1;
    for (int used = 0; at < argument_count; at += used) {
        const char *name = arguments[at];
        if (name == NULL || name[0] != '-') break;
        const char *next = at + 1 < argument_count ? arguments[at + 1] : NULL;
        const char *value;
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
            command_usage(stdout);
            return 0;
        }
        if (strcmp(name, "--version") == 0) {
            (void)puts("shoal " SHOAL_VERSION);
            return 0;
        }
        if (strcmp(name, "--plain") == 0) {
            session.is_plain = true;
            used = 1;
        } else if ((value = option_value(name, next, "--addr", &used)) != NULL)
            session.address = value;
        else if ((value = option_value(name, next, "--workspace", &used)) != NULL)
            session.workspace = value;
        else if ((value = option_value(name, next, "--token-file", &used)) != NULL)
            token_file = value;
        else if ((value = option_value(name, next, "--format", &used)) == NULL ||
                 !output_format_of(value, &session.format)) {
            (void)fprintf(stderr, "shoal: %s is not known, or lacks its value\n\n", name);
            command_usage(stderr);
            return 2;
        }
    }
    if (!find_token(&session, token_file)) return 2;
    const int status = at == argument_count ? shell_run(&session)
                                            : command_run(&session, arguments + at, (uint32_t)(argument_count - at));
    fields_forget(&session);
    shoal_client_close(session.client);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("shoal: standard output");
        return 1;
    }
    return status;
}
