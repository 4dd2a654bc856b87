/* methods_referral.c -- referral.put, get and refresh.
 *
 * A refresh is a write that every shard does: it counts its own users by their inviters, adds what its own inviters
 * have, and leaves the rest to its siblings, who hear it through shard.learn before the refresh is answered. Numbers
 * are in force in a shard once it has heard all.
 */
#include "memory.h"
#include "query_form.h"
#include "shard_private.h"

enum { REFERRAL_INVITER, REFERRAL_COUNTS, REFERRAL_PARAM_COUNT };

/* ---- put ---- */

static enum sh_status read_inviter(const struct sh_call *call, const struct sh_param *param,
                                   struct sh_referral_plan *plan, struct sh_error *err) {
    const struct sh_table *users = call->workspace->users;
    struct sh_text name = {0};
    struct sh_nearest search;
    enum sh_status status;
    if ((status = sh_param_require(param, "inviter", err)) != SH_OK) return status;
    if ((status = sh_param_text(param, "inviter", &name, err)) != SH_OK) return status;
    const int32_t found = sh_table_find_attribute(users, name);
    plan->attribute = (uint32_t)found;
    if (found >= 0 && sh_table_attribute(users, plan->attribute)->type == SH_TYPE_STRING) return SH_OK;
    if (found >= 0)
        return sh_fail(err, SH_ERR_TYPE, -1,
                       "`inviter` is a string attribute of users, with the inviter's id; `%.*s` is %s",
                       SH_TEXT_ARGS(name), sh_type_name(sh_table_attribute(users, plan->attribute)->type));
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < sh_table_attribute_count(users); i++)
        sh_nearest_offer(&search, sh_table_attribute(users, i)->name);
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "users have no attribute `%.*s`",
                           (int)(name.count < 80 ? name.count : 80), name.bytes);
}

static enum sh_status check_name(const struct sh_referral_plan *plan, struct sh_text name, struct sh_error *err) {
    bool fits = name.count >= 1 && name.count <= SH_NAME_BYTES_MAX;
    for (uint32_t i = 0; fits && i < name.count; i++)
        fits = (name.bytes[i] >= 'a' && name.bytes[i] <= 'z') || name.bytes[i] == '_';
    if (!fits)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name of a count is 1 to %d letters a to z and _",
                       SH_NAME_BYTES_MAX);
    bool is_taken = sh_text_equal(name, SH_TEXT_LITERAL("users"));
    for (uint32_t i = 0; i < plan->condition_count; i++)
        is_taken = is_taken || sh_text_equal(plan->conditions[i].name, name);
    if (is_taken) return sh_fail(err, SH_ERR_ARGUMENT, -1, "there are two counts `%.*s`", SH_TEXT_ARGS(name));
    return SH_OK;
}

/* {name, where}: the expression as it was written, in canonical form, and right under the schema. */
static enum sh_status read_condition(struct sh_call *call, const struct sh_query_scope *scope, struct sh_cursor *cursor,
                                     struct sh_referral_plan *plan, struct sh_error *err) {
    static const char *const words[] = {"name", "where"};
    static const struct sh_param_names names = {words, 2, 0};
    struct sh_referral_condition *condition = &plan->conditions[plan->condition_count];
    struct sh_buffer *scratch = &call->shard->scratch;
    const uint8_t *begin = cursor->at;
    struct sh_param params[2];
    struct sh_node *tree;
    enum sh_status status;
    if ((status = sh_cursor_skip(cursor, NULL, err)) != SH_OK) return status;
    if ((status = sh_params_read(begin, (size_t)(cursor->at - begin), &names, params, NULL, err)) != SH_OK)
        return status;
    for (uint32_t i = 0; i < 2; i++)
        if ((status = sh_param_require(&params[i], words[i], err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[0], "name", &condition->name, err)) != SH_OK) return status;
    if ((status = check_name(plan, condition->name, err)) != SH_OK) return status;
    struct sh_cursor where;
    sh_param_cursor(&params[1], &where);
    if ((status = sh_query_read(&where, call->arena, &tree, err)) != SH_OK) return status;
    sh_buffer_clear(scratch);
    sh_query_print(tree, scratch);
    if ((status = sh_buffer_status(scratch, err)) != SH_OK) return status;
    char *text = sh_arena_copy(call->arena, scratch->bytes, scratch->count);
    if (text == NULL) return sh_fail_memory(err);
    condition->where = (struct sh_text){text, (uint32_t)scratch->count};
    plan->condition_count++;
    return sh_query_check(&tree, scope, call->arena, err);
}

static enum sh_status read_plan(struct sh_call *call, const struct sh_param *params, struct sh_referral_plan *plan,
                                struct sh_error *err) {
    struct sh_query_scope scope;
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status;
    *plan = (struct sh_referral_plan){0};
    if ((status = read_inviter(call, &params[REFERRAL_INVITER], plan, err)) != SH_OK) return status;
    sh_workspace_scope(call->workspace, false, call->request->now_ms, &scope);
    status = sh_param_array(&params[REFERRAL_COUNTS], "counts", SH_REFERRAL_CONDITION_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = read_condition(call, &scope, &cursor, plan, err);
    return status;
}

enum sh_status sh_handle_referral_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[REFERRAL_PARAM_COUNT] = {"inviter", "counts"};
    struct sh_workspace *workspace = call->workspace;
    struct sh_param params[REFERRAL_PARAM_COUNT];
    struct sh_referral_plan plan;
    msgpack_packer packer;
    enum sh_status status;
    if ((status = sh_call_params(call, words, REFERRAL_PARAM_COUNT, params, err)) != SH_OK) return status;
    if ((status = read_plan(call, params, &plan, err)) != SH_OK) return status;
    const struct sh_referral_plan *before = sh_referral_plan(workspace->referral);
    const bool changed = before == NULL || !sh_referral_plans_are_equal(before, &plan);
    if (changed) {
        sh_jobs_finish(workspace); /* they were planned for the fields there were */
        sh_cursors_close_derived(call->shard, workspace);
        status = sh_referral_configure(workspace->referral, &plan, err);
        sh_scores_relist(workspace->scores);
        if (status != SH_OK) return status;
    }
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "changed");
    if (changed)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    return SH_OK;
}

enum sh_status sh_referral_fit(const struct sh_referral *referral, const struct sh_query_scope *scope,
                               struct sh_arena *arena, struct sh_error *err) {
    const struct sh_referral_plan *plan = sh_referral_plan(referral);
    for (uint32_t i = 0; plan != NULL && i < plan->condition_count; i++) {
        struct sh_error inner = {.status = SH_OK};
        struct sh_node *tree;
        enum sh_status status = sh_query_parse(plan->conditions[i].where, arena, &tree, &inner);
        if (status == SH_OK) status = sh_query_check(&tree, scope, arena, &inner);
        if (status == SH_ERR_MEMORY) return sh_fail_memory(err);
        if (status != SH_OK)
            return sh_fail(err, SH_ERR_CONFLICT, -1, "the count '%.*s' of invitations would not be right any more: %s",
                           SH_TEXT_ARGS(plan->conditions[i].name), inner.message);
    }
    return SH_OK;
}

/* ---- get ---- */

static enum sh_status require_plan(const struct sh_workspace *workspace, const struct sh_referral_plan **plan,
                                   struct sh_error *err) {
    *plan = sh_referral_plan(workspace->referral);
    if (*plan != NULL) return SH_OK;
    (void)sh_fail(err, SH_ERR_NOT_FOUND, -1, "nothing says yet who has invited whom");
    return sh_fail_hint(err, SH_ERR_NOT_FOUND, "referral.put names the attribute that does");
}

enum sh_status sh_handle_referral_get(struct sh_call *call, struct sh_error *err) {
    const struct sh_workspace *workspace = call->workspace;
    const struct sh_referral_plan *plan;
    struct sh_param none[1];
    msgpack_packer packer;
    int64_t now_ms;
    enum sh_status status;
    if ((status = sh_call_params(call, NULL, 0, none, err)) != SH_OK) return status;
    if ((status = require_plan(workspace, &plan, err)) != SH_OK) return status;
    sh_answer_begin(call, &packer, 3);
    sh_pack_literal(&packer, "inviter");
    sh_pack_text(&packer, sh_table_attribute(workspace->users, plan->attribute)->name);
    sh_pack_literal(&packer, "counts");
    (void)msgpack_pack_array(&packer, plan->condition_count);
    for (uint32_t i = 0; i < plan->condition_count; i++) {
        (void)msgpack_pack_map(&packer, 2);
        sh_pack_literal(&packer, "name");
        sh_pack_text(&packer, plan->conditions[i].name);
        sh_pack_literal(&packer, "where");
        sh_pack_text(&packer, plan->conditions[i].where);
    }
    sh_pack_literal(&packer, "refreshed");
    if (sh_referral_refreshed(workspace->referral, &now_ms))
        (void)msgpack_pack_int64(&packer, now_ms);
    else
        (void)msgpack_pack_nil(&packer);
    return SH_OK;
}

/* ---- refresh ---- */

static struct sh_text resolve(const void *owner, struct sh_text id) {
    return sh_aliases_resolve(&((const struct sh_workspace *)owner)->aliases, id);
}

static enum sh_status mark_all(struct sh_call *call, const struct sh_query_scope *scope,
                               const struct sh_referral_plan *plan, struct sh_referral_tally *tally,
                               struct sh_error *err) {
    for (uint32_t i = 0; i < plan->condition_count; i++) {
        struct sh_node *tree;
        struct sh_plan *query;
        enum sh_status status = sh_query_parse(plan->conditions[i].where, call->arena, &tree, err);
        if (status == SH_OK) status = sh_query_check(&tree, scope, call->arena, err);
        if (status == SH_OK) status = sh_query_plan(tree, scope, call->arena, &query, err);
        if (status != SH_OK) return status;
        for (uint32_t block = 0; block < sh_plan_block_count(query); block++) {
            const uint64_t *words;
            uint32_t count;
            if ((status = sh_plan_run_block(query, block, &words, &count, err)) != SH_OK) return status;
            if (count > 0) sh_referral_tally_mark(tally, i, block, words);
        }
    }
    return SH_OK;
}

static bool is_own(const struct sh_workspace *workspace, struct sh_text id) {
    const struct sh_shard_options *options = &workspace->options;
    return options->shard_count == 1 || sh_shard_of_user(id, options->shard_count) == options->shard_index;
}

/* Somebody of this shard, who may be nobody yet. */
static enum sh_status add_own(struct sh_workspace *workspace, uint64_t id, int64_t now_ms, struct sh_text inviter,
                              const uint32_t *counts, int32_t sign, struct sh_error *err) {
    const uint32_t slot = sh_table_find(workspace->users, inviter);
    if (slot == SH_SLOT_NONE) return SH_OK;
    return sh_referral_add(workspace->referral, id, now_ms, slot, counts, sign, err);
}

static void pack_numbers(const uint32_t *counts, uint32_t width, msgpack_packer *packer) {
    (void)msgpack_pack_array(packer, width);
    for (uint32_t i = 0; i < width; i++)
        (void)msgpack_pack_uint32(packer, counts[i]);
}

static enum sh_status share_out(struct sh_call *call, int64_t now_ms, const struct sh_referral_tally *tally,
                                uint32_t width, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    const uint32_t count = sh_referral_tally_inviters(tally);
    const uint64_t id = call->request->id;
    struct sh_text inviter;
    msgpack_packer packer;
    uint32_t away_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *counts = sh_referral_tally_at(tally, i, &inviter);
        if (!is_own(workspace, inviter)) {
            away_count++;
            continue;
        }
        const enum sh_status status = add_own(workspace, id, now_ms, inviter, counts, 1, err);
        if (status != SH_OK) return status;
    }
    if (!sh_answer_is_part(call->shard)) return SH_OK;
    sh_buffer_packer(call->answer->effects, &packer);
    (void)msgpack_pack_map(&packer, 1);
    sh_pack_literal(&packer, "referral");
    (void)msgpack_pack_array(&packer, 4);
    (void)msgpack_pack_int64(&packer, (int64_t)id);
    (void)msgpack_pack_int64(&packer, now_ms);
    (void)msgpack_pack_int64(&packer, (int64_t)sh_referral_plan_hash(workspace->referral));
    (void)msgpack_pack_array(&packer, 2 * (size_t)away_count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t *counts = sh_referral_tally_at(tally, i, &inviter);
        if (is_own(workspace, inviter)) continue;
        sh_pack_text(&packer, inviter);
        pack_numbers(counts, width, &packer);
    }
    return SH_OK;
}

enum sh_status sh_handle_referral_refresh(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"now"};
    struct sh_workspace *workspace = call->workspace;
    const struct sh_referral_plan *plan;
    struct sh_query_scope scope;
    struct sh_param params[1];
    msgpack_packer packer;
    int64_t now_ms;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = require_plan(workspace, &plan, err)) != SH_OK) return status;
    if ((status = sh_read_now(&params[0], call, &now_ms, err)) != SH_OK) return status;
    struct sh_referral_tally *tally = sh_referral_tally_create(workspace->referral);
    if (tally == NULL) return sh_fail_memory(err);
    const struct sh_referral_names names = {resolve, workspace};
    sh_workspace_scope(workspace, false, now_ms, &scope);
    status = mark_all(call, &scope, plan, tally, err);
    if (status == SH_OK) status = sh_referral_tally_count(tally, &names, err);
    if (status == SH_OK) status = share_out(call, now_ms, tally, 1 + plan->condition_count, err);
    if (status != SH_OK) {
        sh_referral_tally_destroy(tally);
        return status;
    }
    sh_referral_counted(workspace->referral, call->request->id, now_ms, tally);
    sh_referral_hear(workspace->referral, call->request->id, now_ms, workspace->options.shard_count);
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "now");
    (void)msgpack_pack_int64(&packer, now_ms);
    return SH_OK;
}

/* ---- What siblings tell ---- */

/* Numbers for one inviter, of a plan as wide as ours. */
static enum sh_status read_numbers(struct sh_cursor *cursor, uint32_t width, uint32_t *counts, struct sh_error *err) {
    uint32_t count;
    enum sh_status status = sh_cursor_array(cursor, &count, "numbers of invitations", err);
    if (status != SH_OK) return status;
    if (count != width) return sh_fail(err, SH_ERR_ARGUMENT, -1, "an inviter has %u numbers, not %u", width, count);
    for (uint32_t i = 0; i < width; i++) {
        int64_t value;
        if ((status = sh_cursor_integer(cursor, 0, UINT32_MAX, &value, "a number", err)) != SH_OK) return status;
        counts[i] = (uint32_t)value;
    }
    return SH_OK;
}

static enum sh_status read_refresh(struct sh_cursor *cursor, uint64_t *id, int64_t *now_ms, struct sh_error *err) {
    int64_t number;
    const enum sh_status status = sh_cursor_integer(cursor, INT64_MIN, INT64_MAX, &number, "an id", err);
    if (status != SH_OK) return status;
    *id = (uint64_t)number;
    return sh_cursor_integer(cursor, SH_INSTANT_MIN, SH_INSTANT_MAX, now_ms, "a time", err);
}

static enum sh_status read_inviter_numbers(struct sh_call *call, struct sh_cursor *cursor, uint64_t id, int64_t now_ms,
                                           int32_t sign, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    const struct sh_referral_plan *plan = sh_referral_plan(workspace->referral);
    uint32_t counts[SH_REFERRAL_COUNT_MAX];
    struct sh_id_reader inviter;
    enum sh_status status = sh_id_read(&inviter, cursor, "an inviter", err);
    if (status == SH_OK) status = read_numbers(cursor, 1 + plan->condition_count, counts, err);
    if (status != SH_OK || !is_own(workspace, inviter.text)) return status;
    return add_own(workspace, id, now_ms, inviter.text, counts, sign, err);
}

enum sh_status sh_referral_learn_part(struct sh_call *call, const struct sh_param *param, struct sh_error *err) {
    struct sh_referral *referral = call->workspace->referral;
    struct sh_cursor cursor;
    uint32_t count;
    uint64_t id;
    int64_t now_ms, hash;
    enum sh_status status;
    if ((status = sh_param_array(param, "referral", 4, &cursor, &count, err)) != SH_OK) return status;
    if (count != 4) return sh_fail(err, SH_ERR_ARGUMENT, -1, "what referral learns is [id, now, plan, numbers]");
    if ((status = read_refresh(&cursor, &id, &now_ms, err)) != SH_OK) return status;
    if ((status = sh_cursor_integer(&cursor, INT64_MIN, INT64_MAX, &hash, "a plan", err)) != SH_OK) return status;
    if (sh_referral_plan(referral) == NULL || (uint64_t)hash != sh_referral_plan_hash(referral)) return SH_OK;
    if ((status = sh_cursor_array(&cursor, &count, "inviters", err)) != SH_OK) return status;
    for (uint32_t i = 0; i < count / 2 && status == SH_OK; i++)
        status = read_inviter_numbers(call, &cursor, id, now_ms, 1, err);
    if (status == SH_OK) sh_referral_hear(referral, id, now_ms, call->shard->options.shard_count);
    return status;
}

/* ---- Forgetting somebody who was invited ---- */

enum sh_status sh_referral_uninvite(struct sh_workspace *workspace, uint32_t slot, struct sh_buffer *told,
                                    uint32_t *told_count, struct sh_error *err) {
    struct sh_referral_counted_for found[1 + SH_REFERRAL_PENDING_MAX];
    const struct sh_referral_plan *plan = sh_referral_plan(workspace->referral);
    const uint32_t count = plan == NULL ? 0 : sh_referral_counted_in(workspace->referral, slot, found);
    for (uint32_t i = 0; i < count; i++) {
        const struct sh_referral_counted_for *entry = &found[i];
        if (is_own(workspace, entry->inviter)) {
            const enum sh_status status =
                add_own(workspace, entry->id, entry->now_ms, entry->inviter, entry->counts, -1, err);
            if (status != SH_OK) return status;
            continue;
        }
        msgpack_packer packer;
        sh_buffer_packer(told, &packer);
        (void)msgpack_pack_array(&packer, 5);
        (void)msgpack_pack_int64(&packer, (int64_t)entry->id);
        (void)msgpack_pack_int64(&packer, entry->now_ms);
        (void)msgpack_pack_int64(&packer, (int64_t)sh_referral_plan_hash(workspace->referral));
        sh_pack_text(&packer, entry->inviter);
        pack_numbers(entry->counts, 1 + plan->condition_count, &packer);
        ++*told_count;
    }
    return SH_OK;
}

enum sh_status sh_referral_learn_forgotten(struct sh_call *call, const struct sh_param *param, struct sh_error *err) {
    struct sh_referral *referral = call->workspace->referral;
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "uninvited", UINT32_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        uint32_t pair_count;
        uint64_t id;
        int64_t now_ms, hash;
        if ((status = sh_cursor_array(&cursor, &pair_count, "somebody invited", err)) != SH_OK) return status;
        if (pair_count != 5) return sh_fail(err, SH_ERR_ARGUMENT, -1, "somebody invited is 5 values");
        if ((status = read_refresh(&cursor, &id, &now_ms, err)) != SH_OK) return status;
        if ((status = sh_cursor_integer(&cursor, INT64_MIN, INT64_MAX, &hash, "a plan", err)) != SH_OK) return status;
        if (sh_referral_plan(referral) == NULL || (uint64_t)hash != sh_referral_plan_hash(referral)) {
            for (uint32_t skipped = 0; skipped < 2 && status == SH_OK; skipped++)
                status = sh_cursor_skip(&cursor, NULL, err);
            continue;
        }
        status = read_inviter_numbers(call, &cursor, id, now_ms, -1, err);
    }
    return status;
}
