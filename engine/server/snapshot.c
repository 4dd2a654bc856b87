#include "snapshot.h"

#include <stdio.h>

#include "loop.h"
#include "server_log.h"
#include "snapshot_files.h"

enum {
    LOOK_MS = 20,     /* between two looks at whether the child has ended */
    PARK_LOOK_MS = 5, /* between two looks at whether a loop that is to stand still has broken */
};

void sh_snapshots_init(struct sh_snapshots *snapshots) {
    pthread_mutex_init(&snapshots->mutex, NULL);
    pthread_cond_init(&snapshots->changed, NULL);
}

void sh_snapshots_deinit(struct sh_snapshots *snapshots) {
    pthread_cond_destroy(&snapshots->changed);
    pthread_mutex_destroy(&snapshots->mutex);
}

static enum sh_snapshot_phase phase_of(const struct sh_server *server) {
    return (enum sh_snapshot_phase)atomic_load(&server->snapshots.phase);
}

/* What a start would have to do again if no snapshot had been taken since this one's: what it did again counts, too. */
static uint64_t log_bytes(const struct sh_server *server) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < server->loop_count; i++)
        bytes += sh_counted(&server->loops[i].counters.log_record_bytes) +
                 sh_counted(&server->loops[i].counters.log_replayed_bytes);
    return bytes;
}

/* ---- asking and answering ---- */

void sh_snapshots_ask(struct sh_loop *loop, struct sh_task *task) {
    struct sh_server *server = loop->server;
    task->errand.number = atomic_fetch_add(&server->snapshots.asked_count, 1) + 1;
    sh_errand_push(&loop->snapshot_waiters, &task->errand);
    sh_io_wake(server->loops[0].io);
}

static void pack_report(const struct sh_snapshot_report *report, struct sh_buffer *body) {
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    (void)msgpack_pack_map(&packer, 6);
    sh_pack_literal(&packer, "sequence");
    (void)msgpack_pack_uint64(&packer, report->sequence);
    sh_pack_literal(&packer, "bytes");
    (void)msgpack_pack_uint64(&packer, report->bytes);
    sh_pack_literal(&packer, "write_ms");
    (void)msgpack_pack_uint64(&packer, report->write_ms);
    sh_pack_literal(&packer, "hold_us");
    (void)msgpack_pack_uint64(&packer, report->hold_us);
    sh_pack_literal(&packer, "pause_us");
    (void)msgpack_pack_uint64(&packer, report->pause_us);
}

static void answer(struct sh_loop *loop, struct sh_errand *errand, const struct sh_snapshot_report *report) {
    errand->status = report->status;
    if (report->status == SH_OK)
        pack_report(report, &errand->body);
    else
        (void)sh_fail(&errand->err, report->status, -1, "%s", report->message);
    sh_task_finish(loop, errand->task);
}

static void answer_waiters(struct sh_loop *loop) {
    struct sh_snapshots *snapshots = &loop->server->snapshots;
    if (loop->snapshot_waiters.first == NULL) return;
    pthread_mutex_lock(&snapshots->mutex);
    const uint64_t answered_for = snapshots->answered_for;
    const struct sh_snapshot_report report = snapshots->report;
    pthread_mutex_unlock(&snapshots->mutex);
    while (loop->snapshot_waiters.first != NULL && loop->snapshot_waiters.first->number <= answered_for)
        answer(loop, sh_errand_pop(&loop->snapshot_waiters), &report);
}

/* ---- holding and releasing: all loops ---- */

void sh_snapshots_note_end(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    if (phase_of(server) == SH_SNAPSHOT_HOLDING && loop->index != 0) sh_io_wake(server->loops[0].io);
}

static void look_at_release(struct sh_loop *loop) {
    const uint64_t count = atomic_load(&loop->server->snapshots.release_count);
    if (loop->releases_seen == count) return;
    loop->releases_seen = count;
    sh_erasure_note_cut(loop);
    for (struct sh_session *session = loop->sessions; session != NULL; session = session->after)
        if (session->is_blocked) sh_session_mark_dirty(session);
}

static void stand_still(struct sh_loop *loop) {
    struct sh_host *host = loop->server->host;
    struct sh_snapshots *snapshots = &loop->server->snapshots;
    pthread_mutex_lock(&snapshots->mutex);
    snapshots->parked_count++;
    host->wake(host, &snapshots->changed);
    while (phase_of(loop->server) == SH_SNAPSHOT_PARKING)
        host->wait(host, &snapshots->changed, &snapshots->mutex, SH_HOST_FOREVER);
    snapshots->parked_count--;
    pthread_mutex_unlock(&snapshots->mutex);
}

/* ---- loop 0 ---- */

static void set_phase(struct sh_server *server, enum sh_snapshot_phase phase) {
    struct sh_snapshots *snapshots = &server->snapshots;
    pthread_mutex_lock(&snapshots->mutex);
    atomic_store(&snapshots->phase, phase);
    server->host->wake(server->host, &snapshots->changed);
    pthread_mutex_unlock(&snapshots->mutex);
}

static void release(struct sh_server *server, enum sh_snapshot_phase phase) {
    atomic_store(&server->holds_writes, false);
    atomic_fetch_add(&server->snapshots.release_count, 1);
    set_phase(server, phase);
    sh_loop_wake_all(server);
}

static void finish(struct sh_server *server, const struct sh_snapshot_report *report) {
    struct sh_snapshots *snapshots = &server->snapshots;
    if (report->status == SH_OK)
        sh_log(SH_LOG_INFO, "snapshot %llu: %llu bytes in %llu ms; writes waited %llu us, all stood still %llu us",
               (unsigned long long)report->sequence, (unsigned long long)report->bytes,
               (unsigned long long)report->write_ms, (unsigned long long)report->hold_us,
               (unsigned long long)report->pause_us);
    else
        sh_log(SH_LOG_ERROR, "no snapshot: %s", report->message);
    pthread_mutex_lock(&snapshots->mutex);
    snapshots->report = *report;
    snapshots->answered_for = snapshots->begun_for;
    pthread_mutex_unlock(&snapshots->mutex);
    atomic_store(&snapshots->phase, SH_SNAPSHOT_IDLE);
    sh_loop_wake_all(server);
}

static void give_up(struct sh_server *server, enum sh_status status, const char *words) {
    struct sh_snapshot_report report = {.status = status};
    (void)snprintf(report.message, sizeof report.message, "%s", words);
    release(server, SH_SNAPSHOT_WRITING);
    finish(server, &report);
}

static void hold(struct sh_loop *loop) {
    struct sh_snapshots *snapshots = &loop->server->snapshots;
    snapshots->begun_for = atomic_load(&snapshots->asked_count);
    snapshots->hold_since_ns = sh_io_exact_ns(loop->io);
    snapshots->log_bytes_before = log_bytes(loop->server);
    atomic_store(&loop->server->holds_writes, true);
    atomic_store(&snapshots->phase, SH_SNAPSHOT_HOLDING);
}

static bool writes_have_ended(const struct sh_server *server) {
    for (uint32_t i = 0; i < server->loop_count; i++)
        if (atomic_load(&server->loops[i].write_count) > 0) return false;
    return true;
}

/* All other loops stand still; false if one of them never will. */
static bool park_others(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    struct sh_snapshots *snapshots = &server->snapshots;
    set_phase(server, SH_SNAPSHOT_PARKING);
    sh_loop_wake_all(server);
    pthread_mutex_lock(&snapshots->mutex);
    while (snapshots->parked_count + 1 < server->loop_count && !atomic_load(&server->is_broken))
        server->host->wait(server->host, &snapshots->changed, &snapshots->mutex, PARK_LOOK_MS * UINT64_C(1000000));
    const bool parked = snapshots->parked_count + 1 == server->loop_count;
    pthread_mutex_unlock(&snapshots->mutex);
    return parked;
}

/* In the child. Its memory is as it was at the fork; nothing else of the server is its business. */
static void write_in_child(void *context, void *report) {
    sh_snapshots_write(context, report);
}

static void look_again(struct sh_loop *loop) {
    struct sh_io_timer *timer = &loop->server->snapshots.timer;
    const enum sh_status status =
        sh_io_timer_start(loop->io, timer, sh_io_monotonic_ns(loop->io) + LOOK_MS * UINT64_C(1000000));
    (void)status; /* without it the child is looked at once a second */
}

static void on_timer(void *context, struct sh_io_timer *timer) {
    (void)context;
    (void)timer; /* the turn itself looks */
}

static void fork_child(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    struct sh_snapshots *snapshots = &server->snapshots;
    struct sh_host *host = server->host;
    const uint64_t park_ns = sh_io_exact_ns(loop->io);
    if (atomic_load(&server->failed_logs) != 0) {
        /* Its shard lacks what the others have of the writes that were under way. The logs of the others complete it at
         * the next start; a snapshot would say that it has them. */
        give_up(server, SH_ERR_IO, "the log of a shard has failed, so the shards differ until the next start");
        return;
    }
    if (!park_others(loop)) {
        give_up(server, SH_ERR_CLOSED, "the loops cannot be made to stand still");
        return;
    }
    if (!host->child_start(host, &snapshots->child, write_in_child, server, sizeof snapshots->report)) {
        give_up(server, SH_ERR_MEMORY, "the system has no memory for a process that writes it");
        return;
    }
    const uint64_t fork_ns = sh_io_exact_ns(loop->io);
    snapshots->fork_ns = fork_ns;
    release(server, SH_SNAPSHOT_WRITING);
    pthread_mutex_lock(&snapshots->mutex);
    snapshots->report.hold_us = (fork_ns - snapshots->hold_since_ns) / 1000;
    snapshots->report.pause_us = (fork_ns - park_ns) / 1000;
    pthread_mutex_unlock(&snapshots->mutex);
    snapshots->timer.fire = on_timer;
    look_again(loop);
}

/* What the logs hold for nobody any more. */
static void release_logs(struct sh_server *server) {
    char directory[SH_DATA_PATH_BYTES_MAX];
    sh_data_path(server->data, "snapshots", SH_DATA_NO_SHARD, directory);
    for (uint32_t i = 0; i < server->loop_count; i++) {
        char file[32];
        uint64_t position;
        struct sh_error err;
        (void)snprintf(file, sizeof file, "shard-%u", i);
        if (sh_snapshot_releasable(server->data->disk, directory, file, &position, &err) == SH_OK)
            atomic_store(&server->loops[i].release_position, position);
        else
            sh_log(SH_LOG_WARN, "the log is kept longer: %s", err.message);
    }
}

static void look_at_child(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    struct sh_snapshots *snapshots = &server->snapshots;
    struct sh_snapshot_report report;
    const enum sh_host_child_state state =
        server->host->child_look(server->host, &snapshots->child, &report, sizeof report);
    if (state == SH_HOST_CHILD_RUNS) {
        if (snapshots->timer.place == 0) look_again(loop);
        return;
    }
    if (state == SH_HOST_CHILD_LOST) {
        report = (struct sh_snapshot_report){.status = SH_ERR_IO};
        (void)snprintf(report.message, sizeof report.message, "the process that writes it ended without a word");
    }
    report.write_ms = (sh_io_exact_ns(loop->io) - snapshots->fork_ns) / 1000000;
    report.hold_us = snapshots->report.hold_us;
    report.pause_us = snapshots->report.pause_us;
    if (report.status == SH_OK) {
        snapshots->last_bytes = report.bytes;
        snapshots->done_count++;
        sh_count_set(&loop->counters.snapshot_count, snapshots->done_count);
        sh_count_set(&loop->counters.snapshot_bytes, report.bytes);
        sh_count_set(&loop->counters.snapshot_hold_us, report.hold_us);
        sh_count_set(&loop->counters.snapshot_pause_us, report.pause_us);
        sh_count_set(&loop->counters.snapshot_time_ms, (uint64_t)sh_io_now_ms(loop->io));
        release_logs(server);
    }
    finish(server, &report);
}

static void lead(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    struct sh_snapshots *snapshots = &server->snapshots;
    switch (phase_of(server)) {
    case SH_SNAPSHOT_IDLE:
        if (atomic_load(&snapshots->asked_count) == snapshots->begun_for || loop->is_stopping) return;
        hold(loop);
        if (writes_have_ended(server)) fork_child(loop);
        return;
    case SH_SNAPSHOT_HOLDING:
        if (writes_have_ended(server))
            fork_child(loop);
        else if (sh_io_exact_ns(loop->io) - snapshots->hold_since_ns > SH_SNAPSHOT_HOLD_MS_MAX * UINT64_C(1000000))
            give_up(server, SH_ERR_BUSY, "writes did not end in time, for the disk is slow or full");
        return;
    case SH_SNAPSHOT_WRITING:
        look_at_child(loop);
        return;
    case SH_SNAPSHOT_PARKING:
        return;
    }
}

/* ---- every loop ---- */

void sh_snapshots_turn(struct sh_loop *loop) {
    if (loop->index == 0)
        lead(loop);
    else if (phase_of(loop->server) == SH_SNAPSHOT_PARKING)
        stand_still(loop);
    look_at_release(loop);
    answer_waiters(loop);
    const uint64_t position = atomic_load_explicit(&loop->release_position, memory_order_relaxed);
    if (position == loop->released_position || loop->journal.has_failed) return;
    loop->released_position = position;
    sh_log_release(loop->journal.log, position);
}

void sh_snapshots_tick(struct sh_loop *loop) {
    const struct sh_server *server = loop->server;
    struct sh_snapshots *snapshots = &loop->server->snapshots;
    uint64_t due = server->data->options.snapshot_log_bytes;
    if (due == 0) due = SH_SNAPSHOT_LOG_BYTES;
    if (due < snapshots->last_bytes / 2) due = snapshots->last_bytes / 2;
    if (phase_of(server) != SH_SNAPSHOT_IDLE || loop->is_stopping) return;
    if (log_bytes(server) - snapshots->log_bytes_before < due) return;
    if (atomic_load(&server->failed_logs) != 0) return;
    atomic_fetch_add(&snapshots->asked_count, 1);
}

void sh_snapshots_stop(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    struct sh_snapshots *snapshots = &server->snapshots;
    if (loop->index == 0) {
        if (phase_of(server) == SH_SNAPSHOT_HOLDING) give_up(server, SH_ERR_CLOSED, "the server stops");
        if (snapshots->child.process != 0) {
            server->host->child_end(server->host, &snapshots->child);
            atomic_store(&snapshots->phase, SH_SNAPSHOT_IDLE);
        }
    }
    struct sh_snapshot_report report = {.status = SH_ERR_CLOSED};
    (void)snprintf(report.message, sizeof report.message, "the server stops");
    while (loop->snapshot_waiters.first != NULL)
        answer(loop, sh_errand_pop(&loop->snapshot_waiters), &report);
}
