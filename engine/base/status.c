#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf cuts at a byte; take off what is left of a character that was cut. */
static void print_cut(char *target, size_t target_bytes, const char *format, va_list arguments) {
    const int wanted = vsnprintf(target, target_bytes, format, arguments);
    if (wanted < 0 || (size_t)wanted < target_bytes) return;
    size_t end = target_bytes - 1;
    size_t start = end;
    while (start > 0 && ((uint8_t)target[start - 1] & 0xC0) == 0x80)
        start--;
    if (start > 0 && (uint8_t)target[start - 1] >= 0xC0) start--;
    const uint8_t lead = (uint8_t)target[start];
    const size_t needed = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (start + needed > end) end = start;
    target[end] = '\0';
}

void sh_fail_words(struct sh_error *err, enum sh_status status, int64_t position, const char *format, ...) {
    if (err == NULL) return;
    err->status = status;
    err->position = position;
    err->hint[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    print_cut(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
}

enum sh_status sh_fail_hint(struct sh_error *err, enum sh_status status, const char *format, ...) {
    if (err == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    print_cut(err->hint, sizeof err->hint, format, arguments);
    va_end(arguments);
    return err->status;
}

const char *sh_status_name(enum sh_status status) {
    switch (status) {
    case SH_OK:
        return "ok";
    case SH_ERR_PROTOCOL:
        return "protocol";
    case SH_ERR_TOO_LARGE:
        return "too_large";
    case SH_ERR_UNSUPPORTED:
        return "unsupported";
    case SH_ERR_ARGUMENT:
        return "argument";
    case SH_ERR_SYNTAX:
        return "syntax";
    case SH_ERR_TYPE:
        return "type";
    case SH_ERR_NAME:
        return "name";
    case SH_ERR_NOT_FOUND:
        return "not_found";
    case SH_ERR_CONFLICT:
        return "conflict";
    case SH_ERR_OVERFLOW:
        return "overflow";
    case SH_ERR_BUSY:
        return "busy";
    case SH_ERR_DEADLINE:
        return "deadline";
    case SH_ERR_LIMIT:
        return "limit";
    case SH_ERR_CLOSED:
        return "closed";
    case SH_ERR_MEMORY:
        return "memory";
    case SH_ERR_IO:
        return "io";
    case SH_ERR_CORRUPT:
        return "corrupt";
    }
    return "unknown";
}

_Noreturn void sh_assert_failed(const char *condition, const char *file, int line) {
    (void)fprintf(stderr, "%s:%d: this must hold and does not: %s\n", file, line, condition);
    abort();
}
