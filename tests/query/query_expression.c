/* query_expression.c -- random expressions about a world, as text. Literals are near values that rows have. */
#include "decimal.h"
#include "query_world.h"

static void clause(struct world *world, bool about_items, struct sh_buffer *text);
static void calculation_clause(struct world *world, uint32_t event_type, bool about_items, struct sh_buffer *text);

static uint32_t below(struct world *world, uint64_t bound) {
    return (uint32_t)split_below(&world->random, bound);
}

static void put(struct sh_buffer *text, const char *words) {
    sh_buffer_append(text, words, strlen(words));
}

static void put_quoted(struct sh_buffer *text, const char *words, size_t count) {
    put(text, "'");
    for (size_t i = 0; i < count; i++) {
        if (words[i] == '\'') put(text, "'");
        sh_buffer_append(text, &words[i], 1);
    }
    put(text, "'");
}

/* ---- Literals ---- */

static void put_number(struct world *world, struct sh_buffer *text, int64_t units, uint32_t scale) {
    units += (int64_t)below(world, 3) - 1;
    if (split_one_in(&world->random, 12)) units *= 1000000007;
    sh_decimal_print(text, units, scale);
    if (split_one_in(&world->random, 8)) {
        if (scale == 0) put(text, ".");
        put(text, split_one_in(&world->random, 2) ? "5" : "0"); /* a digit more than values have */
    }
}

static void put_moment(struct world *world, struct sh_buffer *text, int64_t ms, bool is_date) {
    put(text, "'");
    if (is_date || split_one_in(&world->random, 2))
        sh_date_print(text, sh_date_from_day((int32_t)(ms / SH_DAY_MS)));
    else
        sh_instant_print(text, ms, world->zone);
    put(text, "'");
}

static void put_literal(struct world *world, struct sh_buffer *text, const struct twin_field *field,
                        struct twin_value near) {
    switch (field->type) {
    case SH_TYPE_BOOL:
        put(text, below(world, 2) == 0 ? "true" : "false");
        break;
    case SH_TYPE_INT:
    case SH_TYPE_DECIMAL:
        put_number(world, text, near.number, field->scale);
        break;
    case SH_TYPE_TIME:
        put_moment(world, text, near.number, field->is_date);
        break;
    case SH_TYPE_STRING:
        if (split_one_in(&world->random, 10)) {
            put(text, "'nowhere'");
            break;
        }
        /* fallthrough */
    case SH_TYPE_ENUM: {
        const char *words = field->texts[near.is_present ? near.number : below(world, field->text_count)];
        put_quoted(text, words, strlen(words));
        break;
    }
    }
}

static void put_span(struct world *world, struct sh_buffer *text) {
    static const char *const units[] = {"minute", "hour", "day", "week"};
    sh_buffer_print(text, "last %u %ss", 1 + below(world, 100), units[below(world, 4)]);
}

static void put_window(struct world *world, struct sh_buffer *text) {
    static const char *const units[] = {"day", "week", "month", "quarter", "year"};
    const int64_t now = world->twin.now_ms;
    switch (below(world, 10)) {
    case 9: {
        const uint32_t days = below(world, 60);
        sh_buffer_print(text, "from %u days ago to %u hours ago", days + 1, 1 + below(world, days * 24 + 23));
        return;
    }
    case 0:
        put(text, split_one_in(&world->random, 2) ? "today" : "yesterday");
        return;
    case 1:
        sh_buffer_print(text, "this %s", units[1 + below(world, 4)]);
        return;
    case 2:
        sh_buffer_print(text, "previous %s", units[1 + below(world, 4)]);
        return;
    case 3:
        sh_buffer_print(text, "last %u calendar %ss", 1 + below(world, 5), units[below(world, 5)]);
        return;
    case 4:
        put(text, "between ");
        put_moment(world, text, now - (int64_t)below(world, 90) * SH_DAY_MS, false);
        put(text, " and ");
        put_moment(world, text, now - ((int64_t)below(world, 40) - 3) * SH_DAY_MS, false);
        return;
    case 5:
        put(text, "on ");
        put_moment(world, text, now - (int64_t)below(world, 40) * SH_DAY_MS, true);
        return;
    case 6:
        put(text, split_one_in(&world->random, 2) ? "since " : "before ");
        put_moment(world, text, now - (int64_t)below(world, 60) * SH_DAY_MS, false);
        return;
    case 7:
        put(text, "last 30 days");
        return; /* there are events at its edge */
    default:
        put_span(world, text);
        return;
    }
}

/* ---- What stands behind an operand ---- */

struct near_values {
    struct twin_value values[4];
};

static void put_compare(struct world *world, struct sh_buffer *text, const struct twin_field *field,
                        const struct near_values *near) {
    static const char *const words[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
    const bool is_ordered = field->type != SH_TYPE_STRING && field->type != SH_TYPE_BOOL;
    put(text, words[below(world, is_ordered ? 6 : 2)]);
    put_literal(world, text, field, near->values[0]);
}

static void put_list(struct world *world, struct sh_buffer *text, const struct twin_field *field,
                     const struct near_values *near) {
    put(text, split_one_in(&world->random, 3) ? " not in (" : " in (");
    const uint32_t count = 1 + (uint32_t)split_length(&world->random, 30);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) put(text, ", ");
        put_literal(world, text, field, i < 4 ? near->values[i] : (struct twin_value){.number = below(world, 90000)});
    }
    put(text, ")");
}

static void put_part(struct world *world, struct sh_buffer *text, const struct twin_field *field) {
    const char *words = field->texts[below(world, field->text_count)];
    const size_t length = strlen(words);
    size_t from = below(world, length + 1);
    size_t end = from + below(world, length - from + 1);
    while (from > 0 && ((uint8_t)words[from] & 0xC0) == 0x80)
        from--;
    while (end < length && ((uint8_t)words[end] & 0xC0) == 0x80)
        end++;
    put(text, split_one_in(&world->random, 4) ? " not" : "");
    if (split_one_in(&world->random, 2)) {
        put(text, " starts with ");
        from = 0;
    } else {
        put(text, " contains ");
    }
    put_quoted(text, words + from, end - from);
}

static void put_under(struct world *world, struct sh_buffer *text, const struct twin_field *field) {
    put(text, split_one_in(&world->random, 3) ? " not under " : " under ");
    const uint32_t choice = below(world, TWIN_GROUP_COUNT + 2);
    if (choice < TWIN_GROUP_COUNT) {
        sh_buffer_print(text, "'group %u'", choice);
    } else if (choice == TWIN_GROUP_COUNT) {
        put(text, "'all'");
    } else {
        const char *words = field->texts[below(world, field->text_count)];
        put_quoted(text, words, strlen(words));
    }
}

/* An average takes no list. */
static void put_question(struct world *world, struct sh_buffer *text, const struct twin_field *field,
                         const struct near_values *near, bool takes_list) {
    const bool is_number = field->type == SH_TYPE_INT || field->type == SH_TYPE_DECIMAL;
    if (field->text_count > 0 && split_one_in(&world->random, 5)) {
        put_under(world, text, field);
        return;
    }
    switch (below(world, 6)) {
    case 0:
        put(text, split_one_in(&world->random, 2) ? " is missing" : " is not missing");
        return;
    case 1:
        if (!takes_list) break;
        put_list(world, text, field, near);
        return;
    case 2:
    case 3:
        if (field->type == SH_TYPE_STRING) {
            put_part(world, text, field);
            return;
        }
        if (field->type == SH_TYPE_TIME) {
            put(text, " in ");
            if (split_one_in(&world->random, 3))
                sh_buffer_print(text, "next %u days", 1 + below(world, 40));
            else
                put_window(world, text);
            return;
        }
        if (!is_number && field->type != SH_TYPE_ENUM) break;
        put(text, split_one_in(&world->random, 4) ? " not between " : " between ");
        put_literal(world, text, field, near->values[0]);
        put(text, " and ");
        put_literal(world, text, field, near->values[1]);
        return;
    default:
        break;
    }
    put_compare(world, text, field, near);
}

/* ---- Clauses ---- */

static void attribute_clause(struct world *world, const struct twin_table *table, const char *prefix,
                             struct sh_buffer *text) {
    const uint32_t field = below(world, table->field_count);
    struct near_values near;
    for (uint32_t i = 0; i < 4; i++)
        near.values[i] = table->rows[below(world, table->row_count)].values[field];
    sh_buffer_print(text, "%s%s", prefix, table->fields[field].name);
    put_question(world, text, &table->fields[field], &near, true);
}

static void tags_clause(struct world *world, const struct twin_table *table, uint32_t set_count, const char *prefix,
                        struct sh_buffer *text) {
    static const char *const words[] = {"any", "all", "none"};
    sh_buffer_print(text, "%s%s has %s (", prefix, table->tag_sets[below(world, set_count)], words[below(world, 3)]);
    const uint32_t count = 1 + (uint32_t)split_length(&world->random, 24);
    for (uint32_t i = 0; i < count; i++) {
        /* The first tags have blocks in every form, the others are lists. */
        const uint32_t tag = below(world, split_one_in(&world->random, 2) ? 8 : TWIN_TAGS_MAX + 1);
        sh_buffer_print(text, "%s't%u'", i == 0 ? "" : ", ", tag);
    }
    put(text, ")");
}

static struct twin_value event_near(struct world *world, uint32_t type, uint32_t field) {
    const struct twin *twin = &world->twin;
    for (uint32_t tries = 0; tries < 20 && twin->event_count > 0; tries++) {
        const struct twin_event *event = &twin->events[1 + below(world, twin->event_count)];
        if (event->type == type) return field == UINT32_MAX ? event->amount : event->values[field];
    }
    return (struct twin_value){.number = 0};
}

/* A property of the type, `amount` or `time`, and values near those it has. */
static struct twin_field pick_property(struct world *world, uint32_t type, struct near_values *near) {
    const struct twin_event_type *event = &world->twin.types[type];
    const uint32_t pick = below(world, event->field_count + 2);
    struct twin_field field = {.name = "amount", .type = SH_TYPE_DECIMAL, .scale = event->amount_scale};
    if (pick < event->field_count) field = event->fields[pick];
    if (pick == event->field_count) field = (struct twin_field){.name = "time", .type = SH_TYPE_TIME};
    for (uint32_t i = 0; i < 4; i++) {
        near->values[i] = event_near(world, type, pick < event->field_count ? pick : UINT32_MAX);
        if (pick == event->field_count)
            near->values[i] = (struct twin_value){.is_present = true,
                                                  .number = world->twin.now_ms - (int64_t)below(world, 60) * SH_DAY_MS};
    }
    return field;
}

static void clock_clause(struct world *world, struct sh_buffer *text) {
    const bool is_hour = split_one_in(&world->random, 2);
    const struct twin_field field = {.name = is_hour ? "hour" : "weekday", .type = SH_TYPE_INT};
    struct near_values near;
    for (uint32_t i = 0; i < 4; i++)
        near.values[i] = (struct twin_value){.is_present = true, .number = below(world, is_hour ? 24 : 8)};
    put(text, field.name);
    put_question(world, text, &field, &near, true);
}

static void where_clause(struct world *world, uint32_t type, struct sh_buffer *text) {
    struct near_values near;
    switch (below(world, 8)) {
    case 0:
        attribute_clause(world, &world->twin.items, "item.", text);
        return;
    case 6:
        clock_clause(world, text);
        return;
    case 7:
        calculation_clause(world, type, false, text);
        return;
    case 1:
        tags_clause(world, &world->twin.items, 1, "item.", text);
        return;
    case 2:
        sh_buffer_print(text, "item %s 'i%u'", split_one_in(&world->random, 3) ? "!=" : "=",
                        below(world, world->twin.items.row_count + 1));
        return;
    default: {
        const struct twin_field field = pick_property(world, type, &near);
        put(text, field.name);
        put_question(world, text, &field, &near, true);
        return;
    }
    }
}

static void put_where(struct world *world, uint32_t type, struct sh_buffer *text) {
    const uint32_t count = below(world, 4);
    if (count == 0) return;
    put(text, " where ");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) put(text, split_one_in(&world->random, 2) ? " and " : " or ");
        const bool is_not = split_one_in(&world->random, 4);
        put(text, is_not ? "not (" : "");
        where_clause(world, type, text);
        put(text, is_not ? ")" : "");
    }
}

static void put_time(struct world *world, struct sh_buffer *text);

/* After or before what the user has, or did. */
static void put_within(struct world *world, struct sh_buffer *text) {
    static const char *const units[] = {"minute", "hour", "day", "week"};
    static const char *const functions[] = {"first", "last", "expected_next", "nth(2, ", "nth(3, "};
    const uint32_t type = below(world, world->twin.type_count);
    const uint32_t function = below(world, 5);
    sh_buffer_print(text, "within %u %s %s ", 1 + below(world, 80), units[below(world, 4)],
                    split_one_in(&world->random, 2) ? "after" : "before");
    if (split_one_in(&world->random, 2)) {
        put_time(world, text);
        return;
    }
    sh_buffer_print(text, "%s%s%s", functions[function], function < 3 ? "(" : "", world->twin.types[type].name);
    put_where(world, type, text);
    if (split_one_in(&world->random, 2)) {
        put(text, ", ");
        put_window(world, text);
    }
    put(text, ")");
}

static void put_events(struct world *world, uint32_t type, struct sh_buffer *text) {
    put_where(world, type, text);
    if (split_one_in(&world->random, 4)) {
        put(text, ", ");
        put_within(world, text);
        put(text, ")");
        return;
    }
    if (!split_one_in(&world->random, 5)) {
        put(text, ", ");
        put_window(world, text);
    }
    put(text, ")");
}

/* sum, min, max, avg, first, last of a property that fits. */
static void property_clause(struct world *world, uint32_t type, struct sh_buffer *text) {
    static const char *const functions[] = {"first", "last", "min", "max", "sum", "avg"};
    struct near_values near;
    const struct twin_field field = pick_property(world, type, &near);
    const bool is_number = field.type == SH_TYPE_INT || field.type == SH_TYPE_DECIMAL;
    const bool is_ordered = is_number || field.type == SH_TYPE_TIME || field.type == SH_TYPE_ENUM;
    const uint32_t function = below(world, is_number ? 6 : is_ordered ? 4 : 2);
    const char *name = functions[function];
    const uint32_t nth = function < 2 && split_one_in(&world->random, 2) ? 1 + below(world, 4) : 0;
    if (nth > 0)
        sh_buffer_print(text, "nth(%u, ", nth);
    else
        sh_buffer_print(text, "%s(", name);
    sh_buffer_print(text, "%s.%s", world->twin.types[type].name, field.name);
    put_events(world, type, text);
    struct twin_field asked = field;
    if (function == 5) asked.type = SH_TYPE_DECIMAL;
    put_question(world, text, &asked, &near, function != 5);
}

/* A count and sums of the same events, which are counted together. */
static void partners_clause(struct world *world, uint32_t type, struct sh_buffer *text) {
    const char *name = world->twin.types[type].name;
    const struct twin_field count = {.name = "count", .type = SH_TYPE_INT};
    struct sh_buffer window;
    sh_buffer_init(&window, SH_EXPRESSION_BYTES_MAX);
    if (!split_one_in(&world->random, 4)) {
        put(&window, ", ");
        put_window(world, &window);
    }
    const uint32_t parts = 2 + below(world, 2);
    const uint32_t counted = below(world, parts);
    put(text, "(");
    for (uint32_t i = 0; i < parts; i++) {
        struct near_values near;
        struct twin_field field = pick_property(world, type, &near);
        if (i > 0) put(text, split_one_in(&world->random, 3) ? " or " : " and ");
        if (i == counted || (field.type != SH_TYPE_INT && field.type != SH_TYPE_DECIMAL)) {
            for (uint32_t k = 0; k < 4; k++)
                near.values[k] = (struct twin_value){.is_present = true, .number = below(world, 3)};
            sh_buffer_print(text, "count(%s", name);
            field = count;
        } else {
            sh_buffer_print(text, "sum(%s.%s", name, field.name);
        }
        sh_buffer_append(text, window.bytes, window.count);
        put(text, ")");
        put_question(world, text, &field, &near, true);
    }
    put(text, ")");
    sh_buffer_deinit(&window);
}

static void event_clause(struct world *world, struct sh_buffer *text) {
    const uint32_t type = below(world, world->twin.type_count);
    const struct twin_field count = {.name = "count", .type = SH_TYPE_INT};
    const struct twin_field time = {.name = "time", .type = SH_TYPE_TIME};
    const struct twin_field gap = {.name = "gap", .type = SH_TYPE_DECIMAL, .scale = 1};
    struct near_values near;
    for (uint32_t i = 0; i < 4; i++)
        near.values[i] = (struct twin_value){.is_present = true, .number = (int64_t)split_length(&world->random, 20)};
    const char *name = world->twin.types[type].name;
    switch (below(world, 11)) {
    case 7:
        partners_clause(world, type, text);
        return;
    case 4:
        sh_buffer_print(text, "days(%s", name);
        put_events(world, type, text);
        put_question(world, text, &count, &near, true);
        return;
    case 5: {
        struct near_values ignored;
        const struct twin_field field = pick_property(world, type, &ignored);
        sh_buffer_print(text, "count(distinct %s.%s", name, split_one_in(&world->random, 3) ? "item" : field.name);
        put_events(world, type, text);
        put_question(world, text, &count, &near, true);
        return;
    }
    case 6:
        for (uint32_t i = 0; i < 4; i++)
            near.values[i].number = below(world, 200);
        sh_buffer_print(text, "gap_%s(%s", (const char *const[]){"min", "avg", "max"}[below(world, 3)], name);
        put_events(world, type, text);
        put_question(world, text, &gap, &near, false);
        return;
    case 8:
        for (uint32_t i = 0; i < 4; i++)
            near.values[i].number = world->twin.now_ms + ((int64_t)below(world, 120) - 60) * SH_DAY_MS;
        sh_buffer_print(text, "expected_next(%s", name);
        put_events(world, type, text);
        put_question(world, text, &time, &near, true);
        return;
    case 0:
        sh_buffer_print(text, "did(%s", name);
        put_events(world, type, text);
        return;
    case 1:
        sh_buffer_print(text, "count(%s", name);
        put_events(world, type, text);
        put_question(world, text, &count, &near, true);
        return;
    case 2:
        sh_buffer_print(text, "days_since(%s", name);
        put_events(world, type, text);
        put_question(world, text, &count, &near, true);
        return;
    case 3:
        for (uint32_t i = 0; i < 4; i++)
            near.values[i].number = world->twin.now_ms - (int64_t)below(world, 60) * SH_DAY_MS;
        if (split_one_in(&world->random, 3))
            sh_buffer_print(text, "nth(%u, %s", 1 + below(world, 4), name);
        else
            sh_buffer_print(text, "%s(%s", split_one_in(&world->random, 2) ? "first" : "last", name);
        put_events(world, type, text);
        put_question(world, text, &time, &near, true);
        return;
    default:
        property_clause(world, type, text);
        return;
    }
}

static void sequence_clause(struct world *world, struct sh_buffer *text) {
    static const char *const units[] = {"minute", "hour", "day", "week"};
    const uint32_t step_count = 1 + (uint32_t)split_length(&world->random, 5);
    const uint32_t order = below(world, 3);
    put(text, "sequence(");
    for (uint32_t i = 0; i < step_count; i++) {
        const uint32_t type = below(world, world->twin.type_count);
        sh_buffer_print(text, "%s%s", i == 0 ? "" : " -> ", world->twin.types[type].name);
        if (split_one_in(&world->random, 3)) put_where(world, type, text);
    }
    if (!split_one_in(&world->random, 3))
        sh_buffer_print(text, ", within %u %s", 1 + below(world, 60), units[below(world, 4)]);
    if (order > 0) put(text, order == 1 ? ", strict" : ", loose");
    if (split_one_in(&world->random, 3)) sh_buffer_print(text, ", reach %u", 1 + below(world, step_count));
    if (!split_one_in(&world->random, 3)) {
        put(text, ", ");
        put_window(world, text);
    }
    put(text, ")");
}

/* What is kept as bitmaps: blocks in every form are crossed and united. */
static void bitmap_clause(struct world *world, const struct twin_table *table, struct sh_buffer *text) {
    if (split_one_in(&world->random, 4)) {
        put(text, split_one_in(&world->random, 2) ? "tier >= 'gold'" : "city in ('成都', '上海', 'Lisbon')");
        return;
    }
    sh_buffer_print(text, "%s%s has '", split_one_in(&world->random, 3) ? "not " : "",
                    table->tag_sets[below(world, 2)]);
    sh_buffer_print(text, "t%u'", below(world, split_one_in(&world->random, 3) ? TWIN_TAGS_MAX : 8));
}

/* ---- Calculations ---- */

static void put_value(struct world *world, uint32_t event_type, bool about_items, struct sh_buffer *text) {
    static const char *const counted[] = {"count", "days", "days_since", "gap_max"};
    const struct twin_table *table = about_items ? &world->twin.items : &world->twin.users;
    const uint32_t type = below(world, world->twin.type_count);
    const char *name = world->twin.types[type].name;
    const uint32_t kind = below(world, event_type != UINT32_MAX || about_items ? 2 : 6);
    if (kind == 0) {
        sh_buffer_print(text, "%s%u%s", split_one_in(&world->random, 4) ? "-" : "", below(world, 40),
                        split_one_in(&world->random, 3) ? ".5" : "");
    } else if (kind == 1 && event_type != UINT32_MAX) {
        put(text, split_one_in(&world->random, 2) ? "amount" : split_one_in(&world->random, 2) ? "hour" : "weekday");
    } else if (kind == 1) {
        uint32_t field = below(world, table->field_count);
        while (table->fields[field].type != SH_TYPE_INT && table->fields[field].type != SH_TYPE_DECIMAL)
            field = (field + 1) % table->field_count;
        put(text, table->fields[field].name);
    } else if (kind < 4) {
        sh_buffer_print(text, "%s(%s", counted[below(world, 4)], name);
        put_events(world, type, text);
    } else {
        static const char *const functions[] = {"sum", "avg", "max", "last", "nth"};
        const uint32_t function = below(world, 5);
        sh_buffer_print(text, "%s(%s%s.amount", functions[function], function == 4 ? "2, " : "", name);
        put_events(world, type, text);
    }
}

/* One or two values and a small number: the twin's products stay inside 128 bits. */
static void put_term(struct world *world, uint32_t event_type, bool about_items, struct sh_buffer *text) {
    static const char *const words[] = {" + ", " - ", " * ", " / "};
    const bool is_grouped = split_one_in(&world->random, 2);
    put(text, is_grouped ? "(" : "");
    put_value(world, event_type, about_items, text);
    if (split_one_in(&world->random, 2)) {
        put(text, words[below(world, 4)]);
        put_value(world, event_type, about_items, text);
    }
    put(text, is_grouped ? ")" : "");
    if (split_one_in(&world->random, 2)) sh_buffer_print(text, "%s%u", words[below(world, 4)], below(world, 5));
}

static void put_time(struct world *world, struct sh_buffer *text) {
    const char *name = world->twin.types[below(world, world->twin.type_count)].name;
    switch (below(world, 6)) {
    case 0:
        put(text, "birthday");
        break;
    case 1:
        put(text, "seen");
        break;
    case 2:
        sh_buffer_print(text, "first(%s)", name);
        break;
    case 3:
        sh_buffer_print(text, "nth(2, %s)", name);
        break;
    case 4:
        sh_buffer_print(text, "expected_next(%s)", name);
        break;
    default:
        sh_buffer_print(text, "last(%s)", name);
        break;
    }
}

static void put_length(struct world *world, struct sh_buffer *text) {
    static const char *const units[] = {"minutes", "hours", "days", "weeks"};
    sh_buffer_print(text, "%s%u%s %s", split_one_in(&world->random, 5) ? "-" : "", below(world, 60),
                    split_one_in(&world->random, 4) ? ".5" : "", units[below(world, 4)]);
}

/* What lies between two times, or a time moved by a span. */
static void span_clause(struct world *world, const char *compare, struct sh_buffer *text) {
    const uint32_t kind = below(world, 5);
    if (kind == 4) {
        put(text, "(");
        put_time(world, text);
        put(text, " - ");
        put_time(world, text);
        sh_buffer_print(text, ") / 1 day%s%u", compare, below(world, 40));
        return;
    }
    put_time(world, text);
    if (kind < 2) {
        put(text, " - ");
        put_time(world, text);
        if (kind == 1 && split_one_in(&world->random, 2)) {
            put(text, split_one_in(&world->random, 2) ? " is missing" : " is not missing");
            return;
        }
        put(text, compare);
        put_length(world, text);
        return;
    }
    put(text, kind == 2 ? " + " : " - ");
    put_length(world, text);
    put(text, compare);
    put_time(world, text);
}

static void put_question_of_term(struct world *world, struct sh_buffer *text) {
    if (split_one_in(&world->random, 2)) {
        put(text, split_one_in(&world->random, 2) ? " is missing" : " is not missing");
        return;
    }
    const uint32_t count = 1 + below(world, 12);
    put(text, split_one_in(&world->random, 3) ? " not in (" : " in (");
    for (uint32_t i = 0; i < count; i++)
        sh_buffer_print(text, "%s%u%s", i == 0 ? "" : ", ", below(world, 30),
                        split_one_in(&world->random, 3) ? ".5" : "");
    put(text, ")");
}

/* event_type: inside where of this type, else UINT32_MAX. */
static void calculation_clause(struct world *world, uint32_t event_type, bool about_items, struct sh_buffer *text) {
    static const char *const words[] = {" = ", " != ", " < ", " <= ", " > ", " >= "};
    const char *word = words[below(world, 6)];
    if (event_type == UINT32_MAX && !about_items && split_one_in(&world->random, 6)) {
        if (split_one_in(&world->random, 2)) {
            span_clause(world, word, text);
            return;
        }
        put_time(world, text);
        put(text, word);
        put_time(world, text);
        return;
    }
    if (split_one_in(&world->random, 4)) {
        put(text, event_type != UINT32_MAX ? "hour + " : about_items ? "price * " : "age - ");
        put_value(world, event_type, about_items, text);
        put_question_of_term(world, text);
        return;
    }
    put(text, event_type != UINT32_MAX ? "amount + " : about_items ? "price - " : "age * ");
    put_term(world, event_type, about_items, text);
    if (split_one_in(&world->random, 5)) {
        put(text, split_one_in(&world->random, 2) ? " not between " : " between ");
        put_term(world, event_type, about_items, text);
        put(text, " and ");
    } else {
        put(text, word);
    }
    put_term(world, event_type, about_items, text);
}

static void clause(struct world *world, bool about_items, struct sh_buffer *text) {
    const struct twin_table *table = about_items ? &world->twin.items : &world->twin.users;
    if (world->bitmaps_only) {
        bitmap_clause(world, table, text);
        return;
    }
    const uint32_t kind = below(world, about_items ? 11 : 20);
    if (kind >= (about_items ? 10u : 18u))
        calculation_clause(world, UINT32_MAX, about_items, text);
    else if (kind == 0)
        sh_buffer_print(text, "sample(%u.%u%%, 'seed%u')", below(world, 100), below(world, 10), below(world, 3));
    else if (kind == 1)
        put(text, split_one_in(&world->random, 2) ? "true" : "false");
    else if (kind == 2)
        sh_buffer_print(text, "id in ('%c%u', '%c%u')", about_items ? 'i' : 'u', below(world, table->row_count),
                        about_items ? 'i' : 'u', below(world, table->row_count + 5));
    else if (kind < 6)
        tags_clause(world, table, about_items ? 1 : 2, "", text);
    else if (kind < 10)
        attribute_clause(world, table, "", text);
    else if (kind < 16)
        event_clause(world, text);
    else
        sequence_clause(world, text);
}

void world_expression(struct world *world, bool about_items, uint32_t depth, struct sh_buffer *text) {
    if (depth == 0 || split_one_in(&world->random, 4)) {
        clause(world, about_items, text);
        return;
    }
    const uint32_t kind = below(world, 5);
    if (kind == 0) {
        put(text, "not (");
        world_expression(world, about_items, depth - 1, text);
        put(text, ")");
        return;
    }
    const uint32_t count = 2 + below(world, 3);
    put(text, "(");
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) put(text, kind < 3 ? " and " : " or ");
        world_expression(world, about_items, depth - 1, text);
    }
    put(text, ")");
}

void world_partners(struct world *world, struct sh_buffer *text) {
    if (!split_one_in(&world->random, 3)) sh_buffer_print(text, "interests has 't%u' and ", below(world, 6));
    partners_clause(world, below(world, world->twin.type_count), text);
}
