/* methods_tree.c -- tree.put, get, list and remove. */
#include "shard_private.h"

enum { TREE_NAME, TREE_NODES, TREE_OF, TREE_PARAM_COUNT };

static enum sh_status read_params(const struct sh_call *call, const char *const *words, uint32_t count,
                                  struct sh_param *params, struct sh_error *err) {
    const struct sh_param_names names = {words, count, 0};
    return sh_params_read(call->request->params, call->request->params_count, &names, params, NULL, err);
}

static enum sh_status read_name(const struct sh_param *param, struct sh_text *name, struct sh_error *err) {
    const enum sh_status status = sh_param_require(param, "name", err);
    return status != SH_OK ? status : sh_param_text(param, "name", name, err);
}

static void pack_bool(msgpack_packer *packer, const char *name, bool value) {
    sh_pack_literal(packer, name);
    if (value)
        (void)msgpack_pack_true(packer);
    else
        (void)msgpack_pack_false(packer);
}

/* ---- put ---- */

/* {name, parent?} */
static enum sh_status read_node(struct sh_cursor *cursor, struct sh_hierarchy_node *node, struct sh_error *err) {
    static const char *const words[] = {"name", "parent"};
    static const struct sh_param_names names = {words, 2, 0};
    const uint8_t *begin = cursor->at;
    struct sh_param params[2];
    enum sh_status status;
    *node = (struct sh_hierarchy_node){0};
    if ((status = sh_cursor_skip(cursor, NULL, err)) != SH_OK) return status;
    if ((status = sh_params_read(begin, (size_t)(cursor->at - begin), &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = read_name(&params[0], &node->name, err)) != SH_OK) return status;
    return sh_param_text(&params[1], "parent", &node->parent, err);
}

static enum sh_status read_nodes(struct sh_call *call, const struct sh_param *param, struct sh_hierarchy_spec *spec,
                                 struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status = sh_param_require(param, "nodes", err);
    if (status == SH_OK)
        status = sh_param_array(param, "nodes", SH_HIERARCHY_NODE_COUNT_MAX, &cursor, &spec->count, err);
    if (status != SH_OK) return status;
    struct sh_hierarchy_node *nodes = sh_arena_alloc(call->arena, ((size_t)spec->count + 1) * sizeof *nodes);
    if (nodes == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < spec->count && status == SH_OK; i++)
        status = read_node(&cursor, &nodes[i], err);
    spec->nodes = nodes;
    return status;
}

/* A name, or an array of names. */
static enum sh_status read_of(const struct sh_param *param, struct sh_text of[SH_HIERARCHY_OF_COUNT_MAX],
                              struct sh_hierarchy_spec *spec, struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_value_kind kind;
    enum sh_status status;
    spec->of = of;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    if ((status = sh_cursor_peek(&cursor, &kind, err)) != SH_OK) return status;
    if (kind != SH_VALUE_ARRAY) {
        spec->of_count = 1;
        return sh_param_text(param, "of", &of[0], err);
    }
    status = sh_param_array(param, "of", SH_HIERARCHY_OF_COUNT_MAX, &cursor, &spec->of_count, err);
    for (uint32_t i = 0; i < spec->of_count && status == SH_OK; i++)
        status = sh_cursor_text(&cursor, &of[i], "a name in `of`", err);
    return status;
}

/* What is saved must mean something under these trees too. */
static enum sh_status check_saved(struct sh_call *call, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    struct sh_query_scope scope;
    sh_workspace_scope(workspace, false, call->request->now_ms, &scope);
    enum sh_status status = sh_scores_fit(workspace->scores, &scope, call->arena, err);
    if (status == SH_OK) status = sh_catalogue_fit(&workspace->segments, &scope, call->arena, err);
    if (status == SH_OK) status = sh_rules_fit(&workspace->rules, &scope, call->arena, err);
    return status == SH_OK ? sh_referral_fit(workspace->referral, &scope, call->arena, err) : status;
}

/* What was bound, planned and counted with the trees there were is done anew. */
static void bind_anew(struct sh_call *call) {
    struct sh_workspace *workspace = call->workspace;
    workspace->segments.version++;
    sh_rules_bind_anew(&workspace->rules);
}

/* Before scores may move. */
static void let_fields_go(struct sh_call *call) {
    sh_jobs_finish(call->workspace);
    sh_cursors_close_derived(call->shard, call->workspace);
}

/* *made is taken over or destroyed. */
static enum sh_status put_made(struct sh_call *call, struct sh_hierarchy *made, bool *changed, struct sh_error *err) {
    struct sh_hierarchies *trees = &call->workspace->trees;
    const struct sh_hierarchy *known = sh_hierarchies_find(trees, made->name);
    *changed = known == NULL || !sh_hierarchies_are_equal(known, made);
    enum sh_status status = *changed ? sh_hierarchies_accept(trees, made, err) : SH_OK;
    if (status != SH_OK || !*changed) {
        sh_hierarchy_destroy(made);
        return status;
    }
    let_fields_go(call);
    struct sh_hierarchy *before = sh_hierarchies_exchange(trees, made);
    status = check_saved(call, err);
    if (status == SH_OK) {
        sh_hierarchy_destroy(before);
        bind_anew(call);
        return SH_OK;
    }
    struct sh_hierarchy *refused =
        before != NULL ? sh_hierarchies_exchange(trees, before) : sh_hierarchies_take(trees, made->name);
    sh_hierarchy_destroy(refused);
    return status;
}

enum sh_status sh_handle_tree_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[TREE_PARAM_COUNT] = {"name", "nodes", "of"};
    struct sh_text of[SH_HIERARCHY_OF_COUNT_MAX];
    struct sh_hierarchy_spec spec = {.changed_ms = call->request->now_ms};
    struct sh_param params[TREE_PARAM_COUNT];
    struct sh_hierarchy *made;
    msgpack_packer packer;
    bool changed;
    enum sh_status status;
    if ((status = read_params(call, words, TREE_PARAM_COUNT, params, err)) != SH_OK) return status;
    if ((status = read_name(&params[TREE_NAME], &spec.name, err)) != SH_OK) return status;
    if ((status = read_of(&params[TREE_OF], of, &spec, err)) != SH_OK) return status;
    if ((status = read_nodes(call, &params[TREE_NODES], &spec, err)) != SH_OK) return status;
    if ((status = sh_hierarchy_create(&spec, call->arena, &made, err)) != SH_OK) return status;
    const uint32_t depth = made->depth;
    if ((status = put_made(call, made, &changed, err)) != SH_OK) return status;
    sh_answer_begin(call, &packer, 3);
    pack_bool(&packer, "changed", changed);
    sh_pack_literal(&packer, "names");
    (void)msgpack_pack_uint32(&packer, spec.count);
    sh_pack_literal(&packer, "depth");
    (void)msgpack_pack_uint32(&packer, depth);
    return SH_OK;
}

/* ---- get, list, remove ---- */

enum { HEAD_PAIRS = 3 };

static void pack_head(const struct sh_hierarchy *tree, msgpack_packer *packer) {
    sh_pack_literal(packer, "name");
    sh_pack_text(packer, tree->name);
    sh_pack_literal(packer, "of");
    (void)msgpack_pack_array(packer, tree->of_count);
    for (uint32_t i = 0; i < tree->of_count; i++)
        sh_pack_text(packer, tree->of[i]);
    sh_pack_literal(packer, "changed_at");
    (void)msgpack_pack_int64(packer, tree->changed_ms);
}

enum sh_status sh_handle_tree_get(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    struct sh_text name = {0};
    msgpack_packer packer;
    enum sh_status status;
    if ((status = read_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = read_name(&params[0], &name, err)) != SH_OK) return status;
    const struct sh_hierarchy *tree = sh_hierarchies_find(&call->workspace->trees, name);
    if (tree == NULL) return sh_hierarchies_fail_unknown(&call->workspace->trees, name, err);
    sh_answer_begin(call, &packer, HEAD_PAIRS + 1);
    pack_head(tree, &packer);
    sh_pack_literal(&packer, "nodes");
    (void)msgpack_pack_array(&packer, tree->count);
    for (uint32_t place = 0; place < tree->count; place++) {
        const uint32_t parent = tree->parents[place];
        (void)msgpack_pack_map(&packer, 1u + (parent != SH_HIERARCHY_NONE));
        sh_pack_literal(&packer, "name");
        sh_pack_text(&packer, tree->names[place]);
        if (parent == SH_HIERARCHY_NONE) continue;
        sh_pack_literal(&packer, "parent");
        sh_pack_text(&packer, tree->names[parent]);
    }
    return SH_OK;
}

enum sh_status sh_handle_tree_list(struct sh_call *call, struct sh_error *err) {
    const struct sh_hierarchies *trees = &call->workspace->trees;
    struct sh_param none[1];
    msgpack_packer packer;
    const enum sh_status status = read_params(call, NULL, 0, none, err);
    if (status != SH_OK) return status;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "trees");
    (void)msgpack_pack_array(&packer, trees->count);
    for (uint32_t i = 0; i < trees->count; i++) {
        (void)msgpack_pack_map(&packer, HEAD_PAIRS + 2);
        pack_head(trees->list[i], &packer);
        sh_pack_literal(&packer, "names");
        (void)msgpack_pack_uint32(&packer, trees->list[i]->count);
        sh_pack_literal(&packer, "depth");
        (void)msgpack_pack_uint32(&packer, trees->list[i]->depth);
    }
    return SH_OK;
}

enum sh_status sh_handle_tree_remove(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_hierarchies *trees = &call->workspace->trees;
    struct sh_param params[1];
    struct sh_text name = {0};
    msgpack_packer packer;
    enum sh_status status;
    if ((status = read_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = read_name(&params[0], &name, err)) != SH_OK) return status;
    if (sh_hierarchies_find(trees, name) != NULL) let_fields_go(call);
    struct sh_hierarchy *taken = sh_hierarchies_take(trees, name);
    if (taken != NULL && (status = check_saved(call, err)) != SH_OK) {
        (void)sh_hierarchies_exchange(trees, taken);
        return status;
    }
    if (taken != NULL) bind_anew(call);
    sh_hierarchy_destroy(taken);
    sh_answer_begin(call, &packer, 1);
    pack_bool(&packer, "removed", taken != NULL);
    return SH_OK;
}
