/* column_archive_unit.c -- the bytes of strips, columns and dictionaries: every cut, every bit, every allocation. */
#include <criterion/criterion.h>

#include "archive_rig.h"
#include "column.h"
#include "dictionary.h"

static struct sh_buffer first, second;

static void sweep(const struct archive_rig *rig, const void *thing) {
    sh_buffer_init(&first, SIZE_MAX);
    sh_buffer_init(&second, SIZE_MAX);
    const char *fault = rig_round_trip(rig, thing, &first, &second);
    cr_expect_null(fault, "%s", fault);
    rig->deinit(rig->room);
    fault = rig_sweep(rig, &first);
    cr_expect_null(fault, "%s", fault);
    fault = rig_starve(rig, &first);
    cr_expect_null(fault, "%s", fault);
    sh_buffer_deinit(&first);
    sh_buffer_deinit(&second);
}

/* ---- Strips ---- */

static struct sh_strip strip_back;

static void save_strip(const void *thing, struct sh_archive_writer *writer) {
    sh_strip_save(thing, writer);
}
static enum sh_status load_strip(void *thing, struct sh_archive_reader *reader) {
    sh_strip_init(thing);
    return sh_strip_load(thing, 100, reader);
}
static bool check_strip(const void *thing, const char **reason) {
    return sh_strip_check(thing, reason);
}
static void deinit_strip(void *thing) {
    sh_strip_deinit(thing);
}
static const struct archive_rig strip_rig = {save_strip, load_strip, check_strip, deinit_strip, &strip_back};

Test(strip_archive, every_width_with_and_without_missing_entries) {
    static const int64_t spans[] = {0, 200, 60000, 4000000000, INT64_MAX};
    for (uint32_t i = 0; i < 2 * sizeof spans / sizeof *spans; i++) {
        struct sh_strip strip;
        sh_strip_init(&strip);
        for (int64_t k = 0; k < 10; k++) {
            cr_assert_eq(sh_strip_append(&strip, -5 + spans[i / 2] / 10 * k), SH_OK);
            if (i % 2 == 1) cr_assert_eq(sh_strip_append_missing(&strip, 7), SH_OK);
        }
        sweep(&strip_rig, &strip);
        sh_strip_deinit(&strip);
    }
}

Test(strip_archive, units_and_nothing_but_missing_entries) {
    struct sh_strip strip;
    sh_strip_init_unit(&strip, 86400000);
    sweep(&strip_rig, &strip);
    cr_assert_eq(sh_strip_append_missing(&strip, 70), SH_OK);
    sweep(&strip_rig, &strip);
    cr_assert_eq(sh_strip_append(&strip, 86400000), SH_OK);
    cr_assert_eq(sh_strip_append(&strip, 5 * INT64_C(86400000)), SH_OK);
    sweep(&strip_rig, &strip);
    cr_assert_eq(sh_strip_clear(&strip, 70), SH_OK);
    cr_assert_eq(sh_strip_clear(&strip, 71), SH_OK);
    sweep(&strip_rig, &strip);
    sh_strip_deinit(&strip);
}

Test(strip_archive, what_was_cleared_is_not_written) {
    struct sh_strip strip;
    const int64_t secret = 0x1A2B3C4D;
    sh_strip_init(&strip);
    cr_assert_eq(sh_strip_append(&strip, 0), SH_OK);
    for (uint32_t i = 0; i < 80; i++)
        cr_assert_eq(sh_strip_append(&strip, secret), SH_OK);
    for (uint32_t i = 1; i < 81; i++)
        cr_assert_eq(sh_strip_clear(&strip, i), SH_OK);
    cr_assert_eq(sh_strip_append(&strip, INT32_MAX), SH_OK); /* so that the bound is another's */
    sh_buffer_init(&first, SIZE_MAX);
    cr_assert_eq(rig_save(&strip_rig, &strip, &first), SH_OK);
    cr_expect_null(memmem(first.bytes, first.count, &secret, 4));
    sh_buffer_deinit(&first);
    sh_strip_deinit(&strip);
}

/* The format is kept for ever. */
Test(strip_archive, version_1_is_these_bytes) {
    static const uint8_t expected[] = {3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, /* count, missing, unit, width, bits */
                                       0, 0, 0, 0, 0, 0, 0, 0,                   /* base */
                                       4, 0, 0, 0, 0, 0, 0, 0,                   /* min */
                                       9, 0, 0, 0, 0, 0, 0, 0,                   /* max */
                                       5, 0, 0, 0, 0, 0, 0, 0,                   /* present */
                                       4, 0, 9};
    struct sh_strip strip;
    sh_strip_init(&strip);
    cr_assert_eq(sh_strip_append(&strip, 4), SH_OK);
    cr_assert_eq(sh_strip_append(&strip, 7), SH_OK);
    cr_assert_eq(sh_strip_append(&strip, 9), SH_OK);
    cr_assert_eq(sh_strip_clear(&strip, 1), SH_OK);
    sh_buffer_init(&first, SIZE_MAX);
    cr_assert_eq(rig_save(&strip_rig, &strip, &first), SH_OK);
    cr_assert_eq(first.count, 3 * sizeof(struct sh_archive_frame) + sizeof expected);
    cr_expect_arr_eq(first.bytes + 2 * sizeof(struct sh_archive_frame), expected, sizeof expected);
    sh_buffer_deinit(&first);
    sh_strip_deinit(&strip);
}

/* ---- Columns ---- */

static struct sh_column column_back;

static void save_column(const void *thing, struct sh_archive_writer *writer) {
    sh_column_save(thing, writer);
}
static enum sh_status load_column(void *thing, struct sh_archive_reader *reader) {
    sh_column_init(thing);
    return sh_column_load(thing, 10, reader);
}
static bool check_column(const void *thing, const char **reason) {
    return sh_column_check(thing, reason);
}
static void deinit_column(void *thing) {
    sh_column_deinit(thing);
}
static const struct archive_rig column_rig = {save_column, load_column, check_column, deinit_column, &column_back};

Test(column_archive, blocks_with_and_without_strips) {
    struct sh_column column;
    sh_column_init_unit(&column, 10);
    sweep(&column_rig, &column);
    for (uint32_t i = 0; i < 20; i++)
        cr_assert_eq(sh_column_set(&column, 2 * SH_BLOCK_SLOTS + i, i * 10), SH_OK);
    cr_assert_eq(sh_column_set(&column, 4 * SH_BLOCK_SLOTS, -7), SH_OK);
    cr_assert_eq(sh_column_clear(&column, 2 * SH_BLOCK_SLOTS + 3), SH_OK);
    sweep(&column_rig, &column);
    sh_column_deinit(&column);
}

/* ---- Dictionaries ---- */

static struct sh_dictionary dictionary_back;

static void save_dictionary(const void *thing, struct sh_archive_writer *writer) {
    sh_dictionary_save(thing, writer);
}
static enum sh_status load_dictionary(void *thing, struct sh_archive_reader *reader) {
    sh_dictionary_init(thing, 100);
    return sh_dictionary_load(thing, reader);
}
static bool check_dictionary(const void *thing, const char **reason) {
    return sh_dictionary_check(thing, reason);
}
static void deinit_dictionary(void *thing) {
    sh_dictionary_deinit(thing);
}
static const struct archive_rig dictionary_rig = {save_dictionary, load_dictionary, check_dictionary, deinit_dictionary,
                                                  &dictionary_back};

Test(dictionary_archive, texts_erased_texts_and_the_empty_text) {
    static const char *const texts[] = {"", "Lisbon", "成都", "a", "b", "ab", "Lisbons"};
    char bytes[400];
    struct sh_dictionary dictionary;
    uint32_t code;
    sh_dictionary_init(&dictionary, 100);
    sweep(&dictionary_rig, &dictionary);
    for (uint32_t i = 0; i < sizeof texts / sizeof *texts; i++)
        cr_assert_eq(sh_dictionary_intern(&dictionary, sh_text_of(texts[i]), &code, NULL), SH_OK);
    memset(bytes, 'x', sizeof bytes); /* outside of the chunks */
    cr_assert_eq(sh_dictionary_intern(&dictionary, (struct sh_text){bytes, sizeof bytes}, &code, NULL), SH_OK);
    sh_dictionary_erase(&dictionary, 1);
    sh_dictionary_erase(&dictionary, 0);
    sweep(&dictionary_rig, &dictionary);
    sh_dictionary_deinit(&dictionary);
}
