/* log_space.c -- files of zeroes, ready before they are needed.
 *
 * One job at a time, one request in flight, each step begun when the one before is done:
 *
 *   create    open aside -> zeroes, a piece at a time -> sync -> close -> sync directory -> open for commits -> ready
 *   recycle   open -> zero the head, sync -> zeroes, a piece at a time -> sync -> ready, or removed if enough are
 *
 * A file that is recycled loses its head first: were the power cut in the middle, no file with a head would have holes.
 * A file counts as ready only when its zeroes are on the disk: from then on no write into it needs space.
 *
 * WHAT IF THERE IS NO SPACE
 *
 * The half-made file is removed, so that it does not hold the last bytes that others need, and the job is tried again
 * after SH_LOG_SPACE_RETRY_MS and whenever an append is refused. Any other failure here is treated the same: no record
 * is in danger, there just is no room for more.
 */
#include <string.h>

#include "log_private.h"
#include "memory.h"

enum create_step { CREATE_OPEN, CREATE_ZERO, CREATE_SYNC, CREATE_CLOSE, CREATE_DIRECTORY, CREATE_REOPEN };
enum recycle_step { RECYCLE_OPEN, RECYCLE_HEAD, RECYCLE_HEAD_SYNC, RECYCLE_ZERO, RECYCLE_SYNC };

static uint64_t target_bytes(const struct sh_log_target *target) {
    return (uint64_t)target->block_count * SH_LOG_BLOCK_BYTES;
}

void sh_log_space_add(struct sh_log *log, struct sh_log_target target) {
    sh_assert(log->spare_count < SH_LOG_SPARE_PLACES);
    log->spares[log->spare_count++] = target;
}

static bool is_number_taken(const struct sh_log *log, uint32_t number) {
    for (uint32_t i = 0; i < log->files.count; i++)
        if (log->files.files[i].number == number) return true;
    for (uint32_t i = 0; i < log->spare_count; i++)
        if (log->spares[i].number == number) return true;
    return log->current.handle >= 0 && log->current.number == number;
}

uint32_t sh_log_free_number(const struct sh_log *log) {
    uint32_t number = 1;
    while (is_number_taken(log, number))
        number++;
    return number;
}

/* ---- steps ---- */

static void zero_request(struct sh_log_space *space, uint64_t end_bytes) {
    uint64_t count = end_bytes - space->zeroed_bytes;
    if (count > SH_LOG_ZERO_BYTES) count = SH_LOG_ZERO_BYTES;
    space->request.operation = SH_IO_FILE_WRITE;
    space->request.bytes = space->zeroes;
    space->request.byte_count = (size_t)count;
    space->request.offset = space->zeroed_bytes;
}

static void create_request(struct sh_log *log, struct sh_log_space *space) {
    struct sh_io_file_request *request = &space->request;
    switch ((enum create_step)space->step) {
    case CREATE_OPEN:
        request->operation = SH_IO_FILE_OPEN;
        request->open_flags = SH_IO_OPEN_WRITE | SH_IO_OPEN_CREATE | SH_IO_OPEN_TRUNCATE;
        if (log->is_direct) request->open_flags |= SH_IO_OPEN_DIRECT;
        break;
    case CREATE_ZERO:
        zero_request(space, target_bytes(&space->target));
        break;
    case CREATE_SYNC:
        request->operation = SH_IO_FILE_SYNC;
        break;
    case CREATE_CLOSE:
        request->operation = SH_IO_FILE_CLOSE;
        break;
    case CREATE_DIRECTORY:
        request->operation = SH_IO_FILE_SYNC;
        request->handle = log->directory_handle;
        break;
    case CREATE_REOPEN:
        request->operation = SH_IO_FILE_OPEN;
        request->open_flags = sh_log_open_flags(log);
        break;
    }
}

static void recycle_request(struct sh_log *log, struct sh_log_space *space) {
    struct sh_io_file_request *request = &space->request;
    switch ((enum recycle_step)space->step) {
    case RECYCLE_OPEN:
        request->operation = SH_IO_FILE_OPEN;
        request->open_flags = sh_log_open_flags(log);
        break;
    case RECYCLE_HEAD:
        zero_request(space, SH_LOG_BLOCK_BYTES);
        break;
    case RECYCLE_ZERO:
        zero_request(space, target_bytes(&space->target));
        break;
    case RECYCLE_HEAD_SYNC:
    case RECYCLE_SYNC:
        request->operation = SH_IO_FILE_SYNC_DATA;
        break;
    }
}

/* ---- the end of a job ---- */

static void close_target(struct sh_log *log, struct sh_log_space *space) {
    if (space->target.handle >= 0) (void)sh_disk_close(log->options.disk, space->path, space->target.handle, NULL);
    space->target.handle = -1;
}

static void job_succeed(struct sh_log *log, struct sh_log_space *space) {
    const bool is_recycled = space->job == SH_LOG_JOB_RECYCLE;
    space->job = SH_LOG_JOB_NONE;
    space->is_failing = false;
    if (is_recycled) {
        sh_log_files_remove(&log->files, 0);
        log->statistics.recycled_count++;
    }
    if (is_recycled && (log->spare_count >= SH_LOG_SPARE_COUNT || space->target.block_count != log->new_block_count)) {
        close_target(log, space);
        (void)sh_disk_unlink(log->options.disk, space->path, NULL); /* if it stays, the next start finds it */
    } else {
        sh_log_space_add(log, space->target);
        space->target.handle = -1;
    }
    sh_log_room_made(log);
}

static void on_retry(void *context, struct sh_io_timer *timer) {
    (void)context;
    struct sh_log *log = (struct sh_log *)(void *)((char *)timer - offsetof(struct sh_log, space.retry));
    sh_log_space_work(log);
}

static void job_fail(struct sh_log *log, struct sh_log_space *space) {
    (void)sh_file_fail(&space->request, space->path, &space->why);
    space->is_failing = true;
    close_target(log, space);
    if (space->job == SH_LOG_JOB_CREATE && space->step > CREATE_OPEN)
        (void)sh_disk_unlink(log->options.disk, space->path, NULL);
    space->job = SH_LOG_JOB_NONE;
    struct sh_io *io = log->options.io;
    if (io == NULL) return;
    /* Without memory for the timer the next refused append tries again. */
    (void)!sh_io_timer_start(io, &space->retry, sh_io_monotonic_ns(io) + (uint64_t)SH_LOG_SPACE_RETRY_MS * 1000000u);
}

/* ---- going on ---- */

static void step_start(struct sh_log *log, struct sh_log_space *space);

/* What the step that is done leaves behind. false: it is to be done again, with the next piece. */
static bool step_finish(struct sh_log_space *space) {
    const bool is_create = space->job == SH_LOG_JOB_CREATE;
    const struct sh_io_file_request *request = &space->request;
    if (request->operation == SH_IO_FILE_OPEN) space->target.handle = (int)request->result;
    if (request->operation == SH_IO_FILE_CLOSE) space->target.handle = -1;
    if (request->operation != SH_IO_FILE_WRITE) return true;
    space->zeroed_bytes += request->byte_count;
    if (!is_create && space->step == RECYCLE_HEAD) return true;
    return space->zeroed_bytes == target_bytes(&space->target);
}

static void on_step_done(void *context, struct sh_io_file_request *request) {
    (void)context;
    struct sh_log *log = (struct sh_log *)(void *)((char *)request - offsetof(struct sh_log, space.request));
    struct sh_log_space *space = &log->space;
    space->is_running = false;
    if (request->status != SH_OK) {
        job_fail(log, space);
        return;
    }
    if (step_finish(space)) space->step++;
    const uint32_t step_count = space->job == SH_LOG_JOB_CREATE ? CREATE_REOPEN + 1 : RECYCLE_SYNC + 1;
    if (space->step == step_count) job_succeed(log, space);
    /* Without an io the loop in sh_log_space_work goes on. */
    if (log->options.io != NULL) sh_log_space_work(log);
}

static void step_start(struct sh_log *log, struct sh_log_space *space) {
    space->request =
        (struct sh_io_file_request){.handle = space->target.handle, .path = space->path, .done = on_step_done};
    if (space->job == SH_LOG_JOB_CREATE)
        create_request(log, space);
    else
        recycle_request(log, space);
    space->is_running = true;
    sh_log_start(log, &space->request);
}

/* Is there a file all of whose records were released? Not as long as a power cut could take the head of the only file
 * behind it: the log would be gone, and with it the knowledge that there was one. */
static bool can_recycle(const struct sh_log *log) {
    if (log->files.head_count == 2 && !log->has_head_synced) return false;
    return log->files.head_count >= 2 && log->files.files[1].first <= log->released + 1;
}

/* Choose the next job. false: there is none. */
static bool job_begin(struct sh_log *log, struct sh_log_space *space) {
    if (space->zeroes == NULL) {
        space->zeroes = sh_log_buffer_alloc(SH_LOG_ZERO_BYTES);
        if (space->zeroes == NULL) return false;
        memset(space->zeroes, 0, SH_LOG_ZERO_BYTES);
    }
    if (can_recycle(log)) {
        space->job = SH_LOG_JOB_RECYCLE;
        space->target.number = log->files.files[0].number;
        space->target.block_count = (uint32_t)(log->files.files[0].byte_count / SH_LOG_BLOCK_BYTES);
    } else if (log->spare_count == 0) {
        space->job = SH_LOG_JOB_CREATE;
        space->target.number = sh_log_free_number(log);
        space->target.block_count = log->new_block_count;
    } else {
        return false;
    }
    space->target.handle = -1;
    space->step = 0;
    space->zeroed_bytes = 0;
    sh_log_path_of(log, space->target.number, space->path);
    return true;
}

void sh_log_space_work(struct sh_log *log) {
    struct sh_log_space *space = &log->space;
    for (;;) {
        if (space->is_running || log->has_failed || !log->is_replayed) return;
        if (space->retry.place != 0) return; /* the last attempt failed a moment ago */
        if (space->job == SH_LOG_JOB_NONE && !job_begin(log, space)) return;
        step_start(log, space);
        if (log->options.io != NULL || (space->is_failing && space->job == SH_LOG_JOB_NONE)) return;
    }
}

void sh_log_space_retry(struct sh_log *log) {
    /* With an io the timer does it: a storm of refused appends is no reason to try more often. */
    if (log->options.io == NULL) sh_log_space_work(log);
}

bool sh_log_space_is_idle(const struct sh_log *log) {
    return !log->space.is_running;
}

void sh_log_space_init(struct sh_log *log) {
    log->space.retry.fire = on_retry;
    log->space.target.handle = -1;
}

void sh_log_space_deinit(struct sh_log *log) {
    if (log->options.io != NULL) sh_io_timer_stop(log->options.io, &log->space.retry);
    close_target(log, &log->space);
    if (!log->space.is_running) sh_log_buffer_free(log->space.zeroes);
    for (uint32_t i = 0; i < log->spare_count; i++) {
        char path[SH_LOG_PATH_BYTES_MAX];
        sh_log_path_of(log, log->spares[i].number, path);
        (void)sh_disk_close(log->options.disk, path, log->spares[i].handle, NULL);
    }
    log->spare_count = 0;
}
