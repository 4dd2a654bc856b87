/* methods_feed.c -- feed.get, feed.trending, and the companions of an item: feed.also_bought, feed.similar. */
#include "feed_pack.h"
#include "memory.h"
#include "served.h"

enum { FEED_COUNT_DEFAULT = 20 };

/* ---- Which items may be shown ---- */

static enum sh_status run_plans(struct sh_workspace *workspace, struct sh_plan *const *plans, uint32_t plan_count,
                                struct sh_bitmap *allowed, struct sh_error *err) {
    uint64_t words[SH_BLOCK_WORDS];
    const uint32_t block_count = sh_bitmap_block_count(&workspace->listed);
    for (uint32_t block = 0; block < block_count; block++) {
        const struct sh_block_view listed = sh_bitmap_block(&workspace->listed, block);
        uint32_t count = listed.count;
        sh_block_store(listed, words);
        for (uint32_t i = 0; i < plan_count && count > 0; i++) {
            const uint64_t *found;
            const enum sh_status status = sh_plan_run_block(plans[i], block, &found, &count, err);
            if (status != SH_OK) return status;
            if (found == NULL) count = 0;
            if (count > 0) count = sh_block_and_into_count(words, sh_block_of_words(found, count));
        }
        if (count > 0 && sh_bitmap_put_block(allowed, block, words, count) != SH_OK) return sh_fail_memory(err);
    }
    return SH_OK;
}

/* Listed items that the workspace's rule and the request's filter allow. *is_all: there is no rule, and allowed is not
 * filled. */
static enum sh_status find_allowed(struct sh_call *call, const struct sh_param *filter, int64_t now_ms,
                                   struct sh_bitmap *allowed, bool *is_all, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    struct sh_query_scope scope;
    struct sh_plan *plans[2];
    uint32_t plan_count = 0;
    struct sh_node *tree;
    enum sh_status status;
    sh_workspace_scope(workspace, true, now_ms, &scope);
    if (workspace->eligible != NULL) {
        const struct sh_text text = {workspace->eligible, workspace->eligible_count};
        if ((status = sh_query_parse(text, call->arena, &tree, err)) != SH_OK) return status;
        if ((status = sh_query_check(&tree, &scope, call->arena, err)) != SH_OK) return status;
        if ((status = sh_query_plan(tree, &scope, call->arena, &plans[plan_count++], err)) != SH_OK) return status;
    }
    if (sh_param_given(filter)) {
        status = sh_plan_param(filter, &scope, call->arena, &tree, &plans[plan_count++], err);
        if (status != SH_OK) return status;
    }
    *is_all = plan_count == 0;
    return *is_all ? SH_OK : run_plans(workspace, plans, plan_count, allowed, err);
}

/* ---- feed.get ---- */

enum {
    GET_USER,
    GET_COUNT,
    GET_FILTER,
    GET_EXCLUDE,
    GET_FIELDS,
    GET_SEED,
    GET_NOW,
    GET_SESSION,
    GET_SCORES,
    GET_RECORD,
    GET_PARAM_COUNT
};

struct feed {
    struct sh_call *call;
    struct sh_feed_request request;
    struct sh_bitmap allowed;
    bool has_fields;
    struct sh_row_fields fields;
    struct sh_id_reader user; /* who asks; empty: nobody that is named */
};

/* The items of a list of ids, as far as they are known. */
static enum sh_status read_items(struct feed *feed, const struct sh_param *param, const char *name, uint32_t max,
                                 const uint32_t **items, uint32_t *item_count, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    char what[32];
    enum sh_status status = sh_param_array(param, name, max, &cursor, &count, err);
    if (status != SH_OK) return status;
    uint32_t *slots = sh_arena_alloc(feed->call->arena, ((size_t)count + 1) * sizeof *slots);
    if (slots == NULL) return sh_fail_memory(err);
    (void)snprintf(what, sizeof what, "each of `%s`", name);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_id_reader id;
        if ((status = sh_id_read(&id, &cursor, what, err)) != SH_OK) return status;
        const uint32_t slot = sh_table_find(feed->call->workspace->items, id.text);
        if (slot != SH_SLOT_NONE) slots[(*item_count)++] = slot;
    }
    *items = slots;
    return SH_OK;
}

/* Who asks: a user, or somebody of whom only the clicks of the visit are known, or both. */
static enum sh_status read_visitor(struct feed *feed, const struct sh_param *params, struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status = SH_OK;
    feed->request.user = SH_SLOT_NONE;
    if (sh_param_given(&params[GET_SESSION])) {
        status = read_items(feed, &params[GET_SESSION], "session", SH_FEED_CLICK_COUNT_MAX, &feed->request.clicks,
                            &feed->request.click_count, err);
    } else {
        status = sh_param_require(&params[GET_USER], "user", err);
    }
    if (status != SH_OK || !sh_param_given(&params[GET_USER])) return status;
    sh_param_cursor(&params[GET_USER], &cursor);
    if ((status = sh_id_read(&feed->user, &cursor, "`user`", err)) != SH_OK) return status;
    feed->request.user = sh_workspace_find_user(feed->call->workspace, feed->user.text);
    return SH_OK;
}

static enum sh_status read_fields(struct feed *feed, const struct sh_param *param, struct sh_error *err) {
    feed->has_fields = sh_param_given(param);
    if (!feed->has_fields) return SH_OK;
    struct sh_cursor cursor;
    sh_param_cursor(param, &cursor);
    const struct sh_row_source source = {.table = feed->call->workspace->items};
    return sh_row_fields_read(&cursor, &source, feed->call->arena, &feed->fields, err);
}

/* What all methods of the feed take. */
static enum sh_status read_common(struct feed *feed, const struct sh_param *count, const struct sh_param *filter,
                                  const struct sh_param *fields, const struct sh_param *now, struct sh_error *err) {
    int64_t wanted = FEED_COUNT_DEFAULT;
    bool is_all = true;
    enum sh_status status;
    if ((status = sh_param_integer(count, "count", 1, SH_FEED_COUNT_MAX, &wanted, err)) != SH_OK) return status;
    feed->request.count = (uint32_t)wanted;
    if ((status = sh_read_now(now, feed->call, &feed->request.now_ms, err)) != SH_OK) return status;
    if ((status = read_fields(feed, fields, err)) != SH_OK) return status;
    status = find_allowed(feed->call, filter, feed->request.now_ms, &feed->allowed, &is_all, err);
    feed->request.eligible = is_all ? NULL : &feed->allowed;
    return status;
}

/* Weights of features for this request alone; those that are not named keep the workspace's. */
static enum sh_status read_scores(struct feed *feed, const struct sh_param *param, struct sh_error *err) {
    const char *words[SH_FEED_RANKER];
    struct sh_param params[SH_FEED_RANKER];
    if (!sh_param_given(param)) return SH_OK;
    double *weights = sh_arena_alloc(feed->call->arena, SH_FEED_RANKER * sizeof *weights);
    if (weights == NULL) return sh_fail_memory(err);
    memcpy(weights, sh_feed_config(feed->call->workspace->feed)->weights, SH_FEED_RANKER * sizeof *weights);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        words[i] = sh_feed_feature_name((enum sh_feed_feature)i);
    const struct sh_param_names names = {words, SH_FEED_RANKER, 0};
    enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    for (uint32_t i = 0; i < SH_FEED_RANKER && status == SH_OK; i++)
        status = sh_param_real(&params[i], words[i], 0, SH_FEED_WEIGHT_MAX, &weights[i], err);
    feed->request.weights = weights;
    return status;
}

static enum sh_status read_get(struct feed *feed, const struct sh_param *params, struct sh_error *err) {
    int64_t seed = (int64_t)(feed->call->request->id & INT64_MAX);
    enum sh_status status;
    if ((status = read_visitor(feed, params, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[GET_SEED], "seed", INT64_MIN, INT64_MAX, &seed, err)) != SH_OK)
        return status;
    feed->request.seed = (uint64_t)seed;
    if ((status = read_scores(feed, &params[GET_SCORES], err)) != SH_OK) return status;
    status = read_items(feed, &params[GET_EXCLUDE], "exclude", SH_BATCH_ROW_COUNT_MAX, &feed->request.excluded,
                        &feed->request.excluded_count, err);
    if (status != SH_OK) return status;
    bool is_recorded = true;
    if ((status = sh_param_boolean(&params[GET_RECORD], "record", &is_recorded, err)) != SH_OK) return status;
    status = read_common(feed, &params[GET_COUNT], &params[GET_FILTER], &params[GET_FIELDS], &params[GET_NOW], err);
    feed->request.hour = sh_served_hour(feed->call->workspace, feed->request.now_ms);
    feed->request.is_remembered = is_recorded && sh_served_is_wanted(feed->call);
    return status;
}

static void pack_fields(const struct feed *feed, uint32_t slot, msgpack_packer *packer) {
    if (!feed->has_fields) return;
    const struct sh_table *items = feed->call->workspace->items;
    sh_pack_literal(packer, "fields");
    (void)msgpack_pack_map(packer, feed->fields.count);
    for (uint32_t i = 0; i < feed->fields.count; i++) {
        sh_pack_text(packer, feed->fields.fields[i].name);
        sh_row_field_pack(items, slot, &feed->fields.fields[i], packer);
    }
}

void sh_feed_reason_pack(const struct sh_feed_reason *reason, double score, msgpack_packer *packer) {
    const bool has_name = reason->name.count > 0;
    (void)msgpack_pack_map(packer, has_name ? 5 : 3);
    sh_pack_literal(packer, "kind");
    sh_pack_literal(packer, reason->kind);
    if (has_name) {
        sh_pack_literal(packer, "name");
        sh_pack_text(packer, reason->name);
        sh_pack_literal(packer, "of");
        sh_pack_text(packer, reason->group);
    }
    sh_pack_literal(packer, "value");
    (void)msgpack_pack_double(packer, reason->value);
    sh_pack_literal(packer, "share");
    (void)msgpack_pack_double(packer, score > 0 ? reason->value / score : 0);
}

static void pack_item(const struct feed *feed, const struct sh_feed_item *item, msgpack_packer *packer) {
    const bool is_explored = (item->sources >> SH_FEED_SOURCE_EXPLORE & 1) != 0;
    (void)msgpack_pack_map(packer, 4u + is_explored + feed->has_fields);
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, sh_table_id(feed->call->workspace->items, item->item));
    sh_pack_literal(packer, "score");
    (void)msgpack_pack_double(packer, item->score);
    if (is_explored) {
        sh_pack_literal(packer, "propensity");
        (void)msgpack_pack_double(packer, item->propensity);
    }
    sh_pack_literal(packer, "sources");
    (void)msgpack_pack_array(packer, (size_t)__builtin_popcount(item->sources));
    for (int source = 0; source < SH_FEED_SOURCE_COUNT; source++) {
        if ((item->sources >> source & 1) != 0)
            sh_pack_literal(packer, sh_feed_source_name((enum sh_feed_source)source));
    }
    sh_pack_literal(packer, "reasons");
    (void)msgpack_pack_array(packer, item->reason_count);
    for (uint32_t i = 0; i < item->reason_count; i++)
        sh_feed_reason_pack(&item->reasons[i], item->score, packer);
    pack_fields(feed, item->item, packer);
}

static void pack_feed(const struct feed *feed, const struct sh_feed_answer *answer) {
    msgpack_packer packer;
    char rec_id[SH_REC_ID_BYTES];
    sh_rec_id_print(feed->call->request->id, rec_id);
    sh_answer_begin(feed->call, &packer, 3);
    sh_pack_literal(&packer, "rec_id");
    sh_pack_literal(&packer, rec_id);
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_array(&packer, answer->count);
    for (uint32_t i = 0; i < answer->count; i++)
        pack_item(feed, &answer->items[i], &packer);
    sh_pack_literal(&packer, "relaxed");
    (void)msgpack_pack_array(&packer, (size_t)__builtin_popcount(answer->relaxed));
    for (uint32_t rule = 0; rule < SH_FEED_RULE_COUNT; rule++)
        if ((answer->relaxed >> rule & 1) != 0) sh_pack_literal(&packer, sh_feed_rule_name(rule));
}

enum sh_status sh_handle_feed_get(struct sh_call *call, struct sh_error *err) {
    static const char *const words[GET_PARAM_COUNT] = {"user", "count", "filter",  "exclude", "fields",
                                                       "seed", "now",   "session", "scores",  "record"};
    static const struct sh_param_names names = {words, GET_PARAM_COUNT, 0};
    struct sh_param params[GET_PARAM_COUNT];
    const struct sh_request *request = call->request;
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    struct feed feed = {.call = call, .allowed = SH_BITMAP_EMPTY};
    struct sh_feed_answer answer;
    status = read_get(&feed, params, err);
    if (status == SH_OK) status = sh_feed_get(call->workspace->feed, &feed.request, call->arena, &answer, err);
    if (status == SH_OK) pack_feed(&feed, &answer);
    if (status == SH_OK && answer.serving != NULL) sh_served_pack(call, answer.serving, feed.user.text);
    sh_bitmap_deinit(&feed.allowed);
    return status;
}

/* ---- feed.trending ---- */

static enum sh_status trend(struct feed *feed, struct sh_error *err) {
    struct sh_call *call = feed->call;
    struct sh_feed_trend *trends;
    uint32_t count;
    const enum sh_status status = sh_feed_trending(call->workspace->feed, feed->request.eligible, feed->request.now_ms,
                                                   feed->request.count, call->arena, &trends, &count, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)msgpack_pack_map(&packer, 2u + feed->has_fields);
        sh_pack_literal(&packer, "id");
        sh_pack_text(&packer, sh_table_id(call->workspace->items, trends[i].item));
        sh_pack_literal(&packer, "score");
        (void)msgpack_pack_double(&packer, trends[i].popularity);
        pack_fields(feed, trends[i].item, &packer);
    }
    return SH_OK;
}

enum sh_status sh_handle_feed_trending(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"count", "filter", "fields", "now"};
    static const struct sh_param_names names = {words, 4, 0};
    struct sh_param params[4];
    const struct sh_request *request = call->request;
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    struct feed feed = {.call = call, .allowed = SH_BITMAP_EMPTY};
    status = read_common(&feed, &params[0], &params[1], &params[2], &params[3], err);
    if (status == SH_OK) status = trend(&feed, err);
    sh_bitmap_deinit(&feed.allowed);
    return status;
}

/* ---- feed.also_bought, feed.similar ---- */

enum { PAIR_ITEM, PAIR_COUNT, PAIR_FILTER, PAIR_FIELDS, PAIR_NOW, PAIR_BY, PAIR_PARAM_COUNT };

static enum sh_status read_item(const struct feed *feed, const struct sh_param *param, uint32_t *slot,
                                struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_id_reader id;
    enum sh_status status = sh_param_require(param, "item", err);
    if (status != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    if ((status = sh_id_read(&id, &cursor, "`item`", err)) != SH_OK) return status;
    *slot = sh_table_find(feed->call->workspace->items, id.text);
    if (*slot != SH_SLOT_NONE) return SH_OK;
    return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no item `%.*s`", SH_TEXT_ARGS(id.text));
}

static enum sh_status read_by(const struct sh_param *param, bool *by_walk, struct sh_error *err) {
    struct sh_text by = SH_TEXT_LITERAL("cosine");
    const enum sh_status status = sh_param_text(param, "by", &by, err);
    if (status != SH_OK) return status;
    *by_walk = sh_text_equal(by, SH_TEXT_LITERAL("walk"));
    if (*by_walk || sh_text_equal(by, SH_TEXT_LITERAL("cosine"))) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`by` is \"cosine\" or \"walk\"");
}

static void pack_companion(const struct feed *feed, const struct sh_feed_companion *companion, msgpack_packer *packer) {
    (void)msgpack_pack_map(packer, 4u + feed->has_fields);
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, sh_table_id(feed->call->workspace->items, companion->item));
    sh_pack_literal(packer, "score");
    (void)msgpack_pack_double(packer, companion->score);
    sh_pack_literal(packer, "together");
    (void)msgpack_pack_double(packer, companion->together);
    sh_pack_literal(packer, "reasons");
    (void)msgpack_pack_array(packer, companion->reason_count);
    for (uint32_t i = 0; i < companion->reason_count; i++)
        sh_feed_reason_pack(&companion->reasons[i], companion->score, packer);
    pack_fields(feed, companion->item, packer);
}

static void pack_companions(const struct feed *feed, const struct sh_feed_companions *answer, const char *liking_name) {
    msgpack_packer packer;
    sh_answer_begin(feed->call, &packer, 3);
    sh_pack_literal(&packer, liking_name);
    (void)msgpack_pack_double(&packer, answer->liking);
    sh_pack_literal(&packer, "missing");
    (void)msgpack_pack_double(&packer, answer->missing);
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_array(&packer, answer->count);
    for (uint32_t i = 0; i < answer->count; i++)
        pack_companion(feed, &answer->items[i], &packer);
}

static enum sh_status answer_companions(struct sh_call *call, bool of_bought, struct sh_error *err) {
    static const char *const words[PAIR_PARAM_COUNT] = {"item", "count", "filter", "fields", "now", "by"};
    const struct sh_param_names names = {words, of_bought ? PAIR_PARAM_COUNT : PAIR_BY, 0};
    struct sh_param params[PAIR_PARAM_COUNT];
    const struct sh_request *request = call->request;
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    struct feed feed = {.call = call, .allowed = SH_BITMAP_EMPTY};
    struct sh_feed_pair_request asked = {0};
    struct sh_feed_companions answer;
    status = read_item(&feed, &params[PAIR_ITEM], &asked.item, err);
    if (status == SH_OK && of_bought) status = read_by(&params[PAIR_BY], &asked.by_walk, err);
    if (status == SH_OK)
        status =
            read_common(&feed, &params[PAIR_COUNT], &params[PAIR_FILTER], &params[PAIR_FIELDS], &params[PAIR_NOW], err);
    asked.count = feed.request.count;
    asked.eligible = feed.request.eligible;
    if (status == SH_OK)
        status = of_bought ? sh_feed_also_bought(call->workspace->feed, &asked, call->arena, &answer, err)
                           : sh_feed_similar(call->workspace->feed, &asked, call->arena, &answer, err);
    if (status == SH_OK) pack_companions(&feed, &answer, of_bought ? "buyers" : "liking");
    sh_bitmap_deinit(&feed.allowed);
    return status;
}

enum sh_status sh_handle_feed_also_bought(struct sh_call *call, struct sh_error *err) {
    return answer_companions(call, true, err);
}

enum sh_status sh_handle_feed_similar(struct sh_call *call, struct sh_error *err) {
    return answer_companions(call, false, err);
}
