/* traffic_bench.c -- how long do answers take while a shop's whole traffic arrives, at the rate at which it arrives?
 *
 * An open loop: each kind of request has a rate, and instants at which its requests are due are drawn beforehand (a
 * Poisson process, from a seed). A request's time counts from the instant it was due, not from when it could be sent,
 * so a server that stalls is charged for all who would have come meanwhile (a closed loop would have waited politely:
 * "coordinated omission"). What is due is written to the connection of its kind with the least in flight; nothing is
 * held back until IN_FLIGHT_MAX are, and then it waits here, and that is counted too.
 *
 *   feed        feed.get of a random user, 20 items, with reasons
 *   count       audience.count, one of several descriptions with changing numbers
 *   list        audience.list of 10,000 ids, as exports page
 *   member      segment.of_user of a random user, five segments
 *   events      event.append, 500 views and purchases a request, learned by the feed
 *   snapshot    all state to disk, one at a time, every few seconds (only with --data)
 *
 * First each kind alone, then all together, then together with snapshots. Every answer is looked at: no error, a feed with
 * items, a count that is at most all users, a list as long as was asked for, all events accepted; at the end the server's
 * count of events is what was sent. Server on processor 0, this on processor 1.
 *
 * Run: traffic_bench SHOALD SHOAL SHOAL_GEN [--users N] [--items N] [--history N] [--seconds N] [--feeds R] [--counts R]
 *      [--lists R] [--members R] [--events R a second] [--data DIRECTORY]
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench_record.h"
#include "cursor.h"
#include "frame.h"
#include "latency.h"
#include "rpc_peers.h"
#include "server_process.h"
#include "split_random.h"
#include "text.h"

enum {
    CONNECTIONS_MAX = 16,
    IN_FLIGHT_MAX = 256,
    INPUT_BYTES = 1 << 20,
    EVENT_BATCH = 500,
    LIST_LIMIT = 10000,
    FEED_COUNT = 20,
    SNAPSHOT_EVERY_S = 3,
    PATH_BYTES = 512,
    ANSWER_BYTES_MAX = 16 << 20,
};

enum kind { FEED, COUNT, LIST, MEMBER, EVENTS, SNAPSHOT, KIND_COUNT };

struct connection {
    int handle;
    enum kind kind;
    uint8_t *input;
    size_t input_bytes, input_room;
    struct sh_buffer output;
    size_t output_at;
    uint32_t in_flight;
    uint64_t due_ns[IN_FLIGHT_MAX]; /* by slot; 0: free */
};

/* One kind of request, in one phase. */
struct traffic {
    const char *name;
    const char *method;
    double rate; /* requests a second */
    uint32_t connection_count;
    bool is_on;
    struct connection connections[CONNECTIONS_MAX];
    struct split_random random;
    uint64_t next_ns; /* when the next one is due */
    uint64_t sent_count;
    struct latency latency;
};

static struct {
    uint32_t user_count, item_count;
    uint64_t history_count, events_sent;
    double seconds;
    const char *data;
    char folder[PATH_BYTES];
    struct traffic traffic[KIND_COUNT];
    struct shoal_client_writer *params;
    int64_t event_ms;
    int epoll;
} bench = {.user_count = 100000, .item_count = 5000, .history_count = 1000000, .seconds = 5};

/* ---- what is asked ---- */

static void write_user(struct shoal_client_writer *params, uint32_t user) {
    char text[16];
    shoal_client_write_text(params, text, (size_t)snprintf(text, sizeof text, "u%07u", user + 1));
}

static void write_feed(struct traffic *traffic, struct shoal_client_writer *params) {
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "user");
    write_user(params, (uint32_t)split_below(&traffic->random, bench.user_count));
    shoal_client_write_literal(params, "count");
    shoal_client_write_integer(params, FEED_COUNT);
}

static void write_where(struct traffic *traffic, struct shoal_client_writer *params) {
    static const char *const wheres[] = {
        "会员等级 >= '银卡' and points between %u and 5000",
        "city in ('广州', '上海', '北京') and points >= %u and not did(purchase, last 30 days)",
        "interests has any ('护肤', '彩妆', '茶') and points < %u",
        "count(purchase, last 90 days) >= 2 and points >= %u",
    };
    char where[256];
    const uint32_t number = (uint32_t)split_below(&traffic->random, 1000);
    /* NOLINTNEXTLINE: the formats are the four above */
    (void)snprintf(where, sizeof where, wheres[split_below(&traffic->random, 4)], number);
    shoal_client_write_literal(params, "where");
    shoal_client_write_literal(params, where);
}

static void write_count(struct traffic *traffic, struct shoal_client_writer *params) {
    shoal_client_write_map(params, 1);
    write_where(traffic, params);
}

static void write_list(struct traffic *traffic, struct shoal_client_writer *params) {
    shoal_client_write_map(params, 2);
    write_where(traffic, params);
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, LIST_LIMIT);
}

static void write_member(struct traffic *traffic, struct shoal_client_writer *params) {
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "user");
    write_user(params, (uint32_t)split_below(&traffic->random, bench.user_count));
}

/* Nine views to a purchase; each a millisecond after the one before, so that no two are the same event. */
static void write_events(struct traffic *traffic, struct shoal_client_writer *params) {
    static const char *const fields[] = {"type", "user", "item", "time", "amount"};
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "fields");
    shoal_client_write_array(params, 5);
    for (uint32_t i = 0; i < 5; i++)
        shoal_client_write_literal(params, fields[i]);
    shoal_client_write_literal(params, "rows");
    shoal_client_write_array(params, EVENT_BATCH);
    for (uint32_t i = 0; i < EVENT_BATCH; i++) {
        char item[16];
        const bool is_purchase = split_one_in(&traffic->random, 10);
        shoal_client_write_array(params, 5);
        shoal_client_write_literal(params, is_purchase ? "purchase" : "view");
        write_user(params, (uint32_t)split_below(&traffic->random, bench.user_count));
        const uint64_t wide = split_below(&traffic->random, bench.item_count);
        const uint64_t number = wide * split_below(&traffic->random, bench.item_count) / bench.item_count;
        shoal_client_write_text(params, item, (size_t)snprintf(item, sizeof item, "i%06u", (unsigned)number + 1));
        shoal_client_write_integer(params, bench.event_ms++);
        if (is_purchase)
            shoal_client_write_real(params, (double)(100 + split_below(&traffic->random, 20000)) / 100);
        else
            shoal_client_write_nil(params);
    }
    bench.events_sent += EVENT_BATCH;
}

static void write_nothing(struct traffic *traffic, struct shoal_client_writer *params) {
    (void)traffic;
    shoal_client_write_map(params, 0);
}

static void (*const writers[KIND_COUNT])(struct traffic *, struct shoal_client_writer *) = {
    write_feed, write_count, write_list, write_member, write_events, write_nothing};

/* ---- what is answered: a map, in which one key tells enough ---- */

static bool find(const struct sh_frame *frame, const char *key, struct sh_cursor *cursor) {
    uint32_t count;
    struct sh_text name;
    sh_cursor_init(cursor, frame->result, frame->result_bytes);
    if (sh_cursor_map(cursor, &count, "result", NULL) != SH_OK) return false;
    for (uint32_t i = 0; i < count; i++) {
        if (sh_cursor_text(cursor, &name, "key", NULL) != SH_OK) return false;
        if (sh_text_equal(name, sh_text_of(key))) return true;
        if (sh_cursor_skip(cursor, NULL, NULL) != SH_OK) return false;
    }
    return false;
}

static bool is_integer(const struct sh_frame *frame, const char *key, int64_t low, int64_t high) {
    int64_t number;
    struct sh_cursor cursor;
    return find(frame, key, &cursor) && sh_cursor_integer(&cursor, low, high, &number, key, NULL) == SH_OK;
}

static bool is_array(const struct sh_frame *frame, const char *key, uint32_t low, uint32_t high) {
    uint32_t count;
    struct sh_cursor cursor;
    return find(frame, key, &cursor) && sh_cursor_array(&cursor, &count, key, NULL) == SH_OK && count >= low &&
           count <= high;
}

static bool is_right(enum kind kind, const struct sh_frame *frame) {
    switch (kind) {
    case FEED:
        return is_array(frame, "items", 1, FEED_COUNT);
    case COUNT:
        return is_integer(frame, "count", 0, bench.user_count) &&
               is_integer(frame, "total", bench.user_count, INT64_MAX);
    case LIST:
        return is_array(frame, "ids", 0, LIST_LIMIT);
    case MEMBER:
        return is_array(frame, "segments", 0, 5);
    case EVENTS:
        return is_integer(frame, "accepted", EVENT_BATCH, EVENT_BATCH);
    default:
        return is_integer(frame, "bytes", 1, INT64_MAX);
    }
}

/* ---- sending when it is due ---- */

static void send_some(struct connection *connection) {
    struct sh_buffer *output = &connection->output;
    while (connection->output_at < output->count) {
        const ssize_t sent = send(connection->handle, output->bytes + connection->output_at,
                                  output->count - connection->output_at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN) die("send");
        if (sent < 0) return; /* epoll says when there is room */
        connection->output_at += (size_t)sent;
    }
    sh_buffer_clear(output);
    connection->output_at = 0;
}

static struct connection *least_busy(struct traffic *traffic) {
    struct connection *least = &traffic->connections[0];
    for (uint32_t i = 1; i < traffic->connection_count; i++)
        if (traffic->connections[i].in_flight < least->in_flight) least = &traffic->connections[i];
    return least;
}

/* How long from one that is due to the next: exponential, so that instants are a Poisson process. */
static uint64_t gap_ns(struct traffic *traffic) {
    const double unit = ((double)(split_next(&traffic->random) >> 11) + 0.5) / 9007199254740992.0;
    return (uint64_t)(-log(unit) / traffic->rate * 1e9) + 1;
}

/* Sends what is due by now; false: nothing more can be in flight. */
static bool send_due(enum kind kind, uint64_t now_ns, uint64_t end_ns) {
    struct traffic *traffic = &bench.traffic[kind];
    while (traffic->next_ns <= now_ns && traffic->next_ns < end_ns) {
        struct connection *connection = least_busy(traffic);
        const uint32_t most = kind == SNAPSHOT ? 1 : IN_FLIGHT_MAX;
        if (connection->in_flight >= most) return false;
        uint32_t slot = 0;
        while (connection->due_ns[slot] != 0)
            slot++;
        size_t byte_count;
        shoal_client_writer_clear(bench.params);
        writers[kind](traffic, bench.params);
        const void *bytes = shoal_client_writer_bytes(bench.params, &byte_count);
        sh_frame_write_request(&connection->output, slot, sh_text_of(traffic->method), bytes, byte_count);
        connection->due_ns[slot] = traffic->next_ns;
        connection->in_flight++;
        traffic->sent_count++;
        traffic->next_ns += kind == SNAPSHOT ? (uint64_t)SNAPSHOT_EVERY_S * UINT64_C(1000000000) : gap_ns(traffic);
        send_some(connection);
    }
    return true;
}

static void on_answer(struct connection *connection, const uint8_t *bytes, size_t byte_count, uint64_t now_ns) {
    struct sh_frame frame;
    struct traffic *traffic = &bench.traffic[connection->kind];
    if (sh_frame_read(bytes, byte_count, &frame, NULL) != SH_OK || frame.kind != SH_FRAME_ANSWER)
        die("an answer that cannot be read");
    if (frame.error != NULL) {
        (void)fwrite(frame.error, 1, frame.error_bytes, stderr);
        die(traffic->method);
    }
    if (frame.msgid >= IN_FLIGHT_MAX || connection->due_ns[frame.msgid] == 0) die("an answer nobody waits for");
    if (!is_right(connection->kind, &frame)) die("an answer that cannot be right");
    latency_add(&traffic->latency, now_ns - connection->due_ns[frame.msgid]);
    connection->due_ns[frame.msgid] = 0;
    connection->in_flight--;
}

static void receive_some(struct connection *connection) {
    if (connection->input_bytes == connection->input_room) {
        connection->input_room = connection->input_room == 0 ? INPUT_BYTES : 2 * connection->input_room;
        connection->input = realloc(connection->input, connection->input_room);
        if (connection->input == NULL) die("memory");
    }
    const ssize_t count = recv(connection->handle, connection->input + connection->input_bytes,
                               connection->input_room - connection->input_bytes, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) die("the server closed a connection");
    connection->input_bytes += (size_t)count;
    const uint64_t now_ns = clock_ns();
    size_t at = 0;
    while (at < connection->input_bytes) {
        struct sh_frame_scan scan;
        size_t frame_bytes;
        sh_frame_scan_init(&scan, ANSWER_BYTES_MAX);
        if (sh_frame_scan(&scan, connection->input + at, connection->input_bytes - at, &frame_bytes, NULL) != SH_OK)
            die("an answer that cannot be read");
        if (frame_bytes == 0) break;
        on_answer(connection, connection->input + at, frame_bytes, now_ns);
        at += frame_bytes;
    }
    memmove(connection->input, connection->input + at, connection->input_bytes -= at);
}

static bool is_waiting(void) {
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
        for (uint32_t i = 0; i < bench.traffic[kind].connection_count; i++)
            if (bench.traffic[kind].connections[i].in_flight > 0) return true;
    return false;
}

/* Until the first that is due; at once if one is. */
static struct timespec until_due(uint64_t now_ns, uint64_t end_ns) {
    uint64_t next_ns = end_ns;
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
        if (bench.traffic[kind].is_on && bench.traffic[kind].next_ns < next_ns) next_ns = bench.traffic[kind].next_ns;
    const uint64_t left_ns = next_ns > now_ns ? next_ns - now_ns : now_ns >= end_ns ? 100000000 : 0;
    return (struct timespec){.tv_sec = (time_t)(left_ns / 1000000000), .tv_nsec = (long)(left_ns % 1000000000)};
}

static void run_phase(void) {
    const uint64_t begin_ns = clock_ns();
    const uint64_t end_ns = begin_ns + (uint64_t)(bench.seconds * 1e9);
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        struct traffic *traffic = &bench.traffic[kind];
        memset(&traffic->latency, 0, sizeof traffic->latency);
        traffic->sent_count = 0;
        traffic->next_ns = begin_ns + (kind == SNAPSHOT ? 1 : gap_ns(traffic));
    }
    for (uint64_t now_ns = begin_ns; now_ns < end_ns || is_waiting(); now_ns = clock_ns()) {
        struct epoll_event events[64];
        bool is_full = false;
        if (now_ns > end_ns + UINT64_C(60000000000)) die("answers that do not come within a minute");
        for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
            if (bench.traffic[kind].is_on) is_full = !send_due(kind, now_ns, end_ns) || is_full;
        const struct timespec left = is_full ? (struct timespec){.tv_nsec = 1000000} : until_due(now_ns, end_ns);
        const int count = epoll_pwait2(bench.epoll, events, 64, &left, NULL);
        for (int i = 0; i < count; i++) {
            if (events[i].events & EPOLLOUT) send_some(events[i].data.ptr);
            if (events[i].events & ~(uint32_t)EPOLLOUT) receive_some(events[i].data.ptr);
        }
    }
}

/* ---- phases ---- */

static void report(const char *phase) {
    static const double parts[] = {0.5, 0.9, 0.99, 0.999, 1};
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        const struct traffic *traffic = &bench.traffic[kind];
        if (!traffic->is_on) continue;
        double quantiles[5][2];
        for (uint32_t i = 0; i < 5; i++) {
            quantiles[i][0] = parts[i];
            quantiles[i][1] = latency_us(&traffic->latency, parts[i]);
        }
        const double rate = (double)traffic->latency.count / bench.seconds;
        (void)printf("%-22s %-9s %9.0f /s  p50 %8.0f us  p90 %8.0f us  p99 %8.0f us  p99.9 %8.0f us  most %8.0f us\n",
                     phase, traffic->name, kind == EVENTS ? rate * EVENT_BATCH : rate, quantiles[0][1], quantiles[1][1],
                     quantiles[2][1], quantiles[3][1], quantiles[4][1]);
        char row[64];
        (void)snprintf(row, sizeof row, "%s: %s", phase, traffic->name);
        bench_record_write(&(struct bench_record){.group = "traffic",
                                                  .row = row,
                                                  .title = "open loop, from when it was due",
                                                  .side = "shoal",
                                                  .unit = "us",
                                                  .quantiles = (const double(*)[2])quantiles,
                                                  .quantile_count = 5,
                                                  .users = bench.user_count});
    }
    (void)fflush(stdout);
}

static void phase(const char *name, uint32_t kinds) {
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
        bench.traffic[kind].is_on = (kinds >> kind & 1) && bench.traffic[kind].rate > 0;
    run_phase();
    report(name);
}

static void connect_kind(enum kind kind, const char *address) {
    struct traffic *traffic = &bench.traffic[kind];
    traffic->random.state = kind + 1;
    for (uint32_t i = 0; i < traffic->connection_count; i++) {
        struct connection *connection = &traffic->connections[i];
        connection->handle = rpc_connect(address);
        connection->kind = kind;
        fcntl(connection->handle, F_SETFL, O_NONBLOCK);
        sh_buffer_init(&connection->output, ANSWER_BYTES_MAX);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = connection};
        if (epoll_ctl(bench.epoll, EPOLL_CTL_ADD, connection->handle, &event) != 0) die("epoll_ctl");
    }
}

/* ---- the shop ---- */

static void run_program(const char *const arguments[]) {
    int result = 0;
    const pid_t child = fork();
    if (child == 0) {
        const int nowhere = open("/dev/null", O_WRONLY);
        dup2(nowhere, STDOUT_FILENO);
        execv(arguments[0], (char *const *)(uintptr_t)arguments);
        die(arguments[0]);
    }
    if (waitpid(child, &result, 0) != child || !WIFEXITED(result) || WEXITSTATUS(result) != 0) die(arguments[0]);
}

/* Also when the program ends early. */
static void remove_files(void) {
    static const char *const names[] = {"users.csv", "items.csv", "events.csv", "shop.map", "rejects.csv"};
    char path[PATH_BYTES + 16];
    for (uint32_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", bench.folder, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(bench.folder);
}

static void fill(const char *shoal, const char *generator, const char *address) {
    char users[16], items[16], events[24], map[PATH_BYTES + 16], rejects[PATH_BYTES + 16];
    (void)snprintf(users, sizeof users, "%u", bench.user_count);
    (void)snprintf(items, sizeof items, "%u", bench.item_count);
    (void)snprintf(events, sizeof events, "%" PRIu64, bench.history_count);
    (void)snprintf(map, sizeof map, "%s/shop.map", bench.folder);
    (void)snprintf(rejects, sizeof rejects, "%s/rejects.csv", bench.folder);
    run_program((const char *const[]){generator, "--out", bench.folder, "--users", users, "--items", items, "--events",
                                      events, NULL});
    run_program((const char *const[]){shoal, "--addr", address, "load", "--map", map, "--dir", bench.folder,
                                      "--rejects", rejects, "--quiet", NULL});
    remove_files();
}

static void put_segments(struct shoal_client *client) {
    static const char *const wheres[] = {"会员等级 = '钻石'", "not did(purchase, last 90 days)",
                                         "count(purchase, last 90 days) >= 3", "points >= 1000",
                                         "city = '上海' and interests has '茶'"};
    for (uint32_t i = 0; i < 5; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "s%u", i);
        shoal_client_writer_clear(bench.params);
        shoal_client_write_map(bench.params, 2);
        shoal_client_write_literal(bench.params, "name");
        shoal_client_write_literal(bench.params, name);
        shoal_client_write_literal(bench.params, "where");
        shoal_client_write_literal(bench.params, wheres[i]);
        call(client, "segment.put", bench.params, NULL);
    }
}

static uint64_t count_events(struct shoal_client *client) {
    struct shoal_client_answer answer;
    shoal_client_writer_clear(bench.params);
    shoal_client_write_map(bench.params, 0);
    call(client, "stats", bench.params, &answer);
    return (uint64_t)shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "workspace"), "events"), -1);
}

static bool read_arguments(int argument_count, char **arguments) {
    const struct {
        const char *name;
        double *rate;
    } rates[] = {{"--feeds", &bench.traffic[FEED].rate},    {"--counts", &bench.traffic[COUNT].rate},
                 {"--lists", &bench.traffic[LIST].rate},    {"--members", &bench.traffic[MEMBER].rate},
                 {"--events", &bench.traffic[EVENTS].rate}, {"--seconds", &bench.seconds}};
    for (int i = 4; i + 1 < argument_count; i += 2) {
        const char *value = arguments[i + 1];
        bool known = true;
        if (strcmp(arguments[i], "--users") == 0)
            bench.user_count = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(arguments[i], "--items") == 0)
            bench.item_count = (uint32_t)strtoul(value, NULL, 10);
        else if (strcmp(arguments[i], "--history") == 0)
            bench.history_count = strtoull(value, NULL, 10);
        else if (strcmp(arguments[i], "--data") == 0)
            bench.data = value;
        else
            known = false;
        for (uint32_t k = 0; k < sizeof rates / sizeof rates[0]; k++)
            if (strcmp(arguments[i], rates[k].name) == 0) {
                *rates[k].rate = strtod(value, NULL);
                known = true;
            }
        if (!known) return false;
    }
    bench.traffic[EVENTS].rate /= EVENT_BATCH;
    return argument_count >= 4 && argument_count % 2 == 0 && bench.user_count > 0 && bench.item_count > 0 &&
           bench.seconds > 0;
}

int main(int argument_count, char **arguments) {
    static const struct traffic kinds[KIND_COUNT] = {
        {.name = "feed", .method = "feed.get", .rate = 1000, .connection_count = 8},
        {.name = "count", .method = "audience.count", .rate = 100, .connection_count = 4},
        {.name = "list", .method = "audience.list", .rate = 20, .connection_count = 2},
        {.name = "member", .method = "segment.of_user", .rate = 1000, .connection_count = 4},
        {.name = "events", .method = "event.append", .rate = 250000, .connection_count = 4},
        {.name = "snapshot", .method = "snapshot", .rate = 1.0 / SNAPSHOT_EVERY_S, .connection_count = 1},
    };
    memcpy(bench.traffic, kinds, sizeof kinds);
    if (!read_arguments(argument_count, arguments)) {
        (void)fputs("usage: traffic_bench SHOALD SHOAL SHOAL_GEN [--users N] [--items N] [--history N] [--seconds N]\n"
                    "       [--feeds R] [--counts R] [--lists R] [--members R] [--events R a second] [--data DIR]\n",
                    stderr);
        return 64;
    }
    char address[128];
    const char *temporary = getenv("TMPDIR");
    (void)snprintf(bench.folder, sizeof bench.folder, "%s/traffic_bench.XXXXXX",
                   temporary == NULL || temporary[0] == '\0' ? "/tmp" : temporary);
    if (mkdtemp(bench.folder) == NULL || atexit(remove_files) != 0) die("mkdtemp");
    if (bench.data != NULL) (void)setenv("SHOAL_BENCH_DATA", bench.data, 1);
    const pid_t server = shoald_start(arguments[1], address, sizeof address);
    stay_on(1);
    fill(arguments[2], arguments[3], address);
    struct shoal_client *client;
    struct shoal_client_error error;
    if (shoal_client_open(address, NULL, &client, &error) != SHOAL_CLIENT_OK) die(error.message);
    bench.params = shoal_client_writer_create();
    bench.epoll = epoll_create1(0);
    bench.event_ms = (int64_t)time(NULL) * 1000 - INT64_C(7200000); /* two hours ago, so that none is of the future */
    put_segments(client);
    const uint64_t events_before = count_events(client);
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++)
        if (kind != SNAPSHOT || bench.data != NULL) connect_kind(kind, address);
    (void)printf("%u users, %u items, %" PRIu64 " events; %.1f s a phase\n", bench.user_count, bench.item_count,
                 events_before, bench.seconds);
    for (uint32_t kind = 0; kind < SNAPSHOT; kind++)
        phase("alone", 1u << kind);
    phase("together", (1u << SNAPSHOT) - 1);
    if (bench.data != NULL) phase("together, snapshots", (1u << KIND_COUNT) - 1);
    const uint64_t events_after = count_events(client);
    (void)printf("%" PRIu64 " events sent, %" PRIu64 " more in the shop\n", bench.events_sent,
                 events_after - events_before);
    if (events_after - events_before != bench.events_sent) die("the shop has other events than were sent");
    shoal_client_close(client);
    shoald_stop(server);
    return 0;
}
