#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "mapping.h"

static struct sh_arena arena;
static struct mapping mapping;
static struct sh_error err;

static enum sh_status parse(const char *text) {
    sh_arena_deinit(&arena);
    sh_arena_init(&arena, 8 << 20);
    err = (struct sh_error){.hint = ""};
    return mapping_parse(sh_text_of(text), &arena, &mapping, &err);
}

static void expect_fault(const char *text, const char *words, const char *hint) {
    cr_assert_eq(parse(text), SH_ERR_SYNTAX, "%s", text);
    cr_assert_not_null(strstr(err.message, words), "%s\nsays %s\nnot %s", text, err.message, words);
    cr_assert_str_eq(err.hint, hint, "%s\nhints %s", text, err.hint);
    /* The position is where the line begins that the words name. */
    unsigned line = 0;
    if (sscanf(err.message, "line %u:", &line) != 1) return;
    const char *at = text;
    for (unsigned i = 1; i < line; i++)
        at = strchr(at, '\n') + 1;
    cr_assert_eq(err.position, at - text, "%s\nat %lld", text, (long long)err.position);
}

/* In a section of users, items or events that is whole but for one line. */
static void expect_line_fault(const char *section, const char *line, const char *words, const char *hint) {
    char text[1024];
    (void)snprintf(text, sizeof text, "[%s]\nfile = x.csv\n%s\n%s\n", section, line,
                   strcmp(section, "events") == 0 ? "user = u\ntype = 't'\ntime = w" : "id = i");
    expect_fault(text, words, hint);
}

static bool text_is(struct sh_text text, const char *wanted) {
    return sh_text_equal(text, sh_text_of(wanted));
}

Test(mapping, reads_the_whole_of_the_format) {
    const char *text = "# a shop's export\r\n"
                       "zone = Europe/London\n"
                       "[users]\n"
                       "file = a.csv\nfile = \"b #1.csv\"\nformat = csv\ndelimiter = tab\nheader = no\n"
                       "columns = a, \"b c\", 'd'\nnull = NA, 'n/a'\nnull = -\n"
                       "when = a is not empty\nwhen = \"b c\" != 'x'\nset aside = d starts with 'T' : a test\n"
                       "id = a\n"
                       "b : enum(low, 'mid, dle', high) = \"b c\"\n"
                       "\"other: name\" : tags(';') = d   # comment\n"
                       "[events]\n"
                       "file = e.jsonl\nuser = u\ntype = 'buy'\nitem = i\ntime = when s\nid = n\n"
                       "amount : decimal(3) = -q * \"the price\"\n"
                       "seen : time = at '%d/%m/%Y'\n"
                       "[summary]\nall = lines\ncustomers = distinct u\nnet = sum q * p\n"
                       "[feed]\neligible = stock > 0 and kind = 'a'\ndiversity = 2 of \"the brand\" in 5\n"
                       "listed since = listed_at\n";
    cr_assert_eq(parse(text), SH_OK, "%s", err.message);
    cr_assert(text_is(mapping.zone, "Europe/London"));
    cr_assert_eq(mapping.section_count, 2);
    const struct mapping_section *users = &mapping.sections[0];
    cr_assert_eq(users->kind, MAPPING_USERS);
    cr_assert_eq(users->line, 3);
    cr_assert_eq(users->file_count, 2);
    cr_assert(text_is(users->files[1], "b #1.csv"));
    cr_assert_eq(users->format, MAPPING_CSV);
    cr_assert_eq(users->delimiter, '\t');
    cr_assert(!users->has_header);
    cr_assert_eq(users->column_count, 3);
    cr_assert(text_is(users->columns[1], "b c"));
    cr_assert_eq(users->null_count, 3);
    cr_assert(text_is(users->nulls[1], "n/a"));
    cr_assert_eq(users->condition_count, 2);
    cr_assert(users->conditions[0].test == MAPPING_EMPTY && users->conditions[0].negated);
    cr_assert(users->conditions[1].test == MAPPING_EQUAL && users->conditions[1].negated);
    cr_assert(text_is(users->conditions[1].column, "b c") && text_is(users->conditions[1].operand, "x"));
    cr_assert_eq(users->aside_count, 1);
    cr_assert(users->asides[0].test == MAPPING_STARTS && !users->asides[0].negated);
    cr_assert(text_is(users->asides[0].reason, "a test"));
    cr_assert(text_is(users->id.column, "a"));
    cr_assert_eq(users->field_count, 2);
    cr_assert_eq(users->fields[0].label_count, 3);
    cr_assert(text_is(users->fields[0].labels[1], "mid, dle"));
    cr_assert(text_is(users->fields[1].name, "other: name") && text_is(users->fields[1].separator, ";"));
    const struct mapping_section *events = &mapping.sections[1];
    cr_assert(events->has_header && events->format == MAPPING_BY_NAME && events->delimiter == 0);
    cr_assert(events->type.is_constant && text_is(events->type.constant, "buy"));
    cr_assert(text_is(events->time.column, "when") && events->time.clock == MAPPING_CLOCK_S);
    cr_assert(events->amount.negative && text_is(events->amount.column, "q") &&
              text_is(events->amount.factor, "the price"));
    cr_assert_eq(events->amount_scale, 3);
    cr_assert(events->fields[0].source.clock == MAPPING_CLOCK_PATTERN);
    cr_assert_str_eq(events->fields[0].source.pattern.bytes, "%d/%m/%Y");
    cr_assert_eq(mapping.summary_count, 3);
    cr_assert_eq(mapping.summaries[0].kind, MAPPING_LINES);
    cr_assert(mapping.summaries[2].kind == MAPPING_SUM && text_is(mapping.summaries[2].source.factor, "p"));
    cr_assert(text_is(mapping.eligible, "stock > 0 and kind = 'a'"));
    cr_assert(text_is(mapping.diversity_attribute, "the brand"));
    cr_assert(mapping.diversity_count == 2 && mapping.diversity_window == 5);
    cr_assert(text_is(mapping.listed_since, "listed_at"));
    sh_arena_deinit(&arena);
}

Test(mapping, defaults_are_what_most_files_need) {
    cr_assert_eq(parse("[items]\nfile = x\nid = a\nprice : decimal = b\ntags : tags = c"), SH_OK, "%s", err.message);
    cr_assert(text_is(mapping.zone, "UTC"));
    cr_assert(mapping.sections[0].has_header);
    cr_assert_eq(mapping.sections[0].fields[0].scale, 2);
    cr_assert(text_is(mapping.sections[0].fields[1].separator, "|"));
    cr_assert_eq(parse("\xEF\xBB\xBF[users]\nfile = x\nid = a"), SH_OK, "%s", err.message);
    cr_assert_eq(mapping.eligible.count, 0);
    sh_arena_deinit(&arena);
}

Test(mapping, every_type_has_its_word) {
    static const char *const words[] = {"bool", "int", "decimal", "time", "date", "string", "enum(a)", "tags"};
    for (uint32_t i = 0; i < 8; i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "[users]\nfile = x\nid = a\nf : %s = b", words[i]);
        cr_assert_eq(parse(text), SH_OK, "%s: %s", words[i], err.message);
        cr_assert_eq(mapping.sections[0].fields[0].type, (enum mapping_type)i);
    }
    sh_arena_deinit(&arena);
}

Test(mapping, every_clock_has_its_word) {
    static const struct {
        const char *source, *column;
        enum mapping_clock clock;
    } cases[] = {{"w", "w", MAPPING_CLOCK_ISO},
                 {"w iso", "w", MAPPING_CLOCK_ISO},
                 {"w ms", "w", MAPPING_CLOCK_MS},
                 {"w s", "w", MAPPING_CLOCK_S},
                 {"s", "s", MAPPING_CLOCK_ISO},
                 {"ms ms", "ms", MAPPING_CLOCK_MS},
                 {"\"a s\"", "a s", MAPPING_CLOCK_ISO},
                 {"\"a b\" s", "a b", MAPPING_CLOCK_S},
                 {"order date", "order date", MAPPING_CLOCK_ISO},
                 {"w '%Y'", "w", MAPPING_CLOCK_PATTERN},
                 {"\"it's\" '%H''%M'", "it's", MAPPING_CLOCK_PATTERN}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "[events]\nfile = x\nuser = u\ntype = t\ntime = %s", cases[i].source);
        cr_assert_eq(parse(text), SH_OK, "%s: %s", cases[i].source, err.message);
        cr_assert(text_is(mapping.sections[0].time.column, cases[i].column), "%s", cases[i].source);
        cr_assert_eq(mapping.sections[0].time.clock, cases[i].clock, "%s", cases[i].source);
    }
    sh_arena_deinit(&arena);
}

Test(mapping, every_condition_has_its_words) {
    static const struct {
        const char *words, *column, *operand;
        enum mapping_test test;
        bool negated;
    } cases[] = {{"a is empty", "a", "", MAPPING_EMPTY, false},
                 {"a is not empty", "a", "", MAPPING_EMPTY, true},
                 {"a = 'x'", "a", "x", MAPPING_EQUAL, false},
                 {"a='x'", "a", "x", MAPPING_EQUAL, false},
                 {"a!='x'", "a", "x", MAPPING_EQUAL, true},
                 {"a = ''", "a", "", MAPPING_EQUAL, false},
                 {"a starts with 'x = y'", "a", "x = y", MAPPING_STARTS, false},
                 {"a not starts with 'it''s'", "a", "it's", MAPPING_STARTS, true},
                 {"\"a \"\"b\"\" c\" is empty", "a \"b\" c", "", MAPPING_EMPTY, false},
                 {"\"is empty\" is empty", "is empty", "", MAPPING_EMPTY, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "[users]\nfile = x\nid = a\nwhen = %s", cases[i].words);
        cr_assert_eq(parse(text), SH_OK, "%s: %s", cases[i].words, err.message);
        const struct mapping_condition *condition = &mapping.sections[0].conditions[0];
        cr_assert(text_is(condition->column, cases[i].column), "%s", cases[i].words);
        cr_assert_eq(condition->test, cases[i].test, "%s", cases[i].words);
        cr_assert_eq(condition->negated, cases[i].negated, "%s", cases[i].words);
        if (cases[i].test != MAPPING_EMPTY)
            cr_assert(text_is(condition->operand, cases[i].operand), "%s", cases[i].words);
    }
    sh_arena_deinit(&arena);
}

Test(mapping, the_whole_must_make_sense) {
    expect_fault("", "the mapping has no [users], [items] or [events]", "");
    expect_fault("zone = UTC\n", "the mapping has no [users], [items] or [events]", "");
    expect_fault("[users]\nid = a\n", "line 1: this section has no file = NAME", "");
    expect_fault("[users]\nfile = x\nid = a\n\n[items]\nfile = y\n", "line 5: this section has no id = COLUMN", "");
    expect_fault("[users]\nfile = x\nheader = no\nid = a", "line 1: header = no needs columns = a, b, c", "");
    expect_fault("# c\n[events]\nfile = x\ntype = t\ntime = w", "line 2: [events] need user = COLUMN", "");
    expect_fault("[events]\nfile = x\nuser = t\ntime = w", "line 1: [events] need type = COLUMN or type = 'purchase'",
                 "");
    expect_fault("[events]\nfile = x\nuser = t\ntype = w", "line 1: [events] need time = COLUMN", "");
    expect_fault("[orders]\n",
                 "line 1: a section is [users], [items], [events], [summary], [feed] or [privacy]: 'orders'", "");
    expect_fault("[users\n", "line 1: a closing ] is missing", "");
    expect_fault("[users]\nfile = x\nid\n", "line 3: KEY = VALUE or NAME : TYPE = COLUMN is needed: 'id'", "");
    expect_fault("[users]\nfile =\n", "line 2: both sides of = are needed", "");
    expect_fault("[users]\nfile = # x\n", "line 2: both sides of = are needed", "");
    expect_fault("file = x\n", "line 1: before the first section only zone = NAME and calls = FILE may stand: 'file'", "");
    expect_fault("zone = a\nzone = b\n", "line 2: this stands twice: 'zone'", "");
    expect_fault(
        "[feed]\nlimit = 3\n",
        "line 2: [feed] has eligible = EXPRESSION, diversity = 2 of brand in 5, listed since = ATTRIBUTE: 'limit'", "");
    expect_fault("[feed]\neligible = a\neligible = b\n", "line 3: this stands twice: 'eligible'", "");
}

Test(mapping, each_key_says_what_it_takes) {
    expect_line_fault("users", "fil = y", "line 3: there is no such key", "did you mean file?");
    expect_line_fault("users", "wildly different = y", "line 3: there is no such key", "");
    expect_line_fault("users", "time = y", "line 3: only [events] have this: 'time'", "");
    expect_line_fault("users", "format = xml", "line 3: format is csv or jsonl: 'xml'", "");
    expect_line_fault("users", "delimiter = ;;", "line 3: a delimiter is one ASCII character, or the word tab", "");
    expect_line_fault("users", "delimiter = \xC3\xA9", "line 3: a delimiter is one ASCII character, or the word tab",
                      "");
    expect_line_fault("users", "delimiter = '\"'", "line 3: a delimiter is one ASCII character, or the word tab", "");
    expect_line_fault("users", "header = ture", "line 3: header is yes or no: 'ture'", "");
    expect_line_fault("users", "columns = a,, b", "line 3: a list has an empty place", "");
    expect_line_fault("users", "columns = a, b,", "line 3: a list ends with a comma", "");
    expect_line_fault("users", "null = 'a", "line 3: a closing quote is missing", "");
    expect_line_fault("users", "file = \"\"", "line 3: the name of a file is needed", "");
    expect_line_fault("users", "id = a\nid = b", "line 4: this stands twice in its section: 'id'", "");
    expect_line_fault("events", "amount = a\namount : decimal = b",
                      "line 4: this stands twice in its section: 'amount'", "");
}

Test(mapping, each_condition_says_what_it_takes) {
    expect_line_fault("users", "when = a", "line 3: a condition is COLUMN is [not] empty", "");
    expect_line_fault("users", "when = a is empty or b", "line 3: a condition is COLUMN is [not] empty", "");
    expect_line_fault("users", "when = a is empty = 'x'", "line 3: a condition is COLUMN is [not] empty", "");
    expect_line_fault("users", "when = a b is empty", "line 3: a condition is COLUMN is [not] empty", "");
    expect_line_fault("users", "when = a = b", "line 3: a text in single quotes is needed: 'b'", "");
    expect_line_fault("users", "when = a starts with", "line 3: a text in single quotes is needed", "");
    expect_line_fault("users", "when = a = 'b", "line 3: a closing quote is missing", "");
    expect_line_fault("users", "when = = 'b'", "line 3: the name of a column is needed", "");
    expect_line_fault("users", "set aside = a is empty", "line 3: set aside = CONDITION : the reason", "");
    expect_line_fault("users", "set aside = a is empty :", "line 3: the reason behind the colon is missing", "");
}

Test(mapping, each_source_says_what_it_takes) {
    expect_line_fault("users", "f : string = a:b", "line 3: write this column's name in double quotes: 'a:b'", "");
    expect_line_fault("users", "f : string = \"\"", "line 3: the name of a column is needed", "");
    expect_line_fault("users", "f : string = \"a", "line 3: a closing quote is missing", "");
    expect_line_fault("users", "f : string = \"a\" b", "line 3: something stands behind the closing quote", "");
    expect_line_fault("users", "f : string = 'a' b", "line 3: something stands behind the closing quote", "");
    expect_line_fault("users", "f : string = a * b", "line 3: only numbers can be multiplied or turned round", "");
    expect_line_fault("users", "f : date = -a", "line 3: only numbers can be multiplied or turned round", "");
    expect_line_fault("users", "f : int = a *", "line 3: the name of a column is needed", "");
    expect_line_fault("users", "f : int = a * b * c", "line 3: write this column's name in double quotes: 'b * c'", "");
    expect_line_fault("users", "f : time = a '%d", "line 3: a closing quote is missing", "");
    expect_line_fault("users", "f : time = a '%d %Z'", "line 3: %Z names no zone for certain", "");
    expect_line_fault("users", "f : time = a '%s'", "line 3: seconds are written COLUMN s, without a pattern", "");
}

Test(mapping, each_field_says_what_it_takes) {
    expect_line_fault("users", "f : strin = a", "line 3: a type is bool, int, decimal(2)", "did you mean string?");
    expect_line_fault("users", "f : float = a", "line 3: a type is bool, int, decimal(2)", "");
    expect_line_fault("users", "f : decimal(10) = a", "line 3: decimal takes its digits after the point, 0 to 9: '10'",
                      "");
    expect_line_fault("users", "f : decimal(x) = a", "line 3: decimal takes its digits after the point, 0 to 9: 'x'",
                      "");
    expect_line_fault("users", "f : enum = a", "line 3: enum needs its labels, lowest first", "");
    expect_line_fault("users", "f : enum(a = b", "line 3: a closing bracket is missing", "");
    expect_line_fault("users", "f : tags(|) = a", "line 3: write the separator in single quotes: tags('|'): '|'", "");
    expect_line_fault("users", "f : int(4) = a", "line 3: this type takes nothing in brackets", "");
    expect_line_fault("users", "f : int = a\nf : int = b", "line 4: this name stands twice in its section: 'f'", "");
    expect_line_fault("users", "id : string = a", "line 3: this name is a key of its own and has no type", "");
    expect_line_fault("events", "user : string = a", "line 3: this name is a key of its own and has no type", "");
    expect_line_fault("users", "f : tags('|', 30) = a",
                      "line 3: tags end after 1 to 36500 days: tags('|', 30 days): '30'", "");
    expect_line_fault("users", "f : tags('|', 0 days) = a",
                      "line 3: tags end after 1 to 36500 days: tags('|', 30 days): '0 days'", "");
    expect_line_fault("items", "f : tags('|', 3 days) = a", "line 3: tags of items do not end: 'f'", "");
    expect_line_fault("events", "t : tags('|') = a", "line 3: events have properties, not tags", "");
    expect_line_fault("events", "amount : int = a", "line 3: an amount is a decimal", "");
}

Test(mapping, each_summary_says_what_it_takes) {
    const char *head = "[summary]\n";
    static const char *const lines[] = {"a = count x", "a = distinct", "a = sum 'x'", "a = distinct b * c"};
    static const char *const words[] = {"line 2: a summary is lines, distinct COLUMN",
                                        "line 2: the name of a column is needed", "line 2: a summary needs a column",
                                        "line 2: only numbers can be multiplied"};
    for (uint32_t i = 0; i < 4; i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "%s%s\n", head, lines[i]);
        expect_fault(text, words[i], "");
    }
}

Test(mapping, purposes_and_what_is_personal) {
    const char *text = "[users]\nfile = a.csv\nid = a\n[privacy]\npurpose = sms\npurpose = \"企微\", unknown allowed\n"
                       "personal = phone\npersonal = email\npurpose required = yes\n";
    cr_assert_eq(parse(text), SH_OK, "%s", err.message);
    cr_assert(mapping.purpose_count == 2 && mapping.personal_count == 2 && mapping.purpose_required);
    cr_assert(text_is(mapping.purposes[0].name, "sms") && !mapping.purposes[0].unknown_allows);
    cr_assert(text_is(mapping.purposes[1].name, "企微") && mapping.purposes[1].unknown_allows);
    cr_assert(text_is(mapping.personal[1], "email"));
    expect_fault("[privacy]\npurpose = a, unknown\n", "line 2: behind a purpose only", "");
    expect_fault("[privacy]\npurpose required = maybe\n", "line 2: purpose required is yes or no", "");
    expect_fault("[privacy]\nlimit = 3\n", "line 2: [privacy] has purpose = NAME", "");
}

Test(mapping, each_key_of_the_feed_says_what_it_takes) {
    static const char *const wrong[] = {
        "2",         "of brand in 5", "0 of brand in 5",   "5 of brand in 5",       "2 of brand in x",
        "2 of in 5", "2 brand in 5",  "2 of brand in 5 x", "2000 of brand in 3000", "2of brand in 5x"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[100];
        (void)snprintf(text, sizeof text, "[feed]\ndiversity = %s\n", wrong[i]);
        expect_fault(text, "line 2: diversity = COUNT of ATTRIBUTE in WINDOW", "");
    }
    expect_fault("[feed]\ndiversity = 1 of a in 2\ndiversity = 1 of a in 2\n", "line 3: this stands twice", "");
    expect_fault("[feed]\nlisted since = a:b\n", "line 2: write this column's name in double quotes", "");
    expect_fault("[feed]\nlisted since = a\nlisted since = a\n", "line 3: this stands twice", "");
}

Test(mapping, a_number_sign_in_quotes_begins_no_comment) {
    cr_assert_eq(parse("[users]\nfile = x\nid = \"a#b\" # c\ns : string = '#1'\n"), SH_OK, "%s", err.message);
    cr_assert(text_is(mapping.sections[0].id.column, "a#b"));
    cr_assert(text_is(mapping.sections[0].fields[0].source.constant, "#1"));
    sh_arena_deinit(&arena);
}

Test(mapping, what_is_not_utf8_or_too_large_is_refused) {
    cr_assert_eq(parse("[users]\nfile = \xD6\xD0\nid = a"), SH_ERR_SYNTAX);
    cr_assert_str_eq(err.message, "the mapping is not UTF-8 text");
    char *large = calloc(1, MAPPING_BYTES_MAX + 2);
    memset(large, '#', MAPPING_BYTES_MAX + 1);
    cr_assert_eq(parse(large), SH_ERR_TOO_LARGE);
    free(large);
}

Test(mapping, as_many_fields_and_sections_as_there_is_room_for) {
    for (uint32_t over = 0; over < 2; over++) {
        char *text = NULL;
        size_t text_bytes = 0;
        FILE *out = open_memstream(&text, &text_bytes);
        (void)fputs("[users]\nfile = x\nid = a\n", out);
        for (uint32_t i = 0; i < MAPPING_FIELD_COUNT_MAX + over; i++)
            (void)fprintf(out, "f%u : int = c%u\n", i, i);
        for (uint32_t i = 1; i < MAPPING_SECTION_COUNT_MAX; i++)
            (void)fputs("[items]\nfile = x\nid = a\n", out);
        (void)fclose(out);
        cr_assert_eq(parse(text), over == 0 ? SH_OK : SH_ERR_SYNTAX);
        if (over == 1) cr_assert_not_null(strstr(err.message, "too many fields in one section"));
        free(text);
    }
    char text[24 * (MAPPING_SECTION_COUNT_MAX + 2)] = "";
    for (uint32_t i = 0; i <= MAPPING_SECTION_COUNT_MAX; i++)
        strcat(text, "[items]\nfile = x\nid = a\n");
    expect_fault(text, "line 1729: too many sections: 'items'", "");
}

Test(mapping, a_small_arena_is_an_error_and_no_crash) {
    const char *text =
        "[users]\nfile = x\nid = a\nwhen = a = 'b'\nf : enum(a, b, c) = \"d\"\n[summary]\na = distinct b\n";
    for (size_t limit = 0; limit < 4000; limit += 16) {
        struct sh_arena small;
        sh_arena_init(&small, limit);
        const enum sh_status status = mapping_parse(sh_text_of(text), &small, &mapping, &err);
        cr_assert(status == SH_OK || status == SH_ERR_MEMORY, "limit %zu: %s", limit, err.message);
        sh_arena_deinit(&small);
    }
}
