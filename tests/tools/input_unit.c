#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "input.h"
#include "memory.h"

struct bytes {
    char *bytes;
    size_t count;
    size_t capacity;
};

static void put(struct bytes *target, const void *bytes, size_t count) {
    if (target->count + count + 1 > target->capacity) {
        target->capacity = 2 * (target->count + count + 1);
        target->bytes = realloc(target->bytes, target->capacity);
    }
    memcpy(target->bytes + target->count, bytes, count);
    target->count += count;
    target->bytes[target->count] = '\0';
}

/* Compressible, and never the same for long. */
static struct bytes make_text(size_t byte_count) {
    struct bytes text = {0};
    char line[64];
    for (size_t i = 0; text.count < byte_count; i++)
        put(&text, line, (size_t)snprintf(line, sizeof line, "%zu,row %zu\n", i, i * i % 9973));
    text.count = byte_count;
    return text;
}

static void put_gzip(struct bytes *target, const void *bytes, size_t count) {
    z_stream stream = {0};
    const size_t room = count + count / 100 + 1000;
    Bytef *packed = malloc(room);
    cr_assert_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    union {
        const void *given;
        Bytef *kept;
    } source = {.given = bytes};
    stream.next_in = source.kept;
    stream.avail_in = (uInt)count;
    stream.next_out = packed;
    stream.avail_out = (uInt)room;
    cr_assert_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
    put(target, packed, room - stream.avail_out);
    (void)deflateEnd(&stream);
    free(packed);
}

static void put_zstd(struct bytes *target, const void *bytes, size_t count) {
    const size_t room = ZSTD_compressBound(count);
    char *packed = malloc(room);
    const size_t used = ZSTD_compress(packed, room, bytes, count, 3);
    cr_assert(!ZSTD_isError(used));
    put(target, packed, used);
    free(packed);
}

/* Everything that comes out, giving up some of it now and then, and how it ended. */
static enum sh_status read_all(struct input *input, struct bytes *result, struct sh_error *err) {
    bool at_end = false;
    enum sh_status status = SH_OK;
    for (uint32_t turn = 0; status == SH_OK && !at_end; turn++) {
        status = input_more(input, &at_end, err);
        size_t count;
        const char *at = input_at(input, &count);
        const size_t taken = turn % 3 == 0 ? count : count / 2;
        put(result, at, taken);
        input_advance(input, taken);
    }
    size_t count;
    const char *at = input_at(input, &count);
    put(result, at, count);
    return status;
}

static enum sh_status unpack(struct bytes packed, size_t piece_bytes, struct bytes *result, struct sh_error *err) {
    struct input *input;
    *result = (struct bytes){0};
    cr_assert_eq(input_open_memory(packed.bytes, packed.count, piece_bytes, &input, NULL), SH_OK);
    const enum sh_status status = read_all(input, result, err);
    input_close(input);
    return status;
}

static void expect_unpacked(struct bytes packed, struct bytes wanted) {
    static const size_t pieces[] = {0, 1, 7, 4096};
    for (size_t i = 0; i < 4; i++) {
        if (pieces[i] == 1 && packed.count > 100000) continue; /* a copy of the window for each byte */
        struct bytes result;
        struct sh_error err = {.message = ""};
        cr_assert_eq(unpack(packed, pieces[i], &result, &err), SH_OK, "%s", err.message);
        cr_assert_eq(result.count, wanted.count, "%zu bytes in pieces of %zu, not %zu", result.count, pieces[i],
                     wanted.count);
        if (wanted.count > 0) cr_assert_eq(memcmp(result.bytes, wanted.bytes, wanted.count), 0);
        free(result.bytes);
    }
}

Test(input, plain_bytes_come_as_they_are) {
    struct bytes text = make_text(50000);
    expect_unpacked(text, text);
    text.count = 1;
    expect_unpacked(text, text);
    free(text.bytes);
}

Test(input, nothing_ends_at_once) {
    const struct bytes nothing = {.bytes = ""};
    expect_unpacked(nothing, nothing);
}

Test(input, bytes_that_only_begin_like_a_packed_file_are_plain) {
    expect_unpacked((struct bytes){"\x1F", 1, 0}, (struct bytes){"\x1F", 1, 0});
    expect_unpacked((struct bytes){"\x28\xB5\x2F", 3, 0}, (struct bytes){"\x28\xB5\x2F", 3, 0});
    expect_unpacked((struct bytes){"\x28\xB5\x2F\xFC", 4, 0}, (struct bytes){"\x28\xB5\x2F\xFC", 4, 0});
}

Test(input, gzip_members_may_stand_end_to_end) {
    struct bytes text = make_text(200000);
    struct bytes packed = {0};
    put_gzip(&packed, text.bytes, 1000);
    put_gzip(&packed, "", 0);
    put_gzip(&packed, text.bytes + 1000, text.count - 1000);
    put_gzip(&packed, "", 0);
    expect_unpacked(packed, text);
    free(packed.bytes);
    free(text.bytes);
}

Test(input, an_empty_gzip_file_is_empty) {
    struct bytes packed = {0};
    put_gzip(&packed, "", 0);
    expect_unpacked(packed, (struct bytes){"", 0, 0});
    free(packed.bytes);
}

Test(input, zstd_frames_may_stand_end_to_end_and_be_skipped) {
    struct bytes text = make_text(200000);
    struct bytes packed = {0};
    put(&packed, "\x50\x2A\x4D\x18\x04\x00\x00\x00skip", 12);
    put_zstd(&packed, text.bytes, 1000);
    put_zstd(&packed, "", 0);
    put(&packed, "\x5F\x2A\x4D\x18\x00\x00\x00\x00", 8);
    put_zstd(&packed, text.bytes + 1000, text.count - 1000);
    expect_unpacked(packed, text);
    free(packed.bytes);
    free(text.bytes);
}

Test(input, what_unpacks_to_more_than_a_chunk_is_whole) {
    struct bytes text = {calloc(5 * INPUT_CHUNK_BYTES + 17, 1), 5 * INPUT_CHUNK_BYTES + 17, 0};
    struct bytes gzip = {0}, zstd = {0};
    put_gzip(&gzip, text.bytes, text.count);
    put_zstd(&zstd, text.bytes, text.count);
    expect_unpacked(gzip, text);
    expect_unpacked(zstd, text);
    free(gzip.bytes);
    free(zstd.bytes);
    free(text.bytes);
}

Test(input, every_cut_of_packed_data_is_damage_and_what_came_before_is_there) {
    struct bytes text = make_text(3000);
    for (uint32_t is_zstd = 0; is_zstd < 2; is_zstd++) {
        struct bytes packed = {0};
        if (is_zstd)
            put_zstd(&packed, text.bytes, text.count);
        else
            put_gzip(&packed, text.bytes, text.count);
        for (size_t cut = 4; cut < packed.count; cut++) {
            struct bytes result;
            struct sh_error err;
            cr_assert_eq(unpack((struct bytes){packed.bytes, cut, 0}, 0, &result, &err), SH_ERR_CORRUPT, "cut at %zu",
                         cut);
            cr_assert_not_null(strstr(err.message, "ends too early"), "%s", err.message);
            cr_assert_leq(result.count, text.count);
            if (result.count > 0) cr_assert_eq(memcmp(result.bytes, text.bytes, result.count), 0);
            free(result.bytes);
        }
        free(packed.bytes);
    }
    free(text.bytes);
}

Test(input, damage_inside_packed_data_is_found_by_its_checksum_or_before) {
    struct bytes text = make_text(3000);
    struct bytes packed = {0};
    put_gzip(&packed, text.bytes, text.count);
    for (size_t at = 10; at < packed.count; at++) {
        struct bytes result;
        struct sh_error err;
        if (at == packed.count - 9) continue; /* before the trailer of 8 bytes: its highest bits fill up the byte */
        packed.bytes[at] ^= 0x10;
        cr_assert_eq(unpack(packed, 0, &result, &err), SH_ERR_CORRUPT, "byte %zu", at);
        packed.bytes[at] ^= 0x10;
        free(result.bytes);
    }
    put(&packed, "garbage", 7);
    struct bytes result;
    cr_assert_eq(unpack(packed, 0, &result, NULL), SH_ERR_CORRUPT);
    cr_assert_eq(result.count, text.count);
    free(result.bytes);
    free(packed.bytes);
    free(text.bytes);
}

Test(input, files_are_read_and_their_faults_have_words) {
    char path[] = "/tmp/input_unit.XXXXXX";
    const int file = mkstemp(path);
    struct bytes text = make_text(3 * INPUT_CHUNK_BYTES);
    cr_assert_eq(write(file, text.bytes, text.count), (ssize_t)text.count);
    close(file);
    struct input *input;
    struct bytes result = {0};
    struct sh_error err;
    cr_assert_eq(input_open(path, &input, &err), SH_OK);
    cr_assert_eq(input_file_bytes(input), text.count);
    cr_assert_eq(read_all(input, &result, &err), SH_OK);
    cr_assert_eq(result.count, text.count);
    cr_assert_eq(memcmp(result.bytes, text.bytes, text.count), 0);
    cr_assert_eq(input_file_position(input), text.count);
    input_close(input);
    free(result.bytes);
    free(text.bytes);
    unlink(path);
    cr_assert_eq(input_open(path, &input, &err), SH_ERR_IO);
    cr_assert_not_null(strstr(err.message, "No such file"), "%s", err.message);
    cr_assert_eq(input_open("/tmp", &input, &err), SH_ERR_IO);
    cr_assert_not_null(strstr(err.message, "is a folder"), "%s", err.message);
    input_close(NULL);
}

Test(input, the_window_has_an_end) {
    const size_t byte_count = INPUT_WINDOW_BYTES_MAX + 1;
    char *bytes = calloc(byte_count, 1);
    struct input *input;
    struct sh_error err;
    bool at_end = false;
    cr_assert_eq(input_open_memory(bytes, byte_count, 0, &input, NULL), SH_OK);
    enum sh_status status = SH_OK;
    while (status == SH_OK && !at_end)
        status = input_more(input, &at_end, &err);
    cr_assert_eq(status, SH_ERR_TOO_LARGE);
    input_close(input);
    free(bytes);
}

Test(input, a_line_is_passed_over_however_long_it_is) {
    struct bytes text = {0};
    char *giant = calloc(1, 3000000);
    put(&text, giant, 3000000);
    put(&text, "\nnext\n", 6);
    for (size_t piece = 0; piece < 2000000; piece += 999999) {
        struct input *input;
        bool at_end = false;
        size_t count;
        cr_assert_eq(input_open_memory(text.bytes, text.count, piece, &input, NULL), SH_OK);
        cr_assert_eq(input_pass_line(input, &at_end, NULL), SH_OK);
        const char *at = input_at(input, &count);
        while (count < 5 && !at_end) {
            cr_assert_eq(input_more(input, &at_end, NULL), SH_OK);
            at = input_at(input, &count);
        }
        cr_assert_eq(memcmp(at, "next\n", 5), 0);
        cr_assert_eq(input_pass_line(input, &at_end, NULL), SH_OK);
        cr_assert_eq(input_pass_line(input, &at_end, NULL), SH_OK);
        cr_assert(at_end);
        input_close(input);
    }
    free(giant);
    free(text.bytes);
}

Test(input, memory_that_runs_out_is_an_error_each_time) {
    struct bytes text = make_text(100000);
    struct bytes packed = {0};
    put_gzip(&packed, text.bytes, text.count);
    for (uint64_t successes = 0;; successes++) {
        struct input *input = NULL;
        struct bytes result = {0};
        sh_memory_fail_after(successes);
        enum sh_status status = input_open_memory(packed.bytes, packed.count, 0, &input, NULL);
        if (status == SH_OK) status = read_all(input, &result, NULL);
        const bool failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        input_close(input);
        free(result.bytes);
        cr_assert_eq(status, failed ? SH_ERR_MEMORY : SH_OK);
        if (!failed) break;
    }
    free(packed.bytes);
    free(text.bytes);
}
