/* Operands, functions, windows, values. The grammar is in query_form.h. */
#include <stdio.h>

#include "query_derived.h"
#include "query_number.h"
#include "query_parser.h"

/* ---- Values ---- */

enum sh_status sh_parse_value(struct sh_parser *parser, const char *after, struct sh_literal *literal) {
    const struct sh_token *token = sh_parser_token(parser);
    *literal = (struct sh_literal){.kind = SH_LITERAL_NUMBER, .text = token->text, .position = token->position};
    if (token->kind == SH_TOKEN_STRING) {
        literal->kind = SH_LITERAL_TEXT;
    } else if (sh_token_is(token, "true") || sh_token_is(token, "false")) {
        literal->kind = SH_LITERAL_BOOL;
        literal->text = sh_token_is(token, "true") ? SH_TEXT_LITERAL("true") : SH_TEXT_LITERAL("false");
    } else if (token->kind != SH_TOKEN_NUMBER) {
        char what[64];
        (void)snprintf(what, sizeof what, "a value %s", after);
        const enum sh_status status = sh_parser_expected(parser, what);
        if (token->kind == SH_TOKEN_WORD && !sh_word_is_reserved(token->text))
            return sh_fail_hint(parser->err, status, "did you mean '%.*s'? Values stand in quotes",
                                SH_TEXT_ARGS(token->text));
        if (token->kind == SH_TOKEN_NAME)
            return sh_fail_hint(parser->err, status, "backticks make a name; a value stands in quotes: '%.*s'",
                                SH_TEXT_ARGS(token->text));
        if (token->kind == SH_TOKEN_COMPARE)
            return sh_fail_hint(parser->err, status, "the comparisons are = != < <= > >=, with no blank inside");
        return status;
    }
    return sh_parser_next(parser);
}

/* ( value, value ... ) into node->literals. */
enum sh_status sh_parse_values(struct sh_parser *parser, const char *after, struct sh_node *node) {
    char what[64];
    (void)snprintf(what, sizeof what, "a list in parentheses %s", after);
    enum sh_status status;
    if (!sh_parser_at(parser, SH_TOKEN_OPEN)) {
        const struct sh_token token = *sh_parser_token(parser);
        status = sh_parser_expected(parser, what);
        if (token.kind == SH_TOKEN_STRING || token.kind == SH_TOKEN_WORD)
            return sh_fail_hint(parser->err, status, "write ('%.*s')", SH_TEXT_ARGS(token.text));
        if (token.kind == SH_TOKEN_NUMBER)
            return sh_fail_hint(parser->err, status, "write (%.*s)", SH_TEXT_ARGS(token.text));
        return status;
    }
    do {
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        struct sh_literal literal;
        if ((status = sh_parse_value(parser, "in the list", &literal)) != SH_OK) return status;
        if (!sh_node_add_literal(parser->arena, node, literal)) return sh_parser_memory(parser);
    } while (sh_parser_at(parser, SH_TOKEN_COMMA));
    const bool unquoted = sh_parser_token(parser)->after_string;
    status = sh_parser_pass(parser, SH_TOKEN_CLOSE, "`,` or `)` in the list");
    if (status != SH_OK && unquoted)
        return sh_fail_hint(parser->err, status, "a quote inside a text is written twice: 'it''s'");
    if (status != SH_OK && (sh_parser_at(parser, SH_TOKEN_STRING) || sh_parser_at(parser, SH_TOKEN_NUMBER)))
        return sh_fail_hint(parser->err, status, "a comma stands between two values");
    return status;
}

/* ---- Windows ---- */

enum sh_status sh_parse_count(struct sh_parser *parser, const char *after, int64_t *count) {
    char what[64];
    (void)snprintf(what, sizeof what, "a whole number %s", after);
    const struct sh_token *token = sh_parser_token(parser);
    if (token->kind != SH_TOKEN_NUMBER) return sh_parser_expected(parser, what);
    bool exact;
    const __int128 floor = sh_number_floor(token->text, 0, SH_WINDOW_COUNT_MAX, &exact);
    if (!exact || floor < 1)
        return sh_fail(parser->err, SH_ERR_SYNTAX, token->position,
                       "expected a whole number from 1 to %d %s, found %.*s", SH_WINDOW_COUNT_MAX, after,
                       SH_TEXT_ARGS(token->text));
    *count = (int64_t)floor;
    return sh_parser_next(parser);
}

/* A month is not a fixed span, so `last 3 months` could mean two things. */
static enum sh_status fail_last_unit(struct sh_parser *parser, int64_t count, enum sh_unit unit) {
    static const int days[] = {[SH_UNIT_MONTH] = 30, [SH_UNIT_QUARTER] = 90, [SH_UNIT_YEAR] = 365};
    const enum sh_status status = sh_parser_expected(parser, "`minutes`, `hours`, `days`, `weeks` or `calendar`");
    if (unit < SH_UNIT_MONTH) return status;
    return sh_fail_hint(parser->err, status, "write last %lld calendar %ss, or last %lld days", (long long)count,
                        sh_unit_words[unit], (long long)count * days[unit]);
}

static enum sh_status parse_last(struct sh_parser *parser, struct sh_window *window) {
    const struct sh_token *token = sh_parser_token(parser);
    enum sh_unit unit = token->kind == SH_TOKEN_WORD ? sh_unit_of(token->text) : SH_UNIT_NONE;
    enum sh_status status;
    if (unit != SH_UNIT_NONE) {
        status = sh_parser_expected(parser, "a whole number after `last`");
        if (!sh_unit_is_calendar(unit))
            return sh_fail_hint(parser->err, status, "write last 1 %s", sh_unit_words[unit]);
        if (unit == SH_UNIT_DAY) return sh_fail_hint(parser->err, status, "write last 1 day, yesterday or today");
        return sh_fail_hint(parser->err, status, "write previous %s, this %s or last N days", sh_unit_words[unit],
                            sh_unit_words[unit]);
    }
    if ((status = sh_parse_count(parser, "after `last`", &window->count)) != SH_OK) return status;
    window->kind = SH_WINDOW_SLIDING;
    if (sh_parser_at_word(parser, "calendar")) {
        window->kind = SH_WINDOW_CALENDAR;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
    }
    unit = token->kind == SH_TOKEN_WORD ? sh_unit_of(token->text) : SH_UNIT_NONE;
    if (window->kind == SH_WINDOW_CALENDAR && !sh_unit_is_calendar(unit))
        return sh_parser_expected(parser, "`days`, `weeks`, `months`, `quarters` or `years` after `calendar`");
    if (window->kind == SH_WINDOW_SLIDING && !sh_unit_slides(unit)) return fail_last_unit(parser, window->count, unit);
    window->unit = unit;
    return sh_parser_next(parser);
}

/* A date or an instant: the checker reads it. */
static enum sh_status parse_moment(struct sh_parser *parser, const char *after, struct sh_literal *literal) {
    const struct sh_token *token = sh_parser_token(parser);
    if (token->kind == SH_TOKEN_STRING) return sh_parse_value(parser, after, literal);
    char what[80];
    (void)snprintf(what, sizeof what, "a date in quotes %s, such as '2026-03-01'", after);
    return sh_parser_expected(parser, what);
}

static enum sh_status parse_between(struct sh_parser *parser, struct sh_window *window) {
    window->kind = SH_WINDOW_BETWEEN;
    enum sh_status status;
    if ((status = parse_moment(parser, "after `between`", &window->from)) != SH_OK) return status;
    if ((status = sh_parser_pass_word(parser, "and", "`and` between the two dates")) != SH_OK) return status;
    return parse_moment(parser, "after `and`", &window->to);
}

/* 60 days ago */
static enum sh_status parse_ago(struct sh_parser *parser, const char *after, int64_t *count, enum sh_unit *unit) {
    const struct sh_token *token = sh_parser_token(parser);
    enum sh_status status;
    if (token->kind == SH_TOKEN_STRING) {
        status = sh_parser_expected(parser, "a whole number");
        return sh_fail_hint(parser->err, status, "dates stand behind between, on, since and before");
    }
    if ((status = sh_parse_count(parser, after, count)) != SH_OK) return status;
    *unit = token->kind == SH_TOKEN_WORD ? sh_unit_of(token->text) : SH_UNIT_NONE;
    if (!sh_unit_slides(*unit)) return sh_parser_expected(parser, "`minutes`, `hours`, `days` or `weeks`");
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    return sh_parser_pass_word(parser, "ago", "`ago`");
}

/* from 60 days ago to 30 days ago */
static enum sh_status parse_from(struct sh_parser *parser, struct sh_window *window) {
    enum sh_status status = parse_ago(parser, "after `from`", &window->count, &window->unit);
    if (status != SH_OK) return status;
    if ((status = sh_parser_pass_word(parser, "to", "`to` and the end of the window")) != SH_OK)
        return sh_fail_hint(parser->err, status, "from 60 days ago to 30 days ago; up to now is last 60 days");
    return parse_ago(parser, "after `to`", &window->end_count, &window->end_unit);
}

/* first(purchase), of within 7 days after first(purchase). */
static enum sh_status parse_anchor(struct sh_parser *parser, struct sh_window *window) {
    const struct sh_token token = *sh_parser_token(parser);
    struct sh_node *condition;
    enum sh_status status;
    const bool is_name = token.kind == SH_TOKEN_NAME || sh_token_is(&token, "item") ||
                         (token.kind == SH_TOKEN_WORD && !sh_word_is_reserved(token.text));
    if (!is_name) {
        status = sh_parser_expected(parser, window->is_before ? "a time after `before`" : "a time after `after`");
        if (token.kind == SH_TOKEN_STRING)
            return sh_fail_hint(parser->err, status, "dates stand behind between, on, since and before");
        return sh_fail_hint(parser->err, status, "such as first(purchase), last(purchase) or nth(2, purchase)");
    }
    window->anchor = sh_arena_alloc_zero(parser->arena, sizeof *window->anchor);
    if (window->anchor == NULL) return sh_parser_memory(parser);
    parser->in_anchor = true;
    status = sh_parse_operand(parser, window->anchor, &condition);
    parser->in_anchor = false;
    if (status != SH_OK || condition == NULL) return status;
    return sh_fail_hint(parser->err,
                        sh_fail(parser->err, SH_ERR_SYNTAX, token.position, "expected a time, found a condition"),
                        "such as first(purchase), last(purchase) or nth(2, purchase)");
}

/* within 7 days after first(purchase) */
static enum sh_status parse_within(struct sh_parser *parser, struct sh_window *window) {
    const struct sh_token *token = sh_parser_token(parser);
    if (parser->in_anchor)
        return sh_fail(parser->err, SH_ERR_SYNTAX, window->position,
                       "what a window is after or before has no such window of its own");
    enum sh_status status = sh_parse_count(parser, "after `within`", &window->count);
    if (status != SH_OK) return status;
    window->unit = token->kind == SH_TOKEN_WORD ? sh_unit_of(token->text) : SH_UNIT_NONE;
    if (!sh_unit_slides(window->unit))
        return sh_parser_expected(parser, "`minutes`, `hours`, `days` or `weeks` after `within`");
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    window->is_before = sh_parser_at_word(parser, "before");
    if (!window->is_before && !sh_parser_at_word(parser, "after")) {
        status = sh_parser_expected(parser, "`after` or `before` and a time, such as first(purchase)");
        return sh_fail_hint(parser->err, status, "up to now it is last %lld %s%s", (long long)window->count,
                            sh_unit_words[window->unit], window->count == 1 ? "" : "s");
    }
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    return parse_anchor(parser, window);
}

static enum sh_status fail_window(struct sh_parser *parser) {
    static const char *const words[] = {"last", "today",   "yesterday", "this",   "previous", "on",    "from",
                                        "ever", "between", "since",     "before", "next",     "within"};
    const struct sh_token *token = sh_parser_token(parser);
    const enum sh_status status = sh_parser_expected(
        parser, "a window (last N days, today, yesterday, this, previous, between, on, since, before, within)");
    if (sh_token_is(token, "where"))
        return sh_fail_hint(parser->err, status, "no comma before where: did(view where ..., last 7 days)");
    if (token->kind == SH_TOKEN_STRING)
        return sh_fail_hint(parser->err, status, "write on '%.*s', since '%.*s' or before '%.*s'",
                            SH_TEXT_ARGS(token->text), SH_TEXT_ARGS(token->text), SH_TEXT_ARGS(token->text));
    if (token->kind == SH_TOKEN_NUMBER)
        return sh_fail_hint(parser->err, status, "write last %.*s days", SH_TEXT_ARGS(token->text));
    if (sh_token_is(token, "next"))
        return sh_fail_hint(parser->err, status,
                            "events lie in the past; next is for attributes: birthday in next 7 days");
    if (sh_token_is(token, "after")) return sh_fail_hint(parser->err, status, "write since '...', which includes it");
    if (sh_token_is(token, "past")) return sh_fail_hint(parser->err, status, "write last");
    if (token->kind != SH_TOKEN_WORD) return status;
    struct sh_nearest search;
    sh_nearest_init(&search, token->text);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        sh_nearest_offer(&search, sh_text_of(words[i]));
    if (search.nearest.count > 0)
        return sh_fail_hint(parser->err, status, "did you mean %.*s?", SH_TEXT_ARGS(search.nearest));
    return sh_fail_hint(parser->err, status,
                        "conditions on the event stand behind where: did(view where ..., last 7 days)");
}

enum sh_status sh_parse_window(struct sh_parser *parser, struct sh_window *window) {
    const struct sh_token token = *sh_parser_token(parser);
    *window = (struct sh_window){.position = token.position};
    static const struct {
        const char *word;
        enum sh_window_kind kind;
        enum sh_unit unit;
    } starts[] = {
        {"last", SH_WINDOW_SLIDING, SH_UNIT_NONE},
        {"today", SH_WINDOW_THIS, SH_UNIT_DAY},
        {"yesterday", SH_WINDOW_PREVIOUS, SH_UNIT_DAY},
        {"this", SH_WINDOW_THIS, SH_UNIT_NONE},
        {"previous", SH_WINDOW_PREVIOUS, SH_UNIT_NONE},
        {"between", SH_WINDOW_BETWEEN, SH_UNIT_NONE},
        {"on", SH_WINDOW_ON, SH_UNIT_NONE},
        {"since", SH_WINDOW_SINCE, SH_UNIT_NONE},
        {"before", SH_WINDOW_BEFORE, SH_UNIT_NONE},
        {"from", SH_WINDOW_AGO, SH_UNIT_NONE},
        {"ever", SH_WINDOW_EVER, SH_UNIT_NONE},
        {"within", SH_WINDOW_WITHIN, SH_UNIT_NONE},
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        if (!sh_token_is(&token, starts[i].word)) continue;
        window->kind = starts[i].kind;
        window->unit = starts[i].unit;
        enum sh_status status = sh_parser_next(parser);
        if (status != SH_OK || starts[i].unit != SH_UNIT_NONE) return status;
        switch (window->kind) {
        case SH_WINDOW_EVER:
            return SH_OK;
        case SH_WINDOW_SLIDING:
            return parse_last(parser, window);
        case SH_WINDOW_AGO:
            return parse_from(parser, window);
        case SH_WINDOW_WITHIN:
            return parse_within(parser, window);
        case SH_WINDOW_BETWEEN:
            return parse_between(parser, window);
        case SH_WINDOW_ON:
            return parse_moment(parser, "after `on`", &window->from);
        case SH_WINDOW_SINCE:
            return parse_moment(parser, "after `since`", &window->from);
        case SH_WINDOW_BEFORE:
            return parse_moment(parser, "after `before`", &window->to);
        default: /* this, previous */
            window->unit =
                sh_parser_at(parser, SH_TOKEN_WORD) ? sh_unit_of(sh_parser_token(parser)->text) : SH_UNIT_NONE;
            if (!sh_unit_is_calendar(window->unit))
                return sh_parser_expected(parser, "`day`, `week`, `month`, `quarter` or `year`");
            return sh_parser_next(parser);
        }
    }
    return fail_window(parser);
}

/* ---- Functions ---- */

/* 3, of nth(3, purchase). */
static enum sh_status parse_place(struct sh_parser *parser, struct sh_operand *operand) {
    if (!sh_parser_at(parser, SH_TOKEN_NUMBER)) {
        const enum sh_status status = sh_parser_expected(parser, "a whole number in nth()");
        return sh_fail_hint(parser->err, status, "nth(3, purchase.amount) is the amount of the third");
    }
    const enum sh_status status = sh_parse_count(parser, "in nth()", &operand->nth);
    return status != SH_OK ? status : sh_parser_pass(parser, SH_TOKEN_COMMA, "`,` and an event type in nth()");
}

/* `distinct` is a keyword where a name follows; else it is the event type. */
static bool at_distinct(const struct sh_parser *parser) {
    if (!sh_parser_at_word(parser, "distinct")) return false;
    struct sh_lexer ahead = parser->lexer;
    ahead.err = NULL;
    if (sh_lexer_next(&ahead) != SH_OK) return false;
    return ahead.token.kind == SH_TOKEN_NAME ||
           (ahead.token.kind == SH_TOKEN_WORD && !sh_word_is_reserved(ahead.token.text));
}

/* "(" is the current token; behind it the event, perhaps .property, where, window and ")". */
static enum sh_status parse_event_body(struct sh_parser *parser, const char *function, enum sh_property_use use,
                                       struct sh_operand *operand) {
    enum sh_status status;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (operand->function == SH_FUNCTION_NTH && (status = parse_place(parser, operand)) != SH_OK) return status;
    const struct sh_token *token = sh_parser_token(parser);
    char what[80];
    (void)snprintf(what, sizeof what, "an event type in %s()", function);
    if (token->kind != SH_TOKEN_NAME && (token->kind != SH_TOKEN_WORD || sh_word_is_reserved(token->text))) {
        const struct sh_token found = *token;
        status = sh_parser_expected(parser, what);
        if (found.kind == SH_TOKEN_STRING)
            return sh_fail_hint(parser->err, status, "names stand without quotes, or in backticks: `%.*s`",
                                SH_TEXT_ARGS(found.text));
        return status;
    }
    operand->event = token->text;
    operand->event_position = token->position;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (sh_parser_at(parser, SH_TOKEN_DOT) && use != SH_PROPERTY_NEVER) {
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if (!sh_parser_at(parser, SH_TOKEN_NAME) && !sh_parser_at(parser, SH_TOKEN_WORD))
            return sh_parser_expected(parser, "a property of the event after `.`");
        operand->name = token->text;
        operand->name_position = token->position;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
    } else if (use == SH_PROPERTY_MUST) {
        (void)snprintf(what, sizeof what, "`.` and a property in %s()", function);
        status = sh_parser_expected(parser, what);
        if (operand->function == SH_FUNCTION_DISTINCT)
            return sh_fail_hint(parser->err, status, "such as count(distinct %.*s.item)", SH_TEXT_ARGS(operand->event));
        return sh_fail_hint(parser->err, status, "such as %s(%.*s.amount)", function, SH_TEXT_ARGS(operand->event));
    } else if (sh_parser_at(parser, SH_TOKEN_DOT)) {
        (void)snprintf(what, sizeof what, "`where`, `,` or `)` in %s()", function);
        status = sh_parser_expected(parser, what);
        if (operand->function == SH_FUNCTION_COUNT && sh_parser_next(parser) == SH_OK &&
            (sh_parser_at(parser, SH_TOKEN_WORD) || sh_parser_at(parser, SH_TOKEN_NAME)))
            return sh_fail_hint(parser->err, status, "to count its different values write count(distinct %.*s.%.*s)",
                                SH_TEXT_ARGS(operand->event), SH_TEXT_ARGS(token->text));
        return sh_fail_hint(parser->err, status, "%s() is about events, not about one property", function);
    }
    if (sh_parser_at_word(parser, "where")) {
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = sh_parse_expression(parser, &operand->where)) != SH_OK) return status;
    }
    if (sh_parser_at(parser, SH_TOKEN_COMMA)) {
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = sh_parse_window(parser, &operand->window)) != SH_OK) return status;
    }
    if (sh_parser_at(parser, SH_TOKEN_CLOSE)) return sh_parser_next(parser);
    if (operand->where != NULL && operand->window.kind == SH_WINDOW_EVER)
        return sh_parse_fail_behind(parser, ", `,` or `)`");
    const struct sh_token found = *token;
    status = sh_parser_expected(parser, operand->window.kind != SH_WINDOW_EVER ? "`)`" : "`where`, `,` or `)`");
    if (operand->window.kind != SH_WINDOW_EVER && sh_token_is(&found, "where"))
        return sh_fail_hint(parser->err, status, "where stands before the window: %s(%.*s where ..., last 7 days)",
                            function, SH_TEXT_ARGS(operand->event));
    if (operand->window.kind == SH_WINDOW_EVER && found.kind == SH_TOKEN_WORD)
        return sh_fail_hint(parser->err, status, "a window stands behind a comma, a condition behind where");
    return status;
}

/* count(purchase ...) or count(distinct purchase.store ...); "(" is the current token. */
static enum sh_status parse_count_of(struct sh_parser *parser, struct sh_operand *operand) {
    struct sh_parser ahead = *parser;
    ahead.lexer.err = NULL;
    if (sh_parser_next(&ahead) != SH_OK || !at_distinct(&ahead))
        return parse_event_body(parser, "count", SH_PROPERTY_NEVER, operand);
    operand->function = SH_FUNCTION_DISTINCT;
    const enum sh_status status = sh_parser_next(parser); /* `distinct` stands where "(" stood */
    return status != SH_OK ? status : parse_event_body(parser, "count", SH_PROPERTY_MUST, operand);
}

static enum sh_status parse_did(struct sh_parser *parser, uint32_t position, struct sh_node **node) {
    enum sh_status status = sh_parser_node(parser, SH_NODE_DID, position, node);
    if (status != SH_OK) return status;
    struct sh_operand *operand = &(*node)->operand;
    operand->function = SH_FUNCTION_COUNT;
    operand->position = position;
    return parse_event_body(parser, "did", SH_PROPERTY_NEVER, operand);
}

static enum sh_status parse_sample(struct sh_parser *parser, uint32_t position, struct sh_node **node) {
    enum sh_status status = sh_parser_node(parser, SH_NODE_SAMPLE, position, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    const struct sh_token *token = sh_parser_token(parser);
    if (token->kind != SH_TOKEN_NUMBER) return sh_parser_expected(parser, "a percentage, such as 10%, in sample()");
    if (!sh_sample_parts_of(token->text, &(*node)->sample_parts))
        return sh_fail(parser->err, SH_ERR_SYNTAX, token->position,
                       "expected a percentage from 0%% to 100%% with at most 4 digits after the point, found %.*s",
                       SH_TEXT_ARGS(token->text));
    const struct sh_text number = token->text;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (!sh_parser_at(parser, SH_TOKEN_PERCENT)) {
        status = sh_parser_expected(parser, "`%` after the number");
        return sh_fail_hint(parser->err, status, "sample(%.*s%%, 'seed') keeps %.*s of 100", SH_TEXT_ARGS(number),
                            SH_TEXT_ARGS(number));
    }
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (!sh_parser_at(parser, SH_TOKEN_COMMA)) {
        status = sh_parser_expected(parser, "`,` and a seed in quotes");
        return sh_fail_hint(parser->err, status, "sample(%.*s%%, 'spring'): the same seed keeps the same people",
                            SH_TEXT_ARGS(number));
    }
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (token->kind != SH_TOKEN_STRING) return sh_parser_expected(parser, "a seed in quotes");
    (*node)->sample_seed = token->text;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    return sh_parser_pass(parser, SH_TOKEN_CLOSE, "`)`");
}

static enum sh_status parse_segment(struct sh_parser *parser, uint32_t position, struct sh_node **node) {
    enum sh_status status = sh_parser_node(parser, SH_NODE_SEGMENT, position, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    if (!sh_parser_at(parser, SH_TOKEN_STRING)) return sh_parser_expected(parser, "the name of a segment in quotes");
    struct sh_literal name;
    if ((status = sh_parse_value(parser, "", &name)) != SH_OK) return status;
    if (!sh_node_add_literal(parser->arena, *node, name)) return sh_parser_memory(parser);
    return sh_parser_pass(parser, SH_TOKEN_CLOSE, "`)`");
}

/* consent('sms') is consent_sms = 'granted': contact.h (shard) has the names. */
static enum sh_status parse_consent(struct sh_parser *parser, uint32_t position, struct sh_node **node) {
    enum sh_status status = sh_parser_node(parser, SH_NODE_COMPARE, position, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    const struct sh_token token = *sh_parser_token(parser);
    if (token.kind != SH_TOKEN_STRING) return sh_parser_expected(parser, "a purpose in quotes: consent('sms')");
    static const char prefix[] = "consent_";
    const uint32_t prefix_count = sizeof prefix - 1;
    char *name = sh_arena_alloc(parser->arena, prefix_count + (size_t)token.text.count);
    if (name == NULL) return sh_parser_memory(parser);
    memcpy(name, prefix, prefix_count);
    if (token.text.count > 0) memcpy(name + prefix_count, token.text.bytes, token.text.count);
    (*node)->operand = (struct sh_operand){
        .name = {name, prefix_count + token.text.count}, .position = position, .name_position = token.position};
    (*node)->compare = SH_COMPARE_EQ;
    const struct sh_literal granted = {SH_LITERAL_TEXT, SH_TEXT_LITERAL("granted"), token.position};
    if (!sh_node_add_literal(parser->arena, *node, granted)) return sh_parser_memory(parser);
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    return sh_parser_pass(parser, SH_TOKEN_CLOSE, "`)`");
}

/* suppressed() is suppressed has 'all', suppressed('sms') is suppressed has any ('all', 'sms'). */
static enum sh_status parse_suppressed(struct sh_parser *parser, uint32_t position, struct sh_node **node) {
    enum sh_status status = sh_parser_node(parser, SH_NODE_HAS, position, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    (*node)->operand =
        (struct sh_operand){.name = SH_TEXT_LITERAL("suppressed"), .position = position, .name_position = position};
    (*node)->has = SH_HAS_ANY;
    const struct sh_literal all = {SH_LITERAL_TEXT, SH_TEXT_LITERAL("all"), position};
    if (!sh_node_add_literal(parser->arena, *node, all)) return sh_parser_memory(parser);
    if (sh_parser_at(parser, SH_TOKEN_STRING)) {
        struct sh_literal purpose;
        if ((status = sh_parse_value(parser, "", &purpose)) != SH_OK) return status;
        if (!sh_node_add_literal(parser->arena, *node, purpose)) return sh_parser_memory(parser);
    }
    return sh_parser_pass(parser, SH_TOKEN_CLOSE, "a purpose in quotes or `)`");
}

static enum sh_status fail_function(struct sh_parser *parser, const struct sh_token *word) {
    struct sh_nearest search;
    sh_nearest_init(&search, word->text);
    for (int i = SH_FUNCTION_COUNT; i <= SH_FUNCTION_EXPECTED_NEXT; i++)
        sh_nearest_offer(&search, sh_text_of(sh_function_words[i]));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("did"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("sequence"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("sample"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("in_segment"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("consent"));
    sh_nearest_offer(&search, SH_TEXT_LITERAL("suppressed"));
    const enum sh_status status =
        sh_fail(parser->err, SH_ERR_SYNTAX, word->position, "there is no function `%.*s`", SH_TEXT_ARGS(word->text));
    if (search.nearest.count > 0)
        return sh_fail_hint(parser->err, status, "did you mean %.*s()?", SH_TEXT_ARGS(search.nearest));
    return sh_fail_hint(
        parser->err, status,
        "the functions are did, count, sum, min, max, avg, first, last, nth, days, days_since, gap_min, gap_avg, "
        "gap_max, expected_next, sequence, sample, in_segment, consent, suppressed");
}

/* ---- Operands ---- */

/* `item` was read: item.name, or item alone, which is item.id. */
static enum sh_status parse_item(struct sh_parser *parser, struct sh_operand *operand) {
    operand->of_item = true;
    operand->name = SH_TEXT_LITERAL("id");
    if (!sh_parser_at(parser, SH_TOKEN_DOT)) return SH_OK;
    const enum sh_status status = sh_parser_next(parser);
    if (status != SH_OK) return status;
    if (!sh_parser_at(parser, SH_TOKEN_NAME) && !sh_parser_at(parser, SH_TOKEN_WORD))
        return sh_parser_expected(parser, "an attribute or tag set of the item after `.`");
    operand->name = sh_parser_token(parser)->text;
    operand->name_position = sh_parser_token(parser)->position;
    return sh_parser_next(parser);
}

/* rfm.r: `word` is a group, the current token is the point. The name is the text as it stands, without blanks. */
static enum sh_status parse_derived(struct sh_parser *parser, const struct sh_token *word, struct sh_operand *operand) {
    const struct sh_token dot = *sh_parser_token(parser);
    enum sh_status status = sh_parser_next(parser);
    if (status != SH_OK) return status;
    const struct sh_token part = *sh_parser_token(parser);
    const uint32_t dot_place = word->position + word->text.count;
    operand->name = (struct sh_text){word->text.bytes, word->text.count + 1 + part.text.count};
    const bool is_joined = dot.position == dot_place && part.position == dot_place + 1;
    if (part.kind != SH_TOKEN_WORD || !is_joined || !sh_derived_is_name(operand->name)) {
        status = sh_fail(parser->err, SH_ERR_SYNTAX, part.position, "expected a name right behind `%.*s.`",
                         SH_TEXT_ARGS(word->text));
        return sh_fail_hint(parser->err, status, "such as rfm.r, value.amount or score.loyalty");
    }
    return sh_parser_next(parser);
}

/* `name.`: the current token is the point. */
static enum sh_status fail_dot(struct sh_parser *parser, const struct sh_token *word) {
    const uint32_t position = sh_parser_token(parser)->position;
    enum sh_status status = sh_parser_next(parser);
    if (status != SH_OK) return status;
    const struct sh_token *part = sh_parser_token(parser);
    status = sh_fail(parser->err, SH_ERR_SYNTAX, position, "only `item` has parts, as in item.category");
    if (part->kind != SH_TOKEN_WORD && part->kind != SH_TOKEN_NAME) return status;
    return sh_fail_hint(parser->err, status,
                        "a property of events is aggregated: sum(%.*s.%.*s); a name with a point in it is `%.*s.%.*s`",
                        SH_TEXT_ARGS(word->text), SH_TEXT_ARGS(part->text), SH_TEXT_ARGS(word->text),
                        SH_TEXT_ARGS(part->text));
}

enum sh_status sh_parse_operand(struct sh_parser *parser, struct sh_operand *operand, struct sh_node **condition) {
    const struct sh_token word = *sh_parser_token(parser);
    *condition = NULL;
    *operand = (struct sh_operand){.name = word.text, .position = word.position, .name_position = word.position};
    const bool item = sh_token_is(&word, "item");
    if (word.kind != SH_TOKEN_NAME && (word.kind != SH_TOKEN_WORD || (!item && sh_word_is_reserved(word.text))))
        return sh_parser_expected(parser, "a condition");
    enum sh_status status;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (item) return parse_item(parser, operand);
    if (sh_parser_at(parser, SH_TOKEN_DOT) && word.kind == SH_TOKEN_WORD && sh_derived_is_group(word.text))
        return parse_derived(parser, &word, operand);
    if (sh_parser_at(parser, SH_TOKEN_DOT)) return fail_dot(parser, &word);
    if (word.kind == SH_TOKEN_NAME || !sh_parser_at(parser, SH_TOKEN_OPEN)) return SH_OK;
    if (sh_token_is(&word, "did")) return parse_did(parser, word.position, condition);
    if (sh_token_is(&word, "sequence")) return sh_parse_sequence(parser, word.position, condition);
    if (sh_token_is(&word, "sample")) return parse_sample(parser, word.position, condition);
    if (sh_token_is(&word, "consent")) return parse_consent(parser, word.position, condition);
    if (sh_token_is(&word, "suppressed")) return parse_suppressed(parser, word.position, condition);
    if (sh_token_is(&word, "in_segment")) return parse_segment(parser, word.position, condition);
    operand->function = sh_function_of(word.text);
    operand->name = (struct sh_text){NULL, 0};
    if (operand->function == SH_FUNCTION_NONE) return fail_function(parser, &word);
    if (operand->function == SH_FUNCTION_COUNT) return parse_count_of(parser, operand);
    return parse_event_body(parser, sh_function_words[operand->function], sh_function_property_use(operand->function),
                            operand);
}
