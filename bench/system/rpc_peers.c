#include "rpc_peers.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "buffer.h"
#include "server_process.h"

enum { VALUE_BYTES = 64, BATCH = 1000, ANSWER_BYTES = 1 << 20 };

static void append(struct sh_buffer *out, const char *text, int count) {
    sh_buffer_append(out, text, (size_t)count);
}

static int value_of(char value[VALUE_BYTES], uint32_t user) {
    return snprintf(value, VALUE_BYTES, "u%08u|city %u|%u|%d", user, user % 300, user % 10000, user % 3 == 0);
}

/* ---- Redis: RESP ---- */

static void redis_get(struct sh_buffer *out, uint32_t user) {
    char text[VALUE_BYTES];
    append(out, text, snprintf(text, sizeof text, "*2\r\n$3\r\nGET\r\n$9\r\nu%08u\r\n", user));
}

static void redis_put(struct sh_buffer *out, uint32_t user) {
    char value[VALUE_BYTES], text[3 * VALUE_BYTES];
    const int count = value_of(value, user);
    append(out, text,
           snprintf(text, sizeof text, "*3\r\n$3\r\nSET\r\n$9\r\nu%08u\r\n$%d\r\n%s\r\n", user, count, value));
}

static void redis_ping(struct sh_buffer *out, uint32_t user) {
    (void)user;
    append(out, "*1\r\n$4\r\nPING\r\n", 14);
}

static size_t redis_scan(const uint8_t *bytes, size_t byte_count) {
    const uint8_t *end = memchr(bytes, '\n', byte_count);
    if (end == NULL) return 0;
    const size_t line = (size_t)(end - bytes) + 1;
    if (bytes[0] == '+' || bytes[0] == ':') return line;
    if (bytes[0] != '$' || bytes[1] == '-') die("Redis answers with an error");
    const size_t whole = line + strtoul((const char *)bytes + 1, NULL, 10) + 2;
    return whole <= byte_count ? whole : 0;
}

const struct rpc_peer rpc_redis = {"Redis", redis_get, redis_put, redis_ping, redis_scan};

/* ---- memcached: its text protocol ---- */

static void memcached_get(struct sh_buffer *out, uint32_t user) {
    char text[VALUE_BYTES];
    append(out, text, snprintf(text, sizeof text, "get u%08u\r\n", user));
}

static void memcached_put(struct sh_buffer *out, uint32_t user) {
    char value[VALUE_BYTES], text[3 * VALUE_BYTES];
    const int count = value_of(value, user);
    append(out, text, snprintf(text, sizeof text, "set u%08u 0 0 %d\r\n%s\r\n", user, count, value));
}

static void memcached_ping(struct sh_buffer *out, uint32_t user) {
    (void)user;
    append(out, "version\r\n", 9);
}

static size_t memcached_scan(const uint8_t *bytes, size_t byte_count) {
    const uint8_t *end = memchr(bytes, '\n', byte_count);
    if (end == NULL) return 0;
    const size_t line = (size_t)(end - bytes) + 1;
    if (line >= 6 && memcmp(bytes, "STORED", 6) == 0) return line;
    if (line >= 7 && memcmp(bytes, "VERSION", 7) == 0) return line;
    if (line < 6 || memcmp(bytes, "VALUE ", 6) != 0) die("memcached answers with an error, or without a value");
    const uint8_t *size = memrchr(bytes, ' ', line);
    const size_t whole = line + strtoul((const char *)size + 1, NULL, 10) + 2 + 5; /* \r\n, END\r\n */
    return whole <= byte_count ? whole : 0;
}

const struct rpc_peer rpc_memcached = {"memcached", memcached_get, memcached_put, memcached_ping, memcached_scan};

/* ---- Both ---- */

bool rpc_peer_is_of(const uint8_t *bytes, size_t byte_count, uint32_t user) {
    char value[VALUE_BYTES];
    const int count = value_of(value, user);
    return memmem(bytes, byte_count, value, (size_t)count) != NULL;
}

int rpc_connect(const char *text) {
    struct sh_address address;
    if (sh_address_parse(text, &address, NULL) != SH_OK) die(text);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(address.port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int handle = socket(AF_INET, SOCK_STREAM, 0);
    if (handle < 0 || connect(handle, (struct sockaddr *)&name, sizeof name) != 0) die(text);
    const int one = 1;
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return handle;
}

static void send_all(int handle, const uint8_t *bytes, size_t byte_count) {
    for (size_t at = 0; at < byte_count;) {
        const ssize_t sent = send(handle, bytes + at, byte_count - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent <= 0) die("send");
        at += (size_t)sent;
    }
}

static void take_answers(const struct rpc_peer *peer, int handle, uint32_t count) {
    static uint8_t bytes[ANSWER_BYTES];
    size_t held = 0;
    while (count > 0) {
        const ssize_t received = recv(handle, bytes + held, sizeof bytes - held, 0);
        if (received < 0 && errno == EINTR) continue;
        if (received <= 0) die("recv");
        held += (size_t)received;
        size_t at = 0;
        for (size_t whole; count > 0 && at < held && (whole = peer->scan(bytes + at, held - at)) > 0; count--)
            at += whole;
        memmove(bytes, bytes + at, held -= at);
    }
}

void rpc_peer_put_users(const struct rpc_peer *peer, const char *address, uint32_t user_count) {
    struct sh_buffer out;
    const int handle = rpc_connect(address);
    sh_buffer_init(&out, BATCH * 4 * VALUE_BYTES);
    for (uint32_t begin = 0; begin < user_count; begin += BATCH) {
        const uint32_t end = user_count - begin < BATCH ? user_count : begin + BATCH;
        sh_buffer_clear(&out);
        for (uint32_t user = begin; user < end; user++)
            peer->write_put(&out, user);
        send_all(handle, out.bytes, out.count);
        take_answers(peer, handle, end - begin);
    }
    sh_buffer_deinit(&out);
    (void)close(handle);
}
