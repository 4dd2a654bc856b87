#include <criterion/criterion.h>

#include "cursor.h"

static struct sh_cursor cursor_of(const char *bytes, size_t count) {
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, bytes, count);
    return cursor;
}
#define CURSOR(literal) cursor_of((literal), sizeof(literal) - 1)

static struct sh_value next(struct sh_cursor *cursor) {
    struct sh_value value;
    struct sh_error err = {0};
    enum sh_value_kind kind;
    cr_assert_eq(sh_cursor_peek(cursor, &kind, &err), SH_OK, "%s", err.message);
    cr_assert_eq(sh_cursor_next(cursor, &value, &err), SH_OK, "%s", err.message);
    cr_assert_eq(kind, value.kind, "peek says what next says");
    return value;
}

static void expect_refused(struct sh_cursor cursor, int64_t position, const char *words) {
    struct sh_error err = {0};
    const struct sh_cursor before = cursor;
    cr_assert_eq(sh_cursor_skip(&cursor, NULL, &err), SH_ERR_PROTOCOL);
    cr_assert_eq(err.position, position, "at %lld: %s", (long long)err.position, err.message);
    cr_assert_not_null(strstr(err.message, words), "%s", err.message);
    cr_assert_eq(cursor.at, before.at);
    cr_assert_eq(cursor.depth, before.depth);
}

Test(cursor, reads_every_form_of_integer) {
    static const int64_t wanted[] = {0,          127,  -1,     -32,         255,       65535,
                                     4294967295, -128, -32768, -2147483648, INT64_MIN, INT64_MAX};
    struct sh_cursor cursor = CURSOR("\x00\x7F\xFF\xE0\xCC\xFF\xCD\xFF\xFF\xCE\xFF\xFF\xFF\xFF\xD0\x80\xD1\x80\x00"
                                     "\xD2\x80\x00\x00\x00\xD3\x80\x00\x00\x00\x00\x00\x00\x00"
                                     "\xCF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xCF\x80\x00\x00\x00\x00\x00\x00\x00");
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        const struct sh_value value = next(&cursor);
        cr_assert_eq(value.kind, SH_VALUE_INT);
        cr_assert_eq(value.integer, wanted[i]);
    }
    const struct sh_value big = next(&cursor);
    cr_assert_eq(big.kind, SH_VALUE_UINT_BIG);
    cr_assert_eq(big.big, UINT64_C(1) << 63);
    cr_assert(sh_cursor_at_end(&cursor));
}

Test(cursor, reads_nil_booleans_and_floats) {
    struct sh_cursor cursor = CURSOR("\xC0\xC2\xC3\xCA\x3F\xC0\x00\x00\xCB\xC0\x04\x00\x00\x00\x00\x00\x00");
    cr_assert_eq(next(&cursor).kind, SH_VALUE_NIL);
    cr_assert_eq(next(&cursor).boolean, false);
    cr_assert_eq(next(&cursor).boolean, true);
    cr_assert_eq(next(&cursor).real, 1.5);
    const struct sh_value value = next(&cursor);
    cr_assert_eq(value.kind, SH_VALUE_FLOAT);
    cr_assert_eq(value.real, -2.5);
    cr_assert_eq(value.offset, 8);
}

Test(cursor, texts_point_into_the_frame) {
    static const char bytes[] = "\xA2hi\xD9\x02yo\xDA\x00\x01z\xDB\x00\x00\x00\x01w\xC4\x02\x00\xFF\xC5\x00\x01q\xA0";
    struct sh_cursor cursor = CURSOR(bytes);
    struct sh_value value = next(&cursor);
    cr_assert_eq(value.kind, SH_VALUE_STR);
    cr_assert_eq(value.text.bytes, bytes + 1);
    cr_assert(sh_text_equal(value.text, SH_TEXT_LITERAL("hi")));
    cr_assert(sh_text_equal(next(&cursor).text, SH_TEXT_LITERAL("yo")));
    cr_assert(sh_text_equal(next(&cursor).text, SH_TEXT_LITERAL("z")));
    cr_assert(sh_text_equal(next(&cursor).text, SH_TEXT_LITERAL("w")));
    value = next(&cursor);
    cr_assert_eq(value.kind, SH_VALUE_BIN);
    cr_assert_eq(value.text.count, 2, "bin may hold any bytes");
    cr_assert_eq(next(&cursor).kind, SH_VALUE_BIN);
    cr_assert_eq(next(&cursor).text.count, 0);
    cr_assert(sh_cursor_at_end(&cursor));
}

Test(cursor, a_container_is_its_head_and_then_its_elements) {
    struct sh_cursor cursor = CURSOR("\x82\xA1k\x93\x01\x02\x03\x05\xC0\x07");
    struct sh_value value = next(&cursor);
    cr_assert_eq(value.kind, SH_VALUE_MAP);
    cr_assert_eq(value.count, 2);
    cr_assert_eq(next(&cursor).kind, SH_VALUE_STR);
    const uint8_t *begin;
    cr_assert_eq(sh_cursor_skip(&cursor, &begin, NULL), SH_OK);
    cr_assert_eq(*begin, 0x93);
    cr_assert_eq(next(&cursor).integer, 5);
    cr_assert_eq(next(&cursor).kind, SH_VALUE_NIL);
    cr_assert_eq(next(&cursor).integer, 7);
}

Test(cursor, refuses_lengths_that_the_bytes_cannot_hold) {
    expect_refused(CURSOR("\xDD\xFF\xFF\xFF\xFF"), 0, "4294967295 more bytes, but 0 are left");
    expect_refused(CURSOR("\xDF\x08\x00\x00\x00"), 0, "268435456 more bytes");
    expect_refused(CURSOR("\xDF\xFF\xFF\xFF\xFF\x01\x01"), 0, "8589934590 more bytes, but 2 are left");
    expect_refused(CURSOR("\xDB\xFF\xFF\xFF\xFFx"), 0, "4294967295 more bytes, but 1 are left");
    expect_refused(CURSOR("\xC6\xFF\xFF\xFF\xFF"), 0, "more bytes");
    expect_refused(CURSOR("\x92\x01"), 0, "2 more bytes");
    expect_refused(CURSOR("\x81\x01"), 0, "2 more bytes");
    expect_refused(CURSOR("\x92\x92\x01\x01"), 4, "the bytes end");
    expect_refused(CURSOR("\xCD\x01"), 0, "2 more bytes, but 1 are left");
    expect_refused(CURSOR(""), 0, "the bytes end");
    expect_refused(cursor_of(NULL, 0), 0, "the bytes end");
}

Test(cursor, refuses_what_is_not_a_plain_value) {
    expect_refused(CURSOR("\xC1"), 0, "0xc1");
    expect_refused(CURSOR("\x91\xD4\x01\x02"), 1, "ext");
    expect_refused(CURSOR("\xC7\x01\x05x"), 0, "ext");
    expect_refused(CURSOR("\xD6\xFF\x00\x00\x00\x00"), 0, "ext");
    expect_refused(CURSOR("\xCB\x7F\xF8\x00\x00\x00\x00\x00\x00"), 0, "not a number");
    expect_refused(CURSOR("\xCB\xFF\xF0\x00\x00\x00\x00\x00\x00"), 0, "infinite");
    expect_refused(CURSOR("\xCA\x7F\x80\x00\x00"), 0, "infinite");
    expect_refused(CURSOR("\x92\x01\xA2\xC3\x28"), 2, "UTF-8");
    expect_refused(CURSOR("\xA1\x00"), 0, "UTF-8");
    enum sh_value_kind kind;
    struct sh_cursor cursor = CURSOR("\xC9");
    cr_assert_eq(sh_cursor_peek(&cursor, &kind, NULL), SH_ERR_PROTOCOL);
    cursor = CURSOR("");
    cr_assert_eq(sh_cursor_peek(&cursor, &kind, NULL), SH_ERR_PROTOCOL);
}

Test(cursor, depth_is_bounded_from_where_the_reader_says_it_is) {
    char bytes[SH_MSGPACK_DEPTH_MAX + 2];
    memset(bytes, '\x91', sizeof bytes);
    bytes[SH_MSGPACK_DEPTH_MAX] = '\x01';
    struct sh_cursor cursor = cursor_of(bytes, SH_MSGPACK_DEPTH_MAX + 1);
    cr_assert_eq(sh_cursor_skip(&cursor, NULL, NULL), SH_OK, "as deep as allowed");
    cursor = cursor_of(bytes, SH_MSGPACK_DEPTH_MAX + 1);
    cursor.depth = 1;
    expect_refused(cursor, SH_MSGPACK_DEPTH_MAX - 1, "nested deeper than 80");
    bytes[SH_MSGPACK_DEPTH_MAX] = '\x91';
    bytes[SH_MSGPACK_DEPTH_MAX + 1] = '\x01';
    expect_refused(cursor_of(bytes, sizeof bytes), SH_MSGPACK_DEPTH_MAX, "nested deeper than 80");
    cursor = CURSOR("\x90");
    cursor.depth = SH_MSGPACK_DEPTH_MAX;
    struct sh_value value;
    cr_assert_eq(sh_cursor_next(&cursor, &value, NULL), SH_ERR_PROTOCOL);
}

Test(cursor, a_million_nested_heads_are_refused_at_once) {
    static char bytes[1000000];
    memset(bytes, '\x91', sizeof bytes);
    expect_refused(cursor_of(bytes, sizeof bytes), SH_MSGPACK_DEPTH_MAX, "nested");
    memset(bytes, '\x81', sizeof bytes);
    expect_refused(cursor_of(bytes, sizeof bytes), SH_MSGPACK_DEPTH_MAX, "nested");
}

Test(cursor, wanted_kinds_are_given_or_refused_in_words) {
    struct sh_cursor cursor = CURSOR("\xA2hi\x05\xC3\x93\x01\x02\x03\x81\x01\x02");
    struct sh_error err = {0};
    struct sh_text text;
    int64_t integer;
    bool boolean;
    uint32_t count;
    cr_assert_eq(sh_cursor_integer(&cursor, 0, 9, &integer, "the key `limit`", &err), SH_ERR_ARGUMENT);
    cr_assert_str_eq(err.message, "the key `limit` must be an int, but is a str");
    cr_assert_eq(err.position, 0);
    cr_assert_eq(sh_cursor_text(&cursor, &text, "a", NULL), SH_OK);
    cr_assert(sh_text_equal(text, SH_TEXT_LITERAL("hi")));
    cr_assert_eq(sh_cursor_integer(&cursor, 6, 9, &integer, "the key `limit`", &err), SH_ERR_ARGUMENT);
    cr_assert_str_eq(err.message, "the key `limit` must be from 6 to 9, but is 5");
    cr_assert_eq(err.position, 3);
    cr_assert_eq(sh_cursor_integer(&cursor, 5, 5, &integer, "a", NULL), SH_OK);
    cr_assert_eq(integer, 5);
    cr_assert_eq(sh_cursor_text(&cursor, &text, "a", NULL), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_cursor_boolean(&cursor, &boolean, "a", NULL), SH_OK);
    cr_assert(boolean);
    cr_assert_eq(sh_cursor_map(&cursor, &count, "a", NULL), SH_ERR_ARGUMENT);
    cr_assert_eq(sh_cursor_array(&cursor, &count, "a", NULL), SH_OK);
    cr_assert_eq(count, 3);
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(sh_cursor_skip(&cursor, NULL, NULL), SH_OK);
    cr_assert_eq(sh_cursor_map(&cursor, &count, "a", NULL), SH_OK);
    cr_assert_eq(count, 1);
    cr_assert_eq(sh_cursor_offset(&cursor), 10);
}

Test(cursor, a_number_above_int64_is_named_as_such) {
    struct sh_cursor cursor = CURSOR("\xCF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
    int64_t integer;
    struct sh_error err;
    cr_assert_eq(sh_cursor_integer(&cursor, INT64_MIN, INT64_MAX, &integer, "it", &err), SH_ERR_ARGUMENT);
    cr_assert_str_eq(err.message, "it must be an int, but is an int above 9223372036854775807");
}
