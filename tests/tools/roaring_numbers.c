/* roaring_numbers.c -- prints the numbers of a Roaring file as libroaring reads them, one a line. For tests of exports.
 * Usage: roaring_numbers FILE */
#include <roaring/roaring.h>
#include <stdio.h>
#include <stdlib.h>

static bool print_number(uint32_t number, void *unused) {
    (void)unused;
    return printf("%u\n", number) > 0;
}

int main(int argument_count, char **arguments) {
    static char bytes[1 << 24];
    FILE *file = argument_count == 2 ? fopen(arguments[1], "rb") : NULL;
    if (file == NULL) {
        (void)fputs("usage: roaring_numbers FILE\n", stderr);
        return 2;
    }
    const size_t byte_count = fread(bytes, 1, sizeof bytes, file);
    (void)fclose(file);
    roaring_bitmap_t *bitmap = roaring_bitmap_portable_deserialize_safe(bytes, byte_count);
    if (bitmap == NULL || roaring_bitmap_portable_size_in_bytes(bitmap) != byte_count) {
        (void)fputs("libroaring cannot read it\n", stderr);
        return 1;
    }
    const bool is_printed = roaring_iterate(bitmap, print_number, NULL);
    roaring_bitmap_free(bitmap);
    return is_printed && fflush(stdout) == 0 ? 0 : 1;
}
