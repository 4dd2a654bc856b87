/* query_print_property.c -- random trees in both written forms and back, and shuffled.
 *
 * For every tree: canonical text parses to a tree that prints the same; canonical msgpack reads to a tree that writes
 * the same bytes and prints the same text; and a copy that is shuffled, regrouped, doubled and negated twice has the
 * same canonical text and hash. Run: query_print_property SEED COUNT.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../support/split_random.h"
#include "query_form.h"
#include "query_words.h"

static struct split_random rng;
static struct sh_arena arena;
static uint64_t seed, step_count, step;

static uint64_t below(uint64_t bound) {
    return split_below(&rng, bound);
}

static void must(bool holds, const char *what, const struct sh_buffer *text) {
    if (holds) return;
    printf("step %llu: %s\n%.*s\n", (unsigned long long)step, what, (int)text->count, (const char *)text->bytes);
    exit(1);
}

/* ---- Random trees ---- */

static struct sh_text random_name(void) {
    static const char *const names[] = {
        "tier",     "city",   "points",     "会员等级", "生日",  "a b",   "and",     "Not",      "x`y",
        "`",        "item",   "id",         "last",     "today", "did",   "count",   "7days",    "_",
        "true",     "金卡 ",  "a.b",        "é",        "ｖip",  "５",    "‘q’",     "a，b",     "a-b",
        "missing",  "😀",      "'",          "--",       "and\n", "where", "starts",  "contains", "between",
        "calendar", "sample", "in_segment", "café",     "a\tb",  "Ａnd",  "distinct"};
    return sh_text_of(names[below(sizeof names / sizeof names[0])]);
}

static struct sh_text random_string(void) {
    static const char *const strings[] = {"gold", "",   "it's", "''",   "成都", "a\nb",       "\"",         "`",
                                          "‘’“”", "--", "100",  "true", "’",    "％_",        "2026-03-01", "’'",
                                          "\\",   " ",  "😀",    "'a",   "a'",   "mother-baby"};
    return sh_text_of(strings[below(sizeof strings / sizeof strings[0])]);
}

/* Normalized, as the readers keep them. */
static struct sh_text random_number(void) {
    static const char *const numbers[] = {"0",
                                          "1",
                                          "-1",
                                          "10",
                                          "2",
                                          "0.5",
                                          "-0.005",
                                          "12.5",
                                          "9223372036854775807",
                                          "-9223372036854775808",
                                          "9223372036854775808",
                                          "18446744073709551616",
                                          "123456789012345.6",
                                          "0.1234567891",
                                          "99999999999999999999999999.99",
                                          "0.3",
                                          "1234567.123456789"};
    return sh_text_of(numbers[below(sizeof numbers / sizeof numbers[0])]);
}

static struct sh_literal random_literal(void) {
    switch (below(4)) {
    case 0:
        return (struct sh_literal){SH_LITERAL_NUMBER, random_number(), 0};
    case 1:
        return (struct sh_literal){SH_LITERAL_BOOL, below(2) ? SH_TEXT_LITERAL("true") : SH_TEXT_LITERAL("false"), 0};
    default:
        return (struct sh_literal){SH_LITERAL_TEXT, random_string(), 0};
    }
}

static struct sh_literal random_moment(void) {
    return (struct sh_literal){SH_LITERAL_TEXT, random_string(), 0};
}

static struct sh_node *make(enum sh_node_kind kind) {
    struct sh_node *node = sh_node_make(&arena, kind, SH_POSITION_NONE);
    if (node == NULL) abort();
    return node;
}

static void add_literals(struct sh_node *node, uint64_t count) {
    for (uint64_t i = 0; i < count; i++)
        if (!sh_node_add_literal(&arena, node, random_literal())) abort();
}

static void random_window(struct sh_window *window) {
    *window = (struct sh_window){.kind = (enum sh_window_kind)(1 + below(SH_WINDOW_AGO))};
    switch (window->kind) {
    case SH_WINDOW_SLIDING:
        window->unit = (enum sh_unit)(SH_UNIT_MINUTE + below(4));
        window->count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
        break;
    case SH_WINDOW_AGO:
        window->unit = (enum sh_unit)(SH_UNIT_MINUTE + below(4));
        window->count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
        window->end_unit = (enum sh_unit)(SH_UNIT_MINUTE + below(4));
        window->end_count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
        break;
    case SH_WINDOW_CALENDAR:
        window->count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
        window->unit = (enum sh_unit)(SH_UNIT_DAY + below(5));
        break;
    case SH_WINDOW_THIS:
    case SH_WINDOW_PREVIOUS:
        window->unit = (enum sh_unit)(SH_UNIT_DAY + below(5));
        break;
    case SH_WINDOW_BETWEEN:
        window->from = random_moment();
        window->to = random_moment();
        break;
    case SH_WINDOW_BEFORE:
        window->to = random_moment();
        break;
    default:
        window->from = random_moment();
        break;
    }
}

static struct sh_node *random_tree(uint64_t depth);
static void random_operand(struct sh_operand *operand, uint64_t depth);
static bool in_anchor; /* which has no anchor of its own, nor has what stands in its where */

static void random_within(struct sh_window *window, uint64_t depth) {
    *window = (struct sh_window){.kind = SH_WINDOW_WITHIN};
    window->unit = (enum sh_unit)(SH_UNIT_MINUTE + below(4));
    window->count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
    window->is_before = below(2) == 0;
    window->anchor = sh_arena_alloc_zero(&arena, sizeof *window->anchor);
    if (window->anchor == NULL) abort();
    in_anchor = true;
    random_operand(window->anchor, depth > 0 ? depth - 1 : 0);
    in_anchor = false;
}

static void random_events(struct sh_operand *operand, uint64_t depth) {
    operand->event = random_name();
    if (depth > 0 && below(2) == 0) operand->where = random_tree(depth - 1);
    if (below(2) == 0) random_window(&operand->window);
    if (!in_anchor && below(4) == 0) random_within(&operand->window, depth);
}

static void random_operand(struct sh_operand *operand, uint64_t depth) {
    if (below(3) > 0) {
        operand->name = random_name();
        operand->of_item = below(5) == 0;
        return;
    }
    operand->function = (enum sh_function)(1 + below(SH_FUNCTION_EXPECTED_NEXT));
    if (operand->function == SH_FUNCTION_NTH) operand->nth = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
    const enum sh_property_use use = sh_function_property_use(operand->function);
    if (use == SH_PROPERTY_MUST || (use == SH_PROPERTY_MAY && below(2) == 0)) operand->name = random_name();
    random_events(operand, depth);
}

static void random_sequence(struct sh_node *node, uint64_t depth) {
    struct sh_node **link = &node->child;
    const uint64_t length = 1 + below(5);
    for (uint64_t i = 0; i < length; i++) {
        *link = make(SH_NODE_DID);
        (*link)->operand.function = SH_FUNCTION_COUNT;
        (*link)->operand.event = random_name();
        if (depth > 1 && below(3) == 0) (*link)->operand.where = random_tree(depth - 2);
        link = &(*link)->next;
    }
    if (below(2) == 0) {
        node->sequence.within_count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
        node->sequence.within_unit = (enum sh_unit)(SH_UNIT_MINUTE + below(4));
    }
    node->sequence.is_strict = below(2) == 0;
    node->sequence.reach = (uint32_t)below(length); /* below the last step: that one is written as none */
    if (below(2) == 0) random_window(&node->window);
}

/* At most eight values a side. */
static struct sh_term *random_term(uint64_t depth, uint64_t term_depth) {
    struct sh_term *term = sh_arena_alloc_zero(&arena, sizeof *term);
    if (term == NULL) abort();
    if (term_depth > 0 && below(3) > 0) {
        term->kind = (enum sh_term_kind)(SH_TERM_ADD + below(4));
        term->left = random_term(depth, term_depth - 1);
        term->right = random_term(depth, term_depth - 1);
    } else if (below(3) == 0) {
        term->kind = SH_TERM_NUMBER;
        term->number = (struct sh_literal){SH_LITERAL_NUMBER, random_number(), 0};
        if (below(3) == 0) term->unit = (enum sh_unit)(SH_UNIT_MINUTE + below(4));
    } else {
        term->kind = SH_TERM_OPERAND;
        random_operand(&term->operand, depth);
    }
    return term;
}

static void random_relation(struct sh_node *node, uint64_t depth) {
    node->left = random_term(depth, below(4));
    if (node->left->kind >= SH_TERM_ADD && below(3) == 0) { /* a list, or missing */
        node->negated = below(2) == 0;
        add_literals(node, below(5));
        return;
    }
    node->compare = (enum sh_compare)below(6);
    do
        node->right = random_term(depth, below(4));
    while (node->left->kind == SH_TERM_NUMBER && node->right->kind == SH_TERM_NUMBER);
}

static struct sh_node *random_leaf(uint64_t depth) {
    struct sh_node *node = make((enum sh_node_kind)(SH_NODE_COMPARE + below(SH_NODE_SEGMENT - SH_NODE_COMPARE + 1)));
    switch (node->kind) {
    case SH_NODE_DID:
        node->operand.function = SH_FUNCTION_COUNT;
        random_events(&node->operand, depth);
        return node;
    case SH_NODE_SEQUENCE:
        random_sequence(node, depth);
        return node;
    case SH_NODE_RELATION:
        random_relation(node, depth);
        return node;
    case SH_NODE_SAMPLE:
        node->sample_parts = (uint32_t)split_length(&rng, SH_SAMPLE_PARTS + 1);
        node->sample_seed = random_string();
        return node;
    case SH_NODE_SEGMENT:
        if (!sh_node_add_literal(&arena, node, random_moment())) abort();
        return node;
    default:
        break;
    }
    random_operand(&node->operand, depth);
    switch (node->kind) {
    case SH_NODE_COMPARE:
        node->compare = (enum sh_compare)below(6);
        add_literals(node, 1);
        break;
    case SH_NODE_BETWEEN:
        add_literals(node, 2);
        break;
    case SH_NODE_IN:
    case SH_NODE_HAS:
        add_literals(node, 1 + below(5));
        break;
    case SH_NODE_STARTS:
    case SH_NODE_CONTAINS:
    case SH_NODE_UNDER:
        add_literals(node, 1);
        break;
    case SH_NODE_WINDOW:
        random_window(&node->window);
        break;
    case SH_NODE_NEXT:
        node->count = 1 + (int64_t)split_length(&rng, SH_WINDOW_COUNT_MAX);
        break;
    default:
        break;
    }
    if (node->kind == SH_NODE_HAS) {
        node->has = (enum sh_has)below(3);
    } else if (node->kind != SH_NODE_COMPARE && node->kind != SH_NODE_WINDOW && node->kind != SH_NODE_NEXT) {
        node->negated = below(2) == 0;
    }
    return node;
}

static struct sh_node *random_tree(uint64_t depth) {
    if (depth == 0 || below(3) == 0)
        return below(20) == 0 ? make(below(2) ? SH_NODE_TRUE : SH_NODE_FALSE) : random_leaf(depth);
    struct sh_node *node = make((enum sh_node_kind)(SH_NODE_AND + below(3)));
    struct sh_node **link = &node->child;
    for (uint64_t i = node->kind == SH_NODE_NOT ? 1 : 1 + below(4); i > 0; i--) {
        *link = random_tree(depth - 1);
        link = &(*link)->next;
    }
    return node;
}

/* ---- The same, written otherwise ---- */

static struct sh_node *shuffled(const struct sh_node *node);

static void shuffle_literals(struct sh_node *copy, const struct sh_node *node) {
    copy->literals = NULL;
    copy->literal_count = 0;
    const bool list = node->kind == SH_NODE_IN || node->kind == SH_NODE_HAS || node->kind == SH_NODE_RELATION;
    const uint64_t start = list ? below(node->literal_count) : 0;
    const uint64_t extra = list ? below(3) : 0;
    for (uint64_t i = 0; i < node->literal_count + extra; i++)
        if (!sh_node_add_literal(&arena, copy, node->literals[(start + i) % node->literal_count])) abort();
}

/* Children in another order, some twice, some in a group of their own. */
static void shuffle_children(struct sh_node *copy, const struct sh_node *node) {
    struct sh_node *list[64];
    size_t count = 0;
    for (const struct sh_node *child = node->child; child != NULL; child = child->next) {
        list[count++] = shuffled(child);
        if (below(4) == 0 && count < 60) list[count++] = shuffled(child);
    }
    for (size_t i = count; i > 1; i--) {
        const size_t other = (size_t)below(i);
        struct sh_node *const held = list[i - 1];
        list[i - 1] = list[other];
        list[other] = held;
    }
    struct sh_node **link = &copy->child;
    *link = NULL;
    for (size_t i = 0; i < count; i++) {
        if (below(4) == 0) {
            struct sh_node *group = make(copy->kind);
            group->child = list[i];
            list[i]->next = i + 1 < count ? list[i + 1] : NULL;
            if (list[i]->next != NULL) list[++i]->next = NULL;
            *link = group;
        } else {
            *link = list[i];
            list[i]->next = NULL;
        }
        link = &(*link)->next;
    }
}

/* Steps stay in their order. */
static void shuffle_steps(struct sh_node *copy, const struct sh_node *node) {
    struct sh_node **link = &copy->child;
    for (const struct sh_node *from = node->child; from != NULL; from = from->next) {
        *link = make(SH_NODE_DID);
        **link = *from;
        if (from->operand.where != NULL) (*link)->operand.where = shuffled(from->operand.where);
        link = &(*link)->next;
    }
}

/* a + b as b + a. */
static struct sh_term *shuffled_term(const struct sh_term *term) {
    struct sh_term *copy = sh_arena_copy(&arena, term, sizeof *term);
    if (copy == NULL) abort();
    if (copy->operand.where != NULL) copy->operand.where = shuffled(term->operand.where);
    if (term->left == NULL) return copy;
    const bool swaps = (term->kind == SH_TERM_ADD || term->kind == SH_TERM_MULTIPLY) && below(2) == 0;
    copy->left = shuffled_term(swaps ? term->right : term->left);
    copy->right = shuffled_term(swaps ? term->left : term->right);
    return copy;
}

/* a < b as b > a. */
static void shuffle_relation(struct sh_node *copy, const struct sh_node *node) {
    static const enum sh_compare turned[] = {SH_COMPARE_EQ, SH_COMPARE_NE, SH_COMPARE_GT,
                                             SH_COMPARE_GE, SH_COMPARE_LT, SH_COMPARE_LE};
    if (node->right == NULL) {
        copy->left = shuffled_term(node->left);
        return;
    }
    const bool swaps = below(2) == 0;
    copy->left = shuffled_term(swaps ? node->right : node->left);
    copy->right = shuffled_term(swaps ? node->left : node->right);
    if (swaps) copy->compare = turned[node->compare];
}

static struct sh_node *shuffled(const struct sh_node *node) {
    struct sh_node *copy = make(node->kind);
    *copy = *node;
    copy->next = NULL;
    if (node->literal_count > 0) shuffle_literals(copy, node);
    if (node->operand.where != NULL) copy->operand.where = shuffled(node->operand.where);
    if (node->kind == SH_NODE_RELATION) shuffle_relation(copy, node);
    if (node->kind == SH_NODE_NOT) {
        copy->child = shuffled(node->child);
    } else if (node->kind == SH_NODE_SEQUENCE) {
        shuffle_steps(copy, node);
    } else if (node->child != NULL) {
        shuffle_children(copy, node);
    }
    if (below(8) > 0) return copy;
    struct sh_node *inner = make(SH_NODE_NOT);
    struct sh_node *outer = make(SH_NODE_NOT);
    inner->child = copy;
    outer->child = inner;
    return outer;
}

/* ---- Properties ---- */

static void print(const struct sh_node *tree, struct sh_buffer *buffer) {
    sh_buffer_clear(buffer);
    sh_query_print(tree, buffer);
}

static void write(const struct sh_node *tree, struct sh_buffer *buffer) {
    msgpack_packer packer;
    sh_buffer_clear(buffer);
    sh_buffer_packer(buffer, &packer);
    sh_query_write(tree, &packer);
}

static bool same(const struct sh_buffer *a, const struct sh_buffer *b) {
    return !a->failed && !b->failed && a->count == b->count && memcmp(a->bytes, b->bytes, a->count) == 0;
}

static void check_tree(struct sh_buffer *text, struct sh_buffer *bytes, struct sh_buffer *again) {
    struct sh_error err = {0};
    struct sh_node *tree = random_tree(below(6));
    struct sh_node *other = shuffled(tree);
    const enum sh_status status = sh_query_canonicalize(&arena, &tree, &err);
    print(tree, text);
    must(status == SH_OK, err.message, text);
    uint64_t hash = 0, other_hash = 1;
    must(sh_query_hash(tree, &hash) == SH_OK, "hash", text);

    must(sh_query_canonicalize(&arena, &other, &err) == SH_OK, "the shuffled tree is refused", text);
    print(other, again);
    must(same(text, again), "the shuffled tree prints another text", text);
    must(sh_query_hash(other, &other_hash) == SH_OK && hash == other_hash, "the shuffled tree has another hash", text);

    struct sh_node *parsed = NULL;
    const struct sh_text source = {(const char *)text->bytes, (uint32_t)text->count};
    must(sh_query_parse(source, &arena, &parsed, &err) == SH_OK, err.message, text);
    print(parsed, again);
    must(same(text, again), "what is printed parses to another text", text);

    write(tree, bytes);
    struct sh_cursor cursor;
    struct sh_node *read = NULL;
    sh_cursor_init(&cursor, bytes->bytes, bytes->count);
    must(sh_query_read(&cursor, &arena, &read, &err) == SH_OK, err.message, text);
    must(sh_cursor_at_end(&cursor), "bytes are left behind the tree", text);
    print(read, again);
    must(same(text, again), "what is written reads to another text", text);
    write(read, again);
    must(same(bytes, again), "what is read is written otherwise", text);
    write(parsed, again);
    must(same(bytes, again), "what is parsed is written otherwise", text);
}

int main(int argument_count, char **arguments) {
    seed = argument_count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    step_count = argument_count > 2 ? strtoull(arguments[2], NULL, 10) : 5000;
    printf("reproduce: ./query_print_property %llu %llu\n", (unsigned long long)seed, (unsigned long long)step_count);
    sh_arena_init(&arena, 256 << 20);
    struct sh_buffer text, bytes, again;
    sh_buffer_init(&text, 1 << 20);
    sh_buffer_init(&bytes, 1 << 20);
    sh_buffer_init(&again, 1 << 20);
    for (step = 0; step < step_count; step++) {
        rng.state = seed * 1000003 + step;
        check_tree(&text, &bytes, &again);
        sh_arena_reset(&arena);
    }
    sh_buffer_deinit(&text);
    sh_buffer_deinit(&bytes);
    sh_buffer_deinit(&again);
    sh_arena_deinit(&arena);
    return 0;
}
