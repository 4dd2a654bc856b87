/* schema_read.c -- the params of schema.put as lists. */
#include "schema.h"

#include "decimal.h"
#include "memory.h"

enum { SCALE_DEFAULT = 2 };

static enum sh_status read_map(struct sh_cursor *cursor, const char *const *words, uint32_t count,
                               struct sh_param *params, struct sh_error *err) {
    const struct sh_param_names names = {words, count, 0};
    const uint8_t *begin;
    const enum sh_status status = sh_cursor_skip(cursor, &begin, err);
    if (status != SH_OK) return status;
    return sh_params_read(begin, (size_t)(cursor->at - begin), &names, params, NULL, err);
}

/* ---- An attribute, or a property of an event type ---- */

enum { ATTRIBUTE_NAME, ATTRIBUTE_TYPE, ATTRIBUTE_SCALE, ATTRIBUTE_LABELS, ATTRIBUTE_PARAM_COUNT };

static enum sh_status read_type(struct sh_text word, struct sh_attribute_spec *spec, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, word);
    for (int type = 0; type < SH_TYPE_COUNT; type++) {
        const struct sh_text name = sh_text_of(sh_type_name((enum sh_type)type));
        if (sh_text_equal(word, name)) {
            spec->type = (enum sh_type)type;
            return SH_OK;
        }
        sh_nearest_offer(&search, name);
    }
    if (sh_text_equal(word, SH_TEXT_LITERAL("date"))) {
        spec->type = SH_TYPE_TIME;
        spec->is_date = true;
        return SH_OK;
    }
    sh_nearest_offer(&search, SH_TEXT_LITERAL("date"));
    (void)sh_fail_unknown(err, SH_ERR_ARGUMENT, &search, "`%.*s` cannot be of type `%.*s`", SH_TEXT_ARGS(spec->name),
                          (int)(word.count < 80 ? word.count : 80), word.bytes);
    if (search.nearest.count > 0) return SH_ERR_ARGUMENT;
    return sh_fail_hint(err, SH_ERR_ARGUMENT, "the types are bool, int, decimal, time, date, enum and string");
}

static enum sh_status read_labels(const struct sh_param *param, struct sh_arena *arena, struct sh_attribute_spec *spec,
                                  struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "labels", SH_VALUE_BITMAP_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    struct sh_text *labels = sh_arena_alloc(arena, ((size_t)count + 1) * sizeof *labels);
    if (labels == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count; i++) {
        if ((status = sh_cursor_text(&cursor, &labels[i], "a label", err)) != SH_OK) return status;
    }
    spec->labels = labels;
    spec->label_count = count;
    return SH_OK;
}

static enum sh_status read_attribute(struct sh_cursor *cursor, struct sh_arena *arena, struct sh_attribute_spec *spec,
                                     struct sh_error *err) {
    static const char *const words[ATTRIBUTE_PARAM_COUNT] = {"name", "type", "scale", "labels"};
    struct sh_param params[ATTRIBUTE_PARAM_COUNT];
    struct sh_text type = {0};
    int64_t scale = SCALE_DEFAULT;
    enum sh_status status;
    *spec = (struct sh_attribute_spec){0};
    if ((status = read_map(cursor, words, ATTRIBUTE_PARAM_COUNT, params, err)) != SH_OK) return status;
    for (uint32_t i = ATTRIBUTE_NAME; i <= ATTRIBUTE_TYPE; i++) {
        if ((status = sh_param_require(&params[i], words[i], err)) != SH_OK) return status;
    }
    if ((status = sh_param_text(&params[ATTRIBUTE_NAME], "name", &spec->name, err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[ATTRIBUTE_TYPE], "type", &type, err)) != SH_OK) return status;
    if ((status = read_type(type, spec, err)) != SH_OK) return status;
    if (sh_param_given(&params[ATTRIBUTE_SCALE]) && spec->type != SH_TYPE_DECIMAL)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` is no decimal and has no `scale`", SH_TEXT_ARGS(spec->name));
    if (sh_param_given(&params[ATTRIBUTE_LABELS]) != (spec->type == SH_TYPE_ENUM))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`labels` and the type enum go together, at `%.*s`",
                       SH_TEXT_ARGS(spec->name));
    status = sh_param_integer(&params[ATTRIBUTE_SCALE], "scale", 0, SH_DECIMAL_SCALE_MAX, &scale, err);
    if (status != SH_OK) return status;
    spec->scale = spec->type == SH_TYPE_DECIMAL ? (uint8_t)scale : 0;
    return read_labels(&params[ATTRIBUTE_LABELS], arena, spec, err);
}

static enum sh_status read_attributes(const struct sh_param *param, const char *name, uint32_t count_max,
                                      struct sh_arena *arena, struct sh_attribute_spec **specs, uint32_t *count,
                                      struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status = sh_param_array(param, name, count_max, &cursor, count, err);
    if (status != SH_OK) return status;
    *specs = sh_arena_alloc(arena, ((size_t)*count + 1) * sizeof **specs);
    if (*specs == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < *count; i++) {
        if ((status = read_attribute(&cursor, arena, &(*specs)[i], err)) != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- Users, items ---- */

/* Keys of a row in user.get and item.get that are no attributes. */
static enum sh_status check_name(struct sh_text name, const char *const *taken, uint32_t taken_count,
                                 struct sh_error *err) {
    for (uint32_t i = 0; i < taken_count; i++) {
        if (sh_text_equal(name, sh_text_of(taken[i])))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "the name `%s` is taken", taken[i]);
    }
    return SH_OK;
}

static enum sh_status read_tag_sets(const struct sh_param *param, struct sh_arena *arena,
                                    struct sh_table_schema *schema, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_cursor cursor;
    enum sh_status status =
        sh_param_array(param, "tag_sets", SH_TAG_SET_COUNT_MAX, &cursor, &schema->tag_set_count, err);
    if (status != SH_OK) return status;
    schema->tag_sets = sh_arena_alloc(arena, ((size_t)schema->tag_set_count + 1) * sizeof *schema->tag_sets);
    if (schema->tag_sets == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < schema->tag_set_count; i++) {
        struct sh_param name;
        if ((status = read_map(&cursor, words, 1, &name, err)) != SH_OK) return status;
        if ((status = sh_param_require(&name, "name", err)) != SH_OK) return status;
        if ((status = sh_param_text(&name, "name", &schema->tag_sets[i], err)) != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status read_table(const struct sh_param *param, struct sh_arena *arena, struct sh_table_schema *schema,
                                 struct sh_error *err) {
    static const char *const words[] = {"attributes", "tag_sets"};
    static const char *const taken[] = {"id", "listed", "events"};
    struct sh_param params[2];
    struct sh_cursor cursor;
    enum sh_status status;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    if ((status = read_map(&cursor, words, 2, params, err)) != SH_OK) return status;
    status = read_attributes(&params[0], "attributes", SH_ATTRIBUTE_COUNT_MAX, arena, &schema->attributes,
                             &schema->attribute_count, err);
    if (status != SH_OK) return status;
    if ((status = read_tag_sets(&params[1], arena, schema, err)) != SH_OK) return status;
    for (uint32_t i = 0; i < schema->attribute_count; i++) {
        if ((status = check_name(schema->attributes[i].name, taken, 3, err)) != SH_OK) return status;
    }
    for (uint32_t i = 0; i < schema->tag_set_count; i++) {
        if ((status = check_name(schema->tag_sets[i], taken, 3, err)) != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- Events ---- */

static enum sh_status read_event(struct sh_cursor *cursor, struct sh_arena *arena, struct sh_event_schema *event,
                                 struct sh_error *err) {
    static const char *const words[] = {"name", "amount_scale", "properties", "keep_days"};
    static const char *const taken[] = {"type", "user", "time", "item", "amount", "id"};
    struct sh_param params[4];
    int64_t scale = SCALE_DEFAULT;
    int64_t keep_days = 0;
    enum sh_status status;
    *event = (struct sh_event_schema){0};
    if ((status = read_map(cursor, words, 4, params, err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[0], "name", err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[0], "name", &event->name, err)) != SH_OK) return status;
    status = sh_param_integer(&params[1], "amount_scale", 0, SH_DECIMAL_SCALE_MAX, &scale, err);
    if (status != SH_OK) return status;
    event->amount_scale = (uint32_t)scale;
    event->has_amount_scale = sh_param_given(&params[1]);
    status = sh_param_integer(&params[3], "keep_days", 0, SH_KEEP_DAYS_MAX, &keep_days, err);
    if (status != SH_OK) return status;
    event->keep_days = (uint32_t)keep_days;
    event->has_keep_days = sh_param_given(&params[3]);
    status = read_attributes(&params[2], "properties", SH_EVENT_PROPERTY_COUNT_MAX, arena, &event->properties,
                             &event->property_count, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < event->property_count; i++) {
        if ((status = check_name(event->properties[i].name, taken, 6, err)) != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status read_events(const struct sh_param *param, struct sh_arena *arena, struct sh_schema *schema,
                                  struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status =
        sh_param_array(param, "events", SH_EVENT_TYPE_COUNT_MAX, &cursor, &schema->event_count, err);
    if (status != SH_OK) return status;
    schema->events = sh_arena_alloc(arena, ((size_t)schema->event_count + 1) * sizeof *schema->events);
    if (schema->events == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < schema->event_count; i++) {
        if ((status = read_event(&cursor, arena, &schema->events[i], err)) != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- All ---- */

static enum sh_status read_feed(const struct sh_param *param, struct sh_feed_schema *feed, struct sh_error *err) {
    static const char *const words[] = {"eligible", "weights",   "half_life_days", "bought_days",   "seen_days",
                                        "scores",   "diversity", "listed_since",   "explore_every", "learning",
                                        "due_by",   "store",     "vectors"};
    struct sh_param params[13];
    struct sh_cursor cursor;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    const enum sh_status status = read_map(&cursor, words, 13, params, err);
    if (status != SH_OK) return status;
    *feed = (struct sh_feed_schema){
        .is_given = true,
        .eligible = params[0],
        .weights = params[1],
        .half_life_days = params[2],
        .bought_days = params[3],
        .seen_days = params[4],
        .scores = params[5],
        .diversity = params[6],
        .listed_since = params[7],
        .explore_every = params[8],
        .learning = params[9],
        .due_by = params[10],
        .store = params[11],
        .vectors = params[12],
    };
    return SH_OK;
}

/* ---- Privacy ---- */

static enum sh_status read_purpose(struct sh_cursor *cursor, struct sh_purpose_spec *spec, struct sh_error *err) {
    static const char *const words[] = {"name", "unknown"};
    struct sh_param params[2];
    struct sh_text unknown = SH_TEXT_LITERAL("hold");
    enum sh_status status;
    *spec = (struct sh_purpose_spec){0};
    if ((status = read_map(cursor, words, 2, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &spec->name, err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[1], "unknown", &unknown, err)) != SH_OK) return status;
    spec->unknown_allows = sh_text_equal(unknown, SH_TEXT_LITERAL("allow"));
    if (!spec->unknown_allows && !sh_text_equal(unknown, SH_TEXT_LITERAL("hold")))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`unknown` of a purpose is \"hold\" or \"allow\"");
    return sh_purpose_check(spec->name, err);
}

/* Their attributes and the tag set of the suppressed join those that users are to have. */
static enum sh_status add_contact(struct sh_schema *schema, struct sh_arena *arena, struct sh_error *err) {
    struct sh_table_schema *users = &schema->users;
    const size_t attribute_count = users->attribute_count + (size_t)SH_PURPOSE_ATTRIBUTE_COUNT * schema->purpose_count;
    struct sh_attribute_spec *attributes = sh_arena_alloc(arena, (attribute_count + 1) * sizeof *attributes);
    struct sh_text *tag_sets = sh_arena_alloc(arena, ((size_t)users->tag_set_count + 1) * sizeof *tag_sets);
    if (attributes == NULL || tag_sets == NULL) return sh_fail_memory(err);
    if (users->attribute_count > 0) memcpy(attributes, users->attributes, users->attribute_count * sizeof *attributes);
    if (users->tag_set_count > 0) memcpy(tag_sets, users->tag_sets, users->tag_set_count * sizeof *tag_sets);
    users->attributes = attributes;
    users->tag_sets = tag_sets;
    users->tag_sets[users->tag_set_count++] = sh_suppressed_name();
    for (uint32_t i = 0; i < schema->purpose_count; i++) {
        const enum sh_status status =
            sh_purpose_attributes(schema->purposes[i].name, arena, users->attributes + users->attribute_count, err);
        if (status != SH_OK) return status;
        users->attribute_count += SH_PURPOSE_ATTRIBUTE_COUNT;
    }
    return SH_OK;
}

static enum sh_status read_purposes(const struct sh_param *param, struct sh_arena *arena, struct sh_schema *schema,
                                    struct sh_error *err) {
    struct sh_cursor cursor;
    schema->has_purposes = sh_param_given(param);
    enum sh_status status =
        sh_param_array(param, "purposes", SH_PURPOSE_COUNT_MAX, &cursor, &schema->purpose_count, err);
    if (status != SH_OK) return status;
    schema->purposes = sh_arena_alloc(arena, ((size_t)schema->purpose_count + 1) * sizeof *schema->purposes);
    if (schema->purposes == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < schema->purpose_count && status == SH_OK; i++) {
        status = read_purpose(&cursor, &schema->purposes[i], err);
        for (uint32_t j = 0; j < i && status == SH_OK; j++)
            if (sh_text_equal(schema->purposes[i].name, schema->purposes[j].name))
                status = sh_fail(err, SH_ERR_ARGUMENT, -1, "the purpose `%.*s` stands there twice",
                                 SH_TEXT_ARGS(schema->purposes[i].name));
    }
    return status == SH_OK && schema->purpose_count > 0 ? add_contact(schema, arena, err) : status;
}

static enum sh_status read_personal(const struct sh_param *param, struct sh_arena *arena, struct sh_schema *schema,
                                    struct sh_error *err) {
    struct sh_cursor cursor;
    schema->has_personal = sh_param_given(param);
    enum sh_status status =
        sh_param_array(param, "personal", SH_PERSONAL_COUNT_MAX, &cursor, &schema->personal_count, err);
    if (status != SH_OK) return status;
    schema->personal = sh_arena_alloc(arena, ((size_t)schema->personal_count + 1) * sizeof *schema->personal);
    if (schema->personal == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < schema->personal_count && status == SH_OK; i++) {
        status = sh_cursor_text(&cursor, &schema->personal[i], "a name of what is personal", err);
        for (uint32_t j = 0; j < i && status == SH_OK; j++)
            if (sh_text_equal(schema->personal[i], schema->personal[j]))
                status = sh_fail(err, SH_ERR_ARGUMENT, -1, "`%.*s` stands twice in `personal`",
                                 SH_TEXT_ARGS(schema->personal[i]));
    }
    return status;
}

static enum sh_status read_privacy(const struct sh_param *param, struct sh_arena *arena, struct sh_schema *schema,
                                   struct sh_error *err) {
    static const char *const words[] = {"personal", "purposes", "purpose_required"};
    struct sh_param params[3];
    struct sh_cursor cursor;
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    enum sh_status status = read_map(&cursor, words, 3, params, err);
    if (status != SH_OK) return status;
    schema->has_purpose_required = sh_param_given(&params[2]);
    status = sh_param_boolean(&params[2], words[2], &schema->purpose_required, err);
    if (status == SH_OK) status = read_purposes(&params[1], arena, schema, err);
    return status == SH_OK ? read_personal(&params[0], arena, schema, err) : status;
}

enum sh_status sh_schema_read(const struct sh_request *request, struct sh_arena *arena, struct sh_schema *schema,
                              struct sh_error *err) {
    static const char *const words[] = {"zone", "users", "items", "events", "feed", "privacy"};
    static const struct sh_param_names names = {words, 6, 0};
    struct sh_param params[6];
    enum sh_status status;
    *schema = (struct sh_schema){0};
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = sh_param_text(&params[0], "zone", &schema->zone, err)) != SH_OK) return status;
    if ((status = read_table(&params[1], arena, &schema->users, err)) != SH_OK) return status;
    if ((status = read_table(&params[2], arena, &schema->items, err)) != SH_OK) return status;
    if ((status = read_events(&params[3], arena, schema, err)) != SH_OK) return status;
    if ((status = read_privacy(&params[5], arena, schema, err)) != SH_OK) return status;
    return read_feed(&params[4], &schema->feed, err);
}
