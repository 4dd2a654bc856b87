/* log_recover.c -- opening a log, giving its records back, and cutting off a torn end.
 *
 * Nothing of the log's files is changed before the end was judged. Then, in this order: whatever is not zero behind the
 * end is filled with zeroes; files behind the one where the log ended become spares; what is kept is synced, because it
 * may stand in the page cache alone and is about to be served. A crash in the middle finds the same end again.
 */
#include <string.h>

#include "log_private.h"
#include "log_walk.h"
#include "memory.h"

/* ---- opening ---- */

enum sh_status sh_log_open(const struct sh_log_options *options, struct sh_log **log, struct sh_error *err) {
    *log = NULL;
    sh_assert(options->events != NULL && options->events->on_durable != NULL);
    const uint64_t segment_bytes = options->segment_bytes == 0 ? SH_LOG_SEGMENT_BYTES_DEFAULT : options->segment_bytes;
    if (segment_bytes < SH_LOG_SEGMENT_BYTES_MIN || segment_bytes % SH_LOG_BLOCK_BYTES != 0 ||
        segment_bytes > SH_LOG_SEGMENT_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a file of the log has %d to %llu bytes, a multiple of 4096",
                       SH_LOG_SEGMENT_BYTES_MIN, (unsigned long long)SH_LOG_SEGMENT_BYTES_MAX);
    char longest[SH_LOG_PATH_BYTES_MAX];
    enum sh_status status = sh_log_path(options->directory, "log-00000000", longest, err);
    if (status != SH_OK) return status;
    struct sh_log *made = sh_alloc_zero(sizeof *made);
    if (made == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a log");
    made->options = *options;
    memcpy(made->directory, options->directory, strlen(options->directory) + 1);
    made->options.directory = made->directory;
    if (made->options.interval_ms == 0) made->options.interval_ms = SH_LOG_INTERVAL_MS_DEFAULT;
    made->seed = sh_log_seed(options->store, options->shard);
    made->new_block_count = (uint32_t)(segment_bytes / SH_LOG_BLOCK_BYTES);
    made->lock = -1;
    made->directory_handle = -1;
    made->current.handle = -1;
    made->filling.used = SH_LOG_STREAM_BYTES;
    made->writing.used = SH_LOG_STREAM_BYTES;
    sh_log_space_init(made);

    if (options->create) status = sh_disk_ensure_directory(options->disk, made->directory, err);
    if (status != SH_OK) goto done;
    status = sh_disk_open(options->disk, made->directory, SH_IO_OPEN_DIRECTORY, &made->directory_handle, err);
    if (status != SH_OK) goto done;
    if ((status = sh_log_lock(options->disk, made->directory, true, &made->lock, err)) != SH_OK) goto done;
    status = sh_log_files_read(options->disk, made->directory, &options->store, &options->shard, &made->files, err);
    if (status != SH_OK) goto done;
    if (made->files.head_count == 0 && !options->create)
        status = sh_fail(err, SH_ERR_NOT_FOUND, -1, "%s holds no log", made->directory);

done:
    if (status == SH_OK)
        *log = made;
    else
        sh_log_close(made);
    return status;
}

void sh_log_close(struct sh_log *log) {
    if (log == NULL) return;
    struct sh_disk *disk = log->options.disk;
    sh_assert(sh_log_space_is_idle(log));
    sh_assert(!log->is_writing && !log->is_syncing);
    if (log->options.io != NULL && log->sync_timer.place != 0) sh_io_timer_stop(log->options.io, &log->sync_timer);
    sh_log_space_deinit(log);
    if (log->current.handle >= 0) (void)sh_disk_close(disk, log->directory, log->current.handle, NULL);
    if (log->directory_handle >= 0) (void)sh_disk_close(disk, log->directory, log->directory_handle, NULL);
    if (log->lock >= 0) (void)sh_disk_close(disk, log->directory, log->lock, NULL);
    sh_log_files_deinit(&log->files);
    sh_log_buffer_free(log->filling.buffer);
    sh_log_buffer_free(log->writing.buffer);
    sh_free(log);
}

void sh_log_abandon(struct sh_log *log) {
    if (log == NULL) return;
    /* The timers and the requests were the io's, and went with it. */
    log->options.io = NULL;
    log->is_writing = false;
    log->is_syncing = false;
    log->space.is_running = false;
    sh_log_close(log);
}

/* ---- getting ready to append ---- */

static enum sh_status open_target(struct sh_log *log, uint32_t number, uint64_t byte_count,
                                  struct sh_log_target *target, struct sh_error *err) {
    char path[SH_LOG_PATH_BYTES_MAX];
    sh_log_path_of(log, number, path);
    *target = (struct sh_log_target){.number = number, .block_count = (uint32_t)(byte_count / SH_LOG_BLOCK_BYTES)};
    log->is_direct = log->options.durability == SH_LOG_SYNC;
    enum sh_status status = sh_disk_open(log->options.disk, path, sh_log_open_flags(log), &target->handle, err);
    if (status != SH_ERR_UNSUPPORTED) return status;
    log->is_direct = false;
    return sh_disk_open(log->options.disk, path, sh_log_open_flags(log), &target->handle, err);
}

/* Fill with zeroes what is not zero from block `from` to the end of the file, and sync. */
static enum sh_status clean(struct sh_log *log, uint32_t number, uint64_t byte_count, uint32_t from, uint8_t *buffer,
                            struct sh_error *err) {
    char path[SH_LOG_PATH_BYTES_MAX];
    sh_log_path_of(log, number, path);
    struct sh_log_target target;
    enum sh_status status = open_target(log, number, byte_count, &target, err);
    if (status != SH_OK) return status;
    struct sh_disk *disk = log->options.disk;
    const uint64_t end = (uint64_t)target.block_count * SH_LOG_BLOCK_BYTES;
    for (uint64_t at = (uint64_t)from * SH_LOG_BLOCK_BYTES; at < end && status == SH_OK;) {
        const size_t wanted = end - at < SH_LOG_READ_BYTES ? (size_t)(end - at) : SH_LOG_READ_BYTES;
        size_t got;
        status = sh_disk_read(disk, path, target.handle, buffer, wanted, at, &got, err);
        bool is_zero = got == wanted;
        for (size_t i = 0; i < got && is_zero; i += SH_LOG_BLOCK_BYTES)
            is_zero = sh_log_block_is_zero((const struct sh_log_block *)(const void *)(buffer + i));
        if (status == SH_OK && !is_zero) {
            memset(buffer, 0, wanted);
            status = sh_disk_write(disk, path, target.handle, buffer, wanted, at, err);
        }
        at += wanted;
    }
    if (status == SH_OK) status = sh_disk_sync(disk, path, target.handle, err);
    const enum sh_status closed = sh_disk_close(disk, path, target.handle, status == SH_OK ? err : NULL);
    return status == SH_OK ? closed : status;
}

/* The files behind the end, and those without a head: spares, if they have the size of new files. */
static enum sh_status take_spares(struct sh_log *log, bool is_clean, uint8_t *buffer, struct sh_error *err) {
    struct sh_log_files *files = &log->files;
    const uint64_t new_bytes = (uint64_t)log->new_block_count * SH_LOG_BLOCK_BYTES;
    enum sh_status status = SH_OK;
    while (files->count > files->head_count && status == SH_OK) {
        const struct sh_log_file file = files->files[files->count - 1];
        const bool is_kept = file.byte_count == new_bytes && log->spare_count < SH_LOG_SPARE_COUNT;
        /* Also those that go away: what somebody wanted forgotten may stand in them. */
        const uint64_t byte_count = file.byte_count - file.byte_count % SH_LOG_BLOCK_BYTES;
        const uint32_t from = is_clean ? (uint32_t)(byte_count / SH_LOG_BLOCK_BYTES) : 0;
        status = clean(log, file.number, byte_count, from, buffer, err);
        if (status != SH_OK) return status;
        if (is_kept) {
            struct sh_log_target target;
            if ((status = open_target(log, file.number, file.byte_count, &target, err)) != SH_OK) return status;
            sh_log_space_add(log, target);
        } else {
            char path[SH_LOG_PATH_BYTES_MAX];
            sh_log_path_of(log, file.number, path);
            status = sh_disk_unlink(log->options.disk, path, err);
        }
        files->count--;
    }
    return status;
}

/* The first file of a new log, with a head and nothing else. */
static enum sh_status make_first(struct sh_log *log, uint8_t *buffer, struct sh_error *err) {
    struct sh_disk *disk = log->options.disk;
    const uint32_t number = sh_log_free_number(log);
    char path[SH_LOG_PATH_BYTES_MAX];
    sh_log_path_of(log, number, path);
    enum sh_status status = sh_grow((void **)&log->files.files, &log->files.capacity, (uint64_t)log->files.count + 1,
                                    sizeof *log->files.files);
    if (status != SH_OK) return sh_fail(err, status, -1, "no memory for a log");

    struct sh_log_target *current = &log->current;
    const uint64_t byte_count = (uint64_t)log->new_block_count * SH_LOG_BLOCK_BYTES;
    int handle;
    status = sh_disk_open(disk, path, SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE | SH_IO_OPEN_TRUNCATE, &handle, err);
    if (status != SH_OK) return status;
    memset(buffer, 0, SH_LOG_READ_BYTES);
    for (uint64_t at = 0; at < byte_count && status == SH_OK; at += SH_LOG_READ_BYTES) {
        const size_t count = byte_count - at < SH_LOG_READ_BYTES ? (size_t)(byte_count - at) : SH_LOG_READ_BYTES;
        status = sh_disk_write(disk, path, handle, buffer, count, at, err);
    }
    if (status == SH_OK) status = sh_disk_sync(disk, path, handle, err);
    const enum sh_status closed = sh_disk_close(disk, path, handle, status == SH_OK ? err : NULL);
    if (status == SH_OK) status = closed;
    if (status == SH_OK) status = open_target(log, number, byte_count, current, err);
    if (status != SH_OK) {
        (void)sh_disk_unlink(disk, path, NULL);
        return status;
    }

    struct sh_log_block *head = (struct sh_log_block *)(void *)buffer;
    sh_log_head_write(head, log->options.store, log->options.shard, byte_count);
    log->sequence = 1;
    log->salt = sh_log_salt_next(log);
    head->sequence = log->sequence;
    head->salt = log->salt;
    head->durable = log->appended;
    head->first = log->appended + 1;
    head->checksum = sh_log_block_checksum(head, log->seed);
    log->previous = head->checksum;
    log->next_block = 1;
    log->vouched = log->appended;
    log->files.files[log->files.count++] = (struct sh_log_file){.number = number,
                                                                .byte_count = byte_count,
                                                                .has_head = true,
                                                                .checksum = head->checksum,
                                                                .salt = head->salt,
                                                                .sequence = head->sequence,
                                                                .durable = head->durable,
                                                                .first = head->first,
                                                                .store = log->options.store,
                                                                .shard = log->options.shard};
    log->files.head_count++;
    if ((status = sh_disk_write(disk, path, current->handle, head, SH_LOG_BLOCK_BYTES, 0, err)) != SH_OK) return status;
    return sh_disk_sync(disk, path, current->handle, err);
}

/* The file where the walk ended is the one that goes on. */
static enum sh_status take_current(struct sh_log *log, const struct sh_log_walk *walk, bool is_clean, uint8_t *buffer,
                                   struct sh_error *err) {
    const struct sh_log_file file = log->files.files[walk->index];
    log->files.head_count = walk->index + 1;
    log->next_block = walk->block;
    log->sequence = file.sequence;
    log->salt = file.salt;
    log->previous = walk->previous;
    const uint32_t from = is_clean ? (uint32_t)(file.byte_count / SH_LOG_BLOCK_BYTES) : walk->block;
    const enum sh_status status = clean(log, file.number, file.byte_count, from, buffer, err);
    if (status != SH_OK) return status;
    return open_target(log, file.number, file.byte_count, &log->current, err);
}

/* ---- replaying ---- */

/* Who is given the records. */
struct receiver {
    enum sh_status (*each)(void *context, uint64_t position, const uint8_t *bytes, size_t count, struct sh_error *err);
    void *context;
};

static enum sh_status walk_records(struct sh_log_walk *walk, uint64_t after, const struct receiver *receiver,
                                   struct sh_log_end *end, struct sh_error *err) {
    for (;;) {
        struct sh_log_entry record;
        bool at_end;
        enum sh_status status = sh_log_walk_next(walk, &record, &at_end, err);
        if (status != SH_OK || at_end) return status;
        /* A record of no bytes stands for one that was lost, and a repair said so. */
        if (record.position <= after || record.count == 0) continue;
        end->record_count++;
        end->record_bytes += record.count;
        if (receiver->each == NULL) continue;
        status = receiver->each(receiver->context, record.position, record.bytes, record.count, err);
        if (status != SH_OK) return status;
    }
}

/* is_clean: all that is behind the end was seen to be zero. */
static enum sh_status get_ready(struct sh_log *log, const struct sh_log_walk *walk, bool is_clean,
                                struct sh_error *err) {
    uint8_t *buffer = sh_log_buffer_alloc(SH_LOG_READ_BYTES);
    if (buffer == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to open a log");
    enum sh_status status = SH_OK;
    const bool is_new = log->files.head_count == 0;
    if (!is_new) status = take_current(log, walk, is_clean, buffer, err);
    if (status == SH_OK) status = take_spares(log, is_clean, buffer, err);
    if (status == SH_OK && is_new) status = make_first(log, buffer, err);
    if (status == SH_OK) status = sh_disk_sync(log->options.disk, log->directory, log->directory_handle, err);
    sh_log_buffer_free(buffer);
    return status;
}

enum sh_status sh_log_replay(struct sh_log *log, uint64_t after,
                             enum sh_status (*each)(void *context, uint64_t position, const uint8_t *bytes,
                                                    size_t count, struct sh_error *err),
                             void *context, struct sh_log_end *end, struct sh_error *err) {
    sh_assert(!log->is_replayed);
    *end = (struct sh_log_end){0};
    const bool is_new = log->files.head_count == 0;
    const struct receiver receiver = {each, context};
    if (is_new && log->options.create_after > after)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "%s is to begin behind record %llu, but record %llu is needed",
                       log->directory, (unsigned long long)log->options.create_after, (unsigned long long)after + 1);
    struct sh_log_walk walk;
    enum sh_status status = sh_log_walk_open(&walk, log->options.disk, log->directory, &log->files, log->options.store,
                                             log->options.shard, after, err);
    if (status != SH_OK) return status;
    if ((status = walk_records(&walk, after, &receiver, end, err)) != SH_OK) goto done;
    struct sh_log_rest rest;
    if ((status = sh_log_walk_judge(&walk, &rest, err)) != SH_OK) goto done;
    end->position = is_new ? log->options.create_after : walk.next - 1;
    end->dropped_bytes = rest.used_bytes;
    if (end->position < after) {
        status = sh_fail(err, SH_ERR_CORRUPT, -1,
                         "%s ends with record %llu, but a snapshot holds records up to %llu: the log has lost its end",
                         log->directory, (unsigned long long)end->position, (unsigned long long)after);
        goto done;
    }
    log->has_head_synced = true; /* when get_ready is done */
    log->appended = log->durable = log->synced = end->position;
    log->vouched = walk.durable; /* not rest.vouched: what stands behind the end is about to be filled with zeroes */
    if ((status = get_ready(log, &walk, rest.used_bytes == 0, err)) == SH_OK) log->is_replayed = true;

done:
    sh_log_walk_close(&walk);
    return status;
}
