/* merge_numbers.h -- the answer of client.numbers from the shards' answers. */
#ifndef SH_MERGE_NUMBERS_H
#define SH_MERGE_NUMBERS_H

#include "answer_map.h"
#include "shard.h"

/* Appends the whole answer's map but took_us. Each part has its highest numbers, highest first; so has the answer, each
 * number once, as many as were asked for. */
enum sh_status sh_merge_numbers(const struct sh_request *request, const struct sh_answer_map *maps, uint32_t part_count,
                                struct sh_buffer *merged, struct sh_error *err);

#endif
