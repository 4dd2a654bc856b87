/* query_sequence_unit.c -- the rule of sequences, example by example; and paths with their times against every way
 * there is, tried one by one. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "../support/split_random.h"
#include "hash.h"
#include "query_sequence.h"
#include "query_shop.h"

/* ---- Marks from a text: "a1 b5 ab7" are events at 1, 5 and 7 ms that satisfy step a, b, and a and b ---- */

enum { MARKS_MAX = 64 };

static uint32_t read_marks(const char *text, struct sh_sequence_mark *marks) {
    uint32_t count = 0;
    for (const char *at = text; *at != '\0';) {
        struct sh_sequence_mark mark = {.steps = 0};
        char *end;
        for (; *at >= 'a' && *at <= 'p'; at++)
            mark.steps |= (uint16_t)(1u << (*at - 'a'));
        mark.time_ms = strtoll(at, &end, 10);
        at = *end == ' ' ? end + 1 : end;
        marks[count++] = mark;
    }
    return count;
}

/* "3: +4+2 +6+2": three steps reached, the second 4 after the first and 2 after the one before it, the third ... */
static const char *follow(uint32_t step_count, bool is_strict, int64_t within_ms, const char *text) {
    static char words[256];
    struct sh_sequence_mark marks[MARKS_MAX];
    const struct sh_sequence sequence = {
        .step_count = step_count, .reach = step_count, .is_strict = is_strict, .within_ms = within_ms};
    struct sh_sequence_path path;
    sh_sequence_follow(&sequence, marks, read_marks(text, marks), &path);
    int at = snprintf(words, sizeof words, "%u:", path.reached);
    for (uint32_t i = 1; i < path.reached; i++)
        at += snprintf(words + at, sizeof words - (size_t)at, " +%lld+%lld", (long long)path.since_first_ms[i],
                       (long long)path.since_previous_ms[i]);
    return words;
}

#define EVER INT64_MAX

Test(query_sequence, steps_are_taken_one_behind_the_other) {
    cr_expect_str_eq(follow(3, false, EVER, "a1 b5 c7"), "3: +4+4 +6+2");
    cr_expect_str_eq(follow(3, false, EVER, "c1 b5 a7"), "1:");
    cr_expect_str_eq(follow(3, false, EVER, "b1 c5"), "0:");
    cr_expect_str_eq(follow(3, false, EVER, ""), "0:");
    cr_expect_str_eq(follow(1, false, EVER, "a1"), "1:");
}

Test(query_sequence, any_first_step_may_be_the_start_and_the_furthest_counts) {
    /* The first a is too early for c, the second is not. */
    cr_expect_str_eq(follow(3, false, 5, "a1 b2 a4 b5 c9"), "3: +1+1 +5+4");
    cr_expect_str_eq(follow(3, false, 4, "a1 b2 a4 b5 c9"), "2: +1+1");
    /* The second a has no b of its own: the first one still leads on. */
    cr_expect_str_eq(follow(3, false, EVER, "a1 b2 a4 c9"), "3: +1+1 +8+7");
}

Test(query_sequence, within_counts_from_the_first_step_and_takes_its_bound_in) {
    cr_expect_str_eq(follow(3, false, 6, "a1 b5 c7"), "3: +4+4 +6+2");
    cr_expect_str_eq(follow(3, false, 5, "a1 b5 c7"), "2: +4+4");
    cr_expect_str_eq(follow(2, false, 0, "a1 b1"), "2: +0+0");
}

Test(query_sequence, one_event_is_one_step) {
    cr_expect_str_eq(follow(2, false, EVER, "ab1"), "1:");
    cr_expect_str_eq(follow(2, false, EVER, "ab1 ab1"), "2: +0+0");
    cr_expect_str_eq(follow(3, false, EVER, "abc1 abc2 abc4"), "3: +1+1 +3+2");
}

Test(query_sequence, equal_times_follow_each_other_as_they_arrived) {
    cr_expect_str_eq(follow(2, false, EVER, "a5 b5"), "2: +0+0");
    cr_expect_str_eq(follow(2, false, EVER, "b5 a5"), "1:");
}

Test(query_sequence, loose_passes_over_everything_between) {
    cr_expect_str_eq(follow(3, false, EVER, "a1 c2 c3 b4 b5 a6 b7 c8"), "3: +3+3 +2+1");
    cr_expect_str_eq(follow(3, false, EVER, "a1 c2 b4 c8"), "3: +3+3 +7+4");
}

Test(query_sequence, strict_ends_at_a_step_out_of_turn) {
    cr_expect_str_eq(follow(3, true, EVER, "a1 c2 b4 c8"), "1:");
    cr_expect_str_eq(follow(3, true, EVER, "a1 b2 a4 c8"), "2: +1+1");
    cr_expect_str_eq(follow(3, true, EVER, "a1 b2 a4 b5 c8"), "3: +1+1 +4+3");
}

Test(query_sequence, strict_passes_over_a_repeat_of_the_step_just_taken) {
    cr_expect_str_eq(follow(3, true, EVER, "a1 a2 b4 b5 c8"), "3: +2+2 +6+4");
    cr_expect_str_eq(follow(3, true, 6, "a1 ab2 ab3 c8"), "3: +1+1 +6+5");
}

Test(query_sequence, a_step_is_timed_where_it_is_reached_first) {
    cr_expect_str_eq(follow(3, false, EVER, "a1 b9 a10 b11 c12"), "3: +8+8 +2+1");
    cr_expect_str_eq(follow(2, false, EVER, "a1 a3 b9 a10 b11"), "2: +6+6"); /* from the latest start */
}

/* ---- Every way there is ---- */

struct ways {
    const struct sh_sequence *sequence;
    const struct sh_sequence_mark *marks;
    uint32_t mark_count;
    uint32_t first; /* of the way at hand */
    uint32_t last;  /* the event that reaches a step first, by step */
    struct sh_sequence_path path;
    uint32_t reached_at[SH_SEQUENCE_STEP_COUNT_MAX];
};

static bool may_follow(const struct ways *ways, uint32_t at, uint32_t next, uint32_t step) {
    for (uint32_t between = at + 1; between < next && ways->sequence->is_strict; between++)
        if ((ways->marks[between].steps >> step & 1) == 0) return false;
    return (ways->marks[next].steps >> (step + 1) & 1) != 0 &&
           ways->marks[next].time_ms - ways->marks[ways->first].time_ms <= ways->sequence->within_ms;
}

/* Step `step` (from 0) is at marks[at], the one before it at marks[before]: keep the way if it is the one that counts,
 * and go on. */
static void try_ways(struct ways *ways, uint32_t step, uint32_t before, uint32_t at) {
    struct sh_sequence_path *path = &ways->path;
    const int64_t since_first = ways->marks[at].time_ms - ways->marks[ways->first].time_ms;
    const int64_t since_previous = step == 0 ? 0 : ways->marks[at].time_ms - ways->marks[before].time_ms;
    const bool is_new = step >= path->reached || at < ways->reached_at[step];
    const bool is_same = !is_new && at == ways->reached_at[step];
    const bool is_better =
        is_same && (since_first < path->since_first_ms[step] ||
                    (since_first == path->since_first_ms[step] && since_previous > path->since_previous_ms[step]));
    if (is_new || is_better) {
        ways->reached_at[step] = at;
        path->since_first_ms[step] = since_first;
        path->since_previous_ms[step] = since_previous;
    }
    if (step >= path->reached) path->reached = step + 1;
    if (step + 1 == ways->sequence->step_count) return;
    for (uint32_t next = at + 1; next < ways->mark_count; next++)
        if (may_follow(ways, at, next, step)) try_ways(ways, step + 1, at, next);
}

static void try_all_ways(struct ways *ways) {
    for (ways->first = 0; ways->first < ways->mark_count; ways->first++)
        if (ways->marks[ways->first].steps & 1) try_ways(ways, 0, 0, ways->first);
}

Test(query_sequence, paths_are_those_of_every_way_tried) {
    struct split_random random = {20260311};
    uint32_t reached[5] = {0};
    for (uint32_t round = 0; round < 40000; round++) {
        struct sh_sequence_mark marks[12];
        struct sh_sequence sequence = {.step_count = 1 + (uint32_t)split_below(&random, 4),
                                       .is_strict = split_one_in(&random, 2),
                                       .within_ms =
                                           split_one_in(&random, 3) ? INT64_MAX : (int64_t)split_below(&random, 12)};
        const uint32_t mark_count = (uint32_t)split_below(&random, 12);
        int64_t time = 0;
        for (uint32_t i = 0; i < mark_count; i++) {
            time += (int64_t)split_below(&random, 3);
            uint32_t steps = 1u << split_below(&random, sequence.step_count);
            if (split_one_in(&random, 3)) steps |= 1u << split_below(&random, sequence.step_count);
            marks[i] = (struct sh_sequence_mark){.time_ms = time, .steps = (uint16_t)steps};
        }
        struct ways ways = {.sequence = &sequence, .marks = marks, .mark_count = mark_count};
        struct sh_sequence_path path;
        try_all_ways(&ways);
        sh_sequence_follow(&sequence, marks, mark_count, &path);
        cr_assert_eq(path.reached, ways.path.reached, "round %u", round);
        reached[path.reached]++;
        for (uint32_t i = 0; i < path.reached; i++) {
            cr_assert_eq(path.since_first_ms[i], ways.path.since_first_ms[i], "round %u, step %u", round, i + 1);
            cr_assert_eq(path.since_previous_ms[i], ways.path.since_previous_ms[i], "round %u, step %u", round, i + 1);
        }
    }
    for (uint32_t i = 0; i < 5; i++)
        cr_assert_gt(reached[i], 500, "%u steps are hardly ever reached", i);
}

/* ---- In a shop ---- */

static void did(struct query_shop *shop, uint32_t slot, uint32_t type, const char *at) {
    bool duplicate;
    struct sh_event event = {.type = type, .slot = slot, .item = SH_NO_ITEM};
    cr_assert_eq(sh_instant_parse(sh_text_of(at), shop->zone, &event.time_ms, &shop->err), SH_OK);
    cr_assert_eq(sh_event_append(shop->events, &event, &duplicate, &shop->err), SH_OK);
}

static uint32_t add_user(struct query_shop *shop, const char *id) {
    uint32_t slot;
    bool created;
    const struct sh_text text = sh_text_of(id);
    cr_assert_eq(sh_table_intern(shop->users, text, sh_hash_text(text), &slot, &created, &shop->err), SH_OK);
    return slot;
}

/* Is the user counted, streamed as a block and tested alone? */
static bool holds(struct query_shop *shop, const char *text, uint32_t slot) {
    struct sh_plan *plan;
    const uint64_t *words;
    uint32_t count;
    bool matches;
    struct sh_node *tree = query_shop_bound(shop, text);
    cr_assert_eq(sh_query_plan(tree, &shop->scope, &shop->arena, &plan, &shop->err), SH_OK);
    cr_assert_eq(sh_plan_test(plan, slot, &matches, &shop->err), SH_OK);
    cr_assert_eq(sh_plan_run_block(plan, 0, &words, &count, &shop->err), SH_OK);
    cr_assert_eq(words != NULL && (words[slot / 64] >> (slot % 64) & 1), matches, "%s", text);
    return matches;
}

Test(query_sequence, the_window_holds_every_step) {
    struct query_shop shop;
    uint32_t slot;
    query_shop_open(&shop);
    const uint32_t view = (uint32_t)sh_event_type_find(shop.events, sh_text_of("view"));
    const uint32_t purchase = (uint32_t)sh_event_type_find(shop.events, sh_text_of("purchase"));
    slot = add_user(&shop, "one");
    did(&shop, slot, view, "2026-03-01 10:00");
    did(&shop, slot, purchase, "2026-03-03 10:00");
    cr_assert(holds(&shop, "sequence(view -> purchase)", slot));
    cr_assert(holds(&shop, "sequence(view -> purchase, within 2 days, last 30 days)", slot));
    cr_assert_not(holds(&shop, "sequence(view -> purchase, within 47 hours)", slot));
    cr_assert_not(holds(&shop, "sequence(view -> purchase, since '2026-03-02')", slot));
    cr_assert(holds(&shop, "sequence(view -> purchase, reach 1, before '2026-03-02')", slot));
    cr_assert_not(holds(&shop, "sequence(purchase -> view)", slot));
    /* Reached step 1, but not step 2: how a funnel's drop-outs are asked for. */
    cr_assert(holds(&shop,
                    "sequence(view -> purchase, reach 1, within 1 day) and not sequence(view -> purchase, within "
                    "1 day)",
                    slot));
    query_shop_close(&shop);
}

Test(query_sequence, what_arrived_first_comes_first_among_equal_times) {
    struct query_shop shop;
    uint32_t first, second;
    query_shop_open(&shop);
    const uint32_t view = (uint32_t)sh_event_type_find(shop.events, sh_text_of("view"));
    const uint32_t purchase = (uint32_t)sh_event_type_find(shop.events, sh_text_of("purchase"));
    first = add_user(&shop, "first");
    second = add_user(&shop, "second");
    did(&shop, first, view, "2026-03-01 10:00");
    did(&shop, first, purchase, "2026-03-01 10:00");
    did(&shop, second, purchase, "2026-03-01 10:00");
    did(&shop, second, view, "2026-03-01 10:00");
    cr_assert(holds(&shop, "sequence(view -> purchase)", first));
    cr_assert_not(holds(&shop, "sequence(view -> purchase)", second));
    cr_assert(holds(&shop, "sequence(purchase -> view)", second));
    query_shop_close(&shop);
}
