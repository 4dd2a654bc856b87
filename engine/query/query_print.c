/* Canonical text. One way to write each thing, and what is written parses back to the same tree. */
#include "query_derived.h"
#include "query_form.h"
#include "query_lexer.h"
#include "query_words.h"

static void append(struct sh_buffer *buffer, const char *zero_ended) {
    sh_buffer_append(buffer, zero_ended, strlen(zero_ended));
}

/* Between two quotes, those inside doubled. */
static void print_quoted(struct sh_buffer *buffer, struct sh_text text, char quote) {
    sh_buffer_append(buffer, &quote, 1);
    uint32_t begin = 0;
    for (uint32_t i = 0; i < text.count; i++) {
        if (text.bytes[i] != quote) continue;
        sh_buffer_append(buffer, text.bytes + begin, i + 1 - begin);
        begin = i; /* the quote once more, with what follows it */
    }
    sh_buffer_append(buffer, text.bytes + begin, text.count - begin);
    sh_buffer_append(buffer, &quote, 1);
}

static void print_name(struct sh_buffer *buffer, struct sh_text name) {
    if (sh_name_is_bare(name)) {
        sh_buffer_append_text(buffer, name);
    } else {
        print_quoted(buffer, name, '`');
    }
}

static void print_literal(struct sh_buffer *buffer, const struct sh_literal *literal) {
    if (literal->kind == SH_LITERAL_TEXT) {
        print_quoted(buffer, literal->text, '\'');
    } else {
        sh_buffer_append_text(buffer, literal->text);
    }
}

static void print_list(struct sh_buffer *buffer, const struct sh_node *node) {
    append(buffer, "(");
    for (uint32_t i = 0; i < node->literal_count; i++) {
        if (i > 0) append(buffer, ", ");
        print_literal(buffer, &node->literals[i]);
    }
    append(buffer, ")");
}

static void print_operand(struct sh_buffer *buffer, const struct sh_operand *operand);

static void print_window(struct sh_buffer *buffer, const struct sh_window *window) {
    const char *unit = sh_unit_words[window->unit];
    const bool day = window->unit == SH_UNIT_DAY;
    switch (window->kind) {
    case SH_WINDOW_EVER:
        break;
    case SH_WINDOW_SLIDING:
    case SH_WINDOW_CALENDAR:
        sh_buffer_print(buffer, "last %lld %s%s%s", (long long)window->count,
                        window->kind == SH_WINDOW_CALENDAR ? "calendar " : "", unit, window->count == 1 ? "" : "s");
        break;
    case SH_WINDOW_THIS:
        sh_buffer_print(buffer, "%s%s", day ? "today" : "this ", day ? "" : unit);
        break;
    case SH_WINDOW_PREVIOUS:
        sh_buffer_print(buffer, "%s%s", day ? "yesterday" : "previous ", day ? "" : unit);
        break;
    case SH_WINDOW_BETWEEN:
        append(buffer, "between ");
        print_literal(buffer, &window->from);
        append(buffer, " and ");
        print_literal(buffer, &window->to);
        break;
    case SH_WINDOW_ON:
    case SH_WINDOW_SINCE:
        append(buffer, window->kind == SH_WINDOW_ON ? "on " : "since ");
        print_literal(buffer, &window->from);
        break;
    case SH_WINDOW_AGO:
        sh_buffer_print(buffer, "from %lld %s%s ago to %lld %s%s ago", (long long)window->count, unit,
                        window->count == 1 ? "" : "s", (long long)window->end_count, sh_unit_words[window->end_unit],
                        window->end_count == 1 ? "" : "s");
        break;
    case SH_WINDOW_BEFORE:
        append(buffer, "before ");
        print_literal(buffer, &window->to);
        break;
    case SH_WINDOW_WITHIN:
        sh_buffer_print(buffer, "within %lld %s%s %s ", (long long)window->count, unit, window->count == 1 ? "" : "s",
                        window->is_before ? "before" : "after");
        print_operand(buffer, window->anchor);
        break;
    }
}

static void print_where(struct sh_buffer *buffer, const struct sh_operand *operand) {
    if (operand->where == NULL) return;
    append(buffer, " where ");
    sh_query_print(operand->where, buffer);
}

/* From the "(" of did, count, sum ... to the ")". */
static void print_events(struct sh_buffer *buffer, const struct sh_operand *operand) {
    append(buffer, operand->function == SH_FUNCTION_DISTINCT ? "(distinct " : "(");
    if (operand->function == SH_FUNCTION_NTH) sh_buffer_print(buffer, "%lld, ", (long long)operand->nth);
    print_name(buffer, operand->event);
    if (operand->name.count > 0) {
        append(buffer, ".");
        if (sh_text_equal(operand->name, SH_TEXT_LITERAL("item"))) /* reserved, but not behind a point */
            append(buffer, "item");
        else
            print_name(buffer, operand->name);
    }
    print_where(buffer, operand);
    if (operand->window.kind != SH_WINDOW_EVER) {
        append(buffer, ", ");
        print_window(buffer, &operand->window);
    }
    append(buffer, ")");
}

static void print_sequence(struct sh_buffer *buffer, const struct sh_node *node) {
    const struct sh_sequence_terms *terms = &node->sequence;
    append(buffer, "sequence(");
    for (const struct sh_node *step = node->child; step != NULL; step = step->next) {
        if (step != node->child) append(buffer, " -> ");
        print_name(buffer, step->operand.event);
        print_where(buffer, &step->operand);
    }
    if (terms->within_count > 0)
        sh_buffer_print(buffer, ", within %lld %s%s", (long long)terms->within_count, sh_unit_words[terms->within_unit],
                        terms->within_count == 1 ? "" : "s");
    if (terms->is_strict) append(buffer, ", strict");
    if (terms->reach > 0) sh_buffer_print(buffer, ", reach %u", terms->reach);
    if (node->window.kind != SH_WINDOW_EVER) {
        append(buffer, ", ");
        print_window(buffer, &node->window);
    }
    append(buffer, ")");
}

static void print_operand(struct sh_buffer *buffer, const struct sh_operand *operand) {
    if (operand->function != SH_FUNCTION_NONE) {
        append(buffer, operand->function == SH_FUNCTION_DISTINCT ? "count" : sh_function_words[operand->function]);
        print_events(buffer, operand);
        return;
    }
    if (operand->of_item) append(buffer, "item.");
    if (!operand->of_item && sh_derived_is_name(operand->name))
        sh_buffer_append_text(buffer, operand->name);
    else
        print_name(buffer, operand->name);
}

/* Around what binds less tightly, and around what stands on the right and binds as tightly: a - (b - c). */
static void print_part(struct sh_buffer *buffer, const struct sh_term *part, bool is_product, bool is_right) {
    const bool is_value = part->kind == SH_TERM_NUMBER || part->kind == SH_TERM_OPERAND;
    const bool part_is_product = part->kind == SH_TERM_MULTIPLY || part->kind == SH_TERM_DIVIDE;
    const bool parentheses = !is_value && (is_right ? is_product || !part_is_product : is_product && !part_is_product);
    if (parentheses) append(buffer, "(");
    sh_query_print_term(part, buffer);
    if (parentheses) append(buffer, ")");
}

void sh_query_print_term(const struct sh_term *term, struct sh_buffer *buffer) {
    if (term->kind == SH_TERM_NUMBER) {
        print_literal(buffer, &term->number);
        if (term->unit == SH_UNIT_NONE) return;
        const bool is_one = sh_text_equal(term->number.text, SH_TEXT_LITERAL("1"));
        sh_buffer_print(buffer, " %s%s", sh_unit_words[term->unit], is_one ? "" : "s");
    } else if (term->kind == SH_TERM_OPERAND) {
        print_operand(buffer, &term->operand);
    } else {
        const bool is_product = term->kind == SH_TERM_MULTIPLY || term->kind == SH_TERM_DIVIDE;
        print_part(buffer, term->left, is_product, false);
        sh_buffer_print(buffer, " %s ", sh_term_words[term->kind]);
        print_part(buffer, term->right, is_product, true);
    }
}

/* 100,000 parts of a million are "10". */
static void print_percent(struct sh_buffer *buffer, uint32_t parts) {
    const uint32_t whole = parts / (SH_SAMPLE_PARTS / 100);
    uint32_t rest = parts % (SH_SAMPLE_PARTS / 100);
    sh_buffer_print(buffer, "%u", whole);
    if (rest == 0) return;
    int digit_count = 4;
    for (; rest % 10 == 0; rest /= 10)
        digit_count--;
    sh_buffer_print(buffer, ".%0*u", digit_count, rest);
}

/* Around the children of and/or that bind less tightly. */
static void print_child(struct sh_buffer *buffer, const struct sh_node *child, bool parentheses) {
    if (parentheses) append(buffer, "(");
    sh_query_print(child, buffer);
    if (parentheses) append(buffer, ")");
}

static void print_joined(struct sh_buffer *buffer, const struct sh_node *node) {
    for (const struct sh_node *child = node->child; child != NULL; child = child->next) {
        if (child != node->child) append(buffer, node->kind == SH_NODE_AND ? " and " : " or ");
        print_child(buffer, child, node->kind == SH_NODE_AND && child->kind == SH_NODE_OR);
    }
}

static bool is_bare_bool(const struct sh_node *node) {
    return node->compare == SH_COMPARE_EQ && node->operand.function == SH_FUNCTION_NONE &&
           node->literals[0].kind == SH_LITERAL_BOOL && sh_text_equal(node->literals[0].text, SH_TEXT_LITERAL("true"));
}

/* What stands behind the operand. */
static void print_asked(struct sh_buffer *buffer, const struct sh_node *node) {
    const char *no = node->negated ? "not " : "";
    switch (node->kind) {
    case SH_NODE_COMPARE:
        if (is_bare_bool(node)) return;
        sh_buffer_print(buffer, " %s ", sh_compare_words[node->compare]);
        print_literal(buffer, &node->literals[0]);
        return;
    case SH_NODE_BETWEEN:
        sh_buffer_print(buffer, " %sbetween ", no);
        print_literal(buffer, &node->literals[0]);
        append(buffer, " and ");
        print_literal(buffer, &node->literals[1]);
        return;
    case SH_NODE_IN:
        sh_buffer_print(buffer, " %sin ", no);
        print_list(buffer, node);
        return;
    case SH_NODE_UNDER:
        sh_buffer_print(buffer, " %sunder ", no);
        print_literal(buffer, &node->literals[0]);
        return;
    case SH_NODE_MISSING:
        sh_buffer_print(buffer, " is %smissing", no);
        return;
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
        sh_buffer_print(buffer, " %s%s ", no, node->kind == SH_NODE_STARTS ? "starts with" : "contains");
        print_literal(buffer, &node->literals[0]);
        return;
    case SH_NODE_WINDOW:
        append(buffer, " in ");
        print_window(buffer, &node->window);
        return;
    case SH_NODE_NEXT:
        sh_buffer_print(buffer, " in next %lld day%s", (long long)node->count, node->count == 1 ? "" : "s");
        return;
    default: /* HAS */
        if (node->has == SH_HAS_ANY && node->literal_count == 1) {
            append(buffer, " has ");
            print_literal(buffer, &node->literals[0]);
        } else {
            sh_buffer_print(buffer, " has %s ", sh_has_words[node->has]);
            print_list(buffer, node);
        }
        return;
    }
}

static void print_relation(struct sh_buffer *buffer, const struct sh_node *node) {
    const char *no = node->negated ? "not " : "";
    sh_query_print_term(node->left, buffer);
    if (node->right != NULL) {
        sh_buffer_print(buffer, " %s ", sh_compare_words[node->compare]);
        sh_query_print_term(node->right, buffer);
    } else if (node->literal_count > 0) {
        sh_buffer_print(buffer, " %sin ", no);
        print_list(buffer, node);
    } else {
        sh_buffer_print(buffer, " is %smissing", no);
    }
}

void sh_query_print(const struct sh_node *tree, struct sh_buffer *buffer) {
    switch (tree->kind) {
    case SH_NODE_TRUE:
        append(buffer, "true");
        break;
    case SH_NODE_FALSE:
        append(buffer, "false");
        break;
    case SH_NODE_AND:
    case SH_NODE_OR:
        print_joined(buffer, tree);
        break;
    case SH_NODE_NOT:
        append(buffer, "not ");
        print_child(buffer, tree->child, tree->child->kind == SH_NODE_AND || tree->child->kind == SH_NODE_OR);
        break;
    case SH_NODE_DID:
        append(buffer, "did");
        print_events(buffer, &tree->operand);
        break;
    case SH_NODE_RELATION:
        print_relation(buffer, tree);
        break;
    case SH_NODE_SEQUENCE:
        print_sequence(buffer, tree);
        break;
    case SH_NODE_SAMPLE:
        append(buffer, "sample(");
        print_percent(buffer, tree->sample_parts);
        append(buffer, "%, ");
        print_quoted(buffer, tree->sample_seed, '\'');
        append(buffer, ")");
        break;
    case SH_NODE_SEGMENT:
        append(buffer, "in_segment(");
        print_literal(buffer, &tree->literals[0]);
        append(buffer, ")");
        break;
    default:
        print_operand(buffer, &tree->operand);
        print_asked(buffer, tree);
        break;
    }
}
