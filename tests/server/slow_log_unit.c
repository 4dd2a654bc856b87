#include <criterion/criterion.h>

#include "cursor.h"
#include "server_log.h"
#include "slow_log.h"

static void expect_redacted(const char *expression, const char *wanted) {
    struct sh_buffer redacted;
    sh_buffer_init(&redacted, 1 << 20);
    sh_slow_redact(sh_text_of(expression), &redacted);
    const struct sh_text got = {(const char *)redacted.bytes, (uint32_t)redacted.count};
    cr_assert(sh_text_equal(got, sh_text_of(wanted)), "%s became %.*s", expression, SH_TEXT_ARGS(got));
    sh_buffer_deinit(&redacted);
}

Test(slow_log, values_are_not_shown_and_names_and_lengths_of_time_are) {
    expect_redacted("会员等级 >= '金卡' and phone = '13800138000'", "会员等级 >= ? and phone = ?");
    expect_redacted("city in ('成都', '上海') or points between 10 and 2000",
                    "city in (?, ?) or points between ? and ?");
    expect_redacted("count(purchase, last 30 days) >= 2", "count(purchase, last 30 days) >= ?");
    expect_redacted("did(view, last 3 calendar months) and days_since(purchase) > 90",
                    "did(view, last 3 calendar months) and days_since(purchase) > ?");
    expect_redacted("sequence(view -> cart, within 3 days, last 12 hours)",
                    "sequence(view -> cart, within 3 days, last 12 hours)");
    expect_redacted("`a name` = -5.25 and sample(10%, 'spring')", "`a name` = ? and sample(?%, ?)");
}

Test(slow_log, what_is_no_expression_is_not_shown) {
    expect_redacted("points > 5 and phone = 'unfinished 13800138000", "points > ? and phone = ?");
    expect_redacted("", "");
    expect_redacted("'x'", "?");
}

Test(slow_log, a_long_expression_is_cut_where_a_character_begins) {
    char expression[2001] = {0};
    struct sh_buffer redacted;
    for (uint32_t i = 0; i < 2000 - 5; i += 5)
        memcpy(expression + i, i % 10 == 0 ? "\xE4\xBC\x9A= " : "\xE4\xBC\x9A, ", 5);
    sh_buffer_init(&redacted, 1 << 20);
    sh_slow_redact(sh_text_of(expression), &redacted);
    cr_assert_leq(redacted.count, SH_SLOW_EXPRESSION_BYTES_MAX);
    cr_assert_gt(redacted.count, SH_SLOW_EXPRESSION_BYTES_MAX - 4);
    cr_assert(sh_text_is_utf8((struct sh_text){(const char *)redacted.bytes, (uint32_t)redacted.count}));
    sh_buffer_deinit(&redacted);
}

static struct sh_text text_at(const struct sh_buffer *packed, uint32_t number, uint32_t *count) {
    struct sh_cursor cursor;
    struct sh_text text = {0};
    uint32_t pairs;
    sh_cursor_init(&cursor, packed->bytes, packed->count);
    cr_assert_eq(sh_cursor_array(&cursor, count, "list", NULL), SH_OK);
    for (uint32_t i = 0; i < number; i++)
        cr_assert_eq(sh_cursor_skip(&cursor, NULL, NULL), SH_OK);
    cr_assert_eq(sh_cursor_map(&cursor, &pairs, "entry", NULL), SH_OK);
    for (uint32_t i = 0; i < 2; i++)
        cr_assert_eq(sh_cursor_skip(&cursor, NULL, NULL), SH_OK);
    cr_assert_eq(sh_cursor_text(&cursor, &text, "what", NULL), SH_OK);
    cr_assert_eq(sh_cursor_text(&cursor, &text, "what", NULL), SH_OK);
    return text;
}

Test(slow_log, the_latest_are_kept_newest_first) {
    static struct sh_slow_log log;
    static const uint8_t params[] = "\x82\xA5limit\x05\xA5where\xAApoints > \x37";
    struct sh_buffer packed;
    sh_log_set_level(SH_LOG_ERROR);
    sh_slow_log_init(&log, 5);
    cr_assert(sh_slow_log_wants(&log, 5000000));
    cr_assert(!sh_slow_log_wants(&log, 4999999));
    const struct sh_request request = {.method = sh_method_find(SH_TEXT_LITERAL("audience.count"), NULL),
                                       .workspace = SH_TEXT_LITERAL("sh\"op"),
                                       .params = params,
                                       .params_count = sizeof params - 1};
    struct sh_slow_request slow = {.request = &request, .token = "crm", .worked_ns = 1500000, .answer_bytes = 9};
    for (uint32_t i = 1; i <= SH_SLOW_COUNT + 3; i++) {
        slow.took_ns = i * 1000000ull;
        sh_slow_log_note(&log, &slow);
    }
    sh_buffer_init(&packed, 1 << 20);
    sh_slow_log_pack(&log, &packed);
    uint32_t count;
    const struct sh_text first = text_at(&packed, 0, &count);
    cr_assert_eq(count, SH_SLOW_COUNT);
    cr_assert(sh_text_equal(
                  first, SH_TEXT_LITERAL("{\"method\":\"audience.count\",\"workspace\":\"sh\\\"op\",\"token\":\"crm\","
                                         "\"took_ms\":35.0,\"worked_ms\":1.5,\"status\":\"ok\","
                                         "\"params_bytes\":25,\"answer_bytes\":9,\"where\":\"points > ?\"}")),
              "%.*s", SH_TEXT_ARGS(first));
    const struct sh_text last = text_at(&packed, SH_SLOW_COUNT - 1, &count);
    cr_assert(memmem(last.bytes, last.count, "\"took_ms\":4.0", 13) != NULL);
    sh_buffer_deinit(&packed);
    sh_slow_log_deinit(&log);
}

Test(slow_log, with_a_threshold_of_0_nothing_is_slow) {
    static struct sh_slow_log log;
    sh_slow_log_init(&log, 0);
    cr_assert(!sh_slow_log_wants(&log, UINT64_MAX));
    sh_slow_log_deinit(&log);
}
