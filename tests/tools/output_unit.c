#include <criterion/criterion.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>

#include "msgpack_text.h"
#include "output.h"

static void setup(void) {
    cr_assert_not_null(setlocale(LC_CTYPE, "C.UTF-8"));
}

TestSuite(output, .init = setup);

/* The value of a text, alive until the next call. */
static struct shoal_client_value value_of(const char *text) {
    static struct sh_buffer msgpack;
    sh_buffer_deinit(&msgpack);
    sh_buffer_init(&msgpack, 1 << 20);
    msgpack_of_text(text, &msgpack);
    return (struct shoal_client_value){msgpack.bytes, msgpack.count};
}

static void expect_json(const char *value, const char *wanted) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    output_json(value_of(value), out);
    (void)fclose(out);
    cr_assert_str_eq(shown, wanted);
    free(shown);
}

static void expect_cell(const char *value, const char *wanted) {
    char *cell = output_cell(value_of(value));
    cr_assert_str_eq(cell, wanted);
    free(cell);
}

static void expect_csv_cell(const char *text, const char *wanted) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    output_csv_cell(text, out);
    (void)fclose(out);
    cr_assert_str_eq(shown, wanted);
    free(shown);
}

Test(output, json_has_numbers_as_numbers) {
    expect_json(
        "{a: 1, b: -9223372036854775808, c: 0.1, d: 2.0, e: 1e300, f: true, g: nil}",
        "{\"a\": 1, \"b\": -9223372036854775808, \"c\": 0.1, \"d\": 2, \"e\": 1e+300, \"f\": true, \"g\": null}");
    expect_json("[0.30000000000000004, 1e22]", "[0.30000000000000004, 1e+22]");
}

Test(output, json_texts_are_escaped) {
    expect_json("['a\"b\\\\c', '\xE6\x88\x90', '\n\r\t\x01\x7F']",
                "[\"a\\\"b\\\\c\", \"\xE6\x88\x90\", \"\\n\\r\\t\\u0001\\u007f\"]");
    expect_json("[]", "[]");
    expect_json("{}", "{}");
}

Test(output, cells_are_bare_and_lists_are_joined) {
    expect_cell("'a\"b'", "a\"b");
    expect_cell("nil", "");
    expect_cell("['a', 'b']", "a, b");
    expect_cell("12", "12");
    expect_cell("{a: 1}", "{\"a\": 1}");
}

Test(output, csv_cells_are_quoted_where_they_must_be) {
    expect_csv_cell("plain", "plain");
    expect_csv_cell("", "");
    expect_csv_cell("a,b", "\"a,b\"");
    expect_csv_cell("a\"b", "\"a\"\"b\"");
    expect_csv_cell("a\nb", "\"a\nb\"");
    expect_csv_cell("a;b", "a;b");
}

Test(output, widths_are_those_of_a_terminal) {
    cr_assert_eq(output_width(""), 0);
    cr_assert_eq(output_width("abc"), 3);
    cr_assert_eq(output_width("\xE6\x88\x90\xE9\x83\xBD"), 4);
    cr_assert_eq(output_width("e\xCC\x81"), 1); /* an accent of its own */
    cr_assert_eq(output_width("a\tb\x1B"), 4);
    cr_assert_eq(output_width("\xC2\x9B"), 1);
    cr_assert_eq(output_width("a\xFF\xFE"), 3);
}

/* U+202E turns what follows around: "gold" + it + "dlog" reads as "goldgold". */
Test(output, characters_that_turn_a_line_are_not_shown) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    output_shown("gold\xE2\x80\xAE"
                 "dlog \xE2\x81\xA6\xD8\x9C\xE2\x80\xA8 \xC3\xA9\x07\x1B\n",
                 out);
    (void)fclose(out);
    cr_assert_str_eq(shown, "gold?dlog ??? \xC3\xA9   ");
    free(shown);
    cr_assert_eq(output_width("\xE2\x80\xAE"), 1);
}

static char *table_of(enum output_format format) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    struct output_table *table = output_table_create(format, out);
    output_column(table, "city", false);
    output_column(table, "points", true);
    output_column(table, "note", false);
    static const char *const cells[] = {"\xE6\x88\x90\xE9\x83\xBD", "7", "a,b", "London", "1234567", "", "x", "",
                                        "e\x1B[2Jf\xC2\x9Bg"};
    for (size_t i = 0; i < 9; i++)
        output_add(table, cells[i]);
    output_table_finish(table);
    (void)fclose(out);
    return shown;
}

static char *bars_of(enum output_format format) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    struct output_table *table = output_table_create(format, out);
    static const double shares[] = {0, 1.0 / 24, 0.0001, 7, -1, 1.0 / 48};
    output_column(table, "n", true);
    output_column_bar(table);
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++) {
        output_add(table, "1");
        output_add_bar(table, shares[i]);
    }
    output_table_finish(table);
    (void)fclose(out);
    return shown;
}

Test(output, bars_are_for_tables_and_can_be_turned_off) {
    char *shown = bars_of(OUTPUT_TABLE);
    cr_assert_str_eq(shown,
                     "n  \n─  ────────────────────────\n1  \n1  █\n1  ▏\n1  ████████████████████████\n1  \n1  ▌\n");
    free(shown);
    shown = bars_of(OUTPUT_CSV);
    cr_assert_str_eq(shown, "n\n1\n1\n1\n1\n1\n1\n");
    free(shown);
    cr_assert_str_eq(output_shade(0), "  ");
    cr_assert_str_eq(output_shade(0.5), " ▒");
    cr_assert_str_eq(output_shade(9), " █");
    cr_assert_str_eq(output_shade(-1), "  ");
    output_draw(false);
    shown = bars_of(OUTPUT_TABLE);
    cr_assert_str_eq(shown, "n\n─\n1\n1\n1\n1\n1\n1\n");
    free(shown);
    cr_assert_str_eq(output_shade(1), "");
    output_draw(true);
}

Test(output, tables_line_up_and_hide_control_characters) {
    char *shown = table_of(OUTPUT_TABLE);
    cr_assert_str_eq(
        shown, "city     points  note\n"
               "\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80  "
               "\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80  "
               "\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\xE2\x94\x80\n"
               "\xE6\x88\x90\xE9\x83\xBD          7  a,b\n"
               "London  1234567  \n"
               "x                e [2Jf?g\n");
    free(shown);
}

Test(output, tables_as_csv_have_a_header_and_the_cells_as_they_are) {
    char *shown = table_of(OUTPUT_CSV);
    cr_assert_str_eq(shown,
                     "city,points,note\n\xE6\x88\x90\xE9\x83\xBD,7,\"a,b\"\nLondon,1234567,\nx,,e\x1B[2Jf\xC2\x9Bg\n");
    free(shown);
}

Test(output, a_format_has_one_of_three_names) {
    enum output_format format = OUTPUT_TABLE;
    cr_assert(output_format_of("json", &format));
    cr_assert_eq(format, OUTPUT_JSON);
    cr_assert(!output_format_of("xml", &format));
    cr_assert(!output_format_of("", &format));
}
