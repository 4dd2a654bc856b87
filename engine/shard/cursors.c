/* cursors.c -- the frozen audiences that are open in a shard.
 *
 * Bounded in number and in bytes. A shard of several often holds a frozen audience that its siblings' answers made
 * unnecessary (all of it was on the first page); it cannot know. Such ones are the first to go when room is needed.
 */
#include "memory.h"
#include "shard_private.h"

size_t sh_cursor_bytes(const struct sh_open_cursor *cursor) {
    return sizeof *cursor + sh_frozen_memory_bytes(&cursor->frozen) + cursor->field_bytes;
}

static void destroy(struct sh_open_cursor *cursor) {
    sh_frozen_deinit(&cursor->frozen);
    sh_free(cursor->field_memory);
    sh_free(cursor);
}

void sh_cursors_close(struct sh_shard *shard, struct sh_open_cursor *cursor) {
    for (uint32_t i = 0; i < shard->cursor_count; i++) {
        if (shard->cursors[i] != cursor) continue;
        shard->cursors[i] = shard->cursors[--shard->cursor_count];
        break;
    }
    struct sh_workspace *workspace = cursor->workspace;
    shard->cursor_bytes -= sh_cursor_bytes(cursor);
    destroy(cursor);
    sh_workspace_update_reuse(shard, workspace);
}

void sh_cursors_close_derived(struct sh_shard *shard, const struct sh_workspace *workspace) {
    for (uint32_t i = shard->cursor_count; i-- > 0;) {
        struct sh_open_cursor *cursor = shard->cursors[i];
        bool has_derived = false;
        for (uint32_t f = 0; cursor->has_fields && f < cursor->fields.count; f++)
            has_derived |= cursor->fields.fields[f].kind == SH_FIELD_DERIVED;
        if (has_derived && cursor->workspace == workspace) sh_cursors_close(shard, cursor);
    }
}

struct sh_open_cursor *sh_cursors_find(struct sh_shard *shard, const struct sh_workspace *workspace, uint64_t id) {
    for (uint32_t i = 0; i < shard->cursor_count; i++) {
        struct sh_open_cursor *cursor = shard->cursors[i];
        if (cursor->id == id && cursor->workspace == workspace) return cursor;
    }
    return NULL;
}

/* The one that has rested longest of those whose every person was on the first page. */
static struct sh_open_cursor *find_unneeded(const struct sh_shard *shard) {
    struct sh_open_cursor *found = NULL;
    for (uint32_t i = 0; i < shard->cursor_count; i++) {
        struct sh_open_cursor *cursor = shard->cursors[i];
        if (!cursor->is_maybe_done) continue;
        if (found == NULL || cursor->used_ms < found->used_ms) found = cursor;
    }
    return found;
}

static enum sh_status make_room(struct sh_shard *shard, size_t byte_count, struct sh_error *err) {
    for (;;) {
        const bool count_fits = shard->cursor_count < SH_CURSOR_COUNT_MAX;
        const bool bytes_fit = shard->cursor_bytes + byte_count <= SH_CURSOR_BYTES_MAX;
        if (count_fits && bytes_fit) return SH_OK;
        struct sh_open_cursor *unneeded = find_unneeded(shard);
        if (unneeded != NULL) {
            sh_cursors_close(shard, unneeded);
            continue;
        }
        if (!count_fits)
            (void)sh_fail(err, SH_ERR_LIMIT, -1, "%u cursors are open, and no more are allowed", shard->cursor_count);
        else
            (void)sh_fail(err, SH_ERR_LIMIT, -1, "open cursors hold %zu bytes, and no more are allowed",
                          shard->cursor_bytes);
        return sh_fail_hint(err, SH_ERR_LIMIT, "read them to their end, or close them with audience.close");
    }
}

/* The fields outlive the request: they and their names are copied, into one piece of memory. */
static bool copy_fields(struct sh_open_cursor *cursor, const struct sh_row_fields *fields) {
    size_t byte_count = fields->count * sizeof *fields->fields;
    for (uint32_t i = 0; i < fields->count; i++)
        byte_count += fields->fields[i].name.count;
    struct sh_row_field *list = sh_alloc(byte_count);
    if (list == NULL) return false;
    char *name = (char *)(list + fields->count);
    for (uint32_t i = 0; i < fields->count; i++) {
        list[i] = fields->fields[i];
        memcpy(name, list[i].name.bytes, list[i].name.count);
        list[i].name.bytes = name;
        name += list[i].name.count;
    }
    cursor->field_memory = list;
    cursor->field_bytes = byte_count;
    cursor->fields = (struct sh_row_fields){list, fields->count};
    cursor->has_fields = true;
    return true;
}

enum sh_status sh_cursors_open(struct sh_shard *shard, const struct sh_cursor_spec *spec, struct sh_frozen *frozen,
                               struct sh_error *err) {
    enum sh_status status = make_room(shard, sh_frozen_memory_bytes(frozen), err);
    if (status != SH_OK) return status;
    if (sh_grow((void **)&shard->cursors, &shard->cursor_capacity, (uint64_t)shard->cursor_count + 1,
                sizeof *shard->cursors) != SH_OK)
        return sh_fail_memory(err);
    struct sh_open_cursor *cursor = sh_alloc_zero(sizeof *cursor);
    if (cursor == NULL) return sh_fail_memory(err);
    cursor->id = spec->id;
    cursor->workspace = spec->workspace;
    cursor->sequence = spec->sequence;
    cursor->gate = spec->gate;
    cursor->is_maybe_done = spec->is_maybe_done;
    cursor->used_ms = shard->now_ms;
    sh_frozen_init(&cursor->frozen);
    if (spec->fields != NULL && !copy_fields(cursor, spec->fields)) {
        destroy(cursor);
        return sh_fail_memory(err);
    }
    cursor->frozen = *frozen;
    sh_frozen_init(frozen);
    shard->cursors[shard->cursor_count++] = cursor;
    shard->cursor_bytes += sh_cursor_bytes(cursor);
    return SH_OK;
}

void sh_cursors_tick(struct sh_shard *shard, int64_t now_ms) {
    for (uint32_t i = 0; i < shard->cursor_count;) {
        struct sh_open_cursor *cursor = shard->cursors[i];
        if (now_ms - cursor->used_ms >= SH_CURSOR_IDLE_MS_MAX)
            sh_cursors_close(shard, cursor); /* another takes its place in the list */
        else
            i++;
    }
}

void sh_cursors_deinit(struct sh_shard *shard) {
    for (uint32_t i = 0; i < shard->cursor_count; i++)
        destroy(shard->cursors[i]);
    sh_free(shard->cursors);
    shard->cursors = NULL;
    shard->cursor_count = 0;
}
