/* feed_cursor.h -- what a feed that goes on page after page remembers: the items of all pages before, in their order.
 *
 *   bytes    u8 version, u64 seed, u32 hash of what follows, then 4 bytes an item: the low half of its id's hash
 *   text     the same in base64url, without padding
 *
 * The token says it all. So no shard keeps anything, any shard can go on, also after a restart or with another number
 * of shards, and a page whose answer was lost can be asked for again. Two items whose halves are equal (one pair in four
 * billion) go as one: at worst an item is left out, none ever comes twice. SH_FEED_PAGED_COUNT_MAX items are the end.
 */
#ifndef SH_FEED_CURSOR_H
#define SH_FEED_CURSOR_H

#include "arena.h"
#include "bounds.h"
#include "buffer.h"
#include "table.h"

enum { SH_FEED_PAGED_COUNT_MAX = 4096 };

struct sh_feed_pages {
    uint64_t seed;
    uint32_t *hashes; /* in the order of places */
    uint32_t count;
};

/* SH_ERR_ARGUMENT: it is no token of a feed. The hashes are in the arena. */
SH_MUST_CHECK enum sh_status sh_feed_pages_parse(struct sh_text token, struct sh_arena *arena,
                                                 struct sh_feed_pages *pages, struct sh_error *err);
/* The token behind another page, in the arena; empty: that was the last, or the arena is full. */
struct sh_text sh_feed_pages_print(const struct sh_feed_pages *pages, const uint32_t *added, uint32_t added_count,
                                   struct sh_arena *arena);
uint32_t sh_feed_page_hash(struct sh_text id);

#endif
