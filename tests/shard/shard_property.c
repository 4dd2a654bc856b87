/* shard_property.c -- random schemas, writes, forgets, events and questions: one shard, two, three, and one in steps of
 * a block, all against each other and against shard_world.c, which is plain arrays and loops. A fifth rig gets every
 * request that the first one got, and must answer with the same bytes. Now and then all of them are saved and loaded
 * again.
 *
 * Run: shard_property [SEED [ROUNDS]]. A failure prints the round's seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard_rig.h"
#include "shard_world.h"

enum { RIG_COUNT = 5, REPLAY = 4, STEPS = 80 };

static struct rig rigs[RIG_COUNT];
static struct world world;
static struct world_text params, expected;
static uint64_t round_seed;

static _Noreturn void fail(const char *method, int rig, const char *answer, const char *wanted) {
    (void)printf("reproduce: shard_property %llu 1\nrig %d: %s %s\n  said     %s\n  expected %s\n",
                 (unsigned long long)round_seed, rig, method, params.bytes, answer, wanted);
    exit(1);
}

/* The answer's text without the value of `cursor`, which names shards. */
static void without_cursor(const char *answer, char *out, size_t room) {
    const char *cursor = strstr(answer, "cursor: '");
    if (cursor == NULL) {
        (void)snprintf(out, room, "%s", answer);
        return;
    }
    const char *end = strchr(cursor + 9, '\'');
    (void)snprintf(out, room, "%.*scursor%s", (int)(cursor - answer), answer, end + 1);
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The ids between [ and ] in ascending order, for lists without an order. */
static void sort_ids(char *answer) {
    char *begin = strstr(answer, "ids: [");
    if (begin == NULL) return;
    begin += 6;
    char *end = strchr(begin, ']');
    char copy[4096];
    char *ids[WORLD_USERS];
    int count = 0;
    (void)snprintf(copy, sizeof copy, "%.*s", (int)(end - begin), begin);
    for (char *id = strtok(copy, ", "); id != NULL; id = strtok(NULL, ", "))
        ids[count++] = id;
    qsort(ids, (size_t)count, sizeof *ids, compare_texts);
    for (int i = 0; i < count; i++) {
        const size_t length = strlen(ids[i]);
        memcpy(begin, ids[i], length);
        begin += length;
        if (i + 1 < count) {
            memcpy(begin, ", ", 2);
            begin += 2;
        }
    }
}

/* All rigs say the same; the replay even byte by byte. Returns it. */
static const char *ask_all(const char *method, bool is_unordered) {
    static char first[1 << 18];
    static char other[1 << 18];
    for (int i = 0; i < RIG_COUNT; i++) {
        rigs[i].now_ms = world.now_ms;
        const char *answer = rig_ask(&rigs[i], method, params.bytes);
        char *kept = i == 0 ? first : other;
        without_cursor(answer, kept, sizeof first);
        if (is_unordered) sort_ids(kept);
        if (i > 0 && strcmp(first, other) != 0) fail(method, i, other, first);
    }
    if (rigs[0].body.count != rigs[REPLAY].body.count ||
        (rigs[0].body.count > 0 && memcmp(rigs[0].body.bytes, rigs[REPLAY].body.bytes, rigs[0].body.count) != 0))
        fail(method, REPLAY, "other bytes", "the same bytes");
    return first;
}

static void expect_begin(const char *method) {
    const char *answer = ask_all(method, false);
    if (strncmp(answer, expected.bytes, expected.count) != 0) fail(method, 0, answer, expected.bytes);
}

static void put_item(void) {
    text_clear(&params);
    const int item = (int)split_below(&world.rng, WORLD_ITEMS);
    if (split_one_in(&world.rng, 5)) {
        text_add(&params, "{ids: ['i%d', 'i%d']}", item, (int)split_below(&world.rng, WORLD_ITEMS));
        (void)ask_all("item.remove", false);
        return;
    }
    text_add(&params, "{items: [{id: 'i%d', brand: 'b%d', kinds: ['k%d', 'k%d']}]}", item,
             (int)split_below(&world.rng, 3), (int)split_below(&world.rng, 5), (int)split_below(&world.rng, 5));
    (void)ask_all("item.put", false);
}

static void get_user(void) {
    const uint32_t user = (uint32_t)split_below(&world.rng, WORLD_USERS);
    text_clear(&params);
    text_add(&params, "{id: 'u%u'}", user);
    world_user_text(&world, user, &expected);
    const char *answer = ask_all("user.get", false);
    /* With an rfm plan the answer also has what is derived, which look_at_rfm compares. */
    if (round_seed % 2 != 0 && strcmp(answer, expected.bytes) != 0) fail("user.get", 0, answer, expected.bytes);
    text_clear(&params);
    text_add(&params, "{ids: ['u%u', 'u%u', 'nobody', 'u%u'], events: 5}", user, (user + 7) % WORLD_USERS, user);
    (void)ask_all("user.get", false);
}

static uint32_t live_count(void) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < WORLD_USERS; i++)
        count += world.users[i].live;
    return count;
}

static void begin_where(const struct world_expression *expression) {
    text_clear(&params);
    text_add(&params, "{where: \"");
    world_expression_print(&world, expression, &params);
    text_add(&params, "\"");
}

static void count_and_sample(const struct world_expression *expression) {
    begin_where(expression);
    if (split_one_in(&world.rng, 2)) {
        world.asked_ms = world.now_ms + ((int64_t)split_below(&world.rng, 10) - 4) * 43200000;
        text_add(&params, ", now: %lld", (long long)world.asked_ms);
    }
    text_add(&params, "}");
    text_clear(&expected);
    text_add(&expected, "{count: %u, total: %u}", world_count(&world, expression), live_count());
    expect_begin("audience.count");
    world.asked_ms = world.now_ms;
    begin_where(expression);
    text_add(&params, ", count: %d, seed: 'x%d'}", (int)split_below(&world.rng, 10), (int)split_below(&world.rng, 5));
    (void)ask_all("audience.sample", false);
    begin_where(expression);
    text_add(&params, ", list: {limit: 50}, sample: {count: 3, fields: ['id', 'tags']}}");
    (void)ask_all("audience.ask", true);
    begin_where(expression);
    text_add(&params, ", limit: 50}");
    (void)ask_all("audience.list", true);
}

/* A list in order, whole or by pages of a frozen audience, people forgotten and changed in between. */
static void list_in_order(const struct world_expression *expression) {
    uint32_t users[WORLD_USERS];
    const uint32_t column =
        split_one_in(&world.rng, 4) ? WORLD_COLUMNS : (uint32_t)split_below(&world.rng, world.column_count);
    const bool descending = split_one_in(&world.rng, 2);
    const bool keep = split_one_in(&world.rng, 2);
    const uint32_t limit = 1 + (uint32_t)split_below(&world.rng, 12);
    const uint32_t count = world_order(&world, expression, column, descending, users);
    char order[16] = "id";
    if (column < WORLD_COLUMNS) (void)snprintf(order, sizeof order, "c%u", column);
    begin_where(expression);
    text_add(&params, ", order: '%s', desc: %s, limit: %u, keep: %s}", order, descending ? "true" : "false", limit,
             keep ? "true" : "false");
    text_clear(&expected);
    text_add(&expected, "{count: %u, ids: [", count);
    for (uint32_t i = 0; i < count && i < limit; i++)
        text_add(&expected, "%s'u%u'", i == 0 ? "" : ", ", users[i]);
    text_add(&expected, keep && count > limit ? "], cursor}" : "]}");
    const char *answer = ask_all("audience.list", false);
    if (strcmp(answer, expected.bytes) != 0) fail("audience.list", 0, answer, expected.bytes);
    for (uint32_t at = limit; keep && at < count;) {
        struct world_text cursors[RIG_COUNT];
        for (int i = 0; i < RIG_COUNT; i++) {
            text_clear(&cursors[i]);
            text_add(&cursors[i], "{cursor: %s, limit: %u}", rig_cursor(&rigs[i]), limit);
        }
        if (split_one_in(&world.rng, 2)) {
            world_forget(&world, &params, &expected);
            expect_begin("user.forget");
            world_put(&world, &params, &expected);
            expect_begin("user.put");
        }
        /* Users who were forgotten and came back are other people. */
        static char listed[1 << 14];
        for (int i = 0; i < RIG_COUNT; i++) {
            static char kept[1 << 14];
            const char *page = rig_ask(&rigs[i], "audience.list", cursors[i].bytes);
            without_cursor(page, kept, sizeof kept);
            char *skipped = strstr(kept, "skipped"); /* which page counts them may differ */
            if (skipped != NULL) *skipped = '\0';
            if (i == 0) (void)snprintf(listed, sizeof listed, "%s", kept);
            if (strcmp(listed, kept) != 0) fail("audience.list, a page", i, kept, listed);
        }
        if (rig_cursor(&rigs[0])[0] == '\0') break;
        at += limit;
    }
}

static void look_at_feeds(void) {
    text_clear(&params);
    text_add(&params, "{user: 'u%d', count: %d, fields: ['brand']}", (int)split_below(&world.rng, WORLD_USERS),
             1 + (int)split_below(&world.rng, WORLD_ITEMS));
    (void)ask_all("feed.get", false);
    text_clear(&params);
    text_add(&params, "{count: 5}");
    (void)ask_all("feed.trending", false);
    text_clear(&params);
    text_add(&params, "{item: 'i%d', count: 9}", (int)split_below(&world.rng, WORLD_ITEMS));
    (void)ask_all("feed.similar", false);
    (void)ask_all("feed.also_bought", false);
    (void)ask_all("feed.users_for_item", false);
    text_clear(&params);
    text_add(&params, "{users: ['u%d', 'u%d', 'nobody'], feed: {count: 5}}", (int)split_below(&world.rng, 20),
             (int)split_below(&world.rng, 20));
    (void)ask_all("feed.batch", false);
}

static void change_segment(void) {
    bool removes;
    world_segment(&world, &params, &expected, &removes);
    expect_begin(removes ? "segment.remove" : "segment.put");
}

/* And that all shards together say the same of what rules did; what tags came of it, every question asks. */
static void change_rule(void) {
    bool removes;
    world_rule(&world, &params, &expected, &removes);
    expect_begin(removes ? "rule.remove" : "rule.put");
    text_clear(&params);
    text_add(&params, "{}");
    const char *answer = ask_all("rule.list", false);
    for (uint32_t i = 0; i < WORLD_RULES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "{name: 'r%u', ", i);
        const char *rule = strstr(answer, name);
        const struct world_rule *known = &world.rules[i];
        if ((rule != NULL) != known->is_there) fail("rule.list", 0, answer, name);
        if (rule == NULL) continue;
        const char *given = strstr(rule, ", given: ");
        if (given == NULL || strtoul(given + 9, NULL, 10) != known->given) fail("rule.list, given", 0, answer, name);
    }
}

/* What segments hold: by the list's counts, and one user's by name. */
static void look_at_segments(void) {
    const uint32_t user = (uint32_t)split_below(&world.rng, WORLD_USERS);
    text_clear(&params);
    text_add(&params, "{}");
    const char *answer = ask_all("segment.list", false);
    for (uint32_t i = 0; i < WORLD_SEGMENTS; i++) {
        if (world.segments[i] == NULL) continue;
        char name[32];
        (void)snprintf(name, sizeof name, "{name: 'g%u', ", i);
        const char *count = strstr(answer, name);
        if (count != NULL) count = strstr(count, ", count: ");
        if (count == NULL || strtoul(count + 9, NULL, 10) != world_count(&world, world.segments[i]))
            fail("segment.list", 0, answer, name);
    }
    text_clear(&params);
    text_add(&params, "{user: 'u%u'}", user);
    if (!world_segments_text(&world, user, &expected)) text_add(&expected, "304 not_found: ");
    expect_begin("segment.of_user");
}

/* As after a stop of the server: cursors are gone, all else is there. */
static void restart(void) {
    for (int i = 0; i < RIG_COUNT; i++) {
        struct sh_buffer bytes[SH_SHARD_COUNT_MAX];
        rig_save(&rigs[i], bytes);
        rig_load(&rigs[i], bytes);
        for (uint32_t shard = 0; shard < rigs[i].shard_count; shard++)
            sh_buffer_deinit(&bytes[shard]);
    }
}

static void step(void) {
    world.now_ms += (int64_t)split_below(&world.rng, 6) * 3600000;
    world.asked_ms = world.now_ms;
    struct world_expression *expression = NULL;
    if (split_one_in(&world.rng, 40)) restart();
    switch (split_below(&world.rng, 15)) {
    case 0:
    case 1:
        world_put(&world, &params, &expected);
        expect_begin("user.put");
        break;
    case 2:
    case 3:
        world_append(&world, &params, &expected);
        expect_begin("event.append");
        break;
    case 4:
        world_forget(&world, &params, &expected);
        expect_begin("user.forget");
        break;
    case 5:
        put_item();
        break;
    case 6:
        get_user();
        break;
    case 7:
        look_at_feeds();
        break;
    case 12:
        world_merge(&world, &params, &expected);
        expect_begin("user.merge");
        break;
    case 13:
        change_rule();
        break;
    case 14:
        if (split_one_in(&world.rng, 2)) {
            world_keep(&world, &params, &expected);
            expect_begin("schema.put");
        } else {
            text_clear(&params);
            text_add(&params, "{}");
            world_sweep(&world, &expected);
            expect_begin("event.sweep");
        }
        break;
    case 10:
        change_segment();
        break;
    case 11:
        look_at_segments();
        break;
    case 8:
        expression = world_expression(&world, 3, WORLD_SEGMENTS);
        count_and_sample(expression);
        break;
    default:
        expression = world_expression(&world, 3, WORLD_SEGMENTS);
        list_in_order(expression);
        break;
    }
    world_expression_free(expression);
}

static void begin_rfm(bool per_day) {
    text_clear(&params);
    text_add(&params, "{event: 'e0', days: 20, per_day: %s}", per_day ? "true" : "false");
    text_clear(&expected);
    text_add(&expected, "{changed: true}");
    expect_begin("rfm.put");
}

/* What is kept of each user agrees with the events that are there, those that were swept not among them. */
static void look_at_rfm(void) {
    const bool per_day = round_seed % 4 == 0;
    text_clear(&params);
    text_add(&params, "{where: 'value.count > 0 and not value.count = %s(e0) or did(e0) and value.count is missing'}",
             per_day ? "days" : "count");
    text_clear(&expected);
    text_add(&expected, "{count: 0, ");
    expect_begin("audience.count");
}

static void begin_referral(void) {
    text_clear(&params);
    text_add(&params, "{inviter: 'by', counts: [{name: 'buyers', where: 'did(e1)'}]}");
    text_clear(&expected);
    text_add(&expected, "{changed: true}");
    expect_begin("referral.put");
}

/* By the latest refresh, less who was forgotten since. */
static void look_at_referral(void) {
    if (split_one_in(&world.rng, 3)) {
        text_clear(&params);
        text_add(&params, "{}");
        text_clear(&expected);
        text_add(&expected, "{now: %lld}", (long long)world.now_ms);
        world_refresh(&world);
        expect_begin("referral.refresh");
        world.is_refreshed = true;
    }
    uint32_t count = 0;
    text_clear(&params);
    text_add(&params, "{where: 'invited.users > 0', order: 'id', fields: ['invited.users', 'invited.buyers']}");
    static struct world_text rows;
    text_clear(&rows);
    uint32_t users[WORLD_USERS];
    const struct world_expression everybody = {.kind = EXPR_COUNT, .compare = 5};
    const uint32_t all = world_order(&world, &everybody, WORLD_COLUMNS, false, users);
    for (uint32_t i = 0; i < all && world.is_refreshed; i++) {
        const struct world_user *user = &world.users[users[i]];
        if (user->invited == 0) continue;
        text_add(&rows, "%s['u%u', %d, %d]", count == 0 ? "" : ", ", users[i], (int)user->invited,
                 (int)user->invited_buyers);
        count++;
    }
    text_clear(&expected);
    text_add(&expected, "{count: %u, rows: [%s]}", count, rows.bytes);
    expect_begin("audience.list");
}

static void play_round(uint64_t seed) {
    static const uint32_t shard_counts[RIG_COUNT] = {1, 2, 3, 1, 1};
    round_seed = seed;
    world_init(&world, seed);
    for (int i = 0; i < RIG_COUNT; i++)
        rig_init(&rigs[i], shard_counts[i]);
    rigs[3].step_blocks = 1;
    world_schema(&world, &params);
    text_clear(&expected);
    text_add(&expected, "{changed: true}");
    expect_begin("schema.put");
    const bool has_rfm = seed % 2 == 0;
    if (has_rfm) begin_rfm(seed % 4 == 0);
    if (has_rfm) begin_referral();
    for (int i = 0; i < STEPS; i++) {
        step();
        if (has_rfm && i % 4 == 0) look_at_referral();
    }
    if (has_rfm) look_at_rfm();
    for (int i = 0; i < RIG_COUNT; i++) {
        rig_check(&rigs[i]);
        rig_deinit(&rigs[i]);
    }
    world_deinit(&world);
}

int main(int argument_count, char **arguments) {
    const uint64_t seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    const uint64_t rounds = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 100;
    for (uint64_t i = 0; i < rounds; i++)
        play_round(seed + i);
    printf("shard_property: seeds %llu to %llu, %d steps each: alike\n", (unsigned long long)seed,
           (unsigned long long)(seed + rounds - 1), STEPS);
    return 0;
}
