/* methods_segment.c -- segment.put, get, remove and of_user. segment.list, which counts, is in segment_list.c. */
#include <stdlib.h>

#include "memory.h"
#include "segment_cache.h"

/* ---- put ---- */

static enum sh_status check_version(const struct sh_param *param, const struct sh_segment *known,
                                    struct sh_error *err) {
    const uint32_t in_force = known == NULL ? 0 : sh_segment_in_force(known)->number;
    int64_t wanted = in_force;
    const enum sh_status status = sh_param_integer(param, "if_version", 0, UINT32_MAX, &wanted, err);
    if (status != SH_OK || wanted == (int64_t)in_force) return status;
    return sh_fail(err, SH_ERR_CONFLICT, -1, "the segment is at version %u, not %lld", in_force, (long long)wanted);
}

/* The expression as a tree and as its canonical text, both as it was written: not bound, nothing put in. */
static enum sh_status read_where(struct sh_call *call, const struct sh_param *param, struct sh_node **tree,
                                 struct sh_text *text, struct sh_error *err) {
    struct sh_buffer *scratch = &call->shard->scratch;
    struct sh_cursor cursor;
    enum sh_status status;
    if ((status = sh_param_require(param, "where", err)) != SH_OK) return status;
    sh_param_cursor(param, &cursor);
    if ((status = sh_query_read(&cursor, call->arena, tree, err)) != SH_OK) return status;
    sh_buffer_clear(scratch);
    sh_query_print(*tree, scratch);
    if ((status = sh_buffer_status(scratch, err)) != SH_OK) return status;
    if (scratch->count > SH_EXPRESSION_BYTES_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "the expression needs more than %d bytes in canonical form",
                       SH_EXPRESSION_BYTES_MAX);
    *text = (struct sh_text){(const char *)scratch->bytes, (uint32_t)scratch->count};
    return SH_OK;
}

enum sh_status sh_handle_segment_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name", "where", "note", "if_version"};
    struct sh_catalogue *segments = &call->workspace->segments;
    struct sh_param params[4];
    struct sh_segment_put put = {.now_ms = call->request->now_ms};
    struct sh_query_scope scope;
    struct sh_node *tree;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 4, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &put.name, err)) != SH_OK) return status;
    if (put.name.count == 0 || put.name.count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(put.name))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "a segment's name is 1 to %d bytes of UTF-8", SH_NAME_BYTES_MAX);
    if ((status = sh_param_text(&params[2], "note", &put.note, err)) != SH_OK) return status;
    put.has_note = sh_param_given(&params[2]);
    if (put.note.count > SH_NOTE_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a note has at most %d bytes", SH_NOTE_BYTES_MAX);
    if ((status = check_version(&params[3], sh_catalogue_find(segments, put.name), err)) != SH_OK) return status;
    if ((status = read_where(call, &params[1], &tree, &put.text, err)) != SH_OK) return status;
    put.tree = tree;
    sh_workspace_scope(call->workspace, false, put.now_ms, &scope);
    bool changed;
    status = sh_scores_check_segment(call->workspace->scores, put.name, tree, &scope, call->arena, err);
    if (status != SH_OK) return status;
    if ((status = sh_catalogue_put(segments, &put, &scope, call->arena, &changed, err)) != SH_OK) return status;
    const struct sh_segment *segment = sh_catalogue_find(segments, put.name);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 2);
    sh_pack_literal(&packer, "version");
    (void)msgpack_pack_uint32(&packer, sh_segment_in_force(segment)->number);
    sh_pack_bool(&packer, "changed", changed);
    return SH_OK;
}

/* ---- get ---- */

static void pack_version(const struct sh_segment_version *version, msgpack_packer *packer) {
    sh_pack_literal(packer, "version");
    (void)msgpack_pack_uint32(packer, version->number);
    sh_pack_literal(packer, "where");
    sh_pack_text(packer, version->text);
    sh_pack_literal(packer, "changed_at");
    (void)msgpack_pack_int64(packer, version->changed_ms);
}

static bool is_using(const struct sh_segment *user, const struct sh_segment *used) {
    for (uint32_t i = 0; i < user->use_count; i++) {
        if (user->uses[i] == used) return true;
    }
    return false;
}

/* Names of the segments for which the relation holds, ascending as the list is. */
static void pack_related(const struct sh_catalogue *segments, const struct sh_segment *segment, bool users,
                         msgpack_packer *packer) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < segments->count; i++) {
        const struct sh_segment *other = segments->list[i];
        count += users ? is_using(other, segment) : is_using(segment, other);
    }
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < segments->count; i++) {
        const struct sh_segment *other = segments->list[i];
        if (users ? is_using(other, segment) : is_using(segment, other)) sh_pack_text(packer, other->name);
    }
}

enum sh_status sh_handle_segment_get(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    const struct sh_catalogue *segments = &call->workspace->segments;
    struct sh_param params[1];
    struct sh_text name = {0};
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &name, err)) != SH_OK) return status;
    const struct sh_segment *segment = sh_catalogue_find(segments, name);
    if (segment == NULL) return sh_catalogue_fail_unknown(segments, name, err);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 7u + (segment->note.count > 0));
    sh_pack_literal(&packer, "name");
    sh_pack_text(&packer, segment->name);
    if (segment->note.count > 0) {
        sh_pack_literal(&packer, "note");
        sh_pack_text(&packer, segment->note);
    }
    pack_version(sh_segment_in_force(segment), &packer);
    sh_pack_literal(&packer, "uses");
    pack_related(segments, segment, false, &packer);
    sh_pack_literal(&packer, "used_by");
    pack_related(segments, segment, true, &packer);
    sh_pack_literal(&packer, "earlier");
    (void)msgpack_pack_array(&packer, segment->version_count - 1);
    for (uint32_t i = segment->version_count - 1; i > 0; i--) { /* newest first */
        (void)msgpack_pack_map(&packer, 3);
        pack_version(&segment->versions[i - 1], &packer);
    }
    return SH_OK;
}

/* ---- remove ---- */

enum sh_status sh_handle_segment_remove(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    struct sh_text name = {0};
    bool removed;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = sh_param_needed_text(&params[0], "name", &name, err)) != SH_OK) return status;
    const struct sh_score *score;
    if ((status = sh_scores_find_user(call->workspace->scores, name, call->arena, &score, err)) != SH_OK) return status;
    if (score != NULL)
        return sh_fail(err, SH_ERR_CONFLICT, -1, "the scoring plan '%.*s' uses it", SH_TEXT_ARGS(score->name));
    if ((status = sh_catalogue_remove(&call->workspace->segments, name, &removed, err)) != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "removed", removed);
    return SH_OK;
}

/* ---- of_user ---- */

struct of_user {
    struct sh_call *call;
    struct sh_query_scope scope;
    uint32_t slot;
    struct sh_segment **list; /* those asked about, in ascending order of names */
    bool *is_in;
    uint32_t count;
};

static int compare_names(const void *left, const void *right) {
    return sh_text_compare((*(struct sh_segment *const *)left)->name, (*(struct sh_segment *const *)right)->name);
}

/* All segments, or those named; a name that stands twice is answered once. */
static enum sh_status choose(struct of_user *of, const struct sh_param *names, struct sh_error *err) {
    const struct sh_catalogue *segments = &of->call->workspace->segments;
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(names, "names", SH_SEGMENT_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    if (!sh_param_given(names)) count = segments->count;
    of->list = sh_arena_alloc(of->call->arena, ((size_t)count + 1) * sizeof(struct sh_segment *));
    of->is_in = sh_arena_alloc_zero(of->call->arena, (size_t)count + 1);
    if (of->list == NULL || of->is_in == NULL) return sh_fail_memory(err);
    of->count = count;
    if (!sh_param_given(names)) {
        if (count > 0) memcpy(of->list, segments->list, count * sizeof(struct sh_segment *));
        return SH_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct sh_text name;
        if ((status = sh_cursor_text(&cursor, &name, "a name in `names`", err)) != SH_OK) return status;
        of->list[i] = sh_catalogue_find(segments, name);
        if (of->list[i] == NULL) return sh_catalogue_fail_unknown(segments, name, err);
    }
    if (count < 2) return SH_OK;
    qsort(of->list, of->count, sizeof(struct sh_segment *), compare_names);
    uint32_t kept = 1;
    for (uint32_t i = 1; i < of->count; i++) {
        if (of->list[i] != of->list[kept - 1]) of->list[kept++] = of->list[i];
    }
    of->count = kept;
    return SH_OK;
}

static enum sh_status test_all(struct of_user *of, uint32_t *in_count, struct sh_error *err) {
    struct sh_workspace *workspace = of->call->workspace;
    *in_count = 0;
    sh_segment_cache_refresh(workspace);
    for (uint32_t i = 0; i < of->count; i++) {
        struct sh_plan *plan;
        enum sh_status status = sh_segment_plan(workspace, of->list[i], &of->scope, of->call->arena, &plan, err);
        if (status == SH_OK) status = sh_plan_test(plan, of->slot, &of->is_in[i], err);
        if (status != SH_OK) return status;
        *in_count += of->is_in[i];
    }
    return SH_OK;
}

enum sh_status sh_handle_segment_of_user(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"user", "names", "now"};
    struct sh_param params[3];
    struct of_user of = {.call = call};
    struct sh_id_reader user;
    struct sh_cursor cursor;
    int64_t now_ms;
    uint32_t in_count;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 3, params, err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[0], "user", err)) != SH_OK) return status;
    sh_param_cursor(&params[0], &cursor);
    if ((status = sh_id_read(&user, &cursor, "`user`", err)) != SH_OK) return status;
    if ((status = sh_read_now(&params[2], call, &now_ms, err)) != SH_OK) return status;
    if ((status = choose(&of, &params[1], err)) != SH_OK) return status;
    of.slot = sh_workspace_find_user(call->workspace, user.text);
    if (of.slot == SH_SLOT_NONE)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no user `%.*s`", SH_TEXT_ARGS(user.text));
    sh_workspace_scope(call->workspace, false, now_ms, &of.scope);
    of.scope.hidden = NULL; /* what is saved may be used by all */
    if ((status = test_all(&of, &in_count, err)) != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "segments");
    (void)msgpack_pack_array(&packer, in_count);
    for (uint32_t i = 0; i < of.count; i++) {
        if (of.is_in[i]) sh_pack_text(&packer, of.list[i]->name);
    }
    return SH_OK;
}
