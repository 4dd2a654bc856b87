/* request_split.c -- one request as the parts that several shards work on.
 *
 *   ONE      owner of the user             the params as they are
 *   ROWS     owner of each row             the params with each shard's own rows, in their order
 *   ALL      every shard                   the params as they are; a page of a frozen audience: see split_page
 *   EVERY    every shard                   the params as they are
 *   ROUNDS   as request_rounds.c says
 *   ANY      the shard at home             the params as they are
 *
 * Faults are left to the shards: a row without an id goes to the shard at home, which refuses it with the right words.
 */
#include "hash.h"
#include "lookalike_rounds.h"
#include "memory.h"
#include "page_token.h"
#include "request_params.h"
#include "request_rounds.h"
#include "shard_private.h"

uint32_t sh_shard_of_user(struct sh_text id, uint32_t shard_count) {
    return sh_shard_of_hash(sh_hash_text(id), shard_count);
}

/* What the shards of users are found by. */
struct router {
    uint32_t shard_count;
    uint32_t home;
    const struct sh_aliases *aliases; /* NULL: nobody has other names */
};

static struct sh_part *add_part(struct sh_split *split, uint32_t shard) {
    struct sh_part *part = &split->parts[split->part_count++];
    *part = (struct sh_part){.shard = shard};
    sh_buffer_init(&part->params, SH_PART_BYTES_MAX);
    return part;
}

static enum sh_status add_copy(struct sh_split *split, uint32_t shard, const struct sh_request *request,
                               struct sh_error *err) {
    struct sh_part *part = add_part(split, shard);
    sh_buffer_append(&part->params, request->params, request->params_count);
    return part->params.failed ? sh_fail_memory(err) : SH_OK;
}

void sh_split_free(struct sh_split *split) {
    for (uint32_t i = 0; i < split->part_count; i++) {
        sh_buffer_deinit(&split->parts[i].params);
        sh_free(split->parts[i].row_numbers);
    }
    split->part_count = 0;
    sh_rounds_free(split->rounds);
    split->rounds = NULL;
}

/* ---- Looking into the params ---- */

/* The value of a key in a map under the cursor, which moves to it; false if there is none or it is no map. */
static bool find_key(struct sh_cursor *cursor, const char *key) {
    struct sh_value head;
    if (sh_cursor_next(cursor, &head, NULL) != SH_OK || head.kind != SH_VALUE_MAP) return false;
    for (uint32_t i = 0; i < head.count; i++) {
        struct sh_value name;
        if (sh_cursor_next(cursor, &name, NULL) != SH_OK) return false;
        if (name.kind == SH_VALUE_STR && sh_text_equal(name.text, sh_text_of(key))) return true;
        if (name.kind == SH_VALUE_ARRAY || name.kind == SH_VALUE_MAP) return false;
        if (sh_cursor_skip(cursor, NULL, NULL) != SH_OK) return false;
    }
    return false;
}

static uint32_t owner_of(const struct sh_cursor *cursor, const struct router *router) {
    struct sh_cursor ahead = *cursor;
    struct sh_id_reader id;
    if (sh_id_read(&id, &ahead, "", NULL) != SH_OK) return router->home;
    const struct sh_text user = router->aliases == NULL ? id.text : sh_aliases_resolve(router->aliases, id.text);
    return sh_shard_of_user(user, router->shard_count);
}

static uint32_t owner_by_key(const uint8_t *map, const uint8_t *end, const char *key, const struct router *router) {
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, map, (size_t)(end - map));
    return find_key(&cursor, key) ? owner_of(&cursor, router) : router->home;
}

/* ---- Rows ---- */

/* What a method calls its rows and the user in them. */
struct row_names {
    const char *one;
    const char *many;
    const char *user;
    bool are_ids; /* user.get, user.forget: the rows are ids themselves */
};

static struct row_names row_names_of(const struct sh_method *method) {
    switch (method->number) {
    case SH_METHOD_EVENT_APPEND:
        return (struct row_names){"event", "events", "user", false};
    case SH_METHOD_USER_PUT:
        return (struct row_names){"user", "users", "id", false};
    default:
        return (struct row_names){"id", "ids", "id", true};
    }
}

/* Every key of the map with where its value stands; what the rows are is found among them. */
struct pair {
    const uint8_t *key;
    const uint8_t *value;
    const uint8_t *end;
    struct sh_text name;
};
struct params {
    struct pair pairs[SH_PARAM_COUNT_MAX];
    uint32_t pair_count;
};

static enum sh_status read_pairs(const struct sh_request *request, struct params *params, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t pair_count;
    if (request->params_count > SH_FRAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the params have %zu bytes; at most %d are accepted",
                       request->params_count, SH_FRAME_BYTES_MAX);
    sh_cursor_init(&cursor, request->params, request->params_count);
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "params", err);
    if (status != SH_OK) return status;
    if (pair_count > SH_PARAM_COUNT_MAX) return sh_fail(err, SH_ERR_ARGUMENT, -1, "no method has %u keys", pair_count);
    cursor.depth++;
    for (uint32_t i = 0; i < pair_count; i++) {
        struct pair *pair = &params->pairs[i];
        pair->key = cursor.at;
        if ((status = sh_cursor_text(&cursor, &pair->name, "a key of the params", err)) != SH_OK) return status;
        pair->value = cursor.at;
        if ((status = sh_cursor_skip(&cursor, NULL, err)) != SH_OK) return status;
        pair->end = cursor.at;
    }
    params->pair_count = pair_count;
    if (sh_cursor_at_end(&cursor)) return SH_OK;
    return sh_fail(err, SH_ERR_PROTOCOL, sh_cursor_offset(&cursor), "bytes are left behind the params");
}

/* A nil is as good as no pair, here as in sh_params_read: or rows beside `users: nil` would not be dealt out. */
static const struct pair *find_pair(const struct params *params, const char *name) {
    for (uint32_t i = 0; i < params->pair_count; i++) {
        const struct pair *pair = &params->pairs[i];
        if (*pair->value != 0xC0 && sh_text_equal(pair->name, sh_text_of(name))) return pair;
    }
    return NULL;
}

/* Which cell of a compact row says whose it is; -1 if none does. */
static int32_t user_field(const struct params *params, const char *user) {
    const struct pair *fields = find_pair(params, "fields");
    struct sh_cursor cursor;
    struct sh_value head;
    if (fields == NULL) return -1;
    sh_cursor_init(&cursor, fields->value, (size_t)(fields->end - fields->value));
    if (sh_cursor_next(&cursor, &head, NULL) != SH_OK || head.kind != SH_VALUE_ARRAY) return -1;
    for (uint32_t i = 0; i < head.count; i++) {
        struct sh_value name;
        if (sh_cursor_next(&cursor, &name, NULL) != SH_OK || name.kind != SH_VALUE_STR) return -1;
        if (sh_text_equal(name.text, sh_text_of(user))) return (int32_t)i;
    }
    return -1;
}

/* Where each row is, and whose. */
struct row_place {
    const uint8_t *begin;
    const uint8_t *end;
    uint32_t shard;
};

static uint32_t owner_of_row(const struct sh_cursor *row, const struct row_names *names, int32_t field,
                             const struct router *router) {
    struct sh_cursor ahead = *row;
    struct sh_value head;
    if (names->are_ids) return owner_of(row, router);
    if (field < 0) return find_key(&ahead, names->user) ? owner_of(&ahead, router) : router->home;
    if (sh_cursor_next(&ahead, &head, NULL) != SH_OK || head.kind != SH_VALUE_ARRAY) return router->home;
    if ((uint32_t)field >= head.count) return router->home;
    for (int32_t i = 0; i < field; i++) {
        if (sh_cursor_skip(&ahead, NULL, NULL) != SH_OK) return router->home;
    }
    return owner_of(&ahead, router);
}

static void find_rows(const struct pair *rows, uint32_t row_count, const struct row_names *names, int32_t field,
                      const struct router *router, struct row_place *places) {
    struct sh_cursor cursor;
    struct sh_value head;
    sh_cursor_init(&cursor, rows->value, (size_t)(rows->end - rows->value));
    enum sh_status status = sh_cursor_next(&cursor, &head, NULL);
    for (uint32_t i = 0; i < row_count && status == SH_OK; i++) {
        places[i].shard = owner_of_row(&cursor, names, field, router);
        places[i].begin = cursor.at;
        status = sh_cursor_skip(&cursor, NULL, NULL);
        places[i].end = cursor.at;
    }
    sh_assert(status == SH_OK); /* read_pairs passed over all of it */
}

/* A list of ids is right as a whole, or no shard may begin with it. */
static enum sh_status check_ids(const struct pair *ids, uint32_t count, struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_value head;
    sh_cursor_init(&cursor, ids->value, (size_t)(ids->end - ids->value));
    enum sh_status status = sh_cursor_next(&cursor, &head, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        struct sh_id_reader id;
        status = sh_id_read(&id, &cursor, "each of `ids`", err);
    }
    return status;
}

/* The params with the rows of one shard in place of all rows. */
static enum sh_status write_part(struct sh_split *split, uint32_t shard, const struct params *params,
                                 const struct pair *rows, const struct row_place *places, uint32_t row_count,
                                 uint32_t own_count, struct sh_error *err) {
    struct sh_part *part = add_part(split, shard);
    msgpack_packer packer;
    part->row_numbers = sh_alloc(((size_t)own_count + 1) * sizeof *part->row_numbers);
    if (part->row_numbers == NULL) return sh_fail_memory(err);
    sh_buffer_packer(&part->params, &packer);
    (void)msgpack_pack_map(&packer, params->pair_count);
    for (uint32_t i = 0; i < params->pair_count; i++) {
        const struct pair *pair = &params->pairs[i];
        if (pair != rows) {
            sh_buffer_append(&part->params, pair->key, (size_t)(pair->end - pair->key));
            continue;
        }
        sh_buffer_append(&part->params, pair->key, (size_t)(pair->value - pair->key));
        (void)msgpack_pack_array(&packer, own_count);
        for (uint32_t row = 0; row < row_count; row++) {
            if (places[row].shard != shard) continue;
            sh_buffer_append(&part->params, places[row].begin, (size_t)(places[row].end - places[row].begin));
            part->row_numbers[part->row_count++] = row;
        }
    }
    return part->params.failed ? sh_fail_memory(err) : SH_OK;
}

static enum sh_status split_many(const struct params *params, const struct pair *rows, uint32_t row_count,
                                 const struct row_names *names, const struct router *router, struct sh_split *split,
                                 struct sh_error *err) {
    uint32_t own_counts[SH_SHARD_COUNT_MAX] = {0};
    enum sh_status status = names->are_ids ? check_ids(rows, row_count, err) : SH_OK;
    if (status != SH_OK) return status;
    struct row_place *places = sh_alloc(((size_t)row_count + 1) * sizeof *places);
    if (places == NULL) return sh_fail_memory(err);
    const int32_t field = sh_text_equal(rows->name, SH_TEXT_LITERAL("rows")) ? user_field(params, names->user) : -1;
    find_rows(rows, row_count, names, field, router, places);
    for (uint32_t i = 0; i < row_count; i++)
        own_counts[places[i].shard]++;
    for (uint32_t shard = 0; shard < router->shard_count && status == SH_OK; shard++) {
        /* Without any row one shard still says whether the request is right. */
        if (own_counts[shard] == 0 && !(row_count == 0 && shard == router->home)) continue;
        status = write_part(split, shard, params, rows, places, row_count, own_counts[shard], err);
    }
    sh_free(places);
    return status;
}

static enum sh_status split_rows(const struct sh_request *request, const struct router *router, struct sh_split *split,
                                 struct sh_error *err) {
    const struct row_names names = row_names_of(request->method);
    struct params params;
    enum sh_status status = read_pairs(request, &params, err);
    if (status != SH_OK) return status;
    const struct pair *one = find_pair(&params, names.one);
    const struct pair *rows = find_pair(&params, names.many);
    if (rows == NULL && !names.are_ids) rows = find_pair(&params, "rows");
    struct sh_cursor cursor;
    struct sh_value head = {.kind = SH_VALUE_NIL};
    if (rows != NULL) {
        sh_cursor_init(&cursor, rows->value, (size_t)(rows->end - rows->value));
        if ((status = sh_cursor_next(&cursor, &head, err)) != SH_OK) return status;
    }
    if (head.kind == SH_VALUE_ARRAY && head.count <= SH_BATCH_ROW_COUNT_MAX)
        return split_many(&params, rows, head.count, &names, router, split, err);
    /* One row, or something that a shard will refuse. */
    uint32_t owner = router->home;
    if (one != NULL) {
        sh_cursor_init(&cursor, one->value, (size_t)(one->end - one->value));
        owner = names.are_ids ? owner_of(&cursor, router) : owner_by_key(one->value, one->end, names.user, router);
    }
    return add_copy(split, owner, request, err);
}

/* ---- Pages ---- */

static enum sh_status add_page(struct sh_split *split, uint32_t shard, struct sh_text token, uint64_t limit, bool close,
                               struct sh_error *err) {
    struct sh_part *part = add_part(split, shard);
    msgpack_packer packer;
    sh_buffer_packer(&part->params, &packer);
    (void)msgpack_pack_map(&packer, 3);
    sh_pack_literal(&packer, "cursor");
    sh_pack_text(&packer, token);
    sh_pack_literal(&packer, "limit");
    (void)msgpack_pack_uint64(&packer, limit);
    sh_pack_literal(&packer, "part_close");
    if (close)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    return part->params.failed ? sh_fail_memory(err) : SH_OK;
}

/* The next page of a frozen audience. With an order, every shard offers a page and the merge takes the first of all.
 * Without one, shard after shard is drained: the token says how many each has left, so only those whose turn it is are
 * asked for any. The others are asked for none, which keeps their part from being closed for resting. Which page is
 * the last is known here as well, and with it all shards close theirs. */
static enum sh_status split_page(struct sh_text text, int64_t limit, uint32_t shard_count, struct sh_split *split,
                                 struct sh_error *err) {
    struct sh_page_token token;
    enum sh_status status = sh_page_token_parse(text, shard_count, &token, err);
    if (status != SH_OK) return status;
    const bool is_last = sh_page_token_left(&token) <= (uint64_t)limit;
    uint64_t wanted = (uint64_t)limit;
    for (uint32_t i = 0; i < shard_count && status == SH_OK; i++) {
        const struct sh_page_place *shard = &token.shards[i];
        const uint64_t left = shard->count - shard->place;
        const uint64_t taken = left < wanted ? left : wanted;
        if (shard->count == 0) continue; /* it had nobody, and keeps nothing */
        status = add_page(split, i, text, taken, is_last, err);
        if (!token.is_ordered) wanted -= taken;
    }
    if (status != SH_OK || split->part_count > 0) return status;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cursor` is not one that this server gave");
}

static enum sh_status split_list(const struct sh_request *request, uint32_t shard_count, struct sh_split *split,
                                 bool *is_page, struct sh_error *err) {
    static const char *const words[] = {"cursor", "limit", "timeout_ms", "where", "now",
                                        "fields", "order", "desc",       "keep",  "for"};
    static const struct sh_param_names names = {words, 10, 0};
    struct sh_param params[10];
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    *is_page = sh_param_given(&params[0]);
    if (!*is_page) return SH_OK;
    for (uint32_t i = 3; i < 10; i++) {
        if (sh_param_given(&params[i]))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` was fixed when the cursor was made", words[i]);
    }
    struct sh_text token = {0};
    int64_t limit = SH_LIST_LIMIT_DEFAULT;
    if ((status = sh_param_text(&params[0], "cursor", &token, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[1], "limit", 0, SH_LIST_LIMIT_MAX, &limit, err)) != SH_OK) return status;
    return split_page(token, limit, shard_count, split, err);
}

static enum sh_status split(const struct sh_request *request, const struct router *router, struct sh_split *split,
                            struct sh_error *err) {
    enum sh_status status = SH_OK;
    bool is_page = false;
    switch (request->method->spread) {
    case SH_SPREAD_ONE:
        return add_copy(split, owner_by_key(request->params, request->params + request->params_count, "user", router),
                        request, err);
    case SH_SPREAD_ROWS:
        return split_rows(request, router, split, err);
    case SH_SPREAD_ALL:
        if (request->method->number == SH_METHOD_AUDIENCE_LIST || request->method->number == SH_METHOD_AUDIENCE_EXPORT)
            status = split_list(request, router->shard_count, split, &is_page, err);
        if (request->method->number == SH_METHOD_AUDIENCE_LOOKALIKE) {
            status = sh_lookalike_split(request, err);
            split->question_round = 1;
        }
        if (status != SH_OK || is_page) return status;
        break;
    case SH_SPREAD_EVERY:
        break;
    case SH_SPREAD_ANY:
        return add_copy(split, router->home, request, err);
    case SH_SPREAD_ROUNDS:
        return sh_rounds_begin(request, router->aliases, split, err);
    case SH_SPREAD_SESSION:
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "`%s` is answered by a server, not by the engine",
                       request->method->name);
    }
    for (uint32_t shard = 0; shard < router->shard_count && status == SH_OK; shard++)
        status = add_copy(split, shard, request, err);
    return status;
}

enum sh_status sh_request_split(const struct sh_request *request, struct sh_shard *home, struct sh_split *made,
                                struct sh_error *err) {
    const struct sh_shard_options *options = &home->options;
    struct router router = {.shard_count = options->shard_count, .home = options->shard_index};
    sh_assert(options->shard_count > 1);
    const struct sh_workspace *workspace = sh_workspace_find(home, request->workspace);
    if (workspace != NULL && !sh_aliases_are_none(&workspace->aliases)) router.aliases = &workspace->aliases;
    made->part_count = 0;
    made->shard_count = options->shard_count;
    made->kind = request->method->spread == SH_SPREAD_EVERY ? SH_PART_EVERY : SH_PART_OWN;
    made->rounds = NULL;
    made->question_round = 0;
    const enum sh_status status = split(request, &router, made, err);
    if (status != SH_OK) sh_split_free(made);
    return status;
}
