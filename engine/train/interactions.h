/* interactions.h -- who liked what, as a sparse matrix that training reads.
 *
 *   gathered, in any order                      finished: rows by the users' keys, columns by the items' ids
 *     user 0x7f..  mug 1, tea 5                          mug  rug  tea
 *     user 0x13..  tea 3, rug 1                  0x13..   -    1    3         and the same by columns
 *     ...                                        0x7f..   1    -    5
 *
 * What is trained must not depend on how the users are dealt to shards or in which order they were read, because sums
 * of floats do: so finishing puts users into the order of their keys (a hash of the id, which names nobody) and items
 * into that of their ids, and both into each other's.
 *
 * Bounds: SH_TRAIN_ITEM_COUNT_MAX items, SH_TRAIN_ENTRY_COUNT_MAX entries. Memory: 16 bytes an entry, 8 of them until it
 * is finished; 20 a user; some 40 and its id an item.
 */
#ifndef SH_INTERACTIONS_H
#define SH_INTERACTIONS_H

#include "status.h"
#include "text.h"

struct sh_entry {
    uint32_t number; /* of the item in a user's row, of the user in an item's column */
    float weight;    /* above 0 */
};

/* Read it, never write it. */
struct sh_interactions {
    uint32_t user_count;
    uint32_t item_count;
    uint32_t entry_count;
    bool is_finished;
    uint64_t *keys;           /* by user */
    uint32_t *row_begin;      /* by user, one more at the end */
    struct sh_entry *rows;    /* ascending by item in each row */
    uint32_t *column_begin;   /* by item, one more at the end */
    struct sh_entry *columns; /* ascending by user in each column */
    double *item_sums;        /* of the weights of each column */
    uint32_t *name_begin;     /* by item, one more at the end, into names */
    char *names;
    uint32_t key_capacity, row_begin_capacity, row_capacity, name_capacity, name_begin_capacity;
    uint32_t *places; /* item + 1 by hash of its id; only until it is finished */
    uint32_t place_count;
};

void sh_interactions_init(struct sh_interactions *interactions);
void sh_interactions_deinit(struct sh_interactions *interactions);
/* The item's number for sh_interactions_add; new if it was unknown. SH_ERR_LIMIT over the bound. */
SH_MUST_CHECK enum sh_status sh_interactions_item(struct sh_interactions *interactions, struct sh_text id,
                                                  uint32_t *number);
/* Begin the next user; what is added from now on is theirs. */
SH_MUST_CHECK enum sh_status sh_interactions_user(struct sh_interactions *interactions, uint64_t key);
/* Each item at most once a user. */
SH_MUST_CHECK enum sh_status sh_interactions_add(struct sh_interactions *interactions, uint32_t number, float weight);
/* Into order, and columns. Numbers of items are others from here on; users and items without entries are gone. On a
 * failure it can only be deinited. */
SH_MUST_CHECK enum sh_status sh_interactions_finish(struct sh_interactions *interactions);
struct sh_text sh_interactions_name(const struct sh_interactions *interactions, uint32_t item);

#endif
