/* The msgpack form read: query_form.h has the list of the arrays. Positions in errors are bytes of the frame. */
#include <stdio.h>

#include "bounds.h"
#include "decimal.h"
#include "query_form.h"
#include "query_number.h"
#include "query_words.h"

struct reader {
    struct sh_cursor *cursor;
    struct sh_arena *arena;
    struct sh_error *err;
    uint32_t depth;
    uint32_t node_count;
    bool in_anchor; /* of a window: it has no anchor of its own */
};

/* ---- Pieces ---- */

static enum sh_status fail_memory(struct reader *reader) {
    return sh_fail(reader->err, SH_ERR_LIMIT, -1, "the expression does not fit the memory of one request");
}

/* The next value, which must be of this kind. */
static enum sh_status take(struct reader *reader, enum sh_value_kind kind, const char *what, struct sh_value *value) {
    const enum sh_status status = sh_cursor_next(reader->cursor, value, reader->err);
    if (status != SH_OK || value->kind == kind) return status;
    return sh_fail(reader->err, SH_ERR_SYNTAX, value->offset, "expected %s (%s), found %s", what,
                   sh_value_kind_name(kind), sh_value_kind_name(value->kind));
}

static enum sh_status copy_text(struct reader *reader, struct sh_text text, struct sh_text *copy) {
    const char *bytes = sh_arena_copy(reader->arena, text.bytes, text.count);
    *copy = (struct sh_text){bytes, text.count};
    return bytes == NULL ? fail_memory(reader) : SH_OK;
}

static enum sh_status take_text(struct reader *reader, const char *what, struct sh_text *text) {
    struct sh_value value;
    const enum sh_status status = take(reader, SH_VALUE_STR, what, &value);
    return status != SH_OK ? status : copy_text(reader, value.text, text);
}

static enum sh_status take_name(struct reader *reader, const char *what, struct sh_text *name) {
    struct sh_value value;
    const enum sh_status status = take(reader, SH_VALUE_STR, what, &value);
    if (status != SH_OK) return status;
    if (value.text.count == 0 || value.text.count > SH_NAME_BYTES_MAX)
        return sh_fail(reader->err, SH_ERR_SYNTAX, value.offset, "a name has 1 to %d bytes, this one has %u",
                       SH_NAME_BYTES_MAX, value.text.count);
    return copy_text(reader, value.text, name);
}

static enum sh_status take_count(struct reader *reader, const char *what, int64_t *count) {
    struct sh_value value;
    const enum sh_status status = take(reader, SH_VALUE_INT, what, &value);
    if (status != SH_OK) return status;
    if (value.integer < 1 || value.integer > SH_WINDOW_COUNT_MAX)
        return sh_fail(reader->err, SH_ERR_SYNTAX, value.offset, "expected %s from 1 to %d, found %lld", what,
                       SH_WINDOW_COUNT_MAX, (long long)value.integer);
    *count = value.integer;
    return SH_OK;
}

/* The head of an array [word, ...]; *word points into the frame. */
static enum sh_status take_head(struct reader *reader, const char *what, struct sh_value *array, struct sh_text *word) {
    enum sh_status status = take(reader, SH_VALUE_ARRAY, what, array);
    if (status != SH_OK) return status;
    if (array->count == 0)
        return sh_fail(reader->err, SH_ERR_SYNTAX, array->offset, "expected %s, found an empty array", what);
    struct sh_value value;
    if ((status = take(reader, SH_VALUE_STR, "the word that begins an array", &value)) != SH_OK) return status;
    *word = value.text;
    return SH_OK;
}

static enum sh_status check_element_count(struct reader *reader, const struct sh_value *array, struct sh_text word,
                                          uint32_t wanted) {
    if (array->count == wanted) return SH_OK;
    return sh_fail(reader->err, SH_ERR_SYNTAX, array->offset,
                   "the array of \"%.*s\" has %u elements with its word, found %u", SH_TEXT_ARGS(word), wanted,
                   array->count);
}

/* ---- Values ---- */

static enum sh_status set_number(struct reader *reader, const char *digits, struct sh_literal *literal) {
    literal->kind = SH_LITERAL_NUMBER;
    literal->text = sh_number_normalize(sh_text_of(digits), reader->arena);
    return literal->text.bytes == NULL ? fail_memory(reader) : SH_OK;
}

/* The decimal with the fewest digits that this float is. */
static enum sh_status set_real(struct reader *reader, const struct sh_value *value, struct sh_literal *literal) {
    for (uint32_t scale = 0; scale <= SH_DECIMAL_SCALE_MAX; scale++) {
        int64_t units;
        if (sh_decimal_from_real(value->real, scale, &units, NULL) != SH_OK) continue;
        struct sh_buffer digits;
        sh_buffer_init(&digits, 64);
        sh_decimal_print(&digits, units, scale);
        sh_buffer_append(&digits, "", 1);
        const enum sh_status status =
            digits.failed ? fail_memory(reader) : set_number(reader, (const char *)digits.bytes, literal);
        sh_buffer_deinit(&digits);
        return status;
    }
    const enum sh_status status =
        sh_fail(reader->err, SH_ERR_SYNTAX, value->offset, "this float (%.17g) is not a short decimal", value->real);
    return sh_fail_hint(reader->err, status, "write [\"number\", \"12.50\"] for an exact decimal");
}

static enum sh_status set_exact(struct reader *reader, const struct sh_value *array, struct sh_literal *literal) {
    struct sh_value word;
    struct sh_value digits;
    enum sh_status status = take(reader, SH_VALUE_STR, "\"number\"", &word);
    if (status != SH_OK) return status;
    if (array->count != 2 || !sh_text_equal(word.text, SH_TEXT_LITERAL("number")))
        return sh_fail(reader->err, SH_ERR_SYNTAX, array->offset,
                       "expected a value: a str, an int, a bool, a float or [\"number\", digits]");
    if ((status = take(reader, SH_VALUE_STR, "the digits of a number", &digits)) != SH_OK) return status;
    if (!sh_number_is_valid(digits.text))
        return sh_fail(reader->err, SH_ERR_SYNTAX, digits.offset,
                       "expected the digits of a number, such as \"-12.50\", found \"%.*s\"",
                       SH_TEXT_ARGS(digits.text));
    literal->kind = SH_LITERAL_NUMBER;
    literal->text = sh_number_normalize(digits.text, reader->arena);
    return literal->text.bytes == NULL ? fail_memory(reader) : SH_OK;
}

static enum sh_status read_value(struct reader *reader, struct sh_literal *literal) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(reader->cursor, &value, reader->err);
    if (status != SH_OK) return status;
    literal->position = SH_POSITION_NONE;
    char digits[32];
    switch (value.kind) {
    case SH_VALUE_STR:
        literal->kind = SH_LITERAL_TEXT;
        return copy_text(reader, value.text, &literal->text);
    case SH_VALUE_BOOL:
        literal->kind = SH_LITERAL_BOOL;
        literal->text = value.boolean ? SH_TEXT_LITERAL("true") : SH_TEXT_LITERAL("false");
        return SH_OK;
    case SH_VALUE_INT:
        (void)snprintf(digits, sizeof digits, "%lld", (long long)value.integer);
        return set_number(reader, digits, literal);
    case SH_VALUE_UINT_BIG:
        (void)snprintf(digits, sizeof digits, "%llu", (unsigned long long)value.big);
        return set_number(reader, digits, literal);
    case SH_VALUE_FLOAT:
        return set_real(reader, &value, literal);
    case SH_VALUE_ARRAY:
        if (value.count > 0) return set_exact(reader, &value, literal);
        break;
    default:
        break;
    }
    return sh_fail(reader->err, SH_ERR_SYNTAX, value.offset,
                   "expected a value: a str, an int, a bool, a float or [\"number\", digits], found %s",
                   sh_value_kind_name(value.kind));
}

static enum sh_status add_value(struct reader *reader, struct sh_node *node) {
    struct sh_literal literal;
    const enum sh_status status = read_value(reader, &literal);
    if (status != SH_OK) return status;
    return sh_node_add_literal(reader->arena, node, literal) ? SH_OK : fail_memory(reader);
}

static enum sh_status add_values(struct reader *reader, struct sh_node *node) {
    struct sh_value list;
    enum sh_status status = take(reader, SH_VALUE_ARRAY, "a list of values", &list);
    if (status != SH_OK) return status;
    if (list.count == 0)
        return sh_fail(reader->err, SH_ERR_SYNTAX, list.offset, "a list has at least one value, this one is empty");
    for (uint32_t i = 0; i < list.count; i++)
        if ((status = add_value(reader, node)) != SH_OK) return status;
    return SH_OK;
}

/* ---- Windows ---- */

static enum sh_status read_moment(struct reader *reader, struct sh_literal *literal) {
    *literal = (struct sh_literal){.kind = SH_LITERAL_TEXT, .position = SH_POSITION_NONE};
    return take_text(reader, "a date such as \"2026-03-01\"", &literal->text);
}

static enum sh_status read_unit(struct reader *reader, bool (*fits)(enum sh_unit), enum sh_unit *unit) {
    struct sh_value value;
    const enum sh_status status = take(reader, SH_VALUE_STR, "a unit of time", &value);
    if (status != SH_OK) return status;
    *unit = sh_unit_of(value.text);
    if (fits(*unit)) return SH_OK;
    return sh_fail(reader->err, SH_ERR_SYNTAX, value.offset, "expected %s, found \"%.*s\"",
                   fits == sh_unit_slides ? "minutes, hours, days or weeks" : "days, weeks, months, quarters or years",
                   SH_TEXT_ARGS(value.text));
}

static enum sh_status read_operand(struct reader *reader, struct sh_operand *operand);

/* 7, "days", "after", operand, behind the word. */
static enum sh_status read_within(struct reader *reader, const struct sh_value *array, struct sh_window *window) {
    struct sh_value side;
    enum sh_status status;
    if (reader->in_anchor)
        return sh_fail(reader->err, SH_ERR_SYNTAX, array->offset,
                       "what a window is after or before has no such window of its own");
    if ((status = take_count(reader, "a whole number", &window->count)) != SH_OK) return status;
    if ((status = read_unit(reader, sh_unit_slides, &window->unit)) != SH_OK) return status;
    if ((status = take(reader, SH_VALUE_STR, "\"after\" or \"before\"", &side)) != SH_OK) return status;
    window->is_before = sh_text_equal(side.text, SH_TEXT_LITERAL("before"));
    if (!window->is_before && !sh_text_equal(side.text, SH_TEXT_LITERAL("after")))
        return sh_fail(reader->err, SH_ERR_SYNTAX, side.offset, "expected \"after\" or \"before\", found \"%.*s\"",
                       SH_TEXT_ARGS(side.text));
    window->anchor = sh_arena_alloc_zero(reader->arena, sizeof *window->anchor);
    if (window->anchor == NULL) return fail_memory(reader);
    reader->in_anchor = true;
    status = read_operand(reader, window->anchor);
    reader->in_anchor = false;
    return status;
}

static enum sh_status read_window(struct reader *reader, struct sh_window *window) {
    static const struct {
        const char *word;
        enum sh_window_kind kind;
        uint32_t element_count;
    } heads[] = {{"last", SH_WINDOW_SLIDING, 3},    {"last_calendar", SH_WINDOW_CALENDAR, 3},
                 {"this", SH_WINDOW_THIS, 2},       {"previous", SH_WINDOW_PREVIOUS, 2},
                 {"between", SH_WINDOW_BETWEEN, 3}, {"on", SH_WINDOW_ON, 2},
                 {"since", SH_WINDOW_SINCE, 2},     {"before", SH_WINDOW_BEFORE, 2},
                 {"ago", SH_WINDOW_AGO, 5},         {"within", SH_WINDOW_WITHIN, 5}};
    struct sh_value array;
    struct sh_text word;
    enum sh_status status = take_head(reader, "a window such as [\"last\", 7, \"days\"]", &array, &word);
    if (status != SH_OK) return status;
    *window = (struct sh_window){.position = SH_POSITION_NONE};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        if (!sh_text_equal(word, sh_text_of(heads[i].word))) continue;
        window->kind = heads[i].kind;
        if ((status = check_element_count(reader, &array, word, heads[i].element_count)) != SH_OK) return status;
        switch (window->kind) {
        case SH_WINDOW_SLIDING:
        case SH_WINDOW_CALENDAR:
            if ((status = take_count(reader, "a whole number", &window->count)) != SH_OK) return status;
            return read_unit(reader, window->kind == SH_WINDOW_SLIDING ? sh_unit_slides : sh_unit_is_calendar,
                             &window->unit);
        case SH_WINDOW_THIS:
        case SH_WINDOW_PREVIOUS:
            return read_unit(reader, sh_unit_is_calendar, &window->unit);
        case SH_WINDOW_BETWEEN:
            if ((status = read_moment(reader, &window->from)) != SH_OK) return status;
            return read_moment(reader, &window->to);
        case SH_WINDOW_BEFORE:
            return read_moment(reader, &window->to);
        case SH_WINDOW_AGO:
            if ((status = take_count(reader, "a whole number", &window->count)) != SH_OK) return status;
            if ((status = read_unit(reader, sh_unit_slides, &window->unit)) != SH_OK) return status;
            if ((status = take_count(reader, "a whole number", &window->end_count)) != SH_OK) return status;
            return read_unit(reader, sh_unit_slides, &window->end_unit);
        case SH_WINDOW_WITHIN:
            return read_within(reader, &array, window);
        default:
            return read_moment(reader, &window->from);
        }
    }
    status = sh_fail(reader->err, SH_ERR_SYNTAX, array.offset, "there is no window \"%.*s\"", SH_TEXT_ARGS(word));
    return sh_fail_hint(reader->err, status,
                        "last, last_calendar, ago, this, previous, between, on, since, before, within");
}

/* ---- Operands ---- */

static enum sh_status read_node(struct reader *reader, struct sh_node **node);

enum { KEY_EVENT = 1, KEY_PROPERTY = 2, KEY_WHERE = 4, KEY_WINDOW = 8, KEY_NTH = 16, KEY_COUNT = 5 };

static enum sh_status read_event_key(struct reader *reader, enum sh_property_use use, struct sh_operand *operand,
                                     uint32_t *seen) {
    struct sh_value key;
    const enum sh_status status = take(reader, SH_VALUE_STR, "a key", &key);
    if (status != SH_OK) return status;
    static const char *const words[KEY_COUNT] = {"event", "property", "where", "window", "nth"};
    const bool has_place = operand->function == SH_FUNCTION_NTH;
    for (uint32_t i = 0; i < KEY_COUNT; i++) {
        const uint32_t bit = 1u << i;
        if (!sh_text_equal(key.text, sh_text_of(words[i])) || (bit == KEY_PROPERTY && use == SH_PROPERTY_NEVER) ||
            (bit == KEY_NTH && !has_place))
            continue;
        if ((*seen & bit) != 0)
            return sh_fail(reader->err, SH_ERR_SYNTAX, key.offset, "the key \"%s\" stands here twice", words[i]);
        *seen |= bit;
        switch (bit) {
        case KEY_EVENT:
            return take_name(reader, "the name of an event type", &operand->event);
        case KEY_PROPERTY:
            return take_name(reader, "the name of a property", &operand->name);
        case KEY_WHERE:
            return read_node(reader, &operand->where);
        case KEY_NTH:
            return take_count(reader, "a whole number", &operand->nth);
        default:
            return read_window(reader, &operand->window);
        }
    }
    return sh_fail_hint(
        reader->err,
        sh_fail(reader->err, SH_ERR_SYNTAX, key.offset, "the key \"%.*s\" has no place here", SH_TEXT_ARGS(key.text)),
        "the keys are event, where, window%s%s", use == SH_PROPERTY_NEVER ? "" : ", property",
        has_place ? ", nth" : "");
}

/* {"event": name, ...} behind the word of a function. */
static enum sh_status read_events(struct reader *reader, const char *function, enum sh_property_use use,
                                  struct sh_operand *operand) {
    struct sh_value map;
    uint32_t seen = 0;
    enum sh_status status = take(reader, SH_VALUE_MAP, "{\"event\": name, ...}", &map);
    for (uint32_t i = 0; status == SH_OK && i < map.count; i++)
        status = read_event_key(reader, use, operand, &seen);
    if (status != SH_OK) return status;
    if ((seen & KEY_EVENT) == 0)
        return sh_fail(reader->err, SH_ERR_SYNTAX, map.offset, "the key \"event\" is missing in \"%s\"", function);
    if (use == SH_PROPERTY_MUST && (seen & KEY_PROPERTY) == 0)
        return sh_fail(reader->err, SH_ERR_SYNTAX, map.offset, "the key \"property\" is missing in \"%s\"", function);
    if (operand->function == SH_FUNCTION_NTH && (seen & KEY_NTH) == 0)
        return sh_fail(reader->err, SH_ERR_SYNTAX, map.offset, "the key \"nth\" is missing in \"%s\"", function);
    return SH_OK;
}

static void init_operand(struct sh_operand *operand) {
    *operand = (struct sh_operand){
        .position = SH_POSITION_NONE, .name_position = SH_POSITION_NONE, .event_position = SH_POSITION_NONE};
}

static enum sh_status read_operand(struct reader *reader, struct sh_operand *operand) {
    init_operand(operand);
    enum sh_value_kind kind;
    enum sh_status status = sh_cursor_peek(reader->cursor, &kind, reader->err);
    if (status != SH_OK) return status;
    if (kind == SH_VALUE_STR) return take_name(reader, "a name", &operand->name);
    struct sh_value array;
    struct sh_text word;
    status = take_head(reader, "a name, [\"item\", name] or [function, {\"event\": name}]", &array, &word);
    if (status != SH_OK) return status;
    if ((status = check_element_count(reader, &array, word, 2)) != SH_OK) return status;
    if (sh_text_equal(word, SH_TEXT_LITERAL("item"))) {
        operand->of_item = true;
        return take_name(reader, "a name behind \"item\"", &operand->name);
    }
    operand->function = sh_function_of(word);
    if (operand->function == SH_FUNCTION_NONE) {
        status = sh_fail(reader->err, SH_ERR_SYNTAX, array.offset, "there is no function \"%.*s\"", SH_TEXT_ARGS(word));
        return sh_fail_hint(reader->err, status,
                            "count, count_distinct, sum, min, max, avg, first, last, nth, days, days_since, gap_min, "
                            "gap_avg, gap_max, expected_next");
    }
    return read_events(reader, sh_function_words[operand->function], sh_function_property_use(operand->function),
                       operand);
}

/* ---- Conditions ---- */

struct head {
    const char *word;
    enum sh_node_kind kind;
    int detail; /* enum sh_compare or enum sh_has */
    bool negated;
    uint32_t element_count; /* with the word; 0: any number */
};
static const struct head heads[] = {
    {"true", SH_NODE_TRUE, 0, false, 1},
    {"false", SH_NODE_FALSE, 0, false, 1},
    {"and", SH_NODE_AND, 0, false, 0},
    {"or", SH_NODE_OR, 0, false, 0},
    {"not", SH_NODE_NOT, 0, false, 2},
    {"=", SH_NODE_COMPARE, SH_COMPARE_EQ, false, 3},
    {"!=", SH_NODE_COMPARE, SH_COMPARE_NE, false, 3},
    {"<", SH_NODE_COMPARE, SH_COMPARE_LT, false, 3},
    {"<=", SH_NODE_COMPARE, SH_COMPARE_LE, false, 3},
    {">", SH_NODE_COMPARE, SH_COMPARE_GT, false, 3},
    {">=", SH_NODE_COMPARE, SH_COMPARE_GE, false, 3},
    {"between", SH_NODE_BETWEEN, 0, false, 4},
    {"not_between", SH_NODE_BETWEEN, 0, true, 4},
    {"in", SH_NODE_IN, 0, false, 3},
    {"not_in", SH_NODE_IN, 0, true, 3},
    {"under", SH_NODE_UNDER, 0, false, 3},
    {"not_under", SH_NODE_UNDER, 0, true, 3},
    {"missing", SH_NODE_MISSING, 0, false, 2},
    {"not_missing", SH_NODE_MISSING, 0, true, 2},
    {"starts_with", SH_NODE_STARTS, 0, false, 3},
    {"not_starts_with", SH_NODE_STARTS, 0, true, 3},
    {"contains", SH_NODE_CONTAINS, 0, false, 3},
    {"not_contains", SH_NODE_CONTAINS, 0, true, 3},
    {"in_window", SH_NODE_WINDOW, 0, false, 3},
    {"in_next_days", SH_NODE_NEXT, 0, false, 3},
    {"has_any", SH_NODE_HAS, SH_HAS_ANY, false, 3},
    {"has_all", SH_NODE_HAS, SH_HAS_ALL, false, 3},
    {"has_none", SH_NODE_HAS, SH_HAS_NONE, false, 3},
    {"compare", SH_NODE_RELATION, 0, false, 4},
    {"did", SH_NODE_DID, 0, false, 2},
    {"sequence", SH_NODE_SEQUENCE, 0, false, 2},
    {"sample", SH_NODE_SAMPLE, 0, false, 3},
    {"in_segment", SH_NODE_SEGMENT, 0, false, 2},
};
enum { HEAD_COUNT = sizeof heads / sizeof heads[0] };

static enum sh_status find_head(struct reader *reader, const struct sh_value *array, struct sh_text word,
                                const struct head **found) {
    struct sh_nearest search;
    sh_nearest_init(&search, word);
    for (size_t i = 0; i < HEAD_COUNT; i++) {
        if (sh_text_equal(word, sh_text_of(heads[i].word))) {
            *found = &heads[i];
            return heads[i].element_count == 0 ? SH_OK
                                               : check_element_count(reader, array, word, heads[i].element_count);
        }
        sh_nearest_offer(&search, sh_text_of(heads[i].word));
    }
    const enum sh_status status =
        sh_fail(reader->err, SH_ERR_SYNTAX, array->offset, "there is no condition \"%.*s\"", SH_TEXT_ARGS(word));
    if (search.nearest.count == 0) return status;
    return sh_fail_hint(reader->err, status, "did you mean \"%.*s\"?", SH_TEXT_ARGS(search.nearest));
}

static enum sh_status read_children(struct reader *reader, const struct sh_value *array, struct sh_node *node) {
    if (array->count < 2)
        return sh_fail(reader->err, SH_ERR_SYNTAX, array->offset, "\"and\" and \"or\" need at least one condition");
    struct sh_node **last = &node->child;
    for (uint32_t i = 1; i < array->count; i++) {
        const enum sh_status status = read_node(reader, last);
        if (status != SH_OK) return status;
        last = &(*last)->next;
    }
    return SH_OK;
}

/* ---- Sequences ---- */

static enum sh_status read_step(struct reader *reader, struct sh_node **step) {
    enum sh_value_kind kind;
    const int64_t offset = sh_cursor_offset(reader->cursor);
    enum sh_status status = sh_cursor_peek(reader->cursor, &kind, reader->err);
    if (status != SH_OK) return status;
    if (++reader->node_count > SH_EXPRESSION_NODE_COUNT_MAX)
        return sh_fail(reader->err, SH_ERR_LIMIT, offset, "an expression has at most %d conditions",
                       SH_EXPRESSION_NODE_COUNT_MAX);
    if ((*step = sh_node_make(reader->arena, SH_NODE_DID, SH_POSITION_NONE)) == NULL) return fail_memory(reader);
    struct sh_operand *operand = &(*step)->operand;
    init_operand(operand);
    operand->function = SH_FUNCTION_COUNT;
    if (kind == SH_VALUE_STR) return take_name(reader, "the name of an event type", &operand->event);
    if ((status = read_events(reader, "sequence", SH_PROPERTY_NEVER, operand)) != SH_OK) return status;
    if (operand->window.kind == SH_WINDOW_EVER) return SH_OK;
    return sh_fail(reader->err, SH_ERR_SYNTAX, offset, "a step has no window of its own: the sequence has one");
}

static enum sh_status read_steps(struct reader *reader, struct sh_node *node) {
    struct sh_value list;
    enum sh_status status = take(reader, SH_VALUE_ARRAY, "the steps of a sequence", &list);
    if (status != SH_OK) return status;
    if (list.count == 0 || list.count > SH_SEQUENCE_STEP_COUNT_MAX)
        return sh_fail(reader->err, SH_ERR_SYNTAX, list.offset, "a sequence has 1 to %d steps, this one has %u",
                       SH_SEQUENCE_STEP_COUNT_MAX, list.count);
    struct sh_node **last = &node->child;
    for (uint32_t i = 0; i < list.count; i++) {
        if ((status = read_step(reader, last)) != SH_OK) return status;
        last = &(*last)->next;
    }
    return SH_OK;
}

static enum sh_status read_span(struct reader *reader, struct sh_sequence_terms *terms) {
    struct sh_value pair;
    enum sh_status status = take(reader, SH_VALUE_ARRAY, "a span such as [3, \"days\"]", &pair);
    if (status != SH_OK) return status;
    if (pair.count != 2)
        return sh_fail(reader->err, SH_ERR_SYNTAX, pair.offset, "expected a span such as [3, \"days\"]");
    if ((status = take_count(reader, "a whole number", &terms->within_count)) != SH_OK) return status;
    return read_unit(reader, sh_unit_slides, &terms->within_unit);
}

static enum sh_status read_sequence_value(struct reader *reader, uint32_t key, struct sh_node *node) {
    struct sh_value value;
    enum sh_status status;
    switch (key) {
    case 0:
        return read_steps(reader, node);
    case 1:
        return read_span(reader, &node->sequence);
    case 2:
        if ((status = take(reader, SH_VALUE_BOOL, "strict", &value)) != SH_OK) return status;
        node->sequence.is_strict = value.boolean;
        return SH_OK;
    case 3:
        if ((status = take(reader, SH_VALUE_INT, "a step", &value)) != SH_OK) return status;
        if (value.integer < 1 || value.integer > SH_SEQUENCE_STEP_COUNT_MAX)
            return sh_fail(reader->err, SH_ERR_SYNTAX, value.offset, "the sequence has no step %lld to reach",
                           (long long)value.integer);
        node->sequence.reach = (uint32_t)value.integer;
        return SH_OK;
    default:
        if ((status = read_window(reader, &node->window)) != SH_OK || node->window.kind != SH_WINDOW_WITHIN)
            return status;
        return sh_fail(reader->err, SH_ERR_SYNTAX, -1, "the window of a sequence is not relative to an event");
    }
}

static enum sh_status read_sequence(struct reader *reader, struct sh_node *node) {
    static const char *const words[] = {"steps", "within", "strict", "reach", "window"};
    enum { WORD_COUNT = sizeof words / sizeof words[0] };
    struct sh_value map;
    struct sh_value key;
    uint32_t seen = 0;
    enum sh_status status = take(reader, SH_VALUE_MAP, "{\"steps\": [name, ...], ...}", &map);
    for (uint32_t i = 0; status == SH_OK && i < map.count; i++) {
        if ((status = take(reader, SH_VALUE_STR, "a key", &key)) != SH_OK) return status;
        uint32_t at = 0;
        while (at < WORD_COUNT && !sh_text_equal(key.text, sh_text_of(words[at])))
            at++;
        if (at == WORD_COUNT) {
            status = sh_fail(reader->err, SH_ERR_SYNTAX, key.offset, "the key \"%.*s\" has no place here",
                             SH_TEXT_ARGS(key.text));
            return sh_fail_hint(reader->err, status, "the keys are steps, within, strict, reach, window");
        }
        if ((seen >> at & 1) != 0)
            return sh_fail(reader->err, SH_ERR_SYNTAX, key.offset, "the key \"%s\" stands here twice", words[at]);
        seen |= 1u << at;
        status = read_sequence_value(reader, at, node);
    }
    if (status != SH_OK) return status;
    if (node->child == NULL)
        return sh_fail(reader->err, SH_ERR_SYNTAX, map.offset, "the key \"steps\" is missing in \"sequence\"");
    if (sh_sequence_settle(node)) return SH_OK;
    return sh_fail(reader->err, SH_ERR_SYNTAX, map.offset, "the sequence has no step %u to reach",
                   node->sequence.reach);
}

static enum sh_status read_sample(struct reader *reader, struct sh_node *node) {
    struct sh_value parts;
    const enum sh_status status = take(reader, SH_VALUE_INT, "millionths", &parts);
    if (status != SH_OK) return status;
    if (parts.integer < 0 || parts.integer > SH_SAMPLE_PARTS)
        return sh_fail(reader->err, SH_ERR_SYNTAX, parts.offset, "expected 0 to %d millionths, found %lld",
                       SH_SAMPLE_PARTS, (long long)parts.integer);
    node->sample_parts = (uint32_t)parts.integer;
    return take_text(reader, "the seed of a sample", &node->sample_seed);
}

static enum sh_status read_segment(struct reader *reader, struct sh_node *node) {
    struct sh_literal name = {.kind = SH_LITERAL_TEXT, .position = SH_POSITION_NONE};
    const enum sh_status status = take_text(reader, "the name of a segment", &name.text);
    if (status != SH_OK) return status;
    return sh_node_add_literal(reader->arena, node, name) ? SH_OK : fail_memory(reader);
}

static enum sh_status read_term(struct reader *reader, uint32_t *term_count, struct sh_term **term);

static bool is_calculation(struct sh_text word) {
    for (enum sh_term_kind kind = SH_TERM_ADD; kind <= SH_TERM_DIVIDE; kind++)
        if (sh_text_equal(word, sh_text_of(sh_term_words[kind]))) return true;
    return false;
}

/* An operand; of `in` and `missing` also a calculation, which makes the node a RELATION. */
static enum sh_status read_subject(struct reader *reader, struct sh_node *node) {
    const struct sh_cursor begin = *reader->cursor;
    enum sh_value_kind kind;
    struct sh_value array;
    struct sh_text word;
    enum sh_status status = sh_cursor_peek(reader->cursor, &kind, reader->err);
    if (status != SH_OK) return status;
    if (kind != SH_VALUE_ARRAY || (node->kind != SH_NODE_IN && node->kind != SH_NODE_MISSING))
        return read_operand(reader, &node->operand);
    if ((status = take_head(reader, "a name, a function or a calculation", &array, &word)) != SH_OK) return status;
    *reader->cursor = begin;
    if (!is_calculation(word)) return read_operand(reader, &node->operand);
    uint32_t term_count = 1; /* as if something stood on the other side */
    return read_term(reader, &term_count, &node->left);
}

/* What stands behind the operand. */
static enum sh_status read_asked(struct reader *reader, struct sh_node *node) {
    enum sh_status status = read_subject(reader, node);
    if (status != SH_OK) return status;
    if (node->left != NULL) {
        const bool is_list = node->kind == SH_NODE_IN;
        node->kind = SH_NODE_RELATION;
        return is_list ? add_values(reader, node) : SH_OK;
    }
    switch (node->kind) {
    case SH_NODE_MISSING:
        return SH_OK;
    case SH_NODE_IN:
    case SH_NODE_HAS:
        return add_values(reader, node);
    case SH_NODE_WINDOW:
        return read_window(reader, &node->window);
    case SH_NODE_NEXT:
        return take_count(reader, "a number of days", &node->count);
    case SH_NODE_BETWEEN:
        if ((status = add_value(reader, node)) != SH_OK) return status;
        return add_value(reader, node);
    default:
        return add_value(reader, node);
    }
}

/* ---- Comparisons of calculations ---- */

/* An array: a calculation, a number, or an operand. */
static enum sh_status read_term_array(struct reader *reader, uint32_t *term_count, struct sh_term *term) {
    const struct sh_cursor begin = *reader->cursor;
    struct sh_value array;
    struct sh_text word;
    enum sh_status status = take_head(reader, "a calculation such as [\"+\", \"points\", 5]", &array, &word);
    if (status != SH_OK) return status;
    for (enum sh_term_kind kind = SH_TERM_ADD; kind <= SH_TERM_DIVIDE; kind++) {
        if (!sh_text_equal(word, sh_text_of(sh_term_words[kind]))) continue;
        term->kind = kind;
        if ((status = check_element_count(reader, &array, word, 3)) != SH_OK) return status;
        if ((status = read_term(reader, term_count, &term->left)) != SH_OK) return status;
        return read_term(reader, term_count, &term->right);
    }
    const bool is_span = sh_text_equal(word, SH_TEXT_LITERAL("span"));
    if (!is_span) *reader->cursor = begin;
    if (!is_span && !sh_text_equal(word, SH_TEXT_LITERAL("number"))) return read_operand(reader, &term->operand);
    term->kind = SH_TERM_NUMBER;
    if (!is_span) return read_value(reader, &term->number);
    if ((status = check_element_count(reader, &array, word, 3)) != SH_OK) return status;
    if ((status = read_value(reader, &term->number)) != SH_OK) return status;
    if (term->number.kind != SH_LITERAL_NUMBER)
        return sh_fail(reader->err, SH_ERR_SYNTAX, array.offset, "a span is so many days: [\"span\", 30, \"days\"]");
    return read_unit(reader, sh_unit_slides, &term->unit);
}

static enum sh_status read_term(struct reader *reader, uint32_t *term_count, struct sh_term **term) {
    enum sh_value_kind kind;
    enum sh_status status = sh_cursor_peek(reader->cursor, &kind, reader->err);
    if (status != SH_OK) return status;
    /* So many values on two sides are joined by two operators fewer. */
    if (++*term_count > 2 * SH_CALCULATION_VALUE_COUNT_MAX - 2)
        return sh_fail(reader->err, SH_ERR_LIMIT, -1, "a comparison calculates with at most %d values",
                       SH_CALCULATION_VALUE_COUNT_MAX);
    if ((*term = sh_arena_alloc_zero(reader->arena, sizeof **term)) == NULL) return fail_memory(reader);
    (*term)->position = SH_POSITION_NONE;
    (*term)->kind = SH_TERM_OPERAND;
    if (kind == SH_VALUE_ARRAY) return read_term_array(reader, term_count, *term);
    if (kind == SH_VALUE_STR) return read_operand(reader, &(*term)->operand);
    if ((status = read_value(reader, &(*term)->number)) != SH_OK) return status;
    (*term)->kind = SH_TERM_NUMBER;
    if ((*term)->number.kind == SH_LITERAL_NUMBER) return SH_OK;
    return sh_fail(reader->err, SH_ERR_SYNTAX, -1, "a calculation has numbers and names, not bools");
}

static enum sh_status read_relation(struct reader *reader, struct sh_node *node) {
    struct sh_value word;
    uint32_t term_count = 0; /* of both sides */
    enum sh_status status = take(reader, SH_VALUE_STR, "a comparison such as \"<\"", &word);
    if (status != SH_OK) return status;
    for (int i = SH_COMPARE_EQ; i <= SH_COMPARE_GE; i++) {
        if (!sh_text_equal(word.text, sh_text_of(sh_compare_words[i]))) continue;
        node->compare = (enum sh_compare)i;
        if ((status = read_term(reader, &term_count, &node->left)) != SH_OK) return status;
        if ((status = read_term(reader, &term_count, &node->right)) != SH_OK) return status;
        if (node->left->kind != SH_TERM_NUMBER || node->right->kind != SH_TERM_NUMBER) return SH_OK; /* nor spans */
        return sh_fail(reader->err, SH_ERR_SYNTAX, word.offset, "two numbers cannot be compared");
    }
    return sh_fail(reader->err, SH_ERR_SYNTAX, word.offset, "expected = != < <= > or >=, found \"%.*s\"",
                   SH_TEXT_ARGS(word.text));
}

static enum sh_status read_body(struct reader *reader, const struct sh_value *array, struct sh_node *node) {
    switch (node->kind) {
    case SH_NODE_TRUE:
    case SH_NODE_FALSE:
        return SH_OK;
    case SH_NODE_AND:
    case SH_NODE_OR:
    case SH_NODE_NOT:
        return read_children(reader, array, node);
    case SH_NODE_DID:
        init_operand(&node->operand);
        node->operand.function = SH_FUNCTION_COUNT;
        return read_events(reader, "did", SH_PROPERTY_NEVER, &node->operand);
    case SH_NODE_RELATION:
        return read_relation(reader, node);
    case SH_NODE_SEQUENCE:
        return read_sequence(reader, node);
    case SH_NODE_SAMPLE:
        return read_sample(reader, node);
    case SH_NODE_SEGMENT:
        return read_segment(reader, node);
    default:
        return read_asked(reader, node);
    }
}

static enum sh_status read_node(struct reader *reader, struct sh_node **node) {
    struct sh_value array;
    struct sh_text word;
    enum sh_status status = take_head(reader, "a condition such as [\"=\", \"tier\", \"gold\"]", &array, &word);
    if (status != SH_OK) return status;
    if (++reader->depth > SH_EXPRESSION_DEPTH_MAX)
        return sh_fail(reader->err, SH_ERR_LIMIT, array.offset, "conditions are nested deeper than %d",
                       SH_EXPRESSION_DEPTH_MAX);
    if (++reader->node_count > SH_EXPRESSION_NODE_COUNT_MAX)
        return sh_fail(reader->err, SH_ERR_LIMIT, array.offset, "an expression has at most %d conditions",
                       SH_EXPRESSION_NODE_COUNT_MAX);
    const struct head *head = NULL;
    if ((status = find_head(reader, &array, word, &head)) != SH_OK) return status;
    if ((*node = sh_node_make(reader->arena, head->kind, SH_POSITION_NONE)) == NULL) return fail_memory(reader);
    (*node)->negated = head->negated;
    if (head->kind == SH_NODE_COMPARE) (*node)->compare = (enum sh_compare)head->detail;
    if (head->kind == SH_NODE_HAS) (*node)->has = (enum sh_has)head->detail;
    if ((status = read_body(reader, &array, *node)) != SH_OK) return status;
    reader->depth--;
    return SH_OK;
}

enum sh_status sh_query_read(struct sh_cursor *cursor, struct sh_arena *arena, struct sh_node **tree,
                             struct sh_error *err) {
    enum sh_value_kind kind;
    enum sh_status status = sh_cursor_peek(cursor, &kind, err);
    if (status != SH_OK) return status;
    struct sh_value value;
    if (kind == SH_VALUE_STR) {
        if ((status = sh_cursor_next(cursor, &value, err)) != SH_OK) return status;
        return sh_query_parse(value.text, arena, tree, err);
    }
    if (kind != SH_VALUE_ARRAY) {
        if ((status = sh_cursor_next(cursor, &value, err)) != SH_OK) return status;
        return sh_fail(err, SH_ERR_SYNTAX, value.offset, "expected an expression: a str or an array, found %s",
                       sh_value_kind_name(kind));
    }
    struct reader reader = {.cursor = cursor, .arena = arena, .err = err};
    if ((status = read_node(&reader, tree)) != SH_OK) return status;
    return sh_query_canonicalize(arena, tree, err);
}
