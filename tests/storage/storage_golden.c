/* storage_golden.c -- files of format version 1, kept for ever: what is written today is the same byte for byte, and
 * what was written then is read. Run: storage_golden FOLDER [--renew]. After --renew look at what changed: a change of
 * the bytes is a new version of the format, with a folder of its own, and this one stays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_sim.h"
#include "log.h"
#include "snapshot_files.h"

static const char *folder;

static void need(bool condition, const char *what) {
    if (condition) return;
    (void)printf("FAILED: %s\n", what);
    exit(1);
}

/* ---- what is written ---- */

enum { RECORD_COUNT = 12 };

/* Record `position` of the log: short ones, one of two blocks, one that fills most of a file. */
static size_t record(uint64_t position, char *bytes) {
    static const size_t lengths[RECORD_COUNT] = {1, 40, 5000, 3, 4016, 4040, 100, 30000, 7, 9000, 2, 64};
    const size_t count = lengths[position - 1];
    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)('a' + (position * 7 + i) % 26);
    return count;
}

static void ignore_durable(void *context, uint64_t position) {
    (void)context;
    (void)position;
}

static struct sh_log_options options_for(struct disk_sim *sim) {
    static const struct sh_log_events events = {.on_durable = ignore_durable};
    return (struct sh_log_options){.directory = "log",
                                   .store = 0x0123456789abcdef,
                                   .shard = 2,
                                   .salt = 42,
                                   .segment_bytes = SH_LOG_SEGMENT_BYTES_MIN,
                                   .create = true,
                                   .disk = disk_sim_disk(sim),
                                   .events = &events};
}

static void write_log(struct disk_sim *sim) {
    static char bytes[65536];
    const struct sh_log_options options = options_for(sim);
    struct sh_log *log;
    struct sh_log_end end;
    struct sh_error err;
    need(sh_log_open(&options, &log, &err) == SH_OK, "open");
    need(sh_log_replay(log, 0, NULL, NULL, &end, &err) == SH_OK, "replay");
    for (uint64_t i = 1; i <= RECORD_COUNT; i++) {
        uint64_t position;
        const struct sh_log_piece piece = {bytes, record(i, bytes)};
        need(sh_log_append(log, &piece, 1, SH_LOG_USUAL, &position, &err) == SH_OK && position == i, "append");
        if (i != 2) sh_log_commit(log); /* the second and third are one group */
    }
    sh_log_seal(log);
    sh_log_commit(log);
    sh_log_close(log);
}

static void write_snapshot(struct disk_sim *sim) {
    struct sh_snapshot_writer *writer;
    struct sh_error err;
    need(sh_snapshot_begin(disk_sim_disk(sim), "snapshots", 0x0123456789abcdef, 3, 1700000000000, 1, &writer, &err) ==
             SH_OK,
         "begin");
    need(sh_snapshot_file(writer, "shard-0", 12, &err) == SH_OK, "file");
    need(sh_snapshot_write(writer, "not an archive, but bytes", 25, &err) == SH_OK, "write");
    need(sh_snapshot_file(writer, "empty", 0, &err) == SH_OK, "file");
    need(sh_snapshot_publish(writer, NULL, &err) == SH_OK, "publish");
}

/* ---- what is read ---- */

static enum sh_status compare(void *context, uint64_t position, const uint8_t *bytes, size_t count,
                              struct sh_error *err) {
    static char wanted[65536];
    (void)err;
    need(position == ++*(uint64_t *)context, "a position");
    need(count == record(position, wanted) && memcmp(bytes, wanted, count) == 0, "a record");
    return SH_OK;
}

static void read_log(struct disk_sim *sim) {
    const struct sh_log_options options = options_for(sim);
    struct sh_log *log;
    struct sh_log_end end;
    struct sh_error err;
    uint64_t seen = 0;
    need(sh_log_open(&options, &log, &err) == SH_OK, "the kept log does not open");
    need(sh_log_replay(log, 0, compare, &seen, &end, &err) == SH_OK, "the kept log is not replayed");
    need(seen == RECORD_COUNT && end.dropped_bytes == 0, "the kept log ends elsewhere");
    sh_log_close(log);
}

static void read_snapshot(struct disk_sim *sim) {
    static struct sh_snapshot snapshot;
    struct sh_snapshot_reader *reader;
    struct sh_error err;
    char bytes[64];
    size_t count;
    bool found;
    struct sh_disk *disk = disk_sim_disk(sim);
    need(sh_snapshot_find(disk, "snapshots", 0, NULL, NULL, &snapshot, &found, &err) == SH_OK && found, "find");
    need(snapshot.sequence == 3 && snapshot.time_ms == 1700000000000 && snapshot.files[0].position == 12, "manifest");
    need(sh_snapshot_open(disk, "snapshots", &snapshot, "shard-0", &reader, &err) == SH_OK, "open");
    need(sh_snapshot_read(reader, bytes, sizeof bytes, &count, &err) == SH_OK && count == 25, "read");
    need(memcmp(bytes, "not an archive, but bytes", 25) == 0, "bytes");
    sh_snapshot_close(reader);
}

/* ---- the kept files ---- */

/* A file of zeroes behind its end is kept without them. */
struct kept {
    const char *path;
    const char *name;
    uint64_t byte_count;
};

static const struct kept kept_files[] = {
    {"log/log-00000001", "log-00000001", SH_LOG_SEGMENT_BYTES_MIN},
    {"log/log-00000002", "log-00000002", SH_LOG_SEGMENT_BYTES_MIN},
    {"snapshots/snapshot-0000000000000003/MANIFEST", "MANIFEST", 0},
    {"snapshots/snapshot-0000000000000003/shard-0", "shard-0", 0},
    {"snapshots/snapshot-0000000000000003/empty", "empty", 0},
};
enum { KEPT_COUNT = sizeof kept_files / sizeof *kept_files };

static FILE *open_kept(const struct kept *kept, const char *mode) {
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", folder, kept->name);
    FILE *file = fopen(path, mode);
    need(file != NULL, path);
    return file;
}

static void renew(struct disk_sim *sim) {
    for (uint32_t i = 0; i < KEPT_COUNT; i++) {
        uint64_t count = 0;
        const uint8_t *bytes = disk_sim_bytes(sim, kept_files[i].path, &count);
        while (count > 0 && kept_files[i].byte_count > 0 && bytes[count - 1] == 0)
            count--;
        FILE *file = open_kept(&kept_files[i], "wb");
        need(fwrite(bytes == NULL ? (const uint8_t *)"" : bytes, 1, count, file) == count && fclose(file) == 0,
             "renew");
    }
}

/* The kept files onto a disk of their own; and are they what is written today? */
static void load(struct disk_sim *kept, struct disk_sim *written) {
    static uint8_t bytes[SH_LOG_SEGMENT_BYTES_MIN];
    struct sh_disk *disk = disk_sim_disk(kept);
    need(sh_disk_make_directory(disk, "log", NULL) == SH_OK, "log");
    need(sh_disk_make_directory(disk, "snapshots", NULL) == SH_OK, "snapshots");
    need(sh_disk_make_directory(disk, "snapshots/snapshot-0000000000000003", NULL) == SH_OK, "snapshot");
    for (uint32_t i = 0; i < KEPT_COUNT; i++) {
        int handle;
        uint64_t count = 0;
        FILE *file = open_kept(&kept_files[i], "rb");
        memset(bytes, 0, sizeof bytes);
        size_t got = fread(bytes, 1, sizeof bytes, file);
        (void)fclose(file);
        if (kept_files[i].byte_count > 0) got = kept_files[i].byte_count;
        const unsigned flags = SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE;
        need(sh_disk_open(disk, kept_files[i].path, flags, &handle, NULL) == SH_OK, "open");
        need(sh_disk_write(disk, kept_files[i].path, handle, bytes, got, 0, NULL) == SH_OK, "write");
        need(sh_disk_close(disk, kept_files[i].path, handle, NULL) == SH_OK, "close");
        const uint8_t *now = disk_sim_bytes(written, kept_files[i].path, &count);
        need(count == got && (got == 0 || memcmp(now, bytes, got) == 0), kept_files[i].path);
    }
}

int main(int argument_count, char **arguments) {
    need(argument_count >= 2, "usage: storage_golden FOLDER [--renew]");
    folder = arguments[1];
    struct disk_sim *written = disk_sim_create(1);
    write_log(written);
    write_snapshot(written);
    if (argument_count > 2 && strcmp(arguments[2], "--renew") == 0) renew(written);
    struct disk_sim *kept = disk_sim_create(1);
    load(kept, written);
    read_log(kept);
    read_snapshot(kept);
    disk_sim_destroy(kept);
    disk_sim_destroy(written);
    printf("%d files of version 1 are written and read as ever\n", KEPT_COUNT);
    return 0;
}
