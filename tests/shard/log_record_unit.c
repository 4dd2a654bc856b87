/* Records of a shard's log: written and read back, and every way in which bytes can be no record. */
#include <criterion/criterion.h>

#include <stdlib.h>

#include "log_record.h"

static uint8_t bytes[4096];

/* A record with everything in it. */
static struct sh_log_record example(void) {
    static const uint8_t params[] = {0x81, 0xA1, 'x', 0x07};
    struct sh_log_record record = {.kind = SH_PART_EVERY, .number = 12};
    record.request = (struct sh_request){
        .method = sh_method_find(SH_TEXT_LITERAL("item.put"), NULL),
        .workspace = SH_TEXT_LITERAL("茶馆"),
        .client = SH_TEXT_LITERAL("till-7"),
        .seq = 41,
        .params = params,
        .params_count = sizeof params,
        .now_ms = 1760000000123,
        .id = 77,
    };
    return record;
}

static size_t write_record(const struct sh_log_record *record) {
    uint8_t head[SH_LOG_RECORD_HEAD_BYTES_MAX];
    const uint32_t head_bytes = sh_log_record_write(record, head);
    memcpy(bytes, head, head_bytes);
    memcpy(bytes + head_bytes, record->request.params, record->request.params_count);
    return head_bytes + record->request.params_count;
}

/* Read from memory of exactly that size, so that a sanitizer sees a byte too far. */
static enum sh_status read_record(size_t byte_count, struct sh_log_record *record, struct sh_error *err) {
    uint8_t *exact = malloc(byte_count + 1);
    memcpy(exact, bytes, byte_count);
    const enum sh_status status = sh_log_record_read(exact, byte_count, record, err);
    free(exact);
    return status;
}

Test(log_record, what_is_written_is_read) {
    const struct sh_log_record record = example();
    struct sh_log_record again;
    const size_t byte_count = write_record(&record);
    cr_assert_eq(sh_log_record_read(bytes, byte_count, &again, NULL), SH_OK);
    cr_assert_eq(again.kind, SH_PART_EVERY);
    cr_assert_eq(again.number, 12);
    cr_assert_eq(again.source, 0);
    cr_assert_eq(again.request.method, record.request.method);
    cr_assert(sh_text_equal(again.request.workspace, record.request.workspace));
    cr_assert(sh_text_equal(again.request.client, record.request.client));
    cr_assert_eq(again.request.seq, 41);
    cr_assert_eq(again.request.now_ms, 1760000000123);
    cr_assert_eq(again.request.id, 77);
    cr_assert_eq(again.request.params_count, record.request.params_count);
    cr_assert_eq(memcmp(again.request.params, record.request.params, again.request.params_count), 0);
}

/* The bytes of version 1, which must be read for ever. */
Test(log_record, version_1_is_these_bytes) {
    static const uint8_t golden[] = {
        1,   2,   11,  7,   0,   3,   0,   0,   0x7B, 0xC0, 0x2C, 0xC8, 0x99, 0x01, 0,   0, /* 1760000000123 */
        9,   0,   0,   0,   0,   0,   0,   0,   0,    0,    0,    0,    0,    0,    0,   0, /* id 9, no number */
        0,   0,   0,   0,   0,   0,   0,   0,   1,    0,    0,    0,    0,    0,    0,   0, /* no seq, 1 byte of params
                                                                                             */
        's', 'h', 'a', 'r', 'd', '.', 'l', 'e', 'a',  'r',  'n',  'd',  'e',  'f',  'a', 'u', 'l', 't', 0x80,
    };
    struct sh_log_record record;
    struct sh_error err;
    cr_assert_eq(sh_log_record_read(golden, sizeof golden, &record, &err), SH_OK, "%s", err.message);
    cr_assert_eq(record.kind, SH_PART_LESSON);
    cr_assert_eq(record.source, 3);
    cr_assert_eq(record.request.now_ms, 1760000000123);
    cr_assert_eq(record.request.id, 9);
    cr_assert_eq(record.request.seq, 0);
    cr_assert(sh_text_equal(record.request.workspace, SH_TEXT_LITERAL("default")));
    uint8_t head[SH_LOG_RECORD_HEAD_BYTES_MAX];
    cr_assert_eq(sh_log_record_write(&record, head), sizeof golden - 1);
    cr_assert_eq(memcmp(head, golden, sizeof golden - 1), 0);
}

Test(log_record, cut_short_or_too_long_is_no_record) {
    const struct sh_log_record record = example();
    const size_t byte_count = write_record(&record);
    struct sh_log_record again;
    for (size_t count = 0; count < byte_count; count++)
        cr_assert_eq(read_record(count, &again, NULL), SH_ERR_CORRUPT, "%zu bytes", count);
    cr_assert_eq(read_record(byte_count + 1, &again, NULL), SH_ERR_CORRUPT);
}

Test(log_record, a_later_version_or_an_unknown_method_is_said) {
    const struct sh_log_record record = example();
    struct sh_log_record again;
    struct sh_error err;
    const size_t byte_count = write_record(&record);
    bytes[0] = 2;
    cr_assert_eq(read_record(byte_count, &again, &err), SH_ERR_UNSUPPORTED);
    bytes[0] = 1;
    bytes[SH_LOG_RECORD_FIXED_BYTES] = 'j';
    cr_assert_eq(read_record(byte_count, &again, &err), SH_ERR_UNSUPPORTED);
    cr_assert_not_null(strstr(err.message, "jtem.put"));
    memcpy(bytes + SH_LOG_RECORD_FIXED_BYTES, "item.get", 8);
    cr_assert_eq(read_record(byte_count, &again, &err), SH_ERR_CORRUPT, "a question is not logged");
}

/* Any byte set to anything: read or refused, and what is read can be written again. */
Test(log_record, any_byte_may_be_wrong) {
    const struct sh_log_record record = example();
    const size_t byte_count = write_record(&record);
    for (size_t at = 0; at < byte_count; at++) {
        const uint8_t right = bytes[at];
        for (int value = 0; value < 256; value++) {
            struct sh_log_record again;
            uint8_t head[SH_LOG_RECORD_HEAD_BYTES_MAX];
            bytes[at] = (uint8_t)value;
            if (sh_log_record_read(bytes, byte_count, &again, NULL) != SH_OK) continue;
            const uint32_t head_bytes = sh_log_record_write(&again, head);
            cr_assert_eq(memcmp(head, bytes, head_bytes), 0, "byte %zu as %d", at, value);
        }
        bytes[at] = right;
    }
}
