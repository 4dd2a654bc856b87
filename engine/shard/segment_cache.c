#include "segment_cache.h"

#include "memory.h"

void sh_segment_cache_refresh(struct sh_workspace *workspace) {
    struct sh_catalogue *segments = &workspace->segments;
    const struct sh_table *users = workspace->users;
    const struct sh_table *items = workspace->items;
    const uint64_t stamp[4] = {
        sh_table_schema_version(users) + sh_table_schema_version(items) + sh_event_schema_version(workspace->events),
        sh_table_text_version(users) + sh_table_text_version(items) + sh_event_text_version(workspace->events),
        sh_table_slot_end(items), /* item.id is bound to slots */
        segments->version,
    };
    if (memcmp(segments->cache_stamp, stamp, sizeof stamp) == 0) return;
    memcpy(segments->cache_stamp, stamp, sizeof stamp);
    sh_arena_reset(&segments->cache);
    for (uint32_t i = 0; i < segments->count; i++) {
        segments->list[i]->tree = NULL;
        segments->list[i]->plan = NULL;
    }
}

static enum sh_status fail_segment(const struct sh_segment *segment, const struct sh_error *inner,
                                   struct sh_error *err) {
    (void)sh_fail(err, inner->status, -1, "in the segment '%.*s': %s", SH_TEXT_ARGS(segment->name), inner->message);
    return inner->hint[0] == '\0' ? inner->status : sh_fail_hint(err, inner->status, "%s", inner->hint);
}

/* Then a plan that asks for tags is good for this moment alone. */
static bool any_ended(const struct sh_query_scope *scope) {
    return sh_table_any_ended(scope->table, scope->now_ms > scope->clock_ms ? scope->now_ms : scope->clock_ms);
}

static enum sh_status bind_segment(struct sh_catalogue *segments, struct sh_segment *segment,
                                   const struct sh_query_scope *scope, struct sh_error *err) {
    struct sh_node *tree;
    enum sh_status status = sh_query_parse(sh_segment_in_force(segment)->text, &segments->cache, &tree, err);
    if (status == SH_OK) status = sh_query_check(&tree, scope, &segments->cache, err);
    if (status != SH_OK) return status;
    if (sh_query_is_timeless(tree) && !any_ended(scope))
        status = sh_query_plan(tree, scope, &segments->cache, &segment->plan, err);
    if (status == SH_OK) segment->tree = tree;
    return status;
}

enum sh_status sh_segment_plan(struct sh_workspace *workspace, struct sh_segment *segment,
                               const struct sh_query_scope *scope, struct sh_arena *arena, struct sh_plan **plan,
                               struct sh_error *err) {
    struct sh_error inner = {.status = SH_OK};
    enum sh_status status = SH_OK;
    if (segment->tree == NULL) {
        segment->plan = NULL;
        status = bind_segment(&workspace->segments, segment, scope, &inner);
    }
    *plan = any_ended(scope) ? NULL : segment->plan;
    if (status == SH_OK && *plan == NULL) status = sh_query_plan(segment->tree, scope, arena, plan, &inner);
    return status == SH_OK ? SH_OK : fail_segment(segment, &inner, err);
}
