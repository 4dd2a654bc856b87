/* Conditions and how they are joined. The grammar is in query_form.h. */
#include <stdio.h>

#include "bounds.h"
#include "query_form.h"
#include "query_parser.h"

/* ---- Shared by both halves ---- */

enum sh_status sh_parser_expected(struct sh_parser *parser, const char *what) {
    char words[SH_TOKEN_WORDS_BYTES];
    const struct sh_token *token = sh_parser_token(parser);
    return sh_fail(parser->err, SH_ERR_SYNTAX, token->position, "expected %s, found %s", what,
                   sh_token_describe(token, words));
}

enum sh_status sh_parser_pass(struct sh_parser *parser, enum sh_token_kind kind, const char *what) {
    if (!sh_parser_at(parser, kind)) return sh_parser_expected(parser, what);
    return sh_parser_next(parser);
}

enum sh_status sh_parser_pass_word(struct sh_parser *parser, const char *keyword, const char *what) {
    if (!sh_parser_at_word(parser, keyword)) return sh_parser_expected(parser, what);
    return sh_parser_next(parser);
}

enum sh_status sh_parser_memory(struct sh_parser *parser) {
    return sh_fail(parser->err, SH_ERR_LIMIT, -1, "the expression does not fit the memory of one request");
}

enum sh_status sh_parser_node(struct sh_parser *parser, enum sh_node_kind kind, uint32_t position,
                              struct sh_node **node) {
    if (++parser->node_count > SH_EXPRESSION_NODE_COUNT_MAX)
        return sh_fail(parser->err, SH_ERR_LIMIT, position, "an expression has at most %d conditions",
                       SH_EXPRESSION_NODE_COUNT_MAX);
    *node = sh_node_make(parser->arena, kind, position);
    return *node == NULL ? sh_parser_memory(parser) : SH_OK;
}

static enum sh_status enter(struct sh_parser *parser) {
    if (++parser->depth <= SH_PARSER_DEPTH_MAX) return SH_OK;
    return sh_fail(parser->err, SH_ERR_LIMIT, sh_parser_token(parser)->position, "conditions are nested deeper than %d",
                   SH_EXPRESSION_DEPTH_MAX);
}

static bool nearest_of(struct sh_text wanted, const char *const *words, size_t count, struct sh_text *nearest) {
    struct sh_nearest search;
    sh_nearest_init(&search, wanted);
    for (size_t i = 0; i < count; i++)
        sh_nearest_offer(&search, sh_text_of(words[i]));
    *nearest = search.nearest;
    return search.nearest.count > 0;
}

enum sh_status sh_parse_fail_behind(struct sh_parser *parser, const char *closing) {
    static const char *const joins[] = {"and", "or"};
    static const char *const windows[] = {"last", "today", "yesterday", "this", "previous", "since", "before", "on"};
    const struct sh_token *token = sh_parser_token(parser);
    char what[64];
    (void)snprintf(what, sizeof what, "`and`, `or`%s", closing);
    const enum sh_status status = sh_parser_expected(parser, what);
    struct sh_text nearest;
    if (token->after_string)
        return sh_fail_hint(parser->err, status, "a quote inside a text is written twice: 'it''s'");
    switch (token->kind) {
    case SH_TOKEN_COMPARE:
        return sh_fail_hint(parser->err, status,
                            "comparisons do not chain: write x between 5 and 10, or join two with and");
    case SH_TOKEN_CLOSE:
        return sh_fail_hint(parser->err, status, "there is no ( for this )");
    case SH_TOKEN_WORD:
        for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
            if (sh_token_is(token, windows[i]))
                return sh_fail_hint(parser->err, status, "a comma stands before a window: did(view, last 7 days)");
        if (nearest_of(token->text, joins, 2, &nearest))
            return sh_fail_hint(parser->err, status, "did you mean %.*s?", SH_TEXT_ARGS(nearest));
        return sh_fail_hint(parser->err, status, "join conditions with and, or");
    case SH_TOKEN_END:
        return status;
    default:
        return sh_fail_hint(parser->err, status, "join conditions with and, or");
    }
}

/* ---- What is asked of an operand ---- */

static enum sh_status make_asked(struct sh_parser *parser, enum sh_node_kind kind, const struct sh_operand *operand,
                                 bool negated, struct sh_node **node) {
    const enum sh_status status = sh_parser_node(parser, kind, operand->position, node);
    if (status != SH_OK) return status;
    (*node)->operand = *operand;
    (*node)->negated = negated;
    return SH_OK;
}

/* Behind >=, starts with and the like: one value. */
static enum sh_status add_value(struct sh_parser *parser, const char *after, struct sh_node *node) {
    struct sh_literal literal;
    const enum sh_status status = sh_parse_value(parser, after, &literal);
    if (status != SH_OK) return status;
    return sh_node_add_literal(parser->arena, node, literal) ? SH_OK : sh_parser_memory(parser);
}

static enum sh_status parse_compare(struct sh_parser *parser, const struct sh_operand *operand, struct sh_node **node) {
    const enum sh_compare compare = sh_parser_token(parser)->compare;
    const enum sh_status status = sh_parser_next(parser);
    return status != SH_OK ? status : sh_parse_compared(parser, operand, compare, node);
}

static enum sh_status parse_between(struct sh_parser *parser, const struct sh_operand *operand, bool negated,
                                    struct sh_node **node) {
    enum sh_status status = make_asked(parser, SH_NODE_BETWEEN, operand, negated, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    if ((status = add_value(parser, "after `between`", *node)) != SH_OK) return status;
    if ((status = sh_parser_pass_word(parser, "and", "`and` between the two bounds")) != SH_OK) return status;
    return add_value(parser, "after `and`", *node);
}

/* in (list), in next N days, in <window>. */
static enum sh_status parse_in(struct sh_parser *parser, const struct sh_operand *operand, bool negated,
                               struct sh_node **node) {
    enum sh_status status = make_asked(parser, SH_NODE_IN, operand, negated, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    const struct sh_token *token = sh_parser_token(parser);
    if (token->kind != SH_TOKEN_WORD) return sh_parse_values(parser, "after `in`", *node);
    if (negated) {
        status = sh_parser_expected(parser, "a list in parentheses after `not in`");
        return sh_fail_hint(parser->err, status, "for a window write not %.*s in ...", SH_TEXT_ARGS(operand->name));
    }
    if (!sh_token_is(token, "next")) {
        (*node)->kind = SH_NODE_WINDOW;
        return sh_parse_window(parser, &(*node)->window);
    }
    (*node)->kind = SH_NODE_NEXT;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if ((status = sh_parse_count(parser, "after `next`", &(*node)->count)) != SH_OK) return status;
    const enum sh_unit unit = token->kind == SH_TOKEN_WORD ? sh_unit_of(token->text) : SH_UNIT_NONE;
    if (unit == SH_UNIT_WEEK) {
        (*node)->count *= 7;
        if ((*node)->count > SH_WINDOW_COUNT_MAX)
            return sh_fail(parser->err, SH_ERR_SYNTAX, token->position, "expected at most %d days",
                           SH_WINDOW_COUNT_MAX);
    } else if (unit != SH_UNIT_DAY) {
        return sh_parser_expected(parser, "`days` or `weeks`");
    }
    return sh_parser_next(parser);
}

static enum sh_status parse_is(struct sh_parser *parser, const struct sh_operand *operand, struct sh_node **node) {
    enum sh_status status = make_asked(parser, SH_NODE_MISSING, operand, false, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    if (sh_parser_at_word(parser, "not")) {
        (*node)->negated = true;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
    }
    if (sh_parser_at_word(parser, "missing")) return sh_parser_next(parser);
    const struct sh_token *token = sh_parser_token(parser);
    status = sh_parser_expected(parser, (*node)->negated ? "`missing` after `is not`"
                                                         : "`missing` or `not missing` after `is`");
    if (sh_token_is(token, "null") || sh_token_is(token, "empty"))
        return sh_fail_hint(parser->err, status, "write is %smissing", (*node)->negated ? "not " : "");
    if (token->kind == SH_TOKEN_STRING || token->kind == SH_TOKEN_WORD)
        return sh_fail_hint(parser->err, status, "compare with %s: %s '%.*s'", (*node)->negated ? "!=" : "=",
                            (*node)->negated ? "!=" : "=", SH_TEXT_ARGS(token->text));
    return status;
}

static enum sh_status parse_has(struct sh_parser *parser, const struct sh_operand *operand, struct sh_node **node) {
    enum sh_status status = make_asked(parser, SH_NODE_HAS, operand, false, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    for (int i = 0; i < 3; i++) {
        if (!sh_parser_at_word(parser, sh_has_words[i])) continue;
        (*node)->has = (enum sh_has)i;
        char after[24];
        (void)snprintf(after, sizeof after, "after `has %s`", sh_has_words[i]);
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        return sh_parse_values(parser, after, *node);
    }
    (*node)->has = SH_HAS_ANY;
    if (sh_parser_at(parser, SH_TOKEN_OPEN)) {
        status = sh_parser_expected(parser, "a tag, `any`, `all` or `none` after `has`");
        return sh_fail_hint(parser->err, status,
                            "of several tags write has any (...), has all (...) or has none (...)");
    }
    return add_value(parser, "after `has`", *node);
}

/* starts with, contains. */
static enum sh_status parse_part(struct sh_parser *parser, const struct sh_operand *operand, bool negated,
                                 struct sh_node **node) {
    const bool starts = sh_parser_at_word(parser, "starts");
    enum sh_status status = make_asked(parser, starts ? SH_NODE_STARTS : SH_NODE_CONTAINS, operand, negated, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    if (starts && (status = sh_parser_pass_word(parser, "with", "`with` after `starts`")) != SH_OK) return status;
    return add_value(parser, starts ? "after `starts with`" : "after `contains`", *node);
}

static enum sh_status parse_under(struct sh_parser *parser, const struct sh_operand *operand, bool negated,
                                  struct sh_node **node) {
    enum sh_status status = make_asked(parser, SH_NODE_UNDER, operand, negated, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    return add_value(parser, "after `under`", *node);
}

/* Neither a comparison nor the end of the condition stands behind the operand. */
static enum sh_status fail_asked(struct sh_parser *parser, const struct sh_operand *operand) {
    static const char *const words[] = {"in", "between", "is", "has", "starts", "contains", "under", "and", "or"};
    const struct sh_token *token = sh_parser_token(parser);
    char what[160];
    struct sh_text subject = operand->function == SH_FUNCTION_NONE ? operand->name : operand->event;
    const char *function = operand->function == SH_FUNCTION_NONE ? NULL : sh_function_words[operand->function];
    (void)snprintf(what, sizeof what, "a comparison (= != < <= > >= in, between, is%s) after `%s%s%.*s%s`",
                   function == NULL ? ", has, starts with, contains" : "", function == NULL ? "" : function,
                   function == NULL ? "" : "(", SH_TEXT_ARGS(subject), function == NULL ? "" : ")");
    const enum sh_status status = sh_parser_expected(parser, what);
    struct sh_text nearest;
    if (operand->function == SH_FUNCTION_COUNT)
        return sh_fail_hint(parser->err, status, "did(%.*s) asks for at least one", SH_TEXT_ARGS(operand->event));
    if (function != NULL) return status;
    if (token->kind == SH_TOKEN_STRING)
        return sh_fail_hint(parser->err, status, "write %.*s = '%.*s'", SH_TEXT_ARGS(subject),
                            SH_TEXT_ARGS(token->text));
    if (sh_token_is(token, "like"))
        return sh_fail_hint(parser->err, status, "write contains '...' or starts with '...'");
    if (sh_token_is(token, "equals") || sh_token_is(token, "eq")) return sh_fail_hint(parser->err, status, "write =");
    if (token->kind == SH_TOKEN_OPEN)
        return sh_fail_hint(parser->err, status, "`%.*s` in backticks is a name, not a function",
                            SH_TEXT_ARGS(subject));
    if (token->kind == SH_TOKEN_WORD && nearest_of(token->text, words, sizeof words / sizeof words[0], &nearest))
        return sh_fail_hint(parser->err, status, "did you mean %.*s?", SH_TEXT_ARGS(nearest));
    if (token->kind == SH_TOKEN_WORD || token->kind == SH_TOKEN_NAME)
        return sh_fail_hint(parser->err, status, "a name with blanks in it stands in backticks: `%.*s %.*s`",
                            SH_TEXT_ARGS(subject), SH_TEXT_ARGS(token->text));
    return status;
}

/* A bool on its own: `vip` is vip = true. */
static enum sh_status parse_bare(struct sh_parser *parser, const struct sh_operand *operand, struct sh_node **node) {
    const struct sh_token *token = sh_parser_token(parser);
    const bool ends = token->kind == SH_TOKEN_END || token->kind == SH_TOKEN_CLOSE || token->kind == SH_TOKEN_COMMA ||
                      token->kind == SH_TOKEN_ARROW || sh_token_is(token, "and") || sh_token_is(token, "or");
    if (!ends || operand->function != SH_FUNCTION_NONE) return fail_asked(parser, operand);
    const enum sh_status status = make_asked(parser, SH_NODE_COMPARE, operand, false, node);
    if (status != SH_OK) return status;
    (*node)->compare = SH_COMPARE_EQ;
    const struct sh_literal yes = {SH_LITERAL_BOOL, SH_TEXT_LITERAL("true"), operand->position};
    return sh_node_add_literal(parser->arena, *node, yes) ? SH_OK : sh_parser_memory(parser);
}

/* An operand was read, and a calculation goes on. */
static enum sh_status parse_calculated(struct sh_parser *parser, struct sh_lexer begin,
                                       const struct sh_operand *operand, struct sh_node **node) {
    struct sh_term *first;
    const enum sh_status status = sh_parser_term(parser, SH_TERM_OPERAND, operand->position, &first);
    if (status != SH_OK) return status;
    first->operand = *operand;
    return sh_parse_calculated(parser, begin, first, node);
}

static enum sh_status parse_asked(struct sh_parser *parser, const struct sh_operand *operand, struct sh_node **node) {
    if (sh_parser_at(parser, SH_TOKEN_COMPARE)) return parse_compare(parser, operand, node);
    enum sh_status status;
    bool negated = false;
    if (sh_parser_at_word(parser, "not")) {
        negated = true;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
    }
    if (sh_parser_at_word(parser, "in")) return parse_in(parser, operand, negated, node);
    if (sh_parser_at_word(parser, "between")) return parse_between(parser, operand, negated, node);
    if (sh_parser_at_word(parser, "starts") || sh_parser_at_word(parser, "contains"))
        return parse_part(parser, operand, negated, node);
    if (sh_parser_at_word(parser, "under")) return parse_under(parser, operand, negated, node);
    if (negated) {
        const bool has = sh_parser_at_word(parser, "has");
        status = sh_parser_expected(parser, "`in`, `between`, `starts with`, `contains` or `under` after `not`");
        if (!has) return status;
        return sh_fail_hint(parser->err, status, "write not %.*s has ..., or %.*s has none (...)",
                            SH_TEXT_ARGS(operand->name), SH_TEXT_ARGS(operand->name));
    }
    if (sh_parser_at_word(parser, "is")) return parse_is(parser, operand, node);
    if (sh_parser_at_word(parser, "has")) return parse_has(parser, operand, node);
    return parse_bare(parser, operand, node);
}

/* ---- Conditions ---- */

/* 5 < points: turned round to points > 5. */
static enum sh_status parse_turned(struct sh_parser *parser, struct sh_literal literal, struct sh_node **node) {
    static const enum sh_compare turned[] = {
        [SH_COMPARE_EQ] = SH_COMPARE_EQ, [SH_COMPARE_NE] = SH_COMPARE_NE, [SH_COMPARE_LT] = SH_COMPARE_GT,
        [SH_COMPARE_LE] = SH_COMPARE_GE, [SH_COMPARE_GT] = SH_COMPARE_LT, [SH_COMPARE_GE] = SH_COMPARE_LE};
    enum sh_status status;
    if (!sh_parser_at(parser, SH_TOKEN_COMPARE)) {
        const bool in = sh_parser_at_word(parser, "in");
        status = sh_parser_expected(parser, "a comparison behind a value");
        if (in && literal.kind == SH_LITERAL_TEXT)
            return sh_fail_hint(parser->err, status, "for tags write tags has '%.*s'", SH_TEXT_ARGS(literal.text));
        if (literal.kind == SH_LITERAL_TEXT)
            return sh_fail_hint(parser->err, status, "quotes make a value; a name stands bare or in backticks: `%.*s`",
                                SH_TEXT_ARGS(literal.text));
        return status;
    }
    const enum sh_compare compare = sh_parser_token(parser)->compare;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    const enum sh_token_kind kind = sh_parser_token(parser)->kind;
    if (kind != SH_TOKEN_WORD && kind != SH_TOKEN_NAME) {
        status = sh_parser_expected(parser, "a name: two values cannot be compared");
        if (literal.kind == SH_LITERAL_TEXT)
            return sh_fail_hint(parser->err, status, "quotes make a value; a name stands bare or in backticks: `%.*s`",
                                SH_TEXT_ARGS(literal.text));
        return status;
    }
    struct sh_operand operand;
    struct sh_node *condition;
    if ((status = sh_parse_operand(parser, &operand, &condition)) != SH_OK) return status;
    if (condition != NULL)
        return sh_fail(parser->err, SH_ERR_SYNTAX, condition->position,
                       "expected a name or a function with a value, found a condition");
    if ((status = make_asked(parser, SH_NODE_COMPARE, &operand, false, node)) != SH_OK) return status;
    (*node)->position = literal.position;
    (*node)->compare = turned[compare];
    return sh_node_add_literal(parser->arena, *node, literal) ? SH_OK : sh_parser_memory(parser);
}

static enum sh_status parse_parenthesis(struct sh_parser *parser, struct sh_node **node) {
    const uint32_t position = sh_parser_token(parser)->position;
    enum sh_status status;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if ((status = sh_parse_expression(parser, node)) != SH_OK) return status;
    if (sh_parser_at(parser, SH_TOKEN_CLOSE)) return sh_parser_next(parser);
    const bool end = sh_parser_at(parser, SH_TOKEN_END);
    status = sh_parse_fail_behind(parser, " or `)`");
    if (end) return sh_fail_hint(parser->err, status, "the ( at byte %u is not closed", position);
    return status;
}

static enum sh_status parse_condition(struct sh_parser *parser, struct sh_node **node) {
    const struct sh_token token = *sh_parser_token(parser);
    const struct sh_lexer begin = parser->lexer;
    enum sh_status status;
    if (token.kind == SH_TOKEN_MINUS || (token.kind == SH_TOKEN_OPEN && sh_parser_opens_value(parser)))
        return sh_parse_calculated(parser, begin, NULL, node);
    if (token.kind == SH_TOKEN_OPEN) return parse_parenthesis(parser, node);
    const bool constant = sh_token_is(&token, "true") || sh_token_is(&token, "false");
    if (constant || token.kind == SH_TOKEN_NUMBER || token.kind == SH_TOKEN_STRING) {
        struct sh_literal literal;
        if ((status = sh_parse_value(parser, "", &literal)) != SH_OK) return status;
        if (token.kind == SH_TOKEN_NUMBER && sh_parser_at(parser, SH_TOKEN_COMPARE))
            return sh_parse_number_compared(parser, literal, node);
        if (token.kind == SH_TOKEN_NUMBER && (sh_parser_at_calculation(parser) || sh_parser_at_span_unit(parser))) {
            parser->lexer = begin;
            return sh_parse_calculated(parser, begin, NULL, node);
        }
        if (!constant || sh_parser_at(parser, SH_TOKEN_COMPARE)) return parse_turned(parser, literal, node);
        const bool yes = sh_token_is(&token, "true");
        return sh_parser_node(parser, yes ? SH_NODE_TRUE : SH_NODE_FALSE, token.position, node);
    }
    struct sh_operand operand;
    struct sh_node *condition;
    if ((status = sh_parse_operand(parser, &operand, &condition)) != SH_OK) return status;
    if (condition == NULL && sh_parser_at_calculation(parser)) return parse_calculated(parser, begin, &operand, node);
    if (condition == NULL) return parse_asked(parser, &operand, node);
    *node = condition;
    return SH_OK;
}

static enum sh_status parse_not(struct sh_parser *parser, struct sh_node **node) {
    if (!sh_parser_at_word(parser, "not")) return parse_condition(parser, node);
    enum sh_status status;
    if ((status = enter(parser)) != SH_OK) return status;
    if ((status = sh_parser_node(parser, SH_NODE_NOT, sh_parser_token(parser)->position, node)) != SH_OK) return status;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if ((status = parse_not(parser, &(*node)->child)) != SH_OK) return status;
    parser->depth--;
    return SH_OK;
}

/* One or more of parse_one, joined by the word; a single one stays itself. */
static enum sh_status parse_joined(struct sh_parser *parser, enum sh_node_kind kind, const char *word,
                                   enum sh_status (*parse_one)(struct sh_parser *, struct sh_node **),
                                   struct sh_node **node) {
    enum sh_status status = parse_one(parser, node);
    if (status != SH_OK || !sh_parser_at_word(parser, word)) return status;
    struct sh_node *joined;
    if ((status = sh_parser_node(parser, kind, (*node)->position, &joined)) != SH_OK) return status;
    joined->child = *node;
    struct sh_node **last = &joined->child->next;
    while (sh_parser_at_word(parser, word)) {
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = parse_one(parser, last)) != SH_OK) return status;
        last = &(*last)->next;
    }
    *node = joined;
    return SH_OK;
}

static enum sh_status parse_and(struct sh_parser *parser, struct sh_node **node) {
    return parse_joined(parser, SH_NODE_AND, "and", parse_not, node);
}

enum sh_status sh_parse_expression(struct sh_parser *parser, struct sh_node **node) {
    enum sh_status status;
    if ((status = enter(parser)) != SH_OK) return status;
    if ((status = parse_joined(parser, SH_NODE_OR, "or", parse_and, node)) != SH_OK) return status;
    parser->depth--;
    return SH_OK;
}

/* ---- The door ---- */

static enum sh_status check_text(struct sh_text text, struct sh_error *err) {
    if (text.count > SH_EXPRESSION_BYTES_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "an expression has at most %d bytes, this one has %u",
                       SH_EXPRESSION_BYTES_MAX, text.count);
    if (sh_text_is_utf8(text)) return SH_OK;
    uint32_t good = 0; /* bytes of well-formed characters in front */
    for (uint32_t count = 1; good < text.count && count <= 4 && count <= text.count - good; count++) {
        if (!sh_text_is_utf8((struct sh_text){text.bytes + good, count})) continue;
        good += count;
        count = 0;
    }
    return sh_fail(err, SH_ERR_SYNTAX, good, "the expression is not UTF-8 here, or has a zero byte");
}

/* At the first token of a copy of the text. */
static enum sh_status begin(struct sh_parser *parser, struct sh_text text) {
    const enum sh_status status = check_text(text, parser->err);
    if (status != SH_OK) return status;
    const char *copy = sh_arena_copy(parser->arena, text.bytes, text.count);
    if (copy == NULL) return sh_parser_memory(parser);
    sh_lexer_init(&parser->lexer, (struct sh_text){copy, text.count}, parser->arena, parser->err);
    return sh_parser_next(parser);
}

enum sh_status sh_query_parse_term(struct sh_text text, struct sh_arena *arena, struct sh_term **term,
                                   struct sh_error *err) {
    struct sh_parser parser = {.arena = arena, .err = err};
    enum sh_status status = begin(&parser, text);
    if (status != SH_OK || (status = sh_parse_term(&parser, NULL, term)) != SH_OK) return status;
    if (sh_parser_at(&parser, SH_TOKEN_END)) return SH_OK;
    return sh_parser_expected(&parser, "`+`, `-`, `*`, `/` or the end of the calculation");
}

enum sh_status sh_query_parse(struct sh_text text, struct sh_arena *arena, struct sh_node **tree,
                              struct sh_error *err) {
    struct sh_parser parser = {.arena = arena, .err = err};
    enum sh_status status = begin(&parser, text);
    if (status != SH_OK) return status;
    if (sh_parser_at(&parser, SH_TOKEN_END)) {
        *tree = sh_node_make(arena, SH_NODE_TRUE, 0);
        return *tree == NULL ? sh_parser_memory(&parser) : SH_OK;
    }
    if ((status = sh_parse_expression(&parser, tree)) != SH_OK) return status;
    if (!sh_parser_at(&parser, SH_TOKEN_END)) return sh_parse_fail_behind(&parser, " or the end of the expression");
    return sh_query_canonicalize(arena, tree, err);
}
