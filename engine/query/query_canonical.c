/* Canonical form: query_tree.h says what it is. */
#include "bounds.h"
#include "hash.h"
#include "query_form.h"
#include "query_number.h"
#include "query_words.h"

struct canonicalizer {
    struct sh_arena *arena;
    struct sh_error *err;
    struct sh_buffer printed; /* used as a stack: what a call appends it takes off */
    uint32_t node_count;
};

struct printed_node {
    struct sh_node *node;
    struct sh_text text;
};

static int compare_printed(const void *a, const void *b) {
    return sh_text_compare(((const struct printed_node *)a)->text, ((const struct printed_node *)b)->text);
}

static int compare_literals(const void *a, const void *b) {
    const struct sh_literal *left = a;
    const struct sh_literal *right = b;
    if (left->kind != right->kind) return left->kind < right->kind ? -1 : 1;
    if (left->kind == SH_LITERAL_NUMBER) return sh_number_compare(left->text, right->text);
    return sh_text_compare(left->text, right->text);
}

static void sort_literals(struct sh_node *node) {
    if (node->kind != SH_NODE_IN && node->kind != SH_NODE_HAS && node->kind != SH_NODE_RELATION) return;
    if (node->literal_count == 0) return; /* a list of calculations */
    qsort(node->literals, node->literal_count, sizeof *node->literals, compare_literals);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->literal_count; i++)
        if (kept == 0 || compare_literals(&node->literals[kept - 1], &node->literals[i]) != 0)
            node->literals[kept++] = node->literals[i];
    node->literal_count = kept;
    /* One tag: any and all ask the same. */
    if (node->kind == SH_NODE_HAS && node->has == SH_HAS_ALL && kept == 1) node->has = SH_HAS_ANY;
}

static enum sh_status fail_memory(struct canonicalizer *work) {
    return sh_fail(work->err, SH_ERR_LIMIT, -1, "the expression does not fit the memory of one request");
}

static enum sh_status check_printed(struct canonicalizer *work) {
    if (!work->printed.failed) return SH_OK;
    return sh_fail(work->err, SH_ERR_LIMIT, -1, "the expression needs more than %d bytes in canonical form",
                   SH_EXPRESSION_BYTES_MAX);
}

/* Children of and/or that are the same kind hand up their own: (a and b) and c. */
static void flatten(struct sh_node *node) {
    for (struct sh_node **link = &node->child; *link != NULL;) {
        struct sh_node *child = *link;
        if (child->kind != node->kind) {
            link = &child->next;
            continue;
        }
        struct sh_node *last = child->child;
        while (last->next != NULL)
            last = last->next;
        last->next = child->next;
        *link = child->child; /* they are canonical: none of them is of this kind */
        link = &last->next;
    }
}

/* Children by printed text, without doubles. */
static enum sh_status sort_children(struct canonicalizer *work, struct sh_node *node) {
    uint32_t count = 0;
    for (const struct sh_node *child = node->child; child != NULL; child = child->next)
        count++;
    struct printed_node *children = sh_arena_alloc(work->arena, count * sizeof *children);
    if (children == NULL) return fail_memory(work);
    const size_t begin = work->printed.count;
    uint32_t i = 0;
    for (struct sh_node *child = node->child; child != NULL; child = child->next, i++) {
        const size_t before = work->printed.count;
        sh_query_print(child, &work->printed);
        children[i] = (struct printed_node){child, {NULL, (uint32_t)(work->printed.count - before)}};
    }
    const enum sh_status status = check_printed(work);
    if (status != SH_OK) return status;
    const char *text = (const char *)work->printed.bytes + begin; /* the bytes move while it grows: only now */
    for (i = 0; i < count; i++) {
        children[i].text.bytes = text;
        text += children[i].text.count;
    }
    qsort(children, count, sizeof *children, compare_printed);
    struct sh_node **link = &node->child;
    for (i = 0; i < count; i++) {
        if (i > 0 && sh_text_equal(children[i - 1].text, children[i].text)) continue;
        *link = children[i].node;
        link = &children[i].node->next;
    }
    *link = NULL;
    work->printed.count = begin;
    return SH_OK;
}

/* depth: how deep the tree is below and with *node. */
static enum sh_status canonicalize(struct canonicalizer *work, struct sh_node **node, uint32_t *depth);

static enum sh_status canonicalize_children(struct canonicalizer *work, struct sh_node *node, uint32_t *depth) {
    for (struct sh_node **link = &node->child; *link != NULL; link = &(*link)->next) {
        uint32_t child_depth;
        const enum sh_status status = canonicalize(work, link, &child_depth);
        if (status != SH_OK) return status;
        /* What is of the parent's kind goes up into it. */
        const uint32_t added = (*link)->kind == node->kind && node->kind != SH_NODE_NOT ? 0 : 1;
        if (child_depth + added > *depth) *depth = child_depth + added;
    }
    return SH_OK;
}

/* Its where, and its anchor's. */
static enum sh_status canonicalize_operand(struct canonicalizer *work, struct sh_operand *operand, uint32_t *depth) {
    uint32_t where_depth = 0;
    if (operand->where != NULL) {
        const enum sh_status status = canonicalize(work, &operand->where, &where_depth);
        if (status != SH_OK) return status;
        if (where_depth + 1 > *depth) *depth = where_depth + 1;
    }
    if (operand->window.kind != SH_WINDOW_WITHIN) return SH_OK;
    return canonicalize_operand(work, operand->window.anchor, depth); /* which has no anchor */
}

/* ---- Comparisons of calculations ---- */

/* Is the canonical text of a behind that of b? */
static enum sh_status is_behind(struct canonicalizer *work, const struct sh_term *a, const struct sh_term *b,
                                bool *behind) {
    const size_t begin = work->printed.count;
    sh_query_print_term(a, &work->printed);
    const size_t middle = work->printed.count;
    sh_query_print_term(b, &work->printed);
    const enum sh_status status = check_printed(work);
    if (status != SH_OK) return status;
    const char *text = (const char *)work->printed.bytes;
    const struct sh_text first = {text + begin, (uint32_t)(middle - begin)};
    const struct sh_text second = {text + middle, (uint32_t)(work->printed.count - middle)};
    *behind = sh_text_compare(first, second) > 0;
    work->printed.count = begin;
    return SH_OK;
}

static void swap_terms(struct sh_term **a, struct sh_term **b) {
    struct sh_term *const held = *a;
    *a = *b;
    *b = held;
}

/* What is added and multiplied stands in the order of its text. */
static enum sh_status canonicalize_term(struct canonicalizer *work, struct sh_term *term, uint32_t *depth) {
    enum sh_status status;
    bool behind = false;
    if (term->kind == SH_TERM_NUMBER) return SH_OK;
    if (term->kind == SH_TERM_OPERAND) return canonicalize_operand(work, &term->operand, depth);
    if ((status = canonicalize_term(work, term->left, depth)) != SH_OK) return status;
    if ((status = canonicalize_term(work, term->right, depth)) != SH_OK) return status;
    if (term->kind != SH_TERM_ADD && term->kind != SH_TERM_MULTIPLY) return SH_OK;
    if ((status = is_behind(work, term->left, term->right, &behind)) != SH_OK) return status;
    if (behind) swap_terms(&term->left, &term->right);
    return SH_OK;
}

/* An operand and a number: the plain comparison, which finds its rows faster. */
static enum sh_status make_plain(struct canonicalizer *work, struct sh_node *node) {
    static const enum sh_compare turned[] = {
        [SH_COMPARE_EQ] = SH_COMPARE_EQ, [SH_COMPARE_NE] = SH_COMPARE_NE, [SH_COMPARE_LT] = SH_COMPARE_GT,
        [SH_COMPARE_LE] = SH_COMPARE_GE, [SH_COMPARE_GT] = SH_COMPARE_LT, [SH_COMPARE_GE] = SH_COMPARE_LE};
    const bool number_is_left = node->left->kind == SH_TERM_NUMBER;
    const struct sh_term *number = number_is_left ? node->left : node->right;
    const struct sh_term *operand = number_is_left ? node->right : node->left;
    if (number->kind != SH_TERM_NUMBER || number->unit != SH_UNIT_NONE || operand->kind != SH_TERM_OPERAND)
        return SH_OK;
    node->kind = SH_NODE_COMPARE;
    node->operand = operand->operand;
    if (number_is_left) node->compare = turned[node->compare];
    node->left = NULL;
    node->right = NULL;
    return sh_node_add_literal(work->arena, node, number->number) ? SH_OK : fail_memory(work);
}

/* (points) in (1, 2): an operand alone is asked as one. */
static void make_plain_question(struct sh_node *node) {
    if (node->left->kind != SH_TERM_OPERAND) return;
    node->kind = node->literal_count > 0 ? SH_NODE_IN : SH_NODE_MISSING;
    node->operand = node->left->operand;
    node->left = NULL;
}

static enum sh_status canonicalize_relation(struct canonicalizer *work, struct sh_node *node, uint32_t *depth) {
    enum sh_status status;
    if ((status = canonicalize_term(work, node->left, depth)) != SH_OK) return status;
    if (node->right == NULL) {
        make_plain_question(node);
        return SH_OK;
    }
    if ((status = canonicalize_term(work, node->right, depth)) != SH_OK) return status;
    if ((status = make_plain(work, node)) != SH_OK || node->kind != SH_NODE_RELATION) return status;
    bool turns = node->compare == SH_COMPARE_GT || node->compare == SH_COMPARE_GE;
    if (node->compare == SH_COMPARE_EQ || node->compare == SH_COMPARE_NE)
        status = is_behind(work, node->left, node->right, &turns);
    if (status != SH_OK || !turns) return status;
    swap_terms(&node->left, &node->right);
    if (node->compare == SH_COMPARE_GT) node->compare = SH_COMPARE_LT;
    if (node->compare == SH_COMPARE_GE) node->compare = SH_COMPARE_LE;
    return SH_OK;
}

static enum sh_status canonicalize(struct canonicalizer *work, struct sh_node **node, uint32_t *depth) {
    struct sh_node *const top = *node;
    struct sh_node *const next = top->next;
    enum sh_status status;
    work->node_count++;
    *depth = 1;
    if ((status = canonicalize_operand(work, &top->operand, depth)) != SH_OK) return status;
    sort_literals(top);
    if (top->kind == SH_NODE_RELATION) return canonicalize_relation(work, top, depth);
    if (top->child == NULL) return SH_OK;
    if ((status = canonicalize_children(work, top, depth)) != SH_OK) return status;
    if (top->kind == SH_NODE_SEQUENCE) { /* steps stay in their order */
        top->next = next;
        return SH_OK;
    }
    struct sh_node *result = top;
    sh_assert(top->child != NULL);
    if (top->kind == SH_NODE_NOT) {
        if (top->child->kind == SH_NODE_NOT) {
            result = top->child->child;
            *depth -= 2;
        }
    } else {
        flatten(top);
        if ((status = sort_children(work, top)) != SH_OK) return status;
        sh_assert(top->child != NULL);
        if (top->child->next == NULL) {
            result = top->child;
            *depth -= 1;
        }
    }
    result->next = next;
    *node = result;
    return SH_OK;
}

static enum sh_status check_limits(struct canonicalizer *work, const struct sh_node *tree, uint32_t depth) {
    if (depth > SH_EXPRESSION_DEPTH_MAX)
        return sh_fail(work->err, SH_ERR_LIMIT, -1, "the expression is nested %u deep; at most %d is allowed", depth,
                       SH_EXPRESSION_DEPTH_MAX);
    if (work->node_count > SH_EXPRESSION_NODE_COUNT_MAX)
        return sh_fail(work->err, SH_ERR_LIMIT, -1, "the expression has %u conditions; at most %d are allowed",
                       work->node_count, SH_EXPRESSION_NODE_COUNT_MAX);
    sh_query_print(tree, &work->printed);
    return check_printed(work);
}

enum sh_status sh_query_canonicalize(struct sh_arena *arena, struct sh_node **tree, struct sh_error *err) {
    struct canonicalizer work = {.arena = arena, .err = err};
    sh_buffer_init(&work.printed, SH_EXPRESSION_BYTES_MAX);
    uint32_t depth;
    enum sh_status status = canonicalize(&work, tree, &depth);
    if (status == SH_OK) status = check_limits(&work, *tree, depth);
    sh_buffer_deinit(&work.printed);
    return status;
}

enum sh_status sh_query_hash(const struct sh_node *tree, uint64_t *hash) {
    struct sh_buffer buffer;
    sh_buffer_init(&buffer, SH_EXPRESSION_BYTES_MAX);
    sh_query_print(tree, &buffer);
    const enum sh_status status = buffer.failed ? SH_ERR_MEMORY : SH_OK;
    if (status == SH_OK) *hash = sh_hash_text((struct sh_text){(const char *)buffer.bytes, (uint32_t)buffer.count});
    sh_buffer_deinit(&buffer);
    return status;
}
