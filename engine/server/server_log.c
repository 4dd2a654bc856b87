#include "server_log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 1024 };

static const char *const level_words[] = {"error", "warn", "info", "debug"};
static _Atomic(uint32_t) level_now = SH_LOG_INFO;
static _Atomic(uint32_t) form_now = SH_LOG_TEXT;

void sh_log_set_level(enum sh_log_level level) {
    atomic_store_explicit(&level_now, level, memory_order_relaxed);
}

void sh_log_set_form(enum sh_log_form form) {
    atomic_store_explicit(&form_now, form, memory_order_relaxed);
}

enum sh_status sh_log_form_parse(const char *word, enum sh_log_form *form, struct sh_error *err) {
    const bool is_json = strcmp(word, "json") == 0;
    *form = is_json ? SH_LOG_JSON : SH_LOG_TEXT;
    if (is_json || strcmp(word, "text") == 0) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the log's form is text or json, not \"%s\"", word);
}

enum sh_status sh_log_level_parse(const char *word, enum sh_log_level *level, struct sh_error *err) {
    for (size_t i = 0; i < sizeof level_words / sizeof level_words[0]; i++) {
        if (strcmp(word, level_words[i]) != 0) continue;
        *level = (enum sh_log_level)i;
        return SH_OK;
    }
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the log level is error, warn, info or debug, not \"%s\"", word);
}

/* As the inside of a JSON string. */
static size_t escape(const char *words, char *target, size_t room) {
    size_t used = 0;
    for (; *words != '\0' && used + 7 < room; words++) {
        const unsigned char byte = (unsigned char)*words;
        if (byte == '"' || byte == '\\')
            used += (size_t)snprintf(target + used, room - used, "\\%c", byte);
        else if (byte < 0x20)
            used += (size_t)snprintf(target + used, room - used, "\\u%04x", byte);
        else
            target[used++] = *words;
    }
    /* A character that is cut in two is no UTF-8. */
    while (*words != '\0' && used > 0 && ((unsigned char)target[used - 1] & 0xC0) == 0x80)
        used--;
    if (*words != '\0' && used > 0 && (unsigned char)target[used - 1] >= 0xC0) used--;
    return used;
}

void sh_log(enum sh_log_level level, const char *format, ...) {
    if (level > atomic_load_explicit(&level_now, memory_order_relaxed)) return;
    const bool is_json = atomic_load_explicit(&form_now, memory_order_relaxed) == SH_LOG_JSON;
    char words[LINE_BYTES_MAX];
    char line[2 * LINE_BYTES_MAX];
    char time[32];
    struct timespec now;
    struct tm parts;
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    (void)strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%S", &parts);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    const int milliseconds = (int)(now.tv_nsec / 1000000);
    size_t used = (size_t)snprintf(
        line, sizeof line, is_json ? "{\"time\":\"%s.%03dZ\",\"level\":\"%s\",\"message\":\"" : "%s.%03dZ %-5s ", time,
        milliseconds, level_words[level]);
    if (is_json) {
        used += escape(words, line + used, sizeof line - used - 4);
        memcpy(line + used, "\"}\n", 3);
        used += 3;
    } else {
        used += (size_t)snprintf(line + used, sizeof line - used, "%s\n", words);
    }
    (void)!write(STDERR_FILENO, line, used);
}
