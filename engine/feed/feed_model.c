/* feed_model.c -- configuration and life of a feed's model. */
#include <math.h>
#include <string.h>

#include "calendar.h"
#include "feed_learned.h"
#include "feed_narrow.h"
#include "memory.h"

/* ---- Configuration ---- */

struct sh_feed_config sh_feed_config_default(void) {
    struct sh_feed_config config = {.half_life_short_ms = (double)SH_DAY_MS,
                                    .half_life_long_ms = 30 * (double)SH_DAY_MS,
                                    .half_life_popularity_ms = 7 * (double)SH_DAY_MS,
                                    .half_life_recency_ms = 30 * (double)SH_DAY_MS,
                                    .half_life_trend_ms = (double)SH_DAY_MS,
                                    .short_share = 0.5,
                                    .declared = 2,
                                    .listed_attribute = -1,
                                    .due_attribute = -1,
                                    .bought_days = 30,
                                    .seen_days = 0,
                                    .diversity_attribute = -1,
                                    .diversity_count = 2,
                                    .diversity_window = 4,
                                    .explore_every = 0};
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        config.weights[i] = sh_feed_feature_weight_default((enum sh_feed_feature)i);
    return config;
}

struct sh_feed_weight sh_feed_weight_default(struct sh_text type_name) {
    static const struct {
        struct sh_text name;
        struct sh_feed_weight weight;
    } known[] = {
        {SH_TEXT_LITERAL("view"), {.weight = 1, .is_seen = true}},
        {SH_TEXT_LITERAL("click"), {.weight = 1, .is_seen = true}},
        {SH_TEXT_LITERAL("favorite"), {.weight = 2}},
        {SH_TEXT_LITERAL("cart"), {.weight = 3}},
        {SH_TEXT_LITERAL("purchase"), {.weight = 5, .is_bought = true}},
        {SH_TEXT_LITERAL("impression"), {.weight = 0, .is_served = true}},
        {SH_TEXT_LITERAL("exposure"), {.weight = 0, .is_served = true}},
        {SH_TEXT_LITERAL("skip"), {.weight = -0.5, .is_skipped = true}},
        {SH_TEXT_LITERAL("dislike"), {.weight = -3, .is_disliked = true}},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (sh_text_equal(known[i].name, type_name)) return known[i].weight;
    return (struct sh_feed_weight){.weight = 1};
}

static bool is_between(double value, double low, double high) {
    return value >= low && value <= high; /* false for what is not a number */
}

static enum sh_status check_half_lives(const struct sh_feed_config *config, struct sh_error *err) {
    const double half_lives_ms[] = {config->half_life_short_ms, config->half_life_long_ms,
                                    config->half_life_popularity_ms, config->half_life_recency_ms,
                                    config->half_life_trend_ms};
    for (size_t i = 0; i < sizeof half_lives_ms / sizeof *half_lives_ms; i++)
        if (!is_between(half_lives_ms[i], SH_FEED_HALF_LIFE_MIN_MS, (double)SH_INSTANT_MAX))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "a half-life is at least a minute and at most 8,000 years");
    return SH_OK;
}

enum sh_status sh_feed_config_check(const struct sh_feed_config *config, const struct sh_table *items,
                                    struct sh_error *err) {
    const enum sh_status status = check_half_lives(config, err);
    if (status != SH_OK) return status;
    if (!is_between(config->short_share, 0, 1))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the share of the short half-life is 0 to 1");
    bool weights_are_right = is_between(config->declared, 0, SH_FEED_WEIGHT_MAX);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        weights_are_right = weights_are_right && is_between(config->weights[i], 0, SH_FEED_WEIGHT_MAX);
    if (!weights_are_right)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a weight of the score is 0 to %g", SH_FEED_WEIGHT_MAX);
    const int64_t attribute_count = sh_table_attribute_count(items);
    if (config->listed_attribute >= attribute_count || config->diversity_attribute >= attribute_count ||
        config->due_attribute >= attribute_count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "items have no attribute of that number");
    if (config->listed_attribute >= 0 &&
        sh_table_attribute(items, (uint32_t)config->listed_attribute)->type != SH_TYPE_TIME)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the attribute that says since when an item is listed is a time");
    if (config->due_attribute >= 0) {
        const enum sh_type type = sh_table_attribute(items, (uint32_t)config->due_attribute)->type;
        if (type != SH_TYPE_ENUM && type != SH_TYPE_STRING)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "what is bought again is told by an attribute of texts or labels");
    }
    if (config->store_property_count > SH_NAME_BYTES_MAX)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the property that says the store has too long a name");
    if (config->vector_space_count > SH_NAME_BYTES_MAX || config->vector_dimension > SH_VECTOR_DIMENSION_MAX ||
        (config->vector_space_count > 0) != (config->vector_dimension > 0))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a space of vectors has a name and a dimension of 1 to %d",
                       (int)SH_VECTOR_DIMENSION_MAX);
    if (config->diversity_attribute >= 0 &&
        !(config->diversity_count >= 1 && config->diversity_count < config->diversity_window &&
          config->diversity_window <= SH_FEED_COUNT_MAX))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "diversity needs 1 <= count < window <= %d", (int)SH_FEED_COUNT_MAX);
    if (config->explore_every == 1)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a feed cannot explore in every place; 0 is never, 2 every other");
    return SH_OK;
}

const struct sh_feed_config *sh_feed_config(const struct sh_feed_model *model) {
    return &model->config;
}

static void forget_affinities(struct sh_feed_model *model) {
    if (model->user_capacity > 0) memset(model->users, 0, model->user_capacity * sizeof *model->users);
    model->user_bytes = 0;
    pool_deinit(&model->affinities);
}

static void forget_popularity(struct sh_feed_model *model) {
    if (model->item_capacity > 0) memset(model->popularity, 0, model->item_capacity * sizeof *model->popularity);
    model->has_base_period = false;
    popularity_refresh(model);
}

/* Trends are of two half-lives, and of the property that says where. */
static bool trends_changed(const struct sh_feed_config *a, const struct sh_feed_config *b) {
    return a->half_life_trend_ms != b->half_life_trend_ms || a->half_life_popularity_ms != b->half_life_popularity_ms ||
           a->store_property_count != b->store_property_count ||
           memcmp(a->store_property, b->store_property, a->store_property_count) != 0;
}

static bool vectors_changed(const struct sh_feed_config *a, const struct sh_feed_config *b) {
    return a->vector_dimension != b->vector_dimension || a->vector_space_count != b->vector_space_count ||
           memcmp(a->vector_space, b->vector_space, a->vector_space_count) != 0;
}

static void forget_trends(struct sh_feed_model *model) {
    sh_trends_clear(model->trends, model->config.half_life_trend_ms, model->config.half_life_popularity_ms);
    memset(model->store_properties, 0, sizeof model->store_properties);
}

enum sh_status sh_feed_configure(struct sh_feed_model *model, const struct sh_feed_config *config, bool *relearn,
                                 struct sh_error *err) {
    if (relearn != NULL) *relearn = false;
    const enum sh_status status = sh_feed_config_check(config, model->scope.items, err);
    if (status != SH_OK) return status;
    const struct sh_feed_config old = model->config;
    model->config = *config;
    const bool affinity_changed =
        old.half_life_short_ms != config->half_life_short_ms || old.half_life_long_ms != config->half_life_long_ms;
    const bool popularity_changed = old.half_life_popularity_ms != config->half_life_popularity_ms;
    if (affinity_changed) forget_affinities(model);
    if (popularity_changed) forget_popularity(model);
    if (vectors_changed(&old, config)) {
        sh_vectors_clear(model->item_vectors, config->vector_dimension);
        sh_vectors_clear(model->user_vectors, config->vector_dimension);
    }
    const bool has_other_trends = trends_changed(&old, config);
    if (has_other_trends) forget_trends(model);
    if (relearn != NULL) *relearn = affinity_changed || popularity_changed || has_other_trends;
    recency_refresh(model, model->recency_landmark_ms);
    return SH_OK;
}

enum sh_status sh_feed_set_weight(struct sh_feed_model *model, uint32_t type, struct sh_feed_weight weight,
                                  struct sh_error *err) {
    if (type >= sh_event_type_count(model->scope.events))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "there is no event type number %u", type);
    if (!is_between(weight.weight, -SH_FEED_WEIGHT_MAX, SH_FEED_WEIGHT_MAX))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "the weight of an event is %g to %g", -SH_FEED_WEIGHT_MAX,
                       SH_FEED_WEIGHT_MAX);
    model->weights[type] = weight;
    model->has_weight[type] = true;
    return SH_OK;
}

/* Types are added while the model lives, so what was not set is looked up by name. */
void sh_feed_reading_default(const struct sh_feed_model *model, struct sh_feed_reading *reading) {
    for (uint32_t type = 0; type < SH_EVENT_TYPE_COUNT_MAX; type++) {
        const bool is_known = type < sh_event_type_count(model->scope.events);
        reading->weights[type] = is_known ? sh_feed_weight(model, type).weight : 0;
        reading->half_life_short_ms[type] = model->config.half_life_short_ms;
        reading->half_life_long_ms[type] = model->config.half_life_long_ms;
    }
}

struct sh_feed_weight sh_feed_weight(const struct sh_feed_model *model, uint32_t type) {
    if (type < SH_EVENT_TYPE_COUNT_MAX && model->has_weight[type]) return model->weights[type];
    return sh_feed_weight_default(sh_event_type(model->scope.events, type)->name);
}

/* ---- Life ---- */

struct sh_feed_model *sh_feed_model_create(const struct sh_feed_scope *scope) {
    sh_assert(scope->users != NULL);
    sh_assert(scope->items != NULL);
    sh_assert(scope->events != NULL);
    struct sh_feed_model *model = sh_alloc_zero(sizeof *model);
    if (model == NULL) return NULL;
    model->scope = *scope;
    model->config = sh_feed_config_default();
    model->sessions = sh_sessions_create((struct sh_session_limits){0});
    model->liked = sh_pairs_create((struct sh_pair_limits){0});
    model->bought = sh_pairs_create((struct sh_pair_limits){0});
    model->trained = sh_item_models_create();
    model->trends = sh_trends_create(model->config.half_life_trend_ms, model->config.half_life_popularity_ms, 0);
    model->learner = sh_learner_create(scope->users, scope->items);
    model->item_vectors = sh_vectors_create();
    model->user_vectors = sh_vectors_create();
    model->ranker = &feed_learned;
    if (model->sessions != NULL && model->liked != NULL && model->bought != NULL && model->trained != NULL &&
        model->trends != NULL && model->learner != NULL && model->item_vectors != NULL && model->user_vectors != NULL)
        return model;
    sh_feed_model_destroy(model);
    return NULL;
}

void sh_feed_model_destroy(struct sh_feed_model *model) {
    if (model == NULL) return;
    pool_deinit(&model->affinities);
    sh_sessions_destroy(model->sessions);
    sh_pairs_destroy(model->liked);
    sh_pairs_destroy(model->bought);
    sh_item_models_destroy(model->trained);
    sh_learner_destroy(model->learner);
    sh_trends_destroy(model->trends);
    sh_vectors_destroy(model->item_vectors);
    sh_vectors_destroy(model->user_vectors);
    narrow_deinit(&model->narrow);
    sh_free(model->users);
    sh_free(model->popularity);
    sh_free(model->popularity_root);
    sh_free(model->recency);
    sh_free(model->inverse_norm);
    sh_free(model->listed_ms);
    sh_free(model->id_hash);
    sh_free(model->listed);
    sh_free(model->stale);
    sh_free(model->block_sums);
    sh_free(model->block_adds);
    sh_free(model->block_slots);
    sh_free(model);
}

struct sh_learner *sh_feed_learner(struct sh_feed_model *model) {
    return model->learner;
}

struct sh_feed_memory sh_feed_memory(const struct sh_feed_model *model) {
    struct sh_feed_memory memory = {
        .affinities = model->affinities.chunk_bytes + model->user_capacity * sizeof(struct affinity *),
        .popularity = (size_t)model->item_capacity * (sizeof(struct popularity) + 5 * sizeof(uint64_t)) +
                      model->item_capacity / 4,
        .visits = sh_sessions_memory_bytes(model->sessions),
        .liked = sh_pairs_memory_bytes(model->liked),
        .bought = sh_pairs_memory_bytes(model->bought),
        .trends = sh_trends_memory_bytes(model->trends),
        .trained = sh_item_models_memory_bytes(model->trained),
        .learner = sh_learner_memory_bytes(model->learner),
        .vectors = sh_vectors_memory_bytes(model->item_vectors) + sh_vectors_memory_bytes(model->user_vectors),
        .narrow = narrow_memory_bytes(&model->narrow),
        .scratch = sizeof *model};
    if (model->block_adds != NULL) memory.scratch += SH_BLOCK_SLOTS * sizeof(double);
    if (model->block_sums != NULL) memory.scratch += SH_BLOCK_SLOTS * (sizeof(double) + sizeof(uint16_t));
    return memory;
}

size_t sh_feed_memory_bytes(const struct sh_feed_model *model) {
    const struct sh_feed_memory memory = sh_feed_memory(model);
    return memory.affinities + memory.popularity + memory.visits + memory.liked + memory.bought + memory.trends +
           memory.trained + memory.learner + memory.vectors + memory.narrow + memory.scratch;
}

/* ---- Check ---- */

static bool broken(const char **reason, const char *words) {
    if (reason != NULL) *reason = words;
    return false;
}

bool affinity_check(struct affinity *affinity, const char **reason) {
    if (affinity->count > affinity->capacity || affinity->capacity > SH_FEED_AFFINITY_COUNT_MAX)
        return broken(reason, "a user has more affinities than room");
    for (uint32_t i = 0; i < affinity->count; i++) {
        if (!isfinite(affinity_short(affinity)[i]) || !isfinite(affinity_long(affinity)[i]))
            return broken(reason, "an affinity is not a finite number");
        for (uint32_t j = 0; j < i; j++)
            if (affinity_tags(affinity)[i] == affinity_tags(affinity)[j])
                return broken(reason, "a user has two affinities for one tag");
    }
    return true;
}

static bool check_items(const struct sh_feed_model *model, const char **reason) {
    uint32_t listed_count = 0;
    double top_root = 0;
    for (uint32_t item = 0; item < model->item_capacity; item++) {
        const double root = model->popularity_root[item];
        if (item_is_listed(model, item) != (model->listed_ms[item] != INT64_MIN))
            return broken(reason, "an item is listed without a time, or the other way round");
        listed_count += item_is_listed(model, item);
        if (!item_is_stale(model, item) && root != popularity_root_of(model, &model->popularity[item]))
            return broken(reason, "a root of popularity is not that of its sums");
        if (root > top_root) top_root = root;
    }
    if (listed_count != model->listed_count) return broken(reason, "the count of listed items is wrong");
    if (top_root != model->top_root) return broken(reason, "the highest root of popularity is another");
    return true;
}

bool sh_feed_check(const struct sh_feed_model *model, const char **reason) {
    uint64_t user_bytes = 0;
    for (uint32_t user = 0; user < model->user_capacity; user++) {
        if (model->users[user] == NULL) continue;
        if (!affinity_check(model->users[user], reason)) return false;
        user_bytes += affinity_bytes(model->users[user]->capacity);
    }
    if (user_bytes != model->user_bytes || user_bytes > model->affinities.chunk_bytes)
        return broken(reason, "the bytes of affinities are counted wrong");
    return check_items(model, reason) && sh_sessions_check(model->sessions, reason) &&
           sh_pairs_check(model->liked, reason) && sh_pairs_check(model->bought, reason) &&
           sh_item_models_check(model->trained, reason) && sh_trends_check(model->trends, reason) &&
           sh_learner_check(model->learner, reason) && sh_vectors_check(model->item_vectors, reason) &&
           sh_vectors_check(model->user_vectors, reason);
}

void sh_feed_print(const struct sh_feed_model *model, struct sh_buffer *buffer) {
    const struct sh_feed_config *config = &model->config;
    uint32_t users = 0;
    for (uint32_t user = 0; user < model->user_capacity; user++)
        users += model->users[user] != NULL;
    sh_buffer_print(buffer, "feed: %u listed items, %u users with affinities, %zu bytes\n", model->listed_count, users,
                    sh_feed_memory_bytes(model));
    sh_buffer_print(buffer, "  half-lives in days: affinity %g and %g (share %g), popularity %g, recency %g\n",
                    config->half_life_short_ms / (double)SH_DAY_MS, config->half_life_long_ms / (double)SH_DAY_MS,
                    config->short_share, config->half_life_popularity_ms / (double)SH_DAY_MS,
                    config->half_life_recency_ms / (double)SH_DAY_MS);
    sh_buffer_print(buffer, "  weights: declared %g", config->declared);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        sh_buffer_print(buffer, ", %s %g", sh_feed_feature_name((enum sh_feed_feature)i), config->weights[i]);
    sh_buffer_print(buffer, "\n");
    sh_buffer_print(buffer, "  %u visits known\n", sh_sessions_count(model->sessions));
    sh_buffer_print(buffer, "  bought left out for %u days, seen for %u; ", config->bought_days, config->seen_days);
    if (config->diversity_attribute >= 0)
        sh_buffer_print(buffer, "at most %u of %u neighbours alike; ", config->diversity_count,
                        config->diversity_window);
    if (config->explore_every == 0)
        sh_buffer_print(buffer, "nothing explored\n");
    else
        sh_buffer_print(buffer, "every %u-th place explored\n", config->explore_every);
    for (uint32_t type = 0; type < sh_event_type_count(model->scope.events); type++) {
        const struct sh_feed_weight weight = sh_feed_weight(model, type);
        sh_buffer_print(buffer, "  %.*s: %g%s%s%s%s%s\n", SH_TEXT_ARGS(sh_event_type(model->scope.events, type)->name),
                        weight.weight, weight.is_served ? ", served" : "", weight.is_seen ? ", seen" : "",
                        weight.is_skipped ? ", skipped" : "", weight.is_disliked ? ", disliked" : "",
                        weight.is_bought ? ", bought" : "");
    }
}
