/* person.h -- all that is known of one user as bytes, to be added to another user, here or in another shard.
 *
 *   [ attributes: [[number, value], ...],  tags: [[text, end, ...], ...],
 *     events: [[type, time, item or nil, amount or nil, id hash, [property, value, ...]], ...] ]   oldest first
 *
 * Attributes, tag sets, types and properties go by number: all shards have the same schema. What has a dictionary goes
 * by its text and items by their id, since codes and slots mean nothing elsewhere. Values are canonical (table.h), so
 * nothing is rounded.
 *
 * Adding: a value that the other user has stays as it is, but of consents the denial counts (contact.h); tags are united, of two ends the later; an event that the
 * other user has already (same type, time and id hash) is not stored twice. What the events taught the feed about items
 * stays as it is, their user's taste is learned from them anew.
 */
#ifndef SH_PERSON_H
#define SH_PERSON_H

#include "shard_private.h"

/* SH_ERR_LIMIT if it does not fit the buffer, SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_person_pack(const struct sh_workspace *workspace, uint32_t slot,
                                            struct sh_buffer *buffer, struct sh_error *err);

/* How many events are held of a user. Walks over them. */
uint64_t sh_person_event_count(const struct sh_workspace *workspace, uint32_t slot);

struct sh_person_added {
    uint32_t event_count;
    uint32_t duplicate_count;
};
/* Add packed bytes to the user of this id, who is made if need be. Too many tags are refused before anything is
 * changed. SH_ERR_MEMORY may leave a part behind; called again, events with an id are not doubled. */
SH_MUST_CHECK enum sh_status sh_person_add(struct sh_workspace *workspace, struct sh_text id, const void *bytes,
                                           size_t byte_count, int64_t now_ms, struct sh_person_added *added,
                                           struct sh_error *err);

#endif
