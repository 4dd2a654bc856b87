/* frame.h -- MessagePack-RPC messages: where one ends in a stream of bytes, what it says, and how one is written.
 *
 *   request   [0, msgid, method, [params]]      params is one map; [] stands for an empty one; a second map may follow
 *   answer    [1, msgid, error, result]         one of the two is nil
 *   notice    [2, method, [params]]             not answered
 *
 * There is no length in front of a message, so its end has to be found by walking over its values. A walk needs no
 * stack: it is enough to count the values that are still owed, one for the message, n more for each array of n and 2n
 * for each map of n.
 *
 *   94 00 07 a4 p i n g 91 80          owed: 1, then 4 (an array of 4), 3, 2, 1, then 1 (array of 1), 0: the end
 *
 * A message comes in pieces of any size. The walk remembers where it was, so each byte is looked at once however the
 * stream was cut; only a head that is itself cut in two (at most 9 bytes) is read again.
 *
 * A message is refused as soon as its own words show that it will pass the limit: every value that is owed is at least
 * one byte. Five bytes that promise a billion values are refused when the fifth arrives. Nothing is ever allocated.
 */
#ifndef SH_FRAME_H
#define SH_FRAME_H

#include "buffer.h"

/* ---- finding the end ---- */

struct sh_frame_scan {
    size_t scanned_bytes; /* of this message; may lie beyond what has arrived, inside a text that is still to come */
    uint64_t owed_count;  /* values */
    size_t limit_bytes;
};

/* Before each message. limit_bytes: SH_FRAME_BYTES_MAX for requests, SH_ANSWER_BYTES_MAX for answers. */
static inline void sh_frame_scan_init(struct sh_frame_scan *scan, size_t limit_bytes) {
    *scan = (struct sh_frame_scan){.owed_count = 1, .limit_bytes = limit_bytes};
}
/* bytes: what has arrived of this message and behind it, from its first byte on; the pieces of the earlier calls
 * included, though they may have moved. *frame_bytes is the size of the message, or 0 if its end has not arrived.
 * SH_ERR_TOO_LARGE or SH_ERR_PROTOCOL (ext types and the unused byte c1): the stream cannot be read any further. */
SH_MUST_CHECK enum sh_status sh_frame_scan(struct sh_frame_scan *scan, const uint8_t *bytes, size_t byte_count,
                                           size_t *frame_bytes, struct sh_error *err);

/* ---- reading ---- */

enum sh_frame_kind { SH_FRAME_REQUEST = 0, SH_FRAME_ANSWER = 1, SH_FRAME_NOTICE = 2 };

/* All pointers are into the message, or to an empty map. */
struct sh_frame {
    enum sh_frame_kind kind;
    bool has_msgid; /* true as soon as it was read: an error found after it can be answered */
    uint32_t msgid;
    struct sh_text method;
    const uint8_t *params; /* a map; only its head was looked at, unless there is an envelope */
    size_t params_bytes;
    const uint8_t *envelope; /* the second map, what the request is apart from its method; whole. NULL: there is none */
    size_t envelope_bytes;
    const uint8_t *error; /* NULL: the call succeeded. Whole and checked */
    size_t error_bytes;
    const uint8_t *result; /* NULL if it failed. Whole and checked */
    size_t result_bytes;
};

/* bytes: exactly one message, as sh_frame_scan found it. SH_ERR_PROTOCOL if it is not one of the three forms. */
SH_MUST_CHECK enum sh_status sh_frame_read(const uint8_t *bytes, size_t byte_count, struct sh_frame *frame,
                                           struct sh_error *err);
/* The map of an answer's error into *err; words that are missing are filled in, unknown keys are passed over. A thing
 * that is no such map gives SH_ERR_PROTOCOL, in *err as well. */
void sh_frame_read_error(const uint8_t *bytes, size_t byte_count, struct sh_error *err);

/* ---- writing: appends to the buffer, which notes a failure ---- */

void sh_frame_write_request(struct sh_buffer *buffer, uint32_t msgid, struct sh_text method, const void *params,
                            size_t params_bytes);
/* With a seq above 0 the request has a second map, {client, seq}. */
void sh_frame_write_numbered(struct sh_buffer *buffer, uint32_t msgid, struct sh_text method, const void *params,
                             size_t params_bytes, struct sh_text client, uint64_t seq);
void sh_frame_write_notice(struct sh_buffer *buffer, struct sh_text method, const void *params, size_t params_bytes);
/* The head of an answer that succeeded; the result, one value, is to follow. */
void sh_frame_write_answer(struct sh_buffer *buffer, uint32_t msgid);
void sh_frame_write_error(struct sh_buffer *buffer, uint32_t msgid, const struct sh_error *error);
/* {code, status, message, position?, hint?} alone. */
void sh_frame_write_error_map(struct sh_buffer *buffer, const struct sh_error *error);
/* The last pair of a result: its map's head counts it already. */
void sh_frame_write_took(struct sh_buffer *buffer, uint64_t took_us);

#endif
