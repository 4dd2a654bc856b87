#include "query_twin.h"

#include <stdio.h>
#include <string.h>

#include "hash.h"

/* What is true or false here: a row, or one event of it. */
struct context {
    const struct twin *twin;
    const struct twin_table *table;
    uint32_t slot;
    const struct twin_event *event; /* inside where */
    bool as_day;                    /* in a comparison with dates and instants, instants are their day */
};

/* A value of an operand, in a form that compares with any literal of its type. */
struct value {
    bool is_present;
    enum sh_type type;
    bool is_date;
    __int128 number; /* units of 10^-scale, times divisor (averages) */
    uint32_t scale;
    int64_t divisor;
    const char *text;
    const struct twin_field *field; /* ENUM */
};

static bool holds(const struct context *context, const struct sh_node *tree);

static bool is_named(struct sh_text text, const char *name) {
    return text.count == strlen(name) && memcmp(text.bytes, name, text.count) == 0;
}

static __int128 power_of_ten(uint32_t exponent) {
    __int128 power = 1;
    while (exponent-- > 0)
        power *= 10;
    return power;
}

/* ---- Windows ---- */

static int64_t day_start(const struct twin *twin, int32_t day) {
    return sh_zone_day_start_ms(twin->zone, day);
}

/* First and last instant that a literal means; a date means its day. */
static void read_moment(const struct twin *twin, struct sh_text text, int64_t *first, int64_t *last) {
    struct sh_date date;
    if (sh_date_parse(text, &date, NULL) == SH_OK) {
        *first = day_start(twin, sh_day_from_date(date));
        *last = day_start(twin, sh_day_from_date(date) + 1) - 1;
        return;
    }
    if (sh_instant_parse(text, twin->zone, first, NULL) != SH_OK) abort();
    *last = *first;
}

static bool begins_unit(int32_t day, enum sh_unit unit) {
    const struct sh_date date = sh_date_from_day(day);
    switch (unit) {
    case SH_UNIT_WEEK:
        return sh_day_weekday(day) == 1;
    case SH_UNIT_MONTH:
        return date.day == 1;
    case SH_UNIT_QUARTER:
        return date.day == 1 && date.month % 3 == 1;
    case SH_UNIT_YEAR:
        return date.day == 1 && date.month == 1;
    default:
        return true;
    }
}

static int32_t unit_begin(int32_t day, enum sh_unit unit) {
    while (!begins_unit(day, unit))
        day--;
    return day;
}

static const int64_t unit_ms[] = {0, SH_MINUTE_MS, SH_HOUR_MS, SH_DAY_MS, 7 * SH_DAY_MS};

static void read_window(const struct twin *twin, const struct sh_window *window, int64_t *from, int64_t *until) {
    const int32_t today = sh_zone_day(twin->zone, twin->now_ms);
    int64_t ignored;
    int32_t day = unit_begin(today, window->unit);
    *from = SH_INSTANT_MIN;
    *until = twin->now_ms + 1;
    switch (window->kind) {
    case SH_WINDOW_EVER:
    case SH_WINDOW_WITHIN: /* further cut by anchor_window */
        break;
    case SH_WINDOW_SLIDING:
        *from = twin->now_ms - window->count * unit_ms[window->unit] + 1;
        break;
    case SH_WINDOW_CALENDAR:
        for (int64_t i = 1; i < window->count; i++)
            day = unit_begin(day - 1, window->unit);
        *from = day_start(twin, day);
        break;
    case SH_WINDOW_THIS:
        *from = day_start(twin, day);
        break;
    case SH_WINDOW_PREVIOUS:
        *until = day_start(twin, day);
        *from = day_start(twin, unit_begin(day - 1, window->unit));
        break;
    case SH_WINDOW_BETWEEN: {
        int64_t first, last;
        read_moment(twin, window->from.text, from, &ignored);
        read_moment(twin, window->to.text, &first, &last);
        *until = first == last ? first : last + 1;
        break;
    }
    case SH_WINDOW_ON:
        read_moment(twin, window->from.text, from, until);
        *until += 1;
        break;
    case SH_WINDOW_SINCE:
        read_moment(twin, window->from.text, from, &ignored);
        break;
    case SH_WINDOW_AGO:
        *from = twin->now_ms - window->count * unit_ms[window->unit] + 1;
        *until = twin->now_ms - window->end_count * unit_ms[window->end_unit] + 1;
        break;
    case SH_WINDOW_BEFORE:
        read_moment(twin, window->to.text, until, &ignored);
        break;
    }
}

/* ---- Operands ---- */

static struct value field_value(const struct twin_field *field, struct twin_value stored) {
    struct value value = {.is_present = stored.is_present,
                          .type = field->type,
                          .is_date = field->is_date,
                          .number = stored.number,
                          .scale = field->scale,
                          .divisor = 1,
                          .field = field};
    if (stored.is_present && (field->type == SH_TYPE_STRING || field->type == SH_TYPE_ENUM))
        value.text = field->texts[stored.number];
    return value;
}

static struct value attribute_value(const struct twin_table *table, const struct twin_row *row, struct sh_text name) {
    if (is_named(name, "id"))
        return (struct value){.is_present = true, .type = SH_TYPE_STRING, .text = row->id, .divisor = 1};
    for (uint32_t i = 0; i < table->field_count; i++) {
        if (!is_named(name, table->fields[i].name)) continue;
        return field_value(&table->fields[i], row == NULL ? (struct twin_value){0} : row->values[i]);
    }
    abort();
}

static struct value time_value(int64_t time_ms) {
    return (struct value){.is_present = true, .type = SH_TYPE_TIME, .number = time_ms, .divisor = 1};
}

static struct value int_value(int64_t number) {
    return (struct value){.is_present = true, .type = SH_TYPE_INT, .number = number, .divisor = 1};
}

static struct value property_value(const struct twin *twin, const struct twin_event_type *type,
                                   const struct twin_event *event, struct sh_text name) {
    if (is_named(name, "weekday")) return int_value(sh_day_weekday(sh_zone_day(twin->zone, event->time_ms)));
    if (is_named(name, "hour")) {
        /* Whole hours since midnight by the wall clock. */
        const int64_t local = event->time_ms + sh_zone_offset_ms(twin->zone, event->time_ms);
        return int_value((local - (int64_t)sh_zone_day(twin->zone, event->time_ms) * SH_DAY_MS) / SH_HOUR_MS);
    }
    if (name.count == 0 || is_named(name, "time")) return time_value(event->time_ms);
    if (is_named(name, "amount"))
        return (struct value){.is_present = event->amount.is_present,
                              .type = SH_TYPE_DECIMAL,
                              .number = event->amount.number,
                              .scale = type->amount_scale,
                              .divisor = 1};
    for (uint32_t i = 0; i < type->field_count; i++)
        if (is_named(name, type->fields[i].name)) return field_value(&type->fields[i], event->values[i]);
    abort();
}

static const struct twin_row *event_item(const struct context *context) {
    const struct twin_table *items = &context->twin->items;
    const uint32_t item = context->event->item;
    return item < items->row_count && items->rows[item].is_live ? &items->rows[item] : NULL;
}

static uint32_t find_type(const struct twin *twin, struct sh_text name) {
    for (uint32_t i = 0; i < twin->type_count; i++)
        if (is_named(name, twin->types[i].name)) return i;
    abort();
}

static struct value operand_value(const struct context *context, const struct sh_operand *operand);

/* Does the event lie on the asked side of the user's anchor, near enough? */
static bool lies_near_anchor(const struct context *context, const struct sh_window *window, const struct value *anchor,
                             int64_t time_ms) {
    const int64_t span_ms = window->count * unit_ms[window->unit];
    int64_t first = (int64_t)anchor->number;
    int64_t last = first;
    if (!anchor->is_present) return false;
    if (anchor->is_date) {
        const int32_t day = (int32_t)(first / SH_DAY_MS - (first % SH_DAY_MS < 0));
        first = day_start(context->twin, day);
        last = day_start(context->twin, day + 1) - 1;
    }
    return window->is_before ? time_ms < first && first - time_ms <= span_ms
                             : time_ms > last && time_ms - last <= span_ms;
}

/* The events that an aggregate is about, by (time, arrival). */
static uint32_t gather(const struct context *context, const struct sh_operand *operand,
                       const struct twin_event **found) {
    const struct twin *twin = context->twin;
    const uint32_t type = find_type(twin, operand->event);
    int64_t from, until;
    uint32_t count = 0;
    const bool is_anchored = operand->window.kind == SH_WINDOW_WITHIN;
    struct value anchor = {.is_present = false};
    read_window(twin, &operand->window, &from, &until);
    if (is_anchored) anchor = operand_value(context, operand->window.anchor); /* may use found too */
    if (until > twin->now_ms + 1) until = twin->now_ms + 1;
    for (uint32_t i = twin->first_event[context->slot]; i != 0; i = twin->events[i].next) {
        const struct twin_event *event = &twin->events[i];
        struct context inside = *context;
        inside.event = event;
        if (event->type != type || event->time_ms < from || event->time_ms >= until) continue;
        if (is_anchored && !lies_near_anchor(context, &operand->window, &anchor, event->time_ms)) continue;
        if (operand->where != NULL && !holds(&inside, operand->where)) continue;
        if (count == TWIN_HISTORY_MAX) abort();
        uint32_t at = count++;
        for (; at > 0 && found[at - 1]->time_ms > event->time_ms; at--)
            found[at] = found[at - 1];
        found[at] = event;
    }
    return count;
}

static bool is_less(const struct value *a, const struct value *b) {
    return a->number < b->number; /* an enum's number is its rank */
}

static int64_t count_days(const struct twin *twin, const struct twin_event *const *found, uint32_t count) {
    int64_t days = 0;
    for (uint32_t i = 0; i < count; i++) /* by time */
        days += i == 0 || sh_zone_day(twin->zone, found[i]->time_ms) != sh_zone_day(twin->zone, found[i - 1]->time_ms);
    return days;
}

static struct value counted_value(const struct twin *twin, const struct twin_event_type *type, struct sh_text name,
                                  const struct twin_event *event) {
    if (!is_named(name, "item")) return property_value(twin, type, event, name);
    struct value value = int_value(event->item);
    value.is_present = event->item != SH_NO_ITEM;
    return value;
}

static int64_t count_different(const struct twin *twin, const struct twin_event_type *type, struct sh_text name,
                               const struct twin_event *const *found, uint32_t count) {
    int64_t different = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct value value = counted_value(twin, type, name, found[i]);
        bool is_new = value.is_present;
        for (uint32_t k = 0; k < i && is_new; k++) {
            const struct value other = counted_value(twin, type, name, found[k]);
            is_new = !other.is_present || other.number != value.number;
        }
        different += is_new;
    }
    return different;
}

/* In days: milliseconds over a divisor. */
static struct value gap_value(enum sh_function function, const struct twin_event *const *found, uint32_t count) {
    struct value value = {.is_present = count > 1, .type = SH_TYPE_DECIMAL, .divisor = SH_DAY_MS};
    for (uint32_t i = 1; i < count; i++) {
        const int64_t gap = found[i]->time_ms - found[i - 1]->time_ms;
        if (function == SH_FUNCTION_GAP_AVG)
            value.number += gap;
        else if (i == 1 || (function == SH_FUNCTION_GAP_MIN ? gap < value.number : gap > value.number))
            value.number = gap;
    }
    if (function == SH_FUNCTION_GAP_AVG && count > 1) value.divisor *= count - 1;
    return value;
}

/* The latest, and the mean time between days. */
static struct value next_value(const struct twin *twin, const struct twin_event *const *found, uint32_t count) {
    const int64_t days = count_days(twin, found, count);
    struct value value = {.is_present = days > 1, .type = SH_TYPE_TIME, .divisor = 1};
    if (days > 1) {
        const int64_t last = found[count - 1]->time_ms;
        value.number = last + (last - found[0]->time_ms) / (days - 1);
    }
    return value;
}

static struct value aggregate_value(const struct context *context, const struct sh_operand *operand) {
    static const struct twin_event *found[TWIN_HISTORY_MAX];
    const struct twin_event_type *type = &context->twin->types[find_type(context->twin, operand->event)];
    const uint32_t count = gather(context, operand, found);
    struct value result = {.is_present = false, .divisor = 1};
    struct value sum = {.is_present = true, .type = SH_TYPE_DECIMAL, .divisor = 1};
    if (operand->function == SH_FUNCTION_COUNT) return int_value(count);
    if (operand->function == SH_FUNCTION_DAYS) return int_value(count_days(context->twin, found, count));
    if (operand->function == SH_FUNCTION_DISTINCT)
        return int_value(count_different(context->twin, type, operand->name, found, count));
    if (operand->function == SH_FUNCTION_EXPECTED_NEXT) return next_value(context->twin, found, count);
    if (operand->function >= SH_FUNCTION_GAP_MIN) return gap_value(operand->function, found, count);
    int64_t values = 0;
    if (count == 0) { /* the type is needed all the same */
        const struct twin_event none = {.type = 0};
        result = property_value(context->twin, type, &none, operand->name);
        result.is_present = false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct value value = property_value(context->twin, type, found[i], operand->name);
        if (!value.is_present) {
            if (values == 0) result = value;
            continue;
        }
        const bool is_first = values++ == 0;
        sum.number += value.number;
        sum.scale = value.scale;
        const bool takes = is_first || (operand->function == SH_FUNCTION_MIN && is_less(&value, &result)) ||
                           (operand->function == SH_FUNCTION_MAX && is_less(&result, &value)) ||
                           operand->function == SH_FUNCTION_LAST || operand->function == SH_FUNCTION_DAYS_SINCE ||
                           (operand->function == SH_FUNCTION_NTH && values <= operand->nth);
        if (takes) result = value;
    }
    switch (operand->function) {
    case SH_FUNCTION_SUM:
        return sum;
    case SH_FUNCTION_AVG:
        sum.is_present = values > 0;
        sum.divisor = values;
        return sum;
    case SH_FUNCTION_NTH:
        result.is_present = values >= operand->nth;
        return result;
    case SH_FUNCTION_DAYS_SINCE:
        result.type = SH_TYPE_INT;
        result.number = (context->twin->now_ms - result.number) / SH_DAY_MS;
        return result;
    default:
        return result;
    }
}

static struct value operand_value(const struct context *context, const struct sh_operand *operand) {
    if (operand->function != SH_FUNCTION_NONE) return aggregate_value(context, operand);
    if (context->event == NULL)
        return attribute_value(context->table, &context->table->rows[context->slot], operand->name);
    if (operand->of_item && is_named(operand->name, "id")) {
        const struct twin_row *row = event_item(context);
        return (struct value){.is_present = context->event->item != SH_NO_ITEM,
                              .type = SH_TYPE_STRING,
                              .text = row == NULL ? "" : row->id,
                              .divisor = 1};
    }
    if (operand->of_item) return attribute_value(&context->twin->items, event_item(context), operand->name);
    return property_value(context->twin, &context->twin->types[context->event->type], context->event, operand->name);
}

/* ---- Comparing with literals ---- */

/* <0, 0, >0: below, equal to, above what the literal means. */
static int compare_number(const struct value *value, struct sh_text text) {
    __int128 literal = 0;
    uint32_t scale = 0;
    bool after_point = false;
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.bytes[i] == '-') continue;
        if (text.bytes[i] == '.') {
            after_point = true;
            continue;
        }
        literal = literal * 10 + (text.bytes[i] - '0');
        scale += after_point;
    }
    if (text.bytes[0] == '-') literal = -literal;
    const __int128 left = value->number * power_of_ten(scale);
    const __int128 right = literal * power_of_ten(value->scale) * value->divisor;
    return (left > right) - (left < right);
}

static uint32_t rank_of(const struct twin_field *field, struct sh_text label) {
    for (uint32_t i = 0; i < field->text_count; i++)
        if (is_named(label, field->texts[i])) return i;
    abort();
}

static int compare_literal(const struct twin *twin, const struct value *value, const struct sh_literal *literal) {
    switch (value->type) {
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        return compare_number(value, literal->text);
    case SH_TYPE_BOOL:
        return (int)value->number - (literal->text.bytes[0] == 't');
    case SH_TYPE_STRING:
        return is_named(literal->text, value->text) ? 0 : 1;
    case SH_TYPE_ENUM:
        return (int)value->number - (int)rank_of(value->field, literal->text);
    case SH_TYPE_TIME:
        break;
    }
    int64_t first, last;
    read_moment(twin, literal->text, &first, &last);
    int64_t time = (int64_t)value->number;
    if (value->is_date) time = day_start(twin, (int32_t)(time / SH_DAY_MS - (time % SH_DAY_MS < 0)));
    return time < first ? -1 : time > last ? 1 : 0;
}

static bool compare_holds(enum sh_compare compare, int order) {
    switch (compare) {
    case SH_COMPARE_EQ:
        return order == 0;
    case SH_COMPARE_NE:
        return order != 0;
    case SH_COMPARE_LT:
        return order < 0;
    case SH_COMPARE_LE:
        return order <= 0;
    case SH_COMPARE_GT:
        return order > 0;
    case SH_COMPARE_GE:
        return order >= 0;
    }
    abort();
}

static bool starts_or_contains(enum sh_node_kind kind, const char *text, struct sh_text part) {
    const size_t length = strlen(text);
    for (size_t at = 0; at + part.count <= length; at++) {
        if (memcmp(text + at, part.bytes, part.count) == 0) return true;
        if (kind == SH_NODE_STARTS) return false;
    }
    return false;
}

static bool lies_in_window(const struct twin *twin, const struct value *value, const struct sh_window *window) {
    int64_t from, until;
    int64_t time = (int64_t)value->number;
    read_window(twin, window, &from, &until);
    if (value->is_date) time = day_start(twin, (int32_t)(time / SH_DAY_MS - (time % SH_DAY_MS < 0)));
    return time >= from && time < until;
}

static bool is_leap(int32_t year) {
    return sh_date_is_valid((struct sh_date){year, 2, 29});
}

static bool lies_in_next(const struct twin *twin, const struct value *value, int64_t days) {
    const int64_t time = (int64_t)value->number;
    if (!value->is_date) return time > twin->now_ms && time <= twin->now_ms + days * SH_DAY_MS;
    const struct sh_date birth = sh_date_from_day((int32_t)(time / SH_DAY_MS - (time % SH_DAY_MS < 0)));
    const int32_t today = sh_zone_day(twin->zone, twin->now_ms);
    for (int32_t day = today; day < today + days && day < today + 1500; day++) {
        const struct sh_date date = sh_date_from_day(day);
        if (date.month == birth.month && date.day == birth.day) return true;
        if (birth.month == 2 && birth.day == 29 && date.month == 2 && date.day == 28 && !is_leap(date.year))
            return true;
    }
    return false;
}

bool twin_is_under(struct sh_text text, struct sh_text name) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < text.count; i++)
        sum += (uint8_t)text.bytes[i];
    if (sh_text_equal(text, name) || is_named(name, "all")) return true;
    return name.count == 7 && memcmp(name.bytes, "group ", 6) == 0 &&
           sum % TWIN_GROUP_COUNT == (uint32_t)(name.bytes[6] - '0');
}

static bool clause_holds(const struct context *context, const struct sh_node *tree) {
    const struct value value = operand_value(context, &tree->operand);
    if (tree->kind == SH_NODE_MISSING) return value.is_present == tree->negated;
    if (!value.is_present) return false;
    const struct twin *twin = context->twin;
    switch (tree->kind) {
    case SH_NODE_COMPARE:
        return compare_holds(tree->compare, compare_literal(twin, &value, &tree->literals[0]));
    case SH_NODE_BETWEEN: {
        const bool inside = compare_literal(twin, &value, &tree->literals[0]) >= 0 &&
                            compare_literal(twin, &value, &tree->literals[1]) <= 0;
        return inside != tree->negated;
    }
    case SH_NODE_IN:
        for (uint32_t i = 0; i < tree->literal_count; i++)
            if (compare_literal(twin, &value, &tree->literals[i]) == 0) return !tree->negated;
        return tree->negated;
    case SH_NODE_UNDER:
        return twin_is_under(sh_text_of(value.text), tree->literals[0].text) != tree->negated;
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
        return starts_or_contains(tree->kind, value.text, tree->literals[0].text) != tree->negated;
    case SH_NODE_WINDOW:
        return lies_in_window(twin, &value, &tree->window);
    case SH_NODE_NEXT:
        return lies_in_next(twin, &value, tree->count);
    default:
        abort();
    }
}

static bool has_holds(const struct context *context, const struct sh_node *tree) {
    const struct twin_table *table = context->event == NULL ? context->table : &context->twin->items;
    const struct twin_row *row = context->event == NULL ? &table->rows[context->slot] : event_item(context);
    uint32_t set = 0;
    while (!is_named(tree->operand.name, table->tag_sets[set]))
        set++;
    uint32_t held = 0;
    for (uint32_t i = 0; i < tree->literal_count; i++)
        for (uint32_t tag = 0; tag < TWIN_TAGS_MAX; tag++)
            held += row != NULL && (row->tags[set] >> tag & 1) && is_named(tree->literals[i].text, table->tags[tag]);
    if (tree->has == SH_HAS_ALL) return held == tree->literal_count;
    return tree->has == SH_HAS_ANY ? held > 0 : held == 0;
}

/* ---- Sequences: every way there is, tried one by one ---- */

struct mark {
    const struct twin_event *event;
    uint32_t steps; /* bit i: satisfies step i + 1 */
};

/* The events of the window that satisfy a step, by (time, arrival). */
static uint32_t gather_marks(const struct context *context, const struct sh_node *tree, struct mark *marks) {
    const struct twin *twin = context->twin;
    int64_t from, until;
    uint32_t count = 0;
    read_window(twin, &tree->window, &from, &until);
    if (until > twin->now_ms + 1) until = twin->now_ms + 1;
    for (uint32_t i = twin->first_event[context->slot]; i != 0; i = twin->events[i].next) {
        struct mark mark = {.event = &twin->events[i]};
        struct context inside = *context;
        inside.event = mark.event;
        if (mark.event->time_ms < from || mark.event->time_ms >= until) continue;
        uint32_t place = 0;
        for (const struct sh_node *step = tree->child; step != NULL; step = step->next, place++)
            if (mark.event->type == find_type(twin, step->operand.event) &&
                (step->operand.where == NULL || holds(&inside, step->operand.where)))
                mark.steps |= 1u << place;
        if (mark.steps == 0) continue;
        if (count == TWIN_HISTORY_MAX) abort();
        uint32_t at = count++;
        for (; at > 0 && marks[at - 1].event->time_ms > mark.event->time_ms; at--)
            marks[at] = marks[at - 1];
        marks[at] = mark;
    }
    return count;
}

/* May step `step` (from 0) at marks[at] be followed by the next step at marks[next]? */
static bool may_follow(const struct mark *marks, uint32_t at, uint32_t next, uint32_t step, bool is_strict) {
    if ((marks[next].steps >> (step + 1) & 1) == 0) return false;
    for (uint32_t between = at + 1; between < next && is_strict; between++)
        if ((marks[between].steps >> step & 1) == 0) return false;
    return true;
}

static bool sequence_holds(const struct context *context, const struct sh_node *tree) {
    static struct mark marks[TWIN_HISTORY_MAX];
    const struct sh_sequence_terms *terms = &tree->sequence;
    const uint32_t count = gather_marks(context, tree, marks);
    uint32_t reach = 0;
    for (const struct sh_node *step = tree->child; step != NULL; step = step->next)
        reach++;
    if (terms->reach > 0) reach = terms->reach;
    for (uint32_t start = 0; start < count; start++) {
        bool stands[TWIN_HISTORY_MAX] = {false}; /* where step `step` may be */
        stands[start] = marks[start].steps & 1;
        bool any = stands[start];
        for (uint32_t step = 0; any && step + 1 < reach; step++) {
            any = false;
            bool after[TWIN_HISTORY_MAX] = {false};
            for (uint32_t at = start; at < count; at++) {
                for (uint32_t next = at + 1; stands[at] && next < count; next++) {
                    const int64_t since = marks[next].event->time_ms - marks[start].event->time_ms;
                    if (terms->within_count > 0 && since > terms->within_count * unit_ms[terms->within_unit]) break;
                    if (!may_follow(marks, at, next, step, terms->is_strict)) continue;
                    after[next] = true;
                    any = true;
                }
            }
            memcpy(stands, after, sizeof stands);
        }
        if (any) return true;
    }
    return false;
}

static bool sample_holds(const struct context *context, const struct sh_node *tree) {
    const uint64_t id = sh_hash_text(sh_text_of(context->table->rows[context->slot].id));
    const uint64_t mix = sh_hash_mix(id, sh_hash_text(tree->sample_seed));
    /* mix / 2^64 < parts / 10^6 */
    return (unsigned __int128)mix * 1000000 < (unsigned __int128)tree->sample_parts << 64;
}

/* ---- Calculations ---- */

struct fraction {
    bool is_present;
    __int128 number;
    __int128 divisor; /* above 0 */
};

/* Expressions are made so that no product leaves 128 bits. */
static __int128 times(__int128 a, __int128 b) {
    __int128 product;
    if (__builtin_mul_overflow(a, b, &product)) abort();
    return product;
}

static struct fraction reduced(struct fraction value) {
    __int128 a = value.number < 0 ? -value.number : value.number;
    __int128 b = value.divisor;
    while (a != 0) {
        const __int128 rest = b % a;
        b = a;
        a = rest;
    }
    value.number /= b;
    value.divisor /= b;
    return value;
}

static struct fraction number_value(struct sh_text text) {
    struct fraction value = {.is_present = true, .divisor = 1};
    bool after_point = false;
    for (uint32_t i = 0; i < text.count; i++) {
        after_point |= text.bytes[i] == '.';
        if (text.bytes[i] < '0' || text.bytes[i] > '9') continue;
        value.number = value.number * 10 + (text.bytes[i] - '0');
        if (after_point) value.divisor *= 10;
    }
    if (text.bytes[0] == '-') value.number = -value.number;
    return value;
}

/* Does a date, does an instant take part? */
static void find_times(const struct context *context, const struct sh_term *term, bool *has_date, bool *has_instant) {
    if (term == NULL || term->kind == SH_TERM_NUMBER) return;
    if (term->kind == SH_TERM_OPERAND) {
        const struct value value = operand_value(context, &term->operand);
        *has_date |= value.type == SH_TYPE_TIME && value.is_date;
        *has_instant |= value.type == SH_TYPE_TIME && !value.is_date;
    }
    find_times(context, term->left, has_date, has_instant);
    find_times(context, term->right, has_date, has_instant);
}

static struct fraction operand_fraction(const struct context *context, const struct sh_operand *operand) {
    struct value value = operand_value(context, operand);
    if (value.is_present && value.type == SH_TYPE_TIME && !value.is_date && context->as_day)
        value.number = (__int128)sh_zone_day(context->twin->zone, (int64_t)value.number) * SH_DAY_MS;
    return reduced((struct fraction){.is_present = value.is_present,
                                     .number = value.number,
                                     .divisor = power_of_ten(value.scale) * (value.is_present ? value.divisor : 1)});
}

static struct fraction term_value(const struct context *context, const struct sh_term *term) {
    if (term->kind == SH_TERM_NUMBER) {
        struct fraction value = number_value(term->number.text);
        if (term->unit != SH_UNIT_NONE) value.number = times(value.number, unit_ms[term->unit]);
        return reduced(value);
    }
    if (term->kind == SH_TERM_OPERAND) return operand_fraction(context, &term->operand);
    const struct fraction a = term_value(context, term->left);
    const struct fraction b = term_value(context, term->right);
    struct fraction result = {.is_present = a.is_present && b.is_present, .divisor = 1};
    if (!result.is_present) return result;
    if (term->kind == SH_TERM_DIVIDE) {
        if (b.number == 0) return (struct fraction){.divisor = 1};
        result.number = times(b.number < 0 ? -a.number : a.number, b.divisor);
        result.divisor = times(a.divisor, b.number < 0 ? -b.number : b.number);
        return reduced(result);
    }
    const __int128 left = times(a.number, b.divisor);
    const __int128 right = times(b.number, a.divisor);
    result.number = term->kind == SH_TERM_MULTIPLY ? times(a.number, b.number)
                    : term->kind == SH_TERM_ADD    ? left + right
                                                   : left - right;
    result.divisor = times(a.divisor, b.divisor);
    return reduced(result);
}

static bool relation_holds(const struct context *outside, const struct sh_node *tree) {
    struct context context = *outside;
    bool has_date = false;
    bool has_instant = false;
    find_times(outside, tree->left, &has_date, &has_instant);
    find_times(outside, tree->right, &has_date, &has_instant);
    context.as_day = has_date && has_instant;
    const struct fraction left = term_value(&context, tree->left);
    if (tree->right == NULL && tree->literal_count == 0) return left.is_present == tree->negated;
    if (!left.is_present) return false;
    if (tree->right == NULL) {
        for (uint32_t i = 0; i < tree->literal_count; i++) {
            const struct fraction value = number_value(tree->literals[i].text);
            if (times(left.number, value.divisor) == times(value.number, left.divisor)) return !tree->negated;
        }
        return tree->negated;
    }
    const struct fraction right = term_value(&context, tree->right);
    if (!right.is_present) return false;
    const __int128 a = times(left.number, right.divisor);
    const __int128 b = times(right.number, left.divisor);
    return compare_holds(tree->compare, (a > b) - (a < b));
}

static bool holds(const struct context *context, const struct sh_node *tree) {
    switch (tree->kind) {
    case SH_NODE_TRUE:
        return true;
    case SH_NODE_FALSE:
        return false;
    case SH_NODE_AND:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (!holds(context, child)) return false;
        return true;
    case SH_NODE_OR:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (holds(context, child)) return true;
        return false;
    case SH_NODE_NOT:
        return !holds(context, tree->child);
    case SH_NODE_HAS:
        return has_holds(context, tree);
    case SH_NODE_SAMPLE:
        return sample_holds(context, tree);
    case SH_NODE_RELATION:
        return relation_holds(context, tree);
    case SH_NODE_SEQUENCE:
        return sequence_holds(context, tree);
    case SH_NODE_DID: {
        static const struct twin_event *found[TWIN_HISTORY_MAX];
        return gather(context, &tree->operand, found) > 0;
    }
    default:
        return clause_holds(context, tree);
    }
}

bool twin_holds(const struct twin *twin, const struct twin_table *table, const struct sh_node *tree, uint32_t slot) {
    const struct context context = {.twin = twin, .table = table, .slot = slot};
    return holds(&context, tree);
}

bool twin_left(const struct twin *twin, const struct twin_table *table, const struct sh_node *tree, uint32_t slot,
               __int128 *number, __int128 *divisor) {
    const struct context context = {.twin = twin, .table = table, .slot = slot};
    const struct fraction value = term_value(&context, tree->left);
    *number = value.number;
    *divisor = value.divisor;
    return value.is_present;
}
