/* Both bodies of the io through the same cases. Peers are threads with plain blocking sockets. */
#include <criterion/criterion.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"
#include "hash.h"
#include "io.h"

enum { CONNECTION_COUNT_MAX = 512, PATIENCE_TURNS = 2000 };

/* An echo that records what it was told. */
struct echo {
    struct sh_io *io;
    struct sh_io_connection *connections[CONNECTION_COUNT_MAX];
    size_t accepted;
    size_t closed;
    size_t ended;
    size_t received_bytes;
    size_t sent;
    size_t send_failed;
    size_t woken;
    bool pause_first; /* pause in on_accept */
    bool silent;      /* do not send back */
    uint8_t *pending[CONNECTION_COUNT_MAX];
    size_t pending_bytes[CONNECTION_COUNT_MAX];
};

static uint64_t mixed(uint64_t number, uint64_t salt) {
    return sh_hash_mix(number ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB + salt);
}

static size_t number_of(const struct sh_io_connection *connection) {
    return (size_t)(uintptr_t)connection->owner;
}

static void echo_accept(void *context, struct sh_io_connection *connection) {
    struct echo *echo = context;
    cr_assert_lt(echo->accepted, (size_t)CONNECTION_COUNT_MAX);
    connection->owner = (void *)(uintptr_t)echo->accepted;
    echo->connections[echo->accepted++] = connection;
    if (echo->pause_first) sh_io_pause(echo->io, connection);
}

static void echo_bytes(void *context, struct sh_io_connection *connection, const uint8_t *bytes, size_t byte_count) {
    struct echo *echo = context;
    const size_t number = number_of(connection);
    if (byte_count == 0) {
        echo->ended++;
        sh_io_close(echo->io, connection);
        return;
    }
    echo->received_bytes += byte_count;
    if (echo->silent) return;
    /* One send at a time: stop reading until it has gone. */
    echo->pending[number] = malloc(byte_count);
    memcpy(echo->pending[number], bytes, byte_count);
    sh_io_pause(echo->io, connection);
    sh_io_send(echo->io, connection, echo->pending[number], byte_count);
}

static void echo_sent(void *context, struct sh_io_connection *connection, enum sh_status status) {
    struct echo *echo = context;
    const size_t number = number_of(connection);
    free(echo->pending[number]);
    echo->pending[number] = NULL;
    if (status != SH_OK) {
        echo->send_failed++;
        sh_io_close(echo->io, connection);
        return;
    }
    echo->sent++;
    sh_io_resume(echo->io, connection);
}

static void echo_closed(void *context, struct sh_io_connection *connection) {
    struct echo *echo = context;
    const size_t number = number_of(connection);
    cr_assert_eq(echo->connections[number], connection, "closed twice");
    free(echo->pending[number]);
    echo->pending[number] = NULL;
    echo->connections[number] = NULL;
    echo->closed++;
}

static void echo_wake(void *context) {
    ((struct echo *)context)->woken++;
}

static const struct sh_io_events echo_events = {echo_accept, echo_bytes, echo_sent, echo_closed, echo_wake};

static void turn(struct echo *echo, uint64_t wait_ms) {
    struct sh_error err;
    cr_assert_eq(sh_io_turn(echo->io, wait_ms * 1000000u, &err), SH_OK, "%s", err.message);
}

#define TURN_UNTIL(echo, condition)                                                                                    \
    do {                                                                                                               \
        for (int turns_ = 0; !(condition); turns_++) {                                                                 \
            cr_assert_lt(turns_, PATIENCE_TURNS, "waited too long for " #condition);                                   \
            turn(echo, 5);                                                                                             \
        }                                                                                                              \
    } while (0)

static void open_io(struct echo *echo, enum sh_io_body body) {
    struct sh_error err;
    cr_assert_eq(sh_io_create(body, &echo_events, echo, &echo->io, &err), SH_OK, "%s", err.message);
}

static void listen_at(struct echo *echo, const char *address, struct sh_io_listener *listener) {
    struct sh_error err;
    cr_assert_eq(sh_io_listener_open(address, true, listener, &err), SH_OK, "%s", err.message);
    cr_assert_eq(sh_io_accept(echo->io, listener, &err), SH_OK, "%s", err.message);
}

static int dial(const struct sh_io_listener *listener) {
    struct sh_address address;
    cr_assert_eq(sh_address_parse(listener->address, &address, NULL), SH_OK);
    if (address.is_unix) {
        struct sockaddr_un name = {.sun_family = AF_UNIX};
        memcpy(name.sun_path, address.path, sizeof name.sun_path);
        const int handle = socket(AF_UNIX, SOCK_STREAM, 0);
        cr_assert_eq(connect(handle, (struct sockaddr *)&name, sizeof name), 0);
        return handle;
    }
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(address.port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int handle = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(handle, (struct sockaddr *)&name, sizeof name), 0);
    return handle;
}

static void send_all(int handle, const uint8_t *bytes, size_t byte_count) {
    while (byte_count > 0) {
        const ssize_t count = send(handle, bytes, byte_count, MSG_NOSIGNAL);
        if (count <= 0) return;
        bytes += count;
        byte_count -= (size_t)count;
    }
}

/* A peer that sends byte_count bytes from one thread and checks what comes back on another. */
struct peer {
    int handle;
    size_t byte_count;
    size_t piece_bytes;
    uint64_t sent_hash;
    uint64_t back_hash;
    size_t back_bytes;
    pthread_t sender;
    pthread_t receiver;
};

static void *peer_send(void *argument) {
    struct peer *peer = argument;
    uint8_t *bytes = malloc(peer->byte_count);
    for (size_t i = 0; i < peer->byte_count; i++)
        bytes[i] = (uint8_t)mixed(i, 7);
    peer->sent_hash = sh_hash_bytes(bytes, peer->byte_count, 0);
    for (size_t at = 0; at < peer->byte_count; at += peer->piece_bytes) {
        const size_t left = peer->byte_count - at;
        send_all(peer->handle, bytes + at, left < peer->piece_bytes ? left : peer->piece_bytes);
    }
    free(bytes);
    return NULL;
}

static void *peer_receive(void *argument) {
    struct peer *peer = argument;
    uint8_t *bytes = malloc(peer->byte_count);
    while (peer->back_bytes < peer->byte_count) {
        const ssize_t count = recv(peer->handle, bytes + peer->back_bytes, peer->byte_count - peer->back_bytes, 0);
        if (count <= 0) break;
        peer->back_bytes += (size_t)count;
    }
    peer->back_hash = sh_hash_bytes(bytes, peer->back_bytes, 0);
    free(bytes);
    close(peer->handle);
    return NULL;
}

static void peer_start(struct peer *peer, const struct sh_io_listener *listener, size_t byte_count,
                       size_t piece_bytes) {
    *peer = (struct peer){.handle = dial(listener), .byte_count = byte_count, .piece_bytes = piece_bytes};
    pthread_create(&peer->sender, NULL, peer_send, peer);
    pthread_create(&peer->receiver, NULL, peer_receive, peer);
}

static void peer_check(struct peer *peer) {
    pthread_join(peer->sender, NULL);
    pthread_join(peer->receiver, NULL);
    cr_assert_eq(peer->back_bytes, peer->byte_count);
    cr_assert_eq(peer->back_hash, peer->sent_hash);
}

static void finish(struct echo *echo, struct sh_io_listener *listener) {
    TURN_UNTIL(echo, echo->closed == echo->accepted);
    sh_io_destroy(echo->io);
    if (listener != NULL) sh_io_listener_close(listener);
}

static const char *unix_address(void) {
    static char address[64];
    (void)snprintf(address, sizeof address, "unix:/tmp/shoal-io-unit-%ld", (long)getpid());
    return address;
}

/* Each case is a function of the body, and two tests: one a body. */
#define BOTH_BODIES(name)                                                                                              \
    static void name(enum sh_io_body body);                                                                            \
    Test(io_uring, name) {                                                                                             \
        skip_without_uring();                                                                                          \
        name(SH_IO_URING);                                                                                             \
    }                                                                                                                  \
    Test(io_epoll, name) {                                                                                             \
        name(SH_IO_EPOLL);                                                                                             \
    }                                                                                                                  \
    static void name(enum sh_io_body body)

static void skip_without_uring(void) {
    enum sh_io_body body;
    struct sh_error reason;
    if (sh_io_choose("uring", &body, &reason) != SH_OK) cr_skip_test("SKIPPED: %s", reason.message);
}

/* ---- network ---- */

BOTH_BODIES(what_is_sent_over_tcp_comes_back) {
    struct echo echo = {0};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "tcp:127.0.0.1:0", &listener);
    struct peer peer;
    peer_start(&peer, &listener, 3 << 20, 100000);
    TURN_UNTIL(&echo, echo.closed == 1);
    peer_check(&peer);
    cr_assert_eq(echo.received_bytes, (size_t)3 << 20);
    cr_assert_eq(sh_io_statistics_of(echo.io)->received_bytes, (uint64_t)3 << 20);
    finish(&echo, &listener);
}

BOTH_BODIES(what_is_sent_over_a_unix_socket_comes_back) {
    struct echo echo = {0};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, unix_address(), &listener);
    cr_assert(listener.is_local);
    struct peer peer;
    peer_start(&peer, &listener, 1 << 20, 7777);
    TURN_UNTIL(&echo, echo.closed == 1);
    peer_check(&peer);
    finish(&echo, &listener);
    cr_assert_neq(access(listener.address + 5, F_OK), 0, "the socket file is removed");
}

BOTH_BODIES(more_connections_than_receive_buffers_are_all_served) {
    enum { PEERS = 150 };
    static struct peer peers[PEERS];
    struct echo echo = {0};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    for (size_t i = 0; i < PEERS; i++)
        peer_start(&peers[i], &listener, 20000 + i, 20000);
    usleep(20000);
    TURN_UNTIL(&echo, echo.closed == PEERS);
    for (size_t i = 0; i < PEERS; i++)
        peer_check(&peers[i]);
    finish(&echo, &listener);
}

BOTH_BODIES(a_paused_connection_gets_no_bytes_until_it_is_resumed) {
    struct echo echo = {.pause_first = true};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    struct peer peer;
    peer_start(&peer, &listener, 2 << 20, 50000);
    TURN_UNTIL(&echo, echo.accepted == 1);
    for (int i = 0; i < 20; i++)
        turn(&echo, 2);
    cr_assert_eq(echo.received_bytes, (size_t)0);
    sh_io_resume(echo.io, echo.connections[0]);
    sh_io_pause(echo.io, echo.connections[0]); /* a receive may be under way: it must not be delivered */
    for (int i = 0; i < 20; i++)
        turn(&echo, 2);
    cr_assert_eq(echo.received_bytes, (size_t)0);
    sh_io_resume(echo.io, echo.connections[0]);
    TURN_UNTIL(&echo, echo.closed == 1);
    peer_check(&peer);
    finish(&echo, &listener);
}

BOTH_BODIES(the_end_of_a_paused_stream_is_told_after_resume) {
    struct echo echo = {.silent = true};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    const int handle = dial(&listener);
    TURN_UNTIL(&echo, echo.accepted == 1);
    turn(&echo, 1);
    sh_io_pause(echo.io, echo.connections[0]);
    close(handle);
    for (int i = 0; i < 10; i++)
        turn(&echo, 2);
    cr_assert_eq(echo.ended, (size_t)0);
    sh_io_resume(echo.io, echo.connections[0]);
    TURN_UNTIL(&echo, echo.closed == 1);
    cr_assert_eq(echo.ended, (size_t)1);
    finish(&echo, &listener);
}

BOTH_BODIES(a_send_to_a_peer_that_never_reads_can_be_closed) {
    struct echo echo = {.silent = true};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    const int handle = dial(&listener);
    TURN_UNTIL(&echo, echo.accepted == 1);
    const size_t byte_count = (size_t)64 << 20;
    uint8_t *bytes = calloc(1, byte_count);
    sh_io_send(echo.io, echo.connections[0], bytes, byte_count);
    for (int i = 0; i < 30; i++)
        turn(&echo, 2);
    cr_assert_eq(echo.sent, (size_t)0);
    sh_io_close(echo.io, echo.connections[0]);
    sh_io_close(echo.io, echo.connections[0]);
    TURN_UNTIL(&echo, echo.closed == 1);
    cr_assert_eq(echo.send_failed, (size_t)0, "no callback but on_closed after close");
    free(bytes);
    close(handle);
    finish(&echo, &listener);
}

BOTH_BODIES(a_send_to_a_peer_that_has_gone_fails_once) {
    struct echo echo = {.pause_first = true};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    const int handle = dial(&listener);
    TURN_UNTIL(&echo, echo.accepted == 1);
    const struct linger reset = {.l_onoff = 1};
    setsockopt(handle, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    close(handle);
    for (int i = 0; i < 5; i++)
        turn(&echo, 2);
    static uint8_t bytes[1000];
    sh_io_send(echo.io, echo.connections[0], bytes, sizeof bytes);
    TURN_UNTIL(&echo, echo.send_failed == 1);
    finish(&echo, &listener);
}

BOTH_BODIES(after_end_the_peer_sees_the_end_and_can_still_send) {
    struct echo echo = {.silent = true};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    const int handle = dial(&listener);
    TURN_UNTIL(&echo, echo.accepted == 1);
    sh_io_end(echo.io, echo.connections[0]);
    uint8_t byte;
    cr_assert_eq(recv(handle, &byte, 1, 0), 0);
    send_all(handle, (const uint8_t *)"late", 4);
    TURN_UNTIL(&echo, echo.received_bytes == 4);
    close(handle);
    finish(&echo, &listener);
}

BOTH_BODIES(after_accept_stop_nobody_is_accepted) {
    struct echo echo = {0};
    struct sh_io_listener listener;
    open_io(&echo, body);
    listen_at(&echo, "127.0.0.1:0", &listener);
    turn(&echo, 1);
    sh_io_accept_stop(echo.io);
    turn(&echo, 1);
    const int handle = dial(&listener); /* the kernel completes it; nobody takes it */
    for (int i = 0; i < 10; i++)
        turn(&echo, 2);
    cr_assert_eq(echo.accepted, (size_t)0);
    close(handle);
    finish(&echo, &listener);
}

BOTH_BODIES(two_loops_share_an_address_and_a_third_party_is_refused) {
    struct echo first = {0};
    struct echo second = {0};
    struct sh_io_listener first_listener;
    struct sh_io_listener second_listener;
    struct sh_io_listener other;
    struct sh_error err;
    open_io(&first, body);
    open_io(&second, body);
    listen_at(&first, "127.0.0.1:0", &first_listener);
    cr_assert_eq(sh_io_listener_open(first_listener.address, false, &second_listener, &err), SH_OK, "%s", err.message);
    cr_assert_str_eq(first_listener.address, second_listener.address);
    cr_assert_eq(sh_io_accept(second.io, &second_listener, &err), SH_OK);
    cr_assert_eq(sh_io_listener_open(first_listener.address, true, &other, &err), SH_ERR_CONFLICT);
    int handles[64];
    for (size_t i = 0; i < 64; i++)
        handles[i] = dial(&first_listener);
    for (int i = 0; i < PATIENCE_TURNS && first.accepted + second.accepted < 64; i++) {
        turn(&first, 1);
        turn(&second, 1);
    }
    cr_assert_eq(first.accepted + second.accepted, (size_t)64);
    cr_assert_gt(first.accepted, (size_t)0);
    cr_assert_gt(second.accepted, (size_t)0);
    for (size_t i = 0; i < 64; i++)
        close(handles[i]);
    finish(&first, &first_listener);
    finish(&second, &second_listener);
}

BOTH_BODIES(an_address_is_free_as_soon_as_its_io_is_gone) {
    char address[SH_IO_ADDRESS_BYTES_MAX] = "127.0.0.1:0";
    for (int i = 0; i < 5; i++) {
        struct echo echo = {0};
        struct sh_io_listener listener;
        open_io(&echo, body);
        listen_at(&echo, address, &listener);
        (void)snprintf(address, sizeof address, "%s", listener.address);
        turn(&echo, 1);
        finish(&echo, &listener);
    }
}

BOTH_BODIES(a_stale_socket_file_is_replaced_and_a_live_one_is_not) {
    struct echo echo = {0};
    struct sh_io_listener listener;
    struct sh_io_listener other;
    struct sh_error err;
    open_io(&echo, body);
    listen_at(&echo, unix_address(), &listener);
    cr_assert_eq(sh_io_listener_open(listener.address, true, &other, &err), SH_ERR_CONFLICT);
    sh_io_destroy(echo.io);
    close(listener.handle); /* as if killed: the file stays */
    cr_assert_eq(access(listener.address + 5, F_OK), 0);
    open_io(&echo, body);
    listen_at(&echo, listener.address, &other);
    finish(&echo, &other);
}

/* ---- doorbell ---- */

static void *wake_later(void *io) {
    usleep(20000);
    sh_io_wake(io);
    sh_io_wake(io);
    return NULL;
}

BOTH_BODIES(another_thread_ends_the_wait) {
    struct echo echo = {0};
    open_io(&echo, body);
    for (size_t i = 1; i <= 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, wake_later, echo.io);
        const uint64_t before_ns = sh_io_exact_ns(echo.io);
        echo.woken = 0;
        TURN_UNTIL(&echo, echo.woken > 0);
        turn(&echo, 0);
        cr_assert_lt(sh_io_exact_ns(echo.io) - before_ns, (uint64_t)2000000000);
        pthread_join(thread, NULL);
        turn(&echo, 0);
    }
    finish(&echo, NULL);
}

/* ---- clock and timers ---- */

struct test_timer {
    struct sh_io_timer timer;
    uint64_t fired_at_ns;
    uint32_t fired;
};

static void fired(void *context, struct sh_io_timer *timer) {
    struct test_timer *test = (struct test_timer *)timer;
    test->fired++;
    test->fired_at_ns = sh_io_monotonic_ns(((struct echo *)context)->io);
}

BOTH_BODIES(timers_fire_once_not_early_and_not_when_stopped) {
    enum { TIMERS = 500 };
    static struct test_timer timers[TIMERS];
    struct echo echo = {0};
    open_io(&echo, body);
    const uint64_t begin_ns = sh_io_monotonic_ns(echo.io);
    for (size_t i = 0; i < TIMERS; i++) {
        timers[i] = (struct test_timer){.timer.fire = fired};
        cr_assert_eq(sh_io_timer_start(echo.io, &timers[i].timer, begin_ns + mixed(i, 5) % 50000000), SH_OK);
    }
    for (size_t i = 0; i < TIMERS; i += 3)
        sh_io_timer_stop(echo.io, &timers[i].timer);
    for (size_t i = 1; i < TIMERS; i += 3) /* started again for later */
        cr_assert_eq(sh_io_timer_start(echo.io, &timers[i].timer, begin_ns + mixed(i, 6) % 90000000), SH_OK);
    while (sh_io_monotonic_ns(echo.io) < begin_ns + 100000000)
        turn(&echo, 1000);
    for (size_t i = 0; i < TIMERS; i++) {
        cr_assert_eq(timers[i].fired, i % 3 == 0 ? 0u : 1u, "timer %zu", i);
        if (i % 3 != 0) cr_assert_geq(timers[i].fired_at_ns, timers[i].timer.due_ns);
    }
    finish(&echo, NULL);
}

BOTH_BODIES(a_wait_ends_when_a_timer_is_due) {
    struct echo echo = {0};
    open_io(&echo, body);
    struct test_timer timer = {.timer.fire = fired};
    const uint64_t begin_ns = sh_io_exact_ns(echo.io);
    cr_assert_eq(sh_io_timer_start(echo.io, &timer.timer, begin_ns + 30000000), SH_OK);
    while (timer.fired == 0)
        turn(&echo, 60000);
    cr_assert_lt(sh_io_exact_ns(echo.io) - begin_ns, (uint64_t)5000000000);
    cr_assert_gt(sh_io_now_ms(echo.io), 1600000000000);
    finish(&echo, NULL);
}

/* ---- files ---- */

static void file_done(void *context, struct sh_io_file_request *request) {
    (void)context;
    request->offset = UINT64_MAX; /* a mark that the callback ran */
}

static struct sh_io_file_request file_run(struct echo *echo, struct sh_io_file_request request) {
    request.done = file_done;
    sh_io_file(echo->io, &request);
    cr_assert_neq(request.offset, UINT64_MAX, "no callback inside the call");
    TURN_UNTIL(echo, request.offset == UINT64_MAX);
    return request;
}

BOTH_BODIES(a_file_is_written_synced_renamed_read_and_removed) {
    struct echo echo = {0};
    open_io(&echo, body);
    char folder[] = "/tmp/shoal-io-unit-XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char path[64];
    char target[64];
    (void)snprintf(path, sizeof path, "%s/a", folder);
    (void)snprintf(target, sizeof target, "%s/b", folder);
    struct sh_io_file_request done =
        file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_OPEN, .path = path});
    cr_assert_eq(done.status, SH_ERR_NOT_FOUND);
    const unsigned create = SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE | SH_IO_OPEN_EXCLUSIVE;
    done =
        file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_OPEN, .path = path, .open_flags = create});
    cr_assert_eq(done.status, SH_OK);
    const int handle = (int)done.result;
    done =
        file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_OPEN, .path = path, .open_flags = create});
    cr_assert_eq(done.status, SH_ERR_CONFLICT);
    enum { BYTES = 3000001 };
    uint8_t *bytes = malloc(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        bytes[i] = (uint8_t)mixed(i, 9);
    const uint64_t hash = sh_hash_bytes(bytes, BYTES, 0);
    struct sh_io_file_request transfer = {
        .operation = SH_IO_FILE_WRITE, .handle = handle, .bytes = bytes, .byte_count = BYTES, .offset = 11};
    done = file_run(&echo, transfer);
    cr_assert_eq(done.status, SH_OK);
    cr_assert_eq(done.result, BYTES);
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_SYNC_DATA, .handle = handle});
    cr_assert_eq(done.status, SH_OK);
    done = file_run(&echo,
                    (struct sh_io_file_request){.operation = SH_IO_FILE_RENAME, .path = path, .path_target = target});
    cr_assert_eq(done.status, SH_OK);
    done = file_run(&echo, (struct sh_io_file_request){
                               .operation = SH_IO_FILE_OPEN, .path = folder, .open_flags = SH_IO_OPEN_DIRECTORY});
    cr_assert_eq(done.status, SH_OK);
    const int directory = (int)done.result;
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_SYNC, .handle = directory});
    cr_assert_eq(done.status, SH_OK);
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_CLOSE, .handle = directory});
    cr_assert_eq(done.status, SH_OK);
    memset(bytes, 0, BYTES);
    transfer.operation = SH_IO_FILE_READ;
    done = file_run(&echo, transfer);
    cr_assert_eq(done.result, BYTES);
    cr_assert_eq(sh_hash_bytes(bytes, BYTES, 0), hash);
    transfer.offset = 100; /* less than asked for: the file ends */
    done = file_run(&echo, transfer);
    cr_assert_eq(done.status, SH_OK);
    cr_assert_eq(done.result, BYTES + 11 - 100);
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_CLOSE, .handle = handle});
    cr_assert_eq(done.status, SH_OK);
    transfer.operation = SH_IO_FILE_WRITE;
    done = file_run(&echo, transfer);
    cr_assert_eq(done.status, SH_ERR_IO);
    cr_assert_neq(done.system_error, 0);
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_UNLINK, .path = target});
    cr_assert_eq(done.status, SH_OK);
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_UNLINK, .path = target});
    cr_assert_eq(done.status, SH_ERR_NOT_FOUND);
    free(bytes);
    rmdir(folder);
    finish(&echo, NULL);
}

/* A limit on the size of files makes the kernel write a part first, and then say why it stops. */
BOTH_BODIES(a_write_that_is_cut_short_goes_on_and_says_what_stopped_it) {
    struct echo echo = {0};
    open_io(&echo, body);
    char path[] = "/tmp/shoal-io-unit-XXXXXX";
    const int handle = mkstemp(path);
    cr_assert_geq(handle, 0);
    struct rlimit before;
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 10000, .rlim_max = before.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    static uint8_t bytes[20000];
    memset(bytes, 7, sizeof bytes);
    struct sh_io_file_request done = file_run(
        &echo, (struct sh_io_file_request){
                   .operation = SH_IO_FILE_WRITE, .handle = handle, .bytes = bytes, .byte_count = sizeof bytes});
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    cr_assert_eq(done.status, SH_ERR_IO);
    cr_assert_eq(done.system_error, EFBIG);
    cr_assert_eq(done.done_bytes, 10000u, "the first part was written");
    done = file_run(&echo, (struct sh_io_file_request){.operation = SH_IO_FILE_CLOSE, .handle = handle});
    cr_assert_eq(done.status, SH_OK);
    (void)unlink(path);
    finish(&echo, NULL);
}

/* ---- choosing and addresses ---- */

Test(io, a_body_is_chosen_by_name_and_an_unknown_name_is_refused) {
    enum sh_io_body body;
    struct sh_error reason;
    cr_assert_eq(sh_io_choose("epoll", &body, &reason), SH_OK);
    cr_assert_eq(body, SH_IO_EPOLL);
    cr_assert_str_empty(reason.message);
    cr_assert_eq(sh_io_choose("kqueue", &body, &reason), SH_ERR_ARGUMENT);
    setenv("SHOAL_IO", "epoll", 1);
    cr_assert_eq(sh_io_choose(NULL, &body, &reason), SH_OK);
    cr_assert_eq(body, SH_IO_EPOLL);
    unsetenv("SHOAL_IO");
    cr_assert_eq(sh_io_choose(NULL, &body, &reason), SH_OK);
    if (body == SH_IO_EPOLL) cr_assert_neq(reason.message[0], '\0', "a fall-back says why");
}

/* As containers do: every io_uring_setup is refused. */
static void forbid_uring(void) {
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof rules / sizeof rules[0], .filter = rules};
    cr_assert_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) cr_skip_test("SKIPPED: no seccomp filters here");
}

Test(io, where_the_kernel_forbids_uring_epoll_is_used_and_the_reason_is_said) {
    enum sh_io_body body;
    struct sh_error reason;
    forbid_uring();
    cr_assert_eq(sh_io_choose("", &body, &reason), SH_OK);
    cr_assert_eq(body, SH_IO_EPOLL);
    cr_assert_not_null(strstr(reason.message, "epoll is used instead"), "%s", reason.message);
    cr_assert_eq(sh_io_choose("uring", &body, &reason), SH_ERR_UNSUPPORTED);
}

Test(io, addresses_that_are_not_addresses_are_refused) {
    static const char *const wrong[] = {
        "",      "7717",     "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:x",
        ":7717", "::1:7717", "[::1]",     "[::1]7717",  "unix:",           "[::1:7717"};
    struct sh_io_listener listener;
    struct sh_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        cr_assert_eq(sh_io_listener_open(wrong[i], true, &listener, &err), SH_ERR_ARGUMENT, "%s", wrong[i]);
        cr_assert_neq(err.hint[0], '\0');
        sh_io_listener_close(&listener);
    }
    cr_assert(sh_io_address_is_local("127.0.0.1:7717"));
    cr_assert(sh_io_address_is_local("tcp:[::1]:7717"));
    cr_assert(sh_io_address_is_local("unix:/tmp/x"));
    cr_assert_not(sh_io_address_is_local("0.0.0.0:7717"));
    cr_assert_not(sh_io_address_is_local("192.168.1.5:7717"));
}
