#include "data_directory.h"

#include <stdio.h>
#include <string.h>

enum { FILE_BYTES_MAX = 256, NAME_BYTES_MAX = 64 };

static const char file_form[] = "shoal data 1\nstore %016llx\nshards %u\n";
static const char file_name[] = "shoal.data";

static enum sh_status join(const char *directory, const char *name, char path[SH_DATA_PATH_BYTES_MAX],
                           struct sh_error *err) {
    const int count = snprintf(path, SH_DATA_PATH_BYTES_MAX, "%s/%s", directory, name);
    if (count > 0 && count < SH_DATA_PATH_BYTES_MAX - NAME_BYTES_MAX) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "the path of the data directory is too long");
}

void sh_data_path(const struct sh_data *data, const char *name, uint32_t shard, char path[SH_DATA_PATH_BYTES_MAX]) {
    const int count = shard == SH_DATA_NO_SHARD
                          ? snprintf(path, SH_DATA_PATH_BYTES_MAX, "%s/%s", data->path, name)
                          : snprintf(path, SH_DATA_PATH_BYTES_MAX, "%s/%s-%u", data->path, name, shard);
    sh_assert(count > 0);
    sh_assert(count < SH_DATA_PATH_BYTES_MAX);
}

/* ---- shoal.data ---- */

/* SH_ERR_NOT_FOUND if it is not there. */
static enum sh_status read_file(struct sh_disk *disk, const char *path, uint64_t *store, uint32_t *shard_count,
                                struct sh_error *err) {
    char text[FILE_BYTES_MAX + 1];
    char again[FILE_BYTES_MAX];
    int handle;
    size_t count;
    enum sh_status status = sh_disk_open(disk, path, 0, &handle, err);
    if (status != SH_OK) return status;
    status = sh_disk_read(disk, path, handle, text, FILE_BYTES_MAX, 0, &count, err);
    (void)sh_disk_close(disk, path, handle, NULL);
    if (status != SH_OK) return status;
    text[count] = '\0';
    unsigned version = 0;
    unsigned long long number = 0;
    if (sscanf(text, "shoal data %u", &version) == 1 && version > 1)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "%s is of version %u; this program knows version 1", path, version);
    /* Only what would be written is right. */
    (void)sscanf(text, file_form, &number, shard_count);
    const int length = snprintf(again, sizeof again, file_form, number, *shard_count);
    if (length != (int)count || memcmp(text, again, count) != 0 || *shard_count < 1 ||
        *shard_count > SH_SHARD_COUNT_MAX || number == 0)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is not what was written there", path);
    *store = number;
    return SH_OK;
}

/* Aside, synced, then renamed: it is there whole or not at all. */
static enum sh_status write_file(struct sh_disk *disk, const char *directory, const char *path, uint64_t store,
                                 uint32_t shard_count, struct sh_error *err) {
    char aside[SH_DATA_PATH_BYTES_MAX];
    char text[FILE_BYTES_MAX];
    int handle;
    const int count = snprintf(text, sizeof text, file_form, (unsigned long long)store, shard_count);
    enum sh_status status = join(directory, "shoal.data.aside", aside, err);
    if (status == SH_OK)
        status = sh_disk_open(disk, aside, SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE | SH_IO_OPEN_TRUNCATE, &handle, err);
    if (status != SH_OK) return status;
    status = sh_disk_write(disk, aside, handle, text, (size_t)count, 0, err);
    if (status == SH_OK) status = sh_disk_sync(disk, aside, handle, err);
    const enum sh_status closed = sh_disk_close(disk, aside, handle, status == SH_OK ? err : NULL);
    if (status == SH_OK) status = closed;
    if (status == SH_OK) status = sh_disk_rename(disk, aside, path, err);
    if (status == SH_OK) status = sh_disk_sync_directory(disk, directory, err);
    return status;
}

/* ---- making and finding ---- */

enum sh_status sh_data_peek(struct sh_disk *disk, const char *path, uint32_t *shard_count, struct sh_error *err) {
    char file[SH_DATA_PATH_BYTES_MAX];
    uint64_t store;
    *shard_count = 0;
    enum sh_status status = join(path, file_name, file, err);
    if (status == SH_OK) status = read_file(disk, file, &store, shard_count, err);
    if (status != SH_ERR_NOT_FOUND) return status;
    *shard_count = 0;
    return SH_OK;
}

static void look_at_name(void *context, const char *name) {
    bool *is_empty = context;
    static const char *const harmless[] = {"lock", "shoal.data.aside", "lost+found", SH_DATA_ACCESS_NAME,
                                           SH_DATA_ACCESS_NAME ".lock"};
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        if (strcmp(name, harmless[i]) == 0) return;
    *is_empty = false;
}

static enum sh_status begin_new(struct sh_data *data, struct sh_host *host, const char *file, uint32_t shard_count,
                                struct sh_error *err) {
    bool is_empty = true;
    enum sh_status status = data->disk->list(data->disk, data->path, look_at_name, &is_empty, err);
    if (status != SH_OK) return status;
    if (!is_empty) {
        (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "%s is no data directory of Shoal, and it is not empty", data->path);
        return sh_fail_hint(err, SH_ERR_ARGUMENT, "give an empty directory, or one that does not exist");
    }
    data->store = host->random(host);
    data->is_new = true;
    data->shard_count = shard_count;
    return write_file(data->disk, data->path, file, data->store, shard_count, err);
}

static enum sh_status find(struct sh_data *data, struct sh_host *host, uint32_t shard_count, struct sh_error *err) {
    char file[SH_DATA_PATH_BYTES_MAX];
    enum sh_status status = join(data->path, file_name, file, err);
    if (status != SH_OK) return status;
    status = read_file(data->disk, file, &data->store, &data->shard_count, err);
    if (status == SH_ERR_NOT_FOUND) return begin_new(data, host, file, shard_count, err);
    if (status != SH_OK || data->shard_count == shard_count) return status;
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "%s is of %u shards, but there are to be %u", data->path, data->shard_count,
                  shard_count);
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "start with --shards %u: what is kept is not dealt anew",
                        data->shard_count);
}

static enum sh_status lock(struct sh_data *data, struct sh_error *err) {
    char path[SH_DATA_PATH_BYTES_MAX];
    enum sh_status status = join(data->path, "lock", path, err);
    if (status == SH_OK)
        status = sh_disk_open(data->disk, path, SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE, &data->lock, err);
    if (status != SH_OK) {
        data->lock = -1;
        return status;
    }
    status = sh_disk_lock(data->disk, path, data->lock, err);
    if (status != SH_ERR_BUSY) return status;
    return sh_fail(err, SH_ERR_BUSY, -1, "another server has the data directory %s", data->path);
}

enum sh_status sh_data_open(const struct sh_data_options *options, struct sh_host *host, uint32_t shard_count,
                            struct sh_data *data, struct sh_error *err) {
    *data = (struct sh_data){.options = *options, .disk = host->disk, .lock = -1};
    data->options.path = NULL;
    const size_t count = strlen(options->path);
    if (count == 0 || count >= SH_DATA_PATH_BYTES_MAX - NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the path of the data directory is empty or too long");
    memcpy(data->path, options->path, count + 1);
    /* Its own name must outlive a power cut, too: with it all would be gone that was ever answered. */
    enum sh_status status = sh_disk_ensure_directory(data->disk, data->path, err);
    if (status == SH_OK) status = lock(data, err);
    if (status == SH_OK) status = find(data, host, shard_count, err);
    if (status != SH_OK) sh_data_close(data);
    return status;
}

void sh_data_close(struct sh_data *data) {
    if (data->lock >= 0) (void)sh_disk_close(data->disk, data->path, data->lock, NULL);
    data->lock = -1;
}
