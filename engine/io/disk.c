#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "io_private.h"

/* ---- the kernel's ---- */

static void system_run(struct sh_disk *disk, struct sh_io_file_request *request) {
    (void)disk;
    request->status = SH_OK;
    request->system_error = 0;
    request->result = 0;
    request->done_bytes = 0;
    sh_io_file_run(request);
}

static enum sh_status system_list(struct sh_disk *disk, const char *path, void (*each)(void *context, const char *name),
                                  void *context, struct sh_error *err) {
    (void)disk;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        const enum sh_status status = errno == ENOENT ? SH_ERR_NOT_FOUND : SH_ERR_IO;
        return sh_fail(err, status, -1, "cannot read directory %s: %s", path, strerror(errno));
    }
    errno = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL; errno = 0)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(context, entry->d_name);
    const int fault = errno;
    (void)closedir(folder);
    if (fault != 0) return sh_fail(err, SH_ERR_IO, -1, "cannot read directory %s: %s", path, strerror(fault));
    return SH_OK;
}

struct sh_disk sh_disk_of_system = {.run = system_run, .list = system_list};

struct sh_disk *sh_disk_system(void) {
    return &sh_disk_of_system;
}

/* ---- requests as calls ---- */

enum sh_status sh_file_fail(const struct sh_io_file_request *request, const char *path, struct sh_error *err) {
    static const char *const verbs[] = {
        [SH_IO_FILE_OPEN] = "open",
        [SH_IO_FILE_CLOSE] = "close",
        [SH_IO_FILE_READ] = "read",
        [SH_IO_FILE_WRITE] = "write",
        [SH_IO_FILE_SYNC] = "sync",
        [SH_IO_FILE_SYNC_DATA] = "sync",
        [SH_IO_FILE_RENAME] = "rename",
        [SH_IO_FILE_UNLINK] = "remove",
        [SH_IO_FILE_SIZE] = "look at",
        [SH_IO_FILE_LOCK] = "lock",
        [SH_IO_FILE_MAKE_DIRECTORY] = "make directory",
        [SH_IO_FILE_REMOVE_DIRECTORY] = "remove directory",
    };
    sh_assert(request->status != SH_OK);
    return sh_fail(err, request->status, -1, "cannot %s %s: %s", verbs[request->operation], path,
                   strerror(request->system_error));
}

static enum sh_status run(struct sh_disk *disk, const char *path, struct sh_io_file_request *request,
                          struct sh_error *err) {
    disk->run(disk, request);
    return request->status == SH_OK ? SH_OK : sh_file_fail(request, path, err);
}

enum sh_status sh_disk_open(struct sh_disk *disk, const char *path, unsigned open_flags, int *handle,
                            struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_OPEN, .open_flags = open_flags, .path = path};
    const enum sh_status status = run(disk, path, &request, err);
    *handle = status == SH_OK ? (int)request.result : -1;
    return status;
}

enum sh_status sh_disk_close(struct sh_disk *disk, const char *path, int handle, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_CLOSE, .handle = handle};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_read(struct sh_disk *disk, const char *path, int handle, void *bytes, size_t wanted,
                            uint64_t offset, size_t *count, struct sh_error *err) {
    struct sh_io_file_request request = {
        .operation = SH_IO_FILE_READ, .handle = handle, .bytes = bytes, .byte_count = wanted, .offset = offset};
    const enum sh_status status = run(disk, path, &request, err);
    *count = status == SH_OK ? (size_t)request.result : 0;
    return status;
}

enum sh_status sh_disk_write(struct sh_disk *disk, const char *path, int handle, const void *bytes, size_t count,
                             uint64_t offset, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_WRITE,
                                         .handle = handle,
                                         .bytes = (uint8_t *)(uintptr_t)bytes, /* a write does not change them */
                                         .byte_count = count,
                                         .offset = offset};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_sync(struct sh_disk *disk, const char *path, int handle, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_SYNC, .handle = handle};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_size(struct sh_disk *disk, const char *path, int handle, uint64_t *byte_count,
                            struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_SIZE, .handle = handle};
    const enum sh_status status = run(disk, path, &request, err);
    *byte_count = status == SH_OK ? (uint64_t)request.result : 0;
    return status;
}

enum sh_status sh_disk_lock(struct sh_disk *disk, const char *path, int handle, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_LOCK, .handle = handle};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_rename(struct sh_disk *disk, const char *path, const char *path_target, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_RENAME, .path = path, .path_target = path_target};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_unlink(struct sh_disk *disk, const char *path, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_UNLINK, .path = path};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_make_directory(struct sh_disk *disk, const char *path, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_MAKE_DIRECTORY, .path = path};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_remove_directory(struct sh_disk *disk, const char *path, struct sh_error *err) {
    struct sh_io_file_request request = {.operation = SH_IO_FILE_REMOVE_DIRECTORY, .path = path};
    return run(disk, path, &request, err);
}

enum sh_status sh_disk_ensure_directory(struct sh_disk *disk, const char *path, struct sh_error *err) {
    enum sh_status status = sh_disk_make_directory(disk, path, err);
    if (status != SH_OK && status != SH_ERR_CONFLICT) return status;
    /* Also if it was there: who made it may not have come to syncing its name. */
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return sh_disk_sync_directory(disk, ".", err);
    if (slash == path) return sh_disk_sync_directory(disk, "/", err);
    char parent[4096];
    if ((size_t)(slash - path) >= sizeof parent)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a path is too long: %.64s...", path);
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    return sh_disk_sync_directory(disk, parent, err);
}

enum sh_status sh_disk_sync_directory(struct sh_disk *disk, const char *path, struct sh_error *err) {
    int handle;
    enum sh_status status = sh_disk_open(disk, path, SH_IO_OPEN_DIRECTORY, &handle, err);
    if (status != SH_OK) return status;
    status = sh_disk_sync(disk, path, handle, err);
    const enum sh_status closed = sh_disk_close(disk, path, handle, status == SH_OK ? err : NULL);
    return status == SH_OK ? closed : status;
}
