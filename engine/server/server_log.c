#include "server_log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 1024 };

static const char *const level_words[] = {"error", "warn", "info", "debug"};
static enum sh_log_level level_now = SH_LOG_INFO;

void sh_log_set_level(enum sh_log_level level) {
    level_now = level;
}

enum sh_status sh_log_level_parse(const char *word, enum sh_log_level *level, struct sh_error *err) {
    for (size_t i = 0; i < sizeof level_words / sizeof level_words[0]; i++) {
        if (strcmp(word, level_words[i]) != 0) continue;
        *level = (enum sh_log_level)i;
        return SH_OK;
    }
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the log level is error, warn, info or debug, not \"%s\"", word);
}

void sh_log(enum sh_log_level level, const char *format, ...) {
    if (level > level_now) return;
    char line[LINE_BYTES_MAX];
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    size_t used = strftime(line, sizeof line, "%Y-%m-%dT%H:%M:%S", &parts);
    used +=
        (size_t)snprintf(line + used, sizeof line - used, ".%03ldZ %-5s ", now.tv_nsec / 1000000, level_words[level]);
    va_list arguments;
    va_start(arguments, format);
    const int wanted = vsnprintf(line + used, sizeof line - used - 1, format, arguments);
    va_end(arguments);
    if (wanted > 0) used += (size_t)wanted < sizeof line - used - 1 ? (size_t)wanted : sizeof line - used - 2;
    line[used++] = '\n';
    (void)!write(STDERR_FILENO, line, used);
}
