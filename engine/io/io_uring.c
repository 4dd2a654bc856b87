/* io_uring.c -- the io on io_uring.
 *
 * HOW IT WORKS
 *
 * Wishes are put into the submission queue and go to the kernel together, by the same call that waits: one system call
 * a turn. The ring is SINGLE_ISSUER and DEFER_TASKRUN, so the kernel does its part of the work only while this thread
 * waits, never in the middle of a callback. The user_data of a wish is the address of what it is for, and its lowest
 * three bits are which wish it is; both kinds of objects are aligned to at least eight bytes.
 *
 * Receiving takes a buffer from a ring of buffers that all connections share, at the moment the bytes are there: a
 * thousand idle connections hold no buffer. A receive is asked for again after each one that came, rather than once for
 * all (multishot): a multishot receive goes on while callbacks run, so one client that sends without pause could take
 * every buffer, and a paused connection would go on receiving until the cancellation has come through. Asked for
 * singly, it gets one buffer a turn and stops at once; the price is one submission entry and no system call.
 *
 * WHAT IF THE KERNEL REFUSES
 *
 * sh_io_uring_create fails with words, and sh_io_choose takes epoll. Needed: Linux 6.1 (DEFER_TASKRUN), and that no
 * seccomp filter and no kernel.io_uring_disabled forbids the three system calls.
 */
#include "io_private.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "memory.h"

enum {
    QUEUE_COUNT = 1024,           /* wishes gathered before the kernel is entered early */
    COMPLETION_COUNT = 4096,      /* more are kept by the kernel, at a cost */
    BUFFER_GROUP = 0,             /* the one ring of receive buffers */
    TRANSFER_BYTES_MAX = 1 << 30, /* one read or write of a file; the kernel's limit is a little under 2 GiB */
};

enum wish {
    WISH_NOTHING = 0, /* a cancellation: its own outcome does not matter */
    WISH_RECEIVE = 1,
    WISH_SEND = 2,
    WISH_ACCEPT = 3,
    WISH_DOORBELL = 4,
    WISH_FILE = 5,
    WISH_MASK = 7,
};

struct uring_connection {
    struct sh_io_connection base;
    int handle;
    bool is_receiving; /* a receive is with the kernel */
    bool is_sending;
    bool is_paused;
    bool is_ended; /* the peer sends no more, and the owner knows */
    bool is_closing;
    bool is_deferred; /* is in the list of those that get a callback at the end of the turn */
    bool has_more;    /* the last receive said that there is more to read */
    const uint8_t *send_at;
    size_t send_left;
    uint8_t *held; /* bytes that came while paused: at most one receive */
    size_t held_bytes;
    bool held_end;
    struct uring_connection *deferred_next;
};

struct uring_listener {
    int handle;
    bool is_local;
    bool is_tls;
    bool is_armed;
    bool is_stopped;
    struct sh_io *io;
    struct sh_io_timer retry; /* after an accept failed for want of descriptors */
};

struct uring {
    struct sh_io base;
    struct io_uring ring;
    struct io_uring_buf_ring *buffers;
    size_t buffers_bytes;
    uint8_t *buffer_memory;
    int doorbell;
    uint64_t doorbell_count; /* where the kernel puts what it read from the doorbell */
    struct uring_connection *deferred;
    struct uring_listener listeners[SH_IO_LISTENER_COUNT_MAX];
    uint32_t listener_count;
};

static uint64_t tag(const void *object, enum wish wish) {
    return (uint64_t)(uintptr_t)object | (uint64_t)wish;
}

static struct io_uring_sqe *entry(struct uring *self) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&self->ring);
    while (sqe == NULL) { /* the queue is full: hand it over, which empties it */
        const int submitted = io_uring_submit(&self->ring);
        sh_assert(submitted >= 0 || submitted == -EINTR || submitted == -EAGAIN || submitted == -EBUSY);
        sqe = io_uring_get_sqe(&self->ring);
    }
    return sqe;
}

/* To be called after liburing's prep function, which may clear user_data. */
static void mark(struct io_uring_sqe *sqe, const void *object, enum wish wish) {
    io_uring_sqe_set_data64(sqe, tag(object, wish));
}

static void defer(struct uring *self, struct uring_connection *connection) {
    if (connection->is_deferred) return;
    connection->is_deferred = true;
    connection->deferred_next = self->deferred;
    self->deferred = connection;
}

/* ---- receiving ---- */

static void receive_again(struct uring *self, struct uring_connection *connection) {
    if (connection->is_receiving || connection->is_paused || connection->is_ended || connection->is_closing) return;
    struct io_uring_sqe *sqe = entry(self);
    io_uring_prep_recv(sqe, connection->handle, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = BUFFER_GROUP;
    /* Usually nothing is there yet: do not try before waiting. */
    if (!connection->has_more) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
    mark(sqe, connection, WISH_RECEIVE);
    connection->is_receiving = true;
}

static void buffer_give_back(struct uring *self, uint32_t buffer) {
    io_uring_buf_ring_add(self->buffers, self->buffer_memory + (size_t)buffer * SH_IO_RECEIVE_BYTES,
                          SH_IO_RECEIVE_BYTES, (unsigned short)buffer, io_uring_buf_ring_mask(SH_IO_RECEIVE_COUNT), 0);
    io_uring_buf_ring_advance(self->buffers, 1);
}

static void deliver(struct uring *self, struct uring_connection *connection, const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) connection->is_ended = true;
    self->base.events->on_bytes(self->base.context, &connection->base, bytes, byte_count);
}

/* The owner paused while a receive was under way: keep what came until it resumes. */
static void hold(struct uring_connection *connection, const uint8_t *bytes, size_t byte_count) {
    connection->held_end = byte_count == 0;
    if (byte_count == 0) return;
    connection->held = sh_alloc(byte_count);
    if (connection->held == NULL) { /* bytes of the stream cannot be kept, so the stream is over */
        connection->held_end = true;
        return;
    }
    memcpy(connection->held, bytes, byte_count);
    connection->held_bytes = byte_count;
}

static void deliver_held(struct uring *self, struct uring_connection *connection) {
    uint8_t *held = connection->held;
    const size_t held_bytes = connection->held_bytes;
    connection->held = NULL;
    connection->held_bytes = 0;
    if (held != NULL) {
        deliver(self, connection, held, held_bytes);
        sh_free(held);
    } else if (connection->held_end) {
        connection->held_end = false;
        deliver(self, connection, NULL, 0);
    }
}

static void finish_if_idle(struct uring *self, struct uring_connection *connection) {
    if (connection->is_closing && !connection->is_receiving && !connection->is_sending) defer(self, connection);
}

static void on_receive(struct uring *self, struct uring_connection *connection, const struct io_uring_cqe *cqe) {
    connection->is_receiving = false;
    connection->has_more = (cqe->flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    const bool has_buffer = (cqe->flags & IORING_CQE_F_BUFFER) != 0;
    const uint32_t buffer = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
    if (cqe->res == -ENOBUFS) {
        self->base.statistics.buffer_short_count++;
        connection->has_more = true;
    } else if (cqe->res != -EINTR && cqe->res != -EAGAIN && !connection->is_closing) {
        const uint8_t *bytes = has_buffer ? self->buffer_memory + (size_t)buffer * SH_IO_RECEIVE_BYTES : NULL;
        const size_t byte_count = cqe->res > 0 && has_buffer ? (size_t)cqe->res : 0;
        self->base.statistics.receive_count++;
        self->base.statistics.received_bytes += byte_count;
        if (connection->is_paused)
            hold(connection, bytes, byte_count);
        else
            deliver(self, connection, bytes, byte_count);
    }
    if (has_buffer) buffer_give_back(self, buffer);
    receive_again(self, connection);
    finish_if_idle(self, connection);
}

static void uring_pause(struct sh_io *io, struct sh_io_connection *base) {
    (void)io;
    ((struct uring_connection *)base)->is_paused = true;
}

static void uring_resume(struct sh_io *io, struct sh_io_connection *base) {
    struct uring *self = (struct uring *)io;
    struct uring_connection *connection = (struct uring_connection *)base;
    if (!connection->is_paused) return;
    connection->is_paused = false;
    if (connection->held != NULL || connection->held_end)
        defer(self, connection);
    else
        receive_again(self, connection);
}

/* ---- sending ---- */

static void send_rest(struct uring *self, struct uring_connection *connection) {
    struct io_uring_sqe *sqe = entry(self);
    io_uring_prep_send(sqe, connection->handle, connection->send_at, connection->send_left, MSG_NOSIGNAL | MSG_WAITALL);
    mark(sqe, connection, WISH_SEND);
}

static void uring_send(struct sh_io *io, struct sh_io_connection *base, const void *bytes, size_t byte_count) {
    struct uring_connection *connection = (struct uring_connection *)base;
    sh_assert(!connection->is_sending);
    sh_assert(!connection->is_closing);
    connection->is_sending = true;
    connection->send_at = bytes;
    connection->send_left = byte_count;
    send_rest((struct uring *)io, connection);
}

static void on_send(struct uring *self, struct uring_connection *connection, int result) {
    const bool again = result == -EINTR || result == -EAGAIN;
    if (result > 0) {
        connection->send_at += result;
        connection->send_left -= (size_t)result;
    }
    if (!connection->is_closing && (again || (result > 0 && connection->send_left > 0))) {
        send_rest(self, connection);
        return;
    }
    connection->is_sending = false;
    if (connection->is_closing)
        finish_if_idle(self, connection);
    else
        self->base.events->on_sent(self->base.context, &connection->base, result > 0 ? SH_OK : SH_ERR_CLOSED);
}

static void uring_end(struct sh_io *io, struct sh_io_connection *base) {
    (void)io;
    struct uring_connection *connection = (struct uring_connection *)base;
    sh_assert(!connection->is_sending);
    (void)shutdown(connection->handle, SHUT_WR);
}

/* ---- the end of a connection ---- */

static void uring_close(struct sh_io *io, struct sh_io_connection *base) {
    struct uring_connection *connection = (struct uring_connection *)base;
    if (connection->is_closing) return;
    connection->is_closing = true;
    /* Makes the kernel finish what is under way. */
    if (connection->is_receiving || connection->is_sending) (void)shutdown(connection->handle, SHUT_RDWR);
    finish_if_idle((struct uring *)io, connection);
}

static void connection_gone(struct uring *self, struct uring_connection *connection) {
    (void)close(connection->handle);
    self->base.events->on_closed(self->base.context, &connection->base);
    sh_free(connection->held);
    sh_free(connection);
}

static void run_deferred(struct uring *self) {
    struct uring_connection *list = self->deferred;
    self->deferred = NULL;
    while (list != NULL) {
        struct uring_connection *connection = list;
        list = connection->deferred_next;
        connection->is_deferred = false;
        if (!connection->is_closing && !connection->is_paused) {
            deliver_held(self, connection);
            receive_again(self, connection);
        }
        /* The callback may have closed it, which put it into the new list: then it goes when that list is run. */
        const bool is_idle = !connection->is_receiving && !connection->is_sending && !connection->is_deferred;
        if (connection->is_closing && is_idle) connection_gone(self, connection);
    }
}

/* ---- accepting ---- */

static void accept_again(struct uring *self, struct uring_listener *listener) {
    if (listener->is_stopped || listener->is_armed) return;
    struct io_uring_sqe *sqe = entry(self);
    io_uring_prep_multishot_accept(sqe, listener->handle, NULL, NULL, SOCK_CLOEXEC);
    mark(sqe, listener, WISH_ACCEPT);
    listener->is_armed = true;
}

static void accept_retry(void *context, struct sh_io_timer *timer) {
    (void)context;
    struct uring_listener *listener = (struct uring_listener *)((char *)timer - offsetof(struct uring_listener, retry));
    accept_again((struct uring *)listener->io, listener);
}

static void accept_later(struct uring *self, struct uring_listener *listener) {
    const uint64_t due_ns = self->base.monotonic_ns + SH_IO_ACCEPT_PAUSE_MS * 1000000ull;
    if (sh_io_timer_start(&self->base, &listener->retry, due_ns) != SH_OK) accept_again(self, listener);
}

static struct uring_connection *connection_make(struct uring *self, int handle, bool is_local) {
    struct uring_connection *connection = sh_alloc_zero(sizeof *connection);
    if (connection == NULL) {
        (void)close(handle);
        return NULL;
    }
    sh_io_socket_prepare(handle, is_local);
    connection->handle = handle;
    connection->base.is_local = is_local;
    self->base.statistics.accept_count++;
    return connection;
}

static void welcome(struct uring *self, const struct uring_listener *listener, int handle) {
    if (listener->is_stopped) {
        (void)close(handle);
        return;
    }
    struct uring_connection *connection = connection_make(self, handle, listener->is_local);
    if (connection == NULL) return;
    connection->base.is_tls = listener->is_tls;
    connection->base.is_owner = sh_io_peer_is_owner(handle, listener->is_local);
    self->base.events->on_accept(self->base.context, &connection->base);
    receive_again(self, connection);
}

static struct sh_io_connection *uring_adopt(struct sh_io *io, int handle) {
    struct uring *self = (struct uring *)io;
    struct uring_connection *connection = connection_make(self, handle, true);
    if (connection == NULL) return NULL;
    receive_again(self, connection);
    return &connection->base;
}

static void on_accept(struct uring *self, struct uring_listener *listener, const struct io_uring_cqe *cqe) {
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) listener->is_armed = false;
    if (cqe->res >= 0) welcome(self, listener, cqe->res);
    if (listener->is_armed) return;
    const bool short_of = cqe->res == -EMFILE || cqe->res == -ENFILE || cqe->res == -ENOMEM || cqe->res == -ENOBUFS;
    if (short_of && !listener->is_stopped)
        accept_later(self, listener);
    else
        accept_again(self, listener);
}

static enum sh_status uring_accept(struct sh_io *io, const struct sh_io_listener *source, struct sh_error *err) {
    struct uring *self = (struct uring *)io;
    if (self->listener_count == SH_IO_LISTENER_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "at most %d addresses can be listened on", SH_IO_LISTENER_COUNT_MAX);
    struct uring_listener *listener = &self->listeners[self->listener_count++];
    *listener = (struct uring_listener){
        .handle = source->handle, .is_local = source->is_local, .is_tls = source->is_tls, .io = io};
    listener->retry.fire = accept_retry;
    accept_again(self, listener);
    return SH_OK;
}

static void uring_accept_stop(struct sh_io *io) {
    struct uring *self = (struct uring *)io;
    for (uint32_t i = 0; i < self->listener_count; i++) {
        struct uring_listener *listener = &self->listeners[i];
        sh_io_timer_stop(io, &listener->retry);
        if (listener->is_armed && !listener->is_stopped) {
            struct io_uring_sqe *sqe = entry(self);
            io_uring_prep_cancel64(sqe, tag(listener, WISH_ACCEPT), 0);
            mark(sqe, NULL, WISH_NOTHING);
        }
        listener->is_stopped = true;
    }
}

/* ---- doorbell ---- */

static void doorbell_listen(struct uring *self) {
    struct io_uring_sqe *sqe = entry(self);
    io_uring_prep_read(sqe, self->doorbell, &self->doorbell_count, sizeof self->doorbell_count, 0);
    mark(sqe, self, WISH_DOORBELL);
}

static void uring_wake(struct sh_io *io) {
    const uint64_t one = 1;
    (void)!write(((struct uring *)io)->doorbell, &one, sizeof one);
}

/* ---- files ---- */

static void uring_file(struct sh_io *io, struct sh_io_file_request *request) {
    struct uring *self = (struct uring *)io;
    struct io_uring_sqe *sqe = entry(self);
    uint8_t *bytes = request->bytes == NULL ? NULL : request->bytes + request->done_bytes;
    size_t left = request->byte_count - request->done_bytes;
    if (left > TRANSFER_BYTES_MAX) left = TRANSFER_BYTES_MAX;
    const uint64_t offset = request->offset + request->done_bytes;
    switch (request->operation) {
    case SH_IO_FILE_OPEN:
        io_uring_prep_openat(sqe, AT_FDCWD, request->path, sh_io_file_open_flags(request->open_flags), 0600);
        break;
    case SH_IO_FILE_CLOSE:
        io_uring_prep_close(sqe, request->handle);
        break;
    case SH_IO_FILE_READ:
        io_uring_prep_read(sqe, request->handle, bytes, (unsigned)left, offset);
        break;
    case SH_IO_FILE_WRITE:
        io_uring_prep_write(sqe, request->handle, bytes, (unsigned)left, offset);
        break;
    case SH_IO_FILE_SYNC:
        io_uring_prep_fsync(sqe, request->handle, 0);
        break;
    case SH_IO_FILE_SYNC_DATA:
        io_uring_prep_fsync(sqe, request->handle, IORING_FSYNC_DATASYNC);
        break;
    case SH_IO_FILE_RENAME:
        io_uring_prep_rename(sqe, request->path, request->path_target);
        break;
    case SH_IO_FILE_UNLINK:
        io_uring_prep_unlink(sqe, request->path, 0);
        break;
    case SH_IO_FILE_SIZE:
    case SH_IO_FILE_LOCK:
    case SH_IO_FILE_MAKE_DIRECTORY:
    case SH_IO_FILE_REMOVE_DIRECTORY:
        sh_assert(false); /* sh_io_file refused it */
    }
    mark(sqe, request, WISH_FILE);
}

static void on_file(struct uring *self, struct sh_io_file_request *request, int result) {
    const bool is_write = request->operation == SH_IO_FILE_WRITE;
    const bool is_transfer = is_write || request->operation == SH_IO_FILE_READ;
    int64_t outcome = result;
    if (result == -EINTR || result == -EAGAIN) {
        uring_file(&self->base, request);
        return;
    }
    if (is_transfer && result >= 0) {
        request->done_bytes += (size_t)result;
        if (result > 0 && request->done_bytes < request->byte_count) {
            uring_file(&self->base, request);
            return;
        }
        outcome = is_write && request->done_bytes < request->byte_count ? -EIO : (int64_t)request->done_bytes;
    }
    sh_io_file_finish(request, outcome);
    request->done(self->base.context, request);
}

/* ---- the turn ---- */

static void dispatch(struct uring *self, const struct io_uring_cqe *cqe) {
    void *object = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)WISH_MASK);
    switch ((enum wish)(cqe->user_data & WISH_MASK)) {
    case WISH_RECEIVE:
        on_receive(self, object, cqe);
        break;
    case WISH_SEND:
        on_send(self, object, cqe->res);
        break;
    case WISH_ACCEPT:
        on_accept(self, object, cqe);
        break;
    case WISH_FILE:
        on_file(self, object, cqe->res);
        break;
    case WISH_DOORBELL:
        doorbell_listen(self);
        self->base.events->on_wake(self->base.context);
        break;
    case WISH_NOTHING:
    case WISH_MASK:
        break;
    }
}

static enum sh_status uring_turn(struct sh_io *io, uint64_t wait_ns, struct sh_error *err) {
    struct uring *self = (struct uring *)io;
    int result;
    if (wait_ns == 0 || self->deferred != NULL || io_uring_cq_ready(&self->ring) > 0) {
        result = io_uring_submit_and_get_events(&self->ring);
    } else {
        io->statistics.sleep_count++;
        struct __kernel_timespec wait = {.tv_sec = (int64_t)(wait_ns / 1000000000u),
                                         .tv_nsec = (long long)(wait_ns % 1000000000u)};
        struct io_uring_cqe *first;
        result = io_uring_submit_and_wait_timeout(&self->ring, &first, 1, &wait, NULL);
    }
    if (result < 0 && result != -ETIME && result != -EINTR && result != -EAGAIN && result != -EBUSY)
        return sh_fail(err, SH_ERR_IO, -1, "io_uring_enter: %s", strerror(-result));
    sh_io_clock_take(io);
    unsigned head;
    unsigned seen = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&self->ring, head, cqe) {
        seen++;
        dispatch(self, cqe);
    }
    io_uring_cq_advance(&self->ring, seen);
    run_deferred(self);
    return SH_OK;
}

static void uring_flush(struct sh_io *io) {
    /* A failure shows again in the turn, which submits the same. */
    if (io_uring_sq_ready(&((struct uring *)io)->ring) > 0) (void)io_uring_submit(&((struct uring *)io)->ring);
}

/* ---- life ---- */

/* An armed accept holds the listening socket, and a closed ring lets go of it some time later: the address would be in
 * use for an unknown while. So take the accepts back first. */
static void take_accepts_back(struct uring *self) {
    uring_accept_stop(&self->base);
    for (uint32_t attempt = 0; attempt < 100; attempt++) {
        bool armed = false;
        for (uint32_t i = 0; i < self->listener_count; i++)
            armed |= self->listeners[i].is_armed;
        if (!armed) return;
        struct __kernel_timespec wait = {.tv_nsec = 10000000};
        struct io_uring_cqe *cqe = NULL;
        const int result = io_uring_submit_and_wait_timeout(&self->ring, &cqe, 1, &wait, NULL);
        if (result < 0 && result != -ETIME && result != -EINTR) return; /* another thread than the ring's: let it be */
        while (io_uring_peek_cqe(&self->ring, &cqe) == 0) {
            if ((cqe->user_data & WISH_MASK) == WISH_ACCEPT) dispatch(self, cqe);
            io_uring_cqe_seen(&self->ring, cqe);
        }
    }
}

static void uring_destroy(struct sh_io *io) {
    struct uring *self = (struct uring *)io;
    if (self->listener_count > 0) take_accepts_back(self);
    io_uring_queue_exit(&self->ring);
    if (self->doorbell >= 0) (void)close(self->doorbell);
    if (self->buffers != NULL) (void)munmap(self->buffers, self->buffers_bytes);
    if (self->buffer_memory != NULL)
        (void)munmap(self->buffer_memory, (size_t)SH_IO_RECEIVE_COUNT * SH_IO_RECEIVE_BYTES);
    sh_free(self);
}

static void *map(size_t byte_count) {
    void *memory = mmap(NULL, byte_count, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static enum sh_status make_buffers(struct uring *self, struct sh_error *err) {
    self->buffers_bytes = SH_IO_RECEIVE_COUNT * sizeof(struct io_uring_buf);
    self->buffers = map(self->buffers_bytes);
    self->buffer_memory = map((size_t)SH_IO_RECEIVE_COUNT * SH_IO_RECEIVE_BYTES);
    if (self->buffers == NULL || self->buffer_memory == NULL)
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for receive buffers");
    struct io_uring_buf_reg registration = {
        .ring_addr = (uint64_t)(uintptr_t)self->buffers, .ring_entries = SH_IO_RECEIVE_COUNT, .bgid = BUFFER_GROUP};
    const int result = io_uring_register_buf_ring(&self->ring, &registration, 0);
    if (result < 0) return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "io_uring has no buffer rings: %s", strerror(-result));
    io_uring_buf_ring_init(self->buffers);
    for (uint32_t i = 0; i < SH_IO_RECEIVE_COUNT; i++)
        buffer_give_back(self, i);
    return SH_OK;
}

static const struct sh_io_operations uring_operations = {
    .destroy = uring_destroy,
    .turn = uring_turn,
    .flush = uring_flush,
    .wake = uring_wake,
    .clock = sh_io_clock_system,
    .accept = uring_accept,
    .adopt = uring_adopt,
    .accept_stop = uring_accept_stop,
    .send = uring_send,
    .pause = uring_pause,
    .resume = uring_resume,
    .end = uring_end,
    .close = uring_close,
    .file = uring_file,
};

/* The kernel is told to refuse every other operation of this ring: io_uring does its work past the filters of system
 * calls, so whoever gets hold of it shall not get more than what stands here. Without restrictions (a kernel that does
 * not know them) it works as well. */
static int enable(struct uring *self) {
    static const uint8_t operations[] = {IORING_OP_RECV,  IORING_OP_SEND,     IORING_OP_ACCEPT,  IORING_OP_ASYNC_CANCEL,
                                         IORING_OP_READ,  IORING_OP_WRITE,    IORING_OP_OPENAT,  IORING_OP_CLOSE,
                                         IORING_OP_FSYNC, IORING_OP_RENAMEAT, IORING_OP_UNLINKAT};
    static const uint8_t registrations[] = {IORING_REGISTER_RING_FDS, IORING_UNREGISTER_RING_FDS,
                                            IORING_UNREGISTER_PBUF_RING};
    enum { OPERATIONS = sizeof operations, REGISTRATIONS = sizeof registrations };
    struct io_uring_restriction allowed[OPERATIONS + REGISTRATIONS + 1] = {{0}};
    for (uint32_t i = 0; i < OPERATIONS; i++)
        allowed[i] = (struct io_uring_restriction){.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = operations[i]};
    for (uint32_t i = 0; i < REGISTRATIONS; i++)
        allowed[OPERATIONS + i] =
            (struct io_uring_restriction){.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = registrations[i]};
    allowed[OPERATIONS + REGISTRATIONS] =
        (struct io_uring_restriction){.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_BUFFER_SELECT};
    /* By number: the library that Debian 12 has exports neither of the two functions. */
    (void)syscall(__NR_io_uring_register, self->ring.ring_fd, IORING_REGISTER_RESTRICTIONS, allowed,
                  OPERATIONS + REGISTRATIONS + 1);
    const long result = syscall(__NR_io_uring_register, self->ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
    return result < 0 ? -errno : 0;
}

enum sh_status sh_io_uring_create(struct sh_io **io, struct sh_error *err) {
    struct uring *self = sh_alloc_zero(sizeof *self);
    if (self == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for an io");
    self->base.operations = &uring_operations;
    self->doorbell = -1;
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED,
        .cq_entries = COMPLETION_COUNT,
    };
    const int result = io_uring_queue_init_params(QUEUE_COUNT, &self->ring, &parameters);
    if (result < 0) {
        sh_free(self);
        const char *why = result == -EINVAL ? "the kernel is older than Linux 6.1" : strerror(-result);
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "io_uring cannot be used: %s", why);
    }
    enum sh_status status = make_buffers(self, err);
    const int enabled = status == SH_OK ? enable(self) : 0;
    if (enabled < 0) status = sh_fail(err, SH_ERR_UNSUPPORTED, -1, "io_uring cannot be used: %s", strerror(-enabled));
    if (status == SH_OK) {
        (void)io_uring_register_ring_fd(&self->ring); /* a little cheaper to enter; works without */
        self->doorbell = eventfd(0, EFD_CLOEXEC);
        if (self->doorbell < 0) status = sh_fail(err, SH_ERR_IO, -1, "eventfd: %s", strerror(errno));
    }
    if (status != SH_OK) {
        uring_destroy(&self->base);
        return status;
    }
    doorbell_listen(self);
    *io = &self->base;
    return SH_OK;
}
