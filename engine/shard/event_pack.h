/* event_pack.h -- events of a user's history as maps: {type, time, item?, amount?, property: value ...}. */
#ifndef SH_EVENT_PACK_H
#define SH_EVENT_PACK_H

#include "shard_private.h"

/* An array of the newest events, at most count of them, newest first. */
void sh_history_pack(const struct sh_workspace *workspace, uint32_t slot, uint32_t count, msgpack_packer *packer);

/* One event of that user; with `user`, and with `id` if it came with one: "#" and the sixteen digits of its hash, all
 * that is kept of it. event.append takes that for the id itself, so an event that is sent back is the same. */
void sh_event_pack(const struct sh_workspace *workspace, struct sh_event_ref event, struct sh_text user,
                   msgpack_packer *packer);

enum { SH_EVENT_KEY_BYTES = 17 };
/* The hash that an event's id stands for, never 0. */
uint64_t sh_event_id_hash(struct sh_text id);

#endif
