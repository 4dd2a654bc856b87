/* client_private.h -- the client's insides.
 *
 *   calls by slot, in order of submission                     the connection
 *   +----+----+----+----+                                     output: frames not yet sent
 *   | 7  | 8  |    | 9  |  id = sequence * 1024 + slot   -->  input:  | consumed | answer | answer | half ... |
 *   +----+----+----+----+                                                          ^ the one the caller looks at
 *
 * An id finds its call without a search, and an id that was used before does not: its sequence is another. An answer is
 * looked at where it arrived; only the ones that come while shoal_client_call waits for another are copied.
 */
#ifndef SH_CLIENT_PRIVATE_H
#define SH_CLIENT_PRIVATE_H

#include "address.h"
#include "bounds.h"
#include "buffer.h"
#include "frame.h"
#include "shoal/client.h"
#include "tls.h"

enum {
    SH_CLIENT_SLOT_BITS = 10, /* SH_PIPELINE_COUNT_MAX calls in flight */
    SH_CLIENT_SLOT_COUNT = 1 << SH_CLIENT_SLOT_BITS,
    SH_CLIENT_NO_SLOT = SH_CLIENT_SLOT_COUNT,
    SH_CLIENT_HELLO_ID = 0, /* sequences begin with 1 */
    SH_CLIENT_GATHER_BYTES = 64 << 10,
    SH_CLIENT_RECEIVE_BYTES = 256 << 10,
    SH_CLIENT_TOKEN_BYTES_MAX = 256, /* as today's are, twice over, and a zero byte */
    SH_CLIENT_PAUSE_MS = 50,         /* before the second attempt to connect; doubles up to the next line */
    SH_CLIENT_PAUSE_MS_MAX = 2000,
};

enum sh_client_call_state {
    SH_CLIENT_CALL_FREE,
    SH_CLIENT_CALL_WAITING,   /* in flight, the caller wants its answer */
    SH_CLIENT_CALL_ABANDONED, /* in flight, nobody wants its answer any more */
    SH_CLIENT_CALL_ANSWERED,  /* the answer is kept in the call */
};

struct sh_client_call {
    enum sh_client_call_state state;
    uint32_t id;
    uint8_t *request; /* the whole frame, if it may be sent again; otherwise NULL */
    size_t request_bytes;
    uint8_t *answer; /* the whole frame, if it had to be kept; NULL: `error` says why there is none */
    size_t answer_bytes;
    struct shoal_client_error error;
    uint32_t before; /* neighbours in order of submission */
    uint32_t after;
};

struct shoal_client {
    char *address_text;
    struct sh_address address;
    char workspace[SH_NAME_BYTES_MAX + 1]; /* "": whichever the server says */
    char token[SH_CLIENT_TOKEN_BYTES_MAX]; /* "": none */
    struct shoal_client_options options;

    int handle;               /* -1: not connected */
    struct sh_tls *tls;       /* NULL: the address is none of TLS */
    struct sh_tls_wire *wire; /* of the connection, then */
    struct sh_buffer cipher;  /* to be sent, then; `output` is plain */
    size_t cipher_at;
    char tls_name[SH_ADDRESS_HOST_BYTES_MAX];
    struct sh_buffer output;
    size_t output_at; /* sent up to here */
    struct sh_buffer input;
    size_t input_at; /* consumed up to here */
    struct sh_frame_scan scan;
    char farewell[SH_ERROR_MESSAGE_BYTES_MAX]; /* what the server said before it closed */

    struct sh_client_call *calls; /* SH_CLIENT_SLOT_COUNT */
    uint32_t first;               /* oldest call that is not free; SH_CLIENT_NO_SLOT if there is none */
    uint32_t last;
    uint32_t in_flight_count; /* waiting, abandoned and answered */
    uint32_t answered_count;
    size_t kept_bytes; /* of requests */
    char number_client[SH_NAME_BYTES_MAX + 1];
    uint64_t number_seq; /* of the next call; 0: it has none */
    uint32_t sequence;
    uint32_t next_slot;
    uint32_t attempts_left; /* connections to try before an answer comes */
    uint8_t *shown;         /* the kept answer that the caller looks at */
};

/* ---- client_link.c: the connection ---- */

uint64_t sh_client_clock_ms(void);
/* Connect and greet, once. On failure not connected. */
enum sh_status sh_client_connect(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err);
void sh_client_disconnect(struct shoal_client *client);
/* Send what the kernel takes now. SH_ERR_CLOSED if the connection is lost. */
enum sh_status sh_client_send(struct shoal_client *client, struct sh_error *err);
/* SH_ERR_CLOSED, with what the server said before it closed, or why. */
SH_MUST_CHECK enum sh_status sh_client_lost(struct shoal_client *client, const char *why, struct sh_error *err);
/* Is there something that the kernel has not taken yet? */
bool sh_client_has_unsent(const struct shoal_client *client);

/* ---- client_wire.c: what TLS puts between, for a client whose `wire` is not NULL ---- */

SH_MUST_CHECK enum sh_status sh_client_wire_open(struct shoal_client *client, struct sh_error *err);
/* As sh_client_send. */
enum sh_status sh_client_wire_send(struct shoal_client *client, struct sh_error *err);
/* What the kernel has goes into the wire. */
SH_MUST_CHECK enum sh_status sh_client_wire_receive(struct shoal_client *client, struct sh_error *err);
/* What the wire understands goes into the input, which has room for one receive. *count: how much. */
SH_MUST_CHECK enum sh_status sh_client_wire_get(struct shoal_client *client, size_t *count, struct sh_error *err);

/* Wait until something came, and read it, sending meanwhile. SH_ERR_DEADLINE, SH_ERR_CLOSED, SH_ERR_LIMIT. Moves what
 * is in `input`: an answer shown before is gone. */
enum sh_status sh_client_receive(struct shoal_client *client, uint64_t deadline_ms, struct sh_error *err);
/* The next whole message of the input, if there is one: *frame_bytes is 0 if not. */
enum sh_status sh_client_take(struct shoal_client *client, const uint8_t **frame, size_t *frame_bytes,
                              struct sh_error *err);

/* ---- client_calls.c: what is in flight ---- */

struct sh_client_call *sh_client_call_of(struct shoal_client *client, uint32_t id); /* NULL: none in flight */
/* A free slot with a new id, at the end of the order; NULL if in_flight_count_max is reached. */
struct sh_client_call *sh_client_call_begin(struct shoal_client *client);
void sh_client_call_end(struct shoal_client *client, struct sh_client_call *call);
/* Give every call that may not be sent again an answer with SH_ERR_CLOSED; with `all`, every one. */
void sh_client_calls_lost(struct shoal_client *client, bool all, const struct sh_error *why);
/* Put every call that waits into the output again. */
void sh_client_calls_resend(struct shoal_client *client);

void sh_client_error_fill(struct shoal_client_error *error, const struct sh_error *err, bool from_server);

#endif
