/* log_files.h -- the files of a log's directory and what their heads say. For the files of this folder, tools and
 * tests.
 *
 * After sh_log_files_read the files with a head come first, in the order of their sequence; those without one (spares,
 * and leftovers of a crash) follow.
 */
#ifndef SH_LOG_FILES_H
#define SH_LOG_FILES_H

#include "disk.h"
#include "log_format.h"

enum {
    SH_LOG_PATH_BYTES_MAX = 1024,
    SH_LOG_NAME_BYTES = 13,          /* "log-" and eight hexadecimal digits, and the zero */
    SH_LOG_FILE_COUNT_MAX = 1 << 16, /* 4 TiB of log in files of the usual size */
    SH_LOG_READ_BYTES = 256 << 10,   /* one read */
    SH_LOG_BUFFER_ALIGNMENT = 4096,  /* what direct reads and writes ask of memory */
};

struct sh_log_file {
    uint32_t number; /* in its name */
    uint64_t byte_count;
    bool has_head;
    uint64_t checksum; /* of the head block, and so on: what the head says */
    uint64_t previous;
    uint64_t salt;
    uint64_t sequence;
    uint64_t durable;
    uint64_t first;
    uint64_t store;
    uint32_t shard;
};

struct sh_log_files {
    struct sh_log_file *files;
    uint32_t count;
    uint32_t capacity;
    uint32_t head_count;
};

void sh_log_name(uint32_t number, char name[SH_LOG_NAME_BYTES]);
/* Is it the name of a log file, and of which number? */
bool sh_log_name_read(const char *name, uint32_t *number);
/* directory/name. SH_ERR_TOO_LARGE if it does not fit. */
SH_MUST_CHECK enum sh_status sh_log_path(const char *directory, const char *name, char path[SH_LOG_PATH_BYTES_MAX],
                                         struct sh_error *err);

/* List the directory and read all heads. SH_ERR_NOT_FOUND: no such directory. SH_ERR_CONFLICT: heads of different
 * stores or shards, or of others than *store and *shard if those are not NULL. SH_ERR_CORRUPT: a sequence that stands
 * twice, or a file with a head that is shorter than the head says. On failure there is nothing to deinit. */
SH_MUST_CHECK enum sh_status sh_log_files_read(struct sh_disk *disk, const char *directory, const uint64_t *store,
                                               const uint32_t *shard, struct sh_log_files *files, struct sh_error *err);
/* The same for a repair: a file that is too short is taken as if zeroes stood in what it lacks, and a file without a
 * head in which blocks of the log stand is taken for one with a head. *store and *shard say whose blocks, and are
 * filled in by a head, if there is one. */
SH_MUST_CHECK enum sh_status sh_log_files_gather(struct sh_disk *disk, const char *directory, uint64_t *store,
                                                 uint32_t *shard, struct sh_log_files *files, struct sh_error *err);
void sh_log_files_deinit(struct sh_log_files *files);
/* The lowest number of a name that no file has. */
uint32_t sh_log_files_number(const struct sh_log_files *files);
/* Take one out of the list; its place is taken by those behind it. */
void sh_log_files_remove(struct sh_log_files *files, uint32_t index);

/* Keep other processes out of the directory. *handle is to be closed. SH_ERR_CONFLICT: one is in it. make: the lock's
 * file is made if it is missing; otherwise that is fine, and *handle is -1. */
SH_MUST_CHECK enum sh_status sh_log_lock(struct sh_disk *disk, const char *directory, bool make, int *handle,
                                         struct sh_error *err);

/* Memory that starts at a multiple of SH_LOG_BUFFER_ALIGNMENT. NULL if there is none. */
uint8_t *sh_log_buffer_alloc(size_t byte_count);
void sh_log_buffer_free(uint8_t *buffer); /* NULL is fine */

#endif
