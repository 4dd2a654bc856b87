/* http_call.c -- the workers: a queue of calls, and threads that put them to the shards. */
#include "cursor.h"
#include "frame.h"
#include "http_private.h"
#include "json.h"
#include "memory.h"
#include "server_log.h"

struct http_worker {
    struct http_workers *workers;
    pthread_t thread;
    struct http_line line;
    struct sh_buffer params;
};

struct http_workers {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    struct http_call *first;
    struct http_call *last;
    uint32_t waiting_count;
    uint32_t busy_count;
    bool is_quiet; /* nothing more is taken, and a thread that finds no call ends */
    struct sh_server *server;
    struct http_worker all[SH_HTTP_WORKER_COUNT];
    uint32_t thread_count;
};

enum { STACK_BYTES = 512 << 10, PARAMS_REST_BYTES_MAX = 1 << 20 };

/* ---- words ---- */

unsigned http_status_of(enum sh_status status) {
    switch (status) {
    case SH_OK:
        return MHD_HTTP_OK;
    case SH_ERR_UNAUTHENTICATED:
        return MHD_HTTP_UNAUTHORIZED;
    case SH_ERR_FORBIDDEN:
        return MHD_HTTP_FORBIDDEN;
    case SH_ERR_RATE_LIMITED:
        return MHD_HTTP_TOO_MANY_REQUESTS;
    case SH_ERR_NOT_FOUND:
        return MHD_HTTP_NOT_FOUND;
    case SH_ERR_TOO_LARGE:
        return MHD_HTTP_CONTENT_TOO_LARGE;
    case SH_ERR_CONFLICT:
        return MHD_HTTP_CONFLICT;
    case SH_ERR_OVERFLOW:
    case SH_ERR_LIMIT:
        return MHD_HTTP_UNPROCESSABLE_CONTENT;
    case SH_ERR_UNSUPPORTED:
        return MHD_HTTP_NOT_IMPLEMENTED;
    case SH_ERR_DEADLINE:
        return MHD_HTTP_GATEWAY_TIMEOUT;
    case SH_ERR_BUSY:
    case SH_ERR_CLOSED:
    case SH_ERR_READ_ONLY:
    case SH_ERR_MEMORY:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    case SH_ERR_IO:
    case SH_ERR_CORRUPT:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    default:
        return MHD_HTTP_BAD_REQUEST;
    }
}

void http_write_error(struct sh_buffer *json, const struct sh_error *error) {
    uint8_t bytes[SH_ERROR_MESSAGE_BYTES_MAX + SH_ERROR_HINT_BYTES_MAX + 128];
    struct sh_buffer map = {.bytes = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    struct sh_cursor cursor;
    sh_frame_write_error_map(&map, error);
    sh_cursor_init(&cursor, map.bytes, map.count);
    sh_buffer_append(json, "{\"error\":", 9);
    if (sh_json_write(&cursor, json, NULL) != SH_OK) json->failed = true;
    sh_buffer_append(json, "}\n", 2);
}

/* ---- one call ---- */

static void answer_error(struct http_call *call, const struct sh_error *err) {
    sh_buffer_clear(&call->answer);
    http_write_error(&call->answer, err);
    call->http_status = http_status_of(err->status);
}

static enum sh_status read_params(const struct http_call *call, struct sh_buffer *params, struct sh_error *err) {
    static const uint8_t empty_map[1] = {0x80};
    struct sh_cursor cursor;
    enum sh_value_kind kind;
    sh_buffer_clear(params);
    if (call->body.count == 0) {
        sh_buffer_append(params, empty_map, sizeof empty_map);
        return sh_buffer_status(params, err);
    }
    const struct sh_text json = {(const char *)call->body.bytes, (uint32_t)call->body.count};
    enum sh_status status = sh_json_read(json, params, err);
    if (status == SH_ERR_LIMIT)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a request has at most %d bytes as MessagePack", SH_FRAME_BYTES_MAX);
    if (status != SH_OK) return status;
    sh_cursor_init(&cursor, params->bytes, params->count);
    if ((status = sh_cursor_peek(&cursor, &kind, err)) != SH_OK || kind == SH_VALUE_MAP) return status;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the params are one object, not %s", sh_value_kind_name(kind));
}

static enum sh_status write_answer(struct http_call *call, struct sh_text result, struct sh_error *err) {
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, result.bytes, result.count);
    const enum sh_status status = sh_json_write(&cursor, &call->answer, err);
    sh_buffer_append(&call->answer, "\n", 1);
    if (status != SH_ERR_LIMIT && !call->answer.failed) return status;
    (void)sh_fail(err, SH_ERR_LIMIT, -1, "the answer has more than %d bytes as JSON", SH_HTTP_ANSWER_BYTES_MAX);
    return sh_fail_hint(err, SH_ERR_LIMIT, "ask for fewer rows at a time: `limit` with `keep` gives a cursor");
}

static void run(struct http_worker *worker, struct sh_server *server, struct http_call *call) {
    struct sh_error err;
    struct sh_text result;
    enum sh_status status = read_params(call, &worker->params, &err);
    if (status == SH_OK) {
        status = http_line_ask(&worker->line, server, call, &worker->params, &result, &err);
        if (status == SH_OK) status = write_answer(call, result, &err);
        http_line_rest(&worker->line);
    }
    if (status == SH_OK)
        call->http_status = MHD_HTTP_OK;
    else
        answer_error(call, &err);
    if (worker->params.capacity > PARAMS_REST_BYTES_MAX) sh_buffer_deinit(&worker->params);
    call->done(call);
}

/* ---- threads ---- */

/* The next call, or NULL at the end. */
static struct http_call *next_call(struct http_workers *workers, bool was_busy, struct sh_server **server) {
    pthread_mutex_lock(&workers->mutex);
    workers->busy_count -= was_busy;
    while (workers->first == NULL && !workers->is_quiet)
        pthread_cond_wait(&workers->changed, &workers->mutex);
    struct http_call *call = workers->first;
    if (call != NULL) {
        workers->first = call->next;
        if (workers->first == NULL) workers->last = NULL;
        workers->waiting_count--;
        workers->busy_count++;
    }
    *server = workers->server;
    pthread_mutex_unlock(&workers->mutex);
    return call;
}

static void *worker_main(void *argument) {
    struct http_worker *worker = argument;
    struct sh_server *server;
    bool was_busy = false;
    for (;;) {
        struct http_call *call = next_call(worker->workers, was_busy, &server);
        if (call == NULL) break;
        run(worker, server, call);
        was_busy = true;
    }
    http_line_close(&worker->line); /* a server that stops waits for its clients to go */
    return NULL;
}

static bool start_thread(struct http_workers *workers, uint32_t number) {
    struct http_worker *worker = &workers->all[number];
    worker->workers = workers;
    http_line_init(&worker->line, number);
    sh_buffer_init(&worker->params, SH_FRAME_BYTES_MAX);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    const bool is_made = pthread_create(&worker->thread, &attributes, worker_main, worker) == 0;
    pthread_attr_destroy(&attributes);
    return is_made;
}

enum sh_status http_workers_start(struct http_workers **workers, struct sh_error *err) {
    *workers = NULL;
    struct http_workers *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for HTTP");
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->changed, NULL);
    for (; made->thread_count < SH_HTTP_WORKER_COUNT; made->thread_count++)
        if (!start_thread(made, made->thread_count)) break;
    if (made->thread_count < SH_HTTP_WORKER_COUNT) {
        http_workers_stop(made);
        http_workers_free(made);
        return sh_fail(err, SH_ERR_LIMIT, -1, "the kernel gives no thread for HTTP");
    }
    *workers = made;
    return SH_OK;
}

void http_workers_serve(struct http_workers *workers, struct sh_server *server) {
    pthread_mutex_lock(&workers->mutex);
    workers->server = server;
    pthread_mutex_unlock(&workers->mutex);
}

bool http_workers_take(struct http_workers *workers, struct http_call *call) {
    pthread_mutex_lock(&workers->mutex);
    const bool has_room =
        workers->server != NULL && !workers->is_quiet && workers->waiting_count < SH_HTTP_WAITING_COUNT_MAX;
    if (has_room) {
        call->next = NULL;
        if (workers->last == NULL)
            workers->first = call;
        else
            workers->last->next = call;
        workers->last = call;
        workers->waiting_count++;
        pthread_cond_signal(&workers->changed);
    }
    pthread_mutex_unlock(&workers->mutex);
    return has_room;
}

void http_workers_count(struct http_workers *workers, uint32_t *waiting, uint32_t *busy) {
    pthread_mutex_lock(&workers->mutex);
    *waiting = workers->waiting_count;
    *busy = workers->busy_count;
    pthread_mutex_unlock(&workers->mutex);
}

void http_workers_quiet(struct http_workers *workers) {
    pthread_mutex_lock(&workers->mutex);
    workers->is_quiet = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->mutex);
}

void http_workers_stop(struct http_workers *workers) {
    http_workers_quiet(workers);
    for (uint32_t i = 0; i < workers->thread_count; i++)
        (void)pthread_join(workers->all[i].thread, NULL);
    workers->thread_count = 0;
}

void http_workers_free(struct http_workers *workers) {
    sh_assert(workers->thread_count == 0);
    for (uint32_t i = 0; i < SH_HTTP_WORKER_COUNT && workers->all[i].workers != NULL; i++) {
        http_line_deinit(&workers->all[i].line);
        sh_buffer_deinit(&workers->all[i].params);
    }
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->mutex);
    sh_free(workers);
}
