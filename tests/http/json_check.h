/* json_check.h -- JSON to MessagePack and back, held against a library that builds trees (jansson).
 *
 * NULL if all agrees, otherwise what does not:
 *   - what one of the two refuses the other refuses too, but for what json.h says of depth, of long numbers and of
 *     integers of more than 63 bits; and what both read has the same values in the same order;
 *   - what was read and is written as JSON reads back the same, and is then written the same byte for byte;
 *   - bytes that are MessagePack are written as JSON that both can read.
 */
#ifndef JSON_CHECK_H
#define JSON_CHECK_H

#include <stddef.h>
#include <stdint.h>

const char *json_check_text(const uint8_t *bytes, size_t byte_count);
const char *json_check_msgpack(const uint8_t *bytes, size_t byte_count);

#endif
