/* query_parser.h -- what the two halves of the parser share; private to engine/query.
 *
 *   query_parse.c          and, or, not, conditions: operand, then what is asked of it
 *   query_parse_operand.c  operands, functions, windows, values: the pieces of a condition
 *   query_parse_term.c     calculations
 *   query_parse_relation.c comparisons of calculations
 *   query_parse_sequence.c sequence()
 *
 * Recursive descent with one token of look-ahead. Every function leaves the token behind what it read as the current
 * one, and fails at the first token that cannot be right, saying what could stand there.
 */
#ifndef SH_QUERY_PARSER_H
#define SH_QUERY_PARSER_H

#include "bounds.h"
#include "query_lexer.h"
#include "query_words.h"

/* Canonical form takes parentheses and double negations out, so the tree may be half as deep as the text; what prints
 * needs at most two levels of text for one of the tree. A calculation is at most as deep as it has values. */
enum { SH_PARSER_DEPTH_MAX = 2 * SH_EXPRESSION_DEPTH_MAX + 2 + 2 * SH_CALCULATION_VALUE_COUNT_MAX };

struct sh_parser {
    struct sh_lexer lexer;
    struct sh_arena *arena;
    struct sh_error *err;
    uint32_t depth; /* of parentheses, `not` and where around the current token */
    uint32_t node_count;
    uint32_t value_count; /* of the comparison being read */
    bool in_anchor;       /* of a window: it has no anchor of its own */
};

static inline const struct sh_token *sh_parser_token(const struct sh_parser *parser) {
    return &parser->lexer.token;
}
static inline bool sh_parser_at(const struct sh_parser *parser, enum sh_token_kind kind) {
    return parser->lexer.token.kind == kind;
}
static inline bool sh_parser_at_word(const struct sh_parser *parser, const char *keyword) {
    return sh_token_is(&parser->lexer.token, keyword);
}
SH_MUST_CHECK static inline enum sh_status sh_parser_next(struct sh_parser *parser) {
    return sh_lexer_next(&parser->lexer);
}

/* "expected <what>, found <the current token>", at its position. */
SH_MUST_CHECK enum sh_status sh_parser_expected(struct sh_parser *parser, const char *what);
/* Pass over a token or keyword, or fail with sh_parser_expected(what). */
SH_MUST_CHECK enum sh_status sh_parser_pass(struct sh_parser *parser, enum sh_token_kind kind, const char *what);
SH_MUST_CHECK enum sh_status sh_parser_pass_word(struct sh_parser *parser, const char *keyword, const char *what);
SH_MUST_CHECK enum sh_status sh_parser_memory(struct sh_parser *parser);
/* A counted node. */
SH_MUST_CHECK enum sh_status sh_parser_node(struct sh_parser *parser, enum sh_node_kind kind, uint32_t position,
                                            struct sh_node **node);

/* query_parse.c: "a or b and not c", up to a token that cannot go on. */
SH_MUST_CHECK enum sh_status sh_parse_expression(struct sh_parser *parser, struct sh_node **node);
/* Behind a whole condition: fail, saying what could follow beside and, or: `closing` is " or `)`". */
SH_MUST_CHECK enum sh_status sh_parse_fail_behind(struct sh_parser *parser, const char *closing);

/* query_parse_relation.c. A calculation, of which `first` (perhaps NULL) was read already, and what it is compared
 * with; `begin` is the lexer as it stood before. */
SH_MUST_CHECK enum sh_status sh_parse_calculated(struct sh_parser *parser, struct sh_lexer begin, struct sh_term *first,
                                                 struct sh_node **node);
/* Behind a comparison: a literal to be compared with the operand, or a calculation. */
SH_MUST_CHECK enum sh_status sh_parse_compared(struct sh_parser *parser, const struct sh_operand *operand,
                                               enum sh_compare compare, struct sh_node **node);
/* A number stood in front of a comparison, which is the current token. */
SH_MUST_CHECK enum sh_status sh_parse_number_compared(struct sh_parser *parser, struct sh_literal number,
                                                      struct sh_node **node);

/* query_parse_operand.c. `after` says in an error what the value stands behind: "after >=". */
SH_MUST_CHECK enum sh_status sh_parse_value(struct sh_parser *parser, const char *after, struct sh_literal *literal);
SH_MUST_CHECK enum sh_status sh_parse_values(struct sh_parser *parser, const char *after, struct sh_node *node);
SH_MUST_CHECK enum sh_status sh_parse_window(struct sh_parser *parser, struct sh_window *window);
/* N minutes: the count and the unit. */
SH_MUST_CHECK enum sh_status sh_parse_count(struct sh_parser *parser, const char *after, int64_t *count);
/* query_parse_term.c: what may be calculated: values joined by + - * /, in parentheses. `first`, if not NULL, was read
 * already. */
SH_MUST_CHECK enum sh_status sh_parse_term(struct sh_parser *parser, struct sh_term *first, struct sh_term **term);
SH_MUST_CHECK enum sh_status sh_parser_term(struct sh_parser *parser, enum sh_term_kind kind, uint32_t position,
                                            struct sh_term **term);
/* Does the current token go on with a calculation? */
bool sh_parser_at_calculation(const struct sh_parser *parser);
/* days, behind the number of a span. */
bool sh_parser_at_span_unit(const struct sh_parser *parser);
/* The current token is "(": is what it holds a value, and not a condition? */
bool sh_parser_opens_value(const struct sh_parser *parser);
/* query_parse_sequence.c: "(" behind `sequence` is the current token. */
SH_MUST_CHECK enum sh_status sh_parse_sequence(struct sh_parser *parser, uint32_t position, struct sh_node **node);
/* A name, item.name, or a function. did(), sequence(), sample() and in_segment() are whole conditions: then *condition
 * is the node and operand is not filled; else *condition is NULL. */
SH_MUST_CHECK enum sh_status sh_parse_operand(struct sh_parser *parser, struct sh_operand *operand,
                                              struct sh_node **condition);

#endif
