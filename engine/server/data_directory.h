/* data_directory.h -- where a server keeps what must outlive it.
 *
 *   DIR/
 *     lock           held by the server that has DIR; a second one is refused
 *     shoal.data     what DIR is: three lines of text, written once
 *                       shoal data 1
 *                       store 5f0c2d1e8a7b9c34      a random number that logs and snapshots repeat
 *                       shards 2                    how many parts its users are dealt into
 *     shard-0/       the log of shard 0 (log.h)
 *     shard-1/
 *     snapshots/     snapshot_files.h
 *     access.json    who may do what (access_file.h), if tokens are kept here; may be there before everything else
 *
 * A directory without shoal.data is new if it holds nothing but the lock; otherwise it is somebody else's, and refused.
 */
#ifndef SH_DATA_DIRECTORY_H
#define SH_DATA_DIRECTORY_H

#include "bounds.h"
#include "disk.h"
#include "host.h"
#include "log.h"

enum { SH_DATA_PATH_BYTES_MAX = 4096 };
#define SH_DATA_ACCESS_NAME "access.json"

struct sh_data_options {
    const char *path;
    enum sh_log_durability durability;
    uint32_t interval_ms;        /* 0: SH_LOG_INTERVAL_MS_DEFAULT */
    uint64_t segment_bytes;      /* 0: SH_LOG_SEGMENT_BYTES_DEFAULT */
    uint64_t forget_ms;          /* until nothing of somebody forgotten is on the disk; 0: SH_FORGET_HOURS_DEFAULT */
    uint64_t snapshot_log_bytes; /* of log since the last snapshot until the next; 0: SH_SNAPSHOT_LOG_BYTES */
};

struct sh_data {
    struct sh_data_options options; /* without a path: see the next */
    char path[SH_DATA_PATH_BYTES_MAX];
    struct sh_disk *disk;
    int lock; /* a handle; -1: none */
    uint64_t store;
    uint32_t shard_count;
    bool is_new;
};

/* How many shards the directory has, or 0 if it is new or not there. */
SH_MUST_CHECK enum sh_status sh_data_peek(struct sh_disk *disk, const char *path, uint32_t *shard_count,
                                          struct sh_error *err);
/* Make it or find it, and lock it. SH_ERR_BUSY: another server has it. SH_ERR_ARGUMENT: it is of another number of
 * shards, or no directory of Shoal's. SH_ERR_CORRUPT: shoal.data is not what was written. On failure nothing is held.
 */
SH_MUST_CHECK enum sh_status sh_data_open(const struct sh_data_options *options, struct sh_host *host,
                                          uint32_t shard_count, struct sh_data *data, struct sh_error *err);
void sh_data_close(struct sh_data *data);
/* DIR/name, with the shard's number behind it if shard is not SH_DATA_NO_SHARD. */
#define SH_DATA_NO_SHARD UINT32_MAX
void sh_data_path(const struct sh_data *data, const char *name, uint32_t shard, char path[SH_DATA_PATH_BYTES_MAX]);

#endif
