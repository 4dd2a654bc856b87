/* feed_ask_targets.c -- items that are for some people only, and whether who asks is one of them. */
#include "catalogue.h"
#include "feed_ask.h"
#include "segment_cache.h"

/* ---- Who asks ---- */

/* Who is in the saved segment; *plan is NULL if it is not there, and then nobody is in it. */
static enum sh_status plan_segment(struct sh_feed_ask *ask, struct sh_text name, struct sh_arena *arena,
                                   struct sh_plan **plan, struct sh_error *err) {
    struct sh_workspace *workspace = ask->call->workspace;
    struct sh_segment *segment = sh_catalogue_find(&workspace->segments, name);
    struct sh_query_scope scope;
    *plan = NULL;
    if (segment == NULL) return SH_OK;
    sh_workspace_scope(workspace, false, ask->request.now_ms, &scope);
    sh_segment_cache_refresh(workspace);
    return sh_segment_plan(workspace, segment, &scope, arena, plan, err);
}

static enum sh_status user_matches(const struct sh_feed_ask *ask, struct sh_plan *users, bool *matches,
                                   struct sh_error *err) {
    *matches = false;
    if (users == NULL || ask->request.user == SH_SLOT_NONE) return SH_OK;
    return sh_plan_test(users, ask->request.user, matches, err);
}

static enum sh_status user_in_segment(struct sh_feed_ask *ask, struct sh_text name, bool *is_in, struct sh_error *err) {
    struct sh_plan *plan;
    const enum sh_status status = plan_segment(ask, name, ask->call->arena, &plan, err);
    return status == SH_OK ? user_matches(ask, plan, is_in, err) : status;
}

enum sh_status sh_feed_target_open(struct sh_feed_ask *ask, struct sh_feed_gate *gate, struct sh_error *err) {
    gate->is_open = false;
    if (gate->plan == NULL) return sh_feed_gate_fill(ask, gate, user_in_segment, err);
    if (gate->users == NULL && ask->request.user != SH_SLOT_NONE) {
        const enum sh_status status = plan_segment(ask, gate->segment, ask->shared, &gate->users, err);
        if (status != SH_OK) return status;
    }
    return user_matches(ask, gate->users, &gate->is_open, err);
}

/* ---- What a scene says ---- */

/* {where, segment} or {where, users} or {tag_set} */
enum { WHERE, SEGMENT, USERS, TAG_SET, TARGET_WORD_COUNT };

/* Items whose tags of the set are names of segments. */
static enum sh_status find_tag_set(const struct sh_feed_ask *ask, struct sh_text name, uint32_t *tag_set,
                                   struct sh_error *err) {
    const int32_t set = sh_table_find_tag_set(ask->call->workspace->items, name);
    if (set < 0)
        return sh_fail(err, SH_ERR_NAME, -1, "items have no tag set `%.*s`", (int)(name.count < 80 ? name.count : 80),
                       name.bytes);
    *tag_set = (uint32_t)set;
    return SH_OK;
}

static enum sh_status read_target(struct sh_feed_ask *ask, const uint8_t *begin, const uint8_t *end, bool *by_tags,
                                  struct sh_error *err) {
    static const char *const words[TARGET_WORD_COUNT] = {"where", "segment", "users", "tag_set"};
    static const struct sh_param_names names = {words, TARGET_WORD_COUNT, 0};
    struct sh_param params[TARGET_WORD_COUNT];
    enum sh_status status = sh_params_read(begin, (size_t)(end - begin), &names, params, NULL, err);
    if (status != SH_OK) return status;
    const bool is_by_tags = sh_param_given(&params[TAG_SET]);
    const bool has_segment = sh_param_given(&params[SEGMENT]);
    if (is_by_tags ? has_segment || sh_param_given(&params[WHERE]) || *by_tags
                   : has_segment == sh_param_given(&params[USERS]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "a target is {where, segment} or {where, users}, or, once, {tag_set} alone");
    *by_tags = *by_tags || is_by_tags;
    struct sh_text name = {0};
    status = sh_param_text(&params[is_by_tags ? TAG_SET : SEGMENT], "a target's name", &name, err);
    if (status != SH_OK) return status;
    struct sh_feed_gate *gate = sh_feed_ask_add_gate(ask, "target");
    gate->is_target = true;
    gate->segment = name;
    if (is_by_tags) return find_tag_set(ask, name, &gate->tag_set, err);
    gate->hides = true;
    if ((status = sh_param_require(&params[WHERE], "where", err)) != SH_OK) return status;
    if (!has_segment && (status = sh_feed_ask_plan(ask, &params[USERS], false, &gate->users, err)) != SH_OK)
        return status;
    return sh_feed_ask_plan(ask, &params[WHERE], true, &gate->plan, err);
}

enum sh_status sh_feed_ask_read_targets(struct sh_feed_ask *ask, const struct sh_param *targets, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    bool by_tags = false;
    enum sh_status status = sh_param_array(targets, "targets", SH_FEED_TARGET_COUNT_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        const uint8_t *begin = cursor.at;
        if ((status = sh_cursor_skip(&cursor, NULL, err)) == SH_OK)
            status = read_target(ask, begin, cursor.at, &by_tags, err);
    }
    return status;
}
