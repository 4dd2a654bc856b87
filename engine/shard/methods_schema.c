/* methods_schema.c -- schema.put, with the learning again that a changed half-life asks for, and schema.get. */
#include <string.h>

#include "job.h"
#include "memory.h"
#include "schema.h"
#include "served.h"

static struct sh_schema_target target_of(const struct sh_workspace *workspace) {
    return (struct sh_schema_target){workspace->users, workspace->items, workspace->events, workspace->feed,
                                     workspace->zone};
}

/* ---- Learning again ---- */

struct relearn {
    struct sh_call *call;
    bool affinity;
    bool popularity;
    bool trends;
    struct sh_effects *effects;
    struct sh_event_ref *history; /* one user's, newest first */
    uint32_t capacity;
};

static enum sh_status relearn_trend(struct relearn *relearn, struct sh_event *event, struct sh_event_ref ref,
                                    struct sh_error *err) {
    struct sh_call *call = relearn->call;
    struct sh_feed_model *feed = call->workspace->feed;
    const int32_t property = sh_feed_store_property(feed, event->type);
    struct sh_event_value store = {.property = (uint32_t)property};
    event->values = &store;
    event->value_count = property >= 0 && sh_event_ref_property(ref, (uint32_t)property, &store.value);
    const struct sh_trend_act act = sh_feed_trend_of(feed, event, call->request->now_ms);
    event->values = NULL;
    event->value_count = 0;
    if (sh_feed_learn_trend(feed, &act) != SH_OK) return sh_fail_memory(err);
    if (!sh_answer_is_part(call->shard)) return SH_OK;
    return sh_effects_add_trend(&relearn->effects, call->arena, &act, err);
}

static enum sh_status relearn_event(struct relearn *relearn, uint32_t user, struct sh_event_ref ref,
                                    struct sh_error *err) {
    struct sh_call *call = relearn->call;
    struct sh_feed_model *feed = call->workspace->feed;
    const int64_t now_ms = call->request->now_ms;
    struct sh_event event = {.type = sh_event_ref_type(ref),
                             .slot = user,
                             .item = sh_event_ref_item(ref),
                             .time_ms = sh_event_ref_time(ref)};
    if (relearn->affinity && sh_feed_learn_user(feed, &event, now_ms) != SH_OK) return sh_fail_memory(err);
    if (relearn->trends) {
        const enum sh_status status = relearn_trend(relearn, &event, ref, err);
        if (status != SH_OK) return status;
    }
    if (!relearn->popularity || event.item == SH_NO_ITEM) return SH_OK;
    const struct sh_feed_effect effect = sh_feed_effect_of(feed, &event, now_ms);
    if (effect.item == SH_NO_ITEM) return SH_OK;
    if (sh_feed_learn_effect(feed, &effect) != SH_OK) return sh_fail_memory(err);
    return sh_answer_is_part(call->shard) ? sh_effects_add(&relearn->effects, call->arena, &effect, err) : SH_OK;
}

/* Oldest first, as it was learned the first time. */
static enum sh_status relearn_user(struct relearn *relearn, uint32_t user, struct sh_error *err) {
    const struct sh_event_store *events = relearn->call->workspace->events;
    struct sh_event_ref ref;
    uint32_t count = 0;
    for (bool more = sh_event_history_first(events, user, &ref); more; more = sh_event_history_next(events, &ref)) {
        if (sh_grow((void **)&relearn->history, &relearn->capacity, (uint64_t)count + 1, sizeof ref) != SH_OK)
            return sh_fail_memory(err);
        relearn->history[count++] = ref;
    }
    while (count > 0) {
        const enum sh_status status = relearn_event(relearn, user, relearn->history[--count], err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status relearn_all(struct relearn *relearn, struct sh_error *err) {
    struct sh_workspace *workspace = relearn->call->workspace;
    struct sh_bitmap_iterator iterator;
    enum sh_status status = SH_OK;
    sh_bitmap_iterate(&iterator, sh_table_live(workspace->users));
    for (uint32_t user; status == SH_OK && sh_bitmap_iterator_next(&iterator, &user);)
        status = relearn_user(relearn, user, err);
    sh_free(relearn->history);
    if (status == SH_OK && relearn->effects != NULL)
        sh_effects_pack(relearn->effects, workspace, relearn->call->answer->effects);
    return status;
}

/* ---- put ---- */

struct put {
    struct sh_call *call;
    struct sh_schema schema;
    struct sh_buffer eligible; /* canonical */
    bool is_new;               /* this call made the workspace */
    bool changed;
};

static enum sh_status set_eligible(struct put *put, struct sh_error *err) {
    struct sh_workspace *workspace = put->call->workspace;
    const uint32_t count = (uint32_t)put->eligible.count;
    if (!sh_param_given(&put->schema.feed.eligible)) return SH_OK;
    const struct sh_text old = {workspace->eligible, workspace->eligible_count};
    if (sh_text_equal(old, (struct sh_text){(const char *)put->eligible.bytes, count})) return SH_OK;
    char *text = NULL;
    if (count > 0) {
        text = sh_alloc(count);
        if (text == NULL) return sh_fail_memory(err);
        memcpy(text, put->eligible.bytes, count);
    }
    sh_free(workspace->eligible);
    workspace->eligible = text;
    workspace->eligible_count = count;
    put->changed = true;
    return SH_OK;
}

static bool stores_are_equal(const struct sh_feed_config *a, const struct sh_feed_config *b) {
    return sh_text_equal((struct sh_text){a->store_property, a->store_property_count},
                         (struct sh_text){b->store_property, b->store_property_count});
}

static bool spaces_are_equal(const struct sh_feed_config *a, const struct sh_feed_config *b) {
    return a->vector_dimension == b->vector_dimension &&
           sh_text_equal((struct sh_text){a->vector_space, a->vector_space_count},
                         (struct sh_text){b->vector_space, b->vector_space_count});
}

static bool configs_are_equal(const struct sh_feed_config *a, const struct sh_feed_config *b) {
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        if (a->weights[i] != b->weights[i]) return false;
    return a->half_life_short_ms == b->half_life_short_ms && a->half_life_long_ms == b->half_life_long_ms &&
           a->half_life_popularity_ms == b->half_life_popularity_ms &&
           a->half_life_recency_ms == b->half_life_recency_ms && a->short_share == b->short_share &&
           a->declared == b->declared && a->listed_attribute == b->listed_attribute &&
           a->bought_days == b->bought_days && a->seen_days == b->seen_days &&
           a->diversity_attribute == b->diversity_attribute && a->diversity_count == b->diversity_count &&
           a->diversity_window == b->diversity_window && a->explore_every == b->explore_every &&
           a->half_life_trend_ms == b->half_life_trend_ms && a->due_attribute == b->due_attribute &&
           stores_are_equal(a, b) && spaces_are_equal(a, b);
}

static enum sh_status put_learning(struct put *put, struct sh_error *err) {
    struct sh_workspace *workspace = put->call->workspace;
    struct sh_learner *learner = sh_feed_learner(workspace->feed);
    const struct sh_learner_config before = *sh_learner_config(learner);
    struct sh_learner_config config = before;
    if (!sh_param_given(&put->schema.feed.learning)) return SH_OK;
    enum sh_status status =
        sh_schema_read_learning(&put->schema.feed.learning, workspace->items, workspace->events, &config, err);
    if (status == SH_OK) status = sh_learner_configure(learner, &config, err);
    put->changed = put->changed || !sh_learner_configs_are_equal(&before, &config);
    return status;
}

static enum sh_status put_feed(struct put *put, struct sh_error *err) {
    struct sh_workspace *workspace = put->call->workspace;
    const struct sh_schema_target target = target_of(workspace);
    const struct sh_feed_config before = *sh_feed_config(workspace->feed);
    struct sh_feed_config config = before;
    bool relearn = false;
    enum sh_status status;
    if ((status = set_eligible(put, err)) != SH_OK) return status;
    if ((status = sh_schema_set_weights(&put->schema.feed, &target, &put->changed, err)) != SH_OK) return status;
    if ((status = sh_schema_read_feed(&put->schema.feed, &target, &config, err)) != SH_OK) return status;
    if ((status = put_learning(put, err)) != SH_OK) return status;
    if (configs_are_equal(&before, &config)) return SH_OK;
    put->changed = true;
    if ((status = sh_feed_configure(workspace->feed, &config, &relearn, err)) != SH_OK || !relearn) return status;
    struct relearn again = {.call = put->call};
    again.affinity =
        before.half_life_short_ms != config.half_life_short_ms || before.half_life_long_ms != config.half_life_long_ms;
    again.popularity = before.half_life_popularity_ms != config.half_life_popularity_ms;
    again.trends = again.popularity || before.half_life_trend_ms != config.half_life_trend_ms ||
                   !stores_are_equal(&before, &config);
    return relearn_all(&again, err);
}

/* What is saved must mean something under the new schema too. */
static enum sh_status rehearse_saved(struct sh_call *call, const struct sh_schema_target *copy, struct sh_error *err) {
    struct sh_query_scope scope;
    sh_workspace_scope(call->workspace, false, call->request->now_ms, &scope);
    scope.table = copy->users;
    scope.items = copy->items;
    scope.events = copy->events;
    enum sh_status status = sh_scores_fit(call->workspace->scores, &scope, call->arena, err);
    if (status == SH_OK) status = sh_catalogue_fit(&call->workspace->segments, &scope, call->arena, err);
    if (status == SH_OK) status = sh_rules_fit(&call->workspace->rules, &scope, call->arena, err);
    return status == SH_OK ? sh_referral_fit(call->workspace->referral, &scope, call->arena, err) : status;
}

static enum sh_status check_personal(const struct sh_schema *schema, const struct sh_table *users,
                                     struct sh_error *err) {
    for (uint32_t i = 0; i < schema->personal_count; i++) {
        const struct sh_text name = schema->personal[i];
        struct sh_row_field field;
        const enum sh_status status = sh_row_field_find(users, name, &field, err);
        if (status != SH_OK) return status;
        if (field.kind == SH_FIELD_ID)
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "an `id` leads every row, and cannot be personal");
    }
    return SH_OK;
}

/* Everything that can be refused is refused here. */
static enum sh_status rehearse(struct put *put, struct sh_error *err) {
    struct sh_call *call = put->call;
    const struct sh_schema_target target = target_of(call->workspace);
    struct sh_schema_target copy;
    struct sh_feed_config config = *sh_feed_config(call->workspace->feed);
    struct sh_learner_config learning = *sh_learner_config(sh_feed_learner(call->workspace->feed));
    bool ignored = false;
    enum sh_status status = sh_schema_copy(&target, &copy, call->arena, err);
    if (status == SH_OK) status = sh_schema_apply(&put->schema, &copy, err);
    if (status == SH_OK) status = sh_schema_set_weights(&put->schema.feed, &copy, &ignored, err);
    if (status == SH_OK) status = sh_schema_read_feed(&put->schema.feed, &copy, &config, err);
    if (status == SH_OK && sh_param_given(&put->schema.feed.learning))
        status = sh_schema_read_learning(&put->schema.feed.learning, copy.items, copy.events, &learning, err);
    if (status == SH_OK)
        status =
            sh_schema_check_eligible(&put->schema.feed, &copy, call->request->now_ms, call->arena, &put->eligible, err);
    if (status == SH_OK) status = rehearse_saved(call, &copy, err);
    if (status == SH_OK) status = check_personal(&put->schema, copy.users, err);
    sh_schema_target_deinit(&copy);
    return status;
}

static uint64_t versions(const struct sh_workspace *workspace) {
    return sh_table_schema_version(workspace->users) + sh_table_schema_version(workspace->items) +
           sh_event_schema_version(workspace->events);
}

static enum sh_status put_contact(struct put *put, struct sh_error *err) {
    struct sh_workspace *workspace = put->call->workspace;
    const struct sh_schema *schema = &put->schema;
    if (schema->has_purpose_required && workspace->contact.is_required != schema->purpose_required) {
        workspace->contact.is_required = schema->purpose_required;
        put->changed = true;
    }
    if (!schema->has_purposes) return SH_OK;
    return sh_contact_set(&workspace->contact, workspace->users, schema->purposes, schema->purpose_count, &put->changed,
                          err);
}

static enum sh_status put_schema(struct put *put, struct sh_error *err) {
    struct sh_workspace *workspace = put->call->workspace;
    const struct sh_text zone = sh_zone_name(workspace->zone);
    if (!put->is_new && put->schema.zone.count > 0 && !sh_text_equal(put->schema.zone, zone))
        return sh_fail(err, SH_ERR_CONFLICT, -1, "the workspace is in the zone %.*s, which was fixed when it was made",
                       SH_TEXT_ARGS(zone));
    enum sh_status status;
    if ((status = rehearse(put, err)) != SH_OK) return status;
    /* Ranks of labels are part of plans: what is being answered is answered by the schema that it was planned for. */
    sh_jobs_finish(workspace);
    const uint64_t before = versions(workspace);
    const struct sh_schema_target target = target_of(workspace);
    if ((status = sh_schema_apply(&put->schema, &target, err)) != SH_OK) return status;
    put->changed = put->changed || versions(workspace) != before;
    (void)sh_workspace_sweep(workspace, put->call->request->now_ms);
    if (put->schema.has_personal)
        status =
            sh_privacy_set(&workspace->privacy, put->schema.personal, put->schema.personal_count, &put->changed, err);
    if (status == SH_OK) status = put_contact(put, err);
    if (status != SH_OK) return status;
    return put->schema.feed.is_given ? put_feed(put, err) : SH_OK;
}

enum sh_status sh_handle_schema_put(struct sh_call *call, struct sh_error *err) {
    struct put put = {.call = call, .is_new = call->workspace == NULL};
    enum sh_status status = sh_schema_read(call->request, call->arena, &put.schema, err);
    if (status != SH_OK) return status;
    if (put.is_new) {
        const struct sh_text zone = put.schema.zone.count > 0 ? put.schema.zone : SH_TEXT_LITERAL("UTC");
        status = sh_workspace_create(call->shard, call->request->workspace, zone, &call->workspace, err);
        if (status != SH_OK) return status;
        put.changed = true;
    }
    sh_buffer_init(&put.eligible, SH_EXPRESSION_BYTES_MAX * 4);
    status = put_schema(&put, err);
    sh_buffer_deinit(&put.eligible);
    if (status != SH_OK) {
        if (put.is_new) {
            sh_workspace_destroy_last(call->shard);
            call->workspace = NULL; /* the door looks at it afterwards */
        }
        return status;
    }
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "changed");
    if (put.changed)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    return SH_OK;
}

/* ---- get ---- */

static void pack_attribute(const char *word, struct sh_text name, enum sh_type type, uint32_t scale,
                           const struct sh_dictionary *texts, const uint32_t *code_of_rank, msgpack_packer *packer) {
    const bool has_more = type == SH_TYPE_DECIMAL || type == SH_TYPE_ENUM;
    (void)msgpack_pack_map(packer, has_more ? 3 : 2);
    sh_pack_literal(packer, "name");
    sh_pack_text(packer, name);
    sh_pack_literal(packer, "type");
    sh_pack_literal(packer, word);
    if (type == SH_TYPE_DECIMAL) {
        sh_pack_literal(packer, "scale");
        (void)msgpack_pack_uint32(packer, scale);
    }
    if (type != SH_TYPE_ENUM) return;
    sh_pack_literal(packer, "labels");
    (void)msgpack_pack_array(packer, sh_dictionary_count(texts));
    for (uint32_t rank = 0; rank < sh_dictionary_count(texts); rank++)
        sh_pack_text(packer, sh_dictionary_text(texts, code_of_rank[rank]));
}

static const char *type_word(enum sh_type type, bool is_date) {
    return is_date ? "date" : sh_type_name(type);
}

static void pack_table(const struct sh_table *table, const char *word, msgpack_packer *packer) {
    sh_pack_literal(packer, word);
    (void)msgpack_pack_map(packer, 2);
    sh_pack_literal(packer, "attributes");
    (void)msgpack_pack_array(packer, sh_table_attribute_count(table));
    for (uint32_t i = 0; i < sh_table_attribute_count(table); i++) {
        const struct sh_attribute *attribute = sh_table_attribute(table, i);
        pack_attribute(type_word(attribute->type, attribute->is_date), attribute->name, attribute->type,
                       attribute->scale, &attribute->texts, attribute->code_of_rank, packer);
    }
    sh_pack_literal(packer, "tag_sets");
    (void)msgpack_pack_array(packer, sh_table_tag_set_count(table));
    for (uint32_t i = 0; i < sh_table_tag_set_count(table); i++) {
        (void)msgpack_pack_map(packer, 1);
        sh_pack_literal(packer, "name");
        sh_pack_text(packer, sh_table_tag_set_name(table, i));
    }
}

static void pack_events(const struct sh_event_store *events, msgpack_packer *packer) {
    sh_pack_literal(packer, "events");
    (void)msgpack_pack_array(packer, sh_event_type_count(events));
    for (uint32_t i = 0; i < sh_event_type_count(events); i++) {
        const struct sh_event_type *type = sh_event_type(events, i);
        (void)msgpack_pack_map(packer, 3u + (type->keep_days > 0));
        sh_pack_literal(packer, "name");
        sh_pack_text(packer, type->name);
        sh_pack_literal(packer, "amount_scale");
        (void)msgpack_pack_uint32(packer, type->amount_scale);
        if (type->keep_days > 0) {
            sh_pack_literal(packer, "keep_days");
            (void)msgpack_pack_uint32(packer, type->keep_days);
        }
        sh_pack_literal(packer, "properties");
        (void)msgpack_pack_array(packer, type->property_count);
        for (uint32_t p = 0; p < type->property_count; p++) {
            const struct sh_event_property *property = type->properties[p];
            pack_attribute(type_word(property->type, property->is_date), property->name, property->type,
                           property->scale, &property->texts, property->code_of_rank, packer);
        }
    }
}

static void pack_weights(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const uint32_t type_count = sh_event_type_count(workspace->events);
    sh_pack_literal(packer, "weights");
    (void)msgpack_pack_map(packer, type_count);
    for (uint32_t i = 0; i < type_count; i++) {
        sh_pack_text(packer, sh_event_type(workspace->events, i)->name);
        (void)msgpack_pack_double(packer, sh_feed_weight(workspace->feed, i).weight);
    }
}

static void pack_rules(const struct sh_workspace *workspace, const struct sh_feed_config *config,
                       msgpack_packer *packer) {
    if (config->diversity_attribute >= 0) {
        sh_pack_literal(packer, "diversity");
        (void)msgpack_pack_map(packer, 3);
        sh_pack_literal(packer, "attribute");
        sh_pack_text(packer, sh_table_attribute(workspace->items, (uint32_t)config->diversity_attribute)->name);
        sh_pack_uint(packer, "count", config->diversity_count);
        sh_pack_uint(packer, "window", config->diversity_window);
    }
    if (config->listed_attribute >= 0) {
        sh_pack_literal(packer, "listed_since");
        sh_pack_text(packer, sh_table_attribute(workspace->items, (uint32_t)config->listed_attribute)->name);
    }
}

static void pack_sources(const struct sh_workspace *workspace, const struct sh_feed_config *config,
                         msgpack_packer *packer) {
    if (config->due_attribute >= 0) {
        sh_pack_literal(packer, "due_by");
        sh_pack_text(packer, sh_table_attribute(workspace->items, (uint32_t)config->due_attribute)->name);
    }
    if (config->store_property_count > 0) {
        sh_pack_literal(packer, "store");
        sh_pack_text(packer, (struct sh_text){config->store_property, config->store_property_count});
    }
    if (config->vector_space_count == 0) return;
    sh_pack_literal(packer, "vectors");
    (void)msgpack_pack_map(packer, 2);
    sh_pack_literal(packer, "space");
    sh_pack_text(packer, (struct sh_text){config->vector_space, config->vector_space_count});
    sh_pack_uint(packer, "dimension", config->vector_dimension);
}

static void pack_feed(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_feed_config *config = sh_feed_config(workspace->feed);
    const double day = (double)SH_DAY_MS;
    sh_pack_literal(packer, "feed");
    (void)msgpack_pack_map(packer, 7u + (workspace->eligible != NULL) + (config->diversity_attribute >= 0) +
                                       (config->listed_attribute >= 0) + (config->due_attribute >= 0) +
                                       (config->store_property_count > 0) + (config->vector_space_count > 0));
    if (workspace->eligible != NULL) {
        sh_pack_literal(packer, "eligible");
        sh_pack_text(packer, (struct sh_text){workspace->eligible, workspace->eligible_count});
    }
    pack_weights(workspace, packer);
    sh_pack_literal(packer, "half_life_days");
    (void)msgpack_pack_map(packer, 5);
    sh_pack_real(packer, "short", config->half_life_short_ms / day);
    sh_pack_real(packer, "long", config->half_life_long_ms / day);
    sh_pack_real(packer, "popularity", config->half_life_popularity_ms / day);
    sh_pack_real(packer, "recency", config->half_life_recency_ms / day);
    sh_pack_real(packer, "trend", config->half_life_trend_ms / day);
    sh_pack_uint(packer, "bought_days", config->bought_days);
    sh_pack_uint(packer, "seen_days", config->seen_days);
    sh_pack_literal(packer, "scores");
    (void)msgpack_pack_map(packer, SH_FEED_RANKER + 2);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        sh_pack_real(packer, sh_feed_feature_name((enum sh_feed_feature)i), config->weights[i]);
    sh_pack_real(packer, "declared", config->declared);
    sh_pack_real(packer, "short_share", config->short_share);
    sh_pack_uint(packer, "explore_every", config->explore_every);
    pack_rules(workspace, config, packer);
    pack_sources(workspace, config, packer);
    sh_schema_pack_learning(workspace, packer);
}

static void pack_privacy(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_hidden *personal = &workspace->privacy.hidden;
    const struct sh_contact *contact = &workspace->contact;
    sh_pack_literal(packer, "privacy");
    (void)msgpack_pack_map(packer, 0u + (personal->count > 0) + (contact->count > 0) + contact->is_required);
    if (personal->count > 0) {
        sh_pack_literal(packer, "personal");
        (void)msgpack_pack_array(packer, personal->count);
        for (uint32_t i = 0; i < personal->count; i++)
            sh_pack_text(packer, personal->names[i]);
    }
    if (contact->count > 0) {
        sh_pack_literal(packer, "purposes");
        (void)msgpack_pack_array(packer, contact->count);
        for (uint32_t i = 0; i < contact->count; i++) {
            (void)msgpack_pack_map(packer, 2);
            sh_pack_literal(packer, "name");
            sh_pack_text(packer, sh_purpose_name(&contact->purposes[i]));
            sh_pack_literal(packer, "unknown");
            sh_pack_text(packer, sh_text_of(contact->purposes[i].unknown_allows ? "allow" : "hold"));
        }
    }
    if (!contact->is_required) return;
    sh_pack_literal(packer, "purpose_required");
    (void)msgpack_pack_true(packer);
}

enum sh_status sh_handle_schema_get(struct sh_call *call, struct sh_error *err) {
    static const struct sh_param_names names = {.count = 0};
    struct sh_param none[1];
    const enum sh_status status =
        sh_params_read(call->request->params, call->request->params_count, &names, none, NULL, err);
    if (status != SH_OK) return status;
    const struct sh_workspace *workspace = call->workspace;
    msgpack_packer packer;
    const bool has_privacy =
        workspace->privacy.hidden.count > 0 || workspace->contact.count > 0 || workspace->contact.is_required;
    sh_answer_begin(call, &packer, 5u + has_privacy);
    sh_pack_literal(&packer, "zone");
    sh_pack_text(&packer, sh_zone_name(workspace->zone));
    pack_table(workspace->users, "users", &packer);
    pack_table(workspace->items, "items", &packer);
    pack_events(workspace->events, &packer);
    pack_feed(workspace, &packer);
    if (has_privacy) pack_privacy(workspace, &packer);
    return SH_OK;
}
