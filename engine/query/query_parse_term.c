/* Calculations: * and / bind tighter than + and -, which go from left to right. The grammar is in query_form.h. */
#include "bounds.h"
#include "query_parser.h"

enum sh_status sh_parser_term(struct sh_parser *parser, enum sh_term_kind kind, uint32_t position,
                              struct sh_term **term) {
    const bool is_value = kind == SH_TERM_NUMBER || kind == SH_TERM_OPERAND;
    if (is_value && ++parser->value_count > SH_CALCULATION_VALUE_COUNT_MAX)
        return sh_fail(parser->err, SH_ERR_LIMIT, position, "a comparison calculates with at most %d values",
                       SH_CALCULATION_VALUE_COUNT_MAX);
    *term = sh_arena_alloc_zero(parser->arena, sizeof **term);
    if (*term == NULL) return sh_parser_memory(parser);
    (*term)->kind = kind;
    (*term)->position = position;
    return SH_OK;
}

static bool at_signed_number(const struct sh_parser *parser) {
    return sh_parser_at(parser, SH_TOKEN_NUMBER) && sh_parser_token(parser)->has_sign;
}

bool sh_parser_at_calculation(const struct sh_parser *parser) {
    switch (sh_parser_token(parser)->kind) {
    case SH_TOKEN_PLUS:
    case SH_TOKEN_MINUS:
    case SH_TOKEN_STAR:
    case SH_TOKEN_SLASH:
        return true;
    default:
        return at_signed_number(parser);
    }
}

bool sh_parser_opens_value(const struct sh_parser *parser) {
    struct sh_parser ahead = *parser;
    uint32_t open_count = 0;
    ahead.lexer.err = NULL; /* what is wrong is said when it is read */
    do {
        open_count += sh_parser_at(&ahead, SH_TOKEN_OPEN);
        open_count -= sh_parser_at(&ahead, SH_TOKEN_CLOSE);
        if (sh_parser_at(&ahead, SH_TOKEN_END) || sh_parser_next(&ahead) != SH_OK) return false;
    } while (open_count > 0);
    if (sh_parser_at(&ahead, SH_TOKEN_COMPARE) || sh_parser_at_calculation(&ahead)) return true;
    if (sh_parser_at_word(&ahead, "not") && sh_parser_next(&ahead) != SH_OK) return false;
    return sh_parser_at_word(&ahead, "between") || sh_parser_at_word(&ahead, "in") || sh_parser_at_word(&ahead, "is");
}

static enum sh_status join(struct sh_parser *parser, enum sh_term_kind kind, struct sh_term *left,
                           struct sh_term *right, struct sh_term **joined) {
    const enum sh_status status = sh_parser_term(parser, kind, left->position, joined);
    if (status != SH_OK) return status;
    (*joined)->left = left;
    (*joined)->right = right;
    return SH_OK;
}

bool sh_parser_at_span_unit(const struct sh_parser *parser) {
    return sh_parser_at(parser, SH_TOKEN_WORD) && sh_unit_slides(sh_unit_of(sh_parser_token(parser)->text));
}

/* A number, or a span: 30 days. */
static enum sh_status parse_number(struct sh_parser *parser, struct sh_term **term) {
    enum sh_status status = sh_parser_term(parser, SH_TERM_NUMBER, sh_parser_token(parser)->position, term);
    if (status != SH_OK || (status = sh_parse_value(parser, "", &(*term)->number)) != SH_OK) return status;
    if (!sh_parser_at_span_unit(parser)) return SH_OK;
    (*term)->unit = sh_unit_of(sh_parser_token(parser)->text);
    return sh_parser_next(parser);
}

static enum sh_status parse_primary(struct sh_parser *parser, struct sh_term **term);

static enum sh_status parse_group(struct sh_parser *parser, struct sh_term **term) {
    const uint32_t position = sh_parser_token(parser)->position;
    enum sh_status status = sh_parser_next(parser);
    if (status != SH_OK || (status = sh_parse_term(parser, NULL, term)) != SH_OK) return status;
    const bool end = sh_parser_at(parser, SH_TOKEN_END);
    status = sh_parser_pass(parser, SH_TOKEN_CLOSE, "`+`, `-`, `*`, `/` or `)`");
    if (end) return sh_fail_hint(parser->err, status, "the ( at byte %u is not closed", position);
    return status;
}

/* -x is 0 - x. */
static enum sh_status parse_negated(struct sh_parser *parser, struct sh_term **term) {
    struct sh_term *zero;
    struct sh_term *value;
    enum sh_status status = sh_parser_term(parser, SH_TERM_NUMBER, sh_parser_token(parser)->position, &zero);
    if (status != SH_OK) return status;
    zero->number = (struct sh_literal){SH_LITERAL_NUMBER, SH_TEXT_LITERAL("0"), zero->position};
    if ((status = sh_parser_next(parser)) != SH_OK || (status = parse_primary(parser, &value)) != SH_OK) return status;
    return join(parser, SH_TERM_SUBTRACT, zero, value, term);
}

static enum sh_status parse_primary(struct sh_parser *parser, struct sh_term **term) {
    const struct sh_token token = *sh_parser_token(parser);
    enum sh_status status = SH_OK;
    if (++parser->depth > SH_PARSER_DEPTH_MAX)
        return sh_fail(parser->err, SH_ERR_LIMIT, token.position, "parentheses are nested deeper than %d",
                       SH_PARSER_DEPTH_MAX);
    if (token.kind == SH_TOKEN_NUMBER) {
        status = parse_number(parser, term);
    } else if (token.kind == SH_TOKEN_OPEN) {
        status = parse_group(parser, term);
    } else if (token.kind == SH_TOKEN_MINUS) {
        status = parse_negated(parser, term);
    } else if (token.kind == SH_TOKEN_NAME || sh_token_is(&token, "item") ||
               (token.kind == SH_TOKEN_WORD && !sh_word_is_reserved(token.text))) {
        struct sh_node *condition;
        if ((status = sh_parser_term(parser, SH_TERM_OPERAND, token.position, term)) != SH_OK) return status;
        const uint32_t value_count = parser->value_count; /* comparisons in its where count their own */
        status = sh_parse_operand(parser, &(*term)->operand, &condition);
        parser->value_count = value_count;
        if (status == SH_OK && condition != NULL)
            return sh_fail(parser->err, SH_ERR_SYNTAX, condition->position,
                           "expected a name or a function with a value, found a condition");
    } else {
        status = sh_parser_expected(parser, "a number, a name or a function");
        if (token.kind == SH_TOKEN_STRING)
            return sh_fail_hint(parser->err, status, "texts are not calculated with, nor compared with what is");
    }
    parser->depth--;
    return status;
}

static enum sh_status parse_product(struct sh_parser *parser, struct sh_term *first, struct sh_term **term) {
    enum sh_status status = SH_OK;
    *term = first;
    if (first == NULL && (status = parse_primary(parser, term)) != SH_OK) return status;
    while (sh_parser_at(parser, SH_TOKEN_STAR) || sh_parser_at(parser, SH_TOKEN_SLASH)) {
        const enum sh_term_kind kind = sh_parser_at(parser, SH_TOKEN_STAR) ? SH_TERM_MULTIPLY : SH_TERM_DIVIDE;
        struct sh_term *right;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = parse_primary(parser, &right)) != SH_OK) return status;
        if ((status = join(parser, kind, *term, right, term)) != SH_OK) return status;
    }
    return SH_OK;
}

enum sh_status sh_parse_term(struct sh_parser *parser, struct sh_term *first, struct sh_term **term) {
    enum sh_status status = parse_product(parser, first, term);
    while (status == SH_OK && sh_parser_at_calculation(parser)) {
        /* `points -5` has no sign but that of the number, which is added. */
        const enum sh_term_kind kind = sh_parser_at(parser, SH_TOKEN_MINUS) ? SH_TERM_SUBTRACT : SH_TERM_ADD;
        struct sh_term *right;
        if (!at_signed_number(parser) && (status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = parse_product(parser, NULL, &right)) != SH_OK) return status;
        status = join(parser, kind, *term, right, term);
    }
    return status;
}
