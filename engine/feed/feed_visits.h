/* feed_visits.h -- visits of people who have several names.
 *
 * A visit's key is made of the name under which it began (sessions.h). Somebody who looks around, logs in and goes on is
 * one person in the middle of one visit; somebody who is forgotten is forgotten under all names.
 */
#ifndef SH_FEED_VISITS_H
#define SH_FEED_VISITS_H

#include "feed.h"

/* `user` of this shard has become what another name was too, whose events are its own now: the visit that this name (a
 * hash as sh_id_hash) is in the middle of is the user's, unless the user began another one later. */
SH_MUST_CHECK enum sh_status sh_feed_adopt_visit(struct sh_feed_model *model, uint32_t user, uint64_t name_hash);
/* Drop the visits that the user's events say may have begun under this name; keys as sh_feed_forget has them. Before
 * sh_feed_forget. */
void sh_feed_forget_visits_of(struct sh_feed_model *model, uint32_t user, uint64_t name_hash, struct sh_buffer *visits);

#endif
