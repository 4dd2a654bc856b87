#include "recovery.h"

#include <stdio.h>

#include "loop.h"
#include "memory.h"
#include "recovery_notes.h"
#include "server_log.h"
#include "snapshot_files.h"

enum { TURN_WAIT_NS = 10000000 };

/* What a loop finds out. Others read it only after a meeting. */
struct shard_notes {
    uint64_t after;               /* the position that the snapshot has */
    uint64_t number_last;         /* of the last write to every shard that the snapshot and the log have */
    uint64_t id_last;             /* the highest of its requests */
    struct sh_id_set *learned;    /* by source: requests that taught this shard, in its log */
    struct sh_kept_list every;    /* writes to every shard that another lacks */
    struct sh_kept_list *taught;  /* by sibling: lessons of this shard that the sibling lacks */
    struct sh_kept_list letting;  /* LET GO of this shard */
    struct sh_kept_merge *merges; /* cut off */
    uint64_t next_request;        /* of the snapshot */
    struct sh_log_end end;
    uint64_t completed_count;
};

struct sh_recovery {
    struct sh_server *server;
    uint32_t shard_count;
    struct sh_snapshot snapshot; /* file_count 0: none */
    struct shard_notes *shards;
    uint64_t number_min; /* of the shards' number_last */
    uint64_t number_max;
    uint32_t keeper;          /* a shard with number_max */
    struct sh_kept_list ends; /* ENDs that no log has */
    uint64_t begin_ns;
    uint64_t end_ns;
    /* The meetings. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t arrived_count;
    uint32_t meeting;
    bool has_failed;
};

/* ---- life ---- */

void sh_recovery_destroy(struct sh_recovery *recovery) {
    if (recovery == NULL) return;
    for (uint32_t i = 0; recovery->shards != NULL && i < recovery->shard_count; i++) {
        struct shard_notes *notes = &recovery->shards[i];
        for (uint32_t other = 0; other < recovery->shard_count; other++) {
            if (notes->learned != NULL) sh_id_set_deinit(&notes->learned[other]);
            if (notes->taught != NULL) sh_kept_list_deinit(&notes->taught[other]);
        }
        sh_kept_list_deinit(&notes->every);
        sh_kept_list_deinit(&notes->letting);
        sh_kept_merges_deinit(&notes->merges);
        sh_free(notes->learned);
        sh_free(notes->taught);
    }
    sh_kept_list_deinit(&recovery->ends);
    pthread_cond_destroy(&recovery->changed);
    pthread_mutex_destroy(&recovery->mutex);
    sh_free(recovery->shards);
    sh_free(recovery);
}

const struct sh_snapshot *sh_recovery_snapshot(const struct sh_recovery *recovery) {
    return &recovery->snapshot;
}

static void tell_of_snapshots(void *context, const char *words) {
    (void)context;
    sh_log(SH_LOG_WARN, "%s", words);
}

/* The newest valid one; which record of each log it has. */
static enum sh_status find_snapshot(struct sh_recovery *recovery, struct sh_error *err) {
    const struct sh_data *data = recovery->server->data;
    char directory[SH_DATA_PATH_BYTES_MAX];
    bool found = false;
    sh_data_path(data, "snapshots", SH_DATA_NO_SHARD, directory);
    const enum sh_status status =
        sh_snapshot_find(data->disk, directory, data->store, tell_of_snapshots, NULL, &recovery->snapshot, &found, err);
    if (status != SH_OK) return status;
    if (!found) recovery->snapshot = (struct sh_snapshot){0};
    for (uint32_t i = 0; i < recovery->snapshot.file_count; i++) {
        const struct sh_snapshot_file *file = &recovery->snapshot.files[i];
        unsigned shard;
        if (sscanf(file->name, "shard-%u", &shard) == 1 && shard < recovery->shard_count)
            recovery->shards[shard].after = file->position;
    }
    return SH_OK;
}

enum sh_status sh_recovery_create(struct sh_server *server, struct sh_recovery **created, struct sh_error *err) {
    *created = NULL;
    struct sh_recovery *recovery = sh_alloc_zero(sizeof *recovery);
    if (recovery == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to recover");
    pthread_mutex_init(&recovery->mutex, NULL);
    pthread_cond_init(&recovery->changed, NULL);
    recovery->server = server;
    recovery->shard_count = server->loop_count;
    recovery->shards = sh_alloc_zero(server->loop_count * sizeof *recovery->shards);
    bool whole = recovery->shards != NULL;
    for (uint32_t i = 0; whole && i < server->loop_count; i++) {
        struct shard_notes *notes = &recovery->shards[i];
        notes->learned = sh_alloc_zero(server->loop_count * sizeof *notes->learned);
        notes->taught = sh_alloc_zero(server->loop_count * sizeof *notes->taught);
        whole = notes->learned != NULL && notes->taught != NULL;
    }
    if (!whole) {
        sh_recovery_destroy(recovery);
        return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to recover");
    }
    const enum sh_status status = find_snapshot(recovery, err);
    if (status != SH_OK) {
        sh_recovery_destroy(recovery);
        return status;
    }
    *created = recovery;
    return SH_OK;
}

/* ---- meetings ---- */

void sh_recovery_abort(struct sh_recovery *recovery) {
    struct sh_host *host = recovery->server->host;
    pthread_mutex_lock(&recovery->mutex);
    recovery->has_failed = true;
    host->wake(host, &recovery->changed);
    pthread_mutex_unlock(&recovery->mutex);
}

/* Wait until all loops are here. What each wrote before, all may read after. */
static enum sh_status meet(struct sh_recovery *recovery, enum sh_status status, struct sh_error *err) {
    if (status != SH_OK) {
        sh_recovery_abort(recovery);
        return status;
    }
    struct sh_host *host = recovery->server->host;
    pthread_mutex_lock(&recovery->mutex);
    const uint32_t meeting = recovery->meeting;
    if (++recovery->arrived_count == recovery->shard_count) {
        recovery->arrived_count = 0;
        recovery->meeting++;
        host->wake(host, &recovery->changed);
    }
    while (recovery->meeting == meeting && !recovery->has_failed)
        host->wait(host, &recovery->changed, &recovery->mutex, SH_HOST_FOREVER);
    const bool failed = recovery->has_failed;
    pthread_mutex_unlock(&recovery->mutex);
    if (!failed) return SH_OK;
    return sh_fail(err, SH_ERR_CLOSED, -1, "another shard could not recover");
}

/* ---- logs ---- */

static enum sh_status open_log(struct sh_loop *loop, struct sh_log **log, struct sh_error *err) {
    const struct sh_data *data = loop->server->data;
    char path[SH_DATA_PATH_BYTES_MAX];
    sh_data_path(data, "shard", loop->index, path);
    const struct sh_log_options options = {
        .directory = path,
        .store = data->store,
        .shard = loop->index,
        .salt = loop->server->host->random(loop->server->host),
        .durability = data->options.durability,
        .interval_ms = data->options.interval_ms,
        .segment_bytes = data->options.segment_bytes,
        .create = true,
        .create_after = loop->server->recovery->shards[loop->index].after,
        .disk = data->disk,
        .io = loop->io,
        .events = &sh_journal_events,
        .context = loop,
    };
    return sh_log_open(&options, log, err);
}

static enum sh_status read_record(struct sh_loop *loop, uint64_t position, const uint8_t *bytes, size_t count,
                                  struct sh_log_record *record, struct sh_error *err) {
    struct sh_error why;
    const enum sh_status status = sh_log_record_read(bytes, count, record, &why);
    if (status == SH_OK) return SH_OK;
    return sh_fail(err, status, -1, "record %llu of shard %u's log, at its byte %lld: %s", (unsigned long long)position,
                   loop->index, (long long)why.position, why.message);
}

/* ---- load ---- */

static enum sh_status load(struct sh_loop *loop, struct sh_error *err) {
    struct sh_recovery *recovery = loop->server->recovery;
    struct shard_notes *notes = &recovery->shards[loop->index];
    if (recovery->snapshot.file_count == 0) return SH_OK;
    return sh_snapshots_load(loop, &notes->number_last, &notes->next_request, err);
}

/* ---- scan ---- */

static enum sh_status scan_record(void *context, uint64_t position, const uint8_t *bytes, size_t count,
                                  struct sh_error *err) {
    struct sh_loop *loop = context;
    struct sh_recovery *recovery = loop->server->recovery;
    struct shard_notes *notes = &recovery->shards[loop->index];
    struct sh_log_record record;
    const enum sh_status status = read_record(loop, position, bytes, count, &record, err);
    if (status != SH_OK) return status;
    if (record.number > notes->number_last) notes->number_last = record.number;
    if (record.kind != SH_PART_LESSON) return SH_OK;
    if (record.source >= recovery->shard_count || record.request.id == 0)
        return sh_fail(err, SH_ERR_CORRUPT, -1, "record %llu of shard %u's log was taught by nobody",
                       (unsigned long long)position, loop->index);
    if (sh_id_set_add(&notes->learned[record.source], record.request.id) == SH_OK) return SH_OK;
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to recover");
}

static enum sh_status scan(struct sh_loop *loop, struct sh_error *err) {
    const struct shard_notes *notes = &loop->server->recovery->shards[loop->index];
    struct sh_log *log;
    struct sh_log_end end;
    enum sh_status status = open_log(loop, &log, err);
    if (status != SH_OK) return status;
    status = sh_log_replay(log, notes->after, scan_record, loop, &end, err);
    sh_log_close(log);
    return status;
}

/* What the scans have found. Each loop works it out, with the same outcome; loop 0 keeps it. */
static void compare_scans(struct sh_recovery *recovery) {
    recovery->number_min = UINT64_MAX;
    for (uint32_t i = 0; i < recovery->shard_count; i++) {
        const uint64_t number = recovery->shards[i].number_last;
        if (number < recovery->number_min) recovery->number_min = number;
        if (number <= recovery->number_max && i > 0) continue;
        recovery->number_max = number;
        recovery->keeper = i;
    }
}

/* ---- applying ---- */

struct applying {
    struct sh_loop *loop;
    struct sh_buffer body;
    struct sh_buffer effects;
};

static void applying_init(struct applying *applying, struct sh_loop *loop) {
    applying->loop = loop;
    sh_buffer_init(&applying->body, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&applying->effects, SH_PART_BYTES_MAX);
}

static void applying_deinit(struct applying *applying) {
    sh_buffer_deinit(&applying->body);
    sh_buffer_deinit(&applying->effects);
}

/* What the record taught, for every sibling that has not learned it. */
static enum sh_status keep_lessons(const struct applying *applying, const struct sh_log_record *record) {
    struct sh_recovery *recovery = applying->loop->server->recovery;
    const uint32_t own = applying->loop->index;
    struct sh_log_record lesson = {.kind = SH_PART_LESSON, .source = own, .request = record->request};
    lesson.request.method = sh_method_find(SH_TEXT_LITERAL("shard.learn"), NULL);
    lesson.request.client = (struct sh_text){0};
    lesson.request.seq = 0;
    lesson.request.params = applying->effects.bytes;
    lesson.request.params_count = applying->effects.count;
    enum sh_status status = SH_OK;
    for (uint32_t other = 0; other < recovery->shard_count && status == SH_OK; other++) {
        if (other == own || sh_id_set_has(&recovery->shards[other].learned[own], record->request.id)) continue;
        status = sh_kept_list_add(&recovery->shards[own].taught[other], &lesson);
    }
    return status;
}

/* Do it again. That it is refused is no fault: then it was refused the first time. */
static enum sh_status apply(struct applying *applying, const struct sh_log_record *record, uint64_t position,
                            struct sh_error *err) {
    struct sh_loop *loop = applying->loop;
    struct shard_notes *notes = &loop->server->recovery->shards[loop->index];
    const struct sh_answer answer = {.body = &applying->body, .effects = &applying->effects};
    sh_buffer_clear(&applying->body);
    sh_buffer_clear(&applying->effects);
    if (record->request.id > notes->id_last) notes->id_last = record->request.id;
    struct sh_request request = record->request;
    request.position = position;
    const enum sh_status applied = sh_shard_apply(loop->shard, &request, &answer, NULL);
    enum sh_status status = applied == SH_ERR_MEMORY ? SH_ERR_MEMORY : SH_OK;
    if (loop->server->loop_count > 1) {
        if (status == SH_OK) status = sh_kept_merges_note(&notes->merges, record, applied);
        if (status == SH_OK && applying->effects.count > 0) status = keep_lessons(applying, record);
    }
    if (status == SH_OK) return SH_OK;
    return sh_fail(err, status, -1, "record %llu of shard %u's log needs more memory than there is",
                   (unsigned long long)position, loop->index);
}

/* ---- replay ---- */

static enum sh_status replay_record(void *context, uint64_t position, const uint8_t *bytes, size_t count,
                                    struct sh_error *err) {
    struct applying *applying = context;
    struct sh_loop *loop = applying->loop;
    struct sh_recovery *recovery = loop->server->recovery;
    struct sh_log_record record;
    enum sh_status status = read_record(loop, position, bytes, count, &record, err);
    if (status == SH_OK) status = apply(applying, &record, position, err);
    if (status != SH_OK || record.number <= recovery->number_min || loop->index != recovery->keeper) return status;
    if (sh_kept_list_add(&recovery->shards[loop->index].every, &record) == SH_OK) return SH_OK;
    return sh_fail(err, SH_ERR_MEMORY, -1, "no memory to recover");
}

static enum sh_status replay(struct sh_loop *loop, struct sh_error *err) {
    struct shard_notes *notes = &loop->server->recovery->shards[loop->index];
    struct applying applying;
    enum sh_status status = open_log(loop, &loop->journal.log, err);
    if (status != SH_OK) return status;
    applying_init(&applying, loop);
    status = sh_log_replay(loop->journal.log, notes->after, replay_record, &applying, &notes->end, err);
    applying_deinit(&applying);
    loop->journal.durable = sh_log_durable(loop->journal.log);
    return status;
}

/* ---- complete ---- */

/* Into this shard's log, and when that is durable, into the shard. */
static enum sh_status complete(struct applying *applying, const struct sh_log_record *record, struct sh_error *err) {
    struct sh_loop *loop = applying->loop;
    struct sh_journal *journal = &loop->journal;
    uint64_t position;
    enum sh_status status;
    for (;;) {
        status = sh_journal_append(journal->log, record, SH_LOG_URGENT, &position, err);
        if (status != SH_ERR_BUSY) break;
        sh_log_commit(journal->log);
        if ((status = sh_io_turn(loop->io, TURN_WAIT_NS, err)) != SH_OK) return status;
    }
    if (status == SH_ERR_LIMIT)
        (void)sh_fail_hint(err, status, "a crash left writes half done, and to complete them there must be room");
    if (status != SH_OK) return status;
    while (journal->durable < position) {
        sh_log_commit(journal->log);
        if (journal->has_failed) {
            if (err != NULL) *err = journal->why;
            return journal->why.status;
        }
        if (journal->durable < position && (status = sh_io_turn(loop->io, TURN_WAIT_NS, err)) != SH_OK) return status;
    }
    loop->server->recovery->shards[loop->index].completed_count++;
    return apply(applying, record, position, err);
}

static enum sh_status complete_list(struct applying *applying, const struct sh_kept_list *list, uint64_t after_number,
                                    struct sh_error *err) {
    enum sh_status status = SH_OK;
    for (const struct sh_kept_record *kept = list->first; kept != NULL && status == SH_OK; kept = kept->next)
        if (kept->record.number > after_number) status = complete(applying, &kept->record, err);
    return status;
}

/* The END or LET GO of a merge, from its HOLD, to the end of the list. */
static enum sh_status keep_merge_part(const struct sh_kept_merge *merge, enum sh_part_kind kind, uint64_t number,
                                      struct sh_kept_list *list, struct sh_error *err) {
    struct sh_log_record record = merge->hold.first->record;
    struct sh_buffer params;
    sh_buffer_init(&params, SH_PART_BYTES_MAX);
    enum sh_status status = sh_merge_part(&record.request, kind, &params, err);
    record.kind = kind;
    record.number = number;
    record.request.params = params.bytes;
    record.request.params_count = params.count;
    if (status == SH_OK && (status = sh_kept_list_add(list, &record)) != SH_OK)
        (void)sh_fail(err, status, -1, "no memory to recover");
    sh_buffer_deinit(&params);
    return status;
}

static bool is_taken(const struct sh_recovery *recovery, uint64_t id) {
    for (uint32_t i = 0; i < recovery->shard_count; i++) {
        const struct sh_kept_merge *merge = sh_kept_merges_find(recovery->shards[i].merges, id);
        if (merge != NULL && merge->is_taken) return true;
    }
    return false;
}

static bool is_ended(const struct sh_kept_list *ends, uint64_t id) {
    for (const struct sh_kept_record *kept = ends->first; kept != NULL; kept = kept->next)
        if (kept->record.request.id == id) return true;
    return false;
}

/* Loop 0 decides what becomes of the merges that are still cut off. */
static enum sh_status decide_merges(struct sh_recovery *recovery, struct sh_error *err) {
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < recovery->shard_count; i++) {
        struct shard_notes *notes = &recovery->shards[i];
        for (const struct sh_kept_merge *merge = notes->merges; merge != NULL && status == SH_OK; merge = merge->next) {
            if (!is_taken(recovery, merge->id)) {
                if (merge->is_held) status = keep_merge_part(merge, SH_PART_LET_GO, 0, &notes->letting, err);
            } else if (!is_ended(&recovery->ends, merge->id)) {
                status = keep_merge_part(merge, SH_PART_END, ++recovery->number_max, &recovery->ends, err);
            }
        }
    }
    return status;
}

static enum sh_status complete_all(struct sh_loop *loop, struct applying *applying, struct sh_error *err) {
    struct sh_recovery *recovery = loop->server->recovery;
    struct shard_notes *notes = &recovery->shards[loop->index];
    const struct sh_kept_list *every = &recovery->shards[recovery->keeper].every;
    enum sh_status status;
    if ((status = meet(recovery, complete_list(applying, every, notes->number_last, err), err)) != SH_OK) return status;
    if (loop->index == 0) status = decide_merges(recovery, err);
    if ((status = meet(recovery, status, err)) != SH_OK) return status;
    status = complete_list(applying, &recovery->ends, 0, err);
    for (const struct sh_kept_record *kept = notes->letting.first; kept != NULL && status == SH_OK; kept = kept->next)
        status = complete(applying, &kept->record, err);
    if ((status = meet(recovery, status, err)) != SH_OK) return status;
    for (uint32_t other = 0; other < recovery->shard_count && status == SH_OK; other++)
        for (const struct sh_kept_record *kept = recovery->shards[other].taught[loop->index].first;
             kept != NULL && status == SH_OK; kept = kept->next)
            status = complete(applying, &kept->record, err);
    return meet(recovery, status, err);
}

/* ---- all of it ---- */

static enum sh_status recover_several(struct sh_loop *loop, struct sh_error *err) {
    struct sh_recovery *recovery = loop->server->recovery;
    struct applying applying;
    enum sh_status status = load(loop, err);
    if (status == SH_OK) status = scan(loop, err);
    status = meet(recovery, status, err);
    if (status == SH_OK && loop->index == 0) compare_scans(recovery);
    if (status == SH_OK) status = meet(recovery, SH_OK, err);
    if (status == SH_OK) status = meet(recovery, replay(loop, err), err);
    if (status != SH_OK) return status;
    applying_init(&applying, loop);
    status = complete_all(loop, &applying, err);
    applying_deinit(&applying);
    if (loop->index == 0) loop->server->every_number = recovery->number_max;
    return status;
}

enum sh_status sh_recover(struct sh_loop *loop, struct sh_error *err) {
    struct sh_recovery *recovery = loop->server->recovery;
    const uint64_t begin_ns = sh_io_exact_ns(loop->io);
    if (loop->index == 0) recovery->begin_ns = begin_ns;
    enum sh_status status;
    if (recovery->shard_count > 1)
        status = recover_several(loop, err);
    else if ((status = load(loop, err)) == SH_OK)
        status = replay(loop, err);
    if (status != SH_OK) return status;
    /* Ids of requests go on behind those of the log, whatever the clock says. */
    for (uint32_t i = 0; i < recovery->shard_count; i++) {
        const uint64_t next = (recovery->shards[i].id_last >> 6) + 1;
        if (loop->next_request < next) loop->next_request = next;
        if (loop->next_request < recovery->shards[i].next_request)
            loop->next_request = recovery->shards[i].next_request;
    }
    sh_count_set(&loop->counters.log_replayed_bytes, recovery->shards[loop->index].end.record_bytes);
    if (loop->index == 0) recovery->end_ns = sh_io_exact_ns(loop->io);
    return SH_OK;
}

void sh_recovery_report(const struct sh_recovery *recovery, char *line, size_t line_bytes) {
    struct shard_notes sum = {0};
    for (uint32_t i = 0; i < recovery->shard_count; i++) {
        const struct shard_notes *notes = &recovery->shards[i];
        sum.end.record_count += notes->end.record_count;
        sum.end.record_bytes += notes->end.record_bytes;
        sum.end.dropped_bytes += notes->end.dropped_bytes;
        sum.completed_count += notes->completed_count;
    }
    (void)snprintf(line, line_bytes,
                   "recovered in %.3f s: snapshot %llu; %llu records of %llu bytes were done again, %llu were "
                   "completed, %llu torn bytes "
                   "cut off",
                   (double)(recovery->end_ns - recovery->begin_ns) / 1e9,
                   (unsigned long long)recovery->snapshot.sequence, (unsigned long long)sum.end.record_count,
                   (unsigned long long)sum.end.record_bytes, (unsigned long long)sum.completed_count,
                   (unsigned long long)sum.end.dropped_bytes);
}
