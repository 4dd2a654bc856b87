/* feed_many_unit.c -- feeds of many at once and users for an item, with one, two and three shards; and what a feed has
 * for somebody of whom little is known, or who has just been found to be somebody else. */
#include "shard_trio.h"

static struct trio trio;
enum { USERS = 23 };

static void setup(void) {
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}], tag_sets: [{name: 'interests'}]},"
        " items: {attributes: [{name: 'brand', type: 'string'}], tag_sets: [{name: 'kinds'}]},"
        " events: [{name: 'view'}, {name: 'purchase'}], feed: {bought_days: 0}}",
        "{changed: true}");
    SAY("item.put",
        "{fields: ['id', 'brand', 'kinds'], rows: [['t1', 'A', ['tea']], ['t2', 'B', ['tea']],"
        " ['c1', 'A', ['coffee']], ['c2', 'B', ['coffee', 'sale']], ['x', 'C', []], ['y', 'C', []]]}",
        "{accepted: 6, created: 6, refused: []}");
    for (uint32_t i = 0; i < USERS; i++) {
        static const char *const interests[] = {"'tea'", "'coffee'", ""};
        char params[200];
        (void)snprintf(params, sizeof params, "{user: {id: 'u%u', age: %u, interests: [%s]}}", i, i, interests[i % 3]);
        SAY("user.put", params, OK_PUT);
    }
    /* Those whose number ends in 3 look at x and y one after the other; 7, at x alone. */
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item'], rows: [['view', 'u3', 1759999000000, 'x'],"
        " ['view', 'u3', 1759999010000, 'y'], ['view', 'u13', 1759999020000, 'x'],"
        " ['view', 'u13', 1759999030000, 'y'], ['view', 'u7', 1759999040000, 'x'],"
        " ['purchase', 'u1', 1759999050000, 'c1'], ['view', 'u2', 1759999060000, 't1']]}",
        "{accepted: 7, duplicates: 0, refused: []}");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(feed_many, .init = setup, .fini = teardown);

/* The same bytes from every rig, whatever they are. */
static const char *alike(const char *method, const char *params) {
    static char first[1 << 17];
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], method, params);
        if (i == 0) (void)snprintf(first, sizeof first, "%s", answer);
        cr_assert_str_eq(answer, first, "%s %s with %d shards:\n%s\n%s", method, params, i + 1, answer, first);
    }
    return first;
}

static bool holds(const char *text, const char *part) {
    return strstr(text, part) != NULL;
}

/* ---- users_for_item ---- */

Test(feed_many, an_item_suits_those_who_are_drawn_to_it) {
    const char *answer = alike("feed.users_for_item", "{item: 'c1', count: 3, fields: ['age', 'interests']}");
    /* Of 23 users 8 have a word of it as an interest; u1 bought it besides, and comes first; u2 saw one of its brand. */
    cr_assert(strncmp(answer, "{count: 9, users: [{id: 'u1', score: ", 37) == 0, "%s", answer);
    cr_assert(holds(answer, "name: 'coffee', of: 'kinds'") && holds(answer, "{age: 1, interests: ['coffee']}"), "%s",
              answer);
    answer = alike("feed.users_for_item", "{item: 'c1', where: 'age > 12', count: 100}");
    cr_assert(strncmp(answer, "{count: 4, users: [{id: 'u16', ", 31) == 0, "%s", answer);
    cr_assert(!holds(answer, "id: 'u1',"), "%s", answer);
}

Test(feed_many, what_goes_with_the_latest_items_makes_users_too) {
    const char *answer = alike("feed.users_for_item", "{item: 'y'}");
    /* u7 saw x alone, which those who saw y saw: a reason that is an item. */
    const char *u7 = strstr(answer, "{id: 'u7'");
    cr_assert(u7 != NULL && holds(u7, "{kind: 'pairs', name: 'x', of: 'item', value: "), "%s", answer);
}

Test(feed_many, wrong_questions_about_users_are_told_what_is_wrong) {
    SAY("feed.users_for_item", "{}", "300 argument: the key `item` is needed");
    SAY_BEGIN("feed.users_for_item", "{item: 'none'}", "304 not_found: there is no item `none`");
    SAY("feed.users_for_item", "{item: 'x', count: 0}", "300 argument: `count` must be from 1 to 10000");
    SAY_BEGIN("feed.users_for_item", "{item: 'x', wher: 'age > 3'}", "300 argument: ");
    SAY_BEGIN("feed.users_for_item", "{item: 'x', where: 'agee > 3'}", "303 name");
    SAY_BEGIN("feed.users_for_item", "{item: 'x', fields: ['agee']}", "303 name");
}

/* ---- batch ---- */

/* From "items" on: what goes before is the request's, and so is the cursor that a feed of its own has. */
static void feed_of(struct rig *rig, const char *user, char *items, size_t size) {
    char params[100];
    (void)snprintf(params, sizeof params, "{user: '%s', count: 3, filter: \"brand != 'B'\"}", user);
    const char *answer = strstr(rig_ask(rig, "feed.get", params), "items: ");
    cr_assert(answer != NULL);
    (void)snprintf(items, size, "%s", answer);
    char *cursor = strstr(items, ", cursor: ");
    if (cursor != NULL) memcpy(cursor, "}", 2);
}

Test(feed_many, a_feed_of_a_batch_is_the_users_own) {
    static char items[1 << 14];
    const char *answer =
        alike("feed.batch", "{users: ['u7', 'u1', 'nobody', 'u3', 'u1'], feed: {count: 3, filter: \"brand "
                            "!= 'B'\"}}");
    static const char *const order[] = {"u7", "u1", "nobody", "u3", "u1"};
    for (uint32_t i = 0; i < 5; i++) {
        char begin[50];
        (void)snprintf(begin, sizeof begin, "{user: '%s', rec_id: '", order[i]);
        answer = strstr(answer, begin);
        cr_assert(answer != NULL, "%s", order[i]);
        for (uint32_t r = 0; r < TRIO_COUNT; r++) {
            feed_of(&trio.rigs[r], order[i], items, sizeof items);
            const char *own = strstr(answer, "items: ");
            cr_assert(strncmp(own, items, strlen(items)) == 0, "%s\n%s", own, items);
        }
        answer++;
    }
    SAY("feed.batch", "{users: []}", "{feeds: []}");
}

static uint32_t count_of(const char *text, const char *part) {
    uint32_t count = 0;
    for (const char *at = strstr(text, part); at != NULL; at = strstr(at + 1, part))
        count++;
    return count;
}

/* All pages: who is met, once each. Returns the pages. */
static uint32_t walk(struct rig *rig, uint32_t limit, bool *met) {
    char cursor[200] = "";
    uint32_t pages = 0;
    do {
        char params[400];
        (void)snprintf(params, sizeof params, "{where: 'age != 5', limit: %u, feed: {count: 1}%s%s%s}", limit,
                       cursor[0] ? ", cursor: '" : "", cursor, cursor[0] ? "'" : "");
        const char *answer = rig_ask(rig, "feed.batch", params);
        cr_assert(strncmp(answer, "{feeds: [", 9) == 0, "%s", answer);
        cr_assert_leq(count_of(answer, "{user: '"), limit);
        for (uint32_t i = 0; i < USERS; i++) {
            char begin[30];
            (void)snprintf(begin, sizeof begin, "{user: 'u%u', ", i);
            if (!holds(answer, begin)) continue;
            cr_assert(!met[i], "u%u is met twice", i);
            met[i] = true;
        }
        const char *next = strstr(answer, ", cursor: '");
        cursor[0] = '\0';
        if (next != NULL) (void)sscanf(next + 11, "%190[^']", cursor);
        cr_assert_leq(++pages, 2 * USERS);
    } while (cursor[0] != '\0');
    return pages;
}

Test(feed_many, pages_of_an_audience_meet_everybody_once) {
    static const uint32_t limits[] = {1, 2, 5, 22, 1000};
    for (uint32_t r = 0; r < TRIO_COUNT; r++)
        for (uint32_t l = 0; l < 5; l++) {
            bool met[USERS] = {false};
            (void)walk(&trio.rigs[r], limits[l], met);
            for (uint32_t i = 0; i < USERS; i++)
                cr_assert_eq(met[i], i != 5, "u%u, limit %u, %u shards", i, limits[l], r + 1);
        }
}

Test(feed_many, wrong_batches_are_told_what_is_wrong) {
    SAY("feed.batch", "{}", "300 argument: give `users`, a list of ids, or `where`, who they are");
    SAY("feed.batch", "{users: ['u1'], where: 'age > 3'}",
        "300 argument: give `users`, a list of ids, or `where`, who they are");
    SAY("feed.batch", "{users: ['u1'], limit: 3}",
        "300 argument: `limit` is for pages of an audience; a list of users is one page");
    SAY("feed.batch", "{users: ['u1'], feed: {user: 'u2'}}",
        "300 argument: `user` is no part of `feed` here: each feed is a user's own");
    SAY_BEGIN("feed.batch", "{users: ['u1'], feed: {cuont: 2}}", "300 argument: ");
    SAY("feed.batch", "{where: 'age > 3', cursor: 'x'}", "300 argument: `cursor` is not one that this server gave");
    SAY_BEGIN("feed.batch", "{where: 'agee > 3'}", "303 name");
}

/* ---- Little is known ---- */

Test(feed_many, tags_alone_one_click_alone_and_nothing_at_all) {
    /* Tags only: what is called so. */
    const char *feed = alike("feed.get", "{user: 'u4', count: 2}");
    cr_assert(holds(feed, "sources: ['declared'") && holds(feed, "name: 'coffee'"), "%s", feed);
    /* One click only, of nobody known: what goes with it, and which item that was. */
    feed = alike("feed.get", "{session: ['x'], count: 1, exclude: ['x']}");
    cr_assert(holds(feed, "{id: 'y'") && holds(feed, "{kind: 'pairs', name: 'x', of: 'item'"), "%s", feed);
    SAY("event.append", "{event: {type: 'view', user: 'new', time: 1759999999000, item: 'x'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    feed = alike("feed.get", "{user: 'new', count: 1, exclude: ['x']}");
    cr_assert(holds(feed, "{id: 'y'") && holds(feed, "{kind: 'pairs', name: 'x', of: 'item'"), "%s", feed);
    /* Nothing: what people like, and a full page of it. */
    feed = alike("feed.get", "{user: 'never seen', count: 6}");
    cr_assert_eq(count_of(feed, "{id: '"), 6, "%s", feed);
    cr_assert(holds(feed, "sources: ['popular'"), "%s", feed);
}

Test(feed_many, a_new_item_with_tags_alone_finds_its_users) {
    SAY("item.put", "{item: {id: 'new', brand: 'D', kinds: ['tea']}}", "{accepted: 1, created: 1, refused: []}");
    const char *feed = alike("feed.get", "{user: 'u0', count: 3}");
    cr_assert(holds(feed, "{id: 'new'"), "%s", feed);
    const char *users = alike("feed.users_for_item", "{item: 'new', count: 50}");
    cr_assert(strncmp(users, "{count: 9, users: ", 18) == 0, "eight who have the word, and u2 who saw one: %s", users);
    cr_assert(holds(alike("feed.similar", "{item: 'new'}"), "{id: 't1'"));
}

/* ---- Merging ---- */

Test(feed_many, who_logs_in_keeps_what_went_before_and_counts_stay) {
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item'], rows: [['view', 'cookie', 1759999100000, 'c2'],"
        " ['view', 'cookie', 1759999110000, 'x'], ['purchase', 'cookie', 1759999120000, 't1']]}",
        "{accepted: 3, duplicates: 0, refused: []}");
    static char before[1 << 14];
    (void)snprintf(before, sizeof before, "%s", alike("feed.similar", "{item: 'x'}"));
    SAY("user.merge", "{from: 'cookie', into: 'u22'}", "{merged: true, events: 3, duplicates: 0}");
    cr_assert_str_eq(alike("feed.similar", "{item: 'x'}"), before, "what was counted was counted once");
    /* The cookie's items are now the latest of u22. */
    const char *feed = alike("feed.get", "{user: 'u22', count: 6, exclude: ['x']}");
    cr_assert(holds(feed, "{kind: 'pairs', name: 'x', of: 'item'"), "%s", feed);
    /* And what comes next makes pairs with them: y, which no visit of theirs had. */
    SAY("event.append", "{event: {type: 'view', user: 'u22', time: 1759999990000, item: 'y'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    const char *similar = strstr(alike("feed.similar", "{item: 'c2'}"), "{id: 'y'");
    cr_assert(similar != NULL && holds(similar, "together: 1.0"), "%s", similar);
    /* The forgotten one's latest items go, the counts stay. */
    SAY_BEGIN("user.forget", "{id: 'u22'}", "{forgotten: 1, unknown: []");
    SAY("event.append", "{event: {type: 'view', user: 'u22', time: 1759999991000, item: 't2'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    cr_assert(holds(strstr(alike("feed.similar", "{item: 'c2'}"), "{id: 'y'"), "together: 1.0"));
    similar = strstr(alike("feed.similar", "{item: 't2', count: 10}"), "{id: 'y'");
    cr_assert(similar == NULL || holds(similar, "together: 0.0"), "%s", similar);
}

/* ---- Stores and habits ---- */

Test(feed_many, a_store_has_trends_of_its_own) {
    SAY("schema.put",
        "{events: [{name: 'view', properties: [{name: 'store', type: 'string'}]}], feed: {store: 'store', scores: "
        "{affinity: 0, popularity: 0, recency: 0, session: 0, pairs: 0, trend: 5}}}",
        "{changed: true}");
    /* c2 is what S1 always has; y rises there, and t2 in S2. */
    for (uint32_t day = 1; day < 30; day++) {
        char params[300];
        (void)snprintf(params, sizeof params,
                       "{fields: ['type', 'user', 'time', 'item', 'store'], rows: [['view', 'u%u', %llu, 'c2', 'S1'],"
                       " ['view', 'u%u', %llu, 'c2', 'S1']]}",
                       day % USERS, 1759990000000ULL - day * 86400000ULL, (day + 5) % USERS,
                       1759980000000ULL - day * 86400000ULL);
        SAY("event.append", params, "{accepted: 2, duplicates: 0, refused: []}");
    }
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item', 'store'], rows: [['view', 'u1', 1759999500000, 'y', 'S1'],"
        " ['view', 'u2', 1759999510000, 'y', 'S1'], ['view', 'u3', 1759999520000, 'y', 'S1'],"
        " ['view', 'u4', 1759999530000, 'y', 'S1'], ['view', 'u6', 1759999540000, 't2', 'S2'],"
        " ['view', 'u8', 1759999550000, 'c2', 'S1']]}",
        "{accepted: 6, duplicates: 0, refused: []}");
    const char *trends = alike("feed.trending", "{store: 'S1', by: 'rising'}");
    cr_assert(strncmp(trends, "{items: [{id: 'y', score: 2.", 28) == 0 && !holds(trends, "t2"), "%s", trends);
    cr_assert(strncmp(alike("feed.trending", "{store: 'S1'}"), "{items: [{id: 'c2', ", 20) == 0);
    trends = alike("feed.trending", "{store: 'S2', by: 'short'}");
    cr_assert(strncmp(trends, "{items: [{id: 't2', score: 0.99", 31) == 0 && !holds(trends, "'y'"), "%s", trends);
    SAY("feed.trending", "{store: 'S3'}", "{items: []}");
    SAY("feed.trending", "{store: 'S1', by: 'rising', filter: \"brand = 'A'\"}", "{items: []}");
    SAY("feed.trending", "{by: 'luck'}", "300 argument: `by` is \"long\", \"short\" or \"rising\"");
    const char *feed = alike("feed.get", "{user: 'u0', count: 1, store: 'S1'}");
    cr_assert(holds(feed, "[{id: 'y'") && holds(feed, "sources: ['trend']") && holds(feed, "{kind: 'trend'"), "%s",
              feed);
    cr_assert(holds(alike("feed.get", "{user: 'u0', count: 1, store: 'S2'}"), "[{id: 't2'"));
    /* A changed half-life is learned again from the events, and so is another property. */
    static char before[1 << 12];
    (void)snprintf(before, sizeof before, "%s", alike("feed.trending", "{store: 'S1', by: 'short'}"));
    SAY("schema.put", "{feed: {half_life_days: {trend: 3}}}", "{changed: true}");
    cr_assert_str_neq(alike("feed.trending", "{store: 'S1', by: 'short'}"), before);
    SAY("schema.put", "{feed: {half_life_days: {trend: 1}, store: ''}}", "{changed: true}");
    SAY("feed.trending", "{store: 'S1'}", "{items: []}");
    SAY("schema.put", "{feed: {store: 'store'}}", "{changed: true}");
    cr_assert_str_eq(alike("feed.trending", "{store: 'S1', by: 'short'}"), before);
    SAY("schema.put", "{feed: {store: 'shop'}}",
        "303 name: `store` must name a property of events that is a string or an enum");
}

Test(feed_many, what_is_bought_again_is_due_again) {
    SAY("schema.put", "{feed: {due_by: 'brand', bought_days: 60}}", "{changed: true}");
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item'], rows: [['purchase', 'u5', 1757580800000, 'x'],"
        " ['purchase', 'u5', 1758790400000, 'x'], ['purchase', 'u5', 1758790400000, 't2']]}",
        "{accepted: 3, duplicates: 0, refused: []}");
    /* 14 days between, 14 days since: x is due, held back for nothing; y, of the same brand, half as much. */
    const char *feed = alike("feed.get", "{user: 'u5', count: 6}");
    const char *x = strstr(feed, "{id: 'x'");
    cr_assert(holds(x, "{kind: 'due', name: 'C', of: 'brand', value: 1.0"), "%s", feed);
    cr_assert(holds(strstr(feed, "{id: 'y'"), "{kind: 'due', name: 'C', of: 'brand', value: 0.5"), "%s", feed);
    cr_assert(!holds(alike("feed.get", "{user: 'u5', count: 5}"), "{id: 't2'"), "bought once, and not long ago");
    /* Two days after the last it is not; nor half a year later, when the user has stopped. */
    cr_assert(!holds(alike("feed.get", "{user: 'u5', count: 6, now: 1758963200000}"), "'due'"));
    cr_assert(!holds(alike("feed.get", "{user: 'u5', count: 6, now: 1774342400000}"), "'due'"));
    SAY("schema.put", "{feed: {due_by: ''}}", "{changed: true}");
    cr_assert(!holds(alike("feed.get", "{user: 'u5', count: 6}"), "'due'"));
    SAY_BEGIN("schema.put", "{feed: {due_by: 'kinds'}}", "300 argument: ");
}
