#include <criterion/criterion.h>
#include <msgpack.h>
#include <stdio.h>
#include <stdlib.h>

#include "hash.h"
#include "row_pack.h"
#include "row_places.h"
#include "rows.h"
#include "rows_show.h"

static void expect(const char *mapping, const char *path, const char *text, const char *wanted) {
    char *shown = rows_show(mapping, path, text);
    cr_assert_str_eq(shown, wanted, "\n%s\nnot\n%s", shown, wanted);
    free(shown);
}

/* One field of a user, from a CSV cell as it is written in the file. */
static void expect_cell(const char *type, const char *cell, const char *wanted) {
    char mapping[300], text[300], row[300];
    (void)snprintf(mapping, sizeof mapping,
                   "zone = Europe/London\n[users]\nfile = x\nid = i\nf : %s = c%s\nnull = NA\n",
                   type[0] == '@' ? "time" : type, type[0] == '@' ? type + 1 : "");
    (void)snprintf(text, sizeof text, "i,c\nu,%s\n", cell);
    if (strncmp(wanted, "no: ", 4) == 0)
        (void)snprintf(row, sizeof row, "%s\n", wanted);
    else
        (void)snprintf(row, sizeof row, "['u', %s]\n", wanted);
    expect(mapping, "x.csv", text, row);
}

Test(rows, absent_is_nil_and_an_empty_quoted_field_is_a_text_only_for_strings) {
    static const char *const types[] = {"string", "bool", "int", "decimal(2)", "time", "date", "enum(a)", "tags"};
    for (uint32_t i = 0; i < 8; i++) {
        expect_cell(types[i], "", "nil");
        expect_cell(types[i], "NA", "nil");
        expect_cell(types[i], "\"\"", i == 0 ? "''" : "nil");
    }
}

Test(rows, strings_are_taken_as_they_stand) {
    expect_cell("string", " \xE6\x88\x90\xE9\x83\xBD ", "' \xE6\x88\x90\xE9\x83\xBD '");
    expect_cell("string", "\"a,b\"", "'a,b'");
    expect_cell("enum(x, gold)", "gold", "'gold'");
    expect_cell("string", "a\xFF\xFE", "no: c: 'a?\?' is not UTF-8 text");
    expect_cell("tags", "a\xFF", "no: c: 'a?' is not UTF-8 text");
}

Test(rows, yes_and_no_in_the_words_that_people_use) {
    static const char *const yes[] = {"true", "TRUE", "1", "yes", "Y", "t", " yes ", "\xE6\x98\xAF"};
    static const char *const no[] = {"false", "0", "No", "n", "F", "\xE5\x90\xA6"};
    for (size_t i = 0; i < 8; i++)
        expect_cell("bool", yes[i], "true");
    for (size_t i = 0; i < 6; i++)
        expect_cell("bool", no[i], "false");
    expect_cell("bool", "2", "no: c: '2' is not true or false");
}

Test(rows, whole_numbers_of_64_bits) {
    expect_cell("int", "0", "0");
    expect_cell("int", "-12", "-12");
    expect_cell("int", "+12", "12");
    expect_cell("int", " 12 ", "12");
    expect_cell("int", "12.0", "12");
    expect_cell("int", "0012", "12");
    expect_cell("int", "1234567890123456789", "1234567890123456789");
    expect_cell("int", "9223372036854775807", "9223372036854775807");
    expect_cell("int", "-9223372036854775808", "-9223372036854775808");
    expect_cell("int", "9223372036854775808", "no: c: '9223372036854775808' is not a whole number");
    expect_cell("int", "-9223372036854775809", "no: c: '-9223372036854775809' is not a whole number");
    expect_cell("int", "99999999999999999999", "no: c: '99999999999999999999' is not a whole number");
    expect_cell("int", "12.5", "no: c: '12.5' is not a whole number");
    expect_cell("int", "-", "no: c: '-' is not a whole number");
    expect_cell("int", "1e3", "no: c: '1e3' is not a whole number");
    expect_cell("int", "many", "no: c: 'many' is not a whole number");
}

Test(rows, decimals_travel_as_texts_or_whole_numbers) {
    expect_cell("decimal(2)", "12.5", "'12.5'");
    expect_cell("decimal(2)", "-0.05", "'-0.05'");
    expect_cell("decimal(2)", "12", "12");
    expect_cell("decimal(2)", "1.500", "'1.500'");
    expect_cell("decimal(2)", "1.505", "no: c: '1.505' is not a number with at most 2 digits after the point");
    expect_cell("decimal(0)", "1.5", "no: c: '1.5' is not a number with at most 0 digits after the point");
    expect_cell("decimal(2)", "\"1,234.50\"",
                "no: c: '1,234.50' is not a number with at most 2 digits after the point");
}

Test(rows, times_of_each_clock) {
    expect_cell("time", "2011-01-02 03:04:05", "1293937445000");
    expect_cell("time", "2011-07-02 03:04:05", "1309572245000"); /* summer time: one hour earlier in UTC */
    expect_cell("time", "2011-07-02T03:04:05Z", "1309575845000");
    expect_cell("time", "2011-10-30 01:30:00", "1319934600000"); /* happens twice: the first */
    expect_cell("@ ms", "1293937445123", "1293937445123");
    expect_cell("@ ms", "-1", "-1");
    expect_cell("@ s", "1293937445", "1293937445000");
    expect_cell("@ s", "1293937445.25", "1293937445250");
    expect_cell("@ s", "1293937445.1239", "1293937445123");
    expect_cell("@ s", "-0.5", "-500");
    expect_cell("@ '%d/%m/%Y %H:%M'", "02/01/2011 03:04", "1293937440000");
    expect_cell("@ '%d %b %Y'", "02 Jan 2011", "1293926400000");
    expect_cell("@ '%d/%m/%Y %H:%M %z'", "02/01/2011 03:04 +0800", "1293908640000");
    expect_cell("@ '%Y%m%d'", "20110230", "no: c: '20110230' is not a time like '%Y%m%d'");
    expect_cell("@ '%Y'", "2011x", "no: c: '2011x' is not a time like '%Y'");
    expect_cell("time", "02/01/2011", "no: c: '02/01/2011' is not a time like 2026-03-01 09:30:00");
    expect_cell("@ ms", "253402300800000", "no: c: '253402300800000' is not milliseconds since 1970");
    expect_cell("@ s", "253402300800", "no: c: '253402300800' is not seconds since 1970");
    expect_cell("@ s", "12x", "no: c: '12x' is not seconds since 1970");
    expect_cell("@ s", "1.5x", "no: c: '1.5x' is not seconds since 1970");
    expect_cell("@ s", "1.1234x", "no: c: '1.1234x' is not seconds since 1970");
}

static void expect_date(const char *clock, const char *cell, const char *wanted) {
    char mapping[300], text[200], row[300];
    (void)snprintf(mapping, sizeof mapping, "zone = Asia/Shanghai\n[users]\nfile = x\nid = i\nf : date = c%s\n", clock);
    (void)snprintf(text, sizeof text, "i,c\nu,%s\n", cell);
    (void)snprintf(row, sizeof row, wanted[0] == 'n' ? "%s\n" : "['u', %s]\n", wanted);
    expect(mapping, "x.csv", text, row);
}

Test(rows, a_date_is_the_day_as_it_was_written) {
    expect_date("", "1990-05-03", "'1990-05-03'");
    expect_date("", "1990-05-03 00:30:00", "'1990-05-03'");
    expect_date("", "1990-05-02T16:00:00Z", "'1990-05-03'"); /* in the mapping's zone */
    expect_date(" '%d.%m.%Y'", "03.05.1990", "'1990-05-03'");
    expect_date(" '%Y-%m-%d %z'", "1990-05-03 +0000", "'1990-05-03'");
    expect_date(" s", "641660400", "'1990-05-03'");
    expect_date("", "1990-02-30", "no: c: '1990-02-30' is not a time like 2026-03-01 09:30:00");
}

Test(rows, a_date_needs_no_midnight) {
    /* Clocks in Beirut went from 23:59 to 01:00 on 2022-03-27. */
    expect("zone = Asia/Beirut\n[users]\nfile = x\nid = i\nf : date = c '%d/%m/%Y'\n", "x.csv", "i,c\nu,27/03/2022\n",
           "['u', '2022-03-27']\n");
}

Test(rows, tags_are_cut_trimmed_and_never_empty) {
    expect_cell("tags('|')", "a|b", "['a', 'b']");
    expect_cell("tags('|')", " a | |b c|", "['a', 'b c']");
    expect_cell("tags('|', 30 days)", "a|b", "{ttl_days: 30, add: ['a', 'b']}");
    expect_cell("tags('|')", "|", "[]");
    expect_cell("tags(', ')", "\"a, b,c\"", "['a', 'b,c']");
    expect_cell("tags('')", "a|b", "['a|b']");
}

Test(rows, json_lists_are_tags_and_nothing_else) {
    const char *mapping = "[users]\nfile = x\nid = i\nt : tags = t\ns : string = s\nn : int = n\n";
    expect(mapping, "x.jsonl",
           "{\"i\": \"u\", \"t\": [\"a\", \"\", \"b\"], \"s\": 12, \"n\": 12.0}\n"
           "{\"i\": 7, \"t\": \"a|b\", \"s\": true}\n"
           "{\"i\": \"u\", \"t\": [1]}\n{\"i\": \"u\", \"s\": [\"a\"]}\n{\"i\": [\"u\"]}\n{\"i\": \"u\", \"n\": [1]}\n",
           "['u', ['a', 'b'], '12', 12]\n['7', ['a', 'b'], 'true', nil]\nno: t: a list of tags has only texts\n"
           "no: s: a list where one value is needed\nno: i: a list where one value is needed\n"
           "no: n: a list where one value is needed\n");
}

Test(rows, constants_and_sign_and_products_are_exact) {
    const char *mapping = "[users]\nfile = x\nid = i\ncountry : string = 'UK'\nn : int = -q\na : decimal(3) = q * p\n"
                          "b : decimal(9) = -q * p\nc : decimal(0) = q * p\n";
    expect(mapping, "x.csv",
           "i,q,p\nu,3,0.500\nv,-2,19.999\nw,,1\nx,2,\ny,0.001,0.001\nz,9223372036854775807,1000000000\n",
           "no: q: the result has more than 0 digits after the point\n"
           "no: q: the result has more than 0 digits after the point\n"
           "['w', 'UK', nil, nil, nil, nil]\n"
           "['x', 'UK', -2, nil, nil, nil]\n"
           "no: q: the result has more than 0 digits after the point\n"
           "['z', 'UK', -9223372036854775807, '9223372036854775807000000000', '-9223372036854775807000000000', "
           "'9223372036854775807000000000']\n");
    expect("[users]\nfile = x\nid = i\na : decimal(3) = q * p\nb : decimal(9) = -q * p\n", "x.csv",
           "i,q,p\nu,3,0.500\nv,-2,19.999\ny,0.01,0.1\nz,abc,1\nw,1.0000000001,2\n",
           "['u', '1.5', '-1.5']\n['v', '-39.998', '39.998']\n['y', '0.001', '-0.001']\n"
           "no: q: 'abc' is not a number of at most nine digits after the point\n"
           "no: q: '1.0000000001' is not a number of at most nine digits after the point\n");
}

Test(rows, a_row_needs_its_id) {
    expect("[users]\nfile = x\nid = i\nn : int = n\n", "x.csv", "i,n\n,1\n\"\",2\nNA,3\n",
           "no: no id: i is empty\nno: no id: i is empty\n['NA', 3]\n");
}

Test(rows, conditions_choose_and_set_aside) {
    const char *mapping = "[users]\nfile = x\nnull = NA\nwhen = a not starts with 'C'\nwhen = b != 'no'\n"
                          "set aside = i is empty : no customer\nset aside = a = 'test' : a test\nid = i\n";
    expect(mapping, "x.csv", "i,a,b\nu,x,yes\nu,C1,yes\nu,,no\n,x,yes\nNA,x,\n\"\",x,\nu,test,\nu,,\n",
           "['u']\n-\n-\naside: no customer\naside: no customer\naside: no customer\naside: a test\n['u']\n");
    expect("[users]\nfile = x\nwhen = t is empty\nid = i\n", "x.jsonl",
           "{\"i\": 1}\n{\"i\": 2, \"t\": []}\n{\"i\": 3, \"t\": \"\"}\n", "['1']\n-\n['3']\n");
    expect("[users]\nfile = x\nwhen = t = ''\nid = i\n", "x.jsonl", "{\"i\": 1}\n{\"i\": 2, \"t\": [\"\"]}\n",
           "['1']\n-\n");
}

Test(rows, events_have_six_cells_and_their_properties) {
    const char *mapping =
        "[events]\nfile = x\ntype = 'buy'\nuser = u\nitem = i\ntime = w ms\namount = a\nid = n\nq : int = q\n";
    expect(mapping, "x.csv",
           "u,i,w,a,n,q\nu1,i1,5,1.25,e1,2\nu1,,5,,e2,\n,i1,5,1,e3,1\nu1,i1,,1,e4,1\nu1,i1,5,1,,1\nu1,i1,x,1,e5,1\n"
           "u1,i1,5,1.255,e6,1\n",
           "['buy', 'u1', 5, 'e1', 'i1', '1.25', 2]\n['buy', 'u1', 5, 'e2', nil, nil, nil]\nno: no user: u is empty\n"
           "no: no time: w is empty\nno: no event id: n is empty\nno: w: 'x' is not milliseconds since 1970\n"
           "no: a: '1.255' is not a number with at most 2 digits after the point\n");
    expect("[events]\nfile = x\ntype = t\nuser = u\ntime = w s\nid = n\n", "x.csv", "t,u,w,n\nview,u1,1,e\n,u1,1,e\n",
           "['view', 'u1', 1000, 'e', nil, nil]\nno: no event type: t is empty\n");
}

/* The id of a row that has none, as the loader will make it for ever: renumbering would load every file twice. */
static void format_id(char id[48], const char *raw, unsigned place) {
    (void)snprintf(id, 48, "row-%016llx-%u", (unsigned long long)sh_hash_bytes(raw, strlen(raw), 0), place);
}

Test(rows, a_content_id_is_the_hash_of_the_record_and_its_place_among_equal_ones) {
    char first[48], second[48], other[48], wanted[600];
    format_id(first, "u1,5,x", 0);
    format_id(second, "u1,5,x", 1);
    format_id(other, "u1,5,y", 0);
    cr_assert_str_eq(first, "row-a2daa714c0914422-0");
    (void)snprintf(wanted, sizeof wanted,
                   "['t', 'u1', 5, '%s', nil, nil]\n['t', 'u1', 5, '%s', nil, nil]\n['t', 'u1', 5, '%s', nil, nil]\n",
                   first, other, second);
    expect("[events]\nfile = x\ntype = 't'\nuser = u\ntime = w ms\n", "x.csv", "u,w,z\nu1,5,x\r\nu1,5,y\nu1,5,x\n",
           wanted);
}

Test(rows, places_count_equal_hashes_through_growth) {
    struct row_places places = {0};
    uint64_t place;
    for (uint64_t round = 0; round < 3; round++) {
        for (uint64_t i = 0; i < 5000; i++) { /* many of them with the same low bits, and zero among them */
            cr_assert(row_places_take(&places, i << 20, &place));
            cr_assert_eq(place, round);
        }
    }
    row_places_clear(&places);
    cr_assert(row_places_take(&places, 7, &place));
    cr_assert_eq(place, 0);
    row_places_deinit(&places);
}

Test(rows, a_row_too_large_for_its_batch_is_refused_alone) {
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_text wanted[16];
    uint32_t wanted_count = 0;
    struct row_encoder encoder;
    struct record_reader record;
    struct input *input;
    struct sh_buffer rows;
    struct sh_text reason;
    struct sh_error err;
    bool at_end;
    char text[400] = "i,s\nu1,";
    memset(text + strlen(text), 'x', 300);
    strcat(text, "\nu2,y\n");
    sh_arena_init(&arena, 1 << 20);
    sh_buffer_init(&rows, 200);
    const struct record_options options = {.has_header = true};
    cr_assert_eq(mapping_parse(SH_TEXT_LITERAL("[users]\nfile = x\nid = i\ns : string = s"), &arena, &mapping, &err),
                 SH_OK);
    cr_assert_eq(row_encoder_init(&encoder, &mapping.sections[0], NULL, wanted, &wanted_count, &arena, &err), SH_OK);
    cr_assert_eq(input_open_memory(text, strlen(text), 0, &input, &err), SH_OK);
    cr_assert_eq(record_open(&record, "x.csv", input, &options, wanted, wanted_count, wanted_count, &err), SH_OK);
    cr_assert_eq(record_next(&record, &at_end, &err), SH_OK);
    cr_assert_eq(row_encode(&encoder, &record, &rows, &reason, &err), ROW_REJECTED);
    cr_assert_not_null(strstr(err.message, "too large"), "%s", err.message);
    cr_assert_eq(record_next(&record, &at_end, &err), SH_OK);
    cr_assert_eq(row_encode(&encoder, &record, &rows, &reason, &err), ROW_TAKEN);
    record_close(&record);
    row_encoder_deinit(&encoder);
    sh_buffer_deinit(&rows);
    sh_arena_deinit(&arena);
}

Test(rows, the_names_are_those_of_the_cells) {
    struct sh_arena arena;
    struct mapping mapping;
    struct sh_text wanted[16];
    uint32_t wanted_count = 0;
    struct row_encoder encoder;
    struct sh_error err;
    struct sh_buffer names;
    msgpack_packer packer;
    sh_arena_init(&arena, 1 << 20);
    sh_buffer_init(&names, 1000);
    sh_buffer_packer(&names, &packer);
    const char *text = "[events]\nfile = x\ntype = 't'\nuser = u\ntime = w\nq : int = q";
    cr_assert_eq(mapping_parse(sh_text_of(text), &arena, &mapping, &err), SH_OK);
    cr_assert_eq(row_encoder_init(&encoder, &mapping.sections[0], NULL, wanted, &wanted_count, &arena, &err), SH_OK);
    row_pack_names(&encoder, &packer);
    static const char wanted_bytes[] = "\x97\xA4type\xA4user\xA4time\xA2id\xA4item\xA6"
                                       "amount\xA1q";
    cr_assert_eq(names.count, sizeof wanted_bytes - 1);
    cr_assert_eq(memcmp(names.bytes, wanted_bytes, names.count), 0);
    row_encoder_deinit(&encoder);
    sh_buffer_deinit(&names);
    sh_arena_deinit(&arena);
}

/* --- packing --- */

static void expect_same_bytes(const struct sh_buffer *rows, const struct sh_buffer *wanted) {
    cr_assert_eq(rows->count, wanted->count);
    cr_assert_eq(memcmp(rows->bytes, wanted->bytes, rows->count), 0);
}

Test(rows, packs_what_msgpack_c_packs) {
    struct sh_buffer rows, wanted;
    msgpack_packer packer;
    sh_buffer_init(&rows, 1 << 24);
    sh_buffer_init(&wanted, 1 << 24);
    sh_buffer_packer(&wanted, &packer);
    for (uint32_t bit = 0; bit < 64; bit++) {
        for (int64_t delta = -2; delta <= 2; delta++) {
            const int64_t value = (int64_t)((UINT64_C(1) << bit) + (uint64_t)delta);
            row_pack_integer(&rows, value);
            msgpack_pack_int64(&packer, value);
            row_pack_integer(&rows, (int64_t)(0 - (uint64_t)value));
            msgpack_pack_int64(&packer, (int64_t)(0 - (uint64_t)value));
        }
    }
    static const uint32_t counts[] = {0, 1, 15, 16, 31, 32, 33, 255, 256, 65535, 65536, 100000};
    char *text = calloc(1, 100001);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        row_pack_text(&rows, (struct sh_text){text, counts[i]});
        sh_pack_text(&packer, (struct sh_text){text, counts[i]});
        row_pack_array(&rows, counts[i]);
        msgpack_pack_array(&packer, counts[i]);
    }
    free(text);
    row_pack_nil(&rows);
    msgpack_pack_nil(&packer);
    row_pack_bool(&rows, true);
    msgpack_pack_true(&packer);
    row_pack_bool(&rows, false);
    msgpack_pack_false(&packer);
    expect_same_bytes(&rows, &wanted);
    sh_buffer_deinit(&rows);
    sh_buffer_deinit(&wanted);
}
