/* client_wire.c -- a connection whose bytes are TLS.
 *
 *   output (plain) --> wire --> cipher --> kernel
 *   input  (plain) <-- wire <------------- kernel
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "client_private.h"

enum sh_status sh_client_wire_open(struct shoal_client *client, struct sh_error *err) {
    sh_buffer_clear(&client->cipher);
    client->cipher_at = 0;
    client->wire = sh_tls_wire_create(client->tls, client->tls_name);
    return client->wire != NULL ? SH_OK : sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a TLS connection");
}

/* One piece more into the cipher, when the one before has gone. False: there is nothing to send. */
static bool refill(struct shoal_client *client) {
    struct sh_buffer *output = &client->output;
    if (client->cipher_at < client->cipher.count) return true;
    sh_buffer_clear(&client->cipher);
    client->cipher_at = 0;
    if (client->output_at < output->count)
        client->output_at +=
            sh_tls_wire_write(client->wire, output->bytes + client->output_at, output->count - client->output_at);
    if (client->output_at == output->count) {
        sh_buffer_clear(output);
        client->output_at = 0;
    }
    sh_tls_wire_take(client->wire, &client->cipher);
    return client->cipher.count > 0;
}

enum sh_status sh_client_wire_send(struct shoal_client *client, struct sh_error *err) {
    while (refill(client)) {
        const ssize_t count = send(client->handle, client->cipher.bytes + client->cipher_at,
                                   client->cipher.count - client->cipher_at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return SH_OK;
        if (count < 0) return sh_client_lost(client, strerror(errno), err);
        client->cipher_at += (size_t)count;
    }
    return SH_OK;
}

enum sh_status sh_client_wire_receive(struct shoal_client *client, struct sh_error *err) {
    uint8_t bytes[SH_TLS_PIECE_BYTES];
    const ssize_t count = recv(client->handle, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK)) return SH_OK;
    if (count < 0) return sh_client_lost(client, strerror(errno), err);
    if (count == 0) return sh_client_lost(client, "the server closed it", err);
    if (sh_tls_wire_put(client->wire, bytes, (size_t)count) == SH_OK) return SH_OK;
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for what has come");
}

enum sh_status sh_client_wire_get(struct shoal_client *client, size_t *count, struct sh_error *err) {
    struct sh_buffer *input = &client->input;
    struct sh_error fault;
    switch (sh_tls_wire_get(client->wire, input->bytes + input->count, input->capacity - input->count, count, &fault)) {
    case SH_TLS_BYTES:
        input->count += *count;
        return SH_OK;
    case SH_TLS_WAIT:
        return SH_OK;
    case SH_TLS_END:
        return sh_client_lost(client, "the server closed it", err);
    default:
        /* The alert says to the server why. */
        (void)sh_client_wire_send(client, NULL);
        (void)sh_fail(err, SH_ERR_IO, -1, "%s: %s", client->address_text, fault.message);
        return sh_fail_hint(err, SH_ERR_IO,
                            "does a TLS server answer there, with a certificate that is believed here?");
    }
}
