/* rpc_peers.h -- what rpc_bench says to Redis and memcached, so that both are asked by the same client as shoald.
 *
 * A user is one value, `u00000001|city 1|1|0`, which is the least that either can answer: no fields, no types.
 * Requests of one connection are answered in their order.
 */
#ifndef RPC_PEERS_H
#define RPC_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sh_buffer;

struct rpc_peer {
    const char *name;
    /* Appends one request, about a user. */
    void (*write_get)(struct sh_buffer *out, uint32_t user);
    void (*write_put)(struct sh_buffer *out, uint32_t user);
    void (*write_ping)(struct sh_buffer *out, uint32_t user);
    /* The bytes of the first whole answer; 0: it is not whole yet. Ends the program if it is an error. */
    size_t (*scan)(const uint8_t *bytes, size_t byte_count);
};
extern const struct rpc_peer rpc_redis, rpc_memcached;

/* Whether a user's answer is about the one that was asked for. */
bool rpc_peer_is_of(const uint8_t *bytes, size_t byte_count, uint32_t user);
/* Puts users 0 .. user_count - 1, over a connection of its own. */
void rpc_peer_put_users(const struct rpc_peer *peer, const char *address, uint32_t user_count);
/* A socket to `127.0.0.1:port`; ends the program when there is nobody. */
int rpc_connect(const char *address);

#endif
