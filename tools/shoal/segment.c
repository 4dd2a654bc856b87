#include "segment.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "bounds.h"
#include "calendar.h"
#include "hash.h"
#include "memory.h"
#include "row_pack.h"
#include "segment_value.h"

enum { ID_BYTES_MAX = 255 };

/* One message, while it is taken. */
struct message {
    struct segment *segment;
    const char *source;
    struct sh_text line;
    uint64_t place;
    struct sh_text user;
    struct sh_text reason; /* why it is no good; count 0 while it is */
    char user_room[64];
};

enum sh_status segment_init(struct segment *segment, struct stream *stream, const char *zone, struct sh_error *err) {
    memset(segment, 0, sizeof *segment);
    segment->stream = stream;
    segment->err = err;
    return segment_names_init(&segment->names, stream, zone, err);
}

void segment_deinit(struct segment *segment) {
    segment_names_deinit(&segment->names);
}

/* Was this there lately? It is from now on. */
static bool know(struct segment *segment, uint64_t hash) {
    uint64_t *place = &segment->known[hash % SEGMENT_KNOWN_COUNT];
    const bool is_known = *place == hash;
    *place = hash;
    return is_known;
}

/* --- maps whose number of pairs is not known yet --- */

static size_t begin_map(struct sh_buffer *rows) {
    const uint8_t head[5] = {0xDF, 0, 0, 0, 0};
    const size_t at = rows->count;
    sh_buffer_append(rows, head, sizeof head);
    return at;
}

static void end_map(struct sh_buffer *rows, size_t at, uint32_t count) {
    if (!rows->failed) (void)row_put_head(rows->bytes + at, 0xDF, count, 4);
}

static void pack_pair(struct sh_buffer *rows, const char *name, struct sh_text value) {
    row_pack_text(rows, sh_text_of(name));
    row_pack_text(rows, value);
}

/* --- fields --- */

static bool is_one_of(const char *name, const char *const *names) {
    for (; names != NULL && *names != NULL; names++)
        if (strcmp(name, *names) == 0) return true;
    return false;
}

/* What the parts of an object go to. */
struct target {
    struct segment_table *table;
    struct sh_buffer *rows;
    const char *const *left_out; /* names at the top, ended by NULL */
    bool texts_only;             /* numbers and booleans at the top are left out */
    uint32_t count;
};

static enum sh_status pack_field(struct message *message, struct target *target, struct sh_text name,
                                 const json_t *value) {
    struct segment *segment = message->segment;
    struct segment_field *field;
    const enum sh_status status = segment_field_of(&segment->names, target->table, name, value, &field, segment->err);
    if (status != SH_OK || field == NULL) return status;
    const size_t before = target->rows->count;
    row_pack_text(target->rows, name);
    bool fits = field->type != SEGMENT_DROPPED;
    if (fits && json_is_null(value))
        row_pack_nil(target->rows);
    else
        fits = fits && segment_pack_value(field, value, target->rows);
    if (fits) {
        target->count++;
        return SH_OK;
    }
    target->rows->count = before;
    segment->misfits++;
    return SH_OK;
}

/* A null says nothing of a name that is not there; of one that is, it takes the value away. */
static enum sh_status pack_fields(struct message *message, struct target *target, const char *prefix,
                                  const json_t *object, uint32_t depth) {
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)object, key, value) {
        char name[SH_NAME_BYTES_MAX + 2];
        if (depth == 0 && is_one_of(key, target->left_out)) continue;
        if (depth == 0 && target->texts_only && !json_is_string(value)) continue;
        const int length = snprintf(name, sizeof name, "%s%s", prefix, key);
        const bool is_long = length > SH_NAME_BYTES_MAX;
        enum sh_status status = SH_OK;
        if (json_is_object(value) && !is_long && depth + 1 < SEGMENT_DEPTH_MAX) {
            char inner[SH_NAME_BYTES_MAX + 2];
            (void)snprintf(inner, sizeof inner, "%s_", name);
            status = pack_fields(message, target, inner, value, depth + 1);
        } else if (is_long || json_is_object(value)) {
            message->segment->misfits++;
        } else {
            status = pack_field(message, target, sh_text_of(name), value);
        }
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

/* --- ids --- */

static bool read_id(const json_t *value, char room[64], struct sh_text *id) {
    const bool is_id = value != NULL && (json_is_string(value) || json_is_integer(value));
    return is_id && segment_text(value, room, id) && id->count > 0;
}

static bool check_id(struct message *message, struct sh_text id, const char *words) {
    if (id.count > ID_BYTES_MAX) message->reason = sh_text_of(words);
    return id.count <= ID_BYTES_MAX;
}

/* userId, or else anonymousId. */
static bool read_user(struct message *message, const json_t *root) {
    if (!read_id(json_object_get(root, "userId"), message->user_room, &message->user) &&
        !read_id(json_object_get(root, "anonymousId"), message->user_room, &message->user))
        message->reason = SH_TEXT_LITERAL("neither userId nor anonymousId");
    return message->reason.count == 0 && check_id(message, message->user, "the user's id has more than 255 bytes");
}

/* --- users --- */

static enum sh_status add_merge(struct message *message, struct sh_text from, struct sh_text into) {
    struct stream_batch *batch = &message->segment->stream->batch;
    if (sh_text_equal(from, into)) return SH_OK;
    const uint64_t hash = sh_hash_bytes(into.bytes, into.count, sh_hash_text(from));
    if (know(message->segment, hash)) return SH_OK;
    row_pack_byte(&batch->merges, 0x82);
    pack_pair(&batch->merges, "from", from);
    pack_pair(&batch->merges, "into", into);
    batch->merge_count++;
    return SH_OK;
}

static enum sh_status take_traits(struct message *message, const char *prefix, const json_t *traits,
                                  struct sh_text group) {
    static const char *const left_out[] = {"id", NULL};
    struct stream_rows *users = &message->segment->stream->batch.users;
    struct target target = {
        .table = segment_users(&message->segment->names), .rows = &users->bytes, .left_out = left_out, .count = 1};
    const size_t before = users->bytes.count;
    const size_t map = begin_map(&users->bytes);
    pack_pair(&users->bytes, "id", message->user);
    enum sh_status status = SH_OK;
    if (group.count > 0) {
        json_t *id = json_stringn(group.bytes, group.count);
        status = id == NULL ? sh_fail(message->segment->err, SH_ERR_MEMORY, -1, "no memory for a message")
                            : pack_field(message, &target, SH_TEXT_LITERAL("group"), id);
        json_decref(id);
    }
    if (status == SH_OK && json_is_object(traits)) status = pack_fields(message, &target, prefix, traits, 0);
    end_map(&users->bytes, map, target.count);
    if (status != SH_OK) {
        users->bytes.count = before;
        return status;
    }
    return stream_add_row(message->segment->stream, users);
}

static enum sh_status take_identify(struct message *message, const json_t *root) {
    char room[64];
    struct sh_text anonymous;
    enum sh_status status = take_traits(message, "", json_object_get(root, "traits"), (struct sh_text){"", 0});
    if (status == SH_OK && read_id(json_object_get(root, "anonymousId"), room, &anonymous) &&
        anonymous.count <= ID_BYTES_MAX)
        status = add_merge(message, anonymous, message->user);
    return status;
}

static enum sh_status take_group(struct message *message, const json_t *root) {
    char room[64];
    struct sh_text group;
    if (read_id(json_object_get(root, "groupId"), room, &group))
        return take_traits(message, "group_", json_object_get(root, "traits"), group);
    message->reason = SH_TEXT_LITERAL("a group without groupId");
    return SH_OK;
}

static enum sh_status take_alias(struct message *message, const json_t *root) {
    char room[64];
    struct sh_text previous;
    if (!read_id(json_object_get(root, "previousId"), room, &previous) &&
        !read_id(json_object_get(root, "anonymousId"), room, &previous)) {
        message->reason = SH_TEXT_LITERAL("an alias without previousId");
        return SH_OK;
    }
    if (!check_id(message, previous, "previousId has more than 255 bytes")) return SH_OK;
    return add_merge(message, previous, message->user);
}

/* --- products --- */

static bool read_product_id(const json_t *product, char room[64], struct sh_text *id) {
    static const char *const names[] = {"product_id", "productId", "sku", "id"};
    for (uint32_t i = 0; i < 4; i++)
        if (read_id(json_object_get(product, names[i]), room, id)) return id->count <= ID_BYTES_MAX;
    return false;
}

static enum sh_status put_item(struct message *message, struct sh_text id, const json_t *product) {
    static const char *const said[] = {"name", "category", "brand", "variant", "price", "url", "image_url"};
    static const char *const names[] = {"title", "category", "brand", "variant", "price", "url", "image_url"};
    struct segment *segment = message->segment;
    struct stream_rows *items = &segment->stream->batch.items;
    struct target target = {.table = segment_items(&segment->names), .rows = &items->bytes, .count = 1};
    const size_t before = items->bytes.count;
    const size_t map = begin_map(&items->bytes);
    pack_pair(&items->bytes, "id", id);
    for (uint32_t i = 0; i < sizeof said / sizeof *said; i++) {
        const json_t *value = json_object_get(product, said[i]);
        if (value == NULL || json_is_null(value) || json_is_object(value)) continue;
        json_t *price = NULL;
        double number;
        if (strcmp(said[i], "price") == 0 && segment_number(value, &number)) value = price = json_real(number);
        const enum sh_status status = value == NULL
                                          ? sh_fail(segment->err, SH_ERR_MEMORY, -1, "no memory for a message")
                                          : pack_field(message, &target, sh_text_of(names[i]), value);
        json_decref(price);
        if (status != SH_OK) {
            items->bytes.count = before;
            return status;
        }
    }
    end_map(&items->bytes, map, target.count);
    /* Only its id: nothing to say. As it was put lately: nothing new. */
    if (target.count == 1 || items->bytes.failed ||
        know(segment, sh_hash_bytes(items->bytes.bytes + before, items->bytes.count - before, 1))) {
        items->bytes.count = before;
        return SH_OK;
    }
    return stream_add_row(segment->stream, items);
}

/* --- events --- */

struct event {
    struct segment_table *type;
    struct sh_text name;
    int64_t time_ms;
    const json_t *properties; /* of the message */
    const json_t *product;    /* of which it is; may be the same; NULL if it is of none */
    bool is_line;             /* of an order: only its texts are for each line */
    uint32_t line;
    const json_t *root;
    const char *amounts[4]; /* names of the amount in properties, ended by NULL; then price * quantity */
};

static bool read_time(const json_t *root, int64_t *time_ms) {
    static const char *const names[] = {"timestamp", "originalTimestamp", "sentAt", "receivedAt"};
    for (uint32_t i = 0; i < 4; i++) {
        const json_t *value = json_object_get(root, names[i]);
        if (json_is_string(value)) {
            const struct sh_text text = {json_string_value(value), (uint32_t)json_string_length(value)};
            if (sh_instant_parse(text, NULL, time_ms, NULL) == SH_OK) return true;
        } else if (json_is_number(value)) {
            const double number = json_number_value(value);
            *time_ms = (int64_t)(fabs(number) < 1e11 ? number * 1000 : number);
            return fabs(number) < 2e14;
        }
    }
    return false;
}

static bool read_amount(const struct event *event, double *amount) {
    double price;
    double quantity;
    for (uint32_t i = 0; !event->is_line && event->amounts[i] != NULL; i++)
        if (segment_number(json_object_get(event->properties, event->amounts[i]), amount)) return true;
    if (event->product == NULL || !segment_number(json_object_get(event->product, "price"), &price)) return false;
    if (!segment_number(json_object_get(event->product, "quantity"), &quantity)) quantity = 1;
    /* A price is exact to its cents, so the product is too. */
    const double cents = pow(10, event->type->amount_scale);
    *amount = round(price * cents) * quantity / cents;
    return true;
}

static void pack_event_id(struct message *message, const struct event *event, struct sh_buffer *rows) {
    char room[64];
    char id[ID_BYTES_MAX + 1];
    struct sh_text given;
    int length;
    if (read_id(json_object_get(event->root, "messageId"), room, &given) && given.count <= ID_BYTES_MAX - 12)
        length = snprintf(id, sizeof id, "%.*s", SH_TEXT_ARGS(given));
    else
        length = snprintf(id, sizeof id, "line-%016" PRIx64 "-%" PRIu64, sh_hash_text(message->line), message->place);
    if (event->line > 0) length += snprintf(id + length, sizeof id - (size_t)length, "#%u", event->line + 1);
    pack_pair(rows, "id", (struct sh_text){id, (uint32_t)length});
}

static enum sh_status pack_properties(struct message *message, const struct event *event, struct target *target) {
    static const char *const left_out[] = {"products",  "product_id", "productId", "id",    "sku",      "name",
                                           "category",  "brand",      "variant",   "price", "quantity", "url",
                                           "image_url", "type",       "user",      "time",  "item",     "amount",
                                           "position",  "value",      "revenue",   "total", NULL};
    static const char *const taken[] = {"products", "type",    "user",  "time",  "item", "amount",
                                        "id",       "revenue", "value", "total", NULL};
    const bool has_product = event->product != NULL;
    target->left_out = has_product ? left_out : taken;
    target->texts_only = event->is_line;
    enum sh_status status = pack_fields(message, target, "", event->properties, 0);
    static const char *const of_product[] = {"quantity", "price"};
    for (uint32_t i = 0; has_product && i < 2 && status == SH_OK; i++) {
        const json_t *value = json_object_get(event->product, of_product[i]);
        double number;
        if (!segment_number(value, &number)) continue;
        json_t *made = i == 0 && number == floor(number) && fabs(number) < 1e15 ? json_integer((json_int_t)number)
                                                                                : json_real(number);
        status = made == NULL ? sh_fail(message->segment->err, SH_ERR_MEMORY, -1, "no memory for a message")
                              : pack_field(message, target, sh_text_of(of_product[i]), made);
        json_decref(made);
    }
    return status;
}

static enum sh_status add_event(struct message *message, const struct event *event) {
    struct segment *segment = message->segment;
    struct stream_rows *events = &segment->stream->batch.events;
    struct sh_buffer *rows = &events->bytes;
    struct target target = {.table = event->type, .rows = rows, .count = 4};
    const size_t before = rows->count;
    char room[64];
    struct sh_text item;
    double amount;
    const size_t map = begin_map(rows);
    pack_pair(rows, "type", event->name);
    pack_pair(rows, "user", message->user);
    row_pack_text(rows, SH_TEXT_LITERAL("time"));
    row_pack_integer(rows, event->time_ms);
    pack_event_id(message, event, rows);
    enum sh_status status = SH_OK;
    if (event->product != NULL && read_product_id(event->product, room, &item)) {
        pack_pair(rows, "item", item);
        target.count++;
        status = put_item(message, item, event->product);
    }
    if (status == SH_OK && read_amount(event, &amount) && fabs(amount) < 1e15) {
        char digits[64];
        const int length = snprintf(digits, sizeof digits, "%.*f", (int)event->type->amount_scale, amount);
        pack_pair(rows, "amount", (struct sh_text){digits, (uint32_t)length});
        target.count++;
    }
    if (status == SH_OK && json_is_object(event->properties)) status = pack_properties(message, event, &target);
    /* Of pages and screens. */
    static const char *const beside[] = {"name", "category"};
    for (uint32_t i = 0; i < 2 && status == SH_OK; i++) {
        const json_t *value = json_object_get(event->root, beside[i]);
        if (json_is_string(value) && json_object_get(event->properties, beside[i]) == NULL)
            status = pack_field(message, &target, sh_text_of(beside[i]), value);
    }
    end_map(rows, map, target.count);
    if (status != SH_OK) {
        rows->count = before;
        return status;
    }
    return stream_add_row(segment->stream, events);
}

/* The e-commerce events that have a name of their own. */
struct known_event {
    const char *name, *type;
    bool is_order; /* an event for each of its products */
    bool is_of_product;
};
static const struct known_event known_events[] = {
    {"Product Viewed", "view", false, true},
    {"Product Clicked", "click", false, true},
    {"Product Added", "cart", false, true},
    {"Product Removed", "cart_remove", false, true},
    {"Product Added to Wishlist", "favorite", false, true},
    {"Product Removed from Wishlist", "favorite_remove", false, true},
    {"Wishlist Product Added to Cart", "cart", false, true},
    {"Product Shared", "share", false, true},
    {"Product Reviewed", "review", false, true},
    {"Products Searched", "search", false, false},
    {"Checkout Started", "checkout", false, false},
    {"Order Completed", "purchase", true, false},
    {"Order Refunded", "refund", true, false},
    {"Order Cancelled", "cancel", true, false},
};

static enum sh_status add_events(struct message *message, struct event *event, bool is_order) {
    const json_t *products = json_object_get(event->properties, "products");
    const size_t count = is_order ? json_array_size(products) : 0;
    if (count > SEGMENT_PRODUCT_COUNT_MAX) {
        message->reason = SH_TEXT_LITERAL("an order of more than 1000 products");
        return SH_OK;
    }
    if (count == 0) return add_event(message, event);
    event->is_line = true;
    enum sh_status status = SH_OK;
    for (size_t i = 0; i < count && status == SH_OK; i++) {
        event->product = json_array_get(products, i);
        event->line = (uint32_t)i;
        if (json_is_object(event->product)) status = add_event(message, event);
    }
    return status;
}

static enum sh_status take_event(struct message *message, const json_t *root, const char *type) {
    struct event event = {.root = root,
                          .properties = json_object_get(root, "properties"),
                          .amounts = {"revenue", "value", "total", NULL}};
    bool is_order = false;
    const json_t *name = json_object_get(root, "event");
    if (strcmp(type, "track") == 0) {
        if (!json_is_string(name) || json_string_length(name) == 0 || json_string_length(name) > SH_NAME_BYTES_MAX) {
            message->reason = SH_TEXT_LITERAL("a track whose event has no name, or one of more than 64 bytes");
            return SH_OK;
        }
        event.name = (struct sh_text){json_string_value(name), (uint32_t)json_string_length(name)};
        for (uint32_t i = 0; i < sizeof known_events / sizeof *known_events; i++) {
            const struct known_event *known = &known_events[i];
            if (strcasecmp(known->name, json_string_value(name)) != 0) continue;
            event.name = sh_text_of(known->type);
            is_order = known->is_order;
            if (known->is_of_product) event.product = event.properties;
        }
    } else {
        event.name = sh_text_of(type);
    }
    if (!read_time(root, &event.time_ms)) {
        message->reason = SH_TEXT_LITERAL("no timestamp");
        return SH_OK;
    }
    enum sh_status status =
        segment_event_type(&message->segment->names, event.name, &event.type, message->segment->err);
    if (status != SH_OK) return status;
    if (event.type->is_dropped) {
        message->reason = SH_TEXT_LITERAL("the server takes no such event type");
        return SH_OK;
    }
    return add_events(message, &event, is_order);
}

/* --- the door --- */

static enum sh_status take_message(struct message *message, const json_t *root) {
    const json_t *word = json_object_get(root, "type");
    const char *type = json_is_string(word) ? json_string_value(word) : "";
    if (!read_user(message, root)) return SH_OK;
    if (strcmp(type, "identify") == 0) return take_identify(message, root);
    if (strcmp(type, "group") == 0) return take_group(message, root);
    if (strcmp(type, "alias") == 0) return take_alias(message, root);
    if (strcmp(type, "track") == 0 || strcmp(type, "page") == 0 || strcmp(type, "screen") == 0)
        return take_event(message, root, type);
    message->reason = SH_TEXT_LITERAL("the type is none of identify, track, page, screen, group and alias");
    return SH_OK;
}

enum sh_status segment_take(struct segment *segment, const char *source, struct sh_text line, uint64_t place) {
    json_error_t fault;
    struct message message = {.segment = segment, .source = source, .line = line, .place = place};
    json_t *root = json_loadb(line.bytes, line.count, JSON_REJECT_DUPLICATES, &fault);
    enum sh_status status = SH_OK;
    char words[200];
    if (json_is_object(root)) {
        status = take_message(&message, root);
    } else {
        (void)snprintf(words, sizeof words, "no JSON object: %s", root == NULL ? fault.text : "it is another value");
        message.reason = sh_text_of(words);
    }
    if (status == SH_OK && message.reason.count > 0) status = stream_reject(segment->stream, source, message.reason);
    json_decref(root);
    return status;
}
