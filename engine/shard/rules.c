/* rules.c -- the list of rules: putting, finding, removing, checking. rules_apply.c asks them. */
#include "rules.h"

#include <string.h>

#include "event_clause.h"
#include "memory.h"
#include "shard_private.h"

void sh_rules_init(struct sh_rules *rules) {
    *rules = (struct sh_rules){0};
    sh_arena_init(&rules->cache, SH_REQUEST_ARENA_BYTES_MAX);
}

static void rule_destroy(struct sh_rule *rule) {
    if (rule == NULL) return;
    sh_text_free(rule->name);
    sh_text_free(rule->on);
    sh_text_free(rule->note);
    sh_text_free(rule->tag);
    sh_free(rule);
}

void sh_rules_deinit(struct sh_rules *rules) {
    for (uint32_t i = 0; i < rules->count; i++)
        rule_destroy(rules->list[i]);
    sh_free(rules->list);
    sh_arena_deinit(&rules->cache);
    *rules = (struct sh_rules){0};
}

/* ---- Finding ---- */

/* Where the name stands, or where it would. */
static uint32_t place_of(const struct sh_rules *rules, struct sh_text name) {
    uint32_t low = 0;
    uint32_t high = rules->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        if (sh_text_compare(rules->list[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct sh_rule *sh_rules_find(const struct sh_rules *rules, struct sh_text name) {
    const uint32_t place = place_of(rules, name);
    if (place == rules->count || !sh_text_equal(rules->list[place]->name, name)) return NULL;
    return rules->list[place];
}

enum sh_status sh_rules_fail_unknown(const struct sh_rules *rules, struct sh_text name, struct sh_error *err) {
    const int shown = (int)(name.count < SH_NAME_BYTES_MAX ? name.count : SH_NAME_BYTES_MAX);
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (uint32_t i = 0; i < rules->count; i++)
        sh_nearest_offer(&search, rules->list[i]->name);
    return sh_fail_unknown(err, SH_ERR_NOT_FOUND, &search, "there is no rule '%.*s'", shown, name.bytes);
}

/* ---- Changing ---- */

void sh_rules_bind_anew(struct sh_rules *rules) {
    memset(rules->cache_stamp, 0xFF, sizeof rules->cache_stamp);
}

static void list_changed(struct sh_rules *rules) {
    memset(rules->type_has_rules, 0, sizeof rules->type_has_rules);
    sh_rules_bind_anew(rules); /* what is kept of others goes too */
    for (uint32_t i = 0; i < rules->count; i++)
        rules->type_has_rules[rules->list[i]->event_type / 64] |= UINT64_C(1) << (rules->list[i]->event_type % 64);
}

static struct sh_rule *rule_copy(const struct sh_rule *rule) {
    struct sh_rule *copy = sh_alloc_zero(sizeof *copy);
    if (copy == NULL) return NULL;
    copy->tag_set = rule->tag_set;
    copy->event_type = rule->event_type;
    copy->ttl_ms = rule->ttl_ms;
    copy->changed_ms = rule->changed_ms;
    if (sh_text_copy(rule->name, &copy->name) && sh_text_copy(rule->on, &copy->on) &&
        sh_text_copy(rule->note, &copy->note) && sh_text_copy(rule->tag, &copy->tag))
        return copy;
    rule_destroy(copy);
    return NULL;
}

static bool rules_are_equal(const struct sh_rule *a, const struct sh_rule *b) {
    return sh_text_equal(a->on, b->on) && sh_text_equal(a->note, b->note) && sh_text_equal(a->tag, b->tag) &&
           a->tag_set == b->tag_set && a->ttl_ms == b->ttl_ms;
}

enum sh_status sh_rules_put(struct sh_rules *rules, const struct sh_rule *rule, bool *changed, struct sh_error *err) {
    const uint32_t place = place_of(rules, rule->name);
    struct sh_rule *known = sh_rules_find(rules, rule->name);
    *changed = known == NULL || !rules_are_equal(known, rule);
    if (!*changed) return SH_OK;
    if (known == NULL && rules->count == SH_RULE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d rules, and no more are allowed", SH_RULE_COUNT_MAX);
    if (sh_grow((void **)&rules->list, &rules->capacity, (uint64_t)rules->count + 1, sizeof(struct sh_rule *)) != SH_OK)
        return sh_fail_memory(err);
    struct sh_rule *copy = rule_copy(rule);
    if (copy == NULL) return sh_fail_memory(err);
    if (known == NULL) {
        memmove(&rules->list[place + 1], &rules->list[place], (rules->count - place) * sizeof(struct sh_rule *));
        rules->count++;
    }
    rules->list[place] = copy;
    rule_destroy(known);
    list_changed(rules);
    return SH_OK;
}

bool sh_rules_remove(struct sh_rules *rules, struct sh_text name) {
    struct sh_rule *rule = sh_rules_find(rules, name);
    if (rule == NULL) return false;
    const uint32_t place = place_of(rules, name);
    rules->count--;
    memmove(&rules->list[place], &rules->list[place + 1], (rules->count - place) * sizeof(struct sh_rule *));
    rule_destroy(rule);
    list_changed(rules);
    return true;
}

/* ---- Do they hold? ---- */

enum sh_status sh_rules_fit(const struct sh_rules *rules, const struct sh_query_scope *scope, struct sh_arena *arena,
                            struct sh_error *err) {
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct sh_rule *rule = rules->list[i];
        struct sh_error inner = {.status = SH_OK};
        struct sh_node *tree;
        if (sh_event_clause_read(rule->on, "on", scope, arena, &tree, &inner) == SH_OK) continue;
        if (inner.status == SH_ERR_MEMORY) return sh_fail_memory(err);
        return sh_fail(err, SH_ERR_CONFLICT, -1, "the rule '%.*s' would not be right any more: %s",
                       SH_TEXT_ARGS(rule->name), inner.message);
    }
    return SH_OK;
}

bool sh_rules_check(const struct sh_rules *rules, const char **reason) {
    uint64_t types[SH_EVENT_TYPE_COUNT_MAX / 64] = {0};
    *reason = "there are more rules than are allowed";
    if (rules->count > SH_RULE_COUNT_MAX) return false;
    *reason = "rules are not in order of their names";
    for (uint32_t i = 0; i < rules->count; i++) {
        const uint32_t type = rules->list[i]->event_type;
        types[type / 64] |= UINT64_C(1) << (type % 64);
        if (i > 0 && sh_text_compare(rules->list[i - 1]->name, rules->list[i]->name) >= 0) return false;
    }
    *reason = "the types that have rules are not those of the rules";
    return memcmp(types, rules->type_has_rules, sizeof types) == 0;
}
