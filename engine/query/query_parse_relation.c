/* Comparisons of calculations with numbers and with each other. */
#include <stdio.h>

#include "query_parser.h"

static enum sh_status make_relation(struct sh_parser *parser, struct sh_term *left, enum sh_compare compare,
                                    struct sh_term *right, struct sh_node **node) {
    const enum sh_status status = sh_parser_node(parser, SH_NODE_RELATION, left->position, node);
    if (status != SH_OK) return status;
    (*node)->left = left;
    (*node)->compare = compare;
    (*node)->right = right;
    return SH_OK;
}

static enum sh_status make_compare(struct sh_parser *parser, const struct sh_operand *operand, enum sh_compare compare,
                                   struct sh_literal literal, struct sh_node **node) {
    const enum sh_status status = sh_parser_node(parser, SH_NODE_COMPARE, operand->position, node);
    if (status != SH_OK) return status;
    (*node)->operand = *operand;
    (*node)->compare = compare;
    return sh_node_add_literal(parser->arena, *node, literal) ? SH_OK : sh_parser_memory(parser);
}

/* `between` is the current token; begin stands in front of what is compared, which is needed twice. */
static enum sh_status parse_between(struct sh_parser *parser, struct sh_lexer begin, struct sh_term *value,
                                    bool negated, struct sh_node **node) {
    struct sh_term *low;
    struct sh_term *high;
    struct sh_term *again;
    enum sh_status status;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if ((status = sh_parse_term(parser, NULL, &low)) != SH_OK) return status;
    if ((status = sh_parser_pass_word(parser, "and", "`and` between the two bounds")) != SH_OK) return status;
    if ((status = sh_parse_term(parser, NULL, &high)) != SH_OK) return status;
    const struct sh_lexer end = parser->lexer;
    parser->lexer = begin;
    parser->value_count = 0;
    if ((status = sh_parse_term(parser, NULL, &again)) != SH_OK) return status;
    parser->lexer = end;
    const enum sh_compare compare = negated ? SH_COMPARE_LT : SH_COMPARE_LE;
    status = sh_parser_node(parser, negated ? SH_NODE_OR : SH_NODE_AND, value->position, node);
    if (status != SH_OK) return status;
    struct sh_node **child = &(*node)->child;
    if (negated) { /* missing is neither between nor not */
        if ((status = make_relation(parser, value, compare, low, child)) != SH_OK) return status;
        return make_relation(parser, high, compare, again, &(*child)->next);
    }
    if ((status = make_relation(parser, low, compare, value, child)) != SH_OK) return status;
    return make_relation(parser, again, compare, high, &(*child)->next);
}

/* `in` is the current token. */
static enum sh_status parse_in(struct sh_parser *parser, struct sh_term *value, bool negated, struct sh_node **node) {
    enum sh_status status = make_relation(parser, value, SH_COMPARE_EQ, NULL, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    (*node)->negated = negated;
    return sh_parse_values(parser, "after `in`", *node);
}

/* `is` is the current token. */
static enum sh_status parse_is(struct sh_parser *parser, struct sh_term *value, struct sh_node **node) {
    enum sh_status status = make_relation(parser, value, SH_COMPARE_EQ, NULL, node);
    if (status != SH_OK || (status = sh_parser_next(parser)) != SH_OK) return status;
    if (sh_parser_at_word(parser, "not")) {
        (*node)->negated = true;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
    }
    return sh_parser_pass_word(parser, "missing",
                               (*node)->negated ? "`missing` after `is not`" : "`missing` or `not missing` after `is`");
}

enum sh_status sh_parse_calculated(struct sh_parser *parser, struct sh_lexer begin, struct sh_term *first,
                                   struct sh_node **node) {
    struct sh_term *left;
    struct sh_term *right;
    parser->value_count = first == NULL ? 0 : 1;
    enum sh_status status = sh_parse_term(parser, first, &left);
    if (status != SH_OK) return status;
    if (sh_parser_at(parser, SH_TOKEN_COMPARE)) {
        const enum sh_compare compare = sh_parser_token(parser)->compare;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = sh_parse_term(parser, NULL, &right)) != SH_OK) return status;
        return make_relation(parser, left, compare, right, node);
    }
    bool negated = false;
    if (sh_parser_at_word(parser, "not")) {
        negated = true;
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
    }
    if (sh_parser_at_word(parser, "between")) return parse_between(parser, begin, left, negated, node);
    if (sh_parser_at_word(parser, "in")) return parse_in(parser, left, negated, node);
    if (!negated && sh_parser_at_word(parser, "is")) return parse_is(parser, left, node);
    return sh_parser_expected(parser, negated ? "`in` or `between` after `not`"
                                              : "a comparison (= != < <= > >= in, between, is) after a calculation");
}

/* May a calculation begin here that is no text or bool? */
static bool at_term(const struct sh_parser *parser) {
    const struct sh_token *token = sh_parser_token(parser);
    if (sh_token_is(token, "item")) return true;
    if (token->kind == SH_TOKEN_WORD) return !sh_word_is_reserved(token->text);
    return token->kind == SH_TOKEN_NUMBER || token->kind == SH_TOKEN_NAME || token->kind == SH_TOKEN_OPEN ||
           token->kind == SH_TOKEN_MINUS;
}

enum sh_status sh_parse_compared(struct sh_parser *parser, const struct sh_operand *operand, enum sh_compare compare,
                                 struct sh_node **node) {
    struct sh_term *left;
    struct sh_term *right;
    enum sh_status status;
    if (!at_term(parser)) {
        char after[16];
        struct sh_literal literal;
        (void)snprintf(after, sizeof after, "after `%s`", sh_compare_words[compare]);
        if ((status = sh_parse_value(parser, after, &literal)) != SH_OK) return status;
        return make_compare(parser, operand, compare, literal, node);
    }
    parser->value_count = 0;
    if ((status = sh_parser_term(parser, SH_TERM_OPERAND, operand->position, &left)) != SH_OK) return status;
    left->operand = *operand;
    if ((status = sh_parse_term(parser, NULL, &right)) != SH_OK) return status;
    if (right->kind == SH_TERM_NUMBER && right->unit == SH_UNIT_NONE)
        return make_compare(parser, operand, compare, right->number, node);
    return make_relation(parser, left, compare, right, node);
}

enum sh_status sh_parse_number_compared(struct sh_parser *parser, struct sh_literal number, struct sh_node **node) {
    struct sh_term *left;
    struct sh_term *right;
    const enum sh_compare compare = sh_parser_token(parser)->compare;
    enum sh_status status;
    parser->value_count = 0;
    if ((status = sh_parser_term(parser, SH_TERM_NUMBER, number.position, &left)) != SH_OK) return status;
    left->number = number;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (!at_term(parser)) return sh_parser_expected(parser, "a name: two values cannot be compared");
    const struct sh_token token = *sh_parser_token(parser);
    if ((status = sh_parse_term(parser, NULL, &right)) != SH_OK) return status;
    if (right->kind == SH_TERM_NUMBER && right->unit == SH_UNIT_NONE) {
        char words[SH_TOKEN_WORDS_BYTES];
        return sh_fail(parser->err, SH_ERR_SYNTAX, token.position,
                       "expected a name: two values cannot be compared, found %s", sh_token_describe(&token, words));
    }
    return make_relation(parser, left, compare, right, node);
}
