/* query_error_unit.c -- what people read when an expression is wrong: place, words and hint, word for word. */
#include <criterion/criterion.h>

#include "query_shop.h"

struct wrong {
    const char *text;
    enum sh_status status;
    int64_t position;
    const char *message;
    const char *hint;
};

static void expect_wrong(const struct wrong *cases, size_t count) {
    struct query_shop shop;
    query_shop_open(&shop);
    for (size_t i = 0; i < count; i++) {
        const struct wrong *wrong = &cases[i];
        struct sh_node *tree;
        const enum sh_status status = query_shop_check(&shop, wrong->text, &tree);
        const bool good = status == wrong->status && shop.err.status == status &&
                          shop.err.position == wrong->position && strcmp(shop.err.message, wrong->message) == 0 &&
                          strcmp(shop.err.hint, wrong->hint) == 0;
        cr_expect(good, "%s\n  %s at %lld: %s\n  hint: %s\n  wanted %s at %lld: %s\n  hint: %s", wrong->text,
                  sh_status_name(status), (long long)shop.err.position, shop.err.message, shop.err.hint,
                  sh_status_name(wrong->status), (long long)wrong->position, wrong->message, wrong->hint);
    }
    query_shop_close(&shop);
}
#define EXPECT_WRONG(...)                                                                                              \
    do {                                                                                                               \
        static const struct wrong cases[] = {__VA_ARGS__};                                                             \
        expect_wrong(cases, sizeof cases / sizeof cases[0]);                                                           \
    } while (0)

Test(query_error, signs_of_other_languages) {
    EXPECT_WRONG({"points => 5", SH_ERR_SYNTAX, 7, "`=>` is not part of the language", "write >="},
                 {"points =< 5", SH_ERR_SYNTAX, 7, "`=<` is not part of the language", "write <="},
                 {"vip && vip", SH_ERR_SYNTAX, 4, "`&&` is not part of the language", "write and"},
                 {"vip || vip", SH_ERR_SYNTAX, 4, "`||` is not part of the language", "write or"},
                 {"!vip", SH_ERR_SYNTAX, 0, "`!` is not part of the language", "write not, or != to compare"},
                 {"city ~ 'x'", SH_ERR_SYNTAX, 5, "`~` is not part of the language", "write contains or starts with"},
                 {"city in ['x']", SH_ERR_SYNTAX, 8, "`[` is not part of the language",
                  "a list stands in parentheses: ('a', 'b')"},
                 {"vip;", SH_ERR_SYNTAX, 3, "`;` is not part of the language",
                  "an expression is one condition: join with and, or"},
                 {"vip — x", SH_ERR_SYNTAX, 4, "`—` is not part of the language",
                  "in a value it stands in quotes, in a name in backticks"},
                 {"vip \x01", SH_ERR_SYNTAX, 4, "a control character (0x01) is not part of the language", ""});
}

Test(query_error, quotes) {
    EXPECT_WRONG(
        {"tier >= gold", SH_ERR_TYPE, 8,
         "tier is an enum: it is compared with a text in quotes, not with the name `gold`",
         "did you mean 'gold'? Values stand in quotes"},
        {"tier = `gold`", SH_ERR_TYPE, 7,
         "tier is an enum: it is compared with a text in quotes, not with the name `gold`",
         "did you mean 'gold'? Values stand in quotes"},
        {"city = '成都", SH_ERR_SYNTAX, 7, "the text that begins here has no closing quote",
         "end it with '; a quote inside a text is written twice"},
        {"city = '成都’", SH_ERR_SYNTAX, 7, "the text that begins here has no closing quote",
         "the quote at byte 14 is of another kind and does not close it: use ' at both ends"},
        {"city = 'it's'", SH_ERR_SYNTAX, 11, "expected `and`, `or` or the end of the expression, found the word `s`",
         "a quote inside a text is written twice: 'it''s'"},
        {"`city = 'x'", SH_ERR_SYNTAX, 0, "the name that begins here has no closing `", ""},
        {"\"city\" = 'x'", SH_ERR_SYNTAX, 9, "expected a name: two values cannot be compared, found the text 'x'",
         "quotes make a value; a name stands bare or in backticks: `city`"},
        {"city in ('it's', 'b')", SH_ERR_SYNTAX, 13, "expected `,` or `)` in the list, found the word `s`",
         "a quote inside a text is written twice: 'it''s'"});
}

Test(query_error, comparisons) {
    EXPECT_WRONG(
        {"city '成都'", SH_ERR_SYNTAX, 5,
         "expected a comparison (= != < <= > >= in, between, is, has, starts with, contains) after `city`, found the "
         "text '成都'",
         "write city = '成都'"},
        {"city like 'x'", SH_ERR_SYNTAX, 5,
         "expected a comparison (= != < <= > >= in, between, is, has, starts with, contains) after `city`, found the "
         "word `like`",
         "write contains '...' or starts with '...'"},
        {"points betwen 1 and 2", SH_ERR_SYNTAX, 7,
         "expected a comparison (= != < <= > >= in, between, is, has, starts with, contains) after `points`, found the "
         "word `betwen`",
         "did you mean between?"},
        {"member level = 3", SH_ERR_SYNTAX, 7,
         "expected a comparison (= != < <= > >= in, between, is, has, starts with, contains) after `member`, found the "
         "word `level`",
         "a name with blanks in it stands in backticks: `member level`"},
        {"1 < points < 5", SH_ERR_SYNTAX, 11, "expected `and`, `or` or the end of the expression, found `<`",
         "comparisons do not chain: write x between 5 and 10, or join two with and"},
        {"points = = 5", SH_ERR_SYNTAX, 9, "expected a value after `=`, found `=`",
         "the comparisons are = != < <= > >=, with no blank inside"},
        {"points >", SH_ERR_SYNTAX, 8, "expected a value after `>`, found the end of the expression", ""},
        {"points between 1, 2", SH_ERR_SYNTAX, 16, "expected `and` between the two bounds, found `,`", ""},
        {"city is null", SH_ERR_SYNTAX, 8, "expected `missing` or `not missing` after `is`, found the word `null`",
         "write is missing"},
        {"city is not 'x'", SH_ERR_SYNTAX, 12, "expected `missing` after `is not`, found the text 'x'",
         "compare with !=: != 'x'"},
        {"city in 'x'", SH_ERR_SYNTAX, 8, "expected a list in parentheses after `in`, found the text 'x'",
         "write ('x')"},
        {"city in ()", SH_ERR_SYNTAX, 9, "expected a value in the list, found `)`", ""},
        {"city in ('a' 'b')", SH_ERR_SYNTAX, 13, "expected `,` or `)` in the list, found the text 'b'",
         "a comma stands between two values"},
        {"interests not has 'x'", SH_ERR_SYNTAX, 14,
         "expected `in`, `between`, `starts with`, `contains` or `under` after `not`, found the word `has`",
         "write not interests has ..., or interests has none (...)"},
        {"interests has ('a', 'b')", SH_ERR_SYNTAX, 14, "expected a tag, `any`, `all` or `none` after `has`, found `(`",
         "of several tags write has any (...), has all (...) or has none (...)"},
        {"'tea' in interests", SH_ERR_SYNTAX, 6, "expected a comparison behind a value, found the word `in`",
         "for tags write tags has 'tea'"},
        {"city starts 'x'", SH_ERR_SYNTAX, 12, "expected `with` after `starts`, found the text 'x'", ""},
        {"points = 1e5", SH_ERR_SYNTAX, 9, "a number runs into letters here",
         "put a blank between them; a name that starts with a digit stands in backticks"},
        {"points = 5.", SH_ERR_SYNTAX, 10, "digits are expected after the point of a number", "write 5 or 5.0"});
}

Test(query_error, joining) {
    EXPECT_WRONG({"vip = true adn vip", SH_ERR_SYNTAX, 11,
                  "expected `and`, `or` or the end of the expression, found the word `adn`", "did you mean and?"},
                 {"points = 1 city = 'x'", SH_ERR_SYNTAX, 11,
                  "expected `and`, `or` or the end of the expression, found the word `city`",
                  "join conditions with and, or"},
                 {"(vip", SH_ERR_SYNTAX, 4, "expected `and`, `or` or `)`, found the end of the expression",
                  "the ( at byte 0 is not closed"},
                 {"vip)", SH_ERR_SYNTAX, 3, "expected `and`, `or` or the end of the expression, found `)`",
                  "there is no ( for this )"},
                 {"and vip", SH_ERR_SYNTAX, 0, "expected a condition, found the word `and`", ""},
                 {"vip and", SH_ERR_SYNTAX, 7, "expected a condition, found the end of the expression", ""},
                 {"not", SH_ERR_SYNTAX, 3, "expected a condition, found the end of the expression", ""});
}

Test(query_error, windows_that_end_before_now) {
    EXPECT_WRONG(
        {"did(view, from 30 days ago)", SH_ERR_SYNTAX, 26, "expected `to` and the end of the window, found `)`",
         "from 60 days ago to 30 days ago; up to now is last 60 days"},
        {"did(view, from 30 days ago to 60 days ago)", SH_ERR_TYPE, 10, "the window ends before it begins",
         "write from 60 days ago to 30 days ago"},
        {"did(view, from 2 months ago to 1 day ago)", SH_ERR_SYNTAX, 17,
         "expected `minutes`, `hours`, `days` or `weeks`, found the word `months`", ""},
        {"did(view, from '2026-01-01' to '2026-02-01')", SH_ERR_SYNTAX, 15,
         "expected a whole number, found the text '2026-01-01'", "dates stand behind between, on, since and before"});
}

Test(query_error, windows_after_and_before_an_event) {
    EXPECT_WRONG(
        {"did(view, within 7 days)", SH_ERR_SYNTAX, 23,
         "expected `after` or `before` and a time, such as first(purchase), found `)`", "up to now it is last 7 days"},
        {"did(view, within 7 months after first(view))", SH_ERR_SYNTAX, 19,
         "expected `minutes`, `hours`, `days` or `weeks` after `within`, found the word `months`", ""},
        {"did(view, within 0 days after first(view))", SH_ERR_SYNTAX, 17,
         "expected a whole number from 1 to 1000000 after `within`, found 0", ""},
        {"did(view, within 7 days after '2026-01-01')", SH_ERR_SYNTAX, 30,
         "expected a time after `after`, found the text '2026-01-01'",
         "dates stand behind between, on, since and before"},
        {"did(view, within 7 days after)", SH_ERR_SYNTAX, 29, "expected a time after `after`, found `)`",
         "such as first(purchase), last(purchase) or nth(2, purchase)"},
        {"did(view, within 7 days before did(purchase))", SH_ERR_SYNTAX, 31, "expected a time, found a condition",
         "such as first(purchase), last(purchase) or nth(2, purchase)"},
        {"did(view, within 7 days after count(purchase))", SH_ERR_TYPE, 30,
         "count(purchase) is an int: a window is after or before a time",
         "such as first(purchase), last(purchase) or nth(2, purchase)"},
        {"did(view, within 7 days after city)", SH_ERR_TYPE, 30, "city is a string: a window is after or before a time",
         "such as first(purchase), last(purchase) or nth(2, purchase)"},
        {"did(view, within 7 days after last(purchase, within 1 day after first(view)))", SH_ERR_SYNTAX, 45,
         "what a window is after or before has no such window of its own", ""},
        {"joined in within 7 days after first(view)", SH_ERR_TYPE, 10,
         "a window after or before a time is one of events",
         "such as did(purchase, within 7 days after first(purchase))"},
        {"did(view where time in within 1 day after last(view))", SH_ERR_TYPE, 23,
         "a window after or before a time is one of events",
         "such as did(purchase, within 7 days after first(purchase))"},
        {"sequence(view -> purchase, within 3 days after first(view))", SH_ERR_SYNTAX, 41,
         "expected `,` or `)` in sequence(), found the word `after`",
         "such as sequence(view -> purchase, within 3 days, last 30 days)"});
}

Test(query_error, spans_and_lists_of_calculations) {
    EXPECT_WRONG(
        {"last(view) - first(view) > 30", SH_ERR_TYPE, 0,
         "a span of time is compared with a span of time, not with a number",
         "a span has a unit: 30 days; days_since and the gaps are numbers of days"},
        {"gap_avg(view) > 30 days", SH_ERR_TYPE, 16,
         "a span of time is compared with a span of time, not with a number",
         "a span has a unit: 30 days; days_since and the gaps are numbers of days"},
        {"joined > 30 days", SH_ERR_TYPE, 9, "a span of time is compared with a span of time, not with a time",
         "the time between two times is one: last(...) - first(...) > 30 days"},
        {"joined + 30 > birthday", SH_ERR_TYPE, 0, "a time + a number has no meaning",
         "a span has a unit: 30 days, 2 hours"},
        {"joined + birthday > last(view)", SH_ERR_TYPE, 0, "a time + a time has no meaning",
         "the span between them is last(...) - first(...)"},
        {"joined * 2 > last(view)", SH_ERR_TYPE, 0, "a time * a number has no meaning",
         "a span has a unit: 30 days, 2 hours"},
        {"points / 3 days > 2", SH_ERR_TYPE, 0, "a number / a span of time has no meaning",
         "a span has a unit: 30 days, 2 hours"},
        {"joined + 3 months > last(view)", SH_ERR_SYNTAX, 11,
         "expected a comparison (= != < <= > >= in, between, is) after a calculation, found the word `months`", ""},
        {"last(view) - joined in (3, 4)", SH_ERR_TYPE, 24, "a span of time cannot be one of these values",
         "compare it with <, > or between"},
        {"points + 1 in ('3')", SH_ERR_TYPE, 15, "a number cannot be one of these values",
         "write numbers, without quotes"},
        {"points + 1 in 3", SH_ERR_SYNTAX, 14, "expected a list in parentheses after `in`, found the number 3",
         "write (3)"},
        {"points + 1 not missing", SH_ERR_SYNTAX, 15,
         "expected `in` or `between` after `not`, found the word `missing`", ""},
        {"points + 1 is null", SH_ERR_SYNTAX, 14,
         "expected `missing` or `not missing` after `is`, found the word `null`", ""},
        {"(1 + 2) in (3)", SH_ERR_TYPE, 1, "nothing is asked here: a comparison needs a name or a function", ""});
}

Test(query_error, calculations) {
    EXPECT_WRONG(
        {"points + 1", SH_ERR_SYNTAX, 10,
         "expected a comparison (= != < <= > >= in, between, is) after a calculation, found the end of the expression",
         ""},
        {"points + > 5", SH_ERR_SYNTAX, 9, "expected a number, a name or a function, found `>`", ""},
        {"(points + 1 > 5", SH_ERR_SYNTAX, 15, "expected `and`, `or` or `)`, found the end of the expression",
         "the ( at byte 0 is not closed"},
        {"(points + 1 and vip) > 5", SH_ERR_SYNTAX, 12, "expected `+`, `-`, `*`, `/` or `)`, found the word `and`", ""},
        {"points * (balance + 1 > 5", SH_ERR_SYNTAX, 22, "expected `+`, `-`, `*`, `/` or `)`, found `>`", ""},
        {"points + city > 5", SH_ERR_TYPE, 9,
         "city is a string: only numbers are calculated with, only numbers and times compared with each other",
         "compare it with a text in quotes: city = '...'"},
        {"points + 1 > '5'", SH_ERR_SYNTAX, 13, "expected a number, a name or a function, found the text '5'",
         "texts are not calculated with, nor compared with what is"},
        {"points > balence", SH_ERR_NAME, 9, "there is no attribute or tag set `balence`", "did you mean balance?"},
        {"joined > points", SH_ERR_TYPE, 0, "a time is compared with a time, not with a number",
         "days_since(...) is a number of days"},
        {"1 + 2 < 4", SH_ERR_TYPE, 0, "nothing is asked here: a comparison needs a name or a function", ""},
        {"points + did(view) > 4", SH_ERR_SYNTAX, 9, "expected a name or a function with a value, found a condition",
         ""},
        {"points > 1 + count(view.seconds)", SH_ERR_SYNTAX, 23, "expected `where`, `,` or `)` in count(), found `.`",
         "to count its different values write count(distinct view.seconds)"},
        {"points // 2 > 1", SH_ERR_SYNTAX, 7, "`//` is not part of the language", "a comment begins with --"},
        {"0+points+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1 > 1", SH_ERR_LIMIT, 36,
         "a comparison calculates with at most 16 values", ""});
}

Test(query_error, functions_and_windows) {
    EXPECT_WRONG(
        {"cuont(purchase) > 1", SH_ERR_SYNTAX, 0, "there is no function `cuont`", "did you mean count()?"},
        {"median(purchase.amount) > 1", SH_ERR_SYNTAX, 0, "there is no function `median`",
         "the functions are did, count, sum, min, max, avg, first, last, nth, days, days_since, gap_min, gap_avg, "
         "gap_max, expected_next, sequence, sample, in_segment, consent, suppressed"},
        {"nth(purchase.amount) > 1", SH_ERR_SYNTAX, 4, "expected a whole number in nth(), found the word `purchase`",
         "nth(3, purchase.amount) is the amount of the third"},
        {"nth(0, purchase.amount) > 1", SH_ERR_SYNTAX, 4, "expected a whole number from 1 to 1000000 in nth(), found 0",
         ""},
        {"count(distinct purchase) > 1", SH_ERR_SYNTAX, 23, "expected `.` and a property in count(), found `)`",
         "such as count(distinct purchase.item)"},
        {"count(distinct purchase.colour) > 1", SH_ERR_NAME, 24, "the event purchase has no property `colour`",
         "it has store, quantity, discount, coupon, paid, delivery, amount, time, item"},
        {"gap_avg(purchase) in (7)", SH_ERR_TYPE, 0,
         "gap_avg(purchase) is a fraction: a list of values does not fit it", "compare it with <, > or between"},
        {"hour > 5", SH_ERR_NAME, 0, "there is no attribute or tag set `hour`",
         "it is of an event: did(view where hour >= 20)"},
        {"count(purchase)", SH_ERR_SYNTAX, 15,
         "expected a comparison (= != < <= > >= in, between, is) after `count(purchase)`, found the end of the "
         "expression",
         "did(purchase) asks for at least one"},
        {"sum(purchase) > 5", SH_ERR_SYNTAX, 12, "expected `.` and a property in sum(), found `)`",
         "such as sum(purchase.amount)"},
        {"count(purchase.amount) > 5", SH_ERR_SYNTAX, 14, "expected `where`, `,` or `)` in count(), found `.`",
         "to count its different values write count(distinct purchase.amount)"},
        {"did('purchase')", SH_ERR_SYNTAX, 4, "expected an event type in did(), found the text 'purchase'",
         "names stand without quotes, or in backticks: `purchase`"},
        {"did(purchase last 30 days)", SH_ERR_SYNTAX, 13, "expected `where`, `,` or `)`, found the word `last`",
         "a window stands behind a comma, a condition behind where"},
        {"did(view, where seconds > 1)", SH_ERR_SYNTAX, 10,
         "expected a window (last N days, today, yesterday, this, previous, between, on, since, before, within), found "
         "the "
         "word "
         "`where`",
         "no comma before where: did(view where ..., last 7 days)"},
        {"did(view, seconds > 1)", SH_ERR_SYNTAX, 10,
         "expected a window (last N days, today, yesterday, this, previous, between, on, since, before, within), found "
         "the "
         "word "
         "`seconds`",
         "conditions on the event stand behind where: did(view where ..., last 7 days)"},
        {"did(view where seconds > 1 last 7 days)", SH_ERR_SYNTAX, 27,
         "expected `and`, `or`, `,` or `)`, found the word `last`",
         "a comma stands before a window: did(view, last 7 days)"},
        {"did(view, last 7 days where seconds > 1)", SH_ERR_SYNTAX, 22, "expected `)`, found the word `where`",
         "where stands before the window: did(view where ..., last 7 days)"},
        {"did(view, last 3 months)", SH_ERR_SYNTAX, 17,
         "expected `minutes`, `hours`, `days`, `weeks` or `calendar`, found the word `months`",
         "write last 3 calendar months, or last 90 days"},
        {"did(view, last month)", SH_ERR_SYNTAX, 15, "expected a whole number after `last`, found the word `month`",
         "write previous month, this month or last N days"},
        {"did(view, last 0 days)", SH_ERR_SYNTAX, 15, "expected a whole number from 1 to 1000000 after `last`, found 0",
         ""},
        {"did(view, past 7 days)", SH_ERR_SYNTAX, 10,
         "expected a window (last N days, today, yesterday, this, previous, between, on, since, before, within), found "
         "the "
         "word "
         "`past`",
         "write last"},
        {"did(view, yesteday)", SH_ERR_SYNTAX, 10,
         "expected a window (last N days, today, yesterday, this, previous, between, on, since, before, within), found "
         "the "
         "word "
         "`yesteday`",
         "did you mean yesterday?"},
        {"did(view, on 2026-03-01)", SH_ERR_SYNTAX, 13,
         "expected a date in quotes after `on`, such as '2026-03-01', found the number 2026", ""},
        {"birthday in next 2 months", SH_ERR_SYNTAX, 19, "expected `days` or `weeks`, found the word `months`", ""},
        {"sample(10, 'x')", SH_ERR_SYNTAX, 9, "expected `%` after the number, found `,`",
         "sample(10%, 'seed') keeps 10 of 100"},
        {"sample(10%)", SH_ERR_SYNTAX, 10, "expected `,` and a seed in quotes, found `)`",
         "sample(10%, 'spring'): the same seed keeps the same people"},
        {"sample(101%, 'x')", SH_ERR_SYNTAX, 7,
         "expected a percentage from 0% to 100% with at most 4 digits after the point, found 101", ""},
        {"shop.segment = 'x'", SH_ERR_SYNTAX, 4, "only `item` has parts, as in item.category",
         "a property of events is aggregated: sum(shop.segment); a name with a point in it is `shop.segment`"},
        {"rfm . r = 3", SH_ERR_SYNTAX, 6, "expected a name right behind `rfm.`",
         "such as rfm.r, value.amount or score.loyalty"},
        {"rfm.r = 3", SH_ERR_NAME, 0, "there is no attribute or tag set `rfm.r`",
         "rfm.put says first which events users are scored by"});
}

Test(query_error, names_that_do_not_exist) {
    EXPECT_WRONG(
        {"teir = 'gold'", SH_ERR_NAME, 0, "there is no attribute or tag set `teir`", "did you mean tier?"},
        {"vip and intrests has 'x'", SH_ERR_NAME, 8, "there is no attribute or tag set `intrests`",
         "did you mean interests?"},
        {"会员等极 = '金卡'", SH_ERR_NAME, 0, "there is no attribute or tag set `会员等极`", "did you mean 会员等级?"},
        {"xyzzy = 1", SH_ERR_NAME, 0, "there is no attribute or tag set `xyzzy`",
         "there are tier, city, points, balance, vip, joined, birthday, 会员等级, interests, notes"},
        {"purchase > 2", SH_ERR_NAME, 0, "there is no attribute or tag set `purchase`",
         "it is an event type: did(purchase), count(purchase) >= 2"},
        {"did(purchse)", SH_ERR_NAME, 4, "there is no event type `purchse`", "did you mean purchase?"},
        {"did(refund)", SH_ERR_NAME, 4, "there is no event type `refund`", "there are view, purchase"},
        {"sum(purchase.amuont) > 1", SH_ERR_NAME, 13, "the event purchase has no property `amuont`",
         "did you mean amount?"},
        {"did(purchase where stroe = 'x')", SH_ERR_NAME, 19, "the event purchase has no property `stroe`",
         "did you mean store?"},
        {"did(purchase where category = 'tea')", SH_ERR_NAME, 19, "the event purchase has no property `category`",
         "it belongs to items: item.category"},
        {"did(purchase where city = 'x')", SH_ERR_NAME, 19, "the event purchase has no property `city`",
         "it belongs to the user, not the event: ask it outside of where"},
        {"did(view where xyzzy = 'x')", SH_ERR_NAME, 15, "the event view has no property `xyzzy`",
         "it has store, seconds, channel, amount, time, item"},
        {"did(view where item.catgory = 'x')", SH_ERR_NAME, 20, "items have no attribute or tag set `catgory`",
         "did you mean item.category?"},
        {"tier >= 'goldd'", SH_ERR_NAME, 8,
         "tier has no label 'goldd'; from the lowest they are 'bronze', 'silver', 'gold', 'diamond'",
         "did you mean 'gold'?"},
        {"会员等级 in ('金卡', '钻石')", SH_ERR_NAME, 27,
         "会员等级 has no label '钻石'; from the lowest they are '普通', '银卡', '金卡'", ""},
        {"did(view where channel = 'wap')", SH_ERR_NAME, 25,
         "channel has no label 'wap'; from the lowest they are 'app', 'web', 'shop'", ""},
        {"in_segment('vips')", SH_ERR_NAME, 0, "there is no segment 'vips': none are saved here", ""});
}

Test(query_error, values_of_the_wrong_kind) {
    EXPECT_WRONG(
        {"points = '100'", SH_ERR_TYPE, 9, "points is an int and cannot be compared with a text",
         "write 100 without quotes"},
        {"balance > 'much'", SH_ERR_TYPE, 10, "balance is a decimal and cannot be compared with a text",
         "compare it with a number: balance >= 100"},
        {"city = 5", SH_ERR_TYPE, 7, "city is a string and cannot be compared with a number",
         "write the value in quotes: '5'"},
        {"city > 'a'", SH_ERR_TYPE, 0, "city is a string: an order (< <= > >=) does not fit it",
         "compare it with = or in, or use starts with or contains"},
        {"city between 'a' and 'b'", SH_ERR_TYPE, 0, "city is a string: between does not fit it",
         "compare it with = or in, or use starts with or contains"},
        {"tier = 3", SH_ERR_TYPE, 7, "tier is an enum and cannot be compared with a number",
         "compare it with a label: tier = 'diamond'"},
        {"tier starts with 'g'", SH_ERR_TYPE, 0, "tier is an enum: starts with does not fit it",
         "compare it with = != < <= > >=, in or between"},
        {"vip = 1", SH_ERR_TYPE, 6, "vip is a bool and cannot be compared with a number", "write vip, or vip = false"},
        {"vip > false", SH_ERR_TYPE, 0, "vip is a bool: an order (< <= > >=) does not fit it",
         "write vip, or vip = false"},
        {"joined > 2025", SH_ERR_TYPE, 9, "joined is a time and cannot be compared with a number",
         "write a date in quotes: joined >= '2026-03-01'"},
        {"joined > '2026-13-01'", SH_ERR_TYPE, 9, "'2026-13-01' is neither a date nor an instant",
         "write '2026-03-01' or '2026-03-01 09:30'"},
        {"birthday = '2000-01-01 10:00'", SH_ERR_TYPE, 11,
         "birthday is a date and cannot be compared with a time of day", "write '2000-01-01'"},
        {"points in last 7 days", SH_ERR_TYPE, 0, "points is an int: a window of time does not fit it",
         "compare it with = != < <= > >=, in or between, and a number"},
        {"city in next 7 days", SH_ERR_TYPE, 0, "city is a string: in next N days does not fit it",
         "compare it with = or in, or use starts with or contains"},
        {"city", SH_ERR_TYPE, 0, "city is a string: only a bool can stand without a comparison",
         "write city = '...', or city is not missing"},
        {"not points", SH_ERR_TYPE, 4, "points is an int: only a bool can stand without a comparison",
         "write points > 0, or points is not missing"},
        {"id starts with 'a'", SH_ERR_TYPE, 0, "id is an id: starts with does not fit it", "compare it with = or in"});
}

Test(query_error, tag_sets_and_attributes_are_asked_differently) {
    EXPECT_WRONG({"interests = 'tea'", SH_ERR_TYPE, 0, "interests is a tag set: it is asked with `has`",
                  "write interests has 'tea'"},
                 {"interests != 'tea'", SH_ERR_TYPE, 0, "interests is a tag set: it is asked with `has`",
                  "write not interests has 'tea'"},
                 {"interests in ('tea')", SH_ERR_TYPE, 0, "interests is a tag set: it is asked with `has`",
                  "write interests has any (...)"},
                 {"interests is missing", SH_ERR_TYPE, 0, "interests is a tag set: it is asked with `has`",
                  "a tag set is never missing, it may be empty"},
                 {"did(view where item.labels = 'tea')", SH_ERR_TYPE, 15,
                  "item.labels is a tag set: it is asked with `has`", "write item.labels has 'tea'"},
                 {"city has 'x'", SH_ERR_TYPE, 0, "city is a string, not a tag set: `has` does not fit it",
                  "write city = '...', in (...) or contains '...'"},
                 {"points has 'x'", SH_ERR_TYPE, 0, "points is an int, not a tag set: `has` does not fit it",
                  "write points = ..., or points is not missing"},
                 {"interests has 5", SH_ERR_TYPE, 14, "tags are texts", "write '5'"});
}

Test(query_error, what_may_stand_inside_where) {
    EXPECT_WRONG({"did(view where count(purchase) > 1)", SH_ERR_TYPE, 15,
                  "count() cannot stand inside where, whose conditions are about one event",
                  "join it outside: did(...) and count(...)"},
                 {"did(view where did(purchase))", SH_ERR_TYPE, 15,
                  "did() cannot stand inside where, whose conditions are about one event",
                  "join it outside: did(...) and did(...)"},
                 {"did(view where sample(1%, 'x'))", SH_ERR_TYPE, 15,
                  "sample() cannot stand inside where, whose conditions are about one event",
                  "join it outside: did(...) and sample(...)"},
                 {"did(view where in_segment('x'))", SH_ERR_TYPE, 15,
                  "in_segment() cannot stand inside where, whose conditions are about one event",
                  "join it outside: did(...) and in_segment(...)"},
                 {"item.price > 5", SH_ERR_TYPE, 0, "`item` stands only inside where, for the item of an event",
                  "such as did(view where item.price ...)"});
}

Test(query_error, aggregates_of_what_cannot_be_aggregated) {
    EXPECT_WRONG(
        {"sum(purchase.store) > 1", SH_ERR_TYPE, 13, "purchase.store is a string: sum() does not fit it",
         "count(purchase where store = ...), or first() and last() of it"},
        {"avg(purchase.paid) > 1", SH_ERR_TYPE, 13, "purchase.paid is a time: avg() does not fit it",
         "count(purchase where paid = ...), or first() and last() of it"},
        {"avg(purchase.quantity) in (1, 2)", SH_ERR_TYPE, 0,
         "avg(purchase.quantity) is an average: a list of values does not fit it", "compare it with <, > or between"},
        {"avg(purchase.quantity) > 0.0000000001", SH_ERR_TYPE, 25,
         "avg(purchase.quantity) is compared with at most 9 digits after the point", ""},
        {"count(purchase) > 'many'", SH_ERR_TYPE, 18, "count(purchase) is an int and cannot be compared with a text",
         "compare it with a number: count(purchase) >= 100"},
        {"count(purchase) has 'x'", SH_ERR_TYPE, 0, "count(purchase) is an int, not a tag set: `has` does not fit it",
         "write count(purchase) = ..., or count(purchase) is not missing"},
        {"did(view, on '2026-03-01 10:00')", SH_ERR_TYPE, 13, "`on` takes a whole day, not '2026-03-01 10:00'",
         "write on '2026-03-01', or between two instants"},
        {"did(view, since 'monday')", SH_ERR_TYPE, 16, "'monday' is neither a date nor an instant",
         "write '2026-03-01' or '2026-03-01 09:30'"});
}

Test(query_error, an_expression_about_items_knows_no_events) {
    struct query_shop shop;
    struct sh_node *tree;
    query_shop_open(&shop);
    shop.scope.table = shop.items;
    shop.scope.items = NULL;
    shop.scope.events = NULL;
    cr_assert_eq(query_shop_check(&shop, "fresh and did(view)", &tree), SH_ERR_TYPE);
    cr_assert_str_eq(shop.err.message, "did() asks what users did; this expression is about items");
    cr_assert_eq(shop.err.position, 10);
    cr_assert_eq(query_shop_check(&shop, "item.price > 5", &tree), SH_ERR_TYPE);
    cr_assert_str_eq(shop.err.hint, "this expression is about items: write price alone");
    query_shop_close(&shop);
}

Test(query_error, a_tree_that_came_as_msgpack_has_no_position) {
    struct query_shop shop;
    struct sh_cursor cursor;
    struct sh_node *tree;
    query_shop_open(&shop);
    sh_cursor_init(&cursor, "\x93\xa1=\xa4teir\xa4gold", 13);
    cr_assert_eq(sh_query_read(&cursor, &shop.arena, &tree, &shop.err), SH_OK);
    cr_assert_eq(sh_query_check(&tree, &shop.scope, &shop.arena, &shop.err), SH_ERR_NAME);
    cr_assert_eq(shop.err.position, -1);
    cr_assert_str_eq(shop.err.hint, "did you mean tier?");
    query_shop_close(&shop);
}

Test(query_error, a_sequence_says_where_it_is_wrong) {
    EXPECT_WRONG(
        {"sequence(view -> purchse)", SH_ERR_NAME, 17, "there is no event type `purchse`", "did you mean purchase?"},
        {"sequence()", SH_ERR_SYNTAX, 9, "expected an event type in sequence(), found `)`", ""},
        {"sequence(view -> 'cart')", SH_ERR_SYNTAX, 17, "expected an event type in sequence(), found the text 'cart'",
         "names stand without quotes, or in backticks: `cart`"},
        {"sequence(view, purchase)", SH_ERR_SYNTAX, 15,
         "expected a window (last N days, today, yesterday, this, previous, between, on, since, before, within), found "
         "the word `purchase`",
         "steps are joined by ->; behind a comma stand within, strict, loose, reach or a window"},
        {"sequence(view > purchase)", SH_ERR_SYNTAX, 14, "expected `->`, `,` or `)` in sequence(), found `>`",
         "such as sequence(view -> purchase, within 3 days, last 30 days)"},
        {"sequence(view -> purchase, within 3)", SH_ERR_SYNTAX, 35,
         "expected `minutes`, `hours`, `days` or `weeks` after `within`, found `)`", ""},
        {"sequence(view -> purchase, within 2 months)", SH_ERR_SYNTAX, 36,
         "expected `minutes`, `hours`, `days` or `weeks` after `within`, found the word `months`", ""},
        {"sequence(view -> purchase, strict, loose)", SH_ERR_SYNTAX, 35, "strict or loose is said twice in sequence()",
         ""},
        {"sequence(view -> purchase, reach 3)", SH_ERR_SYNTAX, 0, "the sequence has no step 3 to reach", ""},
        {"did(view where sequence(view -> purchase))", SH_ERR_TYPE, 15,
         "sequence() cannot stand inside where, whose conditions are about one event",
         "join it outside: did(...) and sequence(...)"},
        {"sequence(view where colour = 'x' -> purchase)", SH_ERR_NAME, 20, "the event view has no property `colour`",
         "it has store, seconds, channel, amount, time, item"});
}
