#include <criterion/criterion.h>

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "bounds.h"
#include "client_server.h"
#include "cursor.h"
#include "memory.h"
#include "shoal/client.h"

static struct shoal_client *client;
static struct shoal_client_error error;
static struct shoal_client_answer answer;

static void open_with(struct client_server *server, const struct shoal_client_options *options) {
    client_server_start(server);
    cr_assert_eq(shoal_client_open(server->address, options, &client, &error), SHOAL_CLIENT_OK, "%s", error.message);
}

/* The timeout is for greeting too, which on a busy machine may take longer than a test wants to wait for an answer. */
static void open_hurried(struct client_server *server, uint32_t timeout_ms) {
    const struct shoal_client_options options = {.timeout_ms = timeout_ms};
    int code = SHOAL_CLIENT_ERR_DEADLINE;
    client_server_start(server);
    for (int tries = 0; code == SHOAL_CLIENT_ERR_DEADLINE && tries < 100; tries++)
        code = shoal_client_open(server->address, &options, &client, &error);
    cr_assert_eq(code, SHOAL_CLIENT_OK, "%s", error.message);
}

static void finish(struct client_server *server) {
    shoal_client_close(client);
    client_server_stop(server);
}

static int64_t answer_number(void) {
    return shoal_client_integer(shoal_client_get(answer.result, "number"), -1);
}

static int64_t param_number(const struct sh_frame *frame) {
    const struct shoal_client_value params = {frame->params, frame->params_bytes};
    return shoal_client_integer(shoal_client_get(params, "number"), -1);
}

static void write_number(struct shoal_client_writer *params, int64_t number) {
    shoal_client_writer_clear(params);
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "number");
    shoal_client_write_integer(params, number);
}

static enum next_step double_it(struct client_server *server, uint32_t connection, uint32_t request,
                                const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request;
    client_server_answer(output, frame, 2 * param_number(frame));
    return GO_ON;
}

/* ---- calls ---- */

Test(client, a_call_gets_its_answer) {
    struct client_server server = {.handle = double_it};
    open_with(&server, NULL);
    struct shoal_client_writer *params = shoal_client_writer_create();
    for (int64_t i = 0; i < 100; i++) {
        write_number(params, i);
        cr_assert_eq(shoal_client_call(client, "double", params, 0, &answer, &error), SHOAL_CLIENT_OK);
        cr_assert_eq(answer_number(), 2 * i);
        cr_assert_eq(shoal_client_integer(shoal_client_get(answer.result, "took_us"), -1), 1);
    }
    cr_assert_eq(shoal_client_in_flight_count(client), 0u);
    shoal_client_writer_destroy(params);
    finish(&server);
}

static enum next_step refuse_it(struct client_server *server, uint32_t connection, uint32_t request,
                                const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request;
    struct sh_error err;
    (void)sh_fail(&err, SH_ERR_SYNTAX, 7, "a number is needed");
    (void)sh_fail_hint(&err, SH_ERR_SYNTAX, "write one");
    sh_frame_write_error(output, frame->msgid, &err);
    return GO_ON;
}

Test(client, an_error_of_the_server_comes_with_its_words) {
    struct client_server server = {.handle = refuse_it};
    open_with(&server, NULL);
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_ERR_SYNTAX);
    cr_assert(error.from_server);
    cr_assert_eq(error.position, 7);
    cr_assert_str_eq(error.status, "syntax");
    cr_assert_str_eq(error.message, "a number is needed");
    cr_assert_str_eq(error.hint, "write one");
    cr_assert_eq(shoal_client_value_kind(answer.result), SHOAL_CLIENT_ABSENT);
    finish(&server);
}

Test(client, pipelined_calls_are_all_answered_under_their_ids) {
    enum { CALLS = 5000, WINDOW = 200 };
    static int64_t numbers[UINT16_MAX + 1];
    struct client_server server = {.handle = double_it};
    open_with(&server, &(struct shoal_client_options){.in_flight_count_max = WINDOW});
    struct shoal_client_writer *params = shoal_client_writer_create();
    uint32_t submitted = 0;
    uint32_t answered = 0;
    while (answered < CALLS) {
        while (submitted < CALLS) {
            uint32_t id;
            write_number(params, submitted);
            const int result = shoal_client_submit(client, "double", params, 0, &id, &error);
            if (result == SHOAL_CLIENT_ERR_BUSY) break;
            cr_assert_eq(result, SHOAL_CLIENT_OK);
            numbers[id % 65536] = submitted++;
        }
        cr_assert_leq(shoal_client_in_flight_count(client), (uint32_t)WINDOW);
        cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK, "%s", error.message);
        cr_assert_eq(answer_number(), 2 * numbers[answer.id % 65536]);
        answered++;
    }
    cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_ERR_NOT_FOUND);
    shoal_client_writer_destroy(params);
    finish(&server);
}

/* Answers the requests of each pair in the other order. */
static enum next_step swap_pairs(struct client_server *server, uint32_t connection, uint32_t request,
                                 const struct sh_frame *frame, struct sh_buffer *output) {
    (void)connection;
    static struct sh_frame first;
    static int64_t first_number;
    (void)server;
    if (request % 2 == 0) {
        first = *frame;
        first_number = param_number(frame);
        return GO_ON;
    }
    client_server_answer(output, frame, param_number(frame));
    client_server_answer(output, &first, first_number);
    return GO_ON;
}

Test(client, answers_that_come_while_a_call_waits_are_kept_for_next) {
    struct client_server server = {.handle = swap_pairs};
    open_with(&server, NULL);
    struct shoal_client_writer *params = shoal_client_writer_create();
    uint32_t id;
    write_number(params, 1);
    cr_assert_eq(shoal_client_submit(client, "x", params, 0, &id, &error), SHOAL_CLIENT_OK);
    write_number(params, 2);
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(answer_number(), 2);
    write_number(params, 3);
    cr_assert_eq(shoal_client_submit(client, "x", params, 0, NULL, &error), SHOAL_CLIENT_OK);
    write_number(params, 4);
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(answer_number(), 4);
    cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(answer.id, id);
    cr_assert_eq(answer_number(), 1);
    cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(answer_number(), 3);
    shoal_client_writer_destroy(params);
    finish(&server);
}

/* ---- time ---- */

static enum next_step answer_the_second_only(struct client_server *server, uint32_t connection, uint32_t request,
                                             const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection;
    if (request == 0) return GO_ON;
    client_server_answer(output, frame, 5);
    return GO_ON;
}

Test(client, a_call_without_an_answer_ends_at_the_timeout_and_the_next_one_works) {
    struct client_server server = {.handle = answer_the_second_only};
    open_hurried(&server, 100);
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_ERR_DEADLINE);
    cr_assert_not(error.from_server);
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(answer_number(), 5);
    finish(&server);
}

Test(client, next_with_no_time_only_looks) {
    struct client_server server = {.handle = answer_the_second_only};
    open_with(&server, NULL);
    cr_assert_eq(shoal_client_submit(client, "x", NULL, 0, NULL, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(shoal_client_next(client, 0, &answer, &error), SHOAL_CLIENT_ERR_DEADLINE);
    cr_assert_eq(shoal_client_next(client, 30, &answer, &error), SHOAL_CLIENT_ERR_DEADLINE);
    cr_assert_eq(shoal_client_in_flight_count(client), 1u);
    finish(&server);
}

static enum next_step answer_twice(struct client_server *server, uint32_t connection, uint32_t request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request;
    client_server_answer(output, frame, 1);
    client_server_answer(output, frame, 2);
    return GO_ON;
}

/* Notices, and the answers of calls that nobody made, piece after piece and faster than anybody reads them. The true
 * answer comes last, much too late: a client that waits for as long as something comes would get it. */
struct talk {
    struct sh_buffer piece;
    uint64_t end_ms;
};

static uint64_t clock_ms(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static enum next_step talk_without_end(struct client_server *server, uint32_t connection, uint32_t request,
                                       const struct sh_frame *frame, struct sh_buffer *output) {
    (void)connection, (void)request;
    const uint8_t nothing = 0x80;
    struct talk *talk = server->context;
    if (talk->piece.count == 0) {
        struct sh_frame other = *frame;
        talk->end_ms = clock_ms() + 1500;
        while (talk->piece.count < 1 << 18) {
            sh_frame_write_notice(&talk->piece, SH_TEXT_LITERAL("news"), &nothing, 1);
            other.msgid++;
            client_server_answer(&talk->piece, &other, 7);
        }
    }
    if (clock_ms() >= talk->end_ms) {
        client_server_answer(output, frame, 7);
        return GO_ON;
    }
    sh_buffer_append(output, talk->piece.bytes, talk->piece.count);
    return SEND_AND_COME_BACK;
}

Test(client, a_server_that_talks_without_end_does_not_outlast_the_timeout) {
    struct talk talk = {0};
    struct client_server server = {.handle = talk_without_end, .context = &talk};
    sh_buffer_init(&talk.piece, 1 << 20);
    open_hurried(&server, 100);
    const int code = shoal_client_call(client, "x", NULL, 0, &answer, &error);
    cr_assert_eq(code, SHOAL_CLIENT_ERR_DEADLINE, "%d %s", code, error.message);
    finish(&server);
    sh_buffer_deinit(&talk.piece);
}

Test(client, an_answer_given_twice_is_taken_once) {
    struct client_server server = {.handle = answer_twice};
    open_with(&server, NULL);
    uint32_t first, second;
    cr_assert_eq(shoal_client_submit(client, "a", NULL, 0, &first, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(shoal_client_submit(client, "b", NULL, 0, &second, &error), SHOAL_CLIENT_OK);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(shoal_client_next(client, 0, &answer, &error), SHOAL_CLIENT_ERR_NOT_FOUND);
    cr_assert_eq(shoal_client_call(client, "c", NULL, 0, &answer, &error), SHOAL_CLIENT_OK);
    finish(&server);
}

/* ---- lost connections ---- */

/* The first connection breaks at the third request; the second answers all. */
static enum next_step break_once(struct client_server *server, uint32_t connection, uint32_t request,
                                 const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server;
    if (connection == 0 && request >= 2) return CLOSE_NOW;
    client_server_answer(output, frame, param_number(frame));
    return GO_ON;
}

Test(client, idempotent_calls_are_sent_again_and_others_are_answered_as_lost) {
    struct client_server server = {.handle = break_once};
    open_with(&server, NULL);
    struct shoal_client_writer *params = shoal_client_writer_create();
    uint32_t ids[8];
    for (uint32_t i = 0; i < 8; i++) {
        write_number(params, i);
        const unsigned flags = i % 2 == 0 ? SHOAL_CLIENT_IDEMPOTENT : 0;
        cr_assert_eq(shoal_client_submit(client, "x", params, flags, &ids[i], &error), SHOAL_CLIENT_OK);
    }
    uint32_t lost = 0;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < 8; i++) {
        cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK, "%s", error.message);
        uint32_t number = 0;
        while (number < 8 && ids[number] != answer.id)
            number++;
        cr_assert_lt(number, 8u);
        cr_assert_eq(seen & 1u << number, 0u, "answered twice");
        seen |= 1u << number;
        if (answer.code == SHOAL_CLIENT_OK) {
            cr_assert_eq(answer_number(), (int64_t)number);
            continue;
        }
        cr_assert_eq(answer.code, SHOAL_CLIENT_ERR_CLOSED);
        cr_assert_not(answer.error.from_server);
        cr_assert_eq(number % 2, 1u, "call %u is idempotent", number);
        lost++;
    }
    cr_assert_geq(lost, 2u);
    cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_ERR_NOT_FOUND);
    shoal_client_writer_destroy(params);
    finish(&server);
    cr_assert_eq(server.connection_count, 2u);
}

static enum next_step always_break(struct client_server *server, uint32_t connection, uint32_t request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request, (void)frame, (void)output;
    return CLOSE_NOW;
}

Test(client, a_server_that_always_breaks_is_given_up) {
    struct client_server server = {.handle = always_break};
    open_with(&server, &(struct shoal_client_options){.attempt_count_max = 3});
    cr_assert_eq(shoal_client_call(client, "x", NULL, SHOAL_CLIENT_IDEMPOTENT, &answer, &error),
                 SHOAL_CLIENT_ERR_CLOSED);
    finish(&server);
    cr_assert_eq(server.connection_count, 4u);
}

/* Says it has gone by closing at once the first two times that it is connected to again. */
static enum next_step go_and_come_back(struct client_server *server, uint32_t connection, uint32_t request,
                                       const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server;
    if (sh_text_equal(frame->method, SH_TEXT_LITERAL("hello"))) {
        if (connection == 1 || connection == 2) return CLOSE_NOW;
        client_server_answer(output, frame, 0);
        return GO_ON;
    }
    if (connection == 0 && request == 1) return CLOSE_NOW;
    client_server_answer(output, frame, (int64_t)connection);
    return GO_ON;
}

Test(client, a_client_goes_on_when_its_server_is_back) {
    struct client_server server = {.handle = go_and_come_back, .handles_hello = true};
    open_with(&server, &(struct shoal_client_options){.attempt_count_max = 2});
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_ERR_CLOSED);
    cr_assert_eq(shoal_client_descriptor(client), -1);
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_ERR_CLOSED,
                 "two attempts fail");
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_OK, "%s", error.message);
    cr_assert_eq(answer_number(), 3);
    finish(&server);
}

static enum next_step say_farewell(struct client_server *server, uint32_t connection, uint32_t request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request, (void)frame;
    struct sh_error err;
    struct sh_buffer map;
    sh_buffer_init(&map, 10000);
    (void)sh_fail(&err, SH_ERR_LIMIT, -1, "too many connections");
    sh_frame_write_error_map(&map, &err);
    sh_frame_write_notice(output, SH_TEXT_LITERAL("error"), map.bytes, map.count);
    sh_buffer_deinit(&map);
    return SEND_AND_CLOSE;
}

Test(client, what_the_server_says_before_it_closes_is_in_the_error) {
    struct client_server server = {.handle = say_farewell};
    open_with(&server, NULL);
    cr_assert_eq(shoal_client_call(client, "x", NULL, 0, &answer, &error), SHOAL_CLIENT_ERR_CLOSED);
    cr_assert_not_null(strstr(error.message, "too many connections"), "%s", error.message);
    finish(&server);
}

static enum next_step send_garbage(struct client_server *server, uint32_t connection, uint32_t request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request, (void)frame;
    static const uint8_t garbage[] = {0xDD, 0xFF, 0xFF, 0xFF, 0xFF, 1, 2, 3};
    sh_buffer_append(output, garbage, sizeof garbage);
    return GO_ON;
}

Test(client, a_stream_that_cannot_be_read_ends_every_call) {
    struct client_server server = {.handle = send_garbage};
    open_with(&server, NULL);
    cr_assert_eq(shoal_client_call(client, "x", NULL, SHOAL_CLIENT_IDEMPOTENT, &answer, &error),
                 SHOAL_CLIENT_ERR_TOO_LARGE);
    cr_assert_eq(shoal_client_in_flight_count(client), 0u);
    finish(&server);
}

Test(client, nobody_at_the_address_is_an_error_with_words) {
    cr_assert_eq(shoal_client_open("127.0.0.1:1", NULL, &client, &error), SHOAL_CLIENT_ERR_IO);
    cr_assert_null(client);
    cr_assert_not_null(strstr(error.message, "127.0.0.1:1"));
    cr_assert_eq(shoal_client_open("unix:/nowhere/at/all", NULL, &client, NULL), SHOAL_CLIENT_ERR_IO);
    cr_assert_eq(shoal_client_open("7717", NULL, &client, &error), SHOAL_CLIENT_ERR_ARGUMENT);
}

static enum next_step refuse_hello(struct client_server *server, uint32_t connection, uint32_t request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request;
    struct sh_error err;
    (void)sh_fail(&err, SH_ERR_UNSUPPORTED, -1, "version 1 is not spoken here");
    sh_frame_write_error(output, frame->msgid, &err);
    return GO_ON;
}

Test(client, a_refused_hello_is_a_failed_open) {
    struct client_server server = {.handle = refuse_hello, .handles_hello = true};
    client_server_start(&server);
    cr_assert_eq(shoal_client_open(server.address, NULL, &client, &error), SHOAL_CLIENT_ERR_UNSUPPORTED);
    cr_assert_str_eq(error.message, "version 1 is not spoken here");
    client_server_stop(&server);
}

/* ---- sizes ---- */

static enum next_step answer_large(struct client_server *server, uint32_t connection, uint32_t request,
                                   const struct sh_frame *frame, struct sh_buffer *output) {
    (void)server, (void)connection, (void)request;
    const int64_t count = param_number(frame);
    msgpack_packer packer;
    sh_frame_write_answer(output, frame->msgid);
    sh_buffer_packer(output, &packer);
    msgpack_pack_array(&packer, (size_t)count);
    for (int64_t i = 0; i < count; i++)
        msgpack_pack_int64(&packer, i * 1000003);
    return GO_ON;
}

Test(client, a_large_answer_comes_whole_and_can_be_walked) {
    struct client_server server = {.handle = answer_large};
    open_with(&server, NULL);
    struct shoal_client_writer *params = shoal_client_writer_create();
    write_number(params, 1000000);
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(shoal_client_count(answer.result), 1000000u);
    struct shoal_client_walk walk = shoal_client_walk_begin(answer.result);
    struct shoal_client_value value;
    int64_t expected = 0;
    while (shoal_client_walk_next(&walk, NULL, &value))
        cr_assert_eq(shoal_client_integer(value, -1), 1000003 * expected++);
    cr_assert_eq(expected, 1000000);
    shoal_client_writer_destroy(params);
    finish(&server);
}

Test(client, an_answer_over_the_limit_is_refused) {
    struct client_server server = {.handle = answer_large};
    open_with(&server, &(struct shoal_client_options){.answer_bytes_max = 10000});
    struct shoal_client_writer *params = shoal_client_writer_create();
    write_number(params, 20000);
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_ERR_TOO_LARGE);
    write_number(params, 3);
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_OK, "%s", error.message);
    shoal_client_writer_destroy(params);
    finish(&server);
}

Test(client, bytes_in_flight_are_bounded) {
    struct client_server server = {.handle = double_it};
    open_with(&server, &(struct shoal_client_options){.in_flight_bytes_max = 100000});
    struct shoal_client_writer *params = shoal_client_writer_create();
    static char text[60000];
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "text");
    memset(text, 'x', sizeof text);
    shoal_client_write_text(params, text, sizeof text);
    cr_assert_eq(shoal_client_submit(client, "x", params, SHOAL_CLIENT_IDEMPOTENT, NULL, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(shoal_client_submit(client, "x", params, SHOAL_CLIENT_IDEMPOTENT, NULL, &error),
                 SHOAL_CLIENT_ERR_BUSY);
    cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
    cr_assert_eq(shoal_client_submit(client, "x", params, SHOAL_CLIENT_IDEMPOTENT, NULL, &error), SHOAL_CLIENT_OK);
    shoal_client_writer_destroy(params);
    finish(&server);
}

Test(client, params_over_the_frame_limit_fail_the_call_that_uses_them) {
    struct client_server server = {.handle = double_it};
    open_with(&server, NULL);
    struct shoal_client_writer *params = shoal_client_writer_create();
    static char text[SH_FRAME_BYTES_MAX + 1];
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "text");
    shoal_client_write_text(params, text, sizeof text);
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_ERR_TOO_LARGE);
    write_number(params, 3); /* cleared, it works again */
    cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_OK);
    shoal_client_writer_destroy(params);
    finish(&server);
}

/* Open, call, pipeline and close, with allocation n failing, n = 0, 1, 2 ... until none fails. */
static bool run_with_failing_allocation(struct client_server *server, uint64_t number) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    write_number(params, 4);
    sh_memory_fail_after(number);
    client = NULL;
    int status = shoal_client_open(server->address, NULL, &client, &error);
    if (status == SHOAL_CLIENT_OK) {
        status = shoal_client_call(client, "x", params, SHOAL_CLIENT_IDEMPOTENT, &answer, &error);
        if (status == SHOAL_CLIENT_OK) cr_assert_eq(answer_number(), 8);
        if (shoal_client_submit(client, "x", params, SHOAL_CLIENT_IDEMPOTENT, NULL, &error) == SHOAL_CLIENT_OK) {
            const int other = shoal_client_call(client, "x", params, 0, &answer, &error);
            if (status == SHOAL_CLIENT_OK) status = other;
            cr_assert_eq(shoal_client_next(client, -1, &answer, &error), SHOAL_CLIENT_OK);
            if (status == SHOAL_CLIENT_OK) status = answer.code;
        }
    } else {
        cr_assert_null(client);
    }
    const bool failed = sh_memory_failed();
    sh_memory_fail_after(UINT64_MAX);
    const bool is_known = status == SHOAL_CLIENT_OK || status == SHOAL_CLIENT_ERR_MEMORY ||
                          status == SHOAL_CLIENT_ERR_LIMIT || status == SHOAL_CLIENT_ERR_CLOSED;
    cr_assert(is_known, "%d %s", status, error.message);
    if (client != NULL) { /* whatever failed, it goes on from here */
        while (shoal_client_in_flight_count(client) > 0)
            (void)shoal_client_next(client, -1, &answer, &error);
        cr_assert_eq(shoal_client_call(client, "x", params, 0, &answer, &error), SHOAL_CLIENT_OK, "%s", error.message);
    }
    shoal_client_close(client);
    shoal_client_writer_destroy(params);
    return failed;
}

Test(client, each_allocation_may_fail_once) {
    struct client_server server = {.handle = double_it};
    client_server_start(&server);
    uint64_t number = 0;
    while (run_with_failing_allocation(&server, number))
        number++;
    cr_assert_gt(number, (uint64_t)5);
    client_server_stop(&server);
}

/* ---- values ---- */

static struct shoal_client_value value_of(const struct shoal_client_writer *writer) {
    struct shoal_client_value value;
    value.bytes = shoal_client_writer_bytes(writer, &value.byte_count);
    return value;
}

Test(client_value, what_is_written_is_read) {
    struct shoal_client_writer *writer = shoal_client_writer_create();
    const size_t map = shoal_client_begin_map(writer);
    shoal_client_write_literal(writer, "nil");
    shoal_client_write_nil(writer);
    shoal_client_write_literal(writer, "yes");
    shoal_client_write_boolean(writer, true);
    shoal_client_write_literal(writer, "low");
    shoal_client_write_integer(writer, INT64_MIN);
    shoal_client_write_literal(writer, "half");
    shoal_client_write_real(writer, 0.5);
    shoal_client_write_literal(writer, "城市");
    shoal_client_write_literal(writer, "成都");
    shoal_client_write_literal(writer, "list");
    const size_t list = shoal_client_begin_array(writer);
    for (int64_t i = 0; i < 20; i++)
        shoal_client_write_integer(writer, i * i);
    shoal_client_end(writer, list, 20);
    shoal_client_end(writer, map, 6);
    const struct shoal_client_value value = value_of(writer);
    cr_assert_eq(shoal_client_value_kind(value), SHOAL_CLIENT_MAP);
    cr_assert_eq(shoal_client_count(value), 6u);
    cr_assert_eq(shoal_client_value_kind(shoal_client_get(value, "nil")), SHOAL_CLIENT_NIL);
    cr_assert(shoal_client_boolean(shoal_client_get(value, "yes"), false));
    cr_assert_eq(shoal_client_integer(shoal_client_get(value, "low"), 0), INT64_MIN);
    cr_assert_eq(shoal_client_real(shoal_client_get(value, "half"), 0), 0.5);
    cr_assert(shoal_client_text_is(shoal_client_get(value, "城市"), "成都"));
    const struct shoal_client_value squares = shoal_client_get(value, "list");
    cr_assert_eq(shoal_client_count(squares), 20u);
    cr_assert_eq(shoal_client_integer(shoal_client_at(squares, 19), -1), 361);
    cr_assert_eq(shoal_client_value_kind(shoal_client_at(squares, 20)), SHOAL_CLIENT_ABSENT);
    shoal_client_writer_destroy(writer);
}

Test(client_value, an_absent_value_and_one_of_another_kind_give_the_otherwise) {
    struct shoal_client_writer *writer = shoal_client_writer_create();
    shoal_client_write_literal(writer, "text");
    const struct shoal_client_value text = value_of(writer);
    const struct shoal_client_value none = shoal_client_get(text, "key");
    size_t byte_count;
    cr_assert_eq(shoal_client_value_kind(none), SHOAL_CLIENT_ABSENT);
    cr_assert_eq(shoal_client_integer(none, 7), 7);
    cr_assert_eq(shoal_client_integer(text, 7), 7);
    cr_assert_eq(shoal_client_real(text, 7.5), 7.5);
    cr_assert(shoal_client_boolean(text, true));
    cr_assert_null(shoal_client_text(none, &byte_count));
    cr_assert_eq(byte_count, (size_t)0);
    cr_assert_eq(shoal_client_count(none), 0u);
    struct shoal_client_walk walk = shoal_client_walk_begin(none);
    cr_assert_not(shoal_client_walk_next(&walk, NULL, NULL));
    shoal_client_writer_destroy(writer);
}
