/* archive_unit.c -- sections, frames, and every way in which an archive can be wrong. */
#include <criterion/criterion.h>

#include "archive.h"
#include "hash.h"
#include "memory.h"

/* A small archive with all that there is: nesting, an empty section, numbers, texts, arrays. */
static void write_sample(struct sh_archive_writer *writer) {
    static const uint32_t numbers[3] = {7, 8, 9};
    sh_archive_begin(writer, "users", 3);
    sh_archive_put_u8(writer, 200);
    sh_archive_put_u16(writer, 60000);
    sh_archive_begin(writer, "column", 1);
    sh_archive_put_u32(writer, 3);
    sh_archive_put(writer, numbers, sizeof numbers);
    sh_archive_end(writer);
    sh_archive_begin(writer, "nothing", 1);
    sh_archive_end(writer);
    sh_archive_put_u64(writer, UINT64_MAX);
    sh_archive_put_i64(writer, INT64_MIN);
    sh_archive_end(writer);
    sh_archive_begin(writer, "names_12byte", 1);
    sh_archive_put_text(writer, SH_TEXT_LITERAL("成都"));
    sh_archive_put_text(writer, SH_TEXT_LITERAL(""));
    sh_archive_end(writer);
}

static enum sh_status read_sample(struct sh_archive_reader *reader) {
    bool is_same = sh_archive_enter(reader, "users", 3) == 3;
    is_same &= sh_archive_get_u8(reader) == 200 && sh_archive_get_u16(reader) == 60000;
    is_same &= sh_archive_enter(reader, "column", 1) == 1;
    const uint32_t count = sh_archive_get_count(reader, 10, sizeof(uint32_t), "numbers");
    uint32_t *numbers = sh_archive_get_array(reader, count, sizeof *numbers);
    is_same &= numbers != NULL && count == 3 && numbers[0] == 7 && numbers[2] == 9;
    sh_free(numbers);
    sh_archive_leave(reader);
    is_same &= sh_archive_comes(reader, "nothing") && !sh_archive_comes(reader, "anything");
    (void)sh_archive_enter(reader, "nothing", 1);
    sh_archive_leave(reader);
    is_same &= sh_archive_get_u64(reader) == UINT64_MAX && sh_archive_get_i64(reader) == INT64_MIN;
    sh_archive_leave(reader);
    (void)sh_archive_enter(reader, "names_12byte", 1);
    const struct sh_text city = sh_archive_get_text(reader, 64, "a name");
    const struct sh_text empty = sh_archive_get_text(reader, 64, "a name");
    is_same &= sh_text_equal(city, SH_TEXT_LITERAL("成都")) && empty.count == 0;
    sh_free((void *)(uintptr_t)city.bytes);
    sh_free((void *)(uintptr_t)empty.bytes);
    sh_archive_leave(reader);
    if (!is_same && !sh_archive_failed(reader)) (void)sh_archive_refuse(reader, "read something else");
    return sh_archive_status(reader, NULL);
}

static void sample(struct sh_buffer *buffer) {
    struct sh_archive_writer writer;
    sh_buffer_init(buffer, SIZE_MAX);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(buffer));
    write_sample(&writer);
    cr_assert_eq(sh_archive_finish(&writer, NULL), SH_OK);
    cr_assert_eq(writer.byte_count, buffer->count);
    sh_archive_writer_deinit(&writer);
}

static enum sh_status read_bytes(const void *bytes, size_t count, struct sh_error *err) {
    struct sh_archive_bytes source = {.bytes = bytes, .count = count};
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), count);
    enum sh_status status = read_sample(&reader);
    if (status == SH_OK)
        status = sh_archive_close(&reader, err);
    else
        (void)!sh_archive_status(&reader, err);
    sh_archive_reader_deinit(&reader);
    return status;
}

Test(archive, what_was_written_is_read) {
    struct sh_buffer buffer;
    struct sh_error err = {.status = SH_OK};
    sample(&buffer);
    cr_expect_eq(read_bytes(buffer.bytes, buffer.count, &err), SH_OK, "%s", err.message);
    sh_buffer_deinit(&buffer);
}

/* The format is kept for ever: if this fails, old snapshots can no longer be read. */
Test(archive, the_bytes_of_version_1_are_these) {
    struct sh_buffer buffer;
    sample(&buffer);
    cr_expect_eq(buffer.count, 273, "%zu", buffer.count);
    cr_expect_eq(sh_hash_bytes(buffer.bytes, buffer.count, 0), 0xdd87b5a2f62d8445, "%llx",
                 (unsigned long long)sh_hash_bytes(buffer.bytes, buffer.count, 0));
    sh_buffer_deinit(&buffer);
}

Test(archive, every_cut_is_seen) {
    struct sh_buffer buffer;
    sample(&buffer);
    for (size_t count = 0; count < buffer.count; count++)
        cr_assert_eq(read_bytes(buffer.bytes, count, NULL), SH_ERR_CORRUPT, "cut at %zu", count);
    sh_buffer_deinit(&buffer);
}

Test(archive, every_flipped_bit_is_seen) {
    struct sh_buffer buffer;
    sample(&buffer);
    for (size_t bit = 0; bit < buffer.count * 8; bit++) {
        buffer.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        struct sh_error err = {.status = SH_OK};
        cr_assert_eq(read_bytes(buffer.bytes, buffer.count, &err), SH_ERR_CORRUPT, "bit %zu", bit);
        cr_assert_leq((uint64_t)err.position, bit / 8, "bit %zu: the damage is not behind where it is told", bit);
        buffer.bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    sh_buffer_deinit(&buffer);
}

Test(archive, bytes_behind_the_end_are_seen) {
    struct sh_buffer buffer;
    struct sh_error err;
    sample(&buffer);
    sh_buffer_append(&buffer, "x", 1);
    cr_expect_eq(read_bytes(buffer.bytes, buffer.count, &err), SH_ERR_CORRUPT);
    cr_expect_str_eq(err.message, "archive at byte 273: 1 bytes follow the end");
    sh_buffer_deinit(&buffer);
}

Test(archive, a_frame_in_another_place_is_seen) {
    /* Two sections of equal length change places: each is whole in itself. */
    struct sh_buffer buffer;
    struct sh_archive_writer writer;
    sh_buffer_init(&buffer, SIZE_MAX);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(&buffer));
    for (uint32_t i = 0; i < 2; i++) {
        sh_archive_begin(&writer, "part", 1);
        sh_archive_put_u32(&writer, i);
        sh_archive_end(&writer);
    }
    cr_assert_eq(sh_archive_finish(&writer, NULL), SH_OK);
    sh_archive_writer_deinit(&writer);
    uint8_t part[36];
    memcpy(part, buffer.bytes + 32, 36);
    memcpy(buffer.bytes + 32, buffer.bytes + 68, 36);
    memcpy(buffer.bytes + 68, part, 36);
    struct sh_archive_bytes source = {.bytes = buffer.bytes, .count = buffer.count};
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), buffer.count);
    cr_expect_eq(sh_archive_enter(&reader, "part", 1), 0);
    cr_expect_eq(sh_archive_status(&reader, NULL), SH_ERR_CORRUPT);
    sh_archive_reader_deinit(&reader);
    sh_buffer_deinit(&buffer);
}

/* ---- What a reader asks for in vain ---- */

static struct sh_buffer asked;
static struct sh_archive_bytes asked_source;
static struct sh_archive_reader asked_reader;

static struct sh_archive_reader *begin_asking(void) {
    sample(&asked);
    asked_source = (struct sh_archive_bytes){.bytes = asked.bytes, .count = asked.count};
    sh_archive_reader_init(&asked_reader, sh_archive_from_bytes(&asked_source), asked.count);
    return &asked_reader;
}

static void expect_refusal(enum sh_status status, const char *words) {
    struct sh_error err = {.status = SH_OK};
    cr_expect_eq(sh_archive_status(&asked_reader, &err), status);
    cr_expect_str_eq(err.message, words);
    cr_expect_eq(sh_archive_get_u64(&asked_reader), 0, "what a failed reader gives is zero");
    cr_expect_null(sh_archive_get_array(&asked_reader, 0, 1));
    cr_expect(sh_archive_at_end(&asked_reader));
    sh_archive_leave(&asked_reader);
    sh_archive_skip(&asked_reader);
    cr_expect_eq(sh_archive_close(&asked_reader, &err), status, "and it stays with its first failure");
    cr_expect_str_eq(err.message, words);
    sh_archive_reader_deinit(&asked_reader);
    sh_buffer_deinit(&asked);
}

Test(archive, another_section_than_wanted) {
    (void)sh_archive_enter(begin_asking(), "items", 1);
    expect_refusal(SH_ERR_CORRUPT, "archive at byte 64: the section \"users\" stands where \"items\" belongs");
}

Test(archive, a_section_that_is_not_there) {
    struct sh_archive_reader *reader = begin_asking();
    (void)sh_archive_enter(reader, "users", 3);
    sh_archive_skip(reader);
    (void)sh_archive_enter(reader, "names_12byte", 1);
    (void)sh_archive_enter(reader, "more", 1);
    expect_refusal(SH_ERR_CORRUPT, "names_12byte at byte 227: the section \"more\" is missing");
}

Test(archive, a_version_from_the_future) {
    (void)sh_archive_enter(begin_asking(), "users", 2);
    expect_refusal(SH_ERR_UNSUPPORTED, "users at byte 64: version 3 is newer than this program, which knows up to 2");
}

Test(archive, more_bytes_than_the_section_has) {
    struct sh_archive_reader *reader = begin_asking();
    (void)sh_archive_enter(reader, "users", 3);
    cr_expect_eq(sh_archive_get_u64(reader), 0);
    expect_refusal(SH_ERR_CORRUPT, "users at byte 99: the section ends where 5 more bytes are due");
}

Test(archive, bytes_and_sections_left_over) {
    struct sh_archive_reader *reader = begin_asking();
    (void)sh_archive_enter(reader, "users", 3);
    (void)sh_archive_get_u8(reader);
    sh_archive_leave(reader);
    expect_refusal(SH_ERR_CORRUPT, "users at byte 65: bytes are left over at the end of the section");
    reader = begin_asking();
    (void)sh_archive_enter(reader, "users", 3);
    (void)sh_archive_get_u8(reader);
    (void)sh_archive_get_u16(reader);
    sh_archive_leave(reader);
    expect_refusal(SH_ERR_CORRUPT, "users at byte 99: a section that does not belong here");
}

Test(archive, counts_that_cannot_be) {
    struct sh_archive_reader *reader = begin_asking();
    (void)sh_archive_enter(reader, "users", 3);
    cr_expect_eq(sh_archive_get_count(reader, 10, 1, "rows"), 0);
    cr_expect(sh_archive_failed(reader));
    sh_archive_reader_deinit(reader);
    sh_buffer_deinit(&asked);

    const int64_t before = sh_memory_bytes();
    reader = begin_asking();
    (void)sh_archive_enter(reader, "users", 3);
    cr_expect_null(sh_archive_get_array(reader, UINT64_MAX / 2, 8), "and nothing was allocated for it");
    expect_refusal(SH_ERR_CORRUPT,
                   "users at byte 64: an array of 9223372036854775807 times 8 bytes cannot stand in the "
                   "209 bytes that are left");
    cr_expect_eq(sh_memory_bytes(), before);
}

Test(archive, names_for_a_dump) {
    struct sh_archive_reader *reader = begin_asking();
    char name[SH_ARCHIVE_NAME_BYTES_MAX + 1];
    sh_archive_next_name(reader, name);
    cr_expect_str_eq(name, "users");
    (void)sh_archive_enter(reader, "users", UINT16_MAX);
    sh_archive_next_name(reader, name);
    cr_expect_str_eq(name, "", "bytes come first");
    sh_archive_skip(reader);
    sh_archive_next_name(reader, name);
    cr_expect_str_eq(name, "names_12byte");
    (void)sh_archive_enter(reader, name, UINT16_MAX);
    sh_archive_skip(reader);
    sh_archive_next_name(reader, name);
    cr_expect_str_eq(name, "");
    cr_expect_eq(sh_archive_close(reader, NULL), SH_OK);
    sh_archive_reader_deinit(reader);
    sh_buffer_deinit(&asked);
}

/* ---- Listing ---- */

Test(archive, sections_are_listed_with_their_place_and_size) {
    static const struct sh_archive_entry expected[] = {{"users", 3, 0, 32, 163},
                                                       {"column", 1, 1, 67, 48},
                                                       {"nothing", 1, 1, 115, 32},
                                                       {"names_12byte", 1, 0, 195, 46}};
    struct sh_buffer buffer;
    struct sh_archive_entry *entries;
    uint32_t count;
    sample(&buffer);
    struct sh_archive_bytes source = {.bytes = buffer.bytes, .count = buffer.count};
    cr_assert_eq(sh_archive_list(sh_archive_from_bytes(&source), buffer.count, &entries, &count, NULL), SH_OK);
    cr_assert_eq(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        cr_expect_str_eq(entries[i].name, expected[i].name);
        cr_expect_eq(entries[i].version, expected[i].version);
        cr_expect_eq(entries[i].depth, expected[i].depth);
        cr_expect_eq(entries[i].offset, expected[i].offset, "%u: %llu", i, (unsigned long long)entries[i].offset);
        cr_expect_eq(entries[i].byte_count, expected[i].byte_count, "%u: %llu", i,
                     (unsigned long long)entries[i].byte_count);
    }
    sh_free(entries);
    sh_buffer_deinit(&buffer);
}

Test(archive, a_damaged_archive_is_listed_up_to_the_damage) {
    struct sh_buffer buffer;
    struct sh_archive_entry *entries;
    uint32_t count;
    struct sh_error err;
    sample(&buffer);
    buffer.bytes[200] ^= 4; /* in the head of "names_12byte" */
    struct sh_archive_bytes source = {.bytes = buffer.bytes, .count = buffer.count};
    cr_expect_eq(sh_archive_list(sh_archive_from_bytes(&source), buffer.count, &entries, &count, &err), SH_ERR_CORRUPT);
    cr_expect_eq(err.position, 195);
    cr_expect_eq(count, 3);
    sh_free(entries);
    sh_memory_fail_after(1);
    source.at = 0;
    cr_expect_eq(sh_archive_list(sh_archive_from_bytes(&source), buffer.count, &entries, &count, &err), SH_ERR_MEMORY);
    sh_memory_fail_after(UINT64_MAX);
    sh_free(entries);
    sh_buffer_deinit(&buffer);
}

/* ---- Sinks, sources and memory that fail ---- */

static enum sh_status refuse_write(void *context, const void *bytes, size_t byte_count, struct sh_error *err) {
    (void)bytes;
    size_t *room = context;
    if (byte_count > *room) return sh_fail(err, SH_ERR_IO, -1, "the disk is full");
    *room -= byte_count;
    return SH_OK;
}

Test(archive, a_sink_that_fails_is_told_at_the_end) {
    static uint8_t page[4096];
    size_t room = 3 * (size_t)SH_ARCHIVE_FRAME_BYTES_MAX;
    struct sh_archive_writer writer;
    struct sh_error err = {.status = SH_OK};
    sh_archive_writer_init(&writer, (struct sh_archive_sink){.context = &room, .write = refuse_write});
    sh_archive_begin(&writer, "pages", 1);
    for (uint32_t i = 0; i < 1000; i++) {
        sh_archive_put(&writer, page, sizeof page);
        sh_archive_put_u64(&writer, i);
    }
    sh_archive_end(&writer);
    cr_expect_eq(sh_archive_finish(&writer, &err), SH_ERR_IO);
    cr_expect_str_eq(err.message, "the disk is full");
    cr_expect_eq(writer.byte_count, 3 * (size_t)SH_ARCHIVE_FRAME_BYTES_MAX);
    sh_archive_writer_deinit(&writer);
}

static enum sh_status refuse_read(void *context, void *bytes, size_t byte_count, size_t *got, struct sh_error *err) {
    (void)context, (void)bytes, (void)byte_count, (void)got;
    return sh_fail(err, SH_ERR_IO, -1, "the disk is gone");
}

Test(archive, a_source_that_fails_is_told) {
    struct sh_archive_reader reader;
    struct sh_error err = {.status = SH_OK};
    sh_archive_reader_init(&reader, (struct sh_archive_source){.read = refuse_read}, 1000);
    cr_expect_eq(sh_archive_close(&reader, &err), SH_ERR_IO);
    cr_expect_str_eq(err.message, "the disk is gone");
    sh_archive_reader_deinit(&reader);
}

Test(archive, a_source_shorter_than_it_was_said_to_be_is_told) {
    struct sh_buffer buffer;
    struct sh_error err = {.status = SH_OK};
    sample(&buffer);
    struct sh_archive_bytes source = {.bytes = buffer.bytes, .count = buffer.count - 10};
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_archive_from_bytes(&source), buffer.count);
    cr_expect_eq(read_sample(&reader), SH_OK, "only the last frame is cut");
    cr_expect_eq(sh_archive_close(&reader, &err), SH_ERR_CORRUPT);
    cr_expect_str_eq(err.message, "archive at byte 241: the bytes end before the 273 that there should be");
    sh_archive_reader_deinit(&reader);
    sh_buffer_deinit(&buffer);
}

Test(archive, memory_that_is_out_is_told) {
    struct sh_buffer buffer;
    sample(&buffer);
    struct sh_archive_writer writer;
    sh_memory_fail_after(0);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(&buffer));
    write_sample(&writer);
    cr_expect_eq(sh_archive_finish(&writer, NULL), SH_ERR_MEMORY);
    sh_archive_writer_deinit(&writer);
    for (uint64_t successes = 0;; successes++) {
        sh_memory_fail_after(successes);
        const enum sh_status status = read_bytes(buffer.bytes, buffer.count, NULL);
        if (!sh_memory_failed()) break;
        cr_assert_eq(status, SH_ERR_MEMORY);
    }
    sh_memory_fail_after(UINT64_MAX);
    sh_buffer_deinit(&buffer);
}
