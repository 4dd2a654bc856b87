/* Any bytes as CSV: the whole at once and in windows cut anywhere must be read as the same records, faults and lines.
 *
 * The first byte chooses the delimiter and the size of the pieces. The checks of the CSV tests' twin are in csv_show.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv_show.h"

/* The last line: how the reading ended. */
static const char *ending(const char *shown, size_t shown_bytes) {
    return memrchr(shown, '=', shown_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count < 1) return 0;
    const char delimiter = ",;\t|"[bytes[0] & 3];
    const size_t piece_bytes = 1 + (bytes[0] >> 2);
    size_t whole_bytes, pieces_bytes;
    char *whole = csv_show(bytes + 1, byte_count - 1, 0, delimiter, &whole_bytes);
    char *pieces = csv_show(bytes + 1, byte_count - 1, piece_bytes, delimiter, &pieces_bytes);
    /* Packed input that is damaged may end behind another record when it comes in pieces; how it ends must be the same.
     */
    if (strcmp(ending(whole, whole_bytes), ending(pieces, pieces_bytes)) != 0) abort();
    const bool same = whole_bytes == pieces_bytes && memcmp(whole, pieces, whole_bytes) == 0;
    if (strcmp(ending(whole, whole_bytes), "=ok") == 0 && !same) abort();
    free(whole);
    free(pieces);
    return 0;
}
