/* methods_audience.c -- audience.count, list, sample, ask, close. */
#include "audience_pack.h"
#include "hash.h"
#include "job.h"
#include "memory.h"
#include "page_token.h"
#include "part_answer.h"

/* ---- What is asked for ---- */

/* The keys of a list and of a sample, alone or inside audience.ask. */
struct list_params {
    const struct sh_param *limit, *fields, *order, *desc, *keep;
};
struct sample_params {
    const struct sh_param *count, *seed, *fields;
};

static enum sh_status read_fields(struct sh_job *job, const struct sh_param *param, struct sh_row_fields *fields,
                                  bool *has_fields, struct sh_error *err) {
    *has_fields = sh_param_given(param);
    if (!*has_fields) return SH_OK;
    struct sh_cursor cursor;
    sh_param_cursor(param, &cursor);
    const struct sh_row_source source = {job->scope.table, job->scope.derived, job->scope.now_ms, job->scope.hidden};
    return sh_row_fields_read(&cursor, &source, &job->arena, fields, err);
}

static enum sh_status read_list(struct sh_job *job, const struct list_params *params, struct sh_error *err) {
    struct sh_audience_spec *spec = &job->spec;
    int64_t limit = SH_LIST_LIMIT_DEFAULT;
    bool descending = false;
    struct sh_text order = {0};
    enum sh_status status;
    if ((status = sh_param_integer(params->limit, "limit", 0, SH_LIST_LIMIT_MAX, &limit, err)) != SH_OK) return status;
    if ((status = sh_param_boolean(params->desc, "desc", &descending, err)) != SH_OK) return status;
    if ((status = sh_param_boolean(params->keep, "keep", &spec->freeze, err)) != SH_OK) return status;
    if ((status = sh_param_text(params->order, "order", &order, err)) != SH_OK) return status;
    if ((status = sh_hidden_check(job->scope.hidden, order, -1, err)) != SH_OK) return status;
    if (!sh_param_given(params->order) && descending) return sh_fail(err, SH_ERR_ARGUMENT, -1, "`desc` needs `order`");
    if (sh_param_given(params->order) &&
        !sh_order_find_derived(job->scope.table, job->scope.derived, job->scope.now_ms, order, descending,
                               &spec->order) &&
        (status = sh_order_find(job->workspace->users, order, descending, &spec->order, err)) != SH_OK)
        return status;
    spec->list = true;
    spec->list_limit = (uint32_t)limit;
    spec->keep_keys = sh_answer_is_part(job->shard);
    return read_fields(job, params->fields, &job->list_fields, &job->has_list_fields, err);
}

static enum sh_status read_sample(struct sh_job *job, const struct sample_params *params, struct sh_error *err) {
    int64_t count = 0;
    enum sh_status status;
    if ((status = sh_param_require(params->count, "count", err)) != SH_OK) return status;
    if ((status = sh_param_integer(params->count, "count", 0, SH_LIST_LIMIT_MAX, &count, err)) != SH_OK) return status;
    struct sh_id_reader seed = {.text = {"", 0}};
    if (sh_param_given(params->seed)) {
        struct sh_cursor cursor;
        sh_param_cursor(params->seed, &cursor);
        if ((status = sh_id_read(&seed, &cursor, "`seed`", err)) != SH_OK) return status;
    }
    job->spec.sample = true;
    job->spec.sample_count = (uint32_t)count;
    job->spec.sample_seed = sh_hash_text(seed.text);
    return read_fields(job, params->fields, &job->sample_fields, &job->has_sample_fields, err);
}

/* `now` and `timeout_ms` of every question, which stand side by side: before anything that names what depends on them.
 */
static enum sh_status read_moment(struct sh_call *call, struct sh_job *job, const struct sh_param *params,
                                  struct sh_error *err) {
    return sh_job_read_now(job, call, &params[0], &params[1], err);
}

/* `where` of every question. */
static enum sh_status read_question(struct sh_job *job, const struct sh_param *where, struct sh_error *err) {
    const enum sh_status status = sh_param_require(where, "where", err);
    if (status != SH_OK) return status;
    return sh_plan_param(where, &job->scope, &job->arena, &job->tree, &job->plan, err);
}

/* Make a job of what was read, or give it back. */
static enum sh_status begin(struct sh_call *call, struct sh_job *job, enum sh_status status, struct sh_error *err) {
    if (status == SH_OK) return sh_job_begin(call, job, err);
    sh_job_release(job);
    return status;
}

/* ---- count ---- */

enum sh_status sh_handle_audience_count(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"where", "now", "timeout_ms", "for"};
    struct sh_param params[4];
    struct sh_job *job;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 4, params, err)) != SH_OK) return status;
    if ((status = sh_job_create(call, &job, err)) != SH_OK) return status;
    job->wants_count = true;
    job->spec.count_only = true;
    status = read_moment(call, job, &params[1], err);
    if (status == SH_OK) status = sh_job_read_for(job, &params[3], false, err);
    if (status == SH_OK) status = read_question(job, &params[0], err);
    return begin(call, job, status, err);
}

/* ---- sample ---- */

enum sh_status sh_handle_audience_sample(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"where", "now", "timeout_ms", "count", "seed", "fields", "for"};
    struct sh_param params[7];
    struct sh_job *job;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 7, params, err)) != SH_OK) return status;
    if ((status = sh_job_create(call, &job, err)) != SH_OK) return status;
    const struct sample_params sample = {&params[3], &params[4], &params[5]};
    status = read_moment(call, job, &params[1], err);
    if (status == SH_OK) status = sh_job_read_for(job, &params[6], true, err);
    if (status == SH_OK) status = read_sample(job, &sample, err);
    if (status == SH_OK) status = read_question(job, &params[0], err);
    return begin(call, job, status, err);
}

/* ---- ask ---- */

static enum sh_status read_ask_list(struct sh_job *job, const struct sh_param *param, struct sh_error *err) {
    static const char *const words[] = {"limit", "fields", "order", "desc", "keep"};
    static const struct sh_param_names names = {words, 5, 0};
    struct sh_param inner[5];
    if (!sh_param_given(param)) return SH_OK;
    const enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, inner, NULL, err);
    if (status != SH_OK) return status;
    const struct list_params list = {&inner[0], &inner[1], &inner[2], &inner[3], &inner[4]};
    return read_list(job, &list, err);
}

static enum sh_status read_ask_sample(struct sh_job *job, const struct sh_param *param, struct sh_error *err) {
    static const char *const words[] = {"count", "seed", "fields"};
    static const struct sh_param_names names = {words, 3, 0};
    struct sh_param inner[3];
    if (!sh_param_given(param)) return SH_OK;
    const enum sh_status status =
        sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, inner, NULL, err);
    if (status != SH_OK) return status;
    const struct sample_params sample = {&inner[0], &inner[1], &inner[2]};
    return read_sample(job, &sample, err);
}

enum sh_status sh_handle_audience_ask(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"where", "now", "timeout_ms", "count", "list", "sample", "for"};
    struct sh_param params[7];
    struct sh_job *job;
    bool count = true;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 7, params, err)) != SH_OK) return status;
    if ((status = sh_param_boolean(&params[3], "count", &count, err)) != SH_OK) return status;
    if (!count && !sh_param_given(&params[4]) && !sh_param_given(&params[5])) {
        (void)sh_fail(err, SH_ERR_ARGUMENT, -1, "nothing is asked for");
        return sh_fail_hint(err, SH_ERR_ARGUMENT, "without `count`, give `list` or `sample`");
    }
    if ((status = sh_job_create(call, &job, err)) != SH_OK) return status;
    job->is_ask = true;
    job->wants_count = count;
    status = read_moment(call, job, &params[1], err);
    if (status == SH_OK) status = read_ask_list(job, &params[4], err);
    if (status == SH_OK) status = read_ask_sample(job, &params[5], err);
    if (status == SH_OK) status = sh_job_read_for(job, &params[6], job->spec.list || job->spec.sample, err);
    job->spec.count_only = !job->spec.list && !job->spec.sample;
    if (status == SH_OK) status = read_question(job, &params[0], err);
    return begin(call, job, status, err);
}

/* ---- list: a new one, or the next page of a frozen one ---- */

enum {
    LIST_CURSOR,
    LIST_LIMIT,
    LIST_WHERE,
    LIST_NOW,
    LIST_TIMEOUT,
    LIST_FIELDS,
    LIST_ORDER,
    LIST_DESC,
    LIST_KEEP,
    LIST_FOR,
    LIST_PART_CLOSE
};
static const char *const list_words[] = {"cursor", "limit", "where", "now", "timeout_ms", "fields",
                                         "order",  "desc",  "keep",  "for", "part_close"};
enum { LIST_PARAM_COUNT = sizeof list_words / sizeof list_words[0] };

static enum sh_status list_next_page(struct sh_call *call, const struct sh_param *params, struct sh_error *err);

enum sh_status sh_handle_audience_list(struct sh_call *call, struct sh_error *err) {
    struct sh_param params[LIST_PARAM_COUNT] = {{0}};
    struct sh_job *job;
    /* part_close is what sh_request_split adds; no client is told of it. */
    const uint32_t word_count = sh_answer_is_part(call->shard) ? LIST_PARAM_COUNT : LIST_PART_CLOSE;
    enum sh_status status;
    if ((status = sh_call_params(call, list_words, word_count, params, err)) != SH_OK) return status;
    if (sh_param_given(&params[LIST_CURSOR])) return list_next_page(call, params, err);
    if ((status = sh_job_create(call, &job, err)) != SH_OK) return status;
    const struct list_params list = {&params[LIST_LIMIT], &params[LIST_FIELDS], &params[LIST_ORDER], &params[LIST_DESC],
                                     &params[LIST_KEEP]};
    status = read_moment(call, job, &params[LIST_NOW], err);
    if (status == SH_OK) status = sh_job_read_for(job, &params[LIST_FOR], true, err);
    if (status == SH_OK) status = read_list(job, &list, err);
    if (status == SH_OK) status = read_question(job, &params[LIST_WHERE], err);
    return begin(call, job, status, err);
}

/* A kept list of ids, by id unless another order is given: the same users make the same pages, whatever the number of
 * shards. Its first page says which moment it is of. */
enum sh_status sh_handle_audience_export(struct sh_call *call, struct sh_error *err) {
    static const uint8_t truth[] = {0xC3};
    static const uint8_t id[] = {0xA2, 'i', 'd'};
    static const char *const words[] = {"cursor", "limit", "where", "now",       "timeout_ms",
                                        "order",  "desc",  "for",   "part_close"};
    static const uint32_t places[] = {LIST_CURSOR, LIST_LIMIT, LIST_WHERE, LIST_NOW,       LIST_TIMEOUT,
                                      LIST_ORDER,  LIST_DESC,  LIST_FOR,   LIST_PART_CLOSE};
    struct sh_param given[9] = {{0}};
    struct sh_param params[LIST_PARAM_COUNT] = {{0}};
    struct sh_job *job;
    enum sh_status status;
    if ((status = sh_call_params(call, words, sh_answer_is_part(call->shard) ? 9 : 8, given, err)) != SH_OK)
        return status;
    for (uint32_t i = 0; i < 9; i++)
        params[places[i]] = given[i];
    if (sh_param_given(&params[LIST_CURSOR])) return list_next_page(call, params, err);
    if ((status = sh_job_create(call, &job, err)) != SH_OK) return status;
    params[LIST_KEEP] = (struct sh_param){truth, truth + sizeof truth};
    if (!sh_param_given(&params[LIST_ORDER])) params[LIST_ORDER] = (struct sh_param){id, id + sizeof id};
    const struct list_params list = {&params[LIST_LIMIT], &params[LIST_FIELDS], &params[LIST_ORDER], &params[LIST_DESC],
                                     &params[LIST_KEEP]};
    status = read_moment(call, job, &params[LIST_NOW], err);
    if (status == SH_OK) status = sh_job_read_for(job, &params[LIST_FOR], true, err);
    if (status == SH_OK) status = read_list(job, &list, err);
    if (status == SH_OK) status = sh_plan_among(job, &params[LIST_WHERE], err);
    return begin(call, job, status, err);
}

/* The pair `cursor`: where the page behind this one begins. */
static void pack_cursor(const struct sh_shard *shard, uint64_t id, bool is_ordered, uint64_t place, uint64_t count,
                        struct sh_buffer *body) {
    struct sh_page_token token = {.id = id, .is_ordered = is_ordered, .shard_count = shard->options.shard_count};
    token.shards[shard->options.shard_index] = (struct sh_page_place){place, count};
    struct sh_buffer text;
    sh_buffer_init(&text, 4096);
    sh_page_token_print(&token, &text);
    msgpack_packer packer;
    sh_buffer_packer(body, &packer);
    sh_pack_literal(&packer, "cursor");
    sh_pack_text(&packer, (struct sh_text){(const char *)text.bytes, (uint32_t)text.count});
    if (text.failed) body->failed = true;
    sh_buffer_deinit(&text);
}

static bool may_be_listed(const void *gate, uint32_t slot) {
    return sh_contact_allows(gate, slot);
}

/* The gate is asked anew for each page: what was said since counts. */
static bool make_page(struct sh_arena *arena, const struct sh_contact_gate *gate, uint32_t limit, uint64_t most,
                      struct sh_frozen_page *page) {
    const size_t room = most < limit ? (size_t)most : limit;
    *page = (struct sh_frozen_page){0};
    if (!gate->is_open) {
        page->passes = may_be_listed;
        page->passes_context = gate;
    }
    page->slots = sh_arena_alloc(arena, (room + 1) * sizeof *page->slots);
    page->places = sh_arena_alloc(arena, (room + 1) * sizeof *page->places);
    return page->slots != NULL && page->places != NULL;
}

/* The pairs of one page: `ids` or `rows`, then `cursor` or `part`. */
static void pack_page(const struct sh_shard *shard, const struct sh_workspace *workspace, uint64_t id,
                      const struct sh_frozen *frozen, const struct sh_row_fields *fields,
                      const struct sh_frozen_page *page, uint64_t start, struct sh_buffer *body) {
    const struct sh_people people = {page->slots, page->count, &frozen->ordered, page->places};
    sh_people_pack(workspace, fields, &people, body);
    if (sh_answer_is_part(shard))
        sh_part_pack(&frozen->order, &people, page, start, frozen->count, body);
    else if (page->next < frozen->count)
        pack_cursor(shard, id, frozen->order.by != SH_ORDER_NONE, page->next, frozen->count, body);
}

static bool page_has_second_pair(const struct sh_shard *shard, const struct sh_frozen *frozen,
                                 const struct sh_frozen_page *page) {
    return sh_answer_is_part(shard) || page->next < frozen->count;
}

static enum sh_status fail_cursor(struct sh_error *err) {
    (void)sh_fail(err, SH_ERR_NOT_FOUND, -1, "that cursor is not open");
    return sh_fail_hint(err, SH_ERR_NOT_FOUND, "one that rests for %d seconds is closed", SH_CURSOR_IDLE_MS_MAX / 1000);
}

static enum sh_status list_next_page(struct sh_call *call, const struct sh_param *params, struct sh_error *err) {
    struct sh_shard *shard = call->shard;
    struct sh_text text = {0};
    struct sh_page_token token;
    int64_t limit = SH_LIST_LIMIT_DEFAULT;
    bool close = false;
    enum sh_status status;
    for (uint32_t i = LIST_WHERE; i < LIST_PART_CLOSE; i++) {
        if (i != LIST_TIMEOUT && sh_param_given(&params[i]))
            return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` was fixed when the cursor was made", list_words[i]);
    }
    if ((status = sh_param_text(&params[LIST_CURSOR], "cursor", &text, err)) != SH_OK) return status;
    if ((status = sh_page_token_parse(text, shard->options.shard_count, &token, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[LIST_LIMIT], "limit", 0, SH_LIST_LIMIT_MAX, &limit, err)) != SH_OK)
        return status;
    if ((status = sh_param_boolean(&params[LIST_PART_CLOSE], "part_close", &close, err)) != SH_OK) return status;

    struct sh_open_cursor *cursor = sh_cursors_find(shard, call->workspace, token.id);
    const uint64_t start = token.shards[shard->options.shard_index].place;
    if (cursor == NULL || start > cursor->frozen.count) return fail_cursor(err);
    /* Who reads a page need not be who asked for it. */
    for (uint32_t i = 0; call->request->hides_personal && cursor->has_fields && i < cursor->fields.count; i++) {
        status = sh_hidden_check(&call->workspace->privacy.hidden, cursor->fields.fields[i].name, -1, err);
        if (status != SH_OK) return status;
    }
    struct sh_frozen_page page;
    if (!make_page(call->arena, &cursor->gate, (uint32_t)limit, cursor->frozen.count - start, &page))
        return sh_fail_memory(err);
    sh_frozen_page(&cursor->frozen, call->workspace->users, start, (uint32_t)limit, &page);
    cursor->used_ms = shard->now_ms;
    cursor->is_maybe_done = page.next == cursor->frozen.count;

    msgpack_packer packer;
    sh_answer_begin(call, &packer, 2u + page_has_second_pair(shard, &cursor->frozen, &page));
    pack_page(shard, call->workspace, cursor->id, &cursor->frozen, cursor->has_fields ? &cursor->fields : NULL, &page,
              start, call->answer->body);
    sh_pack_literal(&packer, "skipped");
    (void)msgpack_pack_uint64(&packer, page.skipped);
    if (call->answer->body->failed) return SH_OK; /* the door sees it; the page can be asked for again */
    if (sh_answer_is_part(shard) ? close : page.next == cursor->frozen.count) sh_cursors_close(shard, cursor);
    return SH_OK;
}

enum sh_status sh_handle_audience_close(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"cursor"};
    struct sh_param params[1];
    struct sh_text text = {0};
    struct sh_page_token token;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = sh_param_require(&params[0], "cursor", err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[0], "cursor", &text, err)) != SH_OK) return status;
    if ((status = sh_page_token_parse(text, call->shard->options.shard_count, &token, err)) != SH_OK) return status;
    struct sh_open_cursor *cursor = sh_cursors_find(call->shard, call->workspace, token.id);
    if (cursor != NULL) sh_cursors_close(call->shard, cursor);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "closed");
    if (cursor != NULL)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
    return SH_OK;
}

/* ---- Answers of jobs ---- */

/* People who were forgotten between two steps leave the list, and those who may not be listed any more. */
static void drop_gone(const struct sh_job *job, struct sh_ordered *list) {
    if (job->workspace->sequence == job->sequence && job->gate.is_open) return;
    const struct sh_bitmap *live = sh_table_live(job->workspace->users);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        if (!sh_bitmap_contains(live, list->slots[i]) || !sh_contact_allows(&job->gate, list->slots[i])) continue;
        list->slots[kept] = list->slots[i];
        if (list->keys != NULL) list->keys[kept] = list->keys[i];
        kept++;
    }
    list->count = kept;
}

/* `count`, `total` where it is asked for, and what was held back. */
static void pack_count(const struct sh_job *job, msgpack_packer *packer) {
    sh_pack_literal(packer, "count");
    (void)msgpack_pack_uint64(packer, sh_audience_count(job->audience));
    if (job->wants_count) {
        sh_pack_literal(packer, "total");
        (void)msgpack_pack_uint64(packer, sh_bitmap_count(sh_table_live(job->workspace->users)));
    }
    sh_job_pack_held(job, packer);
}

/* The map's head of a list or a sample with these pairs. Inside audience.ask that is all; alone it is an answer, which
 * begins with `count` and will end with took_us. */
static void begin_people(const struct sh_job *job, uint32_t pair_count, msgpack_packer *packer) {
    const bool is_export = job->request.method->number == SH_METHOD_AUDIENCE_EXPORT;
    (void)msgpack_pack_map(packer, job->is_ask ? pair_count : pair_count + 2 + is_export + sh_job_held_count(job));
    if (!job->is_ask) pack_count(job, packer);
    if (!is_export) return;
    sh_pack_literal(packer, "now");
    (void)msgpack_pack_int64(packer, job->scope.now_ms);
}

/* A frozen list: its first page, and a cursor if there is more. */
static enum sh_status pack_frozen(struct sh_job *job, struct sh_frozen *frozen, msgpack_packer *packer,
                                  struct sh_error *err) {
    struct sh_shard *shard = job->shard;
    const struct sh_row_fields *fields = job->has_list_fields ? &job->list_fields : NULL;
    struct sh_frozen_page page;
    if (!make_page(&job->arena, &job->gate, job->spec.list_limit, frozen->count, &page)) return sh_fail_memory(err);
    sh_frozen_page(frozen, job->workspace->users, 0, job->spec.list_limit, &page);
    begin_people(job, 1u + page_has_second_pair(shard, frozen, &page), packer);
    pack_page(shard, job->workspace, job->request.id, frozen, fields, &page, 0, job->answer.body);
    enum sh_status status = sh_buffer_status(job->answer.body, err);
    if (status != SH_OK) return status;
    const bool is_whole = page.next == frozen->count;
    if (frozen->count == 0 || (is_whole && !sh_answer_is_part(shard))) return SH_OK;
    const struct sh_cursor_spec spec = {.id = job->request.id,
                                        .workspace = job->workspace,
                                        .sequence = job->sequence,
                                        .fields = fields,
                                        .gate = job->gate,
                                        .is_maybe_done = is_whole};
    return sh_cursors_open(shard, &spec, frozen, err);
}

static enum sh_status pack_list(struct sh_job *job, msgpack_packer *packer, struct sh_error *err) {
    if (job->spec.freeze) {
        struct sh_frozen frozen;
        sh_audience_take_frozen(job->audience, &frozen);
        const enum sh_status status = pack_frozen(job, &frozen, packer, err);
        sh_frozen_deinit(&frozen);
        return status;
    }
    struct sh_ordered *list = sh_audience_list(job->audience);
    drop_gone(job, list);
    const struct sh_people people = {list->slots, list->count, list, NULL};
    const bool is_part = sh_answer_is_part(job->shard);
    begin_people(job, 1u + is_part, packer);
    sh_people_pack(job->workspace, job->has_list_fields ? &job->list_fields : NULL, &people, job->answer.body);
    if (is_part) sh_part_pack(&job->spec.order, &people, NULL, 0, 0, job->answer.body);
    return SH_OK;
}

static enum sh_status pack_sample(struct sh_job *job, msgpack_packer *packer, struct sh_error *err) {
    uint32_t count;
    const struct sh_lot *lots = sh_audience_sample(job->audience, &count);
    uint32_t *slots = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof *slots);
    uint64_t *mixes = sh_arena_alloc(&job->arena, ((size_t)count + 1) * sizeof *mixes);
    if (slots == NULL || mixes == NULL) return sh_fail_memory(err);
    struct sh_people people = {.slots = slots};
    const struct sh_bitmap *live = sh_table_live(job->workspace->users);
    for (uint32_t i = 0; i < count; i++) {
        if (!sh_bitmap_contains(live, lots[i].slot)) continue; /* forgotten between two steps */
        if (!sh_contact_allows(&job->gate, lots[i].slot)) continue;
        slots[people.count] = lots[i].slot;
        mixes[people.count++] = lots[i].mix;
    }
    const bool is_part = sh_answer_is_part(job->shard);
    begin_people(job, 1u + is_part, packer);
    sh_people_pack(job->workspace, job->has_sample_fields ? &job->sample_fields : NULL, &people, job->answer.body);
    if (!is_part) return SH_OK;
    sh_pack_literal(packer, "mixes");
    (void)msgpack_pack_array(packer, people.count);
    for (uint32_t i = 0; i < people.count; i++)
        (void)msgpack_pack_uint64(packer, mixes[i]);
    return SH_OK;
}

static enum sh_status answer_ask(struct sh_job *job, msgpack_packer *packer, struct sh_error *err) {
    enum sh_status status = SH_OK;
    (void)msgpack_pack_map(packer,
                           (job->wants_count ? 3u : 1u) + sh_job_held_count(job) + job->spec.list + job->spec.sample);
    if (job->wants_count)
        pack_count(job, packer);
    else
        sh_job_pack_held(job, packer);
    if (job->spec.list) {
        sh_pack_literal(packer, "list");
        status = pack_list(job, packer, err);
    }
    if (status == SH_OK && job->spec.sample) {
        sh_pack_literal(packer, "sample");
        status = pack_sample(job, packer, err);
    }
    return status;
}

enum sh_status sh_job_answer(struct sh_job *job, struct sh_error *err) {
    msgpack_packer packer;
    sh_buffer_packer(job->answer.body, &packer);
    if (job->is_ask) return answer_ask(job, &packer, err);
    if (job->spec.list) return pack_list(job, &packer, err);
    if (job->spec.sample) return pack_sample(job, &packer, err);
    (void)msgpack_pack_map(&packer, 3 + sh_job_held_count(job));
    pack_count(job, &packer);
    return SH_OK;
}
