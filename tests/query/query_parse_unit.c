/* query_parse_unit.c -- what is written, and the canonical text it means. */
#include <criterion/criterion.h>

#include "bounds.h"
#include "query_form.h"

struct pair {
    const char *written;
    const char *canonical;
};

/* The canonical text of an expression, or "!" and the message. */
static const char *canonical(const char *written, char *text, size_t text_bytes) {
    struct sh_arena arena;
    struct sh_buffer buffer;
    struct sh_node *tree;
    struct sh_error err = {0};
    sh_arena_init(&arena, 64 << 20);
    sh_buffer_init(&buffer, 1 << 20);
    if (sh_query_parse(sh_text_of(written), &arena, &tree, &err) == SH_OK) {
        sh_query_print(tree, &buffer);
    } else {
        sh_buffer_print(&buffer, "! %s", err.message);
    }
    sh_buffer_append(&buffer, "", 1);
    cr_assert_leq(buffer.count, text_bytes);
    memcpy(text, buffer.bytes, buffer.count);
    sh_buffer_deinit(&buffer);
    sh_arena_deinit(&arena);
    return text;
}

static void expect_pairs(const struct pair *pairs, size_t count) {
    char text[4096];
    for (size_t i = 0; i < count; i++) {
        cr_expect_str_eq(canonical(pairs[i].written, text, sizeof text), pairs[i].canonical, "%s\n is %s\nnot %s",
                         pairs[i].written, text, pairs[i].canonical);
        cr_expect_str_eq(canonical(pairs[i].canonical, text, sizeof text), pairs[i].canonical,
                         "%s is not canonical: %s", pairs[i].canonical, text);
    }
}
#define EXPECT_PAIRS(...)                                                                                              \
    do {                                                                                                               \
        static const struct pair pairs[] = {__VA_ARGS__};                                                              \
        expect_pairs(pairs, sizeof pairs / sizeof pairs[0]);                                                           \
    } while (0)

Test(query_parse, the_expressions_of_the_design_are_expressions) {
    EXPECT_PAIRS({"tier >= 'gold' and city in ('成都', '上海') and not tags has 'blocked'",
                  "city in ('上海', '成都') and not tags has 'blocked' and tier >= 'gold'"},
                 {"interests has any ('mother-baby', 'skin-care') and points between 2000 and 9999 and birthday is not "
                  "missing",
                  "birthday is not missing and interests has any ('mother-baby', 'skin-care') and points between 2000 "
                  "and 9999"},
                 {"count(purchase, last 30 days) >= 2 and sum(purchase.amount, last 90 days) >= 300",
                  "count(purchase, last 30 days) >= 2 and sum(purchase.amount, last 90 days) >= 300"},
                 {"did(view where item.category = 'tea', last 7 days) and not did(purchase, last 60 days)",
                  "did(view where item.category = 'tea', last 7 days) and not did(purchase, last 60 days)"},
                 {"days_since(purchase) > 90 and count(purchase) >= 3            -- 沉睡老客: wake them up",
                  "count(purchase) >= 3 and days_since(purchase) > 90"},
                 {"in_segment('vip mothers') and sample(10%, 'spring sale')",
                  "in_segment('vip mothers') and sample(10%, 'spring sale')"},
                 {"会员等级 >= '金卡'", "会员等级 >= '金卡'"});
}

Test(query_parse, nothing_or_only_comments_is_everybody) {
    EXPECT_PAIRS({"", "true"}, {" \t\r\n", "true"}, {"-- nothing", "true"}, {"-- a\n -- b\n", "true"});
}

Test(query_parse, not_binds_before_and_before_or) {
    EXPECT_PAIRS({"a or b and not c", "a or b and not c"}, {"(a or b) and not c", "(a or b) and not c"},
                 {"not (a or b)", "not (a or b)"}, {"not a and b", "b and not a"}, {"not not not a", "not a"},
                 {"not (not (a and b))", "a and b"}, {"((a))", "a"});
}

Test(query_parse, canonical_form_flattens_sorts_and_drops_doubles) {
    EXPECT_PAIRS({"c and (b and (a and c))", "a and b and c"}, {"b or (c or a) or b", "a or b or c"}, {"a and a", "a"},
                 {"a or (b and b)", "a or b"}, {"x in (10, 9, 9.0, -1, 'b', 'a', 'b')", "x in (-1, 9, 10, 'a', 'b')"},
                 {"x has any ('b', 'a', 'b')", "x has any ('a', 'b')"}, {"x has all ('a', 'a')", "x has 'a'"},
                 {"x has any ('a')", "x has 'a'"}, {"x has none ('a')", "x has none ('a')"},
                 {"did(e where b and a and (a and b))", "did(e where a and b)"});
}

Test(query_parse, comparisons_have_several_spellings_and_one_canonical) {
    EXPECT_PAIRS({"a == 1", "a = 1"}, {"a <> 1", "a != 1"}, {"a≠1", "a != 1"}, {"a≥1", "a >= 1"}, {"a≤1", "a <= 1"},
                 {"5 < a", "a > 5"}, {"5 >= a", "a <= 5"}, {"'x' = a", "a = 'x'"}, {"5 != a", "a != 5"},
                 {"2 <= count(e)", "count(e) >= 2"}, {"true = a", "a"}, {"a = true", "a"}, {"a = FALSE", "a = false"},
                 {"a != true", "a != true"}, {"5 < item.price", "item.price > 5"});
}

Test(query_parse, numbers_are_kept_as_their_shortest_digits) {
    EXPECT_PAIRS({"a = +007.500", "a = 7.5"}, {"a = -0.0", "a = 0"}, {"a = 1.0", "a = 1"}, {"a = 000", "a = 0"},
                 {"a > -0.050", "a > -0.05"}, {"a=100", "a = 100"},
                 {"a = 123456789012345678901234567890.5", "a = 123456789012345678901234567890.5"});
}

Test(query_parse, texts_stand_in_either_quote_doubled_inside) {
    EXPECT_PAIRS({"a = \"it's\"", "a = 'it''s'"}, {"a = 'say \"x\"'", "a = 'say \"x\"'"},
                 {"a = \"say \"\"x\"\"\"", "a = 'say \"x\"'"}, {"a = ''", "a = ''"}, {"a = ''''", "a = ''''"},
                 {"a = '-- no comment'", "a = '-- no comment'"}, {"a = '（full）'", "a = '（full）'"});
}

Test(query_parse, names_are_words_of_any_script_or_stand_in_backticks) {
    EXPECT_PAIRS({"`city` = 'x'", "city = 'x'"}, {"`a b` = 1", "`a b` = 1"}, {"`x``y` = 1", "`x``y` = 1"},
                 {"`and` = 1 and `In` = 2", "`In` = 2 and `and` = 1"}, {"生日 = 1", "生日 = 1"}, {"_x9 = 1", "_x9 = 1"},
                 {"`9x` = 1", "`9x` = 1"}, {"`a-b` = 1", "`a-b` = 1"},
                 {"last = 1 and today = 2 and did = 3", "did = 3 and last = 1 and today = 2"},
                 {"City = 'a' and city = 'b'", "City = 'a' and city = 'b'"}, {"`item` = 1", "`item` = 1"});
}

Test(query_parse, keywords_are_in_any_case) {
    EXPECT_PAIRS({"A AND b Or NOT c", "A and b or not c"}, {"x Is Not MISSING", "x is not missing"},
                 {"x BETWEEN 1 AND 2", "x between 1 and 2"},
                 {"COUNT(e WHERE a IN (1), Last 2 Days) > 1", "count(e where a in (1), last 2 days) > 1"},
                 {"x HAS ANY ('a','b')", "x has any ('a', 'b')"}, {"x STARTS WITH 'a'", "x starts with 'a'"});
}

Test(query_parse, what_chinese_input_methods_type_is_understood) {
    EXPECT_PAIRS({"会员等级 ＞＝ ‘金卡’ and （城市 ＝ “成都” or 积分≥－５０．５）",
                  "会员等级 >= '金卡' and (城市 = '成都' or 积分 >= -50.5)"},
                 {"城市 in （‘成都’，“上海”、'北京'）", "城市 in ('上海', '北京', '成都')"},
                 {"a　＝　１０ and b ！＝ ２", "a = 10 and b != 2"},
                 {"a ＜＞ 1 or a＜1 or a＜＝0", "a != 1 or a < 1 or a <= 0"}, {"｀a b｀ = 1", "`a b` = 1"},
                 {"sample（１０％，‘春’）", "sample(10%, '春')"}, {"a = ‘it''s’", "a = 'it''''s'"},
                 {"a = 'it’s'", "a = 'it’s'"}, {"item．price > 1", "item.price > 1"});
}

Test(query_parse, every_question_has_its_not) {
    EXPECT_PAIRS({"a not in (1)", "a not in (1)"}, {"not a in (1)", "not a in (1)"},
                 {"a not between 1 and 2", "a not between 1 and 2"}, {"a not starts with 'x'", "a not starts with 'x'"},
                 {"a not contains 'x'", "a not contains 'x'"}, {"a is not missing", "a is not missing"},
                 {"not a has 'x'", "not a has 'x'"}, {"a has none ('x', 'y')", "a has none ('x', 'y')"});
}

Test(query_parse, windows_in_all_their_forms) {
    EXPECT_PAIRS(
        {"did(e, last 1 minutes)", "did(e, last 1 minute)"}, {"did(e, last 2 hour)", "did(e, last 2 hours)"},
        {"did(e, last 3 days)", "did(e, last 3 days)"}, {"did(e, last 4 WEEKS)", "did(e, last 4 weeks)"},
        {"did(e, last 2 calendar days)", "did(e, last 2 calendar days)"},
        {"did(e, last 1 calendar years)", "did(e, last 1 calendar year)"},
        {"did(e, last 2 calendar quarters)", "did(e, last 2 calendar quarters)"}, {"did(e, today)", "did(e, today)"},
        {"did(e, this day)", "did(e, today)"}, {"did(e, yesterday)", "did(e, yesterday)"},
        {"did(e, previous day)", "did(e, yesterday)"}, {"did(e, this week)", "did(e, this week)"},
        {"did(e, previous quarter)", "did(e, previous quarter)"},
        {"did(e, between '2026-01-01' and '2026-02-01')", "did(e, between '2026-01-01' and '2026-02-01')"},
        {"did(e, on '2026-01-01')", "did(e, on '2026-01-01')"},
        {"did(e, since '2026-01-01 10:00')", "did(e, since '2026-01-01 10:00')"},
        {"did(e, before '2026-01-01')", "did(e, before '2026-01-01')"}, {"t in last 3 days", "t in last 3 days"},
        {"t in this year", "t in this year"},
        {"t in between '2026-01-01' and '2026-02-01' and b", "b and t in between '2026-01-01' and '2026-02-01'"},
        {"t in next 1 days", "t in next 1 day"}, {"t in next 2 weeks", "t in next 14 days"});
}

Test(query_parse, aggregates_of_events_and_of_their_properties) {
    EXPECT_PAIRS({"count(e)=0", "count(e) = 0"}, {"count(e) in (1,2)", "count(e) in (1, 2)"},
                 {"sum(e.amount where a = 1 or b = 2, today) between 1 and 2",
                  "sum(e.amount where a = 1 or b = 2, today) between 1 and 2"},
                 {"min(e.p) is missing", "min(e.p) is missing"}, {"avg(e.p) > 1.5", "avg(e.p) > 1.5"},
                 {"first(e) >= '2026-01-01'", "first(e) >= '2026-01-01'"}, {"last(e.p) = 'x'", "last(e.p) = 'x'"},
                 {"last(e) in last 2 days", "last(e) in last 2 days"},
                 {"days_since(e where a) < 3", "days_since(e where a) < 3"});
}

Test(query_parse, items_of_events) {
    EXPECT_PAIRS(
        {"did(e where item = 'sku')", "did(e where item.id = 'sku')"},
        {"did(e where item.id in ('a','b'))", "did(e where item.id in ('a', 'b'))"},
        {"did(e where item.tags has 'x' and not item.fresh)", "did(e where item.tags has 'x' and not item.fresh)"},
        {"did(e where item is missing)", "did(e where item.id is missing)"});
}

Test(query_parse, samples_are_parts_of_a_million) {
    EXPECT_PAIRS({"sample(100%, '')", "sample(100%, '')"}, {"sample(0.5%, 's')", "sample(0.5%, 's')"},
                 {"sample(12.3400%, 's')", "sample(12.34%, 's')"}, {"sample(0.0001%, 's')", "sample(0.0001%, 's')"},
                 {"sample(0 %, 's')", "sample(0%, 's')"});
}

/* ---- Limits ---- */

static enum sh_status parse_status(const char *bytes, size_t count, struct sh_error *err) {
    struct sh_arena arena;
    struct sh_node *tree;
    sh_arena_init(&arena, 64 << 20);
    const enum sh_status status = sh_query_parse((struct sh_text){bytes, (uint32_t)count}, &arena, &tree, err);
    sh_arena_deinit(&arena);
    return status;
}

/* part, part, ... joined by `between`, so many times. */
static char *repeated(const char *part, const char *between, size_t count) {
    const size_t part_count = strlen(part), between_count = strlen(between);
    char *text = malloc(count * (part_count + between_count) + 1), *at = text;
    cr_assert_not_null(text);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) at = mempcpy(at, between, between_count);
        at = mempcpy(at, part, part_count);
    }
    *at = '\0';
    return text;
}

static void expect_repeated(const char *part, const char *between, size_t count, enum sh_status wanted) {
    struct sh_error err = {0};
    char *text = repeated(part, between, count);
    cr_expect_eq(parse_status(text, strlen(text), &err), wanted, "%zu times %s: %s", count, part, err.message);
    free(text);
}

Test(query_parse, limits_are_refused_with_a_limit_error_and_never_crash) {
    expect_repeated("a", " and ", SH_EXPRESSION_NODE_COUNT_MAX - 1, SH_OK);
    expect_repeated("a", " and ", SH_EXPRESSION_NODE_COUNT_MAX, SH_ERR_LIMIT);
    expect_repeated(" ", " ", SH_EXPRESSION_BYTES_MAX / 2, SH_OK);
    expect_repeated(" ", "  ", SH_EXPRESSION_BYTES_MAX / 2, SH_ERR_LIMIT);
    expect_repeated("not", " ", 20000, SH_ERR_LIMIT);
    expect_repeated("(", "", 60000, SH_ERR_LIMIT);
    expect_repeated("did(e where ", "", 5000, SH_ERR_LIMIT);
}

/* a and (b or (c and (d or ...))): alternating, so nothing can be flattened. */
static size_t nested(char *text, size_t depth) {
    size_t count = 0;
    for (size_t i = 1; i < depth; i++)
        count += (size_t)sprintf(text + count, "a%zu %s (", i, i % 2 == 0 ? "or" : "and");
    count += (size_t)sprintf(text + count, "z");
    for (size_t i = 1; i < depth; i++)
        text[count++] = ')';
    return count;
}

Test(query_parse, a_tree_as_deep_as_allowed_parses_prints_and_parses_again) {
    char text[8192], printed[8192];
    struct sh_error err = {0};
    const size_t count = nested(text, SH_EXPRESSION_DEPTH_MAX);
    text[count] = '\0';
    canonical(text, printed, sizeof printed);
    cr_assert_neq(printed[0], '!', "%s", printed);
    cr_assert_eq(parse_status(printed, strlen(printed), &err), SH_OK, "%s", err.message);
    cr_assert_eq(parse_status(text, nested(text, SH_EXPRESSION_DEPTH_MAX + 1), &err), SH_ERR_LIMIT);
}

Test(query_parse, bytes_that_are_not_utf8_are_refused_at_the_first_bad_one) {
    struct sh_error err = {0};
    cr_assert_eq(parse_status("a = '\xe9'", 7, &err), SH_ERR_SYNTAX);
    cr_assert_eq(err.position, 5);
    cr_assert_eq(parse_status("城 = 1\0", 8, &err), SH_ERR_SYNTAX);
    cr_assert_eq(err.position, 7);
    cr_assert_eq(parse_status("a \xe5\x9f", 4, &err), SH_ERR_SYNTAX);
    cr_assert_eq(err.position, 2);
}

/* ---- Arrays ---- */

static enum sh_status read_status(const void *bytes, size_t count, struct sh_error *err) {
    struct sh_arena arena;
    struct sh_cursor cursor;
    struct sh_node *tree;
    sh_arena_init(&arena, 64 << 20);
    sh_cursor_init(&cursor, bytes, count);
    const enum sh_status status = sh_query_read(&cursor, &arena, &tree, err);
    sh_arena_deinit(&arena);
    return status;
}

/* The canonical text of a tree that a program wrote. */
static void expect_read(const struct sh_buffer *bytes, const char *wanted) {
    struct sh_arena arena;
    struct sh_cursor cursor;
    struct sh_node *tree = NULL;
    struct sh_error err = {0};
    struct sh_buffer text;
    sh_arena_init(&arena, 64 << 20);
    sh_buffer_init(&text, 1 << 20);
    sh_cursor_init(&cursor, bytes->bytes, bytes->count);
    cr_assert_eq(sh_query_read(&cursor, &arena, &tree, &err), SH_OK, "%s: %s", wanted, err.message);
    sh_query_print(tree, &text);
    cr_expect(sh_text_equal((struct sh_text){(char *)text.bytes, (uint32_t)text.count}, sh_text_of(wanted)),
              "%.*s, not %s", (int)text.count, (char *)text.bytes, wanted);
    sh_buffer_deinit(&text);
    sh_arena_deinit(&arena);
}

Test(query_read, a_str_is_a_text_and_an_array_is_a_tree) {
    struct sh_buffer buffer;
    msgpack_packer packer;
    sh_buffer_init(&buffer, 1 << 20);
    sh_buffer_packer(&buffer, &packer);
    sh_pack_literal(&packer, "b and a");
    expect_read(&buffer, "a and b");

    sh_buffer_clear(&buffer);
    msgpack_pack_array(&packer, 3);
    sh_pack_literal(&packer, ">=");
    sh_pack_literal(&packer, "tier");
    sh_pack_literal(&packer, "gold");
    expect_read(&buffer, "tier >= 'gold'");
    sh_buffer_deinit(&buffer);
}

Test(query_read, numbers_come_as_int_float_or_exact_digits) {
    struct sh_buffer buffer;
    msgpack_packer packer;
    sh_buffer_init(&buffer, 1 << 20);
    sh_buffer_packer(&buffer, &packer);
    msgpack_pack_array(&packer, 3);
    sh_pack_literal(&packer, "in");
    sh_pack_literal(&packer, "x");
    msgpack_pack_array(&packer, 6);
    msgpack_pack_int(&packer, -3);
    msgpack_pack_uint64(&packer, UINT64_MAX);
    msgpack_pack_double(&packer, 0.1);
    msgpack_pack_double(&packer, 2.0);
    msgpack_pack_array(&packer, 2);
    sh_pack_literal(&packer, "number");
    sh_pack_literal(&packer, "0012.340");
    msgpack_pack_true(&packer);
    expect_read(&buffer, "x in (-3, 0.1, 2, 12.34, 18446744073709551615, true)");
    sh_buffer_deinit(&buffer);
}

struct refused {
    const char *name;
    const char *bytes;
    size_t count;
    int64_t position;
    const char *message;
};
#define BYTES(literal) literal, sizeof(literal) - 1

Test(query_read, arrays_that_are_no_expression_are_refused_with_place_and_reason) {
    static const struct refused cases[] = {
        {"nil", BYTES("\xc0"), 0, "expected an expression: a str or an array, found nil"},
        {"an empty array", BYTES("\x90"), 0,
         "expected a condition such as [\"=\", \"tier\", \"gold\"], found an empty array"},
        {"a cut array", BYTES("\x93\xa1="), 0, NULL},
        {"an unknown word", BYTES("\x92\xa3nto\x91\xa4true"), 0, "there is no condition \"nto\""},
        {"too few elements", BYTES("\x92\xa1=\xa1x"), 0, "the array of \"=\" has 3 elements with its word, found 2"},
        {"a name that is an int", BYTES("\x93\xa1=\x01\x02"), 3,
         "expected a name, [\"item\", name] or [function, {\"event\": name}] (an array), found an int"},
        {"an empty name", BYTES("\x93\xa1=\xa0\x02"), 3, "a name has 1 to 64 bytes, this one has 0"},
        {"an empty list", BYTES("\x93\xa2in\xa1x\x90"), 6, "a list has at least one value, this one is empty"},
        {"nil as a value", BYTES("\x93\xa1=\xa1x\xc0"), 5,
         "expected a value: a str, an int, a bool, a float or [\"number\", digits], found nil"},
        {"a long float", BYTES("\x93\xa1=\xa1x\xcb\x3f\xd3\x33\x33\x33\x33\x33\x34"), 5,
         "this float (0.30000000000000004) is not a short decimal"},
        {"no event",
         BYTES("\x92\xa3"
               "did\x80"),
         5, "the key \"event\" is missing in \"did\""},
        {"a key that is not known",
         BYTES("\x92\xa3"
               "did\x82\xa5"
               "event\xa1x\xa4when\x01"),
         14, "the key \"when\" has no place here"},
        {"a key twice",
         BYTES("\x92\xa3"
               "did\x82\xa5"
               "event\xa1x\xa5"
               "event\xa1y"),
         14, "the key \"event\" stands here twice"},
        {"a window of zero days",
         BYTES("\x93\xa9in_window\xa1t\x93\xa4last\x00\xa4"
               "days"),
         19, "expected a whole number from 1 to 1000000, found 0"},
        {"a sample above the whole", BYTES("\x93\xa6sample\xce\x00\x0f\x42\x41\xa1s"), 8,
         "expected 0 to 1000000 millionths, found 1000001"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sh_error err = {0};
        const enum sh_status status = read_status(cases[i].bytes, cases[i].count, &err);
        cr_expect_eq(status, cases[i].message == NULL ? SH_ERR_PROTOCOL : SH_ERR_SYNTAX, "%s: %s", cases[i].name,
                     sh_status_name(status));
        cr_expect_eq(err.position, cases[i].position, "%s: position %lld", cases[i].name, (long long)err.position);
        if (cases[i].message != NULL)
            cr_expect_str_eq(err.message, cases[i].message, "%s: %s", cases[i].name, err.message);
    }
}

Test(query_read, nesting_deeper_than_allowed_is_refused) {
    struct sh_buffer buffer;
    msgpack_packer packer;
    struct sh_error err = {0};
    sh_buffer_init(&buffer, 1 << 20);
    sh_buffer_packer(&buffer, &packer);
    for (int i = 0; i < SH_EXPRESSION_DEPTH_MAX; i++) {
        msgpack_pack_array(&packer, 2);
        sh_pack_literal(&packer, "not");
    }
    msgpack_pack_array(&packer, 1);
    sh_pack_literal(&packer, "true");
    cr_assert_eq(read_status(buffer.bytes, buffer.count, &err), SH_ERR_LIMIT);
    cr_assert_eq(read_status(buffer.bytes + 5, buffer.count - 5, &err), SH_OK, "%s", err.message);
    sh_buffer_deinit(&buffer);
}

Test(query_parse, a_sequence_is_steps_and_what_is_said_about_them) {
    EXPECT_PAIRS({"sequence(view -> cart -> purchase, within 3 days, last 30 days)",
                  "sequence(view -> cart -> purchase, within 3 days, last 30 days)"},
                 {"SEQUENCE ( view->`cart`→purchase , last 30 days , strict , within 1 hour )",
                  "sequence(view -> cart -> purchase, within 1 hour, strict, last 30 days)"},
                 {"sequence(view where vip -> view where not (seconds <= 3) -> view, loose, reach 2)",
                  "sequence(view where vip -> view where not seconds <= 3 -> view, reach 2)"},
                 {"sequence(view -> view, reach 2)", "sequence(view -> view)"},
                 {"not sequence(b where x = 1 and x = 1 -> a where y = -3 -> a) and true",
                  "not sequence(b where x = 1 -> a where y = -3 -> a) and true"},
                 {"sequence(strict -> within, strict)", "sequence(strict -> within, strict)"},
                 {"sequence(a)", "sequence(a)"}, {"sequence = 3", "sequence = 3"});
}
