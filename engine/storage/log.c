#include "log.h"

#include <string.h>

#include "hash.h"
#include "log_private.h"
#include "memory.h"

enum { RECORD_HEAD = sizeof(struct sh_log_record_head) };

static struct sh_log_block *block_at(const struct sh_log_group *group, uint32_t index) {
    return (struct sh_log_block *)(void *)(group->buffer + (size_t)index * SH_LOG_BLOCK_BYTES);
}

/* ---- requests ---- */

void sh_log_start(struct sh_log *log, struct sh_io_file_request *request) {
    if (log->options.io != NULL) {
        sh_io_file(log->options.io, request);
        return;
    }
    log->options.disk->run(log->options.disk, request);
    request->done(NULL, request);
}

void sh_log_path_of(const struct sh_log *log, uint32_t number, char path[SH_LOG_PATH_BYTES_MAX]) {
    char name[SH_LOG_NAME_BYTES];
    sh_log_name(number, name);
    /* It fitted when the log was opened: all names are of one length. */
    const enum sh_status status = sh_log_path(log->directory, name, path, NULL);
    sh_assert(status == SH_OK);
}

void sh_log_fail(struct sh_log *log, const struct sh_io_file_request *request, uint32_t number) {
    if (log->has_failed) return;
    log->has_failed = true;
    sh_log_path_of(log, number, log->failed_path);
    (void)sh_file_fail(request, log->failed_path, &log->why);
    log->why.status = SH_ERR_IO;
    (void)sh_fail_hint(&log->why, SH_ERR_IO,
                       "the log takes no more records; reads go on. Look after the disk, then start again");
    if (log->options.events->on_failed != NULL) log->options.events->on_failed(log->options.context, &log->why);
}

void sh_log_room_made(struct sh_log *log) {
    if (!log->is_refusing || log->has_failed) return;
    log->is_refusing = false;
    if (log->options.events->on_room != NULL) log->options.events->on_room(log->options.context);
}

unsigned sh_log_open_flags(const struct sh_log *log) {
    unsigned flags = SH_IO_OPEN_WRITE;
    if (log->options.durability == SH_LOG_SYNC) flags |= SH_IO_OPEN_DURABLE;
    if (log->is_direct) flags |= SH_IO_OPEN_DIRECT;
    return flags;
}

uint64_t sh_log_salt_next(struct sh_log *log) {
    return sh_hash_mix(log->options.salt, ++log->salt_count);
}

/* ---- appending ---- */

static enum sh_status group_reserve(struct sh_log_group *group, uint32_t block_count, struct sh_error *err) {
    const uint32_t needed = block_count + 1;
    if (needed <= group->capacity) return SH_OK;
    uint32_t capacity = group->capacity + group->capacity / 2;
    if (capacity < SH_LOG_GROUP_BLOCKS_START) capacity = SH_LOG_GROUP_BLOCKS_START;
    if (capacity < needed) capacity = needed;
    uint8_t *buffer = sh_log_buffer_alloc((size_t)capacity * SH_LOG_BLOCK_BYTES);
    if (buffer == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for the log");
    if (group->buffer != NULL) memcpy(buffer, group->buffer, (size_t)(group->count + 1) * SH_LOG_BLOCK_BYTES);
    sh_log_buffer_free(group->buffer);
    group->buffer = buffer;
    group->capacity = capacity;
    return SH_OK;
}

static void group_clear(struct sh_log_group *group) {
    group->count = 0;
    group->used = SH_LOG_STREAM_BYTES;
    group->last = 0;
    if (group->capacity <= SH_LOG_GROUP_BLOCKS_KEEP) return;
    sh_log_buffer_free(group->buffer);
    group->buffer = NULL;
    group->capacity = 0;
}

/* A new block at the end, in which the next record to begin has the position first. */
static struct sh_log_block *group_block(struct sh_log_group *group, uint64_t first) {
    struct sh_log_block *block = block_at(group, ++group->count);
    memset(block, 0, offsetof(struct sh_log_block, stream)); /* finish_blocks clears what is left of the stream */
    block->first = first;
    block->begin = SH_LOG_BEGIN_NONE;
    group->used = 0;
    return block;
}

static void group_write(struct sh_log_group *group, uint64_t position, const void *bytes, size_t count) {
    const uint8_t *at = bytes;
    while (count > 0) {
        if (group->used == SH_LOG_STREAM_BYTES) (void)group_block(group, position + 1);
        struct sh_log_block *block = block_at(group, group->count);
        size_t part = SH_LOG_STREAM_BYTES - group->used;
        if (part > count) part = count;
        memcpy(block->stream + group->used, at, part);
        group->used += (uint32_t)part;
        block->used = (uint16_t)group->used;
        at += part;
        count -= part;
    }
}

static void group_add(struct sh_log_group *group, uint64_t position, const struct sh_log_piece *pieces,
                      uint32_t piece_count, const struct sh_log_record_head *head) {
    if (group->used == SH_LOG_STREAM_BYTES) (void)group_block(group, position);
    struct sh_log_block *block = block_at(group, group->count);
    if (block->begin == SH_LOG_BEGIN_NONE) block->begin = (uint16_t)group->used;
    group_write(group, position, head, sizeof *head);
    for (uint32_t i = 0; i < piece_count; i++)
        group_write(group, position, pieces[i].bytes, pieces[i].count);
    group->last = position;
}

static uint32_t reserve_blocks(uint32_t block_count) {
    return block_count / SH_LOG_RESERVE_SHARE;
}

uint64_t sh_log_record_bytes_max(uint64_t segment_bytes) {
    if (segment_bytes == 0) segment_bytes = SH_LOG_SEGMENT_BYTES_DEFAULT;
    uint64_t blocks = segment_bytes / SH_LOG_BLOCK_BYTES;
    blocks -= 1 + reserve_blocks((uint32_t)blocks);
    if (blocks > SH_LOG_GROUP_BYTES_MAX / SH_LOG_BLOCK_BYTES) blocks = SH_LOG_GROUP_BYTES_MAX / SH_LOG_BLOCK_BYTES;
    return blocks * SH_LOG_STREAM_BYTES - RECORD_HEAD;
}

/* May the group being filled grow to so many blocks? SH_ERR_BUSY: later; SH_ERR_LIMIT: when the disk has space. */
static enum sh_status room_for(const struct sh_log *log, uint64_t blocks, enum sh_log_urgency urgency) {
    if (blocks > SH_LOG_GROUP_BYTES_MAX / SH_LOG_BLOCK_BYTES) return SH_ERR_BUSY;
    const uint32_t rest = log->current.block_count - log->next_block;
    if (log->spare_count > 0) return blocks <= rest || blocks < log->spares[0].block_count ? SH_OK : SH_ERR_BUSY;
    const uint32_t kept = urgency == SH_LOG_URGENT ? 0 : reserve_blocks(log->current.block_count);
    if (blocks + kept <= rest) return SH_OK;
    return log->space.is_failing ? SH_ERR_LIMIT : SH_ERR_BUSY;
}

static enum sh_status refuse(struct sh_log *log, enum sh_status status, struct sh_error *err) {
    log->is_refusing = true;
    log->statistics.refused_count++;
    if (status == SH_ERR_LIMIT) {
        const enum sh_status failed =
            sh_fail(err, SH_ERR_LIMIT, -1, "nothing can be written: %s", log->space.why.message);
        return sh_fail_hint(err, failed, "reads go on, and writes again when there is space; try again later");
    }
    return sh_fail(err, SH_ERR_BUSY, -1, "the log is behind: more waits to be written than can be kept");
}

enum sh_status sh_log_append(struct sh_log *log, const struct sh_log_piece *pieces, uint32_t piece_count,
                             enum sh_log_urgency urgency, uint64_t *position, struct sh_error *err) {
    sh_assert(log->is_replayed);
    *position = 0;
    if (log->has_failed) {
        if (err != NULL) *err = log->why;
        return SH_ERR_IO;
    }
    uint64_t count = 0;
    for (uint32_t i = 0; i < piece_count; i++)
        count += pieces[i].count;
    if (count > sh_log_record_bytes_max((uint64_t)log->new_block_count * SH_LOG_BLOCK_BYTES))
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "%llu bytes do not fit a file of the log", (unsigned long long)count);

    struct sh_log_group *group = &log->filling;
    const uint64_t stream_bytes = (uint64_t)group->count * SH_LOG_STREAM_BYTES -
                                  (group->count > 0 ? SH_LOG_STREAM_BYTES - group->used : 0) + RECORD_HEAD + count;
    const uint64_t blocks = sh_log_blocks(stream_bytes);
    enum sh_status status = room_for(log, blocks, urgency);
    if (status != SH_OK) {
        sh_log_space_retry(log);
        if ((status = room_for(log, blocks, urgency)) != SH_OK) return refuse(log, status, err);
    }
    if ((status = group_reserve(group, (uint32_t)blocks, err)) != SH_OK) return status;

    struct sh_log_record_head head = {.count = (uint32_t)count, .position = log->appended + 1};
    if (piece_count == 1) {
        head.checksum = sh_log_record_checksum(head.position, pieces[0].bytes, pieces[0].count);
    } else {
        head.checksum = sh_log_pieces_checksum(head.position, pieces, piece_count);
    }
    group_add(group, head.position, pieces, piece_count, &head);
    sh_assert(group->count == blocks);
    log->appended++;
    log->statistics.append_count++;
    log->statistics.append_bytes += count;
    *position = head.position;
    return SH_OK;
}

/* ---- committing ---- */

static void on_write_done(void *context, struct sh_io_file_request *request);
static void on_sync_done(void *context, struct sh_io_file_request *request);

static void sync_start(struct sh_log *log) {
    if (log->is_syncing || log->written_since == 0 || log->has_failed) return;
    log->is_syncing = true;
    log->written_since = 0;
    log->sync_target = log->durable;
    log->sync = (struct sh_io_file_request){
        .operation = SH_IO_FILE_SYNC_DATA, .handle = log->current.handle, .done = on_sync_done};
    sh_log_start(log, &log->sync);
}

static void on_sync_timer(void *context, struct sh_io_timer *timer) {
    (void)context;
    struct sh_log *log = (struct sh_log *)(void *)((char *)timer - offsetof(struct sh_log, sync_timer));
    sync_start(log);
}

static void on_sync_done(void *context, struct sh_io_file_request *request) {
    (void)context;
    struct sh_log *log = (struct sh_log *)(void *)((char *)request - offsetof(struct sh_log, sync));
    log->is_syncing = false;
    log->statistics.sync_count++;
    if (request->status != SH_OK) {
        sh_log_fail(log, request, log->current.number);
    } else {
        /* A file is begun only when all before it is synced: this was of the current one, head included. */
        log->has_head_synced = true;
        if (log->sync_target > log->synced) log->synced = log->sync_target;
    }
}

/* A sync is due after interval_ms, if it is not already. Without memory for the timer: now. */
static void sync_later(struct sh_log *log) {
    if (log->options.durability != SH_LOG_INTERVAL || log->options.io == NULL || log->sync_timer.place != 0) return;
    log->sync_timer.fire = on_sync_timer;
    const uint64_t due_ns = sh_io_monotonic_ns(log->options.io) + (uint64_t)log->options.interval_ms * 1000000u;
    if (sh_io_timer_start(log->options.io, &log->sync_timer, due_ns) != SH_OK) sync_start(log);
}

/* Begin the first spare: its head goes in front of the group, in the same write. */
static void roll(struct sh_log *log) {
    sh_assert(log->spare_count > 0);
    char path[SH_LOG_PATH_BYTES_MAX];
    sh_log_path_of(log, log->current.number, path);
    (void)sh_disk_close(log->options.disk, path, log->current.handle, NULL);
    log->current = log->spares[0];
    log->spare_count--;
    memmove(log->spares, log->spares + 1, log->spare_count * sizeof *log->spares);
    log->next_block = 0;
    log->has_head_synced = false;
    log->sequence++;
    log->salt = sh_log_salt_next(log);
    sh_log_head_write(block_at(&log->writing, 0), log->options.store, log->options.shard,
                      (uint64_t)log->current.block_count * SH_LOG_BLOCK_BYTES);
    block_at(&log->writing, 0)->first = block_at(&log->writing, 1)->first;
}

/* Fill in what depends on the place in the log, and seal each block. */
static void finish_blocks(struct sh_log *log, uint32_t begin, uint32_t end) {
    for (uint32_t i = begin; i < end; i++) {
        struct sh_log_block *block = block_at(&log->writing, i);
        memset(block->stream + block->used, 0, SH_LOG_STREAM_BYTES - block->used);
        block->previous = log->previous;
        block->salt = log->salt;
        block->sequence = log->sequence;
        block->durable = log->synced;
        block->place = log->next_block++;
        block->checksum = sh_log_block_checksum(block, log->seed);
        log->previous = block->checksum;
    }
}

/* The list of files has room for one more: group_start made it. */
static void list_current(struct sh_log *log) {
    const struct sh_log_block *head = block_at(&log->writing, 0);
    log->files.files[log->files.count++] =
        (struct sh_log_file){.number = log->current.number,
                             .byte_count = (uint64_t)log->current.block_count * SH_LOG_BLOCK_BYTES,
                             .has_head = true,
                             .checksum = head->checksum,
                             .previous = head->previous,
                             .salt = head->salt,
                             .sequence = head->sequence,
                             .durable = head->durable,
                             .first = head->first,
                             .store = log->options.store,
                             .shard = log->options.shard};
    log->files.head_count++;
}

/* Write what is in the group being filled. false: it has to wait, or there is no room for an empty block. */
static bool group_start(struct sh_log *log) {
    const bool fits = log->filling.count <= log->current.block_count - log->next_block;
    const bool may_roll =
        log->is_roll_wanted && log->spare_count > 0 && log->filling.count < log->spares[0].block_count;
    const bool is_rolling = !fits || may_roll;
    if (is_rolling && log->spare_count == 0) return false;
    if (is_rolling && (log->written_since > 0 || log->is_syncing)) {
        /* At most one file has bytes that are not synced. */
        sync_start(log);
        if (log->is_syncing || log->has_failed) return false;
    }
    if (is_rolling && sh_grow((void **)&log->files.files, &log->files.capacity, (uint64_t)log->files.count + 1,
                              sizeof *log->files.files) != SH_OK)
        return false; /* the next turn tries again */
    const struct sh_log_group filled = log->filling;
    log->filling = log->writing;
    log->writing = filled;
    if (is_rolling) roll(log);
    if (is_rolling) log->is_roll_wanted = false;
    const uint32_t begin = is_rolling ? 0 : 1;
    const uint32_t end = log->writing.count + 1;
    const uint32_t place = log->next_block;
    log->write_vouches = log->synced;
    finish_blocks(log, begin, end);
    if (is_rolling) list_current(log);
    log->is_writing = true;
    log->write = (struct sh_io_file_request){
        .operation = SH_IO_FILE_WRITE,
        .handle = log->current.handle,
        .bytes = log->writing.buffer + (size_t)begin * SH_LOG_BLOCK_BYTES,
        .byte_count = (size_t)(end - begin) * SH_LOG_BLOCK_BYTES,
        .offset = (uint64_t)place * SH_LOG_BLOCK_BYTES,
        .done = on_write_done,
    };
    log->statistics.commit_count++;
    log->statistics.commit_bytes += log->write.byte_count;
    sh_log_start(log, &log->write);
    return true;
}

static void on_write_done(void *context, struct sh_io_file_request *request) {
    (void)context;
    struct sh_log *log = (struct sh_log *)(void *)((char *)request - offsetof(struct sh_log, write));
    log->is_writing = false;
    const uint64_t last = log->writing.last;
    group_clear(&log->writing);
    if (request->status != SH_OK) {
        sh_log_fail(log, request, log->current.number);
        return;
    }
    if (last > log->durable) log->durable = last;
    if (log->write_vouches > log->vouched) log->vouched = log->write_vouches;
    if (log->options.durability == SH_LOG_SYNC) {
        log->synced = log->durable;
        log->has_head_synced = true;
    } else {
        log->written_since++;
        sync_later(log);
    }
    if (last > 0) log->options.events->on_durable(log->options.context, last);
    sh_log_room_made(log);
}

/* One step of what sealing takes: sync, an empty block that says so, and sync again. false: nothing more to do. */
static bool seal_step(struct sh_log *log) {
    if (log->written_since > 0) {
        sync_start(log);
        return true;
    }
    if (log->vouched < log->synced && log->synced == log->appended && group_reserve(&log->filling, 1, NULL) == SH_OK) {
        (void)group_block(&log->filling, log->appended + 1);
        if (group_start(log)) return true;
        group_clear(&log->filling);
        if (!log->space.is_failing) return false; /* the next file is being made */
    }
    log->is_seal_wanted = false;
    return false;
}

/* An empty block begins the next file. false: not now. */
static bool roll_step(struct sh_log *log) {
    const struct sh_log_file *current = &log->files.files[log->files.head_count - 1];
    if (current->first == log->appended + 1) log->is_roll_wanted = false; /* it has no record yet */
    if (!log->is_roll_wanted || log->spare_count == 0 || group_reserve(&log->filling, 1, NULL) != SH_OK) return false;
    (void)group_block(&log->filling, log->appended + 1);
    if (group_start(log)) return true;
    group_clear(&log->filling);
    return false;
}

/* false: nothing can be done now. */
static bool commit_step(struct sh_log *log) {
    if (log->has_failed || log->is_writing) return false;
    if (log->filling.count > 0) return group_start(log);
    if (log->is_roll_wanted && roll_step(log)) return true;
    return log->is_seal_wanted && !log->is_syncing && seal_step(log);
}

void sh_log_commit(struct sh_log *log) {
    sh_assert(log->is_replayed);
    bool is_moving = commit_step(log);
    sh_log_space_work(log);
    /* Without an io each step is done when it returns, and the next can follow. */
    while (log->options.io == NULL && (is_moving || (log->is_seal_wanted && !log->has_failed))) {
        is_moving = commit_step(log);
        sh_log_space_work(log);
    }
}

void sh_log_seal(struct sh_log *log) {
    log->is_seal_wanted = true;
}

void sh_log_roll(struct sh_log *log) {
    log->is_roll_wanted = true;
    log->is_seal_wanted = true; /* the head of the new file must be safe before the old one goes */
}

bool sh_log_is_idle(const struct sh_log *log) {
    if (log->is_writing || log->is_syncing || !sh_log_space_is_idle(log)) return false;
    return log->has_failed || (log->filling.count == 0 && !log->is_seal_wanted);
}

void sh_log_release(struct sh_log *log, uint64_t position) {
    if (position > log->released) log->released = position;
    sh_log_space_work(log);
}

/* ---- what is known ---- */

uint64_t sh_log_position(const struct sh_log *log) {
    return log->appended;
}

uint64_t sh_log_first(const struct sh_log *log) {
    return log->files.head_count > 0 ? log->files.files[0].first : log->appended + 1;
}

uint64_t sh_log_durable(const struct sh_log *log) {
    return log->durable;
}

uint64_t sh_log_synced(const struct sh_log *log) {
    return log->synced;
}

const struct sh_error *sh_log_failed(const struct sh_log *log) {
    return log->has_failed ? &log->why : NULL;
}

struct sh_log_statistics sh_log_statistics_of(const struct sh_log *log) {
    struct sh_log_statistics statistics = log->statistics;
    statistics.segment_count = log->files.head_count;
    statistics.spare_count = log->spare_count;
    statistics.is_direct = log->is_direct;
    return statistics;
}
