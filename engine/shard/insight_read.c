/* insight_read.c -- the dimensions of audience.insight: what is to be looked at. */
#include <math.h>
#include <stdio.h>

#include "insight_question.h"
#include "query_where.h"

enum { KEY_OF, KEY_EVENTS, KEY_PER, KEY_CROSS, KEY_TOP, KEY_ORDER, KEY_PERCENTILES, KEY_BINS, KEY_COUNT };

/* One dimension being read. */
struct reading {
    struct sh_job *job;
    struct sh_dimension *dimension;
    struct sh_look_spec *look;
};

static bool is_number(enum sh_type type) {
    return type == SH_TYPE_INT || type == SH_TYPE_DECIMAL || type == SH_TYPE_TIME;
}

/* ---- Settings ---- */

static enum sh_status read_percentiles(const struct sh_param *param, struct sh_dimension *dimension,
                                       struct sh_error *err) {
    static const uint32_t usual[] = {5000, 25000, 50000, 75000, 95000};
    struct sh_cursor cursor;
    uint32_t count;
    if (!sh_param_given(param)) {
        memcpy(dimension->percents, usual, sizeof usual);
        dimension->percent_count = sizeof usual / sizeof *usual;
        return SH_OK;
    }
    enum sh_status status = sh_param_array(param, "percentiles", SH_INSIGHT_PERCENTILE_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    for (uint32_t i = 0; i < count; i++) {
        struct sh_value value;
        if ((status = sh_cursor_next(&cursor, &value, err)) != SH_OK) return status;
        const double percent = value.kind == SH_VALUE_INT     ? (double)value.integer
                               : value.kind == SH_VALUE_FLOAT ? value.real
                                                              : -1;
        if (!(percent >= 0 && percent <= 100)) /* what is no number, too */
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "each of `percentiles` is a number from 0 to 100");
        dimension->percents[i] = (uint32_t)lrint(percent * SH_PERCENT_PARTS);
    }
    dimension->percent_count = count;
    return SH_OK;
}

static enum sh_status read_settings(const struct sh_param *params, bool is_cross, struct sh_dimension *dimension,
                                    struct sh_error *err) {
    int64_t top = is_cross ? SH_INSIGHT_CROSS_TOP_DEFAULT : SH_INSIGHT_TOP_DEFAULT;
    int64_t bins = SH_INSIGHT_BINS_DEFAULT;
    struct sh_text order = SH_TEXT_LITERAL("count");
    enum sh_status status;
    if ((status = sh_param_integer(&params[KEY_TOP], "top", 1,
                                   is_cross ? SH_INSIGHT_CROSS_TOP_MAX : SH_INSIGHT_TOP_COUNT_MAX, &top, err)) != SH_OK)
        return status;
    if ((status = sh_param_integer(&params[KEY_BINS], "bins", 0, SH_INSIGHT_BINS_MAX, &bins, err)) != SH_OK)
        return status;
    if ((status = sh_param_text(&params[KEY_ORDER], "order", &order, err)) != SH_OK) return status;
    dimension->by_index = sh_text_equal(order, SH_TEXT_LITERAL("index"));
    if (!dimension->by_index && !sh_text_equal(order, SH_TEXT_LITERAL("count")))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`order` is 'count' or 'index'");
    dimension->top = (uint32_t)top;
    dimension->bins = (uint32_t)bins;
    return read_percentiles(&params[KEY_PERCENTILES], dimension, err);
}

/* ---- Names ---- */

/* An attribute (*attribute) or a tag set of the users. */
static enum sh_status find_of(const struct reading *reading, struct sh_text name, struct sh_look_axis *axis,
                              const struct sh_attribute **attribute, struct sh_error *err) {
    const struct sh_table *users = reading->job->workspace->users;
    struct sh_row_field field;
    enum sh_status status = sh_hidden_check(reading->job->scope.hidden, name, -1, err);
    if (status == SH_OK) status = sh_row_field_find(users, name, &field, err);
    if (status != SH_OK) return status;
    if (field.kind == SH_FIELD_ID) return sh_fail(err, SH_ERR_TYPE, -1, "`id` is different for every user");
    *axis = (struct sh_look_axis){.is_tag_set = field.kind == SH_FIELD_TAG_SET, .index = field.index};
    *attribute = axis->is_tag_set ? NULL : sh_table_attribute(users, field.index);
    return SH_OK;
}

static void set_type(struct sh_dimension *dimension, enum sh_type type, uint32_t scale, bool is_date) {
    dimension->type = type;
    dimension->scale = scale;
    dimension->is_date = is_date;
}

static enum sh_status read_attribute(struct reading *reading, struct sh_error *err) {
    struct sh_look_axis axis;
    const struct sh_attribute *attribute;
    struct sh_look_spec *look = reading->look;
    const enum sh_status status = find_of(reading, reading->dimension->of, &axis, &attribute, err);
    if (status != SH_OK) return status;
    look->index = axis.index;
    look->kind = axis.is_tag_set ? SH_LOOK_TAGS : is_number(attribute->type) ? SH_LOOK_NUMBERS : SH_LOOK_VALUES;
    look->has_base = look->kind != SH_LOOK_NUMBERS;
    if (attribute != NULL) set_type(reading->dimension, attribute->type, attribute->scale, attribute->is_date);
    return SH_OK;
}

static enum sh_status read_cross(struct reading *reading, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "cross", 2, &cursor, &count, err);
    if (status != SH_OK) return status;
    if (count != 2) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cross` takes two names");
    reading->look->kind = SH_LOOK_CROSS;
    for (uint32_t i = 0; i < 2; i++) {
        const struct sh_attribute *attribute;
        struct sh_text *name = i == 0 ? &reading->dimension->of : &reading->dimension->with;
        if ((status = sh_cursor_text(&cursor, name, "each of `cross`", err)) != SH_OK) return status;
        if ((status = find_of(reading, *name, &reading->look->axes[i], &attribute, err)) != SH_OK) return status;
        if (attribute != NULL && is_number(attribute->type))
            return sh_fail(err, SH_ERR_TYPE, -1, "`%.*s` is a number; `cross` takes bools, enums, strings and tag sets",
                           SH_TEXT_ARGS(*name));
    }
    return SH_OK;
}

/* ---- Events ---- */

/* "purchase where amount > 50, last 30 days": what stands in the parentheses of did(...). */
static enum sh_status read_events(struct reading *reading, struct sh_error *err) {
    struct sh_arena *arena = &reading->job->arena;
    const struct sh_query_scope *scope = &reading->job->scope;
    const struct sh_text events = reading->dimension->events;
    struct sh_node *tree;
    char *text = sh_arena_alloc(arena, (size_t)events.count + 8);
    if (text == NULL) return sh_fail_memory(err);
    const int count = snprintf(text, (size_t)events.count + 8, "did(%.*s)", SH_TEXT_ARGS(events));
    enum sh_status status = sh_query_parse((struct sh_text){text, (uint32_t)count}, arena, &tree, err);
    if (status == SH_OK) status = sh_query_check(&tree, scope, arena, err);
    if (status != SH_OK) {
        if (err != NULL && err->position >= 4) err->position -= 4;
        return status;
    }
    if (tree->kind != SH_NODE_DID)
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "`events` is what stands in count( ): an event type, where ..., a window");
    if (tree->operand.window.kind == SH_WINDOW_WITHIN)
        return sh_fail(err, SH_ERR_ARGUMENT, -1,
                       "the window of `events` is one for all users, not one after or before a time of each");
    struct sh_look_spec *look = reading->look;
    look->event_type = tree->operand.event_type;
    sh_query_window(&tree->operand.window, scope, &look->from_ms, &look->until_ms);
    if (tree->operand.where == NULL) return SH_OK;
    return sh_where_build(tree->operand.where, scope, look->event_type, arena, &look->where, err);
}

static enum sh_status fail_property(const struct sh_event_type *type, struct sh_text name, struct sh_error *err) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < type->property_count; i++)
        sh_nearest_offer(&search, type->properties[i]->name);
    sh_nearest_offer(&search, SH_TEXT_LITERAL("amount"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("item"));
    return sh_fail_unknown(err, SH_ERR_NAME, &search, "`%.*s` has no property `%.*s`", SH_TEXT_ARGS(type->name),
                           SH_TEXT_ARGS(name));
}

/* "item.category" */
static enum sh_status read_item_attribute(struct reading *reading, struct sh_text name, struct sh_error *err) {
    const struct sh_table *items = reading->job->workspace->items;
    const int32_t index = sh_table_find_attribute(items, name);
    if (index < 0) {
        struct sh_nearest search;
        sh_nearest_init(&search, name);
        for (uint32_t i = 0; i < sh_table_attribute_count(items); i++)
            sh_nearest_offer(&search, sh_table_attribute(items, i)->name);
        return sh_fail_unknown(err, SH_ERR_NAME, &search, "items have no attribute `%.*s`", SH_TEXT_ARGS(name));
    }
    const struct sh_attribute *attribute = sh_table_attribute(items, (uint32_t)index);
    reading->look->source = SH_LOOK_ITEM_ATTRIBUTE;
    reading->look->index = (uint32_t)index;
    set_type(reading->dimension, attribute->type, attribute->scale, attribute->is_date);
    return SH_OK;
}

static enum sh_status read_property(struct reading *reading, struct sh_error *err) {
    struct sh_dimension *dimension = reading->dimension;
    const struct sh_event_type *type = sh_event_type(reading->job->workspace->events, reading->look->event_type);
    const struct sh_text of = dimension->of;
    enum sh_status status = SH_OK;
    if (sh_text_equal(of, SH_TEXT_LITERAL("amount"))) {
        reading->look->source = SH_LOOK_AMOUNT;
        set_type(dimension, SH_TYPE_DECIMAL, type->amount_scale, false);
    } else if (sh_text_equal(of, SH_TEXT_LITERAL("item"))) {
        reading->look->source = SH_LOOK_ITEM;
        set_type(dimension, SH_TYPE_STRING, 0, false);
    } else if (of.count > 5 && memcmp(of.bytes, "item.", 5) == 0) {
        status = read_item_attribute(reading, (struct sh_text){of.bytes + 5, of.count - 5}, err);
    } else {
        const int32_t index = sh_event_property_find(type, of);
        if (index < 0) return fail_property(type, of, err);
        const struct sh_event_property *property = type->properties[index];
        reading->look->source = SH_LOOK_PROPERTY;
        reading->look->index = (uint32_t)index;
        set_type(dimension, property->type, property->scale, property->is_date);
    }
    reading->look->kind = is_number(dimension->type) ? SH_LOOK_EVENT_NUMBERS : SH_LOOK_EVENT_VALUES;
    return status;
}

static enum sh_status read_event_dimension(struct reading *reading, const struct sh_param *params,
                                           struct sh_error *err) {
    struct sh_text per = {0};
    enum sh_status status;
    if ((status = sh_param_text(&params[KEY_EVENTS], "events", &reading->dimension->events, err)) != SH_OK)
        return status;
    if ((status = sh_param_text(&params[KEY_PER], "per", &per, err)) != SH_OK) return status;
    if (sh_param_given(&params[KEY_PER]) == sh_param_given(&params[KEY_OF]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`events` needs `of` (a property, amount, item) or `per: 'day'`");
    if ((status = read_events(reading, err)) != SH_OK) return status;
    if (sh_param_given(&params[KEY_OF])) return read_property(reading, err);
    if (!sh_text_equal(per, SH_TEXT_LITERAL("day"))) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`per` is 'day'");
    reading->look->kind = SH_LOOK_DAYS;
    return SH_OK;
}

/* ---- All of them ---- */

static enum sh_status read_map(struct reading *reading, const uint8_t *begin, const uint8_t *end,
                               struct sh_error *err) {
    static const char *const words[KEY_COUNT] = {"of", "events", "per", "cross", "top", "order", "percentiles", "bins"};
    static const struct sh_param_names names = {words, KEY_COUNT, 0};
    struct sh_param params[KEY_COUNT];
    enum sh_status status = sh_params_read(begin, (size_t)(end - begin), &names, params, NULL, err);
    if (status != SH_OK) return status;
    const bool is_cross = sh_param_given(&params[KEY_CROSS]);
    const bool is_of_events = sh_param_given(&params[KEY_EVENTS]);
    if ((status = read_settings(params, is_cross, reading->dimension, err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[KEY_OF], "of", &reading->dimension->of, err)) != SH_OK) return status;
    if (is_cross && (is_of_events || sh_param_given(&params[KEY_OF])))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`cross` stands alone, without `of` and `events`");
    if (!is_of_events && sh_param_given(&params[KEY_PER]))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`per` needs `events`");
    if (is_cross) return read_cross(reading, &params[KEY_CROSS], err);
    if (is_of_events) return read_event_dimension(reading, params, err);
    if ((status = sh_param_require(&params[KEY_OF], "of", err)) != SH_OK) return status;
    return read_attribute(reading, err);
}

static enum sh_status read_dimension(struct reading *reading, struct sh_cursor *cursor, struct sh_error *err) {
    enum sh_value_kind kind;
    const uint8_t *begin;
    enum sh_status status;
    if ((status = sh_cursor_peek(cursor, &kind, err)) != SH_OK) return status;
    if (kind == SH_VALUE_STR) { /* a name alone, with what is usual */
        const struct sh_param none[KEY_COUNT] = {{0}};
        if ((status = sh_cursor_text(cursor, &reading->dimension->of, "a dimension", err)) != SH_OK) return status;
        if ((status = read_settings(none, false, reading->dimension, err)) != SH_OK) return status;
        return read_attribute(reading, err);
    }
    if (kind != SH_VALUE_MAP)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a dimension is a name or a map, but here is %s",
                       sh_value_kind_name(kind));
    if ((status = sh_cursor_skip(cursor, &begin, err)) != SH_OK) return status;
    return read_map(reading, begin, cursor->at, err);
}

enum sh_status sh_dimensions_read(struct sh_job *job, const struct sh_param *param,
                                  struct sh_insight_question *question, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "dimensions", SH_INSIGHT_DIMENSION_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    question->dimensions = sh_arena_alloc_zero(&job->arena, ((size_t)count + 1) * sizeof *question->dimensions);
    question->looks = sh_arena_alloc_zero(&job->arena, ((size_t)count + 1) * sizeof *question->looks);
    if (question->dimensions == NULL || question->looks == NULL) return sh_fail_memory(err);
    question->dimension_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct reading reading = {job, &question->dimensions[i], &question->looks[i]};
        if ((status = read_dimension(&reading, &cursor, err)) != SH_OK) return sh_fail_in(err, status, "dimensions", i);
    }
    return SH_OK;
}
