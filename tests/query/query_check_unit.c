/* query_check_unit.c -- what names and literals mean once bound: which canonical values satisfy. */
#include <criterion/criterion.h>

#include "query_shop.h"

static struct query_shop shop;

static void open_shop(void) {
    query_shop_open(&shop);
}
static void close_shop(void) {
    query_shop_close(&shop);
}
TestSuite(query_check, .init = open_shop, .fini = close_shop);

#define NOTHING 1, 0

static void expect_range(const char *text, int64_t low, int64_t high) {
    const struct sh_node *node = query_shop_bound(&shop, text);
    cr_expect(node->low == low && node->high == high, "%s is %lld..%lld, not %lld..%lld", text, (long long)node->low,
              (long long)node->high, (long long)low, (long long)high);
}

static void expect_values(const char *text, const int64_t *values, uint32_t count) {
    const struct sh_node *node = query_shop_bound(&shop, text);
    cr_expect_eq(node->value_count, count, "%s has %u values", text, node->value_count);
    for (uint32_t i = 0; i < count && i < node->value_count; i++)
        cr_expect_eq(node->values[i], values[i], "%s: value %u is %lld", text, i, (long long)node->values[i]);
}
#define EXPECT_VALUES(text, ...)                                                                                       \
    do {                                                                                                               \
        const int64_t values[] = {__VA_ARGS__};                                                                        \
        expect_values(text, values, sizeof values / sizeof values[0]);                                                 \
    } while (0)

static int64_t instant(const char *text) {
    int64_t instant_ms = 0;
    cr_assert_eq(sh_instant_parse(sh_text_of(text), shop.zone, &instant_ms, NULL), SH_OK);
    return instant_ms;
}

static int64_t midnight_utc(int year, int month, int day) {
    return sh_day_from_date((struct sh_date){year, month, day}) * SH_DAY_MS;
}

Test(query_check, an_int_compares_with_whole_numbers) {
    expect_range("points = 5", 5, 5);
    expect_range("points < 5", INT64_MIN, 4);
    expect_range("points <= 5", INT64_MIN, 5);
    expect_range("points > 5", 6, INT64_MAX);
    expect_range("points >= -5", -5, INT64_MAX);
    expect_range("points between -1 and 1", -1, 1);
    expect_range("points between 2 and 1", NOTHING);
    cr_assert(query_shop_bound(&shop, "points != 5")->negated);
    cr_assert(query_shop_bound(&shop, "points not between 1 and 2")->negated);
    expect_range("points != 5", 5, 5);
}

Test(query_check, an_int_compares_with_decimals_between_its_values_exactly) {
    expect_range("points > 1.5", 2, INT64_MAX);
    expect_range("points >= 1.5", 2, INT64_MAX);
    expect_range("points < 1.5", INT64_MIN, 1);
    expect_range("points <= 1.5", INT64_MIN, 1);
    expect_range("points = 1.5", NOTHING);
    expect_range("points > -1.5", -1, INT64_MAX);
    expect_range("points < -1.5", INT64_MIN, -2);
    expect_range("points between 0.5 and 2.5", 1, 2);
    expect_range("points between 0.1 and 0.9", NOTHING);
    expect_range("points = 1.0", 1, 1);
}

Test(query_check, a_decimal_compares_exactly_with_more_digits_than_it_has) {
    expect_range("balance > 10.005", 1001, INT64_MAX);
    expect_range("balance >= 10.005", 1001, INT64_MAX);
    expect_range("balance < 10.005", INT64_MIN, 1000);
    expect_range("balance = 10.005", NOTHING);
    expect_range("balance = 10.01", 1001, 1001);
    expect_range("balance = 10", 1000, 1000);
    expect_range("balance > -10.005", -1000, INT64_MAX);
    expect_range("balance < -10.005", INT64_MIN, -1001);
    expect_range("balance > 0.00000000000000000000000000000000000000001", 1, INT64_MAX);
    expect_range("balance <= -0.00000000000000000000000000000000000000001", INT64_MIN, -1);
}

Test(query_check, numbers_beyond_64_bits_are_beyond_every_value) {
    expect_range("points > 9223372036854775807", NOTHING);
    expect_range("points >= 9223372036854775807", INT64_MAX, INT64_MAX);
    expect_range("points < 9223372036854775808", INT64_MIN, INT64_MAX);
    expect_range("points > 9223372036854775808", NOTHING);
    expect_range("points = 9223372036854775808", NOTHING);
    expect_range("points >= -9223372036854775808", INT64_MIN, INT64_MAX);
    expect_range("points < -9223372036854775808", NOTHING);
    expect_range("points = -9223372036854775808", INT64_MIN, INT64_MIN);
    expect_range("points > -9223372036854775809", INT64_MIN, INT64_MAX);
    expect_range("points <= -9223372036854775808.5", NOTHING);
    expect_range("points >= -99999999999999999999999999999999999999999999999999", INT64_MIN, INT64_MAX);
    expect_range("points <= 99999999999999999999999999999999999999999999999999", INT64_MIN, INT64_MAX);
    expect_range("balance < 92233720368547758.07", INT64_MIN, INT64_MAX - 1);
    expect_range("balance > 92233720368547758.07", NOTHING);
}

Test(query_check, a_list_of_numbers_keeps_those_that_a_value_can_be) {
    EXPECT_VALUES("points in (3, 1, 2.5, 99999999999999999999, -1)", -1, 1, 3);
    EXPECT_VALUES("balance in (1.5, 1.505, 2)", 150, 200);
    cr_assert_eq(query_shop_bound(&shop, "points in (0.5)")->value_count, 0);
    cr_assert(query_shop_bound(&shop, "points not in (1)")->negated);
}

Test(query_check, a_bool_stands_alone_or_is_compared) {
    expect_range("vip", 1, 1);
    expect_range("vip = false", 0, 0);
    expect_range("vip != true", 1, 1);
    cr_assert(query_shop_bound(&shop, "vip != true")->negated);
    cr_assert_eq(query_shop_bound(&shop, "not vip")->kind, SH_NODE_NOT);
}

Test(query_check, an_enum_compares_by_rank) {
    expect_range("tier >= 'gold'", 2, INT64_MAX);
    EXPECT_VALUES("tier >= 'gold'", 2, 3);
    EXPECT_VALUES("tier > 'gold'", 3);
    EXPECT_VALUES("tier < 'silver'", 0);
    EXPECT_VALUES("tier != 'silver'", 1);
    EXPECT_VALUES("tier between 'silver' and 'gold'", 1, 2);
    EXPECT_VALUES("tier in ('diamond', 'bronze')", 0, 3);
    cr_assert_eq(query_shop_bound(&shop, "tier > 'diamond'")->value_count, 0);
    EXPECT_VALUES("会员等级 >= '银卡'", 1, 2);
}

Test(query_check, a_label_added_in_the_middle_has_its_rank_and_not_its_codes_order) {
    static const struct sh_text labels[] = {{"bronze", 6}, {"silver", 6}, {"rose", 4}, {"gold", 4}, {"diamond", 7}};
    const struct sh_attribute_spec spec = {
        .name = {"tier", 4}, .type = SH_TYPE_ENUM, .labels = labels, .label_count = 5};
    cr_assert_eq(sh_table_add_attribute(shop.users, &spec, NULL, &shop.err), SH_OK, "%s", shop.err.message);
    EXPECT_VALUES("tier >= 'rose'", 2, 3, 4);
    EXPECT_VALUES("tier < 'gold'", 0, 1, 4);
    EXPECT_VALUES("tier = 'rose'", 4);
    expect_range("tier = 'rose'", 2, 2);
}

Test(query_check, strings_are_codes_and_one_that_nobody_has_matches_nothing) {
    EXPECT_VALUES("city = '成都'", 1);
    EXPECT_VALUES("city in ('Lisbon', '上海', 'Atlantis')", 0, 2);
    cr_assert_eq(query_shop_bound(&shop, "city = 'Atlantis'")->value_count, 0);
    const struct sh_node *node = query_shop_bound(&shop, "city != 'Atlantis'");
    cr_assert(node->negated && node->value_count == 0);
    query_shop_bound(&shop, "city starts with '成' and city not contains 'x'");
}

Test(query_check, ids_are_slots) {
    EXPECT_VALUES("id = 'a-2'", 1);
    EXPECT_VALUES("id in ('a-3', 'a-1', 'nobody')", 0, 2);
    const struct sh_node *node = query_shop_bound(&shop, "did(view where item = 'a-2')")->operand.where;
    cr_assert_eq(node->operand.subject, SH_SUBJECT_ITEM);
    cr_assert_eq(node->operand.index, SH_OPERAND_ID);
    cr_assert(node->value_count == 1 && node->values[0] == 1);
    cr_assert_eq(query_shop_bound(&shop, "did(view where item = 'a-3')")->operand.where->value_count, 0,
                 "users have it, items do not");
}

Test(query_check, tags_are_codes_and_the_missing_one_is_still_counted) {
    const struct sh_node *node = query_shop_bound(&shop, "interests has all ('tea', 'skin-care', 'gold fish')");
    cr_assert_eq(node->tag_set, 0);
    cr_assert_eq(node->literal_count, 3);
    EXPECT_VALUES("interests has all ('tea', 'skin-care', 'gold fish')", 0, 2);
    cr_assert_eq(query_shop_bound(&shop, "notes has 'x'")->tag_set, 1);
    cr_assert_eq(query_shop_bound(&shop, "notes has 'x'")->value_count, 0);
    node = query_shop_bound(&shop, "did(view where item.labels has 'tea')")->operand.where;
    cr_assert_eq(node->operand.subject, SH_SUBJECT_ITEM);
    cr_assert(node->value_count == 1 && node->values[0] == 0);
}

Test(query_check, a_date_against_a_time_is_the_whole_day_in_the_zone) {
    const int64_t start = instant("2026-03-01 00:00");
    const int64_t end = instant("2026-03-02 00:00");
    expect_range("joined = '2026-03-01'", start, end - 1);
    expect_range("joined != '2026-03-01'", start, end - 1);
    expect_range("joined >= '2026-03-01'", start, INT64_MAX);
    expect_range("joined > '2026-03-01'", end, INT64_MAX);
    expect_range("joined < '2026-03-01'", INT64_MIN, start - 1);
    expect_range("joined <= '2026-03-01'", INT64_MIN, end - 1);
    expect_range("joined between '2026-03-01' and '2026-03-01'", start, end - 1);
    expect_range("joined between '2026-03-01 10:00' and '2026-03-01'", instant("2026-03-01 10:00"), end - 1);
}

Test(query_check, an_instant_against_a_time_is_that_millisecond) {
    const int64_t at = instant("2026-03-01 09:30");
    expect_range("joined = '2026-03-01 09:30'", at, at);
    expect_range("joined > '2026-03-01T01:30:00Z'", at + 1, INT64_MAX);
    EXPECT_VALUES("joined in ('2026-03-01 09:30', '2026-03-01T01:30Z')", at);
}

Test(query_check, a_list_of_days_against_a_time_becomes_comparisons) {
    const struct sh_node *node = query_shop_bound(&shop, "joined in ('2026-03-01', '2026-03-05 10:00')");
    cr_assert_eq(node->kind, SH_NODE_OR);
    cr_assert_str_eq(query_shop_printed(&shop, node), "joined = '2026-03-01' or joined = '2026-03-05 10:00'");
    cr_assert_eq(node->child->low, instant("2026-03-01 00:00"));
    cr_assert_eq(node->child->high, instant("2026-03-02 00:00") - 1);
    node = query_shop_bound(&shop, "vip and joined not in ('2026-03-01', '2026-03-05')");
    cr_assert_str_eq(query_shop_printed(&shop, node), "joined != '2026-03-01' and joined != '2026-03-05' and vip");
    cr_assert(node->child->negated, "a missing time is in no list and in no `not in` list");
    cr_assert_eq(query_shop_bound(&shop, "joined in ('2026-03-01')")->kind, SH_NODE_COMPARE);
}

Test(query_check, a_date_attribute_is_its_utc_midnight_in_every_zone) {
    const int64_t day = midnight_utc(2000, 2, 29);
    expect_range("birthday = '2000-02-29'", day, day);
    expect_range("birthday > '2000-02-29'", day + 1, INT64_MAX);
    expect_range("birthday <= '2000-02-29'", INT64_MIN, day);
    EXPECT_VALUES("birthday in ('2000-02-29', '1970-01-01')", 0, day);
    cr_assert(query_shop_bound(&shop, "birthday in next 7 days")->operand.date_only);
}

Test(query_check, operands_of_where_are_properties_amount_time_and_the_item) {
    const struct sh_node *node = query_shop_bound(&shop, "did(purchase where quantity > 2)");
    cr_assert_eq(node->operand.event_type, 1);
    cr_assert_eq(node->operand.where->operand.subject, SH_SUBJECT_PROPERTY);
    cr_assert_eq(node->operand.where->operand.index, 1);
    node = query_shop_bound(&shop, "did(purchase where amount > 2.5)")->operand.where;
    cr_assert(node->operand.index == SH_OPERAND_AMOUNT && node->operand.scale == 2 && node->low == 251);
    node = query_shop_bound(&shop, "did(view where amount > 2.5)")->operand.where;
    cr_assert(node->operand.scale == 0 && node->low == 3, "an amount has the scale of its event type");
    node = query_shop_bound(&shop, "did(purchase where time >= '2026-03-01')")->operand.where;
    cr_assert(node->operand.index == SH_OPERAND_TIME && node->low == instant("2026-03-01 00:00"));
    node = query_shop_bound(&shop, "did(purchase where store = '成都-1')")->operand.where;
    cr_assert(node->value_count == 1 && node->values[0] == 0);
    node = query_shop_bound(&shop, "did(view where channel < 'shop')")->operand.where;
    cr_assert(node->value_count == 2 && node->high == 1);
    node = query_shop_bound(&shop, "did(purchase where item.price > 9.999)")->operand.where;
    cr_assert(node->operand.subject == SH_SUBJECT_ITEM && node->operand.index == 1 && node->low == 1000);
    node = query_shop_bound(&shop, "did(purchase where coupon and not item.fresh)")->operand.where;
    cr_assert_eq(node->kind, SH_NODE_AND);
    node = query_shop_bound(&shop, "did(purchase where paid in last 2 days and delivery is missing)");
    cr_assert_eq(node->kind, SH_NODE_DID);
}

Test(query_check, counts_and_days_are_ints_first_and_last_are_times) {
    expect_range("count(purchase) >= 1.5", 2, INT64_MAX);
    expect_range("days_since(purchase) > 90", 91, INT64_MAX);
    expect_range("first(purchase) < '2026-01-01'", INT64_MIN, instant("2026-01-01 00:00") - 1);
    const struct sh_node *node = query_shop_bound(&shop, "last(purchase) in last 3 days");
    cr_assert(node->operand.type == SH_TYPE_TIME && node->operand.index == SH_OPERAND_TIME);
    node = query_shop_bound(&shop, "last(purchase.store) = '成都-1'");
    cr_assert(node->operand.type == SH_TYPE_STRING && node->value_count == 1);
    node = query_shop_bound(&shop, "max(view.channel) >= 'web'");
    cr_assert(node->low == 1 && node->value_count == 2);
    node = query_shop_bound(&shop, "min(purchase.discount) < 0.0005");
    cr_assert(node->operand.scale == 3 && node->high == 0);
}

Test(query_check, extremes_of_time_are_first_and_last) {
    cr_assert_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, "min(view.time) > '2026-01-01'")),
                     "first(view) > '2026-01-01'");
    cr_assert_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, "max(view.time) > '2026-01-01'")),
                     "last(view) > '2026-01-01'");
    cr_assert_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, "last(view.time, today) is missing")),
                     "last(view, today) is missing");
}

static bool is_128(__int128 value, int64_t wanted) {
    return value == (__int128)wanted;
}

Test(query_check, sums_have_bounds_of_128_bits) {
    const struct sh_node *node = query_shop_bound(&shop, "sum(purchase.amount) > 10.005");
    cr_assert(is_128(node->low128, 1001));
    cr_assert(node->high128 > (__int128)INT64_MAX * 1000000);
    node = query_shop_bound(&shop, "sum(purchase.amount) = 10.005");
    cr_assert(node->low128 > node->high128);
    node = query_shop_bound(&shop, "sum(purchase.amount) <= 100000000000000000000");
    cr_assert(node->high128 == (__int128)10000000000 * 1000000000000, "10^20 at scale 2");
    node = query_shop_bound(&shop, "sum(purchase.quantity) between -1 and 2.5");
    cr_assert(is_128(node->low128, -1) && is_128(node->high128, 2));
    EXPECT_VALUES("sum(purchase.amount) in (2, 1.5)", 150, 200);
}

Test(query_check, averages_have_open_bounds_in_the_digits_of_the_literal) {
    const struct sh_node *node = query_shop_bound(&shop, "avg(purchase.amount) > 10.005");
    cr_assert(node->bound_scale == 3 && is_128(node->low128, 10005) && node->low_open && !node->high_open);
    cr_assert(node->high128 == SH_AVG_BOUND_MAX);
    node = query_shop_bound(&shop, "avg(purchase.amount) <= 10");
    cr_assert(node->bound_scale == 2 && is_128(node->high128, 1000) && !node->high_open && !node->low_open);
    cr_assert(node->low128 == -SH_AVG_BOUND_MAX);
    node = query_shop_bound(&shop, "avg(purchase.quantity) < 2.5");
    cr_assert(node->bound_scale == 1 && is_128(node->high128, 25) && node->high_open);
    node = query_shop_bound(&shop, "avg(purchase.quantity) != 2.5");
    cr_assert(node->negated && is_128(node->low128, 25) && is_128(node->high128, 25));
    node = query_shop_bound(&shop, "avg(purchase.quantity) between -0.125 and 7");
    cr_assert(node->bound_scale == 3 && is_128(node->low128, -125) && is_128(node->high128, 7000));
    node = query_shop_bound(&shop, "avg(purchase.quantity) >= 1000000000000000000000000000000000000000");
    cr_assert(node->low128 <= SH_AVG_BOUND_MAX && node->low128 > (__int128)INT64_MAX * 1000);
}

/* ---- Segments ---- */

static enum sh_status saved_segment(void *owner, struct sh_text name, struct sh_arena *arena, struct sh_node **tree,
                                    struct sh_error *err) {
    const char *const *saved = owner; /* name, text, name, text ... NULL */
    for (; saved[0] != NULL; saved += 2)
        if (sh_text_equal(name, sh_text_of(saved[0]))) return sh_query_parse(sh_text_of(saved[1]), arena, tree, err);
    return sh_fail(err, SH_ERR_NAME, -1, "there is no segment '%.*s'", SH_TEXT_ARGS(name));
}

static const char *const saved[] = {"gold",  "tier >= 'gold'",
                                    "rich",  "in_segment('gold') and balance > 100",
                                    "odd",   "teir = 'gold'",
                                    "round", "vip and in_segment('round')",
                                    NULL,    NULL};

Test(query_check, a_segment_is_its_expression_in_place) {
    shop.scope.segment = saved_segment;
    shop.scope.segment_owner = (void *)saved;
    cr_assert_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, "vip and in_segment('rich')")),
                     "balance > 100 and tier >= 'gold' and vip");
    cr_assert_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, "not in_segment('gold')")),
                     "not tier >= 'gold'");
    cr_assert_str_eq(query_shop_printed(&shop, query_shop_bound(&shop, "in_segment('gold') and tier >= 'gold'")),
                     "tier >= 'gold'");
}

Test(query_check, faults_of_segments_are_told_where_they_are_used) {
    struct sh_node *tree;
    shop.scope.segment = saved_segment;
    shop.scope.segment_owner = (void *)saved;
    cr_assert_eq(query_shop_check(&shop, "vip and in_segment('odd')", &tree), SH_ERR_NAME);
    cr_assert_str_eq(shop.err.message, "in the segment 'odd': there is no attribute or tag set `teir`");
    cr_assert_str_eq(shop.err.hint, "did you mean tier?");
    cr_assert_eq(query_shop_check(&shop, "vip and in_segment('none')", &tree), SH_ERR_NAME);
    cr_assert_str_eq(shop.err.message, "there is no segment 'none'");
    cr_assert_eq(shop.err.position, 8, "the place of in_segment in the text as written");
    cr_assert_eq(query_shop_check(&shop, "in_segment('round')", &tree), SH_ERR_LIMIT, "a circle ends at the depth");
}

Test(query_check, an_expression_about_items_reads_the_items_table) {
    shop.scope.table = shop.items;
    shop.scope.items = NULL;
    shop.scope.events = NULL;
    expect_range("price <= 9.99", INT64_MIN, 999);
    EXPECT_VALUES("labels has 'mother-baby'", 1);
    EXPECT_VALUES("id in ('a-1', 'a-3')", 0);
}

Test(query_check, checking_survives_a_small_arena) {
    static const char *const text =
        "tier in ('gold', 'silver') and did(view where store = 'x' and item.labels has 'tea')";
    struct sh_arena arena;
    enum sh_status status = SH_ERR_LIMIT;
    for (size_t limit = 64; status != SH_OK; limit += 64) {
        cr_assert_lt(limit, 1 << 20);
        struct sh_node *tree;
        sh_arena_init(&arena, limit);
        status = sh_query_parse(sh_text_of(text), &arena, &tree, &shop.err);
        if (status == SH_OK) status = sh_query_check(&tree, &shop.scope, &arena, &shop.err);
        if (status != SH_OK) cr_assert_eq(status, SH_ERR_LIMIT, "%s", shop.err.message);
        sh_arena_deinit(&arena);
    }
}

Test(query_check, every_allocation_may_fail_once) {
    static const char *const text =
        "teir in ('gold', 'silver') or did(view where store = 'x' and item.labels has 'tea')";
    uint64_t successes = 0;
    for (bool failed = true; failed; successes++) {
        struct sh_arena arena;
        struct sh_node *tree;
        sh_memory_fail_after(successes);
        sh_arena_init(&arena, 1 << 20);
        enum sh_status status = sh_query_parse(sh_text_of(text), &arena, &tree, &shop.err);
        if (status == SH_OK) status = sh_query_check(&tree, &shop.scope, &arena, &shop.err);
        failed = sh_memory_failed();
        sh_memory_fail_after(UINT64_MAX);
        sh_arena_deinit(&arena);
        cr_assert(failed ? status != SH_OK : status == SH_ERR_NAME, "%s", sh_status_name(status));
    }
    cr_assert_gt(successes, 2, "there was something to fail");
}
