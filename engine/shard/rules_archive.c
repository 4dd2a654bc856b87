/* rules_archive.c -- the rules of a workspace as a section of an archive.
 *
 *   section rules 1
 *     u32 count, then ascending by name
 *       name, on, note, tag, u32 tag_set, u32 event_type, i64 ttl_ms, i64 changed_ms, u64 given
 */
#include "event_clause.h"
#include "memory.h"
#include "shard_private.h"

enum { RULES_VERSION = 1, RULE_BYTES_MIN = 4 * 4 + 2 * 4 + 3 * 8 };

void sh_rules_save(const struct sh_rules *rules, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "rules", RULES_VERSION);
    sh_archive_put_u32(writer, rules->count);
    for (uint32_t i = 0; i < rules->count; i++) {
        const struct sh_rule *rule = rules->list[i];
        sh_archive_put_text(writer, rule->name);
        sh_archive_put_text(writer, rule->on);
        sh_archive_put_text(writer, rule->note);
        sh_archive_put_text(writer, rule->tag);
        sh_archive_put_u32(writer, rule->tag_set);
        sh_archive_put_u32(writer, rule->event_type);
        sh_archive_put_i64(writer, rule->ttl_ms);
        sh_archive_put_i64(writer, rule->changed_ms);
        sh_archive_put_u64(writer, rule->given);
    }
    sh_archive_end(writer);
}

/* The rule must be about the event type that its text names: binding will trust the number. */
static const char *fault_of_type(const struct sh_rule *rule, const struct sh_event_store *events,
                                 struct sh_arena *arena, bool *has_memory) {
    struct sh_node *tree;
    sh_arena_reset(arena);
    const enum sh_status status = sh_event_clause_read(rule->on, "on", NULL, arena, &tree, NULL);
    *has_memory = status != SH_ERR_MEMORY && status != SH_ERR_LIMIT; /* the text fitted when it was put */
    if (status == SH_OK && tree->kind == SH_NODE_DID && rule->event_type < sh_event_type_count(events) &&
        sh_text_equal(tree->operand.event, sh_event_type(events, rule->event_type)->name))
        return NULL;
    return "a rule is not about the event type that it names";
}

static const char *fault_of(const struct sh_rules *rules, const struct sh_rule *rule,
                            const struct sh_rules_scope *scope, struct sh_arena *arena, bool *has_memory) {
    if (rule->name.count == 0 || !sh_text_is_utf8(rule->name) || !sh_text_is_utf8(rule->note) || rule->tag.count == 0 ||
        !sh_text_is_utf8(rule->tag))
        return "a text of a rule is empty, or not UTF-8";
    if (rules->count > 0 && sh_text_compare(rules->list[rules->count - 1]->name, rule->name) >= 0)
        return "the names of rules do not ascend";
    if (rule->tag_set >= sh_table_tag_set_count(scope->users)) return "a rule gives a tag of no set";
    if (rule->ttl_ms < 0 || rule->ttl_ms > SH_TTL_DAYS_MAX * SH_DAY_MS) return "a rule's tags last for no span";
    return fault_of_type(rule, scope->events, arena, has_memory);
}

static bool load_rule(struct sh_rules *rules, const struct sh_rules_scope *scope, struct sh_arena *arena,
                      struct sh_archive_reader *reader) {
    struct sh_error err;
    bool changed;
    struct sh_rule rule = {.name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a rule")};
    rule.on = sh_archive_get_text(reader, SH_EXPRESSION_BYTES_MAX, "the condition of a rule");
    rule.note = sh_archive_get_text(reader, SH_NOTE_BYTES_MAX, "the note of a rule");
    rule.tag = sh_archive_get_text(reader, SH_STRING_BYTES_MAX, "the tag of a rule");
    rule.tag_set = sh_archive_get_u32(reader);
    rule.event_type = sh_archive_get_u32(reader);
    rule.ttl_ms = sh_archive_get_i64(reader);
    rule.changed_ms = sh_archive_get_i64(reader);
    rule.given = sh_archive_get_u64(reader);
    if (!sh_archive_failed(reader)) {
        bool has_memory = true;
        const char *fault = fault_of(rules, &rule, scope, arena, &has_memory);
        if (!has_memory) (void)sh_archive_refuse_memory(reader);
        if (has_memory && fault != NULL) (void)sh_archive_refuse(reader, "%s", fault);
    }
    if (!sh_archive_failed(reader)) {
        if (sh_rules_put(rules, &rule, &changed, &err) == SH_OK)
            rules->list[rules->count - 1]->given = rule.given;
        else
            (void)sh_archive_refuse_memory(reader);
    }
    sh_free((char *)(uintptr_t)rule.name.bytes);
    sh_free((char *)(uintptr_t)rule.on.bytes);
    sh_free((char *)(uintptr_t)rule.note.bytes);
    sh_free((char *)(uintptr_t)rule.tag.bytes);
    return !sh_archive_failed(reader);
}

enum sh_status sh_rules_load(struct sh_rules *rules, const struct sh_rules_scope *scope,
                             struct sh_archive_reader *reader) {
    sh_assert(rules->count == 0);
    if (sh_archive_enter(reader, "rules", RULES_VERSION) == 0) return sh_archive_status(reader, NULL);
    struct sh_arena arena;
    sh_arena_init(&arena, SH_REQUEST_ARENA_BYTES_MAX);
    const uint32_t count = sh_archive_get_count(reader, SH_RULE_COUNT_MAX, RULE_BYTES_MIN, "rules");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        if (!load_rule(rules, scope, &arena, reader)) break;
    }
    sh_arena_deinit(&arena);
    sh_archive_leave(reader);
    return sh_archive_status(reader, NULL);
}
