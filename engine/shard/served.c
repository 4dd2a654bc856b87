#include "served.h"

#include "calendar.h"
#include "hash.h"

enum { SERVED_ITEM_FIELDS = 7, NAME_COUNT_MAX = 32, PLACE_NONE = 255 };

/* ---- rec_id ---- */

void sh_rec_id_print(uint64_t rec, char text[SH_REC_ID_BYTES]) {
    (void)snprintf(text, SH_REC_ID_BYTES, "%llx", (unsigned long long)rec);
}

enum sh_status sh_rec_id_read(struct sh_text text, uint64_t *rec, struct sh_error *err) {
    uint64_t number = 0;
    bool is_good = text.count >= 1 && text.count < SH_REC_ID_BYTES;
    for (uint32_t i = 0; i < text.count && is_good; i++) {
        const char c = text.bytes[i];
        const bool is_digit = c >= '0' && c <= '9';
        const bool is_letter = c >= 'a' && c <= 'f';
        is_good = is_digit || is_letter;
        number = number << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    *rec = number;
    if (is_good) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1, "`rec_id` is 1 to 16 digits 0-9 a-f, as feed.get answers it");
}

/* ---- Packing what was served ---- */

bool sh_served_is_wanted(const struct sh_call *call) {
    const struct sh_learner *learner = sh_feed_learner(call->workspace->feed);
    return call->answer->follow != NULL && sh_learner_config(learner)->share > 0 &&
           sh_learner_wants(learner, call->request->id);
}

uint8_t sh_served_hour(const struct sh_workspace *workspace, int64_t now_ms) {
    const int64_t local_ms = now_ms + sh_zone_offset_ms(workspace->zone, now_ms);
    const int64_t of_day = local_ms % SH_DAY_MS;
    return (uint8_t)((of_day < 0 ? of_day + SH_DAY_MS : of_day) / (SH_DAY_MS / 24));
}

static void pack_names(msgpack_packer *packer) {
    sh_pack_literal(packer, "sources");
    (void)msgpack_pack_array(packer, SH_FEED_SOURCE_COUNT);
    for (uint32_t i = 0; i < SH_FEED_SOURCE_COUNT; i++)
        sh_pack_literal(packer, sh_feed_source_name((enum sh_feed_source)i));
    sh_pack_literal(packer, "features");
    (void)msgpack_pack_array(packer, SH_FEED_RANKER);
    for (uint32_t i = 0; i < SH_FEED_RANKER; i++)
        sh_pack_literal(packer, sh_feed_feature_name((enum sh_feed_feature)i));
}

static void pack_served_item(const struct sh_table *items, const struct sh_serving_item *item, msgpack_packer *packer) {
    const uint32_t feature_count = SH_FEED_RANKER;
    const uint32_t part_count = feature_count < SH_SHOWN_PART_COUNT ? feature_count : SH_SHOWN_PART_COUNT;
    (void)msgpack_pack_array(packer, SERVED_ITEM_FIELDS);
    sh_pack_text(packer, sh_table_id(items, item->item));
    (void)msgpack_pack_float(packer, item->score);
    (void)msgpack_pack_float(packer, item->propensity);
    (void)msgpack_pack_float(packer, item->predicted);
    (void)msgpack_pack_uint32(packer, item->sources);
    (void)msgpack_pack_uint32(packer, item->is_explored);
    (void)msgpack_pack_bin(packer, part_count);
    (void)msgpack_pack_bin_body(packer, item->parts, part_count);
}

void sh_served_pack(const struct sh_call *call, const struct sh_serving *serving, struct sh_text user) {
    msgpack_packer packer;
    char rec_id[SH_REC_ID_BYTES];
    sh_rec_id_print(call->request->id, rec_id);
    sh_buffer_packer(call->answer->follow, &packer);
    (void)msgpack_pack_map(&packer, 8u + (user.count > 0));
    sh_pack_literal(&packer, "rec_id");
    sh_pack_literal(&packer, rec_id);
    if (user.count > 0) {
        sh_pack_literal(&packer, "user");
        sh_pack_text(&packer, user);
    }
    sh_pack_literal(&packer, "now");
    (void)msgpack_pack_int64(&packer, serving->time_ms);
    sh_pack_literal(&packer, "place");
    (void)msgpack_pack_uint32(&packer, serving->places_before);
    sh_pack_literal(&packer, "hour");
    (void)msgpack_pack_uint32(&packer, serving->hour);
    sh_pack_literal(&packer, "kinds");
    (void)msgpack_pack_array(&packer, serving->kind_count);
    for (uint32_t i = 0; i < serving->kind_count; i++)
        (void)msgpack_pack_uint32(&packer, serving->kinds[i]);
    pack_names(&packer);
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_array(&packer, serving->count);
    for (uint32_t i = 0; i < serving->count; i++)
        pack_served_item(call->workspace->items, &serving->items[i], &packer);
}

/* ---- feed.served ---- */

enum {
    SERVED_REC_ID,
    SERVED_USER,
    SERVED_NOW,
    SERVED_HOUR,
    SERVED_KINDS,
    SERVED_SOURCES,
    SERVED_FEATURES,
    SERVED_ITEMS,
    SERVED_PLACE,
    SERVED_PARAM_COUNT
};

/* Names of sources or features of the build that served it: where each stands here. */
struct served_names {
    uint32_t count;
    uint8_t here[NAME_COUNT_MAX];
};

static enum sh_status read_names(const struct sh_param *param, bool are_sources, struct served_names *names,
                                 struct sh_error *err) {
    struct sh_cursor cursor;
    const char *what = are_sources ? "sources" : "features";
    const uint32_t here_count = are_sources ? (uint32_t)SH_FEED_SOURCE_COUNT : (uint32_t)SH_FEED_RANKER;
    enum sh_status status = sh_param_array(param, what, NAME_COUNT_MAX, &cursor, &names->count, err);
    for (uint32_t i = 0; i < names->count && status == SH_OK; i++) {
        struct sh_text name;
        if ((status = sh_cursor_text(&cursor, &name, "each of `sources` and `features`", err)) != SH_OK) return status;
        names->here[i] = PLACE_NONE;
        for (uint32_t k = 0; k < here_count; k++) {
            const char *known = are_sources ? sh_feed_source_name((enum sh_feed_source)k)
                                            : sh_feed_feature_name((enum sh_feed_feature)k);
            if (sh_text_equal(name, sh_text_of(known))) names->here[i] = (uint8_t)k;
        }
    }
    return status;
}

struct served {
    struct sh_call *call;
    struct sh_serving serving;
    struct sh_serving_item *items;
    struct sh_id_reader *ids; /* of the items, which become known when all of the request is good */
    struct served_names sources;
    struct served_names features;
};

static enum sh_status read_real(struct sh_cursor *cursor, double low, double high, double *real, struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(cursor, &value, err);
    if (status != SH_OK) return status;
    const bool is_int = value.kind == SH_VALUE_INT;
    *real = is_int ? (double)value.integer : value.real;
    if ((is_int || value.kind == SH_VALUE_FLOAT) && *real >= low && *real <= high) return SH_OK;
    return sh_fail(err, SH_ERR_ARGUMENT, -1,
                   "an item's score, propensity and prediction are numbers, the last two 0 to 1");
}

static enum sh_status read_parts(const struct served *served, struct sh_cursor *cursor, struct sh_serving_item *item,
                                 struct sh_error *err) {
    struct sh_value value;
    const enum sh_status status = sh_cursor_next(cursor, &value, err);
    if (status != SH_OK) return status;
    if (value.kind != SH_VALUE_BIN || value.text.count > served->features.count)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "an item's parts are a byte for each of `features`");
    for (uint32_t i = 0; i < value.text.count; i++)
        if (served->features.here[i] < SH_SHOWN_PART_COUNT)
            item->parts[served->features.here[i]] = (uint8_t)value.text.bytes[i];
    return SH_OK;
}

/* The numbers behind the id, as many as there are. */
static enum sh_status read_numbers(const struct served *served, struct sh_cursor *cursor, uint32_t count,
                                   struct sh_serving_item *item, struct sh_error *err) {
    double score = 0;
    double propensity = 1;
    double predicted = (double)item->predicted;
    int64_t sources = 0;
    int64_t is_explored = 0;
    enum sh_status status = SH_OK;
    if (count > 1) status = read_real(cursor, -1e30, 1e30, &score, err);
    if (count > 2 && status == SH_OK) status = read_real(cursor, 1e-12, 1, &propensity, err);
    if (count > 3 && status == SH_OK) status = read_real(cursor, 0, 1, &predicted, err);
    if (count > 4 && status == SH_OK)
        status = sh_cursor_integer(cursor, 0, UINT32_MAX, &sources, "bits of sources", err);
    is_explored = propensity < 1;
    if (count > 5 && status == SH_OK) status = sh_cursor_integer(cursor, 0, 1, &is_explored, "0 or 1", err);
    if (count > 6 && status == SH_OK) status = read_parts(served, cursor, item, err);
    item->score = (float)score;
    item->propensity = (float)propensity;
    item->predicted = (float)predicted;
    item->is_explored = is_explored != 0;
    for (uint32_t i = 0; i < served->sources.count; i++)
        if ((sources >> i & 1) != 0 && served->sources.here[i] != PLACE_NONE)
            item->sources |= UINT32_C(1) << served->sources.here[i];
    return status;
}

static enum sh_status read_served_item(const struct served *served, struct sh_cursor *cursor, struct sh_id_reader *id,
                                       struct sh_serving_item *item, struct sh_error *err) {
    enum sh_value_kind kind;
    uint32_t count = 1;
    enum sh_status status = sh_cursor_peek(cursor, &kind, err);
    if (status == SH_OK && kind == SH_VALUE_ARRAY) status = sh_cursor_array(cursor, &count, "an item", err);
    if (status != SH_OK) return status;
    if (count < 1 || count > SERVED_ITEM_FIELDS)
        return sh_fail(err, SH_ERR_ARGUMENT, -1, "each of `items` is an id or an array of an id and up to 6 numbers");
    if ((status = sh_id_read(id, cursor, "each of `items`", err)) != SH_OK) return status;
    *item = (struct sh_serving_item){.predicted = 0.05f};
    memset(item->parts, 128, sizeof item->parts);
    return read_numbers(served, cursor, count, item, err);
}

static enum sh_status read_served_items(struct served *served, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_require(param, "items", err);
    if (status == SH_OK) status = sh_param_array(param, "items", SH_FEED_COUNT_MAX, &cursor, &count, err);
    if (status != SH_OK) return status;
    served->items = sh_arena_alloc(served->call->arena, ((size_t)count + 1) * sizeof *served->items);
    served->ids = sh_arena_alloc(served->call->arena, ((size_t)count + 1) * sizeof *served->ids);
    if (served->items == NULL || served->ids == NULL) return sh_fail_memory(err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++)
        status = read_served_item(served, &cursor, &served->ids[i], &served->items[i], err);
    served->serving.items = served->items;
    served->serving.count = count;
    return status;
}

static enum sh_status read_kinds(struct served *served, const struct sh_param *param, struct sh_error *err) {
    struct sh_cursor cursor;
    uint32_t count;
    enum sh_status status = sh_param_array(param, "kinds", SH_SERVED_KIND_COUNT, &cursor, &count, err);
    for (uint32_t i = 0; i < count && status == SH_OK; i++) {
        int64_t kind;
        status = sh_cursor_integer(&cursor, 0, UINT32_MAX, &kind, "each of `kinds`", err);
        served->serving.kinds[i] = (uint32_t)kind;
    }
    served->serving.kind_count = (uint8_t)count;
    return status;
}

static enum sh_status read_served(struct served *served, const struct sh_param *params, struct sh_error *err) {
    struct sh_workspace *workspace = served->call->workspace;
    struct sh_serving *serving = &served->serving;
    struct sh_text rec_id;
    enum sh_status status;
    if ((status = sh_param_needed_text(&params[SERVED_REC_ID], "rec_id", &rec_id, err)) != SH_OK) return status;
    if ((status = sh_rec_id_read(rec_id, &serving->rec, err)) != SH_OK) return status;
    if ((status = sh_read_now(&params[SERVED_NOW], served->call, &serving->time_ms, err)) != SH_OK) return status;
    /* A feed that is yet to come would be the latest for ever, and nothing before it learned. */
    if (serving->time_ms > served->call->request->now_ms) serving->time_ms = served->call->request->now_ms;
    int64_t hour = sh_served_hour(workspace, serving->time_ms);
    if ((status = sh_param_integer(&params[SERVED_HOUR], "hour", 0, 23, &hour, err)) != SH_OK) return status;
    serving->hour = (uint8_t)hour;
    int64_t place = 0;
    status = sh_param_integer(&params[SERVED_PLACE], "place", 0, SH_SERVED_PLACE_MAX, &place, err);
    if (status != SH_OK) return status;
    serving->places_before = (uint32_t)place;
    if (sh_param_given(&params[SERVED_USER])) {
        struct sh_cursor cursor;
        struct sh_id_reader user;
        sh_param_cursor(&params[SERVED_USER], &cursor);
        if ((status = sh_id_read(&user, &cursor, "`user`", err)) != SH_OK) return status;
        serving->user_hash = sh_id_hash(sh_aliases_resolve(&workspace->aliases, user.text));
    }
    if ((status = read_kinds(served, &params[SERVED_KINDS], err)) != SH_OK) return status;
    if ((status = read_names(&params[SERVED_SOURCES], true, &served->sources, err)) != SH_OK) return status;
    if ((status = read_names(&params[SERVED_FEATURES], false, &served->features, err)) != SH_OK) return status;
    return read_served_items(served, &params[SERVED_ITEMS], err);
}

/* Items that nobody named yet become known, unlisted. */
static enum sh_status name_served(struct served *served, struct sh_error *err) {
    struct sh_table *items = served->call->workspace->items;
    enum sh_status status = SH_OK;
    for (uint32_t i = 0; i < served->serving.count && status == SH_OK; i++) {
        const struct sh_text id = served->ids[i].text;
        status = sh_table_intern(items, id, sh_id_hash(id), &served->items[i].item, NULL, err);
    }
    return status;
}

enum sh_status sh_handle_feed_served(struct sh_call *call, struct sh_error *err) {
    static const char *const words[SERVED_PARAM_COUNT] = {"rec_id",  "user",     "now",   "hour", "kinds",
                                                          "sources", "features", "items", "place"};
    struct sh_param params[SERVED_PARAM_COUNT];
    struct served served = {.call = call};
    enum sh_status status = sh_call_params(call, words, SERVED_PARAM_COUNT, params, err);
    if (status == SH_OK) status = read_served(&served, params, err);
    if (status == SH_OK) status = name_served(&served, err);
    if (status != SH_OK) return status;
    sh_learner_serve(sh_feed_learner(call->workspace->feed), &served.serving);
    msgpack_packer packer;
    sh_answer_begin(call, &packer, 0);
    return SH_OK;
}

/* ---- What becomes of it ---- */

enum sh_goal sh_served_goal(const struct sh_workspace *workspace, uint32_t type) {
    const struct sh_learner_config *config = sh_learner_config(sh_feed_learner(workspace->feed));
    if (config->goal_of_type[type] != SH_LEARNER_GOAL_BY_NAME) return (enum sh_goal)config->goal_of_type[type];
    const struct sh_feed_weight weight = sh_feed_weight(workspace->feed, type);
    if (weight.is_bought) return SH_GOAL_PURCHASE;
    if (sh_text_equal(sh_event_type(workspace->events, type)->name, SH_TEXT_LITERAL("cart"))) return SH_GOAL_CART;
    return weight.is_seen ? SH_GOAL_CLICK : SH_GOAL_NONE;
}

/* Amounts of types with other scales add up in hundredths. */
static int64_t in_hundredths(const struct sh_event *event, uint32_t scale) {
    int64_t amount = event->has_amount ? event->amount : 0;
    for (; scale > 2; scale--)
        amount /= 10;
    for (; scale < 2; scale++)
        if (__builtin_mul_overflow(amount, 10, &amount)) return INT64_MAX;
    return amount;
}

bool sh_served_act(struct sh_workspace *workspace, uint64_t rec, const struct sh_event *event,
                   struct sh_learner_act *act) {
    const enum sh_goal goal = sh_served_goal(workspace, event->type);
    if (event->item == SH_NO_ITEM || goal == SH_GOAL_NONE) return false;
    *act = (struct sh_learner_act){.rec = rec, .item = event->item, .goal = goal};
    if (goal == SH_GOAL_PURCHASE)
        act->amount = in_hundredths(event, sh_event_type(workspace->events, event->type)->amount_scale);
    if (act->amount < 0) act->amount = 0;
    (void)sh_learner_act(sh_feed_learner(workspace->feed), act);
    return true;
}
