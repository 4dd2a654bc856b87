/* insight_unit.c -- what an audience is like: through the door, on one, two and three shards. */
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
