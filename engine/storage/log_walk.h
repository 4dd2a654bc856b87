/* log_walk.h -- reading a log record by record: for recovery, and for tools that look at a log without changing it.
 *
 *   sh_log_walk_open     begin with the file that holds the first wanted record
 *   sh_log_walk_next     record, record, record ... at_end
 *   sh_log_walk_judge    is that end a torn one, which may be cut off, or damage?
 *
 * The rules are those of log_format.h. All bytes are taken for hostile: whatever they are, a walk ends with a record,
 * an end or a status.
 */
#ifndef SH_LOG_WALK_H
#define SH_LOG_WALK_H

#include "log_files.h"

/* Where a record or an end is. */
struct sh_log_place {
    uint32_t number; /* of the file's name */
    uint32_t block;
    uint32_t offset; /* in the block */
};

struct sh_log_entry {
    uint64_t position;
    const uint8_t *bytes; /* good until the next call */
    size_t count;         /* 0: a repair says that this record was lost */
    struct sh_log_place place;
};

struct sh_log_walk {
    struct sh_disk *disk;
    const char *directory;
    const struct sh_log_files *files;
    uint64_t seed;
    /* the file that is being read */
    uint32_t index; /* in files; head_count at the end of a log without files */
    int handle;     /* -1: none */
    char path[SH_LOG_PATH_BYTES_MAX];
    uint32_t block; /* the next one to look at */
    uint8_t *buffer;
    uint32_t buffer_block; /* the first one in the buffer */
    uint32_t buffer_count;
    uint64_t read_bytes; /* in all */
    /* the chain */
    uint64_t previous; /* checksum of the last block that was valid in its place */
    uint64_t durable;  /* the most that a valid block has said */
    uint64_t next;     /* position of the next record */
    bool is_at_end;
    /* the block whose records are being given */
    const struct sh_log_block *current;
    uint32_t at; /* in its stream */
    /* a record that reaches over the end of a block */
    uint8_t *part;
    uint64_t part_capacity;
    uint64_t part_count;
    struct sh_log_place part_place;
    bool has_part;
};

/* What lies behind the end of a walk. */
struct sh_log_rest {
    uint64_t used_bytes; /* blocks that are not zero, where the log ended and behind it: a torn end */
    uint64_t vouched;    /* the highest position that any block says was durable */
};

/* after: records up to it need not be read, but may be given. files must stay. On failure *walk need not be closed.
 * SH_ERR_CORRUPT if the log begins behind after + 1. A log without a file that has a head is at its end at once, with
 * next 1. */
SH_MUST_CHECK enum sh_status sh_log_walk_open(struct sh_log_walk *walk, struct sh_disk *disk, const char *directory,
                                              const struct sh_log_files *files, uint64_t store, uint32_t shard,
                                              uint64_t after, struct sh_error *err);
void sh_log_walk_close(struct sh_log_walk *walk);
/* The next record, or *at_end. SH_ERR_CORRUPT: valid blocks that contradict each other, or a record whose own checksum
 * is wrong. */
SH_MUST_CHECK enum sh_status sh_log_walk_next(struct sh_log_walk *walk, struct sh_log_entry *record, bool *at_end,
                                              struct sh_error *err);
/* At the end: look at every block behind it, in all files. SH_ERR_CORRUPT if the end is damage: the words name file,
 * offset and record, and which block knows better. */
SH_MUST_CHECK enum sh_status sh_log_walk_judge(struct sh_log_walk *walk, struct sh_log_rest *rest,
                                               struct sh_error *err);
/* After SH_ERR_CORRUPT: go on with the first record that can be read behind the place of damage. *found is false if
 * there is none. What is given from then on may have holes: record->position tells. */
SH_MUST_CHECK enum sh_status sh_log_walk_resume(struct sh_log_walk *walk, bool *found, struct sh_error *err);

/* Where the walk is: the file's name and the offset of the block it would look at next. */
void sh_log_walk_where(const struct sh_log_walk *walk, char name[SH_LOG_NAME_BYTES], uint64_t *offset);

#endif
