/* score_uses.c -- which scores and segments an expression names, and whether something would use itself. */
#include <string.h>

#include "buffer.h"
#include "score_private.h"

enum { PATH_COUNT_MAX = 64, NODE_COUNT_MAX = SH_SEGMENT_COUNT_MAX + SH_SCORE_COUNT_MAX };

/* A segment, or a score by its field. */
struct used {
    struct sh_text name;
    bool is_score;
};

struct uses {
    struct sh_arena *arena;
    struct used *list;
    uint32_t count;
    uint32_t capacity;
    bool failed;
};

static bool is_same(struct used a, struct used b) {
    return a.is_score == b.is_score && sh_text_equal(a.name, b.name);
}

static void add(struct uses *uses, struct used used) {
    for (uint32_t i = 0; i < uses->count; i++)
        if (is_same(uses->list[i], used)) return;
    if (uses->count == uses->capacity) {
        const uint32_t capacity = uses->capacity == 0 ? 16 : 2 * uses->capacity;
        struct used *grown = sh_arena_alloc(uses->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            uses->failed = true;
            return;
        }
        if (uses->count > 0) memcpy(grown, uses->list, uses->count * sizeof *grown);
        uses->list = grown;
        uses->capacity = capacity;
    }
    uses->list[uses->count++] = used;
}

/* ---- What an expression names ---- */

static void collect_node(struct uses *uses, const struct sh_node *node);

static void collect_operand(struct uses *uses, const struct sh_operand *operand) {
    static const struct sh_text prefix = {"score.", 6};
    if (operand->function == SH_FUNCTION_NONE && !operand->of_item && operand->name.count > prefix.count &&
        memcmp(operand->name.bytes, prefix.bytes, prefix.count) == 0)
        add(uses, (struct used){operand->name, true});
    if (operand->where != NULL) collect_node(uses, operand->where);
    if (operand->window.kind == SH_WINDOW_WITHIN) collect_operand(uses, operand->window.anchor);
}

static void collect_term(struct uses *uses, const struct sh_term *term) {
    if (term == NULL) return;
    if (term->kind == SH_TERM_OPERAND) collect_operand(uses, &term->operand);
    collect_term(uses, term->left);
    collect_term(uses, term->right);
}

static void collect_node(struct uses *uses, const struct sh_node *node) {
    for (const struct sh_node *child = node->child; child != NULL; child = child->next)
        collect_node(uses, child);
    if (node->kind == SH_NODE_SEGMENT) add(uses, (struct used){node->literals[0].text, false});
    collect_operand(uses, &node->operand);
    collect_term(uses, node->left);
    collect_term(uses, node->right);
}

static bool term_uses(const struct sh_term *term, struct sh_text field);

static bool operand_uses(const struct sh_operand *operand, struct sh_text field) {
    if (operand->function == SH_FUNCTION_NONE && !operand->of_item && sh_text_equal(operand->name, field)) return true;
    if (operand->where != NULL && sh_score_is_used(operand->where, field)) return true;
    return operand->window.kind == SH_WINDOW_WITHIN && operand_uses(operand->window.anchor, field);
}

static bool term_uses(const struct sh_term *term, struct sh_text field) {
    if (term == NULL) return false;
    if (term->kind == SH_TERM_OPERAND && operand_uses(&term->operand, field)) return true;
    return term_uses(term->left, field) || term_uses(term->right, field);
}

bool sh_score_is_used(const struct sh_node *tree, struct sh_text field) {
    for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
        if (sh_score_is_used(child, field)) return true;
    return operand_uses(&tree->operand, field) || term_uses(tree->left, field) || term_uses(tree->right, field);
}

static bool names_segment(const struct sh_node *tree, struct sh_text segment) {
    for (const struct sh_node *child = tree->child; child != NULL; child = child->next)
        if (names_segment(child, segment)) return true;
    return tree->kind == SH_NODE_SEGMENT && sh_text_equal(tree->literals[0].text, segment);
}

enum sh_status sh_scores_find_user(const struct sh_scores *scores, struct sh_text segment, struct sh_arena *arena,
                                   const struct sh_score **user, struct sh_error *err) {
    *user = NULL;
    for (uint32_t i = 0; i < scores->count && *user == NULL; i++) {
        for (uint32_t p = 0; p < scores->list[i]->part_count; p++) {
            struct sh_node *tree;
            const enum sh_status status = score_part_parse(&scores->list[i]->parts[p], arena, &tree, err);
            if (status != SH_OK) return status;
            if (names_segment(tree, segment)) *user = scores->list[i];
        }
    }
    return SH_OK;
}

/* ---- From use to use ---- */

struct search {
    const struct sh_scores *scores;
    const struct sh_query_scope *scope;
    struct uses seen; /* each is looked at once */
    struct used wanted;
    struct used path[PATH_COUNT_MAX];
    uint32_t path_count;
    bool is_found;
    bool is_too_long;
};

static void search_tree(struct search *search, const struct sh_node *tree);

static void search_used(struct search *search, struct used used) {
    struct sh_error ignored;
    struct sh_node *tree;
    if (used.is_score) {
        const struct sh_text name = {used.name.bytes + 6, used.name.count - 6};
        const struct sh_score *score = sh_scores_find(search->scores, name);
        for (uint32_t i = 0; score != NULL && i < score->part_count && !search->is_found; i++)
            if (score_part_parse(&score->parts[i], search->seen.arena, &tree, &ignored) == SH_OK)
                search_tree(search, tree);
        return;
    }
    if (search->scope->segment == NULL) return;
    /* What is not there is told when the expression is checked. */
    if (search->scope->segment(search->scope->segment_owner, used.name, search->seen.arena, &tree, &ignored) == SH_OK)
        search_tree(search, tree);
}

static void search_tree(struct search *search, const struct sh_node *tree) {
    struct uses uses = {.arena = search->seen.arena};
    collect_node(&uses, tree);
    search->seen.failed |= uses.failed;
    if (uses.count > 0 && search->path_count == PATH_COUNT_MAX) search->is_too_long = true;
    for (uint32_t i = 0; i < uses.count && !search->is_found && search->path_count < PATH_COUNT_MAX; i++) {
        const uint32_t seen_count = search->seen.count;
        search->path[search->path_count++] = uses.list[i];
        search->is_found = is_same(uses.list[i], search->wanted);
        if (search->is_found) return;
        add(&search->seen, uses.list[i]);
        if (search->seen.count > seen_count) search_used(search, uses.list[i]);
        if (search->is_found) return;
        search->path_count--;
    }
}

static void print_used(struct sh_buffer *words, struct used used) {
    const char *quote = used.is_score ? "" : "'";
    sh_buffer_print(words, "%s%.*s%s", quote, SH_TEXT_ARGS(used.name), quote);
}

static enum sh_status answer_search(const struct search *search, struct sh_error *err) {
    struct sh_buffer words;
    if (search->seen.failed) return sh_fail(err, SH_ERR_MEMORY, -1, "out of memory for scoring plans");
    if (!search->is_found && search->is_too_long)
        return sh_fail(err, SH_ERR_LIMIT, -1,
                       "scoring plans and segments would use each other in a chain longer than %d", PATH_COUNT_MAX);
    if (!search->is_found) return SH_OK;
    sh_buffer_init(&words, (size_t)PATH_COUNT_MAX * (SH_NAME_BYTES_MAX + 16));
    print_used(&words, search->wanted);
    for (uint32_t i = 0; i < search->path_count; i++) {
        sh_buffer_print(&words, " -> ");
        print_used(&words, search->path[i]);
    }
    (void)sh_fail(err, SH_ERR_CONFLICT, -1, "the %s would use itself: %.*s",
                  search->wanted.is_score ? "scoring plan" : "segment", (int)words.count, (const char *)words.bytes);
    sh_buffer_deinit(&words);
    return SH_ERR_CONFLICT;
}

enum sh_status score_check_cycle(const struct sh_scores *scores, struct sh_text field, struct sh_node *const *trees,
                                 uint32_t tree_count, const struct sh_query_scope *scope, struct sh_arena *arena,
                                 struct sh_error *err) {
    struct search search = {.scores = scores, .scope = scope, .seen = {.arena = arena}, .wanted = {field, true}};
    for (uint32_t i = 0; i < tree_count && !search.is_found; i++)
        search_tree(&search, trees[i]);
    return answer_search(&search, err);
}

enum sh_status sh_scores_check_segment(const struct sh_scores *scores, struct sh_text name, const struct sh_node *tree,
                                       const struct sh_query_scope *scope, struct sh_arena *arena,
                                       struct sh_error *err) {
    if (scores->count == 0) return SH_OK;
    struct search search = {.scores = scores, .scope = scope, .seen = {.arena = arena}, .wanted = {name, false}};
    search_tree(&search, tree);
    bool has_score = false;
    for (uint32_t i = 0; i < search.path_count; i++)
        has_score |= search.path[i].is_score;
    return search.is_found && !has_score ? SH_OK : answer_search(&search, err); /* segments alone: the catalogue's */
}
