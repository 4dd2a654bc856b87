/* The walk over the tree: what may stand where, and what names stand for. */
#include <stdio.h>

#include "bounds.h"
#include "query_check.h"
#include "query_words.h"

enum sh_status sh_checker_memory(struct sh_checker *checker) {
    return sh_fail(checker->err, SH_ERR_LIMIT, -1, "the expression does not fit the memory of one request");
}

/* ---- Names that are not there ---- */

static void offer_table(struct sh_nearest *search, const struct sh_table *table) {
    for (uint32_t i = 0; i < sh_table_attribute_count(table); i++)
        sh_nearest_offer(search, sh_table_attribute(table, i)->name);
    for (uint32_t i = 0; i < sh_table_tag_set_count(table); i++)
        sh_nearest_offer(search, sh_table_tag_set_name(table, i));
}

static void list_name(struct sh_buffer *names, struct sh_text name) {
    if (names->count < SH_ERROR_HINT_BYTES_MAX)
        sh_buffer_print(names, "%s%.*s", names->count == 0 ? "" : ", ", SH_TEXT_ARGS(name));
}

/* "did you mean tier?", or if nothing is near, all names there are. */
static enum sh_status hint_table(struct sh_checker *checker, enum sh_status status, const struct sh_table *table,
                                 struct sh_text name, const char *prefix) {
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    offer_table(&search, table);
    if (search.nearest.count > 0)
        return sh_fail_hint(checker->err, status, "did you mean %s%.*s?", prefix, SH_TEXT_ARGS(search.nearest));
    struct sh_buffer names;
    sh_buffer_init(&names, SH_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < sh_table_attribute_count(table); i++)
        list_name(&names, sh_table_attribute(table, i)->name);
    for (uint32_t i = 0; i < sh_table_tag_set_count(table); i++)
        list_name(&names, sh_table_tag_set_name(table, i));
    status = sh_fail_hint(checker->err, status, "there are %.*s", (int)names.count,
                          names.count == 0 ? "" : (const char *)names.bytes);
    sh_buffer_deinit(&names);
    return status;
}

static bool any_score(const struct sh_derived *derived) {
    for (uint32_t i = 0; i < derived->field_count; i++)
        if (derived->fields[i].part_count > 0) return true;
    return false;
}

/* rfm.x: the derived fields there are, if any. */
static enum sh_status hint_derived(struct sh_checker *checker, enum sh_status status, struct sh_text name) {
    const struct sh_derived *derived = checker->scope->derived;
    struct sh_nearest search;
    if (checker->scope->events == NULL)
        return sh_fail_hint(checker->err, status, "scores are of users; this expression is about items");
    const bool is_score = name.count > 6 && memcmp(name.bytes, "score.", 6) == 0;
    if (is_score && (derived == NULL || !any_score(derived)))
        return sh_fail_hint(checker->err, status, "score.put makes scoring plans");
    if (derived == NULL || derived->field_count == 0)
        return sh_fail_hint(checker->err, status, "rfm.put says first which events users are scored by");
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < derived->field_count; i++)
        sh_nearest_offer(&search, derived->fields[i].name);
    if (search.nearest.count > 0)
        return sh_fail_hint(checker->err, status, "did you mean %.*s?", SH_TEXT_ARGS(search.nearest));
    struct sh_buffer names;
    sh_buffer_init(&names, SH_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < derived->field_count; i++)
        list_name(&names, derived->fields[i].name);
    status = sh_fail_hint(checker->err, status, "there are %.*s", (int)names.count, (const char *)names.bytes);
    sh_buffer_deinit(&names);
    return status;
}

static enum sh_status fail_attribute(struct sh_checker *checker, const struct sh_operand *operand) {
    const struct sh_query_scope *scope = checker->scope;
    const enum sh_status status = sh_fail(checker->err, SH_ERR_NAME, sh_checker_position(operand->name_position),
                                          "there is no attribute or tag set `%.*s`", SH_TEXT_ARGS(operand->name));
    if (sh_derived_is_name(operand->name)) return hint_derived(checker, status, operand->name);
    if (scope->events != NULL && sh_event_type_find(scope->events, operand->name) >= 0)
        return sh_fail_hint(checker->err, status, "it is an event type: did(%.*s), count(%.*s) >= 2",
                            SH_TEXT_ARGS(operand->name), SH_TEXT_ARGS(operand->name));
    if (scope->events != NULL && (sh_text_equal(operand->name, SH_TEXT_LITERAL("hour")) ||
                                  sh_text_equal(operand->name, SH_TEXT_LITERAL("weekday"))))
        return sh_fail_hint(checker->err, status, "it is of an event: did(view where %.*s >= %s)",
                            SH_TEXT_ARGS(operand->name), operand->name.count == 4 ? "20" : "6");
    return hint_table(checker, status, scope->table, operand->name, "");
}

static enum sh_status fail_item_attribute(struct sh_checker *checker, const struct sh_operand *operand) {
    const enum sh_status status = sh_fail(checker->err, SH_ERR_NAME, sh_checker_position(operand->name_position),
                                          "items have no attribute or tag set `%.*s`", SH_TEXT_ARGS(operand->name));
    return hint_table(checker, status, checker->scope->items, operand->name, "item.");
}

static void offer_properties(struct sh_nearest *search, const struct sh_event_type *event) {
    for (uint32_t i = 0; i < event->property_count; i++)
        sh_nearest_offer(search, event->properties[i]->name);
    sh_nearest_offer(search, SH_TEXT_LITERAL("amount"));
    sh_nearest_offer(search, SH_TEXT_LITERAL("time"));
}

static bool table_has(const struct sh_table *table, struct sh_text name) {
    return table != NULL && (sh_table_find_attribute(table, name) >= 0 || sh_table_find_tag_set(table, name) >= 0);
}

static enum sh_status fail_property(struct sh_checker *checker, const struct sh_event_type *event,
                                    const struct sh_operand *operand) {
    const struct sh_text name = operand->name;
    const enum sh_status status =
        sh_fail(checker->err, SH_ERR_NAME, sh_checker_position(operand->name_position),
                "the event %.*s has no property `%.*s`", SH_TEXT_ARGS(event->name), SH_TEXT_ARGS(name));
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    if (operand->function == SH_FUNCTION_NONE && table_has(checker->scope->items, name))
        return sh_fail_hint(checker->err, status, "it belongs to items: item.%.*s", SH_TEXT_ARGS(name));
    offer_properties(&search, event);
    if (search.nearest.count > 0)
        return sh_fail_hint(checker->err, status, "did you mean %.*s?", SH_TEXT_ARGS(search.nearest));
    if (operand->function == SH_FUNCTION_NONE && table_has(checker->scope->table, name))
        return sh_fail_hint(checker->err, status, "it belongs to the user, not the event: ask it outside of where");
    struct sh_buffer names;
    sh_buffer_init(&names, SH_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < event->property_count; i++)
        list_name(&names, event->properties[i]->name);
    list_name(&names, SH_TEXT_LITERAL("amount, time, item"));
    (void)sh_fail_hint(checker->err, status, "it has %.*s", (int)names.count,
                       names.count == 0 ? "" : (const char *)names.bytes);
    sh_buffer_deinit(&names);
    return status;
}

static enum sh_status fail_event(struct sh_checker *checker, const struct sh_operand *operand) {
    const struct sh_event_store *events = checker->scope->events;
    const enum sh_status status = sh_fail(checker->err, SH_ERR_NAME, sh_checker_position(operand->event_position),
                                          "there is no event type `%.*s`", SH_TEXT_ARGS(operand->event));
    struct sh_nearest search;
    sh_nearest_init(&search, operand->event);
    for (uint32_t i = 0; i < sh_event_type_count(events); i++)
        sh_nearest_offer(&search, sh_event_type(events, i)->name);
    if (search.nearest.count > 0)
        return sh_fail_hint(checker->err, status, "did you mean %.*s?", SH_TEXT_ARGS(search.nearest));
    struct sh_buffer names;
    sh_buffer_init(&names, SH_ERROR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < sh_event_type_count(events); i++)
        list_name(&names, sh_event_type(events, i)->name);
    (void)sh_fail_hint(checker->err, status, "there are %.*s", (int)names.count,
                       names.count == 0 ? "no event types yet" : (const char *)names.bytes);
    sh_buffer_deinit(&names);
    return status;
}

/* ---- Operands ---- */

static void set_attribute(const struct sh_attribute *attribute, uint32_t index, struct sh_operand *operand,
                          struct sh_query_domain *domain) {
    operand->index = index;
    operand->type = (int32_t)attribute->type;
    operand->scale = attribute->scale;
    operand->date_only = attribute->is_date;
    domain->type = attribute->type;
    domain->scale = attribute->scale;
    domain->is_date = attribute->is_date;
    domain->texts = &attribute->texts;
    domain->rank_of_code = attribute->rank_of_code;
    domain->code_of_rank = attribute->code_of_rank;
}

static void set_plain(uint32_t index, enum sh_type type, uint32_t scale, struct sh_operand *operand,
                      struct sh_query_domain *domain) {
    operand->index = index;
    operand->type = (int32_t)type;
    operand->scale = scale;
    domain->type = type;
    domain->scale = scale;
}

/* hour and weekday, where the event has no properties of these names. */
static bool set_clock(struct sh_operand *operand, struct sh_query_domain *domain) {
    if (operand->function != SH_FUNCTION_NONE) return false;
    const bool hour = sh_text_equal(operand->name, SH_TEXT_LITERAL("hour"));
    if (!hour && !sh_text_equal(operand->name, SH_TEXT_LITERAL("weekday"))) return false;
    set_plain(hour ? SH_OPERAND_HOUR : SH_OPERAND_WEEKDAY, SH_TYPE_INT, 0, operand, domain);
    return true;
}

/* A property of the event by name, built-in ones included. False if there is none. */
static bool set_property(const struct sh_event_type *event, struct sh_operand *operand,
                         struct sh_query_domain *domain) {
    operand->subject = SH_SUBJECT_PROPERTY;
    if (sh_text_equal(operand->name, SH_TEXT_LITERAL("amount"))) {
        set_plain(SH_OPERAND_AMOUNT, SH_TYPE_DECIMAL, event->amount_scale, operand, domain);
        return true;
    }
    if (sh_text_equal(operand->name, SH_TEXT_LITERAL("time"))) {
        set_plain(SH_OPERAND_TIME, SH_TYPE_TIME, 0, operand, domain);
        return true;
    }
    const int32_t index = sh_event_property_find(event, operand->name);
    if (index < 0) return set_clock(operand, domain);
    const struct sh_event_property *property = event->properties[index];
    set_plain((uint32_t)index, property->type, property->scale, operand, domain);
    operand->date_only = property->is_date;
    domain->is_date = property->is_date;
    domain->texts = &property->texts;
    domain->rank_of_code = property->rank_of_code;
    domain->code_of_rank = property->code_of_rank;
    return true;
}

/* A tag set where a value is needed. */
static enum sh_status fail_tag_set(struct sh_checker *checker, const struct sh_node *node) {
    const struct sh_operand *operand = &node->operand;
    const char *item = operand->of_item ? "item." : "";
    const enum sh_status status =
        sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(operand->position),
                "%s%.*s is a tag set: it is asked with `has`", item, SH_TEXT_ARGS(operand->name));
    if (node->kind == SH_NODE_MISSING)
        return sh_fail_hint(checker->err, status, "a tag set is never missing, it may be empty");
    if (node->kind == SH_NODE_IN || node->kind == SH_NODE_UNDER)
        return sh_fail_hint(checker->err, status, "write %s%.*s has any (...)", item, SH_TEXT_ARGS(operand->name));
    if (node->literal_count > 0 && node->literals[0].kind == SH_LITERAL_TEXT)
        return sh_fail_hint(checker->err, status, "write %s%s%.*s has '%.*s'",
                            node->kind == SH_NODE_COMPARE && node->compare == SH_COMPARE_NE ? "not " : "", item,
                            SH_TEXT_ARGS(operand->name), SH_TEXT_ARGS(node->literals[0].text));
    return sh_fail_hint(checker->err, status, "write %s%.*s has '...'", item, SH_TEXT_ARGS(operand->name));
}

static void set_derived(const struct sh_derived_field *field, uint32_t index, struct sh_operand *operand,
                        struct sh_query_domain *domain) {
    set_plain(index, field->type, field->scale, operand, domain);
    operand->subject = SH_SUBJECT_DERIVED;
    domain->texts = field->labels;
    domain->rank_of_code = field->ranks;
    domain->code_of_rank = field->ranks;
}

/* A name in a table; also its ids, under the name `id`, where no attribute took it. */
static enum sh_status resolve_in_table(struct sh_checker *checker, const struct sh_table *table, struct sh_node *node,
                                       struct sh_query_domain *domain) {
    struct sh_operand *operand = &node->operand;
    const int32_t index = sh_table_find_attribute(table, operand->name);
    if (index >= 0 && !operand->of_item && node->kind != SH_NODE_MISSING) {
        const enum sh_status status =
            sh_hidden_check(checker->hidden, operand->name, sh_checker_position(operand->name_position), checker->err);
        if (status != SH_OK) return status;
    }
    if (index >= 0) {
        set_attribute(sh_table_attribute(table, (uint32_t)index), (uint32_t)index, operand, domain);
        return SH_OK;
    }
    if (sh_table_find_tag_set(table, operand->name) >= 0) return fail_tag_set(checker, node);
    if (sh_text_equal(operand->name, SH_TEXT_LITERAL("id"))) {
        set_plain(SH_OPERAND_ID, SH_TYPE_STRING, 0, operand, domain);
        domain->ids = table;
        return SH_OK;
    }
    const int32_t derived = operand->of_item ? -1 : sh_derived_find(checker->scope->derived, operand->name);
    if (derived >= 0) {
        set_derived(&checker->scope->derived->fields[derived], (uint32_t)derived, operand, domain);
        return SH_OK;
    }
    return operand->of_item ? fail_item_attribute(checker, operand) : fail_attribute(checker, operand);
}

static enum sh_status check_item_place(struct sh_checker *checker, const struct sh_operand *operand) {
    if (checker->event != NULL && checker->scope->items != NULL) return SH_OK;
    const enum sh_status status = sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(operand->position),
                                          "`item` stands only inside where, for the item of an event");
    if (checker->scope->events == NULL)
        return sh_fail_hint(checker->err, status, "this expression is about items: write %.*s alone",
                            SH_TEXT_ARGS(operand->name));
    return sh_fail_hint(checker->err, status, "such as did(view where item.%.*s ...)", SH_TEXT_ARGS(operand->name));
}

static enum sh_status resolve_name(struct sh_checker *checker, struct sh_node *node, struct sh_query_domain *domain) {
    struct sh_operand *operand = &node->operand;
    if (operand->of_item) {
        const enum sh_status status = check_item_place(checker, operand);
        if (status != SH_OK) return status;
        operand->subject = SH_SUBJECT_ITEM;
        return resolve_in_table(checker, checker->scope->items, node, domain);
    }
    if (checker->event != NULL)
        return set_property(checker->event, operand, domain) ? SH_OK : fail_property(checker, checker->event, operand);
    operand->subject = SH_SUBJECT_ATTRIBUTE;
    return resolve_in_table(checker, checker->scope->table, node, domain);
}

/* ---- Aggregates ---- */

static enum sh_status check_node(struct sh_checker *checker, struct sh_node **link);

static const char *name_of(const struct sh_node *node) {
    switch (node->kind) {
    case SH_NODE_DID:
        return "did";
    case SH_NODE_SEQUENCE:
        return "sequence";
    case SH_NODE_SAMPLE:
        return "sample";
    case SH_NODE_SEGMENT:
        return "in_segment";
    default:
        return sh_function_words[node->operand.function];
    }
}

/* Conditions of where are about one event: nothing that is about the whole user stands there. */
static enum sh_status check_outside_where(struct sh_checker *checker, const struct sh_node *node) {
    if (checker->event == NULL) return SH_OK;
    const bool aggregate = node->operand.function != SH_FUNCTION_NONE;
    const enum sh_status status =
        sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(aggregate ? node->operand.position : node->position),
                "%s() cannot stand inside where, whose conditions are about one event", name_of(node));
    return sh_fail_hint(checker->err, status, "join it outside: did(...) and %s(...)", name_of(node));
}

static enum sh_status fail_aggregate(struct sh_checker *checker, const struct sh_operand *operand,
                                     const struct sh_query_domain *domain) {
    const enum sh_status status =
        sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(operand->name_position),
                "%.*s.%.*s is %s: %s() does not fit it", SH_TEXT_ARGS(operand->event), SH_TEXT_ARGS(operand->name),
                sh_domain_words(domain), sh_function_words[operand->function]);
    return sh_fail_hint(checker->err, status, "count(%.*s where %.*s = ...), or first() and last() of it",
                        SH_TEXT_ARGS(operand->event), SH_TEXT_ARGS(operand->name));
}

/* However the values look, they are counted. */
static enum sh_status bind_distinct(struct sh_checker *checker, const struct sh_event_type *event,
                                    struct sh_operand *operand, struct sh_query_domain *domain) {
    const bool is_item = sh_text_equal(operand->name, SH_TEXT_LITERAL("item"));
    if (!is_item && !set_property(event, operand, domain)) return fail_property(checker, event, operand);
    *domain = (struct sh_query_domain){.type = SH_TYPE_INT};
    set_plain(is_item ? SH_OPERAND_ITEM : operand->index, SH_TYPE_INT, 0, operand, domain);
    return SH_OK;
}

/* What the function makes of the property. */
static enum sh_status bind_function(struct sh_checker *checker, const struct sh_event_type *event,
                                    struct sh_operand *operand, struct sh_query_domain *domain) {
    const enum sh_function function = operand->function;
    operand->subject = SH_SUBJECT_PROPERTY;
    if (operand->name.count == 0) {
        const bool moment =
            sh_function_property_use(function) == SH_PROPERTY_MAY || function == SH_FUNCTION_EXPECTED_NEXT;
        set_plain(moment ? SH_OPERAND_TIME : SH_OPERAND_NO_INDEX,
                  moment                              ? SH_TYPE_TIME
                  : sh_function_is_fraction(function) ? SH_TYPE_DECIMAL
                                                      : SH_TYPE_INT,
                  0, operand, domain);
        return SH_OK;
    }
    if (function == SH_FUNCTION_DISTINCT) return bind_distinct(checker, event, operand, domain);
    if (!set_property(event, operand, domain)) return fail_property(checker, event, operand);
    const bool number = domain->type == SH_TYPE_INT || domain->type == SH_TYPE_DECIMAL;
    const bool ordered = number || domain->type == SH_TYPE_TIME || domain->type == SH_TYPE_ENUM;
    const bool adds = function == SH_FUNCTION_SUM || function == SH_FUNCTION_AVG;
    const bool orders = function == SH_FUNCTION_MIN || function == SH_FUNCTION_MAX;
    if ((adds && !number) || (orders && !ordered)) return fail_aggregate(checker, operand, domain);
    if (function == SH_FUNCTION_AVG) {
        operand->type = SH_TYPE_DECIMAL;
        domain->type = SH_TYPE_DECIMAL;
    }
    /* The least time is the time of the first event, and the time of the first event is first() itself. */
    if (operand->index == SH_OPERAND_TIME) {
        if (function != SH_FUNCTION_NTH)
            operand->function =
                function == SH_FUNCTION_MIN || function == SH_FUNCTION_FIRST ? SH_FUNCTION_FIRST : SH_FUNCTION_LAST;
        operand->name = (struct sh_text){NULL, 0};
        checker->reshaped = true;
    }
    return SH_OK;
}

static enum sh_status check_about_users(struct sh_checker *checker, const struct sh_node *node) {
    const enum sh_status status = check_outside_where(checker, node);
    if (status != SH_OK || checker->scope->events != NULL) return status;
    return sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->position),
                   "%s() asks what users did; this expression is about items", name_of(node));
}

/* What a window of events is after or before. */
static enum sh_status check_anchor(struct sh_checker *checker, struct sh_operand *anchor) {
    struct sh_query_domain domain = {.type = SH_TYPE_INT};
    const enum sh_status status = sh_check_operand(checker, anchor, &domain);
    if (status != SH_OK || domain.type == SH_TYPE_TIME) return status;
    return sh_fail_hint(checker->err,
                        sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(anchor->position),
                                "%.*s is %s: a window is after or before a time", SH_TEXT_ARGS(domain.words),
                                sh_domain_words(&domain)),
                        "such as first(purchase), last(purchase) or nth(2, purchase)");
}

static enum sh_status resolve_aggregate(struct sh_checker *checker, const struct sh_node *node,
                                        struct sh_operand *operand, struct sh_query_domain *domain) {
    const struct sh_event_store *events = checker->scope->events;
    enum sh_status status = check_about_users(checker, node);
    if (status != SH_OK) return status;
    const int32_t number = sh_event_type_find(events, operand->event);
    if (number < 0) return fail_event(checker, operand);
    operand->event_type = (uint32_t)number;
    const struct sh_event_type *event = sh_event_type(events, (uint32_t)number);
    if ((status = bind_function(checker, event, operand, domain)) != SH_OK) return status;
    if (operand->where != NULL) {
        checker->event = event;
        status = check_node(checker, &operand->where);
        checker->event = NULL;
        if (status != SH_OK) return status;
    }
    if (operand->window.kind == SH_WINDOW_WITHIN) return check_anchor(checker, operand->window.anchor);
    return sh_query_window_check(&operand->window, checker->scope->zone, checker->err);
}

/* "city", "item.category", "sum(purchase.amount)". */
static enum sh_status set_words(struct sh_checker *checker, const struct sh_operand *operand,
                                struct sh_query_domain *domain) {
    enum { WORDS_BYTES = 2 * SH_NAME_BYTES_MAX + 24 };
    char *words = sh_arena_alloc(checker->arena, WORDS_BYTES);
    if (words == NULL) return sh_checker_memory(checker);
    const bool property = operand->name.count > 0;
    if (operand->function == SH_FUNCTION_NONE) {
        (void)snprintf(words, WORDS_BYTES, "%s%.*s", operand->of_item ? "item." : "", SH_TEXT_ARGS(operand->name));
    } else {
        const bool distinct = operand->function == SH_FUNCTION_DISTINCT;
        (void)snprintf(words, WORDS_BYTES, "%s(%s%.*s%s%.*s)",
                       distinct ? "count" : sh_function_words[operand->function], distinct ? "distinct " : "",
                       SH_TEXT_ARGS(operand->event), property ? "." : "", SH_TEXT_ARGS(operand->name));
    }
    domain->words = sh_text_of(words);
    return SH_OK;
}

/* ---- Tag sets ---- */

static enum sh_status fail_not_tag_set(struct sh_checker *checker, const struct sh_node *node,
                                       const struct sh_query_domain *domain) {
    const enum sh_status status = sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->operand.position),
                                          "%.*s is %s, not a tag set: `has` does not fit it",
                                          SH_TEXT_ARGS(domain->words), sh_domain_words(domain));
    if (domain->type == SH_TYPE_STRING)
        return sh_fail_hint(checker->err, status, "write %.*s = '...', in (...) or contains '...'",
                            SH_TEXT_ARGS(domain->words));
    return sh_fail_hint(checker->err, status, "write %.*s = ..., or %.*s is not missing", SH_TEXT_ARGS(domain->words),
                        SH_TEXT_ARGS(domain->words));
}

static int compare_codes(const void *a, const void *b) {
    const int64_t left = *(const int64_t *)a;
    const int64_t right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* literals are all different, so codes are too. */
static enum sh_status bind_tags(struct sh_checker *checker, struct sh_node *node, const struct sh_table *table) {
    node->values = sh_arena_alloc(checker->arena, node->literal_count * sizeof *node->values);
    if (node->values == NULL) return sh_checker_memory(checker);
    for (uint32_t i = 0; i < node->literal_count; i++) {
        const struct sh_literal *literal = &node->literals[i];
        if (literal->kind != SH_LITERAL_TEXT)
            return sh_fail_hint(
                checker->err,
                sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(literal->position), "tags are texts"),
                "write '%.*s'", SH_TEXT_ARGS(literal->text));
        const uint32_t code = sh_table_find_tag(table, node->tag_set, literal->text);
        if (code != SH_CODE_NONE) node->values[node->value_count++] = code;
    }
    qsort(node->values, node->value_count, sizeof *node->values, compare_codes);
    return SH_OK;
}

static enum sh_status check_has(struct sh_checker *checker, struct sh_node *node) {
    struct sh_operand *operand = &node->operand;
    struct sh_query_domain domain = {.type = SH_TYPE_INT};
    enum sh_status status;
    if (operand->function != SH_FUNCTION_NONE) {
        if ((status = resolve_aggregate(checker, node, operand, &domain)) != SH_OK) return status;
        if ((status = set_words(checker, operand, &domain)) != SH_OK) return status;
        return fail_not_tag_set(checker, node, &domain);
    }
    if (operand->of_item && (status = check_item_place(checker, operand)) != SH_OK) return status;
    const bool of_event = checker->event != NULL && !operand->of_item;
    const struct sh_table *table = operand->of_item ? checker->scope->items : checker->scope->table;
    const int32_t tag_set = of_event ? -1 : sh_table_find_tag_set(table, operand->name);
    if (tag_set < 0) { /* then it is an attribute or property, or nothing */
        if ((status = resolve_name(checker, node, &domain)) != SH_OK) return status;
        if ((status = set_words(checker, operand, &domain)) != SH_OK) return status;
        return fail_not_tag_set(checker, node, &domain);
    }
    if (!operand->of_item) {
        status =
            sh_hidden_check(checker->hidden, operand->name, sh_checker_position(operand->name_position), checker->err);
        if (status != SH_OK) return status;
    }
    operand->subject = operand->of_item ? SH_SUBJECT_ITEM : SH_SUBJECT_ATTRIBUTE;
    operand->index = (uint32_t)tag_set;
    node->tag_set = (uint32_t)tag_set;
    return bind_tags(checker, node, table);
}

/* ---- Segments ---- */

/* Put the saved expression in the place of in_segment. Its own positions are in another text, so its faults are told
 * at the place of in_segment. */
static enum sh_status expand_segment(struct sh_checker *checker, struct sh_node **link) {
    struct sh_node *const node = *link;
    const struct sh_text name = node->literals[0].text;
    const int64_t position = sh_checker_position(node->position);
    enum sh_status status = check_outside_where(checker, node);
    if (status != SH_OK) return status;
    if (checker->scope->segment == NULL)
        return sh_fail(checker->err, SH_ERR_NAME, position, "there is no segment '%.*s': none are saved here",
                       SH_TEXT_ARGS(name));
    struct sh_error inner = {.status = SH_OK};
    struct sh_error *const err = checker->err;
    struct sh_node *tree = NULL;
    status = checker->scope->segment(checker->scope->segment_owner, name, checker->arena, &tree, &inner);
    if (status != SH_OK) {
        (void)sh_fail(err, status, position, "%s", inner.message);
        return inner.hint[0] == '\0' ? status : sh_fail_hint(err, status, "%s", inner.hint);
    }
    tree->next = node->next;
    *link = tree;
    checker->reshaped = true;
    checker->err = &inner;
    const struct sh_hidden *const hidden = checker->hidden;
    checker->hidden = NULL;
    status = check_node(checker, link);
    checker->hidden = hidden;
    checker->err = err;
    if (status == SH_OK) return SH_OK;
    (void)sh_fail(err, status, position, "in the segment '%.*s': %s", SH_TEXT_ARGS(name), inner.message);
    return inner.hint[0] == '\0' ? status : sh_fail_hint(err, status, "%s", inner.hint);
}

/* ---- The walk ---- */

static enum sh_status resolve(struct sh_checker *checker, struct sh_node *node, struct sh_query_domain *domain) {
    const enum sh_status status = node->operand.function == SH_FUNCTION_NONE
                                      ? resolve_name(checker, node, domain)
                                      : resolve_aggregate(checker, node, &node->operand, domain);
    return status != SH_OK ? status : set_words(checker, &node->operand, domain);
}

enum sh_status sh_check_operand(struct sh_checker *checker, struct sh_operand *operand,
                                struct sh_query_domain *domain) {
    struct sh_node asked = {.kind = SH_NODE_COMPARE, .position = operand->position, .operand = *operand};
    const enum sh_status status = resolve(checker, &asked, domain);
    *operand = asked.operand;
    return status;
}

static enum sh_status check_asked(struct sh_checker *checker, struct sh_node *node) {
    struct sh_query_domain domain = {.type = SH_TYPE_INT};
    const enum sh_status status = resolve(checker, node, &domain);
    return status != SH_OK ? status : sh_query_bind(checker, node, &domain);
}

static enum sh_status check_kind(struct sh_checker *checker, struct sh_node **link) {
    struct sh_node *const node = *link;
    enum sh_status status;
    struct sh_query_domain domain = {.type = SH_TYPE_INT};
    switch (node->kind) {
    case SH_NODE_TRUE:
    case SH_NODE_FALSE:
        return SH_OK;
    case SH_NODE_SEQUENCE:
        if ((status = check_about_users(checker, node)) != SH_OK) return status;
        if ((status = sh_query_window_check(&node->window, checker->scope->zone, checker->err)) != SH_OK) return status;
        /* fallthrough */
    case SH_NODE_AND:
    case SH_NODE_OR:
    case SH_NODE_NOT:
        for (struct sh_node **child = &node->child; *child != NULL; child = &(*child)->next)
            if ((status = check_node(checker, child)) != SH_OK) return status;
        return SH_OK;
    case SH_NODE_SAMPLE:
        return check_outside_where(checker, node);
    case SH_NODE_SEGMENT:
        return expand_segment(checker, link);
    case SH_NODE_DID:
        return resolve_aggregate(checker, node, &node->operand, &domain);
    case SH_NODE_HAS:
        return check_has(checker, node);
    case SH_NODE_RELATION:
        return sh_query_check_relation(checker, node);
    default:
        return check_asked(checker, node);
    }
}

static enum sh_status check_node(struct sh_checker *checker, struct sh_node **link) {
    if (++checker->node_count > SH_EXPRESSION_NODE_COUNT_MAX)
        return sh_fail(checker->err, SH_ERR_LIMIT, -1, "with its segments, the expression has more than %d conditions",
                       SH_EXPRESSION_NODE_COUNT_MAX);
    if (++checker->depth > SH_EXPRESSION_DEPTH_MAX)
        return sh_fail(checker->err, SH_ERR_LIMIT, -1, "with its segments, the expression is nested deeper than %d",
                       SH_EXPRESSION_DEPTH_MAX);
    const enum sh_status status = check_kind(checker, link);
    checker->depth--;
    return status;
}

enum sh_status sh_query_check(struct sh_node **tree, const struct sh_query_scope *scope, struct sh_arena *arena,
                              struct sh_error *err) {
    struct sh_checker checker = {.scope = scope, .arena = arena, .err = err, .hidden = scope->hidden};
    const enum sh_status status = check_node(&checker, tree);
    if (status != SH_OK || !checker.reshaped) return status;
    return sh_query_canonicalize(arena, tree, err);
}
