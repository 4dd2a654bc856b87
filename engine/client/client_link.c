#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client_private.h"

uint64_t sh_client_clock_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

static int wait_ms(uint64_t deadline_ms) {
    const uint64_t now_ms = sh_client_clock_ms();
    if (deadline_ms <= now_ms) return 0;
    return deadline_ms - now_ms > 3600000 ? 3600000 : (int)(deadline_ms - now_ms);
}

/* ---- connecting ---- */

/* 0, or errno. */
static int connect_within(int handle, const struct sockaddr *name, socklen_t name_bytes, uint64_t deadline_ms) {
    if (connect(handle, name, name_bytes) == 0) return 0;
    if (errno != EINPROGRESS && errno != EINTR) return errno;
    for (;;) {
        struct pollfd watched = {.fd = handle, .events = POLLOUT};
        const int ready = poll(&watched, 1, wait_ms(deadline_ms));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return errno;
        if (ready == 0) return ETIMEDOUT;
        int error = 0;
        socklen_t error_bytes = sizeof error;
        (void)getsockopt(handle, SOL_SOCKET, SO_ERROR, &error, &error_bytes);
        return error;
    }
}

static int open_unix(struct shoal_client *client, uint64_t deadline_ms) {
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    memcpy(name.sun_path, client->address.path, sizeof name.sun_path);
    client->handle = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (client->handle < 0) return errno;
    return connect_within(client->handle, (const struct sockaddr *)&name, sizeof name, deadline_ms);
}

static int open_tcp(struct shoal_client *client, const struct addrinfo *found, uint64_t deadline_ms) {
    int error = ECONNREFUSED;
    for (; found != NULL; found = found->ai_next) {
        client->handle = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (client->handle < 0) return errno;
        error = connect_within(client->handle, found->ai_addr, found->ai_addrlen, deadline_ms);
        if (error == 0) break;
        (void)close(client->handle);
        client->handle = -1;
    }
    if (error == 0) {
        const int one = 1;
        (void)setsockopt(client->handle, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }
    return error;
}

static enum sh_status open_socket(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err) {
    int error;
    if (client->address.is_unix) {
        error = open_unix(client, deadline_ms);
    } else {
        char port[8];
        (void)snprintf(port, sizeof port, "%u", (unsigned)client->address.port);
        const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        const int lookup = getaddrinfo(client->address.host, port, &hints, &found);
        if (lookup != 0)
            return sh_fail(err, SH_ERR_IO, -1, "cannot find %s: %s", client->address_text, gai_strerror(lookup));
        error = open_tcp(client, found, deadline_ms);
        freeaddrinfo(found);
    }
    if (error == 0) return SH_OK;
    sh_client_disconnect(client);
    (void)sh_fail(err, SH_ERR_IO, -1, "cannot connect to %s: %s", client->address_text, strerror(error));
    return sh_fail_hint(err, SH_ERR_IO, "is shoald running there?");
}

static enum sh_status greet(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err) {
    uint8_t bytes[512];
    struct sh_buffer params = {.bytes = bytes, .capacity = sizeof bytes, .limit = sizeof bytes};
    msgpack_packer packer;
    sh_buffer_packer(&params, &packer);
    const bool has_workspace = client->workspace[0] != '\0';
    const bool has_token = client->token[0] != '\0';
    msgpack_pack_map(&packer, 2u + has_workspace + has_token);
    sh_pack_literal(&packer, "version");
    msgpack_pack_int(&packer, 1);
    if (has_workspace) {
        sh_pack_literal(&packer, "workspace");
        sh_pack_literal(&packer, client->workspace);
    }
    sh_pack_literal(&packer, "client");
    sh_pack_literal(&packer, "shoal-c");
    if (has_token) {
        sh_pack_literal(&packer, "token");
        sh_pack_literal(&packer, client->token);
    }
    sh_assert(!params.failed);
    sh_frame_write_request(&client->output, SH_CLIENT_HELLO_ID, SH_TEXT_LITERAL("hello"), params.bytes, params.count);
    if (client->output.failed) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a greeting");
    for (;;) {
        const uint8_t *bytes_found;
        size_t frame_bytes;
        enum sh_status status = sh_client_take(client, &bytes_found, &frame_bytes, err);
        if (status != SH_OK) return status;
        if (sh_client_clock_ms() >= deadline_ms)
            return sh_fail(err, SH_ERR_DEADLINE, -1, "no greeting from %s in time", client->address_text);
        if (frame_bytes == 0) {
            if ((status = sh_client_receive(client, deadline_ms, err)) != SH_OK) return status;
            continue;
        }
        struct sh_frame frame;
        if ((status = sh_frame_read(bytes_found, frame_bytes, &frame, err)) != SH_OK) return status;
        if (frame.kind != SH_FRAME_ANSWER || frame.msgid != SH_CLIENT_HELLO_ID) continue;
        if (frame.error == NULL) return SH_OK;
        sh_frame_read_error(frame.error, frame.error_bytes, err);
        return err->status;
    }
}

enum sh_status sh_client_connect(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err) {
    sh_assert(client->handle < 0);
    sh_buffer_clear(&client->output);
    sh_buffer_clear(&client->input);
    client->output_at = 0;
    client->input_at = 0;
    client->farewell[0] = '\0';
    sh_frame_scan_init(&client->scan, client->options.answer_bytes_max);
    enum sh_status status = open_socket(client, deadline_ms, err);
    if (status != SH_OK) return status;
    if (client->tls != NULL) status = sh_client_wire_open(client, err);
    if (status != SH_OK) {
        sh_client_disconnect(client);
        return status;
    }
    if ((status = greet(client, deadline_ms, err)) != SH_OK) sh_client_disconnect(client);
    return status;
}

void sh_client_disconnect(struct shoal_client *client) {
    if (client->handle >= 0) (void)close(client->handle);
    client->handle = -1;
    sh_tls_wire_destroy(client->wire);
    client->wire = NULL;
}

bool sh_client_has_unsent(const struct shoal_client *client) {
    return client->output.count > 0 || client->cipher_at < client->cipher.count;
}

/* ---- bytes ---- */

enum sh_status sh_client_lost(struct shoal_client *client, const char *why, struct sh_error *err) {
    if (client->farewell[0] != '\0')
        return sh_fail(err, SH_ERR_CLOSED, -1, "%s closed the connection: %s", client->address_text, client->farewell);
    return sh_fail(err, SH_ERR_CLOSED, -1, "the connection to %s is lost: %s", client->address_text, why);
}

enum sh_status sh_client_send(struct shoal_client *client, struct sh_error *err) {
    if (client->wire != NULL) return sh_client_wire_send(client, err);
    while (client->output_at < client->output.count) {
        const ssize_t count = send(client->handle, client->output.bytes + client->output_at,
                                   client->output.count - client->output_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SH_OK;
        if (count < 0) return sh_client_lost(client, strerror(errno), err);
        client->output_at += (size_t)count;
    }
    sh_buffer_clear(&client->output);
    client->output_at = 0;
    return SH_OK;
}

/* Room for one more receive: first by moving what is left to the front, then by growing. */
static enum sh_status make_room(struct shoal_client *client, struct sh_error *err) {
    struct sh_buffer *input = &client->input;
    if (client->input_at > 0) {
        memmove(input->bytes, input->bytes + client->input_at, input->count - client->input_at);
        input->count -= client->input_at;
        client->input_at = 0;
    }
    if (sh_buffer_reserve(input, SH_CLIENT_RECEIVE_BYTES) != NULL) return SH_OK;
    input->failed = false;
    return sh_fail(err, SH_ERR_LIMIT, -1, "no room for an answer of more than %zu bytes", input->count);
}

enum sh_status sh_client_receive(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err) {
    const enum sh_status status = make_room(client, err);
    if (status != SH_OK) return status;
    for (;;) {
        if (client->wire != NULL) {
            size_t count;
            const enum sh_status said = sh_client_wire_get(client, &count, err);
            if (said != SH_OK || count > 0) return said;
        }
        /* A send that fails is no reason to stop reading: what the server said last may still be there. */
        const bool sending = sh_client_send(client, err) == SH_OK && sh_client_has_unsent(client);
        struct pollfd watched = {.fd = client->handle, .events = (short)(sending ? POLLIN | POLLOUT : POLLIN)};
        const int ready = poll(&watched, 1, wait_ms(deadline_ms));
        if (ready < 0 && errno == EINTR) continue;
        if (ready < 0) return sh_client_lost(client, strerror(errno), err);
        if (ready == 0) return sh_fail(err, SH_ERR_DEADLINE, -1, "no answer from %s in time", client->address_text);
        if ((watched.revents & ~POLLOUT) == 0) continue;
        if (client->wire != NULL) {
            const enum sh_status got = sh_client_wire_receive(client, err);
            if (got != SH_OK) return got;
            continue;
        }
        const ssize_t count = recv(client->handle, client->input.bytes + client->input.count,
                                   client->input.capacity - client->input.count, MSG_DONTWAIT);
        if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) continue;
        if (count < 0) return sh_client_lost(client, strerror(errno), err);
        if (count == 0) return sh_client_lost(client, "the server closed it", err);
        client->input.count += (size_t)count;
        return SH_OK;
    }
}

enum sh_status sh_client_take(struct shoal_client *client, const uint8_t **frame, size_t *frame_bytes,
                              struct sh_error *err) {
    const size_t here = client->input.count - client->input_at;
    *frame = NULL;
    *frame_bytes = 0;
    if (here == 0) return SH_OK;
    *frame = client->input.bytes + client->input_at;
    const enum sh_status status = sh_frame_scan(&client->scan, *frame, here, frame_bytes, err);
    if (status != SH_OK) return status;
    if (*frame_bytes > 0) {
        client->input_at += *frame_bytes;
        sh_frame_scan_init(&client->scan, client->options.answer_bytes_max);
    }
    return SH_OK;
}
