#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "record.h"

enum { WANTED_COUNT_MAX = 8 };

/* Everything a reader says of a text: "[a][-][list 2]" a record, "!words" a bad one, then the status. */
static char *show(const char *path, const char *text, const struct record_options *options, const char *const *names,
                  size_t piece_bytes) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    FILE *out = open_memstream(&shown, &shown_bytes);
    struct sh_text wanted[WANTED_COUNT_MAX];
    uint32_t count = 0;
    for (; names[count] != NULL; count++)
        wanted[count] = sh_text_of(names[count]);
    struct input *input;
    struct record_reader reader;
    struct sh_error err = {.hint = ""};
    cr_assert_eq(input_open_memory(text, strlen(text), piece_bytes, &input, &err), SH_OK);
    enum sh_status status = record_open(&reader, path, input, options, wanted, count, count, &err);
    if (status != SH_OK) {
        (void)fprintf(out, "%s: %s|%s", sh_status_name(status), err.message, err.hint);
        (void)fclose(out);
        return shown;
    }
    for (bool at_end = false;;) {
        status = record_next(&reader, &at_end, &err);
        if ((status != SH_OK && status != SH_ERR_SYNTAX) || at_end) break;
        (void)fprintf(out, "%llu", (unsigned long long)reader.line_number);
        if (status != SH_OK) (void)fprintf(out, "!%s", err.message);
        for (uint32_t i = 0; i < count && status == SH_OK; i++) {
            const struct record_value *value = &reader.values[i];
            if (!value->present)
                (void)fputs("[-]", out);
            else if (value->array != NULL)
                (void)fprintf(out, "[list %zu]", json_array_size(value->array));
            else
                (void)fprintf(out, "[%.*s]", SH_TEXT_ARGS(value->text));
        }
        (void)fputc('\n', out);
    }
    (void)fprintf(out, "%s", sh_status_name(status));
    record_close(&reader);
    (void)fclose(out);
    return shown;
}

static void expect(const char *path, const char *text, const struct record_options *options, const char *const *names,
                   const char *wanted) {
    for (size_t piece = 0; piece < 4; piece++) {
        char *shown = show(path, text, options, names, piece);
        cr_assert_str_eq(shown, wanted, "in pieces of %zu:\n%s\nnot\n%s", piece, shown, wanted);
        free(shown);
    }
}

#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
static const struct record_options with_header = {.has_header = true};

Test(record, the_wanted_columns_of_csv_in_the_wanted_order) {
    expect("x.csv", "a,b,c\n1,2,3\n4,,\"\"\n", &with_header, NAMES("c", "a", "b"), "2[3][1][2]\n3[][4][-]\nok");
}

Test(record, a_missing_column_is_named_with_its_neighbour) {
    expect("x.csv", "user_id,city\n", &with_header, NAMES("user_di"),
           "name: x.csv has no column 'user_di'; it has: user_id, city|did you mean 'user_id'?");
}

Test(record, a_wanted_column_must_not_stand_twice) {
    expect("x.csv", "a,b,a\n1,2,3\n", &with_header, NAMES("b"), "2[2]\nok");
    expect("x.csv", "a,b,a\n1,2,3\n", &with_header, NAMES("a"),
           "name: x.csv has the column 'a' twice; name its columns with columns = a, b, c|");
}

Test(record, columns_stand_for_a_header_or_replace_it) {
    const struct sh_text columns[] = {SH_TEXT_LITERAL("x"), SH_TEXT_LITERAL("y")};
    const struct record_options without = {.columns = columns, .column_count = 2};
    const struct record_options instead = {.columns = columns, .column_count = 2, .has_header = true};
    expect("x.csv", "a,b\n1,2\n", &without, NAMES("y"), "1[b]\n2[2]\nok");
    expect("x.csv", "a,b\n1,2\n", &instead, NAMES("y"), "2[2]\nok");
    expect("x.csv", "1,2,3\n", &without, NAMES("y"), "1!more fields than columns are named: '3', not '2'\nok");
}

Test(record, a_record_has_as_many_fields_as_the_header) {
    expect(
        "x.csv", "a,b\n1\n1,2,3\n1,2\n", &with_header, NAMES("a"),
        "2!fewer fields than the header has: '1', not '2'\n3!more fields than the header has: '3', not '2'\n4[1]\nok");
}

Test(record, a_header_that_cannot_be_read_is_an_error_of_the_file) {
    expect("x.csv", "", &with_header, NAMES("a"), "syntax: x.csv is empty; a header line is needed|");
    expect("x.csv", "a,\"b\n", &with_header, NAMES("a"), "syntax: x.csv: the header: a quoted field is not closed|");
    expect("x.csv", "a,\xD6\xD0\n", &with_header, NAMES("a"),
           "syntax: x.csv: the header is not UTF-8 text|iconv -f GB18030 -t UTF-8 turns the usual Chinese encoding "
           "into it");
}

Test(record, the_name_says_format_and_delimiter) {
    static const struct {
        const char *path;
        enum mapping_format format;
        char delimiter;
    } cases[] = {{"a.csv", MAPPING_CSV, ','},
                 {"a.csv.gz", MAPPING_CSV, ','},
                 {"a.tsv.zst", MAPPING_CSV, '\t'},
                 {"a.jsonl", MAPPING_JSONL, ','},
                 {"a.ndjson.gz", MAPPING_JSONL, ','},
                 {"a.json", MAPPING_JSONL, ','},
                 {"a", MAPPING_CSV, ','},
                 {"-", MAPPING_CSV, ','},
                 {".gz", MAPPING_CSV, ','}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum mapping_format format = MAPPING_BY_NAME;
        char delimiter = 0;
        record_format_of(cases[i].path, &format, &delimiter);
        cr_assert_eq(format, cases[i].format, "%s", cases[i].path);
        cr_assert_eq(delimiter, cases[i].delimiter, "%s", cases[i].path);
    }
}

Test(record, is_utf8_says_whether_every_text_is) {
    struct input *input;
    struct record_reader reader;
    struct sh_text wanted[] = {SH_TEXT_LITERAL("a")};
    bool at_end;
    const char *text = "a,b\nplain,x\n\xE6\x88\x90,x\n\xE6\x88,x\n\"q\xE6\x88\x90\",x\n";
    cr_assert_eq(input_open_memory(text, strlen(text), 0, &input, NULL), SH_OK);
    cr_assert_eq(record_open(&reader, "x.csv", input, &with_header, wanted, 1, 1, NULL), SH_OK);
    static const bool is_utf8[] = {true, true, false, true};
    for (uint32_t i = 0; i < 4; i++) {
        cr_assert_eq(record_next(&reader, &at_end, NULL), SH_OK);
        cr_assert_eq(reader.is_utf8, is_utf8[i], "record %u", i);
    }
    record_close(&reader);
}

/* --- JSON Lines --- */

Test(record, json_values_become_texts) {
    expect("x.jsonl", "{\"a\": \"t\", \"b\": 12, \"c\": true}\n{\"a\": null, \"b\": [1, \"x\"], \"c\": false}\n{}\n",
           &with_header, NAMES("a", "b", "c"), "1[t][12][true]\n2[-][list 2][false]\n3[-][-][-]\nok");
}

Test(record, json_numbers_keep_their_digits) {
    expect(
        "x.jsonl",
        "{\"a\": 12.50, \"b\": 1e-7, \"c\": 1e16}\n{\"a\": -0.1, \"b\": 9223372036854775807, \"c\": 1234567890.123}\n"
        "{\"a\": 0.30000000000000004, \"b\": 1.5e300, \"c\": 2.50e1}\n",
        &with_header, NAMES("a", "b", "c"),
        "1[12.5][0.0000001][10000000000000000]\n2[-0.1][9223372036854775807][1234567890.123]\n"
        "3[0.30000000000000004][1.50000000000000e+300][25]\nok");
}

Test(record, a_name_with_points_reaches_into_objects) {
    expect("x.jsonl", "{\"a\": {\"b\": {\"c\": \"deep\"}}, \"a.b\": 1, \"d\": {\"e.f\": 2}}\n{\"a\": 3}\n",
           &with_header, NAMES("a.b.c", "a.b", "d.e.f"), "1[deep][1][2]\n2[-][-][-]\nok");
}

Test(record, an_object_where_a_value_is_wanted_costs_its_line) {
    expect("x.jsonl", "{\"a\": {\"b\": 1}}\n{\"a\": 2}\n", &with_header, NAMES("a"),
           "1!a is an object; the mapping must name one of its keys\n2[2]\nok");
}

Test(record, empty_lines_and_a_byte_order_mark_are_passed_over) {
    expect("x.jsonl", "\xEF\xBB\xBF{\"a\": 1}\r\n\n  \r\n{\"a\": 2}", &with_header, NAMES("a"), "1[1]\n4[2]\nok");
    expect("x.jsonl", "", &with_header, NAMES("a"), "ok");
    expect("x.jsonl", "\n\n", &with_header, NAMES("a"), "ok");
}

static void expect_bad_line(const char *line, const char *words) {
    char text[300];
    (void)snprintf(text, sizeof text, "%s\n{\"a\": 1}\n", line);
    char *shown = show("x.jsonl", text, &with_header, NAMES("a"), 0);
    cr_assert_eq(strncmp(shown, words, strlen(words)), 0, "%s, not %s", shown, words);
    cr_assert_not_null(strstr(shown, "\n2[1]\nok"), "%s", shown);
    free(shown);
}

Test(record, a_line_that_is_no_object_costs_itself) {
    expect_bad_line("{\"a\": ", "1!not JSON: '");
    expect_bad_line("[1, 2]", "1!not a JSON object");
    expect_bad_line("{\"a\": 1} x", "1!not JSON: '");
    expect_bad_line("{\"a\": 1, \"a\": 2}", "1!not JSON: '");
    expect_bad_line("{\"a\": \"\\u0000\"}", "1!not JSON: '");
    expect_bad_line("{\"a\": \"\xE6\x88\"}", "1!not JSON: '");
    expect_bad_line("{\"a\": 99999999999999999999}", "1!not JSON: '");
    expect_bad_line("{\"a\": NaN}", "1!not JSON: '");
}

Test(record, a_giant_line_costs_itself_however_the_bytes_come) {
    const size_t giant = 5 * CSV_RECORD_BYTES_MAX;
    char *text = malloc(giant + 100);
    memset(text, ' ', giant);
    memcpy(text + giant, "{\"a\": 0}\n{\"a\": 1}\n", 19);
    for (size_t piece = 0; piece < 3000000; piece += 999999) {
        char *shown = show("x.jsonl", text, &with_header, NAMES("a"), piece);
        cr_assert_str_eq(shown, "1!the line is too long; JSON Lines has an object a line\n2[1]\nok");
        free(shown);
    }
    free(text);
}

Test(record, the_raw_bytes_are_those_of_the_file) {
    struct input *input;
    struct record_reader reader;
    struct sh_text wanted[] = {SH_TEXT_LITERAL("a")};
    bool at_end;
    static const char *const texts[] = {"a,b\n\"x\"\"y\",2\r\n", "{\"a\": 1, \"b\": 2}\r\n"};
    static const char *const raws[] = {"\"x\"\"y\",2", "{\"a\": 1, \"b\": 2}"};
    for (uint32_t i = 0; i < 2; i++) {
        cr_assert_eq(input_open_memory(texts[i], strlen(texts[i]), 0, &input, NULL), SH_OK);
        cr_assert_eq(record_open(&reader, i == 0 ? "x.csv" : "x.jsonl", input, &with_header, wanted, 1, 1, NULL),
                     SH_OK);
        cr_assert_eq(record_next(&reader, &at_end, NULL), SH_OK);
        cr_assert(sh_text_equal(record_raw(&reader), sh_text_of(raws[i])));
        record_close(&reader);
    }
}
