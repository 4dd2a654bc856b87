#include "feed_visits.h"
#include "memory.h"
#include "shard_private.h"

enum { QUARANTINE_COUNT_MAX = 4096 }; /* forgotten people whose slots wait for unfinished jobs */

struct sh_workspace *sh_workspace_find(struct sh_shard *shard, struct sh_text name) {
    for (uint32_t i = 0; i < shard->workspace_count; i++) {
        struct sh_workspace *workspace = shard->workspaces[i];
        if (sh_text_equal(name, (struct sh_text){workspace->name, workspace->name_count})) return workspace;
    }
    return NULL;
}

static void destroy(struct sh_workspace *workspace) {
    sh_feed_model_destroy(workspace->feed);
    sh_scores_destroy(workspace->scores);
    sh_referral_destroy(workspace->referral);
    sh_rfm_destroy(workspace->rfm);
    sh_kept_destroy(workspace->kept);
    sh_event_store_destroy(workspace->events);
    sh_table_destroy(workspace->items);
    sh_table_destroy(workspace->users);
    sh_bitmap_deinit(&workspace->listed);
    sh_zone_close(workspace->zone);
    sh_catalogue_deinit(&workspace->segments);
    sh_rules_deinit(&workspace->rules);
    sh_hierarchies_deinit(&workspace->trees);
    sh_privacy_deinit(&workspace->privacy);
    sh_contact_deinit(&workspace->contact);
    sh_receipts_deinit(&workspace->receipts);
    sh_scenes_deinit(&workspace->scenes);
    sh_aliases_deinit(&workspace->aliases);
    sh_free(workspace->held);
    sh_free(workspace->eligible);
    sh_free(workspace);
}

static void scope_of_users(void *owner, int64_t now_ms, struct sh_query_scope *scope) {
    sh_workspace_scope(owner, false, now_ms, scope);
    scope->hidden = NULL; /* a saved plan is anybody's */
}

bool sh_workspace_make_scores(struct sh_workspace *workspace) {
    const struct sh_scores_source source = {.owner = workspace,
                                            .scope = scope_of_users,
                                            .segment_version = &workspace->segments.version,
                                            .write_version = &workspace->write_version,
                                            .base = sh_referral_derived(workspace->referral)};
    workspace->scores = sh_scores_create(&source);
    return workspace->scores != NULL;
}

bool sh_workspace_make_kept(struct sh_workspace *workspace) {
    workspace->kept = sh_kept_create(workspace->events, SH_KEPT_ROW_COUNT_MIN, SH_KEPT_BYTES_MAX);
    return workspace->kept != NULL;
}

static bool fill(struct sh_workspace *workspace) {
    workspace->users = sh_table_create();
    workspace->items = sh_table_create();
    workspace->events = sh_event_store_create(workspace->zone);
    if (workspace->users == NULL || workspace->items == NULL || workspace->events == NULL) return false;
    if (!sh_workspace_make_kept(workspace)) return false;
    const struct sh_feed_scope scope = {
        .users = workspace->users, .items = workspace->items, .events = workspace->events};
    workspace->feed = sh_feed_model_create(&scope);
    workspace->rfm = sh_rfm_create(workspace->events);
    if (workspace->feed == NULL || workspace->rfm == NULL) return false;
    workspace->referral = sh_referral_create(workspace->users, sh_rfm_derived(workspace->rfm));
    if (workspace->referral == NULL) return false;
    return sh_workspace_make_scores(workspace);
}

enum sh_status sh_workspace_begin(struct sh_shard *shard, struct sh_text name, struct sh_text zone,
                                  struct sh_workspace **begun, struct sh_error *err) {
    if (name.count == 0 || name.count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(name))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a workspace's name is 1 to %d bytes of UTF-8", SH_NAME_BYTES_MAX);
    if (shard->workspace_count == SH_WORKSPACE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "there are %d workspaces, and no more are allowed",
                       SH_WORKSPACE_COUNT_MAX);
    if (sh_grow((void **)&shard->workspaces, &shard->workspace_capacity, (uint64_t)shard->workspace_count + 1,
                sizeof *shard->workspaces) != SH_OK)
        return sh_fail_memory(err);
    struct sh_workspace *workspace = sh_alloc_zero(sizeof *workspace);
    if (workspace == NULL) return sh_fail_memory(err);
    memcpy(workspace->name, name.bytes, name.count);
    workspace->name_count = name.count;
    workspace->options = shard->options;
    sh_bitmap_init(&workspace->listed, SH_ARRAY_COUNT_FAST);
    sh_catalogue_init(&workspace->segments);
    sh_rules_init(&workspace->rules);
    sh_hierarchies_init(&workspace->trees);
    sh_scenes_init(&workspace->scenes);
    const enum sh_status status = sh_zone_open(zone, &workspace->zone, err);
    if (status != SH_OK) {
        destroy(workspace);
        return status;
    }
    shard->workspaces[shard->workspace_count++] = workspace;
    *begun = workspace;
    return SH_OK;
}

enum sh_status sh_workspace_create(struct sh_shard *shard, struct sh_text name, struct sh_text zone,
                                   struct sh_workspace **created, struct sh_error *err) {
    const enum sh_status status = sh_workspace_begin(shard, name, zone, created, err);
    if (status != SH_OK || fill(*created)) return status;
    sh_workspace_destroy_last(shard);
    *created = NULL;
    return sh_fail_memory(err);
}

void sh_workspace_destroy_last(struct sh_shard *shard) {
    sh_assert(shard->workspace_count > 0);
    destroy(shard->workspaces[--shard->workspace_count]);
}

void sh_workspaces_deinit(struct sh_shard *shard) {
    while (shard->workspace_count > 0)
        sh_workspace_destroy_last(shard);
    sh_free(shard->workspaces);
    shard->workspaces = NULL;
}

void sh_workspace_update_reuse(struct sh_shard *shard, struct sh_workspace *workspace) {
    const uint32_t waiting = sh_table_quarantine_count(workspace->users);
    if (waiting == 0) return;
    /* Reuse also erases texts that no row has any more, and plans hold the codes of texts: not under a job's feet. The
     * end of the job comes here again; should there always be another one, they are hurried now and then. */
    if (waiting >= QUARANTINE_COUNT_MAX) sh_jobs_finish(workspace);
    if (sh_jobs_are_open(workspace)) return;
    uint64_t oldest = UINT64_MAX;
    for (uint32_t i = 0; i < shard->cursor_count; i++) {
        const struct sh_open_cursor *cursor = shard->cursors[i];
        if (cursor->workspace == workspace && cursor->sequence < oldest) oldest = cursor->sequence;
    }
    /* A reader that began at sequence s may hold slots stamped s + 1 and later. */
    sh_table_reuse_before(workspace->users, oldest == UINT64_MAX ? UINT64_MAX : oldest + 1);
}

/* The visits that the user began under other names, which are other names still. */
static void forget_visits_of_names(struct sh_workspace *workspace, struct sh_text user, uint32_t slot,
                                   struct sh_buffer *visits) {
    const struct sh_aliases *aliases = &workspace->aliases;
    if (visits == NULL || sh_aliases_are_none(aliases)) return;
    const uint32_t own = sh_table_find(aliases->ids, user);
    if (own == SH_SLOT_NONE) return;
    for (uint32_t name = aliases->list[own].next; name != own; name = aliases->list[name].next)
        sh_feed_forget_visits_of(workspace->feed, slot, sh_id_hash(sh_table_id(aliases->ids, name)), visits);
}

enum sh_status sh_workspace_forget(struct sh_shard *shard, struct sh_workspace *workspace, uint32_t slot,
                                   struct sh_buffer *visits, struct sh_error *err) {
    char id[SH_ID_BYTES_MAX];
    const struct sh_text name = sh_table_id(workspace->users, slot);
    const struct sh_text user = {id, name.count}; /* the table lets go of the text */
    const uint64_t user_hash = sh_id_hash(name);
    memcpy(id, name.bytes, name.count);
    /* The table first: it is the only one that can fail, and what is left of the person afterwards is unreachable. */
    const enum sh_status status = sh_table_forget(workspace->users, slot, workspace->sequence + 1);
    if (status != SH_OK) return sh_fail_memory(err);
    workspace->sequence++;
    forget_visits_of_names(workspace, user, slot, visits);
    sh_feed_forget(workspace->feed, slot, user_hash, visits);
    sh_event_forget(workspace->events, slot, NULL);
    sh_rfm_forget(workspace->rfm, slot);
    sh_referral_forget(workspace->referral, slot);
    sh_workspace_update_reuse(shard, workspace);
    return SH_OK;
}

void sh_workspace_expire(struct sh_workspace *workspace, int64_t clock_ms) {
    if (clock_ms > workspace->clock_ms) workspace->clock_ms = clock_ms;
    if (sh_table_any_ended(workspace->users, workspace->clock_ms) &&
        sh_table_expire(workspace->users, workspace->clock_ms, SH_EXPIRE_COUNT_MAX) > 0)
        workspace->write_version++;
}

static void recount(void *rfm, uint32_t slot) {
    sh_rfm_recount(rfm, slot);
}

bool sh_workspace_sweep(struct sh_workspace *workspace, int64_t now_ms) {
    if (!sh_event_sweep_is_due(workspace->events, now_ms)) return false;
    const struct sh_event_sweep_hearing hearing = {recount, workspace->rfm};
    sh_jobs_finish(workspace);
    (void)sh_event_sweep(workspace->events, now_ms, &hearing);
    return true;
}

/* ---- Who an id means ---- */

static uint32_t held_place(const struct sh_workspace *workspace, struct sh_text id) {
    uint32_t place = 0;
    while (place < workspace->held_count &&
           !sh_text_equal((struct sh_text){workspace->held[place].bytes, workspace->held[place].count}, id))
        place++;
    return place;
}

static enum sh_status fail_merging(struct sh_text id, struct sh_error *err) {
    (void)sh_fail(err, SH_ERR_BUSY, -1, "the user `%.*s` is being merged", SH_TEXT_ARGS(id));
    return sh_fail_hint(err, SH_ERR_BUSY, "try again");
}

uint32_t sh_workspace_find_user(const struct sh_workspace *workspace, struct sh_text id) {
    const uint32_t slot = sh_table_find(workspace->users, id);
    if (slot != SH_SLOT_NONE || sh_aliases_are_none(&workspace->aliases)) return slot;
    return sh_table_find(workspace->users, sh_aliases_resolve(&workspace->aliases, id));
}

enum sh_status sh_workspace_resolve(const struct sh_workspace *workspace, struct sh_text *id, uint64_t *hash,
                                    struct sh_error *err) {
    const struct sh_shard_options *options = &workspace->options;
    /* A user who lives is nobody's other name, so the usual case costs no look at the names. */
    if (!sh_aliases_are_none(&workspace->aliases) &&
        sh_table_find_hashed(workspace->users, *id, *hash) == SH_SLOT_NONE) {
        *id = sh_aliases_resolve(&workspace->aliases, *id);
        *hash = sh_id_hash(*id);
    }
    if (workspace->held_count > 0 && held_place(workspace, *id) < workspace->held_count) return fail_merging(*id, err);
    /* It came here by what another shard knew of names: a merge or a forget is on its way to one of us. */
    if (options->shard_count > 1 && sh_shard_of_hash(*hash, options->shard_count) != options->shard_index)
        return fail_merging(*id, err);
    return SH_OK;
}

enum sh_status sh_workspace_hold(struct sh_workspace *workspace, struct sh_text id, struct sh_error *err) {
    if (held_place(workspace, id) < workspace->held_count) return fail_merging(id, err);
    if (workspace->held == NULL) workspace->held = sh_alloc(SH_HELD_COUNT_MAX * sizeof *workspace->held);
    if (workspace->held == NULL) return sh_fail_memory(err);
    if (workspace->held_count == SH_HELD_COUNT_MAX)
        return sh_fail(err, SH_ERR_BUSY, -1, "%d users are being merged; try again", SH_HELD_COUNT_MAX);
    struct sh_held_id *held = &workspace->held[workspace->held_count++];
    memcpy(held->bytes, id.bytes, id.count);
    held->count = (uint8_t)id.count;
    return SH_OK;
}

void sh_workspace_let_go(struct sh_workspace *workspace, struct sh_text id) {
    const uint32_t place = held_place(workspace, id);
    if (place < workspace->held_count) workspace->held[place] = workspace->held[--workspace->held_count];
}

static enum sh_status fail_segment_of_items(void *owner, struct sh_text name, struct sh_arena *arena,
                                            struct sh_node **tree, struct sh_error *err) {
    (void)owner;
    (void)arena;
    (void)tree;
    return sh_fail(err, SH_ERR_TYPE, -1, "the segment '%.*s' describes users; this expression is about items",
                   (int)(name.count < SH_NAME_BYTES_MAX ? name.count : SH_NAME_BYTES_MAX), name.bytes);
}

void sh_workspace_scope(struct sh_workspace *workspace, bool of_items, int64_t now_ms, struct sh_query_scope *scope) {
    *scope = (struct sh_query_scope){
        .table = of_items ? workspace->items : workspace->users,
        .items = of_items ? NULL : workspace->items,
        .events = of_items ? NULL : workspace->events,
        .kept = of_items ? NULL : workspace->kept,
        .derived = of_items ? NULL : sh_workspace_derived(workspace),
        .zone = workspace->zone,
        .now_ms = now_ms,
        .clock_ms = workspace->clock_ms,
        .segment = of_items ? fail_segment_of_items : sh_catalogue_resolve,
        .segment_owner = &workspace->segments,
        .hidden = of_items || !workspace->hides_personal ? NULL : &workspace->privacy.hidden,
        .below = sh_hierarchies_below,
        .below_owner = &workspace->trees,
    };
}

enum sh_status sh_plan_param(const struct sh_param *param, const struct sh_query_scope *scope, struct sh_arena *arena,
                             struct sh_node **tree, struct sh_plan **plan, struct sh_error *err) {
    struct sh_cursor cursor;
    sh_param_cursor(param, &cursor);
    enum sh_status status;
    if ((status = sh_query_read(&cursor, arena, tree, err)) != SH_OK) return status;
    if ((status = sh_query_check(tree, scope, arena, err)) != SH_OK) return status;
    return sh_query_plan(*tree, scope, arena, plan, err);
}
