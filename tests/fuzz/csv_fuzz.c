/* Any bytes as CSV: the whole at once and in windows cut anywhere must be read as the same records, faults and lines.
 *
 * The first byte chooses the delimiter and the size of the pieces. The checks of the CSV tests' twin are in csv_show.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "csv_show.h"

/* Would the input be unpacked? That is another reader's affair, and slow. */
static bool is_packed(const uint8_t *bytes, size_t byte_count) {
    return byte_count >= 2 && ((bytes[0] == 0x1F && bytes[1] == 0x8B) || (bytes[0] == 0x28 && bytes[1] == 0xB5) ||
                               ((bytes[0] & 0xF0) == 0x50 && bytes[1] == 0x2A));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    if (byte_count < 1) return 0;
    const char delimiter = ",;\t|"[bytes[0] & 3];
    const size_t piece_bytes = 1 + (bytes[0] >> 2);
    if (is_packed(bytes + 1, byte_count - 1)) return 0;
    size_t whole_bytes, pieces_bytes;
    char *whole = csv_show(bytes + 1, byte_count - 1, 0, delimiter, &whole_bytes);
    char *pieces = csv_show(bytes + 1, byte_count - 1, piece_bytes, delimiter, &pieces_bytes);
    if (whole_bytes != pieces_bytes || memcmp(whole, pieces, whole_bytes) != 0) abort();
    if (whole_bytes < 3 || memcmp(whole + whole_bytes - 3, "=ok", 3) != 0) abort(); /* no bytes end a reading */
    free(whole);
    free(pieces);
    return 0;
}
