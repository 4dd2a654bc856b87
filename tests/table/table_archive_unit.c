/* table_archive_unit.c -- a table's bytes: every cut, every bit, every allocation, and what must not get into them. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "archive_rig.h"
#include "table_sample.h"

static struct sh_table *back;
static struct sh_buffer first, second;

static void save(const void *thing, struct sh_archive_writer *writer) {
    sh_table_save(*(struct sh_table *const *)thing, writer);
}
static enum sh_status load(void *thing, struct sh_archive_reader *reader) {
    return sh_table_load(thing, reader);
}
static void destroy(void *thing) {
    sh_table_destroy(*(struct sh_table **)thing);
}
static bool check(const void *thing, const char **reason) {
    return sh_table_check(*(struct sh_table *const *)thing, reason);
}
/* Across rows the loader compares numbers only: a bit turned there may be for sh_table_check to find. It must stand
 * that it is asked, and the table must stand being destroyed. */
static bool check_stands(const void *thing, const char **reason) {
    (void)sh_table_check(*(struct sh_table *const *)thing, reason);
    return true;
}
static const struct archive_rig rig = {save, load, check, destroy, &back};

static void begin(void) {
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
}
static void end(struct sh_table *table) {
    sh_table_destroy(table);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

Test(table_archive, an_empty_table) {
    struct sh_table *table = sh_table_create();
    begin();
    const char *fault = rig_round_trip(&rig, &table, &first, &second);
    cr_expect_null(fault, "%s", fault);
    destroy(&back);
    fault = rig_sweep(&rig, &first);
    cr_expect_null(fault, "%s", fault);
    end(table);
}

Test(table_archive, every_cut_and_every_turned_bit_of_a_small_table) {
    struct sh_table *table = sample_create();
    struct split_random rng = {7};
    begin();
    sample_change(table, &rng, 6, 50, 0);
    const char *fault = rig_round_trip(&rig, &table, &first, &second);
    cr_assert_null(fault, "%s", fault);
    destroy(&back);
    const struct archive_rig standing = {save, load, check_stands, destroy, &back};
    fault = rig_sweep(&standing, &first);
    cr_expect_null(fault, "%s", fault);
    end(table);
}

Test(table_archive, every_allocation_fails_once) {
    struct sh_table *table = sample_create();
    struct split_random rng = {8};
    begin();
    sample_change(table, &rng, 40, 500, 0);
    cr_assert_eq(rig_save(&rig, &table, &first), SH_OK);
    const char *fault = rig_starve(&rig, &first);
    cr_expect_null(fault, "%s", fault);
    end(table);
}

Test(table_archive, a_forgotten_person_is_not_in_the_bytes) {
    static const char id[] = "a-person-with-a-long-id@example.org";
    static const char city[] = "a-city-of-one";
    static const int64_t paid = 0x5A6B7C8D9E;
    struct sh_table *table = sample_create();
    struct split_random rng = {9};
    uint32_t slot, code;
    begin();
    sample_change(table, &rng, 300, 2000, 0);
    cr_assert_eq(sh_table_intern(table, sh_text_of(id), sh_id_hash(sh_text_of(id)), &slot, NULL, NULL), SH_OK);
    cr_assert_eq(sh_table_text_code(table, 5, sh_text_of(city), &code, NULL), SH_OK);
    cr_assert_eq(sh_table_set(table, slot, 5, code), SH_OK);
    cr_assert_eq(sh_table_set(table, slot, 2, paid), SH_OK);
    cr_assert_eq(rig_save(&rig, &table, &first), SH_OK);
    cr_expect_not_null(memmem(first.bytes, first.count, id, strlen(id)));
    cr_expect_not_null(memmem(first.bytes, first.count, city, strlen(city)));
    cr_expect_not_null(memmem(first.bytes, first.count, &paid, 5));
    cr_assert_eq(sh_table_forget(table, slot, 1000), SH_OK);
    sh_table_reuse_before(table, 0); /* what no row has is erased by then */
    cr_assert_eq(rig_save(&rig, &table, &first), SH_OK);
    cr_expect_null(memmem(first.bytes, first.count, id, strlen(id)));
    cr_expect_null(memmem(first.bytes, first.count, city, strlen(city)));
    end(table);
}

/* Files of each version are kept and read for ever. SHOAL_RENEW_GOLDEN=1 writes the newest one: for a new version,
 * under a new name. As long as the version is the same, so are the bytes. */
Test(table_archive, the_table_of_version_1_is_read_and_written) {
    static const char path[] = SHOAL_SOURCE_DIR "/tests/table/golden/table_1_own_tags_forgotten.archive";
    struct sh_table *table = sample_create();
    struct sh_error err = {.status = SH_OK};
    struct split_random rng = {11};
    begin();
    sample_change(table, &rng, 60, 2000, 0);
    cr_assert_eq(rig_save(&rig, &table, &first), SH_OK);
    if (getenv("SHOAL_RENEW_GOLDEN") != NULL) {
        FILE *renewed = fopen(path, "wb");
        cr_assert_not_null(renewed);
        cr_assert_eq(fwrite(first.bytes, 1, first.count, renewed), first.count);
        cr_assert_eq(fclose(renewed), 0);
    }
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    uint8_t *bytes = sh_buffer_reserve(&second, 1 << 20);
    second.count = fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    cr_assert_eq(rig_load(&rig, &back, second.bytes, second.count, false, &err), SH_OK, "%s", err.message);
    cr_expect(sh_table_check(back, NULL));
    cr_expect_eq(sh_bitmap_count(sh_table_live(back)), sh_bitmap_count(sh_table_live(table)));
    cr_assert_eq(first.count, second.count);
    cr_expect_eq(memcmp(first.bytes, second.bytes, first.count), 0);
    destroy(&back);
    end(table);
}

/* Of the same version, written when the texts of tags that only forgotten rows had stayed: as many rows, more texts. */
Test(table_archive, the_first_table_of_version_1_is_read) {
    struct sh_error err = {.status = SH_OK};
    FILE *file = fopen(SHOAL_SOURCE_DIR "/tests/table/golden/table_1.archive", "rb");
    cr_assert_not_null(file);
    begin();
    uint8_t *bytes = sh_buffer_reserve(&second, 1 << 20);
    second.count = fread(bytes, 1, 1 << 20, file);
    (void)fclose(file);
    cr_assert_eq(rig_load(&rig, &back, second.bytes, second.count, false, &err), SH_OK, "%s", err.message);
    cr_expect(sh_table_check(back, NULL));
    cr_expect_gt(sh_bitmap_count(sh_table_live(back)), 0);
    end(back);
    back = NULL;
}

Test(table_archive, a_newer_table_is_refused_by_name) {
    struct sh_table *table = sample_create();
    struct sh_error err = {.status = SH_OK};
    begin();
    struct sh_archive_writer writer;
    sh_archive_writer_init(&writer, sh_archive_to_buffer(&first));
    sh_archive_begin(&writer, "table", 9);
    sh_archive_end(&writer);
    cr_assert_eq(sh_archive_finish(&writer, NULL), SH_OK);
    sh_archive_writer_deinit(&writer);
    struct sh_archive_bytes bytes = {.bytes = first.bytes, .count = first.count};
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&bytes), first.count);
    cr_expect_eq(sh_table_load(&back, &reader), SH_ERR_UNSUPPORTED);
    cr_expect_null(back);
    cr_expect_eq(sh_archive_status(&reader, &err), SH_ERR_UNSUPPORTED);
    cr_expect_str_eq(err.message, "table at byte 64: version 9 is newer than this program, which knows up to 1");
    sh_archive_reader_deinit(&reader);
    end(table);
}
