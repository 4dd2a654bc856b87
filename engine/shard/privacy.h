/* privacy.h -- which attributes and tag sets of a workspace's users are personal.
 *
 * Values of what is personal leave only with a request whose caller has the role for it (sh_request.hides_personal):
 *
 *   fields, order, insight, funnel's `by`     refused, or left out where nobody named them
 *   expressions                               refused, but for `is missing`
 *   lookalike                                 they are no features
 *   segments, scores, invitations             what is saved was saved by somebody who may see them, and may be used by
 *                                             all: it tells who, not what
 *   why, for what saved segments ask          held or not, without the value
 *
 * So nobody without the role may save an expression that names them. That is asked before a write is written down
 * (sh_shard_admit), because what is in the log is done again without its caller.
 *
 * Ids are not covered: an id should not be a phone number.
 */
#ifndef SH_PRIVACY_H
#define SH_PRIVACY_H

#include "archive.h"
#include "hidden.h"
#include "table.h"

struct sh_privacy {
    struct sh_text *names;   /* own copies, in the order given */
    struct sh_hidden hidden; /* the same */
};

void sh_privacy_deinit(struct sh_privacy *privacy);
/* All names anew. On SH_ERR_MEMORY nothing changed. */
SH_MUST_CHECK enum sh_status sh_privacy_set(struct sh_privacy *privacy, const struct sh_text *names, uint32_t count,
                                            bool *changed, struct sh_error *err);
/* Does any str within these params, a key or a value, hold one of the names? */
bool sh_privacy_is_named(const struct sh_privacy *privacy, const uint8_t *params, size_t params_count);

void sh_privacy_save(const struct sh_privacy *privacy, struct sh_archive_writer *writer);
/* Into an empty one. The names must be of this table. */
SH_MUST_CHECK enum sh_status sh_privacy_load(struct sh_privacy *privacy, const struct sh_table *users,
                                             struct sh_archive_reader *reader);

#endif
