/* Can time alone change who matches? A list of what is known to be timeless: anything else is taken to change. */
#include "query_where.h"

static bool is_timeless_operand(const struct sh_operand *operand) {
    return operand->function == SH_FUNCTION_NONE && operand->subject == SH_SUBJECT_ATTRIBUTE;
}

static bool is_timeless_term(const struct sh_term *term) {
    if (term->kind == SH_TERM_NUMBER) return true;
    if (term->kind == SH_TERM_OPERAND) return is_timeless_operand(&term->operand);
    return is_timeless_term(term->left) && is_timeless_term(term->right);
}

bool sh_query_is_timeless(const struct sh_node *tree) {
    switch (tree->kind) {
    case SH_NODE_TRUE:
    case SH_NODE_FALSE:
    case SH_NODE_SAMPLE:
    case SH_NODE_HAS:
        return true;
    case SH_NODE_AND:
    case SH_NODE_OR:
    case SH_NODE_NOT:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (!sh_query_is_timeless(child)) return false;
        return true;
    case SH_NODE_COMPARE:
    case SH_NODE_BETWEEN:
    case SH_NODE_IN:
    case SH_NODE_UNDER:
    case SH_NODE_MISSING:
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
        return is_timeless_operand(&tree->operand);
    case SH_NODE_RELATION:
        return is_timeless_term(tree->left) && (tree->right == NULL || is_timeless_term(tree->right));
    default:
        return false;
    }
}

bool sh_query_where_is_timeless(const struct sh_node *tree) {
    switch (tree->kind) {
    case SH_NODE_TRUE:
    case SH_NODE_FALSE:
    case SH_NODE_HAS:
    case SH_NODE_COMPARE:
    case SH_NODE_BETWEEN:
    case SH_NODE_IN:
    case SH_NODE_UNDER:
    case SH_NODE_MISSING:
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
    case SH_NODE_RELATION:
        return true; /* inside where there are no aggregates: all is the event's and its item's */
    case SH_NODE_AND:
    case SH_NODE_OR:
    case SH_NODE_NOT:
        for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
            if (!sh_query_where_is_timeless(child)) return false;
        return true;
    default:
        return false;
    }
}
