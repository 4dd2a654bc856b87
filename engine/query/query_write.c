/* Canonical msgpack arrays: query_form.h has the list of them. */
#include <errno.h>

#include "decimal.h"
#include "query_form.h"
#include "query_number.h"
#include "query_words.h"

/* A float is written only where it says the decimal exactly: a double holds every decimal of 15 digits. */
enum { FLOAT_DIGITS_MAX = 15 };

static void write_number(struct sh_text text, msgpack_packer *packer) {
    char digits[32];
    const uint32_t scale = sh_number_scale(text);
    if (text.count < sizeof digits) {
        memcpy(digits, text.bytes, text.count);
        digits[text.count] = '\0';
        errno = 0;
        const long long integer = scale == 0 ? strtoll(digits, NULL, 10) : 0;
        if (scale == 0 && errno == 0) {
            msgpack_pack_int64(packer, integer);
            return;
        }
        const uint32_t signs = (text.bytes[0] == '-' ? 1u : 0u) + (scale > 0 ? 1u : 0u);
        if (scale > 0 && scale <= SH_DECIMAL_SCALE_MAX && text.count - signs <= FLOAT_DIGITS_MAX) {
            msgpack_pack_double(packer, strtod(digits, NULL));
            return;
        }
    }
    msgpack_pack_array(packer, 2);
    sh_pack_literal(packer, "number");
    sh_pack_text(packer, text);
}

static void write_literal(const struct sh_literal *literal, msgpack_packer *packer) {
    if (literal->kind == SH_LITERAL_NUMBER) {
        write_number(literal->text, packer);
    } else if (literal->kind == SH_LITERAL_TEXT) {
        sh_pack_text(packer, literal->text);
    } else if (sh_text_equal(literal->text, SH_TEXT_LITERAL("true"))) {
        msgpack_pack_true(packer);
    } else {
        msgpack_pack_false(packer);
    }
}

static void write_list(const struct sh_node *node, msgpack_packer *packer) {
    msgpack_pack_array(packer, node->literal_count);
    for (uint32_t i = 0; i < node->literal_count; i++)
        write_literal(&node->literals[i], packer);
}

static void write_head(msgpack_packer *packer, uint32_t element_count, const char *word) {
    msgpack_pack_array(packer, element_count);
    sh_pack_literal(packer, word);
}

static void write_unit(enum sh_unit unit, bool plural, msgpack_packer *packer) {
    static const char *const plurals[] = {NULL, "minutes", "hours", "days", "weeks", "months", "quarters", "years"};
    sh_pack_literal(packer, plural ? plurals[unit] : sh_unit_words[unit]);
}

static void write_operand(const struct sh_operand *operand, msgpack_packer *packer);

static void write_window(const struct sh_window *window, msgpack_packer *packer) {
    switch (window->kind) {
    case SH_WINDOW_EVER: /* is left out by the caller */
        break;
    case SH_WINDOW_SLIDING:
    case SH_WINDOW_CALENDAR:
        write_head(packer, 3, window->kind == SH_WINDOW_SLIDING ? "last" : "last_calendar");
        msgpack_pack_int64(packer, window->count);
        write_unit(window->unit, true, packer);
        break;
    case SH_WINDOW_THIS:
    case SH_WINDOW_PREVIOUS:
        write_head(packer, 2, window->kind == SH_WINDOW_THIS ? "this" : "previous");
        write_unit(window->unit, false, packer);
        break;
    case SH_WINDOW_BETWEEN:
        write_head(packer, 3, "between");
        write_literal(&window->from, packer);
        write_literal(&window->to, packer);
        break;
    case SH_WINDOW_ON:
    case SH_WINDOW_SINCE:
        write_head(packer, 2, window->kind == SH_WINDOW_ON ? "on" : "since");
        write_literal(&window->from, packer);
        break;
    case SH_WINDOW_AGO:
        write_head(packer, 5, "ago");
        msgpack_pack_int64(packer, window->count);
        write_unit(window->unit, true, packer);
        msgpack_pack_int64(packer, window->end_count);
        write_unit(window->end_unit, true, packer);
        break;
    case SH_WINDOW_BEFORE:
        write_head(packer, 2, "before");
        write_literal(&window->to, packer);
        break;
    case SH_WINDOW_WITHIN:
        write_head(packer, 5, "within");
        msgpack_pack_int64(packer, window->count);
        write_unit(window->unit, true, packer);
        sh_pack_literal(packer, window->is_before ? "before" : "after");
        write_operand(window->anchor, packer);
        break;
    }
}

/* [function, {"event": ...}], and did likewise. */
static void write_events(const char *function, const struct sh_operand *operand, msgpack_packer *packer) {
    write_head(packer, 2, function);
    const bool has_property = operand->name.count > 0;
    const bool has_where = operand->where != NULL;
    const bool has_window = operand->window.kind != SH_WINDOW_EVER;
    const bool has_place = operand->function == SH_FUNCTION_NTH;
    msgpack_pack_map(packer, 1u + has_place + has_property + has_where + has_window);
    if (has_place) {
        sh_pack_literal(packer, "nth");
        msgpack_pack_int64(packer, operand->nth);
    }
    sh_pack_literal(packer, "event");
    sh_pack_text(packer, operand->event);
    if (has_property) {
        sh_pack_literal(packer, "property");
        sh_pack_text(packer, operand->name);
    }
    if (has_where) {
        sh_pack_literal(packer, "where");
        sh_query_write(operand->where, packer);
    }
    if (has_window) {
        sh_pack_literal(packer, "window");
        write_window(&operand->window, packer);
    }
}

/* {"steps": [name | {"event": name, "where": e}, ...], ...} */
static void write_sequence(const struct sh_node *node, msgpack_packer *packer) {
    const struct sh_sequence_terms *terms = &node->sequence;
    const bool has_window = node->window.kind != SH_WINDOW_EVER;
    uint32_t step_count = 0;
    for (const struct sh_node *step = node->child; step != NULL; step = step->next)
        step_count++;
    write_head(packer, 2, "sequence");
    msgpack_pack_map(packer, 1u + (terms->within_count > 0) + terms->is_strict + (terms->reach > 0) + has_window);
    sh_pack_literal(packer, "steps");
    msgpack_pack_array(packer, step_count);
    for (const struct sh_node *step = node->child; step != NULL; step = step->next) {
        if (step->operand.where != NULL) {
            msgpack_pack_map(packer, 2);
            sh_pack_literal(packer, "event");
        }
        sh_pack_text(packer, step->operand.event);
        if (step->operand.where == NULL) continue;
        sh_pack_literal(packer, "where");
        sh_query_write(step->operand.where, packer);
    }
    if (terms->within_count > 0) {
        sh_pack_literal(packer, "within");
        msgpack_pack_array(packer, 2);
        msgpack_pack_int64(packer, terms->within_count);
        write_unit(terms->within_unit, true, packer);
    }
    if (terms->is_strict) {
        sh_pack_literal(packer, "strict");
        msgpack_pack_true(packer);
    }
    if (terms->reach > 0) {
        sh_pack_literal(packer, "reach");
        msgpack_pack_uint32(packer, terms->reach);
    }
    if (has_window) {
        sh_pack_literal(packer, "window");
        write_window(&node->window, packer);
    }
}

static void write_operand(const struct sh_operand *operand, msgpack_packer *packer) {
    if (operand->function != SH_FUNCTION_NONE) {
        write_events(sh_function_words[operand->function], operand, packer);
        return;
    }
    if (operand->of_item) write_head(packer, 2, "item");
    sh_pack_text(packer, operand->name);
}

static void write_term(const struct sh_term *term, msgpack_packer *packer) {
    if (term->kind == SH_TERM_NUMBER && term->unit != SH_UNIT_NONE) {
        write_head(packer, 3, "span");
        write_literal(&term->number, packer);
        write_unit(term->unit, true, packer);
    } else if (term->kind == SH_TERM_NUMBER) {
        write_literal(&term->number, packer);
    } else if (term->kind == SH_TERM_OPERAND) {
        write_operand(&term->operand, packer);
    } else {
        write_head(packer, 3, sh_term_words[term->kind]);
        write_term(term->left, packer);
        write_term(term->right, packer);
    }
}

static void write_relation(const struct sh_node *node, msgpack_packer *packer) {
    if (node->right != NULL) {
        write_head(packer, 4, "compare");
        sh_pack_literal(packer, sh_compare_words[node->compare]);
        write_term(node->left, packer);
        write_term(node->right, packer);
    } else if (node->literal_count > 0) {
        write_head(packer, 3, node->negated ? "not_in" : "in");
        write_term(node->left, packer);
        write_list(node, packer);
    } else {
        write_head(packer, 2, node->negated ? "not_missing" : "missing");
        write_term(node->left, packer);
    }
}

/* [word, operand, ...]: the operand's part, with room for `more` elements behind it. */
static void write_asked(const struct sh_node *node, const char *plain, const char *negated, uint32_t more,
                        msgpack_packer *packer) {
    write_head(packer, 2 + more, node->negated ? negated : plain);
    write_operand(&node->operand, packer);
}

static void write_condition(const struct sh_node *node, msgpack_packer *packer) {
    static const char *const has[] = {"has_any", "has_all", "has_none"};
    switch (node->kind) {
    case SH_NODE_COMPARE:
        write_asked(node, sh_compare_words[node->compare], NULL, 1, packer);
        write_literal(&node->literals[0], packer);
        break;
    case SH_NODE_BETWEEN:
        write_asked(node, "between", "not_between", 2, packer);
        write_literal(&node->literals[0], packer);
        write_literal(&node->literals[1], packer);
        break;
    case SH_NODE_IN:
        write_asked(node, "in", "not_in", 1, packer);
        write_list(node, packer);
        break;
    case SH_NODE_MISSING:
        write_asked(node, "missing", "not_missing", 0, packer);
        break;
    case SH_NODE_STARTS:
        write_asked(node, "starts_with", "not_starts_with", 1, packer);
        write_literal(&node->literals[0], packer);
        break;
    case SH_NODE_CONTAINS:
        write_asked(node, "contains", "not_contains", 1, packer);
        write_literal(&node->literals[0], packer);
        break;
    case SH_NODE_UNDER:
        write_asked(node, "under", "not_under", 1, packer);
        write_literal(&node->literals[0], packer);
        break;
    case SH_NODE_WINDOW:
        write_asked(node, "in_window", NULL, 1, packer);
        write_window(&node->window, packer);
        break;
    case SH_NODE_NEXT:
        write_asked(node, "in_next_days", NULL, 1, packer);
        msgpack_pack_int64(packer, node->count);
        break;
    default: /* HAS */
        write_asked(node, has[node->has], NULL, 1, packer);
        write_list(node, packer);
        break;
    }
}

static void write_joined(const struct sh_node *node, const char *word, msgpack_packer *packer) {
    uint32_t child_count = 0;
    for (const struct sh_node *child = node->child; child != NULL; child = child->next)
        child_count++;
    write_head(packer, 1 + child_count, word);
    for (const struct sh_node *child = node->child; child != NULL; child = child->next)
        sh_query_write(child, packer);
}

void sh_query_write(const struct sh_node *tree, msgpack_packer *packer) {
    switch (tree->kind) {
    case SH_NODE_TRUE:
        write_head(packer, 1, "true");
        break;
    case SH_NODE_FALSE:
        write_head(packer, 1, "false");
        break;
    case SH_NODE_AND:
        write_joined(tree, "and", packer);
        break;
    case SH_NODE_OR:
        write_joined(tree, "or", packer);
        break;
    case SH_NODE_NOT:
        write_joined(tree, "not", packer);
        break;
    case SH_NODE_DID:
        write_events("did", &tree->operand, packer);
        break;
    case SH_NODE_RELATION:
        write_relation(tree, packer);
        break;
    case SH_NODE_SEQUENCE:
        write_sequence(tree, packer);
        break;
    case SH_NODE_SAMPLE:
        write_head(packer, 3, "sample");
        msgpack_pack_uint32(packer, tree->sample_parts);
        sh_pack_text(packer, tree->sample_seed);
        break;
    case SH_NODE_SEGMENT:
        write_head(packer, 2, "in_segment");
        write_literal(&tree->literals[0], packer);
        break;
    default:
        write_condition(tree, packer);
        break;
    }
}
