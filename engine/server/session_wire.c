/* session_wire.c -- a session whose bytes are TLS.
 *
 *   io --> wire --> take                                 the wire stands between the io and what the session reads and
 *   io <-- cipher <-- wire <-- sending <-- output        writes; `sending` is plain, and goes into the wire in pieces
 *
 * Until the handshake is done nothing of the output can go out: it waits, and if the session ends first, it is let go.
 */
#include "loop.h"
#include "server_log.h"

enum { SAID_BYTES = 16 << 10 }; /* a record's */

/* The stream cannot be understood any more; what is to be told of that is in the wire, as an alert. */
static void fail_wire(struct sh_session *session, const struct sh_error *err) {
    sh_log(SH_LOG_WARN, "a connection is closed: %s", err->message);
    sh_count(&session->loop->counters.faulty_count, 1);
    session->is_faulty = true;
    session->is_blocked = false;
    sh_buffer_clear(&session->output);
    sh_session_end(session);
}

void sh_session_wire_bytes(struct sh_session *session, const uint8_t *bytes, size_t byte_count) {
    uint8_t said[SAID_BYTES];
    struct sh_error err;
    if (session->is_faulty || session->is_lingering) return;
    if (sh_tls_wire_put(session->wire, bytes, byte_count) != SH_OK) {
        sh_session_close(session);
        return;
    }
    enum sh_tls_step step = SH_TLS_BYTES;
    while (step == SH_TLS_BYTES && !session->is_faulty && !session->is_closed) {
        size_t said_count;
        step = sh_tls_wire_get(session->wire, said, sizeof said, &said_count, &err);
        if (step == SH_TLS_BYTES) sh_session_take(session, said, said_count);
    }
    if (session->is_closed) return;
    if (step == SH_TLS_FAULT) fail_wire(session, &err);
    if (step == SH_TLS_END) sh_session_take(session, NULL, 0);
    sh_session_mark_dirty(session); /* the handshake may have something to send */
}

void sh_session_wire_send(struct sh_session *session) {
    struct sh_buffer *sending = &session->sending;
    if (session->sending_at >= sending->count && session->output.count > 0) {
        const struct sh_buffer empty = *sending;
        *sending = session->output;
        session->output = empty;
        sh_buffer_clear(&session->output);
        session->sending_at = 0;
    }
    const size_t left = sending->count - session->sending_at;
    session->sending_bytes = 0;
    if (left > 0) session->sending_bytes = sh_tls_wire_write(session->wire, sending->bytes + session->sending_at, left);
    sh_buffer_clear(&session->cipher);
    sh_tls_wire_take(session->wire, &session->cipher);
    if (session->cipher.failed) {
        sh_session_close(session);
        return;
    }
    if (session->cipher.count == 0) return;
    session->sending_since_ns = sh_io_monotonic_ns(session->loop->io);
    session->is_sending = true;
    sh_io_send(session->loop->io, session->connection, session->cipher.bytes, session->cipher.count);
}

bool sh_session_wire_end(struct sh_session *session) {
    if (!session->is_wire_ended) {
        session->is_wire_ended = true;
        /* What could not be said before the handshake never will. */
        if (!sh_tls_wire_is_ready(session->wire)) session->sending_at = session->sending.count;
        sh_tls_wire_end(session->wire);
        sh_session_wire_send(session);
    }
    return session->is_sending || session->is_closed;
}
