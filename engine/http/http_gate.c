#include "http_gate.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "memory.h"

enum {
    EVENT_COUNT = 64,
    LOOK_MS = 250,   /* between two looks at who is late */
    TURN_COUNT = 16, /* pieces of one way before the others have their turn */
    PIECE_BYTES = 16 << 10,
    /* A record more than what is said at once: handshakes and alerts come on top. */
    SEALED_BYTES_MAX = 2 * SH_TLS_PIECE_BYTES,
};

/* One connection, from its accept to its end. */
struct way {
    struct way *before;
    struct way *after;
    struct way *next_dead;
    int socket; /* to the peer */
    int inner;  /* to the daemon; -1 until the handshake is done */
    uint32_t socket_events;
    uint32_t inner_events;
    struct sh_tls_wire *wire;
    struct sh_buffer sealed; /* for the peer, from sealed_sent on */
    size_t sealed_sent;
    uint8_t plain[PIECE_BYTES]; /* from the peer, for the daemon */
    size_t plain_begin;
    size_t plain_end;
    bool peer_has_ended;   /* says no more */
    bool daemon_was_told;  /* of that */
    bool daemon_is_deaf;   /* takes no more; it may still say something */
    bool daemon_has_ended; /* says no more; what it said is in sealed */
    bool is_dead;
    bool was_stuck; /* after its last turn something was left to send, from stuck_at on */
    size_t stuck_at;
    uint64_t due_ms; /* its handshake, what it is to take, or its last bytes; UINT64_MAX: the daemon watches it */
};

struct http_gate {
    struct sh_tls *tls;
    struct MHD_Daemon *daemon;
    struct sh_io_listener listener;
    uint32_t stall_ms_max;
    int epoll;
    int bell; /* an eventfd: quiet, or the end */
    pthread_t thread;
    _Atomic(bool) is_quiet;
    _Atomic(bool) is_ending;
    _Atomic(bool) is_still; /* quiet was heard: nothing new comes to the daemon */
    struct way *ways;
    struct way *dead; /* freed when the turn is over: events of the same turn may still name them */
    uint32_t way_count;
    uint8_t piece[SH_TLS_PIECE_BYTES];
};

static uint64_t clock_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- one way ---- */

/* The lowest bit of an event's pointer says whose it is: ways are aligned to more than that. */
static void *of_socket(struct way *way) {
    return way;
}

static void *of_inner(struct way *way) {
    return (char *)way + 1;
}

/* Wait for these. For none it is taken out: an end of the other side would be told at every turn. */
static bool watch(struct http_gate *gate, int handle, void *of, uint32_t events, uint32_t *watched) {
    struct epoll_event event = {.events = events, .data.ptr = of};
    const int change = *watched == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    if (events == *watched) return true;
    *watched = events;
    return epoll_ctl(gate->epoll, change, handle, &event) == 0;
}

static void end_way(struct http_gate *gate, struct way *way) {
    if (way->is_dead) return;
    way->is_dead = true;
    (void)close(way->socket);
    if (way->inner >= 0) (void)close(way->inner);
    if (way->before == NULL)
        gate->ways = way->after;
    else
        way->before->after = way->after;
    if (way->after != NULL) way->after->before = way->before;
    gate->way_count--;
    way->next_dead = gate->dead;
    gate->dead = way;
}

static void free_dead(struct http_gate *gate) {
    while (gate->dead != NULL) {
        struct way *way = gate->dead;
        gate->dead = way->next_dead;
        sh_tls_wire_destroy(way->wire);
        sh_buffer_deinit(&way->sealed);
        sh_free(way);
    }
}

/* The handshake is done: the daemon gets its end of a pair. */
static bool meet_daemon(struct http_gate *gate, struct way *way) {
    const struct sockaddr_un nobody = {.sun_family = AF_UNIX};
    int pair[2];
    if (atomic_load_explicit(&gate->is_still, memory_order_relaxed)) return false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) return false;
    way->inner = pair[0];
    /* It closes its end in any case. */
    if (MHD_add_connection(gate->daemon, pair[1], (const struct sockaddr *)&nobody, sizeof nobody) != MHD_YES)
        return false;
    way->due_ms = UINT64_MAX;
    return true;
}

/* What one step came to. */
enum step { STEP_DONE, STEP_WAITS, STEP_BROKEN };

static enum step send_some(int handle, const uint8_t *bytes, size_t byte_count, size_t *sent) {
    const ssize_t count = send(handle, bytes, byte_count, MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN ? STEP_WAITS : errno == EINTR ? STEP_DONE : STEP_BROKEN;
    *sent += (size_t)count;
    return STEP_DONE;
}

/* What the peer has sent comes into the wire. */
static enum step receive(struct http_gate *gate, struct way *way) {
    const ssize_t count = recv(way->socket, gate->piece, PIECE_BYTES, 0);
    if (count < 0) return errno == EAGAIN ? STEP_WAITS : errno == EINTR ? STEP_DONE : STEP_BROKEN;
    if (count == 0) {
        way->peer_has_ended = true;
        return way->inner < 0 ? STEP_BROKEN : STEP_DONE;
    }
    return sh_tls_wire_put(way->wire, gate->piece, (size_t)count) == SH_OK ? STEP_DONE : STEP_BROKEN;
}

/* From the peer to the daemon. STEP_WAITS: for one of them. */
static enum step move_in(struct http_gate *gate, struct way *way) {
    size_t count;
    if (way->plain_begin < way->plain_end) {
        const enum step step =
            send_some(way->inner, way->plain + way->plain_begin, way->plain_end - way->plain_begin, &way->plain_begin);
        if (step != STEP_BROKEN) return step;
        /* It has refused the rest of a request, and its answer may still be on the way. */
        way->daemon_is_deaf = true;
        way->plain_begin = way->plain_end;
        return STEP_WAITS;
    }
    way->plain_begin = way->plain_end = 0;
    if (way->peer_has_ended) {
        if (!way->daemon_was_told) (void)shutdown(way->inner, SHUT_WR);
        way->daemon_was_told = true;
        return STEP_WAITS;
    }
    switch (sh_tls_wire_get(way->wire, way->plain, sizeof way->plain, &count, NULL)) {
    case SH_TLS_BYTES:
        way->plain_end = count;
        if (way->inner < 0) return meet_daemon(gate, way) ? STEP_DONE : STEP_BROKEN;
        return STEP_DONE;
    case SH_TLS_WAIT:
        if (way->inner < 0 && sh_tls_wire_is_ready(way->wire) && !meet_daemon(gate, way)) return STEP_BROKEN;
        return receive(gate, way);
    case SH_TLS_END:
        way->peer_has_ended = true;
        return way->inner < 0 ? STEP_BROKEN : STEP_DONE;
    default: /* the alert may say why; nobody waits until it has arrived */
        sh_tls_wire_take(way->wire, &way->sealed);
        (void)send_some(way->socket, way->sealed.bytes + way->sealed_sent, way->sealed.count - way->sealed_sent,
                        &way->sealed_sent);
        return STEP_BROKEN;
    }
}

/* From the daemon to the peer. */
static enum step move_out(struct http_gate *gate, struct way *way) {
    if (way->sealed_sent == way->sealed.count) {
        sh_buffer_clear(&way->sealed);
        way->sealed_sent = 0;
        sh_tls_wire_take(way->wire, &way->sealed); /* the handshake's words, and new keys */
        if (way->sealed.failed) return STEP_BROKEN;
    }
    if (way->sealed.count > 0)
        return send_some(way->socket, way->sealed.bytes + way->sealed_sent, way->sealed.count - way->sealed_sent,
                         &way->sealed_sent);
    if (way->daemon_has_ended) return STEP_BROKEN; /* all is said */
    if (way->inner < 0) return STEP_WAITS;
    const ssize_t count = recv(way->inner, gate->piece, sizeof gate->piece, 0);
    if (count < 0 && errno == EAGAIN) return STEP_WAITS;
    if (count < 0 && errno == EINTR) return STEP_DONE;
    if (count <= 0) { /* or it has closed without reading all, which is a "reset" */
        way->daemon_has_ended = true;
        way->due_ms = clock_ms() + gate->stall_ms_max;
        sh_tls_wire_end(way->wire);
        return STEP_DONE;
    }
    return sh_tls_wire_write(way->wire, gate->piece, (size_t)count) == (size_t)count ? STEP_DONE : STEP_BROKEN;
}

/* Both directions as far as they go; then say what is waited for. */
static void move_on(struct http_gate *gate, struct way *way) {
    enum step in = STEP_DONE;
    enum step out = STEP_DONE;
    if (way->is_dead) return;
    for (uint32_t i = 0; i < TURN_COUNT && (in == STEP_DONE || out == STEP_DONE); i++) {
        if (way->daemon_has_ended || way->daemon_is_deaf) /* nobody is there to whom the peer could speak */
            in = STEP_WAITS;
        else if ((in = move_in(gate, way)) == STEP_BROKEN)
            break;
        if ((out = move_out(gate, way)) == STEP_BROKEN) break;
    }
    if (in == STEP_BROKEN || out == STEP_BROKEN) {
        end_way(gate, way);
        return;
    }
    /* Level-triggered. Whoever has had its turn comes again when the daemon takes more: the wire may hold bytes of which
     * the socket knows nothing. */
    const bool has_plain = way->plain_begin < way->plain_end || (in == STEP_DONE && way->inner >= 0);
    const bool has_sealed = way->sealed_sent < way->sealed.count;
    const bool listens = !has_plain && !way->peer_has_ended && !way->daemon_has_ended && !way->daemon_is_deaf;
    const bool shakes = in == STEP_DONE && way->inner < 0;
    const uint32_t at_socket = (listens ? EPOLLIN : 0u) | (has_sealed || shakes ? EPOLLOUT : 0u);
    /* A peer that takes nothing is watched here, for the daemon's end is not looked at meanwhile. */
    if (has_sealed && (!way->was_stuck || way->sealed_sent != way->stuck_at))
        way->due_ms = clock_ms() + gate->stall_ms_max;
    else if (!has_sealed && way->was_stuck && !way->daemon_has_ended && way->inner >= 0)
        way->due_ms = UINT64_MAX;
    way->was_stuck = has_sealed;
    way->stuck_at = way->sealed_sent;
    bool fine = watch(gate, way->socket, of_socket(way), at_socket, &way->socket_events);
    if (way->inner >= 0) {
        const uint32_t at_inner = (has_sealed || way->daemon_has_ended ? 0u : EPOLLIN) | (has_plain ? EPOLLOUT : 0u);
        fine = fine && watch(gate, way->inner, of_inner(way), at_inner, &way->inner_events);
    }
    if (!fine) end_way(gate, way);
}

/* ---- all of them ---- */

static void welcome(struct http_gate *gate, int socket) {
    struct way *way = gate->way_count >= SH_HTTP_CONNECTION_COUNT_MAX ? NULL : sh_alloc_zero(sizeof *way);
    if (way != NULL) way->wire = sh_tls_wire_create(gate->tls, NULL);
    if (way == NULL || way->wire == NULL) {
        sh_free(way);
        (void)close(socket);
        return;
    }
    const int one = 1;
    (void)setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    sh_buffer_init(&way->sealed, SEALED_BYTES_MAX);
    way->socket = socket;
    way->inner = -1;
    way->due_ms = clock_ms() + gate->stall_ms_max;
    way->after = gate->ways;
    if (way->after != NULL) way->after->before = way;
    gate->ways = way;
    gate->way_count++;
    move_on(gate, way);
}

static void accept_some(struct http_gate *gate) {
    for (uint32_t i = 0; i < EVENT_COUNT; i++) {
        const int socket = accept4(gate->listener.handle, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (socket >= 0)
            welcome(gate, socket);
        else if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

static void cut_the_late(struct http_gate *gate) {
    const uint64_t now_ms = clock_ms();
    for (struct way *way = gate->ways, *after; way != NULL; way = after) {
        after = way->after;
        if (way->due_ms <= now_ms) end_way(gate, way);
    }
}

static void answer_bell(struct http_gate *gate) {
    uint64_t rung;
    (void)!read(gate->bell, &rung, sizeof rung);
    if (atomic_load(&gate->is_still) || !atomic_load(&gate->is_quiet)) return;
    (void)epoll_ctl(gate->epoll, EPOLL_CTL_DEL, gate->listener.handle, NULL);
    atomic_store(&gate->is_still, true);
}

/* Is there something that the daemon said and its peer has not got yet? */
static bool has_to_say(const struct http_gate *gate) {
    for (const struct way *way = gate->ways; way != NULL; way = way->after)
        if (way->inner >= 0) return true;
    return false;
}

static void *gate_main(void *argument) {
    struct http_gate *gate = argument;
    struct epoll_event events[EVENT_COUNT];
    uint64_t end_ms = UINT64_MAX;
    uint64_t looked_ms = clock_ms();
    for (;;) {
        const int count = epoll_wait(gate->epoll, events, EVENT_COUNT, LOOK_MS);
        for (int i = 0; i < count; i++) {
            char *of = events[i].data.ptr;
            if (of == (char *)&gate->bell)
                answer_bell(gate);
            else if (of == (char *)&gate->listener)
                accept_some(gate);
            else
                move_on(gate, (struct way *)(void *)(of - ((uintptr_t)of & 1)));
        }
        const uint64_t now_ms = clock_ms();
        if (now_ms - looked_ms >= LOOK_MS) {
            cut_the_late(gate);
            looked_ms = now_ms;
        }
        free_dead(gate);
        if (!atomic_load(&gate->is_ending)) continue;
        if (end_ms == UINT64_MAX) end_ms = now_ms + SH_HTTP_LINGER_MS_MAX;
        if (now_ms >= end_ms || !has_to_say(gate)) break;
    }
    while (gate->ways != NULL)
        end_way(gate, gate->ways);
    free_dead(gate);
    return NULL;
}

/* ---- life ---- */

static bool watch_new(struct http_gate *gate, int handle, void *of) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = of};
    return epoll_ctl(gate->epoll, EPOLL_CTL_ADD, handle, &event) == 0;
}

static void gate_free(struct http_gate *gate) {
    sh_io_listener_close(&gate->listener);
    if (gate->epoll >= 0) (void)close(gate->epoll);
    if (gate->bell >= 0) (void)close(gate->bell);
    sh_free(gate);
}

enum sh_status http_gate_start(const char *address, struct sh_tls *tls, uint32_t stall_ms_max,
                               struct MHD_Daemon *daemon, struct http_gate **gate, struct sh_error *err) {
    *gate = NULL;
    struct http_gate *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for HTTPS");
    made->tls = tls;
    made->daemon = daemon;
    made->stall_ms_max = stall_ms_max;
    made->listener.handle = -1;
    made->epoll = epoll_create1(EPOLL_CLOEXEC);
    made->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    enum sh_status status = SH_OK;
    if (made->epoll < 0 || made->bell < 0)
        status = sh_fail(err, SH_ERR_LIMIT, -1, "the kernel gives no descriptor for HTTPS");
    if (status == SH_OK) status = sh_io_listener_open(address, true, &made->listener, err);
    if (status == SH_OK) {
        (void)fcntl(made->listener.handle, F_SETFL, O_NONBLOCK);
        if (!watch_new(made, made->bell, &made->bell) || !watch_new(made, made->listener.handle, &made->listener) ||
            pthread_create(&made->thread, NULL, gate_main, made) != 0)
            status = sh_fail(err, SH_ERR_LIMIT, -1, "the kernel gives no thread for HTTPS on %s", address);
    }
    if (status != SH_OK) {
        gate_free(made);
        return status;
    }
    *gate = made;
    return SH_OK;
}

const char *http_gate_address(const struct http_gate *gate) {
    return gate->listener.address;
}

static void ring(struct http_gate *gate) {
    const uint64_t one = 1;
    (void)!write(gate->bell, &one, sizeof one);
}

void http_gate_quiet(struct http_gate *gate) {
    if (gate == NULL) return;
    const struct timespec pause = {.tv_nsec = 1000000L};
    atomic_store(&gate->is_quiet, true);
    ring(gate);
    while (!atomic_load(&gate->is_still))
        nanosleep(&pause, NULL);
}

void http_gate_stop(struct http_gate *gate) {
    if (gate == NULL) return;
    atomic_store(&gate->is_quiet, true);
    atomic_store(&gate->is_ending, true);
    ring(gate);
    (void)pthread_join(gate->thread, NULL);
    gate_free(gate);
}
