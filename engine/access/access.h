/* access.h -- who may do what.
 *
 *   "checkout.iH3v..."  --authenticate-->  principal {token, workspace, roles, limits}  --check(method)-->  yes, or words
 *        |                                      of a connection (or of one HTTP request)
 *        +-- looked up in the table of tokens, which is a file (access_file.h) and may change at any time
 *
 * A connection shows its token once and keeps the principal. Each request asks check, which is a comparison of numbers
 * while nothing has changed. When tokens change (one is made, rotated, revoked; the file is read anew) the table's
 * generation moves on, and the next check of every principal looks its token up again: what is revoked ends at once, on
 * open connections too.
 *
 * Rules:
 *   - the workspace is the principal's; no request can name another;
 *   - a method is open to a principal that has one of its roles (roles.h, the method table), and to nobody else;
 *   - without access control (access NULL) everybody may do everything, and the server listens on this machine only.
 *
 * Threads: any number. Tokens are read under a lock that only a change takes for long.
 */
#ifndef SH_ACCESS_H
#define SH_ACCESS_H

#include "shard.h"
#include "token.h"

struct sh_access;

/* Who asks. Copied at will, holds nothing. */
struct sh_principal {
    char token[SH_NAME_BYTES_MAX + 1]; /* its id; "": see the next two */
    bool is_owner;                     /* no token, but the server's own user at a Unix socket: may do everything */
    bool is_known;                     /* false: nobody yet */
    bool names_workspace;              /* whichever its holder names; otherwise: */
    char workspace[SH_NAME_BYTES_MAX + 1];
    uint32_t roles;
    uint32_t rate; /* 0: no limit */
    uint32_t burst;
    uint32_t bucket;
    int64_t expires_ms; /* of the token, or of the secret that was shown; 0: never */
    uint64_t secret;    /* which one that was */
    uint64_t generation;
};

/* Read the tokens of a file. One that is not there holds none yet: it is made with the first token. SH_ERR_CORRUPT with
 * the line for a file that is none of ours, SH_ERR_IO when it cannot be read, or when others may write to it. */
SH_MUST_CHECK enum sh_status sh_access_open(const char *path, struct sh_access **access, struct sh_error *err);
void sh_access_close(struct sh_access *access); /* NULL is fine */
const char *sh_access_path(const struct sh_access *access);
uint32_t sh_access_token_count(struct sh_access *access);

/* ---- asking ---- */

/* A principal for what a client showed. SH_ERR_UNAUTHENTICATED: it is no token, or none that is alive; which of them is
 * told only to who knows the secret. Without access control every text is let in. */
SH_MUST_CHECK enum sh_status sh_access_authenticate(struct sh_access *access, struct sh_text shown, int64_t now_ms,
                                                    struct sh_principal *principal, struct sh_error *err);
/* The server's own user, at a Unix socket; and everybody, without access control. */
struct sh_principal sh_principal_of_owner(void);
/* May this principal call this method now? SH_ERR_UNAUTHENTICATED, SH_ERR_FORBIDDEN, SH_ERR_RATE_LIMITED. Takes one of
 * the principal's requests a second. Without access control: always. method NULL: is it
 * still anybody? That takes no request. */
SH_MUST_CHECK enum sh_status sh_access_check(struct sh_access *access, struct sh_principal *principal,
                                             const struct sh_method *method, int64_t now_ms, uint64_t now_ns,
                                             struct sh_error *err);
/* The workspace of a principal who asks for one (empty: for none in particular, then it is its own, or "default").
 * SH_ERR_FORBIDDEN with the same words whether or not there is such a workspace. */
SH_MUST_CHECK enum sh_status sh_access_workspace(const struct sh_principal *principal, struct sh_text wanted,
                                                 struct sh_text *workspace, struct sh_error *err);

/* ---- changing: under the lock of the file, so that any number of programs may do it ---- */

struct sh_token_order {
    struct sh_text id;
    struct sh_text workspace; /* empty: "default"; "*": all */
    struct sh_text note;
    uint32_t roles;
    uint32_t rate;
    uint32_t burst; /* 0: twice the rate */
    int64_t expires_ms;
};
/* SH_ERR_CONFLICT: there is, or was, one of that id. */
SH_MUST_CHECK enum sh_status sh_access_create_token(struct sh_access *access, const struct sh_token_order *order,
                                                    int64_t now_ms, char shown[SH_TOKEN_TEXT_BYTES_MAX],
                                                    struct sh_error *err);
/* Another secret; the one before is good until old_until_ms. SH_ERR_NOT_FOUND; SH_ERR_CONFLICT: it is revoked. */
SH_MUST_CHECK enum sh_status sh_access_rotate_token(struct sh_access *access, struct sh_text id, int64_t now_ms,
                                                    int64_t old_until_ms, char shown[SH_TOKEN_TEXT_BYTES_MAX],
                                                    struct sh_error *err);
/* From now on nobody gets in with it. Again is fine. SH_ERR_NOT_FOUND. */
SH_MUST_CHECK enum sh_status sh_access_revoke_token(struct sh_access *access, struct sh_text id, int64_t now_ms,
                                                    struct sh_error *err);
/* A copy of all, ascending by id, to be freed with sh_free. */
SH_MUST_CHECK enum sh_status sh_access_list_tokens(struct sh_access *access, struct sh_token **tokens, uint32_t *count,
                                                   struct sh_error *err);
/* The token of that id. False: there is none. */
bool sh_access_find_token(struct sh_access *access, struct sh_text id, struct sh_token *token);
/* Read the file anew. On a failure the tokens are what they were. */
SH_MUST_CHECK enum sh_status sh_access_reload(struct sh_access *access, struct sh_error *err);
/* The same if another program has changed the file since. Once a second. *changed: it was read anew. */
SH_MUST_CHECK enum sh_status sh_access_poll(struct sh_access *access, bool *changed, struct sh_error *err);

#endif
