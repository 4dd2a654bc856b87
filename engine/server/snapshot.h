/* snapshot.h -- the state of all shards at one moment, written by a child while the server goes on. For the files of
 * this folder only.
 *
 *   loop 0   ask -> hold ----------> park ---> fork --> release ... is the child done? ... let go of logs, answer
 *   loop 1            writes under     stand      |
 *   loop n            way end          still      '--> child: its memory stays as it was; a file a shard, verified,
 *            new ones wait to be read                        renamed; its end (snapshot_files.h)
 *
 * The cut is between writes: none is under way in any shard when the process forks, so what one shard has another has,
 * and the log behind a shard's position is all that a start must do again. Questions go on while writes end; they stand
 * still only from park to release. The kernel copies a page when the server writes to it while the child is there:
 * that, and the page tables at the fork, are the cost. If writes do not end in SH_SNAPSHOT_HOLD_MS_MAX, because the
 * disk is slow or full, they go on and the snapshot is given up until it is asked for again.
 *
 * Asked for by the method `snapshot`, and by loop 0 itself when the logs have grown by as much as the options say since
 * the last one (and by half of its size).
 */
#ifndef SH_SNAPSHOT_H
#define SH_SNAPSHOT_H

#include <pthread.h>

#include "host.h"
#include "io.h"
#include "task.h"

enum sh_snapshot_phase { SH_SNAPSHOT_IDLE, SH_SNAPSHOT_HOLDING, SH_SNAPSHOT_PARKING, SH_SNAPSHOT_WRITING };

/* What a child tells, and what is told of it. */
struct sh_snapshot_report {
    enum sh_status status;
    uint64_t sequence;
    uint64_t bytes;
    uint64_t write_ms; /* from the fork to the end of the child */
    uint64_t hold_us;  /* writes waited */
    uint64_t pause_us; /* everything stood still */
    char message[SH_ERROR_MESSAGE_BYTES_MAX];
};

/* Of a server. Loop 0 owns all but what says otherwise. */
struct sh_snapshots {
    _Atomic(uint32_t) phase;         /* enum sh_snapshot_phase; read by all */
    _Atomic(uint64_t) asked_count;   /* raised by all: somebody wants one that begins from now on */
    _Atomic(uint64_t) release_count; /* holds that have ended; read by all */
    uint64_t begun_for;              /* asked_count when the one under way began */
    uint64_t hold_since_ns;
    uint64_t fork_ns;
    struct sh_host_child child;
    uint64_t log_bytes_before; /* of all logs, when the last one began */
    uint64_t last_bytes;       /* of the last one that was well */
    uint64_t done_count;
    struct sh_io_timer timer;
    pthread_mutex_t mutex; /* the rest */
    pthread_cond_t changed;
    uint32_t parked_count;
    uint64_t answered_for; /* whoever asked up to this count has the report */
    struct sh_snapshot_report report;
};

void sh_snapshots_init(struct sh_snapshots *snapshots);
void sh_snapshots_deinit(struct sh_snapshots *snapshots);
/* In every turn of every loop, at its beginning, when nothing of it is under way. */
void sh_snapshots_turn(struct sh_loop *loop);
/* This task waits for a snapshot that begins from now on. */
void sh_snapshots_ask(struct sh_loop *loop, struct sh_task *task);
/* A task that writes has ended: is it what a snapshot waits for? */
void sh_snapshots_note_end(struct sh_loop *loop);
/* Once a second, loop 0: is one due? */
void sh_snapshots_tick(struct sh_loop *loop);
/* The loop stops: nobody waits any longer. Loop 0 also ends the child. */
void sh_snapshots_stop(struct sh_loop *loop);

/* ---- snapshot_write.c ---- */

/* Write all shards, now, into the data directory; in a forked child, or when nothing else runs. */
void sh_snapshots_write(struct sh_server *server, struct sh_snapshot_report *report);
/* The loop's shard from the snapshot that recovery found, and what stands beside it. */
SH_MUST_CHECK enum sh_status sh_snapshots_load(struct sh_loop *loop, uint64_t *every_number, uint64_t *next_request,
                                               struct sh_error *err);

#endif
