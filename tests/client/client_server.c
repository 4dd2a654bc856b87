#include "client_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bounds.h"

void client_server_answer(struct sh_buffer *output, const struct sh_frame *frame, int64_t number) {
    msgpack_packer packer;
    sh_frame_write_answer(output, frame->msgid);
    sh_buffer_packer(output, &packer);
    msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "number");
    msgpack_pack_int64(&packer, number);
    sh_frame_write_took(output, 1);
}

static bool send_all(int handle, struct sh_buffer *output) {
    for (size_t at = 0; at < output->count;) {
        const ssize_t count = send(handle, output->bytes + at, output->count - at, MSG_NOSIGNAL);
        if (count <= 0) return false;
        at += (size_t)count;
    }
    sh_buffer_clear(output);
    return true;
}

static enum next_step handle_frame(struct client_server *server, uint32_t connection, uint32_t *request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    if (!server->handles_hello && sh_text_equal(frame->method, SH_TEXT_LITERAL("hello"))) {
        client_server_answer(output, frame, 0);
        return GO_ON;
    }
    server->request_count++;
    return server->handle(server, connection, (*request)++, frame, output);
}

/* Whatever the test wants to say to this frame, sent. CLOSE_NOW when nobody listens any more. */
static enum next_step serve_frame(struct client_server *server, int handle, uint32_t connection, uint32_t *request,
                                  const struct sh_frame *frame, struct sh_buffer *output) {
    enum next_step step = handle_frame(server, connection, request, frame, output);
    while (step == SEND_AND_COME_BACK) {
        if (!send_all(handle, output)) return CLOSE_NOW;
        step = server->handle(server, connection, *request - 1, frame, output);
    }
    return step == CLOSE_NOW || send_all(handle, output) ? step : CLOSE_NOW;
}

static void serve_connection(struct client_server *server, int handle, uint32_t connection) {
    struct sh_buffer input;
    struct sh_buffer output;
    sh_buffer_init(&input, 64 << 20);
    sh_buffer_init(&output, 64 << 20);
    uint32_t request = 0;
    for (bool go_on = true; go_on;) {
        uint8_t *room = sh_buffer_reserve(&input, 65536);
        const ssize_t count = room == NULL ? 0 : recv(handle, room, 65536, 0);
        if (count <= 0) break;
        input.count += (size_t)count;
        size_t at = 0;
        while (go_on) {
            struct sh_frame_scan scan;
            struct sh_frame frame;
            size_t frame_bytes;
            sh_frame_scan_init(&scan, SH_FRAME_BYTES_MAX);
            if (sh_frame_scan(&scan, input.bytes + at, input.count - at, &frame_bytes, NULL) != SH_OK) abort();
            if (frame_bytes == 0) break;
            if (sh_frame_read(input.bytes + at, frame_bytes, &frame, NULL) != SH_OK) abort();
            at += frame_bytes;
            if (serve_frame(server, handle, connection, &request, &frame, &output) != GO_ON) go_on = false;
        }
        memmove(input.bytes, input.bytes + at, input.count - at);
        input.count -= at;
    }
    shutdown(handle, SHUT_WR);
    close(handle);
    sh_buffer_deinit(&input);
    sh_buffer_deinit(&output);
}

static void *serve(void *argument) {
    struct client_server *server = argument;
    for (uint32_t connection = 0;; connection++) {
        const int handle = accept(server->listening, NULL, NULL);
        if (handle < 0) return NULL;
        server->connection_count++;
        serve_connection(server, handle, connection);
    }
}

void client_server_start(struct client_server *server) {
    server->listening = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t name_bytes = sizeof name;
    if (bind(server->listening, (struct sockaddr *)&name, sizeof name) != 0 || listen(server->listening, 16) != 0)
        abort();
    getsockname(server->listening, (struct sockaddr *)&name, &name_bytes);
    (void)snprintf(server->address, sizeof server->address, "127.0.0.1:%u", (unsigned)ntohs(name.sin_port));
    if (pthread_create(&server->thread, NULL, serve, server) != 0) abort();
}

void client_server_stop(struct client_server *server) {
    shutdown(server->listening, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listening);
}
