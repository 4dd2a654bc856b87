#include "shoal/client_feed.h"

#include <string.h>

#include "client_private.h"
#include "memory.h"

/* ---- Asking ---- */

struct pairs {
    struct shoal_client_writer *writer;
    size_t map;
    uint32_t count;
};

static struct pairs begin_pairs(struct shoal_client_writer *writer) {
    return (struct pairs){writer, shoal_client_begin_map(writer), 0};
}

static void write_key(struct pairs *pairs, const char *key) {
    shoal_client_write_literal(pairs->writer, key);
    pairs->count++;
}

static void write_text(struct pairs *pairs, const char *key, const char *text) {
    if (text == NULL || text[0] == '\0') return;
    write_key(pairs, key);
    shoal_client_write_literal(pairs->writer, text);
}

static void write_integer(struct pairs *pairs, const char *key, int64_t integer) {
    if (integer == 0) return;
    write_key(pairs, key);
    shoal_client_write_integer(pairs->writer, integer);
}

static void write_list(struct pairs *pairs, const char *key, const char *const *texts) {
    uint32_t count = 0;
    if (texts == NULL) return;
    write_key(pairs, key);
    const size_t list = shoal_client_begin_array(pairs->writer);
    for (; texts[count] != NULL; count++)
        shoal_client_write_literal(pairs->writer, texts[count]);
    shoal_client_end(pairs->writer, list, count);
}

static void write_after(struct pairs *pairs, const struct shoal_client_feed_request *request) {
    if (request->after_client == NULL) return;
    write_key(pairs, "after");
    shoal_client_write_map(pairs->writer, 2);
    shoal_client_write_literal(pairs->writer, "client");
    shoal_client_write_literal(pairs->writer, request->after_client);
    shoal_client_write_literal(pairs->writer, "number");
    shoal_client_write_integer(pairs->writer, (int64_t)request->after_number);
}

/* What a feed of a batch has, too. */
static void write_common(struct pairs *pairs, const struct shoal_client_feed_request *request) {
    static const char *const explains[] = {"", "none", "full"};
    write_integer(pairs, "count", request->count);
    write_text(pairs, "filter", request->filter);
    write_list(pairs, "exclude", request->exclude);
    write_list(pairs, "fields", request->fields);
    write_text(pairs, "scene", request->scene);
    write_text(pairs, "store", request->store);
    write_text(pairs, "explain", explains[request->explain]);
    if (request->seed != NULL) {
        write_key(pairs, "seed");
        shoal_client_write_integer(pairs->writer, *request->seed);
    }
    if (request->is_preview) {
        write_key(pairs, "record");
        shoal_client_write_boolean(pairs->writer, false);
    }
    write_after(pairs, request);
    if (request->rules != NULL) {
        size_t byte_count;
        const void *bytes = shoal_client_writer_bytes(request->rules, &byte_count);
        shoal_client_write_raw(pairs->writer, bytes, byte_count);
        pairs->count += request->rule_count;
    }
}

static struct pairs write_feed(struct shoal_client_writer *writer, const struct shoal_client_feed_request *request) {
    struct pairs pairs = begin_pairs(writer);
    write_text(&pairs, "user", request->user);
    write_list(&pairs, "session", request->session);
    write_text(&pairs, "cursor", request->cursor);
    write_integer(&pairs, "now", request->now_ms);
    write_integer(&pairs, "timeout_ms", request->timeout_ms);
    write_common(&pairs, request);
    return pairs;
}

static int no_memory(struct shoal_client_error *error) {
    struct sh_error err = {.status = SH_OK};
    (void)sh_fail(&err, SH_ERR_MEMORY, -1, "out of memory");
    sh_client_error_fill(error, &err, false);
    return SHOAL_CLIENT_ERR_MEMORY;
}

static int not_as_the_protocol_has_it(struct shoal_client_error *error) {
    struct sh_error err = {.status = SH_OK};
    (void)sh_fail(&err, SH_ERR_PROTOCOL, -1, "the answer is not what the protocol says of feeds");
    sh_client_error_fill(error, &err, false);
    return SHOAL_CLIENT_ERR_PROTOCOL;
}

/* ---- Reading ---- */

/* Cut to what has room, with a zero byte behind it; false: it is no text, or there is no room. */
static bool copy_text(struct shoal_client_value value, char *room, size_t room_bytes) {
    size_t byte_count;
    const char *text = shoal_client_text(value, &byte_count);
    room[0] = '\0';
    if (text == NULL || byte_count >= room_bytes) return false;
    memcpy(room, text, byte_count);
    room[byte_count] = '\0';
    return true;
}

bool shoal_client_feed_read(struct shoal_client_value result, struct shoal_client_feed *feed) {
    const struct shoal_client_value items = shoal_client_get(result, "items");
    const struct shoal_client_value cursor = shoal_client_get(result, "cursor");
    feed->cursor[0] = '\0';
    feed->count = shoal_client_count(items);
    feed->relaxed = shoal_client_get(result, "relaxed");
    feed->items = shoal_client_walk_begin(items);
    if (!copy_text(shoal_client_get(result, "rec_id"), feed->rec_id, sizeof feed->rec_id)) return false;
    if (shoal_client_value_kind(items) != SHOAL_CLIENT_ARRAY) return false;
    return shoal_client_value_kind(cursor) == SHOAL_CLIENT_ABSENT ||
           copy_text(cursor, feed->cursor, sizeof feed->cursor);
}

bool shoal_client_feed_next(struct shoal_client_feed *feed, struct shoal_client_feed_item *item) {
    if (!shoal_client_walk_next(&feed->items, NULL, &item->told)) return false;
    item->id = shoal_client_text(shoal_client_get(item->told, "id"), &item->id_bytes);
    item->score = shoal_client_real(shoal_client_get(item->told, "score"), 0);
    item->propensity = shoal_client_real(shoal_client_get(item->told, "propensity"), 1);
    return true;
}

int shoal_client_feed_get(struct shoal_client *client, const struct shoal_client_feed_request *request,
                          struct shoal_client_feed *feed, struct shoal_client_error *error) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *writer = shoal_client_writer_create();
    if (writer == NULL) return no_memory(error);
    const struct pairs pairs = write_feed(writer, request);
    shoal_client_end(writer, pairs.map, pairs.count);
    const int code = shoal_client_call(client, "feed.get", writer, SHOAL_CLIENT_IDEMPOTENT, &answer, error);
    shoal_client_writer_destroy(writer);
    if (code != SHOAL_CLIENT_OK) return code;
    return shoal_client_feed_read(answer.result, feed) ? SHOAL_CLIENT_OK : not_as_the_protocol_has_it(error);
}

int shoal_client_feed_submit(struct shoal_client *client, const struct shoal_client_feed_request *request, uint32_t *id,
                             struct shoal_client_error *error) {
    struct shoal_client_writer *writer = shoal_client_writer_create();
    if (writer == NULL) return no_memory(error);
    const struct pairs pairs = write_feed(writer, request);
    shoal_client_end(writer, pairs.map, pairs.count);
    const int code = shoal_client_submit(client, "feed.get", writer, SHOAL_CLIENT_IDEMPOTENT, id, error);
    shoal_client_writer_destroy(writer);
    return code;
}

/* ---- Why ---- */

int shoal_client_feed_why(struct shoal_client *client, const struct shoal_client_feed_request *request,
                          const char *item, struct shoal_client_fate *fate, struct shoal_client_error *error) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *writer = shoal_client_writer_create();
    if (writer == NULL) return no_memory(error);
    struct pairs pairs = write_feed(writer, request);
    write_text(&pairs, "item", item);
    shoal_client_end(writer, pairs.map, pairs.count);
    const int code = shoal_client_call(client, "feed.explain", writer, SHOAL_CLIENT_IDEMPOTENT, &answer, error);
    shoal_client_writer_destroy(writer);
    if (code != SHOAL_CLIENT_OK) return code;
    *fate = (struct shoal_client_fate){
        .shown = shoal_client_boolean(shoal_client_get(answer.result, "shown"), false),
        .place = (uint32_t)shoal_client_integer(shoal_client_get(answer.result, "place"), 0),
        .rank = (uint32_t)shoal_client_integer(shoal_client_get(answer.result, "rank"), 0),
        .score = shoal_client_real(shoal_client_get(answer.result, "score"), 0),
        .last_score = shoal_client_real(shoal_client_get(answer.result, "last_score"), 0),
        .told = answer.result,
    };
    const bool has_stage = copy_text(shoal_client_get(answer.result, "stage"), fate->stage, sizeof fate->stage);
    return has_stage ? SHOAL_CLIENT_OK : not_as_the_protocol_has_it(error);
}

/* ---- Feeds of an audience ---- */

struct shoal_client_batch {
    struct shoal_client *client;
    const struct shoal_client_feed_request *request;
    uint32_t users_a_page;
    struct shoal_client_walk feeds; /* of the page at hand */
    bool is_begun;
    bool is_done;
    char *cursor; /* of the next page; NULL: there is none */
    char where[];
};

struct shoal_client_batch *shoal_client_batch_begin(struct shoal_client *client, const char *where,
                                                    uint32_t users_a_page,
                                                    const struct shoal_client_feed_request *request) {
    const size_t where_bytes = strlen(where) + 1;
    struct shoal_client_batch *batch = sh_alloc_zero(sizeof *batch + where_bytes);
    if (batch == NULL) return NULL;
    batch->client = client;
    batch->request = request;
    batch->users_a_page = users_a_page;
    memcpy(batch->where, where, where_bytes);
    return batch;
}

/* The cursor of the answer becomes the batch's. */
static bool keep_cursor(struct shoal_client_batch *batch, struct shoal_client_value cursor) {
    size_t byte_count;
    const char *text = shoal_client_text(cursor, &byte_count);
    sh_free(batch->cursor);
    batch->cursor = NULL;
    batch->is_done = text == NULL;
    if (text == NULL) return true;
    batch->cursor = sh_alloc_zero(byte_count + 1);
    if (batch->cursor != NULL) memcpy(batch->cursor, text, byte_count);
    return batch->cursor != NULL;
}

static int ask_page(struct shoal_client_batch *batch, struct shoal_client_error *error) {
    struct shoal_client_answer answer;
    struct shoal_client_writer *writer = shoal_client_writer_create();
    if (writer == NULL) return no_memory(error);
    struct pairs pairs = begin_pairs(writer);
    write_text(&pairs, "where", batch->where);
    write_integer(&pairs, "limit", batch->users_a_page);
    write_text(&pairs, "cursor", batch->cursor);
    write_integer(&pairs, "timeout_ms", batch->request->timeout_ms);
    write_key(&pairs, "feed");
    struct pairs feed = begin_pairs(writer);
    write_common(&feed, batch->request);
    shoal_client_end(writer, feed.map, feed.count);
    shoal_client_end(writer, pairs.map, pairs.count);
    const int code = shoal_client_call(batch->client, "feed.batch", writer, SHOAL_CLIENT_IDEMPOTENT, &answer, error);
    shoal_client_writer_destroy(writer);
    if (code != SHOAL_CLIENT_OK) return code;
    batch->is_begun = true;
    batch->feeds = shoal_client_walk_begin(shoal_client_get(answer.result, "feeds"));
    return keep_cursor(batch, shoal_client_get(answer.result, "cursor")) ? SHOAL_CLIENT_OK : no_memory(error);
}

bool shoal_client_batch_next(struct shoal_client_batch *batch, const char **user, size_t *user_bytes,
                             struct shoal_client_feed *feed, struct shoal_client_error *error) {
    struct shoal_client_value told;
    *error = (struct shoal_client_error){.position = -1};
    while (!batch->is_begun || !shoal_client_walk_next(&batch->feeds, NULL, &told)) {
        if (batch->is_begun && batch->is_done) return false;
        if (ask_page(batch, error) != SHOAL_CLIENT_OK) return false;
    }
    *user = shoal_client_text(shoal_client_get(told, "user"), user_bytes);
    if (*user != NULL && shoal_client_feed_read(told, feed)) return true;
    (void)not_as_the_protocol_has_it(error);
    return false;
}

void shoal_client_batch_end(struct shoal_client_batch *batch) {
    if (batch == NULL) return;
    sh_free(batch->cursor);
    sh_free(batch);
}
