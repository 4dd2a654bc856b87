/* embedded.c -- include/shoal/shoal.h: one shard in the caller's thread, behind plain C calls.
 *
 * Every call packs the params of a method, goes through the shard's door, and reads the answer: the engine has one way
 * in, whoever calls.
 */
#include "embedded_private.h"

#include <time.h>

#include "memory.h"
#include "trainer.h"

enum { PAGE_ROWS = 65536 }; /* ids asked for at a time by shoal_list */

static const char workspace_name[] = "default";

struct shoal_row {
    struct sh_buffer pairs; /* name, value, name, value ... */
    uint32_t count;
};

/* ---- Faults ---- */

static int give_error(struct shoal_error *error, const struct sh_error *err) {
    if (error == NULL) return (int)err->status;
    memset(error, 0, sizeof *error);
    error->code = (int)err->status;
    error->position = err->position;
    (void)snprintf(error->status, sizeof error->status, "%s", sh_status_name(err->status));
    (void)snprintf(error->message, sizeof error->message, "%s", err->message);
    (void)snprintf(error->hint, sizeof error->hint, "%s", err->hint);
    return error->code;
}

int sh_embedded_fault(struct shoal_error *error, enum sh_status status, const char *words) {
    struct sh_error err;
    (void)sh_fail(&err, status, -1, "%s", words);
    return give_error(error, &err);
}

/* ---- The door ---- */

static uint64_t read_clock(void *context) {
    (void)context;
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static int64_t present(const struct shoal *engine) {
    if (engine->now_ms != SHOAL_NOW_SYSTEM) return engine->now_ms;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A training that was asked for happens at once: nobody else is there to be disturbed. Its likings and its table go
 * through the door like anybody's, through a body of their own. */
static enum sh_status train(struct shoal *engine, const struct sh_request *asked, struct sh_error *err) {
    struct sh_trainer *trainer = sh_trainer_find_due(engine->shard, NULL, asked->now_ms);
    struct sh_buffer body;
    if (trainer == NULL) return SH_OK;
    sh_buffer_init(&body, SH_ANSWER_BYTES_MAX);
    while (sh_trainer_phase(trainer) != SH_TRAINER_DONE) {
        if (sh_trainer_phase(trainer) == SH_TRAINER_TRAINING) {
            sh_trainer_compute(trainer);
            continue;
        }
        struct sh_request request = *asked;
        const struct sh_answer answer = {.body = &body};
        struct sh_error fault;
        request.seq = 0;
        request.id = engine->next_id++;
        sh_trainer_next(trainer, &request);
        sh_buffer_clear(&body);
        const enum sh_status status = sh_shard_apply(engine->shard, &request, &answer, &fault);
        sh_trainer_take(trainer, status, &fault, &body);
    }
    const bool is_well = sh_trainer_is_well(trainer, err);
    sh_trainer_destroy(trainer);
    sh_buffer_deinit(&body);
    return is_well ? SH_OK : err->status;
}

/* What a feed leaves to be remembered. There is nobody to tell if that fails: it is one feed that is not learned from. */
static void follow(struct shoal *engine, const struct sh_request *asked) {
    struct sh_error err;
    if (engine->follow.count == 0 || engine->follow.failed) return;
    struct sh_request request = *asked;
    request.method = sh_method_find(SH_TEXT_LITERAL("feed.served"), &err);
    request.params = engine->follow.bytes;
    request.params_count = engine->follow.count;
    request.id = engine->next_id++;
    sh_buffer_clear(&engine->aside);
    const struct sh_answer answer = {.body = &engine->aside};
    (void)!sh_shard_apply(engine->shard, &request, &answer, &err);
}

/* One method; its answer is in engine->body, complete. */
static int ask(struct shoal *engine, const char *method, const void *params, size_t params_count,
               struct shoal_error *error) {
    static const uint8_t empty_map[] = {0x80};
    struct sh_error err = {.status = SH_OK};
    const struct sh_method *found = sh_method_find(sh_text_of(method), &err);
    if (found == NULL) return give_error(error, &err);
    if (found->internal) return sh_embedded_fault(error, SH_ERR_NAME, "this method is for shards of a server only");
    const struct sh_request request = {
        .method = found,
        .workspace = sh_text_of(workspace_name),
        .params = params_count == 0 ? empty_map : params,
        .params_count = params_count == 0 ? sizeof empty_map : params_count,
        .now_ms = present(engine),
        .id = engine->next_id++,
        .clock_ns = read_clock,
        .begin_ns = read_clock(NULL),
    };
    const struct sh_answer answer = {.body = &engine->body, .follow = &engine->follow};
    const uint64_t begin = request.begin_ns;
    sh_buffer_clear(&engine->body);
    sh_buffer_clear(&engine->follow);
    sh_shard_tick(engine->shard, request.now_ms);
    if (sh_shard_apply(engine->shard, &request, &answer, &err) != SH_OK) return give_error(error, &err);
    if (strcmp(found->name, "model.train") == 0 && train(engine, &request, &err) != SH_OK)
        return give_error(error, &err);
    follow(engine, &request);
    msgpack_packer packer;
    sh_buffer_packer(&engine->body, &packer);
    sh_pack_literal(&packer, "took_us");
    (void)msgpack_pack_uint64(&packer, (read_clock(NULL) - begin) / 1000);
    if (sh_buffer_status(&engine->body, &err) != SH_OK) return give_error(error, &err);
    return SHOAL_OK;
}

int shoal_call(struct shoal *engine, const char *method, const void *params, size_t params_count, const void **answer,
               size_t *answer_count, struct shoal_error *error) {
    if (params_count > SH_FRAME_BYTES_MAX)
        return sh_embedded_fault(error, SH_ERR_TOO_LARGE, "the params are too large");
    const int code = ask(engine, method, params, params_count, error);
    if (answer != NULL) *answer = code == SHOAL_OK ? engine->body.bytes : NULL;
    if (answer_count != NULL) *answer_count = code == SHOAL_OK ? engine->body.count : 0;
    return code;
}

void sh_embedded_begin(struct shoal *engine, msgpack_packer *packer, uint32_t pair_count) {
    sh_buffer_clear(&engine->params);
    sh_buffer_packer(&engine->params, packer);
    (void)msgpack_pack_map(packer, pair_count);
}

void sh_embedded_pack(msgpack_packer *packer, const char *name, const char *text) {
    sh_pack_literal(packer, name);
    sh_pack_literal(packer, text == NULL ? "" : text); /* the shard has the words for an empty one */
}

int sh_embedded_ask(struct shoal *engine, const char *method, struct shoal_error *error) {
    struct sh_error err;
    if (sh_buffer_status(&engine->params, &err) != SH_OK) return give_error(error, &err);
    return ask(engine, method, engine->params.bytes, engine->params.count, error);
}

void sh_embedded_read(const struct shoal *engine, struct sh_answer_map *map) {
    const struct sh_answer_pair all = {.begin = engine->body.bytes, .end = engine->body.bytes + engine->body.count};
    sh_answer_map_read(map, &all);
}

/* ---- Life ---- */

int shoal_open(const struct shoal_options *options, struct shoal **opened, struct shoal_error *error) {
    const struct sh_shard_options shard_options = {.shard_index = 0, .shard_count = 1};
    struct sh_error err;
    *opened = NULL;
    struct shoal *engine = sh_alloc_zero(sizeof *engine);
    if (engine == NULL) return sh_embedded_fault(error, SH_ERR_MEMORY, "out of memory");
    engine->now_ms = SHOAL_NOW_SYSTEM;
    engine->next_id = 1;
    sh_buffer_init(&engine->params, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&engine->body, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&engine->follow, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&engine->aside, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&engine->text, SH_ANSWER_BYTES_MAX);
    if (sh_shard_create(&shard_options, &engine->shard, &err) != SH_OK) {
        shoal_close(engine);
        return give_error(error, &err);
    }
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 1);
    sh_embedded_pack(&packer, "zone", options != NULL && options->zone != NULL ? options->zone : "UTC");
    const int code = sh_embedded_ask(engine, "schema.put", error);
    if (code != SHOAL_OK) {
        shoal_close(engine);
        return code;
    }
    *opened = engine;
    return SHOAL_OK;
}

void shoal_close(struct shoal *engine) {
    if (engine == NULL) return;
    sh_shard_destroy(engine->shard);
    sh_buffer_deinit(&engine->params);
    sh_buffer_deinit(&engine->body);
    sh_buffer_deinit(&engine->follow);
    sh_buffer_deinit(&engine->aside);
    sh_buffer_deinit(&engine->text);
    sh_free(engine);
}

void shoal_set_now(struct shoal *engine, int64_t now_ms) {
    engine->now_ms = now_ms;
}

/* ---- Schema ---- */

/* 0 leaves the scale to its default. */
static void pack_scale(msgpack_packer *packer, const char *name, int scale) {
    if (scale == 0) return;
    sh_pack_literal(packer, name);
    (void)msgpack_pack_int(packer, scale == SHOAL_SCALE_WHOLE ? 0 : scale);
}

static void pack_attribute(msgpack_packer *packer, const struct shoal_attribute *attribute) {
    static const char *const names[] = {"bool", "int", "decimal", "time", "date", "enum", "string"};
    const bool is_known = (unsigned)attribute->type < sizeof names / sizeof *names;
    const bool has_scale = attribute->type == SHOAL_DECIMAL && attribute->scale != 0;
    const bool has_labels = attribute->type == SHOAL_ENUM;
    (void)msgpack_pack_map(packer, 2u + has_scale + has_labels);
    sh_embedded_pack(packer, "name", attribute->name == NULL ? "" : attribute->name);
    sh_embedded_pack(packer, "type", is_known ? names[attribute->type] : "unknown");
    if (has_scale) pack_scale(packer, "scale", attribute->scale);
    if (!has_labels) return;
    sh_pack_literal(packer, "labels");
    (void)msgpack_pack_array(packer, attribute->label_count);
    for (size_t i = 0; i < attribute->label_count; i++)
        sh_pack_literal(packer, attribute->labels[i]);
}

static const char *table_key(enum shoal_table table) {
    return table == SHOAL_ITEMS ? "items" : "users";
}

int shoal_define(struct shoal *engine, enum shoal_table table, const struct shoal_attribute *attribute,
                 struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 1);
    sh_pack_literal(&packer, table_key(table));
    (void)msgpack_pack_map(&packer, 1);
    sh_pack_literal(&packer, "attributes");
    (void)msgpack_pack_array(&packer, 1);
    pack_attribute(&packer, attribute);
    return sh_embedded_ask(engine, "schema.put", error);
}

int shoal_define_tags(struct shoal *engine, enum shoal_table table, const char *tag_set, struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 1);
    sh_pack_literal(&packer, table_key(table));
    (void)msgpack_pack_map(&packer, 1);
    sh_pack_literal(&packer, "tag_sets");
    (void)msgpack_pack_array(&packer, 1);
    (void)msgpack_pack_map(&packer, 1);
    sh_embedded_pack(&packer, "name", tag_set);
    return sh_embedded_ask(engine, "schema.put", error);
}

int shoal_define_event(struct shoal *engine, const char *name, int amount_scale,
                       const struct shoal_attribute *properties, size_t property_count, struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 1);
    sh_pack_literal(&packer, "events");
    (void)msgpack_pack_array(&packer, 1);
    (void)msgpack_pack_map(&packer, 2u + (amount_scale != 0));
    sh_embedded_pack(&packer, "name", name);
    pack_scale(&packer, "amount_scale", amount_scale);
    sh_pack_literal(&packer, "properties");
    (void)msgpack_pack_array(&packer, property_count);
    for (size_t i = 0; i < property_count; i++)
        pack_attribute(&packer, &properties[i]);
    return sh_embedded_ask(engine, "schema.put", error);
}

/* ---- Rows ---- */

struct shoal_row *shoal_row_create(void) {
    struct shoal_row *row = sh_alloc_zero(sizeof *row);
    if (row != NULL) sh_buffer_init(&row->pairs, SH_FRAME_BYTES_MAX);
    return row;
}

void shoal_row_destroy(struct shoal_row *row) {
    if (row == NULL) return;
    sh_buffer_deinit(&row->pairs);
    sh_free(row);
}

void shoal_row_clear(struct shoal_row *row) {
    sh_buffer_clear(&row->pairs);
    row->count = 0;
}

static msgpack_packer begin_field(struct shoal_row *row, const char *field) {
    msgpack_packer packer;
    sh_buffer_packer(&row->pairs, &packer);
    sh_pack_literal(&packer, field);
    row->count++;
    return packer;
}

void shoal_row_missing(struct shoal_row *row, const char *field) {
    msgpack_packer packer = begin_field(row, field);
    (void)msgpack_pack_nil(&packer);
}

void shoal_row_boolean(struct shoal_row *row, const char *field, bool value) {
    msgpack_packer packer = begin_field(row, field);
    if (value)
        (void)msgpack_pack_true(&packer);
    else
        (void)msgpack_pack_false(&packer);
}

void shoal_row_integer(struct shoal_row *row, const char *field, int64_t value) {
    msgpack_packer packer = begin_field(row, field);
    (void)msgpack_pack_int64(&packer, value);
}

void shoal_row_text(struct shoal_row *row, const char *field, const char *value) {
    msgpack_packer packer = begin_field(row, field);
    if (value == NULL)
        (void)msgpack_pack_nil(&packer);
    else
        sh_pack_literal(&packer, value);
}

static void pack_tags(msgpack_packer *packer, const char *const *tags, size_t tag_count) {
    (void)msgpack_pack_array(packer, tag_count);
    for (size_t i = 0; i < tag_count; i++)
        sh_pack_literal(packer, tags[i]);
}

void shoal_row_tags(struct shoal_row *row, const char *tag_set, const char *const *tags, size_t tag_count) {
    msgpack_packer packer = begin_field(row, tag_set);
    pack_tags(&packer, tags, tag_count);
}

void shoal_row_change_tags(struct shoal_row *row, const char *tag_set, const char *const *added, size_t added_count,
                           const char *const *removed, size_t removed_count) {
    msgpack_packer packer = begin_field(row, tag_set);
    (void)msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "add");
    pack_tags(&packer, added, added_count);
    sh_pack_literal(&packer, "remove");
    pack_tags(&packer, removed, removed_count);
}

static void pack_row(struct shoal *engine, const struct shoal_row *row) {
    if (row == NULL) return;
    if (row->pairs.failed) engine->params.failed = true;
    sh_buffer_append(&engine->params, row->pairs.bytes, row->pairs.count);
}

/* A batch of one row was answered: the reason if it was refused. */
static int read_refusal(const struct shoal *engine, struct shoal_error *error) {
    struct sh_answer_map answer;
    struct sh_answer_map refused;
    struct sh_answer_list list;
    sh_embedded_read(engine, &answer);
    sh_answer_list_begin(&list, sh_answer_map_find(&answer, "refused"));
    if (!sh_answer_list_next(&list)) return SHOAL_OK;
    const struct sh_answer_pair pair = {.begin = list.begin, .end = list.end};
    sh_answer_map_read(&refused, &pair);
    struct sh_error err;
    const struct sh_text message = sh_answer_map_text(&refused, "message");
    const struct sh_text hint = sh_answer_map_text(&refused, "hint");
    const enum sh_status status = (enum sh_status)sh_answer_map_uint(&refused, "code");
    (void)sh_fail(&err, status, -1, "%.*s", SH_TEXT_ARGS(message));
    if (hint.count > 0) (void)sh_fail_hint(&err, status, "%.*s", SH_TEXT_ARGS(hint));
    return give_error(error, &err);
}

int shoal_put(struct shoal *engine, enum shoal_table table, const char *id, const struct shoal_row *row,
              struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 1);
    sh_pack_literal(&packer, table == SHOAL_ITEMS ? "item" : "user");
    (void)msgpack_pack_map(&packer, 1u + (row == NULL ? 0 : row->count));
    sh_embedded_pack(&packer, "id", id);
    pack_row(engine, row);
    const int code = sh_embedded_ask(engine, table == SHOAL_ITEMS ? "item.put" : "user.put", error);
    return code == SHOAL_OK ? read_refusal(engine, error) : code;
}

static int ask_for_id(struct shoal *engine, const char *method, const char *id, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    struct sh_answer_list unknown;
    sh_embedded_begin(engine, &packer, 1);
    sh_embedded_pack(&packer, "id", id);
    const int code = sh_embedded_ask(engine, method, error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    sh_answer_list_begin(&unknown, sh_answer_map_find(&answer, "unknown"));
    return unknown.left == 0 ? SHOAL_OK : sh_embedded_fault(error, SH_ERR_NOT_FOUND, "nobody and nothing has that id");
}

int shoal_forget(struct shoal *engine, const char *user, struct shoal_error *error) {
    return ask_for_id(engine, "user.forget", user, error);
}

int shoal_merge(struct shoal *engine, const char *from, const char *into, struct shoal_error *error) {
    msgpack_packer packer;
    sh_embedded_begin(engine, &packer, 2);
    sh_embedded_pack(&packer, "from", from);
    sh_embedded_pack(&packer, "into", into);
    return sh_embedded_ask(engine, "user.merge", error);
}

int shoal_unlist(struct shoal *engine, const char *item, struct shoal_error *error) {
    return ask_for_id(engine, "item.remove", item, error);
}

int shoal_append(struct shoal *engine, const struct shoal_event *event, const struct shoal_row *properties,
                 bool *duplicate, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 1);
    sh_pack_literal(&packer, "event");
    (void)msgpack_pack_map(&packer, 3u + (event->item != NULL) + (event->amount != NULL) + (event->id != NULL) +
                                        (properties == NULL ? 0 : properties->count));
    sh_embedded_pack(&packer, "type", event->type);
    sh_embedded_pack(&packer, "user", event->user);
    sh_pack_literal(&packer, "time");
    (void)msgpack_pack_int64(&packer, event->time_ms);
    if (event->item != NULL) sh_embedded_pack(&packer, "item", event->item);
    if (event->amount != NULL) sh_embedded_pack(&packer, "amount", event->amount);
    if (event->id != NULL) sh_embedded_pack(&packer, "id", event->id);
    pack_row(engine, properties);
    const int code = sh_embedded_ask(engine, "event.append", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    if (duplicate != NULL) *duplicate = sh_answer_map_uint(&answer, "duplicates") > 0;
    return read_refusal(engine, error);
}

/* ---- Audiences ---- */

int shoal_count(struct shoal *engine, const char *where, uint64_t *count, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 1);
    sh_embedded_pack(&packer, "where", where);
    const int code = sh_embedded_ask(engine, "audience.count", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    *count = sh_answer_map_uint(&answer, "count");
    return SHOAL_OK;
}

bool sh_embedded_give_ids(const struct sh_answer_map *answer, const char *key, shoal_each_id *each, void *context) {
    struct sh_answer_list list;
    sh_answer_list_begin(&list, sh_answer_map_find(answer, key));
    while (sh_answer_list_next(&list)) {
        const struct sh_text id = sh_answer_list_value(&list).text;
        if (!each(context, id.bytes, id.count)) return false;
    }
    return true;
}

/* The following pages of a frozen audience, or its end before that. */
static int list_on(struct shoal *engine, uint64_t left, shoal_each_id *each, void *context, struct shoal_error *error) {
    struct sh_answer_map answer;
    bool goes_on = true;
    for (;;) {
        msgpack_packer packer;
        sh_embedded_read(engine, &answer);
        const struct sh_text cursor = sh_answer_map_text(&answer, "cursor");
        if (cursor.count == 0) return SHOAL_OK;
        goes_on = goes_on && left > 0;
        sh_embedded_begin(engine, &packer, goes_on ? 2 : 1);
        sh_pack_literal(&packer, "cursor");
        sh_pack_text(&packer, cursor);
        if (!goes_on) return sh_embedded_ask(engine, "audience.close", error);
        const uint64_t size = left < PAGE_ROWS ? left : PAGE_ROWS;
        sh_pack_literal(&packer, "limit");
        (void)msgpack_pack_uint64(&packer, size);
        const int code = sh_embedded_ask(engine, "audience.list", error);
        if (code != SHOAL_OK) return code;
        left -= size;
        sh_embedded_read(engine, &answer);
        goes_on = sh_embedded_give_ids(&answer, "ids", each, context);
    }
}

int shoal_list(struct shoal *engine, const char *where, const struct shoal_list_options *options, shoal_each_id *each,
               void *context, uint64_t *count, struct shoal_error *error) {
    static const struct shoal_list_options defaults = {0};
    const struct shoal_list_options *wanted = options == NULL ? &defaults : options;
    const uint64_t limit = wanted->limit == 0 ? UINT64_MAX : wanted->limit;
    const uint64_t size = limit < PAGE_ROWS ? limit : PAGE_ROWS;
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, wanted->order == NULL ? 3 : 5);
    sh_embedded_pack(&packer, "where", where);
    sh_pack_literal(&packer, "limit");
    (void)msgpack_pack_uint64(&packer, size);
    sh_pack_literal(&packer, "keep");
    (void)(limit > size ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
    if (wanted->order != NULL) {
        sh_embedded_pack(&packer, "order", wanted->order);
        sh_pack_literal(&packer, "desc");
        (void)(wanted->descending ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
    }
    const int code = sh_embedded_ask(engine, "audience.list", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    if (count != NULL) *count = sh_answer_map_uint(&answer, "count");
    const bool goes_on = sh_embedded_give_ids(&answer, "ids", each, context);
    return list_on(engine, goes_on ? limit - size : 0, each, context, error);
}

int shoal_sample(struct shoal *engine, const char *where, uint64_t size, const char *seed, shoal_each_id *each,
                 void *context, struct shoal_error *error) {
    const bool has_seed = seed != NULL && seed[0] != '\0';
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 2u + has_seed);
    sh_embedded_pack(&packer, "where", where);
    sh_pack_literal(&packer, "count");
    (void)msgpack_pack_uint64(&packer, size);
    if (has_seed) sh_embedded_pack(&packer, "seed", seed);
    const int code = sh_embedded_ask(engine, "audience.sample", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    (void)sh_embedded_give_ids(&answer, "ids", each, context);
    return SHOAL_OK;
}

int shoal_explain(struct shoal *engine, const char *where, bool measured, const char **text,
                  struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    sh_embedded_begin(engine, &packer, 2);
    sh_embedded_pack(&packer, "where", where);
    sh_pack_literal(&packer, "analyze");
    (void)(measured ? msgpack_pack_true(&packer) : msgpack_pack_false(&packer));
    const int code = sh_embedded_ask(engine, "audience.explain", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    sh_buffer_clear(&engine->text);
    sh_buffer_append_text(&engine->text, sh_answer_map_text(&answer, "text"));
    sh_buffer_append(&engine->text, "", 1);
    if (engine->text.failed) return sh_embedded_fault(error, SH_ERR_MEMORY, "out of memory");
    *text = (const char *)engine->text.bytes;
    return SHOAL_OK;
}

/* ---- Feeds ---- */

static void read_feed_item(const struct sh_answer_list *list, struct shoal_feed_item *item) {
    struct sh_answer_map map;
    struct sh_answer_map reason;
    struct sh_answer_list reasons;
    const struct sh_answer_pair pair = {.begin = list->begin, .end = list->end};
    sh_answer_map_read(&map, &pair);
    const struct sh_text id = sh_answer_map_text(&map, "id");
    *item = (struct shoal_feed_item){.id = id.bytes, .id_count = id.count, .reason = "", .reason_name = ""};
    item->score = sh_answer_map_real(&map, "score");
    sh_answer_list_begin(&reasons, sh_answer_map_find(&map, "reasons"));
    if (!sh_answer_list_next(&reasons)) return;
    const struct sh_answer_pair first = {.begin = reasons.begin, .end = reasons.end};
    sh_answer_map_read(&reason, &first);
    const struct sh_text kind = sh_answer_map_text(&reason, "kind");
    const struct sh_text name = sh_answer_map_text(&reason, "name");
    item->reason = kind.bytes;
    item->reason_count = kind.count;
    if (name.count == 0) return;
    item->reason_name = name.bytes;
    item->reason_name_count = name.count;
}

int shoal_feed(struct shoal *engine, const char *user, uint32_t count, const char *filter, shoal_each_item *each,
               void *context, struct shoal_error *error) {
    msgpack_packer packer;
    struct sh_answer_map answer;
    struct sh_answer_list list;
    sh_embedded_begin(engine, &packer, filter == NULL ? 2 : 3);
    sh_embedded_pack(&packer, "user", user);
    sh_pack_literal(&packer, "count");
    (void)msgpack_pack_uint32(&packer, count);
    if (filter != NULL) sh_embedded_pack(&packer, "filter", filter);
    const int code = sh_embedded_ask(engine, "feed.get", error);
    if (code != SHOAL_OK) return code;
    sh_embedded_read(engine, &answer);
    sh_answer_list_begin(&list, sh_answer_map_find(&answer, "items"));
    while (sh_answer_list_next(&list)) {
        struct shoal_feed_item item;
        read_feed_item(&list, &item);
        if (!each(context, &item)) break;
    }
    return SHOAL_OK;
}
