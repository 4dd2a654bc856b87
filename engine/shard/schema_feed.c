/* schema_feed.c -- the feed's part of schema.put. */
#include "schema.h"

#include "calendar.h"
#include "memory.h"

/* Days as the merchant says them; a hundred years is as good as for ever. */
#define DAYS_MAX 36500.0

static enum sh_status read_map(const struct sh_param *param, const char *const *words, uint32_t count,
                               struct sh_param *params, struct sh_error *err) {
    const struct sh_param_names names = {words, count, 0};
    memset(params, 0, count * sizeof *params);
    if (!sh_param_given(param)) return SH_OK;
    return sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
}

static enum sh_status read_half_lives(const struct sh_param *param, struct sh_feed_config *config,
                                      struct sh_error *err) {
    static const char *const words[] = {"short", "long", "popularity", "recency", "trend"};
    double *const values[] = {&config->half_life_short_ms, &config->half_life_long_ms, &config->half_life_popularity_ms,
                              &config->half_life_recency_ms, &config->half_life_trend_ms};
    struct sh_param params[5];
    enum sh_status status = read_map(param, words, 5, params, err);
    for (uint32_t i = 0; i < 5 && status == SH_OK; i++) {
        double days = *values[i] / (double)SH_DAY_MS;
        status =
            sh_param_real(&params[i], words[i], SH_FEED_HALF_LIFE_MIN_MS / (double)SH_DAY_MS, DAYS_MAX, &days, err);
        if (status == SH_OK && sh_param_given(&params[i])) *values[i] = days * (double)SH_DAY_MS;
    }
    return status;
}

static enum sh_status read_scores(const struct sh_param *param, struct sh_feed_config *config, struct sh_error *err) {
    enum { DECLARED = SH_FEED_RANKER, SHORT_SHARE, WORD_COUNT };
    const char *words[WORD_COUNT] = {[DECLARED] = "declared", [SHORT_SHARE] = "short_share"};
    double *values[WORD_COUNT] = {[DECLARED] = &config->declared, [SHORT_SHARE] = &config->short_share};
    struct sh_param params[WORD_COUNT];
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        words[i] = sh_feed_feature_name((enum sh_feed_feature)i);
        values[i] = &config->weights[i];
    }
    enum sh_status status = read_map(param, words, WORD_COUNT, params, err);
    for (uint32_t i = 0; i < WORD_COUNT && status == SH_OK; i++)
        status = sh_param_real(&params[i], words[i], 0, i == SHORT_SHARE ? 1 : 1e6, values[i], err);
    return status;
}

/* A name of an item attribute as its number; -1 for an empty name, which switches the rule off. */
static enum sh_status read_attribute(const struct sh_param *param, const char *name, const struct sh_table *items,
                                     int32_t *attribute, struct sh_error *err) {
    struct sh_text text = {0};
    const enum sh_status status = sh_param_text(param, name, &text, err);
    if (status != SH_OK || !sh_param_given(param)) return status;
    *attribute = -1;
    if (text.count == 0) return SH_OK;
    struct sh_row_field field;
    const enum sh_status found = sh_row_field_find(items, text, &field, err);
    if (found != SH_OK) return found;
    if (field.kind != SH_FIELD_ATTRIBUTE)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` must name an attribute of items", name);
    *attribute = (int32_t)field.index;
    return SH_OK;
}

static enum sh_status read_diversity(const struct sh_param *param, const struct sh_table *items,
                                     struct sh_feed_config *config, struct sh_error *err) {
    static const char *const words[] = {"attribute", "count", "window"};
    struct sh_param params[3];
    int64_t count = config->diversity_count;
    int64_t window = config->diversity_window;
    enum sh_status status = read_map(param, words, 3, params, err);
    if (status == SH_OK) status = read_attribute(&params[0], "attribute", items, &config->diversity_attribute, err);
    if (status == SH_OK) status = sh_param_integer(&params[1], "count", 1, SH_FEED_COUNT_MAX, &count, err);
    if (status == SH_OK) status = sh_param_integer(&params[2], "window", 2, SH_FEED_COUNT_MAX, &window, err);
    config->diversity_count = (uint32_t)count;
    config->diversity_window = (uint32_t)window;
    return status;
}

/* The property of events that says where they happened, in at least one type; an empty name: none does. */
static enum sh_status read_store(const struct sh_param *param, const struct sh_event_store *events,
                                 struct sh_feed_config *config, struct sh_error *err) {
    struct sh_text name = {0};
    const enum sh_status status = sh_param_text(param, "store", &name, err);
    if (status != SH_OK || !sh_param_given(param)) return status;
    bool is_known = name.count == 0;
    for (uint32_t i = 0; i < sh_event_type_count(events) && !is_known; i++) {
        const struct sh_event_type *type = sh_event_type(events, i);
        const int32_t property = sh_event_property_find(type, name);
        is_known = property >= 0 && (type->properties[property]->type == SH_TYPE_STRING ||
                                     type->properties[property]->type == SH_TYPE_ENUM);
    }
    if (!is_known || name.count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_NAME, -1, "`store` must name a property of events that is a string or an enum");
    memset(config->store_property, 0, sizeof config->store_property);
    if (name.count > 0) memcpy(config->store_property, name.bytes, name.count);
    config->store_property_count = name.count;
    return SH_OK;
}

/* The space of vectors: a name that no attribute or tag set has, and a dimension; an empty name: none any more. */
static enum sh_status read_vectors(const struct sh_param *param, const struct sh_schema_target *target,
                                   struct sh_feed_config *config, struct sh_error *err) {
    static const char *const words[] = {"space", "dimension"};
    struct sh_param params[2];
    struct sh_text name = {config->vector_space, config->vector_space_count};
    int64_t dimension = config->vector_dimension;
    if (!sh_param_given(param)) return SH_OK;
    enum sh_status status = read_map(param, words, 2, params, err);
    if (status == SH_OK) status = sh_param_text(&params[0], "space", &name, err);
    if (status == SH_OK)
        status = sh_param_integer(&params[1], "dimension", 1, SH_VECTOR_DIMENSION_MAX, &dimension, err);
    if (status != SH_OK) return status;
    if (name.count == 0) dimension = 0;
    if (name.count > 0 && dimension == 0) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`vectors` needs a dimension");
    const struct sh_table *const tables[] = {target->items, target->users};
    for (uint32_t i = 0; i < 2; i++)
        if (sh_table_find_attribute(tables[i], name) >= 0 || sh_table_find_tag_set(tables[i], name) >= 0)
            return sh_fail(err, SH_ERR_CONFLICT, -1, "`%.*s` is an attribute or a tag set already", SH_TEXT_ARGS(name));
    static const struct sh_text taken[] = {SH_TEXT_LITERAL("id"), SH_TEXT_LITERAL("listed"), SH_TEXT_LITERAL("events")};
    for (uint32_t i = 0; i < sizeof taken / sizeof *taken; i++)
        if (sh_text_equal(name, taken[i]))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name `%.*s` is taken", SH_TEXT_ARGS(name));
    if (name.count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "the space of `vectors` has a name of at most %d bytes",
                       (int)SH_NAME_BYTES_MAX);
    char kept[SH_NAME_BYTES_MAX] = {0};
    if (name.count > 0) memcpy(kept, name.bytes, name.count); /* which may be the old one, in place */
    memcpy(config->vector_space, kept, sizeof kept);
    config->vector_space_count = name.count;
    config->vector_dimension = (uint32_t)dimension;
    return SH_OK;
}

enum sh_status sh_schema_read_feed(const struct sh_feed_schema *feed, const struct sh_schema_target *target,
                                   struct sh_feed_config *config, struct sh_error *err) {
    int64_t bought = config->bought_days;
    int64_t seen = config->seen_days;
    int64_t explore = config->explore_every;
    enum sh_status status;
    if ((status = read_half_lives(&feed->half_life_days, config, err)) != SH_OK) return status;
    if ((status = read_scores(&feed->scores, config, err)) != SH_OK) return status;
    if ((status = read_diversity(&feed->diversity, target->items, config, err)) != SH_OK) return status;
    status = read_attribute(&feed->listed_since, "listed_since", target->items, &config->listed_attribute, err);
    if (status != SH_OK) return status;
    status = read_attribute(&feed->due_by, "due_by", target->items, &config->due_attribute, err);
    if (status != SH_OK) return status;
    if ((status = read_store(&feed->store, target->events, config, err)) != SH_OK) return status;
    if ((status = read_vectors(&feed->vectors, target, config, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&feed->bought_days, "bought_days", 0, (int64_t)DAYS_MAX, &bought, err)) != SH_OK)
        return status;
    if ((status = sh_param_integer(&feed->seen_days, "seen_days", 0, (int64_t)DAYS_MAX, &seen, err)) != SH_OK)
        return status;
    if ((status = sh_param_integer(&feed->explore_every, "explore_every", 0, SH_FEED_COUNT_MAX, &explore, err)) !=
        SH_OK)
        return status;
    config->bought_days = (uint32_t)bought;
    config->seen_days = (uint32_t)seen;
    config->explore_every = (uint32_t)explore;
    return sh_feed_config_check(config, target->items, err);
}

enum sh_status sh_schema_check_eligible(const struct sh_feed_schema *feed, const struct sh_schema_target *target,
                                        int64_t now_ms, struct sh_arena *arena, struct sh_buffer *canonical,
                                        struct sh_error *err) {
    if (!sh_param_given(&feed->eligible)) return SH_OK;
    const struct sh_query_scope scope = {.table = target->items, .zone = target->zone, .now_ms = now_ms};
    struct sh_cursor cursor;
    struct sh_node *tree;
    enum sh_status status;
    sh_param_cursor(&feed->eligible, &cursor);
    if ((status = sh_query_read(&cursor, arena, &tree, err)) != SH_OK) return status;
    if (tree->kind != SH_NODE_TRUE) sh_query_print(tree, canonical); /* everything: no rule */
    if ((status = sh_buffer_status(canonical, err)) != SH_OK) return status;
    return sh_query_check(&tree, &scope, arena, err);
}

enum sh_status sh_schema_set_weights(const struct sh_feed_schema *feed, const struct sh_schema_target *target,
                                     bool *changed, struct sh_error *err) {
    if (!sh_param_given(&feed->weights)) return SH_OK;
    struct sh_cursor cursor;
    uint32_t pair_count;
    sh_param_cursor(&feed->weights, &cursor);
    enum sh_status status = sh_cursor_map(&cursor, &pair_count, "`weights`", err);
    for (uint32_t i = 0; i < pair_count && status == SH_OK; i++) {
        struct sh_text name;
        struct sh_param value = {0};
        if ((status = sh_cursor_text(&cursor, &name, "an event type in `weights`", err)) != SH_OK) return status;
        if ((status = sh_cursor_skip(&cursor, &value.begin, err)) != SH_OK) return status;
        value.end = cursor.at;
        uint32_t type;
        if ((status = sh_event_type_named(target->events, name, &type, err)) != SH_OK) return status;
        struct sh_feed_weight weight = sh_feed_weight(target->feed, type);
        const double before = weight.weight;
        status = sh_param_real(&value, "weights", -SH_FEED_WEIGHT_MAX, SH_FEED_WEIGHT_MAX, &weight.weight, err);
        if (status == SH_OK) status = sh_feed_set_weight(target->feed, type, weight, err);
        *changed = *changed || weight.weight != before;
    }
    return status;
}
