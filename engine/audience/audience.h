/* audience.h -- who matches, block by block: how many, which ones, in what order, a fair few of them.
 *
 *                      plan, one block of 65,536 users at a time
 *                                     |
 *                      words of the block and their popcount
 *          .--------------+-----------+------------+---------------.
 *       count          first n      freeze       order           sample
 *      add it up     slots, until  copy the    best n in a     smallest n mixes
 *                     n are there    words     heap, or all     in a heap
 *                                               sorted
 *
 * One evaluation feeds all sinks that were asked for, so several asks cost one pass. It is done in steps of some
 * blocks, so that other requests run in between; rows may be written between two steps, and then what is answered is
 * true of each block at the moment it was read. Slots in the answer stay theirs as long as the owner of the table keeps
 * forgotten slots in quarantine (sh_table_reuse_before); a slot that was forgotten meanwhile is found by its id being
 * empty.
 *
 * Order. By id: bytes. By attribute: numbers and times by value, enums by rank, strings by bytes; ties by id bytes,
 * ascending also when the order descends; rows without a value last, also then. Without an order: by slot, that is by
 * arrival, which nobody may rely on.
 *
 * Sample. A user's lot is mix(XXH3(id), XXH3(seed)), the same mix as sample(p%, seed) in an expression. The n smallest
 * lots are the sample, in that order: so a sample of 10 begins the sample of 20, and however the users are dealt over
 * shards, the n smallest of all are among the n smallest of each.
 *
 * Cost: the plan's, plus about 0.2-2 ns a slot for a list, 5-10 ns a user that matches for a sample or for an order.
 * Memory: 4 bytes a slot for a list, 32 bytes a row that is being ordered, 16 a row that is sampled.
 */
#ifndef SH_AUDIENCE_H
#define SH_AUDIENCE_H

#include "audience_frozen.h"
#include "audience_order.h"
#include "query.h"

/* Who of a block's matches may be counted and listed, as the caller rules: takes the others out of the words and returns
 * how many are left. Asked once for each block with a match. */
struct sh_audience_gate {
    uint32_t (*narrow)(void *context, uint32_t block, uint64_t *words, uint32_t count);
    void *context;
};

struct sh_audience_spec {
    struct sh_audience_gate gate; /* narrow NULL: all of them */
    bool count_only;              /* nothing below is asked for */

    bool list;
    bool freeze; /* all of them, for pages; else the first list_limit */
    uint32_t list_limit;
    bool keep_keys; /* the order's keys are wanted too: for merging with other shards */
    struct sh_order order;

    bool sample;
    uint32_t sample_count;
    uint64_t sample_seed; /* XXH3 of the seed text */
};

struct sh_audience;

/* The plan and its table must outlive the evaluation. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_audience_create(const struct sh_table *table, struct sh_plan *plan,
                                                const struct sh_audience_spec *spec, struct sh_audience **audience,
                                                struct sh_error *err);
void sh_audience_destroy(struct sh_audience *audience); /* NULL is fine */
/* Evaluate up to block_count blocks (or order as many rows). Once *done, the answers below are there. On a failure the
 * evaluation can only be destroyed. */
SH_MUST_CHECK enum sh_status sh_audience_step(struct sh_audience *audience, uint32_t block_count, bool *done,
                                              struct sh_error *err);

/* How many match. */
uint64_t sh_audience_count(const struct sh_audience *audience);
/* The list's slots, in order; some of them may have been forgotten meanwhile, and the caller may take those out. Not if
 * it was frozen. */
struct sh_ordered *sh_audience_list(struct sh_audience *audience);
/* The frozen audience becomes the caller's. */
void sh_audience_take_frozen(struct sh_audience *audience, struct sh_frozen *frozen);
/* The sample, smallest lot first. */
struct sh_lot {
    uint64_t mix;
    uint32_t slot;
};
const struct sh_lot *sh_audience_sample(const struct sh_audience *audience, uint32_t *count);

#endif
