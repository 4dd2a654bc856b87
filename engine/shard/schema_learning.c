/* schema_learning.c -- feed.learning of schema.put and schema.get. */
#include "memory.h"
#include "served.h"

static const char *const goal_names[SH_GOAL_COUNT + 1] = {"click", "cart", "purchase", "none"};

enum { SHARE, WINDOW, GOALS, RANK, CATEGORY, STORE, PRICE, EVENTS, LEARNING_PARAM_COUNT };

static enum sh_status read_map(const struct sh_param *param, const char *const *words, uint32_t count,
                               struct sh_param *params, struct sh_error *err) {
    const struct sh_param_names names = {words, count, 0};
    memset(params, 0, count * sizeof *params);
    if (!sh_param_given(param)) return SH_OK;
    return sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
}

/* An empty name takes the attribute away. */
static enum sh_status read_attribute(const struct sh_param *param, const char *name, const struct sh_table *items,
                                     int32_t *attribute, struct sh_error *err) {
    struct sh_text text = {0};
    const enum sh_status status = sh_param_text(param, name, &text, err);
    if (status != SH_OK || !sh_param_given(param)) return status;
    *attribute = text.count == 0 ? -1 : sh_table_find_attribute(items, text);
    if (*attribute >= 0 || text.count == 0) return SH_OK;
    return sh_fail(err, SH_ERR_NAME, -1, "items have no attribute `%.*s`, which `%s` names",
                   (int)(text.count < 80 ? text.count : 80), text.bytes, name);
}

enum sh_status sh_schema_read_goals(const struct sh_param *param, struct sh_goals *goals, struct sh_error *err) {
    static const char *const words[] = {"click", "cart", "purchase", "amount"};
    double *const values[] = {&goals->weights[SH_GOAL_CLICK], &goals->weights[SH_GOAL_CART],
                              &goals->weights[SH_GOAL_PURCHASE], &goals->amount};
    struct sh_param params[4];
    enum sh_status status = read_map(param, words, 4, params, err);
    for (uint32_t i = 0; i < 4 && status == SH_OK; i++)
        status = sh_param_real(&params[i], words[i], 0, 1e6, values[i], err);
    return status;
}

static enum sh_status read_goals(const struct sh_param *param, struct sh_learner_config *config, struct sh_error *err) {
    struct sh_goals goals = {.amount = config->amount_weight};
    memcpy(goals.weights, config->goal_weights, sizeof goals.weights);
    const enum sh_status status = sh_schema_read_goals(param, &goals, err);
    memcpy(config->goal_weights, goals.weights, sizeof goals.weights);
    config->amount_weight = goals.amount;
    return status;
}

static enum sh_status goal_of_name(struct sh_text name, uint8_t *goal, struct sh_error *err) {
    for (uint8_t i = 0; i <= SH_GOAL_COUNT; i++) {
        if (!sh_text_equal(name, sh_text_of(goal_names[i]))) continue;
        *goal = i;
        return SH_OK;
    }
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "an event is for \"click\", \"cart\", \"purchase\" or \"none\"");
}

/* What events of a type are for: {"下单": "purchase"}. */
static enum sh_status read_events(const struct sh_param *param, const struct sh_event_store *events,
                                  struct sh_learner_config *config, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t pair_count;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "`events` of `learning`", err);
    for (uint32_t i = 0; i < pair_count && status == SH_OK; i++) {
        struct sh_text name;
        struct sh_text goal;
        if ((status = sh_cursor_text(&cursor, &name, "an event type", err)) != SH_OK) return status;
        if ((status = sh_cursor_text(&cursor, &goal, "what an event type is for", err)) != SH_OK) return status;
        uint32_t type;
        if ((status = sh_event_type_named(events, name, &type, err)) != SH_OK) return status;
        status = goal_of_name(goal, &config->goal_of_type[type], err);
    }
    return status;
}

enum sh_status sh_schema_read_learning(const struct sh_param *param, const struct sh_table *items,
                                       const struct sh_event_store *events, struct sh_learner_config *config,
                                       struct sh_error *err) {
    static const char *const words[LEARNING_PARAM_COUNT] = {"share",    "window_minutes", "goals", "rank",
                                                            "category", "store",          "price", "events"};
    struct sh_param params[LEARNING_PARAM_COUNT];
    double minutes = (double)config->window_ms / 60000.0;
    enum sh_status status;
    if ((status = read_map(param, words, LEARNING_PARAM_COUNT, params, err)) != SH_OK) return status;
    if ((status = sh_param_real(&params[SHARE], "share", 0, 1, &config->share, err)) != SH_OK) return status;
    status = sh_param_real(&params[WINDOW], "window_minutes", SH_LEARNER_WINDOW_MS_MIN / 60000.0,
                           (double)SH_LEARNER_WINDOW_MS_MAX / 60000.0, &minutes, err);
    if (status != SH_OK) return status;
    config->window_ms = (int64_t)(minutes * 60000.0 + 0.5);
    if ((status = read_goals(&params[GOALS], config, err)) != SH_OK) return status;
    if ((status = sh_param_boolean(&params[RANK], "rank", &config->ranks, err)) != SH_OK) return status;
    status = read_attribute(&params[CATEGORY], "category", items, &config->category_attribute, err);
    if (status == SH_OK) status = read_attribute(&params[STORE], "store", items, &config->store_attribute, err);
    if (status == SH_OK) status = read_attribute(&params[PRICE], "price", items, &config->price_attribute, err);
    if (status == SH_OK) status = read_events(&params[EVENTS], events, config, err);
    return status == SH_OK ? sh_learner_config_check(config, items, err) : status;
}

/* ---- get ---- */

static void pack_attribute(const struct sh_table *items, const char *name, int32_t attribute, msgpack_packer *packer) {
    sh_pack_literal(packer, name);
    sh_pack_text(packer,
                 attribute < 0 ? (struct sh_text){.bytes = ""} : sh_table_attribute(items, (uint32_t)attribute)->name);
}

void sh_schema_pack_learning(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_learner_config *config = sh_learner_config(sh_feed_learner(workspace->feed));
    const uint32_t type_count = sh_event_type_count(workspace->events);
    sh_pack_literal(packer, "learning");
    (void)msgpack_pack_map(packer, LEARNING_PARAM_COUNT);
    sh_pack_real(packer, "share", config->share);
    sh_pack_real(packer, "window_minutes", (double)config->window_ms / 60000.0);
    sh_pack_literal(packer, "goals");
    (void)msgpack_pack_map(packer, SH_GOAL_COUNT + 1);
    for (uint32_t goal = 0; goal < SH_GOAL_COUNT; goal++)
        sh_pack_real(packer, goal_names[goal], config->goal_weights[goal]);
    sh_pack_real(packer, "amount", config->amount_weight);
    sh_pack_bool(packer, "rank", config->ranks);
    pack_attribute(workspace->items, "category", config->category_attribute, packer);
    pack_attribute(workspace->items, "store", config->store_attribute, packer);
    pack_attribute(workspace->items, "price", config->price_attribute, packer);
    sh_pack_literal(packer, "events");
    (void)msgpack_pack_map(packer, type_count);
    for (uint32_t type = 0; type < type_count; type++) {
        sh_pack_text(packer, sh_event_type(workspace->events, type)->name);
        sh_pack_literal(packer, goal_names[sh_served_goal(workspace, type)]);
    }
}
