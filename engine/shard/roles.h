/* roles.h -- what a client may do: each method names the roles of which its caller needs one.
 *
 *   role       what it opens
 *   feed       feeds, items, which segments a person is in
 *   audience   questions about people, saved segments and scores
 *   ingest     users, items and events come in
 *   schema     what there is (schema, rules, trees, plans of rfm and invitations)
 *   export     everything of one person; audiences handed out in bulk
 *   forget     people are removed
 *   admin      tokens, snapshots
 *   metrics    counters and latencies
 *   personal   attributes marked personal: without it they stay inside, whatever the method
 *
 * The last one opens no method; it says what an answer may hold. The column of the method table is the only place
 * where a method's roles stand. A method with none (between shards) is nobody's.
 */
#ifndef SH_ROLES_H
#define SH_ROLES_H

#include "text.h"

enum sh_role {
    SH_ROLE_FEED = 1 << 0,
    SH_ROLE_AUDIENCE = 1 << 1,
    SH_ROLE_INGEST = 1 << 2,
    SH_ROLE_SCHEMA = 1 << 3,
    SH_ROLE_EXPORT = 1 << 4,
    SH_ROLE_FORGET = 1 << 5,
    SH_ROLE_ADMIN = 1 << 6,
    SH_ROLE_METRICS = 1 << 7,
    SH_ROLE_PERSONAL = 1 << 8,
    SH_ROLE_COUNT = 9,
    SH_ROLES_ALL = (1 << SH_ROLE_COUNT) - 1,
    SH_ROLES_NOBODY = 0,
    /* Any role that opens a method: whoever may do something here. */
    SH_ROLES_ANY = SH_ROLE_PERSONAL - 1,
};
enum { SH_ROLES_WORDS_BYTES_MAX = 96 };

/* "feed"; place 0 to SH_ROLE_COUNT - 1 is the bit. */
const char *sh_role_name(uint32_t place);
/* The role's bit, or 0 if there is none of that name. */
uint32_t sh_role_find(struct sh_text name);
/* "feed, audience": the names of all in the mask. */
void sh_roles_print(uint32_t roles, char words[SH_ROLES_WORDS_BYTES_MAX]);

#endif
