/* query_behaviour_unit.c -- what the words about behaviour mean: days, different values, the n-th, gaps, clocks. */
#include <criterion/criterion.h>

#include "query_ask.h"

TestSuite(query_behaviour, .init = open_shop, .fini = close_shop);

/* ---- Days and different values ---- */

Test(query_behaviour, days_are_counted_once_and_in_the_zone) {
    bought("a-1", "2026-03-09 00:00", 100);
    bought("a-1", "2026-03-09 23:59", 100);
    bought("a-1", "2026-03-10 00:00", 100); /* the same day in UTC as the one before */
    bought("a-2", "2026-03-10 09:00", 100);
    ANSWERS("days(purchase) = 2", "a-1 ");
    ANSWERS("days(purchase) = 1", "a-2 ");
    ANSWERS("days(purchase) <= 1", "a-2 a-3 ");
    ANSWERS("days(purchase, today) = 0", "a-1 a-2 a-3 ");
    ANSWERS("days(purchase, last 2 calendar days) = 1", "a-1 a-2 ");
    ANSWERS("days(purchase where amount > 500) = 0", "a-1 a-2 a-3 ");
}

Test(query_behaviour, an_event_that_comes_late_counts_in_its_own_day) {
    bought("a-1", "2026-03-10", 100);
    bought("a-1", "2026-03-08", 100);
    bought("a-1", "2026-03-09", 100);
    bought("a-1", "2026-03-08 10:00", 100);
    ANSWERS("days(purchase) = 3", "a-1 ");
    ANSWERS("count(purchase, on '2026-03-08') = 2", "a-1 ");
    ANSWERS("gap_min(purchase) < 0.5", "a-1 ");
    ANSWERS("nth(3, purchase) = '2026-03-09'", "a-1 ");
}

Test(query_behaviour, different_values_are_counted_and_missing_ones_are_none) {
    bought_quantity("a-1", "2026-03-01", 2);
    bought_quantity("a-1", "2026-03-02", 2);
    bought_quantity("a-1", "2026-03-03", -5);
    bought("a-1", "2026-03-04", 100); /* no quantity */
    bought_quantity("a-2", "2026-03-01", 0);
    ANSWERS("count(distinct purchase.quantity) = 2", "a-1 ");
    ANSWERS("count(distinct purchase.quantity) = 1", "a-2 ");
    ANSWERS("count(distinct purchase.quantity) = 0", "a-3 ");
    ANSWERS("count(distinct purchase.amount) = 1", "a-1 ");
    ANSWERS("count(distinct purchase.time) >= 4", "a-1 ");
    ANSWERS("count(distinct purchase.quantity where quantity > 0, since '2026-03-02') = 1", "a-1 ");
}

Test(query_behaviour, different_items_are_counted) {
    for (uint32_t i = 0; i < 5; i++) {
        struct sh_event event = event_of("a-1", "view", "2026-03-01");
        event.time_ms += i;
        event.item = i < 4 ? i % 2 : SH_NO_ITEM;
        append(&event);
    }
    ANSWERS("count(distinct view.item) = 2", "a-1 ");
    ANSWERS("count(distinct view.item where item = 'a-2') = 1", "a-1 ");
}

Test(query_behaviour, at_most_n_holds_for_those_with_none) {
    bought("a-1", "2026-03-01", 100);
    bought("a-1", "2026-03-02", 100);
    bought("a-1", "2026-03-03", 100);
    bought("a-2", "2026-03-01", 100);
    ANSWERS("count(purchase) <= 2", "a-2 a-3 ");
    ANSWERS("count(purchase, last 30 days) between 0 and 1", "a-2 a-3 ");
    ANSWERS("count(distinct purchase.time) < 3", "a-2 a-3 ");
    ANSWERS("days(purchase) <= 0", "a-3 ");
    ANSWERS("sum(purchase.amount) <= 1", "a-2 a-3 ");
}

/* ---- The n-th ---- */

Test(query_behaviour, the_nth_goes_by_time_and_then_by_arrival) {
    bought("a-1", "2026-03-05", 500);
    bought("a-1", "2026-03-03", 300);
    bought("a-1", "2026-03-05", 600); /* the same instant as the first: arrived later */
    bought("a-1", "2026-03-05", 700);
    bought("a-2", "2026-03-01", 100);
    ANSWERS("nth(1, purchase.amount) = 3", "a-1 ");
    ANSWERS("nth(2, purchase.amount) = 5", "a-1 ");
    ANSWERS("nth(3, purchase.amount) = 6", "a-1 ");
    ANSWERS("nth(4, purchase.amount) = 7", "a-1 ");
    ANSWERS("nth(5, purchase.amount) is missing", "a-1 a-2 a-3 ");
    ANSWERS("nth(2, purchase.amount) is missing", "a-2 a-3 ");
    ANSWERS("nth(2, purchase) = '2026-03-05'", "a-1 ");
    ANSWERS("nth(1, purchase.time) < '2026-03-02'", "a-2 ");
    ANSWERS("nth(2, purchase.amount where amount > 5) = 7", "a-1 ");
    ANSWERS("nth(2, purchase.amount, on '2026-03-05') = 6", "a-1 ");
}

Test(query_behaviour, the_nth_leaves_events_without_the_property_out) {
    bought("a-1", "2026-03-01", 100);
    bought_quantity("a-1", "2026-03-02", 7); /* no amount */
    bought("a-1", "2026-03-03", 300);
    ANSWERS("nth(2, purchase.amount) = 3", "a-1 ");
    ANSWERS("nth(2, purchase) = '2026-03-02'", "a-1 ");
}

/* ---- Gaps ---- */

Test(query_behaviour, gaps_are_days_between_neighbours_exactly) {
    bought("a-1", "2026-03-01 00:00", 100);
    bought("a-1", "2026-03-08 00:00", 100); /* 7 days */
    bought("a-1", "2026-03-08 12:00", 100); /* half a day */
    bought("a-1", "2026-03-11 00:00", 100); /* 2.5: on average 10 / 3 */
    bought("a-2", "2026-03-01", 100);
    bought("a-2", "2026-03-01", 100);
    ANSWERS("gap_max(purchase) = 7", "a-1 ");
    ANSWERS("gap_min(purchase) = 0.5", "a-1 ");
    ANSWERS("gap_min(purchase) = 0", "a-2 ");
    ANSWERS("gap_avg(purchase) between 3.333333333 and 3.333333334", "a-1 ");
    ANSWERS("gap_avg(purchase) <= 3.333333333", "a-2 ");
    ANSWERS("gap_avg(purchase, since '2026-03-08') = 1.5", "a-1 ");
    ANSWERS("gap_avg(purchase) > 99999999999999999999", "");
    ANSWERS("gap_avg(purchase) != 99999999999999999999", "a-1 a-2 ");
}

Test(query_behaviour, one_event_has_no_gap) {
    bought("a-1", "2026-03-01", 100);
    ANSWERS("gap_avg(purchase) is missing and gap_min(purchase) is missing", "a-1 a-2 a-3 ");
    ANSWERS("gap_max(purchase) >= 0", "");
    ANSWERS("gap_max(purchase) != 5", "");
}

/* ---- The next one ---- */

/* now is 2026-03-11 12:00 */
Test(query_behaviour, the_next_is_expected_after_the_mean_time_between_days) {
    bought("a-1", "2026-02-19 10:00", 100); /* a-1: 20 days and half an hour in two steps: 10 days, 15 minutes */
    bought("a-1", "2026-03-11 10:30", 100);
    bought("a-1", "2026-03-01 23:00", 100);
    bought("a-1", "2026-03-11 10:00", 100); /* of the day of the latest: the same buy */
    bought("a-2", "2026-02-01", 100);
    bought("a-2", "2026-02-11", 700); /* one step of 10 days: due on 2026-02-21 */
    bought("a-3", "2026-03-01 08:00", 100);
    bought("a-3", "2026-03-01 20:00", 100); /* one day only */
    ANSWERS("expected_next(purchase) = '2026-03-21 10:45'", "a-1 ");
    ANSWERS("expected_next(purchase) = '2026-03-21'", "a-1 ");
    ANSWERS("expected_next(purchase) < '2026-03-21 10:45'", "a-2 ");
    ANSWERS("expected_next(purchase) in next 10 days", "a-1 ");
    ANSWERS("expected_next(purchase) in next 9 days", "");
    ANSWERS("expected_next(purchase) in last 30 days", "a-2 "); /* overdue */
    ANSWERS("expected_next(purchase) between '2026-02-21' and '2026-03-20'", "a-2 ");
    ANSWERS("expected_next(purchase) is missing", "a-3 ");
    ANSWERS("expected_next(purchase) != '2026-03-21'", "a-2 ");
    ANSWERS("expected_next(purchase) - last(purchase) = 10 days", "a-2 ");
    ANSWERS("expected_next(purchase) + 1 week < first(purchase) + 30 days", "a-2 ");
    ANSWERS("did(purchase, within 10 days before expected_next(purchase))", "a-2 ");
    ANSWERS("did(purchase, within 11 days before expected_next(purchase))", "a-1 a-2 ");
}

Test(query_behaviour, the_next_of_some_events_goes_by_their_own_days) {
    bought("a-1", "2026-03-01", 100);
    bought("a-1", "2026-03-02", 900);
    bought("a-1", "2026-03-05", 100);
    ANSWERS("expected_next(purchase) = '2026-03-07'", "a-1 ");
    ANSWERS("expected_next(purchase where amount < 5) = '2026-03-09'", "a-1 ");
    ANSWERS("expected_next(purchase where amount > 5) is missing", "a-1 a-2 a-3 ");
    ANSWERS("expected_next(purchase, before '2026-03-05') = '2026-03-03'", "a-1 ");
}

Test(query_behaviour, the_next_is_of_whole_milliseconds_rounded_down) {
    bought("a-1", "2026-03-01 00:00:00.000", 100);
    bought("a-1", "2026-03-03 00:00:00.000", 100);
    bought("a-1", "2026-03-05 00:00:00.001", 100);
    ANSWERS("expected_next(purchase) = '2026-03-07 00:00:00.001'", "a-1 ");
}

/* ---- Windows ---- */

Test(query_behaviour, a_window_may_end_before_now) {
    bought("a-1", "2026-02-09 12:00", 100); /* 30 days ago to the millisecond */
    bought("a-2", "2026-02-09 12:00:00.001", 100);
    bought("a-3", "2026-01-10 12:00", 100); /* 60 days ago */
    bought("a-3", "2026-01-10 12:00:00.001", 200);
    ANSWERS("did(purchase, from 60 days ago to 30 days ago)", "a-1 a-3 ");
    ANSWERS("count(purchase, from 60 days ago to 30 days ago) = 1", "a-1 a-3 ");
    ANSWERS("sum(purchase.amount, last 30 days) > sum(purchase.amount, from 60 days ago to 30 days ago)", "a-2 ");
    ANSWERS("did(purchase, from 61 days ago to 60 days ago)", "a-3 ");
    ANSWERS("count(purchase, from 9 weeks ago to 1 minute ago) = 2", "a-3 ");
    ANSWERS("count(purchase, ever) = 2", "a-3 ");
}

/* ---- Windows after and before an event ---- */

Test(query_behaviour, a_window_after_an_event_leaves_its_millisecond_out_and_has_its_end_in) {
    bought("a-1", "2026-03-01 12:00", 100);
    bought("a-1", "2026-03-01 12:00", 100); /* the anchor's own millisecond: neither after nor before */
    bought("a-1", "2026-03-08 12:00", 100); /* 7 days later */
    bought("a-1", "2026-03-08 12:00:00.001", 100);
    bought("a-2", "2026-03-01", 100);
    ANSWERS("count(purchase, within 7 days after first(purchase)) = 1", "a-1 ");
    ANSWERS("count(purchase, within 8 days after first(purchase)) = 2", "a-1 ");
    ANSWERS("count(purchase, within 7 days before last(purchase)) = 1", "a-1 ");
    ANSWERS("count(purchase, within 8 days before last(purchase)) = 3", "a-1 ");
    ANSWERS("count(purchase, within 10080 minutes after nth(2, purchase)) = 1", "a-1 ");
    ANSWERS("count(purchase, within 7 days after nth(3, purchase)) = 1", "a-1 ");
    ANSWERS("count(purchase, within 7 days after first(purchase)) = 0", "a-2 a-3 "); /* no anchor: an empty window */
    ANSWERS("sum(purchase.amount, within 1 day after nth(3, purchase)) = 1.00", "a-1 ");
    ANSWERS("days_since(purchase, within 7 days after first(purchase)) = 3", "a-1 ");
}

Test(query_behaviour, what_did_not_happen_within_a_window_after_an_event) {
    bought("a-1", "2026-03-01 12:00", 100);
    viewed("a-1", "2026-02-26 12:00");
    bought("a-2", "2026-03-01 12:00", 100);
    viewed("a-2", "2026-02-26 11:59:59.999");
    viewed("a-3", "2026-03-02");
    ANSWERS("did(view, within 3 days before last(purchase))", "a-1 ");
    ANSWERS("not did(view, within 3 days before last(purchase))", "a-2 a-3 ");
    ANSWERS("last(view, within 4 days before first(purchase)) is missing", "a-3 ");
    ANSWERS("did(purchase, within 1 week after first(view, last 20 days))", "a-1 a-2 ");
    ANSWERS("did(purchase, within 1 week after first(view where time > '2026-03-01'))", "");
    ANSWERS("count(purchase, within 1 week after first(view)) > count(purchase, within 1 week before last(view))",
            "a-1 a-2 ");
}

Test(query_behaviour, an_event_that_comes_late_moves_the_anchor) {
    bought("a-1", "2026-03-05", 100);
    bought("a-1", "2026-03-06", 100);
    ANSWERS("did(purchase, within 1 day after first(purchase))", "a-1 ");
    bought("a-1", "2026-03-01", 100);
    ANSWERS("did(purchase, within 1 day after first(purchase))", "");
    ANSWERS("did(purchase, within 1 day after nth(2, purchase))", "a-1 ");
}

Test(query_behaviour, a_window_never_reaches_past_now) {
    bought("a-1", "2026-03-10", 100);
    bought("a-1", "2026-03-12", 900);
    ANSWERS("count(purchase, within 7 days after first(purchase)) = 0", "a-1 a-2 a-3 ");
    shop.scope.now_ms = instant("2026-03-12");
    ANSWERS("count(purchase, within 7 days after first(purchase)) = 1", "a-1 ");
}

Test(query_behaviour, a_date_as_anchor_is_its_whole_day_in_the_zone) {
    set_date("a-1", "birthday", 2026, 3, 5);
    set("a-2", "joined", instant("2026-03-05 10:00"));
    viewed("a-1", "2026-03-05 23:59:59.999");
    viewed("a-1", "2026-03-06 00:00");
    viewed("a-1", "2026-03-07 23:59:59.999");
    viewed("a-1", "2026-03-08 00:00");
    viewed("a-1", "2026-03-04 23:59:59.999");
    viewed("a-2", "2026-03-05 10:00:00.001");
    viewed("a-3", "2026-03-05 10:00:00.001"); /* nobody knows when a-3 joined */
    ANSWERS("count(view, within 2 days after birthday) = 2", "a-1 ");
    ANSWERS("count(view, within 1 minute before birthday) = 1", "a-1 ");
    ANSWERS("did(view, within 1 minute after joined)", "a-2 ");
    ANSWERS("did(view, within 30 days before joined)", "");
}

Test(query_behaviour, a_time_among_the_properties_is_an_anchor) {
    struct sh_event event = event_of("a-1", "purchase", "2026-03-01");
    struct sh_event_value paid = {.property = 4, .value = instant("2026-03-04 09:00")};
    event.values = &paid;
    event.value_count = 1;
    append(&event);
    viewed("a-1", "2026-03-04 09:00:01");
    ANSWERS("did(view, within 1 minute after last(purchase.paid))", "a-1 ");
    ANSWERS("did(view, within 1 minute after max(purchase.paid))", "a-1 ");
    ANSWERS("did(view, within 1 day after last(purchase))", "");
}

/* ---- Calculations ---- */

Test(query_behaviour, two_windows_are_compared) {
    bought("a-1", "2026-03-10", 100);
    bought("a-1", "2026-02-10", 300);
    bought("a-2", "2026-03-10", 500);
    ANSWERS("sum(purchase.amount, this month) < sum(purchase.amount, previous month)", "a-1 ");
    ANSWERS("sum(purchase.amount, this month) > sum(purchase.amount, previous month)", "a-2 ");
    ANSWERS("count(purchase, this month) = count(purchase, previous month)", "a-1 a-3 ");
    ANSWERS("not count(purchase, this month) = count(purchase, previous month)", "a-2 ");
}

Test(query_behaviour, times_and_spans_are_exact_to_the_millisecond) {
    bought("a-1", "2026-02-01 12:00", 100);
    bought("a-1", "2026-03-03 12:00", 100); /* 30 days later */
    bought("a-2", "2026-02-01 12:00", 100);
    bought("a-2", "2026-03-03 12:00:00.001", 100);
    set("a-3", "joined", instant("2026-03-01"));
    ANSWERS("last(purchase) - first(purchase) = 30 days", "a-1 ");
    ANSWERS("last(purchase) - first(purchase) > 30 days", "a-2 ");
    ANSWERS("30 days < last(purchase) - first(purchase)", "a-2 ");
    ANSWERS("last(purchase) - first(purchase) between 4 weeks and 720 hours", "a-1 ");
    ANSWERS("first(purchase) + 30 days >= last(purchase)", "a-1 ");
    ANSWERS("last(purchase) - 4 weeks - 2880 minutes = first(purchase)", "a-1 ");
    ANSWERS("(last(purchase) - first(purchase)) * 2 > 1440 hours", "a-2 ");
    ANSWERS("(last(purchase) - first(purchase)) / 1 day = 30", "a-1 ");
    ANSWERS("(last(purchase) - first(purchase)) / count(purchase) <= 15 days", "a-1 ");
    ANSWERS("first(purchase) - last(purchase) = -30 days", "a-1 ");
    ANSWERS("last(purchase) - joined is missing", "a-1 a-2 a-3 ");
    ANSWERS("last(purchase) - first(purchase) < 0.5 days", "");
}

Test(query_behaviour, where_dates_and_instants_meet_instants_are_their_day) {
    set_date("a-1", "birthday", 2026, 3, 1);
    set("a-1", "joined", instant("2026-03-03 23:59"));
    set_date("a-2", "birthday", 2026, 3, 1);
    set("a-2", "joined", instant("2026-03-04 00:00"));
    ANSWERS("joined - birthday = 2 days", "a-1 ");
    ANSWERS("birthday + 3 days = joined", "a-2 ");
    ANSWERS("joined > birthday + 2 days", "a-2 ");
}

Test(query_behaviour, calculations_are_listed_or_missing) {
    set("a-1", "points", 10);
    set("a-2", "points", 11);
    set("a-2", "balance", 150);
    ANSWERS("points * 2 in (20, 21)", "a-1 ");
    ANSWERS("points * 2 not in (20, 21)", "a-2 ");
    ANSWERS("not points * 2 in (20, 21)", "a-2 a-3 ");
    ANSWERS("points / 4 in (2.5, 2.75)", "a-1 a-2 ");
    ANSWERS("(points) in (10)", "a-1 ");
    ANSWERS("points + balance is missing", "a-1 a-3 ");
    ANSWERS("points + balance is not missing", "a-2 ");
    ANSWERS("count(purchase) / count(view) is missing", "a-1 a-2 a-3 ");
    viewed("a-2", "2026-03-01");
    ANSWERS("count(purchase) / count(view) is not missing", "a-2 ");
    ANSWERS("count(purchase) + count(view) in (0, 3)", "a-1 a-3 ");
    ANSWERS("did(view where hour + weekday in (7, 8))", "a-2 ");
    ANSWERS("did(view where seconds * 2 is missing)", "a-2 ");
}

Test(query_behaviour, products_go_before_sums_from_left_to_right) {
    set("a-1", "points", 10);
    ANSWERS("2 + points * 3 = 32", "a-1 ");
    ANSWERS("(2 + points) * 3 = 36", "a-1 ");
    ANSWERS("100 - points - 5 = 85", "a-1 ");
    ANSWERS("100 - (points - 5) = 95", "a-1 ");
    ANSWERS("100 / points / 5 = 2", "a-1 ");
    ANSWERS("100 / (points / 5) = 50", "a-1 ");
    ANSWERS("points -5 = 5", "a-1 ");
    ANSWERS("points-5=5", "a-1 ");
    ANSWERS("-points = -10 and - -points = 10", "a-1 ");
    ANSWERS("((points)) > 9 and (points + 1) between 11 and 12", "a-1 ");
    ANSWERS("points + 1 not between 11 and 12", "");
}

Test(query_behaviour, calculations_are_exact) {
    bought("a-1", "2026-03-01", 10);
    bought("a-1", "2026-03-02", 20);
    bought("a-1", "2026-03-03", 0);
    set("a-1", "balance", 30);
    ANSWERS("min(purchase.amount) + 0.1 + 0.2 = balance", "a-1 ");
    ANSWERS("1 / 3 + 1 / 3 + 1 / 3 = max(purchase.amount) * 5", "a-1 ");
    ANSWERS("avg(purchase.amount) * 3 = sum(purchase.amount)", "a-1 ");
    ANSWERS("avg(purchase.amount) * 9 = 0.9 and avg(purchase.amount) / 3 < 0.033333333333333334", "a-1 ");
    set("a-2", "points", INT64_MAX);
    ANSWERS("points * points - points * points + points = 9223372036854775807", "a-2 ");
    ANSWERS("points * points / points / points = 1", "a-2 ");
}

Test(query_behaviour, what_leaves_128_bits_is_an_error) {
    bool matches;
    uint64_t count;
    set("a-2", "points", INT64_MAX);
    struct sh_plan *plan = plan_of("points * points * points > 1", &shop.scope);
    cr_expect_eq(sh_plan_count(plan, &count, &shop.err), SH_ERR_OVERFLOW);
    cr_expect_str_eq(shop.err.message, "a calculation leaves 128 bits");
    cr_expect_eq(sh_plan_test(plan, user("a-2"), &matches, NULL), SH_ERR_OVERFLOW);
    cr_expect_eq(sh_plan_test(plan, user("a-1"), &matches, NULL), SH_OK);
    cr_expect(!matches);
}

Test(query_behaviour, what_is_missing_or_divided_by_zero_compares_with_nothing) {
    bought("a-1", "2026-03-01", 100);
    set("a-1", "points", 0);
    set("a-2", "points", 4);
    ANSWERS("points + balance > 0", "");
    ANSWERS("points + balance != 0", "");
    ANSWERS("1 / points > 0", "a-2 ");
    ANSWERS("1 / points != 5", "a-2 ");
    ANSWERS("1 / count(purchase) >= 0", "a-1 ");
    ANSWERS("not 1 / count(purchase) >= 0", "a-2 a-3 ");
    ANSWERS("points / points not between 5 and 6", "a-2 ");
    ANSWERS("count(purchase) / count(view) > 0.2", "");
}

Test(query_behaviour, times_are_compared_and_with_dates_by_day) {
    bought("a-1", "2026-03-01 00:30", 100); /* in UTC the day before */
    viewed("a-1", "2026-03-05");
    bought("a-2", "2026-03-02", 100);
    viewed("a-2", "2026-03-02");
    set_date("a-1", "birthday", 2026, 3, 1);
    set_date("a-2", "birthday", 2026, 3, 1);
    ANSWERS("first(purchase) < last(view)", "a-1 ");
    ANSWERS("first(purchase) = last(view)", "a-2 ");
    ANSWERS("first(purchase) = birthday", "a-1 ");
    ANSWERS("birthday < first(purchase)", "a-2 ");
    ANSWERS("joined <= first(purchase)", "");
}

Test(query_behaviour, events_are_calculated_with_inside_where) {
    struct sh_event event = event_of("a-1", "purchase", "2026-03-01");
    const struct sh_event_value value = {.property = 1, .value = 4};
    event.values = &value;
    event.value_count = 1;
    event.has_amount = true;
    event.amount = 1000;
    event.item = 0;
    append(&event);
    cr_assert_eq(sh_table_set(shop.items, 0, 1, 250), SH_OK);
    ANSWERS("did(purchase where amount / quantity = 2.5)", "a-1 ");
    ANSWERS("did(purchase where amount = quantity * item.price)", "a-1 ");
    ANSWERS("did(purchase where amount > quantity * item.price)", "");
    ANSWERS("did(purchase where amount + discount > 0)", "");
    ANSWERS("did(purchase where hour + weekday = 7)", "a-1 "); /* midnight of a Sunday */
}

Test(query_behaviour, canonical_form_puts_calculations_in_order) {
    static const char *const pairs[][2] = {
        {"points + balance > 5", "5 < balance + points"},
        {"points*2>=balance", "balance <= 2 * points"},
        {"points = balance", "balance = points"},
        {"balance = points", "balance = points"},
        {"points - (balance - 3) < 1", "points - (balance - 3) < 1"},
        {"(points - balance) - 3 < 1", "points - balance - 3 < 1"},
        {"(points) > 3", "points > 3"},
        {"3 < (points)", "points > 3"},
        {"-points < 3", "0 - points < 3"},
        {"points + 1 between 2 and 3", "1 + points <= 3 and 2 <= 1 + points"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        cr_expect_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, pairs[i][0])), pairs[i][1], "%s: %s",
                         pairs[i][0], query_shop_printed(&shop, query_shop_bound(&shop, pairs[i][0])));
}

/* ---- Clocks ---- */

Test(query_behaviour, hour_and_weekday_are_those_of_the_zone) {
    viewed("a-1", "2026-03-08 23:30"); /* Sunday; in UTC 15:30 */
    viewed("a-2", "2026-03-09 00:10"); /* Monday; in UTC still Sunday */
    viewed("a-2", "2026-03-10 20:59:59.999");
    ANSWERS("did(view where weekday = 7)", "a-1 ");
    ANSWERS("did(view where weekday = 1)", "a-2 ");
    ANSWERS("did(view where weekday in (6, 7) and hour between 20 and 23)", "a-1 ");
    ANSWERS("count(view where hour >= 20) = 1", "a-1 a-2 ");
    ANSWERS("did(view where hour = 0)", "a-2 ");
    ANSWERS("did(view where hour > 23 or weekday < 1)", "");
    ANSWERS("did(view where not hour is missing)", "a-1 a-2 ");
}

Test(query_behaviour, a_property_of_the_event_goes_before_the_clock) {
    const struct sh_attribute_spec spec = {.name = SH_TEXT_LITERAL("hour"), .type = SH_TYPE_INT};
    viewed("a-1", "2026-03-08 23:30");
    ANSWERS("did(view where hour = 23)", "a-1 ");
    cr_assert_eq(sh_event_property_add(shop.events, 0, &spec, NULL, NULL), SH_OK);
    ANSWERS("did(view where hour = 23)", "");
    ANSWERS("did(view where hour is missing)", "a-1 ");
}

Test(query_behaviour, hours_follow_clocks_that_change) {
    close_shop();
    open_london_shop();
    shop.scope.now_ms = instant("2026-11-11");
    viewed("a-1", "2026-03-29 00:59");  /* the last minute of winter time */
    viewed("a-2", "2026-03-29 02:00");  /* one minute later */
    viewed("a-3", "2026-10-25 00:30Z"); /* 01:30, summer time */
    viewed("a-3", "2026-10-25 01:30Z"); /* 01:30 once more, winter time */
    viewed("a-3", "2026-10-25 02:30Z");
    ANSWERS("did(view where hour = 0)", "a-1 ");
    ANSWERS("did(view where hour = 2 and time < '2026-04-01')", "a-2 ");
    ANSWERS("count(view where hour = 1) = 2", "a-3 ");
    ANSWERS("count(view where hour = 2 and weekday = 7) = 1", "a-2 a-3 ");
    ANSWERS("days(view) = 1", "a-1 a-2 a-3 ");
}
