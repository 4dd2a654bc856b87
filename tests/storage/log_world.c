#include "log_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_repair.h"
#include "log_walk.h"
#include "memory.h"

static uint8_t record_bytes[WORLD_RECORD_BYTES_MAX + 8];

/* The bytes of a record. Some are runs of one value, so that zeroes are among what is stored. */
static const uint8_t *bytes_of(const struct world_record *record) {
    struct split_random rng = {record->seed};
    const bool is_run = split_one_in(&rng, 8);
    const uint64_t run = split_one_in(&rng, 2) ? 0 : split_next(&rng);
    for (uint32_t i = 0; i < record->count; i += 8) {
        const uint64_t word = is_run ? run : split_next(&rng);
        memcpy(record_bytes + i, &word, sizeof word);
    }
    return record_bytes;
}

static bool wrong(struct world *world, const char *what, uint64_t a, uint64_t b) {
    if (world->fault[0] == '\0')
        (void)snprintf(world->fault, sizeof world->fault, "%s (%llu, %llu)", what, (unsigned long long)a,
                       (unsigned long long)b);
    return false;
}

/* ---- what the log calls back ---- */

static void on_durable(void *context, uint64_t position) {
    struct world *world = context;
    if (position <= world->acknowledged || position > world->appended)
        (void)wrong(world, "on_durable out of order", position, world->acknowledged);
    world->acknowledged = position;
}

static void on_failed(void *context, const struct sh_error *why) {
    struct world *world = context;
    if (world->has_failed || why->status != SH_ERR_IO) (void)wrong(world, "on_failed", 0, 0);
    world->has_failed = true;
}

static void on_room(void *context) {
    ((struct world *)context)->room_count++;
}

static const struct sh_log_events events = {.on_durable = on_durable, .on_failed = on_failed, .on_room = on_room};

static void ignore_durable(void *context, uint64_t position) {
    (void)context;
    (void)position;
}

static const struct sh_log_events no_events = {.on_durable = ignore_durable};

static enum sh_status compare(void *context, uint64_t position, const uint8_t *bytes, size_t count,
                              struct sh_error *err) {
    struct world *world = context;
    const char *what = NULL;
    world->expected++;
    if (position != world->expected)
        what = "a record out of order";
    else if (position > world->appended)
        what = "a phantom record";
    else if (count != world->records[position].count || memcmp(bytes, bytes_of(&world->records[position]), count) != 0)
        what = "a changed record";
    if (what == NULL) return SH_OK;
    (void)wrong(world, what, position, world->expected);
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s", what);
}

/* ---- opening ---- */

static struct sh_log_options options_of(struct world *world, struct disk_sim *sim, bool is_async) {
    return (struct sh_log_options){
        .directory = "log",
        .store = 0x5ea,
        .shard = 3,
        .salt = split_next(&world->rng),
        .durability = world->durability,
        .segment_bytes = SH_LOG_SEGMENT_BYTES_MIN,
        .create = world->open_count < 2, /* nobody was told of a record before the first replay succeeded */
        .disk = disk_sim_disk(sim),
        .io = is_async ? disk_sim_io(sim) : NULL,
        .events = &no_events,
        .context = world,
    };
}

static enum sh_status replay(struct world *world, const struct sh_log_options *options, struct sh_log **log,
                             struct sh_log_end *end, struct sh_error *err) {
    enum sh_status status = sh_log_open(options, log, err);
    if (status != SH_OK) return status;
    world->expected = world->snapshot;
    status = sh_log_replay(*log, world->snapshot, compare, world, end, err);
    if (status == SH_OK) return SH_OK;
    sh_log_close(*log);
    *log = NULL;
    return status;
}

static bool end_is_right(struct world *world, const struct sh_log_end *end, uint64_t promised) {
    if (end->position != world->expected && end->position > world->snapshot)
        return wrong(world, "the end is not where the records end", end->position, world->expected);
    if (end->position < promised) return wrong(world, "records are lost", end->position, promised);
    if (end->position > world->appended) return wrong(world, "phantom records", end->position, world->appended);
    return true;
}

bool world_open(struct world *world, uint64_t promised) {
    struct sh_error err = {0};
    struct sh_log_end end;
    struct sh_log_options options = options_of(world, world->sim, world->is_async);
    options.events = &events;
    const enum sh_status status = replay(world, &options, &world->log, &end, &err);
    if (status != SH_OK) {
        if (world->fault[0] == '\0')
            (void)snprintf(world->fault, sizeof world->fault, "cannot open: %.200s", err.message);
        return false;
    }
    if (!end_is_right(world, &end, promised)) return false;
    world->open_count = 2;
    world->appended = end.position;
    world->acknowledged = end.position;
    world->has_failed = false;
    return true;
}

/* Go on where the log ended, and see that it holds. */
static bool append_and_reopen(struct world *world, const struct sh_log_options *options, struct sh_log *log,
                              uint64_t end_position) {
    struct sh_error err = {0};
    struct sh_log_end end;
    const uint64_t appended = world->appended;
    const struct world_record replaced = world->records[end_position + 1];
    const struct world_record record = {.seed = split_next(&world->rng),
                                        .count = 1 + (uint32_t)split_length(&world->rng, 9000)};
    const struct sh_log_piece piece = {bytes_of(&record), record.count};
    uint64_t position;
    if (sh_log_append(log, &piece, 1, SH_LOG_USUAL, &position, &err) != SH_OK) {
        sh_log_close(log);
        return disk_sim_faults(world->sim)->space_bytes > 0 || wrong(world, "no append after recovery", 0, 0);
    }
    sh_log_commit(log);
    const bool committed = sh_log_durable(log) == end_position + 1 && position == end_position + 1;
    sh_log_close(log);
    if (!committed) return wrong(world, "no commit after recovery", position, end_position);
    world->records[position] = record;
    world->appended = position;
    const bool opened = replay(world, options, &log, &end, &err) == SH_OK;
    if (opened) sh_log_close(log);
    const bool right = opened && end.position == position;
    world->appended = appended;
    world->records[position] = replaced;
    if (!opened && world->fault[0] == '\0')
        (void)snprintf(world->fault, sizeof world->fault, "cannot open again: %.200s", err.message);
    return right || wrong(world, "the second recovery differs", end.position, position);
}

/* The whole log, what is released and still there included, reads from end to end, as a tool would see it. */
static bool walk_is_whole(struct world *world, struct disk_sim *sim) {
    struct sh_error err = {0};
    struct sh_log_files files;
    struct sh_log_walk walk;
    const uint64_t store = 0x5ea;
    const uint32_t shard = 3;
    struct sh_disk *disk = disk_sim_disk(sim);
    enum sh_status status = sh_log_files_read(disk, "log", &store, &shard, &files, &err);
    if (status != SH_OK) return status == SH_ERR_NOT_FOUND || wrong(world, "a tool cannot list the files", status, 0);
    const uint64_t after = files.head_count == 0 ? 0 : files.files[0].first - 1;
    status = sh_log_walk_open(&walk, disk, "log", &files, store, shard, after, &err);
    for (bool at_end = false; status == SH_OK && !at_end;) {
        struct sh_log_entry entry;
        status = sh_log_walk_next(&walk, &entry, &at_end, &err);
    }
    struct sh_log_rest rest;
    if (status == SH_OK) status = sh_log_walk_judge(&walk, &rest, &err);
    sh_log_walk_close(&walk);
    sh_log_files_deinit(&files);
    if (status != SH_OK && world->fault[0] == '\0')
        (void)snprintf(world->fault, sizeof world->fault, "a tool finds damage: %.200s", err.message);
    return status == SH_OK;
}

bool world_try(struct world *world, struct disk_sim *sim, uint64_t promised, bool may_refuse, bool *refused) {
    struct sh_error err = {0};
    struct sh_log *log = NULL;
    struct sh_log_end end;
    if (!may_refuse && !walk_is_whole(world, sim)) return false;
    const struct sh_log_options options = options_of(world, sim, false);
    const enum sh_status status = replay(world, &options, &log, &end, &err);
    if (refused != NULL) *refused = status != SH_OK;
    if (world->fault[0] != '\0') return false;
    if (status != SH_OK) {
        const bool has_words = strstr(err.message, "log") != NULL;
        if (may_refuse && has_words && (status == SH_ERR_CORRUPT || status == SH_ERR_NOT_FOUND)) return true;
        (void)snprintf(world->fault, sizeof world->fault, "refused: %.200s", err.message);
        return false;
    }
    if (!end_is_right(world, &end, promised)) {
        sh_log_close(log);
        return false;
    }
    if (split_one_in(&world->rng, 4)) return append_and_reopen(world, &options, log, end.position);
    sh_log_close(log);
    return true;
}

bool world_interrupt(struct world *world, struct disk_sim *sim) {
    struct sh_error err = {0};
    struct sh_log *log = NULL;
    struct sh_log_end end;
    const struct sh_log_options options = options_of(world, sim, false);
    struct disk_sim_faults *faults = disk_sim_faults(sim);
    faults->fail_at = disk_sim_count(sim) + 1 + split_length(&world->rng, 60);
    faults->fail_always = true;
    if (replay(world, &options, &log, &end, &err) == SH_OK) sh_log_close(log);
    faults->fail_at = 0;
    return world->fault[0] == '\0';
}

static enum sh_status compare_saved(void *context, uint64_t position, const uint8_t *bytes, size_t count,
                                    struct sh_error *err) {
    struct world *world = context;
    world->expected = position - 1; /* holes are what a repair leaves */
    return compare(world, position, bytes, count, err);
}

static void count_words(void *context, const char *words) {
    *(uint64_t *)context += words[0] != '\0';
}

bool world_repair(struct world *world, struct disk_sim *sim, uint64_t *lost_count) {
    struct sh_error err = {0};
    struct sh_log_report report;
    struct sh_log_report again;
    struct sh_log_end end;
    struct sh_log *log;
    uint64_t told = 0;
    struct sh_disk *disk = disk_sim_disk(sim);
    /* A log whose first head is lost begins later, and only a snapshot knows that it should not. */
    if (sh_log_check(disk, "log", &again, &err) == SH_OK && !again.is_damaged && again.first <= world->snapshot + 1)
        return wrong(world, "a check finds no damage where a start does", 0, 0);
    enum sh_status status =
        sh_log_repair(disk, "log", "fixed", 0x5ea, 3, split_next(&world->rng), count_words, &told, &report, &err);
    if (status == SH_ERR_NOT_FOUND) return true; /* the head of an empty log: there is nothing to save */
    if (status != SH_OK) {
        (void)snprintf(world->fault, sizeof world->fault, "repair: %.200s", err.message);
        return false;
    }
    if (report.is_damaged && told == 0) return wrong(world, "damage was not told", told, report.lost_count);
    if (report.last < world->appended)
        return wrong(world, "lost records are not counted", report.last, world->appended);
    *lost_count += report.lost_count;
    struct sh_log_options options = options_of(world, sim, false);
    options.directory = "fixed";
    if ((status = sh_log_open(&options, &log, &err)) == SH_OK) {
        status = sh_log_replay(log, report.first - 1, compare_saved, world, &end, &err);
        sh_log_close(log);
    }
    if (world->fault[0] != '\0') return false;
    if (status != SH_OK) (void)snprintf(world->fault, sizeof world->fault, "repaired: %.200s", err.message);
    if (status != SH_OK) return false;
    if (end.record_count != report.record_count || end.position != report.last)
        return wrong(world, "another number of records was saved", end.record_count, report.record_count);
    if (report.record_count + report.lost_count != report.last - report.first + 1)
        return wrong(world, "saved and lost are not all", report.record_count, report.lost_count);
    if (sh_log_check(disk, "fixed", &again, &err) != SH_OK || again.is_damaged || again.lost_count != report.lost_count)
        return wrong(world, "the repaired log is not whole", again.lost_count, report.lost_count);
    return true;
}

/* ---- life ---- */

struct world *world_create(uint64_t seed, enum sh_log_durability durability, bool is_async) {
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL) abort();
    world->records = calloc(WORLD_RECORD_COUNT_MAX + 2, sizeof *world->records);
    if (world->records == NULL) abort();
    world->rng.state = seed;
    world->durability = durability;
    world->is_async = is_async;
    world->sim = disk_sim_create(split_next(&world->rng));
    return world;
}

void world_kill(struct world *world) {
    if (world->log == NULL) return;
    /* The process is gone: nothing of the log's may touch the disk any more. */
    world->log->has_failed = true;
    disk_sim_kill(world->sim, &world->rng);
    struct sh_log *log = world->log;
    log->space.target.handle = -1;
    log->spare_count = 0;
    log->current.handle = -1;
    log->directory_handle = -1;
    log->lock = -1;
    sh_log_abandon(log);
    world->log = NULL;
}

void world_destroy(struct world *world) {
    world_kill(world);
    disk_sim_destroy(world->sim);
    free(world->records);
    free(world);
}

uint64_t world_promised(const struct world *world) {
    if (world->durability == SH_LOG_SYNC) return world->acknowledged;
    const uint64_t synced = world->log == NULL ? 0 : sh_log_synced(world->log);
    return synced > world->snapshot ? synced : world->snapshot;
}

static void append_some(struct world *world) {
    uint64_t left = 1 + split_length(&world->rng, 12);
    while (left-- > 0 && world->appended < WORLD_RECORD_COUNT_MAX) {
        struct world_record record = {.seed = split_next(&world->rng),
                                      .count = 1 + (uint32_t)split_length(&world->rng, 6000)};
        const uint64_t most = sh_log_record_bytes_max(SH_LOG_SEGMENT_BYTES_MIN);
        if (split_one_in(&world->rng, 64)) record.count = (uint32_t)(most - split_length(&world->rng, most));
        const uint8_t *bytes = bytes_of(&record);
        const size_t cut = split_below(&world->rng, (uint64_t)record.count + 1);
        const struct sh_log_piece pieces[2] = {{bytes, cut}, {bytes + cut, record.count - cut}};
        const bool is_urgent = split_one_in(&world->rng, 16);
        uint64_t position;
        struct sh_error err = {0};
        const enum sh_status status =
            sh_log_append(world->log, pieces, 2, is_urgent ? SH_LOG_URGENT : SH_LOG_USUAL, &position, &err);
        if (status != SH_OK) {
            world->refused_count++;
            if (status == SH_ERR_IO ? !world->has_failed : status != SH_ERR_BUSY && status != SH_ERR_LIMIT)
                (void)wrong(world, "an append failed", status, world->appended);
            return;
        }
        if (position != world->appended + 1) (void)wrong(world, "a position", position, world->appended);
        world->appended = position;
        world->records[position] = record;
    }
}

bool world_step(struct world *world) {
    struct sh_error err;
    if (split_one_in(&world->rng, 3)) append_some(world);
    if (split_one_in(&world->rng, 2)) sh_log_commit(world->log);
    if (world->is_async && split_one_in(&world->rng, 2)) {
        disk_sim_advance(world->sim, split_length(&world->rng, 400000000));
        if (sh_io_turn(disk_sim_io(world->sim), 0, &err) != SH_OK) return wrong(world, "a turn failed", 0, 0);
    }
    if (split_one_in(&world->rng, 30)) sh_log_seal(world->log);
    if (split_one_in(&world->rng, 25)) sh_log_roll(world->log);
    if (split_one_in(&world->rng, 20) && !world->has_failed) {
        const uint64_t room = world_promised(world) - world->snapshot;
        world->snapshot += split_below(&world->rng, room + 1);
        sh_log_release(world->log, world->snapshot);
    }
    return world->fault[0] == '\0';
}

void world_drain(struct world *world) {
    struct sh_error err;
    for (uint32_t i = 0; i < 1000; i++) {
        sh_log_commit(world->log);
        if (world->is_async) {
            disk_sim_advance(world->sim, 50000000);
            if (sh_io_turn(disk_sim_io(world->sim), 0, &err) != SH_OK) return;
            sh_log_commit(world->log);
        }
        if (i > 20 && sh_log_is_idle(world->log)) return;
    }
    (void)wrong(world, "the log does not become idle", world->appended, world->acknowledged);
}
