/* segment_unit.c -- saved segments through the door, with one, two and three shards. */
#include "shard_trio.h"

static void make_shop(struct trio *made) {
    struct trio trio;
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold']}], tag_sets: [{name: 'likes'}]},"
        " events: [{name: 'purchase'}]}",
        "{changed: true}");
    SAY("user.put",
        "{fields: ['id', 'age', 'city', 'tier', 'likes'], rows: [['a', 20, 'x', 'silver', ['tea']], ['b', 30, 'y', "
        "'gold'],"
        " ['c', 40, 'x', 'gold', ['tea', 'milk']], ['d', 50, 'y', 'silver'], ['e']]}",
        "{accepted: 5, created: 5, refused: []}");
    *made = trio;
}

Test(segment, put_get_list_and_remove) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'grown', where: 'age>=30', note: 'adults'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'grown', where: 'age >= 30'}", "{version: 1, changed: false}");
    SAY("audience.count", "{where: \"in_segment('grown')\"}", "{count: 3, total: 5}");
    SAY("segment.put", "{name: 'grown', where: 'age >= 40', if_version: 1}", "{version: 2, changed: true}");
    SAY("segment.put", "{name: 'grown', where: 'age >= 50', if_version: 1}",
        "305 conflict: the segment is at version 2, not 1");
    SAY("segment.put", "{name: 'grown', where: 'age >= 40', note: ''}", "{version: 2, changed: true}");
    SAY("segment.get", "{name: 'grown'}",
        "{name: 'grown', version: 2, where: 'age >= 40', changed_at: 1760000000000, uses: [], used_by: [],"
        " earlier: [{version: 1, where: 'age >= 30', changed_at: 1760000000000}]}");
    SAY("segment.list", "{}",
        "{total: 5, segments: [{name: 'grown', version: 2, where: 'age >= 40', changed_at: 1760000000000,"
        " count: 2, counted_at: 1760000000000}]}");
    SAY("segment.list", "{counts: false, names: ['grown']}",
        "{total: 5, segments: [{name: 'grown', version: 2, where: 'age >= 40', changed_at: 1760000000000}]}");
    SAY("segment.get", "{name: 'grwn'}", "303 name: there is no segment 'grwn' (did you mean `grown`?)");
    SAY("segment.list", "{names: ['grwn']}", "303 name: there is no segment 'grwn' (did you mean `grown`?)");
    SAY("segment.remove", "{name: 'grown'}", "{removed: true}");
    SAY("segment.remove", "{name: 'grown'}", "{removed: false}");
    SAY("segment.get", "{name: 'grown'}", "303 name: there is no segment 'grown': none are saved here");
    trio_deinit(&trio);
}

Test(segment, what_is_wrong_is_refused_with_its_place) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'x', where: 'agee > 3'}",
        "303 name at 0: there is no attribute or tag set `agee` (did you mean age?)");
    SAY("segment.put", "{name: '', where: 'true'}", "300 argument: a segment's name is 1 to 64 bytes of UTF-8");
    SAY_BEGIN("segment.put", "{name: 'x'}", "300 argument: the key `where` is needed");
    SAY_BEGIN("segment.put", "{where: 'true'}", "300 argument: the key `name` is needed");
    SAY("segment.put", "{name: 'x', where: \"age > 3 and in_segment('y')\"}",
        "303 name at 12: there is no segment 'y': none are saved here");
    SAY_BEGIN("segment.put", "{name: 'x', wher: 'true'}", "300 argument: ");
    trio_deinit(&trio);
}

Test(segment, segments_use_segments_and_a_change_reaches_all_that_use_it) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'grown', where: 'age >= 30'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'gold and grown', where: \"tier = 'gold' and in_segment('grown')\"}",
        "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'in x', where: \"city = 'x' and in_segment('gold and grown')\"}",
        "{version: 1, changed: true}");
    SAY("audience.list", "{where: \"in_segment('in x') or age = 20\", order: 'id'}", "{count: 2, ids: ['a', 'c']}");
    SAY_BEGIN("segment.get", "{name: 'gold and grown'}",
              "{name: 'gold and grown', version: 1, where: 'in_segment(\\'grown\\') and tier = \\'gold\\'',"
              " changed_at: 1760000000000, uses: ['grown'], used_by: ['in x'], earlier: []}");
    SAY("segment.put", "{name: 'grown', where: 'age >= 60'}", "{version: 2, changed: true}");
    SAY("audience.count", "{where: \"in_segment('in x')\"}", "{count: 0, total: 5}");
    SAY("segment.remove", "{name: 'grown'}",
        "305 conflict: the segment 'grown' is used by 'gold and grown' (change or remove those first)");
    trio_deinit(&trio);
}

Test(segment, nothing_uses_itself) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'a', where: 'age > 1'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'b', where: \"in_segment('a')\"}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'c', where: \"not in_segment('b')\"}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'a', where: \"age > 1 or in_segment('c')\"}",
        "305 conflict: the segment would use itself: 'a' -> 'c' -> 'b' -> 'a'");
    SAY("segment.put", "{name: 'a', where: \"age > 1 or in_segment('a')\"}",
        "305 conflict: the segment would use itself: 'a' -> 'a'");
    SAY("audience.count", "{where: \"in_segment('c')\"}", "{count: 1, total: 5}");
    trio_deinit(&trio);
}

Test(segment, a_chain_has_a_bound_wherever_it_grows) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 's1', where: 'age > 1'}", "{version: 1, changed: true}");
    for (int i = 2; i <= SH_SEGMENT_DEPTH_MAX; i++) {
        char params[128];
        (void)snprintf(params, sizeof params, "{name: 's%d', where: \"in_segment('s%d')\"}", i, i - 1);
        SAY("segment.put", params, "{version: 1, changed: true}");
    }
    SAY("segment.put", "{name: 'one more', where: \"in_segment('s16')\"}",
        "402 limit: segments would use each other in a chain longer than 16");
    SAY("segment.put", "{name: 'base', where: 'age > 2'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 's1', where: \"in_segment('base')\"}",
        "402 limit: segments would use each other in a chain longer than 16");
    SAY("audience.count", "{where: \"in_segment('s16')\"}", "{count: 4, total: 5}");
    trio_deinit(&trio);
}

Test(segment, earlier_versions_are_kept_up_to_a_bound) {
    struct trio trio;
    make_shop(&trio);
    for (int i = 1; i <= SH_SEGMENT_VERSION_COUNT_MAX + 3; i++) {
        char params[128];
        char expected[64];
        (void)snprintf(params, sizeof params, "{name: 's', where: 'age > %d'}", i);
        (void)snprintf(expected, sizeof expected, "{version: %d, changed: true}", i);
        SAY("segment.put", params, expected);
    }
    const char *answer = rig_ask(&trio.rigs[2], "segment.get", "{name: 's'}");
    cr_assert(strstr(answer, "{version: 19, where: 'age > 19'") == NULL, "the one in force is no earlier one");
    cr_assert(strstr(answer, "earlier: [{version: 18, where: 'age > 18'") != NULL, "%s", answer);
    cr_assert(strstr(answer, "{version: 4, where: 'age > 4', changed_at: 1760000000000}]}") != NULL, "%s", answer);
    trio_deinit(&trio);
}

Test(segment, a_user_is_told_the_segments_he_is_in) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'z grown', where: 'age >= 30'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'gold', where: \"tier = 'gold'\"}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'tea', where: \"likes has 'tea'\"}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'bought', where: 'did(purchase, last 7 days)'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'no cake', where: \"not likes has 'cake'\"}", "{version: 1, changed: true}");
    SAY("segment.of_user", "{user: 'c'}", "{segments: ['gold', 'no cake', 'tea', 'z grown']}");
    SAY("segment.of_user", "{user: 'e'}", "{segments: ['no cake']}");
    SAY("segment.of_user", "{user: 'c', names: ['z grown', 'bought', 'gold', 'z grown']}",
        "{segments: ['gold', 'z grown']}");
    SAY("segment.of_user", "{user: 'nobody'}", "304 not_found: there is no user `nobody`");
    SAY("segment.of_user", "{user: 'c', names: ['old']}", "303 name: there is no segment 'old' (did you mean `gold`?)");
    /* What was bound before is bound again when texts and events come. */
    SAY("user.put", "{user: {id: 'e', likes: ['cake'], tier: 'gold'}}", "{accepted: 1, created: 0, refused: []}");
    SAY("event.append", "{event: {type: 'purchase', user: 'e', time: 1759990000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("segment.of_user", "{user: 'e'}", "{segments: ['bought', 'gold']}");
    SAY("segment.of_user", "{user: 'e', now: 1770000000000}", "{segments: ['gold']}");
    SAY("segment.put", "{name: 'gold', where: \"tier = 'silver'\"}", "{version: 2, changed: true}");
    SAY("segment.of_user", "{user: 'e'}", "{segments: ['bought']}");
    trio_deinit(&trio);
}

Test(segment, counts_are_fresh_unless_older_ones_will_do) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'grown', where: 'age >= 30'}", "{version: 1, changed: true}");
    SAY("segment.put", "{name: 'bought', where: 'did(purchase, last 7 days)'}", "{version: 1, changed: true}");
    SAY("event.append", "{event: {type: 'purchase', user: 'e', time: 1759990000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    const char *const first =
        "{total: 5, segments: ["
        "{name: 'bought', version: 1, where: 'did(purchase, last 7 days)', changed_at: 1760000000000, count: 1,"
        " counted_at: 1760000000000},"
        " {name: 'grown', version: 1, where: 'age >= 30', changed_at: 1760000000000, count: 3,"
        " counted_at: 1760000000000}]}";
    SAY("segment.list", "{}", first);
    SAY("segment.list", "{}", first);
    /* Time passes: only what depends on it is counted anew, and both are true now. */
    trio_set_now(&trio, 1760000000000 + 8 * INT64_C(86400000));
    SAY("segment.list", "{}",
        "{total: 5, segments: ["
        "{name: 'bought', version: 1, where: 'did(purchase, last 7 days)', changed_at: 1760000000000, count: 0,"
        " counted_at: 1760691200000},"
        " {name: 'grown', version: 1, where: 'age >= 30', changed_at: 1760000000000, count: 3,"
        " counted_at: 1760691200000}]}");
    trio_set_now(&trio, 1760000000000 + 8 * INT64_C(86400000) + 500);
    for (int i = 0; i < 3; i++) { /* one in each shard of every rig, so that no kept count is true any more */
        char params[128];
        static const char *const ids[] = {"n1", "n2", "n3"};
        (void)snprintf(params, sizeof params, "{users: [{id: '%s', age: 33}, {id: 'm%d', age: 34}]}", ids[i], i);
        SAY("user.put", params, "{accepted: 2, created: 2, refused: []}");
    }
    SAY("segment.list", "{names: ['grown']}",
        "{total: 11, segments: [{name: 'grown', version: 1, where: 'age >= 30', changed_at: 1760000000000, count: 9,"
        " counted_at: 1760691200500}]}");
    trio_set_now(&trio, 1760000000000 + 8 * INT64_C(86400000) + 900);
    SAY("user.put", "{users: [{id: 'n1', age: 3}, {id: 'n2', age: 3}, {id: 'n3', age: 3}]}",
        "{accepted: 3, created: 0, refused: []}");
    SAY("segment.list", "{names: ['grown']}",
        "{total: 11, segments: [{name: 'grown', version: 1, where: 'age >= 30', changed_at: 1760000000000, count: 6,"
        " counted_at: 1760691200900}]}");
    trio_deinit(&trio);
}

Test(segment, an_older_count_is_given_to_who_asks_for_it) {
    struct trio trio;
    make_shop(&trio);
    struct rig *rig = &trio.rigs[0];
    (void)rig_ask(rig, "segment.put", "{name: 'grown', where: 'age >= 30'}");
    (void)rig_ask(rig, "segment.list", "{}");
    (void)rig_ask(rig, "user.put", "{user: {id: 'a', age: 99}}");
    rig->now_ms += 5000;
    const char *answer = rig_ask(rig, "segment.list", "{max_age_ms: 5000}");
    cr_assert(strstr(answer, "count: 3, counted_at: 1760000000000") != NULL, "%s", answer);
    answer = rig_ask(rig, "segment.list", "{max_age_ms: 4999}");
    cr_assert(strstr(answer, "count: 4, counted_at: 1760000005000") != NULL, "%s", answer);
    trio_deinit(&trio);
}

Test(segment, a_segment_is_about_users_and_not_about_items) {
    struct trio trio;
    make_shop(&trio);
    SAY("segment.put", "{name: 'grown', where: 'age >= 30'}", "{version: 1, changed: true}");
    SAY("feed.trending", "{filter: \"in_segment('grown')\"}",
        "302 type at 0: the segment 'grown' describes users; this expression is about items");
    trio_deinit(&trio);
}

Test(segment, a_user_of_a_segment_must_stay_right) {
    struct trio trio;
    make_shop(&trio);
    /* Half of what an expression may hold, asked three times. */
    struct sh_buffer params;
    sh_buffer_init(&params, 1 << 20);
    sh_buffer_print(&params, "{name: 'many', where: \"age = 1 ");
    for (int i = 2; i < 1500; i++)
        sh_buffer_print(&params, "or age = %d ", i);
    sh_buffer_append(&params, "\"}", 3);
    SAY("segment.put", "{name: 'many', where: 'age = 1'}", "{version: 1, changed: true}");
    SAY("segment.put",
        "{name: 'thrice', where: \"in_segment('many') and age > 2 or in_segment('many') and age > 3 or"
        " in_segment('many') and age > 4\"}",
        "{version: 1, changed: true}");
    SAY_BEGIN("segment.put", (const char *)params.bytes,
              "305 conflict: the segment 'thrice' would not be right any more: ");
    SAY("audience.count", "{where: \"in_segment('thrice')\"}", "{count: 0, total: 5}");
    sh_buffer_deinit(&params);
    trio_deinit(&trio);
}
