/* log_private.h -- a log that is open. For the files of this folder and their tests.
 *
 *   log.c          append, commit, seal: groups of blocks on their way to the current file
 *   log_space.c    one file at a time is made ready in the background: created, or zeroed when it was released
 *   log_recover.c  opening, replaying, cutting a torn end
 */
#ifndef SH_LOG_PRIVATE_H
#define SH_LOG_PRIVATE_H

#include "log.h"
#include "log_files.h"

enum {
    SH_LOG_GROUP_BLOCKS_START = 64,  /* of a group's first buffer */
    SH_LOG_GROUP_BLOCKS_KEEP = 1024, /* a buffer that grew larger is given back when it was written */
    SH_LOG_ZERO_BYTES = 256 << 10,   /* one write of zeroes: commits in between wait 0.2 ms, not more */
    SH_LOG_RESERVE_SHARE = 16,       /* of a file's blocks, one in so many is kept for urgent records */
    SH_LOG_SPACE_RETRY_MS = 250,     /* after no file could be made */
    SH_LOG_SPARE_PLACES = SH_LOG_SPARE_COUNT + 1,
};

/* A file that is open for commits. */
struct sh_log_target {
    uint32_t number;
    int handle; /* -1: none */
    uint32_t block_count;
};

/* Records on their way: blocks one after another, with room for a file's head in front. */
struct sh_log_group {
    uint8_t *buffer;
    uint32_t capacity; /* blocks, the head's included */
    uint32_t count;    /* blocks in use, the head's not included */
    uint32_t used;     /* bytes of the stream in the last one */
    uint64_t last;     /* position of the last record; 0: none */
};

enum sh_log_job { SH_LOG_JOB_NONE, SH_LOG_JOB_CREATE, SH_LOG_JOB_RECYCLE };

/* What is being made ready; see log_space.c. */
struct sh_log_space {
    enum sh_log_job job;
    uint32_t step;
    struct sh_log_target target;
    uint64_t zeroed_bytes;
    struct sh_io_file_request request;
    bool is_running; /* the request is in flight */
    bool is_failing; /* the last attempt failed, and why: */
    struct sh_error why;
    struct sh_io_timer retry;
    char path[SH_LOG_PATH_BYTES_MAX];
    uint8_t *zeroes;
};

struct sh_log {
    struct sh_log_options options; /* directory is the log's own copy */
    char directory[SH_LOG_PATH_BYTES_MAX];
    uint64_t seed;
    uint32_t new_block_count; /* of a new file */
    int lock;
    int directory_handle;
    bool is_direct;
    bool is_replayed;
    struct sh_log_files files; /* those with a head, the current one last; after replaying, no others */

    /* the current file, and where the next block goes */
    struct sh_log_target current;
    uint32_t next_block;
    bool has_head_synced; /* the head of the current file would survive a power cut */
    uint64_t sequence;
    uint64_t salt;
    uint64_t previous; /* checksum of the last block */
    struct sh_log_target spares[SH_LOG_SPARE_PLACES];
    uint32_t spare_count;
    uint32_t salt_count; /* used of options.salt */

    /* positions */
    uint64_t appended;
    uint64_t durable;
    uint64_t synced;
    uint64_t vouched; /* a written block says that records up to this one are durable */
    uint64_t released;

    struct sh_log_group filling;
    struct sh_log_group writing;
    struct sh_io_file_request write;
    uint64_t write_vouches;
    bool is_writing;
    struct sh_io_file_request sync;
    uint64_t sync_target;
    uint64_t written_since; /* groups written since the last sync began; 0 in the mode that syncs each */
    bool is_syncing;
    struct sh_io_timer sync_timer;
    bool is_seal_wanted;
    bool is_roll_wanted;
    bool is_refusing; /* an append was refused, on_room is due */
    bool has_failed;
    struct sh_error why;
    char failed_path[SH_LOG_PATH_BYTES_MAX];

    struct sh_log_space space;
    struct sh_log_statistics statistics;
};

/* Hand a request to the io or, without one, carry it out and call back at once. */
void sh_log_start(struct sh_log *log, struct sh_io_file_request *request);
void sh_log_fail(struct sh_log *log, const struct sh_io_file_request *request, uint32_t number);
unsigned sh_log_open_flags(const struct sh_log *log);
uint64_t sh_log_salt_next(struct sh_log *log);
void sh_log_path_of(const struct sh_log *log, uint32_t number, char path[SH_LOG_PATH_BYTES_MAX]);
void sh_log_room_made(struct sh_log *log);

/* ---- log_space.c ---- */

/* Go on with the work of making files ready, if there is any and none is in flight. */
void sh_log_space_work(struct sh_log *log);
/* After a failure: try now rather than later. */
void sh_log_space_retry(struct sh_log *log);
bool sh_log_space_is_idle(const struct sh_log *log);
void sh_log_space_init(struct sh_log *log);
void sh_log_space_deinit(struct sh_log *log);
/* Put a file that is open and all zeroes among the spares. */
void sh_log_space_add(struct sh_log *log, struct sh_log_target target);
uint32_t sh_log_free_number(const struct sh_log *log);

#endif
