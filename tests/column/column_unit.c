/* column_unit.c -- strips, columns, dictionaries and the hash index, one behaviour a test. */
#include <criterion/criterion.h>
#include <string.h>

#include "column.h"
#include "dictionary.h"
#include "memory.h"

static struct sh_strip strip;

static void make_strip(void) {
    sh_strip_init(&strip);
}

static void check_strip(void) {
    const char *reason = "";
    cr_assert(sh_strip_check(&strip, &reason), "%s", reason);
    sh_strip_deinit(&strip);
    cr_assert(sh_memory_bytes() == 0, "memory is left");
}

static void append(int64_t value) {
    cr_assert_eq(sh_strip_append(&strip, value), SH_OK);
}

TestSuite(strip, .init = make_strip, .fini = check_strip);

Test(strip, one_value_takes_no_memory_of_its_own) {
    append(1234567890123);
    cr_assert_eq(strip.width, 0);
    cr_assert_eq(sh_strip_memory_bytes(&strip), 0);
    int64_t value;
    cr_assert(sh_strip_get(&strip, 0, &value));
    cr_assert_eq(value, 1234567890123);
}

Test(strip, ages_take_a_byte_and_points_four) {
    for (int64_t i = 0; i < 1000; i++)
        append(13 + i % 78);
    cr_assert_eq(strip.width, 1);
    append(100000);
    cr_assert_eq(strip.width, 4);
}

Test(strip, a_small_range_far_from_zero_is_narrow) {
    for (int64_t i = 0; i < 1000; i++)
        append(5000000000 + i % 200);
    cr_assert_eq(strip.width, 1);
}

Test(strip, dates_take_two_bytes_and_a_stray_time_makes_the_unit_smaller) {
    sh_strip_init_unit(&strip, 86400000);
    for (int64_t day = -20000; day < 20000; day++)
        append(day * 86400000);
    cr_assert_eq(strip.width, 2);
    cr_assert_eq(strip.unit, 86400000);
    append(3600000);
    cr_assert_eq(strip.unit, 3600000);
    int64_t value;
    cr_assert(sh_strip_get(&strip, 0, &value));
    cr_assert_eq(value, -20000LL * 86400000);
}

Test(strip, both_ends_of_int64_fit_together) {
    append(INT64_MIN);
    append(INT64_MAX);
    append(0);
    cr_assert_eq(strip.width, 8);
    uint64_t words[1];
    sh_strip_range(&strip, 0, 3, INT64_MIN, -1, words);
    cr_assert_eq(words[0], 1);
    sh_strip_range(&strip, 0, 3, 0, INT64_MAX, words);
    cr_assert_eq(words[0], 6);
}

/* Pinned semantics: missing is not zero, and no comparison finds it. */
Test(strip, missing_entries_match_no_range) {
    append(0);
    cr_assert_eq(sh_strip_append_missing(&strip, 2), SH_OK);
    append(0);
    uint64_t words[1];
    sh_strip_range(&strip, 0, 4, INT64_MIN, INT64_MAX, words);
    cr_assert_eq(words[0], 9);
    const int64_t zero = 0;
    sh_strip_in_set(&strip, 0, 4, &zero, 1, words);
    cr_assert_eq(words[0], 9);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 4, 0, 0), SH_VERDICT_SOME);
    int64_t value;
    cr_assert_not(sh_strip_get(&strip, 1, &value));
}

Test(strip, verdicts_come_from_the_bounds) {
    for (int64_t i = 0; i < 100; i++)
        append(10 + i);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 100, 0, 9), SH_VERDICT_NONE);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 100, 110, INT64_MAX), SH_VERDICT_NONE);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 100, 10, 109), SH_VERDICT_ALL);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 101, 10, 109), SH_VERDICT_SOME);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 100, 11, 109), SH_VERDICT_SOME);
    cr_assert_eq(sh_strip_verdict(&strip, 0, 100, 50, 49), SH_VERDICT_NONE);
}

Test(strip, rebuild_makes_bounds_exact_and_the_width_least) {
    for (int64_t i = 0; i < 1000; i++)
        append(i);
    cr_assert_eq(sh_strip_set(&strip, 5, 1000000), SH_OK);
    cr_assert_eq(sh_strip_set(&strip, 5, 5), SH_OK);
    cr_assert_eq(strip.max, 1000000);
    cr_assert_eq(strip.width, 4);
    cr_assert_eq(sh_strip_rebuild(&strip), SH_OK);
    cr_assert_eq(strip.max, 999);
    cr_assert_eq(strip.width, 2);
    cr_assert_eq(sh_strip_memory_bytes(&strip), 2000);
}

/* However the values come, a strip is not rewritten for each of them. */
Test(strip, falling_and_swinging_values_move_the_base_rarely) {
    uint32_t moves = 0;
    int64_t base = 0;
    uint8_t width = 0;
    for (int64_t i = 0; i < 60000; i++) {
        append(i % 2 == 0 ? 1000000000 + i : 1000000000 - i);
        moves += strip.base != base || strip.width != width;
        base = strip.base;
        width = strip.width;
    }
    cr_assert_lt(moves, 60);
}

Test(strip, every_failed_allocation_leaves_it_as_it_was) {
    for (uint64_t n = 0;; n++) {
        sh_strip_deinit(&strip);
        for (int64_t i = 0; i < 100; i++)
            append(i);
        sh_memory_fail_after(n);
        const enum sh_status wide = sh_strip_set(&strip, 200, 1LL << 40);
        const enum sh_status cleared = wide == SH_OK ? sh_strip_clear(&strip, 3) : SH_ERR_MEMORY;
        const enum sh_status rebuilt = cleared == SH_OK ? sh_strip_rebuild(&strip) : SH_ERR_MEMORY;
        sh_memory_fail_after(UINT64_MAX);
        cr_assert(sh_strip_check(&strip, NULL));
        cr_assert_eq(strip.count, wide == SH_OK ? 201 : 100);
        int64_t value;
        cr_assert(sh_strip_get(&strip, 99, &value) && value == 99);
        if (rebuilt == SH_OK) return;
    }
}

/* ---- Columns ---- */

static struct sh_column column;

static void make_column(void) {
    sh_column_init(&column);
}

static void check_column(void) {
    const char *reason = "";
    cr_assert(sh_column_check(&column, &reason), "%s", reason);
    sh_column_deinit(&column);
    cr_assert(sh_memory_bytes() == 0, "memory is left");
}

TestSuite(column, .init = make_column, .fini = check_column);

Test(column, blocks_nobody_wrote_to_do_not_exist) {
    cr_assert_eq(sh_column_set(&column, 200000, 7), SH_OK);
    cr_assert_null(sh_column_block(&column, 0));
    cr_assert_not_null(sh_column_block(&column, 3));
    cr_assert_null(sh_column_block(&column, 4));
    uint64_t words[SH_BLOCK_WORDS];
    sh_column_range(&column, 0, INT64_MIN, INT64_MAX, words);
    cr_assert_eq(words[0], 0);
    sh_column_present(&column, 3, words);
    cr_assert_eq(words[(200000 % 65536) / 64], UINT64_C(1) << (200000 % 64));
    cr_assert_eq(column.present_count, 1);
}

Test(column, slices_come_with_the_second_range_and_go_with_a_write) {
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++)
        cr_assert_eq(sh_column_set(&column, slot, slot * 7 % 100001), SH_OK);
    uint64_t words[SH_BLOCK_WORDS];
    sh_column_range(&column, 0, 20001, 50000, words);
    cr_assert_eq(column.slice_bytes, 0);
    uint64_t again[SH_BLOCK_WORDS];
    sh_column_range(&column, 0, 20001, 50000, again);
    cr_assert_eq(column.slice_bytes, 17 * SH_BLOCK_BYTES);
    cr_assert_eq(memcmp(words, again, sizeof words), 0);
    cr_assert_eq(sh_column_set(&column, 5, 1), SH_OK);
    cr_assert_eq(column.slice_bytes, 0);
}

Test(column, slices_that_writes_drop_early_wait_longer_each_time) {
    for (uint32_t slot = 0; slot < SH_BLOCK_SLOTS; slot++)
        cr_assert_eq(sh_column_set(&column, slot, slot * 7 % 100001), SH_OK);
    uint64_t words[SH_BLOCK_WORDS];
    uint32_t built = 0;
    for (uint32_t turn = 0; turn < 100; turn++) {
        for (uint32_t scan = 0; scan < 3; scan++)
            sh_column_range(&column, 0, 20001, 50000, words);
        built += column.slice_bytes > 0;
        cr_assert_eq(sh_column_set(&column, turn, 1), SH_OK);
    }
    cr_assert_lt(built, 3, "three scans between two writes do not pay for slices");
    for (uint32_t scan = 0; scan < 64; scan++)
        sh_column_range(&column, 0, 20001, 50000, words);
    cr_assert_gt(column.slice_bytes, 0, "sixty-four do");
}

Test(column, slices_stay_under_their_budget) {
    column.slice_bytes_max = 17 * SH_BLOCK_BYTES;
    for (uint32_t slot = 0; slot < 2 * SH_BLOCK_SLOTS; slot++)
        cr_assert_eq(sh_column_set(&column, slot, slot * 7 % 100001), SH_OK);
    uint64_t words[SH_BLOCK_WORDS];
    for (uint32_t i = 0; i < 6; i++)
        sh_column_range(&column, i % 2, 20001, 50000, words);
    cr_assert_eq(column.slice_bytes, 17 * SH_BLOCK_BYTES);
    sh_column_drop_slices(&column);
    cr_assert_eq(column.slice_bytes, 0);
}

/* ---- Dictionaries ---- */

Test(dictionary, codes_are_dense_in_order_of_first_sight) {
    struct sh_dictionary dictionary;
    sh_dictionary_init(&dictionary, 100);
    uint32_t code;
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("成都"), &code, NULL), SH_OK);
    cr_assert_eq(code, 0);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL(""), &code, NULL), SH_OK);
    cr_assert_eq(code, 1);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("成都"), &code, NULL), SH_OK);
    cr_assert_eq(code, 0);
    cr_assert_eq(sh_dictionary_find(&dictionary, SH_TEXT_LITERAL("上海")), SH_CODE_NONE);
    cr_assert(sh_text_equal(sh_dictionary_text(&dictionary, 0), SH_TEXT_LITERAL("成都")));
    sh_dictionary_deinit(&dictionary);
}

Test(dictionary, refuses_what_is_too_long_not_utf8_or_too_much) {
    struct sh_dictionary dictionary;
    sh_dictionary_init(&dictionary, 2);
    static char long_text[4097];
    memset(long_text, 'x', sizeof long_text);
    struct sh_error err;
    uint32_t code;
    cr_assert_eq(sh_dictionary_intern(&dictionary, (struct sh_text){long_text, 4097}, &code, &err), SH_ERR_TOO_LARGE);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("\xff"), &code, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("a\0b"), &code, &err), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_dictionary_count(&dictionary), 0);
    cr_assert_eq(sh_dictionary_intern(&dictionary, (struct sh_text){long_text, 4096}, &code, &err), SH_OK);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("a"), &code, &err), SH_OK);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("b"), &code, &err), SH_ERR_LIMIT);
    cr_assert_eq(sh_dictionary_intern(&dictionary, SH_TEXT_LITERAL("a"), &code, &err), SH_OK);
    cr_assert(sh_dictionary_check(&dictionary, NULL));
    sh_dictionary_deinit(&dictionary);
}

/* ---- The hash index ---- */

Test(hash_index, an_empty_index_owns_nothing_and_finds_nothing) {
    struct sh_hash_index index;
    sh_hash_index_init(&index);
    struct sh_hash_probe probe;
    cr_assert_eq(sh_hash_index_first(&index, 12345, &probe), SH_HASH_INDEX_NONE);
    cr_assert_eq(sh_hash_index_next(&probe), SH_HASH_INDEX_NONE);
    cr_assert_eq(sh_hash_index_memory_bytes(&index), 0);
    cr_assert_not(sh_hash_index_remove(&index, 12345, 1));
    sh_hash_index_deinit(&index);
}

Test(hash_index, tags_that_are_all_the_same_end_in_a_limit_not_in_a_huge_directory) {
    struct sh_hash_index index;
    sh_hash_index_init(&index);
    uint32_t value = 0;
    while (sh_hash_index_insert(&index, 42, value) == SH_OK)
        value++;
    cr_assert_gt(value, 50000);
    cr_assert_lt(sh_hash_index_memory_bytes(&index), 2 << 20);
    cr_assert(sh_hash_index_check(&index, NULL));
    sh_hash_index_deinit(&index);
}

/* The first chunk has 256 bytes and a link in front, and a text of 247 to 254 bytes takes 256: a dictionary whose first
 * text was so long wrote 8 bytes past its chunk. Found by archive_fuzz. */
Test(dictionary, regression_the_first_text_fills_more_than_the_first_chunk) {
    char bytes[300];
    memset(bytes, 'x', sizeof bytes);
    for (uint32_t count = 230; count < 300; count++) {
        struct sh_dictionary dictionary;
        uint32_t code;
        sh_dictionary_init(&dictionary, 100);
        for (uint32_t i = 0; i < 3; i++) {
            bytes[0] = (char)('a' + i);
            cr_assert_eq(sh_dictionary_intern(&dictionary, (struct sh_text){bytes, count}, &code, NULL), SH_OK);
            cr_assert_leq(dictionary.chunk_used, dictionary.chunk_capacity);
        }
        cr_assert(sh_dictionary_check(&dictionary, NULL));
        sh_dictionary_deinit(&dictionary);
    }
    cr_assert(sh_memory_bytes() == 0, "memory is left");
}
