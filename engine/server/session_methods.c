#include "cursor.h"
#include "loop.h"

enum { PROTOCOL_VERSION = 1 };

/* ---- hello ---- */

enum { HELLO_VERSION, HELLO_WORKSPACE, HELLO_CLIENT, HELLO_TOKEN, HELLO_KEY_COUNT };
static const char *const hello_keys[HELLO_KEY_COUNT] = {"version", "workspace", "client", "token"};

struct hello {
    int64_t version;
    struct sh_text workspace;
    struct sh_text token;
    bool given[HELLO_KEY_COUNT];
};

/* The key's place among hello_keys. */
static enum sh_status find_key(struct sh_text key, uint32_t *found, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, key);
    for (uint32_t i = 0; i < HELLO_KEY_COUNT; i++) {
        *found = i;
        if (sh_text_equal(key, sh_text_of(hello_keys[i]))) return SH_OK;
        sh_nearest_offer(&search, sh_text_of(hello_keys[i]));
    }
    (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "hello knows no key `%.*s`", (int)(key.count < 80 ? key.count : 80),
                  key.bytes);
    if (search.nearest.count == 0) return SH_ERR_ARGUMENT;
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "did you mean `%.*s`?", SH_TEXT_ARGS(search.nearest));
}

static enum sh_status read_pair(struct sh_cursor *cursor, struct hello *hello, struct sh_error *err) {
    struct sh_text key, client;
    uint32_t place;
    enum sh_status status;
    if ((status = sh_cursor_text(cursor, &key, "a key of hello", err)) != SH_OK) return status;
    if ((status = find_key(key, &place, err)) != SH_OK) return status;
    if (hello->given[place]) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` is given twice", hello_keys[place]);
    hello->given[place] = true;
    switch (place) {
    case HELLO_VERSION:
        return sh_cursor_integer(cursor, 0, INT32_MAX, &hello->version, "`version`", err);
    case HELLO_WORKSPACE:
        return sh_cursor_text(cursor, &hello->workspace, "`workspace`", err);
    case HELLO_TOKEN:
        return sh_cursor_text(cursor, &hello->token, "`token`", err);
    default:
        return sh_cursor_text(cursor, &client, "`client`", err);
    }
}

static enum sh_status read_hello(const struct sh_request *request, struct hello *hello, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t pair_count;
    sh_cursor_init(&cursor, request->params, request->params_count);
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "params", err);
    for (uint32_t i = 0; i < pair_count && status == SH_OK; i++)
        status = read_pair(&cursor, hello, err);
    if (status != SH_OK) return status;
    if (!hello->given[HELLO_VERSION]) return sh_fail(err, SH_ERR_ARGUMENT, -1, "hello needs `version`");
    if (hello->version != PROTOCOL_VERSION) {
        (void)sh_fail(err, SH_ERR_UNSUPPORTED, -1, "version %lld of the protocol is not spoken here",
                      (long long)hello->version);
        return sh_fail_hint(err, SH_ERR_UNSUPPORTED, "this server speaks version %d", PROTOCOL_VERSION);
    }
    if (hello->workspace.bytes == NULL) return SH_OK;
    if (hello->workspace.count == 0 || hello->workspace.count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a workspace's name has 1 to %d bytes", SH_NAME_BYTES_MAX);
    return SH_OK;
}

/* The zone is the workspace's, so its shard is asked: any shard knows it. The text points into *answer. */
static bool find_zone(struct sh_session *session, const struct sh_request *hello_request, struct sh_buffer *answer,
                      struct sh_text *zone) {
    static const uint8_t empty_map[1] = {0x80};
    struct sh_request request = *hello_request;
    request.method = sh_method_find(SH_TEXT_LITERAL("schema.get"), NULL);
    request.workspace = (struct sh_text){session->workspace, session->workspace_count};
    request.params = empty_map;
    request.params_count = sizeof empty_map;
    const struct sh_answer target = {.body = answer};
    if (request.method == NULL || sh_shard_apply(session->loop->shard, &request, &target, NULL) != SH_OK) return false;
    struct sh_cursor cursor;
    uint32_t pair_count;
    sh_cursor_init(&cursor, answer->bytes, answer->count);
    if (sh_cursor_map(&cursor, &pair_count, "schema", NULL) != SH_OK) return false;
    for (uint32_t i = 0; i + 1 < pair_count; i++) { /* the last pair, took_us, is not there yet */
        struct sh_text key;
        if (sh_cursor_text(&cursor, &key, "key", NULL) != SH_OK) return false;
        if (sh_text_equal(key, SH_TEXT_LITERAL("zone"))) return sh_cursor_text(&cursor, zone, "zone", NULL) == SH_OK;
        if (sh_cursor_skip(&cursor, NULL, NULL) != SH_OK) return false;
    }
    return false;
}

/* Who the session is from now on, and where. On a failure it is who it was. */
static enum sh_status admit(struct sh_session *session, const struct sh_request *request, const struct hello *hello,
                            struct sh_error *err) {
    struct sh_access *access = session->loop->server->access;
    struct sh_principal principal = session->principal;
    struct sh_text workspace;
    enum sh_status status = SH_OK;
    if (hello->given[HELLO_TOKEN])
        status = sh_access_authenticate(access, hello->token, request->now_ms, &principal, err);
    const uint64_t now_ns = sh_io_monotonic_ns(session->loop->io);
    if (status == SH_OK) status = sh_access_check(access, &principal, request->method, request->now_ms, now_ns, err);
    if (status == SH_OK) status = sh_access_workspace(&principal, hello->workspace, &workspace, err);
    if (status != SH_OK) return status;
    const bool is_other = hello->workspace.count > 0 || strcmp(principal.token, session->principal.token) != 0;
    session->principal = principal;
    if (!is_other) return SH_OK;
    memcpy(session->workspace, workspace.bytes, workspace.count);
    session->workspace_count = workspace.count;
    return SH_OK;
}

void sh_pack_roles(msgpack_packer *packer, uint32_t roles) {
    msgpack_pack_array(packer, (size_t)__builtin_popcount(roles));
    for (uint32_t i = 0; i < SH_ROLE_COUNT; i++)
        if ((roles >> i & 1) != 0) sh_pack_literal(packer, sh_role_name(i));
}

enum sh_status sh_answer_hello(struct sh_session *session, const struct sh_request *request, struct sh_buffer *body,
                               struct sh_error *err) {
    struct hello hello = {0};
    enum sh_status status = read_hello(request, &hello, err);
    if (status == SH_OK) status = admit(session, request, &hello, err);
    if (status != SH_OK) return status;
    const bool has_token = session->principal.token[0] != '\0';
    struct sh_buffer schema;
    sh_buffer_init(&schema, SH_FRAME_BYTES_MAX);
    struct sh_text zone;
    const bool has_zone = find_zone(session, request, &schema, &zone);
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    msgpack_pack_map(&packer, has_token ? 9 : 7);
    sh_pack_literal(&packer, "version");
    msgpack_pack_int(&packer, PROTOCOL_VERSION);
    sh_pack_literal(&packer, "server");
    sh_pack_literal(&packer, "shoald " SHOAL_VERSION);
    sh_pack_literal(&packer, "workspace");
    sh_pack_text(&packer, (struct sh_text){session->workspace, session->workspace_count});
    sh_pack_literal(&packer, "shards");
    msgpack_pack_uint32(&packer, session->loop->server->loop_count);
    sh_pack_literal(&packer, "zone");
    if (has_zone)
        sh_pack_text(&packer, zone);
    else
        msgpack_pack_nil(&packer);
    sh_pack_literal(&packer, "now");
    msgpack_pack_int64(&packer, request->now_ms);
    if (has_token) {
        sh_pack_literal(&packer, "token");
        sh_pack_literal(&packer, session->principal.token);
        sh_pack_literal(&packer, "roles");
        sh_pack_roles(&packer, session->principal.roles);
    }
    sh_buffer_deinit(&schema);
    return sh_buffer_status(body, err);
}

/* ---- snapshot ---- */

enum sh_status sh_check_no_params(const struct sh_request *request, struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_text key;
    uint32_t pair_count;
    sh_cursor_init(&cursor, request->params, request->params_count);
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "params", err);
    if (status != SH_OK || pair_count == 0) return status;
    if ((status = sh_cursor_text(&cursor, &key, "a key", err)) != SH_OK) return status;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "%s knows no key `%.*s`", request->method->name,
                   (int)(key.count < 80 ? key.count : 80), key.bytes);
}
