/* request_rounds.h -- a write that several shards do together, one round after another: user.merge.
 *
 *   sh_request_split --> parts of the first round --> run --> sh_request_next --> parts of the next --> ... --> merge
 *
 * What a round's parts said decides what the next one is. methods_merge.c says what each round does.
 */
#ifndef SH_REQUEST_ROUNDS_H
#define SH_REQUEST_ROUNDS_H

#include "aliases.h"
#include "shard.h"

enum sh_merge_step { SH_MERGE_HOLD, SH_MERGE_TAKE, SH_MERGE_END, SH_MERGE_LET_GO };

/* The parts of the first round. Names that are other names already are taken for their users. */
SH_MUST_CHECK enum sh_status sh_rounds_begin(const struct sh_request *request, const struct sh_aliases *aliases,
                                             struct sh_split *split, struct sh_error *err);
void sh_rounds_free(struct sh_rounds *rounds); /* NULL is fine */
/* The answer of the request, once no round is left. */
void sh_rounds_answer(const struct sh_rounds *rounds, struct sh_buffer *merged);
/* The pairs `merged`, `events` and `duplicates`. */
void sh_merge_pack(bool merged, uint64_t event_count, uint64_t duplicate_count, struct sh_buffer *body);

#endif
