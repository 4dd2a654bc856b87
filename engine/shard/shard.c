#include "job.h"
#include "memory.h"

static enum sh_status (*const handlers[SH_METHOD_COUNT])(struct sh_call *call, struct sh_error *err) = {
    [SH_METHOD_PING] = sh_handle_ping,
    [SH_METHOD_STATS] = sh_handle_stats,
    [SH_METHOD_RFM_GET] = sh_handle_rfm_get,
    [SH_METHOD_RFM_PUT] = sh_handle_rfm_put,
    [SH_METHOD_RFM_REFRESH] = sh_handle_rfm_refresh,
    [SH_METHOD_AUDIENCE_RFM] = sh_handle_audience_rfm,
    [SH_METHOD_FEED_GET] = sh_handle_feed_get,
    [SH_METHOD_ITEM_GET] = sh_handle_item_get,
    [SH_METHOD_ITEM_PUT] = sh_handle_item_put,
    [SH_METHOD_USER_GET] = sh_handle_user_get,
    [SH_METHOD_USER_PUT] = sh_handle_user_put,
    [SH_METHOD_SCHEMA_GET] = sh_handle_schema_get,
    [SH_METHOD_SCHEMA_PUT] = sh_handle_schema_put,
    [SH_METHOD_ITEM_REMOVE] = sh_handle_item_remove,
    [SH_METHOD_SHARD_LEARN] = sh_handle_shard_learn,
    [SH_METHOD_USER_FORGET] = sh_handle_user_forget,
    [SH_METHOD_USER_EXPORT] = sh_handle_user_export,
    [SH_METHOD_USER_RECEIPT] = sh_handle_user_receipt,
    [SH_METHOD_AUDIENCE_ASK] = sh_handle_audience_ask,
    [SH_METHOD_EVENT_APPEND] = sh_handle_event_append,
    [SH_METHOD_EVENT_SWEEP] = sh_handle_event_sweep,
    [SH_METHOD_AUDIENCE_LIST] = sh_handle_audience_list,
    [SH_METHOD_ITEM_LIST] = sh_handle_item_list,
    [SH_METHOD_EVENT_LIST] = sh_handle_event_list,
    [SH_METHOD_AUDIENCE_EXPORT] = sh_handle_audience_export,
    [SH_METHOD_FEED_BATCH] = sh_handle_feed_batch,
    [SH_METHOD_FEED_USERS_FOR_ITEM] = sh_handle_feed_users_for_item,
    [SH_METHOD_FEED_TRENDING] = sh_handle_feed_trending,
    [SH_METHOD_FEED_SIMILAR] = sh_handle_feed_similar,
    [SH_METHOD_FEED_SERVED] = sh_handle_feed_served,
    [SH_METHOD_FEED_LEARNING] = sh_handle_feed_learning,
    [SH_METHOD_FEED_IMPRESSIONS] = sh_handle_feed_impressions,
    [SH_METHOD_FEED_EXPLAIN] = sh_handle_feed_explain,
    [SH_METHOD_SCENE_PUT] = sh_handle_scene_put,
    [SH_METHOD_SCENE_GET] = sh_handle_scene_get,
    [SH_METHOD_SCENE_LIST] = sh_handle_scene_list,
    [SH_METHOD_SCENE_REMOVE] = sh_handle_scene_remove,
    [SH_METHOD_FEED_ALSO_BOUGHT] = sh_handle_feed_also_bought,
    [SH_METHOD_AUDIENCE_CLOSE] = sh_handle_audience_close,
    [SH_METHOD_AUDIENCE_COUNT] = sh_handle_audience_count,
    [SH_METHOD_AUDIENCE_SAMPLE] = sh_handle_audience_sample,
    [SH_METHOD_AUDIENCE_INSIGHT] = sh_handle_audience_insight,
    [SH_METHOD_AUDIENCE_FUNNEL] = sh_handle_audience_funnel,
    [SH_METHOD_AUDIENCE_RETENTION] = sh_handle_audience_retention,
    [SH_METHOD_AUDIENCE_WATERFALL] = sh_handle_audience_waterfall,
    [SH_METHOD_AUDIENCE_WHY] = sh_handle_audience_why,
    [SH_METHOD_AUDIENCE_LOOKALIKE] = sh_handle_audience_lookalike,
    [SH_METHOD_AUDIENCE_OVERLAP] = sh_handle_audience_overlap,
    [SH_METHOD_AUDIENCE_EXPLAIN] = sh_handle_audience_explain,
    [SH_METHOD_USER_MERGE] = sh_handle_user_merge,
    [SH_METHOD_REFERRAL_PUT] = sh_handle_referral_put,
    [SH_METHOD_REFERRAL_GET] = sh_handle_referral_get,
    [SH_METHOD_REFERRAL_REFRESH] = sh_handle_referral_refresh,
    [SH_METHOD_RULE_PUT] = sh_handle_rule_put,
    [SH_METHOD_RULE_GET] = sh_handle_rule_get,
    [SH_METHOD_RULE_LIST] = sh_handle_rule_list,
    [SH_METHOD_RULE_REMOVE] = sh_handle_rule_remove,
    [SH_METHOD_TREE_PUT] = sh_handle_tree_put,
    [SH_METHOD_TREE_GET] = sh_handle_tree_get,
    [SH_METHOD_TREE_LIST] = sh_handle_tree_list,
    [SH_METHOD_TREE_REMOVE] = sh_handle_tree_remove,
    [SH_METHOD_SCORE_PUT] = sh_handle_score_put,
    [SH_METHOD_SCORE_GET] = sh_handle_score_get,
    [SH_METHOD_SCORE_LIST] = sh_handle_score_list,
    [SH_METHOD_SCORE_REMOVE] = sh_handle_score_remove,
    [SH_METHOD_SEGMENT_PUT] = sh_handle_segment_put,
    [SH_METHOD_SEGMENT_GET] = sh_handle_segment_get,
    [SH_METHOD_SEGMENT_LIST] = sh_handle_segment_list,
    [SH_METHOD_CLIENT_NUMBERS] = sh_handle_client_numbers,
    [SH_METHOD_SEGMENT_REMOVE] = sh_handle_segment_remove,
    [SH_METHOD_MODEL_PUT] = sh_handle_model_put,
    [SH_METHOD_MODEL_LIST] = sh_handle_model_list,
    [SH_METHOD_MODEL_TRAIN] = sh_handle_model_train,
    [SH_METHOD_MODEL_REMOVE] = sh_handle_model_remove,
    [SH_METHOD_MODEL_LIKINGS] = sh_handle_model_likings,
    [SH_METHOD_SEGMENT_OF_USER] = sh_handle_segment_of_user,
};

enum sh_status sh_fail_memory(struct sh_error *err) {
    return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory");
}

enum sh_status sh_shard_create(const struct sh_shard_options *options, struct sh_shard **created,
                               struct sh_error *err) {
    *created = NULL;
    if (options->shard_count < 1 || options->shard_count > SH_SHARD_COUNT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the number of shards is from 1 to %d, not %u", SH_SHARD_COUNT_MAX,
                       options->shard_count);
    if (options->shard_index >= options->shard_count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no shard %u among %u", options->shard_index,
                       options->shard_count);
    struct sh_shard *shard = sh_alloc_zero(sizeof *shard);
    if (shard == NULL) return sh_fail_memory(err);
    shard->options = *options;
    sh_arena_init(&shard->arena, SH_REQUEST_ARENA_BYTES_MAX);
    sh_buffer_init(&shard->scratch, SH_ANSWER_BYTES_MAX);
    *created = shard;
    return SH_OK;
}

void sh_shard_destroy(struct sh_shard *shard) {
    if (shard == NULL) return;
    for (uint32_t i = 0; i < shard->workspace_count; i++) {
        while (shard->workspaces[i]->jobs != NULL)
            sh_job_cancel(shard->workspaces[i]->jobs);
    }
    sh_cursors_deinit(shard);
    sh_spare_jobs_deinit(shard);
    sh_workspaces_deinit(shard);
    sh_repeats_deinit(&shard->repeats);
    sh_row_places_deinit(&shard->places);
    sh_buffer_deinit(&shard->scratch);
    sh_arena_deinit(&shard->arena);
    sh_free(shard);
}

/* These say something about a workspace that no schema.put has made yet. */
static bool takes_no_workspace(const struct sh_method *method) {
    return method->number == SH_METHOD_PING || method->number == SH_METHOD_STATS ||
           method->number == SH_METHOD_SCHEMA_PUT;
}

static enum sh_status find_workspace(struct sh_call *call, struct sh_error *err) {
    const struct sh_text name = call->request->workspace;
    call->workspace = sh_workspace_find(call->shard, name);
    if (call->workspace != NULL || takes_no_workspace(call->request->method)) return SH_OK;
    (void)sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no workspace `%.*s` yet",
                  (int)(name.count <= SH_NAME_BYTES_MAX ? name.count : SH_NAME_BYTES_MAX), name.bytes);
    return sh_fail_hint(err, SH_ERR_NOT_FOUND, "its first schema.put makes it");
}

/* Writes that leave items, rules and whatever else has a name as they are. */
static bool is_about_people(const struct sh_method *method) {
    return method->number == SH_METHOD_EVENT_APPEND || method->number == SH_METHOD_SHARD_LEARN ||
           method->number == SH_METHOD_USER_PUT || method->number == SH_METHOD_USER_FORGET ||
           method->number == SH_METHOD_USER_MERGE || method->number == SH_METHOD_FEED_SERVED;
}

static enum sh_status run_handler(struct sh_call *call, struct sh_error *err) {
    const struct sh_method *method = call->request->method;
    if (handlers[method->number] == NULL)
        return sh_fail(err, SH_ERR_UNSUPPORTED, -1, "`%s` is answered by a server, not by the engine", method->name);
    enum sh_status status = find_workspace(call, err);
    if (status != SH_OK) return status;
    if (call->workspace != NULL) sh_workspace_expire(call->workspace, call->shard->now_ms);
    if (call->workspace != NULL) call->workspace->hides_personal = call->request->hides_personal && !method->writes;
    /* Also one that fails may have changed something: a row, before memory was out. */
    /* What was served is nothing that audiences ask about. */
    const bool touches = method->writes && method->number != SH_METHOD_FEED_SERVED;
    if (touches && call->workspace != NULL) call->workspace->write_version++;
    if (method->writes && call->workspace != NULL && !is_about_people(method)) call->workspace->rules_version++;
    status = handlers[method->number](call, err);
    if (status == SH_OK && call->workspace != NULL && !method->writes)
        status = sh_scores_take_fault(call->workspace->scores, err);
    if (status == SH_OK && call->job == NULL) status = sh_buffer_status(call->answer->body, err);
    if (status == SH_OK && call->answer->effects != NULL && call->answer->effects->failed) {
        sh_buffer_clear(call->answer->effects); /* half a message says nothing */
        return sh_fail(err, SH_ERR_LIMIT, -1, "what the other shards must learn of it does not fit %zu bytes",
                       call->answer->effects->limit);
    }
    return status;
}

/* A write that its client has numbered. Merging needs no numbers: merging again changes nothing. */
static bool is_numbered(const struct sh_request *request) {
    return request->seq > 0 && request->method->writes && request->method->spread != SH_SPREAD_ROUNDS &&
           !request->method->internal;
}

static enum sh_status run_numbered(struct sh_call *call, struct sh_error *err) {
    struct sh_repeats *repeats = &call->shard->repeats;
    struct sh_buffer *body = call->answer->body;
    const size_t begin = body->count;
    bool is_repeated;
    enum sh_status status = sh_repeats_look(repeats, call->request, body, &is_repeated, err);
    if (status != SH_OK || is_repeated) return status;
    status = run_handler(call, err);
    if (status == SH_OK) sh_repeats_add(repeats, call->request, body->bytes + begin, body->count - begin);
    return status;
}

/* These save expressions, which others then use. */
static bool saves_expressions(const struct sh_method *method) {
    return method->number == SH_METHOD_SEGMENT_PUT || method->number == SH_METHOD_SCORE_PUT ||
           method->number == SH_METHOD_REFERRAL_PUT || method->number == SH_METHOD_SCENE_PUT;
}

/* Do the params of a schema.put say anew what is personal? What cannot be read is refused by whoever reads it. */
static bool says_privacy(const struct sh_request *request) {
    struct sh_cursor cursor;
    struct sh_text key;
    uint32_t pair_count;
    sh_cursor_init(&cursor, request->params, request->params_count);
    if (request->method->number != SH_METHOD_SCHEMA_PUT) return false;
    if (sh_cursor_map(&cursor, &pair_count, "params", NULL) != SH_OK) return false;
    for (uint32_t i = 0; i < pair_count; i++) {
        if (sh_cursor_text(&cursor, &key, "a name", NULL) != SH_OK) return false;
        if (sh_text_equal(key, SH_TEXT_LITERAL("privacy"))) return true;
        if (sh_cursor_skip(&cursor, NULL, NULL) != SH_OK) return false;
    }
    return false;
}

enum sh_status sh_shard_admit(struct sh_shard *shard, const struct sh_request *request, struct sh_error *err) {
    if (!request->hides_personal) return SH_OK;
    if (says_privacy(request))
        return sh_fail(err, SH_ERR_FORBIDDEN, -1, "what is personal is said by a token with the role personal");
    if (!saves_expressions(request->method)) return SH_OK;
    const struct sh_workspace *workspace = sh_workspace_find(shard, request->workspace);
    if (workspace == NULL || !sh_privacy_is_named(&workspace->privacy, request->params, request->params_count))
        return SH_OK;
    (void)sh_fail(err, SH_ERR_FORBIDDEN, -1, "what is saved here may name something personal");
    return sh_fail_hint(err, SH_ERR_FORBIDDEN, "a token with the role personal may save it for all");
}

enum sh_status sh_shard_start(struct sh_shard *shard, const struct sh_request *request, const struct sh_answer *answer,
                              struct sh_job **job, struct sh_error *err) {
    sh_assert(answer->body != NULL);
    sh_assert(answer->effects != NULL || !request->method->writes || shard->options.shard_count == 1);
    struct sh_buffer *body = answer->body;
    const size_t body_count = body->count;
    *job = NULL;
    if (request->now_ms > shard->now_ms) shard->now_ms = request->now_ms;
    sh_arena_reset(&shard->arena);
    struct sh_call call = {.shard = shard, .request = request, .answer = answer, .arena = &shard->arena};
    const enum sh_status status = is_numbered(request) ? run_numbered(&call, err) : run_handler(&call, err);
    if (status != SH_OK) {
        body->count = body_count;
        body->failed = false;
    }
    *job = call.job;
    if (call.workspace != NULL && call.workspace->jobs == NULL && call.workspace->scores != NULL)
        sh_scores_rest(call.workspace->scores);
    return status;
}

enum sh_status sh_shard_apply(struct sh_shard *shard, const struct sh_request *request, const struct sh_answer *answer,
                              struct sh_error *err) {
    struct sh_job *job;
    enum sh_status status = sh_shard_start(shard, request, answer, &job, err);
    bool done = job == NULL;
    while (!done)
        status = sh_job_step(job, UINT32_MAX, &done, err);
    return status;
}

int64_t sh_shard_forget_oldest(const struct sh_shard *shard) {
    int64_t oldest = INT64_MAX;
    for (uint32_t i = 0; i < shard->workspace_count; i++) {
        const int64_t own = sh_receipts_oldest(&shard->workspaces[i]->receipts);
        if (own < oldest) oldest = own;
    }
    return oldest;
}

void sh_shard_erased(struct sh_shard *shard, uint64_t position, int64_t now_ms) {
    for (uint32_t i = 0; i < shard->workspace_count; i++)
        sh_receipts_erase(&shard->workspaces[i]->receipts, position, now_ms);
}

void sh_shard_tick(struct sh_shard *shard, int64_t now_ms) {
    if (now_ms > shard->now_ms) shard->now_ms = now_ms;
    for (uint32_t i = 0; i < shard->workspace_count; i++)
        sh_workspace_expire(shard->workspaces[i], shard->now_ms);
    sh_cursors_tick(shard, now_ms);
}

static bool check_workspace(const struct sh_workspace *workspace, const char **reason) {
    if (!sh_table_check(workspace->users, reason) || !sh_table_check(workspace->items, reason)) return false;
    if (!sh_event_store_check(workspace->events, reason) || !sh_feed_check(workspace->feed, reason)) return false;
    if (!sh_rfm_check(workspace->rfm, reason)) return false;
    if (!sh_bitmap_check(&workspace->listed, reason)) return false;
    if (!sh_catalogue_check(&workspace->segments, reason)) return false;
    if (!sh_referral_check(workspace->referral, reason)) return false;
    if (!sh_rules_check(&workspace->rules, reason)) return false;
    if (!sh_hierarchies_check(&workspace->trees, reason)) return false;
    if (!sh_scenes_check(&workspace->scenes, reason)) return false;
    if (!sh_aliases_check(&workspace->aliases, reason)) return false;
    *reason = "a listed item is not live";
    return sh_bitmap_is_subset(&workspace->listed, sh_table_live(workspace->items));
}

bool sh_shard_check(const struct sh_shard *shard, const char **reason) {
    for (uint32_t i = 0; i < shard->workspace_count; i++) {
        if (!check_workspace(shard->workspaces[i], reason)) return false;
    }
    if (!sh_repeats_check(&shard->repeats, reason)) return false;
    size_t cursor_bytes = 0;
    for (uint32_t i = 0; i < shard->cursor_count; i++)
        cursor_bytes += sh_cursor_bytes(shard->cursors[i]);
    *reason = "the bytes of cursors do not add up";
    return cursor_bytes == shard->cursor_bytes;
}

enum sh_status sh_call_params(const struct sh_call *call, const char *const *words, uint32_t count,
                              struct sh_param *params, struct sh_error *err) {
    const struct sh_param_names names = {words, count, 0};
    return sh_params_read(call->request->params, call->request->params_count, &names, params, NULL, err);
}

void sh_answer_begin(struct sh_call *call, msgpack_packer *packer, uint32_t pair_count) {
    sh_buffer_packer(call->answer->body, packer);
    (void)msgpack_pack_map(packer, (size_t)pair_count + 1);
}

enum sh_status sh_read_now(const struct sh_param *param, const struct sh_call *call, int64_t *now_ms,
                           struct sh_error *err) {
    *now_ms = call->request->now_ms;
    if (!sh_param_given(param)) return SH_OK;
    struct sh_cursor cursor;
    struct sh_value value;
    sh_param_cursor(param, &cursor);
    const enum sh_status status = sh_cursor_next(&cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind == SH_VALUE_STR) return sh_instant_parse(value.text, call->workspace->zone, now_ms, err);
    if (value.kind != SH_VALUE_INT)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`now` must be an int or a str, but is %s",
                       sh_value_kind_name(value.kind));
    if (value.integer < SH_INSTANT_MIN || value.integer > SH_INSTANT_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`now` is outside the years 1 to 9999");
    *now_ms = value.integer;
    return SH_OK;
}

enum sh_status sh_handle_ping(struct sh_call *call, struct sh_error *err) {
    static const struct sh_param_names names = {.count = 0};
    struct sh_param none[1];
    const enum sh_status status =
        sh_params_read(call->request->params, call->request->params_count, &names, none, NULL, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 0);
    return SH_OK;
}
