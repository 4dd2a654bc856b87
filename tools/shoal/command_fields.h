/* command_fields.h -- what the workspace's fields are, so that tables for people show numbers to the right and times as
 * times in the workspace's zone. Programs (CSV, JSON) get what the server sent. */
#ifndef SHOAL_COMMAND_FIELDS_H
#define SHOAL_COMMAND_FIELDS_H

#include "command.h"

enum field_shape { FIELD_TEXT, FIELD_NUMBER, FIELD_TIME };

/* Ask the server for the schema, once a session; to be called before the call whose answer is shown, which would end
 * with the next call. Does nothing for other formats than tables, and quietly knows nothing when it cannot ask. */
void fields_learn(struct session *session);
/* The schema may have changed, or the session is over. */
void fields_forget(struct session *session);
/* of: "users", "items" or "events" (of any type). FIELD_TEXT for what is not known. */
enum field_shape field_shape_of(const struct session *session, const char *of, const char *name);
/* The text of a cell of that shape; free() it. */
char *field_cell(const struct session *session, enum field_shape shape, struct shoal_client_value value);

#endif
