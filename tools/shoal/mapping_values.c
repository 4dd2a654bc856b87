#include "mapping_values.h"

#include "bounds.h"
#include "decimal.h"

enum sh_status map_fault(struct map_parser *parser, const char *words, struct sh_text about) {
    return sh_fail(parser->err, SH_ERR_SYNTAX, parser->line_offset, "line %u: %s%s%.*s%s", parser->line, words,
                   about.count > 0 ? ": '" : "", SH_TEXT_ARGS(about), about.count > 0 ? "'" : "");
}

enum sh_status map_no_memory(struct map_parser *parser) {
    return sh_fail(parser->err, SH_ERR_MEMORY, -1, "no memory for the mapping");
}

static bool is_blank(char byte) {
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

struct sh_text map_trim(struct sh_text text) {
    while (text.count > 0 && is_blank(text.bytes[0])) {
        text.bytes++;
        text.count--;
    }
    while (text.count > 0 && is_blank(text.bytes[text.count - 1]))
        text.count--;
    return text;
}

struct sh_text map_part(struct sh_text text, uint32_t from, uint32_t until) {
    return (struct sh_text){text.bytes + from, until - from};
}

const struct sh_text map_nothing = {"", 0};

uint32_t map_find_outside(struct sh_text text, char wanted) {
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

void *map_add(struct map_parser *parser, void *array, uint32_t *count, size_t element_bytes) {
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

enum sh_status map_unquote(struct map_parser *parser, struct sh_text quoted, struct sh_text *text) {
    if (quoted.count < 2) return map_fault(parser, "a closing quote is missing", quoted);
    const char quote = quoted.bytes[0];
    char *out = sh_arena_alloc(parser->arena, quoted.count + 1);
    if (out == NULL) return map_no_memory(parser);
    uint32_t count = 0;
    for (uint32_t i = 1; i < quoted.count; i++) {
        if (quoted.bytes[i] == quote) {
            if (i + 1 == quoted.count) {
                out[count] = '\0';
                *text = (struct sh_text){out, count};
                return SH_OK;
            }
            if (quoted.bytes[i + 1] != quote)
                return map_fault(parser, "something stands behind the closing quote", quoted);
            i++;
        }
        out[count++] = quoted.bytes[i];
    }
    return map_fault(parser, "a closing quote is missing", quoted);
}

enum sh_status map_read_column(struct map_parser *parser, struct sh_text text, struct sh_text *column) {
    text = map_trim(text);
    if (text.count > 0 && text.bytes[0] == '"') {
        const enum sh_status status = map_unquote(parser, text, column);
        if (status != SH_OK) return status;
        text = *column;
    } else {
        for (uint32_t i = 0; i < text.count; i++)
            if (strchr("'\":*#", text.bytes[i]) != NULL)
                return map_fault(parser, "write this column's name in double quotes", text);
        *column = text;
    }
    if (text.count == 0) return map_fault(parser, "the name of a column is needed", map_nothing);
    return SH_OK;
}

enum sh_status map_read_source(struct map_parser *parser, struct sh_text text, struct mapping_source *source) {
    *source = (struct mapping_source){0};
    text = map_trim(text);
    if (text.count > 0 && text.bytes[0] == '\'') {
        source->is_constant = true;
        return map_unquote(parser, text, &source->constant);
    }
    if (text.count > 0 && text.bytes[0] == '-') {
        source->negative = true;
        text = map_trim(map_part(text, 1, text.count));
    }
    const uint32_t star = map_find_outside(text, '*');
    enum sh_status status = map_read_column(parser, map_part(text, 0, star), &source->column);
    if (status == SH_OK && star < text.count)
        status = map_read_column(parser, map_part(text, star + 1, text.count), &source->factor);
    return status;
}

enum sh_status map_read_plain_source(struct map_parser *parser, struct sh_text text, struct mapping_source *source) {
    const enum sh_status status = map_read_source(parser, text, source);
    if (status != SH_OK) return status;
    if (source->negative || source->factor.count > 0)
        return map_fault(parser, "only numbers can be multiplied or turned round; name one column here", text);
    return SH_OK;
}

/* A strptime pattern whose every field this loader understands as it is meant. */
static enum sh_status check_pattern(struct map_parser *parser, struct sh_text pattern) {
    for (uint32_t i = 0; i + 1 < pattern.count; i++) {
        if (pattern.bytes[i] != '%') continue;
        i++;
        if (pattern.bytes[i] == 'Z')
            return map_fault(parser, "%Z names no zone for certain; use %z, or zone = NAME at the top", pattern);
        if (pattern.bytes[i] == 's')
            return map_fault(parser, "seconds are written COLUMN s, without a pattern", pattern);
    }
    return SH_OK;
}

enum sh_status map_read_time_source(struct map_parser *parser, struct sh_text text, struct mapping_source *source) {
    static const char *const clocks[] = {"iso", "ms", "s"};
    text = map_trim(text);
    enum mapping_clock clock = MAPPING_CLOCK_ISO;
    struct sh_text pattern = map_nothing;
    enum sh_status status;
    const uint32_t quote = map_find_outside(text, '\'');
    if (quote > 0 && quote < text.count) {
        clock = MAPPING_CLOCK_PATTERN;
        if ((status = map_unquote(parser, map_part(text, quote, text.count), &pattern)) != SH_OK) return status;
        if ((status = check_pattern(parser, pattern)) != SH_OK) return status;
        text = map_trim(map_part(text, 0, quote));
    } else {
        uint32_t word = text.count; /* where the last word begins */
        while (word > 0 && text.bytes[word - 1] != ' ' && text.bytes[word - 1] != '"')
            word--;
        for (uint32_t i = 0; i < 3 && word > 0; i++) {
            if (!sh_text_equal(map_part(text, word, text.count), sh_text_of(clocks[i]))) continue;
            clock = (enum mapping_clock)i;
            text = map_trim(map_part(text, 0, word));
            break;
        }
    }
    if ((status = map_read_plain_source(parser, text, source)) != SH_OK) return status;
    source->clock = clock;
    source->pattern = pattern;
    return SH_OK;
}

enum sh_status map_read_list(struct map_parser *parser, struct sh_text text, struct sh_text **list, uint32_t *count) {
    for (text = map_trim(text); text.count > 0;) {
        const uint32_t comma = map_find_outside(text, ',');
        struct sh_text *element = map_add(parser, list, count, sizeof *element);
        if (element == NULL) return map_no_memory(parser);
        struct sh_text word = map_trim(map_part(text, 0, comma));
        if (word.count == 0) return map_fault(parser, "a list has an empty place", text);
        if (word.bytes[0] == '\'' || word.bytes[0] == '"') {
            const enum sh_status status = map_unquote(parser, word, &word);
            if (status != SH_OK) return status;
        }
        *element = word;
        if (comma == text.count) break;
        text = map_trim(map_part(text, comma + 1, text.count));
        if (text.count == 0) return map_fault(parser, "a list ends with a comma", word);
    }
    return SH_OK;
}

bool map_take_word(struct sh_text text, const char *word, struct sh_text *rest) {
    const uint32_t length = (uint32_t)strlen(word);
    if (text.count < length || memcmp(text.bytes, word, length) != 0) return false;
    if (text.count > length && !is_blank(text.bytes[length]) && text.bytes[length] != '\'' && text.bytes[length] != '"')
        return false;
    *rest = map_trim(map_part(text, length, text.count));
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

enum sh_status map_read_condition(struct map_parser *parser, struct sh_text text, struct mapping_condition *condition) {
    text = map_trim(text);
    const uint32_t end = column_end(text);
    enum sh_status status = map_read_column(parser, map_part(text, 0, end), &condition->column);
    if (status != SH_OK) return status;
    const struct sh_text test = map_trim(map_part(text, end, text.count));
    condition->negated = sh_text_equal(test, SH_TEXT_LITERAL("is not empty"));
    if (condition->negated || sh_text_equal(test, SH_TEXT_LITERAL("is empty"))) {
        condition->test = MAPPING_EMPTY;
        return SH_OK;
    }
    struct sh_text operand;
    if (map_take_word(test, "not starts with", &operand)) {
        condition->test = MAPPING_STARTS;
        condition->negated = true;
    } else if (map_take_word(test, "starts with", &operand)) {
        condition->test = MAPPING_STARTS;
    } else if (test.count > 1 && test.bytes[0] == '!' && test.bytes[1] == '=') {
        condition->test = MAPPING_EQUAL;
        condition->negated = true;
        operand = map_trim(map_part(test, 2, test.count));
    } else if (test.count > 0 && test.bytes[0] == '=') {
        condition->test = MAPPING_EQUAL;
        operand = map_trim(map_part(test, 1, test.count));
    } else {
        return map_fault(
            parser, "a condition is COLUMN is [not] empty, COLUMN [not] starts with 'x', COLUMN = 'x' or COLUMN != 'x'",
            text);
    }
    if (operand.count == 0 || operand.bytes[0] != '\'')
        return map_fault(parser, "a text in single quotes is needed", operand);
    return map_unquote(parser, operand, &condition->operand);
}

/* '|' or '|', 30 days */
static enum sh_status read_tags_type(struct map_parser *parser, struct sh_text inner, struct mapping_field *field) {
    const uint32_t comma = map_find_outside(inner, ',');
    const struct sh_text separator = map_trim(map_part(inner, 0, comma));
    if (separator.count == 0 || separator.bytes[0] != '\'')
        return map_fault(parser, "write the separator in single quotes: tags('|')", inner);
    const enum sh_status status = map_unquote(parser, separator, &field->separator);
    if (status != SH_OK || comma == inner.count) return status;
    const struct sh_text end = map_trim(map_part(inner, comma + 1, inner.count));
    uint32_t at = 0;
    for (; at < end.count && at < 5 && end.bytes[at] >= '0' && end.bytes[at] <= '9'; at++)
        field->ttl_days = field->ttl_days * 10 + (uint32_t)(end.bytes[at] - '0');
    if (sh_text_equal(map_trim(map_part(end, at, end.count)), SH_TEXT_LITERAL("days")) && field->ttl_days >= 1 &&
        field->ttl_days <= SH_TTL_DAYS_MAX)
        return SH_OK;
    return map_fault(parser, "tags end after 1 to 36500 days: tags('|', 30 days)", end);
}

static enum sh_status read_dimension(struct map_parser *parser, struct sh_text inner, struct mapping_field *field) {
    for (uint32_t i = 0; i < inner.count && i < 4; i++)
        field->dimension = inner.bytes[i] < '0' || inner.bytes[i] > '9'
                               ? SH_VECTOR_DIMENSION_MAX + 1
                               : field->dimension * 10 + (uint32_t)(inner.bytes[i] - '0');
    if (inner.count >= 1 && inner.count <= 3 && field->dimension >= 1 && field->dimension <= SH_VECTOR_DIMENSION_MAX)
        return SH_OK;
    return map_fault(parser, "vector needs how many numbers it has, 1 to 256: vector(64)", inner);
}

enum sh_status map_read_type(struct map_parser *parser, struct sh_text text, struct mapping_field *field) {
    static const char *const names[] = {"bool", "int", "decimal", "time", "date", "string", "enum", "tags", "vector"};
    text = map_trim(text);
    const uint32_t open = map_find_outside(text, '(');
    const struct sh_text word = map_trim(map_part(text, 0, open));
    struct sh_text inner = map_nothing;
    if (open < text.count) {
        if (text.bytes[text.count - 1] != ')') return map_fault(parser, "a closing bracket is missing", text);
        inner = map_trim(map_part(text, open + 1, text.count - 1));
    }
    uint32_t type = 0;
    while (type < 9 && !sh_text_equal(word, sh_text_of(names[type])))
        type++;
    if (type == 9) {
        map_fault(parser,
                  "a type is bool, int, decimal(2), time, date, string, enum(low, high), tags('|') or vector(64)",
                  word);
        struct sh_nearest nearest;
        sh_nearest_init(&nearest, word);
        for (uint32_t i = 0; i < 9; i++)
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
            return map_fault(parser, "decimal takes its digits after the point, 0 to 9", inner);
        field->scale = (uint32_t)(inner.bytes[0] - '0');
        return SH_OK;
    case MAPPING_ENUM:
        if (inner.count == 0) return map_fault(parser, "enum needs its labels, lowest first: enum(silver, gold)", text);
        return map_read_list(parser, inner, &field->labels, &field->label_count);
    case MAPPING_TAGS:
        field->separator = SH_TEXT_LITERAL("|");
        if (inner.count == 0) return SH_OK;
        return read_tags_type(parser, inner, field);
    case MAPPING_VECTOR:
        return read_dimension(parser, inner, field);
    default:
        if (inner.count > 0) return map_fault(parser, "this type takes nothing in brackets", text);
        return SH_OK;
    }
}
