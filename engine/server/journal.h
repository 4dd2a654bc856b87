/* journal.h -- one loop's log and who waits for it. For the files of this folder only.
 *
 *   an errand that writes --> its record --> log, in memory --.  one commit at the end of a turn, if none is under way
 *                                                             v
 *      waiting   W 17 | W 18 | R 18 | W 19 | W 20      durable up to 18:  W 17, W 18, R 18 are begun, in this order
 *                -----------------------------                            W 19 when the next commit is done
 *
 * A write is begun in the shard when its record is durable, so nothing is ever seen, or answered, that a crash could
 * take back. Records are in the log in the order in which the shard begins them; so a replay of the log is the shard.
 *
 * A question of a client waits behind that client's own writes, at its place among them; everybody else's questions do
 * not wait. Writes do not wait for each other: all that come while a commit is under way make up the next.
 *
 * When the log takes no more:
 *   - its memory is full (a burst): errands wait in `unlogged`, in order, until commits have caught up;
 *   - the disk is full: an errand that stands for itself is refused; one that other shards have, too
 *     (see sh_part_kind), waits in `unlogged`, because shards must not differ. New writes are refused where they come
 *     in, but those that forget a person: the log keeps some room for them;
 *   - it has failed: what is not durable never will be. Writes are refused from then on, questions are answered.
 *
 * When memory runs out while a durable write is done, the shard lacks what its log has. It is then as if the log had
 * failed: no writes, and no snapshot that would make the lack last, until the next start does all of the log again.
 *
 * Without a log (sh_journal_init is all that was called) an errand is begun at once.
 */
#ifndef SH_JOURNAL_H
#define SH_JOURNAL_H

#include "log.h"
#include "log_record.h"
#include "task.h"

struct sh_journal {
    struct sh_log *log; /* NULL: nothing is kept */
    struct sh_errand_queue unlogged;
    struct sh_errand_queue waiting; /* positions never fall */
    uint64_t durable;               /* what the log said last */
    bool has_failed;
    struct sh_error why; /* written before the bit in failed_logs is set, and not changed after */
};

/* Callbacks of the log; the context is the loop. */
extern const struct sh_log_events sh_journal_events;

/* Must this errand go through the journal? */
bool sh_journal_takes(const struct sh_loop *loop, const struct sh_errand *errand);
void sh_journal_take(struct sh_loop *loop, struct sh_errand *errand);
/* At the end of a turn: give what was taken to the disk. */
void sh_journal_commit(struct sh_loop *loop);
/* Begin what is durable, for at most a slice. */
void sh_journal_begin_durable(struct sh_loop *loop);
/* Is there something to begin now? */
bool sh_journal_has_work(const struct sh_loop *loop);
/* What is in the log could not all be done: there was no memory. */
void sh_journal_fall_behind(struct sh_loop *loop);
/* Nobody waits, and all is on the disk. */
bool sh_journal_is_idle(const struct sh_loop *loop);
/* May a client's request that writes be taken, or does a shard's log take none? */
SH_MUST_CHECK enum sh_status sh_journal_admit(const struct sh_server *server, bool is_urgent, struct sh_error *err);
/* A record into the log; *position is its place there. The statuses of sh_log_append. */
SH_MUST_CHECK enum sh_status sh_journal_append(struct sh_log *log, const struct sh_log_record *record,
                                               enum sh_log_urgency urgency, uint64_t *position, struct sh_error *err);

#endif
