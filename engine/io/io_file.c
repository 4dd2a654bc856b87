#include "io_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int sh_io_file_open_flags(unsigned open_flags) {
    int flags = O_CLOEXEC | ((open_flags & SH_IO_OPEN_WRITE) != 0 ? O_RDWR : O_RDONLY);
    if ((open_flags & SH_IO_OPEN_CREATE) != 0) flags |= O_CREAT;
    if ((open_flags & SH_IO_OPEN_EXCLUSIVE) != 0) flags |= O_EXCL;
    if ((open_flags & SH_IO_OPEN_TRUNCATE) != 0) flags |= O_TRUNC;
    if ((open_flags & SH_IO_OPEN_DIRECTORY) != 0) flags |= O_DIRECTORY;
    if ((open_flags & SH_IO_OPEN_DURABLE) != 0) flags |= O_DSYNC;
    if ((open_flags & SH_IO_OPEN_DIRECT) != 0) flags |= O_DIRECT;
    return flags;
}

void sh_io_file_finish(struct sh_io_file_request *request, int64_t kernel_result) {
    if (kernel_result >= 0) {
        request->result = kernel_result;
        return;
    }
    request->system_error = (int)-kernel_result;
    switch (request->system_error) {
    case ENOENT:
        request->status = SH_ERR_NOT_FOUND;
        break;
    case EEXIST:
    case ENOTEMPTY:
        request->status = SH_ERR_CONFLICT;
        break;
    case ENOSPC:
    case EDQUOT:
        request->status = SH_ERR_LIMIT;
        break;
    case EWOULDBLOCK:
        request->status = SH_ERR_BUSY;
        break;
    case EINVAL:
        request->status = request->operation == SH_IO_FILE_OPEN ? SH_ERR_UNSUPPORTED : SH_ERR_IO;
        break;
    default:
        request->status = SH_ERR_IO;
        break;
    }
}

/* All of the bytes, or what there is up to the end of the file, or -errno. */
static int64_t transfer(struct sh_io_file_request *request) {
    const bool is_write = request->operation == SH_IO_FILE_WRITE;
    while (request->done_bytes < request->byte_count) {
        uint8_t *bytes = request->bytes + request->done_bytes;
        const size_t left = request->byte_count - request->done_bytes;
        const off_t offset = (off_t)(request->offset + request->done_bytes);
        const ssize_t moved =
            is_write ? pwrite(request->handle, bytes, left, offset) : pread(request->handle, bytes, left, offset);
        if (moved < 0 && errno == EINTR) continue;
        if (moved < 0) return -errno;
        if (moved == 0) return is_write ? -EIO : (int64_t)request->done_bytes;
        request->done_bytes += (size_t)moved;
    }
    return (int64_t)request->done_bytes;
}

static int64_t size(int handle) {
    struct stat info;
    return fstat(handle, &info) == 0 ? (int64_t)info.st_size : -errno;
}

static int64_t run(struct sh_io_file_request *request) {
    int result = -1;
    switch (request->operation) {
    case SH_IO_FILE_OPEN:
        result = open(request->path, sh_io_file_open_flags(request->open_flags), 0600);
        break;
    case SH_IO_FILE_CLOSE:
        result = close(request->handle);
        break;
    case SH_IO_FILE_READ:
    case SH_IO_FILE_WRITE:
        return transfer(request);
    case SH_IO_FILE_SYNC:
        result = fsync(request->handle);
        break;
    case SH_IO_FILE_SYNC_DATA:
        result = fdatasync(request->handle);
        break;
    case SH_IO_FILE_RENAME:
        result = rename(request->path, request->path_target);
        break;
    case SH_IO_FILE_UNLINK:
        result = unlink(request->path);
        break;
    case SH_IO_FILE_SIZE:
        return size(request->handle);
    case SH_IO_FILE_LOCK:
        result = flock(request->handle, LOCK_EX | LOCK_NB);
        break;
    case SH_IO_FILE_MAKE_DIRECTORY:
        result = mkdir(request->path, 0700);
        break;
    case SH_IO_FILE_REMOVE_DIRECTORY:
        result = rmdir(request->path);
        break;
    }
    return result < 0 ? -errno : result;
}

void sh_io_file_run(struct sh_io_file_request *request) {
    sh_io_file_finish(request, run(request));
}
