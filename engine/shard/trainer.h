/* trainer.h -- one training, from the plan that is due to the table that is in its place. For whoever owns a clock and a
 * thread: the server, or the embedded engine.
 *
 *   sh_trainer_find_due --> READING   sh_trainer_next, sh_trainer_take: pages of likings (model.likings), asked one after
 *                              |      another like any client's question, so that nobody waits for more than a page
 *                           TRAINING  sh_trainer_compute: in a thread of its own; touches nothing but the trainer
 *                              |
 *                           WRITING   sh_trainer_next, sh_trainer_take: the table in parts (model.put), or why there is
 *                              |      none
 *                           DONE
 *
 * A page is of one moment, and pages are of moments shortly after each other: likings of one user are consistent, those
 * of two users may be some milliseconds apart. The table is logged (item_models.h), so nothing hangs on it.
 *
 * With several shards a page has the users with the same slots of all of them. Which shard a user is in makes no
 * difference to what is trained (interactions.h).
 *
 * Threads: one owner at a time. sh_trainer_stop may come from anywhere.
 */
#ifndef SH_TRAINER_H
#define SH_TRAINER_H

#include "shard.h"

struct sh_trainer;

enum sh_trainer_phase { SH_TRAINER_READING, SH_TRAINER_TRAINING, SH_TRAINER_WRITING, SH_TRAINER_DONE };

/* A plan that is due at this time, or NULL; also if memory is out. *turn (0 at first, may be NULL) goes round all methods
 * of all workspaces, so that one who asks for a training again and again waits for all others in between. */
struct sh_trainer *sh_trainer_find_due(const struct sh_shard *shard, uint32_t *turn, int64_t now_ms);
void sh_trainer_destroy(struct sh_trainer *trainer);
enum sh_trainer_phase sh_trainer_phase(const struct sh_trainer *trainer);

/* READING and WRITING: what to ask next. method, workspace and params are set, and stay in place until the answer is
 * taken; the rest is the caller's. */
void sh_trainer_next(struct sh_trainer *trainer, struct sh_request *request);
/* The answer's body, without took_us; ignored if the status says so. err: why it failed. */
void sh_trainer_take(struct sh_trainer *trainer, enum sh_status status, const struct sh_error *err,
                     const struct sh_buffer *body);
/* TRAINING: train. Takes seconds to minutes. */
void sh_trainer_compute(struct sh_trainer *trainer);
/* Give up soon: compute returns, and the trainer is DONE with nothing written. */
void sh_trainer_stop(struct sh_trainer *trainer);
/* DONE: did a table come of it? If not, err (may be NULL) says why, unless it was stopped. */
bool sh_trainer_is_well(const struct sh_trainer *trainer, struct sh_error *err);
/* DONE: was the table, or why there is none, written? Otherwise the plan is still due. */
bool sh_trainer_is_written(const struct sh_trainer *trainer);

#endif
