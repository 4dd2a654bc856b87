/* lookalike_rounds.h -- audience.lookalike between its files: counts to weights, from round to round, parts to answer.
 */
#ifndef SH_LOOKALIKE_ROUNDS_H
#define SH_LOOKALIKE_ROUNDS_H

#include "part_answer.h"

/* No client may send what the second round adds. */
SH_MUST_CHECK enum sh_status sh_lookalike_split(const struct sh_request *request, struct sh_error *err);
/* Counts of all shards -> one map of weights. SH_ERR_ARGUMENT without seeds, or with nobody else. */
SH_MUST_CHECK enum sh_status sh_lookalike_weigh(const struct sh_answer_map *maps, uint32_t part_count,
                                                struct sh_buffer *weights, struct sh_error *err);
/* The first round's parts have answered: split holds the second one's. */
SH_MUST_CHECK enum sh_status sh_lookalike_next(const struct sh_request *request, struct sh_split *split,
                                               const struct sh_part_result *results, struct sh_error *err);
/* The best of all shards, the curve of their scores, and what drove them. */
SH_MUST_CHECK enum sh_status sh_lookalike_merge(const struct sh_request *request, const struct sh_answer_map *maps,
                                                uint32_t part_count, struct sh_buffer *merged, struct sh_error *err);

#endif
