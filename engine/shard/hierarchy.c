/* hierarchy.c -- one tree: made from names and parents in any order. */
#include <stdlib.h>
#include <string.h>

#include "hierarchies.h"
#include "memory.h"
#include "shard_private.h"

enum { SHOWN_BYTES_MAX = SH_NAME_BYTES_MAX };

struct named_place {
    struct sh_text name;
    uint32_t place;
};

/* On the way from a spec to a tree: numbers are those of the spec's nodes. */
struct build {
    const struct sh_hierarchy_spec *spec;
    struct sh_hierarchy *made;
    struct sh_arena *work;
    struct named_place *sorted; /* by name */
    uint32_t *parents;
    uint32_t *first_child; /* SH_HIERARCHY_NONE: none */
    uint32_t *next_sibling;
    uint32_t first_top;
    struct sh_error *err;
};

static int shown(struct sh_text text) {
    return (int)(text.count < SHOWN_BYTES_MAX ? text.count : SHOWN_BYTES_MAX);
}

static int compare_places(const void *a, const void *b) {
    const struct named_place *left = a;
    const struct named_place *right = b;
    const int order = sh_text_compare(left->name, right->name);
    if (order != 0) return order;
    return left->place < right->place ? -1 : 1;
}

static bool name_fits(struct sh_text name) {
    return name.count >= 1 && name.count <= SH_ID_BYTES_MAX && sh_text_is_utf8(name);
}

/* ---- Names and parents ---- */

static enum sh_status fail_twice(const struct build *build, uint32_t a, uint32_t b) {
    const struct sh_hierarchy_node *first = &build->spec->nodes[a];
    const struct sh_hierarchy_node *second = &build->spec->nodes[b];
    if (sh_text_equal(first->parent, second->parent))
        return sh_fail(build->err, SH_ERR_ARGUMENT, -1, "'%.*s' stands twice in the tree", shown(first->name),
                       first->name.bytes);
    return sh_fail(build->err, SH_ERR_ARGUMENT, -1, "'%.*s' stands twice in the tree: %s%.*s%s and %s%.*s%s",
                   shown(first->name), first->name.bytes, first->parent.count > 0 ? "below '" : "at the top",
                   shown(first->parent), first->parent.bytes, first->parent.count > 0 ? "'" : "",
                   second->parent.count > 0 ? "below '" : "at the top", shown(second->parent), second->parent.bytes,
                   second->parent.count > 0 ? "'" : "");
}

static enum sh_status sort_names(struct build *build) {
    const struct sh_hierarchy_spec *spec = build->spec;
    for (uint32_t i = 0; i < spec->count; i++) {
        if (!name_fits(spec->nodes[i].name))
            return sh_fail(build->err, SH_ERR_ARGUMENT, -1,
                           "a name in a tree is 1 to %d bytes of UTF-8; number %u is not", SH_ID_BYTES_MAX, i + 1);
        build->sorted[i] = (struct named_place){spec->nodes[i].name, i};
    }
    qsort(build->sorted, spec->count, sizeof *build->sorted, compare_places);
    for (uint32_t i = 1; i < spec->count; i++) {
        if (sh_text_equal(build->sorted[i - 1].name, build->sorted[i].name))
            return fail_twice(build, build->sorted[i - 1].place, build->sorted[i].place);
    }
    return SH_OK;
}

static uint32_t find_sorted(const struct build *build, struct sh_text name) {
    uint32_t low = 0;
    uint32_t high = build->spec->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const int order = sh_text_compare(build->sorted[middle].name, name);
        if (order == 0) return build->sorted[middle].place;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SH_HIERARCHY_NONE;
}

static enum sh_status fail_parent(const struct build *build, const struct sh_hierarchy_node *node) {
    struct sh_nearest search;
    sh_nearest_init(&search, node->parent);
    for (uint32_t i = 0; i < build->spec->count; i++)
        sh_nearest_offer(&search, build->spec->nodes[i].name);
    return sh_fail_unknown(build->err, SH_ERR_ARGUMENT, &search,
                           "'%.*s' is to stand below '%.*s', which is not in the tree", shown(node->name),
                           node->name.bytes, shown(node->parent), node->parent.bytes);
}

static enum sh_status link_parents(struct build *build) {
    const struct sh_hierarchy_spec *spec = build->spec;
    build->first_top = SH_HIERARCHY_NONE;
    for (uint32_t i = 0; i < spec->count; i++)
        build->first_child[i] = SH_HIERARCHY_NONE;
    for (uint32_t i = spec->count; i-- > 0;) { /* from behind, so that siblings come to stand in their order */
        const struct sh_hierarchy_node *node = &spec->nodes[i];
        uint32_t *first = &build->first_top;
        build->parents[i] = SH_HIERARCHY_NONE;
        if (node->parent.count > 0) {
            build->parents[i] = find_sorted(build, node->parent);
            if (build->parents[i] == SH_HIERARCHY_NONE) return fail_parent(build, node);
            first = &build->first_child[build->parents[i]];
        }
        build->next_sibling[i] = *first;
        *first = i;
    }
    return SH_OK;
}

/* ---- The walk ---- */

/* Not all were met from the top: some stand in a circle. Whoever goes up from one that was not met comes to it. */
static enum sh_status fail_circle(const struct build *build, const bool *met) {
    struct sh_buffer words;
    uint32_t at = 0;
    while (met[at])
        at++;
    for (uint32_t i = 0; i < build->spec->count; i++)
        at = build->parents[at];
    sh_buffer_init(&words, SH_ERROR_MESSAGE_BYTES_MAX);
    uint32_t begin = at;
    for (uint32_t i = build->parents[at]; i != at; i = build->parents[i]) /* told from its first in the request */
        if (i < begin) begin = i;
    at = begin;
    sh_buffer_print(&words, "'%.*s'", shown(build->spec->nodes[at].name), build->spec->nodes[at].name.bytes);
    uint32_t steps = 0;
    do {
        at = build->parents[at];
        if (++steps > SH_HIERARCHY_DEPTH_MAX) continue;
        sh_buffer_print(&words, " below '%.*s'", shown(build->spec->nodes[at].name), build->spec->nodes[at].name.bytes);
    } while (at != begin);
    const enum sh_status status =
        sh_fail(build->err, SH_ERR_CONFLICT, -1, "the tree goes in a circle: %.*s%s", (int)words.count,
                (const char *)words.bytes, steps > SH_HIERARCHY_DEPTH_MAX ? " ..." : "");
    sh_buffer_deinit(&words);
    return status;
}

static bool place_name(struct build *build, uint32_t node, uint32_t parent) {
    struct sh_hierarchy *made = build->made;
    const struct sh_text name = build->spec->nodes[node].name;
    const char *bytes = sh_arena_copy(&made->arena, name.bytes, name.count);
    if (bytes == NULL) return false;
    made->names[made->count] = (struct sh_text){bytes, name.count};
    made->parents[made->count] = parent;
    made->count++;
    return true;
}

/* From the top down, each name before what is below it. */
static enum sh_status walk(struct build *build, bool *met) {
    struct sh_hierarchy *made = build->made;
    struct {
        uint32_t node, place;
    } path[SH_HIERARCHY_DEPTH_MAX];
    uint32_t depth = 0;
    uint32_t next = build->first_top;
    while (next != SH_HIERARCHY_NONE || depth > 0) {
        if (next == SH_HIERARCHY_NONE) {
            depth--;
            made->ends[path[depth].place] = made->count;
            next = build->next_sibling[path[depth].node];
            continue;
        }
        const struct sh_text name = build->spec->nodes[next].name;
        if (depth == SH_HIERARCHY_DEPTH_MAX)
            return sh_fail(build->err, SH_ERR_LIMIT, -1, "'%.*s' stands deeper than %d levels", shown(name), name.bytes,
                           SH_HIERARCHY_DEPTH_MAX);
        path[depth].node = next;
        path[depth].place = made->count;
        met[next] = true;
        if (!place_name(build, next, depth > 0 ? path[depth - 1].place : SH_HIERARCHY_NONE))
            return sh_fail_memory(build->err);
        depth++;
        if (depth > made->depth) made->depth = depth;
        next = build->first_child[next];
    }
    return made->count == build->spec->count ? SH_OK : fail_circle(build, met);
}

static enum sh_status sort_places(struct build *build) {
    struct sh_hierarchy *made = build->made;
    for (uint32_t place = 0; place < made->count; place++)
        build->sorted[place] = (struct named_place){made->names[place], place};
    qsort(build->sorted, made->count, sizeof *build->sorted, compare_places);
    for (uint32_t i = 0; i < made->count; i++)
        made->by_name[i] = build->sorted[i].place;
    return SH_OK;
}

/* ---- Making ---- */

static bool text_copy(struct sh_arena *arena, struct sh_text text, struct sh_text *copy) {
    const char *bytes = sh_arena_copy(arena, text.bytes, text.count);
    if (bytes == NULL) return false;
    *copy = (struct sh_text){bytes, text.count};
    return true;
}

static enum sh_status copy_heads(struct build *build) {
    const struct sh_hierarchy_spec *spec = build->spec;
    struct sh_hierarchy *made = build->made;
    if (spec->name.count == 0 || spec->name.count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(spec->name))
        return sh_fail(build->err, SH_ERR_ARGUMENT, -1, "a tree's name is 1 to %d bytes of UTF-8", SH_NAME_BYTES_MAX);
    if (!text_copy(&made->arena, spec->name, &made->name)) return sh_fail_memory(build->err);
    made->of = sh_arena_alloc(&made->arena, ((size_t)spec->of_count + 1) * sizeof *made->of);
    if (made->of == NULL) return sh_fail_memory(build->err);
    for (uint32_t i = 0; i < spec->of_count; i++) {
        if (spec->of[i].count == 0 || spec->of[i].count > SH_NAME_BYTES_MAX || !sh_text_is_utf8(spec->of[i]))
            return sh_fail(build->err, SH_ERR_ARGUMENT, -1, "a name in `of` is 1 to %d bytes of UTF-8",
                           SH_NAME_BYTES_MAX);
        for (uint32_t j = 0; j < i; j++) {
            if (sh_text_equal(spec->of[i], spec->of[j]))
                return sh_fail(build->err, SH_ERR_ARGUMENT, -1, "'%.*s' stands twice in `of`",
                               SH_TEXT_ARGS(spec->of[i]));
        }
        if (!text_copy(&made->arena, spec->of[i], &made->of[made->of_count++])) return sh_fail_memory(build->err);
    }
    made->changed_ms = spec->changed_ms;
    return SH_OK;
}

static enum sh_status make(struct build *build) {
    const uint32_t count = build->spec->count;
    struct sh_hierarchy *made = build->made;
    enum sh_status status;
    if ((status = copy_heads(build)) != SH_OK) return status;
    const size_t places = (size_t)count + 1;
    bool *met = sh_arena_alloc_zero(build->work, places * sizeof *met);
    build->sorted = sh_arena_alloc(build->work, places * sizeof *build->sorted);
    build->parents = sh_arena_alloc(build->work, places * sizeof *build->parents);
    build->first_child = sh_arena_alloc(build->work, places * sizeof *build->first_child);
    build->next_sibling = sh_arena_alloc(build->work, places * sizeof *build->next_sibling);
    made->names = sh_arena_alloc(&made->arena, places * sizeof *made->names);
    made->parents = sh_arena_alloc(&made->arena, places * sizeof *made->parents);
    made->ends = sh_arena_alloc(&made->arena, places * sizeof *made->ends);
    made->by_name = sh_arena_alloc(&made->arena, places * sizeof *made->by_name);
    if (met == NULL || build->sorted == NULL || build->parents == NULL || build->first_child == NULL ||
        build->next_sibling == NULL || made->names == NULL || made->parents == NULL || made->ends == NULL ||
        made->by_name == NULL)
        return sh_fail_memory(build->err);
    if ((status = sort_names(build)) != SH_OK) return status;
    if ((status = link_parents(build)) != SH_OK) return status;
    if ((status = walk(build, met)) != SH_OK) return status;
    return sort_places(build);
}

enum sh_status sh_hierarchy_create(const struct sh_hierarchy_spec *spec, struct sh_arena *work,
                                   struct sh_hierarchy **made, struct sh_error *err) {
    *made = NULL;
    if (spec->count > SH_HIERARCHY_NODE_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "a tree has at most %d names", SH_HIERARCHY_NODE_COUNT_MAX);
    if (spec->of_count > SH_HIERARCHY_OF_COUNT_MAX)
        return sh_fail(err, SH_ERR_LIMIT, -1, "a tree is of at most %d attributes", SH_HIERARCHY_OF_COUNT_MAX);
    struct build build = {.spec = spec, .work = work, .err = err};
    build.made = sh_alloc_zero(sizeof *build.made);
    if (build.made == NULL) return sh_fail_memory(err);
    sh_arena_init(&build.made->arena, SH_HIERARCHY_BYTES_MAX);
    const enum sh_status status = make(&build);
    if (status == SH_OK)
        *made = build.made;
    else
        sh_hierarchy_destroy(build.made);
    return status;
}

void sh_hierarchy_destroy(struct sh_hierarchy *hierarchy) {
    if (hierarchy == NULL) return;
    sh_arena_deinit(&hierarchy->arena);
    sh_free(hierarchy);
}

/* ---- Asking ---- */

uint32_t sh_hierarchy_find(const struct sh_hierarchy *hierarchy, struct sh_text name) {
    uint32_t low = 0;
    uint32_t high = hierarchy->count;
    while (low < high) {
        const uint32_t middle = (low + high) / 2;
        const int order = sh_text_compare(hierarchy->names[hierarchy->by_name[middle]], name);
        if (order == 0) return hierarchy->by_name[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return SH_HIERARCHY_NONE;
}

bool sh_hierarchies_are_equal(const struct sh_hierarchy *a, const struct sh_hierarchy *b) {
    if (a->of_count != b->of_count || a->count != b->count) return false;
    for (uint32_t i = 0; i < a->of_count; i++)
        if (!sh_text_equal(a->of[i], b->of[i])) return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->parents[i] != b->parents[i] || !sh_text_equal(a->names[i], b->names[i])) return false;
    return true;
}
