/* shard_archive_property.c -- a shard that was saved and loaded is the shard that was saved.
 *
 *   random requests -> A      A --save--> bytes --load--> B        every question:    A and B answer the same bytes
 *                                            '<--save--- B         more requests:     A and B answer the same bytes
 *                                                                  save both:         the same bytes
 *
 * with one, two and three shards. Whether the answers are right is the business of shard_property, which restarts its
 * shards too. Cursors are not saved, so they are closed before; a last part saves with open ones.
 *
 * Run: shard_archive_property [SEED [ROUNDS]]. A failure prints the round's seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "msgpack_text.h"
#include "shard_rig.h"
#include "shard_world.h"

enum { STEPS = 60, RESTARTS = 3, SHARDS_MAX = 3 };

static struct rig rigs[2];
static uint32_t rig_count; /* 1: only the first is there */
static struct world world;
static struct world_text params, expected;
static uint64_t round_seed;
static uint64_t question_count;
static uint64_t asked[256];
static uint64_t answered[256]; /* by the method's number */

static _Noreturn void fail(const char *what, const char *first, const char *second) {
    (void)printf("reproduce: shard_archive_property %llu 1\n%u shards: %s\n  saved   %s\n  loaded  %s\n",
                 (unsigned long long)round_seed, rigs[0].shard_count, what, first, second);
    exit(1);
}

static int64_t below(int64_t bound) {
    return (int64_t)split_below(&world.rng, (uint64_t)bound);
}

/* ---- Both say the same ---- */

static void ask(const char *method, const char *text) {
    static char first[1 << 18];
    const uint32_t number = sh_method_find(sh_text_of(method), NULL)->number;
    question_count++;
    asked[number]++;
    for (uint32_t i = 0; i < rig_count; i++) {
        rigs[i].now_ms = world.now_ms;
        const char *answer = rig_ask(&rigs[i], method, text);
        /* Tables have more or less room to grow: memory is not among what must be the same. */
        char *memory = strstr((char *)rigs[i].text.bytes, "memory: {");
        if (memory != NULL) *memory = '\0';
        if (i == 0) {
            answered[number] += rigs[0].error.status == SH_OK;
            (void)snprintf(first, sizeof first, "%s", answer);
            continue;
        }
        if (strncmp(answer, first, sizeof first - 1) != 0) fail(method, first, answer);
        if (memory == NULL &&
            (rigs[0].body.count != rigs[1].body.count ||
             (rigs[0].body.count > 0 && memcmp(rigs[0].body.bytes, rigs[1].body.bytes, rigs[0].body.count) != 0)))
            fail(method, "other bytes", "for the same words");
    }
}

static void ask_world(const char *method) {
    ask(method, params.bytes);
}

/* ---- Requests ---- */

static void change_trees(void) {
    text_clear(&params);
    if (below(5) == 0) {
        text_add(&params, "{name: 't%u'}", (uint32_t)below(3));
        ask_world("tree.remove");
        return;
    }
    const uint32_t tree = (uint32_t)below(3);
    text_add(&params, "{name: 't%u', of: ['a%u'%s], nodes: [{name: 'all'}", tree, tree, tree == 0 ? ", 'store'" : "");
    for (uint32_t i = 0; i < 6; i++)
        text_add(&params, ", {name: 's%u', parent: '%s'}", i, below(3) == 0 || i == 0 ? "all" : "s0");
    text_add(&params, "]}");
    ask_world("tree.put");
    ask(below(2) ? "segment.put" : "segment.remove",
        below(2) ? "{name: 'in all', where: \"did(x where store under 'all')\"}" : "{name: 'in all'}");
}

static void add_schema(void) {
    ask("schema.put",
        "{events: [{name: 'x', amount_scale: 3, properties: [{name: 'store', type: 'string'}, {name: 'kind', type: "
        "'enum', labels: ['low', 'high']}, {name: 'cost', type: 'decimal', scale: 4}, {name: 'is', type: 'bool'}]}], "
        "items: {attributes: [{name: 'since', type: 'time'}, {name: 'price', type: 'decimal'}]}}");
}

/* Labels between those that are there, properties behind, a new column: all of it online. */
static void change_schema(void) {
    switch (below(4)) {
    case 0:
        ask("schema.put", "{events: [{name: 'x', amount_scale: 3, properties: [{name: 'kind', type: 'enum', labels: "
                          "['low', 'middle', 'high', 'top']}, {name: 'day', type: 'date'}]}]}");
        break;
    case 1:
        ask("schema.put", "{users: {attributes: [{name: 'late', type: 'int'}], tag_sets: [{name: 'more'}]}}");
        break;
    case 2:
        ask("schema.put", "{feed: {weights: {x: 4, e1: -1}, half_life_days: {short: 2, popularity: 3}, bought_days: "
                          "10, explore_every: 4, eligible: \"brand != 'b9'\", diversity: {attribute: 'brand', count: "
                          "1, window: 3}, listed_since: 'since'}}");
        break;
    default:
        ask("schema.put", "{feed: {eligible: '', explore_every: 0, scores: {affinity: 2, recency: 1, session: 3}}}");
        break;
    }
}

static void append_x(void) {
    text_clear(&params);
    text_add(&params, "{events: [");
    for (int row = 0, rows = 1 + (int)below(30); row < rows; row++) {
        text_add(&params, "%s{type: 'x', user: 'u%d', time: %lld", row == 0 ? "" : ", ", (int)below(WORLD_USERS),
                 (long long)(world.now_ms - below(400 * 24) * 3600000));
        if (below(2)) text_add(&params, ", item: 'i%d'", (int)below(WORLD_ITEMS + 5));
        if (below(2)) text_add(&params, ", amount: '%d.%03d'", (int)below(100), (int)below(1000));
        if (below(2)) text_add(&params, ", store: 's%d'", (int)below(40));
        if (below(2)) text_add(&params, ", kind: '%s'", below(2) ? "low" : "high");
        if (below(3) == 0) text_add(&params, ", cost: '%d.%04d'", (int)below(3), (int)below(10000));
        if (below(3) == 0) text_add(&params, ", is: %s", below(2) ? "true" : "false");
        if (below(4) == 0) text_add(&params, ", id: 'x%d'", (int)below(30));
        text_add(&params, "}");
    }
    text_add(&params, "]}");
    ask_world("event.append");
}

/* Clicks minutes apart, and in a few hundred of them some visits that go on. */
static void append_visits(void) {
    text_clear(&params);
    text_add(&params, "{events: [");
    for (int row = 0, rows = 1 + (int)below(40); row < rows; row++)
        text_add(&params, "%s{type: 'e%d', user: 'u%d', time: %lld, item: 'i%d'}", row == 0 ? "" : ", ", (int)below(2),
                 (int)below(8), (long long)(world.now_ms - below(180) * 60000), (int)below(WORLD_ITEMS));
    text_add(&params, "]}");
    ask_world("event.append");
}

static void put_item(void) {
    const int item = (int)below(WORLD_ITEMS);
    text_clear(&params);
    if (below(5) == 0) {
        text_add(&params, "{ids: ['i%d', 'i%d']}", item, (int)below(WORLD_ITEMS));
        ask_world("item.remove");
        return;
    }
    text_add(&params, "{items: [{id: 'i%d', brand: 'b%d', price: '%d.50', kinds: ['k%d', 'k%d']}]}", item,
             (int)below(3), (int)below(50), (int)below(5), (int)below(5));
    ask_world("item.put");
}

static void score_users(void) {
    text_clear(&params);
    if (below(2)) {
        text_add(&params, "{event: '%s', days: %d, per_day: %s, scores: {r: 3, f: 4, m: 5}%s}", below(2) ? "x" : "e0",
                 (int)below(2) * 90, below(2) ? "true" : "false", below(2) ? ", cuts: {f: [2, 3, 5]}" : "");
        ask_world("rfm.put");
        return;
    }
    ask("rfm.refresh", "{}");
}

static void count_invitations(void) {
    if (below(2))
        ask("referral.refresh", "{}");
    else
        ask("referral.put", below(4) ? "{inviter: 'by', counts: [{name: 'buyers', where: 'did(e1)'}]}"
                                     : "{inviter: 'by', counts: [{name: 'old', where: 'did(x)'}, {name: 'b', where: "
                                       "'c0 is missing'}]}");
}

/* A second tenant, which is another place in the same shards. */
static void ask_elsewhere(void) {
    for (uint32_t i = 0; i < rig_count; i++)
        rigs[i].workspace = "elsewhere";
    ask("schema.put", "{zone: 'America/New_York', users: {attributes: [{name: 'name', type: 'string'}]}, events: "
                      "[{name: 'view'}]}");
    text_clear(&params);
    text_add(&params, "{id: 'u%d', name: 'n%d'}", (int)below(50), (int)below(1000));
    text_clear(&expected);
    text_add(&expected, "{users: [%s]}", params.bytes);
    ask("user.put", expected.bytes);
    text_clear(&params);
    text_add(&params, "{id: 'u%d'}", (int)below(50));
    ask_world(below(2) ? "user.get" : "user.forget");
    for (uint32_t i = 0; i < rig_count; i++)
        rigs[i].workspace = "default";
}

/* Numbered writes, some sent twice. */
static void write_numbered(void) {
    static uint64_t next_number;
    char client[16];
    (void)snprintf(client, sizeof client, "till-%d", (int)below(3));
    const uint64_t number = ++next_number;
    world_put(&world, &params, &expected);
    for (int times = 1 + (int)below(2); times > 0; times--) {
        for (uint32_t i = 0; i < rig_count; i++) {
            rigs[i].client = client;
            rigs[i].seq = number - (uint64_t)below(2);
        }
        rigs[1].seq = rigs[0].seq;
        ask_world("user.put");
    }
    for (uint32_t i = 0; i < 2; i++) {
        rigs[i].client = "";
        rigs[i].seq = 0;
    }
}

static void write_something(void) {
    bool removes;
    world.now_ms += below(6) * 3600000;
    world.asked_ms = world.now_ms;
    switch (below(15)) {
    case 0:
    case 1:
        world_put(&world, &params, &expected);
        ask_world("user.put");
        break;
    case 2:
        world_append(&world, &params, &expected);
        ask_world("event.append");
        break;
    case 3:
        append_x();
        break;
    case 4:
        append_visits();
        break;
    case 5:
        world_forget(&world, &params, &expected);
        ask_world("user.forget");
        break;
    case 6:
        world_merge(&world, &params, &expected);
        ask_world("user.merge");
        break;
    case 7:
        world_segment(&world, &params, &expected, &removes);
        ask_world(removes ? "segment.remove" : "segment.put");
        break;
    case 8:
        world_rule(&world, &params, &expected, &removes);
        ask_world(removes ? "rule.remove" : "rule.put");
        break;
    case 9:
        if (below(3) == 0)
            change_trees();
        else if (below(2))
            score_users();
        else
            count_invitations();
        break;
    case 10:
        ask_elsewhere();
        break;
    case 11:
        write_numbered();
        break;
    case 12:
        if (below(4) == 0) change_schema();
        break;
    case 13:
        if (below(2)) {
            world_keep(&world, &params, &expected);
            ask_world("schema.put");
        }
        ask("event.sweep", "{}");
        break;
    default:
        put_item();
        break;
    }
}

/* ---- Questions ---- */

/* {where: "...", and what follows. */
static void ask_where(const char *method, const struct world_expression *expression, const char *rest) {
    text_clear(&params);
    text_add(&params, "{where: \"");
    world_expression_print(&world, expression, &params);
    text_add(&params, "\"%s}", rest);
    ask_world(method);
}

static void ask_about_everybody(void) {
    static const char *const questions[][2] = {
        {"schema.get", "{}"},
        {"stats", "{}"},
        {"rfm.get", "{}"},
        {"audience.rfm", "{}"},
        {"referral.get", "{}"},
        {"audience.list", "{where: 'invited.users > 0', limit: 100, order: 'id', fields: ['id', 'invited.users']}"},
        {"rule.list", "{}"},
        {"tree.list", "{}"},
        {"tree.get", "{name: 't0'}"},
        {"audience.count", "{where: \"did(x where store under 's0')\"}"},
        {"segment.list", "{counts: false}"},
        {"segment.list", "{max_age_ms: 100000000}"},
        {"feed.trending", "{count: 20, fields: ['brand', 'kinds']}"},
        {"audience.list", "{where: '', limit: 100}"},
        {"audience.list", "{where: '', limit: 100, order: 'value.amount', fields: ['id', 'rfm.score', 'lifecycle']}"},
        {"audience.sample", "{where: '', count: 7, seed: 'x'}"},
        {"audience.overlap", "{sets: ['c0 is missing', \"tags has 't1'\", 'count(x) > 2'], combinations: true}"},
        {"audience.insight",
         "{where: 'count(x) > 0', dimensions: ['c0', 'tags', {events: 'x', of: 'store'}, {events: 'x', of: 'cost'}, "
         "{events: 'x', per: 'day'}, {events: 'e0', of: 'item.brand'}, {cross: ['tags', 'tags']}]}"},
        {"audience.funnel", "{sequence: 'sequence(x -> e0 -> e1, within 30 days)'}"},
        {"audience.retention", "{first: 'x', return: 'e0'}"},
        {"audience.lookalike", "{seeds: \"tags has 't2'\", count: 10}"},
        {"audience.waterfall", "{where: \"tags has 't1' and count(e0) > 1 and c0 is not missing\"}"},
        {"audience.explain", "{where: \"tags has 't1' and count(e0) > 1 and sum(x.amount) > 3\"}"},
        {"audience.count", "{where: \"did(x where store = 's3' and kind = 'high', last 100 days)\"}"},
        {"audience.count", "{where: 'value.average > 3 or rfm.f >= 3'}"},
    };
    for (size_t i = 0; i < sizeof questions / sizeof *questions; i++)
        ask(questions[i][0], questions[i][1]);
}

static void ask_about_each(void) {
    for (uint32_t i = 0; i < WORLD_USERS; i++) {
        text_clear(&params);
        text_add(&params, "{id: 'u%u', events: 1000}", i);
        ask_world("user.get");
        text_clear(&params);
        text_add(&params, "{user: 'u%u', count: 12, seed: 5}", i);
        ask_world("feed.get");
        text_clear(&params);
        text_add(&params, "{user: 'u%u'}", i);
        ask_world("segment.of_user");
    }
    for (uint32_t i = 0; i < WORLD_ITEMS + 5; i++) {
        text_clear(&params);
        text_add(&params, "{id: 'i%u'}", i);
        ask_world("item.get");
        text_clear(&params);
        text_add(&params, "{session: ['i%u', 'i%u'], count: 5}", i, (i + 3) % WORLD_ITEMS);
        ask_world("feed.get");
        text_clear(&params);
        text_add(&params, "{item: 'i%u'}", i);
        ask_world("feed.similar");
        ask_world("feed.also_bought");
        ask_world("feed.users_for_item");
    }
    for (uint32_t i = 0; i < WORLD_SEGMENTS; i++) {
        text_clear(&params);
        text_add(&params, "{name: 'g%u'}", i);
        ask_world("segment.get");
    }
}

static void ask_everything(void) {
    ask_about_everybody();
    ask_about_each();
    for (int i = 0; i < 10; i++) {
        struct world_expression *expression = world_expression(&world, 3, WORLD_SEGMENTS);
        ask_where("audience.count", expression, "");
        ask_where("audience.list", expression, ", limit: 50");
        ask_where("audience.ask", expression, ", list: {limit: 50, order: 'c0'}, sample: {count: 3}");
        world_expression_free(expression);
    }
}

/* ---- Save, load, go on ---- */

static void compare_saved(const struct sh_buffer *first, const struct sh_buffer *second, const char *what) {
    for (uint32_t i = 0; i < rigs[0].shard_count; i++) {
        char words[2][64];
        size_t at = 0;
        const size_t count = first[i].count < second[i].count ? first[i].count : second[i].count;
        while (at < count && first[i].bytes[at] == second[i].bytes[at])
            at++;
        if (at == count && first[i].count == second[i].count) continue;
        (void)snprintf(words[0], sizeof words[0], "%zu bytes in shard %u", first[i].count, i);
        (void)snprintf(words[1], sizeof words[1], "%zu bytes, other from %zu on", second[i].count, at);
        fail(what, words[0], words[1]);
    }
}

static void free_saved(struct sh_buffer *bytes) {
    for (uint32_t i = 0; i < rigs[0].shard_count; i++)
        sh_buffer_deinit(&bytes[i]);
}

/* The second rig becomes a copy of the first. */
static void copy_first(bool has_cursors) {
    struct sh_buffer saved[SHARDS_MAX];
    struct sh_buffer again[SHARDS_MAX];
    if (rig_count == 2) rig_deinit(&rigs[1]);
    rig_init(&rigs[1], rigs[0].shard_count);
    rigs[1].next_id = rigs[0].next_id;
    rigs[1].now_ms = rigs[0].now_ms;
    rig_count = 2;
    rig_save(&rigs[0], saved);
    rig_load(&rigs[1], saved);
    rig_check(&rigs[1]);
    rig_save(&rigs[0], again);
    compare_saved(saved, again, "saved twice");
    free_saved(again);
    rig_save(&rigs[1], again);
    if (!has_cursors) compare_saved(saved, again, "saved, loaded, saved");
    free_saved(again);
    free_saved(saved);
}

static void compare_both(void) {
    struct sh_buffer saved[2][SHARDS_MAX];
    rig_save(&rigs[0], saved[0]);
    rig_save(&rigs[1], saved[1]);
    compare_saved(saved[0], saved[1], "saved after more requests");
    free_saved(saved[0]);
    free_saved(saved[1]);
}

static void close_cursors(void) {
    world.now_ms += SH_CURSOR_IDLE_MS_MAX;
    for (uint32_t i = 0; i < rigs[0].shard_count; i++)
        sh_shard_tick(rigs[0].shards[i], world.now_ms);
}

/* What a list without an order says may differ from here on: slots that the saved shard keeps for its cursors are free
 * in the loaded one. */
static void save_with_cursors(void) {
    rig_count = 1;
    rig_deinit(&rigs[1]);
    ask("audience.list", "{where: '', limit: 1, keep: true}");
    world_forget(&world, &params, &expected);
    ask_world("user.forget");
    copy_first(true);
    ask_about_each();
    for (int i = 0; i < 5; i++) {
        world_put(&world, &params, &expected);
        ask_world("user.put");
        ask("audience.list", "{where: '', limit: 100, order: 'id', fields: ['id', 'c0', 'tags']}");
    }
    ask_about_each();
}

static void play_round(uint64_t seed, uint32_t shard_count) {
    round_seed = seed;
    world_init(&world, seed);
    rig_init(&rigs[0], shard_count);
    rig_count = 1;
    world_schema(&world, &params);
    ask_world("schema.put");
    if (below(8) == 0) copy_first(false); /* nothing but a schema */
    add_schema();
    for (int restart = 0; restart < RESTARTS; restart++) {
        for (int i = 0; i < STEPS / RESTARTS; i++)
            write_something();
        close_cursors();
        copy_first(false);
        ask_everything();
        for (int i = 0; i < STEPS / RESTARTS; i++)
            write_something();
        ask_everything();
        compare_both();
    }
    save_with_cursors();
    for (uint32_t i = 0; i < rig_count; i++) {
        rig_check(&rigs[i]);
        rig_deinit(&rigs[i]);
    }
    world_deinit(&world);
}

/* A request that is always refused tests nothing. */
static void check_answered(void) {
    for (uint32_t i = 0; i < sh_method_count(); i++) {
        if (asked[i] < 100 || answered[i] > asked[i] / 10) continue;
        (void)printf("%s was asked %llu times and answered %llu times\n", sh_method_at(i)->name,
                     (unsigned long long)asked[i], (unsigned long long)answered[i]);
        exit(1);
    }
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 100;
    for (uint64_t i = 0; i < rounds; i++)
        play_round(seed + i, 1 + (uint32_t)((seed + i) % SHARDS_MAX));
    check_answered();
    (void)printf("shard_archive_property: seeds %llu to %llu, %llu requests: alike\n", (unsigned long long)seed,
                 (unsigned long long)(seed + rounds - 1), (unsigned long long)question_count);
    return 0;
}
