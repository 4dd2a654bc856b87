/* shoal/client.h -- talk to a Shoal server from C or C++.
 *
 *   struct shoal_client_error error;
 *   struct shoal_client *client = NULL;
 *   if (shoal_client_open("127.0.0.1:7717", NULL, &client, &error) != SHOAL_CLIENT_OK) die(error.message);
 *
 *   struct shoal_client_writer *params = shoal_client_writer_create();
 *   shoal_client_write_map(params, 1);
 *   shoal_client_write_literal(params, "where");
 *   shoal_client_write_literal(params, "tier >= 'gold' and city = 'Lisbon'");
 *
 *   struct shoal_client_answer answer;
 *   if (shoal_client_call(client, "audience.count", params, 0, &answer, &error) == SHOAL_CLIENT_OK)
 *       printf("%lld\n", (long long)shoal_client_integer(shoal_client_get(answer.result, "count"), 0));
 *
 * Calls are MessagePack-RPC. One call at a time: shoal_client_call. Many in flight: shoal_client_submit each, then
 * shoal_client_next for each answer; answers come in any order and carry the id that submit gave.
 *
 *   submit a --+                      what is submitted is kept until it is answered, so that a lost connection can be
 *   submit b   |--> one connection    opened again and the calls marked SHOAL_CLIENT_IDEMPOTENT sent again, byte for
 *   next  <- b |                      byte, with the ids that their params carry. A call without that mark is answered
 *   next  <- a +                      with SHOAL_CLIENT_ERR_CLOSED: nobody can say whether it ran.
 *
 * Bounds: options say how many calls and bytes may be in flight and how large an answer may be. Every wait has a
 * deadline. There is no global state. Threads: a client belongs to one thread at a time; open one client a thread.
 */
#ifndef SHOAL_CLIENT_H
#define SHOAL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. The numbers are the `code` of the protocol: 1xx the bytes, 2xx who asks, 3xx the request, 4xx it may work
 * later, 5xx the server or this machine. A newer server may send a code that is not listed. */
enum shoal_client_status {
    SHOAL_CLIENT_OK = 0,
    SHOAL_CLIENT_ERR_PROTOCOL = 100,
    SHOAL_CLIENT_ERR_TOO_LARGE = 102,
    SHOAL_CLIENT_ERR_UNSUPPORTED = 103,
    SHOAL_CLIENT_ERR_UNAUTHENTICATED = 200, /* no token, or none that is alive */
    SHOAL_CLIENT_ERR_FORBIDDEN = 201,       /* the token's roles do not open it */
    SHOAL_CLIENT_ERR_ARGUMENT = 300,
    SHOAL_CLIENT_ERR_SYNTAX = 301,
    SHOAL_CLIENT_ERR_TYPE = 302,
    SHOAL_CLIENT_ERR_NAME = 303,
    SHOAL_CLIENT_ERR_NOT_FOUND = 304,
    SHOAL_CLIENT_ERR_CONFLICT = 305,
    SHOAL_CLIENT_ERR_OVERFLOW = 306,
    SHOAL_CLIENT_ERR_BUSY = 400,
    SHOAL_CLIENT_ERR_DEADLINE = 401, /* also: no answer within the client's timeout */
    SHOAL_CLIENT_ERR_LIMIT = 402,
    SHOAL_CLIENT_ERR_CLOSED = 403, /* also: the connection was lost */
    SHOAL_CLIENT_ERR_READ_ONLY = 404,
    SHOAL_CLIENT_ERR_RATE_LIMITED = 405, /* the hint says when to come again */
    SHOAL_CLIENT_ERR_MEMORY = 500,
    SHOAL_CLIENT_ERR_IO = 501, /* also: could not connect */
    SHOAL_CLIENT_ERR_CORRUPT = 502
};

/* A fault in words. Texts are UTF-8 and end in a zero byte. */
struct shoal_client_error {
    int code;         /* enum shoal_client_status */
    bool from_server; /* false: this client found it, and the request may not have reached the server */
    int64_t position; /* byte offset into the text that was refused (an expression, say), -1 if there is none */
    char status[32];  /* "syntax", "not_found" ... */
    char message[512];
    char hint[256]; /* what to do, or the nearest known name; "" if there is none */
};

/* ---- connection ---- */

/* Zero or NULL in a field means its default. */
struct shoal_client_options {
    const char *workspace; /* the token's own; without a token "default" */
    const char *token;     /* "id.secret", for a server with access control */
    /* For addresses that begin with tls:, files in PEM: */
    const char *tls_authorities;  /* whose certificates are believed; those that this system trusts */
    const char *tls_certificate;  /* this client's own; none */
    const char *tls_key;          /* its key; in the same file */
    const char *tls_name;         /* whom the server's certificate must be for; the address's host */
    uint32_t timeout_ms;          /* 30000: connecting, and waiting for any one answer */
    uint32_t in_flight_count_max; /* 256 calls, at most 1024 */
    size_t in_flight_bytes_max;   /* 64 MiB of requests kept until answered */
    size_t answer_bytes_max;      /* 256 MiB */
    uint32_t attempt_count_max;   /* 5 connections, with growing pauses, before a lost connection is given up */
};

struct shoal_client;

/* Connect and greet. address: "127.0.0.1:7717", "tcp:host:7717", "[::1]:7717", "tls:host:7718" or "unix:/path". options and error may be
 * NULL. On failure *client is NULL and error says why. */
int shoal_client_open(const char *address, const struct shoal_client_options *options, struct shoal_client **client,
                      struct shoal_client_error *error);
/* Closes the connection; calls in flight are forgotten. NULL is fine. */
void shoal_client_close(struct shoal_client *client);
/* For poll(); changes after a reconnect. -1 while there is no connection. */
int shoal_client_descriptor(const struct shoal_client *client);
uint32_t shoal_client_in_flight_count(const struct shoal_client *client);

/* ---- params: a small msgpack writer ---- */

/* Texts are UTF-8. A failed write (memory) makes the later ones do nothing and the call that uses the writer fail, so
 * one check at the end is enough. A writer may be used again after shoal_client_writer_clear. */
struct shoal_client_writer;
struct shoal_client_writer *shoal_client_writer_create(void); /* NULL when memory is out */
void shoal_client_writer_destroy(struct shoal_client_writer *writer);
void shoal_client_writer_clear(struct shoal_client_writer *writer);
/* What was written so far; valid until the next write. */
const void *shoal_client_writer_bytes(const struct shoal_client_writer *writer, size_t *byte_count);

/* A container of a known size is followed by that many elements (pairs for a map: key, value, key, value ...). */
void shoal_client_write_map(struct shoal_client_writer *writer, uint32_t pair_count);
void shoal_client_write_array(struct shoal_client_writer *writer, uint32_t count);
/* A container whose size is not known yet: write its content, then end it with the count. It costs four more bytes.
 *   const size_t rows = shoal_client_begin_array(writer); ... shoal_client_end(writer, rows, row_count); */
size_t shoal_client_begin_map(struct shoal_client_writer *writer);
size_t shoal_client_begin_array(struct shoal_client_writer *writer);
void shoal_client_end(struct shoal_client_writer *writer, size_t begun, uint32_t count);
void shoal_client_write_nil(struct shoal_client_writer *writer);
void shoal_client_write_boolean(struct shoal_client_writer *writer, bool boolean);
void shoal_client_write_integer(struct shoal_client_writer *writer, int64_t integer);
void shoal_client_write_real(struct shoal_client_writer *writer, double real);
void shoal_client_write_text(struct shoal_client_writer *writer, const char *text, size_t byte_count);
void shoal_client_write_literal(struct shoal_client_writer *writer, const char *zero_ended);
/* Bytes that are msgpack already, of whole values. */
void shoal_client_write_raw(struct shoal_client_writer *writer, const void *bytes, size_t byte_count);

/* ---- answers ---- */

enum shoal_client_kind {
    SHOAL_CLIENT_ABSENT, /* what shoal_client_get gives for a key that is not there */
    SHOAL_CLIENT_NIL,
    SHOAL_CLIENT_BOOLEAN,
    SHOAL_CLIENT_INTEGER,
    SHOAL_CLIENT_REAL,
    SHOAL_CLIENT_TEXT,
    SHOAL_CLIENT_BINARY,
    SHOAL_CLIENT_ARRAY,
    SHOAL_CLIENT_MAP
};

/* One value inside an answer: where its bytes are. Passed by value; never freed; valid as long as the answer. Answers
 * are checked once when they arrive, so reading one cannot fail: a value of another kind gives the `otherwise`. */
struct shoal_client_value {
    const unsigned char *bytes; /* NULL: absent */
    size_t byte_count;          /* at least the whole value */
};

enum shoal_client_kind shoal_client_value_kind(struct shoal_client_value value);
/* Elements of an array, pairs of a map, bytes of a text or binary; 0 for other kinds. */
uint32_t shoal_client_count(struct shoal_client_value value);
bool shoal_client_boolean(struct shoal_client_value value, bool otherwise);
/* Integers above INT64_MAX give INT64_MAX. */
int64_t shoal_client_integer(struct shoal_client_value value, int64_t otherwise);
/* An integer is taken as a real as well. */
double shoal_client_real(struct shoal_client_value value, double otherwise);
/* Not ended by a zero byte. NULL and 0 if it is neither text nor binary. */
const char *shoal_client_text(struct shoal_client_value value, size_t *byte_count);
bool shoal_client_text_is(struct shoal_client_value value, const char *zero_ended);
/* The value of a text key of a map; absent if there is none or it is not a map. O(bytes before it). */
struct shoal_client_value shoal_client_get(struct shoal_client_value map, const char *key);
/* Element number index of an array. O(bytes before it): walk long arrays with a walk. */
struct shoal_client_value shoal_client_at(struct shoal_client_value array, uint32_t index);

/* All elements of an array (key is absent then) or pairs of a map, in order, in linear time:
 *   struct shoal_client_walk walk = shoal_client_walk_begin(rows);
 *   while (shoal_client_walk_next(&walk, NULL, &row)) ... */
struct shoal_client_walk {
    const unsigned char *at;
    const unsigned char *end;
    uint32_t left_count;
    bool is_map;
};
struct shoal_client_walk shoal_client_walk_begin(struct shoal_client_value container);
bool shoal_client_walk_next(struct shoal_client_walk *walk, struct shoal_client_value *key,
                            struct shoal_client_value *value);

/* ---- calls ---- */

enum shoal_client_flags {
    /* Running it twice is the same as running it once: it may be sent again after a lost connection. */
    SHOAL_CLIENT_IDEMPOTENT = 1
};

struct shoal_client_answer {
    uint32_t id;                      /* what submit gave */
    int code;                         /* SHOAL_CLIENT_OK, or the call failed and `error` says how */
    struct shoal_client_value result; /* absent if the call failed; lives until the next call, next or close */
    struct shoal_client_error error;
};

/* Send and wait for the answer. params holds one map; NULL means an empty one. Returns answer->code for a call that the
 * server refused, too; error (may be NULL) has the words of either. Calls that were submitted and not yet taken stay in
 * flight, and their answers are kept for shoal_client_next. */
int shoal_client_call(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
                      unsigned flags, struct shoal_client_answer *answer, struct shoal_client_error *error);
/* A question whose params are texts: names and values in turn, ended by NULL; a NULL value leaves its name out. Numbers
 * and lists need a writer. It may run twice (SHOAL_CLIENT_IDEMPOTENT), as questions may. What to ask, and where the
 * answer has it (the protocol says the rest):
 *
 *   how far people come    "audience.funnel"     sequence, among, by    steps: [{step, users, from_first_s, dropped}]
 *   who comes back         "audience.retention"  first, return, period  cohorts: [{start, users, returned: [n]}]
 *   how groups cross       "audience.overlap"    sets (a list)          matrix: [[n]]
 *   what they are like     "audience.insight"    dimensions (a list)    dimensions: [{values: [{value, count}]}]
 *   who is lost where      "audience.waterfall"  where                  steps: [{clause, alone, after, removed}]
 *   why somebody is in     "audience.why"        user, where            matches, lines: [{depth, holds, clause}]
 *   who else is like them  "audience.lookalike"  seeds, exclude, count  ids (count is a number)
 *   R, F, M                "audience.rfm"        where                  cells, names, lifecycle: [{users, amount}]
 *   segments               "segment.put"         name, where            version
 *                          "segment.of_user"     user                   segments
 *
 *   const char *const params[] = {"sequence", "sequence(view -> cart -> purchase, within 3 days)", "by", "city", NULL};
 *   if (shoal_client_ask(client, "audience.funnel", params, &answer, &error) == SHOAL_CLIENT_OK) {
 *       struct shoal_client_walk steps = shoal_client_walk_begin(shoal_client_get(answer.result, "steps"));
 *       while (shoal_client_walk_next(&steps, NULL, &step))
 *           printf("%lld\n", (long long)shoal_client_integer(shoal_client_get(step, "users"), 0));
 *   }
 */
int shoal_client_ask(struct shoal_client *client, const char *method, const char *const *params,
                     struct shoal_client_answer *answer, struct shoal_client_error *error);
/* Put a call in flight. It is sent when enough have gathered, or by flush, or by next. params is copied.
 * SHOAL_CLIENT_ERR_BUSY when the bounds of the options are reached: take answers first. */
int shoal_client_submit(struct shoal_client *client, const char *method, const struct shoal_client_writer *params,
                        unsigned flags, uint32_t *id, struct shoal_client_error *error);
/* The next call or submit carries this number: under it the server does a write once, however often it is sent, by whichever
 * connection. name (1 to 64 bytes) belongs to one source of writes alone, seq counts its writes from 1. A call that could not be
 * put in flight keeps the number. SHOAL_CLIENT_ERR_ARGUMENT if they are not like that. "client.numbers" tells which were done. */
int shoal_client_number(struct shoal_client *client, const char *name, uint64_t seq);
/* Hand what is gathered to the kernel, as much as it takes at once; next sends the rest. Never waits. */
int shoal_client_flush(struct shoal_client *client, struct shoal_client_error *error);
/* The next answer, in the order they arrive. Waits at most timeout_ms (0: only what is here, -1: the options' timeout).
 * SHOAL_CLIENT_OK: *answer is filled, and answer->code says how that call went. SHOAL_CLIENT_ERR_DEADLINE: none came in
 * time, all are still in flight. SHOAL_CLIENT_ERR_NOT_FOUND: nothing is in flight. After a lost connection that could
 * not be opened again every call in flight gets an answer with SHOAL_CLIENT_ERR_CLOSED, and the next submit tries to
 * connect anew. */
int shoal_client_next(struct shoal_client *client, int64_t timeout_ms, struct shoal_client_answer *answer,
                      struct shoal_client_error *error);

#ifdef __cplusplus
}
#endif

#endif
