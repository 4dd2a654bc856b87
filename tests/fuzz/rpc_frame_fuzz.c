/* rpc_frame_fuzz.c -- a stream of foreign bytes: whole and in pieces it must hold the same messages. The last byte
 * chooses the pieces. */
#include <stdio.h>
#include <stdlib.h>

#include "frame_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    const uint64_t seed = byte_count == 0 ? 0 : bytes[byte_count - 1];
    const char *fault = frame_check(bytes, byte_count, seed);
    if (fault == NULL) return 0;
    (void)fprintf(stderr, "%s\n", fault);
    abort();
}
