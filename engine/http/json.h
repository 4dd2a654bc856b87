/* json.h -- JSON (RFC 8259) to MessagePack and back, for those who cannot speak MessagePack.
 *
 *   {"where": "tier >= '金卡'", "limit": 10}        one text, read once from left to right; nothing is built in between
 *     df 00000002  a5 where  b0 tier >= ...  a5 limit  0a      a container's head has four bytes for its count, which
 *                                                              is filled in when the container ends
 *
 * There is no tree in memory, so a hostile body costs its own bytes and at most 2.5 times as many in the output ("{}"
 * and a comma become five). A library's tree of the same bytes takes forty times as many ("[],[],...").
 *
 * What is read: one value, nested at most SH_MSGPACK_DEPTH_MAX, in UTF-8. Integers of 64 bits are exact, larger ones
 * are refused rather than rounded; what has a point or an exponent becomes a double. Names that stand twice in an
 * object are passed on, for the reader of the params to refuse by name. "\u0000" and lone halves of surrogate pairs are
 * refused.
 *
 * What is written: a str as a string, bytes (bin) as a string in base64, an integer as a number as long as every reader
 * keeps it (up to 2^53 - 1 on both sides of 0) and beyond as a string of its digits, since JavaScript would round it. A
 * double is the shortest that reads back the same, and always has a point or an exponent. A map's name that is no str
 * is written as its text.
 *
 * Cost, of rows of short texts, integers and a double: some 25 ns a value to read (3.5 ns a byte), 45 ns to write, most
 * of it the double.
 */
#ifndef SH_JSON_H
#define SH_JSON_H

#include "buffer.h"
#include "cursor.h"

/* Append the value of this JSON text to `msgpack`. SH_ERR_PROTOCOL with the byte offset and what was expected;
 * SH_ERR_LIMIT when the buffer's limit does not hold it. After a failure the buffer is as it was, but for `failed`. */
SH_MUST_CHECK enum sh_status sh_json_read(struct sh_text json, struct sh_buffer *msgpack, struct sh_error *err);
/* Append the next value of the cursor to `json`. SH_ERR_PROTOCOL if it is not whole, SH_ERR_LIMIT as above. */
SH_MUST_CHECK enum sh_status sh_json_write(struct sh_cursor *msgpack, struct sh_buffer *json, struct sh_error *err);
/* Append a text as a JSON string, its quotes included. */
void sh_json_write_text(struct sh_buffer *json, struct sh_text text);

#endif
