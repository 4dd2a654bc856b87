#include "session.h"

#include "loop.h"
#include "memory.h"
#include "server_log.h"

enum {
    /* What an idle session keeps of its buffers' memory. A busy one keeps all, so that a loader's next batch finds its
     * pages in place. */
    IDLE_BYTES_MAX = 64 << 10,
    CIPHER_LIMIT_BYTES = 4 * SH_TLS_PIECE_BYTES,                           /* one piece, and what a handshake says */
    OUTPUT_LIMIT_BYTES = SH_ANSWER_BYTES_MAX + SH_OUTPUT_BYTES_LOW + 4096, /* room for one answer, see has_room */
};

static size_t unsent_bytes(const struct sh_session *session) {
    return session->output.count + session->sending.count - session->sending_at;
}

bool sh_session_has_room(const struct sh_session *session) {
    return unsent_bytes(session) <= SH_OUTPUT_BYTES_LOW;
}

static bool may_run(const struct sh_session *session) {
    return !session->is_faulty && !session->is_closed && session->task_count < SH_PIPELINE_COUNT_MAX &&
           session->task_bytes < SH_PIPELINE_BYTES_MAX && sh_session_has_room(session);
}

void sh_session_mark_dirty(struct sh_session *session) {
    if (session->is_dirty || session->is_closed) return;
    session->is_dirty = true;
    session->dirty_next = session->loop->dirty;
    session->loop->dirty = session;
}

static void buffer_rest(struct sh_buffer *buffer) {
    if (buffer->capacity > IDLE_BYTES_MAX)
        sh_buffer_deinit(buffer);
    else
        sh_buffer_clear(buffer);
}

/* ---- the end ---- */

void sh_session_close(struct sh_session *session) {
    if (session->is_closed) return;
    session->is_closed = true;
    session->is_ending = true;
    sh_task_detach_all(session->loop, session);
    sh_io_close(session->loop->io, session->connection);
}

void sh_session_end(struct sh_session *session) {
    session->is_ending = true;
    sh_session_mark_dirty(session);
}

/* The stream cannot be read on. Say why, as a notice, since no request can be named; then end. */
static void say_farewell(struct sh_session *session, const struct sh_error *err) {
    if (session->is_faulty || session->is_closed) return;
    session->is_faulty = true;
    session->is_blocked = false; /* nothing of the input will run any more, so nothing waits for room */
    sh_buffer_deinit(&session->input);
    session->input_at = 0;
    uint8_t bytes[SH_ERROR_MESSAGE_BYTES_MAX + SH_ERROR_HINT_BYTES_MAX + 128];
    struct sh_buffer map = {.bytes = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    sh_frame_write_error_map(&map, err);
    sh_frame_write_notice(&session->output, SH_TEXT_LITERAL("error"), map.bytes, map.count);
    sh_session_end(session);
}

void sh_session_refuse(struct sh_session *session) {
    session->is_faulty = true;
    session->is_blocked = false;
    sh_session_end(session);
}

static void evict(struct sh_session *session, const char *why) {
    sh_log(SH_LOG_WARN, "a connection is closed: %s", why);
    sh_count(&session->loop->counters.evicted_count, 1);
    struct sh_error err;
    (void)sh_fail(&err, SH_ERR_CLOSED, -1, "%s", why);
    say_farewell(session, &err);
}

/* ---- bytes in ---- */

/* False: not now. */
static bool run_frame(struct sh_session *session, const uint8_t *bytes, size_t byte_count) {
    struct sh_frame frame;
    struct sh_error err;
    enum sh_status status = sh_frame_read(bytes, byte_count, &frame, &err);
    if (status == SH_OK && frame.kind == SH_FRAME_ANSWER) {
        frame.has_msgid = false;
        status = sh_fail(&err, SH_ERR_PROTOCOL, -1, "a client sends requests, not answers");
    }
    if (status == SH_OK) {
        return sh_task_run(session->loop, session, &frame);
    } else if (frame.has_msgid && frame.kind == SH_FRAME_REQUEST) {
        sh_frame_write_error(&session->output, frame.msgid, &err);
    } else {
        sh_count(&session->loop->counters.faulty_count, 1);
        say_farewell(session, &err);
    }
    return true;
}

/* Who has not said who he is gets little room to say it in. */
static size_t frame_bytes_max(const struct sh_session *session) {
    return session->principal.is_known ? SH_FRAME_BYTES_MAX : SH_UNKNOWN_FRAME_BYTES_MAX;
}

/* Run the whole messages of these bytes while there is room. Returns how many bytes were used. */
static size_t consume(struct sh_session *session, const uint8_t *bytes, size_t byte_count) {
    size_t used = 0;
    session->is_blocked = false;
    session->loop->clock_ns = sh_io_exact_ns(session->loop->io);
    while (used < byte_count && !session->is_faulty && !session->is_closed) {
        if (!may_run(session)) {
            session->is_blocked = true;
            break;
        }
        struct sh_error err;
        size_t frame_bytes;
        if (sh_frame_scan(&session->scan, bytes + used, byte_count - used, &frame_bytes, &err) != SH_OK) {
            sh_count(&session->loop->counters.faulty_count, 1);
            say_farewell(session, &err);
            break;
        }
        if (frame_bytes == 0) break;
        const bool has_run = run_frame(session, bytes + used, frame_bytes);
        sh_frame_scan_init(&session->scan, frame_bytes_max(session));
        if (!has_run) {
            session->is_blocked = true;
            break;
        }
        used += frame_bytes;
        session->partial_since_ns = 0;
    }
    return session->is_faulty || session->is_closed ? byte_count : used;
}

static void note_partial(struct sh_session *session) {
    struct sh_loop *loop = session->loop;
    const size_t partial_bytes = session->input.count - session->input_at;
    loop->partial_bytes += session->input.capacity - session->counted_partial_bytes;
    session->counted_partial_bytes = session->input.capacity;
    if (partial_bytes == 0 || session->is_blocked) {
        session->partial_since_ns = 0;
    } else if (session->partial_since_ns == 0) {
        session->partial_since_ns = sh_io_monotonic_ns(loop->io);
        session->partial_bytes = partial_bytes;
    }
    if (loop->partial_bytes > SH_INPUT_TOTAL_BYTES_MAX && session->input.capacity > IDLE_BYTES_MAX)
        evict(session, "too many large unfinished messages");
}

static void consume_input(struct sh_session *session) {
    const struct sh_loop *loop = session->loop;
    struct sh_buffer *input = &session->input;
    session->input_at += consume(session, input->bytes + session->input_at, input->count - session->input_at);
    if (session->is_faulty || session->input_at >= input->count) {
        session->input_at = 0;
        if (loop->partial_bytes > SH_INPUT_TOTAL_BYTES_MAX / 2)
            buffer_rest(input);
        else
            sh_buffer_clear(input);
    } else if (session->input_at > input->count / 2) {
        memmove(input->bytes, input->bytes + session->input_at, input->count - session->input_at);
        input->count -= session->input_at;
        session->input_at = 0;
    }
}

static void take_bytes(struct sh_session *session, const uint8_t *bytes, size_t byte_count) {
    struct sh_buffer *input = &session->input;
    const bool was_empty = input->count == 0;
    const size_t used = was_empty && !session->is_blocked ? consume(session, bytes, byte_count) : 0;
    if (used < byte_count) {
        session->was_busy = true;
        sh_buffer_append(input, bytes + used, byte_count - used);
        if (input->failed) {
            evict(session, "no memory for an unfinished message");
            return;
        }
    }
    if (!was_empty) consume_input(session);
    note_partial(session);
}

/* ---- bytes out ---- */

static void send_piece(struct sh_session *session) {
    if (session->wire != NULL) {
        sh_session_wire_send(session);
        return;
    }
    const size_t left = session->sending.count - session->sending_at;
    session->sending_bytes = left < SH_SEND_BYTES_MAX ? left : SH_SEND_BYTES_MAX;
    session->sending_since_ns = sh_io_monotonic_ns(session->loop->io);
    session->is_sending = true;
    sh_io_send(session->loop->io, session->connection, session->sending.bytes + session->sending_at,
               session->sending_bytes);
}

static void send_output(struct sh_session *session) {
    if (session->is_sending) return;
    if (session->wire != NULL) {
        sh_session_wire_send(session);
        return;
    }
    if (session->output.count == 0) return;
    const struct sh_buffer empty = session->sending;
    session->sending = session->output;
    session->output = empty;
    session->sending_at = 0;
    send_piece(session);
}

void sh_session_hold(struct sh_session *session, struct sh_task *task) {
    task->is_held = true;
    task->held_next = NULL;
    if (session->held_last == NULL)
        session->held_first = task;
    else
        session->held_last->held_next = task;
    session->held_last = task;
    session->held_bytes += task->errand.body.count;
    sh_session_mark_dirty(session);
}

static void answer_held(struct sh_session *session) {
    while (session->held_first != NULL && sh_session_has_room(session)) {
        struct sh_task *task = session->held_first;
        session->held_first = task->held_next;
        if (session->held_first == NULL) session->held_last = NULL;
        session->held_bytes -= task->errand.body.count;
        task->is_held = false;
        sh_task_answer(session->loop, task);
    }
}

static void note_unsent(struct sh_session *session) {
    const size_t bytes = session->is_closed ? 0 : unsent_bytes(session) + session->held_bytes;
    session->loop->unsent_bytes += bytes - session->counted_unsent_bytes;
    session->counted_unsent_bytes = bytes;
}

/* ---- settling ---- */

static void pause_or_resume(struct sh_session *session) {
    /* While lingering, what still comes is read and thrown away, so that the peer's end is seen. */
    const bool wants_pause = !session->is_lingering && (session->is_blocked || session->is_ending);
    if (wants_pause == session->is_paused || session->is_peer_done) return;
    session->is_paused = wants_pause;
    if (wants_pause)
        sh_io_pause(session->loop->io, session->connection);
    else
        sh_io_resume(session->loop->io, session->connection);
}

static void end_if_over(struct sh_session *session) {
    if (!session->is_ending || session->is_lingering || session->is_blocked) return;
    /* Before its handshake nothing can be said, and what is ending will not have one. */
    if (session->wire != NULL && !sh_tls_wire_is_ready(session->wire)) sh_buffer_clear(&session->output);
    if (session->task_count > 0 || session->is_sending || session->output.count > 0) return;
    if (session->wire != NULL && sh_session_wire_end(session)) return;
    if (session->is_peer_done) {
        sh_session_close(session);
        return;
    }
    session->is_lingering = true;
    session->linger_until_ns = sh_io_monotonic_ns(session->loop->io) + SH_LINGER_MS_MAX * UINT64_C(1000000);
    sh_io_end(session->loop->io, session->connection);
}

void sh_session_settle(struct sh_session *session) {
    if (!session->is_closed) answer_held(session);
    if (session->is_blocked && may_run(session)) {
        consume_input(session);
        note_partial(session);
    }
    if (!session->is_closed) send_output(session);
    if (!session->is_closed) end_if_over(session);
    if (!session->is_closed) pause_or_resume(session);
    note_unsent(session);
}

/* ---- callbacks ---- */

static void session_free(struct sh_session *session) {
    struct sh_loop *loop = session->loop;
    if (session->before == NULL)
        loop->sessions = session->after;
    else
        session->before->after = session->after;
    if (session->after != NULL) session->after->before = session->before;
    loop->partial_bytes -= session->counted_partial_bytes;
    loop->unsent_bytes -= session->counted_unsent_bytes;
    sh_buffer_deinit(&session->input);
    sh_buffer_deinit(&session->output);
    sh_buffer_deinit(&session->sending);
    sh_buffer_deinit(&session->cipher);
    sh_tls_wire_destroy(session->wire);
    sh_free(session);
}

void sh_session_begin(struct sh_loop *loop, struct sh_io_connection *connection) {
    const uint32_t before = atomic_fetch_add_explicit(&loop->server->connection_count, 1, memory_order_relaxed);
    struct sh_session *session = sh_alloc_zero(sizeof *session);
    if (session != NULL && connection->is_tls) session->wire = sh_tls_wire_create(loop->server->tls, NULL);
    if (session != NULL && connection->is_tls && session->wire == NULL) {
        sh_free(session);
        session = NULL;
    }
    connection->owner = session;
    if (session == NULL) {
        sh_io_close(loop->io, connection);
        return;
    }
    session->loop = loop;
    session->connection = connection;
    sh_buffer_init(&session->input, SH_FRAME_BYTES_MAX + 2 * (size_t)SH_IO_RECEIVE_BYTES);
    sh_buffer_init(&session->output, OUTPUT_LIMIT_BYTES);
    sh_buffer_init(&session->sending, OUTPUT_LIMIT_BYTES);
    sh_buffer_init(&session->cipher, CIPHER_LIMIT_BYTES);
    if (loop->server->access == NULL || connection->is_owner) session->principal = sh_principal_of_owner();
    session->accepted_ns = sh_io_monotonic_ns(loop->io);
    sh_frame_scan_init(&session->scan, frame_bytes_max(session));
    memcpy(session->workspace, "default", 7);
    session->workspace_count = 7;
    session->after = loop->sessions;
    if (session->after != NULL) session->after->before = session;
    loop->sessions = session;
    sh_count(&loop->counters.accepted_count, 1);
    sh_count(&loop->counters.connection_count, 1);
    if (before < loop->server->connection_count_max) return;
    sh_count(&loop->counters.refused_count, 1);
    struct sh_error err;
    (void)sh_fail(&err, SH_ERR_LIMIT, -1, "the server has %u connections, as many as it takes",
                  loop->server->connection_count_max);
    say_farewell(session, &err);
}

static void on_accept(void *context, struct sh_io_connection *connection) {
    sh_session_begin(context, connection);
}

void sh_session_take(struct sh_session *session, const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) {
        session->is_peer_done = true;
        if (session->is_lingering)
            sh_session_close(session);
        else
            sh_session_end(session);
        return;
    }
    if (session->is_faulty || session->is_lingering) return;
    take_bytes(session, bytes, byte_count);
    if (!session->is_closed) pause_or_resume(session);
    sh_session_mark_dirty(session);
}

static void on_bytes(void *context, struct sh_io_connection *connection, const uint8_t *bytes, size_t byte_count) {
    (void)context;
    struct sh_session *session = connection->owner;
    if (session->wire != NULL && byte_count > 0)
        sh_session_wire_bytes(session, bytes, byte_count);
    else
        sh_session_take(session, bytes, byte_count);
}

static void on_sent(void *context, struct sh_io_connection *connection, enum sh_status status) {
    (void)context;
    struct sh_session *session = connection->owner;
    session->is_sending = false;
    session->sending_at += session->sending_bytes;
    session->sending_bytes = 0;
    if (status != SH_OK) {
        sh_session_close(session);
        note_unsent(session);
        return;
    }
    if (session->sending_at < session->sending.count) {
        send_piece(session);
    } else {
        session->sending_at = 0;
        session->was_busy |= session->sending.count > IDLE_BYTES_MAX;
        if (session->sending.capacity > SH_SEND_BYTES_MAX)
            buffer_rest(&session->sending);
        else
            sh_buffer_clear(&session->sending);
    }
    sh_session_mark_dirty(session);
}

static void on_closed(void *context, struct sh_io_connection *connection) {
    struct sh_loop *loop = context;
    struct sh_session *session = connection->owner;
    atomic_fetch_sub_explicit(&loop->server->connection_count, 1, memory_order_relaxed);
    if (session == NULL) return;
    sh_count(&loop->counters.connection_count, UINT64_MAX); /* one fewer */
    sh_assert(session->tasks == NULL);
    if (session->is_dirty) { /* it is in the list still: take it out */
        struct sh_session **link = &loop->dirty;
        while (*link != session)
            link = &(*link)->dirty_next;
        *link = session->dirty_next;
    }
    session_free(session);
}

static void on_wake(void *context) {
    sh_guests_welcome(context); /* into its mailboxes and at the stop the loop looks in every turn */
}

const struct sh_io_events sh_session_events = {
    .on_accept = on_accept,
    .on_bytes = on_bytes,
    .on_sent = on_sent,
    .on_closed = on_closed,
    .on_wake = on_wake,
};

/* ---- time ---- */

static bool is_older(uint64_t since_ns, uint64_t now_ns, uint64_t limit_ms) {
    return since_ns != 0 && now_ns > since_ns && now_ns - since_ns > limit_ms * 1000000u;
}

static void rest_if_idle(struct sh_session *session) {
    if (!session->was_busy) {
        if (session->input.count == 0) buffer_rest(&session->input);
        if (session->output.count == 0) buffer_rest(&session->output);
        if (session->sending.count == 0) buffer_rest(&session->sending);
        note_partial(session);
    }
    session->was_busy = false;
}

/* What asks nothing any more, but is told things, ends with its token as well. */
static bool is_disowned(struct sh_session *session, uint64_t now_ns) {
    struct sh_access *access = session->loop->server->access;
    if (access == NULL || !session->principal.is_known) return false;
    return sh_access_check(access, &session->principal, NULL, sh_io_now_ms(session->loop->io), now_ns, NULL) != SH_OK;
}

void sh_session_check_time(struct sh_session *session, uint64_t now_ns) {
    const struct sh_server *server = session->loop->server;
    if (session->is_closed) return;
    if (session->is_lingering) {
        if (now_ns > session->linger_until_ns) sh_session_close(session);
        return;
    }
    rest_if_idle(session);
    const bool is_unready = session->wire != NULL && !sh_tls_wire_is_ready(session->wire);
    if ((is_unready || !session->principal.is_known) && is_older(session->accepted_ns, now_ns, SH_UNKNOWN_MS_MAX)) {
        evict(session, is_unready ? "its TLS handshake was not done in time" : "it has shown no token in time");
        return;
    }
    if (is_disowned(session, now_ns)) {
        evict(session, "its token is no longer good");
        return;
    }
    if (session->is_sending && is_older(session->sending_since_ns, now_ns, server->send_stall_ms_max)) {
        sh_log(SH_LOG_WARN, "a connection is closed: its client does not read");
        sh_count(&session->loop->counters.evicted_count, 1);
        sh_session_close(session);
        return;
    }
    if (!is_older(session->partial_since_ns, now_ns, server->frame_stall_ms_max)) return;
    const size_t partial_bytes = session->input.count - session->input_at;
    if (partial_bytes < session->partial_bytes + SH_FRAME_STALL_BYTES_MIN) {
        evict(session, "an unfinished message did not go on in time");
        return;
    }
    session->partial_since_ns = now_ns;
    session->partial_bytes = partial_bytes;
}

void sh_session_close_worst(struct sh_loop *loop) {
    struct sh_session *worst = NULL;
    for (struct sh_session *session = loop->sessions; session != NULL; session = session->after)
        if (!session->is_closed && (worst == NULL || session->counted_unsent_bytes > worst->counted_unsent_bytes))
            worst = session;
    if (worst == NULL) return;
    sh_log(SH_LOG_WARN, "a connection is closed: %zu bytes wait for its client to read, the most of all",
           worst->counted_unsent_bytes);
    sh_count(&loop->counters.evicted_count, 1);
    sh_session_close(worst);
    note_unsent(worst);
}
