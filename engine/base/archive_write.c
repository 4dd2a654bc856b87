/* archive_write.c -- sections cut into frames, frames gathered for the sink. */
#include "archive.h"

#include "archive_private.h"
#include "hash.h"
#include "memory.h"

/* ---- A buffer as a sink ---- */

static enum sh_status buffer_write(void *context, const void *bytes, size_t byte_count, struct sh_error *err) {
    struct sh_buffer *buffer = context;
    sh_buffer_append(buffer, bytes, byte_count);
    return sh_buffer_status(buffer, err);
}

struct sh_archive_sink sh_archive_to_buffer(struct sh_buffer *buffer) {
    return (struct sh_archive_sink){.context = buffer, .write = buffer_write};
}

/* ---- Frames ---- */

static void flush(struct sh_archive_writer *writer) {
    sh_assert(writer->frame == writer->at);
    if (sh_archive_writer_failed(writer) || writer->at == 0) return;
    struct sh_error error = {.position = -1};
    const enum sh_status status = writer->sink.write(writer->sink.context, writer->bytes, writer->at, &error);
    if (status != SH_OK) {
        writer->error = error;
        writer->error.status = status;
        return;
    }
    writer->byte_count += writer->at;
    writer->at = writer->frame = 0;
}

static bool frame_is_open(const struct sh_archive_writer *writer) {
    return writer->at != writer->frame;
}

/* A frame with room for some bytes. */
static void open_frame(struct sh_archive_writer *writer) {
    enum { ROOM_MIN = 32 };
    if (writer->at + sizeof(struct sh_archive_frame) + ROOM_MIN > SH_ARCHIVE_FRAME_BYTES_MAX) flush(writer);
    if (sh_archive_writer_failed(writer)) return;
    writer->at = writer->frame + sizeof(struct sh_archive_frame);
}

static void close_frame(struct sh_archive_writer *writer, uint8_t flags) {
    if (sh_archive_writer_failed(writer)) return;
    struct sh_archive_section *section = &writer->open[writer->depth - 1];
    struct sh_archive_frame frame = {
        .body_bytes = (uint32_t)(writer->at - writer->frame - sizeof frame),
        .number = writer->number++,
        .version = section->version,
        .depth = (uint8_t)(writer->depth - 1),
        .flags = (uint8_t)(flags | (section->is_first ? ARCHIVE_FIRST : 0)),
    };
    memcpy(frame.name, section->name, sizeof frame.name);
    uint8_t *bytes = writer->bytes + writer->frame;
    memcpy(bytes, &frame, sizeof frame);
    writer->checksum = sh_hash_bytes(bytes + sizeof frame.checksum, writer->at - writer->frame - sizeof frame.checksum,
                                     writer->checksum);
    memcpy(bytes, &writer->checksum, sizeof writer->checksum);
    section->is_first = false;
    writer->frame = writer->at;
}

/* ---- Life ---- */

void sh_archive_writer_init(struct sh_archive_writer *writer, struct sh_archive_sink sink) {
    *writer = (struct sh_archive_writer){.sink = sink, .checksum = ARCHIVE_SEED};
    writer->bytes = sh_alloc(SH_ARCHIVE_FRAME_BYTES_MAX);
    if (writer->bytes == NULL) (void)sh_fail(&writer->error, SH_ERR_MEMORY, -1, "no memory to write an archive");
    sh_archive_begin(writer, ARCHIVE_ROOT, SH_ARCHIVE_VERSION);
}

void sh_archive_writer_deinit(struct sh_archive_writer *writer) {
    sh_free(writer->bytes);
    writer->bytes = NULL;
}

enum sh_status sh_archive_finish(struct sh_archive_writer *writer, struct sh_error *err) {
    if (!sh_archive_writer_failed(writer)) {
        sh_assert(writer->depth == 1);
        sh_archive_end(writer);
        flush(writer);
    }
    if (err != NULL && sh_archive_writer_failed(writer)) *err = writer->error;
    return writer->error.status;
}

/* ---- Sections ---- */

void sh_archive_begin(struct sh_archive_writer *writer, const char *name, uint16_t version) {
    const size_t name_bytes = strlen(name);
    sh_assert(archive_name_is_good(name, name_bytes));
    sh_assert(version > 0);
    sh_assert(writer->depth < SH_ARCHIVE_DEPTH_MAX);
    if (writer->depth > 0) {
        if (!frame_is_open(writer) && writer->open[writer->depth - 1].is_first) open_frame(writer);
        if (frame_is_open(writer)) close_frame(writer, 0);
    }
    struct sh_archive_section *section = &writer->open[writer->depth++];
    *section = (struct sh_archive_section){.version = version, .is_first = true};
    memcpy(section->name, name, name_bytes);
}

void sh_archive_end(struct sh_archive_writer *writer) {
    sh_assert(writer->depth > 0);
    if (!frame_is_open(writer)) open_frame(writer);
    close_frame(writer, ARCHIVE_LAST);
    writer->depth--;
}

/* ---- Content ---- */

void sh_archive_put(struct sh_archive_writer *writer, const void *bytes, size_t byte_count) {
    const uint8_t *from = bytes;
    while (byte_count > 0) {
        if (!frame_is_open(writer)) open_frame(writer);
        if (sh_archive_writer_failed(writer)) return;
        const size_t room = SH_ARCHIVE_FRAME_BYTES_MAX - writer->at;
        const size_t step = byte_count < room ? byte_count : room;
        memcpy(writer->bytes + writer->at, from, step);
        writer->at += step;
        from += step;
        byte_count -= step;
        if (step < room) continue;
        close_frame(writer, 0);
        flush(writer);
    }
}

static inline void put_small(struct sh_archive_writer *writer, const void *bytes, size_t byte_count) {
    if (frame_is_open(writer) && writer->at + byte_count < SH_ARCHIVE_FRAME_BYTES_MAX) {
        memcpy(writer->bytes + writer->at, bytes, byte_count);
        writer->at += byte_count;
        return;
    }
    sh_archive_put(writer, bytes, byte_count);
}

void sh_archive_put_u8(struct sh_archive_writer *writer, uint8_t value) {
    put_small(writer, &value, sizeof value);
}

void sh_archive_put_u16(struct sh_archive_writer *writer, uint16_t value) {
    put_small(writer, &value, sizeof value);
}

void sh_archive_put_u32(struct sh_archive_writer *writer, uint32_t value) {
    put_small(writer, &value, sizeof value);
}

void sh_archive_put_u64(struct sh_archive_writer *writer, uint64_t value) {
    put_small(writer, &value, sizeof value);
}

void sh_archive_put_i64(struct sh_archive_writer *writer, int64_t value) {
    put_small(writer, &value, sizeof value);
}

void sh_archive_put_text(struct sh_archive_writer *writer, struct sh_text text) {
    sh_archive_put_u32(writer, text.count);
    if (text.count > 0) sh_archive_put(writer, text.bytes, text.count);
}
