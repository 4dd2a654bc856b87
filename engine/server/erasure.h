/* erasure.h -- nothing of somebody forgotten stays on the disk beyond the horizon. For the files of this folder only.
 *
 * Who is forgotten is gone from memory at once. On the disk they still stand in records of the logs (the forgetting
 * names them, too) and in the two snapshots that are kept. A receipt (receipts.h, shard) is pending until they do not:
 *
 *   forget ........ half of the horizon ........ round:  logs begin a new file | snapshot A | snapshot B | zeroes
 *                                                                              ^                         |
 *            what was before A's moment is in files of its own -----------------'   nobody needs them -----'
 *
 * Both snapshots that are kept then began after the forgetting, and files of the logs whose records are all before A are
 * filled with zeroes, as always (log.h). When the first record that a log still has is behind A's moment, in every
 * shard, everything that was forgotten before A is gone, and the shards are told. A's moment is between two writes: what
 * a forgetting made other shards write is before it, too.
 *
 * A round that does not come to its end (a full disk, no spare file for a log) is begun again after ROUND_MS. What has
 * been told is state of the shards, and so in the next snapshot; after a crash it is found out again.
 *
 * Beside this stand copies that the server knows nothing of: backups, and what a file system keeps of removed files.
 */
#ifndef SH_ERASURE_H
#define SH_ERASURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct sh_loop;

/* Of a server; loop 0's, but for the atomics. */
struct sh_erasure {
    _Atomic(bool) rolls; /* at the next snapshot every log begins a new file */
    bool is_under_way;
    bool is_late; /* and that was told */
    uint64_t round_ns;
    uint64_t done_before; /* snapshots that were done when the round began */
    uint32_t asked;       /* snapshots in this round */
};
/* Of a loop. */
struct sh_erasure_part {
    _Atomic(int64_t) oldest_ms;  /* when the oldest pending receipt was asked for; INT64_MAX: none */
    _Atomic(uint64_t) last_gone; /* the log has no record up to this one */
    _Atomic(uint64_t) erased;    /* loop 0 says: nothing is left of what these records forgot */
    uint64_t told;               /* to the shard */
};

void sh_erasure_init(struct sh_loop *loop);
/* Once a second, every loop with a log. */
void sh_erasure_tick(struct sh_loop *loop);
/* Right behind the moment of a snapshot, before anything else is written. */
void sh_erasure_note_cut(struct sh_loop *loop);

#endif
