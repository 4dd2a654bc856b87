/* event_page.h -- everything that happened, all users together, in the order of time, page by page.
 *
 *   order    time, then the user's id by bytes, then the user's own history, oldest first
 *   place    time, user, and how many events of this user at this time are behind it
 *
 *      ... (09:30:00.000, lea) (09:30:00.000, tom) (09:30:00.000, tom) | (09:30:00.001, ann) ...
 *                                                                      '-- place: 09:30:00.000, tom, 2
 *
 * Neither says anything of slots, cells or shards. So a place is good for any number of shards, after a restart, and for
 * the merged pages of several shards: users are dealt out, so no two shards have events of one (time, user).
 *
 * A page is found day by day: the cells of a day are looked through for what lies behind the place, and what cannot be
 * among the first `wanted` is let go of as soon as twice as many have gathered. Cost: the times of a whole day for each
 * page that lies in it (4 bytes an event), and sorting what was gathered. Memory: that of about twice the page, or of all
 * events of one user at one millisecond if they are more.
 *
 * What is gathered are rows of cells: whoever lets users be forgotten between two steps begins anew (restart).
 * Threads: as the store.
 */
#ifndef SH_EVENT_PAGE_H
#define SH_EVENT_PAGE_H

#include "event_store.h"

struct sh_event_place {
    int64_t time_ms;
    struct sh_text user; /* empty: before everybody at this time */
    uint64_t passed;
};

struct sh_event_page_spec {
    const struct sh_event_store *events;
    const struct sh_table *users;
    const bool *types; /* by number, which are wanted; types beyond type_count are not */
    uint32_t type_count;
    struct sh_event_place place; /* its user stays the caller's */
    int64_t until_ms;            /* events before it */
    uint32_t wanted;             /* at most so many, at least 1 */
};

struct sh_event_page;
/* NULL if memory is out. */
struct sh_event_page *sh_event_page_create(const struct sh_event_page_spec *spec);
void sh_event_page_destroy(struct sh_event_page *page); /* NULL is fine */
/* Forget what was gathered: rows may have moved. */
void sh_event_page_restart(struct sh_event_page *page);
/* Look through about cell_count cells. *done: the page is whole. SH_ERR_MEMORY. */
SH_MUST_CHECK enum sh_status sh_event_page_step(struct sh_event_page *page, uint32_t cell_count, bool *done,
                                                struct sh_error *err);
/* Of a page that is whole: how many events, and each with its number among those of its user at its time, from 0. */
uint32_t sh_event_page_count(const struct sh_event_page *page);
struct sh_event_ref sh_event_page_at(const struct sh_event_page *page, uint32_t index, uint64_t *number);
/* Are there events behind the page, before until_ms? */
bool sh_event_page_has_more(const struct sh_event_page *page);

#endif
