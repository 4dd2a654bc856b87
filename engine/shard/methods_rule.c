/* methods_rule.c -- rule.put, get, list and remove. */
#include "event_clause.h"
#include "memory.h"
#include "shard_private.h"

enum { RULE_NAME, RULE_ON, RULE_TAG_SET, RULE_TAG, RULE_TTL_DAYS, RULE_NOTE, RULE_PAST, RULE_PARAM_COUNT };

static enum sh_status read_name(const struct sh_param *param, struct sh_text *name, struct sh_error *err) {
    const enum sh_status status = sh_param_needed_text(param, "name", name, err);
    if (status != SH_OK) return status;
    if (name->count == 0 || name->count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(*name))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a rule's name is 1 to %d bytes of UTF-8", SH_NAME_BYTES_MAX);
    return SH_OK;
}

/* ---- put ---- */

static enum sh_status read_on(struct sh_call *call, const struct sh_query_scope *scope, const struct sh_param *param,
                              struct sh_rule *rule, struct sh_error *err) {
    struct sh_buffer *scratch = &call->shard->scratch;
    struct sh_text written = {0};
    struct sh_node *tree;
    enum sh_status status;
    if ((status = sh_param_require(param, "on", err)) != SH_OK) return status;
    if ((status = sh_param_text(param, "on", &written, err)) != SH_OK) return status;
    if ((status = sh_event_clause_read(written, "on", NULL, call->arena, &tree, err)) != SH_OK) return status;
    sh_buffer_clear(scratch);
    sh_event_clause_print(tree, scratch);
    if ((status = sh_buffer_status(scratch, err)) != SH_OK) return status;
    rule->on = (struct sh_text){(const char *)scratch->bytes, (uint32_t)scratch->count};
    if ((status = sh_event_clause_read(written, "on", scope, call->arena, &tree, err)) != SH_OK) return status;
    rule->event_type = tree->operand.event_type;
    return SH_OK;
}

static enum sh_status read_tag(const struct sh_call *call, const struct sh_param *params, struct sh_rule *rule,
                               struct sh_error *err) {
    const struct sh_table *users = call->workspace->users;
    struct sh_text set_name = {0};
    enum sh_status status;
    if ((status = sh_param_require(&params[RULE_TAG_SET], "tag_set", err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[RULE_TAG_SET], "tag_set", &set_name, err)) != SH_OK) return status;
    const int32_t set = sh_table_find_tag_set(users, set_name);
    if (set < 0) {
        struct sh_nearest search;
        sh_nearest_init(&search, set_name);
        for (uint32_t i = 0; i < sh_table_tag_set_count(users); i++)
            sh_nearest_offer(&search, sh_table_tag_set_name(users, i));
        return sh_fail_unknown(err, SH_ERR_NAME, &search, "users have no tag set `%.*s`",
                               (int)(set_name.count < 80 ? set_name.count : 80), set_name.bytes);
    }
    rule->tag_set = (uint32_t)set;
    if ((status = sh_param_require(&params[RULE_TAG], "tag", err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[RULE_TAG], "tag", &rule->tag, err)) != SH_OK) return status;
    if (rule->tag.count == 0 || rule->tag.count > SH_STRING_BYTES_MAX || !sh_text_is_utf8(rule->tag))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a tag is 1 to %d bytes of UTF-8", SH_STRING_BYTES_MAX);
    return SH_OK;
}

static enum sh_status read_rule(struct sh_call *call, const struct sh_query_scope *scope, const struct sh_param *params,
                                struct sh_rule *rule, struct sh_error *err) {
    int64_t days = 0;
    enum sh_status status;
    *rule = (struct sh_rule){.changed_ms = call->request->now_ms};
    if ((status = read_name(&params[RULE_NAME], &rule->name, err)) != SH_OK) return status;
    if ((status = read_on(call, scope, &params[RULE_ON], rule, err)) != SH_OK) return status;
    if ((status = read_tag(call, params, rule, err)) != SH_OK) return status;
    status = sh_param_integer(&params[RULE_TTL_DAYS], "ttl_days", 1, SH_TTL_DAYS_MAX, &days, err);
    if (status != SH_OK) return status;
    rule->ttl_ms = days * SH_DAY_MS;
    if ((status = sh_param_text(&params[RULE_NOTE], "note", &rule->note, err)) != SH_OK) return status;
    if (rule->note.count > SH_NOTE_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a note has at most %d bytes", SH_NOTE_BYTES_MAX);
    return SH_OK;
}

enum sh_status sh_handle_rule_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[RULE_PARAM_COUNT] = {"name", "on", "tag_set", "tag", "ttl_days", "note", "past"};
    struct sh_workspace *workspace = call->workspace;
    struct sh_param params[RULE_PARAM_COUNT];
    struct sh_query_scope scope;
    struct sh_rule rule;
    bool past = false;
    bool changed;
    enum sh_status status;
    sh_workspace_scope(workspace, false, call->request->now_ms, &scope);
    if ((status = sh_call_params(call, words, RULE_PARAM_COUNT, params, err)) != SH_OK) return status;
    if ((status = read_rule(call, &scope, params, &rule, err)) != SH_OK) return status;
    if ((status = sh_param_boolean(&params[RULE_PAST], "past", &past, err)) != SH_OK) return status;
    if ((status = sh_rules_put(&workspace->rules, &rule, &changed, err)) != SH_OK) return status;
    if (past) {
        const struct sh_rules_target target = {&scope, workspace->users, call->arena};
        struct sh_rule *known = sh_rules_find(&workspace->rules, rule.name);
        if ((status = sh_rules_apply_past(&workspace->rules, known, &target, err)) != SH_OK) return status;
    }
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "changed", changed);
    return SH_OK;
}

/* ---- get, list, remove ---- */

static uint32_t rule_pairs(const struct sh_rule *rule) {
    return 5u + (rule->ttl_ms > 0) + (rule->note.count > 0);
}

static void pack_rule(const struct sh_call *call, const struct sh_rule *rule, msgpack_packer *packer) {
    sh_pack_literal(packer, "name");
    sh_pack_text(packer, rule->name);
    sh_pack_literal(packer, "on");
    sh_pack_text(packer, rule->on);
    sh_pack_literal(packer, "tag_set");
    sh_pack_text(packer, sh_table_tag_set_name(call->workspace->users, rule->tag_set));
    sh_pack_literal(packer, "tag");
    sh_pack_text(packer, rule->tag);
    if (rule->ttl_ms > 0) {
        sh_pack_literal(packer, "ttl_days");
        (void)msgpack_pack_int64(packer, rule->ttl_ms / SH_DAY_MS);
    }
    if (rule->note.count > 0) {
        sh_pack_literal(packer, "note");
        sh_pack_text(packer, rule->note);
    }
    sh_pack_literal(packer, "changed_at");
    (void)msgpack_pack_int64(packer, rule->changed_ms);
}

enum sh_status sh_handle_rule_get(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    struct sh_text name;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = read_name(&params[0], &name, err)) != SH_OK) return status;
    const struct sh_rule *rule = sh_rules_find(&call->workspace->rules, name);
    if (rule == NULL) return sh_rules_fail_unknown(&call->workspace->rules, name, err);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, rule_pairs(rule));
    pack_rule(call, rule, &packer);
    return SH_OK;
}

enum sh_status sh_handle_rule_list(struct sh_call *call, struct sh_error *err) {
    const struct sh_rules *rules = &call->workspace->rules;
    struct sh_param none[1];
    const enum sh_status status = sh_call_params(call, NULL, 0, none, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "rules");
    (void)msgpack_pack_array(&packer, rules->count);
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct sh_rule *rule = rules->list[i];
        (void)msgpack_pack_map(&packer, rule_pairs(rule) + 1);
        pack_rule(call, rule, &packer);
        sh_pack_literal(&packer, "given");
        (void)msgpack_pack_uint64(&packer, rule->given);
    }
    return SH_OK;
}

enum sh_status sh_handle_rule_remove(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    struct sh_text name;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = read_name(&params[0], &name, err)) != SH_OK) return status;
    const bool removed = sh_rules_remove(&call->workspace->rules, name);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "removed", removed);
    return SH_OK;
}
