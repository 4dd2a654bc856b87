/* merge_people.h -- lists and samples of several shards as one. See audience_pack.h for what a part says. */
#ifndef SH_MERGE_PEOPLE_H
#define SH_MERGE_PEOPLE_H

#include "answer_map.h"
#include "page_token.h"

/* maps[i] has `ids` or `rows` and, for a list, `part`; it came from shard shards[i]. token, whose id and shard count
 * are set, gets each shard's places (if the lists are frozen); *skipped how many people were passed over.
 * Writes the pair `ids` or `rows`. */
void sh_merge_list(const struct sh_answer_map *maps, const uint32_t *shards, uint32_t part_count, uint64_t limit,
                   struct sh_page_token *token, uint64_t *skipped, struct sh_buffer *merged);
/* maps[i] has `ids` or `rows` and `mixes`. */
void sh_merge_sample(const struct sh_answer_map *maps, uint32_t part_count, uint64_t limit, struct sh_buffer *merged);

#endif
