/* feed_batch_property.c -- a feed of a batch is the user's own at the moment when it is made.
 *
 * feed.batch reads rules and items once for all its users, as long as nobody changes them. Here somebody does: between
 * any two of its feeds items are put and removed, scenes, segments and trees change, users get other values and other
 * events. Right before each feed is made feed.get is asked for it, by the same rules: the two must be the same text. (A
 * change of a segment or tree lets questions finish first; what was made then is not compared.)
 *
 *     feed_batch_property [SEED [RUNS]]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "msgpack_text.h"
#include "shard_rig.h"

enum { USERS = 14, ITEMS = 16, ASKED = 24, TEXT_MAX = 1 << 14 };
#define NOW_MS "1760000000000"

static struct rig rig;
static uint64_t random_state;
static char expected[ASKED][TEXT_MAX];
static uint64_t compared;

static uint32_t random_below(uint32_t end) {
    random_state = sh_hash_mix(random_state + UINT64_C(0x9E3779B97F4A7C15), 29);
    return (uint32_t)(random_state % end);
}

static const char *one_of(const char *const *texts, uint32_t count) {
    return texts[random_below(count)];
}
#define ONE_OF(...)                                                                                                    \
    one_of((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static const char *say(const char *method, const char *params) {
    const char *answer = rig_ask(&rig, method, params);
    if (rig.error.status != SH_OK) {
        printf("%s %s: %s\n", method, params, answer);
        exit(1);
    }
    return answer;
}

/* ---- A shop and its changes ---- */

static void put_user(uint32_t number) {
    char params[300];
    (void)snprintf(params, sizeof params, "{user: {id: 'u%u', age: %u, interests: [%s]}}", number, random_below(60),
                   ONE_OF("", "'tea'", "'coffee'", "'tea', 'new'"));
    (void)say("user.put", params);
}

static void put_item(uint32_t number) {
    char params[300];
    (void)snprintf(params, sizeof params,
                   "{item: {id: 'i%u', brand: '%s', stock: %u, shop: %s, kinds: [%s], groups: [%s]}}", number,
                   ONE_OF("A", "B", "C"), random_below(3), ONE_OF("'n'", "'s'", "nil"),
                   ONE_OF("", "'tea'", "'coffee'", "'tea', 'coffee'"), ONE_OF("", "", "'young'", "'buyers', 'none'"));
    (void)say("item.put", params);
}

static void put_scene(void) {
    char params[900];
    (void)snprintf(
        params, sizeof params, "{name: 'home', rules: {%s, %s, %s, %s, store_field: '%s'}}",
        ONE_OF("floor: 1", "boost: [{where: \"brand = 'A'\", factor: 3, name: 'ours'}]",
               "bury: [{where: \"kinds has 'tea'\", points: 2}]"),
        ONE_OF("mmr: 0", "slots: [{where: \"brand = 'B'\", place: 2}]", "pins: [{item: 'i3', place: 1}]",
               "quotas: [{where: \"brand = 'C'\", at_least: 1, of: 4}]"),
        ONE_OF("relax: ['quota', 'diversity']", "eligible: \"stock > 0\"", "eligible: \"brand under 'all'\""),
        ONE_OF("targets: [{where: \"brand = 'A'\", segment: 'young'}]",
               "targets: [{where: \"stock = 2\", users: \"interests has 'tea'\"}, {tag_set: 'groups'}]",
               "targets: [{tag_set: 'groups'}]",
               "targets: [{where: \"kinds has 'tea'\", segment: 'buyers'},"
               " {where: \"brand = 'C'\", users: \"did(view, last 3 days)\"}]"),
        ONE_OF("shop", "kinds"));
    (void)say("scene.put", params);
}

static void put_segment(void) {
    char params[200];
    (void)snprintf(params, sizeof params, "{name: '%s', where: \"%s\"}", ONE_OF("young", "buyers"),
                   ONE_OF("age < 20", "age < 40", "did(purchase)", "did(view, last 2 days)", "interests has 'new'"));
    (void)say("segment.put", params);
}

static void append_event(void) {
    char params[200];
    (void)snprintf(params, sizeof params, "{event: {type: '%s', user: 'u%u', time: %" PRId64 ", item: 'i%u'}}",
                   ONE_OF("view", "purchase"), random_below(USERS),
                   INT64_C(1760000000000) - (int64_t)random_below(600000000), random_below(ITEMS + 2));
    (void)say("event.append", params);
}

static void change_something(void) {
    char params[100];
    switch (random_below(8)) {
    case 0:
        put_item(random_below(ITEMS));
        return;
    case 1:
        (void)snprintf(params, sizeof params, "{id: 'i%u'}", random_below(ITEMS));
        (void)rig_ask(&rig, "item.remove", params);
        return;
    case 2:
        put_scene();
        return;
    case 3:
        put_segment();
        return;
    case 4:
        (void)say("tree.put",
                  ONE_OF("{name: 'brands', of: 'brand', nodes: [{name: 'all'}, {name: 'A', parent: 'all'}]}",
                         "{name: 'brands', of: 'brand', nodes: [{name: 'all'}, {name: 'B', parent: 'all'},"
                         " {name: 'C', parent: 'all'}]}"));
        return;
    case 5:
        put_user(random_below(USERS));
        return;
    default:
        append_event();
        return;
    }
}

static void fill(void) {
    rig_init(&rig, 1);
    (void)say("schema.put", "{users: {attributes: [{name: 'age', type: 'int'}], tag_sets: [{name: 'interests'}]},"
                            " items: {attributes: [{name: 'brand', type: 'string'}, {name: 'stock', type: 'int'},"
                            " {name: 'shop', type: 'string'}], tag_sets: [{name: 'kinds'}, {name: 'groups'}]},"
                            " events: [{name: 'view'}, {name: 'purchase'}], feed: {explore_every: 5}}");
    (void)say("tree.put", "{name: 'brands', of: 'brand', nodes: [{name: 'all'}, {name: 'A', parent: 'all'}]}");
    for (uint32_t i = 0; i < USERS; i++)
        put_user(i);
    for (uint32_t i = 0; i < ITEMS; i++)
        put_item(i);
    (void)say("segment.put", "{name: 'young', where: 'age < 30'}");
    (void)say("segment.put", "{name: 'buyers', where: 'did(purchase)'}");
    put_scene();
    for (uint32_t i = 0; i < 30; i++)
        append_event();
}

/* ---- One batch ---- */

static const char *feed_params(void) {
    static char params[300];
    (void)snprintf(params, sizeof params, "count: 40, seed: 9, scene: 'home', explain: 'full'%s%s%s",
                   ONE_OF("", ", filter: \"stock > 0\"", ", filter: \"brand in ('A', 'B')\""),
                   ONE_OF("", ", exclude: ['i1', 'i2']", ", fields: ['brand', 'stock']"),
                   ONE_OF("", ", store: 'n'", ", store: 'tea'", ", bury: [{where: \"stock = 1\", factor: 0.5}]"));
    return params;
}

static void expect(uint32_t at, uint32_t user, const char *feed) {
    char params[500];
    (void)snprintf(params, sizeof params, "{user: 'u%u', now: " NOW_MS ", %s}", user, feed);
    const char *items = strstr(say("feed.get", params), "items: ");
    if (items == NULL || snprintf(expected[at], TEXT_MAX, "%s", items) >= TEXT_MAX) abort();
}

static struct sh_job *begin(const char *params_text, struct sh_buffer *params, struct sh_buffer *body) {
    struct sh_job *job;
    msgpack_of_text(params_text, params);
    const struct sh_request request = {.method = sh_method_find(SH_TEXT_LITERAL("feed.batch"), NULL),
                                       .workspace = SH_TEXT_LITERAL("default"),
                                       .params = params->bytes,
                                       .params_count = params->count,
                                       .now_ms = rig.now_ms,
                                       .id = rig.next_id++};
    const struct sh_answer answer = {.body = body, .effects = NULL};
    if (sh_shard_start(rig.shards[0], &request, &answer, &job, &rig.error) != SH_OK || job == NULL) abort();
    return job;
}

static bool one_batch(void) {
    static char asked[4000];
    const char *feed = feed_params();
    uint32_t users[ASKED];
    int at = snprintf(asked, sizeof asked, "{now: " NOW_MS ", feed: {%s}, users: [", feed);
    for (uint32_t i = 0; i < ASKED; i++) {
        users[i] = random_below(USERS + 1); /* the last one is nobody */
        at += snprintf(asked + at, sizeof asked - (size_t)at, "%s'u%u'", i == 0 ? "" : ", ", users[i]);
    }
    (void)snprintf(asked + at, sizeof asked - (size_t)at, "]}");
    struct sh_buffer params;
    struct sh_buffer body;
    struct sh_buffer text;
    sh_buffer_init(&params, 1 << 20);
    sh_buffer_init(&body, SH_ANSWER_BYTES_MAX);
    sh_buffer_init(&text, 1 << 26);
    uint32_t made = 0;
    for (; made < 2; made++) /* a job begins with so many */
        expect(made, users[made], feed);
    struct sh_job *job = begin(asked, &params, &body);
    bool done = false;
    while (!done) {
        for (uint32_t i = random_below(3); i > 0; i--)
            change_something();
        if (made < ASKED) expect(made, users[made], feed);
        if (sh_job_step(job, 1, &done, &rig.error) != SH_OK) abort();
        made += !done;
    }
    compared += made;
    text_of_msgpack(body.bytes, body.count, 1, &text);
    sh_buffer_append(&text, "", 1);
    bool ok = true;
    const char *feeds = (const char *)text.bytes;
    for (uint32_t i = 0; i < made && ok; i++) {
        feeds = strstr(feeds, "items: ");
        ok = feeds != NULL && strncmp(feeds, expected[i], strlen(expected[i])) == 0;
        if (!ok) printf("%s\nfeed %u of u%u is\n%.3000s\nand not\n%s\n", asked, i, users[i], feeds, expected[i]);
        feeds++;
    }
    sh_buffer_deinit(&text);
    sh_buffer_deinit(&body);
    sh_buffer_deinit(&params);
    return ok;
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 40;
    for (uint64_t run = 0; run < count; run++) {
        bool ok = true;
        random_state = seed + run;
        fill();
        for (uint32_t i = 0; i < 4 && ok; i++)
            ok = one_batch();
        rig_check(&rig);
        rig_deinit(&rig);
        if (ok) continue;
        printf("reproduce: feed_batch_property %" PRIu64 " 1\n", seed + run);
        return 1;
    }
    printf("feed_batch_property: seeds %" PRIu64 " to %" PRIu64 ": %" PRIu64 " feeds are alike\n", seed,
           seed + count - 1, compared);
    return compared > 8 * count ? 0 : 1;
}
