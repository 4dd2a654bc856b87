/* event_unit.c -- the event store, rule by rule. Long random runs against a twin are in event_property.c. */
#include <criterion/criterion.h>

#include "event_store.h"
#include "memory.h"

/* A store in Shanghai with one type "purchase" (scale 2) and one "view". */
struct shop {
    struct sh_zone *zone;
    struct sh_event_store *store;
    uint32_t purchase;
    uint32_t view;
};

static struct shop shop_open_in(const char *zone_name) {
    struct shop shop;
    cr_assert_eq(sh_zone_open(sh_text_of(zone_name), &shop.zone, NULL), SH_OK);
    shop.store = sh_event_store_create(shop.zone);
    cr_assert_not_null(shop.store);
    cr_assert_eq(sh_event_type_add(shop.store, SH_TEXT_LITERAL("purchase"), 2, &shop.purchase, NULL), SH_OK);
    cr_assert_eq(sh_event_type_add(shop.store, SH_TEXT_LITERAL("view"), 0, &shop.view, NULL), SH_OK);
    return shop;
}

static struct shop shop_open(void) {
    return shop_open_in("Asia/Shanghai");
}

static void shop_check(const struct shop *shop) {
    const char *reason = "";
    cr_assert(sh_event_store_check(shop->store, &reason), "%s", reason);
}

static void shop_close(struct shop *shop) {
    shop_check(shop);
    sh_event_store_destroy(shop->store);
    sh_zone_close(shop->zone);
}

static struct sh_event act(uint32_t type, uint32_t slot, int64_t time_ms) {
    return (struct sh_event){.type = type, .slot = slot, .item = SH_NO_ITEM, .time_ms = time_ms};
}

static bool append(struct shop *shop, struct sh_event event) {
    bool duplicate;
    cr_assert_eq(sh_event_append(shop->store, &event, &duplicate, NULL), SH_OK);
    return !duplicate;
}

static int64_t instant(const struct shop *shop, const char *text) {
    int64_t time_ms;
    cr_assert_eq(sh_instant_parse(sh_text_of(text), shop->zone, &time_ms, NULL), SH_OK);
    return time_ms;
}

/* The times of a history, newest first, as an array. */
static uint32_t history_times(const struct shop *shop, uint32_t slot, int64_t *times, uint32_t max) {
    uint32_t count = 0;
    struct sh_event_ref ref;
    for (bool more = sh_event_history_first(shop->store, slot, &ref); more;
         more = sh_event_history_next(shop->store, &ref)) {
        cr_assert_lt(count, max);
        times[count++] = sh_event_ref_time(ref);
    }
    return count;
}

Test(event, an_event_comes_back_with_all_its_parts) {
    struct shop shop = shop_open();
    const struct sh_attribute_spec store_name = {.name = SH_TEXT_LITERAL("store"), .type = SH_TYPE_STRING};
    uint32_t property;
    uint32_t code;
    cr_assert_eq(sh_event_property_add(shop.store, shop.purchase, &store_name, &property, NULL), SH_OK);
    cr_assert_eq(sh_event_text_code(shop.store, shop.purchase, property, SH_TEXT_LITERAL("成都-1"), &code, NULL),
                 SH_OK);
    const struct sh_event_value value = {property, code};
    const struct sh_event event = {.type = shop.purchase,
                                   .slot = 70000,
                                   .item = 12,
                                   .time_ms = instant(&shop, "2026-03-01 09:30:15.123"),
                                   .has_amount = true,
                                   .amount = 12550,
                                   .has_id = true,
                                   .id_hash = 77,
                                   .values = &value,
                                   .value_count = 1};
    cr_assert(append(&shop, event));
    struct sh_event_ref ref;
    int64_t read;
    cr_assert(sh_event_history_first(shop.store, 70000, &ref));
    cr_expect_eq(sh_event_ref_type(ref), shop.purchase);
    cr_expect_eq(sh_event_ref_slot(ref), 70000);
    cr_expect_eq(sh_event_ref_time(ref), event.time_ms);
    cr_expect_eq(sh_event_ref_item(ref), 12);
    cr_expect_eq(sh_event_ref_id_hash(ref), 77);
    cr_expect(sh_event_ref_amount(ref, &read));
    cr_expect_eq(read, 12550);
    cr_expect(sh_event_ref_property(ref, property, &read));
    const struct sh_event_property *declared = sh_event_type(shop.store, shop.purchase)->properties[property];
    cr_expect(sh_text_equal(sh_dictionary_text(&declared->texts, (uint32_t)read), SH_TEXT_LITERAL("成都-1")));
    cr_expect_not(sh_event_history_next(shop.store, &ref));
    cr_expect_not(sh_event_history_first(shop.store, 70001, &ref));
    cr_expect_not(sh_event_history_first(shop.store, UINT32_MAX, &ref));
    shop_close(&shop);
}

Test(event, history_is_newest_first_whatever_the_order_of_arrival) {
    struct shop shop = shop_open();
    const int64_t noon = instant(&shop, "2026-03-01 12:00");
    static const int64_t arrivals[] = {5, 1, 9, -4 * SH_DAY_MS, 7, 3 * SH_DAY_MS, 0};
    static const int64_t sorted[] = {3 * SH_DAY_MS, 9, 7, 5, 1, 0, -4 * SH_DAY_MS};
    for (uint32_t i = 0; i < 7; i++)
        cr_assert(append(&shop, act(i % 2 ? shop.view : shop.purchase, 3, noon + arrivals[i])));
    int64_t times[8];
    cr_assert_eq(history_times(&shop, 3, times, 8), 7);
    for (uint32_t i = 0; i < 7; i++)
        cr_expect_eq(times[i], noon + sorted[i]);
    shop_close(&shop);
}

Test(event, of_equal_times_the_later_arrival_comes_first) {
    struct shop shop = shop_open();
    for (uint32_t item = 0; item < 4; item++) {
        struct sh_event event = act(item % 2 ? shop.view : shop.purchase, 3, 1000);
        event.item = item;
        cr_assert(append(&shop, event));
    }
    cr_assert(append(&shop, act(shop.view, 3, 5000)));
    struct sh_event late = act(shop.view, 3, 1000);
    late.item = 4;
    cr_assert(append(&shop, late));
    struct sh_event_ref ref;
    cr_assert(sh_event_history_first(shop.store, 3, &ref));
    for (uint32_t item = 5; item-- > 0;) {
        cr_assert(sh_event_history_next(shop.store, &ref));
        cr_expect_eq(sh_event_ref_item(ref), item);
    }
    shop_close(&shop);
}

Test(event, the_same_identity_is_a_duplicate_and_changes_nothing) {
    struct shop shop = shop_open();
    struct sh_event event = act(shop.purchase, 3, 1000);
    event.has_id = true;
    event.id_hash = 42;
    event.has_amount = true;
    event.amount = 100;
    cr_expect(append(&shop, event));
    cr_expect(append(&shop, act(shop.view, 3, 9000)));
    event.amount = 200;
    cr_expect_not(append(&shop, event), "later, among newer events");
    cr_expect_eq(sh_event_count(shop.store), 2);
    cr_expect(sh_event_type(shop.store, shop.purchase)->totals.amount_sum == 100);
    struct sh_event other = event;
    other.id_hash = 43;
    cr_expect(append(&shop, other), "another id");
    other = event;
    other.type = shop.view;
    cr_expect(append(&shop, other), "another type");
    other = event;
    other.time_ms++;
    cr_expect(append(&shop, other), "another time");
    other = event;
    other.slot++;
    cr_expect(append(&shop, other), "another user");
    cr_expect_not(append(&shop, event), "still");
    shop_close(&shop);
}

Test(event, events_without_an_id_are_never_duplicates) {
    struct shop shop = shop_open();
    for (int i = 0; i < 3; i++)
        cr_expect(append(&shop, act(shop.view, 3, 1000)));
    struct sh_event event = act(shop.view, 3, 1000);
    event.has_id = true; /* an id whose hash is 0 is an id all the same */
    cr_expect(append(&shop, event));
    cr_expect_not(append(&shop, event));
    cr_expect_eq(sh_event_count(shop.store), 4);
    shop_close(&shop);
}

Test(event, days_are_those_of_the_zone) {
    struct shop shop = shop_open();
    cr_assert(append(&shop, act(shop.view, 1, instant(&shop, "2026-03-01 23:59:59.999"))));
    cr_assert(append(&shop, act(shop.view, 1, instant(&shop, "2026-03-02 00:00"))));
    const struct sh_event_type *view = sh_event_type(shop.store, shop.view);
    cr_assert_eq(view->day_count, 2);
    cr_expect_eq(view->days[0]->day, sh_day_from_date((struct sh_date){2026, 3, 1}));
    cr_expect_eq(view->days[1]->day, sh_day_from_date((struct sh_date){2026, 3, 2}));
    cr_expect_eq(view->days[1]->start_ms, instant(&shop, "2026-03-02"));
    shop_close(&shop);
}

Test(event, days_of_23_and_25_hours_hold_all_their_events) {
    struct shop shop = shop_open_in("America/New_York");
    static const char *const days[] = {"2026-03-08", "2026-11-01"}; /* clocks go forward, and back */
    static const int64_t hours[] = {23, 25};
    for (uint32_t i = 0; i < 2; i++) {
        const int64_t start_ms = instant(&shop, days[i]);
        for (int64_t hour = -1; hour <= 25; hour++)
            cr_assert(append(&shop, act(shop.view, i, start_ms + hour * SH_HOUR_MS)));
        const int64_t end_ms = start_ms + hours[i] * SH_HOUR_MS;
        cr_expect_eq(sh_event_window_count(shop.store, shop.view, start_ms, end_ms), (uint64_t)hours[i]);
        cr_expect_float_eq(sh_event_window_guess(shop.store, shop.view, start_ms, end_ms), (double)hours[i], 1e-9);
        cr_expect_float_eq(sh_event_window_guess(shop.store, shop.view, start_ms + 6 * SH_HOUR_MS, end_ms),
                           (double)hours[i] - 6, 1e-9);
        const struct sh_event_type *view = sh_event_type(shop.store, shop.view);
        const struct sh_event_day *day = view->days[sh_event_day_lower(view, start_ms)];
        cr_expect_eq(day->totals.count, (uint64_t)hours[i]);
        cr_expect_eq(day->end_ms, end_ms);
    }
    shop_close(&shop);
}

Test(event, an_hour_that_happens_twice_over_midnight_belongs_to_the_day_that_has_begun) {
    /* In St. John's clocks went back at 00:01 on 7 November 2010, to 23:01 of the day before. */
    struct shop shop = shop_open_in("America/St_Johns");
    const int64_t midnight = instant(&shop, "2010-11-07");
    const int64_t second_pass = midnight + 30 * SH_MINUTE_MS;
    cr_assert_eq(sh_zone_day(shop.zone, second_pass), sh_day_from_date((struct sh_date){2010, 11, 6}));
    for (int64_t minute = -30; minute <= 90; minute += 30)
        cr_assert(append(&shop, act(shop.view, 1, midnight + minute * SH_MINUTE_MS)));
    const struct sh_event_type *view = sh_event_type(shop.store, shop.view);
    cr_assert_eq(view->day_count, 2);
    cr_expect_eq(view->days[0]->totals.count, 1);
    cr_expect_eq(view->days[1]->totals.count, 4);
    shop_close(&shop);
}

Test(event, a_window_reads_whole_cells_inside_and_milliseconds_at_its_edges) {
    struct shop shop = shop_open();
    const int64_t start_ms = instant(&shop, "2026-03-01");
    for (int64_t hour = 0; hour < 72; hour++)
        cr_assert(append(&shop, act(shop.view, (uint32_t)hour, start_ms + hour * SH_HOUR_MS)));
    struct sh_event_cells cells;
    sh_event_cells_begin(&cells, sh_event_type(shop.store, shop.view), 0, start_ms + 6 * SH_HOUR_MS,
                         start_ms + 60 * SH_HOUR_MS);
    cr_assert(sh_event_cells_next(&cells));
    cr_expect_eq(cells.verdict, SH_VERDICT_SOME);
    cr_expect_eq(cells.ms_low, 6 * SH_HOUR_MS);
    cr_assert(sh_event_cells_next(&cells));
    cr_expect_eq(cells.verdict, SH_VERDICT_ALL);
    cr_assert(sh_event_cells_next(&cells));
    cr_expect_eq(cells.verdict, SH_VERDICT_SOME);
    cr_expect_eq(cells.ms_high, 12 * SH_HOUR_MS - 1, "until_ms itself is outside");
    cr_expect_not(sh_event_cells_next(&cells));
    cr_expect_eq(sh_event_window_count(shop.store, shop.view, start_ms + 6 * SH_HOUR_MS, start_ms + 60 * SH_HOUR_MS),
                 54);
    sh_event_cells_begin(&cells, sh_event_type(shop.store, shop.view), 1, SH_INSTANT_MIN, SH_INSTANT_MAX);
    cr_expect_not(sh_event_cells_next(&cells), "nobody of block 1 did anything");
    cr_expect_eq(sh_event_window_count(shop.store, shop.purchase, SH_INSTANT_MIN, SH_INSTANT_MAX), 0);
    shop_close(&shop);
}

Test(event, times_outside_the_calendar_are_refused_and_times_to_come_are_kept) {
    struct shop shop = shop_open();
    bool duplicate;
    struct sh_error err;
    struct sh_event event = act(shop.view, 1, SH_INSTANT_MAX + 1);
    cr_expect_eq(sh_event_append(shop.store, &event, &duplicate, &err), SH_ERR_ARGUMENT);
    event.time_ms = SH_INSTANT_MIN - 1;
    cr_expect_eq(sh_event_append(shop.store, &event, &duplicate, &err), SH_ERR_ARGUMENT);
    event = act(7, 1, 0);
    cr_expect_eq(sh_event_append(shop.store, &event, &duplicate, &err), SH_ERR_ARGUMENT);
    cr_expect_eq(sh_event_count(shop.store), 0);
    cr_expect(append(&shop, act(shop.view, 1, SH_INSTANT_MAX)));
    cr_expect(append(&shop, act(shop.view, 1, SH_INSTANT_MIN)));
    cr_expect(append(&shop, act(shop.view, 1, 0)));
    shop_close(&shop);
    static const char *const zones[] = {"UTC", "+14:00", "-12:00"};
    for (uint32_t i = 0; i < 3; i++) {
        shop = shop_open_in(zones[i]);
        cr_expect(append(&shop, act(shop.view, 1, SH_INSTANT_MAX)));
        cr_expect(append(&shop, act(shop.view, 1, SH_INSTANT_MIN)));
        struct sh_event_cells cells;
        uint32_t whole_count = 0;
        sh_event_cells_begin(&cells, sh_event_type(shop.store, shop.view), 0, INT64_MIN, INT64_MAX);
        while (sh_event_cells_next(&cells))
            whole_count += cells.verdict == SH_VERDICT_ALL;
        cr_expect_eq(whole_count, 2, "a window may be wider than the calendar");
        cr_expect_eq(sh_event_window_count(shop.store, shop.view, INT64_MIN, INT64_MAX), 2);
        shop_close(&shop);
    }
}

Test(event, values_that_do_not_fit_their_property_are_refused) {
    struct shop shop = shop_open();
    static const struct sh_text labels[] = {SH_TEXT_LITERAL("low"), SH_TEXT_LITERAL("high")};
    const struct sh_attribute_spec specs[] = {
        {.name = SH_TEXT_LITERAL("gift"), .type = SH_TYPE_BOOL},
        {.name = SH_TEXT_LITERAL("level"), .type = SH_TYPE_ENUM, .labels = labels, .label_count = 2},
        {.name = SH_TEXT_LITERAL("due"), .type = SH_TYPE_TIME, .is_date = true}};
    static const int64_t wrong[] = {2, 2, 5};
    for (uint32_t i = 0; i < 3; i++)
        cr_assert_eq(sh_event_property_add(shop.store, shop.view, &specs[i], NULL, NULL), SH_OK);
    for (uint32_t i = 0; i < 4; i++) { /* the last one is of a property that is not there */
        const struct sh_event_value value = {i, i < 3 ? wrong[i] : 0};
        struct sh_event event = act(shop.view, 1, 0);
        event.values = &value;
        event.value_count = 1;
        bool duplicate;
        cr_expect_eq(sh_event_append(shop.store, &event, &duplicate, NULL), SH_ERR_ARGUMENT);
    }
    const struct sh_event_value twice[] = {{0, 1}, {0, 1}};
    struct sh_event event = act(shop.view, 1, 0);
    event.values = twice;
    event.value_count = 2;
    bool duplicate;
    cr_expect_eq(sh_event_append(shop.store, &event, &duplicate, NULL), SH_ERR_ARGUMENT);
    cr_expect_eq(sh_event_count(shop.store), 0);
    shop_close(&shop);
}

Test(event, a_property_added_later_is_missing_before) {
    struct shop shop = shop_open();
    cr_assert(append(&shop, act(shop.view, 1, 1000)));
    const struct sh_attribute_spec spec = {.name = SH_TEXT_LITERAL("channel"), .type = SH_TYPE_INT};
    uint32_t property;
    cr_assert_eq(sh_event_property_add(shop.store, shop.view, &spec, &property, NULL), SH_OK);
    cr_assert(append(&shop, act(shop.view, 1, 2000)));
    const struct sh_event_value value = {property, 9};
    struct sh_event event = act(shop.view, 1, 3000);
    event.values = &value;
    event.value_count = 1;
    cr_assert(append(&shop, event));
    cr_assert(append(&shop, act(shop.view, 1, 4000)));
    struct sh_event_ref ref;
    int64_t read;
    cr_assert(sh_event_history_first(shop.store, 1, &ref));
    for (int64_t time_ms = 4000; time_ms >= 1000; time_ms -= 1000) {
        cr_expect_eq(sh_event_ref_time(ref), time_ms);
        cr_expect_eq(sh_event_ref_property(ref, property, &read), time_ms == 3000);
        sh_event_history_next(shop.store, &ref);
    }
    shop_close(&shop);
}

Test(event, schema_is_found_again_and_differences_are_conflicts) {
    struct shop shop = shop_open();
    uint32_t number;
    const uint64_t version = sh_event_schema_version(shop.store);
    cr_expect_eq(sh_event_type_add(shop.store, SH_TEXT_LITERAL("view"), 0, &number, NULL), SH_OK);
    cr_expect_eq(number, shop.view);
    cr_expect_eq(sh_event_schema_version(shop.store), version);
    cr_expect_eq(sh_event_type_add(shop.store, SH_TEXT_LITERAL("view"), 2, &number, NULL), SH_ERR_CONFLICT);
    cr_expect_eq(sh_event_type_add(shop.store, SH_TEXT_LITERAL(""), 2, &number, NULL), SH_ERR_ARGUMENT);
    cr_expect_eq(sh_event_type_add(shop.store, SH_TEXT_LITERAL("\xff"), 2, &number, NULL), SH_ERR_ARGUMENT);
    cr_expect_eq(sh_event_type_find(shop.store, SH_TEXT_LITERAL("views")), -1);
    struct sh_attribute_spec spec = {.name = SH_TEXT_LITERAL("amount"), .type = SH_TYPE_INT};
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, NULL, NULL), SH_ERR_ARGUMENT);
    spec.name = SH_TEXT_LITERAL("渠道");
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, &number, NULL), SH_OK);
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, &number, NULL), SH_OK);
    spec.type = SH_TYPE_STRING;
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, &number, NULL), SH_ERR_CONFLICT);
    cr_expect_eq(sh_event_property_find(sh_event_type(shop.store, shop.view), spec.name), 0);
    shop_close(&shop);
}

Test(event, an_enum_gains_labels_between_and_keeps_its_codes) {
    struct shop shop = shop_open();
    static const struct sh_text few[] = {SH_TEXT_LITERAL("low"), SH_TEXT_LITERAL("high")};
    static const struct sh_text more[] = {SH_TEXT_LITERAL("none"), SH_TEXT_LITERAL("low"), SH_TEXT_LITERAL("middle"),
                                          SH_TEXT_LITERAL("high")};
    static const struct sh_text swapped[] = {SH_TEXT_LITERAL("high"), SH_TEXT_LITERAL("low")};
    static const struct sh_text twice[] = {SH_TEXT_LITERAL("low"), SH_TEXT_LITERAL("low"), SH_TEXT_LITERAL("high")};
    struct sh_attribute_spec spec = {
        .name = SH_TEXT_LITERAL("level"), .type = SH_TYPE_ENUM, .labels = few, .label_count = 2};
    uint32_t property;
    uint32_t code;
    cr_assert_eq(sh_event_property_add(shop.store, shop.view, &spec, &property, NULL), SH_OK);
    spec.labels = swapped;
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, &property, NULL), SH_ERR_CONFLICT);
    spec.label_count = 1;
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, &property, NULL), SH_ERR_CONFLICT);
    spec.labels = twice;
    spec.label_count = 3;
    cr_expect_neq(sh_event_property_add(shop.store, shop.view, &spec, &property, NULL), SH_OK);
    spec.labels = more;
    spec.label_count = 4;
    cr_expect_eq(sh_event_property_add(shop.store, shop.view, &spec, &property, NULL), SH_OK);
    const struct sh_event_property *level = sh_event_type(shop.store, shop.view)->properties[property];
    static const uint32_t code_of_rank[] = {2, 0, 3, 1};
    for (uint32_t rank = 0; rank < 4; rank++) {
        cr_expect_eq(sh_event_property_code(level, more[rank]), code_of_rank[rank]);
        cr_expect_eq(level->code_of_rank[rank], code_of_rank[rank]);
        cr_expect_eq(level->rank_of_code[code_of_rank[rank]], rank);
    }
    struct sh_error err;
    cr_expect_eq(sh_event_text_code(shop.store, shop.view, property, SH_TEXT_LITERAL("midle"), &code, &err),
                 SH_ERR_ARGUMENT);
    cr_expect_str_eq(err.hint, "did you mean \"middle\"?");
    shop_close(&shop);
}

Test(event, forgetting_a_user_takes_its_events_and_their_sums_and_nobody_elses) {
    struct shop shop = shop_open();
    for (uint32_t i = 0; i < 300; i++) {
        struct sh_event event = act(i % 7 ? shop.purchase : shop.view, i % 3, (int64_t)i * SH_HOUR_MS);
        event.has_amount = true;
        event.amount = 1 + i % 3;
        cr_assert(append(&shop, event));
    }
    uint64_t forgotten;
    sh_event_forget(shop.store, 1, &forgotten);
    cr_expect_eq(forgotten, 100);
    shop_check(&shop);
    struct sh_event_ref ref;
    cr_expect_not(sh_event_history_first(shop.store, 1, &ref));
    __int128 sum = 0;
    for (uint32_t type = 0; type < 2; type++) {
        sum += sh_event_type(shop.store, type)->totals.amount_sum;
        struct sh_event_cells cells;
        sh_event_cells_begin(&cells, sh_event_type(shop.store, type), 0, SH_INSTANT_MIN, SH_INSTANT_MAX);
        while (sh_event_cells_next(&cells))
            for (uint32_t row = 0; row < cells.cell->row_count; row++)
                cr_expect_neq(cells.cell->slot_low[row], 1);
    }
    cr_expect(sum == 100 * 1 + 100 * 3);
    sh_event_forget(shop.store, 1, &forgotten);
    cr_expect_eq(forgotten, 0);
    sh_event_forget(shop.store, 4000000000u, &forgotten);
    cr_expect_eq(forgotten, 0);
    cr_expect(append(&shop, act(shop.view, 1, 5)), "the slot begins anew");
    sh_event_forget(shop.store, 0, NULL);
    sh_event_forget(shop.store, 1, NULL);
    sh_event_forget(shop.store, 2, NULL);
    cr_expect_eq(sh_event_count(shop.store), 0);
    cr_expect_eq(sh_event_window_count(shop.store, shop.view, SH_INSTANT_MIN, SH_INSTANT_MAX), 0);
    shop_close(&shop);
}

Test(event, sums_of_amounts_are_exact_beyond_64_bits) {
    struct shop shop = shop_open();
    for (int i = 0; i < 5; i++) {
        struct sh_event event = act(shop.purchase, 1, i);
        event.has_amount = true;
        event.amount = INT64_MAX;
        cr_assert(append(&shop, event));
    }
    cr_expect(sh_event_type(shop.store, shop.purchase)->totals.amount_sum == (__int128)INT64_MAX * 5);
    shop_close(&shop);
}

Test(event, failing_memory_leaves_the_events_as_they_were) {
    struct shop shop = shop_open();
    const struct sh_attribute_spec spec = {.name = SH_TEXT_LITERAL("channel"), .type = SH_TYPE_INT};
    cr_assert_eq(sh_event_property_add(shop.store, shop.view, &spec, NULL, NULL), SH_OK);
    uint64_t failures = 0;
    for (uint32_t i = 0; i < 200; i++) {
        const struct sh_event_value value = {0, (int64_t)i * i * 1000003};
        struct sh_event event = act(shop.view, i * 40503, (int64_t)(i / 3) * SH_DAY_MS);
        event.item = i % 5 ? i : SH_NO_ITEM;
        event.has_amount = i % 2;
        event.amount = -(int64_t)i * 70001;
        event.has_id = i % 3 == 0;
        event.id_hash = i;
        event.values = &value;
        event.value_count = i % 4 == 0;
        for (uint64_t n = 0;; n++) {
            bool duplicate;
            sh_memory_fail_after(n);
            const enum sh_status status = sh_event_append(shop.store, &event, &duplicate, NULL);
            const bool failed = sh_memory_failed();
            sh_memory_fail_after(UINT64_MAX);
            if (status == SH_OK) break; /* trimming an older cell may fail and be no failure */
            cr_assert(failed);
            cr_assert_eq(status, SH_ERR_MEMORY);
            cr_assert_eq(sh_event_count(shop.store), i);
            failures++;
        }
        if (i % 10 == 0) shop_check(&shop);
    }
    cr_expect_gt(failures, 200);
    shop_close(&shop);
}

Test(event, failing_memory_leaves_the_schema_as_it_was) {
    static const struct sh_text labels[] = {SH_TEXT_LITERAL("a"), SH_TEXT_LITERAL("b"), SH_TEXT_LITERAL("c")};
    for (uint64_t n = 0, failed = true; failed; n++) {
        struct shop shop = shop_open();
        struct sh_attribute_spec spec = {
            .name = SH_TEXT_LITERAL("level"), .type = SH_TYPE_ENUM, .labels = labels, .label_count = 2};
        uint32_t number;
        sh_memory_fail_after(n);
        enum sh_status status = sh_event_type_add(shop.store, SH_TEXT_LITERAL("click"), 0, &number, NULL);
        if (status == SH_OK) status = sh_event_property_add(shop.store, number, &spec, NULL, NULL);
        spec.label_count = 3;
        if (status == SH_OK) status = sh_event_property_add(shop.store, number, &spec, NULL, NULL);
        failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        cr_expect_eq(status, failed ? SH_ERR_MEMORY : SH_OK);
        const int32_t click = sh_event_type_find(shop.store, SH_TEXT_LITERAL("click"));
        if (click >= 0 && sh_event_type(shop.store, (uint32_t)click)->property_count > 0) {
            const struct sh_event_property *level = sh_event_type(shop.store, (uint32_t)click)->properties[0];
            const uint32_t count = sh_dictionary_count(&level->texts);
            cr_expect(count == (failed ? 2 : 3));
            for (uint32_t code = 0; code < count; code++)
                cr_expect_eq(level->code_of_rank[level->rank_of_code[code]], code);
        }
        shop_close(&shop);
    }
}

Test(event, old_days_give_back_their_spare_room) {
    struct shop shop = shop_open();
    for (uint32_t day = 0; day < 4; day++)
        for (uint32_t i = 0; i < 1000; i++)
            cr_assert(append(&shop, act(shop.view, i, day * SH_DAY_MS + i)));
    const struct sh_event_type *view = sh_event_type(shop.store, shop.view);
    cr_expect_eq(sh_event_day_cell(view->days[1], 0)->capacity, 1000);
    cr_expect_gt(sh_event_day_cell(view->days[3], 0)->capacity, 1000);
    sh_event_trim(shop.store);
    cr_expect_eq(sh_event_day_cell(view->days[3], 0)->capacity, 1000);
    cr_expect(append(&shop, act(shop.view, 5, 0)), "a trimmed cell takes late events");
    shop_close(&shop);
}

Test(event, the_store_in_words) {
    struct shop shop = shop_open();
    const struct sh_attribute_spec spec = {.name = SH_TEXT_LITERAL("渠道"), .type = SH_TYPE_STRING};
    cr_assert_eq(sh_event_property_add(shop.store, shop.purchase, &spec, NULL, NULL), SH_OK);
    struct sh_event event = act(shop.purchase, 1, instant(&shop, "2026-03-01 00:00"));
    event.has_amount = true;
    event.amount = -1250;
    cr_assert(append(&shop, event));
    event.time_ms += 2 * SH_DAY_MS;
    cr_assert(append(&shop, event));
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, 4096);
    sh_event_store_print(shop.store, &buffer);
    const struct sh_text text = {(const char *)buffer.bytes, (uint32_t)buffer.count};
    static const char expected[] =
        "  purchase: 2 events on 2 days from 2026-03-01 to 2026-03-03, amounts -25.00 in 2 of "
        "them; 渠道 string\n  view: 0 events\n";
    cr_assert_gt(text.count, sizeof expected);
    cr_expect_eq(memcmp(text.bytes + text.count - (sizeof expected - 1), expected, sizeof expected - 1), 0, "%.*s",
                 SH_TEXT_ARGS(text));
    sh_buffer_deinit(&buffer);
    shop_close(&shop);
}

Test(event, memory_stays_under_40_bytes_an_event) {
    struct shop shop = shop_open();
    const int64_t before = sh_memory_bytes();
    enum { EVENTS = 400000, USERS = 60000 };
    for (uint32_t i = 0; i < EVENTS; i++) {
        struct sh_event event =
            act(i % 4 ? shop.view : shop.purchase, i * 7919 % USERS, (int64_t)i * SH_DAY_MS / 20000);
        event.item = i * 31 % 5000;
        event.has_amount = i % 4 == 0;
        event.amount = 100 * (i % 900);
        event.has_id = true;
        event.id_hash = i + 1;
        cr_assert(append(&shop, event));
    }
    const double bytes = (double)sh_event_memory_bytes(shop.store) / EVENTS;
    const double asked = (double)(sh_memory_bytes() - before) / EVENTS;
    cr_expect_lt(bytes, 40.0, "%f", bytes);
    cr_expect_lt(asked, 42.0, "%f with what the allocator rounds up", asked);
    cr_expect_lt(bytes, asked * 1.05, "counted %f, taken %f", bytes, asked);
    shop_close(&shop);
}

/* ---- Sweeping ---- */

static const struct sh_event_sweep_hearing nobody;

Test(event, a_type_is_kept_for_so_many_whole_days_before_today) {
    struct shop shop = shop_open();
    const int64_t now_ms = instant(&shop, "2026-03-10 15:00");
    cr_assert(append(&shop, act(shop.view, 1, instant(&shop, "2026-03-06 23:59"))));
    cr_assert(append(&shop, act(shop.view, 1, instant(&shop, "2026-03-07 00:00"))));
    cr_assert(append(&shop, act(shop.purchase, 1, instant(&shop, "2026-01-01 12:00"))));
    cr_expect_not(sh_event_sweep_is_due(shop.store, now_ms), "everything is kept for ever");
    sh_event_type_keep(shop.store, shop.view, 3);
    cr_expect(sh_event_is_kept(shop.store, shop.view, instant(&shop, "2026-03-06 23:59")), "nothing was swept yet");
    cr_expect(sh_event_sweep_is_due(shop.store, now_ms));
    cr_expect_eq(sh_event_sweep(shop.store, now_ms, &nobody), 1);
    int64_t times[4];
    cr_expect_eq(history_times(&shop, 1, times, 4), 2);
    cr_expect_eq(times[0], instant(&shop, "2026-03-07 00:00"));
    cr_expect_eq(times[1], instant(&shop, "2026-01-01 12:00"), "what is older and kept longer stays in its place");
    cr_expect_not(sh_event_is_kept(shop.store, shop.view, instant(&shop, "2026-03-06 23:59")));
    cr_expect(sh_event_is_kept(shop.store, shop.view, instant(&shop, "2026-03-07 00:00")));
    cr_expect(sh_event_is_kept(shop.store, shop.purchase, 0));
    cr_expect_not(sh_event_sweep_is_due(shop.store, instant(&shop, "2026-03-10 23:59")));
    cr_expect(sh_event_sweep_is_due(shop.store, instant(&shop, "2026-03-11 00:00")));
    cr_expect_eq(sh_event_sweep(shop.store, instant(&shop, "2026-03-01 00:00"), &nobody), 0, "a clock that goes back");
    cr_expect_eq(sh_event_sweep(shop.store, instant(&shop, "2026-03-11 00:00"), &nobody), 1);
    shop_close(&shop);
}

/* A year of days goes by; what is there is 30 days, and memory is what 30 days take. */
Test(event, memory_of_swept_days_is_free_and_their_cells_numbers_come_again) {
    struct shop shop = shop_open();
    enum { USERS = 3000, DAYS = 365, KEEP = 30 };
    sh_event_type_keep(shop.store, shop.view, KEEP);
    size_t bytes_then = 0;
    for (int64_t day = 0; day < DAYS; day++) {
        (void)sh_event_sweep(shop.store, day * SH_DAY_MS, &nobody);
        for (uint32_t i = 0; i < USERS; i++)
            cr_assert(append(&shop, act(shop.view, i * 37 % USERS, day * SH_DAY_MS + i)));
        if (day == KEEP) bytes_then = sh_event_memory_bytes(shop.store);
    }
    cr_expect_eq(sh_event_count(shop.store), (KEEP + 1) * USERS);
    cr_expect_eq(sh_event_cell_count(shop.store), KEEP + 1);
    cr_expect_leq(sh_event_memory_bytes(shop.store), bytes_then + bytes_then / 20);
    shop_close(&shop);
}
