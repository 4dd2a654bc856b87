/* http_stress.c -- the listener, its workers and the loops together: many callers at once, slow ones, ones that hang up,
 * scrapes between, a start before there is a server and a stop under load. A plain program, so that it runs under
 * ThreadSanitizer. Run: http_stress SEED ROUNDS SHARDS */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "hash.h"
#include "http.h"
#include "server_log.h"

enum { CALLER_COUNT = 6, STALL_MS = 400, USER_COUNT = 200 };

static uint16_t port;
static _Atomic(bool) may_fail; /* the server stops */
static _Atomic(uint64_t) answer_count;

#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                                      \
            (void)fprintf(stderr, __VA_ARGS__);                                                                        \
            (void)fprintf(stderr, "\n");                                                                               \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

/* ---- a client of a few lines ---- */

static int dial(void) {
    const struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval wait = {.tv_sec = 20};
    const int handle = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(handle, (const struct sockaddr *)&address, sizeof address) != 0) {
        (void)close(handle);
        return -1;
    }
    (void)setsockopt(handle, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    return handle;
}

static bool send_text(int handle, const char *text) {
    const size_t count = strlen(text);
    return send(handle, text, count, MSG_NOSIGNAL) == (ssize_t)count;
}

/* The status, and up to room - 1 bytes of the body; -1: the connection ended. */
static int read_answer(int handle, char *body, size_t room) {
    static const size_t bytes_max = 1 << 20;
    char *text = malloc(bytes_max + 1);
    size_t count = 0;
    int status = -1;
    body[0] = '\0';
    for (;;) {
        text[count] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = end == NULL ? NULL : strcasestr(text, "content-length:");
        if (length != NULL && count >= (size_t)(end + 4 - text) + strtoul(length + 15, NULL, 10)) {
            (void)sscanf(text, "HTTP/1.1 %d", &status);
            (void)snprintf(body, room, "%s", end + 4);
            break;
        }
        const ssize_t got = recv(handle, text + count, bytes_max - count, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        count += (size_t)got;
    }
    free(text);
    return status;
}

static bool send_call(int handle, const char *method, const char *json) {
    char text[8192];
    (void)snprintf(text, sizeof text,
                   "POST /rpc/%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
                   "%zu\r\n\r\n%s",
                   method, strlen(json), json);
    return send_text(handle, text);
}

static int call(const char *method, const char *json, char *body, size_t room) {
    const int handle = dial();
    if (handle < 0) return -1;
    const int status = send_call(handle, method, json) ? read_answer(handle, body, room) : -1;
    (void)close(handle);
    return status;
}

static int get(const char *path, char *body, size_t room) {
    char text[256];
    const int handle = dial();
    if (handle < 0) return -1;
    (void)snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    const int status = send_text(handle, text) ? read_answer(handle, body, room) : -1;
    (void)close(handle);
    return status;
}

/* ---- one thing after another ---- */

static void fill(void) {
    char body[512];
    char *json = malloc(USER_COUNT * 24 + 64);
    size_t used = (size_t)sprintf(json, "{\"fields\":[\"id\",\"points\"],\"rows\":[");
    CHECK(call("schema.put", "{\"users\":{\"attributes\":[{\"name\":\"points\",\"type\":\"int\"}]}}", body,
               sizeof body) == 200,
          "%s", body);
    for (uint32_t i = 0; i < USER_COUNT; i++)
        used += (size_t)sprintf(json + used, "%s[\"u%u\",%u]", i == 0 ? "" : ",", i, i);
    (void)sprintf(json + used, "]}");
    CHECK(call("user.put", json, body, sizeof body) == 200, "%s", body);
    free(json);
}

/* Closed by the server, and soon, while it still answers others. */
static void expect_cut(const char *begin, const char *drop, uint32_t drop_ms) {
    char byte;
    char body[64];
    struct timespec start, now;
    const int handle = dial();
    const struct timespec pause = {.tv_nsec = drop_ms * 1000000L};
    clock_gettime(CLOCK_MONOTONIC, &start);
    CHECK(send_text(handle, begin), "no connection");
    for (;;) {
        if (recv(handle, &byte, 1, MSG_DONTWAIT) == 0 || !send_text(handle, drop)) break;
        clock_gettime(CLOCK_MONOTONIC, &now);
        CHECK(now.tv_sec - start.tv_sec < 15, "a slow peer was not cut: %s", begin);
        nanosleep(&pause, NULL);
    }
    (void)close(handle);
    CHECK(get("/livez", body, sizeof body) == 200, "%s", body);
}

static void slow_peers(void) {
    expect_cut("GET /livez HT", "T", 50);
    expect_cut("POST /rpc/ping HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: "
               "90000\r\n\r\n{",
               " ", 50);
    char body[64];
    /* Who comes late with a whole request is served: it is the piece that must come in time, not the connection. */
    const int handle = dial();
    const struct timespec pause = {.tv_nsec = STALL_MS / 2 * 1000000L};
    for (uint32_t i = 0; i < 4; i++) {
        nanosleep(&pause, NULL);
        CHECK(send_call(handle, "ping", "{}") && read_answer(handle, body, sizeof body) == 200,
              "cut although it was not slow");
    }
    (void)close(handle);
}

/* ---- everything at once ---- */

struct caller {
    pthread_t thread;
    uint64_t state;
    uint32_t rounds;
};

static uint32_t random_below(struct caller *caller, uint32_t bound) {
    caller->state += 0x9E3779B97F4A7C15u;
    return (uint32_t)(sh_hash_mix(caller->state, 1) % bound);
}

static void one_round(struct caller *caller) {
    char json[128];
    char wanted[64];
    char body[4096];
    const uint32_t points = random_below(caller, USER_COUNT);
    int status = 0;
    (void)snprintf(json, sizeof json, "{\"where\":\"points >= %u\"}", points);
    (void)snprintf(wanted, sizeof wanted, "{\"count\":%u,", USER_COUNT - points);
    switch (random_below(caller, 8)) {
    case 0: { /* asks, and hangs up */
        const int handle = dial();
        if (handle >= 0) (void)send_call(handle, "audience.list", json);
        if (handle >= 0) (void)close(handle);
        return;
    }
    case 1:
        status = get("/metrics", body, sizeof body);
        CHECK(status == 200 || may_fail, "metrics: %d", status);
        return;
    case 2:
        status = call("audience.count", "{\"where\":\"points >\"}", body, sizeof body);
        CHECK(status == 400 || may_fail, "a wrong question: %d %s", status, body);
        return;
    case 3:
        status = call("stats", "{\"sections\":[\"latencies\",\"loops\",\"slow\",\"errors\"]}", body, sizeof body);
        CHECK(status == 200 || may_fail, "stats: %d %s", status, body);
        return;
    case 4:
        status = call("user.put", "{\"user\":{\"id\":\"u0\",\"points\":0}}", body, sizeof body);
        CHECK(status == 200 || may_fail, "a write: %d %s", status, body);
        return;
    default:
        status = call("audience.count", json, body, sizeof body);
        CHECK(may_fail || (status == 200 && strncmp(body, wanted, strlen(wanted)) == 0), "%d %s is not %s", status,
              body, wanted);
        atomic_fetch_add(&answer_count, 1);
    }
}

static void *caller_main(void *argument) {
    struct caller *caller = argument;
    for (uint32_t i = 0; i < caller->rounds; i++)
        one_round(caller);
    return NULL;
}

static void all_at_once(uint64_t seed, uint32_t rounds, struct caller callers[CALLER_COUNT]) {
    for (uint32_t i = 0; i < CALLER_COUNT; i++) {
        callers[i] = (struct caller){.state = seed * 100 + i, .rounds = rounds};
        CHECK(pthread_create(&callers[i].thread, NULL, caller_main, &callers[i]) == 0, "no thread");
    }
}

static void await(struct caller callers[CALLER_COUNT]) {
    for (uint32_t i = 0; i < CALLER_COUNT; i++)
        (void)pthread_join(callers[i].thread, NULL);
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint32_t rounds = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 200;
    const uint32_t shards = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 2;
    static const char *const addresses[] = {"127.0.0.1:0"};
    struct sh_error err;
    struct sh_http *http;
    struct sh_server *server;
    enum sh_io_body io;
    char body[256];
    sh_log_set_level(SH_LOG_ERROR);
    CHECK(sh_io_choose(NULL, &io, &err) == SH_OK, "%s", err.message);
    const struct sh_http_options http_options = {.address = "127.0.0.1:0", .stall_ms_max = STALL_MS};
    const struct sh_server_options options = {
        .addresses = addresses, .address_count = 1, .shard_count = shards, .io = io, .slow_ms = 1};
    CHECK(sh_http_start(&http_options, &http, &err) == SH_OK, "%s", err.message);
    port = (uint16_t)strtoul(strrchr(sh_http_address(http), ':') + 1, NULL, 10);
    CHECK(get("/livez", body, sizeof body) == 200, "it is alive before there is a server: %s", body);
    CHECK(get("/readyz", body, sizeof body) == 503, "it is not ready: %s", body);
    CHECK(call("ping", "{}", body, sizeof body) == 503, "and asks nobody: %s", body);
    CHECK(sh_server_start(&options, &server, &err) == SH_OK, "%s", err.message);
    sh_http_serve(http, server);
    CHECK(get("/readyz", body, sizeof body) == 200, "%s", body);
    fill();
    slow_peers();
    struct caller callers[CALLER_COUNT];
    all_at_once(seed, rounds, callers);
    await(callers);
    /* Again, and stop under it: every answer that still comes is whole, and nobody waits for ever. */
    all_at_once(seed + 1, rounds, callers);
    const struct timespec pause = {.tv_nsec = 50 * 1000000L};
    nanosleep(&pause, NULL);
    atomic_store(&may_fail, true);
    sh_http_quiet(http);
    sh_server_stop(server);
    while (!sh_server_has_ended(server))
        nanosleep(&pause, NULL);
    sh_http_stop(http);
    CHECK(sh_server_join(server, &err) == SH_OK, "%s", err.message);
    await(callers);
    printf("seed %llu: %llu counts were right\n", (unsigned long long)seed,
           (unsigned long long)atomic_load(&answer_count));
    return 0;
}
