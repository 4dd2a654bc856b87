/* snapshot_write.c -- shards to the files of a snapshot, and back.
 *
 *   shard-N   an archive (archive.h):  section "server", version 1:  u64 the last write to every shard
 *                                                                    u64 the server's next request
 *                                      section "shard"               sh_shard_save
 */
#include <stdio.h>

#include "archive.h"
#include "loop.h"
#include "recovery.h"
#include "snapshot_files.h"

enum { SERVER_SECTION_VERSION = 1, NAME_BYTES = 32 };

static enum sh_status write_shard(const struct sh_loop *loop, struct sh_snapshot_writer *files, struct sh_error *err) {
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "shard-%u", loop->index);
    enum sh_status status = sh_snapshot_file(files, name, sh_log_position(loop->journal.log), err);
    if (status != SH_OK) return status;
    struct sh_archive_writer writer;
    sh_archive_writer_init(&writer, sh_snapshot_sink(files));
    sh_archive_begin(&writer, "server", SERVER_SECTION_VERSION);
    sh_archive_put_u64(&writer, loop->server->every_number);
    sh_archive_put_u64(&writer, loop->next_request);
    sh_archive_end(&writer);
    status = sh_shard_save(loop->shard, &writer, err);
    if (status == SH_OK) status = sh_archive_finish(&writer, err);
    sh_archive_writer_deinit(&writer);
    return status;
}

static enum sh_status write_all(struct sh_server *server, struct sh_snapshot *written, struct sh_error *err) {
    const struct sh_data *data = server->data;
    struct sh_snapshot_writer *files;
    char directory[SH_DATA_PATH_BYTES_MAX];
    int64_t now_ms;
    uint64_t now_ns;
    uint64_t sequence;
    server->host->clock(server->host, &now_ms, &now_ns);
    sh_data_path(data, "snapshots", SH_DATA_NO_SHARD, directory);
    enum sh_status status = sh_snapshot_next(data->disk, directory, &sequence, err);
    if (status == SH_OK)
        status =
            sh_snapshot_begin(data->disk, directory, data->store, sequence, now_ms, server->loop_count, &files, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < server->loop_count && status == SH_OK; i++)
        status = write_shard(&server->loops[i], files, err);
    if (status == SH_OK) return sh_snapshot_publish(files, written, err);
    sh_snapshot_abandon(files);
    return status;
}

void sh_snapshots_write(struct sh_server *server, struct sh_snapshot_report *report) {
    struct sh_snapshot written;
    struct sh_error err;
    report->status = write_all(server, &written, &err);
    if (report->status != SH_OK) {
        (void)snprintf(report->message, sizeof report->message, "%s", err.message);
        return;
    }
    report->sequence = written.sequence;
    for (uint32_t i = 0; i < written.file_count; i++)
        report->bytes += written.files[i].byte_count;
}

/* ---- back ---- */

static const struct sh_snapshot_file *find_file(const struct sh_snapshot *snapshot, const char *name) {
    for (uint32_t i = 0; i < snapshot->file_count; i++)
        if (strcmp(snapshot->files[i].name, name) == 0) return &snapshot->files[i];
    return NULL;
}

enum sh_status sh_snapshots_load(struct sh_loop *loop, uint64_t *every_number, uint64_t *next_request,
                                 struct sh_error *err) {
    const struct sh_server *server = loop->server;
    const struct sh_snapshot *snapshot = sh_recovery_snapshot(server->recovery);
    struct sh_snapshot_reader *file;
    char directory[SH_DATA_PATH_BYTES_MAX];
    char name[NAME_BYTES];
    (void)snprintf(name, sizeof name, "shard-%u", loop->index);
    sh_data_path(server->data, "snapshots", SH_DATA_NO_SHARD, directory);
    const struct sh_snapshot_file *entry = find_file(snapshot, name);
    if (entry == NULL)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "snapshot %llu has no file %s", (unsigned long long)snapshot->sequence,
                       name);
    enum sh_status status = sh_snapshot_open(server->data->disk, directory, snapshot, name, &file, err);
    if (status != SH_OK) return status;
    struct sh_archive_reader reader;
    sh_archive_reader_init(&reader, sh_snapshot_source(file), entry->byte_count);
    (void)sh_archive_enter(&reader, "server", SERVER_SECTION_VERSION);
    *every_number = sh_archive_get_u64(&reader);
    *next_request = sh_archive_get_u64(&reader);
    sh_archive_leave(&reader);
    status = sh_archive_status(&reader, err);
    struct sh_shard *shard = NULL;
    const struct sh_shard_options options = {
        .shard_index = loop->index, .shard_count = server->loop_count, .forget_ms = sh_server_forget_ms(server)};
    if (status == SH_OK) status = sh_shard_load(&options, &reader, &shard, err);
    if (status == SH_OK) status = sh_archive_close(&reader, err);
    sh_archive_reader_deinit(&reader);
    sh_snapshot_close(file);
    if (status != SH_OK) {
        sh_shard_destroy(shard);
        return status;
    }
    sh_shard_destroy(loop->shard);
    loop->shard = shard;
    return SH_OK;
}
