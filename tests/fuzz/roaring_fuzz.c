/* roaring_fuzz.c -- foreign Roaring bytes. What is refused leaves the bitmap alone and says where; what is taken
 * checks, and is written and read again as the same set and then the same bytes. */
#include <stddef.h>
#include <stdint.h>

#include "roaring_format.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t byte_count) {
    struct sh_error err = {.position = -1};
    struct sh_bitmap bitmap = SH_BITMAP_EMPTY, back = SH_BITMAP_EMPTY;
    sh_assert(sh_bitmap_add(&bitmap, 42, NULL) == SH_OK);
    if (sh_roaring_read(&bitmap, bytes, byte_count, &err) != SH_OK) {
        sh_assert(err.status == SH_ERR_ARGUMENT);
        sh_assert(err.position >= 0);
        sh_assert((uint64_t)err.position <= byte_count);
        sh_assert(err.message[0] != 0);
        sh_assert(sh_bitmap_count(&bitmap) == 1);
        sh_assert(sh_bitmap_contains(&bitmap, 42));
        sh_bitmap_deinit(&bitmap);
        return 0;
    }
    sh_assert(sh_bitmap_check(&bitmap, NULL));
    sh_assert(sh_bitmap_memory_bytes(&bitmap) <= 4 * byte_count + (1 << 20));
    struct sh_buffer first, second;
    sh_buffer_init(&first, (size_t)1 << 30);
    sh_buffer_init(&second, (size_t)1 << 30);
    sh_assert(sh_roaring_write(&bitmap, &first, &err) == SH_OK);
    sh_assert(first.count == sh_roaring_byte_count(&bitmap));
    /* Ours are never more than theirs, but for the 32 containers from which one run can cost a flag byte for others. */
    sh_assert(first.count <= byte_count + SH_BLOCK_COUNT_MAX / 8);
    sh_assert(sh_roaring_read(&back, first.bytes, first.count, &err) == SH_OK);
    sh_assert(sh_bitmap_equal(&bitmap, &back));
    sh_assert(sh_bitmap_optimize(&bitmap) == SH_OK);
    sh_assert(sh_bitmap_check(&bitmap, NULL));
    sh_assert(sh_bitmap_equal(&bitmap, &back));
    sh_assert(sh_roaring_write(&bitmap, &second, &err) == SH_OK);
    sh_assert(first.count == second.count);
    sh_assert(memcmp(first.bytes, second.bytes, first.count) == 0);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
    sh_bitmap_deinit(&bitmap);
    sh_bitmap_deinit(&back);
    return 0;
}
