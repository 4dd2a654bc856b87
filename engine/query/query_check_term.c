/* Comparisons of calculations: what may be calculated, and compared with what. */
#include "query_check.h"
#include "query_number.h"
#include "query_words.h"

/* Digits after the point of a number in a calculation: twice what a decimal keeps. */
enum { NUMBER_SCALE_MAX = 18, NUMBER_DIGITS_MAX = 30 };

/* What a value of a calculation is. */
enum measure { MEASURE_NUMBER, MEASURE_TIME, MEASURE_SPAN };

struct sides {
    struct sh_checker *checker;
    bool has_operand;
};

static enum sh_status check_number(struct sides *sides, const struct sh_term *term) {
    if (sh_number_scale(term->number.text) <= NUMBER_SCALE_MAX && term->number.text.count <= NUMBER_DIGITS_MAX)
        return SH_OK;
    return sh_fail(sides->checker->err, SH_ERR_TYPE, sh_checker_position(term->position),
                   "a number in a calculation has at most %d digits, %d of them after the point", NUMBER_DIGITS_MAX - 2,
                   NUMBER_SCALE_MAX);
}

static enum sh_status fail_type(struct sides *sides, const struct sh_term *term, const struct sh_query_domain *domain) {
    const enum sh_status status =
        sh_fail(sides->checker->err, SH_ERR_TYPE, sh_checker_position(term->position),
                "%.*s is %s: only numbers are calculated with, only numbers and times compared with each other",
                SH_TEXT_ARGS(domain->words), sh_domain_words(domain));
    if (domain->type == SH_TYPE_STRING || domain->type == SH_TYPE_ENUM)
        return sh_fail_hint(sides->checker->err, status, "compare it with a text in quotes: %.*s = '...'",
                            SH_TEXT_ARGS(domain->words));
    return status;
}

/* `tier >= gold`: a text without its quotes. */
static enum sh_status fail_quotes(struct sides *sides, const struct sh_query_domain *domain,
                                  const struct sh_term *name) {
    const enum sh_status status =
        sh_fail(sides->checker->err, SH_ERR_TYPE, sh_checker_position(name->position),
                "%.*s is %s: it is compared with a text in quotes, not with the name `%.*s`",
                SH_TEXT_ARGS(domain->words), sh_domain_words(domain), SH_TEXT_ARGS(name->operand.name));
    return sh_fail_hint(sides->checker->err, status, "did you mean '%.*s'? Values stand in quotes",
                        SH_TEXT_ARGS(name->operand.name));
}

/* other: what stands alone on the other side, if term stands alone on its own; else NULL. */
static enum sh_status check_operand(struct sides *sides, struct sh_term *term, const struct sh_term *other,
                                    enum measure *measure) {
    struct sh_query_domain domain = {.type = SH_TYPE_INT};
    const enum sh_status status = sh_check_operand(sides->checker, &term->operand, &domain);
    if (status != SH_OK) return status;
    sides->has_operand = true;
    *measure = domain.type == SH_TYPE_TIME ? MEASURE_TIME : MEASURE_NUMBER;
    const bool is_text = domain.type == SH_TYPE_STRING || domain.type == SH_TYPE_ENUM;
    if (is_text && other != NULL && other->kind == SH_TERM_OPERAND && other->operand.function == SH_FUNCTION_NONE)
        return fail_quotes(sides, &domain, other);
    const bool fits = domain.type == SH_TYPE_INT || domain.type == SH_TYPE_DECIMAL || domain.type == SH_TYPE_TIME;
    return fits ? SH_OK : fail_type(sides, term, &domain);
}

/* What comes of two values; false if they do not go together. */
static bool join_measures(enum sh_term_kind kind, enum measure left, enum measure right, enum measure *joined) {
    *joined = left;
    switch (kind) {
    case SH_TERM_ADD:
        if (left == MEASURE_SPAN) *joined = right;
        return left == right ? left != MEASURE_TIME : left != MEASURE_NUMBER && right != MEASURE_NUMBER;
    case SH_TERM_SUBTRACT:
        if (left == MEASURE_TIME && right == MEASURE_TIME) *joined = MEASURE_SPAN;
        return left == right || (left == MEASURE_TIME && right == MEASURE_SPAN);
    case SH_TERM_MULTIPLY:
        if (left == MEASURE_NUMBER) *joined = right;
        return left != MEASURE_TIME && right != MEASURE_TIME && (left == MEASURE_NUMBER || right == MEASURE_NUMBER);
    default: /* DIVIDE */
        if (left == right) *joined = MEASURE_NUMBER;
        return left != MEASURE_TIME && right != MEASURE_TIME && (right == MEASURE_NUMBER || left == MEASURE_SPAN);
    }
}

static const char *const measure_words[] = {"a number", "a time", "a span of time"};

static enum sh_status fail_join(struct sides *sides, const struct sh_term *term, enum measure left,
                                enum measure right) {
    const bool turned = term->left->position > term->right->position; /* by canonical form */
    const enum sh_status status =
        sh_fail(sides->checker->err, SH_ERR_TYPE, sh_checker_position(term->position), "%s %s %s has no meaning",
                measure_words[turned ? right : left], sh_term_words[term->kind], measure_words[turned ? left : right]);
    if (left == MEASURE_TIME && right == MEASURE_TIME)
        return sh_fail_hint(sides->checker->err, status, "the span between them is last(...) - first(...)");
    if (left == MEASURE_NUMBER || right == MEASURE_NUMBER)
        return sh_fail_hint(sides->checker->err, status, "a span has a unit: 30 days, 2 hours");
    return status;
}

static enum sh_status check_term(struct sides *sides, struct sh_term *term, const struct sh_term *other,
                                 enum measure *measure) {
    enum measure left;
    enum measure right;
    enum sh_status status;
    *measure = term->unit == SH_UNIT_NONE ? MEASURE_NUMBER : MEASURE_SPAN;
    if (term->kind == SH_TERM_NUMBER) return check_number(sides, term);
    if (term->kind == SH_TERM_OPERAND) return check_operand(sides, term, other, measure);
    if ((status = check_term(sides, term->left, NULL, &left)) != SH_OK) return status;
    if ((status = check_term(sides, term->right, NULL, &right)) != SH_OK) return status;
    return join_measures(term->kind, left, right, measure) ? SH_OK : fail_join(sides, term, left, right);
}

static enum sh_status fail_sides(struct sides *sides, const struct sh_term *left, enum measure left_measure,
                                 const struct sh_term *right, enum measure right_measure) {
    const bool is_left = left_measure > right_measure; /* what is less usual is told */
    const struct sh_term *odd = is_left ? left : right;
    const enum measure is = is_left ? left_measure : right_measure;
    const enum measure not_with = is_left ? right_measure : left_measure;
    const enum sh_status status =
        sh_fail(sides->checker->err, SH_ERR_TYPE, sh_checker_position(odd->position),
                "%s is compared with %s, not with %s", measure_words[is], measure_words[is], measure_words[not_with]);
    if (is == MEASURE_TIME) return sh_fail_hint(sides->checker->err, status, "days_since(...) is a number of days");
    if (not_with == MEASURE_NUMBER)
        return sh_fail_hint(sides->checker->err, status,
                            "a span has a unit: 30 days; days_since and the gaps are numbers of days");
    return sh_fail_hint(sides->checker->err, status,
                        "the time between two times is one: last(...) - first(...) > 30 days");
}

/* Without another side: in a list of numbers, or missing. */
static enum sh_status check_question(struct sides *sides, const struct sh_node *node, enum measure measure) {
    for (uint32_t i = 0; i < node->literal_count; i++) {
        const struct sh_literal *literal = &node->literals[i];
        const struct sh_term number = {.position = literal->position, .number = *literal};
        if (literal->kind != SH_LITERAL_NUMBER || measure != MEASURE_NUMBER)
            return sh_fail_hint(sides->checker->err,
                                sh_fail(sides->checker->err, SH_ERR_TYPE, sh_checker_position(literal->position),
                                        "%s cannot be one of these values", measure_words[measure]),
                                measure == MEASURE_NUMBER ? "write numbers, without quotes"
                                                          : "compare it with <, > or between");
        const enum sh_status status = check_number(sides, &number);
        if (status != SH_OK) return status;
    }
    return SH_OK;
}

static enum sh_status fail_nothing_asked(struct sh_checker *checker, const struct sh_node *node) {
    return sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->position),
                   "nothing is asked here: a comparison needs a name or a function");
}

enum sh_status sh_query_check_relation(struct sh_checker *checker, struct sh_node *node) {
    struct sides sides = {.checker = checker};
    enum measure left_measure;
    enum measure right_measure;
    enum sh_status status;
    if (node->right == NULL) {
        if ((status = check_term(&sides, node->left, NULL, &left_measure)) != SH_OK) return status;
        return sides.has_operand ? check_question(&sides, node, left_measure) : fail_nothing_asked(checker, node);
    }
    /* As written: canonical form may have turned them round. */
    const bool turned = node->left->position > node->right->position;
    struct sh_term *left = turned ? node->right : node->left;
    struct sh_term *right = turned ? node->left : node->right;
    if ((status = check_term(&sides, left, right, &left_measure)) != SH_OK) return status;
    if ((status = check_term(&sides, right, left, &right_measure)) != SH_OK) return status;
    if (!sides.has_operand) return fail_nothing_asked(checker, node);
    return left_measure == right_measure ? SH_OK : fail_sides(&sides, left, left_measure, right, right_measure);
}
