/* segment_cache.h -- saved segments bound and planned once, for questions about one user.
 *
 *   segment ----> tree, bound to codes and numbers ----> plan, if nothing in it depends on now
 *                 good while schema, texts and segments are the same, and no new item came
 *
 * Testing one user against a plan costs some tens of nanoseconds a clause; parsing and binding cost microseconds. So
 * the bound trees are kept, all of them in one arena, and thrown away together when what they were bound to changes.
 * Windows are resolved when a plan is made, so an expression with windows is planned for each question.
 */
#ifndef SH_SEGMENT_CACHE_H
#define SH_SEGMENT_CACHE_H

#include "shard_private.h"

/* The segment as a plan for this scope, which is that of the workspace's users now. The plan is good until the next
 * write; one that depends on now lives in `arena`. A fault names the segment. */
SH_MUST_CHECK enum sh_status sh_segment_plan(struct sh_workspace *workspace, struct sh_segment *segment,
                                             const struct sh_query_scope *scope, struct sh_arena *arena,
                                             struct sh_plan **plan, struct sh_error *err);
/* Throw away what was bound to another schema, other texts or segments. Before the first sh_segment_plan of a request.
 */
void sh_segment_cache_refresh(struct sh_workspace *workspace);

#endif
