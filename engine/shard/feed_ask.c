#include "feed_ask.h"

enum { FEED_COUNT_DEFAULT = 20, TIMEOUT_MS_MAX = 3600000 };

const char *const sh_feed_words[SH_WORD_COUNT] = {
    [SH_WORD_BOOST] = "boost",
    [SH_WORD_BURY] = "bury",
    [SH_WORD_PINS] = "pins",
    [SH_WORD_SLOTS] = "slots",
    [SH_WORD_QUOTAS] = "quotas",
    [SH_WORD_DIVERSITY] = "diversity",
    [SH_WORD_NARROW] = "narrow",
    [SH_WORD_MMR] = "mmr",
    [SH_WORD_HELD] = "held",
    [SH_WORD_CAPS] = "caps",
    [SH_WORD_FATIGUE] = "fatigue",
    [SH_WORD_RELAX] = "relax",
    [SH_WORD_FLOOR] = "floor",
    [SH_WORD_SCORES] = "scores",
    [SH_WORD_TARGETS] = "targets",
    [SH_WORD_WEIGHTS] = "weights",
    [SH_WORD_HALF_LIVES] = "half_life_days",
    [SH_WORD_GOALS] = "goals",
    [SH_WORD_ELIGIBLE] = "eligible",
    [SH_WORD_STORE_FIELD] = "store_field",
};

const char *const sh_ask_words[SH_ASK_WORD_COUNT] = {
    [SH_ASK_USER] = "user",
    [SH_ASK_SESSION] = "session",
    [SH_ASK_COUNT] = "count",
    [SH_ASK_FILTER] = "filter",
    [SH_ASK_EXCLUDE] = "exclude",
    [SH_ASK_FIELDS] = "fields",
    [SH_ASK_SEED] = "seed",
    [SH_ASK_NOW] = "now",
    [SH_ASK_SCENE] = "scene",
    [SH_ASK_STORE] = "store",
    [SH_ASK_CURSOR] = "cursor",
    [SH_ASK_EXPLAIN] = "explain",
    [SH_ASK_TIMEOUT_MS] = "timeout_ms",
    [SH_ASK_AFTER] = "after",
    [SH_ASK_RECORD] = "record",
    [SH_ASK_RULES + SH_WORD_BOOST] = "boost",
    [SH_ASK_RULES + SH_WORD_BURY] = "bury",
    [SH_ASK_RULES + SH_WORD_PINS] = "pins",
    [SH_ASK_RULES + SH_WORD_SLOTS] = "slots",
    [SH_ASK_RULES + SH_WORD_QUOTAS] = "quotas",
    [SH_ASK_RULES + SH_WORD_DIVERSITY] = "diversity",
    [SH_ASK_RULES + SH_WORD_NARROW] = "narrow",
    [SH_ASK_RULES + SH_WORD_MMR] = "mmr",
    [SH_ASK_RULES + SH_WORD_HELD] = "held",
    [SH_ASK_RULES + SH_WORD_CAPS] = "caps",
    [SH_ASK_RULES + SH_WORD_FATIGUE] = "fatigue",
    [SH_ASK_RULES + SH_WORD_RELAX] = "relax",
    [SH_ASK_RULES + SH_WORD_FLOOR] = "floor",
    [SH_ASK_RULES + SH_WORD_SCORES] = "scores",
    [SH_ASK_RULES + SH_WORD_WEIGHTS] = "weights",
    [SH_ASK_RULES + SH_WORD_HALF_LIVES] = "half_life_days",
    [SH_ASK_RULES + SH_WORD_GOALS] = "goals",
};

void sh_feed_ask_init(struct sh_feed_ask *ask, struct sh_call *call) {
    *ask = (struct sh_feed_ask){
        .call = call, .allowed = SH_BITMAP_EMPTY, .allowed_here = SH_BITMAP_EMPTY, .detail = SH_FEED_DETAIL_REASONS};
    for (uint32_t i = 0; i < SH_FEED_SET_COUNT_MAX; i++)
        ask->sets[i] = SH_BITMAP_EMPTY;
}

void sh_feed_ask_deinit(struct sh_feed_ask *ask) {
    sh_bitmap_deinit(&ask->allowed);
    sh_bitmap_deinit(&ask->allowed_here);
    for (uint32_t i = 0; i < ask->set_count; i++)
        sh_bitmap_deinit(&ask->sets[i]);
    for (uint32_t i = 0; i < ask->gate_count; i++) {
        sh_bitmap_deinit(&ask->gates[i].shown);
        sh_bitmap_deinit(&ask->gates[i].hidden);
    }
}

/* ---- Who asks, and for what ---- */

/* The items of a list of ids, as far as they are known. */
static enum sh_status read_items(struct sh_feed_ask *ask, const struct sh_param *param, const char *name, uint32_t max,
                                 const uint32_t **items, uint32_t *item_count, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    char what[32];
    enum sh_status status = sh_param_array(param, name, max, &cursor, &count, err);
    if (status != SH_OK) return status;
    uint32_t *slots = sh_arena_alloc(ask->call->arena, ((size_t)count + 1) * sizeof *slots);
    if (slots == NULL) return sh_fail_memory(err);
    (void)snprintf(what, sizeof what, "each of `%s`", name);
    for (uint32_t i = 0; i < count; i++) {
        struct sh_id_reader id;
        if ((status = sh_id_read(&id, &cursor, what, err)) != SH_OK) return status;
        const uint32_t slot = sh_table_find(ask->call->workspace->items, id.text);
        if (slot != SH_SLOT_NONE) slots[(*item_count)++] = slot;
    }
    *items = slots;
    return SH_OK;
}

/* A user, or somebody of whom only the clicks of the visit are known, or both. */
static enum sh_status read_visitor(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status = SH_OK;
    ask->request.user = SH_SLOT_NONE;
    ask->request.clicks = NULL;
    ask->request.click_count = 0;
    if (sh_param_given(&params[SH_ASK_SESSION])) {
        status = read_items(ask, &params[SH_ASK_SESSION], "session", SH_FEED_CLICK_COUNT_MAX, &ask->request.clicks,
                            &ask->request.click_count, err);
    } else {
        status = sh_param_require(&params[SH_ASK_USER], "user", err);
    }
    if (status != SH_OK || !sh_param_given(&params[SH_ASK_USER])) return status;
    sh_param_cursor(&params[SH_ASK_USER], &cursor);
    if ((status = sh_id_read(&ask->user, &cursor, "`user`", err)) != SH_OK) return status;
    ask->request.user = sh_workspace_find_user(ask->call->workspace, ask->user.text);
    return SH_OK;
}

static enum sh_status read_detail(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    struct sh_text text = SH_TEXT_LITERAL("reasons");
    const enum sh_status status = sh_param_text(param, "explain", &text, err);
    if (status != SH_OK) return status;
    if (sh_text_equal(text, SH_TEXT_LITERAL("none")))
        ask->detail = SH_FEED_DETAIL_NONE;
    else if (sh_text_equal(text, SH_TEXT_LITERAL("full")))
        ask->detail = SH_FEED_DETAIL_FULL;
    else if (!sh_text_equal(text, SH_TEXT_LITERAL("reasons")))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`explain` is \"none\", \"reasons\" or \"full\"");
    ask->request.is_bare = ask->detail == SH_FEED_DETAIL_NONE;
    return SH_OK;
}

static enum sh_status read_fields(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    ask->has_fields = sh_param_given(param);
    if (!ask->has_fields) return SH_OK;
    struct sh_cursor cursor;
    sh_param_cursor(param, &cursor);
    const struct sh_row_source source = {.table = ask->call->workspace->items};
    return sh_row_fields_read(&cursor, &source, ask->call->arena, &ask->fields, err);
}

/* ---- Read your writes ---- */

/* So long may whoever asked wait for it. */
static enum sh_status tell_wait(const struct sh_feed_ask *ask, const struct sh_param *timeout_ms,
                                struct sh_error *err) {
    int64_t wait_ms = SH_BEHIND_MS_MAX;
    const enum sh_status status = sh_param_integer(timeout_ms, "timeout_ms", 1, TIMEOUT_MS_MAX, &wait_ms, err);
    if (status != SH_OK) return status;
    if (wait_ms > SH_BEHIND_MS_MAX) wait_ms = SH_BEHIND_MS_MAX;
    if (ask->call->answer->wait_ms != NULL) *ask->call->answer->wait_ms = (uint32_t)wait_ms;
    return SH_OK;
}

/* {client, number}: what this client wrote under that number is to be in the answer. */
static enum sh_status check_after(const struct sh_feed_ask *ask, const struct sh_param *param,
                                  const struct sh_param *timeout_ms, struct sh_error *err) {
    static const char *const words[] = {"client", "number"};
    static const struct sh_param_names names = {words, 2, 0};
    struct sh_param params[2];
    struct sh_text client = {0};
    int64_t number = 0;
    enum sh_status status;
    if (!sh_param_given(param)) return SH_OK;
    status = sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    if (status == SH_OK) status = sh_param_needed_text(&params[0], "client", &client, err);
    if (status == SH_OK) status = sh_param_require(&params[1], "number", err);
    if (status == SH_OK) status = sh_param_integer(&params[1], "number", 1, INT64_MAX, &number, err);
    if (status != SH_OK) return status;
    const struct sh_workspace *workspace = ask->call->workspace;
    const struct sh_text name = {workspace->name, workspace->name_count};
    if (sh_repeats_latest(&ask->call->shard->repeats, name, client) >= (uint64_t)number) return SH_OK;
    if ((status = tell_wait(ask, timeout_ms, err)) != SH_OK) return status;
    return sh_fail(err, SH_ERR_BUSY, -1, "write %lld of that client is not done here yet: ask again",
                   (long long)number);
}

/* ---- Pages ---- */

static enum sh_status read_cursor(struct sh_feed_ask *ask, const struct sh_param *param, struct sh_error *err) {
    struct sh_call *call = ask->call;
    struct sh_text token = {0};
    enum sh_status status = sh_param_text(param, "cursor", &token, err);
    if (status != SH_OK || !sh_param_given(param)) return status;
    if ((status = sh_feed_pages_parse(token, call->arena, &ask->pages, err)) != SH_OK) return status;
    uint32_t *shown = sh_arena_alloc(call->arena, (2 * (size_t)ask->pages.count + 1) * sizeof *shown);
    uint32_t *excluded =
        sh_arena_alloc(call->arena, (ask->excluded_count + 2 * (size_t)ask->pages.count + 1) * sizeof *excluded);
    if (shown == NULL || excluded == NULL) return sh_fail_memory(err);
    uint32_t shown_count;
    status = sh_feed_find_hashed(call->workspace->feed, ask->pages.hashes, ask->pages.count, call->arena, shown,
                                 &shown_count, err);
    if (status != SH_OK) return status;
    if (ask->excluded_count > 0) memcpy(excluded, ask->excluded, ask->excluded_count * sizeof *excluded);
    memcpy(excluded + ask->excluded_count, shown, shown_count * sizeof *shown);
    ask->request.excluded = excluded;
    ask->request.excluded_count = ask->excluded_count + shown_count;
    ask->request.place = ask->pages.count;
    ask->request.before_count = shown_count < SH_FEED_COUNT_MAX ? shown_count : SH_FEED_COUNT_MAX;
    ask->request.before = shown + (shown_count - ask->request.before_count);
    return SH_OK;
}

/* ---- Rules of the scene and the request ---- */

static enum sh_status overlay_scene(const struct sh_feed_ask *ask, struct sh_text name, bool must,
                                    struct sh_param *words, struct sh_error *err) {
    static const struct sh_param_names names = {sh_feed_words, SH_WORD_COUNT, 0};
    const struct sh_scenes *scenes = &ask->call->workspace->scenes;
    const struct sh_scene *scene = sh_scenes_find(scenes, name);
    struct sh_param params[SH_WORD_COUNT];
    if (scene == NULL) return must ? sh_scenes_fail_unknown(scenes, name, err) : SH_OK;
    const enum sh_status status = sh_params_read(scene->rules, scene->rules_bytes, &names, params, NULL, err);
    for (uint32_t i = 0; i < SH_WORD_COUNT && status == SH_OK; i++)
        if (sh_param_given(&params[i])) words[i] = params[i];
    return status;
}

static enum sh_status read_scene(const struct sh_feed_ask *ask, const struct sh_param *params, struct sh_param *words,
                                 struct sh_error *err) {
    struct sh_text name = {0};
    enum sh_status status = sh_param_text(&params[SH_ASK_SCENE], "scene", &name, err);
    memset(words, 0, SH_WORD_COUNT * sizeof *words);
    if (status == SH_OK) status = overlay_scene(ask, SH_TEXT_LITERAL("default"), false, words, err);
    if (status == SH_OK && sh_param_given(&params[SH_ASK_SCENE])) status = overlay_scene(ask, name, true, words, err);
    for (uint32_t i = 0; i < SH_WORD_OF_REQUEST_COUNT; i++)
        if (sh_param_given(&params[SH_ASK_RULES + i])) words[i] = params[SH_ASK_RULES + i];
    return status;
}

enum sh_status sh_feed_ask_check_time(const struct sh_feed_ask *ask, const struct sh_param *timeout_ms,
                                      struct sh_error *err) {
    const struct sh_request *request = ask->call->request;
    int64_t timeout = 0;
    const enum sh_status status = sh_param_integer(timeout_ms, "timeout_ms", 1, TIMEOUT_MS_MAX, &timeout, err);
    if (status != SH_OK || timeout == 0 || request->clock_ns == NULL) return status;
    if (request->clock_ns(request->clock_context) < request->begin_ns + (uint64_t)timeout * 1000000u) return SH_OK;
    return sh_fail(err, SH_ERR_DEADLINE, -1, "the feed was not ready within %lld ms", (long long)timeout);
}

/* ---- Both halves ---- */

enum sh_status sh_feed_ask_read(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    struct sh_param words[SH_WORD_COUNT];
    int64_t wanted = FEED_COUNT_DEFAULT;
    enum sh_status status;
    ask->shared = ask->call->arena;
    ask->is_recorded = true;
    if ((status = sh_feed_ask_check_time(ask, &params[SH_ASK_TIMEOUT_MS], err)) != SH_OK) return status;
    if ((status = check_after(ask, &params[SH_ASK_AFTER], &params[SH_ASK_TIMEOUT_MS], err)) != SH_OK) return status;
    status = sh_param_integer(&params[SH_ASK_COUNT], "count", 1, SH_FEED_COUNT_MAX, &wanted, err);
    if (status != SH_OK) return status;
    ask->request.count = (uint32_t)wanted;
    if ((status = sh_read_now(&params[SH_ASK_NOW], ask->call, &ask->request.now_ms, err)) != SH_OK) return status;
    if ((status = read_detail(ask, &params[SH_ASK_EXPLAIN], err)) != SH_OK) return status;
    if ((status = read_fields(ask, &params[SH_ASK_FIELDS], err)) != SH_OK) return status;
    status = read_items(ask, &params[SH_ASK_EXCLUDE], "exclude", SH_BATCH_ROW_COUNT_MAX, &ask->excluded,
                        &ask->excluded_count, err);
    if (status != SH_OK) return status;
    if ((status = sh_param_boolean(&params[SH_ASK_RECORD], "record", &ask->is_recorded, err)) != SH_OK) return status;
    ask->request.hour = sh_served_hour(ask->call->workspace, ask->request.now_ms);
    if ((status = sh_param_text(&params[SH_ASK_STORE], "store", &ask->store, err)) != SH_OK) return status;
    ask->request.store = ask->store; /* whose trends count */
    if ((status = read_scene(ask, params, words, err)) != SH_OK) return status;
    if ((status = sh_feed_ask_read_rules(ask, words, err)) != SH_OK) return status;
    return sh_feed_ask_read_gates(ask, words, &params[SH_ASK_FILTER], err);
}

enum sh_status sh_feed_ask_visitor(struct sh_feed_ask *ask, const struct sh_param *params, struct sh_error *err) {
    int64_t seed = (int64_t)(ask->call->request->id & INT64_MAX);
    enum sh_status status = read_visitor(ask, params, err);
    if (status != SH_OK) return status;
    ask->request.excluded = ask->excluded;
    ask->request.excluded_count = ask->excluded_count;
    if ((status = read_cursor(ask, &params[SH_ASK_CURSOR], err)) != SH_OK) return status;
    if (sh_param_given(&params[SH_ASK_CURSOR])) seed = (int64_t)ask->pages.seed;
    if ((status = sh_param_integer(&params[SH_ASK_SEED], "seed", INT64_MIN, INT64_MAX, &seed, err)) != SH_OK)
        return status;
    ask->request.seed = ask->pages.seed = (uint64_t)seed;
    ask->request.is_remembered = ask->is_recorded && sh_served_is_wanted(ask->call);
    return sh_feed_ask_open_gates(ask, err);
}

struct sh_feed_stamp sh_feed_stamp_of(const struct sh_workspace *workspace, int64_t now_ms) {
    const struct sh_table *users = workspace->users;
    const struct sh_table *items = workspace->items;
    const int64_t ends_by = now_ms > workspace->clock_ms ? now_ms : workspace->clock_ms;
    return (struct sh_feed_stamp){{
        workspace->rules_version,
        sh_table_schema_version(users) + sh_table_schema_version(items) + sh_event_schema_version(workspace->events),
        sh_table_text_version(users) + sh_table_text_version(items) + sh_event_text_version(workspace->events),
        sh_table_slot_end(items), /* item.id is bound to slots */
        workspace->segments.version,
        /* A plan that asks for tags while some have ended is good for this moment alone. */
        sh_table_any_ended(users, ends_by) ? (uint64_t)ends_by : 0,
    }};
}
