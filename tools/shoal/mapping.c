#include "mapping_values.h"

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
static enum sh_status take_once(struct map_parser *parser, uint32_t number, struct sh_text key) {
    const uint32_t bit = UINT32_C(1) << number;
    if ((parser->section->keys_seen & bit) != 0) return map_fault(parser, "this stands twice in its section", key);
    parser->section->keys_seen |= bit;
    return SH_OK;
}

/* Names that rows have anyway are keys, not fields. */
static enum sh_status check_field_name(struct map_parser *parser, const struct mapping_section *section,
                                       struct sh_text name) {
    static const char *const names[] = {"id", "type", "user", "item", "time"};
    const uint32_t count = section->kind == MAPPING_EVENTS ? 5 : 1;
    for (uint32_t i = 0; i < count; i++)
        if (sh_text_equal(name, sh_text_of(names[i])))
            return map_fault(parser, "this name is a key of its own and has no type; write it without one", name);
    for (uint32_t i = 0; i + 1 < section->field_count; i++)
        if (sh_text_equal(section->fields[i].name, name))
            return map_fault(parser, "this name stands twice in its section", name);
    return SH_OK;
}

/* All vectors of a mapping have the same name and length. */
static bool is_the_space(const struct map_parser *parser, const struct mapping_field *field) {
    for (uint32_t s = 0; s < parser->mapping->section_count; s++) {
        const struct mapping_section *section = &parser->mapping->sections[s];
        for (uint32_t i = 0; i < section->field_count; i++) {
            const struct mapping_field *other = &section->fields[i];
            if (other->type == MAPPING_VECTOR && other != field &&
                (other->dimension != field->dimension || !sh_text_equal(other->name, field->name)))
                return false;
        }
    }
    return true;
}

static enum sh_status read_field(struct map_parser *parser, struct sh_text name, struct sh_text type,
                                 struct sh_text value) {
    struct mapping_section *section = parser->section;
    enum sh_status status;
    if (section->kind == MAPPING_EVENTS && sh_text_equal(name, SH_TEXT_LITERAL("amount"))) {
        struct mapping_field amount = {0};
        if ((status = take_once(parser, KEY_AMOUNT, name)) != SH_OK) return status;
        if ((status = map_read_type(parser, type, &amount)) != SH_OK) return status;
        if (amount.type != MAPPING_DECIMAL) return map_fault(parser, "an amount is a decimal", type);
        section->amount_scale = amount.scale;
        return map_read_source(parser, value, &section->amount);
    }
    if (section->field_count == MAPPING_FIELD_COUNT_MAX)
        return map_fault(parser, "too many fields in one section", name);
    struct mapping_field *field = map_add(parser, &section->fields, &section->field_count, sizeof *field);
    if (field == NULL) return map_no_memory(parser);
    field->line = parser->line;
    if ((status = map_read_column(parser, name, &field->name)) != SH_OK) return status;
    if ((status = check_field_name(parser, section, field->name)) != SH_OK) return status;
    if ((status = map_read_type(parser, type, field)) != SH_OK) return status;
    if (field->type == MAPPING_TAGS && section->kind == MAPPING_EVENTS)
        return map_fault(parser, "events have properties, not tags", name);
    if (field->type == MAPPING_VECTOR && section->kind == MAPPING_EVENTS)
        return map_fault(parser, "events have properties, not vectors", name);
    if (field->type == MAPPING_VECTOR && !is_the_space(parser, field))
        return map_fault(parser, "there is one space of vectors, of one name and length", name);
    if (field->ttl_days > 0 && section->kind == MAPPING_ITEMS)
        return map_fault(parser, "tags of items do not end", name);
    if (field->type == MAPPING_TIME || field->type == MAPPING_DATE)
        return map_read_time_source(parser, value, &field->source);
    if (field->type == MAPPING_INT || field->type == MAPPING_DECIMAL)
        return map_read_source(parser, value, &field->source);
    return map_read_plain_source(parser, value, &field->source);
}

static enum sh_status read_aside(struct map_parser *parser, struct sh_text value) {
    struct mapping_section *section = parser->section;
    struct mapping_condition *aside = map_add(parser, &section->asides, &section->aside_count, sizeof *aside);
    if (aside == NULL) return map_no_memory(parser);
    const uint32_t colon = map_find_outside(value, ':');
    if (colon == value.count) return map_fault(parser, "set aside = CONDITION : the reason", value);
    aside->reason = map_trim(map_part(value, colon + 1, value.count));
    if (aside->reason.count == 0) return map_fault(parser, "the reason behind the colon is missing", value);
    return map_read_condition(parser, map_part(value, 0, colon), aside);
}

static enum sh_status read_delimiter(struct map_parser *parser, struct sh_text value) {
    if (sh_text_equal(value, SH_TEXT_LITERAL("tab"))) value = SH_TEXT_LITERAL("\t");
    enum sh_status status = SH_OK;
    if (value.count > 1 && value.bytes[0] == '\'') status = map_unquote(parser, value, &value);
    if (status != SH_OK) return status;
    if (value.count != 1 || strchr("\"\r\n", value.bytes[0]) != NULL || (value.bytes[0] & 0x80) != 0)
        return map_fault(parser, "a delimiter is one ASCII character, or the word tab", value);
    parser->section->delimiter = value.bytes[0];
    return SH_OK;
}

static enum sh_status unknown_key(struct map_parser *parser, struct sh_text key) {
    map_fault(parser, "there is no such key; a field is written NAME : TYPE = COLUMN", key);
    struct sh_nearest nearest;
    sh_nearest_init(&nearest, key);
    for (uint32_t i = 0; i < KEY_COUNT; i++)
        sh_nearest_offer(&nearest, sh_text_of(row_keys[i]));
    if (nearest.nearest.count == 0) return SH_ERR_SYNTAX;
    return sh_fail_hint(parser->err, SH_ERR_SYNTAX, "did you mean %.*s?", SH_TEXT_ARGS(nearest.nearest));
}

static enum sh_status read_format(struct map_parser *parser, struct sh_text value) {
    static const char *const names[] = {"csv", "jsonl"};
    for (uint32_t i = 0; i < 2; i++) {
        if (!sh_text_equal(value, sh_text_of(names[i]))) continue;
        parser->section->format = i == 0 ? MAPPING_CSV : MAPPING_JSONL;
        return SH_OK;
    }
    return map_fault(parser, "format is csv or jsonl", value);
}

static enum sh_status read_header(struct map_parser *parser, struct sh_text value) {
    const bool yes = sh_text_equal_keyword(value, "yes") || sh_text_equal_keyword(value, "true");
    if (!yes && !sh_text_equal_keyword(value, "no") && !sh_text_equal_keyword(value, "false"))
        return map_fault(parser, "header is yes or no", value);
    parser->section->has_header = yes;
    return SH_OK;
}

static enum sh_status read_file_name(struct map_parser *parser, struct sh_text value) {
    struct mapping_section *section = parser->section;
    struct sh_text *file = map_add(parser, &section->files, &section->file_count, sizeof *file);
    if (file == NULL) return map_no_memory(parser);
    *file = value;
    if (value.bytes[0] != '"' && value.bytes[0] != '\'') return SH_OK;
    const enum sh_status status = map_unquote(parser, value, file);
    return status != SH_OK || file->count > 0 ? status : map_fault(parser, "the name of a file is needed", map_nothing);
}

static enum sh_status read_row_key(struct map_parser *parser, struct sh_text key, struct sh_text value) {
    struct mapping_section *section = parser->section;
    uint32_t number = 0;
    while (number < KEY_COUNT && !sh_text_equal(key, sh_text_of(row_keys[number])))
        number++;
    if (number == KEY_COUNT) return unknown_key(parser, key);
    if (number >= KEY_USER && section->kind != MAPPING_EVENTS) return map_fault(parser, "only [events] have this", key);
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
        return map_read_list(parser, value, &section->columns, &section->column_count);
    case KEY_NULL:
        return map_read_list(parser, value, &section->nulls, &section->null_count);
    case KEY_WHEN: {
        struct mapping_condition *condition =
            map_add(parser, &section->conditions, &section->condition_count, sizeof *condition);
        return condition == NULL ? map_no_memory(parser) : map_read_condition(parser, value, condition);
    }
    case KEY_SET_ASIDE:
        return read_aside(parser, value);
    case KEY_ID:
        return map_read_plain_source(parser, value, &section->id);
    case KEY_USER:
        return map_read_plain_source(parser, value, &section->user);
    case KEY_ITEM:
        return map_read_plain_source(parser, value, &section->item);
    case KEY_TYPE:
        return map_read_plain_source(parser, value, &section->type);
    case KEY_TIME:
        return map_read_time_source(parser, value, &section->time);
    case KEY_AMOUNT:
        return map_read_source(parser, value, &section->amount);
    case KEY_COUNT:
        break;
    }
    return SH_OK;
}

static enum sh_status read_summary(struct map_parser *parser, struct sh_text name, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    struct mapping_summary *summary = map_add(parser, &mapping->summaries, &mapping->summary_count, sizeof *summary);
    if (summary == NULL) return map_no_memory(parser);
    summary->name = name;
    struct sh_text rest;
    enum sh_status status;
    if (sh_text_equal(value, SH_TEXT_LITERAL("lines"))) {
        summary->kind = MAPPING_LINES;
        return SH_OK;
    }
    if (map_take_word(value, "distinct", &rest)) {
        summary->kind = MAPPING_DISTINCT;
        status = map_read_plain_source(parser, rest, &summary->source);
    } else if (map_take_word(value, "sum", &rest)) {
        summary->kind = MAPPING_SUM;
        status = map_read_source(parser, rest, &summary->source);
    } else {
        return map_fault(parser, "a summary is lines, distinct COLUMN, sum COLUMN or sum COLUMN * COLUMN", value);
    }
    if (status == SH_OK && summary->source.is_constant) return map_fault(parser, "a summary needs a column", rest);
    return status;
}

static enum sh_status start_section(struct map_parser *parser, struct sh_text name) {
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
    if (sh_text_equal(name, SH_TEXT_LITERAL("privacy"))) {
        parser->part = PART_PRIVACY;
        return SH_OK;
    }
    for (uint32_t i = 0; i < 3; i++) {
        if (!sh_text_equal(name, sh_text_of(kinds[i]))) continue;
        if (mapping->section_count == MAPPING_SECTION_COUNT_MAX) return map_fault(parser, "too many sections", name);
        parser->section = map_add(parser, &mapping->sections, &mapping->section_count, sizeof *parser->section);
        if (parser->section == NULL) return map_no_memory(parser);
        parser->section->kind = (enum mapping_kind)i;
        parser->section->line = parser->line;
        parser->section->has_header = true;
        parser->section->amount_scale = 2;
        parser->part = PART_ROWS;
        return SH_OK;
    }
    return map_fault(parser, "a section is [users], [items], [events], [summary], [feed] or [privacy]", name);
}

/* A whole number at the start of text, 1 to 1,000; 0 when there is none. *rest is what follows. */
static uint32_t take_count(struct sh_text text, struct sh_text *rest) {
    uint32_t count = 0;
    uint32_t at = 0;
    while (at < text.count && at < 4 && text.bytes[at] >= '0' && text.bytes[at] <= '9')
        count = count * 10 + (uint32_t)(text.bytes[at++] - '0');
    *rest = map_trim(map_part(text, at, text.count));
    return count <= 1000 ? count : 0;
}

/* "2 of brand in 5" */
static enum sh_status read_diversity(struct map_parser *parser, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    struct sh_text rest, end;
    bool fits = (mapping->diversity_count = take_count(value, &rest)) > 0 && map_take_word(rest, "of", &rest);
    uint32_t cut = rest.count; /* where the last word begins */
    while (cut > 0 && rest.bytes[cut - 1] != ' ')
        cut--;
    mapping->diversity_window = take_count(map_part(rest, cut, rest.count), &end);
    rest = map_trim(map_part(rest, 0, cut));
    fits = fits && mapping->diversity_window > mapping->diversity_count && end.count == 0 && rest.count >= 4 &&
           memcmp(rest.bytes + rest.count - 3, " in", 3) == 0;
    if (!fits) return map_fault(parser, "diversity = COUNT of ATTRIBUTE in WINDOW, for example 2 of brand in 5", value);
    return map_read_column(parser, map_part(rest, 0, rest.count - 3), &mapping->diversity_attribute);
}

static enum sh_status read_feed_key(struct map_parser *parser, struct sh_text key, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    if (sh_text_equal(key, SH_TEXT_LITERAL("diversity"))) {
        if (mapping->diversity_attribute.count > 0) return map_fault(parser, "this stands twice", key);
        return read_diversity(parser, value);
    }
    if (sh_text_equal(key, SH_TEXT_LITERAL("listed since"))) {
        if (mapping->listed_since.count > 0) return map_fault(parser, "this stands twice", key);
        return map_read_column(parser, value, &mapping->listed_since);
    }
    if (!sh_text_equal(key, SH_TEXT_LITERAL("eligible")))
        return map_fault(
            parser, "[feed] has eligible = EXPRESSION, diversity = 2 of brand in 5, listed since = ATTRIBUTE", key);
    if (mapping->eligible.count > 0) return map_fault(parser, "this stands twice", key);
    mapping->eligible = value;
    return SH_OK;
}

/* "push" or "push, unknown allowed" */
static enum sh_status read_purpose(struct map_parser *parser, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    const uint32_t comma = map_find_outside(value, ',');
    const struct sh_text rest = comma < value.count ? map_trim(map_part(value, comma + 1, value.count)) : map_nothing;
    struct mapping_purpose *purpose = map_add(parser, &mapping->purposes, &mapping->purpose_count, sizeof *purpose);
    if (purpose == NULL) return map_no_memory(parser);
    purpose->unknown_allows = sh_text_equal(rest, SH_TEXT_LITERAL("unknown allowed"));
    if (comma < value.count && !purpose->unknown_allows)
        return map_fault(parser, "behind a purpose only `, unknown allowed` may stand", rest);
    return map_read_column(parser, map_trim(map_part(value, 0, comma)), &purpose->name);
}

static enum sh_status read_privacy_key(struct map_parser *parser, struct sh_text key, struct sh_text value) {
    struct mapping *mapping = parser->mapping;
    if (sh_text_equal(key, SH_TEXT_LITERAL("purpose"))) return read_purpose(parser, value);
    if (sh_text_equal(key, SH_TEXT_LITERAL("personal"))) {
        struct sh_text *name = map_add(parser, &mapping->personal, &mapping->personal_count, sizeof *name);
        return name == NULL ? map_no_memory(parser) : map_read_column(parser, value, name);
    }
    if (!sh_text_equal(key, SH_TEXT_LITERAL("purpose required")))
        return map_fault(parser, "[privacy] has purpose = NAME, purpose required = yes, personal = ATTRIBUTE", key);
    mapping->purpose_required = sh_text_equal(value, SH_TEXT_LITERAL("yes"));
    if (!mapping->purpose_required && !sh_text_equal(value, SH_TEXT_LITERAL("no")))
        return map_fault(parser, "purpose required is yes or no", value);
    return SH_OK;
}

static enum sh_status read_line(struct map_parser *parser, struct sh_text line) {
    const uint32_t comment = map_find_outside(line, '#');
    line = map_trim(map_part(line, 0, comment));
    if (line.count == 0) return SH_OK;
    if (line.bytes[0] == '[') {
        if (line.bytes[line.count - 1] != ']') return map_fault(parser, "a closing ] is missing", line);
        return start_section(parser, map_trim(map_part(line, 1, line.count - 1)));
    }
    const uint32_t equal = map_find_outside(line, '=');
    if (equal == line.count) return map_fault(parser, "KEY = VALUE or NAME : TYPE = COLUMN is needed", line);
    const struct sh_text key = map_trim(map_part(line, 0, equal));
    const struct sh_text value = map_trim(map_part(line, equal + 1, line.count));
    if (key.count == 0 || value.count == 0) return map_fault(parser, "both sides of = are needed", line);
    switch (parser->part) {
    case PART_HEAD:
        if (sh_text_equal(key, SH_TEXT_LITERAL("calls"))) {
            if (parser->mapping->calls.count > 0) return map_fault(parser, "this stands twice", key);
            parser->mapping->calls = value;
            return SH_OK;
        }
        if (!sh_text_equal(key, SH_TEXT_LITERAL("zone")))
            return map_fault(parser, "before the first section only zone = NAME and calls = FILE may stand", key);
        if (parser->zone_seen) return map_fault(parser, "this stands twice", key);
        parser->zone_seen = true;
        parser->mapping->zone = value;
        return SH_OK;
    case PART_SUMMARY:
        return read_summary(parser, key, value);
    case PART_FEED:
        return read_feed_key(parser, key, value);
    case PART_PRIVACY:
        return read_privacy_key(parser, key, value);
    case PART_ROWS:
        break;
    }
    const uint32_t colon = map_find_outside(key, ':');
    if (colon < key.count)
        return read_field(parser, map_trim(map_part(key, 0, colon)), map_part(key, colon + 1, key.count), value);
    return read_row_key(parser, key, value);
}

static bool is_given(const struct mapping_source *source) {
    return source->is_constant || source->column.count > 0;
}

/* For faults that are found when everything has been read. */
static void go_to_line(struct map_parser *parser, uint32_t line) {
    const char *at = parser->source.bytes;
    for (uint32_t i = 1; i < line; i++)
        at = (const char *)memchr(at, '\n', parser->source.count - (size_t)(at - parser->source.bytes)) + 1;
    parser->line = line;
    parser->line_offset = at - parser->start;
}

static enum sh_status check_sections(struct map_parser *parser) {
    const struct mapping *mapping = parser->mapping;
    if (mapping->section_count == 0)
        return sh_fail(parser->err, SH_ERR_SYNTAX, 0, "the mapping has no [users], [items] or [events]");
    for (uint32_t i = 0; i < mapping->section_count; i++) {
        const struct mapping_section *section = &mapping->sections[i];
        go_to_line(parser, section->line);
        if (section->file_count == 0) return map_fault(parser, "this section has no file = NAME", map_nothing);
        if (!section->has_header && section->column_count == 0)
            return map_fault(parser, "header = no needs columns = a, b, c", map_nothing);
        if (section->kind != MAPPING_EVENTS && !is_given(&section->id))
            return map_fault(parser, "this section has no id = COLUMN", map_nothing);
        if (section->kind != MAPPING_EVENTS) continue;
        if (!is_given(&section->user)) return map_fault(parser, "[events] need user = COLUMN", map_nothing);
        if (!is_given(&section->type))
            return map_fault(parser, "[events] need type = COLUMN or type = 'purchase'", map_nothing);
        if (!is_given(&section->time)) return map_fault(parser, "[events] need time = COLUMN", map_nothing);
    }
    return SH_OK;
}

enum sh_status mapping_parse(struct sh_text text, struct sh_arena *arena, struct mapping *mapping,
                             struct sh_error *err) {
    *mapping = (struct mapping){.zone = SH_TEXT_LITERAL("UTC")};
    if (text.count > MAPPING_BYTES_MAX)
        return sh_fail(err, SH_ERR_TOO_LARGE, -1, "a mapping has at most %d bytes", MAPPING_BYTES_MAX);
    if (!sh_text_is_utf8(text)) return sh_fail(err, SH_ERR_SYNTAX, -1, "the mapping is not UTF-8 text");
    struct map_parser parser = {.arena = arena, .err = err, .mapping = mapping};
    const char *copy = sh_arena_copy(arena, text.bytes, text.count);
    if (copy == NULL) return map_no_memory(&parser);
    parser.start = copy;
    parser.source = (struct sh_text){copy, text.count};
    if (text.count >= 3 && memcmp(copy, "\xEF\xBB\xBF", 3) == 0) parser.source = map_part(parser.source, 3, text.count);
    for (uint32_t at = 0; at < parser.source.count;) {
        const char *feed = memchr(parser.source.bytes + at, '\n', parser.source.count - at);
        const uint32_t end = feed == NULL ? parser.source.count : (uint32_t)(feed - parser.source.bytes);
        parser.line++;
        parser.line_offset = parser.source.bytes + at - copy;
        const enum sh_status status = read_line(&parser, map_part(parser.source, at, end));
        if (status != SH_OK) return status;
        at = end + 1;
    }
    return check_sections(&parser);
}
