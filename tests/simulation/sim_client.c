#include "sim_client.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bounds.h"
#include "frame.h"
#include "hash.h"
#include "msgpack_text.h"

enum {
    TEXT_BYTES = 32 << 10,
    QUESTION_BIT = 1 << 30, /* of a msgid */
    SNAPSHOT_MSGID = 1 << 29,
    SETUP_COUNT = 2,
    EVENTS_OF_OP_MAX = 120,
    REPEAT_REACH = 300, /* ops that may be sent again though they were answered: the server remembers 1,024 */
};

struct text {
    char bytes[TEXT_BYTES];
    size_t count;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const int count = vsnprintf(text->bytes + text->count, sizeof text->bytes - text->count, format, arguments);
    va_end(arguments);
    if (count < 0 || (size_t)count >= sizeof text->bytes - text->count) abort();
    text->count += (size_t)count;
}

static void fail(struct sim_client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void fail(struct sim_client *client, const char *format, ...) {
    va_list arguments;
    if (client->fault[0] != '\0') return;
    va_start(arguments, format);
    (void)vsnprintf(client->fault, sizeof client->fault, format, arguments);
    va_end(arguments);
}

static uint32_t below(struct sim_client *client, uint32_t bound) {
    return (uint32_t)split_below(&client->rng, bound);
}

void sim_client_user_name(const struct sim_client *client, uint32_t user, char name[16]) {
    (void)snprintf(name, 16, "%s-%u", client->name, user);
}

void sim_client_init(struct sim_client *client, struct sim_machine *machine, uint32_t number, uint32_t client_count,
                     uint64_t seed) {
    memset(client, 0, sizeof *client);
    client->machine = machine;
    client->number = number;
    client->client_count = client_count;
    client->rng.state = seed;
    client->ops = calloc(SIM_OP_COUNT_MAX, sizeof *client->ops);
    client->events = calloc(SIM_EVENT_COUNT_MAX, sizeof *client->events);
    if (client->ops == NULL || client->events == NULL) abort();
    client->window = 1 + below(client, 12);
    client->oldest_pending = 1;
    client->is_setting_up = true;
    (void)snprintf(client->name, sizeof client->name, "c%u", number);
    for (uint32_t i = 0; i < SIM_USER_COUNT; i++)
        client->users[i].number = -1;
    sh_buffer_init(&client->input, SH_ANSWER_BYTES_MAX);
}

/* ---- making writes ---- */

static struct sim_op *op_new(struct sim_client *client, enum sim_op_kind kind, const char *method,
                             const struct text *params) {
    if (client->op_count + 1 == SIM_OP_COUNT_MAX) abort();
    struct sim_op *op = &client->ops[++client->op_count];
    struct sh_buffer bytes;
    sh_buffer_init(&bytes, 1 << 20);
    msgpack_of_text(params->bytes, &bytes);
    op->kind = kind;
    op->method = method;
    op->params = bytes.bytes;
    op->params_count = bytes.count;
    client->pending_count++;
    return op;
}

static const char schema[] = "{users: {attributes: [{name: 'n', type: 'int'}], tag_sets: [{name: 'likes'}]}, "
                             "items: {attributes: [{name: 'price', type: 'int'}], tag_sets: [{name: 'about'}]}, "
                             "events: [{name: 'visit'}, {name: 'buy', amount_scale: 2}]}";

static void make_setup(struct sim_client *client) {
    static struct text text;
    text.count = 0;
    if (client->op_count == 0) {
        add(&text, "%s", schema);
        (void)op_new(client, SIM_SETUP, "schema.put", &text);
        return;
    }
    add(&text, "{items: [");
    for (uint32_t i = 0; i < 8; i++)
        add(&text, "%s{id: 'i%u', price: %u, about: ['t%u', 't%u']}", i == 0 ? "" : ", ", i, i * 3, i % 4, i % 3);
    add(&text, "]}");
    (void)op_new(client, SIM_SETUP, "item.put", &text);
}

/* A user that events or a put may be about. */
static bool is_open(const struct sim_client *client, uint32_t user, bool to_put) {
    if (client->users[user].forget_op != 0) return false;
    if (!to_put) return true;
    if (user < SIM_PLAIN_COUNT) return client->users[user].put_op == 0;
    /* Any of these may be one person by now. */
    for (uint32_t i = SIM_PLAIN_COUNT; i < SIM_USER_COUNT; i++)
        if (client->users[i].put_op != 0) return false;
    return true;
}

static bool make_events(struct sim_client *client) {
    static struct text text;
    /* Large ones take several blocks of the log, so that a torn write can lose the first and keep the next. */
    uint32_t count = 1 + below(client, 5);
    if (split_one_in(&client->rng, 12)) count = 20 + below(client, EVENTS_OF_OP_MAX - 20);
    uint32_t users[EVENTS_OF_OP_MAX];
    uint32_t mask = 0;
    if (client->event_count + count > SIM_EVENT_COUNT_MAX) return false;
    text.count = 0;
    add(&text, "{events: [");
    for (uint32_t i = 0; i < count; i++) {
        users[i] = below(client, SIM_USER_COUNT);
        if (!is_open(client, users[i], false)) return false;
        char name[16];
        char item[16];
        sim_client_user_name(client, users[i], name);
        if (split_one_in(&client->rng, 3))
            (void)snprintf(item, sizeof item, "c%u-i%u", below(client, client->client_count),
                           below(client, SIM_ITEM_COUNT));
        else
            (void)snprintf(item, sizeof item, "i%u", below(client, 8));
        const long long time_ms = SIM_TIME_MS + (long long)(client->event_count + i) * 1000 * client->client_count +
                                  (long long)client->number * 1000;
        add(&text, "%s{type: '%s', user: '%s', item: '%s', time: %lld", i == 0 ? "" : ", ",
            split_one_in(&client->rng, 3) ? "buy" : "visit", name, item, time_ms);
        add(&text, split_one_in(&client->rng, 2) ? ", amount: %u}" : "}", below(client, 5000));
        mask |= 1u << users[i];
    }
    add(&text, "]}");
    struct sim_op *op = op_new(client, SIM_EVENTS, "event.append", &text);
    op->user_mask = mask;
    for (uint32_t i = 0; i < count; i++)
        client->events[client->event_count++] = (struct sim_event){client->op_count, (uint8_t)users[i], false};
    for (uint32_t i = 0; i < SIM_USER_COUNT; i++)
        client->users[i].pending_count += (mask >> i) & 1;
    return true;
}

static bool make_put(struct sim_client *client) {
    static struct text text;
    const uint32_t user = below(client, SIM_USER_COUNT);
    char name[16];
    if (!is_open(client, user, true)) return false;
    sim_client_user_name(client, user, name);
    const int64_t number = client->op_count + 1;
    text.count = 0;
    add(&text, "{user: {id: '%s', n: %lld, likes: ['t%lld']}}", name, (long long)number, (long long)(number % 8));
    struct sim_op *op = op_new(client, SIM_PUT, "user.put", &text);
    op->user_mask = 1u << user;
    op->user = user;
    op->number = number;
    client->users[user].put_op = client->op_count;
    client->users[user].pending_count++;
    return true;
}

static bool make_forget(struct sim_client *client) {
    static struct text text;
    const uint32_t user = below(client, SIM_PLAIN_COUNT);
    char name[16];
    if (client->users[user].pending_count > 0) return false;
    sim_client_user_name(client, user, name);
    text.count = 0;
    add(&text, "{id: '%s'}", name);
    struct sim_op *op = op_new(client, SIM_FORGET, "user.forget", &text);
    op->user_mask = 1u << user;
    op->user = user;
    client->users[user].forget_op = client->op_count;
    client->users[user].pending_count++;
    return true;
}

static bool make_item(struct sim_client *client) {
    static struct text text;
    const uint32_t item = below(client, SIM_ITEM_COUNT);
    if (client->item_op[item] != 0) return false;
    text.count = 0;
    if (split_one_in(&client->rng, 6)) {
        add(&text, "{id: '%s-i%u'}", client->name, item);
        (void)op_new(client, SIM_ITEM, "item.remove", &text);
    } else {
        /* No tags: what events say of their user's taste depends on the tags that an item has at that moment, and on
         * what clients do to each other's items there is no order. */
        add(&text, "{item: {id: '%s-i%u', price: %u}}", client->name, item, below(client, 100));
        (void)op_new(client, SIM_ITEM, "item.put", &text);
    }
    client->item_op[item] = client->op_count;
    client->ops[client->op_count].item = item;
    return true;
}

static bool make_segment(struct sim_client *client) {
    static struct text text;
    if (client->segment_op != 0) return false;
    text.count = 0;
    add(&text, "{name: 's-%s', where: 'n > %u or likes has \"t%u\"'}", client->name, below(client, 300),
        below(client, 8));
    (void)op_new(client, SIM_SEGMENT, "segment.put", &text);
    client->segment_op = client->op_count;
    return true;
}

static bool make_schema(struct sim_client *client) {
    static struct text text;
    if (client->number != 0 || client->schema_op != 0) return false;
    text.count = 0;
    add(&text, "{users: {attributes: [{name: 'more%u', type: 'int'}]}}", below(client, 12));
    (void)op_new(client, SIM_SCHEMA, "schema.put", &text);
    client->schema_op = client->op_count;
    return true;
}

static bool make_merge(struct sim_client *client) {
    static struct text text;
    char from[16];
    char into[16];
    if (client->pending_count > 0) return false;
    sim_client_user_name(client, SIM_PLAIN_COUNT + below(client, SIM_USER_COUNT - SIM_PLAIN_COUNT), from);
    sim_client_user_name(client, SIM_PLAIN_COUNT + below(client, SIM_USER_COUNT - SIM_PLAIN_COUNT), into);
    text.count = 0;
    add(&text, "{from: '%s', into: '%s'}", from, into);
    (void)op_new(client, SIM_MERGE, "user.merge", &text);
    client->merge_op = client->op_count;
    client->last_merge = client->op_count;
    return true;
}

/* A new write; false: none can be made now. */
static bool make_write(struct sim_client *client) {
    const uint32_t kind = below(client, 100);
    if (client->merge_op != 0) return false;
    if (kind < 60) return make_events(client);
    if (kind < 84) return make_put(client);
    if (kind < 87) return make_forget(client);
    if (kind < 91) return make_item(client);
    if (kind < 93) return make_segment(client);
    if (kind < 94) return make_schema(client);
    return make_merge(client);
}

/* ---- sending ---- */

static void send_frame(struct sim_client *client, const struct sh_buffer *frame) {
    sim_wire_write(client->wire, frame->bytes, frame->count);
}

static void send_op(struct sim_client *client, uint32_t seq) {
    struct sim_op *op = &client->ops[seq];
    struct sh_buffer frame;
    sh_buffer_init(&frame, 1 << 20);
    sh_frame_write_numbered(&frame, seq, sh_text_of(op->method), op->params, op->params_count, sh_text_of(client->name),
                            seq);
    op->is_sent = true;
    send_frame(client, &frame);
    sh_buffer_deinit(&frame);
}

static void send_question(struct sim_client *client) {
    char text[256];
    char name[16];
    const char *method = "audience.count";
    struct sh_buffer params;
    struct sh_buffer frame;
    switch (below(client, 4)) {
    case 0:
        (void)snprintf(text, sizeof text, "{where: 'n > %u and count(buy) >= %u'}", below(client, 900),
                       below(client, 4));
        break;
    case 1:
        method = "user.get";
        sim_client_user_name(client, below(client, SIM_PLAIN_COUNT), name);
        (void)snprintf(text, sizeof text, "{ids: ['%s'], events: 5}", name);
        break;
    case 2:
        method = "feed.get";
        sim_client_user_name(client, below(client, SIM_USER_COUNT), name);
        (void)snprintf(text, sizeof text, "{user: '%s', record: false}", name);
        break;
    default:
        method = "audience.list";
        (void)snprintf(text, sizeof text, "{where: 'likes has \"t%u\"', fields: ['n']}", below(client, 8));
    }
    sh_buffer_init(&params, 1 << 16);
    sh_buffer_init(&frame, 1 << 16);
    msgpack_of_text(text, &params);
    sh_frame_write_request(&frame, QUESTION_BIT | client->question_count++, sh_text_of(method), params.bytes,
                           params.count);
    send_frame(client, &frame);
    sh_buffer_deinit(&params);
    sh_buffer_deinit(&frame);
}

static void send_snapshot(struct sim_client *client) {
    static const uint8_t no_params[] = {0x80};
    struct sh_buffer frame;
    if (client->is_snapshot_asked) return;
    client->is_snapshot_asked = true;
    sh_buffer_init(&frame, 1 << 16);
    sh_frame_write_request(&frame, SNAPSHOT_MSGID, SH_TEXT_LITERAL("snapshot"), no_params, sizeof no_params);
    send_frame(client, &frame);
    sh_buffer_deinit(&frame);
}

/* What is to be sent again, or 0. */
static uint32_t find_unsent(const struct sim_client *client, uint64_t now_ns, uint64_t *due_ns) {
    for (uint32_t seq = client->oldest_pending; seq <= client->op_count; seq++) {
        const struct sim_op *op = &client->ops[seq];
        if (op->is_done || op->is_sent) continue;
        if (op->not_before_ns <= now_ns) return seq;
        if (op->not_before_ns < *due_ns) *due_ns = op->not_before_ns;
    }
    return 0;
}

/* A number is good for as long as its users live where they lived: see PROTOCOL.md about merged users. */
static bool may_repeat(const struct sim_client *client, uint32_t seq) {
    const struct sim_op *op = &client->ops[seq];
    const bool is_moved = op->user_mask >> SIM_PLAIN_COUNT != 0 && client->last_merge > seq;
    return op->is_done && op->kind != SIM_MERGE && !is_moved && !op->is_given_up;
}

static void send_something(struct sim_client *client) {
    uint64_t due_ns = UINT64_MAX;
    const uint64_t now_ns = client->machine->now_ns;
    const uint32_t unsent = find_unsent(client, now_ns, &due_ns);
    client->send_ns = now_ns + split_below(&client->rng, 200000);
    if (unsent != 0) {
        send_op(client, unsent);
        return;
    }
    if (client->is_setting_up) {
        if (client->number == 0 && client->pending_count == 0) make_setup(client);
        return;
    }
    if (client->op_count > REPEAT_REACH / 10 && split_one_in(&client->rng, 40)) {
        const uint32_t reach = client->op_count < REPEAT_REACH ? client->op_count : REPEAT_REACH;
        const uint32_t seq = client->op_count - below(client, reach);
        if (may_repeat(client, seq)) {
            client->repeated_count++;
            send_op(client, seq);
            return;
        }
    }
    if (client->budget == 0) return;
    if (split_one_in(&client->rng, 150)) {
        send_snapshot(client);
    } else if (split_one_in(&client->rng, 8)) {
        send_question(client);
    } else {
        if (client->pending_count >= client->window || !make_write(client)) return;
        send_op(client, client->op_count);
    }
    client->budget--;
    client->request_count++;
}

/* ---- answers ---- */

/* One of the two was refused and comes later. */
static void note_order(struct sim_client *client, const struct sim_op *op, const struct sim_op *later) {
    if (op->was_refused && !op->is_done && later->is_done && (op->user_mask & later->user_mask) != 0)
        client->was_reordered = true;
}

static void op_done(struct sim_client *client, uint32_t seq) {
    struct sim_op *op = &client->ops[seq];
    op->is_done = true;
    client->pending_count--;
    for (uint32_t earlier = client->oldest_pending; earlier < seq; earlier++)
        note_order(client, &client->ops[earlier], op);
    while (client->oldest_pending <= client->op_count && client->ops[client->oldest_pending].is_done)
        client->oldest_pending++;
    for (uint32_t i = 0; i < SIM_USER_COUNT; i++)
        if ((op->user_mask >> i) & 1) {
            client->users[i].pending_count--;
            client->users[i].is_there = op->kind != SIM_FORGET;
        }
    struct sim_user *user = &client->users[op->user];
    switch (op->kind) {
    case SIM_SETUP:
        client->is_setting_up = seq < SETUP_COUNT;
        break;
    case SIM_PUT:
        user->number = op->number;
        user->put_op = 0;
        break;
    case SIM_FORGET:
        user->number = -1;
        user->forget_op = 0;
        for (uint32_t i = 0; i < client->event_count; i++)
            if (client->events[i].user == op->user) client->events[i].is_forgotten = true;
        break;
    case SIM_ITEM:
        client->item_op[op->item] = 0;
        break;
    case SIM_SEGMENT:
        client->segment_op = 0;
        break;
    case SIM_SCHEMA:
        client->schema_op = 0;
        break;
    case SIM_MERGE:
        client->merge_op = 0;
        break;
    case SIM_EVENTS:
        break;
    }
}

/* It may be done or not; nobody asks again. */
static void give_up(struct sim_client *client, uint32_t seq) {
    struct sim_op *op = &client->ops[seq];
    if (op->is_done || (op->kind != SIM_ITEM && op->kind != SIM_SEGMENT)) return;
    op->is_given_up = true;
    client->is_unknown = true;
    op_done(client, seq);
}

static bool may_try_again(const struct sim_client *client, enum sh_status status) {
    if (status == SH_ERR_MEMORY && client->machine->has_failed_allocation) return true;
    return status == SH_ERR_READ_ONLY || status == SH_ERR_BUSY || status == SH_ERR_IO || status == SH_ERR_CLOSED ||
           status == SH_ERR_LIMIT;
}

static void put_off(struct sim_client *client, uint32_t seq) {
    struct sim_op *op = &client->ops[seq];
    if (op->is_done) return;
    op->is_sent = false;
    op->was_refused = true;
    for (uint32_t later = seq + 1; later <= client->op_count; later++)
        note_order(client, op, &client->ops[later]);
    op->not_before_ns = client->machine->now_ns + 1000000 + split_below(&client->rng, 60000000);
}

static void take_refusal(struct sim_client *client, uint32_t msgid, const struct sh_error *err) {
    const bool is_write = msgid < SNAPSHOT_MSGID;
    if (!may_try_again(client, err->status) && !(msgid == SNAPSHOT_MSGID)) {
        fail(client, "%s was refused: %d %s", is_write ? client->ops[msgid].method : "a question", (int)err->status,
             err->message);
        return;
    }
    client->refused_count++;
    if (is_write && split_one_in(&client->rng, 4)) give_up(client, msgid);
    if (!is_write || client->ops[msgid].is_done) return;
    put_off(client, msgid);
}

/* took_us stands at the end, and is another each time. */
static uint64_t answer_hash(const struct sh_frame *frame) {
    static const char took[] = "\xa7took_us";
    const uint8_t *end = memmem(frame->result, frame->result_bytes, took, sizeof took - 1);
    const size_t count = end == NULL ? frame->result_bytes : (size_t)(end - frame->result);
    return sh_hash_bytes(frame->result, count, 7);
}

static void take_success(struct sim_client *client, uint32_t seq, const struct sh_frame *frame) {
    struct sim_op *op = &client->ops[seq];
    static const char refused_none[] = "\xa7refused\x90";
    static const char refused[] = "\xa7refused";
    const uint64_t hash = answer_hash(frame);
    const bool has_refused = memmem(frame->result, frame->result_bytes, refused, sizeof refused - 1) != NULL &&
                             memmem(frame->result, frame->result_bytes, refused_none, sizeof refused_none - 1) == NULL;
    if (has_refused && client->machine->has_failed_allocation) {
        put_off(client, seq); /* there was no memory for them; they are in the log, and done when it is replayed */
        return;
    }
    if (has_refused) fail(client, "rows of %s %u were refused", op->method, seq);
    if (op->is_given_up) return;
    if (!op->is_done) {
        op->answer_hash = hash;
        op_done(client, seq);
    } else if (op->answer_hash != hash && op->kind != SIM_MERGE) {
        fail(client, "%s %u was sent again and got another answer", op->method, seq);
    }
}

static void take_frame(struct sim_client *client, const uint8_t *bytes, size_t count) {
    struct sh_frame frame;
    struct sh_error err;
    if (sh_frame_read(bytes, count, &frame, &err) != SH_OK) {
        fail(client, "an answer cannot be read: %s", err.message);
        return;
    }
    if (frame.kind != SH_FRAME_ANSWER) return; /* a farewell */
    if (frame.msgid == SNAPSHOT_MSGID) client->is_snapshot_asked = false;
    if (frame.msgid < SNAPSHOT_MSGID && (frame.msgid == 0 || frame.msgid > client->op_count)) {
        fail(client, "an answer to what was never asked: %u", frame.msgid);
    } else if (frame.result == NULL) {
        sh_frame_read_error(frame.error, frame.error_bytes, &err);
        take_refusal(client, frame.msgid, &err);
    } else if (frame.msgid < SNAPSHOT_MSGID) {
        take_success(client, frame.msgid, &frame);
    }
}

static void take_input(struct sim_client *client) {
    size_t at = 0;
    while (client->fault[0] == '\0') {
        struct sh_frame_scan scan;
        struct sh_error err;
        size_t frame_bytes = 0;
        sh_frame_scan_init(&scan, SH_ANSWER_BYTES_MAX);
        if (at == client->input.count) break;
        if (sh_frame_scan(&scan, client->input.bytes + at, client->input.count - at, &frame_bytes, &err) != SH_OK) {
            fail(client, "the stream of answers cannot be read: %s", err.message);
            break;
        }
        if (frame_bytes == 0) break;
        take_frame(client, client->input.bytes + at, frame_bytes);
        at += frame_bytes;
    }
    if (at > 0) memmove(client->input.bytes, client->input.bytes + at, client->input.count - at);
    client->input.count -= at;
}

/* ---- connections ---- */

void sim_client_lose(struct sim_client *client) {
    if (client->wire != NULL) sim_wire_leave(client->wire);
    client->wire = NULL;
    sh_buffer_clear(&client->input);
    client->is_snapshot_asked = false;
    client->connect_ns = client->machine->now_ns + split_below(&client->rng, 3000000);
    for (uint32_t seq = client->oldest_pending; seq <= client->op_count; seq++) {
        client->ops[seq].is_sent = false;
        if (split_one_in(&client->rng, 3)) give_up(client, seq);
    }
}

static void receive(struct sim_client *client) {
    uint8_t bytes[16 << 10];
    bool is_over;
    const size_t count = sim_wire_read(client->wire, bytes, sizeof bytes, &is_over);
    if (count > 0) {
        sh_buffer_append(&client->input, bytes, count);
        take_input(client);
    } else if (is_over) {
        sim_client_lose(client);
    }
}

bool sim_client_is_idle(const struct sim_client *client) {
    return client->pending_count == 0 && client->budget == 0 && !client->is_setting_up;
}

/* New or old, is there something to send once it is time? */
static bool wants_to_send(const struct sim_client *client, uint64_t now_ns, uint64_t *due_ns) {
    if (client->wire->is_ended) return false;
    if (find_unsent(client, now_ns, due_ns) != 0) return true;
    if (client->is_setting_up) return client->pending_count == 0;
    return client->budget > 0 && client->pending_count < client->window && client->merge_op == 0;
}

bool sim_client_can_act(void *context, uint64_t now_ns, uint64_t *due_ns) {
    const struct sim_client *client = context;
    if (client->is_held || (client->is_setting_up && client->number != 0)) return false;
    if (client->wire == NULL) {
        if (sim_client_is_idle(client)) return false;
        if (client->connect_ns > now_ns) *due_ns = client->connect_ns;
        return client->connect_ns <= now_ns;
    }
    if (sim_wire_can_read(client->wire, due_ns)) return true;
    if (!wants_to_send(client, now_ns, due_ns)) return false;
    if (client->send_ns <= now_ns) return true;
    if (client->send_ns < *due_ns) *due_ns = client->send_ns;
    return false;
}

void sim_client_act(void *context) {
    struct sim_client *client = context;
    uint64_t due_ns = UINT64_MAX;
    if (client->wire == NULL) {
        client->wire = sim_wire_open(client->machine);
        if (client->wire == NULL) client->connect_ns = client->machine->now_ns + 1000000;
        return;
    }
    if (client->loses_connections && split_one_in(&client->rng, 400)) {
        if (split_one_in(&client->rng, 3))
            sim_wire_end(client->wire); /* half: the answers still come */
        else
            sim_client_lose(client);
        return;
    }
    if (sim_wire_can_read(client->wire, &due_ns))
        receive(client);
    else
        send_something(client);
}

/* ---- what must be there ---- */

static bool check_events(struct sim_client *client, uint32_t user, const char *text) {
    static uint8_t seen[SIM_EVENT_COUNT_MAX];
    char name[16];
    sim_client_user_name(client, user, name);
    memset(seen, 0, client->event_count);
    for (const char *at = text; (at = strstr(at, "time: ")) != NULL; at += 6) {
        const long long ms = strtoll(at + 6, NULL, 10) - SIM_TIME_MS - (long long)client->number * 1000;
        const long long place = ms / (1000 * (long long)client->client_count);
        if (ms < 0 || ms % (1000 * (long long)client->client_count) != 0 || place >= client->event_count ||
            client->events[place].user != user) {
            fail(client, "PHANTOM: %s has an event that was never sent: %.80s", name, at);
            return false;
        }
        if (seen[place]++ > 0)
            fail(client, "DOUBLED: %s has event %lld (request %u) twice", name, place, client->events[place].op);
        if (client->events[place].is_forgotten)
            fail(client, "PHANTOM: %s was forgotten, but event %lld is there", name, place);
    }
    const bool may_be_forgotten = client->users[user].forget_op != 0 && strstr(text, "time: ") == NULL;
    for (uint32_t i = 0; i < client->event_count && !may_be_forgotten; i++) {
        const struct sim_event *event = &client->events[i];
        if (event->user == user && !event->is_forgotten && client->ops[event->op].is_done && seen[i] == 0)
            fail(client, "LOST: event %u of %s (request %u) was answered and is not there", i, name, event->op);
    }
    return client->fault[0] == '\0';
}

bool sim_client_check_user(struct sim_client *client, uint32_t user, const char *text) {
    const struct sim_user *known = &client->users[user];
    char name[16];
    sim_client_user_name(client, user, name);
    if (text == NULL) {
        if (known->is_there && known->forget_op == 0) fail(client, "LOST: %s is not there", name);
        return client->fault[0] == '\0';
    }
    if (!known->is_there && known->pending_count == 0) fail(client, "PHANTOM: %s is there: %.200s", name, text);
    const char *at = strstr(text, " n: ");
    const long long number = at == NULL ? -1 : strtoll(at + 4, NULL, 10);
    const long long pending = known->put_op == 0 ? -2 : client->ops[known->put_op].number;
    if (number != known->number && number != pending)
        fail(client, "%s: n of %s is %lld, but %lld was answered and %lld is under way: %.300s",
             number > known->number ? "PHANTOM" : "LOST", name, number, (long long)known->number, pending, text);
    char tag[32];
    (void)snprintf(tag, sizeof tag, "likes: ['t%lld']", number % 8);
    if (number >= 0 && strstr(text, tag) == NULL)
        fail(client, "HALF: n of %s is %lld, but without its tag: %.300s", name, number, text);
    return check_events(client, user, text);
}
