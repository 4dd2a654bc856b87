/* batch_bench.c -- feeds for a whole audience: feed.batch against one feed.get after another.
 *
 * Through sh_shard_apply, which is what a server's loop calls, sockets not counted: 20,000 items of 60 categories and 40
 * brands; a filter, a rule of the workspace, and a scene with four boosts, a quota, a slot and two targets, as a shop
 * has them that pushes its feeds out at ten in the morning. Users have 30 events each. Both ways must say the same of
 * every user, or the program fails.
 *
 * What both have to do is to score the items and to choose 20 of them; what feed.get does for each user anew, and a batch
 * once, is to read the rules, to plan their expressions and to find the items that they mean.
 *
 * Run: batch_bench [USERS [ROUNDS]]; medians of rounds. The hash is of all feeds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench_record.h"
#include "hash.h"
#include "msgpack_text.h"
#include "shard.h"

enum { ITEMS = 20000, EVENTS_A_USER = 30, ROUNDS_MAX = 99, ITEMS_A_REQUEST = 1000, ANSWER_TEXT_BYTES = 64 << 20 };
#define FEED "count: 20, scene: 'push', filter: \"stock > 0 and price < 500\", explain: 'none', seed: 1"

static struct sh_shard *shard;
static struct sh_buffer text;
static struct sh_buffer params;
static struct sh_buffer body;
static uint64_t next_id = 1;

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint32_t draw(uint64_t number, uint64_t what, uint32_t end) {
    return (uint32_t)(sh_hash_mix(number + 1, what) % end);
}

/* The request in `text`; how long it took. */
static double ask(const char *method) {
    struct sh_error err = {.status = SH_OK};
    sh_buffer_append(&text, "", 1);
    sh_buffer_clear(&params);
    msgpack_of_text((const char *)text.bytes, &params);
    sh_buffer_clear(&text);
    const struct sh_request request = {.method = sh_method_find(sh_text_of(method), &err),
                                       .workspace = SH_TEXT_LITERAL("bench"),
                                       .params = params.bytes,
                                       .params_count = params.count,
                                       .now_ms = 1760000000000,
                                       .id = next_id++};
    const struct sh_answer answer = {.body = &body, .effects = NULL};
    sh_buffer_clear(&body);
    const double begin = now_seconds();
    const enum sh_status status = sh_shard_apply(shard, &request, &answer, &err);
    const double took = now_seconds() - begin;
    if (status == SH_OK) return took;
    (void)fprintf(stderr, "batch_bench: %s: %s\n", method, err.message);
    exit(1);
}

static void put_rules(void) {
    sh_buffer_print(&text, "{users: {attributes: [{name: 'age', type: 'int'}]},"
                           " items: {attributes: [{name: 'category', type: 'string'}, {name: 'brand', type: 'string'},"
                           " {name: 'price', type: 'int'}, {name: 'stock', type: 'int'}]},"
                           " events: [{name: 'view'}, {name: 'purchase'}], feed: {eligible: \"price > 0\"}}");
    (void)ask("schema.put");
    sh_buffer_print(&text, "{name: 'young', where: 'age < 30'}");
    (void)ask("segment.put");
    sh_buffer_print(&text, "{name: 'push', rules: {boost: [{where: \"brand = 'brand 3'\", factor: 2},"
                           " {where: \"category in ('category 1', 'category 2') and price > 50\", points: 0.1},"
                           " {where: \"price between 20 and 40\", factor: 1.5}],"
                           " bury: [{where: \"stock < 5\", factor: 0.5}],"
                           " quotas: [{where: \"brand = 'brand 1'\", at_least: 1, of: 10}],"
                           " slots: [{where: \"category = 'category 5'\", place: 3}],"
                           " targets: [{where: \"brand = 'brand 2'\", segment: 'young'},"
                           " {where: \"category = 'category 7'\", users: 'age > 60'}]}}");
    (void)ask("scene.put");
}

static void put_items(void) {
    for (uint32_t first = 0; first < ITEMS; first += ITEMS_A_REQUEST) {
        sh_buffer_print(&text, "{fields: ['id', 'category', 'brand', 'price', 'stock'], rows: [");
        for (uint32_t i = first; i < first + ITEMS_A_REQUEST; i++)
            sh_buffer_print(&text, "%s['i%u', 'category %u', 'brand %u', %u, %u]", i == first ? "" : ", ", i,
                            draw(i, 1, 60), draw(i, 2, 40), draw(i, 3, 600), draw(i, 4, 20));
        sh_buffer_print(&text, "]}");
        (void)ask("item.put");
    }
}

static void put_people(uint32_t users) {
    for (uint32_t u = 0; u < users; u++) {
        sh_buffer_print(&text, "{user: {id: 'u%u', age: %u}}", u, 15 + draw(u, 5, 60));
        (void)ask("user.put");
        sh_buffer_print(&text, "{fields: ['type', 'user', 'time', 'item'], rows: [");
        for (uint32_t e = 0; e < EVENTS_A_USER; e++) {
            const uint64_t mix = sh_hash_mix(u + 1, e + 11);
            sh_buffer_print(&text, "%s['%s', 'u%u', %lld, 'i%u']", e == 0 ? "" : ", ",
                            mix % 8 == 0 ? "purchase" : "view", u,
                            (long long)(INT64_C(1760000000000) - (int64_t)(mix % 2000000000)), draw(mix, 6, ITEMS));
        }
        sh_buffer_print(&text, "]}");
        (void)ask("event.append");
    }
}

/* ---- The two ways ---- */

/* What the answers say: from each `items` to the end of it. */
static uint64_t hash_feeds(uint64_t hash, uint32_t *feeds) {
    sh_buffer_clear(&text);
    text_of_msgpack(body.bytes, body.count, 1, &text);
    sh_buffer_append(&text, "", 1);
    const char *at = (const char *)text.bytes;
    while ((at = strstr(at, "items: [")) != NULL) {
        const char *end = strstr(at, "], relaxed: ");
        if (end == NULL) break;
        hash = sh_hash_bytes(at, (size_t)(end - at), hash);
        at = end;
        ++*feeds;
    }
    sh_buffer_clear(&text);
    return hash;
}

static double one_by_one(uint32_t users, uint64_t *hash, uint32_t *feeds) {
    double took = 0;
    *hash = 0;
    *feeds = 0;
    for (uint32_t u = 0; u < users; u++) {
        sh_buffer_print(&text, "{user: 'u%u', " FEED "}", u);
        took += ask("feed.get");
        *hash = hash_feeds(*hash, feeds);
    }
    return took;
}

static double in_batches(uint32_t users, uint64_t *hash, uint32_t *feeds) {
    enum { USERS_A_BATCH = 500 };
    double took = 0;
    *hash = 0;
    *feeds = 0;
    for (uint32_t first = 0; first < users; first += USERS_A_BATCH) {
        sh_buffer_print(&text, "{feed: {" FEED "}, users: [");
        for (uint32_t u = first; u < users && u < first + USERS_A_BATCH; u++)
            sh_buffer_print(&text, "%s'u%u'", u == first ? "" : ", ", u);
        sh_buffer_print(&text, "]}");
        took += ask("feed.batch");
        *hash = hash_feeds(*hash, feeds);
    }
    return took;
}

int main(int argument_count, char **arguments) {
    const uint32_t users = argument_count > 1 ? (uint32_t)strtoul(arguments[1], NULL, 10) : 1000;
    const uint32_t rounds = argument_count > 2 ? (uint32_t)strtoul(arguments[2], NULL, 10) : 5;
    if (users == 0 || rounds == 0 || rounds > ROUNDS_MAX) {
        printf("usage: batch_bench [USERS [ROUNDS]]\n");
        return 2;
    }
    const struct sh_shard_options options = {.shard_count = 1};
    double singles[ROUNDS_MAX];
    double batches[ROUNDS_MAX];
    uint64_t hashes[2] = {0, 1};
    uint32_t feeds[2] = {0, 0};
    sh_buffer_init(&text, ANSWER_TEXT_BYTES);
    sh_buffer_init(&params, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&body, SH_ANSWER_BYTES_MAX);
    if (sh_shard_create(&options, &shard, NULL) != SH_OK) return 1;
    put_rules();
    put_items();
    put_people(users);
    for (uint32_t i = 0; i < rounds; i++) {
        singles[i] = one_by_one(users, &hashes[0], &feeds[0]);
        batches[i] = in_batches(users, &hashes[1], &feeds[1]);
    }
    const double single = bench_median(singles, rounds) / users;
    const double batch = bench_median(batches, rounds) / users;
    const bool same = hashes[0] == hashes[1] && feeds[0] == users && feeds[1] == users;
    printf("%u items, %u users, %u rounds\n", (uint32_t)ITEMS, users, rounds);
    printf("feed.get %8.1f us a feed   feed.batch %8.1f us a feed   %.2f times as many\n", single * 1e6, batch * 1e6,
           single / batch);
    printf("%s\n", same ? "both say the same of every user" : "they do NOT say the same");
    printf("hash     %016llx\n", (unsigned long long)hashes[1]);
    sh_shard_destroy(shard);
    sh_buffer_deinit(&body);
    sh_buffer_deinit(&params);
    sh_buffer_deinit(&text);
    return same ? 0 : 1;
}
