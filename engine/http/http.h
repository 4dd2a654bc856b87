/* http.h -- the server's second listener: HTTP for browsers, probes and those who cannot speak MessagePack.
 *
 *   browser, curl, Prometheus
 *        |                      GET /            the console's files, from memory
 *   +----------+                GET /livez       is the process alive?
 *   | listener |  one thread    GET /readyz      does it serve?
 *   |  (MHD)   |                GET /metrics     Prometheus text
 *   +----------+                GET /openapi.json
 *        | suspend   ^ resume   POST /rpc/METHOD  params in, result out, as JSON
 *   .----v-----------|----.
 *   |  queue of calls     |     bounded: more are refused with `busy`
 *   '----+-----------^----'               https comes in by a gate that speaks TLS (http_gate.h)
 *   | worker | worker | ...     JSON to msgpack, ask, msgpack to JSON
 *        | socket pair          a connection like every other (sh_server_connect), so there is one door to the shards,
 *   +----v-----+                with one way to check who asks, to count, to wait and to refuse
 *   |  loop    |
 *
 * The listener's thread never waits for a shard: probes and metrics answer while sixteen long questions run. A worker
 * keeps its connection while the same caller (token and workspace) asks; for another caller it makes a new one, so
 * nothing of one caller's session is ever seen by the next. A client that hangs up while its question runs takes the
 * question back.
 *
 * Against strangers in the browser: a request must name this host by number, as localhost, or by a name that was allowed
 * (a page from elsewhere cannot point its own name here), a call must be application/json and come from a page of this
 * server or from no page at all, and nothing is ever allowed to other origins. Against slow and loud peers: connections,
 * bodies, calls and answers are bounded one by one and in sum (bounds.h), and who sends a head or reads an answer a byte
 * at a time is cut off.
 */
#ifndef SH_HTTP_H
#define SH_HTTP_H

#include "server.h"
#include "tls.h"

struct sh_http;

enum { SH_HTTP_HOST_COUNT_MAX = 8 };

struct sh_http_options {
    struct sh_access *access; /* NULL: everybody of this machine may do everything */
    struct sh_audit *audit;   /* NULL: nothing is written down */
    const char *address;      /* HOST:PORT or unix:/path, see io.h; NULL: only the next */
    const char *address_tls;  /* HOST:PORT where it speaks TLS; NULL: nowhere. Needs `access` if not of this machine */
    struct sh_tls *tls;       /* what it shows there; the caller closes it, after sh_http_stop */
    const char *console;      /* a folder with the console's files; NULL: there is none */
    const char *const *hosts; /* names, besides localhost, under which browsers may call it */
    uint32_t host_count;      /* at most SH_HTTP_HOST_COUNT_MAX */
    uint32_t stall_ms_max;    /* tests make it small; 0: SH_HTTP_STALL_MS_MAX */
};

/* Listen. Probes are answered from now on ("not ready"), calls once there is a server. On failure *http is NULL. */
SH_MUST_CHECK enum sh_status sh_http_start(const struct sh_http_options *options, struct sh_http **http,
                                           struct sh_error *err);
/* This server is asked from now on. Once. It must not be joined before sh_http_stop. */
void sh_http_serve(struct sh_http *http, struct sh_server *server);
/* As a client can use it: port 0 has become a number. */
const char *sh_http_address(const struct sh_http *http);     /* NULL: it listens with TLS only */
const char *sh_http_address_tls(const struct sh_http *http); /* NULL: nowhere */
/* Not ready any more, and no new calls. Returns when those under way are answered, or after SH_HTTP_LINGER_MS_MAX: the
 * server is to be stopped then. From any thread. */
void sh_http_quiet(struct sh_http *http);
/* Answer what is under way, which ends when the server has ended, close, and free everything. NULL is fine. */
void sh_http_stop(struct sh_http *http);

#endif
