/* http_gate.h -- TLS before the HTTP daemon.
 *
 *   browser --TLS--> socket | wire (engine/tls) | pair of sockets --HTTP--> daemon (libmicrohttpd)
 *           <-------        |    one thread     |                 <-------
 *
 * libmicrohttpd could speak TLS itself, but through GnuTLS: a second library for the same thing, with a configuration,
 * certificates in memory and advisories of its own. Here https shows what `tls:` addresses show: the same certificate,
 * versions and client authorities, read anew at the same moment (sh_tls_reload). The price is one copy through the
 * kernel, which a browser does not feel.
 *
 * The daemon meets a connection when its handshake is done: strangers who never finish one take none of its places, and
 * are cut off after SH_HTTP_STALL_MS_MAX. Nothing is read from one side while the other does not take what was read, so
 * a way holds at most two pieces of SH_TLS_PIECE_BYTES. A side that ends is told to the other when all it said has
 * been handed on.
 */
#ifndef SH_HTTP_GATE_H
#define SH_HTTP_GATE_H

#include <microhttpd.h>

#include "io.h"
#include "tls.h"

struct http_gate;

/* Listen on the address (HOST:PORT) and hand decrypted connections to the daemon. On failure *gate is NULL. */
SH_MUST_CHECK enum sh_status http_gate_start(const char *address, struct sh_tls *tls, uint32_t stall_ms_max,
                                             struct MHD_Daemon *daemon, struct http_gate **gate, struct sh_error *err);
/* As a client can use it. */
const char *http_gate_address(const struct http_gate *gate);
/* Give the daemon no new connections; those there are go on. When it returns the daemon may be stopped. NULL is fine. */
void http_gate_quiet(struct http_gate *gate);
/* Hand on what the daemon has said, for at most SH_HTTP_LINGER_MS_MAX, close, free. NULL is fine. After the daemon. */
void http_gate_stop(struct http_gate *gate);

#endif
