/* server.h -- a Shoal server: one loop per core, each with its connections and its shard.
 *
 *      client        client            client
 *        |             |                 |
 *   +---------+   +---------+       +---------+     a connection stays with the loop that accepted it; a request
 *   | loop 0  |   | loop 0  |       | loop 1  |     runs in the shard that owns its user, or in all of them; what is
 *   | session |   | session |       | session |     not this loop's goes to the other by mailbox, and its answer
 *   +----+----+---+----+----+       +----+----+     comes back
 *        |  shard 0    |   <-- mailbox --> |  shard 1
 *        +-------------+                   +---------
 *
 * Within a loop nothing is ever locked: network, requests, and slices of long questions take turns (loop.h).
 */
#ifndef SH_SERVER_H
#define SH_SERVER_H

#include "access.h"
#include "audit.h"
#include "bounds.h"
#include "counters.h"
#include "data_directory.h"
#include "host.h"
#include "io.h"
#include "tls.h"

struct sh_server;

struct sh_server_options {
    const char *const *addresses; /* see io.h */
    uint32_t address_count;       /* at least one */
    uint32_t shard_count;         /* 1 to SH_SHARD_COUNT_MAX */
    enum sh_io_body io;
    struct sh_host *host;               /* the machine; NULL: this one */
    const struct sh_data_options *data; /* NULL: all is in memory only, and gone with the server */
    /* Who may do what; the caller's, until the server has ended. NULL: everybody may do everything, and only addresses
     * that other machines cannot reach are listened on. */
    struct sh_access *access;
    struct sh_audit *audit; /* the caller's, until the server has ended; NULL: nothing is written down */
    struct sh_tls *tls; /* what tls: addresses show; the caller's, until the server has ended. NULL: there are none */
    uint64_t memory_bytes; /* that loops may hold before they refuse to take more; 0: no bound. See room.h */
    uint32_t slow_ms;      /* requests that take at least so long are noted in the log; 0: none. See slow_log.h */
    /* Tests make these small; 0 is the bound of the same name in bounds.h. */
    uint32_t connection_count_max;
    uint32_t frame_stall_ms_max;
    uint32_t send_stall_ms_max;
    uint32_t stop_ms_max;
};

/* Can such a server be started? What the system would say to it is not asked. */
SH_MUST_CHECK enum sh_status sh_server_check(const struct sh_server_options *options, struct sh_error *err);
/* From any thread. */
void sh_server_set_slow_ms(struct sh_server *server, uint32_t slow_ms);
void sh_server_set_memory(struct sh_server *server, uint64_t memory_bytes);
/* Listen and serve, on threads of its own. When this returns SH_OK the server answers. On failure *server is NULL and
 * nothing is left behind. */
SH_MUST_CHECK enum sh_status sh_server_start(const struct sh_server_options *options, struct sh_server **server,
                                             struct sh_error *err);
/* The addresses as clients can use them: port 0 has become a number. */
const char *sh_server_address(const struct sh_server *server, uint32_t number);
/* A connection of this process itself, which speaks the protocol as every other; loop `number` modulo their count serves
 * it. *handle is the caller's end of it, a socket to be closed. From any thread. SH_ERR_BUSY: too many wait already. */
SH_MUST_CHECK enum sh_status sh_server_connect(struct sh_server *server, uint32_t number, int *handle,
                                               struct sh_error *err);
/* What the loops count, from any thread; good until the server is joined. */
struct sh_counters_context sh_server_counters(const struct sh_server *server);
/* How it is, from any thread. */
struct sh_server_health {
    bool is_stopping;
    uint64_t full_logs;   /* a bit a shard: no room on the disk for its log */
    uint64_t failed_logs; /* a bit a shard: its log takes nothing until the next start */
    uint64_t stood_ms;    /* since the loop that has stood still longest was last seen to turn */
};
struct sh_server_health sh_server_health(const struct sh_server *server);
/* Accept no more, answer what has come in, close. Returns at once; from any thread, again is fine. */
void sh_server_stop(struct sh_server *server);
/* Close everything now. */
void sh_server_abort(struct sh_server *server);
/* Have all loops ended, by stop, abort or a fault? */
bool sh_server_has_ended(const struct sh_server *server);
/* Wait for the end, and free everything. The first fault of a loop, if there was one. NULL is fine. */
enum sh_status sh_server_join(struct sh_server *server, struct sh_error *err);

#endif
