/* shoal_main.c -- shoal: ask a Shoal server from the command line. See shoal(1). */
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

int main(int argument_count, char **arguments) {
    (void)setlocale(LC_ALL, "");
    if (MB_CUR_MAX == 1) (void)setlocale(LC_CTYPE, "C.UTF-8"); /* widths of Chinese characters, whatever LANG says */
    const char *address = getenv("SHOAL_ADDR");
    struct session session = {.address = address != NULL && address[0] != '\0' ? address : "127.0.0.1:7717"};
    int at = 1;
    while (at < argument_count && strncmp(arguments[at], "--", 2) == 0) {
        const char *name = arguments[at];
        if (strcmp(name, "--help") == 0) {
            command_usage(stdout);
            return 0;
        }
        if (strcmp(name, "--version") == 0) {
            (void)puts("shoal " SHOAL_VERSION);
            return 0;
        }
        const char *value = at + 1 < argument_count ? arguments[at + 1] : NULL;
        if (value != NULL && strcmp(name, "--addr") == 0)
            session.address = value;
        else if (value != NULL && strcmp(name, "--workspace") == 0)
            session.workspace = value;
        else if (value != NULL && strcmp(name, "--format") == 0 && output_format_of(value, &session.format)) {
        } else {
            (void)fprintf(stderr, "shoal: %s is not known, or lacks its value\n\n", name);
            command_usage(stderr);
            return 2;
        }
        at += 2;
    }
    const int status = at == argument_count ? shell_run(&session)
                                            : command_run(&session, arguments + at, (uint32_t)(argument_count - at));
    shoal_client_close(session.client);
    if (fflush(stdout) != 0) {
        perror("shoal");
        return 1;
    }
    return status;
}
