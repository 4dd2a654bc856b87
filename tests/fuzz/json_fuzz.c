/* json_fuzz.c -- foreign JSON, and foreign MessagePack to be written as JSON. The first byte says which. */
#include <stdio.h>
#include <stdlib.h>

#include "json_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count == 0) return 0;
    const char *fault = (bytes[0] & 1) != 0 ? json_check_msgpack(bytes + 1, byte_count - 1)
                                            : json_check_text(bytes + 1, byte_count - 1);
    if (fault == NULL) return 0;
    (void)fprintf(stderr, "%s\n", fault);
    abort();
}
