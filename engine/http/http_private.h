/* http_private.h -- what the files of this folder share.
 *
 *   connection  http_peer     from accept to close; has a moment by which its client must have got on (http_guard.c)
 *     request   http_request  from its head to the end of its answer (http.c)
 *       call    http_call     of the shards, in a worker's hands while the request is suspended (http_call.c)
 */
#ifndef SH_HTTP_PRIVATE_H
#define SH_HTTP_PRIVATE_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "access.h"
#include "audit.h"
#include "buffer.h"
#include "http.h"
#include "http_gate.h"
#include "shard.h"

/* ---- http_call.c: what is asked of the shards ---- */

struct http_caller {
    char workspace[SH_NAME_BYTES_MAX + 1]; /* "": the default one */
    char token[SH_HTTP_TOKEN_BYTES_MAX + 1];
};

struct http_call {
    struct http_call *next;
    const struct sh_method *method;
    struct http_caller caller;
    char client[SH_NAME_BYTES_MAX + 1]; /* "" and 0: the call has no number */
    uint64_t seq;
    int handle;            /* of the HTTP connection, to see that its client has gone; -1: unknown */
    struct sh_buffer body; /* JSON; "" stands for {} */
    /* The answer, once is_done: */
    struct sh_buffer answer; /* JSON */
    unsigned http_status;
    void (*done)(struct http_call *call);
    void *owner;
};

struct http_workers;
SH_MUST_CHECK enum sh_status http_workers_start(struct http_workers **workers, struct sh_error *err);
void http_workers_serve(struct http_workers *workers, struct sh_server *server);
/* False: there are too many, or no server. Otherwise call->done is called, once, on another thread. */
bool http_workers_take(struct http_workers *workers, struct http_call *call);
/* Calls that wait, and calls that are worked on. */
void http_workers_count(struct http_workers *workers, uint32_t *waiting, uint32_t *busy);
/* Take no more. */
void http_workers_quiet(struct http_workers *workers);
/* End when all that was taken is done. */
void http_workers_stop(struct http_workers *workers);
/* When nobody can give them a call any more. */
void http_workers_free(struct http_workers *workers);

/* The HTTP status for one of the engine's. */
unsigned http_status_of(enum sh_status status);
/* {"error": {...}} */
void http_write_error(struct sh_buffer *json, const struct sh_error *error);

/* ---- http_line.c: a worker's connection to a loop ---- */

struct http_line {
    int handle; /* -1: there is none */
    uint32_t number;
    uint32_t msgid;
    struct http_caller caller; /* whom it has greeted for */
    bool is_in_step;           /* the last answer was to the last request, so the next one will be, too */
    bool is_spent;             /* to be closed before the next call */
    struct sh_buffer output;
    struct sh_buffer input;
};

void http_line_init(struct http_line *line, uint32_t number);
void http_line_close(struct http_line *line);
void http_line_deinit(struct http_line *line);
/* Ask and wait. On SH_OK the answer's result (a msgpack map) is in line->input until http_line_rest. */
SH_MUST_CHECK enum sh_status http_line_ask(struct http_line *line, struct sh_server *server,
                                           const struct http_call *call, const struct sh_buffer *params,
                                           struct sh_text *result, struct sh_error *err);
/* The answer has been read: give large buffers back, and close what cannot be used again. */
void http_line_rest(struct http_line *line);

/* ---- http_guard.c: who may come, and how slow they may be ---- */

struct http_peer {
    struct http_peer *before;
    struct http_peer *after;
    int handle;
    _Atomic(uint64_t) due_ms; /* by the monotonic clock; then it is cut off. UINT64_MAX: it waits for us */
};

struct http_guard {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    pthread_t thread;
    struct http_peer *peers;
    bool is_ending;
    uint32_t stall_ms_max;
    _Atomic(uint64_t) peer_count;
    _Atomic(uint64_t) cut_count;
};

SH_MUST_CHECK enum sh_status http_guard_start(struct http_guard *guard, uint32_t stall_ms_max, struct sh_error *err);
void http_guard_stop(struct http_guard *guard);
struct http_peer *http_guard_welcome(struct http_guard *guard, int handle);
void http_guard_goodbye(struct http_guard *guard, struct http_peer *peer);
/* The peer has got on: it has the time of a stall again, and more for the bytes that it is to read. */
void http_guard_move_on(const struct http_guard *guard, struct http_peer *peer, size_t byte_count);
void http_guard_wait_for_us(struct http_peer *peer);

/* NULL if the request may be answered; otherwise why not, and *http_status. */
const char *http_guard_refuse(const struct sh_http *http, struct MHD_Connection *connection, bool is_call,
                              unsigned *http_status);

/* The token that the request shows, "" if none. False: what it shows is no token. */
bool http_guard_token(struct MHD_Connection *connection, char token[SH_HTTP_TOKEN_BYTES_MAX + 1]);
/* Is it somebody, by the head of the request alone? Looked at before the body is read; what the token opens is for the
 * session to say. SH_ERR_UNAUTHENTICATED, which is in the audit log then. Without access control everybody is. */
SH_MUST_CHECK enum sh_status http_guard_caller(const struct sh_http *http, const struct http_caller *caller,
                                               struct sh_error *err);
/* May the request see the whole server's figures? With access control its token must open `stats`, for every workspace.
 */
SH_MUST_CHECK enum sh_status http_guard_metrics(const struct sh_http *http, struct MHD_Connection *connection,
                                                struct sh_error *err);

/* ---- http_files.c: the console ---- */

struct http_files;
/* Read a folder into memory. */
SH_MUST_CHECK enum sh_status http_files_load(const char *folder, struct http_files **files, struct sh_error *err);
void http_files_free(struct http_files *files); /* NULL is fine */
/* The response for a path, NULL if there is no such file. It belongs to the files. */
struct MHD_Response *http_files_find(const struct http_files *files, const char *path,
                                     struct MHD_Connection *connection, unsigned *http_status);

/* ---- http_metrics.c ---- */

/* Prometheus text, format 0.0.4. server may be NULL. */
void http_metrics_write(const struct sh_http *http, const struct sh_server *server, struct sh_buffer *text);

/* ---- http.c ---- */

struct http_totals {
    _Atomic(uint64_t) request_count;
    _Atomic(uint64_t) refused_count; /* by the guard, or because there is too much of something */
    _Atomic(uint64_t) open_count;    /* requests that are not answered wholly yet */
    _Atomic(uint64_t) body_bytes;    /* held now */
    _Atomic(uint64_t) answer_bytes;  /* held now */
};

struct sh_http {
    struct MHD_Daemon *daemon;
    struct sh_access *access;
    struct sh_audit *audit;
    struct sh_io_listener listener; /* its handle is -1 when there is only a gate */
    struct http_gate *gate;         /* NULL: no TLS */
    struct http_guard guard;
    struct http_workers *workers;
    struct http_files *files; /* NULL: none */
    const char *hosts[SH_HTTP_HOST_COUNT_MAX];
    uint32_t host_count;
    _Atomic(struct sh_server *) server; /* NULL: not yet */
    _Atomic(bool) is_quiet;
    struct http_totals totals;
};

/* The headers that every answer has. */
void http_add_security(struct MHD_Response *response);

#endif
