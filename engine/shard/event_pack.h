/* event_pack.h -- events of a user's history as maps: {type, time, item?, amount?, property: value ...}. */
#ifndef SH_EVENT_PACK_H
#define SH_EVENT_PACK_H

#include "shard_private.h"

/* An array of the newest events, at most count of them, newest first. */
void sh_history_pack(const struct sh_workspace *workspace, uint32_t slot, uint32_t count, msgpack_packer *packer);

#endif
