/* ingest_bench.c -- how fast does one core take rows in and give lists out, msgpack included, sockets not?
 *
 * Through sh_shard_apply, which is what a server's loop calls for a request, in batches of 8,192 compact rows:
 *   new users     id, city, tier, gender, age, points, interests (about one): nobody is known yet
 *   changed users id, age, points of known ones in random order
 *   events        type, user, time, item, amount, id, store: random users, in time order, 5,000 items with two tags;
 *                 what the feed learns of them included
 *   list          ids of a few and of many; pages of a frozen audience; the same ordered
 *   user.get      random users, one a request, answer packed
 * Targets on one core: 1 M user rows/s and 1.5 M events/s; 18,000 ids of 10 M users well under a millisecond.
 *
 * The machine's limits: a row of about 50 bytes is read twice at 1 GB/s and touches some ten cache lines, of which a
 * new user's are new and a known one's are misses of 80-100 ns that prefetching overlaps; an id costs one line.
 * The hash is of all answers, so it is the same on every machine and for every batch size.
 *
 * Run: ingest_bench [USERS [EVENTS_PER_USER [ROUNDS]]]; packing of requests is not timed. Best of ROUNDS for reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hash.h"
#include "shard.h"
#include "split_random.h"

enum { BATCH_ROWS = 8192, ITEM_COUNT = 5000, CITY_COUNT = 340, TAG_COUNT = 500 };

static struct sh_shard *shard;
static struct sh_buffer params;
static struct sh_buffer body;
static uint64_t next_id = 1;
static uint64_t answers_hash;
static int64_t now_ms = 1760000000000;

static double now_seconds(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The request in `params`; how long it took. */
static double ask(const char *method) {
    struct sh_error err = {.status = SH_OK};
    const struct sh_request request = {.method = sh_method_find(sh_text_of(method), &err),
                                       .workspace = SH_TEXT_LITERAL("bench"),
                                       .params = params.bytes,
                                       .params_count = params.count,
                                       .now_ms = now_ms,
                                       .id = next_id++};
    const struct sh_answer answer = {.body = &body, .effects = NULL};
    sh_buffer_clear(&body);
    const double begin = now_seconds();
    const enum sh_status status = sh_shard_apply(shard, &request, &answer, &err);
    const double took = now_seconds() - begin;
    if (status != SH_OK) {
        (void)fprintf(stderr, "ingest_bench: %s: %s\n", method, err.message);
        exit(1);
    }
    answers_hash = sh_hash_bytes(body.bytes, body.count, answers_hash);
    return took;
}

static msgpack_packer begin(uint32_t pair_count) {
    msgpack_packer packer;
    sh_buffer_clear(&params);
    sh_buffer_packer(&params, &packer);
    (void)msgpack_pack_map(&packer, pair_count);
    return packer;
}

static void pack_name(msgpack_packer *packer, const char *format, uint64_t number) {
    char name[32];
    (void)snprintf(name, sizeof name, format, (unsigned long long)number);
    sh_pack_literal(packer, name);
}

static void pack_names(msgpack_packer *packer, const char *key, const char *const *names, uint32_t count) {
    sh_pack_literal(packer, key);
    (void)msgpack_pack_array(packer, count);
    for (uint32_t i = 0; i < count; i++)
        sh_pack_literal(packer, names[i]);
}

/* Small numbers often: about Zipf. */
static uint32_t skewed(struct split_random *rng, uint32_t bound) {
    const uint64_t a = split_below(rng, bound);
    const uint64_t b = split_below(rng, a + 1);
    return (uint32_t)split_below(rng, b + 1);
}

/* ---- Schema and items ---- */

static void pack_attribute(msgpack_packer *packer, const char *name, const char *type, const char *labels,
                           uint32_t label_count) {
    (void)msgpack_pack_map(packer, label_count > 0 ? 3 : 2);
    sh_pack_literal(packer, "name");
    sh_pack_literal(packer, name);
    sh_pack_literal(packer, "type");
    sh_pack_literal(packer, type);
    if (label_count == 0) return;
    sh_pack_literal(packer, "labels");
    (void)msgpack_pack_array(packer, label_count);
    for (uint32_t i = 0; i < label_count; i++)
        pack_name(packer, labels, i);
}

static void pack_tag_set(msgpack_packer *packer, const char *name) {
    sh_pack_literal(packer, "tag_sets");
    (void)msgpack_pack_array(packer, 1);
    (void)msgpack_pack_map(packer, 1);
    sh_pack_literal(packer, "name");
    sh_pack_literal(packer, name);
}

static void put_schema(void) {
    msgpack_packer packer = begin(3);
    sh_pack_literal(&packer, "users");
    (void)msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "attributes");
    (void)msgpack_pack_array(&packer, 5);
    pack_attribute(&packer, "city", "string", NULL, 0);
    pack_attribute(&packer, "tier", "enum", "tier-%llu", 8);
    pack_attribute(&packer, "gender", "enum", "gender-%llu", 3);
    pack_attribute(&packer, "age", "int", NULL, 0);
    pack_attribute(&packer, "points", "int", NULL, 0);
    pack_tag_set(&packer, "interests");
    sh_pack_literal(&packer, "items");
    (void)msgpack_pack_map(&packer, 2);
    sh_pack_literal(&packer, "attributes");
    (void)msgpack_pack_array(&packer, 1);
    pack_attribute(&packer, "category", "string", NULL, 0);
    pack_tag_set(&packer, "kinds");
    sh_pack_literal(&packer, "events");
    (void)msgpack_pack_array(&packer, 2);
    for (int i = 0; i < 2; i++) {
        (void)msgpack_pack_map(&packer, 2);
        sh_pack_literal(&packer, "name");
        sh_pack_literal(&packer, i == 0 ? "view" : "purchase");
        sh_pack_literal(&packer, "properties");
        (void)msgpack_pack_array(&packer, 1);
        pack_attribute(&packer, "store", "string", NULL, 0);
    }
    (void)ask("schema.put");
}

static void put_items(void) {
    static const char *const fields[] = {"id", "category", "kinds"};
    struct split_random rng = {7};
    msgpack_packer packer = begin(2);
    pack_names(&packer, "fields", fields, 3);
    sh_pack_literal(&packer, "rows");
    (void)msgpack_pack_array(&packer, ITEM_COUNT);
    for (uint64_t i = 0; i < ITEM_COUNT; i++) {
        (void)msgpack_pack_array(&packer, 3);
        pack_name(&packer, "item-%llu", i);
        pack_name(&packer, "category-%llu", split_below(&rng, 200));
        (void)msgpack_pack_array(&packer, 2);
        pack_name(&packer, "tag-%llu", skewed(&rng, TAG_COUNT));
        pack_name(&packer, "kind-%llu", skewed(&rng, TAG_COUNT));
    }
    (void)ask("item.put");
}

/* ---- Rows in ---- */

static double put_new(uint64_t first, uint32_t count, struct split_random *rng) {
    static const char *const fields[] = {"id", "city", "tier", "gender", "age", "points", "interests"};
    msgpack_packer packer = begin(2);
    pack_names(&packer, "fields", fields, 7);
    sh_pack_literal(&packer, "rows");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)msgpack_pack_array(&packer, 7);
        pack_name(&packer, "u-%08llu", first + i);
        pack_name(&packer, "city-%llu", skewed(rng, CITY_COUNT));
        pack_name(&packer, "tier-%llu", skewed(rng, 8));
        pack_name(&packer, "gender-%llu", split_below(rng, 3));
        (void)msgpack_pack_uint64(&packer, 13 + split_below(rng, 78));
        (void)msgpack_pack_uint64(&packer, split_length(rng, 100001));
        const uint32_t tag_count = (uint32_t)split_below(rng, 3);
        (void)msgpack_pack_array(&packer, tag_count);
        for (uint32_t t = 0; t < tag_count; t++)
            pack_name(&packer, "tag-%llu", skewed(rng, TAG_COUNT));
    }
    return ask("user.put");
}

static double put_changed(uint64_t user_count, uint32_t count, struct split_random *rng) {
    static const char *const fields[] = {"id", "age", "points"};
    msgpack_packer packer = begin(2);
    pack_names(&packer, "fields", fields, 3);
    sh_pack_literal(&packer, "rows");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        (void)msgpack_pack_array(&packer, 3);
        pack_name(&packer, "u-%08llu", split_below(rng, user_count));
        (void)msgpack_pack_uint64(&packer, 13 + split_below(rng, 78));
        (void)msgpack_pack_uint64(&packer, split_length(rng, 100001));
    }
    return ask("user.put");
}

static double put_events(uint64_t user_count, uint64_t first, uint32_t count, struct split_random *rng) {
    static const char *const fields[] = {"type", "user", "time", "item", "amount", "id", "store"};
    msgpack_packer packer = begin(2);
    pack_names(&packer, "fields", fields, 7);
    sh_pack_literal(&packer, "rows");
    (void)msgpack_pack_array(&packer, count);
    for (uint32_t i = 0; i < count; i++) {
        const bool is_purchase = split_one_in(rng, 4);
        (void)msgpack_pack_array(&packer, 7);
        sh_pack_literal(&packer, is_purchase ? "purchase" : "view");
        pack_name(&packer, "u-%08llu", split_below(rng, user_count));
        (void)msgpack_pack_int64(&packer, now_ms - 90 * INT64_C(86400000) + (int64_t)(first + i) * 100);
        pack_name(&packer, "item-%llu", skewed(rng, ITEM_COUNT));
        if (is_purchase)
            pack_name(&packer, "%llu.50", split_below(rng, 300));
        else
            (void)msgpack_pack_nil(&packer);
        pack_name(&packer, "e%llu", first + i);
        pack_name(&packer, "store-%llu", split_below(rng, 20));
    }
    return ask("event.append");
}

static void print_rate(const char *what, uint64_t count, double seconds) {
    printf("  %-34s %10.3f M/s   %8.1f ns each\n", what, (double)count / seconds / 1e6, seconds * 1e9 / (double)count);
}

static void bench_rows(uint64_t user_count, uint64_t events_per_user) {
    struct split_random rng = {42};
    double seconds = 0;
    for (uint64_t first = 0; first < user_count; first += BATCH_ROWS)
        seconds += put_new(first, (uint32_t)(user_count - first < BATCH_ROWS ? user_count - first : BATCH_ROWS), &rng);
    print_rate("user.put, new users", user_count, seconds);
    const uint64_t changed_count = user_count / 4;
    seconds = 0;
    for (uint64_t first = 0; first < changed_count; first += BATCH_ROWS)
        seconds += put_changed(user_count, BATCH_ROWS, &rng);
    print_rate("user.put, changed at random", (changed_count + BATCH_ROWS - 1) / BATCH_ROWS * BATCH_ROWS, seconds);
    const uint64_t event_count = user_count * events_per_user;
    seconds = 0;
    for (uint64_t first = 0; first < event_count; first += BATCH_ROWS)
        seconds += put_events(user_count, first,
                              (uint32_t)(event_count - first < BATCH_ROWS ? event_count - first : BATCH_ROWS), &rng);
    if (event_count > 0) print_rate("event.append, with learning", event_count, seconds);
}

/* ---- Lists out ---- */

static uint64_t int_of(const char *key) {
    /* The answers of this program say {count: n, ...}: the number stands behind its key. */
    const uint8_t *found = memmem(body.bytes, body.count, key, strlen(key));
    if (found == NULL) return 0;
    const uint8_t *at = found + strlen(key);
    uint64_t number = 0;
    if (*at < 0x80) return *at;
    for (uint32_t i = 0; i < 1u << (*at - 0xCC); i++)
        number = number << 8 | at[1 + i];
    return number;
}

static void bench_list(const char *what, const char *where, const char *order, uint64_t limit, int rounds) {
    double best = 1e9;
    for (int i = 0; i < rounds; i++) {
        msgpack_packer packer = begin(order == NULL ? 2 : 3);
        sh_pack_literal(&packer, "where");
        sh_pack_literal(&packer, where);
        sh_pack_literal(&packer, "limit");
        (void)msgpack_pack_uint64(&packer, limit);
        if (order != NULL) {
            sh_pack_literal(&packer, "order");
            sh_pack_literal(&packer, order);
        }
        const double took = ask("audience.list");
        if (took < best) best = took;
    }
    const uint64_t count = int_of("count");
    const uint64_t listed = count < limit ? count : limit;
    printf("  %-34s %10.3f ms   %8llu of %llu ids, %.1f ns each\n", what, best * 1e3, (unsigned long long)listed,
           (unsigned long long)count, listed > 0 ? best * 1e9 / (double)listed : 0);
}

static void bench_count(const char *what, const char *where, int rounds) {
    double best = 1e9;
    for (int i = 0; i < rounds; i++) {
        msgpack_packer packer = begin(1);
        sh_pack_literal(&packer, "where");
        sh_pack_literal(&packer, where);
        const double took = ask("audience.count");
        if (took < best) best = took;
    }
    printf("  %-34s %10.3f ms   %8llu\n", what, best * 1e3, (unsigned long long)int_of("count"));
}

static void bench_get(uint64_t user_count) {
    struct split_random rng = {99};
    enum { GET_COUNT = 100000 };
    double seconds = 0;
    for (int i = 0; i < GET_COUNT; i++) {
        msgpack_packer packer = begin(1);
        sh_pack_literal(&packer, "id");
        pack_name(&packer, "u-%08llu", split_below(&rng, user_count));
        seconds += ask("user.get");
    }
    print_rate("user.get, random, clock included", GET_COUNT, seconds);
}

static void bench_feed(uint64_t user_count) {
    struct split_random rng = {98};
    enum { FEED_COUNT = 2000 };
    double seconds = 0;
    for (int i = 0; i < FEED_COUNT; i++) {
        msgpack_packer packer = begin(2);
        sh_pack_literal(&packer, "user");
        pack_name(&packer, "u-%08llu", split_below(&rng, user_count));
        sh_pack_literal(&packer, "count");
        (void)msgpack_pack_int(&packer, 20);
        seconds += ask("feed.get");
    }
    print_rate("feed.get of 20, random users", FEED_COUNT, seconds);
}

int main(int argument_count, char **arguments) {
    const uint64_t user_count = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1000000;
    const uint64_t events_per_user = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 5;
    const int rounds = argument_count > 3 ? atoi(arguments[3]) : 7;
    const struct sh_shard_options options = {.shard_count = 1};
    if (user_count == 0 || sh_shard_create(&options, &shard, NULL) != SH_OK) return 1;
    sh_buffer_init(&params, SH_FRAME_BYTES_MAX);
    sh_buffer_init(&body, SH_ANSWER_BYTES_MAX);
    printf("ingest: %llu users, %llu events each, batches of %d rows, one core, no socket\n",
           (unsigned long long)user_count, (unsigned long long)events_per_user, BATCH_ROWS);
    put_schema();
    put_items();
    bench_rows(user_count, events_per_user);
    bench_get(user_count);
    bench_feed(user_count);
    static const char narrow[] = "tier >= 'tier-4' and city in ('city-2', 'city-3', 'city-4') and age < 40";
    bench_count("count of a narrow audience", narrow, rounds);
    bench_list("list of a narrow audience", narrow, NULL, SH_LIST_LIMIT_MAX, rounds);
    bench_list("list of everybody, one page", "", NULL, SH_LIST_LIMIT_MAX, rounds);
    bench_list("the narrow one by points", narrow, "points", SH_LIST_LIMIT_MAX, rounds);
    bench_list("best 100 of everybody by points", "", "points", 100, rounds);
    printf("  hash of all answers %016llx\n", (unsigned long long)answers_hash);
    sh_shard_destroy(shard);
    sh_buffer_deinit(&params);
    sh_buffer_deinit(&body);
    return 0;
}
