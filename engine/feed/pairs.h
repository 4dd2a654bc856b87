/* pairs.h -- which items the same people like: counts of pairs, kept while events come.
 *
 *   event   lea likes mug, weight 3           lea's latest different items, newest last (SH_PAIR_LATEST_MAX of them)
 *                                                 [tea 5] [rug 1] [pot 3]  ->  [tea 5] [rug 1] [pot 3] [mug 3]
 *   sums    mug  N + 3
 *   pairs   mug-tea C + min(3, 5)    mug-rug C + min(3, 1)    mug-pot C + min(3, 3)     each in the lists of both items
 *
 * A person's liking of an item is the highest weight of their events with it, and a pair's share of a person is the
 * smaller of the two likings: when a view of the mug (1) becomes its purchase (5), N and each C grow by the difference.
 * So N_i is the sum of likings of i, C_ij that of what people like in both. What has left the latest items and is liked
 * again counts anew. "Latest" is by arrival.
 *
 * Two readings of the same counts:
 *   cosine  C_ij / (sqrt(N_i N_j) + SHRINK)      as if so much more liking had shown no pair: rare pairs prove little
 *   walk    C_ij / (N_i sqrt(N_j))               RP3beta with beta 1/2: from the item over its people to an item, what
 *                                                is popular anyway held back
 *
 * Whole numbers, in sixteenths of a weight (SH_PAIR_UNIT). What one event adds (struct sh_pair_step) depends on its
 * user alone, and sums commute: shards that are told each other's steps, in whatever order, hold the same counts -
 * until a list is full.
 *
 * A full list: an item is kept with at most SH_PAIR_OF_ITEM_MAX others. When one more comes, with gain g, the smallest
 * count d or g, whichever is less, is taken off all counts of the list and off g, what is 0 leaves, and what is left of
 * g comes in (Misra and Gries, 1982). `lost` adds up the d, and then
 *
 *      count kept <= true C <= count kept + lost          lost <= sum of the gains of this list / (places + 1)
 *
 * in any order of events: all that make up more of an item's pairs than one in 641 stay, and an answer can say how far
 * off it may be. lost == 0, as for every item with at most 640 companions, means exact. Lists of more than 8
 * places do not grow beyond SH_PAIR_PLACE_COUNT_MAX places in all; then those that need more are full sooner. After a
 * loss shards may keep other counts, each within these bounds.
 *
 * Invariants: as many places of a list are taken as count says, no item twice and not its own, and each is found from its
 * home line; at most 5/8 of the places are taken. sh_pairs_check() tests them.
 *
 * Privacy: counts name nobody, and stay when a user is forgotten. The latest items of a user go.
 *
 * Cost: an event has at most 7 pairs, each in two lists: see bench/micro/pairs_bench. A list is read in some
 * microseconds. Memory: 32 bytes an item, 8 a place of its list (8 to 1024 places; those of more than 8 have at most
 * 128 MiB in all); 8 a user slot, and 40 or 72 for a user who liked something. Failure: a liking is prepared, which may
 * fail and changes nothing that is counted, and then taken, which cannot: a list for which memory is out is full.
 * Threads: one.
 */
#ifndef SH_PAIRS_H
#define SH_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "archive.h"
#include "status.h"

enum {
    SH_PAIR_LATEST_MAX = 8,    /* items of a user that a new one is paired with, itself included */
    SH_PAIR_OF_ITEM_MAX = 640, /* 5/8 of the places of the largest list */
    SH_PAIR_PLACE_COUNT_MAX = 1 << 24,
    SH_PAIR_UNIT = 16, /* of counts, in a weight of 1 */
    SH_PAIR_SHRINK = 10,
};

struct sh_pairs;

/* What one event adds, as shards tell it each other. Items are slots; between shards name them by their ids. */
struct sh_pair_gain {
    uint32_t item;
    uint32_t gain; /* above 0 */
};
struct sh_pair_step {
    uint32_t item;  /* whose sum grows by `added` */
    uint32_t added; /* 0: nothing to tell, and count is 0 */
    uint32_t count;
    struct sh_pair_gain gains[SH_PAIR_LATEST_MAX - 1]; /* the others, each once */
};

/* 0 means the bound of that name, which is also the most. Smaller ones are for tests. */
struct sh_pair_limits {
    uint32_t of_item;
    uint32_t place_count;
};

/* NULL if memory is out. */
struct sh_pairs *sh_pairs_create(struct sh_pair_limits limits);
void sh_pairs_destroy(struct sh_pairs *pairs); /* NULL is fine */

/* Room for what follows. */
SH_MUST_CHECK enum sh_status sh_pairs_prepare(struct sh_pairs *pairs, uint32_t user, uint32_t item);
/* A user of this shard likes the item so much (above 0; the most is SH_FEED_WEIGHT_MAX), which was just prepared. */
void sh_pairs_like(struct sh_pairs *pairs, uint32_t user, uint32_t item, double weight, struct sh_pair_step *step);
/* The item becomes the user's latest, and nothing is counted: what moves from one user to another was counted when it
 * happened, and what the user likes next goes with it. */
SH_MUST_CHECK enum sh_status sh_pairs_remember(struct sh_pairs *pairs, uint32_t user, uint32_t item, double weight);
/* What a sibling told. SH_ERR_MEMORY: nothing was counted. */
SH_MUST_CHECK enum sh_status sh_pairs_learn(struct sh_pairs *pairs, const struct sh_pair_step *step);
/* The user's latest items go (forgotten, merged): the slot may get another person. */
void sh_pairs_forget(struct sh_pairs *pairs, uint32_t user);
/* For batches: ask for the memory that a liking will touch, in four steps some events apart: where things are; the
 * user's latest items; where their companions are; and the places of the pairs. Hints. */
enum sh_pairs_ahead { SH_PAIRS_AHEAD_ROOTS, SH_PAIRS_AHEAD_LATEST, SH_PAIRS_AHEAD_ITEMS, SH_PAIRS_AHEAD_PLACES };
void sh_pairs_prefetch(const struct sh_pairs *pairs, enum sh_pairs_ahead step, uint32_t user, uint32_t item);

struct sh_pair {
    uint32_t item;
    uint32_t count; /* C, in units; UINT32_MAX: so much or more */
};
/* The item's companions in no order. Returns how many. */
uint32_t sh_pairs_of(const struct sh_pairs *pairs, uint32_t item, struct sh_pair list[SH_PAIR_OF_ITEM_MAX]);
/* C of one of the item's companions, 0 if it is none. */
uint32_t sh_pairs_count(const struct sh_pairs *pairs, uint32_t item, uint32_t companion);
/* The user's latest items, newest first, at most max, and how much they are liked (in units). Returns how many. */
struct sh_pair_liking {
    uint32_t item;
    uint32_t liking;
};
uint32_t sh_pairs_latest(const struct sh_pairs *pairs, uint32_t user, struct sh_pair_liking *latest, uint32_t max);
/* N in units, 0 if unknown, and how much less than it should be any count of the item's list may be. */
uint64_t sh_pairs_sum(const struct sh_pairs *pairs, uint32_t item);
uint64_t sh_pairs_lost(const struct sh_pairs *pairs, uint32_t item);
/* As long as it is the same, so are all counts and sums. */
uint64_t sh_pairs_version(const struct sh_pairs *pairs);
/* The two readings, of C, N_i and N_j in units. The same bits on every machine. */
double sh_pair_cosine(uint64_t count, uint64_t sum, uint64_t sum_other);
double sh_pair_walk(uint64_t count, uint64_t sum, uint64_t sum_other);

/* Write all as the section `name` (there may be several stores). Allocates nothing. */
void sh_pairs_save(const struct sh_pairs *pairs, const char *name, struct sh_archive_writer *writer);
/* Into a store that is empty; on a failure it can only be destroyed. Items are below item_end, users below user_end.
 * Any bytes. */
SH_MUST_CHECK enum sh_status sh_pairs_load(struct sh_pairs *pairs, const char *name, uint32_t item_end,
                                           uint32_t user_end, struct sh_archive_reader *reader);

size_t sh_pairs_memory_bytes(const struct sh_pairs *pairs);
/* Do the invariants hold? If not, *reason says which does not. */
bool sh_pairs_check(const struct sh_pairs *pairs, const char **reason);

#endif
