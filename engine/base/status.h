/* status.h -- how a call fails, and the words for it.
 *
 * The code goes up through the callers; the words are written once, where the fault is known. A user, a peer or a disk
 * can cause it: a status. Only a bug of ours can cause it: sh_assert, which stays in release builds.
 */
#ifndef SH_STATUS_H
#define SH_STATUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define SH_MUST_CHECK        __attribute__((warn_unused_result))
#define SH_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* The numbers are what clients see as `code`: never renumber. 1xx protocol, 2xx access, 3xx request, 4xx may work later,
 * 5xx server. */
enum sh_status {
    SH_OK = 0,
    SH_ERR_PROTOCOL = 100,        /* bytes that are not a valid frame or msgpack value */
    SH_ERR_TOO_LARGE = 102,       /* one frame, row, text or list is over its limit */
    SH_ERR_UNSUPPORTED = 103,     /* a version or feature this build does not have */
    SH_ERR_UNAUTHENTICATED = 200, /* no token, or none that is alive */
    SH_ERR_FORBIDDEN = 201,       /* the token's roles do not open it */
    SH_ERR_ARGUMENT = 300,        /* a parameter is missing, unknown, or of the wrong type or range */
    SH_ERR_SYNTAX = 301,          /* an expression that cannot be read */
    SH_ERR_TYPE = 302,            /* an expression that can be read but compares unlike things */
    SH_ERR_NAME = 303,            /* an attribute, tag set, event type or method that does not exist */
    SH_ERR_NOT_FOUND = 304,       /* no such user, item, cursor */
    SH_ERR_CONFLICT = 305,        /* it exists already, and differently */
    SH_ERR_OVERFLOW = 306,        /* a sum or a value is outside what its type holds */
    SH_ERR_BUSY = 400,            /* a queue is full: try again */
    SH_ERR_DEADLINE = 401,        /* the request's time was over before it ran */
    SH_ERR_LIMIT = 402,           /* the engine's own limit (rows, memory, open cursors) is reached */
    SH_ERR_CLOSED = 403,          /* the connection or the server is closing */
    SH_ERR_READ_ONLY = 404,       /* the disk is full: nothing is written until there is room */
    SH_ERR_RATE_LIMITED = 405,    /* more requests than the token's limit: try again later */
    SH_ERR_MEMORY = 500,          /* an allocation failed; nothing was changed */
    SH_ERR_IO = 501,              /* the kernel refused a read, write or socket call */
    SH_ERR_CORRUPT = 502,         /* stored bytes are not what was written */
};

enum { SH_ERROR_MESSAGE_BYTES_MAX = 512, SH_ERROR_HINT_BYTES_MAX = 256 };

/* A fault in words. position is a byte offset into the text or frame that was read, -1 if there is none. Texts are
 * UTF-8, end in a zero byte, and are cut at a character's start. */
struct sh_error {
    enum sh_status status;
    int64_t position;
    char message[SH_ERROR_MESSAGE_BYTES_MAX];
    char hint[SH_ERROR_HINT_BYTES_MAX]; /* what to do, or the nearest known name; "" if there is none */
};

/* Fill *err (may be NULL) and return status, so that a fault is one statement: sh_fail(err, status, position, format,
 * ...). Clears any hint. A macro, so that compilers and analysers see that what is returned is not SH_OK; status is
 * evaluated twice. */
#define sh_fail(err, status, ...) sh_status_same((sh_fail_words((err), (status), __VA_ARGS__), (status)))
void sh_fail_words(struct sh_error *err, enum sh_status status, int64_t position, const char *format, ...)
    SH_PRINTF(4, 5);
static inline enum sh_status sh_status_same(enum sh_status status) {
    return status;
}
/* Add the hint to a filled error. err may be NULL. Returns err->status, or status if err is NULL. */
enum sh_status sh_fail_hint(struct sh_error *err, enum sh_status status, const char *format, ...) SH_PRINTF(3, 4);
/* A stable lower-case word for the status: "ok", "syntax", "not_found" ... */
const char *sh_status_name(enum sh_status status);

_Noreturn void sh_assert_failed(const char *condition, const char *file, int line);
#define sh_assert(condition) ((condition) ? (void)0 : sh_assert_failed(#condition, __FILE__, __LINE__))
/* Checks that walk a whole structure: on in debug builds only. */
#ifdef SH_SLOW_CHECKS
#define sh_assert_slow(condition) sh_assert(condition)
#else
#define sh_assert_slow(condition) ((void)0)
#endif

#endif
