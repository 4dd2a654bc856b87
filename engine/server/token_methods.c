/* token_methods.c -- tokens made, listed, rotated and revoked while the server runs.
 *
 * Tokens open workspaces, so they are in the hands of who may name any workspace: the server's own user at a Unix
 * socket, and tokens for all workspaces with the role admin. Nobody gives what he does not have: a token's roles are
 * among the caller's. A change is in its file, durably, before it is answered; the loop waits for that, some ms.
 */
#include "loop.h"
#include "memory.h"
#include "request_params.h"

static enum sh_status check_caller(const struct sh_session *session, struct sh_error *err) {
    if (session->loop->server->access == NULL) {
        (void)sh_fail(err, SH_ERR_UNSUPPORTED, -1, "this server has no access control");
        return sh_fail_hint(err, SH_ERR_UNSUPPORTED, "start it with --access FILE");
    }
    if (session->principal.names_workspace) return SH_OK;
    return sh_fail(err, SH_ERR_FORBIDDEN, -1, "tokens are for who may enter every workspace");
}

static enum sh_status read_params(const struct sh_request *request, const char *const *names, uint32_t count,
                                  struct sh_param *values, struct sh_error *err) {
    const struct sh_param_names known = {.names = names, .count = count};
    return sh_params_read(request->params, request->params_count, &known, values, NULL, err);
}

/* ---- token.create ---- */

enum { CREATE_ID, CREATE_WORKSPACE, CREATE_ROLES, CREATE_RATE, CREATE_BURST, CREATE_DAYS, CREATE_NOTE, CREATE_COUNT };
static const char *const create_names[CREATE_COUNT] = {"id", "workspace", "roles", "rate", "burst", "days", "note"};

static enum sh_status read_role(struct sh_cursor *cursor, uint32_t *roles, struct sh_error *err) {
    struct sh_text name;
    const enum sh_status status = sh_cursor_text(cursor, &name, "a role", err);
    if (status != SH_OK) return status;
    const uint32_t role = sh_role_find(name);
    *roles |= role;
    if (role != 0) return SH_OK;
    char known[SH_ROLES_WORDS_BYTES_MAX];
    sh_roles_print(SH_ROLES_ALL, known);
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no role `%.*s`", (int)(name.count < 80 ? name.count : 80),
                  name.bytes);
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "roles are %s", known);
}

static enum sh_status read_roles(const struct sh_param *param, uint32_t roles_max, uint32_t *roles,
                                 struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_require(param, "roles", err);
    if (status == SH_OK) status = sh_param_array(param, "roles", SH_ROLE_COUNT, &cursor, &count, err);
    for (uint32_t i = 0; status == SH_OK && i < count; i++)
        status = read_role(&cursor, roles, err);
    if (status != SH_OK || (*roles & ~roles_max) == 0) return status;
    char lacking[SH_ROLES_WORDS_BYTES_MAX];
    sh_roles_print(*roles & ~roles_max, lacking);
    return sh_fail(err, SH_ERR_FORBIDDEN, -1, "who lacks a role cannot give it: %s", lacking);
}

static enum sh_status read_order(const struct sh_session *session, const struct sh_request *request,
                                 struct sh_token_order *order, struct sh_error *err) {
    struct sh_param params[CREATE_COUNT];
    int64_t rate = 0;
    int64_t burst = 0;
    int64_t days = 0;
    enum sh_status status = read_params(request, create_names, CREATE_COUNT, params, err);
    if (status == SH_OK) status = sh_param_needed_text(&params[CREATE_ID], "id", &order->id, err);
    if (status == SH_OK) status = sh_param_text(&params[CREATE_WORKSPACE], "workspace", &order->workspace, err);
    if (status == SH_OK) status = sh_param_text(&params[CREATE_NOTE], "note", &order->note, err);
    if (status == SH_OK) status = read_roles(&params[CREATE_ROLES], session->principal.roles, &order->roles, err);
    if (status == SH_OK) status = sh_param_integer(&params[CREATE_RATE], "rate", 0, SH_TOKEN_RATE_MAX, &rate, err);
    if (status == SH_OK) status = sh_param_integer(&params[CREATE_BURST], "burst", 0, SH_TOKEN_RATE_MAX, &burst, err);
    if (status == SH_OK) status = sh_param_integer(&params[CREATE_DAYS], "days", 0, SH_TTL_DAYS_MAX, &days, err);
    if (status != SH_OK) return status;
    order->rate = (uint32_t)rate;
    order->burst = (uint32_t)burst;
    if (days > 0) order->expires_ms = request->now_ms + days * INT64_C(86400000);
    return SH_OK;
}

enum sh_status sh_answer_token_create(struct sh_session *session, const struct sh_request *request,
                                      struct sh_buffer *body, struct sh_error *err) {
    struct sh_token_order order = {0};
    char shown[SH_TOKEN_TEXT_BYTES_MAX];
    enum sh_status status = check_caller(session, err);
    if (status == SH_OK) status = read_order(session, request, &order, err);
    if (status == SH_OK)
        status = sh_access_create_token(session->loop->server->access, &order, request->now_ms, shown, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    msgpack_pack_map(&packer, 4);
    sh_pack_literal(&packer, "id");
    sh_pack_text(&packer, order.id);
    sh_pack_literal(&packer, "token");
    sh_pack_literal(&packer, shown);
    sh_pack_literal(&packer, "expires");
    msgpack_pack_int64(&packer, order.expires_ms);
    sh_token_wipe(shown, sizeof shown);
    return sh_buffer_status(body, err);
}

/* ---- token.list ---- */

static void pack_time(msgpack_packer *packer, const char *name, int64_t time_ms) {
    sh_pack_literal(packer, name);
    if (time_ms == 0)
        msgpack_pack_nil(packer);
    else
        msgpack_pack_int64(packer, time_ms);
}

static void pack_secrets(msgpack_packer *packer, const struct sh_token *token) {
    sh_pack_literal(packer, "secrets");
    msgpack_pack_array(packer, token->secret_count);
    for (uint32_t i = 0; i < token->secret_count; i++) {
        msgpack_pack_map(packer, 2);
        pack_time(packer, "created", token->secrets[i].created_ms);
        pack_time(packer, "expires", token->secrets[i].expires_ms);
    }
}

static void pack_token(msgpack_packer *packer, const struct sh_token *token) {
    msgpack_pack_map(packer, 10);
    sh_pack_literal(packer, "id");
    sh_pack_literal(packer, token->id);
    sh_pack_literal(packer, "workspace");
    sh_pack_literal(packer, token->workspace);
    sh_pack_literal(packer, "roles");
    sh_pack_roles(packer, token->roles);
    sh_pack_literal(packer, "rate");
    msgpack_pack_uint32(packer, token->rate);
    sh_pack_literal(packer, "burst");
    msgpack_pack_uint32(packer, token->burst);
    pack_time(packer, "created", token->created_ms);
    pack_time(packer, "expires", token->expires_ms);
    pack_time(packer, "revoked", token->revoked_ms);
    sh_pack_literal(packer, "note");
    sh_pack_literal(packer, token->note);
    pack_secrets(packer, token);
}

enum sh_status sh_answer_token_list(struct sh_session *session, const struct sh_request *request,
                                    struct sh_buffer *body, struct sh_error *err) {
    struct sh_token *tokens;
    uint32_t count;
    enum sh_status status = check_caller(session, err);
    if (status == SH_OK) status = sh_check_no_params(request, err);
    if (status == SH_OK) status = sh_access_list_tokens(session->loop->server->access, &tokens, &count, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "tokens");
    msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++)
        pack_token(&packer, &tokens[i]);
    sh_free(tokens);
    return sh_buffer_status(body, err);
}

/* ---- token.rotate, token.revoke ---- */

enum { ROTATE_ID, ROTATE_GRACE, ROTATE_COUNT };
static const char *const rotate_names[ROTATE_COUNT] = {"id", "grace_s"};

/* Who lacks a role of a token does not get its secret either. */
static enum sh_status check_roles_of(const struct sh_session *session, struct sh_text id, struct sh_error *err) {
    struct sh_token token;
    if (!sh_access_find_token(session->loop->server->access, id, &token)) return SH_OK;
    if ((token.roles & ~session->principal.roles) == 0) return SH_OK;
    return sh_fail(err, SH_ERR_FORBIDDEN, -1, "the token %s has roles that its caller lacks", token.id);
}

enum sh_status sh_answer_token_rotate(struct sh_session *session, const struct sh_request *request,
                                      struct sh_buffer *body, struct sh_error *err) {
    struct sh_param params[ROTATE_COUNT];
    struct sh_text id = {0};
    int64_t grace_s = SH_ROTATE_GRACE_S_DEFAULT;
    char shown[SH_TOKEN_TEXT_BYTES_MAX];
    enum sh_status status = check_caller(session, err);
    if (status == SH_OK) status = read_params(request, rotate_names, ROTATE_COUNT, params, err);
    if (status == SH_OK) status = sh_param_needed_text(&params[ROTATE_ID], "id", &id, err);
    if (status == SH_OK)
        status = sh_param_integer(&params[ROTATE_GRACE], "grace_s", 0, SH_ROTATE_GRACE_S_MAX, &grace_s, err);
    if (status == SH_OK) status = check_roles_of(session, id, err);
    const int64_t old_until_ms = request->now_ms + grace_s * 1000;
    if (status == SH_OK)
        status = sh_access_rotate_token(session->loop->server->access, id, request->now_ms, old_until_ms, shown, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    msgpack_pack_map(&packer, 4);
    sh_pack_literal(&packer, "id");
    sh_pack_text(&packer, id);
    sh_pack_literal(&packer, "token");
    sh_pack_literal(&packer, shown);
    sh_pack_literal(&packer, "old_until");
    msgpack_pack_int64(&packer, old_until_ms);
    sh_token_wipe(shown, sizeof shown);
    return sh_buffer_status(body, err);
}

enum sh_status sh_answer_token_revoke(struct sh_session *session, const struct sh_request *request,
                                      struct sh_buffer *body, struct sh_error *err) {
    struct sh_param params[1];
    struct sh_text id = {0};
    enum sh_status status = check_caller(session, err);
    if (status == SH_OK) status = read_params(request, rotate_names, 1, params, err);
    if (status == SH_OK) status = sh_param_needed_text(&params[ROTATE_ID], "id", &id, err);
    if (status == SH_OK) status = sh_access_revoke_token(session->loop->server->access, id, request->now_ms, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    msgpack_pack_map(&packer, 2);
    sh_pack_bool(&packer, "revoked", true);
    return sh_buffer_status(body, err);
}
