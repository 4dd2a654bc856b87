/* rules_apply.c -- asking rules about events, and giving tags. */
#include <string.h>

#include "event_clause.h"
#include "rules.h"
#include "shard_private.h"

/* ---- Binding ---- */

/* What is bound names types, properties and attributes by number, texts by code and items by slot. */
static void refresh_cache(struct sh_rules *rules, const struct sh_query_scope *scope) {
    const uint64_t stamp[3] = {
        sh_table_schema_version(scope->items) + sh_event_schema_version(scope->events),
        sh_table_text_version(scope->items) + sh_event_text_version(scope->events),
        sh_table_slot_end(scope->items),
    };
    if (memcmp(rules->cache_stamp, stamp, sizeof stamp) == 0) return;
    memcpy(rules->cache_stamp, stamp, sizeof stamp);
    sh_arena_reset(&rules->cache);
    for (uint32_t i = 0; i < rules->count; i++) {
        rules->list[i]->tree = NULL;
        rules->list[i]->where = NULL;
    }
}

/* *where is NULL if every event of the type is meant. */
static enum sh_status bind_rule(struct sh_rules *rules, struct sh_rule *rule, const struct sh_rules_target *target,
                                struct sh_where **where, struct sh_error *err) {
    enum sh_status status = SH_OK;
    if (rule->tree == NULL) {
        struct sh_node *tree;
        status = sh_event_clause_read(rule->on, "on", target->scope, &rules->cache, &tree, err);
        if (status != SH_OK) return status;
        rule->tree = tree;
    }
    *where = rule->where;
    const struct sh_node *condition = rule->tree->operand.where;
    if (*where != NULL || condition == NULL) return SH_OK;
    const bool keeps = sh_query_where_is_timeless(condition);
    status = sh_where_build_for_tests(condition, target->scope, rule->event_type, keeps ? &rules->cache : target->arena,
                                      where, err);
    if (status == SH_OK && keeps) rule->where = *where;
    return status;
}

/* ---- Giving ---- */

struct giving {
    struct sh_rule *rule;
    const struct sh_rules_target *target;
    struct sh_where *where;
    int64_t clock_ms;
    uint32_t tag; /* its code; SH_CODE_NONE: not looked up yet */
};

static int64_t end_of(const struct sh_rule *rule, int64_t time_ms) {
    return rule->ttl_ms == 0 ? INT64_MAX : time_ms + rule->ttl_ms;
}

static enum sh_status give(struct giving *giving, uint32_t slot, int64_t time_ms) {
    struct sh_rule *rule = giving->rule;
    struct sh_table *users = giving->target->users;
    const int64_t until_ms = end_of(rule, time_ms);
    enum sh_status status = SH_OK;
    if (until_ms <= giving->clock_ms) return SH_OK;
    rule->given++;
    if (giving->tag == SH_CODE_NONE) status = sh_table_tag_code(users, rule->tag_set, rule->tag, &giving->tag, NULL);
    if (status != SH_OK) return status;
    if (sh_table_has_tag(users, slot, rule->tag_set, giving->tag) &&
        sh_table_tag_until(users, slot, rule->tag_set, giving->tag) >= until_ms)
        return SH_OK;
    status = rule->ttl_ms == 0 ? sh_table_tag_add(users, slot, rule->tag_set, giving->tag)
                               : sh_table_tag_add_until(users, slot, rule->tag_set, giving->tag, until_ms);
    return status;
}

static bool begin(struct giving *giving, struct sh_rules *rules, struct sh_rule *rule,
                  const struct sh_rules_target *target, struct sh_error *err) {
    const struct sh_query_scope *scope = target->scope;
    *giving = (struct giving){.rule = rule, .target = target, .tag = SH_CODE_NONE};
    giving->clock_ms = scope->now_ms > scope->clock_ms ? scope->now_ms : scope->clock_ms;
    return bind_rule(rules, rule, target, &giving->where, err) == SH_OK;
}

static void ask(struct giving *giving, struct sh_event_ref event) {
    bool holds = true;
    if (giving->where != NULL && sh_where_test(giving->where, event, &holds, NULL) != SH_OK) holds = false;
    if (!holds) return;
    (void)give(giving, sh_event_ref_slot(event), sh_event_ref_time(event)); /* the event is stored either way */
}

void sh_rules_apply(struct sh_rules *rules, const struct sh_rules_target *target, const struct sh_event_ref *events,
                    uint32_t count) {
    refresh_cache(rules, target->scope);
    for (uint32_t i = 0; i < rules->count; i++) {
        struct giving giving;
        if (!begin(&giving, rules, rules->list[i], target, NULL))
            continue; /* memory is out: it fitted when it was put */
        for (uint32_t at = 0; at < count; at++)
            if (sh_event_ref_type(events[at]) == giving.rule->event_type) ask(&giving, events[at]);
    }
}

/* ---- The past ---- */

static void ask_cell(struct giving *giving, const struct sh_event_cell *cell) {
    for (uint32_t row = 0; row < cell->row_count; row++)
        ask(giving, (struct sh_event_ref){cell, row});
}

enum sh_status sh_rules_apply_past(struct sh_rules *rules, struct sh_rule *rule, const struct sh_rules_target *target,
                                   struct sh_error *err) {
    const struct sh_event_type *type = sh_event_type(target->scope->events, rule->event_type);
    struct giving giving;
    refresh_cache(rules, target->scope);
    if (!begin(&giving, rules, rule, target, err)) return err == NULL ? SH_ERR_MEMORY : err->status;
    for (uint32_t i = 0; i < type->day_count; i++) {
        const struct sh_event_day *day = type->days[i];
        if (end_of(rule, day->end_ms) <= giving.clock_ms) continue; /* what it would give has ended */
        for (uint32_t block = 0; block < day->block_count; block++)
            if (day->cells[block] != NULL) ask_cell(&giving, day->cells[block]);
    }
    return SH_OK;
}
