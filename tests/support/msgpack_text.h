/* msgpack_text.h -- msgpack that a person can write and read, for tests.
 *
 *   {where: "tier >= 'gold'", limit: 10, fields: ['city'], keep: true}       <->  the same as msgpack
 *
 * Keys need no quotes; strings stand between ' or ", in which \ takes the next character as it is; nil, true, false,
 * ints, and floats (with a point or an exponent).
 */
#ifndef SH_MSGPACK_TEXT_H
#define SH_MSGPACK_TEXT_H

#include "buffer.h"

/* Append the value; aborts with the place if the text is wrong. */
void msgpack_of_text(const char *text, struct sh_buffer *msgpack);
/* Append the values as text; strings between '. map_pairs_missing is how many pairs the outermost map's head counts
 * too many. */
void text_of_msgpack(const void *bytes, size_t byte_count, uint32_t map_pairs_missing, struct sh_buffer *text);

#endif
