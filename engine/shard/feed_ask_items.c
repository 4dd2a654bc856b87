/* feed_ask_items.c -- which items may be shown: the gates, and the set behind them. */
#include "catalogue.h"
#include "feed_ask.h"
#include "segment_cache.h"

/* ---- Expressions over items ---- */

static void item_scope(const struct sh_feed_ask *ask, struct sh_query_scope *scope) {
    sh_workspace_scope(ask->call->workspace, true, ask->request.now_ms, scope);
}

static enum sh_status plan_text(const struct sh_feed_ask *ask, struct sh_text text, struct sh_plan **plan,
                                struct sh_error *err) {
    struct sh_query_scope scope;
    struct sh_node *tree;
    enum sh_status status;
    item_scope(ask, &scope);
    if ((status = sh_query_parse(text, ask->call->arena, &tree, err)) != SH_OK) return status;
    if ((status = sh_query_check(&tree, &scope, ask->call->arena, err)) != SH_OK) return status;
    return sh_query_plan(tree, &scope, ask->call->arena, plan, err);
}

static enum sh_status plan_of_param(const struct sh_feed_ask *ask, const struct sh_param *param, struct sh_plan **plan,
                                    struct sh_error *err) {
    struct sh_query_scope scope;
    struct sh_node *tree;
    item_scope(ask, &scope);
    return sh_plan_param(param, &scope, ask->call->arena, &tree, plan, err);
}

enum sh_status sh_feed_ask_set(struct sh_feed_ask *ask, const struct sh_param *where, const struct sh_bitmap **items,
                               struct sh_error *err) {
    const struct sh_bitmap *listed = &ask->call->workspace->listed;
    uint64_t words[SH_BLOCK_WORDS];
    struct sh_plan *plan;
    enum sh_status status = sh_param_require(where, "where", err);
    if (status == SH_OK) status = plan_of_param(ask, where, &plan, err);
    if (status != SH_OK) return status;
    sh_assert(ask->set_count < SH_FEED_SET_COUNT_MAX);
    struct sh_bitmap *set = &ask->sets[ask->set_count++];
    for (uint32_t block = 0; block < sh_bitmap_block_count(listed); block++) {
        const uint64_t *found;
        uint32_t count;
        if ((status = sh_plan_run_block(plan, block, &found, &count, err)) != SH_OK) return status;
        if (found == NULL || count == 0) continue;
        sh_block_store(sh_bitmap_block(listed, block), words);
        count = sh_block_and_into_count(words, sh_block_of_words(found, count));
        if (count > 0 && sh_bitmap_put_block(set, block, words, count) != SH_OK) return sh_fail_memory(err);
    }
    *items = set;
    return SH_OK;
}

/* ---- Gates ---- */

static struct sh_feed_gate *add_gate(struct sh_feed_ask *ask, const char *name) {
    sh_assert(ask->gate_count < SH_FEED_GATE_COUNT_MAX);
    struct sh_feed_gate *gate = &ask->gates[ask->gate_count++];
    *gate = (struct sh_feed_gate){.name = name};
    return gate;
}

/* ---- Who asks ---- */

static enum sh_status user_matches(const struct sh_feed_ask *ask, struct sh_plan *plan, bool *matches,
                                   struct sh_error *err) {
    return sh_plan_test(plan, ask->request.user, matches, err);
}

/* Is the user in the saved segment? Nobody is in one that is not there. */
static enum sh_status user_in_segment(const struct sh_feed_ask *ask, struct sh_text name, bool *is_in,
                                      struct sh_error *err) {
    struct sh_workspace *workspace = ask->call->workspace;
    struct sh_segment *segment = sh_catalogue_find(&workspace->segments, name);
    struct sh_query_scope scope;
    struct sh_plan *plan;
    *is_in = false;
    if (segment == NULL || ask->request.user == SH_SLOT_NONE) return SH_OK;
    sh_workspace_scope(workspace, false, ask->request.now_ms, &scope);
    sh_segment_cache_refresh(workspace);
    const enum sh_status status = sh_segment_plan(workspace, segment, &scope, ask->call->arena, &plan, err);
    return status == SH_OK ? user_matches(ask, plan, is_in, err) : status;
}

static enum sh_status user_fits(const struct sh_feed_ask *ask, const struct sh_param *users, bool *fits,
                                struct sh_error *err) {
    struct sh_query_scope scope;
    struct sh_node *tree;
    struct sh_plan *plan;
    sh_workspace_scope(ask->call->workspace, false, ask->request.now_ms, &scope);
    *fits = false;
    const enum sh_status status = sh_plan_param(users, &scope, ask->call->arena, &tree, &plan, err);
    if (status != SH_OK || ask->request.user == SH_SLOT_NONE) return status;
    return user_matches(ask, plan, fits, err);
}

/* ---- By tags ---- */

/* What has tags of the set is shown to whom one of them is for: `is_for` says of each. What has none is for all. */
static enum sh_status add_by_tags(struct sh_feed_ask *ask, const char *name, uint32_t set,
                                  enum sh_status (*is_for)(const struct sh_feed_ask *ask, struct sh_text tag,
                                                           bool *is_for, struct sh_error *err),
                                  struct sh_error *err) {
    const struct sh_table *items = ask->call->workspace->items;
    struct sh_feed_gate *gate = add_gate(ask, name);
    struct sh_bitmap *both = ask->by_tags[ask->by_tags_count++];
    sh_assert(ask->by_tags_count <= SH_FEED_BY_TAGS_COUNT_MAX);
    gate->shown = &both[0];
    gate->hidden = &both[1];
    for (uint32_t code = 0; code < sh_table_tag_count(items, set); code++) {
        const struct sh_bitmap *holders = sh_table_tag_slots(items, set, code);
        bool is_shown = false;
        if (holders == NULL || sh_bitmap_count(holders) == 0) continue;
        const enum sh_status status = is_for(ask, sh_table_tag_text(items, set, code), &is_shown, err);
        if (status != SH_OK) return status;
        if (sh_bitmap_or_into(&both[is_shown ? 0 : 1], holders) != SH_OK) return sh_fail_memory(err);
    }
    return SH_OK;
}

/* Items whose tags of the set are names of segments. */
static enum sh_status add_target_by_tags(struct sh_feed_ask *ask, struct sh_text name, struct sh_error *err) {
    const int32_t set = sh_table_find_tag_set(ask->call->workspace->items, name);
    if (set < 0)
        return sh_fail(err, SH_ERR_NAME, -1, "items have no tag set `%.*s`", (int)(name.count < 80 ? name.count : 80),
                       name.bytes);
    return add_by_tags(ask, "target", (uint32_t)set, user_in_segment, err);
}

static enum sh_status is_this_store(const struct sh_feed_ask *ask, struct sh_text tag, bool *is_this,
                                    struct sh_error *err) {
    (void)err;
    *is_this = sh_text_equal(tag, ask->store);
    return SH_OK;
}

/* What is of no store in particular is of all. */
static enum sh_status add_store(struct sh_feed_ask *ask, const struct sh_param *field_param, struct sh_error *err) {
    struct sh_text name = SH_TEXT_LITERAL("store");
    struct sh_buffer *scratch = &ask->call->shard->scratch;
    struct sh_row_field field;
    enum sh_status status = sh_param_text(field_param, "store_field", &name, err);
    if (status != SH_OK) return status;
    status = sh_row_field_find(ask->call->workspace->items, name, &field, err);
    /* Where events say the store and items do not, all items are of all stores, and their trends differ. */
    if (status != SH_OK && !sh_param_given(field_param) &&
        sh_feed_config(ask->call->workspace->feed)->store_property_count > 0)
        return SH_OK;
    if (status != SH_OK) return status;
    if (field.kind == SH_FIELD_TAG_SET) return add_by_tags(ask, "store", field.index, is_this_store, err);
    if (field.kind != SH_FIELD_ATTRIBUTE)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`store_field` must name an attribute or a tag set of items");
    sh_buffer_clear(scratch);
    sh_buffer_print(scratch, "`%.*s` is missing or `%.*s` = '", SH_TEXT_ARGS(name), SH_TEXT_ARGS(name));
    for (uint32_t i = 0; i < ask->store.count; i++) {
        if (ask->store.bytes[i] == '\'') sh_buffer_append(scratch, "'", 1);
        sh_buffer_append(scratch, &ask->store.bytes[i], 1);
    }
    sh_buffer_append(scratch, "'", 1);
    if ((status = sh_buffer_status(scratch, err)) != SH_OK) return status;
    return plan_text(ask, (struct sh_text){(const char *)scratch->bytes, (uint32_t)scratch->count},
                     &add_gate(ask, "store")->plan, err);
}

/* ---- Targets ---- */

/* {where, segment} or {where, users} or {tag_set} */
static enum sh_status read_target(struct sh_feed_ask *ask, const uint8_t *begin, const uint8_t *end, bool *by_tags,
                                  struct sh_error *err) {
    enum { WHERE, SEGMENT, USERS, TAG_SET, TARGET_WORD_COUNT };
    static const char *const words[TARGET_WORD_COUNT] = {"where", "segment", "users", "tag_set"};
    static const struct sh_param_names names = {words, TARGET_WORD_COUNT, 0};
    struct sh_param params[TARGET_WORD_COUNT];
    struct sh_text text = {0};
    bool fits = false;
    enum sh_status status = sh_params_read(begin, (size_t)(end - begin), &names, params, NULL, err);
    if (status != SH_OK) return status;
    const bool is_by_tags = sh_param_given(&params[TAG_SET]);
    const bool has_segment = sh_param_given(&params[SEGMENT]);
    if (is_by_tags ? has_segment || sh_param_given(&params[WHERE]) || *by_tags
                   : has_segment == sh_param_given(&params[USERS]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "a target is {where, segment} or {where, users}, or, once, {tag_set} alone");
    *by_tags = *by_tags || is_by_tags;
    if ((status = sh_param_text(&params[is_by_tags ? TAG_SET : SEGMENT], "a target's name", &text, err)) != SH_OK)
        return status;
    if (is_by_tags) return add_target_by_tags(ask, text, err);
    if ((status = sh_param_require(&params[WHERE], "where", err)) != SH_OK) return status;
    status = has_segment ? user_in_segment(ask, text, &fits, err) : user_fits(ask, &params[USERS], &fits, err);
    if (status != SH_OK) return status;
    struct sh_plan *plan;
    if ((status = plan_of_param(ask, &params[WHERE], &plan, err)) != SH_OK || fits) return status;
    struct sh_feed_gate *gate = add_gate(ask, "target");
    gate->plan = plan;
    gate->hides = true;
    return SH_OK;
}

static enum sh_status read_targets(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    bool by_tags = false;
    enum sh_status status = sh_param_array(param, "targets", SH_FEED_TARGET_COUNT_MAX, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        const uint8_t *begin = cursor.at;
        if ((status = sh_cursor_skip(&cursor, NULL, err)) == SH_OK)
            status = read_target(ask, begin, cursor.at, &by_tags, err);
    }
    return status;
}

/* ---- All ---- */

static enum sh_status pass_gate(const struct sh_feed_gate *gate, uint32_t block, uint64_t *words,
                                struct sh_error *err) {
    uint64_t hidden[SH_BLOCK_WORDS];
    if (gate->plan != NULL) {
        const uint64_t *found;
        uint32_t count;
        const enum sh_status status = sh_plan_run_block(gate->plan, block, &found, &count, err);
        if (status != SH_OK) return status;
        for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++) {
            const uint64_t bits = found == NULL ? 0 : found[i];
            words[i] &= gate->hides ? ~bits : bits;
        }
        return SH_OK;
    }
    sh_block_store(sh_bitmap_block(gate->hidden, block), hidden);
    uint64_t shown[SH_BLOCK_WORDS];
    sh_block_store(sh_bitmap_block(gate->shown, block), shown);
    for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++)
        words[i] &= ~hidden[i] | shown[i];
    return SH_OK;
}

static enum sh_status find_allowed(struct sh_feed_ask *ask, struct sh_error *err) {
    const struct sh_bitmap *listed = &ask->call->workspace->listed;
    uint64_t words[SH_BLOCK_WORDS];
    for (uint32_t block = 0; block < sh_bitmap_block_count(listed); block++) {
        uint32_t count = 0;
        sh_block_store(sh_bitmap_block(listed, block), words);
        for (uint32_t i = 0; i < ask->gate_count; i++) {
            const enum sh_status status = pass_gate(&ask->gates[i], block, words, err);
            if (status != SH_OK) return status;
        }
        for (uint32_t i = 0; i < SH_BLOCK_WORDS; i++)
            count += (uint32_t)__builtin_popcountll(words[i]);
        if (count > 0 && sh_bitmap_put_block(&ask->allowed, block, words, count) != SH_OK) return sh_fail_memory(err);
    }
    ask->request.eligible = &ask->allowed;
    return SH_OK;
}

enum sh_status sh_feed_ask_read_gates(struct sh_feed_ask *ask, const struct sh_param *words,
                                      const struct sh_param *filter, struct sh_error *err) {
    const struct sh_workspace *workspace = ask->call->workspace;
    const struct sh_text eligible = {workspace->eligible, workspace->eligible_count};
    enum sh_status status = SH_OK;
    if (workspace->eligible != NULL) status = plan_text(ask, eligible, &add_gate(ask, "eligible")->plan, err);
    if (status == SH_OK && sh_param_given(&words[SH_WORD_ELIGIBLE]))
        status = plan_of_param(ask, &words[SH_WORD_ELIGIBLE], &add_gate(ask, "scene")->plan, err);
    if (status == SH_OK && ask->store.count > 0) status = add_store(ask, &words[SH_WORD_STORE_FIELD], err);
    if (status == SH_OK) status = read_targets(ask, &words[SH_WORD_TARGETS], err);
    if (status == SH_OK && sh_param_given(filter))
        status = plan_of_param(ask, filter, &add_gate(ask, "filter")->plan, err);
    return status != SH_OK || ask->gate_count == 0 ? status : find_allowed(ask, err);
}

enum sh_status sh_feed_ask_gate_of(const struct sh_feed_ask *ask, uint32_t item, const struct sh_feed_gate **found,
                                   struct sh_error *err) {
    *found = NULL;
    for (uint32_t i = 0; i < ask->gate_count && *found == NULL; i++) {
        const struct sh_feed_gate *gate = &ask->gates[i];
        bool matches = false;
        if (gate->plan != NULL) {
            const enum sh_status status = sh_plan_test(gate->plan, item, &matches, err);
            if (status != SH_OK) return status;
            if (matches == gate->hides) *found = gate;
        } else if (sh_bitmap_contains(gate->hidden, item) && !sh_bitmap_contains(gate->shown, item)) {
            *found = gate;
        }
    }
    return SH_OK;
}
