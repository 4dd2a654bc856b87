/* session.h -- one connection: frames in, answers out. For the files of this folder only.
 *
 *   bytes --> input (only what is left of an unfinished message) --> frames --> tasks
 *                                                                                 |
 *   io <-- sending <-- output <--------------------------------------- answers <--'     held: answers without room yet
 *
 * A session reads on only while it has room: fewer than SH_PIPELINE_COUNT_MAX tasks, with params of fewer than
 * SH_PIPELINE_BYTES_MAX, and at most SH_OUTPUT_BYTES_LOW unsent. Otherwise it leaves what has come in `input`, pauses
 * the connection, and the kernel stops the peer. So a client that never reads costs its unsent bytes and one receive,
 * one that writes faster than a shard can follow costs the params of its tasks, and nothing is ever dropped in silence.
 *
 * With a journal, what a session asks behind its own writes sees them. A question waits at its place among them, in
 * each shard; behind a write that goes to every shard by way of loop 0 (a schema, items, segments) the session is not
 * read on until that is answered, but for more of the kind, which take the same way.
 *
 * Its end: `is_ending` when no more bytes will be read (the peer has ended, the server stops, the stream is faulty).
 * What has come in whole is still answered, unless `is_faulty`. Then our side is ended and the peer has
 * SH_LINGER_MS_MAX to end its own, because closing with unread bytes would make the kernel take back answers that are
 * on their way.
 */
#ifndef SH_SESSION_H
#define SH_SESSION_H

#include "access.h"
#include "frame.h"
#include "io.h"
#include "task.h"
#include "tls.h"

struct sh_session {
    struct sh_loop *loop;
    struct sh_io_connection *connection;
    struct sh_session *before; /* in the loop's list */
    struct sh_session *after;
    struct sh_session *dirty_next;
    bool is_dirty; /* to be settled at the end of the turn */
    bool is_paused;
    bool is_blocked;   /* whole messages may lie in input, for want of room */
    bool is_ending;    /* see above */
    bool is_faulty;    /* nothing more is read from input */
    bool is_peer_done; /* the peer will send no more */
    bool is_lingering; /* our side is ended */
    bool is_closed;    /* on_closed is all that comes */
    bool is_sending;
    bool was_busy; /* large messages went through since the last look at the clock */

    struct sh_buffer input;
    size_t input_at; /* consumed up to here */
    struct sh_frame_scan scan;
    uint64_t partial_since_ns; /* 0: no unfinished message is waited for */
    size_t partial_bytes;      /* that it had then */

    struct sh_buffer output;
    struct sh_buffer sending;
    size_t sending_at;
    size_t sending_bytes; /* in flight, from there on */
    uint64_t sending_since_ns;

    struct sh_task *tasks;
    uint32_t task_count;
    size_t task_bytes;    /* of their params */
    uint32_t write_count; /* of them: that write */
    uint32_t every_count; /* of them: that all shards must have before the session's next request */
    struct sh_task *held_first;
    struct sh_task *held_last;
    size_t held_bytes;

    size_t counted_unsent_bytes; /* what the loop's sums know of */
    size_t counted_partial_bytes;
    uint64_t linger_until_ns;
    struct sh_tls_wire *wire; /* NULL: its bytes are plain */
    struct sh_buffer cipher;  /* on its way, then */
    bool is_wire_ended;
    uint64_t accepted_ns;
    struct sh_principal principal; /* who it is; nobody yet, until it has shown a token */
    char workspace[SH_NAME_BYTES_MAX];
    uint32_t workspace_count;
};

/* The context of the callbacks is the loop. */
extern const struct sh_io_events sh_session_events;

/* A client has connected. */
void sh_session_begin(struct sh_loop *loop, struct sh_io_connection *connection);
void sh_session_mark_dirty(struct sh_session *session);
/* Go on reading if there is room, send what there is, end what is over. */
void sh_session_settle(struct sh_session *session);
bool sh_session_has_room(const struct sh_session *session);
/* No room for it now: it is answered when there is. */
void sh_session_hold(struct sh_session *session, struct sh_task *task);
/* Once a second. Closes it if it stands still. */
void sh_session_check_time(struct sh_session *session, uint64_t now_ns);
/* Nothing more of it is done, because of who it is (not). What is answered already goes out, then it is closed. */
void sh_session_refuse(struct sh_session *session);
/* ---- session_wire.c: what TLS puts between ---- */

/* Bytes have come: take what they say. */
void sh_session_wire_bytes(struct sh_session *session, const uint8_t *bytes, size_t byte_count);
/* Put as much into TLS as one send takes, and send what is there. No send is in flight. */
void sh_session_wire_send(struct sh_session *session);
/* At its end. True: something is to be sent first. */
bool sh_session_wire_end(struct sh_session *session);
/* The session's own: plain bytes have come; none: the peer says no more. */
void sh_session_take(struct sh_session *session, const uint8_t *bytes, size_t byte_count);

/* Read no more; answer what has come in; close. */
void sh_session_end(struct sh_session *session);
void sh_session_close(struct sh_session *session);
/* Close the one that holds most unsent bytes. */
void sh_session_close_worst(struct sh_loop *loop);

#endif
