/* server_stress.c -- several loops, several clients, every spread of method at once; at the end the sums must be right.
 *
 * Each client puts its own users and items, appends events, asks questions, and now and then goes away in the middle
 * and comes back. A program of its own rather than a Criterion suite, so that it also runs under the thread sanitizer.
 * Run: server_stress SEED ROUNDS [SHARDS] [uring|epoll] */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "server.h"
#include "server_log.h"
#include "shoal/client.h"

enum { CLIENT_COUNT = 6, IN_FLIGHT_COUNT = 40, ITEM_COUNT = 60 };

static struct sh_server *server;
static uint64_t seed;
static uint32_t round_count;

struct worker {
    pthread_t thread;
    uint32_t number;
    uint64_t state;
    uint32_t user_count;  /* put and answered */
    uint32_t event_count; /* likewise; each has an id, so sending it twice stores it once */
    struct shoal_client *client;
    struct shoal_client_writer *params;
};

static _Noreturn void die(const char *what, const char *words) {
    printf("%s: %s\n", what, words);
    exit(1);
}

static uint32_t random_below(struct worker *worker, uint32_t bound) {
    worker->state = sh_hash_mix(worker->state ^ 0xA0761D6478BD642F, 0xE7037ED1A0B428DB);
    return (uint32_t)(worker->state % bound);
}

static struct shoal_client *connect_client(void) {
    struct shoal_client *client;
    struct shoal_client_error error;
    const struct shoal_client_options options = {.in_flight_count_max = IN_FLIGHT_COUNT};
    if (shoal_client_open(sh_server_address(server, 0), &options, &client, &error) != SHOAL_CLIENT_OK)
        die("open", error.message);
    return client;
}

static void write_pair(struct shoal_client_writer *params, const char *key, const char *text) {
    shoal_client_write_literal(params, key);
    shoal_client_write_literal(params, text);
}

static void take_one(struct worker *worker) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    if (shoal_client_next(worker->client, -1, &answer, &error) != SHOAL_CLIENT_OK) die("next", error.message);
    if (answer.code != SHOAL_CLIENT_OK) die("answer", answer.error.message);
}

static void submit(struct worker *worker, const char *method) {
    struct shoal_client_error error;
    for (;;) {
        const int status = shoal_client_submit(worker->client, method, worker->params, 0, NULL, &error);
        if (status == SHOAL_CLIENT_OK) return;
        if (status != SHOAL_CLIENT_ERR_BUSY) die("submit", error.message);
        take_one(worker);
    }
}

static void take_all(struct worker *worker) {
    while (shoal_client_in_flight_count(worker->client) > 0)
        take_one(worker);
}

static void put_user(struct worker *worker) {
    char id[40];
    (void)snprintf(id, sizeof id, "u-%u-%u", worker->number, worker->user_count++);
    shoal_client_write_map(worker->params, 1);
    shoal_client_write_literal(worker->params, "user");
    shoal_client_write_map(worker->params, 2);
    write_pair(worker->params, "id", id);
    shoal_client_write_literal(worker->params, "points");
    shoal_client_write_integer(worker->params, worker->number);
    submit(worker, "user.put");
}

static void append_event(struct worker *worker) {
    char text[40];
    if (worker->user_count == 0) return;
    struct shoal_client_writer *params = worker->params;
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "event");
    shoal_client_write_map(params, 5);
    write_pair(params, "type", "view");
    (void)snprintf(text, sizeof text, "u-%u-%u", worker->number, random_below(worker, worker->user_count));
    write_pair(params, "user", text);
    (void)snprintf(text, sizeof text, "i-%u", random_below(worker, ITEM_COUNT));
    write_pair(params, "item", text);
    (void)snprintf(text, sizeof text, "e-%u-%u", worker->number, worker->event_count);
    write_pair(params, "id", text);
    shoal_client_write_literal(params, "time");
    shoal_client_write_integer(params, INT64_C(1700000000000) + worker->event_count++);
    submit(worker, "event.append");
}

static void put_item(struct worker *worker) {
    char id[40];
    (void)snprintf(id, sizeof id, "i-%u", random_below(worker, ITEM_COUNT));
    shoal_client_write_map(worker->params, 1);
    shoal_client_write_literal(worker->params, "item");
    shoal_client_write_map(worker->params, 1);
    write_pair(worker->params, "id", id);
    submit(worker, "item.put");
}

static void ask(struct worker *worker, const char *method) {
    shoal_client_write_map(worker->params, 1);
    write_pair(worker->params, "where", "points between 1 and 4 or count(view, last 3650 days) >= 2");
    submit(worker, method);
}

static void feed(struct worker *worker) {
    char id[40];
    (void)snprintf(id, sizeof id, "u-%u-%u", worker->number, random_below(worker, 50));
    shoal_client_write_map(worker->params, 1);
    write_pair(worker->params, "user", id);
    submit(worker, "feed.get");
}

/* Ask many things and go without waiting for an answer. Writes to every shard are gathered by another loop meanwhile.
 */
static void leave_in_the_middle(struct worker *worker) {
    take_all(worker);
    for (uint32_t i = 0; i < 21; i++) {
        shoal_client_writer_clear(worker->params);
        if (i % 3 == 0)
            put_item(worker);
        else
            ask(worker, i % 3 == 1 ? "audience.list" : "audience.count");
    }
    (void)shoal_client_flush(worker->client, NULL);
    shoal_client_close(worker->client);
    worker->client = connect_client();
}

static void *work(void *argument) {
    struct worker *worker = argument;
    worker->client = connect_client();
    worker->params = shoal_client_writer_create();
    for (uint32_t round = 0; round < round_count; round++) {
        shoal_client_writer_clear(worker->params);
        const uint32_t what = random_below(worker, 100);
        if (what < 30)
            put_user(worker);
        else if (what < 60)
            append_event(worker);
        else if (what < 70)
            put_item(worker);
        else if (what < 80)
            ask(worker, "audience.count");
        else if (what < 85)
            ask(worker, "audience.list");
        else if (what < 90)
            feed(worker);
        else if (what < 99)
            submit(worker, what < 95 ? "ping" : "stats");
        else
            leave_in_the_middle(worker);
    }
    take_all(worker);
    shoal_client_writer_destroy(worker->params);
    shoal_client_close(worker->client);
    return NULL;
}

static void put_schema(struct shoal_client *client) {
    struct shoal_client_writer *params = shoal_client_writer_create();
    shoal_client_write_map(params, 2);
    shoal_client_write_literal(params, "users");
    shoal_client_write_map(params, 1);
    shoal_client_write_literal(params, "attributes");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 2);
    write_pair(params, "name", "points");
    write_pair(params, "type", "int");
    shoal_client_write_literal(params, "events");
    shoal_client_write_array(params, 1);
    shoal_client_write_map(params, 2);
    write_pair(params, "name", "view");
    shoal_client_write_literal(params, "properties");
    shoal_client_write_array(params, 0);
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    if (shoal_client_call(client, "schema.put", params, 0, &answer, &error) != SHOAL_CLIENT_OK)
        die("schema.put", error.message);
    shoal_client_writer_destroy(params);
}

static void check_sums(struct shoal_client *client, int64_t user_count, int64_t event_count) {
    struct shoal_client_answer answer;
    struct shoal_client_error error;
    if (shoal_client_call(client, "stats", NULL, 0, &answer, &error) != SHOAL_CLIENT_OK) die("stats", error.message);
    const struct shoal_client_value workspace = shoal_client_get(answer.result, "workspace");
    const int64_t users = shoal_client_integer(shoal_client_get(workspace, "users"), -1);
    const int64_t events = shoal_client_integer(shoal_client_get(workspace, "events"), -1);
    printf("%lld users, %lld events\n", (long long)users, (long long)events);
    if (users != user_count) die("stats", "users were lost or doubled");
    if (events != event_count) die("stats", "events were lost or doubled");
}

int main(int argument_count, char **arguments) {
    seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    round_count = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 2000;
    const uint32_t shard_count = argument_count > 3 ? (uint32_t)strtoul(arguments[3], NULL, 10) : 3;
    enum sh_io_body io;
    struct sh_error err;
    if (sh_io_choose(argument_count > 4 ? arguments[4] : NULL, &io, &err) != SH_OK) {
        printf("SKIPPED: %s\n", err.message);
        return 0;
    }
    printf("reproduce: ./server_stress %llu %u %u %s\n", (unsigned long long)seed, round_count, shard_count,
           sh_io_body_name(io));
    sh_log_set_level(SH_LOG_WARN);
    const char *const addresses[] = {"127.0.0.1:0"};
    const struct sh_server_options options = {
        .addresses = addresses, .address_count = 1, .shard_count = shard_count, .io = io};
    if (sh_server_start(&options, &server, &err) != SH_OK) die("start", err.message);
    struct shoal_client *client = connect_client();
    put_schema(client);
    static struct worker workers[CLIENT_COUNT];
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        workers[i].number = i;
        workers[i].state = sh_hash_mix(seed ^ 0xE7037ED1A0B428DB, i + 1);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0) die("start", "no thread");
    }
    int64_t user_count = 0;
    int64_t event_count = 0;
    for (uint32_t i = 0; i < CLIENT_COUNT; i++) {
        pthread_join(workers[i].thread, NULL);
        user_count += workers[i].user_count;
        event_count += workers[i].event_count;
    }
    check_sums(client, user_count, event_count);
    shoal_client_close(client);
    sh_server_stop(server);
    if (sh_server_join(server, &err) != SH_OK) die("join", err.message);
    return 0;
}
