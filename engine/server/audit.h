/* audit.h -- who administered, exported and forgot: a line for each such request, in a file that is only appended to.
 *
 *   {"time":"2026-03-01T09:30:00.123Z","method":"user.forget","token":"support","workspace":"shop","result":"ok",
 *    "request":123456,"took_us":812}
 *
 * Written down are the requests whose method has SH_METHOD_AUDITED, however they end, refusals too, and tokens that are
 * not accepted in hello. `token` is its id; "owner" the server's own user, "" nobody; `subject` the token that a token.*
 * method is about. Of what was asked and answered nothing is written: no ids of people, no values.
 *
 * A line is one write to a file that is opened for appending, so lines of several loops do not mix, and none is cut
 * unless the disk is full. To rotate: rename the file, then SIGHUP, which opens a new one under its name.
 *
 * Strangers cannot fill the disk: of tokens that are not accepted at most SH_AUDIT_DENIED_MAX a second are written.
 *
 * Threads: any.
 */
#ifndef SH_AUDIT_H
#define SH_AUDIT_H

#include "text.h"

struct sh_audit;

struct sh_audit_entry {
    int64_t time_ms;
    const char *method;
    const char *token;
    struct sh_text workspace;
    struct sh_text subject; /* empty: none */
    enum sh_status result;
    uint64_t request; /* its id, which the log of slow requests has too; 0: none */
    uint64_t took_us;
};

SH_MUST_CHECK enum sh_status sh_audit_open(const char *path, struct sh_audit **audit, struct sh_error *err);
void sh_audit_close(struct sh_audit *audit); /* NULL is fine */
/* Under its name again. On a failure it goes on with the file it has. */
SH_MUST_CHECK enum sh_status sh_audit_reopen(struct sh_audit *audit, struct sh_error *err);
/* audit NULL: nothing is written. A failure is told in the server's log, once until a line goes through again. */
void sh_audit_write(struct sh_audit *audit, const struct sh_audit_entry *entry);

#endif
