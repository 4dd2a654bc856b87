/* cursor_fuzz.c -- foreign msgpack: the cursor, its twin and msgpack-c must say the same. */
#include <stdio.h>
#include <stdlib.h>

#include "cursor_twin.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    const char *fault = cursor_twin_check(bytes, byte_count);
    if (fault == NULL) return 0;
    (void)fprintf(stderr, "%s\n", fault);
    abort();
}
