/* feed_door_unit.c -- feed.get and feed.trending through the door; what one shard learns, all know. */
#include "shard_trio.h"

static struct trio trio;

static void setup(void) {
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}], tag_sets: [{name: 'interests'}]},"
        " items: {attributes: [{name: 'brand', type: 'string'}, {name: 'stock', type: 'int'}], tag_sets: [{name: "
        "'kinds'}]},"
        " events: [{name: 'view'}, {name: 'purchase'}]}",
        "{changed: true}");
    SAY("item.put",
        "{fields: ['id', 'brand', 'stock', 'kinds'], rows: [['t1', 'A', 3, ['tea']], ['t2', 'B', 0, ['tea']],"
        " ['c1', 'A', 5, ['coffee']], ['c2', 'B', 9, ['coffee', 'sale']], ['x', 'C', 1, []]]}",
        "{accepted: 5, created: 5, refused: []}");
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item'], rows: [['view', 'a', 1759999000000, 't1'],"
        " ['view', 'b', 1759999100000, 't1'], ['purchase', 'c', 1759999200000, 'c1'], ['view', 'd', 1759999300000, "
        "'ghost'],"
        " ['view', 'e', 1759999400000, 't2'], ['purchase', 'f', 1759999500000, 't1']]}",
        "{accepted: 6, duplicates: 0, refused: []}");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(feed_door, .init = setup, .fini = teardown);

/* The same bytes from every rig, whatever they are. */
static const char *alike(const char *method, const char *params) {
    static char first[1 << 16];
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], method, params);
        if (i == 0) (void)snprintf(first, sizeof first, "%s", answer);
        cr_assert_str_eq(answer, first, "%s %s with %d shards", method, params, i + 1);
    }
    return first;
}

Test(feed_door, popularity_is_known_in_every_shard) {
    const char *trending = alike("feed.trending", "{}");
    cr_assert(strncmp(trending, "{items: [{id: 't1', score: 6.99", 31) == 0, "%s", trending);
    /* ANY goes to a shard by request number: all of them say so. */
    for (int i = 0; i < 4; i++)
        cr_assert(strncmp(alike("feed.trending", "{}"), "{items: [{id: 't1', score: 6.99", 31) == 0);
    cr_assert(strstr(trending, "ghost") == NULL);
}

Test(feed_door, a_feed_is_the_same_for_any_number_of_shards) {
    static const char *const users[] = {"a", "b", "c", "d", "e", "f", "nobody"};
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        char params[100];
        (void)snprintf(params, sizeof params, "{user: '%s', count: 4, fields: ['brand', 'kinds']}", users[i]);
        const char *answer = alike("feed.get", params);
        cr_assert(strstr(answer, "reasons: [{kind: ") != NULL, "%s", answer);
    }
}

Test(feed_door, an_event_is_visible_in_the_next_feed) {
    const char *before = alike("feed.get", "{user: 'n', count: 5}");
    cr_assert(strstr(before, "kind: 'affinity'") == NULL);
    SAY("event.append", "{event: {type: 'view', user: 'n', time: 1760000000000, item: 'c2'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    const char *after = alike("feed.get", "{user: 'n', count: 5}");
    cr_assert(strstr(after, "{kind: 'affinity', name: 'coffee', of: 'kinds', value: ") != NULL, "%s", after);
}

/* Nobody here has tags, and popularity has no say: what is left is the visit. */
static void only_visits(void) {
    SAY("schema.put",
        "{feed: {scores: {affinity: 0, popularity: 0, recency: 0, pairs: 0, session: 2}, bought_days: 0}}",
        "{changed: true}");
    SAY_BEGIN(
        "event.append",
        "{fields: ['type', 'user', 'time', 'item'], rows: ["
        " ['view', 'v1', 1759990000000, 't1'], ['view', 'v1', 1759990060000, 'c1'], ['view', 'v1', 1759990120000, 'x'],"
        " ['view', 'v2', 1759990001000, 't1'], ['view', 'v2', 1759990061000, 'c1'], ['view', 'v2', 1759990121000, "
        "'t1'],"
        " ['view', 'v3', 1759990002000, 'c2'], ['view', 'v3', 1759990062000, 't2'],"
        " ['view', 'v4', 1759990003000, 't1'], ['view', 'v4', 1759990063000, 'c1']]}",
        "{accepted: 10");
}

Test(feed_door, a_visit_leads_on_for_any_number_of_shards) {
    only_visits();
    const char *feed = alike("feed.get", "{session: ['t1'], count: 2, now: 1759990200000, exclude: ['t1']}");
    cr_assert(strncmp(strstr(feed, "items"), "items: [{id: 'c1', score: 3.5", 29) == 0, "%s", feed);
    cr_assert(strstr(feed, "sources: ['session'") != NULL && strstr(feed, "{kind: 'session', value: 3.5") != NULL);
    /* v4 is in the middle of a visit; its own session is no neighbour, and people go back to t1. */
    feed = alike("feed.get", "{user: 'v4', count: 2, now: 1759990100000}");
    cr_assert(strstr(feed, "{id: 'x'") != NULL && strstr(feed, "{kind: 'again', value: ") != NULL, "%s", feed);
    /* An hour later the visit is over. */
    feed = alike("feed.get", "{user: 'v4', count: 5, now: 1759999999999}");
    cr_assert(strstr(feed, "session") == NULL && strstr(feed, "again") == NULL, "%s", feed);
    SAY_BEGIN("feed.get", "{count: 2}", "300 argument: the key `user` is needed");
}

Test(feed_door, who_is_forgotten_leads_nobody_on) {
    only_visits();
    SAY_BEGIN("user.forget", "{ids: ['v1', 'v2', 'v4', 'a', 'b', 'c', 'f']}", "{forgotten: 7");
    const char *feed = alike("feed.get", "{session: ['t1'], count: 5, now: 1759990200000}");
    cr_assert(strstr(feed, "session") == NULL, "%s", feed);
    feed = alike("feed.get", "{session: ['c2'], count: 1, now: 1759990200000}");
    cr_assert(strstr(feed, "{id: 't2'") != NULL && strstr(feed, "kind: 'session'") != NULL, "%s", feed);
}

Test(feed_door, what_was_bought_is_left_out) {
    const char *feed = alike("feed.get", "{user: 'f', count: 4}");
    cr_assert(strstr(feed, "id: 't1'") == NULL, "%s", feed);
    cr_assert(strstr(feed, "relaxed: []") != NULL);
    feed = alike("feed.get", "{user: 'f', count: 5}");
    cr_assert(strstr(feed, "id: 't1'") != NULL && strstr(feed, "relaxed: ['bought']") != NULL, "%s", feed);
}

Test(feed_door, rules_and_filters_choose_the_items) {
    SAY("schema.put", "{feed: {eligible: 'stock > 0'}}", "{changed: true}");
    cr_assert(strstr(alike("feed.get", "{user: 'a'}"), "'t2'") == NULL);
    const char *feed = alike("feed.get", "{user: 'a', filter: \"brand = 'B'\"}");
    cr_assert(strstr(feed, "id: 'c2'") != NULL && strstr(feed, "id: 'c1'") == NULL, "%s", feed);
    feed = alike("feed.get", "{user: 'a', exclude: ['c2', 'unknown', 't1']}");
    cr_assert(strstr(feed, "id: 'c2'") == NULL && strstr(feed, "id: 't1'") == NULL && strstr(feed, "id: 'c1'") != NULL);
    SAY_BEGIN("feed.trending", "{filter: \"brand = 'A'\", count: 1, fields: ['brand']}", "{items: [{id: 't1', score: ");
    SAY("item.remove", "{id: 't1'}", "{removed: 1, unknown: []}");
    cr_assert(strstr(alike("feed.trending", "{}"), "'t1'") == NULL);
}

Test(feed_door, wrong_questions_are_refused) {
    SAY("feed.get", "{}", "300 argument: the key `user` is needed");
    SAY("feed.get", "{user: 'a', count: 0}", "300 argument: `count` must be from 1 to 1000");
    SAY_BEGIN("feed.get", "{user: 'a', filter: 'age > 1'}", "303 name at 0: ");
    SAY("feed.get", "{user: 'a', fields: ['bran']}",
        "303 name: there is no attribute or tag set `bran` (did you mean `brand`?)");
    SAY("feed.get", "{user: true}", "300 argument: `user` must be a str or an int, but is a bool");
    SAY("feed.trending", "{user: 'a'}", "300 argument: unknown key `user`");
}

Test(feed_door, a_changed_half_life_is_learned_again_from_the_events) {
    SAY("schema.put", "{feed: {half_life_days: {short: 2, popularity: 3}}}", "{changed: true}");
    const char *trending = alike("feed.trending", "{}");
    cr_assert(strncmp(trending, "{items: [{id: 't1', score: 6.9", 30) == 0, "%s", trending);
    const char *feed = alike("feed.get", "{user: 'a', count: 5}");
    cr_assert(strstr(feed, "{kind: 'affinity', name: 'tea', of: 'kinds', value: ") != NULL, "%s", feed);
}

Test(feed_door, a_forgotten_user_starts_anew) {
    SAY_BEGIN("user.forget", "{id: 'a'}", "{forgotten: 1, unknown: []");
    cr_assert(strstr(alike("feed.get", "{user: 'a', count: 5}"), "kind: 'affinity'") == NULL);
}

/* ---- Companions of an item ---- */

/* g and h buy tea and coffee, i buys tea twice and looks at x; every other shard hears of it. */
static void make_pairs(void) {
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item'], rows: [['purchase', 'g', 1759999600000, 't1'],"
        " ['purchase', 'g', 1759999600001, 'c1'], ['purchase', 'h', 1759999600002, 'c1'],"
        " ['view', 'h', 1759999600003, 't1'], ['purchase', 'h', 1759999600004, 't1'],"
        " ['purchase', 'i', 1759999600005, 't1'], ['purchase', 'i', 1759999600006, 't1'],"
        " ['view', 'i', 1759999600007, 'x'], ['view', 'i', 1759999600008, 'ghost']]}",
        "{accepted: 9, duplicates: 0, refused: []}");
}

Test(feed_door, what_buyers_also_bought_is_known_in_every_shard) {
    make_pairs();
    /* t1 has the buyers f, g, h and i, c1 has c, g and h: 2 of both, 2 / (sqrt(12) + 10). */
    for (int i = 0; i < 4; i++) {
        const char *answer = alike("feed.also_bought", "{item: 't1', fields: ['brand']}");
        const char *expected = "{buyers: 4.0, missing: 0.0, items: [{id: 'c1', score: 0.1485";
        cr_assert(strncmp(answer, expected, strlen(expected)) == 0, "%s", answer);
        cr_assert(strstr(answer, "together: 2.0, reasons: [{kind: 'bought', value: 0.1485") != NULL, "%s", answer);
        cr_assert(strstr(answer, "share: 1.0}], fields: {brand: 'A'}}]") != NULL, "%s", answer);
    }
    /* 2 / 4 / sqrt(3): by the walk. */
    cr_assert(strstr(alike("feed.also_bought", "{item: 't1', by: 'walk'}"), "score: 0.2886") != NULL);
    cr_assert(strstr(alike("feed.also_bought", "{item: 't1', filter: \"brand = 'B'\"}"), "items: []") != NULL);
    cr_assert(strstr(alike("feed.also_bought", "{item: 't2'}"), "{buyers: 0.0, missing: 0.0, items: []") != NULL);
}

Test(feed_door, what_is_similar_goes_by_pairs_and_tags) {
    make_pairs();
    const char *answer = alike("feed.similar", "{item: 't1', count: 10}");
    cr_assert(strstr(answer, "kind: 'liked'") != NULL, "%s", answer);
    cr_assert(strstr(answer, "kind: 'tag', name: 'tea', of: 'kinds'") != NULL, "%s", answer);
    cr_assert(strstr(answer, "{id: 'x'") != NULL, "%s", answer); /* by i alone */
    cr_assert(strstr(answer, "'ghost'") == NULL && strstr(answer, "{id: 't1'") == NULL, "%s", answer);
    /* A new item, of which only tags are known. */
    SAY("item.put", "{item: {id: 't3', brand: 'A', kinds: ['tea']}}", "{accepted: 1, created: 1, refused: []}");
    answer = alike("feed.similar", "{item: 't3'}");
    cr_assert(strstr(answer, "{liking: 0.0, missing: 0.0, items: [{id: 't1', score: 0.25") != NULL, "%s", answer);
    /* What is taken off the list is no companion. */
    (void)alike("item.remove", "{ids: ['t3']}");
    cr_assert(strstr(alike("feed.similar", "{item: 't1'}"), "'t3'") == NULL);
}

Test(feed_door, pairs_of_a_forgotten_user_name_nobody_and_stay) {
    make_pairs();
    const char *before = alike("feed.also_bought", "{item: 't1'}");
    char kept[2000];
    (void)snprintf(kept, sizeof kept, "%s", before);
    (void)alike("user.forget", "{ids: ['g']}");
    cr_assert_str_eq(alike("feed.also_bought", "{item: 't1'}"), kept);
    /* Whoever gets the slot has bought nothing yet: x has one buyer, and no companion. */
    SAY("event.append", "{event: {type: 'purchase', user: 'j', time: 1759999700000, item: 'x'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    cr_assert(strstr(alike("feed.also_bought", "{item: 'x'}"), "{buyers: 1.0, missing: 0.0, items: []") != NULL);
}

Test(feed_door, questions_about_companions_that_are_wrong) {
    SAY("feed.also_bought", "{}", "300 argument: the key `item` is needed");
    SAY("feed.similar", "{item: 'nothing'}", "304 not_found: there is no item `nothing`");
    SAY("feed.similar", "{item: 't1', by: 'walk'}", "300 argument: unknown key `by`");
    SAY("feed.also_bought", "{item: 't1', by: 'luck'}", "300 argument: `by` is \"cosine\" or \"walk\"");
    SAY("feed.also_bought", "{item: 't1', count: 0}", "300 argument: `count` must be from 1 to 1000");
}
