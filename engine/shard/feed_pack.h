/* feed_pack.h -- what the answers of several methods of the feed are made of. */
#ifndef SH_FEED_PACK_H
#define SH_FEED_PACK_H

#include "shard_private.h"

/* {kind, name?, of?, value, share}; score is what the share is of. methods_feed.c */
void sh_feed_reason_pack(const struct sh_feed_reason *reason, double score, msgpack_packer *packer);

#endif
