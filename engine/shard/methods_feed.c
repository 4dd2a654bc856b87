/* methods_feed.c -- feeds of nobody in particular: feed.trending, and the companions of an item: feed.also_bought,
 * feed.similar. */
#include "feed_pack.h"
#include "memory.h"
#include "shard_private.h"

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

struct feed {
    struct sh_call *call;
    struct sh_feed_request request;
    struct sh_bitmap allowed;
    bool has_fields;
    struct sh_row_fields fields;
};

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

static void pack_fields(const struct feed *feed, uint32_t slot, msgpack_packer *packer) {
    if (feed->has_fields) sh_feed_pack_fields(feed->call->workspace->items, slot, &feed->fields, packer);
}

/* ---- feed.trending ---- */

enum { TREND_COUNT, TREND_FILTER, TREND_FIELDS, TREND_NOW, TREND_STORE, TREND_BY, TREND_PARAM_COUNT };

static enum sh_status read_trend(const struct sh_param *params, struct sh_feed_trend_request *request,
                                 struct sh_error *err) {
    static const char *const names[] = {"long", "short", "rising"};
    struct sh_text by = SH_TEXT_LITERAL("long");
    enum sh_status status = sh_param_text(&params[TREND_STORE], "store", &request->store, err);
    if (status == SH_OK) status = sh_param_text(&params[TREND_BY], "by", &by, err);
    if (status != SH_OK) return status;
    for (int i = 0; i < 3; i++) {
        if (!sh_text_equal(by, sh_text_of(names[i]))) continue;
        request->by = (enum sh_feed_trend_by)i;
        return SH_OK;
    }
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`by` is \"long\", \"short\" or \"rising\"");
}

static enum sh_status trend(struct feed *feed, struct sh_feed_trend_request *request, struct sh_error *err) {
    struct sh_call *call = feed->call;
    struct sh_feed_trend *trends;
    uint32_t count;
    request->eligible = feed->request.eligible;
    request->now_ms = feed->request.now_ms;
    request->count = feed->request.count;
    const enum sh_status status = sh_feed_trends(call->workspace->feed, request, call->arena, &trends, &count, err);
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
    static const char *const words[TREND_PARAM_COUNT] = {"count", "filter", "fields", "now", "store", "by"};
    static const struct sh_param_names names = {words, TREND_PARAM_COUNT, 0};
    struct sh_param params[TREND_PARAM_COUNT];
    struct sh_feed_trend_request trends = {.by = SH_FEED_TREND_LONG};
    const struct sh_request *request = call->request;
    enum sh_status status = sh_params_read(request->params, request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    struct feed feed = {.call = call, .allowed = SH_BITMAP_EMPTY};
    status =
        read_common(&feed, &params[TREND_COUNT], &params[TREND_FILTER], &params[TREND_FIELDS], &params[TREND_NOW], err);
    if (status == SH_OK) status = read_trend(params, &trends, err);
    if (status == SH_OK) status = trend(&feed, &trends, err);
    sh_bitmap_deinit(&feed.allowed);
    return status;
}

/* ---- feed.also_bought, feed.similar ---- */

enum { PAIR_ITEM, PAIR_COUNT, PAIR_FILTER, PAIR_FIELDS, PAIR_NOW, PAIR_BY, PAIR_PARAM_COUNT };

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
    sh_feed_pack_reasons(companion->reasons, companion->reason_count, companion->score, packer);
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
    status = sh_feed_read_item(call->workspace, &params[PAIR_ITEM], &asked.item, err);
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
