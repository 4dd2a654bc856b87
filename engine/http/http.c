#include "http.h"

#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#include "http_private.h"
#include "memory.h"
#include "openapi.h"
#include "server_log.h"

/* Why no line of a script may be in a page, no frame may hold it, and nothing is fetched from elsewhere: what customers
 * are called is shown in it. Styles may be inline, as the library for charts writes them into its tooltips. */
static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'none'";

enum route { ROUTE_FILE, ROUTE_CALL, ROUTE_LIVE, ROUTE_READY, ROUTE_METRICS, ROUTE_OPENAPI };

struct http_request {
    struct sh_http *http;
    struct MHD_Connection *connection;
    struct http_peer *peer;
    enum route route;
    bool is_asked;        /* the call is with the workers, or was */
    size_t counted_bytes; /* of the body, in the totals */
    struct http_call call;
};

/* ---- answers ---- */

void http_add_security(struct MHD_Response *response) {
    (void)MHD_add_response_header(response, "Content-Security-Policy", page_policy);
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(response, "X-Frame-Options", "DENY");
    (void)MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    (void)MHD_add_response_header(response, "Cross-Origin-Opener-Policy", "same-origin");
    (void)MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
}

/* An answer's bytes, until they are sent. */
struct held_bytes {
    struct http_totals *totals;
    struct sh_buffer buffer;
};

static void release_bytes(void *context) {
    struct held_bytes *held = context;
    atomic_fetch_sub_explicit(&held->totals->answer_bytes, held->buffer.capacity, memory_order_relaxed);
    sh_buffer_deinit(&held->buffer);
    sh_free(held);
}

static ssize_t read_bytes(void *context, uint64_t position, char *target, size_t room) {
    const struct held_bytes *held = context;
    const size_t left = held->buffer.count - (size_t)position;
    const size_t count = left < room ? left : room;
    memcpy(target, held->buffer.bytes + position, count);
    return (ssize_t)count;
}

/* Answer with these bytes, which are taken over. */
static enum MHD_Result answer(struct http_request *request, unsigned http_status, const char *type,
                              struct sh_buffer *buffer) {
    enum { BLOCK_BYTES = 64 << 10 };
    struct sh_http *http = request->http;
    struct held_bytes *held = sh_alloc(sizeof *held);
    if (held == NULL) {
        sh_buffer_deinit(buffer);
        return MHD_NO;
    }
    *held = (struct held_bytes){&http->totals, *buffer};
    sh_buffer_init(buffer, buffer->limit);
    atomic_fetch_add_explicit(&http->totals.answer_bytes, held->buffer.capacity, memory_order_relaxed);
    const size_t byte_count = held->buffer.count;
    struct MHD_Response *response =
        MHD_create_response_from_callback(byte_count, BLOCK_BYTES, read_bytes, held, release_bytes);
    if (response == NULL) {
        release_bytes(held);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    if (http_status == MHD_HTTP_UNAUTHORIZED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (http_status == MHD_HTTP_SERVICE_UNAVAILABLE || http_status == MHD_HTTP_TOO_MANY_REQUESTS)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (http_status == MHD_HTTP_METHOD_NOT_ALLOWED)
        (void)MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW,
                                      request->route == ROUTE_CALL ? "POST" : "GET, HEAD");
    http_add_security(response);
    http_guard_move_on(&http->guard, request->peer, byte_count);
    const enum MHD_Result result = MHD_queue_response(request->connection, http_status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct http_request *request, unsigned http_status, const char *text) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 4096);
    sh_buffer_print(&buffer, "%s\n", text);
    return answer(request, http_status, "text/plain; charset=utf-8", &buffer);
}

static enum MHD_Result answer_error(struct http_request *request, unsigned http_status, const struct sh_error *err) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 8192);
    http_write_error(&buffer, err);
    return answer(request, http_status, "application/json", &buffer);
}

/* Not the shards, but this listener says no. */
static enum MHD_Result refuse(struct http_request *request, unsigned http_status, enum sh_status status,
                              const char *why) {
    struct sh_error err;
    (void)sh_fail(&err, status, -1, "%s", why);
    atomic_fetch_add_explicit(&request->http->totals.refused_count, 1, memory_order_relaxed);
    return request->route == ROUTE_CALL ? answer_error(request, http_status, &err)
                                        : answer_text(request, http_status, why);
}

/* ---- probes ---- */

static enum MHD_Result answer_live(struct http_request *request, const struct sh_server *server) {
    if (server != NULL && sh_server_health(server).stood_ms > SH_HTTP_STOOD_MS_MAX)
        return answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "a loop has stood still for a minute");
    return answer_text(request, MHD_HTTP_OK, "alive");
}

static enum MHD_Result answer_ready(struct http_request *request, const struct sh_server *server) {
    if (server == NULL)
        return answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "starting: what was kept is being loaded");
    const struct sh_server_health health = sh_server_health(server);
    if (health.is_stopping || atomic_load(&request->http->is_quiet))
        return answer_text(request, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping");
    if (health.failed_logs != 0)
        return answer_text(request, MHD_HTTP_OK,
                           "ready for questions; a log has failed, and nothing is written until a restart");
    if (health.full_logs != 0)
        return answer_text(request, MHD_HTTP_OK, "ready for questions; the disk is full, and little is written");
    return answer_text(request, MHD_HTTP_OK, "ready");
}

static enum MHD_Result answer_metrics(struct http_request *request, const struct sh_server *server) {
    struct sh_buffer text;
    struct sh_error err;
    const enum sh_status status = http_guard_metrics(request->http, request->connection, &err);
    if (status != SH_OK) return answer_text(request, http_status_of(status), err.message);
    sh_buffer_init(&text, SH_HTTP_ANSWER_BYTES_MAX);
    http_metrics_write(request->http, server, &text);
    return answer(request, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", &text);
}

static enum MHD_Result answer_openapi(struct http_request *request) {
    struct sh_buffer json;
    sh_buffer_init(&json, SH_HTTP_ANSWER_BYTES_MAX);
    sh_openapi_write(&json);
    return answer(request, MHD_HTTP_OK, "application/json", &json);
}

static enum MHD_Result answer_get(struct http_request *request, const char *path) {
    struct sh_http *http = request->http;
    const struct sh_server *server = atomic_load(&http->server);
    unsigned http_status;
    switch (request->route) {
    case ROUTE_LIVE:
        return answer_live(request, server);
    case ROUTE_READY:
        return answer_ready(request, server);
    case ROUTE_METRICS:
        return answer_metrics(request, server);
    case ROUTE_OPENAPI:
        return answer_openapi(request);
    default:
        break;
    }
    struct MHD_Response *response = http_files_find(http->files, path, request->connection, &http_status);
    if (response == NULL) return answer_text(request, MHD_HTTP_NOT_FOUND, "there is no such page");
    http_guard_move_on(&http->guard, request->peer, SH_CONSOLE_FILE_BYTES_MAX);
    return MHD_queue_response(request->connection, http_status, response);
}

/* ---- calls ---- */

/* The workspace and the number of a call are in the query of its address. */
struct query {
    struct http_call *call;
    const char *why; /* what is wrong, or NULL */
};

static enum MHD_Result read_argument(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    struct query *query = context;
    struct http_call *call = query->call;
    (void)kind;
    char *end;
    if (value == NULL) value = "";
    const size_t count = strlen(value);
    if (strcmp(name, "workspace") == 0) {
        if (count == 0 || count > SH_NAME_BYTES_MAX)
            query->why = "`workspace` has 1 to 64 bytes";
        else
            memcpy(call->caller.workspace, value, count + 1);
    } else if (strcmp(name, "client") == 0) {
        if (count == 0 || count > SH_NAME_BYTES_MAX)
            query->why = "`client` has 1 to 64 bytes";
        else
            memcpy(call->client, value, count + 1);
    } else if (strcmp(name, "seq") == 0) {
        call->seq = value[0] >= '1' && value[0] <= '9' && count <= 18 ? strtoull(value, &end, 10) : 0;
        if (call->seq == 0 || *end != '\0') query->why = "`seq` is a number from 1";
    } else {
        query->why = "an address's query has `workspace`, `client` and `seq`";
    }
    return query->why == NULL ? MHD_YES : MHD_NO;
}

static bool read_length(struct MHD_Connection *connection, uint64_t *length) {
    const char *text = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    *length = text == NULL ? 0 : strtoull(text, NULL, 10);
    return text != NULL;
}

/* The head of a call has come. MHD_YES: its body may. */
static enum MHD_Result begin_call(struct http_request *request, const char *method_name) {
    struct sh_http *http = request->http;
    struct http_call *call = &request->call;
    struct query query = {.call = call};
    struct sh_error err;
    uint64_t length;
    call->method = sh_method_find(sh_text_of(method_name), &err);
    if (call->method != NULL && call->method->internal) {
        (void)sh_fail(&err, SH_ERR_NAME, -1, "`%s` is for shards only", call->method->name);
        call->method = NULL;
    }
    if (call->method == NULL) return answer_error(request, MHD_HTTP_NOT_FOUND, &err);
    (void)MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, read_argument, &query);
    if (query.why == NULL && (call->seq > 0) != (call->client[0] != '\0')) query.why = "`client` and `seq` go together";
    if (!http_guard_token(request->connection, call->caller.token))
        return refuse(request, MHD_HTTP_UNAUTHORIZED, SH_ERR_UNAUTHENTICATED,
                      "a token is shown as `Authorization: Bearer TOKEN`");
    if (query.why != NULL) return refuse(request, MHD_HTTP_BAD_REQUEST, SH_ERR_ARGUMENT, query.why);
    const enum sh_status status = http_guard_caller(http, &call->caller, &err);
    if (status != SH_OK) return refuse(request, http_status_of(status), status, err.message);
    if (read_length(request->connection, &length) && length > SH_HTTP_BODY_BYTES_MAX)
        return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, SH_ERR_TOO_LARGE, "a request has at most 8 MiB");
    if (atomic_load(&http->totals.body_bytes) > SH_HTTP_BODY_TOTAL_BYTES_MAX ||
        atomic_load(&http->totals.answer_bytes) > SH_HTTP_ANSWER_TOTAL_BYTES_MAX)
        return refuse(request, MHD_HTTP_SERVICE_UNAVAILABLE, SH_ERR_BUSY, "too much is under way over HTTP");
    return MHD_YES;
}

/* More of the body. Of one that is too long no more is kept, and it is refused when it ends; who goes on is cut. */
static enum MHD_Result take_body(struct http_request *request, const char *bytes, size_t byte_count) {
    struct sh_http *http = request->http;
    struct sh_buffer *body = &request->call.body;
    const size_t before = body->count;
    request->counted_bytes += byte_count;
    /* All bodies together are bounded while they come, not only when they begin: who goes beyond is cut. */
    const uint64_t total = atomic_fetch_add(&http->totals.body_bytes, byte_count) + byte_count;
    if (total > SH_HTTP_BODY_TOTAL_BYTES_MAX) return MHD_NO;
    sh_buffer_append(body, bytes, byte_count);
    if (before / SH_HTTP_STALL_BYTES != body->count / SH_HTTP_STALL_BYTES)
        http_guard_move_on(&http->guard, request->peer, 0);
    return request->counted_bytes > 2 * (size_t)SH_HTTP_BODY_BYTES_MAX ? MHD_NO : MHD_YES;
}

static void on_done(struct http_call *call) {
    struct http_request *request = call->owner;
    MHD_resume_connection(request->connection);
}

static enum MHD_Result ask(struct http_request *request) {
    struct sh_http *http = request->http;
    struct http_call *call = &request->call;
    if (call->body.failed)
        return refuse(request, MHD_HTTP_CONTENT_TOO_LARGE, SH_ERR_TOO_LARGE, "a request has at most 8 MiB");
    call->owner = request;
    call->done = on_done;
    request->is_asked = true;
    http_guard_wait_for_us(request->peer);
    MHD_suspend_connection(request->connection);
    if (http_workers_take(http->workers, call)) return MHD_YES;
    struct sh_error err;
    if (atomic_load(&http->server) == NULL || atomic_load(&http->is_quiet))
        (void)sh_fail(&err, SH_ERR_CLOSED, -1, "the server starts or stops");
    else
        (void)sh_fail(&err, SH_ERR_BUSY, -1, "%d calls wait already", SH_HTTP_WAITING_COUNT_MAX);
    atomic_fetch_add_explicit(&http->totals.refused_count, 1, memory_order_relaxed);
    http_write_error(&call->answer, &err);
    call->http_status = MHD_HTTP_SERVICE_UNAVAILABLE;
    MHD_resume_connection(request->connection);
    return MHD_YES;
}

/* ---- the daemon's callbacks ---- */

static enum route route_of(const char *path) {
    if (strncmp(path, "/rpc/", 5) == 0) return ROUTE_CALL;
    if (strcmp(path, "/livez") == 0) return ROUTE_LIVE;
    if (strcmp(path, "/readyz") == 0) return ROUTE_READY;
    if (strcmp(path, "/metrics") == 0) return ROUTE_METRICS;
    if (strcmp(path, "/openapi.json") == 0) return ROUTE_OPENAPI;
    return ROUTE_FILE;
}

static struct http_request *request_make(struct sh_http *http, struct MHD_Connection *connection, const char *path) {
    struct http_request *request = sh_alloc_zero(sizeof *request);
    if (request == NULL) return NULL;
    const union MHD_ConnectionInfo *peer = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    atomic_fetch_add(&http->totals.open_count, 1);
    request->http = http;
    request->connection = connection;
    request->peer = peer == NULL ? NULL : peer->socket_context;
    request->route = route_of(path);
    request->call.handle = request->peer == NULL ? -1 : request->peer->handle;
    sh_buffer_init(&request->call.body, SH_HTTP_BODY_BYTES_MAX);
    sh_buffer_init(&request->call.answer, SH_HTTP_ANSWER_BYTES_MAX);
    return request;
}

static enum MHD_Result begin_request(struct http_request *request, const char *path, const char *verb) {
    struct sh_http *http = request->http;
    const bool is_call = request->route == ROUTE_CALL;
    const bool is_right_verb = is_call
                                   ? strcmp(verb, MHD_HTTP_METHOD_POST) == 0
                                   : strcmp(verb, MHD_HTTP_METHOD_GET) == 0 || strcmp(verb, MHD_HTTP_METHOD_HEAD) == 0;
    unsigned http_status;
    atomic_fetch_add_explicit(&http->totals.request_count, 1, memory_order_relaxed);
    http_guard_move_on(&http->guard, request->peer, 0);
    if (!is_right_verb)
        return refuse(request, MHD_HTTP_METHOD_NOT_ALLOWED, SH_ERR_PROTOCOL,
                      is_call ? "a call is a POST" : "this is got with GET");
    const char *why = http_guard_refuse(http, request->connection, is_call, &http_status);
    if (why != NULL) return refuse(request, http_status, SH_ERR_ARGUMENT, why);
    return is_call ? begin_call(request, path + strlen("/rpc/")) : MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *path, const char *verb,
                                  const char *version, const char *bytes, size_t *byte_count, void **state) {
    struct http_request *request = *state;
    (void)version;
    if (request == NULL) {
        *state = request = request_make(context, connection, path);
        return request == NULL ? MHD_NO : begin_request(request, path, verb);
    }
    if (*byte_count > 0) {
        const enum MHD_Result result = take_body(request, bytes, *byte_count);
        *byte_count = 0;
        return result;
    }
    if (request->route != ROUTE_CALL) return answer_get(request, path);
    if (!request->is_asked) return ask(request);
    return answer(request, request->call.http_status, "application/json", &request->call.answer);
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    struct sh_http *http = context;
    struct http_request *request = *state;
    (void)connection;
    (void)code;
    if (request == NULL) return;
    *state = NULL;
    atomic_fetch_sub(&http->totals.body_bytes, request->counted_bytes);
    atomic_fetch_sub(&http->totals.open_count, 1);
    http_guard_move_on(&http->guard, request->peer, 0);
    sh_buffer_deinit(&request->call.body);
    sh_buffer_deinit(&request->call.answer);
    sh_free(request);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    struct sh_http *http = context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        http_guard_goodbye(&http->guard, *socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *handle = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *socket_context = handle == NULL ? NULL : http_guard_welcome(&http->guard, handle->connect_fd);
}

static void on_words(void *context, const char *format, va_list arguments) SH_PRINTF(2, 0);
static void on_words(void *context, const char *format, va_list arguments) {
    char line[512];
    (void)context;
    (void)vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    sh_log(SH_LOG_DEBUG, "http: %s", line);
}

/* ---- life ---- */

static enum sh_status daemon_start(struct sh_http *http, struct sh_error *err) {
    const bool listens = http->listener.handle >= 0;
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | MHD_USE_ITC |
                           (listens ? 0u : (unsigned)MHD_USE_NO_LISTEN_SOCKET);
    http->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_words, http, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)SH_HTTP_CONNECTION_COUNT_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SH_HTTP_IDLE_S_MAX,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_STRICT_FOR_CLIENT, 1,
        /* Last, as there may be none. */
        listens ? MHD_OPTION_LISTEN_SOCKET : MHD_OPTION_END, http->listener.handle, MHD_OPTION_END);
    if (http->daemon != NULL) return SH_OK;
    return sh_fail(err, SH_ERR_LIMIT, -1, "the kernel gives no thread for HTTP");
}

/* Where it listens. */
static enum sh_status open_address(struct sh_http *http, const struct sh_http_options *options, struct sh_error *err) {
    http->listener.handle = -1;
    if (options->address_tls != NULL && options->access == NULL && !sh_io_address_is_local(options->address_tls))
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "https on %s can be reached from other machines, and there is no access control",
                       options->address_tls);
    return options->address == NULL ? SH_OK : sh_io_listener_open(options->address, true, &http->listener, err);
}

enum sh_status sh_http_start(const struct sh_http_options *options, struct sh_http **http, struct sh_error *err) {
    *http = NULL;
    struct sh_http *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for HTTP");
    made->access = options->access;
    made->audit = options->audit;
    sh_assert(options->host_count <= SH_HTTP_HOST_COUNT_MAX);
    for (; made->host_count < options->host_count; made->host_count++)
        made->hosts[made->host_count] = options->hosts[made->host_count];
    enum sh_status status = open_address(made, options, err);
    if (status == SH_OK && options->console != NULL) status = http_files_load(options->console, &made->files, err);
    if (status != SH_OK) goto no_guard;
    const uint32_t stall_ms_max = options->stall_ms_max == 0 ? SH_HTTP_STALL_MS_MAX : options->stall_ms_max;
    if ((status = http_guard_start(&made->guard, stall_ms_max, err)) != SH_OK) goto no_guard;
    if ((status = http_workers_start(&made->workers, err)) != SH_OK) goto no_workers;
    if ((status = daemon_start(made, err)) != SH_OK) goto no_daemon;
    if (options->address_tls != NULL)
        status = http_gate_start(options->address_tls, options->tls, stall_ms_max, made->daemon, &made->gate, err);
    if (status != SH_OK) goto no_gate;
    *http = made;
    return SH_OK;

no_gate:
    http_workers_quiet(made->workers);
    MHD_stop_daemon(made->daemon);
no_daemon:
    http_workers_stop(made->workers);
    http_workers_free(made->workers);
no_workers:
    http_guard_stop(&made->guard);
no_guard:
    http_files_free(made->files);
    sh_io_listener_close(&made->listener);
    sh_free(made);
    return status;
}

void sh_http_serve(struct sh_http *http, struct sh_server *server) {
    http_workers_serve(http->workers, server);
    atomic_store(&http->server, server);
}

const char *sh_http_address(const struct sh_http *http) {
    return http->listener.handle < 0 ? NULL : http->listener.address;
}

const char *sh_http_address_tls(const struct sh_http *http) {
    return http->gate == NULL ? NULL : http_gate_address(http->gate);
}

/* Until every request is answered and its answer sent, to whoever reads it. */
static void await_answers(const struct sh_http *http) {
    const struct timespec pause = {.tv_nsec = 5 * 1000000L};
    for (uint32_t i = 0; i < SH_HTTP_LINGER_MS_MAX / 5 && atomic_load(&http->totals.open_count) > 0; i++)
        nanosleep(&pause, NULL);
}

void sh_http_quiet(struct sh_http *http) {
    atomic_store(&http->is_quiet, true);
    http_workers_quiet(http->workers);
    await_answers(http);
}

void sh_http_stop(struct sh_http *http) {
    if (http == NULL) return;
    sh_http_quiet(http);
    http_gate_quiet(http->gate);
    (void)MHD_quiesce_daemon(http->daemon); /* the listening socket is ours again */
    http_workers_stop(http->workers);       /* who waits for one is told, and what comes still is refused by them */
    await_answers(http);
    MHD_stop_daemon(http->daemon);
    http_gate_stop(http->gate);
    http_workers_free(http->workers);
    http_guard_stop(&http->guard);
    http_files_free(http->files);
    sh_io_listener_close(&http->listener);
    sh_free(http);
}
