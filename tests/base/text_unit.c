#include <criterion/criterion.h>

#include "text.h"

static bool is_utf8(const char *bytes, uint32_t count) {
    return sh_text_is_utf8((struct sh_text){bytes, count});
}

Test(text, order_is_by_bytes_and_then_the_shorter_first) {
    cr_assert_eq(sh_text_compare(SH_TEXT_LITERAL(""), SH_TEXT_LITERAL("")), 0);
    cr_assert_lt(sh_text_compare(SH_TEXT_LITERAL(""), SH_TEXT_LITERAL("a")), 0);
    cr_assert_lt(sh_text_compare(SH_TEXT_LITERAL("ab"), SH_TEXT_LITERAL("abc")), 0);
    cr_assert_gt(sh_text_compare(SH_TEXT_LITERAL("b"), SH_TEXT_LITERAL("abc")), 0);
    cr_assert_gt(sh_text_compare(SH_TEXT_LITERAL("\xC3\xA9"), SH_TEXT_LITERAL("z")), 0, "bytes are unsigned");
    cr_assert_eq(sh_text_compare(SH_TEXT_LITERAL("same"), SH_TEXT_LITERAL("same")), 0);
    cr_assert_lt(sh_text_compare((struct sh_text){NULL, 0}, SH_TEXT_LITERAL("a")), 0);
}

Test(text, every_length_of_ascii_is_utf8_and_a_zero_byte_anywhere_is_not) {
    char bytes[70];
    for (uint32_t count = 0; count <= sizeof bytes; count++) {
        memset(bytes, 'x', sizeof bytes);
        cr_assert(is_utf8(bytes, count), "%u", count);
        for (uint32_t at = 0; at < count; at++) {
            bytes[at] = '\0';
            cr_assert(!is_utf8(bytes, count), "zero at %u of %u", at, count);
            bytes[at] = (char)0x80;
            cr_assert(!is_utf8(bytes, count), "0x80 at %u of %u", at, count);
            bytes[at] = 0x7F;
            cr_assert(is_utf8(bytes, count), "0x7f at %u of %u", at, count);
            bytes[at] = 'x';
        }
    }
}

Test(text, utf8_takes_the_edges_of_every_form) {
    cr_assert(is_utf8("\xC2\x80", 2), "U+0080");
    cr_assert(is_utf8("\xDF\xBF", 2), "U+07FF");
    cr_assert(is_utf8("\xE0\xA0\x80", 3), "U+0800");
    cr_assert(is_utf8("\xED\x9F\xBF", 3), "U+D7FF");
    cr_assert(is_utf8("\xEE\x80\x80", 3), "U+E000");
    cr_assert(is_utf8("\xEF\xBF\xBF", 3), "U+FFFF");
    cr_assert(is_utf8("\xF0\x90\x80\x80", 4), "U+10000");
    cr_assert(is_utf8("\xF4\x8F\xBF\xBF", 4), "U+10FFFF");
    cr_assert(sh_text_is_utf8(SH_TEXT_LITERAL("\xE4\xBD\xA0\xE5\xA5\xBD, \xE4\xB8\x96\xE7\x95\x8C and more ASCII")));
}

Test(text, utf8_refuses_overlong_surrogate_too_large_and_cut) {
    cr_assert(!is_utf8("\xC0\x80", 2), "overlong zero");
    cr_assert(!is_utf8("\xC1\xBF", 2), "overlong U+007F");
    cr_assert(!is_utf8("\xE0\x9F\xBF", 3), "overlong U+07FF");
    cr_assert(!is_utf8("\xF0\x8F\xBF\xBF", 4), "overlong U+FFFF");
    cr_assert(!is_utf8("\xED\xA0\x80", 3), "U+D800");
    cr_assert(!is_utf8("\xED\xBF\xBF", 3), "U+DFFF");
    cr_assert(!is_utf8("\xF4\x90\x80\x80", 4), "U+110000");
    cr_assert(!is_utf8("\xF5\x80\x80\x80", 4), "lead F5");
    cr_assert(!is_utf8("\xFF", 1), "FF");
    cr_assert(!is_utf8("\xBF", 1), "lone continuation");
    cr_assert(!is_utf8("\xE4\xBD", 2), "cut");
    cr_assert(!is_utf8("\xF0\x9F\x98", 3), "cut");
    cr_assert(!is_utf8("\xC3(", 2), "no continuation");
}

Test(text, keywords_ignore_the_case_of_ascii_and_need_the_whole_word) {
    cr_assert(sh_text_equal_keyword(SH_TEXT_LITERAL("Within"), "within"));
    cr_assert(sh_text_equal_keyword(SH_TEXT_LITERAL(""), ""));
    cr_assert(!sh_text_equal_keyword(SH_TEXT_LITERAL("with"), "within"));
    cr_assert(!sh_text_equal_keyword(SH_TEXT_LITERAL("within"), "with"));
    cr_assert(!sh_text_equal_keyword(SH_TEXT_LITERAL("with@n"), "with`n"), "only letters have case");
}

static uint32_t distance(const char *a, const char *b) {
    return sh_text_distance(sh_text_of(a), sh_text_of(b), 100);
}

Test(text, distance_counts_edits_of_characters) {
    cr_assert_eq(distance("", ""), 0);
    cr_assert_eq(distance("", "abc"), 3);
    cr_assert_eq(distance("kitten", "sitting"), 3);
    cr_assert_eq(distance("city", "ctiy"), 1, "a swap of neighbours is one edit");
    cr_assert_eq(distance("ca", "abc"), 3, "no character is edited twice");
    cr_assert_eq(distance("City", "city"), 1, "case counts");
    cr_assert_eq(distance("\xE5\x9F\x8E\xE5\xB8\x82", "\xE5\x9F\x8E\xE9\x95\x87"), 1, "one character of three bytes");
}

Test(text, distance_stops_at_the_limit) {
    cr_assert_eq(sh_text_distance(SH_TEXT_LITERAL("abcdef"), SH_TEXT_LITERAL("uvwxyz"), 2), 3);
    cr_assert_eq(sh_text_distance(SH_TEXT_LITERAL("a"), SH_TEXT_LITERAL("abcdef"), 2), 3);
    cr_assert_eq(sh_text_distance(SH_TEXT_LITERAL("a"), SH_TEXT_LITERAL("b"), 0), 1);
    char bytes[400];
    memset(bytes, 'x', sizeof bytes);
    const struct sh_text text = {bytes, sizeof bytes};
    cr_assert_eq(sh_text_distance(text, text, 2), 0, "equal texts of any length are equal");
    cr_assert_eq(sh_text_distance(text, (struct sh_text){bytes, 399}, 2), 3, "too long to compare");
}

Test(text, nearest_is_found_whatever_the_order_of_offers) {
    const struct sh_text names[] = {SH_TEXT_LITERAL("country"), SH_TEXT_LITERAL("City"), SH_TEXT_LITERAL("pity")};
    for (uint32_t first = 0; first < 3; first++) {
        struct sh_nearest search;
        sh_nearest_init(&search, SH_TEXT_LITERAL("cityy"));
        for (uint32_t i = 0; i < 3; i++)
            sh_nearest_offer(&search, names[(first + i) % 3]);
        cr_assert(sh_text_equal(search.nearest, names[1]));
        cr_assert_eq(search.distance, 1);
    }
    struct sh_nearest tie;
    sh_nearest_init(&tie, SH_TEXT_LITERAL("bat"));
    sh_nearest_offer(&tie, SH_TEXT_LITERAL("hat"));
    sh_nearest_offer(&tie, SH_TEXT_LITERAL("cat"));
    sh_nearest_offer(&tie, SH_TEXT_LITERAL("rat"));
    cr_assert(sh_text_equal(tie.nearest, SH_TEXT_LITERAL("cat")), "the first by bytes");
}

Test(text, nothing_is_nearest_when_all_are_far) {
    struct sh_nearest search;
    sh_nearest_init(&search, SH_TEXT_LITERAL("abc"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("axx"));
    cr_assert_eq(search.nearest.count, 0, "two of three characters differ");
    sh_nearest_init(&search, SH_TEXT_LITERAL("a_long_name_of_an_attribute"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("a_long_name_of_some_attribute_"));
    cr_assert_eq(search.nearest.count, 0, "three edits at most");
}
