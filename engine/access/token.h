/* token.h -- what a client shows to be let in, and what is kept of it.
 *
 *   shown     checkout.iH3vG0kq...43 characters          id "." secret, the secret 32 random bytes in base64url
 *   kept      id, workspace, roles, limits, and of each secret a salt and SHA-256(salt, secret)
 *
 * A secret is as random as a key, so one round of a hash is enough: there is nothing to guess. Who reads the file of
 * tokens learns none. A token has one secret, or two while it is rotated: the new one, and the old one until its end.
 *
 * Which tokens exist is not told: a wrong id and a wrong secret take the same work and give the same words.
 */
#ifndef SH_TOKEN_H
#define SH_TOKEN_H

#include "bounds.h"
#include "text.h"

enum {
    SH_TOKEN_SALT_BYTES = 16,
    SH_TOKEN_HASH_BYTES = 32,
    SH_TOKEN_SECRET_BYTES = 32,
    SH_TOKEN_SECRET_CHARACTERS = 43, /* of base64 without padding */
    SH_TOKEN_TEXT_BYTES_MAX = SH_NAME_BYTES_MAX + 1 + SH_TOKEN_SECRET_CHARACTERS + 1,
    SH_TOKEN_LIVE_COUNT_MAX = 2,
};

struct sh_token_secret {
    uint8_t salt[SH_TOKEN_SALT_BYTES];
    uint8_t hash[SH_TOKEN_HASH_BYTES];
    int64_t created_ms;
    int64_t expires_ms; /* 0: with the token */
};

struct sh_token {
    char id[SH_NAME_BYTES_MAX + 1]; /* letters, digits, "_" and "-" */
    /* The only one it opens; "*": whichever its holder names. */
    char workspace[SH_NAME_BYTES_MAX + 1];
    char note[SH_TOKEN_NOTE_BYTES_MAX + 1];
    uint32_t roles; /* roles.h */
    uint32_t rate;  /* requests a second; 0: as many as it likes */
    uint32_t burst; /* at once, from 1; 0 if rate is 0 */
    int64_t created_ms;
    int64_t expires_ms; /* 0: never */
    int64_t revoked_ms; /* 0: it is not */
    uint32_t secret_count;
    struct sh_token_secret secrets[SH_TOKEN_LIVE_COUNT_MAX]; /* newest first */
};

bool sh_token_id_is_valid(struct sh_text id);
bool sh_token_is_for_all(const struct sh_token *token);
/* Cut "id.secret". False: it is no token. */
bool sh_token_cut(struct sh_text shown, struct sh_text *id, struct sh_text *secret);
/* A new secret in the first place; one that was there moves to the second and lives until old_until_ms, and what was in
 * the second is gone. The token as it is to be shown, once, goes to `shown`, with a zero byte. SH_ERR_IO: the system
 * has no randomness; nothing was changed. */
SH_MUST_CHECK enum sh_status sh_token_renew(struct sh_token *token, int64_t now_ms, int64_t old_until_ms,
                                            char shown[SH_TOKEN_TEXT_BYTES_MAX], struct sh_error *err);
/* Which of the token's secrets that are alive it is; SH_TOKEN_LIVE_COUNT_MAX: none. token NULL: none, after the same
 * work. */
uint32_t sh_token_find_secret(const struct sh_token *token, struct sh_text secret, int64_t now_ms);
/* A number that no other secret has. */
uint64_t sh_token_secret_number(const struct sh_token_secret *secret);
/* Overwrite memory that held a secret, in a way that the compiler leaves in place. */
void sh_token_wipe(void *bytes, size_t byte_count);

#endif
