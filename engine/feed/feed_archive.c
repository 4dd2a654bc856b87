/* feed_archive.c -- the model as a section of an archive.
 *
 *   section feed 5
 *     config    its fields in their order, without the features' weights; doubles as their bits
 *     features  u32 count, for each                          text name, u64 weight       those left out have their own
 *               (in 1: the weights of the first four in their order, between `declared` and listed_attribute)
 *     sources   from 4 on: u64 half-life of trends, u32 due_attribute, text store_property
 *     space     from 5 on: text vector_space, u32 vector_dimension
 *     weights   u32 count of event types, then for each      u8 has_weight; if so u64 weight, u8 is_seen, u8 is_bought,
 *               from 3 on also u8 is_served, is_skipped, is_disliked
 *     moments   u8 has_base_period, i64 base_period, u8 has_recency_landmark, i64 recency_landmark_ms
 *     items     u32 count up to the last that is listed or popular, i64 listed_ms of each, struct popularity of each
 *     users     u32 count of those with affinities, then ascending by slot
 *                                                            struct user_head, u32 tags, float short, float long
 *     section sessions
 *     sections liked and bought (pairs_archive.c); an archive from before there were pairs has none
 *     section models (item_models_archive.c); likewise
 *     section trends (trends.c); likewise
 *     section learner (learner_archive.c); likewise
 *     sections vectors and uservectors (vectors.c); likewise
 *
 * Roots, recencies, norms and hashes follow from these and from the tables. Room to grow is not written.
 */
#include <math.h>
#include <string.h>

#include "feed_private.h"
#include "memory.h"

enum { FEED_VERSION = 5, FEATURE_NAME_BYTES_MAX = 64, AHEAD = 8 };

struct user_head {
    int64_t landmark_ms;
    uint32_t slot;
    uint32_t count;
};
_Static_assert(sizeof(struct user_head) == 16, "written as is: no padding");

/* ---- Saving ---- */

static void put_double(struct sh_archive_writer *writer, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    sh_archive_put_u64(writer, bits);
}

static void save_config(const struct sh_feed_config *config, struct sh_archive_writer *writer) {
    const double numbers[] = {config->half_life_short_ms,   config->half_life_long_ms, config->half_life_popularity_ms,
                              config->half_life_recency_ms, config->short_share,       config->declared};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        put_double(writer, numbers[i]);
    sh_archive_put_u32(writer, (uint32_t)config->listed_attribute);
    sh_archive_put_u32(writer, config->bought_days);
    sh_archive_put_u32(writer, config->seen_days);
    sh_archive_put_u32(writer, (uint32_t)config->diversity_attribute);
    sh_archive_put_u32(writer, config->diversity_count);
    sh_archive_put_u32(writer, config->diversity_window);
    sh_archive_put_u32(writer, config->explore_every);
    sh_archive_put_u32(writer, SH_FEED_RANKER);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++) {
        sh_archive_put_text(writer, sh_text_of(sh_feed_feature_name((enum sh_feed_feature)i)));
        put_double(writer, config->weights[i]);
    }
}

static void save_sources(const struct sh_feed_config *config, struct sh_archive_writer *writer) {
    put_double(writer, config->half_life_trend_ms);
    sh_archive_put_u32(writer, (uint32_t)config->due_attribute);
    sh_archive_put_text(writer, (struct sh_text){config->store_property, config->store_property_count});
    sh_archive_put_text(writer, (struct sh_text){config->vector_space, config->vector_space_count});
    sh_archive_put_u32(writer, config->vector_dimension);
}

static void save_weights(const struct sh_feed_model *model, struct sh_archive_writer *writer) {
    const uint32_t count = sh_event_type_count(model->scope.events);
    sh_archive_put_u32(writer, count);
    for (uint32_t type = 0; type < count; type++) {
        sh_archive_put_u8(writer, model->has_weight[type]);
        if (!model->has_weight[type]) continue;
        put_double(writer, model->weights[type].weight);
        sh_archive_put_u8(writer, model->weights[type].is_seen);
        sh_archive_put_u8(writer, model->weights[type].is_bought);
        sh_archive_put_u8(writer, model->weights[type].is_served);
        sh_archive_put_u8(writer, model->weights[type].is_skipped);
        sh_archive_put_u8(writer, model->weights[type].is_disliked);
    }
}

static void save_items(const struct sh_feed_model *model, struct sh_archive_writer *writer) {
    uint32_t count = model->item_capacity;
    while (count > 0 && !item_is_listed(model, count - 1) && !model->popularity[count - 1].is_used)
        count--;
    sh_archive_put_u32(writer, count);
    sh_archive_put(writer, model->listed_ms, count * sizeof *model->listed_ms);
    sh_archive_put(writer, model->popularity, count * sizeof *model->popularity);
}

static void save_users(const struct sh_feed_model *model, struct sh_archive_writer *writer) {
    uint32_t count = 0;
    for (uint32_t slot = 0; slot < model->user_capacity; slot++)
        count += model->users[slot] != NULL;
    sh_archive_put_u32(writer, count);
    for (uint32_t slot = 0; slot < model->user_capacity; slot++) {
        struct affinity *affinity = model->users[slot];
        if (slot + AHEAD < model->user_capacity) affinity_prefetch(model, slot + AHEAD);
        if (affinity == NULL) continue;
        const struct user_head head = {affinity->landmark_ms, slot, affinity->count};
        sh_archive_put(writer, &head, sizeof head);
        sh_archive_put(writer, affinity_tags(affinity), affinity->count * sizeof(uint32_t));
        sh_archive_put(writer, affinity_short(affinity), affinity->count * sizeof(float));
        sh_archive_put(writer, affinity_long(affinity), affinity->count * sizeof(float));
    }
}

void sh_feed_save(const struct sh_feed_model *model, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "feed", FEED_VERSION);
    save_config(&model->config, writer);
    save_sources(&model->config, writer);
    save_weights(model, writer);
    sh_archive_put_u8(writer, model->has_base_period);
    sh_archive_put_i64(writer, model->base_period);
    sh_archive_put_u8(writer, model->has_recency_landmark);
    sh_archive_put_i64(writer, model->recency_landmark_ms);
    save_items(model, writer);
    save_users(model, writer);
    sh_sessions_save(model->sessions, writer);
    sh_pairs_save(model->liked, "liked", writer);
    sh_pairs_save(model->bought, "bought", writer);
    sh_item_models_save(model->trained, writer);
    sh_trends_save(model->trends, writer);
    sh_learner_save(model->learner, writer);
    sh_vectors_save(model->item_vectors, "vectors", writer);
    sh_vectors_save(model->user_vectors, "uservectors", writer);
    sh_archive_end(writer);
}

/* ---- Loading ---- */

static double get_double(struct sh_archive_reader *reader) {
    const uint64_t bits = sh_archive_get_u64(reader);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static bool is_instant(int64_t time_ms) {
    return time_ms >= SH_INSTANT_MIN && time_ms <= SH_INSTANT_MAX;
}

static void load_features(struct sh_feed_config *config, struct sh_archive_reader *reader) {
    const uint32_t count =
        sh_archive_get_count(reader, SH_FEED_RANKER, sizeof(uint32_t) + sizeof(uint64_t), "features of a score");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        uint32_t feature = 0;
        const struct sh_text name = sh_archive_get_text(reader, FEATURE_NAME_BYTES_MAX, "a feature of a score");
        while (feature < SH_FEED_RANKER &&
               !sh_text_equal(name, sh_text_of(sh_feed_feature_name((enum sh_feed_feature)feature))))
            feature++;
        sh_free((char *)(uintptr_t)name.bytes);
        if (feature == SH_FEED_RANKER)
            (void)sh_archive_refuse(reader, "there is no feature of that name");
        else
            config->weights[feature] = get_double(reader);
    }
}

static void load_sources(struct sh_feed_config *config, struct sh_archive_reader *reader) {
    config->half_life_trend_ms = get_double(reader);
    config->due_attribute = (int32_t)sh_archive_get_u32(reader);
    const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the property that says the store");
    if (sh_archive_failed(reader)) return;
    if (name.count > 0) memcpy(config->store_property, name.bytes, name.count);
    config->store_property_count = name.count;
    sh_free((char *)(uintptr_t)name.bytes);
}

static void load_space(struct sh_feed_config *config, struct sh_archive_reader *reader) {
    const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the space of vectors");
    config->vector_dimension = sh_archive_get_u32(reader);
    if (name.count > 0 && !sh_archive_failed(reader)) memcpy(config->vector_space, name.bytes, name.count);
    config->vector_space_count = name.count;
    sh_free((char *)(uintptr_t)name.bytes);
}

static void load_config(struct sh_feed_model *model, uint16_t version, struct sh_archive_reader *reader) {
    struct sh_feed_config *config = &model->config;
    struct sh_error err;
    double *const numbers[] = {
        &config->half_life_short_ms,   &config->half_life_long_ms, &config->half_life_popularity_ms,
        &config->half_life_recency_ms, &config->short_share,       &config->declared};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        *numbers[i] = get_double(reader);
    for (uint32_t i = SH_FEED_AFFINITY; i <= SH_FEED_SESSION && version == 1; i++)
        config->weights[i] = get_double(reader);
    config->listed_attribute = (int32_t)sh_archive_get_u32(reader);
    config->bought_days = sh_archive_get_u32(reader);
    config->seen_days = sh_archive_get_u32(reader);
    config->diversity_attribute = (int32_t)sh_archive_get_u32(reader);
    config->diversity_count = sh_archive_get_u32(reader);
    config->diversity_window = sh_archive_get_u32(reader);
    config->explore_every = sh_archive_get_u32(reader);
    if (version > 1) load_features(config, reader);
    if (version > 3) load_sources(config, reader);
    if (version > 4) load_space(config, reader);
    if (!sh_archive_failed(reader) && sh_feed_config_check(config, model->scope.items, &err) != SH_OK)
        (void)sh_archive_refuse(reader, "%s", err.message);
}

static void load_weights(struct sh_feed_model *model, uint16_t version, struct sh_archive_reader *reader) {
    struct sh_error err;
    const uint32_t count = sh_archive_get_u32(reader);
    if (count != sh_event_type_count(model->scope.events))
        (void)sh_archive_refuse(reader, "the weights are those of %u event types", count);
    for (uint32_t type = 0; type < count && !sh_archive_failed(reader); type++) {
        if (!sh_archive_get_bool(reader)) continue;
        struct sh_feed_weight weight = {.weight = get_double(reader)};
        weight.is_seen = sh_archive_get_bool(reader);
        weight.is_bought = sh_archive_get_bool(reader);
        if (version > 2) {
            weight.is_served = sh_archive_get_bool(reader);
            weight.is_skipped = sh_archive_get_bool(reader);
            weight.is_disliked = sh_archive_get_bool(reader);
        }
        if (!sh_archive_failed(reader) && sh_feed_set_weight(model, type, weight, &err) != SH_OK)
            (void)sh_archive_refuse(reader, "%s", err.message);
    }
}

static void load_moments(struct sh_feed_model *model, struct sh_archive_reader *reader) {
    model->has_base_period = sh_archive_get_bool(reader);
    const int64_t base_period = sh_archive_get_i64(reader);
    model->has_recency_landmark = sh_archive_get_bool(reader);
    model->recency_landmark_ms = sh_archive_get_i64(reader);
    if (base_period < INT32_MIN || base_period > INT32_MAX || !is_instant(model->recency_landmark_ms))
        (void)sh_archive_refuse(reader, "the moments that sums are counted from are outside all time");
    else
        model->base_period = (int32_t)base_period;
}

static const char *fault_of_item(const struct sh_feed_model *model, uint32_t item) {
    const struct popularity *popularity = &model->popularity[item];
    const int64_t listed_ms = model->listed_ms[item];
    if (listed_ms != INT64_MIN && !is_instant(listed_ms)) return "an item is listed since a time outside all time";
    if (popularity->is_used > 1) return "a popularity is neither used nor unused";
    if (!popularity->is_used) {
        for (uint32_t i = 0; i < SH_FEED_PERIOD_COUNT; i++)
            if (popularity->sums[i] != 0) return "a popularity without events has sums";
        return popularity->newest == 0 ? NULL : "a popularity without events has a newest period";
    }
    if (!model->has_base_period) return "there are sums of popularity, and no period that they are counted from";
    return popularity_fits_base(model, popularity) ? NULL : "a popularity is too far ahead of the others";
}

/* What the tables say about a listed item. */
static void list_item(struct sh_feed_model *model, uint32_t item) {
    model->listed[item / 64] |= UINT64_C(1) << (item % 64);
    model->listed_count++;
    item_learn_row(model, item);
}

static void load_items(struct sh_feed_model *model, struct sh_archive_reader *reader) {
    const size_t item_bytes = sizeof *model->listed_ms + sizeof *model->popularity;
    const uint32_t count =
        sh_archive_get_count(reader, sh_table_slot_end(model->scope.items), item_bytes, "items that are known");
    if (count == 0) return;
    if (item_reserve(model, count - 1) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    (void)sh_archive_get(reader, model->listed_ms, count * sizeof *model->listed_ms);
    (void)sh_archive_get(reader, model->popularity, count * sizeof *model->popularity);
    for (uint32_t item = 0; item < count && !sh_archive_failed(reader); item++) {
        const char *fault = fault_of_item(model, item);
        if (fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
        if (fault == NULL && model->listed_ms[item] != INT64_MIN) list_item(model, item);
    }
    if (!sh_archive_failed(reader)) popularity_refresh(model);
}

static const char *fault_of_affinity(const struct sh_feed_model *model, struct affinity *affinity) {
    const char *reason = NULL;
    if (!is_instant(affinity->landmark_ms)) return "an affinity is counted from a time outside all time";
    for (uint32_t i = 0; i < affinity->count; i++)
        if (!tag_is_known(model->scope.items, affinity_tags(affinity)[i])) return "an affinity is to an unknown tag";
    return affinity_check(affinity, &reason) ? NULL : reason;
}

static void load_user(struct sh_feed_model *model, uint32_t *slot_min, struct sh_archive_reader *reader) {
    struct user_head head;
    struct affinity *affinity;
    if (!sh_archive_get(reader, &head, sizeof head)) return;
    if (head.slot < *slot_min || !sh_bitmap_contains(sh_table_live(model->scope.users), head.slot) || head.count == 0 ||
        head.count > SH_FEED_AFFINITY_COUNT_MAX) {
        (void)sh_archive_refuse(reader, "%u affinities of user %u cannot be", head.count, head.slot);
        return;
    }
    *slot_min = head.slot + 1;
    if (affinity_reserve(model, head.slot, head.count, &affinity) != SH_OK) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    affinity->landmark_ms = head.landmark_ms;
    (void)sh_archive_get(reader, affinity_tags(affinity), head.count * sizeof(uint32_t));
    (void)sh_archive_get(reader, affinity_short(affinity), head.count * sizeof(float));
    (void)sh_archive_get(reader, affinity_long(affinity), head.count * sizeof(float));
    affinity->count = (uint16_t)head.count;
    const char *fault = sh_archive_failed(reader) ? NULL : fault_of_affinity(model, affinity);
    if (fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
}

static void load_users(struct sh_feed_model *model, struct sh_archive_reader *reader) {
    const uint32_t slot_end = sh_table_slot_end(model->scope.users);
    const uint32_t count = sh_archive_get_count(reader, slot_end, sizeof(struct user_head), "users with affinities");
    uint32_t slot_min = 0;
    if (count > 0 && users_reserve(model, slot_end - 1) != SH_OK) (void)sh_archive_refuse_memory(reader);
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++)
        load_user(model, &slot_min, reader);
}

static enum sh_status load_pairs(struct sh_pairs *pairs, const char *name, const struct sh_feed_scope *scope,
                                 struct sh_archive_reader *reader) {
    if (!sh_archive_comes(reader, name)) return sh_archive_status(reader, NULL);
    return sh_pairs_load(pairs, name, sh_table_slot_end(scope->items), sh_table_slot_end(scope->users), reader);
}

static enum sh_status load_learner(struct sh_feed_model *model, struct sh_archive_reader *reader) {
    if (!sh_archive_comes(reader, "learner")) return sh_archive_status(reader, NULL);
    return sh_learner_load(model->learner, reader);
}

static enum sh_status load_vectors(struct sh_vectors *vectors, const char *name, uint32_t slot_end,
                                   struct sh_archive_reader *reader) {
    if (!sh_archive_comes(reader, name)) return sh_archive_status(reader, NULL);
    return sh_vectors_load(vectors, name, slot_end, reader);
}

enum sh_status sh_feed_load(const struct sh_feed_scope *scope, struct sh_archive_reader *reader,
                            struct sh_feed_model **loaded) {
    *loaded = NULL;
    const uint16_t version = sh_archive_enter(reader, "feed", FEED_VERSION);
    if (version == 0) return sh_archive_status(reader, NULL);
    struct sh_feed_model *model = sh_feed_model_create(scope);
    if (model == NULL) return sh_archive_refuse_memory(reader);
    load_config(model, version, reader);
    sh_trends_clear(model->trends, model->config.half_life_trend_ms, model->config.half_life_popularity_ms);
    if (!sh_archive_failed(reader)) {
        sh_vectors_clear(model->item_vectors, model->config.vector_dimension);
        sh_vectors_clear(model->user_vectors, model->config.vector_dimension);
    }
    if (!sh_archive_failed(reader)) load_weights(model, version, reader);
    if (!sh_archive_failed(reader)) load_moments(model, reader);
    if (!sh_archive_failed(reader)) load_items(model, reader);
    if (!sh_archive_failed(reader)) load_users(model, reader);
    const uint32_t item_end = sh_table_slot_end(scope->items);
    const uint32_t user_end = sh_table_slot_end(scope->users);
    if (sh_sessions_load(model->sessions, item_end, user_end, reader) == SH_OK &&
        load_pairs(model->liked, "liked", scope, reader) == SH_OK &&
        load_pairs(model->bought, "bought", scope, reader) == SH_OK &&
        (!sh_archive_comes(reader, "models") || sh_item_models_load(model->trained, item_end, reader) == SH_OK) &&
        (!sh_archive_comes(reader, "trends") || sh_trends_load(model->trends, item_end, reader) == SH_OK) &&
        load_learner(model, reader) == SH_OK &&
        load_vectors(model->item_vectors, "vectors", item_end, reader) == SH_OK &&
        load_vectors(model->user_vectors, "uservectors", user_end, reader) == SH_OK)
        sh_archive_leave(reader);
    if (sh_archive_failed(reader))
        sh_feed_model_destroy(model);
    else
        *loaded = model;
    return sh_archive_status(reader, NULL);
}
