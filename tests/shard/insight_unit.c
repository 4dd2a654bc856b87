/* insight_unit.c -- overlap, insight, waterfall, why, look-alikes: through the door, on one, two and three shards. */
#include "shard_trio.h"

static struct trio trio;

/* Nine people as in audience_unit.c, some with tags and purchases. */
static void setup(void) {
    trio_init(&trio);
    SAY("schema.put",
        "{zone: 'Asia/Shanghai', users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold', 'jade']}, {name: 'money', type: 'decimal'},"
        " {name: 'ok', type: 'bool'}, {name: 'born', type: 'date'}], tag_sets: [{name: 'tags'}]},"
        " items: {attributes: [{name: 'kind', type: 'string'}]},"
        " events: [{name: 'view'}, {name: 'buy', properties: [{name: 'store', type: 'string'},"
        " {name: 'pieces', type: 'int'}]}]}",
        "{changed: true}");
    SAY("user.put",
        "{fields: ['id', 'age', 'city', 'tier', 'money', 'tags', 'ok', 'born'], rows: ["
        "['d', 40, 'north', 'gold', 4, ['tea', 'run'], true, '1990-01-31'], ['b', 20, 'south', 'jade', 2, ['tea']],"
        " ['e', nil, 'north', 'silver'], ['a', 10, 'south', nil, '-1.50', ['run', 'tea', 'sea'], false],"
        " ['c', 30, 'lake', 'gold', '4.00', ['sea']], ['f', 60, 'lake', 'silver', 1],"
        " ['i', 90, nil, 'jade', 9, ['tea']], ['g', 70, 'south', 'gold', 4], ['h', 80, 'north', 'silver', 3]]}",
        "{accepted: 9, created: 9, refused: []}");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(insight, .init = setup, .fini = teardown);

/* ---- overlap ---- */

Test(insight, overlap_counts_each_and_each_two) {
    SAY("audience.overlap", "{sets: ['age > 35', \"tags has 'tea'\", 'false', '']}",
        "{total: 9, counts: [5, 4, 0, 9], matrix: [[5, 2, 0, 5], [2, 4, 0, 4], [0, 0, 0, 0], [5, 4, 0, 9]]}");
    SAY("audience.overlap", "{sets: [['>', 'age', 35]]}", "{total: 9, counts: [5], matrix: [[5]]}");
}

Test(insight, combinations_count_everybody_once) {
    SAY("audience.overlap", "{sets: [\"tags has 'tea'\", \"tags has 'run'\", \"tags has 'sea'\"], combinations: true}",
        "{total: 9, counts: [4, 2, 2], matrix: [[4, 2, 1], [2, 2, 1], [1, 1, 2]], none: 4, combinations: "
        "[{sets: [0], count: 2}, {sets: [0, 1], count: 1}, {sets: [2], count: 1}, {sets: [0, 1, 2], count: 1}]}");
}

Test(insight, a_set_that_is_wrong_is_named) {
    SAY("audience.overlap", "{sets: ['age > 35', 'agee > 3']}",
        "303 name at 0: `sets`, number 1: there is no attribute or tag set `agee` (did you mean age?)");
    SAY("audience.overlap", "{sets: []}", "300 argument: `sets` is empty: name at least one audience");
    SAY("audience.overlap", "{}", "300 argument: the key `sets` is needed");
    SAY("audience.overlap",
        "{combinations: true, sets: ['', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '', '']}",
        "102 too_large: `sets` has 17 elements; combinations are counted for at most 16");
}

/* ---- insight ---- */

Test(insight, values_have_counts_shares_and_an_index_against_the_base) {
    SAY("audience.insight", "{where: 'age >= 60', dimensions: [{of: 'city', top: 2}, 'tags']}",
        "{count: 4, base: 9, total: 9, dimensions: [{kind: 'values', of: 'city', missing: 1, different: 3, values: "
        "[{value: 'north', count: 1, share: 0.25, base: 3, index: 75.0}, {value: 'south', count: 1, share: 0.25, base: "
        "3, index: 75.0}]}, {kind: 'values', of: 'tags', different: 1, values: [{value: 'tea', count: 1, share: 0.25, "
        "base: 4, index: 56.25}]}]}");
    SAY("audience.insight", "{where: 'age >= 60', base: 'age >= 30', dimensions: ['tier', 'ok']}",
        "{count: 4, base: 6, total: 9, dimensions: [{kind: 'values', of: 'tier', missing: 0, different: 3, values: "
        "[{value: 'silver', count: 2, share: 0.5, base: 2, index: 1.5e+02}, {value: 'gold', count: 1, share: 0.25, "
        "base: 3, index: 5e+01}, {value: 'jade', count: 1, share: 0.25, base: 1, index: 1.5e+02}]}, {kind: 'values', "
        "of: 'ok', missing: 4, different: 0, values: []}]}");
}

Test(insight, numbers_have_percentiles_by_nearest_rank) {
    SAY("audience.insight",
        "{where: '', dimensions: [{of: 'age', percentiles: [50, 12.5], bins: 2}, {of: 'money', bins: 0, percentiles: "
        "[]}]}",
        "{count: 9, base: 9, total: 9, dimensions: [{kind: 'numbers', of: 'age', count: 8, missing: 1, sum: 400, mean: "
        "'50.00', min: 10, max: 90, percentiles: [[50, 40], [12.5, 10]], histogram: [{from: 10, to: 50, count: 4}, "
        "{from: 51, to: 91, count: 4}]}, {kind: 'numbers', of: 'money', count: 8, missing: 1, sum: '25.50', mean: "
        "'3.1875', min: '-1.50', max: '9.00', percentiles: [], histogram: []}]}");
    SAY("audience.insight", "{where: 'false', dimensions: ['born', 'age']}",
        "{count: 0, base: 9, total: 9, dimensions: [{kind: 'numbers', of: 'born', count: 0, missing: 0, min: nil, max: "
        "nil, percentiles: [], histogram: []}, {kind: 'numbers', of: 'age', count: 0, missing: 0, sum: 0, mean: nil, "
        "min: nil, max: nil, percentiles: [], histogram: []}]}");
}

Test(insight, events_are_counted_by_users_and_by_events) {
    SAY("event.append",
        "{fields: ['type', 'user', 'time', 'item', 'store', 'amount'], rows: [['buy', 'a', '2025-10-01 00:30', 'i1', "
        "'s1', 5], ['buy', 'a', '2025-10-01 23:30', 'i1', 's1', '2.50'], ['buy', 'b', '2025-10-03', 'i2', 's1'], "
        "['view', 'b', '2025-10-03', 'i2']]}",
        "{accepted: 4, duplicates: 0, refused: []}");
    SAY("audience.insight",
        "{where: '', now: '2025-10-04', dimensions: [{events: 'buy, last 7 days', of: 'store'}, {events: \"buy where "
        "store = 's1'\", of: 'amount', bins: 0, percentiles: [50]}, {events: \"buy, on '2025-10-01'\", per: 'day'}]}",
        "{count: 9, base: 9, total: 9, dimensions: [{kind: 'event_values', of: 'store', events: 'buy, last 7 days', "
        "count: 3, users: 2, missing: 0, different: 1, values: [{value: 's1', users: 2, user_share: 0.222222, events: "
        "3, event_share: 1.0}]}, {kind: 'numbers', of: 'amount', events: 'buy where store = \\'s1\\'', users: 2, "
        "count: 2, missing: 1, sum: '7.50', mean: '3.7500', min: '2.50', max: '5.00', percentiles: [[50, '2.50']], "
        "histogram: []}, {kind: 'days', events: 'buy, on \\'2025-10-01\\'', count: 2, users: 1, days: [{day: "
        "'2025-10-01', users: 1, events: 2}]}]}");
    SAY("audience.insight", "{where: '', now: '2025-10-04', dimensions: [{events: 'buy', per: 'day'}]}",
        "{count: 9, base: 9, total: 9, dimensions: [{kind: 'days', events: 'buy', count: 3, users: 2, days: [{day: "
        "'2025-10-01', users: 1, events: 2}, {day: '2025-10-02', users: 0, events: 0}, {day: '2025-10-03', users: 1, "
        "events: 1}, {day: '2025-10-04', users: 0, events: 0}]}]}");
}

Test(insight, a_cross_is_a_table_of_two) {
    SAY("audience.insight", "{where: '', dimensions: [{cross: ['city', 'tier']}]}",
        "{count: 9, base: 9, total: 9, dimensions: [{kind: 'cross', of: 'city', with: 'tier', rows: ['north', 'south', "
        "'lake', nil], columns: ['gold', 'silver', 'jade', nil], counts: [[1, 2, 0, 0], [1, 0, 1, 1], [1, 1, 0, 0], "
        "[0, 0, 1, 0]]}]}");
}

Test(insight, a_wrong_dimension_is_named) {
    SAY("audience.insight", "{where: '', dimensions: ['city', 'ctiy']}",
        "303 name: `dimensions`, number 1: there is no attribute or tag set `ctiy` (did you mean `city`?)");
    SAY("audience.insight", "{where: '', dimensions: [{events: 'buy, last 7 dys', of: 'store'}]}",
        "301 syntax at 12: `dimensions`, number 0: expected `minutes`, `hours`, `days`, `weeks` or `calendar`, found "
        "the word `dys`");
    SAY("audience.insight", "{where: '', dimensions: [{events: 'buy', of: 'stor'}]}",
        "303 name: `dimensions`, number 0: `buy` has no property `stor` (did you mean `store`?)");
}

/* ---- waterfall, why, look-alikes ---- */

Test(insight, a_waterfall_goes_by_the_written_order) {
    SAY("audience.waterfall", "{where: \"tier >= 'gold' and city = 'north' and age > 35\"}",
        "{total: 9, count: 1, kind: 'and', steps: [{clause: 'tier >= \\'gold\\'', alone: 5, after: 5, removed: 4, "
        "only: 1}, {clause: 'city = \\'north\\'', alone: 3, after: 1, removed: 4, only: 2}, {clause: 'age > 35', "
        "alone: 5, after: 1, removed: 0, only: 0}]}");
    SAY("audience.waterfall", "{where: \"tags has 'tea' or city = 'north'\"}",
        "{total: 9, count: 6, kind: 'or', steps: [{clause: 'tags has \\'tea\\'', alone: 4, after: 4, added: 4, only: "
        "3}, {clause: 'city = \\'north\\'', alone: 3, after: 6, added: 2, only: 2}]}");
}

Test(insight, why_says_of_each_clause_whether_it_holds_and_what_was_found) {
    SAY("audience.why", "{user: 'd', where: \"tier >= 'jade' and (tags has 'tea' or did(buy)) and not money > 9\"}",
        "{user: 'd', matches: false, lines: [{depth: 0, kind: 'and', clause: '(did(buy) or tags has \\'tea\\') and not "
        "money > 9 and tier >= \\'jade\\'', holds: false}, {depth: 1, kind: 'or', clause: 'did(buy) or tags has "
        "\\'tea\\'', holds: true}, {depth: 2, kind: 'clause', clause: 'did(buy)', holds: false, found: 0}, {depth: 2, "
        "kind: 'clause', clause: 'tags has \\'tea\\'', holds: true, found: ['run', 'tea']}, {depth: 1, kind: 'not', "
        "clause: 'not money > 9', holds: true}, {depth: 2, kind: 'clause', clause: 'money > 9', holds: false, found: "
        "'4.00'}, {depth: 1, kind: 'clause', clause: 'tier >= \\'jade\\'', holds: false, found: 'gold'}]}");
    SAY("audience.why", "{user: 'nobody', where: 'age > 3'}", "304 not_found: there is no user `nobody`");
}

Test(insight, look_alikes_leave_out_seeds_and_excluded_people) {
    SAY("audience.lookalike", "{seeds: \"tags has 'tea'\", exclude: 'age > 65', count: 3}",
        "{seeds: 4, candidates: 3, features: [{of: 'tags', value: 'tea', weight: 4.595, seeds: 4, users: 4}, {of: "
        "'tier', value: 'silver', weight: -2.534, seeds: 0, users: 3}, {of: 'tags', value: 'run', weight: 2.398, "
        "seeds: 2, users: 2}, {of: 'tier', value: 'jade', weight: 2.398, seeds: 2, users: 2}, {of: 'city', value: "
        "'lake', weight: -1.861, seeds: 0, users: 2}, {of: 'ok', value: false, weight: 1.551, seeds: 1, users: 1}, "
        "{of: 'ok', value: true, weight: 1.551, seeds: 1, users: 1}, {of: 'city', value: 'south', weight: 1.099, "
        "seeds: 2, users: 3}, {of: 'city', value: 'north', weight: -0.511, seeds: 1, users: 3}, {of: 'tier', value: "
        "'gold', weight: -0.511, seeds: 1, users: 3}, {of: 'tags', value: 'sea', weight: 0.251, seeds: 1, users: 2}], "
        "ids: ['c', 'e', 'f'], curve: [{rank: 1, score: -2.121}, {rank: 2, score: -3.045}, {rank: 3, score: -4.395}]}");
    SAY("audience.lookalike", "{seeds: 'false', count: 3}",
        "300 argument: nobody matches `seeds`: there is nobody to be like");
}
