/* methods_data.c -- users and items: put, get, forget, remove. */
#include "event_pack.h"
#include "hash.h"
#include "memory.h"
#include "person.h"
#include "row_reader.h"
#include "served.h"

enum {
    PREFETCH_FAR = 16, /* rows ahead: the line of the hash index */
    PREFETCH_NEAR = 8, /* rows ahead: the row itself, which the index line then tells */
};

/* ---- put ---- */

struct put {
    struct sh_call *call;
    bool is_item;
    struct sh_batch batch;
    struct sh_row_reader reader;
    struct sh_refusals refusals;
    uint32_t accepted;
    uint32_t created;
    uint64_t ahead[PREFETCH_FAR]; /* hashes of rows to come, by row % PREFETCH_FAR */
    bool has_ahead[PREFETCH_FAR];
};

static void look_ahead(struct put *put, uint32_t row) {
    const uint32_t far = row + PREFETCH_FAR - 1;
    const uint32_t near = row + PREFETCH_NEAR;
    if (far < put->batch.row_count) {
        const uint32_t place = far % PREFETCH_FAR;
        put->has_ahead[place] = sh_row_reader_hash(&put->reader, far, &put->ahead[place]);
        if (put->has_ahead[place]) sh_table_prefetch(put->reader.table, put->ahead[place]);
    }
    if (near < put->batch.row_count && put->has_ahead[near % PREFETCH_FAR])
        sh_table_prefetch_row(put->reader.table, put->ahead[near % PREFETCH_FAR]);
}

/* What a put item means beyond its row: it is listed, and the feed counts its tags anew. */
static enum sh_status list_item(struct put *put, uint32_t slot, struct sh_error *err) {
    struct sh_workspace *workspace = put->call->workspace;
    if (sh_bitmap_add(&workspace->listed, slot, NULL) != SH_OK) return sh_fail_memory(err);
    return sh_feed_item_put(workspace->feed, slot, put->call->request->now_ms) == SH_OK ? SH_OK : sh_fail_memory(err);
}

static enum sh_status put_vector(struct put *put, uint32_t slot, struct sh_error *err) {
    const struct sh_row_reader *reader = &put->reader;
    if (reader->vector == SH_ROW_VECTOR_LEFT) return SH_OK;
    const enum sh_feed_whose whose = put->is_item ? SH_FEED_OF_ITEM : SH_FEED_OF_USER;
    const int16_t *row = reader->vector == SH_ROW_VECTOR_SET ? reader->vector_row : NULL;
    const enum sh_status status = sh_feed_vector_put(put->call->workspace->feed, whose, slot, row);
    return status == SH_OK ? SH_OK : sh_fail_memory(err);
}

static enum sh_status put_row(struct put *put, uint32_t row, struct sh_error *err) {
    enum sh_status status = sh_row_reader_read(&put->reader, row, err);
    if (status != SH_OK) return status;
    uint32_t slot;
    bool created;
    status = sh_row_reader_apply(&put->reader, put->call->workspace->sequence, &slot, &created, err);
    if (status != SH_OK) return status;
    if (put->is_item && (status = list_item(put, slot, err)) != SH_OK) return status;
    if ((status = put_vector(put, slot, err)) != SH_OK) return status;
    put->accepted++;
    put->created += created;
    return SH_OK;
}

static enum sh_status put_rows(struct put *put, struct sh_error *err) {
    for (uint32_t row = 0; row + 1 < PREFETCH_FAR && row < put->batch.row_count; row++)
        put->has_ahead[row] = sh_row_reader_hash(&put->reader, row, &put->ahead[row]);
    for (uint32_t row = 0; row < put->batch.row_count; row++) {
        struct sh_error fault;
        look_ahead(put, row);
        if (put_row(put, row, &fault) == SH_OK) continue;
        if (!sh_refusals_add(&put->refusals, row, &fault)) return sh_fail_memory(err);
    }
    msgpack_packer packer;
    sh_answer_begin(put->call, &packer, 3);
    sh_pack_literal(&packer, "accepted");
    (void)msgpack_pack_uint32(&packer, put->accepted);
    sh_pack_literal(&packer, "created");
    (void)msgpack_pack_uint32(&packer, put->created);
    return sh_refusals_pack(&put->refusals, put->call->answer->body, err);
}

static enum sh_status handle_put(struct sh_call *call, bool is_item, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    struct put put = {.call = call, .is_item = is_item};
    enum sh_status status =
        sh_batch_read(call, is_item ? "item" : "user", is_item ? "items" : "users", &put.batch, err);
    if (status != SH_OK) return status;
    sh_refusals_init(&put.refusals);
    sh_row_reader_space(&put.reader, sh_feed_config(workspace->feed));
    status = sh_row_reader_init(&put.reader, is_item ? workspace->items : workspace->users, workspace->zone, &put.batch,
                                call->arena, err);
    put.reader.people = is_item ? NULL : workspace;
    put.reader.now_ms = call->request->now_ms;
    if (status == SH_OK) status = put_rows(&put, err);
    sh_row_reader_deinit(&put.reader);
    sh_refusals_deinit(&put.refusals);
    return status;
}

enum sh_status sh_handle_user_put(struct sh_call *call, struct sh_error *err) {
    return handle_put(call, false, err);
}

enum sh_status sh_handle_item_put(struct sh_call *call, struct sh_error *err) {
    return handle_put(call, true, err);
}

/* ---- ids in params ---- */

/* `id` or `ids`: exactly one of the two. */
struct id_list {
    struct sh_cursor cursor;
    uint32_t count;
    bool is_one;
};

static enum sh_status read_ids(const struct sh_param *one, const struct sh_param *many, struct id_list *ids,
                               struct sh_error *err) {
    if (sh_param_given(one) == sh_param_given(many))
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "exactly one of `id` and `ids` is needed");
    ids->is_one = sh_param_given(one);
    ids->count = 1;
    if (!ids->is_one) return sh_param_array(many, "ids", SH_BATCH_ROW_COUNT_MAX, &ids->cursor, &ids->count, err);
    sh_param_cursor(one, &ids->cursor);
    return SH_OK;
}

/* All of them are ids? Asked before a write changes anything. */
static enum sh_status check_ids(struct id_list ids, struct sh_error *err) {
    for (uint32_t i = 0; i < ids.count; i++) {
        struct sh_id_reader id;
        const enum sh_status status = sh_id_read(&id, &ids.cursor, ids.is_one ? "`id`" : "each of `ids`", err);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* ---- get ---- */

enum { GET_ID, GET_IDS, GET_FIELDS, GET_EVENTS, GET_PARAM_COUNT };

struct get {
    struct sh_call *call;
    const struct sh_table *table;
    struct sh_row_source source;
    bool is_item;
    bool has_fields;
    struct sh_row_fields fields;
    int64_t event_count; /* -1: not asked for */
};

/* The fields of a row that has a value for them; all fields if they were named. */
static uint32_t count_pairs(const struct get *get, uint32_t slot) {
    if (get->has_fields) return get->fields.count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < get->fields.count; i++)
        count += !sh_row_field_is_missing(get->table, slot, &get->fields.fields[i]);
    return count;
}

static void pack_row(const struct get *get, uint32_t slot, msgpack_packer *packer) {
    const struct sh_workspace *workspace = get->call->workspace;
    const bool has_events = get->event_count >= 0;
    (void)msgpack_pack_map(packer, 1u + get->is_item + has_events + count_pairs(get, slot));
    sh_pack_literal(packer, "id");
    sh_pack_text(packer, sh_table_id(get->table, slot));
    if (get->is_item) {
        sh_pack_literal(packer, "listed");
        if (sh_bitmap_contains(&workspace->listed, slot))
            (void)msgpack_pack_true(packer);
        else
            (void)msgpack_pack_false(packer);
    }
    for (uint32_t i = 0; i < get->fields.count; i++) {
        const struct sh_row_field *field = &get->fields.fields[i];
        if (!get->has_fields && sh_row_field_is_missing(get->table, slot, field)) continue;
        sh_pack_text(packer, field->name);
        sh_row_field_pack(get->table, slot, field, packer);
    }
    if (has_events) {
        sh_pack_literal(packer, "events");
        sh_history_pack(workspace, slot, (uint32_t)get->event_count, packer);
    }
}

/* Every attribute and tag set, and all that is derived of users. */
static enum sh_status all_fields(const struct sh_row_source *source, struct sh_arena *arena,
                                 struct sh_row_fields *fields, struct sh_error *err) {
    const struct sh_table *table = source->table;
    const uint32_t attribute_count = sh_table_attribute_count(table);
    const uint32_t tag_set_count = sh_table_tag_set_count(table);
    const uint32_t derived_count = source->derived == NULL ? 0 : source->derived->field_count;
    struct sh_row_field *list =
        sh_arena_alloc_zero(arena, ((size_t)attribute_count + tag_set_count + derived_count + 1) * sizeof *list);
    if (list == NULL) return sh_fail_memory(err);
    *fields = (struct sh_row_fields){list, 0};
    for (uint32_t i = 0; i < attribute_count; i++) {
        const struct sh_text name = sh_table_attribute(table, i)->name;
        if (sh_hidden_has(source->hidden, name)) continue;
        list[fields->count++] = (struct sh_row_field){.kind = SH_FIELD_ATTRIBUTE, .index = i, .name = name};
    }
    for (uint32_t i = 0; i < tag_set_count; i++) {
        const struct sh_text name = sh_table_tag_set_name(table, i);
        if (sh_hidden_has(source->hidden, name)) continue;
        list[fields->count++] = (struct sh_row_field){.kind = SH_FIELD_TAG_SET, .index = i, .name = name};
    }
    for (uint32_t i = 0; i < derived_count; i++) {
        const struct sh_text name = source->derived->fields[i].name;
        if (sh_table_find_attribute(table, name) >= 0 || sh_table_find_tag_set(table, name) >= 0) continue;
        list[fields->count++] = (struct sh_row_field){
            .kind = SH_FIELD_DERIVED, .index = i, .name = name, .derived = source->derived, .now_ms = source->now_ms};
    }
    return SH_OK;
}

static enum sh_status read_get_fields(struct get *get, const struct sh_param *param, struct sh_error *err) {
    get->has_fields = sh_param_given(param);
    if (!get->has_fields) return all_fields(&get->source, get->call->arena, &get->fields, err);
    struct sh_cursor cursor;
    sh_param_cursor(param, &cursor);
    const enum sh_status status = sh_row_fields_read(&cursor, &get->source, get->call->arena, &get->fields, err);
    if (status != SH_OK) return status;
    /* The id leads every row already. */
    struct sh_row_field *list = (struct sh_row_field *)get->fields.fields;
    uint32_t count = 0;
    for (uint32_t i = 0; i < get->fields.count; i++) {
        if (list[i].kind != SH_FIELD_ID) list[count++] = list[i];
    }
    get->fields.count = count;
    return SH_OK;
}

static uint32_t find_row(const struct get *get, struct sh_text id) {
    return get->is_item ? sh_table_find(get->table, id) : sh_workspace_find_user(get->call->workspace, id);
}

static enum sh_status get_one(const struct get *get, struct id_list *ids, struct sh_error *err) {
    struct sh_id_reader id;
    const enum sh_status status = sh_id_read(&id, &ids->cursor, "`id`", err);
    if (status != SH_OK) return status;
    const char *what = get->is_item ? "item" : "user";
    const uint32_t slot = find_row(get, id.text);
    if (slot == SH_SLOT_NONE)
        return sh_fail(err, SH_ERR_NOT_FOUND, -1, "there is no %s `%.*s`", what, SH_TEXT_ARGS(id.text));
    msgpack_packer packer;
    sh_answer_begin(get->call, &packer, 1);
    sh_pack_literal(&packer, what);
    pack_row(get, slot, &packer);
    return SH_OK;
}

static enum sh_status get_many(const struct get *get, struct id_list *ids, struct sh_error *err) {
    msgpack_packer packer;
    sh_answer_begin(get->call, &packer, 1);
    sh_pack_literal(&packer, get->is_item ? "items" : "users");
    (void)msgpack_pack_array(&packer, ids->count);
    for (uint32_t i = 0; i < ids->count; i++) {
        struct sh_id_reader id;
        const enum sh_status status = sh_id_read(&id, &ids->cursor, "each of `ids`", err);
        if (status != SH_OK) return status;
        const uint32_t slot = find_row(get, id.text);
        if (slot == SH_SLOT_NONE)
            (void)msgpack_pack_nil(&packer);
        else
            pack_row(get, slot, &packer);
    }
    return SH_OK;
}

static enum sh_status handle_get(struct sh_call *call, bool is_item, struct sh_error *err) {
    static const char *const words[GET_PARAM_COUNT] = {"id", "ids", "fields", "events"};
    const struct sh_param_names names = {words, is_item ? GET_EVENTS : GET_PARAM_COUNT, 0};
    struct sh_param params[GET_PARAM_COUNT] = {{0}};
    struct get get = {.call = call, .is_item = is_item, .event_count = -1};
    get.table = is_item ? call->workspace->items : call->workspace->users;
    get.source =
        (struct sh_row_source){get.table, is_item ? NULL : sh_workspace_derived(call->workspace), call->request->now_ms,
                               is_item || !call->request->hides_personal ? NULL : &call->workspace->privacy.hidden};
    struct id_list ids;
    const struct sh_request *request = call->request;
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = read_ids(&params[GET_ID], &params[GET_IDS], &ids, err)) != SH_OK) return status;
    if ((status = sh_param_integer(&params[GET_EVENTS], "events", 0, SH_HISTORY_COUNT_MAX, &get.event_count, err)) !=
        SH_OK)
        return status;
    if ((status = read_get_fields(&get, &params[GET_FIELDS], err)) != SH_OK) return status;
    return ids.is_one ? get_one(&get, &ids, err) : get_many(&get, &ids, err);
}

enum sh_status sh_user_pack(struct sh_call *call, uint32_t slot, msgpack_packer *packer, struct sh_error *err) {
    struct get get = {.call = call, .table = call->workspace->users, .event_count = -1};
    get.source = (struct sh_row_source){
        .table = get.table, .derived = sh_workspace_derived(call->workspace), .now_ms = call->request->now_ms};
    const enum sh_status status = all_fields(&get.source, call->arena, &get.fields, err);
    if (status == SH_OK) pack_row(&get, slot, packer);
    return status;
}

enum sh_status sh_handle_user_get(struct sh_call *call, struct sh_error *err) {
    return handle_get(call, false, err);
}

enum sh_status sh_handle_item_get(struct sh_call *call, struct sh_error *err) {
    return handle_get(call, true, err);
}

/* ---- forget and remove ---- */

/* A list of ids that something is done to. Users are resolved before the first of them is forgotten, since a person's
 * other names go with it. */
struct each {
    struct sh_call *call;
    bool is_item;
    struct id_list ids;
    struct sh_text *targets; /* whom each id means; copies */
    struct sh_buffer told;   /* users who had other names: for the sibling shards */
    uint32_t told_count;
    struct sh_buffer visits;    /* keys of the visits that went: likewise */
    struct sh_buffer served;    /* hashes of users to whom something was served: likewise */
    struct sh_buffer uninvited; /* likewise: whom somebody in another shard has invited */
    uint32_t uninvited_count;
    uint32_t done_count;
    struct sh_receipt receipt; /* of users */
    uint32_t *unknown_rows;
    uint32_t unknown_count;
};

static enum sh_status resolve_all(struct each *each, struct sh_error *err) {
    struct id_list ids = each->ids;
    each->targets = sh_arena_alloc(each->call->arena, ((size_t)ids.count + 1) * sizeof *each->targets);
    each->unknown_rows = sh_arena_alloc(each->call->arena, ((size_t)ids.count + 1) * sizeof *each->unknown_rows);
    if (each->targets == NULL || each->unknown_rows == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < ids.count; i++) {
        struct sh_id_reader id;
        enum sh_status status = sh_id_read(&id, &ids.cursor, "`id`", err);
        uint64_t hash = sh_id_hash(id.text);
        if (status == SH_OK && !each->is_item)
            status = sh_workspace_resolve(each->call->workspace, &id.text, &hash, err);
        if (status != SH_OK) return status;
        char *copy = sh_arena_copy(each->call->arena, id.text.bytes, id.text.count);
        if (copy == NULL) return sh_fail_memory(err);
        each->targets[i] = (struct sh_text){copy, id.text.count};
    }
    return SH_OK;
}

/* Also of somebody who is no user: feeds are served to strangers. */
static void forget_served(struct each *each, uint64_t user_hash) {
    struct sh_learner *learner = sh_feed_learner(each->call->workspace->feed);
    if (!sh_learner_has_rates(learner)) return;
    sh_learner_forget(learner, user_hash);
    sh_buffer_append(&each->served, &user_hash, sizeof user_hash);
}

static uint32_t count_names(const struct sh_aliases *aliases, struct sh_text user) {
    const uint32_t own = sh_aliases_are_none(aliases) ? SH_SLOT_NONE : sh_table_find(aliases->ids, user);
    uint32_t count = 0;
    if (own == SH_SLOT_NONE) return 0;
    for (uint32_t name = aliases->list[own].next; name != own; name = aliases->list[name].next)
        count++;
    return count;
}

static uint64_t count_values(const struct sh_table *users, uint32_t slot) {
    uint64_t count = 0;
    int64_t value;
    for (uint32_t i = 0; i < sh_table_attribute_count(users); i++)
        count += sh_table_get(users, slot, i, &value);
    for (uint32_t set = 0; set < sh_table_tag_set_count(users); set++) {
        struct sh_tag_list tags;
        sh_table_tags(users, slot, set, &tags);
        count += tags.count;
    }
    return count;
}

/* What is about to go, for the receipt. */
static void count_person(struct each *each, struct sh_text user, uint32_t slot) {
    const struct sh_workspace *workspace = each->call->workspace;
    each->receipt.names += count_names(&workspace->aliases, user);
    if (slot == SH_SLOT_NONE) return;
    each->receipt.users++;
    each->receipt.events += sh_person_event_count(workspace, slot);
    each->receipt.values += count_values(workspace->users, slot);
}

/* One user goes, with all other names; *known if there was anything. */
static enum sh_status forget_one(struct each *each, struct sh_text user, bool *known, struct sh_error *err) {
    struct sh_workspace *workspace = each->call->workspace;
    const uint32_t slot = sh_table_find(workspace->users, user);
    enum sh_status status = SH_OK;
    bool had_names = false;
    count_person(each, user, slot);
    if (slot != SH_SLOT_NONE)
        status = sh_referral_uninvite(workspace, slot, &each->uninvited, &each->uninvited_count, err);
    if (slot != SH_SLOT_NONE && status == SH_OK)
        status = sh_workspace_forget(each->call->shard, workspace, slot, &each->visits, err);
    if (status == SH_OK) status = sh_aliases_forget(&workspace->aliases, user, &had_names, err);
    *known = slot != SH_SLOT_NONE || had_names;
    if (status == SH_OK) forget_served(each, sh_id_hash(user));
    if (!had_names) return status;
    msgpack_packer packer;
    sh_buffer_packer(&each->told, &packer);
    sh_pack_text(&packer, user);
    each->told_count++;
    return status;
}

static enum sh_status remove_one(struct sh_call *call, struct sh_text id, bool *known, struct sh_error *err) {
    struct sh_workspace *workspace = call->workspace;
    const uint32_t slot = sh_table_find(workspace->items, id);
    *known = slot != SH_SLOT_NONE && sh_bitmap_contains(&workspace->listed, slot);
    if (!*known) return SH_OK;
    if (sh_bitmap_remove(&workspace->listed, slot, NULL) != SH_OK) return sh_fail_memory(err);
    sh_feed_item_remove(workspace->feed, slot);
    return SH_OK;
}

/* The ids that were not known, as they were written, go to `unknown`. */
static enum sh_status do_each(struct each *each, struct sh_buffer *unknown, struct sh_error *err) {
    msgpack_packer packer;
    sh_buffer_packer(unknown, &packer);
    for (uint32_t i = 0; i < each->ids.count; i++) {
        struct sh_id_reader id;
        bool known;
        enum sh_status status = sh_id_read(&id, &each->ids.cursor, "`id`", err);
        if (status == SH_OK)
            status = each->is_item ? remove_one(each->call, each->targets[i], &known, err)
                                   : forget_one(each, each->targets[i], &known, err);
        if (status != SH_OK) return status;
        each->done_count += known;
        if (known) continue;
        each->unknown_rows[each->unknown_count++] = i;
        sh_pack_text(&packer, id.text);
    }
    return sh_buffer_status(unknown, err);
}

static void pack_keys(msgpack_packer *packer, const char *name, const struct sh_buffer *keys) {
    sh_pack_literal(packer, name);
    (void)msgpack_pack_array(packer, keys->count / sizeof(uint64_t));
    for (size_t at = 0; at < keys->count; at += sizeof(uint64_t)) {
        uint64_t key;
        memcpy(&key, keys->bytes + at, sizeof key);
        (void)msgpack_pack_int64(packer, (int64_t)key);
    }
}

/* Also after a failure: whose names, visits and invitations are gone here must not have them elsewhere. */
static void tell_forgotten(const struct each *each) {
    const size_t visit_count = each->visits.count / sizeof(uint64_t);
    const size_t served_count = each->served.count / sizeof(uint64_t);
    if (each->told_count + each->uninvited_count + visit_count + served_count == 0 ||
        !sh_answer_is_part(each->call->shard))
        return;
    msgpack_packer packer;
    sh_buffer_packer(each->call->answer->effects, &packer);
    (void)msgpack_pack_map(&packer, 4);
    sh_pack_literal(&packer, "forgotten");
    (void)msgpack_pack_array(&packer, each->told_count);
    sh_buffer_append(each->call->answer->effects, each->told.bytes, each->told.count);
    sh_pack_literal(&packer, "uninvited");
    (void)msgpack_pack_array(&packer, each->uninvited_count);
    sh_buffer_append(each->call->answer->effects, each->uninvited.bytes, each->uninvited.count);
    pack_keys(&packer, "visits", &each->visits);
    pack_keys(&packer, "served", &each->served);
    if (each->told.failed || each->uninvited.failed || each->visits.failed || each->served.failed)
        each->call->answer->effects->failed = true;
}

int64_t sh_forget_due(const struct sh_shard_options *options, int64_t asked_ms) {
    const uint64_t forget_ms =
        options->forget_ms != 0 ? options->forget_ms : SH_FORGET_HOURS_DEFAULT * UINT64_C(3600000);
    return asked_ms + (int64_t)forget_ms;
}

/* What is in no log is gone now. */
static void leave_receipt(struct each *each) {
    const struct sh_request *request = each->call->request;
    each->receipt.id = request->id;
    each->receipt.position = request->position;
    each->receipt.asked_ms = request->now_ms;
    each->receipt.erased_ms = request->position == 0 ? request->now_ms : INT64_MAX;
    sh_receipts_add(&each->call->workspace->receipts, &each->receipt);
}

static void pack_receipt(const struct each *each, msgpack_packer *packer) {
    char receipt[SH_REC_ID_BYTES];
    sh_rec_id_print(each->receipt.id, receipt);
    sh_pack_literal(packer, "receipt");
    sh_pack_literal(packer, receipt);
    sh_pack_literal(packer, "erased_by");
    (void)msgpack_pack_int64(packer, each->receipt.erased_ms != INT64_MAX
                                         ? each->receipt.erased_ms
                                         : sh_forget_due(&each->call->shard->options, each->receipt.asked_ms));
}

static void answer_each(const struct each *each, const struct sh_buffer *unknown) {
    struct sh_call *call = each->call;
    /* Dealt out over shards, the unknown ones come back in the request's order by their rows. */
    const bool has_rows = !each->is_item && !each->ids.is_one && sh_answer_is_part(call->shard);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 2u + has_rows + (each->is_item ? 0u : 2u));

    sh_pack_literal(&packer, each->is_item ? "removed" : "forgotten");
    (void)msgpack_pack_uint32(&packer, each->done_count);
    sh_pack_literal(&packer, "unknown");
    (void)msgpack_pack_array(&packer, each->unknown_count);
    sh_buffer_append(call->answer->body, unknown->bytes, unknown->count);
    if (!each->is_item) pack_receipt(each, &packer);
    if (!has_rows) return;
    sh_pack_literal(&packer, "rows");
    (void)msgpack_pack_array(&packer, each->unknown_count);
    for (uint32_t i = 0; i < each->unknown_count; i++)
        (void)msgpack_pack_uint32(&packer, each->unknown_rows[i]);
}

static enum sh_status handle_each_id(struct sh_call *call, bool is_item, struct sh_error *err) {
    static const char *const words[2] = {"id", "ids"};
    static const struct sh_param_names names = {words, 2, 0};
    struct sh_param params[2];
    struct each each = {.call = call, .is_item = is_item};
    const struct sh_request *request = call->request;
    enum sh_status status;
    if ((status = sh_params_read(request->params, request->params_count, &names, params, NULL, err)) != SH_OK)
        return status;
    if ((status = read_ids(&params[0], &params[1], &each.ids, err)) != SH_OK) return status;
    if ((status = check_ids(each.ids, err)) != SH_OK) return status;
    if ((status = resolve_all(&each, err)) != SH_OK) return status;
    if (!is_item && (status = sh_receipts_reserve(&call->workspace->receipts, err)) != SH_OK) return status;
    struct sh_buffer *unknown = &call->shard->scratch;
    sh_buffer_clear(unknown);
    sh_buffer_init(&each.told, SH_PART_BYTES_MAX);
    sh_buffer_init(&each.visits, SH_PART_BYTES_MAX);
    sh_buffer_init(&each.served, SH_PART_BYTES_MAX);
    sh_buffer_init(&each.uninvited, SH_PART_BYTES_MAX);
    status = do_each(&each, unknown, err);
    tell_forgotten(&each);
    sh_buffer_deinit(&each.told);
    sh_buffer_deinit(&each.visits);
    sh_buffer_deinit(&each.served);
    sh_buffer_deinit(&each.uninvited);
    if (status != SH_OK) return status;
    if (!is_item) leave_receipt(&each);
    answer_each(&each, unknown);
    return SH_OK;
}

enum sh_status sh_handle_user_forget(struct sh_call *call, struct sh_error *err) {
    return handle_each_id(call, false, err);
}

enum sh_status sh_handle_item_remove(struct sh_call *call, struct sh_error *err) {
    return handle_each_id(call, true, err);
}
