#include "journal.h"

#include "loop.h"
#include "server_log.h"

static uint64_t bit_of(const struct sh_loop *loop) {
    return UINT64_C(1) << loop->index;
}

/* ---- what the log says ---- */

static void on_durable(void *context, uint64_t position) {
    struct sh_loop *loop = context;
    loop->journal.durable = position;
}

static void on_failed(void *context, const struct sh_error *why) {
    struct sh_loop *loop = context;
    loop->journal.has_failed = true;
    loop->journal.why = *why;
    sh_log(SH_LOG_ERROR, "the log of shard %u has failed, and nothing more is written until the next start: %s",
           loop->index, why->message);
    atomic_fetch_or(&loop->server->failed_logs, bit_of(loop));
}

void sh_journal_fall_behind(struct sh_loop *loop) {
    struct sh_error why;
    if (loop->journal.log == NULL || loop->journal.has_failed) return;
    (void)sh_fail(&why, SH_ERR_IO, -1, "memory ran out while a write was done that is in it");
    on_failed(loop, &why);
}

static void on_room(void *context) {
    struct sh_loop *loop = context;
    if ((atomic_fetch_and(&loop->server->full_logs, ~bit_of(loop)) & bit_of(loop)) == 0) return;
    sh_log(SH_LOG_INFO, "there is room on the disk again: shard %u takes writes", loop->index);
}

const struct sh_log_events sh_journal_events = {on_durable, on_failed, on_room};

static void note_full(struct sh_loop *loop) {
    if ((atomic_fetch_or(&loop->server->full_logs, bit_of(loop)) & bit_of(loop)) != 0) return;
    sh_log(SH_LOG_ERROR, "the disk is full: shard %u takes no writes until there is room", loop->index);
}

/* ---- refusing ---- */

static enum sh_status fail_full(struct sh_error *err) {
    (void)sh_fail(err, SH_ERR_READ_ONLY, -1, "the disk is full: nothing is written until there is room");
    return sh_fail_hint(err, SH_ERR_READ_ONLY, "try again; questions are answered, and people can be forgotten");
}

static enum sh_status fail_failed(const struct sh_loop *failed, struct sh_error *err) {
    (void)sh_fail(err, SH_ERR_IO, -1, "the log of shard %u has failed: %s", failed->index, failed->journal.why.message);
    return sh_fail_hint(err, SH_ERR_IO, "nothing is written until the server is started again");
}

enum sh_status sh_journal_admit(const struct sh_server *server, bool is_urgent, struct sh_error *err) {
    const uint64_t failed = atomic_load_explicit(&server->failed_logs, memory_order_acquire);
    if (failed != 0) return fail_failed(&server->loops[__builtin_ctzll(failed)], err);
    if (!is_urgent && atomic_load_explicit(&server->full_logs, memory_order_relaxed) != 0) return fail_full(err);
    return SH_OK;
}

static void refuse(struct sh_loop *loop, struct sh_errand *errand, enum sh_status status) {
    errand->status = status;
    sh_errand_done(loop, errand);
}

/* ---- taking ---- */

enum sh_status sh_journal_append(struct sh_log *log, const struct sh_log_record *record, enum sh_log_urgency urgency,
                                 uint64_t *position, struct sh_error *err) {
    uint8_t head[SH_LOG_RECORD_HEAD_BYTES_MAX];
    const struct sh_log_piece pieces[2] = {
        {head, sh_log_record_write(record, head)},
        {record->request.params, record->request.params_count},
    };
    return sh_log_append(log, pieces, 2, urgency, position, err);
}

static enum sh_status append(struct sh_loop *loop, struct sh_errand *errand) {
    const struct sh_log_record record = {
        .kind = errand->part_kind, .source = errand->source, .number = errand->number, .request = errand->request};
    return sh_journal_append(loop->journal.log, &record, errand->is_urgent ? SH_LOG_URGENT : SH_LOG_USUAL,
                             &errand->position, &errand->err);
}

/* Into the log, or refused; false if it has to wait. */
static bool try_append(struct sh_loop *loop, struct sh_errand *errand) {
    struct sh_journal *journal = &loop->journal;
    const enum sh_status status = append(loop, errand);
    switch (status) {
    case SH_OK:
        sh_errand_push(&journal->waiting, errand);
        return true;
    case SH_ERR_BUSY:
        return false;
    case SH_ERR_LIMIT:
        note_full(loop);
        if (errand->part_kind != SH_PART_OWN) return false;
        refuse(loop, errand, fail_full(&errand->err));
        return true;
    case SH_ERR_IO:
        refuse(loop, errand, fail_failed(loop, &errand->err));
        return true;
    default:
        if (status == SH_ERR_MEMORY && errand->part_kind != SH_PART_OWN) return false;
        refuse(loop, errand, status);
        return true;
    }
}

bool sh_journal_takes(const struct sh_loop *loop, const struct sh_errand *errand) {
    const struct sh_journal *journal = &loop->journal;
    if (journal->log == NULL) return false;
    return errand->request.method->writes ||
           (errand->is_behind && (journal->waiting.first != NULL || journal->unlogged.first != NULL));
}

/* A question stands behind what was taken before it. */
static void take_question(struct sh_journal *journal, struct sh_errand *errand) {
    errand->position = sh_log_position(journal->log);
    sh_errand_push(&journal->waiting, errand);
}

void sh_journal_take(struct sh_loop *loop, struct sh_errand *errand) {
    struct sh_journal *journal = &loop->journal;
    const bool writes = errand->request.method->writes;
    if (journal->has_failed && writes) {
        refuse(loop, errand, fail_failed(loop, &errand->err));
        return;
    }
    /* What waits for room on the disk keeps its order; a write that stands for itself need not wait to be refused, and
     * to forget a person there may be room. */
    const bool is_full = (atomic_load_explicit(&loop->server->full_logs, memory_order_relaxed) & bit_of(loop)) != 0;
    const bool may_pass = is_full && writes && errand->part_kind == SH_PART_OWN;
    if (journal->unlogged.first != NULL && !may_pass)
        sh_errand_push(&journal->unlogged, errand);
    else if (!writes)
        take_question(journal, errand);
    else if (!try_append(loop, errand))
        sh_errand_push(&journal->unlogged, errand);
}

static void put_back(struct sh_errand_queue *queue, struct sh_errand *errand) {
    errand->next = queue->first;
    queue->first = errand;
    if (queue->last == NULL) queue->last = errand;
    queue->count++;
}

static void retry_unlogged(struct sh_loop *loop) {
    struct sh_journal *journal = &loop->journal;
    for (struct sh_errand *errand; (errand = sh_errand_pop(&journal->unlogged)) != NULL;) {
        if (!errand->request.method->writes) {
            take_question(journal, errand);
        } else if (journal->has_failed) {
            refuse(loop, errand, fail_failed(loop, &errand->err));
        } else if (!try_append(loop, errand)) {
            put_back(&journal->unlogged, errand);
            return;
        }
    }
}

void sh_journal_commit(struct sh_loop *loop) {
    struct sh_journal *journal = &loop->journal;
    if (journal->log == NULL) return;
    if (journal->unlogged.first != NULL) retry_unlogged(loop);
    sh_log_commit(journal->log);
}

/* ---- beginning ---- */

bool sh_journal_has_work(const struct sh_loop *loop) {
    const struct sh_errand *first = loop->journal.waiting.first;
    return first != NULL && (first->position <= loop->journal.durable || loop->journal.has_failed);
}

void sh_journal_begin_durable(struct sh_loop *loop) {
    struct sh_journal *journal = &loop->journal;
    while (sh_journal_has_work(loop) && loop->begun_ns < SH_SLICE_US_MAX * UINT64_C(1000)) {
        struct sh_errand *errand = sh_errand_pop(&journal->waiting);
        if (errand->position > journal->durable && errand->request.method->writes)
            refuse(loop, errand, fail_failed(loop, &errand->err));
        else
            sh_errand_begin(loop, errand);
    }
}

bool sh_journal_is_idle(const struct sh_loop *loop) {
    const struct sh_journal *journal = &loop->journal;
    if (journal->log == NULL) return true;
    if (journal->waiting.first != NULL || journal->unlogged.first != NULL) return false;
    return journal->has_failed || sh_log_is_idle(journal->log);
}
