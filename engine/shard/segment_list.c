/* segment_list.c -- segment.list: the saved segments, each with how many users it has.
 *
 *   entry: name, text, version --> kept count still true? --> take it
 *                                        '--> evaluate, block by block --> keep it for the next who asks
 *
 * A count that was kept is true if nothing was written since, and either nothing in the expression depends on time or
 * the question is about the same moment. A caller that is content with less says how old a count may be (max_age_ms).
 * Segments may change while the list is counted: each entry is answered as it was when the question came.
 */
#include "job.h"
#include "memory.h"
#include "segment_cache.h"

struct entry {
    struct sh_text name; /* copies in the job's arena */
    struct sh_text note;
    struct sh_text text;
    uint32_t version;
    int64_t changed_ms;
    uint64_t count;
    int64_t counted_ms;
    bool is_counted;
    bool is_timeless;
    const char *problem; /* why it cannot be counted; NULL: none */
};

struct list {
    struct entry *entries;
    uint32_t entry_count;
    uint32_t place; /* entries before it are done */
    bool with_counts;
    int64_t max_age_ms;
    uint64_t catalogue;
    /* of the entry at hand */
    struct sh_arena arena;
    struct sh_plan *plan; /* NULL: not begun */
    uint32_t block;
    uint64_t write_version;
};

/* ---- Kept counts ---- */

static void take_kept(const struct list *list, const struct sh_job *job, const struct sh_segment *segment,
                      struct entry *entry) {
    const struct sh_segment_count *kept = &segment->counted;
    const int64_t now_ms = job->scope.now_ms;
    if (!kept->is_known || kept->version != entry->version || kept->catalogue != list->catalogue) return;
    const bool is_true =
        kept->write_version == job->workspace->write_version && (kept->is_timeless || kept->now_ms == now_ms);
    if (!is_true && (kept->now_ms > now_ms || now_ms - kept->now_ms > list->max_age_ms)) return;
    if (!is_true && list->max_age_ms == 0) return;
    entry->is_counted = true;
    entry->count = kept->count;
    entry->counted_ms = is_true ? now_ms : kept->now_ms;
}

static void keep(const struct sh_job *job, const struct list *list, const struct entry *entry) {
    struct sh_catalogue *segments = &job->workspace->segments;
    struct sh_segment *segment = sh_catalogue_find(segments, entry->name);
    if (segment == NULL || segments->version != list->catalogue) return;
    if (segment->counted.is_known && segment->counted.now_ms > entry->counted_ms) return; /* somebody asked later */
    segment->counted = (struct sh_segment_count){.is_known = true,
                                                 .is_timeless = entry->is_timeless,
                                                 .count = entry->count,
                                                 .now_ms = entry->counted_ms,
                                                 .write_version = list->write_version,
                                                 .version = entry->version,
                                                 .catalogue = list->catalogue};
}

/* ---- Counting ---- */

static enum sh_status begin_entry(struct sh_job *job, struct list *list, struct entry *entry, struct sh_error *err) {
    struct sh_node *tree;
    enum sh_status status;
    list->block = 0;
    list->write_version = job->workspace->write_version;
    if ((status = sh_query_parse(entry->text, &list->arena, &tree, err)) != SH_OK) return status;
    if ((status = sh_query_check(&tree, &job->scope, &list->arena, err)) != SH_OK) return status;
    entry->is_timeless = sh_query_is_timeless(tree) && !sh_table_any_ends(job->workspace->users);
    return sh_query_plan(tree, &job->scope, &list->arena, &list->plan, err);
}

static void end_entry(struct sh_job *job, struct list *list, struct entry *entry) {
    entry->is_counted = true;
    entry->counted_ms = job->scope.now_ms;
    keep(job, list, entry);
    list->plan = NULL;
    list->place++;
    sh_arena_reset(&list->arena);
}

/* A segment that was changed or removed while the list was counted may have pulled another one from under this entry,
 * and a sum may overflow: told at its place, the others are counted all the same. */
static enum sh_status note_problem(struct sh_job *job, struct list *list, struct entry *entry,
                                   const struct sh_error *fault, struct sh_error *err) {
    if (fault->status == SH_ERR_MEMORY) return sh_fail_memory(err);
    const char *words = sh_arena_copy(&job->arena, fault->message, strlen(fault->message) + 1);
    if (words == NULL) return sh_fail_memory(err);
    entry->problem = words;
    list->plan = NULL;
    list->place++;
    sh_arena_reset(&list->arena);
    return SH_OK;
}

/* Some blocks of one entry; *left is what remains of the step. */
static enum sh_status count_some(struct sh_job *job, struct list *list, struct entry *entry, uint32_t *left,
                                 struct sh_error *fault) {
    enum sh_status status = SH_OK;
    if (list->plan == NULL) {
        status = begin_entry(job, list, entry, fault);
        if (status != SH_OK) return status;
        entry->count = 0;
        if (sh_plan_count_kept(list->plan, &entry->count)) {
            end_entry(job, list, entry);
            return SH_OK;
        }
    }
    while (list->block < sh_plan_block_count(list->plan) && *left > 0) {
        const uint64_t *words;
        uint32_t count;
        status = sh_plan_run_block(list->plan, list->block++, &words, &count, fault);
        if (status != SH_OK) return status;
        entry->count += count;
        --*left;
    }
    if (list->block >= sh_plan_block_count(list->plan)) end_entry(job, list, entry);
    return SH_OK;
}

static enum sh_status step(struct sh_job *job, uint32_t block_count, bool *done, struct sh_error *err) {
    struct list *list = job->state;
    uint32_t left = block_count;
    while (list->place < list->entry_count && left > 0) {
        struct entry *entry = &list->entries[list->place];
        struct sh_error fault = {.status = SH_OK};
        if (!list->with_counts || entry->is_counted) {
            list->place++;
            continue;
        }
        if (list->plan == NULL) left--; /* planning is work too */
        enum sh_status status = count_some(job, list, entry, &left, &fault);
        if (status != SH_OK) status = note_problem(job, list, entry, &fault, err);
        if (status != SH_OK) return status;
    }
    *done = list->place == list->entry_count;
    return SH_OK;
}

/* ---- The answer ---- */

static enum sh_status answer(struct sh_job *job, struct sh_error *err) {
    (void)err;
    const struct list *list = job->state;
    msgpack_packer packer;
    sh_buffer_packer(job->answer.body, &packer);
    (void)msgpack_pack_map(&packer, 3); /* and took_us */
    sh_pack_literal(&packer, "total");
    (void)msgpack_pack_uint64(&packer, sh_bitmap_count(sh_table_live(job->workspace->users)));
    sh_pack_literal(&packer, "segments");
    (void)msgpack_pack_array(&packer, list->entry_count);
    for (uint32_t i = 0; i < list->entry_count; i++) {
        const struct entry *entry = &list->entries[i];
        (void)msgpack_pack_map(&packer,
                               4u + (entry->note.count > 0) + 2 * entry->is_counted + (entry->problem != NULL));
        sh_pack_literal(&packer, "name");
        sh_pack_text(&packer, entry->name);
        sh_pack_literal(&packer, "version");
        (void)msgpack_pack_uint32(&packer, entry->version);
        sh_pack_literal(&packer, "where");
        sh_pack_text(&packer, entry->text);
        sh_pack_literal(&packer, "changed_at");
        (void)msgpack_pack_int64(&packer, entry->changed_ms);
        if (entry->note.count > 0) {
            sh_pack_literal(&packer, "note");
            sh_pack_text(&packer, entry->note);
        }
        if (entry->is_counted) {
            sh_pack_literal(&packer, "count");
            (void)msgpack_pack_uint64(&packer, entry->count);
            sh_pack_literal(&packer, "counted_at");
            (void)msgpack_pack_int64(&packer, entry->counted_ms);
        }
        if (entry->problem != NULL) {
            sh_pack_literal(&packer, "problem");
            sh_pack_literal(&packer, entry->problem);
        }
    }
    return SH_OK;
}

static void release(struct sh_job *job) {
    struct list *list = job->state;
    if (list != NULL) sh_arena_deinit(&list->arena);
}

/* ---- The question ---- */

static bool copy_text(struct sh_arena *arena, struct sh_text text, struct sh_text *copy) {
    char *bytes = sh_arena_alloc(arena, (size_t)text.count + 1);
    if (bytes == NULL) return false;
    if (text.count > 0) memcpy(bytes, text.bytes, text.count);
    *copy = (struct sh_text){bytes, text.count};
    return true;
}

static enum sh_status add_entry(struct sh_job *job, struct list *list, const struct sh_segment *segment,
                                struct sh_error *err) {
    struct entry *entry = &list->entries[list->entry_count++];
    const struct sh_segment_version *version = sh_segment_in_force(segment);
    *entry = (struct entry){.version = version->number, .changed_ms = version->changed_ms};
    if (!copy_text(&job->arena, segment->name, &entry->name) || !copy_text(&job->arena, segment->note, &entry->note) ||
        !copy_text(&job->arena, version->text, &entry->text))
        return sh_fail_memory(err);
    if (list->with_counts) take_kept(list, job, segment, entry);
    return SH_OK;
}

static enum sh_status add_entries(struct sh_job *job, struct list *list, const struct sh_param *names,
                                  struct sh_error *err) {
    const struct sh_catalogue *segments = &job->workspace->segments;
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(names, "names", SH_SEGMENT_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    if (!sh_param_given(names)) count = segments->count;
    list->entries = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof *list->entries);
    if (list->entries == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        const struct sh_segment *segment = NULL;
        struct sh_text name;
        if (!sh_param_given(names)) {
            segment = segments->list[i];
        } else {
            if ((status = sh_cursor_text(&cursor, &name, "a name in `names`", err)) != SH_OK) return status;
            segment = sh_catalogue_find(segments, name);
            if (segment == NULL) return sh_catalogue_fail_unknown(segments, name, err);
        }
        status = add_entry(job, list, segment, err);
    }
    return status;
}

static enum sh_status read_list(struct sh_call *call, struct sh_job *job, struct sh_error *err) {
    static const char *const words[] = {"names", "counts", "max_age_ms", "now"};
    static const struct sh_param_names names = {words, 4, 0};
    struct sh_param params[4];
    int64_t now_ms;
    enum sh_status status;
    struct list *list = sh_arena_alloc_zero(&job->arena, sizeof *list);
    if (list == NULL) return sh_fail_memory(err);
    sh_arena_init(&list->arena, SH_REQUEST_ARENA_BYTES_MAX);
    list->with_counts = true;
    list->catalogue = job->workspace->segments.version;
    job->state = list;
    status = sh_params_read(call->request->params, call->request->params_count, &names, params, NULL, err);
    if (status != SH_OK) return status;
    if ((status = sh_param_boolean(&params[1], "counts", &list->with_counts, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[2], "max_age_ms", 0, INT64_MAX, &list->max_age_ms, err)) != SH_OK)
        return status;
    if ((status = sh_read_now(&params[3], call, &now_ms, err)) != SH_OK) return status;
    sh_workspace_scope(call->workspace, false, now_ms, &job->scope);
    job->scope.hidden = NULL; /* what is saved may be used by all */
    return add_entries(job, list, &params[0], err);
}

enum sh_status sh_handle_segment_list(struct sh_call *call, struct sh_error *err) {
    static const struct sh_job_work work = {.step = step, .answer = answer, .release = release};
    struct sh_job *job;
    enum sh_status status = sh_job_create(call, &job, err);
    if (status != SH_OK) return status;
    job->work = &work;
    status = read_list(call, job, err);
    if (status == SH_OK) return sh_job_begin(call, job, err);
    sh_job_release(job);
    return status;
}
