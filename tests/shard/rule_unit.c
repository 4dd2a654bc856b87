/* rule_unit.c -- tags that events give by themselves, with one, two and three shards. */
#include "shard_trio.h"

#define DAY INT64_C(86400000)
#define NOW INT64_C(1760000000000)

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}], tag_sets: [{name: 'likes'}, {name: 'notes'}]},"
        " items: {attributes: [{name: 'category', type: 'string'}, {name: 'price', type: 'decimal'}],"
        "         tag_sets: [{name: 'kinds'}]},"
        " events: [{name: 'view'}, {name: 'purchase', properties: [{name: 'store', type: 'string'}]}]}",
        "{changed: true}");
    SAY("item.put", "{items: [{id: 'green', category: 'tea', kinds: ['leaf']}, {id: 'mug', category: 'cup'}]}",
        "{accepted: 2, created: 2, refused: []}");
    *made = trio;
}

#define TEA_RULE "{name: 'tea', on: \"purchase where item.category='tea'\", tag_set: 'likes', tag: 'tea', ttl_days: 30}"

Test(rule, an_event_that_matches_tags_its_user_until_its_own_time_and_the_ttl) {
    struct trio trio;
    make_shop(&trio);
    SAY("rule.put", TEA_RULE, "{changed: true}");
    SAY("rule.put", TEA_RULE, "{changed: false}");
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: 1760000000000, item: 'green', id: '1'},"
        " {type: 'purchase', user: 'b', time: 1760000000000, item: 'mug'}, {type: 'purchase', user: 'c', time: "
        "1760000000000},"
        " {type: 'view', user: 'd', time: 1760000000000, item: 'green'}]}",
        "{accepted: 4, duplicates: 0, refused: []}");
    SAY("audience.list", "{where: \"likes has 'tea'\"}", "{count: 1, ids: ['a']}");
    SAY("audience.list", "{where: \"likes has 'tea'\", now: 1762591999999}", "{count: 1, ids: ['a']}");
    SAY("audience.list", "{where: \"likes has 'tea'\", now: 1762592000000}", "{count: 0, ids: []}");
    SAY("rule.list", "{}",
        "{rules: [{name: 'tea', on: 'purchase where item.category = \\'tea\\'', tag_set: 'likes', tag: 'tea', "
        "ttl_days: "
        "30,"
        " changed_at: 1760000000000, given: 1}]}");
    SAY("rule.get", "{name: 'tea'}",
        "{name: 'tea', on: 'purchase where item.category = \\'tea\\'', tag_set: 'likes', tag: 'tea', ttl_days: 30,"
        " changed_at: 1760000000000}");
    trio_deinit(&trio);
}

/* What was taken away stays away until something new happens. */
Test(rule, a_duplicate_changes_nothing) {
    struct trio trio;
    make_shop(&trio);
    SAY("rule.put", TEA_RULE, "{changed: true}");
#define BOUGHT "{event: {type: 'purchase', user: 'a', time: 1760000000000, item: 'green', id: '1'}}"
    SAY("event.append", BOUGHT, "{accepted: 1, duplicates: 0, refused: []}");
    SAY("user.put", "{user: {id: 'a', likes: {remove: ['tea']}}}", "{accepted: 1, created: 0, refused: []}");
    SAY("event.append", BOUGHT, "{accepted: 0, duplicates: 1, refused: []}");
    SAY("audience.count", "{where: \"likes has 'tea'\"}", "{count: 0, total: 1}");
    SAY("event.append", "{event: {type: 'purchase', user: 'a', time: 1760000000000, item: 'green', id: '2'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("audience.count", "{where: \"likes has 'tea'\"}", "{count: 1, total: 1}");
    trio_deinit(&trio);
}

Test(rule, late_events_end_by_their_own_time_and_a_rule_only_lengthens) {
    struct trio trio;
    make_shop(&trio);
    SAY("rule.put", TEA_RULE, "{changed: true}");
    SAY("user.put", "{users: [{id: 'c', likes: {add: ['tea'], ttl_days: 100}}, {id: 'd', likes: ['tea']}]}",
        "{accepted: 2, created: 2, refused: []}");
    /* a: 10 days late, and then 20 days late; b: so late that its tag has ended. */
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: 1759136000000, item: 'green'},"
        " {type: 'purchase', user: 'b', time: 1757408000000, item: 'green'},"
        " {type: 'purchase', user: 'c', time: 1760000000000, item: 'green'},"
        " {type: 'purchase', user: 'd', time: 1760000000000, item: 'green'}]}",
        "{accepted: 4, duplicates: 0, refused: []}");
    SAY("event.append", "{event: {type: 'purchase', user: 'a', time: 1758272000000, item: 'green'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("audience.list", "{where: \"likes has 'tea'\", order: 'id'}", "{count: 3, ids: ['a', 'c', 'd']}");
    trio_set_now(&trio, NOW + 20 * DAY - 1);
    SAY("audience.list", "{where: \"likes has 'tea'\", order: 'id'}", "{count: 3, ids: ['a', 'c', 'd']}");
    trio_set_now(&trio, NOW + 20 * DAY);
    SAY("audience.list", "{where: \"likes has 'tea'\", order: 'id'}", "{count: 2, ids: ['c', 'd']}");
    trio_set_now(&trio, NOW + 100 * DAY);
    SAY("audience.list", "{where: \"likes has 'tea'\", order: 'id'}", "{count: 1, ids: ['d']}");
    SAY("rule.list", "{}",
        "{rules: [{name: 'tea', on: 'purchase where item.category = \\'tea\\'', tag_set: 'likes', tag: 'tea', "
        "ttl_days: "
        "30,"
        " changed_at: 1760000000000, given: 4}]}");
    trio_deinit(&trio);
}

Test(rule, several_rules_of_a_type_and_tags_that_last) {
    struct trio trio;
    make_shop(&trio);
    SAY("rule.put",
        "{name: 'big', on: 'purchase where amount >= 100', tag_set: 'notes', tag: 'big', note: 'for the shop'}",
        "{changed: true}");
    SAY("rule.put", "{name: 'north', on: \"purchase where store in ('n1', 'n2')\", tag_set: 'likes', tag: 'north'}",
        "{changed: true}");
    SAY("rule.put", "{name: 'any view', on: 'view', tag_set: 'notes', tag: 'seen', ttl_days: 1}", "{changed: true}");
    SAY("rule.put", "{name: 'evening', on: 'view where hour >= 18', tag_set: 'notes', tag: 'evening'}",
        "{changed: true}");
    /* Texts that nobody knew when the batch began; 1760000000000 is 08:53:20 in UTC. */
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: 1760000000000, amount: '100.00', store: 'n2', item: 'new'},"
        " {type: 'purchase', user: 'b', time: 1760000000000, amount: '99.99', store: 's1'},"
        " {type: 'view', user: 'b', time: 1760000000000, item: 'newer'},"
        " {type: 'view', user: 'c', time: 1759955000000}]}",
        "{accepted: 4, duplicates: 0, refused: []}");
    SAY("user.get", "{ids: ['a', 'b', 'c']}",
        "{users: [{id: 'a', likes: ['north'], notes: ['big']}, {id: 'b', notes: ['seen']},"
        " {id: 'c', notes: ['evening', 'seen']}]}");
    SAY("rule.remove", "{name: 'big'}", "{removed: true}");
    SAY("rule.remove", "{name: 'big'}", "{removed: false}");
    SAY("event.append", "{event: {type: 'purchase', user: 'b', time: 1760000000000, amount: 500}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("user.get", "{id: 'b'}", "{user: {id: 'b', notes: ['seen']}}");
    trio_deinit(&trio);
}

Test(rule, the_past_is_asked_when_it_is_wanted) {
    struct trio trio;
    make_shop(&trio);
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: 1759136000000, item: 'green'},"
        " {type: 'purchase', user: 'b', time: 1757408000000, item: 'green'},"
        " {type: 'purchase', user: 'c', time: 1760000000000, item: 'mug'}]}",
        "{accepted: 3, duplicates: 0, refused: []}");
    SAY("rule.put", TEA_RULE, "{changed: true}");
    SAY("audience.count", "{where: \"likes has 'tea'\"}", "{count: 0, total: 3}");
    SAY("rule.put",
        "{name: 'tea', on: \"purchase where item.category='tea'\", tag_set: 'likes', tag: 'tea', ttl_days: 30, past: "
        "true}",
        "{changed: false}");
    SAY("audience.list", "{where: \"likes has 'tea'\"}", "{count: 1, ids: ['a']}");
    SAY("audience.list", "{where: \"likes has 'tea'\", now: 1761728000000}", "{count: 0, ids: []}");
    trio_deinit(&trio);
}

Test(rule, merging_unites_tags_with_their_ends_and_asks_no_rule) {
    struct trio trio;
    make_shop(&trio);
    SAY("rule.put", TEA_RULE, "{changed: true}");
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: 1760000000000, item: 'green'},"
        " {type: 'purchase', user: 'b', time: 1759136000000, item: 'green'}]}",
        "{accepted: 2, duplicates: 0, refused: []}");
    SAY("rule.put", "{name: 'late', on: 'purchase', tag_set: 'notes', tag: 'bought'}", "{changed: true}");
    SAY("user.merge", "{from: 'a', into: 'b'}", "{merged: true, events: 1, duplicates: 0}");
    SAY("user.get", "{id: 'b'}", "{user: {id: 'b', likes: ['tea']}}");
    SAY("audience.count", "{where: \"likes has 'tea'\", now: 1762591999999}", "{count: 1, total: 1}");
    /* By another name the event is the same user's. */
    SAY("event.append", "{event: {type: 'purchase', user: 'a', time: 1760000000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("user.get", "{id: 'b'}", "{user: {id: 'b', likes: ['tea'], notes: ['bought']}}");
    SAY_BEGIN("user.forget", "{id: 'b'}", "{forgotten: 1, unknown: []");
    SAY("audience.count", "{where: \"likes has 'tea'\"}", "{count: 0, total: 0}");
    trio_deinit(&trio);
}

Test(rule, what_is_wrong_is_said) {
    struct trio trio;
    make_shop(&trio);
    SAY("rule.put", "{name: 'x', on: 'purchas', tag_set: 'likes', tag: 't'}",
        "303 name at 0: there is no event type `purchas` (did you mean purchase?)");
    SAY_BEGIN("rule.put", "{name: 'x', on: 'purchase where stor = 1', tag_set: 'likes', tag: 't'}", "303 name at 15");
    SAY("rule.put", "{name: 'x', on: 'purchase, last 3 days', tag_set: 'likes', tag: 't'}",
        "300 argument: `on` is an event type, perhaps with where ..., and no window");
    SAY("rule.put", "{name: 'x', on: 'purchase', tag_set: 'like', tag: 't'}",
        "303 name: users have no tag set `like` (did you mean `likes`?)");
    SAY("rule.put", "{name: 'x', on: 'purchase', tag_set: 'likes', tag: ''}",
        "300 argument: a tag is 1 to 4096 bytes of UTF-8");
    SAY_BEGIN("rule.put", "{name: 'x', on: 'purchase', tag_set: 'likes', tag: 't', ttl_days: 0}", "300 argument");
    SAY_BEGIN("rule.put", "{name: 'x', on: 'purchase', tag_set: 'likes', tag: 't', days: 3}",
              "300 argument: unknown key");
    SAY("rule.get", "{name: 'x'}", "304 not_found: there is no rule 'x'");
    SAY("rule.list", "{}", "{rules: []}");
    trio_deinit(&trio);
}

Test(rule, so_many_and_no_more) {
    struct trio trio;
    make_shop(&trio);
    for (int i = 0; i < SH_RULE_COUNT_MAX; i++) {
        char params[128];
        (void)snprintf(params, sizeof params, "{name: 'r%d', on: 'view', tag_set: 'likes', tag: 't%d'}", i, i % 3);
        SAY("rule.put", params, "{changed: true}");
    }
    SAY("rule.put", "{name: 'x', on: 'view', tag_set: 'likes', tag: 't'}",
        "402 limit: there are 256 rules, and no more are allowed");
    SAY("event.append", "{event: {type: 'view', user: 'a', time: 1760000000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a', likes: ['t0', 't1', 't2']}}");
    trio_deinit(&trio);
}
