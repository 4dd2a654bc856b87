/* rpc_bench.c -- how many requests a second does one loop of shoald answer, and what is the floor under it?
 *
 * Question: N connections with P requests in flight each; the server on one processor, this client on another. Methods:
 * `echo` is the floor, a bare loop that sends every byte back, in the same run and with the same client; then `ping`;
 * then `user.get` of random users, which are put first, and `user.put` of a value of one of them, which with
 * SHOAL_BENCH_DATA=DIR is durable when it is answered. Every answer is looked at: its msgid is one that is in flight
 * on its connection, it is no error, and a user is the one that was asked for. Latency is from handing a request to the
 * kernel to having read its answer.
 *
 * Machine limit: one small send and one small receive through loopback TCP cost some 5 us of system time on each side,
 * so requests per second are bought by answering many with one call: that is what P is about.
 *
 * With redis=ADDRESS or memcached=ADDRESS those are asked for the same users by the same client (rpc_peers.h); they
 * should run on processor 0, as shoald does.
 *
 *   rpc_bench SHOALD [connections 50] [in flight 16] [seconds 1] [users 10000] [redis=ADDRESS] [memcached=ADDRESS]
 *
 * Prints one line a method: requests/s, the ratio to the floor, the server's processor time a request in us, which says
 * what a quiet machine could do when this one is busy, p50 and p99 in us, and a hash over all answers' ids.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "address.h"
#include "bench_record.h"
#include "bounds.h"
#include "cursor.h"
#include "frame.h"
#include "hash.h"
#include "rpc_peers.h"
#include "server_process.h"

enum {
    CONNECTION_COUNT_MAX = 1000,
    IN_FLIGHT_COUNT_MAX = 256,
    INPUT_BYTES = 256 << 10,
    BATCH_USERS = 5000,
    BUCKET_COUNT = 40 * 8, /* an eighth of a power of two of ns */
};

enum method { METHOD_ECHO, METHOD_PING, METHOD_USER_GET, METHOD_USER_PUT };
static const char *const method_names[] = {"echo", "ping", "user.get", "user.put"};
static const char *const method_titles[] = {"bytes sent back", "nothing to do", "a random user",
                                            "a value of a random user"};

struct connection {
    int handle;
    uint8_t input[INPUT_BYTES];
    size_t input_bytes;
    struct sh_buffer output;
    size_t output_at;
    uint32_t in_flight;
    uint64_t sent_ns[IN_FLIGHT_COUNT_MAX]; /* by slot; 0: free */
    uint32_t user[IN_FLIGHT_COUNT_MAX];    /* that was asked for */
    uint32_t free_slots[IN_FLIGHT_COUNT_MAX];
    uint64_t asked_count, answered_count; /* of a peer, which answers in order: they name the slot */
};

static struct {
    uint32_t connection_count;
    uint32_t in_flight;
    double seconds;
    uint32_t user_count;
    enum method method;
    const struct rpc_peer *peer; /* NULL: shoald, or the echo */
    struct connection *connections;
    uint64_t answer_count;
    uint64_t answer_hash;
    uint64_t latency[BUCKET_COUNT];
    uint64_t random;
} bench;

/* ---- the floor: every byte goes back ---- */

static _Noreturn void echo_serve(int listening) {
    static uint8_t bytes[64 << 10];
    const int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listening};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        struct epoll_event events[256];
        const int count = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            const int handle = events[i].data.fd;
            if (handle == listening) {
                event.data.fd = accept(listening, NULL, NULL);
                const int one = 1;
                setsockopt(event.data.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
                continue;
            }
            const ssize_t received = recv(handle, bytes, sizeof bytes, 0);
            if (received <= 0) {
                close(handle);
                continue;
            }
            for (ssize_t sent = 0; sent < received;) {
                const ssize_t more = send(handle, bytes + sent, (size_t)(received - sent), MSG_NOSIGNAL);
                if (more <= 0) break;
                sent += more;
            }
        }
    }
}

static pid_t echo_start(char *address, size_t address_bytes) {
    const int listening = listen_anywhere(address, address_bytes);
    const pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* it does not outlive this program */
        stay_on(0);
        echo_serve(listening);
    }
    close(listening);
    return child;
}

/* ---- the users ---- */

static void write_attribute(struct shoal_client_writer *params, const char *name, const char *type) {
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "name");
    shoal_client_write_literal(params, name);
    shoal_client_write_literal(params, "type");
    shoal_client_write_literal(params, type);
}

static void put_users(const char *address) {
    struct shoal_client *client;
    struct shoal_client_error error;
    if (shoal_client_open(address, NULL, &client, &error) != SHOAL_CLIENT_OK) die(error.message);
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "users");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "attributes");
    shoal_client_write_array(params, 3);
    write_attribute(params, "city", "string");
    write_attribute(params, "points", "int");
    write_attribute(params, "member", "bool");
    call(client, "schema.put", params, NULL);
    for (uint32_t begin = 0; begin < bench.user_count; begin += BATCH_USERS) {
        const uint32_t left = bench.user_count - begin;
        const uint32_t count = left < BATCH_USERS ? left : BATCH_USERS;
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 4);
        shoal_client_write_literal(params, "id");
        shoal_client_write_literal(params, "city");
        shoal_client_write_literal(params, "points");
        shoal_client_write_literal(params, "member");
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t i = begin; i < begin + count; i++) {
            char text[32];
            shoal_client_write_array(params, 4);
            shoal_client_write_text(params, text, (size_t)snprintf(text, sizeof text, "u%08u", i));
            shoal_client_write_text(params, text, (size_t)snprintf(text, sizeof text, "city %u", i % 300));
            shoal_client_write_integer(params, i % 10000);
            shoal_client_write_boolean(params, i % 3 == 0);
        }
        call(client, "user.put", params, NULL);
    }
    shoal_client_writer_destroy(params);
    shoal_client_close(client);
}

/* ---- the client ---- */

static void connect_all(const char *address) {
    for (uint32_t i = 0; i < bench.connection_count; i++) {
        struct connection *connection = &bench.connections[i];
        connection->handle = rpc_connect(address);
        fcntl(connection->handle, F_SETFL, O_NONBLOCK);
        connection->input_bytes = 0;
        connection->in_flight = 0;
        connection->asked_count = connection->answered_count = 0;
        sh_buffer_clear(&connection->output);
        connection->output_at = 0;
        for (uint32_t slot = 0; slot < bench.in_flight; slot++)
            connection->free_slots[slot] = slot;
    }
}

static uint32_t random_user(void) {
    bench.random = sh_hash_mix(bench.random ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB);
    return (uint32_t)(bench.random % bench.user_count);
}

static void write_to_peer(struct connection *connection, uint64_t now_ns) {
    const uint32_t slot = (uint32_t)(connection->asked_count++ % bench.in_flight);
    const uint32_t user = random_user();
    connection->in_flight++;
    connection->sent_ns[slot] = now_ns;
    connection->user[slot] = user;
    if (bench.method == METHOD_PING)
        bench.peer->write_ping(&connection->output, user);
    else if (bench.method == METHOD_USER_GET)
        bench.peer->write_get(&connection->output, user);
    else
        bench.peer->write_put(&connection->output, user);
}

static void write_put(struct connection *connection, uint32_t slot, uint32_t user) {
    /* {user: {id: "u00000000", points: 1000}} */
    uint8_t params[] = {0x81, 0xA4, 'u', 's', 'e', 'r',  0x82, 0xA2, 'i', 'd', 0xA9, 'u', '0',  '0',  '0',
                        '0',  '0',  '0', '0', '0', 0xA6, 'p',  'o',  'i', 'n', 't',  's', 0xCD, 0x03, 0xE8};
    for (uint32_t i = 0, rest = user; i < 8; i++, rest /= 10)
        params[19 - i] = (uint8_t)('0' + rest % 10);
    sh_frame_write_request(&connection->output, slot, SH_TEXT_LITERAL("user.put"), params, sizeof params);
}

static void write_request(struct connection *connection, uint64_t now_ns) {
    if (bench.peer != NULL) {
        write_to_peer(connection, now_ns);
        return;
    }
    const uint32_t slot = connection->free_slots[bench.in_flight - 1 - connection->in_flight];
    connection->in_flight++;
    connection->sent_ns[slot] = now_ns;
    if (bench.method < METHOD_USER_GET) {
        static const uint8_t empty_map[1] = {0x80};
        sh_frame_write_request(&connection->output, slot, SH_TEXT_LITERAL("ping"), empty_map, 1);
        return;
    }
    const uint32_t user = random_user();
    connection->user[slot] = user;
    if (bench.method == METHOD_USER_PUT) {
        write_put(connection, slot, user);
        return;
    }
    uint8_t params[14] = {0x81, 0xA2, 'i', 'd', 0xA9, 'u'};
    for (uint32_t i = 0, rest = user; i < 8; i++, rest /= 10)
        params[13 - i] = (uint8_t)('0' + rest % 10);
    sh_frame_write_request(&connection->output, slot, SH_TEXT_LITERAL("user.get"), params, sizeof params);
}

static void send_some(struct connection *connection) {
    struct sh_buffer *output = &connection->output;
    if (connection->output_at == output->count) return;
    const ssize_t sent = send(connection->handle, output->bytes + connection->output_at,
                              output->count - connection->output_at, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) die("send");
    if (sent > 0) connection->output_at += (size_t)sent;
    if (connection->output_at < output->count) return;
    sh_buffer_clear(output);
    connection->output_at = 0;
}

static uint32_t bucket_of(uint64_t ns) {
    const uint32_t high = 63u - (uint32_t)__builtin_clzll(ns | 8);
    return high * 8 + (uint32_t)(ns >> (high - 3) & 7);
}

static double percentile_us(double part) {
    uint64_t seen = 0;
    for (uint32_t bucket = 3 * 8; bucket < BUCKET_COUNT; bucket++) { /* bucket_of begins at 8 ns */
        seen += bench.latency[bucket];
        if ((double)seen > (double)bench.answer_count * part)
            return (double)((UINT64_C(8) + bucket % 8 + 1) << (bucket / 8 - 3)) / 1000;
    }
    return 0;
}

/* The user's id in `{user: {id: ..., ...}, took_us}`. */
static void check_user(const struct sh_frame *frame, uint32_t user) {
    struct sh_cursor cursor;
    struct sh_text key;
    struct sh_text id;
    uint32_t count;
    char wanted[16];
    (void)snprintf(wanted, sizeof wanted, "u%08u", user);
    sh_cursor_init(&cursor, frame->result, frame->result_bytes);
    if (sh_cursor_map(&cursor, &count, "result", NULL) != SH_OK ||
        sh_cursor_text(&cursor, &key, "key", NULL) != SH_OK || sh_cursor_map(&cursor, &count, "user", NULL) != SH_OK ||
        sh_cursor_text(&cursor, &key, "key", NULL) != SH_OK || sh_cursor_text(&cursor, &id, "id", NULL) != SH_OK ||
        !sh_text_equal(key, SH_TEXT_LITERAL("id")) || !sh_text_equal(id, sh_text_of(wanted)))
        die("an answer is about another user");
}

static void on_answer(struct connection *connection, const uint8_t *bytes, size_t byte_count, uint64_t now_ns) {
    struct sh_frame frame;
    if (sh_frame_read(bytes, byte_count, &frame, NULL) != SH_OK) die("an answer that cannot be read");
    const enum sh_frame_kind wanted = bench.method == METHOD_ECHO ? SH_FRAME_REQUEST : SH_FRAME_ANSWER;
    if (frame.kind != wanted || frame.error != NULL) die("an answer that is an error");
    if (frame.msgid >= bench.in_flight || connection->sent_ns[frame.msgid] == 0) die("an answer nobody waits for");
    if (bench.method == METHOD_USER_GET) check_user(&frame, connection->user[frame.msgid]);
    bench.latency[bucket_of(now_ns - connection->sent_ns[frame.msgid])]++;
    bench.answer_count++;
    bench.answer_hash = sh_hash_mix(bench.answer_hash ^ frame.msgid, 0x9E3779B97F4A7C15);
    connection->sent_ns[frame.msgid] = 0;
    connection->in_flight--;
    connection->free_slots[bench.in_flight - 1 - connection->in_flight] = frame.msgid;
}

static void on_peer_answer(struct connection *connection, const uint8_t *bytes, size_t byte_count, uint64_t now_ns) {
    const uint32_t slot = (uint32_t)(connection->answered_count++ % bench.in_flight);
    if (connection->answered_count > connection->asked_count) die("an answer nobody waits for");
    if (bench.method == METHOD_USER_GET && !rpc_peer_is_of(bytes, byte_count, connection->user[slot]))
        die("an answer is about another user");
    bench.latency[bucket_of(now_ns - connection->sent_ns[slot])]++;
    bench.answer_count++;
    connection->in_flight--;
}

/* The bytes of the first whole answer; 0: it is not whole yet. */
static size_t scan(const uint8_t *bytes, size_t byte_count) {
    struct sh_frame_scan frames;
    size_t frame_bytes;
    if (byte_count == 0) return 0;
    if (bench.peer != NULL) return bench.peer->scan(bytes, byte_count);
    sh_frame_scan_init(&frames, INPUT_BYTES);
    if (sh_frame_scan(&frames, bytes, byte_count, &frame_bytes, NULL) != SH_OK) die("an answer that cannot be read");
    return frame_bytes;
}

static void receive_some(struct connection *connection, bool go_on) {
    const ssize_t count = recv(connection->handle, connection->input + connection->input_bytes,
                               sizeof connection->input - connection->input_bytes, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) die("the server closed a connection");
    connection->input_bytes += (size_t)count;
    const uint64_t now_ns = clock_ns();
    size_t at = 0;
    for (size_t whole; (whole = scan(connection->input + at, connection->input_bytes - at)) > 0; at += whole) {
        if (bench.peer != NULL)
            on_peer_answer(connection, connection->input + at, whole, now_ns);
        else
            on_answer(connection, connection->input + at, whole, now_ns);
    }
    connection->input_bytes -= at;
    memmove(connection->input, connection->input + at, connection->input_bytes);
    while (go_on && connection->in_flight < bench.in_flight)
        write_request(connection, now_ns);
    send_some(connection);
}

static double run(void) {
    const int epoll = epoll_create1(0);
    memset(bench.latency, 0, sizeof bench.latency);
    bench.answer_count = 0;
    const uint64_t begin_ns = clock_ns();
    const uint64_t end_ns = begin_ns + (uint64_t)(bench.seconds * 1e9);
    for (uint32_t i = 0; i < bench.connection_count; i++) {
        struct connection *connection = &bench.connections[i];
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        epoll_ctl(epoll, EPOLL_CTL_ADD, connection->handle, &event);
        while (connection->in_flight < bench.in_flight)
            write_request(connection, clock_ns());
        send_some(connection);
    }
    uint32_t busy_count = bench.connection_count;
    uint64_t now_ns = begin_ns;
    while (busy_count > 0) { /* after the end, until every answer is in */
        struct epoll_event events[256];
        const int count = epoll_wait(epoll, events, 256, 5000);
        if (count == 0) die("no answer for five seconds");
        now_ns = clock_ns();
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;
            receive_some(connection, now_ns < end_ns);
            if (connection->in_flight == 0) busy_count--;
        }
    }
    close(epoll);
    for (uint32_t i = 0; i < bench.connection_count; i++)
        close(bench.connections[i].handle);
    return (double)bench.answer_count / ((double)(now_ns - begin_ns) / 1e9);
}

static void record(double rate) {
    static const double parts[] = {0.5, 0.9, 0.99, 0.999};
    double quantiles[4][2];
    char row[64];
    const char *side = bench.peer != NULL ? bench.peer->name : bench.method == METHOD_ECHO ? "bare echo" : "shoal";
    const struct bench_record line = {.group = "wire",
                                      .row = row,
                                      .side = side,
                                      .unit = "/s",
                                      .samples = &rate,
                                      .sample_count = 1,
                                      .users = bench.user_count};
    for (uint32_t i = 0; i < 4; i++) {
        quantiles[i][0] = parts[i];
        quantiles[i][1] = percentile_us(parts[i]);
    }
    /* The echo is the floor of each method, beside which it is told. */
    for (uint32_t method = METHOD_PING; method <= METHOD_USER_PUT; method++) {
        if (bench.method != METHOD_ECHO && bench.method != method) continue;
        (void)snprintf(row, sizeof row, "%s, %u connections, %u in flight", method_names[method],
                       bench.connection_count, bench.in_flight);
        struct bench_record latency = line;
        latency.title = method_titles[method];
        bench_record_write(&latency);
        char latency_row[80];
        (void)snprintf(latency_row, sizeof latency_row, "%s: latency", row);
        latency.row = latency_row;
        latency.unit = "us";
        latency.sample_count = 0;
        latency.quantiles = (const double(*)[2])quantiles;
        latency.quantile_count = 4;
        bench_record_write(&latency);
    }
}

static double measure(enum method method, const char *address, pid_t server, double floor) {
    bench.method = method;
    bench.random = 42;
    connect_all(address);
    const uint64_t used_before_ns = used_ns(server);
    const double rate = run();
    const double used_us =
        server == 0 ? 0 : (double)(used_ns(server) - used_before_ns) / 1000 / (double)bench.answer_count;
    record(rate);
    printf("%-9s %9.0f requests/s  %5.2f of the floor  %5.2f us of the server  p50 %6.0f us  p99 %6.0f us  %016llx\n",
           method_names[method], rate, floor == 0 ? 1.0 : rate / floor, used_us, percentile_us(0.5),
           percentile_us(0.99), (unsigned long long)bench.answer_hash);
    (void)fflush(stdout);
    return rate;
}

static void measure_peer(const struct rpc_peer *peer, const char *address, double floor) {
    rpc_peer_put_users(peer, address, bench.user_count);
    bench.peer = peer;
    (void)printf("%s\n", peer->name);
    for (enum method method = METHOD_PING; method <= METHOD_USER_PUT; method++)
        (void)measure(method, address, 0, floor);
    bench.peer = NULL;
}

static uint32_t number(int argument_count, char **arguments, int place, uint32_t otherwise, uint32_t most) {
    if (argument_count <= place) return otherwise;
    const unsigned long value = strtoul(arguments[place], NULL, 10);
    return value < 1 ? 1 : value > most ? most : (uint32_t)value;
}

int main(int argument_count, char **arguments) {
    if (argument_count < 2) {
        (void)fputs("rpc_bench SHOALD [connections] [in flight] [seconds] [users]\n", stderr);
        return 64;
    }
    bench.connection_count = number(argument_count, arguments, 2, 50, CONNECTION_COUNT_MAX);
    bench.in_flight = number(argument_count, arguments, 3, 16, IN_FLIGHT_COUNT_MAX);
    bench.seconds = argument_count > 4 ? strtod(arguments[4], NULL) : 1;
    bench.user_count = number(argument_count, arguments, 5, 10000, 99999999);
    bench.connections = calloc(bench.connection_count, sizeof *bench.connections);
    if (bench.connections == NULL) die("memory");
    for (uint32_t i = 0; i < bench.connection_count; i++)
        sh_buffer_init(&bench.connections[i].output, 1 << 20);
    char echo_address[128];
    char address[128];
    const pid_t echo = echo_start(echo_address, sizeof echo_address);
    const pid_t shoald = shoald_start(arguments[1], address, sizeof address);
    stay_on(1);
    printf("%u connections, %u in flight, %.1f s each\n", bench.connection_count, bench.in_flight, bench.seconds);
    const double floor = measure(METHOD_ECHO, echo_address, echo, 0);
    (void)measure(METHOD_PING, address, shoald, floor);
    put_users(address);
    (void)measure(METHOD_USER_GET, address, shoald, floor);
    (void)measure(METHOD_USER_PUT, address, shoald, floor);
    for (int i = 6; i < argument_count; i++) {
        if (strncmp(arguments[i], "redis=", 6) == 0) measure_peer(&rpc_redis, arguments[i] + 6, floor);
        if (strncmp(arguments[i], "memcached=", 10) == 0) measure_peer(&rpc_memcached, arguments[i] + 10, floor);
    }
    (void)kill(echo, SIGKILL);
    (void)kill(shoald, SIGTERM);
    int result = 0;
    (void)waitpid(echo, NULL, 0);
    (void)waitpid(shoald, &result, 0);
    return WIFEXITED(result) ? WEXITSTATUS(result) : 1;
}
