/* aliases.h -- ids that became other names of a user.
 *
 *   merge 'cookie-7' -> '王小明', then 'wx-93' -> '王小明':        '王小明' <-> 'wx-93' <-> 'cookie-7' <-> (around)
 *   merge '王小明' -> 'u-10029':    'u-10029' <-> '王小明' <-> 'wx-93' <-> 'cookie-7': all of them lead to 'u-10029'
 *
 * A user and its other names are a ring; each name of it leads to the user in one step, however many merges came
 * before. The same rings are in every shard, so that each loop knows where a request about a name belongs.
 *
 * Rules (sh_aliases_check tests them): a name leads to a user that leads to itself; the ring of a user holds exactly
 * what leads to it; nobody is alone in a ring.
 *
 * Cost: resolving is one look-up, and none while there are no aliases. A merge touches the smaller user's names.
 */
#ifndef SH_ALIASES_H
#define SH_ALIASES_H

#include "archive.h"
#include "table.h"

struct sh_alias {
    uint32_t target; /* the user's place; its own for the user itself */
    uint32_t next;   /* in the ring */
};
struct sh_aliases {
    struct sh_table *ids; /* NULL: no alias yet */
    struct sh_alias *list;
    uint32_t capacity;
};

void sh_aliases_deinit(struct sh_aliases *aliases);
/* The user that an id leads to: itself if it is nobody's other name. Good until the next change. */
struct sh_text sh_aliases_resolve(const struct sh_aliases *aliases, struct sh_text id);
static inline bool sh_aliases_are_none(const struct sh_aliases *aliases) {
    return aliases->ids == NULL;
}
/* `from` and all that leads to it lead to `into`, which is nobody's other name. Nothing if it is so already.
 * SH_ERR_LIMIT over SH_ALIAS_COUNT_MAX of one user, SH_ERR_CONFLICT if one of them is another user's other name,
 * SH_ERR_MEMORY: then nothing changed. */
SH_MUST_CHECK enum sh_status sh_aliases_add(struct sh_aliases *aliases, struct sh_text from, struct sh_text into,
                                            struct sh_error *err);
/* May they become one, as far as numbers go? */
SH_MUST_CHECK enum sh_status sh_aliases_check_room(const struct sh_aliases *aliases, struct sh_text from,
                                                   struct sh_text into, struct sh_error *err);
/* The user and all names that lead to it are unknown again; false if there were none. */
SH_MUST_CHECK enum sh_status sh_aliases_forget(struct sh_aliases *aliases, struct sh_text user, bool *known,
                                               struct sh_error *err);
/* Write the rings as the section "aliases". Allocates nothing. */
void sh_aliases_save(const struct sh_aliases *aliases, struct sh_archive_writer *writer);
/* Into aliases that are none, which on a failure can only be deinited. Any bytes. */
SH_MUST_CHECK enum sh_status sh_aliases_load(struct sh_aliases *aliases, struct sh_archive_reader *reader);
/* How many ids are other names. */
uint32_t sh_aliases_count(const struct sh_aliases *aliases);
bool sh_aliases_check(const struct sh_aliases *aliases, const char **reason);

#endif
