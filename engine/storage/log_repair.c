#include "log_repair.h"

#include <stdio.h>

#include "log.h"
#include "log_walk.h"

enum { REPAIR_COMMIT_BYTES = 8 << 20 };

static void describe(const struct sh_log_files *files, struct sh_log_report *report) {
    report->file_count = files->head_count;
    report->spare_count = files->count - files->head_count;
    if (files->head_count == 0) return;
    report->store = files->files[0].store;
    report->shard = files->files[0].shard;
    report->first = files->files[0].first;
}

/* ---- looking it over ---- */

static enum sh_status check_files(struct sh_disk *disk, const char *directory, const struct sh_log_files *files,
                                  struct sh_log_report *report, struct sh_error *err) {
    struct sh_log_walk walk;
    enum sh_status status =
        sh_log_walk_open(&walk, disk, directory, files, report->store, report->shard, report->first - 1, err);
    if (status != SH_OK) return status;
    for (bool at_end = false; status == SH_OK && !at_end;) {
        struct sh_log_entry entry;
        status = sh_log_walk_next(&walk, &entry, &at_end, err);
        if (status != SH_OK || at_end) break;
        report->record_count += entry.count > 0;
        report->lost_count += entry.count == 0;
        report->record_bytes += entry.count;
    }
    report->last = walk.next - 1;
    struct sh_log_rest rest = {0};
    if (status == SH_OK) status = sh_log_walk_judge(&walk, &rest, err);
    report->dropped_bytes = rest.used_bytes;
    if (status == SH_ERR_CORRUPT && rest.vouched > report->last) report->lost_count += rest.vouched - report->last;
    sh_log_walk_close(&walk);
    return status;
}

enum sh_status sh_log_check(struct sh_disk *disk, const char *directory, struct sh_log_report *report,
                            struct sh_error *err) {
    *report = (struct sh_log_report){.first = 1};
    int lock;
    struct sh_error why = {0};
    struct sh_log_files files = {0};
    enum sh_status status = sh_log_lock(disk, directory, false, &lock, err);
    if (status != SH_OK) return status;
    status = sh_log_files_read(disk, directory, NULL, NULL, &files, &why);
    if (status == SH_OK) {
        describe(&files, report);
        status = check_files(disk, directory, &files, report, &why);
        if (status == SH_OK && files.head_count == 0)
            status = sh_fail(&why, SH_ERR_NOT_FOUND, -1, "%s holds no log: no file in it has a valid head", directory);
    }
    sh_log_files_deinit(&files);
    if (lock >= 0) (void)sh_disk_close(disk, directory, lock, NULL);
    if (status == SH_ERR_CORRUPT) {
        report->is_damaged = true;
        report->damage = why;
        return SH_OK;
    }
    if (status != SH_OK && err != NULL) *err = why;
    return status;
}

/* ---- saving what can be read ---- */

struct repair {
    struct sh_disk *disk;
    struct sh_log *target;
    struct sh_log_report *report;
    void (*tell)(void *context, const char *words);
    void *context;
    uint64_t next;          /* position of the next record in the new log */
    uint64_t pending_bytes; /* since the last commit */
};

static void ignore_durable(void *context, uint64_t position) {
    (void)context;
    (void)position;
}

static const struct sh_log_events repair_events = {.on_durable = ignore_durable};

static enum sh_status put(struct repair *repair, const uint8_t *bytes, size_t count, struct sh_error *err) {
    const struct sh_log_piece piece = {bytes, count};
    uint64_t position;
    if (repair->pending_bytes > REPAIR_COMMIT_BYTES) {
        sh_log_commit(repair->target);
        repair->pending_bytes = 0;
    }
    enum sh_status status = sh_log_append(repair->target, &piece, 1, SH_LOG_URGENT, &position, err);
    if (status == SH_ERR_BUSY) {
        sh_log_commit(repair->target);
        status = sh_log_append(repair->target, &piece, 1, SH_LOG_URGENT, &position, err);
    }
    if (status != SH_OK) return status;
    sh_assert(position == repair->next);
    repair->next++;
    repair->pending_bytes += count + sizeof(struct sh_log_record_head);
    return SH_OK;
}

/* Records up to `last` cannot be read. */
static enum sh_status put_lost(struct repair *repair, uint64_t last, struct sh_error *err) {
    if (repair->next > last) return SH_OK;
    char words[96];
    (void)snprintf(words, sizeof words, "records %llu to %llu are lost", (unsigned long long)repair->next,
                   (unsigned long long)last);
    if (repair->tell != NULL) repair->tell(repair->context, words);
    static const uint8_t nothing[1];
    while (repair->next <= last) {
        const enum sh_status status = put(repair, nothing, 0, err);
        if (status != SH_OK) return status;
        repair->report->lost_count++;
    }
    return SH_OK;
}

static void note_damage(struct repair *repair, const struct sh_error *why) {
    struct sh_log_report *report = repair->report;
    if (repair->tell != NULL) repair->tell(repair->context, why->message);
    if (report->is_damaged) return;
    report->is_damaged = true;
    report->damage = *why;
}

static enum sh_status put_entry(struct repair *repair, const struct sh_log_entry *entry, struct sh_error *err) {
    struct sh_log_report *report = repair->report;
    enum sh_status status = put_lost(repair, entry->position - 1, err);
    if (status != SH_OK) return status;
    if ((status = put(repair, entry->bytes, entry->count, err)) != SH_OK) return status;
    report->record_count += entry->count > 0;
    report->lost_count += entry->count == 0; /* by an earlier repair */
    report->record_bytes += entry->count;
    return SH_OK;
}

/* From one readable run of records to the next, until there is none. */
static enum sh_status copy(struct repair *repair, struct sh_log_walk *walk, struct sh_error *err) {
    uint64_t vouched = 0;
    for (;;) {
        struct sh_log_entry entry;
        struct sh_log_rest rest = {0};
        struct sh_error why = {0};
        bool at_end;
        bool found;
        enum sh_status status = sh_log_walk_next(walk, &entry, &at_end, &why);
        if (status == SH_OK && !at_end) {
            if ((status = put_entry(repair, &entry, err)) != SH_OK) return status;
            continue;
        }
        if (status == SH_OK) status = sh_log_walk_judge(walk, &rest, &why);
        if (rest.vouched > vouched) vouched = rest.vouched;
        if (status == SH_OK) {
            repair->report->dropped_bytes = rest.used_bytes;
            break;
        }
        if (status != SH_ERR_CORRUPT) return sh_fail(err, status, -1, "%s", why.message);
        note_damage(repair, &why);
        if ((status = sh_log_walk_resume(walk, &found, err)) != SH_OK) return status;
        if (found) continue;
        if (walk->durable > vouched) vouched = walk->durable;
        break;
    }
    return put_lost(repair, vouched, err);
}

static uint64_t segment_bytes_of(const struct sh_log_files *files) {
    uint64_t most = SH_LOG_SEGMENT_BYTES_MIN;
    for (uint32_t i = 0; i < files->head_count; i++)
        if (files->files[i].byte_count > most) most = files->files[i].byte_count;
    return most / SH_LOG_BLOCK_BYTES * SH_LOG_BLOCK_BYTES;
}

static enum sh_status repair_files(struct repair *repair, const char *directory, const char *directory_target,
                                   const struct sh_log_files *files, uint64_t salt, struct sh_error *err) {
    struct sh_log_report *report = repair->report;
    struct sh_log_walk walk;
    struct sh_log_end end;
    const struct sh_log_options options = {.directory = directory_target,
                                           .store = report->store,
                                           .shard = report->shard,
                                           .salt = salt,
                                           .durability = SH_LOG_NONE, /* sealing syncs */
                                           .segment_bytes = segment_bytes_of(files),
                                           .create = true,
                                           .create_after = report->first - 1,
                                           .disk = repair->disk,
                                           .events = &repair_events};
    enum sh_status status = sh_log_open(&options, &repair->target, err);
    if (status != SH_OK) return status;
    status = sh_log_replay(repair->target, report->first - 1, NULL, NULL, &end, err);
    if (status == SH_OK && end.position != report->first - 1)
        status = sh_fail(err, SH_ERR_CONFLICT, -1, "%s holds a log already", directory_target);
    if (status == SH_OK)
        status = sh_log_walk_open(&walk, repair->disk, directory, files, report->store, report->shard,
                                  report->first - 1, err);
    if (status == SH_OK) {
        repair->next = report->first;
        status = copy(repair, &walk, err);
        sh_log_walk_close(&walk);
    }
    report->last = repair->next - 1;
    if (status == SH_OK) {
        sh_log_seal(repair->target);
        sh_log_commit(repair->target);
        const struct sh_error *failed = sh_log_failed(repair->target);
        if (failed != NULL) status = sh_fail(err, failed->status, -1, "%s", failed->message);
    }
    sh_log_close(repair->target);
    return status;
}

enum sh_status sh_log_repair(struct sh_disk *disk, const char *directory, const char *directory_target, uint64_t store,
                             uint32_t shard, uint64_t salt, void (*tell)(void *context, const char *words),
                             void *context, struct sh_log_report *report, struct sh_error *err) {
    *report = (struct sh_log_report){.first = 1};
    struct repair repair = {.disk = disk, .report = report, .tell = tell, .context = context};
    struct sh_log_files files;
    int lock;
    enum sh_status status = sh_log_lock(disk, directory, false, &lock, err);
    if (status != SH_OK) return status;
    if ((status = sh_log_files_gather(disk, directory, &store, &shard, &files, err)) == SH_OK) {
        describe(&files, report);
        report->store = store;
        report->shard = shard;
        if (files.head_count == 0)
            status = sh_fail(err, SH_ERR_NOT_FOUND, -1, "%s holds nothing that can be read as a log", directory);
        else
            status = repair_files(&repair, directory, directory_target, &files, salt, err);
        sh_log_files_deinit(&files);
    }
    if (lock >= 0) (void)sh_disk_close(disk, directory, lock, NULL);
    return status;
}
