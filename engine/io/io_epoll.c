/* io_epoll.c -- the io on epoll, for kernels and containers that forbid io_uring.
 *
 * The same behaviour, by plain system calls: a connection is watched for reading unless it is paused, and for writing
 * while a send did not fit the socket. A send is tried at once; its callback still comes later, inside a turn, as the
 * interface promises, so whatever is finished early waits in a list. File requests are carried out on the spot: this
 * body is for hosts that cannot have better.
 *
 * A paused connection with nothing to send is not watched at all: epoll reports a hang-up whether one asks or not, and
 * would report it without end.
 */
#include "io_private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "memory.h"

enum { EVENT_COUNT = 256 }; /* taken from the kernel at once; the rest comes with the next turn */

enum watched_kind { WATCHED_CONNECTION, WATCHED_LISTENER, WATCHED_DOORBELL };

/* What the data of an epoll event points to: the first member of each of the three. */
struct watched {
    enum watched_kind kind;
    int handle;
};

struct epoll_connection {
    struct sh_io_connection base;
    struct watched watched;
    uint32_t mask; /* what epoll watches now; 0: it is not registered */
    bool is_paused;
    bool is_ended;
    bool is_closing;
    bool is_sending;
    bool is_send_done; /* sent or failed, on_sent is still to be called */
    enum sh_status send_status;
    bool is_deferred;
    const uint8_t *send_at;
    size_t send_left;
    struct epoll_connection *deferred_next;
};

struct epoll_listener {
    struct watched watched;
    bool is_local;
    bool is_tls;
    bool is_stopped;
    struct sh_io *io;
    struct sh_io_timer retry;
};

struct epoll_io {
    struct sh_io base;
    int epoll;
    struct watched doorbell;
    struct epoll_connection *deferred;
    struct sh_io_file_request *files_first; /* done, callbacks to come */
    struct sh_io_file_request *files_last;
    struct epoll_listener listeners[SH_IO_LISTENER_COUNT_MAX];
    uint32_t listener_count;
    uint8_t receive[SH_IO_RECEIVE_BYTES];
};

static void defer(struct epoll_io *self, struct epoll_connection *connection) {
    if (connection->is_deferred) return;
    connection->is_deferred = true;
    connection->deferred_next = self->deferred;
    self->deferred = connection;
}

/* Bring what epoll watches in line with what the connection is waiting for. */
static void watch(struct epoll_io *self, struct epoll_connection *connection) {
    uint32_t mask = 0;
    if (!connection->is_paused && !connection->is_ended && !connection->is_closing) mask |= EPOLLIN;
    if (connection->is_sending && !connection->is_send_done) mask |= EPOLLOUT;
    if (mask == connection->mask) return;
    struct epoll_event event = {.events = mask, .data.ptr = &connection->watched};
    const int operation = mask == 0 ? EPOLL_CTL_DEL : connection->mask == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    connection->mask = mask;
    if (epoll_ctl(self->epoll, operation, connection->watched.handle, &event) == 0) return;
    /* Out of memory or of watches: the connection cannot be served any more. */
    connection->mask = 0;
    if (connection->is_sending && !connection->is_send_done) {
        connection->is_send_done = true;
        connection->send_status = SH_ERR_CLOSED;
    }
    if (!connection->is_ended && !connection->is_closing) {
        (void)shutdown(connection->watched.handle, SHUT_RDWR);
        defer(self, connection);
    }
}

/* ---- receiving ---- */

static void receive(struct epoll_io *self, struct epoll_connection *connection) {
    const ssize_t count = recv(connection->watched.handle, self->receive, sizeof self->receive, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return;
    const size_t byte_count = count > 0 ? (size_t)count : 0;
    self->base.statistics.receive_count++;
    self->base.statistics.received_bytes += byte_count;
    if (byte_count == 0) {
        connection->is_ended = true;
        watch(self, connection);
    }
    self->base.events->on_bytes(self->base.context, &connection->base, self->receive, byte_count);
}

static void epoll_pause(struct sh_io *io, struct sh_io_connection *base) {
    struct epoll_connection *connection = (struct epoll_connection *)(void *)base;
    connection->is_paused = true;
    watch((struct epoll_io *)io, connection);
}

static void epoll_resume(struct sh_io *io, struct sh_io_connection *base) {
    struct epoll_connection *connection = (struct epoll_connection *)(void *)base;
    connection->is_paused = false;
    watch((struct epoll_io *)io, connection);
}

/* ---- sending ---- */

static void send_some(struct epoll_io *self, struct epoll_connection *connection) {
    while (connection->send_left > 0) {
        const ssize_t count =
            send(connection->watched.handle, connection->send_at, connection->send_left, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            watch(self, connection);
            return;
        }
        if (count < 0) {
            connection->send_status = SH_ERR_CLOSED;
            break;
        }
        connection->send_at += count;
        connection->send_left -= (size_t)count;
    }
    connection->is_send_done = true;
    watch(self, connection);
    defer(self, connection);
}

static void epoll_send(struct sh_io *io, struct sh_io_connection *base, const void *bytes, size_t byte_count) {
    struct epoll_connection *connection = (struct epoll_connection *)(void *)base;
    sh_assert(!connection->is_sending);
    sh_assert(!connection->is_closing);
    connection->is_sending = true;
    connection->is_send_done = false;
    connection->send_status = SH_OK;
    connection->send_at = bytes;
    connection->send_left = byte_count;
    send_some((struct epoll_io *)io, connection);
}

static void epoll_end(struct sh_io *io, struct sh_io_connection *base) {
    (void)io;
    struct epoll_connection *connection = (struct epoll_connection *)(void *)base;
    sh_assert(!connection->is_sending);
    (void)shutdown(connection->watched.handle, SHUT_WR);
}

static void epoll_close(struct sh_io *io, struct sh_io_connection *base) {
    struct epoll_connection *connection = (struct epoll_connection *)(void *)base;
    if (connection->is_closing) return;
    connection->is_closing = true;
    connection->is_sending = false;
    watch((struct epoll_io *)io, connection);
    defer((struct epoll_io *)io, connection);
}

/* ---- what was finished before its turn ---- */

static void run_connection(struct epoll_io *self, struct epoll_connection *connection) {
    if (!connection->is_closing && connection->is_sending && connection->is_send_done) {
        connection->is_sending = false;
        connection->is_send_done = false;
        self->base.events->on_sent(self->base.context, &connection->base, connection->send_status);
    }
    if (!connection->is_closing && connection->mask == 0 && !connection->is_paused && !connection->is_ended) {
        connection->is_ended = true; /* epoll could not watch it */
        self->base.events->on_bytes(self->base.context, &connection->base, NULL, 0);
    }
    if (!connection->is_closing || connection->is_deferred) return;
    (void)close(connection->watched.handle);
    self->base.events->on_closed(self->base.context, &connection->base);
    sh_free(connection);
}

static void run_deferred(struct epoll_io *self) {
    struct epoll_connection *list = self->deferred;
    self->deferred = NULL;
    while (list != NULL) {
        struct epoll_connection *connection = list;
        list = connection->deferred_next;
        connection->is_deferred = false;
        run_connection(self, connection);
    }
    struct sh_io_file_request *request = self->files_first;
    self->files_first = NULL;
    self->files_last = NULL;
    while (request != NULL) {
        struct sh_io_file_request *next = request->next;
        request->done(self->base.context, request);
        request = next;
    }
}

/* ---- accepting ---- */

static int listener_watch(struct epoll_io *self, struct epoll_listener *listener) {
    /* A shared Unix listener wakes one loop, not all. */
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = &listener->watched};
    return epoll_ctl(self->epoll, EPOLL_CTL_ADD, listener->watched.handle, &event);
}

static void accept_retry(void *context, struct sh_io_timer *timer) {
    (void)context;
    struct epoll_listener *listener =
        (struct epoll_listener *)(void *)((char *)timer - offsetof(struct epoll_listener, retry));
    if (!listener->is_stopped) (void)listener_watch((struct epoll_io *)listener->io, listener);
}

static struct epoll_connection *connection_make(struct epoll_io *self, int handle, bool is_local) {
    struct epoll_connection *connection = sh_alloc_zero(sizeof *connection);
    if (connection == NULL) {
        (void)close(handle);
        return NULL;
    }
    sh_io_socket_prepare(handle, is_local);
    connection->watched = (struct watched){.kind = WATCHED_CONNECTION, .handle = handle};
    connection->base.is_local = is_local;
    self->base.statistics.accept_count++;
    return connection;
}

static void welcome(struct epoll_io *self, const struct epoll_listener *listener, int handle) {
    struct epoll_connection *connection = connection_make(self, handle, listener->is_local);
    if (connection == NULL) return;
    connection->base.is_tls = listener->is_tls;
    connection->base.is_owner = sh_io_peer_is_owner(handle, listener->is_local);
    self->base.events->on_accept(self->base.context, &connection->base);
    watch(self, connection);
}

static struct sh_io_connection *epoll_adopt(struct sh_io *io, int handle) {
    struct epoll_io *self = (struct epoll_io *)io;
    struct epoll_connection *connection = connection_make(self, handle, true);
    if (connection == NULL) return NULL;
    watch(self, connection);
    return &connection->base;
}

static void accept_some(struct epoll_io *self, struct epoll_listener *listener) {
    for (uint32_t i = 0; i < EVENT_COUNT && !listener->is_stopped; i++) {
        const int handle = accept4(listener->watched.handle, NULL, NULL, SOCK_CLOEXEC);
        if (handle >= 0) {
            welcome(self, listener, handle);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
            const uint64_t due_ns = self->base.monotonic_ns + SH_IO_ACCEPT_PAUSE_MS * 1000000ull;
            if (sh_io_timer_start(&self->base, &listener->retry, due_ns) == SH_OK)
                (void)epoll_ctl(self->epoll, EPOLL_CTL_DEL, listener->watched.handle, NULL);
        }
        return;
    }
}

static enum sh_status epoll_accept(struct sh_io *io, const struct sh_io_listener *source, struct sh_error *err) {
    struct epoll_io *self = (struct epoll_io *)io;
    if (self->listener_count == SH_IO_LISTENER_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "at most %d addresses can be listened on", SH_IO_LISTENER_COUNT_MAX);
    struct epoll_listener *listener = &self->listeners[self->listener_count];
    *listener = (struct epoll_listener){.watched = {.kind = WATCHED_LISTENER, .handle = source->handle},
                                        .is_local = source->is_local,
                                        .is_tls = source->is_tls,
                                        .io = io};
    listener->retry.fire = accept_retry;
    /* Another loop may have taken the connection that this one was woken for. */
    (void)fcntl(source->handle, F_SETFL, fcntl(source->handle, F_GETFL) | O_NONBLOCK);
    if (listener_watch(self, listener) != 0) return sh_fail(err, SH_ERR_IO, -1, "epoll_ctl: %s", strerror(errno));
    self->listener_count++;
    return SH_OK;
}

static void epoll_accept_stop(struct sh_io *io) {
    struct epoll_io *self = (struct epoll_io *)io;
    for (uint32_t i = 0; i < self->listener_count; i++) {
        struct epoll_listener *listener = &self->listeners[i];
        sh_io_timer_stop(io, &listener->retry);
        if (!listener->is_stopped) (void)epoll_ctl(self->epoll, EPOLL_CTL_DEL, listener->watched.handle, NULL);
        listener->is_stopped = true;
    }
}

/* ---- doorbell and files ---- */

static void epoll_wake(struct sh_io *io) {
    const uint64_t one = 1;
    (void)!write(((struct epoll_io *)io)->doorbell.handle, &one, sizeof one);
}

static void epoll_file(struct sh_io *io, struct sh_io_file_request *request) {
    struct epoll_io *self = (struct epoll_io *)io;
    sh_io_file_run(request);
    if (self->files_last == NULL)
        self->files_first = request;
    else
        self->files_last->next = request;
    self->files_last = request;
}

/* ---- the turn ---- */

static void dispatch_connection(struct epoll_io *self, struct watched *watched, uint32_t mask) {
    struct epoll_connection *connection =
        (struct epoll_connection *)(void *)((char *)watched - offsetof(struct epoll_connection, watched));
    /* An earlier callback of this turn may have closed or paused it. */
    const bool broken = (mask & (EPOLLHUP | EPOLLERR)) != 0;
    if ((mask & EPOLLOUT) != 0 || broken) {
        if (!connection->is_closing && connection->is_sending && !connection->is_send_done) send_some(self, connection);
    }
    if ((mask & EPOLLIN) != 0 || broken) {
        if (!connection->is_closing && !connection->is_paused && !connection->is_ended) receive(self, connection);
    }
}

static void dispatch(struct epoll_io *self, const struct epoll_event *event) {
    struct watched *watched = event->data.ptr;
    switch (watched->kind) {
    case WATCHED_CONNECTION:
        dispatch_connection(self, watched, event->events);
        break;
    case WATCHED_LISTENER:
        accept_some(self, (struct epoll_listener *)(void *)watched);
        break;
    case WATCHED_DOORBELL: {
        uint64_t count;
        (void)!read(watched->handle, &count, sizeof count);
        self->base.events->on_wake(self->base.context);
        break;
    }
    }
}

static enum sh_status epoll_turn(struct sh_io *io, uint64_t wait_ns, struct sh_error *err) {
    struct epoll_io *self = (struct epoll_io *)io;
    if (self->deferred != NULL || self->files_first != NULL) wait_ns = 0;
    if (wait_ns > 0) io->statistics.sleep_count++;
    const uint64_t wait_ms = (wait_ns + 999999u) / 1000000u;
    struct epoll_event events[EVENT_COUNT];
    const int count = epoll_wait(self->epoll, events, EVENT_COUNT, wait_ms > INT32_MAX ? INT32_MAX : (int)wait_ms);
    if (count < 0 && errno != EINTR) return sh_fail(err, SH_ERR_IO, -1, "epoll_wait: %s", strerror(errno));
    sh_io_clock_take(io);
    for (int i = 0; i < count; i++)
        dispatch(self, &events[i]);
    /* After the events: an event may name a connection that a deferred callback would free. */
    run_deferred(self);
    return SH_OK;
}

/* Everything has gone to the kernel already. */
static void epoll_flush(struct sh_io *io) {
    (void)io;
}

/* ---- life ---- */

static void epoll_destroy(struct sh_io *io) {
    struct epoll_io *self = (struct epoll_io *)io;
    epoll_accept_stop(io);
    if (self->doorbell.handle >= 0) (void)close(self->doorbell.handle);
    if (self->epoll >= 0) (void)close(self->epoll);
    sh_free(self);
}

static const struct sh_io_operations epoll_operations = {
    .destroy = epoll_destroy,
    .turn = epoll_turn,
    .flush = epoll_flush,
    .wake = epoll_wake,
    .clock = sh_io_clock_system,
    .accept = epoll_accept,
    .adopt = epoll_adopt,
    .accept_stop = epoll_accept_stop,
    .send = epoll_send,
    .pause = epoll_pause,
    .resume = epoll_resume,
    .end = epoll_end,
    .close = epoll_close,
    .file = epoll_file,
};

enum sh_status sh_io_epoll_create(struct sh_io **io, struct sh_error *err) {
    struct epoll_io *self = sh_alloc_zero(sizeof *self);
    if (self == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an io");
    self->base.operations = &epoll_operations;
    self->epoll = epoll_create1(EPOLL_CLOEXEC);
    self->doorbell = (struct watched){.kind = WATCHED_DOORBELL, .handle = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &self->doorbell};
    if (self->epoll < 0 || self->doorbell.handle < 0 ||
        epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->doorbell.handle, &event) != 0) {
        const enum sh_status status = sh_fail(err, SH_ERR_IO, -1, "epoll: %s", strerror(errno));
        epoll_destroy(&self->base);
        return status;
    }
    *io = &self->base;
    return SH_OK;
}
