/* shard_archive.c -- a whole shard as a section of an archive.
 *
 *   section shard 1
 *     u32 shard_index, u32 shard_count, i64 now_ms, u32 count of workspaces, then for each
 *     section workspace 1
 *       name, name of the zone, i64 clock_ms, u64 sequence, u64 write_version
 *       u8 has_eligible; if so its text
 *       u32 count of held users, their ids
 *       the table of users, the table of items, the bitmap of listed items
 *       sections events, feed, rfm, referral, segments, rules, aliases, scores, trees, privacy, contact, scenes, receipts (an older
 *       archive has none)
 *     section repeats
 *
 * Left out: cursors and jobs, which belong to connections, and what is only remembered to be quick (plans of segments,
 * arenas, places of rows). Since no reader is left after a load, slots of the forgotten are free at once.
 */
#include "memory.h"
#include "shard_private.h"

enum { SHARD_VERSION = 1, WORKSPACE_VERSION = 1 };

/* ---- Saving ---- */

static void save_workspace(const struct sh_workspace *workspace, struct sh_archive_writer *writer) {
    sh_archive_begin(writer, "workspace", WORKSPACE_VERSION);
    sh_archive_put_text(writer, (struct sh_text){workspace->name, workspace->name_count});
    sh_archive_put_text(writer, sh_zone_name(workspace->zone));
    sh_archive_put_i64(writer, workspace->clock_ms);
    sh_archive_put_u64(writer, workspace->sequence);
    sh_archive_put_u64(writer, workspace->write_version);
    sh_archive_put_u8(writer, workspace->eligible != NULL);
    if (workspace->eligible != NULL)
        sh_archive_put_text(writer, (struct sh_text){workspace->eligible, workspace->eligible_count});
    sh_archive_put_u32(writer, workspace->held_count);
    for (uint32_t i = 0; i < workspace->held_count; i++)
        sh_archive_put_text(writer, (struct sh_text){workspace->held[i].bytes, workspace->held[i].count});
    sh_table_save(workspace->users, writer);
    sh_table_save(workspace->items, writer);
    sh_bitmap_save(&workspace->listed, writer);
    sh_event_store_save(workspace->events, writer);
    sh_feed_save(workspace->feed, writer);
    sh_rfm_save(workspace->rfm, writer);
    sh_referral_save(workspace->referral, writer);
    sh_catalogue_save(&workspace->segments, writer);
    sh_rules_save(&workspace->rules, writer);
    sh_aliases_save(&workspace->aliases, writer);
    sh_scores_save(workspace->scores, writer);
    sh_hierarchies_save(&workspace->trees, writer);
    if (workspace->privacy.hidden.count > 0) sh_privacy_save(&workspace->privacy, writer);
    if (workspace->contact.count > 0 || workspace->contact.is_required) sh_contact_save(&workspace->contact, writer);
    sh_scenes_save(&workspace->scenes, writer);
    if (workspace->receipts.count > 0) sh_receipts_save(&workspace->receipts, writer);
    sh_archive_end(writer);
}

enum sh_status sh_shard_save(const struct sh_shard *shard, struct sh_archive_writer *writer, struct sh_error *err) {
    sh_archive_begin(writer, "shard", SHARD_VERSION);
    sh_archive_put_u32(writer, shard->options.shard_index);
    sh_archive_put_u32(writer, shard->options.shard_count);
    sh_archive_put_i64(writer, shard->now_ms);
    sh_archive_put_u32(writer, shard->workspace_count);
    for (uint32_t i = 0; i < shard->workspace_count; i++)
        save_workspace(shard->workspaces[i], writer);
    sh_repeats_save(&shard->repeats, writer);
    sh_archive_end(writer);
    if (sh_archive_writer_failed(writer) && err != NULL) *err = writer->error;
    return writer->error.status;
}

/* ---- Loading ---- */

static bool is_clock(int64_t time_ms) {
    return time_ms >= SH_INSTANT_MIN && time_ms <= SH_INSTANT_MAX;
}

static bool begin_workspace(struct sh_shard *shard, struct sh_archive_reader *reader, struct sh_workspace **workspace) {
    struct sh_error err;
    const struct sh_text name = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a workspace");
    const struct sh_text zone = sh_archive_get_text(reader, SH_NAME_BYTES_MAX, "the name of a time zone");
    if (!sh_archive_failed(reader)) {
        const enum sh_status status = sh_workspace_find(shard, name) != NULL
                                          ? sh_fail(&err, SH_ERR_CONFLICT, -1, "a workspace is there twice")
                                          : sh_workspace_begin(shard, name, zone, workspace, &err);
        if (status == SH_ERR_MEMORY) (void)sh_archive_refuse_memory(reader);
        if (status != SH_OK) (void)sh_archive_refuse(reader, "%s", err.message);
    }
    sh_free((char *)(uintptr_t)name.bytes);
    sh_free((char *)(uintptr_t)zone.bytes);
    return !sh_archive_failed(reader);
}

/* Users between the rounds of a merge. */
static void load_held(struct sh_workspace *workspace, struct sh_archive_reader *reader) {
    const uint32_t count = sh_archive_get_count(reader, SH_HELD_COUNT_MAX, sizeof(uint32_t) + 1, "users held");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++) {
        struct sh_error err;
        const struct sh_text id = sh_archive_get_text(reader, SH_ID_BYTES_MAX, "the id of a user held");
        enum sh_status status = sh_archive_status(reader, &err);
        if (status == SH_OK) status = sh_id_check(id, &err);
        if (status == SH_OK) status = sh_workspace_hold(workspace, id, &err);
        if (status != SH_OK) (void)sh_archive_refuse(reader, "%s", err.message);
        sh_free((char *)(uintptr_t)id.bytes);
    }
}

static void load_rows(struct sh_workspace *workspace, struct sh_archive_reader *reader) {
    if (sh_table_load(&workspace->users, reader) != SH_OK) return;
    if (sh_table_load(&workspace->items, reader) != SH_OK) return;
    if (sh_bitmap_load(&workspace->listed, reader) != SH_OK) return;
    if (!sh_bitmap_is_subset(&workspace->listed, sh_table_live(workspace->items)))
        (void)sh_archive_refuse(reader, "an item is listed that is not there");
}

static void load_stores(struct sh_workspace *workspace, struct sh_archive_reader *reader) {
    const struct sh_event_bounds bounds = {.users = sh_table_live(workspace->users),
                                           .item_end = sh_table_slot_end(workspace->items)};
    if (sh_event_store_load(workspace->zone, &bounds, reader, &workspace->events) != SH_OK) return;
    if (!sh_workspace_make_kept(workspace)) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    const struct sh_feed_scope scope = {
        .users = workspace->users, .items = workspace->items, .events = workspace->events};
    if (sh_feed_load(&scope, reader, &workspace->feed) != SH_OK) return;
    if (sh_rfm_load(workspace->events, reader, &workspace->rfm) != SH_OK) return;
    workspace->referral = sh_referral_create(workspace->users, sh_rfm_derived(workspace->rfm));
    if (workspace->referral == NULL) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    if (sh_referral_load(workspace->referral, reader) != SH_OK) return;
    if (sh_catalogue_load(&workspace->segments, reader) != SH_OK) return;
    const struct sh_rules_scope rules_scope = {.users = workspace->users, .events = workspace->events};
    if (sh_rules_load(&workspace->rules, &rules_scope, reader) != SH_OK) return;
    if (sh_aliases_load(&workspace->aliases, reader) != SH_OK) return;
    if (!sh_workspace_make_scores(workspace)) {
        (void)sh_archive_refuse_memory(reader);
        return;
    }
    /* older archives have neither */
    if (sh_archive_comes(reader, "scores") && sh_scores_load(workspace->scores, reader) != SH_OK) return;
    if (sh_archive_comes(reader, "trees") && sh_hierarchies_load(&workspace->trees, reader) != SH_OK) return;
    if (sh_archive_comes(reader, "privacy") && /* where something is personal */
        sh_privacy_load(&workspace->privacy, workspace->users, reader) != SH_OK)
        return;
    if (sh_archive_comes(reader, "contact") && /* where people are written to for a purpose */
        sh_contact_load(&workspace->contact, workspace->users, reader) != SH_OK)
        return;
    if (sh_archive_comes(reader, "scenes") && sh_scenes_load(&workspace->scenes, reader) != SH_OK) return;
    if (sh_archive_comes(reader, "receipts") && sh_receipts_load(&workspace->receipts, reader) != SH_OK) return;
}

static void load_workspace(struct sh_shard *shard, struct sh_archive_reader *reader) {
    struct sh_workspace *workspace;
    if (sh_archive_enter(reader, "workspace", WORKSPACE_VERSION) == 0) return;
    if (!begin_workspace(shard, reader, &workspace)) return;
    workspace->clock_ms = sh_archive_get_i64(reader);
    workspace->sequence = sh_archive_get_u64(reader);
    workspace->write_version = sh_archive_get_u64(reader);
    if (!is_clock(workspace->clock_ms)) (void)sh_archive_refuse(reader, "the clock is outside the years 1 to 9999");
    if (sh_archive_get_bool(reader)) {
        const struct sh_text eligible = sh_archive_get_text(reader, SH_EXPRESSION_BYTES_MAX, "the feed's expression");
        workspace->eligible = (char *)(uintptr_t)eligible.bytes;
        workspace->eligible_count = eligible.count;
        if (!sh_text_is_utf8(eligible)) (void)sh_archive_refuse(reader, "the feed's expression is not UTF-8");
    }
    load_held(workspace, reader);
    if (!sh_archive_failed(reader)) load_rows(workspace, reader);
    if (!sh_archive_failed(reader)) load_stores(workspace, reader);
    sh_archive_leave(reader);
    if (!sh_archive_failed(reader)) sh_workspace_update_reuse(shard, workspace);
}

static void load_all(struct sh_shard *shard, struct sh_archive_reader *reader) {
    shard->now_ms = sh_archive_get_i64(reader);
    if (!is_clock(shard->now_ms)) (void)sh_archive_refuse(reader, "the clock is outside the years 1 to 9999");
    const uint32_t count =
        sh_archive_get_count(reader, SH_WORKSPACE_COUNT_MAX, sizeof(struct sh_archive_frame), "workspaces");
    for (uint32_t i = 0; i < count && !sh_archive_failed(reader); i++)
        load_workspace(shard, reader);
    if (!sh_archive_failed(reader) && sh_repeats_load(&shard->repeats, reader) != SH_OK) return;
    sh_archive_leave(reader);
}

enum sh_status sh_shard_load(const struct sh_shard_options *options, struct sh_archive_reader *reader,
                             struct sh_shard **loaded, struct sh_error *err) {
    *loaded = NULL;
    struct sh_shard *shard;
    if (sh_archive_enter(reader, "shard", SHARD_VERSION) == 0) return sh_archive_status(reader, err);
    const uint32_t shard_index = sh_archive_get_u32(reader);
    const uint32_t shard_count = sh_archive_get_u32(reader);
    enum sh_status status = sh_archive_status(reader, err);
    if (status != SH_OK) return status;
    if (shard_index != options->shard_index || shard_count != options->shard_count)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "this is shard %u of %u, not shard %u of %u", shard_index, shard_count,
                       options->shard_index, options->shard_count);
    if ((status = sh_shard_create(options, &shard, err)) != SH_OK) return status;
    load_all(shard, reader);
    if ((status = sh_archive_status(reader, err)) == SH_OK) {
        *loaded = shard;
        return SH_OK;
    }
    sh_shard_destroy(shard);
    return status;
}
