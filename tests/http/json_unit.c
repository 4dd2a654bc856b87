#include <criterion/criterion.h>

#include "json.h"
#include "json_check.h"

/* JSON to MessagePack and back to JSON. */
static void expect_back(const char *json, const char *back) {
    struct sh_buffer msgpack, written;
    struct sh_cursor cursor;
    struct sh_error err;
    sh_buffer_init(&msgpack, 1 << 20);
    sh_buffer_init(&written, 1 << 20);
    cr_assert_eq(sh_json_read(sh_text_of(json), &msgpack, &err), SH_OK, "%s: %s", json, err.message);
    sh_cursor_init(&cursor, msgpack.bytes, msgpack.count);
    cr_assert_eq(sh_json_write(&cursor, &written, &err), SH_OK);
    cr_assert(sh_cursor_at_end(&cursor));
    cr_assert(sh_text_equal((struct sh_text){(const char *)written.bytes, (uint32_t)written.count}, sh_text_of(back)),
              "%s became %.*s", json, (int)written.count, (const char *)written.bytes);
    cr_assert_null(json_check_text((const uint8_t *)json, strlen(json)));
    sh_buffer_deinit(&msgpack);
    sh_buffer_deinit(&written);
}

static void expect_written(const char *msgpack, size_t byte_count, const char *json) {
    struct sh_buffer written;
    struct sh_cursor cursor;
    sh_buffer_init(&written, 1 << 20);
    sh_cursor_init(&cursor, msgpack, byte_count);
    cr_assert_eq(sh_json_write(&cursor, &written, NULL), SH_OK);
    cr_assert(sh_text_equal((struct sh_text){(const char *)written.bytes, (uint32_t)written.count}, sh_text_of(json)),
              "%.*s", (int)written.count, (const char *)written.bytes);
    sh_buffer_deinit(&written);
}

Test(json, values_go_there_and_back) {
    expect_back(" { \"a\" : [ 1 , true , false , null ] , \"b\" : { } } ", "{\"a\":[1,true,false,null],\"b\":{}}");
    expect_back("\"会员 \\u91d1\\u5361 \\ud83d\\udc1f\"", "\"会员 金卡 🐟\"");
    expect_back("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u001f\\u007f\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u001f\x7f\"");
    expect_back("[[], [[]], {\"\": \"\"}]", "[[],[[]],{\"\":\"\"}]");
}

Test(json, names_that_stand_twice_are_passed_on) {
    expect_back("{\"a\": 1, \"a\": 2}", "{\"a\":1,\"a\":2}");
}

Test(json, integers_are_exact_and_beyond_53_bits_are_strings_of_digits) {
    expect_back("[0, -0, 9007199254740991, -9007199254740991]", "[0,0,9007199254740991,-9007199254740991]");
    expect_back("[9007199254740992, -9007199254740992]", "[\"9007199254740992\",\"-9007199254740992\"]");
    expect_back("[9223372036854775807, -9223372036854775808, 18446744073709551615]",
                "[\"9223372036854775807\",\"-9223372036854775808\",\"18446744073709551615\"]");
}

Test(json, reals_are_the_shortest_that_read_back_and_look_like_reals) {
    expect_back("[1.0, 12.50, 0.1, 1e2, -2.5e-7, 1e300]", "[1.0,12.5,0.1,100.0,-2.5e-07,1e+300]");
    expect_back("0.30000000000000004", "0.30000000000000004");
}

Test(json, bytes_are_base64_and_other_names_are_their_text) {
    expect_written("\xC4\x00", 2, "\"\"");
    expect_written("\xC4\x01\xFF", 3, "\"/w==\"");
    expect_written("\xC4\x02\xFF\x00", 4, "\"/wA=\"");
    expect_written("\xC4\x03\x00\x10\x83", 5, "\"ABCD\"");
    expect_written("\x82\x07\xC0\xC4\x01\xFF\xC3", 7, "{\"7\":null,\"/w==\":true}");
}

static void expect_refused(const char *json, int64_t position) {
    struct sh_buffer msgpack;
    struct sh_error err;
    sh_buffer_init(&msgpack, 1 << 20);
    sh_buffer_append(&msgpack, "x", 1);
    cr_assert_eq(sh_json_read(sh_text_of(json), &msgpack, &err), SH_ERR_PROTOCOL, "%s", json);
    cr_assert_eq(err.position, position, "%s: %lld, %s", json, (long long)err.position, err.message);
    cr_assert_eq(msgpack.count, 1, "nothing of it is left behind");
    sh_buffer_deinit(&msgpack);
}

Test(json, what_is_wrong_is_said_with_its_place) {
    expect_refused("", 0);
    expect_refused("[1,]", 3);
    expect_refused("[1 2]", 3);
    expect_refused("{\"a\" 1}", 5);
    expect_refused("{\"a\": 1,}", 8);
    expect_refused("{1: 2}", 1);
    expect_refused("\"abc", 4);
    expect_refused("\"a\nb\"", 2);
    expect_refused("\"\\x\"", 1);
    expect_refused("\"\\u12g4\"", 5);
    expect_refused("\"\\ud800\\u0041\"", 1);
    expect_refused("\"\\udc00\"", 1);
    expect_refused("\"a\\u0000\"", 2);
    expect_refused("18446744073709551616", 0);
    expect_refused("-9223372036854775809", 0);
    expect_refused("[1e400]", 1);
    expect_refused("1.", 2);
    expect_refused("-a", 1);
    expect_refused("007", 0);
    expect_refused("tru", 0);
    expect_refused("1 2", 2);
    expect_refused("\xEF\xBB\xBF{}", 0);
}

Test(json, depth_ends_where_it_ends_for_messagepack) {
    char text[2 * SH_MSGPACK_DEPTH_MAX + 3];
    memset(text, '[', SH_MSGPACK_DEPTH_MAX);
    memset(text + SH_MSGPACK_DEPTH_MAX, ']', SH_MSGPACK_DEPTH_MAX);
    text[2 * SH_MSGPACK_DEPTH_MAX] = '\0';
    expect_back(text, text);
    memset(text, '[', SH_MSGPACK_DEPTH_MAX + 1);
    expect_refused(text, SH_MSGPACK_DEPTH_MAX);
}

Test(json, an_answer_that_does_not_fit_is_a_limit_and_leaves_nothing) {
    struct sh_buffer json;
    struct sh_cursor cursor;
    sh_buffer_init(&json, 8);
    sh_cursor_init(&cursor, "\x93\xA5hello\xA5hello\xA5hello", 19);
    cr_assert_eq(sh_json_write(&cursor, &json, NULL), SH_ERR_LIMIT);
    cr_assert_eq(json.count, 0);
    cr_assert_eq(cursor.depth, 0);
    sh_buffer_deinit(&json);
}
