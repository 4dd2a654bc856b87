/* methods_model.c -- model.train, put, list, remove and likings: item_models.h says what they make of it. */
#include "hash.h"
#include "shard_private.h"

enum { LIKINGS_COUNT_DEFAULT = 512, LIKINGS_COUNT_MAX = 4096 };

static enum sh_status read_method(const struct sh_param *param, enum sh_train_method *method, struct sh_error *err) {
    struct sh_text name;
    const enum sh_status status = sh_param_needed_text(param, "name", &name, err);
    if (status != SH_OK) return status;
    *method = sh_train_method_find(name);
    if (*method != SH_TRAIN_METHOD_COUNT) return SH_OK;
    struct sh_nearest search;
    sh_nearest_init(&search, name);
    for (int i = 0; i < SH_TRAIN_METHOD_COUNT; i++)
        sh_nearest_offer(&search, sh_text_of(sh_train_method_name((enum sh_train_method)i)));
    return sh_fail_unknown(err, SH_ERR_ARGUMENT, &search, "`name` is \"ials\", \"ease\", \"knn\" or \"rp3\"");
}

/* ---- What a training is asked to do ---- */

enum {
    SPEC_DIMENSIONS,
    SPEC_EPOCHS,
    SPEC_NEIGHBOURS,
    SPEC_UNOBSERVED,
    SPEC_REGULARISATION,
    SPEC_SHRINK,
    SPEC_ALPHA,
    SPEC_BETA,
    SPEC_SEED,
    SPEC_COUNT
};
#define SPEC_WORDS                                                                                                     \
    "dimensions", "epochs", "neighbours", "unobserved", "regularisation", "shrink", "alpha", "beta", "seed"

static enum sh_status read_spec(const struct sh_param *params, struct sh_train_spec *spec, struct sh_error *err) {
    static const char *const words[SPEC_COUNT] = {SPEC_WORDS};
    uint32_t *const integers[] = {&spec->dimension, &spec->epochs, &spec->neighbours};
    double *const reals[] = {&spec->unobserved, &spec->regularisation, &spec->shrink, &spec->alpha, &spec->beta};
    int64_t seed = (int64_t)spec->seed;
    enum sh_status status = SH_OK;
    for (uint32_t i = SPEC_DIMENSIONS; i <= SPEC_NEIGHBOURS && status == SH_OK; i++) {
        int64_t number = *integers[i];
        status = sh_param_integer(&params[i], words[i], 0, INT32_MAX, &number, err);
        *integers[i] = (uint32_t)number;
    }
    for (uint32_t i = SPEC_UNOBSERVED; i <= SPEC_BETA && status == SH_OK; i++)
        status = sh_param_real(&params[i], words[i], 0, 1e9, reals[i - SPEC_UNOBSERVED], err);
    if (status == SH_OK) status = sh_param_integer(&params[SPEC_SEED], "seed", 0, INT64_MAX, &seed, err);
    spec->seed = (uint64_t)seed;
    return status == SH_OK ? sh_train_spec_check(spec, err) : status;
}

static uint32_t spec_pairs(enum sh_train_method method) {
    static const uint32_t counts[SH_TRAIN_METHOD_COUNT] = {5, 2, 2, 3};
    return counts[method];
}

/* Those that the method reads. */
static void pack_spec(msgpack_packer *packer, const struct sh_train_spec *spec) {
    if (sh_train_makes_factors(spec->method)) {
        sh_pack_uint(packer, "dimensions", spec->dimension);
        sh_pack_uint(packer, "epochs", spec->epochs);
        sh_pack_real(packer, "unobserved", spec->unobserved);
        sh_pack_real(packer, "regularisation", spec->regularisation);
        sh_pack_uint(packer, "seed", spec->seed);
        return;
    }
    sh_pack_uint(packer, "neighbours", spec->neighbours);
    if (spec->method == SH_TRAIN_EASE) sh_pack_real(packer, "regularisation", spec->regularisation);
    if (spec->method == SH_TRAIN_KNN) sh_pack_real(packer, "shrink", spec->shrink);
    if (spec->method == SH_TRAIN_RP3) {
        sh_pack_real(packer, "alpha", spec->alpha);
        sh_pack_real(packer, "beta", spec->beta);
    }
}

/* ---- model.train ---- */

enum sh_status sh_handle_model_train(struct sh_call *call, struct sh_error *err) {
    enum { TRAIN_METHOD = SPEC_COUNT, TRAIN_EVERY, TRAIN_COUNT };
    static const char *const words[TRAIN_COUNT] = {SPEC_WORDS, "name", "every_hours"};
    struct sh_item_models *models = sh_feed_trained(call->workspace->feed);
    struct sh_param params[TRAIN_COUNT];
    enum sh_train_method method;
    int64_t every = 0;
    enum sh_status status;
    if ((status = sh_call_params(call, words, TRAIN_COUNT, params, err)) != SH_OK) return status;
    if ((status = read_method(&params[TRAIN_METHOD], &method, err)) != SH_OK) return status;
    struct sh_train_spec spec = sh_train_spec_default(method);
    if ((status = read_spec(params, &spec, err)) != SH_OK) return status;
    status = sh_param_integer(&params[TRAIN_EVERY], "every_hours", 0, SH_MODEL_EVERY_HOURS_MAX, &every, err);
    if (status != SH_OK) return status;
    sh_item_models_plan(models, &spec, (uint32_t)every, call->request->now_ms);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_uint(&packer, "number", sh_item_models_planned(models, method)->number);
    return SH_OK;
}

/* ---- model.put ---- */

enum {
    ABOUT_ITEMS = SPEC_COUNT,
    ABOUT_ENTRIES,
    ABOUT_SCALE,
    ABOUT_BASE,
    ABOUT_GRAM,
    ABOUT_USERS,
    ABOUT_LIKINGS,
    ABOUT_COUNT
};
enum { PUT_METHOD, PUT_NUMBER, PUT_PART, PUT_PARTS, PUT_ITEMS, PUT_ROWS, PUT_ABOUT, PUT_FAULT, PUT_COUNT };

static enum sh_status read_bytes(const struct sh_param *param, const char *name, struct sh_text *bytes,
                                 struct sh_error *err) {
    struct sh_cursor cursor;
    struct sh_value value;
    *bytes = (struct sh_text){0};
    if (!sh_param_given(param)) return SH_OK;
    sh_param_cursor(param, &cursor);
    const enum sh_status status = sh_cursor_next(&cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_BIN)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`%s` must be bin, but is %s", name, sh_value_kind_name(value.kind));
    *bytes = value.text;
    return SH_OK;
}

static enum sh_status read_gram(struct sh_call *call, const struct sh_param *param, struct sh_model_head *head,
                                struct sh_error *err) {
    struct sh_text bytes;
    const uint32_t byte_count = head->spec.dimension * head->spec.dimension * (uint32_t)sizeof(float);
    const enum sh_status status = read_bytes(param, "gram", &bytes, err);
    if (status != SH_OK) return status;
    if (bytes.count != byte_count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "`gram` has %u bytes: dimensions squared, in floats", byte_count);
    head->gram = sh_arena_copy(call->arena, bytes.bytes, byte_count); /* floats want to be aligned */
    return head->gram == NULL ? sh_fail_memory(err) : SH_OK;
}

static enum sh_status read_about(struct sh_call *call, const struct sh_param *param, struct sh_model_head *head,
                                 struct sh_error *err) {
    static const char *const words[ABOUT_COUNT] = {SPEC_WORDS, "items", "entries", "scale",
                                                   "base",     "gram",  "users",   "likings"};
    static const struct sh_param_names names = {words, ABOUT_COUNT, 0};
    struct sh_param params[ABOUT_COUNT];
    int64_t integers[] = {0, 0, 0, 0};
    double base = 0;
    enum sh_status status = sh_param_require(param, "about", err);
    if (status != SH_OK) return status;
    memset(params, 0, sizeof params);
    status = sh_params_read(param->begin, (size_t)(param->end - param->begin), &names, params, NULL, err);
    if (status != SH_OK || (status = read_spec(params, &head->spec, err)) != SH_OK) return status;
    static const uint32_t places[] = {ABOUT_ITEMS, ABOUT_ENTRIES, ABOUT_USERS, ABOUT_LIKINGS};
    for (uint32_t i = 0; i < 4; i++) {
        status = sh_param_integer(&params[places[i]], words[places[i]], 0, UINT32_MAX, &integers[i], err);
        if (status != SH_OK) return status;
    }
    head->item_count = (uint32_t)integers[0];
    head->entry_count = (uint32_t)integers[1];
    head->user_count = (uint64_t)integers[2];
    head->liking_count = (uint64_t)integers[3];
    head->scale = 1;
    if ((status = sh_param_real(&params[ABOUT_SCALE], "scale", 0, 1e9, &head->scale, err)) != SH_OK) return status;
    if ((status = sh_param_real(&params[ABOUT_BASE], "base", 0, 1e9, &base, err)) != SH_OK) return status;
    head->fold_base = (float)base;
    return sh_train_makes_factors(head->spec.method) ? read_gram(call, &params[ABOUT_GRAM], head, err) : SH_OK;
}

/* The ids of a part, and the slots they get. */
struct part_items {
    struct sh_call *call;
    struct sh_id_reader *ids;
    uint32_t *slots;
    uint32_t count;
};

/* Items that nobody named yet become known, unlisted, in every shard. */
static enum sh_status name_items(void *context, struct sh_error *err) {
    const struct part_items *items = context;
    struct sh_table *table = items->call->workspace->items;
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < items->count && status == SH_OK; i++)
        status =
            sh_table_intern(table, items->ids[i].text, sh_id_hash(items->ids[i].text), &items->slots[i], NULL, err);
    return status;
}

static enum sh_status read_items(struct part_items *items, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    enum sh_status status = sh_param_array(param, "items", SH_BATCH_ROW_COUNT_MAX, &cursor, &items->count, err);
    if (status != SH_OK) return status;
    items->ids = sh_arena_alloc(items->call->arena, ((size_t)items->count + 1) * sizeof *items->ids);
    items->slots = sh_arena_alloc(items->call->arena, ((size_t)items->count + 1) * sizeof *items->slots);
    if (items->ids == NULL || items->slots == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < items->count && status == SH_OK; i++)
        status = sh_id_read(&items->ids[i], &cursor, "each of `items`", err);
    return status;
}

static enum sh_status read_part(struct part_items *items, const struct sh_param *params, struct sh_model_part *part,
                                struct sh_error *err) {
    struct sh_text rows;
    int64_t numbers[2] = {1, 1};
    enum sh_status status;
    status = sh_param_integer(&params[PUT_PART], "part", 1, SH_TRAIN_ITEM_COUNT_MAX, &numbers[0], err);
    if (status != SH_OK) return status;
    status = sh_param_integer(&params[PUT_PARTS], "parts", 1, SH_TRAIN_ITEM_COUNT_MAX, &numbers[1], err);
    if (status != SH_OK) return status;
    *part = (struct sh_model_part){.part = (uint32_t)numbers[0], .part_count = (uint32_t)numbers[1]};
    if ((status = read_items(items, &params[PUT_ITEMS], err)) != SH_OK) return status;
    part->items = items->slots;
    part->item_count = items->count;
    part->name_items = name_items;
    part->context = items;
    if ((status = read_bytes(&params[PUT_ROWS], "rows", &rows, err)) != SH_OK) return status;
    part->rows = (const uint8_t *)rows.bytes;
    part->row_bytes = rows.count;
    return SH_OK;
}

static enum sh_status put_part(struct sh_call *call, const struct sh_param *params, struct sh_model_head *head,
                               bool *is_whole, struct sh_error *err) {
    struct sh_item_models *models = sh_feed_trained(call->workspace->feed);
    struct part_items items = {.call = call};
    struct sh_model_part part;
    enum sh_status status = read_part(&items, params, &part, err);
    if (status == SH_OK && part.part == 1) status = read_about(call, &params[PUT_ABOUT], head, err);
    if (status == SH_OK) status = sh_item_models_put(models, head, &part, err);
    *is_whole = status == SH_OK && part.part == part.part_count;
    return status;
}

enum sh_status sh_handle_model_put(struct sh_call *call, struct sh_error *err) {
    static const char *const words[PUT_COUNT] = {"name", "number", "part", "parts", "items", "rows", "about", "fault"};
    struct sh_param params[PUT_COUNT];
    struct sh_model_head head = {.trained_ms = call->request->now_ms};
    struct sh_text fault = {0};
    enum sh_train_method method;
    int64_t number = 1;
    bool is_whole = false;
    enum sh_status status;
    if ((status = sh_call_params(call, words, PUT_COUNT, params, err)) != SH_OK) return status;
    if ((status = read_method(&params[PUT_METHOD], &method, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[PUT_NUMBER], "number", 1, INT64_MAX, &number, err)) != SH_OK) return status;
    if ((status = sh_param_text(&params[PUT_FAULT], "fault", &fault, err)) != SH_OK) return status;
    head.spec = sh_train_spec_default(method);
    head.number = (uint64_t)number;
    if (fault.count > 0)
        sh_item_models_fail(sh_feed_trained(call->workspace->feed), method, head.number, fault, call->request->now_ms);
    else
        status = put_part(call, params, &head, &is_whole, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "whole", is_whole);
    return SH_OK;
}

/* ---- model.list, model.remove ---- */

static void pack_plan(msgpack_packer *packer, const struct sh_model_plan *plan) {
    sh_pack_literal(packer, "plan");
    (void)msgpack_pack_map(packer, 3 + spec_pairs(plan->spec.method));
    sh_pack_uint(packer, "number", plan->number);
    sh_pack_literal(packer, "asked_at");
    (void)msgpack_pack_int64(packer, plan->asked_ms);
    sh_pack_uint(packer, "every_hours", plan->every_hours);
    pack_spec(packer, &plan->spec);
}

static void pack_table(msgpack_packer *packer, const struct sh_item_models *models, const struct sh_model_head *head) {
    sh_pack_literal(packer, "table");
    (void)msgpack_pack_map(packer, 8 + spec_pairs(head->spec.method));
    sh_pack_uint(packer, "number", head->number);
    sh_pack_literal(packer, "trained_at");
    (void)msgpack_pack_int64(packer, head->trained_ms);
    sh_pack_uint(packer, "items", head->item_count);
    sh_pack_uint(packer, "entries", head->entry_count);
    sh_pack_uint(packer, "users", head->user_count);
    sh_pack_uint(packer, "likings", head->liking_count);
    sh_pack_real(packer, "scale", head->scale);
    sh_pack_uint(packer, "bytes", sh_item_models_bytes(models, head->spec.method));
    pack_spec(packer, &head->spec);
}

enum sh_status sh_handle_model_list(struct sh_call *call, struct sh_error *err) {
    const struct sh_item_models *models = sh_feed_trained(call->workspace->feed);
    struct sh_param none[1];
    const enum sh_status status = sh_call_params(call, NULL, 0, none, err);
    if (status != SH_OK) return status;
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_literal(&packer, "models");
    (void)msgpack_pack_array(&packer, SH_TRAIN_METHOD_COUNT);
    for (int i = 0; i < SH_TRAIN_METHOD_COUNT; i++) {
        const enum sh_train_method method = (enum sh_train_method)i;
        const struct sh_model_plan *plan = sh_item_models_planned(models, method);
        const struct sh_model_head *head = sh_item_models_head(models, method);
        const struct sh_text fault = sh_item_models_fault(models, method);
        (void)msgpack_pack_map(&packer, 2u + (plan->number != 0) + (head != NULL) + (fault.count > 0));
        sh_pack_literal(&packer, "name");
        sh_pack_literal(&packer, sh_train_method_name(method));
        sh_pack_bool(&packer, "due", sh_item_models_is_due(models, method, call->request->now_ms));
        if (plan->number != 0) pack_plan(&packer, plan);
        if (head != NULL) pack_table(&packer, models, head);
        if (fault.count == 0) continue;
        sh_pack_literal(&packer, "fault");
        sh_pack_text(&packer, fault);
    }
    return SH_OK;
}

enum sh_status sh_handle_model_remove(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"name"};
    struct sh_param params[1];
    enum sh_train_method method;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 1, params, err)) != SH_OK) return status;
    if ((status = read_method(&params[0], &method, err)) != SH_OK) return status;
    const bool removed = sh_item_models_remove(sh_feed_trained(call->workspace->feed), method);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 1);
    sh_pack_bool(&packer, "removed", removed);
    return SH_OK;
}

/* ---- model.likings ---- */

/* Items of a page by number: slot -> number + 1, as far as they came up. */
struct page {
    struct sh_call *call;
    uint32_t *numbers; /* by slot */
    uint32_t *slots;   /* by number */
    uint32_t item_count;
    struct sh_buffer rows;
};

static void put_u32(struct sh_buffer *buffer, uint32_t value) {
    sh_buffer_append(buffer, &value, sizeof value);
}

static void add_user(struct page *page, uint32_t user, int64_t now_ms) {
    struct sh_entry likings[SH_LIKING_COUNT_MAX];
    const struct sh_workspace *workspace = page->call->workspace;
    const uint32_t count = sh_feed_likings(workspace->feed, user, now_ms, likings);
    const uint64_t key = sh_id_hash(sh_table_id(workspace->users, user));
    if (count == 0) return;
    sh_buffer_append(&page->rows, &key, sizeof key);
    put_u32(&page->rows, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t *number = &page->numbers[likings[i].number];
        if (*number == 0) {
            page->slots[page->item_count++] = likings[i].number;
            *number = page->item_count;
        }
        put_u32(&page->rows, *number - 1);
        sh_buffer_append(&page->rows, &likings[i].weight, sizeof likings[i].weight);
    }
}

static void pack_page(const struct page *page, uint64_t next, msgpack_packer *packer) {
    const struct sh_table *items = page->call->workspace->items;
    sh_pack_uint(packer, "next", next);
    sh_pack_literal(packer, "pages");
    (void)msgpack_pack_array(packer, 1);
    (void)msgpack_pack_map(packer, 2);
    sh_pack_literal(packer, "items");
    (void)msgpack_pack_array(packer, page->item_count);
    for (uint32_t i = 0; i < page->item_count; i++)
        sh_pack_text(packer, sh_table_id(items, page->slots[i]));
    sh_pack_literal(packer, "rows");
    (void)msgpack_pack_bin(packer, page->rows.count);
    (void)msgpack_pack_bin_body(packer, page->rows.bytes, page->rows.count);
}

enum sh_status sh_handle_model_likings(struct sh_call *call, struct sh_error *err) {
    static const char *const words[] = {"at", "count", "now"};
    const struct sh_workspace *workspace = call->workspace;
    struct sh_param params[3];
    int64_t at = 0;
    int64_t count = LIKINGS_COUNT_DEFAULT;
    int64_t now_ms;
    enum sh_status status;
    if ((status = sh_call_params(call, words, 3, params, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[0], "at", 0, UINT32_MAX, &at, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[1], "count", 1, LIKINGS_COUNT_MAX, &count, err)) != SH_OK) return status;
    if ((status = sh_read_now(&params[2], call, &now_ms, err)) != SH_OK) return status;
    const size_t item_end = sh_table_slot_end(workspace->items);
    struct page page = {.call = call};
    page.numbers = sh_arena_alloc_zero(call->arena, (item_end + 1) * sizeof *page.numbers);
    page.slots = sh_arena_alloc(call->arena, (item_end + 1) * sizeof *page.slots);
    if (page.numbers == NULL || page.slots == NULL) return sh_fail_memory(err);
    sh_buffer_init(&page.rows, SH_ANSWER_BYTES_MAX / 2);
    const uint64_t user_end = sh_table_slot_end(workspace->users);
    const uint64_t end = (uint64_t)at + (uint64_t)count < user_end ? (uint64_t)at + (uint64_t)count : user_end;
    for (uint64_t user = (uint64_t)at; user < end; user++)
        if (sh_bitmap_contains(sh_table_live(workspace->users), (uint32_t)user))
            add_user(&page, (uint32_t)user, now_ms);
    status = sh_buffer_status(&page.rows, err);
    if (status == SH_OK) {
        msgpack_packer packer;
        sh_answer_begin(call, &packer, 2);
        pack_page(&page, end < user_end ? end : 0, &packer);
    }
    sh_buffer_deinit(&page.rows);
    return status;
}
