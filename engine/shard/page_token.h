/* page_token.h -- where the next page of a frozen audience begins, in every shard: what clients see as `cursor`.
 *
 *   "5f03.o.40-1f40.0-1e"   request 0x5f03 froze it, with an order; shard 0 has 0x1f40 people, of whom 0x40 are passed;
 *                           shard 1 has 0x1e, of whom none is
 *
 * The token says it all, so any loop of any connection can go on, and a page whose answer was lost can be asked for
 * again as long as the cursor is open. It is text, and nobody's business but the engine's.
 */
#ifndef SH_PAGE_TOKEN_H
#define SH_PAGE_TOKEN_H

#include "bounds.h"
#include "buffer.h"

struct sh_page_place {
    uint64_t place;
    uint64_t count;
};
struct sh_page_token {
    uint64_t id;
    bool is_ordered;
    uint32_t shard_count;
    struct sh_page_place shards[SH_SHARD_COUNT_MAX];
};
/* People not passed yet, in all shards. */
uint64_t sh_page_token_left(const struct sh_page_token *token);
void sh_page_token_print(const struct sh_page_token *token, struct sh_buffer *buffer);
/* SH_ERR_ARGUMENT if it is no token, or of another number of shards. */
SH_MUST_CHECK enum sh_status sh_page_token_parse(struct sh_text text, uint32_t shard_count, struct sh_page_token *token,
                                                 struct sh_error *err);

#endif
