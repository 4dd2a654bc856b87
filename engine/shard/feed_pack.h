/* feed_pack.h -- items of a feed and what speaks for them, as answers have them; and an item as requests name it. */
#ifndef SH_FEED_PACK_H
#define SH_FEED_PACK_H

#include "shard_private.h"

/* The param `item`, which must be known. */
SH_MUST_CHECK enum sh_status sh_feed_read_item(const struct sh_workspace *workspace, const struct sh_param *param,
                                               uint32_t *slot, struct sh_error *err);
/* {kind, name?, of?, value, share}; score is what the share is of. */
void sh_feed_reason_pack(const struct sh_feed_reason *reason, double score, msgpack_packer *packer);
void sh_feed_pack_reasons(const struct sh_feed_reason *reasons, uint32_t count, double score, msgpack_packer *packer);
/* The names of the rules whose bits are set. */
void sh_feed_pack_rules(uint32_t rules, msgpack_packer *packer);
/* {feature: what it adds}, those that add something, in their order. */
void sh_feed_pack_contributions(const struct sh_feed_item *item, msgpack_packer *packer);
void sh_feed_pack_sources(uint32_t sources, msgpack_packer *packer);
void sh_feed_pack_applied(uint32_t applied, msgpack_packer *packer);
/* {name: value} of the item's fields. */
void sh_feed_pack_fields(const struct sh_table *items, uint32_t slot, const struct sh_row_fields *fields,
                         msgpack_packer *packer);

#endif
