/* audience_pack.h -- lists of people in answers, and in the parts of answers that shards give to sh_request_merge.
 *
 * A part says more than a client sees, under the key `part` beside `ids` or `rows`:
 *
 *   by      0 no order, 1 by id, 2 by number, 3 by text
 *   desc    true or false; keys of numbers are flipped already
 *   keys    (number, text) what each row was ordered by: uint, str, or nil for missing
 *   start   (frozen) the place where this page begins, `next` where the following one does, `count` their number
 *   places  (frozen, if people were passed over) the place behind each row
 *
 * and a sample has `mixes`, the lot of each row.
 */
#ifndef SH_AUDIENCE_PACK_H
#define SH_AUDIENCE_PACK_H

#include "shard_private.h"

/* People to be shown, in order. */
struct sh_people {
    const uint32_t *slots;
    uint32_t count;
    const struct sh_ordered *ordered; /* has the keys, by row or (if frozen) by place; NULL: none */
    const uint64_t *places;           /* behind each row; NULL: not frozen */
};

/* `ids` or `rows`: one pair. fields is NULL for ids. */
void sh_people_pack(const struct sh_workspace *workspace, const struct sh_row_fields *fields,
                    const struct sh_people *people, struct sh_buffer *body);
/* The pair `part` of a list. page is NULL if it is not frozen. */
void sh_part_pack(const struct sh_order *order, const struct sh_people *people, const struct sh_frozen_page *page,
                  uint64_t start, uint64_t frozen_count, struct sh_buffer *body);

#endif
