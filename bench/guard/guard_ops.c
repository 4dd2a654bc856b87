/* guard_ops.c -- a fixed set of operations whose instructions are counted, so that a slower one is noticed on any machine.
 *
 * A made-up shop of 100,000 users, 5,000 items and 400,000 events, the same bits on every run, asked through the
 * door that every request takes (shoal/shoal.h). Alone it runs each operation and checks that the same question has
 * the same answer twice. Under callgrind (guard.py) only the operations are counted, one after another:
 *
 *   fill, uncounted --> [begin] operation [end, dump "name"] --> [begin] next ...
 *
 * Counts do not depend on the clock, the load or the frequency; they do on the compiler, the C library and the
 * instruction set, so guard.py compares only where these are those of the kept counts. What they cannot see is
 * waiting for memory: that is what the other benchmarks are for.
 */
#include <inttypes.h>
#include <shoal/shoal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/callgrind.h>

#include "json.h"
#include "split_random.h"

enum { USERS = 100000, ITEMS = 5000, EVENTS = 400000, BATCH = 1000, DAYS = 90, ASKED = 64, JSON_BYTES = 1 << 20 };
static const int64_t now_ms = 1767225600000; /* 2026-01-01 UTC */

struct guard {
    struct shoal *engine;
    struct split_random rng;
    struct sh_buffer json;
    struct sh_buffer params;
    uint64_t event_count;
    uint64_t extra_users;
    bool is_counting;
};

static void must(bool condition, const char *what, const char *why) {
    if (condition) return;
    (void)fprintf(stderr, "guard_ops: %s: %s\n", what, why);
    exit(1);
}

static void say(struct guard *guard, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct guard *guard, const char *format, ...) {
    char text[4096];
    va_list arguments;
    va_start(arguments, format);
    const int count = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    must(count >= 0 && (size_t)count < sizeof text, format, "too long");
    sh_buffer_append(&guard->json, text, (size_t)count);
}

/* The answer to what was said, good until the next one. */
static struct sh_text ask(struct guard *guard, const char *method) {
    struct shoal_error error = {0};
    struct sh_error why = {0};
    const void *answer;
    size_t count;
    guard->params.count = 0;
    const struct sh_text json = {(const char *)guard->json.bytes, (uint32_t)guard->json.count};
    must(sh_json_read(json, &guard->params, &why) == SH_OK, method, why.message);
    guard->json.count = 0;
    if (guard->is_counting) CALLGRIND_TOGGLE_COLLECT;
    const int code =
        shoal_call(guard->engine, method, guard->params.bytes, guard->params.count, &answer, &count, &error);
    if (guard->is_counting) CALLGRIND_TOGGLE_COLLECT;
    must(code == SHOAL_OK, method, error.message);
    return (struct sh_text){answer, (uint32_t)count};
}

/* ---- The shop ---- */

static const char *const cities[] = {"上海", "北京", "成都", "杭州", "广州", "深圳", "武汉", "西安"};
static const char *const tiers[] = {"普通", "银卡", "金卡", "黑钻"};
static const char *const kinds[] = {"茶", "咖啡", "甜品", "护肤", "母婴", "家居", "零食", "宠物"};

static void put_schema(struct guard *guard) {
    say(guard,
        "{\"zone\": \"Asia/Shanghai\", \"users\": {\"attributes\": [{\"name\": \"city\", \"type\": \"string\"}, "
        "{\"name\": \"tier\", \"type\": \"enum\", \"labels\": [\"普通\", \"银卡\", \"金卡\", \"黑钻\"]}, "
        "{\"name\": \"points\", \"type\": \"int\"}], \"tag_sets\": [{\"name\": \"likes\"}]}, "
        "\"items\": {\"attributes\": [{\"name\": \"kind\", \"type\": \"string\"}, {\"name\": \"stock\", \"type\": "
        "\"int\"}], \"tag_sets\": [{\"name\": \"labels\"}]}, \"events\": [{\"name\": \"view\"}, {\"name\": \"cart\"}, "
        "{\"name\": \"purchase\"}], \"feed\": {\"eligible\": \"stock > 0\"}}");
    (void)ask(guard, "schema.put");
}

static void say_users(struct guard *guard, uint64_t first, uint32_t count) {
    say(guard, "{\"fields\": [\"id\", \"city\", \"tier\", \"points\", \"likes\"], \"rows\": [");
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t mix = split_next(&guard->rng);
        say(guard, "%s[\"u%" PRIu64 "\", \"%s\", \"%s\", %" PRIu64 ", [\"%s\", \"%s\"]]", i == 0 ? "" : ", ", first + i,
            cities[mix % 8],
            tiers[(mix >> 8 & 7) < 4   ? 0
                  : (mix >> 8 & 7) < 6 ? 1
                  : (mix >> 8 & 7) < 7 ? 2
                                       : 3],
            mix >> 16 & 8191, kinds[mix >> 32 & 7], kinds[mix >> 40 & 7]);
    }
    say(guard, "]}");
}

static void say_items(struct guard *guard, uint64_t first, uint32_t count) {
    say(guard, "{\"fields\": [\"id\", \"kind\", \"stock\", \"labels\"], \"rows\": [");
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t mix = split_next(&guard->rng);
        say(guard, "%s[\"i%" PRIu64 "\", \"%s\", %" PRIu64 ", [\"%s\", \"brand %" PRIu64 "\"]]", i == 0 ? "" : ", ",
            first + i, kinds[mix & 7], mix >> 8 & 15, kinds[mix & 7], mix >> 16 & 63);
    }
    say(guard, "]}");
}

/* In order of time, over the last DAYS; each with an id. */
static void say_events(struct guard *guard, uint32_t count) {
    static const char *const types[] = {"view", "view", "view", "view", "view", "cart", "cart", "purchase"};
    say(guard, "{\"fields\": [\"type\", \"user\", \"time\", \"item\", \"amount\", \"id\"], \"rows\": [");
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t mix = split_next(&guard->rng);
        const uint64_t n = guard->event_count++;
        const int64_t time_ms =
            now_ms - (int64_t)DAYS * 86400000 + (int64_t)(n * DAYS * 86400000 / (EVENTS + 2 * BATCH));
        say(guard, "%s[\"%s\", \"u%" PRIu64 "\", %" PRId64 ", \"i%" PRIu64 "\", %" PRIu64 ", \"e%" PRIu64 "\"]",
            i == 0 ? "" : ", ", types[mix & 7], split_below(&guard->rng, USERS), time_ms,
            split_below(&guard->rng, 1 + split_below(&guard->rng, ITEMS)), 10 + (mix >> 8 & 255), n);
    }
    say(guard, "]}");
}

static void fill(struct guard *guard) {
    put_schema(guard);
    for (uint32_t first = 0; first < USERS; first += BATCH) {
        say_users(guard, first, BATCH);
        (void)ask(guard, "user.put");
    }
    for (uint32_t first = 0; first < ITEMS; first += BATCH) {
        say_items(guard, first, BATCH);
        (void)ask(guard, "item.put");
    }
    for (uint32_t first = 0; first < EVENTS; first += BATCH) {
        say_events(guard, BATCH);
        (void)ask(guard, "event.append");
    }
    say(guard, "{\"event\": \"purchase\"}");
    (void)ask(guard, "rfm.put");
    say(guard, "{\"now\": %" PRId64 "}", now_ms);
    (void)ask(guard, "rfm.refresh");
    for (uint32_t i = 0; i < 16; i++) {
        say(guard, "{\"name\": \"s%u\", \"where\": \"city = '%s' and count(purchase, last %u days) >= 1\"}", i,
            cities[i % 8], 10 + 5 * i);
        (void)ask(guard, "segment.put");
    }
}

/* ---- The operations ---- */

/* Writes say something new each time; what a question says must not change its answer. */
static void write_users(struct guard *guard) {
    say_users(guard, USERS + guard->extra_users, BATCH);
    guard->extra_users += BATCH;
}
static void write_events(struct guard *guard) {
    say_events(guard, BATCH);
}
static void read_users(struct guard *guard) {
    say(guard, "{\"ids\": [");
    for (uint32_t i = 0; i < ASKED; i++)
        say(guard, "%s\"u%u\"", i == 0 ? "" : ", ", i * 997);
    say(guard, "]}");
}

static const struct operation {
    const char *name;
    const char *method;
    void (*params)(struct guard *guard);
    const char *text;  /* where params is NULL; every apostrophe of the language stands as it is */
    uint32_t repeated; /* calls counted together */
} operations[] = {
    {"put 1,000 users", "user.put", write_users, NULL, 1},
    {"append 1,000 events", "event.append", write_events, NULL, 1},
    {"get 64 users", "user.get", read_users, NULL, 1},
    {"count a tag", "audience.count", NULL, "{\"where\": \"likes has '茶'\"}", 16},
    {"count tier, cities, tags", "audience.count", NULL,
     "{\"where\": \"tier >= '金卡' and city in ('成都', '上海') and likes has '茶' and not likes has '宠物'\"}", 16},
    {"count a range", "audience.count", NULL, "{\"where\": \"points between 2000 and 5999\"}", 16},
    {"count by events", "audience.count", NULL,
     "{\"where\": \"count(purchase, last 60 days) >= 2 and not did(view, last 10 days)\"}", 4},
    {"count a sequence", "audience.count", NULL,
     "{\"where\": \"sequence(view -> cart -> purchase, within 7 days, last 60 days)\"}", 1},
    {"count a calculation", "audience.count", NULL,
     "{\"where\": \"sum(purchase.amount, last 30 days) * 2 < sum(purchase.amount, from 60 days ago to 30 days ago)\"}",
     1},
    {"count rfm and stage", "audience.count", NULL,
     "{\"where\": \"rfm.segment = '重要挽留' and lifecycle = 'dormant'\"}", 4},
    {"list 1,000 by points", "audience.list", NULL,
     "{\"where\": \"city = '成都'\", \"limit\": 1000, \"order\": \"points\", \"desc\": true, \"fields\": [\"points\", "
     "\"tier\"]}",
     4},
    {"overlap of five", "audience.overlap", NULL,
     "{\"sets\": [\"city = '成都'\", \"tier >= '金卡'\", \"likes has '茶'\", \"likes has '咖啡'\", \"points > 4000\"]}",
     4},
    {"insight", "audience.insight", NULL,
     "{\"where\": \"tier >= '银卡'\", \"dimensions\": [\"city\", \"likes\", \"points\"]}", 1},
    {"funnel", "audience.funnel", NULL,
     "{\"sequence\": \"sequence(view -> cart -> purchase, within 7 days, last 60 days)\"}", 1},
    {"retention", "audience.retention", NULL, "{\"first\": \"view\", \"return\": \"purchase\"}", 1},
    {"look-alike of 1,000", "audience.lookalike", NULL,
     "{\"seeds\": \"tier = '黑钻' and likes has '茶'\", \"count\": 1000}", 1},
    {"waterfall", "audience.waterfall", NULL,
     "{\"where\": \"tier >= '金卡' and city in ('成都', '上海') and did(purchase, last 30 days)\"}", 4},
    {"segments of a user", "segment.of_user", NULL, "{\"user\": \"u4711\"}", 16},
    {"feed of 20", "feed.get", NULL, "{\"user\": \"u4711\", \"count\": 20, \"seed\": 1}", 16},
    {"feed of a visit", "feed.get", NULL, "{\"session\": [\"i7\", \"i40\"], \"count\": 20, \"seed\": 1}", 16},
    {"also bought", "feed.also_bought", NULL, "{\"item\": \"i40\", \"count\": 10}", 16},
};

static void say_params(struct guard *guard, const struct operation *operation) {
    if (operation->params != NULL) {
        operation->params(guard);
        return;
    }
    const size_t count = strlen(operation->text) - 1;
    sh_buffer_append(&guard->json, operation->text, count); /* without its last } */
    if (strcmp(operation->method, "feed.also_bought") != 0) say(guard, ", \"now\": %" PRId64, now_ms);
    say(guard, "}");
}

static void run(struct guard *guard, const struct operation *operation) {
    static uint8_t first[JSON_BYTES];
    say_params(guard, operation);
    struct sh_text answer = ask(guard, operation->method); /* what is made once is made now */
    must(answer.count > 1 && answer.count <= sizeof first, operation->name, "an answer of no use");
    const size_t first_count = answer.count;
    memcpy(first, answer.bytes, first_count);
    CALLGRIND_ZERO_STATS;
    guard->is_counting = true;
    for (uint32_t i = 0; i < operation->repeated; i++) {
        say_params(guard, operation);
        answer = ask(guard, operation->method);
    }
    guard->is_counting = false;
    CALLGRIND_DUMP_STATS_AT(operation->name);
    /* Times taken are written in as many bytes as they need; apart from them an answer is what it was. */
    const size_t grown = answer.count > first_count ? answer.count - first_count : first_count - answer.count;
    must(grown <= 16, operation->name, "the second answer is another one");
    (void)printf("%s\t%s\t%u\n", operation->name, operation->method, operation->repeated);
}

int main(void) {
    struct guard guard = {.rng = {.state = 1}};
    struct shoal_error error = {0};
    const struct shoal_options options = {.zone = "Asia/Shanghai"};
    must(shoal_open(&options, &guard.engine, &error) == SHOAL_OK, "open", error.message);
    shoal_set_now(guard.engine, now_ms);
    sh_buffer_init(&guard.json, JSON_BYTES);
    sh_buffer_init(&guard.params, 4 * JSON_BYTES);
    fill(&guard);
    CALLGRIND_START_INSTRUMENTATION;
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        run(&guard, &operations[i]);
    sh_buffer_deinit(&guard.json);
    sh_buffer_deinit(&guard.params);
    shoal_close(guard.engine);
    return 0;
}
