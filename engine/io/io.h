/* io.h -- the clock, the network and the disk, behind one small interface.
 *
 * Everything above this folder is told what happened and asks for what shall happen; it never names a socket, a ring or
 * a system call. So the same server runs on io_uring, on epoll where the kernel or the container forbids io_uring, and
 * in a simulator that owns time, wires and sectors.
 *
 *     thread of one loop
 *   +--------------------------------------------------------------+
 *   |  sh_io_turn():  1. hand the gathered wishes to the kernel    |       other threads
 *   |                 2. wait for something to happen              | <---- sh_io_wake()
 *   |                 3. take the clock, once for the whole turn   |
 *   |                 4. call back: accepted, bytes, sent, closed, |
 *   |                    file done, timer, woken                   |
 *   +--------------------------------------------------------------+
 *
 * Rules:
 *   - an io belongs to the thread that created it; only sh_io_wake may be called from elsewhere (signal handlers, too);
 *   - callbacks run inside sh_io_turn only, never inside another call of this interface, and may call all of it
 *     except sh_io_turn and sh_io_destroy;
 *   - one send is in flight per connection; its bytes belong to the io until on_sent or on_closed;
 *   - each connection gets at most SH_IO_RECEIVE_BYTES a turn, so that one loud client does not starve the rest;
 *   - on_closed is the last word about a connection and comes exactly once, only after sh_io_close().
 *
 * Cost: with io_uring one system call a turn, whatever the number of connections; with epoll one a turn and one for
 * every receive and send.
 */
#ifndef SH_IO_H
#define SH_IO_H

#include <stddef.h>

#include "status.h"

enum sh_io_body {
    SH_IO_URING,
    SH_IO_EPOLL,
};

enum {
    /* One receive. A client that sends batches fills it; a frame that is larger is put together by the reader. */
    SH_IO_RECEIVE_BYTES = 64 << 10,
    /* Receive buffers of one loop: 4 MiB. When more connections are ready in one turn the rest waits for the next. */
    SH_IO_RECEIVE_COUNT = 64,
    SH_IO_ADDRESS_BYTES_MAX = 128, /* "tls:", "unix:" and the 108 bytes of a socket's path */
};

struct sh_io;
struct sh_io_operations;

/* One connected peer. The io owns it; `owner` is for the user of the io. */
struct sh_io_connection {
    void *owner;
    bool is_local; /* a Unix socket */
    bool is_tls;   /* as its listener */
    bool is_owner; /* of a Unix socket: the peer runs as this process's user, or as root */
};

/* An address that is listened on: open before the loops start, given to each of them, closed after the last has gone.
 */
struct sh_io_listener {
    int handle;
    bool is_local;
    bool is_tls;                           /* its bytes are to be TLS; the io only passes that on */
    char address[SH_IO_ADDRESS_BYTES_MAX]; /* as it can be given to a client: with the port that port 0 became */
};

/* Called back by sh_io_turn with the context of sh_io_create. */
struct sh_io_events {
    /* A peer connected. Its bytes are read from now on, unless the callback pauses or closes it. */
    void (*on_accept)(void *context, struct sh_io_connection *connection);
    /* byte_count bytes came; they are gone after the return. 0: the peer will send no more (or is lost); nothing more
     * will come, but what the peer still reads may be sent. */
    void (*on_bytes)(void *context, struct sh_io_connection *connection, const uint8_t *bytes, size_t byte_count);
    /* The whole of sh_io_send went to the kernel, or SH_ERR_CLOSED: it cannot, and never will. */
    void (*on_sent)(void *context, struct sh_io_connection *connection, enum sh_status status);
    /* The connection is gone and its memory goes after the return. */
    void (*on_closed)(void *context, struct sh_io_connection *connection);
    /* sh_io_wake was called at least once since the last on_wake. */
    void (*on_wake)(void *context);
};

/* Something to happen later. Lives in the caller's memory; set fire, then sh_io_timer_start. */
struct sh_io_timer {
    void (*fire)(void *context, struct sh_io_timer *timer);
    uint64_t due_ns;
    uint32_t place; /* in the heap of timers, from 1; 0: not started */
};

struct sh_io_statistics {
    uint64_t turn_count;
    uint64_t sleep_count; /* turns that had to wait */
    uint64_t accept_count;
    uint64_t receive_count;
    uint64_t received_bytes;
    uint64_t send_count;
    uint64_t sent_bytes;
    uint64_t buffer_short_count; /* receives put off because all buffers were in use */
};

/* ---- life ---- */

/* Which body to use: wanted is "uring", "epoll", or NULL for the value of SHOAL_IO and else the best there is. If the
 * kernel forbids io_uring and nobody asked for it by name, *body is SH_IO_EPOLL and reason gets the words to tell the
 * user; otherwise reason->message is empty. */
SH_MUST_CHECK enum sh_status sh_io_choose(const char *wanted, enum sh_io_body *body, struct sh_error *reason);
const char *sh_io_body_name(enum sh_io_body body);

/* To be called on the thread that will use it. On failure *io is NULL. */
SH_MUST_CHECK enum sh_status sh_io_create(enum sh_io_body body, const struct sh_io_events *events, void *context,
                                          struct sh_io **io, struct sh_error *err);
/* Connections must be closed and files done; timers may be running. On its thread, or when that thread has ended: then
 * accepts should have been stopped and a turn made since, or their address stays in use for a moment. NULL is fine. */
void sh_io_destroy(struct sh_io *io);

/* One turn: see the picture. Waits at most wait_ns, less if a timer is due; 0 only looks. */
SH_MUST_CHECK enum sh_status sh_io_turn(struct sh_io *io, uint64_t wait_ns, struct sh_error *err);
/* Before long work inside a turn's end: hand the gathered wishes to the kernel now, so that answers do not wait for it.
 */
void sh_io_flush(struct sh_io *io);
/* From any thread, and from signal handlers: end the wait of that io's turn and have on_wake called. */
void sh_io_wake(struct sh_io *io);
const struct sh_io_statistics *sh_io_statistics_of(const struct sh_io *io);

/* ---- clock ---- */

int64_t sh_io_now_ms(const struct sh_io *io);        /* wall clock at the start of this turn's callbacks */
uint64_t sh_io_monotonic_ns(const struct sh_io *io); /* the same moment on a clock that only goes forward */
uint64_t sh_io_exact_ns(const struct sh_io *io);     /* the monotonic clock, read anew: about 25 ns */

/* Start, or start again, to fire once at due_ns of the monotonic clock. */
SH_MUST_CHECK enum sh_status sh_io_timer_start(struct sh_io *io, struct sh_io_timer *timer, uint64_t due_ns);
void sh_io_timer_stop(struct sh_io *io, struct sh_io_timer *timer); /* not started is fine */

/* ---- network ---- */

/* "tcp:127.0.0.1:7717", "127.0.0.1:7717", "localhost:7717", "[::1]:7717", "unix:/path". Port 0 takes a free one. A TCP
 * address is shared by as many listeners of this process as ask for it with the address that the first one got
 * (is_first false), each with a queue of its own; SH_ERR_CONFLICT if another process has it. A stale socket file of a
 * Unix address is replaced; one that answers is SH_ERR_CONFLICT. */
SH_MUST_CHECK enum sh_status sh_io_listener_open(const char *address, bool is_first, struct sh_io_listener *listener,
                                                 struct sh_error *err);
void sh_io_listener_close(struct sh_io_listener *listener); /* removes a Unix address's file; closed is fine */
/* Is it an address that only this machine can reach? */
bool sh_io_address_is_local(const char *address);

/* Accept from now on. A listener of a Unix address may be given to several loops, which then share its connections. */
SH_MUST_CHECK enum sh_status sh_io_accept(struct sh_io *io, const struct sh_io_listener *listener,
                                          struct sh_error *err);
/* Take over a connected socket, as if it had been accepted: its bytes are read from the next turn on. NULL, and the
 * socket is closed, when there is no memory. Also inside a callback. */
struct sh_io_connection *sh_io_adopt(struct sh_io *io, int handle);
/* Accept no more, from any listener of this io. */
void sh_io_accept_stop(struct sh_io *io);

/* Send bytes; see the rules. A second send before on_sent is a bug. */
void sh_io_send(struct sh_io *io, struct sh_io_connection *connection, const void *bytes, size_t byte_count);
/* No on_bytes until resume. What arrives stays in the kernel, and its flow control stops the peer. */
void sh_io_pause(struct sh_io *io, struct sh_io_connection *connection);
void sh_io_resume(struct sh_io *io, struct sh_io_connection *connection);
/* Tell the peer that nothing more will be sent. No send may be in flight. */
void sh_io_end(struct sh_io *io, struct sh_io_connection *connection);
/* No callback but on_closed after this. Unsent bytes are dropped. Twice is fine. */
void sh_io_close(struct sh_io *io, struct sh_io_connection *connection);

/* ---- disk ---- */

enum sh_io_file_operation {
    SH_IO_FILE_OPEN,      /* path, open_flags; result is the handle */
    SH_IO_FILE_CLOSE,     /* handle */
    SH_IO_FILE_READ,      /* handle, bytes, byte_count, offset; result is less than byte_count only at the end */
    SH_IO_FILE_WRITE,     /* handle, bytes, byte_count, offset; all of it or an error */
    SH_IO_FILE_SYNC,      /* handle; of a directory: its names are durable then */
    SH_IO_FILE_SYNC_DATA, /* handle; contents and size, not the times */
    SH_IO_FILE_RENAME,    /* path to path_target, replacing it */
    SH_IO_FILE_UNLINK,    /* path */
    /* For a disk only (disk.h): nobody has to wait for them while serving. */
    SH_IO_FILE_SIZE,             /* handle; result is the length of the file */
    SH_IO_FILE_LOCK,             /* handle; until it is closed. SH_ERR_BUSY: another process has it */
    SH_IO_FILE_MAKE_DIRECTORY,   /* path; mode 0700 */
    SH_IO_FILE_REMOVE_DIRECTORY, /* path; it must be empty */
};

enum sh_io_open_flags {
    SH_IO_OPEN_WRITE = 1,     /* read and write; otherwise read only */
    SH_IO_OPEN_CREATE = 2,    /* mode 0600 */
    SH_IO_OPEN_EXCLUSIVE = 4, /* with CREATE: it must not exist */
    SH_IO_OPEN_TRUNCATE = 8,
    SH_IO_OPEN_DIRECTORY = 16,
    /* A write is done when it would survive a power cut: write and datasync in one wish, with no link between two that
     * a short write could break. */
    SH_IO_OPEN_DURABLE = 32,
    /* Past the page cache: bytes, offset and byte_count are multiples of 4096. */
    SH_IO_OPEN_DIRECT = 64,
};

/* One wish about a file. In the caller's memory, together with all it points to, until done is called. */
struct sh_io_file_request {
    enum sh_io_file_operation operation;
    unsigned open_flags;
    int handle;
    const char *path;
    const char *path_target;
    uint8_t *bytes; /* not changed by WRITE */
    size_t byte_count;
    uint64_t offset;
    void (*done)(void *context, struct sh_io_file_request *request);
    /* filled in when done: */
    /* SH_OK, SH_ERR_NOT_FOUND (no such path), SH_ERR_CONFLICT (it exists), SH_ERR_LIMIT (no space left),
     * SH_ERR_UNSUPPORTED (an open flag that the file system does not know), SH_ERR_BUSY (locked), SH_ERR_IO. */
    enum sh_status status;
    int system_error; /* errno, 0 if status is SH_OK */
    int64_t result;
    /* the io's own: */
    size_t done_bytes;
    struct sh_io_file_request *next;
};

/* Requests that are in flight together may be done in any order. */
void sh_io_file(struct sh_io *io, struct sh_io_file_request *request);

#endif
