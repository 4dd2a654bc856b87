/* methods_stats.c -- stats: what a workspace holds. The server puts its own map `server` beside it. */
#include "shard_private.h"

static size_t cursor_bytes(const struct sh_shard *shard, const struct sh_workspace *workspace, uint32_t *count) {
    size_t bytes = 0;
    *count = 0;
    for (uint32_t i = 0; i < shard->cursor_count; i++) {
        if (shard->cursors[i]->workspace != workspace) continue;
        bytes += sh_frozen_memory_bytes(&shard->cursors[i]->frozen);
        ++*count;
    }
    return bytes;
}

static void pack_memory(const struct sh_workspace *workspace, size_t cursors, msgpack_packer *packer) {
    struct sh_table_memory users;
    struct sh_table_memory items;
    sh_table_memory(workspace->users, &users);
    sh_table_memory(workspace->items, &items);
    const size_t events = sh_event_memory_bytes(workspace->events);
    struct sh_kept_stats kept;
    sh_kept_stats(workspace->kept, &kept);
    const size_t feed = sh_feed_memory_bytes(workspace->feed);
    const size_t rfm = sh_rfm_memory_bytes(workspace->rfm);
    const size_t referral = sh_referral_memory_bytes(workspace->referral);
    sh_pack_literal(packer, "memory");
    (void)msgpack_pack_map(packer, 15);
    sh_pack_uint(packer, "users", users.total);
    sh_pack_uint(packer, "ids", users.ids);
    sh_pack_uint(packer, "columns", users.columns);
    sh_pack_uint(packer, "slices", users.slices);
    sh_pack_uint(packer, "value_bitmaps", users.value_bitmaps);
    sh_pack_uint(packer, "tag_bitmaps", users.tag_bitmaps);
    sh_pack_uint(packer, "tag_lists", users.tag_lists);
    sh_pack_uint(packer, "items", items.total);
    sh_pack_uint(packer, "events", events);
    sh_pack_uint(packer, "kept_windows", kept.bytes);
    sh_pack_uint(packer, "feed", feed);
    sh_pack_uint(packer, "rfm", rfm);
    sh_pack_uint(packer, "referral", referral);
    sh_pack_uint(packer, "cursors", cursors);
    sh_pack_uint(packer, "total", users.total + items.total + events + kept.bytes + feed + rfm + referral + cursors);
}

/* memory.feed by model. */
static void pack_feed_memory(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_feed_memory memory = sh_feed_memory(workspace->feed);
    sh_pack_literal(packer, "feed_memory");
    (void)msgpack_pack_map(packer, 11);
    sh_pack_uint(packer, "affinities", memory.affinities);
    sh_pack_uint(packer, "popularity", memory.popularity);
    sh_pack_uint(packer, "visits", memory.visits);
    sh_pack_uint(packer, "liked", memory.liked);
    sh_pack_uint(packer, "bought", memory.bought);
    sh_pack_uint(packer, "trends", memory.trends);
    sh_pack_uint(packer, "trained", memory.trained);
    sh_pack_uint(packer, "learner", memory.learner);
    sh_pack_uint(packer, "vectors", memory.vectors);
    sh_pack_uint(packer, "narrow", memory.narrow);
    sh_pack_uint(packer, "scratch", memory.scratch);
}

void sh_shard_figures(const struct sh_shard *shard, struct sh_shard_figures *figures) {
    *figures =
        (struct sh_shard_figures){.workspace_count = shard->workspace_count, .cursor_count = shard->cursor_count};
    for (uint32_t i = 0; i < shard->workspace_count; i++) {
        const struct sh_workspace *workspace = shard->workspaces[i];
        figures->user_count += sh_bitmap_count(sh_table_live(workspace->users));
        figures->item_count += sh_bitmap_count(sh_table_live(workspace->items));
        figures->event_count += sh_event_count(workspace->events);
    }
}

enum sh_status sh_handle_stats(struct sh_call *call, struct sh_error *err) {
    /* `sections` are of the server, which reads them. */
    static const char *const known[] = {"sections"};
    static const struct sh_param_names names = {.names = known, .count = 1};
    struct sh_param params[1];
    const enum sh_status status =
        sh_params_read(call->request->params, call->request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    const struct sh_workspace *workspace = call->workspace;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "workspace");
    if (workspace == NULL) { /* nobody has put a schema yet */
        (void)msgpack_pack_map(&packer, 0);
        return SH_OK;
    }
    uint32_t cursor_count;
    const size_t cursors = cursor_bytes(call->shard, workspace, &cursor_count);
    (void)msgpack_pack_map(&packer, 7);
    sh_pack_uint(&packer, "users", sh_bitmap_count(sh_table_live(workspace->users)));
    sh_pack_uint(&packer, "items", sh_bitmap_count(sh_table_live(workspace->items)));
    sh_pack_uint(&packer, "listed", sh_bitmap_count(&workspace->listed));
    sh_pack_uint(&packer, "events", sh_event_count(workspace->events));
    sh_pack_uint(&packer, "cursors", cursor_count);
    pack_memory(workspace, cursors, &packer);
    pack_feed_memory(workspace, &packer);
    return SH_OK;
}
