#include "loop.h"

#include "recovery.h"
#include "room.h"
#include "server_log.h"

enum {
    TICK_MS = 1000,
    LETTERS_PER_TURN = SH_MAILBOX_COUNT, /* from each of the others: what a full ring holds */
    STOP_READ_TURNS = 2,                 /* after the stop, so that what the kernel holds already is read, too */
};

static struct sh_mailbox *mailbox(struct sh_loop *loop, uint32_t from, uint32_t to) {
    return &loop->server->mailboxes[(size_t)from * loop->server->loop_count + to];
}

uint64_t sh_loop_request_id(struct sh_loop *loop) {
    return loop->next_request++ << 6 | loop->index;
}

/* ---- mail ---- */

void sh_loop_post(struct sh_loop *loop, uint32_t to, struct sh_errand *errand) {
    sh_assert(to != loop->index);
    struct sh_loop *reader = &loop->server->loops[to];
    sh_count(&loop->counters.letter_count, 1);
    if (sh_mailbox_post(mailbox(loop, loop->index, to), &reader->doorbell, &errand->letter)) sh_io_wake(reader->io);
}

static void mail_flush(struct sh_loop *loop) {
    for (uint32_t to = 0; to < loop->server->loop_count; to++) {
        struct sh_mailbox *box = mailbox(loop, loop->index, to);
        if (to == loop->index || !sh_mailbox_is_waiting(box)) continue;
        struct sh_loop *reader = &loop->server->loops[to];
        if (sh_mailbox_flush(box, &reader->doorbell)) sh_io_wake(reader->io);
    }
}

static void mail_read(struct sh_loop *loop) {
    for (uint32_t from = 0; from < loop->server->loop_count; from++) {
        if (from == loop->index) continue;
        struct sh_mailbox *box = mailbox(loop, from, loop->index);
        for (uint32_t i = 0; i < LETTERS_PER_TURN; i++) {
            struct sh_letter *letter = sh_mailbox_take(box);
            if (letter == NULL) break;
            loop->clock_ns = sh_io_monotonic_ns(loop->io);
            sh_errand_arrived(loop, (struct sh_errand *)(void *)letter);
            /* Large writes cannot wait like questions, but their letters can: the rest is for the next turn. */
            if (loop->begun_ns >= SH_SLICE_US_MAX * UINT64_C(1000)) break;
        }
    }
}

static bool has_mail(struct sh_loop *loop) {
    for (uint32_t other = 0; other < loop->server->loop_count; other++) {
        if (other == loop->index) continue;
        if (!sh_mailbox_is_empty(mailbox(loop, other, loop->index))) return true;
        if (sh_mailbox_is_waiting(mailbox(loop, loop->index, other))) return true;
    }
    return false;
}

/* ---- once a second ---- */

static void copy_log_counters(struct sh_loop *loop) {
    const struct sh_log_statistics log = sh_log_statistics_of(loop->journal.log);
    struct sh_counters *counters = &loop->counters;
    sh_count_set(&counters->log_record_count, log.append_count);
    sh_count_set(&counters->log_record_bytes, log.append_bytes);
    sh_count_set(&counters->log_commit_count, log.commit_count);
    sh_count_set(&counters->log_commit_bytes, log.commit_bytes);
    sh_count_set(&counters->log_refused_count, log.refused_count);
    sh_count_set(&counters->log_wait_count, loop->journal.waiting.count + loop->journal.unlogged.count);
}

static void copy_counters(struct sh_loop *loop) {
    const struct sh_io_statistics *io = sh_io_statistics_of(loop->io);
    struct sh_counters *counters = &loop->counters;
    sh_count_set(&counters->received_bytes, io->received_bytes);
    sh_count_set(&counters->sent_bytes, io->sent_bytes);
    sh_count_set(&counters->turn_count, io->turn_count);
    sh_count_set(&counters->sleep_count, io->sleep_count);
    sh_count_set(&counters->unsent_bytes, loop->unsent_bytes);
    sh_count_set(&counters->partial_bytes, loop->partial_bytes);
    sh_count_set(&counters->task_count, loop->task_count);
    sh_count_set(&counters->job_count, loop->shares.job_count);
    sh_count_set(&counters->job_wait_count, loop->shares.wait_count);
    if (loop->journal.log != NULL) copy_log_counters(loop);
}

/* Another program may have made or revoked one. */
static void look_at_tokens(struct sh_access *access) {
    struct sh_error err;
    bool has_changed;
    if (sh_access_poll(access, &has_changed, &err) != SH_OK)
        sh_log(SH_LOG_ERROR, "the tokens stay as they were: %s", err.message);
    else if (has_changed)
        sh_log(SH_LOG_INFO, "tokens are read anew: there are %u", sh_access_token_count(access));
}

static void copy_figures(struct sh_loop *loop) {
    sh_room_tick(loop);
    struct sh_shard_figures figures;
    struct sh_counters *counters = &loop->counters;
    sh_shard_figures(loop->shard, &figures);
    sh_count_set(&counters->workspace_count, figures.workspace_count);
    sh_count_set(&counters->user_count, figures.user_count);
    sh_count_set(&counters->item_count, figures.item_count);
    sh_count_set(&counters->event_count, figures.event_count);
    sh_count_set(&counters->cursor_count, figures.cursor_count);
}

static void on_tick(void *context, struct sh_io_timer *timer) {
    struct sh_loop *loop = context;
    const uint64_t now_ns = sh_io_monotonic_ns(loop->io);
    sh_count_set(&loop->counters.seen_ms, now_ns / 1000000u);
    copy_figures(loop);
    sh_shard_tick(loop->shard, sh_io_now_ms(loop->io));
    for (struct sh_session *session = loop->sessions; session != NULL; session = session->after)
        sh_session_check_time(session, now_ns);
    if (loop->server->data != NULL) sh_erasure_tick(loop);
    if (loop->index == 0 && loop->server->data != NULL) sh_snapshots_tick(loop);
    if (loop->index == 0) sh_training_tick(loop);
    if (loop->index == 0 && loop->server->access != NULL) look_at_tokens(loop->server->access);
    if (loop->unsent_bytes > SH_OUTPUT_TOTAL_BYTES_MAX) sh_session_close_worst(loop);
    const enum sh_status status = sh_io_timer_start(loop->io, timer, now_ns + TICK_MS * UINT64_C(1000000));
    sh_assert(status == SH_OK); /* its place in the heap is the one it just left */
}

/* ---- the turn ---- */

static void settle_all(struct sh_loop *loop) {
    struct sh_session *session = loop->dirty;
    loop->dirty = NULL;
    while (session != NULL) {
        struct sh_session *next = session->dirty_next;
        session->is_dirty = false;
        sh_session_settle(session);
        session = next;
    }
}

static bool has_work(struct sh_loop *loop) {
    return loop->dirty != NULL || sh_errand_has_work(loop) || sh_behind_has_work(loop) || sh_journal_has_work(loop) ||
           (loop->is_stopping && loop->stop_turns <= STOP_READ_TURNS);
}

static enum sh_status turn(struct sh_loop *loop) {
    uint64_t wait_ns = 0;
    if (loop->server->data != NULL) sh_snapshots_turn(loop);
    if (!has_work(loop)) {
        wait_ns = TICK_MS * UINT64_C(1000000);
        sh_doorbell_sleep(&loop->doorbell);
        /* The last look, see mailbox.h. The stop is looked at before, and comes with a wake. */
        if (has_mail(loop)) wait_ns = 0;
    }
    loop->begun_ns = 0;
    const enum sh_status status = sh_io_turn(loop->io, wait_ns, &loop->err);
    sh_doorbell_rise(&loop->doorbell);
    if (status != SH_OK) return status;
    mail_read(loop);
    settle_all(loop);
    sh_journal_commit(loop);
    if (sh_journal_has_work(loop) || sh_errand_has_work(loop)) {
        sh_io_flush(loop->io);
        sh_journal_begin_durable(loop);
        if (sh_errand_has_work(loop)) sh_errand_slice(loop);
        settle_all(loop);
    }
    if (sh_behind_has_work(loop)) {
        sh_behind_look(loop);
        settle_all(loop);
    }
    mail_flush(loop);
    copy_counters(loop);
    return SH_OK;
}

/* ---- stopping ---- */

static void stop_begin(struct sh_loop *loop) {
    loop->is_stopping = true;
    loop->stop_turns = 0;
    loop->stop_deadline_ns = sh_io_monotonic_ns(loop->io) + loop->server->stop_ms_max * UINT64_C(1000000);
    sh_io_accept_stop(loop->io);
    if (loop->server->data != NULL) sh_snapshots_stop(loop);
}

static void close_all(struct sh_loop *loop) {
    for (struct sh_session *session = loop->sessions; session != NULL; session = session->after)
        sh_session_close(session);
}

/* True when the loop may end: it has nothing left, and neither has any other, whose errands it would have to run. */
static bool stop_step(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    const uint32_t stop = atomic_load(&server->stop);
    if (stop == SH_STOP_NOT) return false;
    if (atomic_load(&server->is_broken)) return true; /* errands lost in the broken loop would be waited for for ever */
    if (!loop->is_stopping) stop_begin(loop);
    if (loop->stop_turns++ == STOP_READ_TURNS)
        for (struct sh_session *session = loop->sessions; session != NULL; session = session->after)
            sh_session_end(session);
    if (stop == SH_STOP_NOW || sh_io_monotonic_ns(loop->io) > loop->stop_deadline_ns) close_all(loop);
    if (!loop->is_quiet && loop->sessions == NULL && loop->task_count == 0 && loop->stop_turns > STOP_READ_TURNS) {
        loop->is_quiet = true;
        if (atomic_fetch_add(&server->quiet_count, 1) + 1 == server->loop_count) sh_loop_wake_all(server);
    }
    return atomic_load(&server->quiet_count) == server->loop_count;
}

/* ---- life ---- */

static enum sh_status loop_make(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    enum sh_status status =
        server->host->io_create(server->host, server->io, &sh_session_events, loop, &loop->io, &loop->err);
    if (status != SH_OK) return status;
    const struct sh_shard_options options = {
        .shard_index = loop->index, .shard_count = server->loop_count, .forget_ms = sh_server_forget_ms(server)};
    sh_erasure_init(loop);
    sh_shares_init(&loop->shares);
    if ((status = sh_shard_create(&options, &loop->shard, &loop->err)) != SH_OK) return status;
    /* Ids go on from one start of the server to the next: 2^15 a millisecond is more than a loop can serve. */
    loop->next_request = (uint64_t)sh_io_now_ms(loop->io) << 15;
    if (server->data != NULL && (status = sh_recover(loop, &loop->err)) != SH_OK) return status;
    copy_figures(loop);
    loop->tick.fire = on_tick;
    const uint64_t tick_ns = sh_io_monotonic_ns(loop->io) + TICK_MS * UINT64_C(1000000);
    if ((status = sh_io_timer_start(loop->io, &loop->tick, tick_ns)) != SH_OK)
        return sh_fail(&loop->err, status, -1, "no memory for a loop");
    for (uint32_t i = 0; i < server->address_count && status == SH_OK; i++)
        status = sh_io_accept(loop->io, &server->listeners[loop->index * server->address_count + i], &loop->err);
    return status;
}

/* The end of the journal: all that was taken is on the disk, and said to be. */
static void journal_end(struct sh_loop *loop) {
    struct sh_log *log = loop->journal.log;
    if (log == NULL) return;
    if (loop->status == SH_OK && !loop->journal.has_failed) sh_log_seal(log);
    while (loop->status == SH_OK && !sh_log_is_idle(log) && !loop->journal.has_failed) {
        sh_log_commit(log);
        if (sh_log_is_idle(log)) break;
        loop->status = sh_io_turn(loop->io, TICK_MS * UINT64_C(1000000), &loop->err);
    }
    if (loop->status != SH_OK || loop->journal.has_failed) return; /* its io must go first */
    sh_log_close(log);
    loop->journal.log = NULL;
}

/* Tell the starter how it went, and wait for its word. */
static bool loop_report(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    pthread_mutex_lock(&server->mutex);
    server->ready_count++;
    server->host->wake(server->host, &server->changed);
    while (!server->may_serve)
        server->host->wait(server->host, &server->changed, &server->mutex, SH_HOST_FOREVER);
    /* Not whether it shall stop: that it learns in turn(), with the others, who wait for it to fall quiet. */
    const bool has_failed = server->has_failed;
    pthread_mutex_unlock(&server->mutex);
    return !has_failed;
}

void *sh_loop_main(void *argument) {
    struct sh_loop *loop = argument;
    loop->status = loop_make(loop);
    /* It may not have come to where the others wait for it. */
    if (loop->status != SH_OK && loop->server->recovery != NULL) sh_recovery_abort(loop->server->recovery);
    if (loop_report(loop) && loop->status == SH_OK) {
        while (!stop_step(loop)) {
            loop->status = turn(loop);
            if (loop->status == SH_OK) continue;
            /* The kernel refuses to go on. The others cannot serve without this shard. */
            sh_log(SH_LOG_ERROR, "loop %u: %s", loop->index, loop->err.message);
            atomic_store(&loop->server->is_broken, true);
            sh_server_abort(loop->server);
            break;
        }
    }
    journal_end(loop);
    sh_shares_deinit(&loop->shares);
    sh_shard_destroy(loop->shard);
    sh_task_free_spares(loop);
    atomic_fetch_add(&loop->server->ended_count, 1);
    return NULL;
}
