#include "erasure.h"

#include <stdio.h>

#include "audit.h"
#include "loop.h"
#include "memory.h"
#include "server_log.h"
#include "snapshot_files.h"

/* After so long a round is begun again; while a snapshot is being written it lasts as long as that takes. */
#define ROUND_NS (UINT64_C(10) * 1000000000)

void sh_erasure_init(struct sh_loop *loop) {
    atomic_store(&loop->erasure.oldest_ms, INT64_MAX);
}

/* ---- every loop ---- */

static void publish(struct sh_loop *loop) {
    atomic_store(&loop->erasure.oldest_ms, sh_shard_forget_oldest(loop->shard));
    atomic_store(&loop->erasure.last_gone, sh_log_first(loop->journal.log) - 1);
}

static void take_word(struct sh_loop *loop) {
    const uint64_t erased = atomic_load(&loop->erasure.erased);
    if (erased == loop->erasure.told) return;
    loop->erasure.told = erased;
    sh_shard_erased(loop->shard, erased, sh_io_now_ms(loop->io));
}

void sh_erasure_note_cut(struct sh_loop *loop) {
    if (atomic_load(&loop->server->erasure.rolls) && !loop->journal.has_failed) sh_log_roll(loop->journal.log);
}

/* ---- loop 0 ---- */

static int64_t oldest_of(const struct sh_server *server) {
    int64_t oldest = INT64_MAX;
    for (uint32_t i = 0; i < server->loop_count; i++) {
        const int64_t own = atomic_load(&server->loops[i].erasure.oldest_ms);
        if (own < oldest) oldest = own;
    }
    return oldest;
}

static uint64_t position_of(const struct sh_snapshot *snapshot, uint32_t shard) {
    char name[32];
    (void)snprintf(name, sizeof name, "shard-%u", shard);
    for (uint32_t i = 0; i < snapshot->file_count; i++)
        if (strcmp(snapshot->files[i].name, name) == 0) return snapshot->files[i].position;
    return 0;
}

/* Is nothing left of what was before the older of the two snapshots? Then all loops are told. */
static bool look(struct sh_server *server) {
    char directory[SH_DATA_PATH_BYTES_MAX];
    struct sh_disk *disk = server->data->disk;
    uint32_t count = 0;
    bool is_gone = true;
    sh_data_path(server->data, "snapshots", SH_DATA_NO_SHARD, directory);
    if (!sh_snapshot_is_tidy(disk, directory)) return false;
    struct sh_snapshot *snapshots = sh_alloc(SH_SNAPSHOT_KEEP_COUNT * sizeof *snapshots);
    if (snapshots == NULL) return false;
    if (sh_snapshot_list(disk, directory, snapshots, SH_SNAPSHOT_KEEP_COUNT, &count, NULL) != SH_OK ||
        count < SH_SNAPSHOT_KEEP_COUNT)
        is_gone = false;
    const struct sh_snapshot *older = &snapshots[SH_SNAPSHOT_KEEP_COUNT - 1];
    for (uint32_t i = 0; i < server->loop_count && is_gone; i++)
        is_gone = atomic_load(&server->loops[i].erasure.last_gone) >= position_of(older, i);
    for (uint32_t i = 0; i < server->loop_count && is_gone; i++)
        atomic_store(&server->loops[i].erasure.erased, position_of(older, i));
    sh_free(snapshots);
    return is_gone;
}

static void end_round(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    const struct sh_audit_entry entry = {
        .time_ms = sh_io_now_ms(loop->io), .method = "user.erased", .token = "owner", .result = SH_OK};
    server->erasure.is_under_way = false;
    server->erasure.is_late = false;
    atomic_store(&server->erasure.rolls, false);
    sh_log(SH_LOG_INFO, "what was forgotten is gone from the disk, too");
    sh_audit_write(server->audit, &entry);
}

/* Two snapshots, one after another. */
static void ask_next(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    struct sh_erasure *erasure = &server->erasure;
    struct sh_snapshots *snapshots = &server->snapshots;
    const uint64_t now_ns = sh_io_monotonic_ns(loop->io);
    if (atomic_load(&snapshots->phase) != SH_SNAPSHOT_IDLE ||
        atomic_load(&snapshots->asked_count) != snapshots->begun_for)
        return;
    if (!erasure->is_under_way || now_ns - erasure->round_ns >= ROUND_NS) {
        erasure->is_under_way = true;
        erasure->round_ns = now_ns;
        erasure->done_before = snapshots->done_count;
        erasure->asked = 0;
        atomic_store(&erasure->rolls, true);
    }
    if (erasure->asked == SH_SNAPSHOT_KEEP_COUNT || snapshots->done_count - erasure->done_before < erasure->asked)
        return;
    erasure->asked++;
    erasure->round_ns = now_ns;
    atomic_fetch_add(&snapshots->asked_count, 1);
}

static void lead(struct sh_loop *loop) {
    struct sh_server *server = loop->server;
    const int64_t oldest_ms = oldest_of(server);
    const int64_t now_ms = sh_io_now_ms(loop->io);
    const uint64_t horizon_ms = sh_server_forget_ms(server);
    if (oldest_ms == INT64_MAX || loop->is_stopping || atomic_load(&server->failed_logs) != 0) return;
    const int64_t age_ms = now_ms - oldest_ms; /* a clock that was set back makes it wait, one set ahead hurry */
    if (age_ms < (int64_t)(horizon_ms / 2)) return;
    if (look(server)) {
        if (server->erasure.is_under_way) end_round(loop);
        return;
    }
    if (age_ms > (int64_t)horizon_ms && !server->erasure.is_late) {
        server->erasure.is_late = true;
        sh_log(SH_LOG_ERROR, "somebody forgotten is still on the disk after the horizon; it goes on trying");
    }
    ask_next(loop);
}

void sh_erasure_tick(struct sh_loop *loop) {
    take_word(loop);
    publish(loop);
    if (loop->index == 0) lead(loop);
}
