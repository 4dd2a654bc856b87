#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cursor.h"
#include "frame.h"
#include "http_private.h"

enum {
    RECEIVE_BYTES = 64 << 10,
    REST_BYTES_MAX = 1 << 20, /* what a line keeps of its buffers between two calls */
    PROTOCOL_VERSION = 1,
};

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void http_line_init(struct http_line *line, uint32_t number) {
    *line = (struct http_line){.handle = -1, .number = number};
    sh_buffer_init(&line->output, SH_FRAME_BYTES_MAX + 4096);
    sh_buffer_init(&line->input, (size_t)SH_ANSWER_BYTES_MAX + 4096);
}

void http_line_close(struct http_line *line) {
    if (line->handle >= 0) (void)close(line->handle);
    line->handle = -1;
    line->is_spent = false;
}

void http_line_deinit(struct http_line *line) {
    http_line_close(line);
    sh_buffer_deinit(&line->output);
    sh_buffer_deinit(&line->input);
}

static void rest(struct sh_buffer *buffer) {
    if (buffer->capacity > REST_BYTES_MAX) sh_buffer_deinit(buffer);
    sh_buffer_clear(buffer);
}

static void clear(struct http_line *line) {
    rest(&line->output);
    rest(&line->input);
}

void http_line_rest(struct http_line *line) {
    clear(line);
    if (line->is_spent) http_line_close(line);
}

/* ---- greeting ---- */

static bool is_same_caller(const struct http_caller *a, const struct http_caller *b) {
    return strcmp(a->workspace, b->workspace) == 0 && strcmp(a->token, b->token) == 0;
}

/* Between two calls nothing may come. If something did, the loop has said why it closes, or has closed. */
static bool is_stale(const struct http_line *line) {
    struct pollfd wait = {.fd = line->handle, .events = POLLIN};
    return poll(&wait, 1, 0) != 0;
}

static void write_hello(struct http_line *line, const struct http_caller *caller) {
    struct sh_buffer params;
    msgpack_packer packer;
    sh_buffer_init(&params, 4096);
    sh_buffer_packer(&params, &packer);
    msgpack_pack_map(&packer, 2u + (caller->workspace[0] != '\0') + (caller->token[0] != '\0'));
    sh_pack_literal(&packer, "version");
    msgpack_pack_int(&packer, PROTOCOL_VERSION);
    sh_pack_literal(&packer, "client");
    sh_pack_literal(&packer, "http");
    if (caller->workspace[0] != '\0') {
        sh_pack_literal(&packer, "workspace");
        sh_pack_literal(&packer, caller->workspace);
    }
    if (caller->token[0] != '\0') {
        sh_pack_literal(&packer, "token");
        sh_pack_literal(&packer, caller->token);
    }
    sh_frame_write_request(&line->output, ++line->msgid, SH_TEXT_LITERAL("hello"), params.bytes, params.count);
    if (params.failed) line->output.failed = true;
    sh_buffer_deinit(&params);
}

/* ---- asking ---- */

static void write_request(struct http_line *line, const struct http_call *call, const struct sh_buffer *params) {
    msgpack_packer packer;
    sh_buffer_packer(&line->output, &packer);
    const bool has_number = call->seq > 0;
    msgpack_pack_array(&packer, 4);
    msgpack_pack_int(&packer, SH_FRAME_REQUEST);
    msgpack_pack_uint32(&packer, ++line->msgid);
    sh_pack_literal(&packer, call->method->name);
    msgpack_pack_array(&packer, has_number ? 2 : 1);
    sh_buffer_append(&line->output, params->bytes, params->count);
    if (!has_number) return;
    msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "client");
    sh_pack_literal(&packer, call->client);
    sh_pack_literal(&packer, "seq");
    msgpack_pack_uint64(&packer, call->seq);
}

/* Wait until the line can be read (or written, if that is wanted too). Whoever asks a question and hangs up takes it
 * back; a write is done nevertheless, so its answer is waited for. */
static enum sh_status await(const struct http_line *line, const struct http_call *call, short events, uint64_t due_ms,
                            struct sh_error *err) {
    for (;;) {
        struct pollfd waits[2] = {{.fd = line->handle, .events = events},
                                  {.fd = call->method->writes ? -1 : call->handle, .events = POLLRDHUP}};
        const uint64_t now_ms = clock_ms();
        if (now_ms >= due_ms) return sh_fail(err, SH_ERR_DEADLINE, -1, "the answer did not come in time");
        const int count = poll(waits, 2, (int)(due_ms - now_ms));
        if (count < 0 && errno != EINTR) return sh_fail(err, SH_ERR_IO, -1, "poll: %s", strerror(errno));
        if (waits[0].revents != 0) return SH_OK;
        if (waits[1].revents != 0) return sh_fail(err, SH_ERR_CLOSED, -1, "the client has gone");
    }
}

static enum sh_status fail_closed(struct sh_error *err) {
    return sh_fail(err, SH_ERR_CLOSED, -1, "the server stops");
}

static enum sh_status receive(struct http_line *line, struct sh_error *err) {
    uint8_t *room = sh_buffer_reserve(&line->input, RECEIVE_BYTES);
    if (room == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an answer");
    const ssize_t count = recv(line->handle, room, RECEIVE_BYTES, MSG_DONTWAIT);
    if (count > 0) {
        line->input.count += (size_t)count;
        return SH_OK;
    }
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? SH_OK : fail_closed(err);
}

static enum sh_status send_all(struct http_line *line, const struct http_call *call, uint64_t due_ms,
                               struct sh_error *err) {
    enum sh_status status = SH_OK;
    for (size_t sent = 0; sent < line->output.count && status == SH_OK;) {
        const ssize_t count =
            send(line->handle, line->output.bytes + sent, line->output.count - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count > 0)
            sent += (size_t)count;
        else if (errno == EAGAIN)
            status = await(line, call, POLLOUT, due_ms, err);
        else if (errno != EINTR)
            status = fail_closed(err);
    }
    return status;
}

/* The whole message that comes. */
static enum sh_status next_frame(struct http_line *line, const struct http_call *call, uint64_t due_ms,
                                 struct sh_frame *frame, struct sh_error *err) {
    struct sh_frame_scan scan;
    enum sh_status status = SH_OK;
    sh_frame_scan_init(&scan, SH_ANSWER_BYTES_MAX + 4096);
    for (;;) {
        size_t frame_bytes = 0;
        const struct sh_buffer *input = &line->input;
        if (input->count > 0) status = sh_frame_scan(&scan, input->bytes, input->count, &frame_bytes, err);
        if (status != SH_OK) return status;
        if (frame_bytes > 0) return sh_frame_read(input->bytes, frame_bytes, frame, err);
        if ((status = await(line, call, POLLIN, due_ms, err)) != SH_OK) return status;
        if ((status = receive(line, err)) != SH_OK) return status;
    }
}

/* No answer, so the server's last words, when it closes. */
static enum sh_status farewell(const struct sh_frame *frame, struct sh_error *err) {
    struct sh_error said;
    if (frame->kind != SH_FRAME_NOTICE) return fail_closed(err);
    sh_frame_read_error(frame->params, frame->params_bytes, &said);
    return sh_fail(err, said.status == SH_ERR_LIMIT ? SH_ERR_BUSY : SH_ERR_CLOSED, -1, "%s", said.message);
}

/* Send what was written, and take its answer. */
static enum sh_status exchange(struct http_line *line, const struct http_call *call, uint64_t due_ms,
                               struct sh_text *result, struct sh_error *err) {
    struct sh_frame frame;
    line->is_in_step = false;
    if (line->output.failed)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a request has at most %d bytes as MessagePack", SH_FRAME_BYTES_MAX);
    enum sh_status status = send_all(line, call, due_ms, err);
    if (status == SH_OK) status = next_frame(line, call, due_ms, &frame, err);
    if (status != SH_OK) return status;
    if (frame.kind != SH_FRAME_ANSWER || frame.msgid != line->msgid) return farewell(&frame, err);
    line->is_in_step = true;
    if (frame.error != NULL) {
        sh_frame_read_error(frame.error, frame.error_bytes, err);
        return err->status;
    }
    *result = (struct sh_text){(const char *)frame.result, (uint32_t)frame.result_bytes};
    return SH_OK;
}

/* A connection that has greeted for this caller. */
static enum sh_status prepare(struct http_line *line, struct sh_server *server, const struct http_call *call,
                              uint64_t due_ms, struct sh_error *err) {
    struct sh_text ignored;
    if (line->handle >= 0 && (!is_same_caller(&line->caller, &call->caller) || is_stale(line))) http_line_close(line);
    if (line->handle >= 0) return SH_OK;
    enum sh_status status = sh_server_connect(server, line->number, &line->handle, err);
    if (status != SH_OK) return status;
    line->caller = call->caller;
    clear(line);
    write_hello(line, &call->caller);
    status = exchange(line, call, due_ms, &ignored, err);
    if (status != SH_OK) http_line_close(line); /* the caller was not let in: nothing may follow */
    return status;
}

/* Whoever hung up while the question waited need not be answered. */
static bool is_gone(const struct http_call *call) {
    struct pollfd wait = {.fd = call->handle, .events = POLLRDHUP};
    return !call->method->writes && call->handle >= 0 && poll(&wait, 1, 0) == 1;
}

enum sh_status http_line_ask(struct http_line *line, struct sh_server *server, const struct http_call *call,
                             const struct sh_buffer *params, struct sh_text *result, struct sh_error *err) {
    const uint64_t due_ms = clock_ms() + SH_HTTP_CALL_MS_MAX;
    if (is_gone(call)) return sh_fail(err, SH_ERR_CLOSED, -1, "the client has gone");
    enum sh_status status = prepare(line, server, call, due_ms, err);
    if (status != SH_OK) return status;
    clear(line);
    write_request(line, call, params);
    status = exchange(line, call, due_ms, result, err);
    /* What `hello` does to a session is gone with it. */
    if (!line->is_in_step || call->method->spread == SH_SPREAD_SESSION) line->is_spent = true;
    return status;
}
