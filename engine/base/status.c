#include "status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

static size_t character_bytes(char lead) {
    const uint8_t byte = (uint8_t)lead;
    return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

/* Words quote foreign texts up to a number of bytes, and vsnprintf cuts at a byte as well: a character that was cut is
 * taken out. Errors travel as msgpack strs, which are UTF-8 or nobody reads them. */
static void keep_whole_characters(char *words) {
    const size_t count = strlen(words);
    size_t kept = 0;
    if (sh_text_is_utf8((struct sh_text){words, (uint32_t)count})) return;
    for (size_t at = 0; at < count;) {
        const size_t byte_count = character_bytes(words[at]);
        const struct sh_text character = {words + at, (uint32_t)byte_count};
        if (byte_count > count - at || !sh_text_is_utf8(character)) {
            at++;
            continue;
        }
        memmove(words + kept, words + at, byte_count);
        kept += byte_count;
        at += byte_count;
    }
    words[kept] = '\0';
}

static void print_words(char *target, size_t target_bytes, const char *format, va_list arguments) {
    if (vsnprintf(target, target_bytes, format, arguments) < 0) target[0] = '\0';
    keep_whole_characters(target);
}

void sh_fail_words(struct sh_error *err, enum sh_status status, int64_t position, const char *format, ...) {
    if (err == NULL) return;
    err->status = status;
    err->position = position;
    err->hint[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    print_words(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
}

enum sh_status sh_fail_hint(struct sh_error *err, enum sh_status status, const char *format, ...) {
    if (err == NULL) return status;
    va_list arguments;
    va_start(arguments, format);
    print_words(err->hint, sizeof err->hint, format, arguments);
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
    case SH_ERR_UNAUTHENTICATED:
        return "unauthenticated";
    case SH_ERR_FORBIDDEN:
        return "forbidden";
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
    case SH_ERR_READ_ONLY:
        return "read_only";
    case SH_ERR_RATE_LIMITED:
        return "rate_limited";
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
