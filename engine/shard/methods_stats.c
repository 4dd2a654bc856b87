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

static void pack_number(msgpack_packer *packer, const char *name, uint64_t number) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_uint64(packer, number);
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
    pack_number(packer, "users", users.total);
    pack_number(packer, "ids", users.ids);
    pack_number(packer, "columns", users.columns);
    pack_number(packer, "slices", users.slices);
    pack_number(packer, "value_bitmaps", users.value_bitmaps);
    pack_number(packer, "tag_bitmaps", users.tag_bitmaps);
    pack_number(packer, "tag_lists", users.tag_lists);
    pack_number(packer, "items", items.total);
    pack_number(packer, "events", events);
    pack_number(packer, "kept_windows", kept.bytes);
    pack_number(packer, "feed", feed);
    pack_number(packer, "rfm", rfm);
    pack_number(packer, "referral", referral);
    pack_number(packer, "cursors", cursors);
    pack_number(packer, "total", users.total + items.total + events + kept.bytes + feed + rfm + referral + cursors);
}

/* memory.feed by model. */
static void pack_feed_memory(const struct sh_workspace *workspace, msgpack_packer *packer) {
    const struct sh_feed_memory memory = sh_feed_memory(workspace->feed);
    sh_pack_literal(packer, "feed_memory");
    (void)msgpack_pack_map(packer, 11);
    pack_number(packer, "affinities", memory.affinities);
    pack_number(packer, "popularity", memory.popularity);
    pack_number(packer, "visits", memory.visits);
    pack_number(packer, "liked", memory.liked);
    pack_number(packer, "bought", memory.bought);
    pack_number(packer, "trends", memory.trends);
    pack_number(packer, "trained", memory.trained);
    pack_number(packer, "learner", memory.learner);
    pack_number(packer, "vectors", memory.vectors);
    pack_number(packer, "narrow", memory.narrow);
    pack_number(packer, "scratch", memory.scratch);
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
    pack_number(&packer, "users", sh_bitmap_count(sh_table_live(workspace->users)));
    pack_number(&packer, "items", sh_bitmap_count(sh_table_live(workspace->items)));
    pack_number(&packer, "listed", sh_bitmap_count(&workspace->listed));
    pack_number(&packer, "events", sh_event_count(workspace->events));
    pack_number(&packer, "cursors", cursor_count);
    pack_memory(workspace, cursors, &packer);
    pack_feed_memory(workspace, &packer);
    return SH_OK;
}
