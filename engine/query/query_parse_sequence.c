/* sequence(view -> cart where amount > 9 -> purchase, within 3 days, strict, reach 2, last 30 days). The grammar is in
 * query_form.h, the meaning in query_sequence.h. */
#include "bounds.h"
#include "query_parser.h"

/* event [where expression] */
static enum sh_status parse_step(struct sh_parser *parser, struct sh_node **step) {
    const struct sh_token *token = sh_parser_token(parser);
    enum sh_status status;
    if (token->kind != SH_TOKEN_NAME && (token->kind != SH_TOKEN_WORD || sh_word_is_reserved(token->text))) {
        const struct sh_token found = *token;
        status = sh_parser_expected(parser, "an event type in sequence()");
        if (found.kind == SH_TOKEN_STRING)
            return sh_fail_hint(parser->err, status, "names stand without quotes, or in backticks: `%.*s`",
                                SH_TEXT_ARGS(found.text));
        return status;
    }
    if ((status = sh_parser_node(parser, SH_NODE_DID, token->position, step)) != SH_OK) return status;
    struct sh_operand *operand = &(*step)->operand;
    operand->function = SH_FUNCTION_COUNT;
    operand->position = token->position;
    operand->event = token->text;
    operand->event_position = token->position;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    if (!sh_parser_at_word(parser, "where")) return SH_OK;
    if ((status = sh_parser_next(parser)) != SH_OK) return status;
    return sh_parse_expression(parser, &operand->where);
}

/* step -> step -> ... */
static enum sh_status parse_steps(struct sh_parser *parser, struct sh_node *node) {
    struct sh_node **last = &node->child;
    uint32_t step_count = 0;
    enum sh_status status;
    do {
        const uint32_t position = sh_parser_token(parser)->position;
        if ((status = sh_parser_next(parser)) != SH_OK) return status; /* "(" or "->" */
        if (++step_count > SH_SEQUENCE_STEP_COUNT_MAX)
            return sh_fail(parser->err, SH_ERR_LIMIT, position, "a sequence has at most %d steps",
                           SH_SEQUENCE_STEP_COUNT_MAX);
        if ((status = parse_step(parser, last)) != SH_OK) return status;
        last = &(*last)->next;
    } while (sh_parser_at(parser, SH_TOKEN_ARROW));
    return SH_OK;
}

static enum sh_status parse_within(struct sh_parser *parser, struct sh_sequence_terms *terms) {
    enum sh_status status = sh_parser_next(parser);
    if (status != SH_OK) return status;
    if ((status = sh_parse_count(parser, "after `within`", &terms->within_count)) != SH_OK) return status;
    const struct sh_token *token = sh_parser_token(parser);
    terms->within_unit = token->kind == SH_TOKEN_WORD ? sh_unit_of(token->text) : SH_UNIT_NONE;
    if (!sh_unit_slides(terms->within_unit))
        return sh_parser_expected(parser, "`minutes`, `hours`, `days` or `weeks` after `within`");
    return sh_parser_next(parser);
}

static enum sh_status parse_reach(struct sh_parser *parser, struct sh_sequence_terms *terms) {
    int64_t step;
    enum sh_status status = sh_parser_next(parser);
    if (status != SH_OK) return status;
    const uint32_t position = sh_parser_token(parser)->position;
    if ((status = sh_parse_count(parser, "after `reach`", &step)) != SH_OK) return status;
    if (step > SH_SEQUENCE_STEP_COUNT_MAX)
        return sh_fail(parser->err, SH_ERR_SYNTAX, position, "the sequence has no step %lld", (long long)step);
    terms->reach = (uint32_t)step;
    return SH_OK;
}

/* What stands behind a comma: each kind once, in any order. */
enum { TERM_WITHIN = 1, TERM_ORDER = 2, TERM_REACH = 4, TERM_WINDOW = 8 };

static enum sh_status parse_term(struct sh_parser *parser, struct sh_node *node, uint32_t *seen) {
    const struct sh_token token = *sh_parser_token(parser);
    const bool is_strict = sh_token_is(&token, "strict");
    uint32_t term = TERM_WINDOW;
    if (sh_token_is(&token, "within")) term = TERM_WITHIN;
    if (is_strict || sh_token_is(&token, "loose")) term = TERM_ORDER;
    if (sh_token_is(&token, "reach")) term = TERM_REACH;
    if ((*seen & term) != 0) {
        static const char *const said[] = {NULL, "within", "strict or loose", NULL, "reach", NULL,
                                           NULL, NULL,     "the window"};
        return sh_fail(parser->err, SH_ERR_SYNTAX, token.position, "%s is said twice in sequence()", said[term]);
    }
    *seen |= term;
    switch (term) {
    case TERM_WITHIN:
        return parse_within(parser, &node->sequence);
    case TERM_ORDER:
        node->sequence.is_strict = is_strict;
        return sh_parser_next(parser);
    case TERM_REACH:
        return parse_reach(parser, &node->sequence);
    default:
        break;
    }
    const enum sh_status status = sh_parse_window(parser, &node->window);
    if (status != SH_ERR_SYNTAX || parser->err == NULL || parser->err->position != (int64_t)token.position)
        return status;
    return sh_fail_hint(parser->err, status,
                        "steps are joined by ->; behind a comma stand within, strict, loose, reach or a window");
}

enum sh_status sh_parse_sequence(struct sh_parser *parser, uint32_t position, struct sh_node **node) {
    uint32_t seen = 0;
    enum sh_status status = sh_parser_node(parser, SH_NODE_SEQUENCE, position, node);
    if (status != SH_OK || (status = parse_steps(parser, *node)) != SH_OK) return status;
    while (sh_parser_at(parser, SH_TOKEN_COMMA)) {
        if ((status = sh_parser_next(parser)) != SH_OK) return status;
        if ((status = parse_term(parser, *node, &seen)) != SH_OK) return status;
    }
    if (!sh_parser_at(parser, SH_TOKEN_CLOSE)) {
        status = sh_parser_expected(parser, seen == 0 ? "`->`, `,` or `)` in sequence()" : "`,` or `)` in sequence()");
        return sh_fail_hint(parser->err, status, "such as sequence(view -> purchase, within 3 days, last 30 days)");
    }
    if (!sh_sequence_settle(*node))
        return sh_fail(parser->err, SH_ERR_SYNTAX, position, "the sequence has no step %u to reach",
                       (*node)->sequence.reach);
    return sh_parser_next(parser);
}
