/* recovery.h -- from what is on the disk to shards that agree. For the files of this folder only.
 *
 *   each loop, on its own thread                                        all of them meet after each step
 *     load     its shard from the snapshot, if there is one
 *     scan     its log: which writes to every shard it has, and what it learned of the others (several shards only)
 *     replay   its log through sh_shard_apply, keeping what others will need
 *     complete what a crash left half done (several shards only)
 *
 * What can be half done, and how it is completed. A crash cuts each shard's log at its own place, so a shard may lack
 * the last of what another has. Each completion is appended to the log of the shard that lacks it, before it serves:
 * from then on it is as if the crash had come a moment later.
 *
 *   EVERY    the same write in all shards. Loop 0 numbers them 1, 2, 3 ... and sends them out in order, so each log has
 *            all up to some number; the log that has most gives the others the rest. No log is written before another,
 *            so such a write costs one commit, and any log can complete the others.
 *   LESSON   what a part taught the siblings. Replaying the part gives it again; a sibling whose log has no lesson of
 *            that request from that shard gets it now.
 *   HOLD     a merge of users whose rounds were cut off. An END anywhere is completed as EVERY is. Without one:
 *            where the person was TAKEn already, the END that was to come is done in all shards; else the users are
 *            LET GO.
 *
 * A snapshot is taken when no write is under way (snapshot.h), so what came before it is whole.
 */
#ifndef SH_RECOVERY_H
#define SH_RECOVERY_H

#include "shard.h"

struct sh_loop;
struct sh_server;
struct sh_recovery;

/* Before the threads start. On failure *recovery is NULL. */
SH_MUST_CHECK enum sh_status sh_recovery_create(struct sh_server *server, struct sh_recovery **recovery,
                                                struct sh_error *err);
void sh_recovery_destroy(struct sh_recovery *recovery); /* NULL is fine */
/* The snapshot that it begins with; file_count 0: there is none. */
const struct sh_snapshot *sh_recovery_snapshot(const struct sh_recovery *recovery);
/* A thread could not be started: those that wait for it shall not. */
void sh_recovery_abort(struct sh_recovery *recovery);
/* On the loop's thread, once its io and its empty shard are made: afterwards its shard is what it was, and its journal
 * open. All loops fail if one does. */
SH_MUST_CHECK enum sh_status sh_recover(struct sh_loop *loop, struct sh_error *err);
/* One line for people, once all loops have recovered. */
void sh_recovery_report(const struct sh_recovery *recovery, char *line, size_t line_bytes);

#endif
