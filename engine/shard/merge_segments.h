/* merge_segments.h -- the lists of segments, and of rules, of several shards as one: counts add up. */
#ifndef SH_MERGE_SEGMENTS_H
#define SH_MERGE_SEGMENTS_H

#include "answer_map.h"

/* The array `segments` of all shards' answers. A segment counts as counted when the shard that looked first did; one
 * that a sibling does not have yet, or no more, is left out: a put is on its way. One that a sibling could not count is
 * not counted. */
void sh_merge_segments(const struct sh_answer_map *maps, uint32_t count, struct sh_buffer *merged);

/* The array `rules` likewise: `given` adds up. */
void sh_merge_rules(const struct sh_answer_map *maps, uint32_t count, struct sh_buffer *merged);

#endif
