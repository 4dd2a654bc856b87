/* rfm_unit.c -- RFM, lifecycle and value through the door, on one, two and three shards. */
#include <stdlib.h>

#include "shard_trio.h"

static struct trio trio;

/* Ten people; now is 1970-01-01 plus 1,000 days. p0 bought today, p1 ten days ago, p2 twenty ... p8 eighty days ago;
 * p9 never. pN bought N + 1 times, a day apart, for 10 each time; p0 once for 100. */
#define DAY 86400000LL

static void say_buys(uint32_t person, uint32_t count, long long first_day, const char *amount) {
    for (uint32_t i = 0; i < count; i++) {
        char params[256];
        (void)snprintf(params, sizeof params, "{event: {type: 'buy', user: 'p%u', time: %lld, amount: '%s'}}", person,
                       (first_day - i) * DAY, amount);
        SAY("event.append", params, "{accepted: 1, duplicates: 0, refused: []}");
    }
}

static void setup(void) {
    trio_init(&trio);
    for (uint32_t i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].now_ms = 1000 * DAY;
    SAY("schema.put",
        "{users: {attributes: [{name: 'city', type: 'string'}]}, events: [{name: 'view'}, {name: 'buy'}]}",
        "{changed: true}");
    SAY("user.put",
        "{fields: ['id', 'city'], rows: [['p0', 'A'], ['p1', 'B'], ['p2', 'A'], ['p3', 'B'], ['p4', 'A'], ['p5', 'B'],"
        " ['p6', 'A'], ['p7', 'B'], ['p8', 'A'], ['p9', 'B']]}",
        "{accepted: 10, created: 10, refused: []}");
    say_buys(0, 1, 1000, "100");
    for (uint32_t person = 1; person < 9; person++)
        say_buys(person, person + 1, 1000 - 10 * (long long)person, "10");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(rfm, .init = setup, .fini = teardown);

#define PUT                 SAY("rfm.put", "{event: 'buy', days: 365, scores: 3}", "{changed: true}")
#define REFRESH             SAY("rfm.refresh", "{}", "{now: 86400000000}")
#define COUNT(where, count) SAY_BEGIN("audience.count", "{where: \"" where "\"}", "{count: " #count ", total: ")

Test(rfm, without_a_plan_there_are_no_scores) {
    SAY_BEGIN("audience.count", "{where: 'rfm.r = 3'}", "303 name at 0: there is no attribute or tag set `rfm.r`");
    SAY("rfm.refresh", "{}",
        "304 not_found: this workspace has no rfm plan yet (rfm.put says which events users are scored by)");
    SAY("audience.rfm", "{}",
        "304 not_found: this workspace has no rfm plan yet (rfm.put says which events users are scored by)");
    SAY("rfm.get", "{}", "{plan: nil, refreshed: nil, users: 0, cuts: nil, high: nil}");
}

Test(rfm, without_a_refresh_nobody_is_scored) {
    PUT;
    COUNT("rfm.r is missing", 10);
    COUNT("rfm.r >= 1", 0);
    COUNT("lifecycle is missing", 1);
    COUNT("value.count >= 2", 8);
}

Test(rfm, putting_the_same_plan_again_changes_nothing) {
    PUT;
    REFRESH;
    SAY("rfm.put", "{event: 'buy', days: 365, scores: {r: 3, f: 3, m: 3}}", "{changed: false}");
    COUNT("rfm.r >= 1", 9);
    SAY("rfm.put", "{event: 'buy', days: 30, scores: 3}", "{changed: true}");
    COUNT("rfm.r >= 1", 0);
}

/* Nine are scored: three have each score. M: p1 has 20, p2 30 ... p8 90, p0 100. */
Test(rfm, a_score_says_how_many_are_worse) {
    PUT;
    REFRESH;
    SAY("rfm.get", "{}",
        "{plan: {event: 'buy', days: 365, per_day: false, scores: {r: 3, f: 3, m: 3},"
        " lifecycle: {active: 30, cooling: 90, dormant: 180}}, refreshed: 86400000000, users: 9,"
        " cuts: {r: [59, 29], f: [4, 7], m: ['40.01', '70.01']}, high: {r: 2, f: 2, m: 2}}");
    SAY_BEGIN("audience.list", "{where: 'rfm.r = 3', order: 'id'}", "{count: 3, ids: ['p0', 'p1', 'p2']");
    SAY_BEGIN("audience.list", "{where: 'rfm.f = 3', order: 'id'}", "{count: 3, ids: ['p6', 'p7', 'p8']");
    SAY_BEGIN("audience.list", "{where: 'rfm.m in (1)', order: 'id'}", "{count: 3, ids: ['p1', 'p2', 'p3']");
    SAY_BEGIN("audience.list", "{where: 'rfm.score = 313', order: 'id'}", "{count: 1, ids: ['p0']");
    COUNT("rfm.f between 2 and 3", 6);
    COUNT("not rfm.f = 1", 7);
    COUNT("rfm.f != 1", 6);
    COUNT("rfm.f not in (1, 2)", 3);
    COUNT("rfm.f is missing", 1);
    COUNT("rfm.f is not missing", 9);
    COUNT("rfm.r = 3 and city = 'A'", 2);
    COUNT("rfm.r = 3 or rfm.f = 3", 6);
}

Test(rfm, cells_and_names_are_labels) {
    PUT;
    REFRESH;
    COUNT("rfm.segment = '重要价值'", 2);                /* p4, p5: all 2 */
    COUNT("rfm.segment in ('重要价值', '重要保持')", 5); /* and p6, p7, p8 */
    COUNT("rfm.segment = '重要发展'", 1);                /* p0 */
    COUNT("rfm.name = 'Cannot Lose Them'", 2);
    COUNT("rfm.name = 'Need Attention'", 2);
    SAY_BEGIN("audience.count", "{where: \"rfm.name = 'Champion'\"}",
              "303 name at 11: rfm.name has no label 'Champion'; from the lowest they are 'Lost'");
    SAY_BEGIN("audience.count", "{where: 'rfm.x = 1'}",
              "303 name at 0: there is no attribute or tag set `rfm.x` (did you mean rfm.f?)");
}

Test(rfm, scores_follow_each_event_and_cut_points_do_not) {
    PUT;
    REFRESH;
    COUNT("rfm.f = 1", 3);
    say_buys(9, 5, 999, "10"); /* p9 was nobody */
    SAY_BEGIN("audience.list", "{where: 'rfm.f = 2', order: 'id'}", "{count: 4, ids: ['p3', 'p4', 'p5', 'p9']");
    COUNT("rfm.f = 3", 3);
    say_buys(9, 2, 990, "10"); /* late, and as good */
    SAY_BEGIN("audience.list", "{where: 'rfm.f = 3', order: 'id'}", "{count: 4, ids: ['p6', 'p7', 'p8', 'p9']");
    SAY("event.append", "{event: {type: 'view', user: 'p0', time: 86400000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY_BEGIN("audience.list", "{where: 'rfm.score = 313'}", "{count: 1, ids: ['p0']");
}

Test(rfm, recency_is_judged_at_the_requests_now) {
    PUT;
    REFRESH;
    SAY_BEGIN("audience.list", "{where: 'rfm.r = 3', order: 'id', now: 87263999999}", /* 9 days later, less 1 ms */
              "{count: 3, ids: ['p0', 'p1', 'p2']");
    SAY_BEGIN("audience.list", "{where: 'rfm.r = 3', order: 'id', now: 87264000000}", "{count: 2, ids: ['p0', 'p1']");
}

/* 85 days ago only p8 had bought: its last six. */
Test(rfm, a_now_in_the_past_sees_no_event_after_it) {
    PUT;
    REFRESH;
    SAY_BEGIN("audience.list", "{where: 'rfm.r is not missing', now: 79056000000, fields: ['rfm.f', 'value.amount']}",
              "{count: 1, rows: [['p8', 2, '40.00']]");
}

Test(rfm, equal_values_have_equal_scores) {
    SAY("rfm.put", "{event: 'buy', days: 0, scores: {r: 5, f: 4, m: 3}, per_day: true}", "{changed: true}");
    SAY("event.append", "{event: {type: 'buy', user: 'p1', time: 85536000001, amount: 5}}",
        "{accepted: 1, duplicates: 0, refused: []}"); /* the same day: no second purchase */
    REFRESH;
    SAY_BEGIN("audience.list", "{where: 'value.count = 2', fields: ['value.amount']}",
              "{count: 1, rows: [['p1', '25.00']]");
    say_buys(9, 1, 1000, "100"); /* as p0 */
    REFRESH;
    SAY_BEGIN("user.get", "{ids: ['p0', 'p9'], fields: ['rfm.score', 'rfm.name']}",
              "{users: [{id: 'p0', rfm.score: 513, rfm.name: 'Potential Loyalists'},"
              " {id: 'p9', rfm.score: 513, rfm.name: 'Potential Loyalists'}]}");
}

Test(rfm, cut_points_and_splits_may_be_given) {
    SAY("rfm.put", "{event: 'buy', scores: 3, cuts: {r: [60, 30], f: [2, 5], m: ['50', 90.5]}, split: {f: 3}}",
        "{changed: true}");
    REFRESH;
    SAY_BEGIN("rfm.get", "{}",
              "{plan: {event: 'buy', days: 365, per_day: false, scores: {r: 3, f: 3, m: 3},"
              " cuts: {r: [60, 30], f: [2, 5], m: ['50.00', '90.50']}, split: {f: 3},");
    SAY_BEGIN("audience.list", "{where: 'rfm.r = 3', order: 'id'}", "{count: 4, ids: ['p0', 'p1', 'p2', 'p3']");
    SAY_BEGIN("audience.list", "{where: 'rfm.m = 3', order: 'id'}", "{count: 1, ids: ['p0']");
    SAY_BEGIN("audience.list", "{where: 'rfm.f = 2', order: 'id'}", "{count: 3, ids: ['p1', 'p2', 'p3']");
}

Test(rfm, wrong_plans_are_refused_and_change_nothing) {
    PUT;
    SAY("rfm.put", "{event: 'bui'}", "303 name: there is no event type `bui` (did you mean `buy`?)");
    SAY("rfm.put", "{}", "300 argument: the key `event` is needed");
    SAY_BEGIN("rfm.put", "{event: 'buy', scores: 6}", "300 argument: `scores`");
    SAY("rfm.put", "{event: 'buy', cuts: {r: [1, 2, 3]}}", "300 argument: r has 5 scores and so 4 cuts, not 3");
    SAY("rfm.put", "{event: 'buy', cuts: {r: [1, 2, 3, 4]}}",
        "300 argument: the cuts of r must fall, score after score");
    SAY("rfm.put", "{event: 'buy', lifecycle: {active: 90}}",
        "300 argument: active, cooling and dormant must be days that rise, at most 36500");
    SAY_BEGIN("rfm.put", "{event: 'buy', score: 3}", "300 argument: ");
    SAY("rfm.put", "{event: 'buy', days: 365, scores: 3}", "{changed: false}");
}

Test(rfm, lists_show_and_order_by_scores) {
    PUT;
    REFRESH;
    SAY_BEGIN("audience.list",
              "{where: '', order: 'value.amount', desc: true, limit: 3, fields: ['rfm.segment', 'value.amount',"
              " 'value.count', 'value.average', 'value.interval', 'value.next', 'lifecycle']}",
              "{count: 10, rows: [['p0', '重要发展', '100.00', 1, '100.00', nil, nil, 'new'],"
              " ['p8', '重要保持', '90.00', 9, '10.00', '1.0', 79574400000, 'cooling'],"
              " ['p7', '重要保持', '80.00', 8, '10.00', '1.0', 80438400000, 'cooling']]");
    SAY_BEGIN("audience.list", "{where: '', order: 'rfm.score', limit: 2}", "{count: 10, ids: ['p6', 'p7']");
    SAY_BEGIN("audience.list", "{where: '', order: 'rfm.segment', desc: true, limit: 3}",
              "{count: 10, ids: ['p4', 'p5', 'p0']");
}

Test(rfm, stages_of_life_go_by_gaps) {
    SAY("rfm.put", "{event: 'buy', lifecycle: {active: 15, cooling: 45, dormant: 65}}", "{changed: true}");
    say_buys(8, 1, 1000, "10"); /* back after 80 days */
    SAY_BEGIN("audience.list", "{where: \"lifecycle = 'new'\", order: 'id'}", "{count: 2, ids: ['p0', 'p1']");
    SAY_BEGIN("audience.list", "{where: \"lifecycle = 'won back'\"}", "{count: 1, ids: ['p8']");
    SAY_BEGIN("audience.list", "{where: \"lifecycle = 'cooling'\", order: 'id'}", "{count: 3, ids: ['p2', 'p3', 'p4']");
    SAY_BEGIN("audience.list", "{where: \"lifecycle = 'dormant'\", order: 'id'}", "{count: 2, ids: ['p5', 'p6']");
    SAY_BEGIN("audience.list", "{where: \"lifecycle = 'lost'\", order: 'id'}", "{count: 1, ids: ['p7']");
    say_buys(8, 1, 999, "10"); /* no gap before the latest */
    SAY_BEGIN("audience.list", "{where: \"lifecycle = 'active'\"}", "{count: 1, ids: ['p8']");
}

Test(rfm, the_forgotten_have_no_scores) {
    PUT;
    REFRESH;
    SAY_BEGIN("user.forget", "{id: 'p8'}", "{forgotten: 1, unknown: []");
    COUNT("rfm.f = 3", 2);
    COUNT("rfm.f is missing", 1);
}

Test(rfm, merged_users_are_scored_as_one) {
    PUT;
    REFRESH;
    SAY("user.merge", "{from: 'p0', into: 'p4'}", "{merged: true, events: 1, duplicates: 0}");
    SAY_BEGIN("audience.list", "{where: \"id = 'p4'\", fields: ['rfm.score', 'value.count', 'value.amount']}",
              "{count: 1, rows: [['p4', 323, 6, '150.00']]");
    COUNT("rfm.f = 1", 2);
}

/* p8 alone is asked about. */
Test(rfm, a_report_counts_an_audience) {
    PUT;
    REFRESH;
    SAY("audience.rfm", "{where: \"id in ('p8', 'p9')\"}",
        "{count: 2, scored: 1, grid: [{r: 3, f: 1, users: 0, amount: '0.00'}, {r: 3, f: 2, users: 0, amount: '0.00'},"
        " {r: 3, f: 3, users: 0, amount: '0.00'}, {r: 2, f: 1, users: 0, amount: '0.00'},"
        " {r: 2, f: 2, users: 0, amount: '0.00'}, {r: 2, f: 3, users: 0, amount: '0.00'},"
        " {r: 1, f: 1, users: 0, amount: '0.00'}, {r: 1, f: 2, users: 0, amount: '0.00'},"
        " {r: 1, f: 3, users: 1, amount: '90.00'}],"
        " cells: [{segment: '重要价值', users: 0, amount: '0.00'}, {segment: '重要发展', users: 0, amount: '0.00'},"
        " {segment: '重要保持', users: 1, amount: '90.00'}, {segment: '重要挽留', users: 0, amount: '0.00'},"
        " {segment: '一般价值', users: 0, amount: '0.00'}, {segment: '一般发展', users: 0, amount: '0.00'},"
        " {segment: '一般保持', users: 0, amount: '0.00'}, {segment: '一般挽留', users: 0, amount: '0.00'}],"
        " names: [{name: 'Champions', users: 0, amount: '0.00'}, {name: 'Loyal', users: 0, amount: '0.00'},"
        " {name: 'Potential Loyalists', users: 0, amount: '0.00'}, {name: 'New Customers', users: 0, amount: '0.00'},"
        " {name: 'Promising', users: 0, amount: '0.00'}, {name: 'Need Attention', users: 0, amount: '0.00'},"
        " {name: 'Cannot Lose Them', users: 1, amount: '90.00'}, {name: 'At Risk', users: 0, amount: '0.00'},"
        " {name: 'About To Sleep', users: 0, amount: '0.00'}, {name: 'Hibernating', users: 0, amount: '0.00'},"
        " {name: 'Lost', users: 0, amount: '0.00'}], lifecycle: [{stage: 'new', users: 0, amount: '0.00'},"
        " {stage: 'won back', users: 0, amount: '0.00'}, {stage: 'active', users: 0, amount: '0.00'},"
        " {stage: 'cooling', users: 1, amount: '90.00'}, {stage: 'dormant', users: 0, amount: '0.00'},"
        " {stage: 'lost', users: 0, amount: '0.00'}],"
        " value: {users: 1, repeat: 1, repeat_percent: '100.00', count: 9, amount: '90.00', average: '10.0000'}}");
    SAY_BEGIN("audience.rfm", "{}", "{count: 10, scored: 9,");
    SAY_BEGIN("audience.rfm", "{where: 'agee > 3'}", "303 name at 0: there is no attribute or tag set `agee`");
    SAY_BEGIN("audience.rfm", "{were: ''}", "300 argument: ");
}

/* What two sets of shards that heard the same requests say, word by word. */
Test(rfm, the_same_requests_give_the_same_scores_again) {
    static const char *const requests[][2] = {
        {"rfm.put", "{event: 'buy', days: 365, scores: {r: 5, f: 4, m: 3}}"},
        {"rfm.refresh", "{}"},
        {"event.append", "{events: [{type: 'buy', user: 'p9', time: 86300000000, amount: '12.50'},"
                         " {type: 'buy', user: 'p3', time: 86200000000}]}"},
        {"rfm.refresh", "{now: 86500000000}"},
        {"user.forget", "{id: 'p2'}"},
    };
    struct trio again;
    const struct trio first = trio;
    setup();
    again = trio;
    trio = first;
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        for (uint32_t t = 0; t < TRIO_COUNT; t++) {
            (void)rig_ask(&trio.rigs[t], requests[i][0], requests[i][1]);
            (void)rig_ask(&again.rigs[t], requests[i][0], requests[i][1]);
        }
    }
    static const char *const questions[][2] = {
        {"rfm.get", "{}"},
        {"audience.rfm", "{now: 86600000000}"},
        {"audience.list", "{where: '', order: 'id', fields: ['rfm.score', 'rfm.segment', 'lifecycle', 'value.next']}"},
    };
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        const char *wanted = rig_ask(&trio.rigs[0], questions[i][0], questions[i][1]);
        char *copy = strdup(wanted);
        for (uint32_t t = 0; t < TRIO_COUNT; t++) {
            cr_assert_str_eq(rig_ask(&trio.rigs[t], questions[i][0], questions[i][1]), copy);
            cr_assert_str_eq(rig_ask(&again.rigs[t], questions[i][0], questions[i][1]), copy);
        }
        free(copy);
    }
    trio_deinit(&again);
}
