/* What a load counts, what it refuses, and which files it reads. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "load_files.h"
#include "load_summary.h"

/* --- totals --- */

/* The totals of a mapping's [summary] over a CSV text, as the summary prints them. */
static char *totals_of(const char *summary, const char *nulls, const char *csv, bool json) {
    char *shown = NULL;
    size_t shown_bytes = 0;
    char mapping_text[500];
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_error err;
    struct load_counts counts = {.lines = 1};
    struct sh_text wanted[16];
    uint32_t wanted_count = 0;
    sh_arena_init(&arena, 1 << 20);
    (void)snprintf(mapping_text, sizeof mapping_text,
                   "[events]\nfile = x\nuser = u\ntype = 't'\ntime = t\n%s[summary]\n%s", nulls, summary);
    cr_assert_eq(mapping_parse(sh_text_of(mapping_text), &arena, &mapping, &err), SH_OK, "%s", err.message);
    counts.totals = sh_arena_alloc_zero(&arena, mapping.summary_count * sizeof *counts.totals);
    counts.total_count = mapping.summary_count;
    for (uint32_t i = 0; i < mapping.summary_count; i++) {
        const struct mapping_source *source = &mapping.summaries[i].source;
        counts.totals[i].summary = mapping.summaries[i];
        counts.totals[i].source = (struct row_source){source, UINT32_MAX, UINT32_MAX};
        if (mapping.summaries[i].kind == MAPPING_LINES) continue;
        counts.totals[i].source.column = row_want(wanted, &wanted_count, source->column);
        if (source->factor.count > 0) counts.totals[i].source.factor = row_want(wanted, &wanted_count, source->factor);
    }
    struct input *input;
    struct record_reader record;
    const struct record_options options = {.has_header = true};
    cr_assert_eq(input_open_memory(csv, strlen(csv), 0, &input, NULL), SH_OK);
    cr_assert_eq(record_open(&record, "x.csv", input, &options, wanted, wanted_count, 0, &err), SH_OK);
    for (bool at_end = false; record_next(&record, &at_end, &err) == SH_OK && !at_end;)
        load_add_totals(&counts, &mapping.sections[0], &record);
    FILE *out = open_memstream(&shown, &shown_bytes);
    if (json)
        load_print_summary_json(&counts, "rejects.csv", out);
    else
        load_print_summary(&counts, "rejects.csv", out);
    (void)fclose(out);
    record_close(&record);
    load_counts_deinit(&counts);
    sh_arena_deinit(&arena);
    return shown;
}

static void expect_totals(const char *summary, const char *nulls, const char *csv, const char *wanted) {
    char *shown = totals_of(summary, nulls, csv, false);
    cr_assert_not_null(strstr(shown, wanted), "\n%s\nhas no\n%s", shown, wanted);
    free(shown);
}

Test(load, sums_are_exact_and_printed_in_full) {
    expect_totals("net = sum q * p", "", "q,p\n3,0.333\n-1,0.999\n2,1000000.5\n", "  net: 2,000,001\n");
    expect_totals("net = sum q * p", "", "q,p\n1,0.1\n1,0.2\n", "  net: 0.3\n");
    expect_totals("net = sum q * p", "", "q,p\n0.123456789,0.000000001\n", "  net: 0.000000000123456789\n");
    expect_totals("net = sum q * p", "", "q,p\n-1,1234.5\n", "  net: -1,234.5\n");
    expect_totals("net = sum -q", "", "q\n999\n1\n", "  net: -1,000\n");
    expect_totals("net = sum q", "", "q\n", "  net: 0 (no file of events has its columns)\n");
    expect_totals("net = sum q", "", "q\n0\n", "  net: 0\n");
}

Test(load, what_cannot_be_summed_is_counted_and_never_wraps) {
    expect_totals("net = sum q", "", "q\nabc\n1\n,\n", "  net: 1 (without 1 records that are not readable)\n");
    expect_totals("net = sum q * p", "", "q,p\n9223372036854775807,9223372036854775807\n1,1\n",
                  "  net: 1 (without 1 records that are not readable)\n");
    char csv[2000] = "q\n"; /* 18 times 9.2e18 is more than 128 bits of 10^-18 hold */
    for (uint32_t i = 0; i < 20; i++)
        strcat(csv, "9223372036854775807\n");
    expect_totals("net = sum q", "", csv,
                  "  net: 166,020,696,663,385,964,526 (without 2 records that are not readable)\n");
}

Test(load, distinct_values_and_lines_are_counted) {
    expect_totals("a = lines\nb = distinct q", "", "q,p\nx,1\ny,2\nx,3\n,4\n\"\",5\n", "  a: 5\n  b: 2\n");
    expect_totals("b = distinct q\nc = sum p", "null = NA, -\n", "q,p\nx,1\nNA,NA\n-,3\n", "  b: 1\n  c: 4\n");
}

Test(load, distinct_counts_through_growth) {
    char *csv = NULL;
    size_t csv_bytes = 0;
    FILE *out = open_memstream(&csv, &csv_bytes);
    (void)fputs("q\n", out);
    for (uint32_t i = 0; i < 20000; i++)
        (void)fprintf(out, "v%u\n", i % 7000);
    (void)fclose(out);
    expect_totals("b = distinct q", "", csv, "  b: 7,000\n");
    free(csv);
}

Test(load, a_summary_column_that_the_file_lacks_is_said) {
    expect_totals("b = distinct nope\nc = sum q * nope", "", "q\n1\n",
                  "  b: 0 (no file of events has its columns)\n  c: 0 (no file of events has its columns)\n");
}

Test(load, the_summary_as_json_has_numbers_as_numbers) {
    char *shown = totals_of("a \"b\" = lines\nnet = sum q * p", "", "q,p\n3,0.5\n", true);
    cr_assert_not_null(strstr(shown, "\"totals\": {\"a \\\"b\\\"\": 1, \"net\": 1.5}"), "%s", shown);
    json_error_t fault;
    json_t *json = json_loads(shown, 0, &fault);
    cr_assert_not_null(json, "%s: %s", fault.text, shown);
    cr_assert(json_is_null(json_object_get(json, "rejects")));
    json_decref(json);
    free(shown);
}

/* --- reasons and rejects --- */

static const struct load_reason *find_reason(const struct load_counts *counts, const char *words) {
    for (uint32_t i = 0; i < counts->reason_count; i++)
        if (strcmp(counts->reasons[i].words, words) == 0) return &counts->reasons[i];
    return NULL;
}

Test(load, reasons_that_differ_in_the_value_shown_are_one) {
    struct load_counts counts = {0};
    load_count_reason(&counts, SH_TEXT_LITERAL("points: 'many' is not a whole number"));
    load_count_reason(&counts, SH_TEXT_LITERAL("points: 'few' is not a whole number"));
    load_count_reason(&counts, SH_TEXT_LITERAL("fewer fields than the header has: '1', not '2'"));
    load_count_reason(&counts, SH_TEXT_LITERAL("no customer"));
    cr_assert_eq(counts.reason_count, 3);
    cr_assert_eq(find_reason(&counts, "points")->count, 2);
    cr_assert_eq(find_reason(&counts, "fewer fields than the header has")->count, 1);
    cr_assert_eq(find_reason(&counts, "no customer")->count, 1);
}

Test(load, reasons_are_cut_at_a_character_and_too_many_are_other_reasons) {
    struct load_counts counts = {0};
    char words[400];
    for (uint32_t shift = 0; shift < 3; shift++) {
        memset(words, 'x', shift);
        words[shift] = '\0';
        for (uint32_t i = 0; i < 80; i++)
            strcat(words, "\xE6\x88\x90");
        load_count_reason(&counts, sh_text_of(words));
    }
    for (uint32_t i = 0; i < counts.reason_count; i++)
        cr_assert(sh_text_is_utf8(sh_text_of(counts.reasons[i].words)));
    for (uint32_t i = 0; i < 1000; i++) {
        (void)snprintf(words, sizeof words, "reason %u", i);
        load_count_reason(&counts, sh_text_of(words));
    }
    cr_assert_eq(counts.reason_count, LOAD_REASON_COUNT_MAX);
    uint64_t all = 0;
    for (uint32_t i = 0; i < counts.reason_count; i++)
        all += counts.reasons[i].count;
    cr_assert_eq(all, 1003);
    cr_assert_str_eq(counts.reasons[LOAD_REASON_COUNT_MAX - 1].words, "other reasons");
}

Test(load, rejects_are_csv_that_reads_back) {
    char path[] = "/tmp/load_unit.XXXXXX";
    close(mkstemp(path));
    struct load_rejects rejects = {.path = path};
    cr_assert(load_rejects_close(&rejects)); /* nothing was refused: nothing is written */
    cr_assert(load_reject(&rejects, "a, \"b\".csv", 7, SH_TEXT_LITERAL("it's \"bad\""), SH_TEXT_LITERAL("x,\"y\nz\"")));
    cr_assert(load_reject(&rejects, "c.csv", 8, SH_TEXT_LITERAL(""), SH_TEXT_LITERAL("")));
    cr_assert_eq(rejects.count, 2);
    cr_assert(load_rejects_close(&rejects));
    struct input *input;
    struct csv_reader csv;
    bool at_end;
    cr_assert_eq(input_open(path, &input, NULL), SH_OK);
    csv_init(&csv, input, ',');
    cr_assert_eq(csv_next(&csv, &at_end, NULL), SH_OK);
    cr_assert_eq(csv.field_count, 4);
    cr_assert_eq(csv_next(&csv, &at_end, NULL), SH_OK);
    cr_assert(sh_text_equal(csv.fields[0], SH_TEXT_LITERAL("a, \"b\".csv")));
    cr_assert(sh_text_equal(csv.fields[1], SH_TEXT_LITERAL("7")));
    cr_assert(sh_text_equal(csv.fields[2], SH_TEXT_LITERAL("it's \"bad\"")));
    cr_assert(sh_text_equal(csv.fields[3], SH_TEXT_LITERAL("x,\"y\nz\"")));
    cr_assert_eq(csv_next(&csv, &at_end, NULL), SH_OK);
    cr_assert(csv_next(&csv, &at_end, NULL) == SH_OK && at_end);
    csv_deinit(&csv);
    input_close(input);
    unlink(path);
}

Test(load, a_reject_file_that_cannot_be_written_is_told) {
    struct load_rejects rejects = {.path = "/nowhere/rejects.csv"};
    cr_assert(!load_reject(&rejects, "a.csv", 1, SH_TEXT_LITERAL("r"), SH_TEXT_LITERAL("x")));
    cr_assert_eq(errno, ENOENT);
    struct load_rejects full = {.path = "/dev/full"};
    bool fine = true;
    for (uint32_t i = 0; i < 100000 && fine; i++)
        fine = load_reject(&full, "a.csv", i, SH_TEXT_LITERAL("r"), SH_TEXT_LITERAL("x"));
    cr_assert(!fine);
    (void)load_rejects_close(&full);
}

/* --- files --- */

static void touch(const char *folder, const char *name) {
    char path[500];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    cr_assert_not_null(file);
    (void)fclose(file);
}

static enum sh_status list(const char *mapping_text, const char *mapping_path, const char *folder,
                           struct sh_arena *arena, struct load_file **files, uint32_t *count, struct sh_error *err) {
    struct mapping mapping;
    cr_assert_eq(mapping_parse(sh_text_of(mapping_text), arena, &mapping, err), SH_OK, "%s", err->message);
    return load_list_files(&mapping, mapping_path, folder, arena, files, count, err);
}

Test(load, names_and_patterns_are_beside_the_mapping_in_any_folder) {
    char folder[64] = "/tmp/load_unit.XXXXXX";
    cr_assert_not_null(mkdtemp(folder));
    char odd[100], mapping_path[200];
    (void)snprintf(odd, sizeof odd, "%s/[20*24] a?", folder);
    cr_assert_eq(mkdir(odd, 0700), 0);
    touch(odd, "b1.csv");
    touch(odd, "b2.csv");
    touch(odd, "users.csv");
    (void)snprintf(mapping_path, sizeof mapping_path, "%s/the.map", odd);
    struct sh_arena arena;
    struct load_file *files;
    uint32_t count;
    struct sh_error err;
    sh_arena_init(&arena, 16 << 20);
    const char *text = "[users]\nfile = users.csv\nid = a\n[items]\nfile = b*.csv\nfile = b1.csv\nid = "
                       "a\n[items]\nfile = b2.csv\nid = b\n";
    cr_assert_eq(list(text, mapping_path, NULL, &arena, &files, &count, &err), SH_OK, "%s", err.message);
    cr_assert_eq(count, 3);
    cr_assert_not_null(strstr(files[0].path, "/users.csv"));
    cr_assert_not_null(strstr(files[1].path, "/b1.csv"));
    cr_assert(files[0].is_read_by[0] && !files[0].is_read_by[1] && !files[0].is_read_by[2]);
    cr_assert(!files[1].is_read_by[0] && files[1].is_read_by[1] && !files[1].is_read_by[2]);
    cr_assert(!files[2].is_read_by[0] && files[2].is_read_by[1] && files[2].is_read_by[2]);
    cr_assert_eq(list(text, "elsewhere.map", odd, &arena, &files, &count, &err), SH_OK, "%s", err.message);
    cr_assert_eq(list(text, "elsewhere.map", NULL, &arena, &files, &count, &err), SH_ERR_NOT_FOUND);
    cr_assert_str_eq(err.message, "there is no file ./users.csv");
    cr_assert_eq(list("[users]\nfile = -\nid = a\n", "x.map", "/tmp", &arena, &files, &count, &err), SH_OK);
    cr_assert_str_eq(files[0].path, "-");
    sh_arena_deinit(&arena);
    char command[200];
    (void)snprintf(command, sizeof command, "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}
