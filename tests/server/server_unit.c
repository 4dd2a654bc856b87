/* The whole server in this process: its loops on their threads, clients on real sockets, kind and hostile. */
#include <criterion/criterion.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"
#include "cursor.h"
#include "frame.h"
#include "server.h"
#include "server_log.h"
#include "shoal/client.h"

static struct sh_server *server;
static struct shoal_client *client;
static struct shoal_client_answer answer;
static struct shoal_client_error error;

/* ---- set up ---- */

static const char *const any_port[] = {"127.0.0.1:0"};

static void start_with(struct sh_server_options options) {
    struct sh_error err;
    sh_log_set_level(SH_LOG_ERROR);
    if (options.address_count == 0) {
        options.addresses = any_port;
        options.address_count = 1;
    }
    if (options.shard_count == 0) options.shard_count = 1;
    cr_assert_eq(sh_server_start(&options, &server, &err), SH_OK, "%s", err.message);
}

static struct shoal_client *connect_client(void) {
    struct shoal_client *made;
    const struct shoal_client_options options = {.timeout_ms = 20000, .attempt_count_max = 1};
    const int result = shoal_client_open(sh_server_address(server, 0), &options, &made, &error);
    cr_assert_eq(result, SHOAL_CLIENT_OK, "%s", error.message);
    return made;
}

static void stop_and_check(void) {
    struct sh_error err;
    sh_server_stop(server);
    cr_assert_eq(sh_server_join(server, &err), SH_OK, "%s", err.message);
}

static void finish(void) {
    shoal_client_close(client);
    stop_and_check();
}

static int call(const char *method, const struct shoal_client_writer *params) {
    return shoal_client_call(client, method, params, 0, &answer, &error);
}

static void must_call(const char *method, const struct shoal_client_writer *params) {
    cr_assert_eq(call(method, params), SHOAL_CLIENT_OK, "%s: %s", method, error.message);
}

static int64_t number_of(const char *key) {
    return shoal_client_integer(shoal_client_get(answer.result, key), -1);
}

static int64_t server_number(const char *key) {
    must_call("stats", NULL);
    return shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "server"), key), -1);
}

static void write_pair(struct shoal_client_writer *params, const char *key, const char *text) {
    shoal_client_write_literal(params, key);
    shoal_client_write_literal(params, text);
}

/* A workspace of user_count users: id, city (one of 7), points (0..999). */
static void put_users(uint32_t user_count) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "users");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "attributes");
    shoal_client_write_array(params, 2);
    shoal_client_write_map(params, 2);
    write_pair(params, "name", "city");
    write_pair(params, "type", "string");
    shoal_client_write_map(params, 2);
    write_pair(params, "name", "points");
    write_pair(params, "type", "int");
    must_call("schema.put", params);
    for (uint32_t begin = 0; begin < user_count; begin += 10000) {
        const uint32_t count = user_count - begin < 10000 ? user_count - begin : 10000;
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 2);
        shoal_client_write_literal(params, "fields");
        shoal_client_write_array(params, 3);
        shoal_client_write_literal(params, "id");
        shoal_client_write_literal(params, "city");
        shoal_client_write_literal(params, "points");
        shoal_client_write_literal(params, "rows");
        shoal_client_write_array(params, count);
        for (uint32_t i = begin; i < begin + count; i++) {
            char text[32];
            shoal_client_write_array(params, 3);
            shoal_client_write_text(params, text, (size_t)snprintf(text, sizeof text, "user-%u", i));
            shoal_client_write_text(params, text, (size_t)snprintf(text, sizeof text, "city %u", i % 7));
            shoal_client_write_integer(params, i % 1000);
        }
        must_call("user.put", params);
        cr_assert_eq(number_of("accepted"), (int64_t)count);
    }
    shoal_client_writer_destroy(params);
}

static int64_t count_where(const char *where) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 1);
    write_pair(params, "where", where);
    must_call("audience.count", params);
    shoal_client_writer_destroy(params);
    return number_of("count");
}

/* ---- raw peers ---- */

static int dial(void) {
    struct sh_address address;
    cr_assert_eq(sh_address_parse(sh_server_address(server, 0), &address, NULL), SH_OK);
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(address.port)};
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int handle = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(connect(handle, (struct sockaddr *)&name, sizeof name), 0);
    return handle;
}

static void send_all(int handle, const void *bytes, size_t byte_count) {
    for (size_t at = 0; at < byte_count;) {
        const ssize_t count = send(handle, (const uint8_t *)bytes + at, byte_count - at, MSG_NOSIGNAL);
        if (count <= 0) return;
        at += (size_t)count;
    }
}

/* All until the server ends the stream. A closed ring of io_uring interrupts its thread once more: try again then. */
static void receive_all(int handle, struct sh_buffer *input) {
    for (uint32_t attempt = 0; attempt < 100; attempt++) {
        struct pollfd watched = {.fd = handle, .events = POLLIN};
        if (poll(&watched, 1, 200) <= 0) continue;
        for (;;) {
            uint8_t *room = sh_buffer_reserve(input, 65536);
            cr_assert_not_null(room);
            const ssize_t count = recv(handle, room, 65536, MSG_DONTWAIT);
            if (count == 0) return;
            if (count < 0 && (errno == EAGAIN || errno == EINTR)) break;
            cr_assert_gt(count, 0, "the stream ends badly: %s", strerror(errno));
            input->count += (size_t)count;
            attempt = 0;
        }
    }
    cr_assert_fail("the server neither answers nor ends");
}

/* The messages of a stream; stops at the first that is cut. */
static bool next_frame(const struct sh_buffer *input, size_t *at, struct sh_frame *frame) {
    struct sh_frame_scan scan;
    size_t frame_bytes;
    sh_frame_scan_init(&scan, SH_ANSWER_BYTES_MAX);
    cr_assert_eq(sh_frame_scan(&scan, input->bytes + *at, input->count - *at, &frame_bytes, NULL), SH_OK);
    if (frame_bytes == 0) return false;
    cr_assert_eq(sh_frame_read(input->bytes + *at, frame_bytes, frame, NULL), SH_OK);
    *at += frame_bytes;
    return true;
}

static void write_ping(struct sh_buffer *output, uint32_t msgid) {
    sh_frame_write_request(output, msgid, SH_TEXT_LITERAL("ping"), "\x80", 1);
}

static void sleep_ms(long ms) {
    const struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    (void)nanosleep(&pause, NULL);
}

/* Each case runs on both bodies, with one shard and with two. */
#define ALL_SETTINGS(name)                                                                                             \
    static void name(void);                                                                                            \
    Test(server_uring, name##_1) {                                                                                     \
        start_with((struct sh_server_options){.io = uring_or_skip()});                                                 \
        name();                                                                                                        \
    }                                                                                                                  \
    Test(server_uring, name##_2) {                                                                                     \
        start_with((struct sh_server_options){.io = uring_or_skip(), .shard_count = 2});                               \
        name();                                                                                                        \
    }                                                                                                                  \
    Test(server_epoll, name##_1) {                                                                                     \
        start_with((struct sh_server_options){.io = SH_IO_EPOLL});                                                     \
        name();                                                                                                        \
    }                                                                                                                  \
    Test(server_epoll, name##_2) {                                                                                     \
        start_with((struct sh_server_options){.io = SH_IO_EPOLL, .shard_count = 2});                                   \
        name();                                                                                                        \
    }                                                                                                                  \
    static void name(void)

static enum sh_io_body uring_or_skip(void) {
    enum sh_io_body body;
    struct sh_error reason;
    if (sh_io_choose("uring", &body, &reason) != SH_OK) cr_skip_test("SKIPPED: %s", reason.message);
    return SH_IO_URING;
}

/* ---- the session's methods ---- */

ALL_SETTINGS(ping_hello_and_stats_answer) {
    client = connect_client();
    must_call("ping", NULL);
    cr_assert_geq(number_of("took_us"), 0);
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "version");
    shoal_client_write_integer(params, 1);
    write_pair(params, "workspace", "shop");
    must_call("hello", params);
    cr_assert_eq(number_of("version"), 1);
    cr_assert(shoal_client_text_is(shoal_client_get(answer.result, "workspace"), "shop"));
    cr_assert_eq(shoal_client_value_kind(shoal_client_get(answer.result, "zone")), SHOAL_CLIENT_NIL);
    put_users(10);
    must_call("hello", params);
    cr_assert(shoal_client_text_is(shoal_client_get(answer.result, "zone"), "UTC"));
    must_call("stats", NULL);
    const struct shoal_client_value numbers = shoal_client_get(answer.result, "server");
    cr_assert_eq(shoal_client_integer(shoal_client_get(numbers, "connections"), -1), 1);
    const struct shoal_client_value methods = shoal_client_get(numbers, "methods");
    cr_assert_eq(shoal_client_integer(shoal_client_get(shoal_client_get(methods, "ping"), "requests"), -1), 1);
    cr_assert_eq(shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "workspace"), "users"), -1), 10);
    shoal_client_writer_destroy(params);
    finish();
}

ALL_SETTINGS(a_wrong_hello_is_refused_and_names_the_key) {
    client = connect_client();
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "version");
    shoal_client_write_integer(params, 2);
    cr_assert_eq(call("hello", params), SHOAL_CLIENT_ERR_UNSUPPORTED);
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 1);
    write_pair(params, "work_space", "shop");
    cr_assert_eq(call("hello", params), SHOAL_CLIENT_ERR_ARGUMENT);
    cr_assert_not_null(strstr(error.hint, "workspace"), "%s", error.hint);
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 3);
    shoal_client_write_literal(params, "version");
    shoal_client_write_integer(params, 1);
    write_pair(params, "workspace", "shop");
    write_pair(params, "workspace", "other");
    cr_assert_eq(call("hello", params), SHOAL_CLIENT_ERR_ARGUMENT);
    cr_assert_str_eq(error.message, "`workspace` is given twice");
    shoal_client_writer_destroy(params);
    finish();
}

ALL_SETTINGS(unknown_and_internal_methods_are_refused_by_name) {
    client = connect_client();
    cr_assert_eq(call("user.gte", NULL), SHOAL_CLIENT_ERR_NAME);
    cr_assert_not_null(strstr(error.hint, "user.get"), "%s", error.hint);
    cr_assert_eq(call("shard.learn", NULL), SHOAL_CLIENT_ERR_NAME);
    must_call("ping", NULL);
    finish();
}

ALL_SETTINGS(workspaces_do_not_see_each_other) {
    client = connect_client();
    put_users(100);
    const struct shoal_client_options options = {.workspace = "other"};
    struct shoal_client *first = client;
    cr_assert_eq(shoal_client_open(sh_server_address(server, 0), &options, &client, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(call("audience.count", NULL), SHOAL_CLIENT_ERR_NOT_FOUND);
    put_users(3);
    cr_assert_eq(count_where("points >= 0"), 3);
    shoal_client_close(client);
    client = first;
    cr_assert_eq(count_where("points >= 0"), 100);
    finish();
}

/* ---- data through one and several shards ---- */

ALL_SETTINGS(users_that_are_put_are_counted_listed_and_got) {
    enum { USERS = 25000 };
    client = connect_client();
    put_users(USERS);
    cr_assert_eq(count_where("points < 500"), USERS / 2);
    cr_assert_eq(count_where("city = 'city 3' and points >= 0"), (USERS + 3) / 7);
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 2);
    write_pair(params, "where", "points = 7");
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, 1000);
    must_call("audience.list", params);
    cr_assert_eq(number_of("count"), USERS / 1000);
    cr_assert_eq(shoal_client_count(shoal_client_get(answer.result, "ids")), (uint32_t)USERS / 1000);
    for (uint32_t i = 0; i < 300; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "user-%u", i * 37);
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 1);
        write_pair(params, "id", id);
        must_call("user.get", params);
        const struct shoal_client_value user = shoal_client_get(answer.result, "user");
        cr_assert(shoal_client_text_is(shoal_client_get(user, "id"), id));
        cr_assert_eq(shoal_client_integer(shoal_client_get(user, "points"), -1), i * 37 % 1000);
    }
    cr_assert_eq(call("audience.count", NULL), SHOAL_CLIENT_ERR_ARGUMENT);
    shoal_client_writer_destroy(params);
    finish();
}

/* A user's own writes and reads, sent without waiting: each read sees the write before it. */
ALL_SETTINGS(requests_about_one_user_are_applied_in_the_order_they_were_sent) {
    enum { ROUNDS = 400 };
    client = connect_client();
    put_users(50);
    struct shoal_client_writer *params = shoal_client_writer_create();
    static uint32_t get_ids[ROUNDS];
    static int64_t seen[ROUNDS];
    uint32_t answered = 0;
    for (uint32_t i = 0; i < ROUNDS; i++) {
        char id[32];
        (void)snprintf(id, sizeof id, "user-%u", i % 10);
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 1);
        shoal_client_write_literal(params, "user");
        shoal_client_write_map(params, 2);
        write_pair(params, "id", id);
        shoal_client_write_literal(params, "points");
        shoal_client_write_integer(params, 1000000 + i);
        while (shoal_client_submit(client, "user.put", params, 0, NULL, &error) == SHOAL_CLIENT_ERR_BUSY) {
            cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
            for (uint32_t j = 0; j < i; j++)
                if (get_ids[j] == answer.id)
                    seen[j] =
                        shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "user"), "points"), -1);
            answered++;
        }
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 1);
        write_pair(params, "id", id);
        while (shoal_client_submit(client, "user.get", params, 0, &get_ids[i], &error) == SHOAL_CLIENT_ERR_BUSY) {
            cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
            for (uint32_t j = 0; j < i; j++)
                if (get_ids[j] == answer.id)
                    seen[j] =
                        shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "user"), "points"), -1);
            answered++;
        }
    }
    while (shoal_client_next(client, -1, &answer, &error) == SHOAL_CLIENT_OK) {
        cr_assert_eq(answer.code, SHOAL_CLIENT_OK, "%s", answer.error.message);
        for (uint32_t j = 0; j < ROUNDS; j++)
            if (get_ids[j] == answer.id)
                seen[j] = shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "user"), "points"), -1);
        answered++;
    }
    cr_assert_eq(answered, 2u * ROUNDS);
    for (uint32_t i = 0; i < ROUNDS; i++)
        cr_assert_eq(seen[i], (int64_t)1000000 + i, "read %u", i);
    shoal_client_writer_destroy(params);
    finish();
}

static void *ask_and_put(void *argument) {
    const uintptr_t number = (uintptr_t)argument;
    struct shoal_client *own = connect_client();
    struct shoal_client_writer *params = shoal_client_writer_create();
    struct shoal_client_answer own_answer;
    struct shoal_client_error own_error;
    for (uint32_t i = 0; i < 150; i++) {
        char id[32];
        shoal_client_writer_clear(params);
        shoal_client_write_map(params, 1);
        if (i % 3 == 0) {
            write_pair(params, "where", "points between 100 and 400 and city != 'city 2'");
            cr_assert_eq(shoal_client_call(own, "audience.count", params, 0, &own_answer, &own_error), SHOAL_CLIENT_OK,
                         "%s", own_error.message);
        } else if (i % 3 == 1) {
            shoal_client_write_literal(params, "item");
            shoal_client_write_map(params, 1);
            (void)snprintf(id, sizeof id, "item-%u", i);
            write_pair(params, "id", id);
            cr_assert_eq(shoal_client_call(own, "item.put", params, 0, &own_answer, &own_error), SHOAL_CLIENT_OK, "%s",
                         own_error.message);
        } else {
            shoal_client_write_literal(params, "user");
            shoal_client_write_map(params, 1);
            (void)snprintf(id, sizeof id, "new-%u-%u", (unsigned)number, i);
            write_pair(params, "id", id);
            cr_assert_eq(shoal_client_call(own, "user.put", params, 0, &own_answer, &own_error), SHOAL_CLIENT_OK, "%s",
                         own_error.message);
        }
    }
    shoal_client_writer_destroy(params);
    shoal_client_close(own);
    return NULL;
}

ALL_SETTINGS(many_clients_at_once_are_served) {
    enum { CLIENTS = 8 };
    client = connect_client();
    put_users(20000);
    pthread_t threads[CLIENTS];
    for (uintptr_t i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, ask_and_put, (void *)i);
    for (uintptr_t i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    must_call("stats", NULL);
    const struct shoal_client_value workspace = shoal_client_get(answer.result, "workspace");
    cr_assert_eq(shoal_client_integer(shoal_client_get(workspace, "users"), -1), 20000 + CLIENTS * 50);
    cr_assert_eq(shoal_client_integer(shoal_client_get(workspace, "items"), -1), 50);
    finish();
}

/* ---- streams, good and bad ---- */

ALL_SETTINGS(a_pipeline_in_one_write_is_answered_whole_and_then_the_stream_ends) {
    enum { REQUESTS = 20000 };
    const int handle = dial();
    struct sh_buffer output;
    struct sh_buffer input;
    sh_buffer_init(&output, 64 << 20);
    sh_buffer_init(&input, 64 << 20);
    for (uint32_t i = 0; i < REQUESTS; i++)
        write_ping(&output, i);
    send_all(handle, output.bytes, output.count);
    shutdown(handle, SHUT_WR); /* the answers must come nevertheless */
    receive_all(handle, &input);
    static bool seen[REQUESTS];
    size_t at = 0;
    struct sh_frame frame;
    uint32_t answered = 0;
    while (next_frame(&input, &at, &frame)) {
        cr_assert_eq(frame.kind, SH_FRAME_ANSWER);
        cr_assert_null(frame.error);
        cr_assert_not(seen[frame.msgid]);
        seen[frame.msgid] = true;
        answered++;
    }
    cr_assert_eq(answered, (uint32_t)REQUESTS);
    cr_assert_eq(at, input.count);
    close(handle);
    sh_buffer_deinit(&output);
    sh_buffer_deinit(&input);
    stop_and_check();
}

ALL_SETTINGS(a_request_that_comes_byte_by_byte_is_answered) {
    const int handle = dial();
    struct sh_buffer output;
    struct sh_buffer input;
    sh_buffer_init(&output, 1 << 20);
    sh_buffer_init(&input, 1 << 20);
    for (uint32_t i = 0; i < 3; i++)
        write_ping(&output, 70000 + i);
    for (size_t i = 0; i < output.count; i++) {
        send_all(handle, output.bytes + i, 1);
        if (i % 7 == 0) sleep_ms(1);
    }
    shutdown(handle, SHUT_WR);
    receive_all(handle, &input);
    size_t at = 0;
    struct sh_frame frame;
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert(next_frame(&input, &at, &frame));
        cr_assert_eq(frame.msgid, 70000 + i);
    }
    close(handle);
    sh_buffer_deinit(&output);
    sh_buffer_deinit(&input);
    stop_and_check();
}

static void expect_farewell(int handle, enum sh_status status) {
    struct sh_buffer input;
    struct sh_frame frame;
    struct sh_error err;
    size_t at = 0;
    sh_buffer_init(&input, 1 << 20);
    receive_all(handle, &input);
    cr_assert(next_frame(&input, &at, &frame));
    cr_assert_eq(frame.kind, SH_FRAME_NOTICE);
    cr_assert(sh_text_equal(frame.method, SH_TEXT_LITERAL("error")));
    sh_frame_read_error(frame.params, frame.params_bytes, &err);
    cr_assert_eq(err.status, status, "%s", err.message);
    sh_buffer_deinit(&input);
    close(handle);
}

ALL_SETTINGS(a_stream_that_is_no_messagepack_rpc_is_told_so_and_ended) {
    int handle = dial();
    static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    send_all(handle, http, sizeof http - 1);
    expect_farewell(handle, SH_ERR_PROTOCOL);
    handle = dial();
    static const uint8_t billions[] = {0x94, 0, 1, 0xA1, 'x', 0xDD, 0xFF, 0xFF, 0xFF, 0xFF};
    send_all(handle, billions, sizeof billions);
    expect_farewell(handle, SH_ERR_TOO_LARGE);
    handle = dial();
    static const uint8_t answers[] = {0x94, 1, 1, 0xC0, 0x80};
    send_all(handle, answers, sizeof answers);
    expect_farewell(handle, SH_ERR_PROTOCOL);
    client = connect_client();
    cr_assert_eq(server_number("faulty"), 3);
    finish();
}

ALL_SETTINGS(a_request_of_a_wrong_form_is_answered_and_the_stream_goes_on) {
    const int handle = dial();
    struct sh_buffer input;
    sh_buffer_init(&input, 1 << 20);
    static const uint8_t wrong[] = {0x94, 0, 7, 0xA4, 'p', 'i', 'n', 'g', 0x80}; /* params is a map, not an array */
    static const uint8_t right[] = {0x94, 0, 8, 0xA4, 'p', 'i', 'n', 'g', 0x90};
    send_all(handle, wrong, sizeof wrong);
    send_all(handle, right, sizeof right);
    shutdown(handle, SHUT_WR);
    receive_all(handle, &input);
    struct sh_frame frame;
    size_t at = 0;
    cr_assert(next_frame(&input, &at, &frame));
    cr_assert_eq(frame.msgid, 7u);
    cr_assert_not_null(frame.error);
    cr_assert(next_frame(&input, &at, &frame));
    cr_assert_eq(frame.msgid, 8u);
    cr_assert_null(frame.error);
    sh_buffer_deinit(&input);
    close(handle);
    stop_and_check();
}

ALL_SETTINGS(a_notice_is_done_and_not_answered) {
    client = connect_client();
    put_users(5);
    const int handle = dial();
    struct sh_buffer output;
    struct sh_buffer input;
    sh_buffer_init(&output, 1 << 20);
    sh_buffer_init(&input, 1 << 20);
    static const uint8_t user[] = {0x81, 0xA4, 'u', 's', 'e', 'r', 0x81, 0xA2, 'i', 'd', 0xA3, 'n', 'e', 'w'};
    sh_frame_write_notice(&output, SH_TEXT_LITERAL("user.put"), user, sizeof user);
    sh_frame_write_notice(&output, SH_TEXT_LITERAL("no.such.method"), user, sizeof user);
    write_ping(&output, 1);
    send_all(handle, output.bytes, output.count);
    shutdown(handle, SHUT_WR);
    receive_all(handle, &input);
    struct sh_frame frame;
    size_t at = 0;
    cr_assert(next_frame(&input, &at, &frame));
    cr_assert_eq(frame.msgid, 1u);
    cr_assert_not(next_frame(&input, &at, &frame));
    must_call("stats", NULL);
    cr_assert_eq(shoal_client_integer(shoal_client_get(shoal_client_get(answer.result, "workspace"), "users"), -1), 6);
    close(handle);
    sh_buffer_deinit(&output);
    sh_buffer_deinit(&input);
    finish();
}

/* ---- clients that do not read, do not finish, do not stay ---- */

ALL_SETTINGS(a_client_that_never_reads_holds_few_bytes_and_nobody_else_up) {
    enum { REQUESTS = 3000 };
    client = connect_client();
    put_users(20000);
    const int handle = dial();
    struct sh_buffer output;
    sh_buffer_init(&output, 1 << 20);
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 2);
    write_pair(params, "where", "points >= 0");
    shoal_client_write_literal(params, "limit");
    shoal_client_write_integer(params, 20000);
    size_t params_bytes;
    const void *bytes = shoal_client_writer_bytes(params, &params_bytes);
    for (uint32_t i = 0; i < REQUESTS; i++) /* each asks for 200 KB: 600 MB in all */
        sh_frame_write_request(&output, i, SH_TEXT_LITERAL("audience.list"), bytes, params_bytes);
    fcntl(handle, F_SETFL, O_NONBLOCK);
    send_all(handle, output.bytes, output.count);
    for (uint32_t i = 0; i < 50; i++) {
        cr_assert_eq(count_where("points < 500"), 10000);
        sleep_ms(5);
    }
    cr_assert_lt(server_number("unsent_bytes"), (int64_t)300 << 20);
    close(handle); /* unread bytes: the kernel resets the stream */
    for (uint32_t i = 0; i < 1000 && (server_number("accepted") < 61 || server_number("connections") > 1); i++)
        sleep_ms(5);
    cr_assert_eq(server_number("connections"), 1);
    for (uint32_t i = 0; i < 1000 && server_number("in_flight") > 1; i++)
        sleep_ms(5);
    cr_assert_leq(server_number("in_flight"), 1, "its questions are dropped");
    cr_assert_lt(server_number("unsent_bytes"), 100000, "what is left are answers to this question");
    shoal_client_writer_destroy(params);
    sh_buffer_deinit(&output);
    finish();
}

ALL_SETTINGS(a_slow_reader_gets_every_answer) {
    enum { REQUESTS = 60 };
    client = connect_client();
    put_users(20000);
    const int handle = dial();
    struct sh_buffer output;
    struct sh_buffer input;
    sh_buffer_init(&output, 1 << 20);
    sh_buffer_init(&input, 64 << 20);
    static const uint8_t params[] = {0x82, 0xA5, 'w', 'h', 'e', 'r',  'e', 0xAB, 'p', 'o', 'i', 'n',  't',  's',
                                     ' ',  '>',  '=', ' ', '0', 0xA5, 'l', 'i',  'm', 'i', 't', 0xCD, 0x4E, 0x20};
    for (uint32_t i = 0; i < REQUESTS; i++)
        sh_frame_write_request(&output, i, SH_TEXT_LITERAL("audience.list"), params, sizeof params);
    send_all(handle, output.bytes, output.count);
    shutdown(handle, SHUT_WR);
    sleep_ms(100);
    receive_all(handle, &input);
    size_t at = 0;
    struct sh_frame frame;
    uint32_t answered = 0;
    while (next_frame(&input, &at, &frame)) {
        cr_assert_null(frame.error);
        const struct shoal_client_value result = {frame.result, frame.result_bytes};
        cr_assert_eq(shoal_client_count(shoal_client_get(result, "ids")), 20000u);
        answered++;
    }
    cr_assert_eq(answered, (uint32_t)REQUESTS);
    close(handle);
    sh_buffer_deinit(&output);
    sh_buffer_deinit(&input);
    finish();
}

Test(server, a_client_that_reads_nothing_for_too_long_is_closed) {
    start_with((struct sh_server_options){.io = SH_IO_EPOLL, .send_stall_ms_max = 300});
    client = connect_client();
    put_users(200000);
    const int handle = dial();
    struct sh_buffer output;
    sh_buffer_init(&output, 1 << 20);
    static const uint8_t params[] = {0x82, 0xA5, 'w', 'h', 'e',  'r', 'e', 0xAB, 'p', 'o', 'i',  'n', 't', 's',  ' ',
                                     '>',  '=',  ' ', '0', 0xA5, 'l', 'i', 'm',  'i', 't', 0xCE, 0,   3,   0x0D, 0x40};
    for (uint32_t i = 0; i < 20; i++)
        sh_frame_write_request(&output, i, SH_TEXT_LITERAL("audience.list"), params, sizeof params);
    send_all(handle, output.bytes, output.count);
    for (uint32_t i = 0; i < 1000 && server_number("evicted") == 0; i++)
        sleep_ms(10);
    cr_assert_eq(server_number("evicted"), 1);
    close(handle);
    sh_buffer_deinit(&output);
    finish();
}

Test(server, a_message_that_does_not_go_on_is_given_up_and_said) {
    start_with((struct sh_server_options){.io = SH_IO_EPOLL, .frame_stall_ms_max = 300});
    const int idle = dial(); /* nothing begun: may stay */
    const int handle = dial();
    send_all(handle, "\x94\x00\x01", 3);
    expect_farewell(handle, SH_ERR_CLOSED);
    client = connect_client();
    cr_assert_eq(server_number("connections"), 2);
    close(idle);
    finish();
}

Test(server, connections_over_the_limit_are_refused_with_words) {
    start_with((struct sh_server_options){.io = SH_IO_EPOLL, .connection_count_max = 3});
    const int handles[2] = {dial(), dial()};
    client = connect_client();
    must_call("ping", NULL);
    expect_farewell(dial(), SH_ERR_LIMIT);
    close(handles[0]);
    for (uint32_t i = 0; i < 1000 && server_number("connections") > 2; i++)
        sleep_ms(5);
    struct shoal_client *another = connect_client();
    shoal_client_close(another);
    close(handles[1]);
    finish();
}

ALL_SETTINGS(clients_that_leave_in_the_middle_leave_nothing_behind) {
    client = connect_client();
    put_users(20000);
    static const uint8_t params[] = {0x81, 0xA5, 'w', 'h', 'e', 'r', 'e', 0xAB, 'p', 'o',
                                     'i',  'n',  't', 's', ' ', '>', '=', ' ',  '0'};
    struct sh_buffer output;
    sh_buffer_init(&output, 1 << 20);
    for (uint32_t i = 0; i < 100; i++)
        sh_frame_write_request(&output, i, SH_TEXT_LITERAL("audience.count"), params, sizeof params);
    for (uint32_t i = 0; i < 60; i++) {
        const int handle = dial();
        send_all(handle, output.bytes, output.count - i * 7 % 40); /* often in the middle of a message */
        const struct linger reset = {.l_onoff = i % 2 == 0};
        setsockopt(handle, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(handle);
    }
    for (uint32_t i = 0; i < 1000 && (server_number("accepted") < 61 || server_number("connections") > 1); i++)
        sleep_ms(5);
    cr_assert_eq(server_number("connections"), 1);
    for (uint32_t i = 0; i < 100 && server_number("partial_bytes") > 0; i++)
        sleep_ms(50); /* the memory of large messages is given back by a session that has been idle for a second */
    cr_assert_eq(server_number("partial_bytes"), 0);
    sh_buffer_deinit(&output);
    finish();
}

/* ---- the end ---- */

ALL_SETTINGS(a_stop_answers_what_has_come_in) {
    enum { REQUESTS = 500 };
    client = connect_client();
    put_users(20000);
    const int handle = dial();
    struct sh_buffer output;
    struct sh_buffer input;
    sh_buffer_init(&output, 1 << 20);
    sh_buffer_init(&input, 16 << 20);
    static const uint8_t params[] = {0x81, 0xA5, 'w', 'h', 'e', 'r', 'e', 0xAB, 'p', 'o',
                                     'i',  'n',  't', 's', ' ', '>', '=', ' ',  '0'};
    for (uint32_t i = 0; i < REQUESTS; i++)
        sh_frame_write_request(&output, i, SH_TEXT_LITERAL("audience.count"), params, sizeof params);
    send_all(handle, output.bytes, output.count);
    uint8_t first;
    cr_assert_eq(recv(handle, &first, 1, MSG_PEEK), 1); /* it has been read */
    sh_server_stop(server);
    sh_server_stop(server);
    receive_all(handle, &input);
    size_t at = 0;
    uint32_t answered = 0;
    struct sh_frame frame;
    while (next_frame(&input, &at, &frame))
        answered += frame.error == NULL ? 1 : 0;
    cr_assert_eq(answered, (uint32_t)REQUESTS);
    close(handle);
    shoal_client_close(client);
    cr_assert_eq(sh_server_join(server, NULL), SH_OK);
    sh_buffer_deinit(&output);
    sh_buffer_deinit(&input);
}

ALL_SETTINGS(an_abort_does_not_wait_for_clients) {
    client = connect_client();
    const int handle = dial();
    send_all(handle, "\x94\x00", 2);
    sh_server_stop(server);
    sh_server_abort(server);
    cr_assert_eq(sh_server_join(server, NULL), SH_OK);
    close(handle);
    shoal_client_close(client);
}

Test(server, an_address_in_use_is_an_error_and_leaves_nothing) {
    start_with((struct sh_server_options){.io = SH_IO_EPOLL, .shard_count = 2});
    struct sh_server *second;
    struct sh_error err;
    const char *const address[] = {sh_server_address(server, 0)};
    const struct sh_server_options options = {
        .addresses = address, .address_count = 1, .shard_count = 2, .io = SH_IO_EPOLL};
    cr_assert_eq(sh_server_start(&options, &second, &err), SH_ERR_CONFLICT);
    cr_assert_null(second);
    client = connect_client();
    must_call("ping", NULL);
    finish();
}

ALL_SETTINGS(a_server_can_be_started_and_stopped_again_and_again) {
    stop_and_check();
    for (uint32_t i = 0; i < 10; i++) {
        start_with((struct sh_server_options){.io = SH_IO_EPOLL, .shard_count = 1 + i % 3});
        client = connect_client();
        must_call("ping", NULL);
        finish();
    }
}
