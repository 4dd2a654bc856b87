#include "mapping.h"

#include <stdlib.h>

#include "decimal.h"

struct parser {
    struct sh_arena *arena;
    struct sh_error *err;
    struct mapping *mapping;
    const char *start;     /* of the whole text, a copy in the arena */
    struct sh_text source; /* the same, behind a byte order mark */
    uint32_t line;
    int64_t line_offset;
    bool zone_seen;
    enum { PART_HEAD, PART_ROWS, PART_SUMMARY, PART_FEED } part;
    struct mapping_section *section; /* of PART_ROWS */
};

static enum sh_status fault(struct parser *parser, const char *words, struct sh_text about) {
    return sh_fail(parser->err, SH_ERR_SYNTAX, parser->line_offset, "line %u: %s%s%.*s%s", parser->line, words,
                   about.count > 0 ? ": '" : "", SH_TEXT_ARGS(about), about.count > 0 ? "'" : "");
}

static enum sh_status no_memory(struct parser *parser) {
    return sh_fail(parser->err, SH_ERR_MEMORY, -1, "no memory for the mapping");
}

static bool is_blank(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct sh_text trim(struct sh_text text) {
    while (text.count > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.count--;
    }
    while (text.count > 0 && is_blank(text.bytes[text.count - 1]))
        text.count--;
    return text;
}

static struct sh_text part_of(struct sh_text text, uint32_t from, uint32_t until) {
    return (struct sh_text){text.bytes + from, until - from};
}

static const struct sh_text nothing = {"", 0};

/* The first `wanted` outside quotes, or count if there is none. */
static uint32_t find_outside(struct sh_text text, char wanted) {
    char quote = 0;
    for (uint32_t i = 0; i < text.count; i++) {
        const char byte = text.bytes[i];
        if (quote != 0) {
            if (byte == quote) quote = 0;
        } else if (byte == wanted) {
            return i;
        } else if (byte == '\'' || byte == '"') {
            quote = byte;
        }
    }
    return text.count;
}

/* Add one element of element_bytes to an array in the arena that doubles; returns it zeroed, NULL without memory.
 * `array` is the address of a pointer to the elements, whatever their type: it is copied, never dereferenced as one. */
static void *add(struct parser *parser, void *array, uint32_t *count, size_t element_bytes) {
    char *elements;
    memcpy(&elements, array, sizeof elements);
    if ((*count & (*count - 1)) == 0) { /* 0, 1, 2, 4, 8 ...: full */
        const uint32_t capacity = *count == 0 ? 1 : *count * 2;
        char *grown = sh_arena_alloc_zero(parser->arena, capacity * element_bytes);
        if (grown == NULL) return NULL;
        if (*count > 0) memcpy(grown, elements, *count * element_bytes);
        elements = grown;
        memcpy(array, &elements, sizeof elements);
    }
    return elements + (*count)++ * element_bytes;
}

/* 'text' or "text" without its quotes, doubled quotes undone. */
static enum sh_status unquote(struct parser *parser, struct sh_text quoted, struct sh_text *text) {
    if (quoted.count < 2) return fault(parser, "a closing quote is missing", quoted);
    const char quote = quoted.bytes[0];
    char *out = sh_arena_alloc(parser->arena, quoted.count + 1);
    if (out == NULL) return no_memory(parser);
    uint32_t count = 0;
    for (uint32_t i = 1; i < quoted.count; i++) {
        if (quoted.bytes[i] == quote) {
            if (i + 1 == quoted.count) {
                out[count] = '\0';
                *text = (struct sh_text){out, count};
                return SH_OK;
            }
            if (quoted.bytes[i + 1] != quote) return fault(parser, "something stands behind the closing quote", quoted);
            i++;
        }
        out[count++] = quoted.bytes[i];
    }
    return fault(parser, "a closing quote is missing", quoted);
}

static enum sh_status read_column(struct parser *parser, struct sh_text text, struct sh_text *column) {
    text = trim(text);
    if (text.count > 0 && text.bytes[0] == '"') {
        const enum sh_status status = unquote(parser, text, column);
        if (status != SH_OK) return status;
        text = *column;
    } else {
        for (uint32_t i = 0; i < text.count; i++)
            if (strchr("'\":*#", text.bytes[i]) != NULL)
                return fault(parser, "write this column's name in double quotes", text);
        *column = text;
    }
    if (text.count == 0) return fault(parser, "the name of a column is needed", nothing);
    return SH_OK;
}

/* COLUMN | 'constant' | [-] COLUMN * COLUMN. */
static enum sh_status read_source(struct parser *parser, struct sh_text text, struct mapping_source *source) {
    *source = (struct mapping_source){0};
    text = trim(text);
    if (text.count > 0 && text.bytes[0] == '\'') {
        source->is_constant = true;
        return unquote(parser, text, &source->constant);
    }
    if (text.count > 0 && text.bytes[0] == '-') {
        source->negative = true;
        text = trim(part_of(text, 1, text.count));
    }
    const uint32_t star = find_outside(text, '*');
    enum sh_status status = read_column(parser, part_of(text, 0, star), &source->column);
    if (status == SH_OK && star < text.count)
        status = read_column(parser, part_of(text, star + 1, text.count), &source->factor);
    return status;
}

static enum sh_status read_plain_source(struct parser *parser, struct sh_text text, struct mapping_source *source) {
    const enum sh_status status = read_source(parser, text, source);
    if (status != SH_OK) return status;
    if (source->negative || source->factor.count > 0)
        return fault(parser, "only numbers can be multiplied or turned round; name one column here", text);
    return SH_OK;
}

/* A strptime pattern whose every field this loader understands as it is meant. */
static enum sh_status check_pattern(struct parser *parser, struct sh_text pattern) {
    for (uint32_t i = 0; i + 1 < pattern.count; i++) {
        if (pattern.bytes[i] != '%') continue;
        i++;
        if (pattern.bytes[i] == 'Z')
            return fault(parser, "%Z names no zone for certain; use %z, or zone = NAME at the top", pattern);
        if (pattern.bytes[i] == 's') return fault(parser, "seconds are written COLUMN s, without a pattern", pattern);
    }
    return SH_OK;
}

/* COLUMN, COLUMN iso, COLUMN ms, COLUMN s, COLUMN '%d/%m/%Y'. */
static enum sh_status read_time_source(struct parser *parser, struct sh_text text, struct mapping_source *source) {
    static const char *const clocks[] = {"iso", "ms", "s"};
    text = trim(text);
    enum mapping_clock clock = MAPPING_CLOCK_ISO;
    struct sh_text pattern = nothing;
    enum sh_status status;
    const uint32_t quote = find_outside(text, '\'');
    if (quote > 0 && quote < text.count) {
        clock = MAPPING_CLOCK_PATTERN;
        if ((status = unquote(parser, part_of(text, quote, text.count), &pattern)) != SH_OK) return status;
        if ((status = check_pattern(parser, pattern)) != SH_OK) return status;
        text = trim(part_of(text, 0, quote));
    } else {
        uint32_t word = text.count; /* where the last word begins */
        while (word > 0 && text.bytes[word - 1] != ' ' && text.bytes[word - 1] != '"')
            word--;
        for (uint32_t i = 0; i < 3 && word > 0; i++) {
            if (!sh_text_equal(part_of(text, word, text.count), sh_text_of(clocks[i]))) continue;
            clock = (enum mapping_clock)i;
            text = trim(part_of(text, 0, word));
            break;
        }
    }
    if ((status = read_plain_source(parser, text, source)) != SH_OK) return status;
    source->clock = clock;
    source->pattern = pattern;
    return SH_OK;
}

/* "a, b, 'c, d'" into an array. */
static enum sh_status read_list(struct parser *parser, struct sh_text text, struct sh_text **list, uint32_t *count) {
    for (text = trim(text); text.count > 0;) {
        const uint32_t comma = find_outside(text, ',');
        struct sh_text *element = add(parser, list, count, sizeof *element);
        if (element == NULL) return no_memory(parser);
        struct sh_text word = trim(part_of(text, 0, comma));
        if (word.count == 0) return fault(parser, "a list has an empty place", text);
        if (word.bytes[0] == '\'' || word.bytes[0] == '"') {
            const enum sh_status status = unquote(parser, word, &word);
            if (status != SH_OK) return status;
        }
        *element = word;
        if (comma == text.count) break;
        text = trim(part_of(text, comma + 1, text.count));
        if (text.count == 0) return fault(parser, "a list ends with a comma", word);
    }
    return SH_OK;
}

/* Does text start with this word, as a word? Then *rest is what follows it. */
static bool take_word(struct sh_text text, const char *word, struct sh_text *rest) {
    const uint32_t length = (uint32_t)strlen(word);
    if (text.count < length || memcmp(text.bytes, word, length) != 0) return false;
    if (text.count > length && !is_blank(text.bytes[length]) && text.bytes[length] != '\'' && text.bytes[length] != '"')
        return false;
    *rest = trim(part_of(text, length, text.count));
    return true;
}

/* Where a condition's column ends: behind its closing quote, or at a blank or an operator. */
static uint32_t column_end(struct sh_text text) {
    uint32_t end = 0;
    if (text.count > 0 && text.bytes[0] == '"') {
        for (end = 1; end < text.count; end++) {
            if (text.bytes[end] != '"') continue;
            end++;
            if (end == text.count || text.bytes[end] != '"') break; /* not doubled */
        }
        return end;
    }
    while (end < text.count && !is_blank(text.bytes[end]) && text.bytes[end] != '=' && text.bytes[end] != '!')
        end++;
    return end;
}

/* COLUMN is [not] empty, COLUMN [not] starts with 'x', COLUMN = 'x', COLUMN != 'x'. */
static enum sh_status read_condition(struct parser *parser, struct sh_text text, struct mapping_condition *condition) {
    text = trim(text);
    const uint32_t end = column_end(text);
    enum sh_status status = read_column(parser, part_of(text, 0, end), &condition->column);
    if (status != SH_OK) return status;
    const struct sh_text test = trim(part_of(text, end, text.count));
    condition->negated = sh_text_equal(test, SH_TEXT_LITERAL("is not empty"));
    if (condition->negated || sh_text_equal(test, SH_TEXT_LITERAL("is empty"))) {
        condition->test = MAPPING_EMPTY;
        return SH_OK;
    }
    struct sh_text operand;
    if (take_word(test, "not starts with", &operand)) {
        condition->test = MAPPING_STARTS;
        condition->negated = true;
    } else if (take_word(test, "starts with", &operand)) {
        condition->test = MAPPING_STARTS;
    } else if (test.count > 1 && test.bytes[0] == '!' && test.bytes[1] == '=') {
        condition->test = MAPPING_EQUAL;
        condition->negated = true;
        operand = trim(part_of(test, 2, test.count));
    } else if (test.count > 0 && test.bytes[0] == '=') {
        condition->test = MAPPING_EQUAL;
        operand = trim(part_of(test, 1, test.count));
    } else {
        return fault(
            parser, "a condition is COLUMN is [not] empty, COLUMN [not] starts with 'x', COLUMN = 'x' or COLUMN != 'x'",
            text);
    }
    if (operand.count == 0 || operand.bytes[0] != '\'')
        return fault(parser, "a text in single quotes is needed", operand);
    return unquote(parser, operand, &condition->operand);
}

/* decimal(2), enum(a, b), tags('|'), or a bare word. */
static enum sh_status read_type(struct parser *parser, struct sh_text text, struct mapping_field *field) {
    static const char *const names[] = {"bool", "int", "decimal", "time", "date", "string", "enum", "tags"};
    text = trim(text);
    const uint32_t open = find_outside(text, '(');
    const struct sh_text word = trim(part_of(text, 0, open));
    struct sh_text inner = nothing;
    if (open < text.count) {
        if (text.bytes[text.count - 1] != ')') return fault(parser, "a closing bracket is missing", text);
        inner = trim(part_of(text, open + 1, text.count - 1));
    }
    uint32_t type = 0;
    while (type < 8 && !sh_text_equal(word, sh_text_of(names[type])))
        type++;
    if (type == 8) {
        fault(parser, "a type is bool, int, decimal(2), time, date, string, enum(low, high) or tags('|')", word);
        struct sh_nearest nearest;
        sh_nearest_init(&nearest, word);
        for (uint32_t i = 0; i < 8; i++)
            sh_nearest_offer(&nearest, sh_text_of(names[i]));
        if (nearest.nearest.count == 0) return SH_ERR_SYNTAX;
        return sh_fail_hint(parser->err, SH_ERR_SYNTAX, "did you mean %.*s?", SH_TEXT_ARGS(nearest.nearest));
    }
    field->type = (enum mapping_type)type;
    switch (field->type) {
    case MAPPING_DECIMAL:
        field->scale = 2;
        if (inner.count == 0) return SH_OK;
        if (inner.count != 1 || inner.bytes[0] < '0' || inner.bytes[0] > '0' + SH_DECIMAL_SCALE_MAX)
            return fault(parser, "decimal takes its digits after the point, 0 to 9", inner);
        field->scale = (uint32_t)(inner.bytes[0] - '0');
        return SH_OK;
    case MAPPING_ENUM:
        if (inner.count == 0) return fault(parser, "enum needs its labels, lowest first: enum(silver, gold)", text);
        return read_list(parser, inner, &field->labels, &field->label_count);
    case MAPPING_TAGS:
        field->separator = SH_TEXT_LITERAL("|");
        if (inner.count == 0) return SH_OK;
        if (inner.bytes[0] != '\'') return fault(parser, "write the separator in single quotes: tags('|')", inner);
        return unquote(parser, inner, &field->separator);
    default:
        if (inner.count > 0) return fault(parser, "this type takes nothing in brackets", text);
        return SH_OK;
    }
}

/* The keys of a section, in this order in row_keys; from KEY_USER on only events have them. */
enum row_key {
    KEY_FILE,
    KEY_FORMAT,
    KEY_DELIMITER,
    KEY_HEADER,
    KEY_COLUMNS,
    KEY_NULL,
    KEY_WHEN,
    KEY_SET_ASIDE,
    KEY_ID,
    KEY_USER,
    KEY_ITEM,
    KEY_TYPE,
    KEY_TIME,
    KEY_AMOUNT,
    KEY_COUNT
};
static const char *const row_keys[KEY_COUNT] = {"file", "format", "delimiter", "header", "columns",
                                                "null", "when",   "set aside", "id",     "user",
                                                "item", "type",   "time",      "amount"};

/* May a key be set once more? Lists and conditions may, a single value may not: which of two would be meant? */
static enum sh_status take_once(struct parser *parser, uint32_t number, struct sh_text key) {
    const uint32_t bit = UINT32_C(1) << number;
    if ((parser->section->keys_seen & bit) != 0) return fault(parser, "this stands twice in its section", key);
    parser->section->keys_seen |= bit;
    return SH_OK;
}

/* Names that rows have anyway are keys, not fields. */
static enum sh_status check_field_name(struct parser *parser, const struct mapping_section *section,
                                       struct sh_text name) {
    static const char *const names[] = {"id", "type", "user", "item", "time"};
    const uint32_t count = section->kind == MAPPING_EVENTS ? 5 : 1;
    for (uint32_t i = 0; i < count; i++)
        if (sh_text_equal(name, sh_text_of(names[i])))
            return fault(parser, "this name is a key of its own and has no type; write it without one", name);
    for (uint32_t i = 0; i + 1 < section->field_count; i++)
        if (sh_text_equal(section->fields[i].name, name))
            return fault(parser, "this name stands twice in its section", name);
    return SH_OK;
}

static enum sh_status read_field(struct parser *parser, struct sh_text name, struct sh_text type,
                                 struct sh_text value) {
    struct mapping_section *section = parser->section;
    enum sh_status status;
    if (section->kind == MAPPING_EVENTS && sh_text_equal(name, SH_TEXT_LITERAL("amount"))) {
        struct mapping_field amount = {0};
        if ((status = take_once(parser, KEY_AMOUNT, name)) != SH_OK) return status;
        if ((status = read_type(parser, type, &amount)) != SH_OK) return status;
        if (amount.type != MAPPING_DECIMAL) return fault(parser, "an amount is a decimal", type);
        section->amount_scale = amount.scale;
        return read_source(parser, value, &section->amount);
    }
    if (section->field_count == MAPPING_FIELD_COUNT_MAX) return fault(parser, "too many fields in one section", name);
    struct mapping_field *field = add(parser, &section->fields, &section->field_count, sizeof *field);
    if (field == NULL) return no_memory(parser);
    field->line = parser->line;
    if ((status = read_column(parser, name, &field->name)) != SH_OK) return status;
    if ((status = check_field_name(parser, section, field->name)) != SH_OK) return status;
    if ((status = read_type(parser, type, field)) != SH_OK) return status;
    if (field->type == MAPPING_TAGS && section->kind == MAPPING_EVENTS)
        return fault(parser, "events have properties, not tags", name);
    if (field->type == MAPPING_TIME || field->type == MAPPING_DATE)
        return read_time_source(parser, value, &field->source);
    if (field->type == MAPPING_INT || field->type == MAPPING_DECIMAL) return read_source(parser, value, &field->source);
    return read_plain_source(parser, value, &field->source);
}

static enum sh_status read_aside(struct parser *parser, struct sh_text value) {
    struct mapping_section *section = parser->section;
    struct mapping_condition *aside = add(parser, &section->asides, &section->aside_count, sizeof *aside);
    if (aside == NULL) return no_memory(parser);
    const uint32_t colon = find_outside(value, ':');
    if (colon == value.count) return fault(parser, "set aside = CONDITION : the reason", value);
    aside->reason = trim(part_of(value, colon + 1, value.count));
    if (aside->reason.count == 0) return fault(parser, "the reason behind the colon is missing", value);
    return read_condition(parser, part_of(value, 0, colon), aside);
}

static enum sh_status read_delimiter(struct parser *parser, struct sh_text value) {
    if (sh_text_equal(value, SH_TEXT_LITERAL("tab"))) value = SH_TEXT_LITERAL("\t");
    enum sh_status status = SH_OK;
    if (value.count > 1 && value.bytes[0] == '\'') status = unquote(parser, value, &value);
    if (status != SH_OK) return status;
    if (value.count != 1 || strchr("\"\r\n", value.bytes[0]) != NULL || (value.bytes[0] & 0x80) != 0)
        return fault(parser, "a delimiter is one ASCII character, or the word tab", value);
    parser->section->delimiter = value.bytes[0];
    return SH_OK;
}

static enum sh_status unknown_key(struct parser *parser, struct sh_text key) {
    fault(parser, "there is no such key; a field is written NAME : TYPE = COLUMN", key);
    struct sh_nearest nearest;
    sh_nearest_init(&nearest, key);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        sh_nearest_offer(&nearest, sh_text_of(row_keys[i]));
    if (nearest.nearest.count == 0) return SH_ERR_SYNTAX;
    return sh_fail_hint(parser->err, SH_ERR_SYNTAX, "did you mean %.*s?", SH_TEXT_ARGS(nearest.nearest));
}

static enum sh_status read_format(struct parser *parser, struct sh_text value) {
    static const char *const names[] = {"csv", "jsonl"};
    for (uint32_t i = 0; i < 2; i++) {
        if (!sh_text_equal(value, sh_text_of(names[i]))) continue;
        parser->section->format = i == 0 ? MAPPING_CSV : MAPPING_JSONL;
        return SH_OK;
    }
    return fault(parser, "format is csv or jsonl", value);
}

static enum sh_status read_header(struct parser *parser, struct sh_text value) {
    const bool yes = sh_text_equal_keyword(value, "yes") || sh_text_equal_keyword(value, "true");
    if (!yes && !sh_text_equal_keyword(value, "no") && !sh_text_equal_keyword(value, "false"))
        return fault(parser, "header is yes or no", value);
    parser->section->has_header = yes;
    return SH_OK;
}

static enum sh_status read_file_name(struct parser *parser, struct sh_text value) {
    struct mapping_section *section = parser->section;
    struct sh_text *file = add(parser, &section->files, &section->file_count, sizeof *file);
    if (file == NULL) return no_memory(parser);
    *file = value;
    if (value.bytes[0] != '"' && value.bytes[0] != '\'') return SH_OK;
    const enum sh_status status = unquote(parser, value, file);
    return status != SH_OK || file->count > 0 ? status : fault(parser, "the name of a file is needed", nothing);
}

static enum sh_status read_row_key(struct parser *parser, struct sh_text key, struct sh_text value) {
    struct mapping_section *section = parser->section;
    uint32_t number = 0;
    while (number < KEY_COUNT && !sh_text_equal(key, sh_text_of(row_keys[number])))
        number++;
    if (number == KEY_COUNT) return unknown_key(parser, key);
    if (number >= KEY_USER && section->kind != MAPPING_EVENTS) return fault(parser, "only [events] have this", key);
    const bool repeats = number == KEY_FILE || number == KEY_NULL || number == KEY_WHEN || number == KEY_SET_ASIDE;
    const enum sh_status status = repeats ? SH_OK : take_once(parser, number, key);
    if (status != SH_OK) return status;
    switch ((enum row_key)number) {
    case KEY_FILE:
        return read_file_name(parser, value);
    case KEY_FORMAT:
        return read_format(parser, value);
    case KEY_DELIMITER:
        return read_delimiter(parser, value);
    case KEY_HEADER:
        return read_header(parser, value);
    case KEY_COLUMNS:
        return read_list(parser, value, &section->columns, &section->column_count);
    case KEY_NULL:
        return read_list(parser, value, &section->nulls, &section->null_count);
    case KEY_WHEN: {
        struct mapping_condition *condition =
            add(parser, &section->conditions, &section->condition_count, sizeof *condition);
        return condition == NULL ? no_memory(parser) : read_condition(parser, value, condition);
    }
    case KEY_SET_ASIDE:
        return read_aside(parser, value);
    case KEY_ID:
        return read_plain_source(parser, value, &section->id);
    case KEY_USER:
        return read_plain_source(parser, value, &section->user);
    case KEY_ITEM:
        return read_plain_source(parser, value, &section->item);
    case KEY_TYPE:
        return read_plain_source(parser, value, &section->type);
    case KEY_TIME:
        return read_time_source(parser, value, &section->time);
    case KEY_AMOUNT:
        return read_source(parser, value, &section->amount);
    case KEY_COUNT:
        break;
    }
    return SH_OK;
}

static enum sh_status read_summary(struct parser *parser, struct sh_text name, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    struct mapping_summary *summary = add(parser, &mapping->summaries, &mapping->summary_count, sizeof *summary);
    if (summary == NULL) return no_memory(parser);
    summary->name = name;
    struct sh_text rest;
    enum sh_status status;
    if (sh_text_equal(value, SH_TEXT_LITERAL("lines"))) {
        summary->kind = MAPPING_LINES;
        return SH_OK;
    }
    if (take_word(value, "distinct", &rest)) {
        summary->kind = MAPPING_DISTINCT;
        status = read_plain_source(parser, rest, &summary->source);
    } else if (take_word(value, "sum", &rest)) {
        summary->kind = MAPPING_SUM;
        status = read_source(parser, rest, &summary->source);
    } else {
        return fault(parser, "a summary is lines, distinct COLUMN, sum COLUMN or sum COLUMN * COLUMN", value);
    }
    if (status == SH_OK && summary->source.is_constant) return fault(parser, "a summary needs a column", rest);
    return status;
}

static enum sh_status start_section(struct parser *parser, struct sh_text name) {
    static const char *const kinds[] = {"users", "items", "events"};
    struct mapping *mapping = parser->mapping;
    if (sh_text_equal(name, SH_TEXT_LITERAL("summary"))) {
        parser->part = PART_SUMMARY;
        return SH_OK;
    }
    if (sh_text_equal(name, SH_TEXT_LITERAL("feed"))) {
        parser->part = PART_FEED;
        return SH_OK;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (!sh_text_equal(name, sh_text_of(kinds[i]))) continue;
        if (mapping->section_count == MAPPING_SECTION_COUNT_MAX) return fault(parser, "too many sections", name);
        parser->section = add(parser, &mapping->sections, &mapping->section_count, sizeof *parser->section);
        if (parser->section == NULL) return no_memory(parser);
        parser->section->kind = (enum mapping_kind)i;
        parser->section->line = parser->line;
        parser->section->has_header = true;
        parser->section->amount_scale = 2;
        parser->part = PART_ROWS;
        return SH_OK;
    }
    return fault(parser, "a section is [users], [items], [events], [summary] or [feed]", name);
}

/* A whole number at the start of text, 1 to 1,000; 0 when there is none. *rest is what follows. */
static uint32_t take_count(struct sh_text text, struct sh_text *rest) {
    uint32_t count = 0;
    uint32_t at = 0;
    while (at < text.count && at < 4 && text.bytes[at] >= '0' && text.bytes[at] <= '9')
        count = count * 10 + (uint32_t)(text.bytes[at++] - '0');
    *rest = trim(part_of(text, at, text.count));
    return count <= 1000 ? count : 0;
}

/* "2 of brand in 5" */
static enum sh_status read_diversity(struct parser *parser, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    struct sh_text rest;
    struct sh_text end;
    mapping->diversity_count = take_count(value, &rest);
    uint32_t cut = rest.count;
    if (mapping->diversity_count > 0 && take_word(rest, "of", &rest))
        for (cut = rest.count; cut > 0 && rest.bytes[cut - 1] != ' '; cut--) {}
    else
        return fault(parser, "diversity = COUNT of ATTRIBUTE in WINDOW, for example 2 of brand in 5", value);
    mapping->diversity_window = take_count(part_of(rest, cut, rest.count), &end);
    rest = trim(part_of(rest, 0, cut));
    if (mapping->diversity_window <= mapping->diversity_count || end.count > 0 || rest.count < 4 ||
        memcmp(rest.bytes + rest.count - 3, " in", 3) != 0)
        return fault(parser, "diversity = COUNT of ATTRIBUTE in WINDOW, for example 2 of brand in 5", value);
    return read_column(parser, part_of(rest, 0, rest.count - 3), &mapping->diversity_attribute);
}

static enum sh_status read_feed_key(struct parser *parser, struct sh_text key, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    if (sh_text_equal(key, SH_TEXT_LITERAL("diversity"))) {
        if (mapping->diversity_attribute.count > 0) return fault(parser, "this stands twice", key);
        return read_diversity(parser, value);
    }
    if (sh_text_equal(key, SH_TEXT_LITERAL("listed since"))) {
        if (mapping->listed_since.count > 0) return fault(parser, "this stands twice", key);
        return read_column(parser, value, &mapping->listed_since);
    }
    if (!sh_text_equal(key, SH_TEXT_LITERAL("eligible")))
        return fault(parser, "[feed] has eligible = EXPRESSION, diversity = 2 of brand in 5, listed since = ATTRIBUTE",
                     key);
    if (mapping->eligible.count > 0) return fault(parser, "this stands twice", key);
    mapping->eligible = value;
    return SH_OK;
}

static enum sh_status read_line(struct parser *parser, struct sh_text line) {
    const uint32_t comment = find_outside(line, '#');
    line = trim(part_of(line, 0, comment));
    if (line.count == 0) return SH_OK;
    if (line.bytes[0] == '[') {
        if (line.bytes[line.count - 1] != ']') return fault(parser, "a closing ] is missing", line);
        return start_section(parser, trim(part_of(line, 1, line.count - 1)));
    }
    const uint32_t equal = find_outside(line, '=');
    if (equal == line.count) return fault(parser, "KEY = VALUE or NAME : TYPE = COLUMN is needed", line);
    const struct sh_text key = trim(part_of(line, 0, equal));
    const struct sh_text value = trim(part_of(line, equal + 1, line.count));
    if (key.count == 0 || value.count == 0) return fault(parser, "both sides of = are needed", line);
    switch (parser->part) {
    case PART_HEAD:
        if (!sh_text_equal(key, SH_TEXT_LITERAL("zone")))
            return fault(parser, "before the first section only zone = NAME may stand", key);
        if (parser->zone_seen) return fault(parser, "this stands twice", key);
        parser->zone_seen = true;
        parser->mapping->zone = value;
        return SH_OK;
    case PART_SUMMARY:
        return read_summary(parser, key, value);
    case PART_FEED:
        return read_feed_key(parser, key, value);
    case PART_ROWS:
        break;
    }
    const uint32_t colon = find_outside(key, ':');
    if (colon < key.count)
        return read_field(parser, trim(part_of(key, 0, colon)), part_of(key, colon + 1, key.count), value);
    return read_row_key(parser, key, value);
}

static bool is_given(const struct mapping_source *source) {
    return source->is_constant || source->column.count > 0;
}

/* For faults that are found when everything has been read. */
static void go_to_line(struct parser *parser, uint32_t line) {
    const char *at = parser->source.bytes;
    for (uint32_t i = 1; i < line; i++)
        at = (const char *)memchr(at, '\n', parser->source.count - (size_t)(at - parser->source.bytes)) + 1;
    parser->line = line;
    parser->line_offset = at - parser->start;
}

static enum sh_status check_sections(struct parser *parser) {
    const struct mapping *mapping = parser->mapping;
    if (mapping->section_count == 0)
        return sh_fail(parser->err, SH_ERR_SYNTAX, 0, "the mapping has no [users], [items] or [events]");
    for (uint32_t i = 0; i < mapping->section_count; i++) {
        const struct mapping_section *section = &mapping->sections[i];
        go_to_line(parser, section->line);
        if (section->file_count == 0) return fault(parser, "this section has no file = NAME", nothing);
        if (!section->has_header && section->column_count == 0)
            return fault(parser, "header = no needs columns = a, b, c", nothing);
        if (section->kind != MAPPING_EVENTS && !is_given(&section->id))
            return fault(parser, "this section has no id = COLUMN", nothing);
        if (section->kind != MAPPING_EVENTS) continue;
        if (!is_given(&section->user)) return fault(parser, "[events] need user = COLUMN", nothing);
        if (!is_given(&section->type))
            return fault(parser, "[events] need type = COLUMN or type = 'purchase'", nothing);
        if (!is_given(&section->time)) return fault(parser, "[events] need time = COLUMN", nothing);
    }
    return SH_OK;
}

enum sh_status mapping_parse(struct sh_text text, struct sh_arena *arena, struct mapping *mapping,
                             struct sh_error *err) {
    *mapping = (struct mapping){.zone = SH_TEXT_LITERAL("UTC")};
    if (text.count > MAPPING_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a mapping has at most %d bytes", MAPPING_BYTES_MAX);
    if (!sh_text_is_utf8(text)) return sh_fail(err, SH_ERR_SYNTAX, -1, "the mapping is not UTF-8 text");
    struct parser parser = {.arena = arena, .err = err, .mapping = mapping};
    const char *copy = sh_arena_copy(arena, text.bytes, text.count);
    if (copy == NULL) return no_memory(&parser);
    parser.start = copy;
    parser.source = (struct sh_text){copy, text.count};
    if (text.count >= 3 && memcmp(copy, "\xEF\xBB\xBF", 3) == 0) parser.source = part_of(parser.source, 3, text.count);
    for (uint32_t at = 0; at < parser.source.count;) {
        const char *feed = memchr(parser.source.bytes + at, '\n', parser.source.count - at);
        const uint32_t end = feed == NULL ? parser.source.count : (uint32_t)(feed - parser.source.bytes);
        parser.line++;
        parser.line_offset = parser.source.bytes + at - copy;
        const enum sh_status status = read_line(&parser, part_of(parser.source, at, end));
        if (status != SH_OK) return status;
        at = end + 1;
    }
    return check_sections(&parser);
}
