/* tls.h -- TLS 1.2 and 1.3 between two ends that move bytes themselves.
 *
 *   peer's bytes --put--> +-----------+ --get--> what the peer said
 *                         |   wire    |
 *   peer's bytes <-take-- +-----------+ <-write- what is to be said
 *
 * OpenSSL does the cryptography, between buffers in memory: so the same code serves both bodies of io (io_uring reads
 * into buffers of its own, epoll calls recv) and the client, and no socket is ever touched from in here. Kernel TLS
 * would save a copy, but it is not everywhere, and each body would need code of its own for its handshake.
 *
 * An identity is a certificate with its key; it may be read anew at any time, and wires that are made from then on show
 * the new one. No session is resumed: connections are few and long, and a resumed one would outlive its certificate.
 *
 * Threads: an identity may be used by any number, a wire by one at a time.
 */
#ifndef SH_TLS_H
#define SH_TLS_H

#include "buffer.h"

struct sh_tls;
struct sh_tls_wire;

enum { SH_TLS_PIECE_BYTES = 64 << 10 }; /* said at once: four records of the largest size */

/* ---- identities ---- */

struct sh_tls_files {
    const char
        *certificate; /* PEM: the certificate, then those that lead to its issuer. A client's may be NULL: none */
    const char *key;  /* PEM; NULL: in the same file */
    const char *authorities; /* PEM. A server's: peers must show a certificate of one of these; NULL: need not show any.
                              * A client's: the server's must be of one of these; NULL: of one that this system trusts */
};

/* SH_ERR_ARGUMENT with the file and the reason. */
SH_MUST_CHECK enum sh_status sh_tls_open_server(const struct sh_tls_files *files, struct sh_tls **tls,
                                                struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_tls_open_client(const struct sh_tls_files *files, struct sh_tls **tls,
                                                struct sh_error *err);
void sh_tls_close(struct sh_tls *tls); /* NULL is fine. Its wires live on */
/* The files anew. On a failure it is what it was. */
SH_MUST_CHECK enum sh_status sh_tls_reload(struct sh_tls *tls, struct sh_error *err);

/* ---- wires ---- */

/* name: the peer's, a host name or an address, that its certificate must be for; NULL: a server's wire, or any name.
 * NULL when memory is out. */
struct sh_tls_wire *sh_tls_wire_create(struct sh_tls *tls, const char *name);
void sh_tls_wire_destroy(struct sh_tls_wire *wire); /* NULL is fine */
/* Is the handshake done? Until then nothing can be said. */
bool sh_tls_wire_is_ready(const struct sh_tls_wire *wire);

/* Bytes from the peer, all of them. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_tls_wire_put(struct sh_tls_wire *wire, const uint8_t *bytes, size_t byte_count);
enum sh_tls_step {
    SH_TLS_BYTES, /* *byte_count of them were said */
    SH_TLS_WAIT,  /* for more from the peer; there may be something to take */
    SH_TLS_END,   /* the peer says no more */
    SH_TLS_FAULT  /* the stream is broken, or a certificate is not accepted; an alert may be there to take */
};
/* Goes on with the handshake, too: call it once before anything has come. On SH_TLS_FAULT *err (may be NULL) has
 * SH_ERR_PROTOCOL and the words. */
enum sh_tls_step sh_tls_wire_get(struct sh_tls_wire *wire, uint8_t *bytes, size_t room, size_t *byte_count,
                                 struct sh_error *err);
/* Say these, at most SH_TLS_PIECE_BYTES. Returns how many were: none before it is ready, all of them afterwards, unless
 * memory is out. */
size_t sh_tls_wire_write(struct sh_tls_wire *wire, const uint8_t *bytes, size_t byte_count);
/* Say that no more will be said. */
void sh_tls_wire_end(struct sh_tls_wire *wire);
/* Append what is to be sent to the peer. Nothing, if there is nothing. */
void sh_tls_wire_take(struct sh_tls_wire *wire, struct sh_buffer *buffer);

#endif
