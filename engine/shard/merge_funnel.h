/* merge_funnel.h -- tallies in parts of answers, and the parts of audience.funnel as one answer.
 *
 * A tally travels as [value, count, value, count, ...], values ascending. Tallies of several shards are walked side by
 * side, so what is read from them (a median, a curve) is what one shard with all users would say.
 */
#ifndef SH_MERGE_FUNNEL_H
#define SH_MERGE_FUNNEL_H

#include "answer_map.h"
#include "shard_private.h"
#include "tally.h"

/* Values times unit. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_tally_pack(const struct sh_tally *tally, uint32_t unit, msgpack_packer *packer,
                                           struct sh_error *err);

/* The tallies of up to SH_SHARD_COUNT_MAX parts, as one. */
struct sh_tally_walk {
    struct sh_answer_list lists[SH_SHARD_COUNT_MAX];
    uint64_t values[SH_SHARD_COUNT_MAX]; /* the next of each list */
    uint64_t counts[SH_SHARD_COUNT_MAX]; /* 0: the list has ended */
    uint32_t count;
};
/* Each pair holds one tally. */
void sh_tally_walk_begin(struct sh_tally_walk *walk, const struct sh_answer_pair *tallies, uint32_t count);
/* The next value, ascending, and how often it came in all of them. False at the end. */
bool sh_tally_walk_next(struct sh_tally_walk *walk, uint64_t *value, uint64_t *count);
/* The one at place (n + 1) / 2 of n, rounded down; false if there is none. */
bool sh_tally_median(const struct sh_answer_pair *tallies, uint32_t count, uint64_t *median);

/* See struct sh_part_form. */
enum sh_status sh_merge_funnel(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                               struct sh_buffer *merged, struct sh_error *err);

#endif
