/* event_clause.h -- "purchase where amount > 50": what stands in did( ), without a window, as several methods take it.
 */
#ifndef SH_EVENT_CLAUSE_H
#define SH_EVENT_CLAUSE_H

#include "query.h"
#include "query_form.h"

/* *tree is a DID; tree->operand has the event type's name and where. Checked against the scope if there is one (NULL:
 * as it was written, in canonical form). Positions of faults are those of `written`; `name` is what the method calls
 * it. */
SH_MUST_CHECK enum sh_status sh_event_clause_read(struct sh_text written, const char *name,
                                                  const struct sh_query_scope *scope, struct sh_arena *arena,
                                                  struct sh_node **tree, struct sh_error *err);
/* The canonical text of a tree that was read without a scope. */
void sh_event_clause_print(const struct sh_node *tree, struct sh_buffer *buffer);

#endif
