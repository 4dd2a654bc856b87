/* archive_read.c -- frames verified, then handed out piece by piece. */
#include "archive.h"

#include <stdarg.h>
#include <stdio.h>

#include "archive_private.h"
#include "hash.h"
#include "memory.h"

enum { READ_AHEAD_BYTES = 4 * SH_ARCHIVE_FRAME_BYTES_MAX };

/* ---- Bytes in memory as a source ---- */

static enum sh_status bytes_read(void *context, void *bytes, size_t byte_count, size_t *got, struct sh_error *err) {
    (void)err;
    struct sh_archive_bytes *from = context;
    const size_t left = from->count - from->at;
    *got = byte_count < left ? byte_count : left;
    if (*got > 0) memcpy(bytes, from->bytes + from->at, *got);
    from->at += *got;
    return SH_OK;
}

struct sh_archive_source sh_archive_from_bytes(struct sh_archive_bytes *bytes) {
    return (struct sh_archive_source){.context = bytes, .read = bytes_read};
}

/* ---- Failing ---- */

/* "users/column"; "archive" outside of all sections but the outermost. */
static void print_path(const struct sh_archive_reader *reader, char *path, size_t path_bytes) {
    size_t used = 0;
    path[0] = '\0';
    for (uint32_t i = 1; i < reader->depth; i++)
        used += (size_t)snprintf(path + used, path_bytes - used, "%s%.*s", i > 1 ? "/" : "", SH_ARCHIVE_NAME_BYTES_MAX,
                                 reader->open[i].name);
    if (used == 0) (void)snprintf(path, path_bytes, "archive");
}

static void stop(struct sh_archive_reader *reader) {
    reader->at = reader->end = NULL;
    reader->has_child = false;
}

static void fail_words(struct sh_archive_reader *reader, enum sh_status status, const char *words) {
    if (sh_archive_failed(reader)) return;
    char path[SH_ARCHIVE_DEPTH_MAX * (SH_ARCHIVE_NAME_BYTES_MAX + 1) + 1];
    print_path(reader, path, sizeof path);
    const uint64_t offset = sh_archive_offset(reader);
    (void)sh_fail(&reader->error, status, (int64_t)offset, "%s at byte %llu: %s", path, (unsigned long long)offset,
                  words);
    stop(reader);
}

enum sh_status sh_archive_refuse(struct sh_archive_reader *reader, const char *format, ...) {
    char words[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    fail_words(reader, SH_ERR_CORRUPT, words);
    return reader->error.status;
}

enum sh_status sh_archive_refuse_memory(struct sh_archive_reader *reader) {
    fail_words(reader, SH_ERR_MEMORY, "no memory to read it");
    return reader->error.status;
}

enum sh_status sh_archive_status(const struct sh_archive_reader *reader, struct sh_error *err) {
    if (err != NULL && sh_archive_failed(reader)) *err = reader->error;
    return reader->error.status;
}

uint64_t sh_archive_offset(const struct sh_archive_reader *reader) {
    return reader->offset - (uint64_t)(reader->end - reader->at);
}

uint64_t sh_archive_left(const struct sh_archive_reader *reader) {
    return reader->byte_count - sh_archive_offset(reader);
}

/* ---- Frames ---- */

/* At least `needed` bytes stand at bytes_at. Reads on, but never behind byte_count. */
static bool fill(struct sh_archive_reader *reader, size_t needed) {
    if (needed > reader->byte_count - reader->offset) {
        (void)sh_archive_refuse(reader, "the bytes end inside a frame");
        return false;
    }
    if (reader->bytes_at + needed > reader->bytes_capacity) {
        memmove(reader->bytes, reader->bytes + reader->bytes_at, reader->bytes_end - reader->bytes_at);
        reader->bytes_end -= reader->bytes_at;
        reader->bytes_at = 0;
    }
    while (reader->bytes_end - reader->bytes_at < needed) {
        const uint64_t read_so_far = reader->offset + (reader->bytes_end - reader->bytes_at);
        size_t wanted = reader->bytes_capacity - reader->bytes_end;
        if (wanted > reader->byte_count - read_so_far) wanted = (size_t)(reader->byte_count - read_so_far);
        size_t got = 0;
        struct sh_error error = {.position = -1};
        const enum sh_status status =
            reader->source.read(reader->source.context, reader->bytes + reader->bytes_end, wanted, &got, &error);
        if (status != SH_OK) {
            reader->error = error;
            reader->error.status = status;
            stop(reader);
            return false;
        }
        if (got == 0) {
            (void)sh_archive_refuse(reader, "the bytes end before the %llu that there should be",
                                    (unsigned long long)reader->byte_count);
            return false;
        }
        sh_assert(got <= wanted);
        reader->bytes_end += got;
    }
    return true;
}

/* The frame against the section that is open. */
static bool check_place(struct sh_archive_reader *reader, const struct sh_archive_frame *frame) {
    const bool is_first = (frame->flags & ARCHIVE_FIRST) != 0;
    if (frame->number != reader->number) {
        (void)sh_archive_refuse(reader, "frame %u stands where frame %u belongs", frame->number, reader->number);
    } else if ((frame->flags & ~(ARCHIVE_FIRST | ARCHIVE_LAST)) != 0) {
        (void)sh_archive_refuse(reader, "a frame with unknown flags");
    } else if (is_first) {
        const size_t name_bytes = strnlen(frame->name, SH_ARCHIVE_NAME_BYTES_MAX);
        static const char zeros[SH_ARCHIVE_NAME_BYTES_MAX];
        if (frame->depth != reader->depth || reader->depth == SH_ARCHIVE_DEPTH_MAX || frame->version == 0)
            (void)sh_archive_refuse(reader, "a section begins at the wrong depth, or without a version");
        else if (!archive_name_is_good(frame->name, name_bytes) ||
                 memcmp(frame->name + name_bytes, zeros, sizeof zeros - name_bytes) != 0)
            (void)sh_archive_refuse(reader, "a section's name is not one");
    } else {
        const struct sh_archive_section *section = &reader->open[reader->depth - 1];
        if (reader->depth == 0 || frame->depth != reader->depth - 1 || frame->version != section->version ||
            memcmp(frame->name, section->name, sizeof frame->name) != 0)
            (void)sh_archive_refuse(reader, "a frame of another section");
        else if (frame->body_bytes == 0 && (frame->flags & ARCHIVE_LAST) == 0)
            (void)sh_archive_refuse(reader, "a frame with nothing in it");
    }
    return !sh_archive_failed(reader);
}

/* The next frame becomes the current one. */
static bool fetch(struct sh_archive_reader *reader) {
    sh_assert(reader->at == reader->end && !reader->has_child);
    struct sh_archive_frame frame;
    if (sh_archive_failed(reader) || !fill(reader, sizeof frame)) return false;
    memcpy(&frame, reader->bytes + reader->bytes_at, sizeof frame);
    if (frame.body_bytes > SH_ARCHIVE_FRAME_BYTES_MAX - sizeof frame) {
        (void)sh_archive_refuse(reader, "a frame of %u bytes; the most is %zu", frame.body_bytes,
                                SH_ARCHIVE_FRAME_BYTES_MAX - sizeof frame);
        return false;
    }
    if (!fill(reader, sizeof frame + frame.body_bytes)) return false;
    const uint8_t *bytes = reader->bytes + reader->bytes_at;
    const size_t checked_bytes = sizeof frame - sizeof frame.checksum + frame.body_bytes;
    if (!reader->ignores_checksums &&
        frame.checksum != sh_hash_bytes(bytes + sizeof frame.checksum, checked_bytes, reader->checksum)) {
        (void)sh_archive_refuse(reader, "the checksum of frame %u and its %u bytes does not match", reader->number,
                                frame.body_bytes);
        return false;
    }
    if (!check_place(reader, &frame)) return false;
    reader->checksum = frame.checksum;
    reader->number++;
    reader->at = bytes + sizeof frame;
    reader->end = reader->at + frame.body_bytes;
    reader->bytes_at += sizeof frame + frame.body_bytes;
    reader->offset += sizeof frame + frame.body_bytes;
    if ((frame.flags & ARCHIVE_FIRST) != 0) {
        reader->has_child = true;
        reader->child = frame;
    } else {
        reader->open[reader->depth - 1].has_last = (frame.flags & ARCHIVE_LAST) != 0;
    }
    return true;
}

/* Is the section at its end, given that the current frame is used up? */
static bool is_last(const struct sh_archive_reader *reader) {
    return reader->depth > 0 && reader->open[reader->depth - 1].has_last;
}

/* Have bytes, a section, or the end at hand. */
static void look(struct sh_archive_reader *reader) {
    while (!sh_archive_failed(reader) && reader->at == reader->end && !reader->has_child && !is_last(reader))
        if (!fetch(reader)) return;
}

/* ---- Life ---- */

void sh_archive_reader_init(struct sh_archive_reader *reader, struct sh_archive_source source, uint64_t byte_count) {
    *reader = (struct sh_archive_reader){.source = source, .byte_count = byte_count, .checksum = ARCHIVE_SEED};
    reader->bytes_capacity = byte_count < READ_AHEAD_BYTES ? (size_t)byte_count : READ_AHEAD_BYTES;
    reader->bytes = sh_alloc(reader->bytes_capacity);
    if (reader->bytes == NULL) (void)sh_archive_refuse_memory(reader);
    (void)sh_archive_enter(reader, ARCHIVE_ROOT, SH_ARCHIVE_VERSION);
}

void sh_archive_reader_deinit(struct sh_archive_reader *reader) {
    sh_free(reader->bytes);
    reader->bytes = NULL;
    stop(reader);
}

enum sh_status sh_archive_close(struct sh_archive_reader *reader, struct sh_error *err) {
    if (!sh_archive_failed(reader)) {
        sh_assert(reader->depth == 1);
        sh_archive_leave(reader);
    }
    if (!sh_archive_failed(reader) && reader->offset != reader->byte_count)
        (void)sh_archive_refuse(reader, "%llu bytes follow the end",
                                (unsigned long long)(reader->byte_count - reader->offset));
    return sh_archive_status(reader, err);
}

/* ---- Sections ---- */

static bool child_is(const struct sh_archive_reader *reader, const char *name) {
    char padded[SH_ARCHIVE_NAME_BYTES_MAX] = {0};
    const size_t name_bytes = strlen(name);
    sh_assert(archive_name_is_good(name, name_bytes));
    memcpy(padded, name, name_bytes);
    return memcmp(padded, reader->child.name, sizeof padded) == 0;
}

static void push_child(struct sh_archive_reader *reader) {
    struct sh_archive_section *section = &reader->open[reader->depth++];
    *section = (struct sh_archive_section){
        .version = reader->child.version,
        .has_last = (reader->child.flags & ARCHIVE_LAST) != 0,
    };
    memcpy(section->name, reader->child.name, sizeof section->name);
    reader->has_child = false;
}

uint16_t sh_archive_enter(struct sh_archive_reader *reader, const char *name, uint16_t version_max) {
    look(reader);
    if (sh_archive_failed(reader)) return 0;
    if (!reader->has_child) {
        (void)sh_archive_refuse(reader, "the section \"%s\" is missing", name);
        return 0;
    }
    if (!child_is(reader, name)) {
        (void)sh_archive_refuse(reader, "the section \"%.*s\" stands where \"%s\" belongs", SH_ARCHIVE_NAME_BYTES_MAX,
                                reader->child.name, name);
        return 0;
    }
    push_child(reader);
    const uint16_t version = reader->open[reader->depth - 1].version;
    if (version <= version_max) return version;
    char words[80];
    (void)snprintf(words, sizeof words, "version %u is newer than this program, which knows up to %u", version,
                   version_max);
    fail_words(reader, SH_ERR_UNSUPPORTED, words);
    return 0;
}

void sh_archive_leave(struct sh_archive_reader *reader) {
    if (!sh_archive_at_end(reader))
        (void)sh_archive_refuse(reader, reader->has_child ? "a section that does not belong here"
                                                          : "bytes are left over at the end of the section");
    if (sh_archive_failed(reader)) return;
    reader->depth--;
}

bool sh_archive_at_end(struct sh_archive_reader *reader) {
    look(reader);
    return sh_archive_failed(reader) || (reader->at == reader->end && !reader->has_child);
}

bool sh_archive_comes(struct sh_archive_reader *reader, const char *name) {
    look(reader);
    return reader->has_child && child_is(reader, name);
}

void sh_archive_next_name(struct sh_archive_reader *reader, char *name) {
    look(reader);
    memset(name, 0, SH_ARCHIVE_NAME_BYTES_MAX + 1);
    if (reader->has_child) memcpy(name, reader->child.name, SH_ARCHIVE_NAME_BYTES_MAX);
}

bool sh_archive_enter_any(struct sh_archive_reader *reader) {
    look(reader);
    if (!reader->has_child) return false;
    push_child(reader);
    return true;
}

void sh_archive_pass(struct sh_archive_reader *reader) {
    look(reader);
    if (!reader->has_child) reader->at = reader->end;
}

void sh_archive_skip(struct sh_archive_reader *reader) {
    const uint32_t depth = reader->depth;
    while (!sh_archive_failed(reader) && reader->depth >= depth) {
        look(reader);
        if (reader->has_child)
            push_child(reader);
        else if (reader->at != reader->end)
            reader->at = reader->end;
        else if (!sh_archive_failed(reader))
            reader->depth--;
    }
}

/* ---- Content ---- */

bool sh_archive_get(struct sh_archive_reader *reader, void *target, size_t byte_count) {
    uint8_t *to = target;
    size_t left = byte_count;
    while (left > 0) {
        look(reader);
        if (reader->at == reader->end || reader->has_child) {
            (void)sh_archive_refuse(reader, "the section ends where %zu more bytes are due", left);
            memset(target, 0, byte_count);
            return false;
        }
        const size_t here = (size_t)(reader->end - reader->at);
        const size_t step = left < here ? left : here;
        memcpy(to, reader->at, step);
        reader->at += step;
        to += step;
        left -= step;
    }
    return !sh_archive_failed(reader);
}

static inline void get_small(struct sh_archive_reader *reader, void *target, size_t byte_count) {
    if (!reader->has_child && (size_t)(reader->end - reader->at) >= byte_count) {
        memcpy(target, reader->at, byte_count);
        reader->at += byte_count;
        return;
    }
    (void)sh_archive_get(reader, target, byte_count);
}

uint8_t sh_archive_get_u8(struct sh_archive_reader *reader) {
    uint8_t value;
    get_small(reader, &value, sizeof value);
    return value;
}

uint16_t sh_archive_get_u16(struct sh_archive_reader *reader) {
    uint16_t value;
    get_small(reader, &value, sizeof value);
    return value;
}

uint32_t sh_archive_get_u32(struct sh_archive_reader *reader) {
    uint32_t value;
    get_small(reader, &value, sizeof value);
    return value;
}

uint64_t sh_archive_get_u64(struct sh_archive_reader *reader) {
    uint64_t value;
    get_small(reader, &value, sizeof value);
    return value;
}

int64_t sh_archive_get_i64(struct sh_archive_reader *reader) {
    int64_t value;
    get_small(reader, &value, sizeof value);
    return value;
}

bool sh_archive_get_bool(struct sh_archive_reader *reader) {
    const uint8_t value = sh_archive_get_u8(reader);
    if (value > 1) (void)sh_archive_refuse(reader, "%u stands where 0 or 1 is due", value);
    return value == 1;
}

uint32_t sh_archive_get_count(struct sh_archive_reader *reader, uint32_t count_max, size_t element_bytes,
                              const char *what) {
    const uint32_t count = sh_archive_get_u32(reader);
    if (count > count_max)
        (void)sh_archive_refuse(reader, "%u %s; the most is %u", count, what, count_max);
    else if (element_bytes > 0 && count > sh_archive_left(reader) / element_bytes)
        (void)sh_archive_refuse(reader, "%u %s cannot stand in the %llu bytes that are left", count, what,
                                (unsigned long long)sh_archive_left(reader));
    else
        return count;
    return 0;
}

void *sh_archive_get_array(struct sh_archive_reader *reader, uint64_t count, size_t element_bytes) {
    sh_assert(element_bytes > 0);
    if (sh_archive_failed(reader)) return NULL;
    if (count > sh_archive_left(reader) / element_bytes) {
        (void)sh_archive_refuse(reader, "an array of %llu times %zu bytes cannot stand in the %llu bytes that are left",
                                (unsigned long long)count, element_bytes, (unsigned long long)sh_archive_left(reader));
        return NULL;
    }
    void *array = sh_alloc(count * element_bytes);
    if (array == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return NULL;
    }
    if (sh_archive_get(reader, array, count * element_bytes)) return array;
    sh_free(array);
    return NULL;
}

struct sh_text sh_archive_get_text(struct sh_archive_reader *reader, uint32_t bytes_max, const char *what) {
    const uint32_t count = sh_archive_get_u32(reader);
    if (count > bytes_max) (void)sh_archive_refuse(reader, "%s of %u bytes; the most is %u", what, count, bytes_max);
    const char *bytes = sh_archive_get_array(reader, count, 1);
    return (struct sh_text){.bytes = bytes, .count = bytes == NULL ? 0 : count};
}
