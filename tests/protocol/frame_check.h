/* frame_check.h -- what must hold for any bytes at all; used by the property test and the fuzz target. */
#ifndef FRAME_CHECK_H
#define FRAME_CHECK_H

#include <stddef.h>
#include <stdint.h>

/* Scan the stream whole, and again in pieces whose sizes come from seed: the same messages, the same end. Read each
 * message; write it again and read that: the same parts. NULL if all holds, else what does not. */
const char *frame_check(const uint8_t *bytes, size_t byte_count, uint64_t seed);

#endif
