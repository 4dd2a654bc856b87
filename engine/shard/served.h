/* served.h -- feeds that were served, between shard and learner (learner.h).
 *
 *   feed.get  ->  answer
 *            '->  answer.follow: params of feed.served, which whoever called writes next, once the answer is on its way
 *
 * A feed is a question and no write, so it cannot itself leave anything behind that a replay of the log would not bring
 * back. What is to be remembered of it is a write of its own, which nobody waits for: all that learning will look at goes
 * into its params, so a replay needs no feed to be made again, and the write goes to every shard, so that all learn the
 * same. Its cost is the price of remembering: about 40 bytes of log an item, in each shard's log, and what learner.h says.
 * feed.learning.share is the knob: it is 0 unless a workspace asks for more. A feed whose write is lost in a crash (or
 * not taken: the disk is full, a snapshot begins) is one that nobody learns from.
 *
 *   {rec_id, user?, now, place, hour, kinds: [hash, ...], sources: [name, ...], features: [name, ...],
 *    items: [[id, score, propensity, predicted, sources' bits, explored, parts], ...]}
 *
 * Others who show feeds of their own may write it, too: then items may be ids, and all but rec_id and items may be left
 * out.
 */
#ifndef SH_SERVED_H
#define SH_SERVED_H

#include "shard_private.h"

/* A rec_id as it stands in answers: 1 to 16 hexadecimal digits. SH_ERR_ARGUMENT. */
SH_MUST_CHECK enum sh_status sh_rec_id_read(struct sh_text text, uint64_t *rec, struct sh_error *err);
enum { SH_REC_ID_BYTES = 17 };
void sh_rec_id_print(uint64_t rec, char text[SH_REC_ID_BYTES]);

/* Does this answer of feed.get leave something to be remembered? */
bool sh_served_is_wanted(const struct sh_call *call);
/* The hour of the day where the workspace is. */
uint8_t sh_served_hour(const struct sh_workspace *workspace, int64_t now_ms);
/* Pack it into call->answer->follow. user: as the request has it; empty if it has none. */
void sh_served_pack(const struct sh_call *call, const struct sh_serving *serving, struct sh_text user);

/* What an event of this type says of an impression; SH_GOAL_NONE: nothing. */
enum sh_goal sh_served_goal(const struct sh_workspace *workspace, uint32_t type);
/* An event with a rec_id was stored. What the siblings must hear goes into *act; false: there is nothing to tell. */
bool sh_served_act(struct sh_workspace *workspace, uint64_t rec, const struct sh_event *event,
                   struct sh_learner_act *act);

/* feed.learning of schema.put, into what there is; and of schema.get. */
SH_MUST_CHECK enum sh_status sh_schema_read_learning(const struct sh_param *param, const struct sh_table *items,
                                                     const struct sh_event_store *events,
                                                     struct sh_learner_config *config, struct sh_error *err);
/* {click?, cart?, purchase?, amount?} into what there is. */
SH_MUST_CHECK enum sh_status sh_schema_read_goals(const struct sh_param *param, struct sh_goals *goals,
                                                  struct sh_error *err);
void sh_schema_pack_learning(const struct sh_workspace *workspace, msgpack_packer *packer);

#endif
