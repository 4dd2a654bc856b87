/* disk.h -- files by calls that are done when they return, and the door behind which a test puts a faulty disk.
 *
 * The requests are those of io.h. A loop gives them to its io and is called back; starting, recovering, writing a
 * snapshot in a child process and the offline tools have nothing else to do meanwhile and give them to a disk. Above
 * this folder nobody calls the kernel for a file that has to survive a crash.
 *
 * Handles of a disk may be used with an io on the same files, as with the system's: sh_disk_system() and any io.
 */
#ifndef SH_DISK_H
#define SH_DISK_H

#include "io.h"

struct sh_disk {
    /* Carry it out; request->done is not called. */
    void (*run)(struct sh_disk *disk, struct sh_io_file_request *request);
    /* Call each for every name in the directory path, in no order, "." and ".." left out. each may not change it. */
    enum sh_status (*list)(struct sh_disk *disk, const char *path, void (*each)(void *context, const char *name),
                           void *context, struct sh_error *err);
};

/* The kernel's. It has no state: any thread, any number of them. */
struct sh_disk *sh_disk_system(void);

/* The words for a request that failed: "cannot write log/log-3: No space left on device". Returns request->status. */
enum sh_status sh_file_fail(const struct sh_io_file_request *request, const char *path, struct sh_error *err);

/* Each is one request; path is for the words. SH_ERR_NOT_FOUND, SH_ERR_CONFLICT (it exists), SH_ERR_UNSUPPORTED (an
 * open flag that the file system does not know), SH_ERR_LIMIT (no space), SH_ERR_IO. */
SH_MUST_CHECK enum sh_status sh_disk_open(struct sh_disk *disk, const char *path, unsigned open_flags, int *handle,
                                          struct sh_error *err);
/* These two may be called without looking at the outcome: what was synced is safe, what is left over does no harm. */
enum sh_status sh_disk_close(struct sh_disk *disk, const char *path, int handle, struct sh_error *err);
enum sh_status sh_disk_unlink(struct sh_disk *disk, const char *path, struct sh_error *err);
/* *count is less than wanted only at the end of the file. */
SH_MUST_CHECK enum sh_status sh_disk_read(struct sh_disk *disk, const char *path, int handle, void *bytes,
                                          size_t wanted, uint64_t offset, size_t *count, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_disk_write(struct sh_disk *disk, const char *path, int handle, const void *bytes,
                                           size_t count, uint64_t offset, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_disk_sync(struct sh_disk *disk, const char *path, int handle, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_disk_size(struct sh_disk *disk, const char *path, int handle, uint64_t *byte_count,
                                          struct sh_error *err);
/* Keep other processes out for as long as the handle is open. SH_ERR_BUSY: one has it. */
SH_MUST_CHECK enum sh_status sh_disk_lock(struct sh_disk *disk, const char *path, int handle, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_disk_rename(struct sh_disk *disk, const char *path, const char *path_target,
                                            struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_disk_make_directory(struct sh_disk *disk, const char *path, struct sh_error *err);
SH_MUST_CHECK enum sh_status sh_disk_remove_directory(struct sh_disk *disk, const char *path, struct sh_error *err);
/* There is such a directory afterwards, also after a power cut; its parent must be there. */
SH_MUST_CHECK enum sh_status sh_disk_ensure_directory(struct sh_disk *disk, const char *path, struct sh_error *err);
/* Open the directory, sync it, close it: its names are durable then. */
SH_MUST_CHECK enum sh_status sh_disk_sync_directory(struct sh_disk *disk, const char *path, struct sh_error *err);

#endif
