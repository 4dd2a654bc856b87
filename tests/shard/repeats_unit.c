/* Numbered writes, through the door of a shard: done once, answered as often as they are sent. */
#include <criterion/criterion.h>

#include <stdio.h>

#include "msgpack_text.h"
#include "shard.h"

static struct sh_shard *shard;
static struct sh_buffer body;
static struct sh_buffer effects;
static struct sh_error err;

static void begin(void) {
    const struct sh_shard_options options = {.shard_count = 1};
    cr_assert_eq(sh_shard_create(&options, &shard, NULL), SH_OK);
    sh_buffer_init(&body, 1 << 20);
    sh_buffer_init(&effects, 1 << 20);
}

static void end(void) {
    const char *reason = "";
    cr_assert(sh_shard_check(shard, &reason), "%s", reason);
    sh_shard_destroy(shard);
    sh_buffer_deinit(&body);
    sh_buffer_deinit(&effects);
}

TestSuite(repeats, .init = begin, .fini = end);

static const char *ask_in(const char *workspace, const char *client, uint64_t seq, const char *method,
                          const char *params) {
    static char text[4096];
    struct sh_buffer bytes;
    struct sh_buffer words;
    sh_buffer_init(&bytes, 1 << 20);
    sh_buffer_init(&words, sizeof text - 1);
    msgpack_of_text(params, &bytes);
    const struct sh_request request = {
        .method = sh_method_find(sh_text_of(method), NULL),
        .workspace = sh_text_of(workspace),
        .client = sh_text_of(client),
        .seq = seq,
        .params = bytes.bytes,
        .params_count = bytes.count,
        .now_ms = 1760000000000,
        .id = 1,
    };
    const struct sh_answer answer = {.body = &body, .effects = &effects};
    sh_buffer_clear(&body);
    if (sh_shard_apply(shard, &request, &answer, &err) == SH_OK) {
        text_of_msgpack(body.bytes, body.count, 1, &words);
        (void)snprintf(text, sizeof text, "%.*s", (int)words.count, words.count > 0 ? (char *)words.bytes : "");
    } else {
        cr_assert_eq(body.count, 0);
        (void)snprintf(text, sizeof text, "%s: %s", sh_status_name(err.status), err.message);
    }
    sh_buffer_deinit(&bytes);
    sh_buffer_deinit(&words);
    return text;
}

static const char *ask(const char *client, uint64_t seq, const char *method, const char *params) {
    return ask_in("default", client, seq, method, params);
}

static void make_schema(void) {
    cr_assert_str_eq(
        ask("", 0, "schema.put", "{events: [{name: 'visit'}], users: {attributes: [{name: 'n', type: 'int'}]}}"),
        "{changed: true}");
}

static const char visit[] = "{event: {type: 'visit', user: 'a', time: 1759000000000}}";

Test(repeats, a_write_is_done_once_and_answered_as_the_first_time) {
    make_schema();
    for (int i = 0; i < 3; i++)
        cr_assert_str_eq(ask("till", 1, "event.append", visit), "{accepted: 1, duplicates: 0, refused: []}");
    cr_assert_str_eq(ask("till", 2, "event.append", visit), "{accepted: 1, duplicates: 0, refused: []}");
    cr_assert_str_eq(ask("", 0, "audience.count", "{where: 'count(visit) = 2'}"), "{count: 1, total: 1}");
}

Test(repeats, numbers_are_of_a_client_in_a_workspace) {
    make_schema();
    cr_assert_str_eq(ask("till", 1, "user.put", "{user: {id: 'a'}}"), "{accepted: 1, created: 1, refused: []}");
    cr_assert_str_eq(ask("app", 1, "user.put", "{user: {id: 'b'}}"), "{accepted: 1, created: 1, refused: []}");
    (void)ask_in("other", "", 0, "schema.put", "{}");
    cr_assert_str_eq(ask_in("other", "till", 1, "user.put", "{user: {id: 'c'}}"),
                     "{accepted: 1, created: 1, refused: []}");
}

Test(repeats, the_first_write_of_a_workspace_has_a_number_too) {
    cr_assert_str_eq(ask("till", 1, "schema.put", "{events: [{name: 'visit'}]}"), "{changed: true}");
    cr_assert_str_eq(ask("till", 1, "schema.put", "{events: [{name: 'visit'}]}"), "{changed: true}");
    cr_assert_str_eq(ask("till", 2, "schema.put", "{events: [{name: 'visit'}]}"), "{changed: false}");
}

Test(repeats, a_number_names_one_request) {
    make_schema();
    (void)ask("till", 1, "user.put", "{user: {id: 'a'}}");
    cr_assert_str_eq(ask("till", 1, "user.put", "{user: {id: 'b'}}"),
                     "conflict: the client's write 1 was another request");
    cr_assert_str_eq(ask("till", 1, "user.forget", "{id: 'a'}"), "conflict: the client's write 1 was another request");
}

Test(repeats, what_was_refused_may_be_tried_again) {
    make_schema();
    cr_assert_str_eq(ask("till", 1, "segment.put", "{name: 's', where: 'm > 1'}"),
                     "name: there is no attribute or tag set `m`");
    (void)ask("", 0, "schema.put", "{users: {attributes: [{name: 'm', type: 'int'}]}}");
    cr_assert_str_eq(ask("till", 1, "segment.put", "{name: 's', where: 'm > 1'}"), "{version: 1, changed: true}");
}

Test(repeats, gaps_are_new_and_the_long_gone_is_refused) {
    char params[64];
    make_schema();
    for (uint64_t seq = 2; seq <= 2 * SH_CLIENT_SEQ_COUNT_MAX; seq += 2) {
        (void)snprintf(params, sizeof params, "{user: {id: 'u%llu'}}", (unsigned long long)seq);
        cr_assert_str_eq(ask("till", seq, "user.put", params), "{accepted: 1, created: 1, refused: []}");
    }
    cr_assert_str_eq(ask("till", 2, "user.put", "{user: {id: 'u2'}}"), "{accepted: 1, created: 1, refused: []}");
    /* A gap takes the place of the oldest. */
    cr_assert_str_eq(ask("till", 5, "user.put", "{user: {id: 'u5'}}"), "{accepted: 1, created: 1, refused: []}");
    cr_assert_str_eq(ask("till", 2, "user.put", "{user: {id: 'u2'}}"),
                     "conflict: the client's write 2 is too long ago to say whether it was done");
    cr_assert_str_eq(ask("till", 5, "user.put", "{user: {id: 'u5'}}"), "{accepted: 1, created: 1, refused: []}");
}

Test(repeats, an_answer_too_long_to_keep_is_not_a_reason_to_do_it_again) {
    make_schema();
    const char *batch =
        "{users: [{id: 'a', q: 1}, {id: 'b', q: 1}, {id: 'c', q: 1}, {id: 'd', q: 1}, {id: 'e', n: 1}]}";
    cr_assert_not_null(strstr(ask("till", 1, "user.put", batch), "accepted: 1, created: 1"));
    cr_assert_str_eq(ask("till", 1, "user.put", batch),
                     "conflict: the client's write 1 was done, and is not done again");
}

Test(repeats, the_clients_that_wrote_last_are_remembered) {
    char client[32];
    make_schema();
    for (uint32_t i = 0; i < SH_CLIENT_COUNT_MAX + 100; i++) {
        (void)snprintf(client, sizeof client, "client %u", i);
        cr_assert_str_eq(ask(client, 1, "event.append", visit), "{accepted: 1, duplicates: 0, refused: []}");
        if (i % 50 == 0) (void)ask("client 7", 1, "event.append", visit);
    }
    const char *reason = "";
    cr_assert(sh_shard_check(shard, &reason), "%s", reason);
    (void)ask("client 7", 1, "event.append", visit);
    (void)ask("client 500", 1, "event.append", visit);
    (void)snprintf(client, sizeof client, "{where: 'count(visit) = %u'}", SH_CLIENT_COUNT_MAX + 100);
    cr_assert_str_eq(ask("", 0, "audience.count", client), "{count: 1, total: 1}");
    (void)ask("client 3", 1, "event.append", visit); /* forgotten: done again */
    (void)snprintf(client, sizeof client, "{where: 'count(visit) = %u'}", SH_CLIENT_COUNT_MAX + 101);
    cr_assert_str_eq(ask("", 0, "audience.count", client), "{count: 1, total: 1}");
}
