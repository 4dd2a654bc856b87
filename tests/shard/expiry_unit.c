/* expiry_unit.c -- tags that end, and events that are kept for some days, with one, two and three shards. */
#include "shard_trio.h"

#define DAY INT64_C(86400000)

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}], tag_sets: [{name: 'likes'}]},"
        " items: {tag_sets: [{name: 'kinds'}]}, events: [{name: 'view'}, {name: 'purchase'}]}",
        "{changed: true}");
    *made = trio;
}

Test(expiry, a_tag_is_there_until_it_ends) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{users: [{id: 'a', likes: {add: ['sale'], ttl_days: 3}}, {id: 'b', likes: {until: 1760100000000, add: "
        "['sale']}},"
        " {id: 'c', likes: ['sale']}]}",
        "{accepted: 3, created: 3, refused: []}");
    SAY("segment.put", "{name: 'sale', where: \"likes has 'sale'\"}", "{version: 1, changed: true}");
    SAY("audience.list", "{where: \"likes has 'sale'\", order: 'id'}", "{count: 3, ids: ['a', 'b', 'c']}");
    /* Judged by the moment that is asked about, if that is to come. */
    SAY("audience.list", "{where: \"likes has 'sale'\", order: 'id', now: 1760099999999}",
        "{count: 3, ids: ['a', 'b', 'c']}");
    SAY("audience.list", "{where: \"likes has 'sale'\", order: 'id', now: 1760100000000}",
        "{count: 2, ids: ['a', 'c']}");
    SAY("audience.count", "{where: \"likes has none ('sale')\", now: 1760259200000}", "{count: 2, total: 3}");
    SAY("segment.of_user", "{user: 'b', now: 1760100000000}", "{segments: []}");
    SAY("segment.of_user", "{user: 'b'}", "{segments: ['sale']}");
    trio_set_now(&trio, 1760000000000 + 3 * DAY - 1);
    SAY("audience.list", "{where: \"likes has 'sale'\", order: 'id'}", "{count: 2, ids: ['a', 'c']}");
    trio_set_now(&trio, 1760000000000 + 3 * DAY);
    SAY("segment.of_user", "{user: 'a'}", "{segments: []}");
    SAY("user.get", "{ids: ['a', 'b', 'c']}", "{users: [{id: 'a'}, {id: 'b'}, {id: 'c', likes: ['sale']}]}");
    /* What has ended by the clock is over, whatever moment is asked about: tags are today's. */
    SAY("audience.count", "{where: \"likes has 'sale'\", now: 1760000000000}", "{count: 1, total: 3}");
    SAY("segment.list", "{}",
        "{total: 3, segments: [{name: 'sale', version: 1, where: 'likes has \\'sale\\'', changed_at: 1760000000000,"
        " count: 1, counted_at: 1760259200000}]}");
    trio_deinit(&trio);
}

Test(expiry, an_end_can_be_moved_and_taken_away) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{users: [{id: 'a', likes: {add: ['x', 'y'], ttl_days: 3}}, {id: 'b', likes: {add: ['x'], ttl_days: 3}}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("user.put",
        "{users: [{id: 'a', likes: {add: ['x'], ttl_days: 10}}, {id: 'a', likes: {add: ['y']}}, {id: 'b', likes: "
        "['x']}]}",
        "{accepted: 3, created: 0, refused: []}");
    trio_set_now(&trio, 1760000000000 + 5 * DAY);
    SAY("user.get", "{ids: ['a', 'b']}", "{users: [{id: 'a', likes: ['x', 'y']}, {id: 'b', likes: ['x']}]}");
    trio_set_now(&trio, 1760000000000 + 10 * DAY);
    SAY("user.get", "{ids: ['a', 'b']}", "{users: [{id: 'a', likes: ['y']}, {id: 'b', likes: ['x']}]}");
    trio_deinit(&trio);
}

Test(expiry, a_refused_row_leaves_the_ends_as_they_were) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put", "{user: {id: 'a', likes: {add: ['x', 'y'], ttl_days: 3}}}", OK_PUT);
    struct sh_buffer params;
    sh_buffer_init(&params, 1 << 20);
    sh_buffer_print(&params, "{user: {id: 'a', likes: {add: ['x'");
    for (int i = 0; i < SH_TAGS_PER_ROW_MAX - 1; i++)
        sh_buffer_print(&params, ", 't%d'", i);
    sh_buffer_append(&params, "]}}}", 5);
    SAY_BEGIN("user.put", (const char *)params.bytes, "{accepted: 0, created: 0, refused: [{row: 0, code: 402");
    sh_buffer_deinit(&params);
    trio_set_now(&trio, 1760000000000 + 3 * DAY);
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a'}}");
    trio_deinit(&trio);
}

Test(expiry, what_is_wrong_is_refused) {
    struct trio trio;
    make_shop(&trio);
    SAY_BEGIN("user.put", "{user: {id: 'a', likes: {remove: ['x'], ttl_days: 3}}}",
              "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument',"
              " message: '`likes`: an end belongs to what `add` adds'");
    SAY_BEGIN("user.put", "{user: {id: 'a', likes: {add: ['x'], ttl_days: 3, until: 5}}}",
              "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument',"
              " message: '`likes` takes `ttl_days` or `until`, once'");
    SAY_BEGIN("user.put", "{user: {id: 'a', likes: {add: ['x'], ttl_days: 0}}}",
              "{accepted: 0, created: 0, refused: [{row: 0");
    SAY_BEGIN("item.put", "{item: {id: 'a', kinds: {add: ['x'], ttl_days: 3}}}",
              "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument',"
              " message: '`kinds`: tags of items do not end'");
    trio_deinit(&trio);
}

/* More end at once than one request sweeps: nobody sees those that are left. */
Test(expiry, many_that_end_together_are_looked_past) {
    struct trio trio;
    make_shop(&trio);
    enum { COUNT = SH_EXPIRE_COUNT_MAX * 2 + 100 };
    struct sh_buffer params;
    sh_buffer_init(&params, 1 << 24);
    sh_buffer_print(&params, "{users: [");
    for (int i = 0; i < COUNT; i++)
        sh_buffer_print(&params, "%s{id: 'u%d', likes: {add: ['sale'], ttl_days: 1}}", i == 0 ? "" : ", ", i);
    sh_buffer_append(&params, "]}", 3);
    SAY_BEGIN("user.put", (const char *)params.bytes, "{accepted: 8292");
    sh_buffer_deinit(&params);
    SAY("segment.put", "{name: 'sale', where: \"likes has 'sale'\"}", "{version: 1, changed: true}");
    SAY("segment.of_user", "{user: 'u8291'}", "{segments: ['sale']}");
    trio_set_now(&trio, 1760000000000 + DAY);
    SAY("audience.count", "{where: \"likes has 'sale'\"}", "{count: 0, total: 8292}");
    SAY("segment.of_user", "{user: 'u8291'}", "{segments: []}");
    SAY("user.get", "{id: 'u8291'}", "{user: {id: 'u8291'}}");
    for (int i = 0; i < 4; i++)
        SAY("audience.count", "{where: \"likes has any ('sale', 'other')\"}", "{count: 0, total: 8292}");
    trio_deinit(&trio);
}

Test(expiry, ends_go_with_a_merge_and_the_later_one_wins) {
    struct trio trio;
    make_shop(&trio);
    SAY("user.put",
        "{users: [{id: 'a', likes: {add: ['x', 'y', 'z'], ttl_days: 3}}, {id: 'b', likes: {add: ['x'], ttl_days: 1}},"
        " {id: 'b', likes: {add: ['y']}}]}",
        "{accepted: 3, created: 2, refused: []}");
    SAY("user.merge", "{from: 'a', into: 'b'}", "{merged: true, events: 0, duplicates: 0}");
    trio_set_now(&trio, 1760000000000 + 2 * DAY);
    SAY("user.get", "{id: 'b'}", "{user: {id: 'b', likes: ['x', 'y', 'z']}}");
    trio_set_now(&trio, 1760000000000 + 3 * DAY);
    SAY("user.get", "{id: 'a'}", "{user: {id: 'b', likes: ['y']}}");
    trio_deinit(&trio);
}

/* ---- Events that are kept for some days: 1760000000000 is 2025-10-09 08:53:20 in UTC ---- */

#define KEEP_VIEWS "{events: [{name: 'view', keep_days: 2}]}"
#define LOOKED                                                                                                         \
    "{events: [{type: 'view', user: 'a', time: '2025-10-07 00:00'}, {type: 'view', user: 'b', time: '2025-10-09 "      \
    "08:00'}, {type: 'purchase', user: 'a', time: '2020-01-01 00:00'}]}"

Test(expiry, days_of_events_go_and_no_window_reaches_them) {
    struct trio trio;
    make_shop(&trio);
    SAY("schema.put", KEEP_VIEWS, "{changed: true}");
    SAY("schema.put", KEEP_VIEWS, "{changed: false}");
    SAY_BEGIN("schema.get", "{}",
              "{zone: 'UTC', users: {attributes: [{name: 'age', type: 'int'}], tag_sets: [{name: 'likes'}]},"
              " items: {attributes: [], tag_sets: [{name: 'kinds'}]},"
              " events: [{name: 'view', amount_scale: 2, keep_days: 2, properties: []}, {name: 'purchase', "
              "amount_scale: 2, properties: []}]");
    SAY("event.append", LOOKED, "{accepted: 3, duplicates: 0, refused: []}");
    SAY("audience.list", "{where: 'did(view)', order: 'id'}", "{count: 2, ids: ['a', 'b']}");
    /* Nothing goes by itself: the next event of a day, whoever's, or event.sweep. */
    trio_set_now(&trio, 1760000000000 + DAY);
    SAY("audience.list", "{where: 'did(view)', order: 'id'}", "{count: 2, ids: ['a', 'b']}");
    SAY("event.append", "{event: {type: 'purchase', user: 'c', time: '2025-10-10 00:00'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("audience.list", "{where: 'did(view)', order: 'id'}", "{count: 1, ids: ['b']}");
    SAY("audience.list", "{where: 'did(view, last 30 days)', order: 'id'}", "{count: 1, ids: ['b']}");
    SAY("audience.list", "{where: 'did(purchase)', order: 'id'}", "{count: 2, ids: ['a', 'c']}");
    SAY("user.get", "{id: 'a', events: 5}", "{user: {id: 'a', events: [{type: 'purchase', time: 1577836800000}]}}");
    /* What is gone does not come back, and does not make a user. */
    SAY("event.append",
        "{events: [{type: 'view', user: 'd', time: '2025-10-07 23:59'}, {type: 'view', user: 'e', time: "
        "'2025-10-08 00:00'}]}",
        "{accepted: 1, duplicates: 0, refused: [{row: 0, code: 402, status: 'limit', message: 'events of type `view` "
        "are "
        "kept for 2 days, and this one is older'}]}");
    trio_set_now(&trio, 1760000000000 + 4 * DAY);
    SAY("event.sweep", "{}", "{kept_from: {view: '2025-10-11'}}");
    SAY("audience.count", "{where: 'did(view)'}", "{count: 0, total: 4}");
    /* Kept longer from now on: what is sent again is taken again. */
    SAY("schema.put", "{events: [{name: 'view', keep_days: 30}]}", "{changed: true}");
    SAY("event.append", LOOKED, "{accepted: 3, duplicates: 0, refused: []}");
    SAY("schema.put", "{events: [{name: 'view', keep_days: 0}]}", "{changed: true}");
    SAY("event.sweep", "{}", "{kept_from: {}}");
    SAY("audience.count", "{where: 'did(view)'}", "{count: 2, total: 4}");
    trio_deinit(&trio);
}

/* Lifetime value is that of the events that are there. */
Test(expiry, rfm_is_of_the_events_that_are_kept) {
    struct trio trio;
    make_shop(&trio);
    SAY("rfm.put", "{event: 'purchase', days: 0}", "{changed: true}");
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'a', time: '2025-08-01 00:00', amount: 10}, {type: 'purchase', user: 'a', "
        "time: "
        "'2025-10-01 00:00', amount: 5}, {type: 'purchase', user: 'b', time: '2025-08-01 00:00', amount: 7}]}",
        "{accepted: 3, duplicates: 0, refused: []}");
    SAY("audience.list", "{where: 'true', fields: ['value.count', 'value.amount'], order: 'id'}",
        "{count: 2, rows: [['a', 2, '15.00'], ['b', 1, '7.00']]}");
    SAY("schema.put", "{events: [{name: 'purchase', keep_days: 30}]}", "{changed: true}");
    SAY("audience.list", "{where: 'true', fields: ['value.count', 'value.amount'], order: 'id'}",
        "{count: 2, rows: [['a', 1, '5.00'], ['b', nil, nil]]}");
    trio_deinit(&trio);
}
