/* audience_unit.c -- count, list, pages, sample, ask, explain, close: through the door, on one, two and three shards.
 */
#include "cursor.h"
#include "shard_trio.h"

static struct trio trio;

/* Nine people: ages 10, 20 .. 90 but for e, who has none; two cities. */
static void setup(void) {
    trio_init(&trio);
    SAY("schema.put",
        "{users: {attributes: [{name: 'age', type: 'int'}, {name: 'city', type: 'string'},"
        " {name: 'tier', type: 'enum', labels: ['silver', 'gold', 'jade']}, {name: 'money', type: 'decimal'}],"
        " tag_sets: [{name: 'tags'}]}, events: [{name: 'view'}]}",
        "{changed: true}");
    SAY("user.put",
        "{fields: ['id', 'age', 'city', 'tier', 'money'], rows: [['d', 40, 'north', 'gold', 4], ['b', 20, 'south', "
        "'jade', 2],"
        " ['e', nil, 'north', 'silver'], ['a', 10, 'south', nil, '-1.50'], ['c', 30, 'northwest-hill', 'gold', '4.00'],"
        " ['f', 60, 'northwest-lake', 'silver', 1], ['i', 90, nil, 'jade', 9], ['g', 70, 'south', 'gold', 4], ['h', "
        "80, "
        "'north', 'silver', 3]]}",
        "{accepted: 9, created: 9, refused: []}");
}

static void teardown(void) {
    trio_deinit(&trio);
}

TestSuite(audience, .init = setup, .fini = teardown);

Test(audience, counts_and_says_of_how_many) {
    SAY("audience.count", "{where: 'age > 35'}", "{count: 5, total: 9}");
    SAY("audience.count", "{where: ['>', 'age', 35]}", "{count: 5, total: 9}");
    SAY("audience.count", "{where: ''}", "{count: 9, total: 9}");
    SAY("audience.count", "{where: 'false'}", "{count: 0, total: 9}");
}

Test(audience, a_wrong_expression_says_where_and_what_is_near) {
    SAY_BEGIN("audience.count", "{where: 'agee > 35'}", "303 name at 0: there is no attribute or tag set `agee`");
    SAY_BEGIN("audience.list", "{where: 'age >'}", "301 syntax at 5: ");
    SAY_BEGIN("audience.sample", "{where: 'age > \\'x\\'', count: 1}", "302 type at 6: ");
    SAY("audience.count", "{}", "300 argument: the key `where` is needed");
    SAY("audience.count", "{where: 3}", "301 syntax at 0: expected an expression: a str or an array, found an int");
}

Test(audience, a_list_is_ordered_by_numbers_missing_last) {
    SAY("audience.list", "{where: '', order: 'age'}", "{count: 9, ids: ['a', 'b', 'c', 'd', 'f', 'g', 'h', 'i', 'e']}");
    SAY("audience.list", "{where: '', order: 'age', desc: true}",
        "{count: 9, ids: ['i', 'h', 'g', 'f', 'd', 'c', 'b', 'a', 'e']}");
    SAY("audience.list", "{where: '', order: 'age', desc: true, limit: 3}", "{count: 9, ids: ['i', 'h', 'g']}");
}

Test(audience, ties_go_by_id_bytes_in_both_directions) {
    SAY("audience.list", "{where: '', order: 'money'}",
        "{count: 9, ids: ['a', 'f', 'b', 'h', 'c', 'd', 'g', 'i', 'e']}");
    SAY("audience.list", "{where: '', order: 'money', desc: true, limit: 5}",
        "{count: 9, ids: ['i', 'c', 'd', 'g', 'h']}");
}

Test(audience, enums_are_ordered_by_rank_and_strings_by_bytes) {
    SAY("audience.list", "{where: '', order: 'tier', limit: 7, fields: ['tier']}",
        "{count: 9, rows: [['e', 'silver'], ['f', 'silver'], ['h', 'silver'], ['c', 'gold'], ['d', 'gold'], ['g', "
        "'gold'], "
        "['b', 'jade']]}");
    SAY("audience.list", "{where: '', order: 'city'}",
        "{count: 9, ids: ['d', 'e', 'h', 'c', 'f', 'a', 'b', 'g', 'i']}");
    SAY("audience.list", "{where: '', order: 'city', desc: true, limit: 5}",
        "{count: 9, ids: ['a', 'b', 'g', 'f', 'c']}");
}

Test(audience, a_list_is_ordered_by_id) {
    SAY("audience.list", "{where: 'age > 35', order: 'id'}", "{count: 5, ids: ['d', 'f', 'g', 'h', 'i']}");
    SAY("audience.list", "{where: 'age > 35', order: 'id', desc: true, limit: 2}", "{count: 5, ids: ['i', 'h']}");
    SAY("user.put", "{users: [{id: 'a-very-long-name-2'}, {id: 'a-very-long-name-10'}, {id: 'a-very-long-nam'}]}",
        "{accepted: 3, created: 3, refused: []}");
    SAY("audience.list",
        "{where: \"id in ('a-very-long-name-2', 'a-very-long-name-10', 'a-very-long-nam')\", order: 'id'}",
        "{count: 3, ids: ['a-very-long-nam', 'a-very-long-name-10', 'a-very-long-name-2']}");
}

Test(audience, an_order_that_does_not_exist_is_refused) {
    SAY("audience.list", "{where: '', order: 'agee'}",
        "303 name: there is no attribute `agee` to order by (did you mean `age`?)");
    SAY("audience.list", "{where: '', order: 'tags'}", "303 name: there is no attribute `tags` to order by");
    SAY("audience.list", "{where: '', desc: true}", "300 argument: `desc` needs `order`");
    SAY("audience.list", "{where: '', limit: 1000001}", "300 argument: `limit` must be from 0 to 1000000");
    SAY("audience.list", "{where: '', fields: ['agee']}",
        "303 name: there is no attribute or tag set `agee` (did you mean `age`?)");
    SAY("audience.list", "{where: '', fields: ['age', 'age']}", "300 argument: `age` stands twice in `fields`");
}

Test(audience, a_limit_of_nothing_still_counts) {
    SAY("audience.list", "{where: '', limit: 0}", "{count: 9, ids: []}");
    SAY("audience.list", "{where: '', limit: 0, order: 'age'}", "{count: 9, ids: []}");
    SAY("audience.sample", "{where: '', count: 0}", "{count: 9, ids: []}");
}

Test(audience, ordered_pages_go_on_where_the_last_one_ended) {
    SAY_BEGIN("audience.list", "{where: '', order: 'age', limit: 4, keep: true, fields: ['age']}",
              "{count: 9, rows: [['a', 10], ['b', 20], ['c', 30], ['d', 40]], cursor: '");
    SAY_PAGE("{cursor: $, limit: 3}", "{rows: [['f', 60], ['g', 70], ['h', 80]], cursor: '");
    SAY_PAGE("{cursor: $, limit: 3}", "{rows: [['i', 90], ['e', nil]], skipped: 0}");
}

Test(audience, pages_are_of_the_audience_as_it_was) {
    SAY_BEGIN("audience.list", "{where: 'age >= 10', order: 'age', limit: 2, keep: true}",
              "{count: 8, ids: ['a', 'b'], cursor: '");
    char cursors[TRIO_COUNT][4096];
    for (int i = 0; i < TRIO_COUNT; i++)
        (void)snprintf(cursors[i], sizeof cursors[i], "%.4000s", rig_cursor(&trio.rigs[i]));
    SAY("user.put", "{users: [{id: 'z', age: 25}, {id: 'c', age: 1}]}", "{accepted: 2, created: 1, refused: []}");
    SAY_BEGIN("user.forget", "{ids: ['d', 'i']}", "{forgotten: 2, unknown: []");
    for (int i = 0; i < TRIO_COUNT; i++) { /* new people never take the places of the forgotten in an open cursor */
        char params[5000];
        cr_assert_str_eq(rig_ask(&trio.rigs[i], "user.put", "{users: [{id: 'y', age: 2}, {id: 'x', age: 3}]}"),
                         "{accepted: 2, created: 2, refused: []}");
        (void)snprintf(params, sizeof params, "{cursor: %.4000s, limit: 2}", cursors[i]);
        cr_assert(strncmp(rig_ask(&trio.rigs[i], "audience.list", params), "{ids: ['c', 'f'], cursor: ", 26) == 0);
        /* The same page again: its answer was lost, say. */
        cr_assert(strncmp(rig_ask(&trio.rigs[i], "audience.list", params), "{ids: ['c', 'f'], cursor: ", 26) == 0);
    }
    SAY_PAGE("{cursor: $, limit: 100}", "{ids: ['g', 'h'], skipped: ");
}

Test(audience, skipped_people_are_counted_once_over_all_pages) {
    SAY_BEGIN("audience.list", "{where: '', order: 'id', limit: 1, keep: true}", "{count: 9, ids: ['a'], cursor: '");
    char cursors[TRIO_COUNT][4096];
    for (int i = 0; i < TRIO_COUNT; i++)
        (void)snprintf(cursors[i], sizeof cursors[i], "%.4000s", rig_cursor(&trio.rigs[i]));
    SAY_BEGIN("user.forget", "{ids: ['a', 'b', 'c', 'h', 'i']}", "{forgotten: 5, unknown: []");
    for (int i = 0; i < TRIO_COUNT; i++) {
        long long skipped = 0;
        char listed[100] = "";
        char cursor[4096];
        (void)snprintf(cursor, sizeof cursor, "%.4000s", cursors[i]);
        while (cursor[0] != '\0') {
            char params[5000];
            (void)snprintf(params, sizeof params, "{cursor: %.4000s, limit: 1}", cursor);
            const char *answer = rig_ask(&trio.rigs[i], "audience.list", params);
            const char *id = strstr(answer, "['");
            if (id != NULL) (void)strncat(listed, id + 2, 1);
            skipped += atoll(strstr(answer, "skipped: ") + 9);
            (void)snprintf(cursor, sizeof cursor, "%.4000s", rig_cursor(&trio.rigs[i]));
        }
        cr_assert_str_eq(listed, "defg");
        cr_assert_eq(skipped, 4, "a was read before it was forgotten; %lld", skipped);
    }
}

/* Letters of the ids that all pages list, in order. */
static void drain(struct rig *rig, const char *params, char letters[64]) {
    const char *answer = rig_ask(rig, "audience.list", params);
    for (letters[0] = '\0';;) {
        const char *end = strchr(answer, ']');
        for (const char *at = strchr(answer, '[') + 1; at < end; at++)
            if (*at >= 'a' && *at <= 'z') (void)strncat(letters, at, 1);
        if (rig_cursor(rig)[0] == '\0') return;
        char next[5000];
        (void)snprintf(next, sizeof next, "{cursor: %.4000s, limit: 2}", rig_cursor(rig));
        answer = rig_ask(rig, "audience.list", next);
    }
}

static int compare_letters(const void *a, const void *b) {
    return *(const char *)a - *(const char *)b;
}

Test(audience, unordered_pages_never_overlap_and_miss_nobody) {
    for (int i = 0; i < TRIO_COUNT; i++) {
        char letters[64];
        drain(&trio.rigs[i], "{where: '', limit: 2, keep: true}", letters);
        qsort(letters, strlen(letters), 1, compare_letters);
        cr_assert_str_eq(letters, "abcdefghi");
        cr_assert(strstr(rig_ask(&trio.rigs[i], "stats", "{}"), "cursors: 0") != NULL, "%s",
                  rig_ask(&trio.rigs[i], "stats", "{}"));
    }
}

Test(audience, a_cursor_is_closed_by_hand_or_by_resting) {
    SAY_BEGIN("audience.list", "{where: '', limit: 2, keep: true, order: 'id'}",
              "{count: 9, ids: ['a', 'b'], cursor: '");
    char cursors[TRIO_COUNT][4096];
    for (int i = 0; i < TRIO_COUNT; i++)
        (void)snprintf(cursors[i], sizeof cursors[i], "%.4000s", rig_cursor(&trio.rigs[i]));
    for (int i = 0; i < TRIO_COUNT; i++) {
        struct rig *rig = &trio.rigs[i];
        char params[5000];
        (void)snprintf(params, sizeof params, "{cursor: %.4000s}", cursors[i]);
        cr_assert_str_eq(rig_ask(rig, "audience.close", params), "{closed: true}");
        cr_assert_str_eq(rig_ask(rig, "audience.close", params), "{closed: false}");
        cr_assert_str_eq(rig_ask(rig, "audience.list", params),
                         "304 not_found: that cursor is not open (one that rests for 300 seconds is closed)");
        (void)rig_ask(rig, "audience.list", "{where: '', limit: 2, keep: true}");
        for (uint32_t s = 0; s < rig->shard_count; s++)
            sh_shard_tick(rig->shards[s], rig->now_ms + 299999);
        cr_assert(strstr(rig_ask(rig, "stats", "{}"), "cursors: 1") != NULL);
        for (uint32_t s = 0; s < rig->shard_count; s++)
            sh_shard_tick(rig->shards[s], rig->now_ms + 300000);
        cr_assert(strstr(rig_ask(rig, "stats", "{}"), "cursors: 0") != NULL);
    }
}

Test(audience, what_is_no_cursor_is_refused) {
    static const char *const wrong[] = {"''", "'x'", "'1'", "'1.u'", "'1.x.0-0'", "'1.u.2-1'", "'1.u.0-1.0-1.0-1.0-1'"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char params[100];
        (void)snprintf(params, sizeof params, "{cursor: %s}", wrong[i]);
        SAY("audience.list", params, "300 argument: `cursor` is not one that this server gave");
        SAY("audience.close", params, "300 argument: `cursor` is not one that this server gave");
    }
    SAY("audience.list", "{cursor: 'x', where: ''}", "300 argument: `where` was fixed when the cursor was made");
    SAY_BEGIN("audience.list", "{where: '', part_close: true}", "300 argument: unknown key `part_close`");
}

Test(audience, a_cursor_belongs_to_its_workspace) {
    SAY_BEGIN("audience.list", "{where: '', limit: 2, keep: true, order: 'id'}",
              "{count: 9, ids: ['a', 'b'], cursor: '");
    for (int i = 0; i < TRIO_COUNT; i++) {
        struct rig *rig = &trio.rigs[i];
        char params[5000];
        (void)snprintf(params, sizeof params, "{cursor: %.4000s}", rig_cursor(rig));
        rig->workspace = "other";
        cr_assert_str_eq(rig_ask(rig, "schema.put", "{}"), "{changed: true}");
        cr_assert(strncmp(rig_ask(rig, "audience.list", params), "304 not_found", 13) == 0);
        rig->workspace = "default";
        cr_assert(strncmp(rig_ask(rig, "audience.list", params), "{ids: ['c', 'd'", 15) == 0);
    }
}

Test(audience, open_cursors_are_bounded_in_number) {
    struct rig *rig = &trio.rigs[0];
    for (int i = 0; i < SH_CURSOR_COUNT_MAX; i++)
        cr_assert(strncmp(rig_ask(rig, "audience.list", "{where: '', limit: 1, keep: true}"), "{count: 9", 9) == 0);
    cr_assert_str_eq(
        rig_ask(rig, "audience.list", "{where: '', limit: 1, keep: true}"),
        "402 limit: 1024 cursors are open, and no more are allowed (read them to their end, or close them with "
        "audience.close)");
    cr_assert(strncmp(rig_ask(rig, "audience.list", "{where: '', limit: 9, keep: true}"), "{count: 9", 9) == 0);
    /* On several shards, those that may be done make room. */
    rig = &trio.rigs[1];
    for (int i = 0; i < 2 * SH_CURSOR_COUNT_MAX; i++)
        cr_assert(strncmp(rig_ask(rig, "audience.list", "{where: '', limit: 9, keep: true}"), "{count: 9", 9) == 0);
}

Test(audience, a_sample_is_the_same_and_nested_for_any_number_of_shards) {
    char text[TRIO_COUNT][200];
    for (int count = 1; count <= 10; count++) {
        char params[100];
        (void)snprintf(params, sizeof params, "{where: '', count: %d, seed: 'spring'}", count);
        for (int i = 0; i < TRIO_COUNT; i++) {
            const char *answer = rig_ask(&trio.rigs[i], "audience.sample", params);
            const size_t known = count == 1 ? 0 : strlen(text[i]) - 2; /* without "]}" */
            if (count > 1) cr_assert(strncmp(answer, text[i], known) == 0, "%s is not nested in %s", text[i], answer);
            (void)snprintf(text[i], sizeof text[i], "%s", answer);
            cr_assert_str_eq(text[i], text[0]);
        }
    }
}

Test(audience, a_sample_depends_on_its_seed_and_tells_fields) {
    SAY("audience.sample", "{where: \"tier = 'jade'\", count: 5, fields: ['age']}",
        "{count: 2, rows: [['b', 20], ['i', 90]]}");
    SAY("audience.sample", "{where: \"tier = 'jade'\", count: 5, seed: 3, fields: ['age']}",
        "{count: 2, rows: [['i', 90], ['b', 20]]}");
    SAY("audience.sample", "{where: \"tier = 'jade'\", count: 5, seed: '3', fields: ['age']}",
        "{count: 2, rows: [['i', 90], ['b', 20]]}");
    SAY("audience.sample", "{where: ''}", "300 argument: the key `count` is needed");
}

Test(audience, one_evaluation_answers_several_asks) {
    SAY_BEGIN("audience.ask",
              "{where: 'age > 15', list: {limit: 2, order: 'age', desc: true, fields: ['age'], keep: true},"
              " sample: {count: 2, seed: 's'}}",
              "{count: 7, total: 9, list: {rows: [['i', 90], ['h', 80]], cursor: '");
    SAY_PAGE("{cursor: $, limit: 2}", "{rows: [['g', 70], ['f', 60]], cursor: '");
    SAY("audience.ask", "{where: 'age > 15', count: true}", "{count: 7, total: 9}");
    SAY("audience.ask", "{where: 'age > 15', list: {limits: 2}}",
        "300 argument: unknown key `limits` (did you mean `limit`?)");
    SAY("audience.ask", "{where: 'age > 15', sample: {}}", "300 argument: the key `count` is needed");
    SAY("audience.ask", "{where: 'age > 85', list: {order: 'id'}, sample: {count: 3}}",
        "{count: 1, total: 9, list: {ids: ['i']}, sample: {ids: ['i']}}");
}

Test(audience, what_is_not_asked_for_is_not_answered) {
    SAY("audience.ask", "{where: 'age > 85', count: false, list: {order: 'id'}}", "{list: {ids: ['i']}}");
    SAY("audience.ask", "{where: 'age > 85', count: false, sample: {count: 3}}", "{sample: {ids: ['i']}}");
    SAY("audience.ask", "{where: 'age > 85', count: false}",
        "300 argument: nothing is asked for (without `count`, give `list` or `sample`)");
}

Test(audience, a_question_has_the_time_that_it_is_given) {
    SAY("audience.count", "{where: 'age > 15', timeout_ms: 1000}", "{count: 7, total: 9}");
    SAY("audience.list", "{where: 'age > 85', timeout_ms: 1000}", "{count: 1, ids: ['i']}");
    SAY("audience.count", "{where: '', timeout_ms: 0}", "300 argument: `timeout_ms` must be from 1 to 3600000");
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].tick_ns = 2000000; /* between two looks at the clock */
    const char *late = "401 deadline: the question was not answered within 1 ms"
                       " (ask again when there is less to do, or with a longer `timeout_ms`)";
    SAY("audience.count", "{where: 'age > 15', timeout_ms: 1}", late);
    SAY("audience.list", "{where: '', order: 'age', keep: true, timeout_ms: 1}", late);
    SAY("audience.sample", "{where: '', count: 3, timeout_ms: 1}", late);
    SAY("audience.ask", "{where: '', sample: {count: 3}, timeout_ms: 1}", late);
    SAY("audience.count", "{where: 'age > 15', timeout_ms: 1000}", "{count: 7, total: 9}");
}

Test(audience, now_moves_windows) {
    SAY("event.append", "{event: {type: 'view', user: 'a', time: 1760000000000}}",
        "{accepted: 1, duplicates: 0, refused: []}");
    SAY("audience.count", "{where: 'did(view, last 1 days)'}", "{count: 1, total: 9}");
    SAY("audience.count", "{where: 'did(view, last 1 days)', now: 1760086400000}", "{count: 0, total: 9}");
    SAY("audience.count", "{where: 'did(view, last 1 days)', now: '2025-10-09T08:53:20Z'}", "{count: 1, total: 9}");
    SAY("audience.count", "{where: 'did(view, last 1 days)', now: 1759999999999}", "{count: 0, total: 9}");
    SAY("audience.count", "{where: '', now: true}", "300 argument: `now` must be an int or a str, but is a bool");
    SAY_BEGIN("audience.count", "{where: '', now: 'later'}", "300 argument");
}

Test(audience, explain_prints_the_program_and_its_canonical_form) {
    const char *answer = rig_ask(&trio.rigs[0], "audience.explain",
                                 "{where: \"age > 15 and tier = 'gold' and age > 15\", analyze: true}");
    cr_assert(strstr(answer, "canonical: 'age > 15 and tier = \\'gold\\''") != NULL, "%s", answer);
    cr_assert(strstr(answer, "tree: ['and', ['>', 'age', 15], ['=', 'tier', 'gold']]") != NULL, "%s", answer);
    cr_assert(strstr(answer, "value bitmap") != NULL, "%s", answer);
    cr_assert(strstr(answer, "rows: 3") != NULL, "%s", answer);
    SAY_BEGIN("audience.explain", "{where: 'agee > 1'}", "303 name at 0");
}

/* The first answer's number under that name in the line of that clause. */
static long long line_number(const char *answer, const char *clause, const char *name) {
    char key[80];
    const char *line = strstr(strstr(answer, "lines: ["), clause);
    (void)snprintf(key, sizeof key, " %s: ", name);
    cr_assert(line != NULL && strstr(line, key) != NULL, "no %s of %s in %s", name, clause, answer);
    return atoll(strstr(line, key) + strlen(key));
}

Test(audience, explain_speaks_for_all_shards) {
    const char *params = "{where: \"age > 15 and (tier = 'gold' or tier = 'jade')\", analyze: true}";
    SAY("audience.count", "{where: \"age > 15 and (tier = 'gold' or tier = 'jade')\"}", "{count: 5, total: 9}");
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer = rig_ask(&trio.rigs[i], "audience.explain", params);
        cr_assert_eq(line_number(answer, "clause: 'age > 15 and", "rows"), 5, "%s", answer);
        cr_assert_eq(line_number(answer, "clause: 'age > 15 and", "blocks_run") +
                         line_number(answer, "clause: 'age > 15 and", "blocks_skipped"),
                     i + 1, "%s", answer);
    }
}

/* A text that one shard's users alone have: the others know that nobody is left, and have no lines below the first. */
Test(audience, explain_shows_the_program_of_a_shard_that_has_one) {
    SAY("user.put", "{user: {id: 'a', city: 'Faro'}}", "{accepted: 1, created: 0, refused: []}");
    for (int i = 0; i < TRIO_COUNT; i++) {
        const char *answer =
            rig_ask(&trio.rigs[i], "audience.explain", "{where: \"city = 'Faro' and age > 1\", analyze: true}");
        cr_assert_eq(line_number(answer, "clause: 'city = \\'Faro\\''", "rows"), 1, "%s", answer);
    }
}

/* Found by asking: trees of more than 31 arrays were refused, and so was the explanation that holds one. */
Test(audience, an_expression_as_deep_as_allowed_may_come_as_a_tree) {
    char text[8192] = "age > 15";
    char tree[8192] = "['>', 'age', 15]";
    char params[8400];
    for (int depth = 2; depth <= SH_EXPRESSION_DEPTH_MAX; depth++) {
        char inner[8192];
        const char *word = depth % 2 == 0 ? "and" : "or";
        memcpy(inner, text, sizeof inner);
        (void)snprintf(text, sizeof text, "(%.8000s %s age != %d)", inner, word, depth);
        memcpy(inner, tree, sizeof inner);
        (void)snprintf(tree, sizeof tree, "['%s', %.8000s, ['!=', 'age', %d]]", word, inner, depth);
    }
    (void)snprintf(params, sizeof params, "{where: '%s'}", text);
    char answer[100];
    (void)snprintf(answer, sizeof answer, "%.99s", rig_ask(&trio.rigs[0], "audience.count", params));
    cr_assert(strncmp(answer, "{count: ", 8) == 0, "%s", answer);
    SAY("audience.count", params, answer);
    (void)rig_ask(&trio.rigs[0], "audience.explain", params);
    struct sh_cursor cursor;
    sh_cursor_init(&cursor, trio.rigs[0].body.bytes, trio.rigs[0].body.count);
    trio.rigs[0].body.bytes[0]--; /* took_us is not there */
    cr_assert_eq(sh_cursor_skip(&cursor, NULL, NULL), SH_OK);
    (void)snprintf(params, sizeof params, "{where: %s}", tree);
    SAY("audience.count", params, answer);
}

Test(audience, steps_of_one_block_give_the_same_answers) {
    for (int i = 0; i < TRIO_COUNT; i++)
        trio.rigs[i].step_blocks = 1;
    SAY("audience.list", "{where: '', order: 'age'}", "{count: 9, ids: ['a', 'b', 'c', 'd', 'f', 'g', 'h', 'i', 'e']}");
}
