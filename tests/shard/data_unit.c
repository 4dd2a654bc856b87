/* data_unit.c -- schema, users, items and events through the door, with each of their errors. */
#include "shard_trio.h"

static struct trio trio;

static void setup(void) {
    trio_init(&trio);
    SAY("schema.put",
        "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold']}, {name: 'money', type: 'decimal'},"
        " {name: 'born', type: 'date'}, {name: 'seen', type: 'time'}, {name: 'vip', type: 'bool'}],"
        " tag_sets: [{name: 'tags'}]},"
        " items: {attributes: [{name: 'brand', type: 'string'}], tag_sets: [{name: 'kinds'}]},"
        " events: [{name: 'view'}, {name: 'purchase', amount_scale: 3, properties: [{name: 'store', type: 'string'},"
        " {name: 'channel', type: 'enum', labels: ['app', 'shop']}]}]}",
        "{changed: true}");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(schema, .init = setup, .fini = teardown);
TestSuite(data, .init = setup, .fini = teardown);
TestSuite(event, .init = setup, .fini = teardown);
TestSuite(door, .init = setup, .fini = teardown);

/* ---- The door ---- */

Test(door, a_method_that_is_unknown_is_refused_with_the_nearest) {
    SAY("user.pat", "{}", "303 name: there is no method `user.pat` (did you mean `user.put`?)");
    SAY("hello", "{}", "103 unsupported: `hello` is answered by a server, not by the engine");
}

Test(door, an_unknown_key_is_refused_by_name) {
    SAY("audience.count", "{wher: ''}", "300 argument: unknown key `wher` (did you mean `where`?)");
    SAY("ping", "{loud: true}", "300 argument: unknown key `loud`");
    SAY("user.get", "{id: 'a', feilds: []}", "300 argument: unknown key `feilds` (did you mean `fields`?)");
}

Test(door, a_key_given_twice_is_refused) {
    SAY("audience.count", "{where: '', where: ''}", "300 argument: `where` is given twice");
}

Test(door, nil_counts_as_absent) {
    SAY("audience.count", "{where: '', now: nil}", "{count: 0, total: 0}");
    SAY("audience.count", "{where: nil}", "300 argument: the key `where` is needed");
}

Test(door, a_workspace_that_nobody_made_is_not_found) {
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].workspace = "other";
    SAY("audience.count", "{where: ''}",
        "304 not_found: there is no workspace `other` yet (its first schema.put makes it)");
    SAY("stats", "{}", "{workspace: {}}");
    SAY("schema.put", "{}", "{changed: true}");
    SAY("schema.put", "{}", "{changed: false}");
    SAY("user.put", "{user: {id: 'x'}}", OK_PUT);
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].workspace = "default";
    SAY("audience.count", "{where: ''}", "{count: 0, total: 0}");
}

Test(door, a_first_schema_that_fails_makes_no_workspace) {
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].workspace = "other";
    SAY("schema.put", "{users: {attributes: [{name: 'x', type: 'int'}, {name: 'x', type: 'bool'}]}}",
        "305 conflict: \"x\" exists with the type int, not bool");
    SAY_BEGIN("schema.put", "{zone: 'Mars/Olympus'}", "303 name");
    SAY_BEGIN("schema.get", "{}", "304 not_found: there is no workspace `other` yet");
}

Test(door, bytes_that_are_no_map_are_refused_by_position) {
    for (int i = 0; i < TRIO_COUNT; i++) {
        cr_assert_str_eq(rig_ask_bytes(&trio.rigs[i], "stats", "\x80\x80", 2),
                         "100 protocol at 1: bytes are left behind the params");
        cr_assert_str_eq(rig_ask_bytes(&trio.rigs[i], "user.put", "\x81\xa4user\xc1", 7),
                         "100 protocol at 6: the byte 0xc1 begins no msgpack value");
        cr_assert_str_eq(rig_ask_bytes(&trio.rigs[i], "user.put", "\x90", 1),
                         "300 argument at 0: params must be a map, but is an array");
    }
}

/* ---- Schema ---- */

Test(schema, is_given_back_as_it_was_put) {
    SAY_BEGIN(
        "schema.get", "{}",
        "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'}, "
        "{name: 'tier', type: 'enum', labels: ['silver', 'gold']}, {name: 'money', type: 'decimal', scale: 2}, "
        "{name: 'born', type: 'date'}, {name: 'seen', type: 'time'}, {name: 'vip', type: 'bool'}], "
        "tag_sets: [{name: 'tags'}]}, items: {attributes: [{name: 'brand', type: 'string'}], tag_sets: [{name: "
        "'kinds'}]}, events: [{name: 'view', amount_scale: 2, properties: []}, {name: 'purchase', amount_scale: 3, "
        "properties: [{name: 'store', type: 'string'}, {name: 'channel', type: 'enum', labels: ['app', 'shop']}]}], "
        "feed: {weights: {view: 1.0, purchase: 5.0}, half_life_days: {short: 1.0, long: 3e+01, popularity: 7.0, "
        "recency: 3e+01, trend: 1.0}, bought_days: 30, seen_days: 0, scores: {");
}

Test(schema, what_exists_identically_is_left) {
    SAY("schema.put", "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}]}}", "{changed: false}");
    SAY("schema.put", "{events: [{name: 'purchase'}]}", "{changed: false}");
}

Test(schema, what_exists_differently_is_a_conflict) {
    SAY("schema.put", "{users: {attributes: [{name: 'age', type: 'string'}]}}",
        "305 conflict: \"age\" exists with the type int, not string");
    SAY_BEGIN("schema.put", "{users: {tag_sets: [{name: 'age'}]}}", "305 conflict");
    SAY_BEGIN("schema.put", "{events: [{name: 'purchase', amount_scale: 2}]}", "305 conflict");
    SAY("schema.put", "{zone: 'UTC'}",
        "305 conflict: the workspace is in the zone Asia/Shanghai, which was fixed when it was made");
}

Test(schema, a_put_that_fails_changes_nothing) {
    SAY("schema.put",
        "{users: {attributes: [{name: 'fresh', type: 'int'}], tag_sets: [{name: 'new_tags'}]},"
        " items: {attributes: [{name: 'brand', type: 'int'}]}}",
        "305 conflict: \"brand\" exists with the type string, not int");
    SAY_BEGIN("audience.count", "{where: 'fresh > 1'}", "303 name at 0: there is no attribute or tag set `fresh`");
    SAY("schema.put", "{users: {attributes: [{name: 'fresh', type: 'int'}]}, feed: {eligible: 'brandd = 3'}}",
        "303 name at 0: there is no attribute or tag set `brandd` (did you mean brand?)");
    SAY_BEGIN("audience.count", "{where: 'fresh > 1'}", "303 name at 0");
}

Test(schema, an_enum_gains_labels_anywhere_and_rows_keep_theirs) {
    SAY("user.put", "{users: [{id: 'a', tier: 'silver'}, {id: 'b', tier: 'gold'}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("schema.put",
        "{users: {attributes: [{name: 'tier', type: 'enum', labels: ['bronze', 'silver', 'jade', 'gold']}]}}",
        "{changed: true}");
    SAY("user.put", "{user: {id: 'c', tier: 'jade'}}", OK_PUT);
    SAY("audience.list", "{where: \"tier >= 'jade'\", order: 'tier'}", "{count: 2, ids: ['c', 'b']}");
    SAY("audience.list", "{where: '', order: 'tier', desc: true, fields: ['tier']}",
        "{count: 3, rows: [['b', 'gold'], ['c', 'jade'], ['a', 'silver']]}");
}

Test(schema, wrong_shapes_are_refused_with_reasons) {
    SAY("schema.put", "{users: {attributes: [{name: 'x'}]}}", "300 argument: the key `type` is needed");
    SAY("schema.put", "{users: {attributes: [{name: 'x', type: 'itn'}]}}",
        "300 argument: `x` cannot be of type `itn` (did you mean `int`?)");
    SAY("schema.put", "{users: {attributes: [{name: 'x', type: 'enum'}]}}",
        "300 argument: `labels` and the type enum go together, at `x`");
    SAY("schema.put", "{users: {attributes: [{name: 'x', type: 'int', scale: 2}]}}",
        "300 argument: `x` is no decimal and has no `scale`");
    SAY("schema.put", "{users: {attributes: [{name: 'x', type: 'decimal', scale: 10}]}}",
        "300 argument: `scale` must be from 0 to 9");
    SAY("schema.put", "{users: {attributes: [{name: 'id', type: 'int'}]}}", "300 argument: the name `id` is taken");
    SAY("schema.put", "{events: [{name: 'view', properties: [{name: 'user', type: 'int'}]}]}",
        "300 argument: the name `user` is taken");
    SAY("schema.put", "{feed: {weights: {vieww: 3}}}", "303 name: there is no event type `vieww` (did you mean `view`?)");
    SAY("schema.put", "{feed: {half_life_days: {short: 0}}}",
        "300 argument: `short` must be from 0.000694444 to 36500");
}

Test(schema, the_feed_keeps_what_is_not_said) {
    SAY("schema.put", "{feed: {eligible: \"brand = 'A'\", weights: {view: 2}, bought_days: 7}}", "{changed: true}");
    SAY("schema.put", "{feed: {seen_days: 3}}", "{changed: true}");
    SAY("schema.put", "{feed: {seen_days: 3, bought_days: 7, eligible: [\"=\", \"brand\", \"A\"]}}",
        "{changed: false}");
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "schema.get", "{}");
        cr_assert(strstr(answer, "feed: {eligible: 'brand = \\'A\\'', weights: {view: 2.0, purchase: 5.0}") != NULL);
        cr_assert(strstr(answer, "bought_days: 7, seen_days: 3") != NULL);
    }
    SAY("schema.put", "{feed: {eligible: ''}}", "{changed: true}");
}

/* ---- Users and items ---- */

Test(data, a_user_comes_back_as_put) {
    SAY("user.put",
        "{user: {id: 'a', age: 30, city: '成都', tier: 'gold', money: '12.50', born: '1990-03-01',"
        " seen: '2026-01-01 10:00', vip: true, tags: ['x', 'y']}}",
        OK_PUT);
    SAY("user.get", "{id: 'a'}",
        "{user: {id: 'a', age: 30, city: '成都', tier: 'gold', money: '12.50', born: '1990-03-01', "
        "seen: 1767232800000, vip: true, tags: ['x', 'y']}}");
    SAY("user.get", "{id: 'a', fields: ['tags', 'age', 'id']}", "{user: {id: 'a', tags: ['x', 'y'], age: 30}}");
}

Test(data, rows_are_whole_or_refused_and_named) {
    SAY("user.put",
        "{users: [{id: 'b', age: 20}, {id: 'c', agee: 3}, {age: 3}, {id: 4, age: 'x'}, 7, {id: 5, tier: 'goldd', age: "
        "1},"
        " {id: 'b', age: 21}, {id: 'd', age: 1, age: 2}, {id: ''}]}",
        "{accepted: 2, created: 1, refused: [{row: 1, code: 303, status: 'name', message: 'there is no attribute or "
        "tag "
        "set `agee`', hint: 'did you mean `age`?'}, {row: 2, code: 300, status: 'argument', message: 'the row has no "
        "`id`'}, {row: 3, code: 300, status: 'argument', message: '`age` must be an int, but is a str'}, {row: 4, "
        "code: "
        "300, status: 'argument', message: 'a row must be a map, but is an int'}, {row: 5, code: 300, status: "
        "'argument', "
        "message: 'the enum \"tier\" has no label \"goldd\"', hint: 'the nearest is \"gold\"'}, {row: 7, code: 300, "
        "status: 'argument', message: '`age` is given twice'}, {row: 8, code: 300, status: 'argument', message: '`id` "
        "has "
        "0 bytes; an id has 1 to 255'}]}");
    SAY("user.get", "{ids: ['b', '4', '5', 'd']}", "{users: [{id: 'b', age: 21}, nil, nil, nil]}");
}

Test(data, compact_rows_name_their_fields_once) {
    SAY("user.put", "{fields: ['id', 'age', 'city'], rows: [['c', 33, '上海'], ['d', nil], ['e', 1, 'z', 4], [5]]}",
        "{accepted: 3, created: 3, refused: [{row: 2, code: 300, status: 'argument', message: 'the row has 4 cells, "
        "but "
        "there are 3 fields'}]}");
    SAY("user.get", "{ids: ['c', 'd', '5', 5]}",
        "{users: [{id: 'c', age: 33, city: '上海'}, {id: 'd'}, {id: '5'}, {id: '5'}]}");
    SAY("user.put", "{fields: ['id', 'agee'], rows: []}",
        "303 name: there is no attribute or tag set `agee` (did you mean `age`?)");
    SAY("user.put", "{fields: ['age'], rows: []}", "300 argument: `fields` needs \"id\"");
    SAY("user.put", "{fields: ['id', 'id'], rows: []}", "300 argument: `id` stands twice in `fields`");
}

/* A refused value is quoted up to some bytes; what several shards' answers quote is read again when they are merged. */
Test(data, a_quoted_value_is_cut_between_characters) {
    SAY("user.put",
        "{users: [{id: 'a', money: '中中中中中中中中中中中中中中中中中中中中中中中中'}, {id: 'b'}, {id: 'c'}]}",
        "{accepted: 2, created: 2, refused: [{row: 0, code: 300, status: 'argument', message: '`money` cannot be "
        "\"中中中中中中中中中中中中中\": a decimal number has only digits and one point, as in 12.50'}]}");
}

Test(data, rows_beside_a_nil_go_to_their_own_shards) {
    SAY("user.put", "{users: nil, fields: ['id'], rows: [['a'], ['b'], ['c'], ['d'], ['e']]}",
        "{accepted: 5, created: 5, refused: []}");
    SAY("user.get", "{id: nil, ids: ['a', 'b', 'c', 'd', 'e']}",
        "{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}, {id: 'd'}, {id: 'e'}]}");
    SAY("event.append", "{events: nil, fields: ['type', 'user', 'time'], rows: [['view', 'a', 1], ['view', 'b', 2]]}",
        "{accepted: 2, duplicates: 0, refused: []}");
    SAY("audience.count", "{where: 'did(view)'}", "{count: 2, total: 5}");
}

Test(data, nil_clears_or_leaves_and_absent_leaves) {
    SAY("user.put", "{user: {id: 'a', age: 3, city: 'x', tags: ['t']}}", OK_PUT);
    SAY("user.put", "{fields: ['id', 'age', 'city'], rows: [['a', nil]], nil: 'leave'}",
        "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a', age: 3, city: 'x', tags: ['t']}}");
    SAY("user.put", "{fields: ['id', 'age', 'tags'], rows: [['a', nil, nil]]}",
        "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a', city: 'x'}}");
    SAY("user.put", "{user: {id: 'a'}, nil: 'never'}", "300 argument: `nil` must be \"clear\" or \"leave\"");
}

Test(data, tag_sets_take_set_add_and_remove) {
    SAY("user.put", "{user: {id: 'a', tags: ['x', 'y']}}", OK_PUT);
    SAY("user.put", "{user: {id: 'a', tags: {add: ['z', 'x'], remove: ['y', 'never']}}}",
        "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a', tags: ['x', 'z']}}");
    SAY("user.put", "{user: {id: 'a', tags: []}}", "{accepted: 1, created: 0, refused: []}");
    SAY("user.get", "{id: 'a'}", "{user: {id: 'a'}}");
    SAY("user.put", "{user: {id: 'a', tags: {plus: ['x']}}}",
        "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument', message: '`tags` takes an array, "
        "or "
        "`add` and `remove` once each'}]}");
    SAY("user.put", "{user: {id: 'a', tags: [1]}}",
        "{accepted: 0, created: 0, refused: [{row: 0, code: 300, status: 'argument', message: '`tags` must be a str, "
        "but "
        "is an int'}]}");
}

Test(data, values_of_the_wrong_type_are_refused_in_words) {
    static const struct {
        const char *row;
        const char *message;
    } cases[] = {
        {"age: 1.5", "300, status: 'argument', message: '`age` must be an int, but is a float'"},
        {"age: 18446744073709551615", "306, status: 'overflow', message: '`age` is above 9223372036854775807'"},
        {"vip: 1", "300, status: 'argument', message: '`vip` must be true or false, but is an int'"},
        {"money: '1.234'", "300, status: 'argument', message: '`money` cannot be \"1.234\": "},
        {"money: 0.001", "300, status: 'argument', message: '`money` cannot be 0.001"},
        {"money: 9223372036854775807", "306, status: 'overflow', message: '`money` is too large"},
        {"born: '1990-13-01'", "300, status: 'argument', message: '`born` cannot be \"1990-13-01\""},
        {"born: 86400001", "300, status: 'argument', message: '`born` is a date, and 86400001 is not a midnight"},
        {"seen: 'soon'", "300, status: 'argument', message: '`seen` cannot be \"soon\""},
        {"seen: 999999999999999999", "300, status: 'argument', message: '`seen` is outside the years 1 to 9999'"},
        {"city: 7", "300, status: 'argument', message: '`city` must be a str, but is an int'"},
        {"tags: 'x'", "300, status: 'argument', message: '`tags` must be an array of strs, or a map"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char params[200];
        char expected[300];
        (void)snprintf(params, sizeof params, "{user: {id: 'w', %s}}", cases[i].row);
        (void)snprintf(expected, sizeof expected, "{accepted: 0, created: 0, refused: [{row: 0, code: %s",
                       cases[i].message);
        SAY_BEGIN("user.put", params, expected);
    }
    SAY_BEGIN("user.get", "{id: 'w'}", "304 not_found: there is no user `w`");
}

Test(data, exactly_one_form_of_rows_is_taken) {
    SAY("user.put", "{}", "300 argument: exactly one of `user`, `users` and `rows` is needed");
    SAY("user.put", "{user: {id: 'a'}, users: []}",
        "300 argument: exactly one of `user`, `users` and `rows` is needed");
    SAY("user.put", "{rows: []}", "300 argument: `fields` and `rows` go together");
    SAY("user.put", "{users: 3}", "300 argument: `users` must be an array of rows, but is an int");
    SAY("user.put", "{users: []}", "{accepted: 0, created: 0, refused: []}");
    SAY("user.get", "{}", "300 argument: exactly one of `id` and `ids` is needed");
    SAY("user.get", "{ids: []}", "{users: []}");
    SAY("user.get", "{id: 'a', events: 10001}", "300 argument: `events` must be from 0 to 10000");
}

Test(data, forgetting_removes_the_person_everywhere) {
    SAY("user.put", "{users: [{id: 'a', age: 1, tags: ['x']}, {id: 'b', age: 1}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("event.append", "{event: {type: 'view', user: 'a', time: 1759999999000, item: 'i'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY_BEGIN("user.forget", "{ids: ['a', 'zz', 'a']}", "{forgotten: 1, unknown: ['zz', 'a']");
    SAY_BEGIN("user.get", "{id: 'a'}", "304 not_found");
    SAY("audience.count", "{where: 'did(view)'}", "{count: 0, total: 1}");
    SAY("audience.count", "{where: \"tags has 'x'\"}", "{count: 0, total: 1}");
    SAY("user.put", "{user: {id: 'a'}}", OK_PUT);
    SAY("user.get", "{id: 'a', events: 5}", "{user: {id: 'a', events: []}}");
    SAY("user.forget", "{ids: ['b', 1.5]}", "300 argument: each of `ids` must be a str or an int, but is a float");
    SAY_BEGIN("user.get", "{id: 'b'}", "{user: {id: 'b'");
}

Test(data, items_are_listed_when_put_and_stay_known_when_removed) {
    SAY("item.put", "{items: [{id: 'i1', brand: 'A', kinds: ['tea']}, {id: 'i2'}]}",
        "{accepted: 2, created: 2, refused: []}");
    SAY("item.get", "{ids: ['i1', 'i2', 'i3']}",
        "{items: [{id: 'i1', listed: true, brand: 'A', kinds: ['tea']}, {id: 'i2', listed: true}, nil]}");
    SAY("item.remove", "{ids: ['i1', 'i3', 'i1']}", "{removed: 1, unknown: ['i3', 'i1']}");
    SAY("item.get", "{id: 'i1'}", "{item: {id: 'i1', listed: false, brand: 'A', kinds: ['tea']}}");
    SAY("item.put", "{item: {id: 'i1'}}", "{accepted: 1, created: 0, refused: []}");
    SAY("item.get", "{id: 'i1', fields: ['brand']}", "{item: {id: 'i1', listed: true, brand: 'A'}}");
    SAY("item.get", "{id: 'nothing'}", "304 not_found: there is no item `nothing`");
}

/* ---- Events ---- */

Test(event, comes_back_newest_first_with_its_properties) {
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'u', time: 1759999990000, item: 'i9', amount: '3.2', store: 's1',"
        " channel: 'shop'}, {type: 'view', user: 'u', time: '2025-10-09 15:59:00', item: 'i1'}]}",
        "{accepted: 2, duplicates: 0, refused: []}");
    SAY("user.get", "{id: 'u', events: 9}",
        "{user: {id: 'u', events: [{type: 'purchase', time: 1759999990000, item: 'i9', amount: '3.200', store: 's1', "
        "channel: 'shop'}, {type: 'view', time: 1759996740000, item: 'i1'}]}}");
    SAY("user.get", "{id: 'u', events: 1, fields: []}",
        "{user: {id: 'u', events: [{type: 'purchase', time: 1759999990000, item: 'i9', amount: '3.200', store: 's1', "
        "channel: 'shop'}]}}");
    SAY("item.get", "{ids: ['i1', 'i9']}", "{items: [{id: 'i1', listed: false}, {id: 'i9', listed: false}]}");
}

Test(event, with_an_id_is_stored_once) {
    SAY("event.append", "{event: {type: 'view', user: 'u', time: 5, id: 'e1'}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("event.append",
        "{events: [{type: 'view', user: 'u', time: 5, id: 'e1'}, {type: 'view', user: 'u', time: 5, id: 'e2'},"
        " {type: 'view', user: 'u', time: 6, id: 'e1'}, {type: 'view', user: 'v', time: 5, id: 'e1'},"
        " {type: 'purchase', user: 'u', time: 5, id: 'e1'}, {type: 'view', user: 'u', time: 5}]}",
        "{accepted: 5, duplicates: 1, refused: []}");
}

Test(event, rows_are_refused_by_their_own_numbers_whatever_their_times) {
    SAY("event.append",
        "{events: [{type: 'view', user: 'u', time: 50}, {type: 'viev', user: 'u', time: 40}, {type: 'view', user: 'u'},"
        " {type: 'view', time: 4}, {type: 'view', user: 'u', time: 30, store: 's'},"
        " {type: 'purchase', user: 'u', time: 20, amount: '1.2345'}, {type: 'purchase', user: 'u', time: 10, channel: "
        "'tv'},"
        " {type: 'view', user: 'u', time: 1, item: []}]}",
        "{accepted: 1, duplicates: 0, refused: [{row: 1, code: 303, status: 'name', message: 'there is no event type "
        "`viev`', hint: 'did you mean `view`?'}, {row: 2, code: 300, status: 'argument', message: 'the event has no "
        "`time`'}, {row: 3, code: 300, status: 'argument', message: 'the event has no `user`'}, {row: 4, code: 303, "
        "status: 'name', message: 'events of type `view` have no property `store`'}, {row: 5, code: 300, status: "
        "'argument', message: '`amount` cannot be \"1.2345\": only 3 digits are kept after the point'}, "
        "{row: "
        "6, code: 300, status: 'argument', message: '\"tv\" is not a label of \"channel\"'}, {row: 7, code: 300, "
        "status: 'argument', message: '`item` of an event must be one value, but is an array'}]}");
    SAY("audience.count", "{where: ''}", "{count: 1, total: 1}");
}

Test(event, compact_rows_share_fields_between_types) {
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'store', 'amount'], rows: [['view', 'u', 2, nil], ['purchase', 'u', 1, 's', "
        "7],"
        " ['view', 'u', 3, 's']]}",
        "{accepted: 2, duplicates: 0, refused: [{row: 2, code: 303, status: 'name', message: 'events of type `view` "
        "have "
        "no property `store`'}]}");
    SAY("user.get", "{id: 'u', events: 5}",
        "{user: {id: 'u', events: [{type: 'view', time: 2}, {type: 'purchase', time: 1, amount: '7.000', store: "
        "'s'}]}}");
    SAY("event.append", "{fields: ['type', 'user', 'time', 'storee'], rows: []}",
        "303 name: no event type has a property `storee` (did you mean `store`?)");
    SAY("event.append", "{fields: ['type', 'user'], rows: []}", "300 argument: `fields` needs \"time\"");
}

Test(event, late_events_join_their_own_day) {
    SAY("event.append",
        "{events: [{type: 'purchase', user: 'u', time: 1759999999000, amount: 1},"
        " {type: 'purchase', user: 'u', time: 1751000000000, amount: 2}]}",
        "{accepted: 2, duplicates: 0, refused: []}");
    SAY("event.append", "{event: {type: 'purchase', user: 'u', time: 1755000000000, amount: 4}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("audience.count", "{where: 'sum(purchase.amount, last 60 days) = 5'}", "{count: 1, total: 1}");
    SAY("audience.count", "{where: 'sum(purchase.amount) = 7'}", "{count: 1, total: 1}");
    SAY("audience.count", "{where: 'last(purchase.amount) = 1 and first(purchase.amount) = 2'}",
        "{count: 1, total: 1}");
}

Test(data, stats_count_everything_once_for_any_number_of_shards) {
    SAY("user.put", "{users: [{id: 'a'}, {id: 'b'}, {id: 'c'}, {id: 'd'}]}", "{accepted: 4, created: 4, refused: []}");
    SAY("item.put", "{items: [{id: 'i'}, {id: 'j'}]}", "{accepted: 2, created: 2, refused: []}");
    SAY("event.append",
        "{events: [{type: 'view', user: 'a', time: 1, item: 'k'}, {type: 'view', user: 'b', time: 1, item: 'l'},"
        " {type: 'view', user: 'e', time: 1, item: 'm'}]}",
        "{accepted: 3, duplicates: 0, refused: []}");
    SAY_BEGIN("stats", "{}", "{workspace: {users: 5, items: 5, listed: 2, events: 3, cursors: 0, memory: {users: ");
}
