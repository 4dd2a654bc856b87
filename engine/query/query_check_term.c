/* Comparisons of calculations: what may be calculated, and compared with what. */
#include "query_check.h"
#include "query_number.h"

/* Digits after the point of a number in a calculation: twice what a decimal keeps. */
enum { NUMBER_SCALE_MAX = 18, NUMBER_DIGITS_MAX = 30 };

struct sides {
    struct sh_checker *checker;
    bool has_time;
    bool has_number; /* int or decimal, written or of an operand */
    bool has_operand;
    uint32_t position; /* of the time */
};

static enum sh_status check_number(struct sides *sides, const struct sh_term *term) {
    sides->has_number = true;
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
static enum sh_status check_operand(struct sides *sides, struct sh_term *term, const struct sh_term *other) {
    struct sh_query_domain domain = {.type = SH_TYPE_INT};
    const bool is_alone = other != NULL;
    const enum sh_status status = sh_check_operand(sides->checker, &term->operand, &domain);
    if (status != SH_OK) return status;
    sides->has_operand = true;
    const bool is_text = domain.type == SH_TYPE_STRING || domain.type == SH_TYPE_ENUM;
    if (is_text && is_alone && other->kind == SH_TERM_OPERAND && other->operand.function == SH_FUNCTION_NONE)
        return fail_quotes(sides, &domain, other);
    if (domain.type == SH_TYPE_TIME && is_alone) {
        sides->has_time = true;
        sides->position = term->position;
        return SH_OK;
    }
    sides->has_number = true;
    return domain.type == SH_TYPE_INT || domain.type == SH_TYPE_DECIMAL ? SH_OK : fail_type(sides, term, &domain);
}

static enum sh_status check_term(struct sides *sides, struct sh_term *term, const struct sh_term *other) {
    if (term->kind == SH_TERM_NUMBER) return check_number(sides, term);
    if (term->kind == SH_TERM_OPERAND) return check_operand(sides, term, other);
    const enum sh_status status = check_term(sides, term->left, NULL);
    return status != SH_OK ? status : check_term(sides, term->right, NULL);
}

enum sh_status sh_query_check_relation(struct sh_checker *checker, struct sh_node *node) {
    struct sides sides = {.checker = checker};
    /* As written: canonical form may have turned them round. */
    const bool turned = node->left->position > node->right->position;
    struct sh_term *left = turned ? node->right : node->left;
    struct sh_term *right = turned ? node->left : node->right;
    enum sh_status status;
    if ((status = check_term(&sides, left, right)) != SH_OK) return status;
    if ((status = check_term(&sides, right, left)) != SH_OK) return status;
    if (!sides.has_operand)
        return sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(node->position),
                       "nothing is asked here: a comparison needs a name or a function");
    if (!sides.has_time || !sides.has_number) return SH_OK;
    status = sh_fail(checker->err, SH_ERR_TYPE, sh_checker_position(sides.position),
                     "a time is compared with a time, not with a number");
    return sh_fail_hint(checker->err, status, "days_since(...) is a number of days");
}
