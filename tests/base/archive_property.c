/* archive_property.c -- random trees of sections with pieces of every length, written and read back by the same script,
 * through sources that give what they like. Run: archive_property SEED COUNT */
#include <stdio.h>
#include <stdlib.h>

#include "archive.h"
#include "memory.h"
#include "split_random.h"

enum { PIECE_BYTES_MAX = 600000 };

static uint8_t content[PIECE_BYTES_MAX];
static uint8_t found[PIECE_BYTES_MAX];

/* The same random numbers drive writer and reader. */
struct script {
    struct split_random rng;
    struct sh_archive_writer *writer; /* either ... */
    struct sh_archive_reader *reader; /* ... or */
    uint32_t step_count;
    bool differs;
};

static void piece(struct script *script) {
    const size_t count = split_length(&script->rng, split_one_in(&script->rng, 4) ? PIECE_BYTES_MAX : 4000);
    const uint8_t *from = content + split_below(&script->rng, PIECE_BYTES_MAX - count + 1);
    if (script->writer != NULL) {
        sh_archive_put(script->writer, from, count);
    } else {
        script->differs |= !sh_archive_get(script->reader, found, count);
        script->differs |= count > 0 && memcmp(found, from, count) != 0;
    }
}

static void number(struct script *script) {
    const uint64_t value = split_next(&script->rng);
    const uint64_t kind = split_below(&script->rng, 4);
    struct sh_archive_writer *writer = script->writer;
    struct sh_archive_reader *reader = script->reader;
    if (kind == 0 && writer != NULL)
        sh_archive_put_u8(writer, (uint8_t)value);
    else if (kind == 1 && writer != NULL)
        sh_archive_put_u16(writer, (uint16_t)value);
    else if (kind == 2 && writer != NULL)
        sh_archive_put_u32(writer, (uint32_t)value);
    else if (writer != NULL)
        sh_archive_put_u64(writer, value);
    else if (kind == 0)
        script->differs |= sh_archive_get_u8(reader) != (uint8_t)value;
    else if (kind == 1)
        script->differs |= sh_archive_get_u16(reader) != (uint16_t)value;
    else if (kind == 2)
        script->differs |= sh_archive_get_u32(reader) != (uint32_t)value;
    else
        script->differs |= sh_archive_get_u64(reader) != value;
}

static void section(struct script *script, uint32_t depth) {
    const uint64_t count = split_length(&script->rng, 30);
    for (uint64_t i = 0; i < count && script->step_count > 0 && !script->differs; i++) {
        script->step_count--;
        const uint64_t what = split_below(&script->rng, 8);
        if (what < 2) {
            piece(script);
        } else if (what < 7 || depth == SH_ARCHIVE_DEPTH_MAX) {
            number(script);
        } else {
            char name[SH_ARCHIVE_NAME_BYTES_MAX + 1] = {0};
            const uint64_t name_bytes = 1 + split_below(&script->rng, SH_ARCHIVE_NAME_BYTES_MAX);
            for (uint64_t k = 0; k < name_bytes; k++)
                name[k] = "abcxyz019_"[split_below(&script->rng, 10)];
            const uint16_t version = (uint16_t)(1 + split_below(&script->rng, 3));
            if (script->writer != NULL)
                sh_archive_begin(script->writer, name, version);
            else
                script->differs |= sh_archive_enter(script->reader, name, 3) != version;
            section(script, depth + 1);
            if (script->writer != NULL)
                sh_archive_end(script->writer);
            else
                sh_archive_leave(script->reader);
        }
    }
}

/* Gives between one byte and all that is asked for. */
struct moody {
    struct sh_archive_bytes bytes;
    struct split_random rng;
};

static enum sh_status moody_read(void *context, void *bytes, size_t byte_count, size_t *got, struct sh_error *err) {
    (void)err;
    struct moody *moody = context;
    const size_t left = moody->bytes.count - moody->bytes.at;
    if (byte_count > left) byte_count = left;
    *got = byte_count == 0 ? 0 : 1 + split_below(&moody->rng, byte_count);
    if (*got > 0) memcpy(bytes, moody->bytes.bytes + moody->bytes.at, *got);
    moody->bytes.at += *got;
    return SH_OK;
}

static bool round_trip(uint64_t seed, struct sh_buffer *buffer) {
    struct sh_archive_writer writer;
    struct sh_archive_reader reader;
    sh_buffer_clear(buffer);
    sh_archive_writer_init(&writer, sh_archive_to_buffer(buffer));
    struct script write = {.rng.state = seed, .writer = &writer, .step_count = 100};
    section(&write, 1);
    if (sh_archive_finish(&writer, NULL) != SH_OK) return false;
    sh_archive_writer_deinit(&writer);

    struct moody moody = {.bytes = {.bytes = buffer->bytes, .count = buffer->count}, .rng.state = seed};
    struct sh_error err;
    sh_archive_reader_init(&reader, (struct sh_archive_source){.context = &moody, .read = moody_read}, buffer->count);
    struct script read = {.rng.state = seed, .reader = &reader, .step_count = 100};
    section(&read, 1);
    const enum sh_status status = sh_archive_close(&reader, &err);
    sh_archive_reader_deinit(&reader);
    if (status != SH_OK) printf("%s\n", err.message);
    return status == SH_OK && !read.differs;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 500;
    printf("reproduce: ./archive_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)count);
    struct split_random rng = {seed};
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (uint8_t)split_next(&rng);
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, SIZE_MAX);
    uint64_t byte_count = 0;
    for (uint64_t i = 0; i < count; i++) {
        if (!round_trip(split_next(&rng), &buffer)) {
            printf("round %llu: what was read is not what was written\n", (unsigned long long)i);
            return 1;
        }
        byte_count += buffer.count;
    }
    printf("%llu archives, %llu bytes\n", (unsigned long long)count, (unsigned long long)byte_count);
    sh_buffer_deinit(&buffer);
    return 0;
}
