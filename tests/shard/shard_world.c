#include "shard_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_MS INT64_C(86400000)

void text_clear(struct world_text *text) {
    text->count = 0;
    text->bytes[0] = '\0';
}

void text_add(struct world_text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int added = vsnprintf(text->bytes + text->count, sizeof text->bytes - text->count, format, arguments);
    va_end(arguments);
    if (added < 0 || (size_t)added >= sizeof text->bytes - text->count) abort();
    text->count += (uint32_t)added;
}

static int64_t below(struct world *world, int64_t bound) {
    return (int64_t)split_below(&world->rng, (uint64_t)bound);
}

void world_init(struct world *world, uint64_t seed) {
    memset(world, 0, sizeof *world);
    world->rng.state = seed;
    world->now_ms = 1760000000000;
    world->asked_ms = world->now_ms;
    for (uint32_t i = 0; i < WORLD_USERS; i++)
        world->users[i].inviter = -1;
    world->column_count = 1 + (uint32_t)below(world, WORLD_COLUMNS);
    for (uint32_t i = 0; i < world->column_count; i++)
        world->kinds[i] = (enum world_kind)below(world, WORLD_KIND_COUNT);
}

void world_deinit(struct world *world) {
    for (uint32_t i = 0; i < WORLD_SEGMENTS; i++)
        world_expression_free(world->segments[i]);
}

void world_schema(const struct world *world, struct world_text *params) {
    static const char *const types[] = {"int", "decimal", "bool", "enum", "string", "date"};
    text_clear(params);
    text_add(params, "{zone: 'Europe/Berlin', users: {attributes: [");
    for (uint32_t i = 0; i < world->column_count; i++)
        text_add(params, "%s{name: 'c%u', type: '%s'%s}", i == 0 ? "" : ", ", i, types[world->kinds[i]],
                 world->kinds[i] == WORLD_ENUM ? ", labels: ['l0', 'l1', 'l2', 'l3']" : "");
    text_add(params, "%s{name: 'by', type: 'string'}", world->column_count == 0 ? "" : ", ");
    text_add(params, "], tag_sets: [{name: 'tags'}]}, items: {attributes: [{name: 'brand', type: 'string'}],"
                     " tag_sets: [{name: 'kinds'}]}, events: [{name: 'e0'}, {name: 'e1'}]}");
}

/* ---- Values ---- */

static int64_t random_value(struct world *world, enum world_kind kind) {
    switch (kind) {
    case WORLD_INT:
        return below(world, 41) - 20;
    case WORLD_DECIMAL:
        return below(world, 2001) - 1000;
    case WORLD_BOOL:
        return below(world, 2);
    case WORLD_ENUM:
        return below(world, 4);
    case WORLD_STRING:
        return below(world, 8);
    default:
        return 20000 + below(world, 300);
    }
}

static void print_date(struct world_text *text, int64_t days) {
    /* Civil from days, as everybody writes it. */
    const int64_t z = days + 719468;
    const int64_t era = z / 146097;
    const int64_t doe = z - era * 146097;
    const int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    const int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    const int64_t mp = (5 * doy + 2) / 153;
    const int64_t month = mp < 10 ? mp + 3 : mp - 9;
    text_add(text, "%04d-%02d-%02d", (int)(yoe + era * 400 + (month <= 2)), (int)month,
             (int)(doy - (153 * mp + 2) / 5 + 1));
}

static void print_money(struct world_text *text, int64_t hundredths) {
    const int64_t magnitude = hundredths < 0 ? -hundredths : hundredths;
    text_add(text, "%s%d.%02d", hundredths < 0 ? "-" : "", (int)(magnitude / 100), (int)(magnitude % 100));
}

static void print_value(struct world_text *text, enum world_kind kind, int64_t value) {
    switch (kind) {
    case WORLD_INT:
        text_add(text, "%d", (int)value);
        break;
    case WORLD_DECIMAL:
        text_add(text, "'");
        print_money(text, value);
        text_add(text, "'");
        break;
    case WORLD_BOOL:
        text_add(text, value ? "true" : "false");
        break;
    case WORLD_ENUM:
        text_add(text, "'l%d'", (int)value);
        break;
    case WORLD_STRING:
        text_add(text, "'s%d'", (int)value);
        break;
    default:
        text_add(text, "'");
        print_date(text, value);
        text_add(text, "'");
    }
}

bool world_has_tag(const struct world *world, const struct world_user *user, uint32_t tag) {
    const int64_t at_ms = world->asked_ms > world->now_ms ? world->asked_ms : world->now_ms;
    return user->tag[tag] && user->tag_end_ms[tag] > at_ms;
}

static void put_tags(struct world *world, struct world_text *params, struct world_user *user) {
    const bool sets = split_one_in(&world->rng, 2);
    const bool ends = !sets && split_one_in(&world->rng, 2);
    const bool in_days = split_one_in(&world->rng, 2);
    const int64_t days = 1 + below(world, 3);
    /* Ends that many tags share, and ends already gone by. */
    int64_t end_ms = world->now_ms / 43200000 * 43200000 + (below(world, 6) - 1) * 43200000;
    if (in_days) end_ms = world->now_ms + days * DAY_MS;
    if (sets) memset(user->tag, 0, sizeof user->tag);
    text_add(params, sets ? ", tags: [" : ", tags: {add: [");
    for (int i = 0, count = (int)below(world, 4); i < count; i++) {
        const int64_t tag = below(world, WORLD_TAGS);
        user->tag[tag] = true;
        user->tag_end_ms[tag] = ends ? end_ms : INT64_MAX;
        text_add(params, "%s't%d'", i == 0 ? "" : ", ", (int)tag);
    }
    if (sets) {
        text_add(params, "]");
        return;
    }
    if (ends && in_days) text_add(params, "], ttl_days: %d, remove: [", (int)days);
    if (ends && !in_days) text_add(params, "], until: %lld, remove: [", (long long)end_ms);
    if (!ends) text_add(params, "], remove: [");
    for (int i = 0, count = (int)below(world, 3); i < count; i++) {
        const int64_t tag = below(world, WORLD_TAGS);
        user->tag[tag] = false;
        text_add(params, "%s't%d'", i == 0 ? "" : ", ", (int)tag);
    }
    text_add(params, "]}");
}

void world_put(struct world *world, struct world_text *params, struct world_text *expected) {
    uint32_t accepted = 0;
    uint32_t created = 0;
    text_clear(params);
    text_add(params, "{users: [");
    for (int row = 0, rows = 1 + (int)below(world, 12); row < rows; row++) {
        const uint32_t id = (uint32_t)below(world, WORLD_USERS);
        const uint32_t who = world_who(world, id);
        struct world_user after = world->users[who];
        text_add(params, "%s{id: 'u%u'", row == 0 ? "" : ", ", id);
        for (uint32_t c = 0; c < world->column_count; c++) {
            if (split_one_in(&world->rng, 3)) continue;
            after.has[c] = !split_one_in(&world->rng, 5);
            text_add(params, ", c%u: ", c);
            if (after.has[c]) {
                after.value[c] = random_value(world, world->kinds[c]);
                print_value(params, world->kinds[c], after.value[c]);
            } else {
                text_add(params, "nil");
            }
        }
        if (split_one_in(&world->rng, 3)) {
            after.inviter = split_one_in(&world->rng, 5) ? -1 : (int32_t)below(world, WORLD_USERS);
            text_add(params, after.inviter < 0 ? ", by: nil" : ", by: 'u%d'", after.inviter);
        }
        if (split_one_in(&world->rng, 2)) put_tags(world, params, &after);
        const bool is_wrong = split_one_in(&world->rng, 10);
        text_add(params, is_wrong ? ", unheard_of: 1}" : "}");
        if (is_wrong) continue; /* refused whole */
        accepted++;
        created += !after.live;
        after.live = true;
        world->users[who] = after;
    }
    text_add(params, "]}");
    text_clear(expected);
    text_add(expected, "{accepted: %u, created: %u, refused: ", accepted, created);
}

/* ---- Invitations ---- */

static void uninvite(struct world *world, uint32_t who) {
    struct world_user *user = &world->users[who];
    if (!user->was_invited) return;
    struct world_user *inviter = &world->users[user->was_invited_by];
    inviter->invited -= inviter->invited > 0;
    inviter->invited_buyers -= user->was_buyer && inviter->invited_buyers > 0;
    user->was_invited = false;
}

static bool did_e1(const struct world *world, uint32_t user) {
    for (uint32_t i = 0; i < world->event_count; i++) {
        const struct world_event *event = &world->events[i];
        if (event->user == user && event->type == 1 && event->time_ms <= world->now_ms) return true;
    }
    return false;
}

void world_refresh(struct world *world) {
    for (uint32_t i = 0; i < WORLD_USERS; i++) {
        world->users[i].was_invited = false;
        world->users[i].invited = world->users[i].invited_buyers = 0;
    }
    for (uint32_t i = 0; i < WORLD_USERS; i++) {
        struct world_user *user = &world->users[i];
        if (!user->live || user->inviter < 0) continue;
        const uint32_t by = world_who(world, (uint32_t)user->inviter);
        if (by == i) continue;
        user->was_invited = true;
        user->was_invited_by = by;
        user->was_buyer = did_e1(world, i);
        if (!world->users[by].live) continue;
        world->users[by].invited++;
        world->users[by].invited_buyers += user->was_buyer;
    }
}

void world_forget(struct world *world, struct world_text *params, struct world_text *expected) {
    const uint32_t user = (uint32_t)below(world, WORLD_USERS);
    const uint32_t who = world_who(world, user);
    bool known = world->users[who].live;
    text_clear(params);
    text_clear(expected);
    text_add(params, "{ids: ['u%u', 'nobody']}", user);
    for (uint32_t i = 0; i < WORLD_USERS; i++) {
        if (!world->users[i].is_alias || world->users[i].alias_of != who) continue;
        world->users[i].is_alias = false;
        known = true;
    }
    text_add(expected, "{forgotten: %d, unknown: [", known);
    if (!known) text_add(expected, "'u%u', ", user);
    text_add(expected, "'nobody'], receipt: ");
    uninvite(world, who);
    memset(&world->users[who], 0, sizeof world->users[who]);
    world->users[who].inviter = -1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < world->event_count; i++) {
        if (world->events[i].user != who) world->events[kept++] = world->events[i];
    }
    world->event_count = kept;
}

static bool is_known_event(const struct world *world, const struct world_event *event) {
    for (uint32_t i = 0; i < world->event_count; i++) {
        const struct world_event *other = &world->events[i];
        if (event->id >= 0 && other->id == event->id && other->user == event->user && other->type == event->type &&
            other->time_ms == event->time_ms)
            return true;
    }
    return false;
}

uint32_t world_who(const struct world *world, uint32_t id) {
    return world->users[id].is_alias ? world->users[id].alias_of : id;
}

static void merge_tag(const struct world *world, const struct world_user *source, struct world_user *target,
                      uint32_t tag) {
    if (!world_has_tag(world, source, tag)) return;
    const bool is_later = !world_has_tag(world, target, tag) || source->tag_end_ms[tag] > target->tag_end_ms[tag];
    target->tag[tag] = true;
    if (is_later) target->tag_end_ms[tag] = source->tag_end_ms[tag];
}

void world_merge(struct world *world, struct world_text *params, struct world_text *expected) {
    const uint32_t from_id = (uint32_t)below(world, WORLD_USERS);
    const uint32_t into_id = (uint32_t)below(world, WORLD_USERS);
    const uint32_t from = world_who(world, from_id);
    const uint32_t into = world_who(world, into_id);
    uint32_t moved = 0;
    uint32_t duplicates = 0;
    text_clear(params);
    text_clear(expected);
    text_add(params, "{from: 'u%u', into: 'u%u'}", from_id, into_id);
    if (from != into) {
        struct world_user *source = &world->users[from];
        struct world_user *target = &world->users[into];
        target->live = target->live || source->live;
        for (uint32_t c = 0; c < world->column_count; c++) {
            if (target->has[c] || !source->has[c]) continue;
            target->has[c] = true;
            target->value[c] = source->value[c];
        }
        for (uint32_t tag = 0; tag < WORLD_TAGS; tag++)
            merge_tag(world, source, target, tag);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < world->event_count; i++) {
            struct world_event event = world->events[i];
            const bool moves = event.user == from;
            if (moves) event.user = into;
            const bool doubled = moves && is_known_event(world, &event);
            moved += moves && !doubled;
            duplicates += doubled;
            if (!doubled) world->events[kept++] = event;
        }
        world->event_count = kept;
        for (uint32_t i = 0; i < WORLD_USERS; i++)
            if (world->users[i].is_alias && world->users[i].alias_of == from) world->users[i].alias_of = into;
        if (target->inviter < 0) target->inviter = source->inviter;
        memset(source, 0, sizeof *source);
        source->inviter = -1;
        source->is_alias = true;
        source->alias_of = into;
    }
    text_add(expected, "{merged: %s, events: %u, duplicates: %u}", from != into ? "true" : "false", moved, duplicates);
}

/* ---- Rules ---- */

static void ask_rule(struct world *world, struct world_rule *rule, const struct world_event *event) {
    struct world_user *user = &world->users[event->user];
    if (!rule->is_there || rule->type != event->type) return;
    if (rule->amount_min >= -2000 && (!event->has_amount || event->amount < rule->amount_min)) return;
    const int64_t end_ms = rule->ttl_days == 0 ? INT64_MAX : event->time_ms + rule->ttl_days * DAY_MS;
    if (end_ms <= world->now_ms) return;
    rule->given++;
    if (world_has_tag(world, user, rule->tag) && user->tag_end_ms[rule->tag] >= end_ms) return;
    user->tag[rule->tag] = true;
    user->tag_end_ms[rule->tag] = end_ms;
}

static void print_rule(const struct world_rule *rule, uint32_t number, struct world_text *text) {
    text_add(text, "{name: 'r%u', on: 'e%u", number, rule->type);
    if (rule->amount_min >= -2000) {
        text_add(text, " where amount >= ");
        print_money(text, rule->amount_min);
    }
    text_add(text, "', tag_set: 'tags', tag: 't%u'", rule->tag);
    if (rule->ttl_days > 0) text_add(text, ", ttl_days: %d", (int)rule->ttl_days);
}

void world_rule(struct world *world, struct world_text *params, struct world_text *expected, bool *removes) {
    const uint32_t number = (uint32_t)below(world, WORLD_RULES);
    struct world_rule *rule = &world->rules[number];
    text_clear(params);
    text_clear(expected);
    *removes = split_one_in(&world->rng, 3);
    if (*removes) {
        text_add(params, "{name: 'r%u'}", number);
        text_add(expected, "{removed: %s}", rule->is_there ? "true" : "false");
        rule->is_there = false;
        return;
    }
    struct world_rule made = {.is_there = true, .type = (uint32_t)below(world, WORLD_TYPES)};
    made.amount_min = split_one_in(&world->rng, 4) ? -2001 : below(world, 100) * 100 - 1000;
    made.tag = (uint32_t)below(world, WORLD_TAGS);
    made.ttl_days = split_one_in(&world->rng, 4) ? 0 : 1 + below(world, 20);
    const bool asks_past = split_one_in(&world->rng, 2);
    *rule = made;
    print_rule(rule, number, params);
    text_add(params, asks_past ? ", note: '%llx', past: true}" : ", note: '%llx'}",
             (unsigned long long)split_next(&world->rng));
    for (uint32_t i = 0; asks_past && i < world->event_count; i++)
        ask_rule(world, rule, &world->events[i]);
    text_add(expected, "{changed: true}");
}

/* ---- Days that are kept no longer ---- */

/* Berlin, as these worlds live it: summer time ends on 26 October 2025 at 01:00 UTC. */
static int64_t local_day(int64_t time_ms) {
    return (time_ms + (time_ms < INT64_C(1761440400000) ? 7200000 : 3600000)) / DAY_MS;
}

static bool is_kept(const struct world *world, const struct world_event *event) {
    const int64_t days = world->keep_days[event->type];
    return days == 0 || local_day(event->time_ms) >= local_day(world->now_ms) - days;
}

static void sweep(struct world *world) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < world->event_count; i++)
        if (is_kept(world, &world->events[i])) world->events[kept++] = world->events[i];
    world->event_count = kept;
}

void world_keep(struct world *world, struct world_text *params, struct world_text *expected) {
    const uint32_t type = (uint32_t)below(world, WORLD_TYPES);
    const int64_t days = split_one_in(&world->rng, 3) ? 0 : 1 + below(world, 45);
    text_clear(params);
    text_clear(expected);
    text_add(params, "{events: [{name: 'e%u', keep_days: %d}]}", type, (int)days);
    text_add(expected, "{changed: %s}", world->keep_days[type] != days ? "true" : "false");
    world->keep_days[type] = days;
    sweep(world);
}

void world_sweep(struct world *world, struct world_text *expected) {
    const char *comma = "";
    sweep(world);
    text_clear(expected);
    text_add(expected, "{kept_from: {");
    for (uint32_t type = 0; type < WORLD_TYPES; type++) {
        if (world->keep_days[type] == 0) continue;
        text_add(expected, "%se%u: '", comma, type);
        print_date(expected, local_day(world->now_ms) - world->keep_days[type]);
        text_add(expected, "'");
        comma = ", ";
    }
    text_add(expected, "}}");
}

void world_append(struct world *world, struct world_text *params, struct world_text *expected) {
    uint32_t accepted = 0;
    uint32_t duplicates = 0;
    sweep(world);
    text_clear(params);
    text_add(params, "{events: [");
    for (int row = 0, rows = 1 + (int)below(world, 20); row < rows; row++) {
        struct world_event event = {.user = (uint32_t)below(world, WORLD_USERS),
                                    .type = (uint32_t)below(world, WORLD_TYPES)};
        event.time_ms = world->now_ms - below(world, 40 * 24) * 3600000 + 7200000; /* now and then to come */
        event.has_amount = !split_one_in(&world->rng, 3);
        event.amount = event.has_amount ? below(world, 20001) - 2000 : 0;
        event.id = split_one_in(&world->rng, 2) ? (int32_t)below(world, 5) : -1;
        if (row > 0 && split_one_in(&world->rng, 6) && world->event_count > 0) /* the same again */
            event = world->events[below(world, world->event_count)];
        text_add(params, "%s{type: 'e%u', user: 'u%u', time: %lld", row == 0 ? "" : ", ", event.type, event.user,
                 (long long)event.time_ms);
        if (event.has_amount) {
            text_add(params, ", amount: '");
            print_money(params, event.amount);
            text_add(params, "'");
        }
        if (event.id >= 0) text_add(params, ", id: %d", event.id);
        if (split_one_in(&world->rng, 2)) text_add(params, ", item: 'i%d'", (int)below(world, WORLD_ITEMS));
        const bool is_wrong = split_one_in(&world->rng, 12);
        text_add(params, is_wrong ? ", what: 1}" : "}");
        if (is_wrong || world->event_count == WORLD_EVENTS || !is_kept(world, &event)) continue;
        event.user = world_who(world, event.user);
        if (is_known_event(world, &event)) {
            duplicates++;
            continue;
        }
        accepted++;
        world->users[event.user].live = true;
        world->events[world->event_count++] = event;
        for (uint32_t i = 0; i < WORLD_RULES; i++)
            ask_rule(world, &world->rules[i], &event);
    }
    text_add(params, "]}");
    text_clear(expected);
    text_add(expected, "{accepted: %u, duplicates: %u, refused: ", accepted, duplicates);
}

void world_user_text(const struct world *world, uint32_t id, struct world_text *expected) {
    const uint32_t who = world_who(world, id);
    const struct world_user *user = &world->users[who];
    text_clear(expected);
    if (!user->live) {
        text_add(expected, "304 not_found: there is no user `u%u`", id);
        return;
    }
    text_add(expected, "{user: {id: 'u%u'", who);
    for (uint32_t c = 0; c < world->column_count; c++) {
        if (!user->has[c]) continue;
        text_add(expected, ", c%u: ", c);
        print_value(expected, world->kinds[c], user->value[c]);
    }
    if (user->inviter >= 0) text_add(expected, ", by: 'u%d'", user->inviter);
    bool any = false;
    for (uint32_t tag = 0; tag < WORLD_TAGS; tag++) {
        if (!world_has_tag(world, user, tag)) continue;
        text_add(expected, any ? ", 't%u'" : ", tags: ['t%u'", tag);
        any = true;
    }
    text_add(expected, any ? "]}}" : "}}");
}

/* ---- Expressions ---- */

struct world_expression *world_expression(struct world *world, uint32_t depth, uint32_t segment_end) {
    struct world_expression *made = calloc(1, sizeof *made);
    if (made == NULL) abort();
    const bool joins = depth > 0 && split_one_in(&world->rng, 2);
    made->kind = (enum world_clause)(joins ? below(world, 3) : EXPR_COMPARE + below(world, 5));
    made->column = (uint32_t)below(world, world->column_count);
    made->compare = (uint32_t)below(world, 6);
    made->tag = (uint32_t)below(world, WORLD_TAGS + 1); /* the last is nobody's */
    made->type = (uint32_t)below(world, WORLD_TYPES);
    made->days = below(world, 4) * 7;
    made->segment = segment_end > 0 ? (uint32_t)below(world, segment_end) : 0;
    if (!joins && segment_end > 0 && world->segments[made->segment] != NULL && split_one_in(&world->rng, 4))
        made->kind = EXPR_SEGMENT;
    if (made->kind <= EXPR_NOT) {
        for (int i = 0; i < (made->kind == EXPR_NOT ? 1 : 2); i++)
            made->children[i] = world_expression(world, depth - 1, segment_end);
        return made;
    }
    if (made->kind == EXPR_SEGMENT) return made;
    const enum world_kind kind = world->kinds[made->column];
    made->number = random_value(world, kind);
    if (made->kind == EXPR_COMPARE && (kind == WORLD_BOOL || kind == WORLD_STRING)) made->compare %= 2;
    if (made->kind == EXPR_COUNT) made->number = below(world, 4);
    if (made->kind == EXPR_SUM) made->number = below(world, 10000) - 500;
    return made;
}

void world_expression_free(struct world_expression *expression) {
    if (expression == NULL) return;
    world_expression_free(expression->children[0]);
    world_expression_free(expression->children[1]);
    free(expression);
}

static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};

static void print_window(const struct world_expression *expression, struct world_text *text) {
    if (expression->days > 0) text_add(text, ", last %d days", (int)expression->days);
    text_add(text, ") %s ", compares[expression->compare]);
}

void world_expression_print(const struct world *world, const struct world_expression *expression,
                            struct world_text *text) {
    switch (expression->kind) {
    case EXPR_AND:
    case EXPR_OR:
        text_add(text, "(");
        world_expression_print(world, expression->children[0], text);
        text_add(text, expression->kind == EXPR_AND ? " and " : " or ");
        world_expression_print(world, expression->children[1], text);
        text_add(text, ")");
        break;
    case EXPR_NOT:
        text_add(text, "not (");
        world_expression_print(world, expression->children[0], text);
        text_add(text, ")");
        break;
    case EXPR_COMPARE:
        text_add(text, "c%u %s ", expression->column, compares[expression->compare]);
        if (world->kinds[expression->column] == WORLD_DECIMAL)
            print_money(text, expression->number);
        else
            print_value(text, world->kinds[expression->column], expression->number);
        break;
    case EXPR_MISSING:
        text_add(text, "c%u is missing", expression->column);
        break;
    case EXPR_TAG:
        text_add(text, "tags has 't%u'", expression->tag);
        break;
    case EXPR_COUNT:
        text_add(text, "count(e%u", expression->type);
        print_window(expression, text);
        text_add(text, "%d", (int)expression->number);
        break;
    case EXPR_SUM:
        text_add(text, "sum(e%u.amount", expression->type);
        print_window(expression, text);
        print_money(text, expression->number);
        break;
    case EXPR_SEGMENT:
        text_add(text, "in_segment('g%u')", expression->segment);
        break;
    }
}

static bool compares_so(int64_t a, uint32_t compare, int64_t b) {
    switch (compare) {
    case 0:
        return a == b;
    case 1:
        return a != b;
    case 2:
        return a < b;
    case 3:
        return a <= b;
    case 4:
        return a > b;
    default:
        return a >= b;
    }
}

static int64_t aggregate(const struct world *world, const struct world_expression *expression, uint32_t user) {
    int64_t result = 0;
    for (uint32_t i = 0; i < world->event_count; i++) {
        const struct world_event *event = &world->events[i];
        if (event->user != user || event->type != expression->type || event->time_ms > world->asked_ms) continue;
        if (expression->days > 0 && event->time_ms <= world->asked_ms - expression->days * DAY_MS) continue;
        result += expression->kind == EXPR_COUNT ? 1 : event->amount;
    }
    return result;
}

bool world_matches(const struct world *world, const struct world_expression *expression, uint32_t id) {
    const struct world_user *user = &world->users[id];
    switch (expression->kind) {
    case EXPR_AND:
        return world_matches(world, expression->children[0], id) && world_matches(world, expression->children[1], id);
    case EXPR_OR:
        return world_matches(world, expression->children[0], id) || world_matches(world, expression->children[1], id);
    case EXPR_NOT:
        return !world_matches(world, expression->children[0], id);
    case EXPR_COMPARE:
        return user->has[expression->column] &&
               compares_so(user->value[expression->column], expression->compare, expression->number);
    case EXPR_MISSING:
        return !user->has[expression->column];
    case EXPR_TAG:
        return expression->tag < WORLD_TAGS && world_has_tag(world, user, expression->tag);
    case EXPR_SEGMENT:
        return world_matches(world, world->segments[expression->segment], id);
    default:
        return compares_so(aggregate(world, expression, id), expression->compare, expression->number);
    }
}

uint32_t world_count(const struct world *world, const struct world_expression *expression) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < WORLD_USERS; i++)
        count += world->users[i].live && world_matches(world, expression, i);
    return count;
}

static int compare_ids(uint32_t a, uint32_t b) {
    char left[16];
    char right[16];
    (void)snprintf(left, sizeof left, "u%u", a);
    (void)snprintf(right, sizeof right, "u%u", b);
    return strcmp(left, right);
}

static bool is_before(const struct world *world, uint32_t column, bool descending, uint32_t a, uint32_t b) {
    if (column == WORLD_COLUMNS) return descending ? compare_ids(a, b) > 0 : compare_ids(a, b) < 0;
    const struct world_user *left = &world->users[a];
    const struct world_user *right = &world->users[b];
    if (left->has[column] != right->has[column]) return left->has[column];
    const int64_t x = left->has[column] ? left->value[column] : 0;
    const int64_t y = right->has[column] ? right->value[column] : 0;
    if (x != y) return descending ? x > y : x < y;
    return compare_ids(a, b) < 0;
}

uint32_t world_order(const struct world *world, const struct world_expression *expression, uint32_t column,
                     bool descending, uint32_t users[WORLD_USERS]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < WORLD_USERS; i++) {
        if (!world->users[i].live || !world_matches(world, expression, i)) continue;
        uint32_t at = count++;
        for (; at > 0 && is_before(world, column, descending, i, users[at - 1]); at--)
            users[at] = users[at - 1];
        users[at] = i;
    }
    return count;
}

/* ---- Segments ---- */

static bool is_using(const struct world_expression *expression, uint32_t segment) {
    if (expression == NULL) return false;
    if (expression->kind == EXPR_SEGMENT) return expression->segment == segment;
    return is_using(expression->children[0], segment) || is_using(expression->children[1], segment);
}

void world_segment(struct world *world, struct world_text *params, struct world_text *expected, bool *removes) {
    const uint32_t segment = (uint32_t)below(world, WORLD_SEGMENTS);
    text_clear(params);
    text_clear(expected);
    *removes = split_one_in(&world->rng, 3);
    if (*removes) {
        bool used = false;
        for (uint32_t i = 0; i < WORLD_SEGMENTS; i++)
            used = used || is_using(world->segments[i], segment);
        text_add(params, "{name: 'g%u'}", segment);
        text_add(expected, used                               ? "305 conflict: "
                           : world->segments[segment] == NULL ? "{removed: false}"
                                                              : "{removed: true}");
        if (used) return;
        world_expression_free(world->segments[segment]);
        world->segments[segment] = NULL;
        return;
    }
    struct world_expression *expression = world_expression(world, 2, segment);
    text_add(params, "{name: 'g%u', where: \"", segment);
    world_expression_print(world, expression, params);
    text_add(params, "\"}");
    text_add(expected, "{version: ");
    world_expression_free(world->segments[segment]);
    world->segments[segment] = expression;
}

bool world_segments_text(const struct world *world, uint32_t id, struct world_text *expected) {
    const uint32_t user = world_who(world, id);
    const char *comma = "";
    text_clear(expected);
    if (!world->users[user].live) return false;
    text_add(expected, "{segments: [");
    for (uint32_t i = 0; i < WORLD_SEGMENTS; i++) {
        if (world->segments[i] == NULL || !world_matches(world, world->segments[i], user)) continue;
        text_add(expected, "%s'g%u'", comma, i);
        comma = ", ";
    }
    text_add(expected, "]}");
    return true;
}
