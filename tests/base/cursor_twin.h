/* cursor_twin.h -- the reader of msgpack once more, recursive and byte by byte; and a walk that compares what the
 * cursor says with what msgpack-c says. For the property test and the fuzz target. */
#ifndef SH_CURSOR_TWIN_H
#define SH_CURSOR_TWIN_H

#include <msgpack.h>

#include "cursor.h"

/* How many bytes the first value takes if the cursor must accept it; 0 if it must refuse it. *depth gets how deep
 * arrays and maps were nested. */
size_t cursor_twin_accepts(const uint8_t *bytes, size_t byte_count, uint32_t *depth);
/* Walk the next value of the cursor with sh_cursor_next and compare it with object. */
bool cursor_twin_agrees(struct sh_cursor *cursor, const msgpack_object *object);
/* All of it: skip, peek, next, twin and msgpack-c say the same of these bytes. NULL, or what differs. */
const char *cursor_twin_check(const uint8_t *bytes, size_t byte_count);

#endif
