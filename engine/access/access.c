#include "access.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>

#include "access_file.h"
#include "memory.h"
#include "rate_bucket.h"

struct sh_access {
    char path[PATH_MAX];
    pthread_rwlock_t lock; /* of the three below */
    struct sh_token_table table;
    uint16_t buckets_of[SH_TOKEN_COUNT_MAX]; /* the bucket of the table's token in that place */
    struct sh_file_mark mark;
    _Atomic(uint64_t) generation; /* of the table, from 1 */
    /* A token keeps its bucket as long as it is in the table, so that reading the file anew fills none. */
    struct sh_rate_bucket buckets[SH_TOKEN_COUNT_MAX];
};

/* ---- the table in force ---- */

/* Each token's bucket as it was; a new one's from those that nobody has any more. */
static void deal_buckets(const struct sh_access *access, const struct sh_token_table *table,
                         uint16_t dealt[SH_TOKEN_COUNT_MAX]) {
    bool is_taken[SH_TOKEN_COUNT_MAX] = {false};
    bool is_new[SH_TOKEN_COUNT_MAX] = {false};
    uint32_t next = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct sh_token *old = sh_token_table_find(&access->table, sh_text_of(table->tokens[i].id));
        is_new[i] = old == NULL;
        if (old == NULL) continue;
        dealt[i] = access->buckets_of[old - access->table.tokens];
        is_taken[dealt[i]] = true;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        if (!is_new[i]) continue;
        while (is_taken[next])
            next++;
        is_taken[next] = true;
        dealt[i] = (uint16_t)next;
    }
}

/* Put it in force. The lock is held for writing. */
static void install(struct sh_access *access, struct sh_token_table *table, const struct sh_file_mark *mark) {
    uint16_t dealt[SH_TOKEN_COUNT_MAX];
    deal_buckets(access, table, dealt);
    memcpy(access->buckets_of, dealt, table->count * sizeof dealt[0]);
    sh_token_table_free(&access->table);
    access->table = *table;
    access->mark = *mark;
    atomic_fetch_add_explicit(&access->generation, 1, memory_order_release);
}

enum sh_status sh_access_open(const char *path, struct sh_access **made, struct sh_error *err) {
    *made = NULL;
    if (strlen(path) >= PATH_MAX) return sh_fail(err, SH_ERR_ARGUMENT, -1, "the path of the tokens is too long");
    struct sh_access *access = sh_alloc_zero(sizeof *access);
    if (access == NULL) return sh_fail(err, SH_ERR_MEMORY, -1, "no memory for tokens");
    memcpy(access->path, path, strlen(path) + 1);
    (void)pthread_rwlock_init(&access->lock, NULL);
    const enum sh_status status = sh_access_reload(access, err);
    if (status != SH_OK) {
        sh_access_close(access);
        return status;
    }
    *made = access;
    return SH_OK;
}

void sh_access_close(struct sh_access *access) {
    if (access == NULL) return;
    sh_token_table_free(&access->table);
    (void)pthread_rwlock_destroy(&access->lock);
    sh_free(access);
}

const char *sh_access_path(const struct sh_access *access) {
    return access->path;
}

uint32_t sh_access_token_count(struct sh_access *access) {
    (void)pthread_rwlock_rdlock(&access->lock);
    const uint32_t count = access->table.count;
    (void)pthread_rwlock_unlock(&access->lock);
    return count;
}

enum sh_status sh_access_reload(struct sh_access *access, struct sh_error *err) {
    struct sh_token_table table;
    struct sh_file_mark mark;
    const enum sh_status status = sh_access_file_read(access->path, &table, &mark, err);
    (void)pthread_rwlock_wrlock(&access->lock);
    if (status == SH_OK)
        install(access, &table, &mark);
    else
        access->mark = mark; /* it is not read again until it changes again */
    (void)pthread_rwlock_unlock(&access->lock);
    return status;
}

enum sh_status sh_access_poll(struct sh_access *access, bool *changed, struct sh_error *err) {
    (void)pthread_rwlock_rdlock(&access->lock);
    const struct sh_file_mark mark = access->mark;
    (void)pthread_rwlock_unlock(&access->lock);
    *changed = sh_access_file_has_changed(access->path, &mark);
    return *changed ? sh_access_reload(access, err) : SH_OK;
}

/* ---- asking ---- */

struct sh_principal sh_principal_of_owner(void) {
    return (struct sh_principal){
        .is_owner = true, .is_known = true, .names_workspace = true, .roles = SH_ROLES_ALL, .workspace = "*"};
}

static int64_t earlier_end(int64_t a_ms, int64_t b_ms) {
    if (a_ms == 0 || b_ms == 0) return a_ms + b_ms;
    return a_ms < b_ms ? a_ms : b_ms;
}

static void principal_of(const struct sh_access *access, const struct sh_token *token,
                         const struct sh_token_secret *secret, struct sh_principal *principal) {
    *principal = (struct sh_principal){
        .is_known = true,
        .names_workspace = sh_token_is_for_all(token),
        .roles = token->roles,
        .rate = token->rate,
        .burst = token->burst,
        .bucket = access->buckets_of[token - access->table.tokens],
        .expires_ms = earlier_end(token->expires_ms, secret->expires_ms),
        .secret = sh_token_secret_number(secret),
        .generation = atomic_load_explicit(&access->generation, memory_order_relaxed),
    };
    memcpy(principal->token, token->id, sizeof principal->token);
    memcpy(principal->workspace, token->workspace, sizeof principal->workspace);
}

/* Words for who knows the secret. */
static enum sh_status check_alive(const struct sh_token *token, int64_t now_ms, struct sh_error *err) {
    if (token->revoked_ms != 0) return sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "the token %s is revoked", token->id);
    if (token->expires_ms != 0 && now_ms >= token->expires_ms)
        return sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "the token %s has expired", token->id);
    return SH_OK;
}

enum sh_status sh_access_authenticate(struct sh_access *access, struct sh_text shown, int64_t now_ms,
                                      struct sh_principal *principal, struct sh_error *err) {
    static const char nobody[SH_TOKEN_SECRET_CHARACTERS + 1] = "-------------------------------------------";
    struct sh_text id = SH_TEXT_LITERAL("nobody");
    struct sh_text secret = {nobody, SH_TOKEN_SECRET_CHARACTERS};
    *principal = (struct sh_principal){0};
    if (access == NULL) {
        *principal = sh_principal_of_owner();
        return SH_OK;
    }
    const bool is_token = sh_token_cut(shown, &id, &secret);
    (void)pthread_rwlock_rdlock(&access->lock);
    const struct sh_token *token = is_token ? sh_token_table_find(&access->table, id) : NULL;
    /* What is no token is hashed as well: see token.h. */
    if (!is_token) secret = (struct sh_text){nobody, SH_TOKEN_SECRET_CHARACTERS};
    const uint32_t place = sh_token_find_secret(token, secret, now_ms);
    enum sh_status status = SH_ERR_UNAUTHENTICATED;
    if (place < SH_TOKEN_LIVE_COUNT_MAX)
        status = check_alive(token, now_ms, err);
    else
        (void)sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "the token is not valid");
    if (status == SH_OK) principal_of(access, token, &token->secrets[place], principal);
    (void)pthread_rwlock_unlock(&access->lock);
    return status;
}

static const struct sh_token_secret *find_secret_again(const struct sh_token *token, uint64_t number) {
    for (uint32_t i = 0; i < token->secret_count; i++)
        if (sh_token_secret_number(&token->secrets[i]) == number) return &token->secrets[i];
    return NULL;
}

/* The table has changed since this principal was made. */
static enum sh_status look_again(struct sh_access *access, struct sh_principal *principal, int64_t now_ms,
                                 struct sh_error *err) {
    char id[SH_NAME_BYTES_MAX + 1];
    memcpy(id, principal->token, sizeof id);
    (void)pthread_rwlock_rdlock(&access->lock);
    const struct sh_token *token = sh_token_table_find(&access->table, sh_text_of(id));
    const struct sh_token_secret *secret = token == NULL ? NULL : find_secret_again(token, principal->secret);
    enum sh_status status = SH_ERR_UNAUTHENTICATED;
    if (token != NULL) status = check_alive(token, now_ms, err);
    if (token == NULL || (status == SH_OK && secret == NULL))
        status = sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "the token %s is not what it was", id);
    else if (status == SH_OK && strcmp(principal->workspace, token->workspace) != 0)
        /* The connection's workspace was chosen by the old one. */
        status = sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "the token %s is for another workspace now", id);
    if (status == SH_OK) principal_of(access, token, secret, principal);
    (void)pthread_rwlock_unlock(&access->lock);
    return status;
}

static enum sh_status check_roles(const struct sh_principal *principal, const struct sh_method *method,
                                  struct sh_error *err) {
    char needed[SH_ROLES_WORDS_BYTES_MAX];
    char had[SH_ROLES_WORDS_BYTES_MAX];
    if ((principal->roles & method->roles) != 0) return SH_OK;
    sh_roles_print(method->roles, needed);
    sh_roles_print(principal->roles, had);
    (void)sh_fail(err, SH_ERR_FORBIDDEN, -1, "`%s` is not open to the token %s", method->name, principal->token);
    return sh_fail_hint(err, SH_ERR_FORBIDDEN, "it needs one of: %s; the token has: %s", needed,
                        had[0] == '\0' ? "none" : had);
}

enum sh_status sh_access_check(struct sh_access *access, struct sh_principal *principal, const struct sh_method *method,
                               int64_t now_ms, uint64_t now_ns, struct sh_error *err) {
    if (access == NULL) return SH_OK;
    if (!principal->is_known) {
        (void)sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "this server asks for a token");
        return sh_fail_hint(err, SH_ERR_UNAUTHENTICATED, "say hello with one first");
    }
    if (principal->is_owner) return SH_OK;
    if (principal->generation != atomic_load_explicit(&access->generation, memory_order_acquire)) {
        const enum sh_status status = look_again(access, principal, now_ms, err);
        if (status != SH_OK) {
            *principal = (struct sh_principal){0};
            return status;
        }
    }
    if (principal->expires_ms != 0 && now_ms >= principal->expires_ms)
        return sh_fail(err, SH_ERR_UNAUTHENTICATED, -1, "the token %s has expired", principal->token);
    const enum sh_status status = method == NULL ? SH_OK : check_roles(principal, method, err);
    if (status != SH_OK || principal->rate == 0 || method == NULL) return status;
    uint64_t wait_ns;
    struct sh_rate_bucket *bucket = &access->buckets[principal->bucket];
    if (sh_rate_bucket_take(bucket, principal->rate, principal->burst, now_ns, &wait_ns)) return SH_OK;
    (void)sh_fail(err, SH_ERR_RATE_LIMITED, -1, "the token %s has asked more than its %u requests a second",
                  principal->token, principal->rate);
    return sh_fail_hint(err, SH_ERR_RATE_LIMITED, "again in %llu ms",
                        (unsigned long long)((wait_ns + 999999) / 1000000));
}

enum sh_status sh_access_workspace(const struct sh_principal *principal, struct sh_text wanted,
                                   struct sh_text *workspace, struct sh_error *err) {
    const struct sh_text own = sh_text_of(principal->workspace);
    if (principal->names_workspace) {
        *workspace = wanted.count > 0 ? wanted : SH_TEXT_LITERAL("default");
        return SH_OK;
    }
    *workspace = own;
    if (wanted.count == 0 || sh_text_equal(wanted, own)) return SH_OK;
    return sh_fail(err, SH_ERR_FORBIDDEN, -1, "the token %s is for another workspace", principal->token);
}

/* ---- changing ---- */

/* One change of the file: what it is now, and what it is to be. */
struct change {
    struct sh_access *access;
    struct sh_token_table table;
    struct sh_file_mark mark;
    int lock;
};

static enum sh_status change_begin(struct sh_access *access, struct change *change, struct sh_error *err) {
    *change = (struct change){.access = access};
    enum sh_status status = sh_access_file_lock(access->path, &change->lock, err);
    if (status != SH_OK) return status;
    status = sh_access_file_read(access->path, &change->table, &change->mark, err);
    if (status != SH_OK) sh_access_file_unlock(change->lock);
    return status;
}

/* Ids that nobody remembers may be given again. */
static void drop_long_revoked(struct sh_token_table *table, int64_t now_ms) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < table->count; i++) {
        const int64_t revoked_ms = table->tokens[i].revoked_ms;
        if (revoked_ms != 0 && now_ms - revoked_ms > SH_REVOKED_KEEP_DAYS * INT64_C(86400000)) continue;
        table->tokens[kept++] = table->tokens[i];
    }
    table->count = kept;
}

static enum sh_status change_end(struct change *change, enum sh_status status, int64_t now_ms, struct sh_error *err) {
    struct sh_access *access = change->access;
    if (status == SH_OK) {
        drop_long_revoked(&change->table, now_ms);
        status = sh_access_file_write(access->path, &change->table, &change->mark, err);
    }
    if (status == SH_OK) {
        (void)pthread_rwlock_wrlock(&access->lock);
        install(access, &change->table, &change->mark);
        (void)pthread_rwlock_unlock(&access->lock);
    } else {
        sh_token_table_free(&change->table);
    }
    sh_access_file_unlock(change->lock);
    return status;
}

static enum sh_status find_for_change(struct change *change, struct sh_text id, struct sh_token **token,
                                      struct sh_error *err) {
    *token = sh_token_table_find(&change->table, id);
    if (*token != NULL) return SH_OK;
    return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no token %.*s", SH_TEXT_ARGS(id));
}

static void copy_text(char *target, struct sh_text text) {
    memcpy(target, text.bytes, text.count);
    target[text.count] = '\0';
}

static enum sh_status token_of_order(const struct sh_token_order *order, int64_t now_ms, struct sh_token *token,
                                     struct sh_error *err) {
    const struct sh_text workspace = order->workspace.count > 0 ? order->workspace : SH_TEXT_LITERAL("default");
    if (!sh_token_id_is_valid(order->id))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a token's id has 1 to %d letters, digits, \"_\" and \"-\"",
                       SH_NAME_BYTES_MAX);
    if (workspace.count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(workspace))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a workspace's name has 1 to %d bytes", SH_NAME_BYTES_MAX);
    if (order->note.count > SH_TOKEN_NOTE_BYTES_MAX || (order->note.count > 0 && !sh_text_is_utf8(order->note)))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a token's note has at most %d bytes", SH_TOKEN_NOTE_BYTES_MAX);
    if (order->roles == 0 || (order->roles & ~(uint32_t)SH_ROLES_ALL) != 0)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a token without a role opens nothing");
    if (order->rate > SH_TOKEN_RATE_MAX || order->burst > SH_TOKEN_RATE_MAX || (order->rate == 0 && order->burst > 0))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a rate is at most %d a second, and a burst goes with it",
                       SH_TOKEN_RATE_MAX);
    if (order->expires_ms != 0 && order->expires_ms <= now_ms)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a token ends after now");
    *token = (struct sh_token){.roles = order->roles,
                               .rate = order->rate,
                               .burst = order->burst,
                               .created_ms = now_ms,
                               .expires_ms = order->expires_ms};
    if (order->rate > 0 && order->burst == 0)
        token->burst = order->rate > SH_TOKEN_RATE_MAX / 2 ? SH_TOKEN_RATE_MAX : 2 * order->rate;
    copy_text(token->id, order->id);
    copy_text(token->workspace, workspace);
    if (order->note.count > 0) copy_text(token->note, order->note);
    return SH_OK;
}

enum sh_status sh_access_create_token(struct sh_access *access, const struct sh_token_order *order, int64_t now_ms,
                                      char shown[SH_TOKEN_TEXT_BYTES_MAX], struct sh_error *err) {
    struct sh_token token;
    struct change change;
    enum sh_status status = token_of_order(order, now_ms, &token, err);
    if (status == SH_OK) status = change_begin(access, &change, err);
    if (status != SH_OK) return status;
    if (sh_token_table_find(&change.table, order->id) != NULL)
        status = sh_fail(err, SH_ERR_CONFLICT, -1, "there is or was a token %s already", token.id);
    if (status == SH_OK) status = sh_token_renew(&token, now_ms, 0, shown, err);
    if (status == SH_OK) status = sh_token_table_add(&change.table, &token, err);
    return change_end(&change, status, now_ms, err);
}

enum sh_status sh_access_rotate_token(struct sh_access *access, struct sh_text id, int64_t now_ms, int64_t old_until_ms,
                                      char shown[SH_TOKEN_TEXT_BYTES_MAX], struct sh_error *err) {
    struct change change;
    struct sh_token *token;
    enum sh_status status = change_begin(access, &change, err);
    if (status != SH_OK) return status;
    status = find_for_change(&change, id, &token, err);
    if (status == SH_OK && token->revoked_ms != 0)
        status = sh_fail(err, SH_ERR_CONFLICT, -1, "the token %s is revoked", token->id);
    if (status == SH_OK) status = sh_token_renew(token, now_ms, old_until_ms, shown, err);
    return change_end(&change, status, now_ms, err);
}

enum sh_status sh_access_revoke_token(struct sh_access *access, struct sh_text id, int64_t now_ms,
                                      struct sh_error *err) {
    struct change change;
    struct sh_token *token;
    enum sh_status status = change_begin(access, &change, err);
    if (status != SH_OK) return status;
    status = find_for_change(&change, id, &token, err);
    if (status == SH_OK && token->revoked_ms == 0) token->revoked_ms = now_ms > 0 ? now_ms : 1;
    return change_end(&change, status, now_ms, err);
}

enum sh_status sh_access_list_tokens(struct sh_access *access, struct sh_token **tokens, uint32_t *count,
                                     struct sh_error *err) {
    (void)pthread_rwlock_rdlock(&access->lock);
    *count = access->table.count;
    *tokens = sh_alloc(*count * sizeof **tokens);
    if (*tokens != NULL && *count > 0) memcpy(*tokens, access->table.tokens, *count * sizeof **tokens);
    (void)pthread_rwlock_unlock(&access->lock);
    return *tokens != NULL ? SH_OK : sh_fail(err, SH_ERR_MEMORY, -1, "no memory for a list of tokens");
}

bool sh_access_find_token(struct sh_access *access, struct sh_text id, struct sh_token *token) {
    (void)pthread_rwlock_rdlock(&access->lock);
    const struct sh_token *found = sh_token_table_find(&access->table, id);
    if (found != NULL) *token = *found;
    (void)pthread_rwlock_unlock(&access->lock);
    return found != NULL;
}
