/* bitmap_archive_unit.c -- a bitmap's bytes: every cut, every bit, every allocation. */
#include <criterion/criterion.h>

#include "archive_rig.h"
#include "bitmap.h"
#include "bitmap_archetypes.h"

static struct sh_bitmap back;

static void save(const void *bitmap, struct sh_archive_writer *writer) {
    sh_bitmap_save(bitmap, writer);
}
static enum sh_status load(void *bitmap, struct sh_archive_reader *reader) {
    sh_bitmap_init(bitmap, SH_ARRAY_COUNT_FAST);
    return sh_bitmap_load(bitmap, reader);
}
static bool check(const void *bitmap, const char **reason) {
    return sh_bitmap_check(bitmap, reason);
}
static void deinit(void *bitmap) {
    sh_bitmap_deinit(bitmap);
}
static const struct archive_rig rig = {save, load, check, deinit, &back};

/* Every form but BITS, small: a list, an inverted list, runs, full and empty blocks. */
static void small_init(struct sh_bitmap *bitmap) {
    sh_bitmap_init(bitmap, SH_ARRAY_COUNT_FAST);
    cr_assert_eq(sh_bitmap_add_range(bitmap, 10, 400), SH_OK);
    cr_assert_eq(sh_bitmap_add_range(bitmap, 1000, 3000), SH_OK);
    cr_assert_eq(sh_bitmap_add_range(bitmap, SH_BLOCK_SLOTS, 3 * SH_BLOCK_SLOTS), SH_OK);
    cr_assert_eq(sh_bitmap_remove(bitmap, 2 * SH_BLOCK_SLOTS + 77, NULL), SH_OK);
    cr_assert_eq(sh_bitmap_remove(bitmap, 2 * SH_BLOCK_SLOTS + 99, NULL), SH_OK);
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_eq(sh_bitmap_add(bitmap, 4 * SH_BLOCK_SLOTS + i * 1000, NULL), SH_OK);
    cr_assert_eq(bitmap->blocks[0].form, SH_BLOCK_RUNS);
    cr_assert_eq(bitmap->blocks[2].form, SH_BLOCK_INVERTED);
}

Test(bitmap_archive, every_archetype_comes_back) {
    struct sh_bitmap bitmap;
    struct sh_buffer first, second;
    sh_bitmap_init(&bitmap, SH_ARRAY_COUNT_FAST);
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    for (uint32_t i = 0; i < ARCHETYPE_COUNT; i++)
        archetype_put(&archetypes[i], &bitmap, i);
    cr_expect_null(rig_round_trip(&rig, &bitmap, &first, &second));
    cr_expect(sh_bitmap_equal(&bitmap, &back));
    sh_bitmap_deinit(&back);
    cr_expect_null(rig_starve(&rig, &first));
    sh_bitmap_deinit(&bitmap);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

Test(bitmap_archive, every_cut_and_every_turned_bit_is_seen_or_harmless) {
    struct sh_bitmap bitmap;
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, SIZE_MAX);
    small_init(&bitmap);
    cr_assert_eq(rig_save(&rig, &bitmap, &buffer), SH_OK);
    const char *fault = rig_sweep(&rig, &buffer);
    cr_expect_null(fault, "%s", fault);
    sh_bitmap_deinit(&bitmap);
    sh_buffer_deinit(&buffer);
}

/* The format is kept for ever. The bytes of a small bitmap, behind the frames' heads. */
Test(bitmap_archive, version_1_is_these_bytes) {
    static const uint8_t expected[] = {0x00, 0x04, 2, 0, 0, 0, /* arrays to 1,024, two blocks */
                                       0,    0,    0, 0,       /* EMPTY */
                                       2,    0,    0, 2, 5, 0, 9, 0} /* ARRAY of 2: 5 and 9 */;
    struct sh_bitmap bitmap;
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, SIZE_MAX);
    sh_bitmap_init(&bitmap, SH_ARRAY_COUNT_FAST);
    cr_assert_eq(sh_bitmap_add(&bitmap, SH_BLOCK_SLOTS + 5, NULL), SH_OK);
    cr_assert_eq(sh_bitmap_add(&bitmap, SH_BLOCK_SLOTS + 9, NULL), SH_OK);
    cr_assert_eq(rig_save(&rig, &bitmap, &buffer), SH_OK);
    cr_assert_eq(buffer.count, 3 * sizeof(struct sh_archive_frame) + sizeof expected);
    cr_expect_arr_eq(buffer.bytes + 2 * sizeof(struct sh_archive_frame), expected, sizeof expected);
    sh_bitmap_deinit(&bitmap);
    sh_buffer_deinit(&buffer);
}
