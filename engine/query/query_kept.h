/* query_kept.h -- counts and sums of windows that are asked for again and again, kept user by user.
 *
 *   count(purchase, last 30 days) >= 2      a saved segment, a dashboard, every minute; meanwhile events come in
 *
 *        from_ms                                                            now
 *           |   inner_from_ms                            inner_until_ms      |
 *           |        |<------ whole days: kept ----------------->|           |
 *      [ day 0     ][ day 1 ][ day 2 ] . . . . . . . . [ day 29 ][ today    ]
 *           '--edge--'                                            '--edge----'
 *
 * As now moves, only the two days at the edges say anything new. What the whole days between them say of each user is
 * kept: for one (event type, count or sum, days) and each block of users a strip of 65,536 numbers, of 1, 2, 4 or 8
 * bytes as they need. A question then reads the strip and streams the edges: of 30 days two, of 90 days two.
 *
 *   windows   most recently asked first                 blocks of a window
 *   [purchase, count, 10-02 .. 10-30] ------------->    [asked once] [numbers as of change 812] [nothing] ...
 *   [purchase, sum amount, 08-03 .. 10-30] -------->    ...
 *
 * Rules:
 *   - What is read is exact: numbers carry the store's change they were counted at, and hold while no cell of their
 *     block and days changed since (sh_event_is_unchanged). A late event throws away one block of a window, an event of
 *     today nothing. Instants name the days, so neither zones nor a schema that grows can make numbers wrong.
 *   - Only what was asked for before is kept: a block's first question leaves a mark, the second keeps.
 *   - All together take at most bytes_max; the windows asked for longest ago make room. Nothing here fails: without
 *     memory nothing is kept, and the question is answered from the cells.
 *   - It decides how fast an answer comes, never what it is; it is in no snapshot.
 *
 * Cost. Finding a block: O(1) for the windows asked last, plus a glance at each day. Keeping one: a pass over 65,536
 * numbers after streaming all days as usual.
 */
#ifndef SH_QUERY_KEPT_H
#define SH_QUERY_KEPT_H

#include "event_store.h"

enum { SH_KEPT_WINDOW_COUNT_MAX = 64 };

struct sh_kept;

/* Blocks with fewer events than row_count_min in the whole days are not worth it: streaming them is as fast. NULL if
 * memory is out. The store must outlive what is kept of it. */
struct sh_kept *sh_kept_create(const struct sh_event_store *events, uint32_t row_count_min, size_t bytes_max);
void sh_kept_destroy(struct sh_kept *kept); /* NULL is fine */
/* NULL for NULL. */
const struct sh_event_store *sh_kept_events(const struct sh_kept *kept);
uint32_t sh_kept_row_count_min(const struct sh_kept *kept);

/* What is counted: events, or the values of a strip of theirs. */
struct sh_kept_window {
    int64_t from_ms; /* first instants of days */
    int64_t until_ms;
    uint32_t event_type;
    bool is_sum;
    bool is_amount;    /* sum: the amount; else the property */
    uint32_t property; /* 0 where it says nothing */
};
struct sh_kept_numbers {
    struct sh_strip strip; /* SH_EVENT_BLOCK_SLOTS of them, none missing, width at least 1; a count's base is 0 */
    uint64_t magnitude;    /* no sum of some of the values, in any order, leaves [-magnitude, magnitude] */
};

/* NONE: answer without. WANTED: asked for before, but not there; if it is cheap, sh_kept_put what is counted. READY:
 * *numbers is good until the next call. */
enum sh_kept_state { SH_KEPT_NONE, SH_KEPT_WANTED, SH_KEPT_READY };
enum sh_kept_state sh_kept_find(struct sh_kept *kept, const struct sh_kept_window *window, uint32_t block,
                                const struct sh_kept_numbers **numbers);
/* Keep what was counted just now, after WANTED and for the same block: SH_EVENT_BLOCK_SLOTS counts, or sums, of which
 * magnitude is as above. The numbers as sh_kept_find gives them, or NULL: there was no room. */
const struct sh_kept_numbers *sh_kept_put_counts(struct sh_kept *kept, const struct sh_kept_window *window,
                                                 uint32_t block, const uint32_t *counts);
const struct sh_kept_numbers *sh_kept_put_sums(struct sh_kept *kept, const struct sh_kept_window *window,
                                               uint32_t block, const int64_t *sums, uint64_t magnitude);

struct sh_kept_stats {
    size_t bytes;
    uint32_t window_count;
    uint64_t read_count; /* blocks that were answered from what is kept */
    uint64_t made_count; /* blocks that were kept, for the first time or again */
};
void sh_kept_stats(const struct sh_kept *kept, struct sh_kept_stats *stats);

#endif
