/* client_feed_app.c -- a program of somebody else: feeds by shoal/client_feed.h. Prints what it is told.
 *
 *   client_feed_app ADDRESS USER NOW_MS         client_feed_test.py has the server, the shop and the right answers
 */
#include <inttypes.h>
#include <shoal/client_feed.h>
#include <stdio.h>
#include <stdlib.h>

static struct shoal_client *client;
static struct shoal_client_error error;
static struct shoal_client_feed feed;

static void fail(const char *what) {
    (void)fprintf(stderr, "%s: %d %s: %s\n", what, error.code, error.status, error.message);
    exit(1);
}

static void print_items(const char *what) {
    struct shoal_client_feed_item item;
    (void)printf("%s %u", what, feed.count);
    while (shoal_client_feed_next(&feed, &item))
        (void)printf(" %.*s=%.6f", (int)item.id_bytes, item.id, item.score);
    (void)putchar('\n');
}

static void scroll(struct shoal_client_feed_request request) {
    request.explain = SHOAL_CLIENT_EXPLAIN_NONE;
    do {
        if (shoal_client_feed_get(client, &request, &feed, &error) != SHOAL_CLIENT_OK) fail("feed.get");
        print_items("page");
        request.cursor = feed.cursor;
    } while (feed.cursor[0] != '\0');
}

static void ask_in_full(struct shoal_client_feed_request request) {
    static const char *const fields[] = {"kind", NULL};
    static const char *const exclude[] = {"i1", "i2", NULL};
    struct shoal_client_writer *rules = shoal_client_writer_create();
    struct shoal_client_feed_item item;
    if (rules == NULL) exit(1);
    shoal_client_write_literal(rules, "weights");
    shoal_client_write_map(rules, 1);
    shoal_client_write_literal(rules, "view");
    shoal_client_write_real(rules, 2.5);
    shoal_client_write_literal(rules, "mmr");
    shoal_client_write_real(rules, 0.25);
    request.explain = SHOAL_CLIENT_EXPLAIN_FULL;
    request.fields = fields;
    request.exclude = exclude;
    request.filter = "kind = '茶'";
    request.rules = rules;
    request.rule_count = 2;
    if (shoal_client_feed_get(client, &request, &feed, &error) != SHOAL_CLIENT_OK) fail("feed.get");
    while (shoal_client_feed_next(&feed, &item)) {
        struct shoal_client_walk walk = shoal_client_walk_begin(shoal_client_get(item.told, "contributions"));
        struct shoal_client_value value;
        double sum = 0;
        size_t byte_count;
        while (shoal_client_walk_next(&walk, NULL, &value))
            sum += shoal_client_real(value, 0);
        const char *kind =
            shoal_client_text(shoal_client_get(shoal_client_get(item.told, "fields"), "kind"), &byte_count);
        (void)printf("full %.*s %.*s %.6f %.6f %.1f\n", (int)item.id_bytes, item.id, (int)byte_count, kind, item.score,
                     sum, item.propensity);
    }
    shoal_client_writer_destroy(rules);
}

static void ask_why(const struct shoal_client_feed_request *request, const char *item) {
    struct shoal_client_fate fate;
    if (shoal_client_feed_why(client, request, item, &fate, &error) != SHOAL_CLIENT_OK) {
        (void)printf("why %s: %d %s\n", item, error.code, error.message);
        return;
    }
    (void)printf("why %s: %d %s %u %.6f\n", item, fate.shown, fate.stage, fate.place, fate.score);
}

static void push(const struct shoal_client_feed_request *request) {
    struct shoal_client_batch *batch = shoal_client_batch_begin(client, "points < 9", 4, request);
    const char *user;
    size_t user_bytes;
    if (batch == NULL) exit(1);
    while (shoal_client_batch_next(batch, &user, &user_bytes, &feed, &error)) {
        struct shoal_client_feed_item item;
        (void)printf("to %.*s", (int)user_bytes, user);
        while (shoal_client_feed_next(&feed, &item)) /* scores go on with the clock */
            (void)printf(" %.*s", (int)item.id_bytes, item.id);
        (void)putchar('\n');
    }
    if (error.code != SHOAL_CLIENT_OK) fail("feed.batch");
    shoal_client_batch_end(batch);
    batch = shoal_client_batch_begin(client, "pionts < 9", 4, request);
    if (shoal_client_batch_next(batch, &user, &user_bytes, &feed, &error)) exit(1);
    (void)printf("refused at %" PRId64 ": %s\n", error.position, error.hint);
    shoal_client_batch_end(batch);
}

static void in_flight(const struct shoal_client_feed_request *request) {
    struct shoal_client_answer answer;
    uint32_t ids[8];
    for (uint32_t i = 0; i < 8; i++)
        if (shoal_client_feed_submit(client, request, &ids[i], &error) != SHOAL_CLIENT_OK) fail("submit");
    uint32_t count = 0;
    for (; count < 8 && shoal_client_next(client, -1, &answer, &error) == SHOAL_CLIENT_OK; count++)
        if (answer.code != SHOAL_CLIENT_OK || !shoal_client_feed_read(answer.result, &feed)) exit(1);
    (void)printf("in flight %u of %u\n", count, feed.count);
}

int main(int argument_count, char **arguments) {
    static const char *const clicks[] = {"i3", "i4", NULL};
    const int64_t seed = 7;
    if (argument_count != 4) return 2;
    const struct shoal_client_feed_request request = {
        .user = arguments[2], .count = 5, .seed = &seed, .now_ms = strtoll(arguments[3], NULL, 10)};
    if (shoal_client_open(arguments[1], NULL, &client, &error) != SHOAL_CLIENT_OK) fail("open");
    scroll(request);
    ask_in_full(request);
    ask_why(&request, "i1");
    ask_why(&request, "gone");
    ask_why(&request, "none");
    scroll((struct shoal_client_feed_request){.session = clicks, .count = 9, .seed = &seed, .now_ms = request.now_ms});
    push(&(struct shoal_client_feed_request){.count = 2, .seed = &seed, .explain = SHOAL_CLIENT_EXPLAIN_NONE});
    in_flight(&request);
    const struct shoal_client_feed_request early = {.user = "u1", .after_client = "till", .after_number = 3};
    if (shoal_client_feed_get(client, &early, &feed, &error) == SHOAL_CLIENT_OK) return 1;
    (void)printf("early: %s\n", error.status);
    shoal_client_close(client);
    return 0;
}
