#include <criterion/criterion.h>

#include "bounds.h"
#include "cursor.h"
#include "frame.h"

static struct sh_buffer buffer;

static void setup(void) {
    sh_buffer_init(&buffer, 1 << 20);
}

static void teardown(void) {
    sh_buffer_deinit(&buffer);
}

TestSuite(frame, .init = setup, .fini = teardown);

static size_t scan_whole(const void *bytes, size_t byte_count, size_t limit_bytes, enum sh_status *status) {
    struct sh_frame_scan scan;
    struct sh_error err;
    size_t frame_bytes = 0;
    sh_frame_scan_init(&scan, limit_bytes);
    *status = sh_frame_scan(&scan, bytes, byte_count, &frame_bytes, &err);
    return frame_bytes;
}

#define BYTES(...) (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})

static enum sh_status read_bytes(const uint8_t *bytes, size_t byte_count, struct sh_frame *frame) {
    struct sh_error err;
    return sh_frame_read(bytes, byte_count, frame, &err);
}

/* ---- finding the end ---- */

Test(frame, a_message_cut_at_every_byte_is_found_when_its_last_byte_comes) {
    const uint8_t params[] = {0x81, 0xD9, 2, 'i', 'd', 0xDA, 0, 3, 'a', 'b', 'c'};
    sh_frame_write_request(&buffer, 70000, SH_TEXT_LITERAL("user.get"), params, sizeof params);
    const size_t whole = buffer.count;
    sh_buffer_append(&buffer, "\x94\x00", 2); /* the beginning of the next one */
    for (size_t cut = 0; cut <= buffer.count; cut++) {
        struct sh_frame_scan scan;
        size_t frame_bytes;
        sh_frame_scan_init(&scan, 1000);
        cr_assert_eq(sh_frame_scan(&scan, buffer.bytes, cut, &frame_bytes, NULL), SH_OK);
        cr_assert_eq(frame_bytes, cut >= whole ? whole : 0, "cut at %zu", cut);
        cr_assert_eq(sh_frame_scan(&scan, buffer.bytes, buffer.count, &frame_bytes, NULL), SH_OK);
        cr_assert_eq(frame_bytes, whole);
    }
}

Test(frame, each_byte_of_a_long_message_is_looked_at_once) {
    uint8_t bytes[4096];
    memset(bytes, 1, sizeof bytes);
    memcpy(bytes, (const uint8_t[]){0xDC, 0x0F, 0xFD}, 3); /* an array of 4093 small integers */
    struct sh_frame_scan scan;
    sh_frame_scan_init(&scan, sizeof bytes);
    size_t frame_bytes;
    for (size_t count = 1; count <= sizeof bytes; count++) {
        const size_t before = scan.scanned_bytes;
        cr_assert_eq(sh_frame_scan(&scan, bytes, count, &frame_bytes, NULL), SH_OK);
        cr_assert_leq(scan.scanned_bytes - before, (size_t)3);
        if (count >= 3) cr_assert_eq(scan.scanned_bytes, count);
    }
    cr_assert_eq(frame_bytes, sizeof bytes);
}

Test(frame, five_bytes_that_promise_billions_are_refused_at_the_fifth) {
    enum sh_status status;
    static const uint8_t heads[] = {0xDD, 0xDF, 0xDB, 0xC6};
    for (size_t i = 0; i < sizeof heads; i++) {
        const uint8_t bytes[5] = {heads[i], 0x10, 0, 0, 0};
        cr_assert_eq(scan_whole(bytes, 4, SH_FRAME_BYTES_MAX, &status), (size_t)0);
        cr_assert_eq(status, SH_OK);
        cr_assert_eq(scan_whole(bytes, 5, SH_FRAME_BYTES_MAX, &status), (size_t)0);
        cr_assert_eq(status, SH_ERR_TOO_LARGE);
    }
}

Test(frame, nested_promises_add_up_to_the_limit) {
    enum sh_status status;
    uint8_t bytes[93];
    for (size_t i = 0; i < sizeof bytes; i += 3)
        memcpy(bytes + i, (const uint8_t[]){0xDC, 0xFF, 0xFF}, 3);
    (void)scan_whole(bytes, sizeof bytes, 1 << 20, &status);
    cr_assert_eq(status, SH_ERR_TOO_LARGE);
}

Test(frame, a_message_of_exactly_the_limit_is_taken_and_one_byte_more_is_not) {
    enum sh_status status;
    uint8_t bytes[100] = {0xC4, 98};
    cr_assert_eq(scan_whole(bytes, sizeof bytes, 100, &status), (size_t)100);
    cr_assert_eq(status, SH_OK);
    (void)scan_whole(bytes, sizeof bytes, 99, &status);
    cr_assert_eq(status, SH_ERR_TOO_LARGE);
}

Test(frame, ext_types_and_the_unused_byte_are_refused) {
    enum sh_status status;
    static const uint8_t heads[] = {0xC1, 0xC7, 0xC8, 0xC9, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8};
    for (size_t i = 0; i < sizeof heads; i++) {
        (void)scan_whole(&heads[i], 1, 1000, &status);
        cr_assert_eq(status, SH_ERR_PROTOCOL, "%02x", heads[i]);
    }
}

/* ---- reading and writing ---- */

Test(frame, a_request_that_is_written_is_read_back) {
    const uint8_t params[] = {0x81, 0xA2, 'i', 'd', 0x07};
    static const uint32_t msgids[] = {0, 127, 128, 255, 256, 65535, 65536, UINT32_MAX};
    for (size_t i = 0; i < sizeof msgids / sizeof msgids[0]; i++) {
        sh_buffer_clear(&buffer);
        sh_frame_write_request(&buffer, msgids[i], SH_TEXT_LITERAL("user.get"), params, sizeof params);
        enum sh_status status;
        cr_assert_eq(scan_whole(buffer.bytes, buffer.count, 1000, &status), buffer.count);
        struct sh_frame frame;
        cr_assert_eq(read_bytes(buffer.bytes, buffer.count, &frame), SH_OK);
        cr_assert_eq(frame.kind, SH_FRAME_REQUEST);
        cr_assert_eq(frame.msgid, msgids[i]);
        cr_assert(sh_text_equal(frame.method, SH_TEXT_LITERAL("user.get")));
        cr_assert_eq(frame.params_bytes, sizeof params);
        cr_assert_arr_eq(frame.params, params, sizeof params);
    }
}

Test(frame, a_notice_that_is_written_is_read_back) {
    sh_frame_write_notice(&buffer, SH_TEXT_LITERAL("x"), "\x80", 1);
    struct sh_frame frame;
    cr_assert_eq(read_bytes(buffer.bytes, buffer.count, &frame), SH_OK);
    cr_assert_eq(frame.kind, SH_FRAME_NOTICE);
    cr_assert_not(frame.has_msgid);
    cr_assert(sh_text_equal(frame.method, SH_TEXT_LITERAL("x")));
}

Test(frame, an_answer_carries_a_result_or_an_error) {
    struct sh_frame frame;
    sh_frame_write_answer(&buffer, 9);
    sh_buffer_append(&buffer, "\x81", 1);
    sh_frame_write_took(&buffer, 1234567);
    cr_assert_eq(read_bytes(buffer.bytes, buffer.count, &frame), SH_OK);
    cr_assert_eq(frame.kind, SH_FRAME_ANSWER);
    cr_assert_eq(frame.msgid, 9u);
    cr_assert_null(frame.error);
    struct sh_cursor cursor;
    struct sh_value value;
    sh_cursor_init(&cursor, frame.result, frame.result_bytes);
    cr_assert_eq(sh_cursor_next(&cursor, &value, NULL), SH_OK);
    cr_assert_eq(value.kind, SH_VALUE_MAP);
    cr_assert_eq(sh_cursor_next(&cursor, &value, NULL), SH_OK);
    cr_assert(sh_text_equal(value.text, SH_TEXT_LITERAL("took_us")));
    cr_assert_eq(sh_cursor_next(&cursor, &value, NULL), SH_OK);
    cr_assert_eq(value.integer, 1234567);

    struct sh_error sent;
    struct sh_error back;
    (void)sh_fail(&sent, SH_ERR_SYNTAX, 17, "a number is needed");
    (void)sh_fail_hint(&sent, SH_ERR_SYNTAX, "write one");
    sh_buffer_clear(&buffer);
    sh_frame_write_error(&buffer, 10, &sent);
    cr_assert_eq(read_bytes(buffer.bytes, buffer.count, &frame), SH_OK);
    cr_assert_null(frame.result);
    sh_frame_read_error(frame.error, frame.error_bytes, &back);
    cr_assert_eq(back.status, SH_ERR_SYNTAX);
    cr_assert_eq(back.position, 17);
    cr_assert_str_eq(back.message, sent.message);
    cr_assert_str_eq(back.hint, sent.hint);
}

Test(frame, an_error_of_another_make_still_becomes_words) {
    struct sh_error err;
    sh_frame_read_error((const uint8_t *)"\xA4"
                                         "oops",
                        5, &err);
    cr_assert_eq(err.status, SH_ERR_PROTOCOL);
    sh_frame_read_error((const uint8_t *)"\x82\xA1x\x91\x01\xA7message\xA2hi", 16, &err);
    cr_assert_eq(err.status, SH_ERR_PROTOCOL);
    cr_assert_str_eq(err.message, "hi");
}

Test(frame, empty_params_stand_for_an_empty_map) {
    struct sh_frame frame;
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 1, 0xA4, 'p', 'i', 'n', 'g', 0x90), &frame), SH_OK);
    cr_assert_eq(frame.params_bytes, (size_t)1);
    cr_assert_eq(frame.params[0], 0x80);
}

Test(frame, what_is_not_a_message_is_refused_and_its_msgid_is_known_when_it_was_read) {
    struct sh_frame frame;
    cr_assert_eq(read_bytes(BYTES('G'), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(read_bytes(BYTES(0x80), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(read_bytes(BYTES(0x91, 0x03), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(read_bytes(BYTES(0x93, 0, 1, 0xA1, 'x'), &frame), SH_ERR_PROTOCOL);          /* a request of three */
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 0xFF, 0xA1, 'x', 0x90), &frame), SH_ERR_PROTOCOL); /* msgid -1 */
    cr_assert_not(frame.has_msgid);
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 5, 0x01, 0x90), &frame), SH_ERR_PROTOCOL); /* the method is a number */
    cr_assert(frame.has_msgid);
    cr_assert_eq(frame.msgid, 5u);
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 6, 0xA1, 'x', 0x80), &frame), SH_ERR_PROTOCOL); /* params is a map */
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 7, 0xA1, 'x', 0x91, 0x01), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 8, 0xA1, 'x', 0x92, 0x80, 0x01), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 8, 0xA1, 'x', 0x92, 0x01, 0x80), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 8, 0xA1, 'x', 0x93, 0x80, 0x80, 0x80), &frame), SH_ERR_PROTOCOL);
    cr_assert_eq(frame.msgid, 8u);
}

Test(frame, a_second_map_is_the_envelope) {
    struct sh_frame frame;
    const uint8_t bytes[] = {0x94, 0, 8, 0xA1, 'x', 0x92, 0x81, 0x01, 0x02, 0x81, 0x03, 0x04};
    cr_assert_eq(read_bytes(bytes, sizeof bytes, &frame), SH_OK);
    cr_assert_eq(frame.params, bytes + 6);
    cr_assert_eq(frame.params_bytes, 3);
    cr_assert_eq(frame.envelope, bytes + 9);
    cr_assert_eq(frame.envelope_bytes, 3);
    cr_assert_eq(read_bytes(BYTES(0x94, 0, 8, 0xA1, 'x', 0x91, 0x80), &frame), SH_OK);
    cr_assert_null(frame.envelope);
}

Test(frame, a_buffer_that_is_full_notes_it) {
    struct sh_buffer small;
    sh_buffer_init(&small, 20);
    sh_frame_write_request(&small, 1, SH_TEXT_LITERAL("a.method.of.some.length"), "\x80", 1);
    cr_assert(small.failed);
    sh_buffer_deinit(&small);
}
