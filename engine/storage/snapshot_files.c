/* snapshot_files.c -- the bytes of one snapshot: writing it aside and publishing it, verifying, reading. */
#include "snapshot_files.h"

#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "log_files.h"
#include "memory.h"
#include "snapshot_private.h"

struct sh_snapshot_writer {
    XXH3_state_t hash; /* first: it wants an alignment of 64 */
    struct sh_disk *disk;
    char directory[SH_SNAPSHOT_PATH_BYTES_MAX];
    char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
    char path[SH_SNAPSHOT_PATH_BYTES_MAX]; /* of the file that is being written */
    int handle;
    uint8_t *buffer;
    size_t buffered;
    uint64_t written;
    struct sh_snapshot snapshot;
};

/* ---- writing ---- */

static void writer_free(struct sh_snapshot_writer *writer) {
    sh_log_buffer_free(writer->buffer);
    sh_free(writer);
}

enum sh_status sh_snapshot_begin(struct sh_disk *disk, const char *directory, uint64_t store, uint64_t sequence,
                                 int64_t time_ms, uint32_t shard_count, struct sh_snapshot_writer **writer,
                                 struct sh_error *err) {
    *writer = NULL;
    char name[SH_SNAPSHOT_ENTRY_BYTES];
    char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
    sh_snapshot_name(SH_SNAPSHOT_ASIDE, sequence, name);
    enum sh_status status = sh_snapshot_path(folder, directory, name, err);
    if (status != SH_OK) return status;
    if ((status = sh_disk_ensure_directory(disk, directory, err)) != SH_OK) return status;
    if ((status = sh_disk_make_directory(disk, folder, err)) != SH_OK) return status;
    struct sh_snapshot_writer *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a snapshot");
    made->disk = disk;
    made->handle = -1;
    memcpy(made->directory, directory, strlen(directory) + 1);
    memcpy(made->folder, folder, sizeof folder);
    made->snapshot =
        (struct sh_snapshot){.store = store, .sequence = sequence, .time_ms = time_ms, .shard_count = shard_count};
    made->buffer = sh_log_buffer_alloc(SH_SNAPSHOT_BUFFER_BYTES);
    if (made->buffer == NULL) {
        sh_snapshot_abandon(made);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a snapshot");
    }
    *writer = made;
    return SH_OK;
}

static enum sh_status buffer_flush(struct sh_snapshot_writer *writer, struct sh_error *err) {
    const size_t count = writer->buffered;
    if (count == 0) return SH_OK;
    XXH3_64bits_update(&writer->hash, writer->buffer, count);
    const uint64_t offset = writer->written;
    writer->written += count;
    writer->buffered = 0;
    return sh_disk_write(writer->disk, writer->path, writer->handle, writer->buffer, count, offset, err);
}

/* The file that is being written, if there is one, is complete. */
static enum sh_status file_end(struct sh_snapshot_writer *writer, struct sh_error *err) {
    if (writer->handle < 0) return SH_OK;
    enum sh_status status = buffer_flush(writer, err);
    if (status == SH_OK) status = sh_disk_sync(writer->disk, writer->path, writer->handle, err);
    const enum sh_status closed =
        sh_disk_close(writer->disk, writer->path, writer->handle, status == SH_OK ? err : NULL);
    writer->handle = -1;
    struct sh_snapshot_file *file = &writer->snapshot.files[writer->snapshot.file_count - 1];
    file->byte_count = writer->written;
    file->hash = XXH3_64bits_digest(&writer->hash);
    return status == SH_OK ? closed : status;
}

enum sh_status sh_snapshot_file(struct sh_snapshot_writer *writer, const char *name, uint64_t position,
                                struct sh_error *err) {
    sh_assert(writer->snapshot.file_count < SH_SNAPSHOT_FILE_COUNT_MAX);
    sh_assert(strlen(name) <= SH_SNAPSHOT_NAME_BYTES_MAX && strcmp(name, SH_SNAPSHOT_MANIFEST_NAME) != 0);
    enum sh_status status = file_end(writer, err);
    if (status != SH_OK) return status;
    if ((status = sh_snapshot_path(writer->path, writer->folder, name, err)) != SH_OK) return status;
    const unsigned flags = SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE | SH_IO_OPEN_EXCLUSIVE;
    if ((status = sh_disk_open(writer->disk, writer->path, flags, &writer->handle, err)) != SH_OK) return status;
    struct sh_snapshot_file *file = &writer->snapshot.files[writer->snapshot.file_count++];
    *file = (struct sh_snapshot_file){.position = position};
    memcpy(file->name, name, strlen(name));
    writer->written = 0;
    XXH3_64bits_reset(&writer->hash);
    return SH_OK;
}

enum sh_status sh_snapshot_write(struct sh_snapshot_writer *writer, const void *bytes, size_t count,
                                 struct sh_error *err) {
    sh_assert(writer->handle >= 0);
    const uint8_t *at = bytes;
    while (count > 0) {
        size_t part = SH_SNAPSHOT_BUFFER_BYTES - writer->buffered;
        if (part > count) part = count;
        memcpy(writer->buffer + writer->buffered, at, part);
        writer->buffered += part;
        at += part;
        count -= part;
        if (writer->buffered < SH_SNAPSHOT_BUFFER_BYTES) continue;
        const enum sh_status status = buffer_flush(writer, err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status sink_write(void *context, const void *bytes, size_t byte_count, struct sh_error *err) {
    return sh_snapshot_write(context, bytes, byte_count, err);
}

struct sh_archive_sink sh_snapshot_sink(struct sh_snapshot_writer *writer) {
    return (struct sh_archive_sink){.context = writer, .write = sink_write};
}

static enum sh_status manifest_store(struct sh_snapshot_writer *writer, struct sh_error *err) {
    uint8_t bytes[SH_SNAPSHOT_MANIFEST_BYTES_MAX];
    const size_t count = sh_snapshot_manifest_write(&writer->snapshot, bytes);
    enum sh_status status = sh_snapshot_path(writer->path, writer->folder, SH_SNAPSHOT_MANIFEST_NAME, err);
    if (status != SH_OK) return status;
    const unsigned flags = SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE | SH_IO_OPEN_EXCLUSIVE;
    if ((status = sh_disk_open(writer->disk, writer->path, flags, &writer->handle, err)) != SH_OK) return status;
    status = sh_disk_write(writer->disk, writer->path, writer->handle, bytes, count, 0, err);
    if (status == SH_OK) status = sh_disk_sync(writer->disk, writer->path, writer->handle, err);
    (void)sh_disk_close(writer->disk, writer->path, writer->handle, NULL);
    writer->handle = -1;
    return status;
}

static enum sh_status read_back(struct sh_snapshot_writer *writer, struct sh_error *err) {
    struct sh_snapshot *stored = sh_alloc(sizeof *stored);
    if (stored == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to verify a snapshot");
    enum sh_status status = sh_snapshot_manifest_load(writer->disk, writer->folder, stored, err);
    if (status == SH_OK) status = sh_snapshot_verify_folder(writer->disk, writer->folder, stored, err);
    sh_free(stored);
    return status;
}

/* All but the newest valid ones, and those that were found damaged: from now on they are not needed. */
static void remove_old(struct sh_disk *disk, const char *directory) {
    struct sh_snapshot_names names;
    struct sh_snapshot *kept = sh_alloc(SH_SNAPSHOT_KEEP_COUNT * sizeof *kept);
    uint32_t kept_count = 0;
    uint64_t oldest = 0;
    if (kept != NULL && sh_snapshot_list(disk, directory, kept, SH_SNAPSHOT_KEEP_COUNT, &kept_count, NULL) == SH_OK &&
        kept_count == SH_SNAPSHOT_KEEP_COUNT)
        oldest = kept[kept_count - 1].sequence;
    sh_free(kept);
    if (sh_snapshot_names_read(disk, directory, &names, NULL) == SH_OK) {
        for (uint32_t i = 0; i < names.count; i++) {
            enum sh_snapshot_state state;
            uint64_t sequence;
            if (!sh_snapshot_name_read(names.names[i], &state, &sequence)) continue;
            if (state == SH_SNAPSHOT_WHOLE && sequence >= oldest) continue;
            (void)!sh_snapshot_remove(disk, directory, state, sequence, NULL);
        }
    }
    sh_free(names.names);
}

enum sh_status sh_snapshot_publish(struct sh_snapshot_writer *writer, struct sh_snapshot *snapshot,
                                   struct sh_error *err) {
    struct sh_disk *disk = writer->disk;
    sh_assert(writer->snapshot.file_count > 0);
    enum sh_status status;
    if ((status = file_end(writer, err)) != SH_OK) goto done;
    if ((status = manifest_store(writer, err)) != SH_OK) goto done;
    if ((status = sh_disk_sync_directory(disk, writer->folder, err)) != SH_OK) goto done;
    if ((status = read_back(writer, err)) != SH_OK) goto done;
    /* All of it is on the disk and right: from the rename on, it counts. */
    status =
        sh_snapshot_turn(disk, writer->directory, writer->snapshot.sequence, SH_SNAPSHOT_ASIDE, SH_SNAPSHOT_WHOLE, err);

done:
    if (status != SH_OK) {
        sh_snapshot_abandon(writer);
        return status;
    }
    if (snapshot != NULL) *snapshot = writer->snapshot;
    remove_old(disk, writer->directory);
    writer_free(writer);
    return SH_OK;
}

void sh_snapshot_abandon(struct sh_snapshot_writer *writer) {
    if (writer == NULL) return;
    if (writer->handle >= 0) (void)sh_disk_close(writer->disk, writer->path, writer->handle, NULL);
    (void)!sh_snapshot_remove(writer->disk, writer->directory, SH_SNAPSHOT_ASIDE, writer->snapshot.sequence, NULL);
    writer_free(writer);
}

/* ---- reading ---- */

struct sh_snapshot_reader {
    XXH3_state_t hash;
    struct sh_disk *disk;
    char path[SH_SNAPSHOT_PATH_BYTES_MAX];
    int handle;
    uint64_t at;
    struct sh_snapshot_file file;
};

static enum sh_status reader_open(struct sh_disk *disk, const char *folder, const struct sh_snapshot_file *file,
                                  bool past_cache, struct sh_snapshot_reader **reader, struct sh_error *err) {
    *reader = NULL;
    struct sh_snapshot_reader *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to read a snapshot");
    made->disk = disk;
    made->file = *file;
    made->handle = -1;
    XXH3_64bits_reset(&made->hash);
    uint64_t byte_count = 0;
    enum sh_status status = sh_snapshot_path(made->path, folder, file->name, err);
    if (status != SH_OK) goto done;
    status = SH_ERR_UNSUPPORTED;
    if (past_cache) status = sh_disk_open(disk, made->path, SH_IO_OPEN_DIRECT, &made->handle, err);
    if (status == SH_ERR_UNSUPPORTED) status = sh_disk_open(disk, made->path, 0, &made->handle, err);
    if (status != SH_OK) goto done;
    if ((status = sh_disk_size(disk, made->path, made->handle, &byte_count, err)) != SH_OK) goto done;
    if (byte_count != file->byte_count)
        status = sh_fail(err, SH_ERR_CORRUPT, -1, "%s is damaged: it has %llu bytes instead of %llu", made->path,
                         (unsigned long long)byte_count, (unsigned long long)file->byte_count);

done:
    if (status == SH_OK)
        *reader = made;
    else
        sh_snapshot_close(made);
    return status;
}

enum sh_status sh_snapshot_open(struct sh_disk *disk, const char *directory, const struct sh_snapshot *snapshot,
                                const char *name, struct sh_snapshot_reader **reader, struct sh_error *err) {
    char folder_name[SH_SNAPSHOT_ENTRY_BYTES];
    char folder[SH_SNAPSHOT_PATH_BYTES_MAX];
    *reader = NULL;
    sh_snapshot_name(SH_SNAPSHOT_WHOLE, snapshot->sequence, folder_name);
    const enum sh_status status = sh_snapshot_path(folder, directory, folder_name, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < snapshot->file_count; i++)
        if (strcmp(snapshot->files[i].name, name) == 0)
            return reader_open(disk, folder, &snapshot->files[i], false, reader, err);
    return sh_fail(err, SH_ERR_NOT_FOUND, -1, "%s has no file %s", folder, name);
}

enum sh_status sh_snapshot_read(struct sh_snapshot_reader *reader, void *bytes, size_t wanted, size_t *count,
                                struct sh_error *err) {
    *count = 0;
    const uint64_t left = reader->file.byte_count - reader->at;
    if (wanted > left) wanted = (size_t)left;
    const enum sh_status status =
        sh_disk_read(reader->disk, reader->path, reader->handle, bytes, wanted, reader->at, count, err);
    if (status != SH_OK) return status;
    if (*count < wanted)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is damaged: it ends after %llu bytes", reader->path,
                       (unsigned long long)(reader->at + *count));
    XXH3_64bits_update(&reader->hash, bytes, *count);
    reader->at += *count;
    if (reader->at < reader->file.byte_count || XXH3_64bits_digest(&reader->hash) == reader->file.hash) return SH_OK;
    return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is damaged: its bytes are not those that were written", reader->path);
}

static enum sh_status source_read(void *context, void *bytes, size_t byte_count, size_t *got, struct sh_error *err) {
    return sh_snapshot_read(context, bytes, byte_count, got, err);
}

struct sh_archive_source sh_snapshot_source(struct sh_snapshot_reader *reader) {
    return (struct sh_archive_source){.context = reader, .read = source_read};
}

void sh_snapshot_close(struct sh_snapshot_reader *reader) {
    if (reader == NULL) return;
    if (reader->handle >= 0) (void)sh_disk_close(reader->disk, reader->path, reader->handle, NULL);
    sh_free(reader);
}

static enum sh_status verify_file(struct sh_disk *disk, const char *folder, const struct sh_snapshot_file *file,
                                  uint8_t *buffer, struct sh_error *err) {
    struct sh_snapshot_reader *reader;
    enum sh_status status = reader_open(disk, folder, file, true, &reader, err);
    if (status != SH_OK) return status;
    size_t count;
    do { /* at least once: an empty file has a hash, too */
        /* Always a whole buffer is asked for: a direct read must be aligned, and the file's end makes it shorter. */
        status =
            sh_disk_read(disk, reader->path, reader->handle, buffer, SH_SNAPSHOT_BUFFER_BYTES, reader->at, &count, err);
        if (status != SH_OK) break;
        XXH3_64bits_update(&reader->hash, buffer, count);
        reader->at += count;
    } while (count == SH_SNAPSHOT_BUFFER_BYTES && reader->at < file->byte_count);
    if (status == SH_OK && (reader->at != file->byte_count || XXH3_64bits_digest(&reader->hash) != file->hash))
        status =
            sh_fail(err, SH_ERR_CORRUPT, -1, "%s is damaged: its bytes are not those that were written", reader->path);
    sh_snapshot_close(reader);
    return status;
}

enum sh_status sh_snapshot_verify_folder(struct sh_disk *disk, const char *folder, const struct sh_snapshot *snapshot,
                                         struct sh_error *err) {
    uint8_t *buffer = sh_log_buffer_alloc(SH_SNAPSHOT_BUFFER_BYTES);
    if (buffer == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to verify a snapshot");
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < snapshot->file_count && status == SH_OK; i++)
        status = verify_file(disk, folder, &snapshot->files[i], buffer, err);
    sh_log_buffer_free(buffer);
    return status;
}
