#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "csv.h"
#include "csv_marks.h"
#include "csv_show.h"

/* The same records, however the bytes come in. */
static void expect_of(const char *bytes, size_t byte_count, char delimiter, const char *wanted) {
    static const size_t pieces[] = {0, 1, 2, 3, 5, 64, 65};
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        char *shown = csv_show(bytes, byte_count, pieces[i], delimiter, NULL);
        cr_assert_str_eq(shown, wanted, "in pieces of %zu:\n%s\nnot\n%s", pieces[i], shown, wanted);
        free(shown);
    }
}

static void expect(const char *text, const char *wanted) {
    expect_of(text, strlen(text), ',', wanted);
}

Test(csv, cuts_records_at_line_feeds_and_fields_at_commas) {
    expect("a,b,c\n1,2,3\n", "1:[a][b][c]\n2:[1][2][3]\n=ok");
}

Test(csv, the_last_line_may_lack_its_end) {
    expect("a,b\n1,2", "1:[a][b]\n2:[1][2]\n=ok");
    expect("a", "1:[a]\n=ok");
    expect("\"a\"", "1:[\"a\"]\n=ok");
    expect("a,", "1:[a][]\n=ok");
}

Test(csv, nothing_has_no_records) {
    expect("", "=ok");
    expect("\n\r\n\n", "=ok");
    expect("\xEF\xBB\xBF", "=ok");
    expect("\xEF\xBB\xBF\n", "=ok");
}

Test(csv, lines_may_end_with_cr_lf) {
    expect("a,b\r\n1,\"2\"\r\n3,\r\n", "1:[a][b]\n2:[1][\"2\"]\n3:[3][]\n=ok");
    expect("a,b\r", "1:[a][b]\n=ok");
    expect("a,\"b\"\r", "1:[a][\"b\"]\n=ok");
}

Test(csv, a_cr_elsewhere_is_a_byte_like_any_other) {
    expect("a\rb,c\r\r\n", "1:[a\rb][c\r]\n=ok");
    expect("\"a\rb\"\n", "1:[\"a\rb\"]\n=ok");
}

Test(csv, a_byte_order_mark_is_passed_over_at_the_start_only) {
    expect("\xEF\xBB\xBF"
           "a,b\n\xEF\xBB\xBF"
           "1,2\n",
           "1:[a][b]\n2:[\xEF\xBB\xBF"
           "1][2]\n=ok");
    expect("\xEF\xBB\xBF\"a\",b\n", "1:[\"a\"][b]\n=ok");
    expect("\xEF\xBB", "1:[\xEF\xBB]\n=ok");
}

Test(csv, empty_lines_are_passed_over_and_counted) {
    expect("\na\n\n\r\nb\n", "2:[a]\n5:[b]\n=ok");
}

Test(csv, an_empty_quoted_field_is_not_an_empty_line) {
    expect("\"\"\n", "1:[\"\"]\n=ok");
    expect("a,\"\",\n", "1:[a][\"\"][]\n=ok");
}

Test(csv, quoted_fields_hold_delimiters_line_ends_and_doubled_quotes) {
    expect("u1,\"Tee, gr\xC3\xBCn\",\"er sagte \"\"ja\"\"\"\n",
           "1:[u1][\"Tee, gr\xC3\xBCn\"][\"er sagte \"ja\"\"]\n=ok");
    expect("\"a\nb\r\nc\",d\ne\n", "1:[\"a\nb\r\nc\"][d]\n4:[e]\n=ok");
    expect("\"\"\"\"\n", "1:[\"\"\"]\n=ok");
    expect("\"\"\"a\"\"\",\"\"\"\"\"\"\n", "1:[\"\"a\"\"][\"\"\"\"]\n=ok");
}

Test(csv, a_quote_inside_a_bare_field_is_a_byte_like_any_other) {
    expect("5\" wide,a\"b\"c\n", "1:[5\" wide][a\"b\"c]\n=ok");
    expect(" \"a\",b\n", "1:[ \"a\"][b]\n=ok");
}

Test(csv, something_behind_a_closing_quote_costs_its_record_alone) {
    expect("\"a\"b,c\n1,2\n", "1!\"a\"b,c\n2:[1][2]\n=ok");
    expect("\"a\" ,c\n1,2\n", "1!\"a\" ,c\n2:[1][2]\n=ok");
    expect("\"a\"b,\"c\nd\"\n1,2\n", "1!\"a\"b,\"c\nd\"\n3:[1][2]\n=ok");
    expect("\"a\"\rb\n1\n", "1!\"a\"\rb\n2:[1]\n=ok");
}

Test(csv, a_quote_that_nothing_closes_costs_its_line_alone) {
    expect("a,\"b\n1,2\n3,4\n", "1!a,\"b\n2:[1][2]\n3:[3][4]\n=ok");
    expect("1,2\na,\"b", "1:[1][2]\n2!a,\"b\n=ok");
    expect("\"", "1!\"\n=ok");
    expect("\"a\"\"\n1\n", "1!\"a\"\"\n2:[1]\n=ok");
}

Test(csv, takes_any_one_byte_delimiter) {
    expect_of("a;b,c;\"d;e\"\n", 12, ';', "1:[a][b,c][\"d;e\"]\n=ok");
    expect_of("a\tb\t\n", 5, '\t', "1:[a][b][]\n=ok");
    expect_of("a|b\n", 4, '|', "1:[a][b]\n=ok");
}

Test(csv, zero_bytes_are_bytes) {
    static const char bytes[] = "a\0b,c\n\"\0\",d\n";
    struct input *input;
    struct csv_reader reader;
    bool at_end;
    cr_assert_eq(input_open_memory(bytes, sizeof bytes - 1, 0, &input, NULL), SH_OK);
    csv_init(&reader, input, ',');
    cr_assert_eq(csv_next(&reader, &at_end, NULL), SH_OK);
    cr_assert_eq(reader.fields[0].count, 3);
    cr_assert(!reader.is_ascii);
    cr_assert_eq(csv_next(&reader, &at_end, NULL), SH_OK);
    cr_assert_eq(reader.fields[0].count, 1);
    csv_deinit(&reader);
    input_close(input);
}

Test(csv, as_many_fields_as_there_is_room_for_and_no_more) {
    for (uint32_t over = 0; over < 2; over++) {
        const uint32_t count = CSV_FIELD_COUNT_MAX + over;
        char *text = malloc(2 * count + 8);
        for (uint32_t i = 0; i < count; i++)
            memcpy(text + 2 * i, "x,", 2);
        memcpy(text + 2 * count - 1, "\nb\n", 3);
        struct input *input;
        struct csv_reader reader;
        struct sh_error err;
        bool at_end;
        cr_assert_eq(input_open_memory(text, 2 * count + 2, 0, &input, NULL), SH_OK);
        csv_init(&reader, input, ',');
        const enum sh_status status = csv_next(&reader, &at_end, &err);
        cr_assert_eq(status, over == 0 ? SH_OK : SH_ERR_SYNTAX);
        if (over == 0) cr_assert_eq(reader.field_count, count);
        if (over == 1) cr_assert_str_eq(err.message, "there are too many fields");
        cr_assert_eq(csv_next(&reader, &at_end, &err), SH_OK);
        cr_assert_eq(reader.line_number, 2);
        cr_assert_eq(reader.field_count, 1);
        csv_deinit(&reader);
        input_close(input);
        free(text);
    }
}

/* "<before><fill x count><after>", all read at one go or in pieces. */
static char *giant(const char *before, char fill, size_t count, const char *after, size_t *byte_count) {
    char *text = malloc(strlen(before) + count + strlen(after) + 1);
    memcpy(text, before, strlen(before));
    memset(text + strlen(before), fill, count);
    memcpy(text + strlen(before) + count, after, strlen(after) + 1);
    *byte_count = strlen(before) + count + strlen(after);
    return text;
}

static void expect_giant(const char *before, size_t count, const char *after, const char *const wanted_starts[]) {
    static const size_t pieces[] = {0, 65536, 1000003};
    size_t byte_count;
    char *text = giant(before, 'x', count, after, &byte_count);
    for (size_t i = 0; i < 3; i++) {
        char *shown = csv_show(text, byte_count, pieces[i], ',', NULL);
        char *line = shown;
        for (uint32_t k = 0; wanted_starts[k] != NULL; k++) {
            cr_assert_not_null(line);
            cr_assert_eq(strncmp(line, wanted_starts[k], strlen(wanted_starts[k])), 0, "%.40s, not %s", line,
                         wanted_starts[k]);
            line = strchr(line, '\n');
            if (line != NULL) line++;
        }
        cr_assert_null(line, "more than was wanted: %.60s", line);
        free(shown);
    }
    free(text);
}

Test(csv, a_record_of_the_greatest_length_is_read_and_a_longer_one_is_not) {
    expect_giant("a,", CSV_RECORD_BYTES_MAX - 2, "\nb\n", (const char *const[]){"1:[a][xxx", "2:[b]", "=ok", NULL});
    expect_giant("a,", CSV_RECORD_BYTES_MAX - 1, "\nb\n", (const char *const[]){"1!a,xxx", "2:[b]", "=ok", NULL});
}

Test(csv, the_rest_of_a_giant_line_is_never_taken_for_records) {
    expect_giant("a,", 9 * CSV_RECORD_BYTES_MAX, ",z\nb\n", (const char *const[]){"1!a,xxx", "2:[b]", "=ok", NULL});
    expect_giant("a,", 3 * CSV_RECORD_BYTES_MAX, "", (const char *const[]){"1!a,xxx", "=ok", NULL});
}

Test(csv, a_lost_quote_before_a_giant_text_costs_its_line_alone) {
    expect_giant("\"a\nb\n", 2 * CSV_RECORD_BYTES_MAX, "\nc\n",
                 (const char *const[]){"1!\"a", "2:[b]", "3!xxx", "4:[c]", "=ok", NULL});
}

Test(csv, the_marks_of_64_bytes_are_those_of_the_plain_loop) {
    uint64_t state = 1;
    for (uint32_t round = 0; round < 20000; round++) {
        char block[CSV_BLOCK_BYTES];
        for (uint32_t i = 0; i < sizeof block; i++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            static const char bytes[] = ",,\n\"\0\x80\xFF\x7F;ab";
            block[i] = round % 2 == 0 ? bytes[(state >> 33) % (sizeof bytes - 1)] : (char)(state >> 56);
        }
        const struct csv_marks wanted = csv_marks_plain(block, ',');
        const struct csv_marks marks = csv_marks_of(block, ',');
        cr_assert_eq(memcmp(&marks, &wanted, sizeof marks), 0, "round %u", round);
    }
}
